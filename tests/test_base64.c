/* SPDX-License-Identifier: MIT */
/* Tests of codec/base64. The first rows are the vectors of RFC 4648 10. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

static const struct {
    const char *octets, *padded, *bare;
} rows[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "+/+/", "+/+/" },
    { "\xff\xff", "//8=", "//8" },
    { "\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+", "FPucA9l+" },
};

/* Decodes from and into memory of just the right size. False if refused, or if it did not fit. */
static bool decode(const char *text, size_t cap, uint8_t *out, size_t *len)
{
    size_t n = strlen(text);
    char *in = (char *)malloc(n + 1u);
    uint8_t *to = (uint8_t *)malloc(cap + 1u);
    vmc_base64 b;
    vmc_wr w;
    size_t i;
    bool ok;
    if (in == NULL || to == NULL)
        test_die("no memory", text);
    memcpy(in + 1, text, n); /* the blocks end with text and room */
    w = vmc_wr_of(to + 1, cap);
    vmc_base64_begin(&b);
    for (i = 0; i < n; i++)
        vmc_base64_char(&b, (uint8_t)in[i + 1], &w);
    ok = vmc_base64_end(&b, &w) && !w.full;
    CHECK(w.len <= cap);
    memcpy(out, to + 1, w.len);
    *len = w.len;
    free(in);
    free(to);
    return ok;
}

/* The text of octets that end where their memory ends; how many characters. */
static size_t encode(char *text, const uint8_t *octets, size_t n)
{
    uint8_t *in = (uint8_t *)malloc(n + 1u);
    size_t i, len = vmc_base64_size(n);
    if (in == NULL)
        test_die("no memory", "encode");
    memcpy(in + 1, octets, n);
    for (i = 0; i < len; i++)
        text[i] = (char)vmc_base64_at(viamc_view(in + 1, n), i);
    free(in);
    return len;
}

static bool refused(const char *text)
{
    uint8_t out[64];
    size_t len;
    return !decode(text, sizeof out, out, &len);
}

TEST(vectors)
{
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        size_t n = strlen(rows[i].octets), len;
        char text[16];
        uint8_t out[16];
        CHECK_EQ_MEM(text, encode(text, (const uint8_t *)rows[i].octets, n), rows[i].bare, strlen(rows[i].bare));
        CHECK(decode(rows[i].padded, n, out, &len));
        CHECK_EQ_MEM(out, len, rows[i].octets, n);
        CHECK(decode(rows[i].bare, n, out, &len));
        CHECK_EQ_MEM(out, len, rows[i].octets, n);
        if (n > 0) /* one octet of room too few */
            CHECK(!decode(rows[i].bare, n - 1u, out, &len));
    }
}

TEST(every_character)
{
    unsigned c;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (c = 0; c < 256; c++) {
        const char *at = c != 0 ? strchr(alphabet, (int)c) : NULL;
        CHECK_EQ_INT(vmc_base64_value((uint8_t)c), at != NULL ? at - alphabet : 255);
        CHECK_EQ_INT(vmc_base64_letter(c), alphabet[c % 64]);
    }
}

TEST(what_is_refused)
{
    CHECK(refused("Z"));       /* six bits are no octet */
    CHECK(refused("Zm9vY"));
    CHECK(refused("Zg="));     /* padding that is not whole */
    CHECK(refused("Zg==="));
    CHECK(refused("Zm8=="));
    CHECK(refused("Zm9v="));
    CHECK(refused("="));
    CHECK(refused("Z==="));
    CHECK(refused("Zg==Zg==")); /* text behind the padding */
    CHECK(refused("Zm8=v"));
    CHECK(refused("Zg=v"));
    CHECK(refused("Zm-_"));     /* the alphabet of URLs */
    CHECK(refused("Zm 9"));
    CHECK(refused("Zm9v\n"));
    CHECK(refused("Zm9v,Zm9v")); /* joined values: taken apart by who knows of them */
    CHECK(refused("Zm9\x80"));
    CHECK(!refused("Zh=="));     /* bits that fill no octet do not matter */
    CHECK(!refused("Zm9"));
}

/* A count of padding that wraps would take 258 for 2. */
TEST(much_padding)
{
    char text[261];
    memset(text, '=', sizeof text);
    text[0] = 'Z';
    text[1] = 'g';
    text[260] = '\0';
    CHECK(refused(text));
}

TEST(both_ways)
{
    unsigned i;
    for (i = 0; i < 100000; i++) {
        uint8_t octets[48], out[48];
        char text[68];
        size_t n = test_rand_below(sizeof octets), k, len;
        for (k = 0; k < n; k++)
            octets[k] = (uint8_t)test_rand();
        text[encode(text, octets, n)] = '\0';
        if (!decode(text, n, out, &len) || len != n || memcmp(out, octets, n) != 0)
            CHECK(false);
    }
}

/* Any bytes: refused or decoded, and what is decoded is the same text again but for the bits that fill no octet. */
TEST(random_bytes)
{
    static const char likely[] = "ABCDabcd0123+/==";
    unsigned i, good = 0;
    for (i = 0; i < 100000; i++) {
        char text[33], again[36];
        uint8_t out[24];
        size_t n = test_rand_below(32), k, len;
        for (k = 0; k < n; k++)
            text[k] = (i & 1u) != 0 ? (char)(1 + test_rand_below(255)) : likely[test_rand_below(16)];
        text[n] = '\0';
        if (decode(text, sizeof out, out, &len)) {
            size_t m = encode(again, out, len);
            if (m != strcspn(text, "=") || (len % 3u == 0 && memcmp(text, again, m) != 0))
                CHECK(false);
            good++;
        }
    }
    CHECK(good > 100);
}

int main(int argc, char **argv)
{
    test_begin("base64", argc, argv);
    RUN(vectors);
    RUN(every_character);
    RUN(what_is_refused);
    RUN(much_padding);
    RUN(both_ways);
    RUN(random_bytes);
    return test_end();
}
