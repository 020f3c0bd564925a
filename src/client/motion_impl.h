/* SPDX-License-Identifier: MIT */
/* client/motion: the promise of the product. Nothing of the user's is sent twice; Stop cannot be overtaken (design.md 6).
 *
 * A server runs streams side by side, so a SetPower sent just before Stop may run after it. Therefore Stop goes out at once, and once
 * more when every move of its resource that left before it is settled: its stream was ended by the robot. One that we ended ourselves
 * (deadline, cancel, loss) may run for one window more. Stop's DONE comes when the last copy is answered. */
#ifndef VIAMC_CLIENT_MOTION_IMPL_H
#define VIAMC_CLIENT_MOTION_IMPL_H

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/wire_impl.h"
#include "http2/h2.h"
#include "call/call_impl.h"
#include "call/grpc_impl.h"
#include "conn/conn.h"
#include "client/state.h"
#include "client/session_impl.h"

VMC_FN uint8_t vmc_motion_kind(const vmc_call *call)
{
    return call->motion & VMC_MOTION_KIND;
}

VMC_FN bool vmc_motion_is_move(const vmc_call *call)
{
    return vmc_motion_kind(call) == VMC_MOTION_MOVE || vmc_motion_kind(call) == VMC_MOTION_SETPOINT;
}

/* A move whose resource is not known may be of any; a stream without a message has none yet. */
VMC_FN bool vmc_motion_covers(uint32_t stop, uint32_t resource)
{
    return stop == resource || stop == VMC_MOTION_ANY || resource == VMC_MOTION_ANY;
}

/* A move that a Stop of that resource covers and that is not over, and what is known of it: NOT_RUN, it has not left; MAYBE, it has. */
VMC_FN bool vmc_motion_runs(const vmc_call *call, uint32_t stop, uint8_t ran)
{
    return vmc_motion_is_move(call) && vmc_call_is_running(call) && vmc_call_ran_locally(call) == ran && vmc_motion_covers(stop, vmc_call_resource(call));
}

/* A call that has left and that the robot did not answer: it may still run, whoever ended it. */
VMC_FN bool vmc_motion_is_doubtful(const vmc_call *call)
{
    return vmc_motion_is_move(call) && call->ran == VIAMC_MAYBE;
}

/* One window after a call was asked for: until then a Stop waits for moves, and a setpoint for its turn. A poll and the wait before it ask the
 * same timer, so nobody is woken in vain. */
VMC_FN vmc_timer vmc_motion_patience(const viamc_client *c, const vmc_call *call)
{
    vmc_timer t;
    vmc_timer_set(&t, vmc_call_user_const(call)->asked, vmc_session_window(c));
    return t;
}

/* ---- resources ---- */

/* 32-bit FNV-1a; a collision only costs a wait. */
VMC_FN uint32_t vmc_motion_hash(uint32_t h, const uint8_t *p, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

/* Hash of service and field 1, the resource's name. */
VMC_FN uint32_t vmc_motion_resource(viamc_str path, viamc_bytes msg)
{
    viamc_bytes name;
    uint32_t h;
    while (path.len > 1u && path.ptr[path.len - 1u] != '/')
        path.len--;
    h = vmc_motion_hash(2166136261u, (const uint8_t *)path.ptr, path.len);
    if (vmc_wire_find(msg, 1, &name) == VIAMC_OK)
        h = vmc_motion_hash(h, name.ptr, name.len);
    return h == 0 || h == VMC_MOTION_ANY ? 1u : h;
}

/* A message of a stream that moves: the first one names the resource, as far as the method is known; another name makes it any. */
VMC_FN uint32_t vmc_motion_resource_of(const vmc_call *call, viamc_bytes msg)
{
    viamc_bytes name;
    uint32_t resource = vmc_call_user_const(call)->method == NULL ? VMC_MOTION_ANY : vmc_motion_resource(vmc_call_path(call), msg);
    if (vmc_call_resource(call) == 0 || vmc_call_resource(call) == resource)
        return resource;
    return vmc_wire_find(msg, 1, &name) == VIAMC_ERR_NOT_FOUND ? vmc_call_resource(call) : VMC_MOTION_ANY;
}

/* ---- moves that may still run although we ended them ---- */

/* The robot may be long in hearing of the end: its window begins with its answer to something later, or with the end of the connection. */
VMC_FN void vmc_motion_unsettle(viamc_client *c, uint32_t resource)
{
    vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    while (u != last && u->resource != 0 && u->resource != resource)
        u++;
    u->resource = u == last ? VMC_MOTION_ANY : resource;
    u->after = c->conn.grpc.h2.next_id;
    c->motion.unsure = true;
}

/* Begins the windows whose time has come, and forgets those that are over. */
VMC_FN void vmc_motion_expire(viamc_client *c)
{
    vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    c->motion.unsure = false;
    for (; u <= last; u++) {
        if (u->after != 0 && (c->conn.state != VMC_CONN_UP || c->conn.grpc.answered >= u->after)) {
            u->after = 0;
            vmc_timer_set(&u->until, c->now, vmc_session_window(c));
        } else if (u->after == 0 && vmc_timer_due(&u->until, c->now)) {
            u->resource = 0;
        }
        c->motion.unsure = c->motion.unsure || u->resource != 0;
    }
}

VMC_FN bool vmc_motion_has_unsettled(const viamc_client *c, uint32_t resource)
{
    const vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    const vmc_call *call;
    for (; u <= last; u++)
        if (u->resource != 0 && vmc_motion_covers(resource, u->resource))
            return true;
    VMC_CALLS_EACH(&c->calls, call) /* a call that ended since the last poll is not among the unsettled yet */
        if (call->state == VMC_CALL_ENDED && vmc_motion_is_doubtful(call) && vmc_motion_covers(resource, vmc_call_resource(call)))
            return true;
    return false;
}

/* Moves of the resource that have left and have not ended. */
VMC_FN bool vmc_motion_has_running(const viamc_client *c, uint32_t resource)
{
    const vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_motion_runs(call, resource, VIAMC_MAYBE))
            return true;
    return false;
}

