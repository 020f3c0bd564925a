/* SPDX-License-Identifier: MIT */
/* The motion rules (design.md 6) under everything at once: a program that asks for anything at any time, a robot that runs it in any order,
 * late or not at all, forgets sessions, resets, says GOAWAY, permits little, and a line that tears, crawls or stands still.
 *
 * A rule that does not hold is told with the seed of its run, and what is left of the run when all turns are taken out without which it still fails:
 * `test_motion_model --seed N --runs 1` does that again. make check plays 10,000 runs; a million (--runs 1000000) take ten minutes. */
#define VIAMC_NO_TLS
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
static void model_broken(const char *what, const char *file, int line);
#define VIAMC_ASSERT(cond) ((cond) ? (void)0 : model_broken(#cond, __FILE__, __LINE__)) /* a rule like the others: the run is told and shortened */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdarg.h>

#include "test.h"

#include "script.h"
#include "bot.h"

#define RUNS 2000u     /* unless --runs says otherwise */
#define TURNS 250u     /* of a run */
#define ASKED_MAX 64u  /* more than there are records, and DONEs not taken yet */
#define SEED_STEP 0x9e3779b97f4a7c15uLL /* seeds that follow each other give numbers that have nothing in common */

/* A rule by its name; bot.h has those that the robot sees. */
#define RULE(name, held) ((void)test_true(held, name, __FILE__, __LINE__))

/* What was asked for and has no DONE yet. */
typedef struct asked {
    viamc_call call;
    int kind;          /* R_* */
    uint32_t values[BOT_VALUES]; /* of a move, or of a stream's messages */
    unsigned count;
    uint32_t motor;    /* of a Stop, BOT_ALL: both; of a stream */
    uint32_t before;   /* Stop: moves with smaller numbers were asked for earlier */
    unsigned age;      /* Stop: sessions told of when it was asked for */
    viamc_ms at;       /* when, as the last poll was told */
    uint32_t session;  /* that lived then; 0: none */
    bool doubted;      /* Stop: a move of before it ended without the robot's word since */
} asked;

enum {
    N_CONFIRMED, N_UNCONFIRMED, N_FAILED, N_NOT_RUN, N_MAYBE, N_ANSWERED, N_REPLACED, N_REFUSED, N_SESSION_LOST, N_RESUMED, N_RECONNECTED, N_COUNTERS
};

static const char *const counter_names[N_COUNTERS] = {
    "Stops confirmed", "unconfirmed", "failed", "moves not run", "maybe", "answered", "setpoints replaced", "calls refused", "sessions lost", "resumed",
    "connections"
};

static struct {
    asked asked[ASKED_MAX];
    size_t count;
    uint32_t next;       /* number of the next move */
    bool jam;            /* the robot gets nothing */
    unsigned line;       /* bits: how bad it is */
    bool narrow;         /* the robot permits no stream */
    unsigned sessions;   /* that ended or began, as far as both sides know */
    bool doubt;          /* a Stop asked for since was not confirmed */
    bool may_resume;     /* there was none when the connection began */
    viamc_ms ready_at;   /* when that was */
    uint32_t held;       /* the client's last session whose end it has not told */
    viamc_ms before;     /* the poll before the last one */
    bool unsure[2];      /* a move of the motor ended without the robot's word ... */
    viamc_ms since[2];   /* at this time, or later */
    bool doubted;        /* a move ended without the robot's word since */
    unsigned starts, resumes; /* of bot, as seen last */
} model;

static unsigned long counters[N_COUNTERS];

static void model_broken(const char *what, const char *file, int line)
{
    (void)test_true(false, what, file, line);
}

static void say(const char *format, ...)
{
    va_list args;
    if (!test_now.verbose)
        return;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
}

static uint8_t *fate(uint32_t value)
{
    return &bot.move[value];
}

/* ---- what is known of each call ---- */

static asked *find_asked(viamc_call call)
{
    size_t i;
    for (i = 0; i < model.count; i++)
        if (model.asked[i].call == call)
            return &model.asked[i];
    return NULL;
}

