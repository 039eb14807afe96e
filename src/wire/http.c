#include "wire.h"

/* http - HTTP/1.1 messages in both roles: RFC 9112 2.2, 3 to 7.1, 9.3, 9.6; RFC 9110 5.6, 7.2,
 * 7.6.1, 7.8, 8.6, 10.1.1; RFC 3986 2.1. A message that two readers could understand in two ways is
 * refused (bare CR or LF, obs-fold, both framings, lengths that differ). Left out: codings but
 * chunked, trailers (checked, then dropped), CONNECT, HTTP/0.9.
 *
 * A scan reads each byte of a head once, refuses control characters and finds the end; then the
 * lines are parsed: small pieces cost no more than a whole head. */

#define HTTP_EMPTY_LINES_MAX 8

#define HTTP_ONES UINT64_C(0x0101010101010101)

enum http_class { HTTP_TOKEN = 1, HTTP_TARGET = 2, HTTP_HOST = 4, HTTP_UNRESERVED = 8 };

/* Classes of each byte; obs-text (0x80 and up) is text only. */
static const unsigned char http_classes[256] = {
    /* 0x00 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 0x10 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* sp!"#…/ */ 0, 7, 2, 1, 7, 7, 7, 7, 6, 6, 7, 7, 6, 15, 15, 2,
    /* 0…9:;<=>? */ 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 2, 6, 2, 2,
    /* @A…O */ 2, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    /* P…Z[\]^_ */ 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 2, 6, 3, 15,
    /* `a…o */ 3, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    /* p…z{|}~ */ 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 3, 2, 15, 0,
};

