/* SPDX-License-Identifier: MIT */
/* Flow control of the client, both ways, judged by the frames that went out: no octet above the peer's windows, a way out for heartbeat and
 * Stop, no credit without room, and all the credit that a message needs once it has a place. */
#define VIAMC_NO_TLS
#define VIAMC_CHECK 1
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"

#define ECHO "/test.Echo/Echo"
#define SET_POWER "/viam.component.motor.v1.MotorService/SetPower"
#define STOP "/viam.component.motor.v1.MotorService/Stop"
#define BEAT "/viam.robot.v1.RobotService/SendSessionHeartbeat"
#define M1 viamc_view("\x0a\x02m1", 4)

enum { STREAMS = 64, SLOT = 512 + 5, CONNECTION = 65535, SPARE = 512 };

/* What the client has sent on stream 2 k + 1 (k is the index), and what it was permitted to. */
typedef struct ledger_stream {
    char path[64];   /* of its request; "": not begun */
    size_t data;     /* octets of DATA */
    size_t opened;   /* WINDOW_UPDATEs of ours */
    size_t credit;   /* WINDOW_UPDATEs of the client */
    size_t fed;      /* octets of the reply that were sent to the client */
    bool end, reset;
} ledger_stream;

static struct {
    ledger_stream stream[STREAMS];
    size_t data, opened; /* of the connection */
    size_t initial;      /* INITIAL_WINDOW_SIZE of ours */
} flow;

static uint8_t octets[100000];

static ledger_stream *of(uint32_t id)
{
    if (id / 2 >= STREAMS)
        test_die("too many streams", "of");
    return &flow.stream[id / 2];
}

static void note_request(uint32_t id)
{
    const char *path = strstr(script_now.fields, ":path: ");
    if (path != NULL)
        snprintf(of(id)->path, sizeof of(id)->path, "%.*s", (int)strcspn(path + 7, "\n"), path + 7);
}

static void note_data(const script_frame *f)
{
    ledger_stream *s = of(f->id);
    s->data += f->len;
    flow.data += f->len;
    s->end = (f->flags & 1) != 0;
    CHECK(f->len == 0 || s->data <= flow.initial + s->opened);
    CHECK(f->len == 0 || flow.data <= CONNECTION + flow.opened);
    CHECK(f->len <= 16384);
}

/* Lets time pass and enters what went out. */
static void look(viamc_ms ms)
{
    script_frame f;
    size_t before;
    do { /* what the pipe did not take leaves when it was read */
        before = script_now.len;
        script_run(ms);
        ms = 0;
    } while (script_now.len != before);
    while (script_next(&f)) {
        if (f.type == 1 || f.type == 9)
            script_decode(f.payload, f.len, f.type == 1);
        if (f.type == 1)
            note_request(f.id);
        else if (f.type == 0)
            note_data(&f);
        else if (f.type == 3)
            of(f.id)->reset = true;
        else if (f.type == 8 && f.id != 0)
            of(f.id)->credit += vmc_be32(f.payload);
    }
}

/* Streams whose path ends so. */
static unsigned count(const char *path)
{
    unsigned i, n = 0;
    for (i = 0; i < STREAMS; i++)
        n += strcmp(flow.stream[i].path, path) == 0;
    return n;
}

/* The last such stream. */
static uint32_t last(const char *path)
{
    uint32_t i = STREAMS;
    while (i-- != 0)
        if (strcmp(flow.stream[i].path, path) == 0)
            return 2 * i + 1;
    return 1;
}

static void flow_new(void)
{
    size_t i;
    memset(&flow, 0, sizeof flow);
    flow.initial = 65535;
    for (i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
    script_new();
}

/* ---- what the peer permits ---- */

static void settings(unsigned which, uint32_t value)
{
    uint8_t entry[6];
    vmc_put_be16(entry, which);
    vmc_put_be32(entry + 2, value);
    if (which == 4)
        flow.initial = value;
    script_send_frame(4, 0, 0, entry, 6);
}

static void open_window(uint32_t id, uint32_t n)
{
    uint8_t value[4];
    vmc_put_be32(value, n);
    if (id == 0)
        flow.opened += n;
    else
        of(id)->opened += n;
    script_send_frame(8, 0, id, value, 4);
}

/* Starts a call with a request of len octets that stay where they are. */
static viamc_call upload(size_t len)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    opts.keep = true;
    opts.timeout_ms = VIAMC_FOREVER;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view(octets, len), &opts, &call), VIAMC_OK);
    return call;
}

