/* SPDX-License-Identifier: MIT */
/* The side under test with its program, the hostile peer, and the line between them on a virtual clock. A scene is brought about once and then
 * copied: every run of a row begins with the same octets in the same places. Include after peer.h and notation.h. */
#ifndef VIAMC_HOSTILE_WORLD_H
#define VIAMC_HOSTILE_WORLD_H

#define SESSION_ID "11111111-2222-4333-8444-000000000001"
#define KEY_ID "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"
#define KEY "abcdefghijklmnopqrstuvwxyz012345"
#define ROBOT "/viam.robot.v1.RobotService/"
#define MOTOR "/viam.component.motor.v1.MotorService/"
#define AUTHENTICATE "/proto.rpc.v1.AuthService/Authenticate"
#define ECHO "/t.E/"

enum {
    WINDOW_MS = 2000,                /* of a session */
    SLOT = 17000,                    /* octets of a message that never waits: a DATA frame of 16,384 fits */
    GUARD = 16,                      /* octets around the block that nobody may touch, beside the sanitizer's */
    STEPS_MAX = VMC_POLL_STEPS,      /* port calls of one poll */
    TURNS_MAX = 200000,
    BYTEWISE = 3000                  /* octets of a row that go one by one; behind them pieces, so that floods end */
};

typedef enum form { WHOLE, BYTES, RANDOM } form;
typedef enum role { CLIENT = 1, SERVER = 2, BOTH = 3 } role;
typedef enum kind { USUAL, BOARD, STOPS, KINDS } kind; /* BOARD: a client whose credit fits into one TLS record; STOPS: its victim is a Stop */
typedef enum scene { RECORDS, EARLY, CALLS, MANY, FEED, SCENES } scene; /* RECORDS: below TLS, before its handshake */

/* A call of the program's. */
typedef struct asked {
    viamc_call call;
    unsigned done;           /* DONE events: one, in the end */
    viamc_event end;
    viamc_ms ended_at;
    char text[100];
    unsigned messages;
    uint8_t metadata[600];
} asked;

enum { VICTIM, BYSTANDER, LATER, STOPPING, CALLS_MAX };

typedef struct world {
    vmc_loop loop;
    peer peer;
    role role;               /* of the side under test */
    form form;
    bool tls;
    kind kind;               /* of the client */
    size_t cut;              /* octets that went one by one */
    uint32_t steps;          /* most port calls of one poll */
    /* streams of the script */
    uint32_t victim, bystander, fresh, next;
    bool begun;              /* the reply to the bystander has its header block */
    bool polite;             /* the peer greets by itself */
    bool mute;               /* the peer answers nothing by itself */
    bool asleep;             /* the program takes no events */
    bool expire;             /* the next heartbeat is answered with SESSION_EXPIRED */
    unsigned power_requests, start_requests, beats; /* over all connections */
    bool resumed;            /* the last StartSession named the session */
    /* the client's program */
    viamc_client *client;
    asked asked[CALLS_MAX];
    unsigned events[9];
    viamc_error lost;
    /* the robot's program */
    viamc_server *server;
    viamc_request *kept[8];
    unsigned kept_count;
    unsigned powers, stops, serves;
    bool turning;
    char token[40];
    /* a driver that plays by the rules, beside the hostile peer */
    viamc_client *driver;
    uint8_t driver_memory[VIAMC_CLIENT_MEM_SMALL(2, 0)];
    unsigned driver_done, driver_lost; /* its calls that were answered OK; its losses, of connection and session */
    unsigned driver_stops;   /* of what it moves */
} world;

static world w;
static uint8_t *block;       /* the memory given to the side under test */
static size_t block_size;

