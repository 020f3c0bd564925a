/* SPDX-License-Identifier: MIT */
/* server/route: from a request's fields to its handler and back: path, token, session, resource. Knows requests; knows nothing of
 * connections beyond the one call. */
#ifndef VIAMC_SERVER_ROUTE_IMPL_H
#define VIAMC_SERVER_ROUTE_IMPL_H

#include "server/server.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/wire_impl.h"
#include "http2/hpack.h"
#include "http2/h2_impl.h"
#include "call/call_impl.h"
#include "call/grpc_impl.h"
#include "conn/conn.h"
#include "server/state.h"
#include "server/registry_impl.h"
#include "server/request_impl.h"
#include "server/sessions_impl.h"
#include "server/robot_service_impl.h"

#ifndef VIAMC_NO_SERVER

/* ---- who serves a path ---- */

/* Our own services first, then those that were added. */
VMC_FN bool vmc_route_find(viamc_request *rq, viamc_str path)
{
    const viamc_server *s = rq->server;
    uint8_t i;
    rq->service = &vmc_rs_auth;
    rq->serve = vmc_registry_method(rq->service, path);
    if (rq->serve == NULL) {
        rq->service = &vmc_rs_service;
        rq->serve = vmc_registry_method(rq->service, path);
    }
    for (i = 0; i < s->resource_count && rq->serve == NULL; i++) {
        rq->service = s->resources[i].service;
        rq->serve = vmc_registry_method(rq->service, path);
    }
    return rq->serve != NULL;
}

/* ---- who asks ---- */

/* The bearer token of the request (viam-wire.md 3.3). NULL: fine, rq->key is set. */
VMC_FN const char *vmc_route_check_token(viamc_request *rq, const vmc_grpc *g)
{
    static const char prefix[] = "Bearer ";
    const size_t n = sizeof prefix - 1u;
    viamc_bytes value, second;
    if (rq->server->desc.api_key_count == 0)
        return NULL;
    if (!vmc_grpc_kept(g, VMC_NAME_AUTHORIZATION, 0, &value) || vmc_grpc_kept(g, VMC_NAME_AUTHORIZATION, 1, &second))
        return VMC_TEXT("authentication required");
    if (value.len < n || !vmc_same(value.ptr, prefix, n))
        return VMC_TEXT("expected authorization header with prefix: Bearer ");
    rq->key = vmc_rs_key_of_token(rq->server, viamc_view(value.ptr + n, value.len - n));
    if (rq->key == VMC_SERVER_NONE)
        return VMC_TEXT("unauthenticated: unknown token");
    rq->peer->known = true;
    return NULL;
}

/* The session that a moving call carries. True: fine, or none; else the request is answered. */
VMC_FN bool vmc_route_check_session(viamc_request *rq, const vmc_grpc *g)
{
    viamc_bytes text, second;
    uint8_t id[16];
    if ((vmc_request_flags(rq) & VIAMC_M_MONITORED) == 0 || !vmc_grpc_kept(g, VMC_NAME_VIAM_SID, 0, &text))
        return true;
    if (vmc_grpc_kept(g, VMC_NAME_VIAM_SID, 1, &second)) {
        vmc_request_finish(rq, VIAMC_UNKNOWN, VMC_TEXT("found more than one session id in metadata"));
    } else if (!vmc_sessions_parse(text, id)) {
        vmc_request_finish(rq, VIAMC_UNKNOWN, VMC_TEXT("session id is not a UUID"));
    } else {
        rq->session = vmc_sessions_find(rq->server, id, rq->key);
        if (rq->session != VMC_SERVER_NONE) {
            rq->session_turn = rq->server->sessions[rq->session].turn;
            return true;
        }
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    }
    return false;
}

/* What was wrong with the fields of a request. */
VMC_FN const char *vmc_route_reason(uint8_t status)
{
    switch (status) {
    case VIAMC_UNIMPLEMENTED: return VMC_TEXT("Unimplemented");
    case VIAMC_RESOURCE_EXHAUSTED: return VMC_TEXT("header fields too long");
    case VIAMC_INTERNAL: return VMC_TEXT("malformed grpc-timeout");
    default: return VMC_TEXT("not a gRPC request");
    }
}

