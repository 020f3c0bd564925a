/* SPDX-License-Identifier: MIT */
/* conn/conn: opening, reading, writing, ending. */
#ifndef VIAMC_CONN_CONN_IMPL_H
#define VIAMC_CONN_CONN_IMPL_H

#include "base/time.h"
#include "tls/trust.h"
#include "base/core_impl.h"
#include "http2/h2_impl.h"
#include "tls/tls_impl.h"
#include "conn/conn.h"

VMC_FN void vmc_conn_init(vmc_conn *c, const vmc_conn_config *cfg)
{
    VIAMC_MEMSET(c, 0, sizeof *c);
    c->port = cfg->port;
    c->port_user = cfg->port_user;
    c->number = (uint16_t)cfg->number;
    c->in = cfg->in;
    c->in_cap = (uint16_t)cfg->in_cap;
    c->out = cfg->out;
    c->out_cap = (uint16_t)cfg->out_cap;
#ifndef VIAMC_NO_TLS
    c->tls = (vmc_tls *)cfg->tls;
#endif
    vmc_error_clear(&c->error);
}

/* Says why the connection is over, whatever was said before. */
VMC_FN void vmc_conn_reason(vmc_conn *c, viamc_err code, uint32_t detail, const char *where, const char *what)
{
    c->error.code = code;
    c->error.detail = detail;
    c->error.where = where;
    c->error.what = what;
}

/* True from the first error on until it is closed. */
VMC_FN bool vmc_conn_is_lost(const vmc_conn *c)
{
    return c->state >= VMC_CONN_BROKEN;
}

/* The connection is over; the first reason counts, and stays until the owner clears it or the next connection ends. */
VMC_APART vmc_conn_event vmc_conn_break(vmc_conn *c, viamc_err code, uint32_t detail, const char *where, const char *what)
{
    if (c->state == VMC_CONN_CLOSED || vmc_conn_is_lost(c))
        return VMC_CONN_LOST;
    vmc_conn_reason(c, code, detail, where, what);
    c->state = (uint8_t)(c->state == VMC_CONN_OPENING ? VMC_CONN_GONE : VMC_CONN_BROKEN);
    return VMC_CONN_LOST;
}

VMC_FN vmc_conn_event vmc_conn_break_with(vmc_conn *c, const viamc_error *e)
{
    return vmc_conn_break(c, e->code, e->detail, e->where, e->what);
}

/* The port said that it is over. */
VMC_APART void vmc_conn_port_failed(vmc_conn *c, viamc_err err, const char *what)
{
    bool closed = err == VIAMC_ERR_CLOSED;
    (void)vmc_conn_break(c, err, 0, closed ? "" : "port", closed ? VMC_TEXT("the peer closed the connection") : what);
    c->state = VMC_CONN_GONE;
}

/* ---- opening ---- */

/* Starts over with empty buffers; grpc is set up by the owner. */
VMC_FN void vmc_conn_start(vmc_conn *c, bool secure, vmc_conn_state state)
{
    c->in_at = c->in_len = 0;
    c->out_at = c->out_len = 0;
    c->secure = secure;
    c->blocked = false;
    c->state = (uint8_t)state;
}

#ifndef VIAMC_NO_TLS

/* Random octets for one handshake, from the port alone. Wiped by the caller. */
VMC_FN viamc_err vmc_conn_seed(vmc_conn *c, uint8_t seed[VMC_TLS_SEED_MIN])
{
    if (c->port->random != NULL && c->port->random(c->port_user, seed, VMC_TLS_SEED_MIN) == VIAMC_OK)
        return VIAMC_OK;
    (void)vmc_conn_break(c, VIAMC_ERR_ENTROPY, 0, "TLS", VMC_TEXT("the port has no random bytes"));
    return VIAMC_ERR_ENTROPY;
}

/* The engine has its secrets from the seed, or did not start. */
VMC_FN viamc_err vmc_conn_secured(vmc_conn *c, uint8_t seed[VMC_TLS_SEED_MIN], viamc_err err)
{
    vmc_wipe(seed, VMC_TLS_SEED_MIN);
    if (err != VIAMC_OK)
        (void)vmc_conn_break_with(c, &c->tls->error);
    else
        c->state = VMC_CONN_SECURING;
    return err;
}

/* The port is open: starts TLS as a client. d is completed with buffers and seed. */
VMC_FN viamc_err vmc_conn_secure_client(vmc_conn *c, vmc_tls_client_desc *d)
{
    uint8_t seed[VMC_TLS_SEED_MIN];
    viamc_err err = vmc_conn_seed(c, seed);
    if (err != VIAMC_OK)
        return err;
    d->seed = seed;
    d->seed_len = sizeof seed;
    d->in = c->in;
    d->in_cap = c->in_cap;
    d->out = c->out;
    d->out_cap = c->out_cap;
    return vmc_conn_secured(c, seed, vmc_tls_client_open(c->tls, d));
}

