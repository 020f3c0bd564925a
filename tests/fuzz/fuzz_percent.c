/* SPDX-License-Identifier: MIT */
/* codec/percent: any text encoded and decoded again is the same; decoding in two pieces is decoding in one; a cut leaves whole characters. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

static viamc_bytes decode(vmc_percent *d, viamc_bytes a, viamc_bytes b, uint8_t *to, size_t cap)
{
    vmc_wr w = vmc_wr_of(to, cap);
    viamc_bytes text;
    vmc_percent_begin(d);
    vmc_percent_feed(d, &w, a);
    vmc_percent_feed(d, &w, b);
    text = vmc_percent_end(d, &w);
    FUZZ_CHECK(text.len <= cap);
    return text;
}

static void fuzz_one(viamc_bytes in)
{
    static uint8_t text[3 * FUZZ_MAX], one[3 * FUZZ_MAX], two[3 * FUZZ_MAX];
    vmc_wr w = vmc_wr_of(text, sizeof text);
    vmc_percent d;
    viamc_bytes a, b;
    uint8_t cap = fuzz_u8(&in), split = fuzz_u8(&in);
    viamc_str s;
    s.ptr = (const char *)in.ptr;
    s.len = in.len;
    vmc_percent_encode(&w, s);
    FUZZ_CHECK(!w.full);
    a = decode(&d, viamc_view(text, w.len), viamc_view(text, 0), one, sizeof one);
    FUZZ_CHECK(!d.truncated && a.len == in.len && vmc_same(a.ptr, in.ptr, a.len));
    a = decode(&d, in, viamc_view(in.ptr, 0), one, cap);
    b.ptr = in.ptr;
    b.len = vmc_min(split, in.len);
    b = decode(&d, b, viamc_view(in.ptr + b.len, in.len - b.len), two, cap);
    FUZZ_CHECK(a.len == b.len && vmc_same(a.ptr, b.ptr, a.len));
}
