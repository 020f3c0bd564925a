/* SPDX-License-Identifier: MIT */
/* Clients made of octets: the test writes their frames, the server under test is polled on a virtual clock over port_loop.
 * Include after viamc.h (with its implementation) and test.h. */
#ifndef VIAMC_TESTS_SCRIPT_SERVER_H
#define VIAMC_TESTS_SCRIPT_SERVER_H

enum { PEER_STREAMS = 48, PEER_OUT = 131072, PEER_IN = 65536, PEER_DATA = 6000, PEERS = 3 };

/* What one stream has brought. */
typedef struct peer_stream {
    uint32_t id;
    char fields[700];  /* of all its header blocks: "name: value\n" */
    uint8_t data[PEER_DATA];
    size_t len;        /* octets of data, kept or not */
    unsigned blocks;
    bool ended, reset;
    uint32_t code;     /* of RST_STREAM */
    uint32_t credit;   /* octets that the server permits: WINDOW_UPDATE so far */
} peer_stream;

/* One client. */
typedef struct peer {
    unsigned number;    /* of its port */
    bool is_open, closed; /* closed: by the server */
    bool quiet;         /* acknowledges nothing and credits nothing by itself */
    const char *token;
    uint32_t next_id;
    uint8_t out[PEER_OUT], in[PEER_IN];
    size_t out_len, out_at, in_len;
    uint64_t got;       /* octets that came */
    vmc_hpack_dec decoder;
    uint8_t table[4096];
    uint32_t block_id;
    peer_stream stream[PEER_STREAMS];
    unsigned streams;
    unsigned settings, acks, pings, pongs;
    bool went_away;
    uint32_t away_code, initial_window, max_streams;
} peer;

typedef struct server_script {
    vmc_loop loop;
    uint8_t memory[1 << 19];
    viamc_server_desc desc;
    viamc_api_key keys[3];
    viamc_server *server;
    peer peers[PEERS];
    char events[16384]; /* a line each */
    size_t events_len;
    bool check_off;
} server_script;

static server_script srv;

static void srv_on_event(void *user, const viamc_server_event *ev)
{
    static const char *const names[] = {"?", "came", "secured", "known", "refused", "left", "call", "session", "heartbeat", "bound", "expired", "stopped"};
    server_script *s = (server_script *)user;
    size_t room = sizeof s->events - s->events_len;
    int n;
    if (room < 200)
        return;
    n = snprintf(s->events + s->events_len, room, "%s %.*s|%.*s|%lu|%s\n", names[ev->kind < 12 ? ev->kind : 0], VIAMC_ARG(ev->text), VIAMC_ARG(ev->name),
                 (unsigned long)ev->number, ev->kind == VIAMC_SEV_LEFT ? ev->error.what : "");
    s->events_len += (size_t)n;
}

/* How often a text is in the lines of events. */
static inline unsigned srv_count(const char *text)
{
    const char *p = srv.events;
    unsigned n = 0;
    while ((p = strstr(p, text)) != NULL) {
        n++;
        p += strlen(text);
    }
    return n;
}

static inline void srv_forget(void)
{
    srv.events_len = 0;
    srv.events[0] = '\0';
}

/* An empty network and a desc with good defaults: the test changes it, adds its resources after srv_open. */
static void srv_new(void)
{
    unsigned i;
    memset(&srv, 0, offsetof(server_script, memory));
    memset(&srv.desc, 0, sizeof srv - offsetof(server_script, desc));
    vmc_loop_init(&srv.loop, test_now.seed);
    srv.desc.port = vmc_loop_server_port();
    srv.desc.port_user = vmc_loop_server(&srv.loop);
    srv.desc.profile = VIAMC_BOARD;
    srv.desc.on_event = srv_on_event;
    srv.desc.event_user = &srv;
    for (i = 0; i < PEERS; i++)
        srv.peers[i].number = i;
}

static void srv_open(void)
{
    CHECK_EQ_INT(viamc_server_init(srv.memory, sizeof srv.memory, &srv.desc, &srv.server), VIAMC_OK);
}

static void srv_close(void)
{
    viamc_server_close(srv.server);
}

