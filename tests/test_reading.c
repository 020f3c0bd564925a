/* SPDX-License-Identifier: MIT */
/* Tests of codec/reading: values with a `_type`, as the Python SDK encodes them. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

static uint8_t octets[512];

/* A Struct with one field "k", from hex of its Value. */
static viamc_value value_of(viamc_bytes encoded)
{
    viamc_fields fields = viamc_struct_fields(encoded);
    viamc_str key;
    viamc_value v;
    (void)viamc_struct_next(&fields, &key, &v);
    return v;
}

static const struct {
    uint8_t type;
    const char *name, *keys[4];
} forms[] = {
    {VIAMC_READING_VECTOR, "vector3", {"x", "y", "z", NULL}},
    {VIAMC_READING_ANGULAR_VELOCITY, "angular_velocity", {"x", "y", "z", NULL}},
    {VIAMC_READING_GEO_POINT, "geopoint", {"lat", "lng", NULL, NULL}},
    {VIAMC_READING_ORIENTATION, "orientation_vector_degrees", {"ox", "oy", "oz", "theta"}},
};

/* Builds the value by hand, without key number `without`. */
static viamc_value built(size_t form, size_t without)
{
    viamc_struct_writer w;
    viamc_bytes encoded;
    size_t i;
    viamc_struct_begin(&w, octets, sizeof octets);
    viamc_struct_open_struct(&w, "k");
    for (i = 0; i < 4 && forms[form].keys[i] != NULL; i++)
        if (i != without)
            viamc_struct_number(&w, forms[form].keys[i], (double)i + 1.5);
    viamc_struct_string(&w, "_type", forms[form].name);
    viamc_struct_close(&w);
    CHECK_EQ_INT(viamc_struct_end(&w, &encoded), VIAMC_OK);
    return value_of(encoded);
}

TEST(each_type)
{
    size_t form, i;
    for (form = 0; form < TEST_COUNT(forms); form++) {
        viamc_value v = built(form, 4);
        viamc_reading r;
        CHECK_EQ_INT(viamc_reading_of(&v, &r), VIAMC_OK);
        CHECK_EQ_INT(r.type, forms[form].type);
        for (i = 0; i < 4; i++)
            CHECK_NEAR(r.number[i], forms[form].keys[i] != NULL ? (double)i + 1.5 : 0, 0);
        for (i = 0; i < 4 && forms[form].keys[i] != NULL; i++) {
            v = built(form, i);
            CHECK_EQ_INT(viamc_reading_of(&v, &r), VIAMC_ERR_MESSAGE);
            CHECK_EQ_INT(r.type, 0);
        }
    }
}

/* Something else than a number in the place of one. */
TEST(numbers_that_are_none)
{
    viamc_struct_writer w;
    viamc_bytes encoded;
    viamc_value v;
    viamc_reading r;
    viamc_struct_begin(&w, octets, sizeof octets);
    viamc_struct_open_struct(&w, "k");
    viamc_struct_string(&w, "_type", "geopoint");
    viamc_struct_number(&w, "lat", 1);
    viamc_struct_string(&w, "lng", "2");
    viamc_struct_close(&w);
    CHECK_EQ_INT(viamc_struct_end(&w, &encoded), VIAMC_OK);
    v = value_of(encoded);
    CHECK_EQ_INT(viamc_reading_of(&v, &r), VIAMC_ERR_MESSAGE);
    CHECK(r.type == 0 && r.number[0] == 0);
}

TEST(there_and_back)
{
    size_t form;
    for (form = 0; form < TEST_COUNT(forms); form++) {
        viamc_reading r = VIAMC_ZERO, again;
        viamc_struct_writer w;
        viamc_bytes encoded;
        viamc_value v;
        r.type = forms[form].type;
        r.number[0] = -1.25;
        r.number[1] = 1e-9;
        viamc_struct_begin(&w, octets, sizeof octets);
        viamc_struct_reading(&w, "k", &r);
        CHECK_EQ_INT(viamc_struct_end(&w, &encoded), VIAMC_OK);
        v = value_of(encoded);
        CHECK_EQ_INT(viamc_reading_of(&v, &again), VIAMC_OK);
        CHECK_EQ_MEM(&again, sizeof again, &r, sizeof r);
    }
}

TEST(other_values)
{
    viamc_struct_writer w;
    viamc_bytes encoded;
    viamc_reading r = VIAMC_ZERO;
    viamc_value v;
    viamc_fields all;
    viamc_str key;
    r.type = 5;
    viamc_struct_begin(&w, octets, sizeof octets);
    viamc_struct_reading(&w, "k", &r);
    CHECK_EQ_INT(viamc_struct_end(&w, &encoded), VIAMC_ERR_ARG);
    viamc_struct_begin(&w, octets, sizeof octets);
    viamc_struct_number(&w, "number", 1);
    viamc_struct_open_struct(&w, "plain");
    viamc_struct_number(&w, "x", 1);
    viamc_struct_close(&w);
    viamc_struct_open_struct(&w, "unknown");
    viamc_struct_string(&w, "_type", "vector4");
    viamc_struct_close(&w);
    viamc_struct_open_struct(&w, "number for a type");
    viamc_struct_number(&w, "_type", 3);
    viamc_struct_close(&w);
    CHECK_EQ_INT(viamc_struct_end(&w, &encoded), VIAMC_OK);
    all = viamc_struct_fields(encoded);
    while (viamc_struct_next(&all, &key, &v))
        CHECK_EQ_INT(viamc_reading_of(&v, &r), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_struct_find(&(const viamc_fields){encoded, VIAMC_OK, 1}, "plain", &v), VIAMC_OK);
    v.fields.rest.len--; /* cut off */
    CHECK_EQ_INT(viamc_reading_of(&v, &r), VIAMC_ERR_MESSAGE);
}

int main(int argc, char **argv)
{
    test_begin("reading", argc, argv);
    RUN(each_type);
    RUN(numbers_that_are_none);
    RUN(there_and_back);
    RUN(other_values);
    return test_end();
}
