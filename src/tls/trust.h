/* SPDX-License-Identifier: MIT */
/* tls/trust: whom a client trusts: public types of descs.
 * Knows octets; knows nothing of the TLS engine. Is there in every build, so that no option changes a desc. */
#ifndef VIAMC_TLS_TRUST_H
#define VIAMC_TLS_TRUST_H

#include "base/core.h"

enum { VIAMC_KEY_RSA = 1, VIAMC_KEY_EC = 2 };         /* kind of a public key */
enum { VIAMC_CURVE_P256 = 23, VIAMC_CURVE_P384 = 24 }; /* RFC 8422 5.1.1 */

/* A trust anchor: the name and the key of a certificate authority. Boards have a const array of them, made by tools/anchor.py. */
typedef struct viamc_anchor {
    viamc_bytes dn;      /* kept: the subject's Name as DER, with its SEQUENCE */
    uint8_t key_type;    /* VIAMC_KEY_RSA or VIAMC_KEY_EC */
    uint8_t curve;       /* VIAMC_CURVE_* of an EC key */
    uint8_t ca;          /* 1: an authority; 0: vouches for the server with this very key and for nobody else */
    viamc_bytes n, e;    /* kept: RSA modulus and exponent, big-endian */
    viamc_bytes q;       /* kept: EC point, uncompressed */
    uint32_t from_day;   /* first and last day of validity, days since 1970-01-01 UTC; 0: not limited */
    uint32_t until_day;
} viamc_anchor;

/* Gives certificate number index of a trust store as DER. Called while a server's chain is checked, in rising order from 0, and
 * again from 0 for the next certificate of the chain; so the store is never in memory as a whole.
 *   der, cap  lent: where the certificate goes
 *   len       out: octets written
 * Returns:  OK; NOT_FOUND (no such index: the end); NOMEM (this one is larger than cap: it is skipped); else the check fails.
 * Called from: poll. May not call viamc on the same client. */
typedef viamc_err (*viamc_next_root_fn)(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len);

/* ---- sizes that the memory macros need, also where there is no BearSSL to ask; proven in tls_impl.h ---- */
#define VMC_TLS_IN_MIN 837u        /* input buffer: 512 octets of plaintext and 325 of overhead, the least that BearSSL takes */
#define VMC_TLS_IN_MAX 16709u      /* input buffer in which every record fits: 16,384 + 325 */
#define VMC_TLS_OUT_MIN 597u       /* output buffer: 512 octets of plaintext and 85 of overhead */
#define VMC_TLS_OUT_MAX 16469u     /* 16,384 + 85 */
#define VMC_TLS_SEED_MIN 32u       /* octets of seed */
#define VMC_TRUST_ROOT_BYTES 4096u /* one root certificate of a store; the largest of Debian's 144 has 2,007 octets */
#if UINTPTR_MAX > 0xffffffffu
#define VMC_TLS_CLIENT_BYTES 3904u
#define VMC_TLS_SERVER_BYTES 4320u
#define VMC_TRUST_BYTES 3568u /* without room for a root */
#else
#define VMC_TLS_CLIENT_BYTES 3520u
#define VMC_TLS_SERVER_BYTES 3904u
#define VMC_TRUST_BYTES 3360u
#endif

#endif
