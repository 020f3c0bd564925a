/* SPDX-License-Identifier: MIT */
/* The functions that read and write values, misused: texts, messages, Struct, readings, pictures, point clouds. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "misuse.h"

/* ---- base ---- */

TEST(viamc_view)
{
    CHECK(viamc_view(NULL, 0).ptr == NULL && viamc_view(NULL, 0).len == 0);
}

TEST(viamc_text)
{
    CHECK_EQ_INT(viamc_text(NULL).len, 0);
    CHECK_EQ_INT(viamc_text("").len, 0);
}

TEST(viamc_str_eq)
{
    CHECK(viamc_str_eq(viamc_text(NULL), viamc_text("")));
    CHECK(!viamc_str_eq(viamc_text(NULL), viamc_text("a")));
}

TEST(viamc_version)
{
    CHECK_EQ_STR(viamc_version(), VIAMC_VERSION);
}

TEST(viamc_err_name)
{
    CHECK_EQ_STR(viamc_err_name(-1), "?");
    CHECK_EQ_STR(viamc_err_name(14), "?");
    CHECK_EQ_STR(viamc_err_name(32767), "?");
}

TEST(viamc_status_name)
{
    CHECK_EQ_STR(viamc_status_name(17), "?");
    CHECK_EQ_STR(viamc_status_name(0xffffffffu), "?");
}

TEST(viamc_event_metadata)
{
    viamc_event ev = VIAMC_ZERO;
    size_t at = 0;
    viamc_str name;
    viamc_bytes value;
    CHECK(!viamc_event_metadata(&ev, &at, &name, &value));
    ev.metadata = viamc_view("\x00\x01\x00\x01nv", 6);
    CHECK(!viamc_event_metadata(NULL, &at, &name, &value));
    CHECK(!viamc_event_metadata(&ev, NULL, &name, &value));
    CHECK(!viamc_event_metadata(&ev, &at, NULL, &value));
    CHECK(!viamc_event_metadata(&ev, &at, &name, NULL));
    at = SIZE_MAX;
    CHECK(!viamc_event_metadata(&ev, &at, &name, &value));
    at = 0;
    CHECK(viamc_event_metadata(&ev, &at, &name, &value) && at == 6);
}

/* ---- Struct ---- */

#define STRUCT "\x0a\x0a\x0a\x01k\x12\x05\x1a\x03txt" /* {"k": "txt"} */
#define LIST "\x0a\x02\x20\x01"                        /* [true] */

TEST(viamc_struct_fields)
{
    viamc_fields fields = viamc_struct_fields(NOTHING);
    viamc_str key;
    viamc_value value;
    CHECK(!viamc_struct_next(&fields, &key, &value) && fields.err == VIAMC_OK);
}

TEST(viamc_struct_next)
{
    viamc_fields fields = viamc_struct_fields(viamc_view(STRUCT, 12)), cut = viamc_struct_fields(viamc_view(STRUCT, 11));
    viamc_str key;
    viamc_value value;
    CHECK(!viamc_struct_next(NULL, &key, &value));
    CHECK(!viamc_struct_next(&fields, NULL, &value));
    CHECK(!viamc_struct_next(&fields, &key, NULL));
    CHECK(fields.rest.len == 12 && fields.err == VIAMC_OK);
    CHECK(!viamc_struct_next(&cut, &key, &value) && cut.err == VIAMC_ERR_MESSAGE);
    CHECK(viamc_struct_next(&fields, &key, &value) && value.kind == VIAMC_STRING);
}

TEST(viamc_list_next)
{
    viamc_values list;
    viamc_value value;
    memset(&list, 0, sizeof list);
    list.rest = viamc_view(LIST, 4);
    list.depth = 1;
    CHECK(!viamc_list_next(NULL, &value));
    CHECK(!viamc_list_next(&list, NULL));
    CHECK(viamc_list_next(&list, &value) && value.boolean);
}

