/* SPDX-License-Identifier: MIT */
/* Serves every method by its typed handlers: server REPLIES. Each service has one resource, "x" where it has names.
 *
 * Compiled with METHODS, as client.c, and SERVICES, a file with NAMED(service) or ALONE(service) for each service. The file REPLIES has a line
 * "REPLY..." for each method: what it answers, in hexadecimal. Of a client stream it answers behind the last message. Prints its address, then
 * "NUMBER REQUEST" for each message that comes in, encoded anew from its struct. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "hex.h"
#include "tests/serve.h"

enum { MAX_REPLIES = 4 };

typedef struct entry {
    const viamc_method *method;
    const pb_msgdesc_t *request, *reply;
    size_t reply_size;
    viamc_err (*answer)(viamc_request *rq, const void *out);
} entry;

/* Every method's typed answer, with pointers that are all of one type; and its number. */
#define U(service, method, path, request, reply) \
    static viamc_err answer_##service##_##method(viamc_request *rq, const void *out) \
    { \
        return viamc_##service##_##method##_answer(rq, (const reply *)out); \
    }
#define C(service, method, path, request, reply) U(service, method, path, request, reply)
#include METHODS
#undef U

#define U(service, method, path, request, reply) number_##service##_##method,
enum {
#include METHODS
    METHOD_COUNT
};
#undef U

#define U(service, method, path, request, reply) \
    {&viamc_method_##service##_##method, &request##_msg, &reply##_msg, sizeof(reply), answer_##service##_##method},
static const entry table[] = {
#include METHODS
};
#undef U

static char *replies[METHOD_COUNT][MAX_REPLIES]; /* hexadecimal; NULL: no more */

/* ---- handlers ---- */

static viamc_err answer_with(viamc_request *rq, const entry *e, const char *word)
{
    viamc_bytes octets;
    void *out = hex_struct(e->reply, e->reply_size, word, &octets);
    viamc_err err = e->answer(rq, out);
    free(out);
    free((void *)(uintptr_t)octets.ptr);
    return err;
}

/* The server's own Stop has no method and needs no message. */
static viamc_err serve(viamc_request *rq, size_t number, const void *q)
{
    const entry *e = &table[number];
    uint32_t *at = viamc_request_mark(rq);
    bool out = (e->method->flags & VIAMC_M_SERVER_STREAM) != 0, in = (e->method->flags & VIAMC_M_CLIENT_STREAM) != 0;
    if (q != NULL && *at == 0) {
        printf("%lu", (unsigned long)number);
        (void)hex_message(e->request, q);
        printf("\n");
        fflush(stdout);
    }
    if (viamc_request_method(rq) == NULL)
        return e->answer(rq, NULL);
    if (in && q != NULL)
        return VIAMC_OK;
    if (!out)
        return answer_with(rq, e, replies[number][0]);
    for (; replies[number][*at] != NULL; ++*at) {
        viamc_err err = answer_with(rq, e, replies[number][*at]);
        if (err != VIAMC_OK)
            return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
    }
    return VIAMC_OK;
}

#define U(service, method, path, request, reply) \
    static viamc_err on_##service##_##method(viamc_request *rq, const request *q) \
    { \
        return serve(rq, number_##service##_##method, q); \
    }
#include METHODS
#undef U

#define NAMED(service) static viamc_##service##_ops ops_##service;
#define ALONE(service) NAMED(service)
#include SERVICES
#undef NAMED
#undef ALONE

/* ---- the program ---- */

#define U(service, method, path, request, reply) ops_##service.method = on_##service##_##method;
#define NAMED(service) good = good && viamc_server_add_##service(server, "x", &ops_##service, NULL) == VIAMC_OK;
#define ALONE(service) good = good && viamc_server_add_##service(server, &ops_##service, NULL) == VIAMC_OK;
static bool add_all(viamc_server *server)
{
    bool good = true;
#include METHODS
#include SERVICES
    return good;
}

static bool read_replies(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0, number, n;
    for (number = 0; file != NULL && number < METHOD_COUNT && getline(&line, &cap, file) > 0; number++) {
        char *word = strtok(line, " \n");
        for (n = 0; n < MAX_REPLIES - 1 && word != NULL; n++, word = strtok(NULL, " \n"))
            replies[number][n] = strdup(word);
    }
    free(line);
    return file != NULL && fclose(file) == 0 && number == METHOD_COUNT;
}

int main(int argc, char **argv)
{
    enum { MEMORY = 16 << 20 };
    viamc_posix posix;
    viamc_server *server;
    viamc_server_desc desc = VIAMC_ZERO;
    viamc_posix_init(&posix);
    desc.port = viamc_posix_server_port();
    desc.port_user = &posix;
    desc.max_peers = 8;
    desc.max_resources = 60;
    desc.tx_bytes = 1 << 18;
    desc.rx_bytes = 1 << 18;
    if (argc != 2 || !read_replies(argv[1]) || viamc_posix_listen(&posix, "127.0.0.1:0") != VIAMC_OK
        || viamc_server_init(get(MEMORY), MEMORY, &desc, &server) != VIAMC_OK || !add_all(server))
        return fprintf(stderr, "server: cannot start\n"), 1;
    return serve_until_signal(&posix, server);
}
