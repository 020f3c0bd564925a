/* SPDX-License-Identifier: MIT */
/* The safety session (design.md 6, viam-wire.md 4): resumed or not, lost, refused; heartbeats that are late and why. */
#define VIAMC_NO_TLS
#define VIAMC_OLD_SESSIONS 1
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"
#include "bot.h"

#define SESSION_2S "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x02\x08\x02"
#define SESSION_1MS "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x04\x10\xc0\x84\x3d"
#define INVALID_ARGUMENT "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730133"
#define UNIMPLEMENTED "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132"

/* ---- over a loss ---- */

TEST(session_is_resumed_when_every_stop_was_confirmed)
{
    unsigned i;
    bot_open();
    bot_warm();
    cut_and_redial();
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    CHECK_EQ_INT(bot.resumes, 1);
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    bot_forget();
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
    CHECK_EQ_INT(bot.resumes, 0);
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1); /* what the first motor does ends with the old session */
    cut_and_redial();
    CHECK_EQ_INT(bot.resumes, 1); /* the new one has no such Stop */
    script_close();
    bot_open();
    bot_warm();
    bot_cut();
    step();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &stop, stop_message(0), NULL, NULL), VIAMC_ERR_STATE); /* asked for while disconnected */
    redial();
    CHECK_EQ_INT(bot.resumes, 0);
    script_close();
}

/* A Stop of before the first session says nothing of it: it may stay unanswered. */
TEST(session_is_resumed_after_a_stop_of_before_it)
{
    viamc_call s;
    bot_open();
    s = stop_motor(1);
    step();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, s), VIAMC_OK);
    step();
    CHECK(done(s) != NULL);
    bot_warm();
    cut_and_redial();
    CHECK_EQ_INT(bot.resumes, 1);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    script_close();
}

/* The connection goes again before the old session was confirmed: a new one, and the program is told. */
TEST(session_whose_resumption_is_interrupted)
{
    unsigned n;
    bot_open();
    bot_warm();
    bot_cut();
    for (n = 0; n < 8 && script_now.client->session.state != VMC_SESSION_STARTING; n++) {
        script_now.loop.now += 10;
        script_poll();
        if (script_now.conn != bot.conn)
            bot_listen();
    }
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_STARTING);
    cut_and_redial();
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    for (n = 0; n < 100; n++) {
        script_now.loop.now += 10;
        step();
    }
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    script_close();
}

/* A Stop of an old session that is confirmed late does not stand for one of the new session. */
TEST(stop_of_the_session_before_confirms_nothing)
{
    viamc_call before, now;
    unsigned n;
    bot_open();
    bot_warm();
    before = stop_motor(0); /* its answer comes late */
    step();
    vmc_session_lost(script_now.client, "as a heartbeat says");
    for (n = 0; n < 3; n++)
        step();
    now = stop_motor(1);
    step();
    bot_run_named(R_STOP, 0);
    CHECK(done(before) != NULL && done(now) == NULL);
    cut_and_redial();
    CHECK_EQ_INT(bot.resumes, 0);
    script_close();
}

/* A Stop that found no place: what it was to stop goes on only until the old session expires. */
TEST(stop_that_was_refused_prevents_resumption)
{
    viamc_call s;
    bot_open();
    bot_warm();
    CHECK_EQ_INT(viamc_robot_stop_all(script_now.client, NULL, &s), VIAMC_OK);
    script_now.client->max_calls = 0; /* as if all of them were taken; the StopAll has a record already */
    CHECK_EQ_INT(viamc_call_method(script_now.client, &stop, stop_message(1), NULL, NULL), VIAMC_ERR_BUSY);
    script_now.client->max_calls = 4;
    step();
    bot_run_named(R_STOP, 2);
    CHECK(done(s) != NULL);
    cut_and_redial();
    CHECK_EQ_INT(bot.resumes, 0);
    script_close();
}

/* GOAWAY leaves no stream for heartbeats: calls may end for a fifth of the window, then the session goes on over another connection. */
TEST(session_behind_a_goaway)
{
    bot_open();
    bot_warm();
    (void)move(10);
    step();
    CHECK(bot_has(R_MOVE, 10));
    script_send("000008070000000000 7fffffff 00000000");
    script_poll();
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_now.loop.now += WINDOW / 5u - 1u;
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
    script_now.loop.now += 1;
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    bot_lose();
    redial();
    CHECK_EQ_INT(bot.resumes, 1);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    script_close();
}

