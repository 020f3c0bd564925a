/* SPDX-License-Identifier: MIT */
/* Tests of codec/mdns: who announces himself, and what strangers may say without being believed. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#define DASHED "my-robot-main-abc123-viam-cloud"
#define DOTTED "my-robot-main.abc123.viam.cloud"
#define SERVICE "._rpc._tcp.local"
/* viam-wire.md 8.5, M3; and the same with compressed names */
#define PLAIN \
    "000084000000000400000000045f727063045f746370056c6f63616c00000c000100000c8000311f6d792d726f626f742d6d61696e2d6162633132332d7669" \
    "616d2d636c6f7564045f727063045f746370056c6f63616c001f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564045f72706304" \
    "5f746370056c6f63616c000021800100000c80002d000000001f901f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f63" \
    "616c001f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564045f727063045f746370056c6f63616c000010800100000c80000c04" \
    "67727063067765627274631f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f63616c0000018001000000780004c0a801" \
    "32"
#define COMPRESSED \
    "000084000000000400000000045f727063045f746370056c6f63616c00000c000100000c8000221f6d792d726f626f742d6d61696e2d6162633132332d7669" \
    "616d2d636c6f7564c00cc0270021000100000c80002d000000001f901f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f" \
    "63616c00c0270010000100000c80000c0467727063067765627274631f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564c01600" \
    "010001000000780004c0a80132"

/* ---- a packet in the making ---- */

static struct {
    uint8_t buf[4096];
    vmc_wr w;
} pack;

static void pack_begin(unsigned flags, unsigned questions, unsigned answers, unsigned authority, unsigned additional)
{
    unsigned counts[4], i;
    counts[0] = questions;
    counts[1] = answers;
    counts[2] = authority;
    counts[3] = additional;
    pack.w = vmc_wr_of(pack.buf, sizeof pack.buf);
    vmc_wr_be16(&pack.w, 0);
    vmc_wr_be16(&pack.w, flags);
    for (i = 0; i < 4; i++)
        vmc_wr_be16(&pack.w, counts[i]);
}

static void pack_head(const char *name, unsigned type, unsigned cls, unsigned ttl, size_t len)
{
    vmc_dns_put_name(&pack.w, viamc_text(name));
    vmc_wr_be16(&pack.w, type);
    vmc_wr_be16(&pack.w, cls);
    vmc_wr_be32(&pack.w, ttl);
    vmc_wr_be16(&pack.w, (uint32_t)len);
}

static void pack_srv(const char *name, unsigned port, const char *target, unsigned ttl)
{
    pack_head(name, VMC_DNS_SRV, 0x8001, ttl, 6u + strlen(target) + 2u);
    vmc_wr_be32(&pack.w, 0);
    vmc_wr_be16(&pack.w, port);
    vmc_dns_put_name(&pack.w, viamc_text(target));
}

static void pack_txt(const char *name, const char *string)
{
    pack_head(name, VMC_DNS_TXT, 0x8001, 3200, strlen(string) + 1u);
    vmc_wr_u8(&pack.w, (uint32_t)strlen(string));
    vmc_wr_text(&pack.w, string);
}

static void pack_a(const char *name, unsigned ip)
{
    pack_head(name, VMC_DNS_A, 0x8001, 120, 4);
    vmc_wr_be32(&pack.w, ip);
}

static viamc_bytes packed(void)
{
    CHECK(!pack.w.full);
    return viamc_view(pack.buf, pack.w.len);
}

/* A whole announcement of one robot. */
static void pack_robot(const char *instance, unsigned ip)
{
    char name[300];
    snprintf(name, sizeof name, "%s" SERVICE, instance);
    pack_srv(name, 8080, "host.local", 3200);
    pack_txt(name, "grpc");
    pack_a("host.local", ip);
}

/* ---- what is sent, and what robots answer ---- */

TEST(query)
{
    uint8_t buf[40];
    size_t n;
    CHECK_EQ_INT(viamc_find_query(buf, sizeof buf), 33);
    CHECK_EQ_HEX(buf, 33, "000000000001000000000000045f727063045f746370056c6f63616c00000c0001"); /* M1 */
    for (n = 0; n < 33; n++)
        CHECK_EQ_INT(viamc_find_query(buf, n), 0);
    CHECK_EQ_INT(viamc_find_query(NULL, 40), 0);
}

