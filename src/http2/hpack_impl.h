/* SPDX-License-Identifier: MIT */
/* http2/hpack: decoder (integers, Huffman code, dynamic table, fields piece by piece), encoder (each field once per connection). */
#ifndef VIAMC_HTTP2_HPACK_IMPL_H
#define VIAMC_HTTP2_HPACK_IMPL_H

#include "base/config.h"
#include "base/core.h"
#include "base/core_impl.h"
#include "codec/base64_impl.h"
#include "http2/hpack.h"
#include "http2/hpack_table_impl.h"

/* Prefix masks of RFC 7541 section 6; each tells its representation. */
#define VMC_HPACK_INDEXED 0x7fu
#define VMC_HPACK_INSERT 0x3fu
#define VMC_HPACK_UPDATE 0x1fu
#define VMC_HPACK_LITERAL 0x0fu /* without indexing and never indexed: the same for an endpoint */
#define VMC_HPACK_STRING 0x7fu

#define VMC_HPACK_INT_SHIFT 28u /* shift of the last octet that an integer may have */
#define VMC_HPACK_UPDATES 2u    /* RFC 7541 4.2: size updates of one block */

typedef enum vmc_hpack_state {
    VMC_HPACK_AT_INDEX,     /* integer that a representation begins with */
    VMC_HPACK_AT_NAME_LEN,  /* length of the name */
    VMC_HPACK_AT_VALUE_LEN, /* length of the value */
    VMC_HPACK_AT_NAME,      /* octets of the name */
    VMC_HPACK_AT_VALUE,     /* octets of the value */
    VMC_HPACK_AT_ERROR      /* the connection's compression is lost */
} vmc_hpack_state;

/* ---- dynamic table ---- */

/* Stands before the octets of an entry. */
typedef struct vmc_hpack_entry {
    uint16_t len;         /* octets to the entry behind; even */
    uint16_t size;        /* name and value */
    uint16_t value_len;   /* octets of the value */
    uint8_t name_len;     /* octets of the name that are kept */
    uint8_t known, flags; /* vmc_name, NAME_CUT | BAD_NAME | BAD_VALUE */
    uint8_t pad;
} vmc_hpack_entry;

#define VMC_HPACK_ENTRY ((uint32_t)sizeof(vmc_hpack_entry))

/* An entry takes less than it counts: a table within its size fits the arena, and so does the next entry once the older ones that
 * it displaces are evicted. */
VMC_STATIC_ASSERT(hpack_entry_fits_the_overhead, sizeof(vmc_hpack_entry) + 1u <= VMC_HPACK_OVERHEAD);

VMC_FN vmc_hpack_entry *vmc_hpack_at(const vmc_hpack_dec *d, uint32_t offset)
{
    return (vmc_hpack_entry *)(void *)(d->arena + offset);
}

/* Evicts the oldest entries until at most limit octets are used. */
VMC_FN void vmc_hpack_evict(vmc_hpack_dec *d, uint32_t limit)
{
    while (d->used > limit) {
        const vmc_hpack_entry *e = vmc_hpack_at(d, d->start);
        d->used = (uint16_t)(d->used - e->size - VMC_HPACK_OVERHEAD);
        d->start = (uint16_t)(d->start + e->len);
        d->count--;
    }
}

/* Appends octets, which size counts already, to the entry that is built up. One that is too large leaves an empty table. */
VMC_FN void vmc_hpack_build(vmc_hpack_dec *d, viamc_bytes v)
{
    uint32_t at;
    if (d->form != VMC_HPACK_INSERT)
        return;
    if (d->size > d->max) {
        d->form = VMC_HPACK_LITERAL;
        vmc_hpack_evict(d, 0);
        return;
    }
    vmc_hpack_evict(d, d->max - d->size);
    at = d->end + VMC_HPACK_ENTRY + d->built;
    if (at + v.len >= d->limit) { /* one octet may follow to make it even */
        vmc_move(d->arena, d->arena + d->start, (d->built == 0 ? d->end : at) - d->start);
        at -= d->start;
        d->end = (uint16_t)(d->end - d->start);
        d->start = 0;
    }
    vmc_copy(d->arena + at, v.ptr, v.len);
    d->built = (uint16_t)(d->built + v.len);
}

