/* SPDX-License-Identifier: MIT */
/* Moves the joints of an arm: each ten degrees on, then home over two points. A list is read element by element, and written from an array.
 *
 *     cc -o arm arm.c -lbearssl -lprotobuf-nanopb
 *     ./arm ADDRESS NAME [KEY KEY_ID]          without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>

#define JOINTS 6
#define MOVE_MS 60000 /* a move has no time limit of its own: this is how long the program waits */

static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];

static viamc_err print_pose(viamc_posix *posix, viamc_client *robot, const char *name)
{
    viam_component_arm_v1_GetEndPositionResponse reply;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    if ((err = viamc_arm_get_end_position(robot, name, NULL, &call)) != VIAMC_OK || (err = viamc_posix_finish(posix, call, 5000, &ev)) != VIAMC_OK
        || (err = viamc_arm_get_end_position_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    printf("hand at x %.1f, y %.1f, z %.1f mm\n", reply.pose.x, reply.pose.y, reply.pose.z);
    return VIAMC_OK;
}

/* Where the joints are, in degrees; *count of them. An arm with more than JOINTS is not for this program. */
static viamc_err read_joints(viamc_posix *posix, viamc_client *robot, const char *name, double joints[JOINTS], size_t *count)
{
    viam_component_arm_v1_GetJointPositionsResponse reply;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    if ((err = viamc_arm_get_joint_positions(robot, name, NULL, &call)) != VIAMC_OK || (err = viamc_posix_finish(posix, call, 5000, &ev)) != VIAMC_OK
        || (err = viamc_arm_get_joint_positions_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    *count = 0;
    if (viamc_list_count(&reply.positions.values) > JOINTS)
        return VIAMC_ERR_NOMEM;
    while (*count < JOINTS && viamc_list_read(&reply.positions.values, &joints[*count])) { /* out of the received bytes */
        printf("joint %u at %.1f degrees\n", (unsigned)*count, joints[*count]);
        ++*count;
    }
    return reply.positions.values.err;
}

static viamc_err move_to(viamc_posix *posix, viamc_client *robot, const char *name, const double joints[JOINTS], size_t count)
{
    viam_component_arm_v1_JointPositions to = VIAMC_ZERO;
    viamc_call call;
    viamc_err err;
    to.values = viamc_list_of(joints, count); /* may go when the call has started */
    err = viamc_arm_move_to_joint_positions(robot, name, to, NULL, &call);
    return err == VIAMC_OK ? viamc_posix_finish(posix, call, MOVE_MS, NULL) : err;
}

/* A list of messages that have lists. */
static viamc_err move_over(viamc_posix *posix, viamc_client *robot, const char *name, const double first[JOINTS], const double last[JOINTS], size_t count)
{
    viam_component_arm_v1_JointPositions points[2];
    viamc_call call;
    viamc_err err;
    points[0].values = viamc_list_of(first, count);
    points[1].values = viamc_list_of(last, count);
    err = viamc_arm_move_through_joint_positions(robot, name, points, 2, NULL, &call);
    return err == VIAMC_OK ? viamc_posix_finish(posix, call, MOVE_MS, NULL) : err;
}

/* After the first move: such a robot goes on with a move when its driver dies. Whoever does not want that sets dial.require_session. */
static void warn_unprotected(const viamc_client *robot)
{
    viamc_stats stats;
    viamc_client_stats(robot, viamc_posix_now(), &stats);
    if (stats.window_ms == 0)
        fprintf(stderr, "arm: this robot has no sessions: it does not stop when this program dies\n");
}

static viamc_err drive(viamc_posix *posix, viamc_client *robot, const char *name)
{
    double home[JOINTS], there[JOINTS], half[JOINTS];
    size_t count = 0, i;
    viamc_err err;
    if ((err = print_pose(posix, robot, name)) != VIAMC_OK || (err = read_joints(posix, robot, name, home, &count)) != VIAMC_OK)
        return err;
    for (i = 0; i < count; i++) {
        there[i] = home[i] + 10;
        half[i] = home[i] + 5;
    }
    if ((err = move_to(posix, robot, name, there, count)) != VIAMC_OK)
        return err;
    warn_unprotected(robot);
    if ((err = print_pose(posix, robot, name)) != VIAMC_OK || (err = move_over(posix, robot, name, half, home, count)) != VIAMC_OK)
        return err;
    printf("home again\n");
    return VIAMC_OK;
}

int main(int argc, char **argv)
{
    viamc_posix posix;
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;

    if (argc != 3 && argc != 5)
        return fprintf(stderr, "usage: arm ADDRESS NAME [KEY KEY_ID]\n"), 2;
    dial.address = argv[1];
    dial.insecure = argc == 3;
    dial.api_key = argc == 5 ? argv[3] : NULL;
    dial.api_key_id = argc == 5 ? argv[4] : NULL;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK
        || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK || (err = drive(&posix, robot, argv[2])) != VIAMC_OK)
        return viamc_posix_explain(&posix, "arm", err);
    viamc_client_close(robot);
    return 0;
}
