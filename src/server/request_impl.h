/* SPDX-License-Identifier: MIT */
/* server/request: requests as their handlers see them: questions, answers, keeping. Knows calls; knows nothing of peers' connections. */
#ifndef VIAMC_SERVER_REQUEST_IMPL_H
#define VIAMC_SERVER_REQUEST_IMPL_H

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "call/call_impl.h"
#include "server/state.h"

#ifndef VIAMC_NO_SERVER

VMC_FN vmc_call *vmc_request_call(const viamc_request *rq)
{
    return &rq->peer->calls.users[rq->index].call;
}

VMC_FN uint8_t vmc_request_flags(const viamc_request *rq)
{
    return rq->serve == NULL ? 0 : rq->serve->method->flags;
}

VMC_FN bool vmc_request_streams_in(const viamc_request *rq)
{
    return (vmc_request_flags(rq) & VIAMC_M_CLIENT_STREAM) != 0;
}

VMC_FN bool vmc_request_streams_out(const viamc_request *rq)
{
    return (vmc_request_flags(rq) & VIAMC_M_SERVER_STREAM) != 0;
}

/* Stops go before everything else, whatever is waiting. */
VMC_FN bool vmc_request_is_urgent(const viamc_request *rq)
{
    return (vmc_request_flags(rq) & (VIAMC_M_STOP | VIAMC_M_STOP_ALL)) != 0;
}

/* A Stop, ours or a client's: what came before it does not move its resource any more. */
VMC_FN void vmc_request_stop(viamc_request *rq)
{
    if (rq->resource != NULL && (rq->serve == NULL || (vmc_request_flags(rq) & VIAMC_M_STOP) != 0))
        rq->resource->stopped = ++rq->server->stops;
}

/* The client is there and has not been answered. */
VMC_FN bool vmc_request_is_wanted(const viamc_request *rq)
{
    return rq->peer == NULL || (vmc_request_call(rq)->state == VMC_CALL_OPEN && !rq->late);
}

/* ---- room for answers: tx has a half for unary calls, with a reserve in it, and a half for streams ---- */

/* The largest message that is ever taken. */
VMC_FN uint32_t vmc_request_largest(const viamc_request *rq)
{
    uint32_t half = rq->peer->calls.tx_cap / 2u;
    return half - VMC_CALL_PREFIX - (vmc_request_streams_out(rq) ? 0 : VMC_SERVER_RESERVE);
}

/* Octets of tx that are not for this request. */
VMC_FN uint32_t vmc_request_spare(const viamc_request *rq)
{
    uint32_t cap = rq->peer->calls.tx_cap;
    if (vmc_request_is_urgent(rq))
        return 0;
    return vmc_request_streams_out(rq) ? cap - cap / 2u : VMC_SERVER_RESERVE;
}

/* True if a message of len octets, at most the largest, can be put into tx now. */
VMC_FN bool vmc_request_fits(const viamc_request *rq, uint32_t len)
{
    const vmc_calls *t = &rq->peer->calls;
    return t->tx_cap - t->tx_used >= vmc_request_spare(rq) + VMC_CALL_PREFIX + len && vmc_calls_can_append(t, vmc_request_call(rq));
}

/* True if the handler may be called: what it answers at once will fit. A Stop is carried out whatever becomes of its answer. */
VMC_FN bool vmc_request_has_room(const viamc_request *rq)
{
    uint32_t stream = rq->need == 0 ? 1u : rq->need - 1u; /* the least, or what it waits for */
    return vmc_request_is_urgent(rq) || vmc_request_fits(rq, vmc_request_streams_out(rq) ? stream : vmc_request_largest(rq));
}

/* ---- the end of a request ---- */

/* Sets the answer's status and text; what was put into tx goes before it. */
VMC_FN void vmc_request_finish(viamc_request *rq, uint32_t status, const char *text)
{
    vmc_call *c;
    rq->state = VMC_REQUEST_ANSWERED;
    rq->kept = false;
    rq->status = (uint8_t)status;
    if (status == VIAMC_OK)
        vmc_request_stop(rq);
    if (rq->peer == NULL)
        return;
    c = vmc_request_call(rq);
    vmc_timer_off(&c->deadline);
    if (c->state != VMC_CALL_OPEN || (c->flags & VMC_CALL_F_FINISH) != 0)
        return; /* the client has given up, or the deadline or the carrier has answered */
    c->status = (uint8_t)status;
    c->flags |= VMC_CALL_F_FINISH | VMC_CALL_F_DROP;
    rq->peer->calls.stirred = true;
    vmc_calls_set_text(&rq->peer->calls, c, vmc_bytes_of(viamc_text(text)));
}

/* Its deadline has passed: what was answered and has not left is withdrawn. A handler that keeps it has still to let it go. */
VMC_FN void vmc_request_expire(viamc_request *rq)
{
    bool kept = rq->kept;
    vmc_calls_tx_cut(&rq->peer->calls, vmc_request_call(rq));
    vmc_request_call(rq)->sent = 0;
    vmc_request_finish(rq, VIAMC_DEADLINE_EXCEEDED, "");
    rq->late = true;
    rq->kept = kept;
    if (kept)
        rq->state = VMC_REQUEST_KEPT;
}

