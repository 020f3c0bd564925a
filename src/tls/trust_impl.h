/* SPDX-License-Identifier: MIT */
/* tls/trust: decides whether a server's certificates are to be believed. Stands between the TLS engine and BearSSL's certificate
 * engine, which checks encodings, signatures, names and dates within the chain; this adds what that one lacks, and the step from the
 * chain to a trust anchor. Knows certificates; knows nothing of records, sockets, files. */
#ifndef VIAMC_TLS_TRUST_IMPL_H
#define VIAMC_TLS_TRUST_IMPL_H

#include "base/config.h"
#include "base/core.h"
#include "base/core_impl.h"
#include "tls/crypto_impl.h"
#include "tls/tls.h"
#include "tls/tls_sys.h"
#include "tls/trust.h"
#include "tls/x509_impl.h"

#ifndef VIAMC_NO_TLS

#define VMC_TRUST_MAX_CERTS 10u   /* viamc: certificates looked at of one chain; each costs a signature */
#define VMC_TRUST_MAX_ROOTS 4096u /* viamc: certificates asked of next_root for each of those */
#define VMC_TRUST_RSA_BITS 2048u  /* least size of an RSA key, everywhere */
#define VMC_TRUST_SPKI_MAX 600u   /* a pinned key with its head: RSA-4096 has 550 octets */
#define VMC_TRUST_DAY_0 719528u   /* 1970-01-01 in BearSSL's days, which begin with year 0 */
#define VMC_TRUST_NAME_MAX 253u   /* RFC 1035 2.3.4, without the root's dot */

struct vmc_trust {
    const br_x509_class *vtable; /* first: BearSSL's view of this struct */
    const viamc_anchor *anchors;
    size_t anchor_count;
    viamc_next_root_fn next_root;
    void *next_root_user;
    uint8_t *root;               /* room for one certificate of the store, NULL without next_root */
    viamc_bytes pin;             /* 32 octets, or none */
    uint32_t day, sec;           /* the clock, since 1970-01-01 */
    vmc_x509 cert;               /* the certificate under way */
    uint32_t certs;              /* those that are complete */
    uint16_t fail;               /* BR_ERR_*, 0: nothing found so far */
    bool trusted;                /* the chain has reached an anchor, or the key is the pinned one: the rest is not looked at */
    uint8_t ip[16];              /* the server's address, if that is its name */
    const char *what;            /* text of the failure */
    const char *why;             /* why an anchor of the right name did not do */
    vmc_tls_dates dates;
    br_x509_pkey pinned;
    union {
        uint8_t spki[VMC_TRUST_SPKI_MAX]; /* with a pin */
#ifndef VIAMC_NO_X509
        br_x509_minimal_context chain;    /* else */
#endif
    } of;
};

VMC_FN void vmc_trust_fail(vmc_trust *tr, unsigned code, const char *what)
{
    if (tr->fail == 0) {
        tr->fail = (uint16_t)code;
        tr->what = what;
    }
}

VMC_FN vmc_trust *vmc_trust_of(const br_x509_class **ctx)
{
    return (vmc_trust *)(void *)ctx;
}

/* ---- names ---- */

VMC_FN unsigned vmc_ip_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10u;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10u : 16u;
}

/* Four decimal numbers without leading zeros. */
VMC_FN bool vmc_ip4(const char *p, size_t len, uint8_t *ip)
{
    unsigned i;
    for (i = 0; i < 4u; i++) {
        unsigned v = 0, digits = 0;
        while (len != 0 && vmc_ip_digit(*p) < 10u && digits < 3u && (digits == 0 || v != 0)) {
            v = v * 10u + vmc_ip_digit(*p++);
            len--;
            digits++;
        }
        if (digits == 0 || v > 255u)
            return false;
        ip[i] = (uint8_t)v;
        if (i < 3u && (len == 0 || *p != '.'))
            return false;
        if (i < 3u) {
            p++;
            len--;
        }
    }
    return len == 0;
}

