/* SPDX-License-Identifier: MIT */
/* client/client: the layout of the block, then calls, events, and the poll that drives all parts. */
#ifndef VIAMC_CLIENT_CLIENT_IMPL_H
#define VIAMC_CLIENT_CLIENT_IMPL_H

#include "base/core_impl.h"
#include "codec/wire_impl.h"
#include "tls/tls_impl.h"
#include "http2/hpack.h"
#include "http2/h2.h"
#include "call/grpc_impl.h"
#include "conn/conn_impl.h"
#include "client/state.h"
#include "client/internal_impl.h"
#include "client/dial_impl.h"
#include "client/session_impl.h"
#include "client/motion_impl.h"
#include "client/check_impl.h"

#define VMC_CLIENT_TIMEOUT 5000u /* design.md 5: unary calls that move nothing, ms */
#define VMC_CLIENT_TX_MIN 256u    /* Stop's 128 octets and a request */
#define VMC_CLIENT_OUT_MIN 512u   /* a host name while the port connects */
#define VMC_CLIENT_OUT_PLAIN 256u /* likewise, without TLS, where a window of the output costs no record */
#define VMC_CLIENT_SLOT_MIN 64u
#define VMC_CLIENT_STREAMS (VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM)

/* ---- layout ---- */

VMC_FN void vmc_client_default(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

/* design.md 2, invariant 2: where the TLS input does not take every record, what the peer may send over all streams must fit into one:
 * each stream's window, 325 octets that a record adds, 512 for header blocks. 0: no such bound. */
VMC_FN uint32_t vmc_client_credit_need(const viamc_client_desc *d)
{
    uint32_t streams = (uint32_t)d->max_calls + VMC_REC_EXTRA;
    if (d->no_tls || d->profile != VIAMC_BOARD || d->in_bytes >= VMC_TLS_IN_MAX)
        return 0;
    return streams * (d->slot_bytes + VMC_CALL_PREFIX) + 325u + 512u;
}

/* TLS input of a board: 4,608 octets, or what its calls need. */
VMC_FN uint32_t vmc_client_default_in(const viamc_client_desc *d)
{
    uint32_t need = vmc_client_credit_need(d);
    if (d->no_tls)
        return d->profile == VIAMC_BOARD ? 256u : 4096u;
    if (d->profile != VIAMC_BOARD || need > VMC_TLS_IN_MAX)
        return VMC_TLS_IN_MAX;
    return need < 4608u ? 4608u : need;
}

VMC_FN uint32_t vmc_client_least_out(const viamc_client_desc *d)
{
    return d->no_tls ? VMC_CLIENT_OUT_PLAIN : VMC_CLIENT_OUT_MIN;
}

/* Defaults of a host and of a board. */
static const struct vmc_client_sizes {
    uint16_t slot, tx, table, out; /* out: of a board, the least */
} vmc_client_sizes[2] = {{4096, 16384, 4096, 16384}, {512, 1024, 256, 0}};

VMC_FN void vmc_client_defaults(viamc_client_desc *d)
{
    const struct vmc_client_sizes *sizes = &vmc_client_sizes[d->profile == VIAMC_BOARD];
#ifdef VIAMC_NO_TLS
    d->no_tls = true;
#endif
    if (d->max_calls == 0)
        d->max_calls = 4;
    vmc_client_default(&d->slot_bytes, sizes->slot);
    vmc_client_default(&d->tx_bytes, sizes->tx);
    vmc_client_default(&d->token_bytes, 1024);
    vmc_client_default(&d->out_bytes, sizes->out);
    vmc_client_default(&d->out_bytes, vmc_client_least_out(d));
    vmc_client_default(&d->table_bytes, sizes->table);
    if (d->token_bytes == VIAMC_OFF)
        d->token_bytes = 0;
    if (d->in_bytes == 0)
        d->in_bytes = vmc_client_default_in(d);
}

/* What is wrong with a desc that has its defaults, or NULL. */
VMC_FN const char *vmc_client_check_desc(const viamc_client_desc *d)
{
    if (d->guard != 0 || d->guard_end != 0)
        return VMC_TEXT("desc not initialised: begin with viamc_client_desc d = VIAMC_ZERO");
    if (d->profile > VIAMC_BOARD)
        return VMC_TEXT("profile is neither VIAMC_HOST nor VIAMC_BOARD");
    if (d->max_calls > VIAMC_MAX_CALLS)
        return VMC_TEXT("max_calls above VIAMC_MAX_CALLS");
    if (d->tx_bytes < VMC_CLIENT_TX_MIN || d->out_bytes < vmc_client_least_out(d) || d->slot_bytes < VMC_CLIENT_SLOT_MIN)
        return VMC_TEXT("tx_bytes below 256, out_bytes below 512 (256 without TLS) or slot_bytes below 64");
    if (d->out_bytes > VMC_CONN_BUFFER_MAX)
        return VMC_TEXT("out_bytes above 65,535");
    if (d->slot_bytes > VMC_H2_WINDOW_MAX / 512u || d->rx_bytes > VMC_CALL_MAX_MESSAGE || d->tx_bytes > VMC_CALL_MAX_MESSAGE || d->table_bytes > VMC_HPACK_MAX_TABLE)
        return VMC_TEXT("slot_bytes, rx_bytes, tx_bytes or table_bytes too large");
    if (d->no_tls ? d->in_bytes < 64u || d->in_bytes > VMC_CONN_BUFFER_MAX : d->in_bytes < VMC_TLS_IN_MIN || d->in_bytes > VMC_TLS_IN_MAX)
        return VMC_TEXT("in_bytes out of range: 837 to 16,709 with TLS, 64 to 65,535 without");
    if (vmc_client_credit_need(d) > d->in_bytes)
        return VMC_TEXT("in_bytes too small for these calls: (max_calls + 4) * (slot_bytes + 5) + 837, or smaller slots");
    return NULL;
}

/* A copy of a desc with its defaults; what is wrong with it, or NULL. */
VMC_FN const char *vmc_client_take_desc(const viamc_client_desc *desc, viamc_client_desc *d)
{
    if (desc == NULL)
        return VMC_TEXT("no desc");
    *d = *desc;
    vmc_client_defaults(d);
    return vmc_client_check_desc(d);
}

/* What is wrong with a port, or NULL. */
VMC_FN const char *vmc_client_check_port(const viamc_port *p)
{
    if (p == NULL || p->open == NULL || p->read == NULL || p->write == NULL || p->close == NULL || p->random == NULL)
        return VMC_TEXT("no port, or one without open, read, write, close or random");
    return NULL;
}

VIAMC_API const char *viamc_client_desc_error(const viamc_client_desc *desc)
{
    viamc_client_desc d;
    const char *what = vmc_client_take_desc(desc, &d);
    return what != NULL ? what : vmc_client_check_port(d.port);
}

/* The pieces of the block. */
typedef struct vmc_client_layout {
    viamc_client *client;
    vmc_calls calls;
    vmc_conn_config conn;
    vmc_h2_stream *streams;
    vmc_unsettled *unsettled;
    uint8_t *token, *table;
    size_t room_cap, size;
} vmc_client_layout;

/* Octets that the certificate check needs while dialling. Hosts walk a store, boards have arrays. */
VMC_FN size_t vmc_client_trust_bytes(const viamc_client_desc *d)
{
#ifndef VIAMC_NO_TLS
    if (!d->no_tls)
        return vmc_tls_trust_bytes(d->profile == VIAMC_HOST);
#endif
    (void)d;
    return 0;
}

/* What is known without the block. */
VMC_FN void vmc_client_plan(const viamc_client_desc *d, vmc_client_layout *l)
{
    VIAMC_MEMSET(l, 0, sizeof *l);
    l->calls.count = (uint8_t)(d->max_calls + VMC_REC_EXTRA);
    l->calls.user_count = (uint8_t)(d->max_calls + 1u); /* Stop's own too */
    l->calls.slot_count = d->max_calls;
    l->calls.slot_bytes = d->slot_bytes;
    l->calls.big_cap = d->rx_bytes;
    l->calls.tx_cap = d->tx_bytes;
    l->calls.one_large = vmc_client_credit_need(d) != 0;
    l->conn.port = d->port;
    l->conn.port_user = d->port_user;
    l->conn.in_cap = d->in_bytes;
    l->conn.out_cap = d->no_tls ? d->out_bytes : vmc_min32(d->out_bytes + 85u, VMC_TLS_OUT_MAX); /* 85: what a TLS record adds */
}

/* The one layout function: measures with base NULL, divides with the block. d has its defaults. */
VMC_FN void vmc_client_carve(const viamc_client_desc *d, uint8_t *base, vmc_client_layout *l)
{
    vmc_carve cv;
    vmc_client_plan(d, l);
    cv.base = base;
    cv.at = 0;
    l->client = (viamc_client *)vmc_carve_take(&cv, sizeof(viamc_client));
#ifndef VIAMC_NO_TLS
    if (!d->no_tls)
        l->conn.tls = vmc_carve_take(&cv, vmc_tls_bytes(VMC_TLS_CLIENT));
#endif
    l->calls.users = (vmc_user_call *)vmc_carve_take(&cv, l->calls.user_count * sizeof(vmc_user_call));
    l->calls.ours = (vmc_call *)vmc_carve_take(&cv, VMC_REC_OURS * sizeof(vmc_call) + (d->max_calls + 1u) * sizeof(vmc_unsettled));
    l->unsettled = base == NULL ? NULL : (vmc_unsettled *)(void *)(l->calls.ours + VMC_REC_OURS);
    l->streams = (vmc_h2_stream *)vmc_carve_take(&cv, l->calls.count * sizeof(vmc_h2_stream));
    l->conn.in = (uint8_t *)vmc_carve_take(&cv, d->in_bytes);
    l->conn.out = (uint8_t *)vmc_carve_take(&cv, l->conn.out_cap);
    l->token = (uint8_t *)vmc_carve_take(&cv, d->token_bytes); /* from here to the end: vmc_client_forget */
    l->calls.tx = (uint8_t *)vmc_carve_take(&cv, d->tx_bytes);
    l->table = (uint8_t *)vmc_carve_take(&cv, d->table_bytes);
    l->room_cap = (size_t)d->rx_bytes + l->calls.slot_count * (d->slot_bytes + VMC_CALL_EXTRA);
    if (l->room_cap < vmc_client_trust_bytes(d))
        l->room_cap = vmc_client_trust_bytes(d);
    l->calls.big = (uint8_t *)vmc_carve_take(&cv, l->room_cap); /* big, then slots; while dialling the certificate check */
    l->calls.slots = base == NULL ? NULL : l->calls.big + d->rx_bytes;
    l->size = cv.at;
}

VIAMC_API size_t viamc_client_mem_size(const viamc_client_desc *desc)
{
    viamc_client_desc d;
    vmc_client_layout l;
    if (vmc_client_take_desc(desc, &d) != NULL)
        return 0;
    vmc_client_carve(&d, NULL, &l);
    return l.size + VMC_ALIGN - 1u;
}

/* Divides the block and fills it. */
VMC_FN void vmc_client_build(const viamc_client_desc *d, uint8_t *base, viamc_client **client)
{
    vmc_client_layout l;
    viamc_client *c;
    vmc_client_carve(d, base, &l);
    VIAMC_MEMSET(base, 0, l.size); /* also TLS: a connection that never got to it is closed like any other */
    c = l.client;
    c->size = l.size;
    c->log = d->log;
    c->profile = d->profile;
    c->max_calls = d->max_calls;
    c->token = l.token;
    c->token_cap = d->token_bytes;
#ifndef VIAMC_NO_TLS
    c->trust_cap = l.room_cap;
#endif
    c->motion.unsettled = l.unsettled;
    c->calls = l.calls;
    vmc_calls_init(&c->calls);
    vmc_conn_init(&c->conn, &l.conn);
    c->conn.grpc.h2.streams = l.streams; /* there they stay: vmc_dial_reset_carrier */
    c->conn.grpc.h2.decoder.arena = l.table;
    c->conn.grpc.h2.decoder.limit = (uint16_t)d->table_bytes; /* at most VMC_HPACK_MAX_TABLE */
    vmc_dial_reset_carrier(c, false);
    *client = c;
}

VIAMC_API viamc_err viamc_client_init(void *memory, size_t size, const viamc_client_desc *desc, viamc_client **client)
{
    viamc_client_desc d;
    size_t skip = vmc_misaligned(memory);
    vmc_client_layout l;
    if (client == NULL)
        return VIAMC_ERR_ARG;
    *client = NULL;
    if (memory == NULL || vmc_client_take_desc(desc, &d) != NULL || vmc_client_check_port(d.port) != NULL)
        return VIAMC_ERR_ARG;
    vmc_client_carve(&d, NULL, &l);
    if (size < skip || size - skip < l.size)
        return VIAMC_ERR_NOMEM;
    vmc_client_build(&d, (uint8_t *)memory + skip, client);
    return VIAMC_OK;
}

/* ---- starting calls ---- */

/* What a call without a method object does, by its path. */
VMC_APART uint8_t vmc_client_flags(viamc_str path, const viamc_opts *o)
{
    static const char component[] = "/viam.component.", stop_all[] = "/viam.robot.v1.RobotService/StopAll", stop[] = "/Stop";
    uint8_t flags = o->stream & VMC_CLIENT_STREAMS;
    if (path.len == sizeof stop_all - 1u && vmc_same(path.ptr, stop_all, sizeof stop_all - 1u))
        return (uint8_t)(flags | VIAMC_M_STOP_ALL);
    if (path.len < sizeof component - 1u || !vmc_same(path.ptr, component, sizeof component - 1u))
        return flags;
    if (vmc_same(path.ptr + path.len - (sizeof stop - 1u), stop, sizeof stop - 1u))
        return (uint8_t)(flags | VIAMC_M_STOP);
    return (uint8_t)(o->reads_only ? flags : flags | VIAMC_M_MOVES);
}

VMC_FN uint8_t vmc_client_motion(uint8_t flags, const viamc_opts *o)
{
    if ((flags & (VIAMC_M_STOP | VIAMC_M_STOP_ALL)) != 0)
        return VMC_MOTION_STOP;
    if (o->replace)
        return VMC_MOTION_SETPOINT;
    return (flags & (VIAMC_M_MONITORED | VIAMC_M_MOVES)) != 0 ? VMC_MOTION_MOVE : VMC_MOTION_NONE;
}

/* A request that is about to become a call. */
typedef struct vmc_start {
    uint8_t flags;        /* VIAMC_M_* */
    uint8_t motion;
    uint8_t head[2u + 5u]; /* tag of two octets, length of at most five */
    const viamc_method *method;
    viamc_str path;
    const viamc_opts *opts;
    viamc_bytes msg;
    viamc_bytes added[2]; /* field 99: its head, and opts.extra */
    uint32_t resource;
} vmc_start;

/* opts.extra becomes field 99, length-delimited. */
VMC_FN void vmc_client_add_extra(vmc_start *s)
{
    vmc_wr w = vmc_wr_of(s->head, sizeof s->head);
    vmc_wire_put_tag(&w, 99, VMC_WIRE_BYTES);
    vmc_wire_put_varint(&w, s->opts->extra.len);
    s->added[0] = viamc_view(s->head, w.len);
}

/* A Stop is always copied: it may be sent twice. */
VMC_FN bool vmc_client_keeps(const vmc_start *s)
{
    return s->opts->keep && s->motion != VMC_MOTION_STOP;
}

/* Octets of tx that the request takes, without its prefix. */
VMC_FN size_t vmc_client_tx_need(const vmc_start *s)
{
    return (vmc_client_keeps(s) ? 0 : s->msg.len) + s->added[0].len + s->added[1].len;
}

VMC_FN viamc_err vmc_client_check_start(viamc_client *c, vmc_start *s)
{
    const viamc_opts *o = s->opts;
    if (c == NULL || s->path.len == 0 || s->path.len > 0xffffu || s->path.ptr[0] != '/' || o->guard != 0 || o->guard_end != 0)
        return VIAMC_ERR_ARG;
    s->flags = s->method != NULL ? s->method->flags : vmc_client_flags(s->path, o);
    s->motion = vmc_client_motion(s->flags, o);
    if (o->extra.len != 0 && (s->method == NULL || (s->flags & VIAMC_M_EXTRA) == 0))
        return VIAMC_ERR_ARG;
    if (o->replace && (s->flags & VIAMC_M_SETPOINT) == 0)
        return VIAMC_ERR_ARG;
    if (o->metadata_count > 200u || !vmc_grpc_metadata_ok(o->metadata, o->metadata_count) || s->msg.len > VMC_CALL_MAX_MESSAGE || o->extra.len > VMC_CALL_MAX_MESSAGE)
        return VIAMC_ERR_ARG;
    if (!vmc_is_view(s->msg) || !vmc_is_view(o->extra))
        return VIAMC_ERR_ARG;
    s->added[0] = viamc_view(NULL, 0);
    s->added[1] = o->extra;
    if (o->extra.len != 0)
        vmc_client_add_extra(s);
    if (s->motion == VMC_MOTION_STOP && ((s->flags & VMC_CLIENT_STREAMS) != 0 || vmc_client_tx_need(s) + VMC_CALL_PREFIX > VMC_STOP_BYTES))
        return VIAMC_ERR_ARG;
    if (c->calls.in_sink || c->in_poll)
        return VIAMC_ERR_STATE;
    s->resource = 0;
    if (s->motion != VMC_MOTION_NONE)
        s->resource = (s->flags & VIAMC_M_STOP_ALL) != 0 ? VMC_MOTION_ANY : (s->flags & VIAMC_M_CLIENT_STREAM) != 0 ? 0 : vmc_motion_resource(s->path, s->msg);
    return VIAMC_OK;
}

/* Stop's own record: free, or taken over by a StopAll, which covers the Stop that is in it: that one's DONE says CANCELLED. Not by one for
 * which there would be no room in tx: it would end the Stop and not be sent. */
VMC_FN vmc_call *vmc_client_stop_record(viamc_client *c, const vmc_start *s)
{
    vmc_user_call *user = &c->calls.users[c->max_calls];
    vmc_call *call = &user->call;
    if (call->state == VMC_CALL_FREE)
        return call;
    if (s->resource != VMC_MOTION_ANY || user->resource == VMC_MOTION_ANY || call->state == VMC_CALL_TOLD || c->motion.covered != 0 || c->conn.grpc.h2.out_slot == vmc_call_index(call))
        return NULL;
    if (VMC_CALL_PREFIX + vmc_client_tx_need(s) > c->calls.tx_cap - c->calls.tx_used + call->tx_len)
        return NULL;
    if ((call->motion & VMC_MOTION_COUNTED) != 0 && c->motion.unconfirmed != 0)
        c->motion.unconfirmed--; /* the StopAll counts for it */
    c->motion.covered = call->handle;
    c->motion.covered_user = user->user;
    c->motion.covered_method = user->method;
    vmc_grpc_cancel(&c->conn.grpc, call, VIAMC_CANCELLED, NULL);
    if (call->state == VMC_CALL_ENDED)
        c->calls.ended--;
    vmc_calls_free(&c->calls, call);
    return call;
}

VMC_FN vmc_call *vmc_client_free_record(viamc_client *c, const vmc_start *s)
{
    vmc_user_call *user = c->calls.users, *end = user + c->max_calls;
    for (; user != end; user++)
        if (user->call.state == VMC_CALL_FREE)
            return &user->call;
    return s->motion == VMC_MOTION_STOP ? vmc_client_stop_record(c, s) : NULL;
}

/* The time limit of a call (design.md 5, 6). */
VMC_FN viamc_ms vmc_client_timeout(const vmc_start *s)
{
    bool moves = s->motion == VMC_MOTION_MOVE || s->motion == VMC_MOTION_SETPOINT;
    if (s->opts->timeout_ms != 0)
        return s->opts->timeout_ms;
    return moves || (s->flags & VMC_CLIENT_STREAMS) != 0 ? VIAMC_FOREVER : VMC_CLIENT_TIMEOUT;
}

/* Who takes a large reply: a sink given is it alone. Stop's own record has no slot: its reply is empty, or a text. */
VMC_FN void vmc_client_lend_taker(viamc_client *c, vmc_user_call *u, const viamc_opts *o)
{
    const bool stop = u == &c->calls.users[c->max_calls];
    u->call.has_sink = o->sink != NULL && !stop;
    if (u->call.has_sink) {
        u->taker.sink.fn = o->sink;
        u->taker.sink.user = o->sink_user;
    } else {
        u->taker.into.ptr = stop ? c->stop_reply : o->into;
        u->taker.into.cap = stop ? VMC_STOP_REPLY : o->into == NULL ? 0 : o->into_cap > VMC_CALL_MAX_MESSAGE ? VMC_CALL_MAX_MESSAGE : (uint32_t)o->into_cap;
    }
}

/* What the user gave to the call. */
VMC_FN void vmc_client_lend(viamc_client *c, vmc_user_call *u, const vmc_start *s)
{
    const viamc_opts *o = s->opts;
    u->method = s->method;
    u->user = o->user;
    u->metadata = o->metadata;
    u->resource = s->resource;
    u->meta = o->metadata_into;
    u->meta_cap = o->metadata_into == NULL ? 0 : (uint16_t)vmc_min(o->metadata_cap, 0xffffu);
    u->meta_len = 0;
    u->asked = c->now;
    vmc_client_lend_taker(c, u, o);
}

VMC_FN void vmc_client_fill(viamc_client *c, vmc_call *call, const vmc_start *s)
{
    vmc_client_lend(c, vmc_call_user(call), s);
    call->path = s->path.ptr;
    call->path_len = (uint16_t)s->path.len;
    call->metadata_count = (uint8_t)s->opts->metadata_count;
    call->wants_metadata = s->opts->metadata_into != NULL;
    call->motion = (uint8_t)(s->motion | VMC_MOTION_FRESH);
    call->flags |= (uint16_t)(VMC_CALL_F_TOKEN | (s->flags & VMC_CLIENT_STREAMS)); /* VMC_CALL_F_*_STREAM are VIAMC_M_*_STREAM */
    if (!vmc_call_is_client_stream(call))
        call->flags |= VMC_CALL_F_FINISH;
    vmc_timer_set(&call->deadline, c->now, vmc_client_timeout(s));
}

/* A pending setpoint of the same kind gets the new value, its time and its limit, and keeps its handle. */
VMC_FN viamc_err vmc_client_replace(viamc_client *c, vmc_call *call, const vmc_start *s, viamc_call *handle)
{
    size_t need = VMC_CALL_PREFIX + s->msg.len + s->added[0].len + s->added[1].len;
    viamc_err err = need <= call->tx_len ? (viamc_err)VIAMC_OK : vmc_calls_tx_fits(&c->calls, need - call->tx_len, VMC_STOP_RESERVE - VMC_CALL_PREFIX);
    if (err != VIAMC_OK)
        return err;
    call->body = NULL; /* of a value that was kept */
    call->body_len = 0;
    vmc_calls_tx_cut(&c->calls, call); /* a value that was encoded in place lies behind what moves now */
    vmc_calls_put_message(&c->calls, call, s->msg, s->added, false);
    vmc_call_user(call)->asked = c->now;
    call->motion |= VMC_MOTION_FRESH;
    vmc_timer_set(&call->deadline, c->now, vmc_client_timeout(s));
    c->dirty = true;
    *handle = call->handle;
    return VIAMC_OK;
}

#if VIAMC_OLD_SESSIONS

/* viam-wire.md 4.2: what carried no session when everything else did. */
VMC_FN bool vmc_client_is_exempt(viamc_str path)
{
    static const char *const begins[] = {"/grpc.reflection.", "/proto.rpc.", "/viam.robot.v1.RobotService/ResourceNames", "/viam.robot.v1.RobotService/ResourceRPCSubtypes",
                                         vmc_session_start_path, vmc_session_beat_path};
    size_t i;
    for (i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t n = vmc_strlen(begins[i]);
        if (path.len >= n && vmc_same(path.ptr, begins[i], n))
            return true;
    }
    return false;
}

#endif

/* It carries the session, and waits for it. */
VMC_FN bool vmc_client_needs_session(const viamc_client *c, const vmc_call *call)
{
#if VIAMC_OLD_SESSIONS
    if (c->desc.old_sessions && !vmc_client_is_exempt(vmc_call_path(call)))
        return true;
#endif
    (void)c;
    return vmc_motion_is_move(call);
}

/* Puts the call on its way: by the motion rules, or at once. */
VMC_FN void vmc_client_launch(viamc_client *c, vmc_call *call)
{
    c->dirty = true;
    if (vmc_motion_kind(call) == VMC_MOTION_STOP)
        vmc_motion_begin_stop(c, call);
    else if (vmc_client_needs_session(c, call))
        vmc_motion_launch(c, call);
}

/* A record and room in tx for the call: STATE or BUSY if there is none now, NOMEM if there never is. */
VMC_FN viamc_err vmc_client_place(viamc_client *c, const vmc_start *s, vmc_call **call)
{
    uint32_t reserve = s->resource == VMC_MOTION_ANY ? 0 : s->motion == VMC_MOTION_STOP ? VMC_CALL_PREFIX : VMC_STOP_RESERVE;
    if (c->dial.state != VIAMC_READY)
        return VIAMC_ERR_STATE;
    if (s->motion == VMC_MOTION_MOVE && vmc_motion_is_stopping(c, s->resource))
        return VIAMC_ERR_BUSY;
    *call = vmc_client_free_record(c, s);
    if (*call == NULL)
        return VIAMC_ERR_BUSY;
    return (s->flags & VIAMC_M_CLIENT_STREAM) != 0 ? (viamc_err)VIAMC_OK : vmc_calls_tx_fits(&c->calls, vmc_client_tx_need(s), reserve);
}

/* A Stop was asked for and cannot be sent now: its session is not resumed, and a connection that is being given up is given up at once. */
VMC_FN void vmc_client_refuse_stop(viamc_client *c)
{
    c->motion.unconfirmed++;
    if (c->dial.step == VMC_DIAL_DRAINING) {
        vmc_timer_set(&c->dial.due, c->now, 0);
        c->dirty = true;
    }
}

VMC_FN viamc_err vmc_client_start(viamc_client *c, vmc_start *s, viamc_call *handle)
{
    viamc_err err = vmc_client_check_start(c, s);
    vmc_call *call;
    *handle = 0;
    if (err != VIAMC_OK)
        return err;
    call = s->motion == VMC_MOTION_SETPOINT ? vmc_motion_setpoint(c, s->path, s->resource, true) : NULL;
    if (call != NULL && vmc_motion_is_same_name(c, call, s->msg))
        return vmc_client_replace(c, call, s, handle);
    err = vmc_client_place(c, s, &call);
    if (err != VIAMC_OK && s->motion == VMC_MOTION_STOP)
        vmc_client_refuse_stop(c);
    if (err != VIAMC_OK)
        return err;
    vmc_calls_claim(&c->calls, call);
    vmc_client_fill(c, call, s);
    if ((s->flags & VIAMC_M_CLIENT_STREAM) == 0)
        vmc_calls_put_message(&c->calls, call, s->msg, s->added, vmc_client_keeps(s));
    *handle = call->handle;
    vmc_client_launch(c, call);
    return VIAMC_OK;
}

static const viamc_opts vmc_client_no_opts = VIAMC_ZERO;

VMC_FN viamc_err vmc_client_call(viamc_client *c, const viamc_method *method, const char *path, viamc_bytes msg, const viamc_opts *opts, viamc_call *call)
{
    vmc_start s;
    viamc_call unused;
    s.method = method;
    s.path = viamc_text(path);
    s.opts = opts == NULL ? &vmc_client_no_opts : opts;
    s.msg = msg;
    return vmc_client_start(c, &s, call == NULL ? &unused : call);
}

VIAMC_API viamc_err viamc_call_method(viamc_client *c, const viamc_method *method, viamc_bytes msg, const viamc_opts *opts, viamc_call *call)
{
    if (method == NULL)
        return VIAMC_ERR_ARG;
    return vmc_client_call(c, method, method->path, msg, opts, call);
}

VIAMC_API viamc_err viamc_call_bytes(viamc_client *c, const char *path, viamc_bytes msg, const viamc_opts *opts, viamc_call *call)
{
    return vmc_client_call(c, NULL, path, msg, opts, call);
}

VIAMC_API uint8_t *viamc_call_room(viamc_client *c, size_t *cap)
{
    if (cap == NULL)
        return NULL;
    *cap = 0;
    if (c == NULL)
        return NULL;
    *cap = vmc_calls_tx_room(&c->calls, VMC_STOP_RESERVE);
    return vmc_calls_tx_next(&c->calls);
}

/* ---- calls that run ---- */

/* The call of a handle, for a function that may not come from inside a poll: ARG, NOT_FOUND, STATE. */
VMC_APART viamc_err vmc_client_handle(viamc_client *c, viamc_call handle, vmc_call **call)
{
    if (c == NULL)
        return VIAMC_ERR_ARG;
    *call = vmc_calls_find(&c->calls, handle);
    if (*call == NULL)
        return VIAMC_ERR_NOT_FOUND;
    return c->in_poll ? VIAMC_ERR_STATE : VIAMC_OK;
}

VIAMC_API viamc_err viamc_call_send_bytes(viamc_client *c, viamc_call handle, viamc_bytes msg)
{
    vmc_call *call;
    viamc_err err = vmc_client_handle(c, handle, &call);
    uint32_t resource;
    if (err != VIAMC_OK)
        return err;
    if (!vmc_is_view(msg))
        return VIAMC_ERR_ARG;
    if ((call->flags & VMC_CALL_F_FINISH) != 0)
        return VIAMC_ERR_STATE;
    if (!vmc_call_is_running(call))
        return VIAMC_ERR_NOT_FOUND;
    if (!vmc_calls_can_append(&c->calls, call))
        return VIAMC_ERR_BUSY;
    err = vmc_calls_tx_fits(&c->calls, msg.len, c->calls.tx_cap / 2u); /* half of tx stays for other calls */
    if (err != VIAMC_OK)
        return err; /* unread: viamc_call_send_message has no octets for what does not fit */
    resource = vmc_motion_is_move(call) ? vmc_motion_resource_of(call, msg) : 0;
    if (resource != 0 && vmc_motion_is_stopping(c, resource))
        return VIAMC_ERR_BUSY;
    vmc_call_user(call)->resource = resource;
    vmc_calls_put_message(&c->calls, call, msg, vmc_calls_nothing, false);
    c->dirty = true;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_call_send_end(viamc_client *c, viamc_call handle)
{
    vmc_call *call;
    viamc_err err = vmc_client_handle(c, handle, &call);
    if (err != VIAMC_OK)
        return err;
    if (!vmc_call_is_running(call))
        return VIAMC_ERR_NOT_FOUND;
    if ((call->flags & VMC_CALL_F_FINISH) != 0) /* as every call has that is no client stream */
        return VIAMC_ERR_STATE;
    call->flags |= VMC_CALL_F_FINISH;
    c->calls.stirred = true;
    c->dirty = true;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_call_cancel(viamc_client *c, viamc_call handle)
{
    vmc_call *call;
    viamc_err err = vmc_client_handle(c, handle, &call);
    if (err != VIAMC_OK)
        return err;
    vmc_grpc_cancel(&c->conn.grpc, call, VIAMC_CANCELLED, VMC_TEXT("cancelled by the caller"));
    vmc_motion_give_up(call, VIAMC_CANCELLED);
    c->dirty = true;
    return VIAMC_OK;
}

/* ---- ends of calls ---- */

VMC_FN void vmc_client_on_internal_end(viamc_client *c, vmc_call *call)
{
    vmc_aux aux = (vmc_aux)c->aux;
    if (call != vmc_client_rec(c, VMC_REC_AUX)) {
        vmc_session_on_beat_end(c, call, call == vmc_client_rec(c, VMC_REC_BEAT2));
        return;
    }
    c->aux = VMC_AUX_NOTHING;
    switch (aux) {
    case VMC_AUX_AUTH: vmc_dial_on_auth_end(c); break;
    case VMC_AUX_SESSION: vmc_session_on_start_end(c); break;
    case VMC_AUX_CHECK: vmc_dial_on_check_end(c); break;
    case VMC_AUX_NOTHING: break;
    }
}

/* Looks at the calls that have ended. One whose header block is half sent waits: the rest of it is read from the record. */
VMC_FN void vmc_client_ends(viamc_client *c)
{
    vmc_call *call;
    if (c->calls.ended == 0)
        return;
    VMC_CALLS_EACH(&c->calls, call) {
        if (call->state != VMC_CALL_ENDED || (c->conn.state == VMC_CONN_UP && c->conn.grpc.h2.out_slot == vmc_call_index(call)))
            continue;
        vmc_dial_check_token(c, call);
        if ((call->flags & VMC_CALL_F_INTERNAL) != 0)
            vmc_client_on_internal_end(c, call);
        else if (!vmc_motion_on_end(c, call))
            continue;
        vmc_calls_tell(&c->calls, call);
    }
}

/* ---- the poll ---- */

VMC_FN void vmc_client_end_calls(viamc_client *c, uint32_t status, const char *text)
{
    vmc_grpc_abort(&c->conn.grpc, status, text);
    vmc_session_on_lost(c);
    vmc_motion_on_lost(c);
}

/* What a closed connection left from the token to the end of the block (vmc_client_carve), once nobody looks at them any more: its events were taken, and their views end with this poll. */
VMC_FN void vmc_client_forget(viamc_client *c)
{
    uint8_t *from = c->token;
    if (!c->heard || c->conn.state != VMC_CONN_CLOSED || c->calls.first != VMC_CALL_NONE)
        return;
    if (c->conn.error.code == VIAMC_ERR_AUTH || c->conn.error.code == VIAMC_ERR_RPC)
        from = c->calls.tx; /* in place of a token: what the robot said, for viamc_explain */
    vmc_wipe(from, (size_t)((uint8_t *)c + c->size - from));
    c->heard = false;
}

/* Every call ends, then the connection: nothing of a call that has not left is sent by the close. */
VMC_FN void vmc_client_end_all(viamc_client *c, uint32_t status, const char *text)
{
    vmc_client_end_calls(c, status, text);
    vmc_conn_close(&c->conn, c->now);
    vmc_client_ends(c);
    c->heard = true;
    vmc_client_forget(c); /* now, if no event waits: later the room is the caller's */
}

/* The connection is gone: the dialling decides what is next. */
VMC_FN void vmc_client_on_lost(viamc_client *c)
{
    bool was_ready = c->dial.state == VIAMC_READY || c->dial.step == VMC_DIAL_DRAINING;
#ifndef VIAMC_NO_TLS
    if (c->conn.secure)
        c->dial.dates = c->conn.tls->dates;
#endif
    vmc_client_end_all(c, VIAMC_UNAVAILABLE, VMC_TEXT("the connection was lost"));
    vmc_motion_expire(c);
#ifndef VIAMC_NO_TLS
    if (c->conn.error.code == VIAMC_ERR_TLS_PLAINTEXT && vmc_dial_downgrade(c))
        return;
#endif
    vmc_dial_after_loss(c);
    if (c->dial.state == VIAMC_FAILED && c->session.resumed != 0)
        vmc_session_lost(c, VMC_TEXT("the connection is not tried again: the session expires, which stops what it moved"));
    if (was_ready) {
        c->events |= VMC_EV_LOST;
        vmc_log(&c->log, VIAMC_LOG_WARN, c->conn.error.where, c->conn.error.what, (uint32_t)c->conn.error.code, c->conn.error.detail);
    }
}

VMC_FN void vmc_client_on_goaway(viamc_client *c)
{
    viamc_ms window = c->session.state == VMC_SESSION_ON ? c->session.window / 5u : VMC_DIAL_DRAIN;
    if (c->dial.state == VIAMC_READY)
        vmc_dial_drain(c, vmc_min32(window, VMC_DIAL_DRAIN));
    else if (c->dial.step != VMC_DIAL_DRAINING)
        (void)vmc_conn_break(&c->conn, VIAMC_ERR_CLOSED, 0, "", "");
}

/* Everything that the connection has for us now. */
VMC_FN void vmc_client_receive(viamc_client *c)
{
    vmc_conn_event ev = c->conn.state == VMC_CONN_OPENING ? vmc_dial_open(c) : vmc_conn_next(&c->conn);
    while (ev != VMC_CONN_IDLE && ev != VMC_CONN_LOST) {
        if (ev == VMC_CONN_IS_UP)
            vmc_dial_on_up(c);
        else if (ev == VMC_CONN_GOAWAY)
            vmc_client_on_goaway(c);
        ev = vmc_conn_next(&c->conn);
    }
}

/* A lost connection's events are taken before the next attempt, whose certificate check uses the slots. */
VMC_FN bool vmc_client_may_redial(const viamc_client *c)
{
    return c->conn.state == VMC_CONN_CLOSED && vmc_timer_due(&c->dial.due, c->now) && (c->events & VMC_EV_LOST) == 0 && c->calls.first == VMC_CALL_NONE;
}

/* Writes. What waited for the end of a header block that was half sent goes on with the next poll: the end of a call, StartSession,
 * Authenticate. */
VMC_FN void vmc_client_write(viamc_client *c)
{
    const uint8_t half = c->conn.grpc.h2.out_slot;
    vmc_conn_flush(&c->conn, c->now);
    c->dirty = c->dirty || (half != VMC_H2_NO_SLOT && c->conn.grpc.h2.out_slot != half);
}

/* A poll's work on the connection: read, think, write. */
VMC_FN void vmc_client_turn(viamc_client *c)
{
    vmc_conn_begin(&c->conn);
    vmc_client_receive(c);
    vmc_grpc_expire(&c->conn.grpc, c->now);
    vmc_client_ends(c);
    vmc_dial_step_time(c);
    if (c->dial.state == VIAMC_READY)
        vmc_session_step(c);
    vmc_motion_step(c);
    vmc_client_ends(c);
    c->conn.grpc.token_comes = c->aux == VMC_AUX_AUTH && vmc_client_rec(c, VMC_REC_AUX)->stored != 0;
    vmc_client_write(c);
    if (vmc_conn_is_lost(&c->conn))
        vmc_client_on_lost(c);
    if (c->conn.steps > c->steps_max)
        c->steps_max = (uint16_t)c->conn.steps;
}

/* What was asked for since the last poll is as old as this one, not as the last. */
VMC_FN void vmc_client_freshen(viamc_client *c, viamc_ms now)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call) {
        if ((call->motion & VMC_MOTION_FRESH) == 0)
            continue;
        call->motion &= (uint8_t)~VMC_MOTION_FRESH;
        vmc_call_user(call)->asked = now;
        if (vmc_timer_is_on(&call->deadline))
            vmc_timer_at(&call->deadline, call->deadline.at + (now - c->now));
    }
}

VIAMC_API viamc_err viamc_poll(viamc_client *c, viamc_ms now)
{
    if (c == NULL)
        return VIAMC_ERR_ARG;
    if (c->in_poll || c->calls.in_sink)
        return VIAMC_ERR_STATE;
    if (c->dirty)
        vmc_client_freshen(c, now);
    vmc_session_note_poll(c, now);
    c->now = now;
    c->polls++;
    if (c->dial.fresh) { /* the first poll after viamc_dial brings the time, also to the moves that it ended */
        c->dial.fresh = false;
#ifndef VIAMC_NO_TLS
        c->desc.clock_at = now;
#endif
        vmc_timer_set(&c->dial.due, now, 0);
        vmc_motion_expire(c);
    }
#ifndef VIAMC_NO_TLS
    (void)vmc_dial_unix_time(c);
#endif
    c->in_poll = true;
    c->dirty = false;
    vmc_client_forget(c);
    if (c->dial.state != VIAMC_FAILED && vmc_client_may_redial(c))
        vmc_dial_start(c);
    vmc_client_turn(c);
    c->in_poll = false;
#if VIAMC_CHECK
    vmc_client_check_poll(c);
#endif
    return c->dial.state == VIAMC_FAILED ? c->conn.error.code : (viamc_err)VIAMC_OK;
}

VMC_FN bool vmc_client_has_events(const viamc_client *c)
{
    return c->events != 0 || c->motion.covered != 0 || c->calls.first != VMC_CALL_NONE;
}

VIAMC_API void viamc_wait(const viamc_client *c, viamc_ms now, viamc_wait_hint *hint)
{
    if (hint == NULL)
        return;
    hint->ms = VIAMC_FOREVER;
    hint->want = 0;
    if (c == NULL)
        return;
    vmc_grpc_wait(&c->conn.grpc, now, &hint->ms);
    vmc_dial_wait(c, now, &hint->ms);
    vmc_session_wait(c, now, &hint->ms);
    vmc_motion_wait(c, now, &hint->ms);
    vmc_conn_wait(&c->conn, hint);
    if (c->dirty || c->dial.fresh || vmc_client_has_events(c))
        hint->ms = 0;
}

/* ---- events ---- */

VMC_FN void vmc_client_event_call(const vmc_call *call, uint8_t kind, viamc_event *ev)
{
    const vmc_user_call *u = vmc_call_user_const(call);
    ev->kind = kind;
    ev->call = call->handle;
    ev->user = u->user;
    ev->method = u->method;
    ev->path = call->path;
    ev->metadata = viamc_view(u->meta, u->meta_len);
}

VMC_FN void vmc_client_event_done(viamc_client *c, vmc_call *call, viamc_event *ev)
{
    vmc_client_event_call(call, VIAMC_EV_DONE, ev);
    ev->status = call->status;
    ev->ran = call->ran;
    ev->unconfirmed = (call->motion & VMC_MOTION_UNCONFIRMED) != 0 && vmc_motion_kind(call) == VMC_MOTION_STOP;
    if (call->text_len != 0 || call->body != NULL) {
        viamc_bytes text = vmc_calls_text(&c->calls, call);
        ev->text.ptr = (const char *)text.ptr;
        ev->text.len = text.len;
    }
    ev->text_cut = (call->flags & VMC_CALL_F_TEXT_CUT) != 0;
    if (call->status == VIAMC_OK && !vmc_call_is_server_stream(call)) {
        (void)vmc_calls_take(&c->calls, call, &ev->msg);
    } else if (call->status != VIAMC_OK) {
        ev->error.code = VIAMC_ERR_RPC;
        ev->error.detail = call->status;
    }
    vmc_calls_free(&c->calls, call);
}

/* The next event of the call that is first in the list; false when it has none left. */
VMC_FN bool vmc_client_next_of(viamc_client *c, vmc_call *call, viamc_event *ev)
{
    if (vmc_call_is_server_stream(call) && call->state != VMC_CALL_FREE && vmc_calls_take(&c->calls, call, &ev->msg)) {
        vmc_client_event_call(call, VIAMC_EV_MESSAGE, ev);
        return true;
    }
    if ((call->flags & VMC_CALL_F_WRITABLE) != 0 && call->state == VMC_CALL_OPEN) {
        call->flags &= (uint16_t)~VMC_CALL_F_WRITABLE;
        vmc_client_event_call(call, VIAMC_EV_WRITABLE, ev);
        return true;
    }
    if (call->state != VMC_CALL_TOLD)
        return false;
    vmc_client_event_done(c, call, ev);
    return true;
}

VMC_FN bool vmc_client_next_call_event(viamc_client *c, viamc_event *ev)
{
    while (c->calls.first != VMC_CALL_NONE) {
        vmc_call *call = &c->calls.users[c->calls.first].call;
        bool found = vmc_client_next_of(c, call, ev);
        if (!found || ev->kind == VIAMC_EV_DONE)
            vmc_calls_unlist_first(&c->calls);
        if (found)
            return true;
    }
    return false;
}

/* DONE of a Stop whose record a StopAll took over. */
VMC_FN bool vmc_client_take_covered(viamc_client *c, viamc_event *ev)
{
    if (c->motion.covered == 0)
        return false;
    ev->kind = VIAMC_EV_DONE;
    ev->call = c->motion.covered;
    ev->user = c->motion.covered_user;
    ev->method = c->motion.covered_method;
    ev->status = VIAMC_CANCELLED;
    ev->ran = VIAMC_MAYBE;
    ev->text = viamc_text(VMC_TEXT("a StopAll took its place"));
    ev->error.code = VIAMC_ERR_RPC;
    ev->error.detail = VIAMC_CANCELLED;
    c->motion.covered = 0;
    return true;
}

/* Order: READY, what concerns the session, calls, LOST: that of the kinds, but for the calls. */
VMC_APART bool vmc_client_next_event(viamc_client *c, viamc_event *ev)
{
    uint8_t kind = c->events == 0 ? VIAMC_EV_LOST : VIAMC_EV_READY;
    VIAMC_MEMSET(ev, 0, sizeof *ev);
    vmc_error_clear(&ev->error);
    while (kind != VIAMC_EV_LOST && (c->events & VMC_EV_BIT(kind)) == 0)
        kind++;
    if (kind == VIAMC_EV_LOST && (vmc_client_take_covered(c, ev) || vmc_client_next_call_event(c, ev)))
        return true;
    if ((c->events & VMC_EV_BIT(kind)) == 0)
        return false;
    c->events &= (uint8_t)~VMC_EV_BIT(kind);
    ev->kind = kind;
    if (kind == VIAMC_EV_STARVED) {
        ev->late_ms = c->late_ms;
    } else if (kind == VIAMC_EV_SESSION_LOST) {
        vmc_session_error(c, &ev->error);
    } else if (kind == VIAMC_EV_LOST) {
        ev->error = c->conn.error;
        ev->retry_ms = vmc_timer_left(&c->dial.due, c->now);
    }
    return true;
}

VIAMC_API bool viamc_next_event(viamc_client *c, viamc_event *ev)
{
    if (ev == NULL)
        return false;
    ev->kind = 0;
    return c != NULL && !c->in_poll && vmc_client_has_events(c) && vmc_client_next_event(c, ev);
}

/* ---- dial, state, close ---- */

/* Ends what there is: of the old connection only the ends of its calls can still be taken. */
VMC_FN void vmc_client_reset(viamc_client *c)
{
    vmc_client_end_all(c, VIAMC_CANCELLED, VMC_TEXT("viamc_dial ended the connection"));
    c->events = 0;
    vmc_wipe(&c->session, sizeof c->session);
    vmc_wipe(&c->desc, sizeof c->desc);
    c->motion.unconfirmed = 0;
}

VIAMC_API viamc_err viamc_dial(viamc_client *c, const viamc_dial_desc *desc)
{
    const char *what;
    if (c == NULL || desc == NULL)
        return VIAMC_ERR_ARG;
    if (c->in_poll || c->calls.in_sink)
        return VIAMC_ERR_STATE;
    what = vmc_dial_check_desc(c, desc);
    if (what != NULL && vmc_dial_lives(c)) {
        vmc_log(&c->log, VIAMC_LOG_ERROR, "dial", what, VIAMC_ERR_ARG, 0);
        return VIAMC_ERR_ARG;
    }
    vmc_client_reset(c);
    vmc_error_clear(&c->conn.error);
    VIAMC_MEMSET(&c->dial, 0, sizeof c->dial);
    c->dial.state = VIAMC_FAILED;
    if (what != NULL)
        return vmc_fail(&c->conn.error, VIAMC_ERR_ARG, 0, "dial", what);
    vmc_dial_set(c, desc);
    c->dial.state = VIAMC_DIALING;
    c->dial.fresh = true;
    return VIAMC_OK;
}

VIAMC_API uint8_t viamc_state(const viamc_client *c)
{
    return c == NULL ? (uint8_t)VIAMC_IDLE : c->dial.state;
}

VIAMC_API viamc_error viamc_client_error(const viamc_client *c)
{
    viamc_error none;
    if (c != NULL)
        return c->conn.error;
    vmc_error_clear(&none);
    (void)vmc_fail(&none, VIAMC_ERR_ARG, 0, "client", VMC_TEXT("there is none"));
    return none;
}

VIAMC_API void viamc_client_stats(const viamc_client *c, viamc_ms now, viamc_stats *stats)
{
    if (stats == NULL)
        return;
    VIAMC_MEMSET(stats, 0, sizeof *stats);
    if (c == NULL)
        return;
    stats->polls = c->polls;
    stats->steps_max = c->steps_max;
    stats->connects = c->connects;
    stats->heartbeats = c->session.beats;
    stats->heartbeat_age_ms = c->session.acked ? now - c->session.acked_at : VIAMC_FOREVER;
    stats->window_ms = c->session.state == VMC_SESSION_ON ? c->session.window : 0;
}

VIAMC_API const char *viamc_client_suite(const viamc_client *c)
{
    if (c == NULL || c->conn.state != VMC_CONN_UP)
        return "";
#ifndef VIAMC_NO_TLS
    if (c->conn.secure)
        return vmc_tls_suite_name(c->conn.tls);
#endif
    return VMC_TEXT("plaintext");
}

VIAMC_API void viamc_client_close(viamc_client *c)
{
    if (c == NULL || c->in_poll)
        return;
    vmc_client_reset(c);
    vmc_wipe(c, c->size);
}

#endif