/* A Stop that comes while calls may end cannot be sent: the next connection is made at once, and the session left to expire. */
TEST(stop_ends_a_drain)
{
    bot_open();
    bot_warm();
    (void)move(10);
    step();
    script_send("000008070000000000 7fffffff 00000000");
    script_poll();
    CHECK_EQ_INT(viamc_call_method(script_now.client, &stop, stop_message(0), NULL, NULL), VIAMC_ERR_STATE);
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    bot_lose();
    redial();
    CHECK_EQ_INT(bot.resumes, 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    script_close();
}

/* Without another attempt the session ends too, and that is told. */
TEST(session_of_a_client_that_gives_up)
{
    memset(&bot, 0, sizeof bot);
    script_new();
    script_now.desc.tx_bytes = 2048;
    script_now.dial.max_reconnect_attempts = VIAMC_OFF;
    script_ready();
    bot_warm();
    bot_cut();
    step();
    step();
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    script_close();
}

/* Lost before the first heartbeat was answered, back after 26 days: the wait for the next StartSession is long over. */
TEST(session_after_a_month)
{
    unsigned n;
    bot_open();
    (void)move(BOT_WARM);
    for (n = 0; n < 4 && script_now.client->session.state != VMC_SESSION_ON; n++) {
        script_poll();
        bot_listen();
        while (bot_has(R_START, 0))
            bot_run(bot_index(R_START, 0));
    }
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
    bot_cut();
    for (n = 0; n < 26 * 24; n++) {
        script_poll();
        script_now.loop.now += 3600000u;
    }
    script_now.loop.end[0].open_err = VIAMC_OK;
    redial();
    (void)move(10);
    step();
    step();
    CHECK(bot_has(R_MOVE, 10));
    script_close();
}

/* Another viamc_dial may be another robot's: neither the session nor what was to be told of it goes on there. */
TEST(session_ends_with_another_dial)
{
    unsigned n;
    bot_open();
    bot_warm();
    (void)stop_motor(0);
    step();
    script_now.loop.now += 400;
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK); /* STARVED waits to be taken */
    CHECK(script_now.client->events != 0);
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK);
    CHECK_EQ_INT(script_now.client->events, 0);
    bot_lose();
    script_forget();
    redial();
    CHECK_EQ_INT(bot.starts, 1);
    CHECK_EQ_INT(bot.resumes, 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_STARVED) + script_count(VIAMC_EV_SESSION_LOST), 0);
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_NONE);
    (void)move(11);
    for (n = 0; n < 4; n++)
        step();
    CHECK_EQ_INT(bot.starts, 2);
    cut_and_redial();
    CHECK_EQ_INT(bot.resumes, 1); /* the Stop of before was of another session */
    script_close();
}

/* What viamc_client_stats says of heartbeats. */
TEST(stats_of_a_session)
{
    viamc_stats stats;
    bot_open();
    viamc_client_stats(script_now.client, script_now.loop.now, &stats);
    CHECK_EQ_INT(stats.connects, 1);
    CHECK_EQ_INT(stats.window_ms, 0);
    CHECK_EQ_INT(stats.heartbeat_age_ms, VIAMC_FOREVER);
    bot_warm();
    viamc_client_stats(script_now.client, script_now.loop.now + 33, &stats);
    CHECK_EQ_INT(stats.window_ms, WINDOW);
    CHECK_EQ_INT(stats.heartbeat_age_ms, 33);
    bot_forget();
    cut_and_redial();
    viamc_client_stats(script_now.client, script_now.loop.now, &stats);
    CHECK_EQ_INT(stats.connects, 2);
    bot_cut();
    step();
    viamc_client_stats(script_now.client, script_now.loop.now, &stats);
    CHECK_EQ_INT(stats.window_ms, 0);
    script_close();
}

/* ---- lost on a connection that stands ---- */

