/* SPDX-License-Identifier: MIT */
/* tls/x509, tls/key, tls/trust: certificates, keys, names, and which chains are believed. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "tls_kit.h"

/* ---- dates ---- */

TEST(dates_follow_the_calendar)
{
    static const struct { uint32_t y, m, d, days; } known[] = {
        { 1970, 1, 1, 0 }, { 1970, 1, 2, 1 }, { 1972, 2, 29, 789 }, { 2000, 2, 29, 11016 }, { 2000, 3, 1, 11017 },
        { 2026, 3, 1, 20513 }, { 2026, 10, 1, 20727 }, { 2100, 2, 28, 47540 }, { 2100, 3, 1, 47541 }, { 9999, 12, 31, 2932896 }
    };
    size_t i;
    uint32_t days;
    for (i = 0; i < TEST_COUNT(known); i++) {
        vmc_date d;
        d.year = known[i].y;
        d.month = known[i].m;
        d.day = known[i].d;
        CHECK_EQ_INT(vmc_date_days(d), known[i].days);
    }
    for (days = 0; days < 2932896; days += 13) { /* there and back */
        vmc_date d = vmc_date_of(days);
        if (vmc_date_days(d) != days || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31) {
            CHECK_EQ_INT(vmc_date_days(d), days);
            return;
        }
    }
}

TEST(dates_before_1970_are_day_0)
{
    vmc_date d;
    d.year = 1950;
    d.month = 6;
    d.day = 1;
    CHECK_EQ_INT(vmc_date_days(d), 0);
}

TEST(dates_as_text)
{
    char text[16];
    vmc_wr w = vmc_wr_of(text, sizeof text);
    vmc_wr_date(&w, 20513);
    CHECK_EQ_MEM(text, w.len, "2026-03-01", 10);
}

TEST(clock_is_split_without_64_bit_division)
{
    static const uint64_t times[] = { 0, 1, 86399, 86400, 86401, 1781481600, 4294967295u, 4294967296u, 99999999999u };
    size_t i;
    for (i = 0; i < TEST_COUNT(times); i++) {
        vmc_trust *tr = (vmc_trust *)calloc(1, sizeof *tr);
        REQUIRE(tr != NULL);
        vmc_trust_set_clock(tr, times[i]);
        CHECK_EQ_INT(tr->day, times[i] / 86400u);
        CHECK_EQ_INT(tr->sec, times[i] % 86400u);
        free(tr);
    }
}

/* ---- names ---- */

static void check_ip(const char *text, const char *hex)
{
    uint8_t ip[16], want[16];
    size_t len = vmc_ip_of(viamc_text(text), ip), n = test_hex(hex, want, sizeof want);
    if (!(len == n && memcmp(ip, want, n) == 0)) {
        printf("  address \"%s\"\n", text);
        CHECK_EQ_MEM(ip, len, want, n);
    }
}

TEST(addresses_are_recognised)
{
    check_ip("10.0.0.7", "0a000007");
    check_ip("255.255.255.255", "ffffffff");
    check_ip("::", "00000000000000000000000000000000");
    check_ip("::1", "00000000000000000000000000000001");
    check_ip("1::", "00010000000000000000000000000000");
    check_ip("2001:db8::beef", "20010db800000000000000000000beef");
    check_ip("2001:DB8:0:0:0:0:0:BEEF", "20010db800000000000000000000beef");
    check_ip("fe80::1%eth0", "fe800000000000000000000000000001");
    check_ip("::ffff:10.0.0.7", "00000000000000000000ffff0a000007");
    check_ip("1:2:3:4:5:6:7::", "00010002000300040005000600070000");
    check_ip("::2:3:4:5:6:7:8", "00000002000300040005000600070008");
    check_ip("1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304");
}

TEST(other_texts_are_not_addresses)
{
    static const char *const no[] = {
        "", "robot.test", "10.0.0", "10.0.0.", "10.0.0.7.", "10.0.0.256", "10.0.0.07", "10.0.0.1234", "1.2.3.4.5", "1:2", ":1", "1:::2", "1::2::3",
        "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", ":", "1:", "g::", "10.0.0.7%e",
        "1:2:3:4:5:6:7:", "::1:", "0x7f.1", "2130706433"
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(no); i++)
        check_ip(no[i], "");
}

TEST(addresses_with_any_octets_stay_inside)
{
    unsigned i;
    for (i = 0; i < 200000; i++) {
        static const char letters[] = ":::...0123456789abcdefFg%";
        char *text = (char *)malloc(24); /* no more, so that the sanitizer sees a step outside */
        uint8_t *ip = (uint8_t *)malloc(16);
        uint32_t n = test_rand_below(24), k;
        viamc_str s;
        REQUIRE(text != NULL && ip != NULL);
        for (k = 0; k < n; k++)
            text[24 - n + k] = letters[test_rand_below(sizeof letters - 1)];
        s.ptr = text + (24 - n);
        s.len = n;
        CHECK(vmc_ip_of(s, ip) <= 16);
        free(ip);
        free(text);
    }
}

TEST(dns_names)
{
    char out[VMC_TRUST_NAME_MAX + 1u], longest[300];
    viamc_str nul;
    CHECK(vmc_trust_dns_name(viamc_text("robot.test"), out));
    CHECK_EQ_STR(out, "robot.test");
    CHECK(vmc_trust_dns_name(viamc_text("robot.test."), out));
    CHECK_EQ_STR(out, "robot.test");
    CHECK(!vmc_trust_dns_name(viamc_text(""), out));
    CHECK(!vmc_trust_dns_name(viamc_text("."), out));
    CHECK(!vmc_trust_dns_name(viamc_text("a b"), out));
    CHECK(!vmc_trust_dns_name(viamc_text("*.test"), out));
    nul.ptr = "robot.test\0.evil";
    nul.len = 16;
    CHECK(!vmc_trust_dns_name(nul, out));
    memset(longest, 'a', sizeof longest);
    nul.ptr = longest;
    nul.len = VMC_TRUST_NAME_MAX;
    CHECK(vmc_trust_dns_name(nul, out));
    nul.len = VMC_TRUST_NAME_MAX + 1u;
    CHECK(!vmc_trust_dns_name(nul, out));
}

/* ---- reading certificates ---- */