/* RFC 4291 2.2: groups of hex digits, one "::", perhaps an IPv4 address at the end. */
VMC_FN bool vmc_ip6(const char *p, size_t len, uint8_t *ip)
{
    size_t at = 0, gap = 17; /* 17: no "::" so far */
    VIAMC_MEMSET(ip, 0, 16);
    if (len >= 2u && p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
        len -= 2u;
    }
    while (len != 0 && at < 16u) {
        unsigned v = 0, digits = 0;
        if (at <= 12u && vmc_ip4(p, len, ip + at)) {
            at += 4u;
            len = 0;
            break;
        }
        while (digits < len && digits < 4u && vmc_ip_digit(p[digits]) < 16u)
            v = v << 4 | vmc_ip_digit(p[digits++]);
        if (digits == 0)
            return false;
        vmc_put_be16(ip + at, v);
        at += 2u;
        p += digits;
        len -= digits;
        if (len == 0)
            break;
        if (len < 2u || *p != ':')
            return false;
        p++;
        len--;
        if (*p == ':') {
            if (gap != 17u)
                return false;
            gap = at;
            p++;
            len--;
        }
    }
    if (len != 0 || (gap == 17u) != (at == 16u))
        return false;
    if (gap != 17u && at != 16u) {
        vmc_move(ip + 16u - (at - gap), ip + gap, at - gap);
        VIAMC_MEMSET(ip + gap, 0, 16u - at);
    }
    return true;
}

/* Reads an address; a zone ("%eth0") is not part of it. Answers its octets: 4, 16, or 0: it is a name. */
VMC_FN size_t vmc_ip_of(viamc_str s, uint8_t ip[16])
{
    size_t len = 0;
    while (len < s.len && s.ptr[len] != '%')
        len++;
    if (vmc_ip4(s.ptr, s.len, ip))
        return 4;
    return vmc_ip6(s.ptr, len, ip) ? 16u : 0u;
}

