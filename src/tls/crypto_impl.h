/* SPDX-License-Identifier: MIT */
/* tls/crypto: which of BearSSL's implementations are linked: the ones that are used, and no more.
 * Knows BearSSL's primitives; knows nothing of certificates and records. */
#ifndef VIAMC_TLS_CRYPTO_IMPL_H
#define VIAMC_TLS_CRYPTO_IMPL_H

#include "base/config.h"
#include "base/core.h"
#include "tls/tls_sys.h"

#ifndef VIAMC_NO_TLS

/* Multiplies of 16 bits are the better choice where one of 32 x 32 to 64 bits is a library call. */
#ifndef VIAMC_TLS_M15
#if defined(__ARM_ARCH_6M__) || defined(__AVR__)
#define VIAMC_TLS_M15 1
#else
#define VIAMC_TLS_M15 0
#endif
#endif

#if VIAMC_TLS_M15
#define VMC_CRYPTO_P256 (&br_ec_p256_m15)
#define VMC_CRYPTO_X25519 (&br_ec_c25519_m15)
#define VMC_CRYPTO_P384 (&br_ec_prime_i15)
#define VMC_CRYPTO_ECDSA_VRFY br_ecdsa_i15_vrfy_asn1
#define VMC_CRYPTO_ECDSA_SIGN br_ecdsa_i15_sign_asn1
#else
#define VMC_CRYPTO_P256 (&br_ec_p256_m31)
#define VMC_CRYPTO_X25519 (&br_ec_c25519_m31)
#define VMC_CRYPTO_P384 (&br_ec_prime_i31)
#define VMC_CRYPTO_ECDSA_VRFY br_ecdsa_i31_vrfy_asn1
#define VMC_CRYPTO_ECDSA_SIGN br_ecdsa_i31_sign_asn1
#endif

/* The 64-bit curves came after release 0.6, and their last error was mended before the feature that is asked for here. */
#if defined(BR_FEATURE_X509_TIME_CALLBACK) && !VIAMC_TLS_M15 && UINTPTR_MAX > 0xffffffffu
#define VMC_CRYPTO_M64 1
#else
#define VMC_CRYPTO_M64 0
#endif

#define VMC_CRYPTO_CURVE(id) ((uint32_t)1 << (id))

VMC_FN const br_ec_impl *vmc_crypto_curve(int curve)
{
    const br_ec_impl *fast = NULL;
#if VMC_CRYPTO_M64
    if (curve == BR_EC_secp256r1)
        fast = br_ec_p256_m64_get();
    else if (curve == BR_EC_curve25519)
        fast = br_ec_c25519_m64_get();
#endif
#ifndef VIAMC_NO_P384
    if (curve == BR_EC_secp384r1)
        return VMC_CRYPTO_P384;
#endif
    if (fast != NULL)
        return fast;
    return curve == BR_EC_curve25519 ? VMC_CRYPTO_X25519 : VMC_CRYPTO_P256;
}

VMC_FN const unsigned char *vmc_crypto_generator(int curve, size_t *len)
{
    return vmc_crypto_curve(curve)->generator(curve, len);
}

VMC_FN const unsigned char *vmc_crypto_order(int curve, size_t *len)
{
    return vmc_crypto_curve(curve)->order(curve, len);
}

VMC_FN size_t vmc_crypto_xoff(int curve, size_t *len)
{
    return vmc_crypto_curve(curve)->xoff(curve, len);
}

VMC_FN uint32_t vmc_crypto_mul(unsigned char *g, size_t glen, const unsigned char *x, size_t xlen, int curve)
{
    return vmc_crypto_curve(curve)->mul(g, glen, x, xlen, curve);
}

VMC_FN size_t vmc_crypto_mulgen(unsigned char *r, const unsigned char *x, size_t xlen, int curve)
{
    return vmc_crypto_curve(curve)->mulgen(r, x, xlen, curve);
}

VMC_FN uint32_t vmc_crypto_muladd(unsigned char *a, const unsigned char *b, size_t len, const unsigned char *x, size_t xlen,
                                  const unsigned char *y, size_t ylen, int curve)
{
    return vmc_crypto_curve(curve)->muladd(a, b, len, x, xlen, y, ylen, curve);
}

/* Key exchange: what the hello offers and nothing else. */
static const br_ec_impl vmc_crypto_ecdhe = {
    VMC_CRYPTO_CURVE(BR_EC_secp256r1) | VMC_CRYPTO_CURVE(BR_EC_curve25519),
    vmc_crypto_generator, vmc_crypto_order, vmc_crypto_xoff, vmc_crypto_mul, vmc_crypto_mulgen, vmc_crypto_muladd
};

/* Signatures: certificates and what their keys sign. */
static const br_ec_impl vmc_crypto_ecdsa = {
#ifndef VIAMC_NO_P384
    VMC_CRYPTO_CURVE(BR_EC_secp384r1) |
#endif
    VMC_CRYPTO_CURVE(BR_EC_secp256r1),
    vmc_crypto_generator, vmc_crypto_order, vmc_crypto_xoff, vmc_crypto_mul, vmc_crypto_mulgen, vmc_crypto_muladd
};

/* The engine has one set of curves for both, so the one for signatures is put in here. */
VMC_FN uint32_t vmc_crypto_vrfy(const br_ec_impl *impl, const void *hash, size_t hash_len, const br_ec_public_key *pk,
                                const void *sig, size_t sig_len)
{
    (void)impl;
    return VMC_CRYPTO_ECDSA_VRFY(&vmc_crypto_ecdsa, hash, hash_len, pk, sig, sig_len);
}

VMC_FN size_t vmc_crypto_sign(const br_ec_impl *impl, const br_hash_class *hf, const void *hash, const br_ec_private_key *sk,
                              void *sig)
{
    (void)impl;
    return VMC_CRYPTO_ECDSA_SIGN(&vmc_crypto_ecdsa, hf, hash, sk, sig);
}

VMC_FN bool vmc_crypto_has_curve(int curve)
{
    return curve >= 0 && curve < 32 && (vmc_crypto_ecdsa.supported_curves & VMC_CRYPTO_CURVE(curve)) != 0;
}

/* BearSSL's key structs point to octets that it only reads. */
VMC_FN unsigned char *vmc_crypto_octets(viamc_bytes v)
{
    union { const uint8_t *in; unsigned char *out; } p; /* -Wcast-qual */
    p.in = v.ptr;
    return p.out;
}

#endif
#endif
