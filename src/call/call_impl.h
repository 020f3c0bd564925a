/* SPDX-License-Identifier: MIT */
/* call/call: the passive table of calls. Carriers push what came from the peer, owners pull what it means.
 *
 * The memory rule (design.md 2): a call's slot holds the octets of its stream as they came, prefixes included.
 *     [taken by the owner | whole messages | the message under way | room = what the peer may send]
 * A message larger than a slot leaves only its 5-octet prefix there; its body goes to one of: lent buffer, sink, big.
 * Both roles use it: a server's requests are calls too. */
#ifndef VIAMC_CALL_CALL_IMPL_H
#define VIAMC_CALL_CALL_IMPL_H

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "call/call.h"

#define VMC_CALL_PREFIX 5u   /* gRPC over HTTP/2: flag and big-endian length before each message */
#define VMC_CALL_EXTRA 8u    /* octets of a slot beside the message: its prefix, rounded up */
#define VMC_CALL_TEXT 88u    /* octets of status text that have a place of their own in a server's slots, whose message stays as it is */
#define VMC_CALL_TEXT_MAX 255u
#define VMC_CALL_NONE 0xffu  /* no record */
#define VMC_CALL_MAX_MESSAGE 0x7fffff00u /* octets; larger lengths are refused whatever the memory */

typedef enum vmc_call_state {
    VMC_CALL_FREE,
    VMC_CALL_HELD,  /* not to be sent yet: waits for the session, or behind a Stop */
    VMC_CALL_OPEN,  /* to be sent, or on its way, or running */
    VMC_CALL_ENDED, /* over; its owner has not been told */
    VMC_CALL_TOLD   /* DONE can be pulled */
} vmc_call_state;

/* Where the body of a message larger than a slot goes. */
typedef enum vmc_call_large {
    VMC_CALL_SMALL, /* no such message under way */
    VMC_CALL_WAITS, /* for the buffer it needs; its octets stay in the slot */
    VMC_CALL_INTO,
    VMC_CALL_SINK,
    VMC_CALL_BIG,
    VMC_CALL_TAKEN  /* whole, and its owner has it: its buffer is free again with the next poll */
} vmc_call_large;

/* vmc_call.flags */
#define VMC_CALL_F_CLIENT_STREAM 0x0001u /* as VIAMC_M_CLIENT_STREAM */
#define VMC_CALL_F_SERVER_STREAM 0x0002u
#define VMC_CALL_F_HEAD 0x0004u     /* header block is to be sent */
#define VMC_CALL_F_FINISH 0x0008u   /* nothing follows what is pending: half-close (client), trailers (server) */
#define VMC_CALL_F_FINISHED 0x0010u /* half-close or trailers were sent */
#define VMC_CALL_F_SENT 0x0020u     /* an octet of it was given to the connection */
#define VMC_CALL_F_TOKEN 0x0040u    /* carries the bearer token */
#define VMC_CALL_F_SESSION 0x0080u  /* carries viam-sid */
#define VMC_CALL_F_INTERNAL 0x0100u /* ours: replies need no slot, sending goes first */
#define VMC_CALL_F_FIRST 0x0200u    /* goes before other calls: Stop */
#define VMC_CALL_F_DROP 0x0400u     /* reply octets are counted, not kept */
#define VMC_CALL_F_REPEATS 0x0800u  /* its message stays in tx until the end: Stop is sent again */
#define VMC_CALL_F_PEER_END 0x1000u /* the peer ended its side of the stream, or said by a reset that nothing of it runs */
#define VMC_CALL_F_TEXT_CUT 0x2000u
#define VMC_CALL_F_WRITABLE 0x4000u /* event: the next message may be sent */
#define VMC_CALL_F_LISTED 0x8000u   /* in the list of events */

/* What is looked at most comes first: a short offset is a short instruction. */
typedef struct vmc_call {
    uint8_t state;
    uint8_t large;          /* vmc_call_large */
    uint16_t flags;
    uint8_t live;           /* in the list of records in use */
    uint8_t next;           /* in the list of events */
    uint8_t motion;         /* what the motion rules know of it */
    uint8_t metadata_count;
    uint8_t messages;       /* whole messages that came, at most 2: unary needs exactly one */
    uint8_t status;
    uint8_t ran;
    uint8_t text_len;
    uint16_t path_len;      /* of a client's call */
    uint16_t meta_cap, meta_len;
    uint16_t meta_at;       /* start of the field that is being added */
    const char *path;
    uint32_t tx_at, tx_len; /* this call's part of tx */
    uint32_t body_len;
    uint32_t sent;          /* octets of tx part and body that were sent */
    uint32_t stored;        /* slot: octets in it */
    uint32_t parsed;        /* slot: where the message under way starts */
    uint32_t taken;         /* slot: octets the owner has taken; gone with the next poll */
    uint32_t msg_len;       /* message under way larger than a slot */
    uint32_t got;           /* octets of it that came */
    vmc_timer deadline;
    uint32_t generation;
    uint32_t resource;      /* hash of the resource that it moves or stops; 0: none */
    viamc_ms asked;         /* motion: when it was asked for */
    uint32_t into_cap;
    const viamc_method *method; /* NULL: raw */
    void *user;
    const viamc_metadata *metadata;
    const uint8_t *body;   /* message octets outside tx (kept, or ours), sent after those in tx; of an ended call: a text of our own */
    uint8_t *into;         /* lent buffer; of an internal call: its slot */
    viamc_sink_fn sink;
    void *sink_user;
    uint8_t *meta;
} vmc_call;