static const struct http_reason {
    int status;
    const char *text;
} http_reasons[] = {
    {100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"}, {201, "Created"},
    {202, "Accepted"}, {204, "No Content"}, {304, "Not Modified"}, {400, "Bad Request"},
    {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
    {408, "Request Timeout"}, {409, "Conflict"}, {413, "Content Too Large"},
    {417, "Expectation Failed"}, {422, "Unprocessable Content"}, {426, "Upgrade Required"},
    {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
};

/* Fields that frame or route a message, to be checked together. */
struct http_seen {
    int hosts, codings, expectation_unknown;
};

static enum parse http_fail(struct http_head *head, int status, const char *error)
{
    head->error_status = status;
    head->error = error;
    return PARSE_BAD;
}

static size_t http_class_run(span s, enum http_class class)
{
    size_t i = 0;
    while (i < s.n && (http_classes[(unsigned char)s.p[i]] & class))
        i++;
    return i;
}

static size_t http_text_run(const char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t w; n - i >= sizeof w; i += sizeof w) {
        memcpy(&w, p + i, sizeof w);
        uint64_t del = w ^ HTTP_ONES * 0x7f;
        uint64_t control = ((w - HTTP_ONES * 0x20) & ~w) | ((del - HTTP_ONES) & ~del);
        if (control & HTTP_ONES * 0x80)
            break;
    }
    while (i < n && (unsigned char)p[i] >= 0x20 && p[i] != 0x7f)
        i++;
    return i;
}

static int http_digit(char c)
{
    int lower = c | 32;
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

/* Returns 0 unless s is digits of the base (10 or 16) alone, and fits. */
static int http_number(span s, int base, long long *out)
{
    long long value = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = http_digit(s.p[i]);
        if (digit >= base || value > (LLONG_MAX - digit) / base)
            return 0;
        value = value * base + digit;
    }
    *out = value;
    return s.n > 0;
}

/* DONE: *lines end with CRLF each, without the empty one; HTAB is their only control character. */
static enum parse http_scan_head(struct http_scan *scan, span in, int empty_lines,
                                 struct http_head *head, span *lines, size_t *used)
{
    size_t start = 0;
    while (empty_lines-- > 0 && in.n - start >= 2 && in.p[start] == '\r' && in.p[start + 1] == '\n')
        start += 2;
    size_t limit = in.n - start > HTTP_HEAD_MAX ? start + HTTP_HEAD_MAX : in.n;
    size_t i = scan->scanned > start && scan->scanned <= limit ? scan->scanned : start;
    while (i < limit) {
        i += http_text_run(in.p + i, limit - i);
        if (i == limit || (in.p[i] == '\r' && i + 1 == limit))
            break;
        if (in.p[i] == '\t') {
            i++;
            continue;
        }
        if (in.p[i] != '\r' || in.p[i + 1] != '\n')
            return http_fail(head, 400, "control character or bare line end in the head");
        if (i == start)
            return http_fail(head, 400, "empty lines instead of a message");
        if (in.p[i - 1] == '\n') {
            *lines = (span){in.p + start, i - start};
            *used = i + 2;
            scan->scanned = 0;
            return PARSE_DONE;
        }
        i += 2;
    }
    scan->scanned = i;
    if (limit - start >= HTTP_HEAD_MAX)
        return http_fail(head, 431, "head too large");
    return PARSE_MORE;
}

static span http_next_line(span *lines)
{
    size_t i = http_text_run(lines->p, lines->n);
    while (lines->p[i] != '\r') { /* a tab */
        i++;
        i += http_text_run(lines->p + i, lines->n - i);
    }
    span line = {lines->p, i};
    *lines = span_sub(*lines, i + 2);
    return line;
}

static enum parse http_parse_version(struct http_head *head, span s)
{
    if (s.n != 8 || !span_starts(s, "HTTP/") || s.p[5] < '0' || s.p[5] > '9' || s.p[6] != '.' ||
        s.p[7] < '0' || s.p[7] > '9')
        return http_fail(head, 400, "malformed HTTP version");
    if (s.p[5] != '1')
        return http_fail(head, 505, "not HTTP/1.x");
    head->minor = s.p[7] != '0';
    return PARSE_DONE;
}

/* Parses as RFC 9112 3.2. */
static enum parse http_parse_target(struct http_head *head)
{
    span rest = head->target;
    if (span_eq(rest, "*") && span_eq(head->method, "OPTIONS")) {
        head->path = rest;
        return PARSE_DONE;
    }
    if (rest.n > 7 && span_eq_nocase((span){rest.p, 7}, "http://")) {
        rest = span_sub(rest, 7);
        size_t host = http_class_run(rest, HTTP_HOST);
        if (host == 0 || (host < rest.n && rest.p[host] != '/' && rest.p[host] != '?'))
            return http_fail(head, 400, "malformed authority in the request target");
        rest = span_sub(rest, host);
    } else if (rest.p[0] != '/') {
        return http_fail(head, 400, "request target is not a path");
    }
    size_t path = 0;
    while (path < rest.n && rest.p[path] != '?')
        path++;
    head->path = path ? (span){rest.p, path} : span_of("/");
    if (path < rest.n)
        head->query = span_sub(rest, path + 1);
    return PARSE_DONE;
}

static enum parse http_parse_request_line(struct http_head *head, span line)
{
    size_t n = http_class_run(line, HTTP_TOKEN);
    if (n == 0 || n == line.n || line.p[n] != ' ')
        return http_fail(head, 400, "malformed request line");
    head->method = (span){line.p, n};
    line = span_sub(line, n + 1);
    n = http_class_run(line, HTTP_TARGET);
    if (n == 0 || n == line.n || line.p[n] != ' ')
        return http_fail(head, 400, "malformed request target");
    head->target = (span){line.p, n};
    enum parse version = http_parse_version(head, span_sub(line, n + 1));
    return version == PARSE_DONE ? http_parse_target(head) : version;
}

/* The blank before an empty reason phrase may be missing. */
static enum parse http_parse_status_line(struct http_head *head, span line)
{
    long long status;
    size_t n = line.n < 8 ? line.n : 8;
    if (http_parse_version(head, (span){line.p, n}) != PARSE_DONE)
        return PARSE_BAD;
    if (line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' ') ||
        !http_number((span){line.p + 9, 3}, 10, &status) || status < 100 || status > 599)
        return http_fail(head, 400, "malformed status line");
    head->status = (int)status;
    return PARSE_DONE;
}

static enum parse http_parse_field(struct http_head *head, span line)
{
    size_t n = http_class_run(line, HTTP_TOKEN);
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return http_fail(head, 400, "folded header line");
    if (n == 0 || n == line.n || line.p[n] != ':')
        return http_fail(head, 400, "malformed header name");
    if (head->header_count == HTTP_HEADERS_MAX)
        return http_fail(head, 431, "too many headers");
    struct http_header *h = &head->headers[head->header_count++];
    h->name = (span){line.p, n};
    h->value = span_trim(span_sub(line, n + 1), " \t");
    return PARSE_DONE;
}

static enum parse http_see_length(struct http_head *head, struct http_seen *seen, span value)
{
    (void)seen;
    for (int more = 1; more;) {
        size_t n = 0;
        while (n < value.n && value.p[n] != ',')
            n++;
        long long length;
        if (!http_number(span_trim((span){value.p, n}, " \t"), 10, &length))
            return http_fail(head, 400, "malformed Content-Length");
        if (head->content_length >= 0 && head->content_length != length)
            return http_fail(head, 400, "differing Content-Length values");
        head->content_length = length;
        more = n < value.n;
        if (more)
            value = span_sub(value, n + 1);
    }
    return PARSE_DONE;
}

static enum parse http_see_coding(struct http_head *head, struct http_seen *seen, span value)
{
    head->chunked = seen->codings++ == 0 && span_eq_nocase(value, "chunked");
    return PARSE_DONE;
}

static enum parse http_see_host(struct http_head *head, struct http_seen *seen, span value)
{
    if (http_class_run(value, HTTP_HOST) != value.n)
        return http_fail(head, 400, "malformed Host");
    seen->hosts++;
    return PARSE_DONE;
}

static enum parse http_see_expect(struct http_head *head, struct http_seen *seen, span value)
{
    if (!span_eq_nocase(value, "100-continue"))
        seen->expectation_unknown = 1;
    else if (head->minor >= 1) /* HTTP/1.0: ignored, RFC 9110 10.1.1 */
        head->expect_continue = 1;
    return PARSE_DONE;
}

static const struct http_known {
    const char *name;
    int request_only;
    enum parse (*see)(struct http_head *head, struct http_seen *seen, span value);
} http_known[] = {
    {"content-length", 0, http_see_length},
    {"transfer-encoding", 0, http_see_coding},
    {"host", 1, http_see_host},
    {"expect", 1, http_see_expect},
};

static enum parse http_see_fields(struct http_head *head, struct http_seen *seen, int request)
{
    for (int i = 0; i < head->header_count; i++)
        for (size_t k = 0; k < COUNT_OF(http_known); k++)
            if (span_eq_nocase(head->headers[i].name, http_known[k].name) &&
                (request || !http_known[k].request_only) &&
                http_known[k].see(head, seen, head->headers[i].value) != PARSE_DONE)
                return PARSE_BAD;
    return PARSE_DONE;
}

static enum parse http_settle(struct http_head *head, int request)
{
    struct http_seen seen = {0};
    head->content_length = -1;
    if (http_see_fields(head, &seen, request) != PARSE_DONE)
        return PARSE_BAD;
    if (seen.codings && head->content_length >= 0)
        return http_fail(head, 400, "both Content-Length and Transfer-Encoding");
    if (seen.codings && head->minor == 0)
        return http_fail(head, 400, "Transfer-Encoding in HTTP/1.0");
    if (request && (seen.hosts > 1 || (seen.hosts == 0 && head->minor >= 1)))
        return http_fail(head, 400, seen.hosts ? "more than one Host" : "no Host");
    if (seen.codings && !head->chunked)
        return http_fail(head, 501, "transfer coding other than chunked");
    if (request && head->content_length > HTTP_BODY_MAX)
        return http_fail(head, 413, "body too large");
    if (seen.expectation_unknown)
        return http_fail(head, 417, "unknown expectation");
    head->keep_alive = !http_has_token(head, "connection", "close") &&
                       (head->minor >= 1 || http_has_token(head, "connection", "keep-alive"));
    head->upgrade_websocket = head->minor >= 1 && http_has_token(head, "connection", "upgrade") &&
                              http_has_token(head, "upgrade", "websocket");
    return PARSE_DONE;
}

/* Clears all but the headers: they are 3 KB. */
static void http_head_init(struct http_head *head)
{
    size_t behind = offsetof(struct http_head, header_count);
    memset(head, 0, offsetof(struct http_head, headers));
    memset((char *)head + behind, 0, sizeof *head - behind);
}

static enum parse http_parse_head(struct http_scan *scan, span in, size_t *used,
                                  struct http_head *head, int request)
{
    span lines;
    int empty_lines = request ? HTTP_EMPTY_LINES_MAX : 0;
    *used = 0;
    http_head_init(head);
    enum parse got = http_scan_head(scan, in, empty_lines, head, &lines, used);
    if (got != PARSE_DONE)
        return got;
    span first = http_next_line(&lines);
    got = request ? http_parse_request_line(head, first) : http_parse_status_line(head, first);
    while (got == PARSE_DONE && lines.n)
        got = http_parse_field(head, http_next_line(&lines));
    return got == PARSE_DONE ? http_settle(head, request) : got;
}

static enum parse http_parse_request(struct http_scan *scan, span in, size_t *used,
                                     struct http_head *head)
{
    return http_parse_head(scan, in, used, head, 1);
}

static enum parse http_parse_response(struct http_scan *scan, span in, size_t *used,
                                      struct http_head *head)
{
    return http_parse_head(scan, in, used, head, 0);
}

/* ---- bodies --------------------------------------------------------------------------------- */

/* Result of a state's function, which gets at least one byte. PAUSE: return the data so far; ON: go
 * on with the state now set. */
enum http_step { HTTP_STEP_BAD = PARSE_BAD, HTTP_STEP_PAUSE, HTTP_STEP_DONE, HTTP_STEP_ON };

static void http_body_init(struct http_body *body, const struct http_head *head,
                           const char *to_method)
{
    int bare = to_method && (strcmp(to_method, "HEAD") == 0 || head->status < 200 ||
                             head->status == 204 || head->status == 304);
    *body = (struct http_body){0};
    body->most = to_method ? LLONG_MAX : HTTP_BODY_MAX;
    if (!bare && head->chunked) {
        body->state = HTTP_BODY_CHUNK_SIZE;
    } else if (!bare && head->content_length > 0) {
        body->state = HTTP_BODY_LENGTH;
        body->left = head->content_length;
    } else if (!bare && to_method && head->content_length < 0) {
        body->state = HTTP_BODY_UNTIL_CLOSE;
    }
}

static enum http_step http_body_fail(struct http_body *body, int status, const char *error)
{
    body->error_status = status;
    body->error = error;
    return HTTP_STEP_BAD;
}

static void http_body_give(struct http_body *body, span *in, span *data)
{
    size_t n = (unsigned long long)body->left < in->n ? (size_t)body->left : in->n;
    *data = (span){in->p, n};
    *in = span_sub(*in, n);
    body->left -= (long long)n;
    body->total += (long long)n;
}

static enum http_step http_body_length(struct http_body *body, span *in, span *data)
{
    http_body_give(body, in, data);
    if (body->left)
        return HTTP_STEP_PAUSE;
    body->state = HTTP_BODY_DONE;
    return HTTP_STEP_DONE;
}

static enum http_step http_body_until_close(struct http_body *body, span *in, span *data)
{
    if ((unsigned long long)(body->most - body->total) < in->n)
        return http_body_fail(body, 413, "body too large");
    body->left = (long long)in->n;
    http_body_give(body, in, data);
    return HTTP_STEP_PAUSE;
}

/* Parses chunk-size [BWS ";" chunk-ext]; the extension is ignored. */
static enum http_step http_chunk_line(struct http_body *body, span line)
{
    size_t n = http_class_run(line, HTTP_UNRESERVED);
    span ext = span_trim(span_sub(line, n), " \t");
    int clean = n == line.n || (ext.n && ext.p[0] == ';');
    if (!clean || !http_number((span){line.p, n}, 16, &body->left))
        return http_body_fail(body, 400, "malformed chunk size");
    if (body->left > body->most - body->total)
        return http_body_fail(body, 413, "body too large");
    body->state = body->left ? HTTP_BODY_CHUNK_DATA : HTTP_BODY_TRAILER;
    return HTTP_STEP_ON;
}

/* A short line: scanned again with the next bytes. */
static enum http_step http_body_chunk_size(struct http_body *body, span *in, span *data)
{
    (void)data;
    size_t limit = in->n < HTTP_CHUNK_LINE_MAX ? in->n : HTTP_CHUNK_LINE_MAX;
    size_t i = http_text_run(in->p, limit);
    while (i < limit && in->p[i] == '\t') {
        i++;
        i += http_text_run(in->p + i, limit - i);
    }
    int cut = i == limit || (in->p[i] == '\r' && i + 1 == limit);
    if (cut && limit < HTTP_CHUNK_LINE_MAX)
        return HTTP_STEP_PAUSE;
    if (cut)
        return http_body_fail(body, 400, "chunk line too long");
    if (in->p[i] != '\r' || in->p[i + 1] != '\n')
        return http_body_fail(body, 400, "control character or bare line end in a chunk line");
    span line = {in->p, i};
    *in = span_sub(*in, i + 2);
    return http_chunk_line(body, line);
}

static enum http_step http_body_chunk_data(struct http_body *body, span *in, span *data)
{
    http_body_give(body, in, data);
    if (body->left == 0)
        body->state = HTTP_BODY_CHUNK_END;
    return HTTP_STEP_PAUSE;
}

static enum http_step http_body_crlf(struct http_body *body, span *in, enum http_body_state next)
{
    if (in->p[0] != '\r' || (in->n > 1 && in->p[1] != '\n'))
        return http_body_fail(body, 400, "CRLF missing in a chunked body");
    if (in->n < 2)
        return HTTP_STEP_PAUSE;
    *in = span_sub(*in, 2);
    body->state = next;
    return next == HTTP_BODY_DONE ? HTTP_STEP_DONE : HTTP_STEP_ON;
}

static enum http_step http_body_chunk_end(struct http_body *body, span *in, span *data)
{
    (void)data;
    return http_body_crlf(body, in, HTTP_BODY_CHUNK_SIZE);
}

/* Consumed as it comes, so that each byte costs once. */
static enum http_step http_trailer_use(struct http_body *body, span *in, size_t n,
                                       enum http_body_state next)
{
    body->trailer += n;
    if (body->trailer > HTTP_HEAD_MAX)
        return http_body_fail(body, 400, "trailer too large");
    *in = span_sub(*in, n);
    body->state = next;
    return HTTP_STEP_ON;
}

static enum http_step http_body_trailer(struct http_body *body, span *in, span *data)
{
    (void)data;
    if (in->p[0] == '\r')
        return http_body_crlf(body, in, HTTP_BODY_DONE);
    if (http_class_run((span){in->p, 1}, HTTP_TOKEN) == 0)
        return http_body_fail(body, 400, "malformed trailer");
    return http_trailer_use(body, in, 1, HTTP_BODY_TRAILER_NAME);
}

static enum http_step http_body_trailer_name(struct http_body *body, span *in, span *data)
{
    (void)data;
    size_t n = http_class_run(*in, HTTP_TOKEN);
    if (n == in->n)
        return http_trailer_use(body, in, n, HTTP_BODY_TRAILER_NAME);
    if (in->p[n] != ':')
        return http_body_fail(body, 400, "malformed trailer");
    return http_trailer_use(body, in, n + 1, HTTP_BODY_TRAILER_VALUE);
}

static enum http_step http_body_trailer_value(struct http_body *body, span *in, span *data)
{
    (void)data;
    size_t n = http_text_run(in->p, in->n);
    if (n < in->n && in->p[n] == '\t')
        n++;
    if (n > 0)
        return http_trailer_use(body, in, n, HTTP_BODY_TRAILER_VALUE);
    return http_body_crlf(body, in, HTTP_BODY_TRAILER);
}

static enum http_step (*const http_body_states[])(struct http_body *, span *, span *) = {
    [HTTP_BODY_LENGTH] = http_body_length,
    [HTTP_BODY_CHUNK_SIZE] = http_body_chunk_size,
    [HTTP_BODY_CHUNK_DATA] = http_body_chunk_data,
    [HTTP_BODY_CHUNK_END] = http_body_chunk_end,
    [HTTP_BODY_TRAILER] = http_body_trailer,
    [HTTP_BODY_TRAILER_NAME] = http_body_trailer_name,
    [HTTP_BODY_TRAILER_VALUE] = http_body_trailer_value,
    [HTTP_BODY_UNTIL_CLOSE] = http_body_until_close,
};

static enum parse http_body_feed(struct http_body *body, span in, size_t *used, span *data)
{
    span rest = in;
    enum http_step step = body->state == HTTP_BODY_DONE ? HTTP_STEP_DONE : HTTP_STEP_ON;
    *data = (span){0};
    while (step == HTTP_STEP_ON && rest.n)
        step = http_body_states[body->state](body, &rest, data);
    *used = in.n - rest.n;
    if (step == HTTP_STEP_BAD)
        return PARSE_BAD;
    return step == HTTP_STEP_DONE ? PARSE_DONE : PARSE_MORE;
}

/* ---- looking into a head -------------------------------------------------------------------- */

static span http_header(const struct http_head *head, const char *name)
{
    for (int i = 0; i < head->header_count; i++)
        if (span_eq_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return (span){0};
}

static int http_has_token(const struct http_head *head, const char *name, const char *token)
{
    for (int i = 0; i < head->header_count; i++) {
        if (!span_eq_nocase(head->headers[i].name, name))
            continue;
        for (span rest = head->headers[i].value; rest.n;)
            if (span_eq_nocase(span_trim(span_cut(&rest, ','), " \t"), token))
                return 1;
    }
    return 0;
}

/* Returns the next byte, or -1: a bad escape, a NUL. */
static int http_decode_byte(span *s, int plus)
{
    long long value = (unsigned char)s->p[0];
    size_t n = 1;
    if (value == '+' && plus)
        value = ' ';
    else if (value == '%') {
        n = 3;
        if (s->n < n || !http_number((span){s->p + 1, 2}, 16, &value) || value == 0)
            return -1;
    }
    *s = span_sub(*s, n);
    return (int)value;
}

static int http_decode(span s, int plus, buf *out)
{
    size_t before = out->n;
    while (s.n) {
        int c = http_decode_byte(&s, plus);
        if (c < 0) {
            out->n = before;
            return 0;
        }
        buf_byte(out, (char)c);
    }
    return 1;
}

static int http_decodes_to(span s, const char *want)
{
    for (; s.n; want++)
        if (*want == '\0' || http_decode_byte(&s, 1) != (unsigned char)*want)
            return 0;
    return *want == '\0';
}

static int http_query(span query, const char *name, buf *out)
{
    while (query.n) {
        span value = span_cut(&query, '&');
        span key = span_cut(&value, '=');
        if (http_decodes_to(key, name))
            return http_decode(value, 1, out) ? 1 : -1;
    }
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void http_put_encoded(buf *b, span s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        if (http_classes[c] & HTTP_UNRESERVED)
            buf_byte(b, (char)c);
        else
            buf_add(b, escape, sizeof escape);
    }
}

static const char *http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(http_reasons); i++)
        if (http_reasons[i].status == status)
            return http_reasons[i].text;
    return "Unknown";
}

