/* SPDX-License-Identifier: MIT */
/* client/robot: viam.robot.v1.RobotService by hand (viam-wire.md 5.3, 8.4). */
#ifndef VIAMC_CLIENT_ROBOT_IMPL_H
#define VIAMC_CLIENT_ROBOT_IMPL_H

#include "call/call.h"
#include "client/robot.h"
#include "base/core_impl.h"
#include "codec/wire_impl.h"

#define VMC_ROBOT(name) "/viam.robot.v1.RobotService/" name
#define VMC_ROBOT_ID_MAX 64u /* octets of an operation's id: a UUID has 36 */

static const viamc_method vmc_robot_names = {VMC_ROBOT("ResourceNames"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_version = {VMC_ROBOT("GetVersion"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_status = {VMC_ROBOT("GetMachineStatus"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_operations = {VMC_ROBOT("GetOperations"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_cancel = {VMC_ROBOT("CancelOperation"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_stop_all = {VMC_ROBOT("StopAll"), NULL, NULL, VIAMC_M_STOP_ALL, NULL};
#undef VMC_ROBOT

/* ---- calls ---- */

VIAMC_API viamc_err viamc_robot_resource_names(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_names, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_get_version(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_version, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_get_machine_status(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_status, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_get_operations(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_operations, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_stop_all(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_stop_all, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_cancel_operation(viamc_client *c, viamc_str id, const viamc_opts *opts, viamc_call *call)
{
    uint8_t buf[VMC_ROBOT_ID_MAX + 2u];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    if (id.ptr == NULL || id.len == 0)
        return VIAMC_ERR_ARG;
    vmc_wire_put_text(&w, 1, id);
    if (w.full)
        return VIAMC_ERR_ARG;
    return viamc_call_method(c, &vmc_robot_cancel, viamc_view(buf, w.len), opts, call);
}

/* ---- replies ---- */

VMC_FN bool vmc_robot_is(const viamc_event *ev, const viamc_method *method)
{
    return ev != NULL && ev->kind == VIAMC_EV_DONE && ev->method == method && ev->status == VIAMC_OK;
}

/* The next submessage `number` of a reply, from octet *at on. */
VMC_FN bool vmc_robot_next(viamc_bytes msg, uint32_t number, size_t *at, viamc_bytes *sub)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    (void)vmc_rd_take(&r, *at);
    while (vmc_wire_next(&r, &f)) {
        *at = msg.len - r.left;
        if (f.number == number && f.type == VMC_WIRE_BYTES) {
            *sub = f.bytes;
            return true;
        }
    }
    return false;
}

/* common.v1.ResourceName {1: namespace, 2: type, 3: subtype, 4: name} */
VMC_FN bool vmc_robot_read_name(viamc_bytes msg, viamc_robot_resource *name)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    VIAMC_MEMSET(name, 0, sizeof *name);
    while (vmc_wire_next(&r, &f)) {
        if (f.type != VMC_WIRE_BYTES)
            continue;
        switch (f.number) {
        case 1: name->space = vmc_wire_text(&f); break;
        case 2: name->type = vmc_wire_text(&f); break;
        case 3: name->subtype = vmc_wire_text(&f); break;
        case 4: name->name = vmc_wire_text(&f); break;
        default: break;
        }
    }
    return vmc_rd_ok(&r);
}

/* The last varint field `number`; 0 if there is none. */
VMC_FN bool vmc_robot_read_uint(viamc_bytes msg, uint32_t number, uint32_t *value)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    *value = 0;
    while (vmc_wire_next(&r, &f))
        if (f.number == number && f.type == VMC_WIRE_VARINT)
            *value = (uint32_t)f.value;
    return vmc_rd_ok(&r);
}

VMC_FN viamc_err vmc_robot_read_text(viamc_bytes msg, uint32_t number, viamc_str *text)
{
    viamc_bytes v;
    viamc_err err = vmc_wire_find(msg, number, &v);
    text->ptr = (const char *)v.ptr;
    text->len = v.len;
    return err == VIAMC_ERR_NOT_FOUND ? (viamc_err)VIAMC_OK : err;
}

VIAMC_API bool viamc_robot_next_resource(const viamc_event *ev, size_t *at, viamc_robot_resource *name)
{
    viamc_bytes sub;
    return vmc_robot_is(ev, &vmc_robot_names) && at != NULL && name != NULL && vmc_robot_next(ev->msg, 1, at, &sub) && vmc_robot_read_name(sub, name);
}

VIAMC_API viamc_err viamc_robot_find_resource(const viamc_event *ev, const char *type, const char *subtype, const char *name, viamc_robot_resource *found)
{
    size_t at = 0;
    if (!vmc_robot_is(ev, &vmc_robot_names) || name == NULL || found == NULL)
        return VIAMC_ERR_ARG;
    while (viamc_robot_next_resource(ev, &at, found))
        if ((type == NULL || viamc_str_eq(found->type, viamc_text(type))) && (subtype == NULL || viamc_str_eq(found->subtype, viamc_text(subtype)))
            && viamc_str_eq(found->name, viamc_text(name)))
            return VIAMC_OK;
    return VIAMC_ERR_NOT_FOUND;
}

VIAMC_API viamc_err viamc_robot_version(const viamc_event *ev, viamc_str *platform, viamc_str *version, viamc_str *api_version)
{
    viamc_err err;
    if (!vmc_robot_is(ev, &vmc_robot_version) || platform == NULL || version == NULL || api_version == NULL)
        return VIAMC_ERR_ARG;
    if ((err = vmc_robot_read_text(ev->msg, 1, platform)) != VIAMC_OK || (err = vmc_robot_read_text(ev->msg, 2, version)) != VIAMC_OK)
        return err;
    return vmc_robot_read_text(ev->msg, 3, api_version);
}

VIAMC_API viamc_err viamc_robot_machine_state(const viamc_event *ev, uint32_t *state)
{
    if (!vmc_robot_is(ev, &vmc_robot_status) || state == NULL)
        return VIAMC_ERR_ARG;
    return vmc_robot_read_uint(ev->msg, 3, state) ? VIAMC_OK : VIAMC_ERR_MESSAGE;
}

VIAMC_API bool viamc_robot_next_status(const viamc_event *ev, size_t *at, viamc_robot_resource *name, uint32_t *state)
{
    viamc_bytes sub, n;
    if (!vmc_robot_is(ev, &vmc_robot_status) || at == NULL || name == NULL || state == NULL)
        return false;
    if (!vmc_robot_next(ev->msg, 1, at, &sub) || vmc_wire_find(sub, 1, &n) != VIAMC_OK)
        return false;
    return vmc_robot_read_name(n, name) && vmc_robot_read_uint(sub, 2, state);
}

VIAMC_API bool viamc_robot_next_operation(const viamc_event *ev, size_t *at, viamc_str *id, viamc_str *method)
{
    viamc_bytes sub;
    return vmc_robot_is(ev, &vmc_robot_operations) && at != NULL && id != NULL && method != NULL && vmc_robot_next(ev->msg, 1, at, &sub) && vmc_robot_read_text(sub, 1, id) == VIAMC_OK
           && vmc_robot_read_text(sub, 2, method) == VIAMC_OK;
}

#endif
