/* SPDX-License-Identifier: MIT */
/* tls/tls: BearSSL's engine between byte ports, both roles: TLS 1.2, ECDHE, AEAD suites, ALPN h2, no renegotiation.
 * Knows BearSSL and trust; knows nothing of HTTP/2, sockets and who uses it. */
#ifndef VIAMC_TLS_TLS_IMPL_H
#define VIAMC_TLS_TLS_IMPL_H

#include "base/config.h"
#include "base/core.h"
#include "base/core_impl.h"
#include "base/date_impl.h"
#include "tls/crypto_impl.h"
#include "tls/key_impl.h"
#include "tls/tls.h"
#include "tls/tls_sys.h"
#include "tls/trust.h"
#include "tls/trust_impl.h"
#include "tls/x509_impl.h"

#ifndef VIAMC_NO_TLS

#define VMC_TLS_RECORD_HEAD 5u     /* RFC 5246 6.2.1: type, version, length */
#define VMC_TLS_HELLO_FIXED 38u    /* RFC 5246 7.4.1.2: head, version and random of a ClientHello */
#define VMC_TLS_EXT_GROUPS 10u     /* RFC 8422 5.1.1: supported groups */
#define VMC_TLS_ALERT_HANDSHAKE 40 /* RFC 5246 7.2.2 */
#define VMC_TLS_ALERT_VERSION 70
#define VMC_TLS_ALERT_NAME 112     /* RFC 6066 3: unrecognized_name */
#define VMC_TLS_ALERT_ALPN 120     /* RFC 7301 3.2: no_application_protocol */
#define VMC_TLS_CLOCK_SANE 18262u  /* viamc: 2020-01-01; a clock before it was never set */

typedef struct vmc_tls_client {
    vmc_tls tls;
    br_ssl_client_context ctx;
} vmc_tls_client;

#ifndef VIAMC_NO_SERVER
typedef struct vmc_tls_server {
    vmc_tls tls;
    br_ssl_server_context ctx;
} vmc_tls_server;
#endif

VMC_STATIC_ASSERT(tls_client_bytes, sizeof(vmc_tls_client) <= VMC_TLS_CLIENT_BYTES);
VMC_STATIC_ASSERT(tls_trust_bytes, sizeof(vmc_trust) <= VMC_TRUST_BYTES);
#ifndef VIAMC_NO_SERVER
VMC_STATIC_ASSERT(tls_server_bytes, sizeof(vmc_tls_server) <= VMC_TLS_SERVER_BYTES);
#endif

/* Octets that vmc_tls of a role needs, aligned as uint64_t. */
VMC_FN size_t vmc_tls_bytes(vmc_tls_role role)
{
#ifndef VIAMC_NO_SERVER
    if (role == VMC_TLS_SERVER)
        return sizeof(vmc_tls_server);
#endif
    (void)role;
    return sizeof(vmc_tls_client);
}

/* Octets that desc.trust needs: with room for one root if the desc has next_root. */
VMC_FN size_t vmc_tls_trust_bytes(bool with_store)
{
    return sizeof(vmc_trust) + (with_store ? VMC_TRUST_ROOT_BYTES : 0u);
}

/* ---- setting up ---- */

VMC_FN viamc_err vmc_tls_fail(vmc_tls *t, viamc_err code, uint32_t detail, const char *what)
{
    t->state = VMC_TLS_FAILED;
    return vmc_fail(&t->error, code, detail, "TLS", what);
}

/* The suites in the order of preference; those that are not compiled in are left out. */
VMC_FN void vmc_tls_set_suites(br_ssl_engine_context *eng, uint8_t order)
{
    static const uint16_t chacha[] = {
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
#ifndef VIAMC_NO_RSA
        BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
#endif
    };
#ifndef VIAMC_NO_AES
    static const uint16_t aes[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
#ifndef VIAMC_NO_RSA
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
#endif
#ifndef VIAMC_NO_P384
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
#ifndef VIAMC_NO_RSA
        BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
#endif
#endif
    };
    uint16_t all[sizeof chacha / sizeof chacha[0] + sizeof aes / sizeof aes[0]];
    bool board = order == VMC_TLS_CHACHA_FIRST;
    vmc_copy(all, board ? chacha : aes, board ? sizeof chacha : sizeof aes);
    vmc_copy((uint8_t *)all + (board ? sizeof chacha : sizeof aes), board ? aes : chacha, board ? sizeof aes : sizeof chacha);
    br_ssl_engine_set_suites(eng, all, sizeof all / sizeof all[0]);
#else
    (void)order;
    br_ssl_engine_set_suites(eng, chacha, sizeof chacha / sizeof chacha[0]);
#endif
}

