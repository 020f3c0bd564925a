/* SPDX-License-Identifier: MIT */
/* tls/x509: reads a certificate (RFC 5280, DER) octet by octet and notes what the checks need: none is ever held as a whole.
 * Knows DER and the fields of a certificate; knows nothing of signatures, chains, names of servers, BearSSL. */
#ifndef VIAMC_TLS_X509_IMPL_H
#define VIAMC_TLS_X509_IMPL_H

#include "base/config.h"
#include "base/core.h"
#include "base/core_impl.h"
#include "base/date_impl.h"
#include "tls/trust.h"

#ifndef VIAMC_NO_TLS

#define VMC_X509_MAX_BYTES 65535u /* viamc: octets of one certificate; offsets have 16 bits */
#define VMC_X509_DEPTH 9u         /* open elements: whole, certificate, TBS, [3], extensions, extension, value, names, one to spare */
#define VMC_X509_KEEP 20u         /* octets kept of a small element: an algorithm, a time, an address */
#define VMC_X509_HEAD 4u          /* tag, 0x82, two octets of length */
#define VMC_X509_V3 2u            /* the version field of version 3 */

/* ---- what is noted ---- */

#define VMC_X509_SAN 0x0001u          /* there is a subjectAltName */
#define VMC_X509_IP 0x0002u           /* it has the address that was asked for */
#define VMC_X509_EKU 0x0004u          /* there is an extKeyUsage */
#define VMC_X509_EKU_SERVER 0x0008u   /* it has serverAuth */
#define VMC_X509_EKU_ANY 0x0010u      /* it has anyExtendedKeyUsage */
#define VMC_X509_BASIC 0x0020u        /* there is a basicConstraints */
#define VMC_X509_CA 0x0040u           /* it says CA */
#define VMC_X509_NAMES 0x0080u        /* there is a nameConstraints */
#define VMC_X509_USAGE 0x0100u        /* there is a keyUsage */
#define VMC_X509_USAGE_SIGN 0x0200u   /* it has keyCertSign */
#define VMC_X509_CRITICAL 0x0400u     /* there is an extension that is none of these, and is critical or ought to be */
#define VMC_X509_RSA_ODD 0x0800u      /* RSA: the modulus does not fill its octets */

/* Where an element lies in the certificate. */
typedef struct vmc_x509_part {
    uint16_t at, len;
} vmc_x509_part;

/* Elements. Those that hold others stand first. */
typedef enum vmc_x509_what {
    VMC_X509_WHOLE,
    VMC_X509_CERT,
    VMC_X509_TBS,
    VMC_X509_VERSION,
    VMC_X509_VALIDITY,
    VMC_X509_SPKI,
    VMC_X509_ALG,
    VMC_X509_BITS,      /* of an RSA key: holds a sequence */
    VMC_X509_RSA,
    VMC_X509_EXTS_TAG,
    VMC_X509_EXTS,
    VMC_X509_EXT,
    VMC_X509_VALUE_ALT_NAME,
    VMC_X509_VALUE_EKU,
    VMC_X509_VALUE_BASIC,
    VMC_X509_VALUE_USAGE,
    VMC_X509_ALT_NAMES,
    VMC_X509_EKUS,
    VMC_X509_BASICS,
    VMC_X509_LAST_HOLDER = VMC_X509_BASICS,
    VMC_X509_EXT_VALUE, /* of any other extension */
    VMC_X509_VERSION_NUMBER,
    VMC_X509_SIGNED_WITH, /* the algorithm of the signature, which is under the signature */
    VMC_X509_SIGNATURE_ALG, /* the same, which is not */
    VMC_X509_ISSUER,
    VMC_X509_FROM,
    VMC_X509_UNTIL,
    VMC_X509_SUBJECT,
    VMC_X509_ALG_ID,
    VMC_X509_ALG_CURVE,
    VMC_X509_BITS_PAD,  /* the octet of unused bits in front of an RSA key: no element, has no head */
    VMC_X509_POINT,     /* bit string of an EC key */
    VMC_X509_RSA_N,
    VMC_X509_RSA_E,
    VMC_X509_EXT_ID,
    VMC_X509_EXT_CRITICAL,
    VMC_X509_ALT_IP,
    VMC_X509_EKU_ID,
    VMC_X509_BASIC_CA,
    VMC_X509_KEY_USAGE,
    VMC_X509_SKIP,
    VMC_X509_BAD
} vmc_x509_what;

