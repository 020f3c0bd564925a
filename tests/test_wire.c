/* SPDX-License-Identifier: MIT */
/* Tests of codec/wire. The messages P1 to P18 were made by protoc's own code from the API's files. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"
#include "exact.h"

static void put_double(vmc_wr *w, uint32_t number, double v)
{
    uint8_t octets[8];
    vmc_wire_double_at(octets, v);
    vmc_wire_put_tag(w, number, VMC_WIRE_FIXED64);
    vmc_wr_bytes(w, octets, sizeof octets);
}

#define AUTH_REQUEST \
    "0a2437663363316135322d306230652d346636642d396332652d356430613462316632653364122b0a076170692d6b657912206162636465666768696a6b6c6d" \
    "6e6f707172737475767778797a303132333435"
#define AUTH_RESPONSE "0a0a746f6b2e656e2e736967"
#define RESOURCE_NAMES \
    "0a1b0a0372646b1209636f6d706f6e656e741a056d6f746f7222026d310a1f0a0372646b1207736572766963651a066d6f74696f6e22076275696c74696e"
#define SESSION_2S "0a2431313131313131312d323232322d343333332d383434342d30303030303030303030303112020802"
#define SESSION_30MS "1205108087a70e"
#define SESSION_NO_WINDOW "0a0161"
#define SET_POWER "0a026d3111000000000000e03f9a0600"
#define STOP_ALL "9a062b0a1b0a0372646b1209636f6d706f6e656e741a056d6f746f7222026d31120c0a0a0a046661737412022001"
#define MACHINE_STATUS "1802"
#define VERSION "0a057669616d631205302e312e301a0876302e312e353737"
#define IMAGES "0a150a01631a04ffd8ffd9220a696d6167652f6a706567a29229080a060880e2cfaa06"
#define GROUPS "0801" "1b" "0a0161" "23" "1800" "24" "1c" "1003"

static const char *const messages[] = {
    AUTH_REQUEST, AUTH_RESPONSE, RESOURCE_NAMES, SESSION_2S, SESSION_30MS, SESSION_NO_WINDOW, SET_POWER, STOP_ALL, MACHINE_STATUS, VERSION,
    IMAGES, GROUPS
};

static bool inside(viamc_bytes part, viamc_bytes all)
{
    return part.len == 0 || (part.ptr >= all.ptr && part.len <= all.len - (size_t)(part.ptr - all.ptr));
}

/* Reads all fields; every view must lie in the message. */
static bool read_all(viamc_bytes msg, size_t *count)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    *count = 0;
    while (vmc_wire_next(&r, &f)) {
        CHECK(inside(f.bytes, msg));
        CHECK(f.number != 0 && f.number <= 0x1fffffffu && f.type <= 5u && f.type != VMC_WIRE_GROUP && f.type != VMC_WIRE_GROUP_END);
        if (++*count > msg.len)
            test_die("more fields than octets", test_now.test);
    }
    CHECK_EQ_INT(r.left, 0);
    CHECK(!vmc_wire_next(&r, &f)); /* an end stays one */
    return vmc_rd_ok(&r);
}

static bool good(const char *text)
{
    viamc_bytes msg = hex(text);
    size_t count;
    bool ok = read_all(msg, &count);
    drop(msg);
    return ok;
}

static bool varint_is(const char *text, uint64_t want)
{
    viamc_bytes msg = hex(text);
    vmc_rd r = vmc_rd_of(msg);
    uint64_t got = vmc_wire_varint(&r);
    bool ok = vmc_rd_ok(&r) && r.left == 0 && got == want;
    uint8_t buf[VMC_WIRE_MAX_VARINT];
    size_t n = vmc_wire_varint_at(buf, want);
    ok = ok && n == vmc_wire_varint_size(want) && n <= msg.len && (n < msg.len || memcmp(buf, msg.ptr, n) == 0);
    drop(msg);
    return ok;
}

TEST(varints)
{
    CHECK(varint_is("00", 0));
    CHECK(varint_is("01", 1));
    CHECK(varint_is("7f", 127));
    CHECK(varint_is("8001", 128));
    CHECK(varint_is("ff7f", 16383));
    CHECK(varint_is("808001", 16384));
    CHECK(varint_is("ffffffff0f", 0xffffffffu));
    CHECK(varint_is("8080808010", (uint64_t)1 << 32));
    CHECK(varint_is("80808080808080808001", (uint64_t)1 << 63));
    CHECK(varint_is("ffffffffffffffffff01", UINT64_MAX));
    CHECK(varint_is("8000", 0)); /* longer than needed is legal */
    CHECK(varint_is("81808080808080808000", 1));
}

