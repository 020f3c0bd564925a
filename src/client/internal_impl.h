/* SPDX-License-Identifier: MIT */
/* client/internal: calls of our own: heartbeats, Authenticate, StartSession, signs of life. */
#ifndef VIAMC_CLIENT_INTERNAL_IMPL_H
#define VIAMC_CLIENT_INTERNAL_IMPL_H

#include "client/client.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "base/log_impl.h"
#include "call/call_impl.h"
#include "client/state.h"

static const uint8_t vmc_empty_message[VMC_CALL_PREFIX] = {0, 0, 0, 0, 0};

/* The record of ours number `which` (VMC_REC_*). */
VMC_FN vmc_call *vmc_client_rec(const viamc_client *c, uint8_t which)
{
    return &c->calls.ours[which];
}

VMC_FN bool vmc_client_rec_free(const viamc_client *c, uint8_t which)
{
    return vmc_client_rec(c, which)->state == VMC_CALL_FREE;
}

/* Starts a unary call of ours, of whose reply only the status matters. Its message is put into tx by the caller, or:
 *   body   octets with prefix, ours until the call ends */
VMC_FN vmc_call *vmc_client_internal(viamc_client *c, uint8_t which, const char *path, const uint8_t *body, uint32_t body_len, viamc_ms timeout)
{
    vmc_call *call = vmc_client_rec(c, which);
    vmc_calls_claim(&c->calls, call);
    call->path = path;
    call->path_len = (uint16_t)vmc_strlen(path);
    call->flags |= VMC_CALL_F_INTERNAL | VMC_CALL_F_FINISH | VMC_CALL_F_TOKEN | VMC_CALL_F_DROP;
    call->body = body;
    call->body_len = body_len;
    vmc_timer_set(&call->deadline, c->now, timeout);
    return call;
}

/* The reply of a call of ours is kept, with its prefix. */
VMC_FN void vmc_client_internal_into(viamc_client *c, vmc_call *call, uint8_t *reply, uint32_t cap)
{
    call->flags &= (uint16_t)~VMC_CALL_F_DROP;
    c->calls.reply = reply;
    c->calls.reply_cap = cap;
}

/* The one message of the reply of an internal call that was answered OK, without its prefix. */
VMC_FN viamc_bytes vmc_client_internal_reply(const viamc_client *c, uint8_t which)
{
    const uint32_t whole = vmc_client_rec(c, which)->parsed;
    return viamc_view(c->calls.reply + VMC_CALL_PREFIX, whole < VMC_CALL_PREFIX ? 0 : whole - VMC_CALL_PREFIX);
}

/* The client is over: it will not try again. */
VMC_FN void vmc_client_fail(viamc_client *c)
{
    const viamc_error *e = &c->conn.error;
    c->dial.state = VIAMC_FAILED;
    c->dial.step = VMC_DIAL_REST;
    vmc_log(&c->log, VIAMC_LOG_ERROR, e->where, e->what, (uint32_t)e->code, e->detail);
}

#endif