TEST(window_of_zero_and_then_opened)
{
    flow_new();
    script_ready();
    settings(4, 0);
    look(1);
    (void)upload(100);
    look(10);
    CHECK_EQ_INT(count(ECHO), 1); /* its header block needs no window */
    CHECK_EQ_INT(of(1)->data, 0);
    settings(4, 50);
    look(1);
    CHECK_EQ_INT(of(1)->data, 50);
    open_window(1, 54);
    look(1);
    CHECK_EQ_INT(of(1)->data, 104);
    CHECK(!of(1)->end);
    open_window(1, 10);
    look(1);
    CHECK_EQ_INT(of(1)->data, 105);
    CHECK(of(1)->end);
    script_close();
}

TEST(window_lowered_below_what_is_out)
{
    flow_new();
    script_ready();
    settings(4, 1000);
    look(1);
    (void)upload(3000);
    (void)upload(3000);
    look(1);
    CHECK_EQ_INT(flow.data, 2000);
    settings(4, 200); /* both are at -800 */
    open_window(1, 799);
    look(1);
    CHECK_EQ_INT(flow.data, 2000);
    settings(4, 201); /* 0 and -799 */
    look(1);
    CHECK_EQ_INT(flow.data, 2000);
    settings(4, 202);
    look(1);
    CHECK_EQ_INT(of(1)->data, 1001);
    CHECK_EQ_INT(of(3)->data, 1000);
    settings(4, 5000);
    look(1);
    CHECK(of(1)->end && of(3)->end);
    CHECK_EQ_INT(flow.data, 2 * 3005);
    script_close();
}

/* Windows that open and shrink at random: never an octet above them, and all octets in the end. */
TEST(windows_at_random)
{
    unsigned round, i;
    flow_new();
    script_ready();
    settings(4, 0);
    look(1);
    for (i = 0; i < 4; i++)
        (void)upload(10000 + 1000 * i);
    look(1);
    for (round = 0; round < 300; round++) {
        if (test_rand_below(4) == 0)
            settings(4, test_rand_below(3000));
        else
            open_window(1 + 2 * test_rand_below(4), 1 + test_rand_below(100));
        look(1);
    }
    settings(4, 65535);
    look(1);
    for (i = 0; i < 4; i++)
        CHECK(of(2 * i + 1)->end && of(2 * i + 1)->data == 10005 + 1000 * i);
    script_close();
}

/* Brings the client to a session of 2 s on streams 1, 3 and 5. */
static void with_session(void)
{
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, SET_POWER, M1, NULL, NULL), VIAMC_OK);
    look(1);
    script_reply(1, "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x02\x08\x02", 42);
    look(1);
    CHECK_EQ_STR(of(3)->path, BEAT);
    CHECK_EQ_STR(of(5)->path, SET_POWER);
    script_reply(3, "", 0);
    script_reply(5, "", 0);
    look(1);
    script_forget();
}

TEST(connection_window_used_up)
{
    unsigned beats, round;
    size_t user;
    flow_new();
    script_ready();
    settings(4, 1000000);
    look(1);
    with_session();
    (void)upload(sizeof octets);
    look(50);
    user = of(7)->data;
    CHECK_EQ_INT(flow.data, CONNECTION - SPARE);
    look(400);
    CHECK_EQ_INT(count(BEAT), 2);
    CHECK(of(last(BEAT))->end);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, STOP, M1, NULL, NULL), VIAMC_OK);
    look(1);
    CHECK_EQ_INT(count(STOP), 1);
    CHECK(of(last(STOP))->end);
    CHECK_EQ_INT(of(7)->data, user);
    for (round = 0; round < 5; round++) { /* and further heartbeats, for 2 s without a WINDOW_UPDATE */
        beats = count(BEAT);
        script_reply(last(BEAT), "", 0);
        look(400);
        CHECK_EQ_INT(count(BEAT), beats + 1);
        CHECK(of(last(BEAT))->end);
    }
    script_reply(last(BEAT), "", 0);
    open_window(0, 1000);
    look(1);
    CHECK_EQ_INT(flow.data, CONNECTION + 1000 - SPARE);
    CHECK(of(7)->data > user);
    script_close();
}