/* ---- Stop ---- */

/* A Stop of the resource is under way: its DONE has not been made. */
VMC_FN bool vmc_motion_is_stopping(const viamc_client *c, uint32_t resource)
{
    const vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call) {
        bool under_way = vmc_call_is_running(call) || call->state == VMC_CALL_ENDED;
        if (vmc_motion_kind(call) == VMC_MOTION_STOP && under_way && vmc_motion_covers(vmc_call_resource(call), resource))
            return true;
    }
    return false;
}

/* Ends the moves of the resource of which `ran` is known. */
VMC_FN void vmc_motion_cancel(viamc_client *c, uint32_t resource, uint8_t ran, const char *text)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_motion_runs(call, resource, ran))
            vmc_grpc_end(&c->conn.grpc, call, VIAMC_CANCELLED, ran, text);
}

/* A Stop goes out now. */
VMC_FN void vmc_motion_begin_stop(viamc_client *c, vmc_call *stop)
{
    stop->motion |= VMC_MOTION_COUNTED;
    c->motion.unconfirmed++;
    c->motion.watched = true;
    stop->flags |= VMC_CALL_F_FIRST | VMC_CALL_F_REPEATS;
    vmc_call_user(stop)->asked = c->now;
    /* what has not left, pending setpoints too, will not leave any more; of what has half left, the other half */
    vmc_motion_cancel(c, vmc_call_resource(stop), VIAMC_NOT_RUN, VMC_TEXT("a Stop of this resource came before it left"));
    if (vmc_motion_has_running(c, vmc_call_resource(stop)))
        stop->motion |= VMC_MOTION_AGAIN;
    if (vmc_motion_has_unsettled(c, vmc_call_resource(stop)))
        stop->motion |= VMC_MOTION_AGAIN | VMC_MOTION_UNCONFIRMED;
}

VMC_FN void vmc_motion_send_again(viamc_client *c, vmc_call *stop)
{
    stop->motion &= (uint8_t)~VMC_MOTION_AGAIN;
    vmc_calls_again(&c->calls, stop);
    vmc_timer_set(&stop->deadline, c->now, VMC_SESSION_TIMEOUT);
}

/* A copy of a Stop was answered OK: is that the end? True if DONE can be told. */
VMC_FN bool vmc_motion_stop_answered(viamc_client *c, vmc_call *stop)
{
    vmc_timer patience = vmc_motion_patience(c, stop);
    if ((stop->motion & VMC_MOTION_AGAIN) == 0)
        return true;
    if (vmc_timer_due(&patience, c->now) || vmc_timer_due(&stop->deadline, c->now)) {
        vmc_motion_cancel(c, vmc_call_resource(stop), VIAMC_MAYBE, VMC_TEXT("still running one window after a Stop of this resource"));
        if (vmc_motion_has_unsettled(c, vmc_call_resource(stop))) /* this Stop's doing, or another's just now */
            stop->motion |= VMC_MOTION_UNCONFIRMED;
    } else if (vmc_motion_has_running(c, vmc_call_resource(stop)) || vmc_motion_has_unsettled(c, vmc_call_resource(stop))) {
        return false; /* looked at again with the next poll */
    }
    vmc_motion_send_again(c, stop);
    return false;
}

