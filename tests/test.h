/* SPDX-License-Identifier: MIT */
/* A test program in C99 or C++11:
 *
 *     #define VIAMC_IMPLEMENTATION
 *     #include "viamc.h"
 *     #include "test.h"
 *
 *     TEST(varint_of_one_octet)
 *     {
 *         uint8_t buf[10];
 *         CHECK_EQ_INT(vmc_put(buf, 1), 1);
 *         CHECK_EQ_HEX(buf, 1, "01");
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         test_begin("wire", argc, argv);
 *         RUN(varint_of_one_octet);             (a TEST that is never RUN is an unused function: it does not compile)
 *         return test_end();
 *     }
 *
 * A failed CHECK is printed and the test goes on; a failed REQUIRE leaves the test (void functions only). SKIP("reason") leaves it
 * too; begin the reason with "missing peer" or "missing data" where CI must have it: tests/run.py then counts the skip as a failure.
 * Arguments of the program: -v (a line per test), --seed N (for test_rand), --runs N (of tests with random runs), words (run only tests whose name contains one of them).
 * The last line is "NAME: N passed, N failed, N skipped"; what is counted are tests. The program starts in the repository's root. */
#ifndef VIAMC_TESTS_TEST_H
#define VIAMC_TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST(name) static void test_case_##name(void)
#define RUN(name)  test_run(#name, test_case_##name)
#define RUN_LARGE(name) do { if (!TEST_SMALL) RUN(name); } while (0) /* one that needs more than 64 KiB of memory */

