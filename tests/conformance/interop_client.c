/* SPDX-License-Identifier: MIT */
/* A client for the interop cases of gRPC, with the customary flags:
 *     interop_client --server_host=H --server_port=P --test_case=CASE [--use_tls --use_test_ca --ca_file=PEM] [--server_host_override=NAME]
 *                    [--soak_iterations=N]
 * Exit code 0: the case passed. The public functions of viamc.h only. Run by test_interop.py. */
#define VIAMC_IMPLEMENTATION
#include "pb.h"

#include <stdarg.h>

#define SERVICE "/grpc.testing.TestService/"
#define BOTH_WAYS (VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM)
#define INITIAL "x-grpc-test-echo-initial"
#define TRAILING "x-grpc-test-echo-trailing-bin"

enum { LARGE = 400000, WAIT_MS = 10000, SOAK_MS = 1000, ITERATIONS = 10 };

static const uint32_t asked[] = {27182, 8, 1828, 45904}, answered[] = {31415, 9, 2653, 58979};

static uint8_t memory[VIAMC_CLIENT_MEM(4, LARGE) + LARGE];
static uint8_t message[LARGE], metadata[1000];
static viamc_posix posix;
static viamc_client *client;
static viamc_dial_desc target;
static unsigned long iterations = ITERATIONS;

static bool fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return false;
}

/* ---- messages ---- */

static pb_out new_message(void)
{
    pb_out o;
    o.buf = message;
    o.cap = sizeof message;
    o.len = 0;
    return o;
}

static viamc_bytes whole(const pb_out *o)
{
    return viamc_view(o->buf, o->len);
}

/* Payload {body: so many zeros} */
static void put_payload(pb_out *o, uint32_t number, uint32_t size)
{
    size_t at = pb_begin(o, number);
    pb_put_varint(o, 2u << 3 | 2u);
    pb_put_varint(o, size);
    memset(pb_claim(o, size), 0, size);
    pb_end(o, at);
}

/* ResponseParameters {size} */
static void put_parameters(pb_out *o, uint32_t size)
{
    size_t at = pb_begin(o, 2);
    pb_put_uint(o, 1, size);
    pb_end(o, at);
}

/* EchoStatus {code, message} */
static void put_status(pb_out *o, const char *text)
{
    size_t at = pb_begin(o, 7);
    pb_put_uint(o, 1, VIAMC_UNKNOWN);
    pb_put_str(o, 2, viamc_text(text));
    pb_end(o, at);
}

/* SimpleRequest */
static viamc_bytes simple_request(uint32_t size, uint32_t reply)
{
    pb_out o = new_message();
    pb_put_uint(&o, 2, reply);
    put_payload(&o, 3, size);
    return whole(&o);
}

/* StreamingOutputCallRequest for one reply; 0: for none */
static viamc_bytes stream_request(uint32_t size, uint32_t reply)
{
    pb_out o = new_message();
    if (reply != 0)
        put_parameters(&o, reply);
    put_payload(&o, 3, size);
    return whole(&o);
}

/* Whether a reply has a payload of so many zeros. */
static bool has_payload(viamc_bytes msg, size_t size)
{
    viamc_bytes body = pb_get(pb_get(msg, 1).bytes, 2).bytes;
    size_t i;
    for (i = 0; i < body.len; i++)
        if (body.ptr[i] != 0)
            return fail("octet %lu of the payload is not 0", (unsigned long)i);
    return body.len == size || fail("a payload of %lu octets instead of %lu", (unsigned long)body.len, (unsigned long)size);
}

/* ---- calls ---- */

/* Polls until the call has an event. */
static bool next_event(viamc_call call, viamc_event *ev)
{
    viamc_ms until = viamc_posix_now() + WAIT_MS;
    while (viamc_posix_now() - until > 0x7fffffffu) {
        while (viamc_next_event(client, ev))
            if (ev->call == call)
                return true;
        if (viamc_posix_turn(&posix, 1000) != VIAMC_OK)
            return fail("the client has failed");
    }
    return fail("nothing happens");
}

static bool has_status(const viamc_event *ev, uint32_t status, const char *text)
{
    if (ev->kind != VIAMC_EV_DONE || ev->status != status)
        return fail("kind %u, status %s, text %.*s; wanted: %s", ev->kind, viamc_status_name(ev->status), VIAMC_ARG(ev->text), viamc_status_name(status));
    return text == NULL || viamc_str_eq(ev->text, viamc_text(text)) || fail("text \"%.*s\"", VIAMC_ARG(ev->text));
}

/* Until the end of the call, which must have this status; other events are dropped. */
static bool ends(viamc_call call, uint32_t status, const char *text)
{
    viamc_event ev;
    do
        if (!next_event(call, &ev))
            return false;
    while (ev.kind != VIAMC_EV_DONE);
    return has_status(&ev, status, text);
}

