/* SPDX-License-Identifier: MIT */
/* http2/h2: the parser is one state function per vmc_h2_state, the frame types are one function each;
 * writing comes last. Section numbers are RFC 9113's. */
#ifndef VIAMC_HTTP2_H2_IMPL_H
#define VIAMC_HTTP2_H2_IMPL_H

#include "http2/h2.h"
#include "http2/hpack_impl.h"

/* 6: frame types */
enum {
    VMC_H2_F_DATA = 0,
    VMC_H2_F_HEADERS = 1,
    VMC_H2_F_PRIORITY = 2,
    VMC_H2_F_RST_STREAM = 3,
    VMC_H2_F_SETTINGS = 4,
    VMC_H2_F_PUSH_PROMISE = 5,
    VMC_H2_F_PING = 6,
    VMC_H2_F_GOAWAY = 7,
    VMC_H2_F_WINDOW_UPDATE = 8,
    VMC_H2_F_CONTINUATION = 9
};

/* 6: frame flags */
#define VMC_H2_END_STREAM 0x01u
#define VMC_H2_ACK 0x01u
#define VMC_H2_END_HEADERS 0x04u
#define VMC_H2_PADDED 0x08u
#define VMC_H2_PRIORITY 0x20u
#define VMC_H2_KIND(type, flags) ((uint32_t)(type) << 8 | (flags)) /* the two octets together */

/* 6.5.2: settings */
#define VMC_H2_HEADER_TABLE_SIZE 1u
#define VMC_H2_ENABLE_PUSH 2u
#define VMC_H2_MAX_CONCURRENT_STREAMS 3u
#define VMC_H2_INITIAL_WINDOW_SIZE 4u
#define VMC_H2_MAX_FRAME_SIZE 5u
#define VMC_H2_MAX_HEADER_LIST_SIZE 6u

/* Bits of vmc_h2_block.seen: the pseudo fields (8.3) in the order of vmc_name, */
#define VMC_H2_P_STATUS 0x01u
#define VMC_H2_P_METHOD 0x02u
#define VMC_H2_P_SCHEME 0x04u
#define VMC_H2_P_PATH 0x08u
#define VMC_H2_P_AUTHORITY 0x10u
/* and what else is known of the block. */
#define VMC_H2_B_REGULAR 0x20u  /* a regular field was seen: no pseudo field may follow */
#define VMC_H2_B_TRAILERS 0x40u /* the final header block came before */
#define VMC_H2_B_END 0x80u      /* END_STREAM, a flag of its HEADERS frame */

static const char vmc_h2_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* 3.4 */
#define VMC_H2_PREFACE_LEN 24u

VMC_FN void vmc_h2_init(vmc_h2 *h, const vmc_h2_config *cfg)
{
    VIAMC_MEMSET(h, 0, sizeof *h);
    VIAMC_MEMSET(cfg->streams, 0, cfg->count * sizeof cfg->streams[0]);
    h->streams = cfg->streams;
    h->count = cfg->count;
#ifndef VIAMC_NO_SERVER
    h->server = cfg->server;
    h->max_streams = cfg->max_streams;
#endif
    h->window = cfg->window;
    h->header_list = (uint16_t)vmc_min32(cfg->header_list, 0xffffu);
#ifndef VIAMC_NO_TLS
    h->credit_limit = cfg->credit_limit;
#endif
    h->credit = (int32_t)VMC_H2_WINDOW_INIT;
    h->send_window = (int32_t)VMC_H2_WINDOW_INIT;
    h->peer_window = (int32_t)VMC_H2_WINDOW_INIT;
    h->peer_streams = 0xff; /* 6.5.2: no limit until the peer names one */
    h->next_id = 1;
    h->goaway_last = VMC_H2_ID_MAX;
    h->out_slot = VMC_H2_NO_SLOT;
    h->state = VMC_H2_IS_SERVER(cfg) ? VMC_H2_AT_PREFACE : VMC_H2_AT_HEAD;
    h->owed = VMC_H2_OWES_START | VMC_H2_OWES_CREDIT;
    vmc_hpack_dec_init(&h->decoder, cfg->table, cfg->table_bytes);
    vmc_hpack_enc_init(&h->encoder);
}

/* ---- errors ---- */

/* A state function answers with an event, or one of these; vmc_h2_judge carries out those from NOISE on. */
#define VMC_H2_GO 0x20u                             /* go on parsing */
#define VMC_H2_NOISE 0x21u                          /* so too, but the frame moved nothing */
#define VMC_H2_RESET_WITH 0x40u                     /* + a code: the frame's stream cannot go on (5.4.2) */
#define VMC_H2_FAIL(name) (0x80u + VMC_H2_E_##name) /* the connection cannot go on (5.4.1) */

/* What ends a connection: name, code of section 7, text. */
#define VMC_H2_ERRORS(X) \
    X(NONE, NO_ERROR, "") \
    X(NOISE, ENHANCE_YOUR_CALM, "flood of frames that do nothing") \
    X(PREFACE, PROTOCOL_ERROR, "peer does not speak HTTP/2") \
    X(WINDOW, FLOW_CONTROL_ERROR, "more DATA than the connection's window") \
    X(STREAM_WINDOW, FLOW_CONTROL_ERROR, "more DATA than the stream's window") \
    X(STREAMS, ENHANCE_YOUR_CALM, "flood of streams") \
    X(ENDLESS_BLOCK, ENHANCE_YOUR_CALM, "header block without end") \
    X(SETTINGS_LEN, FRAME_SIZE_ERROR, "SETTINGS of a wrong length") \
    X(SETTINGS, ENHANCE_YOUR_CALM, "flood of SETTINGS") \
    X(LEN, FRAME_SIZE_ERROR, "frame of a wrong length") \
    X(WRONG_STREAM, PROTOCOL_ERROR, "frame on a wrong stream") \
    X(IDLE, PROTOCOL_ERROR, "frame on an idle stream") \
    X(NO_SETTINGS, PROTOCOL_ERROR, "peer does not speak HTTP/2: its first frame is not SETTINGS") \
    X(LARGE, FRAME_SIZE_ERROR, "frame larger than announced") \
    X(CONTINUATION, PROTOCOL_ERROR, "CONTINUATION out of place") \
    X(PADDING, PROTOCOL_ERROR, "padding longer than the frame") \
    X(EMPTY, ENHANCE_YOUR_CALM, "flood of empty DATA") \
    X(CUT_FIELD, COMPRESSION_ERROR, "header block ends inside a field") \
    X(HPACK, COMPRESSION_ERROR, "header block cannot be decoded") \
    X(ENDLESS_LIST, ENHANCE_YOUR_CALM, "header list without end") \
    X(PEER_WINDOW, FLOW_CONTROL_ERROR, "SETTINGS with a window above 2^31-1") \
    X(LIFTED_WINDOW, FLOW_CONTROL_ERROR, "SETTINGS lift a window above 2^31-1") \
    X(PUSH, PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH out of range") \
    X(FRAME_MAX, PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE out of range") \
    X(PINGS, ENHANCE_YOUR_CALM, "flood of PING") \
    X(GOAWAY, PROTOCOL_ERROR, "GOAWAY takes streams back") \
    X(CREDIT_0, PROTOCOL_ERROR, "WINDOW_UPDATE of 0") \
    X(CREDIT, FLOW_CONTROL_ERROR, "WINDOW_UPDATE out of range")

#define VMC_H2_X(name, code, text) VMC_H2_E_##name,
enum { VMC_H2_ERRORS(VMC_H2_X) VMC_H2_E_COUNT };
#undef VMC_H2_X

#define VMC_H2_X(name, code, text) VMC_H2_##code,
static const uint8_t vmc_h2_codes[] = {VMC_H2_ERRORS(VMC_H2_X)};
#undef VMC_H2_X

/* Why the connection is broken. */
VMC_FN const char *vmc_h2_what(const vmc_h2 *h)
{
#ifdef VIAMC_NO_STRINGS
    (void)h;
    return "";
#else
#define VMC_H2_X(name, code, text) text,
    static const char *const texts[] = {VMC_H2_ERRORS(VMC_H2_X)};
#undef VMC_H2_X
    return texts[h->broken];
#endif
}

