/* SPDX-License-Identifier: MIT */
/* tls/tls: client and server over byte ports, in memory and against the openssl program. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "tls_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUP_X25519 = 29, GROUP_P256 = 23 };

static const char *explained(const vmc_tls *t)
{
    static char text[200];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    vmc_tls_explain_error(&t->error, &t->dates, &w);
    text[w.len] = '\0';
    return text;
}

static void check_failed(const vmc_tls *t, viamc_err code, uint32_t detail, const char *text)
{
    CHECK_EQ_INT(vmc_tls_state_of(t), VMC_TLS_FAILED);
    CHECK_EQ_INT(t->error.code, code);
    CHECK_EQ_INT(t->error.detail, detail);
    CHECK_EQ_STR(explained(t), text);
    CHECK_EQ_STR(t->error.where, "TLS");
}

static void check_up(const kit_pair *p)
{
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_UP);
    CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_UP);
    if (p->client.t->error.code != VIAMC_OK)
        printf("  client: %s\n", explained(p->client.t));
    if (p->server.t->error.code != VIAMC_OK)
        printf("  server: %s\n", explained(p->server.t));
    CHECK(vmc_tls_alpn_h2(p->client.t) && vmc_tls_alpn_h2(p->server.t));
}

/* Sends random octets one way and compares. */
static void check_data(kit_pair *p, kit_end *from, kit_end *to, size_t len)
{
    uint8_t *data = (uint8_t *)malloc(len);
    size_t i;
    REQUIRE(data != NULL);
    for (i = 0; i < len; i++)
        data[i] = (uint8_t)test_rand();
    to->got_len = 0;
    CHECK(kit_write(p, from, data, len));
    CHECK_EQ_MEM(to->got, to->got_len, data, len);
    free(data);
}

/* ---- good connections ---- */

static void connect_and_talk(const char *chain, const char *anchors, vmc_tls_order order, kit_split split, const char *suite)
{
    static const size_t sizes[] = { 1, 100, 512, 16384, 30000 };
    kit_pair *p = kit_new(chain, anchors);
    size_t i;
    p->cd.order = (uint8_t)order;
    p->sd.order = (uint8_t)order;
    p->split = split;
    CHECK(kit_open(p));
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_HANDSHAKE);
    kit_run(p);
    check_up(p);
    CHECK_EQ_STR(vmc_tls_suite_name(p->client.t), suite);
    CHECK_EQ_STR(vmc_tls_suite_name(p->server.t), suite);
    CHECK_EQ_INT(p->client.t->eng->ecdhe_curve, GROUP_X25519);
    for (i = 0; i < TEST_COUNT(sizes); i++) {
        check_data(p, &p->client, &p->server, sizes[i]);
        check_data(p, &p->server, &p->client, sizes[i]);
    }
    kit_free(p);
}

