/* SPDX-License-Identifier: MIT */
/* codec/image: what an image of a camera is: names of forms, and the heads of those that Viam made itself. Decodes no JPEG or PNG. */
#ifndef VIAMC_CODEC_IMAGE_H
#define VIAMC_CODEC_IMAGE_H

#include "base/core.h"

/* Forms of images, and of point clouds. */
enum {
    VIAMC_IMAGE_UNKNOWN = 0,
    VIAMC_IMAGE_JPEG = 1,  /* image/jpeg */
    VIAMC_IMAGE_PNG = 2,   /* image/png */
    VIAMC_IMAGE_RGBA = 3,  /* image/vnd.viam.rgba: 4 octets a pixel */
    VIAMC_IMAGE_DEPTH = 4, /* image/vnd.viam.dep: 2 octets a pixel, millimetres, the high one first */
    VIAMC_IMAGE_PCD = 5    /* pointcloud/pcd */
};

/* An image. Pixels go row by row from the upper left. */
typedef struct viamc_image {
    uint8_t form;       /* VIAMC_IMAGE_* */
    uint32_t width;     /* RGBA, DEPTH; else 0 */
    uint32_t height;
    viamc_bytes pixels; /* view: RGBA, DEPTH: behind the head; else all octets */
} viamc_image;

/* The MIME type of a form; "" for an unknown one. Constant. */
VIAMC_API const char *viamc_image_mime(uint8_t form);

/* The form of a MIME type, also with a "+lazy" behind it; UNKNOWN. */
VIAMC_API uint8_t viamc_image_form(viamc_str mime);

/* Looks at the first octets of an image: its form, whatever its MIME type says, and the size of RGBA and DEPTH.
 *   octets  view
 * Returns:  OK (form may be UNKNOWN); MESSAGE (a head of RGBA or DEPTH that does not fit to the octets). */
VIAMC_API viamc_err viamc_image_open(viamc_image *image, viamc_bytes octets);

#endif