/* The fields of call i are complete: a request begins, or is refused at once. */
VMC_FN void vmc_route_begin(vmc_peer *p, uint8_t i)
{
    viamc_request *rq = &p->requests[i];
    const vmc_grpc *g = &p->conn.grpc;
    vmc_call *c = vmc_calls_at(&p->calls, i);
    viamc_bytes unused;
    viamc_str path = viamc_text(c->path);
    const char *wrong;
    bool found;
    VIAMC_MEMSET(rq, 0, sizeof *rq);
    rq->server = p->server;
    rq->came = p->server->stops;
    rq->peer = p;
    rq->index = i;
    rq->key = VMC_SERVER_NONE;
    rq->session = VMC_SERVER_NONE;
    rq->state = VMC_REQUEST_OPEN;
    found = g->reject == 0 && vmc_route_find(rq, path);
    wrong = found && rq->service == &vmc_rs_auth ? NULL : vmc_route_check_token(rq, g);
    if (found && vmc_request_is_urgent(rq))
        c->flags |= VMC_CALL_F_FIRST; /* its answer goes before others */
    if (g->reject != 0)
        vmc_request_finish(rq, g->reject, vmc_route_reason(g->reject));
    else if (wrong != NULL)
        vmc_request_finish(rq, VIAMC_UNAUTHENTICATED, wrong);
    else if (!found)
        vmc_request_finish(rq, VIAMC_UNIMPLEMENTED, VMC_TEXT("Unimplemented"));
    else if (rq->service == &vmc_rs_auth && vmc_grpc_kept(g, VMC_NAME_AUTHORIZATION, 0, &unused))
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("already authenticated; cannot re-authenticate"));
    else if (vmc_route_check_session(rq, g))
        vmc_timer_set(&c->deadline, p->server->now, g->timeout);
}

/* ---- calling handlers ---- */

VMC_FN bool vmc_route_is_ours(const viamc_request *rq)
{
    return rq->service == &vmc_rs_auth || rq->service == &vmc_rs_service;
}

/* The resource of a name. The first message of a stream may have the name in a message that is its field 1 (PlayStream's init). */
VMC_FN viamc_resource *vmc_route_resource(const viamc_request *rq, viamc_bytes field, viamc_str *name)
{
    viamc_resource *r;
    viamc_bytes inner;
    name->ptr = (const char *)field.ptr;
    name->len = field.len;
    r = vmc_registry_find(rq->server, rq->service, *name);
    if (r != NULL || !vmc_request_streams_in(rq) || vmc_wire_find(field, 1, &inner) != VIAMC_OK)
        return r;
    name->ptr = (const char *)inner.ptr;
    name->len = inner.len;
    return vmc_registry_find(rq->server, rq->service, *name);
}

/* The first message names the resource. False: the request is answered. */
VMC_FN bool vmc_route_first(viamc_request *rq, viamc_bytes msg)
{
    char text[VMC_CALL_TEXT + 1u];
    viamc_bytes field = viamc_view(NULL, 0);
    viamc_str name;
    if ((vmc_route_is_ours(rq) || vmc_registry_is_named(rq->service)) && vmc_wire_find(msg, 1, &field) == VIAMC_ERR_MESSAGE) {
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("request cannot be decoded"));
        return false;
    }
    if (!vmc_route_is_ours(rq)) {
        rq->resource = vmc_route_resource(rq, field, &name);
        if (rq->resource == NULL) {
            vmc_registry_missing(rq->service, name, text, sizeof text);
            vmc_request_finish(rq, VIAMC_NOT_FOUND, text);
            return false;
        }
        vmc_server_tell(rq->server, VIAMC_SEV_CALL, vmc_request_peer(rq), viamc_text(rq->serve->method->path), rq->resource->name, 0, 0);
    }
    return true;
}

/* A moving call binds its resource; one that has waited while its resource was stopped, for its handler or for room, does not move it
 * afterwards. False: the request is answered. */
VMC_FN bool vmc_route_may_move(viamc_request *rq)
{
    if ((vmc_request_flags(rq) & VIAMC_M_MONITORED) == 0)
        return true;
    if (rq->resource != NULL && rq->resource->stopped > rq->came) {
        vmc_request_finish(rq, VIAMC_ABORTED, VMC_TEXT("stopped meanwhile"));
        return false;
    }
    if (rq->begun || vmc_sessions_bind(rq))
        return true;
    vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    return false;
}

