/* SPDX-License-Identifier: MIT */
/* Clients made of octets: the test writes their frames, the server under test is polled on a virtual clock over port_loop, and only when
 * its wait hint, its octets or its clock say so. Include after viamc.h (with its implementation) and test.h. */
#ifndef VIAMC_TESTS_RAW_H
#define VIAMC_TESTS_RAW_H

#define RAW_PREFACE "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a"
#define RAW_TOKEN 32u

enum { RAW_CLIENTS = 3, RAW_REPLIES = 64, RAW_DATA = 20000, RAW_NONE = -1 };

/* What came on one stream. */
typedef struct raw_reply {
    uint32_t id;
    char fields[1200]; /* of all header blocks: "name: value\n" */
    uint8_t data[RAW_DATA];
    size_t len;
    unsigned blocks;
    uint32_t credit;   /* octets that the server permits beyond its initial window */
    int rst;           /* RST_STREAM's code, RAW_NONE: none */
    bool end;
} raw_reply;

/* One client. */
typedef struct raw_client {
    uint8_t got[32768]; /* received and not yet a whole frame */
    size_t len;
    vmc_hpack_dec decoder;
    uint8_t table[4096];
    raw_reply reply[RAW_REPLIES];
    size_t replies;
    char token[RAW_TOKEN + 1];
    unsigned settings, settings_acks, pings, ping_acks;
    uint32_t max_streams, initial_window; /* of the server's SETTINGS */
    uint32_t block;     /* stream of the header block that is not complete; 0: none */
    int goaway;         /* its code, RAW_NONE: none */
    bool lost;          /* the server closed the connection */
    bool silent;        /* acknowledges nothing, credits nothing */
    bool deaf;          /* does not even read */
} raw_client;

/* The network, the server and its clients. */
typedef struct raw_world {
    vmc_loop loop;
    uint8_t memory[400000];
    viamc_server_desc desc;
    viamc_server *server;
    raw_client client[RAW_CLIENTS];
    char events[16384];   /* one line each */
    unsigned polls;       /* of the last raw_settle */
} raw_world;

static raw_world raw;

/* ---- the world ---- */

static inline void raw_event(void *user, const viamc_server_event *ev)
{
    static const char *const kinds[] = {"?", "came", "secured", "known", "refused", "left", "call", "session", "heartbeat", "bound", "expired", "stopped"};
    size_t n = strlen(raw.events);
    (void)user;
    (void)snprintf(raw.events + n, sizeof raw.events - n, "%s peer=%u text=%.*s name=%.*s ms=%lu number=%lu error=%s\n",
                   ev->kind < TEST_COUNT(kinds) ? kinds[ev->kind] : "?", (unsigned)ev->peer, VIAMC_ARG(ev->text), VIAMC_ARG(ev->name),
                   (unsigned long)ev->ms, (unsigned long)ev->number, ev->kind == VIAMC_SEV_LEFT ? ev->error.what : "");
}

static void raw_new(void)
{
    size_t i;
    memset(&raw, 0, sizeof raw);
    vmc_loop_init(&raw.loop, test_now.seed);
    raw.loop.now = 0xfffffc00u; /* the clock wraps in the first tests that wait */
    raw.desc.port = vmc_loop_server_port();
    raw.desc.port_user = vmc_loop_server(&raw.loop);
    raw.desc.profile = VIAMC_BOARD;
    raw.desc.on_event = raw_event;
    for (i = 0; i < RAW_CLIENTS; i++)
        raw.client[i].goaway = RAW_NONE;
}

static inline viamc_err raw_start(void)
{
    return viamc_server_init(raw.memory, sizeof raw.memory, &raw.desc, &raw.server);
}

static inline bool raw_has_event(const char *text)
{
    bool has = strstr(raw.events, text) != NULL;
    if (!has && test_now.bad < TEST_SHOWN_MAX)
        printf("  events are:\n%s", raw.events);
    return has;
}

/* How often a text is in the lines of events. */
static inline unsigned raw_count(const char *text)
{
    const char *p = raw.events;
    unsigned n = 0;
    while ((p = strstr(p, text)) != NULL) {
        n++;
        p += strlen(text);
    }
    return n;
}