/* Reads a copy of the octets in pieces of at most `piece` octets. */
static bool read_cert(vmc_x509 *x, const uint8_t *p, size_t len, size_t piece, viamc_bytes ip)
{
    size_t at = 0;
    vmc_x509_begin(x, (uint16_t)len, ip);
    while (at < len) {
        size_t n = piece < len - at ? piece : len - at;
        uint8_t *copy = (uint8_t *)malloc(n);
        if (copy == NULL)
            test_die("no memory", "read_cert");
        memcpy(copy, p + at, n);
        (void)vmc_x509_push(x, copy, n);
        free(copy);
        at += n;
    }
    return vmc_x509_complete(x);
}

TEST(certificate_is_read_the_same_in_any_pieces)
{
    viamc_bytes c = kit_cert("web");
    viamc_bytes ip = viamc_view("\x0a\0\0\x07", 4);
    vmc_x509 whole, x;
    size_t piece;
    CHECK(read_cert(&whole, c.ptr, c.len, c.len, ip));
    CHECK_EQ_INT(whole.version, 2);
    CHECK_EQ_INT(whole.key_type, VIAMC_KEY_EC);
    CHECK_EQ_INT(whole.curve, VIAMC_CURVE_P256);
    CHECK_EQ_INT(whole.q.len, 65);
    CHECK_EQ_INT(whole.spki.len, 91);
    CHECK_EQ_INT(whole.flags, VMC_X509_SAN | VMC_X509_IP | VMC_X509_EKU | VMC_X509_EKU_SERVER | VMC_X509_BASIC | VMC_X509_USAGE);
    CHECK_EQ_INT(c.ptr[whole.issuer.at], 0x30);
    CHECK_EQ_INT(c.ptr[whole.q.at], 4);
    for (piece = 1; piece < 300; piece++) {
        CHECK(read_cert(&x, c.ptr, c.len, piece, ip));
        CHECK_EQ_MEM(&x, offsetof(vmc_x509, keep), &whole, offsetof(vmc_x509, keep));
    }
}

TEST(certificate_cut_short_is_not_complete)
{
    viamc_bytes c = kit_cert("rsa");
    size_t n;
    for (n = 0; n < c.len; n++) {
        vmc_x509 x;
        CHECK(!read_cert(&x, c.ptr, n, n + 1u, viamc_view(NULL, 0))); /* announced as so long */
        vmc_x509_begin(&x, (uint16_t)c.len, viamc_view(NULL, 0));
        (void)vmc_x509_push(&x, c.ptr, n);                            /* announced longer */
        CHECK(!vmc_x509_complete(&x));
    }
}

TEST(elements_longer_than_what_holds_them_are_bad_at_once)
{
    static const struct { const char *hex; bool bad; } rows[] = {
        { "30 0a 30 08", false }, { "30 0a 30 09", true }, { "30 0b", true }, { "30 81", false }, { "30 0a 30 80", true },
        { "30 0a 30 81 07", true }, { "30 0a 30 82 00 06", true }, { "30 0a 30 83", true }, { "31", true }, { "30 0a 3f", true }
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint8_t data[16];
        size_t n = test_hex(rows[i].hex, data, sizeof data);
        vmc_x509 x;
        vmc_x509_begin(&x, 12, viamc_view(NULL, 0));
        (void)vmc_x509_push(&x, data, n);
        if (x.bad != rows[i].bad)
            printf("  %s\n", rows[i].hex);
        CHECK_EQ_INT(x.bad, rows[i].bad);
    }
}

TEST(times_of_both_forms)
{
    static const struct { uint8_t tag; const char *text; bool good; uint32_t day, sec; } rows[] = {
        { 0x17, "260301000000Z", true, 20513, 0 }, { 0x17, "491231235959Z", true, 29219, 86399 }, { 0x17, "500101000000Z", true, 0, 0 },
        { 0x17, "700102000001Z", true, 1, 1 }, { 0x17, "991231120000Z", true, 10956, 43200 }, { 0x18, "20260301000000Z", true, 20513, 0 },
        { 0x18, "99991231235959Z", true, 2932896, 86399 }, { 0x18, "00010101000000Z", true, 0, 0 }, { 0x17, "20260301000000Z", false, 0, 0 },
        { 0x18, "260301000000Z", false, 0, 0 }, { 0x17, "260301000000+", false, 0, 0 }, { 0x17, "2603010000Z", false, 0, 0 },
        { 0x17, "261301000000Z", false, 0, 0 }, { 0x17, "260001000000Z", false, 0, 0 }, { 0x17, "260332000000Z", false, 0, 0 },
        { 0x17, "260300000000Z", false, 0, 0 }, { 0x17, "260301240000Z", false, 0, 0 }, { 0x17, "260301006000Z", false, 0, 0 },
        { 0x17, "260301000060Z", false, 0, 0 }, { 0x17, "26:301000000Z", false, 0, 0 }, { 0x18, "00000101000000Z", false, 0, 0 },
        { 0x18, "20260301000000.5Z", false, 0, 0 }
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        vmc_x509 x;
        uint32_t day = 0, sec = 0;
        memset(&x, 0, sizeof x);
        x.head[0] = rows[i].tag;
        x.len = (uint16_t)strlen(rows[i].text);
        x.keep_len = (uint8_t)x.len;
        memcpy(x.keep, rows[i].text, x.len);
        vmc_x509_time(&x, &day, &sec);
        if (x.bad == rows[i].good)
            printf("  %s\n", rows[i].text);
        CHECK(x.bad == !rows[i].good);
        CHECK_EQ_INT(day, rows[i].day);
        CHECK_EQ_INT(sec, rows[i].sec);
    }
}

TEST(certificate_with_more_behind_it_is_bad)
{
    viamc_bytes c = kit_cert("ec");
    uint8_t *longer = (uint8_t *)calloc(1, c.len + 1);
    vmc_x509 x;
    REQUIRE(longer != NULL);
    memcpy(longer, c.ptr, c.len);
    CHECK(!read_cert(&x, longer, c.len + 1, c.len + 1, viamc_view(NULL, 0)));
    free(longer);
}

