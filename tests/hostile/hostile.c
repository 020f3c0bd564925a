/* SPDX-License-Identifier: MIT */
/* Hostile peers against the client and, mirrored, against the robot: every row of rows.h whole, octet by octet and in random pieces, in plaintext
 * and in TLS. After each: what was said on the wire, how each call ended, session and Stop, steps of a poll, the memory around the block,
 * and whether the side under test can still be used.
 *     hostile [--runs N]   N random cuts of each row instead of 20
 *     hostile --table      writes the table of README.md */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdarg.h>
#include "tls_kit.h"
#include "hostile/notation.h"
#include "hostile/peer.h"
#include "hostile/world.h"
#include "hostile/programs.h"
#include "hostile/rows.h"

enum { CUTS = 20 };

static const row *now; /* the row that runs */

/* ---- orders ---- */

static uint32_t call_stream(char letter)
{
    return letter == 'L' ? stream_of(ECHO "Read") : notation_stream(letter);
}

/* Messages as long as there is credit. */
static void fill(uint32_t id)
{
    unsigned n;
    for (n = 0; n < 100 && peer_of(&w.peer, id)->credit > 1005; n++)
        say("DATA %u msg*1000", (unsigned)id);
    CHECK(n < 100);
}

static void obey(const char *order)
{
    if (strncmp(order, "WAIT ", 5) == 0)
        pass((viamc_ms)strtoul(order + 5, NULL, 0));
    else if (strncmp(order, "REPLY ", 6) == 0)
        reply(call_stream(order[6]), "msg:");
    else if (strncmp(order, "FILL ", 5) == 0)
        fill(call_stream(order[5]));
    else if (strcmp(order, "CALL") == 0)
        start_call(LATER, &m_read, "l", 1);
    else if (strcmp(order, "CANCEL") == 0)
        CHECK_EQ_INT(viamc_call_cancel(w.client, w.asked[VICTIM].call), VIAMC_OK);
    else if (strcmp(order, "READ") == 0)
        w.fresh = request(ECHO "Read", "", NULL, false);
    else if (strcmp(order, "BEAT") == 0)
        w.fresh = request(ROBOT "SendSessionHeartbeat", "", "00 =38 0a24 '" SESSION_ID "'", true);
    else if (strcmp(order, "EXPECT 0") == 0)
        CHECK_EQ_INT(peer_status(&w.peer, w.fresh), 0);
    else if (strcmp(order, "MUTE") == 0)
        w.mute = true;
    else if (strcmp(order, "EXPIRE") == 0)
        w.expire = true;
    else if (strcmp(order, "ASLEEP") == 0 || strcmp(order, "WAKE") == 0)
        w.asleep = order[0] == 'A';
    else
        test_die("unknown order", order);
}

/* ---- the client ---- */

static void check_call(const asked *a, uint8_t status, uint8_t ran)
{
    CHECK_EQ_INT(a->done, 1);
    CHECK_EQ_INT(a->end.status, status);
    CHECK_EQ_INT(a->end.ran, ran);
}

static const asked *subject(void)
{
    return &w.asked[w.asked[LATER].call != 0 ? LATER : VICTIM];
}

/* Waits for READY, at most so long. */
static void await_ready(viamc_ms ms)
{
    viamc_ms until = w.loop.now + ms;
    while (viamc_state(w.client) != VIAMC_READY && !vmc_time_reached(w.loop.now, until))
        pass(10);
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_READY);
}

/* The connection is over, for this reason; the next one is as good as any. */
static void check_redial(viamc_err code)
{
    viamc_error e = w.events[VIAMC_EV_LOST] != 0 ? w.lost : viamc_client_error(w.client);
    CHECK_EQ_INT(e.code, code);
    if (code != VIAMC_ERR_TIMEOUT) /* ms */
        CHECK_EQ_INT(e.detail, now->code);
    CHECK_EQ_INT(w.events[VIAMC_EV_LOST], now->scene == EARLY ? 0 : 1);
    w.events[VIAMC_EV_LOST] = 0;
    peer_close(&w.peer);
    w.mute = false;
    w.polite = true;
    w.start_requests = 0;
    await_ready(30000);
}

static void check_broken(void)
{
    CHECK_EQ_INT(w.peer.goaway, now->code);
    CHECK(w.peer.lost);
    if (now->scene != EARLY) {
        check_call(&w.asked[VICTIM], now->status, now->ran);
        check_call(&w.asked[BYSTANDER], VIAMC_UNAVAILABLE, VIAMC_MAYBE);
    }
    check_redial(VIAMC_ERR_H2);
}

