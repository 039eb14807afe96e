#include "base.h"

/* digest - SHA-1 (RFC 3174) and base64 (RFC 4648 section 4), for the WebSocket handshake.
 *
 * Base64 has the standard alphabet, padded; only its canonical form is decoded (RFC 4648 3.5).
 * Left out: SHA-1 of a text in pieces, the URL alphabet, line breaks. */

static const char b64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- SHA-1 ---------------------------------------------------------------------------------- */

static uint32_t sha1_rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* f(t) and K(t), section 5 */
static uint32_t sha1_mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20)
        return ((b & c) | (~b & d)) + 0x5a827999u;
    if (round < 40)
        return (b ^ c ^ d) + 0x6ed9eba1u;
    if (round < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    return (b ^ c ^ d) + 0xca62c1d6u;
}

static void sha1_block(uint32_t h[5], const unsigned char *p) /* 64 bytes at p; section 6.1 */
{
    uint32_t w[80];
    for (int t = 0; t < 16; t++, p += 4)
        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int t = 16; t < 80; t++)
        w[t] = sha1_rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 80; t++) {
        uint32_t next = sha1_rotate(a, 5) + sha1_mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = sha1_rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static void sha1(span s, unsigned char out[20])
{
    uint32_t h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u };
    const unsigned char *p = (const unsigned char *)s.p;
    size_t left = s.n;
    for (; left >= 64; left -= 64, p += 64)
        sha1_block(h, p);
    /* The rest, one bit, zeros, and the length in bits in the last eight bytes (section 4). */
    unsigned char tail[128] = { 0 };
    size_t size = left < 56 ? 64 : 128;
    for (size_t i = 0; i < left; i++)
        tail[i] = p[i];
    tail[left] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[size - 1 - (size_t)i] = (unsigned char)((uint64_t)s.n * 8 >> (8 * i));
    for (size_t i = 0; i < size; i += 64)
        sha1_block(h, tail + i);
    for (int i = 0; i < 20; i++)
        out[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
}

/* ---- base64 --------------------------------------------------------------------------------- */

static void b64_put(buf *b, span s)
{
    buf_reserve(b, (s.n + 2) / 3 * 4);
    for (size_t i = 0; i < s.n; i += 3) {
        size_t n = s.n - i < 3 ? s.n - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < n; k++)
            bits |= (uint32_t)(unsigned char)s.p[i + k] << (16 - 8 * k);
        for (size_t k = 0; k < 4; k++)
            buf_byte(b, k <= n ? b64_alphabet[bits >> (18 - 6 * k) & 63] : '=');
    }
}

static int b64_value(char c) /* 0…63, or -1 */
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes a group of `digits` (2 to 4) characters into digits - 1 bytes. Returns 0 when a character
 * isn't in the alphabet or unused bits are set. */
static int b64_group(const char *p, int digits, buf *out)
{
    uint32_t bits = 0;
    for (int k = 0; k < digits; k++) {
        int v = b64_value(p[k]);
        if (v < 0)
            return 0;
        bits |= (uint32_t)v << (18 - 6 * k);
    }
    if (bits & (0xffffffu >> (8 * (digits - 1))))
        return 0;
    for (int k = 0; k < digits - 1; k++)
        buf_byte(out, (char)(bits >> (16 - 8 * k) & 255));
    return 1;
}

static int b64_decode(span s, buf *out)
{
    size_t before = out->n;
    if (s.n % 4 != 0)
        return 0;
    buf_reserve(out, s.n / 4 * 3);
    for (size_t i = 0; i < s.n; i += 4) {
        int digits = 4;
        while (i + 4 == s.n && digits > 2 && s.p[i + (size_t)digits - 1] == '=')
            digits--;
        if (!b64_group(s.p + i, digits, out)) {
            out->n = before;
            return 0;
        }
    }
    return 1;
}
