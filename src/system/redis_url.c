#include "system.h"

/* redis_url - parses redis://, rediss://, sentinel:// and unix: urls, and resolves their host's
 * name. Messages and the log show only what redis_url_put writes: user and password are secret. */

#define REDIS_URL_PORT 6379
#define REDIS_URL_SENTINEL_PORT 26379

/* Decodes %XX. Returns a new C string, or NULL for a bad % or a NUL. */
static char *redis_url_decode(span s)
{
    buf b = {0};
    if (!http_decode(s, 0, &b)) {
        buf_free(&b);
        return NULL;
    }
    buf_cstr(&b);
    return b.p;
}

static int redis_url_is_host(const char *host)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789._-:%";
    return *host && *host != '-' && host[strspn(host, good)] == '\0';
}

static int redis_url_number(span s, long long most, int *out)
{
    long long v;
    if (!span_int(s, &v) || v < 0 || v > most)
        return 0;
    *out = (int)v;
    return 1;
}

static const char *redis_url_parse_user(struct redis_url *t, span info)
{
    span rest = info, user = span_cut(&rest, ':');
    t->user = user.n ? redis_url_decode(user) : NULL;
    t->password = rest.n ? redis_url_decode(rest) : NULL;
    if ((user.n && !t->user) || (rest.n && !t->password))
        return "a % in user or password is not followed by two hexadecimal digits";
    return NULL;
}

/* Parses host, host:port, [v6] or [v6]:port. */
static const char *redis_url_parse_host(struct redis_url *t, span s)
{
    span host = s, port;
    if (s.n && s.p[0] == '[') {
        port = span_sub(s, 1);
        host = span_cut(&port, ']');
        if (host.n + 2 > s.n || (port.n && port.p[0] != ':'))
            return "a ] is expected behind an IPv6 address, and then nothing or :PORT";
        port = port.n ? span_sub(port, 1) : port;
    } else {
        port = s;
        host = span_cut(&port, ':');
        if (memchr(port.n ? port.p : "", ':', port.n))
            return "an IPv6 address stands in [ and ]";
    }
    t->host = host.n ? redis_url_decode(host) : base_dup("localhost");
    t->port = REDIS_URL_PORT;
    if (!t->host || !redis_url_is_host(t->host))
        return "the host's name has characters that no host has";
    if (port.n && (!redis_url_number(port, 65535, &t->port) || t->port == 0))
        return "the port must be a number from 1 to 65535 (a / or # in a password is %2F or %23)";
    return NULL;
}

/* Returns 0 past the last, or with *fault. */
static int redis_url_choose(struct redis_url *t, int i, const char **fault)
{
    span rest = span_of(t->sentinels), host = span_cut(&rest, ',');
    for (; i > 0 && rest.n; i--)
        host = span_cut(&rest, ',');
    if (i > 0)
        return 0;
    free(t->host);
    t->host = NULL;
    *fault = redis_url_parse_host(t, host);
    if (!memchr(host.n ? host.p : "", ':', host.n))
        t->port = REDIS_URL_SENTINEL_PORT;
    return *fault == NULL;
}

static int redis_url_move(struct redis_url *t, span host, span port)
{
    char *name = host.n ? span_dup(host) : base_dup(t->host);
    int number;
    if (!redis_url_is_host(name) || !redis_url_number(port, 65535, &number)) {
        free(name);
        return 0;
    }
    free(t->host), free(t->path);
    t->path = NULL;
    t->host = name;
    t->port = number;
    t->moved = 1;
    return 1;
}

/* The prefix stands in the pattern of a SCAN, too. */
static int redis_url_is_prefix(const char *prefix)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_-.:{}";
    return *prefix && strlen(prefix) <= 64 && prefix[strspn(prefix, good)] == '\0';
}

static const char *redis_url_parse_query(struct redis_url *t, span query)
{
    while (query.n) {
        span value = span_cut(&query, '&'), name = span_cut(&value, '=');
        if (span_eq(name, "prefix")) {
            free(t->prefix);
            t->prefix = redis_url_decode(value);
            if (!t->prefix || !redis_url_is_prefix(t->prefix))
                return "a prefix has up to 64 letters, digits and characters of _-.:{}";
            continue;
        }
        int *place = span_eq(name, "db") ? &t->db : span_eq(name, "protocol") ? &t->protocol : NULL;
        if (!place)
            return "behind the ? only db=N, protocol=2 or 3 and prefix=TEXT are known";
        if (!redis_url_number(value, place == &t->db ? INT_MAX : 3, place) || t->protocol == 1)
            return "behind the ? a number is expected: db=N, protocol=2 or 3";
    }
    return t->protocol < 2 ? "protocol is 2 or 3" : NULL;
}

static size_t redis_url_find_last(span s, char at)
{
    size_t n = s.n;
    while (n && s.p[n - 1] != at)
        n--;
    return n ? n - 1 : s.n;
}

