/* SPDX-License-Identifier: MIT */
/* codec/struct: the reader is a chain of cursors, one a level, so depth costs it nothing; the writer keeps one octet free for every
 * length and shifts what follows when a length turns out to need more. */
#ifndef VIAMC_CODEC_STRUCT_IMPL_H
#define VIAMC_CODEC_STRUCT_IMPL_H

#include "base/core_impl.h"
#include "codec/struct.h"
#include "codec/wire_impl.h"

/* Field numbers of google/protobuf/struct.proto. Members of Value: number = kind + 1. */
#define VMC_STRUCT_ITEM 1u  /* Struct.fields, ListValue.values, and the maps of readings */
#define VMC_STRUCT_KEY 1u   /* of a map entry */
#define VMC_STRUCT_VALUE 2u /* of a map entry */

VMC_STATIC_ASSERT(struct_depth_fits_the_bits_of_lists, VMC_STRUCT_MAX_DEPTH >= 2u && VMC_STRUCT_MAX_DEPTH <= 32u);

/* ---- reading ---- */

VMC_FN void vmc_struct_no_value(viamc_value *v)
{
    VIAMC_MEMSET(v, 0, sizeof *v);
    v->number = 0;
    v->text = viamc_text("");
}

/* The wire type of a kind. */
VMC_FN uint8_t vmc_struct_type(uint8_t kind)
{
    if (kind == VIAMC_NUMBER)
        return VMC_WIRE_FIXED64;
    return kind == VIAMC_NULL || kind == VIAMC_BOOL ? VMC_WIRE_VARINT : VMC_WIRE_BYTES;
}

/* Takes over a member of Value; unknown ones are passed by. False if it lies too deep. */
VMC_FN bool vmc_struct_member(const vmc_wire_field *f, uint8_t depth, viamc_value *v)
{
    uint8_t kind = (uint8_t)(f->number - 1u);
    if (f->number > VIAMC_LIST + 1u || f->type != vmc_struct_type(kind))
        return true;
    vmc_struct_no_value(v); /* members of a oneof replace one another */
    v->kind = kind;
    switch (kind) {
    case VIAMC_NUMBER: v->number = vmc_wire_double(f->value); break;
    case VIAMC_STRING: v->text = vmc_wire_text(f); break;
    case VIAMC_BOOL: v->boolean = f->value != 0; break;
    case VIAMC_STRUCT:
        v->fields.rest = f->bytes;
        v->fields.depth = (uint8_t)(depth + 1u);
        return depth < VMC_STRUCT_MAX_DEPTH;
    case VIAMC_LIST:
        v->list.rest = f->bytes;
        v->list.depth = (uint8_t)(depth + 1u);
        return depth < VMC_STRUCT_MAX_DEPTH;
    default: break;
    }
    return true;
}

/* Reads a Value that stands in a Struct or list of that depth. */
VMC_FN bool vmc_struct_read_value(viamc_bytes msg, uint8_t depth, viamc_value *v)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    while (vmc_wire_next(&r, &f))
        if (!vmc_struct_member(&f, depth, v))
            return false;
    return vmc_rd_ok(&r);
}

/* Reads a map entry; a missing key is "", a missing value null. */
VMC_FN bool vmc_struct_read_entry(viamc_bytes msg, uint8_t depth, viamc_str *key, viamc_value *v)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    viamc_bytes value = viamc_view(NULL, 0);
    while (vmc_wire_next(&r, &f)) {
        if (f.type == VMC_WIRE_BYTES && f.number == VMC_STRUCT_KEY)
            *key = vmc_wire_text(&f);
        else if (f.type == VMC_WIRE_BYTES && f.number == VMC_STRUCT_VALUE)
            value = f.bytes;
    }
    return vmc_rd_ok(&r) && vmc_struct_read_value(value, depth, v);
}

/* Reads the next item of a Struct or, without a key, of a list. False at the end; *err is set if that is not the good one. */
VMC_FN bool vmc_struct_step(viamc_bytes *rest, uint8_t depth, viamc_err *err, viamc_str *key, viamc_value *v)
{
    vmc_rd r = vmc_rd_of(*rest);
    vmc_wire_field f;
    bool more;
    vmc_struct_no_value(v);
    do
        more = vmc_wire_next(&r, &f);
    while (more && (f.number != VMC_STRUCT_ITEM || f.type != VMC_WIRE_BYTES));
    if (more && (key != NULL ? vmc_struct_read_entry(f.bytes, depth, key, v) : vmc_struct_read_value(f.bytes, depth, v))) {
        *rest = viamc_view(r.ptr, r.left);
        return true;
    }
    if (more || !vmc_rd_ok(&r))
        *err = VIAMC_ERR_MESSAGE;
    rest->len = 0;
    vmc_struct_no_value(v);
    return false;
}

VIAMC_API viamc_fields viamc_struct_fields(viamc_bytes encoded)
{
    viamc_fields fields;
    fields.rest = encoded;
    fields.err = VIAMC_OK;
    fields.depth = 1;
    return fields;
}

