/* SPDX-License-Identifier: MIT */
/* call/call: the passive table of calls. Carriers push what came from the peer, owners pull what it means.
 *
 * The memory rule (design.md 2): a call's slot holds the octets of its stream as they came, prefixes included.
 *     [taken by the owner | whole messages | the message under way | room = what the peer may send]
 * A message larger than a slot leaves only its 5-octet prefix there; its body goes to one of: lent buffer, sink, big. If the sink gets fields
 * (vmc_parts), what is no such field is kept behind the prefix.
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

/* What every call has, ours too: all that carriers need but for large messages. 60 octets on 32-bit machines. */
typedef struct vmc_call {
    uint8_t state;
    uint8_t large;          /* vmc_call_large */
    uint16_t flags;
    uint8_t next;           /* in the list of events */
    uint8_t motion;         /* what the motion rules know of it */
    uint8_t metadata_count;
    uint8_t messages;       /* whole messages that came, at most 2: unary needs exactly one */
    uint8_t status;
    uint8_t ran;
    uint8_t text_len;
    bool wants_metadata : 1; /* of the reply */
    bool has_sink : 1;      /* of a user's call: what its taker is */
    uint16_t path_len;      /* of a client's call */
    uint16_t kept;          /* of a user's call: octets of the large message under way that are kept in the slot: its prefix; if the sink gets
                             * fields the rest of the message too */
    struct vmc_call *live;  /* in the list of records in use */
    const char *path;
    uint32_t tx_at, tx_len; /* this call's part of tx */
    const uint8_t *body;    /* message octets outside tx (kept, or ours), sent after those in tx; of an ended call: a text of our own */
    uint32_t body_len;
    uint32_t sent;          /* octets of tx part and body that were sent */
    uint32_t stored;        /* slot: octets in it */
    uint32_t parsed;        /* slot: where the message under way starts */
    vmc_timer deadline;
    viamc_call handle;      /* of a free record: the last one's */
} vmc_call;

/* Who takes messages larger than a slot: a sink, or a buffer. */
typedef union vmc_call_taker {
    struct {
        viamc_sink_fn fn;
        void *user;
    } sink;
    struct {
        uint8_t *ptr;       /* lent; of a record without a slot: its slot */
        uint32_t cap;
    } into;
} vmc_call_taker;

/* A call of the user's, or a request of a server's peer: what was given to it, and large messages. */
typedef struct vmc_user_call {
    vmc_call call;
    const viamc_method *method; /* NULL: raw */
    void *user;
    const viamc_metadata *metadata;
    vmc_call_taker taker;
    uint32_t taken;         /* slot: octets the owner has taken; gone with the next poll */
    uint32_t left;          /* octets of the message under way larger than a slot that did not come yet */
    uint32_t resource;      /* hash of the resource that it moves or stops; 0: none */
    viamc_ms asked;         /* motion: when it was asked for */
    uint8_t *meta;          /* lent for the metadata of the reply */
    uint16_t meta_cap, meta_len;
} vmc_user_call;

typedef struct vmc_calls {
    vmc_user_call *users; /* records 0 to user_count - 1 ... */
    vmc_call *ours;      /* ... and those that follow */
    vmc_call *live;      /* list of records in use, oldest first */
    vmc_call *turn;      /* the one that found the window full: first with the next write; NULL: the oldest */
    uint8_t count;       /* records */
    uint8_t user_count;
    uint8_t slot_count;  /* the first of them have slots */
    uint8_t big_owner;
    uint8_t first, last; /* list of calls with events */
    uint8_t ended;       /* records in state ENDED */
    bool in_sink;        /* a sink is being called: nothing else may be */
    bool stirred;        /* something may have become sendable since the last write */
    bool unsettled;      /* there may be calls for which the start of a poll has something to do */
    bool one_large;      /* one message larger than a slot may be under way at once, the others wait */
#ifndef VIAMC_NO_SERVER
    bool big_elsewhere;  /* servers: another table has the large buffer, which they share */
    uint8_t text_bytes;  /* of a slot: VMC_CALL_TEXT on servers; 0 on clients, where the text lies behind what is stored */
#endif
    uint8_t *slots;
    uint8_t *big;
    uint8_t *tx;
    uint8_t *reply;      /* slot of those of ours that keep their reply: one at a time */
    uint32_t reply_cap;
    uint32_t slot_bytes; /* largest message that a slot takes */
    uint32_t big_cap;
    uint32_t tx_cap, tx_used;
} vmc_calls;