/* ---- frames to the server ---- */

static void raw_write(unsigned c, const void *p, size_t n)
{
    size_t done, tries = 0, at = 0;
    while (at < n && !raw.client[c].lost && tries++ < 10000) { /* a line that splits takes a part */
        if (vmc_loop_port()->write(vmc_loop_client(&raw.loop, c), 0, (const uint8_t *)p + at, n - at, &done) != VIAMC_OK)
            return;
        at += done;
    }
    if (at < n && !raw.client[c].lost)
        test_die("the pipe is full", "raw_write");
}

static inline void raw_hex(unsigned c, const char *hex)
{
    static uint8_t buf[32768];
    raw_write(c, buf, test_hex(hex, buf, sizeof buf));
}

static void raw_frame(unsigned c, uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t len)
{
    static uint8_t buf[32768];
    vmc_put_be24(buf, (uint32_t)len);
    buf[3] = type;
    buf[4] = flags;
    vmc_put_be32(buf + 5, id);
    vmc_copy(buf + 9, payload, len);
    raw_write(c, buf, len + 9u);
}

static inline void raw_credit(unsigned c, uint32_t id, uint32_t octets)
{
    uint8_t buf[4];
    vmc_put_be32(buf, octets);
    raw_frame(c, 8, 0, id, buf, 4);
}

/* A header block given as hex. */
static inline void raw_fields(unsigned c, uint32_t id, const char *hex)
{
    uint8_t buf[1024];
    raw_frame(c, 1, 4, id, buf, test_hex(hex, buf, sizeof buf));
}

static inline void raw_connect(unsigned c)
{
    raw_client *k = &raw.client[c];
    memset(k, 0, sizeof *k);
    k->goaway = RAW_NONE;
    vmc_hpack_dec_init(&k->decoder, k->table, sizeof k->table);
    vmc_loop_port()->close(vmc_loop_client(&raw.loop, c), 0); /* one that the server has closed */
    CHECK_EQ_INT(vmc_loop_port()->open(vmc_loop_client(&raw.loop, c), 0, "robot", 8080), VIAMC_OK);
}

/* Connects and sends preface and SETTINGS: what a client says before it has heard anything. */
static inline void raw_open(unsigned c)
{
    raw_connect(c);
    raw_hex(c, RAW_PREFACE);
    raw_frame(c, 4, 0, 0, NULL, 0);
}

static inline void raw_close(unsigned c)
{
    vmc_loop_port()->close(vmc_loop_client(&raw.loop, c), 0);
    raw.client[c].lost = true;
}

/* ---- frames from the server ---- */

static raw_reply *raw_of(unsigned c, uint32_t id)
{
    raw_client *k = &raw.client[c];
    size_t i;
    for (i = 0; i < k->replies; i++)
        if (k->reply[i].id == id)
            return &k->reply[i];
    if (k->replies == RAW_REPLIES)
        test_die("too many streams", "raw_of");
    memset(&k->reply[k->replies], 0, sizeof k->reply[0]);
    k->reply[k->replies].id = id;
    k->reply[k->replies].rst = RAW_NONE;
    return &k->reply[k->replies++];
}

static void raw_take_block(raw_client *k, raw_reply *r, const uint8_t *p, size_t n, bool first)
{
    vmc_rd in = vmc_rd_of(viamc_view(p, n));
    vmc_hpack_piece piece;
    size_t at = strlen(r->fields);
    vmc_hpack_result got;
    if (first) {
        vmc_hpack_dec_begin(&k->decoder);
        r->blocks++;
    }
    while ((got = vmc_hpack_next(&k->decoder, &in, &piece)) == VMC_HPACK_PIECE) {
        if ((piece.flags & VMC_HPACK_FIRST) != 0)
            at += (size_t)snprintf(r->fields + at, sizeof r->fields - at, "%.*s: ", (int)piece.name.len, (const char *)piece.name.ptr);
        at += (size_t)snprintf(r->fields + at, sizeof r->fields - at, "%.*s", (int)piece.value.len, (const char *)piece.value.ptr);
        if ((piece.flags & VMC_HPACK_LAST) != 0)
            at += (size_t)snprintf(r->fields + at, sizeof r->fields - at, "\n");
        if (at >= sizeof r->fields)
            test_die("too many fields", r->fields);
    }
    CHECK(got != VMC_HPACK_ERROR);
}

