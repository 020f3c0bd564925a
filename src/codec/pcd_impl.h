/* SPDX-License-Identifier: MIT */
/* codec/pcd: the header's lines are kept as views, and their words are walked side by side when all are there. */
#ifndef VIAMC_CODEC_PCD_IMPL_H
#define VIAMC_CODEC_PCD_IMPL_H

#include "base/core_impl.h"
#include "codec/pcd.h"
#include "codec/wire_impl.h"

#define VMC_PCD_MAX_EXPONENT 400 /* viamc: beyond what a double holds, and a bound for the loop that scales */

/* The lines that say what a point is. */
typedef struct vmc_pcd_head {
    viamc_str fields, sizes, types, counts;
    uint32_t points;
} vmc_pcd_head;

/* ---- text ---- */

/* Takes a line without its end; one that has none is not taken. */
VMC_FN bool vmc_pcd_line(viamc_bytes *rest, viamc_str *line)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != '\n')
        n++;
    if (n == rest->len)
        return false;
    line->ptr = (const char *)rest->ptr;
    line->len = n != 0 && rest->ptr[n - 1u] == '\r' ? n - 1u : n;
    rest->ptr += n + 1u;
    rest->len -= n + 1u;
    return true;
}

VMC_FN bool vmc_pcd_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes a word; empty at the end. */
VMC_FN viamc_str vmc_pcd_word(viamc_str *line)
{
    viamc_str word;
    size_t from = 0, to;
    while (from < line->len && vmc_pcd_is_blank(line->ptr[from]))
        from++;
    to = from;
    while (to < line->len && !vmc_pcd_is_blank(line->ptr[to]))
        to++;
    word.ptr = line->ptr + from;
    word.len = to - from;
    line->ptr += to;
    line->len -= to;
    return word;
}

VMC_FN bool vmc_pcd_is(viamc_str word, const char *text)
{
    return viamc_str_eq(word, viamc_text(text));
}

/* A whole number up to `most`. */
VMC_FN bool vmc_pcd_count(viamc_str word, uint32_t most, uint32_t *n)
{
    uint64_t v = 0;
    size_t i;
    for (i = 0; i < word.len && v <= most; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9')
            return false;
        v = v * 10u + (uint32_t)(word.ptr[i] - '0');
    }
    *n = (uint32_t)v;
    return word.len != 0 && v <= most;
}

/* Scales by a power of ten; up to 22 that power is exact. */
VMC_FN double vmc_pcd_scaled(double v, int exponent)
{
    double power = 1;
    int i, n = exponent < 0 ? -exponent : exponent;
    for (i = 0; v != 0 && i < n && i < VMC_PCD_MAX_EXPONENT; i++)
        power *= 10;
    return exponent < 0 ? v / power : v * power;
}

/* The exponent behind an e. */
VMC_FN int vmc_pcd_exponent(viamc_str word)
{
    bool minus = word.len != 0 && word.ptr[0] == '-';
    uint32_t n = 0;
    if (word.len != 0 && (minus || word.ptr[0] == '+')) {
        word.ptr++;
        word.len--;
    }
    (void)vmc_pcd_count(word, VMC_PCD_MAX_EXPONENT, &n); /* none: 0 */
    n = vmc_min32(n, VMC_PCD_MAX_EXPONENT);
    return minus ? -(int)n : (int)n;
}