typedef struct vmc_calls {
    vmc_call *rec;
    uint8_t count;       /* records */
    uint8_t slot_count;  /* the first of them have slots */
    uint8_t big_owner;
    uint8_t first, last; /* list of calls with events */
    uint8_t live;        /* list of records in use, oldest first */
    uint8_t turn;        /* the one that found the window full: first with the next write; NONE: the oldest */
    uint8_t ended;       /* records in state ENDED */
    bool in_sink;        /* a sink is being called: nothing else may be */
    bool stirred;        /* something may have become sendable since the last write */
    bool big_elsewhere;  /* servers: another table has the large buffer, which they share */
    uint8_t *slots;
    uint8_t *big;
    uint8_t *tx;
    uint32_t slot_bytes; /* largest message that a slot takes */
    uint32_t text_bytes; /* of a slot: VMC_CALL_TEXT on servers; 0 on clients, where the text lies behind what is stored */
    uint32_t big_cap;
    uint32_t tx_cap, tx_used;
    uint32_t large_max;  /* messages larger than a slot under way at once, beyond which they wait */
} vmc_calls;

typedef struct vmc_calls_config {
    vmc_call *rec;
    uint8_t *slots;      /* slot_count * (slot_bytes + VMC_CALL_EXTRA + text_bytes) octets */
    uint8_t *big;
    uint8_t *tx;
    uint32_t slot_bytes, text_bytes, big_cap, tx_cap, large_max;
    uint8_t count, slot_count;
} vmc_calls_config;

VMC_FN void vmc_calls_init(vmc_calls *t, const vmc_calls_config *cfg)
{
    VIAMC_MEMSET(t, 0, sizeof *t);
    VIAMC_MEMSET(cfg->rec, 0, cfg->count * sizeof cfg->rec[0]);
    t->rec = cfg->rec;
    t->slots = cfg->slots;
    t->big = cfg->big;
    t->tx = cfg->tx;
    t->slot_bytes = cfg->slot_bytes;
    t->text_bytes = cfg->text_bytes;
    t->big_cap = cfg->big_cap;
    t->tx_cap = cfg->tx_cap;
    t->large_max = cfg->large_max;
    t->count = cfg->count;
    t->slot_count = cfg->slot_count;
    t->big_owner = VMC_CALL_NONE;
    t->first = VMC_CALL_NONE;
    t->last = VMC_CALL_NONE;
    t->live = VMC_CALL_NONE;
    t->turn = VMC_CALL_NONE;
}

/* ---- records and handles ---- */

VMC_FN viamc_call vmc_calls_handle(const vmc_calls *t, uint8_t i)
{
    return t->rec[i].generation << 8 | i;
}

/* The record of a handle, VMC_CALL_NONE if the call is over. */
VMC_FN uint8_t vmc_calls_find(const vmc_calls *t, viamc_call call)
{
    uint8_t i = (uint8_t)(call & 0xffu);
    if (call == 0 || i >= t->count || t->rec[i].state == VMC_CALL_FREE || t->rec[i].generation != call >> 8)
        return VMC_CALL_NONE;
    return i;
}

/* Records in use, oldest first. The body may free record i, and claim none. */
#define VMC_CALLS_EACH(t, i) for (i = (t)->live; i != VMC_CALL_NONE; i = (t)->rec[i].live)

/* The link that leads to record i (or to the end of the list, for VMC_CALL_NONE). */
VMC_FN uint8_t *vmc_calls_link(vmc_calls *t, uint8_t i)
{
    uint8_t *link = &t->live;
    while (*link != i && *link != VMC_CALL_NONE)
        link = &t->rec[*link].live;
    return link;
}

/* Makes free record i a new call, all members zero but the generation. */
VMC_FN vmc_call *vmc_calls_claim(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    uint32_t generation = (c->generation + 1u) & 0xffffffu;
    VIAMC_MEMSET(c, 0, sizeof *c);
    c->generation = generation == 0 ? 1u : generation;
    c->state = VMC_CALL_OPEN;
    c->flags = VMC_CALL_F_HEAD;
    c->next = VMC_CALL_NONE;
    c->live = VMC_CALL_NONE;
    *vmc_calls_link(t, VMC_CALL_NONE) = i;
    t->stirred = true;
    return c;
}

