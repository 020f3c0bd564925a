/* SPDX-License-Identifier: MIT */
/* What the core costs on a board. tools/figures.py compiles it for a Cortex-M4 and looks at the result; it never runs.
 * A plaintext client that does everything but typed messages; the same program without it (EMPTY); the size of its block (BLOCK). */
#define VIAMC_NO_TLS
#define VIAMC_NO_STRINGS
#define VIAMC_NO_POSIX
#define VIAMC_NO_SERVER
#ifdef BLOCK
#define VIAMC_STATIC
#endif
#ifndef EMPTY
#define VIAMC_IMPLEMENTATION
#endif
#include "viamc.h"

/* A port whose functions are somewhere else. */
static volatile uint8_t wire;

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

extern volatile viamc_ms now;
volatile viamc_ms now;
static uint8_t memory[8192];

/* In both programs: the C library's part. */
extern const void *const library[];
const void *const library[] = {(const void *)memcpy, (const void *)memmove, (const void *)memset, (const void *)memcmp};
extern const void *volatile used;
const void *volatile used;

#ifdef EMPTY

int main(void)
{
    used = library[now];
    used = &wire_port;
    used = memory;
    return 0;
}

#else

/* The block whose size is the figure client_ram. */
static const viamc_client_desc desc = {0, &wire_port, NULL, VIAMC_BOARD, 2, true, 0, 128, 256, 512, 256, 0, 256, {NULL, NULL}, 0};

#ifdef BLOCK

/* The compiler makes it a constant. */
size_t block(void);
__attribute__((flatten)) size_t block(void)
{
    return viamc_client_mem_size(&desc);
}

#else

int main(void)
{
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_event ev;
    viamc_wait_hint hint;
    viamc_call call;
    used = library[now];
    dial.address = (const char *)memory;
    dial.insecure = wire != 0;
    if (viamc_client_mem_size(&desc) > sizeof memory || viamc_client_init(memory, sizeof memory, &desc, &robot) != VIAMC_OK
        || viamc_dial(robot, &dial) != VIAMC_OK)
        return 1;
    for (;;) {
        viamc_poll(robot, now);
        viamc_wait(robot, now, &hint);
        while (viamc_next_event(robot, &ev))
            if (ev.kind == VIAMC_EV_READY)
                viamc_call_bytes(robot, (const char *)memory, viamc_view(memory, now), NULL, &call);
    }
}

#endif
#endif
