/* SPDX-License-Identifier: MIT */
/* client/session: the safety session: started by the first moving call, kept alive by the polls (viam-wire.md 4, design.md 6). */
#ifndef VIAMC_CLIENT_SESSION_IMPL_H
#define VIAMC_CLIENT_SESSION_IMPL_H

#include "client/client.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "base/log_impl.h"
#include "codec/wire_impl.h"
#include "http2/hpack_impl.h"
#include "http2/h2.h"
#include "call/call_impl.h"
#include "call/grpc_impl.h"
#include "client/client.h"
#include "client/state.h"
#include "client/internal_impl.h"

static const char vmc_session_start_path[] = "/viam.robot.v1.RobotService/StartSession";
static const char vmc_session_beat_path[] = "/viam.robot.v1.RobotService/SendSessionHeartbeat";

#define VMC_SESSION_WINDOW_MIN 20u      /* viamc: viam-server has 30 ms to a minute */
#define VMC_SESSION_WINDOW_MAX 3600000u
#define VMC_SESSION_TIMEOUT 5000u /* viamc: StartSession is a unary call that moves nothing, ms */
#define VMC_SESSION_AGAIN 1000u   /* viamc: from one StartSession to the next, after a session of which no heartbeat was answered, ms */

/* The window that the motion rules reckon with. */
VMC_FN viamc_ms vmc_session_window(const viamc_client *c)
{
    return c->session.window != 0 ? c->session.window : VMC_MOTION_WINDOW;
}

/* Octets of {1: id} with its prefix: a heartbeat, or a StartSession that resumes. */
VMC_FN uint32_t vmc_session_request_len(const vmc_session *s)
{
    return VMC_CALL_PREFIX + 2u + s->id_len;
}

/* What tells this session's id from another. */
VMC_FN uint64_t vmc_session_key(const vmc_session *s)
{
    return vmc_hpack_key(viamc_view(s->wire + VMC_CALL_PREFIX + 2u, s->id_len));
}

/* The Stops of before do not count any more, nor do those of them that are confirmed later. */
VMC_FN void vmc_session_forget_stops(viamc_client *c)
{
    vmc_call *call;
    c->motion.unconfirmed = 0;
    VMC_CALLS_EACH(&c->calls, call)
        call->motion &= (uint8_t)~VMC_MOTION_COUNTED;
}

/* What was asked for under the session that is over: what has not left will not, what has left says nothing of the next session. */
VMC_FN void vmc_session_end_calls(viamc_client *c)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call) {
        if (vmc_motion_is_pending(call) || (call->flags & (VMC_CALL_F_SESSION | VMC_CALL_F_SENT)) == VMC_CALL_F_SESSION)
            vmc_calls_end(&c->calls, call, VIAMC_CANCELLED, VIAMC_NOT_RUN, VMC_TEXT("the session ended before this call left"));
        call->motion |= VMC_MOTION_PAST;
    }
    vmc_grpc_cancel(&c->conn.grpc, vmc_client_rec(c, VMC_REC_BEAT), VIAMC_CANCELLED, NULL);
    vmc_grpc_cancel(&c->conn.grpc, vmc_client_rec(c, VMC_REC_BEAT2), VIAMC_CANCELLED, NULL);
}

/* Why the last session was lost, if one was. */
VMC_FN void vmc_session_error(const viamc_client *c, viamc_error *e)
{
    if (c->session_what != NULL)
        (void)vmc_fail(e, VIAMC_ERR_SESSION, c->session_gap, "session", c->session_what);
}

/* The session is over on the robot, or will be for want of heartbeats; it stops what the session moved. */
VMC_FN void vmc_session_lost(viamc_client *c, const char *what)
{
    vmc_session *s = &c->session;
    c->session_what = what;
    c->session_gap = s->gap;
    c->events |= VMC_EV_SESSION_LOST;
    vmc_session_end_calls(c);
    vmc_session_forget_stops(c);
    s->state = VMC_SESSION_NONE;
    s->id_len = 0;
    s->resumed = 0;
    s->wanted = true; /* the next one starts; nothing is replayed */
    vmc_log(&c->log, VIAMC_LOG_WARN, "session", what, s->gap, s->window);
}