static void http_put_field(buf *b, const char *name, const char *value)
{
    buf_str(b, name);
    buf_str(b, ": ");
    buf_str(b, value);
    buf_str(b, "\r\n");
}

static void http_put_length(buf *b, long long length)
{
    buf_str(b, "Content-Length: ");
    buf_int(b, length);
    buf_str(b, "\r\n");
}

static void http_put_response(buf *b, int status, const char *type, size_t length, int close,
                              const char *extra)
{
    buf_str(b, "HTTP/1.1 ");
    buf_int(b, status);
    buf_byte(b, ' ');
    buf_str(b, http_reason(status));
    buf_str(b, "\r\nServer: telec/" TELEC_VERSION "\r\n");
    if (type)
        http_put_field(b, "Content-Type", type);
    if (status >= 200 && status != 204) /* RFC 9110 8.6 forbids a length there */
        http_put_length(b, (long long)length);
    if (close)
        http_put_field(b, "Connection", "close");
    if (extra)
        buf_str(b, extra);
    buf_str(b, "\r\n");
}

static void http_put_request(buf *b, const char *method, const char *target, long long length,
                             const char *extra)
{
    buf_str(b, method);
    buf_byte(b, ' ');
    buf_str(b, target);
    buf_str(b, " HTTP/1.1\r\nHost: localhost\r\n");
    if (length >= 0)
        http_put_length(b, length);
    if (extra)
        buf_str(b, extra);
    buf_str(b, "\r\n");
}
