/* SPDX-License-Identifier: MIT */
/* A whole client, plaintext. The input is a play: what the program asks for, what its robot sends, how time goes by, when the line breaks.
 * Each call that was started ends in exactly one DONE, no poll asks for another one for ever, the invariants of design.md 2 hold, and a robot
 * whose octets come one by one is understood as one whose octets come at once. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "play.h"

enum { CALLS = 48, LENT = 300 };

/* ---- the line ---- */

typedef struct line {
    feed in;                      /* from the robot; on while connected */
    size_t read_max, write_max;   /* of one port call; 0: any */
    bool ended;                   /* the robot is gone */
    bool refuse;                  /* open fails */
    uint8_t head[9];              /* of the client's frame under way, behind its preface */
    uint32_t heard, skip;         /* octets of it; of its payload */
    uint32_t opened;              /* the client's last stream */
} line;

static viamc_err line_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    line *l = (line *)user;
    FUZZ_CHECK(conn == 0 && vmc_same(host, "robot", 6) && port == 8080u);
    if (l->refuse)
        return VIAMC_ERR_REFUSED;
    l->in.on = true;
    l->ended = false;
    l->in.len = l->in.read = 0;
    l->heard = l->opened = 0;
    l->skip = 24;
    return VIAMC_OK;
}

static viamc_err line_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    line *l = (line *)user;
    FUZZ_CHECK(conn == 0 && cap != 0 && l->in.on);
    *len = feed_read(&l->in, buf, cap, l->read_max);
    return *len == 0 && l->ended ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

/* Follows the client's frames. */
static void line_hear(line *l, uint8_t octet)
{
    if (l->skip != 0) {
        l->skip--;
        return;
    }
    l->head[l->heard++] = octet;
    if (l->heard < sizeof l->head)
        return;
    l->heard = 0;
    l->skip = vmc_be24(l->head);
    FUZZ_CHECK(l->skip <= 16384u && l->head[3] <= 9u);
    if (l->head[3] != 1u)
        return;
    FUZZ_CHECK(vmc_be32(l->head + 5) > l->opened);
    l->opened = vmc_be32(l->head + 5);
}

static viamc_err line_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    line *l = (line *)user;
    size_t i;
    FUZZ_CHECK(conn == 0 && len != 0 && l->in.on);
    *done = l->write_max != 0 ? vmc_min(len, l->write_max) : len;
    for (i = 0; i < *done; i++)
        line_hear(l, buf[i]);
    return l->ended ? VIAMC_ERR_IO : VIAMC_OK;
}

static void line_close(void *user, unsigned conn)
{
    (void)conn;
    ((line *)user)->in.on = false;
}

static viamc_err line_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    memset(out, 0x5a, len);
    return VIAMC_OK;
}

static const viamc_port line_port = {line_open, line_read, line_write, line_close, line_random, NULL};

/* ---- the program ---- */

typedef struct asked {
    viamc_call call;
    bool over, unary;
    uint8_t sink;         /* 1: takes all, 2: waits at first, 3: refuses behind 64 octets */
    uint32_t waits;
    fuzz_trace *told;     /* what this call was told */
    uint8_t *into, *metadata; /* LENT octets each, kept from call to call */
    viamc_metadata field;
} asked;

struct play {
    line wire;
    uint8_t *memory;
    viamc_client *client;
    viamc_ms now;
    asked call[CALLS];
    unsigned calls;
    bool paced;           /* a sink waited: then time matters, and pieces may make a difference */
    bool lost;            /* the line broke */
};

static fuzz_trace told[2][CALLS]; /* of both runs */