static uint32_t notation_stream(char letter)
{
    switch (letter) {
    case 'V': return w.victim;
    case 'B': return w.bystander;
    case 'E': return 2;                /* a stream that a server would open */
    case 'F': return 0x00fffff1u;      /* one that nobody has opened */
    case 'N': w.fresh = w.next; w.next += 2; return w.fresh;
    case 'n': return w.fresh;
    default: break;
    }
    if (letter != 'H')
        test_die("no such stream", "notation");
    if (w.role == SERVER && w.fresh == 0) { /* where a header block may begin: a new request, the reply to the victim */
        w.fresh = w.next;
        w.next += 2;
    }
    return w.role == SERVER ? w.fresh : w.victim;
}

static const char *notation_ok(void)
{
    static char fields[200];
    if (w.role == CLIENT)
        return ":status=200 content-type=application/grpc";
    (void)snprintf(fields, sizeof fields, "83 86 :path=" ECHO "Collect content-type=application/grpc authorization='Bearer %s'", w.token);
    return fields;
}

static const char *notation_rest(void)
{
    return w.role == CLIENT ? "grpc-status=0" : "";
}

/* ---- a poll ---- */

static uint64_t moved(void)
{
    uint64_t n = w.loop.octets[0] + w.loop.octets[1];
    unsigned i, k;
    for (i = 0; i < VMC_LOOP_LINKS; i++)
        for (k = 0; k < 2; k++)
            n += w.loop.link[i].used ? w.loop.link[i].pipe[k].taken : 0;
    return n;
}

static void take_event(const viamc_event *ev)
{
    size_t i;
    if (ev->kind < TEST_COUNT(w.events))
        w.events[ev->kind]++;
    if (ev->kind == VIAMC_EV_LOST)
        w.lost = ev->error;
    for (i = 0; i < CALLS_MAX; i++) {
        asked *a = &w.asked[i];
        if ((ev->kind != VIAMC_EV_DONE && ev->kind != VIAMC_EV_MESSAGE) || ev->user != a || a->call != ev->call)
            continue;
        a->messages += ev->msg.ptr != NULL;
        if (ev->kind == VIAMC_EV_MESSAGE)
            continue;
        CHECK_EQ_INT(a->done, 0);
        CHECK_EQ_INT(w.events[VIAMC_EV_LOST], 0); /* calls end before LOST, and never behind it */
        a->done++;
        a->end = *ev;
        a->ended_at = w.loop.now;
        (void)snprintf(a->text, sizeof a->text, "%.*s", VIAMC_ARG(ev->text));
    }
}

static void poll_client(void)
{
    viamc_event ev;
    (void)viamc_poll(w.client, w.loop.now); /* looks at its invariants: VIAMC_CHECK */
    while (!w.asleep && viamc_next_event(w.client, &ev))
        take_event(&ev);
}

static void poll_driver(void)
{
    viamc_event ev;
    (void)viamc_poll(w.driver, w.loop.now);
    while (viamc_next_event(w.driver, &ev)) {
        w.driver_done += ev.kind == VIAMC_EV_DONE && ev.status == VIAMC_OK;
        w.driver_lost += ev.kind == VIAMC_EV_LOST || ev.kind == VIAMC_EV_SESSION_LOST;
    }
}

static void poll_server(void)
{
    uint8_t i;
    if (w.driver != NULL)
        poll_driver();
    CHECK_EQ_INT(viamc_server_poll(w.server, w.loop.now), VIAMC_OK);
    for (i = 0; i < w.server->desc.max_peers; i++) {
        const vmc_peer *p = &w.server->peers[i];
        CHECK_EQ_STR(vmc_check_calls(&p->calls), NULL);
        if (p->conn.state == VMC_CONN_UP)
            CHECK_EQ_STR(vmc_check_streams(&p->conn.grpc.h2, &p->calls), NULL);
    }
}

static viamc_wait_hint hint(void)
{
    viamc_wait_hint h, other;
    viamc_wait(w.driver, w.loop.now, &other); /* without one: for ever */
    if (w.role == CLIENT)
        viamc_wait(w.client, w.loop.now, &h);
    else
        viamc_server_wait(w.server, w.loop.now, &h);
    h.ms = vmc_min32(h.ms, other.ms);
    return h;
}