/* The connection stands, and the bystander has not noticed. */
static void check_alive(void)
{
    const peer_stream *s = peer_of(&w.peer, w.victim);
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_READY);
    CHECK_EQ_INT(w.events[VIAMC_EV_LOST], 0);
    CHECK_EQ_INT(w.peer.goaway, PEER_NONE);
    if (now->outcome == RESET)
        CHECK_EQ_INT(s->rst, now->code);
    if (w.asked[VICTIM].done == 0) {
        CHECK(now->outcome == NOTHING || now->outcome == FLOOD || subject() != &w.asked[VICTIM]);
        reply(w.victim, "msg:");
    }
    if (!peer_of(&w.peer, w.bystander)->answered)
        say(strstr(now->script, "HEADERS+EH B") != NULL ? "DATA B msg:; HEADERS+EH+ES B grpc-status=0"
                                                        : "HEADERS+EH B @ok; DATA B msg:; HEADERS+EH+ES B grpc-status=0");
    play();
    check_call(subject(), now->outcome == FLOOD && subject()->end.status == 0 ? (uint8_t)VIAMC_OK : now->status,
               now->outcome == FLOOD && subject()->end.status == 0 ? (uint8_t)VIAMC_ANSWERED : now->ran);
    if (w.asked[BYSTANDER].end.status != VIAMC_DEADLINE_EXCEEDED || strstr(now->script, "WAIT 6000") == NULL)
        check_call(&w.asked[BYSTANDER], VIAMC_OK, VIAMC_ANSWERED);
}

static void check_drained(void)
{
    const viamc_ms lost = w.loop.now;
    play();
    check_call(&w.asked[VICTIM], now->status, now->ran);
    check_call(&w.asked[BYSTANDER], now->status, now->ran);
    CHECK(w.peer.lost);
    check_redial(VIAMC_ERR_H2_GOAWAY);
    CHECK(now->code == 0 || w.loop.now - lost >= 500); /* not at once again */
}

static void check_given_up(void)
{
    if (now->scene != EARLY) {
        CHECK_EQ_INT(w.asked[VICTIM].done, 1);
        CHECK_EQ_INT(w.asked[VICTIM].end.ran, VIAMC_MAYBE);
        check_call(&w.asked[BYSTANDER], VIAMC_DEADLINE_EXCEEDED, VIAMC_MAYBE);
    }
    CHECK(w.peer.lost);
    check_redial(VIAMC_ERR_TIMEOUT);
}

/* A Stop is answered; it says that it is not sure if a move before it may still run. */
static void check_stop(void)
{
    const asked *v = &w.asked[VICTIM];
    const bool fresh = w.loop.now - v->ended_at < WINDOW_MS - 100, doubtful = now->scene == CALLS && v->end.ran == VIAMC_MAYBE;
    unsigned k;
    start_call(STOPPING, &m_stop, "\x0a\x04left", 6);
    for (k = 0; k < 8u && w.asked[STOPPING].done == 0; k++)
        pass(WINDOW_MS / 4);
    check_call(&w.asked[STOPPING], VIAMC_OK, VIAMC_ANSWERED);
    if (fresh || !doubtful)
        CHECK_EQ_INT(w.asked[STOPPING].end.unconfirmed, doubtful);
}

/* The session goes on, or has gone on, or its end was told; nothing that moves was sent twice. */
static void check_session(bool lost)
{
    const unsigned beats = w.beats;
    pass(WINDOW_MS / 2);
    if (now->scene == EARLY) {
        CHECK_EQ_INT(w.start_requests, 0);
        return;
    }
    CHECK_EQ_INT(w.power_requests, 1);
    if (w.events[VIAMC_EV_SESSION_LOST] != 0) { /* for want of heartbeats: the next move starts another one */
        CHECK(now->outcome == GIVEN_UP || now->number == 30 || now->number == 31 || now->number == 50);
        return;
    }
    CHECK(w.beats >= beats + 2);
    CHECK_EQ_INT(w.start_requests, 1);
    CHECK(w.resumed == lost);
    CHECK_EQ_INT(w.events[VIAMC_EV_STARVED], 0);
}

static void check_client(void)
{
    const bool broken = now->outcome == BROKEN || (now->outcome == FLOOD && w.peer.goaway != PEER_NONE), lost = broken || now->outcome >= DRAINED;
    uint8_t i;
    CHECK(now->outcome != FLOOD || w.form != WHOLE || broken);
    if (broken)
        check_broken();
    else if (now->outcome == DRAINED)
        check_drained();
    else if (now->outcome == GIVEN_UP)
        check_given_up();
    else
        check_alive();
    start_call(LATER, &m_read, "l", 1);
    play();
    reply(stream_of(ECHO "Read"), "msg:");
    play();
    check_call(&w.asked[LATER], VIAMC_OK, VIAMC_ANSWERED);
    if (now->scene != EARLY)
        check_stop();
    check_session(lost);
    for (i = 0; i < w.client->max_calls; i++)
        CHECK_EQ_INT(w.client->calls.users[i].call.state, VMC_CALL_FREE);
    CHECK(w.client->calls.tx_used == 0 && w.client->calls.big_owner == VMC_CALL_NONE);
    viamc_client_close(w.client);
}

/* ---- the robot ---- */

static void check_robot_broken(void)
{
    CHECK_EQ_INT(w.peer.goaway, now->code);
    CHECK(w.peer.lost);
}