VMC_FN void vmc_tls_set_ciphers(br_ssl_engine_context *eng)
{
    br_poly1305_run poly = br_poly1305_ctmulq_get(); /* 128-bit products, where there are any */
#if VIAMC_TLS_M15
    br_ssl_engine_set_poly1305(eng, poly != 0 ? poly : br_poly1305_ctmul32_run);
#else
    br_ssl_engine_set_poly1305(eng, poly != 0 ? poly : br_poly1305_ctmul_run);
#endif
    br_ssl_engine_set_chacha20(eng, br_chacha20_ct_run); /* twice as fast as the SSE2 code when gcc has compiled both */
    br_ssl_engine_set_chapol(eng, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
#ifndef VIAMC_NO_AES
    br_ssl_engine_set_default_aes_gcm(eng); /* AES instructions, where there are any */
#endif
}

/* What both roles have in common. */
VMC_FN void vmc_tls_set_engine(vmc_tls *t, uint8_t order)
{
    br_ssl_engine_context *eng = t->eng;
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    vmc_tls_set_suites(eng, order);
    vmc_tls_set_ciphers(eng);
    br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_prf_sha256(eng, br_tls12_sha256_prf);
#ifndef VIAMC_NO_P384
    br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_prf_sha384(eng, br_tls12_sha384_prf);
#endif
    br_ssl_engine_set_ec(eng, &vmc_crypto_ecdhe);
    t->alpn[0] = "h2";
    br_ssl_engine_set_protocol_names(eng, t->alpn, 1);
}

/* What the peer is asked to keep its records to (RFC 6066 4) follows the input buffer alone: a small output buffer is no reason for
 * small records from the peer. */
VMC_FN void vmc_tls_set_buffers(vmc_tls *t)
{
    uint8_t log = 14;
    br_ssl_engine_set_buffers_bidi(t->eng, t->in, t->in_cap, t->out, t->out_cap);
    while (log > 9u && t->in_cap < ((size_t)1 << log) + (VMC_TLS_IN_MAX - 16384u))
        log--;
    t->eng->log_max_frag_len = log == 13u ? 12u : log; /* there is no name for 8,192 */
}

/* The engine draws from the seed alone: 0.6 may believe an RDRAND that always answers the same. */
VMC_FN void vmc_tls_set_seed(br_ssl_engine_context *eng, const uint8_t *seed, size_t len)
{
    eng->rng_os_rand_done = 1;
    br_ssl_engine_inject_entropy(eng, seed, len);
}

/* Checks what the descs of both roles share and notes it. */
VMC_FN viamc_err vmc_tls_begin(vmc_tls *t, br_ssl_engine_context *eng, vmc_tls_role role, uint8_t *in, size_t in_cap, uint8_t *out,
                               size_t out_cap, const uint8_t *seed, size_t seed_len)
{
    t->eng = eng;
    t->role = (uint8_t)role;
    t->state = VMC_TLS_HANDSHAKE;
    t->in = in;
    t->out = out;
    t->in_cap = vmc_min(in_cap, VMC_TLS_IN_MAX);
    t->out_cap = vmc_min(out_cap, VMC_TLS_OUT_MAX);
    vmc_error_clear(&t->error);
    if (in == NULL || in_cap < VMC_TLS_IN_MIN)
        return vmc_tls_fail(t, VIAMC_ERR_NOMEM, VMC_TLS_IN_MIN, VMC_TEXT("TLS input buffer is too small"));
    if (out == NULL || out_cap < VMC_TLS_OUT_MIN)
        return vmc_tls_fail(t, VIAMC_ERR_NOMEM, VMC_TLS_OUT_MIN, VMC_TEXT("TLS output buffer is too small"));
    if (seed == NULL || seed_len < VMC_TLS_SEED_MIN)
        return vmc_tls_fail(t, VIAMC_ERR_ENTROPY, VMC_TLS_SEED_MIN, VMC_TEXT("no seed for TLS"));
    return VIAMC_OK;
}

VMC_FN uint32_t vmc_tls_be16(vmc_rd *r)
{
    viamc_bytes v = vmc_rd_take(r, 2);
    return v.len == 2u ? vmc_be16(v.ptr) : 0u;
}

/* Finds the two groups in a ClientHello that is one whole record; NULL: they are not there. */
VMC_FN uint8_t *vmc_tls_find_groups(uint8_t *rec, size_t len)
{
    vmc_rd r = vmc_rd_of(viamc_view(rec, len));
    viamc_bytes head = vmc_rd_take(&r, VMC_TLS_RECORD_HEAD), hello = vmc_rd_take(&r, VMC_TLS_HELLO_FIXED), ext;
    if (!vmc_rd_ok(&r) || head.ptr[0] != 22u || hello.ptr[0] != 1u || vmc_be24(hello.ptr + 1) != len - VMC_TLS_RECORD_HEAD - 4u)
        return NULL;
    (void)vmc_rd_take(&r, vmc_rd_u8(&r));     /* session id */
    (void)vmc_rd_take(&r, vmc_tls_be16(&r));  /* suites */
    (void)vmc_rd_take(&r, vmc_rd_u8(&r));     /* compression */
    (void)vmc_rd_take(&r, 2);                 /* length of all extensions */
    while (vmc_rd_ok(&r) && r.left != 0) {
        uint32_t type = vmc_tls_be16(&r);
        ext = vmc_rd_take(&r, vmc_tls_be16(&r));
        if (vmc_rd_ok(&r) && type == VMC_TLS_EXT_GROUPS && ext.len == 6u)
            return rec + (ext.ptr - rec) + 2; /* behind the length of the list */
    }
    return NULL;
}

/* Puts X25519 before P-256 in the hello that waits to be sent, because servers take the first that they know, and a P-256 exchange
 * costs a Cortex-M three times as much. BearSSL means to do so itself, but tests the wrong stack cell. The transcript begins anew. */
VMC_FN void vmc_tls_prefer_x25519(br_ssl_engine_context *eng)
{
    size_t len;
    uint8_t *rec = br_ssl_engine_sendrec_buf(eng, &len);
    uint8_t *groups = rec == NULL ? NULL : vmc_tls_find_groups(rec, len);
    if (groups == NULL || vmc_be16(groups) != BR_EC_secp256r1 || vmc_be16(groups + 2) != BR_EC_curve25519)
        return;
    vmc_put_be16(groups, BR_EC_curve25519);
    vmc_put_be16(groups + 2, BR_EC_secp256r1);
    br_multihash_init(&eng->mhash);
    br_multihash_update(&eng->mhash, rec + VMC_TLS_RECORD_HEAD, len - VMC_TLS_RECORD_HEAD);
}

/* Checks whom the desc would have us trust, and how. */
VMC_FN viamc_err vmc_tls_check_trust(vmc_tls *t, const vmc_tls_client_desc *d)
{
    size_t need = vmc_tls_trust_bytes(d->next_root != NULL);
    if (d->pin_sha256.len != 0 && d->pin_sha256.len != 32u)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 32, VMC_TEXT("pinned key is not a SHA-256 of 32 octets"));
#ifdef VIAMC_NO_X509
    if (d->pin_sha256.len == 0)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 0, VMC_TEXT("built with VIAMC_NO_X509: only a pinned key can be trusted"));