TEST(every_kind_of_certificate_both_orders_and_any_pieces)
{
    static const struct { const char *chain, *anchors, *aes, *chacha; } rows[] = {
        { "ec", "root-ec", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305" },
        { "rsa", "root-rsa", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305" },
        { "web inter-web", "root-web", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305" },
        { "web-rsa inter-web root-web", "root-web", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305" },
        { "p384", "root-384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305" }
    };
    static const kit_split splits[] = { KIT_WHOLE, KIT_BYTES, KIT_RANDOM };
    size_t i, s;
    for (i = 0; i < TEST_COUNT(rows); i++)
        for (s = 0; s < TEST_COUNT(splits); s++) {
            connect_and_talk(rows[i].chain, rows[i].anchors, VMC_TLS_AES_FIRST, splits[s], rows[i].aes);
            connect_and_talk(rows[i].chain, rows[i].anchors, VMC_TLS_CHACHA_FIRST, splits[s], rows[i].chacha);
        }
}

TEST(every_suite)
{
    static const struct { uint16_t id; const char *chain, *anchors, *name; } rows[] = {
        { BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ec", "root-ec", "ECDHE-ECDSA-CHACHA20-POLY1305" },
        { BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ec", "root-ec", "ECDHE-ECDSA-AES128-GCM-SHA256" },
        { BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ec", "root-ec", "ECDHE-ECDSA-AES256-GCM-SHA384" },
        { BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "rsa", "root-rsa", "ECDHE-RSA-CHACHA20-POLY1305" },
        { BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "rsa", "root-rsa", "ECDHE-RSA-AES128-GCM-SHA256" },
        { BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "rsa", "root-rsa", "ECDHE-RSA-AES256-GCM-SHA384" }
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new(rows[i].chain, rows[i].anchors);
        CHECK(kit_open(p));
        br_ssl_engine_set_suites(p->server.t->eng, &rows[i].id, 1);
        kit_run(p);
        check_up(p);
        CHECK_EQ_STR(vmc_tls_suite_name(p->client.t), rows[i].name);
        check_data(p, &p->client, &p->server, 5000);
        check_data(p, &p->server, &p->client, 5000);
        kit_free(p);
    }
}

TEST(small_buffers)
{
    static const struct { size_t in, out; const char *chain, *anchors; } rows[] = {
        { 2560, 700, "web inter-web", "root-web" }, { 4608, 1024, "web-rsa inter-web root-web", "root-web" },
        { VMC_TLS_IN_MIN, VMC_TLS_OUT_MIN, "web inter-web root-web", "root-web" }, { 2560, 700, "many-names", "root-ec" }
    };
    size_t i, s;
    for (i = 0; i < TEST_COUNT(rows); i++)
        for (s = 0; s < 3; s++) {
            kit_pair *p = kit_new(rows[i].chain, rows[i].anchors);
            p->cd.in_cap = rows[i].in;
            p->cd.out_cap = rows[i].out;
            p->sd.out_cap = 4000;
            p->split = (kit_split)s;
            CHECK(kit_open(p));
            kit_run(p);
            check_up(p);
            check_data(p, &p->client, &p->server, 20000);
            check_data(p, &p->server, &p->client, 20000);
            kit_free(p);
        }
}

TEST(roots_by_next_root)
{
    kit_pair *p = kit_new("web inter-web", "root-ec");
    kit_store store;
    memset(&store, 0, sizeof store);
    store.count = kit_chain("root-ec root-rsa root-web", store.certs);
    p->cd.anchor_count = 0;
    p->cd.next_root = kit_next_root;
    p->cd.next_root_user = &store;
    CHECK(kit_open(p));
    kit_run(p);
    check_up(p);
    CHECK_EQ_INT(store.asked, 4 + 3);
    kit_free(p);
}

TEST(pinned_key)
{
    uint8_t pin[32];
    kit_pair *p = kit_new("rsa", "root-ec"); /* the chain would not do, nor the name, nor the clock */
    p->cd.pin_sha256 = kit_pin("rsa", pin);
    p->cd.server_name = viamc_text("10.9.8.7");
    p->cd.unix_time = 0;
    CHECK(kit_open(p));
    kit_run(p);
    check_up(p);
    kit_free(p);
    p = kit_new("ec", "root-ec");
    p->cd.pin_sha256 = viamc_view(pin, 32);
    CHECK(kit_open(p));
    kit_run(p);
    check_failed(p->client.t, VIAMC_ERR_TLS_CERT, BR_ERR_X509_NOT_TRUSTED, "server's key is not the pinned one");
    kit_free(p);
}

TEST(pinned_key_needs_no_name)
{
    uint8_t pin[32];
    kit_pair *p = kit_new("ec", "root-ec");
    p->cd.pin_sha256 = kit_pin("ec", pin);
    p->cd.server_name = viamc_text("");
    CHECK(kit_open(p));
    kit_run(p);
    check_up(p);
    kit_free(p);
}

/* ---- the hello ---- */

/* Finds an extension of the hello that waits in wire_out; NULL: it is not there. */
static const uint8_t *hello_extension(vmc_tls *t, unsigned type, size_t *len)
{
    size_t n, at = 5 + 38, end;
    const uint8_t *h = vmc_tls_wire_out(t, &n);
    if (h == NULL || n < at + 1)
        return NULL;
    at += 1u + h[at];
    at += 2u + vmc_be16(h + at);
    at += 1u + h[at];
    end = at + 2u + vmc_be16(h + at);
    at += 2;
    CHECK_EQ_INT(end, n);
    while (at + 4 <= end) {
        *len = vmc_be16(h + at + 2);
        if (vmc_be16(h + at) == type)
            return h + at + 4;
        at += 4 + *len;
    }
    return NULL;
}

TEST(hello_offers_what_was_decided)
{
    kit_pair *p = kit_new("ec", "root-ec");
    size_t len, n;
    const uint8_t *x;
    p->cd.order = VMC_TLS_CHACHA_FIRST;
    CHECK(kit_open(p));
    x = hello_extension(p->client.t, 10, &len);
    CHECK_EQ_HEX(x, len, "0004 001d 0017");                         /* X25519, P-256 */
    x = hello_extension(p->client.t, 16, &len);
    CHECK_EQ_HEX(x, len, "0003 02 6832");                           /* h2 */
    x = hello_extension(p->client.t, 0, &len);
    CHECK_EQ_HEX(x, len, "000d 00 000a 726f626f742e74657374");      /* robot.test */
    x = hello_extension(p->client.t, 13, &len);
    CHECK_EQ_HEX(x, len, "0008 0403 0503 0401 0501");               /* SHA-256 and SHA-384, ECDSA and RSA */
    CHECK(hello_extension(p->client.t, 1, &len) == NULL);           /* no limit of record sizes */
    x = vmc_tls_wire_out(p->client.t, &n);
    CHECK_EQ_HEX(x + 5 + 38 + 1, 14, "000c cca9 cca8 c02b c02f c02c c030");
    CHECK_EQ_HEX(x + 5 + 4, 2, "0303");
    kit_free(p);
}

TEST(hello_of_hosts_has_aes_first)
{
    kit_pair *p = kit_new("ec", "root-ec");
    size_t n;
    const uint8_t *x;
    CHECK(kit_open(p));
    x = vmc_tls_wire_out(p->client.t, &n);
    CHECK_EQ_HEX(x + 5 + 38 + 1, 14, "000c c02b c02f c02c c030 cca9 cca8");
    kit_free(p);
}

TEST(hello_asks_for_records_that_fit_the_input_buffer)
{
    static const struct { size_t in; int code; } rows[] = { { 16709, 0 }, { 16708, 4 }, { 4608, 4 }, { 4420, 3 }, { 2560, 3 }, { 837, 1 } };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        size_t len;
        const uint8_t *x;
        p->cd.in_cap = rows[i].in;
        p->cd.out_cap = 700; /* says nothing of what may come in */
        CHECK(kit_open(p));
        x = hello_extension(p->client.t, 1, &len);
        CHECK_EQ_INT(x == NULL ? 0 : x[0], rows[i].code);
        kit_run(p);
        check_up(p);
        kit_free(p);
    }
}

TEST(addresses_are_no_server_name)
{
    static const char *const names[] = { "10.0.0.7", "::1", "127.0.0.1" };
    size_t i, len;
    for (i = 0; i < TEST_COUNT(names); i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        p->cd.server_name = viamc_text(names[i]);
        CHECK(kit_open(p));
        CHECK(hello_extension(p->client.t, 0, &len) == NULL);
        kit_run(p);
        check_up(p);
        kit_free(p);
    }
}

TEST(longest_server_name)
{
    kit_pair *p = kit_new("ec", "root-ec");
    char name[300];
    memset(name, 'a', sizeof name);
    p->cd.server_name.ptr = name;
    p->cd.server_name.len = 253;
    p->cd.out_cap = VMC_TLS_OUT_MIN;
    CHECK(kit_open(p));
    kit_run(p);
    check_failed(p->client.t, VIAMC_ERR_TLS_CERT, BR_ERR_X509_BAD_SERVER_NAME, "certificate is for another server name");
    kit_free(p);
}

TEST(seed_is_the_only_source)
{
    kit_pair *a = kit_new("ec", "root-ec"), *b = kit_new("ec", "root-ec");
    const uint8_t *x, *y;
    size_t n, m;
    memset(a->seeds, 7, sizeof a->seeds);
    memset(b->seeds, 7, sizeof b->seeds);
    CHECK(kit_open(a) && kit_open(b));
    x = vmc_tls_wire_out(a->client.t, &n);
    y = vmc_tls_wire_out(b->client.t, &m);
    CHECK_EQ_MEM(x, n, y, m);
    b->seeds[0][31] ^= 1;
    CHECK(kit_open(b));
    y = vmc_tls_wire_out(b->client.t, &m);
    CHECK(n == m && memcmp(x, y, n) != 0);
    kit_free(a);
    kit_free(b);
}

TEST(groups_are_found_only_in_a_whole_hello)
{
    kit_pair *p = kit_new("ec", "root-ec");
    const uint8_t *x;
    size_t n, i;
    CHECK(kit_open(p));
    x = vmc_tls_wire_out(p->client.t, &n);
    for (i = 0; i <= n; i++) { /* cut at every octet, in memory of just that size */
        uint8_t *copy = (uint8_t *)malloc(i + 1);
        REQUIRE(copy != NULL);
        memcpy(copy, x, i);
        CHECK((vmc_tls_find_groups(copy, i) != NULL) == (i == n));
        free(copy);
    }
    for (i = 0; i < 200000; i++) {
        uint8_t *copy = (uint8_t *)malloc(n);
        REQUIRE(copy != NULL);
        memcpy(copy, x, n);
        copy[43 + test_rand_below((uint32_t)n - 43)] = (uint8_t)test_rand();
        copy[43 + test_rand_below((uint32_t)n - 43)] = (uint8_t)test_rand();
        (void)vmc_tls_find_groups(copy, n);
        free(copy);
    }
    kit_free(p);
}

/* ---- refusals ---- */

TEST(open_refuses_what_cannot_work)
{
    kit_pair *p = kit_new("ec", "root-ec");
    vmc_tls_client_desc good = p->cd;
    vmc_tls *t = p->client.t;
    p->cd.in_cap = VMC_TLS_IN_MIN - 1;
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_NOMEM);
    check_failed(t, VIAMC_ERR_NOMEM, VMC_TLS_IN_MIN, "TLS input buffer is too small");
    p->cd = good;
    p->cd.out_cap = VMC_TLS_OUT_MIN - 1;
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_NOMEM);
    check_failed(t, VIAMC_ERR_NOMEM, VMC_TLS_OUT_MIN, "TLS output buffer is too small");
    p->cd = good;
    p->cd.seed_len = 31;
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_ENTROPY);
    check_failed(t, VIAMC_ERR_ENTROPY, 32, "no seed for TLS");
    p->cd = good;
    p->cd.pin_sha256 = viamc_view("x", 1);
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_ARG);
    check_failed(t, VIAMC_ERR_ARG, 32, "pinned key is not a SHA-256 of 32 octets");
    p->cd = good;
    p->cd.trust_cap = vmc_tls_trust_bytes(false) - 1;
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_NOMEM);
    check_failed(t, VIAMC_ERR_NOMEM, (uint32_t)vmc_tls_trust_bytes(false), "memory for certificates is too small");
    p->cd = good;
    p->cd.next_root = kit_next_root;
    p->cd.trust_cap = vmc_tls_trust_bytes(true) - 1;
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_NOMEM);
    p->cd = good;
    p->cd.server_name = viamc_text("robot test");
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_ARG);
    check_failed(t, VIAMC_ERR_ARG, 0, "server name is neither a DNS name nor an address");
    p->cd.server_name = viamc_text("");
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_ERR_ARG);
    p->sd.identity = NULL;
    CHECK_EQ_INT(vmc_tls_server_open(p->server.t, &p->sd), VIAMC_ERR_ARG);
    check_failed(p->server.t, VIAMC_ERR_ARG, 0, "server has no certificate");
    p->cd = good;
    p->cd.trust_cap = vmc_tls_trust_bytes(false);
    CHECK_EQ_INT(vmc_tls_client_open(t, &p->cd), VIAMC_OK); /* an error leaves nothing behind */
    kit_free(p);
}

