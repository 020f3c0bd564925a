/* SPDX-License-Identifier: MIT */
/* server/robot_service: the services that every server has: authentication and viam.robot.v1.RobotService, as handlers like any other
 * (viam-wire.md 3 and 5.3). Their messages are small and coded by hand. */
#ifndef VIAMC_SERVER_ROBOT_SERVICE_IMPL_H
#define VIAMC_SERVER_ROBOT_SERVICE_IMPL_H

#include "server/server.h"
#include "base/core_impl.h"
#include "codec/wire_impl.h"
#include "call/call_impl.h"
#include "server/state.h"
#include "server/registry_impl.h"
#include "server/sessions_impl.h"

#ifndef VIAMC_NO_SERVER

/* The start of an answer, encoded where it will be sent from. */
VMC_FN vmc_wr vmc_rs_begin(viamc_request *rq)
{
    size_t cap;
    uint8_t *p = viamc_answer_room(rq, &cap);
    return vmc_wr_of(p, cap);
}

VMC_FN viamc_err vmc_rs_answer(viamc_request *rq, const vmc_wr *w)
{
    if (w->full)
        return VIAMC_ERR_NOMEM;
    return viamc_answer_bytes(rq, viamc_view(w->ptr, w->len));
}

VMC_FN viamc_err vmc_rs_nothing(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    return viamc_answer_bytes(rq, viamc_view(NULL, 0));
}

/* ---- authentication ---- */

/* The bearer token of a key as text. */
VMC_FN void vmc_rs_token(const viamc_server *s, uint8_t key, char text[2u * VMC_SERVER_TOKEN])
{
    size_t i;
    for (i = 0; i < 2u * VMC_SERVER_TOKEN; i++) {
        uint8_t octet = s->tokens[key * VMC_SERVER_TOKEN + i / 2u];
        text[i] = "0123456789abcdef"[i % 2u != 0 ? octet & 15u : octet >> 4];
    }
}

/* Whose token this is, VMC_SERVER_NONE: nobody's. Every key is compared, whichever it is. */
VMC_FN uint8_t vmc_rs_key_of_token(const viamc_server *s, viamc_bytes token)
{
    char text[2u * VMC_SERVER_TOKEN];
    uint8_t i, found = VMC_SERVER_NONE;
    for (i = 0; i < s->desc.api_key_count; i++) {
        vmc_rs_token(s, i, text);
        if (vmc_same_secret(token, viamc_view(text, sizeof text)))
            found = i;
    }
    vmc_wipe(text, sizeof text);
    return found;
}

/* Which key id and secret these are, VMC_SERVER_NONE: no such pair. Every key is compared, and both of its halves. */
VMC_FN uint8_t vmc_rs_key_of(const viamc_server *s, viamc_bytes id, viamc_bytes secret)
{
    uint8_t i, found = VMC_SERVER_NONE;
    for (i = 0; i < s->desc.api_key_count; i++) {
        const viamc_api_key *k = &s->desc.api_keys[i];
        unsigned same = vmc_same_secret(id, vmc_bytes_of(viamc_text(k->id)));
        same &= (unsigned)vmc_same_secret(secret, vmc_bytes_of(viamc_text(k->key)));
        if (same != 0)
            found = i;
    }
    return found;
}

VMC_FN viamc_err vmc_rs_unknown_type(viamc_request *rq, viamc_bytes type)
{
    char text[VMC_CALL_TEXT + 1u];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    vmc_wr_text(&w, VMC_TEXT("do not know how to handle credential type \""));
    vmc_wr_cut(&w, type.ptr, vmc_min(type.len, 40u));
    vmc_wr_text(&w, VMC_TEXT("\""));
    text[w.len] = '\0';
    return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, text);
}

/* Credentials were wrong: the tenth time the peer has to come again (vmc_peer_judge), and none are looked at any more. */
VMC_FN viamc_err vmc_rs_refuse(viamc_request *rq, viamc_bytes id)
{
    char who[64];
    viamc_str text;
    size_t i;
    text.ptr = who;
    text.len = vmc_min(id.len, sizeof who);
    for (i = 0; i < text.len; i++)
        who[i] = (char)(id.ptr[i] >= ' ' && id.ptr[i] <= '~' ? id.ptr[i] : '?'); /* a stranger's octets, on their way to a terminal */
    if (rq->peer->wrong < VMC_SERVER_WRONG)
        rq->peer->wrong++;
    vmc_server_tell(rq->server, VIAMC_SEV_REFUSED, rq->peer->number, text, viamc_text(""), 0, rq->peer->wrong);
    return viamc_fail(rq, VIAMC_UNAUTHENTICATED, VMC_TEXT("invalid credentials"));
}