/* Number of the session that the client holds; 0: none. */
static uint32_t live_session(void)
{
    const vmc_session *s = &script_now.client->session;
    return s->state == VMC_SESSION_ON ? bot_session_number((const char *)s->wire + VMC_CALL_PREFIX + 2) : 0;
}

static asked *note(viamc_call call, int kind)
{
    asked *a = &model.asked[model.count];
    CHECK(model.count + 1u < ASKED_MAX);
    model.count += model.count + 1u < ASKED_MAX;
    memset(a, 0, sizeof *a);
    a->call = call;
    a->kind = kind;
    a->age = model.sessions;
    a->at = script_now.client->now;
    a->session = live_session();
    return a;
}

/* From now on the move must neither come nor run. */
static void bar(uint32_t value)
{
    RULE("what did not run has not run", (*fate(value) & MOVE_RAN) == 0);
    RULE("what did not run has not come, unless the robot refused it", (*fate(value) & (MOVE_ARRIVED | MOVE_REFUSED)) != MOVE_ARRIVED);
    *fate(value) |= MOVE_BARRED;
}

/* ---- rules: Stop ---- */

static bool covers(uint32_t motor, uint32_t value)
{
    return motor == BOT_ALL || value % 2u == motor;
}

/* True if a move that came before the Stop may still run. */
static bool is_before(const request *r, const asked *stop_)
{
    unsigned k;
    if (r->kind == R_MOVE)
        return r->body && covers(stop_->motor, r->value) && r->value < stop_->before;
    for (k = r->runs; r->kind == R_STREAM && k < r->count; k++)
        if (covers(stop_->motor, r->values[k]) && r->values[k] < stop_->before)
            return true;
    return false;
}

static void check_confirmed(const asked *stop_)
{
    uint32_t v;
    size_t i;
    for (i = 0; i < bot.count; i++)
        RULE("no move of before a confirmed Stop is still to run", !bot_admits(&bot.pending[i]) || !is_before(&bot.pending[i], stop_));
    for (i = 0; i < 2; i++)
        RULE("motors stand still after a confirmed Stop", !covers(stop_->motor, (uint32_t)i) || !bot.on[i]);
    for (v = 0; v < stop_->before; v++)
        if (covers(stop_->motor, v) && (*fate(v) & MOVE_ARRIVED) == 0)
            *fate(v) |= MOVE_BARRED; /* no move of before a confirmed Stop leaves after it */
}

static void check_stop(const asked *stop_, const viamc_event *ev)
{
    bool confirmed = ev->status == VIAMC_OK && !ev->unconfirmed;
    bool covered = strcmp(script_text(ev), "a StopAll took its place") == 0;
    counters[confirmed ? N_CONFIRMED : ev->status == VIAMC_OK ? N_UNCONFIRMED : N_FAILED]++;
    if (confirmed)
        check_confirmed(stop_);
    else if (!covered && stop_->age == model.sessions)
        model.doubt = true;
    RULE("time alone confirms no Stop", !confirmed || !stop_->doubted);
    if (ev->status == VIAMC_OK && ev->unconfirmed)
        RULE("a Stop is unconfirmed for a reason", model.doubted || stop_->at - model.ready_at <= VMC_MOTION_WINDOW + 100u);
}

/* ---- rules: moves, sessions, the rest ---- */

/* A move ended without the robot's word: the Stops that are under way, or asked for within a window, know no better than the clock. */
static void doubt_move(uint32_t value)
{
    size_t i;
    model.unsure[value % 2u] = true;
    model.since[value % 2u] = model.before;
    for (i = 0; i < model.count; i++)
        if (model.asked[i].kind == R_STOP && value < model.asked[i].before && covers(model.asked[i].motor, value))
            model.asked[i].doubted = true;
}