#endif
    if (d->trust == NULL || d->trust_cap < need)
        return vmc_tls_fail(t, VIAMC_ERR_NOMEM, (uint32_t)need, VMC_TEXT("memory for certificates is too small"));
    return VIAMC_OK;
}

/* Starts a connection; the ClientHello is in wire_out afterwards.
 * Returns:  OK; ARG; NOMEM (detail: octets needed); ENTROPY. The error record has a text. */
VMC_FN viamc_err vmc_tls_client_open(vmc_tls *t, const vmc_tls_client_desc *d)
{
    vmc_tls_client *c = (vmc_tls_client *)(void *)t;
    char name[VMC_TRUST_NAME_MAX + 1u];
    uint8_t ip[16];
    size_t ip_len = vmc_ip_of(d->server_name, ip);
    bool named = ip_len == 0 && vmc_trust_dns_name(d->server_name, name);
    VIAMC_MEMSET(c, 0, sizeof *c);
    if (vmc_tls_begin(t, &c->ctx.eng, VMC_TLS_CLIENT, d->in, d->in_cap, d->out, d->out_cap, d->seed, d->seed_len) != VIAMC_OK
        || vmc_tls_check_trust(t, d) != VIAMC_OK)
        return t->error.code;
    if (ip_len == 0 && !named && d->pin_sha256.len == 0)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 0, VMC_TEXT("server name is neither a DNS name nor an address"));
    t->trust = vmc_trust_open(d, ip, ip_len);
    vmc_tls_set_engine(t, d->order);
    br_ssl_engine_set_ecdsa(t->eng, vmc_crypto_vrfy);
