/* SPDX-License-Identifier: MIT */
/* Hostile peers against the client and, mirrored, against the robot: every row of rows.h whole, octet by octet and in random pieces, in
 * plaintext and in TLS; against a board's client too, whose credit fits into one TLS record, and while a Stop is under way. After each: what
 * was said on the wire, how each call ended, session and Stop, steps of a poll, the memory around the block, and whether the side under test
 * can still be used.
 *     hostile [--runs N]   N random cuts of each row instead of 20
 *     hostile --table      writes the tables of README.md */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VMC_LOOP_CLIENTS 2u
#define VMC_LOOP_LINKS 3u
#define VMC_LOOP_PIPE_BYTES 131072u /* a flood of 10,001 frames in one read of the whole */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdarg.h>
#include "tls_kit.h"
#include "hostile/notation.h"
#include "hostile/peer.h"
#include "hostile/world.h"
#include "hostile/programs.h"
#include "hostile/rows.h"
#include "hostile/bounds.h"

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

/* ---- header blocks of a size ---- */

static notation_out header_block;

/* What a header list counts (RFC 9113 10.5.1), and how many fields there are. */
static uint32_t list_of(const notation_out *b, uint32_t *fields)
{
    uint8_t table[4096];
    vmc_hpack_dec d;
    vmc_hpack_piece p;
    vmc_rd in = vmc_rd_of(viamc_view(b->octet, b->len));
    uint32_t sum = 0;
    *fields = 0;
    vmc_hpack_dec_init(&d, table, sizeof table);
    vmc_hpack_dec_begin(&d);
    while (vmc_hpack_next(&d, &in, &p) == VMC_HPACK_PIECE)
        if ((p.flags & VMC_HPACK_LAST) != 0) {
            sum += p.size;
            ++*fields;
        }
    CHECK(in.left == 0 && vmc_hpack_dec_end(&d));
    return sum;
}

/* A field f of n octets. */
static void add_field(size_t n)
{
    char text[40];
    (void)snprintf(text, sizeof text, "f=x*%lu", (unsigned long)n);
    notation_payload(&header_block, text);
}

/* Fills the block up to so many octets. */
static void fill_block(size_t n)
{
    const size_t at = header_block.len;
    size_t value = n - at;
    do {
        header_block.len = at;
        add_field(--value);
    } while (header_block.len > n);
    CHECK_EQ_INT(header_block.len, n);
}

/* "BLOCK n", "LIST n", "FIELDS n": a header block that begins well and has just so many octets, so many as a list, so many fields. */
static void send_block(const char *order)
{
    const uint32_t n = (uint32_t)strtoul(strchr(order, ' '), NULL, 0), id = notation_stream('H');
    uint32_t fields, list;
    size_t at, part;
    header_block.len = 0;
    notation_payload(&header_block, "@ok");
    list = list_of(&header_block, &fields);
    if (order[0] == 'F') {
        for (; fields < n; fields++)
            notation_payload(&header_block, "90"); /* accept-encoding: 60 octets of a list */
    } else if (order[0] == 'B') {
        notation_payload(&header_block, "00 0178 ffa9bc03 fffe1fffc3fff87fff0fffe1fffc3fff87fff0*3000"); /* 57,000 octets for 24,000 */
        fill_block(n);
    } else {
        if (n > 60000u)
            notation_payload(&header_block, "400161 7fa11e 78*4000 be*13");
        list = list_of(&header_block, &fields);
        add_field(n - list - VMC_HPACK_OVERHEAD - 1u);
        CHECK_EQ_INT(list_of(&header_block, &fields), n);
    }
    for (at = 0; at < header_block.len; at += part) {
        uint8_t *head = notation_claim(&out_now, 9);
        part = vmc_min(header_block.len - at, VMC_H2_FRAME_MAX);
        vmc_put_be24(head, (uint32_t)part);
        head[3] = at == 0 ? VMC_H2_F_HEADERS : VMC_H2_F_CONTINUATION;
        head[4] = at + part == header_block.len ? VMC_H2_END_HEADERS : 0;
        vmc_put_be32(head + 5, id);
        notation_put(&out_now, header_block.octet + at, part);
    }
}

