/* SPDX-License-Identifier: MIT */
/* fuzz_client and fuzz_server: an input is a play of steps. It is performed twice, with octets that come at once and with octets that come a
 * few at a time, and the target compares what was understood. It defines struct play, begin(), step() and end(). */
#ifndef VIAMC_TESTS_FUZZ_PLAY_H
#define VIAMC_TESTS_FUZZ_PLAY_H

#include "fuzz.h"

enum { STEPS_MAX = 200, SETTLE_MAX = 20000 };

static const uint16_t step_ms[8] = {1, 10, 100, 401, 1000, 2001, 5000, 20000}; /* how time goes by */

/* ---- what the other end sends ---- */

typedef struct feed {
    uint8_t octet[8u * FUZZ_MAX];
    size_t len, read;
    bool on; /* somebody is there to send */
} feed;

/* For the port: at most cap octets, and at most `most` unless that is 0; how many. */
static size_t feed_read(feed *f, uint8_t *buf, size_t cap, size_t most)
{
    size_t n = vmc_min(cap, f->len - f->read);
    n = most != 0 ? vmc_min(n, most) : n;
    vmc_copy(buf, f->octet + f->read, n);
    f->read += n;
    return n;
}

/* Octets for which there is no room are not sent. */
static void feed_octets(feed *f, const void *octets, size_t n)
{
    if (f->on && n <= sizeof f->octet - f->len) {
        vmc_copy(f->octet + f->len, octets, n);
        f->len += n;
    }
}

static void feed_frame(feed *f, uint8_t type, uint8_t flags, uint32_t id, viamc_bytes payload)
{
    uint8_t head[9];
    vmc_put_be24(head, (uint32_t)payload.len);
    head[3] = type;
    head[4] = flags;
    vmc_put_be32(head + 5, id);
    feed_octets(f, head, sizeof head);
    feed_octets(f, payload.ptr, payload.len);
}

/* A frame whose flags, length and payload are the input's. Not in one call: compilers differ in which argument is read first. */
static void feed_any_frame(feed *f, uint8_t type, uint32_t id, viamc_bytes *in)
{
    uint8_t flags = fuzz_u8(in), n = fuzz_u8(in);
    feed_frame(f, type, flags, id, fuzz_take(in, n));
}

/* A gRPC message of up to 255 octets in a DATA frame. */
static void feed_message(feed *f, uint32_t id, viamc_bytes msg, uint8_t flags)
{
    uint8_t data[5u + 255u];
    data[0] = 0;
    vmc_put_be32(data + 1, (uint32_t)msg.len);
    vmc_copy(data + 5, msg.ptr, msg.len);
    feed_frame(f, 0, flags, id, viamc_view(data, 5u + msg.len));
}

/* ---- the play ---- */

typedef struct play play;

static void begin(play *p, uint8_t how, size_t read_max);
static void step(play *p, viamc_bytes *in);
static void end(play *p);

static void perform(play *p, viamc_bytes in, size_t read_max)
{
    unsigned steps = 0;
    begin(p, fuzz_u8(&in), read_max);
    while (in.len != 0 && steps++ < STEPS_MAX)
        step(p, &in);
    end(p);
}

static void perform_twice(play *whole, play *split, viamc_bytes in)
{
    size_t read_max = (size_t)fuzz_u8(&in) % 8u + 1u;
    perform(whole, in, 0);
    perform(split, in, read_max);
}

#endif
