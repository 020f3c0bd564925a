/* SPDX-License-Identifier: MIT */
/* A client and a server in one process, over port_loop and a virtual clock: a whole working day of a robot, whose outcome must be the
 * same however the octets are cut, delayed or held up. The invariants of the client's memory are looked at after every poll. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
static void sim_wrong(const char *text);
#define VIAMC_CHECK_FAILED(text) sim_wrong(text)
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include "tls_kit.h"

#define ECHO "/test.v1.EchoService/"
#define KEY_ID "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"
#define KEY "abcdefghijklmnopqrstuvwxyz012345"
#define WINDOW 1000u

/* ---- the world ---- */

typedef struct sim {
    vmc_loop loop;
    bool tls;
    uint8_t client_memory[1 << 17], server_memory[1 << 18];
    viamc_client_desc desc;
    viamc_dial_desc dial;
    viamc_server_desc server_desc;
    viamc_api_key key;
    viamc_bytes chain[KIT_CHAIN];
    viamc_anchor anchors[KIT_CHAIN];
    viamc_motor_ops ops;
    viamc_camera_ops camera;
    viamc_client *client;
    viamc_server *server;
    bool frozen;         /* nobody polls the client */
    bool broken;         /* an invariant did not hold, or nothing stopped turning */
    double power;
    unsigned moves, stops;
    viamc_ms stopped_at;
    unsigned count[9];   /* events of the connection, by kind */
    viamc_event done;    /* last DONE */
    bool is_done;
    char text[100];
    uint8_t got[20000];  /* messages of the call at hand, one behind the other; a sink's octets */
    size_t got_len, pieces, refusals;
    unsigned messages, writables;
    char log[8192];      /* what must be the same in all variants */
    size_t log_len;
    uint32_t polls;
} sim;

static sim w;

static void sim_wrong(const char *text)
{
    if (!w.broken)
        printf("  %s\n", text);
    w.broken = true;
}

static void sim_log(const char *what, long number)
{
    w.log_len += (size_t)snprintf(w.log + w.log_len, sizeof w.log - w.log_len, "%s %ld\n", what, number);
    if (w.log_len >= sizeof w.log)
        test_die("log too long", what);
}

static uint32_t sum(const uint8_t *p, size_t n)
{
    uint32_t s = 0;
    while (n-- != 0)
        s = s * 31u + *p++;
    return s;
}

/* ---- the robot ---- */

static viamc_err on_set_power(viamc_request *rq, const viam_component_motor_v1_SetPowerRequest *q)
{
    w.power = q->power_pct;
    w.moves++;
    return viamc_motor_set_power_answer(rq, NULL);
}

static viamc_err on_stop(viamc_request *rq, const viam_component_motor_v1_StopRequest *q)
{
    (void)q;
    w.power = 0;
    w.stops++;
    w.stopped_at = w.loop.now;
    return viamc_motor_stop_answer(rq, NULL);
}

static viamc_err on_is_powered(viamc_request *rq, const viam_component_motor_v1_IsPoweredRequest *q)
{
    viam_component_motor_v1_IsPoweredResponse out = VIAMC_ZERO;
    (void)q;
    out.power_pct = w.power;
    out.is_on = w.power != 0;
    return viamc_motor_is_powered_answer(rq, &out);
}

static viamc_err on_echo(viamc_request *rq, viamc_bytes msg)
{
    return viamc_answer_bytes(rq, msg);
}

/* 30 messages of growing size. */
static viamc_err on_many(viamc_request *rq, viamc_bytes msg)
{
    static uint8_t body[600];
    uint32_t *at = viamc_request_mark(rq);
    (void)msg;
    for (; *at < 30; ++*at) {
        viamc_err err;
        memset(body, (int)*at, sizeof body);
        err = viamc_request_send(rq, viamc_view(body, *at * 15));
        if (err != VIAMC_OK)
            return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
    }
    return VIAMC_OK;
}

static viamc_err on_sum(viamc_request *rq, viamc_bytes msg)
{
    uint32_t *s = viamc_request_mark(rq);
    uint8_t answer[4];
    if (!viamc_request_at_end(rq)) {
        *s = *s * 31u + sum(msg.ptr, msg.len);
        return VIAMC_OK;
    }
    vmc_put_be32(answer, *s);
    return viamc_answer_bytes(rq, viamc_view(answer, 4));
}

static viamc_err on_chat(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err;
    if (viamc_request_at_end(rq))
        return VIAMC_OK;
    err = viamc_request_send(rq, msg);
    return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
}

/* Answers as many octets as field 1 says. */
static viamc_err on_large(viamc_request *rq, viamc_bytes msg)
{
    static uint8_t body[20000];
    size_t i, n = msg.len < 4 ? 0 : vmc_be32(msg.ptr);
    for (i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7 + i / 256);
    return viamc_answer_bytes(rq, viamc_view(body, n));
}

