/* SPDX-License-Identifier: MIT */
/* Two streams at once: an arm is sent points as fast as it takes them and acknowledges each batch, while events of a gamepad come in.
 *
 *     cc -o streams streams.c -lbearssl -lprotobuf-nanopb
 *     ./streams ADDRESS ARM GAMEPAD [KEY KEY_ID]          without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>

#define JOINTS 6
#define BATCHES 5
#define POINTS 4 /* of a batch */
#define PRESSES 5

static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];

struct streams {
    viamc_client *robot;
    viamc_call arm, pad;
    double from[JOINTS];         /* where the arm's joints are at the start, degrees */
    unsigned sent, acknowledged; /* batches */
    unsigned presses;
    unsigned over;               /* calls that are done */
};

/* ---- both directions: messages go one by one, the next when the last has left ---- */

/* The points go on from where the arm is: it would jump to others. */
static viamc_err read_joints(viamc_posix *posix, struct streams *s, const char *name)
{
    viam_component_arm_v1_GetJointPositionsResponse reply;
    viamc_event ev;
    viamc_call call;
    unsigned k = 0;
    viamc_err err;
    if ((err = viamc_arm_get_joint_positions(s->robot, name, NULL, &call)) != VIAMC_OK || (err = viamc_posix_finish(posix, call, 5000, &ev)) != VIAMC_OK
        || (err = viamc_arm_get_joint_positions_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    if (viamc_list_count(&reply.positions.values) != JOINTS)
        return VIAMC_ERR_NOMEM;
    while (k < JOINTS && viamc_list_read(&reply.positions.values, &s->from[k]))
        k++;
    return reply.positions.values.err;
}

static viamc_err start_arm(struct streams *s, const char *name)
{
    viam_component_arm_v1_MoveThroughJointPositionsStreamedRequest first = VIAMC_ZERO;
    first.name = viamc_text(name);
    first.which_message = viam_component_arm_v1_MoveThroughJointPositionsStreamedRequest_init_tag;
    return viamc_arm_move_through_joint_positions_streamed_req(s->robot, &first, NULL, &s->arm);
}

/* The next batch; behind the last one the end. */
static viamc_err send_batch(struct streams *s)
{
    viam_component_arm_v1_MoveThroughJointPositionsStreamedRequest batch = VIAMC_ZERO;
    viam_component_arm_v1_TrajectoryPoint points[POINTS] = VIAMC_ZERO;
    double joints[POINTS][JOINTS];
    unsigned i, k;
    viamc_err err;
    if (s->sent == BATCHES)
        return viamc_call_send_end(s->robot, s->arm);
    for (i = 0; i < POINTS; i++) {
        unsigned number = s->sent * POINTS + i;
        for (k = 0; k < JOINTS; k++)
            joints[i][k] = s->from[k] + number;
        points[i].has_time = points[i].has_positions = true;
        points[i].time = viamc_duration((int64_t)number * 100);
        points[i].positions.values = viamc_list_of(joints[i], JOINTS);
    }
    batch.which_message = viam_component_arm_v1_MoveThroughJointPositionsStreamedRequest_batch_tag;
    batch.message.batch.points = viamc_list_of(points, POINTS);
    err = viamc_arm_move_through_joint_positions_streamed_send(s->robot, s->arm, &batch);
    if (err == VIAMC_OK)
        s->sent++;
    return err;
}

/* ---- one direction: messages come until they are not wanted any more ---- */

static viamc_err start_pad(struct streams *s, const char *name)
{
    viam_component_inputcontroller_v1_StreamEventsRequest req = VIAMC_ZERO;
    viam_component_inputcontroller_v1_StreamEventsRequest_Events wanted = VIAMC_ZERO;
    viamc_str kinds[1];
    kinds[0] = viamc_text("PositionChangeAbs");
    wanted.control = viamc_text("AbsoluteX");
    wanted.events = viamc_list_of(kinds, 1);
    req.controller = viamc_text(name);
    req.events = viamc_list_of(&wanted, 1);
    return viamc_inputcontroller_stream_events_req(s->robot, &req, NULL, &s->pad);
}

static viamc_err on_press(struct streams *s, const viamc_event *ev)
{
    viam_component_inputcontroller_v1_StreamEventsResponse reply;
    viamc_err err = viamc_inputcontroller_stream_events_reply(ev, &reply);
    if (err != VIAMC_OK)
        return err;
    printf("%.*s %.2f\n", VIAMC_ARG(reply.event.control), reply.event.value);
    if (++s->presses < PRESSES)
        return VIAMC_OK;
    return viamc_call_cancel(s->robot, s->pad);
}

/* ---- the loop ---- */

static viamc_err on_message(struct streams *s, const viamc_event *ev)
{
    viam_component_arm_v1_MoveThroughJointPositionsStreamedResponse reply;
    viamc_err err;
    if (ev->call == s->pad && s->presses == PRESSES)
        return VIAMC_OK; /* what came before it was cancelled */
    if (ev->call == s->pad)
        return on_press(s, ev);
    if ((err = viamc_arm_move_through_joint_positions_streamed_reply(ev, &reply)) == VIAMC_OK)
        printf("batch %u acknowledged\n", ++s->acknowledged);
    return err;
}

static viamc_err on_event(struct streams *s, const viamc_event *ev)
{
    switch (ev->kind) {
    case VIAMC_EV_MESSAGE: return on_message(s, ev); /* one event per message; the window refills as they are taken */
    case VIAMC_EV_WRITABLE: return send_batch(s); /* only the arm is sent messages */
    case VIAMC_EV_DONE:
        printf("%s: %s\n", ev->call == s->arm ? "arm" : "gamepad", viamc_status_name(ev->status));
        s->over++;
        return VIAMC_OK;
    case VIAMC_EV_LOST: return ev->error.code;
    default: return VIAMC_OK;
    }
}

static viamc_err run(viamc_posix *posix, struct streams *s)
{
    viamc_event ev;
    viamc_err err = VIAMC_OK;
    while (err == VIAMC_OK && s->over < 2) {
        while (err == VIAMC_OK && viamc_next_event(s->robot, &ev))
            err = on_event(s, &ev);
        if (err == VIAMC_OK)
            err = viamc_posix_turn(posix, 1000);
    }
    return err;
}

int main(int argc, char **argv)
{
    struct streams s = VIAMC_ZERO;
    viamc_posix posix;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;

    if (argc != 4 && argc != 6)
        return fprintf(stderr, "usage: streams ADDRESS ARM GAMEPAD [KEY KEY_ID]\n"), 2;
    dial.address = argv[1];
    dial.insecure = argc == 4;
    dial.api_key = argc == 6 ? argv[4] : NULL;
    dial.api_key_id = argc == 6 ? argv[5] : NULL;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &s.robot)) != VIAMC_OK || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK
        || (err = read_joints(&posix, &s, argv[2])) != VIAMC_OK || (err = start_arm(&s, argv[2])) != VIAMC_OK
        || (err = start_pad(&s, argv[3])) != VIAMC_OK || (err = run(&posix, &s)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "streams", err);
    viamc_client_close(s.robot);
    return 0;
}
