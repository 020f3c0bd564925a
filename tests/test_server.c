/* SPDX-License-Identifier: MIT */
/* The server against scripted clients: routing, authentication, sessions, streams, deadlines, limits, hostile octets. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script_server.h"

/* ---- a robot with dolls ---- */

#define DOLL "/test.v1.DollService/"
#define ROBOT "/viam.robot.v1.RobotService/"
#define AUTH "/proto.rpc.v1.AuthService/Authenticate"
#define D0 "\x0a\x02" "d0"
#define D1 "\x0a\x02" "d1"

enum { STOP_OK, STOP_FAIL, STOP_WAIT, STOP_KEEP, STOP_ERROR };

typedef struct doll {
    const char *name;
    unsigned moves, stops;
    int stop_mode;
    bool moving;
    uint8_t extra[64]; /* field 99 of the last Stop */
    size_t extra_len;
    viamc_request *kept; /* a Stop of the server's own */
} doll;

static doll dolls[3];
static viamc_request *kept[8];
static unsigned kept_count, calls, messages, ends;
static bool gate;            /* what Wait waits for */
static viamc_err fault;      /* what Fault answers */
static uint32_t many, size_of_many;
static viamc_err poll_inside;

static viamc_err doll_move(viamc_request *rq, viamc_bytes msg)
{
    doll *d = (doll *)viamc_request_user(rq);
    (void)msg;
    d->moves++;
    d->moving = true;
    poll_inside = viamc_server_poll(srv.server, srv.loop.now);
    return viamc_answer_bytes(rq, viamc_view("", 0));
}

static viamc_err doll_stop(viamc_request *rq, viamc_bytes msg)
{
    doll *d = (doll *)viamc_request_user(rq);
    viamc_bytes extra;
    d->stops++;
    (void)vmc_wire_find(msg, 99, &extra);
    d->extra_len = vmc_min(extra.len, sizeof d->extra);
    vmc_copy(d->extra, extra.ptr, d->extra_len);
    CHECK(viamc_str_eq(viamc_request_name(rq), viamc_text(d->name)));
    if (d->stop_mode == STOP_FAIL)
        return viamc_fail(rq, VIAMC_INTERNAL, "jammed");
    if (d->stop_mode == STOP_ERROR)
        return VIAMC_ERR_IO;
    if (d->stop_mode == STOP_WAIT)
        return VIAMC_WAIT;
    if (d->stop_mode == STOP_KEEP) {
        d->kept = rq;
        return viamc_request_keep(rq);
    }
    d->moving = false;
    return viamc_answer_bytes(rq, viamc_view("", 0));
}

static viamc_err doll_echo(viamc_request *rq, viamc_bytes msg)
{
    calls++;
    return viamc_answer_bytes(rq, msg);
}

static viamc_err doll_keep(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    calls++;
    kept[kept_count++] = rq;
    return viamc_request_keep(rq);
}

static viamc_err doll_wait(viamc_request *rq, viamc_bytes msg)
{
    calls++;
    return gate ? viamc_answer_bytes(rq, msg) : (viamc_err)VIAMC_WAIT;
}

static viamc_err doll_silent(viamc_request *rq, viamc_bytes msg)
{
    (void)rq;
    (void)msg;
    return VIAMC_OK;
}

static viamc_err doll_fault(viamc_request *rq, viamc_bytes msg)
{
    (void)rq;
    (void)msg;
    return fault;
}

static viamc_err doll_many(viamc_request *rq, viamc_bytes msg)
{
    uint32_t *at = viamc_request_mark(rq);
    static uint8_t body[8192];
    (void)msg;
    for (; *at < many; ++*at) {
        viamc_err err;
        memset(body, (int)(*at & 0xff), size_of_many);
        err = viamc_request_send(rq, viamc_view(body, size_of_many));
        if (err != VIAMC_OK)
            return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
    }
    return VIAMC_OK;
}

static viamc_err doll_sum(viamc_request *rq, viamc_bytes msg)
{
    uint32_t *sum = viamc_request_mark(rq);
    uint8_t answer[4];
    CHECK_EQ_INT(msg.ptr == NULL, viamc_request_at_end(rq));
    if (msg.ptr != NULL) {
        messages++;
        *sum += (uint32_t)msg.len;
        return VIAMC_OK;
    }
    ends++;
    vmc_put_be32(answer, *sum);
    return viamc_answer_bytes(rq, viamc_view(answer, 4));
}

static viamc_err doll_chat(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err;
    if (msg.ptr == NULL) {
        ends++;
        return VIAMC_OK;
    }
    err = viamc_request_send(rq, msg);
    messages += err == VIAMC_OK;
    return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
}

/* Length and check sum of the message. */
static viamc_err doll_big(viamc_request *rq, viamc_bytes msg)
{
    uint8_t answer[8];
    uint32_t sum = 0;
    size_t i;
    calls++;
    for (i = 0; i < msg.len; i++)
        sum = sum * 31u + msg.ptr[i];
    vmc_put_be32(answer, (uint32_t)msg.len);
    vmc_put_be32(answer + 4, sum);
    return viamc_answer_bytes(rq, viamc_view(answer, 8));
}

static const viamc_method m_move = {DOLL "Move", NULL, NULL, VIAMC_M_MONITORED}, m_stop = {DOLL "Stop", NULL, NULL, VIAMC_M_STOP}, m_echo = {DOLL "Echo", NULL, NULL, 0},
                          m_keep = {DOLL "Keep", NULL, NULL, 0}, m_wait = {DOLL "Wait", NULL, NULL, 0}, m_silent = {DOLL "Silent", NULL, NULL, 0},
                          m_fault = {DOLL "Fault", NULL, NULL, 0}, m_many = {DOLL "Many", NULL, NULL, VIAMC_M_SERVER_STREAM},
                          m_sum = {DOLL "Sum", NULL, NULL, VIAMC_M_CLIENT_STREAM}, m_chat = {DOLL "Chat", NULL, NULL, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM},
                          m_big = {DOLL "Big", NULL, NULL, 0}, m_none = {DOLL "None", NULL, NULL, 0}, m_keep_move = {DOLL "KeepMove", NULL, NULL, VIAMC_M_MONITORED},
                          m_keep_many = {DOLL "KeepMany", NULL, NULL, VIAMC_M_SERVER_STREAM};

static const viamc_serve doll_methods[] = {{&m_move, doll_move}, {&m_stop, doll_stop}, {&m_echo, doll_echo}, {&m_keep, doll_keep}, {&m_wait, doll_wait}, {&m_silent, doll_silent},
                                           {&m_fault, doll_fault}, {&m_many, doll_many}, {&m_sum, doll_sum}, {&m_chat, doll_chat}, {&m_big, doll_big}, {&m_none, NULL},
                                           {&m_keep_move, doll_keep}, {&m_keep_many, doll_keep}};
static const viamc_service doll_service = {"test.v1.DollService", "component", "doll", doll_methods, TEST_COUNT(doll_methods), doll_stop};

static void dolls_new(void)
{
    memset(dolls, 0, sizeof dolls);
    memset(kept, 0, sizeof kept);
    kept_count = calls = messages = ends = 0;
    gate = false;
    fault = VIAMC_OK;
    many = 3;
    size_of_many = 10;
    dolls[0].name = "d0";
    dolls[1].name = "d1";
    dolls[2].name = "d2";
    srv_new();
}

static void dolls_open(void)
{
    unsigned i;
    srv_open();
    for (i = 0; i < 3; i++)
        CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, dolls[i].name, NULL, &dolls[i], NULL), VIAMC_OK);
}

static void dolls_keys(void)
{
    srv.keys[0].id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    srv.keys[0].key = "abcdefghijklmnopqrstuvwxyz012345";
    srv.keys[1].id = "second";
    srv.keys[1].key = "other";
    srv.desc.api_keys = srv.keys;
    srv.desc.api_key_count = 2;
}

/* A server without keys and one client that has said hello. */
static peer *dolls_ready(void)
{
    dolls_open();
    peer_hello(&srv.peers[0]);
    srv_run(1);
    CHECK_EQ_INT(srv.peers[0].settings, 1);
    CHECK_EQ_INT(srv.peers[0].acks, 1);
    return &srv.peers[0];
}

static size_t auth_message(uint8_t *buf, size_t cap, const char *id, const char *type, const char *key)
{
    vmc_wr w = vmc_wr_of(buf, cap);
    size_t sub;
    vmc_wire_put_text(&w, 1, viamc_text(id));
    sub = vmc_wire_open(&w, 2);
    vmc_wire_put_text(&w, 1, viamc_text(type));
    vmc_wire_put_text(&w, 2, viamc_text(key));
    vmc_wire_close(&w, sub);
    return w.len;
}

static uint32_t authenticate(peer *p, const char *id, const char *type, const char *key)
{
    uint8_t msg[400];
    size_t n = auth_message(msg, sizeof msg, id, type, key);
    return peer_ask(p, AUTH, msg, n, "");
}

/* Authenticates and takes the token, which lasts until the next test. */
static void login(peer *p, unsigned key)
{
    static char tokens[PEERS][64];
    uint32_t id = authenticate(p, srv.keys[key].id, "api-key", srv.keys[key].key);
    viamc_bytes reply, token = viamc_view("", 0);
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_OK);
    reply = peer_reply(p, id, 0);
    CHECK(reply.len < 60 && vmc_wire_find(reply, 1, &token) == VIAMC_OK && token.len == 32);
    snprintf(tokens[p->number], sizeof tokens[0], "%.*s", (int)token.len, (const char *)token.ptr);
    p->token = tokens[p->number];
}

static uint32_t ask(peer *p, const char *path, const char *msg)
{
    return peer_ask(p, path, msg, strlen(msg), "");
}

/* Asks and waits for the answer. */
static uint32_t asked(peer *p, const char *path, const char *msg)
{
    uint32_t id = ask(p, path, msg);
    srv_run(1);
    return id;
}

/* ---- the first flight, unary calls ---- */

TEST(first_flight)
{
    peer *p;
    dolls_new();
    p = dolls_ready();
    CHECK_EQ_INT(p->max_streams, 4);
    CHECK_EQ_INT(p->initial_window, 517);
    CHECK_EQ_INT(p->acks, 1);
    CHECK_EQ_INT(srv_count("came client 0|"), 1);
    srv_close();
}

TEST(unary)
{
    peer *p;
    uint32_t id;
    dolls_new();
    p = dolls_ready();
    id = asked(p, DOLL "Echo", D0 "\x12\x03" "abc");
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_MEM(peer_of(p, id)->data, peer_of(p, id)->len, "\0\0\0\0\x09" D0 "\x12\x03" "abc", 14);
    CHECK_EQ_STR(peer_of(p, id)->fields, ":status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n");
    CHECK_EQ_INT(peer_of(p, id)->blocks, 2);
    CHECK(!peer_of(p, id)->reset);
    CHECK_EQ_INT(srv_count("call /test.v1.DollService/Echo|d0|"), 1);
    srv_close();
}

/* viam-wire H4 and H5: the second needs the first's entries in the table, and neither waits for SETTINGS. */
static const char h4[] = "8386449d63b9874af61e33a57ee15f69e33a7716cee62158da541edb085d23a4a8418b089d5c0b8170dc0be07c3f4082497f864d833505b11f5f8b1d75d0620d263d4c4d65647aa59acac8b57e"
                         "9339ea5a6b2b25068d802ed2efa9fd506aadf3f6a12bf499cf530cae10ae2fef4088ee61d31128316a4f93afd2673d5f7dc0bbc05c1f7dfb8170aedbaeff";
static const char h5[] = "8386449d63b9874af61e33a57ee15f69e33a7716cee62158dc91d89dc5420c7abfc3c2c1c0bf";

static void peer_block(peer *p, uint32_t id, const char *hex)
{
    uint8_t b[1024];
    size_t n = test_hex(hex, b, sizeof b);
    peer_frame(p, 1, 4, id, b, n);
}

