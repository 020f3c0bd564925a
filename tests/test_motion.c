/* SPDX-License-Identifier: MIT */
/* The promise of the product (design.md 6): nothing is sent twice, Stop cannot be overtaken. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"
#include "bot.h"

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

/* All records are taken: Stop has one of its own, with room for the robot's words, and none for a reply that it does not have. */
TEST(stop_in_its_own_record)
{
    static const char refused[] = "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730139000c677270632d6d6573736167650c6d6f746f72206a616d6d6564";
    static const uint8_t octets[100] = {0};
    unsigned how, n;
    for (how = 0; how < 2; how++) {
        viamc_call s;
        uint32_t id;
        bot_open();
        script_now.client->desc.disable_sessions = true;
        for (n = 0; n < 4; n++)
            (void)move(10 + 2 * n);
        step();
        s = stop_motor(1);
        CHECK_EQ_INT(s & 0xffu, 4);
        step();
        id = bot.pending[bot_index(R_STOP, 1)].id;
        if (how == 0)
            script_send_block(id, refused, true);
        else
            script_reply(id, octets, sizeof octets);
        step();
        REQUIRE(done(s) != NULL);
        CHECK_EQ_INT(done(s)->status, how == 0 ? VIAMC_FAILED_PRECONDITION : VIAMC_RESOURCE_EXHAUSTED);
        CHECK_EQ_INT(done(s)->ran, how == 0 ? VIAMC_ANSWERED : VIAMC_MAYBE);
        if (how == 0)
            CHECK_EQ_STR(script_text(done(s)), "motor jammed");
        script_close();
    }
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

/* A move that is settled by its time alone while a Stop waits for it: the Stop's last copy is not later than all that may have run. */
TEST(stop_behind_a_move_that_time_settles)
{
    viamc_call m, s;
    viamc_ms asked;
    unsigned n;
    bot_open();
    bot_warm();
    m = move(10);
    step();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK);
    for (n = 0; n < 20; n++) {
        script_now.loop.now += 10;
        step();
    }
    s = stop_motor(0);
    asked = script_now.loop.now;
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL);
    while (!bot_has(R_STOP, 0) && script_now.loop.now - asked < WINDOW) {
        script_now.loop.now += 10;
        step();
    }
    CHECK(script_now.loop.now - asked < WINDOW);
    bot_run_named(R_STOP, 0);
    REQUIRE(done(s) != NULL);
    CHECK(done(s)->unconfirmed);
    script_close();
}

/* More moves that may still run than are kept apart: those beyond count for every resource. */
TEST(unsettled_moves_that_find_no_place)
{
    uint8_t msg[] = {0x0a, 2, 'r', '0', 0x10, 10};
    uint32_t resource[6];
    unsigned n;
    bot_open();
    bot_warm();
    for (n = 0; n < TEST_COUNT(resource); n++) {
        viamc_call m = 0;
        msg[3] = (uint8_t)('0' + n);
        msg[5] = (uint8_t)(10 + n);
        resource[n] = vmc_motion_resource(viamc_text(set_power.path), viamc_view(msg, sizeof msg));
        CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, viamc_view(msg, sizeof msg), NULL, &m), VIAMC_OK);
        step();
        CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK);
        step();
    }
    for (n = 0; n < TEST_COUNT(resource); n++)
        CHECK(vmc_motion_has_unsettled(script_now.client, resource[n]));
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

/* Time passed before the Stop was asked for is not taken from its time limit. */
TEST(stop_after_polls_that_were_late)
{
    viamc_call s;
    bot_open();
    bot_warm();
    script_now.loop.now += 6000;
    s = stop_motor(0);
    step();
    CHECK(bot_has(R_STOP, 0));
    script_now.loop.now += 1;
    step();
    CHECK(done(s) == NULL);
    CHECK(!bot.pending[bot_index(R_STOP, 0)].given_up);
    bot_run_named(R_STOP, 0);
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_OK);
    script_close();
}

/* A move is on its way, and a Stop of it has been answered once: it waits for the move's end. */
static viamc_call stop_behind_a_move(void)
{
    viamc_call s;
    bot_open();
    bot_warm();
    (void)move(10);
    step();
    s = stop_motor(0);
    step();
    bot_run_named(R_STOP, 0);
    return s;
}