#define CHECK(cond)                              ((void)test_true(!!(cond), #cond, __FILE__, __LINE__))
#define REQUIRE(cond)                            do { if (!test_true(!!(cond), #cond, __FILE__, __LINE__)) return; } while (0)
#define CHECK_EQ_INT(got, want)                  ((void)test_eq_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__))
#define CHECK_EQ_STR(got, want)                  ((void)test_eq_str(got, want, #got, __FILE__, __LINE__))
#define CHECK_EQ_MEM(got, got_len, want, want_len) \
    ((void)test_eq_mem(got, got_len, want, want_len, #got, __FILE__, __LINE__))
#define CHECK_EQ_HEX(got, got_len, want_hex)     ((void)test_eq_hex(got, got_len, want_hex, #got, __FILE__, __LINE__))
#define CHECK_NEAR(got, want, eps)               ((void)test_near((double)(got), (double)(want), (double)(eps), #got, __FILE__, __LINE__))
#define SKIP(reason)                             do { test_skip(reason); return; } while (0)
#define TEST_COUNT(array)                        (sizeof(array) / sizeof((array)[0]))

/* 1 where memory is 64 KiB and an int has 16 bits: buffers are smaller there and random tests shorter. */
#ifndef TEST_SMALL
#define TEST_SMALL (SIZE_MAX <= 0xffffu)
#endif
#define TEST_ROOM(n)  (TEST_SMALL ? (n) / 16 : (n))
#define TEST_TIMES(n) (TEST_SMALL ? (n) / 200 + 1 : (n))

enum { TEST_SHOWN_MAX = 10, TEST_HEX_MAX = TEST_SMALL ? 2048 : 65536 };     /* failed checks printed per test; octets in one hex text */

typedef struct test_state {
    const char *name;           /* of the program */
    const char *test;           /* of the test that runs */
    unsigned passed, failed, skipped;
    unsigned bad;               /* failed checks of the test that runs */
    bool skip, verbose;
    int argc;
    char **argv;
    uint64_t seed, rand;
    unsigned runs;              /* asked for by --runs; 0: as many as the test likes */
} test_state;

static test_state test_now;

/* ---- random numbers: xorshift64*, the same in every run unless --seed says otherwise; each test starts from the seed ---- */

static inline void test_rand_seed(uint64_t seed)
{
    test_now.rand = seed != 0 ? seed : 1u;                /* 0 would stay 0 for ever */
}

static inline uint32_t test_rand(void)
{
    uint64_t x = test_now.rand;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    test_now.rand = x;
    return (uint32_t)((x * 0x2545F4914F6CDD1DuLL) >> 32);
}

static inline uint32_t test_rand_below(uint32_t n)        /* 0 to n - 1; n = 0 gives 0 */
{
    return n == 0 ? 0 : (uint32_t)(((uint64_t)test_rand() * n) >> 32);
}

/* A text of n pieces, each of them one of the parts or, now and then, any octet; its length. out has room for all. */
static inline size_t test_rand_text(const char *const *parts, size_t count, size_t n, char *out)
{
    size_t len = 0;
    while (n-- != 0) {
        const char *part = parts[test_rand_below((uint32_t)count)];
        char octet[2];
        octet[0] = (char)test_rand();
        octet[1] = '\0';
        if (test_rand_below(16) == 0)
            part = octet;
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    out[len] = '\0';
    return len;
}

/* ---- checks ---- */

static inline bool test_fail(const char *file, int line)   /* true: print the details too */
{
    test_now.bad++;
    if (test_now.bad == TEST_SHOWN_MAX + 1)
        printf("  ... more failed checks in %s\n", test_now.test);
    if (test_now.bad > TEST_SHOWN_MAX)
        return false;
    printf("%s:%d: FAILED in %s (seed %llu)\n", file, line, test_now.test, (unsigned long long)test_now.seed);
    return true;
}

static inline bool test_true(bool ok, const char *text, const char *file, int line)
{
    if (!ok && test_fail(file, line))
        printf("  %s\n", text);
    return ok;
}

static inline bool test_eq_int(long long got, long long want, const char *text, const char *file, int line)
{
    if (got != want && test_fail(file, line))
        printf("  %s\n  got  %lld (0x%llx)\n  want %lld (0x%llx)\n", text, got, (unsigned long long)got, want, (unsigned long long)want);
    return got == want;
}

static inline bool test_near(double got, double want, double eps, const char *text, const char *file, int line)
{
    bool ok = got - want <= eps && want - got <= eps;      /* false for NaN */
    if (!ok && test_fail(file, line))
        printf("  %s\n  got  %.17g\n  want %.17g within %g\n", text, got, want, eps);
    return ok;
}

static inline bool test_eq_str(const char *got, const char *want, const char *text, const char *file, int line)
{
    bool ok = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);
    if (!ok && test_fail(file, line))
        printf("  %s\n  got  \"%s\"\n  want \"%s\"\n", text, got != NULL ? got : "(null)", want != NULL ? want : "(null)");
    return ok;
}

static inline void test_dump(const char *title, const uint8_t *p, size_t len, size_t differ)
{
    size_t i, from = differ > 64 ? (differ - 64) / 32 * 32 : 0, end = len - from > 256 && len > from ? from + 256 : len;
    printf("  %s %lu octets%s", title, (unsigned long)len, from > 0 ? ", shown in part" : "");
    for (i = from; i < end; i++) {
        if ((i - from) % 32 == 0)
            printf("\n    %04lx ", (unsigned long)i);
        printf("%s%02x", i == differ ? ">" : " ", (unsigned)p[i]);
    }
    printf("%s\n", end < len ? " ..." : "");
}

static inline bool test_eq_mem(const void *got, size_t got_len, const void *want, size_t want_len,
                               const char *text, const char *file, int line)
{
    const uint8_t *g = (const uint8_t *)got, *w = (const uint8_t *)want;
    size_t n = got_len < want_len ? got_len : want_len, same = 0;
    while (same < n && g[same] == w[same])
        same++;
    if (same == got_len && same == want_len)
        return true;
    if (test_fail(file, line)) {
        printf("  %s differs at octet %lu\n", text, (unsigned long)same);
        test_dump("got ", g, got_len, same);
        test_dump("want", w, want_len, same);
    }
    return false;
}

/* ---- test data ---- */

static inline void test_die(const char *what, const char *which)
{
    printf("%s: %s: %s\n", test_now.name, what, which);
    exit(2);
}

static inline int test_hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes pairs of hex digits; blanks and line ends between pairs are free. Ends the program if the text is bad or too long. */
static inline size_t test_hex(const char *hex, uint8_t *out, size_t cap)
{
    size_t len = 0;
    const char *p = hex;
    while (*p != '\0') {
        if (*p == ' ' || *p == '\n' || *p == '\t') {
            p++;
            continue;
        }
        if (test_hex_digit(p[0]) < 0 || test_hex_digit(p[1]) < 0 || len == cap)
            test_die(len == cap ? "hex text longer than its buffer" : "bad hex text", hex);
        out[len++] = (uint8_t)(test_hex_digit(p[0]) * 16 + test_hex_digit(p[1]));
        p += 2;
    }
    return len;
}

static inline bool test_eq_hex(const void *got, size_t got_len, const char *hex, const char *text, const char *file, int line)
{
    static uint8_t want[TEST_HEX_MAX];
    size_t want_len = test_hex(hex, want, sizeof want);
    return test_eq_mem(got, got_len, want, want_len, text, file, line);
}

/* The whole file in memory of malloc (freed by the caller), with a 0 behind it; NULL if there is no such file. */
static inline uint8_t *test_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = 0;
    *len = 0;
    if (f == NULL)
        return NULL;
    if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0
        || (data = (uint8_t *)malloc((size_t)size + 1)) == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        test_die("cannot read", path);
    (void)fclose(f);
    if (data != NULL)
        data[size] = 0;
    *len = (size_t)size;
    return data;
}

/* ---- running ---- */

static inline void test_skip(const char *reason)
{
    printf("skip %s: %s\n", test_now.test, reason);
    test_now.skip = true;
}

static inline void test_begin(const char *name, int argc, char **argv)
{
    int i;
    (void)setvbuf(stdout, NULL, _IONBF, 0);               /* a program that dies has still said what it had to say */
    memset(&test_now, 0, sizeof test_now);
    test_now.name = name;
    test_now.test = "main";
    test_now.argc = argc;
    test_now.argv = argv;
    test_now.seed = 1;
    for (i = 1; i < argc; i++) {
        test_now.verbose = test_now.verbose || strcmp(argv[i], "-v") == 0;
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            test_now.seed = strtoull(argv[i + 1], NULL, 0);
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            test_now.runs = (unsigned)strtoul(argv[i + 1], NULL, 0);
    }
    test_rand_seed(test_now.seed);
}

static inline bool test_wanted(const char *test)
{
    int i, words = 0;
    for (i = 1; i < test_now.argc; i++) {
        if (strcmp(test_now.argv[i], "--seed") == 0 || strcmp(test_now.argv[i], "--runs") == 0)
            i++;
        else if (test_now.argv[i][0] != '-') {
            words++;
            if (strstr(test, test_now.argv[i]) != NULL)
                return true;
        }
    }
    return words == 0;
}

static inline void test_run(const char *test, void (*body)(void))
{
    if (!test_wanted(test))
        return;
    test_now.test = test;
    test_now.bad = 0;
    test_now.skip = false;
    test_rand_seed(test_now.seed);
    body();
    if (test_now.bad > 0)
        test_now.failed++;
    else if (test_now.skip)
        test_now.skipped++;
    else
        test_now.passed++;
    if (test_now.verbose && !test_now.skip)
        printf("%s %s\n", test_now.bad > 0 ? "FAIL" : "ok  ", test);
}

static inline int test_end(void)                           /* the exit code: 0 if nothing failed and something ran */
{
    printf("%s: %u passed, %u failed, %u skipped\n", test_now.name, test_now.passed, test_now.failed, test_now.skipped);
    return test_now.failed > 0 || test_now.passed + test_now.skipped == 0;
}

#endif