/* ---- */

/* The newest entry of the table is used: header blocks of streams that are over were decoded all the same. */
static void use_index(void)
{
    const uint32_t subject = w.fresh;
    if (w.role == CLIENT) {
        run_script("HEADERS+EH B @ok be");
        w.begun = true;
    } else {
        run_script("HEADERS+EH N @ok be; DATA+ES n msg:");
        play();
        CHECK_EQ_INT(peer_status(&w.peer, w.fresh), 0);
        w.fresh = subject;
    }
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
    else if (strncmp(order, "BLOCK ", 6) == 0 || strncmp(order, "LIST ", 5) == 0 || strncmp(order, "FIELDS ", 7) == 0)
        send_block(order);
    else if (strcmp(order, "INDEX") == 0)
        use_index();
    else if (strcmp(order, "REST") == 0)
        run_script("DATA H msg:; END");
    else if (strcmp(order, "END") == 0)
        run_script(w.role == CLIENT ? "HEADERS+EH+ES H grpc-status=0" : "DATA+ES H");
    else if (strcmp(order, "MUTE") == 0)
        w.mute = true;
    else if (strcmp(order, "HOST") == 0)
        ; /* is_spared */
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
        say("%s; DATA B msg:; HEADERS+EH+ES B grpc-status=0", w.begun ? "" : "HEADERS+EH B @ok");
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

/* The error is one of TLS, or of time; with TLS as it should be all is well. */
static void check_refused(void)
{
    const viamc_err code = viamc_client_error(w.client).code;
    CHECK((code >= VIAMC_ERR_TLS && code <= VIAMC_ERR_TLS_RECORD) || code == VIAMC_ERR_TIMEOUT || code == VIAMC_ERR_INSECURE);
    CHECK(w.peer.lost && w.events[VIAMC_EV_READY] == 0);
    peer_close(&w.peer);
    w.peer.raw = false;
    w.peer.tls = w.polite = true;
    if (viamc_state(w.client) == VIAMC_FAILED)
        dial(w.client, NULL);
    await_ready(30000);
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
    const bool fresh = w.loop.now - v->ended_at < WINDOW_MS - 100, doubtful = now->scene == CALLS && w.kind != STOPS && v->end.ran == VIAMC_MAYBE;
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
    if (now->scene <= EARLY) {
        CHECK_EQ_INT(w.start_requests, 0);
        return;
    }
    CHECK_EQ_INT(w.power_requests, 1);
    if (w.kind == STOPS && lost && w.asked[VICTIM].end.status != VIAMC_OK) { /* design.md 6, 7: the old session has to expire */
        CHECK(!w.resumed && w.events[VIAMC_EV_SESSION_LOST] == 1);
    } else if (w.events[VIAMC_EV_SESSION_LOST] != 0) { /* for want of heartbeats: the next move starts another one */
        CHECK(now->outcome == GIVEN_UP || now->number == 30 || now->number == 31 || now->number == 50);
        return;
    }
    CHECK(w.beats >= beats + 2 || now->outcome == GIVEN_UP);
    CHECK(w.start_requests == 1 || now->outcome == GIVEN_UP);
    CHECK(w.resumed == (lost && w.events[VIAMC_EV_SESSION_LOST] == 0));
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
    else if (now->outcome == REFUSED)
        check_refused();
    else if (now->outcome == GIVEN_UP)
        check_given_up();
    else
        check_alive();
    start_call(LATER, &m_read, "l", 1);
    play();
    reply(stream_of(ECHO "Read"), "msg:");
    play();
    check_call(&w.asked[LATER], VIAMC_OK, VIAMC_ANSWERED);
    if (now->scene > EARLY)
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
    if (now->scene <= EARLY)
        return;
    pass(WINDOW_MS + 100);
    CHECK_EQ_INT(w.powers, 1);
    CHECK_EQ_INT(w.stops, 1);
    CHECK(!w.turning);
}

/* Whoever else drives has not noticed. */
static void check_driver(void)
{
    CHECK_EQ_INT(viamc_state(w.driver), VIAMC_READY);
    CHECK_EQ_INT(w.driver_lost, 0);
    CHECK_EQ_INT(w.driver_stops, 0);
    CHECK_EQ_INT(viamc_call_method(w.driver, &m_read, viamc_view("d", 1), NULL, NULL), VIAMC_OK);
    settle();
    CHECK_EQ_INT(w.driver_done, 2);
    viamc_client_close(w.driver);
    w.driver = NULL;
    settle();
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
    else if (now->outcome == GIVEN_UP || now->outcome == REFUSED)
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
    w.peer.raw = false;
    w.peer.tls = w.tls;
    connect_peer();
    w.token[0] = '\0';
    greet_server();
    (void)request_done(ECHO "Read", "", "msg:abc");
    peer_close(&w.peer);
    w.mute = true;
    settle();
    check_driver();
    check_robot_clean();
    viamc_server_close(w.server);
}

/* ---- running ---- */

static kind run_kind;

/* A board's client has no room for what this row sends, or has the program send; a Stop is a call. */
static bool is_spared(const row *r)
{
    if (run_kind == STOPS)
        return r->scene != CALLS;
    return run_kind == BOARD && (r->scene == FEED || r->scene == RECORDS || strncmp(r->script, "HOST;", 5) == 0);
}

static role run_role;
static bool run_tls;

/* Which side, as words of a test's name. */
static const char *side_name(role r, bool tls)
{
    if (run_kind != USUAL)
        return run_kind == BOARD ? "board tls" : "stop plain";
    if (r == CLIENT)
        return tls ? "client tls" : "client plain";
    return tls ? "robot tls" : "robot plain";
}

static uint32_t most_steps;

static void run_form(role r, bool tls, form f, unsigned seed)
{
    const unsigned bad = test_now.bad;
    static const char *const forms[] = {"whole", "octet by octet", "in random pieces"};
    enter(r, tls, run_kind, (scene)now->scene);
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
        printf("  row %u: %s, against %s, %s, seed %u\n", now->number, now->what, side_name(r, tls), forms[f], seed);
}

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
        (void)snprintf(name, sizeof name, "%s %u: %s", side_name(r, tls), now->number, now->what);
        if ((now->roles & r) != 0 && !is_spared(now) && (tls || now->scene != RECORDS))
            test_run(name, run_row);
    }
}

