#include "private.h"

/* environment - what tells a session's program of its terminal. That is telec: a program that took
 * it for the user's terminal would use sequences that telec doesn't pass on. */

/* A name that ends with '*' stands for all that begin so. */
static const char *const environment_foreign[] = {
    "TMUX*",     "STY",        "LINES",       "COLUMNS",     "TERMCAP",      "KITTY_*",
    "ITERM_*",   "LC_TERMINAL*", "VTE_VERSION", "WT_*",      "WINDOWID",     "ZELLIJ*",
    "WEZTERM_*", "GHOSTTY_*",  "ALACRITTY_*", "KONSOLE_*",   "TERM_PROGRAM*", "TERM_SESSION_ID",
    CONFIG_COOKIES,
    "XTERM_*",   "TILIX_ID",   "TERMINATOR_*", "TERMINAL_EMULATOR", "GNOME_TERMINAL_*", "VSCODE_*",
};

static int environment_matches(span name, span pattern)
{
    if (pattern.n && pattern.p[pattern.n - 1] == '*') {
        pattern.n--;
        name.n = name.n < pattern.n ? name.n : pattern.n;
    }
    return name.n == pattern.n && memcmp(name.p, pattern.p, name.n) == 0;
}

static int environment_is_foreign(span name, span keep)
{
    for (; keep.n;)
        if (environment_matches(name, span_cut(&keep, ' ')))
            return 0;
    for (size_t i = 0; i < COUNT_OF(environment_foreign); i++)
        if (environment_matches(name, span_of(environment_foreign[i])))
            return 1;
    return 0;
}

static void environment_set(char **env, const char *keep)
{
    char **to = env;
    for (; *env; env++) {
        span rest = span_of(*env);
        if (!environment_is_foreign(span_cut(&rest, '='), span_of(keep ? keep : "")))
            *to++ = *env;
    }
    *to = NULL;
    setenv("TERM", "xterm-256color", 1);
    setenv("COLORTERM", "truecolor", 1);
    setenv("TERM_PROGRAM", "telec", 1);
    setenv("TERM_PROGRAM_VERSION", TELEC_VERSION, 1);
}

/* "text;ground", or with a word between: numbers of the palette, of which 7 and 15 are white. */
static void environment_set_ground(struct vt *vt, char *const *env)
{
    static const struct vt_colours light = {{0x101010, 0xffffff, 0x101010}, 7};
    for (; env && *env; env++) {
        const char *last = strrchr(*env, ';');
        if (span_starts(span_of(*env), "COLORFGBG=") && last &&
            (strcmp(last, ";15") == 0 || strcmp(last, ";7") == 0))
            vt_set_colours(vt, &light);
    }
}
