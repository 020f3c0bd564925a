/* SPDX-License-Identifier: MIT */
/* The promise of the product (design.md 6): nothing is sent twice, Stop cannot be overtaken.
 * A model robot gets the client's requests and runs them in any order, late, or not at all. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"

#define WINDOW 500u

static const viamc_method set_power = {"/viam.component.motor.v1.MotorService/SetPower", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_SETPOINT};
static const viamc_method stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP};

/* ---- the robot ---- */

enum { R_MOVE, R_STOP, R_START, R_BEAT, R_OTHER };

typedef struct request {
    uint32_t id;
    unsigned conn;
    int kind;
    uint32_t value;   /* of a move: which one */
    bool body;        /* its message came */
    bool given_up;    /* reset by the client, or its connection is gone: may still run until ... */
    viamc_ms until;
} request;

typedef struct robot {
    request pending[64];
    size_t count;
    bool on[2];              /* the motors m0, m1 */
    uint32_t arrived[4096];  /* how often each move came */
    uint32_t ran_last;
    unsigned conn, sessions;
    bool cut;                /* the connection is gone, the next one has not come */
} robot;

static robot bot;

/* Moves are named by a number in the duration field; the resource is m0 or m1. */
static viamc_bytes move_message(uint32_t value)
{
    static uint8_t msg[16];
    vmc_wr w = vmc_wr_of(msg, sizeof msg);
    vmc_wire_put_text(&w, 1, viamc_text(value % 2u == 0 ? "m0" : "m1"));
    vmc_wire_put_uint(&w, 2, value);
    return viamc_view(msg, w.len);
}

static viamc_bytes stop_message(uint32_t motor)
{
    return motor == 0 ? viamc_view("\x0a\x02m0", 4) : viamc_view("\x0a\x02m1", 4);
}

static request *bot_find(uint32_t id)
{
    size_t i;
    for (i = 0; i < bot.count; i++)
        if (bot.pending[i].id == id && bot.pending[i].conn == bot.conn)
            return &bot.pending[i];
    return NULL;
}

static void bot_drop(request *r)
{
    *r = bot.pending[--bot.count];
}

static void bot_begin(uint32_t id)
{
    request *r = &bot.pending[bot.count++];
    memset(r, 0, sizeof *r);
    r->id = id;
    r->conn = bot.conn;
    r->kind = script_has_field("MotorService/SetPower\n") ? R_MOVE : script_has_field("/Stop\n") || script_has_field("/StopAll\n") ? R_STOP
              : script_has_field("StartSession\n") ? R_START : script_has_field("Heartbeat\n") ? R_BEAT : R_OTHER;
    if (r->kind == R_STOP)
        r->value = script_has_field("/StopAll\n") ? 2u : 0;
}

static void bot_body(request *r, const script_frame *f)
{
    vmc_rd rd = vmc_rd_of(viamc_view(f->payload + 5, f->len - 5));
    vmc_wire_field field;
    r->body = true;
    while (vmc_wire_next(&rd, &field)) {
        if (r->kind == R_STOP && r->value != 2u && field.number == 1)
            r->value = field.bytes.ptr[1] == '1';
        if (r->kind == R_MOVE && field.number == 2)
            r->value = (uint32_t)field.value;
    }
    if (r->kind == R_MOVE) {
        bot.arrived[r->value]++;
        CHECK_EQ_INT(bot.arrived[r->value], 1); /* nothing of the user's is ever sent twice */
    }
}

/* The robot's side of the connection is closed: what is pending may still run for a while. */
static void bot_cut(void)
{
    size_t i;
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
    bot.cut = true;
    for (i = 0; i < bot.count; i++)
        if (!bot.pending[i].given_up) {
            bot.pending[i].given_up = true;
            bot.pending[i].until = script_now.loop.now + WINDOW - 20;
        }
}

