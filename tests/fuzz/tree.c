/* Fuzz target of tree: whatever a daemon says and a user asks for, every row has its key and its
 * line, what is counted is there, and a filter's rows are hits or lie above one. */

static void fuzz_tree_require(int ok)
{
    if (!ok)
        abort();
}

/* An event made of four bytes: which session, what of it. */
static void fuzz_tree_event(struct tree *t, const unsigned char *p)
{
    static const char *const states[] = {"working", "waiting", "idle", "exited"};
    static const char *const odd[] = {
        "\"\"", "null", "5", "{\"a\":\"b\"}", "[]", "[\"a\",\"\",null]",
        "\"\\ud83d\\ude00\\u0000\\n\"", "\"a longer text\""};
    buf b = {0};
    if (p[0] % 8 == 7) {
        buf_fmt(&b, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"s%d\"}}", p[1] % 16);
    } else {
        buf_fmt(&b, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"s%d\",\"computer\":"
                    "\"c%d\",\"working_directory\":\"/p%d\",\"state\":\"%s\",\"title\":\"t%d\","
                    "\"last_activity\":\"2026-01-01T00:%02d:00Z\"",
                p[1] % 16, p[2] % 3 == 2, p[2] % 5, states[p[0] % 4], p[3] % 9, p[3] % 60);
        if (p[2] & 64)
            buf_fmt(&b, ",\"initiator_session_id\":\"s%d\"", p[3] % 16);
        if (p[3] & 64)
            buf_str(&b, ",\"last_output\":\"out\",\"unseen\":true");
        if (p[2] & 128)
            buf_fmt(&b, ",\"title\":%s,\"choices\":%s,\"branch\":%s,\"mode\":%s", odd[p[3] % 8],
                    odd[p[3] / 8 % 8], odd[p[2] % 8], odd[p[2] / 8 % 8]);
        buf_str(&b, "}}");
    }
    models_event(t, NULL, buf_view(&b));
    buf_free(&b);
}

/* While nothing moved, what the rows refer to is there. */
static void fuzz_tree_read(const struct tree *t)
{
    for (int i = 0; i < t->row_count && !t->dirty; i++) {
        const struct tree_row *row = &t->rows[i];
        fuzz_tree_require(*row->key && *row->computer);
        fuzz_tree_require(row->kind == TREE_COMPUTER || *outline_path(row));
        fuzz_tree_require(row->session || *row->name);
    }
}

static void fuzz_tree_check(struct tree *t)
{
    int line = 0, hits = 0, at;
    outline_build(t);
    for (int i = 0; i < t->row_count; i++) {
        const struct tree_row *row = &t->rows[i];
        fuzz_tree_require(row->line[1] == line && outline_row_at(t, line, 1) == i);
        fuzz_tree_require(outline_find(t, row->key) == i);
        fuzz_tree_require(row->waiting >= 0 && row->working >= 0 && row->depth >= 0);
        fuzz_tree_require(!t->filter.count || !row->session || row->session->kept);
        fuzz_tree_require(!t->focus || strcmp(row->computer, t->focus) == 0);
        hits += row->session && row->session->hit;
        line += row->session ? tree_session_lines(row->session, 1) : 1;
    }
    fuzz_tree_require(t->lines[1] == line && (!t->filter.count || hits <= t->hits));
    at = outline_next_waiting(t, t->row_count / 2);
    fuzz_tree_require(at < 0 || tree_is(t->rows[at].session, "waiting"));
}

/* What one UI leaves is taken over by the next as it was. */
static void fuzz_tree_state(const struct tree *t, span text)
{
    struct tree other;
    struct json state;
    buf one = {0}, two = {0};
    outline_init(&other, "c0", NULL);
    if (json_parse(text, &state, NULL, NULL) == PARSE_DONE)
        tree_load_state(&other, state);
    outline_fold_all(&other, 0);
    json_open(&one, '{');
    tree_put_state(t, &one);
    json_close(&one, '}');
    fuzz_tree_require(json_parse(buf_view(&one), &state, NULL, NULL) == PARSE_DONE);
    tree_set_focus(&other, NULL);
    tree_load_state(&other, state);
    json_open(&two, '{');
    tree_put_state(&other, &two);
    json_close(&two, '}');
    fuzz_tree_require(span_eq(buf_view(&one), buf_cstr(&two)));
    buf_free(&one);
    buf_free(&two);
    outline_free(&other);
}

/* The first bytes are events and wishes, four each; the rest is a message and a state as it is. */
static int fuzz_tree(const uint8_t *data, size_t size)
{
    struct tree t;
    size_t at = 0;
    outline_init(&t, "c0", "/here");
    for (; at + 4 <= size && at < 400; at += 4) {
        char text[24];
        snprintf(text, sizeof text, "%.*s", 3, (const char *)data + at + 1);
        switch (data[at] % 16) {
        case 8: tree_set_filter(&t, text); break;
        case 9: tree_set_filter(&t, data[at + 1] % 2 ? "is:w t" : NULL); break;
        case 10: tree_set_order(&t, (enum tree_order)(data[at + 1] % TREE_ORDERS)); break;
        case 11: tree_set_focus(&t, data[at + 1] % 2 ? "c1" : NULL); break;
        case 12: outline_fold_all(&t, data[at + 1] % 2); break;
        case 13:
            if (t.row_count)
                tree_set_folded(&t, t.rows[data[at + 1] % t.row_count].key, data[at + 2] % 2);
            break;
        default: fuzz_tree_event(&t, data + at); break;
        }
        fuzz_tree_read(&t);
        if (data[at] & 16)
            fuzz_tree_check(&t);
    }
    models_event(&t, NULL, (span){(const char *)data, size});
    fuzz_tree_check(&t);
    fuzz_tree_state(&t, (span){(const char *)data, size});
    outline_free(&t);
    return 0;
}