/* The entry that is built up has all its octets. */
VMC_FN void vmc_hpack_insert(vmc_hpack_dec *d)
{
    vmc_hpack_entry *e = vmc_hpack_at(d, d->end);
    e->len = (uint16_t)((d->built + VMC_HPACK_ENTRY + 1u) & ~1u);
    e->size = (uint16_t)(d->size - VMC_HPACK_OVERHEAD);
    e->value_len = (uint16_t)(d->built - d->name_len);
    e->name_len = d->name_len;
    e->known = d->known;
    e->flags = d->flags;
    d->used = (uint16_t)(d->used + d->size);
    d->end = (uint16_t)(d->end + e->len);
    d->count++;
}

/* vmc_name of a name. */
VMC_FN uint8_t vmc_hpack_classify(viamc_bytes name)
{
    uint32_t i;
    for (i = 0; i < sizeof vmc_hpack_listed / sizeof vmc_hpack_listed[0]; i++) {
        uint32_t k = vmc_hpack_listed[i];
        if (VMC_HPACK_NAME_LEN(k) == name.len && VIAMC_MEMCMP(vmc_hpack_text + VMC_HPACK_NAME_AT(k), name.ptr, name.len) == 0)
            return (uint8_t)vmc_min32(i + 1u, VMC_NAME_CONNECTION);
    }
    return name.len != 0 && name.ptr[0] == ':' ? VMC_NAME_PSEUDO : VMC_NAME_OTHER;
}

/* Fills p with entry i of the static table, from 0. */
VMC_FN void vmc_hpack_get_static(uint32_t i, vmc_hpack_piece *p)
{
    const uint32_t name = vmc_hpack_static[i], value = i < VMC_HPACK_VALUES ? vmc_hpack_values[i] : 0;
    p->name = viamc_view(vmc_hpack_text + VMC_HPACK_NAME_AT(name), VMC_HPACK_NAME_LEN(name));
    p->value = viamc_view(vmc_hpack_text + VMC_HPACK_VALUE_AT(value), VMC_HPACK_VALUE_LEN(value));
    p->known = vmc_hpack_classify(p->name);
    p->flags = VMC_HPACK_FIRST | VMC_HPACK_LAST;
    p->size = (uint32_t)(p->name.len + p->value.len) + VMC_HPACK_OVERHEAD;
}

VMC_FN vmc_hpack_result vmc_hpack_fail(vmc_hpack_dec *d)
{
    d->state = VMC_HPACK_AT_ERROR;
    d->number = 0; /* in hand: the answer stays without input too */
    return VMC_HPACK_ERROR;
}

/* Fills p with an entry of the static or the dynamic table; ERROR if there is none of this index. */
VMC_FN vmc_hpack_result vmc_hpack_get(vmc_hpack_dec *d, uint32_t index, vmc_hpack_piece *p)
{
    const vmc_hpack_entry *e;
    uint32_t at = d->start;
    if (index - 1u < VMC_HPACK_STATIC) {
        vmc_hpack_get_static(index - 1u, p);
        return VMC_HPACK_PIECE;
    }
    index -= VMC_HPACK_STATIC + 1u; /* 0 becomes the highest number */
    if (index >= d->count)
        return vmc_hpack_fail(d);
    for (index = d->count - 1u - index; index != 0; index--) /* those older than it */
        at += vmc_hpack_at(d, at)->len;
    e = vmc_hpack_at(d, at);
    p->name.ptr = (const uint8_t *)(e + 1);
    p->name.len = e->name_len;
    p->value.ptr = p->name.ptr + e->name_len;
    p->value.len = e->value_len;
    p->known = e->known;
    p->flags = (uint8_t)(e->flags | VMC_HPACK_FIRST | VMC_HPACK_LAST);
    p->size = e->size + VMC_HPACK_OVERHEAD;
    return VMC_HPACK_PIECE;
}

/* ---- primitives: RFC 7541 section 5 ---- */

/* The parts of a step answer MORE (go on), PIECE (there is one, or what was read is whole) or ERROR. */

/* Takes an octet of an integer. PIECE: it was the last, d->number is the integer. */
VMC_FN vmc_hpack_result vmc_hpack_int(vmc_hpack_dec *d, uint32_t b, uint32_t mask)
{
    if (d->shift == 0) {
        d->number = b & mask;
        if (d->number != mask)
            return VMC_HPACK_PIECE;
    } else {
        uint32_t shift = d->shift - 7u;
        if (shift > VMC_HPACK_INT_SHIFT || (b & 0x7fu) > (VMC_HPACK_MAX_INT - d->number) >> shift)
            return VMC_HPACK_ERROR;
        d->number += (b & 0x7fu) << shift;
        if (b < 0x80u) {
            d->shift = 0;
            return VMC_HPACK_PIECE;
        }
    }
    d->shift = (uint8_t)(d->shift + 7u);
    return VMC_HPACK_MORE;
}

