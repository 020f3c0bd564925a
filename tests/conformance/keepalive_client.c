/* SPDX-License-Identifier: MIT */
/* A client that says nothing but PINGs, whose clock runs faster than the wall's: the least silence between two PINGs is 20 s of its own.
 *
 *     keepalive_client ADDRESS TIMES SECONDS
 *
 * TIMES as fast, for SECONDS of the wall. Prints a line for each event, "LATER_MS ready" or "LATER_MS lost WHY", by its own clock.
 * Run by test_keepalive.py. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t memory[VIAMC_CLIENT_MEM(1, 1024)];
static viamc_posix posix;

static void say(viamc_ms later, const viamc_event *ev)
{
    if (ev->kind == VIAMC_EV_READY)
        printf("%lu ready\n", (unsigned long)later);
    else if (ev->kind == VIAMC_EV_LOST)
        printf("%lu lost %s\n", (unsigned long)later, ev->error.what);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_client *robot;
    viamc_ms began = viamc_posix_now(), times, end;
    viamc_err err;
    if (argc != 4)
        return fprintf(stderr, "usage: keepalive_client ADDRESS TIMES SECONDS\n"), 2;
    times = (viamc_ms)atoi(argv[2]);
    end = began + (viamc_ms)atoi(argv[3]) * 1000u;
    desc.max_calls = 1;
    desc.rx_bytes = 1024;
    dial.address = argv[1];
    dial.insecure = true;
    dial.disable_sessions = true;
    dial.keepalive_ms = 20000;
    err = viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &robot);
    while (err == VIAMC_OK && viamc_posix_now() < end) {
        const viamc_ms now = began + (viamc_posix_now() - began) * times;
        viamc_wait_hint wait;
        viamc_event ev;
        err = viamc_poll(robot, now);
        while (viamc_next_event(robot, &ev))
            say(now - began, &ev);
        viamc_wait(robot, now, &wait);
        wait.ms /= times;
        if (wait.ms > 20)
            wait.ms = 20;
        if (err == VIAMC_OK)
            err = viamc_posix_sleep(&posix, &wait);
    }
    if (err != VIAMC_OK)
        return viamc_posix_explain(&posix, "keepalive_client", err);
    return 0;
}
