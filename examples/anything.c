/* SPDX-License-Identifier: MIT */
/* Any method of any service, in three ways: a request that is a struct with lists in lists, a method that is a constant, and octets that no
 * descriptor knows. Each prints what came back.
 *
 *     cc -o anything anything.c -lbearssl -lprotobuf-nanopb
 *     ./anything ADDRESS [KEY KEY_ID]          without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>

static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];

/* Moves an arm past a box. Strings are views, lists are written from arrays; all of it may go when the call has started. */
static viamc_err start_move(viamc_client *robot, viamc_call *call)
{
    viam_service_motion_v1_MoveRequest move = VIAMC_ZERO;
    viam_common_v1_GeometriesInFrame obstacles = VIAMC_ZERO;
    viam_common_v1_Geometry box = VIAMC_ZERO;
    viamc_struct_writer w;
    viamc_bytes encoded;
    uint8_t extra[64];
    viamc_err err;

    box.label = viamc_text("box");
    box.has_center = true;
    box.center = viamc_pose(100, 0, 50, 0, 0, 1, 0);
    box.which_geometry_type = viam_common_v1_Geometry_box_tag; /* a oneof */
    box.geometry_type.box.has_dims_mm = true;
    box.geometry_type.box.dims_mm = viamc_vec3(40, 40, 100);
    obstacles.reference_frame = viamc_text("world");
    obstacles.geometries = viamc_list_of(&box, 1);

    move.name = viamc_text("builtin");
    move.component_name = viamc_text("arm1");
    move.has_destination = move.destination.has_pose = true;
    move.destination.reference_frame = viamc_text("world");
    move.destination.pose = viamc_pose(200, 50, 300, 0, 0, -1, 0);
    move.has_world_state = true;
    move.world_state.obstacles = viamc_list_of(&obstacles, 1);
    viamc_struct_begin(&w, extra, sizeof extra);
    viamc_struct_string(&w, "planner", "cautious");
    if ((err = viamc_struct_end(&w, &encoded)) != VIAMC_OK)
        return err;
    move.extra = viamc_struct_fields(encoded);
    return viamc_motion_move_req(robot, &move, NULL, call); /* generated for every method of the machine API */
}

static viamc_err typed(viamc_posix *posix, viamc_client *robot)
{
    viam_service_motion_v1_MoveResponse reply;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    if ((err = start_move(robot, &call)) != VIAMC_OK || (err = viamc_posix_finish(posix, call, 60000, &ev)) != VIAMC_OK
        || (err = viamc_motion_move_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    printf("motion.Move: %s\n", reply.success ? "arrived" : "did not arrive");
    return VIAMC_OK;
}

/* What typed functions are made of: methods are constants, with their messages' descriptors. Here with options, and the reply's metadata. */
static viamc_err by_method(viamc_posix *posix, viamc_client *robot)
{
    const viamc_method *method = &viamc_method_motion_get_pose;
    viam_service_motion_v1_GetPoseRequest q = VIAMC_ZERO;
    viam_service_motion_v1_GetPoseResponse reply;
    viamc_opts opts = VIAMC_ZERO;
    viamc_metadata who;
    uint8_t metadata[512];
    viamc_event ev;
    viamc_call call;
    viamc_str name;
    viamc_bytes value;
    size_t at = 0;
    viamc_err err;
    q.name = viamc_text("builtin");
    q.component_name = viamc_text("arm1");
    q.destination_frame = viamc_text("world");
    who.name = viamc_text("asked-by");
    who.value = viamc_view("anything", 8);
    opts.metadata = &who;
    opts.metadata_count = 1;
    opts.metadata_into = metadata;
    opts.metadata_cap = sizeof metadata;
    opts.timeout_ms = 2000;
    if ((err = viamc_call_start(robot, method, &q, &opts, &call)) != VIAMC_OK || (err = viamc_posix_finish(posix, call, 3000, &ev)) != VIAMC_OK
        || (err = viamc_call_reply(&ev, method, &reply, sizeof reply)) != VIAMC_OK)
        return err;
    printf("motion.GetPose: x %g, y %g, z %g in %.*s\n", reply.pose.pose.x, reply.pose.pose.y, reply.pose.pose.z, VIAMC_ARG(reply.pose.reference_frame));
    while (viamc_event_metadata(&ev, &at, &name, &value))
        printf("    %.*s: %.*s\n", VIAMC_ARG(name), VIAMC_ARG(value));
    return VIAMC_OK;
}

/* A service that viamc_proto.h does not have: octets there and back. What the robot says of it is no error of the program's. */
static viamc_err raw(viamc_posix *posix, viamc_client *robot, const char *path)
{
    static const uint8_t request[] = {0x0a, 4, 'a', 'r', 'm', '1'}; /* field 1, a text */
    viamc_opts opts = VIAMC_ZERO;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    opts.reads_only = true; /* else what begins with /viam.component. is taken for a move */
    if ((err = viamc_call_bytes(robot, path, viamc_view(request, sizeof request), &opts, &call)) != VIAMC_OK)
        return err;
    err = viamc_posix_finish(posix, call, 5000, &ev);
    if (err != VIAMC_OK && err != VIAMC_ERR_RPC)
        return err;
    printf("%s: %s, %lu octets%s%.*s\n", path, viamc_status_name(ev.status), (unsigned long)ev.msg.len, ev.text.len != 0 ? ": " : "", VIAMC_ARG(ev.text));
    return VIAMC_OK;
}

int main(int argc, char **argv)
{
    viamc_posix posix;
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;

    if (argc != 2 && argc != 4)
        return fprintf(stderr, "usage: anything ADDRESS [KEY KEY_ID]\n"), 2;
    dial.address = argv[1];
    dial.insecure = argc == 2;
    dial.api_key = argc == 4 ? argv[2] : NULL;
    dial.api_key_id = argc == 4 ? argv[3] : NULL;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK
        || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK || (err = typed(&posix, robot)) != VIAMC_OK
        || (err = by_method(&posix, robot)) != VIAMC_OK || (err = raw(&posix, robot, "/viam.component.arm.v1.ArmService/IsMoving")) != VIAMC_OK
        || (err = raw(&posix, robot, "/my.company.Svc/Do")) != VIAMC_OK)
        return viamc_posix_explain(&posix, "anything", err);
    viamc_client_close(robot);
    return 0;
}
