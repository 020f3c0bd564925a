/* SPDX-License-Identifier: MIT */
/* The port in memory: what it carries, and that each of its faults does what its name says. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

static vmc_loop net; /* too large for some stacks */

static const viamc_port *client_port(void)
{
    return vmc_loop_port();
}

static const viamc_port *server_port(void)
{
    return vmc_loop_server_port();
}

/* ---- shorthands: client 0 unless said otherwise ---- */

static viamc_err dial(uint32_t client, unsigned conn)
{
    return client_port()->open(vmc_loop_client(&net, client), conn, "robot", 8080);
}

static viamc_err take(unsigned conn)
{
    viamc_addr peer;
    return server_port()->accept(vmc_loop_server(&net), conn, &peer);
}

static void connect_both(void)
{
    CHECK_EQ_INT(dial(0, 0), VIAMC_OK);
    CHECK_EQ_INT(take(0), VIAMC_OK);
}

static viamc_err up(const char *text, size_t *done)
{
    return client_port()->write(vmc_loop_client(&net, 0), 0, (const uint8_t *)text, strlen(text), done);
}

static viamc_err down(const char *text, size_t *done)
{
    return server_port()->write(vmc_loop_server(&net), 0, (const uint8_t *)text, strlen(text), done);
}

static viamc_err server_read(char *buf, size_t cap, size_t *len)
{
    viamc_err err = server_port()->read(vmc_loop_server(&net), 0, (uint8_t *)buf, cap - 1, len);
    buf[*len] = '\0';
    return err;
}

static viamc_err client_read(char *buf, size_t cap, size_t *len)
{
    viamc_err err = client_port()->read(vmc_loop_client(&net, 0), 0, (uint8_t *)buf, cap - 1, len);
    buf[*len] = '\0';
    return err;
}

/* Reads until an error or nothing; all of it is left in buf. */
static viamc_err server_drain(char *buf, size_t cap)
{
    viamc_err err = VIAMC_OK;
    size_t at = 0, n = 1;
    while (err == VIAMC_OK && n != 0) {
        err = server_read(buf + at, cap - at, &n);
        at += n;
    }
    return err;
}

TEST(octets_go_both_ways)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    connect_both();
    CHECK_EQ_INT(up("hello", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 5);
    CHECK_EQ_INT(up(" robot", &n), VIAMC_OK);
    CHECK_EQ_INT(server_read(buf, 4, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "hel");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "lo robot");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_INT(down("bye", &n), VIAMC_OK);
    CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "bye");
    CHECK_EQ_INT(net.octets[VMC_LOOP_TO_SERVER], 11);
    CHECK_EQ_INT(net.octets[VMC_LOOP_TO_CLIENT], 3);
    CHECK_EQ_INT(net.end[0].calls[VMC_LOOP_OPEN], 1);
    CHECK_EQ_INT(net.end[0].calls[VMC_LOOP_WRITE], 2);
    CHECK_EQ_INT(net.end[0].calls[VMC_LOOP_READ], 1);
    CHECK_EQ_INT(net.end[0].calls[VMC_LOOP_ANY], 4);
    CHECK_EQ_INT(net.end[VMC_LOOP_CLIENTS].calls[VMC_LOOP_ACCEPT], 1);
    CHECK_EQ_INT(net.end[VMC_LOOP_CLIENTS].calls[VMC_LOOP_READ], 3);
}

TEST(capacity_holds_the_writer_back)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].capacity = 4;
    connect_both();
    CHECK_EQ_INT(up("abcdef", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 4);
    CHECK_EQ_INT(up("ef", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_INT(server_read(buf, 2, &n), VIAMC_OK);
    CHECK_EQ_INT(up("ef", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 1);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "bcde");
}

TEST(a_full_pipe_wraps_around)
{
    static uint8_t sent[VMC_LOOP_PIPE_BYTES + 100u], got[VMC_LOOP_PIPE_BYTES + 100u];
    size_t i, n, at = 0, read = 0;
    vmc_loop_init(&net, 1);
    connect_both();
    for (i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)test_rand();
    for (i = 0; i < 100 && read < sizeof got; i++) {
        CHECK_EQ_INT(client_port()->write(vmc_loop_client(&net, 0), 0, sent + at, sizeof sent - at, &n), VIAMC_OK);
        at += n;
        CHECK_EQ_INT(server_port()->read(vmc_loop_server(&net), 0, got + read, read == 0 ? 1000 : sizeof got - read, &n), VIAMC_OK);
        read += n;
    }
    CHECK_EQ_MEM(got, read, sent, sizeof sent);
}

TEST(reads_and_writes_of_n_octets)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].read_max = 1;
    net.line[VMC_LOOP_TO_SERVER].write_max = 3;
    connect_both();
    CHECK_EQ_INT(up("abcdef", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 3);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "a");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "b");
    CHECK_EQ_INT(down("all of it", &n), VIAMC_OK); /* the other direction is not touched */
    CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "all of it");
}