TEST(viamc_struct_find)
{
    viamc_fields fields = viamc_struct_fields(viamc_view(STRUCT, 12)), cut = viamc_struct_fields(viamc_view(STRUCT, 11));
    viamc_value value;
    CHECK_EQ_INT(viamc_struct_find(NULL, "k", &value), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_struct_find(&fields, NULL, &value), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_struct_find(&fields, "k", NULL), VIAMC_ERR_ARG);
    CHECK(viamc_struct_find(&fields, "", &value) == VIAMC_ERR_NOT_FOUND && value.kind == VIAMC_NULL);
    CHECK_EQ_INT(viamc_struct_find(&cut, "k", &value), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(viamc_struct_find(&fields, "k", &value), VIAMC_OK);
}

TEST(viamc_struct_check)
{
    CHECK_EQ_INT(viamc_struct_check(NOTHING), VIAMC_OK);
    CHECK_EQ_INT(viamc_struct_check(viamc_view(STRUCT, 11)), VIAMC_ERR_MESSAGE);
}

/* A Struct with one field is what it was, or has the one mistake that `spoil` makes. */
static viamc_err written(void (*spoil)(viamc_struct_writer *w))
{
    uint8_t buf[64];
    viamc_struct_writer w1;
    viamc_bytes encoded;
    viamc_err err;
    viamc_struct_begin(&w1, buf, sizeof buf);
    spoil(&w1);
    viamc_struct_string(&w1, "k", "txt");
    err = viamc_struct_end(&w1, &encoded);
    if (err == VIAMC_OK)
        CHECK_EQ_MEM(encoded.ptr, encoded.len, STRUCT, 12);
    else
        CHECK_EQ_INT(encoded.len, 0);
    return err;
}

TEST(viamc_struct_begin)
{
    viamc_struct_writer w1;
    viamc_bytes encoded;
    viamc_struct_begin(NULL, NULL, 0);
    viamc_struct_begin(&w1, NULL, 64); /* measures */
    viamc_struct_string(&w1, "k", "txt");
    CHECK(viamc_struct_end(&w1, &encoded) == VIAMC_ERR_NOMEM && w1.len == 12 && encoded.len == 0);
}

static void spoil_number(viamc_struct_writer *w1)
{
    viamc_struct_number(NULL, "k", 1);
    viamc_struct_number(w1, NULL, 1);
}

TEST(viamc_struct_number)
{
    CHECK_EQ_INT(written(spoil_number), VIAMC_ERR_ARG);
}

static void spoil_bool(viamc_struct_writer *w1)
{
    viamc_struct_bool(NULL, "k", true);
    viamc_struct_bool(w1, NULL, true);
}

TEST(viamc_struct_bool)
{
    CHECK_EQ_INT(written(spoil_bool), VIAMC_ERR_ARG);
}

static void spoil_null(viamc_struct_writer *w1)
{
    viamc_struct_null(NULL, "k");
    viamc_struct_null(w1, NULL);
}

TEST(viamc_struct_null)
{
    CHECK_EQ_INT(written(spoil_null), VIAMC_ERR_ARG);
}

static void spoil_string(viamc_struct_writer *w1)
{
    viamc_struct_string(NULL, "k", "x");
    viamc_struct_string(w1, NULL, "x");
}

TEST(viamc_struct_string)
{
    CHECK_EQ_INT(written(spoil_string), VIAMC_ERR_ARG);
}

static void spoil_text(viamc_struct_writer *w1)
{
    viamc_str nowhere = {NULL, 3};
    viamc_struct_text(NULL, "k", viamc_text("x"));
    viamc_struct_text(w1, "k", nowhere);
}

TEST(viamc_struct_text)
{
    CHECK_EQ_INT(written(spoil_text), VIAMC_ERR_ARG);
}

static void spoil_open_struct(viamc_struct_writer *w1)
{
    viamc_struct_open_struct(NULL, "k");
    viamc_struct_open_struct(w1, NULL);
    viamc_struct_close(w1);
}

static void spoil_open_deep(viamc_struct_writer *w1)
{
    unsigned i;
    for (i = 0; i < VMC_STRUCT_MAX_DEPTH; i++)
        viamc_struct_open_struct(w1, "k");
    for (i = 0; i < VMC_STRUCT_MAX_DEPTH - 1u; i++)
        viamc_struct_close(w1);
}

TEST(viamc_struct_open_struct)
{
    CHECK_EQ_INT(written(spoil_open_struct), VIAMC_ERR_ARG);
    CHECK_EQ_INT(written(spoil_open_deep), VIAMC_ERR_ARG);
}

static void spoil_open_list(viamc_struct_writer *w1)
{
    viamc_struct_open_list(NULL, "k");
    viamc_struct_open_list(w1, "l");
    viamc_struct_number(w1, "key in a list", 1);
    viamc_struct_close(w1);
}

TEST(viamc_struct_open_list)
{
    CHECK_EQ_INT(written(spoil_open_list), VIAMC_ERR_ARG);
}

static void spoil_close(viamc_struct_writer *w1)
{
    viamc_struct_close(NULL);
    viamc_struct_close(w1);
}

TEST(viamc_struct_close)
{
    CHECK_EQ_INT(written(spoil_close), VIAMC_ERR_STATE);
}

static void spoil_nothing(viamc_struct_writer *w1)
{
    viamc_bytes encoded;
    CHECK_EQ_INT(viamc_struct_end(NULL, &encoded), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_struct_end(w1, NULL), VIAMC_ERR_ARG);
}

static void spoil_end(viamc_struct_writer *w1)
{
    viamc_struct_open_struct(w1, "k"); /* never closed */
}

TEST(viamc_struct_end)
{
    CHECK_EQ_INT(written(spoil_nothing), VIAMC_OK);
    CHECK_EQ_INT(written(spoil_end), VIAMC_ERR_STATE);
}

/* ---- readings, images, point clouds ---- */

#define PCD "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA ascii\n1 2 3\n"

TEST(viamc_reading_of)
{
    viamc_value value;
    viamc_reading reading;
    memset(&value, 0, sizeof value);
    CHECK_EQ_INT(viamc_reading_of(NULL, &reading), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_reading_of(&value, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_reading_of(&value, &reading), VIAMC_ERR_NOT_FOUND);
}

static void spoil_reading(viamc_struct_writer *w1)
{
    viamc_reading reading = {VIAMC_READING_VECTOR, {1, 2, 3, 0}};
    viamc_struct_reading(NULL, "k", &reading);
    viamc_struct_reading(w1, "k", NULL);
}

static void spoil_reading_type(viamc_struct_writer *w1)
{
    viamc_reading reading = {5, {1, 2, 3, 0}};
    viamc_struct_reading(w1, "k", &reading);
}

static void spoil_reading_key(viamc_struct_writer *w1)
{
    viamc_reading reading = {VIAMC_READING_VECTOR, {1, 2, 3, 0}};
    viamc_struct_reading(w1, NULL, &reading);
}

TEST(viamc_struct_reading)
{
    CHECK_EQ_INT(written(spoil_reading), VIAMC_ERR_ARG);
    CHECK_EQ_INT(written(spoil_reading_type), VIAMC_ERR_ARG);
    CHECK_EQ_INT(written(spoil_reading_key), VIAMC_ERR_ARG);
}

TEST(viamc_image_mime)
{
    CHECK_EQ_STR(viamc_image_mime(6), "");
    CHECK_EQ_STR(viamc_image_mime(255), "");
}

TEST(viamc_image_form)
{
    viamc_str nowhere = {NULL, 9};
    CHECK_EQ_INT(viamc_image_form(nowhere), VIAMC_IMAGE_UNKNOWN);
    CHECK_EQ_INT(viamc_image_form(viamc_text(NULL)), VIAMC_IMAGE_UNKNOWN);
    CHECK_EQ_INT(viamc_image_form(viamc_text("+lazy")), VIAMC_IMAGE_UNKNOWN);
}

TEST(viamc_image_open)
{
    viamc_image image;
    CHECK_EQ_INT(viamc_image_open(NULL, NOTHING), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_image_open(&image, NOWHERE), VIAMC_ERR_ARG);
    CHECK(viamc_image_open(&image, NOTHING) == VIAMC_OK && image.form == VIAMC_IMAGE_UNKNOWN);
    CHECK_EQ_INT(viamc_image_open(&image, viamc_view("RGBA", 4)), VIAMC_ERR_MESSAGE);
}

TEST(viamc_pcd_open)
{
    viamc_pcd pcd;
    CHECK_EQ_INT(viamc_pcd_open(NULL, NOTHING), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, NOWHERE), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, NOTHING), VIAMC_WAIT);
    CHECK_EQ_INT(viamc_pcd_open(&pcd, viamc_view("DATA ascii\n", 11)), VIAMC_ERR_MESSAGE);
}