/* ---- bounds ---- */

/* The row of a bound: so many, or one more. */
static const row *row_of(const bound *b, uint32_t more)
{
    static row made;
    static char script[200];
    const uint8_t outcome = more != 0 ? b->beyond : b->within;
    memset(&made, 0, sizeof made);
    (void)snprintf(script, sizeof script, b->script, (unsigned)(b->n + more - b->less));
    made.roles = b->roles;
    made.scene = CALLS;
    made.what = b->name;
    made.script = script;
    made.outcome = outcome;
    made.code = more != 0 ? b->beyond_code : b->within_code;
    made.status = VIAMC_OK;
    if (outcome == RESET)
        made.status = made.code == CALM ? VIAMC_RESOURCE_EXHAUSTED : VIAMC_INTERNAL;
    if (outcome == BROKEN || outcome == FLOOD)
        made.status = VIAMC_UNAVAILABLE;
    made.ran = outcome == NOTHING || outcome == ENDED ? VIAMC_ANSWERED : VIAMC_MAYBE;
    return &made;
}

static const bound *bound_now;

static void run_bound(void)
{
    uint32_t more;
    for (more = 0; more < 2u; more++) {
        now = row_of(bound_now, more);
        run_row();
    }
}

TEST(calls_of_a_client)
{
    viamc_client_desc d = VIAMC_ZERO;
    d.port = vmc_loop_port();
    d.no_tls = true;
    d.max_calls = VIAMC_MAX_CALLS;
    CHECK_EQ_STR(viamc_client_desc_error(&d), NULL);
    d.max_calls = VIAMC_MAX_CALLS + 1;
    CHECK_EQ_STR(viamc_client_desc_error(&d), "max_calls above VIAMC_MAX_CALLS");
}

