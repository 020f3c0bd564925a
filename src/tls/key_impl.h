/* SPDX-License-Identifier: MIT */
/* tls/key: a server's private key out of its DER (PKCS#8, PKCS#1, SEC 1), by a reader of our own, because that of BearSSL 0.6 has a
 * wrong length check.
 * Knows DER and the sizes that BearSSL's private operations take; knows nothing of certificates and TLS. */
#ifndef VIAMC_TLS_KEY_IMPL_H
#define VIAMC_TLS_KEY_IMPL_H

#include "base/config.h"
#include "base/core.h"
#include "base/core_impl.h"
#include "tls/crypto_impl.h"
#include "tls/tls.h"
#include "tls/tls_sys.h"
#include "tls/trust.h"
#include "tls/x509_impl.h"

#if !defined(VIAMC_NO_TLS) && !defined(VIAMC_NO_SERVER)

#define VMC_KEY_RSA_MIN_BITS 2048u
#define VMC_KEY_RSA_MAX_BITS 4096u  /* BearSSL's bound, BR_MAX_RSA_SIZE */
#define VMC_KEY_FACTOR_MAX 260u     /* octets of a factor: half of the bound and 32 bits */

/* Takes an element with this tag; its content is a view. False: another, or none. */
VMC_FN bool vmc_der_take(vmc_rd *r, uint8_t tag, viamc_bytes *content)
{
    uint8_t got = vmc_rd_u8(r);
    size_t len = vmc_rd_u8(r);
    if (len > 0x82u || len == 0x80u)
        return false;
    if (len == 0x81u) {
        len = vmc_rd_u8(r);
    } else if (len == 0x82u) {
        len = (size_t)vmc_rd_u8(r) << 8;
        len |= vmc_rd_u8(r);
    }
    *content = vmc_rd_take(r, len);
    return vmc_rd_ok(r) && got == tag;
}

/* Takes a positive INTEGER without leading zeros. */
VMC_FN bool vmc_der_number(vmc_rd *r, viamc_bytes *v)
{
    if (!vmc_der_take(r, 0x02, v) || v->len == 0 || (v->ptr[0] & 0x80u) != 0)
        return false;
    *v = vmc_x509_number(*v);
    return true;
}


/* RFC 8017 A.1.2, behind the version: n, e, d, p, q, dp, dq, iq. The lengths are what BearSSL relies on without a look. */
VMC_FN bool vmc_key_rsa(vmc_rd *r, vmc_key *k)
{
    viamc_bytes v[8];
    br_rsa_private_key *sk = &k->of.rsa;
    unsigned i;
    for (i = 0; i < 8u; i++)
        if (!vmc_der_number(r, &v[i]) || v[i].len == 0)
            return false;
    sk->n_bitlen = vmc_x509_bits(v[0]);
    if (sk->n_bitlen < VMC_KEY_RSA_MIN_BITS || sk->n_bitlen > VMC_KEY_RSA_MAX_BITS || v[3].len > VMC_KEY_FACTOR_MAX
        || v[4].len > VMC_KEY_FACTOR_MAX)
        return false;
    i = (unsigned)vmc_x509_bits(v[3]) + (unsigned)vmc_x509_bits(v[4]); /* n has this many bits or one less */
    if ((sk->n_bitlen != i && sk->n_bitlen + 1u != i) || v[5].len > v[3].len || v[6].len > v[4].len || v[7].len > v[3].len
        || (v[3].ptr[v[3].len - 1u] & 1u) == 0 || (v[4].ptr[v[4].len - 1u] & 1u) == 0)
        return false;
    sk->p = vmc_crypto_octets(v[3]);
    sk->plen = v[3].len;
    sk->q = vmc_crypto_octets(v[4]);
    sk->qlen = v[4].len;
    sk->dp = vmc_crypto_octets(v[5]);
    sk->dplen = v[5].len;
    sk->dq = vmc_crypto_octets(v[6]);
    sk->dqlen = v[6].len;
    sk->iq = vmc_crypto_octets(v[7]);
    sk->iqlen = v[7].len;
    k->n = v[0];
    k->type = VIAMC_KEY_RSA;
    return true;
}

/* RFC 5915 3, behind the version: the number, then [0] the curve, which PKCS#8 may have told already. */
VMC_FN bool vmc_key_ec(vmc_rd *r, uint8_t curve, vmc_key *k)
{
    viamc_bytes x, wrap, id;
    vmc_rd in;
    if (!vmc_der_take(r, 0x04, &x))
        return false;
    if (r->left != 0 && *r->ptr == 0xa0u) {
        if (!vmc_der_take(r, 0xa0, &wrap))
            return false;
        in = vmc_rd_of(wrap);
        if (!vmc_der_take(&in, 0x06, &id) || (curve != 0 && curve != vmc_x509_curve_of(id)))
            return false;
        curve = vmc_x509_curve_of(id);
    }
    x = vmc_x509_number(x);
    if (curve == 0 || x.len == 0 || x.len > (curve == VIAMC_CURVE_P256 ? 32u : 48u))
        return false;
    k->of.ec.curve = curve; /* the same numbers in BearSSL and here */
    k->of.ec.x = vmc_crypto_octets(x);
    k->of.ec.xlen = x.len;
    k->type = VIAMC_KEY_EC;
    return true;
}

/* RFC 5958 2: algorithm, then the key of one of the two kinds in an OCTET STRING. */
VMC_FN bool vmc_key_pkcs8(viamc_bytes alg, vmc_rd *r, vmc_key *k)
{
    viamc_bytes id, curve, inner, version;
    vmc_rd a = vmc_rd_of(alg), in;
    if (!vmc_der_take(&a, 0x06, &id) || !vmc_der_take(r, 0x04, &inner))
        return false;
    in = vmc_rd_of(inner);
    if (!vmc_der_take(&in, 0x30, &inner))
        return false;
    in = vmc_rd_of(inner);
    if (!vmc_der_take(&in, 0x02, &version))
        return false;
    switch (vmc_x509_key_type_of(id)) {
    case VIAMC_KEY_RSA: return vmc_key_rsa(&in, k);
    case VIAMC_KEY_EC: return vmc_der_take(&a, 0x06, &curve) && vmc_key_ec(&in, vmc_x509_curve_of(curve), k);
    default: return false;
    }
}

/* Reads a private key; k then points into der. False: not one of ours. */
VMC_FN bool vmc_key_read(viamc_bytes der, vmc_key *k)
{
    vmc_rd r = vmc_rd_of(der);
    viamc_bytes all, version, alg;
    k->type = 0;
    if (!vmc_der_take(&r, 0x30, &all))
        return false;
    r = vmc_rd_of(all);
    if (!vmc_der_take(&r, 0x02, &version) || r.left == 0)
        return false;
    switch (*r.ptr) {
    case 0x02: return vmc_key_rsa(&r, k);
    case 0x04: return vmc_key_ec(&r, 0, k);
    case 0x30: return vmc_der_take(&r, 0x30, &alg) && vmc_key_pkcs8(alg, &r, k);
    default: return false;
    }
}

#endif
#endif