/* The connection goes while a Stop waits for its last copy: one DONE, which promises nothing, and nothing of it on the next connection. */
TEST(stop_that_waits_when_the_connection_goes)
{
    viamc_call s = stop_behind_a_move();
    CHECK(done(s) == NULL);
    cut_and_redial();
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_UNAVAILABLE);
    CHECK(done(s)->unconfirmed);
    CHECK(!bot_has(R_STOP, 0));
    script_close();
}

TEST(stop_that_waits_can_be_cancelled)
{
    viamc_call s = stop_behind_a_move();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, s), VIAMC_OK);
    step();
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_CANCELLED);
    CHECK(done(s)->unconfirmed);
    script_close();
}

/* Cancelled and stopped between two polls: the move may still run. */
TEST(stop_right_after_a_cancel)
{
    viamc_call m, s;
    bot_open();
    bot_warm();
    m = move(10);
    step();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK);
    s = stop_motor(0);
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL);
    script_close();
}

/* Behind GOAWAY no stream is opened, also not for the last copy of a Stop: it is not confirmed. */
TEST(stop_that_waits_when_goaway_comes)
{
    viamc_call s = stop_behind_a_move();
    unsigned n;
    CHECK(done(s) == NULL);
    script_send("000008070000000000 7fffffff 00000000");
    bot_run_named(R_MOVE, 10); /* settled: the Stop would go once more */
    for (n = 0; n < WINDOW / 50u; n++) {
        script_now.loop.now += 10;
        script_poll();
        if (script_now.conn == bot.conn)
            bot_listen();
        CHECK(!bot_has(R_STOP, 0));
    }
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_UNAVAILABLE);
    CHECK_EQ_INT(done(s)->ran, VIAMC_MAYBE); /* its first copy did */
    CHECK_EQ_INT(script_now.client->motion.unconfirmed, 1);
    script_close();
}

/* ---- streams that move ---- */

static const viamc_method streamed = {"/viam.component.arm.v1.ArmService/MoveThroughJointPositionsStreamed", NULL, NULL,
                                      VIAMC_M_MONITORED | VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method arm_stop = {"/viam.component.arm.v1.ArmService/Stop", NULL, NULL, VIAMC_M_STOP, NULL};
#define ARM viamc_view("\x0a\x02" "a1", 4)

/* An arm that moves: its stream is open, its first message has left. */
static viamc_call stream_open(void)
{
    viamc_call m = 0;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &streamed, viamc_view("", 0), NULL, &m), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, ARM), VIAMC_OK);
    script_poll();
    bot_listen();
    CHECK(bot_has(R_OTHER, 0));
    bot.pending[bot_index(R_OTHER, 0)].kind = R_STREAM;
    return m;
}

TEST(stop_covers_a_stream_that_moves)
{
    viamc_call m = stream_open(), s;
    unsigned n;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &arm_stop, ARM, NULL, &s), VIAMC_OK);
    step();
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, ARM), VIAMC_ERR_BUSY);
    bot_run_named(R_STOP, 1);
    CHECK(done(s) == NULL); /* the stream still runs */
    for (n = 0; n < WINDOW / 10u + 2u; n++) {
        script_now.loop.now += 10;
        step();
    }
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->status, VIAMC_CANCELLED);
    bot_run_named(R_STOP, 1);
    REQUIRE(done(s) != NULL);
    CHECK(done(s)->unconfirmed);
    script_close();
}

TEST(stop_leaves_the_stream_of_another_resource_alone)
{
    viamc_call m = stream_open(), s = stop_motor(1);
    unsigned n;
    step();
    bot_run_named(R_STOP, 1);
    REQUIRE(done(s) != NULL);
    CHECK(!done(s)->unconfirmed);
    for (n = 0; n < WINDOW / 10u + 2u; n++) {
        script_now.loop.now += 10;
        step();
    }
    CHECK(done(m) == NULL);
    script_close();
}