/* Each write forgives so many frames that moved nothing: those of a keepalive, not those of a flood. */
TEST(noise_that_is_forgiven)
{
    static const uint8_t frame[9] = {0, 0, 0, 0xee, 0, 0, 0, 0, 0};
    uint8_t out[100];
    unsigned more, round, i;
    for (more = 0; more < 2u; more++) {
        vmc_h2 *h;
        enter(CLIENT, false, USUAL, CALLS);
        h = &w.client->conn.grpc.h2;
        for (round = 0; round < 50; round++) {
            vmc_wr wr = vmc_wr_of(out, sizeof out);
            for (i = 0; i < VMC_H2_FORGIVEN + more; i++) {
                vmc_rd in = vmc_rd_of(viamc_view(frame, sizeof frame));
                vmc_h2_event ev;
                CHECK_EQ_INT(vmc_h2_next(h, &in, &ev), VMC_H2_MORE);
            }
            vmc_h2_write_control(h, &wr);
            CHECK_EQ_INT(h->noise, more * (round + 1u));
        }
    }
}

/* A client reads so many full buffers in a poll and asks for the next at once. */
TEST(reads_of_a_poll)
{
    unsigned more;
    for (more = 0; more < 2u; more++) {
        const uint32_t *reads;
        uint32_t before;
        set_scene(CLIENT, false, USUAL, CALLS, 256);
        reads = &w.loop.end[0].calls[VMC_LOOP_READ];
        (void)notation_item(&out_now, more != 0 ? "Tee 0 00*16376" : "Tee 0 00*16375");
        CHECK_EQ_INT(out_now.len, 256u * VMC_POLL_STEPS + more);
        flush_octets();
        before = *reads;
        turn();
        CHECK_EQ_INT(*reads - before, VMC_POLL_STEPS);
        CHECK_EQ_INT(hint().ms, 0);
        turn();
        CHECK_EQ_INT(*reads - before, VMC_POLL_STEPS + 1u);
        viamc_client_close(w.client);
        free(block);
    }
}

/* ---- attacks that are no row ---- */

enum { NAMES = 100000, NAME_OCTETS = 28 };

static uint8_t names[NAMES * NAME_OCTETS], names_into[NAMES * NAME_OCTETS];

/* Asks for the names; the robot says how long its answer is. Its stream. */
static uint32_t ask_names(uint8_t *into, size_t cap)
{
    asked *a = &w.asked[LATER];
    viamc_opts opts = VIAMC_ZERO;
    memset(a, 0, sizeof *a);
    opts.user = a;
    opts.into = into;
    opts.into_cap = cap;
    CHECK_EQ_INT(viamc_robot_resource_names(w.client, &opts, &a->call), VIAMC_OK);
    play();
    w.victim = stream_of(ROBOT "ResourceNames");
    say("HEADERS+EH V @ok; DATA V 00 =%u", (unsigned)sizeof names);
    play();
    return w.victim;
}

/* Sends the body of a message as fast as there is credit. */
static void send_names(uint32_t id)
{
    uint32_t sent = 0;
    char head[80];
    while (sent < sizeof names) {
        const int32_t credit = peer_of(&w.peer, id)->credit;
        const uint32_t n = vmc_min32(vmc_min32((uint32_t)credit, VMC_H2_FRAME_MAX), (uint32_t)sizeof names - sent);
        REQUIRE(credit > 0);
        (void)snprintf(head, sizeof head, "DATA/%u %u", (unsigned)n, (unsigned)id);
        (void)notation_item(&out_now, head);
        notation_put(&out_now, names + sent, n);
        flush_octets();
        sent += n;
        play();
    }
}