TEST(refused_certificates_fail_the_connection)
{
    static const struct { const char *chain, *anchors, *name; uint64_t now; int detail; const char *text; } rows[] = {
        { "ec", "root-rsa", "robot.test", KIT_NOW, BR_ERR_X509_NOT_TRUSTED, "certificate's issuer is unknown" },
        { "ec", "root-ec", "other.test", KIT_NOW, BR_ERR_X509_BAD_SERVER_NAME, "certificate is for another server name" },
        { "ec", "root-ec", "10.0.0.9", KIT_NOW, BR_ERR_X509_BAD_SERVER_NAME, "certificate does not name this address" },
        { "expired", "root-ec", "robot.test", KIT_NOW, BR_ERR_X509_EXPIRED, "certificate expired 2026-03-01" },
        { "early", "root-ec", "robot.test", 0, BR_ERR_X509_EXPIRED,
          "certificate not valid before 2026-10-01; this device's clock says 1970-01-01: set dial.unix_time" },
        { "client", "root-ec", "robot.test", KIT_NOW, BR_ERR_X509_FORBIDDEN_KEY_USAGE,
          "certificate is not for servers (extended key usage)" },
        { "by-names inter-names", "root-ec", "robot.test", KIT_NOW, BR_ERR_X509_CRITICAL_EXTENSION,
          "certificate has name constraints, which are not supported" },
        { "no-signing", "root-ec", "robot.test", KIT_NOW, BR_ERR_WRONG_KEY_USAGE, "certificate's key may not be used for this" }
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new(rows[i].chain, rows[i].anchors);
        p->cd.server_name = viamc_text(rows[i].name);
        p->cd.unix_time = rows[i].now;
        CHECK(kit_open(p));
        kit_run(p);
        check_failed(p->client.t, (viamc_err)(i == TEST_COUNT(rows) - 1 ? VIAMC_ERR_TLS : VIAMC_ERR_TLS_CERT), (uint32_t)rows[i].detail,
                     rows[i].text);
        CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_HANDSHAKE);
        CHECK(p->client.t->trust == NULL);
        kit_free(p);
    }
}

/* Feeds octets to a client in pieces until it takes no more. */
static void feed(kit_pair *p, const void *data, size_t len)
{
    const uint8_t *from = (const uint8_t *)data;
    while (len != 0) {
        size_t cap;
        uint8_t *in = vmc_tls_wire_in(p->client.t, &cap);
        if (in == NULL)
            return;
        cap = kit_part(p, cap < len ? cap : len);
        memcpy(in, from, cap);
        (void)vmc_tls_wire_in_done(p->client.t, cap);
        from += cap;
        len -= cap;
    }
}