TEST(answers_of_viam_server)
{
    static const char *const rows[] = {PLAIN, COMPRESSED};
    viamc_found f[2];
    uint8_t buf[600];
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        size_t n = test_hex(rows[i], buf, sizeof buf);
        CHECK_EQ_INT(viamc_find_add(viamc_view(buf, n), f, 2, 0), 1);
        CHECK_EQ_STR(f[0].name, DASHED);
        CHECK_EQ_STR(f[0].address, "192.168.1.50:8080");
    }
}

/* Four instances of one robot are one robot, by its best name; its second address and a neighbour are others. */
TEST(list_of_robots)
{
    static const char *const names[] = {"my-robot-main-abc123-local-viam-cloud", DASHED, "my-robot-main.abc123.local.viam.cloud", DOTTED, "MY-ROBOT-MAIN.abc123.viam.cloud"};
    viamc_found f[8];
    size_t i, n = 0;
    for (i = 0; i < TEST_COUNT(names); i++) {
        pack_begin(0x8400, 0, 3, 0, 0);
        pack_robot(names[i], 0x0a000007);
        n = viamc_find_add(packed(), f, 8, n);
        CHECK_EQ_INT(n, 1);
    }
    CHECK_EQ_STR(f[0].name, DOTTED);
    pack_begin(0x8400, 0, 0, 0, 7);
    pack_robot(DOTTED, 0x0a000008);
    pack_a("other.local", 0x0a000009);
    pack_robot("neighbour", 0x0a000007);
    CHECK_EQ_INT(n = viamc_find_add(packed(), f, 8, n), 4); /* both robots at both addresses of host.local */
    CHECK_EQ_STR(f[1].address, "10.0.0.8:8080");
    CHECK_EQ_STR(f[2].name, "neighbour");
    CHECK_EQ_INT(viamc_find_add(packed(), f, 8, n), 4);
}

TEST(full_list)
{
    viamc_found f[2];
    size_t n = 0;
    unsigned i;
    memset(f, 0x5a, sizeof f);
    for (i = 0; i < 3; i++) {
        pack_begin(0x8400, 0, 3, 0, 0);
        pack_robot(DOTTED, 0x0a000000 + i + 1);
        n = viamc_find_add(packed(), f, 1, n);
    }
    CHECK_EQ_INT(n, 1);
    CHECK_EQ_STR(f[0].address, "10.0.0.1:8080");
    CHECK_EQ_INT(f[1].name[0], 0x5a);
    CHECK_EQ_INT(viamc_find_add(packed(), NULL, 8, 0), 0);
}

/* ---- whose name it is ---- */

TEST(names)
{
    static const struct {
        const char *instance, *name;
        bool same;
    } rows[] = {
        {DASHED, DOTTED, true}, {DOTTED, DOTTED, true}, {"my-robot-main.abc123.local.viam.cloud", DOTTED, true},
        {"my-robot-main-abc123-local-viam-cloud", DOTTED, true}, {"MY-Robot-main-ABC123-viam-cloud", DOTTED, true},
        {DASHED, "my-robot-main.abc123.local.viam.cloud", true},
        {"robot-main-abc123-viam-cloud", DOTTED, false}, {"my-robot-main-abc12-viam-cloud", DOTTED, false}, {"my-robot-main-abc123", DOTTED, false},
        {"my-robot-main-abc123-viam-cloud-x", DOTTED, false}, {"x-my-robot-main-abc123-viam-cloud", DOTTED, false}, {"my-robot-main-abc123-viam-clouds", DOTTED, false},
        {"", DOTTED, false}, {"-viam-cloud", DOTTED, false}, {".viam.cloud", DOTTED, false},
        {"viam-rover-main-abc123-viam-cloud", "viam-rover-main.abc123.viam.cloud", true}, /* the trap of viam-wire.md 7.2 */
        {DASHED, "viam-rover-main.abc123.viam.cloud", false}, {"viam", "viam-rover-main.abc123.viam.cloud", false}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        CHECK_EQ_INT(vmc_mdns_same(viamc_text(rows[i].instance), viamc_text(rows[i].name)), rows[i].same);
        if (vmc_mdns_same(viamc_text(rows[i].instance), viamc_text(rows[i].name)) != rows[i].same)
            printf("  %s, %s\n", rows[i].instance, rows[i].name);
    }
    CHECK(vmc_mdns_is_cloud(viamc_text(DOTTED)) && vmc_mdns_is_cloud(viamc_text("a.VIAM.Cloud")));
    CHECK(!vmc_mdns_is_cloud(viamc_text(".viam.cloud")) && !vmc_mdns_is_cloud(viamc_text("viam.cloud")) && !vmc_mdns_is_cloud(viamc_text("")));
    CHECK(!vmc_mdns_is_cloud(viamc_text("a.viam.cloud.evil.org")) && !vmc_mdns_is_cloud(viamc_text("10.0.0.7")));
}