TEST(damaged_certificates_stay_inside)
{
    static const char *const names[] = { "web", "rsa", "root-names", "v1", "p384", "client" };
    unsigned i, good = 0;
    for (i = 0; i < 60000; i++) {
        viamc_bytes c = kit_cert(names[i % TEST_COUNT(names)]);
        uint8_t *copy = (uint8_t *)malloc(c.len);
        unsigned flips = 1 + test_rand_below(3), k;
        vmc_x509 x;
        REQUIRE(copy != NULL);
        memcpy(copy, c.ptr, c.len);
        for (k = 0; k < flips; k++)
            copy[test_rand_below((uint32_t)c.len)] = (uint8_t)test_rand();
        if (read_cert(&x, copy, c.len, 1 + test_rand_below((uint32_t)c.len), viamc_view("\x7f\0\0\1", 4))) {
            viamc_anchor a;
            good++;
            CHECK(x.n.at + x.n.len <= c.len && x.q.at + x.q.len <= c.len && x.spki.at + x.spki.len <= c.len);
            CHECK(x.subject.at + x.subject.len <= c.len && x.issuer.at + x.issuer.len <= c.len);
            vmc_x509_anchor(&x, copy, 0, &a);
            CHECK(vmc_x509_bits(a.n) <= 8u * c.len);
        }
        free(copy);
    }
    CHECK(good > 1000); /* most flips fall into names, numbers and signatures */
}

TEST(arbitrary_octets_stay_inside)
{
    unsigned i;
    for (i = 0; i < 100000; i++) {
        static const uint8_t tags[] = { 0x30, 0x30, 0x30, 0x02, 0x03, 0x04, 0x06, 0xa0, 0xa3, 0x81, 0x82, 0x17, 0x18, 0x01, 0, 1, 2, 3, 5, 9, 20 };
        uint8_t junk[64];
        uint32_t n = 1 + test_rand_below(sizeof junk), k;
        vmc_x509 x;
        for (k = 0; k < n; k++)
            junk[k] = test_rand_below(8) == 0 ? (uint8_t)test_rand() : tags[test_rand_below(sizeof tags)];
        CHECK(!read_cert(&x, junk, n, 1 + test_rand_below(n), viamc_view(NULL, 0)));
    }
}

TEST(certificate_of_65535_octets_is_the_longest)
{
    /* 30 82 ff fb: as long as 16 bits of offset allow; the walk must not wrap */
    uint8_t *p = (uint8_t *)calloc(1, VMC_X509_MAX_BYTES);
    vmc_x509 x;
    REQUIRE(p != NULL);
    p[0] = 0x30;
    p[1] = 0x82;
    p[2] = 0xff;
    p[3] = 0xfb;
    p[4] = 0x30;
    p[5] = 0x82;
    p[6] = 0xff;
    p[7] = 0xf7; /* TBS to the very end */
    p[8] = 0x02;
    p[9] = 0x82;
    p[10] = 0xff;
    p[11] = 0xf2; /* serial number, one octet before the end: then there is no room for a head */
    CHECK(!read_cert(&x, p, VMC_X509_MAX_BYTES, VMC_X509_MAX_BYTES, viamc_view(NULL, 0)));
    CHECK(!read_cert(&x, p, VMC_X509_MAX_BYTES, 1, viamc_view(NULL, 0)));
    free(p);
}

/* ---- private keys ---- */

TEST(private_keys_of_every_form)
{
    static const struct { const char *file; uint8_t type; unsigned bits; } keys[] = {
        { "key-ec0.der", VIAMC_KEY_EC, 256 }, { "key-ec0.old.der", VIAMC_KEY_EC, 256 }, { "key-p384.der", VIAMC_KEY_EC, 384 },
        { "key-p384.old.der", VIAMC_KEY_EC, 384 }, { "key-rsa0.der", VIAMC_KEY_RSA, 2048 }, { "key-rsa0.old.der", VIAMC_KEY_RSA, 2048 },
        { "key-rsa4096.der", VIAMC_KEY_RSA, 4096 }, { "key-rsa4096.old.der", VIAMC_KEY_RSA, 4096 }
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(keys); i++) {
        vmc_key k;
        CHECK(vmc_key_read(kit_octets(keys[i].file), &k));
        CHECK_EQ_INT(k.type, keys[i].type);
        if (k.type == VIAMC_KEY_RSA) {
            CHECK_EQ_INT(k.of.rsa.n_bitlen, keys[i].bits);
            CHECK_EQ_INT(k.of.rsa.plen, keys[i].bits / 16);
        } else {
            CHECK(k.of.ec.xlen * 8 <= keys[i].bits && k.of.ec.xlen * 8 + 32 > keys[i].bits);
        }
    }
}

TEST(private_keys_that_are_not_taken)
{
    vmc_key k;
    CHECK(!vmc_key_read(kit_octets("key-weak.der"), &k)); /* 1,024 bits */
    CHECK(!vmc_key_read(kit_octets("key-p521.der"), &k));
    CHECK(!vmc_key_read(kit_cert("ec"), &k));
    CHECK(!vmc_key_read(viamc_view(NULL, 0), &k));
}

TEST(damaged_private_keys_stay_inside)
{
    static const char *const files[] = { "key-ec0.der", "key-ec0.old.der", "key-rsa0.der", "key-rsa0.old.der" };
    unsigned i;
    for (i = 0; i < 40000; i++) {
        viamc_bytes c = kit_octets(files[i % TEST_COUNT(files)]);
        size_t len = test_rand_below(4) == 0 ? test_rand_below((uint32_t)c.len) : c.len;
        uint8_t *copy = (uint8_t *)malloc(len + 1);
        vmc_key k;
        REQUIRE(copy != NULL);
        memcpy(copy, c.ptr, len);
        if (len != 0)
            copy[test_rand_below(test_rand_below(2) ? (uint32_t)len : (uint32_t)(len < 40 ? len : 40))] = (uint8_t)test_rand();
        if (vmc_key_read(viamc_view(copy, len), &k) && k.type == VIAMC_KEY_RSA)
            CHECK(k.of.rsa.plen <= VMC_KEY_FACTOR_MAX && k.of.rsa.qlen <= VMC_KEY_FACTOR_MAX && k.of.rsa.dplen <= k.of.rsa.plen
                  && (k.of.rsa.n_bitlen + 7) / 8 <= k.of.rsa.plen + k.of.rsa.qlen);
        free(copy);
    }
}

/* Appends an INTEGER of n octets that is odd and has its top bit set. */
static size_t put_number(uint8_t *p, size_t n)
{
    p[0] = 0x02;
    p[1] = 0x82;
    vmc_put_be16(p + 2, (uint32_t)(n + 1));
    memset(p + 4, 0xff, n + 1);
    p[4] = 0;
    return n + 5;
}

