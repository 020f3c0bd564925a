/* SPDX-License-Identifier: MIT */
/* Saves the pictures and the point cloud of a camera, of any size: they go to files as they come, through a buffer of 4 KiB.
 *
 *     cc -o camera_image camera_image.c -lbearssl -lprotobuf-nanopb
 *     ./camera_image ADDRESS NAME [KEY KEY_ID]          without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>
#include <string.h>

#define PICTURES 8
#define NAME_CAP 40

/* What is being saved. Fields come one after another: "images[0].image", "images[1].image" or "point_cloud". */
struct saving {
    FILE *file;
    unsigned count;                  /* of files */
    char name[PICTURES][NAME_CAP];   /* of each */
};

static uint8_t memory[VIAMC_CLIENT_MEM(4, 0)];

/* Looks at the first octets: what a field holds is said by the message around it, which is complete only at the end. */
static const char *ending(viamc_bytes octets)
{
    viamc_image image;
    if (octets.len >= 2 && (memcmp(octets.ptr, "# ", 2) == 0 || memcmp(octets.ptr, "VE", 2) == 0))
        return "pcd";
    if (viamc_image_open(&image, octets) != VIAMC_OK)
        return "bin";
    return image.form == VIAMC_IMAGE_JPEG ? "jpg" : image.form == VIAMC_IMAGE_PNG ? "png" : "bin";
}

static bool open_next(struct saving *s, viamc_bytes first)
{
    const char *kind = ending(first);
    if (s->count == PICTURES)
        return false;
    snprintf(s->name[s->count], NAME_CAP, "camera-%u.%s", s->count, kind);
    s->file = fopen(s->name[s->count++], "wb");
    return s->file != NULL;
}

/* Takes a piece of a field that is too large for the buffer. */
static viamc_err save(void *user, const viamc_piece *p)
{
    struct saving *s = (struct saving *)user;
    const size_t done = p->offset + p->bytes.len;
    if (p->offset == 0 && !open_next(s, p->bytes))
        return VIAMC_ERR_SINK;
    if (fwrite(p->bytes.ptr, 1, p->bytes.len, s->file) != p->bytes.len)
        return VIAMC_ERR_SINK;
    fprintf(stderr, "\r%s: %s %3u %%", s->name[s->count - 1], p->path, (unsigned)(100.0 * (double)done / p->total));
    if (done != p->total)
        return VIAMC_OK;
    fprintf(stderr, "\n");
    return fclose(s->file) == 0 ? VIAMC_OK : VIAMC_ERR_SINK;
}

/* One that is small comes with the reply. */
static viamc_err save_small(struct saving *s, const char *path, viamc_bytes octets)
{
    viamc_piece whole;
    whole.path = path;
    whole.bytes = octets;
    whole.offset = 0;
    whole.total = (uint32_t)octets.len;
    if (octets.len == 0)
        return VIAMC_OK;
    return save(s, &whole);
}

static viamc_err pictures(viamc_posix *posix, viamc_client *robot, const char *camera, struct saving *s, const viamc_opts *opts)
{
    viam_component_camera_v1_GetImagesResponse reply;
    viam_component_camera_v1_Image image;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    if ((err = viamc_camera_get_images(robot, camera, opts, &call)) != VIAMC_OK || (err = viamc_posix_finish(posix, call, 60000, &ev)) != VIAMC_OK
        || (err = viamc_camera_get_images_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    while (err == VIAMC_OK && viamc_list_read(&reply.images, &image)) {
        printf("%.*s: %.*s\n", VIAMC_ARG(image.source_name), VIAMC_ARG(image.mime_type));
        err = save_small(s, "image", image.image);
    }
    return err;
}

static viamc_err cloud(viamc_posix *posix, viamc_client *robot, const char *camera, struct saving *s, const viamc_opts *opts)
{
    viam_component_camera_v1_GetPointCloudResponse reply;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    if ((err = viamc_camera_get_point_cloud(robot, camera, viamc_image_mime(VIAMC_IMAGE_PCD), opts, &call)) != VIAMC_OK
        || (err = viamc_posix_finish(posix, call, 60000, &ev)) != VIAMC_OK || (err = viamc_camera_get_point_cloud_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    printf("point cloud: %.*s\n", VIAMC_ARG(reply.mime_type));
    return save_small(s, "point_cloud", reply.point_cloud);
}

int main(int argc, char **argv)
{
    struct saving saving = VIAMC_ZERO;
    viamc_posix posix;
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_opts opts = VIAMC_ZERO;
    viamc_err err;

    if (argc != 3 && argc != 5)
        return fprintf(stderr, "usage: camera_image ADDRESS NAME [KEY KEY_ID]\n"), 2;
    dial.address = argv[1];
    dial.insecure = argc == 3;
    dial.api_key = argc == 5 ? argv[3] : NULL;
    dial.api_key_id = argc == 5 ? argv[4] : NULL;
    opts.sink = save;
    opts.sink_user = &saving;
    opts.timeout_ms = 60000;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK
        || (err = pictures(&posix, robot, argv[2], &saving, &opts)) != VIAMC_OK || (err = cloud(&posix, robot, argv[2], &saving, &opts)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "camera_image", err);
    viamc_client_close(robot);
    return 0;
}