/* Marks a stream for RST_STREAM; the slot is free when that is sent. */
VMC_FN void vmc_h2_reset(vmc_h2 *h, uint8_t slot, uint32_t code)
{
    vmc_h2_stream *s = &h->streams[slot];
    if (s->id == 0 || (s->flags & VMC_H2_RESET_DUE) != 0)
        return;
    s->flags |= VMC_H2_RESET_DUE;
    s->due = code & VMC_H2_DUE_MAX;
    h->owed |= VMC_H2_OWES_CHORES;
    if (s == h->stream)
        h->stream = NULL;
}

/* Carries out what a state function found to be wrong. */
VMC_APART uint32_t vmc_h2_judge(vmc_h2 *h, uint32_t found, vmc_h2_event *ev)
{
    if (found == VMC_H2_NOISE && ++h->noise <= VMC_H2_MAX_NOISE) /* bounded, so that a flood ends (10.5) */
        return VMC_H2_GO;
    if (found >= VMC_H2_RESET_WITH && found < VMC_H2_FAIL(NONE)) {
        ev->code = found - VMC_H2_RESET_WITH;
        vmc_h2_reset(h, h->slot, ev->code);
        return VMC_H2_STREAM_ERROR;
    }
    h->broken = (uint8_t)((found == VMC_H2_NOISE ? VMC_H2_FAIL(NOISE) : found) - VMC_H2_FAIL(NONE));
    h->goaway_code = vmc_h2_codes[h->broken]; /* tells the peer why */
    h->owed |= VMC_H2_OWES_GOAWAY;
    h->state = VMC_H2_AT_END;
    return VMC_H2_FAILED;
}

/* ---- streams ---- */

/* The connection's window is credited when half of it is used up. */
VMC_FN void vmc_h2_watch_credit(vmc_h2 *h)
{
    if (h->credit <= (int32_t)(VMC_H2_WINDOW_MAX / 2u))
        h->owed |= VMC_H2_OWES_CREDIT;
}

VMC_FN bool vmc_h2_is_free(const vmc_h2 *h, uint8_t slot)
{
    return h->streams[slot].id == 0;
}

/* A stream that still takes part: not free and not about to be reset. */
VMC_FN bool vmc_h2_is_live(const vmc_h2 *h, uint8_t slot)
{
    return slot != VMC_H2_NO_SLOT && h->streams[slot].id != 0 && (h->streams[slot].flags & VMC_H2_RESET_DUE) == 0;
}

/* Preface and SETTINGS were sent, and nothing has broken the connection. */
VMC_FN bool vmc_h2_is_up(const vmc_h2 *h)
{
    return (h->owed & VMC_H2_OWES_START) == 0 && h->state != VMC_H2_AT_END;
}

VMC_FN uint8_t vmc_h2_find(const vmc_h2 *h, uint32_t id)
{
    uint8_t i;
    for (i = 0; i < h->count; i++)
        if (h->streams[i].id == id)
            return i;
    return VMC_H2_NO_SLOT;
}

VMC_FN uint8_t vmc_h2_free_slot(const vmc_h2 *h)
{
    return vmc_h2_find(h, 0);
}

/* Octets that may still come on a stream: its credit, and what is left of a DATA frame whose header was taken off the credit. */
VMC_FN int32_t vmc_h2_expected(const vmc_h2 *h, uint8_t slot)
{
    bool in_frame = h->slot == slot && h->type == VMC_H2_F_DATA && (h->state == VMC_H2_AT_DATA || h->state == VMC_H2_AT_FIXED);
    return h->streams[slot].credit + (in_frame ? (int32_t)(h->left - h->padding) : 0);
}

/* Octets that the peer may have on its way to us, resets not yet confirmed included. */
VMC_FN uint32_t vmc_h2_outstanding(const vmc_h2 *h)
{
    uint32_t n = VMC_H2_ZOMBIES(h);
    uint8_t i;
    for (i = 0; i < h->count; i++) {
        int32_t expected = vmc_h2_expected(h, i);
        if (h->streams[i].id != 0 && expected > 0)
            n += (uint32_t)expected;
    }
    return n;
}

/* True if one more stream may be opened while `spare` of those that the peer permits stay unused;
 * a peer that permits so few still leaves one. */
VMC_FN bool vmc_h2_may_open(const vmc_h2 *h, uint32_t spare)
{
    uint32_t limit = h->peer_streams > spare ? h->peer_streams - spare : vmc_min32(h->peer_streams, 1);
    if (h->goaway_got || h->state == VMC_H2_AT_END || h->next_id > VMC_H2_ID_MAX || h->open >= limit)
        return false;
    return VMC_H2_LIMIT(h) == 0 || vmc_h2_outstanding(h) + (spare + 1u) * h->window <= VMC_H2_LIMIT(h);
}

/* Client: gives slot the next id. Only when vmc_h2_may_open, just before its header block. */
VMC_FN void vmc_h2_open(vmc_h2 *h, uint8_t slot)
{
    vmc_h2_stream *s = &h->streams[slot];
    VIAMC_MEMSET(s, 0, sizeof *s);
    s->id = h->next_id;
    s->send_window = h->peer_window;
    s->credit = (int32_t)h->window;
    h->next_id += 2;
    h->open++;
}

/* Server: the request that is just being received gets another slot, which is free. */
VMC_FN void vmc_h2_move(vmc_h2 *h, uint8_t slot, uint8_t to)
{
    vmc_h2_stream s = h->streams[slot];
    h->streams[slot].id = 0;
    h->streams[slot].flags = 0;
    h->streams[to] = s;
    h->slot = to;
    h->stream = &h->streams[to];
}

#ifndef VIAMC_NO_TLS

/* Credit of a stream that was reset may still be used: it counts until a PING sent after the reset is answered. */
VMC_FN void vmc_h2_bury(vmc_h2 *h, uint32_t credit)
{
    h->zombies += credit;
    if (h->credit_limit != 0 && h->zombies != 0 && h->zombies_ping == 0)
        h->owed |= VMC_H2_OWES_PING;
}

/* That PING was answered: whatever was on its way before it has come. */
VMC_FN void vmc_h2_forget_resets(vmc_h2 *h)
{
    h->zombies_ping = 0;
    vmc_h2_bury(h, 0);
}

/* Is the PING that goes out to be that one? One of them at a time. */
VMC_FN bool vmc_h2_ask_of_resets(vmc_h2 *h)
{
    if (h->credit_limit == 0 || h->zombies == 0 || h->zombies_ping != 0)
        return false;
    h->zombies_ping = h->zombies;
    h->zombies = 0;
    return true;
}

#endif

VMC_FN void vmc_h2_free(vmc_h2 *h, uint8_t slot)
{
    vmc_h2_stream *s = &h->streams[slot];
#ifndef VIAMC_NO_TLS
    const int32_t expected = vmc_h2_expected(h, slot);
    if (h->credit_limit != 0 && (s->flags & VMC_H2_REMOTE_END) == 0 && expected > 0)
        vmc_h2_bury(h, (uint32_t)expected);
#endif
    s->id = 0;
    s->due = 0;
    s->flags = 0;
    h->open--;
    if (slot == h->slot) { /* the rest of the frame that is being received is nobody's, whoever gets the slot next */
        h->stream = NULL;
        h->slot = VMC_H2_NO_SLOT;
    }
}

/* The owner of the slot is done with it: a stream that both sides ended is free at once, another one is reset. */
VMC_FN void vmc_h2_release(vmc_h2 *h, uint8_t slot, uint32_t code)
{
    const uint8_t ends = VMC_H2_LOCAL_END | VMC_H2_REMOTE_END;
    if (h->streams[slot].id == 0)
        return;
    if ((h->streams[slot].flags & ends) == ends)
        vmc_h2_free(h, slot);
    else
        vmc_h2_reset(h, slot, code);
}

/* Most octets that one stream may have on its way. Where a TLS record must fit (credit_limit), every stream keeps its window and one
 * of them may have what is left over (design.md 2, invariants 2 and 3). */
VMC_FN uint32_t vmc_h2_most(const vmc_h2 *h)
{
    if (VMC_H2_LIMIT(h) == 0)
        return VMC_H2_WINDOW_MAX / 2u;
    return h->window + VMC_H2_LIMIT(h) - vmc_min32(VMC_H2_LIMIT(h), h->count * h->window);
}