typedef struct vmc_x509_open {
    uint16_t end;   /* offset of the first octet behind it */
    uint8_t what;   /* vmc_x509_what */
    uint8_t nth;    /* elements in it so far; stays at 255 */
} vmc_x509_open;

typedef struct vmc_x509 {
    viamc_bytes ip;        /* address to look for among the alternative names: 4 or 16 octets, empty: none */
    vmc_x509_part issuer, subject, spki; /* whole, with their heads; len 0: not complete yet */
    vmc_x509_part n, e, q; /* contents: RSA modulus (with its leading 0) and exponent, EC point */
    uint32_t from_day, from_sec, until_day, until_sec; /* days since 1970-01-01, seconds of the day */
    uint16_t flags;
    uint8_t version;       /* as encoded: 2 is version 3 */
    uint8_t key_type;      /* VIAMC_KEY_*, 0: another */
    uint8_t curve;         /* VIAMC_CURVE_*, 0: another */
    bool bad;              /* not a certificate that is understood: nothing is read any more */
    /* the reader */
    uint16_t at;           /* octets read */
    uint16_t start;        /* offset of the element's tag */
    uint16_t len;          /* of the element's content */
    uint16_t left;         /* octets of it to come */
    uint8_t what;          /* the element whose head or content is read */
    uint8_t ext;           /* last octet of the extension's OID below 2.5.29, 0: another */
    bool critical;
    uint8_t head_len, keep_len, depth;
    uint8_t head[VMC_X509_HEAD];
    uint8_t keep[VMC_X509_KEEP];
    uint8_t alg[VMC_X509_KEEP]; /* SIGNED_WITH */
    uint16_t alg_len;
    vmc_x509_open open[VMC_X509_DEPTH];
} vmc_x509;

enum {
    VMC_EXT_USAGE = 15, VMC_EXT_ALT_NAME = 17, VMC_EXT_BASIC = 19, VMC_EXT_NAMES = 30, VMC_EXT_POLICIES = 32,
    VMC_EXT_POLICY_LIMITS = 36, VMC_EXT_EKU = 37, VMC_EXT_ANY_POLICY = 54
};

/* Begins a certificate of len octets.
 * ip: view until the last octet. */
VMC_FN void vmc_x509_begin(vmc_x509 *x, uint16_t len, viamc_bytes ip)
{
    VIAMC_MEMSET(x, 0, sizeof *x);
    x->ip = ip;
    x->depth = 1;
    x->open[0].what = VMC_X509_WHOLE;
    x->open[0].end = len;
}

/* True once every octet was read and all was well. */
VMC_FN bool vmc_x509_complete(const vmc_x509 *x)
{
    return !x->bad && x->depth == 0;
}

/* ---- which element follows ---- */

#define VMC_X509_ANY_TAG 0u
#define VMC_X509_NO_END 254u /* nth stays at 255: at most so many elements that are of interest in one list */

/* An element with this tag, as number `from` to `to` of those inside `in`, is a `what`. The first row that fits counts. */
typedef struct vmc_x509_rule {
    uint8_t in, tag, from, to, what;
} vmc_x509_rule;