/* Copies a DNS name without the root's dot, terminated. False: not a name. */
VMC_FN bool vmc_trust_dns_name(viamc_str s, char out[VMC_TRUST_NAME_MAX + 1u])
{
    size_t i;
    if (s.len != 0 && s.ptr[s.len - 1u] == '.')
        s.len--;
    if (s.len == 0 || s.len > VMC_TRUST_NAME_MAX)
        return false;
    for (i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '*')
            return false;
    vmc_copy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

/* ---- pinned key ---- */

/* Keeps the octets of the piece that belong to the key's SubjectPublicKeyInfo. The piece ends at cert.at. */
VMC_FN void vmc_trust_keep_spki(vmc_trust *tr, const uint8_t *p, size_t n)
{
    const vmc_x509_part *spki = &tr->cert.spki;
    size_t first = tr->cert.at - n, from, to;
    size_t at = tr->cert.what == VMC_X509_SPKI && spki->len == 0 ? tr->cert.start : spki->at; /* its head may not be complete yet */
    if (spki->len == 0 && tr->cert.what != VMC_X509_SPKI)
        return;
    from = first > at ? first : at;
    to = spki->len == 0 ? tr->cert.at : vmc_min(tr->cert.at, (size_t)spki->at + spki->len);
    if (from >= to)
        return;
    if (to - at > VMC_TRUST_SPKI_MAX)
        vmc_trust_fail(tr, BR_ERR_X509_LIMIT_EXCEEDED, VMC_TEXT("server's key is too long"));
    else
        vmc_copy(tr->of.spki + (from - at), p + (from - first), to - from);
}

/* Makes BearSSL's public key of an anchor's. False: of a kind or size that is not taken. */
VMC_FN bool vmc_trust_key(const viamc_anchor *a, br_x509_pkey *pk)
{
    VIAMC_MEMSET(pk, 0, sizeof *pk);
    if (a->key_type == VIAMC_KEY_RSA) {
        pk->key_type = BR_KEYTYPE_RSA;
        pk->key.rsa.n = vmc_crypto_octets(a->n);
        pk->key.rsa.nlen = a->n.len;
        pk->key.rsa.e = vmc_crypto_octets(a->e);
        pk->key.rsa.elen = a->e.len;
        return vmc_x509_bits(a->n) >= VMC_TRUST_RSA_BITS && vmc_x509_bits(a->n) % 8u == 0 && a->e.len != 0;
    }
    pk->key_type = BR_KEYTYPE_EC;
    pk->key.ec.curve = a->curve;
    pk->key.ec.q = vmc_crypto_octets(a->q);
    pk->key.ec.qlen = a->q.len;
    return a->key_type == VIAMC_KEY_EC && vmc_crypto_has_curve(a->curve) && a->q.len != 0;
}

VMC_FN void vmc_trust_sha256(viamc_bytes v, uint8_t out[32])
{
    br_sha256_context sha;
    br_sha256_init(&sha);
    br_sha256_update(&sha, v.ptr, v.len);
    br_sha256_out(&sha, out);
}

/* The first certificate is complete: its key is the pinned one or not. */
VMC_FN void vmc_trust_compare_pin(vmc_trust *tr)
{
    uint8_t sum[32];
    viamc_anchor a;
    vmc_trust_sha256(viamc_view(tr->of.spki, tr->cert.spki.len), sum);
    if (!vmc_same_secret(viamc_view(sum, sizeof sum), tr->pin)) {
        vmc_trust_fail(tr, BR_ERR_X509_NOT_TRUSTED, VMC_TEXT("server's key is not the pinned one"));
        return;
    }
    vmc_x509_anchor(&tr->cert, tr->of.spki, tr->cert.spki.at, &a);
    if (!vmc_trust_key(&a, &tr->pinned)) {
        vmc_trust_fail(tr, BR_ERR_X509_UNSUPPORTED, VMC_TEXT("pinned key is of a kind or size that is not supported"));
        return;
    }
    tr->trusted = true;
}

/* ---- chain ---- */

#ifndef VIAMC_NO_X509

VMC_FN const uint8_t *vmc_trust_hash_oid(size_t hash_len)
{
    static const uint8_t sha256[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 }; /* RFC 8017 B.1, length first */
    static const uint8_t sha384[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };
    static const uint8_t sha512[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 };
    return hash_len == 32u ? sha256 : hash_len == 48u ? sha384 : hash_len == 64u ? sha512 : NULL;
}

/* Whether the key made the signature of the certificate that the engine has just read. */
VMC_FN bool vmc_trust_signed_by(const br_x509_minimal_context *c, const br_x509_pkey *pk)
{
    const uint8_t *oid = vmc_trust_hash_oid(c->cert_sig_hash_len);
    uint8_t hash[64];
    if (oid == NULL || pk->key_type != c->cert_signer_key_type)
        return false;
    if (pk->key_type == BR_KEYTYPE_EC)
        return c->iecdsa(c->iec, c->tbs_hash, c->cert_sig_hash_len, &pk->key.ec, c->cert_sig, c->cert_sig_len) == 1u;
    return c->irsa != 0 && c->irsa(c->cert_sig, c->cert_sig_len, oid, c->cert_sig_hash_len, &pk->key.rsa, hash) == 1u
        && vmc_same(hash, c->tbs_hash, c->cert_sig_hash_len);
}

VMC_FN bool vmc_trust_same_key(const br_x509_pkey *a, const br_x509_pkey *b)
{
    if (a->key_type != b->key_type)
        return false;
    if (a->key_type == BR_KEYTYPE_EC)
        return a->key.ec.curve == b->key.ec.curve && a->key.ec.qlen == b->key.ec.qlen
            && vmc_same(a->key.ec.q, b->key.ec.q, a->key.ec.qlen);
    return a->key.rsa.nlen == b->key.rsa.nlen && vmc_same(a->key.rsa.n, b->key.rsa.n, a->key.rsa.nlen)
        && a->key.rsa.elen == b->key.rsa.elen && vmc_same(a->key.rsa.e, b->key.rsa.e, a->key.rsa.elen);
}

/* Whether an anchor has the name that is looked for: an authority the issuer's, another one the server's own. */
VMC_FN bool vmc_trust_named(const vmc_trust *tr, viamc_bytes dn, bool ca)
{
    const br_x509_minimal_context *c = &tr->of.chain;
    uint8_t sum[32];
    if (dn.len <= 2u || dn.len != (ca ? tr->cert.issuer.len : tr->cert.subject.len) || (!ca && tr->certs != 0))
        return false; /* no name is no authority's name */
    vmc_trust_sha256(dn, sum);
    return vmc_same(sum, ca ? c->saved_dn_hash : c->current_dn_hash, sizeof sum);
}

/* Whether an anchor of the right name vouches for the certificate that was just read. */
VMC_FN bool vmc_trust_vouches(vmc_trust *tr, const viamc_anchor *a)
{
    br_x509_pkey pk;
    if ((a->until_day != 0 && tr->day > a->until_day) || tr->day < a->from_day) {
        tr->why = VMC_TEXT("the trust anchor of its issuer is not valid at this time");
        return false;
    }
    if (!vmc_trust_key(a, &pk)) {
        tr->why = VMC_TEXT("the trust anchor of its issuer has a key of a kind or size that is not supported");
        return false;
    }
    tr->why = VMC_TEXT("a trust anchor has its issuer's name, but another key");
    return a->ca ? vmc_trust_signed_by(&tr->of.chain, &pk) : vmc_trust_same_key(&tr->of.chain.pkey, &pk);
}

VMC_FN void vmc_trust_walk_anchors(vmc_trust *tr)
{
    size_t i;
    for (i = 0; i < tr->anchor_count && !tr->trusted; i++) {
        const viamc_anchor *a = &tr->anchors[i];
        tr->trusted = vmc_trust_named(tr, a->dn, a->ca != 0) && vmc_trust_vouches(tr, a);
    }
}

/* True for a certificate of the store that may sign others. */
VMC_FN bool vmc_trust_is_authority(const vmc_x509 *x)
{
    return (x->flags & VMC_X509_CA) != 0 && (x->flags & (VMC_X509_USAGE | VMC_X509_USAGE_SIGN)) != VMC_X509_USAGE;
}

VMC_FN bool vmc_trust_for_servers(uint16_t flags, uint16_t enough)
{
    return (flags & VMC_X509_EKU) == 0 || (flags & enough) != 0;
}

/* Looks at one certificate of the store, which lies in root. */
VMC_FN void vmc_trust_root(vmc_trust *tr, uint16_t len)
{
    vmc_x509 x;
    viamc_anchor a;
    viamc_bytes dn;
    vmc_x509_begin(&x, len, viamc_view(NULL, 0));
    (void)vmc_x509_push(&x, tr->root, len);
    if (!vmc_x509_complete(&x))
        return; /* a store may hold things that are not understood */
    vmc_x509_anchor(&x, tr->root, 0, &a);
    a.ca = vmc_trust_is_authority(&x) ? 1u : 0u;
    dn = viamc_view(tr->root + x.subject.at, x.subject.len);
    if (!vmc_trust_named(tr, dn, a.ca != 0))
        return;
    if ((x.flags & VMC_X509_NAMES) != 0)
        tr->why = VMC_TEXT("the trust anchor of its issuer has name constraints, which are not supported");
    else if ((x.flags & VMC_X509_CRITICAL) != 0)
        tr->why = VMC_TEXT("the trust anchor of its issuer has a critical extension that is not supported");
    else if (!vmc_trust_for_servers(x.flags, VMC_X509_EKU_SERVER | VMC_X509_EKU_ANY))
        tr->why = VMC_TEXT("the trust anchor of its issuer is not for servers (extended key usage)");
    else
        tr->trusted = vmc_trust_vouches(tr, &a);
}

VMC_FN void vmc_trust_walk_store(vmc_trust *tr)
{
    unsigned i;
    for (i = 0; i < VMC_TRUST_MAX_ROOTS && !tr->trusted; i++) {
        size_t len = 0;
        viamc_err err = tr->next_root(tr->next_root_user, i, tr->root, VMC_TRUST_ROOT_BYTES, &len);
        if (err == VIAMC_ERR_NOT_FOUND)
            return;
        if (err == VIAMC_OK && len <= VMC_TRUST_ROOT_BYTES) {
            vmc_trust_root(tr, (uint16_t)len);
        } else if (err != VIAMC_ERR_NOMEM) {
            tr->why = VMC_TEXT("the trust store cannot be read");
            return;
        }
    }
}

/* What BearSSL found, in words. */
VMC_FN const char *vmc_trust_text(int code)
{
    switch (code) {
    case BR_ERR_X509_EXPIRED: return VMC_TEXT("certificate is not valid at this time");
    case BR_ERR_X509_BAD_SERVER_NAME: return VMC_TEXT("certificate is for another server name");
    case BR_ERR_X509_DN_MISMATCH: return VMC_TEXT("certificates of the chain are not in order");
    case BR_ERR_X509_BAD_SIGNATURE: return VMC_TEXT("a certificate's signature is wrong");
    case BR_ERR_X509_CRITICAL_EXTENSION: return VMC_TEXT("certificate has a critical extension that is not supported");
    case BR_ERR_X509_NOT_CA: return VMC_TEXT("certificate was issued by one that may not issue any");
    case BR_ERR_X509_FORBIDDEN_KEY_USAGE: return VMC_TEXT("certificate's key may not be used for this");
    case BR_ERR_X509_WEAK_PUBLIC_KEY: return VMC_TEXT("RSA key has less than 2,048 bits");
    case BR_ERR_X509_UNSUPPORTED:
    case BR_ERR_X509_WRONG_KEY_TYPE: return VMC_TEXT("certificate has a key or signature of a kind that is not supported");
    case BR_ERR_X509_LIMIT_EXCEEDED: return VMC_TEXT("certificate has a key or signature that is too long");
    default: return VMC_TEXT("malformed certificate");
    }
}

/* The engine has refused the certificate that was just read. */
VMC_FN void vmc_trust_engine_failed(vmc_trust *tr)
{
    int code = tr->of.chain.err;
    const char *what = vmc_trust_text(code);
    if (code == BR_ERR_X509_EXPIRED) {
        tr->dates.clock = tr->day;
        tr->dates.from = tr->cert.from_day;
        tr->dates.until = tr->cert.until_day;
        tr->dates.early = tr->day < tr->cert.from_day || (tr->day == tr->cert.from_day && tr->sec < tr->cert.from_sec);
    } else if (code == BR_ERR_X509_BAD_SERVER_NAME && (tr->cert.flags & VMC_X509_SAN) == 0) {
        what = VMC_TEXT("certificate has no subjectAltName; common names are not compared");
    } else if (code == BR_ERR_X509_CRITICAL_EXTENSION && (tr->cert.flags & VMC_X509_NAMES) != 0) {
        what = VMC_TEXT("certificate has name constraints, which are not supported");
    }
    vmc_trust_fail(tr, (unsigned)code, what);
}

/* What the engine does not look at, for the server's own certificate. */
VMC_FN void vmc_trust_check_server(vmc_trust *tr)
{
    uint16_t flags = tr->cert.flags;
    if ((flags & (VMC_X509_CA | VMC_X509_USAGE_SIGN)) != 0)
        vmc_trust_fail(tr, BR_ERR_X509_FORBIDDEN_KEY_USAGE,
                       VMC_TEXT("server's certificate is that of an authority (CA:TRUE or keyCertSign)"));
    else if ((flags & VMC_X509_SAN) == 0)
        vmc_trust_fail(tr, BR_ERR_X509_BAD_SERVER_NAME,
                       VMC_TEXT("certificate has no subjectAltName; common names are not compared"));
    else if (tr->cert.ip.len != 0 && (flags & VMC_X509_IP) == 0)
        vmc_trust_fail(tr, BR_ERR_X509_BAD_SERVER_NAME, VMC_TEXT("certificate does not name this address"));
}

/* The same for every certificate of the chain. */
VMC_FN void vmc_trust_check(vmc_trust *tr)
{
    uint16_t enough = tr->certs == 0 ? VMC_X509_EKU_SERVER : VMC_X509_EKU_SERVER | VMC_X509_EKU_ANY;
    if (!vmc_x509_complete(&tr->cert))
        vmc_trust_fail(tr, BR_ERR_X509_TRUNCATED, VMC_TEXT("malformed certificate"));
    else if (tr->cert.version != VMC_X509_V3)
        vmc_trust_fail(tr, BR_ERR_X509_UNSUPPORTED, VMC_TEXT("certificate is not of version 3"));
    else if ((tr->cert.flags & VMC_X509_NAMES) != 0)
        vmc_trust_fail(tr, BR_ERR_X509_CRITICAL_EXTENSION, VMC_TEXT("certificate has name constraints, which are not supported"));
    else if ((tr->cert.flags & VMC_X509_CRITICAL) != 0) /* the engine lets pass some that nobody acts upon */
        vmc_trust_fail(tr, BR_ERR_X509_CRITICAL_EXTENSION, VMC_TEXT("certificate has a critical extension that is not supported"));
    else if ((tr->cert.flags & VMC_X509_RSA_ODD) != 0)
        vmc_trust_fail(tr, BR_ERR_X509_UNSUPPORTED, VMC_TEXT("RSA key's size is not a multiple of 8 bits"));
    else if (!vmc_trust_for_servers(tr->cert.flags, enough))
        vmc_trust_fail(tr, BR_ERR_X509_FORBIDDEN_KEY_USAGE, VMC_TEXT("certificate is not for servers (extended key usage)"));
    else if (tr->certs == 0)
        vmc_trust_check_server(tr);
}

/* A certificate of a chain is complete. */
VMC_FN void vmc_trust_end_link(vmc_trust *tr)
{
    br_x509_minimal_vtable.end_cert(&tr->of.chain.vtable);
    if (tr->of.chain.err != 0)
        vmc_trust_engine_failed(tr);
    else
        vmc_trust_check(tr);
    if (tr->fail != 0)
        return;
    vmc_trust_walk_anchors(tr);
    if (tr->next_root != NULL)
        vmc_trust_walk_store(tr);
}

VMC_FN void vmc_trust_begin_engine(vmc_trust *tr)
{
    br_x509_minimal_context *c = &tr->of.chain;
    br_x509_minimal_init(c, &br_sha256_vtable, NULL, 0); /* anchors are our matter */
    br_x509_minimal_set_hash(c, br_sha256_ID, &br_sha256_vtable);
#ifndef VIAMC_NO_P384
    br_x509_minimal_set_hash(c, br_sha384_ID, &br_sha384_vtable);
    br_x509_minimal_set_hash(c, br_sha512_ID, &br_sha512_vtable);
#endif
    br_x509_minimal_set_ecdsa(c, &vmc_crypto_ecdsa, vmc_crypto_vrfy);
#ifndef VIAMC_NO_RSA
    br_x509_minimal_set_rsa(c, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_minrsa(c, (int)(VMC_TRUST_RSA_BITS / 8u));
#endif
    br_x509_minimal_set_time(c, tr->day + VMC_TRUST_DAY_0, tr->sec);
}

#endif /* VIAMC_NO_X509 */

/* ---- what BearSSL's TLS engine calls ---- */

VMC_FN void vmc_trust_start_chain(const br_x509_class **ctx, const char *server_name)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    tr->certs = 0;
    tr->fail = 0;
    tr->trusted = false;
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0)
        br_x509_minimal_vtable.start_chain(&tr->of.chain.vtable, server_name);
#endif
    (void)server_name;
}

