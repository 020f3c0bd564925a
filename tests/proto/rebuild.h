/* SPDX-License-Identifier: MIT */
/* Takes a message that was read apart, every list and every Struct in it to its end, and builds it anew. For a file that has the implementation. */
#ifndef PROTO_REBUILD_H
#define PROTO_REBUILD_H

#include <stdlib.h>

static void *memories[65536]; /* freed by forget */
static size_t memory_count;
static size_t turn;           /* which of two ways of writing lists */

static void *get(size_t size)
{
    void *p = calloc(1, size + 1u);
    if (p == NULL || memory_count == sizeof memories / sizeof memories[0])
        exit(3);
    memories[memory_count++] = p;
    return p;
}

/* ---- Structs ---- */

static bool copy_value(viamc_struct_writer *w, const char *key, viamc_value v);

static bool copy_fields(viamc_struct_writer *w, viamc_fields fields)
{
    viamc_str key;
    viamc_value v;
    while (viamc_struct_next(&fields, &key, &v)) {
        char *text = (char *)get(key.len);
        if (key.len != 0)
            memcpy(text, key.ptr, key.len);
        if (!copy_value(w, text, v))
            return false;
    }
    return fields.err == VIAMC_OK;
}

static bool copy_list(viamc_struct_writer *w, viamc_values list)
{
    viamc_value v;
    while (viamc_list_next(&list, &v))
        if (!copy_value(w, NULL, v))
            return false;
    return list.err == VIAMC_OK;
}

static bool copy_value(viamc_struct_writer *w, const char *key, viamc_value v)
{
    bool good = true;
    switch (v.kind) {
    case VIAMC_NUMBER: viamc_struct_number(w, key, v.number); break;
    case VIAMC_STRING: viamc_struct_text(w, key, v.text); break;
    case VIAMC_BOOL: viamc_struct_bool(w, key, v.boolean); break;
    case VIAMC_STRUCT:
        viamc_struct_open_struct(w, key);
        good = copy_fields(w, v.fields);
        viamc_struct_close(w);
        break;
    case VIAMC_LIST:
        viamc_struct_open_list(w, key);
        good = copy_list(w, v.list);
        viamc_struct_close(w);
        break;
    default: viamc_struct_null(w, key); break;
    }
    return good;
}

static bool rebuild_struct(viamc_fields *fields)
{
    viamc_struct_writer w;
    viamc_bytes encoded;
    size_t cap = 64u + 4u * fields->rest.len; /* a Value without a kind grows */
    if (fields->rest.ptr == NULL)
        return true;
    viamc_struct_begin(&w, get(cap), cap);
    if (!copy_fields(&w, *fields) || viamc_struct_end(&w, &encoded) != VIAMC_OK)
        return false;
    *fields = viamc_struct_fields(encoded);
    return true;
}

static bool rebuild_value(viamc_value *v)
{
    viamc_struct_writer w;
    viamc_bytes encoded;
    viamc_fields all;
    viamc_str key;
    size_t cap = 128u + 4u * (v->text.len + v->fields.rest.len + v->list.rest.len);
    viamc_struct_begin(&w, get(cap), cap);
    if (!copy_value(&w, "k", *v) || viamc_struct_end(&w, &encoded) != VIAMC_OK)
        return false;
    all = viamc_struct_fields(encoded);
    return viamc_struct_next(&all, &key, v);
}

/* ---- messages ---- */

typedef struct parts {
    const uint8_t *array;
    size_t count, size;
} parts;

static const void *next_part(void *user, size_t index)
{
    const parts *p = (const parts *)user;
    return index < p->count ? p->array + index * p->size : NULL;
}

static bool rebuild(const pb_msgdesc_t *fields, void *msg);

static bool rebuild_list(const pb_field_iter_t *it)
{
    viamc_list *list = (viamc_list *)it->pData, walk = *list;
    size_t size = it->array_size, i, n = viamc_list_count(list);
    uint8_t *array = (uint8_t *)get(n * size + 1u);
    parts *p = (parts *)get(sizeof *p);
    if (list->number == 0)
        return n == 0;
    for (i = 0; i < n; i++) {
        void *element = array + i * size;
        if (!viamc_list_take(&walk, element, size))
            return false;
        if (walk.type == PB_LTYPE_SUBMESSAGE && !rebuild(it->submsg_desc, element))
            return false;
        if (walk.type == PB_LTYPE_FIXED_LENGTH_BYTES && !rebuild_struct((viamc_fields *)element))
            return false;
    }
    if (viamc_list_take(&walk, array + n * size, size) || walk.err != VIAMC_OK)
        return false;
    p->array = array;
    p->count = n;
    p->size = size;
    *list = turn++ % 2u == 0 ? viamc_list_array(array, n, size) : viamc_list_from(next_part, p);
    return true;
}

static bool rebuild_field(const pb_field_iter_t *it)
{
    if (PB_HTYPE(it->type) == PB_HTYPE_ONEOF && *(const pb_size_t *)it->pSize != it->tag)
        return true;
    if (PB_HTYPE(it->type) == PB_HTYPE_REPEATED)
        return rebuild_list(it);
    if (PB_ATYPE(it->type) == PB_ATYPE_CALLBACK && (it->array_size == 3 || it->array_size == 4))
        return rebuild_struct((viamc_fields *)it->pData);
    if (PB_ATYPE(it->type) == PB_ATYPE_CALLBACK && it->array_size == 5)
        return rebuild_value((viamc_value *)it->pData);
    return !PB_LTYPE_IS_SUBMSG(it->type) || rebuild(it->submsg_desc, it->pData);
}

static bool rebuild(const pb_msgdesc_t *fields, void *msg)
{
    pb_field_iter_t it;
    if (!pb_field_iter_begin(&it, fields, msg))
        return true;
    do
        if (!rebuild_field(&it))
            return false;
    while (pb_field_iter_next(&it));
    return true;
}

/* Frees what was built. */
static void forget(void)
{
    while (memory_count != 0)
        free(memories[--memory_count]);
}

#endif