static void check_move(const asked *m, const viamc_event *ev)
{
    unsigned k;
    model.doubted = model.doubted || ev->ran == VIAMC_MAYBE;
    counters[ev->ran == VIAMC_NOT_RUN ? N_NOT_RUN : ev->ran == VIAMC_MAYBE ? N_MAYBE : N_ANSWERED]++;
    for (k = 0; k < m->count; k++) {
        if (ev->ran == VIAMC_NOT_RUN)
            bar(m->values[k]);
        if (ev->ran == VIAMC_MAYBE)
            doubt_move(m->values[k]);
        if (ev->ran == VIAMC_ANSWERED && m->kind == R_MOVE)
            RULE("what was answered has come", (*fate(m->values[k]) & MOVE_ARRIVED) != 0);
    }
}

/* What was in doubt ends with its session. */
static void next_session(void)
{
    model.sessions++;
    model.doubt = false;
}

static void check_done(const viamc_event *ev)
{
    asked *a = find_asked(ev->call);
    RULE("each call has one DONE", a != NULL);
    if (a == NULL)
        return;
    if (a->kind == R_STOP)
        check_stop(a, ev);
    else if (a->kind != R_OTHER)
        check_move(a, ev);
    *a = model.asked[--model.count];
}

static void check_events(void)
{
    size_t i;
    for (i = 0; i < script_now.events; i++) {
        const viamc_event *ev = &script_now.event[i];
        say("    event %u of %x: status %u ran %u unconfirmed %d %s\n", ev->kind, (unsigned)ev->call, ev->status, ev->ran, ev->unconfirmed, script_text(ev));
        if (ev->kind == VIAMC_EV_DONE) {
            check_done(ev);
        } else if (ev->kind == VIAMC_EV_READY) {
            counters[N_RECONNECTED]++;
            model.may_resume = !model.doubt;
            model.ready_at = script_now.loop.now;
            model.doubted = model.narrow = false;
        } else if (ev->kind == VIAMC_EV_SESSION_LOST) {
            counters[N_SESSION_LOST]++;
            model.held = 0;
            next_session();
        }
    }
    script_forget();
}

static void check_starts(void)
{
    if (bot.resumes != model.resumes) {
        counters[N_RESUMED]++;
        RULE("no session is resumed with a Stop of it in doubt", model.may_resume);
    } else if (bot.starts != model.starts) {
        next_session();
    }
    model.starts = bot.starts;
    model.resumes = bot.resumes;
}

static void check_session(void)
{
    uint32_t live = live_session();
    RULE("the end of a session is told", live == 0 || model.held == 0 || live == model.held);
    if (live != 0)
        model.held = live;
}

/* ---- a turn ---- */

static void apply_line(void)
{
    vmc_loop_link *l = script_now.loop.link, *last = l + VMC_LOOP_LINKS;
    for (; l != last; l++) {
        l->pipe[VMC_LOOP_TO_SERVER].line.split = (model.line & 1u) != 0;
        l->pipe[VMC_LOOP_TO_SERVER].line.capacity = (model.line & 2u) != 0 ? 40u + model.line * 37u % 200u : 0;
        l->pipe[VMC_LOOP_TO_CLIENT].line.read_max = (model.line & 4u) != 0 ? 7 : 0;
    }
}

/* The client ends a connection: as far as anybody can know, the robot hears of it at once. What was under way comes now or never: a robot that
 * sleeps for days and runs then what it finds is beyond every rule. */
static void hear_of_close(void)
{
    if (!script_now.accepted || bot.cut)
        return;
    script_listen();
    bot_listen();
    bot_lose();
    bot.cut = true;
}

static void model_step(void)
{
    apply_line();
    model.before = script_now.client->now;
    (void)viamc_poll(script_now.client, script_now.loop.now);
    script_take_events();
    if (script_now.client->conn.state == VMC_CONN_CLOSED)
        hear_of_close();
    if (!model.jam) {
        script_listen();
        bot_listen();
        bot_keep_alive();
    }
    bot_expire();
    check_events();
    check_starts();
    check_session();
}

/* True if one of the user's calls that is a Stop (or is none) waits for a stream (or has one). */
static bool has_call(bool stops, uint16_t flag)
{
    uint8_t i;
    for (i = 0; i <= script_now.client->max_calls; i++) {
        const vmc_call *call = vmc_calls_at(&script_now.client->calls, i);
        if (call->state == VMC_CALL_OPEN && (vmc_motion_kind(call) == VMC_MOTION_STOP) == stops && (call->flags & flag) != 0)
            return true;
    }
    return false;
}