/* Two large images and a small one between them. */
static viamc_err on_get_images(viamc_request *rq, const viam_component_camera_v1_GetImagesRequest *q)
{
    static const size_t sizes[] = {7000, 12, 6000};
    static uint8_t octets[7000];
    viam_component_camera_v1_Image images[3];
    viam_component_camera_v1_GetImagesResponse reply = VIAMC_ZERO;
    size_t i;
    (void)q;
    memset(images, 0, sizeof images);
    for (i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 5 + i / 256);
    for (i = 0; i < 3; i++) {
        images[i].source_name = viamc_text("eye");
        images[i].image = viamc_view(octets + i, sizes[i] - i);
        images[i].mime_type = viamc_text("image/jpeg");
    }
    reply.images = viamc_list_of(images, 3);
    return viamc_camera_get_images_answer(rq, &reply);
}

static viamc_err on_never(viamc_request *rq, viamc_bytes msg)
{
    (void)rq;
    (void)msg;
    return VIAMC_WAIT;
}

static const viamc_method m_echo = {ECHO "Echo", NULL, NULL, 0, NULL}, m_many = {ECHO "Many", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL}, m_sum = {ECHO "Sum", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL},
                          m_chat = {ECHO "Chat", NULL, NULL, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, NULL}, m_large = {ECHO "Large", NULL, NULL, 0, NULL}, m_never = {ECHO "Never", NULL, NULL, 0, NULL};
static const viamc_serve echo_methods[] = {{&m_echo, on_echo}, {&m_many, on_many}, {&m_sum, on_sum}, {&m_chat, on_chat}, {&m_large, on_large}, {&m_never, on_never}};
static const viamc_service echo_service = {"test.v1.EchoService", "", "", echo_methods, TEST_COUNT(echo_methods), NULL};

/* ---- beginning ---- */

static void sim_new(bool tls, uint8_t profile)
{
    size_t n;
    memset(&w, 0, sizeof w);
    vmc_loop_init(&w.loop, test_now.seed);
    w.tls = tls;
    w.desc.port = vmc_loop_port();
    w.desc.port_user = vmc_loop_client(&w.loop, 0);
    w.desc.profile = profile;
    w.desc.no_tls = !tls;
    w.desc.rx_bytes = 6000;
    w.dial.address = "robot.test:8080";
    w.dial.api_key = KEY;
    w.dial.api_key_id = KEY_ID;
    w.dial.insecure = !tls;
    w.key.id = KEY_ID;
    w.key.key = KEY;
    w.server_desc.port = vmc_loop_server_port();
    w.server_desc.port_user = vmc_loop_server(&w.loop);
    w.server_desc.api_keys = &w.key;
    w.server_desc.api_key_count = 1;
    w.server_desc.window_ms = WINDOW;
    w.server_desc.tx_bytes = 32768;
    if (tls) {
        n = kit_chain("web inter-web", w.chain);
        w.server_desc.cert_chain = w.chain;
        w.server_desc.cert_count = n;
        w.server_desc.key = kit_octets("web.key.der");
        w.dial.anchor_count = kit_anchors("root-web", w.anchors);
        w.dial.anchors = w.anchors;
        w.dial.unix_time = KIT_NOW;
    }
}

static void sim_line(const vmc_loop_line *line)
{
    w.loop.line[0] = w.loop.line[1] = *line;
}

