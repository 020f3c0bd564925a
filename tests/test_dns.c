/* SPDX-License-Identifier: MIT */
/* Tests of codec/dns. ANSWER_A, ANSWER_AAAA and MDNS_COMPRESSED were made by an independent DNS library, which compresses names. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"
#include "exact.h"

#define NAME "rover-main.abc123.viam.cloud"
#define QUERY_A "1234010000010000000000000a726f7665722d6d61696e06616263313233047669616d05636c6f75640000010001"
#define ANSWER_A /* CNAME edge.viam.cloud, CNAME a1.edge.net, A 192.0.2.1 and .2, an NS and its A */ \
    "1234818000010004000100010a726f7665722d6d61696e06616263313233047669616d05636c6f75640000010001c00c000500010000012c00070465646765" \
    "c01ec03a000500010000003c000d0261310465646765036e657400c04d000100010000001e0004c0000201c04d000100010000001e0004c0000202c0500002" \
    "000100000bb80005026e73c050c0860001000100000bb80004c0000235"
#define ANSWER_AAAA \
    "beef810000010002000000000465646765047669616d05636c6f756400001c0001c00c001c00010000003c0010fe800000000000000000000000000002c00c" \
    "001c00010000003c001020010db8000000000000000000000001"
#define MDNS_QUERY_PTR "000000000001000000000000045f727063045f746370056c6f63616c00000c0001"
#define INSTANCE "my-robot-main-abc123-viam-cloud"
#define MDNS_QUERY_SRV_TXT \
    "0000000000020000000000001f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564045f727063045f746370056c6f63616c000021" \
    "00011f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564045f727063045f746370056c6f63616c0000100001"
#define MDNS_PLAIN \
    "000084000000000400000000045f727063045f746370056c6f63616c00000c000100000c8000311f6d792d726f626f742d6d61696e2d6162633132332d7669" \
    "616d2d636c6f7564045f727063045f746370056c6f63616c001f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564045f72706304" \
    "5f746370056c6f63616c000021800100000c80002d000000001f901f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f63" \
    "616c001f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564045f727063045f746370056c6f63616c000010800100000c80000c04" \
    "67727063067765627274631f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f63616c0000018001000000780004c0a801" \
    "32"
#define MDNS_COMPRESSED \
    "000084000000000400000000045f727063045f746370056c6f63616c00000c000100000c8000221f6d792d726f626f742d6d61696e2d6162633132332d7669" \
    "616d2d636c6f7564c00cc0270021000100000c80002d000000001f901f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f" \
    "63616c00c0270010000100000c80000c0467727063067765627274631f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564c01600" \
    "010001000000780004c0a80132"

static const char *const packets[] = { QUERY_A, ANSWER_A, ANSWER_AAAA, MDNS_QUERY_PTR, MDNS_QUERY_SRV_TXT, MDNS_PLAIN, MDNS_COMPRESSED };

/* The name at an offset as text, "?" if it is malformed. */
static const char *name_at(viamc_bytes packet, size_t at)
{
    static char text[VMC_DNS_MAX_NAME + 1];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    if (!vmc_dns_name_text(packet, at, &w))
        return "?";
    text[w.len] = '\0';
    CHECK(vmc_dns_name_is(packet, at, viamc_text(text)));
    return text;
}

/* ---- queries ---- */

TEST(queries)
{
    uint8_t buf[VMC_DNS_MAX_QUERY];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    CHECK_EQ_INT(vmc_dns_put_query(&w, 0x1234, viamc_text(NAME), VMC_DNS_A), VIAMC_OK);
    CHECK_EQ_HEX(buf, w.len, QUERY_A);
    w = vmc_wr_of(buf, sizeof buf);
    CHECK_EQ_INT(vmc_dns_put_query(&w, 0x1234, viamc_text(NAME "."), VMC_DNS_A), VIAMC_OK);
    CHECK_EQ_HEX(buf, w.len, QUERY_A);
    w = vmc_wr_of(buf, sizeof buf);
    vmc_dns_put_header(&w, 0, 0, 1);
    CHECK_EQ_INT(vmc_dns_put_question(&w, viamc_text("_rpc._tcp.local"), VMC_DNS_PTR, VMC_DNS_IN), VIAMC_OK);
    CHECK_EQ_HEX(buf, w.len, MDNS_QUERY_PTR);
    w = vmc_wr_of(buf, sizeof buf);
    vmc_dns_put_header(&w, 0, 0, 2);
    CHECK_EQ_INT(vmc_dns_put_question(&w, viamc_text(INSTANCE "._rpc._tcp.local"), VMC_DNS_SRV, VMC_DNS_IN), VIAMC_OK);
    CHECK_EQ_INT(vmc_dns_put_question(&w, viamc_text(INSTANCE "._rpc._tcp.local"), VMC_DNS_TXT, VMC_DNS_IN), VIAMC_OK);
    CHECK_EQ_HEX(buf, w.len, MDNS_QUERY_SRV_TXT);
}

/* A name of labels of 63 octets, cut to len. */
static viamc_str long_name(size_t len)
{
    static char text[300];
    viamc_str s;
    size_t i;
    for (i = 0; i < len; i++)
        text[i] = i % 64 == 63 ? '.' : 'a';
    s.ptr = text;
    s.len = len;
    return s;
}