#ifndef VIAMC_NO_SERVER

/* A peer was accepted: starts TLS as a server. */
VMC_FN viamc_err vmc_conn_secure_server(vmc_conn *c, vmc_tls_server_desc *d)
{
    uint8_t seed[VMC_TLS_SEED_MIN];
    viamc_err err = vmc_conn_seed(c, seed);
    if (err != VIAMC_OK)
        return err;
    d->seed = seed;
    d->seed_len = sizeof seed;
    d->in = c->in;
    d->in_cap = c->in_cap;
    d->out = c->out;
    d->out_cap = c->out_cap;
    return vmc_conn_secured(c, seed, vmc_tls_server_open(c->tls, d));
}

#endif
#endif

/* ---- reading ---- */

/* Asks the port for octets; *len 0: none now. Counts as a step. */
VMC_FN viamc_err vmc_conn_port_read(vmc_conn *c, uint8_t *buf, size_t cap, size_t *len)
{
    viamc_err err;
    *len = 0;
    c->steps++;
    err = c->port->read(c->port_user, c->number, buf, cap, len);
    if (err == VIAMC_WAIT)
        err = VIAMC_OK;
    if (*len > cap) /* a port that lies about its buffer has already written past it */
        *len = cap;
    if (*len != 0)
        c->heard = true;
    if (err != VIAMC_OK)
        vmc_conn_port_failed(c, err, VMC_TEXT("reading failed"));
    return err;
}

/* Hands received octets up; VMC_CONN_IDLE when all of them are parsed. */
VMC_FN vmc_conn_event vmc_conn_parse(vmc_conn *c, const uint8_t *p, size_t n, size_t *used)
{
    vmc_rd in = vmc_rd_of(viamc_view(p, n));
    vmc_conn_event ev = (vmc_conn_event)vmc_grpc_recv(&c->grpc, &in);
    *used = n - in.left;
    if (ev == VMC_CONN_LOST)
        (void)vmc_conn_break(c, VIAMC_ERR_H2, c->grpc.h2.goaway_code, "HTTP/2", vmc_h2_what(&c->grpc.h2));
    return ev;
}

/* One turn of plaintext: what is left of the last read, else a new one. *more: there may be more. */
VMC_FN vmc_conn_event vmc_conn_read_plain(vmc_conn *c, bool *more)
{
    vmc_conn_event ev;
    size_t n;
    if (c->in_at == c->in_len) {
        c->in_at = c->in_len = 0;
        if (vmc_conn_port_read(c, c->in, c->in_cap, &n) != VIAMC_OK && n == 0)
            return VMC_CONN_LOST;
        c->in_len = (uint16_t)n;
        *more = n == c->in_cap; /* a port that gave less has no more now */
        if (n == 0)
            return VMC_CONN_IDLE;
    }
    ev = vmc_conn_parse(c, c->in + c->in_at, (size_t)(c->in_len - c->in_at), &n);
    c->in_at = (uint16_t)(c->in_at + n);
    return ev;
}

#ifndef VIAMC_NO_TLS

/* Moves octets from the port into the record under way, at most so many. */
VMC_FN viamc_err vmc_conn_read_record(vmc_conn *c, size_t most, bool *more)
{
    size_t cap, n;
    uint8_t *to = vmc_tls_wire_in(c->tls, &cap);
    viamc_err err;
    *more = false;
    if (to == NULL)
        return VIAMC_OK;
    err = vmc_conn_port_read(c, to, vmc_min(cap, most), &n);
    if (n != 0) {
        *more = true;
        if (vmc_tls_wire_in_done(c->tls, n) != VIAMC_OK) {
            (void)vmc_conn_break_with(c, &c->tls->error);
            return c->error.code;
        }
    }
    return err;
}

/* One turn of TLS: plaintext that is there, else octets for the next record. */
VMC_FN vmc_conn_event vmc_conn_read_secure(vmc_conn *c, bool *more)
{
    size_t n;
    const uint8_t *p = vmc_tls_app_in(c->tls, &n);
    if (p != NULL && n != 0) {
        vmc_conn_event ev = vmc_conn_parse(c, p, n, &n);
        vmc_tls_app_in_done(c->tls, n);
        return ev;
    }
    if (vmc_tls_state_of(c->tls) == VMC_TLS_CLOSED)
        return vmc_conn_break(c, VIAMC_ERR_CLOSED, 0, "TLS", VMC_TEXT("the peer closed the connection"));
    return vmc_conn_read_record(c, VMC_TLS_IN_MAX, more) == VIAMC_OK ? VMC_CONN_IDLE : VMC_CONN_LOST;
}

