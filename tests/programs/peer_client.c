/* SPDX-License-Identifier: MIT */
/* Calls of all kinds to servers of other makes: peer_client ADDRESS [--insecure] [--key KEY --key-id ID] [--ca PEM] CASE...
 * One line a case: "CASE ok DETAIL" or "CASE FAILED REASON". Driven by tests/peers. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE 400000u
#define ECHO "/proto.rpc.examples.echo.v1.EchoService/"
#define INTEROP "/grpc.testing.TestService/"

static uint8_t memory[VIAMC_CLIENT_MEM(4, LARGE) + 300000];
static uint8_t request[LARGE];
static viamc_posix posix;
static viamc_client *robot;
static char detail[200];

static bool fail(const char *what, viamc_err err)
{
    if (detail[0] == '\0')
        snprintf(detail, sizeof detail, "%s: %s %s", what, viamc_err_name(err), posix.text);
    return false;
}

/* ---- messages of these services, by hand ---- */

typedef struct out {
    uint8_t *buf;
    size_t len;
} out;

static void put_varint(out *o, uint32_t v)
{
    for (; v >= 128u; v >>= 7)
        o->buf[o->len++] = (uint8_t)(v | 128u);
    o->buf[o->len++] = (uint8_t)v;
}

static void put_bytes(out *o, uint32_t number, const void *p, size_t n)
{
    put_varint(o, number << 3 | 2u);
    put_varint(o, (uint32_t)n);
    if (p != NULL)
        memmove(o->buf + o->len, p, n);
    else
        memset(o->buf + o->len, 0, n);
    o->len += n;
}

static void put_uint(out *o, uint32_t number, uint32_t v)
{
    put_varint(o, number << 3);
    put_varint(o, v);
}

/* Payload {2: body of n zeros} as field `number`. */
static void put_payload(out *o, uint32_t number, uint32_t n)
{
    static uint8_t payload[LARGE];
    out inner = {payload, 0};
    put_bytes(&inner, 2, NULL, n);
    put_bytes(o, number, payload, inner.len);
}

/* The last field `number` of a message: octets of a length-delimited one, or the number. */
static bool get(viamc_bytes msg, uint32_t number, viamc_bytes *bytes, uint64_t *value)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    bool found = false;
    while (vmc_wire_next(&r, &f))
        if (f.number == number) {
            *bytes = f.bytes;
            *value = f.value;
            found = true;
        }
    return found;
}

static size_t payload_size(viamc_bytes msg)
{
    viamc_bytes payload, body;
    uint64_t unused;
    if (!get(msg, 1, &payload, &unused) || !get(payload, 2, &body, &unused))
        return 0;
    return body.len;
}

/* ---- waiting ---- */

/* Polls until the call has an event; others are dropped. */
static viamc_err next_event(viamc_call call, viamc_event *ev)
{
    viamc_ms until = viamc_posix_now() + 10000u;
    viamc_err err = VIAMC_OK;
    while (err == VIAMC_OK && viamc_posix_now() - until > 0x7fffffffu) {
        while (viamc_next_event(robot, ev))
            if (ev->call == call)
                return VIAMC_OK;
        err = viamc_posix_turn(&posix, 1000);
    }
    return err == VIAMC_OK ? (viamc_err)VIAMC_ERR_TIMEOUT : err;
}

static bool unary(const char *path, viamc_bytes msg, viamc_event *ev)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    viamc_err err;
    opts.keep = msg.len > 8000;
    opts.reads_only = true;
    opts.timeout_ms = 10000;
    if ((err = viamc_call_bytes(robot, path, msg, &opts, &call)) != VIAMC_OK || (err = viamc_posix_finish(&posix, call, 10000, ev)) != VIAMC_OK)
        return fail(path, err);
    return true;
}

static viamc_call stream(const char *path, uint8_t kind, viamc_bytes msg)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    viamc_err err;
    opts.stream = kind;
    if ((err = viamc_call_bytes(robot, path, msg, &opts, &call)) != VIAMC_OK)
        (void)fail(path, err);
    return call;
}

/* Sends when there is room. */
static bool send_message(viamc_call call, viamc_bytes msg)
{
    viamc_err err;
    while ((err = viamc_call_send_bytes(robot, call, msg)) == VIAMC_ERR_BUSY) {
        viamc_event ev;
        if ((err = next_event(call, &ev)) != VIAMC_OK || ev.kind == VIAMC_EV_DONE)
            return fail("send", err);
    }
    return err == VIAMC_OK || fail("send", err);
}

