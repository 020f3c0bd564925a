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

/* ---- encoding ---- */

/* Characters of n octets; no padding. */
VMC_FN size_t vmc_base64_size(size_t n)
{
    return (n * 4u + 2u) / 3u;
}

VMC_FN uint8_t vmc_base64_letter(uint32_t value)
{
    int32_t c = (int32_t)(value & 63u);
    return (uint8_t)(c + (c < 26 ? 'A' : c < 52 ? 'a' - 26 : c < 62 ? '0' - 52 : c < 63 ? '+' - 62 : '/' - 63));
}

/* Character i of the text of v: six bits of two octets. */
VMC_FN uint8_t vmc_base64_at(viamc_bytes v, size_t i)
{
    size_t at = i * 3u / 4u;
    uint32_t two = (uint32_t)v.ptr[at] << 8 | (at + 1u < v.len ? v.ptr[at + 1u] : 0u);
    return vmc_base64_letter(two >> (10u - i * 6u % 8u));
}

#endif
