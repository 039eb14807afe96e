/* Fuzz target of src/fleet.c. Any input: what is accepted as a heartbeat, an event or an answer is
 * within its bounds, and what is passed on of it is accepted again; a command line is split into
 * words that are the same once they have been quoted and split again. */

static void fuzz_fleet_need(int cond)
{
    if (!cond)
        abort();
}

static void fuzz_fleet_heartbeat(span text)
{
    struct codec_heartbeat h, again;
    const char *why;
    buf b = {0};
    if (!codec_parse_heartbeat(text, &h, &why))
        return;
    fuzz_fleet_need(codec_name_is_good(span_of(h.name)));
    codec_put_heartbeat(&b, &h, 0);
    fuzz_fleet_need(codec_parse_heartbeat(buf_view(&b), &again, &why));
    buf twice = {0};
    codec_put_heartbeat(&twice, &again, 0);
    fuzz_fleet_need(b.n == twice.n && memcmp(b.p, twice.p, b.n) == 0);
    buf_free(&twice);
    buf_clear(&b);
    codec_put_key(&b, "", h.name);
    fuzz_fleet_need(span_eq(codec_key_name(buf_view(&b)), h.name));
    buf_free(&b);
}

static void fuzz_fleet_event(span text)
{
    struct codec_event e, again;
    const char *why;
    buf object = {0}, b = {0};
    if (!codec_parse_event(text, &e, &why))
        return;
    fuzz_fleet_need(store_id_is_plain(e.session.id));
    fuzz_fleet_need(e.session.object.text.n <= CODEC_SESSION_MAX);
    codec_put_session(&object, e.session.object, e.source);
    codec_put_event(&b, "session_updated", buf_view(&object), 0, e.source);
    fuzz_fleet_need(codec_parse_event(buf_view(&b), &again, &why));
    fuzz_fleet_need(strcmp(e.session.id, again.session.id) == 0);
    fuzz_fleet_need(json_text_eq(json_get(again.session.object, "computer"), e.source));
    buf_free(&object);
    buf_free(&b);
}

static void fuzz_fleet_answer(span text)
{
    struct codec_reply a, again;
    const char *why;
    buf b = {0};
    if (!codec_parse_reply(text, &a, &why) || !a.good)
        return;
    codec_put_success(&b, json_type(a.data) == JSON_NONE ? span_of("null") : a.data.text);
    fuzz_fleet_need(codec_parse_reply(buf_view(&b), &again, &why) && again.good);
    buf_free(&b);
}

static void fuzz_fleet_command(span text)
{
    char **words = codec_words(text), **again;
    buf b = {0};
    size_t i = 0;
    if (!words)
        return;
    if (words[0][0] != '/') { /* a second slash is part of the word, and would be the first then */
        codec_put_words(&b, (const char *const *)words);
        again = codec_words(buf_view(&b));
        fuzz_fleet_need(again != NULL);
        for (; words[i]; i++)
            fuzz_fleet_need(again[i] && strcmp(words[i], again[i]) == 0);
        fuzz_fleet_need(!again[i]);
        free(again);
    }
    free(words);
    buf_free(&b);
}

static int fuzz_fleet(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1); /* of exactly that size: reading past it is noticed */
    span text = {copy, size};
    struct codec_id id;
    int cols, rows;
    fuzz_fleet_need(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    fuzz_fleet_heartbeat(text);
    fuzz_fleet_event(text);
    fuzz_fleet_answer(text);
    fuzz_fleet_command(text);
    if (codec_parse_id(text, &id)) {
        buf b = {0};
        codec_put_id(&b, id);
        struct codec_id again;
        fuzz_fleet_need(codec_parse_id(buf_view(&b), &again));
        fuzz_fleet_need(codec_compare_ids(id, again) == 0);
        buf_free(&b);
    }
    if (frame_parse_size(text, &cols, &rows))
        fuzz_fleet_need(cols > 0 && rows > 0 && cols <= GRID_COLS_MAX && rows <= GRID_ROWS_MAX);
    codec_key_name(text);
    free(copy);
    return 0;
}
