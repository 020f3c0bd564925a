/* SPDX-License-Identifier: MIT */
/* Ten scenes of a driver and its robot, each played again and again with one fault: the connection cut behind each octet, each port call
 * failing, late or short, polls that come late, a clock that jumps, stands still, or wraps. Whatever happens, each call ends once and before
 * LOST, no motion runs twice, what was said of it is true, a confirmed Stop stays one, the robot stops when its driver falls silent, the two
 * find together again, and behind close both blocks are empty, with nothing touched beside them.
 * --runs N plays N places of each kind of fault instead of a few; a number above the octets plays all, as make check does. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"
#ifndef VIAMC_NO_TLS
#include "tls_kit.h"
#endif

#define KEY_ID "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"
#define KEY "abcdefghijklmnopqrstuvwxyz012345"

enum { WINDOW = 300, STEPS = 12, TURNS_MAX = 200000, PLACES = 12, TLS_PLACES = 4, LIMIT_MS = 120000, BESIDE = 64 };

#define UNTOUCHED 0xa5 /* every octet that is nobody's */
#define SOON 0xfffffe00u /* a clock that wraps 512 ms later: in the middle of it */

/* ---- scenes ---- */

typedef enum act { END, MOVE, SETPOINT, STOP, STOP_ALL, READ, MANY, CHAT, LARGE, SINK, SLEEP } act;

/* A step begins when the one before is over; those with `along` begin at once. */
typedef struct beat {
    act what;
    bool along;
} beat;

static const beat scenes[10][STEPS] = {
    {{READ, false}},
    {{MOVE, false}, {READ, false}},
    {{MOVE, false}, {STOP, false}, {MOVE, false}},
    {{MOVE, false}, {MOVE, true}, {STOP, true}, {MOVE, false}, {STOP, true}, {READ, false}},
    {{SETPOINT, false}, {SETPOINT, true}, {SETPOINT, true}, {SLEEP, false}, {SETPOINT, true}, {STOP, true}},
    {{MOVE, false}, {MANY, false}, {STOP, true}},
    {{CHAT, false}, {MOVE, true}, {READ, true}},
    {{LARGE, false}, {MOVE, true}, {LARGE, true}},
    {{SINK, false}, {MOVE, true}, {STOP, false}},
    {{MOVE, false}, {STOP_ALL, true}, {MOVE, false}, {SLEEP, false}, {STOP_ALL, false}, {READ, false}},
};

/* ---- the world ---- */

#ifndef VIAMC_NO_TLS
static struct {
    bool on;
    viamc_bytes chain[KIT_CHAIN];
    viamc_anchor anchors[KIT_CHAIN];
    size_t certs, roots;
} tls;
#endif

typedef struct started {
    act what;
    viamc_call call;
    bool over;
    viamc_event done;   /* its views are not looked at again */
    viamc_err refused;  /* what starting it answered */
} started;

typedef struct world {
    vmc_loop loop;
    uint8_t client_memory[49152], server_memory[1 << 17];
    size_t client_size, server_size; /* of the blocks, which begin anywhere */
    viamc_client *client;
    viamc_server *server;
    const beat *scene;
    started step[STEPS];
    unsigned steps;
    viamc_ms sleeps_until;
    unsigned ran[STEPS];     /* how often the robot ran each move */
    bool turning;
    bool wrong;              /* something was printed */
    viamc_ms late_from, late_ms; /* the client is not polled for so long */
    viamc_ms jump_at, jump_ms;   /* its clock jumps */
    viamc_ms skew;               /* it has jumped so far */
    viamc_ms still_from, still_ms; /* its clock stands for so long, and goes on from there */
    const char *fault;       /* for a person */
    uint32_t place;
} world;

static world w;

static void wrong(const char *what, unsigned step)
{
    if (!w.wrong)
        printf("  scene %d, %s at %lu: step %u: %s\n", (int)((w.scene - scenes[0]) / STEPS), w.fault, (unsigned long)w.place, step, what);
    w.wrong = true;
}

/* ---- the robot ---- */