static const viamc_method set_power = {"/viam.component.motor.v1.MotorService/SetPower", NULL, NULL, VIAMC_M_MONITORED | VIAMC_M_SETPOINT, NULL};
static const viamc_method stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP | VIAMC_M_EXTRA, NULL};
static const viamc_method stop_all = {"/viam.robot.v1.RobotService/StopAll", NULL, NULL, VIAMC_M_STOP_ALL, NULL};
static const viamc_method both_ways = {"/test.v1.EchoService/Both", NULL, NULL, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method many = {"/test.v1.EchoService/Many", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method plain = {"/test.v1.EchoService/One", NULL, NULL, 0, NULL};
static const viamc_method *const methods[] = {&plain, &set_power, &stop, &stop_all, &both_ways, &many, &plain, &set_power};

static viamc_err take_piece(void *user, const viamc_piece *p)
{
    asked *a = (asked *)user;
    FUZZ_CHECK(p->offset <= p->total && p->bytes.len <= p->total - p->offset);
    if (a->sink == 2u && a->waits++ % 3u == 0)
        return VIAMC_WAIT;
    if (a->sink == 3u && p->offset + p->bytes.len > 64u)
        return VIAMC_ERR_IO;
    fuzz_note(a->told, p->bytes.ptr, p->bytes.len);
    return VIAMC_OK;
}

static void start(play *p, uint8_t kind, viamc_bytes msg)
{
    asked *a = &p->call[p->calls];
    const viamc_method *m = methods[kind & 7u];
    viamc_opts opts = VIAMC_ZERO;
    unsigned i;
    if (p->calls == CALLS)
        return;
    memset(a, 0, offsetof(asked, into));
    if (a->into == NULL) {
        a->into = fuzz_room(LENT);
        a->metadata = fuzz_room(LENT);
    }
    a->unary = m != &both_ways && m != &many;
    a->told = &told[p->wire.read_max != 0][p->calls];
    a->told->len = 0;
    opts.user = a;
    opts.replace = (m->flags & VIAMC_M_SETPOINT) != 0 && (kind & 0x08u) != 0;
    if ((kind & 0x10u) != 0) {
        opts.into = a->into;
        opts.into_cap = LENT;
    }
    if ((kind & 0x60u) != 0) {
        opts.sink = take_piece;
        opts.sink_user = a;
        a->sink = kind >> 5 & 3u;
        p->paced = p->paced || a->sink == 2u;
    }
    if ((kind & 0x80u) != 0) {
        a->field.name = viamc_text("x-bin");
        a->field.value = viamc_view("\0\1\2", 3);
        opts.metadata = &a->field;
        opts.metadata_count = 1;
        opts.metadata_into = a->metadata;
        opts.metadata_cap = LENT;
    }
    if (viamc_call_method(p->client, m, msg, &opts, &a->call) != VIAMC_OK)
        return;
    for (i = 0; i < p->calls; i++)
        if (p->call[i].call == a->call && !p->call[i].over) { /* a new value for a setpoint that waits */
            FUZZ_CHECK(opts.replace);
            return;
        }
    p->calls++;
}

/* Everything in an event can be read, and belongs to a call that is not over. */
static void take_event(play *p, const viamc_event *ev)
{
    asked *a = (asked *)ev->user;
    size_t at = 0;
    viamc_str name;
    viamc_bytes value;
    p->lost = p->lost || ev->kind == VIAMC_EV_LOST;
    if (ev->kind != VIAMC_EV_MESSAGE && ev->kind != VIAMC_EV_WRITABLE && ev->kind != VIAMC_EV_DONE)
        return;
    FUZZ_CHECK(a >= p->call && a < p->call + p->calls && a->call == ev->call && !a->over);
    a->over = ev->kind == VIAMC_EV_DONE;
    if (ev->kind == VIAMC_EV_WRITABLE)
        return;
    fuzz_note_number(a->told, ev->kind);
    if (ev->status == 0)
        fuzz_note(a->told, ev->msg.ptr, ev->msg.len);
    if (ev->kind == VIAMC_EV_MESSAGE)
        return;
    FUZZ_CHECK(ev->ran >= VIAMC_NOT_RUN && ev->ran <= VIAMC_ANSWERED);
    fuzz_note_number(a->told, ev->status == 0); /* which of two faults of one reply counts is another matter */
    while (viamc_event_metadata(ev, &at, &name, &value)) {
        FUZZ_CHECK(fuzz_inside(vmc_bytes_of(name), viamc_view(a->metadata, LENT)));
        if (ev->status == 0)
            fuzz_note(a->told, value.ptr, value.len);
    }
}

/* Polls until the client would sleep and nothing wakes it. */
static void settle(play *p)
{
    viamc_wait_hint hint;
    viamc_event ev;
    char text[200];
    unsigned turns = 0;
    do {
        (void)viamc_poll(p->client, p->now);
        while (viamc_next_event(p->client, &ev))
            take_event(p, &ev);
        viamc_wait(p->client, p->now, &hint);
        FUZZ_CHECK(++turns < SETTLE_MAX);
    } while (viamc_state(p->client) != VIAMC_FAILED
             && (hint.ms == 0 || (p->wire.in.on && (p->wire.in.read != p->wire.in.len || p->wire.ended || (hint.want & VIAMC_WANT_WRITE) != 0))));
    FUZZ_CHECK(viamc_explain(p->client, text, sizeof text) < sizeof text);
}

/* ---- the robot ---- */

#define REPLY "\x88\x0f\x10\x10" "application/grpc" /* :status 200, content-type */
#define STATUS "\x00\x0bgrpc-status\x01"            /* and a digit */

/* Stream k of those that the client opened; 255: the connection. */
static uint32_t stream(uint8_t k)
{
    return k == 255u ? 0 : 2u * (k % 64u) + 1u;
}

static void send_trailers(play *p, uint32_t id, uint8_t status)
{
    uint8_t block[sizeof STATUS];
    vmc_copy(block, STATUS, sizeof STATUS - 1u);
    block[sizeof STATUS - 1u] = (uint8_t)('0' + status % 10u);
    feed_frame(&p->wire.in, 1, 5, id, viamc_view(block, sizeof STATUS));
}

static void send_reply(play *p, uint32_t id, viamc_bytes msg, uint8_t status)
{
    feed_frame(&p->wire.in, 1, 4, id, viamc_view(REPLY, sizeof REPLY - 1u));
    feed_message(&p->wire.in, id, msg, 0);
    send_trailers(p, id, status);
}

/* ---- the play ---- */

/* Last what the robot sends on streams that are there: it may come together. */
enum { DO_TIME, DO_START, DO_CANCEL, DO_SEND, DO_END, DO_CUT, DO_SLOW, DO_RAW, DO_FRAME, DO_REPLY, DO_HEADERS, DO_MESSAGE, DO_TRAILERS, DO_CREDIT, DO_MORE, DO_COUNT };

static void step(play *p, viamc_bytes *in)
{
    const uint8_t what = fuzz_u8(in) % DO_COUNT, k = fuzz_u8(in);
    const viamc_call call = p->calls != 0 ? p->call[k % p->calls].call : 0;
    uint8_t flags;
    const bool alone = what < DO_FRAME || stream(k) == 0 || stream(k) > p->wire.opened;
    if (alone)
        settle(p);
    switch (what) {
    case DO_FRAME:
        flags = fuzz_u8(in);
        feed_any_frame(&p->wire.in, flags % 11u, stream(k), in);
        break;
    case DO_RAW: {
        viamc_bytes raw = fuzz_take(in, k);
        feed_octets(&p->wire.in, raw.ptr, raw.len);
        break;
    }
    case DO_TIME: p->now += step_ms[k % 8u]; break;
    case DO_START: start(p, k, fuzz_take(in, fuzz_u8(in) % 64u)); break;
    case DO_CANCEL: (void)viamc_call_cancel(p->client, call); break;
    case DO_SEND: (void)viamc_call_send_bytes(p->client, call, fuzz_take(in, fuzz_u8(in) % 64u)); break;
    case DO_END: (void)viamc_call_send_end(p->client, call); break;
    case DO_REPLY:
        flags = fuzz_u8(in);
        send_reply(p, stream(k), fuzz_take(in, fuzz_u8(in)), flags % 17u == 16u ? flags : 0);
        break;
    case DO_HEADERS: feed_frame(&p->wire.in, 1, 4, stream(k), viamc_view(REPLY, sizeof REPLY - 1u)); break;
    case DO_MESSAGE: feed_message(&p->wire.in, stream(k), fuzz_take(in, fuzz_u8(in)), 0); break;
    case DO_TRAILERS: send_trailers(p, stream(k), fuzz_u8(in)); break;
    case DO_CUT:
        p->wire.ended = p->wire.in.on;
        p->wire.refuse = k % 4u == 3u;
        break;
    case DO_CREDIT: feed_frame(&p->wire.in, 8, 0, stream(k), viamc_view("\0\0\1\0", 4)); break;
    case DO_MORE: feed_frame(&p->wire.in, 0, 0, stream(k), fuzz_take(in, fuzz_u8(in))); break;
    case DO_SLOW: p->wire.write_max = k % 64u; break;
    default: break;
    }
    if (alone || k % 8u != 7u)
        settle(p);
}

static void begin(play *p, uint8_t how, size_t read_max)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    size_t size;
    memset(p, 0, offsetof(play, memory));
    p->calls = 0;
    p->lost = p->paced = false;
    p->now = (how & 0x40u) != 0 ? 0xfffff000u : 0; /* the clock may wrap */
    p->wire.read_max = read_max;
    desc.port = &line_port;
    desc.port_user = &p->wire;
    desc.profile = VIAMC_BOARD;
    desc.no_tls = true;
    desc.max_calls = (uint8_t)(how % 4u);
    desc.slot_bytes = 128;
    desc.rx_bytes = (how & 4u) != 0 ? 400u : 0;
    dial.address = "robot:8080";
    dial.insecure = true;
    if ((how & 8u) != 0) {
        dial.credential_type = "secret";
        dial.credential_payload = "payload";
    }
    dial.require_session = (how & 0x10u) != 0;
    dial.disable_sessions = (how & 0x30u) == 0x20u; /* both together are refused */
    size = viamc_client_mem_size(&desc) - (VMC_ALIGN - 1u); /* aligned, it needs no more */
    p->memory = fuzz_room(size);
    FUZZ_CHECK(viamc_client_init(p->memory, size, &desc, &p->client) == VIAMC_OK);
    FUZZ_CHECK(viamc_dial(p->client, &dial) == VIAMC_OK);
    settle(p);
    if ((how & 0x80u) != 0) {
        feed_frame(&p->wire.in, 4, 0, 0, viamc_view("", 0));
        settle(p);
    }
}

static void end(play *p)
{
    unsigned i;
    settle(p);
    p->wire.ended = true;
    p->wire.refuse = true;
    for (i = 0; i < 4u; i++) { /* a sink that waits is asked again in 10 ms */
        settle(p);
        p->now += 20000u;
    }
    for (i = 0; i < p->calls; i++)
        FUZZ_CHECK(p->call[i].over);
    viamc_client_close(p->client);
    free(p->memory);
    for (i = 0; i < CALLS; i++) {
        free(p->call[i].into);
        free(p->call[i].metadata);
        p->call[i].into = p->call[i].metadata = NULL;
    }
}

static void fuzz_one(viamc_bytes in)
{
    static play whole, split;
    unsigned i;
    perform_twice(&whole, &split, in);
    if (whole.paced || split.paced)
        return;
    FUZZ_CHECK(whole.calls == split.calls);
    for (i = 0; i < whole.calls; i++)
        FUZZ_CHECK(fuzz_same(&told[0][i], &told[1][i]));
}