/* The next message, of so many octets of payload. */
static bool answers(viamc_call call, size_t size)
{
    viamc_event ev;
    do
        if (!next_event(call, &ev))
            return false;
    while (ev.kind == VIAMC_EV_WRITABLE);
    if (ev.kind != VIAMC_EV_MESSAGE)
        return fail("no message, but %s: %.*s", viamc_status_name(ev.status), VIAMC_ARG(ev.text));
    return has_payload(ev.msg, size);
}

/* No message comes any more, and the status is OK. */
static bool ends_well(viamc_call call)
{
    viamc_event ev;
    do
        if (!next_event(call, &ev))
            return false;
    while (ev.kind == VIAMC_EV_WRITABLE);
    return has_status(&ev, VIAMC_OK, NULL);
}

static bool start(const char *path, uint8_t stream, viamc_bytes msg, viamc_opts *opts, viamc_call *call)
{
    viamc_err err;
    opts->stream = stream;
    opts->keep = msg.len != 0;
    if (opts->timeout_ms == 0)
        opts->timeout_ms = WAIT_MS;
    err = viamc_call_bytes(client, path, msg, opts, call);
    return err == VIAMC_OK || fail("%s: %s", path, viamc_err_name(err));
}

static bool start_plainly(const char *path, uint8_t stream, viamc_bytes msg, viamc_call *call)
{
    viamc_opts opts = VIAMC_ZERO;
    return start(path, stream, msg, &opts, call);
}

/* A unary call; ev: its DONE. */
static bool unary(const char *path, viamc_bytes msg, viamc_event *ev)
{
    viamc_call call;
    return start_plainly(path, 0, msg, &call) && next_event(call, ev);
}

/* Sends when there is room. */
static bool send_message(viamc_call call, viamc_bytes msg)
{
    viamc_err err;
    viamc_event ev;
    while ((err = viamc_call_send_bytes(client, call, msg)) == VIAMC_ERR_BUSY)
        if (!next_event(call, &ev) || ev.kind != VIAMC_EV_WRITABLE)
            return fail("an event of kind %u while sending", ev.kind);
    return err == VIAMC_OK || fail("send: %s", viamc_err_name(err));
}

static bool end_sending(viamc_call call)
{
    viamc_err err = viamc_call_send_end(client, call);
    return err == VIAMC_OK || fail("end: %s", viamc_err_name(err));
}

/* ---- the cases ---- */

static bool empty_unary(void)
{
    viamc_event ev;
    return unary(SERVICE "EmptyCall", viamc_view(NULL, 0), &ev) && has_status(&ev, VIAMC_OK, NULL)
        && (ev.msg.len == 0 || fail("the reply is not empty"));
}

static bool large_unary(void)
{
    viamc_event ev;
    return unary(SERVICE "UnaryCall", simple_request(271828, 314159), &ev) && has_status(&ev, VIAMC_OK, NULL) && has_payload(ev.msg, 314159);
}

static bool client_streaming(void)
{
    viamc_call call;
    viamc_event ev;
    size_t i;
    if (!start_plainly(SERVICE "StreamingInputCall", VIAMC_M_CLIENT_STREAM, viamc_view(NULL, 0), &call))
        return false;
    for (i = 0; i < 4; i++) {
        pb_out o = new_message();
        put_payload(&o, 1, asked[i]);
        if (!send_message(call, whole(&o)))
            return false;
    }
    if (!end_sending(call))
        return false;
    do
        if (!next_event(call, &ev))
            return false;
    while (ev.kind == VIAMC_EV_WRITABLE);
    return has_status(&ev, VIAMC_OK, NULL) && (pb_get(ev.msg, 1).value == 74922u || fail("another sum"));
}

static bool server_streaming(void)
{
    pb_out o = new_message();
    viamc_call call;
    size_t i;
    for (i = 0; i < 4; i++)
        put_parameters(&o, answered[i]);
    if (!start_plainly(SERVICE "StreamingOutputCall", VIAMC_M_SERVER_STREAM, whole(&o), &call))
        return false;
    for (i = 0; i < 4; i++)
        if (!answers(call, answered[i]))
            return false;
    return ends_well(call);
}

static bool ping_pong(void)
{
    viamc_call call;
    size_t i;
    if (!start_plainly(SERVICE "FullDuplexCall", BOTH_WAYS, viamc_view(NULL, 0), &call))
        return false;
    for (i = 0; i < 4; i++)
        if (!send_message(call, stream_request(asked[i], answered[i])) || !answers(call, answered[i]))
            return false;
    return end_sending(call) && ends_well(call);
}

