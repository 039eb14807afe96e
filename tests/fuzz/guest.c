/* Fuzz target of src/fleet/guest.c. The values at the beginning of any input, read as the entries
 * that an XREAD brings of an attachment's input: what is typed is the data of `type` entries, in
 * the order of their numbers, each once, and none behind a gap; acknowledgements stay within what
 * was sent. */

#define FUZZ_GUEST_NOW (-1000000) /* Redis's time: an entry without `at` is not late */

struct fuzz_guest {
    struct loop loop;
    struct config config;
    struct fleet fleet;
    struct guests guests;
    struct streams_stream *reading;
    int holder; /* the holder's end */
};

static void fuzz_guest_need(int cond)
{
    if (!cond)
        abort();
}

static void fuzz_guest_open(struct fuzz_guest *u)
{
    int ends[2];
    struct guest *g = base_alloc(sizeof *g);
    fuzz_guest_need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    u->holder = ends[0];
    fcntl(u->holder, F_SETFL, O_NONBLOCK);
    g->all = &u->guests;
    g->who = span_dup(span_of("a"));
    g->output = span_dup(span_of("output:t"));
    g->control = 1;
    g->sent = 1000;
    g->flush_timer = (struct loop_timer){.fn = guest_on_due, .ctx = g};
    g->input = (struct streams_stream){.key = span_dup(span_of("input:t")), .owner = g,
                                       .reading = 1, .deletes = 1, .on_entry = guest_on_entry};
    g->stream = stream_open(&u->loop, ends[1], (span){0}, &guest_stream_hooks, g);
    fuzz_guest_need(g->stream != NULL);
    LIST_PUSH(&u->guests.first, g);
    LIST_PUSH(&u->fleet.streams.streams, &g->input);
    u->guests.count = 1;
    u->reading = &g->input;
    u->fleet.streams.reading = &u->reading;
    u->fleet.streams.reading_count = 1;
}

/* Appends what must be typed, by a simple reading of the same entries. */
static void fuzz_guest_expect(const struct resp *entries, buf *b)
{
    struct resp_iter it = resp_iter(entries);
    struct resp entry, id_text, fields;
    struct codec_id id, last = {0};
    for (long long next = 1; resp_next(&it, &entry);) {
        struct resp_iter parts = resp_iter(&entry);
        struct codec_input in;
        if (!resp_next(&parts, &id_text) || !resp_next(&parts, &fields) ||
            !codec_parse_id(id_text.text, &id) || codec_compare_ids(id, last) <= 0)
            continue;
        last = id;
        codec_read_input(id, &fields, &in);
        if (span_eq(in.op, "end") || in.number > next)
            return;
        if (in.number != next)
            continue;
        next++;
        if (span_eq(in.op, "type") && in.at < FUZZ_GUEST_NOW - GUEST_LATE_MS)
            return;
        if (span_eq(in.op, "type"))
            buf_span(b, in.data);
    }
}

/* Appends the payloads of the holder's frames of input. */
static void fuzz_guest_read_typed(struct fuzz_guest *u, buf *b)
{
    static unsigned char bytes[1 << 20];
    ssize_t n = read(u->holder, bytes, sizeof bytes);
    for (ssize_t at = 0; at + 5 <= n;) {
        size_t size = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                      (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        fuzz_guest_need(size <= (size_t)(n - at - 5));
        if (bytes[at + 4] == FRAME_INPUT)
            buf_add(b, bytes + at + 5, size);
        at += 5 + (ssize_t)size;
    }
}

static int fuzz_guest(const uint8_t *data, size_t size)
{
    static struct fuzz_guest u;
    struct resp_scan scan = {0};
    struct resp entries;
    size_t used, count = 0;
    buf want = {0}, typed = {0}, list = {0};
    span rest = {(const char *)data, size};
    for (; resp_parse(&scan, rest, &used, &entries) == PARSE_DONE; count++) {
        rest = span_sub(rest, used);
        scan = (struct resp_scan){0};
    }
    buf_fmt(&list, "*%llu\r\n", (unsigned long long)count);
    buf_add(&list, data, size - rest.n);
    scan = (struct resp_scan){0};
    if (resp_parse(&scan, buf_view(&list), &used, &entries) != PARSE_DONE) { /* a push in a list */
        buf_free(&list);
        return 0;
    }
    loop_init(&u.loop);
    u.config.allow = (char *)"*";
    u.fleet = (struct fleet){.loop = &u.loop, .config = &u.config};
    u.fleet.streams.loop = &u.loop;
    u.fleet.streams.clock = FUZZ_GUEST_NOW - clock_mono_ms();
    guest_init(&u.guests, &u.loop, NULL, &u.fleet);
    u.fleet.streams.logged_at = u.loop.now; /* complaints are omitted */
    fuzz_guest_open(&u);
    streams_read_entries(&u.fleet.streams, 0, &entries);
    fuzz_guest_expect(&entries, &want);
    fuzz_guest_read_typed(&u, &typed);
    fuzz_guest_need(want.n == typed.n && memcmp(want.n ? want.p : "", typed.n ? typed.p : "",
                                                want.n) == 0);
    fuzz_guest_need(!u.guests.first ||
                    (u.guests.first->acked >= 0 && u.guests.first->acked <= u.guests.first->sent));
    guest_drop_all(&u.guests);
    while (u.loop.task_first)
        loop_once(&u.loop);
    close(u.holder);
    loop_free(&u.loop);
    buf_free(&want), buf_free(&typed), buf_free(&list);
    return 0;
}