TEST(names_have_a_length)
{
    CHECK(vmc_dns_name_good(viamc_text("a")));
    CHECK(vmc_dns_name_good(viamc_text("a.")));
    CHECK(vmc_dns_name_good(viamc_text("a.b")));
    CHECK(!vmc_dns_name_good(viamc_text("")));
    CHECK(!vmc_dns_name_good(viamc_text(".")));
    CHECK(!vmc_dns_name_good(viamc_text(".a")));
    CHECK(!vmc_dns_name_good(viamc_text("a..")));
    CHECK(!vmc_dns_name_good(viamc_text("a..b")));
    CHECK(vmc_dns_name_good(long_name(63)));
    CHECK(vmc_dns_name_good(long_name(64)));      /* the dot at the end */
    CHECK(!vmc_dns_name_good(viamc_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))); /* 64 */
    CHECK(vmc_dns_name_good(long_name(253)));
    CHECK(!vmc_dns_name_good(long_name(254)));
    CHECK(!vmc_dns_name_good(long_name(255)));
    CHECK(!vmc_dns_name_good(long_name(256)));
}

TEST(queries_into_too_little)
{
    static uint8_t buf[VMC_DNS_MAX_QUERY];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    size_t cap, need = 12 + 30 + 4;
    CHECK_EQ_INT(vmc_dns_put_query(&w, 1, long_name(253), VMC_DNS_AAAA), VIAMC_OK);
    CHECK_EQ_INT(w.len, VMC_DNS_MAX_QUERY);
    w = vmc_wr_of(buf, sizeof buf - 1u);
    CHECK_EQ_INT(vmc_dns_put_query(&w, 1, long_name(253), VMC_DNS_AAAA), VIAMC_ERR_NOMEM);
    w = vmc_wr_of(buf, sizeof buf);
    CHECK_EQ_INT(vmc_dns_put_query(&w, 1, long_name(254), VMC_DNS_AAAA), VIAMC_ERR_ARG);
    for (cap = 0; cap <= need; cap++) {
        uint8_t *exact_buf = (uint8_t *)malloc(cap + 1u);
        if (exact_buf == NULL)
            test_die("no memory", "queries_into_too_little");
        w = vmc_wr_of(exact_buf + 1, cap);
        CHECK_EQ_INT(vmc_dns_put_query(&w, 1, viamc_text(NAME), VMC_DNS_A), cap < need ? VIAMC_ERR_NOMEM : VIAMC_OK);
        free(exact_buf);
    }
}

/* ---- answers ---- */

static viamc_err answer(viamc_bytes packet, uint16_t id, const char *name, uint16_t type, vmc_dns_result *res)
{
    return vmc_dns_answer(packet, id, viamc_text(name), type, res);
}

static viamc_err answer_hex(const char *text, uint16_t id, const char *name, uint16_t type, vmc_dns_result *res)
{
    viamc_bytes packet = hex(text);
    viamc_err err;
    memset(res, 0, sizeof *res);
    err = answer(packet, id, name, type, res);
    CHECK((err == VIAMC_OK) == (res->addrs.count != 0));
    drop(packet);
    return err;
}

TEST(answers)
{
    vmc_dns_result res;
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1234, NAME, VMC_DNS_A, &res), VIAMC_OK);
    CHECK(res.addrs.count == 2 && res.rcode == 0 && !res.truncated);
    CHECK(res.addrs.list[0].family == 4 && res.addrs.list[1].family == 4);
    CHECK_EQ_HEX(res.addrs.list[0].bytes, 4, "c0000201");
    CHECK_EQ_HEX(res.addrs.list[1].bytes, 4, "c0000202");
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1234, "ROVER-main.ABC123.viam.cloud.", VMC_DNS_A, &res), VIAMC_OK);
    CHECK_EQ_INT(answer_hex(ANSWER_AAAA, 0xbeef, "edge.viam.cloud", VMC_DNS_AAAA, &res), VIAMC_OK);
    CHECK(res.addrs.count == 2 && res.addrs.list[1].family == 6);
    CHECK_EQ_HEX(res.addrs.list[0].bytes, 16, "fe800000000000000000000000000002");
    CHECK_EQ_HEX(res.addrs.list[1].bytes, 16, "20010db8000000000000000000000001");
}

TEST(answers_to_something_else)
{
    vmc_dns_result res;
    static const char *const others[] = {
        QUERY_A,                                                              /* no response */
        "1234a000000100000000000001610000010001",                             /* another opcode */
        "1234800000020000000000000161000001000101620000010001",               /* two questions */
        "123480000000000000000000",                                           /* none, and no refusal */
        "1234800000010000000000000161",                                       /* cut in the question */
        "12348000000100000000000001610000010003",                             /* another class */
        "12348000000100000000000001610000018001",
        "1234"
    };
    size_t i;
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1235, NAME, VMC_DNS_A, &res), VIAMC_WAIT);
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1234, NAME, VMC_DNS_AAAA, &res), VIAMC_WAIT);
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1234, "rover-main.abc123.viam.clouds", VMC_DNS_A, &res), VIAMC_WAIT);
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1234, "rover-main.abc123.viam", VMC_DNS_A, &res), VIAMC_WAIT);
    CHECK_EQ_INT(answer_hex(ANSWER_A, 0x1234, "rover-main-abc123.viam.cloud", VMC_DNS_A, &res), VIAMC_WAIT);
    for (i = 0; i < TEST_COUNT(others); i++)
        CHECK_EQ_INT(answer_hex(others[i], 0x1234, i == 0 ? NAME : "a", VMC_DNS_A, &res), VIAMC_WAIT);
}

#define A_QUESTION "01610000010001" /* a, A, IN; the name is at c00c */

