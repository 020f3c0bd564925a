/* SPDX-License-Identifier: MIT */
/* codec/pcd, codec/image: any octets as a point cloud, any as an image. Views stay inside; no more points than octets; a cut file has no other
 * points than the whole one. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

static size_t walk(viamc_bytes file, size_t most, viamc_point *last)
{
    viamc_pcd pcd;
    viamc_point p;
    size_t n = 0;
    if (viamc_pcd_open(&pcd, file) != VIAMC_OK)
        return 0;
    FUZZ_CHECK(fuzz_inside(pcd.rest, file) && pcd.stride != 0);
    while (n < most && viamc_pcd_next(&pcd, &p)) {
        FUZZ_CHECK(fuzz_inside(pcd.rest, file) && p.rgb <= 0xffffffu);
        *last = p;
        n++;
    }
    FUZZ_CHECK(n <= file.len);
    FUZZ_CHECK(n == most || pcd.left == 0 || pcd.err == VIAMC_ERR_MESSAGE);
    return n;
}

static void fuzz_one(viamc_bytes in)
{
    size_t cut = (size_t)fuzz_u8(&in) * 16u, n, m;
    uint8_t *all = fuzz_exact(in), *part;
    viamc_bytes begin = viamc_view(all, vmc_min(cut, in.len));
    viamc_point a, b;
    viamc_image image;
    VIAMC_MEMSET(&a, 0, sizeof a);
    VIAMC_MEMSET(&b, 0, sizeof b);
    part = fuzz_exact(begin);
    n = walk(viamc_view(part, begin.len), SIZE_MAX, &a);
    m = walk(viamc_view(all, in.len), n, &b);
    FUZZ_CHECK(m == n);
    if (begin.len == in.len)
        FUZZ_CHECK(vmc_same(&a, &b, sizeof a));
    if (viamc_image_open(&image, viamc_view(all, in.len)) == VIAMC_OK)
        FUZZ_CHECK(fuzz_inside(image.pixels, viamc_view(all, in.len)));
    free(part);
    free(all);
}