/* Sends 200 octets with random splits; writes the size of each read to sizes, returns how many reads there were. */
static unsigned split_run(uint64_t seed, uint8_t *sizes, unsigned cap)
{
    char text[201], buf[256];
    size_t n, at = 0, got = 0;
    unsigned reads = 0, turns;
    memset(text, 'x', 200);
    text[200] = '\0';
    vmc_loop_init(&net, seed);
    net.line[VMC_LOOP_TO_SERVER].split = true;
    connect_both();
    for (turns = 0; turns < 5000 && got < 200 && reads < cap; turns++) {
        CHECK_EQ_INT(up(text + at, &n), VIAMC_OK);
        at += n;
        CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
        got += n;
        sizes[reads++] = (uint8_t)n;
    }
    CHECK_EQ_INT(got, 200);
    return reads;
}

TEST(splits_are_random_and_repeatable)
{
    uint8_t a[512], b[512], c[512];
    unsigned i, na = split_run(7, a, sizeof a), nb = split_run(7, b, sizeof b), nc = split_run(8, c, sizeof c), zeros = 0;
    CHECK_EQ_MEM(a, na, b, nb);
    CHECK(na != nc || memcmp(a, c, na) != 0);
    for (i = 0; i < na; i++)
        zeros += a[i] == 0;
    CHECK(zeros > 0);
    CHECK(na > 5);
}

TEST(octets_take_their_time)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.now = 0xfffffffeu; /* across the wrap of the clock */
    net.line[VMC_LOOP_TO_SERVER].delay_ms = 30;
    connect_both();
    CHECK_EQ_INT(vmc_loop_next(&net), VIAMC_FOREVER);
    CHECK_EQ_INT(up("one", &n), VIAMC_OK);
    net.now += 10;
    CHECK_EQ_INT(up("two", &n), VIAMC_OK);
    CHECK_EQ_INT(vmc_loop_next(&net), 20);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "");
    net.now += 20;
    CHECK_EQ_INT(vmc_loop_next(&net), 0);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "one");
    CHECK_EQ_INT(vmc_loop_next(&net), 10);
    client_port()->close(vmc_loop_client(&net, 0), 0);
    net.now += 10;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "two");
    CHECK_EQ_INT(vmc_loop_next(&net), 20);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK); /* the end is still under way */
    net.now += 20;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(vmc_loop_next(&net), VIAMC_FOREVER);
}

TEST(more_times_than_segments_arrive_late_but_whole)
{
    char buf[256];
    size_t n;
    unsigned i;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].delay_ms = 100;
    connect_both();
    for (i = 0; i < VMC_LOOP_SEGMENTS + 10u; i++, net.now++)
        CHECK_EQ_INT(up("x", &n), VIAMC_OK);
    net.now = 100;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 1);
    net.now = 100 + VMC_LOOP_SEGMENTS + 10u;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, VMC_LOOP_SEGMENTS + 9u);
}

TEST(a_shorter_delay_does_not_overtake)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].delay_ms = 50;
    connect_both();
    CHECK_EQ_INT(up("first", &n), VIAMC_OK);
    net.link[0].pipe[VMC_LOOP_TO_SERVER].line.delay_ms = 0;
    CHECK_EQ_INT(up("second", &n), VIAMC_OK);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    client_port()->close(vmc_loop_client(&net, 0), 0); /* nor does the end */
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    net.now = 50;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "firstsecond");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
}