/* Takes a bit of a code. The codes of a length are consecutive numbers, and the first of the next length follows the last of this one
 * with a zero behind it. True: the code is whole, d->before is its place in the order of codes. */
VMC_FN bool vmc_huffman_bit(vmc_hpack_dec *d, uint32_t bit)
{
    uint32_t code = 2u * d->code + bit, count = vmc_huffman_counts[d->bits++];
    bool whole = code < count;
    d->code = (uint16_t)(whole ? 0 : code - count);
    d->before = (uint16_t)(d->before + (whole ? code : count));
    return whole;
}

/* Decodes octets of the input into d->piece, bit by bit. False: EOS. */
VMC_FN bool vmc_huffman_decode(vmc_hpack_dec *d, vmc_rd *in, viamc_bytes *v)
{
    uint32_t n = 0;
    while (n < sizeof d->piece) {
        if (d->left == 0) {
            if (d->number == 0 || in->left == 0)
                break;
            d->number--;
            d->octet = vmc_rd_u8(in);
            d->left = 8;
        }
        d->left--;
        if (vmc_huffman_bit(d, d->octet >> d->left & 1u)) {
            if (d->before >= sizeof vmc_huffman_symbols)
                return false;
            d->piece[n++] = vmc_huffman_symbols[d->before];
            d->before = d->bits = 0;
        }
    }
    *v = viamc_view(d->piece, n);
    return true;
}

/* Takes the next octets of a string. PIECE: they are the last. */
VMC_FN vmc_hpack_result vmc_hpack_string(vmc_hpack_dec *d, vmc_rd *in, viamc_bytes *v)
{
    uint32_t rest;
    if (!d->huffman) {
        v->ptr = in->ptr;
        v->len = vmc_rd_skip(in, d->number);
        d->number -= (uint32_t)v->len;
    } else if (!vmc_huffman_decode(d, in, v)) {
        return VMC_HPACK_ERROR;
    }
    if (d->number != 0)
        return VMC_HPACK_MORE;
    rest = d->bits + d->left;
    if (rest < 8u && (uint8_t)(d->octet | 0xffu << rest) == 0xffu) /* padding: the start of EOS */
        return VMC_HPACK_PIECE;
    return d->left != 0 ? VMC_HPACK_MORE : VMC_HPACK_ERROR;
}

/* ---- names and values: RFC 9113 8.2.1 ---- */

VMC_FN bool vmc_hpack_is_name(uint32_t c, bool first)
{
    return c - '!' <= '~' - '!' && c - 'A' > 'Z' - 'A' && (c != ':' || first);
}

VMC_FN void vmc_hpack_add_name(vmc_hpack_dec *d, viamc_bytes v)
{
    size_t i, n = vmc_min(v.len, sizeof d->name - d->name_len);
    vmc_copy(d->name + d->name_len, v.ptr, n);
    d->name_len = (uint8_t)(d->name_len + n);
    if (n != v.len)
        d->flags |= VMC_HPACK_NAME_CUT;
    for (i = 0; i < v.len; i++, d->size++)
        if (!vmc_hpack_is_name(v.ptr[i], d->size == VMC_HPACK_OVERHEAD))
            d->flags |= VMC_HPACK_BAD_NAME;
}

VMC_FN bool vmc_hpack_is_blank(uint32_t c)
{
    return c == ' ' || c == '\t';
}

VMC_FN void vmc_hpack_add_value(vmc_hpack_dec *d, viamc_bytes v, bool last)
{
    size_t i;
    bool first = (d->flags & VMC_HPACK_FIRST) != 0;
    for (i = 0; i < v.len; i++) {
        uint32_t c = v.ptr[i];
        if (c <= ' ' && (c == '\0' || c == '\n' || c == '\r'
                         || (vmc_hpack_is_blank(c) && ((first && i == 0) || (last && i == v.len - 1u)))))
            d->flags |= VMC_HPACK_BAD_VALUE;
    }
    d->size += (uint32_t)v.len;
    vmc_hpack_build(d, v);
}

