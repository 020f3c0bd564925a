/* SPDX-License-Identifier: MIT */
/* client/dial: from an address to READY and, after a loss, back again. Attempts, one deadline over all steps, downgrade, backoff. */
#ifndef VIAMC_CLIENT_DIAL_IMPL_H
#define VIAMC_CLIENT_DIAL_IMPL_H

#include "tls/trust.h"
#include "client/client.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "base/log_impl.h"
#include "tls/tls.h"
#include "http2/h2.h"
#include "call/call_impl.h"
#include "call/grpc_impl.h"
#include "conn/conn_impl.h"
#include "client/state.h"
#include "client/internal_impl.h"
#include "client/address_impl.h"
#include "client/auth_impl.h"

#define VMC_DIAL_TIMEOUT 20000u      /* design.md 5: of an attempt, ms */
#define VMC_DIAL_ATTEMPTS 3u
#define VMC_DIAL_BACKOFF 1000u       /* doubles up to ... */
#define VMC_DIAL_BACKOFF_MAX 60000u
#define VMC_DIAL_CHECK 10000u        /* of silence */
#define VMC_DIAL_CHECK_TIMEOUT 5000u
#define VMC_DIAL_CHECKS 2u           /* unanswered ones that end a connection */
#define VMC_DIAL_KEEPALIVE 20000u    /* viam-wire.md 2.12: no PING after less silence */
#define VMC_DIAL_DRAIN 5000u         /* for running calls after GOAWAY, ms; less under a session */

static const char vmc_dial_check_path[] = "/viam.robot.v1.RobotService/GetVersion";

/* ---- the desc ---- */

VMC_FN uint32_t vmc_dial_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* Takes over a desc that was checked. */
VMC_APART void vmc_dial_keep(vmc_dial_plan *p, const viamc_dial_desc *d)
{
    p->address = d->address;
    p->type = d->api_key != NULL ? "api-key" : d->credential_type;
    p->payload = d->api_key != NULL ? d->api_key : d->credential_payload;
    p->entity = d->auth_entity != NULL ? d->auth_entity : d->api_key != NULL ? d->api_key_id : d->address;
    p->api_key_id = d->api_key_id;
    p->insecure = d->insecure;
    p->require_session = d->require_session;
    p->disable_sessions = d->disable_sessions;
#if VIAMC_OLD_SESSIONS
    p->old_sessions = d->old_sessions;
#endif
    p->timeout_ms = vmc_dial_or(d->timeout_ms, VMC_DIAL_TIMEOUT);
    p->attempts = vmc_dial_or(d->attempts, VMC_DIAL_ATTEMPTS);
    p->max_reconnect_attempts = d->max_reconnect_attempts == VIAMC_OFF ? 0 : vmc_dial_or(d->max_reconnect_attempts, VIAMC_FOREVER);
    p->backoff_ms = vmc_dial_or(d->backoff_ms, VMC_DIAL_BACKOFF);
    p->max_backoff_ms = vmc_min32(vmc_dial_or(d->max_backoff_ms, VMC_DIAL_BACKOFF_MAX), VMC_TIME_MAX); /* twice as much can be reckoned with */
    p->check_interval_ms = vmc_dial_or(d->check_interval_ms, VMC_DIAL_CHECK);
    p->pings = d->keepalive_ms != 0 && d->keepalive_ms != VIAMC_OFF;
    if (p->pings)
        p->check_interval_ms = d->keepalive_ms < VMC_DIAL_KEEPALIVE ? VMC_DIAL_KEEPALIVE : d->keepalive_ms;
}

#ifndef VIAMC_NO_TLS

/* The name that the certificate must have (viam-wire.md 1.3); NULL: the host's. The entity of an API key is the key's id, no name. */
VMC_FN const char *vmc_dial_name(const viamc_dial_desc *d)
{
    bool entity = d->credential_type != NULL && d->auth_entity != NULL && d->auth_entity[0] != '\0';
    if (d->server_name != NULL || !entity || viamc_str_eq(viamc_text(d->credential_type), viamc_text("api-key")))
        return d->server_name;
    return d->auth_entity;
}