/* Takes in what the client sent. */
static void bot_listen(void)
{
    script_frame f;
    if (script_now.conn != bot.conn) {
        bot.conn = script_now.conn;
        bot.cut = false;
        script_send("000000040000000000");
    }
    while (script_next(&f)) {
        request *r;
        if (f.type == 1) {
            script_decode(f.payload, f.len, true);
            bot_begin(f.id);
        }
        r = bot_find(f.id);
        if (f.type == 0 && r != NULL && f.len >= 5)
            bot_body(r, &f);
        if (f.type == 3 && r != NULL) {
            r->given_up = true;
            r->until = script_now.loop.now + WINDOW - 20;
        }
    }
}

static void bot_answer(const request *r)
{
    char reply[64];
    if (bot.cut || r->given_up || r->conn != script_now.conn)
        return;
    if (r->kind == R_START) {
        snprintf(reply, sizeof reply, "%c%c11111111-2222-4333-8444-%012u%c%c%c%c%c%c%c", 0x0a, 0x24, bot.sessions++, 0x12, 0x06, 0x10, 0x80, 0xca, 0xb5, 0xee);
        memcpy(reply + 40, "\x10\x80\xca\xb5\xee\x01", 6); /* 500,000,000 ns */
        reply[38] = 0x12;
        reply[39] = 6;
        script_reply(r->id, reply, 46);
    } else {
        script_reply(r->id, "", 0);
    }
}

/* Runs request number i and answers it. */
static void bot_run(size_t i)
{
    request r = bot.pending[i];
    bot_drop(&bot.pending[i]);
    if (r.kind == R_MOVE) {
        bot.on[r.value % 2u] = true;
        bot.ran_last = r.value;
    } else if (r.kind == R_STOP) {
        if (r.value != 1u)
            bot.on[0] = false;
        if (r.value != 0)
            bot.on[1] = false;
    }
    bot_answer(&r);
}

/* What was given up and whose time is over never runs. */
static void bot_expire(void)
{
    size_t i = 0;
    while (i < bot.count)
        if (bot.pending[i].given_up && vmc_time_reached(script_now.loop.now, bot.pending[i].until))
            bot_drop(&bot.pending[i]);
        else
            i++;
}

/* Runs sessions and heartbeats, which nobody reorders here. */
static void bot_keep_alive(void)
{
    size_t i = 0;
    while (i < bot.count)
        if ((bot.pending[i].kind == R_START || bot.pending[i].kind == R_BEAT || bot.pending[i].kind == R_OTHER) && bot.pending[i].body)
            bot_run(i);
        else
            i++;
}

static void step(void)
{
    script_poll();
    bot_listen();
    bot_keep_alive();
    bot_expire();
}

static void bot_open(void)
{
    memset(&bot, 0, sizeof bot);
    script_new();
    script_now.desc.tx_bytes = 2048;
    script_now.dial.backoff_ms = 10;
    script_open();
    script_poll();
    script_poll();
    script_send("000000040000000000");
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_READY), 1);
    script_forget();
}

static viamc_call move(uint32_t value)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(value), NULL, &call), VIAMC_OK);
    return call;
}

static viamc_call stop_motor(uint32_t motor)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &stop, stop_message(motor), NULL, &call), VIAMC_OK);
    return call;
}

static const viamc_event *done(viamc_call call)
{
    size_t i;
    for (i = 0; i < script_now.events; i++)
        if (script_now.event[i].kind == VIAMC_EV_DONE && script_now.event[i].call == call)
            return &script_now.event[i];
    return NULL;
}

static size_t bot_index(int kind, uint32_t value)
{
    size_t i;
    for (i = 0; i < bot.count; i++)
        if (bot.pending[i].kind == kind && bot.pending[i].value == value)
            return i;
    return bot.count;
}

static bool bot_has(int kind, uint32_t value)
{
    return bot_index(kind, value) != bot.count;
}

static void bot_run_named(int kind, uint32_t value)
{
    size_t i = bot_index(kind, value);
    CHECK(i != bot.count);
    if (i != bot.count)
        bot_run(i);
    step();
    step();
}