/* The last word on a Stop. */
VMC_FN void vmc_motion_stop_done(viamc_client *c, vmc_call *stop)
{
    if (stop->status == VIAMC_OK && (stop->motion & (VMC_MOTION_COUNTED | VMC_MOTION_UNCONFIRMED)) == VMC_MOTION_COUNTED && c->motion.unconfirmed != 0)
        c->motion.unconfirmed--;
}

/* ---- moves ---- */

/* A move ended: settled if the robot ended it, or if it never ran. */
VMC_FN void vmc_motion_move_ended(viamc_client *c, vmc_call *call)
{
    vmc_call *stop;
    vmc_session_check_call(c, call);
    if (!vmc_motion_is_doubtful(call))
        return;
    vmc_motion_unsettle(c, vmc_call_resource(call));
    VMC_CALLS_EACH(&c->calls, stop) /* one that is waiting for it learns nothing certain any more */
        if (vmc_motion_kind(stop) == VMC_MOTION_STOP && (stop->motion & VMC_MOTION_AGAIN) != 0 && vmc_motion_covers(vmc_call_resource(stop), vmc_call_resource(call)))
            stop->motion |= VMC_MOTION_UNCONFIRMED;
}

/* A user's call has ended. True if its owner can be told. */
VMC_FN bool vmc_motion_on_end(viamc_client *c, vmc_call *call)
{
    if (vmc_motion_is_move(call))
        vmc_motion_move_ended(c, call);
#if VIAMC_OLD_SESSIONS
    else
        vmc_session_check_call(c, call);
#endif
    if (vmc_motion_kind(call) != VMC_MOTION_STOP)
        return true;
    if (call->status == VIAMC_OK && !vmc_motion_stop_answered(c, call))
        return false;
    vmc_motion_stop_done(c, call);
    return true;
}

/* ---- setpoints ---- */

/* Field 1 of what a call has to send is that of msg: the same resource, not only the same hash. */
VMC_FN bool vmc_motion_is_same_name(const viamc_client *c, const vmc_call *call, viamc_bytes msg)
{
    viamc_bytes own = viamc_view(c->calls.tx + call->tx_at + VMC_CALL_PREFIX, call->tx_len - VMC_CALL_PREFIX), a, b;
    (void)vmc_wire_find(call->body_len != 0 ? viamc_view(call->body, call->body_len) : own, 1, &a);
    (void)vmc_wire_find(msg, 1, &b);
    return a.len == b.len && vmc_same(a.ptr, b.ptr, a.len);
}

/* The setpoint of this method and resource that is in flight (pending false) or pending; NULL. */
VMC_FN vmc_call *vmc_motion_setpoint(const viamc_client *c, viamc_str path, uint32_t resource, bool pending)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_motion_kind(call) == VMC_MOTION_SETPOINT && vmc_call_is_running(call) && vmc_call_resource(call) == resource
            && ((call->motion & VMC_MOTION_PENDING) != 0) == pending && viamc_str_eq(vmc_call_path(call), path))
            return call;
    return NULL;
}

/* Lets a call go if nothing is in its way: a Stop, a setpoint in flight, a session that has to be started. */
VMC_FN void vmc_motion_launch(viamc_client *c, vmc_call *call)
{
    call->state = VMC_CALL_HELD;
    call->motion &= (uint8_t)~VMC_MOTION_PENDING;
    if (vmc_motion_kind(call) == VMC_MOTION_SETPOINT) {
        bool blocked = vmc_motion_is_stopping(c, vmc_call_resource(call));
        call->motion |= VMC_MOTION_PENDING; /* not in flight itself while we look */
        c->motion.watched = true;
        if (blocked || vmc_motion_setpoint(c, vmc_call_path(call), vmc_call_resource(call), false) != NULL)
            return;
        call->motion &= (uint8_t)~VMC_MOTION_PENDING;
        if (vmc_timer_left(&call->deadline, c->now) > vmc_session_window(c))
            vmc_timer_set(&call->deadline, c->now, vmc_session_window(c));
    }
    if (c->session.state == VMC_SESSION_ON || c->desc.disable_sessions || (c->session.state == VMC_SESSION_ABSENT && !c->desc.require_session))
        vmc_session_release(c, call);
    else if (c->session.state == VMC_SESSION_ABSENT)
        vmc_session_forbid(c);
    else
        c->session.wanted = true;
}