/* ---- a client's octets ---- */

static void peer_push(peer *p, const void *octets, size_t len)
{
    if (p->out_at == p->out_len)
        p->out_at = p->out_len = 0;
    if (len > sizeof p->out - p->out_len)
        test_die("too many octets", "peer_push");
    if (len != 0)
        memcpy(p->out + p->out_len, octets, len);
    p->out_len += len;
}

static inline void peer_hex(peer *p, const char *hex)
{
    static uint8_t buf[8192];
    peer_push(p, buf, test_hex(hex, buf, sizeof buf));
}

static void peer_frame(peer *p, uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t len)
{
    uint8_t head[9];
    vmc_put_be24(head, (uint32_t)len);
    head[3] = type;
    head[4] = flags;
    vmc_put_be32(head + 5, id);
    peer_push(p, head, 9);
    peer_push(p, payload, len);
}

static void peer_number_frame(peer *p, uint8_t type, uint32_t id, uint32_t number)
{
    uint8_t b[4];
    vmc_put_be32(b, number);
    peer_frame(p, type, 0, id, b, 4);
}

/* Connects; the preface is pushed by peer_hello. */
static void peer_connect(peer *p)
{
    unsigned number = p->number;
    bool quiet = p->quiet;
    const char *token = p->token;
    vmc_loop_port()->close(vmc_loop_client(&srv.loop, number), 0);
    memset(p, 0, sizeof *p);
    p->number = number;
    p->quiet = quiet;
    p->token = token;
    p->next_id = 1;
    vmc_hpack_dec_init(&p->decoder, p->table, sizeof p->table);
    p->is_open = vmc_loop_port()->open(vmc_loop_client(&srv.loop, number), 0, "robot", 1) == VIAMC_OK;
    CHECK(p->is_open);
}