TEST(a_shorter_delay_does_not_overtake_when_segments_run_out)
{
    char buf[256];
    size_t n;
    unsigned i;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].delay_ms = 100;
    connect_both();
    for (i = 0; i < VMC_LOOP_SEGMENTS; i++, net.now++)
        CHECK_EQ_INT(up("x", &n), VIAMC_OK);
    net.link[0].pipe[VMC_LOOP_TO_SERVER].line.delay_ms = 60;
    CHECK_EQ_INT(up("x", &n), VIAMC_OK);
    net.now = 100u + VMC_LOOP_SEGMENTS - 2u;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, VMC_LOOP_SEGMENTS - 1u);
    net.now++;
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 2);
}

TEST(close_reaches_the_other_side_after_the_octets)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_CLIENT].capacity = 4;
    connect_both();
    CHECK_EQ_INT(up("last words", &n), VIAMC_OK);
    client_port()->close(vmc_loop_client(&net, 0), 0);
    client_port()->close(vmc_loop_client(&net, 0), 0);
    CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_ERR_STATE);
    CHECK_EQ_INT(up("x", &n), VIAMC_ERR_STATE);
    CHECK_EQ_INT(down("into the void", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 13); /* which has room for everything */
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "last words");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(down("x", &n), VIAMC_ERR_CLOSED); /* by now the server knows */
    CHECK(net.link[0].used);
    server_port()->close(vmc_loop_server(&net), 0);
    CHECK(!net.link[0].used);
    connect_both();
}

/* A cut of the direction to the server after n octets: the server gets exactly n. */
static void cut_at(uint8_t cut, size_t at)
{
    char buf[64];
    size_t n, sent = 0;
    unsigned i;
    viamc_err err = VIAMC_OK, want = cut == VMC_LOOP_CUT_RESET ? VIAMC_ERR_IO : VIAMC_ERR_CLOSED;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].cut = cut;
    net.line[VMC_LOOP_TO_SERVER].cut_at = at;
    net.line[VMC_LOOP_TO_CLIENT].delay_ms = at % 2 != 0 ? 20 : 0; /* the writer's side learns at once all the same */
    connect_both();
    CHECK_EQ_INT(net.line[VMC_LOOP_TO_SERVER].cut, VMC_LOOP_CUT_NONE); /* the next connection is whole */
    if (at == 0)
        CHECK_EQ_INT(server_read(buf, sizeof buf, &n), want); /* before anybody wrote */
    else
        CHECK_EQ_INT(down("pending", &n), VIAMC_OK);
    net.now += 20;
    for (i = 0; i < 10 && err == VIAMC_OK; i++) {
        err = up("abc", &n);
        sent += n;
    }
    CHECK_EQ_INT(err, want);
    CHECK_EQ_INT(sent, at);
    CHECK_EQ_INT(down("the server does not know yet", &n), at == 0 ? want : (viamc_err)VIAMC_OK);
    CHECK_EQ_INT(server_drain(buf, sizeof buf), want);
    CHECK_EQ_INT(strlen(buf), at);
    CHECK_EQ_INT(down("x", &n), want);
    if (cut == VMC_LOOP_CUT_CLOSE && at > 0) {
        CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_OK);
        CHECK_EQ_STR(buf, "pending");
    }
    CHECK_EQ_INT(client_read(buf, sizeof buf, &n), want);
    CHECK_EQ_INT(net.octets[VMC_LOOP_TO_SERVER], at);
}

TEST(cut_by_an_orderly_close)
{
    size_t at;
    for (at = 0; at < 8; at++)
        cut_at(VMC_LOOP_CUT_CLOSE, at);
}

TEST(cut_by_a_reset)
{
    size_t at;
    for (at = 0; at < 8; at++)
        cut_at(VMC_LOOP_CUT_RESET, at);
}

TEST(a_black_hole)
{
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_SERVER].cut = VMC_LOOP_CUT_SWALLOW;
    net.line[VMC_LOOP_TO_SERVER].cut_at = 4;
    connect_both();
    CHECK_EQ_INT(up("abcdef", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 4);
    CHECK_EQ_INT(up("efghijkl", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 8);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "abcd");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_INT(down("still here", &n), VIAMC_OK);
    CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "still here");
}