/* Nobody answers heartbeats, or they have no stream, since the one that the robot permits is taken: the program is told. */
TEST(heartbeats_that_nobody_answers)
{
    unsigned hogged, n;
    for (hogged = 0; hogged < 2; hogged++) {
        bot_open();
        bot_warm();
        if (hogged != 0)
            script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
        step();
        (void)move(10);
        for (n = 0; n < 3u * WINDOW / 10u; n++) {
            size_t i;
            script_now.loop.now += 10;
            script_poll();
            bot_listen();
            for (i = 0; i < bot.count; i++)
                if (bot.pending[i].kind == R_BEAT)
                    bot_drop(&bot.pending[i--]);
        }
        CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
        CHECK_EQ_STR(script_event(VIAMC_EV_SESSION_LOST, 0)->error.what, "no heartbeat was answered for two windows");
        script_close();
    }
}

/* Every heartbeat fails, whatever way: the robot keeps nothing alive, and the program is told. One that succeeds in between is enough. */
TEST(heartbeats_that_fail)
{
    static const char *const statuses[] = {"880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023133", /* INTERNAL */
                                           "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023134", NULL}; /* UNAVAILABLE; REFUSED_STREAM */
    unsigned row, n;
    for (row = 0; row < 2u * TEST_COUNT(statuses); row++) {
        const bool mixed = row % 2u != 0;
        unsigned beats = 0;
        bot_open();
        bot_warm();
        for (n = 0; n < 4u * WINDOW / 10u; n++) {
            script_frame f;
            script_now.loop.now += 10;
            script_poll();
            while (script_find(1, &f)) {
                if (!script_has_field("SendSessionHeartbeat\n"))
                    continue;
                if (mixed && ++beats % 4u == 0)
                    script_reply(f.id, "", 0);
                else if (statuses[row / 2u] != NULL)
                    script_send_block(f.id, statuses[row / 2u], true);
                else
                    script_send_frame(3, 0, f.id, "\0\0\0\x07", 4);
            }
        }
        REQUIRE(script_count(VIAMC_EV_SESSION_LOST) == (mixed ? 0u : 1u));
        if (!mixed)
            CHECK_EQ_STR(script_event(VIAMC_EV_SESSION_LOST, 0)->error.what, "no heartbeat was answered for two windows");
        script_close();
    }
}

/* The robot says that there is no such session, or no sessions any more: that is told at once. */
TEST(heartbeats_that_are_denied)
{
    static const char *const statuses[] = {INVALID_ARGUMENT, UNIMPLEMENTED};
    size_t i;
    for (i = 0; i < TEST_COUNT(statuses); i++) {
        uint32_t id;
        bot_open();
        bot_warm();
        script_now.loop.now += 100;
        script_poll();
        REQUIRE((id = script_request("SendSessionHeartbeat")) != 0);
        script_send_block(id, statuses[i], true);
        script_poll();
        REQUIRE(script_count(VIAMC_EV_SESSION_LOST) == 1);
        CHECK_EQ_STR(script_event(VIAMC_EV_SESSION_LOST, 0)->error.what, "the session expired");
        script_close();
    }
}

/* A move that is refused for its argument says nothing of the session. */
TEST(move_with_a_wrong_argument)
{
    viamc_call call;
    bot_open();
    bot_warm();
    call = move(10);
    step();
    script_send_block(bot.pending[bot_index(R_MOVE, 10)].id, INVALID_ARGUMENT "000c677270632d6d65737361676504666173 74", true);
    step();
    REQUIRE(done(call) != NULL);
    CHECK_EQ_INT(done(call)->status, VIAMC_INVALID_ARGUMENT);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    script_close();
}

/* Two heartbeats are out when the first says that the session is gone: the answer of the second is not the new session's. */
TEST(late_heartbeat_of_the_session_before)
{
    uint32_t ids[2];
    unsigned n;
    bot_open();
    bot_warm();
    for (n = 0; n < 2; n++) {
        script_now.loop.now += 100;
        script_poll();
        bot_listen();
    }
    REQUIRE(bot.count == 2 && bot.pending[0].kind == R_BEAT && bot.pending[1].kind == R_BEAT);
    ids[0] = bot.pending[0].id;
    ids[1] = bot.pending[1].id;
    bot.count = 0;
    script_send_block(ids[0], INVALID_ARGUMENT, true);
    step();
    step();
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    script_send_block(ids[1], INVALID_ARGUMENT, true);
    step();
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    script_close();
}

