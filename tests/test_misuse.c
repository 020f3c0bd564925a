/* SPDX-License-Identifier: MIT */
/* The functions of client and server, misused: each answers its documented error and changes no octet of the blocks, and client and
 * server go on working. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "misuse.h"

#define ECHO "/test.v1.EchoService/"

/* ---- a client and a robot on one network in memory ---- */

typedef struct world {
    vmc_loop loop;
    uint8_t memory[65536], robot_memory[200000];
    uint8_t kept[65536 + 200000]; /* both, as they were */
    viamc_client_desc desc;
    viamc_server_desc robot_desc;
    viamc_dial_desc dial;
    viamc_client *client;
    viamc_server *robot;
    viamc_resource *resource;
    void (*in_handler)(viamc_request *rq);
    void (*in_sink)(void);
    unsigned inside;      /* times that either was called */
    viamc_event done;     /* last DONE */
    bool is_done;
    char logged[200];     /* last line of the client's log */
} world;

static world w;

static viamc_err on_unary(viamc_request *rq, viamc_bytes msg)
{
    if (w.in_handler != NULL) {
        w.inside++;
        w.in_handler(rq);
    }
    return viamc_answer_bytes(rq, msg);
}

static viamc_err on_large(viamc_request *rq, viamc_bytes msg)
{
    static const uint8_t large[1000] = {0};
    (void)msg;
    return viamc_answer_bytes(rq, viamc_view(large, sizeof large));
}

static viamc_err on_stream(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    if (w.in_handler != NULL) {
        w.inside++;
        w.in_handler(rq);
    }
    return VIAMC_OK;
}

static viamc_err on_collect(viamc_request *rq, viamc_bytes msg)
{
    return viamc_request_at_end(rq) ? viamc_answer_bytes(rq, NOTHING) : msg.ptr == NULL ? VIAMC_ERR_ARG : VIAMC_OK;
}

static const viamc_method unary = {ECHO "Unary", NULL, NULL, 0, NULL};
static const viamc_method large = {ECHO "Large", NULL, NULL, 0, NULL};
static const viamc_method stream = {ECHO "Stream", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method collect = {ECHO "Collect", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP, NULL};
static const viamc_serve echo_methods[] = {{&unary, on_unary}, {&large, on_large}, {&stream, on_stream}, {&collect, on_collect}};
static const viamc_service echo = {"test.v1.EchoService", "", "", echo_methods, TEST_COUNT(echo_methods), NULL};
static const viamc_serve motor_methods[] = {{&stop, on_unary}};
static const viamc_service motor = {"viam.component.motor.v1.MotorService", "component", "motor", motor_methods, 1, on_unary};
static int motor_user, motor_ops;

static void world_log(void *user, const viamc_log_item *item)
{
    (void)user;
    (void)snprintf(w.logged, sizeof w.logged, "%s: %s", item->part, item->text);
}

static void world_new(void)
{
    memset(&w, 0, sizeof w);
    vmc_loop_init(&w.loop, test_now.seed);
    w.desc.port = vmc_loop_port();
    w.desc.port_user = vmc_loop_client(&w.loop, 0);
    w.desc.profile = w.robot_desc.profile = VIAMC_BOARD;
    w.desc.log.fn = world_log;
    w.robot_desc.port = vmc_loop_server_port();
    w.robot_desc.port_user = vmc_loop_server(&w.loop);
    w.robot_desc.tx_bytes = 4096;
    w.robot_desc.max_resources = 3;
    w.dial.address = "robot:8080";
    w.dial.insecure = true;
    w.dial.check_interval_ms = VIAMC_OFF;
    CHECK_EQ_INT(viamc_client_init(w.memory, sizeof w.memory, &w.desc, &w.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_init(w.robot_memory, sizeof w.robot_memory, &w.robot_desc, &w.robot), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.robot, &echo, "", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.robot, &motor, "left", &motor_ops, &motor_user, &w.resource), VIAMC_OK);
}

/* Polls both, a millisecond a turn. */
static void world_run(unsigned turns)
{
    for (; turns != 0; turns--) {
        viamc_event ev;
        (void)viamc_poll(w.client, w.loop.now);
        (void)viamc_server_poll(w.robot, w.loop.now);
        while (viamc_next_event(w.client, &ev)) {
            w.is_done = w.is_done || ev.kind == VIAMC_EV_DONE;
            if (ev.kind == VIAMC_EV_DONE)
                w.done = ev;
        }
        w.loop.now++;
    }
}

static void world_dial(void)
{
    CHECK_EQ_INT(viamc_dial(w.client, &w.dial), VIAMC_OK);
    world_run(10);
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_READY);
}

static void world_ready(void)
{
    world_new();
    world_dial();
}

/* A call of the robot, to its end. */
static void world_call(const viamc_method *method, const viamc_opts *opts)
{
    w.is_done = false;
    CHECK_EQ_INT(viamc_call_method(w.client, method, viamc_view("\x0a\x04left", 6), opts, NULL), VIAMC_OK);
    world_run(10);
    CHECK(w.is_done);
}

/* Nothing was lost: a call succeeds. Then everything ends. */
static void world_close(void)
{
    w.in_handler = NULL;
    world_call(&unary, NULL);
    CHECK_EQ_INT(w.done.status, VIAMC_OK);
    viamc_client_close(w.client);
    viamc_server_close(w.robot);
}

static void world_keep(void)
{
    memcpy(w.kept, w.memory, sizeof w.memory);
    memcpy(w.kept + sizeof w.memory, w.robot_memory, sizeof w.robot_memory);
}

static bool world_same(void)
{
    return memcmp(w.kept, w.memory, sizeof w.memory) == 0 && memcmp(w.kept + sizeof w.memory, w.robot_memory, sizeof w.robot_memory) == 0;
}

/* The statement changes nothing in either block. */
#define NO_CHANGE(statement) do { world_keep(); statement; CHECK(world_same()); } while (0)
/* The same of a call that answers an error. */
#define REFUSED(call, want)  NO_CHANGE(CHECK_EQ_INT(call, want))

/* Runs `inside` in the sink of a call, which is inside viamc_poll. */
static viamc_err world_sink(void *user, const viamc_piece *piece)
{
    (void)user;
    (void)piece;
    w.inside++;
    w.in_sink();
    return VIAMC_OK;
}

static void world_in_sink(void (*inside)(void))
{
    viamc_opts opts = VIAMC_ZERO;
    opts.sink = world_sink;
    w.in_sink = inside;
    w.inside = 0;
    world_call(&large, &opts);
    CHECK(w.inside != 0);
    CHECK_EQ_INT(w.done.status, VIAMC_OK);
}

/* Runs `inside` in the handler of a method. */
static void world_in_handler(const viamc_method *method, void (*inside)(viamc_request *rq))
{
    w.in_handler = inside;
    w.inside = 0;
    world_call(method, NULL);
    CHECK(w.inside != 0);
    w.in_handler = NULL;
}