/* With a line that took everything. */
static void check_way(const viamc_wait_hint *hint)
{
    if ((hint->want & VIAMC_WANT_WRITE) != 0 || model.narrow || !bot_is_up() || viamc_state(script_now.client) != VIAMC_READY)
        return;
    RULE("no Stop waits for a stream that another call has", !has_call(true, VMC_CALL_F_HEAD) || !has_call(false, VMC_CALL_F_SENT));
}

static void check_wait(void)
{
    viamc_wait_hint hint;
    unsigned polls = 0;
    for (viamc_wait(script_now.client, script_now.loop.now, &hint); hint.ms == 0 && polls < 40; polls++) {
        model_step();
        viamc_wait(script_now.client, script_now.loop.now, &hint);
    }
    RULE("polls with nothing new come to rest", hint.ms != 0);
    check_way(&hint);
}

/* ---- what the program does ---- */

/* Every answer but these would be a fault of ours. */
static bool accepted(viamc_err err)
{
    RULE("what is asked for is done, or refused for now", err == VIAMC_OK || err == VIAMC_ERR_BUSY || err == VIAMC_ERR_STATE
                                                          || err == VIAMC_ERR_NOT_FOUND);
    counters[N_REFUSED] += err != VIAMC_OK;
    return err == VIAMC_OK;
}

/* The number of a new move of a motor. */
static uint32_t next_move(uint32_t motor)
{
    model.next += model.next % 2u != motor;
    return model.next++;
}

static void maybe_limit(viamc_opts *opts, uint32_t most)
{
    if (test_rand_below(6) == 0)
        opts->timeout_ms = 1u + test_rand_below(most);
}

static void ask_move_with(bool replace)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    uint32_t value = next_move(test_rand_below(2));
    asked *a;
    opts.replace = replace;
    maybe_limit(&opts, 600);
    if (!accepted(viamc_call_method(script_now.client, &set_power, move_message(value), &opts, &call)))
        return;
    say("    move %u is %x\n", (unsigned)value, (unsigned)call);
    a = find_asked(call);
    if (a != NULL) {
        counters[N_REPLACED]++;
        bar(a->values[0]); /* a value that was replaced never leaves */
    } else {
        a = note(call, R_MOVE);
    }
    a->values[0] = value;
    a->count = 1;
    bot.under[value] = live_session();
}

static void ask_move(void) { ask_move_with(false); }
static void ask_setpoint(void) { ask_move_with(true); }

/* A move of the motor (or of either) that ended without the robot's word may still run. */
static bool is_unsure(uint32_t motor)
{
    uint32_t i;
    bool unsure = false;
    for (i = 0; i < 2u; i++)
        unsure = unsure || (covers(motor, i) && model.unsure[i] && script_now.client->now - model.since[i] < WINDOW);
    return unsure;
}

static void ask_stop_of(uint32_t motor)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    viamc_err err;
    asked *a;
    maybe_limit(&opts, 1000);
    err = motor == BOT_ALL ? viamc_robot_stop_all(script_now.client, &opts, &call)
                           : viamc_call_method(script_now.client, &stop, stop_message(motor), &opts, &call);
    if (!accepted(err)) {
        model.doubt = true;
        return;
    }
    say("    Stop of %u is %x\n", (unsigned)motor, (unsigned)call);
    a = note(call, R_STOP);
    a->motor = motor;
    a->before = model.next;
    a->doubted = is_unsure(motor);
}

static void ask_stop(void) { ask_stop_of(test_rand_below(2)); }
static void ask_stop_all(void) { ask_stop_of(BOT_ALL); }

static void ask_other(void)
{
    viamc_call call = 0;
    if (accepted(viamc_robot_get_version(script_now.client, NULL, &call)))
        (void)note(call, R_OTHER);
}