/* Says how many octets of `slot` have room here and how many the message under way needs. What the peer may send less than the room is
 * owed to it; WINDOW_UPDATE goes out when half a window is owed, or when the message cannot go on without. */
VMC_FN void vmc_h2_room(vmc_h2 *h, uint8_t slot, uint32_t room, uint32_t needs)
{
    vmc_h2_stream *s = &h->streams[slot];
    uint32_t most = vmc_h2_most(h);
    int32_t expected = vmc_h2_expected(h, slot), owed = (int32_t)vmc_min32(room, most) - expected;
    if (!vmc_h2_is_live(h, slot) || (s->flags & VMC_H2_REMOTE_END) != 0)
        return;
    if (VMC_H2_LIMIT(h) != 0) /* credit of reset streams may still be used */
        owed = (int32_t)vmc_min32((uint32_t)(owed > 0 ? owed : 0), VMC_H2_LIMIT(h) - vmc_min32(VMC_H2_LIMIT(h), vmc_h2_outstanding(h)));
    if (owed <= 0) {
        s->due = 0;
    } else if (s->due != 0 || (uint32_t)owed >= h->window / 2u || expected < (int32_t)vmc_min32(needs, most / 2u)) {
        s->due = vmc_min32((uint32_t)owed, VMC_H2_DUE_MAX) & VMC_H2_DUE_MAX;
        h->owed |= VMC_H2_OWES_CHORES;
    }
}

/* ---- receiving: frame headers ---- */

/* The same, if they come in pieces: they are put together in small[]. */
VMC_APART const uint8_t *vmc_h2_collect_pieces(vmc_h2 *h, vmc_rd *in, uint32_t n)
{
    const uint8_t *p = in->ptr;
    size_t k = vmc_rd_skip(in, n - h->small_len);
    vmc_copy(h->small + h->small_len, p, k);
    h->small_len = (uint8_t)(h->small_len + k);
    if (h->small_len != n)
        return NULL;
    h->small_len = 0;
    return h->small;
}

/* The next n octets of the frame. NULL: they have not all come. */
VMC_FN const uint8_t *vmc_h2_collect(vmc_h2 *h, vmc_rd *in, uint32_t n)
{
    const uint8_t *p = in->ptr;
    if (h->small_len != 0 || in->left < n)
        return vmc_h2_collect_pieces(h, in, n);
    (void)vmc_rd_skip(in, n);
    return p;
}

/* Octets of the frame that are left have no meaning; without any the next frame's header comes. */
VMC_FN void vmc_h2_skip(vmc_h2 *h)
{
    h->state = h->left == 0 ? VMC_H2_AT_HEAD : VMC_H2_AT_SKIP;
}

VMC_FN uint32_t vmc_h2_on_preface(vmc_h2 *h, vmc_rd *in)
{
    while (in->left != 0 && h->small_len < VMC_H2_PREFACE_LEN)
        if (vmc_rd_u8(in) != (uint8_t)vmc_h2_preface[h->small_len++])
            return VMC_H2_FAIL(PREFACE);
    if (h->small_len < VMC_H2_PREFACE_LEN)
        return VMC_H2_MORE;
    h->small_len = 0;
    h->state = VMC_H2_AT_HEAD;
    return VMC_H2_GO;
}

/* What follows the fixed octets of DATA and HEADERS. */
VMC_FN uint8_t vmc_h2_body(const vmc_h2 *h)
{
    return h->type == VMC_H2_F_DATA ? VMC_H2_AT_DATA : VMC_H2_AT_BLOCK;
}

/* The frame has n fixed octets. */
VMC_FN uint32_t vmc_h2_fix(vmc_h2 *h, uint32_t n, uint32_t found)
{
    h->fixed = (uint8_t)n;
    h->state = n != 0 ? (uint8_t)VMC_H2_AT_FIXED : vmc_h2_body(h);
    return h->left < n ? VMC_H2_FAIL(LEN) : found;
}

/* True if the frame's stream was never opened: an id of the other side, or of the future, which a server's client opens by HEADERS. */
VMC_FN bool vmc_h2_is_idle(const vmc_h2 *h)
{
    return h->id % 2u == 0 || (h->id >= h->next_id && !(VMC_H2_IS_SERVER(h) && h->type == VMC_H2_F_HEADERS));
}

/* 6.1, 6.9: every octet of the frame counts in both windows, padding included. */
VMC_FN uint32_t vmc_h2_begin_data(vmc_h2 *h)
{
    vmc_h2_stream *s = h->stream;
    const int32_t n = (int32_t)h->left;
    if (n > h->credit)
        return VMC_H2_FAIL(WINDOW);
    h->credit -= n;
    vmc_h2_watch_credit(h);
    if (s == NULL)
        return VMC_H2_NOISE;
    if (n > s->credit)
        return VMC_H2_FAIL(STREAM_WINDOW);
    s->credit -= n;
    if ((s->flags & VMC_H2_REMOTE_END) != 0)
        return VMC_H2_RESET_WITH + VMC_H2_STREAM_CLOSED;
    return (s->flags & VMC_H2_GOT_FINAL) != 0 ? VMC_H2_GO : VMC_H2_RESET_WITH + VMC_H2_PROTOCOL_ERROR;
}

VMC_FN void vmc_h2_block_begin(vmc_h2 *h)
{
    VIAMC_MEMSET(&h->block, 0, sizeof h->block);
    h->block.open = true;
    h->block.seen = (h->flags & VMC_H2_END_STREAM) != 0 ? VMC_H2_B_END : 0;
    h->block.octets = h->left;
    vmc_hpack_dec_begin(&h->decoder);
}

#ifndef VIAMC_NO_SERVER

/* Server: one stream more than we permit. Ids in a row, so that any number of refusals is two numbers. */
VMC_FN uint32_t vmc_h2_refuse(vmc_h2 *h)
{
    if (h->refused != 0 && h->id != h->refused_last + 2u)
        return VMC_H2_FAIL(STREAMS);
    if (h->refused == 0)
        h->refused = h->id;
    h->refused_last = h->id;
    h->owed |= VMC_H2_OWES_REFUSALS;
    h->slot = VMC_H2_NO_SLOT; /* its block is decoded and dropped */
    return VMC_H2_NOISE;
}

/* Server: a new id opens a stream (5.1.1), or is refused (5.1.2). */
VMC_FN uint32_t vmc_h2_accept(vmc_h2 *h)
{
    vmc_h2_stream *s;
    h->next_id = h->id + 2u;
    h->slot = vmc_h2_free_slot(h);
    if (h->slot == VMC_H2_NO_SLOT || h->refused != 0 || h->goaway_sent)
        return vmc_h2_refuse(h);
    s = h->stream = &h->streams[h->slot];
    VIAMC_MEMSET(s, 0, sizeof *s);
    s->id = h->id;
    s->send_window = h->peer_window;
    s->credit = (int32_t)(h->acked ? h->window : VMC_H2_WINDOW_INIT);
    s->flags = h->acked ? 0 : VMC_H2_EARLY;
    h->open++;
    return VMC_H2_OPENED;
}

#endif

VMC_FN uint32_t vmc_h2_begin_headers(vmc_h2 *h)
{
    vmc_h2_block_begin(h);
#ifndef VIAMC_NO_SERVER
    if (h->server && h->id >= h->next_id)
        return vmc_h2_accept(h);
#endif
    if (h->stream == NULL)
        return VMC_H2_NOISE;
    if ((h->stream->flags & VMC_H2_REMOTE_END) != 0)
        return VMC_H2_RESET_WITH + VMC_H2_STREAM_CLOSED;
    if ((h->stream->flags & VMC_H2_GOT_FINAL) != 0)
        h->block.seen |= VMC_H2_B_TRAILERS;
    return VMC_H2_GO;
}