static void peer_hello(peer *p)
{
    peer_connect(p);
    peer_push(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    peer_frame(p, 4, 0, 0, "", 0);
}

static void peer_leave(peer *p)
{
    vmc_loop_port()->close(vmc_loop_client(&srv.loop, p->number), 0);
    p->is_open = false;
}

/* ---- requests ---- */

static size_t peer_put_field(uint8_t *b, const char *name, const char *value, size_t len)
{
    size_t n = strlen(name), at = 0;
    b[at++] = 0;
    b[at++] = (uint8_t)n;
    memcpy(b + at, name, n);
    at += n;
    if (len < 127) {
        b[at++] = (uint8_t)len;
    } else {
        size_t rest = len - 127;
        b[at++] = 127;
        while (rest >= 128) {
            b[at++] = (uint8_t)(rest | 128);
            rest >>= 7;
        }
        b[at++] = (uint8_t)rest;
    }
    memcpy(b + at, value, len);
    return at + len;
}

/* "name: value\n" lines to fields. */
static size_t peer_put_fields(uint8_t *b, const char *lines)
{
    size_t at = 0;
    while (*lines != '\0') {
        char name[80];
        size_t n = strcspn(lines + 1, ":") + 1, v = strcspn(lines + n + 2, "\n");
        memcpy(name, lines, n);
        name[n] = '\0';
        at += peer_put_field(b + at, name, lines + n + 2, v);
        lines += n + 2 + v + (lines[n + 2 + v] == '\n');
    }
    return at;
}

/* Header block of a request on a new stream. */
static uint32_t peer_begin(peer *p, const char *path, const char *more, bool end)
{
    static uint8_t b[8192];
    char lines[512];
    size_t n;
    uint32_t id = p->next_id;
    p->next_id += 2;
    snprintf(lines, sizeof lines, ":method: POST\n:scheme: http\n:path: %s\n:authority: robot:8080\nte: trailers\ncontent-type: application/grpc\n", path);
    n = peer_put_fields(b, lines);
    if (p->token != NULL) {
        snprintf(lines, sizeof lines, "authorization: Bearer %s\n", p->token);
        n += peer_put_fields(b + n, lines);
    }
    n += peer_put_fields(b + n, more);
    peer_frame(p, 1, end ? 5 : 4, id, b, n);
    return id;
}

/* A message with its prefix, in frames of at most 16,384 octets. */
static void peer_message(peer *p, uint32_t id, const void *msg, size_t len, bool end)
{
    static uint8_t b[PEER_OUT];
    size_t at = 0;
    b[0] = 0;
    vmc_put_be32(b + 1, (uint32_t)len);
    if (len != 0)
        memcpy(b + 5, msg, len);
    while (at < len + 5) {
        size_t n = vmc_min(len + 5 - at, 16384);
        peer_frame(p, 0, end && at + n == len + 5, id, b + at, n);
        at += n;
    }
}

/* A whole unary request. */
static uint32_t peer_ask(peer *p, const char *path, const void *msg, size_t len, const char *more)
{
    uint32_t id = peer_begin(p, path, more, false);
    peer_message(p, id, msg, len, true);
    return id;
}

/* ---- what came ---- */

static peer_stream *peer_of(peer *p, uint32_t id)
{
    static peer_stream nothing;
    unsigned i;
    for (i = 0; i < p->streams; i++)
        if (p->stream[i].id == id)
            return &p->stream[i];
    if (p->streams == PEER_STREAMS) {
        memset(&nothing, 0, sizeof nothing);
        return &nothing;
    }
    memset(&p->stream[p->streams], 0, sizeof p->stream[0]);
    p->stream[p->streams].id = id;
    return &p->stream[p->streams++];
}

static void peer_decode(peer *p, const uint8_t *b, size_t n, bool first)
{
    peer_stream *s = peer_of(p, p->block_id);
    vmc_rd in = vmc_rd_of(viamc_view(b, n));
    vmc_hpack_piece piece;
    size_t at = strlen(s->fields), cap = sizeof s->fields;
    if (first)
        vmc_hpack_dec_begin(&p->decoder);
    while (vmc_hpack_next(&p->decoder, &in, &piece) == VMC_HPACK_PIECE) {
        if ((piece.flags & VMC_HPACK_FIRST) != 0 && at < cap)
            at += (size_t)snprintf(s->fields + at, cap - at, "%.*s: ", (int)piece.name.len, (const char *)piece.name.ptr);
        if (at < cap)
            at += (size_t)snprintf(s->fields + at, cap - at, "%.*s%s", (int)piece.value.len, (const char *)piece.value.ptr, (piece.flags & VMC_HPACK_LAST) != 0 ? "\n" : "");
    }
}

static void peer_on_data(peer *p, uint8_t flags, uint32_t id, const uint8_t *b, size_t n)
{
    peer_stream *s = peer_of(p, id);
    size_t k = s->len < PEER_DATA ? vmc_min(n, PEER_DATA - s->len) : 0;
    memcpy(s->data + s->len, b, k);
    s->len += n;
    s->ended = s->ended || (flags & 1) != 0;
    if (!p->quiet && n != 0) {
        peer_number_frame(p, 8, 0, (uint32_t)n);
        if (!s->ended)
            peer_number_frame(p, 8, id, (uint32_t)n);
    }
}

static void peer_on_settings(peer *p, uint8_t flags, const uint8_t *b, size_t n)
{
    size_t i;
    if ((flags & 1) != 0) {
        p->acks++;
        return;
    }
    p->settings++;
    for (i = 0; i + 6 <= n; i += 6) {
        if (vmc_be16(b + i) == 3)
            p->max_streams = vmc_be32(b + i + 2);
        if (vmc_be16(b + i) == 4)
            p->initial_window = vmc_be32(b + i + 2);
    }
    if (!p->quiet)
        peer_frame(p, 4, 1, 0, "", 0);
}

static void peer_on_frame(peer *p, uint8_t type, uint8_t flags, uint32_t id, const uint8_t *b, size_t n)
{
    switch (type) {
    case 0: peer_on_data(p, flags, id, b, n); break;
    case 1:
    case 9:
        if (type == 1) {
            p->block_id = id;
            peer_of(p, id)->blocks++;
            peer_of(p, id)->ended = peer_of(p, id)->ended || (flags & 1) != 0;
        }
        peer_decode(p, b, n, type == 1);
        break;
    case 3:
        peer_of(p, id)->reset = true;
        peer_of(p, id)->code = vmc_be32(b);
        break;
    case 4: peer_on_settings(p, flags, b, n); break;
    case 6:
        if ((flags & 1) != 0)
            p->pongs++;
        else
            p->pings++;
        if ((flags & 1) == 0 && !p->quiet)
            peer_frame(p, 6, 1, 0, b, 8);
        break;
    case 7:
        p->went_away = true;
        p->away_code = vmc_be32(b + 4);
        break;
    case 8:
        if (id != 0)
            peer_of(p, id)->credit += vmc_be32(b);
        break;
    default: CHECK(type != 5); break;
    }
}

/* Moves octets in both directions. */
static void peer_turn(peer *p)
{
    void *user = vmc_loop_client(&srv.loop, p->number);
    size_t n = 1, at = 0;
    if (!p->is_open || p->closed)
        return;
    (void)vmc_loop_port()->write(user, 0, p->out + p->out_at, p->out_len - p->out_at, &n);
    p->out_at += n;
    do {
        n = 0;
        if (vmc_loop_port()->read(user, 0, p->in + p->in_len, sizeof p->in - p->in_len, &n) != VIAMC_OK)
            p->closed = true;
        p->in_len += n;
        p->got += n;
    } while (n != 0);
    while (p->in_len - at >= 9 && p->in_len - at - 9 >= vmc_be24(p->in + at)) {
        const uint8_t *f = p->in + at;
        peer_on_frame(p, f[3], f[4], vmc_be32(f + 5), f + 9, vmc_be24(f));
        at += 9 + vmc_be24(f);
    }
    memmove(p->in, p->in + at, p->in_len - at);
    p->in_len -= at;
}

/* ---- running ---- */

/* What must hold between two polls of a server. */
static void srv_check(void)
{
#if VIAMC_CHECK
    uint8_t i;
    for (i = 0; i < srv.server->desc.max_peers && !srv.check_off; i++) {
        const vmc_peer *p = &srv.server->peers[i];
        const char *wrong = vmc_check_calls(&p->calls);
        if (wrong == NULL && p->conn.state == VMC_CONN_UP)
            wrong = vmc_check_streams(&p->conn.grpc.h2, &p->calls);
        if (wrong != NULL) {
            printf("  peer %u: %s\n", i, wrong);
            CHECK(wrong == NULL);
            srv.check_off = true;
        }
    }
#endif
}

static uint64_t srv_moved(void)
{
    uint64_t n = srv.loop.octets[0] + srv.loop.octets[1];
    unsigned i, k;
    for (i = 0; i < VMC_LOOP_LINKS; i++)
        for (k = 0; k < 2; k++)
            n += srv.loop.link[i].used ? srv.loop.link[i].pipe[k].taken + srv.loop.link[i].accepted : 0;
    return n;
}

static void srv_poll(void)
{
    unsigned i;
    for (i = 0; i < PEERS; i++)
        peer_turn(&srv.peers[i]);
    CHECK_EQ_INT(viamc_server_poll(srv.server, srv.loop.now), VIAMC_OK);
    srv_check();
    for (i = 0; i < PEERS; i++)
        peer_turn(&srv.peers[i]);
}

/* True if a sleeping server would be woken now. */
static bool srv_wakes(const viamc_wait_hint *hint)
{
    unsigned i, k;
    bool place = false;
    if (hint->ms == 0)
        return true;
    for (i = 0; i < srv.server->desc.max_peers; i++)
        place = place || srv.server->peers[i].conn.state == VMC_CONN_CLOSED;
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        const vmc_loop_link *l = &srv.loop.link[i];
        const vmc_loop_pipe *in = &l->pipe[VMC_LOOP_TO_SERVER];
        if (!l->used || l->closed[VMC_LOOP_TO_SERVER])
            continue;
        if (!l->accepted && place)
            return true;
        if (!l->accepted)
            continue;
        if (vmc_loop_arrived(in, srv.loop.now) != 0 || (in->end != VIAMC_OK && !in->told && in->taken == in->kept && vmc_time_reached(srv.loop.now, in->end_at)))
            return true;
        if (!l->closed[VMC_LOOP_TO_CLIENT] && vmc_loop_arrived(&l->pipe[VMC_LOOP_TO_CLIENT], srv.loop.now) != 0)
            return true;
        if ((hint->want & VIAMC_WANT_WRITE) != 0 && srv.server->peers[l->conn[VMC_LOOP_TO_SERVER]].conn.blocked && vmc_loop_room(&l->pipe[VMC_LOOP_TO_CLIENT], 1) != 0)
            return true;
    }
    for (k = 0; k < PEERS; k++)
        if (srv.peers[k].is_open && !srv.peers[k].closed && srv.peers[k].out_at != srv.peers[k].out_len && srv.loop.line[0].split)
            return true;
    return false;
}

