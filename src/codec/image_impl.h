/* SPDX-License-Identifier: MIT */
/* codec/image: names of forms, and the first octets by which they are told. */
#ifndef VIAMC_CODEC_IMAGE_IMPL_H
#define VIAMC_CODEC_IMAGE_IMPL_H

#include "base/core_impl.h"
#include "codec/image.h"

/* By VIAMC_IMAGE_*. */
static const char *const vmc_image_mimes[] = {"", "image/jpeg", "image/png", "image/vnd.viam.rgba", "image/vnd.viam.dep", "pointcloud/pcd"};
#define VMC_IMAGE_FORMS (sizeof vmc_image_mimes / sizeof vmc_image_mimes[0])

VIAMC_API const char *viamc_image_mime(uint8_t form)
{
    return form < VMC_IMAGE_FORMS ? vmc_image_mimes[form] : "";
}

VIAMC_API uint8_t viamc_image_form(viamc_str mime)
{
    static const char lazy[] = "+lazy";
    size_t n = sizeof lazy - 1u;
    uint8_t form;
    if (!vmc_is_view(vmc_bytes_of(mime)))
        return VIAMC_IMAGE_UNKNOWN;
    if (mime.len > n && vmc_same(mime.ptr + mime.len - n, lazy, n))
        mime.len -= n;
    for (form = VMC_IMAGE_FORMS - 1u; form != VIAMC_IMAGE_UNKNOWN; form--)
        if (viamc_str_eq(mime, viamc_text(vmc_image_mimes[form])))
            break;
    return form;
}

VMC_FN bool vmc_image_begins(viamc_bytes octets, const char *with, size_t n)
{
    return octets.len >= n && vmc_same(octets.ptr, with, n);
}

/* A head of `skip` octets and two numbers of `size`, high octet first, before the pixels. False if they do not fit. */
VMC_FN bool vmc_image_size(viamc_image *image, size_t skip, size_t size, uint32_t pixel)
{
    viamc_bytes all = image->pixels;
    size_t head = skip + 2u * size;
    if (all.len < head || (size == 8u && (vmc_be32(all.ptr + skip) != 0 || vmc_be32(all.ptr + skip + 8) != 0)))
        return false;
    image->width = vmc_be32(all.ptr + skip + size - 4u);
    image->height = vmc_be32(all.ptr + head - 4u);
    image->pixels = viamc_view(all.ptr + head, all.len - head);
    return image->width == 0 || image->height <= image->pixels.len / pixel / image->width;
}

VIAMC_API viamc_err viamc_image_open(viamc_image *image, viamc_bytes octets)
{
    bool good = true;
    if (image == NULL || !vmc_is_view(octets))
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(image, 0, sizeof *image);
    image->pixels = octets;
    if (vmc_image_begins(octets, "\xff\xd8\xff", 3)) {
        image->form = VIAMC_IMAGE_JPEG;
    } else if (vmc_image_begins(octets, "\x89PNG\r\n", 6)) {
        image->form = VIAMC_IMAGE_PNG;
    } else if (vmc_image_begins(octets, "RGBA", 4)) {
        image->form = VIAMC_IMAGE_RGBA;
        good = vmc_image_size(image, 4, 4, 4);
    } else if (vmc_image_begins(octets, "DEPTHMAP", 8)) {
        image->form = VIAMC_IMAGE_DEPTH;
        good = vmc_image_size(image, 8, 8, 2);
    }
    return good ? VIAMC_OK : VIAMC_ERR_MESSAGE;
}

#endif
