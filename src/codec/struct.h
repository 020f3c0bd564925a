/* SPDX-License-Identifier: MIT */
/* codec/struct: google.protobuf.Struct, the form of readings, `extra` and DoCommand: read in place, written into the caller's buffer.
 * Knows the wire format; knows nothing of calls and robots. */
#ifndef VIAMC_CODEC_STRUCT_H
#define VIAMC_CODEC_STRUCT_H

#include "base/config.h"
#include "base/core.h"

/* What a value is. All numbers are doubles: whole ones above 2^53 lose digits. */
enum {
    VIAMC_NULL = 0,   /* also a value that the peer left empty */
    VIAMC_NUMBER = 1, /* value.number */
    VIAMC_STRING = 2, /* value.text */
    VIAMC_BOOL = 3,   /* value.boolean */
    VIAMC_STRUCT = 4, /* value.fields */
    VIAMC_LIST = 5    /* value.list */
};

/* A walk over the fields of a Struct, or over a map<string, Value> such as sensor readings. Holds a view of the encoded bytes and
 * nothing else: copy it to walk again. Struct and lists may lie in one another VMC_STRUCT_MAX_DEPTH deep, the outermost counted. */
typedef struct viamc_fields {
    viamc_bytes rest; /* encoded fields that are still to come */
    viamc_err err;    /* OK, or MESSAGE: the walk ended early, the bytes are malformed or too deep */
    uint8_t depth;    /* 1 for the outermost */
} viamc_fields;

/* A walk over the values of a list. */
typedef struct viamc_values {
    viamc_bytes rest;
    viamc_err err;
    uint8_t depth;
} viamc_values;

/* One value. Only the member that belongs to `kind` holds something, the others are zero or empty. Text and walks are views of the
 * encoded bytes and live as long as these. */
typedef struct viamc_value {
    uint8_t kind; /* VIAMC_NULL to VIAMC_LIST */
    bool boolean;
    double number;
    viamc_str text; /* as the peer sent it; UTF-8 is not checked */
    viamc_fields fields;
    viamc_values list;
} viamc_value;

/* Builds a Struct. Members are viamc's, except that `len` may be read after viamc_struct_end. */
typedef struct viamc_struct_writer {
    uint8_t *ptr;
    size_t cap;
    size_t len; /* octets written, or with NOMEM the octets that would have been needed */
    viamc_err err;
    uint8_t depth;  /* nested ones that are open */
    uint32_t lists; /* a bit for each of them: it is a list */
    size_t entry[VMC_STRUCT_MAX_DEPTH]; /* where its map entry starts, 0 inside a list */
    size_t start[VMC_STRUCT_MAX_DEPTH]; /* where its content starts */
} viamc_struct_writer;

/* Starts a walk over an encoded Struct or map<string, Value>.
 *   encoded  view: stays where it is as long as the walk and its values are used
 * Allowed:  always. Nothing is read yet. */
VIAMC_API viamc_fields viamc_struct_fields(viamc_bytes encoded);

/* Reads the next field.
 *   fields  moved on by one
 *   key     out: view of its key; not unique: of equal keys the last one counts
 *   value   out: its value
 * Allowed:  always.
 * Returns:  true; false at the end, and then key and value are empty. fields->err tells whether the end was a good one. */
VIAMC_API bool viamc_struct_next(viamc_fields *fields, viamc_str *key, viamc_value *value);

/* Reads the next value of a list.
 *   list   moved on by one
 *   value  out
 * Allowed:  always.
 * Returns:  true; false at the end, and then value is null. list->err tells whether the end was a good one. */
VIAMC_API bool viamc_list_next(viamc_values *list, viamc_value *value);

/* Finds a field by its key among those still to come; of equal keys the last one.
 *   fields  not moved
 *   key     terminated
 *   value   out: null unless OK
 * Allowed:  always. Takes time in proportion to the bytes.
 * Returns:  OK; NOT_FOUND; MESSAGE (malformed or too deep, wherever that is on this level) */
VIAMC_API viamc_err viamc_struct_find(const viamc_fields *fields, const char *key, viamc_value *value);

/* Checks a whole encoded Struct, so that no walk over it can fail later.
 *   encoded  looked at only
 * Allowed:  always. Takes time in proportion to the bytes, and no recursion.
 * Returns:  OK; MESSAGE (malformed, or deeper than VMC_STRUCT_MAX_DEPTH) */
VIAMC_API viamc_err viamc_struct_check(viamc_bytes encoded);

/* Begins a Struct.
 *   w    the caller's, all of it is set
 *   buf  lent until viamc_struct_end; NULL to measure: viamc_struct_end then answers NOMEM and w->len is the need
 *   cap  octets of buf
 * Allowed:  always. The functions below keep the first mistake for viamc_struct_end. */
VIAMC_API void viamc_struct_begin(viamc_struct_writer *w, void *buf, size_t cap);

/* Adds a number, a bool or a null.
 *   key  copied, terminated; NULL exactly inside a list
 * Allowed:  between begin and end. */
VIAMC_API void viamc_struct_number(viamc_struct_writer *w, const char *key, double number);
VIAMC_API void viamc_struct_bool(viamc_struct_writer *w, const char *key, bool boolean);
VIAMC_API void viamc_struct_null(viamc_struct_writer *w, const char *key);

/* Adds a text: terminated, or a view.
 *   key           copied, terminated; NULL exactly inside a list
 *   string, text  copied; UTF-8, peers refuse anything else; string NULL: an empty text
 * Allowed:  between begin and end. */
VIAMC_API void viamc_struct_string(viamc_struct_writer *w, const char *key, const char *string);
VIAMC_API void viamc_struct_text(viamc_struct_writer *w, const char *key, viamc_str text);

/* Opens a Struct or a list inside; what follows goes into it until viamc_struct_close.
 *   key  copied, terminated; NULL exactly inside a list
 * Allowed:  between begin and end, VMC_STRUCT_MAX_DEPTH - 1 times in one another. */
VIAMC_API void viamc_struct_open_struct(viamc_struct_writer *w, const char *key);
VIAMC_API void viamc_struct_open_list(viamc_struct_writer *w, const char *key);

/* Closes what was opened last.
 * Allowed:  once for each open. */
VIAMC_API void viamc_struct_close(viamc_struct_writer *w);

/* Ends the Struct.
 *   encoded  out: view of the caller's buffer; empty unless OK
 * Allowed:  once. The buffer is the caller's again.
 * Returns:  OK; NOMEM (w->len = bytes needed); ARG (key missing, key inside a list, too deep); STATE (open and close do not match) */
VIAMC_API viamc_err viamc_struct_end(viamc_struct_writer *w, viamc_bytes *encoded);

#endif
