/* SPDX-License-Identifier: MIT */
/* call/call: two streams of any octets as messages with prefixes, in pieces of any size that there is room for, into slots, lent buffers, the large
 * buffer and sinks. Each message comes once, whole and in its order, whatever it waited for; octets that are no message end their call;
 * while nobody refuses, there is always something that makes room. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

enum { CALLS = 2, SLOT = 40, OWN = 48, INTO = 150, BIG = 200, STREAM = 2 * FUZZ_MAX };

/* One stream: what was sent, and what has come of it. */
typedef struct flow {
    uint8_t sent[STREAM];
    size_t len;          /* of it, sent */
    size_t read;         /* of it, compared with what came: whole messages */
    size_t sink_at;      /* of it, where the message begins that the sink has octets of, or gets next: it may be ahead of `read` */
    size_t sunk;         /* of that message's body, octets that the sink has */
    uint32_t small;      /* octets of the longest message that its slot takes */
    bool sink, refuses, waits;
    uint8_t into[INTO];
} flow;

typedef struct stage {
    vmc_calls table;
    vmc_user_call users[CALLS];
    flow flow[CALLS];
    uint8_t *slots, *big;
} stage;

/* The length of the message that begins there. */
static uint32_t length_at(const flow *f, size_t at)
{
    FUZZ_CHECK(f->len >= at && f->len - at >= VMC_CALL_PREFIX && f->sent[at] == 0);
    return vmc_be32(f->sent + at + 1);
}

static viamc_err take_piece(void *user, const viamc_piece *p)
{
    flow *f = (flow *)user;
    while (length_at(f, f->sink_at) <= f->small) /* those went into the slot */
        f->sink_at += VMC_CALL_PREFIX + length_at(f, f->sink_at);
    FUZZ_CHECK(p->total == length_at(f, f->sink_at) && p->offset == f->sunk && p->bytes.len <= p->total - p->offset && p->bytes.len != 0);
    if (f->refuses)
        return VIAMC_ERR_IO;
    if (f->waits)
        return VIAMC_WAIT;
    FUZZ_CHECK(memcmp(f->sent + f->sink_at + VMC_CALL_PREFIX + f->sunk, p->bytes.ptr, p->bytes.len) == 0);
    f->sunk += p->bytes.len;
    if (f->sunk == p->total) {
        f->sink_at += VMC_CALL_PREFIX + p->total;
        f->sunk = 0;
    }
    return VIAMC_OK;
}

/* A message was taken: is it the next one that was sent? What a sink had is not there again. */
static void compare(flow *f, viamc_bytes msg)
{
    const uint32_t n = length_at(f, f->read);
    if (f->sink && n > f->small)
        FUZZ_CHECK(f->sink_at >= f->read + VMC_CALL_PREFIX + n && msg.len == 0);
    else
        FUZZ_CHECK(msg.len == n && n <= f->len - f->read - VMC_CALL_PREFIX && memcmp(f->sent + f->read + VMC_CALL_PREFIX, msg.ptr, n) == 0);
    f->read += VMC_CALL_PREFIX + n;
}

static void take(stage *s, unsigned i)
{
    viamc_bytes msg;
    if (s->users[i].call.state == VMC_CALL_OPEN && vmc_calls_take(&s->table, &s->users[i].call, &msg))
        compare(&s->flow[i], msg);
}

/* The call has ended: what was next is no message, has no place, or its sink refused. */
static void check_end(const stage *s, unsigned i)
{
    const flow *f = &s->flow[i];
    const vmc_call *c = &s->users[i].call;
    size_t at = f->read;
    FUZZ_CHECK(c->state == VMC_CALL_ENDED && c->status != VIAMC_OK);
    while (f->len - at >= VMC_CALL_PREFIX && f->sent[at] == 0 && vmc_be32(f->sent + at + 1) <= f->len - at - VMC_CALL_PREFIX
           && (vmc_be32(f->sent + at + 1) <= f->small || !f->sink || !f->refuses))
        at += VMC_CALL_PREFIX + vmc_be32(f->sent + at + 1); /* whole ones that nobody has taken yet */
    FUZZ_CHECK(f->len - at >= VMC_CALL_PREFIX);
    FUZZ_CHECK(f->sent[at] != 0 || vmc_be32(f->sent + at + 1) > (f->sink ? f->small : BIG));
    FUZZ_CHECK(f->sent[at] != 0 || !f->sink || f->refuses || vmc_be32(f->sent + at + 1) > VMC_CALL_MAX_MESSAGE);
}

