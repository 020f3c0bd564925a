/* SPDX-License-Identifier: MIT */
/* codec/wire: the wire format of protocol buffers, field by field, for messages small enough to be coded by hand.
 * Knows tags, varints, fixed fields, lengths and groups; knows nothing of any message but google.protobuf.Duration. */
#ifndef VIAMC_CODEC_WIRE_IMPL_H
#define VIAMC_CODEC_WIRE_IMPL_H

#include "base/core.h"
#include "base/core_impl.h"
#include "base/time.h"
#include "base/time_impl.h"

#define VMC_WIRE_MAX_VARINT 10u /* octets: 64 bits, 7 in each */

enum { /* wire types, the low three bits of a tag */
    VMC_WIRE_VARINT = 0,
    VMC_WIRE_FIXED64 = 1,
    VMC_WIRE_BYTES = 2, /* string, bytes, submessage, packed numbers */
    VMC_WIRE_GROUP = 3, /* proto3 has none */
    VMC_WIRE_GROUP_END = 4,
    VMC_WIRE_FIXED32 = 5
};

VMC_STATIC_ASSERT(wire_double_has_64_or_32_bits, sizeof(double) == sizeof(uint64_t) || sizeof(double) == sizeof(uint32_t));

typedef struct vmc_wire_field {
    uint32_t number;
    uint8_t type;      /* VMC_WIRE_*, never a group's */
    uint64_t value;    /* of VARINT, FIXED64, FIXED32; else 0 */
    viamc_bytes bytes; /* of BYTES; else empty */
} vmc_wire_field;

/* ---- reading: a malformed field makes the cursor short, so its caller tells the end from damage by vmc_rd_ok ---- */

VMC_FN void vmc_wire_bad(vmc_rd *r)
{
    r->short_ = true;
    r->left = 0;
}

/* Reads a varint; one of more than 10 octets or 64 bits is malformed. */
VMC_FN uint64_t vmc_wire_varint(vmc_rd *r)
{
    uint64_t v = 0;
    unsigned shift;
    for (shift = 0; shift < 7u * VMC_WIRE_MAX_VARINT; shift += 7u) {
        uint8_t octet = vmc_rd_u8(r);
        if (shift == 63u && octet > 1u)
            break;
        v |= (uint64_t)(octet & 0x7fu) << shift;
        if (octet < 0x80u)
            return v;
    }
    vmc_wire_bad(r);
    return 0;
}

/* Reads n octets, at most 8, least significant first. */
VMC_FN uint64_t vmc_wire_fixed(vmc_rd *r, size_t n)
{
    viamc_bytes v = vmc_rd_take(r, n);
    uint64_t value = 0;
    while (v.len != 0)
        value = value << 8 | v.ptr[--v.len];
    return value;
}

/* Reads a length and that many octets. */
VMC_FN viamc_bytes vmc_wire_sized(vmc_rd *r)
{
    uint64_t n = vmc_wire_varint(r);
    if (n > r->left) {
        vmc_wire_bad(r);
        n = 0;
    }
    return vmc_rd_take(r, (size_t)n);
}

/* Reads a tag: field number 1 to 2^29 - 1, any type. False at the end too. */
VMC_FN bool vmc_wire_tag(vmc_rd *r, vmc_wire_field *f)
{
    uint64_t tag;
    if (r->left == 0)
        return false;
    tag = vmc_wire_varint(r);
    f->number = (uint32_t)tag >> 3;
    f->type = (uint8_t)(tag & 7u);
    if (tag > 0xffffffffu || f->number == 0)
        vmc_wire_bad(r);
    return vmc_rd_ok(r);
}

/* Reads what belongs to a tag other than those of groups. */
VMC_FN void vmc_wire_payload(vmc_rd *r, vmc_wire_field *f)
{
    f->value = 0;
    f->bytes = viamc_view(r->ptr, 0);
    switch (f->type) {
    case VMC_WIRE_VARINT: f->value = vmc_wire_varint(r); break;
    case VMC_WIRE_FIXED64: f->value = vmc_wire_fixed(r, 8); break;
    case VMC_WIRE_FIXED32: f->value = vmc_wire_fixed(r, 4); break;
    case VMC_WIRE_BYTES: f->bytes = vmc_wire_sized(r); break;
    default: vmc_wire_bad(r); break; /* an end without a beginning, or types 6 and 7 */
    }
}