VMC_FN bool vmc_call_is_running(const vmc_call *c)
{
    return c->state == VMC_CALL_OPEN || c->state == VMC_CALL_HELD;
}

VMC_FN viamc_str vmc_call_path(const vmc_call *c)
{
    viamc_str path;
    path.ptr = c->path;
    path.len = c->path_len;
    return path;
}

VMC_FN bool vmc_call_is_client_stream(const vmc_call *c)
{
    return (c->flags & VMC_CALL_F_CLIENT_STREAM) != 0;
}

VMC_FN bool vmc_call_is_server_stream(const vmc_call *c)
{
    return (c->flags & VMC_CALL_F_SERVER_STREAM) != 0;
}

/* Where record i keeps what it receives. */
VMC_FN uint8_t *vmc_calls_slot(const vmc_calls *t, uint8_t i, uint32_t *cap)
{
    if (i < t->slot_count) {
        *cap = t->slot_bytes + VMC_CALL_PREFIX;
        return t->slots + (size_t)i * (t->slot_bytes + VMC_CALL_EXTRA + t->text_bytes);
    }
    *cap = t->rec[i].into_cap;
    return t->rec[i].into;
}

/* Where its status text is, and the octets that it may have: in a place of its own, or behind what is stored. */
VMC_FN uint8_t *vmc_calls_text_place(const vmc_calls *t, uint8_t i, uint32_t *room)
{
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, i, &cap);
    if (i < t->slot_count && t->text_bytes != 0) {
        *room = t->text_bytes;
        return slot + t->slot_bytes + VMC_CALL_EXTRA;
    }
    *room = slot == NULL ? 0 : vmc_min32(cap - t->rec[i].stored, VMC_CALL_TEXT_MAX);
    return slot == NULL ? NULL : slot + t->rec[i].stored;
}

/* What is to be read of an ended call: the peer's words, or ours, which are constant. */
VMC_FN viamc_bytes vmc_calls_text(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    uint32_t room;
    if (!vmc_call_is_running(c) && c->body != NULL)
        return vmc_bytes_of(viamc_text((const char *)c->body));
    return viamc_view(vmc_calls_text_place(t, i, &room), c->text_len);
}

/* Largest message that record i takes in its slot. */
VMC_FN uint32_t vmc_calls_small(const vmc_calls *t, uint8_t i)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, i, &cap);
    return cap < VMC_CALL_PREFIX ? 0 : cap - VMC_CALL_PREFIX;
}

/* ---- tx: requests lie one after another; one that is done is cut out ---- */

/* Octets free in tx for a message of record i, its prefix not counted; `reserve` of them belong to Stop. */
VMC_FN uint32_t vmc_calls_tx_room(const vmc_calls *t, uint32_t reserve)
{
    uint32_t left = t->tx_cap - t->tx_used;
    return left < reserve + VMC_CALL_PREFIX ? 0 : left - reserve - VMC_CALL_PREFIX;
}

/* True if a message of len octets fits, its prefix and the reserve beside it. */
VMC_FN bool vmc_calls_tx_fits(const vmc_calls *t, size_t len, uint32_t reserve)
{
    uint32_t left = t->tx_cap - t->tx_used;
    return left >= reserve + VMC_CALL_PREFIX && len <= left - reserve - VMC_CALL_PREFIX;
}

/* Where the next message's octets will lie: whoever encodes there spares the copy. */
VMC_FN uint8_t *vmc_calls_tx_next(const vmc_calls *t)
{
    return t->tx + t->tx_used + VMC_CALL_PREFIX;
}

/* Cuts out what record i has there. */
VMC_APART void vmc_calls_tx_close(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    uint32_t n = c->tx_len, end = c->tx_at + n;
    uint8_t k;
    if (end != t->tx_used) {
        vmc_move(t->tx + c->tx_at, t->tx + end, t->tx_used - end);
        VMC_CALLS_EACH(t, k)
            if (t->rec[k].tx_len != 0 && t->rec[k].tx_at >= end)
                t->rec[k].tx_at -= n;
    }
    t->tx_used -= n;
    c->tx_len = 0;
    c->tx_at = 0;
}

VMC_FN void vmc_calls_tx_cut(vmc_calls *t, uint8_t i)
{
    if (t->rec[i].tx_len != 0)
        vmc_calls_tx_close(t, i);
}

/* Octets of record i that wait to be sent. */
VMC_FN uint32_t vmc_call_pending(const vmc_call *c)
{
    return c->tx_len + c->body_len - c->sent;
}

/* Copies a message behind what record i still has to send: prefix, octets, and two views more that belong to it (a field that is added).
 * With `keep` the octets stay the caller's and go last, which protobuf allows. The caller has checked the room; a call's octets lie
 * together, so only the last call in tx can get more (vmc_calls_can_append). */
