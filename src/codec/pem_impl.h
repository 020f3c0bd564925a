/* SPDX-License-Identifier: MIT */
/* codec/pem: takes the pieces of a PEM file (RFC 7468) and hands out its objects one by one: label and DER octets.
 * Knows lines and base64; knows nothing of certificates, keys and files. */
#ifndef VIAMC_CODEC_PEM_IMPL_H
#define VIAMC_CODEC_PEM_IMPL_H

#include "base/core.h"
#include "base/core_impl.h"
#include "codec/base64_impl.h"

#define VMC_PEM_MAX_LABEL 32u /* viamc: longer than any label in use; an object with a longer one is junk */
#define VMC_PEM_DASHES 5u     /* RFC 7468 2: around both lines */

/* What vmc_pem_next found. Each object that begins ends in exactly one of the last three, or is left unfinished by the end of the file. */
enum {
    VMC_PEM_MORE = 0,      /* the piece is used up */
    VMC_PEM_OBJECT = 1,    /* label and der hold an object */
    VMC_PEM_TOO_LARGE = 2, /* an object that did not fit into the buffer */
    VMC_PEM_BAD = 3        /* no base64, encrypted in the old way, empty, or without its own end */
};

typedef enum vmc_pem_state {
    VMC_PEM_LINE,       /* at the start of a line, `at` octets of "-----BEGIN " matched */
    VMC_PEM_JUNK,       /* in the rest of a line that says nothing */
    VMC_PEM_LABEL,      /* in the label */
    VMC_PEM_LABEL_END,  /* in the dashes behind it, `at` seen */
    VMC_PEM_BODY,       /* in the base64 */
    VMC_PEM_END,        /* `at` octets of "-----END " matched */
    VMC_PEM_END_LABEL,  /* `at` octets of the label matched again */
    VMC_PEM_END_DASHES  /* in the dashes behind that, `at` seen */
} vmc_pem_state;

typedef struct vmc_pem {
    vmc_wr der; /* the caller's buffer, with der.len octets of the object */
    vmc_base64 body;
    uint8_t state; /* vmc_pem_state */
    uint8_t at;
    uint8_t label_len;
    char label[VMC_PEM_MAX_LABEL];
} vmc_pem;

/* Begins a file.
 * buf: lent until the last call; parts of refused objects may stay in it, so wipe it where keys are read. */
VMC_FN void vmc_pem_begin(vmc_pem *p, void *buf, size_t cap)
{
    p->der = vmc_wr_of(buf, cap);
    vmc_base64_begin(&p->body);
    p->state = VMC_PEM_LINE;
    p->at = 0;
    p->label_len = 0;
}

VMC_FN viamc_str vmc_pem_label(const vmc_pem *p)
{
    viamc_str s;
    s.ptr = p->label;
    s.len = p->label_len;
    return s;
}

VMC_FN void vmc_pem_enter(vmc_pem *p, vmc_pem_state state)
{
    p->state = (uint8_t)state;
    p->at = 0;
}

VMC_FN void vmc_pem_on_line(vmc_pem *p, uint8_t c)
{
    static const char begin[] = "-----BEGIN ";
    if (c == (uint8_t)begin[p->at]) {
        if (++p->at == sizeof begin - 1u) {
            vmc_pem_enter(p, VMC_PEM_LABEL);
            p->label_len = 0;
        }
    } else if (c == '\n' || c == '\r') {
        p->at = 0;
    } else if (p->at != 0 || (c != ' ' && c != '\t' && c < 0x80u)) { /* else indented, or a byte order mark in front of the file */
        vmc_pem_enter(p, VMC_PEM_JUNK);
    }
}

VMC_FN void vmc_pem_on_junk(vmc_pem *p, uint8_t c)
{
    if (c == '\n' || c == '\r')
        vmc_pem_enter(p, VMC_PEM_LINE);
}

VMC_FN void vmc_pem_on_label(vmc_pem *p, uint8_t c)
{
    if (c == '-') {
        vmc_pem_enter(p, VMC_PEM_LABEL_END);
        p->at = 1;
    } else if (c < 0x20u || c > 0x7eu || p->label_len == VMC_PEM_MAX_LABEL) {
        vmc_pem_enter(p, VMC_PEM_JUNK);
        vmc_pem_on_junk(p, c);
    } else {
        p->label[p->label_len++] = (char)c;
    }
}