TEST(x14_first_requests_before_any_settings)
{
    peer *p = &srv.peers[0];
    viamc_bytes reply, id;
    dolls_new();
    p->quiet = true; /* no SETTINGS ACK */
    dolls_open();
    peer_hello(p);
    peer_block(p, 1, h4);
    peer_message(p, 1, "", 0, true);
    peer_block(p, 3, h5);
    peer_message(p, 3, "", 0, true);
    srv_run(1);
    CHECK_ANSWER(p, 1, VIAMC_OK, "");
    CHECK_ANSWER(p, 3, VIAMC_OK, "");
    reply = peer_reply(p, 3, 0);
    CHECK_EQ_INT(vmc_wire_find(reply, 1, &id), VIAMC_OK);
    CHECK_EQ_INT(id.len, 36);
    CHECK_EQ_INT(srv_count("session |"), 1);
    srv_close();
}

/* ---- authentication ---- */

TEST(authenticate_and_bearer)
{
    peer *p;
    uint32_t id;
    dolls_new();
    dolls_keys();
    p = dolls_ready();
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_UNAUTHENTICATED, "authentication required");
    CHECK_ANSWER(p, asked(p, ROBOT "ResourceNames", ""), VIAMC_UNAUTHENTICATED, "authentication required");
    CHECK_ANSWER(p, asked(p, "/no.such.Service/Method", ""), VIAMC_UNAUTHENTICATED, "authentication required");
    id = authenticate(p, srv.keys[0].id, "api-key", "wrong");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_UNAUTHENTICATED, "invalid credentials");
    id = authenticate(p, srv.keys[1].id, "api-key", srv.keys[0].key);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_UNAUTHENTICATED, "invalid credentials");
    id = authenticate(p, "", "api-key", "");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_UNAUTHENTICATED, "invalid credentials");
    id = authenticate(p, srv.keys[0].id, "robot-secret", srv.keys[0].key);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INVALID_ARGUMENT, "do not know how to handle credential type \"robot-secret\"");
    CHECK_ANSWER(p, asked(p, AUTH, ""), VIAMC_INVALID_ARGUMENT, "credentials required");
    CHECK_ANSWER(p, asked(p, AUTH, "\x0a\x03" "abc"), VIAMC_INVALID_ARGUMENT, "credentials required");
    CHECK_EQ_INT(srv_count("refused "), 3);
    CHECK_EQ_INT(srv_count("known "), 0);
    CHECK_EQ_INT(calls, 0);
    login(p, 0);
    CHECK_EQ_INT(strlen(p->token), 32);
    CHECK_EQ_INT(srv_count("known 7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d|"), 1);
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    CHECK_ANSWER(p, asked(p, "/no.such.Service/Method", ""), VIAMC_UNIMPLEMENTED, "Unimplemented");
    id = authenticate(p, srv.keys[0].id, "api-key", srv.keys[0].key);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INVALID_ARGUMENT, "already authenticated; cannot re-authenticate");
    srv_close();
}

TEST(bearer_texts)
{
    static const struct {
        const char *fields, *text;
    } rows[] = {
        {"authorization: Basic abc\n", "expected authorization header with prefix: Bearer "},
        {"authorization: bearer abc\n", "expected authorization header with prefix: Bearer "},
        {"authorization: \n", "expected authorization header with prefix: Bearer "},
        {"authorization: Bearer\n", "expected authorization header with prefix: Bearer "},
        {"authorization: Bearer x\n", "unauthenticated: unknown token"},
        {"authorization: Bearer 00000000000000000000000000000000\n", "unauthenticated: unknown token"},
        {"authorization: Bearer a\nauthorization: Bearer b\n", "authentication required"},
    };
    char longer[300] = "authorization: Bearer ", with[80];
    const char *token;
    peer *p;
    uint32_t id;
    size_t i;
    dolls_new();
    dolls_keys();
    p = dolls_ready();
    for (i = 0; i < TEST_COUNT(rows); i++) {
        id = peer_ask(p, DOLL "Echo", D0, 4, rows[i].fields);
        srv_run(1);
        CHECK_ANSWER(p, id, VIAMC_UNAUTHENTICATED, rows[i].text);
    }
    login(p, 1);
    token = p->token;
    p->token = NULL;
    snprintf(with, sizeof with, "authorization: Bearer %s\n", token);
    id = peer_ask(p, DOLL "Echo", D0, 4, with);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    snprintf(with, sizeof with, "authorization: Bearer %sx\n", token); /* one more, one less */
    id = peer_ask(p, DOLL "Echo", D0, 4, with);
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_UNAUTHENTICATED);
    snprintf(with, sizeof with, "authorization: Bearer %.31s\n", token);
    id = peer_ask(p, DOLL "Echo", D0, 4, with);
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_UNAUTHENTICATED);
    memset(longer + strlen(longer), 'a', 200); /* longer than what is kept */
    id = peer_ask(p, DOLL "Echo", D0, 4, longer);
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_UNAUTHENTICATED);
    CHECK_EQ_INT(calls, 1);
    srv_close();
}

TEST(flood_of_wrong_keys)
{
    peer *p;
    uint32_t id = 0;
    unsigned i;
    dolls_new();
    dolls_keys();
    p = dolls_ready();
    for (i = 0; i < 10; i++) {
        CHECK(!p->closed);
        id = authenticate(p, srv.keys[0].id, "api-key", "guess");
        srv_run(1);
    }
    CHECK_ANSWER(p, id, VIAMC_UNAUTHENTICATED, "invalid credentials");
    CHECK(p->closed);
    CHECK(p->went_away);
    CHECK_EQ_INT(p->away_code, 11);
    CHECK_EQ_INT(srv_count("refused "), 10);
    CHECK_EQ_INT(srv_count("|too many wrong keys"), 1);
    peer_hello(p); /* it may come again */
    srv_run(1);
    login(p, 0);
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

TEST(no_keys_lets_everybody_in)
{
    peer *p;
    uint32_t id;
    dolls_new();
    p = dolls_ready();
    id = authenticate(p, "anyone", "api-key", "anything");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_MEM(peer_of(p, id)->data + 5, 7, "\x0a\x05viamc", 7);
    id = peer_ask(p, DOLL "Echo", D0, 4, "authorization: Bearer nonsense\n");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    srv_close();
}

/* ---- routing ---- */

TEST(unknown_names)
{
    static const char *const paths[] = {"/test.v1.DollService/Nope", "/test.v1.DollService/", "/test.v1.DollService", "/test.v1.DollServic/Echo", "/test.v1.DollServiceX/Echo",
                                        "/test.v1.DollService/Echo/x", "/", "//", "test.v1.DollService/Echo", "/test.v1.DollService/None", "/viam.robot.v1.RobotService/Shutdown",
                                        "/a/very/long/path/that/nobody/has/ever/heard/of/and/that/does/not/fit/into/what/is/kept/of/a/path/at/all/Method"};
    static const uint8_t junk[] = {0x0a, 0x50, 'x'};
    peer *p;
    uint32_t id;
    size_t i;
    dolls_new();
    p = dolls_ready();
    for (i = 0; i < TEST_COUNT(paths); i++)
        CHECK_ANSWER(p, asked(p, paths[i], D0), VIAMC_UNIMPLEMENTED, "Unimplemented");
    CHECK_ANSWER(p, asked(p, DOLL "Echo", "\x0a\x04nope"), VIAMC_NOT_FOUND, "no doll with name \"nope\" found");
    CHECK_ANSWER(p, asked(p, DOLL "Echo", ""), VIAMC_NOT_FOUND, "no doll with name \"\" found");
    id = peer_ask(p, DOLL "Echo", junk, sizeof junk, "");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INVALID_ARGUMENT, "request cannot be decoded");
    id = peer_ask(p, DOLL "Echo", "\x0a\x03\x01\xff%", 5, "");
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_NOT_FOUND);
    CHECK_EQ_STR(peer_text(p, id), "no doll with name \"%01%FF%25\" found");
    CHECK_EQ_INT(calls, 0);
    srv_close();
}

/* Requests that are not gRPC, or not whole. */
TEST(wrong_requests)
{
    static const struct {
        const char *lines;
        int status;
    } rows[] = {
        {":method: GET\n:scheme: http\n:path: /test.v1.DollService/Echo\ncontent-type: application/grpc\n", VIAMC_INVALID_ARGUMENT},
        {":method: POST\n:scheme: http\n:path: /test.v1.DollService/Echo\ncontent-type: text/html\n", VIAMC_INVALID_ARGUMENT},
        {":method: POST\n:scheme: http\n:path: /test.v1.DollService/Echo\n", VIAMC_INVALID_ARGUMENT},
        {":method: POST\n:scheme: http\n:path: /test.v1.DollService/Echo\ncontent-type: application/grpc\ngrpc-timeout: 5\n", VIAMC_INTERNAL},
        {":method: POST\n:scheme: http\n:path: /test.v1.DollService/Echo\ncontent-type: application/grpc\ngrpc-encoding: gzip\n", VIAMC_UNIMPLEMENTED},
        {":method: POST\n:scheme: http\n:path: /test.v1.DollService/Echo\ncontent-type: application/grpc+proto\ngrpc-encoding: identity\n", VIAMC_OK},
        {":method: POST\n:scheme: http\ncontent-type: application/grpc\n", -2},       /* no path: reset */
        {":method: POST\n:path: /test.v1.DollService/Echo\ncontent-type: application/grpc\n", -2},
        {":method: POST\n:scheme: http\n:path: /test.v1.DollService/Echo\nConnection: x\n", -2},
    };
    uint8_t b[1024];
    peer *p;
    size_t i;
    uint32_t id;
    dolls_new();
    p = dolls_ready();
    for (i = 0; i < TEST_COUNT(rows); i++) {
        id = p->next_id;
        p->next_id += 2;
        peer_frame(p, 1, 4, id, b, peer_put_fields(b, rows[i].lines));
        peer_message(p, id, D0, 4, true);
        srv_run(1);
        CHECK_EQ_INT(peer_status(p, id), rows[i].status);
    }
    id = peer_begin(p, DOLL "Echo", "", true); /* no message at all */
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INTERNAL, "a request must be one message");
    id = peer_begin(p, DOLL "Echo", "", false); /* two messages */
    peer_message(p, id, D0, 4, false);
    peer_message(p, id, D0, 4, true);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INTERNAL, "a request must be one message");
    id = peer_begin(p, DOLL "Echo", "", false); /* cut */
    peer_frame(p, 0, 1, id, "\0\0\0\0\x04" D0, 8);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INTERNAL, "a request must be one message");
    id = peer_begin(p, DOLL "Echo", "", false); /* compressed */
    peer_frame(p, 0, 1, id, "\1\0\0\0\x04" D0, 9);
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_UNIMPLEMENTED);
    id = peer_begin(p, DOLL "Echo", "", false); /* with trailers */
    peer_message(p, id, D0, 4, false);
    peer_frame(p, 1, 5, id, "\x00\x01x\x01y", 5);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(calls, 2);
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

TEST(robot_service)
{
    peer *p;
    uint32_t id;
    dolls_new();
    p = dolls_ready();
    id = asked(p, ROBOT "ResourceNames", "");
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_HEX(peer_of(p, id)->data, peer_of(p, id)->len, "0000000054" /* 3 times 28 */
        "0a1a0a0372646b1209636f6d706f6e656e741a04646f6c6c22026430" "0a1a0a0372646b1209636f6d706f6e656e741a04646f6c6c22026431" "0a1a0a0372646b1209636f6d706f6e656e741a04646f6c6c22026432");
    id = asked(p, ROBOT "GetOperations", "");
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(peer_of(p, id)->len, 5);
    CHECK_ANSWER(p, asked(p, ROBOT "CancelOperation", "\x0a\x03" "abc"), VIAMC_OK, "");
    CHECK_ANSWER(p, asked(p, ROBOT "BlockForOperation", "\x0a\x03" "abc"), VIAMC_OK, "");
    id = asked(p, ROBOT "GetVersion", "");
    CHECK_EQ_MEM(peer_reply(p, id, 0).ptr, peer_reply(p, id, 0).len, "\x0a\x05viamc\x12\x05" VIAMC_VERSION "\x1a\x08" VIAMC_API_VERSION, 24);
    id = asked(p, ROBOT "GetMachineStatus", "");
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(peer_reply(p, id, 0).len, 3 * 32 + 2);
    srv_close();
}