static void sim_open(void)
{
    w.ops.set_power = on_set_power;
    w.ops.stop = on_stop;
    w.ops.is_powered = on_is_powered;
    CHECK_EQ_INT(viamc_server_init(w.server_memory, sizeof w.server_memory, &w.server_desc, &w.server), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add_motor(w.server, "left", &w.ops, NULL), VIAMC_OK);
    w.camera.get_images = on_get_images;
    CHECK_EQ_INT(viamc_server_add_camera(w.server, "eye", &w.camera, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.server, &echo_service, "", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_client_init(w.client_memory, sizeof w.client_memory, &w.desc, &w.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(w.client, &w.dial), VIAMC_OK);
}

static void sim_close(void)
{
    viamc_client_close(w.client);
    viamc_server_close(w.server);
    CHECK(!w.broken);
}

/* ---- running ---- */

static void sim_take(const viamc_event *ev)
{
    if (ev->kind < 9)
        w.count[ev->kind]++;
    if (ev->kind == VIAMC_EV_MESSAGE || (ev->kind == VIAMC_EV_DONE && ev->msg.ptr != NULL)) {
        w.messages++;
        if (ev->msg.len > sizeof w.got - w.got_len)
            test_die("too much came", "sim_take");
        vmc_copy(w.got + w.got_len, ev->msg.ptr, ev->msg.len);
        w.got_len += ev->msg.len;
    }
    w.writables += ev->kind == VIAMC_EV_WRITABLE;
    if (ev->kind != VIAMC_EV_DONE)
        return;
    w.done = *ev;
    w.is_done = true;
    snprintf(w.text, sizeof w.text, "%.*s", VIAMC_ARG(ev->text));
}

static void sim_poll_client(void)
{
    viamc_event ev;
    (void)viamc_poll(w.client, w.loop.now);
    w.polls++;
    while (viamc_next_event(w.client, &ev))
        sim_take(&ev);
}

static void sim_poll_server(void)
{
    uint8_t i;
    CHECK_EQ_INT(viamc_server_poll(w.server, w.loop.now), VIAMC_OK);
    w.polls++;
    for (i = 0; i < w.server->desc.max_peers; i++) {
        const vmc_peer *p = &w.server->peers[i];
        const char *wrong = vmc_check_calls(&p->calls);
        if (wrong == NULL && p->conn.state == VMC_CONN_UP)
            wrong = vmc_check_streams(&p->conn.grpc.h2, &p->calls);
        if (wrong != NULL)
            sim_wrong(wrong);
    }
}

/* True if octets, or the end of them, or room for more wakes the reader of a direction. */
static bool sim_wakes(unsigned reads, const viamc_wait_hint *hint)
{
    unsigned i;
    if (hint->ms == 0)
        return true;
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        const vmc_loop_link *l = &w.loop.link[i];
        const vmc_loop_pipe *in = &l->pipe[reads];
        if (!l->used || l->closed[reads] || (reads == VMC_LOOP_TO_CLIENT && l->client != 0)) /* strangers read when the test does */
            continue;
        if (!l->accepted && reads == VMC_LOOP_TO_SERVER)
            return true;
        if (!l->accepted)
            continue;
        if ((hint->want & VIAMC_WANT_READ) != 0 && vmc_loop_arrived(in, w.loop.now) != 0)
            return true;
        if ((hint->want & VIAMC_WANT_READ) != 0 && in->end != VIAMC_OK && !in->told && in->taken == in->kept && vmc_time_reached(w.loop.now, in->end_at))
            return true;
        if ((hint->want & VIAMC_WANT_WRITE) != 0 && vmc_loop_room(&l->pipe[1u - reads], 1) != 0)
            return true;
    }
    return false;
}

static uint64_t sim_moved(void)
{
    uint64_t n = w.loop.octets[0] + w.loop.octets[1];
    unsigned i, k;
    for (i = 0; i < VMC_LOOP_LINKS; i++)
        for (k = 0; k < 2; k++)
            n += w.loop.link[i].used ? w.loop.link[i].pipe[k].taken + w.loop.link[i].accepted : 0;
    return n;
}

/* Both sides sleep as they ask to and are woken by octets and by time. Until *flag, at most ms; false: it did not come true. */
static bool sim_until(const bool *flag, viamc_ms ms)
{
    viamc_ms until = w.loop.now + ms;
    unsigned idle = 0, turns;
    bool client_slept = false, server_slept = false;
    for (turns = 0; turns < 2000000 && !w.broken; turns++) {
        viamc_wait_hint client, server;
        uint64_t before = sim_moved();
        viamc_ms step = until - w.loop.now, net;
        bool any = false;
        if (*flag)
            return true;
        client.ms = VIAMC_FOREVER;
        client.want = 0;
        if (!w.frozen)
            viamc_wait(w.client, w.loop.now, &client);
        if (!w.frozen && (client_slept || sim_wakes(VMC_LOOP_TO_CLIENT, &client))) {
            sim_poll_client();
            client_slept = false;
            any = true;
        }
        viamc_server_wait(w.server, w.loop.now, &server);
        if (server_slept || sim_wakes(VMC_LOOP_TO_SERVER, &server)) {
            sim_poll_server();
            server_slept = false;
            any = true;
        }
        idle = any && sim_moved() == before ? idle + 1 : 0;
        if (idle > 200) {
            printf("  waits: client %lu, server %lu\n", (unsigned long)client.ms, (unsigned long)server.ms);
            sim_wrong("somebody is woken again and again and does nothing");
        }
        if (any)
            continue;
        if (step == 0)
            return *flag;
        net = vmc_loop_next(&w.loop);
        step = vmc_min32(step, vmc_min32(net == 0 ? 1 : net, vmc_min32(client.ms, server.ms)));
        w.loop.now += step;
        client_slept = client.ms <= step; /* as long as it asked to */
        server_slept = server.ms <= step;
    }
    return *flag;
}

static const bool never = false;

static void sim_run(viamc_ms ms)
{
    (void)sim_until(&never, ms);
}

/* Until READY, or FAILED. */
static bool sim_ready(viamc_ms ms)
{
    viamc_ms until = w.loop.now + ms;
    while (!vmc_time_reached(w.loop.now, until) && viamc_state(w.client) != VIAMC_READY && viamc_state(w.client) != VIAMC_FAILED && !w.broken)
        sim_run(1);
    return viamc_state(w.client) == VIAMC_READY;
}

/* Before a call: nothing of the one before is left. */
static void sim_forget(void)
{
    w.is_done = false;
    w.got_len = w.pieces = w.refusals = 0;
    w.messages = w.writables = 0;
    memset(&w.done, 0, sizeof w.done);
    w.done.status = 99;
}

/* Waits for DONE and logs it. */
static void sim_done(const char *what)
{
    CHECK(sim_until(&w.is_done, 60000));
    sim_log(what, (long)w.done.status);
    sim_log("  ran", w.done.ran);
    sim_log(w.text, (long)w.messages);
    sim_log("  octets", (long)w.got_len);
    sim_log("  sum", (long)sum(w.got, w.got_len));
}

/* ---- a day ---- */

static void call(const char *path, const void *msg, size_t len, const viamc_opts *opts, viamc_call *handle)
{
    sim_forget();
    CHECK_EQ_INT(viamc_call_bytes(w.client, path, viamc_view(msg, len), opts, handle), VIAMC_OK);
}

static void unary(void)
{
    static uint8_t msg[500];
    size_t n;
    for (n = 0; n <= 500; n += 250) {
        memset(msg, (int)n, n);
        call(ECHO "Echo", msg, n, NULL, NULL);
        sim_done("echo");
        CHECK_EQ_MEM(w.got, w.got_len, msg, n);
    }
    call("/test.v1.EchoService/Nope", "", 0, NULL, NULL);
    sim_done("nope");
    CHECK_EQ_INT(w.done.status, VIAMC_UNIMPLEMENTED);
}

static void streams(void)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call handle;
    unsigned i;
    opts.stream = VIAMC_M_SERVER_STREAM;
    call(ECHO "Many", "", 0, &opts, NULL);
    sim_done("many");
    CHECK_EQ_INT(w.got_len, 15 * 29 * 15);
    opts.stream = VIAMC_M_CLIENT_STREAM;
    call(ECHO "Sum", "", 0, &opts, &handle);
    for (i = 0; i < 20; i++) {
        static uint8_t msg[100];
        viamc_err err;
        memset(msg, (int)i, sizeof msg);
        while ((err = viamc_call_send_bytes(w.client, handle, viamc_view(msg, i * 5))) == VIAMC_ERR_BUSY)
            sim_run(1);
        CHECK_EQ_INT(err, VIAMC_OK);
    }
    CHECK_EQ_INT(viamc_call_send_end(w.client, handle), VIAMC_OK);
    sim_done("sum");
    CHECK_EQ_INT(w.got_len, 4);
    opts.stream = VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM;
    call(ECHO "Chat", "", 0, &opts, &handle);
    for (i = 0; i < 10; i++) {
        uint8_t msg[40];
        unsigned wait = 0;
        memset(msg, (int)i, sizeof msg);
        CHECK_EQ_INT(viamc_call_send_bytes(w.client, handle, viamc_view(msg, i * 4)), VIAMC_OK);
        while (w.messages <= i && wait++ < 30000 && !w.broken)
            sim_run(1);
        CHECK_EQ_INT(w.messages, i + 1);
    }
    CHECK(w.writables >= 1);
    CHECK_EQ_INT(viamc_call_send_end(w.client, handle), VIAMC_OK);
    sim_done("chat");
}

