/* SPDX-License-Identifier: MIT */
/* A whole server with two peers, plaintext. The input is a play: what the peers send, how time goes by, when a line breaks, what the handlers
 * do. No poll asks for another one for ever, the invariants of the call tables hold, what a session moved is stopped when it ends, and requests
 * whose octets come one by one are served as those whose octets come at once. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

enum { PEERS = 2, STEPS_MAX = 200, SETTLE_MAX = 20000, KEPT = 8 };

/* ---- the lines ---- */

typedef struct line {
    uint8_t octet[8u * FUZZ_MAX]; /* from the peer */
    size_t len, read;
    bool waits, open, ended;      /* for accept; accepted; the peer is gone */
} line;

typedef struct play {
    line wire[PEERS];
    size_t read_max, write_max;   /* of one port call; 0: any */
    uint64_t memory[6000];
    viamc_server *server;
    viamc_ms now;
    uint8_t mood;                 /* what the handlers do next */
    viamc_request *kept[KEPT];
    bool moving, guarded;         /* the motor; by a session */
    fuzz_trace *served;           /* what the handlers were given */
} play;

static fuzz_trace served[2]; /* of both runs */

static viamc_err line_accept(void *user, unsigned conn, viamc_addr *peer)
{
    play *p = (play *)user;
    FUZZ_CHECK(conn < PEERS && !p->wire[conn].open);
    memcpy(peer->text, "fuzz", 5);
    if (!p->wire[conn].waits)
        return VIAMC_WAIT;
    p->wire[conn].waits = false;
    p->wire[conn].open = true;
    return VIAMC_OK;
}

static viamc_err line_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    play *p = (play *)user;
    line *l = &p->wire[conn];
    size_t n = vmc_min(cap, l->len - l->read);
    FUZZ_CHECK(conn < PEERS && cap != 0 && l->open);
    n = p->read_max != 0 ? vmc_min(n, p->read_max) : n;
    vmc_copy(buf, l->octet + l->read, n);
    l->read += n;
    *len = n;
    return n == 0 && l->ended ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

static viamc_err line_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    play *p = (play *)user;
    static volatile uint8_t last;
    FUZZ_CHECK(conn < PEERS && len != 0 && p->wire[conn].open);
    last = buf[len - 1u]; /* all of it can be read */
    (void)last;
    *done = p->write_max != 0 ? vmc_min(len, p->write_max) : len;
    return p->wire[conn].ended ? VIAMC_ERR_IO : VIAMC_OK;
}

static void line_close(void *user, unsigned conn)
{
    line *l = &((play *)user)->wire[conn];
    memset(l, 0, sizeof *l);
}

static viamc_err line_random(void *user, uint8_t *out, size_t len)
{
    static uint8_t next;
    (void)user;
    memset(out, ++next, len);
    return VIAMC_OK;
}

static const viamc_port line_port = {NULL, line_read, line_write, line_close, line_random, line_accept};

/* ---- the robot ---- */

static viamc_err keep(play *p, viamc_request *rq)
{
    unsigned i;
    for (i = 0; i < KEPT; i++)
        if (p->kept[i] == NULL) {
            p->kept[i] = rq;
            return viamc_request_keep(rq);
        }
    return VIAMC_ERR_NOMEM;
}

/* Answers as the play says. */
static viamc_err act(viamc_request *rq, viamc_bytes msg)
{
    play *p = (play *)viamc_request_user(rq);
    switch (p->mood % 8u) {
    case 0: return viamc_fail(rq, VIAMC_ABORTED, "no");
    case 1: return keep(p, rq);
    case 2: return VIAMC_ERR_IO;
    case 3: return VIAMC_OK;
    default: return viamc_answer_bytes(rq, msg);
    }
}

static void note(play *p, const char *what, viamc_bytes msg)
{
    fuzz_note(p->served, what, vmc_strlen(what));
    fuzz_note_number(p->served, (uint32_t)msg.len);
    fuzz_note(p->served, msg.ptr, msg.len);
}

static viamc_err on_unary(viamc_request *rq, viamc_bytes msg)
{
    note((play *)viamc_request_user(rq), "unary", msg);
    return act(rq, msg);
}

