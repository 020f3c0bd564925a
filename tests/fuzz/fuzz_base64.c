/* SPDX-License-Identifier: MIT */
/* codec/base64: any octets encoded and decoded again are the same; any text decodes to no more than three quarters of it. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

static bool decode(viamc_bytes text, uint8_t *to, size_t *len)
{
    vmc_base64 b;
    vmc_wr out = vmc_wr_of(to, text.len / 4u * 3u + 2u);
    size_t i;
    bool good;
    vmc_base64_begin(&b);
    for (i = 0; i < text.len; i++)
        vmc_base64_char(&b, text.ptr[i], &out);
    good = vmc_base64_end(&b, &out);
    FUZZ_CHECK(!out.full);
    *len = out.len;
    return good;
}

static void fuzz_one(viamc_bytes in)
{
    static uint8_t text[FUZZ_MAX / 3 * 4 + 4], back[FUZZ_MAX + 4];
    size_t i, len, n = vmc_base64_size(in.len);
    for (i = 0; i < n; i++)
        text[i] = vmc_base64_at(in, i);
    FUZZ_CHECK(decode(viamc_view(text, n), back, &len) && len == in.len && memcmp(back, in.ptr, len) == 0);
    (void)decode(in, back, &len);
}
