/* SPDX-License-Identifier: MIT */
/* codec/pcd: point clouds in the PCD form that cameras and SLAM send ("pointcloud/pcd"): a walk over the points, in place.
 * Source: The PCD (Point Cloud Data) file format, version .7. */
#ifndef VIAMC_CODEC_PCD_H
#define VIAMC_CODEC_PCD_H

#include "base/core.h"

/* A number of each point. */
typedef struct viamc_pcd_field {
    uint16_t at;  /* binary: octets before it; text: numbers before it */
    uint8_t size; /* octets; 0: there is no such field */
    char type;    /* F, I or U */
} viamc_pcd_field;

/* A point cloud, and where the walk over it stands: copy it to walk again. */
typedef struct viamc_pcd {
    uint32_t width, height;    /* height 1: points in no order */
    uint32_t left;             /* points still to come; at first all of them */
    viamc_bytes rest;          /* their octets */
    uint16_t stride;           /* octets of a point; text: numbers of a point */
    bool text;                 /* DATA ascii */
    viamc_err err;             /* OK; MESSAGE: the walk ended early, or the header was refused and it cannot begin */
    viamc_pcd_field x, y, z;
    viamc_pcd_field rgb;       /* of size 0: no colours */
} viamc_pcd;

/* A point: metres, and its colour as 0xRRGGBB (0 without). SLAM has a probability from 0 to 100 in the place of blue. */
typedef struct viamc_point {
    double x, y, z;
    uint32_t rgb;
} viamc_point;

/* Reads the header and begins a walk.
 *   file  view: stays where it is as long as the walk is used. May be cut off behind the header, where it comes in pieces:
 *         pcd->rest then is the beginning of the points
 * Returns:  OK; WAIT (the header does not end here); MESSAGE (malformed, without x, y and z, or compressed). */
VIAMC_API viamc_err viamc_pcd_open(viamc_pcd *pcd, viamc_bytes file);

/* Reads the next point.
 * Returns:  true; false at the end. pcd->err tells whether all points came. */
VIAMC_API bool viamc_pcd_next(viamc_pcd *pcd, viamc_point *point);

#endif
