/* SPDX-License-Identifier: MIT */
/* A peer made of octets, of either role, in plaintext or TLS: it sends what it is given, keeps book of what comes, and looks at each octet of
 * it: frames whole and in order, header blocks that can be decoded, no window overdrawn. What it answers, it answers when it is asked to.
 * Include after viamc.h (with its implementation), test.h and tls_kit.h. */
#ifndef VIAMC_HOSTILE_PEER_H
#define VIAMC_HOSTILE_PEER_H

enum { PEER_STREAMS = 160, PEER_NONE = -1, PEER_WINDOW = 65535 };

/* One stream, as the peer sees it. */
typedef struct peer_stream {
    uint32_t id;
    char fields[1200];     /* "name: value\n" of all blocks */
    uint8_t data[256];     /* the first octets that came */
    size_t len;
    int32_t window;        /* octets that it may still send us */
    int32_t credit;        /* octets that we may still send */
    int rst;               /* code of its RST_STREAM */
    bool end, answered, counted;
} peer_stream;

typedef struct peer {
    vmc_loop *loop;
    bool robot;            /* its role; the client or the server is under test */
    bool tls, raw;         /* raw: what comes is not looked at */
    size_t record;         /* octets of its longest record, with what TLS adds */
    unsigned conn;         /* robot: number of the connection at its port */
    bool here, lost;       /* connected; the other side has closed */
    uint64_t engine[(VMC_TLS_CLIENT_BYTES > VMC_TLS_SERVER_BYTES ? VMC_TLS_CLIENT_BYTES : VMC_TLS_SERVER_BYTES) / 8u];
    uint64_t trust[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
    uint8_t in[VMC_TLS_IN_MAX], out[VMC_TLS_OUT_MAX];
    uint8_t got[40000];    /* not yet a whole frame */
    size_t len;
    bool greeted, greets;  /* robot: the client's preface came; our SETTINGS were sent */
    vmc_hpack_dec decoder;
    uint8_t table[4096];
    uint32_t block;        /* stream of the open header block */
    peer_stream stream[PEER_STREAMS];
    size_t streams;
    int32_t window;        /* of the connection: octets that it may still send us */
    int32_t stream_window, their_window; /* initial ones: ours, theirs */
    unsigned settings, acks, pings, pongs, acked, ponged;
    unsigned resets;       /* RST_STREAM of it, all codes */
    int goaway;            /* code of its GOAWAY */
} peer;

static vmc_tls_identity peer_identity;
static viamc_anchor peer_anchors[KIT_CHAIN];
static size_t peer_anchor_count;

static inline vmc_tls *peer_tls(peer *p)
{
    return (vmc_tls *)(void *)p->engine;
}

/* Certificates, once. False: there are none. */
static bool peer_certs(void)
{
    viamc_bytes chain[KIT_CHAIN];
    viamc_error e;
    size_t n;
    if (!kit_certs())
        return false;
    memset(&e, 0, sizeof e);
    n = kit_chain("ec", chain);
    if (vmc_tls_identity_load(&peer_identity, chain, n, kit_octets("ec.key.der"), &e) != VIAMC_OK)
        test_die(e.what, "ec");
    peer_anchor_count = kit_anchors("root-ec", peer_anchors);
    return true;
}

/* ---- the wire ---- */

static const viamc_port *peer_port(const peer *p)
{
    return p->robot ? vmc_loop_server_port() : vmc_loop_port();
}

static void *peer_user(peer *p)
{
    return p->robot ? vmc_loop_server(p->loop) : vmc_loop_client(p->loop, 0);
}

static void peer_open_tls(peer *p)
{
    static const uint8_t seed[32] = "thirty-two octets of no secret..";
    if (p->robot) {
        vmc_tls_server_desc d;
        memset(&d, 0, sizeof d);
        d.identity = &peer_identity;
        d.seed = seed;
        d.seed_len = sizeof seed;
        d.in = p->in;
        d.in_cap = sizeof p->in;
        d.out = p->out;
        d.out_cap = p->record;
        CHECK_EQ_INT(vmc_tls_server_open(peer_tls(p), &d), VIAMC_OK);
    } else {
        vmc_tls_client_desc d;
        memset(&d, 0, sizeof d);
        d.server_name = viamc_text("robot.test");
        d.anchors = peer_anchors;
        d.anchor_count = peer_anchor_count;
        d.unix_time = KIT_NOW;
        d.seed = seed;
        d.seed_len = sizeof seed;
        d.in = p->in;
        d.in_cap = sizeof p->in;
        d.out = p->out;
        d.out_cap = p->record;
        d.trust = p->trust;
        d.trust_cap = sizeof p->trust;
        CHECK_EQ_INT(vmc_tls_client_open(peer_tls(p), &d), VIAMC_OK);
    }
}

/* A connection begins: nothing is known. */
static void peer_begin(peer *p)
{
    p->here = true;
    p->lost = p->greeted = p->greets = false;
    p->len = p->streams = 0;
    p->block = 0;
    p->window = p->stream_window = p->their_window = PEER_WINDOW;
    p->settings = p->acks = p->pings = p->pongs = p->acked = p->ponged = p->resets = 0;
    p->goaway = PEER_NONE;
    vmc_hpack_dec_init(&p->decoder, p->table, sizeof p->table);
    if (p->tls)
        peer_open_tls(p);
}

/* Robot: takes the next connection, if there is one. Client: connects. */
static bool peer_connect(peer *p)
{
    viamc_addr from;
    viamc_err err;
    if (p->robot)
        err = peer_port(p)->accept(peer_user(p), p->conn + 1u, &from);
    else
        err = peer_port(p)->open(peer_user(p), 0, "robot", 8080);
    if (err != VIAMC_OK)
        return false;
    p->conn += p->robot;
    peer_begin(p);
    return true;
}

static inline void peer_close(peer *p)
{
    if (p->here)
        peer_port(p)->close(peer_user(p), p->conn);
    p->here = false;
}

/* Octets of the engine to the line. */
static void peer_flush_tls(peer *p)
{
    const uint8_t *out;
    size_t n, done = 1;
    while (done != 0 && (out = vmc_tls_wire_out(peer_tls(p), &n)) != NULL && n != 0) {
        done = 0;
        if (peer_port(p)->write(peer_user(p), p->conn, out, n, &done) != VIAMC_OK)
            return;
        vmc_tls_wire_out_done(peer_tls(p), done);
    }
}

/* Gives octets to the line, as a record of their own with TLS; how many it took. */
static size_t peer_write(peer *p, const uint8_t *octets, size_t n)
{
    size_t done = 0;
    uint8_t *to;
    if (!p->tls) {
        (void)peer_port(p)->write(peer_user(p), p->conn, octets, n, &done);
        return done;
    }
    peer_flush_tls(p);
    to = vmc_tls_app_out(peer_tls(p), &done);
    if (to == NULL)
        return 0;
    n = vmc_min(n, done);
    vmc_copy(to, octets, n);
    vmc_tls_app_out_done(peer_tls(p), n);
    peer_flush_tls(p);
    return n;
}

static size_t peer_read(peer *p, uint8_t *to, size_t cap, viamc_err *err)
{
    size_t n = 0;
    *err = peer_port(p)->read(peer_user(p), p->conn, to, cap, &n);
    return n;
}

/* What has come, as plaintext, behind p->got; false: nothing. */
static bool peer_pull(peer *p)
{
    viamc_err err = VIAMC_OK;
    size_t n = 0, cap;
    uint8_t *to = NULL;
    const uint8_t *from;
    if (!p->tls) {
        n = peer_read(p, p->got + p->len, sizeof p->got - p->len, &err);
    } else if ((from = vmc_tls_app_in(peer_tls(p), &n)) != NULL && n != 0) {
        n = vmc_min(n, sizeof p->got - p->len);
        vmc_copy(p->got + p->len, from, n);
        vmc_tls_app_in_done(peer_tls(p), n);
    } else {
        if ((to = vmc_tls_wire_in(peer_tls(p), &cap)) != NULL && (n = peer_read(p, to, cap, &err)) != 0)
            (void)vmc_tls_wire_in_done(peer_tls(p), n);
        peer_flush_tls(p);
        if (to == NULL && vmc_tls_state_of(peer_tls(p)) >= VMC_TLS_CLOSED) /* it said goodbye: does it hang up too? */
            n = peer_read(p, p->in, sizeof p->in, &err);
        p->lost = p->lost || (err != VIAMC_OK && n == 0);
        return n != 0;
    }
    p->len += n;
    p->lost = p->lost || (err != VIAMC_OK && n == 0);
    return n != 0;
}

/* ---- what comes ---- */

/* The stream's book; the oldest that is over gives way to a new one. */
static peer_stream *peer_of(peer *p, uint32_t id)
{
    size_t i;
    for (i = 0; i < p->streams; i++)
        if (p->stream[i].id == id)
            return &p->stream[i];
    if (p->streams == PEER_STREAMS) {
        for (i = 0; i + 1 < PEER_STREAMS && !(p->stream[i].rst != PEER_NONE || (p->stream[i].end && p->stream[i].answered)); i++)
            ;
        memmove(&p->stream[i], &p->stream[i + 1], (PEER_STREAMS - i - 1) * sizeof p->stream[0]);
        p->streams--;
    }
    memset(&p->stream[p->streams], 0, offsetof(peer_stream, data));
    p->stream[p->streams].id = id;
    p->stream[p->streams].len = 0;
    p->stream[p->streams].window = p->stream_window;
    p->stream[p->streams].credit = p->their_window;
    p->stream[p->streams].rst = PEER_NONE;
    p->stream[p->streams].end = p->stream[p->streams].answered = p->stream[p->streams].counted = false;
    return &p->stream[p->streams++];
}

static void peer_take_block(peer *p, peer_stream *s, const uint8_t *octets, size_t n, uint8_t type, uint8_t flags)
{
    vmc_rd in = vmc_rd_of(viamc_view(octets, n));
    vmc_hpack_piece piece;
    vmc_hpack_result got;
    size_t at = strlen(s->fields);
    if (type == VMC_H2_F_HEADERS)
        vmc_hpack_dec_begin(&p->decoder);
    while ((got = vmc_hpack_next(&p->decoder, &in, &piece)) == VMC_HPACK_PIECE && at < sizeof s->fields) {
        if ((piece.flags & VMC_HPACK_FIRST) != 0)
            at += (size_t)snprintf(s->fields + at, sizeof s->fields - at, "%.*s: ", (int)piece.name.len, (const char *)piece.name.ptr);
        if (at < sizeof s->fields)
            at += (size_t)snprintf(s->fields + at, sizeof s->fields - at, "%.*s%s", (int)piece.value.len, (const char *)piece.value.ptr,
                                   (piece.flags & VMC_HPACK_LAST) != 0 ? "\n" : "");
    }
    CHECK(got != VMC_HPACK_ERROR);
    CHECK((flags & VMC_H2_END_HEADERS) == 0 || vmc_hpack_dec_end(&p->decoder));
}

static void peer_take_data(peer *p, peer_stream *s, const uint8_t *octets, size_t n)
{
    const size_t kept = vmc_min(n, sizeof s->data - vmc_min(s->len, sizeof s->data));
    vmc_copy(s->data + vmc_min(s->len, sizeof s->data), octets, kept);
    s->len += n;
    s->window -= (int32_t)n;
    p->window -= (int32_t)n;
    CHECK(n == 0 || (s->window >= 0 && p->window >= 0)); /* RFC 9113 6.9 */
}

static void peer_take_settings(peer *p, uint8_t flags, const uint8_t *octets, size_t n)
{
    size_t i;
    p->acks += (flags & VMC_H2_ACK) != 0;
    p->settings += (flags & VMC_H2_ACK) == 0;
    for (i = 0; i + 6 <= n; i += 6)
        if (vmc_be16(octets + i) == VMC_H2_INITIAL_WINDOW_SIZE)
            p->their_window = (int32_t)vmc_be32(octets + i + 2);
}

static void peer_take_frame(peer *p, uint8_t type, uint8_t flags, uint32_t id, const uint8_t *octets, size_t n)
{
    peer_stream *s = id != 0 ? peer_of(p, id) : NULL;
    CHECK(type == VMC_H2_F_CONTINUATION ? id == p->block : p->block == 0); /* RFC 9113 6.10 */
    CHECK(type <= VMC_H2_F_CONTINUATION && n <= VMC_H2_FRAME_MAX && (s != NULL || type >= VMC_H2_F_SETTINGS));
    if (s == NULL && (type < VMC_H2_F_SETTINGS || type == VMC_H2_F_CONTINUATION))
        return;
    if (type == VMC_H2_F_HEADERS || type == VMC_H2_F_CONTINUATION)
        p->block = (flags & VMC_H2_END_HEADERS) != 0 ? 0 : id;
    if (type == VMC_H2_F_HEADERS || type == VMC_H2_F_DATA) {
        CHECK(!s->end && s->rst == PEER_NONE);
        s->end = (flags & VMC_H2_END_STREAM) != 0;
    }
    switch (type) {
    case VMC_H2_F_DATA: peer_take_data(p, s, octets, n); break;
    case VMC_H2_F_HEADERS:
    case VMC_H2_F_CONTINUATION: peer_take_block(p, s, octets, n, type, flags); break;
    case VMC_H2_F_RST_STREAM:
        CHECK(s != NULL && s->rst == PEER_NONE); /* once */
        s->rst = (int)vmc_be32(octets);
        p->resets++;
        break;
    case VMC_H2_F_SETTINGS: peer_take_settings(p, flags, octets, n); break;
    case VMC_H2_F_PING:
        p->pings += (flags & VMC_H2_ACK) == 0;
        p->pongs += (flags & VMC_H2_ACK) != 0;
        break;
    case VMC_H2_F_GOAWAY: p->goaway = (int)vmc_be32(octets + 4); break;
    case VMC_H2_F_WINDOW_UPDATE:
        if (s != NULL)
            s->credit += (int32_t)vmc_be32(octets);
        break;
    default: CHECK_EQ_INT(type, VMC_H2_F_DATA); break; /* nobody of ours sends these */
    }
}

/* Reads what there is and keeps book. */
static void peer_hear(peer *p)
{
    size_t at = 0;
    if (!p->here)
        return;
    while (peer_pull(p))
        p->len = p->raw ? 0 : p->len;
    if (p->robot && !p->greeted && p->len >= VMC_H2_PREFACE_LEN) {
        CHECK_EQ_MEM(p->got, VMC_H2_PREFACE_LEN, vmc_h2_preface, VMC_H2_PREFACE_LEN);
        p->greeted = true;
        at = VMC_H2_PREFACE_LEN;
    }
    while (p->greeted == p->robot && p->len - at >= 9u && p->len - at - 9u >= vmc_be24(p->got + at)) {
        const uint8_t *f = p->got + at;
        at += 9u + vmc_be24(f);
        peer_take_frame(p, f[3], f[4], vmc_be32(f + 5), f + 9, vmc_be24(f));
    }
    memmove(p->got, p->got + at, p->len - at);
    p->len -= at;
}

/* grpc-status that ended a stream; -1: it has not ended, or was reset; -2: it ended without one. */
static int peer_status(peer *p, uint32_t id)
{
    const peer_stream *s = peer_of(p, id);
    const char *at = strstr(s->fields, "grpc-status: ");
    if (!s->end)
        return -1;
    return at == NULL ? -2 : atoi(at + 13);
}

/* How many requests of a path came, also of those that were answered. */
static bool peer_is_path(const peer_stream *s, const char *path)
{
    const char *at = strstr(s->fields, ":path: ");
    return at != NULL && strncmp(at + 7, path, strlen(path)) == 0 && at[7 + strlen(path)] == '\n';
}

#endif