/* A handler that neither answered nor kept: what its result says. */
VMC_FN void vmc_route_after(viamc_request *rq, viamc_err err)
{
    if (err == VIAMC_ERR_NOMEM)
        vmc_request_finish(rq, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("answer larger than the memory for it"));
    else if (err == VIAMC_ERR_MESSAGE)
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("request cannot be decoded"));
    else if (err != VIAMC_OK)
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("the handler failed"));
    else if (vmc_request_streams_in(rq) && !rq->at_end)
        return; /* taken; more may come */
    else if (vmc_request_streams_out(rq))
        vmc_request_finish(rq, VIAMC_OK, "");
    else
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("the handler did not answer"));
}

/* Calls the handler with a message, or with the end of a client stream. True: the message is used up. */
VMC_FN bool vmc_route_serve(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err;
    rq->waits = false;
    rq->need = 0;
    if ((!rq->begun && !vmc_route_first(rq, msg)) || !vmc_route_may_move(rq))
        return true;
    rq->begun = true;
    rq->msg = msg;
    vmc_request_stop(rq);
    err = rq->serve->serve(rq, msg);
    if (rq->state != VMC_REQUEST_ANSWERED && err == VIAMC_WAIT) {
        rq->waits = true;
        return false;
    }
    if (rq->state != VMC_REQUEST_ANSWERED && err == VIAMC_OK && rq->kept)
        rq->state = VMC_REQUEST_KEPT; /* its views last until it is answered */
    else if (rq->state != VMC_REQUEST_ANSWERED)
        vmc_route_after(rq, err);
    vmc_sessions_drive(rq);
    return rq->state != VMC_REQUEST_KEPT;
}

/* Takes the next message of call c to the handler. False: nothing to do now. */
VMC_FN bool vmc_route_message(vmc_peer *p, vmc_call *c)
{
    viamc_request *rq = &p->requests[vmc_call_index(c)];
    const uint32_t taken = vmc_call_user(c)->taken;
    uint8_t large = c->large;
    viamc_bytes msg;
    if (!vmc_calls_take(&p->calls, c, &msg))
        return false;
    if (msg.ptr == NULL)
        msg.ptr = (const uint8_t *)""; /* an empty message is not the end of a stream */
    if (!vmc_route_serve(rq, msg)) {
        vmc_call_user(c)->taken = rq->state == VMC_REQUEST_KEPT ? 0 : taken; /* it stays where it is; a kept one's slot is not moved any more */
        c->large = large;
        return false;
    }
    return true;
}

/* Unary calls and server streams: the handler is called when the client has ended its side. */
VMC_FN void vmc_route_whole(vmc_peer *p, vmc_call *c)
{
    viamc_request *rq = &p->requests[vmc_call_index(c)];
    if (c->messages != 1u || !vmc_call_is_whole(c))
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("a request must be one message"));
    else
        (void)vmc_route_message(p, c);
}

/* Client streams: message by message, then the end. */
VMC_FN void vmc_route_stream(vmc_peer *p, vmc_call *c)
{
    viamc_request *rq = &p->requests[vmc_call_index(c)];
    rq->waits = false;
    while (rq->state == VMC_REQUEST_OPEN && vmc_request_has_room(rq) && vmc_route_message(p, c))
        ; /* bounded by the messages in a slot */
    if (rq->state != VMC_REQUEST_OPEN || rq->waits || vmc_call_user(c)->taken != c->parsed || (c->flags & VMC_CALL_F_PEER_END) == 0)
        return;
    if (!vmc_call_is_whole(c)) {
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("the stream ended inside a message"));
        return;
    }
    rq->at_end = true;
    (void)vmc_route_serve(rq, viamc_view(NULL, 0));
}

