/* SPDX-License-Identifier: MIT */
/* codec/percent: the form of grpc-message: octets outside 0x20 to 0x7e, and '%', stand as %XX.
 * Knows UTF-8 only as far as not to cut a character in two; knows nothing of headers. */
#ifndef VIAMC_CODEC_PERCENT_IMPL_H
#define VIAMC_CODEC_PERCENT_IMPL_H

#include "base/core.h"
#include "base/core_impl.h"

VMC_FN bool vmc_percent_plain(uint8_t c)
{
    return c >= 0x20u && c <= 0x7eu && c != '%';
}

VMC_FN uint8_t vmc_percent_digit(uint32_t v)
{
    return (uint8_t)(v < 10u ? '0' + v : 'A' + (v - 10u));
}

VMC_FN void vmc_percent_encode(vmc_wr *w, viamc_str text)
{
    size_t i;
    for (i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i], escape[3];
        escape[0] = '%';
        escape[1] = vmc_percent_digit(c >> 4);
        escape[2] = vmc_percent_digit(c & 15u);
        if (vmc_percent_plain(c))
            vmc_wr_u8(w, c);
        else
            vmc_wr_bytes(w, escape, sizeof escape);
    }
}

/* The value of a hex digit in either case, or 16. */
VMC_FN uint8_t vmc_percent_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0');
    c = (uint8_t)(c | 0x20u);
    return c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10) : 16u;
}

/* Octets that the UTF-8 character at p announces: 1 to 4; 1 too for an octet that begins none. */
VMC_FN size_t vmc_percent_utf8_size(uint8_t c)
{
    return c >= 0xf0u && c < 0xf8u ? 4u : c >= 0xe0u && c < 0xf0u ? 3u : c >= 0xc0u && c < 0xe0u ? 2u : 1u;
}

/* Octets of a cut text that end with a whole character: up to three fewer. */
VMC_FN size_t vmc_percent_utf8_cut(const uint8_t *p, size_t len)
{
    size_t back;
    for (back = 1; back <= 3u && back <= len; back++) {
        uint8_t c = p[len - back];
        if ((c & 0xc0u) != 0x80u) /* the first octet of the last character */
            return vmc_percent_utf8_size(c) > back ? len - back : len;
    }
    return len;
}

/* ---- decoding, lenient and in pieces ---- */

/* What is kept between two pieces. Each goes to the same vmc_wr: its octets, their number and their room. */
typedef struct vmc_percent {
    bool truncated; /* the text did not fit, what there is ends with a whole character */
    uint8_t held;   /* octets of an escape under way: 0, 1 ('%') or 2 ('%' and digit) */
    uint8_t digit;  /* the digit, as it came */
} vmc_percent;

VMC_FN void vmc_percent_begin(vmc_percent *d)
{
    d->truncated = false;
    d->held = 0;
    d->digit = 0;
}

/* Writes an octet; from the first that does not fit on nothing more. */
VMC_FN void vmc_percent_emit(vmc_percent *d, vmc_wr *out, uint32_t c)
{
    if (d->truncated)
        return;
    vmc_wr_u8(out, c);
    d->truncated = out->full;
    if (out->full)
        out->len = vmc_percent_utf8_cut(out->ptr, out->len);
}

/* Copies through what turned out to be no escape. */
VMC_FN void vmc_percent_flush(vmc_percent *d, vmc_wr *out)
{
    if (d->held > 0)
        vmc_percent_emit(d, out, '%');
    if (d->held > 1u)
        vmc_percent_emit(d, out, d->digit);
    d->held = 0;
}

VMC_FN void vmc_percent_char(vmc_percent *d, vmc_wr *out, uint8_t c)
{
    bool hex = vmc_percent_value(c) < 16u;
    if (d->held == 2u && hex) {
        d->held = 0;
        vmc_percent_emit(d, out, (uint32_t)vmc_percent_value(d->digit) << 4 | vmc_percent_value(c));
    } else if (d->held == 1u && hex) {
        d->held = 2;
        d->digit = c;
    } else {
        vmc_percent_flush(d, out);
        if (c == '%')
            d->held = 1;
        else
            vmc_percent_emit(d, out, c);
    }
}

VMC_FN void vmc_percent_feed(vmc_percent *d, vmc_wr *out, viamc_bytes piece)
{
    size_t i;
    for (i = 0; i < piece.len; i++)
        vmc_percent_char(d, out, piece.ptr[i]);
}

/* Ends the text and returns it. */
VMC_FN viamc_bytes vmc_percent_end(vmc_percent *d, vmc_wr *out)
{
    vmc_percent_flush(d, out);
    return viamc_view(out->ptr, out->len);
}

#endif