TEST(plaintext_peers_are_told_from_tls)
{
    static const struct { const char *hex; viamc_err code; uint32_t detail; const char *text; } rows[] = {
        { "485454502f312e3120343030", VIAMC_ERR_TLS_PLAINTEXT, BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS" }, /* HTTP/1.1 400 */
        { "0000120400000000000003", VIAMC_ERR_TLS_PLAINTEXT, BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS" },   /* SETTINGS */
        { "5353482d322e30", VIAMC_ERR_TLS_PLAINTEXT, BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS" },           /* SSH-2.0 */
        { "0000000000", VIAMC_ERR_TLS_PLAINTEXT, BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS" },
        { "1300000002", VIAMC_ERR_TLS_PLAINTEXT, BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS" },
        { "1400000001", VIAMC_ERR_TLS, BR_ERR_UNSUPPORTED_VERSION, "no version in common: only TLS 1.2 is spoken here" },
        /* BearSSL's server, before it has read a ClientHello */
        { "1500000002", VIAMC_ERR_TLS, BR_ERR_UNSUPPORTED_VERSION, "no version in common: only TLS 1.2 is spoken here" },
        { "1602000002", VIAMC_ERR_TLS, BR_ERR_UNSUPPORTED_VERSION, "no version in common: only TLS 1.2 is spoken here" },
        { "1700000002", VIAMC_ERR_TLS, BR_ERR_UNSUPPORTED_VERSION, "no version in common: only TLS 1.2 is spoken here" },
        { "1800000002", VIAMC_ERR_TLS_PLAINTEXT, BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS" },
        { "15030300020228", VIAMC_ERR_TLS, 256 + 40, "no cipher suite or curve in common (alert 40 received)" },
        { "15030300020246", VIAMC_ERR_TLS, 256 + 70, "no version in common: only TLS 1.2 is spoken here (alert 70 received)" },
        { "15030300020270", VIAMC_ERR_TLS, 256 + 112, "the peer does not know this server name (alert 112 received)" },
        { "15030300020278", VIAMC_ERR_TLS_ALPN, 256 + 120, "the peer does not speak HTTP/2 (ALPN h2)" },
        { "15030300020250", VIAMC_ERR_TLS, 256 + 80, "fatal alert (alert 80 received)" },
        { "1503030002015a 0000000000", VIAMC_ERR_TLS, BR_ERR_UNSUPPORTED_VERSION, "no version in common: only TLS 1.2 is spoken here" },
        { "1603030004 02000000", VIAMC_ERR_TLS, BR_ERR_BAD_PARAM, "the peer broke the protocol" },
        { "1603034001", VIAMC_ERR_TLS, BR_ERR_BAD_LENGTH, "the peer broke the protocol" },
        { "170303000100", VIAMC_ERR_TLS, BR_ERR_UNEXPECTED, "the peer broke the protocol" }
    };
    size_t i, s;
    for (i = 0; i < TEST_COUNT(rows); i++)
        for (s = 0; s < 3; s++) {
            kit_pair *p = kit_new("ec", "root-ec");
            uint8_t data[64];
            size_t n = test_hex(rows[i].hex, data, sizeof data), cap;
            p->split = (kit_split)s;
            CHECK(kit_open(p));
            while (kit_send(p, &p->client, &p->up)) { }
            feed(p, data, n);
            check_failed(p->client.t, rows[i].code, rows[i].detail, rows[i].text);
            CHECK(vmc_tls_wire_in(p->client.t, &cap) == NULL);
            CHECK(vmc_tls_app_in(p->client.t, &cap) == NULL);
            CHECK(vmc_tls_app_out(p->client.t, &cap) == NULL);
            kit_free(p);
        }
}

TEST(server_tells_plaintext_clients_too)
{
    kit_pair *p = kit_new("ec", "root-ec");
    size_t cap;
    uint8_t *in;
    CHECK(kit_open(p));
    in = vmc_tls_wire_in(p->server.t, &cap);
    CHECK_EQ_INT(cap, 5);
    memcpy(in, "PRI *", 5);
    CHECK_EQ_INT(vmc_tls_wire_in_done(p->server.t, 5), VIAMC_ERR_TLS_PLAINTEXT);
    kit_free(p);
}

/* A server that ends a handshake before it has read a ClientHello speaks TLS, and is understood so: nobody goes on in plaintext after it. */
TEST(server_that_gives_up_speaks_tls)
{
    kit_pair *p = kit_new("ec", "root-ec");
    size_t len;
    const uint8_t *out;
    CHECK(kit_open(p));
    while (kit_send(p, &p->client, &p->up)) { }
    vmc_tls_close(p->server.t);
    out = vmc_tls_wire_out(p->server.t, &len);
    CHECK_EQ_HEX(out, len, "15 0303 0002 01 00"); /* close_notify */
    while (kit_send(p, &p->server, &p->down)) { }
    while (kit_receive(p, &p->client, &p->down)) { }
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_CLOSED);
    kit_free(p);
}

TEST(server_without_h2_is_refused)
{
    kit_pair *p = kit_new("ec", "root-ec");
    CHECK(kit_open(p));
    br_ssl_engine_set_protocol_names(p->server.t->eng, p->server.t->alpn, 0);
    kit_run(p);
    check_failed(p->client.t, VIAMC_ERR_TLS_ALPN, 0, "the peer does not speak HTTP/2 (ALPN h2)");
    CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_FAILED); /* by its own check: nobody has chosen h2 */
    kit_free(p);
}

TEST(client_without_h2_is_refused)
{
    kit_pair *p = kit_new("ec", "root-ec");
    size_t len;
    uint8_t *x;
    CHECK(kit_open(p));
    x = (uint8_t *)(uintptr_t)hello_extension(p->client.t, 16, &len);
    REQUIRE(x != NULL);
    x[3] = 'x'; /* the hello offers "x2" */
    kit_run(p);
    check_failed(p->client.t, VIAMC_ERR_TLS_ALPN, 256 + 120, "the peer does not speak HTTP/2 (ALPN h2)");
    check_failed(p->server.t, VIAMC_ERR_TLS_ALPN, 512 + 120, "the peer does not speak HTTP/2 (ALPN h2)");
    kit_free(p);
}

TEST(nothing_in_common)
{
    static const uint16_t other[] = { BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 };
    kit_pair *p = kit_new("ec", "root-ec");
    CHECK(kit_open(p));
    br_ssl_engine_set_suites(p->server.t->eng, other, 1);
    kit_run(p);
    check_failed(p->client.t, VIAMC_ERR_TLS, 256 + 40, "no cipher suite or curve in common (alert 40 received)");
    check_failed(p->server.t, VIAMC_ERR_TLS, 512 + 40, "no cipher suite or curve in common (alert 40 sent)");
    kit_free(p);
}

TEST(record_larger_than_the_buffer)
{
    static const uint8_t data[4000] = { 0 };
    kit_pair *p = kit_new("ec", "root-ec");
    p->cd.in_cap = 2560;
    CHECK(kit_open(p));
    kit_run(p);
    check_up(p);
    p->server.t->eng->max_frag_len = 16384; /* a server that does not mind what it was asked */
    CHECK(kit_write(p, &p->server, data, 1)); /* the record that was prepared for the old length goes first */
    (void)kit_write(p, &p->server, data, sizeof data);
    check_failed(p->client.t, VIAMC_ERR_TLS_RECORD, 2560, "a record is larger than the input buffer of 2,560 bytes: raise in_bytes");
    kit_free(p);
}

TEST(corrupted_octets_end_in_an_error)
{
    unsigned i, plain = 0;
    for (i = 0; i < 200; i++) {
        static const char *const chains[][2] = { { "ec", "root-ec" }, { "rsa", "root-rsa" }, { "web inter-web", "root-web" } };
        static uint8_t data[1000];
        kit_pair *p = kit_new(chains[i % 3][0], chains[i % 3][1]);
        p->split = i % 2 == 0 ? KIT_WHOLE : KIT_RANDOM;
        p->cd.order = (uint8_t)(i % 5 == 0 ? VMC_TLS_CHACHA_FIRST : VMC_TLS_AES_FIRST);
        p->corrupt_down = 1 + test_rand_below(i % 3 == 0 ? 1700 : i % 3 == 1 ? 2200 : 2500);
        CHECK(kit_open(p));
        kit_run(p);
        if (vmc_tls_state_of(p->server.t) == VMC_TLS_UP)
            (void)kit_write(p, &p->server, data, sizeof data);
        if (p->moved_down >= p->corrupt_down) {
            CHECK(vmc_tls_state_of(p->client.t) == VMC_TLS_FAILED || vmc_tls_state_of(p->server.t) == VMC_TLS_FAILED
                  || p->client.got_len < sizeof data);
            CHECK(p->client.got_len == 0);
            plain += vmc_tls_state_of(p->client.t) == VMC_TLS_FAILED;
        }
        kit_free(p);
    }
    CHECK(plain > 120);
}

TEST(corrupted_records_are_never_delivered)
{
    unsigned i;
    for (i = 0; i < 200; i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        static uint8_t data[300];
        p->cd.order = (uint8_t)(i % 2);
        p->sd.order = (uint8_t)(i % 2);
        CHECK(kit_open(p));
        kit_run(p);
        p->corrupt_down = p->moved_down + 1 + test_rand_below(300);
        CHECK(kit_write(p, &p->server, data, sizeof data));
        CHECK_EQ_INT(p->client.got_len, 0);
        if (vmc_tls_state_of(p->client.t) != VMC_TLS_FAILED) /* its length grew: the rest is awaited */
            (void)kit_write(p, &p->server, data, sizeof data);
        CHECK_EQ_INT(p->client.got_len, 0);
        kit_free(p);
    }
}

/* An octet of a record's head was lost on the line: the versions were agreed upon long ago. */
TEST(head_of_a_record_that_lost_an_octet)
{
    static const char *const heads[] = { "0303002000", "1703002000", "1703040020" };
    size_t i;
    for (i = 0; i < TEST_COUNT(heads); i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        uint8_t data[5];
        CHECK(kit_open(p));
        kit_run(p);
        feed(p, data, test_hex(heads[i], data, sizeof data));
        CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_FAILED);
        CHECK_EQ_STR(p->client.t->error.what, "a record was damaged");
        kit_free(p);
    }
}

TEST(arbitrary_records_in_a_handshake_stay_inside)
{
    unsigned i;
    for (i = 0; i < 300; i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        uint8_t junk[400];
        size_t n;
        p->split = KIT_RANDOM;
        CHECK(kit_open(p));
        while (kit_send(p, &p->client, &p->up)) { }
        for (n = 0; n < sizeof junk; n++)
            junk[n] = (uint8_t)test_rand();
        junk[0] = (uint8_t)(20 + test_rand_below(4));
        junk[1] = junk[2] = 3;
        junk[3] = 0;
        if (junk[0] == 22) {
            junk[5] = (uint8_t)test_rand_below(21);
            junk[6] = 0;
            junk[7] = (uint8_t)test_rand_below(2);
        }
        feed(p, junk, sizeof junk);
        CHECK(vmc_tls_state_of(p->client.t) != VMC_TLS_UP);
        kit_free(p);
    }
}

/* ---- the end of a connection ---- */

TEST(close_notify_both_ways)
{
    unsigned who;
    for (who = 0; who < 2; who++) {
        kit_pair *p = kit_new("ec", "root-ec");
        kit_end *a = who == 0 ? &p->client : &p->server, *b = who == 0 ? &p->server : &p->client;
        uint8_t *out;
        size_t cap;
        CHECK(kit_open(p));
        kit_run(p);
        out = vmc_tls_app_out(a->t, &cap);
        REQUIRE(out != NULL);
        memcpy(out, "last words", 10);
        vmc_tls_app_out_done(a->t, 10);
        vmc_tls_close(a->t);
        CHECK_EQ_INT(vmc_tls_state_of(a->t), VMC_TLS_UP); /* the other's answer is awaited */
        CHECK(vmc_tls_app_out(a->t, &cap) == NULL);
        kit_run(p);
        CHECK_EQ_MEM(b->got, b->got_len, "last words", 10);
        CHECK_EQ_INT(vmc_tls_state_of(a->t), VMC_TLS_CLOSED);
        CHECK_EQ_INT(vmc_tls_state_of(b->t), VMC_TLS_CLOSED);
        CHECK_EQ_INT(a->t->error.code, VIAMC_OK);
        CHECK_EQ_INT(b->t->error.code, VIAMC_OK);
        CHECK(vmc_tls_app_in(b->t, &cap) == NULL && vmc_tls_app_out(b->t, &cap) == NULL && vmc_tls_wire_in(b->t, &cap) == NULL);
        vmc_tls_close(b->t);
        vmc_tls_close(a->t);
        kit_free(p);
    }
}

TEST(close_notify_is_noticed_before_it_is_answered)
{
    kit_pair *p = kit_new("ec", "root-ec");
    size_t len;
    CHECK(kit_open(p));
    kit_run(p);
    vmc_tls_close(p->server.t);
    while (kit_send(p, &p->server, &p->down)) { }
    while (kit_receive(p, &p->client, &p->down)) { }
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_CLOSED); /* even if the wire takes nothing any more */
    CHECK(vmc_tls_wire_out(p->client.t, &len) != NULL);
    kit_run(p);
    CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_CLOSED);
    kit_free(p);
}

TEST(close_with_plaintext_unread)
{
    kit_pair *p = kit_new("ec", "root-ec");
    uint8_t *out;
    size_t cap;
    CHECK(kit_open(p));
    kit_run(p);
    out = vmc_tls_app_out(p->server.t, &cap);
    REQUIRE(out != NULL);
    memset(out, 'x', 300);
    vmc_tls_app_out_done(p->server.t, 300);
    while (kit_send(p, &p->server, &p->down)) { }
    while (kit_receive(p, &p->client, &p->down)) { }
    CHECK(vmc_tls_app_in(p->client.t, &cap) != NULL);
    vmc_tls_close(p->client.t);
    kit_run(p);
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_CLOSED);
    CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_CLOSED);
    CHECK_EQ_INT(p->client.got_len, 0);
    kit_free(p);
}

