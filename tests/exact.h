/* SPDX-License-Identifier: MIT */
/* Octets in blocks of exactly their size, for the sanitizer. Include after viamc.h and test.h. */
#ifndef VIAMC_TESTS_EXACT_H
#define VIAMC_TESTS_EXACT_H

/* A copy in a block of just that size, so that a read past its end is seen. Freed by the caller. */
static inline viamc_bytes exact(const void *p, size_t n)
{
    uint8_t *copy = (uint8_t *)malloc(n != 0 ? n : 1u);
    if (copy == NULL)
        test_die("no memory", "exact");
    memcpy(copy, p, n);
    return viamc_view(copy + (n != 0 ? 0 : 1), n);
}

static inline void drop(viamc_bytes v)
{
    union { const uint8_t *in; void *out; } block; /* without casting const away */
    block.in = v.len != 0 ? v.ptr : v.ptr - 1;
    free(block.out);
}

static inline viamc_bytes hex(const char *text)
{
    static uint8_t buf[4096];
    return exact(buf, test_hex(text, buf, sizeof buf));
}

#endif