/* ---- fields: RFC 7541 section 6 ---- */

VMC_FN uint8_t vmc_hpack_form(uint32_t b)
{
    return b >= 0x80u ? VMC_HPACK_INDEXED : b >= 0x40u ? VMC_HPACK_INSERT : b >= 0x20u ? VMC_HPACK_UPDATE : VMC_HPACK_LITERAL;
}

/* The name is whole: an entry begins with it. */
VMC_FN vmc_hpack_result vmc_hpack_start_value(vmc_hpack_dec *d)
{
    d->state = VMC_HPACK_AT_VALUE_LEN;
    d->built = 0;
    vmc_hpack_build(d, viamc_view(d->name, d->name_len));
    return VMC_HPACK_MORE;
}

VMC_FN vmc_hpack_result vmc_hpack_update(vmc_hpack_dec *d)
{
    if (d->updates == 0 || d->number > d->limit)
        return VMC_HPACK_ERROR;
    d->updates--;
    d->changed = true;
    d->max = (uint16_t)d->number;
    vmc_hpack_evict(d, d->max);
    return VMC_HPACK_MORE;
}

/* A literal: its name is spelled out, or copied from an entry, which its own insertion may evict. */
VMC_FN vmc_hpack_result vmc_hpack_literal(vmc_hpack_dec *d)
{
    vmc_hpack_piece e;
    d->changed = d->changed || d->form == VMC_HPACK_INSERT;
    if (d->number == 0) {
        d->state = VMC_HPACK_AT_NAME_LEN;
        d->name_len = 0;
        d->flags = VMC_HPACK_FIRST;
        d->size = VMC_HPACK_OVERHEAD;
        return VMC_HPACK_MORE;
    }
    if (vmc_hpack_get(d, d->number, &e) == VMC_HPACK_ERROR)
        return VMC_HPACK_ERROR;
    vmc_copy(d->name, e.name.ptr, e.name.len);
    d->name_len = (uint8_t)e.name.len;
    d->known = e.known;
    d->flags = e.flags & (VMC_HPACK_FIRST | VMC_HPACK_NAME_CUT | VMC_HPACK_BAD_NAME);
    d->size = e.size - (uint32_t)e.value.len;
    return vmc_hpack_start_value(d);
}

/* The integer that a representation begins with is whole. */
VMC_FN vmc_hpack_result vmc_hpack_on_index(vmc_hpack_dec *d, vmc_hpack_piece *p)
{
    if (d->form == VMC_HPACK_UPDATE)
        return vmc_hpack_update(d);
    d->updates = 0;
    if (d->form != VMC_HPACK_INDEXED)
        return vmc_hpack_literal(d);
    return vmc_hpack_get(d, d->number, p);
}

/* An octet of that integer, or of the length of a string. */
VMC_FN vmc_hpack_result vmc_hpack_on_int(vmc_hpack_dec *d, uint32_t b, vmc_hpack_piece *p)
{
    const bool index = d->state == VMC_HPACK_AT_INDEX;
    vmc_hpack_result r;
    if (d->shift == 0) {
        if (index)
            d->form = vmc_hpack_form(b);
        d->huffman = b >= 0x80u; /* of a length */
    }
    r = vmc_hpack_int(d, b, index ? d->form : VMC_HPACK_STRING);
    if (r != VMC_HPACK_PIECE)
        return r;
    if (index)
        return vmc_hpack_on_index(d, p);
    d->state = (uint8_t)(d->state + (VMC_HPACK_AT_NAME - VMC_HPACK_AT_NAME_LEN));
    d->code = d->before = d->bits = d->left = 0;
    return VMC_HPACK_MORE;
}

/* Octets of a name; r as from vmc_hpack_string. */
VMC_FN vmc_hpack_result vmc_hpack_on_name(vmc_hpack_dec *d, vmc_hpack_result r, viamc_bytes v)
{
    vmc_hpack_add_name(d, v);
    if (r == VMC_HPACK_MORE)
        return r;
    if (d->name_len == 0)
        d->flags |= VMC_HPACK_BAD_NAME;
    d->known = vmc_hpack_classify(viamc_view(d->name, d->name_len));
    return vmc_hpack_start_value(d);
}