#endif

/* ---- writing ---- */

/* Gives octets to the port; how many it took. */
VMC_FN size_t vmc_conn_port_write(vmc_conn *c, const uint8_t *p, size_t n)
{
    size_t done = 0;
    viamc_err err;
    c->steps++;
    err = c->port->write(c->port_user, c->number, p, n, &done);
    if (done > n)
        done = n;
    c->blocked = done < n;
    if (err != VIAMC_OK && err != VIAMC_WAIT) {
        vmc_conn_port_failed(c, err, VMC_TEXT("writing failed"));
        c->blocked = true; /* whatever it says that it took */
        return 0;
    }
    return done;
}

#define VMC_CONN_ROOM 32u /* octets left of a window in which all that is owed had room: no control frame has more than 17 */

/* One turn of plaintext; false when nothing is left or nothing goes. */
VMC_FN bool vmc_conn_write_plain(vmc_conn *c, viamc_ms now)
{
    bool all = false; /* of what there is now is in the window; one that was left over is older */
    if (c->out_at == c->out_len) {
        vmc_wr w = vmc_wr_of(c->out, c->out_cap);
        vmc_grpc_write(&c->grpc, now, &w);
        all = !c->grpc.calls->stirred && vmc_wr_room(&w) >= VMC_CONN_ROOM;
        c->out_at = 0;
        c->out_len = (uint16_t)w.len;
        c->blocked = false;
        if (w.len == 0)
            return false;
    }
    c->out_at = (uint16_t)(c->out_at + vmc_conn_port_write(c, c->out + c->out_at, (size_t)(c->out_len - c->out_at)));
    return !c->blocked && !all;
}

#ifndef VIAMC_NO_TLS

/* Octets of finished records to the port; false when the port is full or there are none. */
VMC_FN bool vmc_conn_write_records(vmc_conn *c)
{
    size_t n;
    const uint8_t *p = vmc_tls_wire_out(c->tls, &n);
    c->blocked = false;
    if (p == NULL || n == 0)
        return false;
    vmc_tls_wire_out_done(c->tls, vmc_conn_port_write(c, p, n));
    return !c->blocked;
}

/* One turn of TLS: frames become a record, the record goes out. */
VMC_FN bool vmc_conn_write_secure(vmc_conn *c, viamc_ms now)
{
    size_t cap;
    uint8_t *to = vmc_tls_app_out(c->tls, &cap);
    if (to != NULL && cap != 0 && c->state != VMC_CONN_SECURING) {
        vmc_wr w = vmc_wr_of(to, cap);
        vmc_grpc_write(&c->grpc, now, &w);
        if (w.len != 0)
            vmc_tls_app_out_done(c->tls, w.len);
    }
    return vmc_conn_write_records(c);
}

#endif

VMC_FN bool vmc_conn_write_turn(vmc_conn *c, viamc_ms now)
{
#ifndef VIAMC_NO_TLS
    if (c->secure)
        return vmc_conn_write_secure(c, now);
#endif
    return vmc_conn_write_plain(c, now);
}

/* Writes what there is until the port takes no more, at most VMC_POLL_STEPS turns. */
VMC_FN void vmc_conn_write(vmc_conn *c, viamc_ms now)
{
    uint32_t turn;
    for (turn = 0; turn < VMC_POLL_STEPS && vmc_conn_write_turn(c, now); turn++)
        ;
}

/* The same for a connection that goes on. One that is broken says goodbye when it is closed: its owner ends its calls before. */
VMC_FN void vmc_conn_flush(vmc_conn *c, viamc_ms now)
{
    if (c->state == VMC_CONN_UP || c->state == VMC_CONN_SECURING)
        vmc_conn_write(c, now);
}

/* ---- the states ---- */

VMC_FN vmc_conn_event vmc_conn_up(vmc_conn *c)
{
    c->state = VMC_CONN_UP;
    return VMC_CONN_IS_UP;
}

#ifndef VIAMC_NO_TLS

/* Octets of the peer's flight taken at a time, twice a poll: signatures that it holds together are checked in polls of their own, for the
 * shortest message between two of them has 112 octets: ServerKeyExchange with X25519 (4 + 4 + 32) and its own signature (4 + 68, ECDSA). */