/* The next MESSAGE; false at DONE (ev says how it ended) and on errors. */
static bool next_message(viamc_call call, viamc_event *ev)
{
    for (;;) {
        viamc_err err = next_event(call, ev);
        if (err != VIAMC_OK)
            return fail("stream", err);
        if (ev->kind == VIAMC_EV_MESSAGE)
            return true;
        if (ev->kind == VIAMC_EV_DONE)
            return false;
    }
}

static bool ended_ok(const viamc_event *ev)
{
    if (ev->kind == VIAMC_EV_DONE && ev->status == VIAMC_OK)
        return true;
    snprintf(detail, sizeof detail, "%s: %.*s", viamc_status_name(ev->status), VIAMC_ARG(ev->text));
    return false;
}

static bool expect(bool ok, const char *what, unsigned long got)
{
    if (!ok && detail[0] == '\0')
        snprintf(detail, sizeof detail, "%s: %lu", what, got);
    return ok;
}

/* ---- the Python SDK's server: typed calls ---- */

/* The call is behind a pointer: it is filled in while the arguments are evaluated. */
static bool finish(viamc_err err, const viamc_call *call, viamc_event *ev, const char *what)
{
    if (err != VIAMC_OK || (err = viamc_posix_finish(&posix, *call, 5000, ev)) != VIAMC_OK)
        return fail(what, err);
    return true;
}

static bool case_motor(void)
{
    viam_component_motor_v1_IsPoweredResponse powered = VIAMC_ZERO;
    viamc_event ev;
    viamc_call call = 0;
    if (!finish(viamc_motor_set_power(robot, "m1", 0.5, NULL, &call), &call, &ev, "SetPower")
        || !finish(viamc_motor_is_powered(robot, "m1", NULL, &call), &call, &ev, "IsPowered"))
        return false;
    if (viamc_motor_is_powered_reply(&ev, &powered) != VIAMC_OK || !powered.is_on || powered.power_pct != 0.5)
        return expect(false, "IsPowered says", powered.is_on);
    if (!finish(viamc_motor_stop(robot, "m1", NULL, &call), &call, &ev, "Stop"))
        return false;
    return expect(!ev.unconfirmed, "Stop is unconfirmed", 0);
}

static bool case_base(void)
{
    viam_component_base_v1_IsMovingResponse moving = VIAMC_ZERO;
    viamc_event ev;
    viamc_call call = 0;
    if (!finish(viamc_base_set_power(robot, "b1", viamc_vec3(0, 0.5, 0), viamc_vec3(0, 0, 0.1), NULL, &call), &call, &ev, "SetPower")
        || !finish(viamc_base_is_moving(robot, "b1", NULL, &call), &call, &ev, "IsMoving"))
        return false;
    if (viamc_base_is_moving_reply(&ev, &moving) != VIAMC_OK || !moving.is_moving)
        return expect(false, "IsMoving says", moving.is_moving);
    return finish(viamc_base_stop(robot, "b1", NULL, &call), &call, &ev, "Stop");
}

static bool case_sensor(void)
{
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    viamc_event ev;
    viamc_call call = 0;
    unsigned long n = 0;
    if (!finish(viamc_sensor_get_readings(robot, "s1", NULL, &call), &call, &ev, "GetReadings"))
        return false;
    if (viamc_readings(&ev, &fields) != VIAMC_OK)
        return expect(false, "readings cannot be read", 0);
    while (viamc_struct_next(&fields, &key, &value))
        n++;
    snprintf(detail, sizeof detail, "%lu readings", n);
    return n != 0;
}

/* ---- the Go echo service ---- */

static viamc_bytes text_message(const char *text)
{
    out o = {request, 0};
    put_bytes(&o, 1, text, strlen(text));
    return viamc_view(request, o.len);
}

static bool is_text(viamc_bytes msg, const char *text)
{
    viamc_bytes got;
    uint64_t unused;
    return get(msg, 1, &got, &unused) && got.len == strlen(text) && memcmp(got.ptr, text, got.len) == 0;
}