TEST(rsa_keys_with_lengths_that_do_not_fit_each_other)
{
    static const struct { size_t n, p, q, dp, dq, iq; bool good; } rows[] = {
        { 512, 256, 256, 256, 256, 256, true }, { 512, 260, 252, 260, 252, 260, true }, { 512, 261, 251, 261, 251, 261, false },
        { 512, 251, 261, 251, 261, 251, false }, { 512, 256, 255, 256, 255, 256, false }, { 511, 256, 256, 256, 256, 256, false },
        { 513, 257, 256, 257, 256, 257, false }, { 512, 256, 256, 257, 256, 256, false }, { 512, 256, 256, 256, 257, 256, false },
        { 512, 256, 256, 256, 256, 257, false }, { 255, 128, 127, 128, 127, 128, false }, { 256, 128, 128, 128, 128, 128, true }
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint8_t der[3000];
        vmc_key k;
        size_t at = 4;
        memcpy(der + at, "\x02\x01\x00", 3);
        at += 3;
        at += put_number(der + at, rows[i].n);
        at += put_number(der + at, 3);
        at += put_number(der + at, rows[i].n);
        at += put_number(der + at, rows[i].p);
        at += put_number(der + at, rows[i].q);
        at += put_number(der + at, rows[i].dp);
        at += put_number(der + at, rows[i].dq);
        at += put_number(der + at, rows[i].iq);
        der[0] = 0x30;
        der[1] = 0x82;
        vmc_put_be16(der + 2, (uint32_t)(at - 4));
        if (vmc_key_read(viamc_view(der, at), &k) != rows[i].good)
            printf("  row %u\n", (unsigned)i);
        CHECK(vmc_key_read(viamc_view(der, at), &k) == rows[i].good);
    }
}

TEST(identity_needs_its_own_key)
{
    vmc_tls_identity id;
    viamc_error e;
    viamc_bytes chain[KIT_CHAIN];
    size_t n = kit_chain("ec", chain);
    memset(&e, 0, sizeof e);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_octets("key-ec4.der"), &e), VIAMC_OK);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_octets("key-ec1.der"), &e), VIAMC_ERR_ARG);
    CHECK_EQ_STR(e.what, "server's key is not the one of its first certificate");
    memset(&e, 0, sizeof e);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_octets("key-rsa0.der"), &e), VIAMC_ERR_ARG);
    CHECK_EQ_STR(e.what, "server's key is not the one of its first certificate");
    memset(&e, 0, sizeof e);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_cert("ec"), &e), VIAMC_ERR_ARG);
    CHECK_EQ_STR(e.what, "server's key is not an unencrypted RSA key of 2,048 to 4,096 bits or P-256 or P-384 key");
    memset(&e, 0, sizeof e);
    chain[0].len--;
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_octets("key-ec4.der"), &e), VIAMC_ERR_ARG);
    CHECK_EQ_STR(e.what, "malformed certificate of the server");
    memset(&e, 0, sizeof e);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, 0, kit_octets("key-ec4.der"), &e), VIAMC_ERR_ARG);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, VMC_TLS_CHAIN_MAX + 1u, kit_octets("key-ec4.der"), &e), VIAMC_ERR_ARG);
    memset(&e, 0, sizeof e);
    n = kit_chain("rsa", chain);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_octets("key-rsa2.der"), &e), VIAMC_OK);
    CHECK_EQ_INT(vmc_tls_identity_load(&id, chain, n, kit_octets("key-rsa0.der"), &e), VIAMC_ERR_ARG);
}

/* ---- chains: what is believed ---- */

typedef struct trial {
    const char *chain;   /* certificates in the order of sending */
    const char *anchors; /* const array */
    const char *store;   /* or by next_root */
    const char *name;    /* NULL: robot.test */
    uint64_t now;        /* 0: KIT_NOW */
    const char *pin;     /* certificate whose key is pinned */
    size_t piece;        /* octets at once, 0: 256 as BearSSL does */
} trial;

typedef struct verdict {
    unsigned code;  /* BR_ERR_*, 0: believed */
    char text[160];
    unsigned asked; /* calls of next_root */
} verdict;

