/* SPDX-License-Identifier: MIT */
/* http2/hpack: any octets as header blocks. Whole or in pieces they give the same fields; our encoder's form of them decodes to the same. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

enum { FIELD_MAX = 2 * FUZZ_MAX };

/* Another decoder, which reads what our encoder makes. */
typedef struct mirror {
    vmc_hpack_enc enc;
    vmc_hpack_dec dec;
    uint8_t table[VMC_HPACK_DEFAULT_TABLE];
} mirror;

typedef struct field {
    uint8_t name[VMC_HPACK_NAME_OCTETS], value[FIELD_MAX];
    size_t name_len, value_len;
} field;

/* Puts pieces together; true: the field is complete. */
static bool collect(field *f, const vmc_hpack_piece *p)
{
    if ((p->flags & VMC_HPACK_FIRST) != 0)
        f->value_len = 0;
    FUZZ_CHECK(p->name.len <= sizeof f->name);
    f->name_len = p->name.len;
    vmc_copy(f->name, p->name.ptr, p->name.len);
    if (p->value.len <= sizeof f->value - f->value_len) {
        vmc_copy(f->value + f->value_len, p->value.ptr, p->value.len);
        f->value_len += p->value.len;
    }
    return (p->flags & VMC_HPACK_LAST) != 0;
}

static void reencode(mirror *m, const field *f, uint8_t window)
{
    static uint8_t block[4 * FIELD_MAX];
    static field back;
    vmc_wr w = vmc_wr_of(block, sizeof block);
    vmc_hpack_field out;
    vmc_hpack_piece p;
    vmc_rd in;
    uint32_t at = 0, turns = 0;
    bool complete = false;
    memset(&out, 0, sizeof out);
    out.key = (vmc_hpack_key(viamc_view(f->name, f->name_len)) + 3u * vmc_hpack_key(viamc_view(f->value, f->value_len))) | 1u << 10;
    out.name = viamc_view(f->name, f->name_len);
    out.value[0] = viamc_view(f->value, f->value_len / 2u);
    out.value[1] = viamc_view(f->value + f->value_len / 2u, f->value_len - f->value_len / 2u);
    FUZZ_CHECK(vmc_hpack_enc_begin(&m->enc, &w));
    while (!complete) { /* through windows of any size */
        vmc_wr part = vmc_wr_of(block + w.len, (size_t)window % 64u + 6u);
        complete = vmc_hpack_put(&m->enc, &out, &at, &part);
        w.len += part.len;
        FUZZ_CHECK(++turns < sizeof block && w.len + 70u < sizeof block);
    }
    vmc_hpack_dec_begin(&m->dec);
    in = vmc_rd_of(viamc_view(block, w.len));
    complete = false;
    while (!complete) {
        FUZZ_CHECK(vmc_hpack_next(&m->dec, &in, &p) == VMC_HPACK_PIECE);
        complete = collect(&back, &p);
    }
    FUZZ_CHECK(in.left == 0 && vmc_hpack_dec_end(&m->dec));
    FUZZ_CHECK(back.name_len == f->name_len && memcmp(back.name, f->name, f->name_len) == 0);
    FUZZ_CHECK(back.value_len == f->value_len && memcmp(back.value, f->value, f->value_len) == 0);
}

/* Decodes blocks, each with its length in front, in pieces. */
static void decode(viamc_bytes in, uint8_t *table, uint32_t table_bytes, size_t piece, fuzz_trace *t, mirror *m)
{
    static field f;
    vmc_hpack_dec d;
    t->len = 0;
    vmc_hpack_dec_init(&d, table, table_bytes);
    while (in.len != 0) {
        viamc_bytes block = fuzz_take(&in, fuzz_u8(&in) + 1u);
        vmc_hpack_dec_begin(&d);
        while (block.len != 0) {
            vmc_rd r = vmc_rd_of(fuzz_take(&block, piece));
            vmc_hpack_piece p;
            vmc_hpack_result got;
            while ((got = vmc_hpack_next(&d, &r, &p)) == VMC_HPACK_PIECE) {
                FUZZ_CHECK(d.used <= d.max && d.max <= table_bytes);
                if (!collect(&f, &p))
                    continue;
                fuzz_note_number(t, p.known | (p.flags & ~(uint32_t)VMC_HPACK_FIRST) << 8 | (uint32_t)f.name_len << 16);
                fuzz_note_number(t, p.size);
                fuzz_note(t, f.name, f.name_len);
                fuzz_note(t, f.value, f.value_len);
                if (m != NULL && (p.flags & VMC_HPACK_NAME_CUT) == 0 && f.value_len < 1000u)
                    reencode(m, &f, (uint8_t)f.value_len);
            }
            if (got == VMC_HPACK_ERROR) {
                fuzz_note_number(t, 0xffffffffu);
                return;
            }
            FUZZ_CHECK(r.left == 0);
        }
        fuzz_note_number(t, vmc_hpack_dec_end(&d));
        if (!vmc_hpack_dec_end(&d))
            return;
    }
}

static void fuzz_one(viamc_bytes in)
{
    static fuzz_trace whole, split;
    static mirror m;
    uint32_t table_bytes = (uint32_t)fuzz_u8(&in) * 2u;
    size_t piece = (size_t)fuzz_u8(&in) % 16u + 1u;
    uint8_t *table = fuzz_room(table_bytes);
    if (in.len > 1024u)
        in.len = 1024u; /* indices of a large value make much of little */
    vmc_hpack_enc_init(&m.enc);
    vmc_hpack_dec_init(&m.dec, m.table, sizeof m.table);
    decode(in, table, table_bytes, FUZZ_MAX, &whole, &m);
    decode(in, table, table_bytes, piece, &split, NULL);
    free(table);
    FUZZ_CHECK(fuzz_same(&whole, &split));
}
