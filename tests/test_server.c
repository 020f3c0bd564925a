/* SPDX-License-Identifier: MIT */
/* The server role against clients made of octets: authentication, sessions and what they stop, requests of all kinds, limits,
 * hostile peers; over port_loop and a virtual clock. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"
#include "raw.h"
#include "tls_kit.h"

#define ROBOT "/viam.robot.v1.RobotService/"
#define MOTOR "/viam.component.motor.v1.MotorService/"
#define ECHO "/test.v1.EchoService/"
#define AUTHENTICATE "/proto.rpc.v1.AuthService/Authenticate"
#define P1 "0a2437663363316135322d306230652d346636642d396332652d356430613462316632653364" \
    "122b0a076170692d6b657912206162636465666768696a6b6c6d6e6f707172737475767778797a303132333435"
#define KEY_ID "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"
#define KEY "abcdefghijklmnopqrstuvwxyz012345"

static const viamc_api_key keys[2] = {{KEY_ID, KEY}, {"second", "other"}};

/* ---- a motor, whose handlers do what the test says ---- */

enum { DO_ANSWER, DO_FAIL, DO_KEEP, DO_WAIT, DO_NOTHING, DO_ERROR, DO_POLL, DO_KEEP_WAIT, DO_NOMEM, DO_MESSAGE };

typedef struct wheel {
    int set_power, stop;        /* DO_* */
    unsigned powers, stops;     /* times that they were called */
    char last[64];              /* last message of stop, in hex */
    viamc_request *kept;        /* by either */
    viamc_resource *resource;
} wheel;

static wheel left, right;

static viamc_err act(viamc_request *rq, wheel *w, int what)
{
    switch (what) {
    case DO_FAIL: return viamc_fail(rq, VIAMC_INTERNAL, "no");
    case DO_KEEP: w->kept = rq; return viamc_request_keep(rq);
    case DO_KEEP_WAIT: w->kept = rq; (void)viamc_request_keep(rq); return VIAMC_WAIT;
    case DO_WAIT: return VIAMC_WAIT;
    case DO_NOTHING: return VIAMC_OK;
    case DO_ERROR: return VIAMC_ERR_IO;
    case DO_NOMEM: return VIAMC_ERR_NOMEM;
    case DO_MESSAGE: return VIAMC_ERR_MESSAGE;
    case DO_POLL:
        CHECK_EQ_INT(viamc_server_poll(raw.server, raw.loop.now), VIAMC_ERR_STATE);
        viamc_server_close(raw.server); /* does nothing from here */
        return viamc_answer_bytes(rq, viamc_view(NULL, 0));
    default: return viamc_answer_bytes(rq, viamc_view(NULL, 0));
    }
}

static viamc_err set_power(viamc_request *rq, viamc_bytes msg)
{
    wheel *w = (wheel *)viamc_request_user(rq);
    CHECK(viamc_str_eq(viamc_request_name(rq), viamc_resource_name(w->resource)));
    CHECK(viamc_request_message(rq).ptr == msg.ptr && !viamc_request_at_end(rq));
    CHECK_EQ_STR(viamc_request_method(rq)->path, MOTOR "SetPower");
    w->powers++;
    return act(rq, w, w->set_power);
}

static viamc_err stop(viamc_request *rq, viamc_bytes msg)
{
    wheel *w = (wheel *)viamc_request_user(rq);
    size_t i;
    w->stops++;
    w->last[0] = '\0';
    for (i = 0; i < msg.len && i < 30; i++)
        (void)snprintf(w->last + 2 * i, 3, "%02x", msg.ptr[i]);
    return act(rq, w, w->stop);
}

/* Answers with its request. */
static viamc_err position(viamc_request *rq, viamc_bytes msg)
{
    return viamc_answer_bytes(rq, msg);
}