/* ---- the calls that wait for it ---- */

VMC_FN bool vmc_session_is_waiting(const vmc_call *call)
{
    return call->state == VMC_CALL_HELD && (call->motion & VMC_MOTION_PENDING) == 0;
}

/* Lets a held call go, with the session if there is one. */
VMC_APART void vmc_session_release(viamc_client *c, vmc_call *call)
{
    call->state = VMC_CALL_OPEN;
    c->calls.stirred = true;
    if (c->session.state == VMC_SESSION_ON)
        call->flags |= VMC_CALL_F_SESSION;
}

VMC_FN void vmc_session_release_all(viamc_client *c)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_session_is_waiting(call))
            vmc_session_release(c, call);
}

/* StartSession failed before them: they never ran. With our words, or, for NULL, with the robot's, which the auxiliary record has. */
VMC_FN void vmc_session_fail_all(viamc_client *c, uint32_t status, const char *text)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_session_is_waiting(call)) {
            if (text == NULL)
                vmc_calls_set_text(&c->calls, call, vmc_calls_text(&c->calls, vmc_client_rec(c, VMC_REC_AUX)));
            vmc_calls_end(&c->calls, call, status, VIAMC_NOT_RUN, text);
        }
}

VMC_FN void vmc_session_forbid(viamc_client *c)
{
    vmc_session_fail_all(c, VIAMC_FAILED_PRECONDITION, VMC_TEXT("this robot has no sessions, and dial.require_session is set"));
}

/* ---- StartSession ---- */

/* True if the next StartSession may leave now. */
VMC_FN bool vmc_session_may_start(const viamc_client *c)
{
    return c->aux == VMC_AUX_NOTHING && !vmc_timer_is_on(&c->session.again) && c->conn.grpc.h2.out_slot == VMC_H2_NO_SLOT;
}

VMC_APART void vmc_session_start(viamc_client *c)
{
    vmc_session *s = &c->session;
    vmc_call *call;
    if (!vmc_session_may_start(c))
        return;
    if (s->resumed != 0 && c->motion.unconfirmed != 0)
        vmc_session_lost(c, VMC_TEXT("not resumed, since a Stop was not confirmed: it expires, which stops what it moved"));
    call = vmc_client_internal(c, VMC_REC_AUX, vmc_session_start_path, vmc_empty_message, sizeof vmc_empty_message, VMC_SESSION_TIMEOUT);
    vmc_client_internal_into(c, call, s->wire, VMC_SESSION_REPLY);
    if (s->resumed != 0) {
        call->body = s->wire;
        call->body_len = vmc_session_request_len(s);
    } else {
        vmc_session_forget_stops(c);
    }
    vmc_timer_set(&s->again, c->now, VMC_SESSION_AGAIN);
    c->aux = VMC_AUX_SESSION;
    s->state = VMC_SESSION_STARTING;
    s->wanted = false;
}

/* Reads StartSessionResponse {1: id, 2: heartbeat_window}; the id moves to where requests have it. */
VMC_FN bool vmc_session_take_reply(viamc_client *c)
{
    vmc_session *s = &c->session;
    viamc_bytes msg = vmc_client_internal_reply(c, VMC_REC_AUX), id, window;
    viamc_ms ms;
    if (vmc_wire_find(msg, 1, &id) != VIAMC_OK || id.len == 0 || id.len > VMC_SESSION_ID)
        return false;
    if (vmc_wire_find(msg, 2, &window) != VIAMC_OK || !vmc_wire_duration(window, &ms) || ms < VMC_SESSION_WINDOW_MIN || ms > VMC_SESSION_WINDOW_MAX)
        return false;
    s->window = ms;
    s->id_len = (uint8_t)id.len;
    vmc_move(s->wire + VMC_CALL_PREFIX + 2u, id.ptr, id.len);
    s->wire[0] = 0;
    vmc_put_be32(s->wire + 1, (uint32_t)id.len + 2u);
    s->wire[5] = 0x0a; /* field 1, length-delimited */
    s->wire[6] = s->id_len;
    return true;
}