static viamc_err on_piece(void *user, const viamc_piece *piece)
{
    (void)user;
    if (test_rand() % 4u == 0) {
        w.refusals++;
        return VIAMC_WAIT;
    }
    CHECK_EQ_INT(piece->offset, w.got_len);
    vmc_copy(w.got + w.got_len, piece->bytes.ptr, piece->bytes.len);
    w.got_len += piece->bytes.len;
    w.pieces++;
    return VIAMC_OK;
}

static viamc_err on_field(void *user, const viamc_piece *piece)
{
    uint32_t *next = (uint32_t *)user;
    size_t i;
    if (test_rand() % 4u == 0)
        return VIAMC_WAIT;
    w.pieces++;
    CHECK_EQ_INT(piece->offset, *next);
    CHECK_EQ_INT(piece->total, strcmp(piece->path, "images[0].image") == 0 ? 7000 : 5998);
    CHECK(piece->total == 7000 || strcmp(piece->path, "images[2].image") == 0);
    for (i = 0; i < piece->bytes.len; i++) {
        size_t at = piece->offset + i + (piece->total == 7000 ? 0u : 2u);
        if (piece->bytes.ptr[i] != (uint8_t)(at * 5 + at / 256))
            return VIAMC_ERR_SINK;
    }
    *next = piece->offset + (uint32_t)piece->bytes.len;
    w.got_len += piece->bytes.len;
    if (*next == piece->total)
        *next = 0;
    return VIAMC_OK;
}

