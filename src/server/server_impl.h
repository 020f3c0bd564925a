/* SPDX-License-Identifier: MIT */
/* server/server: the layout of the block, and the poll that gives every peer its turn. */
#ifndef VIAMC_SERVER_SERVER_IMPL_H
#define VIAMC_SERVER_SERVER_IMPL_H

#include "tls/trust.h"
#include "base/core_impl.h"
#include "tls/tls_impl.h"
#include "http2/h2_impl.h"
#include "conn/conn_impl.h"
#include "server/state.h"
#include "server/sessions_impl.h"
#include "server/route_impl.h"
#include "server/peer_impl.h"

#ifndef VIAMC_NO_SERVER

/* ---- desc ---- */

VMC_FN void vmc_server_default(uint32_t *value, bool board, uint32_t on_host, uint32_t on_board)
{
    if (*value == 0)
        *value = board ? on_board : on_host;
}

VMC_FN void vmc_server_default8(uint8_t *value, uint8_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

VMC_FN void vmc_server_defaults(viamc_server_desc *d)
{
    bool board = d->profile == VIAMC_BOARD, tls = d->cert_count != 0;
    vmc_server_default8(&d->max_peers, 2);
    vmc_server_default8(&d->max_requests, 4);
    vmc_server_default8(&d->max_resources, 8);
    vmc_server_default8(&d->max_sessions, 4);
    vmc_server_default(&d->window_ms, board, 2000, 2000);
    vmc_server_default(&d->slot_bytes, board, 4096, 512);
    vmc_server_default(&d->tx_bytes, board, 16384, 1024);
    vmc_server_default(&d->in_bytes, board, tls ? VMC_TLS_IN_MAX : 4096, tls ? VMC_TLS_IN_MAX : 256);
    vmc_server_default(&d->out_bytes, board, 16384, 512);
    vmc_server_default(&d->message_bytes, board, 640, 256);
    if (d->platform == NULL)
        d->platform = "viamc";
    if (d->version == NULL)
        d->version = VIAMC_VERSION;
}

/* A key that is empty would let everybody in. */
VMC_FN bool vmc_server_keys_ok(const viamc_server_desc *d)
{
    size_t i;
    if (d->api_keys == NULL && d->api_key_count != 0)
        return false;
    for (i = 0; i < d->api_key_count; i++)
        if (vmc_strlen(d->api_keys[i].id) == 0 || vmc_strlen(d->api_keys[i].key) == 0)
            return false;
    return true;
}

/* Certificates and their key are somewhere. */
VMC_FN bool vmc_server_certs_ok(const viamc_server_desc *d)
{
    size_t i;
    if (d->cert_chain == NULL || d->key.ptr == NULL || d->key.len == 0)
        return false;
    for (i = 0; i < d->cert_count; i++)
        if (!vmc_is_view(d->cert_chain[i]))
            return false;
    return true;
}

/* What is wrong with a port, or NULL. */
VMC_FN const char *vmc_server_check_port(const viamc_port *p)
{
    if (p == NULL || p->accept == NULL || p->read == NULL || p->write == NULL || p->close == NULL || p->random == NULL)
        return VMC_TEXT("no port, or one without accept, read, write, close or random");
    return NULL;
}

/* What is wrong with a desc that has its defaults, or NULL. */
VMC_FN const char *vmc_server_check_desc(const viamc_server_desc *d)
{
    bool tls = d->cert_count != 0;
    if (d->guard != 0 || d->guard_end != 0)
        return VMC_TEXT("desc not initialised: begin with viamc_server_desc d = VIAMC_ZERO");
    if (d->profile > VIAMC_BOARD)
        return VMC_TEXT("profile is neither VIAMC_HOST nor VIAMC_BOARD");
    if (vmc_server_check_port(d->port) != NULL)
        return vmc_server_check_port(d->port);
    if (d->max_peers > 250u || d->max_requests > 250u || d->api_key_count > VMC_SERVER_KEYS)
        return VMC_TEXT("more than 250 peers, requests or keys");
    if (!vmc_server_keys_ok(d))
        return VMC_TEXT("an API key without id or secret");
    if (d->window_ms < 30u || d->window_ms > 60000u)
        return VMC_TEXT("window_ms out of range: 30 to 60,000");
    if (d->tx_bytes < 256u || d->out_bytes < 512u || d->slot_bytes < 64u)
        return VMC_TEXT("tx_bytes below 256, out_bytes below 512 or slot_bytes below 64");
    if (d->slot_bytes > VMC_H2_WINDOW_MAX / 4u || d->rx_bytes > VMC_CALL_MAX_MESSAGE || d->tx_bytes > VMC_CALL_MAX_MESSAGE)
        return VMC_TEXT("slot_bytes, rx_bytes or tx_bytes too large");
    if (d->out_bytes > VMC_CONN_BUFFER_MAX || d->message_bytes > VMC_CALL_MAX_MESSAGE)
        return VMC_TEXT("out_bytes or message_bytes too large");
    if (tls ? d->in_bytes < VMC_TLS_IN_MIN || d->in_bytes > VMC_TLS_IN_MAX : d->in_bytes < 64u || d->in_bytes > VMC_CONN_BUFFER_MAX)
        return VMC_TEXT("in_bytes out of range: 837 to 16,709 with TLS, 64 to 65,535 without");
    if (tls && !vmc_server_certs_ok(d))
        return VMC_TEXT("a certificate without its key");
#ifdef VIAMC_NO_TLS
    if (tls)
        return VMC_TEXT("built without TLS");
#endif
    return NULL;
}

/* ---- layout ---- */

VMC_FN uint32_t vmc_server_out_cap(const viamc_server_desc *d)
{
    return d->cert_count == 0 ? d->out_bytes : vmc_min32(d->out_bytes + 85u, VMC_TLS_OUT_MAX); /* 85: what a TLS record adds */
}

/* One peer's pieces; with base NULL only measured, and p is not touched. */
VMC_FN void vmc_server_carve_peer(const viamc_server_desc *d, vmc_carve *cv, vmc_peer *p, uint8_t *big)
{
    vmc_calls calls;
    vmc_conn_config conn;
    uint32_t n = d->max_requests;
    viamc_request *requests = (viamc_request *)vmc_carve_take(cv, n * sizeof *requests);
    vmc_h2_stream *streams = (vmc_h2_stream *)vmc_carve_take(cv, n * sizeof *streams);
    uint8_t *table = (uint8_t *)vmc_carve_take(cv, VMC_SERVER_TABLE), *scratch = (uint8_t *)vmc_carve_take(cv, VMC_SERVER_SCRATCH);
    conn.tls = NULL;
#ifndef VIAMC_NO_TLS
    if (d->cert_count != 0)
        conn.tls = vmc_carve_take(cv, vmc_tls_bytes(VMC_TLS_SERVER));
#endif
    VIAMC_MEMSET(&calls, 0, sizeof calls);
    calls.users = (vmc_user_call *)vmc_carve_take(cv, n * sizeof(vmc_user_call));
    calls.slots = (uint8_t *)vmc_carve_take(cv, (size_t)n * (d->slot_bytes + VMC_CALL_EXTRA + VMC_CALL_TEXT));
    calls.tx = (uint8_t *)vmc_carve_take(cv, d->tx_bytes);
    conn.in = (uint8_t *)vmc_carve_take(cv, d->in_bytes);
    conn.out = (uint8_t *)vmc_carve_take(cv, vmc_server_out_cap(d));
    if (p == NULL)
        return;
    calls.big = big;
    calls.slot_bytes = d->slot_bytes;
    calls.text_bytes = VMC_CALL_TEXT;
    calls.big_cap = d->rx_bytes;
    calls.tx_cap = d->tx_bytes;
    calls.one_large = true;
    calls.count = calls.user_count = calls.slot_count = (uint8_t)n;
    conn.port = d->port;
    conn.port_user = d->port_user;
    conn.number = p->number;
    conn.in_cap = d->in_bytes;
    conn.out_cap = vmc_server_out_cap(d);
    p->requests = requests;
    p->streams = streams;
    p->table = table;
    p->scratch = scratch;
    VIAMC_MEMSET(requests, 0, n * sizeof *requests);
    VIAMC_MEMSET(streams, 0, n * sizeof *streams);
    p->calls = calls;
    vmc_calls_init(&p->calls);
#ifndef VIAMC_NO_TLS
    if (conn.tls != NULL)
        VIAMC_MEMSET(conn.tls, 0, vmc_tls_bytes(VMC_TLS_SERVER));
#endif
    vmc_conn_init(&p->conn, &conn);
    vmc_peer_reset_carrier(p, false);
}

/* The one layout function: measures with base NULL, divides with the block. d has its defaults. Returns the octets. */
VMC_FN size_t vmc_server_carve(const viamc_server_desc *d, uint8_t *base)
{
    vmc_carve cv;
    viamc_server *s;
    uint8_t i, *big;
    cv.base = base;
    cv.at = 0;
    s = (viamc_server *)vmc_carve_take(&cv, sizeof *s);
    if (s != NULL) {
        VIAMC_MEMSET(s, 0, sizeof *s);
        s->desc = *d;
        vmc_error_clear(&s->error);
    }
#ifndef VIAMC_NO_TLS
    {
        vmc_tls_identity *identity = (vmc_tls_identity *)vmc_carve_take(&cv, d->cert_count == 0 ? 0 : sizeof *identity);
        if (s != NULL)
            s->identity = identity;
    }
#endif
    {
        vmc_peer *peers = (vmc_peer *)vmc_carve_take(&cv, d->max_peers * sizeof *peers);
        viamc_resource *resources = (viamc_resource *)vmc_carve_take(&cv, d->max_resources * sizeof *resources);
        vmc_safety *sessions = (vmc_safety *)vmc_carve_take(&cv, d->max_sessions * sizeof *sessions);
        uint8_t *tokens = (uint8_t *)vmc_carve_take(&cv, d->api_key_count * VMC_SERVER_TOKEN);
        uint8_t *message = (uint8_t *)vmc_carve_take(&cv, d->message_bytes), *stop = (uint8_t *)vmc_carve_take(&cv, VMC_SERVER_STOP_BYTES);
        big = (uint8_t *)vmc_carve_take(&cv, d->rx_bytes);
        for (i = 0; i < d->max_peers; i++) {
            if (s != NULL) {
                VIAMC_MEMSET(&peers[i], 0, sizeof peers[i]);
                peers[i].server = s;
                peers[i].number = i;
            }
            vmc_server_carve_peer(d, &cv, s == NULL ? NULL : &peers[i], big);
        }
        if (s == NULL)
            return cv.at;
        s->peers = peers;
        s->resources = resources;
        s->sessions = sessions;
        s->tokens = tokens;
        s->message = message;
        s->stop = stop;
    }
    VIAMC_MEMSET(s->sessions, 0, d->max_sessions * sizeof s->sessions[0]);
    s->size = cv.at;
    return cv.at;
}

VIAMC_API size_t viamc_server_mem_size(const viamc_server_desc *desc)
{
    viamc_server_desc d;
    if (desc == NULL)
        return 0;
    d = *desc;
    vmc_server_defaults(&d);
    return vmc_server_check_desc(&d) != NULL ? 0 : vmc_server_carve(&d, NULL) + VMC_ALIGN - 1u;
}

/* A server that can do nothing but say why. */
VMC_FN viamc_err vmc_server_refuse(void *memory, size_t size, viamc_err code, uint32_t detail, const char *what, viamc_server **server)
{
    size_t skip = vmc_misaligned(memory);
    if (size >= skip && size - skip >= sizeof(viamc_server)) {
        viamc_server *s = (viamc_server *)(void *)((uint8_t *)memory + skip);
        VIAMC_MEMSET(s, 0, sizeof *s);
        s->size = sizeof *s;
        (void)vmc_fail(&s->error, code, detail, "server", what);
        s->stop_len = size;
        *server = s;
    }
    return code;
}

VMC_FN viamc_err vmc_server_start(viamc_server *s)
{
    size_t n = s->desc.api_key_count * VMC_SERVER_TOKEN;
    if (n != 0 && s->desc.port->random(s->desc.port_user, s->tokens, n) != VIAMC_OK)
        return vmc_fail(&s->error, VIAMC_ERR_ENTROPY, 0, "server", VMC_TEXT("the port has no random bytes"));
#ifndef VIAMC_NO_TLS
    if (s->desc.cert_count != 0)
        return vmc_tls_identity_load(s->identity, s->desc.cert_chain, s->desc.cert_count, s->desc.key, &s->error);
#endif
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_server_init(void *memory, size_t size, const viamc_server_desc *desc, viamc_server **server)
{
    viamc_server_desc d;
    const char *wrong;
    size_t need, skip = vmc_misaligned(memory);
    if (server == NULL)
        return VIAMC_ERR_ARG;
    *server = NULL;
    if (memory == NULL || desc == NULL)
        return VIAMC_ERR_ARG;
    d = *desc;
    vmc_server_defaults(&d);
    wrong = vmc_server_check_desc(&d);
    if (wrong != NULL)
        return vmc_server_refuse(memory, size, VIAMC_ERR_ARG, 0, wrong, server);
    need = vmc_server_carve(&d, NULL);
    if (size < skip || size - skip < need)
        return vmc_server_refuse(memory, size, VIAMC_ERR_NOMEM, (uint32_t)(need + VMC_ALIGN - 1u), VMC_TEXT("memory too small"), server);
    (void)vmc_server_carve(&d, (uint8_t *)memory + skip);
    *server = (viamc_server *)(void *)((uint8_t *)memory + skip);
    return vmc_server_start(*server);
}

/* ---- errors ---- */

VIAMC_API viamc_error viamc_server_error(const viamc_server *s)
{
    viamc_error none;
    if (s != NULL)
        return s->error;
    vmc_error_clear(&none);
    (void)vmc_fail(&none, VIAMC_ERR_NOMEM, 0, "server", VMC_TEXT("memory too small"));
    return none;
}

VIAMC_API size_t viamc_server_explain(const viamc_server *s, char *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, buf == NULL || cap == 0 ? 0 : cap - 1u);
    viamc_error e = viamc_server_error(s);
    if (e.code == VIAMC_ERR_NOMEM && e.detail != 0) {
        vmc_wr_text(&w, VMC_TEXT("NOMEM: server needs "));
        vmc_wr_grouped(&w, e.detail);
        vmc_wr_text(&w, VMC_TEXT(" bytes, "));
        vmc_wr_grouped(&w, (uint32_t)s->stop_len);
        vmc_wr_text(&w, VMC_TEXT(" given"));
    } else {
        vmc_wr_text(&w, viamc_err_name(e.code));
        if (e.code != VIAMC_OK && e.what[0] != '\0') {
            vmc_wr_text(&w, ": ");
            vmc_wr_text(&w, e.what);
        }
    }
    if (buf != NULL && cap != 0)
        buf[w.len] = '\0';
    return w.len;
}

/* ---- the poll ---- */

/* The peer whose handshake goes on in this poll: one after another. */
VMC_FN uint8_t vmc_server_next_handshake(viamc_server *s)
{
    uint8_t k, n = s->desc.max_peers;
    for (k = 1; k <= n; k++) {
        uint8_t i = (uint8_t)((s->handshake + k) % n);
        if (s->peers[i].conn.state == VMC_CONN_SECURING) {
            s->handshake = i;
            return i;
        }
    }
    return VMC_SERVER_NONE;
}

VIAMC_API viamc_err viamc_server_poll(viamc_server *s, viamc_ms now)
{
    uint8_t k, n, handshake;
    if (s == NULL)
        return VIAMC_ERR_ARG;
    if (s->in_poll || s->error.code != VIAMC_OK)
        return VIAMC_ERR_STATE;
    n = s->desc.max_peers;
    s->in_poll = true;
    s->now = now;
    vmc_sessions_poll(s); /* first: a Stop waits for nobody */
    s->vacant = false;
    for (k = 0; k < n; k++)
        vmc_peer_accept(&s->peers[k]);
    handshake = vmc_server_next_handshake(s);
    for (k = 0; k < n; k++) {
        uint8_t i = (uint8_t)((s->turn + k) % n);
        if (vmc_peer_is_here(&s->peers[i]))
            vmc_peer_read(&s->peers[i], i == handshake);
    }
    for (k = 0; k < n; k++) {
        uint8_t i = (uint8_t)((s->turn + k) % n);
        if (vmc_peer_is_here(&s->peers[i]))
            vmc_peer_work(&s->peers[i]);
        else
            vmc_route_clean(&s->peers[i]);
    }
    for (k = 0; k < n; k++)
        vmc_route_share_big(&s->peers[k]); /* for viamc_server_wait: one that has waited for it goes on at once */
    s->turn = (uint8_t)((s->turn + 1u) % n);
    s->in_poll = false;
    return VIAMC_OK;
}

VIAMC_API void viamc_server_wait(const viamc_server *s, viamc_ms now, viamc_wait_hint *hint)
{
    uint8_t i;
    if (hint == NULL)
        return;
    hint->ms = VIAMC_FOREVER;
    hint->want = VIAMC_WANT_READ;
    if (s == NULL || s->error.code != VIAMC_OK)
        return;
    vmc_sessions_wait(s, now, &hint->ms);
    for (i = 0; i < s->desc.max_peers; i++)
        vmc_peer_wait(&s->peers[i], now, hint);
    if (s->vacant)
        hint->ms = 0; /* somebody may have been waiting for it */
}

VIAMC_API void viamc_server_close(viamc_server *s)
{
    uint8_t i;
    if (s == NULL || s->in_poll)
        return;
    s->in_poll = true;
    for (i = 0; i < s->desc.max_sessions && s->sessions != NULL; i++)
        if (s->sessions[i].used)
            vmc_sessions_end(s, i);
    vmc_sessions_run(s);
    for (i = 0; i < s->desc.max_peers && s->peers != NULL; i++) {
        if (!vmc_peer_is_here(&s->peers[i]))
            continue;
        vmc_h2_goaway(&s->peers[i].conn.grpc.h2, VMC_H2_NO_ERROR);
        vmc_conn_flush(&s->peers[i].conn, s->now);
        vmc_conn_close(&s->peers[i].conn, s->now);
    }
    vmc_wipe(s, s->size);
}

#endif
#endif
