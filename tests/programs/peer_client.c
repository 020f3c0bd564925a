/* SPDX-License-Identifier: MIT */
/* Calls of all kinds to servers of other makes: peer_client ADDRESS [--insecure] [--key KEY --key-id ID] [--ca PEM] CASE...
 * One line a case: "CASE ok DETAIL" or "CASE FAILED REASON". Driven by tests/peers. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "pb.h"

#define ECHO "/proto.rpc.examples.echo.v1.EchoService/"

static uint8_t memory[VIAMC_CLIENT_MEM(4, 0)];
static uint8_t request[100];
static viamc_posix posix;
static viamc_client *robot;
static char detail[200];

static bool fail(const char *what, viamc_err err)
{
    if (detail[0] == '\0')
        snprintf(detail, sizeof detail, "%s: %s %s", what, viamc_err_name(err), posix.text);
    return false;
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
    pb_out o;
    o.buf = request;
    o.cap = sizeof request;
    o.len = 0;
    pb_put_str(&o, 1, viamc_text(text));
    return viamc_view(request, o.len);
}

static bool is_text(viamc_bytes msg, const char *text)
{
    return viamc_str_eq(pb_str(pb_get(msg, 1)), viamc_text(text));
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
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "peer_client", err);
    for (; i < argc; i++)
        failed |= !run(argv[i]);
    viamc_client_close(robot);
    viamc_posix_close(&posix);
    return failed;
}