static void open_stream(void)
{
    viamc_call call = 0;
    if (!accepted(viamc_call_method(script_now.client, &stream_power, viamc_view("", 0), NULL, &call)))
        return;
    say("    stream is %x\n", (unsigned)call);
    note(call, R_STREAM)->motor = test_rand_below(2);
}

static void send_on_stream(asked *a)
{
    uint32_t value;
    if (a->count == BOT_VALUES || test_rand_below(8) == 0) {
        (void)accepted(viamc_call_send_end(script_now.client, a->call));
        return;
    }
    value = next_move(a->motor);
    if (!accepted(viamc_call_send_bytes(script_now.client, a->call, move_message(value))))
        return;
    a->values[a->count++] = value;
    bot.under[value] = a->session;
}

static void send_on_streams(void)
{
    size_t i;
    for (i = 0; i < model.count; i++)
        if (model.asked[i].kind == R_STREAM && test_rand_below(2) != 0)
            send_on_stream(&model.asked[i]);
}

/* Every stream that there is gets taken. */
static void crowd(void)
{
    unsigned n;
    for (n = 0; n < 4; n++)
        ask_move();
}

static void cancel_one(void)
{
    if (model.count != 0)
        (void)accepted(viamc_call_cancel(script_now.client, model.asked[test_rand_below((uint32_t)model.count)].call));
}

static void cancel_all(void)
{
    size_t i;
    for (i = 0; i < model.count; i++)
        (void)accepted(viamc_call_cancel(script_now.client, model.asked[i].call));
}

static void dial_again(void)
{
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK);
    hear_of_close();
    model.held = 0;
    next_session();
}

/* ---- what time does ---- */

static void pass_time(void)
{
    script_now.loop.now += test_rand_below(60);
}

static void poll_late(void)
{
    script_now.loop.now += test_rand_below(7000);
}

static void sleep_for_days(void)
{
    if (test_rand_below(8) == 0)
        script_now.loop.now += 0x10000000u;
}

/* ---- what the robot does ---- */

static request *some_request(void)
{
    return bot.count == 0 ? NULL : &bot.pending[test_rand_below((uint32_t)bot.count)];
}

static void run_request(void)
{
    request *r = some_request();
    if (r != NULL && (r->whole || r->runs < r->count || (r->kind == R_STREAM && !bot_admits(r))))
        bot_run((size_t)(r - bot.pending));
}

static void forget_session(void)
{
    if (!bot.absent)
        bot_forget();
}

/* The robot says that nothing of a request runs. */
static void refuse(request *r)
{
    unsigned k;
    if (r->kind == R_MOVE && r->body)
        *fate(r->value) |= MOVE_REFUSED;
    for (k = 0; r->kind == R_STREAM && k < r->count; k++)
        *fate(r->values[k]) |= MOVE_REFUSED;
    bot_drop(r);
}

/* Only REFUSED_STREAM says that nothing runs. */
static void reset_request(void)
{
    static const uint8_t codes[] = {VMC_H2_REFUSED_STREAM, VMC_H2_REFUSED_STREAM, VMC_H2_NO_ERROR, VMC_H2_INTERNAL_ERROR, VMC_H2_CANCEL, VMC_H2_ENHANCE_YOUR_CALM};
    request *r = some_request();
    uint8_t code[4] = {0, 0, 0, 0};
    code[3] = codes[test_rand_below(TEST_COUNT(codes))];
    if (r == NULL || !bot_hears(r) || (code[3] == VMC_H2_REFUSED_STREAM && r->runs != 0))
        return;
    say("    reset of stream %u, code %u\n", (unsigned)r->id, code[3]);
    script_send_frame(3, 0, r->id, code, 4);
    if (code[3] == VMC_H2_REFUSED_STREAM)
        refuse(r);
    else
        bot_give_up(r);
}

/* A proxy answers for the robot, which goes on. */
static void answer_by_proxy(void)
{
    request *r = some_request();
    if (r == NULL || !bot_hears(r))
        return;
    if (test_rand_below(2) != 0) {
        script_send_block(r->id, "0803353032", true); /* :status 502 */
    } else {
        script_send_block(r->id, SCRIPT_R1, false);
        script_send_frame(0, 1, r->id, "", 0);
    }
    bot_give_up(r);
}

