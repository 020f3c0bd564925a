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
#include "wire.h"

static uint8_t memory[8192];

#ifdef EMPTY

int main(void)
{
    wire_keep(memory);
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
    wire_keep(memory);
    dial.address = (const char *)memory;
    dial.insecure = wire != 0;
    if (viamc_client_mem_size(&desc) > sizeof memory || viamc_client_init(memory, sizeof memory, &desc, &robot) != VIAMC_OK
        || viamc_dial(robot, &dial) != VIAMC_OK)
        return 1;
    for (;;) {
        viamc_poll(robot, wire_now);
        viamc_wait(robot, wire_now, &hint);
        while (viamc_next_event(robot, &ev))
            if (ev.kind == VIAMC_EV_READY)
                viamc_call_bytes(robot, (const char *)memory, viamc_view(memory, wire_now), NULL, &call);
    }
}

#endif
#endif
