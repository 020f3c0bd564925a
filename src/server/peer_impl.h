/* SPDX-License-Identifier: MIT */
/* server/peer: one client's connection: accepted, secured, read in turn with the others, dropped when it does not keep to the rules. */
#ifndef VIAMC_SERVER_PEER_IMPL_H
#define VIAMC_SERVER_PEER_IMPL_H

#include "base/port.h"
#include "server/server.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "tls/tls_impl.h"
#include "http2/h2.h"
#include "call/call_impl.h"
#include "call/grpc_impl.h"
#include "conn/conn_impl.h"
#include "server/state.h"
#include "server/request_impl.h"
#include "server/route_impl.h"

#ifndef VIAMC_NO_SERVER

#define VMC_SERVER_HEADER_LIST 8192u /* SETTINGS_MAX_HEADER_LIST_SIZE: as C-core's servers */
#define VMC_SERVER_TABLE 4096u       /* RFC 9113 6.5.2: first requests come before our SETTINGS */

VMC_FN bool vmc_peer_is_here(const vmc_peer *p)
{
    return p->conn.state != VMC_CONN_CLOSED;
}

VMC_FN void vmc_peer_tell(const vmc_peer *p, uint8_t kind, const char *text)
{
    vmc_server_tell(p->server, kind, p->number, viamc_text(text), viamc_text(""), p->server->now - p->came_at, 0);
}

VMC_FN const char *vmc_peer_suite(const vmc_peer *p)
{
#ifndef VIAMC_NO_TLS
    if (p->conn.secure)
        return vmc_tls_suite_name(p->conn.tls);
#endif
    (void)p;
    return VMC_TEXT("plaintext");
}

/* ---- coming ---- */

VMC_FN void vmc_peer_reset_carrier(vmc_peer *p, bool secure)
{
    const viamc_server *s = p->server;
    vmc_h2_config h2;
    VIAMC_MEMSET(&h2, 0, sizeof h2);
    h2.server = true;
    h2.streams = p->streams;
    h2.count = s->desc.max_requests;
    h2.max_streams = s->desc.max_requests;
    h2.table = p->table;
    h2.table_bytes = VMC_SERVER_TABLE;
    h2.window = s->desc.slot_bytes + VMC_CALL_PREFIX;
    h2.header_list = VMC_SERVER_HEADER_LIST;
    vmc_grpc_init(&p->conn.grpc, &h2, &p->calls);
    p->conn.grpc.https = secure;
    p->conn.grpc.scratch = p->scratch;
    p->conn.grpc.scratch_cap = VMC_SERVER_SCRATCH;
}

VMC_FN void vmc_peer_begin(vmc_peer *p)
{
    viamc_server *s = p->server;
    bool secure = s->desc.cert_count != 0;
    p->came_at = s->now;
    p->heard_at = s->now;
    p->wrong = 0;
    p->asked = false;
    p->greeted = false;
    p->known = s->desc.api_key_count == 0;
    p->addr.text[sizeof p->addr.text - 1u] = '\0';
    vmc_timer_set(&p->deadline, s->now, VMC_SERVER_GREET_MS);
    vmc_timer_off(&p->large);
    vmc_conn_start(&p->conn, secure, secure ? VMC_CONN_SECURING : VMC_CONN_UP);
    vmc_peer_reset_carrier(p, secure);
    vmc_peer_tell(p, VIAMC_SEV_CAME, p->addr.text);
#ifndef VIAMC_NO_TLS
    if (secure) {
        vmc_tls_server_desc d;
        VIAMC_MEMSET(&d, 0, sizeof d);
        d.identity = s->identity;
        d.order = s->desc.profile == VIAMC_BOARD ? VMC_TLS_CHACHA_FIRST : VMC_TLS_AES_FIRST;
        (void)vmc_conn_secure_server(&p->conn, &d);
    }
#endif
}

/* Takes a waiting connection, if this place is free. */
VMC_FN void vmc_peer_accept(vmc_peer *p)
{
    const viamc_server *s = p->server;
    if (vmc_peer_is_here(p))
        return;
    if (s->desc.port->accept(s->desc.port_user, p->number, &p->addr) == VIAMC_OK)
        vmc_peer_begin(p);
}

