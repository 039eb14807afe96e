/* test.h - checks for unit tests. A test is a function that calls CHECK…; a failed check is printed
 * and counted, and the test goes on. */
#ifndef TEST_H
#define TEST_H
#include <sys/mman.h>

static const char *test_name = "";
static int test_failures;

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