TEST(close_during_the_handshake)
{
    kit_pair *p = kit_new("ec", "root-ec");
    CHECK(kit_open(p));
    vmc_tls_close(p->client.t);
    kit_run(p);
    CHECK(vmc_tls_state_of(p->client.t) != VMC_TLS_UP);
    CHECK(vmc_tls_state_of(p->server.t) != VMC_TLS_UP);
    kit_free(p);
}

TEST(trust_memory_is_free_after_the_handshake)
{
    kit_pair *p = kit_new("web inter-web", "root-web");
    CHECK(kit_open(p));
    kit_run(p);
    check_up(p);
    memset(p->trust, 0xdd, sizeof p->trust);
    check_data(p, &p->client, &p->server, 5000);
    check_data(p, &p->server, &p->client, 5000);
    p->server.t->eng->flags &= ~(uint32_t)BR_OPT_NO_RENEGOTIATION; /* a server that asks for another handshake */
    CHECK_EQ_INT(br_ssl_engine_renegotiate(p->server.t->eng), 1);
    kit_run(p);
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_UP);
    CHECK_EQ_INT(p->server.t->error.detail, 256 + 100);            /* no_renegotiation */
    kit_free(p);
}

TEST(client_asking_for_renegotiation_gets_none)
{
    kit_pair *p = kit_new("ec", "root-ec");
    CHECK(kit_open(p));
    kit_run(p);
    p->client.t->eng->flags &= ~(uint32_t)BR_OPT_NO_RENEGOTIATION;
    CHECK_EQ_INT(br_ssl_engine_renegotiate(p->client.t->eng), 1);
    kit_run(p);
    CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_UP);
    CHECK_EQ_INT(p->client.t->error.detail, 256 + 100);
    kit_free(p);
}

