/* SPDX-License-Identifier: MIT */
/* codec/reading: names of types, and the numbers that belong to each. */
#ifndef VIAMC_CODEC_READING_IMPL_H
#define VIAMC_CODEC_READING_IMPL_H

#include "codec/reading.h"
#include "codec/struct_impl.h"

/* What a type is called, and its numbers in their order. */
typedef struct vmc_reading_form {
    const char *type;
    const char *keys[4];
} vmc_reading_form;

static const vmc_reading_form vmc_reading_forms[] = {
    {"vector3", {"x", "y", "z", NULL}},
    {"angular_velocity", {"x", "y", "z", NULL}},
    {"geopoint", {"lat", "lng", NULL, NULL}},
    {"orientation_vector_degrees", {"ox", "oy", "oz", "theta"}},
};
#define VMC_READING_FORMS (sizeof vmc_reading_forms / sizeof vmc_reading_forms[0])

VMC_FN viamc_err vmc_reading_numbers(const viamc_fields *fields, const vmc_reading_form *form, double number[4])
{
    viamc_value v;
    size_t i;
    for (i = 0; i < 4u && form->keys[i] != NULL; i++) {
        if (viamc_struct_find(fields, form->keys[i], &v) != VIAMC_OK || v.kind != VIAMC_NUMBER)
            return VIAMC_ERR_MESSAGE;
        number[i] = v.number;
    }
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_reading_of(const viamc_value *value, viamc_reading *reading)
{
    viamc_reading found;
    viamc_value type;
    viamc_err err;
    size_t i;
    if (value == NULL || reading == NULL)
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(reading, 0, sizeof *reading);
    VIAMC_MEMSET(&found, 0, sizeof found);
    if (value->kind != VIAMC_STRUCT)
        return VIAMC_ERR_NOT_FOUND;
    err = viamc_struct_find(&value->fields, "_type", &type);
    if (err != VIAMC_OK)
        return err;
    for (i = 0; i < VMC_READING_FORMS; i++)
        if (type.kind == VIAMC_STRING && viamc_str_eq(type.text, viamc_text(vmc_reading_forms[i].type))) {
            found.type = (uint8_t)(i + 1u);
            err = vmc_reading_numbers(&value->fields, &vmc_reading_forms[i], found.number);
            if (err == VIAMC_OK)
                *reading = found;
            return err;
        }
    return VIAMC_ERR_NOT_FOUND;
}

VIAMC_API void viamc_struct_reading(viamc_struct_writer *w, const char *key, const viamc_reading *reading)
{
    const vmc_reading_form *form;
    size_t i;
    if (w == NULL)
        return;
    if (reading == NULL || reading->type == 0 || reading->type > VMC_READING_FORMS) {
        vmc_struct_fail(w, VIAMC_ERR_ARG);
        return;
    }
    form = &vmc_reading_forms[reading->type - 1u];
    viamc_struct_open_struct(w, key);
    viamc_struct_string(w, "_type", form->type);
    for (i = 0; i < 4u && form->keys[i] != NULL; i++)
        viamc_struct_number(w, form->keys[i], reading->number[i]);
    viamc_struct_close(w);
}

#endif
