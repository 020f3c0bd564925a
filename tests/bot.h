/* SPDX-License-Identifier: MIT */
/* A robot with two motors that gets a client's requests over script.h and runs them in any order, late, or not at all.
 * Include after viamc.h (with its implementation), test.h and script.h. */
#ifndef VIAMC_TESTS_BOT_H
#define VIAMC_TESTS_BOT_H

#define WINDOW 500u

static const viamc_method set_power = {"/viam.component.motor.v1.MotorService/SetPower", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_SETPOINT};
static const viamc_method stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP};

/* ---- the robot ---- */

enum { R_MOVE, R_STOP, R_START, R_BEAT, R_OTHER, R_STREAM };

typedef struct request {
    uint32_t id;
    unsigned conn;
    int kind;
    uint32_t value;   /* of a move: which one */
    bool body;        /* its message came */
    uint8_t octets[64]; /* as far as it came */
    size_t len;
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

static inline void bot_begin(uint32_t id)
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

static inline void bot_body(request *r, const script_frame *f)
{
    vmc_rd rd;
    vmc_wire_field field;
    vmc_copy(r->octets + r->len, f->payload, vmc_min(f->len, sizeof r->octets - r->len));
    r->len += vmc_min(f->len, sizeof r->octets - r->len);
    if (r->body || r->len < 5 || r->len - 5 < r->octets[4])
        return;
    rd = vmc_rd_of(viamc_view(r->octets + 5, r->octets[4]));
    r->body = true;
    while (vmc_wire_next(&rd, &field)) {
        if (r->kind == R_STOP && r->value != 2u && field.number == 1)
            r->value = field.bytes.ptr[1] == '1';
        if (r->kind == R_MOVE && field.number == 2)
            r->value = (uint32_t)field.value;
    }
    bot.starts += r->kind == R_START;
    bot.resumes += r->kind == R_START && r->len > 5;
    if (r->kind == R_MOVE) {
        bot.arrived[r->value]++;
        CHECK_EQ_INT(bot.arrived[r->value], 1); /* nothing of the user's is ever sent twice */
    }
}

/* The robot's side of the connection is closed: what is pending may still run for a while. */
static inline void bot_cut(void)
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
static inline void bot_listen(void)
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
        if (f.type == 0 && r != NULL)
            bot_body(r, &f);
        if (f.type == 3 && r != NULL) {
            r->given_up = true;
            r->until = script_now.loop.now + WINDOW - 20;
        }
    }
}

static inline void bot_answer(const request *r)
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
static inline void bot_run(size_t i)
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
static inline void bot_expire(void)
{
    size_t i = 0;
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
    (void)move(4000);
    for (i = 0; i < 4; i++)
        step();
    bot_run_named(R_MOVE, 4000);
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