VMC_FN uint32_t vmc_h2_begin_continuation(vmc_h2 *h)
{
    vmc_h2_block *b = &h->block;
    b->octets += h->left;
    if (++b->continuations > VMC_H2_MAX_CONTINUATIONS || b->octets > VMC_H2_MAX_BLOCK_BYTES)
        return VMC_H2_FAIL(ENDLESS_BLOCK);
    h->flags &= VMC_H2_END_HEADERS; /* 6.10 defines no other flag */
    h->state = VMC_H2_AT_BLOCK;
    return VMC_H2_GO;
}

/* The peer acknowledged our SETTINGS: from now on it keeps to our window (server: early streams lose what they had too much). */
VMC_FN uint32_t vmc_h2_on_settings_ack(vmc_h2 *h)
{
    uint8_t i;
    if (VMC_H2_IS_SERVER(h) && !h->acked)
        for (i = 0; i < h->count; i++)
            if ((h->streams[i].flags & VMC_H2_EARLY) != 0) {
                h->streams[i].credit += (int32_t)h->window - (int32_t)VMC_H2_WINDOW_INIT;
                h->streams[i].flags &= (uint8_t)~VMC_H2_EARLY;
            }
    h->acked = true;
    return h->left != 0 ? VMC_H2_FAIL(SETTINGS_LEN) : VMC_H2_NOISE;
}

/* 6.5.3: a SETTINGS frame has been applied as a whole. */
VMC_FN uint32_t vmc_h2_end_settings(vmc_h2 *h)
{
    h->got_settings = true;
    h->settings_due++;
    h->owed |= VMC_H2_OWES_ACKS;
    return VMC_H2_NOISE;
}

VMC_FN uint32_t vmc_h2_begin_settings(vmc_h2 *h)
{
    if ((h->flags & VMC_H2_ACK) != 0) /* it is owed nothing */
        return vmc_h2_on_settings_ack(h);
    if (h->left % 6u != 0)
        return VMC_H2_FAIL(SETTINGS_LEN);
    if (h->left > 6u * VMC_H2_MAX_SETTINGS_ENTRIES || h->settings_due >= VMC_H2_MAX_SETTINGS)
        return VMC_H2_FAIL(SETTINGS);
    return h->left != 0 ? vmc_h2_fix(h, 6, VMC_H2_GO) : vmc_h2_end_settings(h);
}

/* What holds for a type of frame: on stream 0, on others, on those that were opened only, and how many fixed octets it has. */
#define VMC_H2_RULE_LEN 0x0fu
#define VMC_H2_RULE_CONNECTION 0x20u
#define VMC_H2_RULE_STREAM 0x40u
#define VMC_H2_RULE_OPENED 0x80u
#define VMC_H2_RULE_ANY (VMC_H2_RULE_CONNECTION | VMC_H2_RULE_STREAM)
static const uint8_t vmc_h2_rules[] = {
    VMC_H2_RULE_STREAM | VMC_H2_RULE_OPENED,      /* DATA */
    VMC_H2_RULE_STREAM | VMC_H2_RULE_OPENED,      /* HEADERS */
    VMC_H2_RULE_STREAM,                           /* PRIORITY */
    VMC_H2_RULE_STREAM | VMC_H2_RULE_OPENED | 4u, /* RST_STREAM */
    VMC_H2_RULE_CONNECTION,                       /* SETTINGS */
    0,                                            /* PUSH_PROMISE: push is off */
    VMC_H2_RULE_CONNECTION | 8u,                  /* PING */
    VMC_H2_RULE_CONNECTION | 8u,                  /* GOAWAY: a text may follow */
    VMC_H2_RULE_ANY | VMC_H2_RULE_OPENED | 4u,    /* WINDOW_UPDATE */
    VMC_H2_RULE_STREAM                            /* CONTINUATION */
};

/* 5.5: unknown types are ignored. 5.3.2: so is priority; only its length can be wrong, and that is the stream's error. */
VMC_FN uint32_t vmc_h2_begin_other(vmc_h2 *h, uint32_t len)
{
    if (h->type == VMC_H2_F_SETTINGS)
        return vmc_h2_begin_settings(h);
    if (h->type == VMC_H2_F_CONTINUATION)
        return vmc_h2_begin_continuation(h);
    if (len != 0)
        return vmc_h2_fix(h, len, h->left > len && h->type != VMC_H2_F_GOAWAY ? VMC_H2_FAIL(LEN) : VMC_H2_GO);
    vmc_h2_skip(h);
    return h->type == VMC_H2_F_PRIORITY && h->left != 5u && h->stream != NULL ? VMC_H2_RESET_WITH + VMC_H2_FRAME_SIZE_ERROR : VMC_H2_NOISE;
}

VMC_FN void vmc_h2_find_stream(vmc_h2 *h)
{
    h->slot = vmc_h2_find(h, h->id);
    h->stream = vmc_h2_is_live(h, h->slot) ? &h->streams[h->slot] : NULL; /* id 0 finds a free slot, or none */
    if (h->stream == NULL)
        h->slot = VMC_H2_NO_SLOT;
}

VMC_FN uint32_t vmc_h2_begin_frame(vmc_h2 *h)
{
    const uint32_t rule = h->type < sizeof vmc_h2_rules ? vmc_h2_rules[h->type] : VMC_H2_RULE_ANY, padded = (h->flags & VMC_H2_PADDED) != 0;
    if ((rule & (h->id == 0 ? VMC_H2_RULE_CONNECTION : VMC_H2_RULE_STREAM)) == 0)
        return VMC_H2_FAIL(WRONG_STREAM);
    if ((rule & VMC_H2_RULE_OPENED) != 0 && h->id != 0 && vmc_h2_is_idle(h))
        return VMC_H2_FAIL(IDLE);
    if (h->stream == NULL || h->stream->id != h->id) /* else as the frame before: most of them */
        vmc_h2_find_stream(h);
    if (h->type == VMC_H2_F_DATA)
        return vmc_h2_fix(h, padded, vmc_h2_begin_data(h));
    if (h->type == VMC_H2_F_HEADERS) /* 6.2: they may have a priority */
        return vmc_h2_fix(h, padded + ((h->flags & VMC_H2_PRIORITY) != 0 ? 5u : 0), vmc_h2_begin_headers(h));
    return vmc_h2_begin_other(h, rule & VMC_H2_RULE_LEN);
}

/* 4.1: the nine octets of a frame header; what is wrong whatever the type. */
VMC_APART uint32_t vmc_h2_on_head(vmc_h2 *h, const uint8_t *p)
{
    const uint32_t id = vmc_be32(p + 5) & VMC_H2_ID_MAX; /* the reserved bit is ignored */
    h->left = vmc_be24(p);
    h->padding = 0;
    h->type = p[3];
    h->flags = p[4];
    if (!h->got_settings && (h->type != VMC_H2_F_SETTINGS || (h->flags & VMC_H2_ACK) != 0))
        return VMC_H2_FAIL(NO_SETTINGS);
    if (h->left > VMC_H2_FRAME_MAX)
        return VMC_H2_FAIL(LARGE);
    if (h->block.open != (h->type == VMC_H2_F_CONTINUATION) || (h->block.open && id != h->id))
        return VMC_H2_FAIL(CONTINUATION);
    h->id = id;
    return vmc_h2_begin_frame(h);
}

/* ---- receiving: DATA ---- */

VMC_FN uint32_t vmc_h2_on_data(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    uint32_t body = h->left - h->padding;
    bool last;
    if (body != 0 && in->left == 0)
        return VMC_H2_MORE;
    ev->data.ptr = in->ptr;
    ev->data.len = vmc_rd_skip(in, body);
    h->left -= (uint32_t)ev->data.len;
    last = h->left == h->padding;
    if (last)
        vmc_h2_skip(h);
    ev->end = last && (h->flags & VMC_H2_END_STREAM) != 0;
    if (ev->data.len != 0 || ev->end)
        h->empty = 0;
    else if (++h->empty > VMC_H2_MAX_EMPTY) /* without octets and without end it moves nothing (10.5) */
        return VMC_H2_FAIL(EMPTY);
    if (h->stream == NULL) /* ended meanwhile: dropped */
        return VMC_H2_GO;
    if (ev->data.len != 0)
        h->noise = 0;
    if (ev->end)
        h->stream->flags |= VMC_H2_REMOTE_END;
    if (ev->data.len != 0 || ev->end || (last && (h->flags & VMC_H2_PADDED) != 0)) /* padding is credited too */
        return VMC_H2_DATA;
    return VMC_H2_GO;
}

