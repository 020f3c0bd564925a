/* SPDX-License-Identifier: MIT */
/* A fuzz target: a program that includes viamc.h with its implementation, then this, and defines fuzz_one(), which takes any octets and
 * must neither crash nor loop, and states with FUZZ_CHECK what has to hold.
 *
 * With -DFUZZ_ENGINE libFuzzer finds the octets (make fuzz). Without, the program replays files: lines of hex, '#' begins a comment;
 * tests/fuzz/corpus/NAME.txt and what was once found, tests/regress/NAME.txt. Its last line is "NAME: N passed, N failed, N skipped". */
#ifndef VIAMC_TESTS_FUZZ_H
#define VIAMC_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUZZ_MAX = 4096 }; /* octets of an input */

#define FUZZ_CHECK(cond) ((cond) ? (void)0 : fuzz_fail(#cond, __FILE__, __LINE__))

static inline void fuzz_fail(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

static void fuzz_one(viamc_bytes in);

/* A block of just that size, so that a step beside it is seen. Nothing is said of what it holds. */
static inline uint8_t *fuzz_room(size_t n)
{
    uint8_t *room = (uint8_t *)malloc(n != 0 ? n : 1u);
    FUZZ_CHECK(room != NULL);
    memset(room, 0xa5, n);
    return room;
}

/* A copy in such a block. */
static inline uint8_t *fuzz_exact(viamc_bytes v)
{
    uint8_t *copy = fuzz_room(v.len);
    vmc_copy(copy, v.ptr, v.len);
    return copy;
}

static inline bool fuzz_inside(viamc_bytes part, viamc_bytes all)
{
    return part.len == 0 || (part.ptr >= all.ptr && part.len <= all.len - (size_t)(part.ptr - all.ptr));
}

/* Takes up to n octets off the input. */
static inline viamc_bytes fuzz_take(viamc_bytes *in, size_t n)
{
    viamc_bytes v = viamc_view(in->ptr, vmc_min(n, in->len));
    in->ptr += v.len;
    in->len -= v.len;
    return v;
}

/* Takes a number of one octet; 0 at the end. */
static inline uint8_t fuzz_u8(viamc_bytes *in)
{
    viamc_bytes v = fuzz_take(in, 1);
    return v.len != 0 ? *v.ptr : 0;
}

/* What an execution gave, as octets, to be compared with another one's. */
typedef struct fuzz_trace {
    uint8_t octet[16u * FUZZ_MAX];
    size_t len; /* those beyond the room are only counted */
} fuzz_trace;

static inline void fuzz_note(fuzz_trace *t, const void *p, size_t n)
{
    if (t->len <= sizeof t->octet && n <= sizeof t->octet - t->len)
        vmc_copy(t->octet + t->len, p, n);
    t->len += n;
}

static inline void fuzz_note_number(fuzz_trace *t, uint32_t v)
{
    uint8_t octets[4];
    vmc_put_be32(octets, v);
    fuzz_note(t, octets, sizeof octets);
}

static inline bool fuzz_same(const fuzz_trace *a, const fuzz_trace *b)
{
    return a->len == b->len && memcmp(a->octet, b->octet, vmc_min(a->len, sizeof a->octet)) == 0;
}

#ifdef FUZZ_ENGINE

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n <= FUZZ_MAX)
        fuzz_one(viamc_view(p, n));
    return 0;
}

#else

static inline int fuzz_digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Runs the inputs of a file; their number. */
static unsigned fuzz_replay(const char *path)
{
    static char line[2 * FUZZ_MAX + 2];
    unsigned runs = 0;
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        size_t n = 0;
        uint8_t *copy;
        if (line[0] == '#')
            continue;
        for (; fuzz_digit(line[2 * n]) >= 0 && fuzz_digit(line[2 * n + 1]) >= 0; n++)
            line[n] = (char)(fuzz_digit(line[2 * n]) * 16 + fuzz_digit(line[2 * n + 1]));
        copy = fuzz_exact(viamc_view(line, n));
        fuzz_one(viamc_view(copy, n));
        free(copy);
        runs++;
    }
    if (f != NULL)
        (void)fclose(f);
    return runs;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *program = slash == NULL ? argv[0] : slash + 1;
    const char *name = strncmp(program, "fuzz_", 5) == 0 ? program + 5 : program;
    char path[512];
    unsigned runs = 0;
    int i;
    for (i = 1; i < argc; i++)
        runs += fuzz_replay(argv[i]);
    if (argc == 1) {
        (void)snprintf(path, sizeof path, "tests/fuzz/corpus/%s.txt", name);
        runs += fuzz_replay(path);
        (void)snprintf(path, sizeof path, "tests/regress/%s.txt", name);
        runs += fuzz_replay(path);
    }
    printf("%u inputs\n%s: %u passed, %u failed, 0 skipped\n", runs, program, runs != 0, runs == 0);
    return runs == 0;
}

#endif
#endif