TEST(viamc_pcd_next)
{
    viamc_pcd pcd;
    viamc_point point;
    REQUIRE(viamc_pcd_open(&pcd, viamc_view(PCD, sizeof PCD - 1)) == VIAMC_OK);
    CHECK(!viamc_pcd_next(NULL, &point));
    CHECK(!viamc_pcd_next(&pcd, NULL));
    CHECK(pcd.left == 1 && viamc_pcd_next(&pcd, &point) && point.z == 3);
    CHECK(!viamc_pcd_next(&pcd, &point) && pcd.err == VIAMC_OK);
}

/* ---- finding robots on the local network ---- */

TEST(viamc_find_query)
{
    uint8_t buf[32];
    CHECK_EQ_INT(viamc_find_query(NULL, 100), 0);
    CHECK_EQ_INT(viamc_find_query(buf, sizeof buf), 0);
}

TEST(viamc_find_add)
{
    viamc_found robots[1];
    CHECK_EQ_INT(viamc_find_add(NOTHING, robots, 1, 0), 0);
    CHECK_EQ_INT(viamc_find_add(NOWHERE, robots, 1, 0), 0);
    CHECK_EQ_INT(viamc_find_add(viamc_view("x", 1), NULL, 1, 0), 0);
    CHECK_EQ_INT(viamc_find_add(viamc_view("x", 1), robots, 0, 0), 0);
}

int main(int argc, char **argv)
{
    test_begin("misuse_values", argc, argv);
    RUN(viamc_view);
    RUN(viamc_text);
    RUN(viamc_str_eq);
    RUN(viamc_version);
    RUN(viamc_err_name);
    RUN(viamc_status_name);
    RUN(viamc_event_metadata);
    RUN(viamc_struct_fields);
    RUN(viamc_struct_next);
    RUN(viamc_list_next);
    RUN(viamc_struct_find);
    RUN(viamc_struct_check);
    RUN(viamc_struct_begin);
    RUN(viamc_struct_number);
    RUN(viamc_struct_bool);
    RUN(viamc_struct_null);
    RUN(viamc_struct_string);
    RUN(viamc_struct_text);
    RUN(viamc_struct_open_struct);
    RUN(viamc_struct_open_list);
    RUN(viamc_struct_close);
    RUN(viamc_struct_end);
    RUN(viamc_reading_of);
    RUN(viamc_struct_reading);
    RUN(viamc_image_mime);
    RUN(viamc_image_form);
    RUN(viamc_image_open);
    RUN(viamc_pcd_open);
    RUN(viamc_pcd_next);
    RUN(viamc_find_query);
    RUN(viamc_find_add);
    return test_end();
}
