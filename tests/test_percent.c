/* SPDX-License-Identifier: MIT */
/* Tests of codec/percent. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

static viamc_bytes bytes_of(const char *s)
{
    return viamc_view(s, strlen(s));
}

/* Decodes into a block of just cap octets, in two pieces, and compares. */
static bool decodes(const char *text, size_t cut, size_t cap, const char *want, bool truncated)
{
    uint8_t *buf = (uint8_t *)malloc(cap + 1u);
    vmc_percent d;
    vmc_wr w;
    viamc_bytes got;
    bool ok;
    if (buf == NULL)
        test_die("no memory", text);
    w = vmc_wr_of(buf + 1, cap); /* the block ends with the memory */
    vmc_percent_begin(&d);
    vmc_percent_feed(&d, &w, viamc_view(text, cut));
    vmc_percent_feed(&d, &w, viamc_view(text + cut, strlen(text) - cut));
    got = vmc_percent_end(&d, &w);
    ok = got.len == strlen(want) && (got.len == 0 || memcmp(got.ptr, want, got.len) == 0) && d.truncated == truncated;
    free(buf);
    return ok;
}

static void check_encode(const char *text, const char *want)
{
    uint8_t buf[256];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    vmc_percent_encode(&w, viamc_text(text));
    CHECK_EQ_MEM(buf, w.len, want, strlen(want));
}

TEST(encoding)
{
    check_encode("", "");
    check_encode("SESSION_EXPIRED", "SESSION_EXPIRED");
    check_encode("authentication required: \xc3\xbcn\xc3\xaf%", "authentication required: %C3%BCn%C3%AF%25");
    check_encode("a\r\nb\tc", "a%0D%0Ab%09c");
    check_encode(" ~\x7f\x1f\xff", " ~%7F%1F%FF");
}

TEST(every_octet)
{
    unsigned c;
    for (c = 0; c < 256; c++) {
        uint8_t octet = (uint8_t)c, buf[4];
        viamc_str s;
        vmc_wr w = vmc_wr_of(buf, sizeof buf);
        char want[4];
        s.ptr = (const char *)&octet;
        s.len = 1;
        vmc_percent_encode(&w, s);
        snprintf(want, sizeof want, c >= 0x20 && c <= 0x7e && c != '%' ? "%c" : "%%%02X", c);
        CHECK_EQ_MEM(buf, w.len, want, strlen(want));
    }
}

TEST(encoding_into_too_little)
{
    size_t cap;
    for (cap = 0; cap <= 8; cap++) {
        uint8_t *buf = (uint8_t *)malloc(cap + 1u);
        vmc_wr w;
        if (buf == NULL)
            test_die("no memory", "encoding_into_too_little");
        w = vmc_wr_of(buf + 1, cap);
        vmc_percent_encode(&w, viamc_text("a\xc3\xbc"));
        CHECK_EQ_INT(w.full, cap < 7);
        CHECK(cap >= 7 || w.len == (cap >= 4 ? 4u : cap >= 1 ? 1u : 0u)); /* no part of an escape */
        free(buf);
    }
}

/* Whatever the place at which the text is cut into two pieces. */
static void check_decode(const char *text, const char *want)
{
    size_t cut;
    for (cut = 0; cut <= strlen(text); cut++)
        CHECK(decodes(text, cut, strlen(want), want, false));
}

TEST(decoding)
{
    check_decode("", "");
    check_decode("Method not found", "Method not found");
    check_decode("authentication required: %C3%BCn%C3%AF%25", "authentication required: \xc3\xbcn\xc3\xaf%");
    check_decode("%c3%bc%0a", "\xc3\xbc\n"); /* digits in lower case */
    check_decode("raw \xc3\xbc", "raw \xc3\xbc");
}

TEST(bad_escapes_are_copied_through)
{
    check_decode("%", "%");
    check_decode("100%", "100%");
    check_decode("%4", "%4");
    check_decode("%zz", "%zz");
    check_decode("%4z", "%4z");
    check_decode("%z4", "%z4");
    check_decode("%%41", "%A");
    check_decode("%4%41", "%4A");
    check_decode("%%%", "%%%");
    check_decode("%2541", "%41"); /* decoded once only */
    check_decode("% 41%-1%+1%0x", "% 41%-1%+1%0x");
}

TEST(output_is_cut)
{
    size_t cut;
    static const char text[] = "abcdef";
    for (cut = 0; cut <= 6; cut++) {
        CHECK(decodes(text, cut, 6, "abcdef", false));
        CHECK(decodes(text, cut, 5, "abcde", true));
        CHECK(decodes(text, cut, 0, "", true));
    }
    CHECK(decodes("", 0, 0, "", false));
    CHECK(decodes("abc%", 1, 3, "abc", true)); /* what is copied through at the end */
    CHECK(decodes("ab%4", 1, 3, "ab%", true));
}