static const viamc_method m_set_power = {MOTOR "SetPower", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_SETPOINT | VIAMC_M_EXTRA, NULL};
static const viamc_method m_stop = {MOTOR "Stop", NULL, NULL, VIAMC_M_STOP | VIAMC_M_EXTRA, NULL};
static const viamc_method m_position = {MOTOR "GetPosition", NULL, NULL, 0, NULL};
static const viamc_method m_rpm = {MOTOR "SetRPM", NULL, NULL, VIAMC_M_MONITORED, NULL};
static const viamc_method m_feed = {MOTOR "Feed", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_serve motor_methods[] = {{&m_set_power, set_power}, {&m_stop, stop}, {&m_position, position}, {&m_rpm, NULL}, {&m_feed, position}};
static const viamc_service motor = {"viam.component.motor.v1.MotorService", "component", "motor", motor_methods, TEST_COUNT(motor_methods), stop};
static const viamc_service sensor = {"viam.component.sensor.v1.SensorService", "component", "sensor", NULL, 0, NULL};

/* ---- streams and large messages: a service without names ---- */

static unsigned echo_calls, echo_ends;
static char echo_got[256];
static viamc_request *echo_kept;
static bool echo_wait, echo_keep;
static size_t echo_piece; /* octets of a message of echo_many */

static viamc_err echo_unary(viamc_request *rq, viamc_bytes msg)
{
    echo_calls++;
    if (echo_keep) {
        echo_kept = rq;
        return viamc_request_keep(rq);
    }
    return viamc_answer_bytes(rq, msg);
}

/* Answers with as many copies of the first octet as the other octets say, in messages of echo_piece. */
static viamc_err echo_many(viamc_request *rq, viamc_bytes msg)
{
    uint32_t *at = viamc_request_mark(rq);
    uint8_t piece[600];
    echo_calls++;
    memset(piece, msg.ptr[0], sizeof piece);
    for (; *at < vmc_be16(msg.ptr + 1); ++*at) {
        viamc_err err = viamc_request_send(rq, viamc_view(piece, echo_piece));
        if (err != VIAMC_OK)
            return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
    }
    return VIAMC_OK;
}

/* Collects messages and answers with all of them. */
static viamc_err echo_collect(viamc_request *rq, viamc_bytes msg)
{
    size_t n = strlen(echo_got);
    echo_calls++;
    if (echo_wait)
        return VIAMC_WAIT;
    CHECK(viamc_request_at_end(rq) == (msg.ptr == NULL));
    if (msg.ptr == NULL) {
        echo_ends++;
        return viamc_answer_bytes(rq, viamc_view(echo_got, n));
    }
    (void)snprintf(echo_got + n, sizeof echo_got - n, "[%.*s]", (int)msg.len, (const char *)msg.ptr);
    return VIAMC_OK;
}

/* Takes two messages and keeps the third. */
static viamc_err echo_third(viamc_request *rq, viamc_bytes msg)
{
    if (echo_calls++ < 2)
        return VIAMC_OK;
    echo_kept = rq;
    CHECK(msg.ptr == viamc_request_message(rq).ptr);
    return viamc_request_keep(rq);
}

/* A stream that is answered from outside. */
static viamc_err echo_later(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    echo_kept = rq;
    return viamc_request_keep(rq);
}

/* Answers each message at once. */
static viamc_err echo_both(viamc_request *rq, viamc_bytes msg)
{
    echo_calls++;
    if (msg.ptr == NULL) {
        echo_ends++;
        return viamc_request_end(rq);
    }
    return viamc_request_send(rq, msg) == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : (viamc_err)VIAMC_OK;
}

/* Says what viamc-wire's R3 says. */
static viamc_err echo_r3(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    CHECK_EQ_INT(viamc_fail(rq, 0, "x"), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_fail(rq, 17, "x"), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_fail(rq, VIAMC_UNIMPLEMENTED, "Method not found"), VIAMC_OK);
    CHECK_EQ_INT(viamc_fail(rq, VIAMC_INTERNAL, "twice"), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_answer_bytes(rq, viamc_view("x", 1)), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_request_keep(rq), VIAMC_ERR_STATE);
    return VIAMC_OK;
}

/* Scratch and room are what the desc says; an answer larger than that is not taken. */
static viamc_err echo_room(viamc_request *rq, viamc_bytes msg)
{
    size_t cap;
    uint8_t *p = viamc_answer_room(rq, &cap);
    CHECK(viamc_request_scratch(rq, 256) != NULL && (uintptr_t)viamc_request_scratch(rq, 1) % sizeof(uint64_t) == 0);
    CHECK(viamc_request_scratch(rq, 257) == NULL);
    CHECK_EQ_INT(cap, 1024 / 2 - 64 - 5);
    memset(p, 'r', cap);
    CHECK_EQ_INT(viamc_request_send(rq, viamc_view(p, 1)), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_request_end(rq), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_answer_bytes(rq, viamc_view(p, cap + 1)), VIAMC_ERR_NOMEM);
    return msg.len != 0 ? (viamc_err)VIAMC_ERR_NOMEM : viamc_answer_bytes(rq, viamc_view(p, cap));
}

static const viamc_method m_unary = {ECHO "Unary", NULL, NULL, 0, NULL};
static const viamc_method m_many = {ECHO "Many", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method m_collect = {ECHO "Collect", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method m_both = {ECHO "Both", NULL, NULL, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method m_r3 = {ECHO "R3", NULL, NULL, 0, NULL};
static const viamc_method m_room = {ECHO "Room", NULL, NULL, 0, NULL};
static const viamc_method m_third = {ECHO "Third", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method m_later = {ECHO "Later", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_serve echo_methods[] = {{&m_unary, echo_unary}, {&m_many, echo_many}, {&m_collect, echo_collect},
                                           {&m_both, echo_both},   {&m_r3, echo_r3},     {&m_room, echo_room},
                                           {&m_third, echo_third}, {&m_later, echo_later}};
static const viamc_service echo = {"test.v1.EchoService", "", "", echo_methods, TEST_COUNT(echo_methods), NULL};

/* ---- setting up ---- */

static void fresh(void)
{
    memset(&left, 0, sizeof left);
    memset(&right, 0, sizeof right);
    echo_calls = echo_ends = 0;
    echo_got[0] = '\0';
    echo_kept = NULL;
    echo_wait = echo_keep = false;
    echo_piece = 100;
    raw_new();
}

static void with_keys(void)
{
    raw.desc.api_keys = keys;
    raw.desc.api_key_count = 2;
}

static void begin(void)
{
    CHECK_EQ_INT(raw_start(), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, "left", NULL, &left, &left.resource), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, "right", NULL, &right, &right.resource), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(raw.server, &echo, "", NULL, NULL, NULL), VIAMC_OK);
}

/* A server without keys and a client that is connected. */
static void open_robot(void)
{
    fresh();
    begin();
    raw_open(0);
    raw_settle();
}

static void take_token(unsigned c, uint32_t id)
{
    size_t n;
    const uint8_t *p = raw_reply_message(c, id, &n);
    CHECK_EQ_INT(n, 2 + RAW_TOKEN);
    (void)snprintf(raw.client[c].token, sizeof raw.client[c].token, "%.*s", (int)RAW_TOKEN, (const char *)p + 2);
}

/* The same with keys: client 0 has authenticated on stream 1. */
static void open_keyed(void)
{
    fresh();
    with_keys();
    begin();
    raw_open(0);
    raw_ask(0, 1, AUTHENTICATE, P1, NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    take_token(0, 1);
}

/* Connects a client and authenticates it with the second key. */
static void open_second(unsigned c)
{
    raw_open(c);
    raw_ask(c, 1, AUTHENTICATE, "0a067365636f6e6412100a076170692d6b657912056f74686572", NULL);
    raw_settle();
    take_token(c, 1);
}

/* Starts a session on stream id; its viam-sid line goes to sid. */
static void start_session(unsigned c, uint32_t id, char sid[64])
{
    size_t n;
    const uint8_t *p;
    raw_ask(c, id, ROBOT "StartSession", "", NULL);
    raw_settle();
    CHECK_REPLY(c, id, 0, "");
    p = raw_reply_message(c, id, &n);
    (void)snprintf(sid, 64, "viam-sid: %.*s\n", n > 38 ? 36 : 0, (const char *)p + 2);
}

/* {1: id} of a sid line, as hex. */
static const char *id_of(const char *sid)
{
    static char hex[80];
    size_t i;
    (void)snprintf(hex, sizeof hex, "0a24");
    for (i = 0; i < 36; i++)
        (void)snprintf(hex + 4 + 2 * i, 3, "%02x", (unsigned)(uint8_t)sid[10 + i]);
    return hex;
}

#define LEFT "0a046c656674"
#define RIGHT "0a057269676874"

/* The server still serves a new client, and nothing of the old one is left. */
static void check_usable(void)
{
    uint8_t i;
    raw_close(0);
    if (echo_kept != NULL)
        (void)viamc_fail(echo_kept, VIAMC_ABORTED, NULL);
    raw_settle();
    raw_open(1);
    raw_ask(1, 1, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_REPLY(1, 1, 0, "");
    raw_close(1);
    raw_settle();
    for (i = 0; i < raw.server->desc.max_peers; i++) {
        const vmc_calls *t = &raw.server->peers[i].calls;
        CHECK(t->live == NULL && t->tx_used == 0 && t->big_owner == VMC_CALL_NONE);
    }
}

/* ---- memory and descs ---- */

static size_t init_in(size_t size, unsigned shift, viamc_err want, const char *text)
{
    uint8_t *block = (uint8_t *)malloc(size + shift);
    char why[200];
    viamc_server *s;
    size_t detail = 0;
    if (block == NULL) {
        test_die("no memory", "init_in");
        return 0;
    }
    memset(block, 0xa5, size + shift);
    CHECK_EQ_INT(viamc_server_init(block + shift, size, &raw.desc, &s), want);
    if (want == VIAMC_OK) {
        raw.server = s;
        raw_open(0);
        raw_ask(0, 1, AUTHENTICATE, P1, NULL); /* the sanitizer watches both ends of the block */
        raw_settle();
        CHECK_REPLY(0, 1, 0, "");
        viamc_server_close(s);
        raw_listen(0);
    } else {
        (void)viamc_server_explain(s, why, sizeof why);
        if (text != NULL)
            CHECK_EQ_STR(why, text);
        detail = viamc_server_error(s).detail;
        CHECK_EQ_INT(viamc_server_error(s).code, want);
        if (s != NULL)
            CHECK_EQ_INT(viamc_server_poll(s, 0), VIAMC_ERR_STATE);
        if (s != NULL)
            viamc_server_close(s);
    }
    free(block);
    return detail;
}

TEST(memory_is_what_it_says)
{
    size_t need, shift;
    char why[120];
    fresh();
    with_keys();
    raw.desc.rx_bytes = 1000;
    need = viamc_server_mem_size(&raw.desc);
    CHECK(need > 5000 && need < 30000);
    for (shift = 0; shift < 8; shift++)
        (void)init_in(need, (unsigned)shift, VIAMC_OK, NULL);
    (void)snprintf(why, sizeof why, "NOMEM: server needs %lu,%03lu bytes, %lu,%03lu given", (unsigned long)need / 1000, (unsigned long)need % 1000,
                   (unsigned long)(need - 1) / 1000, (unsigned long)(need - 1) % 1000);
    CHECK_EQ_INT(init_in(need - 1, 1, VIAMC_ERR_NOMEM, why), need); /* the worst alignment */
    (void)init_in(3, 0, VIAMC_ERR_NOMEM, "NOMEM: memory too small");
    CHECK_EQ_INT(viamc_server_explain(NULL, why, sizeof why), strlen("NOMEM: memory too small"));
    viamc_server_close(NULL);
    for (shift = 0; shift + 7 < need; shift += 97) /* less than need with the best alignment too */
        (void)init_in(shift, 3, VIAMC_ERR_NOMEM, NULL);
}

static const uint8_t one_octet[1] = {0x30};
static const viamc_bytes some_cert[1] = {{one_octet, 1}};

/* Not too small, and at most a twentieth too large. */
static void check_macro(size_t macro, const char *what, uint8_t profile, bool tls, uint8_t peers, uint8_t requests, uint32_t rx)
{
    size_t need;
    raw.desc.profile = profile;
    raw.desc.cert_chain = some_cert;
    raw.desc.cert_count = tls;
    raw.desc.key = some_cert[0];
    raw.desc.max_peers = peers;
    raw.desc.max_requests = requests;
    raw.desc.rx_bytes = rx;
    need = viamc_server_mem_size(&raw.desc);
    CHECK(need != 0 && need <= macro && macro - need < macro / 20);
    if (need > macro || macro - need >= macro / 20)
        printf("  %s(%u, %u, %lu): %lu needed, %lu by the macro\n", what, peers, requests, (unsigned long)rx, (unsigned long)need, (unsigned long)macro);
}

TEST(memory_macros_are_bounds)
{
    static const viamc_api_key eight[8] = {{"1", "1"}, {"2", "2"}, {"3", "3"}, {"4", "4"}, {"5", "5"}, {"6", "6"}, {"7", "7"}, {"8", "8"}};
    static const uint8_t counts[] = {1, 2, 4, 16};
    static const uint32_t rxs[] = {0, 1001, 100000};
    unsigned i;
    fresh();
    raw.desc.api_keys = eight;
    raw.desc.api_key_count = 8;
    for (i = 0; i < 48; i++) {
        uint8_t p = counts[i % 4], r = counts[i / 4 % 4];
        uint32_t rx = rxs[i / 16];
        check_macro(VIAMC_SERVER_MEM(p, r, rx), "VIAMC_SERVER_MEM", VIAMC_HOST, true, p, r, rx);
        check_macro(VIAMC_SERVER_MEM_SMALL(p, r, rx), "VIAMC_SERVER_MEM_SMALL", VIAMC_BOARD, true, p, r, rx);
        check_macro(VIAMC_SERVER_MEM_PLAIN(p, r, rx), "VIAMC_SERVER_MEM_PLAIN", VIAMC_BOARD, false, p, r, rx);
    }
}

static void refused(const char *text)
{
    CHECK_EQ_INT(viamc_server_mem_size(&raw.desc), 0);
    (void)init_in(60000, 0, VIAMC_ERR_ARG, text);
    fresh();
}

TEST(wrong_descs_are_refused)
{
    static const viamc_api_key half[1] = {{"id", ""}}, none[1] = {{NULL, "key"}};
    viamc_port deaf = *vmc_loop_port();
    fresh();
    raw.desc.guard = 1;
    refused("ARG: desc not initialised: begin with viamc_server_desc d = VIAMC_ZERO");
    raw.desc.guard_end = 1;
    refused("ARG: desc not initialised: begin with viamc_server_desc d = VIAMC_ZERO");
    raw.desc.profile = 7;
    refused("ARG: profile is neither VIAMC_HOST nor VIAMC_BOARD");
    raw.desc.max_peers = 251;
    refused("ARG: more than 250 peers, requests or keys");
    raw.desc.in_bytes = 63;
    refused("ARG: in_bytes out of range: 837 to 16,709 with TLS, 64 to 65,535 without");
    raw.desc.cert_chain = some_cert;
    raw.desc.cert_count = 1;
    refused("ARG: a certificate without its key");
    raw.desc.port = NULL;
    refused("ARG: no port, or one without accept, read, write, close or random");
    raw.desc.port = &deaf;
    refused("ARG: no port, or one without accept, read, write, close or random");
    raw.desc.window_ms = 29;
    refused("ARG: window_ms out of range: 30 to 60,000");
    raw.desc.window_ms = 60001;
    refused("ARG: window_ms out of range: 30 to 60,000");
    raw.desc.tx_bytes = 255;
    refused("ARG: tx_bytes below 256, out_bytes below 512 or slot_bytes below 64");
    raw.desc.out_bytes = VMC_CONN_BUFFER_MAX + 1u;
    refused("ARG: out_bytes or message_bytes too large");
    raw.desc.in_bytes = VMC_CONN_BUFFER_MAX + 1u;
    refused("ARG: in_bytes out of range: 837 to 16,709 with TLS, 64 to 65,535 without");
    raw.desc.api_key_count = 1;
    refused("ARG: an API key without id or secret");
    raw.desc.api_keys = half;
    raw.desc.api_key_count = 1;
    refused("ARG: an API key without id or secret");
    raw.desc.api_keys = none;
    raw.desc.api_key_count = 1;
    refused("ARG: an API key without id or secret");
}

TEST(nothing_starts_without_entropy)
{
    char why[80];
    fresh();
    with_keys();
    raw.loop.end[VMC_LOOP_CLIENTS].fault.kind = VMC_LOOP_RANDOM;
    raw.loop.end[VMC_LOOP_CLIENTS].fault.at = 1;
    raw.loop.end[VMC_LOOP_CLIENTS].fault.err = VIAMC_WAIT;
    CHECK_EQ_INT(raw_start(), VIAMC_ERR_ENTROPY);
    (void)viamc_server_explain(raw.server, why, sizeof why);
    CHECK_EQ_STR(why, "ENTROPY: the port has no random bytes");
    CHECK_EQ_INT(viamc_server_poll(raw.server, 0), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, "left", NULL, NULL, NULL), VIAMC_ERR_STATE);
    viamc_server_close(raw.server);
}

TEST(resources_are_added_once)
{
    static char name[5][130];
    int i;
    fresh();
    begin();
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, "left", NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(raw.server, &sensor, "left", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(raw.server, &sensor, "", NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(raw.server, &echo, "x", NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(raw.server, &echo, "", NULL, NULL, NULL), VIAMC_ERR_ARG);
    for (i = 0; i < 5; i++) {
        memset(name[i], 'a' + i, 128);
        name[i][128] = i == 4 ? 'x' : '\0';
    }
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, name[4], NULL, NULL, NULL), VIAMC_ERR_ARG); /* 129 octets */
    for (i = 0; i < 4; i++)
        CHECK_EQ_INT(viamc_server_add(raw.server, &motor, name[i], NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, "ninth", NULL, NULL, NULL), VIAMC_ERR_NOMEM);
}

/* ---- vectors ---- */

TEST(first_flight_and_first_answer)
{
    open_robot();
    CHECK_EQ_INT(raw.client[0].max_streams, 4);
    CHECK_EQ_INT(raw.client[0].initial_window, 512 + 5);
    CHECK_EQ_INT(raw.client[0].settings, 1);
    CHECK_EQ_INT(raw.client[0].settings_acks, 1);
    raw_ask(0, 1, MOTOR "GetPosition", LEFT "1203616263", NULL);
    raw_settle();
    CHECK_EQ_HEX(raw_of(0, 1)->data, raw_of(0, 1)->len, "000000000b" LEFT "1203616263");
    CHECK_EQ_STR(raw_of(0, 1)->fields, ":status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n");
    CHECK_EQ_INT(raw_of(0, 1)->blocks, 2);
    CHECK_EQ_INT(raw_of(0, 1)->rst, RAW_NONE);
    CHECK(raw_has_event("call peer=0 text=" MOTOR "GetPosition name=left "));
}

/* A client without a dynamic table gets exactly the blocks of viam-wire R1 to R4. */
TEST(vectors_r1_to_r4)
{
    static uint8_t seen[4096];
    size_t len, at = 0, n;
    const char *want[4] = {"880f10106170706c69636174696f6e2f67727063", "000b677270632d7374617475730130",
                           "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132000c677270632d6d6573736167651"
                           "04d6574686f64206e6f7420666f756e64",
                           "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730133000c677270632d6d6573736167650f5"
                           "3455353494f4e5f45585049524544"};
    unsigned found = 0;
    fresh();
    begin();
    raw_connect(0);
    raw_hex(0, RAW_PREFACE "000006040000000000000100000000"); /* SETTINGS_HEADER_TABLE_SIZE 0 */
    raw_ask(0, 1, ECHO "Unary", "aa", NULL);
    raw_settle(); /* the first block begins with a size update */
    CHECK_REPLY(0, 1, 0, "");
    raw.client[0].deaf = true;
    raw_ask(0, 3, ECHO "Unary", "aa", NULL);
    raw_settle();
    raw_ask(0, 5, ECHO "R3", "", NULL);
    raw_settle();
    raw_ask(0, 7, MOTOR "SetPower", "0a046c656674", "viam-sid: 11111111-2222-4333-8444-000000000001\n");
    raw_settle();
    (void)vmc_loop_port()->read(vmc_loop_client(&raw.loop, 0), 0, seen, sizeof seen, &len);
    while (len - at >= 9) {
        n = vmc_be24(seen + at);
        if (seen[at + 3] == 1 && found < 4)
            CHECK_EQ_HEX(seen + at + 9, n, want[found++]);
        at += 9 + n;
    }
    CHECK_EQ_INT(found, 4);
}

/* Two requests of the Python SDK before any SETTINGS of ours was acknowledged: the second needs the table that the first filled. */
TEST(vector_x14)
{
    fresh();
    begin();
    raw_connect(0);
    raw.client[0].silent = true;
    raw_hex(0, RAW_PREFACE "000000040000000000");
    raw_fields(0, 1,
               "8386449d63b9874af61e33a57ee15f69e33a7716cee62158da541edb085d23a4a8418b089d5c0b8170dc0be07c3f4082497f864d833505b11f5f8b1d75d0"
               "620d263d4c4d65647aa59acac8b57e9339ea5a6b2b25068d802ed2efa9fd506aadf3f6a12bf499cf530cae10ae2fef4088ee61d31128316a4f93afd2673d"
               "5f7dc0bbc05c1f7dfb8170aedbaeff");
    raw_message(0, 1, NULL, 0, true);
    raw_fields(0, 3, "8386449d63b9874af61e33a57ee15f69e33a7716cee62158dc91d89dc5420c7abfc3c2c1c0bf");
    raw_message(0, 3, NULL, 0, true);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_REPLY(0, 3, 0, "");
    CHECK_EQ_HEX(raw_of(0, 3)->data, 7, "000000002a0a24"); /* a session's id of 36 octets */
    CHECK(strstr(raw_of(0, 1)->fields, ":status: 200\ncontent-type: application/grpc\n") != NULL);
    CHECK_EQ_INT(raw.client[0].goaway, RAW_NONE);
}

/* A stream that began before our SETTINGS were acknowledged has our window from then on: what it was given too much is taken back. */
TEST(early_stream_after_the_acknowledgement)
{
    static const uint8_t octets[600] = {0};
    unsigned more;
    for (more = 0; more < 2; more++) {
        fresh();
        begin();
        raw_connect(0);
        raw.client[0].silent = true;
        raw_hex(0, RAW_PREFACE "000000040000000000");
        raw_headers(0, 1, ECHO "Unary", NULL, false);
        raw_settle();
        raw_hex(0, "000000040100000000");
        raw_settle();
        CHECK_EQ_STR(vmc_check_streams(&raw.server->peers[0].conn.grpc.h2, &raw.server->peers[0].calls), NULL);
        raw_frame(0, 0, 0, 1, octets, 512 + 5 + more);
        raw_settle();
        CHECK_EQ_INT(raw.client[0].goaway, more ? (int)VMC_H2_FLOW_CONTROL_ERROR : RAW_NONE);
    }
}

/* What the Python SDK does on a robot (viam-wire 5.7, row 1): a probe, a connection for its calls, a second one for heartbeats. */
static void python_conversation(void)
{
    char sid[64];
    uint32_t id;
    size_t n;
    const uint8_t *p;
    with_keys();
    begin();
    raw_connect(0);
    raw_settle();
    raw_close(0);
    raw_settle();
    raw_open(0);
    raw_ask(0, 1, AUTHENTICATE, P1, NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    take_token(0, 1);
    raw_ask(0, 3, ROBOT "ResourceNames", "", NULL);
    raw_ask(0, 5, ROBOT "ResourceNames", "", "grpc-timeout: 999m\n");
    raw_settle();
    CHECK_REPLY(0, 3, 0, "");
    CHECK_REPLY(0, 5, 0, "");
    p = raw_reply_message(0, 3, &n);
    CHECK_EQ_HEX(p, n, "0a1d0a0372646b1209636f6d706f6e656e741a056d6f746f7222046c656674"
                       "0a1e0a0372646b1209636f6d706f6e656e741a056d6f746f7222057269676874");
    start_session(0, 7, sid);
    p = raw_reply_message(0, 7, &n);
    CHECK_EQ_HEX(p + n - 4, 4, "12020802"); /* P7: two seconds */
    CHECK_EQ_HEX(p, 2, "0a24");
    CHECK(sid[10 + 14] == '4' && strchr("89ab", sid[10 + 19]) != NULL);
    raw_ask(0, 9, ROBOT "SendSessionHeartbeat", id_of(sid), NULL);
    raw_ask(0, 11, MOTOR "SetPower", "0a046c65667411000000000000e03f9a0600", sid);
    raw_settle();
    CHECK_REPLY(0, 9, 0, "");
    CHECK_REPLY(0, 11, 0, "");
    CHECK_EQ_INT(left.powers, 1);
    raw_open(1);
    raw_ask(1, 1, AUTHENTICATE, P1, NULL);
    raw_settle();
    CHECK_REPLY(1, 1, 0, "");
    take_token(1, 1);
    raw_ask(1, 3, ROBOT "SendSessionHeartbeat", id_of(sid), NULL);
    raw_settle();
    CHECK_REPLY(1, 3, 0, ""); /* the session is the key's, not the connection's */
    for (id = 5; id < 25; id += 2) { /* heartbeats there keep alive what was moved here */
        raw_run(400);
        raw_ask(1, id, ROBOT "SendSessionHeartbeat", id_of(sid), NULL);
        raw_settle();
        CHECK_REPLY(1, id, 0, "");
    }
    CHECK_EQ_INT(left.stops, 0);
    CHECK(!raw.client[0].lost && !raw.client[1].lost);
    CHECK(raw_has_event("known peer=0 text=" KEY_ID " "));
    CHECK(raw_has_event("bound peer=0 text=" MOTOR "SetPower name=left "));
    raw_close(0);
    raw_close(1);
    raw_run(2000);
    CHECK_EQ_INT(left.stops, 1);
}

TEST(vector_x15)
{
    fresh();
    python_conversation();
}

TEST(vector_x15_octet_by_octet)
{
    fresh();
    raw.loop.line[VMC_LOOP_TO_SERVER].read_max = 1;
    raw.loop.line[VMC_LOOP_TO_CLIENT].write_max = 1;
    python_conversation();
}

TEST(vector_x15_in_100_random_splits)
{
    unsigned i;
    for (i = 0; i < 100; i++) {
        uint64_t seed = test_now.seed;
        fresh();
        vmc_loop_init(&raw.loop, seed * 1000 + i);
        raw.loop.line[0].split = raw.loop.line[1].split = true;
        raw.loop.line[0].capacity = 16384;
        raw.loop.line[1].capacity = i % 2 == 0 ? 40 : 0;
        python_conversation();
    }
}

/* Calls of all kinds, and what came back. */
static void mixture(char *out, size_t cap)
{
    static char long_message[2 * 300 + 1];
    uint32_t id;
    size_t at = 0;
    unsigned i;
    memset(long_message, '7', sizeof long_message - 1);
    raw_open(0);
    raw_ask(0, 1, MOTOR "GetPosition", LEFT, NULL);
    raw_ask(0, 3, ECHO "Many", "780028", NULL);
    raw_headers(0, 5, ECHO "Collect", NULL, false);
    raw_message(0, 5, "a", 1, false);
    raw_message(0, 5, "b", 1, true);
    raw_run(300);
    raw_headers(0, 7, ECHO "Both", NULL, false);
    raw_message(0, 7, long_message, 300, false);
    raw_ask(0, 9, MOTOR "Nothing", LEFT, NULL);
    raw_ask(0, 11, MOTOR "GetPosition", "0a0178", NULL);
    raw_run(300);
    raw_message(0, 7, long_message, 300, true);
    raw_ask(0, 13, ROBOT "ResourceNames", "", NULL);
    raw_ask(0, 15, ROBOT "StopAll", "", NULL);
    raw_run(300);
    left.set_power = DO_WAIT;
    raw_ask(0, 17, MOTOR "SetPower", LEFT, "grpc-timeout: 50m\n");
    raw_run(600);
    for (id = 1; id < 19; id += 2) {
        const raw_reply *r = raw_of(0, id);
        uint32_t sum = 0;
        for (i = 0; i < r->len; i++)
            sum = sum * 31u + r->data[i];
        at += (size_t)snprintf(out + at, cap - at, "%u: %s%u octets %x\n", (unsigned)id, r->fields, (unsigned)r->len, (unsigned)sum);
    }
}

TEST(same_answers_however_it_is_cut)
{
    static char want[8192], got[8192];
    unsigned i, k;
    for (i = 0; i < 104 && test_now.bad == 0; i++) {
        fresh();
        vmc_loop_init(&raw.loop, test_now.seed * 1000 + i);
        for (k = 0; k < 2; k++) {
            raw.loop.line[k].read_max = i == 1;
            raw.loop.line[k].write_max = i == 2;
            raw.loop.line[k].delay_ms = i == 3 ? 5 : 0;
            raw.loop.line[k].split = i > 3;
        }
        raw.loop.line[VMC_LOOP_TO_CLIENT].capacity = i == 3 ? 300 : 0;
        begin();
        mixture(i == 0 ? want : got, sizeof got);
        CHECK_EQ_STR(i == 0 ? want : got, want);
        if (test_now.bad != 0)
            printf("  variant %u\n", i);
    }
    CHECK(strstr(want, "3: :status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n4200 octets") != NULL);
    CHECK(strstr(want, "17: :status: 200\ncontent-type: application/grpc\ngrpc-status: 4\n0 octets") != NULL);
}

/* GetVersion, GetMachineStatus, GetOperations and friends: P16, P17. */
TEST(robot_service_answers)
{
    size_t n;
    const uint8_t *p;
    fresh();
    raw.desc.version = "0.1.0";
    CHECK_EQ_INT(raw_start(), VIAMC_OK);
    raw_open(0);
    raw_ask(0, 1, ROBOT "GetMachineStatus", "", NULL);
    raw_ask(0, 3, ROBOT "GetVersion", "", NULL);
    raw_ask(0, 5, ROBOT "GetOperations", "", NULL);
    raw_settle();
    raw_ask(0, 7, ROBOT "CancelOperation", "0a0161", NULL);
    raw_ask(0, 9, ROBOT "BlockForOperation", "0a0161", NULL);
    raw_ask(0, 11, ROBOT "StopAll", "", NULL);
    raw_settle();
    p = raw_reply_message(0, 1, &n);
    CHECK_EQ_HEX(p, n, "1802");
    p = raw_reply_message(0, 3, &n);
    CHECK_EQ_HEX(p, n, "0a057669616d631205302e312e301a0876302e312e363031");
    (void)raw_reply_message(0, 5, &n);
    CHECK_EQ_INT(n, 0);
    CHECK_REPLY(0, 7, 0, "");
    CHECK_REPLY(0, 9, 0, "");
    CHECK_REPLY(0, 11, 0, "");
    CHECK_EQ_INT(viamc_server_add(raw.server, &motor, "left", NULL, &left, &left.resource), VIAMC_OK);
    raw_ask(0, 13, ROBOT "GetMachineStatus", "", NULL);
    raw_settle();
    p = raw_reply_message(0, 13, &n);
    CHECK_EQ_HEX(p, n, "0a210a1d0a0372646b1209636f6d706f6e656e741a056d6f746f7222046c65667410031802");
    CHECK_EQ_INT(raw_of(0, 13)->blocks, 2);
}

/* Whatever is not served: UNIMPLEMENTED, trailers alone, with a content-type (viam-wire 2.8). */
TEST(unknown_methods_are_unimplemented)
{
    static const char *const paths[] = {ROBOT "GetCloudMetadata", ROBOT "ResourceRPCSubtypes", "/proto.rpc.webrtc.v1.SignalingService/OptionalWebRTCConfig",
                                        MOTOR "SetRPM", MOTOR "Nothing", MOTOR, MOTOR "Stop/x", "viam.component.motor.v1.MotorService/Stop", "//",
                                        "/a/very/long/path/that/nobody/has/ever/heard/of/and/that/does/not/fit/into/what/is/kept/of/a/path/at/all/Method",
                                        "/viam.component.motor.v1.MotorServic/SetPower", "/", "x", "",
                                        "/proto.rpc.v1.ExternalAuthService/AuthenticateTo"};
    uint32_t id;
    size_t i;
    open_robot();
    for (i = 0; i < TEST_COUNT(paths); i++) {
        id = (uint32_t)(2 * i + 1);
        raw_ask(0, id, paths[i], "0a046c656674", NULL);
        raw_settle();
        CHECK_REPLY(0, id, VIAMC_UNIMPLEMENTED, "Unimplemented");
        CHECK_EQ_INT(raw_of(0, id)->blocks, 1);
        CHECK(strstr(raw_of(0, id)->fields, "content-type: application/grpc\n") != NULL);
    }
}

TEST(unknown_names_are_not_found)
{
    char hex[800];
    open_robot();
    raw_ask(0, 1, MOTOR "SetPower", "0a036c6566", NULL);
    raw_ask(0, 3, MOTOR "Stop", "", NULL);
    memset(hex, '7', sizeof hex);
    memcpy(hex, "0aac02", 6);
    hex[606] = '\0'; /* a name of 300 octets */
    raw_ask(0, 5, MOTOR "GetPosition", hex, NULL);
    raw_ask(0, 7, MOTOR "GetPosition", "0a05", NULL);
    raw_settle();
    raw_ask(0, 9, MOTOR "GetPosition", "0a0301ff25", NULL);
    raw_headers(0, 11, MOTOR "Feed", NULL, true); /* ends before it begins: nobody is named */
    raw_settle();
    CHECK_REPLY(0, 9, VIAMC_NOT_FOUND, "no motor with name \"%01%FF%25\" found");
    CHECK_REPLY(0, 11, VIAMC_NOT_FOUND, "no motor with name \"\" found");
    CHECK_REPLY(0, 1, VIAMC_NOT_FOUND, "no motor with name \"lef\" found");
    CHECK_REPLY(0, 3, VIAMC_NOT_FOUND, "no motor with name \"\" found");
    CHECK_EQ_INT(raw_status(0, 5), VIAMC_NOT_FOUND);
    CHECK_EQ_INT(strlen(raw_text(0, 5)), 44 + strlen("no motor with name \"\" found"));
    CHECK_REPLY(0, 7, VIAMC_INVALID_ARGUMENT, "request cannot be decoded");
}

/* ---- authentication ---- */

static void check_authenticate(const char *hex, const char *fields, int status, const char *text)
{
    uint32_t id = raw.client[0].replies == 0 ? 1 : raw.client[0].reply[raw.client[0].replies - 1].id + 2;
    raw_ask(0, id, AUTHENTICATE, hex, fields);
    raw_settle();
    CHECK_REPLY(0, id, status, text);
}

TEST(credentials_are_judged)
{
    fresh();
    with_keys();
    begin();
    raw_open(0);
    check_authenticate("", NULL, VIAMC_INVALID_ARGUMENT, "credentials required");
    check_authenticate("0a0161", NULL, VIAMC_INVALID_ARGUMENT, "credentials required");
    check_authenticate("0a067365636f6e641200", NULL, VIAMC_INVALID_ARGUMENT, "do not know how to handle credential type \"\"");
    check_authenticate("0a067365636f6e64120b0a02787912056f74686572", NULL, VIAMC_INVALID_ARGUMENT, "do not know how to handle credential type \"xy\"");
    check_authenticate("0a067365636f6e6412100a076170692d6b657912056f74686573", NULL, VIAMC_UNAUTHENTICATED, "invalid credentials");
    check_authenticate("0a067365636f6e6412150a076170692d6b6579120a6f746865726f74686572", NULL, VIAMC_UNAUTHENTICATED, "invalid credentials");
    check_authenticate("0a067365636f6e6b12100a076170692d6b657912056f74686572", NULL, VIAMC_UNAUTHENTICATED, "invalid credentials");
    check_authenticate("0a2437663363316135322d306230652d346636642d396332652d35643061346231663265336412100a076170692d6b657912056f74686572", NULL,
                       VIAMC_UNAUTHENTICATED, "invalid credentials"); /* one key's id, the other's secret */
    check_authenticate("0a001200", NULL, VIAMC_INVALID_ARGUMENT, "do not know how to handle credential type \"\"");
    check_authenticate("0a00120b0a076170692d6b65791200", NULL, VIAMC_UNAUTHENTICATED, "invalid credentials");
    check_authenticate(P1, "authorization: Bearer x\n", VIAMC_INVALID_ARGUMENT, "already authenticated; cannot re-authenticate");
    check_authenticate("0a067365636f6e6412100a076170692d6b657912056f74686572", NULL, 0, "");
    check_authenticate(P1, NULL, 0, "");
    check_authenticate("0a081b5b324a7ec3a40a12100a076170692d6b657912056f74686572", NULL, VIAMC_UNAUTHENTICATED, "invalid credentials");
    CHECK_EQ_INT(raw_count("refused "), 6);
    CHECK(raw_has_event("refused peer=0 text=second name= ms=0 number=1 "));
    CHECK(raw_has_event("refused peer=0 text=?[2J~??? name= ms=0 number=6 ")); /* a stranger writes nothing but text on a terminal */
    CHECK(raw_has_event("known peer=0 text=second "));
}

TEST(tokens_are_asked_for)
{
    static const char *const wrong[] = {"authorization: Basic abc\n", "authorization: \n", "authorization: Bearer\n"};
    char line[80], other[80], shorter[80], longest[4200];
    uint32_t i;
    open_keyed();
    (void)snprintf(line, sizeof line, "authorization: Bearer %s\n", raw.client[0].token);
    (void)snprintf(other, sizeof other, "authorization: Bearer %sx\n", raw.client[0].token);
    (void)snprintf(shorter, sizeof shorter, "authorization: Bearer %.31s\n", raw.client[0].token);
    (void)snprintf(longest, sizeof longest, "authorization: Bearer ");
    memset(longest + 22, 'j', 4000); /* as long as a cloud's token: an old one, not a broken request */
    memcpy(longest + 4022, "\n", 2);
    raw.client[0].token[0] = '\0';
    raw_ask(0, 3, ROBOT "GetVersion", "", NULL);
    raw_ask(0, 5, ROBOT "GetVersion", "", "authorization: bearer x\n");
    raw_settle();
    raw_ask(0, 7, ROBOT "GetVersion", "", "authorization: Bearer 00000000000000000000000000000000\n");
    raw_ask(0, 9, ROBOT "GetVersion", "", other);
    raw_settle();
    raw_ask(0, 11, "/no.such.Service/Method", "", NULL);
    raw_ask(0, 13, ROBOT "GetVersion", "", "authorization: Bearer .\n");
    raw_settle();
    raw_ask(0, 15, ROBOT "GetVersion", "", line);
    raw_ask(0, 17, ROBOT "GetVersion", "", longest);
    raw_settle();
    memcpy(longest, line, strlen(line));
    memcpy(longest + strlen(line), line, strlen(line) + 1);
    raw_ask(0, 19, ROBOT "GetVersion", "", longest);
    raw_settle();
    CHECK_REPLY(0, 3, VIAMC_UNAUTHENTICATED, "authentication required");
    CHECK_REPLY(0, 5, VIAMC_UNAUTHENTICATED, "expected authorization header with prefix: Bearer ");
    CHECK_REPLY(0, 7, VIAMC_UNAUTHENTICATED, "unauthenticated: unknown token");
    CHECK_REPLY(0, 9, VIAMC_UNAUTHENTICATED, "unauthenticated: unknown token");
    CHECK_REPLY(0, 11, VIAMC_UNAUTHENTICATED, "authentication required");
    CHECK_EQ_INT(raw_status(0, 13), VIAMC_UNAUTHENTICATED);
    CHECK_REPLY(0, 15, 0, "");
    CHECK_REPLY(0, 17, VIAMC_UNAUTHENTICATED, "unauthenticated: unknown token");
    CHECK_REPLY(0, 19, VIAMC_UNAUTHENTICATED, "authentication required"); /* two of them */
    for (i = 0; i < 3; i++) {
        raw_ask(0, 21 + 2 * i, ROBOT "GetVersion", "", wrong[i]);
        raw_settle();
        CHECK_REPLY(0, 21 + 2 * i, VIAMC_UNAUTHENTICATED, "expected authorization header with prefix: Bearer ");
    }
    raw_ask(0, 27, ROBOT "GetVersion", "", shorter);
    raw_ask(0, 29, "/no.such.Service/Method", "", line);
    raw_settle();
    CHECK_REPLY(0, 27, VIAMC_UNAUTHENTICATED, "unauthenticated: unknown token");
    CHECK_REPLY(0, 29, VIAMC_UNIMPLEMENTED, "Unimplemented");
    CHECK_EQ_INT(raw.client[0].goaway, RAW_NONE);
}

TEST(without_keys_everybody_comes_in)
{
    size_t n;
    const uint8_t *p;
    open_robot();
    raw_ask(0, 1, AUTHENTICATE, P1, NULL);
    raw_ask(0, 3, ROBOT "GetVersion", "", "authorization: Bearer whatever\n");
    raw_settle();
    p = raw_reply_message(0, 1, &n);
    CHECK_EQ_HEX(p, n, "0a057669616d63");
    CHECK_REPLY(0, 3, 0, "");
}

TEST(ten_wrong_keys_end_the_connection)
{
    uint32_t id;
    fresh();
    with_keys();
    begin();
    raw_open(0);
    for (id = 1; id < 21; id += 2) {
        CHECK(!raw.client[0].lost);
        raw_ask(0, id, AUTHENTICATE, "0a0161120b0a076170692d6b65791200", NULL);
        raw_settle();
        CHECK_REPLY(0, id, VIAMC_UNAUTHENTICATED, "invalid credentials");
    }
    CHECK(raw.client[0].lost);
    CHECK_EQ_INT(raw.client[0].goaway, VMC_H2_ENHANCE_YOUR_CALM);
    CHECK(raw_has_event("left peer=0 text= name= ms=0 number=0 error=too many wrong keys\n"));
    raw_open(0); /* it may come again */
    raw_ask(0, 1, AUTHENTICATE, P1, NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
}

/* Ten of a connection, also where more come at once: the right one behind them is not looked at. */
TEST(wrong_keys_in_one_flight)
{
    uint32_t id;
    fresh();
    with_keys();
    raw.desc.in_bytes = 16384;
    raw.desc.tx_bytes = 8192;
    raw.desc.max_requests = 60;
    begin();
    raw_open(0);
    raw_settle();
    for (id = 1; id < 101; id += 2)
        raw_ask(0, id, AUTHENTICATE, "0a0161120b0a076170692d6b65791200", NULL);
    raw_ask(0, id, AUTHENTICATE, P1, NULL);
    raw_settle();
    CHECK_REPLY(0, 99, VIAMC_UNAUTHENTICATED, "invalid credentials");
    CHECK_REPLY(0, id, VIAMC_UNAUTHENTICATED, "invalid credentials");
    CHECK(raw.client[0].lost);
}

/* ---- sessions ---- */

TEST(sessions_start_and_go_on)
{
    char one[64], two[64];
    size_t i;
    open_keyed();
    start_session(0, 3, one);
    raw_ask(0, 5, ROBOT "StartSession", id_of(one), NULL);
    raw_run(1500);
    CHECK_EQ_MEM(raw_of(0, 5)->data, raw_of(0, 5)->len, raw_of(0, 3)->data, raw_of(0, 3)->len); /* resumed */
    CHECK(raw_has_event("session peer=0 text= name= ms=2000 number=1 "));
    raw_ask(0, 7, ROBOT "SendSessionHeartbeat", id_of(one), NULL);
    raw_run(1999);
    CHECK_REPLY(0, 7, 0, "");
    raw_ask(0, 9, ROBOT "SendSessionHeartbeat", id_of(one), NULL);
    raw_run(2000);
    CHECK_REPLY(0, 9, 0, "");
    CHECK(raw_has_event("expired peer=255 text= name= ms=2000 number=0 "));
    raw_ask(0, 11, ROBOT "SendSessionHeartbeat", id_of(one), NULL);
    raw_ask(0, 13, ROBOT "StartSession", id_of(one), NULL); /* dead: a new one */
    raw_settle();
    CHECK_REPLY(0, 11, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_REPLY(0, 13, 0, "");
    (void)snprintf(two, sizeof two, "viam-sid: %.36s\n", (const char *)raw_of(0, 13)->data + 7);
    CHECK(strcmp(one, two) != 0);
    for (i = 10; i < 46; i++)
        two[i] = (char)(two[i] >= 'a' && two[i] <= 'f' ? two[i] - 'a' + 'A' : two[i]);
    raw_ask(0, 15, ROBOT "StartSession", id_of(two), NULL);
    raw_settle();
    CHECK_EQ_MEM(raw_of(0, 15)->data, raw_of(0, 15)->len, raw_of(0, 13)->data, raw_of(0, 13)->len);
}

TEST(session_ids_are_uuids)
{
    static const char *const junk[] = {"", "x", "11111111-2222-4333-8444-00000000000", "11111111-2222-4333-8444-0000000000011",
                                       "11111111-2222-4333-8444-00000000000g", "111111112222-4333-8444-000000000001-", "11111111222243338444000000000001"};
    char field[80];
    uint8_t msg[80];
    uint32_t id = 1;
    size_t i;
    open_robot();
    for (i = 0; i < TEST_COUNT(junk); i++, id += 6) {
        size_t n = (size_t)snprintf((char *)msg, sizeof msg, "\x0a%c%s", (char)strlen(junk[i]), junk[i]);
        raw_headers(0, id, ROBOT "SendSessionHeartbeat", NULL, false);
        raw_message(0, id, msg, n, true);
        raw_headers(0, id + 2, ROBOT "StartSession", NULL, false);
        raw_message(0, id + 2, msg, n, true);
        (void)snprintf(field, sizeof field, "viam-sid: %s\n", junk[i]);
        raw_ask(0, id + 4, MOTOR "SetPower", LEFT, field);
        raw_settle();
        CHECK_REPLY(0, id, VIAMC_UNKNOWN, "session id is not a UUID");
        CHECK_EQ_INT(raw_status(0, id + 2), n == 2 ? 0 : VIAMC_UNKNOWN); /* an empty one asks for a new session */
        CHECK_REPLY(0, id + 4, VIAMC_UNKNOWN, "session id is not a UUID");
    }
    CHECK_EQ_INT(left.powers, 0);
}

TEST(sessions_belong_to_their_key)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_run(1900);
    open_second(1);
    raw_ask(1, 3, ROBOT "SendSessionHeartbeat", id_of(sid), NULL);
    raw_ask(1, 5, MOTOR "SetPower", LEFT, sid);
    raw_ask(1, 7, ROBOT "StartSession", id_of(sid), NULL);
    raw_settle();
    CHECK_REPLY(1, 3, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_REPLY(1, 5, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_REPLY(1, 7, 0, "");
    CHECK_EQ_INT(left.powers, 1);
    CHECK(memcmp(raw_of(1, 7)->data + 7, sid + 10, 36) != 0);
    raw_run(100);
    CHECK_EQ_INT(left.stops, 1); /* none of this kept it alive */
}

TEST(sessions_are_limited)
{
    char sid[64];
    uint32_t id;
    open_keyed();
    for (id = 3; id < 11; id += 2)
        start_session(0, id, sid);
    raw_ask(0, 11, ROBOT "StartSession", "", NULL);
    raw_settle();
    CHECK_REPLY(0, 11, VIAMC_RESOURCE_EXHAUSTED, "too many concurrent sessions: wait one window");
    raw_run(2000);
    start_session(0, 13, sid);
    raw.loop.end[VMC_LOOP_CLIENTS].fault.kind = VMC_LOOP_RANDOM;
    raw.loop.end[VMC_LOOP_CLIENTS].fault.at = 1;
    raw.loop.end[VMC_LOOP_CLIENTS].fault.err = VIAMC_WAIT;
    raw_ask(0, 15, ROBOT "StartSession", "", NULL);
    raw_settle();
    CHECK_EQ_INT(raw_status(0, 15), VIAMC_UNAVAILABLE);
}

/* The window: 30 ms to a minute, any value between; told to the client as it is. */
TEST(window_is_told)
{
    char sid[64];
    fresh();
    raw.desc.window_ms = 30;
    begin();
    raw_open(0);
    start_session(0, 1, sid);
    CHECK_EQ_HEX(raw_of(0, 1)->data + 5 + 38, raw_of(0, 1)->len - 43, "1205108087a70e"); /* P8 */
    raw_ask(0, 3, MOTOR "SetPower", LEFT, sid);
    raw_run(29);
    CHECK_EQ_INT(left.stops, 0);
    raw_run(1);
    CHECK_EQ_INT(left.stops, 1);
}

TEST(expiry_stops_what_was_moved)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid); /* counts as a heartbeat */
    raw_run(1999);
    CHECK_REPLY(0, 5, 0, "");
    CHECK_EQ_INT(left.stops, 0);
    raw_ask(0, 7, MOTOR "GetPosition", LEFT, sid); /* does not: not a moving call */
    raw_run(1);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_EQ_INT(right.stops, 0);
    CHECK_EQ_STR(left.last, LEFT);
    CHECK(raw_has_event("expired peer=255 text= name= ms=2000 number=1 "));
    CHECK(raw_has_event("stopped peer=255 text= name=left ms=0 number=0 "));
    raw_run(10000);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_EQ_INT(raw_count("stopped "), 1);
    raw_ask(0, 9, MOTOR "SetPower", LEFT, sid);
    raw_settle();
    CHECK_REPLY(0, 9, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_EQ_INT(left.powers, 1);
}

/* The connection may be long gone: the session is not it. */
TEST(expiry_comes_after_the_connection_too)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_settle();
    raw_close(0);
    raw_run(1000);
    raw_open(0); /* the same driver again: its session goes on */
    raw_ask(0, 1, AUTHENTICATE, P1, NULL);
    raw_settle();
    take_token(0, 1);
    raw_ask(0, 3, ROBOT "StartSession", id_of(sid), NULL);
    raw_settle();
    CHECK_EQ_MEM(raw_of(0, 3)->data + 7, 36, sid + 10, 36);
    raw_close(0);
    raw_run(1999);
    CHECK_EQ_INT(left.stops, 0);
    raw_run(1);
    CHECK_EQ_INT(left.stops, 1);
}

TEST(moving_calls_are_signs_of_life)
{
    char sid[64];
    uint32_t id;
    open_keyed();
    start_session(0, 3, sid);
    for (id = 5; id < 15; id += 2) {
        raw_run(1900);
        raw_ask(0, id, MOTOR "SetPower", LEFT, sid);
        raw_settle();
        CHECK_REPLY(0, id, 0, "");
    }
    raw_run(1999);
    CHECK_EQ_INT(left.stops, 0);
    raw_run(1);
    CHECK_EQ_INT(left.stops, 1);
}

/* A poll that comes late stops at once, before anything that waits is read. */
TEST(expiry_is_first_in_a_poll)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_settle();
    raw_ask(0, 7, ROBOT "SendSessionHeartbeat", id_of(sid), NULL);
    raw.loop.now += 2500;
    CHECK_EQ_INT(viamc_server_poll(raw.server, raw.loop.now), VIAMC_OK);
    CHECK_EQ_INT(left.stops, 1);
    raw_settle();
    CHECK_REPLY(0, 7, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
}

TEST(the_last_mover_owns_the_motor)
{
    char one[64], two[64];
    open_keyed();
    start_session(0, 3, one);
    start_session(0, 5, two);
    raw_ask(0, 7, MOTOR "SetPower", LEFT, one);
    raw_ask(0, 9, MOTOR "SetPower", RIGHT, one);
    raw_settle();
    raw_run(1000);
    raw_ask(0, 11, MOTOR "SetPower", LEFT, two); /* takes left over */
    raw_ask(0, 13, MOTOR "SetPower", RIGHT, NULL); /* frees right */
    raw_settle();
    raw_run(1000);
    CHECK(raw_has_event("expired peer=255 text= name= ms=2000 number=0 "));
    CHECK_EQ_INT(left.stops + right.stops, 0);
    raw_run(1000);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_EQ_INT(right.stops, 0);
}

TEST(session_ids_of_a_call)
{
    char sid[64], both[160];
    open_keyed();
    start_session(0, 3, sid);
    (void)snprintf(both, sizeof both, "%s%s", sid, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, both);
    raw_ask(0, 7, MOTOR "SetPower", LEFT, "viam-sid: 1\n");
    raw_ask(0, 9, MOTOR "SetPower", LEFT, "viam-sid: 11111111-2222-4333-8444-00000000000g\n");
    raw_settle();
    raw_ask(0, 11, MOTOR "SetPower", LEFT, "viam-sid: 11111111-2222-4333-8444-000000000001\n");
    raw_ask(0, 13, MOTOR "GetPosition", LEFT, "viam-sid: 11111111-2222-4333-8444-000000000001\n"); /* not looked at */
    raw_ask(0, 15, MOTOR "Stop", LEFT, both);
    raw_settle();
    CHECK_REPLY(0, 5, VIAMC_UNKNOWN, "found more than one session id in metadata");
    CHECK_REPLY(0, 7, VIAMC_UNKNOWN, "session id is not a UUID");
    CHECK_REPLY(0, 9, VIAMC_UNKNOWN, "session id is not a UUID");
    CHECK_REPLY(0, 11, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_REPLY(0, 13, 0, "");
    CHECK_REPLY(0, 15, 0, "");
    CHECK_EQ_INT(left.powers, 0);
}

/* A moving call whose message comes after its session has ended does not move. */
TEST(a_call_outlived_by_its_session)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_headers(0, 5, MOTOR "SetPower", sid, false);
    raw_run(2100);
    start_session(0, 7, sid); /* in the same place of the table */
    raw_message(0, 5, "\x0a\x04left", 6, true);
    raw_settle();
    CHECK_REPLY(0, 5, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    CHECK_EQ_INT(left.powers, 0);
}

/* ---- Stops of the server's own ---- */

static void move_and_expire(void)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_run(1999);
}

TEST(a_stop_that_fails_is_asked_again)
{
    move_and_expire();
    left.stop = DO_FAIL;
    raw_run(1);
    CHECK_EQ_INT(left.stops, 1);
    raw_run(100);
    CHECK(left.stops >= 10 && left.stops <= 12);
    left.stop = DO_WAIT;
    raw_run(100);
    CHECK(left.stops >= 20 && left.stops <= 23);
    left.stop = DO_NOTHING; /* neither answered nor kept */
    raw_run(20);
    left.stop = DO_ERROR;
    raw_run(20);
    left.stop = DO_POLL;
    raw_run(10);
    left.stops = 0;
    raw_run(1000);
    CHECK_EQ_INT(left.stops, 0);
}

TEST(a_stop_that_fails_gives_way_to_a_new_driver)
{
    move_and_expire();
    left.stop = DO_FAIL;
    raw_run(1);
    CHECK_EQ_INT(left.stops, 1);
    raw_ask(0, 7, MOTOR "SetPower", LEFT, NULL);
    raw_settle();
    CHECK_REPLY(0, 7, 0, "");
    left.stops = 0;
    raw_run(1000);
    CHECK_EQ_INT(left.stops, 0);
}

/* A move that its handler refuses drives nothing: the Stop that is due stays so. */
TEST(a_stop_does_not_give_way_to_a_move_that_fails)
{
    unsigned how;
    for (how = 0; how < 3; how++) {
        move_and_expire();
        left.stop = how == 0 ? DO_WAIT : how == 1 ? DO_FAIL : DO_KEEP;
        left.set_power = DO_FAIL;
        raw_run(1);
        raw_ask(0, 7, MOTOR "SetPower", LEFT, NULL);
        raw_settle();
        CHECK_REPLY(0, 7, VIAMC_INTERNAL, "no");
        if (how == 2)
            CHECK_EQ_INT(viamc_fail(left.kept, VIAMC_INTERNAL, "no"), VIAMC_OK);
        left.stop = DO_ANSWER;
        left.stops = 0;
        raw_run(20);
        CHECK_EQ_INT(left.stops, 1);
    }
}

TEST(a_stop_may_be_kept)
{
    move_and_expire();
    left.stop = DO_KEEP;
    raw_run(1000);
    CHECK_EQ_INT(left.stops, 1);
    CHECK(left.kept != NULL && !viamc_request_cancelled(left.kept));
    CHECK_EQ_INT(viamc_request_name(left.kept).len, 4);
    CHECK_EQ_INT(viamc_request_message(left.kept).len, 0); /* ended with the handler */
    CHECK(viamc_request_method(left.kept) == NULL);
    CHECK_EQ_INT(viamc_request_send(left.kept, viamc_view(NULL, 0)), VIAMC_ERR_STATE);
    CHECK_EQ_INT(raw_count("stopped "), 0);
    CHECK_EQ_INT(viamc_fail(left.kept, VIAMC_ABORTED, "not yet"), VIAMC_OK);
    raw_run(5);
    CHECK_EQ_INT(left.stops, 2); /* asked again at once */
    CHECK_EQ_INT(viamc_answer_bytes(left.kept, viamc_view("xyz", 3)), VIAMC_OK);
    CHECK_EQ_INT(viamc_answer_bytes(left.kept, viamc_view("xyz", 3)), VIAMC_ERR_STATE);
    raw_run(1000);
    CHECK_EQ_INT(left.stops, 2);
}

TEST(a_kept_stop_that_fails_gives_way_to_a_new_driver)
{
    move_and_expire();
    left.stop = DO_KEEP;
    raw_run(10);
    raw_ask(0, 7, MOTOR "SetPower", LEFT, NULL);
    raw_settle();
    CHECK_REPLY(0, 7, 0, "");
    CHECK_EQ_INT(viamc_fail(left.kept, VIAMC_INTERNAL, "no"), VIAMC_OK);
    raw_run(1000);
    CHECK_EQ_INT(left.stops, 1);
}

/* ---- a Stop comes after the moves before it, whatever held them up ---- */

TEST(a_stop_ends_moves_that_wait)
{
    open_robot();
    left.set_power = right.set_power = DO_WAIT;
    raw_ask(0, 1, MOTOR "SetPower", LEFT, NULL);
    raw_ask(0, 3, MOTOR "SetPower", RIGHT, NULL);
    raw_settle();
    raw_ask(0, 5, MOTOR "Stop", LEFT, NULL);
    raw_settle();
    CHECK_REPLY(0, 5, 0, "");
    left.set_power = right.set_power = DO_ANSWER;
    left.powers = 0;
    raw_run(20);
    CHECK_EQ_INT(left.powers, 0);
    CHECK_REPLY(0, 1, VIAMC_ABORTED, "stopped meanwhile");
    CHECK_REPLY(0, 3, 0, ""); /* another motor's */
    raw_ask(0, 7, MOTOR "SetPower", LEFT, NULL);
    raw_settle();
    CHECK_REPLY(0, 7, 0, "");
}

TEST(the_end_of_a_session_ends_moves_that_wait)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    left.set_power = DO_WAIT;
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_run(2000);
    CHECK_EQ_INT(left.stops, 1);
    left.set_power = DO_ANSWER;
    left.powers = 0;
    raw_run(100);
    CHECK_EQ_INT(left.powers, 0);
    CHECK_REPLY(0, 5, VIAMC_ABORTED, "stopped meanwhile");
}

/* A Stop of the server's own counts from its beginning, however long its handler takes. */
TEST(a_stop_that_is_kept_ends_moves_that_wait)
{
    unsigned how;
    for (how = 0; how < 2; how++) { /* the end of a session, StopAll */
        char sid[64];
        open_keyed();
        start_session(0, 3, sid);
        left.set_power = DO_WAIT;
        left.stop = DO_KEEP;
        raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
        raw_settle();
        if (how == 0)
            raw_run(1999);
        else
            raw_ask(0, 7, ROBOT "StopAll", "", NULL);
        raw_run(1);
        CHECK_EQ_INT(left.stops, 1);
        left.set_power = DO_ANSWER;
        left.powers = 0;
        raw_run(100);
        CHECK_EQ_INT(left.powers, 0);
        CHECK_REPLY(0, 5, VIAMC_ABORTED, "stopped meanwhile");
        CHECK_EQ_INT(viamc_answer_bytes(left.kept, viamc_view(NULL, 0)), VIAMC_OK);
    }
}

/* A move that finds no room for its answer is not served; the Stop behind it is. */
TEST(a_stop_ends_moves_without_room)
{
    uint32_t id;
    fresh();
    raw.desc.max_requests = 60;
    raw.desc.tx_bytes = 256;
    raw.loop.line[VMC_LOOP_TO_CLIENT].capacity = 100;
    begin();
    raw_open(0);
    raw_settle();
    raw.client[0].deaf = true;
    for (id = 1; id < 111; id += 2)
        raw_ask(0, id, MOTOR "SetPower", LEFT, NULL);
    raw_settle();
    CHECK(left.powers > 0 && left.powers < 55);
    raw_ask(0, 111, MOTOR "Stop", LEFT, NULL);
    raw_settle();
    CHECK_EQ_INT(left.stops, 1);
    left.powers = 0;
    raw.client[0].deaf = false;
    raw_settle();
    CHECK_EQ_INT(left.powers, 0);
    CHECK_REPLY(0, 109, VIAMC_ABORTED, "stopped meanwhile");
    CHECK_REPLY(0, 111, 0, "");
}

TEST(stop_all)
{
    open_robot();
    raw_ask(0, 1, ROBOT "StopAll", "", NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_STR(left.last, LEFT);
    CHECK_EQ_STR(right.last, RIGHT);
    /* extra for right, and one for a motor that is not there */
    raw_ask(0, 3, ROBOT "StopAll",
            "9a062e0a1e0a0372646b1209636f6d706f6e656e741a056d6f746f7222057269676874120c0a0a0a046661737412022001"
            "9a062b0a1b0a0372646b1209636f6d706f6e656e741a056d6f746f7222026d31120c0a0a0a046661737412022001"
            "9a06050a03220178" "9a06021200" "9a0600", NULL);
    raw_settle();
    CHECK_REPLY(0, 3, 0, "");
    CHECK_EQ_STR(left.last, LEFT);
    CHECK_EQ_STR(right.last, RIGHT "9a060c0a0a0a046661737412022001");
    CHECK_EQ_INT(left.stops + right.stops, 4);
}

TEST(stop_all_names_what_failed)
{
    open_robot();
    left.stop = right.stop = DO_FAIL;
    raw_ask(0, 1, ROBOT "StopAll", "", NULL);
    raw_settle();
    CHECK_REPLY(0, 1, VIAMC_INTERNAL, "Failed to stop components named left, right");
    left.stop = DO_ANSWER;
    raw_run(10);
    left.stops = right.stops = 0;
    raw_run(50);
    CHECK(left.stops == 0 && right.stops > 3); /* goes on until it succeeds */
    raw_ask(0, 3, ROBOT "StopAll", "", NULL);
    raw_settle();
    CHECK_REPLY(0, 3, VIAMC_INTERNAL, "Failed to stop components named right");
}

TEST(stop_all_waits_for_kept_stops)
{
    viamc_wait_hint hint;
    open_robot();
    left.stop = right.stop = DO_KEEP;
    raw_ask(0, 1, ROBOT "StopAll", "", NULL);
    raw_run(100);
    CHECK_EQ_INT(raw_status(0, 1), -1);
    raw_open(1);
    raw_ask(1, 1, ROBOT "StopAll", "", NULL); /* at the same time: each is stopped once more when it has stopped */
    raw_run(100);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_EQ_INT(viamc_answer_bytes(left.kept, viamc_view(NULL, 0)), VIAMC_OK);
    viamc_server_wait(raw.server, raw.loop.now, &hint);
    CHECK_EQ_INT(hint.ms, 0);
    raw_run(20);
    CHECK_EQ_INT(raw_status(0, 1), -1);
    left.stop = right.stop = DO_ANSWER;
    CHECK_EQ_INT(viamc_answer_bytes(right.kept, viamc_view(NULL, 0)), VIAMC_OK);
    CHECK_EQ_INT(viamc_answer_bytes(left.kept, viamc_view(NULL, 0)), VIAMC_OK);
    raw_run(20);
    CHECK_REPLY(0, 1, 0, "");
    CHECK_REPLY(1, 1, 0, "");
    CHECK_EQ_INT(left.stops, 2);
    CHECK_EQ_INT(right.stops, 2);
}

TEST(stop_all_with_a_kept_stop_that_fails)
{
    open_robot();
    left.stop = DO_KEEP;
    right.stop = DO_FAIL;
    raw_ask(0, 1, ROBOT "StopAll", "", NULL);
    raw_run(30);
    CHECK_EQ_INT(raw_status(0, 1), -1);
    CHECK_EQ_INT(viamc_fail(left.kept, VIAMC_INTERNAL, ""), VIAMC_OK);
    left.stop = DO_FAIL;
    raw_run(15);
    CHECK_REPLY(0, 1, VIAMC_INTERNAL, "Failed to stop components named left, right");
}

/* A StopAll that waits for a Stop is not spared it by a move that comes meanwhile. */
TEST(stop_all_against_a_later_move)
{
    open_robot();
    left.stop = DO_WAIT;
    raw_ask(0, 1, ROBOT "StopAll", "", NULL);
    raw_settle();
    raw_ask(0, 3, MOTOR "SetPower", LEFT, NULL);
    raw_run(30);
    CHECK_REPLY(0, 3, 0, "");
    CHECK_EQ_INT(raw_status(0, 1), -1);
    left.stops = 0;
    left.stop = DO_ANSWER;
    raw_run(20);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_REPLY(0, 1, 0, "");
}

/* ---- requests ---- */

TEST(handlers_that_do_not_answer)
{
    open_robot();
    left.set_power = DO_NOTHING;
    right.set_power = DO_ERROR;
    raw_ask(0, 1, MOTOR "SetPower", LEFT, NULL);
    raw_ask(0, 3, MOTOR "SetPower", RIGHT, NULL);
    raw_settle();
    CHECK_REPLY(0, 1, VIAMC_INTERNAL, "the handler did not answer");
    CHECK_REPLY(0, 3, VIAMC_INTERNAL, "the handler failed");
    left.set_power = DO_POLL;
    right.set_power = DO_FAIL;
    raw_ask(0, 5, MOTOR "SetPower", LEFT, NULL);
    raw_ask(0, 7, MOTOR "SetPower", RIGHT, NULL);
    raw_settle();
    CHECK_REPLY(0, 5, 0, "");
    CHECK_REPLY(0, 7, VIAMC_INTERNAL, "no");
    left.set_power = DO_WAIT;
    raw_ask(0, 9, MOTOR "SetPower", LEFT, NULL);
    raw_run(100);
    CHECK_EQ_INT(raw_status(0, 9), -1);
    CHECK(left.powers >= 10 && left.powers < 20);
    left.set_power = DO_ANSWER;
    raw_run(10);
    CHECK_REPLY(0, 9, 0, "");
    left.set_power = DO_NOMEM;
    right.set_power = DO_MESSAGE;
    raw_ask(0, 11, MOTOR "SetPower", LEFT, NULL);
    raw_ask(0, 13, MOTOR "SetPower", RIGHT, NULL);
    raw_settle();
    CHECK_EQ_INT(raw_status(0, 11), VIAMC_RESOURCE_EXHAUSTED);
    CHECK_EQ_INT(raw_status(0, 13), VIAMC_INVALID_ARGUMENT);
    left.set_power = DO_WAIT; /* one that its client gives up is gone without another call */
    raw_ask(0, 15, MOTOR "SetPower", LEFT, NULL);
    raw_settle();
    raw_reset(0, 15);
    raw_settle();
    left.powers = 0;
    raw_run(100);
    CHECK_EQ_INT(left.powers, 0);
}

TEST(answers_have_their_room)
{
    open_robot();
    raw_ask(0, 1, ECHO "Room", "", NULL);
    raw_ask(0, 3, ECHO "Room", "00", NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_INT(raw_of(0, 1)->len, 5 + 443);
    CHECK_REPLY(0, 3, VIAMC_RESOURCE_EXHAUSTED, "answer larger than the memory for it");
}

TEST(kept_requests_are_answered_later)
{
    viamc_wait_hint hint;
    open_robot();
    echo_keep = true;
    raw_ask(0, 1, ECHO "Unary", "616263", NULL);
    raw_run(5000);
    CHECK_EQ_INT(echo_calls, 1);
    CHECK_EQ_MEM(viamc_request_message(echo_kept).ptr, viamc_request_message(echo_kept).len, "abc", 3);
    CHECK(!viamc_request_cancelled(echo_kept));
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_request_message(echo_kept)), VIAMC_OK);
    viamc_server_wait(raw.server, raw.loop.now, &hint);
    CHECK_EQ_INT(hint.ms, 0);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_INT(raw_of(0, 1)->len, 8);
    raw_ask(0, 3, ECHO "Unary", "616263", NULL);
    raw_settle();
    CHECK_EQ_INT(viamc_fail(echo_kept, VIAMC_ABORTED, "tea\nt\xc3\xa9 %"), VIAMC_OK); /* trailers alone, from outside a poll */
    raw_settle();
    CHECK_REPLY(0, 3, VIAMC_ABORTED, "tea%0At%C3%A9 %25");
}

/* raw_settle sees a server that asks to be polled and does nothing. */
TEST(a_kept_request_of_a_client_that_is_gone_has_no_deadline)
{
    fresh();
    raw.desc.max_peers = 1;
    begin();
    raw_open(0);
    echo_keep = true;
    raw_ask(0, 1, ECHO "Unary", "61", "grpc-timeout: 1S\n");
    raw_settle();
    raw_close(0);
    raw_run(2000);
    raw_open(1); /* the same place */
    raw_run(10);
    CHECK(viamc_request_cancelled(echo_kept));
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view(NULL, 0)), VIAMC_ERR_CLOSED);
}

/* Deadline, reset, loss of the connection: a kept request turns cancelled, and holds its place until it is let go. */
TEST(kept_requests_turn_cancelled)
{
    viamc_request *first;
    open_robot();
    echo_keep = true;
    raw_ask(0, 1, ECHO "Unary", "616263", "grpc-timeout: 300m\n");
    raw_run(299);
    first = echo_kept;
    CHECK(!viamc_request_cancelled(first));
    CHECK_EQ_INT(raw_status(0, 1), -1);
    raw_run(1);
    CHECK(viamc_request_cancelled(first));
    CHECK_REPLY(0, 1, VIAMC_DEADLINE_EXCEEDED, "");
    CHECK_EQ_MEM(viamc_request_message(first).ptr, viamc_request_message(first).len, "abc", 3);
    CHECK_EQ_INT(viamc_answer_bytes(first, viamc_view("x", 1)), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_answer_bytes(first, viamc_view("x", 1)), VIAMC_ERR_STATE);
    raw_ask(0, 3, ECHO "Unary", "646566", NULL);
    raw_settle();
    first = echo_kept;
    raw_reset(0, 3);
    raw_settle();
    CHECK(viamc_request_cancelled(first));
    echo_keep = false;
    raw_ask(0, 5, ECHO "Unary", "01", NULL); /* the first place is still taken: these find others */
    raw_ask(0, 7, ECHO "Unary", "02", NULL);
    raw_ask(0, 9, ECHO "Unary", "03", NULL);
    raw_settle();
    CHECK_REPLY(0, 5, 0, "");
    CHECK_REPLY(0, 7, 0, "");
    CHECK_REPLY(0, 9, 0, "");
    CHECK_EQ_MEM(viamc_request_message(first).ptr, viamc_request_message(first).len, "def", 3);
    CHECK_EQ_INT(viamc_fail(first, VIAMC_ABORTED, NULL), VIAMC_ERR_CLOSED);
    raw_settle();
}

TEST(kept_requests_outlive_their_connection)
{
    viamc_request *kept[4];
    uint32_t id;
    unsigned i;
    fresh();
    raw.desc.max_peers = 1;
    begin();
    raw_open(0);
    echo_keep = true;
    for (i = 0, id = 1; i < 3; i++, id += 2) {
        raw_ask(0, id, ECHO "Unary", i == 0 ? "6161" : i == 1 ? "6262" : "6363", NULL);
        raw_settle();
        kept[i] = echo_kept;
    }
    raw_close(0);
    raw_settle();
    CHECK(viamc_request_cancelled(kept[0]) && viamc_request_cancelled(kept[2]));
    echo_keep = false;
    raw_open(1); /* the same place */
    raw_ask(1, 1, ECHO "Unary", "64", NULL);
    raw_ask(1, 3, ECHO "Unary", "65", NULL);
    raw_settle();
    CHECK_EQ_MEM(viamc_request_message(kept[0]).ptr, 2, "aa", 2);
    CHECK_EQ_MEM(viamc_request_message(kept[2]).ptr, 2, "cc", 2);
    CHECK_REPLY(1, 1, 0, "");
    CHECK(raw_of(1, 3)->rst == VMC_H2_REFUSED_STREAM); /* three of four places are kept */
    for (i = 0; i < 3; i++)
        CHECK_EQ_INT(viamc_answer_bytes(kept[i], viamc_view(NULL, 0)), VIAMC_ERR_CLOSED);
    raw_settle();
    raw_ask(1, 5, ECHO "Unary", "66", NULL);
    raw_ask(1, 7, ECHO "Unary", "67", NULL);
    raw_ask(1, 9, ECHO "Unary", "68", NULL);
    raw_settle();
    CHECK_REPLY(1, 5, 0, "");
    CHECK_REPLY(1, 9, 0, "");
}

/* Between the answer and the next poll nothing but octets happens: a place that was let go must be free for what they bring. */
TEST(place_of_an_answered_request_is_free_at_once)
{
    fresh();
    raw.desc.max_requests = 1;
    begin();
    raw_open(0);
    echo_keep = true;
    raw_ask(0, 1, ECHO "Unary", "61", NULL);
    raw_settle();
    raw_reset(0, 1);
    raw_settle();
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view(NULL, 0)), VIAMC_ERR_CLOSED);
    echo_keep = false;
    raw_ask(0, 3, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_REPLY(0, 3, 0, "");
}

/* A handler that keeps and says WAIT is called again; its handle lasts although the client has gone. */
TEST(keeping_and_waiting)
{
    open_robot();
    left.set_power = DO_KEEP_WAIT;
    raw_ask(0, 1, MOTOR "SetPower", LEFT, NULL);
    raw_run(50);
    CHECK(left.powers > 3);
    raw_reset(0, 1);
    raw_run(50);
    CHECK(viamc_request_cancelled(left.kept));
    raw_ask(0, 3, ECHO "Unary", "66", NULL);
    raw_settle();
    CHECK_REPLY(0, 3, 0, "");
    CHECK_EQ_INT(viamc_answer_bytes(left.kept, viamc_view(NULL, 0)), VIAMC_ERR_CLOSED);
    raw_settle();
}

TEST(requests_that_are_not_one_message)
{
    open_robot();
    raw_headers(0, 1, ECHO "Unary", NULL, true); /* none */
    raw_headers(0, 3, ECHO "Unary", NULL, false); /* two */
    raw_message(0, 3, "a", 1, false);
    raw_message(0, 3, "b", 1, true);
    raw_settle();
    raw_headers(0, 5, ECHO "Unary", NULL, false); /* a half */
    raw_frame(0, 0, 1, 5, "\0\0\0\0\x05xx", 7);
    raw_headers(0, 7, ECHO "Unary", NULL, false); /* compressed */
    raw_frame(0, 0, 1, 7, "\1\0\0\0\1x", 6);
    raw_settle();
    raw_headers(0, 9, ECHO "Unary", NULL, false); /* ended by trailers */
    raw_message(0, 9, "a", 1, false);
    raw_frame(0, 1, 5, 9, "\x00\x01x\x01y", 5);
    raw_headers(0, 11, ECHO "Unary", NULL, false); /* larger than there is room for */
    raw_frame(0, 0, 0, 11, "\0\0\0\x10\0", 5);
    raw_settle();
    CHECK_REPLY(0, 1, VIAMC_INTERNAL, "a request must be one message");
    CHECK_REPLY(0, 3, VIAMC_INTERNAL, "a request must be one message");
    CHECK_REPLY(0, 5, VIAMC_INTERNAL, "a request must be one message");
    CHECK_REPLY(0, 7, VIAMC_INTERNAL, "compressed message, and no encoding was agreed");
    CHECK_REPLY(0, 9, 0, "");
    CHECK_REPLY(0, 11, VIAMC_RESOURCE_EXHAUSTED, "message larger than this robot takes");
    CHECK_EQ_INT(raw_of(0, 11)->rst, VMC_H2_NO_ERROR); /* it was answered before it was whole */
    CHECK_EQ_INT(echo_calls, 1);
}

TEST(requests_that_are_not_grpc)
{
    static const char *const fields[] = {"content-type: text/html\n", "grpc-timeout: 1\n", "grpc-encoding: gzip\n", "grpc-timeout: 0m\n",
                                         "grpc-encoding: identity\n"};
    static const int status[] = {VIAMC_INVALID_ARGUMENT, VIAMC_INTERNAL, VIAMC_UNIMPLEMENTED, VIAMC_DEADLINE_EXCEEDED, 0};
    size_t i;
    open_robot();
    for (i = 0; i < TEST_COUNT(fields); i++) {
        raw_ask(0, (uint32_t)(2 * i + 1), ECHO "Unary", "61", fields[i]);
        raw_settle();
        CHECK_EQ_INT(raw_status(0, (uint32_t)(2 * i + 1)), status[i]);
    }
    raw_lines_ask(0, 13, ":method: POST\n:scheme: http\n:path: " ECHO "Unary\ncontent-type: application/grpc+proto\n");
    raw_lines_ask(0, 15, ":method: POST\n:scheme: http\n:path: " ECHO "Unary\n"); /* no content-type */
    raw_settle();
    CHECK_REPLY(0, 13, 0, "");
    CHECK_EQ_INT(raw_status(0, 15), VIAMC_INVALID_ARGUMENT);
    raw_lines_ask(0, 17, ":method: POST\n:scheme: http\ncontent-type: application/grpc\n"); /* no path */
    raw_lines_ask(0, 19, ":method: POST\n:path: " ECHO "Unary\ncontent-type: application/grpc\n"); /* no scheme */
    raw_lines_ask(0, 21, ":method: POST\n:scheme: http\n:path: " ECHO "Unary\nConnection: x\n");
    raw_settle();
    for (i = 17; i < 23; i += 2)
        CHECK_EQ_INT(raw_of(0, (uint32_t)i)->rst, VMC_H2_PROTOCOL_ERROR);
    raw_fields(0, 23, "828684"
                      "0f10106170706c69636174696f6e2f67727063"); /* GET */
    raw_settle();
    CHECK_EQ_INT(raw_status(0, 23), VIAMC_INVALID_ARGUMENT);
}

TEST(deadlines_of_requests_under_way)
{
    open_robot();
    raw_headers(0, 1, ECHO "Unary", "grpc-timeout: 50m\n", false);
    raw_run(49);
    CHECK_EQ_INT(raw_status(0, 1), -1);
    raw_run(1);
    CHECK_REPLY(0, 1, VIAMC_DEADLINE_EXCEEDED, "");
    CHECK_EQ_INT(raw_of(0, 1)->rst, VMC_H2_NO_ERROR); /* its message is not wanted any more */
    left.set_power = DO_WAIT;
    raw_ask(0, 3, MOTOR "SetPower", LEFT, "grpc-timeout: 1S\n");
    raw_run(1000);
    CHECK_REPLY(0, 3, VIAMC_DEADLINE_EXCEEDED, "");
    left.powers = 0;
    raw_run(100);
    CHECK_EQ_INT(left.powers, 0);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, "grpc-timeout: 1H\n");
    raw_run(5000);
    CHECK_EQ_INT(raw_status(0, 5), -1);
    left.set_power = DO_ANSWER;
    raw_run(20);
    CHECK_REPLY(0, 5, 0, "");
}

/* Requests of one client that are there at once are served in the order in which they began: Stop after the SetPower before it. */
TEST(requests_are_served_in_their_order)
{
    unsigned round;
    open_robot();
    for (round = 0; round < 12; round++) {
        uint32_t id = 6 * round + 1;
        raw_ask(0, id, ECHO "Unary", "61", NULL);
        if (round % 3 == 1)
            raw_settle();
        raw.events[0] = '\0';
        raw_ask(0, id + 2, MOTOR "SetPower", LEFT, NULL);
        raw_ask(0, id + 4, MOTOR "Stop", LEFT, NULL);
        raw_settle();
        CHECK(strstr(raw.events, "SetPower") != NULL && strstr(raw.events, "SetPower") < strstr(raw.events, "Stop name"));
        raw.client[0].replies = 0;
    }
    echo_keep = true; /* Stop in the place before SetPower's */
    raw_ask(0, 101, ECHO "Unary", "61", NULL);
    raw_headers(0, 103, MOTOR "SetPower", NULL, false);
    raw_settle();
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view(NULL, 0)), VIAMC_OK);
    raw_settle();
    raw.events[0] = '\0';
    raw_ask(0, 105, MOTOR "Stop", LEFT, NULL);
    raw_message(0, 103, "\x0a\x04left", 6, true);
    raw_settle();
    CHECK(strstr(raw.events, "SetPower") != NULL && strstr(raw.events, "SetPower") < strstr(raw.events, "Stop name"));
}