/* viam-server takes the name from the first message alone; a later one without it changes nothing. */
TEST(stream_keeps_its_resource)
{
    viamc_call m = stream_open(), s;
    unsigned n;
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, viamc_view("\x12\x02xx", 4)), VIAMC_OK);
    step();
    s = stop_motor(1);
    step();
    bot_run_named(R_STOP, 1);
    for (n = 0; n < WINDOW / 10u + 2u; n++) {
        script_now.loop.now += 10;
        step();
    }
    CHECK(done(m) == NULL && done(s) != NULL);
    script_close();
}

/* One that names another resource may move that too: it counts for every resource. */
TEST(stream_that_names_another_resource)
{
    viamc_call m = stream_open(), s;
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, viamc_view("\x0a\x02" "a2", 4)), VIAMC_OK);
    step();
    s = stop_motor(1);
    step();
    bot_run_named(R_STOP, 1);
    CHECK(done(s) == NULL);
    script_close();
}

TEST(stop_is_no_stream)
{
    viamc_opts opts = VIAMC_ZERO;
    bot_open();
    opts.stream = VIAMC_M_CLIENT_STREAM;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, stop.path, stop_message(0), &opts, NULL), VIAMC_ERR_ARG);
    opts.stream = VIAMC_M_SERVER_STREAM;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, stop.path, stop_message(0), &opts, NULL), VIAMC_ERR_ARG);
    script_close();
}

/* ---- moves that may still run ---- */

/* viamc_dial ends a move that has left: the next Stop knows of it. */
TEST(stop_after_a_dial)
{
    viamc_call m, s;
    viamc_ms since;
    unsigned n;
    bot_open();
    bot_warm();
    m = move(10);
    step();
    script_now.loop.now += 300; /* no poll meanwhile: its window begins with the next */
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK);
    bot_cut();
    since = script_now.loop.now;
    for (n = 0; n < 6; n++) {
        script_now.loop.now += 1;
        step();
    }
    CHECK(done(m) != NULL);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    s = stop_motor(0);
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL);
    for (; script_now.loop.now - since < vmc_session_window(script_now.client); script_now.loop.now++) {
        step();
        CHECK(!bot_has(R_STOP, 0));
    }
    script_now.loop.now++; /* the first poll was a millisecond after the dial */
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(s) != NULL && done(s)->status == VIAMC_OK);
    script_close();
}

/* A line that stands still for longer than the window: the robot gets move, reset and Stop in one piece. */
TEST(stop_after_a_stall)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call m, s;
    unsigned n;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    opts.replace = true;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(10), &opts, &m), VIAMC_OK);
    for (n = 0; n < 420; n++) {
        (void)viamc_poll(script_now.client, script_now.loop.now);
        script_take_events();
        script_now.loop.now += 10;
    }
    REQUIRE(done(m) != NULL); /* after the window of 2 s; the line has been silent for as long again */
    s = stop_motor(0);
    (void)viamc_poll(script_now.client, script_now.loop.now);
    step();
    CHECK(bot_has(R_MOVE, 10) && bot_has(R_STOP, 0));
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL);
    script_close();
}

/* The window of a move that was given up begins with the robot's answer to something later, not with a proxy's. */
TEST(answer_of_a_proxy_begins_no_window)
{
    static const char *const answers[] = {SCRIPT_R1, "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730130"}; /* without a grpc-status; 0 */
    viamc_call m;
    uint32_t id;
    unsigned n;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    m = move(10);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK); /* it never left: no doubt */
    step();
    CHECK(!script_now.client->motion.unsure);
    m = move(12);
    step();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, m), VIAMC_OK);
    step();
    CHECK(script_now.client->motion.unsettled[0].after != 0);
    for (n = 0; n < 2; n++) {
        CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/test.Echo/Echo", viamc_view("", 0), NULL, NULL), VIAMC_OK);
        script_poll();
        bot_listen();
        REQUIRE(bot_has(R_OTHER, 0));
        id = bot.pending[bot_index(R_OTHER, 0)].id;
        bot_drop(&bot.pending[bot_index(R_OTHER, 0)]);
        script_send_block(id, answers[n], true);
        step();
        CHECK_EQ_INT(script_now.client->motion.unsettled[0].after == 0, n == 1);
    }
    script_close();
}

