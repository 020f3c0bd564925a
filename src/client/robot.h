/* SPDX-License-Identifier: MIT */
/* client/robot: what every robot can be asked: its resources, StopAll, version, status, operations. Without nanopb. */
#ifndef VIAMC_CLIENT_ROBOT_H
#define VIAMC_CLIENT_ROBOT_H

#include "base/core.h"
#include "call/call.h"
#include "client/client.h"

/* Name of a resource: "rdk", "component", "motor", "left". Views into the reply. */
typedef struct viamc_robot_resource {
    viamc_str space, type, subtype, name;
} viamc_robot_resource;

/* Each starts a call like viamc_call_method, with the same results; the reply comes with DONE. */
VIAMC_API viamc_err viamc_robot_resource_names(viamc_client *c, const viamc_opts *opts, viamc_call *call);
VIAMC_API viamc_err viamc_robot_get_version(viamc_client *c, const viamc_opts *opts, viamc_call *call);
VIAMC_API viamc_err viamc_robot_get_machine_status(viamc_client *c, const viamc_opts *opts, viamc_call *call);
VIAMC_API viamc_err viamc_robot_get_operations(viamc_client *c, const viamc_opts *opts, viamc_call *call);

/* Stops everything that can move. A Stop by the rules of motion: goes first, cannot be overtaken, and has room of its own: BUSY only while
 * the header block of the Stop that is there is half written, or its end was not taken from viamc_next_event. */
VIAMC_API viamc_err viamc_robot_stop_all(viamc_client *c, const viamc_opts *opts, viamc_call *call);

/* Cancels an operation by its id, 1 to 64 octets (else ARG). */
VIAMC_API viamc_err viamc_robot_cancel_operation(viamc_client *c, viamc_str id, const viamc_opts *opts, viamc_call *call);

/* Walks the resources of a DONE of viamc_robot_resource_names: *at starts at 0. False at the end (or what is malformed). */
VIAMC_API bool viamc_robot_next_resource(const viamc_event *ev, size_t *at, viamc_robot_resource *name);

/* Looks a resource up in a DONE of viamc_robot_resource_names: type and subtype may be NULL for any.
 * Returns:  OK; NOT_FOUND (also where the reply is malformed); ARG (not such an event). */
VIAMC_API viamc_err viamc_robot_find_resource(const viamc_event *ev, const char *type, const char *subtype, const char *name, viamc_robot_resource *found);

/* Platform ("rdk", "viamc"), version and API version of a DONE of viamc_robot_get_version. Views. OK; ARG; MESSAGE (malformed). */
VIAMC_API viamc_err viamc_robot_version(const viamc_event *ev, viamc_str *platform, viamc_str *version, viamc_str *api_version);

enum { VIAMC_MACHINE_UNSPECIFIED = 0, VIAMC_MACHINE_INITIALIZING = 1, VIAMC_MACHINE_RUNNING = 2 };

/* State of a DONE of viamc_robot_get_machine_status: VIAMC_MACHINE_*. OK; ARG; MESSAGE. */
VIAMC_API viamc_err viamc_robot_machine_state(const viamc_event *ev, uint32_t *state);

/* Walks the resources of that reply with their states (viam.robot.v1.ResourceStatus.State: 3 is READY): *at starts at 0, names are views. False
 * at the end (or what is malformed). */
VIAMC_API bool viamc_robot_next_status(const viamc_event *ev, size_t *at, viamc_robot_resource *name, uint32_t *state);

/* Walks the running operations of a DONE of viamc_robot_get_operations: *at starts at 0, id and method are views. False at the end (or what is
 * malformed). */
VIAMC_API bool viamc_robot_next_operation(const viamc_event *ev, size_t *at, viamc_str *id, viamc_str *method);

#endif