/* Gets a session going, so that the calls of a test leave at once. */
static void bot_warm(void)
{
    unsigned i;
    (void)move(4000);
    for (i = 0; i < 4; i++)
        step();
    bot_run_named(R_MOVE, 4000);
    bot.on[0] = false;
    script_forget();
}

/* ---- the rules one by one ---- */

/* All orders in which a robot can run two moves and a Stop: when Stop is done, the motor stands still. */
TEST(stop_under_all_orders_of_three_calls)
{
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    size_t o, k;
    for (o = 0; o < 6; o++) {
        viamc_call s;
        bot_open();
        bot_warm();
        (void)move(10);
        (void)move(12);
        step();
        s = stop_motor(0);
        step();
        for (k = 0; k < 3; k++) {
            CHECK(done(s) == NULL || k == 3);
            bot_run_named(orders[o][k] == 2 ? R_STOP : R_MOVE, orders[o][k] == 0 ? 10u : orders[o][k] == 1 ? 12u : 0);
        }
        CHECK(done(s) == NULL); /* the moves left before it: once more */
        bot_run_named(R_STOP, 0);
        REQUIRE(done(s) != NULL);
        CHECK_EQ_INT(done(s)->status, VIAMC_OK);
        CHECK(!done(s)->unconfirmed);
        CHECK(!bot.on[0]);
        script_close();
    }
}

TEST(stop_alone_is_one_stop)
{
    viamc_call s;
    bot_open();
    s = stop_motor(0);
    step();
    bot_run_named(R_STOP, 0);
    REQUIRE(done(s) != NULL);
    CHECK(!done(s)->unconfirmed);
    CHECK(!bot_has(R_STOP, 0));
    script_close();
}

TEST(stop_drops_what_has_not_left)
{
    viamc_call m, s;
    bot_open();
    m = move(10); /* waits for StartSession */
    s = stop_motor(0);
    step();
    step();
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->ran, VIAMC_NOT_RUN);
    CHECK_EQ_INT(done(m)->status, VIAMC_CANCELLED);
    bot_run_named(R_STOP, 0);
    CHECK(done(s) != NULL);
    CHECK(!bot_has(R_MOVE, 10));
    script_close();
}

TEST(moves_are_refused_while_stopping)
{
    viamc_call s;
    bot_open();
    bot_warm();
    (void)move(10);
    step();
    s = stop_motor(0);
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(12), NULL, NULL), VIAMC_ERR_BUSY);
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(11), NULL, NULL), VIAMC_OK); /* another motor */
    step();
    bot_run_named(R_STOP, 0);
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(12), NULL, NULL), VIAMC_ERR_BUSY);
    bot_run_named(R_MOVE, 10);
    bot_run_named(R_STOP, 0);
    CHECK(done(s) != NULL);
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(12), NULL, NULL), VIAMC_OK);
    script_close();
}

/* A move that does not end: cancelled one window after the Stop, which is sent again and says unconfirmed. */
TEST(stop_of_a_move_that_hangs)
{
    viamc_call m, s;
    viamc_ms asked;
    bot_open();
    bot_warm();
    m = move(10);
    step();
    s = stop_motor(0);
    asked = script_now.loop.now;
    step();
    bot_run_named(R_STOP, 0);
    while (script_now.loop.now - asked < WINDOW - 1u) {
        script_now.loop.now += 10;
        CHECK(!bot_has(R_STOP, 0));
        step();
        if (script_now.loop.now - asked >= WINDOW)
            break;
    }
    script_now.loop.now = asked + WINDOW;
    step();
    step();
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->status, VIAMC_CANCELLED);
    CHECK_EQ_INT(done(m)->ran, VIAMC_MAYBE);
    CHECK(done(s) == NULL);
    bot_run_named(R_STOP, 0);
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_OK);
    CHECK(done(s)->unconfirmed);
    script_close();
}