/* The same for what concerns TLS. */
VMC_FN void vmc_dial_keep_tls(vmc_dial_plan *p, const viamc_dial_desc *d)
{
    p->allow_downgrade = p->type != NULL ? d->allow_insecure_with_creds_downgrade : d->allow_insecure_downgrade;
    p->server_name = vmc_dial_name(d);
    p->anchors = d->anchors;
    p->anchor_count = d->anchor_count;
    p->next_root = d->next_root;
    p->next_root_user = d->next_root_user;
    p->pin_sha256 = d->pin_sha256;
    p->unix_time = d->unix_time;
}

#endif

/* What is wrong with credentials, or NULL. */
VMC_FN const char *vmc_dial_check_credentials(const viamc_client *c, const viamc_dial_desc *d)
{
    if ((d->api_key == NULL) != (d->api_key_id == NULL))
        return VMC_TEXT("api_key and api_key_id belong together");
    if ((d->credential_type == NULL) != (d->credential_payload == NULL))
        return VMC_TEXT("credential_type and credential_payload belong together");
    if (d->api_key != NULL && d->credential_type != NULL)
        return VMC_TEXT("either api_key or credential_type");
    if (d->api_key_id != NULL && !vmc_address_is_uuid(d->api_key_id))
        return VMC_TEXT("api_key_id is not a UUID");
    if ((d->api_key != NULL || d->credential_type != NULL) && c->token_cap == 0)
        return VMC_TEXT("credentials need token_bytes in the client's desc");
    if (vmc_auth_is_token(d->credential_type) && !vmc_auth_token_ok(c, viamc_text(d->credential_payload)))
        return VMC_TEXT("an access-token of no octets, of more than token_bytes, or with a blank or control character");
    return NULL;
}

/* What is wrong with how the robot is to be trusted, or NULL. */
VMC_FN const char *vmc_dial_check_trust(const viamc_client *c, const viamc_dial_desc *d, bool is_unix)
{
    if (d->insecure || is_unix)
        return NULL;
#ifndef VIAMC_NO_TLS
    if (c->conn.tls == NULL)
        return VMC_TEXT("TLS needs memory: leave no_tls out of the client's desc, or set dial.insecure");
    if (d->next_root == NULL && (d->anchors == NULL || d->anchor_count == 0) && d->pin_sha256.len == 0)
        return VMC_TEXT("whom to trust? set dial.anchors, dial.next_root, dial.pin_sha256 or dial.insecure");
    if (d->anchors == NULL && d->anchor_count != 0)
        return VMC_TEXT("anchor_count without anchors");
    if (!vmc_is_view(d->pin_sha256) || (d->pin_sha256.len != 0 && d->pin_sha256.len != 32u))
        return VMC_TEXT("pin_sha256 must have 32 octets");
    return NULL;
#else
    (void)c;
    return VMC_TEXT("built without TLS: set dial.insecure");
#endif
}

VMC_FN const char *vmc_dial_parse(const char *address, bool insecure, vmc_address *a)
{
    return vmc_address_parse(address, insecure ? 80u : 443u, a);
}

/* What is wrong with a desc, or NULL. */
VMC_FN const char *vmc_dial_check_desc(const viamc_client *c, const viamc_dial_desc *d)
{
    const char *what;
    vmc_address a;
    if (d->guard != 0 || d->guard_end != 0)
        return VMC_TEXT("desc not initialised: begin with viamc_dial_desc d = VIAMC_ZERO");
    if (d->address == NULL)
        return VMC_TEXT("no address");
    if (d->require_session && d->disable_sessions)
        return VMC_TEXT("either require_session or disable_sessions");
#if !VIAMC_OLD_SESSIONS
    if (d->old_sessions)
        return VMC_TEXT("old_sessions needs #define VIAMC_OLD_SESSIONS 1 before viamc.h");
#endif
    what = vmc_dial_parse(d->address, d->insecure, &a);
    if (what != NULL)
        return what;
    what = vmc_dial_check_credentials(c, d);
    return what != NULL ? what : vmc_dial_check_trust(c, d, a.is_unix);
}

