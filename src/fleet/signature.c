#include "fleet.h"

/* signature - proof that an entry of a stream was written by a computer that has the fleet's
 * secret: HMAC-SHA-256 over the stream's key, the entry's id, and its fields in their order, each
 * written as a RESP bulk string, so that no two entries have one text.
 *
 * The reader takes ids in rising order only, so an entry that is repeated is refused, too. */

static int signature_read_secret(const struct config *config, buf *secret, buf *error)
{
    const char *text = config->secret, *path = config->secret_file;
    if (text && *text)
        buf_str(secret, text);
    else if (!path || !*path)
        return 0;
    else if (os_read_file(secret, path, SIGNATURE_SECRET_MAX) != 0)
        buf_fmt(error, "cannot read the [peers] secret_file %s: %s", path, os_file_fault(errno));
    while (secret->n && strchr("\r\n", secret->p[secret->n - 1]))
        secret->n--;
    if (!secret->n && !error->n)
        buf_fmt(error, "the [peers] secret_file %s is empty", path);
    return error->n ? -1 : 0;
}

static void signature_put(buf *b, span secret, const char *key, struct codec_id id, span fields)
{
    unsigned char digest[SHA256_BYTES];
    buf text = {0}, entry = {0};
    codec_put_id(&entry, id);
    resp_put_arg(&text, span_of(key));
    resp_put_arg(&text, buf_view(&entry));
    buf_span(&text, fields);
    hmac_sha256(secret, buf_view(&text), digest);
    b64_put(b, (span){(const char *)digest, sizeof digest});
    buf_free(&text), buf_free(&entry);
}

/* Takes the same time wherever two texts of one length differ. */
static int signature_is_same(span a, span b)
{
    unsigned char differs = a.n != b.n;
    for (size_t i = 0; i < a.n && a.n == b.n; i++)
        differs |= (unsigned char)(a.p[i] ^ b.p[i]);
    return !differs;
}

static enum signature signature_check(span secret, const char *key, struct codec_id id,
                                      const struct resp *fields)
{
    struct resp_iter it = resp_iter(fields);
    struct resp name, value;
    span given = {0};
    buf signed_fields = {0}, want = {0};
    while (resp_next_pair(&it, &name, &value)) {
        if (span_eq(name.text, SIGNATURE_FIELD)) {
            given = value.text;
            continue;
        }
        resp_put_arg(&signed_fields, name.text);
        resp_put_arg(&signed_fields, value.text);
    }
    signature_put(&want, secret, key, id, buf_view(&signed_fields));
    int good = signature_is_same(given, buf_view(&want));
    buf_free(&signed_fields), buf_free(&want);
    return good ? SIGNATURE_GOOD : given.n ? SIGNATURE_BAD : SIGNATURE_NONE;
}