static bool holds(const void *memory, size_t len, const uint8_t *secret, size_t n)
{
    const uint8_t *p = (const uint8_t *)memory;
    size_t i;
    for (i = 0; i + n <= len; i++)
        if (memcmp(p + i, secret, n) == 0)
            return true;
    return false;
}

TEST(secrets_are_wiped)
{
    kit_pair *p = kit_new("ec", "root-ec");
    uint8_t secret[48];
    size_t i;
    CHECK(kit_open(p));
    kit_run(p);
    memcpy(secret, p->client.t->eng->session.master_secret, sizeof secret);
    CHECK(holds(p->client_memory, sizeof p->client_memory, secret, 48) && holds(p->server_memory, sizeof p->server_memory, secret, 48));
    CHECK(kit_write(p, &p->client, (const uint8_t *)"the secret payload of the test", 30));
    CHECK(holds(p->buffers[2], VMC_TLS_IN_MAX, (const uint8_t *)"secret payload", 14)); /* decrypted in place */
    vmc_tls_wipe(p->client.t);
    vmc_tls_wipe(p->server.t);
    CHECK(!holds(p->client_memory, sizeof p->client_memory, secret, 16));
    CHECK(!holds(p->server_memory, sizeof p->server_memory, secret, 16));
    for (i = 0; i < 4; i++)
        CHECK(!holds(p->buffers[i], VMC_TLS_IN_MAX, (const uint8_t *)"secret payload", 14));
    CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_IDLE);
    CHECK(vmc_tls_wire_in(p->client.t, &i) == NULL && vmc_tls_wire_out(p->client.t, &i) == NULL && vmc_tls_app_in(p->client.t, &i) == NULL
          && vmc_tls_app_out(p->client.t, &i) == NULL);
    vmc_tls_close(p->client.t);
    vmc_tls_wipe(p->client.t);
    CHECK_EQ_STR(vmc_tls_suite_name(p->client.t), "");
    CHECK(!vmc_tls_alpn_h2(p->client.t));
    CHECK(kit_open(p)); /* and again from the start */
    kit_run(p);
    check_up(p);
    kit_free(p);
}

TEST(error_is_readable_after_wiping)
{
    kit_pair *p = kit_new("expired", "root-ec");
    CHECK(kit_open(p));
    kit_run(p);
    vmc_tls_wipe(p->client.t);
    CHECK_EQ_INT(p->client.t->error.code, VIAMC_ERR_TLS_CERT);
    CHECK_EQ_STR(explained(p->client.t), "certificate expired 2026-03-01");
    kit_free(p);
}

TEST(one_call_works_on_one_record_at_most)
{
    kit_pair *p = kit_new("web inter-web", "root-web");
    unsigned steps = 0;
    CHECK(kit_open(p));
    while (kit_send(p, &p->client, &p->up)) { }
    while (kit_receive(p, &p->server, &p->up)) { }
    while (kit_send(p, &p->server, &p->down)) { }
    CHECK(p->down.len > 1600); /* the whole flight is there */
    while (p->down.len != 0) {
        size_t cap, left = vmc_be16(p->down.data + 3);
        uint8_t *in = vmc_tls_wire_in(p->client.t, &cap);
        REQUIRE(in != NULL);
        CHECK_EQ_INT(cap, 5);
        CHECK(kit_receive(p, &p->client, &p->down));
        in = vmc_tls_wire_in(p->client.t, &cap);
        CHECK(in != NULL && cap <= left);
        CHECK(kit_receive(p, &p->client, &p->down));
        steps++;
    }
    CHECK(steps >= 1);
    kit_run(p);
    check_up(p);
    kit_free(p);
}

/* ---- against the openssl program ---- */

enum { PEER_OUTPUT = 32768, PEER_ARGS = 40, PEER_TIME = 20000 };

typedef struct peer {
    pid_t pid;
    int in, out;   /* its standard input and output */
    char text[PEER_OUTPUT];
    size_t len;
} peer;

static bool has_openssl(void)
{
    return system("openssl version >/dev/null 2>&1") == 0;
}