static void raw_take_data(unsigned c, raw_reply *r, const uint8_t *p, size_t n)
{
    if (n <= sizeof r->data - vmc_min(r->len, sizeof r->data)) /* what is beyond is only counted */
        vmc_copy(r->data + r->len, p, n);
    r->len += n;
    if (n == 0 || raw.client[c].silent)
        return;
    raw_credit(c, 0, (uint32_t)n);
    raw_credit(c, r->id, (uint32_t)n);
}

static void raw_take_settings(unsigned c, uint8_t flags, const uint8_t *p, size_t n)
{
    raw_client *k = &raw.client[c];
    size_t i;
    k->settings += (flags & 1u) == 0;
    k->settings_acks += (flags & 1u) != 0;
    for (i = 0; i + 6 <= n; i += 6) {
        if (vmc_be16(p + i) == 3)
            k->max_streams = vmc_be32(p + i + 2);
        if (vmc_be16(p + i) == 4)
            k->initial_window = vmc_be32(p + i + 2);
    }
    if ((flags & 1u) == 0 && !k->silent)
        raw_frame(c, 4, 1, 0, NULL, 0);
}

static void raw_take_frame(unsigned c, uint8_t type, uint8_t flags, uint32_t id, const uint8_t *p, size_t n)
{
    raw_client *k = &raw.client[c];
    raw_reply *r = id == 0 ? NULL : raw_of(c, id);
    CHECK(type == 9 ? id == k->block : k->block == 0); /* RFC 9113 6.10 */
    if (type == 1 || type == 9)
        k->block = (flags & 4u) != 0 ? 0 : id;
    if (r == NULL && (type < 4 || type == 9)) {
        CHECK_EQ_INT(id, 1);
        return;
    }
    if (r != NULL && (type == 0 || type == 1))
        r->end = r->end || (flags & 1u) != 0;
    switch (type) {
    case 0: raw_take_data(c, r, p, n); break;
    case 1:
    case 9:
        raw_take_block(k, r, p, n, type == 1);
        CHECK((flags & 4u) == 0 || vmc_hpack_dec_end(&k->decoder));
        break;
    case 3: r->rst = (int)vmc_be32(p); break;
    case 4: raw_take_settings(c, flags, p, n); break;
    case 6:
        k->pings += (flags & 1u) == 0;
        k->ping_acks += (flags & 1u) != 0;
        if ((flags & 1u) == 0 && !k->silent)
            raw_frame(c, 6, 1, 0, p, n);
        break;
    case 7: k->goaway = (int)vmc_be32(p + 4); break;
    case 8:
        if (r != NULL)
            r->credit += vmc_be32(p);
        break;
    default: CHECK_EQ_INT(type, 0); break; /* no server sends these */
    }
}

static void raw_listen(unsigned c)
{
    raw_client *k = &raw.client[c];
    size_t n = 1, at = 0;
    viamc_err err = VIAMC_OK;
    while (n != 0 && !k->lost && !k->deaf) {
        err = vmc_loop_port()->read(vmc_loop_client(&raw.loop, c), 0, k->got + k->len, sizeof k->got - k->len, &n);
        k->len += n;
    }
    k->lost = k->lost || (err != VIAMC_OK && err != VIAMC_ERR_STATE);
    while (k->len - at >= 9 && k->len - at - 9 >= vmc_be24(k->got + at)) {
        const uint8_t *p = k->got + at;
        size_t len = vmc_be24(p);
        CHECK(len <= 16384);
        at += 9 + len;
        raw_take_frame(c, p[3], p[4], vmc_be32(p + 5), p + 9, len);
    }
    memmove(k->got, k->got + at, k->len - at);
    k->len -= at;
}

/* ---- time ---- */