/* A move that we gave up may run for one window more: Stop waits for that. */
TEST(stop_after_a_cancelled_move)
{
    viamc_call m, s;
    viamc_ms given_up;
    bot_open();
    bot_warm();
    m = move(10);
    step();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK);
    given_up = script_now.loop.now;
    step();
    s = stop_motor(0);
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL);
    while (script_now.loop.now - given_up < WINDOW) {
        script_now.loop.now += 10;
        step();
    }
    step();
    bot_run_named(R_STOP, 0);
    REQUIRE(done(s) != NULL);
    CHECK(done(s)->unconfirmed);
    script_close();
}

/* The same while the Stop is under way: what is known of the move is time alone. */
TEST(move_cancelled_during_a_stop)
{
    viamc_call m, s;
    bot_open();
    bot_warm();
    m = move(10);
    step();
    s = stop_motor(0);
    step();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK);
    bot_run_named(R_STOP, 0);
    script_now.loop.now += WINDOW;
    step();
    step();
    bot_run_named(R_STOP, 0);
    REQUIRE(done(s) != NULL);
    CHECK(done(s)->unconfirmed);
    script_close();
}

TEST(stop_all_covers_every_resource)
{
    viamc_call s;
    bot_open();
    bot_warm();
    (void)move(10);
    (void)move(11);
    step();
    CHECK_EQ_INT(viamc_robot_stop_all(script_now.client, NULL, &s), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(13), NULL, NULL), VIAMC_ERR_BUSY);
    step();
    bot_run_named(R_STOP, 2);
    bot_run_named(R_MOVE, 10);
    CHECK(done(s) == NULL);
    bot_run_named(R_MOVE, 11);
    CHECK(bot.on[0] && bot.on[1]);
    bot_run_named(R_STOP, 2);
    REQUIRE(done(s) != NULL);
    CHECK(!bot.on[0] && !bot.on[1]);
    script_close();
}

TEST(stop_all_takes_over_the_reserved_record)
{
    viamc_call s, all;
    unsigned i;
    bot_open();
    bot_warm();
    for (i = 0; i < 4; i++)
        (void)move(10 + 2 * i);
    step();
    s = stop_motor(0);
    step();
    CHECK_EQ_INT(viamc_robot_stop_all(script_now.client, NULL, &all), VIAMC_OK);
    step();
    step();
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_CANCELLED);
    bot_run_named(R_STOP, 2);
    for (i = 0; i < 4; i++)
        bot_run_named(R_MOVE, 10 + 2 * i);
    bot_run_named(R_STOP, 2);
    REQUIRE(done(all) != NULL);
    CHECK_EQ_INT(done(all)->status, VIAMC_OK);
    CHECK(!bot.on[0]);
    script_close();
}

/* ---- setpoints ---- */

static viamc_err setpoint(uint32_t value, viamc_call *call)
{
    viamc_opts opts = VIAMC_ZERO;
    opts.replace = true;
    return viamc_call_method(script_now.client, &set_power, move_message(value), &opts, call);
}

TEST(setpoint_newest_value_only)
{
    viamc_call first, pending, newer;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(setpoint(20, &first), VIAMC_OK);
    step();
    CHECK_EQ_INT(setpoint(22, &pending), VIAMC_OK);
    CHECK_EQ_INT(setpoint(24, &newer), VIAMC_OK);
    CHECK_EQ_INT(newer, pending); /* one handle, the newest value */
    step();
    CHECK(!bot_has(R_MOVE, 24));
    bot_run_named(R_MOVE, 20);
    CHECK(bot_has(R_MOVE, 24));
    CHECK(bot.arrived[22] == 0);
    bot_run_named(R_MOVE, 24);
    CHECK(done(first) != NULL && done(pending) != NULL);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 2);
    script_close();
}