/* ---- going ---- */

/* The connection is over: its calls end, kept requests turn cancelled. */
VMC_FN void vmc_peer_leave(vmc_peer *p)
{
    viamc_server *s = p->server;
    viamc_server_event ev;
    VIAMC_MEMSET(&ev, 0, sizeof ev);
    ev.kind = VIAMC_SEV_LEFT;
    ev.peer = p->number;
    ev.text = viamc_text("");
    ev.name = viamc_text("");
    ev.ms = s->now - p->came_at;
    ev.error = p->conn.error;
    vmc_grpc_abort(&p->conn.grpc, VIAMC_UNAVAILABLE, "");
    vmc_conn_close(&p->conn, s->now);
    vmc_wipe(p->calls.tx, p->calls.tx_cap);
    vmc_wipe(p->table, VMC_SERVER_TABLE); /* it and scratch have the token as it was shown */
    vmc_wipe(p->scratch, VMC_SERVER_SCRATCH);
    p->heard = true;
    vmc_route_clean(p);
    s->vacant = true;
    if (s->desc.on_event != NULL)
        s->desc.on_event(s->desc.event_user, &ev);
}

/* ---- the rules that a peer has to keep ---- */

/* Says goodbye, behind the answers that are there; the connection is closed when that has been written, or tried. */
VMC_FN void vmc_peer_drop(vmc_peer *p, viamc_err code, const char *what)
{
    vmc_conn_flush(&p->conn, p->server->now);
    vmc_h2_goaway(&p->conn.grpc.h2, code == VIAMC_ERR_AUTH ? VMC_H2_ENHANCE_YOUR_CALM : VMC_H2_NO_ERROR);
    (void)vmc_conn_break(&p->conn, code, 0, "", what);
}

VMC_FN bool vmc_peer_is_quiet(const vmc_peer *p, viamc_ms ms)
{
    return vmc_time_reached(p->server->now, p->heard_at + ms);
}

/* A stranger that only occupies a place, or tries keys; one that is gone without a word. */
VMC_FN void vmc_peer_judge(vmc_peer *p)
{
    viamc_server *s = p->server;
    if (p->conn.heard) {
        p->conn.heard = false;
        p->asked = false;
        p->heard_at = s->now;
    }
    if (!p->greeted && p->conn.grpc.h2.got_settings) {
        p->greeted = true;
        vmc_timer_set(&p->deadline, p->came_at, VMC_SERVER_KNOWN_MS);
    }
    if (p->known && p->greeted)
        vmc_timer_off(&p->deadline);
    if (vmc_timer_due(&p->deadline, s->now))
        vmc_peer_drop(p, VIAMC_ERR_TIMEOUT, p->greeted ? VMC_TEXT("did not show a key in time") : VMC_TEXT("did not begin in time"));
    else if (p->wrong >= VMC_SERVER_WRONG)
        vmc_peer_drop(p, VIAMC_ERR_AUTH, VMC_TEXT("too many wrong keys"));
    else if (vmc_peer_is_quiet(p, VMC_SERVER_DEAD_MS))
        vmc_peer_drop(p, VIAMC_ERR_TIMEOUT, VMC_TEXT("said nothing for too long"));
    else if (vmc_peer_is_quiet(p, VMC_SERVER_QUIET_MS) && !p->asked)
        p->asked = vmc_h2_ask(&p->conn.grpc.h2);
}

/* The others wait for the large buffer, so it is not for strangers, and a message has to arrive in time. */
VMC_FN void vmc_peer_judge_large(vmc_peer *p)
{
    viamc_server *s = p->server;
    uint8_t owner = p->calls.big_owner;
    const vmc_call *c = vmc_calls_at(&p->calls, owner);
    if (c == NULL || c->large != VMC_CALL_BIG || vmc_call_left(c) == 0)
        vmc_timer_off(&p->large);
    else if (!p->known)
        vmc_request_finish(&p->requests[owner], VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("request too large"));
    else if (!vmc_timer_is_on(&p->large))
        vmc_timer_set(&p->large, s->now, VMC_SERVER_LARGE_MS);
    else if (vmc_timer_due(&p->large, s->now))
        vmc_request_finish(&p->requests[owner], VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("large request did not arrive in time"));
}