/* Whether the network has something that wakes the server. */
static bool raw_stirs(uint8_t want)
{
    unsigned i;
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        const vmc_loop_link *l = &raw.loop.link[i];
        const vmc_loop_pipe *in = &l->pipe[VMC_LOOP_TO_SERVER];
        if (!l->used || l->closed[VMC_LOOP_TO_SERVER])
            continue;
        if (l->accepted
            && (vmc_loop_arrived(in, raw.loop.now) != 0 || (in->end != VIAMC_OK && !in->told && vmc_time_reached(raw.loop.now, in->end_at))))
            return true;
        if (l->accepted && (want & VIAMC_WANT_WRITE) != 0 && raw.server->peers[l->conn[VMC_LOOP_TO_SERVER]].conn.blocked
            && vmc_loop_room(&l->pipe[VMC_LOOP_TO_CLIENT], 1) != 0)
            return true;
    }
    return false;
}

/* Whether the network has something that wakes a client. */
static bool raw_answers(void)
{
    unsigned i;
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        const vmc_loop_link *l = &raw.loop.link[i];
        const raw_client *k = &raw.client[l->client];
        if (l->used && l->accepted && !l->closed[VMC_LOOP_TO_CLIENT] && !k->deaf && !k->lost
            && vmc_loop_arrived(&l->pipe[VMC_LOOP_TO_CLIENT], raw.loop.now) != 0)
            return true;
    }
    return false;
}

/* One poll, and what must hold after it. */
static void raw_poll(void)
{
    CHECK_EQ_INT(viamc_server_poll(raw.server, raw.loop.now), VIAMC_OK);
#if VIAMC_CHECK
    uint8_t i;
    for (i = 0; i < raw.server->desc.max_peers; i++) {
        const vmc_peer *p = &raw.server->peers[i];
        CHECK_EQ_STR(vmc_check_calls(&p->calls), NULL);
        if (p->conn.state == VMC_CONN_UP)
            CHECK_EQ_STR(vmc_check_streams(&p->conn.grpc.h2, &p->calls), NULL);
    }
#endif
}

/* Polls until the server would sleep and nobody would wake it. What it has to do by then is done. */
static void raw_settle(void)
{
    viamc_wait_hint hint;
    unsigned c, spins = 0;
    raw.polls = 0;
    do {
        uint64_t before = raw.loop.octets[0] + raw.loop.octets[1];
        raw_poll();
        for (c = 0; c < RAW_CLIENTS; c++)
            raw_listen(c);
        viamc_server_wait(raw.server, raw.loop.now, &hint);
        raw.polls++;
        spins = before == raw.loop.octets[0] + raw.loop.octets[1] && !raw_stirs(hint.want) && !raw_answers() ? spins + 1 : 0;
        if (spins > 4 || raw.polls > 60000) {
            CHECK(spins <= 4 && raw.polls <= 60000); /* it asks to be polled and does nothing */
            return;
        }
    } while (hint.ms == 0 || raw_stirs(hint.want) || raw_answers());
}

/* Lets ms milliseconds pass, as a program would that sleeps as long as it may. */
static inline void raw_run(viamc_ms ms)
{
    viamc_ms until = raw.loop.now + ms;
    raw_settle();
    while (raw.loop.now != until) {
        viamc_wait_hint hint;
        viamc_ms arrives = vmc_loop_next(&raw.loop); /* 0: octets that wait for somebody who does not read */
        viamc_server_wait(raw.server, raw.loop.now, &hint);
        if (hint.ms == 0)
            hint.ms = 1; /* raw_settle has complained */
        raw.loop.now += vmc_min32(vmc_min32(hint.ms, arrives == 0 ? VIAMC_FOREVER : arrives), until - raw.loop.now);
        raw_settle();
    }
}

/* ---- requests ---- */

static size_t raw_put_string(uint8_t *p, const char *s, size_t n)
{
    vmc_wr w = vmc_wr_of(p, 12000);
    if (n < 127) {
        vmc_wr_u8(&w, (uint32_t)n);
    } else {
        vmc_wr_u8(&w, 127);
        vmc_wr_u8(&w, (uint32_t)((n - 127) & 127) | (n - 127 > 127 ? 128u : 0));
        if (n - 127 > 127)
            vmc_wr_u8(&w, (uint32_t)((n - 127) >> 7));
    }
    vmc_wr_bytes(&w, s, n);
    return w.len;
}

