/* SPDX-License-Identifier: MIT */
/* What the emulated boards lack, asked of the machine that runs them: random octets and the date. Part of a board's file.
 * A real board has a generator of random octets and a clock of its own; without a debugger these calls are a fault. */
#ifndef SEMIHOST_H
#define SEMIHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SEMIHOST_OPEN = 0x01, SEMIHOST_CLOSE = 0x02, SEMIHOST_WRITE0 = 0x04, SEMIHOST_READ = 0x06, SEMIHOST_REMOVE = 0x0e,
       SEMIHOST_TIME = 0x11 };

static inline int32_t semihost(int32_t what, const void *with)
{
#if defined(__riscv)
    register int32_t a0 __asm__("a0") = what;
    register const void *a1 __asm__("a1") = with;
    __asm__ volatile(".balign 16\n .option push\n .option norvc\n"
                     "slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop" : "+r"(a0) : "r"(a1) : "memory");
    return a0;
#else
    register int32_t r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#endif
}

/* The first octets of a file. */
static bool semihost_file(const char *name, void *out, size_t len)
{
    const uintptr_t open[3] = {(uintptr_t)name, 1 /* "rb" */, strlen(name)};
    int32_t file = semihost(SEMIHOST_OPEN, open), left;
    uintptr_t args[3];
    if (file < 0)
        return false;
    args[0] = (uintptr_t)file;
    args[1] = (uintptr_t)out;
    args[2] = len;
    left = semihost(SEMIHOST_READ, args);
    (void)semihost(SEMIHOST_CLOSE, args);
    return left == 0;
}

static inline bool semihost_random(uint8_t *out, size_t len)
{
    return semihost_file("/dev/urandom", out, len);
}

/* A key, for a board without console: the file "key", which is gone when it was read. -1: there is none. */
static inline int semihost_key(void)
{
    static const char name[] = "key";
    const uintptr_t args[2] = {(uintptr_t)name, sizeof name - 1};
    uint8_t key;
    if (!semihost_file(name, &key, 1))
        return -1;
    (void)semihost(SEMIHOST_REMOVE, args);
    return key;
}

static inline uint64_t semihost_time(void)
{
    return (uint32_t)semihost(SEMIHOST_TIME, NULL);
}

#endif