/* Reads the next field, whatever it is. Groups are gone over: nobody reads what lies in them, so only their ends are counted.
 * False at the end of the message, or with the cursor short if it is malformed. */
VMC_FN bool vmc_wire_next(vmc_rd *r, vmc_wire_field *f)
{
    uint32_t open = 0; /* groups; each took an octet */
    while (vmc_wire_tag(r, f)) {
        if (f->type == VMC_WIRE_GROUP) {
            open++;
        } else if (f->type == VMC_WIRE_GROUP_END && open != 0) {
            open--;
        } else {
            vmc_wire_payload(r, f);
            if (open == 0)
                return vmc_rd_ok(r);
        }
    }
    if (open != 0)
        vmc_wire_bad(r);
    return false;
}

/* Finds a string, bytes or submessage field; the last one counts, other types of the same number do not.
 * OK; NOT_FOUND; MESSAGE (malformed somewhere). Only OK leaves something in bytes. */
VMC_FN viamc_err vmc_wire_find(viamc_bytes msg, uint32_t number, viamc_bytes *bytes)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    viamc_err err = VIAMC_ERR_NOT_FOUND;
    *bytes = viamc_view(NULL, 0);
    while (vmc_wire_next(&r, &f)) {
        if (f.number == number && f.type == VMC_WIRE_BYTES) {
            *bytes = f.bytes;
            err = VIAMC_OK;
        }
    }
    if (vmc_rd_ok(&r))
        return err;
    *bytes = viamc_view(NULL, 0);
    return VIAMC_ERR_MESSAGE;
}

VMC_FN viamc_str vmc_wire_text(const vmc_wire_field *f)
{
    viamc_str s;
    s.ptr = (const char *)f->bytes.ptr;
    s.len = f->bytes.len;
    return s;
}

/* IEEE 754 binary64 as binary32, for compilers whose double is that (AVR): rounded to the nearest; what is too large becomes infinity,
 * what is too small 0. 1023 and 127 are the exponents' biases. */
VMC_FN uint32_t vmc_wire_narrow(uint64_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 32) & 0x80000000u, exponent = (uint32_t)(bits >> 52) & 0x7ffu;
    uint64_t fraction = bits & 0xfffffffffffffu;
    if (exponent == 0x7ffu)
        return sign | 0x7f800000u | (fraction != 0 ? 0x400000u : 0u); /* no number at all, or infinity */
    if (exponent > 1023u + 127u)
        return sign | 0x7f800000u;
    if (exponent < 1023u - 126u)
        return sign;
    return sign | (((exponent - (1023u - 127u)) << 23 | (uint32_t)(fraction >> 29)) + ((uint32_t)(fraction >> 28) & 1u));
}

/* The other way; what is below 2^-126 becomes 0. */
VMC_FN uint64_t vmc_wire_broaden(uint32_t bits)
{
    uint64_t sign = (uint64_t)(bits & 0x80000000u) << 32, fraction = (uint64_t)(bits & 0x7fffffu) << 29;
    uint32_t exponent = bits >> 23 & 0xffu;
    if (exponent == 0)
        return sign;
    return sign | (uint64_t)(exponent == 0xffu ? 0x7ffu : exponent + (1023u - 127u)) << 52 | fraction;
}

VMC_FN double vmc_wire_double(uint64_t bits)
{
    double d = 0;
    uint32_t narrow;
    if (sizeof d == sizeof bits) {
        VIAMC_MEMCPY(&d, &bits, sizeof d);
    } else {
        narrow = vmc_wire_narrow(bits);
        VIAMC_MEMCPY(&d, &narrow, sizeof narrow);
    }
    return d;
}

/* Milliseconds of seconds and nanoseconds as they come off the wire: below 0 gives 0, too many give VMC_TIME_MAX. */
VMC_FN viamc_ms vmc_wire_ms(uint64_t seconds, uint32_t nanos)
{
    if (seconds >> 63 != 0 || nanos >> 31 != 0)
        return 0;
    if (seconds >= VMC_TIME_MAX / 1000u)
        return VMC_TIME_MAX;
    return (viamc_ms)seconds * 1000u + vmc_min32(nanos, 999999999u) / 1000000u;
}

