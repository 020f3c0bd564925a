/* SPDX-License-Identifier: MIT */
/* Tests of codec/pcd. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

#define HEAD(fields, size, type, points, data) \
    "# .PCD v.7 - Point Cloud Data file format\nVERSION .7\nFIELDS " fields "\nSIZE " size "\nTYPE " type "\nCOUNT 1 1 1 1\nWIDTH " points \
    "\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS " points "\nDATA " data "\n"
#define COLOURED(points, data) HEAD("x y z rgb", "4 4 4 4", "F F F I", points, data)

static viamc_bytes text(const char *s)
{
    return viamc_view(s, strlen(s));
}

TEST(binary)
{
    static const char head[] = COLOURED("2", "binary");
    uint8_t file[512], points[40];
    size_t n = sizeof head - 1u, len = test_hex("0000803f 000000c0 00004040 030201ff  00000000 0000003f 00000080 00000000", points, sizeof points), cut;
    viamc_pcd pcd;
    viamc_point p;
    memcpy(file, head, n);
    memcpy(file + n, points, len);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, viamc_view(file, n + len)), VIAMC_OK);
    CHECK(pcd.width == 2 && pcd.height == 1 && pcd.left == 2 && pcd.stride == 16 && !pcd.text && pcd.rgb.size == 4);
    REQUIRE(viamc_pcd_next(&pcd, &p));
    CHECK(p.x == 1 && p.y == -2 && p.z == 3);
    CHECK_EQ_INT(p.rgb, 0x010203);
    REQUIRE(viamc_pcd_next(&pcd, &p));
    CHECK(p.x == 0 && p.y == 0.5);
    CHECK(!viamc_pcd_next(&pcd, &p));
    CHECK_EQ_INT(pcd.err, VIAMC_OK);
    for (cut = 0; cut < n + len; cut++) { /* in memory of exactly that size */
        uint8_t *part = (uint8_t *)malloc(cut + (cut == 0));
        memcpy(part, file, cut);
        CHECK_EQ_INT(viamc_pcd_open(&pcd, viamc_view(part, cut)), cut < n ? VIAMC_WAIT : VIAMC_OK);
        if (cut >= n) {
            size_t whole = 0;
            while (viamc_pcd_next(&pcd, &p))
                whole++;
            CHECK_EQ_INT(whole, (cut - n) / 16);
            CHECK_EQ_INT(pcd.err, VIAMC_ERR_MESSAGE);
        }
        free(part);
    }
}

TEST(text_points)
{
    viamc_pcd pcd;
    viamc_point p;
    CHECK_EQ_INT(viamc_pcd_open(&pcd, text(COLOURED("3", "ascii") "1 -2.5 3e2 255\r\n0.1 nan -1E-3 16711680\n\n1 2 3\n")), VIAMC_OK);
    CHECK(pcd.text && pcd.stride == 4);
    REQUIRE(viamc_pcd_next(&pcd, &p));
    CHECK(p.x == 1 && p.y == -2.5 && p.z == 300 && p.rgb == 255);
    REQUIRE(viamc_pcd_next(&pcd, &p));
    CHECK(p.x == 0.1 && p.y != p.y && p.z == -1e-3 && p.rgb == 0xff0000);
    CHECK(!viamc_pcd_next(&pcd, &p)); /* three numbers of four */
    CHECK(p.x == 0);
    CHECK_EQ_INT(pcd.err, VIAMC_ERR_MESSAGE);
}

/* As text and as strtod has it. */
TEST(numbers)
{
    static const char *const numbers[] = {"0", "-0", "7", "+7.25", ".5", "5.", "0.001", "123456789012345678901234567890", "1e22", "1e-22", "4.9e-5",
                                          "-3.14159265358979", "0.30000000000000004", "1E+3", "12e", "1e-400", "1e-99999999999",
                                          "0e400", "0e-400"};
    size_t i;
    for (i = 0; i < TEST_COUNT(numbers); i++) {
        double want = strtod(numbers[i], NULL);
        CHECK_NEAR(vmc_pcd_number(viamc_text(numbers[i])), want, want < 0 ? -want * 1e-15 : want * 1e-15);
    }
    CHECK(vmc_pcd_number(viamc_text("1e400")) > 1e308);
    CHECK(vmc_pcd_number(viamc_text("-1e401")) < -1e308);
    CHECK(vmc_pcd_number(viamc_text("nan")) != vmc_pcd_number(viamc_text("-")));
}

