#include "reach.h"

/* install - brings a telec to the other side of a pipe, where a POSIX sh reads our script.
 *
 *      we                               the shell
 *      script ───────────────────────▶
 *             ◀─────────────────────── MARK kind OS MACHINE ORDER
 *      HASH SIZE ────────────────────▶          looks for telec-HASH, or a telec of this version
 *             ◀─────────────────────── MARK send        only when there is none
 *      the binary's SIZE bytes ──────▶
 *             ◀─────────────────────── MARK ok          and then a relay's frames
 *                                      MARK failed WHY  at any time
 *
 * The script is one compound command: the shell has read all of it before what follows, its input.
 * The binary stays, under its hash, in the first directory that can be written and executed. */

static const char install_script[] =
    "{ say() { printf '\\n%s %s\\n' \"$m\" \"$*\"; }\n"
    "die() { say failed \"$*\"; exit 1; }\n"
    "PATH=$PATH:/usr/local/bin:/usr/bin:/bin\n"
    "umask 077\n"
    "say kind \"$(uname -s)\" \"$(uname -m)\" \"$(printf '\\1\\0' | od -An -tu2 2>/dev/null)\"\n"
    "read -r h n || exit 1\n"
    "[ -c /dev/null ] || die 'there is no /dev/null there'\n"
    "u=$(id -u)\n"
    "places() { for d in \"$XDG_CACHE_HOME\" \"${HOME:+$HOME/.cache}\" \"/tmp/telec-$u\" "
    "\"/dev/shm/telec-$u\" \"$PWD\"\n"
    "do [ -z \"$d\" ] || ! \"$@\" \"$d\" || return 0; done; return 1; }\n"
    "has() { [ -O \"$1/telec-$h\" ] && [ -x \"$1/telec-$h\" ]; }\n"
    "fits() { [ -d \"$1\" ] || mkdir -p \"$1\" 2>/dev/null; [ -O \"$1\" ] || return 1\n"
    "t=$1/.telec-$$; printf '#!/bin/sh\\n:\\n' 2>/dev/null >\"$t\" && chmod 700 \"$t\" &&\n"
    "\"$t\" 2>/dev/null\n"
    "set -- $?; rm -f \"$t\"; return $1; }\n"
    "f=$(command -v telec 2>/dev/null)\n"
    "if [ -n \"$f\" ] && [ \"$(\"$f\" relay --protocol 2>/dev/null)\" = \"$v\" ]; then :\n"
    "elif places has; then f=$d/telec-$h\n"
    "else [ \"$n\" -gt 0 ] || die \"there is no telec of this version, and none to bring: $h\"\n"
    "places fits || die 'no directory of yours can be written and executed there'\n"
    "t=$d/.telec-$h.$$; f=$d/telec-$h; trap 'rm -f \"$t\"' 0 1 2 15\n"
    "say send\n"
    "{ head -c \"$n\" 2>/dev/null || dd bs=1 count=\"$n\" 2>/dev/null; } >\"$t\" ||\n"
    "die \"$d is full\"\n"
    "[ $(($(wc -c <\"$t\"))) = \"$n\" ] || die 'the binary did not arrive whole'\n"
    "s=$(sha256sum \"$t\" 2>/dev/null || shasum -a 256 \"$t\" 2>/dev/null); s=${s%% *}\n"
    "[ -z \"$s\" ] || [ \"$s\" = \"$h\" ] || die 'the binary did not arrive as it was'\n"
    "chmod 700 \"$t\"; \"$t\" --version >/dev/null 2>&1 || die 'the binary does not run there'\n"
    "mv \"$t\" \"$f\" || die \"$d can't be written\"\n"
    "fi\n"
    "s=${XDG_STATE_HOME:-${HOME:-}/.local/state}; mkdir -p \"$s\" 2>/dev/null\n"
    "[ -w \"$s\" ] && [ -O \"$s\" ] || { XDG_STATE_HOME=${f%/*}; export XDG_STATE_HOME; }\n"
    "say ok; exec \"$f\" relay; die \"$f does not run\"; }\n";