/* A stream of GOAWAY: what is above it has not run, and will not. */
static uint32_t goaway_last(void)
{
    uint32_t last = bot.count != 0 && test_rand_below(3) != 0 ? some_request()->id : 0x7fffffff;
    size_t i;
    for (i = 0; i < bot.count; i++)
        if (bot.pending[i].conn == bot.conn && bot.pending[i].runs != 0 && bot.pending[i].id > last)
            last = bot.pending[i].id;
    return last;
}

static void say_goaway(void)
{
    uint8_t payload[8] = {0};
    uint32_t last = goaway_last();
    size_t i = 0;
    if (!bot_is_up() || (bot.last != 0 && last > bot.last))
        return;
    bot.last = last;
    vmc_put_be32(payload, last);
    script_send_frame(7, 0, 0, payload, sizeof payload);
    while (i < bot.count)
        if (bot.pending[i].conn == bot.conn && bot.pending[i].id > last)
            refuse(&bot.pending[i]);
        else
            i++;
}

static void send_setting(uint8_t which, uint32_t value)
{
    uint8_t entry[6] = {0};
    entry[1] = which;
    vmc_put_be32(entry + 2, value);
    script_send_frame(4, 0, 0, entry, sizeof entry);
}

static void permit_streams(void)
{
    static const uint8_t few[] = {0, 1, 1, 1, 2, 3, 4, 100};
    uint32_t n = few[test_rand_below(TEST_COUNT(few))];
    if (!bot_is_up())
        return;
    send_setting(3, n); /* MAX_CONCURRENT_STREAMS */
    say("    %u streams\n", (unsigned)n);
    model.narrow = n == 0;
    }

static void permit_octets(void)
{
    static const uint16_t windows[] = {0, 3, 12, 60, 1000, 65535, 65535};
    uint32_t n = windows[test_rand_below(TEST_COUNT(windows))];
    if (!bot_is_up())
        return;
    send_setting(4, n); /* INITIAL_WINDOW_SIZE */
    }

/* ---- what the line does ---- */

static void cut_line(void)
{
    if (bot_is_up())
        bot_cut();
}

static void jam_line(void)
{
    model.jam = true;
}

/* Nothing gets through, what was asked for just now neither, and the program goes on polling. */
static void stall(void)
{
    uint32_t n = test_rand_below(12);
    model.jam = true;
    ask_setpoint();
    for (; n != 0; n--) {
        script_now.loop.now += test_rand_below(200);
        model_step();
    }
    model.jam = test_rand_below(2) != 0;
}

static void clear_line(void) { model.jam = false; }

static void bend_line(void)
{
    model.line = test_rand_below(8);
}

/* ---- all of it ---- */

typedef struct happening {
    const char *name;
    void (*happen)(void);
    uint32_t weight;
} happening;

static const happening happenings[] = {
    {"move", ask_move, 18}, {"setpoint", ask_setpoint, 13}, {"Stop", ask_stop, 9}, {"StopAll", ask_stop_all, 4}, {"other call", ask_other, 4}, {"crowd", crowd, 5},
    {"stream", open_stream, 4}, {"messages", send_on_streams, 16}, {"cancel", cancel_one, 7}, {"cancel everything", cancel_all, 1}, {"dial", dial_again, 2},
    {"time", pass_time, 30}, {"late poll", poll_late, 2}, {"days", sleep_for_days, 1},
    {"run", run_request, 92}, {"forget session", forget_session, 4}, {"reset", reset_request, 6}, {"proxy", answer_by_proxy, 2}, {"GOAWAY", say_goaway, 1},
    {"streams permitted", permit_streams, 5}, {"octets permitted", permit_octets, 2},
    {"cut", cut_line, 2}, {"jam", jam_line, 4}, {"stall", stall, 3}, {"no jam", clear_line, 9}, {"line", bend_line, 3}
};

static unsigned long happened[TEST_COUNT(happenings)];