/* A robot with 100,000 resources: its answer is too large, unless a place is lent for it; then it comes, and is gone over once. */
TEST(reply_of_100000_names)
{
    viamc_robot_resource name;
    size_t at = 0, i, count = 0;
    uint32_t id;
    for (i = 0; i < NAMES; i++)
        vmc_copy(names + i * NAME_OCTETS, "\x0a\x1a" "\x0a\x03rdk\x12\x09" "component\x1a\x05motor\x22\x01m", NAME_OCTETS);
    enter(CLIENT, false, USUAL, CALLS);
    id = ask_names(NULL, 0);
    check_call(&w.asked[LATER], VIAMC_RESOURCE_EXHAUSTED, VIAMC_MAYBE);
    CHECK_EQ_STR(w.asked[LATER].text, "message of 2,800,000 bytes: lend opts.into, a sink, or give more rx_bytes");
    CHECK_EQ_INT(peer_of(&w.peer, id)->rst, VMC_H2_CANCEL);
    id = ask_names(names_into, sizeof names_into);
    send_names(id);
    run_script("HEADERS+EH+ES V @rest");
    settle();
    check_call(&w.asked[LATER], VIAMC_OK, VIAMC_ANSWERED);
    while (viamc_robot_next_resource(&w.asked[LATER].end, &at, &name))
        count += viamc_str_eq(name.name, viamc_text("m"));
    CHECK_EQ_INT(count, NAMES);
    viamc_client_close(w.client);
    check_block();
}

/* Every call is in use; a Stop is under way in the record of its own. Its stream. */
static uint32_t stop_in_its_own_record(void)
{
    unsigned k;
    enter(CLIENT, false, STOPS, CALLS);
    reply(w.victim, "msg:");
    play();
    for (k = 0; k < 3; k++)
        start_call(LATER, &m_read, "l", 1);
    play();
    start_call(STOPPING, &m_stop, "\x0a\x04left", 6);
    settle();
    return stream_of(MOTOR "Stop");
}

/* A message of n octets in frames of so many. */
static void send_cut(uint32_t id, uint32_t n, uint32_t each)
{
    static const uint8_t data[9] = {0};
    char text[20];
    size_t at;
    header_block.len = 0;
    (void)snprintf(text, sizeof text, "msg*%u", (unsigned)n);
    notation_payload(&header_block, text);
    for (at = 0; at < header_block.len; at += each) {
        const uint32_t part = vmc_min32(each, (uint32_t)(header_block.len - at));
        uint8_t *head = notation_claim(&out_now, sizeof data);
        memcpy(head, data, sizeof data);
        vmc_put_be24(head, part);
        vmc_put_be32(head + 5, id);
        notation_put(&out_now, header_block.octet + at, part);
    }
    flush_octets();
}

/* That record has 48 octets for the reply, prefix included: what is larger finds another place, however it is cut. */
TEST(reply_of_a_stop_in_its_own_record)
{
    uint32_t n, each, k;
    for (n = 38; n < 60; n++)
        for (each = 1; each < n + 12u; each += 7) {
            const asked *a = &w.asked[STOPPING];
            const uint32_t id = stop_in_its_own_record();
            say("HEADERS+EH %u :status=200 content-type=application/grpc", (unsigned)id);
            send_cut(id, n, each);
            say("HEADERS+EH+ES %u grpc-status=0", (unsigned)id);
            for (k = 0; k < 3 && a->done == 0; k++)
                turn();
            check_call(a, VIAMC_OK, VIAMC_ANSWERED);
            REQUIRE(a->end.msg.len == n);
            for (k = 0; k < n; k++)
                CHECK(a->end.msg.ptr[k] == 'm');
        }
}