static bool is_confirmed_stop(const started *s)
{
    return (s->what == STOP || s->what == STOP_ALL) && s->over && s->done.status == 0 && !s->done.unconfirmed;
}

static viamc_err on_move(viamc_request *rq, viamc_bytes msg)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    unsigned k = STEPS, i;
    while (vmc_wire_next(&r, &f))
        if (f.number == 2u)
            k = (unsigned)f.value - 1u;
    if (k >= w.steps)
        return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, "what?");
    for (i = k + 1u; i < w.steps; i++)
        if (is_confirmed_stop(&w.step[i]))
            wrong("a move ran behind a Stop that was confirmed", k);
    w.ran[k]++;
    w.turning = true;
    return viamc_answer_bytes(rq, viamc_view(NULL, 0));
}

static viamc_err on_stop(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    w.turning = false;
    return viamc_answer_bytes(rq, viamc_view(NULL, 0));
}

static viamc_err on_read(viamc_request *rq, viamc_bytes msg)
{
    return viamc_answer_bytes(rq, msg);
}

static viamc_err on_many(viamc_request *rq, viamc_bytes msg)
{
    uint32_t *at = viamc_request_mark(rq);
    for (; *at < 12u; ++*at)
        if (viamc_request_send(rq, msg) == VIAMC_ERR_BUSY)
            return VIAMC_WAIT;
    return VIAMC_OK;
}

static viamc_err on_chat(viamc_request *rq, viamc_bytes msg)
{
    if (viamc_request_at_end(rq))
        return VIAMC_OK;
    return viamc_request_send(rq, msg) == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : VIAMC_OK;
}

static viamc_err on_large(viamc_request *rq, viamc_bytes msg)
{
    static uint8_t body[1500];
    memset(body, msg.len != 0 ? msg.ptr[0] : 0, sizeof body);
    return viamc_answer_bytes(rq, viamc_view(body, sizeof body));
}