/* ---- streams ---- */

TEST(client_streams_come_message_by_message)
{
    open_robot();
    raw_headers(0, 1, ECHO "Collect", NULL, false);
    raw_settle();
    raw_message(0, 1, "one", 3, false);
    raw_settle();
    CHECK_EQ_INT(echo_calls, 1);
    raw_message(0, 1, "", 0, false); /* empty is not the end */
    raw_message(0, 1, "three", 5, true);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_STR(echo_got, "[one][][three]");
    CHECK_EQ_INT(echo_calls, 4);
    echo_got[0] = '\0';
    echo_wait = true;
    raw_headers(0, 3, ECHO "Collect", NULL, true); /* nothing but its end, and a handler that waits there */
    raw_run(100);
    CHECK_EQ_INT(raw_status(0, 3), -1);
    echo_wait = false;
    raw_run(10);
    CHECK_REPLY(0, 3, 0, "");
    CHECK_EQ_INT(echo_ends, 2);
    raw_headers(0, 5, ECHO "Collect", NULL, false);
    raw_frame(0, 0, 1, 5, "\0\0\0\0\2x", 6);
    raw_settle();
    CHECK_REPLY(0, 5, VIAMC_INTERNAL, "the stream ended inside a message");
}

/* A stream that was refused in its middle has no end that its handler could take for that of the whole. */
TEST(client_streams_that_are_refused_do_not_end)
{
    static const char *const wrong[] = {"0000010000", "010000000161", "020000000161"}; /* too large, compressed, reserved */
    unsigned how;
    for (how = 0; how < 2u * TEST_COUNT(wrong); how++) {
        uint8_t octets[16];
        size_t n = test_hex(wrong[how / 2u], octets, sizeof octets);
        open_robot();
        raw_headers(0, 1, ECHO "Collect", NULL, false);
        raw_message(0, 1, "abc", 3, false);
        if (how % 2u != 0)
            raw_settle();
        raw_frame(0, 0, 0, 1, octets, n);
        raw_frame(0, 0, 1, 1, NULL, 0);
        raw_settle();
        CHECK(raw_status(0, 1) > 0);
        CHECK_EQ_INT(echo_ends, 0);
        check_usable();
    }
}

