/* SPDX-License-Identifier: MIT */
/* Bounds that a caller or a peer meets one number at a time: what is taken at the last number, and not at the next. Those of frames and header
 * blocks are in bounds.h. */
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 1
#endif
#define VMC_LOOP_CLIENTS 2u
#define VMC_LOOP_LINKS 3u
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdarg.h>
#include "tls_kit.h"
#include "hostile/notation.h"
#include "hostile/peer.h"
#include "hostile/world.h"
#include "hostile/programs.h"

enum { LARGE = 1 << 24 };

static uint8_t memory[LARGE];
static char text_of[70000];

static void obey(const char *order)
{
    test_die("unknown order", order);
}

/* A text of n octets. */
static const char *text(uint32_t n)
{
    memset(text_of, 'x', n);
    text_of[n] = '\0';
    return text_of;
}

/* ---- descs ---- */

static viamc_client_desc client_desc(void)
{
    viamc_client_desc d = VIAMC_ZERO;
    d.port = vmc_loop_port();
    return d;
}

static bool client_takes(const viamc_client_desc *d)
{
    return viamc_client_desc_error(d) == NULL && viamc_client_mem_size(d) != 0;
}

#define CLIENT_MEMBER(member, set) \
    static bool client_##member(uint32_t n) { viamc_client_desc d = client_desc(); set; d.member = n; return client_takes(&d); }
CLIENT_MEMBER(tx_bytes, d.no_tls = true)
CLIENT_MEMBER(slot_bytes, d.no_tls = true)
CLIENT_MEMBER(rx_bytes, d.no_tls = true)
CLIENT_MEMBER(table_bytes, d.no_tls = true)
CLIENT_MEMBER(out_bytes, d.no_tls = false)
CLIENT_MEMBER(in_bytes, d.slot_bytes = 64; d.max_calls = 1)
#undef CLIENT_MEMBER

static viamc_server_desc server_desc(void)
{
    viamc_server_desc d = VIAMC_ZERO;
    d.port = vmc_loop_server_port();
    d.port_user = vmc_loop_server(&w.loop);
    return d;
}

#define SERVER_MEMBER(member, type) \
    static bool server_##member(uint32_t n) { viamc_server_desc d = server_desc(); d.member = (type)n; return viamc_server_mem_size(&d) != 0; }
SERVER_MEMBER(max_peers, uint8_t)
SERVER_MEMBER(max_requests, uint8_t)
SERVER_MEMBER(window_ms, viamc_ms)
SERVER_MEMBER(tx_bytes, uint32_t)
SERVER_MEMBER(out_bytes, uint32_t)
SERVER_MEMBER(slot_bytes, uint32_t)
#undef SERVER_MEMBER

static bool server_api_keys(uint32_t n)
{
    static viamc_api_key many[VMC_SERVER_KEYS + 1u];
    viamc_server_desc d = server_desc();
    uint32_t i;
    for (i = 0; i < TEST_COUNT(many); i++)
        many[i] = key;
    d.api_keys = many;
    d.api_key_count = n;
    return viamc_server_mem_size(&d) != 0;
}

static bool server_name(uint32_t n)
{
    viamc_server_desc d = server_desc();
    viamc_server *s;
    bool taken;
    CHECK_EQ_INT(viamc_server_init(memory, sizeof memory, &d, &s), VIAMC_OK);
    taken = viamc_server_add(s, &motor, text(n), NULL, NULL, NULL) == VIAMC_OK;
    viamc_server_close(s);
    return taken;
}

/* ---- what a caller asks for ---- */

static bool dialled_host(uint32_t n)
{
    viamc_client_desc d = client_desc();
    viamc_dial_desc dial_to = VIAMC_ZERO;
    viamc_client *c;
    viamc_err err;
    uint32_t i;
    d.port_user = vmc_loop_client(&w.loop, 0);
    d.no_tls = true;
    CHECK_EQ_INT(viamc_client_init(memory, sizeof memory, &d, &c), VIAMC_OK);
    dial_to.address = text(n);
    for (i = 50; i < n; i += 50)
        text_of[i] = '.';
    dial_to.insecure = true;
    err = viamc_dial(c, &dial_to);
    viamc_client_close(c);
    return err == VIAMC_OK;
}

static bool operation_id(uint32_t n)
{
    viamc_call call;
    viamc_err err;
    enter(CLIENT, false, USUAL, CALLS);
    err = viamc_robot_cancel_operation(w.client, viamc_text(text(n)), NULL, &call);
    viamc_client_close(w.client);
    return err == VIAMC_OK;
}

/* ---- what a peer says ---- */