/* "name: value\n" lines as literals. */
static size_t raw_lines(uint8_t *p, const char *fields)
{
    size_t n = 0;
    while (fields != NULL && *fields != '\0') {
        const char *value = strstr(fields, ": "), *end = strchr(fields, '\n');
        p[n++] = 0x00;
        n += raw_put_string(p + n, fields, (size_t)(value - fields));
        n += raw_put_string(p + n, value + 2, (size_t)(end - value - 2));
        fields = end + 1;
    }
    return n;
}

/* A header block of literals: what every gRPC client sends, and lines. */
static size_t raw_block(uint8_t *p, const char *path, const char *fields)
{
    size_t n = 0;
    p[n++] = 0x83; /* :method POST */
    p[n++] = 0x86; /* :scheme http */
    p[n++] = 0x04; /* :path */
    n += raw_put_string(p + n, path, strlen(path));
    p[n++] = 0x0f; /* content-type */
    p[n++] = 0x10;
    n += raw_put_string(p + n, "application/grpc", 16);
    return n + raw_lines(p + n, fields);
}

/* HEADERS of a request, with the client's token if it has one. */
static void raw_headers(unsigned c, uint32_t id, const char *path, const char *fields, bool end)
{
    static uint8_t block[16384];
    static char all[12000];
    const char *token = raw.client[c].token;
    (void)snprintf(all, sizeof all, "%s%s%s%s", token[0] != '\0' ? "authorization: Bearer " : "", token, token[0] != '\0' ? "\n" : "",
                   fields == NULL ? "" : fields);
    raw_frame(c, 1, (uint8_t)(4u | (end ? 1u : 0)), id, block, raw_block(block, path, all));
}

/* A message with its prefix, in one DATA frame. */
static void raw_message(unsigned c, uint32_t id, const void *msg, size_t len, bool end)
{
    static uint8_t buf[32768];
    buf[0] = 0;
    vmc_put_be32(buf + 1, (uint32_t)len);
    vmc_copy(buf + 5, msg, len);
    raw_frame(c, 0, end ? 1 : 0, id, buf, len + 5);
}

/* A whole unary request with a message given as hex. */
static inline void raw_ask(unsigned c, uint32_t id, const char *path, const char *hex, const char *fields)
{
    static uint8_t msg[8192];
    size_t n = test_hex(hex, msg, sizeof msg);
    raw_headers(c, id, path, fields, false);
    raw_message(c, id, msg, n, true);
}

/* A whole unary request of the message "a", with exactly these header fields. */
static inline void raw_lines_ask(unsigned c, uint32_t id, const char *fields)
{
    uint8_t block[1024];
    raw_frame(c, 1, 4, id, block, raw_lines(block, fields));
    raw_message(c, id, "a", 1, true);
}

static inline void raw_reset(unsigned c, uint32_t id)
{
    raw_frame(c, 3, 0, id, "\0\0\0\x08", 4);
}

/* ---- replies ---- */

/* The status that ended a stream; -1: it has not ended, or was reset; -2: it ended without one. */
static int raw_status(unsigned c, uint32_t id)
{
    const raw_reply *r = raw_of(c, id);
    const char *p = strstr(r->fields, "grpc-status: ");
    if (!r->end || r->rst > 0)
        return -1;
    return p == NULL ? -2 : atoi(p + 13);
}

/* grpc-message of a stream, "" for none. */
static inline const char *raw_text(unsigned c, uint32_t id)
{
    static char text[300];
    const char *p = strstr(raw_of(c, id)->fields, "grpc-message: ");
    text[0] = '\0';
    if (p != NULL)
        (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(p + 14, "\n"), p + 14);
    return text;
}

/* Checks that a stream ended with a status and a text. */
#define CHECK_REPLY(c, id, status, text) \
    do { CHECK_EQ_INT(raw_status(c, id), status); CHECK_EQ_STR(raw_text(c, id), text); } while (0)

/* The message of a unary reply without its prefix; its length must be right. */
static inline const uint8_t *raw_reply_message(unsigned c, uint32_t id, size_t *len)
{
    raw_reply *r = raw_of(c, id);
    *len = r->len >= 5 ? r->len - 5 : 0;
    CHECK(r->len >= 5 && r->data[0] == 0 && vmc_be32(r->data + 1) == *len);
    return r->data + 5;
}

#endif
