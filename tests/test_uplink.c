/* SPDX-License-Identifier: MIT */
/* A saturated uplink: 20 MB go up a link of 1 Mbit/s, with a queue before it, while a motor runs. Heartbeats arrive in their window, and
 * a Stop within what the queue holds. On the virtual clock: 168 seconds in a moment. */
#define VIAMC_NO_TLS
#define VMC_LOOP_PIPE_BYTES 131072u
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#define RATE 125u /* octets in a millisecond: 1 Mbit/s */
#define UPLOAD 20000000u
#define WINDOW 2000u
#define STREAM_WINDOW 1048576u
#define SESSION "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x02\x08\x02"
#define R1 "\x88\x0f\x10\x10" "application/grpc"
#define R2 "\x00\x0b" "grpc-status\x01" "0"

/* ---- a robot at the end of the link: it takes in RATE octets a millisecond ---- */

static struct {
    vmc_loop loop;
    viamc_client *client;
    uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];
    uint8_t got[RATE + 32768u]; /* frames that are not whole yet */
    size_t len;
    vmc_hpack_dec decoder;
    uint8_t table[4096];
    bool open, greeted;
    uint32_t upload;         /* its stream */
    uint64_t uploaded;       /* octets of DATA on it */
    viamc_ms beat, gap, done_at, stop_at; /* last heartbeat and the longest time between two; when upload and Stop arrived whole */
    uint32_t path_stream;
    char path[128];          /* of the last request */
    unsigned lost, starved, done;
} w;

static void frame(uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t len)
{
    uint8_t buf[300];
    vmc_wr out = vmc_wr_of(buf, sizeof buf);
    size_t n = 0;
    vmc_wr_be16(&out, (uint32_t)len >> 8);
    vmc_wr_u8(&out, len & 0xffu);
    vmc_wr_u8(&out, type);
    vmc_wr_u8(&out, flags);
    vmc_wr_be32(&out, id);
    vmc_wr_bytes(&out, payload, len);
    (void)vmc_loop_server_port()->write(vmc_loop_server(&w.loop), 0, buf, out.len, &n);
    CHECK_EQ_INT(n, out.len);
}

static void reply(uint32_t id, const void *msg, size_t len)
{
    uint8_t body[100] = {0};
    body[4] = (uint8_t)len;
    memcpy(body + 5, msg, len);
    frame(1, 4, id, R1, sizeof R1 - 1);
    frame(0, 0, id, body, len + 5);
    frame(1, 5, id, R2, sizeof R2 - 1);
}

static void credit(uint32_t id, uint32_t octets)
{
    uint8_t n[4];
    vmc_put_be32(n, octets);
    frame(8, 0, id, n, 4);
}

static void take_path(const uint8_t *p, size_t n)
{
    vmc_rd in = vmc_rd_of(viamc_view(p, n));
    vmc_hpack_piece piece;
    size_t at = 0;
    vmc_hpack_dec_begin(&w.decoder);
    while (vmc_hpack_next(&w.decoder, &in, &piece) == VMC_HPACK_PIECE) {
        if (!vmc_bytes_are(piece.name, ":path"))
            continue;
        if ((piece.flags & VMC_HPACK_FIRST) != 0)
            at = 0;
        at += (size_t)snprintf(w.path + at, sizeof w.path - at, "%.*s", (int)piece.value.len, (const char *)piece.value.ptr);
    }
}

static bool is_path(const char *end)
{
    size_t n = strlen(w.path), m = strlen(end);
    return n >= m && strcmp(w.path + n - m, end) == 0;
}

static void note_beat(void)
{
    if (w.beat != 0 && w.loop.now - w.beat > w.gap)
        w.gap = w.loop.now - w.beat;
    w.beat = w.loop.now;
}

/* A request is whole. */
static void answer(uint32_t id)
{
    if (id == w.upload) {
        w.done_at = w.loop.now;
        reply(id, "", 0);
        return;
    }
    if (is_path("SendSessionHeartbeat"))
        note_beat();
    if (is_path("/Stop"))
        w.stop_at = w.loop.now;
    if (is_path("StartSession"))
        reply(id, SESSION, sizeof SESSION - 1);
    else
        reply(id, "", 0);
}

static void take_frame(uint8_t type, uint8_t flags, uint32_t id, const uint8_t *p, size_t n)
{
    if (type == 1) {
        take_path(p, n);
        if (is_path("/DoCommand"))
            w.upload = id;
    }
    if (type == 0 && n != 0) {
        credit(0, (uint32_t)n);
        if (id == w.upload) {
            w.uploaded += n;
            credit(id, (uint32_t)n);
        }
    }
    if ((type == 0 || type == 1) && (flags & 1) != 0)
        answer(id);
}

