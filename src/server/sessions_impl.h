/* SPDX-License-Identifier: MIT */
/* server/sessions: safety sessions and the Stops that follow their end (viam-wire.md 4.4). A session belongs to an API key, not to a
 * connection. Knows requests and resources; knows nothing of peers. */
#ifndef VIAMC_SERVER_SESSIONS_IMPL_H
#define VIAMC_SERVER_SESSIONS_IMPL_H

#include "server/server.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/wire_impl.h"
#include "call/call.h"
#include "server/state.h"
#include "server/request_impl.h"

#ifndef VIAMC_NO_SERVER

#define VMC_SESSIONS_ID 36u /* octets of an id as text, RFC 9562 4 */

/* ---- ids ---- */

VMC_FN int vmc_sessions_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)(c | 0x20u);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

VMC_FN bool vmc_sessions_is_dash(size_t at)
{
    return at == 8u || at == 13u || at == 18u || at == 23u;
}

/* Reads a UUID of 32 hex digits and four dashes; false if it is not one. */
VMC_FN bool vmc_sessions_parse(viamc_bytes text, uint8_t id[16])
{
    size_t i, n = 0;
    if (text.len != VMC_SESSIONS_ID)
        return false;
    for (i = 0; i < VMC_SESSIONS_ID; i++) {
        int d = vmc_sessions_digit(text.ptr[i]);
        if (vmc_sessions_is_dash(i)) {
            if (text.ptr[i] != '-')
                return false;
            continue;
        }
        if (d < 0)
            return false;
        id[n / 2u] = (uint8_t)((n % 2u != 0 ? id[n / 2u] << 4 : 0) | d);
        n++;
    }
    return true;
}

VMC_FN void vmc_sessions_format(const uint8_t id[16], char text[VMC_SESSIONS_ID])
{
    size_t i, n = 0;
    for (i = 0; i < VMC_SESSIONS_ID; i++) {
        if (vmc_sessions_is_dash(i)) {
            text[i] = '-';
            continue;
        }
        text[i] = "0123456789abcdef"[n % 2u != 0 ? id[n / 2u] & 15u : id[n / 2u] >> 4];
        n++;
    }
}

/* ---- sessions ---- */

/* The living session with this id that belongs to a key, or VMC_SERVER_NONE: others' sessions do not exist. */
VMC_FN uint8_t vmc_sessions_find(const viamc_server *s, const uint8_t id[16], uint8_t key)
{
    uint8_t i, found = VMC_SERVER_NONE;
    for (i = 0; i < s->desc.max_sessions; i++) {
        const vmc_safety *f = &s->sessions[i];
        if (f->used && f->key == key && vmc_same_secret(viamc_view(f->id, sizeof f->id), viamc_view(id, sizeof f->id)))
            found = i;
    }
    return found;
}

/* A sign of life. */
VMC_FN void vmc_sessions_beat(viamc_server *s, uint8_t i, uint8_t peer)
{
    vmc_safety *f = &s->sessions[i];
    vmc_server_tell(s, VIAMC_SEV_HEARTBEAT, peer, viamc_text(""), viamc_text(""), s->now - f->beat_at, 0);
    f->beat_at = s->now;
    vmc_timer_set(&f->end, s->now, s->desc.window_ms);
}

/* Starts a session for a key. OK; BUSY: there are as many as there may be; ENTROPY. */
VMC_FN viamc_err vmc_sessions_start(viamc_server *s, uint8_t key, uint8_t *index)
{
    vmc_safety *f;
    uint8_t i = 0;
    while (i < s->desc.max_sessions && s->sessions[i].used)
        i++;
    if (i == s->desc.max_sessions)
        return VIAMC_ERR_BUSY;
    f = &s->sessions[i];
    if (s->desc.port->random(s->desc.port_user, f->id, sizeof f->id) != VIAMC_OK)
        return VIAMC_ERR_ENTROPY;
    f->id[6] = (uint8_t)((f->id[6] & 0x0fu) | 0x40u); /* RFC 9562 5.4: version 4 */
    f->id[8] = (uint8_t)((f->id[8] & 0x3fu) | 0x80u);
    f->used = true;
    f->key = key;
    f->turn++;
    f->beat_at = s->now;
    vmc_timer_set(&f->end, s->now, s->desc.window_ms);
    *index = i;
    return VIAMC_OK;
}

/* A moving call begins: its session, if it carries one, answers for its resource from now on; without one nobody does.
 * False: the session has ended since the call came. */
VMC_FN bool vmc_sessions_bind(viamc_request *rq)
{
    viamc_server *s = rq->server;
    viamc_resource *r = rq->resource;
    if (rq->session != VMC_SERVER_NONE) {
        const vmc_safety *f = &s->sessions[rq->session];
        if (!f->used || f->turn != rq->session_turn)
            return false;
        vmc_sessions_beat(s, rq->session, vmc_request_peer(rq));
    }
    if (r == NULL)
        return true;
    r->session = rq->session;
    if (r->session != VMC_SERVER_NONE)
        vmc_server_tell(s, VIAMC_SEV_BOUND, vmc_request_peer(rq), viamc_text(rq->serve->method->path), r->name, 0, 0);
    return true;
}

/* A handler has been called for a moving call. Unless it refused, somebody drives the resource again: the Stop for a session that has ended
 * gives way to that; a StopAll that is being answered stops that too. */