/* The same for a move that carried the old session. */
TEST(late_answer_to_a_move_of_the_session_before)
{
    static const char expired[] = "880f10106170706c69636174696f6e2f67727063" "000b677270632d7374617475730133"
                                  "000c677270632d6d6573736167650f53455353494f4e5f45585049524544";
    unsigned n;
    uint32_t id;
    bot_open();
    bot_warm();
    (void)move(10);
    step();
    id = bot.pending[bot_index(R_MOVE, 10)].id;
    vmc_session_lost(script_now.client, "as a heartbeat says");
    for (n = 0; n < 3; n++)
        step();
    CHECK_EQ_INT(script_now.client->session.state, VMC_SESSION_ON);
    script_send_block(id, expired, true);
    step();
    CHECK_EQ_STR(script_text(script_event(VIAMC_EV_DONE, 0)), "SESSION_EXPIRED");
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    script_close();
}

/* The robot has stopped everything: a move that had not left does not set it in motion again. */
TEST(unsent_move_does_not_outlive_the_session)
{
    viamc_call m;
    unsigned n;
    bot_open();
    bot_warm();
    script_send("000006040000000000 0003 00000003"); /* MAX_CONCURRENT_STREAMS: 1 for the user */
    step();
    (void)move(10);
    step();
    m = move(11); /* waits for a stream */
    step();
    vmc_session_lost(script_now.client, "as a heartbeat says");
    for (n = 0; n < 4; n++)
        step();
    bot_run_named(R_MOVE, 10);
    step();
    CHECK(!bot_has(R_MOVE, 11));
    REQUIRE(done(m) != NULL);
    CHECK_EQ_INT(done(m)->ran, VIAMC_NOT_RUN);
    script_close();
}

/* A robot that denies every session at its first heartbeat is asked once a second. */
TEST(sessions_that_are_denied_at_once)
{
    unsigned n, starts = 0;
    script_frame f;
    script_new();
    script_ready();
    (void)move(10);
    for (n = 0; n < 100; n++) {
        script_poll();
        while (script_find(1, &f)) {
            starts += script_has_field("StartSession\n");
            if (script_has_field("StartSession\n"))
                script_reply(f.id, SESSION_2S, sizeof SESSION_2S - 1);
            else if (script_has_field("Heartbeat\n"))
                script_send_block(f.id, INVALID_ARGUMENT, true);
        }
        script_forget();
        script_now.loop.now += 20;
    }
    CHECK_EQ_INT(starts, 2); /* in 2 s */
    script_close();
}

/* ---- refused ---- */

TEST(require_session_holds_for_every_move)
{
    viamc_call call;
    script_frame f;
    unsigned n;
    script_new();
    script_now.dial.require_session = true;
    script_ready();
    for (n = 0; n < 2; n++) {
        CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(10), NULL, &call), VIAMC_OK);
        script_run(1);
        if (n == 0)
            script_send_block(script_request("RobotService/StartSession"), UNIMPLEMENTED, true);
        script_run(1);
        CHECK(!script_find(1, &f));
        REQUIRE(done(call) != NULL);
        CHECK_EQ_INT(done(call)->status, VIAMC_FAILED_PRECONDITION);
        script_forget();
    }
    script_close();
}

/* StartSession that nobody answers: what waited for it never ran, and the next move asks again. */
TEST(session_that_does_not_start)
{
    viamc_call call;
    script_frame f;
    script_new();
    script_ready();
    call = move(10);
    script_run(1);
    CHECK(script_request("RobotService/StartSession") != 0);
    script_run(4990);
    CHECK(done(call) == NULL);
    script_run(20);
    REQUIRE(done(call) != NULL);
    CHECK_EQ_INT(done(call)->status, VIAMC_DEADLINE_EXCEEDED);
    CHECK_EQ_INT(done(call)->ran, VIAMC_NOT_RUN);
    CHECK(!script_find(1, &f));
    (void)move(11);
    script_run(1001);
    CHECK(script_request("RobotService/StartSession") != 0);
    script_close();
}

/* The one record serves both: a session waits for the sign of life that is under way. */
TEST(session_beside_a_sign_of_life)
{
    script_frame f;
    uint32_t id;
    script_new();
    script_now.dial.check_interval_ms = 1000;
    script_ready();
    script_run(1001);
    REQUIRE((id = script_request("RobotService/GetVersion")) != 0);
    (void)move(10);
    script_run(100);
    CHECK(!script_find(1, &f));
    script_reply(id, "", 0);
    script_run(1);
    REQUIRE((id = script_request("RobotService/StartSession")) != 0);
    script_reply(id, SESSION_2S, sizeof SESSION_2S - 1);
    script_poll();
    CHECK(script_request("SendSessionHeartbeat") != 0);
    CHECK(script_request("MotorService/SetPower") != 0);
    CHECK(script_has_field("viam-sid: 11111111-2222-4333-8444-000000000001\n"));
    script_close();
}

