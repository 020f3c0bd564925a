/* SPDX-License-Identifier: MIT */
/* A game with a team of robots in one frame loop: a stick that moves 60 times a second drives their bases. A robot that is slow or gone
 * costs the others no frame.
 *
 *     cc -o game game.c -lbearssl -lprotobuf-nanopb
 *     ./game ADDRESS...          up to twelve, plaintext; two seconds of driving, then all are stopped */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>

#define TEAM 12
#define FRAMES 120
#define FRAME_MS 16
#define PATIENCE_MS 3000 /* to meet them, and to stop them */

struct player {
    viamc_posix posix;
    viamc_client *robot;
    const char *address;
    viamc_call drive, stop;
    unsigned values, answers; /* given by the stick, and by the robot: newer values replace what still waits */
    bool stopped;
};

static uint8_t memory[TEAM][VIAMC_CLIENT_MEM_PLAIN(3, 0)];
static struct player team[TEAM];
static int count;

static viamc_err meet(struct player *p, uint8_t *block, const char *address)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    p->address = address;
    desc.profile = VIAMC_BOARD; /* small buffers will do */
    desc.no_tls = true;
    desc.max_calls = 3;
    dial.address = address;
    dial.insecure = true;
    return viamc_posix_open(&p->posix, block, sizeof memory[0], &desc, &dial, &p->robot);
}

static void on_event(struct player *p, const viamc_event *ev)
{
    if (ev->kind == VIAMC_EV_DONE && ev->call == p->stop)
        p->stopped = ev->error.code == VIAMC_OK && !ev->unconfirmed;
    else if (ev->kind == VIAMC_EV_DONE && ev->error.code == VIAMC_OK)
        p->answers++;
}

/* Bounded work for each: a bad robot cannot drop the frame rate. */
static void poll_team(viamc_ms now)
{
    viamc_event ev;
    int i;
    for (i = 0; i < count; i++) {
        (void)viamc_poll(team[i].robot, now); /* its error is in the events, and it dials again by itself */
        while (viamc_next_event(team[i].robot, &ev))
            on_event(&team[i], &ev);
    }
}

static void drive_team(double x, double y)
{
    viamc_opts newest = VIAMC_ZERO;
    int i;
    newest.replace = true; /* one value is under way, and only the newest waits */
    for (i = 0; i < count; i++)
        if (viamc_base_set_power(team[i].robot, "base", viamc_vec3(0, y, 0), viamc_vec3(0, 0, x), &newest, &team[i].drive) == VIAMC_OK)
            team[i].values++;
}

static bool all_are(bool (*what)(const struct player *p))
{
    int i;
    for (i = 0; i < count; i++)
        if (!what(&team[i]))
            return false;
    return true;
}

static bool is_ready(const struct player *p)
{
    return viamc_state(p->robot) == VIAMC_READY;
}

static bool is_stopped(const struct player *p)
{
    return p->stopped;
}

/* Frames until all are so, or patience is at its end. */
static void wait_for(bool (*what)(const struct player *p))
{
    viamc_wait_hint frame = VIAMC_ZERO;
    const viamc_ms start = viamc_posix_now();
    frame.ms = FRAME_MS;
    do {
        poll_team(viamc_posix_now());
        (void)viamc_posix_sleep(&team[0].posix, &frame);
    } while (!all_are(what) && viamc_posix_now() - start < PATIENCE_MS);
}

static void rest_until(viamc_ms then)
{
    viamc_wait_hint rest = VIAMC_ZERO;
    while ((rest.ms = then - viamc_posix_now()) != 0 && rest.ms <= FRAME_MS) /* else it is late: the difference wraps */
        (void)viamc_posix_sleep(&team[0].posix, &rest);
}

static void play(void)
{
    viamc_ms next = viamc_posix_now();
    int frame;
    for (frame = 0; frame < FRAMES; frame++, next += FRAME_MS) {
        double stick = (double)frame / FRAMES; /* here the gamepad would be read, and the picture drawn */
        rest_until(next);
        poll_team(viamc_posix_now());
        drive_team(stick / 2, stick);
    }
}

int main(int argc, char **argv)
{
    int i, failed = 0;
    if (argc < 2 || argc > 1 + TEAM)
        return fprintf(stderr, "usage: game ADDRESS...    (at most %d)\n", TEAM), 2;
    for (count = 0; count < argc - 1; count++) {
        viamc_err err = meet(&team[count], memory[count], argv[count + 1]);
        if (err != VIAMC_OK)
            return viamc_posix_explain(&team[count].posix, "game", err);
    }
    wait_for(is_ready);
    play();
    for (i = 0; i < count; i++)
        (void)viamc_base_stop(team[i].robot, "base", NULL, &team[i].stop);
    wait_for(is_stopped);
    for (i = 0; i < count; i++) {
        printf("%s: %u values, %u answers, %s\n", team[i].address, team[i].values, team[i].answers, team[i].stopped ? "stopped" : "not stopped");
        failed += !team[i].stopped;
        viamc_client_close(team[i].robot);
    }
    return failed != 0;
}
