/* SPDX-License-Identifier: MIT */
/* A client for the conformance suite of connectrpc: reads a ClientCompatRequest from standard input, does the call, writes a
 * ClientCompatResponse to standard output, until the input ends. Each message has its length before it, four octets, big-endian.
 * A connection of its own for each call; the public functions of viamc.h only. Run by test_connect.py. */
#define VIAMC_IMPLEMENTATION
#include "pb.h"

enum {
    REQUEST_MAX = 1 << 20,  /* octets of a request and of all that it holds */
    RESPONSE_MAX = 4 << 20,
    REPLY_MAX = 1 << 20,    /* octets of a reply, where the request names no limit */
    TX_BYTES = 256 * 1024,
    FIELDS_MAX = 64,        /* metadata */
    MESSAGES_MAX = 64,
    DER_MAX = 4096,
    READY_MS = 10000,
    DONE_MS = 20000
};

/* config.proto, StreamType */
enum { UNARY = 1, CLIENT_STREAM = 2, SERVER_STREAM = 3, HALF_DUPLEX = 4, FULL_DUPLEX = 5 };

/* client_compat.proto, ClientCompatRequest.Cancel: when to cancel, by the number of the field; NEVER: there is none */
enum { NEVER = 0, BEFORE_CLOSE = 1, AFTER_CLOSE = 2, AFTER_RESPONSES = 3 };

typedef struct job {
    viamc_str name, host, service, method;
    viamc_bytes pem;
    char address[300], path[300];
    uint32_t port, limit, delay_ms;
    viamc_ms timeout;
    uint8_t kind, cancel;
    uint32_t cancel_number; /* milliseconds or responses */
    viamc_metadata metadata[FIELDS_MAX];
    size_t metadata_count;
    viamc_bytes message[MESSAGES_MAX];
    size_t message_count;
} job;

static uint8_t memory[VIAMC_CLIENT_MEM(1, REPLY_MAX) + TX_BYTES];
static uint8_t request[REQUEST_MAX], response[RESPONSE_MAX], received[65535], scratch[65535], certificate[DER_MAX];
static viamc_posix posix;
static viamc_client *client;

/* The call under way. */
static viamc_call call;
static bool done, cancelled;
static uint32_t responses;
static pb_out out;

/* ---- the request ---- */