static viamc_err on_power(viamc_request *rq, viamc_bytes msg)
{
    play *p = (play *)viamc_request_user(rq);
    FUZZ_CHECK(viamc_str_eq(viamc_request_name(rq), viamc_text("m")));
    note(p, "power", msg);
    p->moving = true;
    p->guarded = rq->session != VMC_SERVER_NONE;
    return act(rq, msg);
}

static viamc_err on_stop(viamc_request *rq, viamc_bytes msg)
{
    play *p = (play *)viamc_request_user(rq);
    p->moving = false;
    return viamc_answer_bytes(rq, viamc_view(msg.ptr, 0));
}

static viamc_err on_feed(viamc_request *rq, viamc_bytes msg)
{
    if (viamc_request_at_end(rq))
        return act(rq, viamc_view("end", 3));
    note((play *)viamc_request_user(rq), "feed", msg);
    return VIAMC_OK;
}

static viamc_err on_chat(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err;
    if (viamc_request_at_end(rq))
        return VIAMC_OK;
    err = viamc_request_send(rq, msg);
    if (err == VIAMC_ERR_BUSY)
        return VIAMC_WAIT;
    note((play *)viamc_request_user(rq), "chat", msg);
    return err;
}

static viamc_err on_many(viamc_request *rq, viamc_bytes msg)
{
    uint32_t *at = viamc_request_mark(rq);
    for (; *at < 20u; ++*at)
        if (viamc_request_send(rq, msg) == VIAMC_ERR_BUSY)
            return VIAMC_WAIT;
    return VIAMC_OK;
}

static const viamc_method m_power = {"/viam.component.motor.v1.MotorService/SetPower", NULL, NULL, VIAMC_M_MONITORED, NULL};
static const viamc_method m_stop = {"/viam.component.motor.v1.MotorService/Stop", NULL, NULL, VIAMC_M_STOP, NULL};
static const viamc_method m_unary = {"/t.E/U", NULL, NULL, 0, NULL};
static const viamc_method m_feed = {"/t.E/F", NULL, NULL, VIAMC_M_CLIENT_STREAM, NULL};
static const viamc_method m_chat = {"/t.E/C", NULL, NULL, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, NULL};
static const viamc_method m_many = {"/t.E/M", NULL, NULL, VIAMC_M_SERVER_STREAM, NULL};
static const viamc_serve motor_methods[] = {{&m_power, on_power}, {&m_stop, on_stop}};
static const viamc_serve echo_methods[] = {{&m_unary, on_unary}, {&m_feed, on_feed}, {&m_chat, on_chat}, {&m_many, on_many}};
static const viamc_service motor = {"viam.component.motor.v1.MotorService", "component", "motor", motor_methods, 2, on_stop};
static const viamc_service echo = {"t.E", "", "", echo_methods, 4, NULL};
static const viamc_api_key keys[1] = {{"id", "key"}};

static void on_event(void *user, const viamc_server_event *ev)
{
    (void)user;
    FUZZ_CHECK(ev->peer == 255u || ev->peer < PEERS);
}

static void check(play *p)
{
    unsigned i;
    for (i = 0; i < PEERS; i++) {
        const vmc_peer *peer = &p->server->peers[i];
        FUZZ_CHECK(vmc_check_calls(&peer->calls) == NULL);
        if (peer->conn.state == VMC_CONN_UP)
            FUZZ_CHECK(vmc_check_streams(&peer->conn.grpc.h2, &peer->calls) == NULL);
    }
}

/* True if a line has something that wakes the server. */
static bool stirs(const play *p, uint8_t want)
{
    unsigned i;
    for (i = 0; i < PEERS; i++) {
        const line *l = &p->wire[i];
        if (l->waits || (l->open && (l->read != l->len || l->ended)))
            return true;
        if (l->open && (want & VIAMC_WANT_WRITE) != 0 && p->server->peers[i].conn.blocked)
            return true;
    }
    return false;
}

static void settle(play *p)
{
    viamc_wait_hint hint;
    unsigned turns = 0;
    do {
        FUZZ_CHECK(viamc_server_poll(p->server, p->now) == VIAMC_OK);
        check(p);
        viamc_server_wait(p->server, p->now, &hint);
        FUZZ_CHECK(++turns < SETTLE_MAX);
    } while (hint.ms == 0 || stirs(p, hint.want));
}