static bool empty_stream(void)
{
    viamc_call call;
    return start_plainly(SERVICE "FullDuplexCall", BOTH_WAYS, viamc_view(NULL, 0), &call) && end_sending(call) && ends_well(call);
}

/* The time limit runs on a connection that is known to work before and behind it. */
static bool timeout_on_sleeping_server(void)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    viamc_stats stats;
    opts.timeout_ms = 1;
    if (!empty_unary() || !start(SERVICE "FullDuplexCall", BOTH_WAYS, viamc_view(NULL, 0), &opts, &call) || !send_message(call, stream_request(27182, 0))
        || !ends(call, VIAMC_DEADLINE_EXCEEDED, NULL) || !empty_unary())
        return false;
    viamc_client_stats(client, viamc_posix_now(), &stats);
    return stats.connects == 1u || fail("%lu connections", (unsigned long)stats.connects);
}

static bool cancel_after_begin(void)
{
    viamc_metadata fields[2];
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    fields[0].name = viamc_text("key1");
    fields[0].value = viamc_view("value1", 6);
    fields[1].name = viamc_text("key2");
    fields[1].value = viamc_view("value2", 6);
    opts.metadata = fields;
    opts.metadata_count = 2;
    if (!start(SERVICE "StreamingInputCall", VIAMC_M_CLIENT_STREAM, viamc_view(NULL, 0), &opts, &call) || viamc_posix_turn(&posix, 0) != VIAMC_OK)
        return false;
    return viamc_call_cancel(client, call) == VIAMC_OK && ends(call, VIAMC_CANCELLED, NULL) && empty_unary();
}

static bool cancel_after_first_response(void)
{
    viamc_call call;
    if (!start_plainly(SERVICE "FullDuplexCall", BOTH_WAYS, viamc_view(NULL, 0), &call) || !send_message(call, stream_request(27182, 31415))
        || !answers(call, 31415))
        return false;
    return viamc_call_cancel(client, call) == VIAMC_OK && ends(call, VIAMC_CANCELLED, NULL) && empty_unary();
}

static bool status_code_and_message(void)
{
    static const char text[] = "test status message";
    pb_out o = new_message();
    viamc_call call;
    viamc_event ev;
    put_status(&o, text);
    if (!unary(SERVICE "UnaryCall", whole(&o), &ev) || !has_status(&ev, VIAMC_UNKNOWN, text))
        return false;
    return start_plainly(SERVICE "FullDuplexCall", BOTH_WAYS, viamc_view(NULL, 0), &call) && send_message(call, whole(&o)) && end_sending(call)
        && ends(call, VIAMC_UNKNOWN, text);
}

static bool special_status_message(void)
{
    static const char text[] = "\t\ntest with whitespace\r\nand Unicode BMP \xE2\x98\xBA and non-BMP \xF0\x9F\x98\x88\t\n";
    pb_out o = new_message();
    viamc_event ev;
    put_status(&o, text);
    return unary(SERVICE "UnaryCall", whole(&o), &ev) && has_status(&ev, VIAMC_UNKNOWN, text);
}

/* A field of the reply that is there once, with this value; as base64 if it has another form on the wire. */
static bool has_field(const viamc_event *ev, const char *name, const char *want, size_t want_len)
{
    viamc_str n;
    viamc_bytes value;
    uint8_t octets[100];
    size_t at = 0, found = 0;
    while (viamc_event_metadata(ev, &at, &n, &value))
        if (viamc_str_eq(n, viamc_text(name))) {
            if (value.len <= sizeof octets && strcmp(name, TRAILING) == 0)
                value = viamc_view(octets, pb_base64(value, octets));
            if (value.len != want_len || memcmp(value.ptr, want, want_len) != 0)
                return fail("%s has another value", name);
            found++;
        }
    return found == 1 || fail("%s is there %lu times", name, (unsigned long)found);
}

static bool has_fields(const viamc_event *ev)
{
    return has_status(ev, VIAMC_OK, NULL) && has_field(ev, INITIAL, "test_initial_metadata_value", 27) && has_field(ev, TRAILING, "\n\v\n\v\n\v", 6);
}

static bool custom_metadata(void)
{
    viamc_metadata fields[2];
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    viamc_event ev;
    fields[0].name = viamc_text(INITIAL);
    fields[0].value = viamc_view("test_initial_metadata_value", 27);
    fields[1].name = viamc_text(TRAILING);
    fields[1].value = viamc_view("\n\v\n\v\n\v", 6);
    opts.metadata = fields;
    opts.metadata_count = 2;
    opts.metadata_into = metadata;
    opts.metadata_cap = sizeof metadata;
    if (!start(SERVICE "UnaryCall", 0, simple_request(1, 1), &opts, &call) || !next_event(call, &ev) || !has_fields(&ev) || !has_payload(ev.msg, 1))
        return false;
    if (!start(SERVICE "FullDuplexCall", BOTH_WAYS, viamc_view(NULL, 0), &opts, &call) || !send_message(call, stream_request(1, 1)) || !answers(call, 1)
        || !end_sending(call) || !next_event(call, &ev))
        return false;
    return has_fields(&ev);
}