/* One poll of the side under test; the peer hears what it says. */
static void turn(void)
{
    const vmc_loop_end *end = (const vmc_loop_end *)(w.role == CLIENT ? vmc_loop_client(&w.loop, 0) : vmc_loop_server(&w.loop));
    uint32_t before = end->calls[VMC_LOOP_ANY];
    if (w.role == CLIENT)
        poll_client();
    else
        poll_server();
    w.steps = end->calls[VMC_LOOP_ANY] - before > w.steps ? end->calls[VMC_LOOP_ANY] - before : w.steps;
    if (w.peer.robot && !w.peer.here)
        (void)peer_connect(&w.peer);
    peer_hear(&w.peer);
}

/* Counts the moves that came, over all connections. */
static void count_moves(void)
{
    size_t i;
    for (i = 0; i < w.peer.streams; i++) {
        peer_stream *s = &w.peer.stream[i];
        w.power_requests += !s->counted && peer_is_path(s, MOTOR "SetPower");
        s->counted = true;
    }
}

/* Until nothing moves and the side under test would sleep. */
static void settle(void)
{
    unsigned idle = 0, turns = 0;
    while (idle < 2 && turns++ < TURNS_MAX) {
        uint64_t before = moved();
        turn();
        idle = moved() == before && (w.asleep || hint().ms != 0) ? idle + 1 : 0; /* events that are not taken ask for polls */
    }
    if (w.role == CLIENT)
        count_moves();
    CHECK(turns < TURNS_MAX); /* it asks to be polled and does nothing */
}

/* ---- the peer speaks ---- */

/* How many of n octets go at once. */
static size_t piece(size_t n)
{
    uint32_t most = test_rand_below(3) != 0 ? 16 : 2000;
    if (w.form == WHOLE)
        return n;
    if (w.form == BYTES && w.cut < BYTEWISE)
        return 1;
    return vmc_min(n, 1u + test_rand_below(w.form == BYTES ? 300 : most));
}

static void send_octets(const uint8_t *octets, size_t n)
{
    size_t at = 0, stuck = 0;
    while (at < n && w.peer.here && !w.peer.lost && stuck < 200) {
        size_t want = piece(n - at), done = peer_write(&w.peer, octets + at, want);
        at += done;
        w.cut += done;
        stuck = done == 0 ? stuck + 1 : 0;
        if (done == 0 || w.form == BYTES || (w.form == RANDOM && test_rand_below(3) != 0))
            turn();
    }
    CHECK(stuck < 200); /* the side under test does not read */
}

/* Books what the frames that are sent permit: more at once, less when it is acknowledged. */
static void book_frame(uint8_t type, uint8_t flags, uint32_t id, const uint8_t *octets, size_t n)
{
    peer *p = &w.peer;
    size_t i, k;
    if (type == VMC_H2_F_WINDOW_UPDATE && n == 4)
        *(id == 0 ? &p->window : &peer_of(p, id)->window) += (int32_t)vmc_min32(vmc_be32(octets), 0x100000);
    if (type == VMC_H2_F_DATA && id != 0)
        peer_of(p, id)->credit -= (int32_t)n;
    for (i = 0; type == VMC_H2_F_SETTINGS && (flags & VMC_H2_ACK) == 0 && i + 6 <= n; i += 6) {
        int32_t delta = (int32_t)vmc_min32(vmc_be32(octets + i + 2), 0x100000) - p->stream_window;
        if (vmc_be16(octets + i) != VMC_H2_INITIAL_WINDOW_SIZE)
            continue;
        p->stream_window += delta;
        for (k = 0; k < p->streams; k++)
            p->stream[k].window += delta;
    }
}

static void book(const uint8_t *octets, size_t n)
{
    while (n >= 9 && n - 9 >= vmc_be24(octets)) {
        size_t len = vmc_be24(octets);
        book_frame(octets[3], octets[4], vmc_be32(octets + 5) & VMC_H2_ID_MAX, octets + 9, len);
        octets += 9 + len;
        n -= 9 + len;
    }
}