/* ---- a client's memory ---- */

/* Number `i` of what can be wrong with a client's desc; false: that is all. */
static bool wrong_client_desc(viamc_client_desc *d, viamc_port *port, unsigned i)
{
    *port = *vmc_loop_port();
    memset(d, 0, sizeof *d);
    d->port = port;
    d->no_tls = true;
    switch (i) {
    case 0: d->guard = 1; return true;
    case 1: d->guard_end = 1; return true;
    case 2: d->profile = 2; return true;
    case 3: d->max_calls = VIAMC_MAX_CALLS + 1; return true;
    case 4: d->tx_bytes = 255; return true;
    case 5: d->out_bytes = 255; return true;
    case 6: d->slot_bytes = 63; return true;
    case 7: d->slot_bytes = 0xffffffffu; return true;
    case 8: d->rx_bytes = 0xffffffffu; return true;
    case 9: d->tx_bytes = 0xffffffffu; return true;
    case 10: d->table_bytes = 0xffffffffu; return true;
    case 11: d->in_bytes = 63; return true;
#ifdef VIAMC_NO_TLS /* then no_tls says nothing */
    case 12: case 13: d->in_bytes = 1; return true;
#else
    case 12: d->no_tls = false; d->in_bytes = 16710; return true;
    case 13: d->no_tls = false; d->profile = VIAMC_BOARD; d->in_bytes = 2560; d->max_calls = 4; return true;
#endif
    case 14: port->open = NULL; return true; /* from here on no matter of memory */
    case 15: port->read = NULL; return true;
    case 16: port->write = NULL; return true;
    case 17: port->close = NULL; return true;
    case 18: port->random = NULL; return true;
    case 19: d->port = NULL; return true;
    default: return false;
    }
}

TEST(viamc_client_desc_error)
{
    viamc_client_desc d;
    viamc_port port;
    unsigned i;
    CHECK(viamc_client_desc_error(NULL) != NULL);
    for (i = 0; wrong_client_desc(&d, &port, i); i++)
        CHECK(viamc_client_desc_error(&d) != NULL && viamc_client_desc_error(&d)[0] != '\0');
    CHECK(i == 20 && (d.port = vmc_loop_port(), viamc_client_desc_error(&d) == NULL));
}

TEST(viamc_client_mem_size)
{
    viamc_client_desc d;
    viamc_port port;
    unsigned i;
    CHECK_EQ_INT(viamc_client_mem_size(NULL), 0);
    for (i = 0; wrong_client_desc(&d, &port, i); i++)
        CHECK((viamc_client_mem_size(&d) == 0) == (i < 14));
}