TEST(handlers_that_do_not_answer)
{
    static const struct {
        viamc_err err;
        int status;
    } rows[] = {{VIAMC_ERR_IO, VIAMC_INTERNAL}, {VIAMC_ERR_NOMEM, VIAMC_RESOURCE_EXHAUSTED}, {VIAMC_ERR_MESSAGE, VIAMC_INVALID_ARGUMENT}, {VIAMC_OK, VIAMC_INTERNAL}};
    peer *p;
    size_t i;
    dolls_new();
    p = dolls_ready();
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint32_t id;
        fault = rows[i].err;
        id = asked(p, DOLL "Fault", D0);
        CHECK_EQ_INT(peer_status(p, id), rows[i].status);
    }
    CHECK_ANSWER(p, asked(p, DOLL "Silent", D0), VIAMC_INTERNAL, "the handler did not answer");
    CHECK_ANSWER(p, asked(p, DOLL "Move", D0), VIAMC_OK, "");
    CHECK_EQ_INT(poll_inside, VIAMC_ERR_STATE);
    srv_close();
}

/* ---- sessions ---- */

/* Starts or resumes a session; the id as text. */
static const char *start_session(peer *p, const char *resume)
{
    static char ids[4][40];
    static unsigned turn;
    char msg[80], *to = ids[turn++ % 4];
    viamc_bytes id = viamc_view("", 0);
    uint32_t stream;
    size_t n = resume == NULL ? 0 : strlen(resume);
    snprintf(msg, sizeof msg, "\x0a%c%s", (char)n, resume == NULL ? "" : resume);
    stream = peer_ask(p, ROBOT "StartSession", msg, n == 0 ? 0 : n + 2, "");
    srv_run(1);
    CHECK_ANSWER(p, stream, VIAMC_OK, "");
    (void)vmc_wire_find(peer_reply(p, stream, 0), 1, &id);
    CHECK_EQ_INT(id.len, 36);
    snprintf(to, 40, "%.*s", (int)id.len, (const char *)id.ptr);
    return to;
}

static uint32_t with_session(peer *p, const char *path, const char *msg, const char *sid)
{
    char more[120];
    uint32_t id;
    snprintf(more, sizeof more, "viam-sid: %s\n", sid);
    id = peer_ask(p, path, msg, strlen(msg), more);
    srv_run(1);
    return id;
}

static uint32_t beat(peer *p, const char *sid)
{
    char msg[80];
    uint32_t id;
    snprintf(msg, sizeof msg, "\x0a%c%s", (char)strlen(sid), sid);
    id = peer_ask(p, ROBOT "SendSessionHeartbeat", msg, strlen(sid) + 2, "");
    srv_run(1);
    return id;
}

#define NOT_AN_ID "session id is not a UUID"
#define SOME_ID "11111111-2222-4333-8444-000000000001"