/* Takes a desc over that was checked. */
VMC_FN void vmc_dial_set(viamc_client *c, const viamc_dial_desc *d)
{
    c->dial.is_unix = vmc_address_is_unix(d->address);
    vmc_dial_keep(&c->desc, d);
#ifndef VIAMC_NO_TLS
    vmc_dial_keep_tls(&c->desc, d);
#endif
}

/* There is a connection, or there will be one. */
VMC_FN bool vmc_dial_lives(const viamc_client *c)
{
    return c->dial.state != VIAMC_IDLE && c->dial.state != VIAMC_FAILED;
}

/* ---- an attempt ---- */

/* The address that was dialled, read again: its text is kept. */
VMC_FN void vmc_dial_address(const viamc_client *c, vmc_address *a)
{
    (void)vmc_dial_parse(c->desc.address, c->desc.insecure, a);
}

/* HTTP/2 and gRPC start anew with each connection, in the memory that they had. */
VMC_FN void vmc_dial_reset_carrier(viamc_client *c, bool secure)
{
    vmc_grpc *g = &c->conn.grpc;
    vmc_h2_config h2;
    vmc_address a;
    const bool small = c->profile == VIAMC_BOARD && secure;
    VIAMC_MEMSET(&h2, 0, sizeof h2);
    h2.streams = g->h2.streams;
    h2.count = c->calls.count;
    h2.table = g->h2.decoder.arena;
    h2.table_bytes = g->h2.decoder.limit;
    h2.window = c->calls.slot_bytes + VMC_CALL_PREFIX;
    h2.header_list = c->profile == VIAMC_BOARD ? 2048u : 8192u;
    h2.credit_limit = small && c->conn.in_cap < VMC_TLS_IN_MAX ? c->conn.in_cap - 325u - 512u : 0; /* design.md 2, invariant 2 */
    vmc_grpc_init(g, &h2, &c->calls);
    g->https = secure;
    g->scratch = c->scratch;
    g->scratch_cap = sizeof c->scratch;
    vmc_dial_address(c, &a);
    g->authority[0] = a.authority[0];
    g->authority[1] = a.authority[1];
}

VMC_FN bool vmc_dial_is_secure(const viamc_client *c)
{
    return !c->desc.insecure && !c->dial.is_unix && !c->dial.plain;
}

VMC_FN void vmc_dial_begin(viamc_client *c)
{
    bool secure = vmc_dial_is_secure(c);
    vmc_conn_start(&c->conn, secure, VMC_CONN_OPENING);
    vmc_dial_reset_carrier(c, secure);
    c->dial.state = VIAMC_DIALING;
    c->dial.step = VMC_DIAL_OPENING;
    vmc_log(&c->log, VIAMC_LOG_INFO, "dial", VMC_TEXT("attempt"), c->dial.attempts + 1u, 0);
}

/* A new attempt with a deadline of its own; a downgrade goes on with the old one. */
VMC_FN void vmc_dial_start(viamc_client *c)
{
    c->dial.plain = false;
    vmc_timer_set(&c->dial.due, c->now, c->desc.timeout_ms);
    vmc_dial_begin(c);
}

#ifndef VIAMC_NO_TLS

/* The time that certificates are judged by: what the caller said, and what has passed since. */
VMC_FN uint64_t vmc_dial_unix_time(viamc_client *c)
{
    viamc_ms passed = c->now - c->desc.clock_at;
    if (c->desc.unix_time != 0 && passed >= 1000u && passed <= VMC_TIME_MAX) {
        c->desc.unix_time += passed / 1000u;
        c->desc.clock_at += passed / 1000u * 1000u;
    }
    return c->desc.unix_time;
}