/* Only the robot's own UNIMPLEMENTED lets moves go bare: a web server's 404 and an answer without a message do not. */
TEST(sessions_are_absent_by_the_robots_word_alone)
{
    unsigned row;
    for (row = 0; row < 3; row++) {
        viamc_call call;
        script_frame f;
        uint32_t id;
        script_new();
        script_ready();
        call = move(10);
        script_run(1);
        REQUIRE((id = script_request("RobotService/StartSession")) != 0);
        if (row == 2)
            script_send_block(id, SCRIPT_R1, false);
        script_send_block(id, row == 0 ? UNIMPLEMENTED : row == 1 ? "0803343034" : SCRIPT_R2, true);
        script_run(1);
        CHECK_EQ_INT(script_find(1, &f), row == 0);
        CHECK_EQ_INT(script_count(VIAMC_EV_UNPROTECTED), row == 0);
        if (row != 0) {
            REQUIRE(done(call) != NULL);
            CHECK_EQ_INT(done(call)->status, VIAMC_UNIMPLEMENTED);
            CHECK_EQ_INT(done(call)->ran, VIAMC_NOT_RUN);
        }
        script_close();
    }
}

/* An id has the length of a UUID at most. */
TEST(session_ids)
{
    static const struct {
        uint8_t len;
        bool kept;
    } rows[] = {{0, false}, {1, true}, {36, true}, {37, false}, {66, false}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint8_t reply[80] = {0x0a};
        unsigned left = 0;
        script_frame f;
        viamc_call call;
        script_new();
        script_ready();
        call = move(10);
        script_run(1);
        reply[1] = rows[i].len;
        memset(reply + 2, 'a', rows[i].len);
        memcpy(reply + 2 + rows[i].len, "\x12\x02\x08\x02", 4);
        script_reply(script_request("RobotService/StartSession"), reply, 6u + rows[i].len);
        script_run(1);
        while (script_find(1, &f))
            left += script_has_field("MotorService/SetPower\n");
        CHECK_EQ_INT(left, rows[i].kept);
        if (!rows[i].kept) {
            REQUIRE(done(call) != NULL);
            CHECK_EQ_INT(done(call)->status, VIAMC_INTERNAL);
            CHECK_EQ_INT(done(call)->ran, VIAMC_NOT_RUN);
        }
        script_close();
    }
}

/* A window of one millisecond cannot be kept: the session is refused, and no time is spent on it. */
TEST(window_that_cannot_be_kept)
{
    viamc_wait_hint hint;
    viamc_call call;
    script_new();
    script_ready();
    call = move(10);
    script_run(1);
    script_reply(script_request("RobotService/StartSession"), SESSION_1MS, sizeof SESSION_1MS - 1);
    script_poll();
    script_poll();
    REQUIRE(done(call) != NULL);
    CHECK_EQ_INT(done(call)->status, VIAMC_INTERNAL);
    viamc_wait(script_now.client, script_now.loop.now, &hint);
    CHECK(hint.ms > 1000);
    script_close();
}

/* ---- windows, options ---- */

/* StartSessionResponse with a window of so many milliseconds. */
static size_t session_reply(uint8_t *buf, size_t cap, uint32_t ms)
{
    vmc_wr w = vmc_wr_of(buf, cap);
    size_t window;
    vmc_wire_put_text(&w, 1, viamc_text("11111111-2222-4333-8444-000000000001"));
    window = vmc_wire_open(&w, 2);
    if (ms >= 1000u)
        vmc_wire_put_uint(&w, 1, ms / 1000u);
    vmc_wire_put_uint(&w, 2, ms % 1000u * 1000000u);
    vmc_wire_close(&w, window);
    return w.len;
}

/* Polled as the client asks to be, for ms; the heartbeats that came, each answered at once. */
static unsigned beats_in(viamc_ms ms)
{
    viamc_ms until = script_now.loop.now + ms;
    unsigned beats = 0;
    while (script_now.loop.now != until) {
        viamc_wait_hint hint;
        script_frame f;
        script_poll();
        while (script_find(1, &f)) {
            beats += script_has_field("SendSessionHeartbeat\n");
            script_reply(f.id, "", 0);
        }
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        script_now.loop.now += hint.ms < 1u ? 1u : hint.ms < until - script_now.loop.now ? hint.ms : until - script_now.loop.now;
    }
    return beats;
}

