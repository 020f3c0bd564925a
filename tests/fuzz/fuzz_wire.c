/* SPDX-License-Identifier: MIT */
/* codec/wire: any octets as a protobuf message. What is read as fields is written again and read again: the same fields. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

static void note_field(fuzz_trace *t, const vmc_wire_field *f)
{
    fuzz_note_number(t, f->number);
    fuzz_note_number(t, f->type);
    fuzz_note_number(t, (uint32_t)(f->value >> 32));
    fuzz_note_number(t, (uint32_t)f->value);
    fuzz_note(t, f->bytes.ptr, f->bytes.len);
}

/* Reads all fields; writes those of the types that have a writer to `again`. */
static bool walk(viamc_bytes msg, fuzz_trace *t, vmc_wr *again)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    size_t count = 0;
    while (vmc_wire_next(&r, &f)) {
        FUZZ_CHECK(fuzz_inside(f.bytes, msg));
        FUZZ_CHECK(++count <= msg.len);
        if (f.type == VMC_WIRE_VARINT ? f.value == 0 : f.type != VMC_WIRE_BYTES || f.bytes.len == 0)
            continue; /* what is zero is not written */
        note_field(t, &f);
        if (f.type == VMC_WIRE_VARINT)
            vmc_wire_put_uint(again, f.number, f.value);
        else
            vmc_wire_put_bytes(again, f.number, f.bytes);
    }
    FUZZ_CHECK(r.left == 0);
    return vmc_rd_ok(&r);
}

static void fuzz_one(viamc_bytes in)
{
    static fuzz_trace first, second;
    static uint8_t buf[2 * FUZZ_MAX], twice[2 * FUZZ_MAX];
    vmc_wr w = vmc_wr_of(buf, sizeof buf), w2 = vmc_wr_of(twice, sizeof twice);
    viamc_bytes found = {NULL, 0};
    viamc_ms ms = 0;
    first.len = second.len = 0;
    if (walk(in, &first, &w)) {
        FUZZ_CHECK(!w.full);
        FUZZ_CHECK(walk(viamc_view(buf, w.len), &second, &w2));
        FUZZ_CHECK(fuzz_same(&first, &second));
    }
    if (vmc_wire_find(in, 1, &found) == VIAMC_OK)
        FUZZ_CHECK(fuzz_inside(found, in));
    (void)vmc_wire_duration(in, &ms);
}