/* Whether the handler may answer now. CLOSED: nobody is there any more, and `last` lets the request go. */
VMC_FN viamc_err vmc_request_check(viamc_request *rq, bool last)
{
    if (rq == NULL)
        return VIAMC_ERR_ARG;
    if (rq->state != VMC_REQUEST_OPEN && rq->state != VMC_REQUEST_KEPT)
        return VIAMC_ERR_STATE;
    if (vmc_request_is_wanted(rq))
        return VIAMC_OK;
    if (last)
        vmc_request_finish(rq, VIAMC_CANCELLED, "");
    return VIAMC_ERR_CLOSED;
}

VMC_FN viamc_err vmc_request_put(viamc_request *rq, viamc_bytes msg)
{
    if (msg.len > vmc_request_largest(rq))
        return VIAMC_ERR_NOMEM;
    if (!vmc_request_fits(rq, (uint32_t)msg.len)) {
        rq->need = (uint32_t)msg.len + 1u; /* a message may be empty */
        return VIAMC_ERR_BUSY;
    }
    vmc_calls_put_message(&rq->peer->calls, vmc_request_call(rq), msg, vmc_calls_nothing, false);
    return VIAMC_OK;
}

/* ---- public ---- */

VIAMC_API const void *viamc_request_ops(const viamc_request *rq)
{
    return rq == NULL || rq->resource == NULL ? NULL : rq->resource->ops;
}

VIAMC_API void *viamc_request_user(const viamc_request *rq)
{
    return rq == NULL || rq->resource == NULL ? NULL : rq->resource->user;
}

VIAMC_API const viamc_method *viamc_request_method(const viamc_request *rq)
{
    return rq == NULL || rq->serve == NULL ? NULL : rq->serve->method;
}

VIAMC_API viamc_str viamc_request_name(const viamc_request *rq)
{
    return rq == NULL || rq->resource == NULL ? viamc_text("") : rq->resource->name;
}

VIAMC_API viamc_bytes viamc_request_message(const viamc_request *rq)
{
    return rq == NULL ? viamc_view(NULL, 0) : rq->msg;
}

VIAMC_API bool viamc_request_at_end(const viamc_request *rq)
{
    return rq != NULL && rq->at_end;
}

VIAMC_API bool viamc_request_cancelled(const viamc_request *rq)
{
    return rq != NULL && !vmc_request_is_wanted(rq);
}

VIAMC_API uint32_t *viamc_request_mark(viamc_request *rq)
{
    return rq == NULL ? NULL : &rq->mark;
}

VIAMC_API void *viamc_request_scratch(viamc_request *rq, size_t size)
{
    return rq == NULL || size > rq->server->desc.message_bytes ? NULL : rq->server->message;
}

VIAMC_API uint8_t *viamc_answer_room(viamc_request *rq, size_t *cap)
{
    viamc_server *s;
    const vmc_calls *t;
    if (cap == NULL)
        return NULL;
    *cap = 0;
    if (rq == NULL)
        return NULL;
    s = rq->server;
    if (rq->peer == NULL) {
        *cap = VMC_SERVER_STOP_BYTES - s->stop_len;
        return s->stop + s->stop_len;
    }
    t = &rq->peer->calls;
    *cap = vmc_min32(vmc_calls_tx_room(t, vmc_request_spare(rq)), vmc_request_largest(rq));
    return *cap == 0 ? t->tx : vmc_calls_tx_next(t);
}

VIAMC_API viamc_err viamc_answer_bytes(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err = vmc_is_view(msg) ? vmc_request_check(rq, true) : (viamc_err)VIAMC_ERR_ARG;
    if (err == VIAMC_OK && rq->peer != NULL)
        err = vmc_request_put(rq, msg);
    if (err == VIAMC_OK)
        vmc_request_finish(rq, VIAMC_OK, "");
    return err;
}

VIAMC_API viamc_err viamc_fail(viamc_request *rq, uint32_t status, const char *text)
{
    viamc_err err;
    if (rq == NULL || status < VIAMC_CANCELLED || status > VIAMC_UNAUTHENTICATED)
        return VIAMC_ERR_ARG;
    err = vmc_request_check(rq, true);
    if (err == VIAMC_OK)
        vmc_request_finish(rq, status, text);
    return err;
}

VIAMC_API viamc_err viamc_request_keep(viamc_request *rq)
{
    if (rq == NULL)
        return VIAMC_ERR_ARG;
    if (rq->state != VMC_REQUEST_OPEN)
        return VIAMC_ERR_STATE;
    rq->kept = true;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_request_send(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err = vmc_is_view(msg) ? vmc_request_check(rq, false) : (viamc_err)VIAMC_ERR_ARG;
    if (err == VIAMC_OK && !vmc_request_streams_out(rq))
        err = VIAMC_ERR_STATE;
    return err == VIAMC_OK ? vmc_request_put(rq, msg) : err;
}

VIAMC_API viamc_err viamc_request_end(viamc_request *rq)
{
    viamc_err err = vmc_request_check(rq, rq != NULL && vmc_request_streams_out(rq));
    if (err == VIAMC_OK && !vmc_request_streams_out(rq))
        err = VIAMC_ERR_STATE;
    if (err == VIAMC_OK)
        vmc_request_finish(rq, VIAMC_OK, "");
    return err;
}

#endif
#endif