static void install_begin(struct install *in, const struct config *config, buf *out)
{
    unsigned char random[8];
    os_random(random, sizeof random);
    in->config = config;
    base_fmt(in->mark, sizeof in->mark, "telec-%02x%02x%02x%02x%02x%02x%02x%02x", random[0],
             random[1], random[2], random[3], random[4], random[5], random[6], random[7]);
    buf_fmt(out, "m=%s v='%s'\n", in->mark, MUX_PROTOCOL);
    buf_str(out, install_script);
}

static void install_free(struct install *in)
{
    buf_free(&in->binary);
}

/* ---- which binary --------------------------------------------------------------------------- */

/* uname's machine, and the release's; of mips with its order of bytes, "1": little. */
static const char install_machines[] =
    "x86_64=x86_64 aarch64=aarch64 arm64=aarch64 armv7l=armhf armv8l=armhf armv6l=armel "
    "armv5tel=armel armv5tejl=armel i386=i686 i586=i686 i686=i686 riscv64=riscv64 mips:256=mips "
    "mips:1=mipsel mips64:256=mips mips64:1=mipsel ppc64le=ppc64le s390x=s390x";

/* Appends the release's name of a kind of host; nothing when it has none. */
static void install_put_kind(buf *b, span system, span machine, span order)
{
    buf key = {0};
    int is_linux = span_eq(system, "Linux");
    buf_span(&key, machine);
    if (span_starts(machine, "mips"))
        buf_fmt(&key, ":%.*s", (int)order.n, order.p);
    span rest = span_of(is_linux || span_eq(system, "Darwin") ? install_machines : "");
    while (rest.n) {
        span name = span_cut(&rest, ' ');
        if (span_eq(span_cut(&name, '='), buf_cstr(&key)))
            buf_fmt(b, "%s-%.*s", is_linux ? "linux" : "macos", (int)name.n, name.p);
    }
    buf_free(&key);
}

static int install_read(struct install *in, const char *dir, const char *name)
{
    buf path = {0};
    buf_fmt(&path, "%s/telec-%s-%s", dir, TELEC_VERSION, name);
    int good = os_read_file(&in->binary, buf_cstr(&path), INSTALL_BINARY_MAX) == 0;
    buf_free(&path);
    return good;
}

/* Looks in [reach] binaries and beside this program; for a host of our kind takes this program. */
static void install_find(struct install *in, span system, span machine, span order)
{
    struct utsname here;
    const char *program = config_program(in->config);
    buf name = {0};
    install_put_kind(&name, system, machine, order);
    char *dir = base_dup(in->config->program), *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    const char *configured = in->config->binaries;
    int found = name.n && ((configured[0] && install_read(in, configured, buf_cstr(&name))) ||
                           install_read(in, dir, buf_cstr(&name)));
    free(dir);
    buf_free(&name);
    if (!found && uname(&here) == 0 && span_eq(system, here.sysname) &&
        span_eq(machine, here.machine))
        os_read_file(&in->binary, program, INSTALL_BINARY_MAX);
}

static enum install_step install_on_kind(struct install *in, span words, buf *out)
{
    unsigned char digest[SHA256_BYTES];
    span system = span_cut(&words, ' '), machine = span_cut(&words, ' ');
    install_find(in, system, machine, span_trim(words, " "));
    if (!in->binary.n) { /* a telec may be there all the same */
        buf_fmt(out, "%.*s-%.*s 0\n", (int)system.n, system.p, (int)machine.n, machine.p);
        return INSTALL_MORE;
    }
    sha256(buf_view(&in->binary), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        base_fmt(in->hash + 2 * i, 3, "%02x", digest[i]);
    buf_fmt(out, "%s %zu\n", in->hash, in->binary.n);
    return INSTALL_MORE;
}

static enum install_step install_line(struct install *in, span line, buf *out, buf *error)
{
    span words = line;
    if (words.n && words.p[words.n - 1] == '\r') /* a terminal stands between */
        words.n--;
    if (!span_eq(span_cut(&words, ' '), in->mark))
        return INSTALL_MORE;
    span act = span_cut(&words, ' ');
    if (span_eq(act, "kind"))
        return install_on_kind(in, words, out);
    if (span_eq(act, "send"))
        buf_span(out, buf_view(&in->binary));
    if (span_eq(act, "failed"))
        buf_span(error, words);
    return span_eq(act, "ok") ? INSTALL_DONE : error->n ? INSTALL_FAILED : INSTALL_MORE;
}