/* Feeds a chain to trust as the TLS engine would, and explains as tls would. */
static verdict judge(const trial *in)
{
    static uint64_t memory[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
    viamc_bytes chain[KIT_CHAIN];
    viamc_anchor anchors[KIT_CHAIN];
    kit_store store;
    uint8_t ip[16], pin[32];
    char name[VMC_TRUST_NAME_MAX + 1u];
    size_t n = kit_chain(in->chain, chain), i, ip_len;
    vmc_tls_client_desc d;
    vmc_trust *tr;
    const br_x509_class **ctx;
    vmc_tls t;
    verdict v;
    vmc_wr w = vmc_wr_of(v.text, sizeof v.text - 1u);
    memset(&d, 0, sizeof d);
    memset(&store, 0, sizeof store);
    memset(memory, 0xee, sizeof memory);
    memset(&t, 0, sizeof t);
    d.server_name = viamc_text(in->name != NULL ? in->name : "robot.test");
    if (in->anchors != NULL) {
        d.anchor_count = kit_anchors(in->anchors, anchors);
        d.anchors = anchors;
    }
    if (in->store != NULL) {
        store.count = kit_chain(in->store, store.certs);
        d.next_root = kit_next_root;
        d.next_root_user = &store;
    }
    if (in->pin != NULL)
        d.pin_sha256 = kit_pin(in->pin, pin);
    d.unix_time = in->now != 0 ? in->now : KIT_NOW;
    if (in->now == 1)
        d.unix_time = 0; /* the clock is unknown */
    d.trust = memory;
    ip_len = vmc_ip_of(d.server_name, ip);
    if (ip_len == 0 && !vmc_trust_dns_name(d.server_name, name))
        test_die("bad name", in->name);
    tr = vmc_trust_open(&d, ip, ip_len);
    ctx = &tr->vtable;
    (*ctx)->start_chain(ctx, ip_len == 0 ? name : NULL);
    for (i = 0; i < n; i++) {
        size_t at = 0, piece = in->piece != 0 ? in->piece : 256;
        (*ctx)->start_cert(ctx, (uint32_t)chain[i].len);
        for (; at < chain[i].len; at += piece) {
            size_t part = piece < chain[i].len - at ? piece : chain[i].len - at;
            uint8_t *copy = (uint8_t *)malloc(part);
            memcpy(copy, chain[i].ptr + at, part);
            (*ctx)->append(ctx, copy, part);
            free(copy);
        }
        (*ctx)->end_cert(ctx);
    }
    v.code = (*ctx)->end_chain(ctx);
    v.asked = store.asked;
    CHECK((v.code == 0) == ((*ctx)->get_pkey(ctx, NULL) != NULL));
    t.state = VMC_TLS_HANDSHAKE;
    t.trust = tr;
    if (v.code != 0)
        vmc_tls_engine_failed(&t, (int)v.code);
    if (t.error.code != VIAMC_OK)
        vmc_tls_explain_error(&t.error, &t.dates, &w);
    v.text[w.len] = '\0';
    CHECK_EQ_INT(t.error.code, v.code == 0 ? VIAMC_OK : VIAMC_ERR_TLS_CERT);
    return v;
}

/* ---- what is to be said of each certificate ---- */

#define ANOTHER "certificate is for another server name"

typedef struct row {
    const char *chain, *anchors;
    const char *name;   /* NULL: robot.test */
    uint64_t now;       /* 0: KIT_NOW; 1: unknown */
    const char *text;   /* "": believed */
} row;

/* In the words of tests/certs/make.py. */
static const row rows[] = {
    /* good chains */
    { "ec", "root-ec", NULL, 0, "" },
    { "rsa", "root-rsa", NULL, 0, "" },
    { "web inter-web", "root-web", NULL, 0, "" },
    { "web-rsa inter-web", "root-web", NULL, 0, "" },
    { "p384", "root-384", NULL, 0, "" },
    { "sha512", "root-rsa", NULL, 0, "" },
    { "no-eku", "root-ec", NULL, 0, "" },
    { "any-inter inter-any", "root-ec", NULL, 0, "" },
    { "many-names", "root-ec", NULL, 0, "" },
    { "general-time", "root-ec", NULL, 0, "" },
    { "general-time", "root-ec", NULL, 4102444800uLL, "certificate expired 2099-12-31" },
    { "rsa4096", "root-ec", NULL, 0, "" },
    { "subject-empty", "root-ec", NULL, 0, "" },
    { "policies", "root-ec", NULL, 0, "" },
    /* an anchor is found wherever it is */
    { "ec root-ec", "root-ec", NULL, 0, "" },                     /* the server sends the root too */
    { "web inter-web root-web", "root-web", NULL, 0, "" },
    { "web", "inter-web", NULL, 0, "" },                          /* the anchor is an intermediate */
    { "web inter-web", "inter-web", NULL, 0, "" },
    { "ec", "root-rsa root-web root-384 root-ec", NULL, 0, "" },
    { "ec rsa p384", "root-ec", NULL, 0, "" },                    /* what follows an anchor is not looked at */
    { "self", "self", NULL, 0, "" },                              /* the server's own certificate, put into the store */
    /* names */
    { "ec", "root-ec", "ROBOT.test", 0, "" },
    { "ec", "root-ec", "a.wild.test", 0, "" },
    { "ec", "root-ec", "localhost", 0, "" },
    { "ec", "root-ec", "10.0.0.7", 0, "" },
    { "ec", "root-ec", "127.0.0.1", 0, "" },
    { "ec", "root-ec", "::1", 0, "" },
    { "ec", "root-ec", "2001:db8:0::beef", 0, "" },
    { "ec", "root-ec", "other.test", 0, ANOTHER },
    { "ec", "root-ec", "a.b.wild.test", 0, ANOTHER },
    { "ec", "root-ec", "wild.test", 0, ANOTHER },
    { "ec", "root-ec", "robot.test.evil", 0, ANOTHER },
    { "ec", "root-ec", "10.0.0.8", 0, "certificate does not name this address" },
    { "ec", "root-ec", "::2", 0, "certificate does not name this address" },
    { "ec", "root-ec", "127.0.0.2", 0, "certificate does not name this address" }, /* no exception for 127.* */
    { "ip-as-dns", "root-ec", "10.0.0.7", 0, "certificate does not name this address" },
    { "no-san", "root-ec", "robot.test", 0, "certificate has no subjectAltName; common names are not compared" },
    { "no-san", "root-ec", "10.0.0.7", 0, "certificate has no subjectAltName; common names are not compared" },
    { "no-san", "root-ec", "localhost", 0, "certificate has no subjectAltName; common names are not compared" },
    { "upper", "root-ec", "robot.test", 0, "" },
    { "top-wildcard", "root-ec", "robot.test", 0, "" },
    { "top-wildcard", "root-ec", "a.robot.test", 0, ANOTHER },
    { "top-wildcard", "root-ec", "test", 0, ANOTHER },
    { "zero-middle", "root-ec", "robot.test", 0, ANOTHER },
    { "zero-middle", "root-ec", "evil.test", 0, ANOTHER },
    { "zero-end", "root-ec", "robot.test", 0, ANOTHER },
    { "zero-begin", "root-ec", "robot.test", 0, ANOTHER },
    { "star", "root-ec", "robot.test", 0, ANOTHER },
    { "star", "root-ec", "robot", 0, ANOTHER },
    { "star-inside", "root-ec", "robot.test", 0, ANOTHER },
    { "star-behind", "root-ec", "robot.test", 0, ANOTHER },
    { "two-stars", "root-ec", "robot.test", 0, ANOTHER },
    { "two-stars", "root-ec", "a.robot.test", 0, ANOTHER },
    { "star-name", "root-ec", "robot.test", 0, ANOTHER },
    { "dot", "root-ec", "robot.test", 0, ANOTHER },
    { "dot", "root-ec", "robot.test.", 0, ANOTHER },
    { "san-empty", "root-ec", "robot.test", 0, "malformed certificate" },
    { "san-nameless", "root-ec", "robot.test", 0, ANOTHER },
    { "san-others", "root-ec", "robot.test", 0, ANOTHER },
    { "ip-mask", "root-ec", "10.0.0.7", 0, "certificate does not name this address" },
    { "ip-short", "root-ec", "10.0.0.7", 0, "certificate does not name this address" },
    { "ip-mapped", "root-ec", "10.0.0.7", 0, "certificate does not name this address" },
    { "ip-mapped", "root-ec", "::ffff:10.0.0.7", 0, "" },
    { "ip-text", "root-ec", "10.0.0.7", 0, "certificate does not name this address" },
    /* dates */
    { "expired", "root-ec", NULL, 0, "certificate expired 2026-03-01" },
    { "expired", "root-ec", NULL, 1772323200uLL, "" },  /* 2026-03-01T00:00:00Z, its last second */
    { "expired", "root-ec", NULL, 1772323201uLL, "certificate expired 2026-03-01" },
    { "early", "root-ec", NULL, 0, "certificate not valid before 2026-10-01; this device's clock says 2026-06-15" },
    { "early", "root-ec", NULL, 1, "certificate not valid before 2026-10-01; this device's clock says 1970-01-01: set dial.unix_time" },
    { "ec", "root-ec", NULL, 1, "certificate not valid before 2020-01-01; this device's clock says 1970-01-01: set dial.unix_time" },
    { "ec", "root-ec", NULL, 300, "certificate not valid before 2020-01-01; this device's clock says 1970-01-01: set dial.unix_time" },
    { "by-expired inter-expired", "root-ec", NULL, 0, "certificate expired 2026-03-01" },
    { "under-expired", "root-expired", NULL, 0, "the trust anchor of its issuer is not valid at this time" },
    { "under-expired", "root-expired", NULL, KIT_NOW - 200 * KIT_DAY, "" },
    { "backwards", "root-ec", NULL, 0, "certificate not valid before 2027-01-01; this device's clock says 2026-06-15" },
    { "early", "root-ec", NULL, 1790812799uLL, "certificate not valid before 2026-10-01; this device's clock says 2026-09-30" },
    { "early", "root-ec", NULL, 1790812800uLL, "" }, /* 2026-10-01T00:00:00Z, its first second */
    /* purposes */
    { "client", "root-ec", NULL, 0, "certificate is not for servers (extended key usage)" },
    { "empty-eku", "root-ec", NULL, 0, "certificate is not for servers (extended key usage)" },
    { "any", "root-ec", NULL, 0, "certificate is not for servers (extended key usage)" },
    { "by-client inter-client", "root-ec", NULL, 0, "certificate is not for servers (extended key usage)" },
    { "authority", "root-ec", NULL, 0, "server's certificate is that of an authority (CA:TRUE or keyCertSign)" },
    { "self-authority", "self-authority", NULL, 0, "server's certificate is that of an authority (CA:TRUE or keyCertSign)" },
    { "by-not-ca inter-not-ca", "root-ec", NULL, 0, "certificate was issued by one that may not issue any" },
    { "by-no-basic inter-no-basic", "root-ec", NULL, 0, "certificate was issued by one that may not issue any" },
    { "by-too-long inter-under-short inter-short", "root-ec", NULL, 0, "certificate was issued by one that may not issue any" },
    { "client-too", "root-ec", NULL, 0, "" },
    { "any-too", "root-ec", NULL, 0, "" },
    { "by-leaf ec", "root-ec", NULL, 0, "certificate was issued by one that may not issue any" },
    /* forms */
    { "v1", "root-ec", NULL, 0, "certificate is not of version 3" }, /* its common name would do for the engine */
    { "v1", "root-ec", "10.0.0.7", 0, "certificate is not of version 3" },
    { "critical", "root-ec", NULL, 0, "certificate has a critical extension that is not supported" },
    { "critical-aia", "root-ec", NULL, 0, "certificate has a critical extension that is not supported" }, /* which the engine skips */
    { "long-name", "root-ec", NULL, 0, "" },
    { "names", "root-ec", NULL, 0, "certificate has name constraints, which are not supported" },
    { "by-names inter-names", "root-ec", NULL, 0, "certificate has name constraints, which are not supported" },
    { "by-names-critical inter-names-critical", "root-ec", NULL, 0, "certificate has name constraints, which are not supported" },
    { "twice", "root-ec", NULL, 0, "malformed certificate" },
    { "by-limits inter-limits", "root-ec", NULL, 0, "certificate has a critical extension that is not supported" }, /* not marked so */
    { "by-no-any inter-no-any", "root-ec", NULL, 0, "certificate has a critical extension that is not supported" },
    /* keys and signatures */
    { "weak", "root-ec", NULL, 0, "RSA key has less than 2,048 bits" },
    { "weak-root", "root-weak", NULL, 0, "the trust anchor of its issuer has a key of a kind or size that is not supported" },
    { "forged", "root-ec", NULL, 0, "a trust anchor has its issuer's name, but another key" },
    { "sha1", "root-rsa", NULL, 0, "certificate has a key or signature of a kind that is not supported" },
    { "under-p521", "root-p521", NULL, 0, "the trust anchor of its issuer has a key of a kind or size that is not supported" },
    { "odd", "root-ec", NULL, 0, "RSA key's size is not a multiple of 8 bits" },
    { "under-odd", "root-odd", NULL, 0, "the trust anchor of its issuer has a key of a kind or size that is not supported" },
    /* order; chains that lead nowhere */
    { "ec", "root-rsa", NULL, 0, "certificate's issuer is unknown" },
    { "ec", "root-ed", NULL, 0, "certificate's issuer is unknown" },            /* the right key under another name */
    { "web", "root-web", NULL, 0, "certificate's issuer is unknown" },          /* the intermediate is missing */
    { "under-nameless", "root-nameless", NULL, 0, "certificate's issuer is unknown" }, /* no name is no issuer's name */
    { "web root-web", "root-rsa", NULL, 0, "certificates of the chain are not in order" },
    { "any-inter inter-web", "root-web", NULL, 0, "certificates of the chain are not in order" },
    { "", "root-ec", NULL, 0, "server sent no certificate" },
    { "ec root-ec", "root-rsa", NULL, 0, "certificate's issuer is unknown" },
    { "inter-web web", "root-web", NULL, 0, "certificate has no subjectAltName; common names are not compared" },
    { "web ec inter-web", "root-web", NULL, 0, "certificates of the chain are not in order" },
    /* length */
    { "ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec", "root-rsa", NULL, 0,
      "certificate's issuer is unknown" },
    { "ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec root-ec", "root-rsa", NULL, 0,
      "chain of more than 10 certificates, or one of more than 65,535 octets" },
    /* two anchors of one name */
    { "twin", "root-twin-b", NULL, 0, "" },
    { "twin", "root-twin-a root-twin-b", NULL, 0, "" },
    { "twin", "root-twin-b root-twin-a", NULL, 0, "" },
    { "twin", "root-twin-a", NULL, 0, "a trust anchor has its issuer's name, but another key" },
    /* one that is no authority vouches for itself alone */
    /* root-no-ca has the key that signed the certificate, and the issuer's name: still it may not */
    { "under-no-ca", "root-no-ca", NULL, 0, "certificate's issuer is unknown" },
    { "ec", "rsa", NULL, 0, "certificate's issuer is unknown" },
    { "ec", "ec", NULL, 0, "" },  /* trusted by itself, though its issuer is not */
    { "any-inter inter-any", "inter-any-plain", NULL, 0, "certificate's issuer is unknown" }, /* nor for an intermediate */
};

/* The verdict must be the same with a const array and with a store, and in pieces of any size. */
static void check_row(const row *r)
{
    static const size_t pieces[] = { 0, 1, 7, 70000 };
    trial in;
    size_t i;
    memset(&in, 0, sizeof in);
    in.chain = r->chain;
    in.name = r->name;
    in.now = r->now;
    for (i = 0; i < 2 * TEST_COUNT(pieces); i++) {
        verdict v;
        in.anchors = i % 2 == 0 ? r->anchors : NULL;
        in.store = i % 2 == 1 ? r->anchors : NULL;
        in.piece = pieces[i / 2];
        v = judge(&in);
        if (strcmp(v.text, r->text) != 0)
            printf("  chain \"%s\" to \"%s\" for %s\n", r->chain, r->anchors, r->name != NULL ? r->name : "robot.test");
        CHECK_EQ_STR(v.text, r->text);
        CHECK_EQ_INT(v.code != 0, r->text[0] != '\0');
    }
}

/* How many different certificates servers begin their chains with. */
static unsigned count_servers(void)
{
    unsigned count = 0;
    size_t i, k;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        size_t len = strcspn(rows[i].chain, " ");
        bool seen = len == 0;
        for (k = 0; k < i; k++)
            seen = seen || (strcspn(rows[k].chain, " ") == len && memcmp(rows[k].chain, rows[i].chain, len) == 0);
        count += !seen;
    }
    return count;
}