/* A pending setpoint goes when its turn comes, and is dropped when it is older than one window. */
VMC_FN void vmc_motion_step_pending(viamc_client *c, vmc_call *call)
{
    vmc_timer patience = vmc_motion_patience(c, call);
    if (vmc_timer_due(&patience, c->now))
        vmc_calls_end(&c->calls, call, VIAMC_DEADLINE_EXCEEDED, VIAMC_NOT_RUN, VMC_TEXT("a setpoint older than one window"));
    else
        vmc_motion_launch(c, call);
}

/* A Stop whose first copies were answered and whose last cannot be sent, or is not wanted: what it was to make sure is not. */
VMC_FN void vmc_motion_give_up(vmc_call *stop, uint32_t status)
{
    if (vmc_motion_kind(stop) != VMC_MOTION_STOP || stop->state != VMC_CALL_ENDED || (stop->motion & VMC_MOTION_AGAIN) == 0)
        return;
    stop->motion = (uint8_t)((stop->motion & ~VMC_MOTION_AGAIN) | VMC_MOTION_UNCONFIRMED);
    stop->status = (uint8_t)status;
    stop->ran = VIAMC_MAYBE;
}

VMC_FN void vmc_motion_on_lost(viamc_client *c)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        vmc_motion_give_up(call, VIAMC_UNAVAILABLE);
}

/* A Stop that has not left for want of a stream, as the peer permits so few: the user's call that gives way, moves of the resource first;
 * NULL. */
VMC_FN vmc_call *vmc_motion_in_the_way(const viamc_client *c, const vmc_call *stop)
{
    vmc_user_call *user = c->calls.users, *end = user + c->max_calls;
    vmc_call *victim = NULL;
    const vmc_h2 *h2 = &c->conn.grpc.h2;
    bool waits = vmc_motion_kind(stop) == VMC_MOTION_STOP && stop->state == VMC_CALL_OPEN && (stop->flags & VMC_CALL_F_HEAD) != 0;
    if (!waits || h2->open < h2->peer_streams || (h2->owed & VMC_H2_OWES_CHORES) != 0)
        return NULL; /* with chores: one is giving way already */
    for (; user != end; user++) {
        vmc_call *call = &user->call;
        bool streams = call->state == VMC_CALL_OPEN && (call->flags & VMC_CALL_F_SENT) != 0 && vmc_motion_kind(call) != VMC_MOTION_STOP;
        if (streams && (victim == NULL || (vmc_motion_is_move(call) && vmc_motion_covers(vmc_call_resource(stop), vmc_call_resource(call)))))
            victim = call;
    }
    return victim;
}

VMC_FN void vmc_motion_make_way(viamc_client *c, const vmc_call *stop)
{
    vmc_call *victim = vmc_motion_in_the_way(c, stop);
    if (victim != NULL)
        vmc_grpc_cancel(&c->conn.grpc, victim, VIAMC_CANCELLED, VMC_TEXT("gave its stream to a Stop: the robot permits too few"));
}

/* Looks at the Stops that are under way and at the setpoints that wait. */
VMC_APART void vmc_motion_watch(viamc_client *c)
{
    vmc_call *call;
    c->motion.watched = false;
    VMC_CALLS_EACH(&c->calls, call) {
        bool pending = vmc_motion_is_pending(call);
        if (!pending && (vmc_motion_kind(call) != VMC_MOTION_STOP || call->state == VMC_CALL_TOLD))
            continue;
        c->motion.watched = true;
        if (pending)
            vmc_motion_step_pending(c, call);
        else
            vmc_motion_make_way(c, call);
    }
}

VMC_FN void vmc_motion_step(viamc_client *c)
{
    if (c->motion.unsure)
        vmc_motion_expire(c);
    if (c->motion.watched)
        vmc_motion_watch(c);
}

/* A Stop that waits looks again when a move settles by time, and one window after it was asked for; one that lacks a stream, at once while
 * there are calls that can give way: each poll takes one. */
VMC_FN void vmc_motion_wait(const viamc_client *c, viamc_ms now, viamc_ms *wait)
{
    const vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    const vmc_call *call;
    if (c->motion.watched)
        VMC_CALLS_EACH(&c->calls, call) {
            bool stop = vmc_motion_kind(call) == VMC_MOTION_STOP && call->state == VMC_CALL_ENDED && call->status == VIAMC_OK;
            if (vmc_motion_in_the_way(c, call) != NULL)
                *wait = 0;
            if (stop || vmc_motion_is_pending(call)) {
                vmc_timer patience = vmc_motion_patience(c, call);
                vmc_wait_timer(wait, &patience, now);
                vmc_wait_timer(wait, &call->deadline, now);
            }
        }
    for (; c->motion.unsure && u <= last; u++)
        if (u->resource != 0 && u->after == 0)
            vmc_wait_timer(wait, &u->until, now);
}

#endif