#define VMC_CONN_HANDSHAKE_STEP 54u

/* A step of the handshake cannot be divided, and others wait for it: two pieces a poll, of which one may be the head of a record. */
VMC_FN vmc_conn_event vmc_conn_on_securing(vmc_conn *c)
{
    bool more = true;
    uint32_t part;
    while (vmc_conn_write_records(c))
        ;
    for (part = 0; part < 2u && more && !vmc_conn_is_lost(c) && vmc_tls_state_of(c->tls) == VMC_TLS_HANDSHAKE; part++)
        if (vmc_conn_read_record(c, VMC_CONN_HANDSHAKE_STEP, &more) != VIAMC_OK)
            return VMC_CONN_LOST;
    while (!vmc_conn_is_lost(c) && vmc_conn_write_records(c))
        ;
    if (vmc_conn_is_lost(c))
        return VMC_CONN_LOST;
    switch (vmc_tls_state_of(c->tls)) {
    case VMC_TLS_HANDSHAKE: return VMC_CONN_IDLE;
    case VMC_TLS_UP: return vmc_conn_up(c);
    case VMC_TLS_CLOSED: return vmc_conn_break(c, VIAMC_ERR_CLOSED, 0, "TLS", VMC_TEXT("the peer closed the connection"));
    case VMC_TLS_IDLE:
    case VMC_TLS_FAILED: break;
    }
    return vmc_conn_break_with(c, &c->tls->error);
}

#endif

VMC_FN vmc_conn_event vmc_conn_on_up(vmc_conn *c)
{
    bool more = true;
    vmc_conn_event ev = VMC_CONN_IDLE;
    while (more && ev == VMC_CONN_IDLE && c->steps < VMC_POLL_STEPS) {
        if (vmc_conn_is_lost(c))
            return VMC_CONN_LOST;
#ifndef VIAMC_NO_TLS
        if (c->secure) {
            ev = vmc_conn_read_secure(c, &more);
            continue;
        }
#endif
        ev = vmc_conn_read_plain(c, &more);
    }
    return ev;
}

/* A poll begins: bounds are counted from here. */
VMC_FN void vmc_conn_begin(vmc_conn *c)
{
    c->steps = 0;
    if (c->state == VMC_CONN_UP)
        vmc_grpc_settle(&c->grpc);
}

/* Goes on until something is to be looked at, or nothing is left to do now. OPENING is the owner's: it knows the address. */
VMC_FN vmc_conn_event vmc_conn_next(vmc_conn *c)
{
    switch ((vmc_conn_state)c->state) {
    case VMC_CONN_CLOSED:
    case VMC_CONN_OPENING: return VMC_CONN_IDLE;
    case VMC_CONN_SECURING:
#ifndef VIAMC_NO_TLS
        return vmc_conn_on_securing(c);
#else
        return VMC_CONN_IDLE;
#endif
    case VMC_CONN_UP: return vmc_conn_on_up(c);
    case VMC_CONN_BROKEN:
    case VMC_CONN_GONE: return VMC_CONN_LOST;
    }
    return VMC_CONN_IDLE;
}

/* Ends the connection at once: what is staged is tried once, then keys and plaintext are wiped. */
VMC_APART void vmc_conn_close(vmc_conn *c, viamc_ms now)
{
    if (c->state == VMC_CONN_CLOSED)
        return;
#ifndef VIAMC_NO_TLS
    if (c->secure && (c->state == VMC_CONN_UP || c->state == VMC_CONN_BROKEN)) {
        vmc_conn_write(c, now);
        vmc_tls_close(c->tls);
    }
#endif
    if (c->state != VMC_CONN_OPENING && c->state != VMC_CONN_GONE)
        vmc_conn_write(c, now);
    c->port->close(c->port_user, c->number);
#ifndef VIAMC_NO_TLS
    if (c->secure && c->tls != NULL)
        vmc_tls_wipe(c->tls);
#endif
    vmc_wipe(c->in, c->in_cap);
    vmc_wipe(c->out, c->out_cap);
    c->state = VMC_CONN_CLOSED;
}

/* What the owner of the loop should wait for. */
VMC_FN void vmc_conn_wait(const vmc_conn *c, viamc_wait_hint *hint)
{
    if (c->state == VMC_CONN_CLOSED)
        return;
    hint->want |= VIAMC_WANT_READ;
    if (c->blocked || c->state == VMC_CONN_OPENING)
        hint->want |= VIAMC_WANT_WRITE;
    if (c->steps >= VMC_POLL_STEPS || c->in_at != c->in_len)
        hint->ms = 0; /* the bound was reached: there is more */
}

#endif