/* Sleeps and polls as a loop around the server would, for ms milliseconds of the virtual clock: a poll only when time or octets call for
 * it. A server that is woken again and again and does nothing is a fault. */
static void srv_run(viamc_ms ms)
{
    viamc_ms until = srv.loop.now + ms;
    unsigned idle = 0, turns;
    for (turns = 0; turns < 400000; turns++) {
        viamc_wait_hint hint;
        uint64_t before = srv_moved();
        viamc_ms step;
        srv_poll();
        viamc_server_wait(srv.server, srv.loop.now, &hint);
        idle = srv_moved() == before ? idle + 1 : 0;
        if (srv_wakes(&hint) && idle < 100)
            continue;
        if (idle >= 100) {
            CHECK(!"the server is woken and does nothing");
            printf("  wait %lu, want %u\n", (unsigned long)hint.ms, hint.want);
            return;
        }
        if (srv.loop.now == until)
            return;
        idle = 0;
        step = vmc_loop_next(&srv.loop);
        srv.loop.now += vmc_min32(vmc_min32(hint.ms, step == 0 ? 1 : step), until - srv.loop.now);
    }
    CHECK(!"it goes on for ever");
}

/* ---- checks ---- */

static inline bool peer_has(peer *p, uint32_t id, const char *field)
{
    bool there = strstr(peer_of(p, id)->fields, field) != NULL;
    if (!there)
        printf("  stream %lu has: %s\n", (unsigned long)id, peer_of(p, id)->fields);
    return there;
}

