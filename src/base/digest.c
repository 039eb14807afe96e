#include "base.h"

/* digest - SHA-1 (RFC 3174) and base64 (RFC 4648 section 4), for the WebSocket handshake; SHA-256
 * (FIPS 180-4) and HMAC (RFC 2104), for requests between computers.
 *
 * Base64 has the standard alphabet, padded; only its canonical form is decoded (RFC 4648 3.5).
 * Left out: digests of a text in pieces, the URL alphabet, line breaks. */

static const char b64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Hashes the text block by block: then the rest, one bit, zeros, and the length in bits in the last
 * eight bytes (RFC 3174 section 4, FIPS 180-4 section 5). Writes h's words to `out`. */
static void digest_run(span s, uint32_t *h, int words,
                       void (*block)(uint32_t *h, const unsigned char *p), unsigned char *out)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char tail[128] = {0};
    size_t left = s.n;
    for (; left >= 64; left -= 64, p += 64)
        block(h, p);
    size_t size = left < 56 ? 64 : 128;
    for (size_t i = 0; i < left; i++)
        tail[i] = p[i];
    tail[left] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[size - 1 - (size_t)i] = (unsigned char)((uint64_t)s.n * 8 >> (8 * i));
    for (size_t i = 0; i < size; i += 64)
        block(h, tail + i);
    for (int i = 0; i < words * 4; i++)
        out[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
}

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

static void sha1_block(uint32_t *h, const unsigned char *p) /* 64 bytes at p; section 6.1 */
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
    uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    digest_run(s, h, 5, sha1_block, out);
}

/* ---- SHA-256, HMAC -------------------------------------------------------------------------- */

static uint32_t sha256_rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static void sha256_block(uint32_t *h, const unsigned char *p) /* FIPS 180-4 section 6.2.2 */
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64], v[8];
    for (int t = 0; t < 16; t++, p += 4)
        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int t = 16; t < 64; t++) {
        uint32_t a = w[t - 15], b = w[t - 2];
        w[t] = w[t - 16] + (sha256_rotate(a, 7) ^ sha256_rotate(a, 18) ^ a >> 3) + w[t - 7] +
               (sha256_rotate(b, 17) ^ sha256_rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, h, sizeof v);
    for (int t = 0; t < 64; t++) {
        uint32_t a = v[0], e = v[4];
        uint32_t first = v[7] + k[t] + w[t] + ((e & v[5]) ^ (~e & v[6])) +
                         (sha256_rotate(e, 6) ^ sha256_rotate(e, 11) ^ sha256_rotate(e, 25));
        uint32_t second = ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2])) +
                          (sha256_rotate(a, 2) ^ sha256_rotate(a, 13) ^ sha256_rotate(a, 22));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += first;
        v[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

static void sha256(span s, unsigned char out[SHA256_BYTES])
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    digest_run(s, h, 8, sha256_block, out);
}

static void hmac_sha256(span key, span text, unsigned char out[SHA256_BYTES])
{
    unsigned char block[64] = {0};
    buf b = {0};
    if (key.n > sizeof block)
        sha256(key, block);
    else if (key.n)
        memcpy(block, key.p, key.n);
    for (size_t i = 0; i < sizeof block; i++)
        buf_byte(&b, (char)(block[i] ^ 0x36));
    buf_span(&b, text);
    sha256(buf_view(&b), out);
    buf_clear(&b);
    for (size_t i = 0; i < sizeof block; i++)
        buf_byte(&b, (char)(block[i] ^ 0x5c));
    buf_add(&b, out, SHA256_BYTES);
    sha256(buf_view(&b), out);
    buf_free(&b);
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