VMC_FN void vmc_session_on(viamc_client *c)
{
    vmc_session *s = &c->session;
    s->wanted = false;
    s->state = VMC_SESSION_ON;
    s->acked = false;
    s->acked_at = c->now - 1u; /* StartSession was as good as a heartbeat; before the first one */
    s->gap = 0;
    vmc_timer_set(&s->beat, c->now, 0);
    c->conn.grpc.session = viamc_view(s->wire + VMC_CALL_PREFIX + 2u, s->id_len);
    vmc_grpc_changed(&c->conn.grpc);
    vmc_session_release_all(c);
    vmc_log(&c->log, VIAMC_LOG_INFO, "session", VMC_TEXT("started, window in ms"), s->window, 0);
}

/* The robot has no sessions. */
VMC_FN void vmc_session_absent(viamc_client *c)
{
    c->session.state = VMC_SESSION_ABSENT;
    if (c->desc.require_session) {
        vmc_session_forbid(c);
        return;
    }
    c->events |= VMC_EV_UNPROTECTED;
    vmc_session_release_all(c);
}

/* StartSession was refused, or its answer cannot be used. */
VMC_FN void vmc_session_not_started(viamc_client *c, const vmc_call *call)
{
    c->session.state = VMC_SESSION_NONE;
    c->session.id_len = 0;
    vmc_timer_off(&c->session.again);
    if (call->status == VIAMC_UNIMPLEMENTED && call->ran == VIAMC_ANSWERED)
        vmc_session_absent(c);
    else if (call->status == VIAMC_OK)
        vmc_session_fail_all(c, VIAMC_INTERNAL, VMC_TEXT("StartSession was answered without id or window"));
    else
        vmc_session_fail_all(c, call->status, NULL);
}

/* The answer tells too whether the session of before goes on. */
VMC_FN void vmc_session_on_start_end(viamc_client *c)
{
    vmc_session *s = &c->session;
    const vmc_call *call = vmc_client_rec(c, VMC_REC_AUX);
    bool started = call->status == VIAMC_OK && vmc_session_take_reply(c);
    uint8_t id_len = s->id_len;
    if (s->resumed != 0 && !(started && s->resumed == vmc_session_key(s)))
        vmc_session_lost(c, VMC_TEXT("the session ended while the connection was lost"));
    s->id_len = id_len;
    s->resumed = 0;
    if (started)
        vmc_session_on(c);
    else
        vmc_session_not_started(c, call);
}

/* ---- heartbeats ---- */

VMC_FN void vmc_session_send_beat(viamc_client *c, uint8_t which)
{
    vmc_session *s = &c->session;
    viamc_ms late = vmc_min32(c->now - s->beat.at, s->since_poll); /* what the polls are to blame for: an answer may be slow as well */
    (void)vmc_client_internal(c, (uint8_t)(VMC_REC_BEAT + which), vmc_session_beat_path, s->wire, vmc_session_request_len(s), 2u * s->window);
    s->sent_at[which] = c->now;
    vmc_timer_set(&s->beat, c->now, s->window / 5u);
    if (late > s->window * 3u / 10u) { /* half a window without a heartbeat */
        c->late_ms = late;
        c->events |= VMC_EV_STARVED;
    }
}

/* At most two are in flight: no gap up to a round trip of 2/5 of the window, alive up to 6/5. */
VMC_APART void vmc_session_beat(viamc_client *c)
{
    uint8_t which;
    bool slow = false;
    for (which = 0; which < 2u; which++)
        if (!vmc_client_rec_free(c, (uint8_t)(VMC_REC_BEAT + which)))
            slow = slow || c->now - c->session.sent_at[which] > c->session.window / 5u;
        else if (vmc_timer_due(&c->session.beat, c->now))
            vmc_session_send_beat(c, which);
    if (c->conn.grpc.hold_data && !slow)
        c->calls.stirred = true;
    c->conn.grpc.hold_data = slow;
}

