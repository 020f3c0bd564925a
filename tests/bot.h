/* SPDX-License-Identifier: MIT */
/* A robot with two motors and sessions that gets a client's requests over script.h and runs them in any order, late, or not at all.
 * Include after viamc.h (with its implementation), test.h and script.h. */
#ifndef VIAMC_TESTS_BOT_H
#define VIAMC_TESTS_BOT_H

#define WINDOW 500u

static const viamc_method set_power = {"/viam.component.motor.v1.MotorService/SetPower", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_SETPOINT, NULL};
static const viamc_method stream_power = {"/viam.component.motor.v1.MotorService/Stream", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP, NULL};

/* ---- the robot ---- */

enum { R_MOVE, R_STOP, R_START, R_BEAT, R_OTHER, R_STREAM };
enum { BOT_MOVES = TEST_ROOM(4096), BOT_WARM = BOT_MOVES - 96, BOT_VALUES = 32, BOT_ALL = 2 };

/* bot.move[]: what is known of each move by its number. */
enum {
    MOVE_ARRIVED = 1,
    MOVE_RAN = 2,
    MOVE_REFUSED = 4, /* the robot said that it never runs */
    MOVE_BARRED = 8   /* the client said that it never runs */
};

typedef struct request {
    uint32_t id;
    unsigned conn;
    int kind;
    uint32_t session; /* that its header names; 0: none */
    uint32_t named;   /* R_START, R_BEAT: session in its message; 0: none */
    uint32_t value;   /* of a move: which one; of a Stop: the motor, or BOT_ALL */
    uint32_t values[BOT_VALUES]; /* R_STREAM: its messages */
    unsigned count, runs;        /* of them: come, run */
    bool body;        /* its message came */
    bool whole;       /* and its end */
    uint8_t octets[512]; /* of messages not looked at yet */
    size_t len;
    bool given_up;    /* over for client or robot: may still run until ... */
    viamc_ms until;
} request;

typedef struct robot {
    request pending[TEST_ROOM(128)];
    size_t count;
    bool on[2];              /* the motors m0, m1 */
    uint8_t move[BOT_MOVES];
    uint32_t under[BOT_MOVES]; /* session that lived when the move was asked for: it comes under that one, or not at all; 0: any */
    uint32_t ran_last;
    unsigned conn;
    uint32_t session;        /* the last one's number */
    bool alive;              /* that session */
    bool absent;             /* it has no sessions */
    bool expires;            /* they end a window after the last heartbeat */
    viamc_ms beat;           /* when that came */
    uint32_t last;           /* of GOAWAY: streams above it are not looked at; 0: none */
    unsigned starts, resumes; /* StartSession: all, those that ask for an old one */
    bool cut;                /* the connection is gone, the next one has not come */
} robot;

static robot bot;

/* Moves are named by a number in the duration field; the resource is m0 or m1. */
static inline viamc_bytes move_message(uint32_t value)
{
    static uint8_t msg[16];
    vmc_wr w = vmc_wr_of(msg, sizeof msg);
    vmc_wire_put_text(&w, 1, viamc_text(value % 2u == 0 ? "m0" : "m1"));
    vmc_wire_put_uint(&w, 2, value);
    return viamc_view(msg, w.len);
}

static inline viamc_bytes stop_message(uint32_t motor)
{
    return motor == 0 ? viamc_view("\x0a\x02m0", 4) : viamc_view("\x0a\x02m1", 4);
}

static inline bool bot_is_move(const request *r)
{
    return r->kind == R_MOVE || r->kind == R_STREAM;
}

static inline request *bot_find(uint32_t id)
{
    size_t i;
    for (i = 0; i < bot.count; i++)
        if (bot.pending[i].id == id && bot.pending[i].conn == bot.conn)
            return &bot.pending[i];
    return NULL;
}

static inline void bot_drop(request *r)
{
    *r = bot.pending[--bot.count];
}

/* It may run on for nearly a window. */
static inline void bot_give_up(request *r)
{
    if (r->given_up)
        return;
    r->given_up = true;
    r->until = script_now.loop.now + WINDOW - 20;
}

/* ---- what comes in ---- */

/* Its connection stands on both sides. */
static inline bool bot_is_up(void)
{
    const vmc_loop_link *l = script_now.loop.link, *last = l + VMC_LOOP_LINKS;
    while (l != last && !(l->used && l->accepted && l->conn[0] == script_now.conn))
        l++;
    return l != last && !bot.cut && bot.conn == script_now.conn && !l->closed[0] && !l->closed[1] && l->pipe[1].broken == VIAMC_OK && l->pipe[1].end == VIAMC_OK;
}

static inline uint32_t bot_session_number(const char *id)
{
    return (uint32_t)strtoul(id + 24, NULL, 10); /* the last twelve digits */
}

