/* SPDX-License-Identifier: MIT */
/* For the TLS tests: the certificates of tests/certs/make.py, and a client and a server that talk through memory. */
#ifndef VIAMC_TESTS_TLS_KIT_H
#define VIAMC_TESTS_TLS_KIT_H

#include "test.h"

#define KIT_DAY (86400uLL)
#define KIT_NOW 1781481600uLL /* 2026-06-15: inside all certificates but `expired` and `early` */

/* ---- certificates ---- */

enum { KIT_FILES = 160, KIT_CHAIN = 12 };

typedef struct kit_file {
    char name[64];
    uint8_t *data;
    size_t len;
} kit_file;

static kit_file kit_files[KIT_FILES];

/* Makes the certificates if they are not there. False: no openssl or no python. */
static inline bool kit_certs(void)
{
#ifdef _WIN32 /* tests/boards has made them */
    return true;
#else
    return system("python3 tests/certs/make.py") == 0;
#endif
}

/* A file of build/certs: kept until the program ends. */
static inline viamc_bytes kit_octets(const char *name)
{
    char path[128];
    int i;
    for (i = 0; i < KIT_FILES && kit_files[i].data != NULL; i++)
        if (strcmp(kit_files[i].name, name) == 0)
            return viamc_view(kit_files[i].data, kit_files[i].len);
    if (i == KIT_FILES)
        test_die("too many files", name);
    (void)snprintf(path, sizeof path, "build/certs/%s", name);
    (void)snprintf(kit_files[i].name, sizeof kit_files[i].name, "%s", name);
    kit_files[i].data = test_file(path, &kit_files[i].len);
    if (kit_files[i].data == NULL)
        test_die("no such file", path);
    return viamc_view(kit_files[i].data, kit_files[i].len);
}

static inline viamc_bytes kit_cert(const char *name)
{
    char file[80];
    (void)snprintf(file, sizeof file, "%s.der", name);
    return kit_octets(file);
}

/* Certificates by their names: "web inter-web". */
static inline size_t kit_chain(const char *names, viamc_bytes out[KIT_CHAIN])
{
    size_t n = 0;
    while (*names != '\0' && n < KIT_CHAIN) {
        char one[64];
        size_t len = strcspn(names, " ");
        (void)snprintf(one, sizeof one, "%.*s", (int)len, names);
        out[n++] = kit_cert(one);
        names += len + (names[len] == ' ');
    }
    return n;
}

/* Anchors as tools/anchor.py makes them. */
static inline size_t kit_anchors(const char *names, viamc_anchor out[KIT_CHAIN])
{
    viamc_bytes certs[KIT_CHAIN];
    size_t n = kit_chain(names, certs), i;
    for (i = 0; i < n; i++) {
        vmc_x509 x;
        vmc_x509_begin(&x, (uint16_t)certs[i].len, viamc_view(NULL, 0));
        if (!vmc_x509_push(&x, certs[i].ptr, certs[i].len) || !vmc_x509_complete(&x))
            test_die("cannot read", names);
        vmc_x509_anchor(&x, certs[i].ptr, 0, &out[i]);
        out[i].dn = viamc_view(certs[i].ptr + x.subject.at, x.subject.len);
        out[i].ca = (x.flags & VMC_X509_CA) != 0;
    }
    return n;
}

/* A trust store of certificates: the user pointer of kit_next_root. */
typedef struct kit_store {
    viamc_bytes certs[KIT_CHAIN];
    size_t count;
    unsigned asked;   /* calls so far */
    viamc_err broken; /* answered at the end; 0: NOT_FOUND */
} kit_store;

static inline viamc_err kit_next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    kit_store *s = (kit_store *)user;
    s->asked++;
    if (index >= s->count)
        return s->broken != VIAMC_OK ? s->broken : (viamc_err)VIAMC_ERR_NOT_FOUND;
    if (s->certs[index].len > cap)
        return VIAMC_ERR_NOMEM;
    if (s->certs[index].len != 0)
        memcpy(der, s->certs[index].ptr, s->certs[index].len);
    *len = s->certs[index].len;
    return VIAMC_OK;
}

