/* SPDX-License-Identifier: MIT */
/* A robot that serves streams: component "echo" of viam.component.testecho.v1. Options as examples/robot. Driven by tests/peers. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "tests/serve.h"

#include <stdio.h>
#include <string.h>

static uint8_t memory[VIAMC_SERVER_MEM(4, 4, 0)];

static viamc_err echo(viamc_request *rq, const viam_component_testecho_v1_EchoRequest *q)
{
    viam_component_testecho_v1_EchoResponse out = VIAMC_ZERO;
    out.message = q->message;
    return viamc_testecho_echo_answer(rq, &out);
}

/* One message per character, as many as there is room for; the mark says how far it got. */
static viamc_err echo_multiple(viamc_request *rq, const viam_component_testecho_v1_EchoMultipleRequest *q)
{
    viam_component_testecho_v1_EchoMultipleResponse out = VIAMC_ZERO;
    uint32_t *at = viamc_request_mark(rq);
    for (; *at < q->message.len; ++*at) {
        viamc_err err;
        out.message.ptr = q->message.ptr + *at;
        out.message.len = 1;
        err = viamc_testecho_echo_multiple_answer(rq, &out);
        if (err != VIAMC_OK)
            return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
    }
    return VIAMC_OK;
}

static viamc_err echo_bi_di(viamc_request *rq, const viam_component_testecho_v1_EchoBiDiRequest *q)
{
    viam_component_testecho_v1_EchoBiDiResponse out = VIAMC_ZERO;
    uint32_t *at = viamc_request_mark(rq);
    if (q == NULL) /* the client has ended its side: so do we */
        return VIAMC_OK;
    for (; *at < q->message.len; ++*at) {
        viamc_err err;
        out.message.ptr = q->message.ptr + *at;
        out.message.len = 1;
        err = viamc_testecho_echo_bi_di_answer(rq, &out);
        if (err != VIAMC_OK)
            return err == VIAMC_ERR_BUSY ? (viamc_err)VIAMC_WAIT : err;
    }
    *at = 0;
    return VIAMC_OK;
}

static viamc_err stop(viamc_request *rq, const viam_component_testecho_v1_StopRequest *q)
{
    (void)q;
    return viamc_testecho_stop_answer(rq, NULL);
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    int i;
    for (i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return otherwise;
}

int main(int argc, char **argv)
{
    static uint8_t der[16384];
    static viamc_testecho_ops ops;
    viamc_posix posix;
    viamc_server *server;
    viamc_server_desc desc = VIAMC_ZERO;
    viamc_bytes certs[4], key;
    viamc_api_key api_key;
    const char *cert_file = option(argc, argv, "--cert", NULL), *key_file = option(argc, argv, "--key", NULL);
    size_t n = 0;
    api_key.id = option(argc, argv, "--api-key-id", NULL);
    api_key.key = option(argc, argv, "--api-key", NULL);
    if (api_key.id != NULL && api_key.key != NULL) {
        desc.api_keys = &api_key;
        desc.api_key_count = 1;
    }
    if (cert_file != NULL && key_file != NULL) {
        if (viamc_posix_read_pem(cert_file, "CERTIFICATE", der, sizeof der - 4096, certs, 4, &desc.cert_count) != VIAMC_OK
            || viamc_posix_read_pem(key_file, "PRIVATE KEY", der + sizeof der - 4096, 4096, &key, 1, &n) != VIAMC_OK)
            return fprintf(stderr, "test_robot: cannot read %s or %s\n", cert_file, key_file), 1;
        desc.cert_chain = certs;
        desc.key = key;
    }
    viamc_posix_init(&posix);
    desc.port = viamc_posix_server_port();
    desc.port_user = &posix;
    desc.max_peers = 4;
    ops.echo = echo;
    ops.echo_multiple = echo_multiple;
    ops.echo_bi_di = echo_bi_di;
    ops.stop = stop;
    if (viamc_posix_listen(&posix, option(argc, argv, "--listen", "127.0.0.1:0")) != VIAMC_OK
        || viamc_server_init(memory, sizeof memory, &desc, &server) != VIAMC_OK || viamc_server_add_testecho(server, "echo", &ops, NULL) != VIAMC_OK)
        return fprintf(stderr, "test_robot: cannot start\n"), 1;
    return serve_until_signal(&posix, server);
}