/* A robot that answers Authenticate with a token of 60,000 octets. */
TEST(token_of_60000_octets)
{
    viamc_dial_desc dial = VIAMC_ZERO;
    unsigned tries;
    enter(CLIENT, false, USUAL, EARLY);
    peer_close(&w.peer);
    dial.address = "robot.test:8080";
    dial.insecure = true;
    dial.api_key_id = KEY_ID;
    dial.api_key = KEY;
    CHECK_EQ_INT(viamc_dial(w.client, &dial), VIAMC_OK);
    w.polite = true;
    for (tries = 0; tries < 20 && stream_of(AUTHENTICATE) == 0; tries++)
        pass(100);
    REQUIRE(stream_of(AUTHENTICATE) != 0);
    w.victim = stream_of(AUTHENTICATE);
    run_script("HEADERS+EH V @ok; DATA V 00 =60004 0ae0d403 78*10000");
    pass(100);
    CHECK_EQ_INT(viamc_state(w.client), VIAMC_FAILED); /* what the program can mend, and nothing else can */
    CHECK_EQ_INT(viamc_client_error(w.client).code, VIAMC_ERR_NOMEM);
    viamc_client_close(w.client);
    check_block();
}

static void run_bounds(role r, bool tls)
{
    char name[200];
    size_t i;
    for (i = 0; i < TEST_COUNT(bounds); i++) {
        bound_now = &bounds[i];
        run_role = r;
        run_tls = tls;
        (void)snprintf(name, sizeof name, "%s bound: %s", side_name(r, tls), bound_now->name);
        if ((bound_now->roles & r) != 0)
            test_run(name, run_bound);
    }
}

/* Nothing of the checklist is left out; 3 is how all of it is sent. */
TEST(every_number_has_a_row)
{
    unsigned number;
    size_t i;
    for (number = 1; number <= 51; number++) {
        for (i = 0; i < TEST_COUNT(rows) && rows[i].number != number; i++)
            ;
        CHECK(i < TEST_COUNT(rows) || number == 3);
    }
}

/* ---- README.md ---- */

#define README "tests/hostile/README.md"

/* Attacks that are no row. */
static const struct {
    const char *name, *what, *reaction, *test;
} others[] = {
    {"100,000 resource names", "a reply of 2.8 MB", "RESOURCE_EXHAUSTED with the size; into a lent buffer it comes, and is gone over once",
     "hostile: reply_of_100000_names"},
    {"token of 60 KB", "a robot's answer to Authenticate", "the client fails, NOMEM: nothing that a further try could mend",
     "hostile: token_of_60000_octets"},
    {"CVE-2024-7254, CVE-2025-4565 (nesting)", "Structs and lists 20,000 levels deep; groups in groups", "16 levels; no recursion",
     "test_struct: depth_bomb; test_wire: groups_in_groups"},
    {"CVE-2023-4785 (connection flood)", "more connections than there are places",
     "they wait in the port's queue; who shows no key in 20 s gives its place up", "test_server: peers_beyond_the_limit_wait, strangers_are_dropped"},
    {"slow handshakes", "a handshake that stops, a preface that does not come",
     "10 s; one step of one handshake a poll, so that the others go on",
     "test_server: a_driver_over_tls_beside_silent_peers, peers_that_do_not_begin_are_dropped"},
    {"guessing of keys", "Authenticate with wrong keys", "the tenth ends the connection",
     "test_server: ten_wrong_keys_end_the_connection, wrong_keys_in_one_flight"},
    {"a large request that never arrives", "the shared large buffer is taken and not filled", "10 s; never for a peer without a key",
     "test_server: large_requests_have_to_arrive, strangers_have_no_large_requests"},
    {"hostile lengths to a sink", "a message's fields that are longer than the message", "the call ends; nothing is read behind the message",
     "test_sink: hostile_lengths"},
};

static char tables[2][20000];

static void add_line(unsigned t, const char *format, ...)
{
    size_t at = strlen(tables[t]);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(tables[t] + at, sizeof tables[t] - at, format, args);
    va_end(args);
}

static const char *outcome_text(uint8_t outcome, uint8_t code)
{
    static const char *const names[] = {"NO_ERROR", "PROTOCOL_ERROR", "", "", "", "", "", "", "", "", "", "ENHANCE_YOUR_CALM"};
    static char text[80];
    static const char *const forms[] = {"nothing", "an answer", "RST_STREAM %s", "GOAWAY %s", "GOAWAY %s", "", ""};
    (void)snprintf(text, sizeof text, forms[outcome], names[code]);
    return text;
}