#ifndef VIAMC_NO_RSA
    br_ssl_engine_set_rsavrfy(t->eng, br_rsa_pkcs1_vrfy_get_default());
#endif
    br_ssl_engine_set_all_flags(t->eng, BR_OPT_NO_RENEGOTIATION);
    br_ssl_engine_set_x509(t->eng, &t->trust->vtable);
    vmc_tls_set_buffers(t);
    vmc_tls_set_seed(t->eng, d->seed, d->seed_len);
    if (br_ssl_client_reset(&c->ctx, named ? name : NULL, 0) != 1)
        return vmc_tls_fail(t, VIAMC_ERR_TLS, (uint32_t)br_ssl_engine_last_error(t->eng), VMC_TEXT("TLS cannot start"));
    vmc_tls_prefer_x25519(t->eng);
    return VIAMC_OK;
}

/* ---- server ---- */

#ifndef VIAMC_NO_SERVER

/* The same for a peer that was accepted. */
VMC_FN viamc_err vmc_tls_server_open(vmc_tls *t, const vmc_tls_server_desc *d)
{
    vmc_tls_server *s = (vmc_tls_server *)(void *)t;
    const vmc_tls_identity *id = d->identity;
    VIAMC_MEMSET(s, 0, sizeof *s);
    if (vmc_tls_begin(t, &s->ctx.eng, VMC_TLS_SERVER, d->in, d->in_cap, d->out, d->out_cap, d->seed, d->seed_len) != VIAMC_OK)
        return t->error.code;
    if (id == NULL || id->chain_len == 0)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 0, VMC_TEXT("server has no certificate"));
    vmc_tls_set_engine(t, d->order);
    br_ssl_engine_set_all_flags(t->eng, BR_OPT_NO_RENEGOTIATION | BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_FAIL_ON_ALPN_MISMATCH);
    if (id->key.type == VIAMC_KEY_EC)
        br_ssl_server_set_single_ec(&s->ctx, id->chain, id->chain_len, &id->key.of.ec, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC,
                                    &vmc_crypto_ecdsa, vmc_crypto_sign);
#ifndef VIAMC_NO_RSA
    else
        br_ssl_server_set_single_rsa(&s->ctx, id->chain, id->chain_len, &id->key.of.rsa, BR_KEYTYPE_SIGN,
                                     br_rsa_private_get_default(), br_rsa_pkcs1_sign_get_default());
#endif
    vmc_tls_set_buffers(t);
    vmc_tls_set_seed(t->eng, d->seed, d->seed_len);
    if (br_ssl_server_reset(&s->ctx) != 1)
        return vmc_tls_fail(t, VIAMC_ERR_TLS, (uint32_t)br_ssl_engine_last_error(t->eng), VMC_TEXT("TLS cannot start"));
    t->eng->version_out = BR_TLS12; /* of an alert before ClientHello; the engine's 0.0 would look like plaintext */
    return VIAMC_OK;
}