VMC_FN void vmc_trust_start_cert(const br_x509_class **ctx, uint32_t length)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->fail != 0 || tr->trusted)
        return;
    if (length > VMC_X509_MAX_BYTES || tr->certs == VMC_TRUST_MAX_CERTS) {
        vmc_trust_fail(tr, BR_ERR_X509_LIMIT_EXCEEDED,
                       VMC_TEXT("chain of more than 10 certificates, or one of more than 65,535 octets"));
        return;
    }
    vmc_x509_begin(&tr->cert, (uint16_t)length, tr->cert.ip);
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0)
        br_x509_minimal_vtable.start_cert(&tr->of.chain.vtable, length);
#endif
}

VMC_FN void vmc_trust_append(const br_x509_class **ctx, const unsigned char *buf, size_t len)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->fail != 0 || tr->trusted)
        return;
    if (!vmc_x509_push(&tr->cert, buf, len))
        vmc_trust_fail(tr, BR_ERR_X509_UNEXPECTED, VMC_TEXT("malformed certificate"));
    else if (tr->pin.len != 0)
        vmc_trust_keep_spki(tr, buf, len);
#ifndef VIAMC_NO_X509
    else
        br_x509_minimal_vtable.append(&tr->of.chain.vtable, buf, len);
#endif
}