static bool case_echo_unary(void)
{
    viamc_event ev;
    return unary(ECHO "Echo", text_message("hello"), &ev) && expect(is_text(ev.msg, "hello"), "other text", ev.msg.len);
}

static bool case_echo_server_stream(void)
{
    viamc_event ev;
    viamc_call call = stream(ECHO "EchoMultiple", VIAMC_M_SERVER_STREAM, text_message("abcde"));
    char want[2] = "a";
    while (next_message(call, &ev)) {
        if (!expect(is_text(ev.msg, want), "other text at", (unsigned long)want[0]))
            return false;
        want[0]++;
    }
    return ended_ok(&ev) && expect(want[0] == 'f', "messages", (unsigned long)(want[0] - 'a'));
}

static bool case_echo_bidi(void)
{
    viamc_event ev;
    viamc_call call = stream(ECHO "EchoBiDi", VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, viamc_view(NULL, 0));
    char text[2] = "p";
    for (; text[0] < 't'; text[0]++)
        if (!send_message(call, text_message(text)) || !next_message(call, &ev) || !expect(is_text(ev.msg, text), "other text at", (unsigned long)text[0]))
            return false;
    (void)viamc_call_send_end(robot, call);
    while (next_message(call, &ev))
        ;
    return ended_ok(&ev);
}

/* ---- gRPC interop ---- */

static bool case_interop_empty_unary(void)
{
    viamc_event ev;
    return unary(INTEROP "EmptyCall", viamc_view(NULL, 0), &ev) && expect(ev.msg.len == 0, "octets", ev.msg.len);
}

static bool case_interop_large_unary(void)
{
    out o = {request, 0};
    viamc_event ev;
    put_uint(&o, 2, 314159);
    put_payload(&o, 3, 271828);
    if (!unary(INTEROP "UnaryCall", viamc_view(request, o.len), &ev))
        return false;
    snprintf(detail, sizeof detail, "%lu octets back", (unsigned long)payload_size(ev.msg));
    return payload_size(ev.msg) == 314159;
}

static bool case_interop_client_streaming(void)
{
    static const uint32_t sizes[] = {27182, 8, 1828, 45904};
    viamc_call call = stream(INTEROP "StreamingInputCall", VIAMC_M_CLIENT_STREAM, viamc_view(NULL, 0));
    viamc_event ev;
    viamc_bytes unused;
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < 4; i++) {
        out o = {request, 0};
        put_payload(&o, 1, sizes[i]);
        if (!send_message(call, viamc_view(request, o.len)))
            return false;
    }
    (void)viamc_call_send_end(robot, call);
    do
        if (next_event(call, &ev) != VIAMC_OK)
            return fail("stream", VIAMC_ERR_TIMEOUT);
    while (ev.kind != VIAMC_EV_DONE);
    (void)get(ev.msg, 1, &unused, &sum);
    return ended_ok(&ev) && expect(sum == 74922, "sum", (unsigned long)sum);
}

static const uint32_t reply_sizes[] = {31415, 9, 2653, 58979};

static void put_parameters(out *o, uint32_t size)
{
    uint8_t buf[8];
    out inner = {buf, 0};
    put_uint(&inner, 1, size);
    put_bytes(o, 2, buf, inner.len);
}

static bool case_interop_server_streaming(void)
{
    out o = {request, 0};
    viamc_event ev;
    viamc_call call;
    size_t i, n = 0;
    for (i = 0; i < 4; i++)
        put_parameters(&o, reply_sizes[i]);
    call = stream(INTEROP "StreamingOutputCall", VIAMC_M_SERVER_STREAM, viamc_view(request, o.len));
    while (next_message(call, &ev))
        if (n >= 4 || !expect(payload_size(ev.msg) == reply_sizes[n++], "size", (unsigned long)payload_size(ev.msg)))
            return false;
    return ended_ok(&ev) && expect(n == 4, "messages", (unsigned long)n);
}

static bool case_interop_ping_pong(void)
{
    static const uint32_t sizes[] = {27182, 8, 1828, 45904};
    viamc_call call = stream(INTEROP "FullDuplexCall", VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, viamc_view(NULL, 0));
    viamc_event ev;
    size_t i;
    for (i = 0; i < 4; i++) {
        out o = {request, 0};
        put_parameters(&o, reply_sizes[i]);
        put_payload(&o, 3, sizes[i]);
        if (!send_message(call, viamc_view(request, o.len)) || !next_message(call, &ev)
            || !expect(payload_size(ev.msg) == reply_sizes[i], "size", (unsigned long)payload_size(ev.msg)))
            return false;
    }
    (void)viamc_call_send_end(robot, call);
    while (next_message(call, &ev))
        ;
    return ended_ok(&ev);
}

