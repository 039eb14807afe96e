/* day - a day's tasks in one window, and how many keys each costs. */

struct day {
    struct ui *u;
    int keys;
};

/* Types keys that are one byte each. */
static void day_keys(struct day *d, const char *keys)
{
    d->keys += (int)strlen(keys);
    ui_keys(d->u, keys);
}

static void day_costs(struct day *d, int keys)
{
    CHECK_INT(d->keys, keys);
    d->keys = 0;
}

static int day_got(const struct day *d, const char *bytes)
{
    const struct text *raw = &d->u->t->raw;
    size_t n = strlen(bytes);
    for (size_t i = 0; i + n <= raw->n; i++)
        if (memcmp(raw->p + i, bytes, n) == 0)
            return 1;
    return 0;
}

static int day_makes_repository(const char *dir)
{
    mkdir(dir, 0700);
    file_write(format("%s/file", dir), "old\n", 0600);
    int made = system(format("cd %s && git init -q -b main && git add . && git -c user.name=a "
                             "-c user.email=a@b commit -q -m one", dir)) == 0;
    file_write(format("%s/file", dir), "new line\n", 0600);
    return made;
}

static void test_day(void)
{
    char *dir = format("%s/repository", e2e.dir);
    int git = day_makes_repository(dir);
    daemon_start();
    char *asker = start(format("\"title\": \"asker\", \"command\": %s",
                               json_array(e2e.self, "program", "menu", NULL)));
    char *naps[] = {ui_session("nap 1", NULL), ui_session("nap 2", NULL)};
    char *again = ui_session_sh("again", format("f=%s/again; [ -e $f ] && exec sleep 1000; : > $f; "
                                                "exit 3", e2e.dir));
    start(format("\"title\": \"reader\", \"project_dir\": %s, \"command\": %s", json_quote(dir),
                 json_array("sh", "-c",
                            "printf '\\033]133;A\\a$ \\033]133;B\\amake\\none needle\\n';"
                            "seq 60; exec sleep 1000", NULL)));
    AWAIT_SESSION(asker, "waits_for", "choice");
    AWAIT_SESSION(again, "state", "exited");
    struct day d = {.u = ui_live(30, 120)};
    struct ui *u = d.u;
    UI_AWAIT_SELECTED(u, "asker"); /* the one that waits is selected */
    day_keys(&d, "a");
    UI_AWAIT_TEXT(u, "2 No, and tell it what to do");
    day_keys(&d, "2");
    AWAIT(strstr(screen_text(asker), "got <"));
    UI_AWAIT_TEXT(u, "answered");
    day_costs(&d, 2);

    day_keys(&d, "/read\r");
    UI_AWAIT_SELECTED(u, "reader");
    day_costs(&d, 6);
    day_keys(&d, "v");
    UI_AWAIT_TEXT(u, "100%");
    day_keys(&d, "/needle\r");
    UI_AWAIT_TEXT(u, "1 of 1");
    day_keys(&d, "y");
    UI_AWAIT(u, day_got(&d, "\033]52;c;b25lIG5lZWRsZQo=\a"));
    day_costs(&d, 10);
    day_keys(&d, "["); /* the prompt above it, and the line after that */
    day_keys(&d, "vj");
    UI_AWAIT_TEXT(u, "2 rows");
    day_keys(&d, "y");
    UI_AWAIT(u, day_got(&d, "\033]52;c;JCBtYWtlCm9uZSBuZWVkbGUK\a"));
    day_keys(&d, "q");
    UI_AWAIT_TEXT(u, "Enter attach");
    day_costs(&d, 5);
    if (git) {
        day_keys(&d, "d");
        UI_AWAIT_TEXT(u, "+new line");
        day_keys(&d, "q");
        UI_AWAIT_TEXT(u, "Enter attach");
        day_costs(&d, 2);
    }
    day_keys(&d, "\r");
    UI_AWAIT_TEXT(u, "Ctrl-] d detaches");
    day_keys(&d, UI_PREFIX "d");
    UI_AWAIT_TEXT(u, "Enter attach");
    day_costs(&d, 3);

    day_keys(&d, "/" UI_CTRL_U "nap\r");
    UI_AWAIT_TEXT(u, "2 hits");
    ui_keys(u, "v");
    UI_AWAIT_TEXT(u, "| pipe");
    ui_keys(u, "q");
    UI_AWAIT_TEXT(u, "Enter attach");
    ui_keys(u, "jv"); /* at once: the screen of the row before is still there */
    UI_AWAIT_TEXT(u, "| pipe");
    ui_keys(u, "q");
    UI_AWAIT_TEXT(u, "Enter attach");
    day_keys(&d, "V");
    UI_AWAIT_TEXT(u, "2 marked");
    day_keys(&d, "x");
    UI_AWAIT_TEXT(u, "y yes");
    day_keys(&d, "y");
    AWAIT(get(session_path(naps[0], "")).status == 404 &&
          get(session_path(naps[1], "")).status == 404);
    day_costs(&d, 9);

    day_keys(&d, "/" UI_CTRL_U "again\r");
    UI_AWAIT_SELECTED(u, "again");
    day_keys(&d, "s");
    AWAIT(!session_is(again, "state", "exited"));
    day_costs(&d, 9);
    ui_quit(u);
}

static const struct test day_tests[] = {
    {"day", test_day},
};