TEST(certificates_of_our_own)
{
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++)
        check_row(&rows[i]);
    printf("  %u verdicts on %u servers' certificates\n", (unsigned)TEST_COUNT(rows), count_servers());
    CHECK(count_servers() >= 40);
}

TEST(roots_of_a_store_are_looked_at)
{
    trial in;
    verdict v;
    size_t i;
    static const struct { const char *chain, *store, *text; } rows[] = {
        { "under-names", "root-names", "the trust anchor of its issuer has name constraints, which are not supported" },
        { "under-client", "root-client", "the trust anchor of its issuer is not for servers (extended key usage)" },
        { "under-critical", "root-critical", "the trust anchor of its issuer has a critical extension that is not supported" },
        { "under-no-sign", "root-no-sign", "certificate's issuer is unknown" }, /* keyUsage without keyCertSign: no authority */
        { "under-no-ca", "root-no-ca", "certificate's issuer is unknown" }
    };
    memset(&in, 0, sizeof in);
    for (i = 0; i < TEST_COUNT(rows); i++) {
        in.chain = rows[i].chain;
        in.store = rows[i].store;
        v = judge(&in);
        CHECK_EQ_STR(v.text, rows[i].text);
    }
}

TEST(without_anchors_the_text_says_so)
{
    trial in;
    verdict v;
    memset(&in, 0, sizeof in);
    in.chain = "ec";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "there are no trust anchors: set dial.anchors or dial.next_root");
    CHECK_EQ_INT(v.code, BR_ERR_X509_NOT_TRUSTED);
}

