/* SPDX-License-Identifier: MIT */
/* Large things through a small client without TLS: large_client ADDRESS [--key KEY --key-id ID] CASE NAME, in the folder where it starts.
 *     cloud NAME     the point cloud of a camera, through 8 KiB: file "point_cloud"
 *     images NAME    its images, likewise: files "images[0].image" ...
 *     upload NAME    20 MB of sound to an audio output, through 4 KiB, while motor "left" is driven and stopped
 *     keep NAME      the same in one message, which stays where it is
 * One line: "CASE ok DETAIL" or "CASE FAILED REASON". Driven by tests/peers. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>
#include <string.h>

#define UPLOAD 20000000u
#define CHUNK 400u

static uint8_t memory[8192];
static viamc_posix posix;
static viamc_client *robot;
static unsigned pieces;

/* Each field goes to a file of its own. */
static viamc_err to_file(void *user, const viamc_piece *p)
{
    FILE **file = (FILE **)user;
    pieces++;
    if (p->offset == 0) {
        if (*file != NULL)
            fclose(*file);
        *file = fopen(p->path, "wb");
    }
    return *file != NULL && fwrite(p->bytes.ptr, 1, p->bytes.len, *file) == p->bytes.len ? VIAMC_OK : VIAMC_ERR_SINK;
}