TEST(a_cut_of_every_connection)
{
    char buf[64];
    size_t n;
    unsigned i;
    vmc_loop_init(&net, 1);
    net.line[VMC_LOOP_TO_CLIENT].cut = VMC_LOOP_CUT_CLOSE;
    net.line[VMC_LOOP_TO_CLIENT].cut_at = 2;
    net.line[VMC_LOOP_TO_CLIENT].cut_every = true;
    for (i = 0; i < 3; i++) {
        connect_both();
        CHECK_EQ_INT(down("abc", &n), VIAMC_OK);
        CHECK_EQ_INT(n, 2);
        CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_OK);
        CHECK_EQ_INT(client_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
        client_port()->close(vmc_loop_client(&net, 0), 0);
        server_port()->close(vmc_loop_server(&net), 0);
    }
}

TEST(open_waits_or_is_refused)
{
    vmc_loop_init(&net, 1);
    CHECK_EQ_INT(take(0), VIAMC_WAIT);
    net.end[0].open_waits = 2;
    CHECK_EQ_INT(dial(0, 0), VIAMC_WAIT);
    CHECK_EQ_INT(dial(0, 0), VIAMC_WAIT);
    CHECK_EQ_INT(take(0), VIAMC_WAIT);
    CHECK_EQ_INT(dial(0, 0), VIAMC_OK);
    CHECK_EQ_INT(dial(0, 0), VIAMC_OK); /* is open */
    CHECK_EQ_INT(vmc_loop_next(&net), 0);
    CHECK_EQ_INT(take(0), VIAMC_OK);
    CHECK_EQ_INT(take(0), VIAMC_ERR_STATE);
    net.end[1].open_err = VIAMC_ERR_REFUSED;
    CHECK_EQ_INT(dial(1, 0), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(dial(2, 0), VIAMC_OK); /* what one end was told holds for it alone */
}

TEST(each_kind_of_call_fails_on_request)
{
    uint8_t random[8];
    char buf[64];
    size_t n;
    vmc_loop_init(&net, 1);
    net.end[0].fault.kind = VMC_LOOP_OPEN;
    net.end[0].fault.at = 1;
    net.end[0].fault.count = 2;
    net.end[0].fault.err = VIAMC_ERR_DNS;
    CHECK_EQ_INT(dial(0, 0), VIAMC_ERR_DNS);
    CHECK_EQ_INT(dial(0, 0), VIAMC_ERR_DNS);
    CHECK_EQ_INT(dial(0, 0), VIAMC_OK);
    net.end[VMC_LOOP_CLIENTS].fault.kind = VMC_LOOP_ACCEPT;
    net.end[VMC_LOOP_CLIENTS].fault.at = 1;
    net.end[VMC_LOOP_CLIENTS].fault.count = 1;
    net.end[VMC_LOOP_CLIENTS].fault.err = VIAMC_ERR_IO;
    CHECK_EQ_INT(take(0), VIAMC_ERR_IO);
    CHECK_EQ_INT(take(0), VIAMC_OK);
    net.end[0].fault.kind = VMC_LOOP_WRITE; /* would block once, then one octet */
    net.end[0].fault.count = 1;
    net.end[0].fault.err = VIAMC_WAIT;
    CHECK_EQ_INT(up("abc", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    net.end[0].fault.at = 2;
    net.end[0].fault.err = VIAMC_OK;
    CHECK_EQ_INT(up("abc", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 1);
    CHECK_EQ_INT(up("bc", &n), VIAMC_OK);
    CHECK_EQ_INT(n, 2);
    net.end[VMC_LOOP_CLIENTS].fault.kind = VMC_LOOP_READ; /* the second one and all after it */
    net.end[VMC_LOOP_CLIENTS].fault.at = 2;
    net.end[VMC_LOOP_CLIENTS].fault.count = 0;
    net.end[VMC_LOOP_CLIENTS].fault.err = VIAMC_ERR_CLOSED;
    CHECK_EQ_INT(server_read(buf, 3, &n), VIAMC_OK);
    CHECK_EQ_STR(buf, "ab");
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(server_read(buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
    net.end[0].fault.kind = VMC_LOOP_RANDOM;
    net.end[0].fault.at = 1;
    net.end[0].fault.err = VIAMC_WAIT;
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), random, sizeof random), VIAMC_ERR_ENTROPY);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), random, sizeof random), VIAMC_OK);
}

