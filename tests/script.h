/* SPDX-License-Identifier: MIT */
/* A robot made of octets: the test writes its frames, the client under test is polled on a virtual clock over port_loop.
 * Include after viamc.h (with its implementation) and test.h. */
#ifndef VIAMC_TESTS_SCRIPT_H
#define VIAMC_TESTS_SCRIPT_H

#define SCRIPT_R1 "880f10106170706c69636174696f6e2f67727063" /* viam-wire R1: :status 200, content-type */
#define SCRIPT_R2 "000b677270632d7374617475730130"           /* viam-wire R2: grpc-status 0 */

typedef struct script_frame {
    uint32_t len, id;
    uint8_t type, flags;
    const uint8_t *payload;
} script_frame;

enum { SCRIPT_EVENTS = TEST_SMALL ? 12 : 64, SCRIPT_MESSAGE = TEST_SMALL ? 64 : 512 };

typedef struct script {
    vmc_loop loop;
    uint8_t memory[TEST_SMALL ? 8192 : 65536];
    viamc_client_desc desc;
    viamc_dial_desc dial;
    viamc_client *client;
    uint8_t got[TEST_SMALL ? 6144 : 262144];  /* what the client sent on this connection */
    size_t len, read;     /* of it: all, parsed by script_next */
    vmc_hpack_dec decoder;
    uint8_t table[4096];
    char fields[4096];    /* of the last header block: "name: value\n" */
    unsigned conn;
    bool accepted;
    viamc_event event[SCRIPT_EVENTS]; /* taken in the last turns, since script_forget */
    char text[SCRIPT_EVENTS][96];
    uint8_t msg[SCRIPT_EVENTS][SCRIPT_MESSAGE];
    size_t events;
} script;

static script script_now;

static void script_new(void)
{
    script *s = &script_now;
    memset(s, 0, sizeof *s);
    vmc_loop_init(&s->loop, test_now.seed);
    s->desc.port = vmc_loop_port();
    s->desc.port_user = vmc_loop_client(&s->loop, 0);
    s->desc.profile = VIAMC_BOARD;
    s->desc.no_tls = true;
    s->desc.out_bytes = 512; /* header blocks and small messages in one frame: what the tests read */
    s->dial.address = "robot:8080";
    s->dial.insecure = true;
    s->dial.check_interval_ms = VIAMC_OFF;
}

static void script_open(void)
{
    script *s = &script_now;
    CHECK_EQ_INT(viamc_client_init(s->memory, sizeof s->memory, &s->desc, &s->client), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(s->client, &s->dial), VIAMC_OK);
}

/* Reads what the client sent; a new connection starts over. */
static void script_listen(void)
{
    script *s = &script_now;
    viamc_addr from;
    size_t n = 1;
    if (vmc_loop_server_port()->accept(vmc_loop_server(&s->loop), s->conn + s->accepted, &from) == VIAMC_OK) {
        s->conn += s->accepted;
        s->accepted = true;
        s->len = s->read = 0;
        vmc_hpack_dec_init(&s->decoder, s->table, sizeof s->table);
    }
    while (s->accepted && n != 0) {
        n = 0;
        (void)vmc_loop_server_port()->read(vmc_loop_server(&s->loop), s->conn, s->got + s->len, sizeof s->got - s->len, &n);
        s->len += n;
    }
}

static void script_take_events(void)
{
    script *s = &script_now;
    viamc_event ev;
    while (s->events < TEST_COUNT(s->event) && viamc_next_event(s->client, &ev)) {
        size_t i = s->events++;
        s->event[i] = ev;
        vmc_copy(s->text[i], ev.text.ptr, vmc_min(ev.text.len, sizeof s->text[i] - 1u));
        s->text[i][vmc_min(ev.text.len, sizeof s->text[i] - 1u)] = '\0';
        vmc_copy(s->msg[i], ev.msg.ptr, vmc_min(ev.msg.len, sizeof s->msg[i]));
    }
}

/* One poll. */
static void script_poll(void)
{
    (void)viamc_poll(script_now.client, script_now.loop.now);
    script_listen();
    script_take_events();
}

/* Polls as the client asks to be, for ms milliseconds of the virtual clock; at least twice. */
static void script_run(viamc_ms ms)
{
    script *s = &script_now;
    viamc_ms until = s->loop.now + ms;
    unsigned turns = 0;
    do {
        viamc_wait_hint hint;
        viamc_ms step = until - s->loop.now;
        script_poll();
        viamc_wait(s->client, s->loop.now, &hint);
        if (hint.ms < step)
            step = hint.ms;
        if (step == 0 && turns > 2u && s->loop.now != until)
            step = 1;
        s->loop.now += step;
    } while (++turns < 3u || s->loop.now != until);
    script_poll();
}

/* What is on its way: octets of a text, a message. One for all, since 64 KiB must do. */
static uint8_t script_room[TEST_ROOM(65536)];

/* Sends octets given as hex. */
static void script_send(const char *hex)
{
    size_t n = test_hex(hex, script_room, sizeof script_room), done = 0;
    (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, script_room, n, &done);
    CHECK_EQ_INT(done, n);
}

