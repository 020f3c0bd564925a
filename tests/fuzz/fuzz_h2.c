/* SPDX-License-Identifier: MIT */
/* http2/h2: any octets as frames, to a client and to a server. Whole or in pieces they give the same fields, octets and ends on each stream,
 * and what is owed to the peer afterwards are whole frames. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

enum { SLOTS = 3, FRAMES_MAX = 200, TABLE = 256 };

typedef struct side {
    vmc_h2 h;
    vmc_h2_stream streams[SLOTS];
    uint8_t *table;
    fuzz_trace told[SLOTS]; /* by the stream's slot */
    fuzz_trace fields;      /* of the block under way */
    fuzz_trace memo[2];
    uint32_t connection;    /* what was said of the connection, summed up */
} side;

static void sum(side *s, uint32_t v)
{
    s->connection = s->connection * 31u + v;
}

/* A stream is over for us. */
static void let_go(side *s, uint8_t slot)
{
    s->streams[slot].flags |= VMC_H2_LOCAL_END;
    vmc_h2_release(&s->h, slot, VMC_H2_CANCEL);
}

static void on_field(side *s, const vmc_hpack_piece *p)
{
    if ((p->flags & VMC_HPACK_FIRST) != 0) {
        fuzz_note_number(&s->fields, p->known);
        fuzz_note(&s->fields, p->name.ptr, p->name.len);
    }
    fuzz_note(&s->fields, p->value.ptr, p->value.len);
}

static void on_block_end(side *s, const vmc_h2_event *ev)
{
    fuzz_trace *told = &s->told[ev->slot];
    if (ev->repeats)
        fuzz_note(&s->fields, s->memo[ev->memo - 1u].octet, s->memo[ev->memo - 1u].len);
    else if (ev->memo != 0)
        s->memo[ev->memo - 1u] = s->fields;
    fuzz_note(told, s->fields.octet, vmc_min(s->fields.len, sizeof s->fields.octet));
    fuzz_note_number(told, 0x10000u | ev->status | (uint32_t)ev->end << 24);
    s->fields.len = 0;
    if (ev->end)
        let_go(s, ev->slot);
}

/* False when the connection is broken. */
static bool on_event(side *s, vmc_h2_event_kind kind, const vmc_h2_event *ev)
{
    if (kind != VMC_H2_GOAWAY && kind != VMC_H2_FAILED)
        FUZZ_CHECK(ev->slot < SLOTS);
    switch (kind) {
    case VMC_H2_OPENED: s->fields.len = 0; fuzz_note_number(&s->told[ev->slot], s->streams[ev->slot].id); break;
    case VMC_H2_FIELD: on_field(s, &ev->piece); break;
    case VMC_H2_BLOCK_END: on_block_end(s, ev); break;
    case VMC_H2_DATA:
        fuzz_note(&s->told[ev->slot], ev->data.ptr, ev->data.len);
        if (ev->end) {
            fuzz_note_number(&s->told[ev->slot], 0x20000u);
            let_go(s, ev->slot);
        }
        break;
    case VMC_H2_RESET:
    case VMC_H2_STREAM_ERROR:
        s->fields.len = 0;
        fuzz_note_number(&s->told[ev->slot], 0x30000u | ev->code);
        let_go(s, ev->slot);
        break;
    case VMC_H2_GOAWAY: sum(s, ev->code); sum(s, ev->last); break;
    case VMC_H2_FAILED: sum(s, s->h.broken); FUZZ_CHECK(vmc_h2_what(&s->h) != NULL); return false;
    case VMC_H2_MORE: break;
    }
    return true;
}

