/* SPDX-License-Identifier: MIT */
/* Each way in which a connection or a call ends, with one call that has left and one that has not: what may have run and what did not, which
 * error the loss has, and READY again on the next connection without a call repeated (design.md 5 and 6). */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"

static viamc_call left, waits; /* one has left, the other waits for a stream */

static void hang_up(void)
{
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
}

static void port_fails(uint8_t kind)
{
    vmc_loop_end *end = &script_now.loop.end[0];
    end->fault.kind = kind;
    end->fault.at = end->calls[kind] + 1u;
    end->fault.count = 1;
    end->fault.err = VIAMC_ERR_IO;
}

/* ---- causes ---- */

static void by_close(void) { hang_up(); }
static void by_read(void) { port_fails(VMC_LOOP_READ); }
static void by_write(void)
{
    script_send("0000080600000000000102030405060708"); /* a PING to be answered */
    port_fails(VMC_LOOP_WRITE);
}
static void by_broken_frame(void) { script_send("00000100000000000000"); } /* DATA on stream 0 */
static void by_text(void) { script_send("485454502f312e312034303020426164205265717565737400"); }
static void by_silence(void) { script_now.loop.now += 1000; script_poll(); script_now.loop.now += 5000; script_poll(); script_now.loop.now += 5000; }
static void by_goaway_all(void) { script_send("000008070000000000 00000000 00000000"); hang_up(); }
static void by_goaway_none(void) { script_send("000008070000000000 7fffffff 00000000"); script_poll(); hang_up(); }
static void by_goaway_drained(void) { script_send("000008070000000000 7fffffff 00000000"); script_poll(); script_now.loop.now += VMC_DIAL_DRAIN; }
static void by_goaway_calm(void) { script_send("000008070000000000 7fffffff 0000000b"); script_poll(); hang_up(); }
static void by_dial(void) { CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK); }
static void by_deadline(void) { script_now.loop.now += 4000; }
static void by_cancel(void)
{
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, left), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, waits), VIAMC_OK);
}

typedef struct cause {
    const char *name;
    void (*happens)(void);
    uint8_t status, ran; /* of the call that has left; the other one never ran */
    viamc_err lost;      /* error of LOST; OK: the connection stands, or was given up by us */
    bool hurries;        /* the next attempt comes at once */
} cause;

static const cause causes[] = {
    {"the peer closes", by_close, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_CLOSED, false},
    {"reading fails", by_read, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_IO, false},
    {"writing fails", by_write, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_IO, false},
    {"a broken frame", by_broken_frame, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_H2, false},
    {"no frames at all", by_text, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_H2, false},
    {"silence", by_silence, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_TIMEOUT, false},
    {"GOAWAY, nothing was looked at", by_goaway_all, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN, VIAMC_ERR_H2_GOAWAY, true},
    {"GOAWAY, then the end", by_goaway_none, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_H2_GOAWAY, true},
    {"GOAWAY, and no end", by_goaway_drained, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_H2_GOAWAY, true},
    {"GOAWAY, too much", by_goaway_calm, VIAMC_UNAVAILABLE, VIAMC_MAYBE, VIAMC_ERR_H2_GOAWAY, false},
    {"another viamc_dial", by_dial, VIAMC_CANCELLED, VIAMC_MAYBE, VIAMC_OK, true},
    {"the deadline", by_deadline, VIAMC_DEADLINE_EXCEEDED, VIAMC_MAYBE, VIAMC_OK, false},
    {"cancelled", by_cancel, VIAMC_CANCELLED, VIAMC_MAYBE, VIAMC_OK, false}};

/* ---- the world around them ---- */

static viamc_call start(const char *path, viamc_ms timeout)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    opts.timeout_ms = timeout;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, path, viamc_view("x", 1), &opts, &call), VIAMC_OK);
    return call;
}

/* READY, with a call out and one that the robot has no stream for. */
static void begin(const cause *c)
{
    script_frame f;
    script_new();
    script_now.dial.check_interval_ms = c->happens == by_silence ? 1000 : VIAMC_OFF;
    script_now.dial.disable_sessions = true;
    script_ready();
    script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
    script_run(1);
    left = start("/a.B/Left", c->happens == by_deadline ? 4000 : VIAMC_FOREVER);
    script_run(1);
    waits = start("/a.B/Waits", c->happens == by_deadline ? 4000 : VIAMC_FOREVER);
    script_run(1);
    CHECK(script_find(1, &f) && script_has_field("/a.B/Left\n") && !script_find(1, &f));
}

static const viamc_event *done(viamc_call call)
{
    size_t i;
    const viamc_event *found = NULL;
    for (i = 0; i < script_now.events; i++)
        if (script_now.event[i].kind == VIAMC_EV_DONE && script_now.event[i].call == call) {
            CHECK(found == NULL); /* one end each */
            found = &script_now.event[i];
        }
    return found;
}

static void check_lost(const cause *c)
{
    const viamc_event *ev = script_event(VIAMC_EV_LOST, 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), c->lost != VIAMC_OK);
    if (c->lost == VIAMC_OK)
        return;
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(ev->error.code, c->lost);
    CHECK(ev == &script_now.event[script_now.events - 1]); /* behind the ends of its calls */
    if (c->hurries)
        CHECK_EQ_INT(ev->retry_ms, 0);
    else
        CHECK(ev->retry_ms >= 800 && ev->retry_ms <= 1200);
}

/* What the next connection brings: the robot's SETTINGS, READY, and no call of the last one. */
static void check_ready_again(const cause *c)
{
    script_frame f;
    if (c->lost == VIAMC_OK && c->happens != by_dial) {
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
        return;
    }
    script_run(1300);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_INT(script_now.conn, 1);
    CHECK(!script_find(1, &f));
}

TEST(what_ran)
{
    size_t i;
    for (i = 0; i < TEST_COUNT(causes); i++) {
        const cause *c = &causes[i];
        unsigned failed = test_now.bad, turn;
        const viamc_event *a, *b;
        begin(c);
        c->happens();
        for (turn = 0; turn < 4; turn++)
            script_poll();
        a = done(left);
        b = done(waits);
        CHECK(a != NULL && a->status == c->status && a->ran == c->ran);
        CHECK(b != NULL && b->status == c->status && b->ran == VIAMC_NOT_RUN);
        check_lost(c);
        check_ready_again(c);
        script_close();
        if (test_now.bad != failed)
            printf("  cause: %s\n", c->name);
    }
}

int main(int argc, char **argv)
{
    test_begin("loss", argc, argv);
    RUN(what_ran);
    return test_end();
}