/* A little scenario; true if it ended well. */
static bool scenario(void)
{
    uint8_t random[4];
    char buf[64];
    size_t n;
    return client_port()->random(vmc_loop_client(&net, 0), random, 4) == VIAMC_OK && dial(0, 0) == VIAMC_OK && take(0) == VIAMC_OK
           && up("ask", &n) == VIAMC_OK && n == 3 && server_read(buf, sizeof buf, &n) == VIAMC_OK && n == 3
           && down("tell", &n) == VIAMC_OK && n == 4 && client_read(buf, sizeof buf, &n) == VIAMC_OK && n == 4;
}

TEST(every_call_of_a_scenario_can_be_made_to_fail)
{
    uint32_t i, calls;
    vmc_loop_init(&net, 1);
    CHECK(scenario());
    calls = net.end[0].calls[VMC_LOOP_ANY];
    CHECK_EQ_INT(calls, 4);
    for (i = 1; i <= calls + 1u; i++) {
        vmc_loop_init(&net, 1);
        net.end[0].fault.kind = VMC_LOOP_ANY;
        net.end[0].fault.at = i;
        net.end[0].fault.count = 1;
        net.end[0].fault.err = VIAMC_ERR_IO;
        CHECK_EQ_INT(scenario(), i == calls + 1u);
    }
}

TEST(random_follows_from_the_seed)
{
    uint8_t a[32], b[32], c[32], d[32];
    vmc_loop_init(&net, 5);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), a, sizeof a), VIAMC_OK);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 1), b, sizeof b), VIAMC_OK);
    CHECK_EQ_INT(server_port()->random(vmc_loop_server(&net), c, sizeof c), VIAMC_OK);
    vmc_loop_init(&net, 5);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), d, sizeof d), VIAMC_OK);
    CHECK_EQ_MEM(a, sizeof a, d, sizeof d);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK(memcmp(a, c, sizeof a) != 0);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), d, sizeof d), VIAMC_OK);
    CHECK(memcmp(a, d, sizeof a) != 0);
    vmc_loop_init(&net, 6);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), d, sizeof d), VIAMC_OK);
    CHECK(memcmp(a, d, sizeof a) != 0);
}

TEST(several_clients_at_one_server)
{
    viamc_addr peer;
    uint8_t buf[8];
    size_t n;
    unsigned i;
    vmc_loop_init(&net, 1);
    for (i = 0; i < VMC_LOOP_CLIENTS; i++)
        CHECK_EQ_INT(dial(i, 0), VIAMC_OK);
    CHECK_EQ_INT(dial(0, 1), VIAMC_OK);
    CHECK_EQ_INT(dial(1, 1), VIAMC_WAIT); /* all lines are taken */
    for (i = 0; i < VMC_LOOP_CLIENTS; i++) {
        CHECK_EQ_INT(server_port()->accept(vmc_loop_server(&net), 10 + i, &peer), VIAMC_OK);
        CHECK_EQ_STR(peer.text, i == 0 ? "client 0" : i == 1 ? "client 1" : "client 2");
    }
    for (i = 0; i < VMC_LOOP_CLIENTS; i++) {
        uint8_t octet = (uint8_t)('a' + i);
        CHECK_EQ_INT(client_port()->write(vmc_loop_client(&net, i), 0, &octet, 1, &n), VIAMC_OK);
    }
    for (i = 0; i < VMC_LOOP_CLIENTS; i++) {
        CHECK_EQ_INT(server_port()->read(vmc_loop_server(&net), 10 + i, buf, sizeof buf, &n), VIAMC_OK);
        CHECK_EQ_INT(n, 1);
        CHECK_EQ_INT(buf[0], 'a' + i);
        server_port()->close(vmc_loop_server(&net), 10 + i);
        CHECK_EQ_INT(client_port()->read(vmc_loop_client(&net, i), 0, buf, sizeof buf, &n), VIAMC_ERR_CLOSED);
        client_port()->close(vmc_loop_client(&net, i), 0);
    }
    CHECK_EQ_INT(dial(1, 1), VIAMC_OK);
    client_port()->close(vmc_loop_client(&net, 1), 1); /* gone before it was accepted */
    CHECK_EQ_INT(server_port()->accept(vmc_loop_server(&net), 0, &peer), VIAMC_OK);
    CHECK_EQ_STR(peer.text, "client 0");
    CHECK_EQ_INT(server_port()->accept(vmc_loop_server(&net), 1, &peer), VIAMC_WAIT);
}