/* The last copy is refused, or above the last stream of a GOAWAY: the first one ran all the same. */
TEST(last_copy_that_is_not_run)
{
    uint8_t octets[8] = {0, 0, 0, VMC_H2_REFUSED_STREAM};
    unsigned how;
    for (how = 0; how < 2; how++) {
        viamc_call s;
        uint32_t id;
        bot_open();
        bot_warm();
        (void)move(10);
        step();
        s = stop_motor(0);
        step();
        bot_run_named(R_STOP, 0);
        bot_run_named(R_MOVE, 10);
        REQUIRE(bot_has(R_STOP, 0));
        id = bot.pending[bot_index(R_STOP, 0)].id;
        if (how == 0) {
            script_send_frame(3, 0, id, octets, 4);
        } else {
            memset(octets, 0, sizeof octets);
            vmc_put_be32(octets, id - 2);
            script_send_frame(7, 0, 0, octets, 8);
        }
        step();
        step();
        REQUIRE(done(s) != NULL);
        CHECK_EQ_INT(done(s)->ran, VIAMC_MAYBE);
        script_close();
    }
}

/* ---- few octets, few streams ---- */

static viamc_call watch_echo(void)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    opts.stream = VIAMC_M_SERVER_STREAM;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/test.Echo/Watch", viamc_view("x", 1), &opts, &call), VIAMC_OK);
    return call;
}

/* Every copy makes way for itself, and takes one call for it, however long the reset cannot be written. */
TEST(every_copy_makes_way)
{
    viamc_call s, w[4];
    unsigned n, given_up = 0;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
    step();
    (void)move(10);
    step();
    s = stop_motor(0);
    step();
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL);
    w[0] = watch_echo();
    script_poll();
    bot_listen();
    bot.pending[bot_index(R_OTHER, 0)].kind = R_STREAM;
    for (n = 0; n < 300 && done(s) == NULL; n++) {
        script_now.loop.now += 10;
        step();
        if (bot_has(R_STOP, 0))
            bot_run_named(R_STOP, 0);
    }
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_OK);
    CHECK(done(w[0]) != NULL);
    script_close();
    bot_open();
    script_now.client->desc.disable_sessions = true;
    for (n = 0; n < 4; n++)
        w[n] = watch_echo();
    script_poll();
    script_send("000006040000000000 0003 00000004");
    script_poll();
    script_now.loop.link[0].pipe[VMC_LOOP_TO_SERVER].line.capacity = 1; /* the line is jammed */
    script_send("0000080600000000000102030405060708");
    (void)viamc_poll(script_now.client, script_now.loop.now);
    (void)stop_motor(0);
    for (n = 0; n < 5; n++)
        (void)viamc_poll(script_now.client, ++script_now.loop.now);
    script_take_events();
    for (n = 0; n < 4; n++)
        given_up += done(w[n]) != NULL;
    CHECK_EQ_INT(given_up, 1);
    script_close();
}

/* Three calls have streams when the robot permits one: the Stop leaves at once, however many have to give way. */
TEST(several_make_way_without_a_pause)
{
    viamc_wait_hint hint;
    unsigned n;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    for (n = 0; n < 3; n++)
        (void)watch_echo();
    script_poll();
    script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
    script_poll();
    (void)stop_motor(0);
    for (n = 0; n < 20; n++) {
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        if (hint.ms != 0)
            break;
        script_poll();
    }
    CHECK(n < 20);
    bot_listen();
    CHECK(bot_has(R_STOP, 0));
    script_close();
}

/* Of three calls that have streams the move that the Stop is for gives way, neither the first nor the move of another motor. */
TEST(the_move_gives_way_first)
{
    viamc_call w, m, other;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    w = watch_echo();
    m = move(10);
    other = move(11);
    script_poll();
    bot_listen();
    bot.pending[bot_index(R_OTHER, 0)].kind = R_STREAM; /* one that nobody answers */
    script_send("000006040000000000 0003 00000003"); /* MAX_CONCURRENT_STREAMS */
    step();
    (void)stop_motor(0);
    step();
    step();
    CHECK(bot_has(R_STOP, 0));
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->status, VIAMC_CANCELLED);
    CHECK(done(w) == NULL && done(other) == NULL);
    script_close();
}