/* ---- strangers, damage, lies ---- */

static size_t robots_in(viamc_bytes packet)
{
    viamc_found f[64];
    uint8_t *copy = (uint8_t *)malloc(packet.len + 1u); /* of just that size: a read past its end is seen */
    size_t n;
    memcpy(copy, packet.ptr, packet.len);
    n = viamc_find_add(viamc_view(copy, packet.len), f, 64, 0);
    free(copy);
    return n;
}

TEST(what_is_no_answer)
{
    static const unsigned flags[] = {0x0000, 0x0400, 0x8403, 0x8c00, 0x9000}; /* queries; with an rcode; other opcodes */
    size_t i;
    for (i = 0; i < TEST_COUNT(flags); i++) {
        pack_begin(flags[i], 0, 3, 0, 0);
        pack_robot(DOTTED, 0x0a000007);
        CHECK_EQ_INT(robots_in(packed()), 0);
    }
    pack_begin(0x8400, 0, 0, 3, 0); /* authority: what somebody plans to announce */
    pack_robot(DOTTED, 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 1, 0, 2);
    pack_robot(DOTTED, 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 1);
    pack_begin(0x8400, 0, 4, 0, 0); /* a record is missing */
    pack_robot(DOTTED, 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
}

TEST(what_is_no_robot)
{
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED SERVICE, 0, "host.local", 3200); /* no port */
    pack_txt(DOTTED SERVICE, "grpc");
    pack_a("host.local", 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED SERVICE, 8080, "host.local", 0); /* goodbye */
    pack_txt(DOTTED SERVICE, "grpc");
    pack_a("host.local", 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED SERVICE, 8080, "host.local", 3200);
    pack_txt(DOTTED SERVICE, "grpcx"); /* speaks something else */
    pack_a("host.local", 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED SERVICE, 8080, "host.local", 3200);
    pack_txt("other" SERVICE, "grpc"); /* that is somebody else's */
    pack_a("host.local", 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED SERVICE, 8080, "host.local", 3200);
    pack_txt(DOTTED SERVICE, "grpc");
    pack_a("other.local", 0x0a000007); /* and that */
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED "._ipp._tcp.local", 8080, "host.local", 3200); /* a printer */
    pack_txt(DOTTED "._ipp._tcp.local", "grpc");
    pack_a("host.local", 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv("_rpc._tcp.local", 8080, "host.local", 3200); /* without a name */
    pack_txt("_rpc._tcp.local", "grpc");
    pack_a("host.local", 0x0a000007);
    CHECK_EQ_INT(robots_in(packed()), 0);
}

TEST(addresses)
{
    static const unsigned wrong[] = {0x00000000, 0x00000001, 0xe00000fb, 0xffffffff};
    size_t i;
    for (i = 0; i < TEST_COUNT(wrong); i++) {
        pack_begin(0x8400, 0, 3, 0, 0);
        pack_robot(DOTTED, wrong[i]);
        CHECK_EQ_INT(robots_in(packed()), 0);
    }
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_robot(DOTTED, 0x7f000001); /* one that listens on this machine alone */
    CHECK_EQ_INT(robots_in(packed()), 1);
    pack_begin(0x8400, 0, 3, 0, 0);
    pack_srv(DOTTED SERVICE, 8080, "host.local", 3200);
    pack_txt(DOTTED SERVICE, "grpc=");
    pack_head("host.local", VMC_DNS_A, 0x8001, 120, 16); /* an A record of 16 octets */
    vmc_wr_bytes(&pack.w, pack.buf, 16);
    CHECK_EQ_INT(robots_in(packed()), 0);
}