/* Reads a google.protobuf.Duration, rounded down to milliseconds. False if it is malformed. */
VMC_FN bool vmc_wire_duration(viamc_bytes msg, viamc_ms *ms)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    uint64_t seconds = 0;
    uint32_t nanos = 0;
    while (vmc_wire_next(&r, &f)) {
        if (f.type == VMC_WIRE_VARINT && f.number == 1)
            seconds = f.value;
        else if (f.type == VMC_WIRE_VARINT && f.number == 2)
            nanos = (uint32_t)f.value; /* int32: the upper half repeats the sign */
    }
    *ms = vmc_wire_ms(seconds, nanos);
    return vmc_rd_ok(&r);
}

/* ---- writing: every field is written, also one that holds its default; leaving those out is the caller's choice ---- */

VMC_FN size_t vmc_wire_varint_size(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80u) {
        v >>= 7;
        n++;
    }
    return n;
}

/* Writes a varint where there is room for it; returns its octets, at most 10. */
VMC_FN size_t vmc_wire_varint_at(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80u) {
        p[n++] = (uint8_t)(v | 0x80u);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

VMC_FN void vmc_wire_put_varint(vmc_wr *w, uint64_t v)
{
    uint8_t octets[VMC_WIRE_MAX_VARINT];
    vmc_wr_bytes(w, octets, vmc_wire_varint_at(octets, v));
}

VMC_FN void vmc_wire_put_tag(vmc_wr *w, uint32_t number, uint8_t type)
{
    vmc_wire_put_varint(w, number << 3 | type);
}

/* uint32, uint64, enums, and int32 or int64 that the caller has extended to 64 bits. */
VMC_FN void vmc_wire_put_uint(vmc_wr *w, uint32_t number, uint64_t v)
{
    vmc_wire_put_tag(w, number, VMC_WIRE_VARINT);
    vmc_wire_put_varint(w, v);
}

/* Bytes, or a submessage that is encoded already. */
VMC_FN void vmc_wire_put_bytes(vmc_wr *w, uint32_t number, viamc_bytes v)
{
    vmc_wire_put_tag(w, number, VMC_WIRE_BYTES);
    vmc_wire_put_varint(w, v.len);
    vmc_wr_bytes(w, v.ptr, v.len);
}

VMC_FN void vmc_wire_put_text(vmc_wr *w, uint32_t number, viamc_str v)
{
    vmc_wire_put_bytes(w, number, vmc_bytes_of(v));
}

/* Writes the 8 octets of a double, least significant first. */
VMC_FN void vmc_wire_double_at(uint8_t *p, double v)
{
    uint64_t bits = 0;
    uint32_t narrow;
    size_t i;
    if (sizeof v == sizeof bits) {
        VIAMC_MEMCPY(&bits, &v, sizeof v);
    } else {
        VIAMC_MEMCPY(&narrow, &v, sizeof narrow);
        bits = vmc_wire_broaden(narrow);
    }
    for (i = 0; i < 8u; i++) {
        p[i] = (uint8_t)bits;
        bits >>= 8;
    }
}

/* Gives content of n octets a length in front of it that takes 1 + more octets where one was kept free; there is room. */
VMC_FN void vmc_wire_widen(uint8_t *content, size_t n, size_t more)
{
    if (more != 0)
        vmc_move(content + more, content, n);
    (void)vmc_wire_varint_at(content - 1, n);
}

/* Begins a submessage of unknown length. Returns where its content starts, for vmc_wire_close. */
VMC_FN size_t vmc_wire_open(vmc_wr *w, uint32_t number)
{
    vmc_wire_put_tag(w, number, VMC_WIRE_BYTES);
    vmc_wr_u8(w, 0); /* the length, widened when it is known */
    return w->len;
}

/* Ends the submessage opened last. */
VMC_FN void vmc_wire_close(vmc_wr *w, size_t start)
{
    size_t n = w->len - start, more = vmc_wire_varint_size(n) - 1u;
    if (!w->full && vmc_wr_claim(w, more) != NULL)
        vmc_wire_widen(w->ptr + start, n, more);
}

/* Writes a google.protobuf.Duration. */
VMC_FN void vmc_wire_put_duration(vmc_wr *w, uint32_t number, viamc_ms ms)
{
    size_t sub = vmc_wire_open(w, number);
    if (ms >= 1000u)
        vmc_wire_put_uint(w, 1, ms / 1000u);
    if (ms % 1000u != 0)
        vmc_wire_put_uint(w, 2, ms % 1000u * 1000000u);
    vmc_wire_close(w, sub);
}

#endif
