/* SPDX-License-Identifier: MIT */
/* Messages of services that have no code of ours: protocol buffers as a walk over fields and a writer, and base64. */
#ifndef VIAMC_TESTS_PB_H
#define VIAMC_TESTS_PB_H

#include "viamc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

typedef struct pb_field {
    uint32_t number;
    uint64_t value;    /* of a number */
    viamc_bytes bytes; /* of text, octets, a message */
} pb_field;

static inline viamc_bytes pb_take(viamc_bytes *in, size_t n)
{
    viamc_bytes out = viamc_view(in->ptr, n <= in->len ? n : in->len);
    *in = viamc_view(in->ptr + out.len, in->len - out.len);
    return out;
}

static inline bool pb_varint(viamc_bytes *in, uint64_t *v)
{
    unsigned shift;
    *v = 0;
    for (shift = 0; shift < 64u && in->len != 0; shift += 7u) {
        uint8_t octet = *pb_take(in, 1).ptr;
        *v |= (uint64_t)(octet & 127u) << shift;
        if (octet < 128u)
            return true;
    }
    return false;
}

/* The next field; false at the end and where the octets are no message. */
static inline bool pb_next(viamc_bytes *in, pb_field *f)
{
    uint64_t tag, n;
    memset(f, 0, sizeof *f);
    if (!pb_varint(in, &tag))
        return false;
    f->number = (uint32_t)(tag >> 3);
    switch (tag & 7u) {
    case 0: return pb_varint(in, &f->value);
    case 1: return pb_take(in, 8).len == 8u;
    case 5: return pb_take(in, 4).len == 4u;
    case 2:
        if (!pb_varint(in, &n) || n > in->len)
            return false;
        f->bytes = pb_take(in, (size_t)n);
        return true;
    default: return false;
    }
}

/* The last field of this number; all zero if there is none. */
static inline pb_field pb_get(viamc_bytes msg, uint32_t number)
{
    pb_field f, found;
    memset(&found, 0, sizeof found);
    while (pb_next(&msg, &f))
        if (f.number == number)
            found = f;
    return found;
}

static inline viamc_str pb_str(pb_field f)
{
    viamc_str s;
    s.ptr = (const char *)f.bytes.ptr;
    s.len = f.bytes.len;
    return s;
}

/* ---- writing: what does not fit ends the program ---- */

typedef struct pb_out {
    uint8_t *buf;
    size_t cap, len;
} pb_out;

static inline uint8_t *pb_claim(pb_out *o, size_t n)
{
    uint8_t *p = o->buf + o->len;
    if (n > o->cap - o->len) {
        fprintf(stderr, "a message of more than %lu octets\n", (unsigned long)o->cap);
        exit(2);
    }
    o->len += n;
    return p;
}

static inline void pb_put_varint(pb_out *o, uint64_t v)
{
    for (; v >= 128u; v >>= 7)
        *pb_claim(o, 1) = (uint8_t)(v | 128u);
    *pb_claim(o, 1) = (uint8_t)v;
}

static inline void pb_put_uint(pb_out *o, uint32_t number, uint64_t v)
{
    pb_put_varint(o, number << 3);
    pb_put_varint(o, v);
}

static inline void pb_put_bytes(pb_out *o, uint32_t number, const void *p, size_t n)
{
    pb_put_varint(o, number << 3 | 2u);
    pb_put_varint(o, n);
    if (n != 0)
        memcpy(pb_claim(o, n), p, n);
}

static inline void pb_put_str(pb_out *o, uint32_t number, viamc_str s)
{
    pb_put_bytes(o, number, s.ptr, s.len);
}

/* A message inside a message: what is put between begin and end. Its length has four octets, whatever it is. */
static inline size_t pb_begin(pb_out *o, uint32_t number)
{
    pb_put_varint(o, number << 3 | 2u);
    (void)pb_claim(o, 4);
    return o->len;
}

static inline void pb_end(pb_out *o, size_t at)
{
    size_t n = o->len - at;
    unsigned i;
    for (i = 0; i < 4u; i++)
        o->buf[at - 4u + i] = (uint8_t)((n >> 7u * i & 127u) | (i < 3u ? 128u : 0u));
}

/* ---- base64 ---- */

/* Decodes letters, padded or not, over the ends of lines, until one that is neither. Returns the octets written; out has room for 3 / 4 of them. */
static inline size_t pb_base64(viamc_bytes in, uint8_t *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0, count = 0;
    size_t i, n = 0;
    for (i = 0; i < in.len; i++) {
        const char *at = in.ptr[i] == 0 ? NULL : strchr(letters, in.ptr[i]);
        if (in.ptr[i] == '\r' || in.ptr[i] == '\n')
            continue;
        if (at == NULL)
            break;
        bits = bits << 6 | (uint32_t)(at - letters);
        count += 6;
        if (count >= 8u) {
            count -= 8u;
            out[n++] = (uint8_t)(bits >> count);
        }
    }
    return n;
}

/* The first object of a PEM text as DER. */
static inline viamc_bytes pb_pem(viamc_bytes pem, uint8_t *der)
{
    static const char begin[] = "-----BEGIN ";
    size_t i = 0;
    while (i + sizeof begin < pem.len && memcmp(pem.ptr + i, begin, sizeof begin - 1u) != 0)
        i++;
    while (i < pem.len && pem.ptr[i] != '\n')
        i++;
    return viamc_view(der, pb_base64(viamc_view(pem.ptr + i, pem.len - i), der));
}

#endif