VMC_FN void vmc_calls_put_message(vmc_calls *t, uint8_t i, viamc_bytes msg, const viamc_bytes added[2], bool keep)
{
    vmc_call *c = &t->rec[i];
    uint8_t *p = t->tx + t->tx_used, *to = p + VMC_CALL_PREFIX;
    const size_t extra = added[0].len + added[1].len;
    if (c->tx_len == 0)
        c->tx_at = t->tx_used;
    p[0] = 0;
    vmc_put_be32(p + 1, (uint32_t)(msg.len + extra));
    if (keep) {
        c->body = msg.ptr;
        c->body_len = (uint32_t)msg.len;
    } else {
        vmc_move(to, msg.ptr, msg.len); /* may be there already: vmc_calls_tx_next */
        to += msg.len;
    }
    if (extra != 0) {
        vmc_copy(to, added[0].ptr, added[0].len);
        vmc_copy(to + added[0].len, added[1].ptr, added[1].len);
        to += extra;
    }
    c->tx_len += (uint32_t)(to - p);
    t->tx_used += (uint32_t)(to - p);
    t->stirred = true;
}

static const viamc_bytes vmc_calls_nothing[2] = {{NULL, 0}, {NULL, 0}};

/* True if record i can take another message behind the ones it has pending. */
VMC_FN bool vmc_calls_can_append(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    return c->body_len == 0 && (c->tx_len == 0 || c->tx_at + c->tx_len == t->tx_used);
}

/* Next octets to send, as one view. */
VMC_FN viamc_bytes vmc_calls_next_octets(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    if (c->sent < c->tx_len)
        return viamc_view(t->tx + c->tx_at + c->sent, c->tx_len - c->sent);
    return viamc_view(c->body == NULL ? NULL : c->body + (c->sent - c->tx_len), vmc_call_pending(c));
}

/* ---- events: a list of records, in order of arrival ---- */

VMC_FN void vmc_calls_list(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    if ((c->flags & (VMC_CALL_F_LISTED | VMC_CALL_F_INTERNAL)) != 0)
        return;
    c->flags |= VMC_CALL_F_LISTED;
    c->next = VMC_CALL_NONE;
    if (t->first == VMC_CALL_NONE)
        t->first = i;
    else
        t->rec[t->last].next = i;
    t->last = i;
}

VMC_FN void vmc_calls_unlist_first(vmc_calls *t)
{
    vmc_call *c = &t->rec[t->first];
    t->first = c->next;
    c->flags &= (uint16_t)~VMC_CALL_F_LISTED;
    if (t->first == VMC_CALL_NONE)
        t->last = VMC_CALL_NONE;
}

/* Octets were handed to the connection; events and room in tx follow from that. */
VMC_FN void vmc_calls_sent(vmc_calls *t, uint8_t i, uint32_t n)
{
    vmc_call *c = &t->rec[i];
    c->sent += n;
    if (vmc_call_pending(c) != 0 || (c->flags & VMC_CALL_F_REPEATS) != 0)
        return;
    vmc_calls_tx_cut(t, i);
    c->body = NULL;
    c->body_len = 0;
    c->sent = 0;
    if (vmc_call_is_client_stream(c) && (c->flags & VMC_CALL_F_FINISH) == 0 && c->state == VMC_CALL_OPEN) {
        c->flags |= VMC_CALL_F_WRITABLE;
        vmc_calls_list(t, i);
    }
}

/* ---- the end of a call ---- */

/* The call is over; the first end counts. The owner is told after it has looked at it (vmc_calls_tell). */
VMC_FN void vmc_calls_end(vmc_calls *t, uint8_t i, uint32_t status, uint8_t ran)
{
    vmc_call *c = &t->rec[i];
    if (!vmc_call_is_running(c))
        return;
    c->status = (uint8_t)status;
    c->ran = c->ran == VIAMC_ANSWERED && ran == VIAMC_NOT_RUN ? (uint8_t)VIAMC_MAYBE : ran; /* another copy of it did run */
    c->state = VMC_CALL_ENDED; /* its deadline stays: grpc-timeout may be half sent */
    t->ended++;
    c->body = NULL;
    c->body_len = 0;
    if ((c->flags & VMC_CALL_F_REPEATS) == 0) {
        vmc_calls_tx_cut(t, i);
        c->sent = 0;
    }
}

/* Ends a call with a text of our own, which is constant: what was pulled of the slot stays as it is. */
VMC_FN void vmc_calls_end_text(vmc_calls *t, uint8_t i, uint32_t status, uint8_t ran, const char *text)
{
    vmc_call *c = &t->rec[i];
    if (!vmc_call_is_running(c))
        return;
    vmc_calls_end(t, i, status, ran);
    c->body = (const uint8_t *)text;
}