/* How the sink of a method gets fields: viamc_proto.h makes it, so what no program calls is not linked. */
struct vmc_parts {
    /* Goes on with a message: octets go to the sink or are kept, and are taken off `left`: none are left in the piece. WAIT: not all. Else the sink
     * refused, or the call has ended. With the last octet the prefix says what was kept. */
    viamc_err (*split)(vmc_calls *t, vmc_user_call *u, viamc_piece *piece);
    const struct vmc_part *fields;
    const char *names;
    uint32_t count;
};

#ifdef VIAMC_NO_SERVER
#define VMC_CALLS_TEXT_BYTES(t) 0u
#else
#define VMC_CALLS_TEXT_BYTES(t) ((uint32_t)(t)->text_bytes)
#endif

/* ---- records and handles ---- */

VMC_FN uint8_t vmc_call_index(const vmc_call *c)
{
    return (uint8_t)c->handle;
}

VMC_FN vmc_user_call *vmc_call_user(vmc_call *c)
{
    return (vmc_user_call *)c;
}

VMC_FN const vmc_user_call *vmc_call_user_const(const vmc_call *c)
{
    return (const vmc_user_call *)c;
}

/* What a user's call moves or stops. */
VMC_FN uint32_t vmc_call_resource(const vmc_call *c)
{
    return vmc_call_user_const(c)->resource;
}

/* The user's call of a handle, NULL if it is over. */
VMC_FN vmc_call *vmc_calls_find(const vmc_calls *t, viamc_call call)
{
    const uint32_t i = call & 0xffu;
    vmc_call *c = i < t->user_count ? &t->users[i].call : NULL;
    return c != NULL && c->state != VMC_CALL_FREE && c->handle == call ? c : NULL;
}

/* Record i, NULL for VMC_CALL_NONE. */
VMC_FN vmc_call *vmc_calls_at(const vmc_calls *t, uint8_t i)
{
    if (i < t->user_count)
        return &t->users[i].call;
    return i == VMC_CALL_NONE ? NULL : &t->ours[i - t->user_count];
}

/* Completes a table whose owner has set memory, sizes and counts, and all else to zero: no call runs. */
VMC_FN void vmc_calls_init(vmc_calls *t)
{
    uint8_t i;
    VIAMC_MEMSET(t->users, 0, t->user_count * sizeof t->users[0]);
    for (i = 0; i < t->count; i++) {
        vmc_call *c = vmc_calls_at(t, i);
        c->state = VMC_CALL_FREE;
        c->handle = i;
    }
    t->big_owner = VMC_CALL_NONE;
    t->first = VMC_CALL_NONE;
    t->last = VMC_CALL_NONE;
}

/* Records in use, oldest first. The body may free c, and claim none. */
#define VMC_CALLS_EACH(t, c) for (c = (t)->live; c != NULL; c = c->live)

/* The link that leads to record c (or to the end of the list, for NULL). */
VMC_FN vmc_call **vmc_calls_link(vmc_calls *t, const vmc_call *c)
{
    vmc_call **link = &t->live;
    while (*link != c && *link != NULL)
        link = &(*link)->live;
    return link;
}

/* Makes a free record a new call, all members zero but the handle, and nothing taken of it. What else lies beside it is its owner's to set. */
VMC_FN void vmc_calls_claim(vmc_calls *t, vmc_call *c)
{
    uint32_t handle = c->handle + 0x100u;
    VIAMC_MEMSET(c, 0, sizeof *c);
    c->handle = handle < 0x100u ? handle + 0x100u : handle;
    if (vmc_call_index(c) < t->user_count)
        vmc_call_user(c)->taken = 0;
    c->state = VMC_CALL_OPEN;
    c->flags = VMC_CALL_F_HEAD;
    c->next = VMC_CALL_NONE;
    *vmc_calls_link(t, NULL) = c;
    t->stirred = true;
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

/* Where a call keeps what it receives. */
VMC_FN uint8_t *vmc_calls_slot(const vmc_calls *t, const vmc_call *c, uint32_t *cap)
{
    const uint32_t i = vmc_call_index(c);
    if (i < t->slot_count) {
        *cap = t->slot_bytes + VMC_CALL_PREFIX;
        return t->slots + i * (size_t)(t->slot_bytes + VMC_CALL_EXTRA + VMC_CALLS_TEXT_BYTES(t));
    }
    if (i < t->user_count) {
        *cap = t->users[i].taker.into.cap;
        return t->users[i].taker.into.ptr;
    }
    *cap = (c->flags & VMC_CALL_F_DROP) != 0 ? 0 : t->reply_cap;
    return *cap == 0 ? NULL : t->reply;
}

/* Where its status text is, and the octets that it may have: in a place of its own, or behind what is stored. */
VMC_FN uint8_t *vmc_calls_text_place(const vmc_calls *t, const vmc_call *c, uint32_t *room)
{
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    if (VMC_CALLS_TEXT_BYTES(t) != 0) {
        *room = VMC_CALLS_TEXT_BYTES(t);
        return slot + t->slot_bytes + VMC_CALL_EXTRA;
    }
    *room = slot == NULL ? 0 : vmc_min32(cap - c->stored, VMC_CALL_TEXT_MAX);
    return slot == NULL ? NULL : slot + c->stored;
}

/* What is to be read of an ended call: the peer's words, or ours, which are constant. */
VMC_FN viamc_bytes vmc_calls_text(const vmc_calls *t, const vmc_call *c)
{
    uint32_t room;
    if (!vmc_call_is_running(c) && c->body != NULL)
        return vmc_bytes_of(viamc_text((const char *)c->body));
    return viamc_view(vmc_calls_text_place(t, c, &room), c->text_len);
}

/* Largest message that call c takes in its slot. */
VMC_FN uint32_t vmc_calls_small(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, c, &cap);
    return cap < VMC_CALL_PREFIX ? 0 : cap - VMC_CALL_PREFIX;
}