TEST(two_streams_permitted)
{
    uint32_t first;
    flow_new();
    script_ready();
    with_session();
    settings(3, 2);
    look(1);
    (void)upload(10);
    (void)upload(10);
    look(1);
    CHECK_EQ_INT(count(ECHO), 1); /* one of them is not the user's */
    first = last(ECHO);
    look(400);
    CHECK_EQ_INT(count(BEAT), 2);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, STOP, M1, NULL, NULL), VIAMC_OK);
    look(1);
    CHECK_EQ_INT(count(STOP), 1); /* a third one would be refused: the user's call gives way */
    CHECK(of(first)->reset);
    script_reply(last(STOP), "", 0);
    script_reply(last(BEAT), "", 0);
    look(1);
    CHECK_EQ_INT(count(ECHO), 2);
    script_close();
}

TEST(one_stream_permitted)
{
    flow_new();
    script_ready();
    with_session();
    settings(3, 1);
    look(1);
    (void)upload(10);
    (void)upload(10);
    look(1);
    CHECK_EQ_INT(count(ECHO), 1);
    look(410);
    CHECK_EQ_INT(count(BEAT), 1);
    script_reply(last(ECHO), "", 0);
    look(1);
    CHECK_EQ_INT(count(BEAT), 2); /* the session's goes first */
    CHECK_EQ_INT(count(ECHO), 1);
    script_reply(last(BEAT), "", 0);
    look(1);
    CHECK_EQ_INT(count(ECHO), 2);
    script_reply(last(ECHO), "", 0);
    look(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 2);
    script_close();
}

/* ---- what the client permits ---- */

static viamc_call download(const viamc_opts *opts)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("x", 1), opts, &call), VIAMC_OK);
    look(1);
    return call;
}

/* Sends what the client's credit permits of a message of len octets; with its last octet the reply is over. */
static void feed(uint32_t id, size_t len)
{
    static uint8_t whole[sizeof octets + 5];
    ledger_stream *s = of(id);
    size_t n = vmc_min(SLOT + s->credit, len + 5) - s->fed;
    vmc_put_be32(whole + 1, (uint32_t)len);
    memcpy(whole + 5, octets, len);
    if (s->fed == 0)
        script_send_block(id, SCRIPT_R1, false);
    if (n != 0)
        script_send_frame(0, 0, id, whole + s->fed, vmc_min(n, 4000));
    s->fed += vmc_min(n, 4000);
    if (n != 0 && s->fed == len + 5)
        script_send_block(id, SCRIPT_R2, true);
}

static void feed_all(uint32_t id, size_t len)
{
    unsigned turns;
    for (turns = 0; turns < 100 && of(id)->fed < len + 5; turns++) {
        feed(id, len);
        look(1);
    }
    CHECK_EQ_INT(of(id)->fed, len + 5);
}

/* Nothing is taken: the stream's window stays shut, whole replies of others come in, and taking opens it. */
TEST(full_slot_that_is_not_taken)
{
    viamc_opts opts = VIAMC_ZERO;
    script_frame f;
    unsigned i;
    flow_new();
    script_ready();
    opts.stream = VIAMC_M_SERVER_STREAM;
    (void)download(&opts);
    (void)download(NULL);
    script_send_block(1, SCRIPT_R1, false);
    for (i = 0; i < 5; i++)
        script_send_message(1, octets, 95);
    script_reply(3, octets, 500);
    for (i = 0; i < 10; i++) {
        script_now.loop.now += 10;
        CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
        script_listen();
    }
    while (script_next(&f))
        CHECK(f.type != 8 || f.id != 1);
    look(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_MESSAGE), 5);
    REQUIRE(script_event(VIAMC_EV_DONE, 0) != NULL);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->msg.len, 500);
    CHECK_EQ_INT(of(1)->credit, 500);
    CHECK_EQ_INT(of(3)->credit, 0);
    script_close();
}

static size_t sunk;
static bool sink_waits;

static viamc_err sink(void *user, const viamc_piece *p)
{
    (void)user;
    if (sink_waits)
        return VIAMC_WAIT;
    CHECK_EQ_INT(p->offset, sunk);
    CHECK(memcmp(p->bytes.ptr, octets + p->offset, p->bytes.len) == 0);
    sunk += p->bytes.len;
    return VIAMC_OK;
}

static void check_done(size_t nth, size_t len)
{
    const viamc_event *ev = script_event(VIAMC_EV_DONE, nth);
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK_EQ_INT(ev->msg.len, len);
}