/* Where a text with numbers goes: a message that is not whole, or the reply of a unary call that fails, makes room for it. */
VMC_FN vmc_wr vmc_calls_begin_text(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    uint32_t room;
    uint8_t *text;
    if (t->text_bytes == 0 && !vmc_call_is_server_stream(c))
        c->parsed = c->taken = 0;
    if (t->text_bytes == 0)
        c->stored = c->parsed;
    text = vmc_calls_text_place(t, i, &room);
    return vmc_wr_of(text, room);
}

/* Keeps as much of a text as fits. In a poll, or on a server. */
VMC_FN void vmc_calls_set_text(vmc_calls *t, uint8_t i, viamc_bytes text)
{
    vmc_wr w = vmc_calls_begin_text(t, i);
    vmc_wr_cut(&w, text.ptr, text.len);
    t->rec[i].text_len = (uint8_t)w.len;
}

/* What is known of a call that we end: one of which no whole message has left never ran. */
VMC_FN uint8_t vmc_call_ran_locally(const vmc_call *c)
{
    bool half = (c->flags & (VMC_CALL_F_CLIENT_STREAM | VMC_CALL_F_FINISHED | VMC_CALL_F_REPEATS)) == 0;
    return half || (c->flags & VMC_CALL_F_SENT) == 0 ? VIAMC_NOT_RUN : VIAMC_MAYBE;
}

VMC_FN void vmc_calls_free(vmc_calls *t, uint8_t i)
{
    uint8_t *link = vmc_calls_link(t, i);
    vmc_calls_tx_cut(t, i);
    if (*link == i)
        *link = t->rec[i].live;
    if (t->turn == i)
        t->turn = t->rec[i].live;
    t->rec[i].state = VMC_CALL_FREE;
    t->rec[i].large = VMC_CALL_SMALL;
}

/* Its owner has looked at the end: from now on DONE can be pulled. */
VMC_FN void vmc_calls_tell(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    t->ended--;
    if ((c->flags & VMC_CALL_F_INTERNAL) != 0) {
        vmc_calls_free(t, i);
        return;
    }
    c->state = VMC_CALL_TOLD;
    vmc_calls_tx_cut(t, i);
    vmc_calls_list(t, i);
}

/* The same call once more, as if new: Stop is sent again. */
VMC_FN void vmc_calls_again(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    t->ended--;
    t->stirred = true;
    c->state = VMC_CALL_OPEN;
    c->flags &= (uint16_t)~(VMC_CALL_F_FINISHED | VMC_CALL_F_PEER_END | VMC_CALL_F_TEXT_CUT);
    c->flags |= VMC_CALL_F_HEAD;
    c->sent = c->stored = c->parsed = c->taken = c->got = 0;
    c->large = VMC_CALL_SMALL;
    c->messages = 0;
    c->text_len = 0;
    c->meta_len = 0;
}

/* ---- receiving ---- */

/* Octets that the message under way of record i still needs; 1 where any number helps. */
VMC_FN uint32_t vmc_calls_needs(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    uint32_t cap, have = c->stored - c->parsed;
    const uint8_t *p = vmc_calls_slot(t, i, &cap) + c->parsed;
    if (c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG)
        return c->msg_len - c->got;
    if (c->large == VMC_CALL_SINK)
        return 1;
    if (have < VMC_CALL_PREFIX)
        return VMC_CALL_PREFIX - have;
    return c->large == VMC_CALL_WAITS ? 0 : VMC_CALL_PREFIX + vmc_be32(p + 1) - have;
}

/* Octets of its stream that record i has room for: what its peer may send. */
VMC_FN uint32_t vmc_calls_room(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    uint32_t cap;
    (void)vmc_calls_slot(t, i, &cap);
    if (c->state != VMC_CALL_OPEN)
        return 0;
    if ((c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG) && c->got < c->msg_len)
        return c->msg_len - c->got;
    return cap - c->stored;
}

/* Fails a call because of what its peer sent; the carrier cancels the stream. */
VMC_FN viamc_err vmc_calls_refuse(vmc_calls *t, uint8_t i, uint32_t status, const char *text)
{
    vmc_calls_end_text(t, i, status, VIAMC_MAYBE, text);
    return VIAMC_ERR_MESSAGE;
}

/* Ends a call whose message has no place, and says which size would do. */
VMC_APART void vmc_calls_too_large(vmc_calls *t, uint8_t i, uint32_t len)
{
    vmc_wr w = vmc_calls_begin_text(t, i);
    vmc_wr_text(&w, VMC_TEXT("message of "));
    vmc_wr_grouped(&w, len);
    vmc_wr_text(&w, VMC_TEXT(" bytes: lend opts.into, a sink, or give more rx_bytes"));
    t->rec[i].text_len = (uint8_t)w.len;
    vmc_calls_end(t, i, VIAMC_RESOURCE_EXHAUSTED, VIAMC_MAYBE);
}