/* From viam-server's shortest to its longest and somewhat beyond; each bound of ours at N and one more. */
TEST(windows)
{
    static const struct {
        uint32_t ms;
        bool kept;
    } rows[] = {{0, false}, {1, false}, {19, false}, {20, true}, {30, true}, {2000, true}, {60000, true}, {3600000, true}, {3600001, false}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint8_t reply[80];
        viamc_call call;
        unsigned beats;
        script_new();
        script_ready();
        call = move(10);
        script_run(1);
        script_reply(script_request("RobotService/StartSession"), reply, session_reply(reply, sizeof reply, rows[i].ms));
        script_poll();
        if (!rows[i].kept) {
            script_poll();
            REQUIRE(done(call) != NULL);
            CHECK_EQ_INT(done(call)->status, VIAMC_INTERNAL);
            CHECK_EQ_INT(done(call)->ran, VIAMC_NOT_RUN);
        } else {
            beats = beats_in(10u * rows[i].ms);
            CHECK(beats >= 49 && beats <= 52); /* one every fifth of it */
            CHECK_EQ_INT(script_count(VIAMC_EV_STARVED) + script_count(VIAMC_EV_SESSION_LOST), 0);
        }
        script_close();
    }
}

/* Moves go bare, and nobody is told: it was asked for. */
TEST(sessions_disabled)
{
    script_frame f;
    script_new();
    script_now.dial.disable_sessions = true;
    script_ready();
    (void)move(10);
    script_run(1);
    CHECK_EQ_INT(script_request("MotorService/SetPower"), 1);
    CHECK(!script_has_field("viam-sid"));
    script_reply(1, "", 0);
    script_run(5000);
    CHECK(!script_find(1, &f));
    CHECK_EQ_INT(script_count(VIAMC_EV_UNPROTECTED), 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
    script_close();
}

/* A robot without sessions is asked again on each connection, and the program told again: it may be another one. */
TEST(robot_without_sessions_is_asked_again)
{
    unsigned n;
    bot_open();
    bot.absent = true;
    for (n = 1; n < 4; n++) {
        (void)move(4 * n);
        step();
        step();
        CHECK(bot_has(R_MOVE, 4 * n));
        bot_run_named(R_MOVE, 4 * n);
        CHECK_EQ_INT(bot.starts, n);
        CHECK_EQ_INT(script_count(VIAMC_EV_UNPROTECTED), n);
        cut_and_redial();
    }
    script_close();
}

/* viam-wire.md 4.2, py-old: every call carries the session, but those that look after the connection; Stop waits for nothing. */
TEST(old_sessions)
{
    static const struct {
        const char *path;
        bool carries;
    } rows[] = {{"/viam.component.motor.v1.MotorService/GetPosition", true}, {"/my.company.v1.Service/Do", true}, {"/viam.robot.v1.RobotService/GetStatus", true},
                {"/viam.robot.v1.RobotService/ResourceNames", false}, {"/viam.robot.v1.RobotService/ResourceRPCSubtypes", false},
                {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", false}, {"/proto.rpc.webrtc.v1.SignalingService/Call", false},
                {"/proto.rpc.webrtc.v1.SignalingService/CallUpdate", false}, {"/proto.rpc.v1.AuthService/Authenticate", false},
                {"/viam.component.motor.v1.MotorService/Stop", false}};
    size_t i;
    unsigned old;
    for (old = 0; old < 2; old++)
        for (i = 0; i < TEST_COUNT(rows); i++) {
            const bool carries = old != 0 && rows[i].carries;
            viamc_opts opts = VIAMC_ZERO;
            opts.reads_only = true;
            script_new();
            script_now.dial.old_sessions = old != 0;
            script_ready();
            CHECK_EQ_INT(viamc_call_bytes(script_now.client, rows[i].path, viamc_view("\x0a\x01m", 3), &opts, NULL), VIAMC_OK);
            script_run(1);
            if (carries)
                script_reply(script_request("RobotService/StartSession"), SESSION_2S, sizeof SESSION_2S - 1);
            script_poll();
            if (carries)
                CHECK(script_request("SendSessionHeartbeat") != 0);
            CHECK(script_request(rows[i].path) != 0);
            CHECK_EQ_INT(script_has_field("viam-sid: 11111111-2222-4333-8444-000000000001\n"), carries);
            script_close();
        }
}

/* Any of them tells that the session is gone. */
TEST(old_session_that_expired)
{
    viamc_opts opts = VIAMC_ZERO;
    opts.reads_only = true;
    script_new();
    script_now.dial.old_sessions = true;
    script_ready();
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/viam.component.motor.v1.MotorService/GetPosition", viamc_view("\x0a\x01m", 3), &opts, NULL), VIAMC_OK);
    script_run(1);
    script_reply(script_request("RobotService/StartSession"), SESSION_2S, sizeof SESSION_2S - 1);
    script_poll();
    CHECK(script_request("SendSessionHeartbeat") != 0);
    script_send_block(script_request("GetPosition"), INVALID_ARGUMENT "000c677270632d6d6573736167650f53455353494f4e5f45585049524544", true);
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
    script_close();
}

/* ---- heartbeats and the user's octets ---- */

/* Octets of DATA that the client sent meanwhile, those of heartbeats apart; their streams, the newest two. */
static size_t octets_sent(uint32_t beats[2])
{
    script_frame f;
    size_t octets = 0;
    while (script_next(&f)) {
        if (f.type == 1)
            script_decode(f.payload, f.len, true);
        if (f.type == 1 && script_has_field("SendSessionHeartbeat\n")) {
            beats[0] = beats[1];
            beats[1] = f.id;
        }
        octets += f.type == 0 && f.id != beats[0] && f.id != beats[1] ? f.len : 0;
    }
    return octets;
}

static size_t octets_of_message(size_t n, uint32_t beats[2])
{
    static const uint8_t msg[1000] = {0};
    viamc_opts opts = VIAMC_ZERO;
    opts.keep = true;
    opts.timeout_ms = VIAMC_FOREVER;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view(msg, n), &opts, NULL), VIAMC_OK);
    script_poll();
    return octets_sent(beats);
}