VIAMC_API bool viamc_struct_next(viamc_fields *fields, viamc_str *key, viamc_value *value)
{
    if (fields == NULL || key == NULL || value == NULL)
        return false;
    *key = viamc_text("");
    if (vmc_struct_step(&fields->rest, fields->depth, &fields->err, key, value))
        return true;
    *key = viamc_text("");
    return false;
}

VIAMC_API bool viamc_list_next(viamc_values *list, viamc_value *value)
{
    return list != NULL && value != NULL && vmc_struct_step(&list->rest, list->depth, &list->err, NULL, value);
}

VIAMC_API viamc_err viamc_struct_find(const viamc_fields *fields, const char *key, viamc_value *value)
{
    viamc_fields walk;
    viamc_str k, wanted = viamc_text(key);
    viamc_value v;
    viamc_err err = VIAMC_ERR_NOT_FOUND;
    if (fields == NULL || key == NULL || value == NULL)
        return VIAMC_ERR_ARG;
    walk = *fields;
    vmc_struct_no_value(value);
    while (viamc_struct_next(&walk, &k, &v)) {
        if (viamc_str_eq(k, wanted)) {
            *value = v;
            err = VIAMC_OK;
        }
    }
    if (walk.err == VIAMC_OK)
        return err;
    vmc_struct_no_value(value);
    return walk.err;
}

/* Each turn reads one item, goes one level down with it, or comes back up from a level that is done. */
VIAMC_API viamc_err viamc_struct_check(viamc_bytes encoded)
{
    viamc_bytes rest[VMC_STRUCT_MAX_DEPTH];
    uint32_t lists = 0; /* bit n: level n is a list */
    uint8_t depth = 1;
    viamc_err err = VIAMC_OK;
    viamc_value v;
    viamc_str key;
    rest[0] = encoded;
    while (depth != 0 && err == VIAMC_OK) {
        bool list = (lists >> (depth - 1u) & 1u) != 0;
        if (!vmc_struct_step(&rest[depth - 1u], depth, &err, list ? NULL : &key, &v)) {
            depth--;
        } else if (v.kind == VIAMC_STRUCT) { /* depth < VMC_STRUCT_MAX_DEPTH, else the step had failed */
            lists &= ~((uint32_t)1 << depth);
            rest[depth++] = v.fields.rest;
        } else if (v.kind == VIAMC_LIST) {
            lists |= (uint32_t)1 << depth;
            rest[depth++] = v.list.rest;
        }
    }
    return err;
}

/* ---- writing: after NOMEM nothing is written any more, but lengths go on being counted ---- */

VMC_FN void vmc_struct_fail(viamc_struct_writer *w, viamc_err err)
{
    if (w->err == VIAMC_OK || (w->err == VIAMC_ERR_NOMEM && err != VIAMC_ERR_NOMEM))
        w->err = err; /* a mistake outweighs a lack of room */
}

/* Counts n octets; true if they may be written, and then they lie before w->len. */
VMC_FN bool vmc_struct_claim(viamc_struct_writer *w, size_t n)
{
    if (w->err == VIAMC_OK && n > w->cap - w->len)
        w->err = VIAMC_ERR_NOMEM;
    w->len += n;
    return w->err == VIAMC_OK;
}

VMC_FN void vmc_struct_put(viamc_struct_writer *w, const void *p, size_t n)
{
    if (n != 0 && vmc_struct_claim(w, n))
        vmc_copy(w->ptr + (w->len - n), p, n);
}

/* Tag and the octet kept for a length; returns where the content starts. */
VMC_FN size_t vmc_struct_open(viamc_struct_writer *w, uint32_t number)
{
    uint8_t head[2];
    head[0] = (uint8_t)(number << 3 | VMC_WIRE_BYTES);
    head[1] = 0;
    vmc_struct_put(w, head, sizeof head);
    return w->len;
}

/* Writes the length of what began at start. */
VMC_FN void vmc_struct_patch(viamc_struct_writer *w, size_t start)
{
    size_t n = w->len - start, more = vmc_wire_varint_size(n) - 1u;
    if (vmc_struct_claim(w, more))
        vmc_wire_widen(w->ptr + start, n, more);
}

VMC_FN bool vmc_struct_in_list(const viamc_struct_writer *w)
{
    return w->depth != 0 && (w->lists >> (w->depth - 1u) & 1u) != 0;
}

/* Begins a map entry and writes its key; inside a list there is neither. Returns where the entry starts, or 0. */
VMC_FN size_t vmc_struct_entry(viamc_struct_writer *w, const char *key)
{
    size_t entry, text;
    if ((key == NULL) != vmc_struct_in_list(w))
        vmc_struct_fail(w, VIAMC_ERR_ARG);
    if (key == NULL)
        return 0;
    entry = vmc_struct_open(w, VMC_STRUCT_ITEM);
    text = vmc_struct_open(w, VMC_STRUCT_KEY);
    vmc_struct_put(w, key, vmc_strlen(key));
    vmc_struct_patch(w, text);
    return entry;
}