/* ---- receiving: header blocks ---- */

/* 8.2, 8.3: rules that hold for a field's name and its place in the block. */
VMC_FN void vmc_h2_check_name(vmc_h2 *h, uint32_t known)
{
    const uint32_t legal = VMC_H2_IS_SERVER(h) ? VMC_H2_P_METHOD | VMC_H2_P_SCHEME | VMC_H2_P_PATH | VMC_H2_P_AUTHORITY : VMC_H2_P_STATUS;
    vmc_h2_block *b = &h->block;
    uint32_t bit = VMC_H2_B_REGULAR;
    bool bad = known == VMC_NAME_CONNECTION;
    if (known - VMC_NAME_STATUS <= VMC_NAME_PSEUDO - VMC_NAME_STATUS) {
        bit = 1u << (known - VMC_NAME_STATUS);
        bad = (bit & legal) == 0 || (b->seen & (bit | VMC_H2_B_TRAILERS | VMC_H2_B_REGULAR)) != 0; /* once, and in front */
    }
    if (bad)
        b->wrong = VMC_H2_PROTOCOL_ERROR;
    b->seen = (uint8_t)(b->seen | bit);
    b->fields++;
}

/* :status is three digits, the first is not 0 (8.3.2), wherever its pieces are cut. */
VMC_FN void vmc_h2_take_status(vmc_h2_block *b, viamc_bytes v)
{
    size_t i;
    for (i = 0; i < v.len; i++) {
        uint32_t digit = v.ptr[i] - (uint32_t)'0';
        if (digit > 9u || b->status >= 100u || (digit | b->status) == 0)
            b->wrong = VMC_H2_PROTOCOL_ERROR;
        else
            b->status = (uint16_t)(b->status * 10u + digit);
    }
}

/* Books one piece of a field; true if it is to be handed up. */
VMC_FN bool vmc_h2_take_piece(vmc_h2 *h, const vmc_hpack_piece *p)
{
    vmc_h2_block *b = &h->block;
    if ((p->flags & VMC_HPACK_FIRST) != 0)
        vmc_h2_check_name(h, p->known);
    if (p->known == VMC_NAME_STATUS)
        vmc_h2_take_status(b, p->value);
    if ((p->flags & VMC_HPACK_LAST) != 0) {
        b->list += p->size;
        if (b->list > h->header_list)
            b->wrong = VMC_H2_ENHANCE_YOUR_CALM;
        if ((p->flags & (VMC_HPACK_BAD_NAME | VMC_HPACK_BAD_VALUE)) != 0)
            b->wrong = VMC_H2_PROTOCOL_ERROR;
    }
    return h->stream != NULL && b->wrong == 0 && p->known != VMC_NAME_STATUS && (b->status == 0 || b->status >= 200u);
}

/* Final header block of a response: 1xx are skipped, 101 has no meaning in HTTP/2 (8.6). */
VMC_FN bool vmc_h2_response_ok(vmc_h2 *h, vmc_h2_stream *s)
{
    vmc_h2_block *b = &h->block;
    if (b->status < 100u || b->status == 101u)
        return false;
    if (b->status >= 200u) {
        h->informational = 0;
        s->flags |= VMC_H2_GOT_FINAL;
        return true;
    }
    return (b->seen & VMC_H2_B_END) == 0 && ++h->informational <= VMC_H2_MAX_INFORMATIONAL;
}

/* First header block of a request. */
VMC_FN bool vmc_h2_request_ok(vmc_h2 *h, vmc_h2_stream *s)
{
    const uint8_t needed = VMC_H2_P_METHOD | VMC_H2_P_SCHEME | VMC_H2_P_PATH;
    s->flags |= VMC_H2_GOT_FINAL;
    return (h->block.seen & needed) == needed;
}

#if VIAMC_SHORTCUTS

/* The block that begins: is it one that was seen before? Then it is taken as a whole. One that may come again is noted. */
VMC_FN bool vmc_h2_memo_take(vmc_h2 *h, vmc_rd *in)
{
    const uint32_t k = (h->block.seen & VMC_H2_B_TRAILERS) != 0;
    uint64_t octets = 0;
    uint32_t i;
    if (VMC_H2_IS_SERVER(h) || h->stream == NULL || (h->stream->flags & VMC_H2_ALL_FIELDS) != 0)
        return false;
    if ((h->flags & ~VMC_H2_END_STREAM) != VMC_H2_END_HEADERS || h->left > sizeof octets || h->left > in->left)
        return false; /* not in one piece */
    for (i = 0; i < h->left && in->ptr[i] >= 0x80u && in->ptr[i] != 0xffu; i++)
        octets = octets << 8 | in->ptr[i];
    if (i != h->left)
        return false;
    h->block.memo = (uint8_t)i;
    if (h->memo_len[k] == i && h->memo[k] == octets) {
        (void)vmc_rd_skip(in, i);
        h->left = 0;
        h->block.status = k != 0 ? 0 : 200u;
        return true;
    }
    h->memo_len[k] = 0;
    h->memo[k] = octets;
    return false;
}

/* The block was right: the same octets will mean the same, until the decoder's table changes. */
VMC_FN void vmc_h2_memo_keep(vmc_h2 *h, vmc_h2_event *ev)
{
    const uint32_t k = (h->block.seen & VMC_H2_B_TRAILERS) != 0;
    ev->repeats = false;
    ev->memo = 0;
    if (h->block.memo == 0 || (k == 0 && h->block.status != 200u))
        return;
    ev->repeats = h->memo_len[k] != 0;
    ev->memo = (uint8_t)(k + 1u);
    h->memo_len[k] = h->block.memo;
}

/* The owner cannot keep what the fields of this block said. */
VMC_FN void vmc_h2_memo_drop(vmc_h2 *h, uint8_t memo)
{
    h->memo_len[memo - 1u] = 0;
}

#endif

/* The whole block is there: is it what may come now on this stream? */
VMC_FN uint32_t vmc_h2_end_block(vmc_h2 *h, vmc_h2_event *ev)
{
    vmc_h2_block *b = &h->block;
    vmc_h2_stream *s = h->stream;
    bool ok;
    b->open = false;
#if VIAMC_SHORTCUTS
    if (h->decoder.changed)
        h->memo_len[0] = h->memo_len[1] = 0;
    h->decoder.changed = false;
#endif
    vmc_h2_skip(h); /* padding */
    if (!vmc_hpack_dec_end(&h->decoder))
        return VMC_H2_FAIL(CUT_FIELD);
    if (s == NULL)
        return VMC_H2_GO;
    if (b->wrong != 0)
        return VMC_H2_RESET_WITH + b->wrong;
    if ((b->seen & VMC_H2_B_TRAILERS) != 0)
        ok = (b->seen & VMC_H2_B_END) != 0; /* trailers end the stream (8.1) */
    else
        ok = VMC_H2_IS_SERVER(h) ? vmc_h2_request_ok(h, s) : vmc_h2_response_ok(h, s);
    if (!ok)
        return VMC_H2_RESET_WITH + VMC_H2_PROTOCOL_ERROR;
    if (b->status != 0 && b->status < 200u)
        return VMC_H2_NOISE;
    h->noise = 0;
    ev->end = (b->seen & VMC_H2_B_END) != 0;
    if (ev->end)
        s->flags |= VMC_H2_REMOTE_END;
    ev->status = b->status;
#if VIAMC_SHORTCUTS
    vmc_h2_memo_keep(h, ev);
#endif
    return VMC_H2_BLOCK_END;
}