/* Starts openssl with these words. */
static bool peer_start(peer *pe, const char *line)
{
    static char words[1024];
    char *argv[PEER_ARGS];
    int in[2], out[2], n = 0;
    char *w;
    memset(pe, 0, sizeof *pe);
    (void)snprintf(words, sizeof words, "openssl %s", line);
    for (w = strtok(words, " "); w != NULL && n < PEER_ARGS - 1; w = strtok(NULL, " "))
        argv[n++] = w;
    argv[n] = NULL;
    if (pipe(in) != 0 || pipe(out) != 0)
        return false;
    pe->pid = fork();
    if (pe->pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(out[1], 2);
        (void)close(in[0]);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execvp("openssl", argv);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    pe->in = in[1];
    pe->out = out[0];
    return pe->pid > 0;
}

/* Reads its output until a text comes; false: the end, or nothing for too long. */
static bool peer_says(peer *pe, const char *text)
{
    for (;;) {
        struct pollfd fd;
        ssize_t n;
        pe->text[pe->len] = '\0';
        if (strstr(pe->text, text) != NULL)
            return true;
        fd.fd = pe->out;
        fd.events = POLLIN;
        if (pe->len + 1 >= sizeof pe->text || poll(&fd, 1, PEER_TIME) <= 0)
            return false;
        n = read(pe->out, pe->text + pe->len, sizeof pe->text - 1 - pe->len);
        if (n <= 0)
            return false;
        pe->len += (size_t)n;
    }
}

static void peer_stop(peer *pe)
{
    (void)close(pe->in);
    (void)close(pe->out);
    if (pe->pid > 0) {
        (void)kill(pe->pid, SIGKILL);
        (void)waitpid(pe->pid, NULL, 0);
    }
}

/* Moves octets between an end and a socket until `done` (a state), failure, the end of the socket, or too long a silence. */
static void wire(vmc_tls *t, int fd, vmc_tls_state done, kit_end *e, size_t want)
{
    for (;;) {
        struct pollfd pf;
        size_t len;
        const uint8_t *out = vmc_tls_wire_out(t, &len);
        uint8_t *in;
        ssize_t n;
        if (out != NULL) {
            n = send(fd, out, len, MSG_NOSIGNAL);
            if (n <= 0)
                return;
            vmc_tls_wire_out_done(t, (size_t)n);
            continue;
        }
        if (e != NULL)
            while (kit_read(e)) { }
        if (vmc_tls_state_of(t) == done && (e == NULL || e->got_len >= want))
            return;
        in = vmc_tls_wire_in(t, &len);
        if (in == NULL)
            return;
        pf.fd = fd;
        pf.events = POLLIN;
        if (poll(&pf, 1, PEER_TIME) <= 0 || (n = recv(fd, in, len, 0)) <= 0)
            return;
        (void)vmc_tls_wire_in_done(t, (size_t)n);
    }
}

static int dial_local(unsigned port)
{
    struct sockaddr_in a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        test_die("cannot connect", "openssl s_server");
    return fd;
}

/* Runs s_server and connects p's client to it; answers the socket, or -1. */
static int with_s_server(peer *pe, kit_pair *p, const char *cert, const char *more)
{
    char line[512];
    unsigned port = 0;
    const char *at;
    int fd;
    (void)snprintf(line, sizeof line, "s_server -accept 127.0.0.1:0 -naccept 1 -cert build/certs/%s.pem -key build/certs/%s.key %s",
                   cert, cert, more);
    if (!peer_start(pe, line) || !peer_says(pe, "ACCEPT 127.0.0.1:") || (at = strstr(pe->text, "ACCEPT 127.0.0.1:")) == NULL
        || sscanf(at, "ACCEPT 127.0.0.1:%u", &port) != 1) {
        printf("  s_server: %s\n", pe->text);
        CHECK(port != 0);
        return -1;
    }
    CHECK_EQ_INT(vmc_tls_client_open(p->client.t, &p->cd), VIAMC_OK);
    fd = dial_local(port);
    wire(p->client.t, fd, VMC_TLS_UP, NULL, 0);
    return fd;
}

TEST(client_against_openssl)
{
    static const struct { const char *cert, *anchors, *more, *suite; uint8_t order; size_t in; } rows[] = {
        { "ec", "root-ec", "", "ECDHE-ECDSA-AES128-GCM-SHA256", VMC_TLS_AES_FIRST, VMC_TLS_IN_MAX },
        { "ec", "root-ec", "", "ECDHE-ECDSA-CHACHA20-POLY1305", VMC_TLS_CHACHA_FIRST, VMC_TLS_IN_MAX },
        { "rsa", "root-rsa", "", "ECDHE-RSA-CHACHA20-POLY1305", VMC_TLS_CHACHA_FIRST, 2560 },
        { "web", "root-web", "-cert_chain build/certs/inter-web.pem", "ECDHE-ECDSA-CHACHA20-POLY1305", VMC_TLS_CHACHA_FIRST, 2560 },
        { "web-rsa", "root-web", "-cert_chain build/certs/inter-web.pem", "ECDHE-RSA-AES128-GCM-SHA256", VMC_TLS_AES_FIRST, 4608 },
        { "ec", "root-ec", "-cipher ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", VMC_TLS_AES_FIRST, 4608 },
        { "ec", "root-ec", "-no_tls1_3", "ECDHE-ECDSA-AES128-GCM-SHA256", VMC_TLS_AES_FIRST, VMC_TLS_IN_MIN }
    };
    size_t i;
    if (!has_openssl())
        SKIP("missing peer: openssl");
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new(rows[i].cert, rows[i].anchors);
        char more[200];
        peer pe;
        int fd;
        uint8_t *out;
        size_t cap;
        p->cd.order = rows[i].order;
        p->cd.in_cap = rows[i].in;
        (void)snprintf(more, sizeof more, "-rev -alpn h2 %s", rows[i].more);
        fd = with_s_server(&pe, p, rows[i].cert, more);
        if (p->client.t->error.code != VIAMC_OK)
            printf("  row %u: %s\n  %s\n", (unsigned)i, explained(p->client.t), pe.text);
        CHECK_EQ_INT(vmc_tls_state_of(p->client.t), VMC_TLS_UP);
        CHECK_EQ_STR(vmc_tls_suite_name(p->client.t), rows[i].suite);
        CHECK_EQ_INT(p->client.t->eng->ecdhe_curve, GROUP_X25519);
        out = vmc_tls_app_out(p->client.t, &cap);
        if (out != NULL) {
            memcpy(out, "hello robot\n", 12);
            vmc_tls_app_out_done(p->client.t, 12);
            wire(p->client.t, fd, VMC_TLS_UP, &p->client, 12);
            CHECK_EQ_MEM(p->client.got, p->client.got_len, "tobor olleh\n", 12);
        }
        vmc_tls_close(p->client.t);
        wire(p->client.t, fd, VMC_TLS_CLOSED, NULL, 0);
        CHECK(peer_says(&pe, "CONNECTION CLOSED"));
        (void)close(fd);
        peer_stop(&pe);
        kit_free(p);
    }
}

TEST(client_refuses_what_openssl_offers)
{
    static const struct { const char *cert, *more; viamc_err code; uint32_t detail; const char *text; } rows[] = {
        { "ec", "-rev", VIAMC_ERR_TLS_ALPN, 0, "the peer does not speak HTTP/2 (ALPN h2)" },
        { "ec", "-rev -alpn http/1.1", VIAMC_ERR_TLS_ALPN, 256 + 120, "the peer does not speak HTTP/2 (ALPN h2)" },
        { "ec", "-rev -alpn h2 -tls1_3", VIAMC_ERR_TLS, 256 + 70, "no version in common: only TLS 1.2 is spoken here (alert 70 received)" },
        { "ec", "-rev -alpn h2 -cipher ECDHE-ECDSA-AES128-SHA256", VIAMC_ERR_TLS, 256 + 40, "no cipher suite or curve in common (alert 40 received)" },
        { "ec", "-rev -alpn h2 -groups P-384", VIAMC_ERR_TLS, 256 + 40, "no cipher suite or curve in common (alert 40 received)" },
        /* a P-384 key of the server's own would have to be among the groups of the exchange */
        { "p384", "-rev -alpn h2", VIAMC_ERR_TLS, 256 + 40, "no cipher suite or curve in common (alert 40 received)" }
    };
    size_t i;
    if (!has_openssl())
        SKIP("missing peer: openssl");
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        peer pe;
        int fd = with_s_server(&pe, p, rows[i].cert, rows[i].more);
        check_failed(p->client.t, rows[i].code, rows[i].detail, rows[i].text);
        (void)close(fd);
        peer_stop(&pe);
        kit_free(p);
    }
}

/* Accepts one connection of s_client with p's server; answers the socket. */
static int with_s_client(peer *pe, kit_pair *p, const char *anchors, const char *more)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    char line[512];
    struct pollfd pf;
    int fd, listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)&a, &len) != 0)
        test_die("cannot listen", "127.0.0.1");
    (void)snprintf(line, sizeof line, "s_client -connect 127.0.0.1:%u -CAfile build/certs/%s.pem -verify_return_error -verify_hostname "
                   "robot.test -servername robot.test %s", (unsigned)ntohs(a.sin_port), anchors, more);
    CHECK(peer_start(pe, line));
    pf.fd = listener;
    pf.events = POLLIN;
    CHECK_EQ_INT(poll(&pf, 1, PEER_TIME), 1);
    fd = accept(listener, NULL, NULL);
    (void)close(listener);
    CHECK_EQ_INT(vmc_tls_server_open(p->server.t, &p->sd), VIAMC_OK);
    wire(p->server.t, fd, VMC_TLS_UP, NULL, 0);
    return fd;
}

