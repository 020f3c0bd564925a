/* SPDX-License-Identifier: MIT */
/* Runs a motor and sends a large message beside it, as long as that takes; tests/peers makes the link slow.
 *
 *     upload_client ADDRESS KEY KEY_ID OCTETS
 *
 * Prints "upload SECONDS s, status N, oldest heartbeat N ms, sessions lost N, starved N, connects N" and, when all is done, "stopped". */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];
static viamc_posix posix;
static viamc_client *robot;

static struct {
    unsigned lost, starved;
    uint32_t oldest; /* age of the last answered heartbeat, at most */
} seen;

/* Polls until a call is done; its status, 99: the client gave up. */
static unsigned finish(viamc_call call)
{
    for (;;) {
        viamc_wait_hint wait;
        viamc_stats stats;
        viamc_event ev;
        if (viamc_poll(robot, viamc_posix_now()) != VIAMC_OK)
            return 99;
        while (viamc_next_event(robot, &ev)) {
            seen.lost += ev.kind == VIAMC_EV_SESSION_LOST || ev.kind == VIAMC_EV_LOST;
            seen.starved += ev.kind == VIAMC_EV_STARVED;
            if (ev.kind == VIAMC_EV_SESSION_LOST || ev.kind == VIAMC_EV_LOST)
                fprintf(stderr, "lost: %s\n", ev.error.what);
            if (ev.kind == VIAMC_EV_DONE && ev.call == call)
                return ev.status;
        }
        viamc_client_stats(robot, viamc_posix_now(), &stats);
        if (stats.heartbeat_age_ms != VIAMC_FOREVER && stats.heartbeat_age_ms > seen.oldest)
            seen.oldest = stats.heartbeat_age_ms;
        viamc_wait(robot, viamc_posix_now(), &wait);
        if (viamc_posix_sleep(&posix, &wait) != VIAMC_OK)
            return 99;
    }
}

/* DoCommand {1: "imu", 2: octets}: what the sensor thinks of it does not matter. */
static bool upload(size_t octets, viamc_call *call)
{
    viamc_opts opts = VIAMC_ZERO;
    uint8_t *msg = (uint8_t *)calloc(1, octets);
    if (msg == NULL || octets < 20)
        return false;
    memcpy(msg, "\x0a\x03imu\x9a\x06", 7); /* field 99, unknown there */
    msg[7] = (uint8_t)(0x80u | ((octets - 12u) & 0x7fu));
    msg[8] = (uint8_t)(0x80u | ((octets - 12u) >> 7 & 0x7fu));
    msg[9] = (uint8_t)(0x80u | ((octets - 12u) >> 14 & 0x7fu));
    msg[10] = (uint8_t)(0x80u | ((octets - 12u) >> 21 & 0x7fu));
    msg[11] = 0;
    opts.keep = true;
    opts.reads_only = true;
    opts.timeout_ms = VIAMC_FOREVER;
    return viamc_call_bytes(robot, "/viam.component.sensor.v1.SensorService/DoCommand", viamc_view(msg, octets), &opts, call) == VIAMC_OK;
}

int main(int argc, char **argv)
{
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_stats stats;
    viamc_call call;
    viamc_ms start;
    viamc_err err;
    unsigned status;
    if (argc != 5)
        return fprintf(stderr, "usage: upload_client ADDRESS KEY KEY_ID OCTETS\n"), 2;
    dial.address = argv[1];
    dial.api_key = argv[2];
    dial.api_key_id = argv[3];
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK || (err = viamc_posix_ready(&posix, 20000)) != VIAMC_OK
        || (err = viamc_motor_set_power(robot, "left", 0.3, NULL, &call)) != VIAMC_OK || (err = viamc_posix_finish(&posix, call, 5000, NULL)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "upload_client", err);
    start = viamc_posix_now();
    if (!upload((size_t)atol(argv[4]), &call))
        return fprintf(stderr, "upload_client: the upload does not start\n"), 1;
    status = finish(call);
    viamc_client_stats(robot, viamc_posix_now(), &stats);
    printf("upload %.1f s, status %u, oldest heartbeat %lu ms, sessions lost %u, starved %u, connects %lu\n", (viamc_posix_now() - start) / 1000.0, status,
           (unsigned long)seen.oldest, seen.lost, seen.starved, (unsigned long)stats.connects);
    fflush(stdout);
    err = viamc_posix_run(&posix, 1500); /* the motor still turns: the test looks */
    if (err == VIAMC_OK && (err = viamc_motor_stop(robot, "left", NULL, &call)) == VIAMC_OK)
        err = viamc_posix_finish(&posix, call, 5000, NULL);
    if (err != VIAMC_OK)
        return viamc_posix_explain(&posix, "upload_client", err);
    printf("stopped\n");
    viamc_client_close(robot);
    viamc_posix_close(&posix);
    return 0;
}