/* Nor does its deadline keep a server awake whose client does not read. */
TEST(deadlines_of_refused_requests)
{
    open_robot();
    raw.loop.link[0].pipe[VMC_LOOP_TO_CLIENT].line.capacity = 1;
    raw.client[0].deaf = true;
    raw_ask(0, 3, ROBOT "GetVersion", "", NULL); /* what comes next finds the window taken */
    raw_settle();
    raw_headers(0, 5, ECHO "Unary", "grpc-timeout: 100m\n", false);
    raw_settle();
    raw_frame(0, 0, 0, 5, "\x02\x00\x00\x00\x00", 5);
    raw_run(200);
    raw.client[0].deaf = false;
    raw_settle();
    CHECK_REPLY(0, 5, VIAMC_INTERNAL, "reserved bits in a message prefix");
}

/* A stream much longer than its slot; the handler waits in between, so that the client has to. */
TEST(client_streams_have_backpressure)
{
    unsigned i;
    open_robot();
    raw_headers(0, 1, ECHO "Both", NULL, false);
    raw_settle();
    for (i = 0; i < 60; i++) {
        raw_message(0, 1, "0123456789012345678901234567890123456789", 40, i == 59);
        raw_settle();
        CHECK_EQ_INT(raw_of(0, 1)->len, (i + 1) * 45); /* each is answered at once */
    }
    CHECK(raw_of(0, 1)->credit >= 59 * 45 - 517);
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_INT(raw_of(0, 1)->len, 60 * 45);
    CHECK_EQ_INT(echo_ends, 1);
    CHECK_EQ_INT(raw.client[0].goaway, RAW_NONE);
    echo_wait = true;
    raw_headers(0, 3, ECHO "Collect", NULL, false);
    raw_settle();
    for (i = 0; i < 11; i++) /* 495 of the slot's 517 octets */
        raw_message(0, 3, "0123456789012345678901234567890123456789", 40, false);
    raw_settle();
    CHECK_EQ_INT(raw.client[0].goaway, RAW_NONE);
    raw_message(0, 3, "0123456789012345678901234567890123456789", 40, false); /* beyond its window */
    raw_settle();
    CHECK_EQ_INT(raw.client[0].goaway, VMC_H2_FLOW_CONTROL_ERROR);
}