/* Every alignment, and one octet less than each needs: nothing is written but inside the memory. */
TEST(viamc_client_init)
{
    static uint8_t room[70000], clean[70000];
    uint8_t *base = room + vmc_misaligned(room);
    viamc_client_desc d;
    viamc_port port;
    viamc_client *c = NULL;
    size_t size, skip;
    unsigned i;
    memset(room, 0xa5, sizeof room);
    memset(clean, 0xa5, sizeof clean);
    for (i = 0; wrong_client_desc(&d, &port, i); i++)
        CHECK(viamc_client_init(room, sizeof room, &d, &c) == VIAMC_ERR_ARG && c == NULL);
    size = viamc_client_mem_size(&d);
    CHECK_EQ_INT(viamc_client_init(NULL, size, &d, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_client_init(room, size, NULL, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_client_init(room, size, &d, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_client_init(room, 0, &d, &c), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_client_init(room + 1, 1, &d, &c), VIAMC_ERR_NOMEM);
    for (skip = 0; skip < VMC_ALIGN; skip++) {
        size_t need = size - (VMC_ALIGN - 1u) + (VMC_ALIGN - skip) % VMC_ALIGN;
        CHECK(viamc_client_init(base + skip, need - 1, &d, &c) == VIAMC_ERR_NOMEM && c == NULL);
        CHECK(memcmp(room, clean, sizeof room) == 0);
        REQUIRE(viamc_client_init(base + skip, need, &d, &c) == VIAMC_OK && c != NULL);
        CHECK_EQ_INT(viamc_poll(c, 0), VIAMC_OK);
        viamc_client_close(c);
        CHECK(memcmp(base + skip + need, clean, 64) == 0 && memcmp(room, clean, (size_t)(base - room) + skip) == 0);
        memset(room, 0xa5, sizeof room);
    }
}

/* ---- dialling ---- */

/* Number `i` of what can be wrong with a dial's desc; false: that is all. */
static bool wrong_dial_desc(viamc_dial_desc *d, unsigned i)
{
    static const char *const addresses[] = {"", ":8080", "unix:", "robot:", "robot:0", "robot:65536", "robot:1x", "[::1", "[]:1", "[::1]1", "::1",
                                            "http://", "ro bot:80", "robot\r\n:80", "robot\x01", "robot\x7f:80", "r\xc3\xb6t:80", "\xff:80"};
    static const char id[] = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    memset(d, 0, sizeof *d);
    d->address = "robot:8080";
    d->insecure = true;
    if (i < TEST_COUNT(addresses)) {
        d->address = addresses[i];
        return true;
    }
    switch (i - TEST_COUNT(addresses)) {
    case 0: d->guard = 1; return true;
    case 1: d->guard_end = 1; return true;
    case 2: d->address = NULL; return true;
    case 3: d->address = long_text("a"); return true;
    case 4: d->api_key = "key"; return true;
    case 5: d->api_key_id = id; return true;
    case 6: d->api_key = "key"; d->api_key_id = "7f3c1a52"; return true;
    case 7: d->api_key = "key"; d->api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3\n"; return true;
    case 8: d->credential_type = "x"; return true;
    case 9: d->credential_payload = "x"; return true;
    case 10: d->api_key = d->credential_type = d->credential_payload = "x"; d->api_key_id = id; return true;
    case 11: d->credential_type = "access-token"; d->credential_payload = ""; return true;
    case 12: d->credential_type = "access-token"; d->credential_payload = "a\r\nb: c"; return true;
    case 13: d->credential_type = "access-token"; d->credential_payload = "a\xc3\xb6"; return true;
    case 14: d->credential_type = "access-token"; d->credential_payload = long_text(""); return true;
    case 15: d->insecure = false; return true; /* no trust */
    case 16: d->insecure = false; d->pin_sha256 = viamc_view("123", 3); return true;
    case 17: d->insecure = false; d->pin_sha256.len = 32; return true;
    case 18: d->insecure = false; d->anchor_count = 1; return true;
    default: return false;
    }
}

static void dial_inside(void)
{
    REFUSED(viamc_dial(w.client, &w.dial), VIAMC_ERR_STATE);
}

TEST(viamc_dial)
{
    viamc_dial_desc d;
    char text[200];
    unsigned i;
    world_new();
    REFUSED(viamc_dial(NULL, &w.dial), VIAMC_ERR_ARG);
    REFUSED(viamc_dial(w.client, NULL), VIAMC_ERR_ARG);
    for (i = 0; wrong_dial_desc(&d, i); i++) { /* of a client that does nothing: it says what is wrong, and can be dialled again */
        if (viamc_dial(w.client, &d) != VIAMC_ERR_ARG)
            printf("  wrong desc number %u is taken\n", i);
        CHECK_EQ_INT(viamc_state(w.client), VIAMC_FAILED);
        CHECK_EQ_INT(viamc_poll(w.client, 0), VIAMC_ERR_ARG);
        CHECK(viamc_explain(w.client, text, sizeof text) > strlen("dial: ") && strncmp(text, "dial: ", 6) == 0);
    }
    world_dial();
    for (i = 0; wrong_dial_desc(&d, i); i++) { /* of one that is connected: it stays so */
        w.logged[0] = '\0';
        REFUSED(viamc_dial(w.client, &d), VIAMC_ERR_ARG);
        CHECK(strncmp(w.logged, "dial: ", 6) == 0 && w.logged[6] != '\0');
    }
    REFUSED(viamc_dial(w.client, NULL), VIAMC_ERR_ARG);
    world_in_sink(dial_inside);
    world_close();
}

static void poll_inside(void)
{
    REFUSED(viamc_poll(w.client, w.loop.now), VIAMC_ERR_STATE);
}

TEST(viamc_poll)
{
    CHECK_EQ_INT(viamc_poll(NULL, 0), VIAMC_ERR_ARG);
    world_new();
    CHECK_EQ_INT(viamc_poll(w.client, 0), VIAMC_OK); /* before viamc_dial: nothing to do */
    world_dial();
    world_in_sink(poll_inside);
    world_close();
}

TEST(viamc_wait)
{
    viamc_wait_hint hint = {1, 7};
    viamc_wait(NULL, 0, &hint);
    CHECK(hint.ms == VIAMC_FOREVER && hint.want == 0);
    world_ready();
    NO_CHANGE(viamc_wait(w.client, w.loop.now, NULL));
    world_close();
}

static void next_event_inside(void)
{
    viamc_event ev;
    w.client->events |= VMC_EV_STARVED; /* one that waits */
    NO_CHANGE(CHECK(!viamc_next_event(w.client, &ev)));
    w.client->events &= (uint8_t)~VMC_EV_STARVED;
}

TEST(viamc_next_event)
{
    viamc_event ev;
    CHECK(!viamc_next_event(NULL, &ev));
    world_new();
    CHECK(!viamc_next_event(w.client, &ev));
    world_dial();
    NO_CHANGE(CHECK(!viamc_next_event(w.client, NULL)));
    world_in_sink(next_event_inside);
    world_close();
}

TEST(viamc_state)
{
    CHECK_EQ_INT(viamc_state(NULL), VIAMC_IDLE);
}

TEST(viamc_client_error)
{
    CHECK_EQ_INT(viamc_client_error(NULL).code, VIAMC_ERR_ARG);
    CHECK(viamc_client_error(NULL).where != NULL && viamc_client_error(NULL).what != NULL);
}

TEST(viamc_explain)
{
    char text[40] = "?";
    CHECK(viamc_explain(NULL, text, sizeof text) == strlen(text) && strlen(text) > 5);
    CHECK_EQ_INT(viamc_explain(NULL, NULL, 0), 0);
    CHECK_EQ_INT(viamc_explain(NULL, NULL, 40), 0);
    world_new();
    CHECK_EQ_INT(viamc_explain(w.client, text, 0), 0);
    CHECK(viamc_explain(w.client, text, 1) == 0 && text[0] == '\0');
    CHECK_EQ_INT(viamc_explain(w.client, NULL, 40), 0);
    world_dial();
    world_close();
}

static void close_inside(void)
{
    NO_CHANGE(viamc_client_close(w.client));
}

TEST(viamc_client_close)
{
    viamc_client_close(NULL);
    world_ready();
    world_in_sink(close_inside);
    world_close();
}

/* ---- calls ---- */

typedef viamc_err (*starter)(viamc_client *c, const viamc_opts *opts, viamc_call *call);
static starter start_now; /* of start_inside */

static void start_inside(void)
{
    viamc_call call;
    REFUSED(start_now(w.client, NULL, &call), VIAMC_ERR_STATE);
    CHECK_EQ_INT(call, 0);
}

/* What is wrong with options for any method that is no setpoint and has no extra. */
static void check_options(starter start)
{
    static const viamc_metadata bad[] = {
        {{"Upper", 5}, {NULL, 0}}, {{"te", 2}, {NULL, 0}}, {{"grpc-x", 6}, {NULL, 0}}, {{"", 0}, {NULL, 0}}, {{NULL, 3}, {NULL, 0}}, {{"a b", 3}, {NULL, 0}},
        {{"a", 1}, {NULL, 2}}, {{"a", 1}, {(const uint8_t *)"x\ny", 3}}, {{"a", 1}, {(const uint8_t *)"x\0y", 3}}, {{"a", 1}, {(const uint8_t *)" x", 2}}};
    size_t i;
    for (i = 0; i < 7u + TEST_COUNT(bad); i++) {
        viamc_opts o = VIAMC_ZERO;
        viamc_call call = 1;
        switch (i) {
        case 0: o.guard = 1; break;
        case 1: o.guard_end = 1; break;
        case 2: o.metadata_count = 1; break;
        case 3: o.metadata = bad; o.metadata_count = 201; break;
        case 4: o.extra = viamc_view("\x0a\x00", 2); break;
        case 5: o.extra.len = 1; break;
        case 6: o.replace = true; break;
        default: o.metadata = &bad[i - 7u]; o.metadata_count = 1; break;
        }
        REFUSED(start(w.client, &o, &call), VIAMC_ERR_ARG);
        CHECK_EQ_INT(call, 0);
    }
}

/* Every way to start a call: without a client, at the wrong time, with wrong options; then it does start, also without a handle. */
static void check_starter(starter start)
{
    viamc_call call = 1;
    CHECK_EQ_INT(start(NULL, NULL, &call), VIAMC_ERR_ARG);
    CHECK_EQ_INT(start(NULL, NULL, NULL), VIAMC_ERR_ARG);
    world_new();
    REFUSED(start(w.client, NULL, &call), VIAMC_ERR_STATE); /* before viamc_dial */
    w.dial.address = "";
    CHECK_EQ_INT(viamc_dial(w.client, &w.dial), VIAMC_ERR_ARG);
    REFUSED(start(w.client, NULL, &call), VIAMC_ERR_STATE); /* FAILED */
    w.dial.address = "robot:8080";
    CHECK_EQ_INT(viamc_dial(w.client, &w.dial), VIAMC_OK);
    REFUSED(start(w.client, NULL, &call), VIAMC_ERR_STATE); /* DIALING */
    world_run(10);
    check_options(start);
    start_now = start;
    world_in_sink(start_inside);
    w.is_done = false;
    CHECK_EQ_INT(start(w.client, NULL, NULL), VIAMC_OK);
    world_run(10);
    CHECK(w.is_done);
}

static viamc_err start_method(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &unary, NOTHING, opts, call);
}

TEST(viamc_call_method)
{
    static const viamc_method with_extra = {ECHO "Unary", NULL, NULL, VIAMC_M_EXTRA, NULL};
    viamc_method m = {NULL, NULL, NULL, 0, NULL};
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    check_starter(start_method);
    opts.extra = NOWHERE;
    REFUSED(viamc_call_method(w.client, &with_extra, NOTHING, &opts, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_method(w.client, NULL, NOTHING, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_method(w.client, &m, NOTHING, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_method(w.client, &unary, NOWHERE, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_method(w.client, &unary, viamc_view("", SIZE_MAX), NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_method(w.client, &unary, viamc_view(w.kept, 2000), NULL, &call), VIAMC_ERR_NOMEM);
    REFUSED(viamc_call_method(w.client, &stop, viamc_view(w.kept, 129), NULL, &call), VIAMC_ERR_ARG);
    world_close();
}

static viamc_err start_bytes(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_bytes(c, ECHO "Unary", NOTHING, opts, call);
}

TEST(viamc_call_bytes)
{
    static const char *const paths[] = {NULL, "", "test/x"};
    static viamc_metadata many[201];
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    size_t i;
    check_starter(start_bytes);
    for (i = 0; i < TEST_COUNT(many); i++) {
        many[i].name = viamc_text("a");
        many[i].value = viamc_view("b", 1);
    }
    opts.metadata = many;
    opts.metadata_count = 201;
    REFUSED(viamc_call_bytes(w.client, ECHO "Unary", NOTHING, &opts, &call), VIAMC_ERR_ARG);
    opts.metadata_count = 200;
    w.is_done = false;
    CHECK_EQ_INT(viamc_call_bytes(w.client, ECHO "Unary", NOTHING, &opts, &call), VIAMC_OK);
    world_run(10);
    CHECK(w.is_done);
    for (i = 0; i < TEST_COUNT(paths); i++)
        REFUSED(viamc_call_bytes(w.client, paths[i], NOTHING, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_bytes(w.client, long_text("/a/"), NOTHING, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_bytes(w.client, ECHO "Unary", NOWHERE, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_call_bytes(w.client, ECHO "Unary", viamc_view(w.kept, 2000), NULL, &call), VIAMC_ERR_NOMEM);
    world_close();
}

TEST(viamc_call_room)
{
    size_t cap = 1;
    CHECK(viamc_call_room(NULL, &cap) == NULL && cap == 0);
    world_ready();
    NO_CHANGE(CHECK(viamc_call_room(w.client, NULL) == NULL));
    world_close();
}

static viamc_call call_now; /* of what runs inside a sink */

/* A client stream, open. */
static viamc_call open_stream(void)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_method(w.client, &collect, NOTHING, NULL, &call), VIAMC_OK);
    world_run(3);
    return call;
}

static void send_inside(void)
{
    REFUSED(viamc_call_send_bytes(w.client, call_now, NOTHING), VIAMC_ERR_STATE);
}

TEST(viamc_call_send_bytes)
{
    viamc_call call;
    world_ready();
    call_now = open_stream();
    world_in_sink(send_inside);
    REFUSED(viamc_call_send_bytes(NULL, call_now, NOTHING), VIAMC_ERR_ARG);
    REFUSED(viamc_call_send_bytes(w.client, call_now, NOWHERE), VIAMC_ERR_ARG);
    REFUSED(viamc_call_send_bytes(w.client, 0, NOTHING), VIAMC_ERR_NOT_FOUND);
    REFUSED(viamc_call_send_bytes(w.client, call_now + 0x100u, NOTHING), VIAMC_ERR_NOT_FOUND);
    REFUSED(viamc_call_send_bytes(w.client, 0xffffffffu, NOTHING), VIAMC_ERR_NOT_FOUND);
    REFUSED(viamc_call_send_bytes(w.client, call_now, viamc_view(w.kept, 2000)), VIAMC_ERR_NOMEM);
    REFUSED(viamc_call_send_bytes(w.client, call_now, viamc_view("", SIZE_MAX)), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_call_send_bytes(w.client, call_now, viamc_view("x", 1)), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_method(w.client, &unary, NOTHING, NULL, NULL), VIAMC_OK);
    REFUSED(viamc_call_send_bytes(w.client, call_now, viamc_view("x", 1)), VIAMC_ERR_BUSY); /* the other call's octets lie behind the first message */
    CHECK_EQ_INT(viamc_call_send_end(w.client, call_now), VIAMC_OK);
    REFUSED(viamc_call_send_bytes(w.client, call_now, viamc_view("x", 1)), VIAMC_ERR_STATE);
    world_run(10);
    REFUSED(viamc_call_send_bytes(w.client, call_now, viamc_view("x", 1)), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_call_method(w.client, &unary, NOTHING, NULL, &call), VIAMC_OK);
    REFUSED(viamc_call_send_bytes(w.client, call, viamc_view("x", 1)), VIAMC_ERR_STATE); /* no stream */
    world_close();
}

static void send_end_inside(void)
{
    REFUSED(viamc_call_send_end(w.client, call_now), VIAMC_ERR_STATE);
}

TEST(viamc_call_send_end)
{
    viamc_call call;
    world_ready();
    call_now = open_stream();
    world_in_sink(send_end_inside);
    REFUSED(viamc_call_send_end(NULL, call_now), VIAMC_ERR_ARG);
    REFUSED(viamc_call_send_end(w.client, 0), VIAMC_ERR_NOT_FOUND);
    REFUSED(viamc_call_send_end(w.client, call_now + 0x100u), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_call_send_end(w.client, call_now), VIAMC_OK);
    REFUSED(viamc_call_send_end(w.client, call_now), VIAMC_ERR_STATE); /* said before */
    world_run(10);
    REFUSED(viamc_call_send_end(w.client, call_now), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_call_method(w.client, &unary, NOTHING, NULL, &call), VIAMC_OK);
    REFUSED(viamc_call_send_end(w.client, call), VIAMC_ERR_STATE);
    world_close();
}

static void cancel_inside(void)
{
    REFUSED(viamc_call_cancel(w.client, call_now), VIAMC_ERR_STATE);
}

TEST(viamc_call_cancel)
{
    world_ready();
    call_now = open_stream();
    world_in_sink(cancel_inside);
    REFUSED(viamc_call_cancel(NULL, call_now), VIAMC_ERR_ARG);
    REFUSED(viamc_call_cancel(w.client, 0), VIAMC_ERR_NOT_FOUND);
    REFUSED(viamc_call_cancel(w.client, call_now ^ 0x80u), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_call_cancel(w.client, call_now), VIAMC_OK);
    world_run(10);
    REFUSED(viamc_call_cancel(w.client, call_now), VIAMC_ERR_NOT_FOUND);
    world_close();
}

TEST(viamc_client_stats)
{
    viamc_stats stats;
    memset(&stats, 0xff, sizeof stats);
    viamc_client_stats(NULL, 0, &stats);
    CHECK(stats.polls == 0 && stats.window_ms == 0);
    world_ready();
    NO_CHANGE(viamc_client_stats(w.client, 0, NULL));
    world_close();
}

TEST(viamc_client_suite)
{
    CHECK_EQ_STR(viamc_client_suite(NULL), "");
    world_new();
    CHECK_EQ_STR(viamc_client_suite(w.client), "");
    world_dial();
    world_close();
}

/* ---- the robot's own service ---- */

TEST(viamc_robot_resource_names)
{
    check_starter(viamc_robot_resource_names);
    world_close();
}

TEST(viamc_robot_get_version)
{
    check_starter(viamc_robot_get_version);
    world_close();
}

TEST(viamc_robot_get_machine_status)
{
    check_starter(viamc_robot_get_machine_status);
    world_close();
}

TEST(viamc_robot_get_operations)
{
    check_starter(viamc_robot_get_operations);
    world_close();
}

static viamc_err cancel_operation(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_robot_cancel_operation(c, viamc_text("7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"), opts, call);
}

TEST(viamc_robot_cancel_operation)
{
    viamc_str id = viamc_text(long_text(""));
    viamc_call call;
    check_starter(cancel_operation);
    id.len = 65;
    REFUSED(viamc_robot_cancel_operation(w.client, id, NULL, &call), VIAMC_ERR_ARG);
    id.len = SIZE_MAX;
    REFUSED(viamc_robot_cancel_operation(w.client, id, NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_robot_cancel_operation(w.client, viamc_text(NULL), NULL, &call), VIAMC_ERR_ARG);
    REFUSED(viamc_robot_cancel_operation(w.client, viamc_text(""), NULL, &call), VIAMC_ERR_ARG);
    id.ptr = NULL;
    REFUSED(viamc_robot_cancel_operation(w.client, id, NULL, &call), VIAMC_ERR_ARG);
    world_close();
}

/* A Stop that cannot be sent is not forgotten: its session is not resumed. That is all that it may change. */
TEST(viamc_robot_stop_all)
{
    viamc_opts o = VIAMC_ZERO;
    viamc_call call = 1;
    CHECK_EQ_INT(viamc_robot_stop_all(NULL, NULL, &call), VIAMC_ERR_ARG);
    world_new();
    CHECK_EQ_INT(viamc_robot_stop_all(w.client, NULL, &call), VIAMC_ERR_STATE);
    CHECK_EQ_INT(call, 0);
    CHECK_EQ_INT(w.client->motion.unconfirmed, 1);
    world_dial();
    check_options(viamc_robot_stop_all);
    start_now = viamc_robot_stop_all;
    world_in_sink(start_inside);
    o.timeout_ms = 100;
    CHECK_EQ_INT(viamc_robot_stop_all(w.client, &o, NULL), VIAMC_OK);
    world_run(10);
    world_close();
}

static viamc_event reply_of(const viamc_method *method, const char *msg, size_t len)
{
    viamc_event ev = VIAMC_ZERO;
    ev.kind = VIAMC_EV_DONE;
    ev.method = method;
    ev.msg = viamc_view(msg, len);
    return ev;
}

#define NAMES "\x0a\x0d\x0a\x03rdk\x22\x06motor1" /* one resource, with its name alone */
#define STATUS "\x0a\x0c\x0a\x08\x22\x06motor1\x10\x03\x18\x02"

TEST(viamc_robot_next_resource)
{
    viamc_event ev = reply_of(&vmc_robot_names, NAMES, 15), other = reply_of(&unary, NAMES, 15), cut = reply_of(&vmc_robot_names, NAMES, 14);
    viamc_robot_resource name;
    size_t at = 0;
    CHECK(!viamc_robot_next_resource(NULL, &at, &name));
    CHECK(!viamc_robot_next_resource(&ev, NULL, &name));
    CHECK(!viamc_robot_next_resource(&ev, &at, NULL));
    CHECK(!viamc_robot_next_resource(&other, &at, &name));
    CHECK(!viamc_robot_next_resource(&cut, &at, &name));
    CHECK(at == 0 && viamc_robot_next_resource(&ev, &at, &name));
    at = SIZE_MAX;
    CHECK(!viamc_robot_next_resource(&ev, &at, &name));
}

TEST(viamc_robot_find_resource)
{
    viamc_event ev = reply_of(&vmc_robot_names, NAMES, 15), other = reply_of(&unary, NAMES, 15), failed = ev;
    viamc_robot_resource found;
    failed.status = VIAMC_UNAVAILABLE;
    CHECK_EQ_INT(viamc_robot_find_resource(NULL, NULL, NULL, "motor1", &found), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_find_resource(&ev, NULL, NULL, NULL, &found), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_find_resource(&ev, NULL, NULL, "motor1", NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_find_resource(&other, NULL, NULL, "motor1", &found), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_find_resource(&failed, NULL, NULL, "motor1", &found), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_find_resource(&ev, NULL, NULL, "motor", &found), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_robot_find_resource(&ev, NULL, NULL, "motor1", &found), VIAMC_OK);
}

TEST(viamc_robot_version)
{
    viamc_event ev = reply_of(&vmc_robot_version, "\x0a\x01p\x12\x01v", 6), other = reply_of(&unary, "", 0), cut = reply_of(&vmc_robot_version, "\x0a\x05p", 3);
    viamc_str a, b, c;
    CHECK_EQ_INT(viamc_robot_version(NULL, &a, &b, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_version(&ev, NULL, &b, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_version(&ev, &a, NULL, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_version(&ev, &a, &b, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_version(&other, &a, &b, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_version(&cut, &a, &b, &c), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(viamc_robot_version(&ev, &a, &b, &c), VIAMC_OK);
}

TEST(viamc_robot_machine_state)
{
    viamc_event ev = reply_of(&vmc_robot_status, STATUS, 16), other = reply_of(&unary, STATUS, 16), cut = reply_of(&vmc_robot_status, STATUS, 15);
    uint32_t state;
    CHECK_EQ_INT(viamc_robot_machine_state(NULL, &state), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_machine_state(&ev, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_machine_state(&other, &state), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_robot_machine_state(&cut, &state), VIAMC_ERR_MESSAGE);
    CHECK(viamc_robot_machine_state(&ev, &state) == VIAMC_OK && state == VIAMC_MACHINE_RUNNING);
}

TEST(viamc_robot_next_status)
{
    viamc_event ev = reply_of(&vmc_robot_status, STATUS, 16), other = reply_of(&unary, STATUS, 16);
    viamc_robot_resource name;
    uint32_t state;
    size_t at = 0;
    CHECK(!viamc_robot_next_status(NULL, &at, &name, &state));
    CHECK(!viamc_robot_next_status(&ev, NULL, &name, &state));
    CHECK(!viamc_robot_next_status(&ev, &at, NULL, &state));
    CHECK(!viamc_robot_next_status(&ev, &at, &name, NULL));
    CHECK(!viamc_robot_next_status(&other, &at, &name, &state));
    CHECK(at == 0 && viamc_robot_next_status(&ev, &at, &name, &state) && state == 3);
}

TEST(viamc_robot_next_operation)
{
    viamc_event ev = reply_of(&vmc_robot_operations, "\x0a\x06\x0a\x01i\x12\x01m", 8), other = reply_of(&unary, "", 0);
    viamc_str id, method;
    size_t at = 0;
    CHECK(!viamc_robot_next_operation(NULL, &at, &id, &method));
    CHECK(!viamc_robot_next_operation(&ev, NULL, &id, &method));
    CHECK(!viamc_robot_next_operation(&ev, &at, NULL, &method));
    CHECK(!viamc_robot_next_operation(&ev, &at, &id, NULL));
    CHECK(!viamc_robot_next_operation(&other, &at, &id, &method));
    CHECK(at == 0 && viamc_robot_next_operation(&ev, &at, &id, &method));
}

/* ---- a server's memory ---- */

/* Number `i` of what can be wrong with a server's desc; false: that is all. */
static bool wrong_server_desc(viamc_server_desc *d, viamc_port *port, unsigned i)
{
    static const viamc_api_key no_id = {"", "key"}, no_key = {"id", NULL};
    static const viamc_bytes nowhere = {NULL, 4}, empty = {NULL, 0};
    *port = *vmc_loop_server_port();
    memset(d, 0, sizeof *d);
    d->port = port;
    d->port_user = vmc_loop_server(&w.loop);
    d->profile = VIAMC_BOARD;
    switch (i) {
    case 0: d->guard = 1; return true;
    case 1: d->guard_end = 1; return true;
    case 2: d->profile = 2; return true;
    case 3: d->port = NULL; return true;
    case 4: port->accept = NULL; return true;
    case 5: port->read = NULL; return true;
    case 6: port->write = NULL; return true;
    case 7: port->close = NULL; return true;
    case 8: port->random = NULL; return true;
    case 9: d->max_peers = 251; return true;
    case 10: d->max_requests = 251; return true;
    case 11: d->api_keys = &no_id; d->api_key_count = SIZE_MAX; return true;
    case 12: d->api_key_count = 1; return true;
    case 13: d->api_keys = &no_id; d->api_key_count = 1; return true;
    case 14: d->api_keys = &no_key; d->api_key_count = 1; return true;
    case 15: d->window_ms = 29; return true;
    case 16: d->window_ms = 60001; return true;
    case 17: d->tx_bytes = 255; return true;
    case 18: d->out_bytes = 511; return true;
    case 19: d->slot_bytes = 63; return true;
    case 20: d->slot_bytes = d->rx_bytes = 0xffffffffu; return true;
    case 21: d->tx_bytes = 0xffffffffu; return true;
    case 22: d->out_bytes = 0xffffffffu; return true;
    case 23: d->message_bytes = 0xffffffffu; return true;
    case 24: d->in_bytes = 63; return true;
    case 25: d->cert_count = 1; return true;
    case 26: d->cert_count = 1; d->key = viamc_view("x", 1); return true;
    case 27: d->cert_count = 1; d->key = viamc_view("x", 1); d->cert_chain = &nowhere; return true;
    case 28: d->cert_count = 1; d->key.len = 1; d->cert_chain = &empty; return true;
    default: return false;
    }
}

TEST(viamc_server_mem_size)
{
    viamc_server_desc d;
    viamc_port port;
    unsigned i;
    CHECK_EQ_INT(viamc_server_mem_size(NULL), 0);
    for (i = 0; wrong_server_desc(&d, &port, i); i++)
        CHECK_EQ_INT(viamc_server_mem_size(&d), 0);
    CHECK(i == 29 && viamc_server_mem_size(&d) != 0);
}

/* As for a client; a block that is too small has room for the words that say so, or is not touched. */
TEST(viamc_server_init)
{
    static uint8_t room[70000], clean[70000];
    uint8_t *base = room + vmc_misaligned(room);
    viamc_server_desc d;
    viamc_port port;
    viamc_server *s = NULL;
    size_t size, skip;
    unsigned i;
    vmc_loop_init(&w.loop, 1);
    memset(room, 0xa5, sizeof room);
    memset(clean, 0xa5, sizeof clean);
    for (i = 0; wrong_server_desc(&d, &port, i); i++) {
        CHECK(viamc_server_init(room, 8, &d, &s) == VIAMC_ERR_ARG && s == NULL);
        CHECK(viamc_server_init(room, sizeof room, &d, &s) == VIAMC_ERR_ARG && viamc_server_error(s).what[0] != '\0');
        CHECK_EQ_INT(viamc_server_poll(s, 0), VIAMC_ERR_STATE);
        viamc_server_close(s);
    }
    size = viamc_server_mem_size(&d);
    REQUIRE(size < sizeof room - 100u);
    memset(room, 0xa5, sizeof room);
    CHECK_EQ_INT(viamc_server_init(NULL, size, &d, &s), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_init(room, size, NULL, &s), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_init(room, size, &d, NULL), VIAMC_ERR_ARG);
    CHECK(viamc_server_init(room, 0, &d, &s) == VIAMC_ERR_NOMEM && s == NULL);
    CHECK(viamc_server_init(base + 1, sizeof(viamc_server), &d, &s) == VIAMC_ERR_NOMEM && s == NULL);
    CHECK(memcmp(room, clean, sizeof room) == 0);
    for (skip = 0; skip < VMC_ALIGN; skip++) {
        size_t need = size - (VMC_ALIGN - 1u) + (VMC_ALIGN - skip) % VMC_ALIGN;
        CHECK(viamc_server_init(base + skip, need - 1, &d, &s) == VIAMC_ERR_NOMEM && s != NULL);
        CHECK_EQ_INT(viamc_server_error(s).detail, size);
        CHECK_EQ_INT(viamc_server_poll(s, 0), VIAMC_ERR_STATE);
        viamc_server_close(s);
        CHECK(memcmp(base + skip + need - 1, clean, 64) == 0);
        REQUIRE(viamc_server_init(base + skip, need, &d, &s) == VIAMC_OK && s != NULL);
        CHECK_EQ_INT(viamc_server_poll(s, 0), VIAMC_OK);
        viamc_server_close(s);
        CHECK(memcmp(base + skip + need, clean, 64) == 0 && memcmp(room, clean, (size_t)(base - room) + skip) == 0);
        memset(room, 0xa5, sizeof room);
    }
}

TEST(viamc_server_error)
{
    CHECK_EQ_INT(viamc_server_error(NULL).code, VIAMC_ERR_NOMEM);
}

TEST(viamc_server_explain)
{
    char text[40] = "?";
    CHECK(viamc_server_explain(NULL, text, sizeof text) == strlen(text) && strlen(text) > 5);
    CHECK_EQ_INT(viamc_server_explain(NULL, NULL, 40), 0);
    CHECK(viamc_server_explain(NULL, text, 1) == 0 && text[0] == '\0');
}

static void server_poll_inside(viamc_request *rq)
{
    (void)rq;
    REFUSED(viamc_server_poll(w.robot, w.loop.now), VIAMC_ERR_STATE);
}

TEST(viamc_server_poll)
{
    CHECK_EQ_INT(viamc_server_poll(NULL, 0), VIAMC_ERR_ARG);
    world_ready();
    world_in_handler(&unary, server_poll_inside);
    world_close();
}

TEST(viamc_server_wait)
{
    viamc_wait_hint hint = {1, 0};
    viamc_server_wait(NULL, 0, &hint);
    CHECK_EQ_INT(hint.ms, VIAMC_FOREVER);
    world_ready();
    NO_CHANGE(viamc_server_wait(w.robot, w.loop.now, NULL));
    world_close();
}

static void server_close_inside(viamc_request *rq)
{
    (void)rq;
    NO_CHANGE(viamc_server_close(w.robot));
}

TEST(viamc_server_close)
{
    viamc_server_close(NULL);
    world_ready();
    world_in_handler(&unary, server_close_inside);
    world_close();
}

/* ---- resources ---- */

/* The name of a resource that is not ours to refuse: the same text as UTF-8. */
static const char *const bad_names[] = {NULL, "", "left", "a\n", "\x01", "a\x7f", "\xff", "a\x80", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"};

TEST(viamc_server_add)
{
    static const viamc_method no_path = {NULL, NULL, NULL, 0, NULL};
    static const viamc_serve no_method[] = {{NULL, on_unary}}, pathless[] = {{&no_path, on_unary}};
    viamc_service bad = motor;
    viamc_resource *r;
    size_t i;
    CHECK_EQ_INT(viamc_server_add(NULL, &motor, "right", NULL, NULL, &r), VIAMC_ERR_ARG);
    world_ready();
    REFUSED(viamc_server_add(w.robot, NULL, "right", NULL, NULL, &r), VIAMC_ERR_ARG);
    for (i = 0; i < TEST_COUNT(bad_names); i++)
        REFUSED(viamc_server_add(w.robot, &motor, bad_names[i], NULL, NULL, &r), VIAMC_ERR_ARG);
    REFUSED(viamc_server_add(w.robot, &motor, long_text("") + LONG_TEXT + 15 - 129, NULL, NULL, &r), VIAMC_ERR_ARG);
    REFUSED(viamc_server_add(w.robot, &echo, "name", NULL, NULL, &r), VIAMC_ERR_ARG); /* a service without names */
    REFUSED(viamc_server_add(w.robot, &echo, "", NULL, NULL, &r), VIAMC_ERR_ARG);     /* is there */
    bad.name = NULL;
    REFUSED(viamc_server_add(w.robot, &bad, "right", NULL, NULL, &r), VIAMC_ERR_ARG);
    bad = motor;
    bad.methods = NULL;
    REFUSED(viamc_server_add(w.robot, &bad, "right", NULL, NULL, &r), VIAMC_ERR_ARG);
    bad.methods = no_method;
    REFUSED(viamc_server_add(w.robot, &bad, "right", NULL, NULL, &r), VIAMC_ERR_ARG);
    bad.methods = pathless;
    REFUSED(viamc_server_add(w.robot, &bad, "right", NULL, NULL, &r), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add(w.robot, &motor, "r\xc3\xb6\xe2\x82\xac\xf0\x9f\xa4\x96", NULL, NULL, NULL), VIAMC_OK);
    REFUSED(viamc_server_add(w.robot, &motor, "fourth", NULL, NULL, &r), VIAMC_ERR_NOMEM);
    world_close();
}

TEST(viamc_resource_name)
{
    CHECK_EQ_INT(viamc_resource_name(NULL).len, 0);
    world_ready();
    CHECK(viamc_str_eq(viamc_resource_name(w.resource), viamc_text("left")));
    world_close();
}

/* ---- requests: what asks answers nothing without one ---- */

TEST(viamc_request_ops)
{
    CHECK(viamc_request_ops(NULL) == NULL);
}

TEST(viamc_request_user)
{
    CHECK(viamc_request_user(NULL) == NULL);
}

TEST(viamc_request_method)
{
    CHECK(viamc_request_method(NULL) == NULL);
}

TEST(viamc_request_name)
{
    CHECK_EQ_INT(viamc_request_name(NULL).len, 0);
}

TEST(viamc_request_message)
{
    CHECK_EQ_INT(viamc_request_message(NULL).len, 0);
}

TEST(viamc_request_at_end)
{
    CHECK(!viamc_request_at_end(NULL));
}

TEST(viamc_request_cancelled)
{
    CHECK(!viamc_request_cancelled(NULL));
}

TEST(viamc_request_mark)
{
    CHECK(viamc_request_mark(NULL) == NULL);
}

static void scratch_inside(viamc_request *rq)
{
    CHECK(viamc_request_scratch(rq, 257) == NULL);
    CHECK(viamc_request_scratch(rq, SIZE_MAX) == NULL);
    CHECK(viamc_request_scratch(rq, 256) != NULL && viamc_request_scratch(rq, 0) != NULL);
}

TEST(viamc_request_scratch)
{
    CHECK(viamc_request_scratch(NULL, 0) == NULL);
    world_ready();
    world_in_handler(&unary, scratch_inside);
    world_close();
}

static void room_inside(viamc_request *rq)
{
    NO_CHANGE(CHECK(viamc_answer_room(rq, NULL) == NULL));
}

TEST(viamc_answer_room)
{
    size_t cap = 1;
    CHECK(viamc_answer_room(NULL, &cap) == NULL && cap == 0);
    world_ready();
    world_in_handler(&unary, room_inside);
    world_close();
}

/* What answers a request that was answered. */
static void check_answered(viamc_request *rq)
{
    REFUSED(viamc_answer_bytes(rq, NOTHING), VIAMC_ERR_STATE);
    REFUSED(viamc_fail(rq, VIAMC_INTERNAL, "x"), VIAMC_ERR_STATE);
    REFUSED(viamc_request_keep(rq), VIAMC_ERR_STATE);
    REFUSED(viamc_request_send(rq, NOTHING), VIAMC_ERR_STATE);
    REFUSED(viamc_request_end(rq), VIAMC_ERR_STATE);
}

static void answer_inside(viamc_request *rq)
{
    REFUSED(viamc_answer_bytes(rq, NOWHERE), VIAMC_ERR_ARG);
    REFUSED(viamc_answer_bytes(rq, viamc_view(w.kept, 2048)), VIAMC_ERR_NOMEM);
    REFUSED(viamc_answer_bytes(rq, viamc_view("", SIZE_MAX)), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_answer_bytes(rq, viamc_view("yes", 3)), VIAMC_OK);
    check_answered(rq);
}

TEST(viamc_answer_bytes)
{
    CHECK_EQ_INT(viamc_answer_bytes(NULL, NOTHING), VIAMC_ERR_ARG);
    world_ready();
    world_in_handler(&unary, answer_inside);
    CHECK(w.done.status == VIAMC_OK);
    world_close();
}

static void fail_inside(viamc_request *rq)
{
    REFUSED(viamc_fail(rq, VIAMC_OK, "x"), VIAMC_ERR_ARG);
    REFUSED(viamc_fail(rq, 17, "x"), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_fail(rq, VIAMC_INTERNAL, long_text("\xff\n")), VIAMC_OK);
    check_answered(rq);
}

static void fail_without_text(viamc_request *rq)
{
    CHECK_EQ_INT(viamc_fail(rq, VIAMC_ABORTED, NULL), VIAMC_OK);
}

TEST(viamc_fail)
{
    CHECK_EQ_INT(viamc_fail(NULL, VIAMC_INTERNAL, "x"), VIAMC_ERR_ARG);
    world_ready();
    world_in_handler(&unary, fail_inside);
    CHECK_EQ_INT(w.done.status, VIAMC_INTERNAL);
    world_in_handler(&unary, fail_without_text);
    CHECK_EQ_INT(w.done.status, VIAMC_ABORTED);
    world_close();
}

static viamc_request *request_now;

static void keep_inside(viamc_request *rq)
{
    request_now = rq;
    CHECK_EQ_INT(viamc_request_keep(rq), VIAMC_OK);
    w.in_handler = NULL;
}

TEST(viamc_request_keep)
{
    CHECK_EQ_INT(viamc_request_keep(NULL), VIAMC_ERR_ARG);
    world_ready();
    w.in_handler = keep_inside;
    CHECK_EQ_INT(viamc_call_method(w.client, &stream, NOTHING, NULL, NULL), VIAMC_OK);
    world_run(5);
    REQUIRE(w.inside == 1);
    REFUSED(viamc_request_keep(request_now), VIAMC_ERR_STATE); /* it is kept */
    CHECK_EQ_INT(viamc_request_end(request_now), VIAMC_OK);
    check_answered(request_now);
    world_run(10);
    CHECK(w.is_done && w.done.status == VIAMC_OK);
    world_close();
}

static void send_message_inside(viamc_request *rq)
{
    REFUSED(viamc_request_send(rq, NOWHERE), VIAMC_ERR_ARG);
    REFUSED(viamc_request_send(rq, viamc_view(w.kept, 2048)), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_request_send(rq, viamc_view("x", 1)), VIAMC_OK);
    CHECK_EQ_INT(viamc_request_end(rq), VIAMC_OK);
    check_answered(rq);
}

static void send_unary_inside(viamc_request *rq)
{
    REFUSED(viamc_request_send(rq, NOTHING), VIAMC_ERR_STATE); /* no stream */
    REFUSED(viamc_request_end(rq), VIAMC_ERR_STATE);
}

TEST(viamc_request_send)
{
    CHECK_EQ_INT(viamc_request_send(NULL, NOTHING), VIAMC_ERR_ARG);
    world_ready();
    world_in_handler(&stream, send_message_inside);
    world_in_handler(&unary, send_unary_inside);
    world_close();
}

TEST(viamc_request_end)
{
    CHECK_EQ_INT(viamc_request_end(NULL), VIAMC_ERR_ARG);
    world_ready();
    world_in_handler(&unary, send_unary_inside);
    world_close();
}

int main(int argc, char **argv)
{
    test_begin("misuse", argc, argv);
    RUN(viamc_client_desc_error);
    RUN(viamc_client_mem_size);
    RUN(viamc_client_init);
    RUN(viamc_dial);
    RUN(viamc_poll);
    RUN(viamc_wait);
    RUN(viamc_next_event);
    RUN(viamc_state);
    RUN(viamc_client_error);
    RUN(viamc_explain);
    RUN(viamc_client_close);
    RUN(viamc_call_method);
    RUN(viamc_call_bytes);
    RUN(viamc_call_room);
    RUN(viamc_call_send_bytes);
    RUN(viamc_call_send_end);
    RUN(viamc_call_cancel);
    RUN(viamc_client_stats);
    RUN(viamc_client_suite);
    RUN(viamc_robot_resource_names);
    RUN(viamc_robot_get_version);
    RUN(viamc_robot_get_machine_status);
    RUN(viamc_robot_get_operations);
    RUN(viamc_robot_cancel_operation);
    RUN(viamc_robot_stop_all);
    RUN(viamc_robot_next_resource);
    RUN(viamc_robot_find_resource);
    RUN(viamc_robot_version);
    RUN(viamc_robot_machine_state);
    RUN(viamc_robot_next_status);
    RUN(viamc_robot_next_operation);
    RUN(viamc_server_mem_size);
    RUN(viamc_server_init);
    RUN(viamc_server_error);
    RUN(viamc_server_explain);
    RUN(viamc_server_poll);
    RUN(viamc_server_wait);
    RUN(viamc_server_close);
    RUN(viamc_server_add);
    RUN(viamc_resource_name);
    RUN(viamc_request_ops);
    RUN(viamc_request_user);
    RUN(viamc_request_method);
    RUN(viamc_request_name);
    RUN(viamc_request_message);
    RUN(viamc_request_at_end);
    RUN(viamc_request_cancelled);
    RUN(viamc_request_mark);
    RUN(viamc_request_scratch);
    RUN(viamc_answer_room);
    RUN(viamc_answer_bytes);
    RUN(viamc_fail);
    RUN(viamc_request_keep);
    RUN(viamc_request_send);
    RUN(viamc_request_end);
    return test_end();
}