VMC_FN void vmc_pem_on_label_end(vmc_pem *p, uint8_t c)
{
    if (c != '-') {
        vmc_pem_enter(p, VMC_PEM_JUNK);
        vmc_pem_on_junk(p, c);
    } else if (++p->at == VMC_PEM_DASHES) {
        vmc_pem_enter(p, VMC_PEM_BODY);
        vmc_base64_begin(&p->body);
        p->der.len = 0;
        p->der.full = false;
    }
}

VMC_FN void vmc_pem_on_body(vmc_pem *p, uint8_t c)
{
    if (c == '-') {
        vmc_pem_enter(p, VMC_PEM_END);
        p->at = 1;
    } else if (c != '\n' && c != '\r' && c != ' ' && c != '\t') {
        vmc_base64_char(&p->body, c, &p->der);
    }
}

/* An object is over, well or badly. */
VMC_FN unsigned vmc_pem_finish(vmc_pem *p, bool good)
{
    good = vmc_base64_end(&p->body, &p->der) && good;
    vmc_pem_enter(p, VMC_PEM_JUNK);
    if (good && !p->der.full && p->der.len != 0)
        return VMC_PEM_OBJECT;
    p->der.len = 0;
    return good && p->der.full ? VMC_PEM_TOO_LARGE : VMC_PEM_BAD;
}

VMC_FN unsigned vmc_pem_on_end(vmc_pem *p, uint8_t c)
{
    static const char end[] = "-----END ";
    if (c == (uint8_t)end[p->at]) {
        if (++p->at == sizeof end - 1u)
            vmc_pem_enter(p, VMC_PEM_END_LABEL);
    } else if (p->at == VMC_PEM_DASHES && c == 'B') { /* the next object begins before this one has ended */
        (void)vmc_pem_finish(p, false);
        p->state = VMC_PEM_LINE;
        p->at = VMC_PEM_DASHES + 1u;
        return VMC_PEM_BAD;
    } else {
        p->body.bad = true;
        p->state = VMC_PEM_BODY;
    }
    return VMC_PEM_MORE;
}

VMC_FN unsigned vmc_pem_on_end_label(vmc_pem *p, uint8_t c)
{
    bool whole = p->at == p->label_len;
    if (whole && c == '-') {
        vmc_pem_enter(p, VMC_PEM_END_DASHES);
        p->at = 1;
    } else if (whole || c != (uint8_t)p->label[p->at]) {
        unsigned found = vmc_pem_finish(p, false);
        vmc_pem_on_junk(p, c);
        return found;
    } else {
        p->at++;
    }
    return VMC_PEM_MORE;
}

VMC_FN unsigned vmc_pem_on_end_dashes(vmc_pem *p, uint8_t c)
{
    unsigned found = VMC_PEM_MORE;
    if (c != '-') {
        found = vmc_pem_finish(p, false);
        vmc_pem_on_junk(p, c);
    } else if (++p->at == VMC_PEM_DASHES) {
        found = vmc_pem_finish(p, true);
    }
    return found;
}

VMC_FN unsigned vmc_pem_char(vmc_pem *p, uint8_t c)
{
    switch ((vmc_pem_state)p->state) {
    case VMC_PEM_LINE: vmc_pem_on_line(p, c); break;
    case VMC_PEM_JUNK: vmc_pem_on_junk(p, c); break;
    case VMC_PEM_LABEL: vmc_pem_on_label(p, c); break;
    case VMC_PEM_LABEL_END: vmc_pem_on_label_end(p, c); break;
    case VMC_PEM_BODY: vmc_pem_on_body(p, c); break;
    case VMC_PEM_END: return vmc_pem_on_end(p, c);
    case VMC_PEM_END_LABEL: return vmc_pem_on_end_label(p, c);
    case VMC_PEM_END_DASHES: return vmc_pem_on_end_dashes(p, c);
    }
    return VMC_PEM_MORE;
}

/* Reads on in a piece until something is found or the piece is used up. Label and DER octets hold until the next call. */
VMC_FN unsigned vmc_pem_next(vmc_pem *p, viamc_bytes *piece)
{
    unsigned found = VMC_PEM_MORE;
    while (found == VMC_PEM_MORE && piece->len != 0) {
        uint8_t c = *piece->ptr++;
        piece->len--;
        found = vmc_pem_char(p, c);
    }
    return found;
}

#endif
