/* SPDX-License-Identifier: MIT */
/* Reads and writes messages for tests/test_proto_python.py, which compiles it with a table of all messages (TABLE) and talks to it over stdin
 * and stdout: operation, number of the message (16 bits), octets (32 bits) and the octets; back come a result and octets in the same form.
 *
 *   s  reads the message and writes it again from its views
 *   d  reads the message, takes all lists and Structs apart, builds them anew and writes it
 *   w  reads the message and walks over everything in it: result 1 if it is refused, 2 if a walk ends early */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "rebuild.h"

#include <stdio.h>

typedef struct entry {
    const pb_msgdesc_t *fields;
    size_t size;
} entry;

static const entry table[] = {
#include TABLE
};

/* Writes a message: the size that was measured has to do exactly. */
static int write_message(const entry *e, const void *msg, viamc_bytes *out)
{
    uint8_t *buf;
    viamc_err err = viamc_message_write(e->fields, msg, NULL, 0, out);
    size_t need = out->len;
    if (err != VIAMC_ERR_NOMEM)
        return 4;
    buf = (uint8_t *)get(need);
    if (need != 0 && (viamc_message_write(e->fields, msg, buf, need - 1u, out) != VIAMC_ERR_NOMEM || out->len != need))
        return 5;
    return viamc_message_write(e->fields, msg, buf, need, out) == VIAMC_OK && out->len == need ? 0 : 6;
}

static int serve(int op, const entry *e, viamc_bytes in, viamc_bytes *out)
{
    void *msg = get(e->size);
    *out = viamc_view(NULL, 0);
    memset(msg, 0xa5, e->size);
    if (viamc_message_read(e->fields, in, msg, e->size) != VIAMC_OK)
        return 1;
    if (op != 's' && !rebuild(e->fields, msg))
        return 2;
    return op == 'w' ? 0 : write_message(e, msg, out);
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int main(void)
{
    uint8_t head[7];
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t which = (size_t)head[1] | (size_t)head[2] << 8, n = number(head + 3), i;
        uint8_t *octets = (uint8_t *)malloc(n == 0 ? 1 : n); /* of the exact size: reading past its end is seen */
        viamc_bytes out;
        int result;
        if (octets == NULL || which >= sizeof table / sizeof table[0] || fread(octets, 1, n, stdin) != n)
            return 3;
        result = serve(head[0], &table[which], viamc_view(octets, n), &out);
        if (result != 0)
            out.len = 0;
        for (i = 0; i < 4; i++)
            head[3 + i] = (uint8_t)(out.len >> (8 * i));
        head[0] = (uint8_t)result;
        (void)fwrite(head, 1, sizeof head, stdout);
        if (out.len != 0)
            (void)fwrite(out.ptr, 1, out.len, stdout);
        (void)fflush(stdout);
        free(octets);
        forget();
    }
    return 0;
}