VMC_FN viamc_str vmc_dial_server_name(const viamc_client *c)
{
    vmc_address a;
    viamc_str host;
    if (c->desc.server_name != NULL)
        return viamc_text(c->desc.server_name);
    vmc_dial_address(c, &a);
    host.ptr = (const char *)a.host.ptr;
    host.len = a.host.len;
    return host;
}

VMC_FN viamc_err vmc_dial_secure(viamc_client *c)
{
    vmc_tls_client_desc d;
    VIAMC_MEMSET(&d, 0, sizeof d);
    d.server_name = vmc_dial_server_name(c);
    d.anchors = c->desc.anchors;
    d.anchor_count = c->desc.anchor_count;
    d.next_root = c->desc.next_root;
    d.next_root_user = c->desc.next_root_user;
    d.pin_sha256 = c->desc.pin_sha256;
    d.unix_time = vmc_dial_unix_time(c);
    d.order = c->profile == VIAMC_BOARD ? VMC_TLS_CHACHA_FIRST : VMC_TLS_AES_FIRST;
    d.trust = c->calls.big;
    d.trust_cap = c->trust_cap;
    c->dial.step = VMC_DIAL_SECURING;
    return vmc_conn_secure_client(&c->conn, &d);
}

#endif

/* The output is empty while the port connects: the terminated host name has its place there. */
VMC_FN const char *vmc_dial_host(viamc_client *c, const vmc_address *a)
{
    if (a->is_unix)
        return c->desc.address;
    vmc_copy(c->conn.out, a->host.ptr, a->host.len);
    c->conn.out[a->host.len] = '\0';
    return (const char *)c->conn.out;
}

/* Asks the port to connect, or to go on. The connection is up, secured, or lost afterwards; or it waits. */
VMC_APART vmc_conn_event vmc_dial_open(viamc_client *c)
{
    const char *what = VMC_TEXT("the port failed");
    vmc_address a;
    viamc_err err;
    vmc_dial_address(c, &a);
    err = c->conn.port->open(c->conn.port_user, c->conn.number, vmc_dial_host(c, &a), a.is_unix ? 0 : a.port);
    if (err == VIAMC_WAIT)
        return VMC_CONN_IDLE;
    if (err == VIAMC_OK) {
#ifndef VIAMC_NO_TLS
        if (c->conn.secure)
            return vmc_dial_secure(c) == VIAMC_OK ? VMC_CONN_IDLE : VMC_CONN_LOST;
#endif
        return vmc_conn_up(&c->conn);
    }
    if (err == VIAMC_ERR_REFUSED)
        what = VMC_TEXT("nobody listens at this address");
    else if (err == VIAMC_ERR_DNS)
        what = VMC_TEXT("this name has no address");
    else if (err == VIAMC_ERR_TIMEOUT)
        what = VMC_TEXT("no answer from this address");
    return vmc_conn_break(&c->conn, err, 0, "dial", what);
}

/* ---- the end of an attempt ---- */

/* Trying again cannot help: the configuration, the robot's identity or its answer would have to change. */
VMC_FN bool vmc_dial_is_final(viamc_err code)
{
    return code < VIAMC_WAIT || (code >= VIAMC_ERR_TLS_CERT && code <= VIAMC_ERR_TLS_RECORD) || code == VIAMC_ERR_AUTH || code == VIAMC_ERR_INSECURE;
}

/* The robot said goodbye in peace: it is restarted, or is somewhere else now. At once, but not again and again. */
VMC_FN bool vmc_dial_may_hurry(viamc_client *c)
{
    vmc_timer *hurried = &c->dial.hurried;
    if (c->conn.error.code != VIAMC_ERR_H2_GOAWAY || c->conn.error.detail != VMC_H2_NO_ERROR || (vmc_timer_is_on(hurried) && !vmc_timer_due(hurried, c->now)))
        return false;
    vmc_timer_set(hurried, c->now, c->desc.max_backoff_ms);
    return true;
}