/* ---- tx: requests lie one after another; one that is done is cut out ---- */

/* Octets free in tx for a message of call c, its prefix not counted; `reserve` of them belong to Stop. */
VMC_FN uint32_t vmc_calls_tx_room(const vmc_calls *t, uint32_t reserve)
{
    uint32_t left = t->tx_cap - t->tx_used;
    return left < reserve + VMC_CALL_PREFIX ? 0 : left - reserve - VMC_CALL_PREFIX;
}

VMC_FN bool vmc_calls_fits_into(uint32_t left, size_t len, uint32_t reserve)
{
    return left >= reserve + VMC_CALL_PREFIX && len <= left - reserve - VMC_CALL_PREFIX;
}

/* OK: a message of len octets fits, its prefix and the reserve beside it. BUSY: it will when others have left. NOMEM: it never will. */
VMC_FN viamc_err vmc_calls_tx_fits(const vmc_calls *t, size_t len, uint32_t reserve)
{
    if (vmc_calls_fits_into(t->tx_cap - t->tx_used, len, reserve))
        return VIAMC_OK;
    return vmc_calls_fits_into(t->tx_cap, len, reserve) ? VIAMC_ERR_BUSY : VIAMC_ERR_NOMEM;
}

/* Where the next message's octets will lie: whoever encodes there spares the copy. */
VMC_FN uint8_t *vmc_calls_tx_next(const vmc_calls *t)
{
    return t->tx + t->tx_used + VMC_CALL_PREFIX;
}

/* Cuts out what call c has there. */
VMC_APART void vmc_calls_tx_close(vmc_calls *t, vmc_call *c)
{
    uint32_t n = c->tx_len, end = c->tx_at + n;
    vmc_call *other;
    if (end != t->tx_used) {
        vmc_move(t->tx + c->tx_at, t->tx + end, t->tx_used - end);
        VMC_CALLS_EACH(t, other)
            if (other->tx_len != 0 && other->tx_at >= end)
                other->tx_at -= n;
    }
    t->tx_used -= n;
    c->tx_len = 0;
    c->tx_at = 0;
}

VMC_FN void vmc_calls_tx_cut(vmc_calls *t, vmc_call *c)
{
    if (c->tx_len != 0)
        vmc_calls_tx_close(t, c);
}

/* Octets of call c that wait to be sent. */
VMC_FN uint32_t vmc_call_pending(const vmc_call *c)
{
    return c->tx_len + c->body_len - c->sent;
}

/* Copies a message behind what call c still has to send: prefix, octets, and two views more that belong to it (a field that is added).
 * With `keep` the octets stay the caller's and go last, which protobuf allows. The caller has checked the room; a call's octets lie
 * together, so only the last call in tx can get more (vmc_calls_can_append). */