/* Large images go to the sink, the rest is in the reply. */
static void images(void)
{
    viam_component_camera_v1_GetImagesResponse reply;
    viam_component_camera_v1_Image image;
    viamc_opts opts = VIAMC_ZERO;
    uint32_t next = 0;
    size_t n = 0;
    sim_forget();
    opts.sink = on_field;
    opts.sink_user = &next;
    opts.timeout_ms = 60000;
    CHECK_EQ_INT(viamc_camera_get_images(w.client, "eye", &opts, NULL), VIAMC_OK);
    sim_done("images");
    CHECK(w.pieces > 2);
    CHECK_EQ_INT(w.got_len, 7000 + 5998 + w.done.msg.len);
    CHECK_EQ_INT(viamc_camera_get_images_reply(&w.done, &reply), VIAMC_OK);
    for (; viamc_list_read(&reply.images, &image); n++) {
        CHECK_EQ_INT(image.image.len, n == 1 ? 11 : 0);
        CHECK_EQ_MEM(image.mime_type.ptr, image.mime_type.len, "image/jpeg", 10);
    }
    CHECK_EQ_INT(n, 3);
}

static void large(void)
{
    static uint8_t into[15000], msg[3000];
    viamc_opts opts = VIAMC_ZERO;
    viamc_call first;
    unsigned done;
    call(ECHO "Large", "\0\0\x17\x70", 4, NULL, NULL); /* 6,000: all of big */
    sim_done("big");
    CHECK_EQ_INT(w.got_len, 6000);
    call(ECHO "Large", "\0\0\x17\x71", 4, NULL, NULL);
    sim_done("too big");
    CHECK_EQ_INT(w.done.status, VIAMC_RESOURCE_EXHAUSTED);
    opts.into = into;
    opts.into_cap = sizeof into;
    call(ECHO "Large", "\0\0\x3a\x98", 4, &opts, NULL); /* 15,000 */
    sim_done("into");
    CHECK_EQ_INT(w.got_len, 15000);
    memset(&opts, 0, sizeof opts);
    opts.sink = on_piece;
    call(ECHO "Large", "\0\0\x3a\x98", 4, &opts, NULL);
    sim_done("sink");
    CHECK_EQ_INT(w.got_len, 15000);
    CHECK(w.pieces > 1);
    /* two at once for one buffer; the request is larger than a window too */
    sim_forget();
    memset(msg, 0, sizeof msg);
    vmc_put_be32(msg, 5999);
    CHECK_EQ_INT(viamc_call_bytes(w.client, ECHO "Large", viamc_view("\0\0\x17\x70", 4), NULL, &first), VIAMC_OK);
    memset(&opts, 0, sizeof opts);
    opts.keep = true;
    CHECK_EQ_INT(viamc_call_bytes(w.client, ECHO "Large", viamc_view(msg, sizeof msg), &opts, NULL), VIAMC_OK);
    done = w.count[VIAMC_EV_DONE] + 2;
    while (w.count[VIAMC_EV_DONE] < done && sim_until(&w.is_done, 60000))
        w.is_done = false;
    CHECK_EQ_INT(w.got_len, 11999);
    if (w.got_len != 11999)
        printf("  %lu octets, status %lu: %s\n", (unsigned long)w.got_len, (unsigned long)w.done.status, w.text);
}

static void motion(void)
{
    viam_component_motor_v1_IsPoweredResponse out;
    unsigned stops;
    sim_forget();
    CHECK_EQ_INT(viamc_motor_set_power(w.client, "left", 0.5, NULL, NULL), VIAMC_OK);
    sim_done("set power");
    CHECK(w.power == 0.5);
    sim_forget();
    CHECK_EQ_INT(viamc_motor_is_powered(w.client, "left", NULL, NULL), VIAMC_OK);
    sim_done("is powered");
    CHECK_EQ_INT(viamc_motor_is_powered_reply(&w.done, &out), VIAMC_OK);
    CHECK(out.is_on && out.power_pct == 0.5);
    sim_run(4 * WINDOW); /* heartbeats keep it alive */
    CHECK(w.power == 0.5);
    CHECK_EQ_INT(w.count[VIAMC_EV_SESSION_LOST], 0);
    sim_forget();
    CHECK_EQ_INT(viamc_motor_stop(w.client, "left", NULL, NULL), VIAMC_OK);
    sim_done("stop");
    CHECK(w.power == 0);
    CHECK(!w.done.unconfirmed);
    sim_forget();
    CHECK_EQ_INT(viamc_motor_set_power(w.client, "right", 0.5, NULL, NULL), VIAMC_OK);
    sim_done("no such motor");
    CHECK_EQ_INT(w.done.status, VIAMC_NOT_FOUND);
    sim_forget();
    stops = w.stops;
    CHECK_EQ_INT(viamc_motor_set_power(w.client, "left", -1, NULL, NULL), VIAMC_OK);
    sim_done("set power");
    CHECK_EQ_INT(w.stops, stops);
}