/* VIAMC_NO_RSA, VIAMC_NO_P384 */
VMC_FN bool vmc_tls_key_supported(const vmc_key *k)
{
#ifdef VIAMC_NO_RSA
    if (k->type == VIAMC_KEY_RSA)
        return false;
#endif
    return k->type != VIAMC_KEY_EC || vmc_crypto_has_curve(k->of.ec.curve);
}

/* Whether a key is the other half of a certificate's. */
VMC_FN bool vmc_tls_key_fits(const vmc_key *k, const viamc_anchor *cert)
{
    uint8_t q[97]; /* a point of P-384 */
    viamc_bytes own = k->n;
    if (k->type != cert->key_type)
        return false;
    if (k->type == VIAMC_KEY_RSA)
        return own.len == cert->n.len && vmc_same(own.ptr, cert->n.ptr, own.len);
    if (k->of.ec.curve != cert->curve)
        return false;
    own = viamc_view(q, vmc_crypto_mulgen(q, k->of.ec.x, k->of.ec.xlen, k->of.ec.curve));
    return own.len == cert->q.len && vmc_same(own.ptr, cert->q.ptr, own.len);
}

/* Reads a server's certificates and private key.
 *   chain  kept: DER, the server's own first, each issued by the next
 *   key    kept: DER of PKCS#8, PKCS#1 or SEC 1: RSA of 2,048 to 4,096 bits, P-256, P-384
 * Returns:  OK; ARG with a text in e. Costs one multiplication on the curve, to see that key and certificate belong together. */
VMC_FN viamc_err vmc_tls_identity_load(vmc_tls_identity *id, const viamc_bytes *chain, size_t count, viamc_bytes key, viamc_error *e)
{
    vmc_x509 x;
    viamc_anchor a;
    size_t i;
    VIAMC_MEMSET(id, 0, sizeof *id);
    if (count == 0 || count > VMC_TLS_CHAIN_MAX)
        return vmc_fail(e, VIAMC_ERR_ARG, VMC_TLS_CHAIN_MAX, "TLS", VMC_TEXT("a server has 1 to 4 certificates"));
    for (i = count; i-- != 0;) {
        vmc_x509_begin(&x, (uint16_t)vmc_min(chain[i].len, VMC_X509_MAX_BYTES), viamc_view(NULL, 0));
        if (chain[i].len == 0 || !vmc_x509_push(&x, chain[i].ptr, chain[i].len) || !vmc_x509_complete(&x))
            return vmc_fail(e, VIAMC_ERR_ARG, (uint32_t)i, "TLS", VMC_TEXT("malformed certificate of the server"));
        id->chain[i].data = vmc_crypto_octets(chain[i]);
        id->chain[i].data_len = chain[i].len;
    }
    vmc_x509_anchor(&x, chain[0].ptr, 0, &a); /* the first was read last */
    if (!vmc_key_read(key, &id->key))
        return vmc_fail(e, VIAMC_ERR_ARG, 0, "TLS",
                        VMC_TEXT("server's key is not an unencrypted RSA key of 2,048 to 4,096 bits or P-256 or P-384 key"));
    if (!vmc_tls_key_supported(&id->key))
        return vmc_fail(e, VIAMC_ERR_ARG, 0, "TLS", VMC_TEXT("server's key is of a kind that this build leaves out"));
    if (!vmc_tls_key_fits(&id->key, &a))
        return vmc_fail(e, VIAMC_ERR_ARG, 0, "TLS", VMC_TEXT("server's key is not the one of its first certificate"));
    id->chain_len = count;
    return VIAMC_OK;
}

#endif /* VIAMC_NO_SERVER */

/* ---- errors ---- */