typedef struct tape {
    uint8_t bytes[64];
    size_t len;
} tape;

static void record(void *user, unsigned link, unsigned direction, const uint8_t *ptr, size_t len)
{
    tape *t = (tape *)user + direction;
    CHECK_EQ_INT(link, 0);
    memcpy(t->bytes + t->len, ptr, len);
    t->len += len;
}

TEST(the_tap_hears_what_is_sent)
{
    tape t[2];
    size_t n;
    memset(t, 0, sizeof t);
    vmc_loop_init(&net, 1);
    net.tap = record;
    net.tap_user = t;
    net.line[VMC_LOOP_TO_SERVER].write_max = 2;
    connect_both();
    CHECK_EQ_INT(up("abc", &n), VIAMC_OK);
    CHECK_EQ_INT(up("c", &n), VIAMC_OK);
    CHECK_EQ_INT(down("xyz", &n), VIAMC_OK);
    CHECK_EQ_MEM(t[VMC_LOOP_TO_SERVER].bytes, t[VMC_LOOP_TO_SERVER].len, "abc", 3);
    CHECK_EQ_MEM(t[VMC_LOOP_TO_CLIENT].bytes, t[VMC_LOOP_TO_CLIENT].len, "xyz", 3);
}

TEST(a_copy_is_a_snapshot)
{
    static vmc_loop then, elsewhere;
    char a[64], b[64];
    uint8_t r1[8], r2[8];
    size_t n;
    vmc_loop_init(&net, 3);
    net.line[VMC_LOOP_TO_SERVER].split = true;
    connect_both();
    while (up("abcdefghijklmnopqrstuvwxyz", &n) == VIAMC_OK && n == 0)
        continue;
    then = net;
    elsewhere = net; /* works where it lies, too */
    CHECK_EQ_INT(server_drain(a, sizeof a), VIAMC_OK);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), r1, sizeof r1), VIAMC_OK);
    net = then;
    CHECK_EQ_INT(server_drain(b, sizeof b), VIAMC_OK);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&net, 0), r2, sizeof r2), VIAMC_OK);
    CHECK_EQ_STR(b, a);
    CHECK_EQ_MEM(r1, sizeof r1, r2, sizeof r2);
    CHECK_EQ_INT(client_port()->random(vmc_loop_client(&elsewhere, 0), r2, sizeof r2), VIAMC_OK);
    CHECK_EQ_MEM(r1, sizeof r1, r2, sizeof r2);
}

int main(int argc, char **argv)
{
    test_begin("port_loop", argc, argv);
    RUN(octets_go_both_ways);
    RUN(capacity_holds_the_writer_back);
    RUN(a_full_pipe_wraps_around);
    RUN(reads_and_writes_of_n_octets);
    RUN(splits_are_random_and_repeatable);
    RUN(octets_take_their_time);
    RUN(more_times_than_segments_arrive_late_but_whole);
    RUN(a_shorter_delay_does_not_overtake);
    RUN(a_shorter_delay_does_not_overtake_when_segments_run_out);
    RUN(close_reaches_the_other_side_after_the_octets);
    RUN(cut_by_an_orderly_close);
    RUN(cut_by_a_reset);
    RUN(a_black_hole);
    RUN(a_cut_of_every_connection);
    RUN(open_waits_or_is_refused);
    RUN(each_kind_of_call_fails_on_request);
    RUN(every_call_of_a_scenario_can_be_made_to_fail);
    RUN(random_follows_from_the_seed);
    RUN(several_clients_at_one_server);
    RUN(the_tap_hears_what_is_sent);
    RUN(a_copy_is_a_snapshot);
    return test_end();
}
