/* SPDX-License-Identifier: MIT */
/* Calls any method by its typed functions: client ADDRESS [--key KEY --key-id ID] [--ca PEM] [--no-session]. Plaintext without --ca.
 *
 * Compiled with METHODS, a file with U(service, method, path, request, reply) for each method, C(...) where the client streams. Reads lines
 * "NUMBER TAKE TIMEOUT METADATA REQUEST...": the method's, how many messages to read before the call is cancelled (0: all), milliseconds, metadata
 * NAME=VALUE or "-", and what to send. Prints "reply MESSAGE" for each message and "done STATUS TEXT" at the end. Messages and texts are hexadecimal. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "hex.h"

#include <poll.h>

static viamc_posix posix;
static viamc_client *robot;

typedef struct entry {
    const char *path;
    const viamc_method *method;
    const pb_msgdesc_t *request, *reply;
    size_t request_size, reply_size;
    viamc_err (*start)(const void *req, const viamc_opts *opts, viamc_call *call);
    viamc_err (*read)(const viamc_event *ev, void *out);
    viamc_err (*send)(viamc_call call, const void *msg); /* NULL: the client does not stream */
} entry;

/* Every method's typed functions, with pointers that are all of one type. */
#define U(service, method, path, request, reply) \
    static viamc_err start_##service##_##method(const void *req, const viamc_opts *opts, viamc_call *call) \
    { \
        return viamc_##service##_##method##_req(robot, (const request *)req, opts, call); \
    } \
    static viamc_err read_##service##_##method(const viamc_event *ev, void *out) \
    { \
        return viamc_##service##_##method##_reply(ev, (reply *)out); \
    }
#define C(service, method, path, request, reply) \
    U(service, method, path, request, reply) \
    static viamc_err send_##service##_##method(viamc_call call, const void *msg) \
    { \
        return viamc_##service##_##method##_send(robot, call, (const request *)msg); \
    }
#include METHODS
#undef U
#undef C

#define ROW(service, method, path, request, reply, send) \
    {path, &viamc_method_##service##_##method, &request##_msg, &reply##_msg, sizeof(request), sizeof(reply), start_##service##_##method, \
     read_##service##_##method, send},
#define U(service, method, path, request, reply) ROW(service, method, path, request, reply, NULL)
#define C(service, method, path, request, reply) ROW(service, method, path, request, reply, send_##service##_##method)
static const entry table[] = {
#include METHODS
};

/* ---- one call ---- */

/* Polls until the call has an event; others are dropped. */
static viamc_err next_event(viamc_call call, viamc_event *ev)
{
    viamc_err err = VIAMC_OK;
    while (err == VIAMC_OK) {
        while (viamc_next_event(robot, ev))
            if (ev->call == call)
                return VIAMC_OK;
        err = viamc_posix_turn(&posix, 1000);
    }
    return err;
}

static int failed(const char *what, const entry *e, viamc_err err)
{
    fprintf(stderr, "%s %s: %s\n", what, e->path, viamc_err_name(err));
    return 1;
}

static bool print_reply(const entry *e, const viamc_event *ev)
{
    void *out = get(e->reply_size);
    viamc_err err = e->read(ev, out);
    if (err == VIAMC_OK) {
        printf("reply");
        err = hex_message(e->reply, out) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_MESSAGE;
        printf("\n");
    }
    free(out);
    return err == VIAMC_OK || failed("reply of", e, err) == 0;
}

/* Sends the other messages of a client stream, one behind the other. */
static viamc_err send_rest(const entry *e, viamc_call call, char **words)
{
    for (; *words != NULL; words++) {
        viamc_bytes octets;
        void *msg = hex_struct(e->request, e->request_size, *words, &octets);
        viamc_err err;
        while ((err = e->send(call, msg)) == VIAMC_ERR_BUSY)
            if ((err = viamc_poll(robot, viamc_posix_now())) != VIAMC_OK)
                break;
        free(msg);
        free((void *)(uintptr_t)octets.ptr);
        if (err != VIAMC_OK)
            return err;
    }
    return viamc_call_send_end(robot, call);
}

/* Reads what comes until the call is over; behind `take` messages it is cancelled. */
static int listen_to(const entry *e, viamc_call call, unsigned long take)
{
    viamc_event ev;
    viamc_err err;
    unsigned long messages = 0;
    for (;;) {
        if ((err = next_event(call, &ev)) != VIAMC_OK)
            return failed("call of", e, err);
        if (ev.kind == VIAMC_EV_MESSAGE && (take == 0 || messages < take)) {
            if (!print_reply(e, &ev))
                return 1;
            if (++messages == take)
                (void)viamc_call_cancel(robot, call);
        }
        if (ev.kind == VIAMC_EV_DONE)
            break;
    }
    if (ev.status == 0 && (e->method->flags & VIAMC_M_SERVER_STREAM) == 0 && !print_reply(e, &ev))
        return 1;
    printf("done %lu", (unsigned long)ev.status);
    hex_write(viamc_view(ev.text.ptr, ev.text.len));
    printf("%s\n", ev.text_cut ? " cut" : "");
    return 0;
}

/* `words`: of a line, the method's number excepted. */
static int run_call(const entry *e, char **words)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_metadata field;
    viamc_call call;
    viamc_bytes octets;
    viamc_err err;
    void *req = hex_struct(e->request, e->request_size, words[3], &octets);
    const char *value = strchr(words[2], '=');
    opts.timeout_ms = (viamc_ms)strtoul(words[1], NULL, 10);
    if (value != NULL) {
        field.name = viamc_text(words[2]);
        field.name.len = (size_t)(value - words[2]);
        field.value = viamc_view(value + 1, strlen(value + 1));
        opts.metadata = &field;
        opts.metadata_count = 1;
    }
    err = e->start(req, &opts, &call);
    free(req);
    free((void *)(uintptr_t)octets.ptr);
    if (err == VIAMC_OK && e->send != NULL)
        err = send_rest(e, call, words + 4);
    return err != VIAMC_OK && err != VIAMC_ERR_NOT_FOUND ? failed("start of", e, err) : listen_to(e, call, strtoul(words[0], NULL, 10));
}