/* Octets of a value, likewise. */
VMC_FN vmc_hpack_result vmc_hpack_on_value(vmc_hpack_dec *d, vmc_hpack_result r, viamc_bytes v, vmc_hpack_piece *p)
{
    if (r == VMC_HPACK_MORE && v.len == 0)
        return r;
    vmc_hpack_add_value(d, v, r == VMC_HPACK_PIECE);
    p->name = viamc_view(d->name, d->name_len);
    p->value = v;
    p->known = d->known;
    p->flags = d->flags;
    p->size = d->size;
    d->flags = (uint8_t)(d->flags & ~VMC_HPACK_FIRST);
    if (r == VMC_HPACK_PIECE) {
        p->flags |= VMC_HPACK_LAST;
        d->state = VMC_HPACK_AT_INDEX;
        if (d->form == VMC_HPACK_INSERT)
            vmc_hpack_insert(d);
    }
    return VMC_HPACK_PIECE;
}

/* A string whose octets are all taken goes on without input: an empty one, or one with symbols left to decode. */
VMC_FN bool vmc_hpack_in_hand(const vmc_hpack_dec *d)
{
    return d->number == 0 && d->state >= VMC_HPACK_AT_NAME;
}

/* One octet, or part of a string. */
VMC_FN vmc_hpack_result vmc_hpack_step(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p)
{
    viamc_bytes v;
    vmc_hpack_result r;
    if (d->state == VMC_HPACK_AT_ERROR)
        return VMC_HPACK_ERROR;
    if (d->state < VMC_HPACK_AT_NAME)
        return vmc_hpack_on_int(d, vmc_rd_u8(in), p);
    r = vmc_hpack_string(d, in, &v);
    if (r == VMC_HPACK_ERROR)
        return r;
    return d->state == VMC_HPACK_AT_NAME ? vmc_hpack_on_name(d, r, v) : vmc_hpack_on_value(d, r, v, p);
}

/* Everything but fields of one octet. */
VMC_APART vmc_hpack_result vmc_hpack_run(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p)
{
    vmc_hpack_result r = VMC_HPACK_MORE;
    while (r == VMC_HPACK_MORE && (in->left != 0 || vmc_hpack_in_hand(d))) /* a step takes an octet at least, or ends a string */
        r = vmc_hpack_step(d, in, p);
    return r == VMC_HPACK_ERROR ? vmc_hpack_fail(d) : r;
}

VMC_FN vmc_hpack_result vmc_hpack_next(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p)
{
    if (VIAMC_SHORTCUTS && (d->state | d->shift) == 0 && in->left != 0 && *in->ptr >= 0x80u && *in->ptr != 0xffu) { /* most fields */
        d->updates = 0;
        return vmc_hpack_get(d, vmc_rd_u8(in) & VMC_HPACK_INDEXED, p);
    }
    return vmc_hpack_run(d, in, p);
}

VMC_FN void vmc_hpack_dec_begin(vmc_hpack_dec *d)
{
    d->updates = VMC_HPACK_UPDATES;
}

VMC_FN bool vmc_hpack_dec_end(const vmc_hpack_dec *d)
{
    return (d->state | d->shift) == 0;
}

VMC_FN void vmc_hpack_dec_init(vmc_hpack_dec *d, uint8_t *arena, uint32_t table_bytes)
{
    VIAMC_ASSERT(table_bytes <= VMC_HPACK_MAX_TABLE && (uintptr_t)arena % 2u == 0);
    VIAMC_MEMSET(d, 0, sizeof *d);
    d->arena = arena;
    d->limit = (uint16_t)vmc_min32(table_bytes, VMC_HPACK_MAX_TABLE);
    d->max = (uint16_t)vmc_min32(d->limit, VMC_HPACK_DEFAULT_TABLE); /* more only after a size update */
}

/* ---- encoder ---- */

#if VMC_HPACK_ENCODER_ENTRIES > 50
#error "VMC_HPACK_ENCODER_ENTRIES must be at most 50: indices have one octet"
#endif

VMC_FN void vmc_hpack_enc_init(vmc_hpack_enc *e)
{
    VIAMC_MEMSET(e, 0, sizeof *e);
    e->max = e->next = VMC_HPACK_ENC_MAX_TABLE;
}

VMC_FN void vmc_hpack_enc_resize(vmc_hpack_enc *e, uint32_t peer_table_bytes)
{
    e->next = (uint16_t)vmc_min32(peer_table_bytes, VMC_HPACK_ENC_MAX_TABLE);
    e->changed = e->changed || e->next != e->max; /* stays: the peer must hear of a size that it had for a moment */
}