static viamc_err cloud(const char *name, viamc_opts *opts)
{
    viam_component_camera_v1_GetPointCloudResponse reply;
    viamc_call call;
    viamc_event ev;
    viamc_err err = viamc_camera_get_point_cloud(robot, name, viamc_image_mime(VIAMC_IMAGE_PCD), opts, &call);
    if (err != VIAMC_OK || (err = viamc_posix_finish(&posix, call, 60000, &ev)) != VIAMC_OK || (err = viamc_camera_get_point_cloud_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    printf("cloud ok %.*s in %u pieces, %lu octets in the reply\n", VIAMC_ARG(reply.mime_type), pieces, (unsigned long)reply.point_cloud.len);
    return VIAMC_OK;
}

static viamc_err images(const char *name, viamc_opts *opts)
{
    viam_component_camera_v1_GetImagesResponse reply;
    viam_component_camera_v1_Image image;
    viamc_call call;
    viamc_event ev;
    viamc_err err = viamc_camera_get_images(robot, name, opts, &call);
    if (err != VIAMC_OK || (err = viamc_posix_finish(&posix, call, 60000, &ev)) != VIAMC_OK || (err = viamc_camera_get_images_reply(&ev, &reply)) != VIAMC_OK)
        return err;
    printf("images ok %lu in %u pieces:", (unsigned long)viamc_list_count(&reply.images), pieces);
    while (viamc_list_read(&reply.images, &image))
        printf(" %.*s %.*s;", VIAMC_ARG(image.source_name), VIAMC_ARG(image.mime_type));
    printf("%s\n", reply.has_response_metadata ? " with a time" : "");
    return VIAMC_OK;
}

/* ---- upload ---- */

struct upload {
    viamc_call call, drive, stop;
    uint32_t sent;
    viamc_ms stop_at, stop_took, slowest; /* ms between two polls */
    bool ended, done;
    bool in_time;                         /* Stop was answered before the upload was over */
};

/* Some of the sound. */
static void fill(uint8_t *octets, uint32_t offset, uint32_t n)
{
    uint32_t i;
    for (i = 0; i < n; i++)
        octets[i] = (uint8_t)((offset + i) * 2654435761u >> 24);
}

static viamc_err send_chunk(struct upload *u)
{
    viam_component_audioout_v1_PlayStreamRequest chunk = VIAMC_ZERO;
    uint8_t octets[CHUNK];
    viamc_err err;
    fill(octets, u->sent, CHUNK);
    chunk.which_payload = viam_component_audioout_v1_PlayStreamRequest_audio_chunk_tag;
    chunk.payload.audio_chunk.audio_data = viamc_view(octets, CHUNK);
    err = viamc_audioout_play_stream_send(robot, u->call, &chunk);
    if (err == VIAMC_OK)
        u->sent += CHUNK;
    return err;
}

/* As much as there is room for; then the end. */
static viamc_err send_some(struct upload *u)
{
    viamc_err err = VIAMC_OK;
    while (err == VIAMC_OK && u->sent < UPLOAD)
        err = send_chunk(u);
    if (err == VIAMC_OK && !u->ended) {
        u->ended = true;
        err = viamc_call_send_end(robot, u->call);
    }
    return err == VIAMC_ERR_BUSY ? VIAMC_OK : err;
}

static viamc_err on_event(struct upload *u, const viamc_event *ev)
{
    if (ev->kind != VIAMC_EV_DONE)
        return ev->kind == VIAMC_EV_STARVED || ev->kind == VIAMC_EV_SESSION_LOST || ev->kind == VIAMC_EV_LOST ? VIAMC_ERR_STATE : VIAMC_OK;
    if (ev->error.code != VIAMC_OK)
        return ev->error.code;
    if (ev->call == u->stop && ev->unconfirmed)
        return VIAMC_ERR_STATE;
    if (ev->call == u->stop) {
        u->stop_took = viamc_posix_now() - u->stop_at;
        u->in_time = !u->done;
    }
    u->done = u->done || ev->call == u->call;
    return VIAMC_OK;
}

static viamc_err turn(struct upload *u)
{
    viamc_event ev;
    viamc_ms before = viamc_posix_now();
    viamc_err err = viamc_posix_turn(&posix, 100);
    if (viamc_posix_now() - before > u->slowest)
        u->slowest = viamc_posix_now() - before;
    while (err == VIAMC_OK && viamc_next_event(robot, &ev))
        err = on_event(u, &ev);
    if (err == VIAMC_OK && u->sent >= UPLOAD / 2u && u->stop == 0) {
        u->stop_at = viamc_posix_now();
        err = viamc_motor_stop(robot, "left", NULL, &u->stop);
    }
    return err;
}

static viamc_err report(const char *what, const struct upload *u, viamc_err err)
{
    if (err == VIAMC_OK && !u->in_time)
        err = VIAMC_ERR_TIMEOUT;
    if (err == VIAMC_OK)
        printf("%s ok %lu octets, Stop answered after %lu ms, longest turn %lu ms\n", what, (unsigned long)u->sent, (unsigned long)u->stop_took, (unsigned long)u->slowest);
    return err;
}

static viamc_err upload(const char *name)
{
    viam_component_audioout_v1_PlayStreamRequest first = VIAMC_ZERO;
    struct upload u = VIAMC_ZERO;
    viamc_err err;
    first.which_payload = viam_component_audioout_v1_PlayStreamRequest_init_tag;
    first.payload.init.name = viamc_text(name);
    if ((err = viamc_motor_set_power(robot, "left", 0.5, NULL, &u.drive)) != VIAMC_OK
        || (err = viamc_audioout_play_stream_req(robot, &first, NULL, &u.call)) != VIAMC_OK)
        return err;
    while (err == VIAMC_OK && !u.done) {
        err = turn(&u);
        if (err == VIAMC_OK && !u.done)
            err = send_some(&u);
    }
    return report("upload", &u, err);
}

/* The message is encoded beforehand, into memory of the program's, and sent from there. */
static viamc_err keep(const char *name)
{
    static uint8_t octets[UPLOAD], room[UPLOAD + 64u];
    viam_component_audioout_v1_PlayRequest req = VIAMC_ZERO;
    struct upload u = VIAMC_ZERO;
    viamc_opts opts = VIAMC_ZERO;
    viamc_bytes msg;
    viamc_err err;
    fill(octets, 0, UPLOAD);
    req.name = viamc_text(name);
    req.audio_data = viamc_view(octets, UPLOAD);
    if ((err = viamc_message_write(&viam_component_audioout_v1_PlayRequest_msg, &req, room, sizeof room, &msg)) != VIAMC_OK)
        return err;
    opts.keep = true;
    opts.timeout_ms = 60000;
    if ((err = viamc_motor_set_power(robot, "left", 0.5, NULL, &u.drive)) != VIAMC_OK || (err = viamc_posix_finish(&posix, u.drive, 5000, NULL)) != VIAMC_OK
        || (err = viamc_call_method(robot, &viamc_method_audioout_play, msg, &opts, &u.call)) != VIAMC_OK)
        return err;
    u.sent = UPLOAD; /* nothing is left to be given: Stop goes at once, and overtakes it */
    while (err == VIAMC_OK && !u.done)
        err = turn(&u);
    return report("keep", &u, err);
}

static viamc_err run(const char *what, const char *name)
{
    FILE *file = NULL;
    viamc_opts opts = VIAMC_ZERO;
    viamc_err err;
    opts.sink = to_file;
    opts.sink_user = &file;
    opts.timeout_ms = 60000;
    err = strcmp(what, "cloud") == 0    ? cloud(name, &opts)
          : strcmp(what, "images") == 0 ? images(name, &opts)
          : strcmp(what, "keep") == 0   ? keep(name)
                                        : upload(name);
    if (file != NULL && fclose(file) != 0)
        err = VIAMC_ERR_IO;
    return err;
}

int main(int argc, char **argv)
{
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_err err;
    bool up; /* 4 KiB in all */
    int i = 2;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2)
        *(strcmp(argv[i], "--key") == 0 ? &dial.api_key : &dial.api_key_id) = argv[i + 1];
    if (i + 2 != argc)
        return fprintf(stderr, "usage: large_client ADDRESS [--key KEY --key-id ID] cloud|images|upload|keep NAME\n"), 2;
    dial.address = argv[1];
    dial.insecure = true;
    desc.no_tls = true;
    desc.profile = VIAMC_BOARD;
    up = strcmp(argv[i], "upload") == 0 || strcmp(argv[i], "keep") == 0;
    desc.max_calls = up ? 2 : 1;
    desc.slot_bytes = up ? 64 : 2048;
    desc.token_bytes = up ? VIAMC_OFF : 0;
    if ((err = viamc_posix_open(&posix, memory, up ? 4096 : sizeof memory, &desc, &dial, &robot)) != VIAMC_OK
        || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK || (err = run(argv[i], argv[i + 1])) != VIAMC_OK) {
        printf("%s FAILED %s\n", argv[i], viamc_err_name(err));
        return viamc_posix_explain(&posix, "large_client", err);
    }
    viamc_client_close(robot);
    viamc_posix_close(&posix);
    return 0;
}
