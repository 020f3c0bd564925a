/* SPDX-License-Identifier: MIT */
/* base/core: cursors over octets, the first-error rule, carving of the one block, secrets. */
#ifndef VIAMC_BASE_CORE_IMPL_H
#define VIAMC_BASE_CORE_IMPL_H

#include "base/core.h"

/* ---- views ---- */

#if SIZE_MAX > 0xffffffu
#define VMC_TEXT_MAX 0xffffffu /* octets of a text that a caller hands over: certificates in PEM are the longest */
#else
#define VMC_TEXT_MAX 0x7fffu
#endif

VMC_FN size_t vmc_strlen(const char *s)
{
#ifdef VIAMC_STRLEN
    return s == NULL ? 0 : VIAMC_STRLEN(s);
#else
    size_t n = 0;
    while (s != NULL && n < VMC_TEXT_MAX && s[n] != '\0') /* the bound also keeps the compiler from calling newlib's strlen: 220 octets */
        n++;
    return n;
#endif
}

VIAMC_API viamc_bytes viamc_view(const void *ptr, size_t n)
{
    viamc_bytes v;
    v.ptr = (const uint8_t *)ptr;
    v.len = n;
    return v;
}

VIAMC_API viamc_str viamc_text(const char *s)
{
    viamc_str v;
    v.ptr = s;
    v.len = vmc_strlen(s);
    return v;
}

/* False for octets that are nowhere. */
VMC_FN bool vmc_is_view(viamc_bytes v)
{
    return v.ptr != NULL || v.len == 0;
}

VMC_FN bool vmc_same(const void *a, const void *b, size_t n)
{
    return n == 0 || VIAMC_MEMCMP(a, b, n) == 0;
}

VIAMC_API bool viamc_str_eq(viamc_str a, viamc_str b)
{
    return a.len == b.len && vmc_same(a.ptr, b.ptr, a.len);
}

/* Compares with a terminated constant. */
VMC_FN bool vmc_bytes_are(viamc_bytes v, const char *s)
{
    size_t n = vmc_strlen(s);
    return v.len == n && vmc_same(v.ptr, s, n);
}

VMC_FN viamc_bytes vmc_bytes_of(viamc_str s)
{
    return viamc_view(s.ptr, s.len);
}

VMC_FN size_t vmc_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

VMC_FN uint32_t vmc_min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

VMC_FN void vmc_copy(void *to, const void *from, size_t n)
{
    if (n != 0) /* memcpy(NULL, ..., 0) is undefined */
        VIAMC_MEMCPY(to, from, n);
}

/* Small C libraries move octet by octet, and copy by words: what does not overlap is copied. */
VMC_FN void vmc_move(void *to, const void *from, size_t n)
{
    uintptr_t up = (uintptr_t)to - (uintptr_t)from;
    if (up >= n && 0u - up >= n)
        vmc_copy(to, from, n);
    else if (up != 0)
        VIAMC_MEMMOVE(to, from, n);
}

/* ---- secrets ---- */

/* Overwrites octets so that no optimiser leaves them standing. */
VMC_FN void vmc_wipe(void *p, size_t n)
{
    volatile uint8_t *v = (volatile uint8_t *)p;
    while (n-- != 0)
        v[n] = 0;
}

/* Compares without a branch on the content: time depends on the lengths only. */
VMC_FN bool vmc_same_secret(viamc_bytes a, viamc_bytes b)
{
    size_t i;
    uint8_t diff = (uint8_t)(a.len != b.len);
    for (i = 0; i < a.len && i < b.len; i++)
        diff = (uint8_t)(diff | (a.ptr[i] ^ b.ptr[i]));
    return diff == 0;
}

/* ---- errors ---- */

/* The first cause stays, later ones are echoes. */
VMC_FN viamc_err vmc_fail(viamc_error *e, viamc_err code, uint32_t detail, const char *where, const char *what)
{
    if (e->code == VIAMC_OK) {
        e->code = code;
        e->detail = detail;
        e->where = where;
        e->what = what;
    }
    return e->code;
}

VMC_FN void vmc_error_clear(viamc_error *e)
{
    e->code = VIAMC_OK;
    e->detail = 0;
    e->where = "";
    e->what = "";
}

VIAMC_API const char *viamc_version(void)
{
    return VIAMC_VERSION;
}