TEST(setpoint_that_waits_too_long_is_dropped)
{
    viamc_call first, pending;
    viamc_ms asked;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(setpoint(20, &first), VIAMC_OK);
    step();
    asked = script_now.loop.now;
    CHECK_EQ_INT(setpoint(22, &pending), VIAMC_OK);
    step(); /* its age counts from the first poll that knows of it */
    while (script_now.loop.now - asked < WINDOW + 20u) {
        script_now.loop.now += 10;
        step();
    }
    REQUIRE(done(first) != NULL && done(pending) != NULL);
    CHECK_EQ_INT(done(first)->status, VIAMC_DEADLINE_EXCEEDED); /* one window is a setpoint's time limit */
    CHECK_EQ_INT(done(pending)->ran == VIAMC_NOT_RUN || bot.arrived[22] == 1, 1);
    script_close();
}

TEST(setpoint_and_stop)
{
    viamc_call first, pending, late, s;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(setpoint(20, &first), VIAMC_OK);
    step();
    CHECK_EQ_INT(setpoint(22, &pending), VIAMC_OK);
    s = stop_motor(0);
    step();
    REQUIRE(done(pending) != NULL);
    CHECK_EQ_INT(done(pending)->ran, VIAMC_NOT_RUN);
    CHECK_EQ_INT(setpoint(24, &late), VIAMC_OK); /* waits until the Stop is done */
    step();
    CHECK(!bot_has(R_MOVE, 24));
    bot_run_named(R_STOP, 0);
    bot_run_named(R_MOVE, 20);
    bot_run_named(R_STOP, 0);
    CHECK(done(s) != NULL);
    step();
    CHECK(bot_has(R_MOVE, 24));
    CHECK(done(late) == NULL);
    script_close();
}

/* ---- sessions and losses ---- */

static void redial(void)
{
    unsigned i;
    for (i = 0; i < 8; i++) {
        script_now.loop.now += 10;
        step();
    }
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
}

static void cut_and_redial(void)
{
    bot_cut();
    redial();
}

TEST(session_is_resumed_when_every_stop_was_confirmed)
{
    uint32_t beat;
    unsigned i;
    bot_open();
    bot_warm();
    bot.sessions = 0; /* the robot gives the same id again */
    cut_and_redial();
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    CHECK(script_now.client->session.resumed != 0);
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    (void)beat;
    bot.sessions = 7; /* the robot has forgotten it */
    cut_and_redial();
    for (i = 0; i < 3; i++)
        step();
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    script_close();
}

TEST(session_is_not_resumed_after_a_stop_without_answer)
{
    bot_open();
    bot_warm();
    (void)stop_motor(0);
    step();
    cut_and_redial(); /* the Stop was not answered */
    CHECK_EQ_INT(script_now.client->session.resumed, 0);
    script_close();
    bot_open();
    bot_warm();
    bot_cut();
    step();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &stop, stop_message(0), NULL, NULL), VIAMC_ERR_STATE); /* asked for while disconnected */
    redial();
    CHECK_EQ_INT(script_now.client->session.resumed, 0);
    script_close();
}

TEST(starved_polls_are_told)
{
    const viamc_event *ev;
    bot_open();
    bot_warm();
    script_now.loop.now += 400;
    step();
    REQUIRE((ev = script_event(VIAMC_EV_STARVED, 0)) != NULL);
    CHECK(ev->late_ms >= 290 && ev->late_ms <= 400);
    script_close();
}

/* ---- the model ---- */

typedef struct asked_stop {
    viamc_call call;
    uint32_t motor;  /* 2: all */
    uint32_t before; /* moves with smaller numbers were asked for before it */
} asked_stop;

static asked_stop stops[8];
static size_t stop_count;
static uint32_t next_value;

static bool covers(uint32_t motor, uint32_t value)
{
    return motor == 2u || value % 2u == motor;
}