VMC_FN void vmc_trust_end_cert(const br_x509_class **ctx)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->fail != 0 || tr->trusted)
        return;
    if (tr->pin.len != 0 && vmc_x509_complete(&tr->cert))
        vmc_trust_compare_pin(tr);
    else if (tr->pin.len != 0)
        vmc_trust_fail(tr, BR_ERR_X509_TRUNCATED, VMC_TEXT("malformed certificate"));
#ifndef VIAMC_NO_X509
    else
        vmc_trust_end_link(tr);
#endif
    tr->certs++;
}

VMC_FN unsigned vmc_trust_end_chain(const br_x509_class **ctx)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->trusted)
        return tr->fail;
    if (tr->certs == 0)
        vmc_trust_fail(tr, BR_ERR_X509_EMPTY_CHAIN, VMC_TEXT("server sent no certificate"));
    else if (tr->anchor_count == 0 && tr->next_root == NULL)
        vmc_trust_fail(tr, BR_ERR_X509_NOT_TRUSTED, VMC_TEXT("there are no trust anchors: set dial.anchors or dial.next_root"));
    else
        vmc_trust_fail(tr, BR_ERR_X509_NOT_TRUSTED, tr->why != NULL ? tr->why : VMC_TEXT("certificate's issuer is unknown"));
    return tr->fail;
}