TEST(store_is_walked_once_per_certificate_and_not_further_than_needed)
{
    trial in;
    verdict v;
    memset(&in, 0, sizeof in);
    in.chain = "web inter-web";
    in.store = "root-ec root-web root-rsa";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "");
    CHECK_EQ_INT(v.asked, 4 + 2); /* all three and the end for the leaf, then two */
    in.chain = "expired";
    v = judge(&in);
    CHECK_EQ_INT(v.asked, 0);     /* a certificate that fails costs no walk */
}

TEST(store_with_things_in_it)
{
    static uint64_t memory[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
    viamc_bytes leaf = kit_cert("ec");
    vmc_tls_client_desc d;
    kit_store store;
    unsigned round;
    for (round = 0; round < 3; round++) {
        vmc_trust *tr;
        const br_x509_class **ctx;
        memset(&d, 0, sizeof d);
        memset(&store, 0, sizeof store);
        store.certs[0] = kit_cert("many-names");           /* 36 KB: answered NOMEM */
        store.certs[1] = viamc_view("no certificate", 14);
        store.certs[2] = viamc_view(NULL, 0);
        store.certs[3] = kit_cert("root-ec");
        store.count = round == 0 ? 4 : 3;
        store.broken = round == 2 ? (viamc_err)VIAMC_ERR_IO : (viamc_err)VIAMC_OK;
        d.next_root = kit_next_root;
        d.next_root_user = &store;
        d.unix_time = KIT_NOW;
        d.trust = memory;
        tr = vmc_trust_open(&d, NULL, 0);
        ctx = &tr->vtable;
        (*ctx)->start_chain(ctx, "robot.test");
        (*ctx)->start_cert(ctx, (uint32_t)leaf.len);
        (*ctx)->append(ctx, leaf.ptr, leaf.len);
        (*ctx)->end_cert(ctx);
        CHECK_EQ_INT((*ctx)->end_chain(ctx), round == 0 ? 0 : BR_ERR_X509_NOT_TRUSTED);
        if (round == 1)
            CHECK_EQ_STR(tr->what, "certificate's issuer is unknown");
        if (round == 2)
            CHECK_EQ_STR(tr->what, "the trust store cannot be read");
    }
}

TEST(certificates_of_64_kilobytes_are_refused)
{
    static uint64_t memory[VMC_TRUST_BYTES / 8u];
    vmc_tls_client_desc d;
    vmc_trust *tr;
    const br_x509_class **ctx;
    memset(&d, 0, sizeof d);
    d.trust = memory;
    d.unix_time = KIT_NOW;
    tr = vmc_trust_open(&d, NULL, 0);
    ctx = &tr->vtable;
    (*ctx)->start_chain(ctx, NULL);
    (*ctx)->start_cert(ctx, 65535);
    CHECK_EQ_INT(tr->fail, 0);
    (*ctx)->start_cert(ctx, 65536);
    CHECK_EQ_INT(tr->fail, BR_ERR_X509_LIMIT_EXCEEDED);
    (*ctx)->append(ctx, (const unsigned char *)"0", 1);
    (*ctx)->end_cert(ctx);
    CHECK_EQ_INT((*ctx)->end_chain(ctx), BR_ERR_X509_LIMIT_EXCEEDED);
}

TEST(pinned_keys)
{
    trial in;
    verdict v;
    size_t i;
    static const struct { const char *chain, *pin, *name; } good[] = {
        { "ec", "ec", "robot.test" }, { "rsa", "rsa", "robot.test" }, { "p384", "p384", "robot.test" },
        { "expired", "ec", "robot.test" },      /* the same key: the rest is not looked at */
        { "no-san", "ec", "1.2.3.4" }, { "self-authority", "ec", "other.test" }, { "v1", "ec", "robot.test" },
        { "root-web", "root-web", "robot.test" }, { "many-names", "ec", "robot.test" }, { "long-name", "ec", "robot.test" }, { "ec rsa", "ec", "x.test" }
    };
    for (i = 0; i < TEST_COUNT(good); i++) {
        size_t piece;
        for (piece = 0; piece < 300; piece += 1 + piece / 4) {
            memset(&in, 0, sizeof in);
            in.chain = good[i].chain;
            in.pin = good[i].pin;
            in.name = good[i].name;
            in.now = 1;
            in.piece = piece;
            v = judge(&in);
            CHECK_EQ_STR(v.text, "");
            CHECK_EQ_INT(v.code, 0);
        }
    }
    in.piece = 0;
    in.chain = "rsa ec"; /* the pinned key must be the server's own */
    in.pin = "ec";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "server's key is not the pinned one");
    in.chain = "weak";
    in.pin = "weak";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "pinned key is of a kind or size that is not supported");
    in.chain = "long-key";
    in.pin = "long-key";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "server's key is too long");
    in.chain = "p521";
    in.pin = "p521";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "pinned key is of a kind or size that is not supported");
    in.chain = "";
    in.pin = "ec";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "server sent no certificate");
}