/* The program hangs: the motor stops within the window, and the next session begins when the program goes on. */
static void hang(void)
{
    viamc_ms at = w.loop.now;
    unsigned stops = w.stops;
    w.frozen = true;
    CHECK(w.power != 0);
    sim_run(3 * WINDOW);
    CHECK_EQ_INT(w.stops, stops + 1);
    CHECK(w.stopped_at - at <= WINDOW + 200u); /* and what was under way */
    CHECK(w.power == 0);
    w.frozen = false;
    sim_run(500);
    sim_log("session lost", (long)w.count[VIAMC_EV_SESSION_LOST]);
    CHECK_EQ_INT(w.count[VIAMC_EV_SESSION_LOST], 1);
    CHECK(w.count[VIAMC_EV_STARVED] >= 1);
    sim_log("state", viamc_state(w.client));
    sim_forget();
    CHECK_EQ_INT(viamc_motor_set_power(w.client, "left", 0.25, NULL, NULL), VIAMC_OK);
    sim_done("set power again");
    CHECK(w.power == 0.25);
}

/* The connection breaks: the session goes on over the next one. */
static void reconnect(void)
{
    unsigned stops = w.stops, i;
    viamc_opts opts = VIAMC_ZERO;
    w.dial.backoff_ms = 300;
    sim_forget();
    opts.timeout_ms = VIAMC_FOREVER;
    CHECK_EQ_INT(viamc_call_bytes(w.client, ECHO "Never", viamc_view("", 0), &opts, NULL), VIAMC_OK);
    sim_run(150);
    for (i = 0; i < VMC_LOOP_LINKS; i++)
        if (w.loop.link[i].used) {
            vmc_loop_line *line = &w.loop.link[i].pipe[VMC_LOOP_TO_SERVER].line;
            line->cut = VMC_LOOP_CUT_RESET;
            line->cut_at = w.loop.link[i].pipe[VMC_LOOP_TO_SERVER].sent + 10;
        }
    sim_done("never");
    CHECK_EQ_INT(w.done.status, VIAMC_UNAVAILABLE);
    CHECK_EQ_INT(w.done.ran, VIAMC_MAYBE);
    CHECK(sim_ready(5000));
    sim_run(3 * WINDOW);
    sim_log("lost", (long)w.count[VIAMC_EV_LOST]);
    sim_log("ready", (long)w.count[VIAMC_EV_READY]);
    sim_log("session lost", (long)w.count[VIAMC_EV_SESSION_LOST]);
    CHECK_EQ_INT(w.stops, stops);
    CHECK(w.power == 0.25);
    sim_forget();
    CHECK_EQ_INT(viamc_motor_set_power(w.client, "left", 0.75, NULL, NULL), VIAMC_OK);
    sim_done("set power after it");
    CHECK(w.power == 0.75);
}

/* Closing leaves the session to expire. */
static void goodbye(void)
{
    unsigned stops = w.stops;
    viamc_client_close(w.client);
    w.frozen = true;
    sim_run(WINDOW / 2);
    CHECK_EQ_INT(w.stops, stops);
    sim_run(WINDOW);
    CHECK_EQ_INT(w.stops, stops + 1);
    CHECK(w.power == 0);
    viamc_server_close(w.server);
    CHECK(!w.broken);
}

static void day(void)
{
    w.dial.backoff_ms = 300;
    sim_open();
    if (!sim_ready(20000)) {
        char text[160];
        (void)viamc_explain(w.client, text, sizeof text);
        printf("  state %u: %s\n", viamc_state(w.client), text);
    }
    REQUIRE(viamc_state(w.client) == VIAMC_READY);
    sim_log("suite", (long)strlen(viamc_client_suite(w.client)));
    unary();
    streams();
    large();
    images();
    motion();
    hang();
    reconnect();
    goodbye();
}

/* ---- variants ---- */

static char want[sizeof w.log];

static void variant(bool tls, uint8_t profile, const vmc_loop_line *line, uint64_t seed, const char *name)
{
    sim_new(tls, profile);
    vmc_loop_init(&w.loop, seed);
    sim_line(line);
    day();
    if (want[0] == '\0')
        strcpy(want, w.log);
    CHECK_EQ_STR(w.log, want);
    if (test_now.bad != 0)
        printf("  %s, seed %lu\n", name, (unsigned long)seed);
    if (test_now.verbose)
        printf("  %s, %s, %s: %lu polls\n", name, tls ? "TLS" : "plaintext", profile == VIAMC_BOARD ? "board" : "host", (unsigned long)w.polls);
}