VMC_FN uint32_t vmc_h2_on_block(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    const size_t most = vmc_min(in->left, h->left - h->padding), rest = in->left - most;
    vmc_hpack_result r;
#if VIAMC_SHORTCUTS
    if (h->block.octets == h->left && h->left != 0 && vmc_h2_memo_take(h, in)) /* no octet of it was looked at */
        return vmc_h2_end_block(h, ev);
#endif
    in->left = most;
    r = vmc_hpack_next(&h->decoder, in, &ev->piece);
    h->left -= (uint32_t)(most - in->left);
    in->left += rest;
    if (r == VMC_HPACK_ERROR)
        return VMC_H2_FAIL(HPACK);
    if (r == VMC_HPACK_PIECE) {
        bool up = vmc_h2_take_piece(h, &ev->piece);
        if (h->block.list > VMC_H2_MAX_LIST_BYTES || h->block.fields > VMC_H2_MAX_FIELDS)
            return VMC_H2_FAIL(ENDLESS_LIST);
        if (up)
            return VMC_H2_FIELD;
        return VMC_H2_GO;
    }
    if (h->left != h->padding)
        return VMC_H2_MORE;
    if ((h->flags & VMC_H2_END_HEADERS) != 0)
        return vmc_h2_end_block(h, ev);
    vmc_h2_skip(h); /* padding, then CONTINUATION */
    return VMC_H2_GO;
}

/* ---- receiving: the small frames ---- */

/* 6.9.2: a new initial window moves the window of every open stream. */
VMC_FN uint32_t vmc_h2_set_peer_window(vmc_h2 *h, uint32_t value)
{
    int32_t delta;
    uint8_t i;
    if (value > VMC_H2_WINDOW_MAX)
        return VMC_H2_FAIL(PEER_WINDOW);
    delta = (int32_t)value - h->peer_window;
    h->peer_window = (int32_t)value;
    for (i = 0; i < h->count; i++) {
        vmc_h2_stream *s = &h->streams[i];
        if (s->id != 0 && delta > 0 && s->send_window > (int32_t)VMC_H2_WINDOW_MAX - delta)
            return VMC_H2_FAIL(LIFTED_WINDOW);
        if (s->id != 0)
            s->send_window += delta; /* at least 0 - 2^31+1: it started at 0 or above and gave no more than it had */
    }
    return VMC_H2_GO;
}

VMC_FN uint32_t vmc_h2_on_setting(vmc_h2 *h, const uint8_t *p)
{
    uint32_t value = vmc_be32(p + 2), found;
    switch (vmc_be16(p)) {
    case VMC_H2_HEADER_TABLE_SIZE: vmc_hpack_enc_resize(&h->encoder, value); break;
    case VMC_H2_ENABLE_PUSH:
        if (value > (VMC_H2_IS_SERVER(h) ? 1u : 0u))
            return VMC_H2_FAIL(PUSH);
        break;
    case VMC_H2_MAX_CONCURRENT_STREAMS: h->peer_streams = (uint8_t)vmc_min32(value, 0xff); break; /* more than there are slots */
    case VMC_H2_INITIAL_WINDOW_SIZE:
        found = vmc_h2_set_peer_window(h, value);
        if (found != VMC_H2_GO)
            return found;
        break;
    case VMC_H2_MAX_FRAME_SIZE:
        if (value < VMC_H2_FRAME_MAX || value > 0xffffffu)
            return VMC_H2_FAIL(FRAME_MAX);
        break;
    default: break; /* 6.5.2: unknown settings are ignored */
    }
    if (h->left != 0)
        return VMC_H2_GO;
    h->state = VMC_H2_AT_HEAD;
    return vmc_h2_end_settings(h);
}

VMC_FN uint32_t vmc_h2_on_ping(vmc_h2 *h, const uint8_t *p)
{
    if ((h->flags & VMC_H2_ACK) != 0) {
#ifndef VIAMC_NO_TLS
        if (p[0] == VMC_H2_PING_RESETS)
            vmc_h2_forget_resets(h);
#endif
        return VMC_H2_NOISE;
    }
    if (h->pings_due == VMC_H2_MAX_PINGS)
        return VMC_H2_FAIL(PINGS);
    vmc_copy(h->ping[h->pings_due++], p, 8);
    h->owed |= VMC_H2_OWES_ACKS;
    return VMC_H2_NOISE;
}

VMC_FN uint32_t vmc_h2_on_rst(vmc_h2 *h, const uint8_t *p, vmc_h2_event *ev)
{
    bool answered;
    if (h->stream == NULL)
        return VMC_H2_NOISE; /* late: the stream is over (5.1) */
    answered = !VMC_H2_IS_SERVER(h) && (h->stream->flags & VMC_H2_REMOTE_END) != 0;
    h->stream->flags |= VMC_H2_REMOTE_END | VMC_H2_LOCAL_END;
    if (answered)
        return VMC_H2_NOISE; /* after a whole response it only says that our request is not wanted (8.1) */
    ev->code = vmc_be32(p);
    return VMC_H2_RESET;
}

/* 6.8: the last id may only sink. */
VMC_FN uint32_t vmc_h2_on_goaway(vmc_h2 *h, const uint8_t *p, vmc_h2_event *ev)
{
    uint32_t last = vmc_be32(p) & VMC_H2_ID_MAX;
    if (last > h->goaway_last)
        return VMC_H2_FAIL(GOAWAY);
    h->goaway_last = last;
    h->goaway_got = true;
    ev->code = vmc_be32(p + 4);
    ev->last = last;
    return VMC_H2_GOAWAY;
}

VMC_FN uint32_t vmc_h2_on_window_update(vmc_h2 *h, const uint8_t *p)
{
    int32_t n = (int32_t)(vmc_be32(p) & VMC_H2_WINDOW_MAX), *window;
    if (h->id == 0)
        window = &h->send_window;
    else if (h->stream != NULL)
        window = &h->stream->send_window;
    else
        return VMC_H2_NOISE;
    if (n != 0 && *window <= (int32_t)VMC_H2_WINDOW_MAX - n) {
        *window += n;
        return VMC_H2_NOISE;
    }
    if (h->id == 0)
        return n == 0 ? VMC_H2_FAIL(CREDIT_0) : VMC_H2_FAIL(CREDIT);
    return VMC_H2_RESET_WITH + (n == 0 ? VMC_H2_PROTOCOL_ERROR : VMC_H2_FLOW_CONTROL_ERROR);
}

/* The padding's length, and a priority, which is ignored (5.3.2): DATA and HEADERS may begin with them. */
VMC_FN uint32_t vmc_h2_on_prefix(vmc_h2 *h, const uint8_t *p)
{
    h->padding = (h->flags & VMC_H2_PADDED) != 0 ? p[0] : (uint8_t)0;
    h->state = vmc_h2_body(h);
    return h->padding <= h->left ? VMC_H2_GO : VMC_H2_FAIL(PADDING);
}

/* The fixed octets of a frame have come. */
VMC_FN uint32_t vmc_h2_on_fixed(vmc_h2 *h, const uint8_t *p, vmc_h2_event *ev)
{
    h->left -= h->fixed;
    if (h->type == VMC_H2_F_DATA || h->type == VMC_H2_F_HEADERS)
        return vmc_h2_on_prefix(h, p);
    if (h->type == VMC_H2_F_SETTINGS)
        return vmc_h2_on_setting(h, p);
    vmc_h2_skip(h);
    switch (h->type) {
    case VMC_H2_F_PING: return vmc_h2_on_ping(h, p);
    case VMC_H2_F_GOAWAY: return vmc_h2_on_goaway(h, p, ev);
    case VMC_H2_F_RST_STREAM: return vmc_h2_on_rst(h, p, ev);
    default: return vmc_h2_on_window_update(h, p);
    }
}

VMC_FN uint32_t vmc_h2_on_skip(vmc_h2 *h, vmc_rd *in)
{
    h->left -= (uint32_t)vmc_rd_skip(in, h->left);
    if (h->left != 0)
        return VMC_H2_MORE;
    h->state = VMC_H2_AT_HEAD;
    return VMC_H2_GO;
}

VMC_FN uint32_t vmc_h2_step(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    const uint8_t *p;
    switch ((vmc_h2_state)h->state) {
    case VMC_H2_AT_BLOCK: return vmc_h2_on_block(h, in, ev);
    case VMC_H2_AT_DATA: return vmc_h2_on_data(h, in, ev);
    case VMC_H2_AT_SKIP: return vmc_h2_on_skip(h, in);
    case VMC_H2_AT_PREFACE:
        if (VMC_H2_IS_SERVER(h))
            return vmc_h2_on_preface(h, in);
        break;
    case VMC_H2_AT_END: (void)vmc_rd_skip(in, in->left); return VMC_H2_MORE;
    case VMC_H2_AT_HEAD:
    case VMC_H2_AT_FIXED: break;
    }
    p = in->left == 0 ? NULL : vmc_h2_collect(h, in, h->state == VMC_H2_AT_HEAD ? VMC_H2_FRAME_HEAD : h->fixed);
    if (p == NULL)
        return VMC_H2_MORE;
    return h->state == VMC_H2_AT_HEAD ? vmc_h2_on_head(h, p) : vmc_h2_on_fixed(h, p, ev);
}