TEST(session_starts_lives_and_ends)
{
    peer *p;
    const char *sid;
    viamc_bytes window;
    uint32_t id;
    unsigned i;
    dolls_new();
    srv.desc.window_ms = 500;
    p = dolls_ready();
    sid = start_session(p, NULL);
    CHECK_EQ_INT(sid[14], '4');
    CHECK(sid[19] == '8' || sid[19] == '9' || sid[19] == 'a' || sid[19] == 'b');
    CHECK_EQ_INT(vmc_wire_find(peer_reply(p, 1, 0), 2, &window), VIAMC_OK);
    CHECK_EQ_HEX(window.ptr, window.len, "1080cab5ee01"); /* 500,000,000 ns */
    CHECK_ANSWER(p, with_session(p, DOLL "Move", D0, sid), VIAMC_OK, "");
    CHECK_EQ_INT(srv_count("bound /test.v1.DollService/Move|d0|"), 1);
    for (i = 0; i < 10; i++) {
        srv_run(400);
        CHECK_ANSWER(p, beat(p, sid), VIAMC_OK, "");
    }
    CHECK_EQ_INT(dolls[0].stops, 0);
    srv_run(498);
    CHECK_EQ_INT(dolls[0].stops, 0);
    srv_run(3);
    CHECK_EQ_INT(dolls[0].stops, 1);
    CHECK(!dolls[0].moving);
    CHECK_EQ_INT(dolls[1].stops, 0);
    CHECK_EQ_INT(srv_count("expired |"), 1);
    CHECK_EQ_INT(srv_count("stopped |d0|0|"), 1);
    CHECK_ANSWER(p, beat(p, sid), VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    id = with_session(p, DOLL "Move", D0, sid);
    CHECK_ANSWER(p, id, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_EQ_INT(dolls[0].moves, 1);
    CHECK_EQ_INT(dolls[0].stops, 1);
    srv_close();
}

TEST(expiry_stops_exactly_what_was_bound_last)
{
    peer *p;
    char a[40], b[40];
    dolls_new();
    srv.desc.window_ms = 500;
    p = dolls_ready();
    strcpy(a, start_session(p, NULL));
    strcpy(b, start_session(p, NULL));
    CHECK(strcmp(a, b) != 0);
    (void)with_session(p, DOLL "Move", D0, a);
    (void)with_session(p, DOLL "Move", D1, a);
    (void)with_session(p, DOLL "Move", D1, b);             /* b takes d1 over */
    (void)with_session(p, DOLL "Move", "\x0a\x02" "d2", a);
    CHECK_ANSWER(p, asked(p, DOLL "Move", "\x0a\x02" "d2"), VIAMC_OK, ""); /* bare: nobody answers for d2 any more */
    (void)with_session(p, DOLL "Echo", "\x0a\x02" "d2", a); /* not a moving call: binds nothing, and is no sign of life */
    srv_run(400);
    CHECK_ANSWER(p, beat(p, b), VIAMC_OK, "");
    srv_run(200);
    CHECK_EQ_INT(dolls[0].stops, 1);
    CHECK_EQ_INT(dolls[1].stops, 0);
    CHECK_EQ_INT(dolls[2].stops, 0);
    srv_run(500);
    CHECK_EQ_INT(dolls[0].stops, 1);
    CHECK_EQ_INT(dolls[1].stops, 1);
    CHECK_EQ_INT(dolls[2].stops, 0);
    srv_close();
}

TEST(moving_calls_are_signs_of_life)
{
    peer *p;
    const char *sid;
    unsigned i;
    dolls_new();
    srv.desc.window_ms = 500;
    p = dolls_ready();
    sid = start_session(p, NULL);
    for (i = 0; i < 5; i++) {
        srv_run(400);
        CHECK_ANSWER(p, with_session(p, DOLL "Move", D0, sid), VIAMC_OK, "");
    }
    srv_run(400);
    CHECK_EQ_STR(start_session(p, sid), sid); /* resuming too */
    srv_run(400);
    CHECK_EQ_INT(dolls[0].stops, 0);
    srv_run(101);
    CHECK_EQ_INT(dolls[0].stops, 1);
    srv_close();
}

TEST(session_resume_and_junk)
{
    peer *p;
    char a[40], upper[40];
    const char *b;
    uint32_t id;
    size_t i;
    static const char *const junk[] = {"x", "11111111-2222-4333-8444-00000000000", "11111111-2222-4333-8444-0000000000011", "11111111-2222-4333-8444-00000000000g",
                                       "111111112222-4333-8444-000000000001-", "11111111222243338444000000000001"};
    dolls_new();
    p = dolls_ready();
    strcpy(a, start_session(p, NULL));
    CHECK_EQ_STR(start_session(p, a), a);
    for (i = 0; i < 37; i++)
        upper[i] = (char)(a[i] >= 'a' && a[i] <= 'f' ? a[i] - 32 : a[i]);
    CHECK_EQ_STR(start_session(p, upper), a);
    CHECK_EQ_INT(srv_count("session ||1|"), 2);
    b = start_session(p, SOME_ID); /* unknown: a new one */
    CHECK(strcmp(a, b) != 0 && strcmp(b, SOME_ID) != 0);
    for (i = 0; i < TEST_COUNT(junk); i++) {
        char msg[80];
        snprintf(msg, sizeof msg, "\x0a%c%s", (char)strlen(junk[i]), junk[i]);
        id = ask(p, ROBOT "StartSession", msg);
        srv_run(1);
        CHECK_ANSWER(p, id, VIAMC_UNKNOWN, NOT_AN_ID);
        CHECK_ANSWER(p, beat(p, junk[i]), VIAMC_UNKNOWN, NOT_AN_ID);
        CHECK_ANSWER(p, with_session(p, DOLL "Move", D0, junk[i]), VIAMC_UNKNOWN, NOT_AN_ID);
    }
    CHECK_ANSWER(p, asked(p, ROBOT "SendSessionHeartbeat", ""), VIAMC_UNKNOWN, NOT_AN_ID);
    CHECK_ANSWER(p, beat(p, SOME_ID), VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_ANSWER(p, with_session(p, DOLL "Move", D0, SOME_ID), VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    id = peer_ask(p, DOLL "Move", D0, 4, "viam-sid: " SOME_ID "\nviam-sid: " SOME_ID "\n");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_UNKNOWN, "found more than one session id in metadata");
    CHECK_EQ_INT(dolls[0].moves, 0);
    (void)start_session(p, NULL);
    (void)start_session(p, NULL); /* the fourth */
    CHECK_ANSWER(p, asked(p, ROBOT "StartSession", ""), VIAMC_RESOURCE_EXHAUSTED, "too many concurrent sessions");
    srv_run(2100); /* all of them end */
    (void)start_session(p, NULL);
    srv_close();
}

TEST(sessions_belong_to_keys)
{
    peer *p, *q = &srv.peers[1];
    char sid[40];
    dolls_new();
    srv.desc.window_ms = 1000;
    dolls_keys();
    p = dolls_ready();
    peer_hello(q);
    srv_run(1);
    login(p, 0);
    login(q, 1);
    strcpy(sid, start_session(p, NULL));
    (void)with_session(p, DOLL "Move", D0, sid);
    srv_run(900);
    CHECK_ANSWER(q, beat(q, sid), VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED"); /* the other key's */
    CHECK_ANSWER(q, with_session(q, DOLL "Move", D0, sid), VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK(strcmp(start_session(q, sid), sid) != 0);
    srv_run(150);
    CHECK_EQ_INT(dolls[0].stops, 1); /* none of this kept it alive */
    strcpy(sid, start_session(p, NULL));
    (void)with_session(p, DOLL "Move", D0, sid);
    peer_leave(p); /* sessions outlive connections */
    peer_leave(q);
    srv_run(500);
    CHECK_EQ_INT(dolls[0].stops, 1);
    peer_hello(p);
    p->token = NULL;
    srv_run(1);
    login(p, 0);
    CHECK_EQ_STR(start_session(p, sid), sid);
    srv_run(900);
    CHECK_EQ_INT(dolls[0].stops, 1);
    srv_run(101);
    CHECK_EQ_INT(dolls[0].stops, 2);
    srv_close();
}

TEST(session_ends_between_fields_and_message)
{
    peer *p;
    char more[80];
    uint32_t id;
    dolls_new();
    srv.desc.window_ms = 500;
    p = dolls_ready();
    snprintf(more, sizeof more, "viam-sid: %s\n", start_session(p, NULL));
    srv_run(400);
    id = peer_begin(p, DOLL "Move", more, false);
    srv_run(200);
    (void)start_session(p, NULL); /* takes the same place */
    peer_message(p, id, D0, 4, true);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_EQ_INT(dolls[0].moves, 0);
    srv_close();
}

/* ---- Stops of the server's own ---- */

static peer *moved(int stop_mode)
{
    peer *p;
    dolls_new();
    srv.desc.window_ms = 500;
    p = dolls_ready();
    (void)with_session(p, DOLL "Move", D0, start_session(p, NULL));
    dolls[0].stop_mode = stop_mode;
    srv_run(495);
    CHECK_EQ_INT(dolls[0].stops, 0);
    return p;
}

TEST(stop_that_fails_is_repeated)
{
    int mode;
    for (mode = STOP_FAIL; mode <= STOP_ERROR; mode++) {
        unsigned before;
        if (mode == STOP_KEEP)
            continue;
        (void)moved(mode);
        srv_run(105);
        CHECK(dolls[0].stops >= 9 && dolls[0].stops <= 12); /* every 10 ms */
        before = dolls[0].stops;
        dolls[0].stop_mode = STOP_OK;
        srv_run(10);
        CHECK_EQ_INT(dolls[0].stops, before + 1);
        srv_run(1000);
        CHECK_EQ_INT(dolls[0].stops, before + 1);
        CHECK_EQ_INT(srv_count("stopped |d0|0|"), 1);
        srv_close();
    }
}

TEST(stop_that_is_kept)
{
    peer *p = moved(STOP_KEEP);
    srv_run(1000);
    CHECK_EQ_INT(dolls[0].stops, 1);
    REQUIRE(dolls[0].kept != NULL);
    CHECK_EQ_INT(srv_count("stopped "), 0);
    CHECK(viamc_request_method(dolls[0].kept) == NULL);
    CHECK(!viamc_request_cancelled(dolls[0].kept));
    CHECK_EQ_INT(viamc_request_send(dolls[0].kept, viamc_view("", 0)), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_fail(dolls[0].kept, VIAMC_INTERNAL, "jammed"), VIAMC_OK); /* asked again */
    srv_run(20);
    CHECK_EQ_INT(dolls[0].stops, 2);
    CHECK_EQ_INT(viamc_answer_bytes(dolls[0].kept, viamc_view("", 0)), VIAMC_OK);
    CHECK_EQ_INT(viamc_answer_bytes(dolls[0].kept, viamc_view("", 0)), VIAMC_ERR_STATE);
    srv_run(1000);
    CHECK_EQ_INT(dolls[0].stops, 2);
    CHECK_EQ_INT(srv_count("stopped |d0|0|"), 1);
    CHECK_ANSWER(p, asked(p, DOLL "Move", D0), VIAMC_OK, "");
    srv_close();
}

TEST(driven_again_before_its_stop_worked)
{
    peer *p = moved(STOP_FAIL);
    unsigned stops;
    srv_run(50);
    CHECK(dolls[0].stops > 1);
    stops = dolls[0].stops;
    CHECK_ANSWER(p, asked(p, DOLL "Move", D0), VIAMC_OK, "");
    srv_run(100);
    CHECK(dolls[0].stops <= stops + 1);
    srv_close();
}

TEST(close_stops_what_is_bound)
{
    (void)moved(STOP_OK);
    srv_close();
    CHECK_EQ_INT(dolls[0].stops, 1);
    CHECK_EQ_INT(dolls[1].stops, 0);
}

TEST(stop_all)
{
    peer *p;
    dolls_new();
    p = dolls_ready();
    (void)asked(p, DOLL "Move", D0);
    CHECK_ANSWER(p, asked(p, ROBOT "StopAll", ""), VIAMC_OK, "");
    CHECK_EQ_INT(dolls[0].stops + dolls[1].stops + dolls[2].stops, 3);
    CHECK_EQ_INT(dolls[0].extra_len, 0);
    srv_close();
}

/* P15, with the type and name of d1. */
TEST(stop_all_with_extra)
{
    static const char extra[] = "\x9a\x06\x2a\x0a\x1a\x0a\x03rdk\x12\x09" "component\x1a\x04" "doll\x22\x02" "d1\x12\x0c\x0a\x0a\x0a\x04" "fast\x12\x02\x20\x01"
                                "\x9a\x06\x2a\x0a\x1a\x0a\x03rdk\x12\x09" "component\x1a\x04" "ball\x22\x02" "d2\x12\x0c\x0a\x0a\x0a\x04" "fast\x12\x02\x20\x01"
                                "\x9a\x06\x05\x0a\x03\x22\x01" "x\x9a\x06\x02\x12\x00\x9a\x06\x00";
    peer *p;
    uint32_t id;
    dolls_new();
    p = dolls_ready();
    id = peer_ask(p, ROBOT "StopAll", extra, sizeof extra - 1, "");
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(dolls[0].extra_len, 0);
    CHECK_EQ_HEX(dolls[1].extra, dolls[1].extra_len, "0a0a0a046661737412022001");
    CHECK_EQ_INT(dolls[2].extra_len, 0);
    CHECK_EQ_INT(dolls[2].stops, 1);
    srv_close();
}

TEST(stop_all_with_failures)
{
    peer *p;
    uint32_t id;
    dolls_new();
    dolls[0].stop_mode = STOP_FAIL;
    dolls[2].stop_mode = STOP_KEEP;
    p = dolls_ready();
    id = asked(p, ROBOT "StopAll", "");
    srv_run(30);
    CHECK_EQ_INT(peer_status(p, id), -1); /* d2 has not answered */
    CHECK_EQ_INT(dolls[1].stops, 1);
    REQUIRE(dolls[2].kept != NULL);
    CHECK_EQ_INT(viamc_fail(dolls[2].kept, VIAMC_INTERNAL, ""), VIAMC_OK);
    dolls[2].stop_mode = STOP_FAIL;
    srv_run(15);
    CHECK_ANSWER(p, id, VIAMC_INTERNAL, "Failed to stop components named d0, d2");
    CHECK(dolls[0].stops > 1);
    dolls[0].stop_mode = dolls[2].stop_mode = STOP_OK;
    srv_run(20);
    CHECK_ANSWER(p, asked(p, ROBOT "StopAll", ""), VIAMC_OK, "");
    srv_close();
}

/* A StopAll that waits for a Stop is not spared it by a move that comes meanwhile. */
TEST(stop_all_against_a_later_move)
{
    peer *p;
    uint32_t id;
    unsigned stops;
    dolls_new();
    dolls[0].stop_mode = STOP_WAIT;
    p = dolls_ready();
    id = asked(p, ROBOT "StopAll", "");
    CHECK_EQ_INT(peer_status(p, id), -1);
    CHECK_ANSWER(p, asked(p, DOLL "Move", D0), VIAMC_OK, "");
    srv_run(30);
    CHECK_EQ_INT(peer_status(p, id), -1);
    stops = dolls[0].stops;
    dolls[0].stop_mode = STOP_OK;
    srv_run(20);
    CHECK_EQ_INT(dolls[0].stops, stops + 1);
    CHECK(!dolls[0].moving);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    srv_close();
}

/* ---- deadlines, kept requests, WAIT ---- */

TEST(deadlines)
{
    peer *p;
    uint32_t id, late;
    dolls_new();
    p = dolls_ready();
    id = peer_ask(p, DOLL "Wait", D0, 4, "grpc-timeout: 100m\n");
    srv_run(99);
    CHECK_EQ_INT(peer_status(p, id), -1);
    srv_run(2);
    CHECK_ANSWER(p, id, VIAMC_DEADLINE_EXCEEDED, "");
    late = peer_begin(p, DOLL "Echo", "grpc-timeout: 100m\n", false); /* its message never comes */
    srv_run(101);
    CHECK_ANSWER(p, late, VIAMC_DEADLINE_EXCEEDED, "");
    CHECK(peer_of(p, late)->reset);
    CHECK_EQ_INT(peer_of(p, late)->code, 0);
    id = peer_ask(p, DOLL "Keep", D0, 4, "grpc-timeout: 1S\n");
    srv_run(10);
    REQUIRE(kept_count == 1);
    CHECK(!viamc_request_cancelled(kept[0]));
    srv_run(1000);
    CHECK_ANSWER(p, id, VIAMC_DEADLINE_EXCEEDED, "");
    CHECK(viamc_request_cancelled(kept[0]));
    CHECK_EQ_INT(viamc_answer_bytes(kept[0], viamc_view("", 0)), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_answer_bytes(kept[0], viamc_view("", 0)), VIAMC_ERR_STATE);
    id = peer_ask(p, DOLL "Wait", D0, 4, "grpc-timeout: 1H\n");
    srv_run(5000);
    CHECK_EQ_INT(peer_status(p, id), -1);
    gate = true;
    srv_run(20);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(srv.server->peers[0].calls.live, VMC_CALL_NONE);
    srv_close();
}

TEST(deadline_cuts_a_stream)
{
    peer *p = &srv.peers[0];
    uint32_t id;
    dolls_new();
    p->quiet = true; /* gives no credit */
    many = 1000;
    size_of_many = 400;
    dolls_open();
    peer_hello(p);
    peer_hex(p, "000006040000000000 0004 000003e8"); /* INITIAL_WINDOW_SIZE 1,000 */
    id = peer_ask(p, DOLL "Many", D0, 4, "grpc-timeout: 50m\n");
    srv_run(40);
    CHECK_EQ_INT(peer_of(p, id)->len, 1000);
    srv_run(20);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_DEADLINE_EXCEEDED);
    CHECK_EQ_INT(srv.server->peers[0].calls.tx_used, 0);
    srv_run(100);
    srv_close();
}

TEST(wait_is_asked_again)
{
    peer *p;
    uint32_t id;
    unsigned before;
    dolls_new();
    p = dolls_ready();
    id = asked(p, DOLL "Wait", D0 "\x12\x01x");
    srv_run(100);
    CHECK(calls >= 10 && calls <= 16);
    before = calls;
    gate = true;
    srv_run(11);
    CHECK_EQ_INT(calls, before + 1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_MEM(peer_reply(p, id, 0).ptr, peer_reply(p, id, 0).len, D0 "\x12\x01x", 7);
    gate = false;
    id = asked(p, DOLL "Wait", D0);
    before = calls;
    peer_number_frame(p, 3, id, 8); /* RST_STREAM CANCEL */
    srv_run(1);
    srv_run(100);
    CHECK(calls <= before + 1); /* gone without another call */
    srv_close();
}

TEST(kept_and_answered_later)
{
    peer *p;
    uint32_t id[4], more;
    unsigned i;
    viamc_wait_hint hint;
    dolls_new();
    p = dolls_ready();
    for (i = 0; i < 4; i++)
        id[i] = ask(p, DOLL "Keep", i % 2 == 0 ? D0 "\x12\x03" "abc" : D1);
    srv_run(1);
    REQUIRE(kept_count == 4);
    srv_run(500);
    for (i = 0; i < 4; i++)
        CHECK_EQ_INT(peer_status(p, id[i]), -1);
    CHECK_EQ_MEM(viamc_request_message(kept[0]).ptr, viamc_request_message(kept[0]).len, D0 "\x12\x03" "abc", 9);
    CHECK(viamc_str_eq(viamc_request_name(kept[1]), viamc_text("d1")));
    more = asked(p, DOLL "Echo", D0); /* all places are taken */
    CHECK_EQ_INT(peer_status(p, more), -2);
    CHECK_EQ_INT(peer_of(p, more)->code, 7); /* REFUSED_STREAM */
    CHECK_EQ_INT(viamc_fail(kept[0], 0, "x"), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_fail(kept[0], 17, "x"), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_fail(kept[0], VIAMC_ABORTED, "no % more"), VIAMC_OK);
    CHECK_EQ_INT(viamc_fail(kept[0], VIAMC_ABORTED, "twice"), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_request_keep(kept[0]), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_request_send(kept[1], viamc_view("", 0)), VIAMC_ERR_STATE); /* not a stream */
    CHECK_EQ_INT(viamc_answer_bytes(kept[3], viamc_view("three", 5)), VIAMC_OK);
    CHECK_EQ_INT(viamc_answer_bytes(kept[1], viamc_view("one", 3)), VIAMC_OK);
    viamc_server_wait(srv.server, srv.loop.now, &hint);
    CHECK_EQ_INT(hint.ms, 0);
    srv_run(1);
    CHECK_ANSWER(p, id[0], VIAMC_ABORTED, "no %25 more");
    CHECK_EQ_MEM(peer_of(p, id[1])->data, peer_of(p, id[1])->len, "\0\0\0\0\3one", 8);
    CHECK_ANSWER(p, id[1], VIAMC_OK, "");
    CHECK_EQ_INT(peer_status(p, id[2]), -1);
    CHECK_EQ_MEM(peer_of(p, id[3])->data, peer_of(p, id[3])->len, "\0\0\0\0\5three", 10);
    peer_number_frame(p, 3, id[2], 8); /* the client gives up: the handler learns when it looks */
    srv_run(1);
    CHECK(viamc_request_cancelled(kept[2]));
    CHECK_EQ_INT(srv.server->peers[0].calls.live, 2);
    CHECK_EQ_INT(viamc_fail(kept[2], VIAMC_ABORTED, ""), VIAMC_ERR_CLOSED);
    srv_run(1);
    CHECK_EQ_INT(srv.server->peers[0].calls.live, VMC_CALL_NONE);
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

/* Between the answer and the next poll nothing but octets happens: a place that was let go must be free for what they bring. */
TEST(place_of_an_answered_request_is_free_at_once)
{
    peer *p;
    uint32_t id, next;
    dolls_new();
    srv.desc.max_requests = 1;
    p = dolls_ready();
    id = asked(p, DOLL "Keep", D0);
    REQUIRE(kept_count == 1);
    peer_number_frame(p, 3, id, 8);
    srv_run(1);
    CHECK_EQ_INT(viamc_answer_bytes(kept[0], viamc_view("", 0)), VIAMC_ERR_CLOSED);
    next = asked(p, DOLL "Echo", D0);
    CHECK_ANSWER(p, next, VIAMC_OK, "");
    srv_close();
}

TEST(peer_vanishes_with_kept_requests)
{
    peer *p;
    uint32_t id;
    unsigned i;
    dolls_new();
    p = dolls_ready();
    (void)ask(p, DOLL "Keep", D0 "\x12\x03" "abc");
    (void)ask(p, DOLL "Keep", D1);
    (void)ask(p, DOLL "Wait", D1);
    srv_run(1);
    REQUIRE(kept_count == 2);
    peer_leave(p);
    srv_run(10);
    CHECK_EQ_INT(srv_count("left "), 1);
    CHECK(viamc_request_cancelled(kept[0]));
    CHECK_EQ_MEM(viamc_request_message(kept[0]).ptr, viamc_request_message(kept[0]).len, D0 "\x12\x03" "abc", 9);
    peer_hello(p); /* a new client takes the place, two requests of which are the old one's */
    srv_run(1);
    for (i = 0; i < 2; i++) {
        id = ask(p, DOLL "Echo", D0);
        (void)ask(p, DOLL "Echo", D1);
        srv_run(1);
        CHECK_ANSWER(p, id, VIAMC_OK, "");
        CHECK_ANSWER(p, id + 2, VIAMC_OK, "");
    }
    CHECK_EQ_MEM(viamc_request_message(kept[0]).ptr, viamc_request_message(kept[0]).len, D0 "\x12\x03" "abc", 9);
    CHECK_EQ_INT(viamc_answer_bytes(kept[0], viamc_view("x", 1)), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_fail(kept[1], VIAMC_ABORTED, ""), VIAMC_ERR_CLOSED);
    id = p->next_id;
    for (i = 0; i < 4; i++)
        (void)ask(p, DOLL "Echo", D0);
    srv_run(1);
    for (i = 0; i < 4; i++)
        CHECK_ANSWER(p, id + 2 * i, VIAMC_OK, "");
    srv_close();
}

/* ---- streams ---- */

TEST(server_stream)
{
    peer *p;
    uint32_t id;
    unsigned i;
    dolls_new();
    p = dolls_ready();
    id = asked(p, DOLL "Many", D0);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    for (i = 0; i < 3; i++)
        CHECK_EQ_INT(peer_reply(p, id, i).len, 10);
    CHECK(peer_reply(p, id, 3).ptr == (const uint8_t *)peer_nothing);
    many = 0;
    id = asked(p, DOLL "Many", D0);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(peer_of(p, id)->blocks, 1); /* trailers alone */
    many = 1000;
    size_of_many = 300;
    id = asked(p, DOLL "Many", D0);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(peer_of(p, id)->len, 305000);
    size_of_many = 508; /* half of tx is 512: 507 and a prefix */
    CHECK_EQ_INT(peer_status(p, asked(p, DOLL "Many", D0)), VIAMC_RESOURCE_EXHAUSTED);
    size_of_many = 507;
    many = 10;
    CHECK_ANSWER(p, asked(p, DOLL "Many", D0), VIAMC_OK, "");
    srv_close();
}

/* A stream whose client gives no credit leaves room for unary calls and Stops. */
TEST(server_stream_without_credit)
{
    peer *p = &srv.peers[0];
    uint32_t id, other;
    dolls_new();
    p->quiet = true;
    many = 1000;
    size_of_many = 100;
    dolls_open();
    peer_hello(p);
    peer_hex(p, "000006040000000000 0004 00000064"); /* 100 */
    id = ask(p, DOLL "Many", D0);
    srv_run(100);
    CHECK_EQ_INT(peer_of(p, id)->len, 100);
    other = asked(p, DOLL "Echo", D0);
    CHECK_ANSWER(p, other, VIAMC_OK, "");
    other = asked(p, DOLL "Stop", D0);
    CHECK_ANSWER(p, other, VIAMC_OK, "");
    peer_number_frame(p, 8, id, 1000);
    srv_run(1);
    CHECK_EQ_INT(peer_of(p, id)->len, 1100);
    peer_number_frame(p, 3, id, 8);
    srv_run(100);
    CHECK_EQ_INT(peer_of(p, id)->len, 1100);
    CHECK_EQ_INT(srv.server->peers[0].calls.tx_used, 0);
    CHECK_EQ_INT(srv.server->peers[0].calls.live, VMC_CALL_NONE);
    srv_close();
}

TEST(client_stream)
{
    peer *p;
    uint32_t id;
    unsigned i;
    dolls_new();
    p = dolls_ready();
    id = peer_begin(p, DOLL "Sum", "", false);
    for (i = 0; i < 20; i++) {
        peer_message(p, id, D0 "\x12\x02xy", 8, false);
        if (i % 3 == 0)
            srv_run(1);
    }
    peer_message(p, id, "", 0, true);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_HEX(peer_reply(p, id, 0).ptr, peer_reply(p, id, 0).len, "000000a0");
    CHECK_EQ_INT(messages, 21);
    CHECK_EQ_INT(ends, 1);
    id = peer_begin(p, DOLL "Sum", "", true); /* ends before it begins: nobody is named */
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_NOT_FOUND, "no doll with name \"\" found");
    id = peer_begin(p, DOLL "Sum", "", false);
    peer_message(p, id, D0, 4, false);
    peer_frame(p, 0, 1, id, "\0\0\0", 3);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_INTERNAL, "the stream ended inside a message");
    CHECK_EQ_INT(ends, 1);
    id = peer_begin(p, DOLL "Sum", "", false); /* more than a window, as credit comes */
    for (i = 0; i < 40; i++) {
        static uint8_t msg[500] = {0x0a, 2, 'd', '0', 0x12, 0xed, 3};
        peer_message(p, id, msg, sizeof msg, false);
        srv_run(1);
    }
    CHECK(peer_of(p, id)->credit >= 39 * 505);
    peer_frame(p, 0, 1, id, "", 0);
    srv_run(1);
    CHECK_EQ_HEX(peer_reply(p, id, 0).ptr, peer_reply(p, id, 0).len, "00004e20");
    srv_close();
}

TEST(both_streams)
{
    peer *p;
    uint32_t id;
    unsigned i;
    dolls_new();
    p = dolls_ready();
    id = peer_begin(p, DOLL "Chat", "", false);
    srv_run(5);
    for (i = 0; i < 10; i++) {
        uint8_t msg[7] = {0x0a, 2, 'd', '0', 0x12, 1, (uint8_t)('0' + i)};
        peer_message(p, id, msg, 7, false);
        srv_run(1);
        CHECK_EQ_MEM(peer_reply(p, id, i).ptr, peer_reply(p, id, i).len, msg, 7);
        CHECK_EQ_INT(peer_status(p, id), -1);
    }
    peer_frame(p, 0, 1, id, "", 0);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(ends, 1);
    srv_close();
}

/* Many streams at once, none of whose messages gets lost when tx is full. */
TEST(both_streams_without_credit)
{
    peer *p = &srv.peers[0];
    uint32_t id;
    unsigned i;
    dolls_new();
    p->quiet = true;
    dolls_open();
    peer_hello(p);
    peer_hex(p, "000006040000000000 0004 00000000" "000000040100000000");
    id = peer_begin(p, DOLL "Chat", "", false);
    for (i = 0; i < 5; i++) {
        static uint8_t msg[90] = {0x0a, 2, 'd', '0', 0x12, 84};
        msg[20] = (uint8_t)i;
        peer_message(p, id, msg, sizeof msg, i == 4);
    }
    srv_run(200);
    CHECK_EQ_INT(peer_of(p, id)->len, 0);
    CHECK_EQ_INT(ends, 1);
    peer_number_frame(p, 8, id, 10000);
    srv_run(20);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    for (i = 0; i < 5; i++)
        CHECK(peer_reply(p, id, i).len == 90 && peer_reply(p, id, i).ptr[20] == i);
    srv_close();
}

static viamc_err keep_third(viamc_request *rq, viamc_bytes msg)
{
    if (messages++ < 2)
        return VIAMC_OK;
    kept[kept_count++] = rq;
    CHECK(msg.ptr == viamc_request_message(rq).ptr);
    return viamc_request_keep(rq);
}

/* A kept message stays where it is, whatever came before it and comes after. */
TEST(client_stream_kept_in_its_middle)
{
    static const viamc_method m = {"/test.v1.KeepService/Third", NULL, NULL, VIAMC_M_CLIENT_STREAM};
    static const viamc_serve methods[] = {{&m, keep_third}};
    static const viamc_service service = {"test.v1.KeepService", "", "", methods, 1, NULL};
    peer *p;
    uint32_t id;
    unsigned i;
    const uint8_t *where;
    dolls_new();
    p = dolls_ready();
    CHECK_EQ_INT(viamc_server_add(srv.server, &service, "", NULL, NULL, NULL), VIAMC_OK);
    id = peer_begin(p, "/test.v1.KeepService/Third", "", false);
    for (i = 0; i < 4; i++) {
        uint8_t msg[60];
        memset(msg, 'a' + (int)i, sizeof msg);
        msg[0] = 0x12;
        msg[1] = 58;
        peer_message(p, id, msg, sizeof msg, i == 3);
    }
    srv_run(10);
    REQUIRE(kept_count == 1);
    where = viamc_request_message(kept[0]).ptr;
    for (i = 2; i < 60; i++)
        CHECK_EQ_INT(where[i], 'c');
    srv_run(100);
    for (i = 2; i < 60; i++)
        CHECK_EQ_INT(where[i], 'c');
    CHECK_EQ_INT(messages, 3);
    CHECK_EQ_INT(viamc_answer_bytes(kept[0], viamc_request_message(kept[0])), VIAMC_OK);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(peer_reply(p, id, 0).ptr[59], 'c');
    srv_close();
}

TEST(kept_stream)
{
    peer *p;
    uint32_t id;
    dolls_new();
    p = dolls_ready();
    id = asked(p, DOLL "KeepMany", D0);
    REQUIRE(kept_count == 1);
    CHECK_EQ_INT(viamc_request_send(kept[0], viamc_view("a", 1)), VIAMC_OK);
    srv_run(1);
    CHECK_EQ_INT(peer_of(p, id)->len, 6);
    srv_run(100);
    CHECK_EQ_INT(viamc_request_send(kept[0], viamc_view("b", 1)), VIAMC_OK);
    CHECK_EQ_INT(viamc_request_end(kept[0]), VIAMC_OK);
    CHECK_EQ_INT(viamc_request_end(kept[0]), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_request_send(kept[0], viamc_view("c", 1)), VIAMC_ERR_STATE);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_MEM(peer_of(p, id)->data, peer_of(p, id)->len, "\0\0\0\0\1a\0\0\0\0\1b", 12);
    id = asked(p, DOLL "KeepMany", D0);
    peer_number_frame(p, 3, id, 8);
    srv_run(1);
    CHECK_EQ_INT(viamc_request_send(kept[1], viamc_view("c", 1)), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_request_end(kept[1]), VIAMC_ERR_CLOSED);
    srv_run(1);
    CHECK_EQ_INT(srv.server->peers[0].calls.live, VMC_CALL_NONE);
    srv_close();
}

/* ---- limits ---- */

TEST(too_many_streams)
{
    peer *p;
    uint32_t id[6];
    unsigned i;
    dolls_new();
    p = dolls_ready();
    for (i = 0; i < 6; i++)
        id[i] = ask(p, DOLL "Wait", D0);
    srv_run(5);
    for (i = 0; i < 4; i++)
        CHECK_EQ_INT(peer_status(p, id[i]), -1);
    for (i = 4; i < 6; i++) {
        CHECK_EQ_INT(peer_status(p, id[i]), -2);
        CHECK_EQ_INT(peer_of(p, id[i])->code, 7);
    }
    gate = true;
    srv_run(20);
    for (i = 0; i < 4; i++)
        CHECK_ANSWER(p, id[i], VIAMC_OK, "");
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

/* Before it has our SETTINGS a client may send 65,535 octets a stream: counted, dropped, that stream refused, the others not. */
TEST(early_data_beyond_the_window)
{
    static uint8_t msg[4000] = {0x0a, 2, 'd', '0', 0x12, 0x89, 3};
    peer *p = &srv.peers[0];
    uint32_t id, other;
    dolls_new();
    p->quiet = true;
    dolls_open();
    peer_hello(p);
    id = peer_begin(p, DOLL "Echo", "", false);
    peer_frame(p, 0, 0, id, "\0\0\0\1\x90" D0 "\x12\x89\x03", 12); /* 400 octets: fits */
    peer_frame(p, 0, 1, id, msg, 393);
    other = peer_begin(p, DOLL "Sum", "", false);
    peer_message(p, other, msg, 400, false);
    peer_message(p, other, msg, 400, false); /* the slot takes the first */
    peer_frame(p, 0, 0, other, msg, sizeof msg);
    srv_run(1);
    CHECK_EQ_INT(peer_status(p, id), VIAMC_OK);
    CHECK_EQ_INT(peer_status(p, other), -2);
    CHECK_EQ_INT(peer_of(p, other)->code, 7);
    CHECK(!p->closed);
    peer_frame(p, 4, 1, 0, "", 0); /* SETTINGS ACK */
    id = asked(p, DOLL "Echo", D0);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    id = peer_begin(p, DOLL "Echo", "", false); /* now it is an error of the connection */
    peer_message(p, id, msg, sizeof msg, true);
    srv_run(1);
    CHECK(p->went_away && p->closed);
    CHECK_EQ_INT(p->away_code, 3);
    srv_close();
}

TEST(early_data_of_a_large_request)
{
    static uint8_t msg[20000] = {0x0a, 2, 'd', '0', 0x12, 0x98, 0x9c, 1};
    peer *p = &srv.peers[0];
    uint32_t id;
    dolls_new();
    srv.desc.rx_bytes = sizeof msg;
    p->quiet = true;
    dolls_open();
    peer_hello(p);
    id = peer_begin(p, DOLL "Big", "", false);
    peer_message(p, id, msg, sizeof msg, true);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    CHECK_EQ_INT(vmc_be32(peer_reply(p, id, 0).ptr), sizeof msg);
    peer_frame(p, 4, 1, 0, "", 0);
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

static uint8_t large_msg[12000];

/* Sends octets of a large message from `at` as far as the server's credit goes; how far it got. */
static size_t send_large(peer *p, uint32_t id, size_t len, size_t at, bool end)
{
    size_t limit = p->initial_window + peer_of(p, id)->credit;
    uint8_t head[5] = {0};
    vmc_put_be32(head + 1, (uint32_t)len);
    if (at == 0) {
        peer_frame(p, 0, 0, id, head, 5);
        at = 5;
    }
    if (at < limit && at < len + 5) {
        size_t n = vmc_min(vmc_min(limit - at, len + 5 - at), 5000);
        peer_frame(p, 0, end && at + n == len + 5, id, large_msg + at - 5, n);
        at += n;
    }
    return at;
}

static void large_new(uint32_t rx)
{
    size_t i;
    for (i = 0; i < sizeof large_msg; i++)
        large_msg[i] = (uint8_t)(i * 7 + i / 256);
    memcpy(large_msg, D0 "\x12\x89\x4e", 7); /* 9,993 octets: together 10,000 */
    dolls_new();
    srv.desc.rx_bytes = rx;
}

static uint32_t sum_of(size_t len)
{
    uint32_t sum = 0;
    size_t i;
    for (i = 0; i < len; i++)
        sum = sum * 31u + large_msg[i];
    return sum;
}

static void check_large(peer *p, uint32_t id, size_t len)
{
    viamc_bytes r = peer_reply(p, id, 0);
    CHECK_ANSWER(p, id, VIAMC_OK, "");
    REQUIRE(r.len == 8);
    CHECK_EQ_INT(vmc_be32(r.ptr), len);
    CHECK_EQ_INT(vmc_be32(r.ptr + 4), sum_of(len));
}

TEST(large_request)
{
    peer *p;
    uint32_t id;
    size_t at = 0, i;
    large_new(10000);
    p = dolls_ready();
    id = peer_begin(p, DOLL "Big", "", false);
    for (i = 0; i < 50 && at < 10005; i++) {
        at = send_large(p, id, 10000, at, true);
        srv_run(1);
    }
    check_large(p, id, 10000);
    CHECK(i < 10); /* the whole message was credited */
    id = peer_begin(p, DOLL "Big", "", false);
    (void)send_large(p, id, 10001, 0, true);
    srv_run(1);
    CHECK_ANSWER(p, id, VIAMC_RESOURCE_EXHAUSTED, "message larger than this robot takes");
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

/* Two peers, one buffer: the second waits in its slot, and goes on at once when the first is done. */
TEST(large_requests_of_two_peers)
{
    peer *p, *q = &srv.peers[1];
    uint32_t a, b, other;
    size_t at_a = 0, at_b = 0, i;
    viamc_ms began;
    large_new(10000);
    p = dolls_ready();
    peer_hello(q);
    srv_run(1);
    p->quiet = true; /* nothing that it sends afterwards wakes the server */
    a = peer_begin(p, DOLL "Big", "", false);
    b = peer_begin(q, DOLL "Big", "", false);
    for (i = 0; i < 5; i++) {
        if (at_a < 5000)
            at_a = send_large(p, a, 10000, at_a, true);
        at_b = send_large(q, b, 10000, at_b, true);
        srv_run(1);
    }
    CHECK_EQ_INT(at_b, 517);
    CHECK_EQ_INT(peer_of(q, b)->credit, 0);
    other = asked(q, DOLL "Echo", D0); /* small ones never wait */
    CHECK_ANSWER(q, other, VIAMC_OK, "");
    began = srv.loop.now;
    for (i = 0; i < 10 && at_a < 10005; i++) {
        at_a = send_large(p, a, 10000, at_a, true);
        srv_run(1);
    }
    check_large(p, a, 10000);
    for (i = 0; i < 10 && at_b < 10005; i++) {
        at_b = send_large(q, b, 10000, at_b, true);
        srv_run(1);
    }
    check_large(q, b, 10000);
    CHECK(srv.loop.now - began < 50);
    srv_close();
}

/* Who keeps the large buffer waiting loses it: not in time, no key, gone, given up. */
TEST(large_request_that_does_not_come)
{
    peer *p, *q = &srv.peers[1];
    uint32_t a, b;
    size_t at, i;
    unsigned how;
    for (how = 0; how < 3; how++) {
        large_new(10000);
        p = dolls_ready();
        peer_hello(q);
        srv_run(1);
        a = peer_begin(p, DOLL "Big", "", false);
        (void)send_large(p, a, 10000, 0, true);
        srv_run(1);
        b = peer_begin(q, DOLL "Big", "", false);
        at = send_large(q, b, 10000, 0, true);
        srv_run(9000);
        CHECK_EQ_INT(peer_status(p, a), -1);
        CHECK_EQ_INT(peer_of(q, b)->credit, 0);
        if (how == 0) {
            srv_run(1001);
            CHECK_ANSWER(p, a, VIAMC_RESOURCE_EXHAUSTED, "large request did not arrive in time");
        } else if (how == 1) {
            peer_leave(p);
            srv_run(2);
        } else {
            peer_number_frame(p, 3, a, 8);
            srv_run(2);
        }
        CHECK(peer_of(q, b)->credit > 9000);
        for (i = 0; i < 10 && at < 10005; i++) {
            at = send_large(q, b, 10000, at, true);
            srv_run(1);
        }
        check_large(q, b, 10000);
        srv_close();
    }
}

TEST(large_request_of_a_stranger)
{
    peer *p;
    uint32_t id;
    size_t at;
    large_new(10000);
    dolls_keys();
    p = dolls_ready();
    id = peer_begin(p, AUTH, "", false); /* the only path without a token */
    at = send_large(p, id, 10000, 0, true);
    srv_run(2);
    CHECK_ANSWER(p, id, VIAMC_RESOURCE_EXHAUSTED, "request too large");
    CHECK_EQ_INT(at, 517);
    login(p, 0);
    CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

/* A stuck peer, whose answers do not leave, holds nothing that others need. */
TEST(large_buffer_of_a_peer_that_does_not_read)
{
    peer *p, *q = &srv.peers[1];
    uint32_t a, b;
    size_t at, i;
    large_new(10000);
    p = dolls_ready();
    peer_hello(q);
    srv_run(1);
    srv.loop.link[0].pipe[VMC_LOOP_TO_CLIENT].line.capacity = 1; /* nothing more gets through to p */
    a = peer_begin(p, DOLL "Big", "grpc-timeout: 100m\n", false);
    (void)send_large(p, a, 10000, 0, true);
    srv.loop.link[0].pipe[VMC_LOOP_TO_CLIENT].line.delay_ms = 1000000;
    srv_run(200);
    b = peer_begin(q, DOLL "Big", "", false);
    at = send_large(q, b, 10000, 0, true);
    srv_run(5);
    CHECK(peer_of(q, b)->credit > 9000);
    for (i = 0; i < 10 && at < 10005; i++) {
        at = send_large(q, b, 10000, at, true);
        srv_run(1);
    }
    check_large(q, b, 10000);
    srv_close();
}

/* ---- time ---- */

TEST(greeting_in_time)
{
    peer *p = &srv.peers[0], *q = &srv.peers[1];
    dolls_new();
    p->quiet = q->quiet = true; /* an answer to SETTINGS would be a beginning */
    dolls_open();
    peer_connect(p);
    peer_connect(q);
    peer_push(q, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    srv_run(9990);
    CHECK(!p->closed && !q->closed);
    srv_run(20);
    CHECK(p->closed && q->closed);
    CHECK_EQ_INT(srv_count("|did not begin in time"), 2);
    srv_close();
}

TEST(key_in_time)
{
    peer *p, *q = &srv.peers[1];
    dolls_new();
    dolls_keys();
    p = dolls_ready();
    peer_hello(q);
    srv_run(1);
    login(q, 1);
    srv_run(10000);
    CHECK(!p->closed);
    (void)asked(p, DOLL "Echo", D0);
    srv_run(10010);
    CHECK(p->closed);
    CHECK_EQ_INT(srv_count("|did not show a key in time"), 1);
    srv_run(40000);
    CHECK(!q->closed); /* it answers PING */
    CHECK(q->pings >= 1);
    q->quiet = true;
    srv_run(9000);
    CHECK(!q->closed);
    srv_run(30000);
    CHECK(q->closed);
    CHECK_EQ_INT(srv_count("|said nothing for too long"), 1);
    srv_close();
}

TEST(places_for_peers)
{
    peer *p;
    dolls_new();
    p = dolls_ready();
    peer_hello(&srv.peers[1]);
    srv_run(1);
    CHECK_EQ_INT(srv.peers[1].settings, 1);
    peer_hello(&srv.peers[2]); /* the third waits */
    srv_run(1000);
    CHECK_EQ_INT(srv.peers[2].settings, 0);
    peer_leave(p);
    srv_run(1);
    CHECK_EQ_INT(srv.peers[2].settings, 1);
    CHECK_ANSWER(&srv.peers[2], asked(&srv.peers[2], DOLL "Echo", D0), VIAMC_OK, "");
    srv_close();
}

TEST(goodbye)
{
    peer *p;
    dolls_new();
    p = dolls_ready();
    srv_close();
    peer_turn(p);
    CHECK(p->went_away && p->closed);
    CHECK_EQ_INT(p->away_code, 0);
}

/* ---- memory ---- */

static const viamc_bytes some_cert[] = {{(const uint8_t *)"0", 1}};

static void macro_row(const char *name, size_t macro, uint8_t profile, bool tls, uint8_t peers, uint8_t requests, uint32_t rx)
{
    viamc_server_desc d = VIAMC_ZERO;
    viamc_api_key keys[8];
    size_t need, i;
    d.port = vmc_loop_server_port();
    d.profile = profile;
    d.max_peers = peers;
    d.max_requests = requests;
    d.rx_bytes = rx;
    if (tls) {
        d.cert_chain = some_cert;
        d.cert_count = 1;
        d.key = some_cert[0];
    }
    for (i = 0; i < 8; i++)
        keys[i].id = keys[i].key = "x";
    d.api_keys = keys;
    d.api_key_count = 8;
    need = viamc_server_mem_size(&d);
    if (macro < need || macro > need + need / 20) {
        printf("  %s(%u, %u, %lu) = %lu, needed with 8 keys %lu\n", name, peers, requests, (unsigned long)rx, (unsigned long)macro, (unsigned long)need);
        CHECK(macro >= need);
        CHECK(macro <= need + need / 20);
    }
}

TEST(memory_macros)
{
    static const uint8_t ns[] = {1, 2, 4, 16};
    size_t i, k;
    for (i = 0; i < 4; i++)
        for (k = 0; k < 4; k++) {
            uint8_t p = ns[i], r = ns[k];
            macro_row("VIAMC_SERVER_MEM", VIAMC_SERVER_MEM(p, r, 0), VIAMC_HOST, true, p, r, 0);
            macro_row("VIAMC_SERVER_MEM", VIAMC_SERVER_MEM(p, r, 100000), VIAMC_HOST, true, p, r, 100000);
            macro_row("VIAMC_SERVER_MEM_SMALL", VIAMC_SERVER_MEM_SMALL(p, r, 0), VIAMC_BOARD, true, p, r, 0);
            macro_row("VIAMC_SERVER_MEM_SMALL", VIAMC_SERVER_MEM_SMALL(p, r, 1001), VIAMC_BOARD, true, p, r, 1001);
            macro_row("VIAMC_SERVER_MEM_PLAIN", VIAMC_SERVER_MEM_PLAIN(p, r, 0), VIAMC_BOARD, false, p, r, 0);
            macro_row("VIAMC_SERVER_MEM_PLAIN", VIAMC_SERVER_MEM_PLAIN(p, r, 3333), VIAMC_BOARD, false, p, r, 3333);
        }
}

TEST(memory_is_exact)
{
    size_t need, skip;
    char text[100], want[100];
    dolls_new();
    srv.desc.rx_bytes = 777;
    srv.desc.slot_bytes = 111;
    dolls_keys();
    need = viamc_server_mem_size(&srv.desc);
    for (skip = 0; skip < 17; skip++) {
        uint8_t *block = (uint8_t *)malloc(need + skip); /* the sanitizer watches both ends */
        REQUIRE(block != NULL);
        CHECK_EQ_INT(viamc_server_init(block + skip, need, &srv.desc, &srv.server), VIAMC_OK);
        if (skip % 8 == 0) {
            peer *p = &srv.peers[0];
            CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, "d0", NULL, &dolls[0], NULL), VIAMC_OK);
            p->token = NULL;
            peer_hello(p);
            srv_run(1);
            login(p, 0);
            CHECK_ANSWER(p, asked(p, DOLL "Echo", D0), VIAMC_OK, "");
        }
        srv_close();
        peer_leave(&srv.peers[0]);
        free(block);
    }
    for (skip = 0; skip < 16; skip++) { /* what the alignment leaves over is all that may be missing */
        uint8_t *block = (uint8_t *)malloc(need + skip);
        viamc_err err;
        REQUIRE(block != NULL);
        err = viamc_server_init(block + skip, need - VMC_ALIGN, &srv.desc, &srv.server);
        CHECK_EQ_INT(err, VIAMC_ERR_NOMEM);
        CHECK(srv.server != NULL);
        CHECK_EQ_INT(viamc_server_error(srv.server).code, VIAMC_ERR_NOMEM);
        CHECK_EQ_INT(viamc_server_error(srv.server).detail, need);
        CHECK_EQ_INT(viamc_server_poll(srv.server, 0), VIAMC_ERR_STATE);
        (void)viamc_server_explain(srv.server, text, sizeof text);
        {
            vmc_wr w = vmc_wr_of(want, sizeof want - 1);
            vmc_wr_text(&w, "NOMEM: server needs ");
            vmc_wr_grouped(&w, (uint32_t)need);
            vmc_wr_text(&w, " bytes, ");
            vmc_wr_grouped(&w, (uint32_t)(need - VMC_ALIGN));
            vmc_wr_text(&w, " given");
            want[w.len] = '\0';
        }
        CHECK_EQ_STR(text, want);
        viamc_server_close(srv.server);
        free(block);
    }
    {
        uint8_t *block = (uint8_t *)malloc(need + 1); /* the worst alignment: one octet less is too little */
        REQUIRE(block != NULL);
        CHECK_EQ_INT(viamc_server_init(block + 1, need - 1, &srv.desc, &srv.server), VIAMC_ERR_NOMEM);
        viamc_server_close(srv.server);
        free(block);
    }
    {
        static uint8_t small[8];
        CHECK_EQ_INT(viamc_server_init(small, sizeof small, &srv.desc, &srv.server), VIAMC_ERR_NOMEM);
        CHECK(srv.server == NULL);
        (void)viamc_server_explain(NULL, text, sizeof text);
        CHECK_EQ_STR(text, "NOMEM: memory too small");
        viamc_server_close(NULL);
    }
}

TEST(wrong_descs)
{
    char text[120];
    unsigned i;
    for (i = 0; i < 12; i++) {
        dolls_new();
        dolls_keys();
        switch (i) {
        case 0: srv.desc.guard = 1; break;
        case 1: srv.desc.guard_end = 1; break;
        case 2: srv.desc.profile = 7; break;
        case 3: srv.desc.port = NULL; break;
        case 4: srv.desc.port = vmc_loop_port(); break; /* cannot accept */
        case 5: srv.desc.max_peers = 251; break;
        case 6: srv.keys[1].key = ""; break;
        case 7: srv.desc.window_ms = 29; break;
        case 8: srv.desc.window_ms = 60001; break;
        case 9: srv.desc.tx_bytes = 255; break;
        case 10: srv.desc.in_bytes = 63; break;
        default: srv.desc.cert_chain = some_cert; srv.desc.cert_count = 1; break;
        }
        CHECK_EQ_INT(viamc_server_mem_size(&srv.desc), 0);
        CHECK_EQ_INT(viamc_server_init(srv.memory, sizeof srv.memory, &srv.desc, &srv.server), VIAMC_ERR_ARG);
        REQUIRE(srv.server != NULL);
        CHECK_EQ_INT(viamc_server_error(srv.server).code, VIAMC_ERR_ARG);
        CHECK(viamc_server_explain(srv.server, text, sizeof text) > 10);
        CHECK_EQ_INT(viamc_server_poll(srv.server, 0), VIAMC_ERR_STATE);
        CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, "d0", NULL, NULL, NULL), VIAMC_ERR_STATE);
        viamc_server_close(srv.server);
    }
    dolls_new();
    dolls_keys();
    srv.loop.end[VMC_LOOP_CLIENTS].fault.kind = VMC_LOOP_RANDOM;
    srv.loop.end[VMC_LOOP_CLIENTS].fault.at = 1;
    srv.loop.end[VMC_LOOP_CLIENTS].fault.err = VIAMC_WAIT;
    CHECK_EQ_INT(viamc_server_init(srv.memory, sizeof srv.memory, &srv.desc, &srv.server), VIAMC_ERR_ENTROPY);
    CHECK_EQ_INT(viamc_server_poll(srv.server, 0), VIAMC_ERR_STATE);
    viamc_server_close(srv.server);
}

TEST(adding_resources)
{
    static const viamc_service bare = {"test.v1.BareService", "", "", NULL, 0, NULL};
    char longest[130];
    viamc_resource *r;
    dolls_new();
    srv.desc.max_resources = 3;
    srv_open();
    memset(longest, 'n', 129);
    longest[129] = '\0';
    CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, "", NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, longest, NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, longest + 1, NULL, NULL, &r), VIAMC_OK);
    CHECK_EQ_INT(viamc_resource_name(r).len, 128);
    CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, longest + 1, NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(srv.server, &bare, "x", NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(srv.server, &bare, "", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(srv.server, &bare, "", NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, "b", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(srv.server, &doll_service, "c", NULL, NULL, NULL), VIAMC_ERR_NOMEM);
    srv_close();
}

/* ---- a whole conversation ---- */

/* viam-wire 5.7, row 1: what the Python SDK's client asks a robot, in its order, on two connections; H4 and H5 are its own octets. */
static void conversation(peer *p, peer *q, int *status, size_t *n, char *sid)
{
    uint32_t id;
    unsigned i;
    viamc_bytes view;
    *n = 0;
    peer_connect(p);
    srv_run(1);
    peer_leave(p); /* the probe */
    srv_run(1);
    peer_hello(p);
    id = authenticate(p, srv.keys[0].id, "api-key", srv.keys[0].key);
    srv_run(1);
    status[(*n)++] = peer_status(p, id);
    p->token = NULL;
    if (vmc_wire_find(peer_reply(p, id, 0), 1, &view) == VIAMC_OK && view.len < 64) {
        static char token[64];
        snprintf(token, sizeof token, "%.*s", (int)view.len, (const char *)view.ptr);
        p->token = q->token = token;
    }
    status[(*n)++] = peer_status(p, asked(p, ROBOT "ResourceNames", ""));
    for (i = 0; i < 2; i++) {
        srv_run(10000);
        id = peer_ask(p, ROBOT "ResourceNames", "", 0, "grpc-timeout: 999m\nviam_client: python;v0.85.1;vv0.1.601\n");
        srv_run(1);
        status[(*n)++] = peer_status(p, id);
    }
    id = asked(p, ROBOT "StartSession", "");
    status[(*n)++] = peer_status(p, id);
    sid[0] = '\0';
    if (vmc_wire_find(peer_reply(p, id, 0), 1, &view) == VIAMC_OK)
        snprintf(sid, 40, "%.*s", (int)view.len, (const char *)view.ptr);
    status[(*n)++] = peer_status(p, beat(p, sid));
    status[(*n)++] = peer_status(p, with_session(p, DOLL "Move", D0, sid));
    peer_hello(q);
    id = authenticate(q, srv.keys[0].id, "api-key", srv.keys[0].key);
    (void)id;
    srv_run(1);
    status[(*n)++] = peer_status(q, 1);
    for (i = 0; i < 20; i++) {
        status[(*n)++] = peer_status(q, beat(q, sid));
        srv_run(399);
    }
    status[(*n)++] = peer_status(p, asked(p, "/viam.robot.v1.RobotService/ResourceRPCSubtypes", ""));
    peer_leave(p);
    peer_leave(q);
    srv_run(2100);
}

static void check_conversation(void)
{
    int status[64];
    char sid[40];
    size_t n, i;
    srv.peers[1].token = NULL;
    conversation(&srv.peers[0], &srv.peers[1], status, &n, sid);
    CHECK_EQ_INT(n, 29);
    for (i = 0; i < n; i++) {
        if (i == 7) /* Authenticate with a token */
            CHECK_EQ_INT(status[i], VIAMC_INVALID_ARGUMENT);
        else
            CHECK_EQ_INT(status[i], i == 28 ? VIAMC_UNIMPLEMENTED : VIAMC_OK);
    }
    CHECK_EQ_INT(dolls[0].moves, 1);
    CHECK_EQ_INT(dolls[0].stops, 1);
    CHECK_EQ_INT(srv_count("left "), 3);
}

static void conversation_over(uint32_t read_max, bool split, uint32_t delay, uint32_t capacity, uint64_t seed)
{
    unsigned i;
    dolls_new();
    vmc_loop_init(&srv.loop, seed);
    dolls_keys();
    for (i = 0; i < 2; i++) {
        srv.loop.line[i].read_max = read_max;
        srv.loop.line[i].split = split;
        srv.loop.line[i].delay_ms = delay;
        srv.loop.line[i].capacity = capacity;
    }
    dolls_open();
    check_conversation();
    srv_close();
}

TEST(x15_python_conversation)
{
    conversation_over(0, false, 0, 0, 1);
}

TEST(x15_octet_by_octet)
{
    conversation_over(1, false, 0, 0, 1);
}

TEST(x15_random_splits)
{
    uint64_t seed;
    for (seed = 1; seed <= 100 && test_now.bad == 0; seed++) {
        conversation_over(0, true, 0, seed % 3 == 0 ? 7 : 0, seed * test_now.seed);
        if (test_now.bad != 0)
            printf("  split %lu\n", (unsigned long)seed);
    }
}

/* Everything that a test above does, cut in all ways: the answers are the same. */
static void mixture(peer *p, char *out, size_t cap)
{
    uint32_t id[16];
    unsigned i, n = 0;
    size_t at = 0;
    static uint8_t msg[300] = {0x0a, 2, 'd', '1', 0x12, 0xa5, 2};
    peer_hello(p);
    id[n++] = ask(p, DOLL "Echo", D0);
    id[n++] = ask(p, DOLL "Many", D0);
    id[n++] = peer_begin(p, DOLL "Sum", "", false);
    peer_message(p, id[2], D0, 4, false);
    peer_message(p, id[2], D0, 4, true);
    srv_run(300);
    id[n++] = peer_begin(p, DOLL "Chat", "", false);
    peer_message(p, id[3], msg, sizeof msg, false);
    id[n++] = ask(p, DOLL "Nope", D0);
    id[n++] = ask(p, DOLL "Echo", "\x0a\x01x");
    id[n++] = ask(p, ROBOT "ResourceNames", "");
    srv_run(300);
    peer_message(p, id[3], msg, sizeof msg, true);
    id[n++] = ask(p, ROBOT "GetVersion", "");
    id[n++] = ask(p, ROBOT "StopAll", "");
    id[n++] = peer_ask(p, DOLL "Wait", D0, 4, "grpc-timeout: 50m\n");
    srv_run(600);
    for (i = 0; i < n; i++) {
        uint32_t sum = 0, k;
        for (k = 0; k < peer_of(p, id[i])->len && k < PEER_DATA; k++)
            sum = sum * 31u + peer_of(p, id[i])->data[k];
        at += (size_t)snprintf(out + at, cap - at, "%u: %s%lu octets %lx\n", i, peer_of(p, id[i])->fields, (unsigned long)peer_of(p, id[i])->len, (unsigned long)sum);
    }
    peer_leave(p);
    srv_run(100);
}

TEST(same_answers_however_it_is_cut)
{
    static char want[8192], got[8192];
    unsigned i;
    for (i = 0; i < 104 && test_now.bad == 0; i++) {
        unsigned k;
        dolls_new();
        many = 40;
        size_of_many = 100;
        vmc_loop_init(&srv.loop, test_now.seed * 1000 + i);
        for (k = 0; k < 2; k++) {
            vmc_loop_line *l = &srv.loop.line[k];
            l->read_max = i == 1 ? 1 : 0;
            l->write_max = i == 2 ? 1 : 0;
            l->capacity = i == 3 ? 300 : 0;
            l->delay_ms = i == 3 ? 5 : 0;
            l->split = i > 3;
        }
        dolls_open();
        mixture(&srv.peers[0], i == 0 ? want : got, sizeof got);
        if (i != 0)
            CHECK_EQ_STR(got, want);
        if (test_now.bad != 0)
            printf("  variant %u\n", i);
        srv_close();
    }
    CHECK(strstr(want, "1: :status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n4200 octets") != NULL);
    CHECK(strstr(want, "9: :status: 200\ncontent-type: application/grpc\ngrpc-status: 4\n0 octets") != NULL);
}

/* ---- hostile octets ---- */

/* The server still serves: on a new connection, and without a trace of the old one. */
static void check_usable(void)
{
    peer *p = &srv.peers[0], *q = &srv.peers[1];
    unsigned i;
    if (p->is_open)
        peer_leave(p);
    for (i = 0; i < kept_count; i++)
        (void)viamc_fail(kept[i], VIAMC_ABORTED, "");
    kept_count = 0;
    srv_run(1);
    q->token = NULL;
    peer_hello(q);
    CHECK_ANSWER(q, asked(q, DOLL "Echo", D0), VIAMC_OK, "");
    peer_leave(q);
    srv_run(1);
    for (i = 0; i < srv.server->desc.max_peers; i++) {
        CHECK_EQ_INT(srv.server->peers[i].calls.live, VMC_CALL_NONE);
        CHECK_EQ_INT(srv.server->peers[i].calls.tx_used, 0);
        CHECK_EQ_INT(srv.server->peers[i].calls.big_owner, VMC_CALL_NONE);
    }
}

static void hostile_new(void)
{
    dolls_new();
    srv.desc.rx_bytes = 2000;
    srv.desc.max_sessions = 250;
    dolls_open();
}

TEST(random_octets)
{
    unsigned round;
    peer *p = &srv.peers[0];
    hostile_new();
    for (round = 0; round < 1000 && test_now.bad == 0; round++) {
        uint8_t junk[600];
        size_t n = 1 + test_rand_below(sizeof junk), i;
        for (i = 0; i < n; i++)
            junk[i] = (uint8_t)test_rand();
        p->quiet = round % 2 == 0;
        if (round % 4 == 0)
            peer_connect(p);
        else
            peer_hello(p);
        if (round % 4 == 2) { /* frames with a head that makes sense */
            for (i = 0; i + 40 < n; i += 40) {
                uint32_t id = test_rand_below(4) == 0 ? 0 : 1 + 2 * test_rand_below(4);
                peer_frame(p, (uint8_t)test_rand_below(11), (uint8_t)test_rand(), id, junk + i, test_rand_below(40));
            }
        } else if (round % 4 == 3) { /* blocks */
            for (i = 0; i + 60 < n; i += 60)
                peer_frame(p, 1, 4 | (test_rand() & 1u), 1 + 2 * (uint32_t)(i / 60), junk + i, test_rand_below(60));
        }
        peer_push(p, junk, n);
        srv_run(test_rand_below(50));
        check_usable();
        if (test_now.bad != 0)
            printf("  round %u\n", round);
    }
    srv_close();
}

/* A good conversation with a few octets changed, cut anywhere. */
TEST(corrupted_conversations)
{
    static uint8_t good[PEER_OUT];
    static uint8_t large[400] = {0x0a, 2, 'd', '0', 0x12, 0x89, 3};
    size_t len;
    unsigned round;
    peer *p = &srv.peers[0];
    hostile_new();
    p->quiet = true;
    peer_hello(p);
    peer_frame(p, 4, 1, 0, "", 0);
    (void)ask(p, DOLL "Echo", D0);
    (void)peer_ask(p, DOLL "Many", D0, 4, "grpc-timeout: 1S\n");
    {
        uint32_t id = peer_begin(p, DOLL "Chat", "viam-sid: " SOME_ID "\n", false);
        peer_message(p, id, D0 "\x12\x01x", 7, false);
        peer_message(p, id, D0 "\x12\x01y", 7, true);
    }
    (void)peer_ask(p, DOLL "Move", D0, 4, "viam-sid: " SOME_ID "\n");
    peer_number_frame(p, 8, 0, 1000);
    peer_number_frame(p, 3, 7, 8);
    peer_frame(p, 6, 0, 0, "12345678", 8);
    (void)ask(p, ROBOT "StartSession", "\x0a\x24" SOME_ID);
    (void)authenticate(p, "id", "api-key", "key");
    (void)peer_ask(p, DOLL "Big", large, sizeof large, "");
    (void)peer_ask(p, DOLL "Sum", D0, 4, "");
    (void)ask(p, ROBOT "StopAll", "\x9a\x06\x07\x0a\x03\x22\x01" "x\x12\x00");
    len = p->out_len;
    memcpy(good, p->out, len);
    srv_run(1);
    check_usable();
    for (round = 0; round < 1000 && test_now.bad == 0; round++) {
        static uint8_t bad[PEER_OUT];
        unsigned changes = 1 + test_rand_below(4);
        size_t at = 0;
        memcpy(bad, good, len);
        while (changes-- != 0) {
            size_t k = 24 + test_rand_below((uint32_t)len - 24);
            bad[k] = test_rand() % 2 == 0 ? (uint8_t)test_rand() : (uint8_t)(bad[k] ^ (1u << test_rand_below(8)));
        }
        p->quiet = round % 2 == 0;
        peer_connect(p);
        if (round % 5 == 0) { /* cut */
            peer_push(p, bad, test_rand_below((uint32_t)len));
        } else {
            while (at < len) {
                size_t n = vmc_min(1 + test_rand_below(300), len - at);
                peer_push(p, bad + at, n);
                srv_run(test_rand_below(3));
                at += n;
            }
        }
        srv_run(test_rand_below(100));
        check_usable();
        if (test_now.bad != 0)
            printf("  round %u\n", round);
    }
    srv_close();
}

int main(int argc, char **argv)
{
    test_begin("server", argc, argv);
    RUN(first_flight);
    RUN(unary);
    RUN(x14_first_requests_before_any_settings);
    RUN(authenticate_and_bearer);
    RUN(bearer_texts);
    RUN(flood_of_wrong_keys);
    RUN(no_keys_lets_everybody_in);
    RUN(unknown_names);
    RUN(wrong_requests);
    RUN(robot_service);
    RUN(handlers_that_do_not_answer);
    RUN(session_starts_lives_and_ends);
    RUN(expiry_stops_exactly_what_was_bound_last);
    RUN(moving_calls_are_signs_of_life);
    RUN(session_resume_and_junk);
    RUN(sessions_belong_to_keys);
    RUN(session_ends_between_fields_and_message);
    RUN(stop_that_fails_is_repeated);
    RUN(stop_that_is_kept);
    RUN(driven_again_before_its_stop_worked);
    RUN(close_stops_what_is_bound);
    RUN(stop_all);
    RUN(stop_all_with_extra);
    RUN(stop_all_with_failures);
    RUN(stop_all_against_a_later_move);
    RUN(deadlines);
    RUN(deadline_cuts_a_stream);
    RUN(wait_is_asked_again);
    RUN(kept_and_answered_later);
    RUN(place_of_an_answered_request_is_free_at_once);
    RUN(peer_vanishes_with_kept_requests);
    RUN(server_stream);
    RUN(server_stream_without_credit);
    RUN(client_stream);
    RUN(both_streams);
    RUN(both_streams_without_credit);
    RUN(client_stream_kept_in_its_middle);
    RUN(kept_stream);
    RUN(too_many_streams);
    RUN(early_data_beyond_the_window);
    RUN(early_data_of_a_large_request);
    RUN(large_request);
    RUN(large_requests_of_two_peers);
    RUN(large_request_that_does_not_come);
    RUN(large_request_of_a_stranger);
    RUN(large_buffer_of_a_peer_that_does_not_read);
    RUN(greeting_in_time);
    RUN(key_in_time);
    RUN(places_for_peers);
    RUN(goodbye);
    RUN(memory_macros);
    RUN(memory_is_exact);
    RUN(wrong_descs);
    RUN(adding_resources);
    RUN(x15_python_conversation);
    RUN(x15_octet_by_octet);
    RUN(x15_random_splits);
    RUN(same_answers_however_it_is_cut);
    RUN(random_octets);
    RUN(corrupted_conversations);
    return test_end();
}