/* A heartbeat has been out for more than a fifth of the window: the line is slow, and messages above 512 octets wait until it was answered. */
TEST(large_messages_wait_for_a_slow_heartbeat)
{
    uint32_t beats[2] = {0, 0};
    bot_open();
    bot_warm();
    script_now.loop.now += WINDOW / 5u;
    script_poll();
    (void)octets_sent(beats);
    REQUIRE(beats[1] != 0);
    script_now.loop.now += WINDOW / 5u;
    CHECK_EQ_INT(octets_of_message(1000, beats), 1005);
    script_now.loop.now += 1;
    CHECK_EQ_INT(octets_of_message(508, beats), 0);
    CHECK_EQ_INT(octets_of_message(507, beats), 512);
    script_reply(beats[0], "", 0);
    script_reply(beats[1], "", 0);
    script_poll();
    CHECK_EQ_INT(octets_sent(beats), 513);
    script_close();
}

/* ---- late heartbeats ---- */

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

/* Polled every 10 ms, answered after 400 of 500: the heartbeats are late, and the polls are not to blame. */
TEST(slow_answers_are_not_starvation)
{
    viamc_ms sent[64];
    uint32_t ids[64];
    size_t n = 0, answered = 0, i;
    unsigned turn;
    bot_open();
    bot_warm();
    for (turn = 0; turn < 200; turn++) {
        script_now.loop.now += 10;
        script_poll();
        bot_listen();
        for (i = 0; i < bot.count && n < TEST_COUNT(ids); i++) {
            ids[n] = bot.pending[i].id;
            sent[n++] = script_now.loop.now;
        }
        bot.count = 0;
        while (answered < n && script_now.loop.now - sent[answered] >= 400)
            script_reply(ids[answered++], "", 0);
    }
    CHECK(answered > 5);
    CHECK_EQ_INT(script_count(VIAMC_EV_STARVED), 0);
    script_close();
}