/* Names that run in circles, pointers out of the packet, SRV data whose name does not end with it. */
TEST(damage)
{
    static const char *const rows[] = {
        "", "00", "000084000000000100000000", "0000840000000001000000" "00c00c00210001000000780008000000001f90c00c",
        "000084000000000100000000c00e002100010000007800080000" "00001f90c00c", "000084000000000100000000ffff0021000100000078000800000000" "1f90c00c",
        "000084000000000100000000016100002100010000007800060000" "00001f90", "00008400000000010000000001610000210001000000780009000000001f90016100",
        "0000840000000001000000000161000021000100000078ffff000000001f90016100", "0000840000000001000000004061000021000100000078000800000000" "1f90c00c"};
    size_t i, n, at;
    uint8_t buf[600];
    for (i = 0; i < TEST_COUNT(rows); i++) {
        n = test_hex(rows[i], buf, sizeof buf);
        CHECK_EQ_INT(robots_in(viamc_view(buf, n)), 0);
    }
    n = test_hex(COMPRESSED, buf, sizeof buf);
    for (at = 0; at < n; at++)
        CHECK_EQ_INT(robots_in(viamc_view(buf, at)), 0); /* cut anywhere */
    for (at = 0; at < 8u * n; at++) {
        buf[at / 8u] ^= (uint8_t)(1u << at % 8u);
        CHECK(robots_in(viamc_view(buf, n)) <= 1u);
        buf[at / 8u] ^= (uint8_t)(1u << at % 8u);
    }
}

/* Each bound at N and one more. */
TEST(bounds)
{
    unsigned more, i;
    for (more = 0; more < 2; more++) {
        pack_begin(0x8400, 0, VMC_MDNS_MAX_RECORDS + more, 0, 0);
        for (i = 0; i < VMC_MDNS_MAX_RECORDS - 3u + more; i++)
            pack_a("x", 0x0a000001);
        pack_robot(DOTTED, 0x0a000007);
        CHECK_EQ_INT(robots_in(packed()), more == 0);
        pack_begin(0x8400, 0, 4, 0, 0);
        pack_robot(DOTTED, 0x0a000007);
        i = VMC_MDNS_MAX_PACKET + more - (unsigned)pack.w.len - 13u;
        pack_head("x", VMC_DNS_CNAME, 0x8001, 120, i); /* ballast: name, type, class, time, length are 13 octets */
        for (; i != 0; i--)
            vmc_wr_u8(&pack.w, 0);
        CHECK_EQ_INT(pack.w.len, VMC_MDNS_MAX_PACKET + more);
        CHECK_EQ_INT(robots_in(packed()), more == 0);
    }
}

/* As many pairs as a datagram can hold: bounded work, a bounded list. */
TEST(crowd)
{
    unsigned i;
    pack_begin(0x8400, 0, 48, 0, 0);
    for (i = 0; i < 16; i++) {
        char name[40];
        snprintf(name, sizeof name, "%c" SERVICE, (int)('a' + i));
        pack_srv(name, 80, "h", 1);
        pack_txt(name, "grpc");
        pack_a("h", 0x0a000001 + i);
    }
    CHECK(pack.w.len <= VMC_MDNS_MAX_PACKET);
    CHECK_EQ_INT(robots_in(packed()), 64);
}

int main(int argc, char **argv)
{
    test_begin("mdns", argc, argv);
    RUN(query);
    RUN(answers_of_viam_server);
    RUN(list_of_robots);
    RUN(full_list);
    RUN(names);
    RUN(what_is_no_answer);
    RUN(what_is_no_robot);
    RUN(addresses);
    RUN(damage);
    RUN(bounds);
    RUN(crowd);
    return test_end();
}