/* A whole message of record i is there. */
VMC_FN void vmc_calls_complete(vmc_calls *t, uint8_t i, uint32_t slot_octets)
{
    vmc_call *c = &t->rec[i];
    c->parsed += slot_octets;
    if (c->large == VMC_CALL_SINK)
        c->large = VMC_CALL_SMALL;
    c->messages = (uint8_t)(c->messages < 2u ? c->messages + 1u : 2u);
    if (vmc_call_is_server_stream(c))
        vmc_calls_list(t, i);
}

/* The large buffer's last message was taken. */
VMC_FN bool vmc_calls_big_is_free(const vmc_calls *t)
{
    return t->big_owner == VMC_CALL_NONE || t->rec[t->big_owner].large != VMC_CALL_BIG;
}

/* The memory for a message of msg_len octets, larger than a slot: where it goes, WAITS, or SMALL for nowhere. */
VMC_FN vmc_call_large vmc_calls_place(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    uint32_t k, under_way = 0;
    if (c->sink != NULL)
        return VMC_CALL_SINK;
    if (c->msg_len > (c->into == NULL ? 0 : c->into_cap) && c->msg_len > t->big_cap)
        return VMC_CALL_SMALL;
    for (k = 0; k < t->count; k++)
        under_way += t->rec[k].state == VMC_CALL_OPEN && (t->rec[k].flags & VMC_CALL_F_DROP) == 0 && (t->rec[k].large == VMC_CALL_INTO || t->rec[k].large == VMC_CALL_BIG);
    if (under_way >= t->large_max)
        return VMC_CALL_WAITS;
    if (c->into != NULL && c->msg_len <= c->into_cap)
        return VMC_CALL_INTO;
    return vmc_calls_big_is_free(t) && !t->big_elsewhere ? VMC_CALL_BIG : VMC_CALL_WAITS;
}

/* Hands octets to the sink. OK: taken. WAIT: not. Else the call has ended. */
VMC_FN viamc_err vmc_calls_to_sink(vmc_calls *t, uint8_t i, viamc_bytes octets)
{
    vmc_call *c = &t->rec[i];
    viamc_piece piece;
    viamc_err err;
    piece.path = NULL;
    piece.bytes = octets;
    piece.offset = c->got;
    piece.total = c->msg_len;
    t->in_sink = true;
    err = c->sink(c->sink_user, &piece);
    t->in_sink = false;
    if (err == VIAMC_OK)
        c->got += (uint32_t)octets.len;
    else if (err != VIAMC_WAIT)
        vmc_calls_end_text(t, i, VIAMC_CANCELLED, VIAMC_MAYBE, VMC_TEXT("the sink refused a piece"));
    return err;
}

/* Takes body octets to where the large message goes; how many were taken. */
VMC_FN uint32_t vmc_calls_take_large(vmc_calls *t, uint8_t i, viamc_bytes octets)
{
    vmc_call *c = &t->rec[i];
    uint8_t *to = c->large == VMC_CALL_BIG ? t->big : c->into;
    if (octets.len > c->msg_len - c->got)
        octets.len = c->msg_len - c->got;
    if (c->large == VMC_CALL_SINK)
        return octets.len != 0 && vmc_calls_to_sink(t, i, octets) == VIAMC_OK ? (uint32_t)octets.len : 0;
    vmc_copy(to + c->got, octets.ptr, octets.len);
    c->got += (uint32_t)octets.len;
    return (uint32_t)octets.len;
}

/* Moves body octets that lie in the slot (they came before there was a place, or while the sink waited) to the large message. */
VMC_FN void vmc_calls_drain(vmc_calls *t, uint8_t i, uint8_t *slot)
{
    vmc_call *c = &t->rec[i];
    uint32_t body = c->parsed + VMC_CALL_PREFIX;
    uint32_t n = vmc_calls_take_large(t, i, viamc_view(slot + body, c->stored - body));
    if (c->state != VMC_CALL_OPEN)
        return; /* its sink refused: the status text lies there now */
    vmc_move(slot + body, slot + body + n, c->stored - body - n);
    c->stored -= n;
    if (c->got == c->msg_len)
        vmc_calls_complete(t, i, VMC_CALL_PREFIX);
}

/* A message larger than a slot: finds its place. */
VMC_FN viamc_err vmc_calls_begin_large(vmc_calls *t, uint8_t i, uint8_t *slot, uint32_t len)
{
    vmc_call *c = &t->rec[i];
    if (c->large != VMC_CALL_SMALL)
        return VIAMC_OK; /* the one before has not gone: this one stays in the slot */
    c->msg_len = len;
    c->got = 0;
    c->large = (uint8_t)vmc_calls_place(t, i);
    if (c->large == VMC_CALL_SMALL && (c->flags & VMC_CALL_F_INTERNAL) != 0)
        return VIAMC_ERR_NOMEM; /* nobody could lend it more */
    if (c->large == VMC_CALL_SMALL) {
        vmc_calls_too_large(t, i, len);
        return VIAMC_ERR_MESSAGE;
    }
    if (c->large == VMC_CALL_BIG)
        t->big_owner = i;
    if (c->large != VMC_CALL_WAITS)
        vmc_calls_drain(t, i, slot);
    return c->state == VMC_CALL_OPEN ? VIAMC_OK : VIAMC_ERR_SINK;
}