/* AuthenticateRequest {1 entity, 2 credentials {1 type, 2 payload}} to {1 access_token}. */
VMC_FN viamc_err vmc_rs_authenticate(viamc_request *rq, viamc_bytes msg)
{
    viamc_server *s = rq->server;
    char token[2u * VMC_SERVER_TOKEN];
    viamc_bytes id, credentials, type, secret, text = viamc_view("viamc", 5);
    vmc_wr w = vmc_rs_begin(rq);
    viamc_err err;
    if (s->desc.api_key_count != 0) {
        (void)vmc_wire_find(msg, 1, &id);
        if (vmc_wire_find(msg, 2, &credentials) != VIAMC_OK)
            return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("credentials required"));
        (void)vmc_wire_find(credentials, 1, &type);
        (void)vmc_wire_find(credentials, 2, &secret);
        if (!vmc_bytes_are(type, "api-key"))
            return vmc_rs_unknown_type(rq, type);
        rq->key = rq->peer->wrong < VMC_SERVER_WRONG ? vmc_rs_key_of(s, id, secret) : (uint8_t)VMC_SERVER_NONE;
        if (rq->key == VMC_SERVER_NONE)
            return vmc_rs_refuse(rq, id);
        vmc_rs_token(s, rq->key, token);
        text = viamc_view(token, sizeof token);
        vmc_server_tell(s, VIAMC_SEV_KNOWN, rq->peer->number, viamc_text(s->desc.api_keys[rq->key].id), viamc_text(""), s->now - rq->peer->came_at, 0);
    }
    rq->peer->known = true;
    vmc_wire_put_bytes(&w, 1, text);
    err = vmc_rs_answer(rq, &w);
    vmc_wipe(token, sizeof token);
    return err;
}

/* ---- the robot ---- */

VMC_FN viamc_err vmc_rs_resource_names(viamc_request *rq, viamc_bytes msg)
{
    const viamc_server *s = rq->server;
    vmc_wr w = vmc_rs_begin(rq);
    uint8_t i;
    (void)msg;
    for (i = 0; i < s->resource_count; i++)
        if (vmc_registry_is_named(s->resources[i].service))
            vmc_registry_put_name(&w, 1, &s->resources[i]);
    return vmc_rs_answer(rq, &w);
}

/* GetVersionResponse {1 platform, 2 version, 3 api_version} */
VMC_FN viamc_err vmc_rs_version(viamc_request *rq, viamc_bytes msg)
{
    vmc_wr w = vmc_rs_begin(rq);
    (void)msg;
    vmc_wire_put_text(&w, 1, viamc_text(rq->server->desc.platform));
    vmc_wire_put_text(&w, 2, viamc_text(rq->server->desc.version));
    vmc_wire_put_text(&w, 3, viamc_text(VIAMC_API_VERSION));
    return vmc_rs_answer(rq, &w);
}

#define VMC_RS_READY 3u   /* viam.robot.v1.ResourceStatus.STATE_READY */
#define VMC_RS_RUNNING 2u /* viam.robot.v1.GetMachineStatusResponse.STATE_RUNNING */

/* GetMachineStatusResponse {1 resources: {1 name, 2 state}, 3 state} */
VMC_FN viamc_err vmc_rs_machine_status(viamc_request *rq, viamc_bytes msg)
{
    const viamc_server *s = rq->server;
    vmc_wr w = vmc_rs_begin(rq);
    uint8_t i;
    (void)msg;
    for (i = 0; i < s->resource_count; i++) {
        size_t sub;
        if (!vmc_registry_is_named(s->resources[i].service))
            continue;
        sub = vmc_wire_open(&w, 1);
        vmc_registry_put_name(&w, 1, &s->resources[i]);
        vmc_wire_put_uint(&w, 2, VMC_RS_READY);
        vmc_wire_close(&w, sub);
    }
    vmc_wire_put_uint(&w, 3, VMC_RS_RUNNING);
    return vmc_rs_answer(rq, &w);
}