/* RFC 5280 4.1, 4.2.1; RFC 3279 2.3. */
static const vmc_x509_rule vmc_x509_rules[] = {
    { VMC_X509_WHOLE, 0x30, 0, 0, VMC_X509_CERT },
    { VMC_X509_CERT, 0x30, 0, 0, VMC_X509_TBS },
    { VMC_X509_CERT, 0x30, 1, 1, VMC_X509_SIGNATURE_ALG },
    { VMC_X509_CERT, 0x03, 2, 2, VMC_X509_SKIP }, /* signature */
    { VMC_X509_TBS, 0xa0, 0, 0, VMC_X509_VERSION },
    { VMC_X509_TBS, 0x02, 1, 1, VMC_X509_SKIP }, /* serial number */
    { VMC_X509_TBS, 0x30, 2, 2, VMC_X509_SIGNED_WITH },
    { VMC_X509_TBS, 0x30, 3, 3, VMC_X509_ISSUER },
    { VMC_X509_TBS, 0x30, 4, 4, VMC_X509_VALIDITY },
    { VMC_X509_TBS, 0x30, 5, 5, VMC_X509_SUBJECT },
    { VMC_X509_TBS, 0x30, 6, 6, VMC_X509_SPKI },
    { VMC_X509_TBS, 0x81, 7, 7, VMC_X509_SKIP }, /* unique identifiers */
    { VMC_X509_TBS, 0x82, 7, 8, VMC_X509_SKIP },
    { VMC_X509_TBS, 0xa3, 7, 9, VMC_X509_EXTS_TAG },
    { VMC_X509_VERSION, 0x02, 0, 0, VMC_X509_VERSION_NUMBER },
    { VMC_X509_VALIDITY, 0x17, 0, 0, VMC_X509_FROM },
    { VMC_X509_VALIDITY, 0x18, 0, 0, VMC_X509_FROM },
    { VMC_X509_VALIDITY, 0x17, 1, 1, VMC_X509_UNTIL },
    { VMC_X509_VALIDITY, 0x18, 1, 1, VMC_X509_UNTIL },
    { VMC_X509_SPKI, 0x30, 0, 0, VMC_X509_ALG },
    { VMC_X509_SPKI, 0x03, 1, 1, VMC_X509_POINT }, /* or BITS, by the algorithm */
    { VMC_X509_ALG, 0x06, 0, 0, VMC_X509_ALG_ID },
    { VMC_X509_ALG, 0x06, 1, 1, VMC_X509_ALG_CURVE },
    { VMC_X509_ALG, VMC_X509_ANY_TAG, 1, 1, VMC_X509_SKIP },
    { VMC_X509_BITS, 0x30, 0, 0, VMC_X509_RSA },
    { VMC_X509_RSA, 0x02, 0, 0, VMC_X509_RSA_N },
    { VMC_X509_RSA, 0x02, 1, 1, VMC_X509_RSA_E },
    { VMC_X509_EXTS_TAG, 0x30, 0, 0, VMC_X509_EXTS },
    { VMC_X509_EXTS, 0x30, 0, VMC_X509_NO_END, VMC_X509_EXT },
    { VMC_X509_EXT, 0x06, 0, 0, VMC_X509_EXT_ID },
    { VMC_X509_EXT, 0x01, 1, 1, VMC_X509_EXT_CRITICAL },
    { VMC_X509_EXT, 0x04, 1, 2, VMC_X509_EXT_VALUE }, /* or one of the four below, by the OID */
    { VMC_X509_VALUE_ALT_NAME, 0x30, 0, 0, VMC_X509_ALT_NAMES },
    { VMC_X509_VALUE_EKU, 0x30, 0, 0, VMC_X509_EKUS },
    { VMC_X509_VALUE_BASIC, 0x30, 0, 0, VMC_X509_BASICS },
    { VMC_X509_VALUE_USAGE, 0x03, 0, 0, VMC_X509_KEY_USAGE },
    { VMC_X509_ALT_NAMES, 0x87, 0, 255, VMC_X509_ALT_IP },
    { VMC_X509_ALT_NAMES, VMC_X509_ANY_TAG, 0, 255, VMC_X509_SKIP }, /* DNS names: the engine compares them */
    { VMC_X509_EKUS, 0x06, 0, VMC_X509_NO_END, VMC_X509_EKU_ID },
    { VMC_X509_BASICS, 0x01, 0, 0, VMC_X509_BASIC_CA },
    { VMC_X509_BASICS, 0x02, 0, 1, VMC_X509_SKIP } /* length of the path: the engine counts */
};

/* What an extension's value is, by its OID. */
VMC_FN uint8_t vmc_x509_value_of(uint8_t ext)
{
    switch (ext) {
    case VMC_EXT_USAGE: return VMC_X509_VALUE_USAGE;
    case VMC_EXT_ALT_NAME: return VMC_X509_VALUE_ALT_NAME;
    case VMC_EXT_BASIC: return VMC_X509_VALUE_BASIC;
    case VMC_EXT_EKU: return VMC_X509_VALUE_EKU;
    default: return VMC_X509_EXT_VALUE;
    }
}