TEST(varints_that_are_too_long)
{
    CHECK(good("08ffffffffffffffffff01"));
    CHECK(!good("08ffffffffffffffffff02"));   /* 65 bits */
    CHECK(!good("0880808080808080808080"));   /* goes on after 10 octets */
    CHECK(!good("088080808080808080808000")); /* 11 octets */
    CHECK(!good("08"));
    CHECK(!good("0880"));
}

TEST(tags)
{
    CHECK(good("f8ffffff0f01"));   /* number 2^29 - 1 */
    CHECK(!good("f8ffffff1f01"));  /* 2^30 - 1: more than 32 bits */
    CHECK(!good("808080801001"));  /* 2^29 */
    CHECK(!good("0001"));          /* number 0 */
    CHECK(!good("0200"));
    CHECK(!good("0e"));            /* types 6 and 7 */
    CHECK(!good("0f"));
    CHECK(!good("80"));
    CHECK(good("880001"));         /* tag 8 in two octets */
}

TEST(fixed_fields)
{
    viamc_bytes msg = hex("0d78563412" "11efcdab8967452301");
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    CHECK(vmc_wire_next(&r, &f) && f.number == 1 && f.type == VMC_WIRE_FIXED32 && f.value == 0x12345678u);
    CHECK(vmc_wire_next(&r, &f) && f.number == 2 && f.type == VMC_WIRE_FIXED64 && f.value == 0x0123456789abcdefu);
    CHECK(!vmc_wire_next(&r, &f) && vmc_rd_ok(&r));
    drop(msg);
    CHECK(!good("0d785634"));
    CHECK(!good("11efcdab89674523"));
}

TEST(lengths)
{
    CHECK(good("0a00"));
    CHECK(good("0a0161"));
    CHECK(!good("0a02" "61"));
    CHECK(!good("0affffffff0f61"));           /* 4 GiB */
    CHECK(!good("0affffffffffffffffff0161")); /* 2^64 - 1 */
    CHECK(!good("0a8080808010"));             /* 2^32: 0 if one narrows first */
}

TEST(groups_are_gone_over)
{
    viamc_bytes msg = hex(GROUPS);
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    size_t n, count;
    CHECK(vmc_wire_next(&r, &f) && f.number == 1 && f.value == 1);
    CHECK(vmc_wire_next(&r, &f) && f.number == 2 && f.value == 3);
    CHECK(!vmc_wire_next(&r, &f) && vmc_rd_ok(&r));
    for (n = 0; n <= msg.len; n++) {
        viamc_bytes cut = exact(msg.ptr, n);
        CHECK_EQ_INT(read_all(cut, &count), n == 0 || n == 2 || n == 11 || n == 13);
        drop(cut);
    }
    drop(msg);
    CHECK(good("1b1c"));
    CHECK(!good("1b"));
    CHECK(!good("1c"));
    CHECK(good("1b24")); /* ends are counted, not compared */
    CHECK(!good("1b2324"));
    CHECK(!good("1b24241c"));
    CHECK(!good("1b0a051c"));
    CHECK(!good("1b000000"));
}

TEST(groups_in_groups)
{
    uint8_t buf[2 * 1000];
    size_t depth, count;
    for (depth = 1; depth <= 1000; depth += 111) {
        viamc_bytes msg;
        memset(buf, 0x1b, depth);
        memset(buf + depth, 0x1c, depth);
        msg = exact(buf, 2 * depth);
        CHECK(read_all(msg, &count) && count == 0);
        drop(msg);
        msg = exact(buf, 2 * depth - 1);
        CHECK(!read_all(msg, &count));
        drop(msg);
    }
}

