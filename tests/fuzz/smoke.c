/* Runs the fuzz targets where there is no libFuzzer: a small corpus, always the same, of random
 * bytes and of the words that the parsers know. `smoke` feeds it; `smoke DIR` writes it to files,
 * for libFuzzer to begin with. cc tests/fuzz/targets.c tests/fuzz/smoke.c
 * TELEC_FUZZ=NAME ./a.out */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SMOKE_INPUTS
#define SMOKE_INPUTS 1875
#endif
#define SMOKE_FILES 375
#define SMOKE_BYTES 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct smoke_word {
    const char *p;
    size_t n;
};
#define WORD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct smoke_word smoke_json[] = {
    WORD("{"),
    WORD("}"),
    WORD("["),
    WORD("]"),
    WORD(","),
    WORD(":"),
    WORD("\""),
    WORD("\"a\""),
    WORD("\"\\ud83d\\ude00\""),
    WORD("\"\\ud83d\""),
    WORD("\\u0000"),
    WORD("true"),
    WORD("false"),
    WORD("null"),
    WORD("0"),
    WORD("-1.5e+3"),
    WORD("9223372036854775807"),
    WORD("\xc3\xa9"),
    WORD("\xed\xa0\x80"),
    WORD(" "),
    WORD("\n"),
    WORD("\"key\":"),
    WORD("[{\"x\":[]}]"),
};
static const struct smoke_word smoke_http[] = {
    WORD("GET / HTTP/1.1\r\n"),
    WORD("POST /sessions?x=%41 HTTP/1.1\r\n"),
    WORD("Host: a\r\n"),
    WORD("HTTP/1.1 200 OK\r\n"),
    WORD("HTTP/1.1 101 \r\n"),
    WORD("HTTP/1.0 204 No\r\n"),
    WORD("\r\n"),
    WORD("Content-Length: 3\r\n"),
    WORD("Content-Length: 0\r\n"),
    WORD("Transfer-Encoding: chunked\r\n"),
    WORD("3\r\nabc\r\n"),
    WORD("0\r\n\r\n"),
    WORD("0\r\nTrailer: x\r\n\r\n"),
    WORD("a;b=\"c\"\r\n"),
    WORD("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    WORD("Connection: close\r\n"),
    WORD("\n"),
    WORD("Expect: 100-continue\r\n"),
    WORD("abc"),
    WORD(" "),
    WORD("\t"),
    WORD(": "),
    WORD("%zz"),
};
static const struct smoke_word smoke_ws[] = {
    WORD("\x81\x03"
         "abc"),
    WORD("\x01\x01"
         "a"),
    WORD("\x80\x01"
         "b"),
    WORD("\x89\x00"),
    WORD("\x8a\x02"
         "hi"),
    WORD("\x88\x02\x03\xe8"),
    WORD("\x81\x83\1\2\3\4`abc"),
    WORD("\x82\x80\0\0\0\0"),
    WORD("\x01\x81\0\0\0\0\xc3"),
    WORD("\x80\x81\0\0\0\0\xa9"),
    WORD("\x88\x80\0\0\0\0"),
    WORD("\xc1\x00"),
    WORD("\x89\x85\1\1\1\1hello"),
    WORD("\x82\x7e\x00\x80"),
    WORD("\x82\x7f\0\0\0\0\0\1\0\0"),
    WORD("\x83"),
};
static const struct smoke_word smoke_resp[] = {
    WORD("*1\r\n"),
    WORD("*2\r\n"),
    WORD("*0\r\n"),
    WORD("*-1\r\n"),
    WORD("%1\r\n"),
    WORD("~2\r\n"),
    WORD(">3\r\n"),
    WORD("|1\r\n"),
    WORD("$3\r\nabc\r\n"),
    WORD("$0\r\n\r\n"),
    WORD("$-1\r\n"),
    WORD("$9\r\n"),
    WORD("+OK\r\n"),
    WORD("-ERR no\r\n"),
    WORD(":1\r\n"),
    WORD(":-9223372036854775808\r\n"),
    WORD("_\r\n"),
    WORD("#t\r\n"),
    WORD(",1.5e3\r\n"),
    WORD("(123456789012345678901234567890\r\n"),
    WORD("=7\r\ntxt:abc\r\n"),
    WORD("!5\r\nERR x\r\n"),
    WORD("\r\n"),
    WORD("*?\r\n"),
};
static const struct smoke_word smoke_fleet[] = {
    WORD("{"),
    WORD("}"),
    WORD("\"}"),
    WORD("\"computer_name\":\"a\""),
    WORD("{\"computer_name\":\"a b\"}"),
    WORD("\"interested_in\":[\"sessions\",\"preparation\"]"),
    WORD("{\"event\":\"session_updated\",\"data\":{\"session_id\":\"x\""),
    WORD("},\"source_computer\":\"a\"}"),
    WORD("\"event\":\"session_removed\""),
    WORD(","),
    WORD("\"last_activity\":\"2026-01-01T00:00:00\""),
    WORD("{\"status\":\"success\",\"data\":"),
    WORD("{\"status\":\"error\",\"error\":\"x\",\"code\":\"NO_HANDLER\"}"),
    WORD("[1]}"),
    WORD("{\"size\":[80,24]}"),
    WORD("1700000000000-0"),
    WORD("message "),
    WORD("'"),
    WORD("'\"'\"'"),
    WORD("\\"),
    WORD("/"),
    WORD("computer:"),
    WORD("a:heartbeat"),
    WORD("\n"),
    WORD(" "),
};

#define SMOKE_ENTRY(id, op, data, at)                                                              \
    WORD("*2\r\n$3\r\n" id "\r\n*6\r\n+op\r\n+" op "\r\n+data\r\n+" data "\r\n+at\r\n+" at "\r\n")
static const struct smoke_word smoke_guest[] = {
    SMOKE_ENTRY("1-0", "type", "a", "0"),
    SMOKE_ENTRY("1-0", "size", "{\"cols\":80,\"rows\":24}", "0"),
    SMOKE_ENTRY("2-0", "type", "b", "0"),
    SMOKE_ENTRY("2-0", "ack", "500", "0"),
    SMOKE_ENTRY("3-0", "again", "", "0"),
    SMOKE_ENTRY("3-0", "type", "c", "-9000000"),
    SMOKE_ENTRY("3-0", "ack", "9223372036854775808", "0"),
    SMOKE_ENTRY("4-0", "type", "d", "x"),
    SMOKE_ENTRY("4-1", "type", "e", "0"),
    SMOKE_ENTRY("9-0", "end", "", "0"),
    WORD("*2\r\n+2-0\r\n*1\r\n+op\r\n"),
    WORD("*0\r\n"),
};

static const struct smoke_word smoke_screen[] = {
    WORD("\x1b["),
    WORD("\x1b]0;title\a"),
    WORD("\x1b]8;;http://x\x1b\\"),
    WORD("\x1b[31;1m"),
    WORD("\x1b[m"),
    WORD("\x1b[2J"),
    WORD("\x1b[H"),
    WORD("\x1b[5;3H"),
    WORD("\x1b[3;7r"),
    WORD("\x1b[?1049h"),
    WORD("\x1b[?1049l"),
    WORD("\x1b[38;5;200m"),
    WORD("\x1b[48;2;1;2;3m"),
    WORD("\x1b[4:3m"),
    WORD("\x1bM"),
    WORD("\x1b[200~"),
    WORD("\x1b[201~"),
    WORD("\x1b[<0;3;4M"),
    WORD("\x1b[1;5A"),
    WORD("\x1bOP"),
    WORD("\x1b[?2026;2$y"),
    WORD("\x1b[97;5u"),
    WORD("\x1b"),
    WORD("abc"),
    WORD("\xe6\xbc\xa2"),
    WORD("e\xcc\x81"),
    WORD("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9"),
    WORD("\xc3"),
    WORD("\r\n"),
    WORD("\b"),
    WORD("\t"),
    WORD("\x1b[999999999L"),
    WORD("\x1b[4P"),
    WORD("\x1b[4@"),
    WORD("\x1b[K"),
    WORD("\x1b(0q\x1b(B"),
    WORD("\x1b]11;rgb:ffff/0000/1234\x1b\\"),
    WORD("\x1b"
         "7"),
    WORD("\x1b"
         "8"),
    WORD("\x1b[3S"),
    WORD("\x1b[2T"),
};

static const struct smoke_word smoke_config[] = {
    WORD("\n[keys]\n"),
    WORD("\n[colours]\n"),
    WORD("\n[ui]\n"),
    WORD("\n[computer]\n"),
    WORD("\n[redis]\nurl = redis://a:b@c:1/2"),
    WORD("\ntls_command = "),
    WORD("\n[agent mine]\n"),
    WORD("\n[agent it's]\n"),
    WORD("\n[project a]\npath = /x\n"),
    WORD("\n[project \"b ]\" ]\n"),
    WORD("\nnew ="),
    WORD("\nquit = "),
    WORD("\nup = "),
    WORD("\nhelp ="),
    WORD("n, "),
    WORD("Ctrl-Q"),
    WORD("Alt-Shift-x,"),
    WORD("F1, ?"),
    WORD("PgUp"),
    WORD("\naccent = "),
    WORD("\nagent-claude = "),
    WORD("\nagent-it's = red\n"),
    WORD("bold "),
    WORD("on #102030"),
    WORD("bright-blue"),
    WORD(" 255\n"),
    WORD("\ncommand = "),
    WORD("\nfast ="),
    WORD("\nprompt = -i\n"),
    WORD("'a b' \\"),
    WORD("\nprefix = Ctrl-a\n"),
    WORD("\nmouse = no\n"),
    WORD("\nname = x y\n"),
    WORD("\ndescription = \xc3\xa9 = 1\r\n"),
    WORD("\n# words"),
    WORD("\t"),
    WORD("="),
};

static const struct {
    const struct smoke_word *words;
    size_t count;
} smoke_kinds[] = {
    {smoke_json, sizeof smoke_json / sizeof *smoke_json},
    {smoke_http, sizeof smoke_http / sizeof *smoke_http},
    {smoke_ws, sizeof smoke_ws / sizeof *smoke_ws},
    {smoke_resp, sizeof smoke_resp / sizeof *smoke_resp},
    {smoke_fleet, sizeof smoke_fleet / sizeof *smoke_fleet},
    {smoke_guest, sizeof smoke_guest / sizeof *smoke_guest},
    {smoke_screen, sizeof smoke_screen / sizeof *smoke_screen},
    {smoke_config, sizeof smoke_config / sizeof *smoke_config},
};
#define SMOKE_KINDS (sizeof smoke_kinds / sizeof *smoke_kinds)

static uint32_t smoke_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Input number i: up to three random bytes (targets read options from them), then words of one kind
 * with some random bytes in between; every eighth input is random bytes alone. */
static size_t smoke_make(uint32_t i, uint8_t *out)
{
    uint32_t state = 2463534242u + i * 2654435761u;
    size_t n = 0, kind = i % SMOKE_KINDS;
    state += !state;
    size_t most = smoke_random(&state) % SMOKE_BYTES;
    for (size_t head = smoke_random(&state) % 4; n < head; n++)
        out[n] = (uint8_t)smoke_random(&state);
    while (n < most) {
        struct smoke_word word =
            smoke_kinds[kind].words[smoke_random(&state) % smoke_kinds[kind].count];
        if (i % 8 == 7 || smoke_random(&state) % 16 == 0) {
            out[n++] = (uint8_t)(smoke_random(&state) >> 8);
        } else if (n + word.n <= SMOKE_BYTES) {
            memcpy(out + n, word.p, word.n);
            n += word.n;
        } else {
            break;
        }
    }
    return n;
}

static int smoke_write(const char *dir, uint32_t i, const uint8_t *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%04u", dir, (unsigned)i);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    for (uint32_t i = 0; i < (argc > 1 ? SMOKE_FILES : SMOKE_INPUTS); i++) {
        uint8_t bytes[SMOKE_BYTES];
        size_t n = smoke_make(i, bytes);
        if (argc > 1) {
            if (smoke_write(argv[1], i, bytes, n) != 0)
                return 1;
            continue;
        }
        uint8_t *copy =
            malloc(n ? n : 1); /* of exactly that size, so that a sanitizer sees its end */
        if (!copy)
            return 1;
        memcpy(copy, bytes, n);
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
    }
    return 0;
}