static inline void bot_begin(uint32_t id)
{
    request *r = &bot.pending[bot.count++];
    const char *session = strstr(script_now.fields, "viam-sid: ");
    memset(r, 0, sizeof *r);
    r->id = id;
    r->conn = bot.conn;
    r->kind = script_has_field("MotorService/SetPower\n") ? R_MOVE : script_has_field("/Stop\n") || script_has_field("/StopAll\n") ? R_STOP
              : script_has_field("StartSession\n") ? R_START : script_has_field("Heartbeat\n") ? R_BEAT
              : script_has_field("MotorService/Stream\n") ? R_STREAM : R_OTHER;
    if (script_has_field("/StopAll\n"))
        r->value = BOT_ALL;
    if (session != NULL)
        r->session = bot_session_number(session + 10);
    if (bot_is_move(r))
        CHECK(r->session != 0 || bot.absent || script_now.client->desc.disable_sessions); /* no move without its session */
    CHECK(bot.count < TEST_COUNT(bot.pending));
}

static inline void bot_take_move(request *r, uint32_t value)
{
    uint8_t *m = &bot.move[value % BOT_MOVES];
    CHECK((*m & MOVE_ARRIVED) == 0); /* nothing of the user's is ever sent twice */
    CHECK((*m & MOVE_BARRED) == 0);  /* what never runs does not come */
    CHECK(bot.under[value % BOT_MOVES] == 0 || bot.under[value % BOT_MOVES] == r->session); /* no move outlives its session */
    *m |= MOVE_ARRIVED;
    r->value = value;
    if (r->kind == R_STREAM && r->count < BOT_VALUES)
        r->values[r->count++] = value;
}

static inline void bot_message(request *r, viamc_bytes msg)
{
    vmc_rd rd = vmc_rd_of(msg);
    vmc_wire_field field;
    CHECK(r->kind == R_STREAM || r->kind == R_OTHER || !r->body); /* a unary call has one message */
    r->body = true;
    bot.starts += r->kind == R_START;
    bot.resumes += r->kind == R_START && msg.len != 0;
    while (vmc_wire_next(&rd, &field)) {
        if (r->kind == R_STOP && r->value != BOT_ALL && field.number == 1)
            r->value = field.bytes.ptr[1] == '1';
        if (bot_is_move(r) && field.number == 2)
            bot_take_move(r, (uint32_t)field.value);
        if ((r->kind == R_START || r->kind == R_BEAT) && field.number == 1)
            r->named = bot_session_number((const char *)field.bytes.ptr);
    }
}

static inline void bot_body(request *r, const script_frame *f)
{
    size_t at = 0, n = vmc_min(f->len, sizeof r->octets - r->len);
    vmc_copy(r->octets + r->len, f->payload, n);
    r->len += n;
    while (r->len - at >= 5 && r->len - at - 5 >= vmc_be32(r->octets + at + 1)) {
        size_t len = vmc_be32(r->octets + at + 1);
        CHECK_EQ_INT(r->octets[at], 0);
        bot_message(r, viamc_view(r->octets + at + 5, len));
        at += 5 + len;
    }
    vmc_move(r->octets, r->octets + at, r->len - at);
    r->len -= at;
    if ((f->flags & 1) == 0)
        return;
    r->whole = true;
    CHECK_EQ_INT(r->len, 0); /* a request does not end inside a message */
    CHECK(r->body || r->kind == R_STREAM || r->kind == R_OTHER);
}

/* The connection is over: what is pending may still run for a while. */
static inline void bot_lose(void)
{
    size_t i;
    for (i = 0; i < bot.count; i++)
        bot_give_up(&bot.pending[i]);
}

/* The robot ends it. */
static inline void bot_cut(void)
{
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
    bot.cut = true;
    bot_lose();
}

static inline void bot_greet(void)
{
    bot_lose();
    bot.conn = script_now.conn;
    bot.cut = false;
    bot.last = 0;
    if (bot_is_up())
        script_send("000000040000000000");
}

/* Takes in what the client sent. */
static inline void bot_listen(void)
{
    script_frame f;
    if (script_now.conn != bot.conn)
        bot_greet();
    while (script_next(&f)) {
        request *r;
        if (bot.cut)
            continue;
        if (f.type == 1 || f.type == 9) {
            script_decode(f.payload, f.len, f.type == 1);
            if ((f.flags & 4) != 0 && (bot.last == 0 || f.id <= bot.last))
                bot_begin(f.id);
        }
        r = bot_find(f.id);
        if (f.type == 0 && r != NULL)
            bot_body(r, &f);
        if (f.type == 3 && r != NULL)
            bot_give_up(r);
    }
}

/* ---- what it does ---- */

/* It has forgotten the session, and stopped what that moved. */
static inline void bot_forget(void)
{
    bot.alive = false;
    bot.on[0] = bot.on[1] = false;
}

static inline bool bot_hears(const request *r)
{
    return bot_is_up() && !r->given_up && r->conn == script_now.conn;
}

/* True if a move of this request may run: it has no session, or the one that lives. */
static inline bool bot_admits(const request *r)
{
    return r->session == 0 || (bot.alive && r->session == bot.session);
}