/* A message that is cut is good exactly between two fields. */
TEST(truncations)
{
    size_t i, n, count;
    for (i = 0; i < TEST_COUNT(messages) - 1u; i++) { /* the last has groups, which are no fields */
        viamc_bytes msg = hex(messages[i]);
        vmc_rd r = vmc_rd_of(msg);
        vmc_wire_field f;
        size_t border = 0;
        CHECK(read_all(msg, &count) && count != 0);
        for (n = 0; n <= msg.len; n++) {
            viamc_bytes cut = exact(msg.ptr, n);
            while (border < n && vmc_wire_next(&r, &f))
                border = msg.len - r.left;
            CHECK_EQ_INT(read_all(cut, &count), border == n);
            drop(cut);
        }
        drop(msg);
    }
}

TEST(find_takes_the_last)
{
    viamc_bytes msg = hex("0a0161" "1201ff" "0801" "0a026262" "0d00000000"), got;
    CHECK_EQ_INT(vmc_wire_find(msg, 1, &got), VIAMC_OK);
    CHECK_EQ_MEM(got.ptr, got.len, "bb", 2);
    CHECK_EQ_INT(vmc_wire_find(msg, 2, &got), VIAMC_OK);
    CHECK_EQ_HEX(got.ptr, got.len, "ff");
    CHECK_EQ_INT(vmc_wire_find(msg, 3, &got), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(got.len, 0);
    CHECK_EQ_INT(vmc_wire_find(viamc_view(msg.ptr, msg.len - 1), 1, &got), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(got.len, 0);
    CHECK_EQ_INT(vmc_wire_find(viamc_view(NULL, 0), 1, &got), VIAMC_ERR_NOT_FOUND);
    drop(msg);
    msg = hex("0801");
    CHECK_EQ_INT(vmc_wire_find(msg, 1, &got), VIAMC_ERR_NOT_FOUND);
    drop(msg);
}

TEST(find_in_real_messages)
{
    viamc_bytes msg = hex(IMAGES), got;
    CHECK_EQ_INT(vmc_wire_find(msg, 84260, &got), VIAMC_OK);
    CHECK_EQ_HEX(got.ptr, got.len, "0a060880e2cfaa06");
    drop(msg);
    msg = hex(SET_POWER);
    CHECK_EQ_INT(vmc_wire_find(msg, 1, &got), VIAMC_OK);
    CHECK(vmc_bytes_are(got, "m1"));
    CHECK_EQ_INT(vmc_wire_find(msg, 99, &got), VIAMC_OK);
    CHECK_EQ_INT(got.len, 0);
    drop(msg);
    msg = hex(RESOURCE_NAMES);
    CHECK_EQ_INT(vmc_wire_find(msg, 1, &got), VIAMC_OK);
    CHECK_EQ_INT(vmc_wire_find(got, 4, &got), VIAMC_OK); /* input and output may be the same */
    CHECK(vmc_bytes_are(got, "builtin"));
    drop(msg);
}

/* ---- writing ---- */

typedef void writer_fn(vmc_wr *w);

static void put_text(vmc_wr *w, uint32_t number, const char *s)
{
    vmc_wire_put_text(w, number, viamc_text(s));
}

static void write_auth_request(vmc_wr *w)
{
    size_t sub;
    put_text(w, 1, "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d");
    sub = vmc_wire_open(w, 2);
    put_text(w, 1, "api-key");
    put_text(w, 2, "abcdefghijklmnopqrstuvwxyz012345");
    vmc_wire_close(w, sub);
}

static void write_auth_response(vmc_wr *w)
{
    put_text(w, 1, "tok.en.sig");
}

static void write_name(vmc_wr *w, const char *type, const char *subtype, const char *name)
{
    size_t sub = vmc_wire_open(w, 1);
    put_text(w, 1, "rdk");
    put_text(w, 2, type);
    put_text(w, 3, subtype);
    put_text(w, 4, name);
    vmc_wire_close(w, sub);
}

static void write_resource_names(vmc_wr *w)
{
    write_name(w, "component", "motor", "m1");
    write_name(w, "service", "motion", "builtin");
}

static void write_session_2s(vmc_wr *w)
{
    put_text(w, 1, "11111111-2222-4333-8444-000000000001");
    vmc_wire_put_duration(w, 2, 2000);
}

static void write_session_30ms(vmc_wr *w)
{
    vmc_wire_put_duration(w, 2, 30);
}

static void write_session_no_window(vmc_wr *w)
{
    put_text(w, 1, "a");
}

static void write_set_power(vmc_wr *w)
{
    put_text(w, 1, "m1");
    put_double(w, 2, 0.5);
    vmc_wire_put_bytes(w, 99, viamc_view(NULL, 0));
}

static void write_stop_all(vmc_wr *w)
{
    size_t extra = vmc_wire_open(w, 99), params, entry, value;
    write_name(w, "component", "motor", "m1");
    params = vmc_wire_open(w, 2);
    entry = vmc_wire_open(w, 1);
    put_text(w, 1, "fast");
    value = vmc_wire_open(w, 2);
    vmc_wire_put_uint(w, 4, 1);
    vmc_wire_close(w, value);
    vmc_wire_close(w, entry);
    vmc_wire_close(w, params);
    vmc_wire_close(w, extra);
}

static void write_machine_status(vmc_wr *w)
{
    vmc_wire_put_uint(w, 3, 2);
}

static void write_version(vmc_wr *w)
{
    put_text(w, 1, "viamc");
    put_text(w, 2, "0.1.0");
    put_text(w, 3, "v0.1.577");
}

static void write_images(vmc_wr *w)
{
    static const uint8_t jpeg[] = { 0xff, 0xd8, 0xff, 0xd9 };
    size_t sub = vmc_wire_open(w, 1), stamp;
    put_text(w, 1, "c");
    vmc_wire_put_bytes(w, 3, viamc_view(jpeg, sizeof jpeg));
    put_text(w, 4, "image/jpeg");
    vmc_wire_close(w, sub);
    sub = vmc_wire_open(w, 84260);
    stamp = vmc_wire_open(w, 1);
    vmc_wire_put_uint(w, 1, 1700000000u);
    vmc_wire_close(w, stamp);
    vmc_wire_close(w, sub);
}

static writer_fn *const writers[] = { write_auth_request, write_auth_response, write_resource_names, write_session_2s, write_session_30ms,
    write_session_no_window, write_set_power, write_stop_all, write_machine_status, write_version, write_images };

TEST(messages_are_made_again)
{
    size_t i;
    for (i = 0; i < TEST_COUNT(writers); i++) {
        uint8_t buf[128];
        vmc_wr w = vmc_wr_of(buf, sizeof buf);
        writers[i](&w);
        CHECK(!w.full);
        CHECK_EQ_HEX(buf, w.len, messages[i]);
    }
}

/* Every memory from 0 octets to one too few: full, and nothing around it is touched. */
TEST(memory_too_small)
{
    size_t i, cap;
    for (i = 0; i < TEST_COUNT(writers); i++) {
        viamc_bytes want = hex(messages[i]);
        for (cap = 0; cap <= want.len; cap++) {
            uint8_t *buf = (uint8_t *)malloc(cap + 1u);
            vmc_wr w;
            if (buf == NULL)
                test_die("no memory", "memory_too_small");
            buf[0] = 0xa5;
            w = vmc_wr_of(buf + 1, cap); /* the block ends with the memory */
            writers[i](&w);
            CHECK_EQ_INT(buf[0], 0xa5);
            CHECK_EQ_INT(w.full, cap < want.len);
            CHECK(w.len <= cap);
            free(buf);
        }
        drop(want);
    }
}

TEST(messages_are_read)
{
    viamc_bytes msg = hex(AUTH_REQUEST), name, part;
    vmc_rd r;
    vmc_wire_field f;
    CHECK_EQ_INT(vmc_wire_find(msg, 1, &name), VIAMC_OK);
    CHECK(vmc_bytes_are(name, "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"));
    CHECK_EQ_INT(vmc_wire_find(msg, 2, &part), VIAMC_OK);
    CHECK_EQ_INT(vmc_wire_find(part, 2, &name), VIAMC_OK);
    CHECK(vmc_bytes_are(name, "abcdefghijklmnopqrstuvwxyz012345"));
    drop(msg);
    msg = hex(RESOURCE_NAMES);
    r = vmc_rd_of(msg);
    CHECK(vmc_wire_next(&r, &f) && vmc_wire_find(f.bytes, 3, &part) == VIAMC_OK && vmc_bytes_are(part, "motor"));
    CHECK(vmc_wire_next(&r, &f) && vmc_wire_find(f.bytes, 3, &part) == VIAMC_OK && vmc_bytes_are(part, "motion"));
    CHECK(!vmc_wire_next(&r, &f) && vmc_rd_ok(&r));
    drop(msg);
    msg = hex(SET_POWER);
    r = vmc_rd_of(msg);
    CHECK(vmc_wire_next(&r, &f) && viamc_str_eq(vmc_wire_text(&f), viamc_text("m1")));
    CHECK(vmc_wire_next(&r, &f) && vmc_wire_double(f.value) == 0.5);
    drop(msg);
}

/* A length takes one octet up to 127, two up to 16,383, then three. */
TEST(submessages_widen)
{
    static const size_t sizes[] = { 0, 1, 127, 128, 16383, 16384, 20000 };
    static uint8_t content[20000], buf[20100];
    size_t i, k;
    for (k = 0; k < sizeof content; k++)
        content[k] = (uint8_t)(k * 7u);
    for (i = 0; i < TEST_COUNT(sizes); i++) {
        size_t more = vmc_wire_varint_size(sizes[i]) - 1u, whole = 1 + 1 + more + sizes[i], cut;
        for (cut = 0; cut <= more + 1u; cut++) {
            vmc_wr w = vmc_wr_of(buf, whole - cut);
            size_t sub = vmc_wire_open(&w, 5);
            viamc_bytes got;
            vmc_wr_bytes(&w, content, sizes[i]);
            vmc_wire_close(&w, sub);
            CHECK_EQ_INT(w.full, cut != 0);
            if (cut != 0)
                continue;
            CHECK_EQ_INT(vmc_wire_find(viamc_view(buf, w.len), 5, &got), VIAMC_OK);
            CHECK_EQ_MEM(got.ptr, got.len, content, sizes[i]);
        }
    }
}

static bool duration_is(const char *text, viamc_ms want)
{
    viamc_bytes msg = hex(text);
    viamc_ms got = 12345;
    bool ok = vmc_wire_duration(msg, &got) && got == want;
    drop(msg);
    return ok;
}

TEST(durations)
{
    viamc_bytes msg;
    viamc_ms ms;
    CHECK(duration_is("", 0));
    CHECK(duration_is("0802", 2000));
    CHECK(duration_is("108087a70e", 30));
    CHECK(duration_is("080110ff93ebdc03", 1999));             /* 1 s 999,999,999 ns */
    CHECK(duration_is("10bf843d", 0));                        /* 999,999 ns */
    CHECK(duration_is("10c0843d", 1));
    CHECK(duration_is("08ffffffffffffffffff01", 0));          /* -1 s */
    CHECK(duration_is("10ffffffffffffffffff01", 0));          /* -1 ns */
    CHECK(duration_is("080110ffffffffffffffffff01", 0));      /* signs that differ */
    CHECK(duration_is("0880a0bdeb92ce03", VMC_TIME_MAX));     /* 2^44 s and more */
    CHECK(duration_is("08ffffffffffffffff7f", VMC_TIME_MAX)); /* 2^63 - 1 s */
    CHECK(duration_is("08eb898301", VMC_TIME_MAX));           /* 2,147,563 s is past the 24 days */
    CHECK(duration_is("08ba888301", 2147386000u));
    CHECK(duration_is("10ffffffff07", 999));                  /* nanos out of range */
    CHECK(duration_is("0a0802", 0) == false);
    msg = hex("08");
    CHECK(!vmc_wire_duration(msg, &ms));
    drop(msg);
}

TEST(durations_both_ways)
{
    static const viamc_ms times[] = { 0, 1, 6, 30, 400, 999, 1000, 1001, 2000, 59999, 60000, 86400000u, 2147482999u };
    size_t i;
    for (i = 0; i < TEST_COUNT(times); i++) {
        uint8_t buf[32];
        vmc_wr w = vmc_wr_of(buf, sizeof buf);
        viamc_bytes got;
        viamc_ms ms = 1;
        vmc_wire_put_duration(&w, 2, times[i]);
        CHECK_EQ_INT(vmc_wire_find(viamc_view(buf, w.len), 2, &got), VIAMC_OK);
        CHECK(vmc_wire_duration(got, &ms));
        CHECK_EQ_INT(ms, times[i]);
    }
}

/* A double of 32 bits: the same numbers, with fewer digits. */
TEST(doubles_of_32_bits)
{
    static const struct {
        uint64_t wide, back; /* back: what is left of it */
        uint32_t narrow;
    } cases[] = {
        {0, 0, 0},
        {0x8000000000000000u, 0x8000000000000000u, 0x80000000u},
        {0xbff8000000000000u, 0xbff8000000000000u, 0xbfc00000u}, /* -1.5 */
        {0x4066800000000000u, 0x4066800000000000u, 0x43340000u}, /* 180 */
        {0x3fb999999999999au, 0x3fb99999a0000000u, 0x3dcccccdu}, /* 0.1: rounded up */
        {0x3fefffffffffffffu, 0x3ff0000000000000u, 0x3f800000u}, /* the last below 1: rounding carries into the exponent */
        {0x47efffffe0000000u, 0x47efffffe0000000u, 0x7f7fffffu}, /* the largest */
        {0x47efffffffffffffu, 0x7ff0000000000000u, 0x7f800000u}, /* rounded beyond it */
        {0x47f0000000000000u, 0x7ff0000000000000u, 0x7f800000u}, /* 2^128 */
        {0xfff0000000000000u, 0xfff0000000000000u, 0xff800000u}, /* -infinity */
        {0x7ff8000000000000u, 0x7ff8000000000000u, 0x7fc00000u}, /* no number */
        {0x3810000000000000u, 0x3810000000000000u, 0x00800000u}, /* 2^-126, the smallest */
        {0x380fffffffffffffu, 0, 0},
        {0x8000000000000001u, 0x8000000000000000u, 0x80000000u},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(cases); i++) {
        CHECK_EQ_INT(vmc_wire_narrow(cases[i].wide), cases[i].narrow);
        CHECK_EQ_INT(vmc_wire_broaden(cases[i].narrow), cases[i].back);
    }
    CHECK_EQ_INT(vmc_wire_broaden(0x807fffffu), 0x8000000000000000u); /* below 2^-126 */
}

TEST(doubles)
{
    uint8_t buf[16];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    put_double(&w, 2, -1.5);
    CHECK_EQ_HEX(buf, w.len, "11000000000000f8bf");
    CHECK(vmc_wire_double(0xbff8000000000000u) == -1.5);
    CHECK(vmc_wire_double(0x7ff0000000000000u) * 0 != 0); /* infinity */
}

TEST(random_bytes)
{
    unsigned i;
    size_t n, count;
    uint8_t buf[64];
    for (i = 0; i < TEST_TIMES(100000); i++) {
        viamc_bytes msg, got;
        viamc_ms ms;
        size_t len = test_rand_below(sizeof buf);
        for (n = 0; n < len; n++)
            buf[n] = (uint8_t)((i & 1u) != 0 ? test_rand() : test_rand_below(0x24)); /* the second kind makes more whole fields */
        msg = exact(buf, len);
        if (read_all(msg, &count) != (vmc_wire_find(msg, 1, &got) != VIAMC_ERR_MESSAGE))
            CHECK(false);
        CHECK(inside(got, msg));
        (void)vmc_wire_duration(msg, &ms);
        drop(msg);
    }
}

/* One octet of a real message is replaced by every value. */
TEST(damaged_messages)
{
    size_t i, at, count;
    unsigned value;
    for (i = 0; i < TEST_COUNT(messages); i++) {
        viamc_bytes msg = hex(messages[i]);
        for (at = 0; at < msg.len; at++) {
            uint8_t buf[256];
            memcpy(buf, msg.ptr, msg.len);
            for (value = 0; value < 256; value++) {
                viamc_bytes copy;
                buf[at] = (uint8_t)value;
                copy = exact(buf, msg.len);
                (void)read_all(copy, &count);
                drop(copy);
            }
        }
        drop(msg);
    }
}

int main(int argc, char **argv)
{
    test_begin("wire", argc, argv);
    RUN(varints);
    RUN(varints_that_are_too_long);
    RUN(tags);
    RUN(fixed_fields);
    RUN(lengths);
    RUN(groups_are_gone_over);
    RUN(groups_in_groups);
    RUN(truncations);
    RUN(find_takes_the_last);
    RUN(find_in_real_messages);
    RUN(messages_are_made_again);
    RUN(memory_too_small);
    RUN(messages_are_read);
    RUN(submessages_widen);
    RUN(durations);
    RUN(durations_both_ways);
    RUN(doubles_of_32_bits);
    RUN(doubles);
    RUN(random_bytes);
    RUN(damaged_messages);
    return test_end();
}