/* Names travel in lower case. */
static viamc_str lower(viamc_str s)
{
    uint8_t *p = request + ((const uint8_t *)s.ptr - request);
    size_t i;
    for (i = 0; i < s.len; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (uint8_t)(p[i] - 'A' + 'a');
    return s;
}

static bool read_header(job *j, viamc_bytes header)
{
    viamc_str name = lower(pb_str(pb_get(header, 1)));
    pb_field f;
    while (pb_next(&header, &f))
        if (f.number == 2u) {
            if (j->metadata_count == FIELDS_MAX)
                return false;
            j->metadata[j->metadata_count].name = name;
            j->metadata[j->metadata_count++].value = f.bytes;
        }
    return true;
}

static void read_cancel(job *j, viamc_bytes cancel)
{
    pb_field f;
    j->cancel = AFTER_CLOSE;
    while (pb_next(&cancel, &f)) {
        j->cancel = (uint8_t)f.number;
        j->cancel_number = (uint32_t)f.value;
    }
}

static bool read_field(job *j, const pb_field *f)
{
    switch (f->number) {
    case 1: j->name = pb_str(*f); return true;
    case 6: j->host = pb_str(*f); return true;
    case 7: j->port = (uint32_t)f->value; return true;
    case 8: j->pem = f->bytes; return true;
    case 10: j->limit = (uint32_t)f->value; return true;
    case 11: j->service = pb_str(*f); return true;
    case 12: j->method = pb_str(*f); return true;
    case 13: j->kind = (uint8_t)f->value; return true;
    case 15: return read_header(j, f->bytes);
    case 16:
        if (j->message_count < MESSAGES_MAX)
            j->message[j->message_count++] = pb_get(f->bytes, 2).bytes; /* google.protobuf.Any */
        return true;
    case 17: j->timeout = (viamc_ms)f->value; return true;
    case 18: j->delay_ms = (uint32_t)f->value; return true;
    case 19: read_cancel(j, f->bytes); return true;
    default: return true;
    }
}

static bool read_job(job *j, viamc_bytes in)
{
    pb_field f;
    memset(j, 0, sizeof *j);
    j->timeout = VIAMC_FOREVER;
    while (pb_next(&in, &f))
        if (!read_field(j, &f))
            return false;
    snprintf(j->address, sizeof j->address, "%.*s:%u", VIAMC_ARG(j->host), j->port);
    snprintf(j->path, sizeof j->path, "/%.*s/%.*s", VIAMC_ARG(j->service), VIAMC_ARG(j->method));
    return in.len == 0;
}

/* ---- the response: ClientResponseResult ---- */

/* The fields of one name are one Header with many values; it is written where the name comes for the first time. */
static void put_headers(uint32_t number, const viamc_event *ev)
{
    viamc_str name, other;
    viamc_bytes value;
    size_t at = 0, before, header, i;
    while (before = at, viamc_event_metadata(ev, &at, &name, &value)) {
        for (i = 0; viamc_event_metadata(ev, &i, &other, &value) && i <= before && !viamc_str_eq(name, other);)
            ;
        if (i <= before)
            continue;
        header = pb_begin(&out, number);
        pb_put_str(&out, 1, name);
        for (i = before; viamc_event_metadata(ev, &i, &other, &value);)
            if (viamc_str_eq(name, other))
                pb_put_bytes(&out, 2, value.ptr, value.len);
        pb_end(&out, header);
    }
}

/* Error {code, message, details}; the details are in the metadata, as base64 of a google.rpc.Status. */
static void put_error(const viamc_event *ev)
{
    size_t at = 0, error = pb_begin(&out, 3);
    viamc_str name;
    viamc_bytes value;
    pb_put_uint(&out, 1, ev->status);
    pb_put_str(&out, 2, ev->text);
    while (viamc_event_metadata(ev, &at, &name, &value))
        if (viamc_str_eq(name, viamc_text("grpc-status-details-bin"))) {
            viamc_bytes status = viamc_view(scratch, pb_base64(value, scratch));
            pb_field f;
            while (pb_next(&status, &f))
                if (f.number == 3u)
                    pb_put_bytes(&out, 3, f.bytes.ptr, f.bytes.len);
        }
    pb_end(&out, error);
}

/* Every response message has its payload in field 1. */
static void put_payload(viamc_bytes msg)
{
    pb_field payload = pb_get(msg, 1);
    pb_put_bytes(&out, 2, payload.bytes.ptr, payload.bytes.len);
}

/* viamc gives headers and trailers as one list: it stands for both. The suite looks in each for the fields that it expects there. */
static void put_end(const job *j, const viamc_event *ev)
{
    put_headers(1, ev);
    put_headers(4, ev);
    if (ev->status != VIAMC_OK)
        put_error(ev);
    else if (j->kind == UNARY || j->kind == CLIENT_STREAM)
        put_payload(ev->msg);
}

/* ---- the call ---- */

static void cancel(void)
{
    if (!cancelled)
        (void)viamc_call_cancel(client, call);
    cancelled = true;
}

static void take(const job *j, const viamc_event *ev)
{
    if (ev->call != call)
        return;
    if (ev->kind == VIAMC_EV_MESSAGE) {
        put_payload(ev->msg);
        if (++responses == j->cancel_number && j->cancel == AFTER_RESPONSES)
            cancel();
    } else if (ev->kind == VIAMC_EV_DONE) {
        done = true;
        put_end(j, ev);
    }
}

/* Polls once; false: the time is over. */
static bool turn(const job *j, viamc_ms until)
{
    viamc_ms left = until - viamc_posix_now();
    viamc_event ev;
    if (left == 0 || left > 0x7fffffffu)
        return false;
    (void)viamc_posix_turn(&posix, left);
    while (viamc_next_event(client, &ev))
        take(j, &ev);
    return true;
}

static void wait_ms(const job *j, uint32_t ms)
{
    viamc_ms until = viamc_posix_now() + ms;
    while (!done && turn(j, until))
        ;
}

/* Until there were so many responses, or the end. */
static void wait_responses(const job *j, uint32_t count)
{
    viamc_ms until = viamc_posix_now() + DONE_MS;
    while (!done && responses < count && turn(j, until))
        ;
}

static bool send_message(const job *j, viamc_bytes msg)
{
    viamc_ms until = viamc_posix_now() + DONE_MS;
    viamc_err err;
    while ((err = viamc_call_send_bytes(client, call, msg)) == VIAMC_ERR_BUSY && !done && turn(j, until))
        ;
    return err == VIAMC_OK && !done;
}

/* Returns the number of messages sent. */
static size_t send_messages(const job *j)
{
    size_t i;
    for (i = 0; i < j->message_count; i++) {
        wait_ms(j, j->delay_ms);
        if (done || cancelled || !send_message(j, j->message[i]))
            return i;
        if (j->kind == FULL_DUPLEX)
            wait_responses(j, (uint32_t)i + 1u);
    }
    return i;
}

static viamc_err start(const job *j)
{
    static const uint8_t streams[] = {0, 0, VIAMC_M_CLIENT_STREAM, VIAMC_M_SERVER_STREAM, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM,
                                      VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM};
    viamc_opts opts = VIAMC_ZERO;
    opts.stream = streams[j->kind];
    opts.timeout_ms = j->timeout;
    opts.metadata = j->metadata;
    opts.metadata_count = j->metadata_count;
    opts.metadata_into = received;
    opts.metadata_cap = sizeof received;
    if ((opts.stream & VIAMC_M_CLIENT_STREAM) != 0)
        return viamc_call_bytes(client, j->path, viamc_view(NULL, 0), &opts, &call);
    wait_ms(j, j->delay_ms);
    opts.keep = true;
    return viamc_call_bytes(client, j->path, j->message[0], &opts, &call);
}

static viamc_err run_call(const job *j)
{
    size_t sent = j->message_count;
    viamc_err err;
    done = cancelled = false;
    responses = 0;
    if ((err = start(j)) != VIAMC_OK)
        return err;
    if (j->kind != UNARY && j->kind != SERVER_STREAM) {
        sent = send_messages(j);
        if (j->cancel == BEFORE_CLOSE)
            cancel();
        else
            (void)viamc_call_send_end(client, call);
    }
    if (j->cancel == AFTER_CLOSE) {
        wait_ms(j, j->cancel_number);
        cancel();
    }
    wait_responses(j, UINT32_MAX);
    pb_put_uint(&out, 5, j->message_count - sent);
    return done ? VIAMC_OK : VIAMC_ERR_TIMEOUT;
}

/* ---- the connection ---- */

static viamc_err next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    const viamc_bytes *root = (const viamc_bytes *)user;
    if (index != 0)
        return VIAMC_ERR_NOT_FOUND;
    if (root->len > cap)
        return VIAMC_ERR_NOMEM;
    memcpy(der, root->ptr, root->len);
    *len = root->len;
    return VIAMC_OK;
}