/* True if these words say that the session is gone (viam-wire.md 4.4). */
VMC_FN bool vmc_session_is_expired(const viamc_client *c, const vmc_call *call)
{
    return call->ran == VIAMC_ANSWERED && call->status == VIAMC_INVALID_ARGUMENT && vmc_bytes_are(vmc_calls_text(&c->calls, call), "SESSION_EXPIRED");
}

VMC_FN void vmc_session_on_beat_end(viamc_client *c, const vmc_call *call, bool which)
{
    vmc_session *s = &c->session;
    if (s->state != VMC_SESSION_ON)
        return;
    if (!vmc_client_rec_free(c, which ? VMC_REC_BEAT : VMC_REC_BEAT2))
        s->since_poll = 0; /* two were in flight: the next one is late for want of an answer, not of polls */
    if (call->status == VIAMC_OK) {
        s->acked_at = s->sent_at[which];
        s->acked = true;
        vmc_timer_off(&s->again);
        s->gap = 0;
        s->beats++;
    } else if (call->ran == VIAMC_ANSWERED && (call->status == VIAMC_INVALID_ARGUMENT || call->status == VIAMC_UNIMPLEMENTED)) {
        vmc_session_lost(c, VMC_TEXT("the session expired"));
    } else if (!vmc_time_reached(s->acked_at, s->sent_at[which]) && c->now - s->acked_at >= 2u * s->window) { /* late, refused, failed */
        vmc_session_lost(c, VMC_TEXT("no heartbeat was answered for two windows"));
    }
}

/* A call that carried the session was told that there is none. */
VMC_FN void vmc_session_check_call(viamc_client *c, const vmc_call *call)
{
    bool current = (call->flags & VMC_CALL_F_SESSION) != 0 && (call->motion & VMC_MOTION_PAST) == 0;
    if (c->session.state == VMC_SESSION_ON && current && vmc_session_is_expired(c, call))
        vmc_session_lost(c, VMC_TEXT("the session expired"));
}

/* ---- time and connection ---- */

/* Every poll: the time since the last one counts towards an explanation, should the session expire. */
VMC_FN void vmc_session_note_poll(viamc_client *c, viamc_ms now)
{
    viamc_ms since = c->polls != 0 && vmc_time_reached(now, c->now) ? now - c->now : 0;
    c->session.since_poll = since;
    if (since > c->session.gap)
        c->session.gap = since;
}

VMC_FN void vmc_session_step(viamc_client *c)
{
    if (vmc_timer_due(&c->session.again, c->now))
        vmc_timer_off(&c->session.again);
    if (c->session.state == VMC_SESSION_NONE && (c->session.wanted || c->session.resumed != 0))
        vmc_session_start(c);
    if (c->session.state == VMC_SESSION_ON)
        vmc_session_beat(c);
    else
        c->conn.grpc.hold_data = false;
}

/* The connection is lost: the session may be resumed on the next one, if nothing that it moved is in doubt. */
VMC_FN void vmc_session_on_lost(viamc_client *c)
{
    vmc_session *s = &c->session;
    if (s->state == VMC_SESSION_ON)
        s->resumed = vmc_session_key(s);
    s->state = VMC_SESSION_NONE;
    vmc_timer_off(&s->again);
}

VMC_FN void vmc_session_wait(const viamc_client *c, viamc_ms now, viamc_ms *wait)
{
    if (c->dial.state != VIAMC_READY)
        return;
    vmc_wait_timer(wait, &c->session.again, now);
    if (c->session.state == VMC_SESSION_ON && (vmc_client_rec_free(c, VMC_REC_BEAT) || vmc_client_rec_free(c, VMC_REC_BEAT2)))
        vmc_wait_timer(wait, &c->session.beat, now);
}

#endif