/* Looks at what lies in the slot from `parsed` on: whole messages, then at most one that is under way. */
VMC_FN viamc_err vmc_calls_parse(vmc_calls *t, uint8_t i, uint8_t *slot)
{
    vmc_call *c = &t->rec[i];
    const uint32_t small = vmc_calls_small(t, i);
    while (c->stored - c->parsed >= VMC_CALL_PREFIX && (c->large == VMC_CALL_SMALL || c->got == c->msg_len)) {
        const uint8_t *p = slot + c->parsed;
        uint32_t len = vmc_be32(p + 1);
        if (p[0] != 0)
            return vmc_calls_refuse(t, i, VIAMC_INTERNAL, p[0] == 1u ? VMC_TEXT("compressed message, and no encoding was agreed") : VMC_TEXT("reserved bits in a message prefix"));
        if (len > VMC_CALL_MAX_MESSAGE)
            return vmc_calls_refuse(t, i, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("message larger than 2 GB"));
        if (len > small) {
            uint32_t before = c->parsed;
            viamc_err err = vmc_calls_begin_large(t, i, slot, len);
            if (err != VIAMC_OK || c->parsed == before)
                return err;
        } else if (c->stored - c->parsed - VMC_CALL_PREFIX < len) {
            return VIAMC_OK;
        } else {
            vmc_calls_complete(t, i, VMC_CALL_PREFIX + len);
        }
    }
    return VIAMC_OK;
}

/* Octets of record i's stream have come. OK; MESSAGE: the call has ended, its stream is to be cancelled;
 * NOMEM: more than there is room for (a server's peer that has not seen our SETTINGS, the reply to a call of the library's own). */
VMC_FN viamc_err vmc_calls_data(vmc_calls *t, uint8_t i, viamc_bytes octets)
{
    vmc_call *c = &t->rec[i];
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, i, &cap);
    if ((c->flags & VMC_CALL_F_DROP) != 0 || c->state != VMC_CALL_OPEN)
        return VIAMC_OK;
    if (c->large != VMC_CALL_SMALL && c->large != VMC_CALL_WAITS && c->got < c->msg_len && c->stored == c->parsed + VMC_CALL_PREFIX) {
        uint32_t n = vmc_calls_take_large(t, i, octets);
        octets.ptr += n;
        octets.len -= n;
        if (c->state != VMC_CALL_OPEN)
            return VIAMC_ERR_SINK;
        if (c->got == c->msg_len)
            vmc_calls_complete(t, i, VMC_CALL_PREFIX);
    }
    if (octets.len > cap - c->stored)
        return VIAMC_ERR_NOMEM;
    vmc_copy(slot + c->stored, octets.ptr, octets.len);
    c->stored += (uint32_t)octets.len;
    return vmc_calls_parse(t, i, slot);
}

/* The one message of a unary reply came whole, with its prefix, and nothing before it: false if it has to go another way. */
VMC_FN bool vmc_calls_take_reply(vmc_calls *t, uint8_t i, viamc_bytes octets)
{
    vmc_call *c = &t->rec[i];
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, i, &cap);
    if (c->state != VMC_CALL_OPEN || c->stored != 0 || c->messages != 0 || vmc_call_is_server_stream(c))
        return false;
    if (octets.len < VMC_CALL_PREFIX || octets.ptr[0] != 0 || vmc_be32(octets.ptr + 1) != octets.len - VMC_CALL_PREFIX)
        return false;
    if ((c->flags & VMC_CALL_F_DROP) != 0)
        return true;
    if (octets.len > cap)
        return false;
    vmc_copy(slot, octets.ptr, octets.len);
    c->stored = c->parsed = (uint32_t)octets.len;
    c->messages = 1;
    return true;
}

/* The peer ended its stream: is what came whole? */
VMC_FN bool vmc_calls_is_whole(const vmc_calls *t, uint8_t i)
{
    return t->rec[i].stored == t->rec[i].parsed || (t->rec[i].flags & VMC_CALL_F_DROP) != 0;
}

/* The rest of the large message is there, in the slot: its sink said WAIT. */
VMC_FN bool vmc_calls_is_parked(const vmc_call *c)
{
    return c->large == VMC_CALL_SINK && c->stored - c->parsed - VMC_CALL_PREFIX >= c->msg_len - c->got;
}

/* Adds a piece of a field to the lent metadata buffer: name length, value length (16 bits each), octets.
 * A field that does not fit is left out, and so are all later ones. */