static void all_variants(bool tls, uint8_t profile)
{
    vmc_loop_line line;
    uint64_t seed;
    want[0] = '\0';
    memset(&line, 0, sizeof line);
    variant(tls, profile, &line, 1, "whole");
    line.read_max = 1;
    variant(tls, profile, &line, 1, "octet by octet");
    memset(&line, 0, sizeof line);
    line.write_max = 1;
    variant(tls, profile, &line, 1, "written octet by octet");
    memset(&line, 0, sizeof line);
    line.delay_ms = 20;
    variant(tls, profile, &line, 1, "latency");
    memset(&line, 0, sizeof line);
    line.capacity = 20;
    variant(tls, profile, &line, 1, "tiny pipes");
    memset(&line, 0, sizeof line);
    line.split = true;
    for (seed = 1; seed <= 100 && test_now.bad == 0; seed++)
        variant(tls, profile, &line, seed * 1000 + test_now.seed, "splits");
}

TEST(day_plaintext_host)
{
    all_variants(false, VIAMC_HOST);
}

TEST(day_plaintext_board)
{
    all_variants(false, VIAMC_BOARD);
}

TEST(day_tls_host)
{
    if (!kit_certs())
        SKIP("missing peer: openssl");
    all_variants(true, VIAMC_HOST);
}

TEST(day_tls_board)
{
    if (!kit_certs())
        SKIP("missing peer: openssl");
    all_variants(true, VIAMC_BOARD);
}

/* ---- the checks themselves ---- */

static void expect(const char *text)
{
    const char *wrong = vmc_client_check(w.client);
    CHECK_EQ_STR(wrong == NULL ? "nothing" : wrong, text);
}

/* The first call has a large message that says so many octets, of which so many are left. */
static void say(vmc_calls *t, uint32_t len, uint32_t left)
{
    vmc_put_be32(t->slots + 1, len);
    t->users[0].call.stored = VMC_CALL_PREFIX;
    t->users[0].left = left;
}

/* Each invariant is seen when it does not hold. */
TEST(checks_can_fail)
{
    viamc_opts opts = VIAMC_ZERO;
    vmc_calls *t;
    vmc_h2 *h;
    viamc_call a, b;
    vmc_calls whole;
    vmc_user_call rec[2];
    sim_new(false, VIAMC_BOARD);
    sim_open();
    REQUIRE(sim_ready(1000));
    opts.timeout_ms = VIAMC_FOREVER;
    opts.stream = VIAMC_M_CLIENT_STREAM;
    CHECK_EQ_INT(viamc_call_bytes(w.client, ECHO "Sum", viamc_view("", 0), &opts, &a), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_bytes(w.client, ECHO "Sum", viamc_view("", 0), &opts, &b), VIAMC_OK);
    sim_run(10);
    CHECK_EQ_INT(viamc_call_send_bytes(w.client, a, viamc_view("123456", 6)), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_bytes(w.client, b, viamc_view("123456", 6)), VIAMC_OK);
    t = &w.client->calls;
    h = &w.client->conn.grpc.h2;
    whole = *t;
    rec[0] = t->users[0];
    rec[1] = t->users[1];
    expect("nothing");
#define SPOIL(what, text) do { what; expect(text); *t = whole; t->users[0] = rec[0]; t->users[1] = rec[1]; } while (0)
    SPOIL(t->live = NULL, "a record in use is not in the live list");
    SPOIL(t->users[1].call.live = &t->users[0].call, "the live list has no end");
    SPOIL(t->users[0].call.state = VMC_CALL_FREE, "a free record is in the live list");
    SPOIL(t->users[0].call.flags |= VMC_CALL_F_LISTED, "a record has the flag and is not in the list of events");
    SPOIL(t->first = t->last = 1, "a record is in the list of events that must not be");
    SPOIL(t->last = 0, "the list of events ends elsewhere");
    SPOIL(t->users[1].call.tx_at = t->users[0].call.tx_at + 1, "two parts of tx overlap");
    SPOIL(t->users[1].call.tx_at = t->tx_used, "a part of tx lies outside");
    SPOIL(t->tx_used++, "tx has a gap");
    SPOIL(t->tx_used = t->tx_cap + 1, "more of tx is used than there is");
    SPOIL(t->users[0].call.sent = 100, "more was sent than there was");
    SPOIL(t->users[0].taken = 1, "positions in a slot are out of order");
    SPOIL(t->users[0].call.stored = 10000, "positions in a slot are out of order");
    SPOIL((t->users[0].call.large = VMC_CALL_INTO, t->users[0].left = 1), "a large message has lost its prefix");
    SPOIL((t->users[0].call.large = VMC_CALL_INTO, say(t, 0, 8)), "a large message is longer than it said");
    SPOIL((t->users[0].call.large = VMC_CALL_INTO, say(t, 9, 9)), "a large message is longer than the lent buffer");
    SPOIL((t->users[0].call.large = VMC_CALL_BIG, say(t, 6001, 1)), "a large message is longer than the large buffer");
    SPOIL(t->users[0].call.large = VMC_CALL_SINK, "a large message is not with who takes it");
    SPOIL(t->users[0].call.large = VMC_CALL_BIG, "two calls have the large buffer");
    SPOIL(t->ended = 1, "the number of ended calls is wrong");
    SPOIL(t->users[0].call.stored = 1, "a stream has more credit than room");
    SPOIL(t->users[0].call.state = VMC_CALL_HELD, "a stream has no call");
    h->credit_limit = 1;
    expect("more credit is given than the TLS input takes");
    h->credit_limit = 0;
    h->credit = 1000;
    expect("the connection's window is used up");
    h->credit = 0x7fffffff;
    w.client->in_poll = true;
    expect("the client's own state is wrong");
    w.client->in_poll = false;
    expect("nothing");
    sim_close();
}

