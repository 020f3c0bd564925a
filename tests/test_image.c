/* SPDX-License-Identifier: MIT */
/* Tests of codec/image: names, and heads as the Python SDK writes them (viam_rgba.py, video.py). */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

TEST(names)
{
    uint8_t form;
    for (form = VIAMC_IMAGE_JPEG; form <= VIAMC_IMAGE_PCD; form++)
        CHECK_EQ_INT(viamc_image_form(viamc_text(viamc_image_mime(form))), form);
    CHECK_EQ_STR(viamc_image_mime(VIAMC_IMAGE_DEPTH), "image/vnd.viam.dep");
    CHECK_EQ_STR(viamc_image_mime(0), "");
    CHECK_EQ_STR(viamc_image_mime(6), "");
    CHECK_EQ_INT(viamc_image_form(viamc_text("image/vnd.viam.rgba+lazy")), VIAMC_IMAGE_RGBA);
    CHECK_EQ_INT(viamc_image_form(viamc_text("image/gif")), VIAMC_IMAGE_UNKNOWN);
    CHECK_EQ_INT(viamc_image_form(viamc_text("+lazy")), VIAMC_IMAGE_UNKNOWN);
    CHECK_EQ_INT(viamc_image_form(viamc_text("")), VIAMC_IMAGE_UNKNOWN);
}

/* Opens octets in memory of exactly their size. */
static viamc_err open_hex(const char *hex, viamc_image *image)
{
    uint8_t all[64], *copy;
    size_t n = test_hex(hex, all, sizeof all);
    viamc_err err;
    copy = (uint8_t *)malloc(n + (n == 0));
    memcpy(copy, all, n);
    err = viamc_image_open(image, viamc_view(copy, n));
    image->pixels.ptr = NULL;
    free(copy);
    return err;
}

TEST(heads)
{
    viamc_image image;
    CHECK_EQ_INT(open_hex("52474241 00000002 00000001 0102030405060708", &image), VIAMC_OK);
    CHECK(image.form == VIAMC_IMAGE_RGBA && image.width == 2 && image.height == 1 && image.pixels.len == 8);
    CHECK_EQ_INT(open_hex("44455054484d4150 0000000000000001 0000000000000002 00010002", &image), VIAMC_OK);
    CHECK(image.form == VIAMC_IMAGE_DEPTH && image.width == 1 && image.height == 2 && image.pixels.len == 4);
    CHECK_EQ_INT(open_hex("ffd8ffe0", &image), VIAMC_OK);
    CHECK(image.form == VIAMC_IMAGE_JPEG && image.pixels.len == 4);
    CHECK_EQ_INT(open_hex("89504e470d0a1a0a", &image), VIAMC_OK);
    CHECK_EQ_INT(image.form, VIAMC_IMAGE_PNG);
    CHECK_EQ_INT(open_hex("", &image), VIAMC_OK);
    CHECK_EQ_INT(image.form, VIAMC_IMAGE_UNKNOWN);
    CHECK_EQ_INT(open_hex("5247424100000000ffffffff", &image), VIAMC_OK); /* nothing wide */
}

TEST(heads_that_lie)
{
    viamc_image image;
    CHECK_EQ_INT(open_hex("52474241 00000002 00000001 01020304050607", &image), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(open_hex("52474241 000000020000", &image), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(open_hex("52474241 40000001 40000001 01020304", &image), VIAMC_ERR_MESSAGE); /* the product wraps */
    CHECK_EQ_INT(open_hex("44455054484d4150 0000000100000001 0000000000000002 00010002", &image), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(open_hex("44455054484d4150 0000000000000001 00000000000000", &image), VIAMC_ERR_MESSAGE);
}

int main(int argc, char **argv)
{
    test_begin("image", argc, argv);
    RUN(names);
    RUN(heads);
    RUN(heads_that_lie);
    return test_end();
}