VMC_FN void vmc_calls_put_message(vmc_calls *t, vmc_call *c, viamc_bytes msg, const viamc_bytes added[2], bool keep)
{
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

/* True if call c can take another message behind the ones it has pending. */
VMC_FN bool vmc_calls_can_append(const vmc_calls *t, const vmc_call *c)
{
    return c->body_len == 0 && (c->tx_len == 0 || c->tx_at + c->tx_len == t->tx_used);
}

/* Next octets to send, as one view. */
VMC_FN viamc_bytes vmc_calls_next_octets(const vmc_calls *t, const vmc_call *c)
{
    if (c->sent < c->tx_len)
        return viamc_view(t->tx + c->tx_at + c->sent, c->tx_len - c->sent);
    return viamc_view(c->body == NULL ? NULL : c->body + (c->sent - c->tx_len), vmc_call_pending(c));
}

/* ---- events: a list of records, in order of arrival ---- */

VMC_FN void vmc_calls_list(vmc_calls *t, vmc_call *c)
{
    if ((c->flags & (VMC_CALL_F_LISTED | VMC_CALL_F_INTERNAL)) != 0)
        return;
    c->flags |= VMC_CALL_F_LISTED;
    c->next = VMC_CALL_NONE;
    if (t->first == VMC_CALL_NONE)
        t->first = vmc_call_index(c);
    else
        t->users[t->last].call.next = vmc_call_index(c);
    t->last = vmc_call_index(c);
}

VMC_FN void vmc_calls_unlist_first(vmc_calls *t)
{
    vmc_call *c = &t->users[t->first].call;
    t->first = c->next;
    c->flags &= (uint16_t)~VMC_CALL_F_LISTED;
    if (t->first == VMC_CALL_NONE)
        t->last = VMC_CALL_NONE;
}

/* Octets were handed to the connection; events and room in tx follow from that. */
VMC_FN void vmc_calls_sent(vmc_calls *t, vmc_call *c, uint32_t n)
{
    c->sent += n;
    if (vmc_call_pending(c) != 0 || (c->flags & VMC_CALL_F_REPEATS) != 0)
        return;
    vmc_calls_tx_cut(t, c);
    c->body = NULL;
    c->body_len = 0;
    c->sent = 0;
    if (vmc_call_is_client_stream(c) && (c->flags & VMC_CALL_F_FINISH) == 0 && c->state == VMC_CALL_OPEN) {
        c->flags |= VMC_CALL_F_WRITABLE;
        vmc_calls_list(t, c);
    }
}

/* ---- the end of a call ---- */

/* The call is over; the first end counts. The owner is told after it has looked at it (vmc_calls_tell). A text of our own is constant: what
 * was pulled of the slot stays as it is. NULL: what the peer said is there already. */
VMC_FN void vmc_calls_end(vmc_calls *t, vmc_call *c, uint32_t status, uint8_t ran, const char *text)
{
    if (!vmc_call_is_running(c))
        return;
    c->status = (uint8_t)status;
    c->ran = c->ran == VIAMC_ANSWERED && ran == VIAMC_NOT_RUN ? (uint8_t)VIAMC_MAYBE : ran; /* another copy of it did run */
    c->state = VMC_CALL_ENDED; /* its deadline stays: grpc-timeout may be half sent */
    t->ended++;
    c->body = (const uint8_t *)text;
    c->body_len = 0;
    if ((c->flags & VMC_CALL_F_REPEATS) == 0) {
        vmc_calls_tx_cut(t, c);
        c->sent = 0;
    }
}

/* Where a text with numbers goes: a message that is not whole, or the reply of a unary call that fails, makes room for it. */
VMC_APART vmc_wr vmc_calls_begin_text(vmc_calls *t, vmc_call *c)
{
    uint32_t room;
    uint8_t *text;
    if (VMC_CALLS_TEXT_BYTES(t) == 0 && !vmc_call_is_server_stream(c))
        c->parsed = 0; /* nothing of it was taken: that comes with its end */
    if (VMC_CALLS_TEXT_BYTES(t) == 0)
        c->stored = c->parsed;
    text = vmc_calls_text_place(t, c, &room);
    return vmc_wr_of(text, room);
}

/* Keeps as much of a text as fits. In a poll, or on a server. */
VMC_FN void vmc_calls_set_text(vmc_calls *t, vmc_call *c, viamc_bytes text)
{
    vmc_wr w = vmc_calls_begin_text(t, c);
    vmc_wr_cut(&w, text.ptr, text.len);
    c->text_len = (uint8_t)w.len;
}

/* What is known of a call that we end: one of which no whole message has left never ran. */
VMC_FN uint8_t vmc_call_ran_locally(const vmc_call *c)
{
    bool half = (c->flags & (VMC_CALL_F_CLIENT_STREAM | VMC_CALL_F_FINISHED | VMC_CALL_F_REPEATS)) == 0;
    return half || (c->flags & VMC_CALL_F_SENT) == 0 ? VIAMC_NOT_RUN : VIAMC_MAYBE;
}

VMC_FN void vmc_calls_free(vmc_calls *t, vmc_call *c)
{
    vmc_call **link = vmc_calls_link(t, c);
    vmc_calls_tx_cut(t, c);
    if (*link == c)
        *link = c->live;
    if (t->turn == c)
        t->turn = c->live;
    c->state = VMC_CALL_FREE;
    c->large = VMC_CALL_SMALL;
}

/* Its owner has looked at the end: from now on DONE can be pulled. */
VMC_FN void vmc_calls_tell(vmc_calls *t, vmc_call *c)
{
    t->ended--;
    if ((c->flags & VMC_CALL_F_INTERNAL) != 0) {
        vmc_calls_free(t, c);
        return;
    }
    c->state = VMC_CALL_TOLD;
    vmc_calls_tx_cut(t, c);
    vmc_calls_list(t, c);
}

/* The same call once more, as if new: Stop is sent again. */
VMC_FN void vmc_calls_again(vmc_calls *t, vmc_call *c)
{
    t->ended--;
    t->stirred = true;
    c->state = VMC_CALL_OPEN;
    c->flags &= (uint16_t)~(VMC_CALL_F_FINISHED | VMC_CALL_F_PEER_END | VMC_CALL_F_TEXT_CUT);
    c->flags |= VMC_CALL_F_HEAD;
    c->sent = c->stored = c->parsed = 0;
    c->large = VMC_CALL_SMALL;
    c->messages = 0;
    c->text_len = 0;
    vmc_call_user(c)->meta_len = 0;
}

/* ---- receiving ---- */

/* Octets of the large message under way that did not come yet. */
VMC_FN uint32_t vmc_call_left(const vmc_call *c)
{
    return vmc_call_user_const(c)->left;
}

/* Octets of it in all: its prefix lies where the message under way starts. */
VMC_FN uint32_t vmc_calls_large_len(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    return vmc_be32(vmc_calls_slot(t, c, &cap) + c->parsed + 1);
}

/* Octets that the message under way of call c still needs; 1 where any number helps. */
VMC_APART uint32_t vmc_calls_needs(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap, have = c->stored - c->parsed;
    const uint8_t *p = vmc_calls_slot(t, c, &cap) + c->parsed;
    if (c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG)
        return vmc_call_left(c);
    if (c->large == VMC_CALL_SINK)
        return 1;
    if (have < VMC_CALL_PREFIX)
        return VMC_CALL_PREFIX - have;
    return c->large == VMC_CALL_WAITS ? 0 : VMC_CALL_PREFIX + vmc_be32(p + 1) - have;
}

/* Octets of its stream that call c has room for: what its peer may send. */
VMC_FN uint32_t vmc_calls_room(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, c, &cap);
    if (c->state != VMC_CALL_OPEN)
        return 0;
    if ((c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG) && vmc_call_left(c) != 0)
        return vmc_call_left(c);
    return cap - c->stored;
}