/* What is owed comes in whole frames, into windows of any size that takes one. */
static void write_owed(side *s, size_t window)
{
    unsigned turns = 0;
    size_t before;
    do {
        uint8_t out[128];
        vmc_wr w = vmc_wr_of(out, window);
        size_t at = 0;
        before = w.len;
        vmc_h2_write_control(&s->h, &w);
        if (turns == 0 && w.len >= 24u && out[0] == 'P')
            at = 24;
        while (at < w.len) {
            FUZZ_CHECK(w.len - at >= 9u && vmc_be24(out + at) <= w.len - at - 9u);
            at += 9u + vmc_be24(out + at);
        }
        before = w.len;
        FUZZ_CHECK(++turns < 100u);
    } while (before != 0);
    FUZZ_CHECK((s->h.owed & ~VMC_H2_OWES_PING) == 0);
}

static void begin(side *s, uint8_t how)
{
    vmc_h2_config cfg;
    uint8_t i;
    memset(s, 0, sizeof *s);
    memset(&cfg, 0, sizeof cfg);
    cfg.server = (how & 1u) != 0;
    cfg.streams = s->streams;
    cfg.count = SLOTS;
    cfg.max_streams = SLOTS;
    s->table = fuzz_room(TABLE);
    cfg.table = s->table;
    cfg.table_bytes = (how & 2u) != 0 ? TABLE : 0;
    cfg.window = 1024;
    cfg.header_list = 2048;
    cfg.credit_limit = (how & 4u) != 0 ? 5000u : 0;
    vmc_h2_init(&s->h, &cfg);
    for (i = 0; i < SLOTS && !cfg.server; i++)
        vmc_h2_open(&s->h, i);
}

static void receive(side *s, viamc_bytes octets, size_t piece)
{
    while (octets.len != 0) {
        vmc_rd in = vmc_rd_of(fuzz_take(&octets, piece));
        vmc_h2_event ev;
        vmc_h2_event_kind kind;
        while ((kind = vmc_h2_next(&s->h, &in, &ev)) != VMC_H2_MORE)
            if (!on_event(s, kind, &ev))
                return;
        FUZZ_CHECK(in.left == 0);
    }
}

/* The input as octets: frames of which only kind, stream and payload are given, or octets as they are. */
static viamc_bytes compose(viamc_bytes in, bool server)
{
    static uint8_t octets[4u * FUZZ_MAX];
    vmc_wr w = vmc_wr_of(octets, sizeof octets);
    unsigned frames = 0;
    if (server)
        vmc_wr_bytes(&w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
    else
        vmc_wr_bytes(&w, "\0\0\0\4\0\0\0\0\0", 9);
    while (in.len != 0 && frames++ < FRAMES_MAX) {
        uint8_t type = fuzz_u8(&in), flags, id;
        viamc_bytes payload;
        if (type % 12u == 11u) {
            payload = fuzz_take(&in, fuzz_u8(&in));
            vmc_wr_bytes(&w, payload.ptr, payload.len);
            continue;
        }
        flags = fuzz_u8(&in);
        id = fuzz_u8(&in);
        payload = fuzz_take(&in, fuzz_u8(&in));
        vmc_wr_be16(&w, 0);
        vmc_wr_u8(&w, (uint32_t)payload.len);
        vmc_wr_u8(&w, type % 12u);
        vmc_wr_u8(&w, flags);
        vmc_wr_be32(&w, id % 16u);
        vmc_wr_bytes(&w, payload.ptr, payload.len);
    }
    return viamc_view(octets, w.len);
}

static void fuzz_one(viamc_bytes in)
{
    static side whole, split;
    const uint8_t how = fuzz_u8(&in), cut = fuzz_u8(&in);
    const viamc_bytes octets = compose(in, (how & 1u) != 0);
    uint8_t *exact = fuzz_exact(octets);
    unsigned i;
    begin(&whole, how);
    begin(&split, how);
    receive(&whole, viamc_view(exact, octets.len), octets.len);
    receive(&split, viamc_view(exact, octets.len), cut % 16u + 1u);
    free(exact);
    FUZZ_CHECK(whole.connection == split.connection);
    for (i = 0; i < SLOTS; i++)
        FUZZ_CHECK(fuzz_same(&whole.told[i], &split.told[i]));
    write_owed(&whole, 80);
    write_owed(&split, 128);
    free(whole.table);
    free(split.table);
}