static const viamc_method m_move = {"/viam.component.motor.v1.MotorService/SetPower", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_SETPOINT, NULL};
static const viamc_method m_stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP | VIAMC_M_EXTRA, NULL};
static const viamc_method m_stop_all = {"/viam.robot.v1.RobotService/StopAll", NULL, NULL, VIAMC_M_STOP_ALL, NULL};
static const viamc_method m_read = {"/t.E/Read", NULL, NULL, 0, NULL};
static const viamc_method m_many = {"/t.E/Many", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method m_chat = {"/t.E/Chat", NULL, NULL, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method m_large = {"/t.E/Large", NULL, NULL, 0, NULL};
static const viamc_serve motor_methods[] = {{&m_move, on_move}, {&m_stop, on_stop}};
static const viamc_serve echo_methods[] = {{&m_read, on_read}, {&m_many, on_many}, {&m_chat, on_chat}, {&m_large, on_large}};
static const viamc_service motor = {"viam.component.motor.v1.MotorService", "component", "motor", motor_methods, 2, on_stop};
static const viamc_service echo = {"t.E", "", "", echo_methods, 4, NULL};
static const viamc_api_key key = {KEY_ID, KEY};

/* ---- the driver ---- */

static viamc_err on_piece(void *user, const viamc_piece *piece)
{
    (void)user;
    return piece->offset == 0 && piece->bytes.len < piece->total && w.loop.now % 2u != 0 ? (viamc_err)VIAMC_WAIT : (viamc_err)VIAMC_OK;
}

static const viamc_method *method_of(act what)
{
    switch (what) {
    case MOVE:
    case SETPOINT: return &m_move;
    case STOP: return &m_stop;
    case STOP_ALL: return &m_stop_all;
    case MANY: return &m_many;
    case CHAT: return &m_chat;
    case LARGE:
    case SINK: return &m_large;
    default: return &m_read;
    }
}

static void start(unsigned k)
{
    started *s = &w.step[k];
    uint8_t msg[16];
    vmc_wr out = vmc_wr_of(msg, sizeof msg);
    viamc_opts opts = VIAMC_ZERO;
    unsigned i;
    s->what = w.scene[k].what;
    w.steps = k + 1u;
    if (s->what == SLEEP) {
        w.sleeps_until = w.loop.now + 2u * WINDOW;
        s->over = true;
        return;
    }
    if (s->what != STOP_ALL)
        vmc_wire_put_bytes(&out, 1, viamc_view("m", 1));
    if (s->what == MOVE || s->what == SETPOINT)
        vmc_wire_put_uint(&out, 2, k + 1u);
    opts.replace = s->what == SETPOINT;
    opts.timeout_ms = s->what == CHAT || s->what == MANY ? 3000 : 0; /* streams have none of their own */
    if (s->what == SINK)
        opts.sink = on_piece;
    s->refused = viamc_call_method(w.client, method_of(s->what), viamc_view(msg, s->what == CHAT ? 0 : out.len), &opts, &s->call);
    s->over = s->refused != VIAMC_OK;
    for (i = 0; i < k; i++)
        if (!s->over && !w.step[i].over && w.step[i].call == s->call)
            w.step[i].over = w.step[i].done.unconfirmed = true; /* a setpoint that waited has a new value: never said of the old one */
    if (s->what == CHAT && !s->over) {
        (void)viamc_call_send_bytes(w.client, s->call, viamc_view("hello", 5));
        (void)viamc_call_send_end(w.client, s->call);
    }
}

/* Begins what may begin. */
static void drive(void)
{
    unsigned i;
    while (w.steps < STEPS && w.scene[w.steps].what != END && viamc_state(w.client) == VIAMC_READY) {
        for (i = 0; i < w.steps; i++)
            if (!w.step[i].over && !w.scene[w.steps].along)
                return;
        if (w.sleeps_until != 0 && !vmc_time_reached(w.loop.now, w.sleeps_until))
            return;
        w.sleeps_until = 0;
        start(w.steps);
    }
}

static void take_events(void)
{
    viamc_event ev;
    unsigned i;
    while (viamc_next_event(w.client, &ev)) {
        for (i = 0; ev.kind == VIAMC_EV_LOST && i < w.steps; i++)
            if (!w.step[i].over)
                wrong("LOST came before its DONE", i);
        if (ev.kind != VIAMC_EV_DONE && ev.kind != VIAMC_EV_MESSAGE)
            continue;
        for (i = 0; i < w.steps && (w.step[i].over || w.step[i].call != ev.call); i++)
            ;
        if (i == w.steps) {
            wrong("an event of a call that is over", i);
            return;
        }
        if (ev.kind == VIAMC_EV_DONE) {
            if (ev.status > VIAMC_UNAUTHENTICATED || ev.ran < VIAMC_NOT_RUN || ev.ran > VIAMC_ANSWERED || (ev.status == VIAMC_OK && ev.ran != VIAMC_ANSWERED))
                wrong("an end that is none", i);
            w.step[i].over = true;
            w.step[i].done = ev;
        }
    }
}

/* Nothing that was started is under way. */
static bool is_over(void)
{
    unsigned i;
    for (i = 0; i < w.steps; i++)
        if (!w.step[i].over)
            return false;
    return true;
}

static bool is_played(void)
{
    return is_over() && (w.steps == STEPS || w.scene[w.steps].what == END);
}

/* The one fault after which a client does not try again: TLS is not begun with numbers that can be guessed. */
static bool has_no_entropy(void)
{
    return viamc_state(w.client) == VIAMC_FAILED && w.loop.end[0].fault.at != 0 && viamc_client_error(w.client).code == VIAMC_ERR_ENTROPY;
}

/* ---- time ---- */

static bool is_late(void)
{
    return w.late_ms != 0 && vmc_time_reached(w.loop.now, w.late_from) && !vmc_time_reached(w.loop.now, w.late_from + w.late_ms);
}

/* What the client's clock shows. */
static viamc_ms client_now(void)
{
    bool began = w.still_ms != 0 && vmc_time_reached(w.loop.now, w.still_from);
    return w.loop.now + w.skew - (began ? vmc_min32(w.loop.now - w.still_from, w.still_ms) : 0);
}

static uint64_t moved(void)
{
    uint64_t n = w.loop.octets[0] + w.loop.octets[1];
    unsigned i;
    for (i = 0; i < VMC_LOOP_LINKS; i++)
        n += w.loop.link[i].pipe[0].taken + w.loop.link[i].pipe[1].taken;
    return n;
}

/* What fails on the way to a robot that speaks TLS never leads to plaintext, though that is allowed. */
static void judge_line(void)
{
#ifndef VIAMC_NO_TLS
    if (tls.on && w.client->dial.plain)
        wrong("the credentials go in plaintext", w.steps);
#endif
}

/* Lets both do what they have to do, then time goes on to the next thing that is due. */
static void turn(bool client_lives)
{
    viamc_wait_hint client, server;
    uint64_t before = moved();
    viamc_ms net, step;
    client.ms = VIAMC_FOREVER;
    if (w.jump_ms != 0 && vmc_time_reached(w.loop.now, w.jump_at)) {
        w.skew = w.jump_ms;
        w.jump_ms = 0;
    }
    if (client_lives && !is_late()) {
        (void)viamc_poll(w.client, client_now());
        take_events();
        judge_line();
        drive();
        viamc_wait(w.client, client_now(), &client);
    }
    if (viamc_server_poll(w.server, w.loop.now) != VIAMC_OK)
        wrong("the robot's poll failed", 0);
    viamc_server_wait(w.server, w.loop.now, &server);
    if (moved() != before || client.ms == 0 || server.ms == 0) {
        w.loop.now += client.ms == 0 || server.ms == 0 ? 0 : 1;
        return;
    }
    net = vmc_loop_next(&w.loop);
    step = vmc_min32(vmc_min32(client.ms, server.ms), net == 0 ? 50u : net);
    w.loop.now += vmc_min32(step == 0 ? 1u : step, 50u);
}

/* ---- one run ---- */

static void prepare(const beat *scene)
{
    memset(&w, 0, offsetof(world, client_memory));
    memset(&w.client_size, 0, sizeof w - offsetof(world, client_size));
    vmc_loop_init(&w.loop, test_now.seed);
    w.loop.now = SOON;
    w.loop.line[0].delay_ms = w.loop.line[1].delay_ms = 2;
    w.scene = scene;
    w.fault = "nothing";
}

static viamc_client_desc client_desc(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    desc.port = vmc_loop_port();
    desc.port_user = vmc_loop_client(&w.loop, 0);
    desc.profile = VIAMC_BOARD;
    desc.no_tls = true;
    desc.rx_bytes = 2000;
#ifndef VIAMC_NO_TLS
    desc.no_tls = !tls.on;
#endif
    return desc;
}

static void begin(void)
{
    viamc_client_desc desc = client_desc();
    viamc_server_desc server = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    server.port = vmc_loop_server_port();
    server.port_user = vmc_loop_server(&w.loop);
    server.profile = VIAMC_BOARD;
    server.api_keys = &key;
    server.api_key_count = 1;
    server.window_ms = WINDOW;
    server.tx_bytes = 4096;
    dial.address = "robot:8080";
    dial.insecure = true;
    dial.api_key = KEY;
    dial.api_key_id = KEY_ID;
    dial.attempts = VIAMC_FOREVER;
#ifndef VIAMC_NO_TLS
    if (tls.on) {
        server.cert_chain = tls.chain;
        server.cert_count = tls.certs;
        server.key = kit_octets("web.key.der");
        dial.address = "robot.test:8080";
        dial.insecure = false;
        dial.allow_insecure_with_creds_downgrade = true; /* of a robot that speaks TLS nothing is a reason for it */
        dial.anchors = tls.anchors;
        dial.anchor_count = tls.roots;
        dial.unix_time = KIT_NOW;
    }
#endif
    w.client_size = viamc_client_mem_size(&desc);
    w.server_size = viamc_server_mem_size(&server);
    CHECK(w.client_size + BESIDE <= sizeof w.client_memory && w.server_size + BESIDE <= sizeof w.server_memory);
    memset(w.client_memory, UNTOUCHED, w.client_size + BESIDE);
    memset(w.server_memory, UNTOUCHED, w.server_size + BESIDE);
    CHECK_EQ_INT(viamc_server_init(w.server_memory + w.place % VMC_ALIGN, w.server_size, &server, &w.server), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.server, &motor, "m", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add(w.server, &echo, "", NULL, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_client_init(w.client_memory + w.place % VMC_ALIGN, w.client_size, &desc, &w.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(w.client, &dial), VIAMC_OK);
}

/* What was said of each move is true. */
static void judge_moves(void)
{
    unsigned i;
    for (i = 0; i < w.steps; i++) {
        const started *s = &w.step[i];
        if (s->what != MOVE && s->what != SETPOINT)
            continue;
        if (w.ran[i] > 1u)
            wrong("a move ran twice", i);
        if (s->refused != VIAMC_OK && w.ran[i] != 0)
            wrong("a move ran that was refused", i);
        if (s->refused != VIAMC_OK || s->done.kind != VIAMC_EV_DONE)
            continue;
        if (s->done.status == 0 && w.ran[i] == 0)
            wrong("a move did not run, and OK was said", i);
        if (s->done.ran == VIAMC_NOT_RUN && w.ran[i] != 0)
            wrong("a move ran, and NOT_RUN was said", i);
    }
}

/* The block of what was closed, compared: not one octet is left in it, none beside it was touched. The first octets of an odd address, and as many
 * fewer at its end, are spare. */
static void judge_block(const uint8_t *memory, size_t size, const char *left, const char *touched)
{
    const uint8_t *block = memory + w.place % VMC_ALIGN;
    size_t first = (size_t)(block - memory) + vmc_misaligned(block), last = first + size - (VMC_ALIGN - 1u), i;
    for (i = 0; i < size + BESIDE; i++)
        if (memory[i] != (i >= first && i < last ? 0 : UNTOUCHED))
            wrong(i >= first && i < last ? left : touched, w.steps);
}

/* Plays the scene to its end, lets the driver find back, then fall silent. The milliseconds that it took. */
static void play(void)
{
    const viamc_ms began = w.loop.now;
    viamc_ms silent;
    unsigned turns = 0;
    begin();
    while (!(is_played() && viamc_state(w.client) == VIAMC_READY) && !has_no_entropy() && w.loop.now - began < LIMIT_MS && turns++ < TURNS_MAX)
        turn(true);
    if (has_no_entropy())
        CHECK(is_over());
    else if (!is_played())
        wrong("the scene has no end", w.steps);
    else if (viamc_state(w.client) != VIAMC_READY)
        wrong("the driver does not find back", w.steps);
    judge_moves();
    silent = w.loop.now;
    while (w.loop.now - silent < WINDOW + 100u)
        turn(false);
    if (w.turning)
        wrong("the robot turns without a driver", w.steps);
    judge_moves();
    viamc_client_close(w.client);
    viamc_server_close(w.server);
    judge_block(w.client_memory, w.client_size, "something is left of the client", "the client wrote beside its block");
    judge_block(w.server_memory, w.server_size, "something is left of the robot", "the robot wrote beside its block");
    CHECK(!w.wrong);
}

/* ---- faults ---- */

/* Places of a fault among n: all, or so many, spread. */
static uint32_t stride(uint64_t n)
{
    uint32_t places = test_now.runs != 0 ? test_now.runs : PLACES;
    return n <= places ? 1u : (uint32_t)((n + places - 1u) / places);
}

static void each_scene(void (*body)(const beat *scene))
{
    size_t i;
    for (i = 0; i < TEST_COUNT(scenes); i++)
        body(scenes[i]);
}

static void play_well(const beat *scene)
{
    unsigned i;
    prepare(scene);
    play();
    for (i = 0; i < w.steps; i++)
        CHECK(w.step[i].refused == VIAMC_OK || w.step[i].refused == VIAMC_ERR_BUSY);
}

TEST(without_faults)
{
    each_scene(play_well);
}

static void cut_everywhere(const beat *scene)
{
    static const char *const names[2][4] = {{"", "requests: closed", "requests: broken", "requests: swallowed"}, {"", "replies: closed", "replies: broken", "replies: swallowed"}};
    uint64_t octets[2], at;
    unsigned dir;
    uint8_t how;
    prepare(scene);
    play();
    octets[0] = w.loop.octets[0];
    octets[1] = w.loop.octets[1];
    for (dir = 0; dir < 2u; dir++)
        for (how = VMC_LOOP_CUT_CLOSE; how <= VMC_LOOP_CUT_SWALLOW; how++)
            for (at = 0; at < octets[dir]; at += stride(octets[dir])) {
                prepare(scene);
                w.fault = names[dir][how];
                w.place = (uint32_t)at;
                w.loop.line[dir].cut = how;
                w.loop.line[dir].cut_at = at;
                play();
            }
}

TEST(cut_behind_each_octet)
{
    each_scene(cut_everywhere);
}

static void fail_port_calls(const beat *scene)
{
    static const struct { viamc_err err; const char *name; } kinds[] = {
        {VIAMC_ERR_IO, "port call: IO"}, {VIAMC_ERR_CLOSED, "port call: CLOSED"}, {VIAMC_WAIT, "port call: not now"}, {VIAMC_OK, "port call: one octet"}
    };
    uint32_t calls[2], at;
    unsigned i, side;
    prepare(scene);
    play();
    calls[0] = w.loop.end[0].calls[VMC_LOOP_ANY];
    calls[1] = w.loop.end[VMC_LOOP_CLIENTS].calls[VMC_LOOP_ANY];
    for (side = 0; side < 2u; side++)
        for (i = 0; i < TEST_COUNT(kinds); i++)
            for (at = 1; at <= calls[side]; at += stride(calls[side])) {
                vmc_loop_fault *f;
                prepare(scene);
                f = &w.loop.end[side == 0 ? 0 : VMC_LOOP_CLIENTS].fault;
                f->kind = VMC_LOOP_ANY;
                f->at = at + (side == 1u ? 2u : 0); /* a robot without entropy does not start */
                f->count = 1;
                f->err = kinds[i].err;
                w.fault = kinds[i].name;
                w.place = at;
                play();
            }
}

TEST(each_port_call_fails)
{
    each_scene(fail_port_calls);
}

/* Plays the scene once for each moment of it: the fault happens `at` ms after its start, and is so many ms large. */
static void at_each_moment(const beat *scene, const char *name, void (*fault)(viamc_ms at, viamc_ms ms), viamc_ms ms)
{
    viamc_ms length, at;
    prepare(scene);
    play();
    length = w.loop.now - SOON;
    for (at = 0; at < length; at += stride(length)) {
        prepare(scene);
        w.fault = name;
        w.place = at;
        fault(at, ms);
        play();
    }
}

static void late(viamc_ms at, viamc_ms ms)
{
    w.late_from = w.loop.now + at;
    w.late_ms = ms;
}

static void poll_late(const beat *scene)
{
    static const viamc_ms by[] = {WINDOW / 2, WINDOW + 50, 5000, 60000};
    size_t i;
    for (i = 0; i < TEST_COUNT(by); i++)
        at_each_moment(scene, "polls late", late, by[i]);
}

TEST(polls_that_come_late)
{
    each_scene(poll_late);
}

static void jump(viamc_ms at, viamc_ms ms)
{
    w.jump_at = w.loop.now + at;
    w.jump_ms = ms;
}

static void jump_clock(const beat *scene)
{
    at_each_moment(scene, "clock jumps a day", jump, 86400000u);
}

TEST(a_clock_that_jumps_a_day)
{
    each_scene(jump_clock);
}

static void stand_still(viamc_ms at, viamc_ms ms)
{
    w.still_from = w.loop.now + at;
    w.still_ms = ms;
}

static void stop_clock(const beat *scene)
{
    static const viamc_ms for_ms[] = {WINDOW / 2, WINDOW + 50, 5000};
    size_t i;
    for (i = 0; i < TEST_COUNT(for_ms); i++)
        at_each_moment(scene, "clock stands still", stand_still, for_ms[i]);
}

TEST(a_clock_that_stands_still)
{
    each_scene(stop_clock);
}

static void wrap(viamc_ms at, viamc_ms ms)
{
    w.loop.now = ms - at;
}

static void wrap_clock(const beat *scene)
{
    at_each_moment(scene, "clock wraps", wrap, 0);
}

TEST(a_clock_that_wraps)
{
    each_scene(wrap_clock);
}

/* Few as they are, no stride passes them by. */
static void fail_random_calls(const beat *scene)
{
    static const viamc_err kinds[] = {VIAMC_ERR_IO, VIAMC_WAIT};
    uint32_t calls[2], at;
    unsigned i, side;
    prepare(scene);
    play();
    calls[0] = w.loop.end[0].calls[VMC_LOOP_RANDOM];
    calls[1] = w.loop.end[VMC_LOOP_CLIENTS].calls[VMC_LOOP_RANDOM];
    for (side = 0; side < 2u; side++)
        for (i = 0; i < TEST_COUNT(kinds); i++)
            for (at = 1u + side; at <= calls[side]; at++) { /* a robot without entropy does not start */
                vmc_loop_fault *f;
                prepare(scene);
                f = &w.loop.end[side == 0 ? 0 : VMC_LOOP_CLIENTS].fault;
                f->kind = VMC_LOOP_RANDOM;
                f->at = at;
                f->count = 1;
                f->err = kinds[i];
                w.fault = "random call";
                w.place = at;
                play();
            }
}

TEST(each_random_call_fails)
{
    each_scene(fail_random_calls);
}

/* Two of the scenes behind a handshake: what is cut is a record, what fails may be its entropy, and keys are left to be wiped. */
TEST(over_tls)
{
#ifdef VIAMC_NO_TLS
    SKIP("without TLS");
#else
    static void (*const faults[])(const beat *) = {cut_everywhere, fail_port_calls, fail_random_calls, poll_late, stop_clock};
    unsigned runs = test_now.runs;
    size_t i;
    if (!kit_certs())
        SKIP("missing data: certificates");
    tls.on = true;
    tls.certs = kit_chain("web inter-web", tls.chain);
    tls.roots = kit_anchors("root-web", tls.anchors);
    test_now.runs = runs == 0 ? TLS_PLACES : vmc_min32(runs, 20u * TLS_PLACES);
    for (i = 0; i < TEST_COUNT(faults); i++) {
        faults[i](scenes[2]);
        faults[i](scenes[7]);
    }
    test_now.runs = runs;
    tls.on = false;
#endif
}

TEST(memory_one_octet_too_small)
{
    viamc_client_desc desc;
    viamc_client *c;
    size_t at, k;
    prepare(scenes[0]);
    for (k = 0; k < 4u; k++)
        for (at = 0; at < VMC_ALIGN; at++) { /* the number is for any alignment: the best one needs so much less */
            uint8_t *block = w.client_memory + at;
            size_t least;
            desc = client_desc();
            desc.max_calls = (uint8_t)(k + 1u);
            desc.tx_bytes = 300u + (uint32_t)k;
            desc.rx_bytes = 1000u + (uint32_t)k;
            least = viamc_client_mem_size(&desc) - (VMC_ALIGN - 1u) + vmc_misaligned(block);
            CHECK(least <= viamc_client_mem_size(&desc) && least <= sizeof w.client_memory - at);
            CHECK_EQ_INT(viamc_client_init(block, least - 1u, &desc, &c), VIAMC_ERR_NOMEM);
            CHECK(c == NULL);
            CHECK_EQ_INT(viamc_client_init(block, least, &desc, &c), VIAMC_OK);
        }
}

int main(int argc, char **argv)
{
    test_begin("faults", argc, argv);
    RUN(without_faults);
    RUN(cut_behind_each_octet);
    RUN(each_port_call_fails);
    RUN(polls_that_come_late);
    RUN(a_clock_that_jumps_a_day);
    RUN(a_clock_that_stands_still);
    RUN(a_clock_that_wraps);
    RUN(each_random_call_fails);
    RUN(over_tls);
    RUN(memory_one_octet_too_small);
    return test_end();
}