/* Fails a call because of what its peer sent; the carrier cancels the stream. */
VMC_FN viamc_err vmc_calls_refuse(vmc_calls *t, vmc_call *c, uint32_t status, const char *text)
{
    vmc_calls_end(t, c, status, VIAMC_MAYBE, text);
    return VIAMC_ERR_MESSAGE;
}

/* Ends a call whose message has no place, and says which size would do. */
VMC_APART void vmc_calls_too_large(vmc_calls *t, vmc_call *c, uint32_t len)
{
    vmc_wr w = vmc_calls_begin_text(t, c);
    vmc_wr_text(&w, VMC_TEXT("message of "));
    vmc_wr_grouped(&w, len);
    vmc_wr_text(&w, VMC_TEXT(" bytes: lend opts.into, a sink, or give more rx_bytes"));
    c->text_len = (uint8_t)w.len;
    vmc_calls_end(t, c, VIAMC_RESOURCE_EXHAUSTED, VIAMC_MAYBE, NULL);
}

/* A whole message of call c is there. */
VMC_FN void vmc_calls_complete(vmc_calls *t, vmc_call *c, uint32_t slot_octets)
{
    c->parsed += slot_octets;
    if (c->large == VMC_CALL_SINK)
        c->large = VMC_CALL_SMALL;
    c->messages = (uint8_t)(c->messages < 2u ? c->messages + 1u : 2u);
    if (vmc_call_is_server_stream(c))
        vmc_calls_list(t, c);
}