/* ---- StopAll ---- */

/* Whether a ResourceName {2 type, 3 subtype, 4 name} means this resource; what it leaves out it leaves open. */
VMC_FN bool vmc_rs_is_meant(viamc_bytes name, const viamc_resource *r)
{
    const char *want[3];
    viamc_bytes part;
    uint32_t i;
    want[0] = r->service->type;
    want[1] = r->service->subtype;
    want[2] = r->name.ptr;
    for (i = 0; i < 3u; i++)
        if ((vmc_wire_find(name, 2u + i, &part) == VIAMC_OK || i == 2u) && !vmc_bytes_are(part, want[i]))
            return false;
    return true;
}

/* The extra parameters that a StopAllRequest {99: {1 name, 2 params}} has for a resource; empty: none. */
VMC_FN viamc_bytes vmc_rs_stop_extra(viamc_bytes msg, const viamc_resource *r)
{
    vmc_rd in = vmc_rd_of(msg);
    vmc_wire_field f;
    viamc_bytes name, params, found = viamc_view(NULL, 0);
    while (vmc_wire_next(&in, &f))
        if (f.number == 99u && f.type == VMC_WIRE_BYTES && vmc_wire_find(f.bytes, 1, &name) == VIAMC_OK && vmc_rs_is_meant(name, r)
            && vmc_wire_find(f.bytes, 2, &params) == VIAMC_OK)
            found = params;
    return found;
}

VMC_FN void vmc_rs_begin_stop_all(viamc_server *s, viamc_bytes msg)
{
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        vmc_sessions_due(s, r, VMC_DUE_ALL);
        if (r->due != 0 && r->running == 0)
            vmc_sessions_stop(s, r, vmc_rs_stop_extra(msg, r));
    }
}

/* "Failed to stop components named a, b" */
VMC_FN viamc_err vmc_rs_end_stop_all(viamc_request *rq)
{
    const viamc_server *s = rq->server;
    char text[VMC_CALL_TEXT + 1u];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    bool failed = false;
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        if (!s->resources[i].failed)
            continue;
        vmc_wr_text(&w, failed ? ", " : "Failed to stop components named ");
        vmc_wr_cut(&w, s->resources[i].name.ptr, s->resources[i].name.len);
        failed = true;
    }
    text[w.len] = '\0';
    return failed ? viamc_fail(rq, VIAMC_INTERNAL, text) : vmc_rs_nothing(rq, viamc_view(NULL, 0));
}

/* Stops everything that can stop, and answers when the last one has answered. */
VMC_FN viamc_err vmc_rs_stop_all(viamc_request *rq, viamc_bytes msg)
{
    viamc_server *s = rq->server;
    uint8_t i;
    if (rq->mark == 0)
        vmc_rs_begin_stop_all(s, msg);
    rq->mark = 1;
    for (i = 0; i < s->resource_count; i++)
        if (((s->resources[i].due | s->resources[i].running) & VMC_DUE_ALL) != 0)
            return VIAMC_WAIT;
    return vmc_rs_end_stop_all(rq);
}

/* ---- sessions ---- */

VMC_FN viamc_err vmc_rs_not_an_id(viamc_request *rq)
{
    return viamc_fail(rq, VIAMC_UNKNOWN, VMC_TEXT("session id is not a UUID"));
}

