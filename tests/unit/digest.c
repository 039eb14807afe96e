/* Unit tests of src/digest.c. */

static void unit_digest_hex_of(const unsigned char *digest, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[2 * n] = '\0';
}

static void unit_digest_hex(const unsigned char digest[20], char out[41])
{
    unit_digest_hex_of(digest, 20, out);
}

static void unit_digest_expect(span s, const char *want)
{
    unsigned char digest[20];
    char hex[41];
    char *copy = guard_copy(s);
    sha1((span){ copy, s.n }, digest);
    unit_digest_hex(digest, hex);
    CHECK_SPAN(span_of(hex), want);
    guard_free(copy, s.n);
}

static void unit_digest_vectors(void)
{
    test_begin("SHA-1 of the published vectors");
    unsigned char digest[20];
    char hex[41];
    buf b = { 0 };
    unit_digest_expect(span_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    unit_digest_expect(span_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                       "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    for (int i = 0; i < 1000000; i++)
        buf_byte(&b, 'a');
    unit_digest_expect(buf_view(&b), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    buf_clear(&b);
    for (int i = 0; i < 80; i++)
        buf_str(&b, "01234567");
    unit_digest_expect(buf_view(&b), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    buf_free(&b);
    sha1((span){ NULL, 0 }, digest);
    unit_digest_hex(digest, hex);
    CHECK_SPAN(span_of(hex), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* The definition again, a byte at a time and with the words of section 6.2 (method 2: a ring of
 * 16), so that the two share neither blocks nor padding. */
struct unit_digest_sha {
    uint32_t h[5], w[16];
    uint64_t count;
};

static void unit_digest_byte(struct unit_digest_sha *s, unsigned char c)
{
    size_t at = (size_t)(s->count++ % 64);
    s->w[at / 4] = s->w[at / 4] << 8 | c;
    if (at < 63)
        return;
    uint32_t v[5];
    memcpy(v, s->h, sizeof v);
    for (int t = 0; t < 80; t++) {
        uint32_t *w = &s->w[t & 15];
        if (t >= 16) {
            uint32_t x = s->w[(t + 13) & 15] ^ s->w[(t + 8) & 15] ^ s->w[(t + 2) & 15] ^ *w;
            *w = x << 1 | x >> 31;
        }
        uint32_t f = v[1] ^ v[2] ^ v[3];
        if (t < 20)
            f = v[3] ^ (v[1] & (v[2] ^ v[3]));
        else if (t >= 40 && t < 60)
            f = (v[1] & v[2]) + (v[3] & (v[1] ^ v[2]));
        static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
        uint32_t next = (v[0] << 5 | v[0] >> 27) + f + v[4] + *w + k[t / 20];
        memmove(v + 1, v, 4 * sizeof v[0]);
        v[0] = next;
        v[2] = v[2] << 30 | v[2] >> 2;
    }
    for (int i = 0; i < 5; i++)
        s->h[i] += v[i];
}

static void unit_digest_lengths(void)
{
    test_begin("SHA-1 agrees with a plain version at every length");
    char text[201];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + 3);
    for (size_t n = 0; n <= 200; n++) {
        struct unit_digest_sha s = {
            .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
        };
        for (size_t i = 0; i < n; i++)
            unit_digest_byte(&s, (unsigned char)text[i]);
        unit_digest_byte(&s, 0x80);
        while (s.count % 64 != 56)
            unit_digest_byte(&s, 0);
        for (int shift = 56; shift >= 0; shift -= 8)
            unit_digest_byte(&s, (unsigned char)((uint64_t)n * 8 >> shift));
        char want[41];
        unsigned char digest[20];
        for (int i = 0; i < 20; i++)
            digest[i] = (unsigned char)(s.h[i / 4] >> (24 - i % 4 * 8));
        unit_digest_hex(digest, want);
        unit_digest_expect((span){ text, n }, want);
    }
}

static void unit_digest_sha256(void)
{
    unsigned char digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1], text[201];
    static const char *const vectors[][2] = {
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    test_begin("SHA-256 of the published vectors, and at every length");
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        span s = span_of(vectors[i][0]);
        char *copy = guard_copy(s);
        sha256((span){copy, s.n}, digest);
        unit_digest_hex_of(digest, sizeof digest, hex);
        CHECK_SPAN(span_of(hex), vectors[i][1]);
        guard_free(copy, s.n);
    }
    buf all = {0}; /* the digests of all lengths, and their digest, by another program */
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + 3);
    for (size_t n = 0; n < sizeof text; n++) {
        sha256((span){text, n}, digest);
        buf_add(&all, digest, sizeof digest);
    }
    sha256(buf_view(&all), digest);
    unit_digest_hex_of(digest, sizeof digest, hex);
    CHECK_SPAN(span_of(hex), "3275febb4612d86d586eb9f11cd21e648a9fc7d95e0f6b8d362786e28c9c5b79");
    buf_free(&all);
}

static void unit_digest_hmac(void)
{
    static const struct {
        int key, key_n, data, data_n; /* a byte, and how often it stands there; 0: the text */
        const char *key_text, *text, *want;
    } vectors[] = { /* RFC 4231 */
        {0x0b, 20, 0, 0, NULL, "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {0, 0, 0, 0, "Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {0xaa, 20, 0xdd, 50, NULL, NULL,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {0xaa, 131, 0, 0, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"}};
    test_begin("HMAC-SHA-256 of the published vectors");
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        unsigned char digest[SHA256_BYTES];
        char hex[2 * SHA256_BYTES + 1];
        buf key = {0}, text = {0};
        for (int k = 0; k < vectors[i].key_n; k++)
            buf_byte(&key, (char)vectors[i].key);
        for (int k = 0; k < vectors[i].data_n; k++)
            buf_byte(&text, (char)vectors[i].data);
        buf_str(&key, vectors[i].key_text ? vectors[i].key_text : "");
        buf_str(&text, vectors[i].text ? vectors[i].text : "");
        hmac_sha256(buf_view(&key), buf_view(&text), digest);
        unit_digest_hex_of(digest, sizeof digest, hex);
        CHECK_SPAN(span_of(hex), vectors[i].want);
        buf_free(&key), buf_free(&text);
    }
}

static void unit_digest_base64(void)
{
    test_begin("base64 of the published vectors");
    static const char *const pairs[][2] = {
        { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "+/+/" },
        { "\xff", "/w==" }, { "\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+" }
    };
    buf b = { 0 };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        span coded = span_of(pairs[i][1]);
        char *copy = guard_copy(coded);
        buf_clear(&b);
        buf_byte(&b, '>');
        b64_put(&b, span_of(pairs[i][0]));
        CHECK_SPAN(span_sub(buf_view(&b), 1), pairs[i][1]);
        buf_clear(&b);
        buf_byte(&b, '>');
        CHECK_INT(b64_decode((span){ copy, coded.n }, &b), 1);
        CHECK_SPAN(span_sub(buf_view(&b), 1), pairs[i][0]);
        guard_free(copy, coded.n);
    }
    buf_free(&b);
}

static void unit_digest_refused(void)
{
    test_begin("malformed base64 is refused");
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zm8", "Zm9vY", "Zm9vYg", "Zm9vYg=", "=", "==", "===", "====", "Z===",
        "A===", "=Zg=", "Z=g=", "Zg=v", "Zh==", "Zv==", "Zm9=", "Zm/=", "Zg==Zg==", "Zm8=Zm9v",
        "Zg==\n", "Zm9v\n", "Zm9 ", " Zm9", "Zm 9v", "Zm\n9v===", "Zm9-", "Zm9_", "Zm9\x80", "Zm9@",
        "Zm9[", "Zm9`", "Zm9{", "Zm9:", "Zm9.", "Zm9,", "Zm9*", "Zm9vZg=A", "Zg==="
    };
    buf b = { 0 };
    buf_str(&b, "kept");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char *copy = guard_copy(span_of(bad[i]));
        if (b64_decode((span){ copy, strlen(bad[i]) }, &b) != 0)
            test_fail(__FILE__, __LINE__, bad[i]);
        CHECK_SPAN(buf_view(&b), "kept");
        guard_free(copy, strlen(bad[i]));
    }
    CHECK_INT(b64_decode((span){ "Zm\0v", 4 }, &b), 0);
    buf_free(&b);
}

static void unit_digest_round_trips(void)
{
    test_begin("any bytes survive base64");
    buf raw = { 0 }, coded = { 0 }, back = { 0 };
    for (int n = 0; n < 300; n++) {
        buf_clear(&coded);
        buf_clear(&back);
        b64_put(&coded, buf_view(&raw));
        CHECK_INT(coded.n, (raw.n + 2) / 3 * 4);
        CHECK_INT(b64_decode(buf_view(&coded), &back), 1);
        CHECK(back.n == raw.n && (raw.n == 0 || memcmp(back.p, raw.p, raw.n) == 0));
        for (size_t cut = 0; cut < coded.n && n < 20; cut++) /* good only between groups */
            CHECK_INT(b64_decode((span){ coded.p, cut }, &back), cut % 4 == 0);
        buf_byte(&raw, (char)(n * 37));
    }
    buf_free(&raw);
    buf_free(&coded);
    buf_free(&back);
}

static void unit_digest(void)
{
    unit_digest_vectors();
    unit_digest_lengths();
    unit_digest_sha256();
    unit_digest_hmac();
    unit_digest_base64();
    unit_digest_refused();
    unit_digest_round_trips();
}