/* True if call c has something for its handler, and there is room for what that answers. */
VMC_FN bool vmc_route_is_ready(const vmc_peer *p, const vmc_call *c)
{
    const viamc_request *rq = &p->requests[vmc_call_index(c)];
    if (c->state != VMC_CALL_OPEN || (c->flags & VMC_CALL_F_FINISH) != 0 || rq->state != VMC_REQUEST_OPEN)
        return false; /* FINISH: the carrier has refused what came; an end that follows is not that of the whole */
    if ((c->flags & VMC_CALL_F_PEER_END) == 0 && (!vmc_request_streams_in(rq) || vmc_call_user_const(c)->taken == c->parsed))
        return false;
    return vmc_request_has_room(rq);
}

/* Calls the handlers of a peer whose requests are complete, the oldest first. */
VMC_FN void vmc_route_dispatch(vmc_peer *p)
{
    vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c) {
        if (!vmc_route_is_ready(p, c))
            continue;
        if (vmc_request_streams_in(&p->requests[vmc_call_index(c)]))
            vmc_route_stream(p, c);
        else
            vmc_route_whole(p, c);
    }
}

/* ---- ends ---- */

VMC_FN void vmc_route_expire(vmc_peer *p, viamc_ms now)
{
    const vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c)
        if (c->state == VMC_CALL_OPEN && vmc_timer_due(&c->deadline, now))
            vmc_request_expire(&p->requests[vmc_call_index(c)]);
}

/* A call whose trailers are written is over for us; what the client still sends is not wanted. */
VMC_FN void vmc_route_close(vmc_peer *p, vmc_call *c)
{
    vmc_calls_end(&p->calls, c, c->status, VIAMC_ANSWERED, NULL);
    vmc_h2_release(&p->conn.grpc.h2, vmc_call_index(c), VMC_H2_NO_ERROR);
}

/* The large buffer is the others' as soon as its message was taken or its request is answered, even if the answer does not leave. What
 * a handler keeps stays, also when the deadline has answered. */
VMC_FN void vmc_route_release_big(vmc_peer *p)
{
    uint8_t owner = p->calls.big_owner;
    const vmc_call *c = vmc_calls_at(&p->calls, owner);
    if (c != NULL && !p->requests[owner].kept && (c->large != VMC_CALL_BIG || (c->flags & VMC_CALL_F_DROP) != 0))
        p->calls.big_owner = VMC_CALL_NONE;
}

/* The large buffer is one for all peers: this one may have it if no other has. Before anything is read, before it is wiped, and
 * at the end of a poll. */
VMC_FN void vmc_route_share_big(vmc_peer *p)
{
    const viamc_server *s = p->server;
    uint8_t i;
    p->calls.big_elsewhere = false;
    for (i = 0; i < s->desc.max_peers && s->desc.rx_bytes != 0; i++)
        if (&s->peers[i] != p && s->peers[i].calls.big_owner != VMC_CALL_NONE)
            p->calls.big_elsewhere = true;
}

/* What a peer said and was told, once its connection is closed and no kept request shows it any more. */
VMC_FN void vmc_route_forget(vmc_peer *p)
{
    p->heard = false;
    vmc_route_share_big(p);
    vmc_wipe(p->calls.slots, (size_t)(p->calls.tx - p->calls.slots));
    if (!p->calls.big_elsewhere)
        vmc_wipe(p->calls.big, p->calls.big_cap);
}

/* True if nobody needs record c any more: the call is over, its handler has let it go, its header block is written. */
VMC_FN bool vmc_route_is_over(const vmc_peer *p, const vmc_call *c)
{
    bool writing = p->conn.state == VMC_CONN_UP && p->conn.grpc.h2.out_slot == vmc_call_index(c);
    return c->state == VMC_CALL_ENDED && !p->requests[vmc_call_index(c)].kept && !writing;
}

/* Frees the records that nobody needs any more. */
VMC_FN void vmc_route_clean(vmc_peer *p)
{
    vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c) {
        if (c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_FINISHED) != 0)
            vmc_route_close(p, c);
        if (!vmc_route_is_over(p, c))
            continue;
        p->calls.ended--;
        p->requests[vmc_call_index(c)].state = VMC_REQUEST_NONE;
        vmc_calls_free(&p->calls, c);
    }
    vmc_route_release_big(p);
    if (p->heard && p->conn.state == VMC_CONN_CLOSED && p->calls.live == NULL)
        vmc_route_forget(p);
}

#endif
#endif