/* The element that a tag begins inside the innermost open one. */
VMC_FN uint8_t vmc_x509_child(vmc_x509 *x, uint8_t tag)
{
    vmc_x509_open *o = &x->open[x->depth - 1u];
    size_t i;
    uint8_t what = VMC_X509_BAD;
    if (o->what == VMC_X509_TBS && o->nth == 0 && tag != 0xa0u)
        o->nth = 1; /* version 1 does not say so */
    for (i = 0; i < sizeof vmc_x509_rules / sizeof vmc_x509_rules[0] && what == VMC_X509_BAD; i++) {
        const vmc_x509_rule *r = &vmc_x509_rules[i];
        if (r->in == o->what && (r->tag == tag || r->tag == VMC_X509_ANY_TAG) && o->nth >= r->from && o->nth <= r->to)
            what = r->what;
    }
    if (what == VMC_X509_POINT && x->key_type == VIAMC_KEY_RSA)
        return VMC_X509_BITS;
    if (what != VMC_X509_EXT_VALUE)
        return what;
    o->nth = 2; /* its last, wherever it stands */
    return vmc_x509_value_of(x->ext);
}

/* How many elements must have been in it when it ends. */
VMC_FN uint8_t vmc_x509_least(uint8_t what)
{
    switch (what) {
    case VMC_X509_CERT: return 3;
    case VMC_X509_TBS: return 7;
    case VMC_X509_VALIDITY:
    case VMC_X509_SPKI:
    case VMC_X509_RSA: return 2;
    case VMC_X509_EXT: return 3;
    case VMC_X509_BASICS:       /* an empty one says: no CA */
    case VMC_X509_EKUS: return 0; /* an empty one: for nothing */
    default: return 1;
    }
}

/* ---- what small elements say ---- */

VMC_FN uint32_t vmc_x509_two(const uint8_t *p)
{
    return (uint32_t)(p[0] - '0') * 10u + (uint32_t)(p[1] - '0');
}

/* Reads "YYMMDDHHMMSSZ" or the same with four digits of year (RFC 5280 4.1.2.5). */
VMC_FN void vmc_x509_time(vmc_x509 *x, uint32_t *day, uint32_t *sec)
{
    const uint8_t *p = x->keep;
    bool utc = x->len == 13u;
    uint32_t i, digits = utc ? 12u : 14u, hour, minute, second;
    vmc_date d;
    if ((!utc && x->len != 15u) || x->head[0] != (utc ? 0x17u : 0x18u) || p[digits] != 'Z')
        x->bad = true;
    for (i = 0; !x->bad && i < digits; i++)
        x->bad = p[i] < '0' || p[i] > '9';
    if (x->bad)
        return;
    d.year = utc ? vmc_x509_two(p) + (p[0] < '5' ? 2000u : 1900u) : vmc_x509_two(p) * 100u + vmc_x509_two(p + 2);
    p += utc ? 2 : 4;
    d.month = vmc_x509_two(p);
    d.day = vmc_x509_two(p + 2);
    hour = vmc_x509_two(p + 4);
    minute = vmc_x509_two(p + 6);
    second = vmc_x509_two(p + 8);
    x->bad = d.year == 0 || d.month == 0 || d.month > 12u || d.day == 0 || d.day > 31u || hour > 23u || minute > 59u || second > 59u;
    if (x->bad)
        return;
    *day = vmc_date_days(d);
    *sec = hour * 3600u + minute * 60u + second;
}

/* Kind of a public key by the OID of its algorithm; 0: another. */
VMC_FN uint8_t vmc_x509_key_type_of(viamc_bytes id)
{
    static const uint8_t rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 }; /* RFC 8017 A.1 */
    static const uint8_t ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };              /* RFC 5480 2.1.1 */
    if (id.len == sizeof rsa && vmc_same(id.ptr, rsa, sizeof rsa))
        return VIAMC_KEY_RSA;
    return id.len == sizeof ec && vmc_same(id.ptr, ec, sizeof ec) ? VIAMC_KEY_EC : 0;
}

/* Curve by its OID; 0: another. */
VMC_FN uint8_t vmc_x509_curve_of(viamc_bytes id)
{
    static const uint8_t p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }; /* RFC 5480 2.1.1.1 */
    static const uint8_t p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
    if (id.len == sizeof p256 && vmc_same(id.ptr, p256, sizeof p256))
        return VIAMC_CURVE_P256;
    return id.len == sizeof p384 && vmc_same(id.ptr, p384, sizeof p384) ? VIAMC_CURVE_P384 : 0;
}

