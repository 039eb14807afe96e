/* Transcripts of exited sessions: a shell script stands for the child process. */

struct unit_transcript {
    struct loop loop;
    struct loop_timer guard;
    char program[64];
    int running, done, late;
    char error[100], text[200];
};

static void unit_transcript_on_done(void *ctx, const char *error, span text)
{
    struct unit_transcript *u = ctx;
    u->done++;
    snprintf(u->error, sizeof u->error, "%s", error ? error : "");
    snprintf(u->text, sizeof u->text, "%.*s", (int)text.n, text.n ? text.p : "");
}

static void unit_transcript_on_guard(void *ctx)
{
    ((struct unit_transcript *)ctx)->late = 1;
}

static void unit_transcript_wait(struct unit_transcript *u, int running)
{
    u->late = 0;
    loop_timer_set(&u->loop, &u->guard, clock_mono_ms() + 5000);
    while (u->running > running && !u->late)
        loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &u->guard);
    CHECK(!u->late);
}

static struct transcript *unit_transcript_start(struct unit_transcript *u, const char *script)
{
    buf b = {0};
    buf_fmt(&b, "#!/bin/sh\n%s\n", script);
    FILE *file = fopen(u->program, "w");
    CHECK(file && fputs(buf_cstr(&b), file) >= 0 && fclose(file) == 0);
    CHECK_INT(chmod(u->program, 0700), 0);
    u->done = 0;
    buf_free(&b);
    return transcript_read(&u->loop, u->program, "/the dir", 80, 24, 0, &u->running,
                           unit_transcript_on_done, u);
}

static void unit_transcript_sizes(void)
{
    static const char *const sizes[][2] = {{"0", "24"}, {"80", "0"}, {"x", "24"}, {"80", ""},
                                           {"99999999", "24"}, {"80", "99999999"}};
    test_begin("a transcript of a size that no screen has is refused");
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        CHECK_INT(transcript_main("/nowhere", sizes[i][0], sizes[i][1], 0), 2);
}

static void unit_transcript(void)
{
    unit_transcript_sizes();
    struct unit_transcript u = {0};
    loop_init(&u.loop);
    close(mkstemp(unit_base_temporary(u.program)));
    u.guard = (struct loop_timer){.fn = unit_transcript_on_guard, .ctx = &u};
    test_begin("a child process reads a log, and its output is the text");
    CHECK(unit_transcript_start(&u, "echo \"$1 <$2> $3 $4\"") != NULL);
    unit_transcript_wait(&u, 0);
    CHECK_SPAN(span_of(u.text), "transcript </the dir> 80 24\n");
    CHECK_SPAN(span_of(u.error), "");
    CHECK_INT(u.done, 1);
    test_begin("a child process that fails gives an error, one that takes too long, too");
    unit_transcript_start(&u, "echo half; exit 1");
    unit_transcript_wait(&u, 0);
    CHECK(u.done == 1 && strstr(u.error, "can't be read") != NULL);
    struct transcript *slow = unit_transcript_start(&u, "echo half; exec sleep 100");
    loop_timer_set(&u.loop, &slow->output->timer, u.loop.now + 50); /* as if the time had passed */
    unit_transcript_wait(&u, 0);
    CHECK_SPAN(span_of(u.error), TRANSCRIPT_LATE);
    test_begin("a cancelled transcript calls nothing, and its process ends");
    transcript_cancel(unit_transcript_start(&u, "exec sleep 100"));
    unit_transcript_wait(&u, 0);
    CHECK_INT(u.done, 0);
    test_begin("not more than TRANSCRIPTS_MAX processes read logs");
    for (int i = 0; i < TRANSCRIPTS_MAX; i++)
        CHECK(unit_transcript_start(&u, "echo x") != NULL);
    CHECK(unit_transcript_start(&u, "echo x") == NULL && errno == EAGAIN);
    unit_transcript_wait(&u, 0);
    test_begin("a program that is not there can't be begun");
    CHECK(transcript_read(&u.loop, "/nowhere/telec", "/", 80, 24, 0, &u.running,
                          unit_transcript_on_done, &u) == NULL);
    CHECK_INT(u.running, 0);
    unlink(u.program);
    loop_free(&u.loop);
}