/* Messages that wait for credit of the client are all answered in the end. */
TEST(answers_of_a_stream_without_credit)
{
    unsigned i;
    uint8_t msg[90];
    fresh();
    begin();
    raw_connect(0);
    raw.client[0].silent = true;
    raw_hex(0, RAW_PREFACE "00000604000000000000040000 0000" "000000040100000000"); /* windows of 0 octets */
    raw_headers(0, 1, ECHO "Both", NULL, false);
    for (i = 0; i < 5; i++) {
        memset(msg, 'a' + (int)i, sizeof msg);
        raw_message(0, 1, msg, sizeof msg, i == 4);
    }
    raw_run(200);
    CHECK_EQ_INT(raw_of(0, 1)->len, 0);
    CHECK_EQ_INT(echo_ends, 1);
    raw_credit(0, 1, 10000);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    for (i = 0; i < 5; i++)
        CHECK_EQ_INT(raw_of(0, 1)->data[i * 95 + 94], 'a' + i);
}

/* A kept message stays where it is, whatever came before it and comes after. */
TEST(client_stream_kept_in_its_middle)
{
    uint8_t msg[60];
    unsigned i;
    open_robot();
    raw_headers(0, 1, ECHO "Third", NULL, false);
    for (i = 0; i < 4; i++) {
        memset(msg, 'a' + (int)i, sizeof msg);
        raw_message(0, 1, msg, sizeof msg, i == 3);
    }
    raw_run(100);
    memset(msg, 'c', sizeof msg);
    REQUIRE(echo_kept != NULL);
    CHECK_EQ_INT(echo_calls, 3);
    CHECK_EQ_MEM(viamc_request_message(echo_kept).ptr, viamc_request_message(echo_kept).len, msg, sizeof msg);
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_request_message(echo_kept)), VIAMC_OK);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_MEM(raw_of(0, 1)->data + 5, raw_of(0, 1)->len - 5, msg, sizeof msg);
}