VMC_FN const char *vmc_tls_alert_text(const vmc_tls *t, int alert)
{
    if (t->state == VMC_TLS_UP && alert == VMC_TLS_ALERT_VERSION)
        return VMC_TEXT("a record was damaged");
    switch (alert) {
    case VMC_TLS_ALERT_HANDSHAKE: return VMC_TEXT("no cipher suite or curve in common");
    case VMC_TLS_ALERT_VERSION: return VMC_TEXT("no version in common: only TLS 1.2 is spoken here");
    case VMC_TLS_ALERT_NAME: return VMC_TEXT("the peer does not know this server name");
    case VMC_TLS_ALERT_ALPN: return VMC_TEXT("the peer does not speak HTTP/2 (ALPN h2)");
    default: return VMC_TEXT("fatal alert");
    }
}

/* Once the versions are agreed upon, another one in the head of a record comes of octets that were lost or changed on the line. */
VMC_FN const char *vmc_tls_text(const vmc_tls *t, int code)
{
    if (t->state == VMC_TLS_UP && (code == BR_ERR_UNSUPPORTED_VERSION || code == BR_ERR_BAD_VERSION))
        code = BR_ERR_BAD_MAC;
    switch (code) {
    case BR_ERR_BAD_MAC: return VMC_TEXT("a record was damaged");
    case BR_ERR_BAD_FINISHED: return VMC_TEXT("the handshake was damaged");
    case BR_ERR_BAD_SIGNATURE: return VMC_TEXT("the peer's signature is wrong");
    case BR_ERR_UNSUPPORTED_VERSION:
    case BR_ERR_BAD_VERSION: return VMC_TEXT("no version in common: only TLS 1.2 is spoken here");
    case BR_ERR_BAD_CIPHER_SUITE:
    case BR_ERR_INVALID_ALGORITHM: return VMC_TEXT("the peer chose what was not offered");
    case BR_ERR_WRONG_KEY_USAGE: return VMC_TEXT("certificate's key may not be used for this");
    default: return VMC_TEXT("the peer broke the protocol");
    }
}

/* The peer's first five octets are no record of TLS, of whatever version (RFC 5246 6.2.1: types 20 to 23): only then may somebody go on in
 * plaintext. Where the head of the first record is judged, it still lies in the buffer. */
VMC_FN bool vmc_tls_is_plaintext(const vmc_tls *t)
{
    return t->head == VMC_TLS_RECORD_HEAD && (t->in[0] < 20u || t->in[0] > 23u);
}

/* Makes an error of what the engine says. */
VMC_FN void vmc_tls_engine_failed(vmc_tls *t, int code)
{
    int alert = code >= BR_ERR_SEND_FATAL_ALERT ? code - BR_ERR_SEND_FATAL_ALERT : code - BR_ERR_RECV_FATAL_ALERT;
    if (alert >= 0)
        (void)vmc_tls_fail(t, alert == VMC_TLS_ALERT_ALPN ? VIAMC_ERR_TLS_ALPN : VIAMC_ERR_TLS, (uint32_t)code,
                           vmc_tls_alert_text(t, alert));
    else if (t->trust != NULL && t->trust->fail != 0) {
        t->dates = t->trust->dates;
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_CERT, (uint32_t)code, t->trust->what);
    } else if (code == BR_ERR_TOO_LARGE)
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_RECORD, (uint32_t)t->in_cap, VMC_TEXT("a record is larger than the input buffer"));
    else if (code == BR_ERR_UNSUPPORTED_VERSION && vmc_tls_is_plaintext(t))
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_PLAINTEXT, (uint32_t)code, VMC_TEXT("the peer does not speak TLS"));
    else
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS, (uint32_t)code, vmc_tls_text(t, code));
    t->trust = NULL;
}

/* ---- state ---- */

/* True if h2 was negotiated. */
VMC_FN bool vmc_tls_alpn_h2(const vmc_tls *t)
{
    return t->eng != NULL && br_ssl_engine_get_selected_protocol(t->eng) == t->alpn[0];
}

/* The handshake is done: the memory of trust goes back. */
VMC_FN void vmc_tls_handshake_done(vmc_tls *t)
{
    t->trust = NULL;
    br_ssl_engine_set_x509(t->eng, NULL);
    t->state = VMC_TLS_UP;
    if (!vmc_tls_alpn_h2(t)) {
        br_ssl_engine_close(t->eng); /* the peer hears of it */
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_ALPN, 0, vmc_tls_alert_text(t, VMC_TLS_ALERT_ALPN));
    }
}