TEST(characters_stay_whole)
{
    static const char euro[] = "a%E2%82%ACb", clef[] = "a%F0%9D%84%9Eb", two[] = "%C3%BC%C3%BC";
    size_t cut;
    for (cut = 0; cut <= 8; cut++) {
        CHECK(decodes(euro, cut, 5, "a\xe2\x82\xac" "b", false));
        CHECK(decodes(euro, cut, 4, "a\xe2\x82\xac", true));
        CHECK(decodes(euro, cut, 3, "a", true));
        CHECK(decodes(euro, cut, 2, "a", true));
        CHECK(decodes(euro, cut, 1, "a", true));
        CHECK(decodes(clef, cut, 5, "a\xf0\x9d\x84\x9e", true));
        CHECK(decodes(clef, cut, 4, "a", true));
        CHECK(decodes(clef, cut, 2, "a", true));
        CHECK(decodes(two, cut, 3, "\xc3\xbc", true));
        CHECK(decodes(two, cut, 1, "", true));
    }
    CHECK(decodes("a%E2b%82", 0, 2, "a\xe2", true) == false); /* a broken character in the middle is not ours to mend ... */
    CHECK(decodes("a%E2b%82", 0, 3, "a\xe2" "b", true));
    CHECK(decodes("a%E2b%82", 0, 2, "a", true));              /* ... but at the cut it goes */
    CHECK(decodes("a%80%80%80%80%80", 0, 5, "a\x80\x80\x80\x80", true));
    CHECK(decodes("a%C3", 0, 2, "a\xc3", false));             /* it came like that */
}

TEST(nothing_follows_a_cut)
{
    char buf[4];
    vmc_percent d;
    vmc_wr w = vmc_wr_of(buf, 3);
    viamc_bytes got;
    vmc_percent_begin(&d);
    vmc_percent_feed(&d, &w, bytes_of("ab%C3%BC"));
    vmc_percent_feed(&d, &w, bytes_of("z"));
    got = vmc_percent_end(&d, &w);
    CHECK_EQ_MEM(got.ptr, got.len, "ab", 2);
    CHECK(d.truncated);
}

TEST(long_text)
{
    static char text[65536];
    uint8_t buf[96];
    vmc_percent d;
    vmc_wr w = vmc_wr_of(buf, 95);
    size_t i;
    for (i = 0; i + 6 <= sizeof text; i += 6)
        memcpy(text + i, "%C3%BC", 6);
    vmc_percent_begin(&d);
    vmc_percent_feed(&d, &w, viamc_view(text, i));
    CHECK_EQ_INT(vmc_percent_end(&d, &w).len, 94);
    CHECK(d.truncated);
}

TEST(both_ways)
{
    unsigned i;
    for (i = 0; i < 20000; i++) {
        uint8_t octets[40], text[120], out[40];
        size_t n = test_rand_below(sizeof octets), k;
        viamc_str s;
        viamc_bytes got;
        vmc_percent d;
        vmc_wr w = vmc_wr_of(text, sizeof text), to = vmc_wr_of(out, n);
        for (k = 0; k < n; k++)
            octets[k] = (uint8_t)test_rand();
        s.ptr = (const char *)octets;
        s.len = n;
        vmc_percent_encode(&w, s);
        vmc_percent_begin(&d);
        for (k = 0; k < w.len; k++)
            vmc_percent_feed(&d, &to, viamc_view(text + k, 1));
        got = vmc_percent_end(&d, &to);
        if (w.full || d.truncated || got.len != n || memcmp(out, octets, n) != 0)
            CHECK(false);
    }
}

/* Any bytes into any room: the output is never longer than the input, and a prefix of what enough room gives. */
TEST(random_bytes)
{
    static const char likely[] = "%%%%0123cCbBeE2fx";
    unsigned i;
    for (i = 0; i < 100000; i++) {
        uint8_t text[32], whole[32];
        size_t n = test_rand_below(sizeof text), k, cap = test_rand_below(20), cut;
        uint8_t *part = (uint8_t *)malloc(cap + 1u);
        vmc_percent a, b;
        vmc_wr w;
        viamc_bytes all, got;
        if (part == NULL)
            test_die("no memory", "random_bytes");
        for (k = 0; k < n; k++)
            text[k] = (i & 1u) != 0 ? (uint8_t)test_rand() : (uint8_t)likely[test_rand_below(17)];
        cut = test_rand_below((uint32_t)n + 1u);
        w = vmc_wr_of(whole, sizeof whole);
        vmc_percent_begin(&a);
        vmc_percent_feed(&a, &w, viamc_view(text, n));
        all = vmc_percent_end(&a, &w);
        w = vmc_wr_of(part + 1, cap);
        vmc_percent_begin(&b);
        vmc_percent_feed(&b, &w, viamc_view(text, cut));
        vmc_percent_feed(&b, &w, viamc_view(text + cut, n - cut));
        got = vmc_percent_end(&b, &w);
        if (a.truncated || all.len > n || got.len > cap || b.truncated != (all.len > cap) || memcmp(all.ptr, got.ptr, got.len) != 0
            || (b.truncated ? got.len + 4u <= cap : got.len != all.len))
            CHECK(false);
        free(part);
    }
}

int main(int argc, char **argv)
{
    test_begin("percent", argc, argv);
    RUN(encoding);
    RUN(every_octet);
    RUN(encoding_into_too_little);
    RUN(decoding);
    RUN(bad_escapes_are_copied_through);
    RUN(output_is_cut);
    RUN(characters_stay_whole);
    RUN(nothing_follows_a_cut);
    RUN(long_text);
    RUN(both_ways);
    RUN(random_bytes);
    return test_end();
}