/* Consumes input up to the next event. Each turn consumes octets or leaves a state for the next one of the same frame,
 * so the turns are bounded by twice the octets plus the states. */
VMC_APART vmc_h2_event_kind vmc_h2_run(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    uint32_t found;
    do {
        found = vmc_h2_step(h, in, ev);
        if (found >= VMC_H2_NOISE)
            found = vmc_h2_judge(h, found, ev);
    } while (found == VMC_H2_GO);
    ev->slot = h->slot;
    return (vmc_h2_event_kind)found;
}

VMC_FN vmc_h2_event_kind vmc_h2_next(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    if (VIAMC_SHORTCUTS && in->left == 0 && h->state == VMC_H2_AT_HEAD)
        return VMC_H2_MORE;
    return vmc_h2_run(h, in, ev);
}

#if VIAMC_SHORTCUTS

/* ---- receiving: a whole reply at once ---- */

/* Is this frame a header block that repeats memo k? Eight octets that end with the block's are read: its head has nine. */
VMC_FN bool vmc_h2_is_repeat(const vmc_h2 *h, const uint8_t *p, uint8_t k, uint8_t flags, uint32_t id)
{
    const uint32_t len = h->memo_len[k];
    if (vmc_be32(p) != (len << 8 | VMC_H2_F_HEADERS) || p[4] != flags || vmc_be32(p + 5) != id)
        return false;
    p += VMC_H2_FRAME_HEAD + len;
    return (((uint64_t)vmc_be32(p - 8) << 32 | vmc_be32(p - 4)) ^ h->memo[k]) << (64u - 8u * len) == 0;
}

/* Client: is the next thing in the input a whole reply whose parts are all as usual? Nothing is consumed. Whatever is unusual takes the
 * way through the states, with the same result. */
VMC_FN bool vmc_h2_peek_reply(const vmc_h2 *h, const vmc_rd *in, vmc_h2_reply *r)
{
    const size_t least = h->memo_len[0] + h->memo_len[1] + 3u * VMC_H2_FRAME_HEAD;
    const uint8_t *p = in->ptr, *data;
    const vmc_h2_stream *s;
    uint32_t id, len;
    if ((h->state | h->small_len) != VMC_H2_AT_HEAD || h->block.open || h->memo_len[0] == 0 || h->memo_len[1] == 0 || in->left < least)
        return false;
    data = p + VMC_H2_FRAME_HEAD + h->memo_len[0];
    id = vmc_be32(p + 5);
    len = vmc_be24(data);
    r->slot = vmc_h2_find(h, id);
    if (id == 0 || r->slot == VMC_H2_NO_SLOT || len == 0 || len > VMC_H2_FRAME_MAX || len > in->left - least)
        return false;
    s = &h->streams[r->slot];
    r->data = viamc_view(data + VMC_H2_FRAME_HEAD, len);
    r->octets = (uint32_t)least + len;
    return (s->flags & (uint8_t)~VMC_H2_LOCAL_END) == 0 && vmc_h2_is_repeat(h, p, 0, VMC_H2_END_HEADERS, id)
        && vmc_be16(data + 3) == VMC_H2_KIND(VMC_H2_F_DATA, 0) && vmc_be32(data + 5) == id && (int32_t)len <= s->credit && (int32_t)len <= h->credit
        && vmc_h2_is_repeat(h, data + VMC_H2_FRAME_HEAD + len, 1, VMC_H2_END_HEADERS | VMC_H2_END_STREAM, id);
}

/* Consumes it: the stream is at its end. */
VMC_FN void vmc_h2_take_reply(vmc_h2 *h, vmc_rd *in, const vmc_h2_reply *r)
{
    vmc_h2_stream *s = &h->streams[r->slot];
    (void)vmc_rd_skip(in, r->octets);
    h->credit -= (int32_t)r->data.len;
    vmc_h2_watch_credit(h);
    s->credit -= (int32_t)r->data.len;
    s->flags |= VMC_H2_GOT_FINAL | VMC_H2_REMOTE_END;
    h->informational = 0;
    h->noise = 0;
    h->empty = 0;
}

#endif

/* ---- sending ---- */

/* Writes a frame header and claims its payload of at most VMC_H2_FRAME_MAX octets; NULL if both together do not fit. */
VMC_FN uint8_t *vmc_h2_frame(vmc_wr *w, uint32_t len, uint32_t kind, uint32_t id)
{
    uint8_t *p = vmc_wr_claim(w, VMC_H2_FRAME_HEAD + (size_t)len);
    if (p == NULL)
        return NULL;
    vmc_put_be32(p, len << 8 | kind >> 8);
    p[4] = (uint8_t)kind;
    vmc_put_be32(p + 5, id);
    return p + VMC_H2_FRAME_HEAD;
}

/* Writes a frame of one number; false if it does not fit. */
VMC_FN bool vmc_h2_write_number(vmc_wr *w, uint8_t type, uint32_t id, uint32_t number)
{
    uint8_t *p = vmc_h2_frame(w, 4, VMC_H2_KIND(type, 0), id);
    if (p != NULL)
        vmc_put_be32(p, number);
    return p != NULL;
}

VMC_FN uint8_t *vmc_h2_put_setting(uint8_t *p, uint32_t id, uint32_t value)
{
    vmc_put_be16(p, id);
    vmc_put_be32(p + 2, value);
    return p + 6;
}

/* Preface (client) and SETTINGS. */
VMC_FN bool vmc_h2_write_start(vmc_h2 *h, vmc_wr *w)
{
    uint8_t *p;
    if (vmc_wr_room(w) < VMC_H2_PREFACE_LEN + VMC_H2_FRAME_HEAD + 30u)
        return false;
    if (!VMC_H2_IS_SERVER(h))
        vmc_wr_bytes(w, vmc_h2_preface, VMC_H2_PREFACE_LEN);
    p = vmc_h2_frame(w, 30, VMC_H2_KIND(VMC_H2_F_SETTINGS, 0), 0);
    p = vmc_h2_put_setting(p, VMC_H2_HEADER_TABLE_SIZE, h->decoder.limit);
    p = VMC_H2_IS_SERVER(h) ? vmc_h2_put_setting(p, VMC_H2_MAX_CONCURRENT_STREAMS, VMC_H2_MAX_STREAMS(h)) : vmc_h2_put_setting(p, VMC_H2_ENABLE_PUSH, 0);
    p = vmc_h2_put_setting(p, VMC_H2_INITIAL_WINDOW_SIZE, h->window);
    p = vmc_h2_put_setting(p, VMC_H2_MAX_FRAME_SIZE, VMC_H2_FRAME_MAX);
    (void)vmc_h2_put_setting(p, VMC_H2_MAX_HEADER_LIST_SIZE, h->header_list);
    return true;
}

/* The credit that makes the connection's window no limit: streams alone push back. */
VMC_FN bool vmc_h2_write_connection_credit(vmc_h2 *h, vmc_wr *w)
{
    const bool fits = vmc_h2_write_number(w, VMC_H2_F_WINDOW_UPDATE, 0, VMC_H2_WINDOW_MAX - (uint32_t)h->credit);
    if (fits)
        h->credit = (int32_t)VMC_H2_WINDOW_MAX;
    return fits;
}

VMC_FN bool vmc_h2_write_acks(vmc_h2 *h, vmc_wr *w)
{
    for (; h->settings_due != 0; h->settings_due--)
        if (vmc_h2_frame(w, 0, VMC_H2_KIND(VMC_H2_F_SETTINGS, VMC_H2_ACK), 0) == NULL)
            return false;
    for (; h->pings_due != 0; h->pings_due--) {
        uint8_t *p = vmc_h2_frame(w, 8, VMC_H2_KIND(VMC_H2_F_PING, VMC_H2_ACK), 0);
        if (p == NULL)
            return false;
        vmc_copy(p, h->ping[h->pings_due - 1u], 8);
    }
    return true;
}