static bool unimplemented_method(void)
{
    viamc_event ev;
    return unary(SERVICE "UnimplementedCall", viamc_view(NULL, 0), &ev) && has_status(&ev, VIAMC_UNIMPLEMENTED, NULL);
}

static bool unimplemented_service(void)
{
    viamc_event ev;
    return unary("/grpc.testing.UnimplementedService/UnimplementedCall", viamc_view(NULL, 0), &ev) && has_status(&ev, VIAMC_UNIMPLEMENTED, NULL);
}

static bool connect_now(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_err err;
    desc.rx_bytes = LARGE;
    desc.tx_bytes = 100000;
    err = viamc_posix_open(&posix, memory, sizeof memory, &desc, &target, &client);
    if (err == VIAMC_OK)
        err = viamc_posix_ready(&posix, WAIT_MS);
    return err == VIAMC_OK || viamc_posix_explain(&posix, "interop_client", err) == 0;
}

static void disconnect(void)
{
    if (client != NULL)
        viamc_client_close(client);
    client = NULL;
    viamc_posix_close(&posix);
}

static bool soak(bool new_channels)
{
    unsigned long i;
    for (i = 0; i < iterations; i++) {
        viamc_ms begin = viamc_posix_now();
        if (new_channels) {
            disconnect();
            if (!connect_now())
                return false;
        }
        if (!large_unary() || viamc_posix_now() - begin > SOAK_MS)
            return fail("iteration %lu, %lu ms", i, (unsigned long)(viamc_posix_now() - begin));
    }
    return true;
}

static bool rpc_soak(void)
{
    return soak(false);
}

static bool channel_soak(void)
{
    return soak(true);
}

/* ---- the program ---- */

#define CASE(name) {#name, name}
static const struct {
    const char *name;
    bool (*run)(void);
} cases[] = {
    CASE(empty_unary),
    CASE(large_unary),
    CASE(client_streaming),
    CASE(server_streaming),
    CASE(ping_pong),
    CASE(empty_stream),
    CASE(timeout_on_sleeping_server),
    CASE(cancel_after_begin),
    CASE(cancel_after_first_response),
    CASE(status_code_and_message),
    CASE(special_status_message),
    CASE(custom_metadata),
    CASE(unimplemented_method),
    CASE(unimplemented_service),
    CASE(rpc_soak),
    CASE(channel_soak),
};

static struct {
    const char *server_host, *server_port, *test_case, *use_tls, *use_test_ca, *ca_file, *server_host_override, *soak_iterations;
} flags = {"localhost", "10000", "large_unary", "false", "false", NULL, NULL, "10"};

#define FLAG(name) {#name, &flags.name}
static const struct {
    const char *name;
    const char **value;
} names[] = {FLAG(server_host), FLAG(server_port), FLAG(test_case), FLAG(use_tls), FLAG(use_test_ca), FLAG(ca_file), FLAG(server_host_override),
             FLAG(soak_iterations)};

/* --name=value, or --name for true */
static bool read_flag(const char *arg)
{
    size_t i, n;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        n = strlen(names[i].name);
        if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, names[i].name, n) != 0 || (arg[2 + n] != '\0' && arg[2 + n] != '='))
            continue;
        *names[i].value = arg[2 + n] == '=' ? arg + 3 + n : "true";
        return true;
    }
    return fail("unknown: %s", arg);
}

static bool run_case(void)
{
    size_t i;
    bool ok;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(cases[i].name, flags.test_case) == 0) {
            ok = connect_now() && cases[i].run();
            disconnect();
            return ok;
        }
    return fail("unknown case: %s", flags.test_case);
}

int main(int argc, char **argv)
{
    static char address[300];
    int i;
    for (i = 1; i < argc; i++)
        if (!read_flag(argv[i]))
            return 2;
    snprintf(address, sizeof address, "%s:%s", flags.server_host, flags.server_port);
    iterations = strtoul(flags.soak_iterations, NULL, 10);
    target.address = address;
    target.insecure = strcmp(flags.use_tls, "true") != 0;
    target.server_name = flags.server_host_override;
    if (strcmp(flags.use_test_ca, "true") == 0 && (flags.ca_file == NULL || setenv("SSL_CERT_FILE", flags.ca_file, 1) != 0))
        return fail("--use_test_ca needs --ca_file"), 2;
    return run_case() ? 0 : 1;
}