/* A number as printf writes it. What is none, "nan" for instance, is not a number. */
VMC_FN double vmc_pcd_number(viamc_str word)
{
    uint64_t digits = 0;
    int exponent = 0;
    bool minus = word.len != 0 && word.ptr[0] == '-', point = false, any = false;
    size_t i = minus || (word.len != 0 && word.ptr[0] == '+') ? 1u : 0u;
    for (; i < word.len && (word.ptr[i] == '.' || (word.ptr[i] >= '0' && word.ptr[i] <= '9')); i++) {
        bool more = digits < 100000000000000000u; /* 10^17: one digit more still fits */
        if (word.ptr[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        if (more)
            digits = digits * 10u + (uint32_t)(word.ptr[i] - '0');
        if (more == point)
            exponent += point ? -1 : 1;
    }
    if (!any)
        return vmc_wire_double((uint64_t)0x7ff80000u << 32);
    if (i < word.len && (word.ptr[i] == 'e' || word.ptr[i] == 'E')) {
        viamc_str rest;
        rest.ptr = word.ptr + i + 1u;
        rest.len = word.len - i - 1u;
        exponent += vmc_pcd_exponent(rest);
    }
    return minus ? -vmc_pcd_scaled((double)digits, exponent) : vmc_pcd_scaled((double)digits, exponent);
}

/* ---- the header ---- */

/* Takes over a line. Of DATA the word behind it is the line that is left. False: malformed. */
VMC_FN bool vmc_pcd_keyword(viamc_pcd *pcd, vmc_pcd_head *head, viamc_str key, viamc_str line)
{
    if (vmc_pcd_is(key, "FIELDS"))
        head->fields = line;
    else if (vmc_pcd_is(key, "SIZE"))
        head->sizes = line;
    else if (vmc_pcd_is(key, "TYPE"))
        head->types = line;
    else if (vmc_pcd_is(key, "COUNT"))
        head->counts = line;
    else if (vmc_pcd_is(key, "WIDTH"))
        return vmc_pcd_count(vmc_pcd_word(&line), 0xffffffffu, &pcd->width);
    else if (vmc_pcd_is(key, "HEIGHT"))
        return vmc_pcd_count(vmc_pcd_word(&line), 0xffffffffu, &pcd->height);
    else if (vmc_pcd_is(key, "POINTS"))
        return vmc_pcd_count(vmc_pcd_word(&line), 0xffffffffu, &head->points);
    return true;
}

/* Where the numbers of a field go, by its name. */
VMC_FN viamc_pcd_field *vmc_pcd_field(viamc_pcd *pcd, viamc_str name)
{
    if (vmc_pcd_is(name, "x"))
        return &pcd->x;
    if (vmc_pcd_is(name, "y"))
        return &pcd->y;
    if (vmc_pcd_is(name, "z"))
        return &pcd->z;
    return vmc_pcd_is(name, "rgb") || vmc_pcd_is(name, "rgba") ? &pcd->rgb : NULL;
}

/* Walks the words of FIELDS, SIZE, TYPE and COUNT side by side. */
VMC_FN bool vmc_pcd_layout(viamc_pcd *pcd, vmc_pcd_head *head)
{
    uint32_t at = 0, size, count;
    for (;;) {
        viamc_str name = vmc_pcd_word(&head->fields), type = vmc_pcd_word(&head->types), many = vmc_pcd_word(&head->counts);
        viamc_pcd_field *field = vmc_pcd_field(pcd, name);
        if (name.len == 0)
            break;
        count = 1;
        if (type.len != 1 || !vmc_pcd_count(vmc_pcd_word(&head->sizes), 8, &size) || (many.len != 0 && !vmc_pcd_count(many, 0xffff, &count)))
            return false;
        if (size == 0 || count == 0) /* so each field lies within the stride */
            return false;
        if (field != NULL) {
            field->at = (uint16_t)at;
            field->size = (uint8_t)size;
            field->type = type.ptr[0];
        }
        at += count * (pcd->text ? 1u : size);
        if (at > 0xffff)
            return false;
    }
    pcd->stride = (uint16_t)at;
    return true;
}

/* True for fields that can be read: floats of 4 or 8 octets, whole numbers of up to 4. */
VMC_FN bool vmc_pcd_is_readable(const viamc_pcd_field *f)
{
    return f->type == 'F' ? f->size == 4 || f->size == 8 : (f->type == 'I' || f->type == 'U') && (f->size == 1 || f->size == 2 || f->size == 4);
}

/* DATA: what the lines before it say together. */
VMC_FN bool vmc_pcd_data(viamc_pcd *pcd, vmc_pcd_head *head, viamc_str form)
{
    uint64_t points = (uint64_t)pcd->width * pcd->height;
    pcd->text = vmc_pcd_is(form, "ascii");
    if ((!pcd->text && !vmc_pcd_is(form, "binary")) || !vmc_pcd_layout(pcd, head) || points > 0xffffffffu)
        return false;
    pcd->left = head->points != 0 ? head->points : (uint32_t)points;
    return vmc_pcd_is_readable(&pcd->x) && vmc_pcd_is_readable(&pcd->y) && vmc_pcd_is_readable(&pcd->z)
        && (pcd->rgb.size == 0 || (vmc_pcd_is_readable(&pcd->rgb) && pcd->rgb.size == 4));
}

VIAMC_API viamc_err viamc_pcd_open(viamc_pcd *pcd, viamc_bytes file)
{
    vmc_pcd_head head;
    viamc_str line, key;
    viamc_bytes rest = file;
    if (pcd == NULL || !vmc_is_view(file))
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(pcd, 0, sizeof *pcd);
    VIAMC_MEMSET(&head, 0, sizeof head);
    head.fields = head.sizes = head.types = head.counts = viamc_text("");
    pcd->err = VIAMC_ERR_MESSAGE; /* no walk begins, until the header is whole and good */
    while (vmc_pcd_line(&rest, &line)) {
        key = vmc_pcd_word(&line);
        if (vmc_pcd_is(key, "DATA")) {
            pcd->rest = rest;
            if (vmc_pcd_data(pcd, &head, vmc_pcd_word(&line)))
                pcd->err = VIAMC_OK;
            return pcd->err;
        }
        if (!vmc_pcd_keyword(pcd, &head, key, line))
            return VIAMC_ERR_MESSAGE;
    }
    return VIAMC_WAIT;
}

/* ---- points ---- */

VMC_FN uint64_t vmc_pcd_octets(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n-- != 0)
        v = v << 8 | p[n];
    return v;
}

VMC_FN double vmc_pcd_float(uint32_t bits)
{
    float v;
    vmc_copy(&v, &bits, sizeof v);
    return (double)v;
}

/* A coordinate of a binary point. */
VMC_FN double vmc_pcd_value(const viamc_pcd_field *f, const uint8_t *point)
{
    uint64_t v = vmc_pcd_octets(point + f->at, f->size), sign = (uint64_t)1 << (f->size * 8u - 1u);
    if (f->type == 'F')
        return f->size == 4 ? vmc_pcd_float((uint32_t)v) : vmc_wire_double(v);
    return f->type == 'I' && (v & sign) != 0 ? -(double)(2u * sign - v) : (double)v;
}

VMC_FN bool vmc_pcd_next_binary(viamc_pcd *pcd, viamc_point *point)
{
    const uint8_t *p = pcd->rest.ptr;
    if (pcd->rest.len < pcd->stride)
        return false;
    point->x = vmc_pcd_value(&pcd->x, p);
    point->y = vmc_pcd_value(&pcd->y, p);
    point->z = vmc_pcd_value(&pcd->z, p);
    if (pcd->rgb.size != 0)
        point->rgb = (uint32_t)vmc_pcd_octets(p + pcd->rgb.at, 4) & 0xffffffu; /* also where it is called a float */
    pcd->rest.ptr += pcd->stride;
    pcd->rest.len -= pcd->stride;
    return true;
}

/* A colour as text: a whole number, or the float of the same bits. */
VMC_FN uint32_t vmc_pcd_colour(const viamc_pcd_field *f, viamc_str word)
{
    double v = vmc_pcd_number(word);
    float single = (float)v;
    uint32_t bits = 0;
    if (f->type == 'F')
        vmc_copy(&bits, &single, sizeof bits);
    else if (v > 0 && v <= 4294967295.0)
        bits = (uint32_t)v;
    else if (v < 0 && v >= -2147483648.0)
        bits = (uint32_t)(int32_t)v;
    return bits & 0xffffffu;
}

VMC_FN bool vmc_pcd_next_text(viamc_pcd *pcd, viamc_point *point)
{
    viamc_str text, word;
    uint16_t i;
    text.ptr = (const char *)pcd->rest.ptr;
    text.len = pcd->rest.len;
    for (i = 0; i < pcd->stride; i++) {
        word = vmc_pcd_word(&text);
        if (word.len == 0)
            return false;
        if (i == pcd->x.at)
            point->x = vmc_pcd_number(word);
        else if (i == pcd->y.at)
            point->y = vmc_pcd_number(word);
        else if (i == pcd->z.at)
            point->z = vmc_pcd_number(word);
        else if (pcd->rgb.size != 0 && i == pcd->rgb.at)
            point->rgb = vmc_pcd_colour(&pcd->rgb, word);
    }
    pcd->rest = viamc_view(text.ptr, text.len);
    return true;
}

VIAMC_API bool viamc_pcd_next(viamc_pcd *pcd, viamc_point *point)
{
    if (point == NULL)
        return false;
    VIAMC_MEMSET(point, 0, sizeof *point);
    if (pcd == NULL || pcd->left == 0 || pcd->err != VIAMC_OK)
        return false;
    if (pcd->text ? vmc_pcd_next_text(pcd, point) : vmc_pcd_next_binary(pcd, point)) {
        pcd->left--;
        return true;
    }
    VIAMC_MEMSET(point, 0, sizeof *point);
    pcd->err = VIAMC_ERR_MESSAGE;
    return false;
}

#endif
