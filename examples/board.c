/* SPDX-License-Identifier: MIT */
/* The loop of a program without an operating system: poll, do your own work, ask how long to sleep. A board brings its own port (UART,
 * lwIP); here the port is the system's sockets, so that the loop can be tried on a desk.
 *
 *     cc -o board board.c -lbearssl
 *     ./board ADDRESS [KEY KEY_ID]                without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdio.h>

static uint8_t memory[VIAMC_CLIENT_MEM(2, 2048)]; /* a board with one trust anchor: VIAMC_CLIENT_MEM_SMALL */
static const char *led = "off";
static viamc_call asked;

static void app_check(viamc_err err)
{
    if (err != VIAMC_OK)
        printf("error %s\n", viamc_err_name(err));
}

static void app_on_event(viamc_client *robot, const viamc_event *ev)
{
    switch (ev->kind) {
    case VIAMC_EV_READY:
        led = "green";
        app_check(viamc_robot_get_version(robot, NULL, &asked));
        break;
    case VIAMC_EV_LOST: /* ev->error says why, where, and when the next try is */
        led = "red";
        break;
    case VIAMC_EV_DONE: {
        viamc_str platform, version, api;
        if (ev->call == asked && viamc_robot_version(ev, &platform, &version, &api) == VIAMC_OK)
            printf("robot: %.*s %.*s, API %.*s\n", VIAMC_ARG(platform), VIAMC_ARG(version), VIAMC_ARG(api));
        break;
    }
    case VIAMC_EV_STARVED: /* this loop polled too rarely for the heartbeat window */
        printf("late by %lu ms\n", (unsigned long)ev->late_ms);
        break;
    case VIAMC_EV_UNPROTECTED: /* this robot has no sessions: it will not stop when we die */
        led = "yellow";
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    viamc_posix modem;
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_client *robot;
    viamc_wait_hint wait;
    viamc_event ev;
    char text[160];
    const char *shown = "";

    if (argc != 2 && argc != 4)
        return fprintf(stderr, "usage: board ADDRESS [KEY KEY_ID]\n"), 2;
    viamc_posix_init(&modem);
    desc.port = viamc_posix_port();
    desc.port_user = &modem;
    desc.max_calls = 2;
    desc.rx_bytes = 2048;
    dial.address = argv[1];
    dial.insecure = argc == 2;
    dial.api_key = argc == 4 ? argv[2] : NULL;
    dial.api_key_id = argc == 4 ? argv[3] : NULL;
    dial.next_root = viamc_posix_next_root; /* a board: dial.anchors, a const array made by tools/anchor.py */
    dial.next_root_user = &modem;
    dial.unix_time = viamc_posix_unix_time();
    app_check(viamc_client_init(memory, sizeof memory, &desc, &robot)); /* size short: viamc_client_mem_size says the bytes needed */
    app_check(viamc_dial(robot, &dial));

    while (viamc_poll(robot, viamc_posix_now()) == VIAMC_OK) { /* never blocks; redials by itself; an error = it will not try again */
        while (viamc_next_event(robot, &ev))
            app_on_event(robot, &ev);
        if (led != shown)
            printf("led: %s\n", shown = led); /* the control loop's step */
        viamc_wait(robot, viamc_posix_now(), &wait);
        app_check(viamc_posix_sleep(&modem, &wait));
    }
    (void)viamc_explain(robot, text, sizeof text);
    fprintf(stderr, "board: %s\n", text);
    return 1;
}