static viamc_err connect_to(const job *j, viamc_bytes *root)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;
    desc.max_calls = 1;
    desc.tx_bytes = TX_BYTES;
    desc.rx_bytes = j->limit != 0 && j->limit < REPLY_MAX ? j->limit : REPLY_MAX;
    dial.address = j->address;
    dial.disable_sessions = true;
    dial.insecure = j->pem.len == 0;
    dial.next_root = next_root;
    dial.next_root_user = root;
    err = viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &client);
    return err == VIAMC_OK ? viamc_posix_ready(&posix, READY_MS) : err;
}

static const char *run(const job *j)
{
    static char why[300];
    viamc_bytes root = viamc_view(certificate, 0);
    size_t result = pb_begin(&out, 2);
    viamc_err err;
    client = NULL;
    if (j->pem.len <= DER_MAX)
        root = pb_pem(j->pem, certificate);
    err = connect_to(j, &root);
    if (err == VIAMC_OK)
        err = run_call(j);
    pb_end(&out, result);
    snprintf(why, sizeof why, "%s %s", viamc_err_name(err), posix.text);
    if (client != NULL)
        viamc_client_close(client);
    viamc_posix_close(&posix);
    return err == VIAMC_OK ? NULL : why;
}

/* ---- the program ---- */

static bool read_exactly(uint8_t *buf, size_t n)
{
    return fread(buf, 1, n, stdin) == n;
}

static void answer(viamc_bytes in)
{
    static job j;
    const char *why = "no such request";
    uint8_t length[4];
    unsigned i;
    out.buf = response;
    out.cap = sizeof response;
    out.len = 0;
    if (read_job(&j, in)) {
        pb_put_str(&out, 1, j.name);
        why = j.kind < UNARY || j.kind > FULL_DUPLEX || (j.message_count != 1 && (j.kind == UNARY || j.kind == SERVER_STREAM)) ? why : run(&j);
    }
    if (why != NULL) { /* ClientErrorResult */
        size_t error;
        out.len = 0;
        pb_put_str(&out, 1, j.name);
        error = pb_begin(&out, 3);
        pb_put_str(&out, 1, viamc_text(why));
        pb_end(&out, error);
    }
    for (i = 0; i < 4u; i++)
        length[i] = (uint8_t)(out.len >> (24u - 8u * i));
    (void)fwrite(length, 1, sizeof length, stdout);
    (void)fwrite(out.buf, 1, out.len, stdout);
    (void)fflush(stdout);
}

int main(void)
{
    uint8_t length[4];
    while (read_exactly(length, sizeof length)) {
        size_t n = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
        if (n > sizeof request || !read_exactly(request, n))
            return 1;
        answer(viamc_view(request, n));
    }
    return 0;
}