/* gRPC status of a stream that has ended; -1: none yet, -2: reset without one. */
static inline int peer_status(peer *p, uint32_t id)
{
    const peer_stream *s = peer_of(p, id);
    const char *f = strstr(s->fields, "grpc-status: ");
    if (f == NULL || !s->ended)
        return s->reset ? -2 : -1;
    return atoi(f + 13);
}

/* grpc-message, as it is on the wire; "" for none. */
static inline const char *peer_text(peer *p, uint32_t id)
{
    static char text[300];
    const char *f = strstr(peer_of(p, id)->fields, "grpc-message: ");
    snprintf(text, sizeof text, "%.*s", f == NULL ? 0 : (int)strcspn(f + 14, "\n"), f == NULL ? "" : f + 14);
    return text;
}

static const char peer_nothing[] = "(no message)";

/* Message number n of a stream; peer_nothing: there is none. */
static inline viamc_bytes peer_reply(peer *p, uint32_t id, unsigned n)
{
    const peer_stream *s = peer_of(p, id);
    size_t at = 0;
    while (s->len - at >= 5 && s->len <= PEER_DATA) {
        size_t len = vmc_be32(s->data + at + 1);
        if (s->len - at - 5 < len)
            break;
        if (n-- == 0)
            return viamc_view(s->data + at + 5, len);
        at += 5 + len;
    }
    return viamc_view(peer_nothing, sizeof peer_nothing);
}

static inline void peer_check(peer *p, uint32_t id, int status, const char *text, const char *file, int line)
{
    if (!test_eq_int(peer_status(p, id), status, "status of the answer", file, line) | !test_eq_str(peer_text(p, id), text, "its text", file, line))
        printf("  stream %lu\n", (unsigned long)id);
}

#define CHECK_ANSWER(p, id, status, text) peer_check(p, id, status, text, __FILE__, __LINE__)

#endif