/* The window of a Stop ends where the clock wraps, or beside it: each wait leads somewhere. */
TEST(stop_while_the_clock_wraps)
{
    unsigned k, n, idle;
    for (k = 0; k < 4; k++) {
        viamc_call m;
        bot_open();
        script_now.client->desc.disable_sessions = true;
        for (n = 0; n < 4; n++) {
            script_now.loop.now += 0x3fffff00u;
            step();
        }
        script_now.loop.now = 0u - VMC_MOTION_WINDOW - 1u + k;
        m = move(10);
        step();
        (void)stop_motor(0);
        step();
        bot_run_named(R_STOP, 0);
        for (n = idle = 0; n < 100 && idle < 10 && done(m) == NULL; n++) {
            viamc_wait_hint hint;
            viamc_wait(script_now.client, script_now.loop.now, &hint);
            idle = hint.ms == 0 ? idle + 1u : 0;
            script_now.loop.now += hint.ms;
            step();
        }
        REQUIRE(done(m) != NULL);
        CHECK_EQ_STR(script_text(done(m)), "still running one window after a Stop of this resource");
        CHECK(script_now.loop.now + 4u < 8u);
        script_close();
    }
}

static viamc_err named(const viamc_method *method, const char *name, size_t more, bool replace, viamc_call *call)
{
    static const uint8_t octets[200] = {0};
    uint8_t message[300];
    viamc_opts opts = VIAMC_ZERO;
    vmc_wr w = vmc_wr_of(message, sizeof message);
    opts.replace = replace;
    vmc_wire_put_text(&w, 1, viamc_text(name));
    if (more != 0)
        vmc_wire_put_bytes(&w, 9, viamc_view(octets, more));
    return viamc_call_method(script_now.client, method, viamc_view(w.ptr, w.len), &opts, call);
}

#define TX 256u
#define USERS (TX - VMC_STOP_RESERVE - VMC_CALL_PREFIX) /* octets of the largest message of the user's */

/* A small tx whose octets do not leave: no room in the peer's windows. */
static void full_open(void)
{
    memset(&bot, 0, sizeof bot);
    script_new();
    script_now.desc.tx_bytes = TX;
    script_now.desc.max_calls = 40;
    script_now.desc.slot_bytes = 64;
    script_ready();
    script_now.client->desc.disable_sessions = true;
    script_send("000006040000000000 0004 00000000"); /* INITIAL_WINDOW_SIZE */
    script_poll();
}

static viamc_err echo_of(size_t len)
{
    static const uint8_t octets[TX] = {0};
    return viamc_call_bytes(script_now.client, "/test.Echo/Echo", viamc_view(octets, len), NULL, NULL);
}

/* tx full of the user's octets, then of a Stop's: a StopAll still has its five. */
TEST(tx_keeps_room_for_stops)
{
    viamc_call all;
    full_open();
    CHECK_EQ_INT(echo_of(USERS + 1), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(echo_of(USERS), VIAMC_OK);
    CHECK_EQ_INT(echo_of(0), VIAMC_ERR_BUSY);
    CHECK_EQ_INT(named(&stop, "m1", VMC_STOP_BYTES - VMC_CALL_PREFIX - 6u, false, NULL), VIAMC_OK); /* 4 octets of name, 2 of another field */
    CHECK_EQ_INT(named(&stop, "m0", 0, false, NULL), VIAMC_ERR_BUSY);
    CHECK_EQ_INT(viamc_robot_stop_all(script_now.client, NULL, &all), VIAMC_OK);
    CHECK_EQ_INT(script_now.client->calls.users[all & 0xffu].call.tx_len, VMC_CALL_PREFIX);
    script_close();
}

/* A message of a stream that would not fit is refused whole, also an empty one. */
TEST(tx_has_no_half_prefixes)
{
    static const viamc_method up = {"/test.Echo/Up", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
    static const uint8_t octets[TX] = {0};
    viamc_call m;
    full_open();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &up, viamc_view("", 0), NULL, &m), VIAMC_OK);
    CHECK_EQ_INT(echo_of(USERS), VIAMC_OK);
    CHECK_EQ_INT(named(&stop, "m1", VMC_STOP_BYTES - VMC_CALL_PREFIX - 6u, false, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, viamc_view("", 0)), VIAMC_ERR_BUSY);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, viamc_view(octets, TX / 2 - VMC_CALL_PREFIX + 1u)), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(script_now.client->calls.users[m & 0xffu].call.tx_len, 0);
    script_close();
}

