/* SPDX-License-Identifier: MIT */
/* Keeps a robot busy for a while, whatever becomes of it: moves of ever new power, readings, and a stream that stays open. tests/peers ends the robot
 * meanwhile and starts it again.
 *
 *     restart_client ADDRESS KEY KEY_ID SECONDS
 *
 * Prints a line for each event, "LATER_MS ready", "... lost WHY", "... session lost WHY", "... done METHOD STATUS RAN", and at the end
 * "calls N, done N, stopped STATUS". */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>
#include <stdlib.h>

#define REFLECTION "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

static uint8_t memory[VIAMC_CLIENT_MEM(6, 16384)];
static viamc_posix posix;
static viamc_client *robot;
static viamc_ms began;

static struct {
    viamc_call move, reading[2], stream;
    viamc_ms next_move;
    unsigned started, done;
    double power;
} job;

static const char *const rans[] = {"?", "NOT_RUN", "MAYBE", "ANSWERED"};

static void say(const char *what, const char *more)
{
    printf("%lu %s %s\n", (unsigned long)(viamc_posix_now() - began), what, more);
    fflush(stdout);
}

static void started(viamc_err err, viamc_call *call)
{
    if (err != VIAMC_OK)
        *call = 0;
    job.started += err == VIAMC_OK;
}

/* A move every 100 ms, each with a power of its own; two readings and a stream at any time. */
static void keep_busy(void)
{
    viamc_opts opts = VIAMC_ZERO;
    unsigned i;
    opts.stream = VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM;
    if (viamc_state(robot) != VIAMC_READY)
        return;
    if (job.move == 0 && (int32_t)(viamc_posix_now() - job.next_move) >= 0) {
        job.next_move = viamc_posix_now() + 100;
        job.power += 0.0001;
        started(viamc_motor_set_power(robot, "left", job.power, NULL, &job.move), &job.move);
    }
    for (i = 0; i < 2; i++)
        if (job.reading[i] == 0)
            started(viamc_sensor_get_readings(robot, "imu", NULL, &job.reading[i]), &job.reading[i]);
    if (job.stream == 0) {
        started(viamc_call_bytes(robot, REFLECTION, viamc_view(NULL, 0), &opts, &job.stream), &job.stream);
        (void)viamc_call_send_bytes(robot, job.stream, viamc_view("\x3a\x01*", 3)); /* list_services */
    }
}

static void on_done(const viamc_event *ev)
{
    char text[200];
    const char *name = strrchr(ev->path, '/');
    viamc_call *slots[4] = {&job.move, &job.reading[0], &job.reading[1], &job.stream};
    unsigned i;
    job.done++;
    for (i = 0; i < 4; i++)
        if (*slots[i] == ev->call)
            *slots[i] = 0;
    snprintf(text, sizeof text, "%s %s %s", name + 1, viamc_status_name(ev->status), rans[ev->ran]);
    say("done", text);
}

static void on_event(const viamc_event *ev)
{
    switch (ev->kind) {
    case VIAMC_EV_READY: say("ready", ""); break;
    case VIAMC_EV_LOST: say("lost", ev->error.what); break;
    case VIAMC_EV_SESSION_LOST: say("session lost", ev->error.what); break;
    case VIAMC_EV_DONE: on_done(ev); break;
    default: break;
    }
}

static bool turn(void)
{
    viamc_wait_hint wait;
    viamc_event ev;
    if (viamc_poll(robot, viamc_posix_now()) != VIAMC_OK)
        return false;
    while (viamc_next_event(robot, &ev))
        on_event(&ev);
    keep_busy();
    viamc_wait(robot, viamc_posix_now(), &wait);
    if (wait.ms > 20)
        wait.ms = 20;
    return viamc_posix_sleep(&posix, &wait) == VIAMC_OK;
}

int main(int argc, char **argv)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_event ev;
    viamc_call stop;
    viamc_err err;
    if (argc != 5)
        return fprintf(stderr, "usage: restart_client ADDRESS KEY KEY_ID SECONDS\n"), 2;
    desc.max_calls = 6;
    desc.rx_bytes = 16384;
    dial.address = argv[1];
    dial.api_key = argv[2];
    dial.api_key_id = argv[3];
    began = viamc_posix_now();
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &robot)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "restart_client", err);
    while (viamc_posix_now() - began < (viamc_ms)atoi(argv[4]) * 1000u)
        if (!turn())
            return viamc_posix_explain(&posix, "restart_client", VIAMC_ERR_IO);
    err = viamc_motor_stop(robot, "left", NULL, &stop);
    for (; err == VIAMC_OK; (void)viamc_posix_turn(&posix, 20))
        while (viamc_next_event(robot, &ev)) {
            if (ev.kind != VIAMC_EV_DONE)
                continue;
            if (ev.call == stop) {
                unsigned running = (job.move != 0) + (job.reading[0] != 0) + (job.reading[1] != 0) + (job.stream != 0);
                printf("calls %u, done %u, running %u, stopped %s%s\n", job.started, job.done, running, viamc_status_name(ev.status), ev.unconfirmed ? " unconfirmed" : "");
                return 0;
            }
            on_done(&ev);
        }
    return viamc_posix_explain(&posix, "restart_client", err);
}