/* The large buffer's last message was taken. */
VMC_FN bool vmc_calls_big_is_free(const vmc_calls *t)
{
#ifndef VIAMC_NO_SERVER
    if (t->big_elsewhere)
        return false;
#endif
    return t->big_owner == VMC_CALL_NONE || t->users[t->big_owner].call.large != VMC_CALL_BIG;
}

/* The memory for a message larger than a slot, of which nothing was taken yet: where it goes, WAITS, or SMALL for nowhere. */
VMC_FN vmc_call_large vmc_calls_place(const vmc_calls *t, const vmc_call *c)
{
    const vmc_user_call *u = vmc_call_user_const(c);
    const uint32_t lent = vmc_call_index(c) < t->slot_count ? u->taker.into.cap : 0; /* without a slot: that is its slot, where the prefix stays */
    const vmc_call *other;
    if (c->has_sink)
        return VMC_CALL_SINK;
    if (u->left > lent && u->left > t->big_cap)
        return VMC_CALL_SMALL;
    if (t->one_large)
        VMC_CALLS_EACH(t, other)
            if (other->state == VMC_CALL_OPEN && (other->flags & VMC_CALL_F_DROP) == 0 && (other->large == VMC_CALL_INTO || other->large == VMC_CALL_BIG))
                return VMC_CALL_WAITS;
    if (u->left <= lent)
        return VMC_CALL_INTO;
    return vmc_calls_big_is_free(t) ? VMC_CALL_BIG : VMC_CALL_WAITS;
}

/* Hands octets to the sink, as they are or field by field. */
VMC_FN viamc_err vmc_calls_to_sink(vmc_calls *t, vmc_user_call *u, viamc_piece *piece)
{
    viamc_err err;
    t->in_sink = true;
    err = u->method != NULL && u->method->parts != NULL ? u->method->parts->split(t, u, piece) : u->taker.sink.fn(u->taker.sink.user, piece);
    t->in_sink = false;
    if (err != VIAMC_OK && err != VIAMC_WAIT)
        vmc_calls_end(t, &u->call, VIAMC_CANCELLED, VIAMC_MAYBE, VMC_TEXT("the sink refused a piece"));
    return err;
}

/* Takes body octets to where the large message goes; how many were taken. */
VMC_FN uint32_t vmc_calls_take_large(vmc_calls *t, vmc_call *c, viamc_bytes octets)
{
    vmc_user_call *u = vmc_call_user(c);
    const uint32_t left = u->left;
    viamc_piece piece;
    piece.path = NULL;
    piece.bytes = viamc_view(octets.ptr, vmc_min(octets.len, left));
    piece.total = vmc_calls_large_len(t, c);
    piece.offset = piece.total - left;
    if (c->large != VMC_CALL_SINK)
        vmc_copy((c->large == VMC_CALL_BIG ? t->big : u->taker.into.ptr) + piece.offset, piece.bytes.ptr, piece.bytes.len);
    if (c->large != VMC_CALL_SINK || (piece.bytes.len != 0 && vmc_calls_to_sink(t, u, &piece) == VIAMC_OK))
        u->left -= (uint32_t)piece.bytes.len;
    return left - u->left;
}

/* Moves body octets that lie in the slot (they came before there was a place, or while the sink waited) to the large message. */
VMC_FN void vmc_calls_drain(vmc_calls *t, vmc_call *c, uint8_t *slot)
{
    uint8_t *from = slot + c->parsed + c->kept, *end = slot + c->stored;
    uint32_t n = vmc_calls_take_large(t, c, viamc_view(from, (size_t)(end - from)));
    if (c->state != VMC_CALL_OPEN)
        return; /* its sink refused: the status text lies there now */
    from += n;
    vmc_move(slot + c->parsed + c->kept, from, (size_t)(end - from)); /* behind what was kept of them, which `stored` counts twice */
    c->stored -= n;
    if (vmc_call_left(c) == 0)
        vmc_calls_complete(t, c, c->kept);
}

/* A message larger than a slot: finds its place. Ours take none. */
VMC_FN viamc_err vmc_calls_begin_large(vmc_calls *t, vmc_call *c, uint8_t *slot, uint32_t len)
{
    if (c->large != VMC_CALL_SMALL)
        return VIAMC_OK; /* the one before has not gone: this one stays in the slot */
    if (vmc_call_index(c) >= t->user_count)
        return VIAMC_ERR_NOMEM; /* nobody could lend it more */
    vmc_call_user(c)->left = len;
    c->kept = VMC_CALL_PREFIX;
    c->large = (uint8_t)vmc_calls_place(t, c);
    t->unsettled = true;
    if (c->large == VMC_CALL_SMALL) {
        vmc_calls_too_large(t, c, len);
        return VIAMC_ERR_MESSAGE;
    }
    if (c->large == VMC_CALL_BIG)
        t->big_owner = vmc_call_index(c);
    if (c->large != VMC_CALL_WAITS)
        vmc_calls_drain(t, c, slot);
    return c->state == VMC_CALL_OPEN ? VIAMC_OK : VIAMC_ERR_SINK;
}