TEST(streams_answered_from_outside)
{
    open_robot();
    raw_ask(0, 1, ECHO "Later", "", NULL);
    raw_settle();
    CHECK_EQ_INT(viamc_request_send(echo_kept, viamc_view("a", 1)), VIAMC_OK);
    raw_run(100);
    CHECK_EQ_INT(raw_of(0, 1)->len, 6);
    CHECK_EQ_INT(viamc_request_send(echo_kept, viamc_view("b", 1)), VIAMC_OK);
    CHECK_EQ_INT(viamc_request_end(echo_kept), VIAMC_OK);
    CHECK_EQ_INT(viamc_request_end(echo_kept), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_request_send(echo_kept, viamc_view("c", 1)), VIAMC_ERR_STATE);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_MEM(raw_of(0, 1)->data, raw_of(0, 1)->len, "\0\0\0\0\1a\0\0\0\0\1b", 12);
    raw_ask(0, 3, ECHO "Later", "", NULL);
    raw_settle();
    raw_reset(0, 3);
    raw_settle();
    CHECK_EQ_INT(viamc_request_send(echo_kept, viamc_view("c", 1)), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_request_end(echo_kept), VIAMC_ERR_CLOSED);
    raw_settle();
    CHECK(raw.server->peers[0].calls.live == NULL);
}

/* No message, many, and the largest: half of tx with its prefix. */
TEST(sizes_of_server_streams)
{
    open_robot();
    raw_ask(0, 1, ECHO "Many", "780000", NULL);
    echo_piece = 300;
    raw_ask(0, 3, ECHO "Many", "7803e8", NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_INT(raw_of(0, 1)->blocks, 1); /* trailers alone */
    CHECK_REPLY(0, 3, 0, "");
    CHECK_EQ_INT(raw_of(0, 3)->len, 305000);
    echo_piece = 507;
    raw_ask(0, 5, ECHO "Many", "78000a", NULL);
    raw_settle();
    CHECK_REPLY(0, 5, 0, "");
    echo_piece = 508;
    raw_ask(0, 7, ECHO "Many", "78000a", NULL);
    raw_settle();
    CHECK_EQ_INT(raw_status(0, 7), VIAMC_RESOURCE_EXHAUSTED);
}

/* Answers much larger than tx to a client whose windows are small: the handler says WAIT until there is room. */
TEST(server_streams_wait_for_room)
{
    fresh();
    begin();
    raw_connect(0);
    raw_hex(0, RAW_PREFACE "00000604000000000000040000 0040"); /* windows of 64 octets */
    raw_ask(0, 1, ECHO "Many", "780060", NULL);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    CHECK_EQ_INT(raw_of(0, 1)->len, 0x60 * 105);
    CHECK(raw_of(0, 1)->data[raw_of(0, 1)->len - 1] == 'x');
    CHECK(echo_calls > 10);
}

/* A stream that its client does not read holds up nothing else of that client: least of all a Stop. */
TEST(a_stalled_stream_stalls_nothing_else)
{
    uint32_t id;
    fresh();
    begin();
    raw_open(0);
    raw_settle();
    raw.client[0].silent = true;
    raw_ask(0, 1, ECHO "Many", "78ffff", NULL); /* 6.8 MB, of which 65,535 octets may come */
    raw_run(50);
    CHECK_EQ_INT(raw_status(0, 1), -1);
    raw_credit(0, 0, 0x0f0000); /* the connection is open again, the stream is not */
    for (id = 3; id < 23; id += 2) {
        raw_ask(0, id, id % 4 == 1 ? MOTOR "Stop" : ECHO "Unary", LEFT, NULL);
        raw_run(5);
        CHECK_REPLY(0, id, 0, "");
    }
    CHECK_EQ_INT(left.stops, 5);
    raw_credit(0, 1, 1000);
    raw_settle();
    CHECK_EQ_INT(raw_of(0, 1)->len, 65535 + 1000);
    raw_reset(0, 1);
    raw_settle();
    CHECK_EQ_INT(raw.server->peers[0].calls.tx_used, 0);
    raw_ask(0, 23, ECHO "Unary", "01", NULL);
    raw_settle();
    CHECK_REPLY(0, 23, 0, "");
}

/* Answers to Stop and heartbeats go before others; and a Stop is carried out even where no answer has room. */
TEST(stops_go_first)
{
    uint32_t id;
    fresh();
    raw.desc.max_requests = 60;
    raw.desc.tx_bytes = 256;
    raw.loop.line[VMC_LOOP_TO_CLIENT].capacity = 100;
    begin();
    raw_open(0);
    raw_settle();
    raw_ask(0, 1, ECHO "Unary", "6161616161", NULL);
    raw_ask(0, 3, MOTOR "Stop", LEFT, NULL);
    raw_settle();
    CHECK_EQ_INT(raw.client[0].reply[0].id, 3);
    CHECK_REPLY(0, 1, 0, "");
    raw.client[0].deaf = true;
    raw.client[0].replies = 0;
    for (id = 5; id < 121; id += 2)
        raw_ask(0, id, id == 5 ? ECHO "Unary" : MOTOR "Stop", LEFT, NULL);
    raw_settle();
    CHECK_EQ_INT(left.stops, 1 + 57); /* 57 answers would be 285 octets of tx */
    raw.client[0].deaf = false;
    raw_settle();
    for (id = 5; id < 121; id += 2)
        CHECK(raw_status(0, id) == 0 || raw_status(0, id) == VIAMC_INTERNAL);
}

/* A deadline ends a stream of answers that its client does not read: the trailers do not wait behind the messages. */
TEST(deadlines_of_stalled_answers)
{
    fresh();
    begin();
    raw_connect(0);
    raw.client[0].silent = true;
    raw_hex(0, RAW_PREFACE "00000604000000000000040000 0040"); /* windows of 64 octets */
    raw_ask(0, 1, ECHO "Many", "780060", "grpc-timeout: 100m\n");
    raw_ask(0, 3, ECHO "Unary", "780060", "grpc-timeout: 100m\n");
    raw_run(99);
    CHECK_EQ_INT(raw_status(0, 1), -1);
    CHECK_REPLY(0, 3, 0, "");
    raw_run(1);
    CHECK_REPLY(0, 1, VIAMC_DEADLINE_EXCEEDED, "");
    CHECK_EQ_INT(raw_of(0, 1)->len, 64);
}

/* A kept request is cancelled when its deadline passes, also while the connection takes nothing. */
TEST(deadlines_on_a_blocked_connection)
{
    fresh();
    raw.loop.line[VMC_LOOP_TO_CLIENT].capacity = 50;
    begin();
    raw_open(0);
    raw.client[0].deaf = true;
    echo_keep = true;
    raw_ask(0, 1, ECHO "Unary", "616263", "grpc-timeout: 100m\n");
    raw_ask(0, 3, ECHO "Room", "", NULL);
    raw_run(99);
    CHECK(!viamc_request_cancelled(echo_kept));
    raw_run(1);
    CHECK(viamc_request_cancelled(echo_kept));
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view("x", 1)), VIAMC_ERR_CLOSED);
    raw.client[0].deaf = false;
    raw_settle();
    CHECK_REPLY(0, 1, VIAMC_DEADLINE_EXCEEDED, "");
    CHECK_REPLY(0, 3, 0, "");
}

/* ---- large requests ---- */

static uint8_t blob[3000];

static void send_blob(unsigned c, uint32_t id, size_t from, size_t to, bool end)
{
    while (from < to || end) {
        size_t n = to - from < 500 ? to - from : 500;
        raw_frame(c, 0, end && from + n == to ? 1 : 0, id, blob + from, n);
        from += n;
        raw_settle();
        if (from == to)
            return;
    }
}

static void large_robot(void)
{
    fresh();
    raw.desc.rx_bytes = 2000;
    raw.desc.tx_bytes = 8000;
    begin();
    raw_open(0);
    raw_open(1);
    raw_settle();
}

static void make_blob(size_t len)
{
    size_t i;
    blob[0] = 0;
    vmc_put_be32(blob + 1, (uint32_t)len);
    for (i = 0; i < len; i++)
        blob[5 + i] = (uint8_t)(i * 7u);
}

/* One buffer for all peers: the second large request waits for the first, the third is too large. */
TEST(large_requests_take_turns)
{
    large_robot();
    make_blob(2000);
    raw_headers(0, 1, ECHO "Unary", NULL, false);
    raw_headers(1, 1, ECHO "Unary", NULL, false);
    send_blob(0, 1, 0, 505, false);
    CHECK_EQ_INT(raw_of(0, 1)->credit, 2000 - 512); /* all of it at once */
    send_blob(1, 1, 0, 505, false); /* stays in its slot */
    raw_ask(1, 3, MOTOR "GetPosition", LEFT, NULL); /* small ones never wait */
    raw_settle();
    CHECK_REPLY(1, 3, 0, "");
    CHECK_EQ_INT(raw_of(1, 1)->credit, 0);
    CHECK(raw.server->peers[0].calls.big_owner == 0 && raw.server->peers[1].calls.big_owner == VMC_CALL_NONE);
    send_blob(0, 1, 505, 1500, false);
    echo_keep = true;
    send_blob(0, 1, 1500, 2005, true);
    CHECK_EQ_INT(echo_calls, 1);
    CHECK_EQ_MEM(viamc_request_message(echo_kept).ptr, viamc_request_message(echo_kept).len, blob + 5, 2000);
    raw_run(3000);
    CHECK(raw.server->peers[1].calls.big_owner == VMC_CALL_NONE);
    CHECK_EQ_MEM(viamc_request_message(echo_kept).ptr, viamc_request_message(echo_kept).len, blob + 5, 2000);
    echo_keep = false;
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_request_message(echo_kept)), VIAMC_OK);
    raw_settle();
    CHECK_EQ_MEM(raw_of(0, 1)->data, raw_of(0, 1)->len, blob, 2005);
    CHECK_EQ_INT(raw_of(1, 1)->credit, 2000 - 512); /* without a wait */
    send_blob(1, 1, 505, 2005, true);
    CHECK_EQ_MEM(raw_of(1, 1)->data, raw_of(1, 1)->len, blob, 2005);
    make_blob(2001);
    raw_headers(0, 3, ECHO "Unary", NULL, false);
    raw_frame(0, 0, 0, 3, blob, 100);
    raw_settle();
    CHECK_REPLY(0, 3, VIAMC_RESOURCE_EXHAUSTED, "message larger than this robot takes");
}

