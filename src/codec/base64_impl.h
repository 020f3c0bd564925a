/* SPDX-License-Identifier: MIT */
/* codec/base64: the standard alphabet of RFC 4648 4, for `-bin` metadata and PEM. Padding is optional when reading.
 * Knows characters; knows nothing of lines and of what the octets mean. */
#ifndef VIAMC_CODEC_BASE64_IMPL_H
#define VIAMC_CODEC_BASE64_IMPL_H

#include "base/core.h"
#include "base/core_impl.h"

#define VMC_BASE64_NONE 0xffu /* not of the alphabet */

/* ---- decoding, a character at a time ---- */

typedef struct vmc_base64 {
    uint32_t bits; /* of the group under way */
    uint8_t count; /* its characters, 0 to 3 */
    uint8_t pads;  /* '=' seen; they end the text */
    bool bad;      /* something that is no base64 was among the characters */
} vmc_base64;

/* Begins, and leaves nothing of an earlier text behind. */
VMC_FN void vmc_base64_begin(vmc_base64 *b)
{
    b->bits = 0;
    b->count = 0;
    b->pads = 0;
    b->bad = false;
}

VMC_FN uint32_t vmc_base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - (uint32_t)'A';
    if (c >= 'a' && c <= 'z')
        return c - (uint32_t)'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - (uint32_t)'0' + 52u;
    return c == '+' ? 62u : c == '/' ? 63u : VMC_BASE64_NONE;
}

/* Writes the n octets, at most 3, that stand highest in 24 bits. */
VMC_FN void vmc_base64_emit(uint32_t bits, size_t n, vmc_wr *out)
{
    uint8_t octets[3];
    vmc_put_be24(octets, bits);
    vmc_wr_bytes(out, octets, n);
}

VMC_FN void vmc_base64_char(vmc_base64 *b, uint8_t c, vmc_wr *out)
{
    uint32_t value = vmc_base64_value(c);
    if (c == '=' && b->count >= 2u && b->count + b->pads < 4u) {
        b->pads++;
    } else if (value == VMC_BASE64_NONE || b->pads != 0) {
        b->bad = true;
    } else {
        b->bits = b->bits << 6 | value;
        if (++b->count == 4u) {
            vmc_base64_emit(b->bits, 3, out);
            b->bits = 0;
            b->count = 0;
        }
    }
}

/* Writes what is left over. False if the text was not base64: a stray character, one left alone, too little padding. Bits that do not
 * fill an octet are ignored. Whether everything fitted says out->full. */
VMC_FN bool vmc_base64_end(vmc_base64 *b, vmc_wr *out)
{
    bool good = !b->bad && b->count != 1u && (b->pads == 0 || b->count + b->pads == 4u);
    if (good && b->count != 0)
        vmc_base64_emit(b->bits << (24u - 6u * b->count), b->count - 1u, out);
    b->bits = 0;
    return good;
}

/* Decodes a whole text. False as vmc_base64_end. */
VMC_FN bool vmc_base64_decode(viamc_bytes text, vmc_wr *out)
{
    vmc_base64 b;
    size_t i;
    vmc_base64_begin(&b);
    for (i = 0; i < text.len && !b.bad; i++)
        vmc_base64_char(&b, text.ptr[i], out);
    return vmc_base64_end(&b, out);
}

/* ---- encoding ---- */

/* Characters of n octets. */
VMC_FN size_t vmc_base64_size(size_t n, bool padded)
{
    size_t rest = n % 3u;
    return n / 3u * 4u + (rest == 0 ? 0 : padded ? 4u : rest + 1u);
}

VMC_FN uint8_t vmc_base64_letter(uint32_t value)
{
    value &= 63u;
    if (value < 26u)
        return (uint8_t)('A' + value);
    if (value < 52u)
        return (uint8_t)('a' + (value - 26u));
    if (value < 62u)
        return (uint8_t)('0' + (value - 52u));
    return value == 62u ? '+' : '/';
}

/* Writes the text of octets; gRPC metadata goes without padding, PEM with it. */
VMC_FN void vmc_base64_encode(vmc_wr *w, viamc_bytes v, bool padded)
{
    size_t at, i;
    for (at = 0; at < v.len; at += 3u) {
        size_t n = vmc_min(v.len - at, 3u);
        uint32_t bits = (uint32_t)v.ptr[at] << 16;
        if (n > 1u)
            bits |= (uint32_t)v.ptr[at + 1u] << 8;
        if (n > 2u)
            bits |= v.ptr[at + 2u];
        for (i = 0; i <= n; i++)
            vmc_wr_u8(w, vmc_base64_letter(bits >> (18u - 6u * i)));
        for (; padded && i < 4u; i++)
            vmc_wr_u8(w, '=');
    }
}

#endif