/* A Stop is done and confirmed: no move that was asked for before it may run any more. */
static void check_stop(const asked_stop *s, const viamc_event *ev)
{
    size_t i;
    if (ev->status != VIAMC_OK || ev->unconfirmed)
        return;
    for (i = 0; i < bot.count; i++)
        if (bot.pending[i].kind == R_MOVE && covers(s->motor, bot.pending[i].value) && bot.pending[i].value < s->before)
            CHECK(!"a move of before a confirmed Stop is still to run");
    for (i = 0; i < 2; i++)
        if (s->motor == 2u || s->motor == i)
            CHECK(!bot.on[i]);
}

static void check_events(void)
{
    size_t i, k;
    for (i = 0; i < script_now.events; i++)
        for (k = 0; k < stop_count; k++)
            if (script_now.event[i].kind == VIAMC_EV_DONE && script_now.event[i].call == stops[k].call) {
                check_stop(&stops[k], &script_now.event[i]);
                stops[k] = stops[--stop_count];
                break;
            }
    script_forget();
}

static void model_ask(uint32_t dice)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    viamc_err err = VIAMC_ERR_STATE;
    uint32_t motor = test_rand_below(2);
    if (dice < 5) {
        opts.replace = dice == 4;
        if (next_value % 2u != motor)
            next_value++;
        err = viamc_call_method(script_now.client, &set_power, move_message(next_value), &opts, &call);
        next_value += err == VIAMC_OK;
    } else if (stop_count < TEST_COUNT(stops)) {
        bool all = dice == 6;
        err = all ? viamc_robot_stop_all(script_now.client, NULL, &call) : viamc_call_method(script_now.client, &stop, stop_message(motor), NULL, &call);
        if (err == VIAMC_OK) {
            stops[stop_count].call = call;
            stops[stop_count].motor = all ? 2u : motor;
            stops[stop_count++].before = next_value;
        }
    }
    CHECK(err == VIAMC_OK || err == VIAMC_ERR_BUSY || err == VIAMC_ERR_STATE || err == VIAMC_ERR_NOMEM);
}

static void model_turn(void)
{
    uint32_t dice = test_rand_below(100);
    if (dice < 28) {
        model_ask(test_rand_below(7));
    } else if (dice < 75) {
        if (bot.count != 0) {
            size_t i = test_rand_below((uint32_t)bot.count);
            if (bot.pending[i].body || bot.pending[i].given_up)
                bot_run(i);
        }
    } else if (dice < 90) {
        script_now.loop.now += test_rand_below(60);
    } else if (dice < 94) {
        uint8_t i = (uint8_t)test_rand_below(4);
        if (script_now.client->calls.rec[i].state == VMC_CALL_OPEN)
            (void)viamc_call_cancel(script_now.client, vmc_calls_handle(&script_now.client->calls, i));
    } else if (dice < 95 && !bot.cut) {
        bot_cut();
    }
    step();
    check_events();
}

TEST(model)
{
    unsigned run, turn;
    for (run = 0; run < 400 && test_now.bad == 0; run++) {
        bot_open();
        stop_count = 0;
        next_value = 0;
        for (turn = 0; turn < 150 && test_now.bad == 0; turn++)
            model_turn();
        if (test_now.bad != 0)
            printf("  run %u, turn %u\n", run, turn);
        script_close();
    }
}

int main(int argc, char **argv)
{
    test_begin("motion", argc, argv);
    RUN(stop_under_all_orders_of_three_calls);
    RUN(stop_alone_is_one_stop);
    RUN(stop_drops_what_has_not_left);
    RUN(moves_are_refused_while_stopping);
    RUN(stop_of_a_move_that_hangs);
    RUN(stop_after_a_cancelled_move);
    RUN(move_cancelled_during_a_stop);
    RUN(stop_all_covers_every_resource);
    RUN(stop_all_takes_over_the_reserved_record);
    RUN(setpoint_newest_value_only);
    RUN(setpoint_that_waits_too_long_is_dropped);
    RUN(setpoint_and_stop);
    RUN(session_is_resumed_when_every_stop_was_confirmed);
    RUN(session_is_not_resumed_after_a_stop_without_answer);
    RUN(starved_polls_are_told);
    RUN(model);
    return test_end();
}