/* host[:port],host[:port]… and /NAME of their master. */
static const char *redis_url_parse_sentinels(struct redis_url *t, span hosts, span path)
{
    const char *fault = hosts.n ? NULL : "the sentinels' hosts are expected behind the //";
    free(t->sentinels);
    t->sentinels = span_dup(hosts);
    for (int i = 0; !fault && redis_url_choose(t, i, &fault); i++)
        ;
    t->master = path.n > 1 ? redis_url_decode(span_sub(path, 1)) : NULL;
    if (!fault && (!t->master || !*t->master || !redis_url_is_host(t->master)))
        fault = "the master's name is expected behind the sentinels: sentinel://HOST,HOST/NAME";
    return fault;
}

/* Parses [//[user:password@]host[:port]][/path]: the url without scheme and query. */
static const char *redis_url_parse_rest(struct redis_url *t, span s, int is_unix)
{
    span path = s;
    const char *fault = NULL;
    if (span_starts(s, "//")) {
        size_t n = 2;
        while (n < s.n && s.p[n] != '/')
            n++;
        span authority = {s.p + 2, n - 2};
        path = span_sub(s, n);
        size_t at = redis_url_find_last(authority, '@');
        if (at < authority.n) {
            fault = redis_url_parse_user(t, (span){authority.p, at});
            authority = span_sub(authority, at + 1);
        }
        if (!fault && t->sentinels)
            return redis_url_parse_sentinels(t, authority, path);
        if (!fault && !is_unix)
            fault = redis_url_parse_host(t, authority);
        else if (!fault && authority.n)
            fault = "a Unix socket has no host: unix:/PATH";
    }
    if (fault)
        return fault;
    if (!is_unix)
        return path.n > 1 && !redis_url_number(span_sub(path, 1), INT_MAX, &t->db)
                   ? "the database behind the / must be a number"
                   : NULL;
    t->path = path.n && path.p[0] == '/' ? redis_url_decode(path) : NULL;
    return t->path ? NULL : "an absolute path is expected: unix:/PATH";
}

static const char *redis_url_parse(struct redis_url *t, span url)
{
    static const struct {
        const char *scheme;
        int is_unix, tls;
    } schemes[] = {
        {"redis://", 0, 0}, {"rediss://", 0, 1}, {"sentinel://", 0, 0}, {"unix:", 1, 0}};
    span query = url, s = span_cut(&query, '?');
    t->protocol = 3;
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (!span_starts(s, schemes[i].scheme))
            continue;
        t->tls = schemes[i].tls;
        t->sentinels = schemes[i].scheme[0] == 's' ? span_dup((span){0}) : NULL;
        span rest = span_sub(s, strlen(schemes[i].scheme) - (schemes[i].is_unix ? 0 : 2));
        const char *fault = redis_url_parse_rest(t, rest, schemes[i].is_unix);
        return fault ? fault : redis_url_parse_query(t, query);
    }
    return "expected redis://, rediss://, sentinel:// or unix:/";
}

static void redis_url_free(struct redis_url *t)
{
    free(t->path), free(t->host), free(t->user), free(t->prefix), free(t->sentinels);
    free(t->master);
    if (t->password)
        memset(t->password, 0, strlen(t->password));
    free(t->password);
    *t = (struct redis_url){0};
}

static void redis_url_put(const struct redis_url *t, buf *b)
{
    int is_v6 = t->host && strchr(t->host, ':');
    if (t->sentinels && !t->moved) {
        buf_fmt(b, "sentinel://%s/%s", t->sentinels, t->master ? t->master : "");
    } else if (t->path) {
        buf_str(b, "unix:");
        utf8_put_visible(b, span_of(t->path));
    } else if (t->host) {
        buf_fmt(b, "%s://%s%s%s:%d", t->tls ? "rediss" : "redis", is_v6 ? "[" : "", t->host,
                is_v6 ? "]" : "", t->port);
    }
    if (t->db)
        buf_fmt(b, t->path ? "?db=%d" : "/%d", t->db);
}

/* Appends an address in numbers, as getaddrinfo reads it. */
static void redis_url_put_numbers(buf *b, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        const unsigned char *bytes = (const unsigned char *)&in->sin_addr;
        buf_fmt(b, "%d.%d.%d.%d\n", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        for (int i = 0; i < 16; i += 2)
            buf_fmt(b, "%s%x", i ? ":" : "",
                    (unsigned)(in6->sin6_addr.s6_addr[i] << 8 | in6->sin6_addr.s6_addr[i + 1]));
        if (in6->sin6_scope_id)
            buf_fmt(b, "%%%u", (unsigned)in6->sin6_scope_id);
        buf_byte(b, '\n');
    }
}

static int redis_url_resolve_main(const char *host, const char *port)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    buf out = {0};
    int failed = getaddrinfo(host, port, &want, &found);
    if (failed) {
        os_print(1, "!%s\n", gai_strerror(failed));
        return 1;
    }
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        redis_url_put_numbers(&out, a->ai_addr);
    freeaddrinfo(found);
    os_print(1, "%s", buf_cstr(&out));
    buf_free(&out);
    return 0;
}