static notation_out out_now; /* octets that wait for more, or for an order */

static void flush_octets(void)
{
    book(out_now.octet, out_now.len);
    send_octets(out_now.octet, out_now.len);
    out_now.len = 0;
}

static void obey(const char *order);

/* Runs items up to the end, or to the brace that ends the group; where it ended. */
static const char *run_items(const char *script)
{
    char item[NOTATION_ITEM];
    const char *next;
    while ((next = notation_next(script, item)) != NULL && strcmp(item, "}") != 0) {
        unsigned long times = isdigit((unsigned char)item[0]) ? strtoul(item, NULL, 0) : 1;
        const char *what = isdigit((unsigned char)item[0]) ? strchr(item, ' ') + 1 : item, *after = next;
        while (times-- != 0) {
            if (*what == '{')
                after = run_items(next);
            else if (!notation_item(&out_now, *what == 'x' ? what + 2 : what)) {
                flush_octets();
                obey(what);
            }
        }
        script = after;
    }
    return next;
}

static void run_script(const char *script)
{
    (void)run_items(script);
    flush_octets();
}

/* The same with numbers put in. */
static void say(const char *format, ...)
{
    char script[1000];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(script, sizeof script, format, args);
    va_end(args);
    run_script(script);
}

/* A reply to stream id; msg is payload in notation. */
static void reply(uint32_t id, const char *msg)
{
    say("HEADERS+EH %u :status=200 content-type=application/grpc; DATA %u %s; HEADERS+EH+ES %u grpc-status=0", (unsigned)id, (unsigned)id, msg, (unsigned)id);
    peer_of(&w.peer, id)->answered = true;
}

/* The requests that every robot answers. */
static void answer_robot(uint32_t id)
{
    peer_stream *s = peer_of(&w.peer, id);
    if (peer_is_path(s, ROBOT "StartSession")) {
        w.start_requests++;
        w.resumed = s->len == 43 && memcmp(s->data + 7, SESSION_ID, 36) == 0;
        reply(id, "00 =42 0a24 '" SESSION_ID "' 12020802");
    } else if (peer_is_path(s, ROBOT "SendSessionHeartbeat") && w.expire) {
        w.expire = false;
        say("HEADERS+EH+ES %u :status=200 content-type=application/grpc grpc-status=3 grpc-message=SESSION_EXPIRED", (unsigned)id);
        s->answered = true;
    } else if (peer_is_path(s, ROBOT "SendSessionHeartbeat")) {
        w.beats++;
        reply(id, "msg:");
    } else if (peer_is_path(s, MOTOR "Stop") || peer_is_path(s, ROBOT "GetVersion")) {
        reply(id, "msg:");
    }
}

/* What a peer that plays along owes: acknowledgements, and a robot its usual answers. */
static void answer(void)
{
    peer *p = &w.peer;
    size_t i;
    if (w.mute || p->lost || !p->here)
        return;
    if (w.polite && p->greeted && !p->greets) {
        p->greets = true;
        say("SETTINGS 0");
    }
    for (; p->acked < p->settings; p->acked++)
        say("SETTINGS+ACK 0");
    for (; p->ponged < p->pings; p->ponged++)
        say("PING+ACK 0 'vvvvvvvv'");
    for (i = 0; p->robot && i < p->streams; i++)
        if (p->stream[i].end && !p->stream[i].answered && p->stream[i].rst == PEER_NONE)
            answer_robot(p->stream[i].id);
}

/* Lets both sides do what there is to do. */
static void play(void)
{
    uint64_t before;
    do {
        settle();
        before = moved();
        answer();
    } while (moved() != before);
}

/* Time goes by; the side under test sleeps as it asks to. */
static inline void pass(viamc_ms ms)
{
    viamc_ms until = w.loop.now + ms;
    play();
    while (w.loop.now != until) {
        viamc_ms step = vmc_min32(until - w.loop.now, hint().ms);
        w.loop.now += step == 0 ? 1 : step;
        play();
    }
}

#endif