static void robot(void)
{
    viamc_addr from;
    size_t n = 0, at = 0;
    if (!w.open) {
        w.open = vmc_loop_server_port()->accept(vmc_loop_server(&w.loop), 0, &from) == VIAMC_OK;
        return;
    }
    (void)vmc_loop_server_port()->read(vmc_loop_server(&w.loop), 0, w.got + w.len, RATE, &n);
    w.len += n;
    if (!w.greeted && w.len >= 24) {
        uint8_t settings[6] = {0, 4};
        vmc_put_be32(settings + 2, STREAM_WINDOW);
        at = 24;
        w.greeted = true;
        frame(4, 0, 0, settings, 6);
        credit(0, STREAM_WINDOW - 65535u);
    }
    while (w.greeted && w.len - at >= 9 && w.len - at - 9 >= vmc_be24(w.got + at)) {
        take_frame(w.got[at + 3], w.got[at + 4], vmc_be32(w.got + at + 5), w.got + at + 9, vmc_be24(w.got + at));
        at += 9 + vmc_be24(w.got + at);
    }
    vmc_move(w.got, w.got + at, w.len - at);
    w.len -= at;
}

/* ---- the program ---- */

static void open_link(uint32_t queue)
{
    viamc_client_desc d = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    memset(&w, 0, sizeof w);
    vmc_loop_init(&w.loop, test_now.seed);
    w.loop.line[VMC_LOOP_TO_SERVER].capacity = queue;
    vmc_hpack_dec_init(&w.decoder, w.table, sizeof w.table);
    d.port = vmc_loop_port();
    d.port_user = vmc_loop_client(&w.loop, 0);
    d.no_tls = true;
    dial.address = "robot:8080";
    dial.insecure = true;
    CHECK_EQ_INT(viamc_client_init(w.memory, sizeof w.memory, &d, &w.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(w.client, &dial), VIAMC_OK);
}

/* A millisecond passes. */
static void pass(unsigned ms)
{
    viamc_event ev;
    for (; ms != 0; ms--) {
        w.loop.now++;
        (void)viamc_poll(w.client, w.loop.now);
        while (viamc_next_event(w.client, &ev)) {
            w.lost += ev.kind == VIAMC_EV_SESSION_LOST || ev.kind == VIAMC_EV_LOST;
            w.starved += ev.kind == VIAMC_EV_STARVED;
            w.done += ev.kind == VIAMC_EV_DONE && ev.status == VIAMC_OK;
        }
        robot();
    }
}

static viamc_err start(const char *path, viamc_bytes msg, bool reads_only)
{
    viamc_opts opts = VIAMC_ZERO;
    opts.keep = true;
    opts.timeout_ms = VIAMC_FOREVER;
    opts.reads_only = reads_only;
    return viamc_call_bytes(w.client, path, msg, &opts, NULL);
}

TEST(heartbeats_beside_an_upload)
{
    static const uint32_t queues[] = {4096, 16384, 65536, 131072};
    uint8_t *msg = (uint8_t *)calloc(1, UPLOAD);
    size_t i;
    REQUIRE(msg != NULL);
    for (i = 0; i < TEST_COUNT(queues); i++) {
        viamc_ms began, asked;
        open_link(queues[i]);
        pass(100);
        CHECK_EQ_INT(viamc_state(w.client), VIAMC_READY);
        CHECK_EQ_INT(start("/viam.component.motor.v1.MotorService/SetPower", viamc_view("\x0a\x01m", 3), false), VIAMC_OK);
        pass(1000);
        CHECK_EQ_INT(w.done, 1);
        began = w.loop.now;
        CHECK_EQ_INT(start("/viam.component.sensor.v1.SensorService/DoCommand", viamc_view(msg, UPLOAD), true), VIAMC_OK);
        pass(30000);
        CHECK(w.uploaded > 30000u * RATE * 9u / 10u); /* the link is full */
        asked = w.loop.now;
        CHECK_EQ_INT(start("/viam.component.motor.v1.MotorService/Stop", viamc_view("\x0a\x01m", 3), false), VIAMC_OK);
        pass(2000);
        CHECK(w.stop_at != 0 && w.stop_at - asked <= (queues[i] + 32768u) / RATE);
        while (w.done_at == 0 && w.loop.now - began < 400000u)
            pass(1000);
        CHECK(w.done_at != 0 && w.uploaded == UPLOAD + 5u);
        CHECK(w.done_at - began < 10u * UPLOAD / RATE / 9u);
        CHECK_EQ_INT(w.lost + w.starved, 0);
        CHECK(w.gap < WINDOW * 4u / 5u);
        if (test_now.verbose)
            printf("  queue %lu: heartbeats at most %lu ms apart, Stop after %lu ms, upload in %lu s\n", (unsigned long)queues[i], (unsigned long)w.gap,
                   (unsigned long)(w.stop_at - asked), (unsigned long)((w.done_at - began) / 1000u));
        viamc_client_close(w.client);
    }
    free(msg);
}

int main(int argc, char **argv)
{
    test_begin("uplink", argc, argv);
    RUN(heartbeats_beside_an_upload);
    return test_end();
}
