/* SPDX-License-Identifier: MIT */
/* Drives a robot's motor for five seconds under a safety session: kill this program, and the robot stops the motor.
 *
 *     cc -o drive drive.c -lbearssl -lprotobuf-nanopb        (Debian: libbearssl-dev, libnanopb-dev)
 *     ./drive ADDRESS KEY KEY_ID */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>

static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)]; /* 4 calls at once, replies of up to 16 KiB */

static void print_readings(const viamc_event *ev)
{
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    if (viamc_readings(ev, &fields) != VIAMC_OK)
        return;
    while (viamc_struct_next(&fields, &key, &value)) /* walks the received bytes; nothing was copied or allocated */
        if (value.kind == VIAMC_NUMBER)
            printf("%.*s = %g\n", VIAMC_ARG(key), value.number);
}

int main(int argc, char **argv)
{
    viamc_posix posix; /* sockets, clock, entropy, system trust store */
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_event ev;
    viamc_call call;
    viamc_err err;

    if (argc != 4)
        return fprintf(stderr, "usage: drive ADDRESS KEY KEY_ID\n"), 2;
    dial.address = argv[1]; /* "10.0.0.7:8080", "rover-main.abc.viam.cloud", "unix:/tmp/robot.sock" */
    dial.api_key = argv[2];
    dial.api_key_id = argv[3];
    dial.require_session = true; /* a robot that would not stop when this program dies is not moved */
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK /* NULL: 4 calls, rx = the rest */
        || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK
        || (err = viamc_motor_set_power(robot, "left", 0.3, NULL, &call)) != VIAMC_OK
        || (err = viamc_posix_finish(&posix, call, 1000, NULL)) != VIAMC_OK
        || (err = viamc_sensor_get_readings(robot, "imu", NULL, &call)) != VIAMC_OK
        || (err = viamc_posix_finish(&posix, call, 1000, &ev)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "drive", err); /* "drive: TLS: certificate expired 2026-03-01 (rover-main.abc.viam.cloud:443)" */
    print_readings(&ev);

    if ((err = viamc_posix_run(&posix, 5000)) != VIAMC_OK) /* five seconds of driving: heartbeats flow, then the session is left to expire */
        return viamc_posix_explain(&posix, "drive", err);
    viamc_client_close(robot);
    return 0;
}