TEST(large_requests_have_to_arrive)
{
    unsigned how;
    for (how = 0; how < 3; how++) { /* too late, gone, given up */
        large_robot();
        make_blob(2000);
        raw_headers(0, 1, ECHO "Unary", NULL, false);
        send_blob(0, 1, 0, 505, false);
        raw_headers(1, 1, ECHO "Unary", NULL, false);
        send_blob(1, 1, 0, 505, false);
        raw_run(9999);
        CHECK_EQ_INT(raw_status(0, 1), -1);
        CHECK_EQ_INT(raw_of(1, 1)->credit, 0);
        if (how == 0) {
            raw_run(1);
            CHECK_REPLY(0, 1, VIAMC_RESOURCE_EXHAUSTED, "large request did not arrive in time");
        } else if (how == 1) {
            raw_close(0);
        } else {
            raw_reset(0, 1);
        }
        raw_settle();
        CHECK(raw.server->peers[1].calls.big_owner == 0);
        send_blob(1, 1, 505, 2005, true);
        CHECK_EQ_MEM(raw_of(1, 1)->data, raw_of(1, 1)->len, blob, 2005);
    }
}

/* Before a client knows our window, all of a large request may come at once. */
TEST(large_requests_that_come_early)
{
    large_robot();
    raw_close(0);
    raw_settle();
    raw_open(0);
    raw_headers(0, 1, ECHO "Unary", NULL, false);
    make_blob(2000);
    raw_frame(0, 0, 1, 1, blob, 2005);
    raw_settle();
    CHECK_EQ_MEM(raw_of(0, 1)->data, raw_of(0, 1)->len, blob, 2005);
}

/* A peer whose answers do not leave holds nothing that others need. */
TEST(large_requests_of_a_peer_that_does_not_read)
{
    large_robot();
    make_blob(2000);
    raw.loop.link[0].pipe[VMC_LOOP_TO_CLIENT].line.capacity = 1;
    raw.client[0].deaf = true;
    raw_headers(0, 1, ECHO "Unary", "grpc-timeout: 100m\n", false);
    send_blob(0, 1, 0, 505, false);
    raw_run(200);
    raw_headers(1, 1, ECHO "Unary", NULL, false);
    send_blob(1, 1, 0, 505, false);
    CHECK(raw.server->peers[1].calls.big_owner == 0);
    send_blob(1, 1, 505, 2005, true);
    CHECK_EQ_MEM(raw_of(1, 1)->data, raw_of(1, 1)->len, blob, 2005);
}

/* The message of a kept request stays where it is, also when its deadline has passed, its client has gone, and another large one comes. */
TEST(large_requests_that_are_kept)
{
    viamc_wait_hint hint;
    unsigned how;
    for (how = 0; how < 3; how++) {
        large_robot();
        make_blob(1500);
        raw_headers(0, 1, ECHO "Unary", how == 0 ? "grpc-timeout: 100m\n" : NULL, false);
        echo_keep = true;
        send_blob(0, 1, 0, 1505, true);
        echo_keep = false;
        raw_run(100);
        if (how == 1)
            raw_reset(0, 1);
        if (how == 2)
            raw_close(0);
        raw_settle();
        CHECK(viamc_request_cancelled(echo_kept));
        make_blob(2000);
        blob[5] = 0xee;
        raw_headers(1, 1, ECHO "Unary", NULL, false);
        send_blob(1, 1, 0, 505, false);
        raw_run(100);
        CHECK_EQ_INT(viamc_request_message(echo_kept).len, 1500);
        CHECK_EQ_INT(viamc_request_message(echo_kept).ptr[0], 0);
        viamc_server_wait(raw.server, raw.loop.now, &hint);
        CHECK(hint.ms > 1000);
        CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view(NULL, 0)), VIAMC_ERR_CLOSED);
        viamc_server_wait(raw.server, raw.loop.now, &hint);
        CHECK_EQ_INT(hint.ms, 0); /* somebody waits for its buffer */
        raw_run(20);
        send_blob(1, 1, 505, 2005, true);
        CHECK_EQ_MEM(raw_of(1, 1)->data, raw_of(1, 1)->len, blob, 2005);
    }
}

/* What a connection left in the large buffer is wiped, but not what another peer has put there in the same poll. */
TEST(large_requests_beside_a_peer_that_leaves)
{
    unsigned how;
    for (how = 0; how < 4; how++) { /* the one that leaves is read first, or last; it leaves now, or left a request that is let go now */
        large_robot();
        make_blob(2000);
        if (how % 2u != 0)
            raw_poll();
        if (how >= 2u) {
            echo_keep = true;
            raw_ask(0, 1, ECHO "Unary", "78", NULL);
            raw_settle();
            echo_keep = false;
            raw_close(0);
            raw_settle();
            CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view(NULL, 0)), VIAMC_ERR_CLOSED);
        } else {
            raw_close(0);
        }
        raw_headers(1, 1, ECHO "Unary", NULL, false);
        raw_frame(1, 0, 0, 1, blob, 400);
        raw_settle();
        CHECK(raw.server->peers[1].calls.big_owner == 0);
        CHECK(!raw.server->peers[0].heard);
        send_blob(1, 1, 400, 2005, true);
        CHECK_EQ_MEM(raw_of(1, 1)->data, raw_of(1, 1)->len, blob, 2005);
    }
}

TEST(strangers_have_no_large_requests)
{
    fresh();
    raw.desc.rx_bytes = 2000;
    with_keys();
    begin();
    raw_open(0);
    raw_settle();
    make_blob(2000);
    raw_headers(0, 1, AUTHENTICATE, NULL, false);
    raw_frame(0, 0, 0, 1, blob, 500);
    raw_settle();
    CHECK_REPLY(0, 1, VIAMC_RESOURCE_EXHAUSTED, "request too large");
    raw_ask(0, 3, AUTHENTICATE, P1, NULL); /* it may still become known */
    raw_settle();
    CHECK_REPLY(0, 3, 0, "");
    CHECK(raw.server->peers[0].calls.big_owner == VMC_CALL_NONE);
}

/* ---- limits ---- */