static void settle(stage *s)
{
    unsigned i;
    vmc_calls_settle_big(&s->table);
    s->table.unsettled = false;
    for (i = 0; i < CALLS; i++) {
        vmc_call *c = &s->users[i].call;
        if (c->state == VMC_CALL_OPEN && vmc_call_is_unsettled(c) && vmc_calls_settle(&s->table, c) != VIAMC_OK)
            check_end(s, i);
    }
}

/* The peer sends octets, as many as there is room for. */
static void send_octets(stage *s, unsigned i, viamc_bytes octets)
{
    flow *f = &s->flow[i];
    vmc_call *c = &s->users[i].call;
    const size_t n = vmc_min(octets.len, vmc_min(vmc_calls_room(&s->table, c), STREAM - f->len));
    uint8_t *copy = fuzz_exact(viamc_view(octets.ptr, n));
    if (c->state == VMC_CALL_OPEN && n != 0) {
        vmc_copy(f->sent + f->len, copy, n);
        f->len += n;
        if (vmc_calls_data(&s->table, c, viamc_view(copy, n)) != VIAMC_OK)
            check_end(s, i);
    }
    free(copy);
}

/* Everything is taken, and no sink waits: each stream that goes on has room, or what it needs is another's for the time being. */
static void check_room(stage *s)
{
    unsigned i, round;
    s->flow[0].waits = s->flow[1].waits = false;
    for (round = 0; round < SLOT; round++) {
        for (i = 0; i < CALLS; i++)
            take(s, i);
        settle(s);
    }
    for (i = 0; i < CALLS; i++) {
        const vmc_call *c = &s->users[i].call, *other = &s->users[1u - i].call;
        if (c->state == VMC_CALL_OPEN && vmc_calls_room(&s->table, c) == 0)
            FUZZ_CHECK(c->large == VMC_CALL_WAITS && (other->large == VMC_CALL_BIG || other->large == VMC_CALL_INTO));
    }
}

static void begin(stage *s, viamc_bytes *in)
{
    const uint8_t how = fuzz_u8(in);
    unsigned i;
    vmc_calls *t = &s->table;
    memset(s, 0, sizeof *s);
    t->users = s->users;
    t->count = t->user_count = CALLS;
    t->slot_count = (how & 0x40u) != 0 ? CALLS - 1u : CALLS; /* the last one has a place of its own, as a client's Stop */
    t->slot_bytes = SLOT;
    t->text_bytes = (how & 1u) != 0 ? VMC_CALL_TEXT : 0;
    t->one_large = (how & 2u) != 0;
    t->big_cap = BIG;
    t->slots = s->slots = (uint8_t *)malloc(CALLS * (SLOT + VMC_CALL_EXTRA + t->text_bytes));
    t->big = s->big = (uint8_t *)malloc(BIG);
    FUZZ_CHECK(s->slots != NULL && s->big != NULL);
    vmc_calls_init(t);
    for (i = 0; i < CALLS; i++) {
        vmc_user_call *u = &s->users[i];
        flow *f = &s->flow[i];
        vmc_calls_claim(t, &u->call);
        u->call.flags |= VMC_CALL_F_SERVER_STREAM;
        f->sink = i < t->slot_count && (how >> (2u + i) & 1u) != 0;
        if (f->sink) {
            u->call.has_sink = true;
            u->taker.sink.fn = take_piece;
            u->taker.sink.user = f;
        }
        f->small = SLOT;
        if (i >= t->slot_count) {
            u->taker.into.ptr = f->into;
            u->taker.into.cap = OWN;
            f->small = OWN - VMC_CALL_PREFIX;
        } else if (!f->sink && (how >> (4u + i) & 1u) != 0) {
            u->taker.into.ptr = f->into;
            u->taker.into.cap = INTO;
        }
    }
}

static void fuzz_one(viamc_bytes in)
{
    static stage s;
    begin(&s, &in);
    while (in.len != 0) {
        const uint8_t what = fuzz_u8(&in);
        const unsigned i = what & 1u;
        switch (what >> 1 & 7u) {
        case 0: take(&s, i); break;
        case 1: settle(&s); break;
        case 2: s.flow[i].waits = !s.flow[i].waits; break;
        case 3: s.flow[i].refuses = s.flow[i].refuses || what >= 0xf0u; break;
        default: send_octets(&s, i, fuzz_take(&in, what >> 4)); break;
        }
        FUZZ_CHECK(vmc_check_calls(&s.table) == NULL);
    }
    check_room(&s);
    free(s.slots);
    free(s.big);
}