static inline void bot_answer_start(const request *r)
{
    char reply[64];
    if (bot.absent) {
        script_send_block(r->id, SCRIPT_R1 "000b677270632d737461747573023132", true); /* UNIMPLEMENTED */
        return;
    }
    if (!(bot.alive && r->named == bot.session)) {
        bot_forget(); /* one session at a time */
        bot.session++;
        bot.alive = true;
    }
    snprintf(reply, sizeof reply, "\x0a\x24" "11111111-2222-4333-8444-%012u", (unsigned)bot.session);
    memcpy(reply + 38, "\x12\x06\x10\x80\xca\xb5\xee\x01", 8); /* 500,000,000 ns */
    script_reply(r->id, reply, 46);
}

/* INVALID_ARGUMENT, SESSION_EXPIRED */
static inline void bot_answer_expired(const request *r)
{
    script_send_block(r->id, SCRIPT_R1 "000b677270632d7374617475730133" "000c677270632d6d6573736167650f53455353494f4e5f45585049524544", true);
}

static inline void bot_answer(const request *r)
{
    bool expired = r->kind == R_BEAT ? !(bot.alive && r->named == bot.session) : bot_is_move(r) && !bot_admits(r);
    if ((r->kind == R_START || r->kind == R_BEAT) && !expired)
        bot.beat = script_now.loop.now;
    if (!bot_hears(r))
        return;
    if (r->kind == R_START)
        bot_answer_start(r);
    else if (expired)
        bot_answer_expired(r);
    else
        script_reply(r->id, "", 0);
}

static inline void bot_move(uint32_t value)
{
    CHECK((bot.move[value] & MOVE_BARRED) == 0); /* what never runs does not run */
    bot.move[value] |= MOVE_RAN;
    bot.on[value % 2u] = true;
    bot.ran_last = value;
}

static inline void bot_stop(uint32_t motor)
{
    if (motor != 1u)
        bot.on[0] = false;
    if (motor != 0)
        bot.on[1] = false;
}

/* Runs request number i and answers it; of a stream that moves one message, or its end. */
static inline void bot_run(size_t i)
{
    request *r = &bot.pending[i], was;
    bool admitted = bot_admits(r);
    if (r->kind == R_STREAM && admitted && r->runs < r->count) {
        bot_move(r->values[r->runs++]);
        return;
    }
    was = *r;
    bot_drop(r);
    if (was.kind == R_MOVE && admitted && was.body)
        bot_move(was.value);
    else if (was.kind == R_STOP)
        bot_stop(was.value);
    bot_answer(&was);
}

/* What was given up and whose time is over never runs; a session without heartbeats ends. */
static inline void bot_expire(void)
{
    size_t i = 0;
    if (bot.expires && bot.alive && script_now.loop.now - bot.beat > WINDOW)
        bot_forget();
    while (i < bot.count)
        if (bot.pending[i].given_up && vmc_time_reached(script_now.loop.now, bot.pending[i].until))
            bot_drop(&bot.pending[i]);
        else
            i++;
}

/* Runs sessions and heartbeats, which nobody reorders here. */
static inline void bot_keep_alive(void)
{
    size_t i = 0;
    while (i < bot.count)
        if ((bot.pending[i].kind == R_START || bot.pending[i].kind == R_BEAT || bot.pending[i].kind == R_OTHER) && bot.pending[i].body)
            bot_run(i);
        else
            i++;
}

static inline void step(void)
{
    script_poll();
    bot_listen();
    bot_keep_alive();
    bot_expire();
}

static inline void bot_open(void)
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

static inline viamc_call move(uint32_t value)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &set_power, move_message(value), NULL, &call), VIAMC_OK);
    return call;
}

static inline viamc_call stop_motor(uint32_t motor)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &stop, stop_message(motor), NULL, &call), VIAMC_OK);
    return call;
}

static inline const viamc_event *done(viamc_call call)
{
    size_t i;
    for (i = 0; i < script_now.events; i++)
        if (script_now.event[i].kind == VIAMC_EV_DONE && script_now.event[i].call == call)
            return &script_now.event[i];
    return NULL;
}

static inline size_t bot_index(int kind, uint32_t value)
{
    size_t i;
    for (i = 0; i < bot.count; i++)
        if (bot.pending[i].kind == kind && bot.pending[i].value == value)
            return i;
    return bot.count;
}

static inline bool bot_has(int kind, uint32_t value)
{
    return bot_index(kind, value) != bot.count;
}

static inline void bot_run_named(int kind, uint32_t value)
{
    size_t i = bot_index(kind, value);
    CHECK(i != bot.count);
    if (i != bot.count)
        bot_run(i);
    step();
    step();
}

/* Gets a session going, so that the calls of a test leave at once. */
static inline void bot_warm(void)
{
    unsigned i;
    (void)move(BOT_WARM);
    for (i = 0; i < 4; i++)
        step();
    bot_run_named(R_MOVE, BOT_WARM);
    bot.on[0] = false;
    script_forget();
}

static inline void redial(void)
{
    unsigned i;
    for (i = 0; i < 8; i++) {
        script_now.loop.now += 10;
        step();
    }
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
}

static inline void cut_and_redial(void)
{
    bot_cut();
    redial();
}

#endif