TEST(refusals)
{
    vmc_dns_result res;
    CHECK_EQ_INT(answer_hex("123481830001000000000000" A_QUESTION, 0x1234, "a", VMC_DNS_A, &res), VIAMC_ERR_DNS);
    CHECK_EQ_INT(res.rcode, 3);
    CHECK_EQ_INT(answer_hex("123481800001000000000000" A_QUESTION, 0x1234, "a", VMC_DNS_A, &res), VIAMC_ERR_DNS); /* no data */
    CHECK_EQ_INT(res.rcode, 0);
    CHECK_EQ_INT(answer_hex("123481820000000000000000", 0x1234, "a", VMC_DNS_A, &res), VIAMC_ERR_DNS); /* no question either */
    CHECK_EQ_INT(res.rcode, 2);
    CHECK_EQ_INT(answer_hex("123481820000000000000000", 0x1233, "a", VMC_DNS_A, &res), VIAMC_WAIT);
}

TEST(answers_that_were_cut)
{
    vmc_dns_result res;
    CHECK_EQ_INT(answer_hex("123483800001000200000000" A_QUESTION "c00c000100010000003c00040a000001", 0x1234, "a", VMC_DNS_A, &res), VIAMC_OK);
    CHECK(res.truncated && res.addrs.count == 1);
    CHECK_EQ_INT(answer_hex("123481800001000200000000" A_QUESTION "c00c000100010000003c00040a000001", 0x1234, "a", VMC_DNS_A, &res),
                 VIAMC_ERR_MESSAGE); /* the same without the flag */
    CHECK_EQ_INT(answer_hex("123483800001000000000000" A_QUESTION, 0x1234, "a", VMC_DNS_A, &res), VIAMC_ERR_DNS);
    CHECK(res.truncated);
}

TEST(records_that_do_not_count)
{
    vmc_dns_result res;
    CHECK_EQ_INT(answer_hex("123481800001000700000000" A_QUESTION
                            "0162000001" "0001" "0000003c" "0004" "0a000001"    /* of another name */
                            "c00c" "0001" "0003" "0000003c" "0004" "0a000002"   /* of another class */
                            "c00c" "001c" "0001" "0000003c" "0010" "00112233445566778899aabbccddeeff"
                            "c00c" "0001" "0001" "0000003c" "0003" "0a0000"     /* too short */
                            "c00c" "0001" "0001" "0000003c" "0010" "00112233445566778899aabbccddeeff"
                            "c00c" "0005" "0001" "0000003c" "0003" "016200"     /* an alias, but there is an address too */
                            "c00c" "0001" "0001" "0000003c" "0004" "0a000003",
                            0x1234, "a", VMC_DNS_A, &res), VIAMC_OK);
    CHECK_EQ_INT(res.addrs.count, 1);
    CHECK_EQ_HEX(res.addrs.list[0].bytes, 4, "0a000003");
}

/* A packet for "a" in which n aliases lead to an address: a -> b -> c ... in whatever order. */
static viamc_err aliases(unsigned n, bool backward, bool loop, vmc_dns_result *res)
{
    uint8_t buf[512];
    unsigned i;
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    memset(res, 0, sizeof *res);
    vmc_wr_be16(&w, 7);
    vmc_wr_be16(&w, 0x8180);
    vmc_wr_be16(&w, 1);
    vmc_wr_be16(&w, n + 1);
    vmc_wr_be32(&w, 0);
    vmc_wr_bytes(&w, "\1a\0\0\1\0\1", 7);
    for (i = 0; i <= n; i++) {
        unsigned k = backward ? n - i : i;
        bool addr = k == n && !loop;
        vmc_wr_u8(&w, 1);
        vmc_wr_u8(&w, 'a' + k);
        vmc_wr_u8(&w, 0);
        vmc_wr_be16(&w, addr ? VMC_DNS_A : VMC_DNS_CNAME);
        vmc_wr_be16(&w, VMC_DNS_IN);
        vmc_wr_be32(&w, 60);
        vmc_wr_be16(&w, addr ? 4 : 3);
        if (addr)
            vmc_wr_be32(&w, 0x0a000001);
        else {
            vmc_wr_u8(&w, 1);
            vmc_wr_u8(&w, 'a' + (k == n ? 0 : k + 1));
            vmc_wr_u8(&w, 0);
        }
    }
    return answer(viamc_view(buf, w.len), 7, "a", VMC_DNS_A, res);
}

TEST(aliases_have_a_bound)
{
    vmc_dns_result res;
    CHECK_EQ_INT(aliases(0, false, false, &res), VIAMC_OK);
    CHECK_EQ_INT(aliases(VMC_DNS_MAX_ALIASES, false, false, &res), VIAMC_OK);
    CHECK_EQ_INT(aliases(VMC_DNS_MAX_ALIASES, true, false, &res), VIAMC_OK);
    CHECK_EQ_INT(res.addrs.count, 1);
    CHECK_EQ_INT(aliases(VMC_DNS_MAX_ALIASES + 1, false, false, &res), VIAMC_ERR_DNS);
    CHECK_EQ_INT(aliases(0, false, true, &res), VIAMC_ERR_DNS); /* of itself */
    CHECK_EQ_INT(aliases(2, false, true, &res), VIAMC_ERR_DNS); /* in a circle */
}