/* One message after another through all the places that there are; each is credited in full and no further. */
TEST(places_in_turn)
{
    static uint8_t lent[3000];
    viamc_opts opts = VIAMC_ZERO;
    uint32_t id;
    flow_new();
    script_now.desc.rx_bytes = 4000;
    script_ready();
    for (id = 1; id < 13; id += 2) {
        const size_t len = id % 6 == 1 ? 3000 : id % 6 == 3 ? 3500 : 4000; /* lent buffer, large buffer, sink */
        memset(&opts, 0, sizeof opts);
        memset(lent, 0, sizeof lent);
        sunk = 0;
        opts.into = lent;
        opts.into_cap = sizeof lent;
        opts.sink = id % 6 == 5 ? sink : NULL;
        (void)download(&opts);
        feed_all(id, len);
        check_done(id / 2, id % 6 == 5 ? 0 : len);
        CHECK(of(id)->credit + SLOT >= len + 5 && of(id)->credit <= len + 5 + SLOT);
        CHECK_EQ_INT(memcmp(lent, octets, sizeof lent) == 0, id % 6 == 1);
        CHECK_EQ_INT(sunk, id % 6 == 5 ? len : 0);
    }
    script_close();
}

/* The second and the third have no more than a slot until it is their turn, and then what they need, at once. */
TEST(three_for_one_large_buffer)
{
    flow_new();
    script_now.desc.rx_bytes = 3000;
    script_ready();
    (void)download(NULL);
    (void)download(NULL);
    (void)download(NULL);
    feed(3, 3000);
    look(1);
    feed(1, 3000);
    feed(5, 2000);
    look(100);
    CHECK(of(3)->credit >= 3000 + 5 - SLOT);
    CHECK_EQ_INT(of(1)->credit + of(5)->credit, 0);
    feed_all(3, 3000);
    check_done(0, 3000);
    look(1); /* free at the first poll after its event was taken */
    CHECK_EQ_INT((of(1)->credit != 0) + (of(5)->credit != 0), 1);
    if (of(1)->credit != 0) {
        feed_all(1, 3000);
        look(1);
        feed_all(5, 2000);
    } else {
        feed_all(5, 2000);
        look(1);
        feed_all(1, 3000);
    }
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 3);
    script_close();
}

/* What the sink does not take stays in the slot; its window stays shut, and others are served. */
TEST(sink_that_waits)
{
    viamc_opts opts = VIAMC_ZERO;
    size_t credit;
    flow_new();
    script_ready();
    opts.sink = sink;
    sunk = 0;
    sink_waits = true;
    (void)download(&opts);
    feed(1, 5000);
    look(200);
    feed(1, 5000);
    look(200);
    credit = of(1)->credit;
    CHECK(of(1)->fed <= 2 * SLOT);
    feed(1, 5000);
    look(200);
    CHECK_EQ_INT(of(1)->credit, credit);
    CHECK_EQ_INT(sunk, 0);
    (void)download(NULL);
    script_reply(3, octets, 500);
    look(1);
    check_done(0, 500);
    sink_waits = false;
    look(10); /* asked again 10 ms later */
    CHECK_EQ_INT(sunk, of(1)->fed - 5);
    CHECK(of(1)->credit > credit);
    feed_all(1, 5000);
    CHECK_EQ_INT(sunk, 5000);
    check_done(1, 0);
    script_close();
}

/* With one record: the reply that finds no place is told with its size, its stream is reset, and the record serves the next call. */
TEST(reply_larger_than_everything)
{
    static uint8_t lent[2000];
    viamc_opts opts = VIAMC_ZERO;
    const viamc_event *ev;
    flow_new();
    script_now.desc.max_calls = 1;
    script_now.desc.rx_bytes = 3000;
    script_ready();
    opts.into = lent;
    opts.into_cap = sizeof lent;
    (void)download(&opts);
    feed(1, 3001);
    look(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_RESOURCE_EXHAUSTED);
    CHECK_EQ_STR(script_text(ev), "message of 3,001 bytes: lend opts.into, a sink, or give more rx_bytes");
    CHECK_EQ_INT(ev->ran, VIAMC_MAYBE);
    look(1);
    CHECK(of(1)->reset);
    CHECK_EQ_INT(of(1)->credit, 0);
    (void)download(NULL);
    feed_all(3, 3000);
    check_done(1, 3000);
    script_close();
}

int main(int argc, char **argv)
{
    test_begin("client_flow", argc, argv);
    RUN(window_of_zero_and_then_opened);
    RUN(window_lowered_below_what_is_out);
    RUN(windows_at_random);
    RUN(connection_window_used_up);
    RUN(two_streams_permitted);
    RUN(one_stream_permitted);
    RUN(full_slot_that_is_not_taken);
    RUN(places_in_turn);
    RUN(three_for_one_large_buffer);
    RUN(sink_that_waits);
    RUN(reply_larger_than_everything);
    return test_end();
}