/* StartSessionRequest {1 resume} to {1 id, 2 heartbeat_window} */
VMC_FN viamc_err vmc_rs_start_session(viamc_request *rq, viamc_bytes msg)
{
    viamc_server *s = rq->server;
    char text[VMC_SESSIONS_ID];
    uint8_t id[16], found = VMC_SERVER_NONE;
    viamc_bytes resume;
    bool resumed;
    vmc_wr w = vmc_rs_begin(rq);
    viamc_err err = VIAMC_OK;
    (void)vmc_wire_find(msg, 1, &resume);
    if (resume.len != 0 && !vmc_sessions_parse(resume, id))
        return vmc_rs_not_an_id(rq);
    if (resume.len != 0)
        found = vmc_sessions_find(s, id, rq->key);
    resumed = found != VMC_SERVER_NONE;
    if (resumed)
        vmc_sessions_beat(s, found, rq->peer->number);
    else
        err = vmc_sessions_start(s, rq->key, &found);
    if (err != VIAMC_OK)
        return err == VIAMC_ERR_BUSY ? viamc_fail(rq, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("too many concurrent sessions: wait one window"))
                                     : viamc_fail(rq, VIAMC_UNAVAILABLE, VMC_TEXT("no random bytes for a session id"));
    vmc_sessions_format(s->sessions[found].id, text);
    vmc_wire_put_bytes(&w, 1, viamc_view(text, sizeof text));
    vmc_wire_put_duration(&w, 2, s->desc.window_ms);
    vmc_server_tell(s, VIAMC_SEV_SESSION, rq->peer->number, viamc_text(""), viamc_text(""), s->desc.window_ms, resumed);
    return vmc_rs_answer(rq, &w);
}

/* SendSessionHeartbeatRequest {1 id} */
VMC_FN viamc_err vmc_rs_heartbeat(viamc_request *rq, viamc_bytes msg)
{
    uint8_t id[16], found;
    viamc_bytes text;
    (void)vmc_wire_find(msg, 1, &text);
    if (!vmc_sessions_parse(text, id))
        return vmc_rs_not_an_id(rq);
    found = vmc_sessions_find(rq->server, id, rq->key);
    if (found == VMC_SERVER_NONE)
        return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    vmc_sessions_beat(rq->server, found, rq->peer->number);
    return vmc_rs_nothing(rq, msg);
}

/* ---- the services; a heartbeat is as urgent as a Stop ---- */

#define VMC_RS_METHOD(name, path, flags) static const viamc_method vmc_rs_m_##name = {path, NULL, NULL, flags, NULL}

VMC_RS_METHOD(authenticate, "/proto.rpc.v1.AuthService/Authenticate", 0);
VMC_RS_METHOD(resource_names, "/viam.robot.v1.RobotService/ResourceNames", 0);
VMC_RS_METHOD(start_session, "/viam.robot.v1.RobotService/StartSession", 0);
VMC_RS_METHOD(heartbeat, "/viam.robot.v1.RobotService/SendSessionHeartbeat", VIAMC_M_STOP);
VMC_RS_METHOD(stop_all, "/viam.robot.v1.RobotService/StopAll", VIAMC_M_STOP_ALL);
VMC_RS_METHOD(get_operations, "/viam.robot.v1.RobotService/GetOperations", 0);
VMC_RS_METHOD(cancel_operation, "/viam.robot.v1.RobotService/CancelOperation", 0);
VMC_RS_METHOD(block_for_operation, "/viam.robot.v1.RobotService/BlockForOperation", 0);
VMC_RS_METHOD(version, "/viam.robot.v1.RobotService/GetVersion", 0);
VMC_RS_METHOD(machine_status, "/viam.robot.v1.RobotService/GetMachineStatus", 0);

static const viamc_serve vmc_rs_auth_methods[] = {{&vmc_rs_m_authenticate, vmc_rs_authenticate}};

static const viamc_serve vmc_rs_methods[] = {
    {&vmc_rs_m_heartbeat, vmc_rs_heartbeat},
    {&vmc_rs_m_stop_all, vmc_rs_stop_all},
    {&vmc_rs_m_start_session, vmc_rs_start_session},
    {&vmc_rs_m_resource_names, vmc_rs_resource_names},
    {&vmc_rs_m_get_operations, vmc_rs_nothing},
    {&vmc_rs_m_cancel_operation, vmc_rs_nothing},
    {&vmc_rs_m_block_for_operation, vmc_rs_nothing},
    {&vmc_rs_m_version, vmc_rs_version},
    {&vmc_rs_m_machine_status, vmc_rs_machine_status}
};

static const viamc_service vmc_rs_auth = {"proto.rpc.v1.AuthService", "", "", vmc_rs_auth_methods, 1, NULL};
static const viamc_service vmc_rs_service = {
    "viam.robot.v1.RobotService", "", "", vmc_rs_methods, (uint8_t)(sizeof vmc_rs_methods / sizeof vmc_rs_methods[0]), NULL
};

#endif
#endif