/* Looks at what lies in the slot from `parsed` on: whole messages, then at most one that is under way. */
VMC_FN viamc_err vmc_calls_parse(vmc_calls *t, vmc_call *c, uint8_t *slot)
{
    const uint32_t small = vmc_calls_small(t, c);
    while (c->stored - c->parsed >= VMC_CALL_PREFIX && (c->large == VMC_CALL_SMALL || vmc_call_left(c) == 0)) {
        const uint8_t *p = slot + c->parsed;
        uint32_t len = vmc_be32(p + 1);
        if (p[0] != 0)
            return vmc_calls_refuse(t, c, VIAMC_INTERNAL, p[0] == 1u ? VMC_TEXT("compressed message, and no encoding was agreed") : VMC_TEXT("reserved bits in a message prefix"));
        if (len > VMC_CALL_MAX_MESSAGE)
            return vmc_calls_refuse(t, c, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("message larger than 2 GB"));
        if (len > small) {
            uint32_t before = c->parsed;
            viamc_err err = vmc_calls_begin_large(t, c, slot, len);
            if (err != VIAMC_OK || c->parsed == before)
                return err;
        } else if (c->stored - c->parsed - VMC_CALL_PREFIX < len) {
            return VIAMC_OK;
        } else {
            vmc_calls_complete(t, c, VMC_CALL_PREFIX + len);
        }
    }
    return VIAMC_OK;
}

/* Octets of call c's stream have come. OK; MESSAGE: the call has ended, its stream is to be cancelled;
 * NOMEM: more than there is room for (a server's peer that has not seen our SETTINGS, the reply to a call of the library's own).
 * What fits into the slot goes there and is looked at before the rest, which may have another place: so it is the same however it was cut. */
VMC_FN viamc_err vmc_calls_data(vmc_calls *t, vmc_call *c, viamc_bytes octets)
{
    uint32_t cap, n;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    viamc_err err;
    if ((c->flags & VMC_CALL_F_DROP) != 0 || c->state != VMC_CALL_OPEN)
        return VIAMC_OK;
    do {
        if (c->large != VMC_CALL_SMALL && c->large != VMC_CALL_WAITS && vmc_call_left(c) != 0 && c->stored == c->parsed + c->kept) {
            n = vmc_calls_take_large(t, c, octets);
            octets.ptr += n;
            octets.len -= n;
            if (c->state != VMC_CALL_OPEN)
                return VIAMC_ERR_SINK;
            if (vmc_call_left(c) == 0)
                vmc_calls_complete(t, c, c->kept);
        }
        n = (uint32_t)vmc_min(octets.len, cap - c->stored);
        if (n == 0 && octets.len != 0)
            return VIAMC_ERR_NOMEM;
        vmc_copy(slot + c->stored, octets.ptr, n);
        c->stored += n;
        octets.ptr += n;
        octets.len -= n;
        err = vmc_calls_parse(t, c, slot);
    } while (err == VIAMC_OK && octets.len != 0);
    return err;
}