static bool case_interop_status(void)
{
    static const char text[] = "test status message \t\r\n and Unicode \xE2\x98\xBA";
    uint8_t buf[128];
    out o = {request, 0}, inner = {buf, 0};
    viamc_opts opts = VIAMC_ZERO;
    viamc_event ev;
    viamc_call call;
    viamc_err err;
    put_uint(&inner, 1, 2);
    put_bytes(&inner, 2, text, sizeof text - 1u);
    put_bytes(&o, 7, buf, inner.len);
    if ((err = viamc_call_bytes(robot, INTEROP "UnaryCall", viamc_view(request, o.len), &opts, &call)) != VIAMC_OK)
        return fail("UnaryCall", err);
    if ((err = viamc_posix_finish(&posix, call, 5000, &ev)) != VIAMC_ERR_RPC)
        return fail("UnaryCall", err);
    return expect(ev.status == VIAMC_UNKNOWN, "status", ev.status) && expect(viamc_str_eq(ev.text, viamc_text(text)), "text of octets", ev.text.len);
}

static bool case_interop_cancel(void)
{
    viamc_call call = stream(INTEROP "FullDuplexCall", VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM, viamc_view(NULL, 0));
    viamc_event ev;
    out o = {request, 0};
    put_parameters(&o, 31415);
    put_payload(&o, 3, 27182);
    if (!send_message(call, viamc_view(request, o.len)) || !next_message(call, &ev))
        return false;
    (void)viamc_call_cancel(robot, call);
    while (next_message(call, &ev))
        ;
    return expect(ev.status == VIAMC_CANCELLED, "status", ev.status) && case_interop_empty_unary(); /* the connection lives */
}

/* ---- the program ---- */

static const struct {
    const char *name;
    bool (*run)(void);
} cases[] = {
    {"motor", case_motor},
    {"base", case_base},
    {"sensor", case_sensor},
    {"echo_unary", case_echo_unary},
    {"echo_server_stream", case_echo_server_stream},
    {"echo_bidi", case_echo_bidi},
    {"interop_empty_unary", case_interop_empty_unary},
    {"interop_large_unary", case_interop_large_unary},
    {"interop_client_streaming", case_interop_client_streaming},
    {"interop_server_streaming", case_interop_server_streaming},
    {"interop_ping_pong", case_interop_ping_pong},
    {"interop_status", case_interop_status},
    {"interop_cancel", case_interop_cancel},
};

static bool run(const char *name)
{
    size_t i;
    bool ok = false;
    detail[0] = '\0';
    posix.text[0] = '\0';
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(cases[i].name, name) == 0) {
            ok = cases[i].run();
            printf("%s %s %s\n", name, ok ? "ok" : "FAILED", detail);
            return ok;
        }
    printf("%s FAILED no such case\n", name);
    return false;
}

int main(int argc, char **argv)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;
    int i, failed = 0;
    if (argc < 2)
        return fprintf(stderr, "usage: peer_client ADDRESS [--insecure] [--key KEY --key-id ID] [--ca PEM] CASE...\n"), 2;
    dial.address = argv[1];
    for (i = 2; i < argc && argv[i][0] == '-'; i++)
        if (strcmp(argv[i], "--insecure") == 0)
            dial.insecure = true;
        else if (strcmp(argv[i], "--key") == 0 && i + 1 < argc)
            dial.api_key = argv[++i];
        else if (strcmp(argv[i], "--key-id") == 0 && i + 1 < argc)
            dial.api_key_id = argv[++i];
        else if (strcmp(argv[i], "--ca") == 0 && i + 1 < argc)
            (void)setenv("SSL_CERT_FILE", argv[++i], 1);
    desc.rx_bytes = LARGE;
    desc.tx_bytes = 300000;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &robot)) != VIAMC_OK || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "peer_client", err);
    for (; i < argc; i++)
        failed |= !run(argv[i]);
    viamc_client_close(robot);
    viamc_posix_close(&posix);
    return failed;
}