VMC_FN void vmc_hpack_enc_reset(vmc_hpack_enc *e)
{
    e->changed = e->changed || e->count != 0;
}

/* Makes an integer behind the high bits of its first octet: up to 6 octets. Answers how many. */
VMC_FN uint32_t vmc_hpack_put_int(uint8_t *to, uint32_t first, uint32_t mask, uint32_t v)
{
    uint32_t n = 1;
    to[0] = (uint8_t)(first | vmc_min32(v, mask));
    if (v < mask)
        return n;
    for (v -= mask; v >= 0x80u; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80u);
    to[n++] = (uint8_t)v;
    return n;
}

VMC_FN bool vmc_hpack_enc_begin(vmc_hpack_enc *e, vmc_wr *w)
{
    uint16_t size = e->next;
    uint8_t *to;
    if (!e->changed)
        return true;
    if (vmc_wr_room(w) < VMC_HPACK_BEGIN_OCTETS)
        return false;
    VIAMC_MEMSET(e, 0, sizeof *e);
    e->max = e->next = size;
    to = w->ptr + w->len;
    to[0] = VMC_HPACK_UPDATE + 1u; /* to 0 */
    w->len += size == 0 ? 1u : 1u + vmc_hpack_put_int(to + 1, VMC_HPACK_UPDATE + 1u, VMC_HPACK_UPDATE, size);
    return true;
}

/* The serial of a key, 0 if the table does not have it. */
VMC_FN uint32_t vmc_hpack_serial(const vmc_hpack_enc *e, uint64_t key)
{
    uint32_t i;
    if (key < VMC_HPACK_FIXED)
        return e->fixed[key];
    for (i = 0; i < e->others; i++)
        if (e->keys[i] == key)
            return e->serials[i];
    return 0;
}

VMC_FN uint8_t vmc_hpack_find(const vmc_hpack_enc *e, uint64_t key)
{
    uint32_t serial = vmc_hpack_serial(e, key);
    return (uint8_t)(serial == 0 ? 0 : 0x80u + VMC_HPACK_STATIC + 1u + e->count - serial);
}

#if VIAMC_SHORTCUTS

VMC_FN uint32_t vmc_hpack_find_fixed(vmc_hpack_enc *e, uint32_t which, uint8_t *to)
{
    const uint32_t newest = 0x80u + VMC_HPACK_STATIC + 1u + e->count;
    uint32_t key, n = 0, left = which;
    if (which != e->ready_for) {
        e->ready_for = 0;
        for (key = 0; left != 0; key++, left >>= 1) {
            if ((left & 1u) == 0)
                continue;
            if (e->fixed[key] == 0 || n == sizeof e->ready)
                return 0;
            e->ready[n++] = (uint8_t)(newest - e->fixed[key]);
        }
        e->ready_len = (uint8_t)n;
        e->ready_for = (uint16_t)which;
    }
    VIAMC_MEMCPY(to, e->ready, sizeof e->ready);
    return e->ready_len;
}

#endif

/* What the field counts in a table. */
VMC_FN size_t vmc_hpack_field_size(const vmc_hpack_field *f)
{
    return f->name.len + f->value[0].len + f->value[1].len + VMC_HPACK_OVERHEAD;
}

/* How the field goes, if the table does not have it. The same from its first octet to its last. */
VMC_FN uint32_t vmc_hpack_choose(const vmc_hpack_enc *e, const vmc_hpack_field *f)
{
    bool place = f->key < VMC_HPACK_FIXED ? f->key != 0 : e->others < VMC_HPACK_ENCODER_ENTRIES;
    bool insert = place && vmc_hpack_field_size(f) <= (size_t)e->max - e->used;
    return insert ? VMC_HPACK_INSERT : VMC_HPACK_LITERAL;
}

/* Where a representation goes. */
typedef struct vmc_hpack_out {
    vmc_wr *w;
    uint32_t done;  /* octets of it that are written, also by earlier calls */
    uint32_t total; /* octets of it up to here */
} vmc_hpack_out;

VMC_FN void vmc_hpack_emit(vmc_hpack_out *o, viamc_bytes v)
{
    size_t from = vmc_min(o->done - o->total, v.len), part = vmc_min(v.len - from, vmc_wr_room(o->w));
    o->total += (uint32_t)v.len;
    o->done += (uint32_t)part;
    if (part != 0)
        vmc_wr_bytes(o->w, v.ptr + from, part);
}