TEST(forms_of_fields)
{
    static const char doubles[] = HEAD("intensity z x y", "1 8 2 1", "U F I U", "1", "binary") "\x7f\x00\x00\x00\x00\x00\x00\xf0\x3f\xff\xff\xff";
    static const char packed[] = HEAD("x y z rgb", "4 4 4 4", "F F F F", "1", "ascii") "0 0 0 9.1834e-41\n"; /* 0x00ffff as a float */
    viamc_pcd pcd;
    viamc_point p;
    CHECK_EQ_INT(viamc_pcd_open(&pcd, viamc_view(doubles, sizeof doubles - 1u)), VIAMC_OK);
    REQUIRE(viamc_pcd_next(&pcd, &p));
    CHECK(p.x == -1 && p.y == 255 && p.z == 1);
    CHECK_EQ_INT(pcd.rgb.size, 0);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, text(packed)), VIAMC_OK);
    REQUIRE(viamc_pcd_next(&pcd, &p));
    CHECK_EQ_INT(p.rgb, 65535);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, text("FIELDS n x y z\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 3 1 1 1\nWIDTH 1\nHEIGHT 1\nDATA ascii\n9 9 9 1 2 3")), VIAMC_OK);
    REQUIRE(viamc_pcd_next(&pcd, &p)); /* POINTS may be missing */
    CHECK(p.x == 1 && p.z == 3);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, text("FIELDS n x y z\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 3\nWIDTH 2\nHEIGHT 2\nPOINTS 1\nDATA ascii\n9 9 9 1 2 3")), VIAMC_OK);
    CHECK(pcd.left == 1 && pcd.stride == 6); /* POINTS counts, and a COUNT that is missing is 1 */
}

TEST(heads_that_are_refused)
{
    static const char *const bad[] = {
        COLOURED("2", "binary_compressed"), COLOURED("-2", "binary"), COLOURED("4294967296", "binary"), COLOURED("", "binary"),
        HEAD("x y rgb", "4 4 4", "F F I", "1", "binary"), HEAD("x y z", "4 4", "F F F", "1", "binary"), HEAD("x y z", "4 4 4", "F F", "1", "binary"),
        HEAD("x y z", "4 4 16", "F F F", "1", "binary"), HEAD("x y z", "4 4 2", "F F F", "1", "binary"), HEAD("x y z", "4 4 0", "F F F", "1", "binary"),
        HEAD("x y z", "4 4 4", "F F Q", "1", "binary"), HEAD("x y z rgb", "4 4 4 1", "F F F U", "1", "binary"), "DATA binary\n", "POINTS 5\nDATA binary\nxxxx",
        "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 65536\nHEIGHT 65537\nDATA binary\n",
        "FIELDS a x y z\nSIZE 8 4 4 4\nTYPE F F F F\nCOUNT 65535 1 1 1\nWIDTH 1\nHEIGHT 1\nDATA binary\n",
        "FIELDS x y z\nSIZE 8 1 1\nTYPE F U U\nCOUNT 0 1 1\nWIDTH 1\nHEIGHT 1\nDATA binary\n"};
    viamc_pcd pcd;
    viamc_point p;
    size_t i;
    for (i = 0; i < TEST_COUNT(bad); i++) {
        CHECK_EQ_INT(viamc_pcd_open(&pcd, text(bad[i])), VIAMC_ERR_MESSAGE);
        CHECK(!viamc_pcd_next(&pcd, &p)); /* also for who does not look at the error */
    }
    CHECK_EQ_INT(viamc_pcd_open(&pcd, text("WIDTH 2\nHEIGHT 1\nPOINTS 2\n")), VIAMC_WAIT);
    CHECK(!viamc_pcd_next(&pcd, &p));
}

int main(int argc, char **argv)
{
    test_begin("pcd", argc, argv);
    RUN(binary);
    RUN(text_points);
    RUN(numbers);
    RUN(forms_of_fields);
    RUN(heads_that_are_refused);
    return test_end();
}