/* ---- the peers ---- */

static void send_octets(line *l, const void *octets, size_t n)
{
    if ((l->open || l->waits) && !l->ended && n <= sizeof l->octet - l->len) {
        vmc_copy(l->octet + l->len, octets, n);
        l->len += n;
    }
}

static void send_frame(line *l, uint8_t type, uint8_t flags, uint32_t id, viamc_bytes payload)
{
    uint8_t head[9];
    vmc_put_be24(head, (uint32_t)payload.len);
    head[3] = type;
    head[4] = flags;
    vmc_put_be32(head + 5, id);
    send_octets(l, head, sizeof head);
    send_octets(l, payload.ptr, payload.len);
}

static void send_message(line *l, uint32_t id, viamc_bytes msg, uint8_t flags)
{
    uint8_t data[5u + 255u];
    data[0] = 0;
    vmc_put_be32(data + 1, (uint32_t)msg.len);
    vmc_copy(data + 5, msg.ptr, msg.len);
    send_frame(l, 0, flags, id, viamc_view(data, 5u + msg.len));
}

/* The id of the first session as a field. */
static void put_session(const viamc_server *s, vmc_wr *w)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;
    vmc_wr_bytes(w, "\0\x08viam-sid\x24", 11);
    for (i = 0; i < 16u; i++) {
        if (i == 4u || i == 6u || i == 8u || i == 10u)
            vmc_wr_u8(w, '-');
        vmc_wr_u8(w, (uint8_t)digits[s->sessions[0].id[i] >> 4]);
        vmc_wr_u8(w, (uint8_t)digits[s->sessions[0].id[i] & 15u]);
    }
}

/* HEADERS of a request: :method POST, :scheme http, :path, content-type, perhaps a time limit and the session. */
static void send_request(const viamc_server *s, line *l, uint32_t id, uint8_t k)
{
    static const char *const paths[] = {
        "/t.E/U", "/t.E/F", "/t.E/C", "/t.E/M", "/viam.component.motor.v1.MotorService/SetPower", "/viam.component.motor.v1.MotorService/Stop",
        "/viam.robot.v1.RobotService/StartSession", "/viam.robot.v1.RobotService/SendSessionHeartbeat", "/viam.robot.v1.RobotService/ResourceNames",
        "/viam.robot.v1.RobotService/StopAll", "/proto.rpc.v1.AuthService/Authenticate", "/viam.robot.v1.RobotService/GetVersion", "/t.E/X", "/x", "", "*"
    };
    uint8_t block[200];
    vmc_wr w = vmc_wr_of(block, sizeof block);
    const char *path = paths[k % 16u];
    vmc_wr_bytes(&w, "\x83\x86\x04", 3);
    vmc_wr_u8(&w, (uint32_t)vmc_strlen(path));
    vmc_wr_text(&w, path);
    vmc_wr_bytes(&w, "\x0f\x10\x10" "application/grpc", 19);
    if ((k & 0x80u) != 0)
        vmc_wr_bytes(&w, "\0\x0cgrpc-timeout\x02" "1S", 17);
    if ((k & 0x20u) != 0)
        put_session(s, &w);
    send_frame(l, 1, (uint8_t)((k & 0x40u) != 0 ? 5 : 4), id, viamc_view(block, w.len));
}

/* ---- the play ---- */

enum { DO_TIME, DO_CUT, DO_SLOW, DO_CONNECT, DO_MOOD, DO_ANSWER, DO_RAW, DO_FRAME, DO_REQUEST, DO_MESSAGE, DO_LAST, DO_CALL, DO_CREDIT, DO_COUNT };

static void answer_kept(play *p, uint8_t k)
{
    viamc_request *rq = p->kept[k % KEPT];
    if (rq == NULL)
        return;
    p->kept[k % KEPT] = NULL;
    (void)viamc_request_cancelled(rq);
    if ((k & 0x10u) != 0)
        (void)viamc_fail(rq, VIAMC_INTERNAL, "late");
    else if (viamc_answer_bytes(rq, viamc_view("late", 4)) == VIAMC_ERR_BUSY)
        p->kept[k % KEPT] = rq;
}

