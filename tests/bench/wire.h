/* SPDX-License-Identifier: MIT */
/* What programs that are only measured for their size have around viamc: a port whose functions are somewhere else, a clock, keys. The
 * compiler cannot know what comes from there, so it leaves nothing out. The same in the program without viamc that is taken off. */
#ifndef WIRE_H
#define WIRE_H

#include "viamc.h"

static volatile uint8_t wire;
extern volatile viamc_ms wire_now;
volatile viamc_ms wire_now;

static viamc_err wire_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    (void)user, (void)conn, (void)host, (void)port;
    return wire;
}

static viamc_err wire_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    (void)user, (void)conn, (void)cap;
    *len = buf[0] = wire;
    return wire;
}

static viamc_err wire_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    (void)user, (void)conn;
    wire = buf[0];
    *done = len;
    return wire;
}

static void wire_close(void *user, unsigned conn)
{
    (void)user, (void)conn;
}

static viamc_err wire_random(void *user, uint8_t *out, size_t len)
{
    (void)user, (void)len;
    out[0] = wire;
    return wire;
}

extern const viamc_port wire_port;
const viamc_port wire_port = {wire_open, wire_read, wire_write, wire_close, wire_random, NULL};

/* In every program: the port, the C library's part, and this memory. */
extern const void *const wire_library[];
const void *const wire_library[] = {(const void *)memcpy, (const void *)memmove, (const void *)memset, (const void *)memcmp, &wire_port};
extern const void *volatile wire_used;
const void *volatile wire_used;

static inline void wire_keep(const void *memory)
{
    wire_used = wire_library[wire_now];
    wire_used = memory;
}

#endif