/* A streamed move that never fits is refused by its length: viamc_call_send_message has no octets behind such a view. */
TEST(too_large_for_tx_is_not_read)
{
    static const viamc_method up = {"/test.Arm/Up", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_CLIENT_STREAM, NULL};
    const uint8_t begin[1] = {0x0a};
    viamc_call m;
    full_open();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &up, viamc_view("", 0), NULL, &m), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, m, viamc_view(begin, TX)), VIAMC_ERR_NOMEM);
    script_close();
}

/* A StopAll for which there is no room is refused, and the Stop whose record it would have taken goes on. */
TEST(stop_all_without_room_takes_nothing_over)
{
    static const uint8_t extra[VMC_STOP_BYTES - VMC_CALL_PREFIX] = {0x0a, VMC_STOP_BYTES - VMC_CALL_PREFIX - 2};
    viamc_call s;
    memset(&bot, 0, sizeof bot);
    script_new();
    script_now.desc.max_calls = 2;
    script_now.desc.tx_bytes = 256;
    script_ready();
    CHECK_EQ_INT(viamc_robot_get_version(script_now.client, NULL, NULL), VIAMC_OK);
    CHECK_EQ_INT(named(&stop, "m1", VMC_STOP_BYTES - VMC_CALL_PREFIX - 6u, false, NULL), VIAMC_OK);
    s = stop_motor(0);
    CHECK(viamc_call_bytes(script_now.client, "/viam.robot.v1.RobotService/StopAll", viamc_view(extra, sizeof extra), NULL, NULL) != VIAMC_OK);
    step();
    step();
    CHECK(done(s) == NULL);
    CHECK(bot_has(R_STOP, 0));
    script_close();
}

/* A setpoint that is replaced by a longer one keeps to its share too. */
TEST(tx_of_a_setpoint_that_grows)
{
    viamc_call first, pending;
    full_open();
    CHECK_EQ_INT(named(&set_power, "m0", 0, true, &first), VIAMC_OK);
    CHECK_EQ_INT(named(&set_power, "m0", 50, true, &pending), VIAMC_OK);
    CHECK_EQ_INT(named(&stop, "m1", VMC_STOP_BYTES - VMC_CALL_PREFIX - 6u, false, NULL), VIAMC_OK);
    CHECK_EQ_INT(named(&set_power, "m0", 50, true, &pending), VIAMC_OK);
    CHECK_EQ_INT(named(&set_power, "m0", 51, true, &pending), VIAMC_ERR_BUSY);
    CHECK_EQ_INT(named(&set_power, "m0", 190, true, &pending), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(named(&set_power, "m0", 20, true, &pending), VIAMC_OK);
    script_close();
}

/* A move of which the header block has left and the message has not: nothing of it follows a Stop. */
TEST(half_a_move_does_not_follow_a_stop)
{
    static const uint8_t octets[200] = {0};
    uint8_t message[256];
    viamc_call m, s;
    script_frame f;
    uint32_t id = 0;
    uint8_t credit[4] = {0, 0, 4, 0};
    vmc_wr w = vmc_wr_of(message, sizeof message);
    bot_open();
    bot_warm();
    vmc_wire_put_text(&w, 1, viamc_text("m0"));
    vmc_wire_put_bytes(&w, 9, viamc_view(octets, sizeof octets));
    script_send("000006040000000000 0004 00000064"); /* INITIAL_WINDOW_SIZE 100 */
    script_poll();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, viamc_view(message, w.len), NULL, &m), VIAMC_OK);
    script_poll();
    while (script_find(1, &f))
        id = f.id;
    s = stop_motor(0);
    script_poll();
    script_send_frame(8, 0, id, credit, sizeof credit);
    script_poll();
    while (script_next(&f))
        CHECK(f.type != 0 || f.id != id);
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->ran, VIAMC_NOT_RUN);
    CHECK(done(s) == NULL);
    script_close();
}