/* ---- the program ---- */

enum { MAX_WORDS = 16 };

/* Waits for a line while heartbeats flow; false at the end. */
static bool next_line(char **line, size_t *cap)
{
    struct pollfd in = {0, POLLIN, 0};
    while (poll(&in, 1, 0) == 0)
        if (viamc_posix_turn(&posix, 5) != VIAMC_OK)
            return false;
    return getline(line, cap, stdin) > 0;
}

static int run_line(char *line)
{
    char *words[MAX_WORDS + 1];
    size_t n = 0, number;
    for (words[n] = strtok(line, " \n"); words[n] != NULL && n < MAX_WORDS;)
        words[++n] = strtok(NULL, " \n");
    number = n < 5 ? sizeof table : (size_t)strtoul(words[0], NULL, 10);
    if (number >= sizeof table / sizeof table[0] || strcmp(table[number].method->path, table[number].path) != 0)
        return fprintf(stderr, "client: not a call: %s\n", words[0]), 1;
    return run_call(&table[number], words + 1);
}

int main(int argc, char **argv)
{
    enum { MEMORY = 64 << 20 };
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    char *line = NULL;
    size_t cap = 0;
    viamc_err err;
    int i, code = 0;
    dial.address = argv[1];
    dial.insecure = true;
    for (i = 2; i < argc; i++)
        if (strcmp(argv[i], "--no-session") == 0)
            dial.disable_sessions = true;
        else if (strcmp(argv[i], "--key") == 0)
            dial.api_key = argv[++i];
        else if (strcmp(argv[i], "--key-id") == 0)
            dial.api_key_id = argv[++i];
        else if (strcmp(argv[i], "--ca") == 0)
            dial.insecure = setenv("SSL_CERT_FILE", argv[++i], 1) != 0;
    desc.max_calls = 2;
    desc.tx_bytes = 1 << 20;
    desc.rx_bytes = 32 << 20;
    if ((err = viamc_posix_open(&posix, get(MEMORY), MEMORY, &desc, &dial, &robot)) != VIAMC_OK || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "client", err);
    printf("ready\n");
    fflush(stdout);
    while (code == 0 && next_line(&line, &cap)) {
        code = run_line(line);
        fflush(stdout);
    }
    viamc_client_close(robot);
    viamc_posix_close(&posix);
    return code;
}