static void step(play *p, viamc_bytes *in)
{
    static const uint16_t ms[8] = {1, 10, 100, 401, 1000, 2001, 5000, 20000};
    const uint8_t what = fuzz_u8(in) % DO_COUNT, k = fuzz_u8(in), flags = what >= DO_FRAME ? fuzz_u8(in) : 0;
    const uint32_t id = k >= 0xf0u ? 0 : k % 64u;
    line *l = &p->wire[(k & 0x40u) != 0];
    viamc_bytes raw;
    switch (what) {
    case DO_TIME: settle(p); p->now += ms[k % 8u]; break;
    case DO_CUT: l->ended = l->open; break;
    case DO_SLOW: p->write_max = k % 64u; break;
    case DO_CONNECT:
        l->waits = !l->open;
        if ((k & 1u) != 0 && l->waits)
            send_octets(l, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
        break;
    case DO_MOOD: settle(p); p->mood = k; break;
    case DO_ANSWER: settle(p); answer_kept(p, k); break;
    case DO_RAW:
        raw = fuzz_take(in, k);
        send_octets(l, raw.ptr, raw.len);
        break;
    case DO_FRAME: send_frame(l, flags % 11u, fuzz_u8(in), id, fuzz_take(in, fuzz_u8(in))); break;
    case DO_REQUEST: send_request(p->server, l, id, flags); break;
    case DO_MESSAGE: send_message(l, id, fuzz_take(in, flags), 0); break;
    case DO_LAST: send_message(l, id, fuzz_take(in, flags), 1); break;
    case DO_CALL:
        send_request(p->server, l, id, flags & 0xbfu);
        send_message(l, id, fuzz_take(in, fuzz_u8(in) % 64u), 1);
        break;
    default: send_frame(l, 8, 0, id, viamc_view("\0\0\1\0", 4)); break;
    }
    settle(p);
}

static void begin(play *p, uint8_t how, size_t read_max)
{
    viamc_server_desc desc = VIAMC_ZERO;
    memset(p, 0, sizeof *p);
    memset(p->memory, 0xa5, sizeof p->memory); /* nothing is said of what it holds */
    p->read_max = read_max;
    p->mood = 7;
    p->served = &served[read_max != 0];
    p->served->len = 0;
    p->now = (how & 1u) != 0 ? 0xfffff000u : 0; /* the clock may wrap */
    desc.port = &line_port;
    desc.port_user = p;
    desc.profile = VIAMC_BOARD;
    desc.max_peers = PEERS;
    desc.max_requests = 3;
    desc.slot_bytes = 128;
    desc.rx_bytes = (how & 2u) != 0 ? 400u : 0;
    if ((how & 4u) != 0) {
        desc.api_keys = keys;
        desc.api_key_count = 1;
    }
    desc.on_event = on_event;
    desc.event_user = p;
    FUZZ_CHECK(viamc_server_init(p->memory, sizeof p->memory, &desc, &p->server) == VIAMC_OK);
    FUZZ_CHECK(viamc_server_add(p->server, &motor, "m", NULL, p, NULL) == VIAMC_OK);
    FUZZ_CHECK(viamc_server_add(p->server, &echo, "", NULL, p, NULL) == VIAMC_OK);
}

/* All are gone and every session has ended: its motor stands. */
static void end(play *p)
{
    unsigned i;
    for (i = 0; i < PEERS; i++)
        p->wire[i].ended = p->wire[i].open;
    settle(p);
    for (i = 0; i < KEPT; i++)
        answer_kept(p, (uint8_t)(i | 0x10u));
    p->now += 5000u;
    settle(p);
    FUZZ_CHECK(!p->moving || !p->guarded);
    viamc_server_close(p->server);
}

static void perform(play *p, viamc_bytes in, size_t read_max)
{
    unsigned steps = 0;
    begin(p, fuzz_u8(&in), read_max);
    while (in.len != 0 && steps++ < STEPS_MAX)
        step(p, &in);
    end(p);
}

static void fuzz_one(viamc_bytes in)
{
    static play whole, split;
    size_t read_max = (size_t)fuzz_u8(&in) % 8u + 1u;
    perform(&whole, in, 0);
    perform(&split, in, read_max);
    FUZZ_CHECK(fuzz_same(&served[0], &served[1]));
}