/* Follows the engine's state after each step. */
VMC_FN void vmc_tls_follow(vmc_tls *t)
{
    unsigned now;
    if (t->state != VMC_TLS_HANDSHAKE && t->state != VMC_TLS_UP)
        return;
    now = br_ssl_engine_current_state(t->eng);
    if (now == BR_SSL_CLOSED && br_ssl_engine_last_error(t->eng) != BR_ERR_OK)
        vmc_tls_engine_failed(t, br_ssl_engine_last_error(t->eng));
    else if (now == BR_SSL_CLOSED || t->eng->shutdown_recv)
        t->state = VMC_TLS_CLOSED;
    else if (t->state == VMC_TLS_HANDSHAKE && (now & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0)
        vmc_tls_handshake_done(t);
}

VMC_FN vmc_tls_state vmc_tls_state_of(const vmc_tls *t)
{
    return (vmc_tls_state)t->state;
}

/* ---- bytes ---- */

/* Room for octets from the wire, at most to the end of the record under way: one call never does more work than one record gives.
 * NULL and 0: none now, because plaintext waits in app_in, or never again. */
VMC_FN uint8_t *vmc_tls_wire_in(vmc_tls *t, size_t *cap)
{
    *cap = 0;
    if (t->state != VMC_TLS_HANDSHAKE && t->state != VMC_TLS_UP)
        return NULL;
    return br_ssl_engine_recvrec_buf(t->eng, cap);
}

/* Says how many came. Answers OK, or the error that the connection has failed with, now or earlier. */
VMC_FN viamc_err vmc_tls_wire_in_done(vmc_tls *t, size_t n)
{
    if (n != 0) {
        /* the engine asks for no more than the five octets until it has them, and judges them at once */
        t->head = t->head < VMC_TLS_RECORD_HEAD ? (uint8_t)(t->head + n) : (uint8_t)(VMC_TLS_RECORD_HEAD + 1u);
        br_ssl_engine_recvrec_ack(t->eng, n);
        vmc_tls_follow(t);
    }
    return t->error.code;
}

/* Octets for the wire, also after an error: an alert. */
VMC_FN const uint8_t *vmc_tls_wire_out(vmc_tls *t, size_t *len)
{
    *len = 0;
    return t->state == VMC_TLS_IDLE || t->eng == NULL ? NULL : br_ssl_engine_sendrec_buf(t->eng, len);
}

VMC_FN void vmc_tls_wire_out_done(vmc_tls *t, size_t n)
{
    if (n == 0)
        return;
    br_ssl_engine_sendrec_ack(t->eng, n);
    vmc_tls_follow(t);
}

/* Plaintext that came: a view until done has taken all of it. Nothing more is read from the wire before. */
VMC_FN const uint8_t *vmc_tls_app_in(vmc_tls *t, size_t *len)
{
    *len = 0;
    return t->state == VMC_TLS_UP ? br_ssl_engine_recvapp_buf(t->eng, len) : NULL;
}

VMC_FN void vmc_tls_app_in_done(vmc_tls *t, size_t n)
{
    if (n != 0)
        br_ssl_engine_recvapp_ack(t->eng, n);
}

/* Room for plaintext; done closes the record. NULL and 0: a record is still on its way out. Nothing may be called between the two. */
VMC_FN uint8_t *vmc_tls_app_out(vmc_tls *t, size_t *cap)
{
    *cap = 0;
    return t->state == VMC_TLS_UP ? br_ssl_engine_sendapp_buf(t->eng, cap) : NULL;
}

VMC_FN void vmc_tls_app_out_done(vmc_tls *t, size_t n)
{
    if (n == 0)
        return;
    br_ssl_engine_sendapp_ack(t->eng, n);
    br_ssl_engine_flush(t->eng, 0);
}

/* ---- the end ---- */

/* Drops plaintext that was not taken and puts close_notify into wire_out, behind a record that is on its way. */
VMC_FN void vmc_tls_close(vmc_tls *t)
{
    size_t len = 0;
    if (t->state != VMC_TLS_HANDSHAKE && t->state != VMC_TLS_UP)
        return;
    if (br_ssl_engine_recvapp_buf(t->eng, &len) != NULL)
        br_ssl_engine_recvapp_ack(t->eng, len); /* 0.6 would wait for it to be read, for ever */
    br_ssl_engine_close(t->eng);
    vmc_tls_follow(t);
}

/* Overwrites keys and both buffers; the error stays readable. Safe at any time, also twice and on memory that is all zero. */
VMC_FN void vmc_tls_wipe(vmc_tls *t)
{
    viamc_error error = t->error;
    vmc_tls_dates dates = t->dates;
    if (t->state == VMC_TLS_IDLE)
        return;
    if (t->in != NULL)
        vmc_wipe(t->in, t->in_cap);
    if (t->out != NULL)
        vmc_wipe(t->out, t->out_cap);
    vmc_wipe(t, vmc_tls_bytes((vmc_tls_role)t->role));
    t->error = error;
    t->dates = dates;
}

/* ---- what was agreed ---- */

/* "ECDHE-ECDSA-CHACHA20-POLY1305"; "" before the handshake has chosen. Constant. */
VMC_FN const char *vmc_tls_suite_name(const vmc_tls *t)
{
    if (t->eng == NULL)
        return "";
    switch (t->eng->session.cipher_suite) {
    case BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: return VMC_TEXT("ECDHE-ECDSA-CHACHA20-POLY1305");
    case BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: return VMC_TEXT("ECDHE-RSA-CHACHA20-POLY1305");
    case BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: return VMC_TEXT("ECDHE-ECDSA-AES128-GCM-SHA256");
    case BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: return VMC_TEXT("ECDHE-RSA-AES128-GCM-SHA256");
    case BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: return VMC_TEXT("ECDHE-ECDSA-AES256-GCM-SHA384");
    case BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: return VMC_TEXT("ECDHE-RSA-AES256-GCM-SHA384");
    default: return "";
    }
}

VMC_FN void vmc_tls_explain_dates(const vmc_tls_dates *d, vmc_wr *w)
{
    if (!d->early) {
        vmc_wr_text(w, VMC_TEXT("certificate expired "));
        vmc_wr_date(w, d->until);
        return;
    }
    vmc_wr_text(w, VMC_TEXT("certificate not valid before "));
    vmc_wr_date(w, d->from);
    vmc_wr_text(w, VMC_TEXT("; this device's clock says "));
    vmc_wr_date(w, d->clock);
    if (d->clock < VMC_TLS_CLOCK_SANE)
        vmc_wr_text(w, VMC_TEXT(": set dial.unix_time"));
}

/* Writes what went wrong with its numbers, without "TLS: ": "certificate expired 2026-03-01". Error and dates may be copies: they
 * outlive the connection. */
VMC_FN void vmc_tls_explain_error(const viamc_error *e, const vmc_tls_dates *dates, vmc_wr *w)
{
    if (e->code == VIAMC_ERR_TLS_CERT && e->detail == BR_ERR_X509_EXPIRED) {
        vmc_tls_explain_dates(dates, w);
        return;
    }
    vmc_wr_text(w, e->what);
    if (e->code == VIAMC_ERR_TLS_RECORD) {
        vmc_wr_text(w, VMC_TEXT(" of "));
        vmc_wr_grouped(w, e->detail);
        vmc_wr_text(w, VMC_TEXT(" bytes: raise in_bytes"));
    } else if (e->code == VIAMC_ERR_TLS && e->detail >= BR_ERR_RECV_FATAL_ALERT) {
        vmc_wr_text(w, VMC_TEXT(" (alert "));
        vmc_wr_dec(w, e->detail & 255u);
        vmc_wr_text(w, e->detail >= BR_ERR_SEND_FATAL_ALERT ? VMC_TEXT(" sent)") : VMC_TEXT(" received)"));
    }
}

#endif /* VIAMC_NO_TLS */
#endif
