/* SPDX-License-Identifier: MIT */
/* tls/x509, tls/key, tls/trust: any octets as certificates, private keys and chains. However the octets are cut, the verdict is the same, and
 * a chain is believed only if its first certificate reads as one for the name at that time. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

#define NOW 1781481600uLL /* 2026-06-15 */

enum { CERTS = 4 };

typedef struct chain {
    viamc_bytes cert[CERTS]; /* the first one is the root */
    unsigned count;
} chain;

static viamc_err next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    const chain *c = (const chain *)user;
    if (index != 0)
        return VIAMC_ERR_NOT_FOUND;
    if (c->cert[0].len > cap)
        return VIAMC_ERR_NOMEM;
    vmc_copy(der, c->cert[0].ptr, c->cert[0].len);
    *len = c->cert[0].len;
    return VIAMC_OK;
}

static bool read_cert(viamc_bytes cert, size_t piece, vmc_x509 *x)
{
    static const uint8_t ip[4] = {10, 0, 0, 7};
    bool good = true;
    vmc_x509_begin(x, (uint16_t)cert.len, viamc_view(ip, sizeof ip));
    while (cert.len != 0 && good) {
        viamc_bytes part = fuzz_take(&cert, piece);
        good = vmc_x509_push(x, part.ptr, part.len);
    }
    return good && vmc_x509_complete(x);
}

static void compare_reads(viamc_bytes cert, size_t piece)
{
    vmc_x509 a, b;
    viamc_anchor anchor;
    bool good = read_cert(cert, FUZZ_MAX, &a);
    FUZZ_CHECK(good == read_cert(cert, piece, &b));
    if (!good)
        return;
    FUZZ_CHECK(a.flags == b.flags && a.key_type == b.key_type && a.from_day == b.from_day && a.until_day == b.until_day);
    FUZZ_CHECK((size_t)a.spki.at + a.spki.len <= cert.len && (size_t)a.subject.at + a.subject.len <= cert.len);
    vmc_x509_anchor(&a, cert.ptr, 0, &anchor);
    FUZZ_CHECK(fuzz_inside(anchor.n, cert) && fuzz_inside(anchor.e, cert) && fuzz_inside(anchor.q, cert));
}

static unsigned judge(chain *c, bool pinned, const uint8_t *pin, size_t piece)
{
    static uint64_t memory[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
    vmc_tls_client_desc d;
    const br_x509_class **ctx;
    unsigned i, usages;
    memset(&d, 0, sizeof d);
    memset(memory, 0xa5, sizeof memory);
    d.unix_time = NOW;
    d.next_root = pinned ? NULL : next_root;
    d.next_root_user = c;
    d.trust = memory;
    if (pinned)
        d.pin_sha256 = viamc_view(pin, 32);
    ctx = &vmc_trust_open(&d, NULL, 0)->vtable;
    (*ctx)->start_chain(ctx, "robot.test");
    for (i = 1; i < c->count; i++) {
        viamc_bytes rest = c->cert[i];
        (*ctx)->start_cert(ctx, (uint32_t)rest.len);
        while (rest.len != 0) {
            viamc_bytes part = fuzz_take(&rest, piece);
            (*ctx)->append(ctx, part.ptr, part.len);
        }
        (*ctx)->end_cert(ctx);
    }
    i = (*ctx)->end_chain(ctx);
    FUZZ_CHECK((i == 0) == ((*ctx)->get_pkey(ctx, &usages) != NULL) || i != 0);
    return i;
}

static void fuzz_one(viamc_bytes in)
{
    static uint8_t octets[CERTS][FUZZ_MAX];
    uint8_t pin[32];
    chain c;
    vmc_key key;
    size_t piece = (size_t)fuzz_u8(&in) % 64u + 1u;
    unsigned code;
    memset(pin, 0x11, sizeof pin);
    c.count = 0;
    (void)vmc_key_read(in, &key);
    while (in.len != 0 && c.count < CERTS) {
        size_t len = (size_t)fuzz_u8(&in) << 8;
        len |= fuzz_u8(&in);
        c.cert[c.count] = fuzz_take(&in, len);
        vmc_copy(octets[c.count], c.cert[c.count].ptr, c.cert[c.count].len);
        compare_reads(c.cert[c.count], piece);
        c.count++;
    }
    if (c.count < 2u)
        return;
    code = judge(&c, false, pin, 256);
    FUZZ_CHECK(code == judge(&c, false, pin, piece));
    FUZZ_CHECK(judge(&c, true, pin, piece) != 0); /* nobody has a key of that hash */
    if (code == 0) {
        vmc_x509 leaf;
        FUZZ_CHECK(read_cert(c.cert[1], FUZZ_MAX, &leaf));
        FUZZ_CHECK(leaf.from_day <= NOW / 86400u && leaf.until_day >= NOW / 86400u && (leaf.flags & VMC_X509_CA) == 0);
        FUZZ_CHECK((leaf.flags & VMC_X509_EKU) == 0 || (leaf.flags & (VMC_X509_EKU_SERVER | VMC_X509_EKU_ANY)) != 0);
        FUZZ_CHECK((leaf.flags & VMC_X509_SAN) != 0);
    }
}