/* ---- other days ---- */

static void wrong_key(bool tls)
{
    char text[160];
    sim_new(tls, VIAMC_HOST);
    w.dial.api_key = "wrong";
    sim_open();
    CHECK(!sim_ready(60000));
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_client_error(w.client).code, VIAMC_ERR_AUTH);
    (void)viamc_explain(w.client, text, sizeof text);
    CHECK_EQ_STR(text, "auth: UNAUTHENTICATED: invalid credentials (key id " KEY_ID ")");
    sim_run(30000);
    CHECK_EQ_INT(w.loop.end[0].calls[VMC_LOOP_OPEN], 1);
    sim_close();
}

TEST(wrong_key_plaintext)
{
    wrong_key(false);
}

TEST(wrong_key_tls)
{
    if (!kit_certs())
        SKIP("missing peer: openssl");
    wrong_key(true);
}

/* Plaintext to a TLS robot, TLS to a plaintext one: neither hangs. */
TEST(one_speaks_tls_the_other_does_not)
{
    if (!kit_certs())
        SKIP("missing peer: openssl");
    sim_new(true, VIAMC_HOST);
    w.desc.no_tls = true;
    w.dial.insecure = true;
    w.dial.attempts = 1;
    sim_open();
    CHECK(!sim_ready(60000));
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_FAILED);
    sim_close();
    sim_new(true, VIAMC_HOST);
    w.server_desc.cert_count = 0;
    w.dial.attempts = 1;
    sim_open();
    CHECK(!sim_ready(60000));
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_client_error(w.client).code, VIAMC_ERR_INSECURE);
    sim_close();
}

static unsigned sim_peers(vmc_conn_state state)
{
    unsigned i, n = 0;
    for (i = 0; i < w.server->desc.max_peers; i++)
        n += w.server->peers[i].conn.state == state;
    return n;
}

/* A handshake that stops half way is dropped, and others get through meanwhile. */
TEST(handshake_that_stops)
{
    vmc_loop_line line;
    unsigned at;
    if (!kit_certs())
        SKIP("missing peer: openssl");
    for (at = 0; at < 400; at += 57) {
        void *stranger;
        size_t done;
        sim_new(true, VIAMC_HOST);
        stranger = vmc_loop_client(&w.loop, 1);
        memset(&line, 0, sizeof line);
        sim_open();
        CHECK_EQ_INT(vmc_loop_port()->open(stranger, 0, "robot", 1), VIAMC_OK);
        (void)vmc_loop_port()->write(stranger, 0, (const uint8_t *)"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", vmc_min(at, 11), &done);
        CHECK(sim_ready(2000));
        sim_run(9000);
        CHECK_EQ_INT(sim_peers(VMC_CONN_UP), 1);
        CHECK_EQ_INT(sim_peers(VMC_CONN_SECURING), 1);
        sim_run(2000);
        CHECK_EQ_INT(sim_peers(VMC_CONN_UP), 1);
        CHECK_EQ_INT(sim_peers(VMC_CONN_CLOSED), 1);
        CHECK_EQ_INT(viamc_state(w.client), VIAMC_READY);
        sim_close();
    }
}

int main(int argc, char **argv)
{
    test_begin("sim", argc, argv);
    RUN(day_plaintext_host);
    RUN(day_plaintext_board);
    RUN(day_tls_host);
    RUN(day_tls_board);
    RUN(checks_can_fail);
    RUN(wrong_key_plaintext);
    RUN(wrong_key_tls);
    RUN(one_speaks_tls_the_other_does_not);
    RUN(handshake_that_stops);
    return test_end();
}