VMC_FN void vmc_hpack_emit_int(vmc_hpack_out *o, uint32_t first, uint32_t mask, size_t v)
{
    uint8_t octets[6];
    vmc_hpack_emit(o, viamc_view(octets, vmc_hpack_put_int(octets, first, mask, (uint32_t)v)));
}

/* Octets as base64, made while it goes. */
VMC_APART void vmc_hpack_emit_base64(vmc_hpack_out *o, viamc_bytes v)
{
    size_t i, n = vmc_base64_size(v.len);
    for (i = 0; i < n; i++, o->total++)
        if (o->done == o->total && vmc_wr_room(o->w) != 0) {
            vmc_wr_u8(o->w, vmc_base64_at(v, i));
            o->done++;
        }
}

VMC_FN void vmc_hpack_emit_literal(vmc_hpack_out *o, const vmc_hpack_field *f, uint32_t form)
{
    vmc_hpack_emit_int(o, form == VMC_HPACK_INSERT ? 0x40u : 0u, form, f->name_index);
    if (f->name_index == 0) {
        vmc_hpack_emit_int(o, 0, VMC_HPACK_STRING, f->name.len);
        vmc_hpack_emit(o, f->name);
    }
    vmc_hpack_emit_int(o, 0, VMC_HPACK_STRING, f->base64 ? vmc_base64_size(f->value[0].len) : f->value[0].len + f->value[1].len);
    if (f->base64) {
        vmc_hpack_emit_base64(o, f->value[0]);
    } else {
        vmc_hpack_emit(o, f->value[0]);
        vmc_hpack_emit(o, f->value[1]);
    }
}

VMC_FN void vmc_hpack_remember(vmc_hpack_enc *e, const vmc_hpack_field *f)
{
    e->count++;
#if VIAMC_SHORTCUTS
    e->ready_for = 0;
#endif
    if (f->key < VMC_HPACK_FIXED) {
        e->fixed[f->key] = e->count;
    } else {
        e->keys[e->others] = f->key;
        e->serials[e->others++] = e->count;
    }
    e->used = (uint16_t)(e->used + vmc_hpack_field_size(f));
}

VMC_FN bool vmc_hpack_put(vmc_hpack_enc *e, const vmc_hpack_field *f, uint32_t *at, vmc_wr *w)
{
    uint32_t indexed = f->full_index != 0 ? 0x80u | f->full_index : vmc_hpack_find(e, f->key), form;
    vmc_hpack_out o;
    if (indexed != 0) {
        if (vmc_wr_room(w) == 0)
            return false;
        vmc_wr_u8(w, indexed);
        return true;
    }
    form = vmc_hpack_choose(e, f);
    o.w = w;
    o.done = *at;
    o.total = 0;
    vmc_hpack_emit_literal(&o, f, form);
    *at = 0;
    if (o.done != o.total)
        *at = o.done;
    else if (form == VMC_HPACK_INSERT)
        vmc_hpack_remember(e, f);
    return o.done == o.total;
}

/* ---- keys ---- */

#define VMC_HPACK_KEY_FACTOR 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio, odd */

/* Another key, or another word, gives another result. Twice: the highest octet of a word reaches only the highest of a product. */
VMC_FN uint64_t vmc_hpack_mix(uint64_t key, uint64_t word)
{
    key = (key ^ word) * VMC_HPACK_KEY_FACTOR;
    return (key << 32 | key >> 32) * VMC_HPACK_KEY_FACTOR;
}

VMC_FN uint64_t vmc_hpack_key(viamc_bytes v)
{
    uint64_t key = (v.len + 1u) * VMC_HPACK_KEY_FACTOR, word = 0; /* spread, else a length could make up for an octet */
    size_t i;
    if (v.len < sizeof word) {
        vmc_copy(&word, v.ptr, v.len);
    } else {
        for (i = 0; v.len - i > sizeof word; i += sizeof word) {
            VIAMC_MEMCPY(&word, v.ptr + i, sizeof word);
            key = vmc_hpack_mix(key, word);
        }
        VIAMC_MEMCPY(&word, v.ptr + v.len - sizeof word, sizeof word); /* the last eight, some of them again */
    }
    key = vmc_hpack_mix(key, word);
    return (key ^ key >> 32) | (uint64_t)1 << 63;
}

#endif