/* The small element that was read; a longer one is cut, and then still longer than anything that is asked for. */
VMC_FN viamc_bytes vmc_x509_kept(const vmc_x509 *x)
{
    return viamc_view(x->keep, x->keep_len);
}

VMC_FN bool vmc_x509_is(const vmc_x509 *x, const uint8_t *id, size_t len)
{
    viamc_bytes kept = vmc_x509_kept(x);
    return kept.len == len && vmc_same(kept.ptr, id, len);
}

VMC_FN uint16_t vmc_x509_ext_flag(uint8_t ext)
{
    switch (ext) {
    case VMC_EXT_USAGE: return VMC_X509_USAGE;
    case VMC_EXT_ALT_NAME: return VMC_X509_SAN;
    case VMC_EXT_BASIC: return VMC_X509_BASIC;
    case VMC_EXT_NAMES: return VMC_X509_NAMES;
    case VMC_EXT_EKU: return VMC_X509_EKU;
    default: return 0;
    }
}

/* An extension's OID: those that are looked at lie below 2.5.29 and may stand there once. */
VMC_FN void vmc_x509_ext_id(vmc_x509 *x)
{
    uint16_t flag;
    x->ext = x->len == 3u && x->keep[0] == 0x55u && x->keep[1] == 0x1du ? x->keep[2] : (uint8_t)0;
    x->critical = false;
    flag = vmc_x509_ext_flag(x->ext);
    x->bad = (x->flags & flag) != 0;
    x->flags = (uint16_t)(x->flags | flag);
}

VMC_FN void vmc_x509_purpose(vmc_x509 *x)
{
    static const uint8_t server[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01 }; /* RFC 5280 4.2.1.12 */
    static const uint8_t any[] = { 0x55, 0x1d, 0x25, 0x00 };
    if (vmc_x509_is(x, server, sizeof server))
        x->flags |= VMC_X509_EKU_SERVER;
    if (vmc_x509_is(x, any, sizeof any))
        x->flags |= VMC_X509_EKU_ANY;
}

VMC_FN void vmc_x509_usage(vmc_x509 *x)
{
    if (x->len < 1u || x->keep[0] > 7u)
        x->bad = true;
    else if (x->len > 1u && (x->keep[1] & 0x04u) != 0) /* RFC 5280 4.2.1.3: keyCertSign is bit 5 */
        x->flags |= VMC_X509_USAGE_SIGN;
}

VMC_FN bool vmc_x509_true(vmc_x509 *x)
{
    x->bad = x->len != 1u || (x->keep[0] != 0 && x->keep[0] != 0xffu); /* DER: a BOOLEAN is one of these */
    return x->keep[0] != 0;
}

/* A small element is complete: keep has its first octets. */
VMC_FN void vmc_x509_value(vmc_x509 *x)
{
    switch (x->what) {
    case VMC_X509_VERSION_NUMBER:
        x->version = x->keep[0];
        x->bad = x->len != 1u;
        break;
    case VMC_X509_SIGNED_WITH:
        vmc_copy(x->alg, x->keep, sizeof x->alg);
        x->alg_len = x->len;
        break;
    case VMC_X509_SIGNATURE_ALG: x->bad = x->len != x->alg_len || !vmc_same(x->keep, x->alg, sizeof x->alg); break;
    case VMC_X509_FROM: vmc_x509_time(x, &x->from_day, &x->from_sec); break;
    case VMC_X509_UNTIL: vmc_x509_time(x, &x->until_day, &x->until_sec); break;
    case VMC_X509_ALG_ID: x->key_type = vmc_x509_key_type_of(vmc_x509_kept(x)); break;
    case VMC_X509_ALG_CURVE: x->curve = vmc_x509_curve_of(vmc_x509_kept(x)); break;
    case VMC_X509_BITS_PAD:
    case VMC_X509_POINT: x->bad = x->keep[0] != 0; break; /* unused bits */
    case VMC_X509_RSA_N:
        if (x->keep[0] != 0 || x->keep[1] < 0x80u) /* DER: a number that fills its octets has one more, 0, before it */
            x->flags |= VMC_X509_RSA_ODD;
        break;
    case VMC_X509_EXT_ID: vmc_x509_ext_id(x); break;
    case VMC_X509_EXT_CRITICAL: x->critical = vmc_x509_true(x); break;
    case VMC_X509_ALT_IP:
        if (x->ip.len != 0 && vmc_x509_is(x, x->ip.ptr, x->ip.len))
            x->flags |= VMC_X509_IP;
        break;
    case VMC_X509_EKU_ID: vmc_x509_purpose(x); break;
    case VMC_X509_BASIC_CA:
        if (vmc_x509_true(x))
            x->flags |= VMC_X509_CA;
        break;
    case VMC_X509_KEY_USAGE: vmc_x509_usage(x); break;
    default: break;
    }
}

