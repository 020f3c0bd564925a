/* SPDX-License-Identifier: MIT */
/* Prints a sensor's readings once a second, by events and without helpers that hide the loop.
 *
 *     cc -o sensor sensor.c -lbearssl -lprotobuf-nanopb
 *     ./sensor ADDRESS NAME [KEY KEY_ID]          without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>

static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];

static void print_fields(viamc_fields fields)
{
    viamc_str key;
    viamc_value value;
    while (viamc_struct_next(&fields, &key, &value))
        if (value.kind == VIAMC_NUMBER)
            printf("%.*s = %g\n", VIAMC_ARG(key), value.number);
        else if (value.kind == VIAMC_STRING)
            printf("%.*s = %.*s\n", VIAMC_ARG(key), VIAMC_ARG(value.text));
        else if (value.kind == VIAMC_BOOL)
            printf("%.*s = %s\n", VIAMC_ARG(key), value.boolean ? "true" : "false");
}

int main(int argc, char **argv)
{
    viamc_posix posix;
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_event ev;
    viamc_fields fields;
    viamc_call readings = 0;
    viamc_ms asked = 0;
    viamc_err err;

    if (argc != 3 && argc != 5)
        return fprintf(stderr, "usage: sensor ADDRESS NAME [KEY KEY_ID]\n"), 2;
    dial.address = argv[1];
    dial.insecure = argc == 3;
    dial.api_key = argc == 5 ? argv[3] : NULL;
    dial.api_key_id = argc == 5 ? argv[4] : NULL;
    err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot);
    while (err == VIAMC_OK) {
        err = viamc_posix_turn(&posix, 1000); /* one poll, then a sleep until there is something to do */
        while (viamc_next_event(robot, &ev))
            switch (ev.kind) {
            case VIAMC_EV_DONE:
                if (ev.call == readings && viamc_readings(&ev, &fields) == VIAMC_OK)
                    print_fields(fields);
                else
                    fprintf(stderr, "%s: %.*s\n", viamc_status_name(ev.status), VIAMC_ARG(ev.text));
                break;
            case VIAMC_EV_LOST:
                fprintf(stderr, "connection lost, next try in %lu ms\n", (unsigned long)ev.retry_ms);
                break;
            default:
                break;
            }
        if (viamc_state(robot) == VIAMC_READY && viamc_posix_now() - asked >= 1000) {
            asked = viamc_posix_now();
            err = viamc_sensor_get_readings(robot, argv[2], NULL, &readings);
        }
    }
    return viamc_posix_explain(&posix, "sensor", err);
}
