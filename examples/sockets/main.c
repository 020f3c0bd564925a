/* SPDX-License-Identifier: MIT */
/* Drives a motor for five seconds, from ESP-IDF (../esp_idf) or Zephyr (../zephyr): the network stands when this begins.
 * Put whom you talk to into settings.h of ../bare_metal, or build with -DSETTINGS='"other.h"'. */
#include "socket_port.h"
#include "viamc_proto.h"

#ifndef SETTINGS
#define SETTINGS "../bare_metal/settings.h"
#endif
#include SETTINGS
#ifndef APP_PLAINTEXT
#define APP_PLAINTEXT 0
#endif

enum { CALLS = 2, DRIVE_MS = 5000 };

#if APP_PLAINTEXT
static uint8_t memory[VIAMC_CLIENT_MEM_PLAIN(CALLS, 0)];
#else
static uint8_t memory[VIAMC_CLIENT_MEM_SMALL(CALLS, 0)];
#endif

static viamc_client *robot;
static socket_port line;

static viamc_err start(uint64_t unix_time)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;
    socket_port_init(&line);
    desc.port = socket_client_port();
    desc.port_user = &line;
    desc.profile = VIAMC_BOARD;
    desc.max_calls = CALLS;
    desc.no_tls = APP_PLAINTEXT;
    dial.address = APP_ADDRESS;
    dial.insecure = APP_PLAINTEXT;
    dial.unix_time = unix_time;
#if !APP_PLAINTEXT
    dial.api_key = APP_KEY;
    dial.api_key_id = APP_KEY_ID;
    dial.anchors = app_anchors;
    dial.anchor_count = app_anchors_count;
#endif
    if ((err = viamc_client_init(memory, sizeof memory, &desc, &robot)) != VIAMC_OK)
        return err;
    return viamc_dial(robot, &dial);
}

/* unix_time: seconds since 1970, of SNTP or a clock of the board's; without it certificates cannot be checked. */
viamc_err drive(uint64_t unix_time);
viamc_err drive(uint64_t unix_time)
{
    viamc_wait_hint wait;
    viamc_event ev;
    viamc_ms begun = 0;
    bool driving = false;
    viamc_err err = start(unix_time);
    while (err == VIAMC_OK && (err = viamc_poll(robot, socket_port_now())) == VIAMC_OK) {
        while (viamc_next_event(robot, &ev))
            if (ev.kind == VIAMC_EV_READY && !driving) {
                driving = viamc_motor_set_power(robot, APP_MOTOR, 0.3, NULL, NULL) == VIAMC_OK;
                begun = socket_port_now();
            }
        if (driving && socket_port_now() - begun >= DRIVE_MS)
            break; /* the session is left to expire, which stops the motor */
        viamc_wait(robot, socket_port_now(), &wait);
        if (driving && wait.ms > 100u)
            wait.ms = 100;
        socket_port_sleep(&line, &wait);
    }
    viamc_client_close(robot);
    return err;
}
