/* SPDX-License-Identifier: MIT */
/* codec/reading: readings that are more than a number: vectors, places and orientations, which sensors send as a Struct with `_type`.
 * Knows Structs; knows nothing of calls and robots. */
#ifndef VIAMC_CODEC_READING_H
#define VIAMC_CODEC_READING_H

#include "base/core.h"
#include "codec/struct.h"

/* viamc_reading.type */
enum {
    VIAMC_READING_VECTOR = 1,           /* x, y, z */
    VIAMC_READING_ANGULAR_VELOCITY = 2, /* x, y, z: degrees a second about each axis */
    VIAMC_READING_GEO_POINT = 3,        /* lat, lng: degrees */
    VIAMC_READING_ORIENTATION = 4       /* ox, oy, oz: where the axis points; theta: degrees about it */
};

/* The numbers have the order above: x, y, z; lat, lng; ox, oy, oz, theta. Those that a type does not have are 0. */
typedef struct viamc_reading {
    uint8_t type;
    double number[4];
} viamc_reading;

/* Reads such a value.
 *   value    as viamc_struct_next gave it
 *   reading  out: all zero unless OK
 * Returns:  OK; NOT_FOUND (a value of another kind); MESSAGE (malformed, or a number is missing). */
VIAMC_API viamc_err viamc_reading_of(const viamc_value *value, viamc_reading *reading);

/* Adds such a value to a Struct or to the readings that a sensor answers.
 *   key  copied, terminated; NULL exactly inside a list
 * Allowed:  between viamc_struct_begin and viamc_struct_end; an unknown type, or reading NULL, is ARG there. */
VIAMC_API void viamc_struct_reading(viamc_struct_writer *w, const char *key, const viamc_reading *reading);

#endif