/* For a test of what follows: these two happenings, in this order, break a rule. */
static struct {
    void (*happen[3])(void);
    unsigned seen;
} planted;

static void model_turn(uint64_t seed)
{
    uint32_t sum = 0, dice;
    size_t i;
    test_rand_seed(seed);
    for (i = 0; i < TEST_COUNT(happenings); i++)
        sum += happenings[i].weight;
    dice = test_rand_below(sum);
    for (i = 0; dice >= happenings[i].weight; i++)
        dice -= happenings[i].weight;
    say("  %s at %u\n", happenings[i].name, (unsigned)script_now.loop.now);
    happened[i]++;
    happenings[i].happen();
    planted.seen += planted.happen[planted.seen] == happenings[i].happen;
    RULE("planted", planted.seen != 2u);
    if (test_rand_below(5) == 0)
        return; /* no poll yet */
    model_step();
    if (test_rand_below(2) == 0)
        check_wait();
}

static void model_open(void)
{
    static const uint8_t calls[] = {1, 2, 4, 4};
    memset(&bot, 0, sizeof bot);
    memset(&model, 0, sizeof model);
    script_new();
    bot.absent = test_rand_below(4) == 0;
    bot.expires = test_rand_below(2) != 0;
    if (test_rand_below(3) == 0)
        script_now.loop.now = 0xffffff00u - test_rand_below(20000); /* the clock wraps on the way */
    script_now.desc.max_calls = calls[test_rand_below(4)];
    script_now.desc.tx_bytes = test_rand_below(2) != 0 ? 2048 : 256;
    script_now.desc.out_bytes = test_rand_below(2) != 0 ? 512 : 256;
    script_now.dial.backoff_ms = 10;
    script_now.dial.attempts = VIAMC_FOREVER;
    bot.conn = (unsigned)-1; /* the first connection is a new one too */
    say("max_calls %u, tx %u, out %u, sessions %d, they expire %d\n", script_now.desc.max_calls, (unsigned)script_now.desc.tx_bytes,
        (unsigned)script_now.desc.out_bytes, !bot.absent, bot.expires);
    script_open();
}

static void run_everything(void)
{
    size_t i, k;
    for (i = 0; i < model.count; i++)
        if (model.asked[i].kind == R_STREAM)
            (void)viamc_call_send_end(script_now.client, model.asked[i].call);
    for (i = 0; i < bot.count; i++)
        for (k = 0; k < BOT_VALUES && i < bot.count && bot.pending[i].whole; k++)
            bot_run(i);
}

/* Polls as the client asks to be, for so long. */
static void rest(viamc_ms ms)
{
    const viamc_ms until = script_now.loop.now + ms;
    while (!vmc_time_reached(script_now.loop.now, until)) {
        viamc_wait_hint hint;
        check_wait();
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        script_now.loop.now += vmc_min32(vmc_min32(hint.ms, 100), until - script_now.loop.now);
        model_step();
    }
}

/* A session lives on while its client is polled in time, whatever happened before; one that the robot has forgotten is found out. */
static void check_peace(void)
{
    unsigned long lost;
    rest(3u * WINDOW);
    lost = counters[N_SESSION_LOST];
    rest(3u * WINDOW);
    RULE("a session that is kept alive lives", counters[N_SESSION_LOST] == lost);
    RULE("both know the same session", live_session() == 0 || (bot.alive && live_session() == bot.session));
}

/* A robot that does all it is asked for: every call comes to its end. */
static void model_finish(void)
{
    unsigned n;
    model.jam = false;
    model.line = 0;
    if (bot_is_up()) {
        send_setting(3, 100);
        send_setting(4, 65535);
    }
    for (n = 0; n < 3000 && model.count != 0; n++) {
        viamc_wait_hint hint;
        run_everything();
        model_step();
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        script_now.loop.now += vmc_min32(hint.ms, 1000);
    }
    RULE("no call waits for ever", model.count == 0);
    check_peace();
}