/* ---- a poll's work ---- */

/* Reads at most one record. Handshakes go on one step a poll over all peers: `may_secure`. */
VMC_FN void vmc_peer_read(vmc_peer *p, bool may_secure)
{
    vmc_conn *c = &p->conn;
    vmc_conn_event ev = VMC_CONN_IDLE;
    vmc_route_share_big(p);
    vmc_conn_begin(c);
    vmc_conn_flush(c, p->server->now);
    vmc_route_clean(p); /* places that were let go since the last poll are free for what comes */
    if (c->state == VMC_CONN_SECURING && !may_secure)
        return;
    c->steps = VMC_POLL_STEPS - VMC_SERVER_READS;
    do {
        ev = vmc_conn_next(c);
        if (ev == VMC_CONN_IS_UP)
            vmc_peer_tell(p, VIAMC_SEV_SECURED, vmc_peer_suite(p));
        else if (ev == VMC_CONN_REQUEST)
            vmc_route_begin(p, c->grpc.at);
    } while (ev == VMC_CONN_REQUEST || ev == VMC_CONN_GOAWAY);
    if (c->steps < VMC_POLL_STEPS)
        c->steps = 0; /* what vmc_conn_wait asks: was a bound reached? Writing has its own */
}

/* Time, handlers, answers. */
VMC_FN void vmc_peer_work(vmc_peer *p)
{
    viamc_server *s = p->server;
    vmc_peer_judge_large(p);
    vmc_route_expire(p, s->now);
    vmc_route_dispatch(p);
    vmc_conn_flush(&p->conn, s->now); /* answers go before a goodbye */
    vmc_route_clean(p);
    vmc_peer_judge(p);
    if (p->conn.grpc.h2.owed != 0)
        vmc_conn_flush(&p->conn, s->now); /* resets of calls that were answered early, a goodbye */
    if (vmc_conn_is_lost(&p->conn))
        vmc_peer_leave(p);
}

/* The calls' part: deadlines, handlers that said WAIT, requests for whose answers room has come since they were looked at, and places that
 * were let go since: others may wait for their buffer. */
VMC_FN void vmc_peer_wait_calls(const vmc_peer *p, viamc_ms now, viamc_ms *wait)
{
    const vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c) {
        const viamc_request *rq = &p->requests[vmc_call_index(c)];
        if (c->state == VMC_CALL_OPEN) /* what is kept for a client that is gone has ended */
            vmc_wait_timer(wait, &c->deadline, now);
        if (vmc_calls_can_settle(&p->calls, c) || vmc_route_is_over(p, c))
            *wait = 0; /* room that the peer does not know of yet */
        if (vmc_route_is_ready(p, c))
            *wait = rq->waits && rq->need == 0 ? vmc_min32(*wait, VMC_SERVER_AGAIN_MS) : 0;
    }
}

VMC_FN void vmc_peer_wait(const vmc_peer *p, viamc_ms now, viamc_wait_hint *hint)
{
    vmc_timer quiet;
    vmc_peer_wait_calls(p, now, &hint->ms); /* also what is kept for one that is gone */
    if (!vmc_peer_is_here(p))
        return;
    vmc_wait_timer(&hint->ms, &p->deadline, now);
    vmc_wait_timer(&hint->ms, &p->large, now);
    vmc_timer_set(&quiet, p->heard_at, p->asked ? VMC_SERVER_DEAD_MS : VMC_SERVER_QUIET_MS);
    vmc_wait_timer(&hint->ms, &quiet, now);
    vmc_conn_wait(&p->conn, hint);
    if (p->calls.stirred && !p->conn.blocked && p->conn.state == VMC_CONN_UP)
        hint->ms = 0; /* answered since the last poll */
}

#endif
#endif