VMC_FN void vmc_calls_metadata(vmc_calls *t, uint8_t i, viamc_bytes name, viamc_bytes value, bool first)
{
    vmc_call *c = &t->rec[i];
    vmc_wr w = vmc_wr_of(c->meta, c->meta_cap);
    uint32_t len = 0;
    w.len = c->meta_len;
    if (first) {
        c->meta_at = c->meta_len;
        vmc_wr_be16(&w, (uint32_t)name.len);
        vmc_wr_be16(&w, 0);
        vmc_wr_bytes(&w, name.ptr, name.len);
    }
    vmc_wr_bytes(&w, value.ptr, value.len);
    if (!w.full)
        len = (uint32_t)(w.len - c->meta_at - 4u - name.len);
    if (w.full || len > 0xffffu) {
        c->meta_len = c->meta_at;
        c->meta_cap = c->meta_at;
        return;
    }
    vmc_put_be16(c->meta + c->meta_at + 2, len);
    c->meta_len = (uint16_t)w.len;
}

/* ---- taking ---- */

/* The next whole message of record i, as a view that lasts until vmc_calls_settle; false if there is none. */
VMC_FN bool vmc_calls_take(vmc_calls *t, uint8_t i, viamc_bytes *msg)
{
    vmc_call *c = &t->rec[i];
    uint32_t cap, len;
    uint8_t *p = vmc_calls_slot(t, i, &cap);
    *msg = viamc_view(NULL, 0);
    if (c->taken == c->parsed)
        return false;
    p += c->taken;
    len = vmc_be32(p + 1);
    c->taken += VMC_CALL_PREFIX;
    if (len <= vmc_calls_small(t, i)) {
        *msg = viamc_view(p + VMC_CALL_PREFIX, len);
        c->taken += len;
    } else if (c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG) {
        *msg = viamc_view(c->large == VMC_CALL_BIG ? t->big : c->into, len);
        c->large = VMC_CALL_TAKEN;
    }
    return true;
}

/* Start of a poll, for the whole table: the large buffer is free again once its message was taken. */
VMC_FN void vmc_calls_settle_big(vmc_calls *t)
{
    if (t->big_owner != VMC_CALL_NONE && t->rec[t->big_owner].large != VMC_CALL_BIG)
        t->big_owner = VMC_CALL_NONE;
}

/* True if something of the call was taken, or waits for a place. */
VMC_FN bool vmc_calls_is_unsettled(const vmc_call *c)
{
    return (c->taken != 0 || c->large != VMC_CALL_SMALL) && (c->state == VMC_CALL_OPEN || c->state == VMC_CALL_TOLD);
}

/* True if the start of a poll would give the peer of record i room: something was taken, or its turn for the large buffer has come. */
VMC_FN bool vmc_calls_can_settle(const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = &t->rec[i];
    return c->state == VMC_CALL_OPEN && (c->taken != 0 || (c->large == VMC_CALL_WAITS && vmc_calls_place(t, i) != VMC_CALL_WAITS));
}

/* Start of a poll, for such a call: what was taken is gone, waiting octets find their place. Not OK: the call has ended. */
VMC_FN viamc_err vmc_calls_settle(vmc_calls *t, uint8_t i)
{
    vmc_call *c = &t->rec[i];
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, i, &cap);
    vmc_move(slot, slot + c->taken, c->stored - c->taken + (c->state == VMC_CALL_TOLD ? c->text_len : 0u)); /* the text lies behind */
    c->stored -= c->taken;
    c->parsed -= c->taken;
    c->taken = 0;
    if (c->large == VMC_CALL_TAKEN || c->large == VMC_CALL_WAITS)
        c->large = VMC_CALL_SMALL; /* one that waits asks again */
    if (c->state != VMC_CALL_OPEN)
        return VIAMC_OK;
    if (c->large == VMC_CALL_SINK)
        vmc_calls_drain(t, i, slot);
    if (c->state != VMC_CALL_OPEN)
        return VIAMC_ERR_SINK;
    return vmc_calls_parse(t, i, slot);
}

/* ---- public ---- */

VIAMC_API bool viamc_event_metadata(const viamc_event *ev, size_t *at, viamc_str *name, viamc_bytes *value)
{
    vmc_rd r = vmc_rd_of(ev->metadata);
    viamc_bytes head, n;
    (void)vmc_rd_take(&r, *at);
    head = vmc_rd_take(&r, 4);
    if (!vmc_rd_ok(&r) || head.len != 4u)
        return false;
    n = vmc_rd_take(&r, vmc_be16(head.ptr));
    *value = vmc_rd_take(&r, vmc_be16(head.ptr + 2));
    name->ptr = (const char *)n.ptr;
    name->len = n.len;
    *at = ev->metadata.len - r.left;
    return vmc_rd_ok(&r);
}

#endif