/* A run: a number for how it begins, and one for each turn. Everything that happens follows from them, so some of the turns are a run too. */
typedef struct course {
    uint64_t open, turn[TURNS];
    unsigned turns;
} course;

static course course_of(uint64_t seed)
{
    course c;
    unsigned i;
    test_rand_seed(seed * SEED_STEP);
    c.open = (uint64_t)test_rand() << 32 | test_rand();
    c.turns = TURNS;
    for (i = 0; i < TURNS; i++)
        c.turn[i] = (uint64_t)test_rand() << 32 | test_rand();
    return c;
}

/* False: a rule did not hold, and the course ends with the turn where that was. */
static bool model_run(course *c)
{
    unsigned bad = test_now.bad, turn;
    test_rand_seed(c->open);
    planted.seen = 0;
    model_open();
    for (turn = 0; turn < c->turns && test_now.bad == bad; turn++)
        model_turn(c->turn[turn]);
    c->turns = turn;
    if (test_now.bad == bad)
        model_finish();
    script_close();
    return test_now.bad == bad;
}

/* Takes out n turns from the given one on, if the rest fails too. */
static bool leave_out(course *c, unsigned from, unsigned n)
{
    course rest = *c;
    memmove(rest.turn + from, rest.turn + from + n, (c->turns - from - n) * sizeof rest.turn[0]);
    rest.turns -= n;
    if (model_run(&rest))
        return false;
    *c = rest;
    return true;
}

/* Takes out of a course that fails what it fails without: halves, quarters ... single turns, and these until none can go. */
static void model_shrink(course *c)
{
    bool verbose = test_now.verbose, less = false;
    unsigned part, at;
    test_now.bad = TEST_SHOWN_MAX + 1u; /* nothing is printed */
    test_now.verbose = false;
    for (part = c->turns / 2u; part != 0; part = part == 1u && less ? 1u : part / 2u) {
        less = false;
        for (at = 0; at + part <= c->turns;)
            if (leave_out(c, at, part))
                less = true;
            else
                at += part;
    }
    test_now.bad = 0;
    test_now.verbose = verbose;
}

static void tell_failure(course *c)
{
    unsigned all = c->turns;
    model_shrink(c);
    printf("  again: test_motion_model --seed %llu --runs 1; of its %u turns %u are enough:\n", (unsigned long long)test_now.seed, all, c->turns);
    test_now.verbose = true;
    (void)model_run(c);
}

static void print_summary(unsigned runs)
{
    size_t i;
    printf("%u runs:", runs);
    for (i = 0; i < TEST_COUNT(happenings); i++)
        printf(" %s %lu%s", happenings[i].name, happened[i], i + 1 < TEST_COUNT(happenings) ? "," : "\nends:");
    for (i = 0; i < N_COUNTERS; i++)
        printf(" %s %lu%s", counter_names[i], counters[i], i + 1 < N_COUNTERS ? "," : "\n");
}

TEST(model)
{
    unsigned runs = test_now.runs != 0 ? test_now.runs : RUNS, run;
    size_t i;
    for (run = 0; run < runs && test_now.bad == 0; run++, test_now.seed++) {
        course c = course_of(test_now.seed);
        if (!model_run(&c))
            tell_failure(&c);
    }
    print_summary(run);
    for (i = 0; i < N_COUNTERS && runs >= RUNS && run == runs; i++)
        CHECK(counters[i] != 0); /* no end that is possible is missing */
}

/* A fault that takes a cut and a StopAll behind it is told with no other turn. */
TEST(a_run_that_fails_is_shortened)
{
    course c;
    bool held;
    planted.happen[0] = cut_line;
    planted.happen[1] = ask_stop_all;
    test_now.bad = TEST_SHOWN_MAX + 1u;
    do {
        c = course_of(test_now.seed++);
        held = model_run(&c);
    } while (held);
    model_shrink(&c);
    CHECK_EQ_INT(c.turns, 2);
    memset(&planted, 0, sizeof planted);
}

int main(int argc, char **argv)
{
    test_begin("motion_model", argc, argv);
    RUN(model);
    RUN(a_run_that_fails_is_shortened);
    return test_end();
}