/* A session with a window of so many ms begins. */
static bool session_window(uint32_t ms)
{
    uint8_t window[16];
    vmc_wr d = vmc_wr_of(window, sizeof window);
    char msg[200], *at = msg;
    size_t i;
    set_scene(CLIENT, false, USUAL, EARLY, 0);
    say("SETTINGS 0");
    play();
    w.mute = true;
    start_power(VICTIM);
    play();
    if (ms / 1000u != 0)
        vmc_wire_put_uint(&d, 1, ms / 1000u);
    if (ms % 1000u != 0)
        vmc_wire_put_uint(&d, 2, ms % 1000u * 1000000u);
    at += snprintf(at, 100, "00 =%u 0a24 '" SESSION_ID "' 12%02x ", (unsigned)(40u + d.len), (unsigned)d.len);
    for (i = 0; i < d.len; i++)
        at += snprintf(at, 3, "%02x", window[i]);
    reply(stream_of(ROBOT "StartSession"), msg);
    settle();
    i = w.asked[VICTIM].done;
    CHECK(i != 0 || w.client->session.window == ms);
    viamc_client_close(w.client);
    free(block);
    return i == 0;
}

/* So many certificates of others lie before the right one in a trust store. */
static uint32_t others_before;

static viamc_err store_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    const viamc_bytes cert = kit_cert(index == others_before ? "root-ec" : "root-web");
    (void)user;
    if (index > others_before || cert.len > cap)
        return VIAMC_ERR_NOT_FOUND;
    vmc_copy(der, cert.ptr, cert.len);
    *len = cert.len;
    return VIAMC_OK;
}

static bool roots_looked_at(uint32_t n)
{
    kit_pair *p = kit_new("ec", "root-ec");
    bool up;
    others_before = n - 1u;
    p->cd.anchors = NULL;
    p->cd.anchor_count = 0;
    p->cd.next_root = store_root;
    CHECK(kit_open(p));
    kit_run(p);
    up = vmc_tls_state_of(p->client.t) == VMC_TLS_UP;
    kit_free(p);
    return up;
}

static bool pcd_exponent(uint32_t n)
{
    char word[20];
    (void)snprintf(word, sizeof word, "%u", (unsigned)n);
    return vmc_pcd_exponent(viamc_text(word)) == (int)n;
}

static bool hpack_integer(uint32_t n)
{
    uint8_t octets[8], arena[64];
    vmc_hpack_dec d;
    vmc_hpack_piece piece;
    vmc_wr o = vmc_wr_of(octets, sizeof octets);
    vmc_rd in;
    vmc_wr_u8(&o, 0); /* a literal, its name spelled out, so many octets of it */
    o.len += vmc_hpack_put_int(octets + 1, 0, VMC_HPACK_STRING, n);
    in = vmc_rd_of(viamc_view(octets, o.len));
    vmc_hpack_dec_init(&d, arena, sizeof arena);
    vmc_hpack_dec_begin(&d);
    return vmc_hpack_next(&d, &in, &piece) == VMC_HPACK_MORE;
}

/* ---- the table ---- */

typedef struct limit {
    const char *name;
    bool (*takes)(uint32_t n);
    uint32_t n;
    bool least; /* else most */
} limit;

#define MOST(name, takes) {#name, takes, name, false}
#define LEAST(name, takes) {#name, takes, name, true}

static const limit limits[] = {
    LEAST(VMC_CLIENT_TX_MIN, client_tx_bytes),
    LEAST(VMC_CLIENT_OUT_MIN, client_out_bytes),
    LEAST(VMC_CLIENT_SLOT_MIN, client_slot_bytes),
    MOST(VMC_CALL_MAX_MESSAGE, client_rx_bytes),
    MOST(VMC_CALL_MAX_MESSAGE, client_tx_bytes),
    MOST(VMC_HPACK_MAX_TABLE, client_table_bytes),
    MOST(VMC_TLS_IN_MAX, client_in_bytes),
    {"max_peers", server_max_peers, 250, false},
    {"max_requests", server_max_requests, 250, false},
    {"window_ms", server_window_ms, 30, true},
    {"window_ms", server_window_ms, 60000, false},
    {"tx_bytes of a robot", server_tx_bytes, 256, true},
    {"out_bytes of a robot", server_out_bytes, 512, true},
    {"slot_bytes of a robot", server_slot_bytes, 64, true},
    MOST(VMC_SERVER_KEYS, server_api_keys),
    MOST(VMC_SERVER_NAME, server_name),
    MOST(VMC_ADDRESS_HOST_MAX, dialled_host),
    MOST(VMC_ROBOT_ID_MAX, operation_id),
    LEAST(VMC_SESSION_WINDOW_MIN, session_window),
    MOST(VMC_SESSION_WINDOW_MAX, session_window),
    MOST(VMC_TRUST_MAX_ROOTS, roots_looked_at),
    MOST(VMC_PCD_MAX_EXPONENT, pcd_exponent),
    MOST(VMC_HPACK_MAX_INT, hpack_integer),
};

static const limit *now;

static void run_limit(void)
{
    CHECK(now->takes(now->n));
    CHECK(!now->takes(now->least ? now->n - 1u : now->n + 1u));
}

int main(int argc, char **argv)
{
    size_t i;
    test_begin("limits", argc, argv);
    if (!peer_certs())
        test_die("missing data", "the certificates cannot be made here");
    vmc_loop_init(&w.loop, 1);
    for (i = 0; i < TEST_COUNT(limits); i++) {
        char name[80];
        now = &limits[i];
        (void)snprintf(name, sizeof name, "%s, %s %lu", now->name, now->least ? "at least" : "at most", (unsigned long)now->n);
        test_run(name, run_limit);
    }
    return test_end();
}