/* The same polled only when viamc_wait asks for it, or when something comes: with two in flight it asks for nothing. */
TEST(sleeping_for_answers_is_not_starvation)
{
    viamc_ms sent[64], next;
    uint32_t ids[64];
    size_t n = 0, answered = 0, i;
    bot_open();
    bot_warm();
    while (answered < 10) {
        viamc_wait_hint hint;
        script_poll();
        bot_listen();
        for (i = 0; i < bot.count && n < TEST_COUNT(ids); i++) {
            ids[n] = bot.pending[i].id;
            sent[n++] = script_now.loop.now;
        }
        bot.count = 0;
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        next = answered < n ? sent[answered] + 450u - script_now.loop.now : VIAMC_FOREVER;
        script_now.loop.now += hint.ms < next ? hint.ms : next;
        if (answered < n && script_now.loop.now == sent[answered] + 450u)
            script_reply(ids[answered++], "", 0);
    }
    CHECK_EQ_INT(script_count(VIAMC_EV_STARVED), 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    script_close();
}

/* The longest time without a heartbeat, over ten windows, where each is answered so many ms later. */
static viamc_ms longest_gap(viamc_ms round_trip)
{
    viamc_ms sent[64], longest = 0, until;
    uint32_t ids[64];
    size_t n = 0, answered = 0, i;
    bot_open();
    bot_warm();
    for (until = script_now.loop.now + 10u * WINDOW; script_now.loop.now != until; script_now.loop.now++) {
        script_poll();
        bot_listen();
        for (i = 0; i < bot.count && n < TEST_COUNT(ids); i++) {
            ids[n] = bot.pending[i].id;
            sent[n++] = script_now.loop.now;
        }
        bot.count = 0;
        while (answered < n && script_now.loop.now - sent[answered] >= round_trip)
            script_reply(ids[answered++], "", 0);
    }
    for (i = 1; i < n; i++)
        longest = sent[i] - sent[i - 1u] > longest ? sent[i] - sent[i - 1u] : longest;
    CHECK(n > 7);
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 0);
    script_close();
    return longest;
}

/* A session that stands lives while the latency there and back is below 6/5 of its window; up to 2/5 nothing is late. */
TEST(heartbeats_over_a_long_line)
{
    CHECK(longest_gap(WINDOW / 5u) <= WINDOW / 5u + 1u);
    CHECK(longest_gap(WINDOW * 2u / 5u - 2u) <= WINDOW / 5u + 1u);
    CHECK(longest_gap(WINDOW) < WINDOW);
    CHECK(longest_gap(WINDOW * 6u / 5u - 10u) < WINDOW);
    CHECK(longest_gap(WINDOW * 6u / 5u + 10u) > WINDOW);
}

int main(int argc, char **argv)
{
    test_begin("session", argc, argv);
    RUN(session_is_resumed_when_every_stop_was_confirmed);
    RUN(session_is_not_resumed_after_a_stop_without_answer);
    RUN(session_is_resumed_after_a_stop_of_before_it);
    RUN(session_whose_resumption_is_interrupted);
    RUN(stop_of_the_session_before_confirms_nothing);
    RUN(stop_that_was_refused_prevents_resumption);
    RUN(session_behind_a_goaway);
    RUN(stop_ends_a_drain);
    RUN(session_of_a_client_that_gives_up);
    RUN(session_after_a_month);
    RUN(session_ends_with_another_dial);
    RUN(stats_of_a_session);
    RUN(heartbeats_that_nobody_answers);
    RUN(heartbeats_that_fail);
    RUN(heartbeats_that_are_denied);
    RUN(move_with_a_wrong_argument);
    RUN(late_heartbeat_of_the_session_before);
    RUN(late_answer_to_a_move_of_the_session_before);
    RUN(unsent_move_does_not_outlive_the_session);
    RUN(sessions_that_are_denied_at_once);
    RUN(require_session_holds_for_every_move);
    RUN(session_that_does_not_start);
    RUN(session_beside_a_sign_of_life);
    RUN(sessions_are_absent_by_the_robots_word_alone);
    RUN(session_ids);
    RUN(window_that_cannot_be_kept);
    RUN(windows);
    RUN(sessions_disabled);
    RUN(robot_without_sessions_is_asked_again);
    RUN(old_sessions);
    RUN(old_session_that_expired);
    RUN_LARGE(large_messages_wait_for_a_slow_heartbeat);
    RUN(starved_polls_are_told);
    RUN(slow_answers_are_not_starvation);
    RUN(sleeping_for_answers_is_not_starvation);
    RUN(heartbeats_over_a_long_line);
    return test_end();
}