/* ---- reading ---- */

VMC_FN vmc_x509_part vmc_x509_place(uint16_t at, uint16_t len)
{
    vmc_x509_part p;
    p.at = at;
    p.len = len;
    return p;
}

/* An element with others inside. */
VMC_FN void vmc_x509_enter(vmc_x509 *x)
{
    vmc_x509_open *o;
    if (x->depth == VMC_X509_DEPTH) {
        x->bad = true; /* not reached: the grammar ends before */
        return;
    }
    o = &x->open[x->depth++];
    o->what = x->what;
    o->nth = 0;
    o->end = (uint16_t)(x->at + x->len);
    x->left = 0;
    if (x->what == VMC_X509_BITS) {
        x->what = VMC_X509_BITS_PAD;
        x->left = 1;
        x->bad = x->len == 0;
        x->len = 1;
    }
}

/* Whether a certificate may not be used by those who do not know this extension, of which nothing is evaluated: marked so, or one
 * that its authority has to mark (RFC 5280 4.2.1.11, 4.2.1.14). */
VMC_FN bool vmc_x509_must_be_known(const vmc_x509 *x)
{
    if (x->ext == VMC_EXT_POLICY_LIMITS || x->ext == VMC_EXT_ANY_POLICY)
        return true;
    return x->critical && x->ext != VMC_EXT_NAMES && x->ext != VMC_EXT_POLICIES;
}

/* A head is complete: notes places, enters elements that hold others. */
VMC_FN void vmc_x509_begin_content(vmc_x509 *x)
{
    uint16_t head = (uint16_t)(x->at - x->start);
    x->left = x->len;
    x->keep_len = 0;
    VIAMC_MEMSET(x->keep, 0, sizeof x->keep);
    switch (x->what) {
    case VMC_X509_ISSUER: x->issuer = vmc_x509_place(x->start, (uint16_t)(head + x->len)); break;
    case VMC_X509_SUBJECT: x->subject = vmc_x509_place(x->start, (uint16_t)(head + x->len)); break;
    case VMC_X509_SPKI: x->spki = vmc_x509_place(x->start, (uint16_t)(head + x->len)); break;
    case VMC_X509_EXT_VALUE:
        if (vmc_x509_must_be_known(x))
            x->flags |= VMC_X509_CRITICAL;
        break;
    case VMC_X509_RSA_N: x->n = vmc_x509_place(x->at, x->len); break;
    case VMC_X509_RSA_E: x->e = vmc_x509_place(x->at, x->len); break;
    case VMC_X509_POINT:
        x->bad = x->len == 0;
        x->q = vmc_x509_place((uint16_t)(x->at + 1u), (uint16_t)(x->len - (x->len != 0 ? 1u : 0u)));
        break;
    default: break;
    }
    if (x->what <= VMC_X509_LAST_HOLDER)
        vmc_x509_enter(x);
    if (x->left == 0 && x->what > VMC_X509_LAST_HOLDER)
        vmc_x509_value(x); /* empty */
}

/* Octets that the head has, known after its second; 0: this form of length is not taken (indefinite, or 64 KiB and more). */
VMC_FN unsigned vmc_x509_head_need(const vmc_x509 *x)
{
    if (x->head_len < 2u || x->head[1] < 0x80u)
        return 2;
    return x->head[1] == 0x81u ? 3u : x->head[1] == 0x82u ? 4u : 0u;
}