TEST(addresses_have_a_bound)
{
    vmc_dns_result res;
    unsigned n, round;
    for (n = VMC_DNS_MAX_ADDRS - 1; n <= VMC_DNS_MAX_ADDRS + 1u; n++) {
        uint8_t buf[512];
        vmc_wr w = vmc_wr_of(buf, sizeof buf);
        memset(&res, 0, sizeof res);
        vmc_wr_be32(&w, 0x00078180);
        vmc_wr_be16(&w, 1);
        vmc_wr_be16(&w, n);
        vmc_wr_be32(&w, 0);
        vmc_wr_bytes(&w, "\1a\0\0\1\0\1", 7);
        for (round = 0; round < n; round++)
            vmc_wr_bytes(&w, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1", 16);
        CHECK_EQ_INT(answer(viamc_view(buf, w.len), 7, "a", VMC_DNS_A, &res), VIAMC_OK);
        CHECK_EQ_INT(res.addrs.count, n < VMC_DNS_MAX_ADDRS ? n : VMC_DNS_MAX_ADDRS);
    }
}

/* ---- names ---- */

TEST(pointers)
{
    viamc_bytes p = hex("0161" "00" "0162" "c000" "c003" "c007" "0163c003" "41" "80" "c0");
    CHECK_EQ_STR(name_at(p, 0), "a");
    CHECK_EQ_STR(name_at(p, 2), "");
    CHECK_EQ_STR(name_at(p, 3), "b.a");
    CHECK_EQ_INT(vmc_dns_name_end(p, 3), 7);
    CHECK_EQ_STR(name_at(p, 7), "b.a");         /* nothing but a pointer, to one that ends in a pointer */
    CHECK_EQ_INT(vmc_dns_name_end(p, 7), 9);
    CHECK_EQ_STR(name_at(p, 9), "b.a");
    CHECK_EQ_STR(name_at(p, 11), "c.b.a");
    CHECK_EQ_INT(vmc_dns_name_end(p, 11), 15);
    CHECK_EQ_STR(name_at(p, 15), "?");          /* reserved lengths */
    CHECK_EQ_STR(name_at(p, 16), "?");
    CHECK_EQ_STR(name_at(p, 17), "?");          /* a pointer cut in two */
    CHECK_EQ_STR(name_at(p, 18), "?");          /* behind the packet */
    CHECK_EQ_STR(name_at(p, 1000), "?");
    CHECK(vmc_dns_same_name(p, 3, 7) && !vmc_dns_same_name(p, 0, 3) && !vmc_dns_same_name(p, 3, 11) && !vmc_dns_same_name(p, 3, 15));
    CHECK(!vmc_dns_same_name(p, 15, 15));
    drop(p);
    p = hex("c004" "0000" "016100" "c000" "c004" "4004" "8004");
    CHECK_EQ_STR(name_at(p, 7), "?");           /* backward, to a pointer that leads forward */
    CHECK_EQ_STR(name_at(p, 9), "a");
    CHECK_EQ_STR(name_at(p, 11), "?");          /* reserved, not pointers */
    CHECK_EQ_STR(name_at(p, 13), "?");
    drop(p);
}

TEST(pointers_that_lead_nowhere)
{
    static const char *const bad[] = { "c000", "c001", "c00200", "0161c000", "0161c002", "c004" "0161" "c000", "3f61", "0261", "016105" };
    size_t i;
    for (i = 0; i < TEST_COUNT(bad); i++) {
        viamc_bytes p = hex(bad[i]);
        CHECK_EQ_INT(vmc_dns_name_end(p, 0), 0);
        CHECK_EQ_STR(name_at(p, 0), "?");
        CHECK(!vmc_dns_name_is(p, 0, viamc_text("a")));
        drop(p);
    }
}

TEST(pointers_have_a_bound)
{
    uint8_t buf[2 + 2 * (VMC_DNS_MAX_JUMPS + 1)];
    size_t i;
    viamc_bytes p;
    memset(buf, 0, sizeof buf);
    for (i = 1; i <= VMC_DNS_MAX_JUMPS + 1u; i++) { /* each leads to the one before it */
        buf[2 * i] = 0xc0;
        buf[2 * i + 1] = (uint8_t)(2 * (i - 1));
    }
    p = exact(buf, sizeof buf);
    CHECK_EQ_INT(vmc_dns_name_end(p, 2 * VMC_DNS_MAX_JUMPS), 2 * VMC_DNS_MAX_JUMPS + 2);
    CHECK_EQ_INT(vmc_dns_name_end(p, 2 * VMC_DNS_MAX_JUMPS + 2), 0);
    drop(p);
}

/* 255 octets are the most, also through pointers. */
TEST(names_in_packets_have_a_length)
{
    uint8_t buf[300];
    size_t last;
    for (last = 58; last <= 63; last++) {
        vmc_wr w = vmc_wr_of(buf, sizeof buf);
        viamc_bytes p;
        size_t i, k;
        for (i = 0; i < 3; i++) { /* 3 * 64 octets */
            vmc_wr_u8(&w, 63);
            for (k = 0; k < 63; k++)
                vmc_wr_u8(&w, 'x');
        }
        vmc_wr_u8(&w, 0);
        vmc_wr_u8(&w, (uint32_t)last); /* 193 + 1 + 61 = 255 */
        for (k = 0; k < last; k++)
            vmc_wr_u8(&w, 'y');
        vmc_wr_be16(&w, 0xc000);
        p = exact(buf, w.len);
        CHECK_EQ_INT(vmc_dns_name_end(p, 193), last <= 61 ? w.len : 0);
        CHECK_EQ_INT(strlen(name_at(p, 193)), last <= 61 ? last + 192 : 1);
        drop(p);
    }
}

TEST(texts_of_names)
{
    viamc_bytes p = hex("04612e6201" "0163" "00");
    char text[16];
    vmc_wr w = vmc_wr_of(text, sizeof text);
    CHECK(vmc_dns_name_text(p, 0, &w)); /* a dot inside a label stays, a control character does not */
    CHECK_EQ_MEM(text, w.len, "a.b?.c", 6);
    w = vmc_wr_of(text, 5);
    CHECK(!vmc_dns_name_text(p, 0, &w));
    drop(p);
    p = hex("04612e6263" "0164" "00");
    CHECK(vmc_dns_name_is(p, 0, viamc_text("A.bc.d")));
    CHECK(!vmc_dns_name_is(p, 0, viamc_text("a.bcd")));
    CHECK(!vmc_dns_name_is(p, 0, viamc_text("a.bc.")));
    CHECK(!vmc_dns_name_is(p, 0, viamc_text("a.bc.de")));
    CHECK(!vmc_dns_name_is(p, 0, viamc_text("a.bc.d.e")));
    CHECK(!vmc_dns_name_is(p, 0, viamc_text("")));
    drop(p);
}

/* ---- records ---- */

static void check_mdns(const char *text, bool flush)
{
    viamc_bytes p = hex(text), data, string;
    vmc_dns_packet walk;
    vmc_dns_record rec;
    vmc_dns_srv srv;
    CHECK(vmc_dns_open(p, &walk) && walk.id == 0 && walk.flags == 0x8400);
    CHECK(vmc_dns_next_record(&walk, &rec) && rec.section == VMC_DNS_ANSWER && rec.type == VMC_DNS_PTR && rec.cls == 1 && !rec.top);
    CHECK_EQ_STR(name_at(p, rec.name), "_rpc._tcp.local");
    CHECK(vmc_dns_data_is_name(p, &rec) && rec.ttl == 3200);
    CHECK_EQ_STR(name_at(p, rec.data_at), INSTANCE "._rpc._tcp.local");
    CHECK(vmc_dns_next_record(&walk, &rec) && rec.type == VMC_DNS_SRV && rec.cls == 1 && rec.top == flush);
    CHECK_EQ_STR(name_at(p, rec.name), INSTANCE "._rpc._tcp.local");
    CHECK(vmc_dns_read_srv(p, &rec, &srv) && srv.priority == 0 && srv.weight == 0 && srv.port == 8080);
    CHECK_EQ_STR(name_at(p, srv.target), INSTANCE ".local");
    CHECK(vmc_dns_next_record(&walk, &rec) && rec.type == VMC_DNS_TXT);
    data = rec.data;
    CHECK(vmc_dns_next_string(&data, &string) && vmc_bytes_are(string, "grpc"));
    CHECK(vmc_dns_next_string(&data, &string) && vmc_bytes_are(string, "webrtc"));
    CHECK(!vmc_dns_next_string(&data, &string));
    CHECK(vmc_dns_next_record(&walk, &rec) && rec.type == VMC_DNS_A && rec.ttl == 120);
    CHECK_EQ_STR(name_at(p, rec.name), INSTANCE ".local");
    CHECK_EQ_HEX(rec.data.ptr, rec.data.len, "c0a80132");
    CHECK(!vmc_dns_next_record(&walk, &rec) && !walk.bad && walk.at == p.len);
    drop(p);
}

TEST(mdns)
{
    check_mdns(MDNS_PLAIN, true);
    check_mdns(MDNS_COMPRESSED, false);
}

TEST(questions_are_walked_too)
{
    viamc_bytes p = hex(MDNS_QUERY_SRV_TXT);
    vmc_dns_packet walk;
    vmc_dns_record rec;
    CHECK(vmc_dns_open(p, &walk));
    CHECK(vmc_dns_next_record(&walk, &rec) && rec.section == VMC_DNS_QUESTION && rec.type == VMC_DNS_SRV && rec.data.len == 0);
    CHECK(vmc_dns_next_record(&walk, &rec) && rec.section == VMC_DNS_QUESTION && rec.type == VMC_DNS_TXT);
    CHECK_EQ_STR(name_at(p, rec.name), INSTANCE "._rpc._tcp.local");
    CHECK(!vmc_dns_next_record(&walk, &rec) && !walk.bad);
    drop(p);
}

TEST(sections)
{
    viamc_bytes p = hex(ANSWER_A);
    static const uint8_t want[] = { 0, 1, 1, 1, 1, 2, 3 };
    vmc_dns_packet walk;
    vmc_dns_record rec;
    size_t i;
    CHECK(vmc_dns_open(p, &walk));
    for (i = 0; i < sizeof want; i++)
        CHECK(vmc_dns_next_record(&walk, &rec) && rec.section == want[i]);
    CHECK_EQ_STR(name_at(p, rec.name), "ns.edge.net");
    CHECK(!vmc_dns_next_record(&walk, &rec) && !walk.bad);
    drop(p);
}

TEST(data_of_records)
{
    viamc_bytes p = hex("0000" "84000000000400000000"
                        "00" "0021" "0001" "00000000" "0006" "000000001f90"    /* SRV without a target */
                        "00" "0021" "0001" "00000000" "0008" "000000001f900000" /* with something behind it */
                        "00" "000c" "0001" "00000000" "0000"                    /* PTR to nothing */
                        "00" "0010" "0001" "00000000" "0003" "056162");         /* TXT with a string that is too long */
    vmc_dns_packet walk;
    vmc_dns_record rec;
    vmc_dns_srv srv;
    viamc_bytes string;
    CHECK(vmc_dns_open(p, &walk));
    CHECK(vmc_dns_next_record(&walk, &rec) && !vmc_dns_read_srv(p, &rec, &srv));
    CHECK(vmc_dns_next_record(&walk, &rec) && !vmc_dns_read_srv(p, &rec, &srv));
    CHECK(vmc_dns_next_record(&walk, &rec) && !vmc_dns_data_is_name(p, &rec));
    CHECK(vmc_dns_next_record(&walk, &rec) && !vmc_dns_next_string(&rec.data, &string));
    CHECK(!vmc_dns_next_record(&walk, &rec) && !walk.bad);
    drop(p);
}

/* Walks a packet with everything that can be done to a record. Returns records and questions, or -1 if it is malformed. */
static int walk_all(viamc_bytes p)
{
    vmc_dns_packet walk;
    vmc_dns_record rec;
    vmc_dns_srv srv;
    int n = 0;
    char text[VMC_DNS_MAX_NAME];
    if (!vmc_dns_open(p, &walk))
        return -1;
    while (vmc_dns_next_record(&walk, &rec)) {
        viamc_bytes data = rec.data, string;
        vmc_wr w = vmc_wr_of(text, sizeof text);
        CHECK(data.len == 0 || (data.ptr >= p.ptr && data.len <= p.len - (size_t)(data.ptr - p.ptr)));
        CHECK(vmc_dns_name_text(p, rec.name, &w));
        CHECK(vmc_dns_same_name(p, rec.name, rec.name));
        w = vmc_wr_of(text, sizeof text);
        if (vmc_dns_data_is_name(p, &rec))
            CHECK(vmc_dns_name_text(p, rec.data_at, &w));
        w = vmc_wr_of(text, sizeof text);
        if (vmc_dns_read_srv(p, &rec, &srv))
            CHECK(vmc_dns_name_text(p, srv.target, &w));
        while (vmc_dns_next_string(&data, &string))
            CHECK(string.len < 256);
        n++;
        if ((size_t)n > p.len)
            test_die("more records than octets", test_now.test);
    }
    return walk.bad ? -1 : n;
}

static void answer_all(viamc_bytes p)
{
    vmc_dns_result res;
    uint16_t id = p.len >= 2 ? (uint16_t)vmc_be16(p.ptr) : 0;
    memset(&res, 0, sizeof res);
    (void)answer(p, id, NAME, VMC_DNS_A, &res);
    (void)answer(p, id, "edge.viam.cloud", VMC_DNS_AAAA, &res);
    (void)answer(p, id, "a", VMC_DNS_A, &res);
    CHECK(res.addrs.count <= VMC_DNS_MAX_ADDRS);
}

/* A packet that is cut is malformed, or counts fewer. */
TEST(truncations)
{
    size_t i, n;
    for (i = 0; i < TEST_COUNT(packets); i++) {
        viamc_bytes p = hex(packets[i]);
        CHECK(walk_all(p) > 0);
        for (n = 0; n < p.len; n++) {
            viamc_bytes cut = exact(p.ptr, n);
            CHECK_EQ_INT(walk_all(cut), -1);
            answer_all(cut);
            drop(cut);
        }
        drop(p);
    }
}

TEST(damaged_packets)
{
    size_t i, at;
    unsigned value;
    for (i = 0; i < TEST_COUNT(packets); i++) {
        viamc_bytes p = hex(packets[i]);
        for (at = 0; at < p.len; at++) {
            for (value = 0; value < 256; value++) {
                uint8_t buf[512];
                viamc_bytes copy;
                memcpy(buf, p.ptr, p.len);
                buf[at] = (uint8_t)value;
                copy = exact(buf, p.len);
                (void)walk_all(copy);
                answer_all(copy);
                drop(copy);
            }
        }
        drop(p);
    }
}

TEST(random_packets)
{
    static const uint8_t likely[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 4, 0, 5, 1, 'a', 0, 3, 0xc0, 0x0e };
    unsigned i, whole = 0;
    for (i = 0; i < 100000; i++) {
        uint8_t buf[80];
        size_t len = test_rand_below(sizeof buf), n;
        viamc_bytes p;
        for (n = 0; n < len; n++)
            buf[n] = (uint8_t)((i & 1u) != 0 ? test_rand() : likely[test_rand_below(16)]);
        if (len >= 12 && i % 4 != 0) { /* a believable header: one question and few records */
            static const uint8_t header[] = { 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0 };
            memcpy(buf, header, sizeof header);
        }
        if (len >= 19 && i % 4 == 2)
            memcpy(buf + 12, "\1a\0\0\1\0\1", 7);
        p = exact(buf, len);
        whole += walk_all(p) > 1;
        answer_all(p);
        drop(p);
    }
    CHECK(whole > 10);
}

/* ---- texts of addresses ---- */

/* want: the octets, NULL if the text is no address. */
static void check_addr(const char *text, const char *want)
{
    vmc_dns_addr a;
    viamc_bytes copy = exact(text, strlen(text));
    viamc_str s;
    bool ok;
    s.ptr = (const char *)copy.ptr;
    s.len = copy.len;
    ok = vmc_dns_parse_addr(s, &a);
    CHECK_EQ_INT(ok, want != NULL);
    if (ok != (want != NULL))
        printf("  of %s\n", text);
    if (ok && want != NULL)
        CHECK_EQ_HEX(a.bytes, a.family == 4 ? 4 : 16, want);
    drop(copy);
}

TEST(addresses)
{
    check_addr("0.0.0.0", "00000000");
    check_addr("10.0.0.7", "0a000007");
    check_addr("255.255.255.255", "ffffffff");
    check_addr("::", "00000000000000000000000000000000");
    check_addr("::1", "00000000000000000000000000000001");
    check_addr("1::", "00010000000000000000000000000000");
    check_addr("fe80::a:B", "fe80000000000000" "00000000000a000b");
    check_addr("2001:db8:1:2:3:4:5:6", "20010db8000100020003000400050006");
    check_addr("1:2:3:4:5:6:7::", "00010002000300040005000600070000");
    check_addr("::2:3:4:5:6:7:8", "00000002000300040005000600070008");
    check_addr("1::3:4:5:6:7:8", "00010000000300040005000600070008");
    check_addr("::ffff:10.0.0.7", "00000000000000000000ffff0a000007");
    check_addr("1:2:3:4:5:6:10.0.0.7", "0001000200030004000500060a000007");
    check_addr("64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221");
    check_addr("::10.0.0.7", "0000000000000000000000000a000007");
}

TEST(what_is_no_address)
{
    static const char *const bad[] = { "", ".", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "1..3.4", "256.0.0.1", "1.2.3.0004", "01.2.3.4",
        "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x1.2.3.4", "99999999999.1.1.1", "localhost", ":", ":::", "1", "1:", ":1", "1:2", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "12345::", "g::", "fe80::1%eth0", "[::1]",
        "::1.2.3", "::1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1.2.3.4::", "::256.1.1.1", "1:2:3:4:5:6:7::8", "1: :2" };
    size_t i;
    for (i = 0; i < TEST_COUNT(bad); i++)
        check_addr(bad[i], NULL);
}

TEST(random_addresses)
{
    static const char likely[] = "::::....01259afF%x";
    unsigned i;
    for (i = 0; i < 100000; i++) {
        char text[48];
        size_t n = test_rand_below(sizeof text), k;
        viamc_bytes copy;
        viamc_str s;
        vmc_dns_addr a;
        for (k = 0; k < n; k++)
            text[k] = likely[test_rand_below(18)];
        copy = exact(text, n);
        s.ptr = (const char *)copy.ptr;
        s.len = n;
        (void)vmc_dns_parse_addr(s, &a);
        drop(copy);
    }
}

/* ---- /etc/hosts and /etc/resolv.conf ---- */

static void feed_hosts(vmc_dns_hosts *h, const char *name, const char *file, size_t step)
{
    size_t at, n, len = strlen(file);
    vmc_dns_hosts_begin(h, viamc_text(name));
    for (at = 0; at < len; at += n) {
        viamc_bytes piece;
        n = step < len - at ? step : len - at;
        piece = exact(file + at, n);
        vmc_dns_hosts_feed(h, piece);
        drop(piece);
    }
    vmc_dns_hosts_feed(h, viamc_view("\n", 1));
}

static const char hosts[] =
    "# the machine itself\n127.0.0.1\tlocalhost localhost.localdomain\n::1 localhost ip6-localhost # both\n"
    "10.0.0.7   Rover rover-main.abc123.viam.cloud\r\n\n  10.0.0.8 arm. other#rover\n#10.0.0.9 rover\nfe80::1%lo0 rover\n10.0.0 rover\n"
    "10.0.0.11 y;rover # rover\n10.0.0.10 x rover";

TEST(hosts_file)
{
    size_t step;
    for (step = 1; step < sizeof hosts; step++) {
        vmc_dns_hosts h;
        feed_hosts(&h, "localhost", hosts, step);
        CHECK_EQ_INT(h.found.count, 2);
        CHECK_EQ_HEX(h.found.list[0].bytes, 4, "7f000001");
        CHECK(h.found.list[0].family == 4 && h.found.list[1].family == 6 && h.found.list[1].bytes[15] == 1);
        feed_hosts(&h, "rover", hosts, step);
        CHECK_EQ_INT(h.found.count, 2);
        CHECK_EQ_HEX(h.found.list[0].bytes, 4, "0a000007");
        CHECK_EQ_HEX(h.found.list[1].bytes, 4, "0a00000a"); /* the last line has no end */
        feed_hosts(&h, "ROVER-MAIN.abc123.viam.cloud.", hosts, step);
        CHECK_EQ_INT(h.found.count, 1);
        feed_hosts(&h, "arm", hosts, step);
        CHECK_EQ_INT(h.found.count, 1);
        feed_hosts(&h, "other", hosts, step);
        CHECK_EQ_INT(h.found.count, 1);
        feed_hosts(&h, "10.0.0.7", hosts, step); /* an address is no name */
        CHECK_EQ_INT(h.found.count, 0);
        feed_hosts(&h, "rove", hosts, step);
        CHECK_EQ_INT(h.found.count, 0);
    }
}

TEST(words_have_a_length)
{
    static char file[2000];
    vmc_dns_hosts h;
    char name[400];
    size_t n;
    for (n = 250; n <= 256; n++) { /* 253 and a dot at the end are the most */
        memset(name, 'a', n);
        name[n] = '\0';
        snprintf(file, sizeof file, "1.2.3.4 %s b\n", name);
        feed_hosts(&h, name, file, 7);
        CHECK_EQ_INT(h.found.count, n <= 254);
        feed_hosts(&h, "b", file, 7); /* the next word is not lost */
        CHECK_EQ_INT(h.found.count, 1);
    }
    memset(name, 'a', 253);
    name[253] = '\0';
    snprintf(file, sizeof file, "1.2.3.4 %s.x\n", name); /* cut to size it would be the name that is looked for */
    feed_hosts(&h, name, file, 7);
    CHECK_EQ_INT(h.found.count, 0);
    memset(name, '1', 300);
    name[300] = '\0';
    snprintf(file, sizeof file, "%s b\n", name);
    feed_hosts(&h, "b", file, 7);
    CHECK_EQ_INT(h.found.count, 0);
}

/* A line of 300 words: names behind the 255th are still found, and none of them is taken for an address. */
TEST(long_lines)
{
    static char file[4000];
    vmc_dns_hosts h;
    unsigned i;
    size_t len = 0;
    len += (size_t)snprintf(file, sizeof file, "1.2.3.4");
    for (i = 0; i < 300; i++)
        len += (size_t)snprintf(file + len, sizeof file - len, " 9.9.9.9");
    snprintf(file + len, sizeof file - len, " b\n");
    feed_hosts(&h, "b", file, 11);
    CHECK_EQ_INT(h.found.count, 1);
    CHECK_EQ_HEX(h.found.list[0].bytes, 4, "01020304");
}

static void feed_conf(vmc_dns_conf *c, const char *file, size_t step)
{
    size_t at, n, len = strlen(file);
    vmc_dns_conf_begin(c);
    for (at = 0; at < len; at += n) {
        viamc_bytes piece;
        n = step < len - at ? step : len - at;
        piece = exact(file + at, n);
        vmc_dns_conf_feed(c, piece);
        drop(piece);
    }
    vmc_dns_conf_feed(c, viamc_view("\n", 1));
}

TEST(resolver_file)
{
    static const char file[] =
        "; made by a machine\n# nameserver 9.9.9.9\nnameserver 127.0.0.53\nnameserver  fe80::1%eth0\nnameserver 2001:db8::53 # two\n"
        "search lan example.org\noptions edns0 timeout:3 attempts:4 ndots:2 rotate\nsortlist 1.1.1.1\nnameserver 10.0.0.1 10.0.0.2\n"
        "nameserver 10.0.0.3\nnameserverx 1.2.3.4\nnameserver";
    size_t step;
    for (step = 1; step < sizeof file; step++) {
        vmc_dns_conf c;
        feed_conf(&c, file, step);
        CHECK_EQ_INT(c.count, 3);
        CHECK_EQ_HEX(c.server[0].bytes, 4, "7f000035");
        CHECK(c.server[1].family == 6 && c.server[1].bytes[15] == 0x53);
        CHECK_EQ_HEX(c.server[2].bytes, 4, "0a000001");
        CHECK(c.timeout_s == 3 && c.attempts == 4 && c.ndots == 2);
        CHECK_EQ_MEM(c.search, c.search_len, "lan", 3);
    }
}

TEST(resolver_options)
{
    vmc_dns_conf c;
    feed_conf(&c, "", 1);
    CHECK(c.count == 0 && c.timeout_s == 5 && c.attempts == 2 && c.ndots == 1 && c.search_len == 0);
    feed_conf(&c, "options timeout:0 attempts:0 ndots:0", 5);
    CHECK(c.timeout_s == 1 && c.attempts == 1 && c.ndots == 0);
    feed_conf(&c, "options timeout:30 attempts:5 ndots:15", 5);
    CHECK(c.timeout_s == 30 && c.attempts == 5 && c.ndots == 15);
    feed_conf(&c, "options timeout:31 attempts:6 ndots:16", 5);
    CHECK(c.timeout_s == 30 && c.attempts == 5 && c.ndots == 15);
    feed_conf(&c, "options timeout:99999999999 timeout: timeout timeout:x timeout:-1 timeout:3s attempts=9 :7", 5);
    CHECK(c.timeout_s == 5 && c.attempts == 2 && c.ndots == 1);
    feed_conf(&c, "timeout:3\nsearch\ndomain old.example\nsearch new.example. x\n", 5);
    CHECK(c.timeout_s == 5);
    CHECK_EQ_MEM(c.search, c.search_len, "new.example", 11);
    feed_conf(&c, "search good\nsearch bad..name", 5);
    CHECK_EQ_INT(c.search_len, 0);
    feed_conf(&c, "search .", 5);
    CHECK_EQ_INT(c.search_len, 0);
}

TEST(random_files)
{
    static const char *const parts[] = { "nameserver", "options", "search", "timeout:", "attempts:", "ndots:", "1", "10.0.0.1", "::1", " ", "\n",
        "\t", "#", ";", "rover", ".", "lan" };
    unsigned i;
    for (i = 0; i < 100000; i++) {
        char file[256];
        size_t n = test_rand_below(16), step = 1 + test_rand_below(9);
        vmc_dns_conf c, c2;
        vmc_dns_hosts h;
        (void)test_rand_text(parts, TEST_COUNT(parts), n, file);
        feed_conf(&c, file, step);
        feed_conf(&c2, file, 256);
        CHECK(c.count <= VMC_DNS_MAX_SERVERS && c.timeout_s >= 1 && c.timeout_s <= 30 && c.attempts >= 1 && c.attempts <= 5 && c.ndots <= 15);
        if (memcmp(&c, &c2, sizeof c) != 0) /* the pieces do not matter; all padding was cleared */
            CHECK(false);
        if (i % 8 == 0)
            feed_hosts(&h, "rover", file, step);
    }
}

int main(int argc, char **argv)
{
    test_begin("dns", argc, argv);
    RUN(queries);
    RUN(names_have_a_length);
    RUN(queries_into_too_little);
    RUN(answers);
    RUN(answers_to_something_else);
    RUN(refusals);
    RUN(answers_that_were_cut);
    RUN(records_that_do_not_count);
    RUN(aliases_have_a_bound);
    RUN(addresses_have_a_bound);
    RUN(pointers);
    RUN(pointers_that_lead_nowhere);
    RUN(pointers_have_a_bound);
    RUN(names_in_packets_have_a_length);
    RUN(texts_of_names);
    RUN(mdns);
    RUN(questions_are_walked_too);
    RUN(sections);
    RUN(data_of_records);
    RUN(truncations);
    RUN(damaged_packets);
    RUN(random_packets);
    RUN(addresses);
    RUN(what_is_no_address);
    RUN(random_addresses);
    RUN(hosts_file);
    RUN(words_have_a_length);
    RUN(long_lines);
    RUN(resolver_file);
    RUN(resolver_options);
    RUN(random_files);
    return test_end();
}