VMC_FN const br_x509_pkey *vmc_trust_get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
    const vmc_trust *tr = (const vmc_trust *)(const void *)ctx;
    if (!tr->trusted || tr->fail != 0)
        return NULL;
    if (usages != NULL)
        *usages = BR_KEYTYPE_SIGN;
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0) {
        if (usages != NULL)
            *usages = tr->of.chain.key_usages;
        return &tr->of.chain.pkey;
    }
#endif
    return &tr->pinned;
}

static const br_x509_class vmc_trust_class = {
    sizeof(vmc_trust), vmc_trust_start_chain, vmc_trust_start_cert, vmc_trust_append, vmc_trust_end_cert, vmc_trust_end_chain,
    vmc_trust_get_pkey
};

/* Splits unix seconds into days and seconds, without a division of 64 bits: 86,400 is 128 x 675. */
VMC_FN void vmc_trust_set_clock(vmc_trust *tr, uint64_t unix_time)
{
    uint64_t most = ((uint64_t)1 << 39) - 1u; /* the year 19,391 */
    uint64_t now = unix_time < most ? unix_time : most;
    tr->day = (uint32_t)(now >> 7) / 675u;
    tr->sec = (uint32_t)(now - (uint64_t)tr->day * 86400u);
}

/* Sets up the checks of one connection in the memory that the desc lends. `address`: the server is named by one. */
VMC_FN vmc_trust *vmc_trust_open(const vmc_tls_client_desc *d, const uint8_t *ip, size_t ip_len)
{
    vmc_trust *tr = (vmc_trust *)d->trust;
    VIAMC_MEMSET(tr, 0, sizeof *tr);
    tr->vtable = &vmc_trust_class;
    tr->anchors = d->anchors;
    tr->anchor_count = d->anchor_count;
    tr->next_root = d->next_root;
    tr->next_root_user = d->next_root_user;
    tr->root = d->next_root == NULL ? NULL : (uint8_t *)d->trust + sizeof *tr;
    tr->pin = d->pin_sha256;
    tr->what = "";
    vmc_copy(tr->ip, ip, ip_len);
    tr->cert.ip = viamc_view(tr->ip, ip_len);
    vmc_trust_set_clock(tr, d->unix_time);
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0)
        vmc_trust_begin_engine(tr);
#endif
    return tr;
}

#endif /* VIAMC_NO_TLS */
#endif