VIAMC_API const char *viamc_err_name(viamc_err err)
{
    switch (err) {
    case VIAMC_OK: return VMC_TEXT("OK");
    case VIAMC_ERR_ARG: return VMC_TEXT("ARG");
    case VIAMC_ERR_STATE: return VMC_TEXT("STATE");
    case VIAMC_ERR_NOMEM: return VMC_TEXT("NOMEM");
    case VIAMC_ERR_BUSY: return VMC_TEXT("BUSY");
    case VIAMC_ERR_NOT_FOUND: return VMC_TEXT("NOT_FOUND");
    case VIAMC_ERR_SINK: return VMC_TEXT("SINK");
    case VIAMC_ERR_ENTROPY: return VMC_TEXT("ENTROPY");
    case VIAMC_WAIT: return VMC_TEXT("WAIT");
    case VIAMC_ERR_CLOSED: return VMC_TEXT("CLOSED");
    case VIAMC_ERR_TIMEOUT: return VMC_TEXT("TIMEOUT");
    case VIAMC_ERR_DNS: return VMC_TEXT("DNS");
    case VIAMC_ERR_IO: return VMC_TEXT("IO");
    case VIAMC_ERR_REFUSED: return VMC_TEXT("REFUSED");
    case VIAMC_ERR_TLS: return VMC_TEXT("TLS");
    case VIAMC_ERR_TLS_PLAINTEXT: return VMC_TEXT("TLS_PLAINTEXT");
    case VIAMC_ERR_TLS_CERT: return VMC_TEXT("TLS_CERT");
    case VIAMC_ERR_TLS_ALPN: return VMC_TEXT("TLS_ALPN");
    case VIAMC_ERR_TLS_RECORD: return VMC_TEXT("TLS_RECORD");
    case VIAMC_ERR_H2: return VMC_TEXT("H2");
    case VIAMC_ERR_H2_GOAWAY: return VMC_TEXT("H2_GOAWAY");
    case VIAMC_ERR_RPC: return VMC_TEXT("RPC");
    case VIAMC_ERR_AUTH: return VMC_TEXT("AUTH");
    case VIAMC_ERR_SESSION: return VMC_TEXT("SESSION");
    case VIAMC_ERR_MESSAGE: return VMC_TEXT("MESSAGE");
    case VIAMC_ERR_INSECURE: return VMC_TEXT("INSECURE");
    default: return "?";
    }
}

VIAMC_API const char *viamc_status_name(uint32_t status)
{
    switch (status) {
    case VIAMC_OK: return VMC_TEXT("OK");
    case VIAMC_CANCELLED: return VMC_TEXT("CANCELLED");
    case VIAMC_UNKNOWN: return VMC_TEXT("UNKNOWN");
    case VIAMC_INVALID_ARGUMENT: return VMC_TEXT("INVALID_ARGUMENT");
    case VIAMC_DEADLINE_EXCEEDED: return VMC_TEXT("DEADLINE_EXCEEDED");
    case VIAMC_NOT_FOUND: return VMC_TEXT("NOT_FOUND");
    case VIAMC_ALREADY_EXISTS: return VMC_TEXT("ALREADY_EXISTS");
    case VIAMC_PERMISSION_DENIED: return VMC_TEXT("PERMISSION_DENIED");
    case VIAMC_RESOURCE_EXHAUSTED: return VMC_TEXT("RESOURCE_EXHAUSTED");
    case VIAMC_FAILED_PRECONDITION: return VMC_TEXT("FAILED_PRECONDITION");
    case VIAMC_ABORTED: return VMC_TEXT("ABORTED");
    case VIAMC_OUT_OF_RANGE: return VMC_TEXT("OUT_OF_RANGE");
    case VIAMC_UNIMPLEMENTED: return VMC_TEXT("UNIMPLEMENTED");
    case VIAMC_INTERNAL: return VMC_TEXT("INTERNAL");
    case VIAMC_UNAVAILABLE: return VMC_TEXT("UNAVAILABLE");
    case VIAMC_DATA_LOSS: return VMC_TEXT("DATA_LOSS");
    case VIAMC_UNAUTHENTICATED: return VMC_TEXT("UNAUTHENTICATED");
    default: return "?";
    }
}

/* ---- reading cursor: goes short once and stays short, so one check serves many reads ---- */

typedef struct vmc_rd {
    const uint8_t *ptr; /* next octet */
    size_t left;        /* octets from ptr on */
    bool short_;        /* a read asked for more than was left */
} vmc_rd;

VMC_FN vmc_rd vmc_rd_of(viamc_bytes v)
{
    vmc_rd r;
    r.ptr = v.ptr;
    r.left = v.len;
    r.short_ = false;
    return r;
}

VMC_FN bool vmc_rd_ok(const vmc_rd *r)
{
    return !r->short_;
}

/* Takes n octets as a view; an empty one and short if fewer are left. */
VMC_FN viamc_bytes vmc_rd_take(vmc_rd *r, size_t n)
{
    viamc_bytes v;
    v.ptr = r->ptr;
    v.len = 0;
    if (n > r->left) {
        r->short_ = true;
        r->left = 0;
        return v;
    }
    v.len = n;
    if (n != 0)
        r->ptr += n;
    r->left -= n;
    return v;
}

/* Goes over at most so many octets; answers how many. */
VMC_FN size_t vmc_rd_skip(vmc_rd *r, size_t most)
{
    size_t n = vmc_min(r->left, most);
    if (n != 0)
        r->ptr += n;
    r->left -= n;
    return n;
}

