/* test.h - checks for unit tests. A test is a function that begins with test_begin("what holds")
 * and calls CHECK…; a failed check is printed and counted, and the test goes on. */
#ifndef TEST_H
#define TEST_H
#include <sys/mman.h>

#define TEST_NAMES_MAX 4096

static const char *test_part = "";   /* the file of tests that runs */
static const char *test_name = "";   /* the test that runs; "": none has begun */
static int test_failures;            /* failed checks of that test */
static int test_failed;              /* failed tests so far */
static const char *test_names[TEST_NAMES_MAX];
static int test_count;

static void test_fail(const char *file, int line, const char *what);

/* Prints the result of the test that runs. */
static void test_end(void)
{
    if (test_name[0])
        printf("%s - %s: %s\n", test_failures ? "not ok" : "ok", test_part, test_name);
    test_failed += test_failures > 0;
    test_failures = 0;
    test_name = "";
}

/* Ends the test that runs and begins one that is called by what must hold, a sentence that no
 * other test has: "a viewer never resizes the session". It lives as long as the program. */
static inline void test_begin(const char *name)
{
    test_end();
    test_name = name;
    for (int i = 0; i < test_count; i++)
        if (strcmp(test_names[i], name) == 0)
            test_fail(__FILE__, __LINE__, "another test has this name");
    if (test_count < TEST_NAMES_MAX)
        test_names[test_count++] = name;
}

#define CHECK(cond) \
    ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, #cond))
#define CHECK_INT(got, want) test_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
/* want: C string */
#define CHECK_SPAN(got, want) test_span(__FILE__, __LINE__, #got, (got), (want))

static void test_fail(const char *file, int line, const char *what)
{
    test_failures++;
    printf("# %s: %s:%d: %s\n", test_name, file, line, what);
}

static inline void test_int(const char *file, int line, const char *what, long long got,
                            long long want)
{
    if (got == want)
        return;
    test_fail(file, line, what);
    printf("#   got %lld, want %lld\n", got, want);
}

static inline void test_span(const char *file, int line, const char *what, span got,
                             const char *want)
{
    if (got.n == strlen(want) && (got.n == 0 || memcmp(got.p, want, got.n) == 0))
        return;
    test_fail(file, line, what);
    printf("#   got \"%.*s\"\n#   want \"%s\"\n", (int)got.n, got.n ? got.p : "", want);
}

/* A copy of s that ends right before a page that must not be touched: reading one byte too far
 * crashes. */
static inline char *guard_copy(span s)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (s.n + page) / page * page;
    char *map = mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + body, page, PROT_NONE) != 0)
        base_die("guard_copy: %s", strerror(errno));
    char *copy = map + body - s.n;
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

static inline void guard_free(char *copy, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (n + page) / page * page;
    munmap(copy + n - body, body + page);
}
#endif