TEST(server_against_openssl)
{
    static const struct { const char *chain, *anchors, *more, *suite; uint8_t order; size_t in, out; } rows[] = {
        { "ec", "root-ec", "", "ECDHE-ECDSA-AES128-GCM-SHA256", VMC_TLS_AES_FIRST, VMC_TLS_IN_MAX, VMC_TLS_OUT_MAX },
        { "ec", "root-ec", "", "ECDHE-ECDSA-CHACHA20-POLY1305", VMC_TLS_CHACHA_FIRST, 2560, 700 },
        { "rsa", "root-rsa", "", "ECDHE-RSA-CHACHA20-POLY1305", VMC_TLS_CHACHA_FIRST, 2560, 700 },
        { "web inter-web", "root-web", "", "ECDHE-ECDSA-CHACHA20-POLY1305", VMC_TLS_CHACHA_FIRST, 2560, 700 },
        { "p384", "root-384", "", "ECDHE-ECDSA-AES128-GCM-SHA256", VMC_TLS_AES_FIRST, 4608, 1200 },
        { "ec", "root-ec", "-cipher ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", VMC_TLS_AES_FIRST, 4608, 1200 }
    };
    size_t i;
    if (!has_openssl())
        SKIP("missing peer: openssl");
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new(rows[i].chain, rows[i].anchors);
        char more[200];
        peer pe;
        int fd;
        uint8_t *out;
        size_t cap;
        p->sd.order = rows[i].order;
        p->sd.in_cap = rows[i].in;
        p->sd.out_cap = rows[i].out;
        (void)snprintf(more, sizeof more, "-alpn h2 -tls1_2 %s", rows[i].more);
        fd = with_s_client(&pe, p, rows[i].anchors, more);
        CHECK_EQ_INT(vmc_tls_state_of(p->server.t), VMC_TLS_UP);
        CHECK_EQ_STR(vmc_tls_suite_name(p->server.t), rows[i].suite);
        CHECK_EQ_INT(p->server.t->eng->ecdhe_curve, GROUP_X25519);
        CHECK(peer_says(&pe, "Verify return code: 0 (ok)"));
        CHECK(strstr(pe.text, "ALPN protocol: h2") != NULL);
        CHECK_EQ_INT(write(pe.in, "good day\n", 9), 9);
        wire(p->server.t, fd, VMC_TLS_UP, &p->server, 9);
        CHECK_EQ_MEM(p->server.got, p->server.got_len, "good day\n", 9);
        out = vmc_tls_app_out(p->server.t, &cap);
        if (out != NULL) {
            memcpy(out, "and to you\n", 11);
            vmc_tls_app_out_done(p->server.t, 11);
        }
        vmc_tls_close(p->server.t);
        wire(p->server.t, fd, VMC_TLS_CLOSED, NULL, 0);
        CHECK(peer_says(&pe, "and to you"));
        CHECK(peer_says(&pe, "closed"));
        (void)close(fd);
        peer_stop(&pe);
        kit_free(p);
    }
}

TEST(server_refuses_what_openssl_offers)
{
    static const struct { const char *more; viamc_err code; uint32_t detail; const char *text; } rows[] = {
        { "-tls1_2", VIAMC_ERR_TLS_ALPN, 0, "the peer does not speak HTTP/2 (ALPN h2)" },
        { "-tls1_2 -alpn http/1.1", VIAMC_ERR_TLS_ALPN, 512 + 120, "the peer does not speak HTTP/2 (ALPN h2)" },
        { "-alpn h2 -cipher ECDHE-ECDSA-AES128-SHA256 -tls1_2", VIAMC_ERR_TLS, 512 + 40, "no cipher suite or curve in common (alert 40 sent)" },
        { "-alpn h2 -groups P-384 -tls1_2", VIAMC_ERR_TLS, 512 + 40, "no cipher suite or curve in common (alert 40 sent)" }
    };
    size_t i;
    if (!has_openssl())
        SKIP("missing peer: openssl");
    for (i = 0; i < TEST_COUNT(rows); i++) {
        kit_pair *p = kit_new("ec", "root-ec");
        peer pe;
        int fd = with_s_client(&pe, p, "root-ec", rows[i].more);
        check_failed(p->server.t, rows[i].code, rows[i].detail, rows[i].text);
        (void)close(fd);
        peer_stop(&pe);
        kit_free(p);
    }
}

int main(int argc, char **argv)
{
    test_begin("tls", argc, argv);
    if (!kit_certs())
        test_die("cannot make certificates", "tests/certs/make.py");
    RUN(every_kind_of_certificate_both_orders_and_any_pieces);
    RUN(every_suite);
    RUN(small_buffers);
    RUN(roots_by_next_root);
    RUN(pinned_key);
    RUN(pinned_key_needs_no_name);
    RUN(hello_offers_what_was_decided);
    RUN(hello_of_hosts_has_aes_first);
    RUN(hello_asks_for_records_that_fit_the_input_buffer);
    RUN(addresses_are_no_server_name);
    RUN(longest_server_name);
    RUN(seed_is_the_only_source);
    RUN(groups_are_found_only_in_a_whole_hello);
    RUN(open_refuses_what_cannot_work);
    RUN(refused_certificates_fail_the_connection);
    RUN(plaintext_peers_are_told_from_tls);
    RUN(server_tells_plaintext_clients_too);
    RUN(server_that_gives_up_speaks_tls);
    RUN(server_without_h2_is_refused);
    RUN(client_without_h2_is_refused);
    RUN(nothing_in_common);
    RUN(record_larger_than_the_buffer);
    RUN(corrupted_octets_end_in_an_error);
    RUN(corrupted_records_are_never_delivered);
    RUN(head_of_a_record_that_lost_an_octet);
    RUN(arbitrary_records_in_a_handshake_stay_inside);
    RUN(close_notify_both_ways);
    RUN(close_notify_is_noticed_before_it_is_answered);
    RUN(close_with_plaintext_unread);
    RUN(close_during_the_handshake);
    RUN(trust_memory_is_free_after_the_handshake);
    RUN(client_asking_for_renegotiation_gets_none);
    RUN(secrets_are_wiped);
    RUN(error_is_readable_after_wiping);
    RUN(one_call_works_on_one_record_at_most);
    RUN(client_against_openssl);
    RUN(client_refuses_what_openssl_offers);
    RUN(server_against_openssl);
    RUN(server_refuses_what_openssl_offers);
    return test_end();
}