VMC_FN uint8_t vmc_rd_u8(vmc_rd *r)
{
    if (r->left == 0) {
        r->short_ = true;
        return 0;
    }
    r->left--;
    return *r->ptr++;
}

VMC_FN uint32_t vmc_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

VMC_FN uint32_t vmc_be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

VMC_FN uint32_t vmc_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- writing cursor: goes full once and stays full; len <= cap always holds ---- */

typedef struct vmc_wr {
    uint8_t *ptr; /* start of the memory */
    size_t cap;
    size_t len;   /* octets written */
    bool full;    /* a write did not fit; nothing of it was written */
} vmc_wr;

VMC_FN vmc_wr vmc_wr_of(void *ptr, size_t cap)
{
    vmc_wr w;
    w.ptr = (uint8_t *)ptr;
    w.cap = cap;
    w.len = 0;
    w.full = false;
    return w;
}

VMC_FN size_t vmc_wr_room(const vmc_wr *w)
{
    return w->cap - w->len;
}

/* Claims n octets to be written by the caller; NULL and full if they do not fit. */
VMC_FN uint8_t *vmc_wr_claim(vmc_wr *w, size_t n)
{
    uint8_t *p;
    if (n > w->cap - w->len) {
        w->full = true;
        return NULL;
    }
    p = w->ptr + w->len;
    w->len += n;
    return p;
}

VMC_FN void vmc_wr_bytes(vmc_wr *w, const void *p, size_t n)
{
    uint8_t *to = n == 0 ? NULL : vmc_wr_claim(w, n);
    if (to != NULL)
        vmc_copy(to, p, n);
}

VMC_FN void vmc_wr_u8(vmc_wr *w, uint32_t v)
{
    uint8_t *p = vmc_wr_claim(w, 1);
    if (p != NULL)
        p[0] = (uint8_t)v;
}

VMC_FN void vmc_put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

VMC_FN void vmc_put_be24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

VMC_FN void vmc_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

VMC_FN void vmc_wr_be16(vmc_wr *w, uint32_t v)
{
    uint8_t *p = vmc_wr_claim(w, 2);
    if (p != NULL)
        vmc_put_be16(p, v);
}

VMC_FN void vmc_wr_be32(vmc_wr *w, uint32_t v)
{
    uint8_t *p = vmc_wr_claim(w, 4);
    if (p != NULL)
        vmc_put_be32(p, v);
}

VMC_FN void vmc_wr_text(vmc_wr *w, const char *s)
{
    vmc_wr_bytes(w, s, vmc_strlen(s));
}

/* Writes a number in decimal digits, with a comma between groups of so many. */
VMC_FN void vmc_wr_digits(vmc_wr *w, uint32_t v, uint32_t group)
{
    uint8_t d[13]; /* 10 digits, 3 commas */
    size_t n = sizeof d;
    uint32_t left = group;
    do {
        if (left-- == 0) {
            d[--n] = ',';
            left = group - 1u;
        }
        d[--n] = (uint8_t)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    vmc_wr_bytes(w, d + n, sizeof d - n);
}

/* Writes a number in decimal digits, at most 10. */
VMC_FN void vmc_wr_dec(vmc_wr *w, uint32_t v)
{
    vmc_wr_digits(w, v, 10);
}

/* Writes a decimal number of at least two digits: the parts of dates. */
VMC_FN void vmc_wr_dec2(vmc_wr *w, uint32_t v)
{
    if (v < 10u)
        vmc_wr_u8(w, '0');
    vmc_wr_dec(w, v);
}

/* Writes a number with commas between thousands: "9,416". */
VMC_FN void vmc_wr_grouped(vmc_wr *w, uint32_t v)
{
    vmc_wr_digits(w, v, 3);
}

/* As much of a text as fits: for texts that may be cut, never for protocol octets. */
VMC_FN void vmc_wr_cut(vmc_wr *w, const void *p, size_t n)
{
    vmc_wr_bytes(w, p, vmc_min(n, vmc_wr_room(w)));
}

/* ---- carving one block: the same code measures (base NULL) and divides ---- */

typedef struct vmc_carve {
    uint8_t *base; /* NULL: only count */
    size_t at;     /* octets taken so far */
} vmc_carve;

#define VMC_ALIGN sizeof(uint64_t) /* of every piece, and of the block's start */

/* Takes n octets, aligned; NULL while measuring. */
VMC_FN void *vmc_carve_take(vmc_carve *cv, size_t n)
{
    size_t at = cv->at;
    cv->at += (n + (VMC_ALIGN - 1u)) / VMC_ALIGN * VMC_ALIGN;
    return cv->base == NULL ? NULL : cv->base + at;
}

/* Octets to skip so that p is aligned. */
VMC_FN size_t vmc_misaligned(const void *p)
{
    return (size_t)((VMC_ALIGN - (uintptr_t)p % VMC_ALIGN) % VMC_ALIGN);
}

#endif