/* The time to the next attempt: doubles, at most the longest; a fifth of it up or down, so that many clients do not come at once. */
VMC_FN viamc_ms vmc_dial_next_backoff(viamc_client *c)
{
    viamc_ms ms = c->dial.backoff_ms == 0 ? c->desc.backoff_ms : c->dial.backoff_ms * 2u;
    uint8_t dice = 128;
    if (vmc_dial_may_hurry(c))
        return 0;
    if (ms > c->desc.max_backoff_ms || c->conn.error.code == VIAMC_ERR_AUTH)
        ms = c->desc.max_backoff_ms;
    c->dial.backoff_ms = ms;
    (void)c->conn.port->random(c->conn.port_user, &dice, 1);
    return ms - ms / 5u + ms / 5u * 2u / 16u * (dice / 16u);
}

/* That the robot said goodbye, and why, tells more than that it then hung up. Whatever it is tired of, it gets fewer PINGs (gRPC, A8: on
 * later connections the time is doubled). */
VMC_FN void vmc_dial_note_goaway(viamc_client *c)
{
    const bool tired = c->conn.grpc.code == VMC_H2_ENHANCE_YOUR_CALM;
    if (!c->conn.grpc.h2.goaway_got || c->conn.error.code >= VIAMC_ERR_TLS)
        return;
    vmc_conn_reason(&c->conn, VIAMC_ERR_H2_GOAWAY, c->conn.grpc.code, "",
                    tired ? VMC_TEXT("the robot wants fewer calls or pings (GOAWAY: ENHANCE_YOUR_CALM)") : VMC_TEXT("the robot closed the connection (GOAWAY)"));
    if (tired && c->desc.pings && c->desc.check_interval_ms <= VMC_TIME_MAX / 2u)
        c->desc.check_interval_ms *= 2u;
}

/* The attempt, or the connection, failed with c->conn.error: what now? */
VMC_FN void vmc_dial_after_loss(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    uint32_t more = d->was_ready ? c->desc.max_reconnect_attempts : c->desc.attempts - 1u; /* VIAMC_FOREVER is out of reach */
    bool patient;
    vmc_dial_note_goaway(c);
    d->attempts++;
    d->step = VMC_DIAL_REST;
    vmc_timer_off(&d->due);
    if (d->attempts > more || (!d->was_ready && vmc_dial_is_final(c->conn.error.code))) {
        vmc_client_fail(c);
        return;
    }
    patient = d->was_ready || d->attempts >= VMC_DIAL_ATTEMPTS;
    d->state = patient ? VIAMC_BACKOFF : VIAMC_DIALING;
    vmc_timer_set(&d->due, c->now, patient ? vmc_dial_next_backoff(c) : 0);
}

#ifndef VIAMC_NO_TLS

/* The robot does not speak TLS (viam-wire.md 1.4). True: goes on in plaintext. */
VMC_FN bool vmc_dial_downgrade(viamc_client *c)
{
    if (c->desc.allow_downgrade) {
        c->dial.plain = true;
        vmc_dial_begin(c);
        c->dirty = true; /* the port is opened by the next poll: nothing of it can wake anybody before */
        return true;
    }
    vmc_conn_reason(&c->conn, VIAMC_ERR_INSECURE, c->dial.was_ready ? 2u : c->desc.type != NULL, "dial", VMC_TEXT("the robot is insecure, and that was not allowed"));
    return false;
}

#endif

/* ---- READY and after ---- */

/* An octet came. */
VMC_FN void vmc_dial_heard(viamc_client *c)
{
    c->conn.heard = false;
    c->dial.silent = 0;
    vmc_timer_set(&c->dial.due, c->now, c->desc.check_interval_ms);
}