VMC_FN bool vmc_h2_write_goaway(vmc_h2 *h, vmc_wr *w)
{
    uint8_t *p = vmc_h2_frame(w, 8, VMC_H2_KIND(VMC_H2_F_GOAWAY, 0), 0);
    if (p == NULL)
        return false;
    vmc_put_be32(p, VMC_H2_IS_SERVER(h) && h->next_id > 1u ? h->next_id - 2u : 0);
    vmc_put_be32(p + 4, h->goaway_code);
    h->goaway_sent = true;
    return true;
}

/* RST_STREAM and WINDOW_UPDATE of the streams. */
VMC_FN bool vmc_h2_write_chores(vmc_h2 *h, vmc_wr *w)
{
    uint8_t i;
    for (i = 0; i < h->count; i++) {
        vmc_h2_stream *s = &h->streams[i];
        const bool reset = (s->flags & VMC_H2_RESET_DUE) != 0;
        if (!reset && s->due == 0)
            continue;
        if (!vmc_h2_write_number(w, reset ? VMC_H2_F_RST_STREAM : VMC_H2_F_WINDOW_UPDATE, s->id, s->due))
            return false;
        s->credit += reset ? 0 : (int32_t)s->due;
        s->due = 0;
        if (reset)
            vmc_h2_free(h, i);
    }
    return true;
}

#ifndef VIAMC_NO_SERVER

VMC_FN bool vmc_h2_write_refusals(vmc_h2 *h, vmc_wr *w)
{
    for (; h->refused <= h->refused_last; h->refused += 2u)
        if (!vmc_h2_write_number(w, VMC_H2_F_RST_STREAM, h->refused, VMC_H2_REFUSED_STREAM))
            return false;
    h->refused = 0;
    return true;
}

#endif

VMC_FN bool vmc_h2_write_ping(vmc_h2 *h, vmc_wr *w)
{
    uint8_t *p = vmc_h2_frame(w, 8, VMC_H2_KIND(VMC_H2_F_PING, 0), 0);
    if (p == NULL)
        return false;
    (void)h;
    VIAMC_MEMSET(p, VMC_H2_PING_LIFE, 8);
#ifndef VIAMC_NO_TLS
    if (vmc_h2_ask_of_resets(h))
        VIAMC_MEMSET(p, VMC_H2_PING_RESETS, 8);
#endif
    return true;
}

/* One of the things that are owed; false if it does not fit. */
VMC_FN bool vmc_h2_write_one(vmc_h2 *h, uint32_t bit, vmc_wr *w)
{
    switch (bit) {
    case VMC_H2_OWES_START: return vmc_h2_write_start(h, w);
    case VMC_H2_OWES_CREDIT: return vmc_h2_write_connection_credit(h, w);
    case VMC_H2_OWES_ACKS: return vmc_h2_write_acks(h, w);
    case VMC_H2_OWES_GOAWAY: return vmc_h2_write_goaway(h, w);
#ifndef VIAMC_NO_SERVER
    case VMC_H2_OWES_REFUSALS: return vmc_h2_write_refusals(h, w);
#endif
    case VMC_H2_OWES_CHORES: return vmc_h2_write_chores(h, w);
    default: return vmc_h2_write_ping(h, w);
    }
}

/* In the order of the bits, as far as it fits. */
VMC_APART void vmc_h2_write_owed(vmc_h2 *h, vmc_wr *w)
{
    uint32_t bit;
    for (bit = 1; bit <= h->owed; bit <<= 1) {
        if ((h->owed & bit) == 0)
            continue;
        if (!vmc_h2_write_one(h, bit, w))
            return;
        h->owed = (uint8_t)(h->owed & ~bit);
    }
}

/* Everything that is owed, as far as it fits; nothing while a header block is open (6.10). */
VMC_FN void vmc_h2_write_control(vmc_h2 *h, vmc_wr *w)
{
    if (h->out_slot != VMC_H2_NO_SLOT || (h->owed | h->noise) == 0)
        return;
    if (h->owed != 0)
        vmc_h2_write_owed(h, w);
    if ((h->owed & (VMC_H2_OWES_START | VMC_H2_OWES_ACKS)) == 0) /* the peer reads what it asks for */
        h->noise = (uint16_t)(h->noise - vmc_min32(h->noise, VMC_H2_FORGIVEN));
}

/* Opens the next frame of a header block: HEADERS, later CONTINUATION. False: no room, try with the next window.
 * The caller puts fields into *part until they are all in, or it is full, and calls vmc_h2_block_close. */
VMC_FN bool vmc_h2_block_open(vmc_h2 *h, uint8_t slot, bool end_stream, vmc_wr *w, vmc_wr *part)
{
    const size_t least = VMC_H2_FRAME_HEAD + 32u; /* viamc: a frame with fewer octets is not worth its header */
    size_t room = vmc_wr_room(w);
    if (room < least)
        return false;
    if (h->out_slot == VMC_H2_NO_SLOT) {
        h->out_slot = slot;
        h->out_id = h->streams[slot].id;
        h->out_first = true;
        h->out_end = end_stream;
    }
    *part = vmc_wr_of(w->ptr + w->len + VMC_H2_FRAME_HEAD, vmc_min(room - VMC_H2_FRAME_HEAD, VMC_H2_FRAME_MAX));
    return true;
}

VMC_FN void vmc_h2_block_close(vmc_h2 *h, vmc_wr *w, const vmc_wr *part, bool last)
{
    vmc_h2_stream *s = &h->streams[h->out_slot];
    uint32_t kind = h->out_first ? VMC_H2_KIND(VMC_H2_F_HEADERS, h->out_end ? VMC_H2_END_STREAM : 0) : VMC_H2_KIND(VMC_H2_F_CONTINUATION, 0);
    (void)vmc_h2_frame(w, (uint32_t)part->len, last ? kind | VMC_H2_END_HEADERS : kind, h->out_id);
    h->out_first = false;
    if (!last)
        return;
    if (h->out_end && s->id == h->out_id)
        s->flags |= VMC_H2_LOCAL_END;
    h->out_slot = VMC_H2_NO_SLOT;
}

/* Octets of DATA that the peer permits now on this stream, `spare` of the connection's window left alone. */
VMC_FN uint32_t vmc_h2_data_room(const vmc_h2 *h, uint8_t slot, uint32_t spare)
{
    int32_t stream = h->streams[slot].send_window, conn = h->send_window;
    if (stream <= 0 || conn <= 0 || (uint32_t)conn <= spare)
        return 0;
    return vmc_min32(vmc_min32((uint32_t)stream, (uint32_t)conn - spare), VMC_H2_FRAME_MAX);
}

/* Writes one DATA frame and claims its n octets, at most vmc_h2_data_room; NULL if it does not fit into the window. */
VMC_FN uint8_t *vmc_h2_write_data(vmc_h2 *h, uint8_t slot, uint32_t n, bool end, vmc_wr *w)
{
    vmc_h2_stream *s = &h->streams[slot];
    uint8_t *p = vmc_h2_frame(w, n, VMC_H2_KIND(VMC_H2_F_DATA, end ? VMC_H2_END_STREAM : 0), s->id);
    if (p == NULL)
        return NULL;
    s->send_window -= (int32_t)n;
    h->send_window -= (int32_t)n;
    h->noise = 0;
    if (end)
        s->flags |= VMC_H2_LOCAL_END;
    return p;
}

/* The peer is asked for a sign of life. */
VMC_FN bool vmc_h2_ask(vmc_h2 *h)
{
    h->owed |= VMC_H2_OWES_PING;
    return true;
}

/* Says goodbye: no new streams; the peer may finish what it started. */
VMC_FN void vmc_h2_goaway(vmc_h2 *h, uint32_t code)
{
    if (h->goaway_sent || (h->owed & VMC_H2_OWES_GOAWAY) != 0)
        return;
    h->goaway_code = (uint8_t)code;
    h->owed |= VMC_H2_OWES_GOAWAY;
}

#endif