/* The one message of a unary reply came whole, with its prefix, and nothing before it: false if it has to go another way. */
VMC_FN bool vmc_calls_take_reply(vmc_calls *t, vmc_call *c, viamc_bytes octets)
{
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
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
VMC_FN bool vmc_call_is_whole(const vmc_call *c)
{
    return c->stored == c->parsed || (c->flags & VMC_CALL_F_DROP) != 0;
}

/* The rest of the large message is there, in the slot: its sink said WAIT. */
VMC_FN bool vmc_call_is_parked(const vmc_call *c)
{
    return c->large == VMC_CALL_SINK && c->stored - c->parsed - c->kept >= vmc_call_left(c);
}

/* Adds a piece of a field to the lent metadata buffer: name length, value length (16 bits each), octets.
 * A field that does not fit is left out, and so are all later ones.
 *   at  where the field begins: kept by the carrier from its first piece on */
VMC_FN void vmc_call_metadata(vmc_call *c, uint16_t *at, viamc_bytes name, viamc_bytes value, bool first)
{
    vmc_user_call *u = vmc_call_user(c);
    vmc_wr w = vmc_wr_of(u->meta, u->meta_cap);
    uint32_t len = 0;
    w.len = u->meta_len;
    if (first) {
        *at = u->meta_len;
        vmc_wr_be16(&w, (uint32_t)name.len);
        vmc_wr_be16(&w, 0);
        vmc_wr_bytes(&w, name.ptr, name.len);
    }
    vmc_wr_bytes(&w, value.ptr, value.len);
    if (!w.full)
        len = (uint32_t)(w.len - *at - 4u - name.len);
    if (w.full || len > 0xffffu) {
        u->meta_len = *at;
        u->meta_cap = *at;
        return;
    }
    vmc_put_be16(u->meta + *at + 2, len);
    u->meta_len = (uint16_t)w.len;
}

/* ---- taking ---- */

/* The next whole message of a user's call, as a view that lasts until vmc_calls_settle; false if there is none. */
VMC_FN bool vmc_calls_take(vmc_calls *t, vmc_call *c, viamc_bytes *msg)
{
    vmc_user_call *u = vmc_call_user(c);
    uint32_t cap, len;
    uint8_t *p = vmc_calls_slot(t, c, &cap);
    *msg = viamc_view(NULL, 0);
    if (u->taken == c->parsed)
        return false;
    p += u->taken;
    len = vmc_be32(p + 1);
    u->taken += VMC_CALL_PREFIX;
    t->unsettled = t->unsettled || c->state == VMC_CALL_OPEN || vmc_call_is_server_stream(c); /* else its record is freed now */
    if (len + VMC_CALL_PREFIX <= cap) {
        *msg = viamc_view(p + VMC_CALL_PREFIX, len);
        u->taken += len;
    } else if (c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG) {
        *msg = viamc_view(c->large == VMC_CALL_BIG ? t->big : u->taker.into.ptr, len);
        c->large = VMC_CALL_TAKEN;
        t->unsettled = true;
    }
    return true;
}

/* Start of a poll, for the whole table: the large buffer is free again once its message was taken. */
VMC_FN void vmc_calls_settle_big(vmc_calls *t)
{
    if (t->big_owner != VMC_CALL_NONE && t->users[t->big_owner].call.large != VMC_CALL_BIG)
        t->big_owner = VMC_CALL_NONE;
}

/* True if something of the call was taken: a user's, of ours nothing is. */
VMC_FN bool vmc_call_has_taken(const vmc_call *c)
{
    return (c->flags & VMC_CALL_F_INTERNAL) == 0 && vmc_call_user_const(c)->taken != 0;
}

/* True if that is so, or a message larger than a slot is under way. */
VMC_FN bool vmc_call_is_unsettled(const vmc_call *c)
{
    return vmc_call_has_taken(c) || c->large != VMC_CALL_SMALL;
}

/* True if the start of a poll would give the peer of call c room: something was taken, or its turn for the large buffer has come. */
VMC_FN bool vmc_calls_can_settle(const vmc_calls *t, const vmc_call *c)
{
    return c->state == VMC_CALL_OPEN && (vmc_call_has_taken(c) || (c->large == VMC_CALL_WAITS && vmc_calls_place(t, c) != VMC_CALL_WAITS));
}

/* Start of a poll, for such a call: what was taken is gone, waiting octets find their place. Not OK: the call has ended. */
VMC_FN viamc_err vmc_calls_settle(vmc_calls *t, vmc_call *c)
{
    vmc_user_call *u = vmc_call_user(c);
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    vmc_move(slot, slot + u->taken, c->stored - u->taken + (c->state == VMC_CALL_TOLD ? c->text_len : 0u)); /* the text lies behind */
    c->stored -= u->taken;
    c->parsed -= u->taken;
    u->taken = 0;
    if (c->large == VMC_CALL_TAKEN || c->large == VMC_CALL_WAITS)
        c->large = VMC_CALL_SMALL; /* one that waits asks again */
    if (c->state != VMC_CALL_OPEN)
        return VIAMC_OK;
    if (c->large == VMC_CALL_SINK)
        vmc_calls_drain(t, c, slot);
    if (c->state != VMC_CALL_OPEN)
        return VIAMC_ERR_SINK;
    return vmc_calls_parse(t, c, slot);
}

/* ---- public ---- */

VIAMC_API bool viamc_event_metadata(const viamc_event *ev, size_t *at, viamc_str *name, viamc_bytes *value)
{
    vmc_rd r;
    viamc_bytes head, n;
    if (ev == NULL || at == NULL || name == NULL || value == NULL)
        return false;
    r = vmc_rd_of(ev->metadata);
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