VMC_FN void vmc_dial_ready(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    d->state = VIAMC_READY;
    d->step = VMC_DIAL_REST;
    d->attempts = 0;
    d->backoff_ms = 0;
    d->was_ready = true;
    d->reauth = false;
#ifndef VIAMC_NO_TLS
    c->desc.allow_downgrade = c->desc.allow_downgrade && !c->conn.secure; /* who had TLS has it: nobody on the way takes it off */
#endif
    vmc_dial_heard(c);
    vmc_error_clear(&c->conn.error);
    c->connects++;
    c->events |= VMC_EV_READY;
    vmc_log(&c->log, VIAMC_LOG_INFO, "dial", VMC_TEXT("ready"), c->connects, 0);
}

/* The connection is up. Authenticate goes out with our first octets; without it the robot's SETTINGS are what makes us ready: before
 * them it may be anything that takes connections. */
VMC_APART void vmc_dial_on_up(viamc_client *c)
{
    bool credentials = c->desc.type != NULL && !c->dial.is_unix;
    c->dial.step = VMC_DIAL_GREETING;
    if (credentials && vmc_auth_is_token(c->desc.type))
        c->conn.grpc.token = viamc_view(c->desc.payload, vmc_strlen(c->desc.payload)); /* kept by the caller */
    else if (credentials)
        c->dial.step = VMC_DIAL_AUTH;
}

/* AUTH, or a token that was refused while READY: sends Authenticate when it can. */
VMC_FN void vmc_dial_authenticate(viamc_client *c)
{
    if (c->aux != VMC_AUX_NOTHING || c->conn.grpc.h2.out_slot != VMC_H2_NO_SLOT)
        return; /* a block that is half written may need the old token */
    if (vmc_auth_start(c) != VIAMC_ERR_NOMEM)
        return;
    (void)vmc_conn_break(&c->conn, VIAMC_ERR_NOMEM, 0, "auth", VMC_TEXT("tx_bytes is too small for the credentials"));
}

/* Authenticate ended. */
VMC_FN void vmc_dial_on_auth_end(viamc_client *c)
{
    c->dial.reauth = false;
    if (vmc_auth_on_end(c) && c->dial.step == VMC_DIAL_AUTH)
        vmc_dial_ready(c);
}

/* A call was refused for its token: get a new one; the call is reported as it ended. */
VMC_FN void vmc_dial_check_token(viamc_client *c, const vmc_call *call)
{
    bool refused = call->status == VIAMC_UNAUTHENTICATED && call->ran == VIAMC_ANSWERED && (call->flags & VMC_CALL_F_TOKEN) != 0;
    if (refused && c->dial.state == VIAMC_READY && c->conn.grpc.token.ptr == c->token) /* one that Authenticate gave us */
        c->dial.reauth = true;
}

/* ---- signs of life ---- */

VMC_FN void vmc_dial_dead(viamc_client *c)
{
    (void)vmc_conn_break(&c->conn, VIAMC_ERR_TIMEOUT, VMC_DIAL_CHECKS * VMC_DIAL_CHECK_TIMEOUT, "", VMC_TEXT("the robot gives no sign of life"));
}

/* Asks for one by a PING; whatever comes is the answer (vmc_dial_heard). It has the time of the calls that were not sent. */
VMC_FN void vmc_dial_ping(viamc_client *c)
{
    (void)vmc_h2_ask(&c->conn.grpc.h2);
    vmc_timer_set(&c->dial.due, c->now, (VMC_DIAL_CHECKS - c->dial.silent) * VMC_DIAL_CHECK_TIMEOUT);
    c->dial.silent = VMC_DIAL_CHECKS;
}

/* The robot permits no stream beside those that are open. */
VMC_FN bool vmc_dial_is_crowded(const viamc_client *c)
{
    const vmc_h2 *h2 = &c->conn.grpc.h2;
    return h2->open != 0 && h2->open >= h2->peer_streams;
}