/* The SHA-256 of a certificate's public key. */
static inline viamc_bytes kit_pin(const char *name, uint8_t out[32])
{
    viamc_bytes c = kit_cert(name);
    vmc_x509 x;
    br_sha256_context sha;
    vmc_x509_begin(&x, (uint16_t)c.len, viamc_view(NULL, 0));
    (void)vmc_x509_push(&x, c.ptr, c.len);
    br_sha256_init(&sha);
    br_sha256_update(&sha, c.ptr + x.spki.at, x.spki.len);
    br_sha256_out(&sha, out);
    return viamc_view(out, 32);
}

/* ---- two ends in memory ---- */

enum { KIT_PIPE = 65536 };

typedef enum kit_split { KIT_WHOLE, KIT_BYTES, KIT_RANDOM } kit_split;

typedef struct kit_pipe {
    uint8_t data[KIT_PIPE];
    size_t len;
} kit_pipe;

typedef struct kit_end {
    vmc_tls *t;
    uint8_t *in, *out;
    size_t in_cap, out_cap;
    uint8_t got[KIT_PIPE]; /* plaintext that came */
    size_t got_len;
} kit_end;

typedef struct kit_pair {
    uint64_t client_memory[VMC_TLS_CLIENT_BYTES / 8u];
    uint64_t server_memory[VMC_TLS_SERVER_BYTES / 8u];
    uint64_t trust[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
    uint8_t buffers[4][VMC_TLS_IN_MAX];
    uint8_t seeds[2][32];
    viamc_anchor anchors[KIT_CHAIN];
    vmc_tls_client_desc cd;
    vmc_tls_server_desc sd;
    vmc_tls_identity identity;
    kit_end client, server;
    kit_pipe up, down;
    kit_split split;
    size_t corrupt_down; /* flips a bit of this octet of the server's, counted from 1 */
    size_t moved_down;
} kit_pair;

/* A pair with good defaults: the caller changes descs, then opens both. `chain`: what the server sends, its own first. */
static inline kit_pair *kit_new(const char *chain, const char *anchors)
{
    kit_pair *p = (kit_pair *)calloc(1, sizeof *p);
    viamc_bytes certs[KIT_CHAIN];
    viamc_error e;
    char key[80];
    size_t n = kit_chain(chain, certs), i;
    if (p == NULL)
        test_die("no memory", chain);
    memset(&e, 0, sizeof e);
    (void)snprintf(key, sizeof key, "%.*s.key.der", (int)strcspn(chain, " "), chain);
    if (vmc_tls_identity_load(&p->identity, certs, n, kit_octets(key), &e) != VIAMC_OK)
        test_die(e.what, chain);
    for (i = 0; i < 32; i++) {
        p->seeds[0][i] = (uint8_t)test_rand();
        p->seeds[1][i] = (uint8_t)test_rand();
    }
    p->client.t = (vmc_tls *)(void *)p->client_memory;
    p->server.t = (vmc_tls *)(void *)p->server_memory;
    p->cd.server_name = viamc_text("robot.test");
    p->cd.anchor_count = kit_anchors(anchors, p->anchors);
    p->cd.anchors = p->anchors;
    p->cd.unix_time = KIT_NOW;
    p->cd.seed = p->seeds[0];
    p->cd.seed_len = 32;
    p->cd.in = p->buffers[0];
    p->cd.in_cap = VMC_TLS_IN_MAX;
    p->cd.out = p->buffers[1];
    p->cd.out_cap = VMC_TLS_OUT_MAX;
    p->cd.trust = p->trust;
    p->cd.trust_cap = sizeof p->trust;
    p->sd.identity = &p->identity;
    p->sd.seed = p->seeds[1];
    p->sd.seed_len = 32;
    p->sd.in = p->buffers[2];
    p->sd.in_cap = VMC_TLS_IN_MAX;
    p->sd.out = p->buffers[3];
    p->sd.out_cap = VMC_TLS_OUT_MAX;
    return p;
}

static inline bool kit_open(kit_pair *p)
{
    return vmc_tls_client_open(p->client.t, &p->cd) == VIAMC_OK && vmc_tls_server_open(p->server.t, &p->sd) == VIAMC_OK;
}

static inline void kit_free(kit_pair *p)
{
    vmc_tls_wipe(p->client.t);
    vmc_tls_wipe(p->server.t);
    free(p);
}

static inline size_t kit_part(const kit_pair *p, size_t n)
{
    if (p->split == KIT_WHOLE || n < 2)
        return n;
    return p->split == KIT_BYTES ? 1u : 1u + test_rand_below((uint32_t)n);
}

/* Moves what an end has for the wire into the pipe. */
static inline bool kit_send(kit_pair *p, kit_end *e, kit_pipe *to)
{
    size_t len;
    const uint8_t *out = vmc_tls_wire_out(e->t, &len);
    if (out == NULL || to->len == KIT_PIPE)
        return false;
    len = kit_part(p, len < KIT_PIPE - to->len ? len : KIT_PIPE - to->len);
    memcpy(to->data + to->len, out, len);
    if (to == &p->down) {
        if (p->corrupt_down > p->moved_down && p->corrupt_down <= p->moved_down + len)
            to->data[to->len + (p->corrupt_down - p->moved_down - 1)] ^= 0x10;
        p->moved_down += len;
    }
    to->len += len;
    vmc_tls_wire_out_done(e->t, len);
    return true;
}

/* Moves octets of the pipe into an end. */
static inline bool kit_receive(kit_pair *p, kit_end *e, kit_pipe *from)
{
    size_t cap;
    uint8_t *in = vmc_tls_wire_in(e->t, &cap);
    if (in == NULL || from->len == 0)
        return false;
    cap = kit_part(p, cap < from->len ? cap : from->len);
    memcpy(in, from->data, cap);
    from->len -= cap;
    memmove(from->data, from->data + cap, from->len);
    (void)vmc_tls_wire_in_done(e->t, cap);
    return true;
}

static inline bool kit_read(kit_end *e)
{
    size_t len;
    const uint8_t *in = vmc_tls_app_in(e->t, &len);
    if (in == NULL || e->got_len == KIT_PIPE)
        return false;
    len = len < KIT_PIPE - e->got_len ? len : KIT_PIPE - e->got_len;
    memcpy(e->got + e->got_len, in, len);
    e->got_len += len;
    vmc_tls_app_in_done(e->t, len);
    return true;
}

/* Until nothing moves any more. */
static inline void kit_run(kit_pair *p)
{
    bool moved = true;
    while (moved) {
        moved = kit_send(p, &p->client, &p->up);
        moved = kit_send(p, &p->server, &p->down) || moved;
        moved = kit_receive(p, &p->server, &p->up) || moved;
        moved = kit_receive(p, &p->client, &p->down) || moved;
        moved = kit_read(&p->client) || moved;
        moved = kit_read(&p->server) || moved;
    }
}

/* Gives octets to one end, as many records as it takes. False: it does not take them. */
static inline bool kit_write(kit_pair *p, kit_end *e, const uint8_t *data, size_t len)
{
    while (len != 0) {
        size_t cap;
        uint8_t *out = vmc_tls_app_out(e->t, &cap);
        if (out == NULL) {
            kit_run(p);
            out = vmc_tls_app_out(e->t, &cap);
        }
        if (out == NULL)
            return false;
        cap = cap < len ? cap : len;
        memcpy(out, data, cap);
        vmc_tls_app_out_done(e->t, cap);
        data += cap;
        len -= cap;
    }
    kit_run(p);
    return true;
}

#endif
