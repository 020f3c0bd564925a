/* SPDX-License-Identifier: MIT */
/* The decoder and the encoder of header blocks, line by line: the part of tests/test_hpack_stories.py that is C.
 *
 *     hpack_lines decode whole|octets|pieces   reads lines, answers a line to each B
 *         T OCTETS        a new decoder with a table of so many octets
 *         B HEX           a header block; the answer is "NAME=VALUE " in hex for each field, or "ERROR" at the end
 *     hpack_lines encode SEED LISTS            writes random lists of fields for a peer that changes the size of its table
 *         T OCTETS        the peer's SETTINGS_HEADER_TABLE_SIZE
 *         B HEX NAME=VALUE ... */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

enum { BLOCK_MAX = 1 << 16, LINE_LEN = 1 << 18, TABLE_MAX = 65535, FIELDS_MAX = 12, TEXT_MAX = 300 };

static void print_hex(const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < n; i++) {
        (void)putchar(digits[p[i] >> 4]);
        (void)putchar(digits[p[i] & 15]);
    }
}

/* ---- decode ---- */

static bool decode_part(vmc_hpack_dec *d, viamc_bytes part)
{
    vmc_rd in = vmc_rd_of(part);
    vmc_hpack_piece p;
    vmc_hpack_result r;
    while ((r = vmc_hpack_next(d, &in, &p)) == VMC_HPACK_PIECE) {
        if ((p.flags & VMC_HPACK_FIRST) != 0) {
            print_hex(p.name.ptr, p.name.len);
            (void)putchar('=');
        }
        print_hex(p.value.ptr, p.value.len);
        if ((p.flags & VMC_HPACK_LAST) != 0)
            (void)putchar(' ');
    }
    return r == VMC_HPACK_MORE && in.left == 0;
}

static void decode_block(vmc_hpack_dec *d, viamc_bytes block, char way)
{
    size_t at, n;
    bool good = true;
    vmc_hpack_dec_begin(d);
    for (at = 0; at < block.len && good; at += n) {
        n = way == 'w' ? block.len : way == 'o' ? 1 : 1 + test_rand_below(test_rand_below(3) == 0 ? 100 : 8);
        n = vmc_min(n, block.len - at);
        good = decode_part(d, viamc_view(block.ptr + at, n));
    }
    printf("%s\n", good && vmc_hpack_dec_end(d) ? "" : "ERROR");
}

static int decode(char way)
{
    static char line[LINE_LEN];
    static uint8_t block[BLOCK_MAX];
    static vmc_hpack_dec d;
    uint8_t *arena = NULL;
    test_rand_seed(7);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (line[0] == 'T') {
            uint32_t table = (uint32_t)strtoul(line + 1, NULL, 10);
            free(arena);
            arena = (uint8_t *)malloc(table);
            vmc_hpack_dec_init(&d, arena, table);
        } else {
            decode_block(&d, viamc_view(block, test_hex(line + 1, block, sizeof block)), way);
        }
    }
    free(arena);
    return 0;
}

/* ---- encode ---- */

typedef struct static_name {
    const char *name, *value;
    uint8_t index;
} static_name;

static const static_name full[] = {
    { ":method", "GET", 2 }, { ":method", "POST", 3 }, { ":path", "/", 4 }, { ":scheme", "http", 6 }, { ":scheme", "https", 7 },
    { ":status", "200", 8 }, { ":status", "500", 14 }
};
static const static_name names[] = {
    { ":authority", "", 1 }, { ":path", "", 4 }, { "authorization", "", 23 }, { "content-type", "", 31 }, { "www-authenticate", "", 61 },
    { "te", "", 0 }, { "viam-sid", "", 0 }, { "x-a-rather-long-name-of-metadata", "", 0 }
};

/* A field whose value depends on its key, so that a key stands for a field; key 0: any value. */
static vmc_hpack_field random_field(uint8_t *text)
{
    uint32_t pick = test_rand_below(30), n;
    const static_name *s = pick < 4 ? &full[test_rand_below(TEST_COUNT(full))] : &names[pick % TEST_COUNT(names)];
    vmc_hpack_field f;
    memset(&f, 0, sizeof f);
    f.full_index = pick < 4 ? s->index : 0;
    f.name_index = s->index;
    f.name = viamc_view(s->name, strlen(s->name));
    f.value[0] = viamc_view(s->value, strlen(s->value));
    if (pick < 4)
        return f;
    n = pick < 20 ? pick * 7 : test_rand_below(TEXT_MAX);
    memset(text, 'a' + (int)(pick % 26), n);
    f.value[0] = viamc_view(text, n / 2);
    f.value[1] = viamc_view(text + n / 2, n - n / 2);
    f.key = pick < 16 ? pick : pick < 20 ? vmc_hpack_key(viamc_view(text, n)) : 0;
    return f;
}

static size_t encode_block(vmc_hpack_enc *e, const vmc_hpack_field *f, size_t count, uint8_t *out, size_t cap)
{
    vmc_wr w = vmc_wr_of(out, VMC_HPACK_BEGIN_OCTETS);
    size_t i;
    uint32_t at = 0;
    if (!vmc_hpack_enc_begin(e, &w))
        test_die("no room", "size updates");
    for (i = 0; i < count; i++)
        while (!vmc_hpack_put(e, &f[i], &at, &w))
            w.cap = vmc_min(cap, w.cap + test_rand_below(test_rand_below(2) == 0 ? 2 : 100));
    return w.len;
}

static int encode(uint64_t seed, uint32_t lists)
{
    static uint8_t out[BLOCK_MAX], text[FIELDS_MAX][TEXT_MAX];
    vmc_hpack_enc e;
    vmc_hpack_field f[FIELDS_MAX];
    test_rand_seed(seed);
    vmc_hpack_enc_init(&e);
    while (lists-- > 0) {
        size_t i, n, count = test_rand_below(FIELDS_MAX);
        for (i = test_rand_below(8) == 0 ? 1 + test_rand_below(3) : 0; i > 0; i--) {
            uint32_t table = test_rand_below(4) == 0 ? 0 : test_rand_below(test_rand_below(2) == 0 ? 600 : 9000);
            printf("T %lu\n", (unsigned long)table);
            vmc_hpack_enc_resize(&e, table);
        }
        if (test_rand_below(25) == 0)
            vmc_hpack_enc_reset(&e);
        for (i = 0; i < count; i++)
            f[i] = random_field(text[i]);
        n = encode_block(&e, f, count, out, sizeof out);
        printf("B ");
        print_hex(out, n);
        for (i = 0; i < count; i++) {
            (void)putchar(' ');
            print_hex(f[i].name.ptr, f[i].name.len);
            (void)putchar('=');
            print_hex(f[i].value[0].ptr, f[i].value[0].len);
            print_hex(f[i].value[1].ptr, f[i].value[1].len);
        }
        (void)putchar('\n');
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "decode") == 0)
        return decode(argv[2][0]);
    if (argc == 4 && strcmp(argv[1], "encode") == 0)
        return encode(strtoull(argv[2], NULL, 0), (uint32_t)strtoul(argv[3], NULL, 0));
    printf("usage: hpack_lines decode whole|octets|pieces, hpack_lines encode SEED LISTS\n");
    return 2;
}