/* A robot that permits one stream: the move that has it gives way. */
TEST(stop_where_one_stream_is_permitted)
{
    viamc_call m, s;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
    step();
    m = move(10);
    step();
    s = stop_motor(0);
    step();
    step();
    CHECK(bot_has(R_STOP, 0));
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->status, VIAMC_CANCELLED);
    CHECK_EQ_INT(done(m)->ran, VIAMC_MAYBE);
    bot_run_named(R_STOP, 0);
    CHECK(done(s) == NULL); /* the move may still run */
    script_close();
}

/* No stream at all: the time limit of the Stop holds, and nothing turns in circles. */
TEST(stop_that_cannot_leave)
{
    viamc_call s;
    viamc_wait_hint hint;
    bot_open();
    script_now.client->desc.disable_sessions = true;
    script_send("000006040000000000 0003 00000000");
    step();
    s = stop_motor(0);
    step();
    viamc_wait(script_now.client, script_now.loop.now, &hint);
    CHECK(hint.ms > 4000);
    script_now.loop.now += 5001;
    step();
    REQUIRE(done(s) != NULL);
    CHECK_EQ_INT(done(s)->status, VIAMC_DEADLINE_EXCEEDED);
    CHECK_EQ_INT(done(s)->ran, VIAMC_NOT_RUN);
    script_close();
}

/* The token is renewed: a Stop and the heartbeats go with the old one, moves wait. */
TEST(stop_while_the_token_is_renewed)
{
    static const char unauthenticated[] = "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023136";
    viamc_call call;
    uint32_t id;
    script_frame f;
    memset(&bot, 0, sizeof bot);
    script_new();
    script_now.desc.tx_bytes = 2048;
    script_now.dial.disable_sessions = true;
    script_now.dial.api_key = "abc";
    script_now.dial.api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    script_open();
    script_run(1);
    script_send("000000040000000000");
    script_reply(1, "\x0a\x0atok.en.sig", 12);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    while (script_find(1, &f))
        ;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/test.Echo/Echo", viamc_view("", 0), NULL, &call), VIAMC_OK);
    script_run(1);
    id = script_request("/test.Echo/Echo");
    script_send_block(id, unauthenticated, true);
    script_run(1);
    CHECK(script_request("/Authenticate") != 0);
    (void)move(12);
    (void)stop_motor(1);
    script_run(1);
    CHECK(script_request("MotorService/Stop") != 0);
    CHECK(script_has_field("authorization: Bearer tok.en.sig\n"));
    CHECK(!script_find(1, &f));
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
    CHECK((bot.move[22] & MOVE_ARRIVED) == 0);
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
    CHECK_EQ_INT(done(pending)->ran == VIAMC_NOT_RUN || (bot.move[22] & MOVE_ARRIVED) != 0, 1);
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

/* The newest value goes, whether the one before it was copied or kept. */
TEST(setpoint_kept_and_replaced)
{
    static const uint8_t old_value[] = "\x0a\x02m0\x10\x16";
    viamc_opts opts = VIAMC_ZERO;
    viamc_call first, pending, newer;
    script_frame f;
    size_t octets = 0;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(setpoint(20, &first), VIAMC_OK);
    step();
    opts.replace = opts.keep = true;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, viamc_view(old_value, 6), &opts, &pending), VIAMC_OK);
    CHECK_EQ_INT(setpoint(24, &newer), VIAMC_OK);
    CHECK_EQ_INT(newer, pending);
    bot_run(bot_index(R_MOVE, 20));
    script_poll();
    script_poll();
    while (script_next(&f))
        octets += f.type == 0 ? f.len : 0;
    CHECK_EQ_INT(octets, 5 + 6);
    script_close();
}

/* The newest value is as old as its own call, not as the one that it replaces. */
TEST(setpoint_replaced_after_polls_that_were_late)
{
    viamc_call first, pending, newer;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(setpoint(20, &first), VIAMC_OK);
    step();
    CHECK_EQ_INT(setpoint(22, &pending), VIAMC_OK);
    step();
    script_now.loop.now += WINDOW;
    bot_run(bot_index(R_MOVE, 20));
    CHECK_EQ_INT(setpoint(24, &newer), VIAMC_OK);
    CHECK_EQ_INT(newer, pending);
    step();
    step();
    CHECK(bot_has(R_MOVE, 24));
    script_close();
}