static inline void script_put_frame(vmc_wr *w, uint32_t len, uint8_t type, uint8_t flags, uint32_t id, const void *payload)
{
    vmc_wr_be16(w, len >> 8);
    vmc_wr_u8(w, len & 0xffu);
    vmc_wr_u8(w, type);
    vmc_wr_u8(w, flags);
    vmc_wr_be32(w, id);
    vmc_wr_bytes(w, payload, len);
}

static void script_send_frame(uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t len)
{
    static uint8_t buf[TEST_ROOM(65536)];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    size_t done = 0;
    script_put_frame(&w, (uint32_t)len, type, flags, id, payload);
    (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, buf, w.len, &done);
    CHECK_EQ_INT(done, len + 9);
}

static inline void script_send_block(uint32_t id, const char *hex, bool end)
{
    uint8_t buf[TEST_ROOM(8192)];
    size_t n = test_hex(hex, buf, sizeof buf);
    script_send_frame(1, (uint8_t)(4 | (end ? 1 : 0)), id, buf, n);
}

/* A message with its prefix, in one DATA frame. */
static inline void script_send_message(uint32_t id, const void *msg, size_t len)
{
    script_room[0] = 0;
    vmc_put_be32(script_room + 1, (uint32_t)len);
    vmc_copy(script_room + 5, msg, len);
    script_send_frame(0, 0, id, script_room, len + 5);
}

/* A whole unary reply. */
static inline void script_reply(uint32_t id, const void *msg, size_t len)
{
    script_send_block(id, SCRIPT_R1, false);
    script_send_message(id, msg, len);
    script_send_block(id, SCRIPT_R2, true);
}

/* The next frame that the client sent; the preface is skipped. */
static bool script_next(script_frame *f)
{
    script *s = &script_now;
    const uint8_t *p;
    if (s->read == 0 && s->len >= 24)
        s->read = 24;
    p = s->got + s->read;
    if (s->len - s->read < 9 || s->len - s->read - 9 < vmc_be24(p))
        return false;
    f->len = vmc_be24(p);
    f->type = p[3];
    f->flags = p[4];
    f->id = vmc_be32(p + 5);
    f->payload = p + 9;
    s->read += 9 + f->len;
    return true;
}

static void script_decode(const uint8_t *p, size_t n, bool first)
{
    script *s = &script_now;
    vmc_rd in = vmc_rd_of(viamc_view(p, n));
    vmc_wr w = vmc_wr_of((uint8_t *)s->fields, sizeof s->fields - 1);
    vmc_hpack_piece piece;
    w.len = first ? 0 : strlen(s->fields);
    if (first)
        vmc_hpack_dec_begin(&s->decoder);
    while (vmc_hpack_next(&s->decoder, &in, &piece) == VMC_HPACK_PIECE) {
        if ((piece.flags & VMC_HPACK_FIRST) != 0) {
            vmc_wr_bytes(&w, piece.name.ptr, piece.name.len);
            vmc_wr_text(&w, ": ");
        }
        vmc_wr_bytes(&w, piece.value.ptr, piece.value.len);
        if ((piece.flags & VMC_HPACK_LAST) != 0)
            vmc_wr_text(&w, "\n");
    }
    s->fields[w.len] = '\0';
}

/* Skips to the next frame of a type; its header block is in `fields` for HEADERS. False: there is none. */
static bool script_find(uint8_t type, script_frame *f)
{
    while (script_next(f)) {
        if (f->type == 1 || f->type == 9)
            script_decode(f->payload, f->len, f->type == 1);
        if (f->type == type)
            return true;
    }
    return false;
}

/* Finds the next request; its path must end in `name`. Its stream's id, 0: there is none. */
static inline uint32_t script_request(const char *name)
{
    script_frame f;
    char line[160];
    if (!script_find(1, &f))
        return 0;
    snprintf(line, sizeof line, "%s\n", name);
    CHECK(strstr(script_now.fields, line) != NULL);
    if (strstr(script_now.fields, line) == NULL)
        printf("  fields: %s\n", script_now.fields);
    return f.id;
}

static inline bool script_has_field(const char *field)
{
    return strstr(script_now.fields, field) != NULL;
}

static size_t script_count(uint8_t kind)
{
    size_t i, n = 0;
    for (i = 0; i < script_now.events; i++)
        n += script_now.event[i].kind == kind;
    return n;
}

/* The nth event of a kind; NULL. */
static inline const viamc_event *script_event(uint8_t kind, size_t nth)
{
    size_t i;
    for (i = 0; i < script_now.events; i++)
        if (script_now.event[i].kind == kind && nth-- == 0)
            return &script_now.event[i];
    return NULL;
}

static inline const char *script_text(const viamc_event *ev)
{
    return ev == NULL ? "(no event)" : script_now.text[ev - script_now.event];
}

static void script_forget(void)
{
    script_now.events = 0;
}

/* Dials, answers with SETTINGS, takes READY. */
static inline void script_ready(void)
{
    script_open();
    script_run(1);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_INT(script_count(VIAMC_EV_READY), 1);
    script_forget();
}

static void script_close(void)
{
    viamc_client_close(script_now.client);
}

#endif
