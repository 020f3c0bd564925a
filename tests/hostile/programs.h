/* SPDX-License-Identifier: MIT */
/* The two programs under test, a driver and a robot, and the scenes in which the rows find them. Include after world.h. */
#ifndef VIAMC_HOSTILE_PROGRAMS_H
#define VIAMC_HOSTILE_PROGRAMS_H

static const viamc_method m_set_power = {MOTOR "SetPower", NULL, NULL, VIAMC_M_MONITORED, NULL};
static const viamc_method m_stop = {MOTOR "Stop", NULL, NULL, VIAMC_M_STOP, NULL};
static const viamc_method m_read = {ECHO "Read", NULL, NULL, 0, NULL};
static const viamc_method m_many = {ECHO "Many", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method m_feed = {ECHO "Feed", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method m_collect = {ECHO "Collect", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method m_hold = {ECHO "Hold", NULL, NULL, 0, NULL};

/* ---- memory ---- */

/* A block of exactly so many octets, at the worst alignment, so that the sanitizer sees the octet behind it; those before are ours to look at. */
static void *new_block(size_t size)
{
    block_size = size;
    block = (uint8_t *)malloc(GUARD + 1u + size);
    if (block == NULL)
        test_die("no memory", "new_block");
    memset(block, 0xa5, GUARD + 1u + size);
    return block + GUARD + 1u;
}

static inline void check_block(void)
{
    size_t i, touched = 0;
    for (i = 0; i < GUARD + 1u; i++)
        touched += block[i] != 0xa5;
    CHECK_EQ_INT(touched, 0);
}

/* ---- the driver ---- */

static void start_call(unsigned which, const viamc_method *m, const char *msg, size_t len)
{
    asked *a = &w.asked[which];
    viamc_opts opts = VIAMC_ZERO;
    memset(a, 0, sizeof *a);
    opts.user = a;
    if (which == VICTIM) {
        opts.metadata_into = a->metadata;
        opts.metadata_cap = sizeof a->metadata;
    }
    CHECK_EQ_INT(viamc_call_method(w.client, m, viamc_view(msg, len), &opts, &a->call), VIAMC_OK);
}

static void start_power(unsigned which)
{
    start_call(which, &m_set_power, "\x0a\x04left\x11\0\0\0\0\0\0\xe0\x3f", 15);
}

/* The stream of the newest request of a path; 0: there is none. */
static uint32_t stream_of(const char *path)
{
    size_t i;
    uint32_t id = 0;
    for (i = 0; i < w.peer.streams; i++)
        if (peer_is_path(&w.peer.stream[i], path))
            id = w.peer.stream[i].id;
    return id;
}

/* api_key: NULL for none. */
static void dial(viamc_client *c, const viamc_api_key *api_key)
{
    viamc_dial_desc d = VIAMC_ZERO;
    d.address = "robot.test:8080";
    d.insecure = !w.tls;
    d.anchors = peer_anchors;
    d.anchor_count = peer_anchor_count;
    d.unix_time = KIT_NOW;
    d.attempts = VIAMC_FOREVER;
    d.api_key_id = api_key == NULL ? NULL : api_key->id;
    d.api_key = api_key == NULL ? NULL : api_key->key;
    CHECK_EQ_INT(viamc_dial(c, &d), VIAMC_OK);
}

static void open_client(scene at, uint32_t in_bytes)
{
    viamc_client_desc d = VIAMC_ZERO;
    size_t size;
    d.port = vmc_loop_port();
    d.port_user = vmc_loop_client(&w.loop, 0);
    d.profile = w.kind == BOARD ? VIAMC_BOARD : VIAMC_HOST;
    d.slot_bytes = w.kind == BOARD ? 0 : SLOT;
    d.rx_bytes = w.kind == BOARD ? 1000 : 20000;
    d.no_tls = !w.tls;
    d.in_bytes = in_bytes;
    size = viamc_client_mem_size(&d);
    CHECK_EQ_INT(viamc_client_init(new_block(size), size, &d, &w.client), VIAMC_OK);
    dial(w.client, NULL);
    settle();
    if (at == RECORDS)
        return;
    CHECK(w.peer.greeted && viamc_state(w.client) == VIAMC_DIALING);
    if (at == EARLY)
        return;
    say("SETTINGS 0 0004 =%u", at == FEED ? 1000 : PEER_WINDOW);
    play();
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_READY);
}

/* A move under a session, answered if it is not the victim; then the victim; then the bystander. */
static void client_calls(scene at)
{
    char message[4000];
    start_power(VICTIM);
    play();
    if (at != CALLS || w.kind == STOPS) {
        w.victim = stream_of(MOTOR "SetPower");
        reply(w.victim, "msg:");
        play();
        CHECK_EQ_INT(w.asked[VICTIM].done, 1);
    }
    if (w.kind == STOPS) {
        start_call(VICTIM, &m_stop, "\x0a\x04left", 6);
        settle();
        peer_of(&w.peer, stream_of(MOTOR "Stop"))->answered = true; /* not by itself */
    } else if (at != CALLS) {
        start_call(VICTIM, at == MANY ? &m_many : &m_feed, "", 0);
        memset(message, 'f', sizeof message);
        if (at == FEED)
            CHECK_EQ_INT(viamc_call_send_bytes(w.client, w.asked[VICTIM].call, viamc_view(message, sizeof message)), VIAMC_OK);
        play();
    }
    start_call(BYSTANDER, &m_read, "b", 1);
    play();
    w.victim = stream_of(w.kind == STOPS ? MOTOR "Stop" : at == CALLS ? MOTOR "SetPower" : at == MANY ? ECHO "Many" : ECHO "Feed");
    w.bystander = stream_of(ECHO "Read");
    CHECK(w.victim != 0 && w.bystander != 0 && w.start_requests == 1 && w.beats == 1);
}

/* ---- the robot ---- */

static viamc_err on_set_power(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    if (viamc_str_eq(viamc_request_name(rq), viamc_text("left"))) {
        w.powers++;
        w.turning = true;
    }
    return viamc_answer_bytes(rq, viamc_view(NULL, 0));
}

static viamc_err on_stop(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    if (viamc_str_eq(viamc_request_name(rq), viamc_text("right"))) {
        w.driver_stops++;
        return viamc_answer_bytes(rq, viamc_view(NULL, 0));
    }
    w.stops++;
    w.turning = false;
    return viamc_answer_bytes(rq, viamc_view(NULL, 0));
}

static viamc_err on_read(viamc_request *rq, viamc_bytes msg)
{
    w.serves++;
    return viamc_answer_bytes(rq, msg);
}

/* Takes messages; at the end answers. */
static viamc_err on_collect(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    w.serves++;
    return viamc_request_at_end(rq) ? viamc_answer_bytes(rq, viamc_view("ok", 2)) : (viamc_err)VIAMC_OK;
}

/* Sends messages for ever. */
static viamc_err on_many(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    while (viamc_request_send(rq, viamc_view("0123456789012345678901234567890123456789", 40)) == VIAMC_OK)
        ;
    return VIAMC_WAIT;
}

static viamc_err on_hold(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    w.serves++;
    if (w.kept_count == TEST_COUNT(w.kept))
        return viamc_fail(rq, VIAMC_RESOURCE_EXHAUSTED, "too many");
    w.kept[w.kept_count++] = rq;
    return viamc_request_keep(rq);
}

static inline void answer_kept(void)
{
    while (w.kept_count != 0)
        (void)viamc_answer_bytes(w.kept[--w.kept_count], viamc_view("ok", 2));
}

static const viamc_serve motor_methods[] = {{&m_set_power, on_set_power}, {&m_stop, on_stop}};
static const viamc_serve echo_methods[] = {{&m_read, on_read}, {&m_many, on_many}, {&m_collect, on_collect}, {&m_hold, on_hold}};
static const viamc_service motor = {"viam.component.motor.v1.MotorService", "component", "motor", motor_methods, 2, on_stop};
static const viamc_service echo = {"t.E", "", "", echo_methods, 4, NULL};
static const viamc_api_key key = {KEY_ID, KEY};

static void open_server(void)
{
    static viamc_bytes chain[KIT_CHAIN];
    viamc_server_desc d = VIAMC_ZERO;
    size_t size;
    d.port = vmc_loop_server_port();
    d.port_user = vmc_loop_server(&w.loop);
    d.max_requests = 6;
    d.slot_bytes = SLOT;
    d.rx_bytes = 20000;
    d.api_keys = &key;
    d.api_key_count = 1;
    d.window_ms = WINDOW_MS;
    if (w.tls) {
        d.cert_count = kit_chain("ec", chain);
        d.cert_chain = chain;
        d.key = kit_octets("ec.key.der");
    }
    size = viamc_server_mem_size(&d);
    CHECK_EQ_INT(viamc_server_init(new_block(size), size, &d, &w.server), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.server, &motor, "left", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.server, &motor, "right", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.server, &echo, "", NULL, NULL, NULL), VIAMC_OK);
}

/* The driver beside: it has a session that moves the other motor. */
static void open_driver(void)
{
    viamc_client_desc d = VIAMC_ZERO;
    d.port = vmc_loop_port();
    d.port_user = vmc_loop_client(&w.loop, 1);
    d.profile = VIAMC_BOARD;
    d.max_calls = 2;
    d.no_tls = !w.tls;
    CHECK_EQ_INT(viamc_client_init(w.driver_memory, sizeof w.driver_memory, &d, &w.driver), VIAMC_OK);
    dial(w.driver, &key);
    settle();
    CHECK_EQ_INT(viamc_call_method(w.driver, &m_set_power, viamc_view("\x0a\x05right", 7), NULL, NULL), VIAMC_OK);
    settle();
    CHECK_EQ_INT(w.driver_done, 1);
}

/* The peer's connection stands. */
static void connect_peer(void)
{
    REQUIRE(peer_connect(&w.peer));
    w.mute = true; /* before its preface it acknowledges nothing */
    settle();
    w.mute = false;
    w.next = 1;
    w.fresh = 0;
}

/* A request of the peer's; its stream. */
static uint32_t request(const char *path, const char *fields, const char *msg, bool end)
{
    uint32_t id = w.next;
    w.next += 2;
    say("HEADERS+EH %u 83 86 :path=%s content-type=application/grpc te=trailers %s%s%s %s", (unsigned)id, path,
        w.token[0] != '\0' ? "authorization='Bearer " : "", w.token, w.token[0] != '\0' ? "'" : "", fields);
    if (msg != NULL)
        say("DATA%s %u %s", end ? "+ES" : "", (unsigned)id, msg);
    play();
    return id;
}

/* The same, answered OK: its reply. */
static peer_stream *request_done(const char *path, const char *fields, const char *msg)
{
    uint32_t id = request(path, fields, msg, true);
    CHECK_EQ_INT(peer_status(&w.peer, id), 0);
    return peer_of(&w.peer, id);
}

static void greet_server(void)
{
    say("RAW 'PRI * HTTP/2.0' 0d0a0d0a 'SM' 0d0a0d0a; SETTINGS 0");
    w.token[0] = '\0';
    (void)snprintf(w.token, sizeof w.token, "%.32s",
                   (const char *)request_done(AUTHENTICATE, "", "00 =83 0a24 '" KEY_ID "' 122b 0a07 'api-key' 1220 '" KEY "'")->data + 7);
}

/* A session that has moved the motor; then the victim, a stream without a message yet, and the bystander, which its handler keeps. */
static void server_calls(scene at)
{
    char fields[64];
    const peer_stream *s;
    greet_server();
    s = request_done(ROBOT "StartSession", "", "msg:");
    (void)snprintf(fields, sizeof fields, "viam-sid=%.36s", (const char *)s->data + 7);
    (void)request_done(MOTOR "SetPower", fields, "msg:\n\x04left");
    CHECK(w.turning && w.powers == 1);
    w.victim = request(at == MANY ? ECHO "Many" : ECHO "Collect", "", at == MANY ? "msg:" : NULL, at == MANY);
    w.bystander = request(ECHO "Hold", "", "msg:b", true);
    CHECK_EQ_INT(w.kept_count, 1);
    w.fresh = 0;
}

/* ---- scenes ---- */

typedef struct snapshot {
    world world;
    uint8_t *block;
    size_t size;
    uint8_t *octets;
} snapshot;

static snapshot *scenes[KINDS][2][2][SCENES];

/* in_bytes: of a client, 0: as many as it likes */
static void set_scene(role r, bool tls, kind k, scene at, uint32_t in_bytes)
{
    memset(&w, 0, sizeof w);
    w.kind = k;
    w.peer.record = k == BOARD ? 1000 : VMC_TLS_OUT_MAX;
    vmc_loop_init(&w.loop, 1);
    w.loop.now = 0xfffff000u; /* the clock wraps on the way */
    w.role = r;
    w.tls = tls;
    w.peer.loop = &w.loop;
    w.peer.robot = r == CLIENT;
    w.peer.tls = tls && at != RECORDS;
    w.peer.raw = at == RECORDS;
    w.peer.conn = r == CLIENT ? (unsigned)-1 : 0; /* a robot counts its connections */
    if (r == CLIENT) {
        open_client(at, in_bytes);
        if (at > EARLY)
            client_calls(at);
    } else {
        open_server();
        open_driver();
        connect_peer();
        if (at > EARLY)
            server_calls(at);
    }
}

/* Brings a scene about, or back. */
static void enter(role r, bool tls, kind k, scene at)
{
    snapshot **s = &scenes[k][r == SERVER][tls][at];
    if (*s == NULL) {
        set_scene(r, tls, k, at, 0);
        *s = (snapshot *)malloc(sizeof **s);
        if (*s == NULL || ((*s)->octets = (uint8_t *)malloc(GUARD + 1u + block_size)) == NULL) {
            test_die("no memory", "enter");
            return;
        }
        (*s)->block = block;
        (*s)->size = block_size;
        memcpy((*s)->octets, block, GUARD + 1u + block_size);
        (*s)->world = w;
    }
    w = (*s)->world;
    block = (*s)->block;
    block_size = (*s)->size;
    memcpy(block, (*s)->octets, GUARD + 1u + block_size);
    out_now.len = 0;
}

#endif
