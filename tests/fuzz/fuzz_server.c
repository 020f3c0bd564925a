/* SPDX-License-Identifier: MIT */
/* A whole server with two peers, plaintext. The input is a play: what the peers send, how time goes by, when a line breaks, what the handlers
 * do. No poll asks for another one for ever, the invariants of the call tables hold, what a session moved is stopped when it ends, and requests
 * whose octets come one by one are served as those whose octets come at once. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "play.h"

enum { PEERS = 2, KEPT = 8 };

/* ---- the lines ---- */

typedef struct line {
    feed in;                      /* from the peer */
    bool waits, open, ended;      /* for accept; accepted; the peer is gone */
} line;

struct play {
    line wire[PEERS];
    size_t read_max, write_max;   /* of one port call; 0: any */
    uint8_t *memory;
    viamc_server *server;
    viamc_ms now;
    uint8_t mood;                 /* what the handlers do next */
    viamc_request *kept[KEPT];
    bool moving, guarded;         /* the motor; by a session */
    fuzz_trace *served;           /* what the handlers were given */
};

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
    FUZZ_CHECK(conn < PEERS && cap != 0 && l->open);
    *len = feed_read(&l->in, buf, cap, p->read_max);
    return *len == 0 && l->ended ? VIAMC_ERR_CLOSED : VIAMC_OK;
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
        if (l->waits || (l->open && (l->in.read != l->in.len || l->ended)))
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
    feed_frame(&l->in, 1, (uint8_t)((k & 0x40u) != 0 ? 5 : 4), id, viamc_view(block, w.len));
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
    const uint8_t what = fuzz_u8(in) % DO_COUNT, k = fuzz_u8(in), flags = what >= DO_FRAME ? fuzz_u8(in) : 0;
    const uint32_t id = k >= 0xf0u ? 0 : k % 64u;
    line *l = &p->wire[(k & 0x40u) != 0];
    viamc_bytes raw;
    switch (what) {
    case DO_TIME: settle(p); p->now += step_ms[k % 8u]; break;
    case DO_CUT:
        l->ended = l->open;
        l->in.on = l->waits;
        break;
    case DO_SLOW: p->write_max = k % 64u; break;
    case DO_CONNECT:
        l->waits = !l->open;
        l->in.on = !l->ended;
        if ((k & 1u) != 0 && l->waits)
            feed_octets(&l->in, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
        break;
    case DO_MOOD: settle(p); p->mood = k; break;
    case DO_ANSWER: settle(p); answer_kept(p, k); break;
    case DO_RAW:
        raw = fuzz_take(in, k);
        feed_octets(&l->in, raw.ptr, raw.len);
        break;
    case DO_FRAME: feed_any_frame(&l->in, flags % 11u, id, in); break;
    case DO_REQUEST: send_request(p->server, l, id, flags); break;
    case DO_MESSAGE: feed_message(&l->in, id, fuzz_take(in, flags), 0); break;
    case DO_LAST: feed_message(&l->in, id, fuzz_take(in, flags), 1); break;
    case DO_CALL:
        send_request(p->server, l, id, flags & 0xbfu);
        feed_message(&l->in, id, fuzz_take(in, fuzz_u8(in) % 64u), 1);
        break;
    default: feed_frame(&l->in, 8, 0, id, viamc_view("\0\0\1\0", 4)); break;
    }
    settle(p);
}

static void begin(play *p, uint8_t how, size_t read_max)
{
    viamc_server_desc desc = VIAMC_ZERO;
    size_t size;
    memset(p, 0, sizeof *p);
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
    size = viamc_server_mem_size(&desc) - (VMC_ALIGN - 1u); /* aligned, it needs no more */
    p->memory = fuzz_room(size);
    FUZZ_CHECK(viamc_server_init(p->memory, size, &desc, &p->server) == VIAMC_OK);
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
    free(p->memory);
}

static void fuzz_one(viamc_bytes in)
{
    static play whole, split;
    perform_twice(&whole, &split, in);
    FUZZ_CHECK(fuzz_same(&served[0], &served[1]));
}