VMC_FN void vmc_x509_head_done(vmc_x509 *x)
{
    uint32_t len = x->head[1], least = 0;
    if (x->head_len == 3u) {
        len = x->head[2];
        least = 0x80u;
    } else if (x->head_len == 4u) {
        len = vmc_be16(x->head + 2);
        least = 0x100u;
    }
    x->head_len = 0;
    if (len < least || len > (uint32_t)x->open[x->depth - 1u].end - x->at) { /* DER: the shortest form */
        x->bad = true;
        return;
    }
    if (x->open[x->depth - 1u].nth != 255u)
        x->open[x->depth - 1u].nth++;
    x->len = (uint16_t)len;
    vmc_x509_begin_content(x);
}

VMC_FN void vmc_x509_head_octet(vmc_x509 *x, uint8_t c)
{
    if (x->head_len == 0) {
        x->what = vmc_x509_child(x, c);
        x->bad = x->what == VMC_X509_BAD || (c & 0x1fu) == 0x1fu; /* no tag of several octets is in a certificate */
        x->start = x->at;
    }
    x->head[x->head_len++] = c;
    x->at++;
    if (vmc_x509_head_need(x) == 0)
        x->bad = true;
    else if (!x->bad && x->head_len == vmc_x509_head_need(x))
        vmc_x509_head_done(x);
}

VMC_FN size_t vmc_x509_content(vmc_x509 *x, const uint8_t *p, size_t n)
{
    size_t take = vmc_min(n, x->left);
    size_t keep = vmc_min(take, VMC_X509_KEEP - (size_t)x->keep_len);
    vmc_copy(x->keep + x->keep_len, p, keep);
    x->keep_len = (uint8_t)(x->keep_len + keep);
    x->at = (uint16_t)(x->at + take);
    x->left = (uint16_t)(x->left - take);
    if (x->left == 0)
        vmc_x509_value(x);
    return take;
}

/* Leaves the elements that end here. */
VMC_FN void vmc_x509_leave(vmc_x509 *x)
{
    while (!x->bad && x->left == 0 && x->head_len == 0 && x->depth != 0 && x->at == x->open[x->depth - 1u].end) {
        const vmc_x509_open *o = &x->open[--x->depth];
        x->bad = o->nth < vmc_x509_least(o->what);
    }
}

/* Reads on. False: bad, now or earlier; more octets than were announced are bad too. */
VMC_FN bool vmc_x509_push(vmc_x509 *x, const uint8_t *p, size_t n)
{
    while (n != 0 && !x->bad) {
        size_t used = 1;
        if (x->depth == 0)
            x->bad = true;
        else if (x->left != 0)
            used = vmc_x509_content(x, p, n);
        else if (x->at == x->open[x->depth - 1u].end)
            x->bad = true; /* a certificate of no octets */
        else
            vmc_x509_head_octet(x, *p);
        p += used;
        n -= used;
        vmc_x509_leave(x);
    }
    return !x->bad;
}

/* ---- the key, once the certificate's octets are in memory ---- */

/* A number without its leading zeros. */
VMC_FN viamc_bytes vmc_x509_number(viamc_bytes v)
{
    while (v.len != 0 && *v.ptr == 0) {
        v.ptr++;
        v.len--;
    }
    return v;
}

VMC_FN uint32_t vmc_x509_bits(viamc_bytes v)
{
    uint32_t bits;
    uint8_t top;
    v = vmc_x509_number(v);
    if (v.len == 0)
        return 0;
    bits = (uint32_t)(v.len - 1u) * 8u;
    for (top = *v.ptr; top != 0; top >>= 1)
        bits++;
    return bits;
}

/* Makes an anchor of a certificate that was read; `octets` begin at offset `from` of it and reach to the end of its key at least. */
VMC_FN void vmc_x509_anchor(const vmc_x509 *x, const uint8_t *octets, uint16_t from, viamc_anchor *a)
{
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->key_type = x->key_type;
    a->curve = x->curve;
    if (x->key_type == VIAMC_KEY_RSA) {
        a->n = vmc_x509_number(viamc_view(octets + (x->n.at - from), x->n.len));
        a->e = vmc_x509_number(viamc_view(octets + (x->e.at - from), x->e.len));
    } else if (x->key_type == VIAMC_KEY_EC) {
        a->q = viamc_view(octets + (x->q.at - from), x->q.len);
    }
    a->from_day = x->from_day;
    a->until_day = x->until_day;
}

#endif /* VIAMC_NO_TLS */
#endif
