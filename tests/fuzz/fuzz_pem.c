/* SPDX-License-Identifier: MIT */
/* codec/pem: any octets as a file. In pieces of any size it gives the same objects. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

static void read_all(viamc_bytes in, size_t piece, size_t cap, fuzz_trace *t)
{
    static uint8_t der[FUZZ_MAX];
    vmc_pem p;
    t->len = 0;
    vmc_pem_begin(&p, der, cap);
    while (in.len != 0) {
        viamc_bytes part = fuzz_take(&in, piece);
        unsigned found;
        while ((found = vmc_pem_next(&p, &part)) != VMC_PEM_MORE) {
            FUZZ_CHECK(p.der.len <= cap);
            fuzz_note_number(t, found);
            fuzz_note(t, vmc_pem_label(&p).ptr, vmc_pem_label(&p).len);
            if (found == VMC_PEM_OBJECT)
                fuzz_note(t, der, p.der.len);
        }
        FUZZ_CHECK(part.len == 0);
    }
}

static void fuzz_one(viamc_bytes in)
{
    static fuzz_trace whole, split;
    size_t cap = (size_t)fuzz_u8(&in) * 8u, piece = (size_t)fuzz_u8(&in) % 32u + 1u;
    read_all(in, in.len, cap, &whole);
    read_all(in, piece, cap, &split);
    FUZZ_CHECK(fuzz_same(&whole, &split));
}
