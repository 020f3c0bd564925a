/* SPDX-License-Identifier: MIT */
/* codec/struct: any octets as a google.protobuf.Struct. The check and the walks agree; what was read is written again: the same values. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

enum { WRITTEN_MAX = 4 * FUZZ_MAX };

typedef struct level {
    viamc_fields fields;
    viamc_values list;
    bool in_list;
} level;

/* Writes a value; true: it is a list or a Struct, which was opened. */
static bool put(viamc_struct_writer *w, const char *key, const viamc_value *v)
{
    switch (v->kind) {
    case VIAMC_NUMBER: viamc_struct_number(w, key, v->number); return false;
    case VIAMC_BOOL: viamc_struct_bool(w, key, v->boolean); return false;
    case VIAMC_STRING: viamc_struct_text(w, key, v->text); return false;
    case VIAMC_STRUCT: viamc_struct_open_struct(w, key); return true;
    case VIAMC_LIST: viamc_struct_open_list(w, key); return true;
    default: viamc_struct_null(w, key); return false;
    }
}

static bool next(level *at, viamc_str *key, viamc_value *value)
{
    key->len = 0;
    return at->in_list ? viamc_list_next(&at->list, value) : viamc_struct_next(&at->fields, key, value);
}

/* Walks everything, notes it and writes it again. The walk's first error. */
static viamc_err walk(viamc_bytes in, fuzz_trace *t, viamc_struct_writer *w)
{
    level stack[VMC_STRUCT_MAX_DEPTH + 1u];
    unsigned depth = 0;
    viamc_str key;
    viamc_value v;
    viamc_err err;
    stack[0].fields = viamc_struct_fields(in);
    stack[0].in_list = false;
    for (;;) {
        level *at = &stack[depth];
        static char text[FUZZ_MAX + 1];
        if (!next(at, &key, &v)) {
            err = at->in_list ? at->list.err : at->fields.err;
            if (err != VIAMC_OK || depth-- == 0)
                return err;
            viamc_struct_close(w);
            fuzz_note_number(t, 99);
            continue;
        }
        FUZZ_CHECK(fuzz_inside(vmc_bytes_of(key), in) && fuzz_inside(vmc_bytes_of(v.text), in));
        fuzz_note_number(t, v.kind);
        vmc_copy(text, key.ptr, key.len);
        text[key.len] = '\0';
        fuzz_note(t, text, vmc_strlen(text)); /* the writer's keys end at the first NUL */
        fuzz_note(t, v.text.ptr, v.text.len);
        fuzz_note(t, &v.number, sizeof v.number);
        fuzz_note_number(t, v.boolean);
        if (put(w, at->in_list ? NULL : text, &v)) {
            FUZZ_CHECK(depth < VMC_STRUCT_MAX_DEPTH);
            depth++;
            stack[depth].in_list = v.kind == VIAMC_LIST;
            stack[depth].fields = v.fields;
            stack[depth].list = v.list;
        }
    }
}

static void fuzz_one(viamc_bytes in)
{
    static fuzz_trace first, second;
    static uint8_t buf[WRITTEN_MAX], twice[WRITTEN_MAX];
    viamc_struct_writer w;
    viamc_bytes again = {NULL, 0};
    viamc_fields fields = viamc_struct_fields(in);
    viamc_value v;
    viamc_err err;
    first.len = second.len = 0;
    viamc_struct_begin(&w, buf, sizeof buf);
    err = walk(in, &first, &w);
    FUZZ_CHECK((viamc_struct_check(in) == VIAMC_OK) == (err == VIAMC_OK));
    (void)viamc_struct_find(&fields, "a", &v);
    if (err != VIAMC_OK || viamc_struct_end(&w, &again) != VIAMC_OK)
        return;
    viamc_struct_begin(&w, twice, sizeof twice);
    FUZZ_CHECK(walk(again, &second, &w) == VIAMC_OK);
    FUZZ_CHECK(fuzz_same(&first, &second));
}