/* Begins the Value behind a key or in a list. */
VMC_FN size_t vmc_struct_value(viamc_struct_writer *w, size_t entry)
{
    return vmc_struct_open(w, entry != 0 ? VMC_STRUCT_VALUE : VMC_STRUCT_ITEM);
}

VMC_FN void vmc_struct_done(viamc_struct_writer *w, size_t entry, size_t value)
{
    vmc_struct_patch(w, value);
    if (entry != 0)
        vmc_struct_patch(w, entry);
}

/* Adds a value whose n octets are encoded already, its tag first. */
VMC_FN void vmc_struct_scalar(viamc_struct_writer *w, const char *key, const uint8_t *p, size_t n)
{
    size_t entry, value;
    if (w == NULL)
        return;
    entry = vmc_struct_entry(w, key);
    value = vmc_struct_value(w, entry);
    vmc_struct_put(w, p, n);
    vmc_struct_done(w, entry, value);
}

VMC_FN uint8_t vmc_struct_tag(uint8_t kind)
{
    return (uint8_t)((kind + 1u) << 3 | vmc_struct_type(kind));
}

VIAMC_API void viamc_struct_begin(viamc_struct_writer *w, void *buf, size_t cap)
{
    if (w == NULL)
        return;
    VIAMC_MEMSET(w, 0, sizeof *w);
    w->ptr = (uint8_t *)buf;
    w->cap = buf != NULL ? cap : 0;
}

VIAMC_API void viamc_struct_number(viamc_struct_writer *w, const char *key, double number)
{
    uint8_t p[9];
    p[0] = vmc_struct_tag(VIAMC_NUMBER);
    vmc_wire_double_at(p + 1, number);
    vmc_struct_scalar(w, key, p, sizeof p);
}

VIAMC_API void viamc_struct_bool(viamc_struct_writer *w, const char *key, bool boolean)
{
    uint8_t p[2];
    p[0] = vmc_struct_tag(VIAMC_BOOL);
    p[1] = boolean ? 1 : 0;
    vmc_struct_scalar(w, key, p, sizeof p);
}

VIAMC_API void viamc_struct_null(viamc_struct_writer *w, const char *key)
{
    uint8_t p[2];
    p[0] = vmc_struct_tag(VIAMC_NULL);
    p[1] = 0;
    vmc_struct_scalar(w, key, p, sizeof p);
}

VIAMC_API void viamc_struct_text(viamc_struct_writer *w, const char *key, viamc_str text)
{
    size_t entry, value, start;
    if (w == NULL)
        return;
    if (!vmc_is_view(vmc_bytes_of(text))) {
        vmc_struct_fail(w, VIAMC_ERR_ARG);
        return;
    }
    entry = vmc_struct_entry(w, key);
    value = vmc_struct_value(w, entry);
    start = vmc_struct_open(w, VIAMC_STRING + 1u);
    vmc_struct_put(w, text.ptr, text.len);
    vmc_struct_patch(w, start);
    vmc_struct_done(w, entry, value);
}

VIAMC_API void viamc_struct_string(viamc_struct_writer *w, const char *key, const char *string)
{
    viamc_struct_text(w, key, viamc_text(string));
}

/* Opens a level. Its Value starts two octets before its content: tag and length stand between. */
VMC_FN void vmc_struct_push(viamc_struct_writer *w, const char *key, uint8_t kind)
{
    size_t entry;
    if (w == NULL)
        return;
    if (w->depth + 1u >= VMC_STRUCT_MAX_DEPTH) {
        vmc_struct_fail(w, VIAMC_ERR_ARG);
        return;
    }
    entry = vmc_struct_entry(w, key);
    (void)vmc_struct_value(w, entry);
    w->entry[w->depth] = entry;
    w->start[w->depth] = vmc_struct_open(w, kind + 1u);
    w->lists &= ~((uint32_t)1 << w->depth);
    if (kind == VIAMC_LIST)
        w->lists |= (uint32_t)1 << w->depth;
    w->depth++;
}

VIAMC_API void viamc_struct_open_struct(viamc_struct_writer *w, const char *key)
{
    vmc_struct_push(w, key, VIAMC_STRUCT);
}

VIAMC_API void viamc_struct_open_list(viamc_struct_writer *w, const char *key)
{
    vmc_struct_push(w, key, VIAMC_LIST);
}

VIAMC_API void viamc_struct_close(viamc_struct_writer *w)
{
    size_t start;
    if (w == NULL)
        return;
    if (w->depth == 0) {
        vmc_struct_fail(w, VIAMC_ERR_STATE);
        return;
    }
    w->depth--;
    start = w->start[w->depth];
    vmc_struct_patch(w, start);
    vmc_struct_done(w, w->entry[w->depth], start - 2u);
}

VIAMC_API viamc_err viamc_struct_end(viamc_struct_writer *w, viamc_bytes *encoded)
{
    if (w == NULL || encoded == NULL)
        return VIAMC_ERR_ARG;
    if (w->depth != 0)
        vmc_struct_fail(w, VIAMC_ERR_STATE);
    *encoded = viamc_view(w->ptr, w->err == VIAMC_OK ? w->len : 0);
    return w->err;
}

#endif