VMC_FN void vmc_sessions_drive(const viamc_request *rq)
{
    viamc_resource *r = rq->resource;
    if (r == NULL || (vmc_request_flags(rq) & VIAMC_M_MONITORED) == 0 || (rq->state == VMC_REQUEST_ANSWERED && rq->status != VIAMC_OK))
        return;
    r->due &= VMC_DUE_ALL;
    if (r->running != 0 && (r->running & VMC_DUE_ALL) == 0)
        r->running |= VMC_DUE_DRIVEN;
}

/* ---- Stops of our own ---- */

/* The message of a Stop: the name in field 1, and `extra` in field 99 where it fits. */
VMC_FN viamc_bytes vmc_sessions_stop_message(viamc_server *s, viamc_str name, viamc_bytes extra)
{
    vmc_wr w = vmc_wr_of(s->stop, VMC_SERVER_STOP_BYTES);
    vmc_wire_put_text(&w, 1, name);
    if (extra.len != 0 && extra.len + 8u <= vmc_wr_room(&w))
        vmc_wire_put_bytes(&w, 99, extra);
    s->stop_len = w.len;
    return viamc_view(s->stop, w.len);
}

/* Looks at what a Stop of ours has answered. One that failed is due again. */
VMC_FN void vmc_sessions_stopped(viamc_server *s, viamc_resource *r)
{
    if (r->running == 0 || r->stop.state != VMC_REQUEST_ANSWERED)
        return;
    r->failed = r->stop.status != VIAMC_OK;
    if (r->failed && (r->running & VMC_DUE_DRIVEN) == 0)
        r->due |= VMC_DUE_EXPIRED;
    r->running = 0;
    r->stop.state = VMC_REQUEST_NONE;
    vmc_server_tell(s, VIAMC_SEV_STOPPED, VMC_SERVER_NONE, viamc_text(""), r->name, s->now - r->due_at, r->stop.status);
}

/* Asks a resource to stop, now. `extra`: of StopAll. */
VMC_FN void vmc_sessions_stop(viamc_server *s, viamc_resource *r, viamc_bytes extra)
{
    viamc_request *rq = &r->stop;
    viamc_err err;
    VIAMC_MEMSET(rq, 0, sizeof *rq);
    rq->server = s;
    rq->service = r->service;
    rq->resource = r;
    rq->key = VMC_SERVER_NONE;
    rq->session = VMC_SERVER_NONE;
    rq->state = VMC_REQUEST_OPEN;
    rq->msg = vmc_sessions_stop_message(s, r->name, extra);
    r->running = r->due;
    r->due = 0;
    err = r->service->stop(rq, rq->msg);
    rq->msg = viamc_view(NULL, 0);
    if (rq->state == VMC_REQUEST_OPEN && err == VIAMC_OK && rq->kept) {
        rq->state = VMC_REQUEST_KEPT;
    } else if (rq->state == VMC_REQUEST_OPEN && err == VIAMC_WAIT) {
        rq->state = VMC_REQUEST_NONE;
        r->due |= r->running; /* asked again with the next poll */
        r->running = 0;
    } else if (rq->state == VMC_REQUEST_OPEN) {
        vmc_request_finish(rq, VIAMC_INTERNAL, "");
    }
    vmc_sessions_stopped(s, r);
}

/* Marks a resource: what came before does not move it any more, whatever becomes of its Stop. One that cannot stop is asked for none. */
VMC_FN void vmc_sessions_due(viamc_server *s, viamc_resource *r, uint8_t why)
{
    r->stopped = ++s->stops;
    if (r->service->stop == NULL)
        return;
    if (r->due == 0)
        r->due_at = s->now;
    r->due |= why;
}

/* Asks for the Stops that are due, each once. */
VMC_FN void vmc_sessions_run(viamc_server *s)
{
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        vmc_sessions_stopped(s, r);
        if (r->due != 0 && r->running == 0)
            vmc_sessions_stop(s, r, viamc_view(NULL, 0));
    }
}

/* Ends a session: what it moved last is to be stopped. Calls that run go on (viam-wire.md 4.4). */
VMC_FN void vmc_sessions_end(viamc_server *s, uint8_t index)
{
    vmc_safety *f = &s->sessions[index];
    uint32_t n = 0;
    uint8_t i;
    f->used = false;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        if (r->session != index)
            continue;
        r->session = VMC_SERVER_NONE;
        vmc_sessions_due(s, r, VMC_DUE_EXPIRED);
        n++;
    }
    vmc_server_tell(s, VIAMC_SEV_EXPIRED, VMC_SERVER_NONE, viamc_text(""), viamc_text(""), s->now - f->beat_at, n);
}

/* First thing in a poll: sessions whose window has passed, and their Stops. */
VMC_FN void vmc_sessions_poll(viamc_server *s)
{
    uint8_t i;
    for (i = 0; i < s->desc.max_sessions; i++)
        if (s->sessions[i].used && vmc_timer_due(&s->sessions[i].end, s->now))
            vmc_sessions_end(s, i);
    vmc_sessions_run(s);
}

VMC_FN void vmc_sessions_wait(const viamc_server *s, viamc_ms now, viamc_ms *wait)
{
    uint8_t i;
    for (i = 0; i < s->desc.max_sessions; i++)
        if (s->sessions[i].used)
            vmc_wait_timer(wait, &s->sessions[i].end, now);
    for (i = 0; i < s->resource_count; i++) {
        const viamc_resource *r = &s->resources[i];
        if (r->due != 0 && r->running == 0)
            *wait = vmc_min32(*wait, VMC_SERVER_AGAIN_MS);
        if (r->running != 0 && r->stop.state == VMC_REQUEST_ANSWERED)
            *wait = 0;
    }
}

#endif
#endif