static void check_robot_alive(void)
{
    const uint32_t id = w.fresh != 0 && strstr(now->script, " N ") == NULL ? w.fresh : strstr(now->what, "behind the end") != NULL ? w.bystander : w.victim;
    CHECK_EQ_INT(w.peer.goaway, PEER_NONE);
    CHECK(!w.peer.lost);
    if (now->outcome == RESET)
        CHECK_EQ_INT(peer_of(&w.peer, id)->rst, now->code);
    else if (now->outcome == ENDED)
        CHECK_EQ_INT(peer_status(&w.peer, id), now->status);
    if (now->scene == CALLS && peer_of(&w.peer, w.victim)->rst == PEER_NONE) {
        say("DATA+ES V msg:v");
        play();
        CHECK_EQ_INT(peer_status(&w.peer, w.victim), 0);
    }
    answer_kept();
    play();
    if (id != w.bystander && now->scene == CALLS)
        CHECK_EQ_INT(peer_status(&w.peer, w.bystander), 0);
}

/* What the session moved is stopped, once, a window after its last sign of life. */
static void check_robot_session(void)
{
    if (now->scene == EARLY)
        return;
    pass(WINDOW_MS + 100);
    CHECK_EQ_INT(w.powers, 1);
    CHECK_EQ_INT(w.stops, 1);
    CHECK(!w.turning);
}

static void check_robot_clean(void)
{
    uint8_t i;
    for (i = 0; i < w.server->desc.max_peers; i++) {
        const vmc_calls *t = &w.server->peers[i].calls;
        CHECK(t->live == NULL && t->tx_used == 0 && t->big_owner == VMC_CALL_NONE);
        CHECK_EQ_INT(w.server->peers[i].conn.state, VMC_CONN_CLOSED);
    }
}

static void check_robot(void)
{
    const bool broken = now->outcome == BROKEN || (now->outcome == FLOOD && w.peer.goaway != PEER_NONE);
    CHECK(now->outcome != FLOOD || w.form != WHOLE || broken);
    if (broken)
        check_robot_broken();
    else if (now->outcome == GIVEN_UP)
        CHECK(w.peer.lost);
    else
        check_robot_alive();
    while (w.kept_count != 0) { /* whose client is gone */
        CHECK(viamc_request_cancelled(w.kept[w.kept_count - 1u]));
        CHECK_EQ_INT(viamc_fail(w.kept[--w.kept_count], VIAMC_ABORTED, NULL), VIAMC_ERR_CLOSED);
    }
    check_robot_session();
    peer_close(&w.peer);
    settle();
    connect_peer();
    w.token[0] = '\0';
    greet_server();
    (void)request_done(ECHO "Read", "", "msg:abc");
    peer_close(&w.peer);
    w.mute = true;
    settle();
    check_robot_clean();
    viamc_server_close(w.server);
}

/* ---- running ---- */

static uint32_t most_steps;

static void run_form(role r, bool tls, form f, unsigned seed)
{
    const unsigned bad = test_now.bad;
    static const char *const forms[] = {"whole", "octet by octet", "in random pieces"};
    enter(r, tls, (scene)now->scene);
    test_rand_seed(test_now.seed * 1000u + seed);
    w.form = f;
    run_script(now->script);
    settle();
    answer();
    settle();
    if (r == CLIENT)
        check_client();
    else
        check_robot();
    check_block();
    CHECK(w.steps <= STEPS_MAX);
    most_steps = w.steps > most_steps ? w.steps : most_steps;
    if (test_now.bad != bad)
        printf("  row %u: %s, against the %s, %s, %s, seed %u\n", now->number, now->what, r == CLIENT ? "client" : "robot", tls ? "TLS" : "plaintext", forms[f], seed);
}

static role run_role;
static bool run_tls;

static void run_row(void)
{
    const unsigned cuts = test_now.runs != 0 ? test_now.runs : CUTS;
    unsigned i;
    run_form(run_role, run_tls, WHOLE, 0);
    run_form(run_role, run_tls, BYTES, 0);
    for (i = 0; i < cuts && test_now.bad == 0; i++)
        run_form(run_role, run_tls, RANDOM, i);
}

static void run_rows(role r, bool tls)
{
    char name[200];
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        now = &rows[i];
        run_role = r;
        run_tls = tls;
        (void)snprintf(name, sizeof name, "%s %s %u: %s", r == CLIENT ? "client" : "robot", tls ? "tls" : "plain", now->number, now->what);
        if ((now->roles & r) != 0)
            test_run(name, run_row);
    }
}

int main(int argc, char **argv)
{
    test_begin("hostile", argc, argv);
    if (!peer_certs())
        test_die("missing data", "the certificates cannot be made here");
    run_rows(CLIENT, false);
    run_rows(SERVER, false);
    run_rows(CLIENT, true);
    run_rows(SERVER, true);
    printf("at most %u port calls a poll\n", (unsigned)most_steps);
    return test_end();
}