TEST(requests_beyond_the_limit_are_refused)
{
    uint32_t id;
    open_robot();
    echo_keep = true;
    for (id = 1; id < 13; id += 2)
        raw_ask(0, id, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_EQ_INT(echo_calls, 4);
    CHECK_EQ_INT(raw_of(0, 9)->rst, VMC_H2_REFUSED_STREAM);
    CHECK_EQ_INT(raw_of(0, 11)->rst, VMC_H2_REFUSED_STREAM);
    CHECK_EQ_INT(viamc_answer_bytes(echo_kept, viamc_view(NULL, 0)), VIAMC_OK);
    raw_settle();
    echo_keep = false;
    raw_ask(0, 13, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_REPLY(0, 13, 0, "");
}

/* Before a client knows our window it may send 65,535 octets: more than a slot refuses that request, and nothing else. */
TEST(early_data_beyond_a_slot)
{
    static uint8_t much[12000];
    open_robot();
    raw_close(0);
    raw_settle();
    raw_connect(1);
    raw.client[1].silent = true;
    raw_hex(1, RAW_PREFACE);
    raw_frame(1, 4, 0, 0, NULL, 0);
    vmc_put_be32(much + 1, sizeof much - 5);
    raw_headers(1, 1, ECHO "Unary", NULL, false);
    raw_frame(1, 0, 1, 1, much, sizeof much);
    raw_ask(1, 3, ECHO "Unary", "61", NULL);
    raw_headers(1, 5, ECHO "Collect", NULL, false);
    memset(much, 0, sizeof much);
    raw_frame(1, 0, 0, 5, much, 1000);
    raw_settle();
    CHECK_REPLY(1, 1, VIAMC_RESOURCE_EXHAUSTED, "message larger than this robot takes");
    CHECK_REPLY(1, 3, 0, "");
    CHECK_EQ_INT(raw_of(1, 5)->rst, VMC_H2_REFUSED_STREAM);
    CHECK_EQ_INT(raw.client[1].goaway, RAW_NONE);
    raw_ask(1, 7, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_REPLY(1, 7, 0, "");
}

/* Metadata without end: fields that nobody reads are dropped, a list above 8,192 octets resets its stream. */
TEST(huge_metadata)
{
    static char fields[9000];
    size_t i, n = 0;
    open_robot();
    for (i = 0; i < 100; i++)
        n += (size_t)snprintf(fields + n, sizeof fields - n, "x-field-%03u: vvvvvvvvvvvvvvvvvvvv\n", (unsigned)i);
    raw_ask(0, 1, ECHO "Unary", "61", fields);
    raw_settle();
    CHECK_REPLY(0, 1, 0, "");
    n = 0;
    for (i = 0; i < 20; i++)
        n += (size_t)snprintf(fields + n, sizeof fields - n, "viam_client: vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\n");
    raw_ask(0, 3, ECHO "Unary", "61", fields);
    raw_settle();
    CHECK_REPLY(0, 3, VIAMC_RESOURCE_EXHAUSTED, "header fields too long");
    n = (size_t)snprintf(fields, sizeof fields, "x: ");
    memset(fields + n, 'v', 8300);
    memcpy(fields + n + 8300, "\n", 2);
    raw_ask(0, 5, ECHO "Unary", "61", fields);
    raw_settle();
    CHECK_EQ_INT(raw_of(0, 5)->rst, VMC_H2_ENHANCE_YOUR_CALM);
    raw_ask(0, 7, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_REPLY(0, 7, 0, "");
}

/* A header block of ours that is half written when its stream is reset is finished before anything else, on its own stream; and the
 * place is not given to another request meanwhile. */
TEST(reset_in_the_middle_of_an_answer)
{
    unsigned size, halves = 0;
    for (size = 2 * 512; size < 2 * 700; size++) {
        bool half;
        fresh();
        raw.desc.out_bytes = size / 2;
        raw.desc.max_requests = 3;
        raw.loop.line[VMC_LOOP_TO_CLIENT].capacity = 300;
        begin();
        raw_connect(0);
        raw_hex(0, RAW_PREFACE);
        raw_hex(0, size % 2 == 0 ? "000000040000000000" : "000006040000000000000100000000"); /* a table, or none: longer blocks */
        raw_settle();
        raw.client[0].deaf = true; /* the pipe fills up */
        raw_ask(0, 1, ECHO "Many", "78000c", NULL);
        raw_ask(0, 3, MOTOR "Nothing", "0a036c6566", NULL);
        raw_ask(0, 5, MOTOR "Nothing", "0a036c6566", NULL);
        raw_settle();
        half = raw.server->peers[0].conn.grpc.h2.out_slot == 1 || raw.server->peers[0].conn.grpc.h2.out_slot == 2;
        halves += half;
        raw_reset(0, 3);
        raw_reset(0, 5);
        raw_ask(0, 7, MOTOR "GetPosition", "0a036c6566", NULL);
        raw_ask(0, 9, MOTOR "GetPosition", "0a036c6566", NULL);
        raw_settle();
        raw.client[0].deaf = false;
        raw_settle();
        CHECK_EQ_INT(raw_of(0, 1)->len, 12 * 105);
        CHECK_REPLY(0, 1, 0, "");
        CHECK(raw_status(0, 7) == VIAMC_NOT_FOUND || raw_of(0, 7)->rst == VMC_H2_REFUSED_STREAM);
        CHECK(raw_status(0, 9) == VIAMC_NOT_FOUND || raw_of(0, 9)->rst == VMC_H2_REFUSED_STREAM);
        CHECK_EQ_INT(raw.client[0].goaway, RAW_NONE);
        CHECK_EQ_INT(raw.client[0].len, 0);
        raw_ask(0, 11, MOTOR "GetPosition", "0a036c6566", NULL);
        raw_settle();
        CHECK_REPLY(0, 11, VIAMC_NOT_FOUND, "no motor with name \"lef\" found");
    }
    CHECK(halves > 20);
}

/* ---- peers that come, are silent, and go ---- */

TEST(peers_beyond_the_limit_wait)
{
    open_robot();
    raw_open(1);
    raw_open(2);
    raw_ask(2, 1, ECHO "Unary", "61", NULL);
    raw_settle();
    CHECK_EQ_INT(raw_status(2, 1), -1);
    raw_close(0);
    raw_settle();
    CHECK_REPLY(2, 1, 0, "");
    CHECK(raw_has_event("came peer=1 text=client 1 "));
    CHECK(raw_has_event("left peer=0 text= name= ms=0 number=0 error=the peer closed the connection\n"));
    CHECK(raw_has_event("came peer=0 text=client 2 "));
}

TEST(peers_that_do_not_begin_are_dropped)
{
    fresh();
    begin();
    raw_connect(0);
    raw_connect(1);
    raw.client[0].silent = raw.client[1].silent = true;
    raw_hex(1, RAW_PREFACE);
    raw_run(9999);
    CHECK(!raw.client[0].lost && !raw.client[1].lost);
    raw_run(1);
    CHECK(raw.client[0].lost && raw.client[1].lost);
    CHECK(raw_has_event("left peer=0 text= name= ms=10000 number=0 error=did not begin in time\n"));
}

TEST(strangers_are_dropped)
{
    fresh();
    with_keys();
    begin();
    raw_open(0);
    raw_open(1);
    raw_ask(1, 1, AUTHENTICATE, P1, NULL);
    raw_run(10000);
    raw_ask(0, 1, ROBOT "GetVersion", "", NULL); /* no token: still a stranger */
    raw_run(9999);
    CHECK(!raw.client[0].lost);
    raw_run(1);
    CHECK(raw.client[0].lost && raw.client[0].goaway == VMC_H2_NO_ERROR);
    CHECK(!raw.client[1].lost);
    CHECK(raw_has_event("error=did not show a key in time\n"));
}

/* A peer that says nothing is asked; one that does not answer is gone. */
/* A clock that is read by several may be a little early: nobody is dropped for that, and no session ends. */
TEST(a_poll_before_the_last_one_drops_nobody)
{
    char sid[64];
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_settle();
    CHECK_EQ_INT(viamc_server_poll(raw.server, raw.loop.now - 1u), VIAMC_OK);
    raw_settle();
    CHECK(!raw.client[0].lost);
    CHECK_EQ_INT(raw.client[0].goaway, RAW_NONE);
    CHECK_EQ_INT(left.stops, 0);
}

TEST(silent_peers_are_asked)
{
    open_robot();
    raw_run(19999);
    CHECK_EQ_INT(raw.client[0].pings, 0);
    raw_run(1);
    CHECK_EQ_INT(raw.client[0].pings, 1);
    raw_run(100000);
    CHECK_EQ_INT(raw.client[0].pings, 6);
    CHECK(!raw.client[0].lost);
    echo_keep = true;
    raw_ask(0, 1, ECHO "Unary", "61", NULL);
    raw_settle();
    raw.client[0].silent = true;
    raw_run(29999);
    CHECK(!raw.client[0].lost && !viamc_request_cancelled(echo_kept));
    raw_run(1);
    CHECK(raw.client[0].lost && viamc_request_cancelled(echo_kept));
    CHECK(raw_has_event("error=said nothing for too long\n"));
    CHECK_EQ_INT(viamc_fail(echo_kept, VIAMC_ABORTED, NULL), VIAMC_ERR_CLOSED);
}

TEST(ports_that_fail)
{
    unsigned at;
    for (at = 1; at < 60; at++) {
        fresh();
        raw.loop.end[VMC_LOOP_CLIENTS].fault.kind = VMC_LOOP_ANY;
        raw.loop.end[VMC_LOOP_CLIENTS].fault.at = at;
        raw.loop.end[VMC_LOOP_CLIENTS].fault.count = 1;
        raw.loop.end[VMC_LOOP_CLIENTS].fault.err = VIAMC_ERR_IO;
        begin();
        raw_open(0);
        raw_ask(0, 1, ECHO "Unary", "61", NULL);
        raw_settle();
        raw_open(1);
        raw_ask(1, 1, ECHO "Unary", "61", NULL);
        raw_settle();
        raw_settle();
        CHECK(raw.client[0].lost || raw_status(0, 1) == 0);
        CHECK(raw.client[1].lost || raw_status(1, 1) == 0);
    }
}

TEST(closing_stops_and_says_goodbye)
{
    char sid[64];
    size_t i, left_over = 0;
    open_keyed();
    start_session(0, 3, sid);
    raw_ask(0, 5, MOTOR "SetPower", LEFT, sid);
    raw_ask(0, 7, MOTOR "SetPower", RIGHT, NULL);
    raw_settle();
    viamc_server_close(raw.server);
    raw_listen(0);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_EQ_INT(right.stops, 0);
    CHECK(raw.client[0].lost);
    CHECK_EQ_INT(raw.client[0].goaway, VMC_H2_NO_ERROR);
    for (i = 0; i < sizeof raw.memory; i++)
        left_over += raw.memory[i] != 0;
    CHECK_EQ_INT(left_over, 0);
}

/* ---- TLS ---- */

static uint8_t driver_memory[VIAMC_CLIENT_MEM_SMALL(2, 0)];
static viamc_bytes chain[KIT_CHAIN];
static viamc_anchor anchors[KIT_CHAIN];

/* Polls both sides for ms milliseconds; false when the driver is not READY at the end. */
static bool drive(viamc_client *driver, viamc_ms ms)
{
    viamc_ms until = raw.loop.now + ms;
    viamc_event ev;
    for (; raw.loop.now != until; raw.loop.now++) {
        (void)viamc_poll(driver, raw.loop.now);
        while (viamc_next_event(driver, &ev))
            CHECK(ev.kind != VIAMC_EV_LOST);
        CHECK_EQ_INT(viamc_server_poll(raw.server, raw.loop.now), VIAMC_OK);
    }
    return viamc_state(driver) == VIAMC_READY;
}

/* Peers that hang in their handshakes do not keep others from theirs; the robot stops what its driver moved when that dies. */
TEST(a_driver_over_tls_beside_silent_peers)
{
    viamc_client_desc d = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_client *driver;
    if (!kit_certs())
        SKIP("missing data: the certificates cannot be made here");
    fresh();
    raw.loop.now = 0;
    raw.client[2].lost = true; /* the driver's end is not ours to read */
    raw.desc.cert_count = kit_chain("ec", chain);
    raw.desc.cert_chain = chain;
    raw.desc.key = kit_octets("ec.key.der");
    with_keys();
    raw.desc.max_peers = 3;
    begin();
    raw_connect(0);
    raw_connect(1);
    raw_hex(1, "16030100"); /* a part of a record */
    raw_settle();
    d.port = vmc_loop_port();
    d.port_user = vmc_loop_client(&raw.loop, 2);
    d.profile = VIAMC_BOARD;
    d.max_calls = 2;
    CHECK_EQ_INT(viamc_client_init(driver_memory, sizeof driver_memory, &d, &driver), VIAMC_OK);
    dial.address = "robot.test:8080";
    dial.api_key = KEY;
    dial.api_key_id = KEY_ID;
    dial.anchors = anchors;
    dial.anchor_count = kit_anchors("root-ec", anchors);
    dial.unix_time = KIT_NOW;
    CHECK_EQ_INT(viamc_dial(driver, &dial), VIAMC_OK);
    CHECK(drive(driver, 30));
    CHECK(raw_has_event("secured peer=2 text=ECDHE-ECDSA-CHACHA20-POLY1305 "));
    CHECK(raw_has_event("known peer=2 text=" KEY_ID " "));
    CHECK_EQ_INT(viamc_call_method(driver, &m_set_power, viamc_view("\x0a\x04left", 6), NULL, NULL), VIAMC_OK);
    CHECK(drive(driver, 9900));
    CHECK_EQ_INT(left.powers, 1);
    CHECK_EQ_INT(left.stops, 0);
    CHECK(strstr(raw.events, "left peer=0") == NULL);
    CHECK(drive(driver, 100));
    CHECK(raw_has_event("left peer=0 text= name= ms=10000 number=0 error=did not begin in time\n"));
    CHECK(raw_has_event("left peer=1 text= name= ms=10000 number=0 error=did not begin in time\n"));
    raw_run(1500); /* the driver is dead: its last heartbeat was up to 400 ms ago */
    CHECK_EQ_INT(left.stops, 0);
    raw_run(500);
    CHECK_EQ_INT(left.stops, 1);
    viamc_client_close(driver);
    raw_settle();
    viamc_server_close(raw.server);
}

TEST(certificates_and_keys_are_checked_at_the_start)
{
    char why[160];
    if (!kit_certs())
        SKIP("missing data: the certificates cannot be made here");
    fresh();
    raw.desc.cert_count = kit_chain("ec", chain);
    raw.desc.cert_chain = chain;
    CHECK_EQ_INT(raw_start(), VIAMC_ERR_ARG);
    (void)viamc_server_explain(raw.server, why, sizeof why);
    CHECK_EQ_STR(why, "ARG: a certificate without its key");
    raw.desc.key = kit_octets("rsa.key.der");
    CHECK_EQ_INT(raw_start(), VIAMC_ERR_ARG);
    (void)viamc_server_explain(raw.server, why, sizeof why);
    CHECK_EQ_STR(why, "ARG: server's key is not the one of its first certificate");
    CHECK_EQ_INT(viamc_server_poll(raw.server, 0), VIAMC_ERR_STATE);
}

/* ---- hostile peers beside a good one ---- */

/* One peer fills every read with requests that are reset at once; the other is served all the same, within few polls. */
TEST(floods_do_not_starve_others)
{
    uint32_t id = 1, good = 1;
    unsigned round;
    open_robot();
    raw_open(1);
    raw_settle();
    raw.client[0].silent = true;
    for (round = 0; round < 200; round++) {
        unsigned polls = 0;
        while (vmc_loop_room(&raw.loop.link[0].pipe[VMC_LOOP_TO_SERVER], 4000) == 4000) {
            raw_headers(0, id, ECHO "Unary", NULL, false);
            raw_reset(0, id);
            id += 2;
        }
        raw_ask(1, good, MOTOR "GetPosition", LEFT, NULL);
        while (polls < 10 && raw_status(1, good) != 0) {
            CHECK_EQ_INT(viamc_server_poll(raw.server, raw.loop.now), VIAMC_OK);
            raw_listen(1);
            polls++;
        }
        CHECK(polls < 10);
        good += 2;
        raw.client[1].replies = 0;
        raw.client[0].deaf = round % 2 == 0;
        raw_listen(0);
        raw.client[0].replies = 0;
    }
}

/* A peer that reads nothing holds its own answers up and nobody else's. */
TEST(slow_readers_hold_up_themselves)
{
    uint32_t id;
    fresh();
    raw.loop.line[VMC_LOOP_TO_CLIENT].capacity = 700;
    begin();
    raw_open(0);
    raw_open(1);
    raw_settle();
    raw.client[0].deaf = true;
    for (id = 1; id < 41; id += 2) {
        raw_ask(0, id, ECHO "Unary", "6161616161616161616161616161616161616161616161616161616161616161", NULL);
        raw_settle();
        raw_ask(1, id, ECHO "Unary", "61", NULL);
        raw_settle();
        CHECK_REPLY(1, id, 0, "");
        raw.client[1].replies = 0;
    }
    raw_ask(0, 41, MOTOR "Stop", LEFT, NULL);
    raw_run(25000); /* sends now and then, so it is alive */
    raw.client[0].deaf = false;
    raw_settle();
    CHECK(raw_status(0, 1) == 0);
}

/* Octets that were changed at random: nothing but this connection ends, every poll is bounded, and the robot goes on. */
static void hostile_octets(unsigned seed)
{
    static uint8_t talk[8192];
    size_t len, i, at = 0;
    vmc_loop_link *l;
    fresh();
    vmc_loop_init(&raw.loop, seed);
    raw.loop.now = seed * 77777u;
    raw.desc.rx_bytes = seed % 2 == 0 ? 0 : 1000;
    begin();
    /* what a client would say, taken from the pipe before the server has seen it */
    raw_open(0);
    raw_frame(0, 4, 1, 0, NULL, 0);
    raw_ask(0, 1, ECHO "Unary", "616263", "grpc-timeout: 100m\n");
    raw_ask(0, 3, MOTOR "SetPower", LEFT, "viam-sid: 11111111-2222-4333-8444-000000000001\n");
    raw_ask(0, 5, ECHO "Many", "780010", NULL);
    raw_headers(0, 7, ECHO "Both", NULL, false);
    raw_message(0, 7, "abc", 3, false);
    raw_message(0, 7, "def", 3, true);
    raw_ask(0, 9, ROBOT "StartSession", "", NULL);
    make_blob(700);
    raw_headers(0, 11, ECHO "Collect", NULL, false);
    raw_frame(0, 0, 1, 11, blob, 705);
    raw_reset(0, 9);
    raw_frame(0, 6, 0, 0, "12345678", 8);
    raw_frame(0, 8, 0, 0, "\0\0\1\0", 4);
    raw_ask(0, 13, ROBOT "StopAll", "9a062e0a1e0a0372646b1209636f6d706f6e656e741a056d6f746f7222057269676874120c0a0a0a046661737412022001", NULL);
    l = &raw.loop.link[0];
    len = (size_t)(l->pipe[VMC_LOOP_TO_SERVER].sent);
    if (len > sizeof talk)
        test_die("talk is too long", "hostile_octets");
    vmc_copy(talk, l->pipe[VMC_LOOP_TO_SERVER].buf, len);
    raw_close(0);
    test_rand_seed(seed + 1u);
    for (i = 0; i < 1u + test_rand_below(12); i++) {
        size_t where = test_rand_below(4) == 0 ? test_rand_below((uint32_t)len) : 33 + test_rand_below((uint32_t)len - 33);
        switch (test_rand_below(4)) {
        case 0: talk[where] = (uint8_t)test_rand(); break;
        case 1: talk[where] ^= (uint8_t)(1u << test_rand_below(8)); break;
        case 2: memmove(talk + where, talk + where + 1, len - where - 1); break;
        default: memmove(talk + where, talk + test_rand_below((uint32_t)where + 1), len - where < 16 ? len - where : 16); break;
        }
    }
    raw_settle();
    raw_connect(0);
    raw.client[0].silent = true;
    raw_open(1);
    while (at < len) {
        size_t n = 1 + test_rand_below(test_rand_below(3) == 0 ? 3000 : 60);
        n = n < len - at ? n : len - at;
        raw_write(0, talk + at, n);
        at += n;
        raw_settle();
        raw.client[0].replies = 0;
        raw.loop.now += test_rand_below(20);
    }
    raw_ask(1, 1, ECHO "Unary", "61", NULL);
    raw_run(100);
    CHECK_REPLY(1, 1, 0, "");
    raw_run(40000);
    CHECK(raw.client[0].lost);
    check_usable();
}

TEST(hostile_octets_1000)
{
    unsigned i;
    for (i = 0; i < 1000 && test_now.bad == 0; i++)
        hostile_octets((unsigned)test_now.seed * 1000u + i);
    if (test_now.bad != 0)
        printf("  in round %u\n", i - 1);
}

/* Octets without any sense. */
TEST(noise)
{
    unsigned round, i;
    for (round = 0; round < 300; round++) {
        fresh();
        begin();
        raw_connect(0);
        raw.client[0].silent = true;
        if (round % 3 != 0)
            raw_hex(0, RAW_PREFACE);
        if (round % 3 == 2)
            raw_frame(0, 4, 0, 0, NULL, 0);
        for (i = 0; i < 20; i++) {
            uint8_t junk[64];
            size_t n = test_rand_below(sizeof junk), k;
            for (k = 0; k < n; k++)
                junk[k] = (uint8_t)test_rand();
            if (round % 2 == 0 && n >= 9) { /* frames of a possible size */
                junk[0] = 0;
                junk[1] = 0;
                junk[2] = (uint8_t)(n - 9);
                junk[3] %= 11;
            }
            raw_write(0, junk, n);
            raw_settle();
            raw.client[0].replies = 0;
        }
        check_usable();
    }
}

int main(int argc, char **argv)
{
    test_begin("server", argc, argv);
    RUN(memory_is_what_it_says);
    RUN(memory_macros_are_bounds);
    RUN(wrong_descs_are_refused);
    RUN(nothing_starts_without_entropy);
    RUN(resources_are_added_once);
    RUN(first_flight_and_first_answer);
    RUN(vectors_r1_to_r4);
    RUN(vector_x14);
    RUN(early_stream_after_the_acknowledgement);
    RUN(vector_x15);
    RUN(vector_x15_octet_by_octet);
    RUN(vector_x15_in_100_random_splits);
    RUN(same_answers_however_it_is_cut);
    RUN(robot_service_answers);
    RUN(unknown_methods_are_unimplemented);
    RUN(unknown_names_are_not_found);
    RUN(credentials_are_judged);
    RUN(tokens_are_asked_for);
    RUN(without_keys_everybody_comes_in);
    RUN(ten_wrong_keys_end_the_connection);
    RUN(wrong_keys_in_one_flight);
    RUN(sessions_start_and_go_on);
    RUN(session_ids_are_uuids);
    RUN(sessions_belong_to_their_key);
    RUN(sessions_are_limited);
    RUN(window_is_told);
    RUN(expiry_stops_what_was_moved);
    RUN(expiry_comes_after_the_connection_too);
    RUN(moving_calls_are_signs_of_life);
    RUN(expiry_is_first_in_a_poll);
    RUN(the_last_mover_owns_the_motor);
    RUN(session_ids_of_a_call);
    RUN(a_call_outlived_by_its_session);
    RUN(a_stop_that_fails_is_asked_again);
    RUN(a_stop_that_fails_gives_way_to_a_new_driver);
    RUN(a_stop_does_not_give_way_to_a_move_that_fails);
    RUN(a_stop_may_be_kept);
    RUN(a_kept_stop_that_fails_gives_way_to_a_new_driver);
    RUN(a_stop_ends_moves_that_wait);
    RUN(the_end_of_a_session_ends_moves_that_wait);
    RUN(a_stop_that_is_kept_ends_moves_that_wait);
    RUN(a_stop_ends_moves_without_room);
    RUN(stop_all);
    RUN(stop_all_names_what_failed);
    RUN(stop_all_waits_for_kept_stops);
    RUN(stop_all_with_a_kept_stop_that_fails);
    RUN(stop_all_against_a_later_move);
    RUN(handlers_that_do_not_answer);
    RUN(answers_have_their_room);
    RUN(kept_requests_are_answered_later);
    RUN(a_kept_request_of_a_client_that_is_gone_has_no_deadline);
    RUN(kept_requests_turn_cancelled);
    RUN(kept_requests_outlive_their_connection);
    RUN(place_of_an_answered_request_is_free_at_once);
    RUN(keeping_and_waiting);
    RUN(requests_that_are_not_one_message);
    RUN(requests_that_are_not_grpc);
    RUN(deadlines_of_requests_under_way);
    RUN(requests_are_served_in_their_order);
    RUN(client_streams_come_message_by_message);
    RUN(client_streams_that_are_refused_do_not_end);
    RUN(deadlines_of_refused_requests);
    RUN(client_streams_have_backpressure);
    RUN(answers_of_a_stream_without_credit);
    RUN(client_stream_kept_in_its_middle);
    RUN(streams_answered_from_outside);
    RUN(sizes_of_server_streams);
    RUN(server_streams_wait_for_room);
    RUN(a_stalled_stream_stalls_nothing_else);
    RUN(stops_go_first);
    RUN(deadlines_of_stalled_answers);
    RUN(deadlines_on_a_blocked_connection);
    RUN(large_requests_take_turns);
    RUN(large_requests_have_to_arrive);
    RUN(large_requests_that_come_early);
    RUN(large_requests_of_a_peer_that_does_not_read);
    RUN(large_requests_that_are_kept);
    RUN(large_requests_beside_a_peer_that_leaves);
    RUN(strangers_have_no_large_requests);
    RUN(requests_beyond_the_limit_are_refused);
    RUN(early_data_beyond_a_slot);
    RUN(huge_metadata);
    RUN(reset_in_the_middle_of_an_answer);
    RUN(peers_beyond_the_limit_wait);
    RUN(peers_that_do_not_begin_are_dropped);
    RUN(strangers_are_dropped);
    RUN(a_poll_before_the_last_one_drops_nobody);
    RUN(silent_peers_are_asked);
    RUN(ports_that_fail);
    RUN(closing_stops_and_says_goodbye);
    RUN(a_driver_over_tls_beside_silent_peers);
    RUN(certificates_and_keys_are_checked_at_the_start);
    RUN(floods_do_not_starve_others);
    RUN(slow_readers_hold_up_themselves);
    RUN(hostile_octets_1000);
    RUN(noise);
    return test_end();
}