/* Two names with the same hash: each keeps its handle. */
TEST(setpoints_of_names_that_collide)
{
    viamc_call first, a, b;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(named(&set_power, "3e83a140", 0, true, &first), VIAMC_OK);
    step();
    CHECK_EQ_INT(named(&set_power, "3e83a140", 0, true, &a), VIAMC_OK);
    CHECK_EQ_INT(named(&set_power, "ce9209af", 0, true, &b), VIAMC_OK);
    CHECK_EQ_INT(script_now.client->calls.users[a & 0xffu].resource, script_now.client->calls.users[b & 0xffu].resource);
    CHECK(a != b);
    script_close();
}

/* opts.timeout_ms shortens the window that a setpoint has. */
TEST(setpoint_with_a_time_limit)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    bot_open();
    bot_warm();
    opts.replace = true;
    opts.timeout_ms = 100;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(20), &opts, &call), VIAMC_OK);
    step();
    script_now.loop.now += 100;
    step();
    REQUIRE(done(call) != NULL);
    CHECK_EQ_INT(done(call)->status, VIAMC_DEADLINE_EXCEEDED);
    script_close();
}

/* The window of a setpoint begins with the poll that knows of it. */
TEST(setpoint_after_polls_that_were_late)
{
    viamc_call call;
    bot_open();
    bot_warm();
    script_now.client->desc.disable_sessions = true;
    script_now.loop.now += 3000;
    CHECK_EQ_INT(setpoint(20, &call), VIAMC_OK);
    step();
    CHECK(bot_has(R_MOVE, 20));
    CHECK(done(call) == NULL);
    script_close();
}

int main(int argc, char **argv)
{
    test_begin("motion", argc, argv);
    RUN(stop_under_all_orders_of_three_calls);
    RUN(stop_alone_is_one_stop);
    RUN(stop_in_its_own_record);
    RUN(stop_drops_what_has_not_left);
    RUN(moves_are_refused_while_stopping);
    RUN(stop_of_a_move_that_hangs);
    RUN(stop_after_a_cancelled_move);
    RUN(stop_behind_a_move_that_time_settles);
    RUN(unsettled_moves_that_find_no_place);
    RUN(move_cancelled_during_a_stop);
    RUN(stop_all_covers_every_resource);
    RUN(stop_all_takes_over_the_reserved_record);
    RUN(stop_after_polls_that_were_late);
    RUN(stop_that_waits_when_the_connection_goes);
    RUN(stop_that_waits_can_be_cancelled);
    RUN(stop_right_after_a_cancel);
    RUN(stop_that_waits_when_goaway_comes);
    RUN(stop_covers_a_stream_that_moves);
    RUN(stop_leaves_the_stream_of_another_resource_alone);
    RUN(stream_keeps_its_resource);
    RUN(stream_that_names_another_resource);
    RUN(stop_is_no_stream);
    RUN(stop_after_a_dial);
    RUN(stop_after_a_stall);
    RUN(answer_of_a_proxy_begins_no_window);
    RUN(last_copy_that_is_not_run);
    RUN(every_copy_makes_way);
    RUN(several_make_way_without_a_pause);
    RUN(the_move_gives_way_first);
    RUN(stop_while_the_clock_wraps);
    RUN(tx_keeps_room_for_stops);
    RUN(tx_has_no_half_prefixes);
    RUN(too_large_for_tx_is_not_read);
    RUN(stop_all_without_room_takes_nothing_over);
    RUN(tx_of_a_setpoint_that_grows);
    RUN(half_a_move_does_not_follow_a_stop);
    RUN(stop_where_one_stream_is_permitted);
    RUN(stop_that_cannot_leave);
    RUN(stop_while_the_token_is_renewed);
    RUN(setpoint_newest_value_only);
    RUN(setpoint_that_waits_too_long_is_dropped);
    RUN(setpoint_and_stop);
    RUN(setpoint_kept_and_replaced);
    RUN(setpoint_replaced_after_polls_that_were_late);
    RUN(setpoints_of_names_that_collide);
    RUN(setpoint_with_a_time_limit);
    RUN(setpoint_after_polls_that_were_late);
    return test_end();
}