VMC_FN void vmc_dial_check(viamc_client *c)
{
    if (c->dial.silent >= VMC_DIAL_CHECKS) {
        vmc_dial_dead(c);
        return;
    }
    if (c->desc.pings || vmc_dial_is_crowded(c)) {
        vmc_dial_ping(c);
        return;
    }
    (void)vmc_client_internal(c, VMC_REC_AUX, vmc_dial_check_path, vmc_empty_message, sizeof vmc_empty_message, VMC_DIAL_CHECK_TIMEOUT);
    c->aux = VMC_AUX_CHECK;
}

/* Any answer is a sign of life, a reset too; silence twice in a row ends the connection. */
VMC_FN void vmc_dial_on_check_end(viamc_client *c)
{
    const vmc_call *call = vmc_client_rec(c, VMC_REC_AUX);
    if (call->ran == VIAMC_ANSWERED || c->conn.heard)
        c->dial.silent = 0;
    else if (++c->dial.silent >= VMC_DIAL_CHECKS)
        vmc_dial_dead(c);
}

/* ---- time ---- */

/* GOAWAY: running calls may end, but not for long: without new streams there are no heartbeats. */
VMC_FN void vmc_dial_drain(viamc_client *c, viamc_ms limit)
{
    if (c->dial.step == VMC_DIAL_DRAINING)
        return;
    c->dial.state = VIAMC_DIALING;
    c->dial.step = VMC_DIAL_DRAINING;
    vmc_timer_set(&c->dial.due, c->now, limit);
}

VMC_FN bool vmc_dial_has_calls(const viamc_client *c)
{
    const vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (call->state == VMC_CALL_OPEN)
            return true;
    return false;
}

/* What is under way has a deadline; DRAINING ends before it where nothing is left to wait for. */
VMC_APART void vmc_dial_step_deadline(viamc_client *c)
{
    static const char *const where[] = {"", "dial", "TLS", "HTTP/2", "auth"}; /* by step */
    vmc_dial *d = &c->dial;
    bool late = d->step != VMC_DIAL_REST && vmc_timer_due(&d->due, c->now);
    if (d->step == VMC_DIAL_DRAINING && (late || !vmc_dial_has_calls(c)))
        (void)vmc_conn_break(&c->conn, VIAMC_ERR_CLOSED, 0, "", "");
    else if (late)
        (void)vmc_conn_break(&c->conn, VIAMC_ERR_TIMEOUT, c->desc.timeout_ms, where[d->step], VMC_TEXT("no answer within the time limit"));
}

/* Deadlines, and whatever waited for the robot's first word or for room. */
VMC_APART void vmc_dial_go_on(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    vmc_dial_step_deadline(c);
    if (c->conn.state != VMC_CONN_UP)
        return;
    if (d->step == VMC_DIAL_GREETING && c->conn.grpc.h2.got_settings)
        vmc_dial_ready(c);
    if (d->step == VMC_DIAL_AUTH || d->reauth)
        vmc_dial_authenticate(c);
}

/* Every poll. */
VMC_FN void vmc_dial_step_time(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    if (d->step != VMC_DIAL_REST || d->reauth)
        vmc_dial_go_on(c);
    if (d->state != VIAMC_READY)
        return;
    if (c->conn.heard)
        vmc_dial_heard(c);
    else if (vmc_timer_due(&d->due, c->now) && c->aux == VMC_AUX_NOTHING && c->conn.state == VMC_CONN_UP)
        vmc_dial_check(c);
}

VMC_FN void vmc_dial_wait(const viamc_client *c, viamc_ms now, viamc_ms *wait)
{
    if (c->dial.state != VIAMC_READY || c->aux == VMC_AUX_NOTHING)
        vmc_wait_timer(wait, &c->dial.due, now);
}

#endif