TEST(pin_comes_before_anchors)
{
    trial in;
    verdict v;
    memset(&in, 0, sizeof in);
    in.chain = "ec";
    in.anchors = "root-ec";
    in.pin = "rsa";
    v = judge(&in);
    CHECK_EQ_STR(v.text, "server's key is not the pinned one");
}

TEST(damaged_chains_are_never_believed)
{
    static uint64_t memory[VMC_TRUST_BYTES / 8u];
    viamc_bytes certs[KIT_CHAIN];
    viamc_anchor anchors[KIT_CHAIN];
    unsigned i;
    size_t n = kit_chain("web inter-web", certs);
    (void)kit_anchors("root-web", anchors);
    for (i = 0; i < 3000; i++) {
        vmc_tls_client_desc d;
        vmc_trust *tr;
        const br_x509_class **ctx;
        size_t which = test_rand_below((uint32_t)n), k;
        uint32_t at = test_rand_below((uint32_t)certs[which].len);
        uint8_t flip = (uint8_t)(1u << test_rand_below(8));
        unsigned code;
        memset(&d, 0, sizeof d);
        d.trust = memory;
        d.unix_time = KIT_NOW;
        d.anchors = anchors;
        d.anchor_count = 1;
        tr = vmc_trust_open(&d, NULL, 0);
        ctx = &tr->vtable;
        (*ctx)->start_chain(ctx, "robot.test");
        for (k = 0; k < n; k++) {
            uint8_t *copy = (uint8_t *)malloc(certs[k].len);
            REQUIRE(copy != NULL);
            memcpy(copy, certs[k].ptr, certs[k].len);
            if (k == which)
                copy[at] ^= flip;
            (*ctx)->start_cert(ctx, (uint32_t)certs[k].len);
            (*ctx)->append(ctx, copy, certs[k].len);
            (*ctx)->end_cert(ctx);
            free(copy);
        }
        code = (*ctx)->end_chain(ctx);
        if (code == 0) {
            printf("  octet %u of certificate %u, bit %u\n", (unsigned)at, (unsigned)which, (unsigned)flip);
            CHECK(code != 0);
        }
    }
}

int main(int argc, char **argv)
{
    test_begin("trust", argc, argv);
    RUN(dates_follow_the_calendar);
    RUN(dates_before_1970_are_day_0);
    RUN(dates_as_text);
    RUN(clock_is_split_without_64_bit_division);
    RUN(addresses_are_recognised);
    RUN(other_texts_are_not_addresses);
    RUN(addresses_with_any_octets_stay_inside);
    RUN(dns_names);
    if (!kit_certs())
        test_die("cannot make certificates", "tests/certs/make.py");
    RUN(certificate_is_read_the_same_in_any_pieces);
    RUN(certificate_cut_short_is_not_complete);
    RUN(elements_longer_than_what_holds_them_are_bad_at_once);
    RUN(times_of_both_forms);
    RUN(certificate_with_more_behind_it_is_bad);
    RUN(damaged_certificates_stay_inside);
    RUN(arbitrary_octets_stay_inside);
    RUN(certificate_of_65535_octets_is_the_longest);
    RUN(private_keys_of_every_form);
    RUN(private_keys_that_are_not_taken);
    RUN(damaged_private_keys_stay_inside);
    RUN(rsa_keys_with_lengths_that_do_not_fit_each_other);
    RUN(identity_needs_its_own_key);
    RUN(certificates_of_our_own);
    RUN(roots_of_a_store_are_looked_at);
    RUN(without_anchors_the_text_says_so);
    RUN(store_is_walked_once_per_certificate_and_not_further_than_needed);
    RUN(store_with_things_in_it);
    RUN(certificates_of_64_kilobytes_are_refused);
    RUN(pinned_keys);
    RUN(pin_comes_before_anchors);
    RUN(damaged_chains_are_never_believed);
    return test_end();
}