static void make_tables(void)
{
    size_t i;
    add_line(0, "| attack | what the peer does | what becomes of it | test |\n|---|---|---|---|\n");
    for (i = 0; i < TEST_COUNT(rows); i++)
        if (rows[i].cve != NULL)
            add_line(0, "| %s | %s | %s | %u%s |\n", rows[i].cve, rows[i].what, rows[i].reaction, rows[i].number,
                     rows[i].roles == BOTH ? "" : rows[i].roles == CLIENT ? ", client" : ", robot");
    for (i = 0; i < TEST_COUNT(others); i++)
        add_line(0, "| %s | %s | %s | %s |\n", others[i].name, others[i].what, others[i].reaction, others[i].test);
    add_line(1, "| bound | N | N brings | N + 1 brings | test |\n|---|--:|---|---|---|\n");
    for (i = 0; i < TEST_COUNT(bounds); i++) {
        const bound *b = &bounds[i];
        if (b->script == NULL) {
            add_line(1, "| %s | %u | - | - | %s |\n", b->name, (unsigned)b->n, b->test);
            continue;
        }
        add_line(1, "| %s | %u | %s |", b->name, (unsigned)b->n, outcome_text(b->within, b->within_code));
        add_line(1, " %s | hostile: %s |\n", outcome_text(b->beyond, b->beyond_code), b->roles == BOTH ? "both roles" : "the client");
    }
}

/* README.md with the tables put in. Freed by the caller. */
static char *make_readme(char **old)
{
    static const char *const marks[2][2] = {{"<!-- attacks -->\n", "<!-- end of attacks -->"}, {"<!-- bounds -->\n", "<!-- end of bounds -->"}};
    size_t len;
    unsigned t;
    char *text = (char *)test_file(README, &len), *made = (char *)calloc(1, len + 2u * sizeof tables);
    const char *from = text;
    *old = text;
    if (text == NULL || made == NULL)
        test_die("cannot read", README);
    make_tables();
    for (t = 0; t < 2; t++) {
        const char *begin = strstr(from, marks[t][0]), *end = strstr(from, marks[t][1]);
        if (begin == NULL || end == NULL)
            test_die("no place for a table", marks[t][0]);
        begin += strlen(marks[t][0]);
        (void)snprintf(made + strlen(made), len + sizeof tables, "%.*s%s", (int)(begin - from), from, tables[t]);
        from = end;
    }
    (void)snprintf(made + strlen(made), len + sizeof tables, "%s", from);
    return made;
}

TEST(tables_of_the_readme)
{
    char *old, *made = make_readme(&old);
    CHECK(strcmp(old, made) == 0); /* else: build/tests/asan/hostile --table */
    free(old);
    free(made);
}

static int write_readme(void)
{
    char *old, *made = make_readme(&old);
    FILE *f = fopen(README, "w");
    if (f == NULL || fputs(made, f) < 0 || fclose(f) != 0)
        test_die("cannot write", README);
    free(old);
    free(made);
    return 0;
}

static void run_all(role r, bool tls)
{
    run_rows(r, tls);
    run_bounds(r, tls);
}

int main(int argc, char **argv)
{
    test_begin("hostile", argc, argv);
    if (argc == 2 && strcmp(argv[1], "--table") == 0)
        return write_readme();
    if (!peer_certs())
        test_die("missing data", "the certificates cannot be made here");
    run_all(CLIENT, false);
    run_all(SERVER, false);
    run_all(CLIENT, true);
    run_all(SERVER, true);
    run_kind = BOARD;
    run_rows(CLIENT, true);
    run_kind = STOPS;
    run_rows(CLIENT, false);
    run_kind = USUAL;
    RUN(tables_of_the_readme);
    RUN(every_number_has_a_row);
    RUN(calls_of_a_client);
    RUN(noise_that_is_forgiven);
    RUN(reads_of_a_poll);
    RUN(reply_of_100000_names);
    RUN(token_of_60000_octets);
    RUN(reply_of_a_stop_in_its_own_record);
    printf("at most %u port calls a poll\n", (unsigned)most_steps);
    return test_end();
}
