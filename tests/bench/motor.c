/* SPDX-License-Identifier: MIT */
/* The motor example whose size tools/size.py takes: dials, drives, asks whether the motor is on, stops; it never runs.
 *
 *     TYPED        by viamc_proto.h and nanopb; else by viamc_call_bytes and messages made by hand
 *     PLAIN        without TLS
 *     PINNED       the robot's key is pinned; else its certificates are checked against anchors
 *     EMPTY        the same port and library functions without viamc: what is taken off */
#ifdef PLAIN
#define VIAMC_NO_TLS
#endif
#ifndef EMPTY
#define VIAMC_IMPLEMENTATION
#endif
#ifdef TYPED
#include "viamc_proto.h"
#else
#include "viamc.h"
#endif
#include "wire.h"

enum { CALLS = 2 };
#ifdef PLAIN
static uint8_t memory[VIAMC_CLIENT_MEM_PLAIN(CALLS, 0)];
#else
static uint8_t memory[VIAMC_CLIENT_MEM_SMALL(CALLS, 0)];
#endif

#ifdef EMPTY

int main(void)
{
    wire_keep(memory);
    return 0;
}

#else

static viamc_client *robot;
static bool is_on;
static viamc_call asked;

#ifdef TYPED

static viamc_err drive(void)
{
    return viamc_motor_set_power(robot, "left", 0.3, NULL, NULL);
}

static viamc_err ask(void)
{
    return viamc_motor_is_powered(robot, "left", NULL, &asked);
}

static viamc_err stop(void)
{
    return viamc_motor_stop(robot, "left", NULL, NULL);
}

static void on_done(const viamc_event *ev)
{
    viam_component_motor_v1_IsPoweredResponse reply;
    if (ev->call == asked && viamc_motor_is_powered_reply(ev, &reply) == VIAMC_OK)
        is_on = reply.is_on;
}

#else

#define MOTOR "/viam.component.motor.v1.MotorService/"

/* Field 1: the name. Field 2 of SetPower: 0.3, a double. */
static const uint8_t name[] = {0x0a, 4, 'l', 'e', 'f', 't'};
static const uint8_t power[] = {0x0a, 4, 'l', 'e', 'f', 't', 0x11, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0xd3, 0x3f};

static viamc_err drive(void)
{
    return viamc_call_bytes(robot, MOTOR "SetPower", viamc_view(power, sizeof power), NULL, NULL);
}

static viamc_err ask(void)
{
    viamc_opts opts = VIAMC_ZERO;
    opts.reads_only = true;
    return viamc_call_bytes(robot, MOTOR "IsPowered", viamc_view(name, sizeof name), &opts, &asked);
}

static viamc_err stop(void)
{
    return viamc_call_bytes(robot, MOTOR "Stop", viamc_view(name, sizeof name), NULL, NULL);
}

/* Field 1 of the reply, a bool that is there if it is true. */
static void on_done(const viamc_event *ev)
{
    if (ev->call == asked && ev->status == 0)
        is_on = ev->msg.len >= 2 && ev->msg.ptr[0] == 0x08 && ev->msg.ptr[1] == 1;
}

#endif

static viamc_err start(void)
{
    static const uint8_t pin[32] = {1};
    static const viamc_anchor anchors[1] = {{{pin, sizeof pin}, VIAMC_KEY_EC, VIAMC_CURVE_P256, 1, {NULL, 0}, {NULL, 0}, {pin, sizeof pin}, 0, 0}};
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;
    desc.port = &wire_port;
    desc.profile = VIAMC_BOARD;
    desc.max_calls = CALLS;
    dial.address = "robot.local:8080";
    dial.api_key_id = "00000000-0000-0000-0000-000000000000";
    dial.api_key = "secret";
#ifdef PLAIN
    desc.no_tls = true;
    dial.insecure = true;
    dial.allow_insecure_with_creds_downgrade = true;
    (void)anchors, (void)pin;
#elif defined(PINNED)
    dial.pin_sha256 = viamc_view(pin, sizeof pin);
    (void)anchors;
#else
    dial.anchors = anchors;
    dial.anchor_count = 1;
    dial.unix_time = wire_now;
#endif
    if ((err = viamc_client_init(memory, sizeof memory, &desc, &robot)) != VIAMC_OK)
        return err;
    return viamc_dial(robot, &dial);
}

static void on_key(uint8_t key)
{
    viamc_err err = key == 'f' ? drive() : key == 'a' ? ask() : stop();
    wire = (uint8_t)err;
}

int main(void)
{
    viamc_event ev;
    viamc_wait_hint wait;
    wire_keep(memory);
    if (start() != VIAMC_OK)
        return 1;
    while (viamc_poll(robot, wire_now) == VIAMC_OK) {
        while (viamc_next_event(robot, &ev))
            if (ev.kind == VIAMC_EV_DONE)
                on_done(&ev);
        if (viamc_state(robot) == VIAMC_READY)
            on_key(wire);
        viamc_wait(robot, wire_now, &wait);
        wire = (uint8_t)(wait.ms + is_on);
    }
    return 1;
}

#endif
