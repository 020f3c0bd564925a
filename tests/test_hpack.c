/* SPDX-License-Identifier: MIT */
/* Tests of http2/hpack: the examples of RFC 7541 appendix C, recorded blocks of robots and their clients, blocks that must be refused,
 * and random blocks against a second decoder, written the plain way. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

enum { TABLE_MAX = TEST_SMALL ? 4096 : 65535, FIELDS_MAX = TEST_SMALL ? 32 : 2048, BLOCK_MAX = TEST_SMALL ? 512 : 16384 };

/* ---- memory ---- */

static void *need(size_t n)
{
    void *p = malloc(n != 0 ? n : 1u);
    if (p == NULL)
        test_die("no memory", "malloc");
    return p;
}

static uint8_t *copy_of(const void *p, size_t n)
{
    uint8_t *copy = (uint8_t *)need(n);
    if (n != 0)
        memcpy(copy, p, n);
    return copy;
}

/* ---- lists of fields ---- */

typedef struct field {
    uint8_t *name, *value;
    size_t name_len, value_len;
    uint32_t size;
    uint8_t known, flags;
} field;

typedef struct list {
    field at[FIELDS_MAX];
    size_t count;
} list;

static void list_drop(list *l)
{
    size_t i;
    for (i = 0; i < l->count; i++) {
        free(l->at[i].name);
        free(l->at[i].value);
    }
    l->count = 0;
}

static bool list_same(const list *a, const list *b)
{
    size_t i;
    for (i = 0; i < a->count && i < b->count; i++) {
        const field *f = &a->at[i], *g = &b->at[i];
        if (f->name_len != g->name_len || f->value_len != g->value_len || memcmp(f->name, g->name, f->name_len) != 0
            || memcmp(f->value, g->value, f->value_len) != 0 || f->size != g->size || f->known != g->known || f->flags != g->flags)
            return false;
    }
    return a->count == b->count;
}

/* "name: value\n" of each field. */
static const char *list_text(const list *l)
{
    static char text[TEST_ROOM(65536)];
    size_t i, n = 0;
    for (i = 0; i < l->count && n + l->at[i].name_len + l->at[i].value_len + 4u < sizeof text; i++) {
        memcpy(text + n, l->at[i].name, l->at[i].name_len);
        n += l->at[i].name_len;
        memcpy(text + n, ": ", 2);
        memcpy(text + n + 2, l->at[i].value, l->at[i].value_len);
        n += l->at[i].value_len + 2u;
        text[n++] = '\n';
    }
    text[n] = '\0';
    return text;
}

/* ---- what the names are, once more ---- */

static const struct { const char *name; uint8_t known; } names[] = {
    { ":status", VMC_NAME_STATUS }, { ":method", VMC_NAME_METHOD }, { ":scheme", VMC_NAME_SCHEME }, { ":path", VMC_NAME_PATH },
    { ":authority", VMC_NAME_AUTHORITY }, { ":protocol", VMC_NAME_PSEUDO }, { ":", VMC_NAME_PSEUDO }, { ":Status", VMC_NAME_PSEUDO },
    { "content-type", VMC_NAME_CONTENT_TYPE }, { "te", VMC_NAME_TE }, { "user-agent", VMC_NAME_USER_AGENT },
    { "authorization", VMC_NAME_AUTHORIZATION }, { "grpc-status", VMC_NAME_GRPC_STATUS }, { "grpc-message", VMC_NAME_GRPC_MESSAGE },
    { "grpc-timeout", VMC_NAME_GRPC_TIMEOUT }, { "grpc-encoding", VMC_NAME_GRPC_ENCODING }, { "viam-sid", VMC_NAME_VIAM_SID },
    { "opid", VMC_NAME_OPID }, { "viam_client", VMC_NAME_VIAM_CLIENT }, { "content-length", VMC_NAME_CONTENT_LENGTH },
    { "connection", VMC_NAME_CONNECTION }, { "keep-alive", VMC_NAME_CONNECTION }, { "proxy-connection", VMC_NAME_CONNECTION },
    { "transfer-encoding", VMC_NAME_CONNECTION }, { "upgrade", VMC_NAME_CONNECTION }, { "date", VMC_NAME_OTHER }, { "", VMC_NAME_OTHER },
    { "status", VMC_NAME_OTHER }, { "content-typ", VMC_NAME_OTHER }, { "content-typex", VMC_NAME_OTHER }, { "viam-client", VMC_NAME_OTHER },
    { "Content-Type", VMC_NAME_OTHER }, { "upgraDe", VMC_NAME_OTHER }, { "grpc-statuserver", VMC_NAME_OTHER }
};

static uint8_t name_of(const uint8_t *name, size_t len)
{
    size_t i;
    for (i = 0; i < TEST_COUNT(names); i++)
        if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0)
            return names[i].known;
    return len != 0 && name[0] == ':' ? VMC_NAME_PSEUDO : VMC_NAME_OTHER;
}

static uint8_t flags_of(const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len)
{
    uint8_t flags = name_len == 0 ? VMC_HPACK_BAD_NAME : name_len > VMC_HPACK_NAME_OCTETS ? VMC_HPACK_NAME_CUT : 0;
    size_t i;
    for (i = 0; i < name_len; i++)
        if (name[i] <= 0x20 || (name[i] >= 0x41 && name[i] <= 0x5a) || name[i] >= 0x7f || (name[i] == ':' && i != 0))
            flags |= VMC_HPACK_BAD_NAME;
    for (i = 0; i < value_len; i++)
        if (value[i] == 0 || value[i] == 10 || value[i] == 13 || ((value[i] == 32 || value[i] == 9) && (i == 0 || i + 1 == value_len)))
            flags |= VMC_HPACK_BAD_VALUE;
    return flags;
}

/* ---- the second decoder: whole blocks, entries of their own, nothing clever ---- */

typedef struct plain {
    field *table[TABLE_MAX / 32 + 1]; /* newest first */
    size_t count, size, max, limit;
} plain;

typedef enum outcome { DONE, CUT, BAD } outcome;

static void field_set(field *f, const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len)
{
    f->flags = flags_of(name, name_len, value, value_len);
    f->known = name_of(name, name_len);
    f->size = (uint32_t)(name_len + value_len + 32u);
    f->name_len = name_len;
    f->value_len = value_len;
    f->name = copy_of(name, name_len);
    f->value = copy_of(value, value_len);
}

static void field_drop(field *f)
{
    free(f->name);
    free(f->value);
    free(f);
}

static void plain_evict(plain *d, size_t most)
{
    while (d->size > most) {
        field *f = d->table[--d->count];
        d->size -= f->size;
        field_drop(f);
    }
}

static void plain_insert(plain *d, const field *f)
{
    plain_evict(d, f->size > d->max ? 0 : d->max - f->size);
    if (f->size > d->max)
        return;
    memmove(d->table + 1, d->table, d->count * sizeof d->table[0]);
    d->table[0] = (field *)need(sizeof *f);
    field_set(d->table[0], f->name, f->name_len, f->value, f->value_len);
    d->count++;
    d->size += f->size;
}

static bool static_entry(size_t index, viamc_bytes *name, viamc_bytes *value);

static bool plain_find(const plain *d, size_t index, viamc_bytes *name, viamc_bytes *value)
{
    if (index <= 61)
        return static_entry(index, name, value);
    if (index - 62 >= d->count)
        return false;
    *name = viamc_view(d->table[index - 62]->name, d->table[index - 62]->name_len);
    *value = viamc_view(d->table[index - 62]->value, d->table[index - 62]->value_len);
    return true;
}

static outcome plain_int(vmc_rd *r, unsigned bits, uint64_t *v)
{
    uint64_t mask = (1u << bits) - 1u;
    unsigned shift;
    if (r->left == 0)
        return CUT;
    *v = vmc_rd_u8(r) & mask;
    if (*v < mask)
        return DONE;
    for (shift = 0; shift <= 28; shift += 7) {
        uint8_t b;
        if (r->left == 0)
            return CUT;
        b = vmc_rd_u8(r);
        *v += (uint64_t)(b & 127u) << shift;
        if (*v > VMC_HPACK_MAX_INT)
            return BAD;
        if (b < 128)
            return DONE;
    }
    return r->left == 0 ? CUT : BAD;
}

/* RFC 7541 appendix B: bits of the code of each octet, and of EOS. */
static const uint8_t code_bits[257] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30
};

/* Codes of the same length ascend with their symbols, and a shorter one is less than the beginning of a longer one. */
typedef struct codes {
    uint32_t code[257];
    uint16_t symbols[31][32]; /* of each length */
    unsigned count[31];
} codes;

static const codes *all_codes(void)
{
    static codes c;
    uint32_t code = 0;
    unsigned bits, s;
    if (c.count[5] == 0)
        for (bits = 1; bits <= 30; bits++, code <<= 1)
            for (s = 0; s < 257; s++)
                if (code_bits[s] == bits) {
                    c.symbols[bits][c.count[bits]++] = (uint16_t)s;
                    c.code[s] = code++;
                }
    return &c;
}

/* Bit by bit; as in the real decoder, padding is judged when the octets of the string have come. */
static outcome plain_huffman(const uint8_t *p, size_t n, size_t announced, uint8_t *out, size_t *len)
{
    const codes *c = all_codes();
    uint32_t at = 0;
    unsigned have = 0, k;
    size_t i;
    *len = 0;
    for (i = 0; i < n * 8; i++) {
        at = at << 1 | (p[i / 8] >> (7 - i % 8) & 1u);
        have++;
        for (k = 0; k < c->count[have] && c->code[c->symbols[have][k]] != at; k++)
            ;
        if (k == c->count[have])
            continue;
        if (c->symbols[have][k] == 256)
            return BAD;
        out[(*len)++] = (uint8_t)c->symbols[have][k];
        at = 0;
        have = 0;
    }
    if (n < announced)
        return CUT;
    return have < 8 && at == (1u << have) - 1u ? DONE : BAD;
}

static outcome plain_string(vmc_rd *r, uint8_t *out, size_t *len)
{
    bool huffman = r->left != 0 && (*r->ptr & 0x80) != 0;
    uint64_t n = 0;
    outcome o = plain_int(r, 7, &n);
    viamc_bytes v;
    if (o != DONE)
        return o;
    v = vmc_rd_take(r, vmc_min(r->left, (size_t)n));
    if (huffman)
        return plain_huffman(v.ptr, v.len, (size_t)n, out, len);
    vmc_copy(out, v.ptr, v.len);
    *len = v.len;
    return v.len < n ? CUT : DONE;
}

/* One block into l: fields that are whole. */
static outcome plain_block(plain *d, viamc_bytes block, list *l)
{
    static uint8_t name[BLOCK_MAX * 2], value[BLOCK_MAX * 2];
    vmc_rd r = vmc_rd_of(block);
    unsigned updates = 2;
    while (r.left != 0) {
        uint8_t b = *r.ptr;
        unsigned bits = b >= 128 ? 7 : b >= 64 ? 6 : b >= 32 ? 5 : 4;
        uint64_t index;
        viamc_bytes n = viamc_view(name, 0), v = viamc_view(value, 0);
        outcome o = plain_int(&r, bits, &index);
        if (o != DONE)
            return o;
        if (bits == 5) {
            if (updates-- == 0 || index > d->limit)
                return BAD;
            d->max = (size_t)index;
            plain_evict(d, d->max);
            continue;
        }
        updates = 0;
        if ((bits == 7 || index != 0) && !plain_find(d, (size_t)index, &n, &v))
            return BAD;
        if (bits != 7) {
            if (index == 0 && (o = plain_string(&r, name, &n.len)) != DONE)
                return o;
            v = viamc_view(value, 0);
            if ((o = plain_string(&r, value, &v.len)) != DONE)
                return o;
        }
        field_set(&l->at[l->count], n.ptr, n.len, v.ptr, v.len);
        if (bits == 6)
            plain_insert(d, &l->at[l->count]);
        if (l->at[l->count].name_len > VMC_HPACK_NAME_OCTETS)
            l->at[l->count].name_len = VMC_HPACK_NAME_OCTETS;
        l->count++;
    }
    return DONE;
}

static void plain_init(plain *d, size_t table)
{
    d->count = d->size = 0;
    d->limit = table;
    d->max = table < 4096 ? table : 4096;
}

/* ---- the decoder under test ---- */

typedef struct decoder {
    vmc_hpack_dec d;
    uint8_t *arena;
    uint8_t value[TEST_SMALL ? BLOCK_MAX : BLOCK_MAX * 2]; /* of the field that comes in pieces */
    size_t value_len;
    bool inside;                  /* between FIRST and LAST */
} decoder;

static void decoder_open(decoder *t, uint32_t table)
{
    t->arena = (uint8_t *)need(table); /* no octet more: a step beside it is seen */
    t->inside = false;
    vmc_hpack_dec_init(&t->d, t->arena, table);
}

static void decoder_close(decoder *t)
{
    free(t->arena);
}

static void take_piece(decoder *t, const vmc_hpack_piece *p, list *l)
{
    if (!t->inside)
        t->value_len = 0;
    CHECK(((p->flags & VMC_HPACK_FIRST) != 0) == !t->inside);
    CHECK(p->name.len <= VMC_HPACK_NAME_OCTETS);
    CHECK(p->value.len != 0 || p->flags & VMC_HPACK_LAST);
    REQUIRE(p->value.len <= sizeof t->value - t->value_len && l->count < FIELDS_MAX);
    vmc_copy(t->value + t->value_len, p->value.ptr, p->value.len);
    t->value_len += p->value.len;
    t->inside = (p->flags & VMC_HPACK_LAST) == 0;
    if (!t->inside) {
        field *f = &l->at[l->count++];
        f->name = copy_of(p->name.ptr, p->name.len);
        f->name_len = p->name.len;
        f->value = copy_of(t->value, t->value_len);
        f->value_len = t->value_len;
        f->size = p->size;
        f->known = p->known;
        f->flags = (uint8_t)(p->flags & ~(VMC_HPACK_FIRST | VMC_HPACK_LAST));
    }
}

/* Decodes a part of a block, which goes away after. */
static bool take_part(decoder *t, viamc_bytes part, list *l)
{
    uint8_t *copy = copy_of(part.ptr, part.len);
    vmc_rd in = vmc_rd_of(viamc_view(copy, part.len));
    vmc_hpack_piece p;
    vmc_hpack_result r;
    while ((r = vmc_hpack_next(&t->d, &in, &p)) == VMC_HPACK_PIECE)
        take_piece(t, &p, l);
    if (r == VMC_HPACK_MORE)
        CHECK_EQ_INT(in.left, 0);
    else
        CHECK_EQ_INT(vmc_hpack_next(&t->d, &in, &p), VMC_HPACK_ERROR);
    free(copy);
    return r == VMC_HPACK_MORE;
}

enum { WHOLE, OCTETS, PIECES, WAYS };

static size_t part_len(int way, size_t left)
{
    size_t n = way == WHOLE ? left : way == OCTETS ? 1 : 1 + test_rand_below(test_rand_below(4) == 0 ? 200 : 9);
    return n < left ? n : left;
}

static outcome take_block(decoder *t, viamc_bytes block, int way, list *l)
{
    size_t at, n;
    vmc_hpack_dec_begin(&t->d);
    for (at = 0; at < block.len; at += n) {
        n = part_len(way, block.len - at);
        if (!take_part(t, viamc_view(block.ptr + at, n), l))
            return BAD;
    }
    return vmc_hpack_dec_end(&t->d) ? DONE : CUT;
}

/* What the table says of itself is true. */
static void check_table(decoder *t, const plain *model)
{
    uint32_t i, used = 0;
    vmc_hpack_piece p;
    for (i = 0; i < t->d.count; i++) {
        REQUIRE(vmc_hpack_get(&t->d, 62 + i, &p) == VMC_HPACK_PIECE);
        used += p.size;
        if (model != NULL && i < model->count) {
            const field *f = model->table[i];
            CHECK_EQ_MEM(p.name.ptr, p.name.len, f->name, f->name_len < VMC_HPACK_NAME_OCTETS ? f->name_len : VMC_HPACK_NAME_OCTETS);
            CHECK_EQ_MEM(p.value.ptr, p.value.len, f->value, f->value_len);
            CHECK_EQ_INT(p.size, f->size);
            CHECK_EQ_INT(p.known, f->known);
            CHECK_EQ_INT(p.flags & ~(VMC_HPACK_FIRST | VMC_HPACK_LAST), f->flags);
        }
    }
    CHECK_EQ_INT(t->d.used, used);
    CHECK(t->d.used <= t->d.max && t->d.max <= t->d.limit && t->d.end <= t->d.limit && (uint32_t)(t->d.end - t->d.start) <= used);
    if (model != NULL) {
        CHECK_EQ_INT(i, model->count);
        CHECK_EQ_INT(t->d.used, model->size);
        CHECK_EQ_INT(t->d.max, model->max);
    }
}

/* Decodes one block of hex; the answer is the text of its fields, then "CUT" or "BAD". */
static const char *decode_hex(decoder *t, const char *hex, int way)
{
    static uint8_t block[BLOCK_MAX];
    static list l;
    static char text[TEST_ROOM(66000)];
    outcome o = take_block(t, viamc_view(block, test_hex(hex, block, sizeof block)), way, &l);
    (void)snprintf(text, sizeof text, "%s%s", list_text(&l), o == BAD ? "BAD" : o == CUT ? "CUT" : "");
    list_drop(&l);
    t->inside = t->inside && o != BAD;
    return text;
}

/* Decodes the blocks of a connection, in every way. */
static void check_blocks(uint32_t table, const char *const (*blocks)[2], size_t count, const uint32_t *used)
{
    static decoder t;
    size_t i;
    int way;
    for (way = 0; way < WAYS; way++) {
        decoder_open(&t, table);
        for (i = 0; i < count; i++) {
            CHECK_EQ_STR(decode_hex(&t, blocks[i][0], way), blocks[i][1]);
            if (used != NULL)
                CHECK_EQ_INT(t.d.used, used[i]);
            check_table(&t, NULL);
        }
        decoder_close(&t);
    }
}

/* One block for a new decoder. */
static void check_block(uint32_t table, const char *hex, const char *fields)
{
    const char *const block[1][2] = { { hex, fields } };
    check_blocks(table, block, 1, NULL);
}

/* ---- making blocks ---- */

static void put_int(vmc_wr *w, unsigned first, unsigned bits, uint32_t v)
{
    uint32_t mask = (1u << bits) - 1u;
    vmc_wr_u8(w, first | (v < mask ? v : mask));
    if (v < mask)
        return;
    for (v -= mask; v >= 128; v >>= 7)
        vmc_wr_u8(w, (v & 127u) | 128u);
    vmc_wr_u8(w, v);
}

/* Code bits, then ones up to an octet. */
static size_t put_huffman(uint8_t *out, const uint8_t *p, size_t n)
{
    uint64_t at = 0;
    unsigned have = 0;
    size_t i, len = 0;
    for (i = 0; i < n; i++) {
        at = at << code_bits[p[i]] | all_codes()->code[p[i]];
        for (have += code_bits[p[i]]; have >= 8; have -= 8)
            out[len++] = (uint8_t)(at >> (have - 8));
    }
    if (have != 0)
        out[len++] = (uint8_t)(at << (8 - have) | 0xffu >> have);
    return len;
}

static void put_string(vmc_wr *w, bool huffman, const void *p, size_t n)
{
    static uint8_t coded[BLOCK_MAX * 4];
    if (huffman) {
        n = put_huffman(coded, (const uint8_t *)p, n);
        p = coded;
    }
    put_int(w, huffman ? 0x80 : 0, 7, (uint32_t)n);
    vmc_wr_bytes(w, p, n);
}

static void put_field(vmc_wr *w, unsigned first, unsigned bits, const char *name, const char *value, bool huffman)
{
    put_int(w, first, bits, 0);
    put_string(w, huffman, name, strlen(name));
    put_string(w, huffman, value, strlen(value));
}

/* ---- RFC 7541 ---- */

static const char *const static_table[61][2] = {
    { ":authority", "" }, { ":method", "GET" }, { ":method", "POST" }, { ":path", "/" }, { ":path", "/index.html" }, { ":scheme", "http" },
    { ":scheme", "https" }, { ":status", "200" }, { ":status", "204" }, { ":status", "206" }, { ":status", "304" }, { ":status", "400" },
    { ":status", "404" }, { ":status", "500" }, { "accept-charset", "" }, { "accept-encoding", "gzip, deflate" }, { "accept-language", "" },
    { "accept-ranges", "" }, { "accept", "" }, { "access-control-allow-origin", "" }, { "age", "" }, { "allow", "" }, { "authorization", "" },
    { "cache-control", "" }, { "content-disposition", "" }, { "content-encoding", "" }, { "content-language", "" }, { "content-length", "" },
    { "content-location", "" }, { "content-range", "" }, { "content-type", "" }, { "cookie", "" }, { "date", "" }, { "etag", "" },
    { "expect", "" }, { "expires", "" }, { "from", "" }, { "host", "" }, { "if-match", "" }, { "if-modified-since", "" },
    { "if-none-match", "" }, { "if-range", "" }, { "if-unmodified-since", "" }, { "last-modified", "" }, { "link", "" }, { "location", "" },
    { "max-forwards", "" }, { "proxy-authenticate", "" }, { "proxy-authorization", "" }, { "range", "" }, { "referer", "" },
    { "refresh", "" }, { "retry-after", "" }, { "server", "" }, { "set-cookie", "" }, { "strict-transport-security", "" },
    { "transfer-encoding", "" }, { "user-agent", "" }, { "vary", "" }, { "via", "" }, { "www-authenticate", "" }
};

static bool static_entry(size_t index, viamc_bytes *name, viamc_bytes *value)
{
    if (index == 0)
        return false;
    *name = viamc_view(static_table[index - 1][0], strlen(static_table[index - 1][0]));
    *value = viamc_view(static_table[index - 1][1], strlen(static_table[index - 1][1]));
    return true;
}

TEST(static_table_and_names)
{
    static list l;
    static decoder t;
    uint8_t b;
    size_t i, way;
    decoder_open(&t, 0);
    for (i = 1; i <= 61; i++) {
        b = (uint8_t)(0x80 | i);
        CHECK_EQ_INT(take_block(&t, viamc_view(&b, 1), WHOLE, &l), DONE);
        REQUIRE(l.count == 1);
        CHECK_EQ_MEM(l.at[0].name, l.at[0].name_len, static_table[i - 1][0], strlen(static_table[i - 1][0]));
        CHECK_EQ_MEM(l.at[0].value, l.at[0].value_len, static_table[i - 1][1], strlen(static_table[i - 1][1]));
        CHECK_EQ_INT(l.at[0].known, name_of(l.at[0].name, l.at[0].name_len));
        CHECK_EQ_INT(l.at[0].size, l.at[0].name_len + l.at[0].value_len + 32);
        list_drop(&l);
    }
    for (i = 0; i < TEST_COUNT(names); i++)
        for (way = 0; way < 2; way++) {
            uint8_t block[64];
            vmc_wr w = vmc_wr_of(block, sizeof block);
            put_field(&w, 0, 4, names[i].name, "v", way == 1);
            CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), OCTETS, &l), DONE);
            REQUIRE(l.count == 1);
            CHECK_EQ_MEM(l.at[0].name, l.at[0].name_len, names[i].name, strlen(names[i].name));
            CHECK_EQ_INT(l.at[0].known, names[i].known);
            list_drop(&l);
        }
    decoder_close(&t);
}

#define C3_1 ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n"
#define C3_2 ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n"
#define C3_3 ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n"
#define C5_1 ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n"
#define C5_2 ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n"
#define C5_3 \
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n" \
    "content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"

#define C2_1_HEX "400a637573746f6d2d6b65790d637573746f6d2d686561646572"
#define C2_2_HEX "040c2f73616d706c652f70617468"
#define C2_3_HEX "100870617373776f726406736563726574"
#define C3_1_HEX "828684410f7777772e6578616d706c652e636f6d"
#define C3_2_HEX "828684be58086e6f2d6361636865"
#define C3_3_HEX "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565"
#define C5_1_HEX \
    "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578" \
    "616d706c652e636f6d"
#define C6_1_HEX \
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3"

TEST(rfc7541_appendix_c)
{
    static const char *const c2_1[][2] = { { C2_1_HEX, "custom-key: custom-header\n" } };
    static const char *const c3[][2] = { { C3_1_HEX, C3_1 }, { C3_2_HEX, C3_2 }, { C3_3_HEX, C3_3 } };
    static const char *const c4[][2] = { { "828684418cf1e3c2e5f23a6ba0ab90f4ff", C3_1 }, { "828684be5886a8eb10649cbf", C3_2 },
                                         { "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", C3_3 } };
    static const char *const c5[][2] = {
        { C5_1_HEX, C5_1 }, { "4803333037c1c0bf", C5_2 },
        { "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f"
          "5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31", C5_3 } };
    static const char *const c6[][2] = {
        { C6_1_HEX, C5_1 },
        { "4883640effc1c0bf", C5_2 },
        { "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1"
          "ab270fb5291f9587316065c003ed4ee5b1063d5007", C5_3 } };
    static const uint32_t used_c2[] = { 55 }, used_c3[] = { 57, 110, 164 }, used_c5[] = { 222, 222, 215 };
    check_blocks(4096, c2_1, 1, used_c2);
    check_block(4096, C2_2_HEX, ":path: /sample/path\n");
    check_block(4096, C2_3_HEX, "password: secret\n");
    check_block(4096, "82", ":method: GET\n");
    check_blocks(4096, c3, 3, used_c3);
    check_blocks(4096, c4, 3, used_c3);
    check_blocks(256, c5, 3, used_c5);
    check_blocks(256, c6, 3, used_c5);
}

/* ---- blocks of robots and their clients; H4, H5 and R5 to R11 are recorded ---- */

#define AUTHORITY "my-robot-main.abc123.viam.cloud:443"
#define H1_HEX \
    "838704262f70726f746f2e7270632e76312e41757468536572766963652f41757468656e74696361746501236d792d726f626f742d6d61696e2e616263" \
    "3132332e7669616d2e636c6f75643a343433000c677270632d74696d656f7574033230530002746508747261696c6572730f10106170706c6963617469" \
    "6f6e2f677270630f2b097669616d632f302e31"
#define H2_HEX \
    "838704292f7669616d2e726f626f742e76312e526f626f74536572766963652f5265736f757263654e616d657301236d792d726f626f742d6d61696e2e" \
    "6162633132332e7669616d2e636c6f75643a3434330002746508747261696c6572730f10106170706c69636174696f6e2f677270630f2b097669616d63" \
    "2f302e310f081142656172657220746f6b2e656e2e736967000b7669616d5f636c69656e7411633b76302e312e303b76302e312e353737"
#define H3_HEX \
    "8386042e2f7669616d2e636f6d706f6e656e742e6d6f746f722e76312e4d6f746f72536572766963652f536574506f776572010e3132372e302e302e31" \
    "3a38303830000c677270632d74696d656f757405333030306d0002746508747261696c6572730f10106170706c69636174696f6e2f677270630f2b0976" \
    "69616d632f302e31000b7669616d5f636c69656e7411633b76302e312e303b76302e312e35373700087669616d2d7369642431313131313131312d3232" \
    "32322d343333332d383434342d303030303030303030303031"

TEST(requests_of_robots)
{
    static const char *const py[][2] = {
        { "8386449d63b9874af61e33a57ee15f69e33a7716cee62158da541edb085d23a4a8418b089d5c0b8170dc0be07c3f4082497f864d833505b11f5f"
          "8b1d75d0620d263d4c4d65647aa59acac8b57e9339ea5a6b2b25068d802ed2efa9fd506aadf3f6a12bf499cf530cae10ae2fef4088ee61d31128"
          "316a4f93afd2673d5f7dc0bbc05c1f7dfb8170aedbaeff",
          ":method: POST\n:scheme: http\n:path: /viam.robot.v1.RobotService/ResourceNames\n:authority: 127.0.0.1:19091\nte: trailers\n"
          "content-type: application/grpc\nuser-agent: grpc-python-grpclib/0.4.9 (linux; cpython/3.11.2)\n"
          "viam_client: python;v0.80.0;vv0.1.577\n" },
        { "8386449d63b9874af61e33a57ee15f69e33a7716cee62158dc91d89dc5420c7abfc3c2c1c0bf",
          ":method: POST\n:scheme: http\n:path: /viam.robot.v1.RobotService/StartSession\n:authority: 127.0.0.1:19091\nte: trailers\n"
          "content-type: application/grpc\nuser-agent: grpc-python-grpclib/0.4.9 (linux; cpython/3.11.2)\n"
          "viam_client: python;v0.80.0;vv0.1.577\n" } };
    check_block(0, H1_HEX, ":method: POST\n:scheme: https\n:path: /proto.rpc.v1.AuthService/Authenticate\n:authority: " AUTHORITY
                           "\ngrpc-timeout: 20S\nte: trailers\ncontent-type: application/grpc\nuser-agent: viamc/0.1\n");
    check_block(0, H2_HEX, ":method: POST\n:scheme: https\n:path: /viam.robot.v1.RobotService/ResourceNames\n:authority: " AUTHORITY
                           "\nte: trailers\ncontent-type: application/grpc\nuser-agent: viamc/0.1\nauthorization: Bearer tok.en.sig\n"
                           "viam_client: c;v0.1.0;v0.1.577\n");
    check_block(0, H3_HEX, ":method: POST\n:scheme: http\n:path: /viam.component.motor.v1.MotorService/SetPower\n:authority: 127.0.0.1:8080\n"
                           "grpc-timeout: 3000m\nte: trailers\ncontent-type: application/grpc\nuser-agent: viamc/0.1\n"
                           "viam_client: c;v0.1.0;v0.1.577\nviam-sid: 11111111-2222-4333-8444-000000000001\n");
    check_blocks(4096, py, 2, NULL);
}

TEST(replies_of_robots)
{
    check_block(0, "880f10106170706c69636174696f6e2f67727063", ":status: 200\ncontent-type: application/grpc\n");
    check_block(0, "000b677270632d7374617475730130", "grpc-status: 0\n");
    check_block(0, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132000c677270632d6d657373616765104d6574"
                   "686f64206e6f7420666f756e64",
                ":status: 200\ncontent-type: application/grpc\ngrpc-status: 12\ngrpc-message: Method not found\n");
    check_block(0, "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730133000c677270632d6d6573736167650f53455353"
                   "494f4e5f45585049524544",
                ":status: 200\ncontent-type: application/grpc\ngrpc-status: 3\ngrpc-message: SESSION_EXPIRED\n");
    check_block(0, "20880f108b1d75d0620d263d4c4d656400833d66939a046c905280ab392b71acd46e1567a510d666578808da1bf2043f00854d833505"
                   "b388c565645b72469b5100854d833505b389c565645b415081cc5f00854d833505b391c565645b72469b50b5f2a466a10b5d355f",
                ":status: 200\ncontent-type: application/grpc\nopid: 0b3c2f0e-6f5b-4b6e-8f2a-3f8c0b4a9d11\ntrailer: Grpc-Status\n"
                "trailer: Grpc-Message\ntrailer: Grpc-Status-Details-Bin\n");
    check_block(0, "00889acac8b21234da8f0130", "grpc-status: 0\n");
    check_block(0, "00899acac8b5254207317f9e1da99cb524c41a4c7a94b0bdad358592e28ade655bb7aa56f32ac385513700889acac8b21234da8f023136",
                "grpc-message: authentication required: %C3%BCn%C3%AF%25\ngrpc-status: 16\n");
    check_block(0, "2088400c636f6e74656e742d74797065106170706c69636174696f6e2f677270634014677270632d6163636570742d656e636f64696e"
                   "67176964656e746974792c206465666c6174652c20677a697000046f7069642430623363326630652d366635622d346236652d3866"
                   "32612d336638633062346139643131",
                ":status: 200\ncontent-type: application/grpc\ngrpc-accept-encoding: identity, deflate, gzip\n"
                "opid: 0b3c2f0e-6f5b-4b6e-8f2a-3f8c0b4a9d11\n");
    check_block(0, "20885f901d75d0620d263d4c4d6564ff75d8749f", ":status: 200\ncontent-type: application/grpc+proto\n");
    check_block(0, "40889acac8b21234da8f8107", "grpc-status: 0\n");
    check_block(0, "8840889acac8b21234da8f8208bf40899acac8b5254207317f8cd054ce7914a8e95253db549f",
                ":status: 200\ngrpc-status: 12\ngrpc-message: Method not found\n");
}

/* ---- hostile blocks ---- */

TEST(integers_and_indices_are_bounded)
{
    check_block(4096, "80", "BAD");                                   /* index 0 */
    check_block(4096, "be", "BAD");                                   /* past an empty table */
    check_block(4096, "7e0161", "BAD");                               /* the same as a name, inserted */
    check_block(4096, "0f2f0161", "BAD");                             /* and not */
    check_block(4096, "8882bd", ":status: 200\n:method: GET\nwww-authenticate: \n");
    check_block(4096, "bebf", "BAD");
    check_block(4096, "ff", "CUT");
    check_block(4096, "ff80", "CUT");
    check_block(4096, "0f", "CUT");
    check_block(4096, "3f", "CUT");
    check_block(4096, "8800", ":status: 200\nCUT");
    check_block(4096, "880001", ":status: 200\nCUT");
    check_block(4096, "88000161", ":status: 200\nCUT");
    check_block(4096, "8800016101", ":status: 200\nCUT");
    check_block(4096, "8800016100", ":status: 200\na: \n");
    check_block(4096, "0f8180808000017a", "accept-encoding: z\n");    /* 15 + 1, four octets more than needed */
    check_block(4096, "0f818080808000017a", "BAD");                   /* five */
    check_block(4096, "ff8080808080", "CUT");
    check_block(4096, "ff808080808080", "BAD");
    check_block(4096, "ff808080808080808080808080", "BAD");
    check_block(4096, "007f8080808001", "BAD");                       /* 127 + 2^28 */
    check_block(4096, "007fffffffff07", "BAD");                       /* above 2^31 */
    check_block(4096, "007fffffffff7f", "BAD");
    check_block(4096, "00ffffffffff7f", "BAD");
    check_block(4096, "0f10ffffffffff0f", "BAD");                     /* a value of 4 GB */
    check_block(4096, "0f107f80ffffff00", "CUT");                     /* 2^28 - 1: taken as announced, nothing is kept for it */
    check_block(4096, "0f107f81ffff7f", "BAD");                       /* 2^28 */
    check_block(4096, "3fe11f", "");                                  /* 4,096 */
    check_block(4096, "3fe21f", "BAD");
}

/* An announced gigantic string streams through; what is kept of it fits. */
TEST(long_strings_stream)
{
    static const uint32_t tables[] = { 0, 64, 256, 4096, TABLE_MAX };
    static const uint32_t lens[] = { 1, 63, 64, 65, 127, 128, 129, 4000, 4060, 4061, 4062, 4063, 4064, 4100, 9000 };
    static uint8_t block[BLOCK_MAX * 2], value[BLOCK_MAX];
    static decoder t;
    static list l;
    size_t i, k, form, way;
    for (i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)('!' + i % 90);
    for (i = 0; i < TEST_COUNT(tables); i++)
        for (k = 0; k < TEST_COUNT(lens); k++)
            for (form = 0; form < 4; form++)
                for (way = 0; way < WAYS; way++) {
                    vmc_wr w = vmc_wr_of(block, sizeof block);
                    decoder_open(&t, tables[i]);
                    put_int(&w, form < 2 ? 0 : 0x40, form < 2 ? 4 : 6, 0);
                    put_string(&w, form % 2 == 1, "a", 1);
                    put_string(&w, form % 2 == 1, value, lens[k]);
                    CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), (int)way, &l), DONE);
                    REQUIRE(l.count == 1);
                    CHECK_EQ_MEM(l.at[0].value, l.at[0].value_len, value, lens[k]);
                    CHECK_EQ_INT(l.at[0].size, lens[k] + 33);
                    CHECK_EQ_INT(t.d.used, form >= 2 && lens[k] + 33 <= t.d.max ? lens[k] + 33 : 0);
                    check_table(&t, NULL);
                    list_drop(&l);
                    decoder_close(&t);
                }
}

TEST(huffman_is_checked)
{
    static const char *const bad[] = {
        "00016184ffffffff",   /* EOS, 30 ones, and two more */
        "000161851fffffffff", /* 'a', then EOS */
        "00016181ff",         /* padding of 8 ones */
        "000161821fff",       /* 'a', padding of 11 ones */
        "00016181fe",         /* 7 ones and a zero: neither a symbol nor padding */
        "0001618118",         /* 'a' and 000 */
        "0001618119",         /* 'a' and 001 */
        "000161811b",         /* 'a' and 011 */
        "000161811e",         /* 'a' and 110 */
        "000161837fffff",     /* a symbol, padding of 18 ones */
        "0081ff",             /* the same in a name */
        "0084ffffffff"
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(bad); i++)
        check_block(4096, bad[i], "BAD");
    check_block(4096, "00016181f8", "a: &\n");
    check_block(4096, "000161811f", "a: a\n");
    check_block(4096, "00016180", "a: \n");
    check_block(4096, "0080811f", ": a\n");
}

TEST(huffman_of_every_octet)
{
    static uint8_t block[2048], all[512];
    static decoder t;
    static list l;
    vmc_wr w;
    int way;
    size_t i, k;
    decoder_open(&t, 0);
    for (i = 0; i < 512; i++)
        all[i] = (uint8_t)(i < 256 ? i : i * 67);
    for (way = 0; way < WAYS; way++) {
        w = vmc_wr_of(block, sizeof block);
        vmc_wr_u8(&w, 0x0f);
        vmc_wr_u8(&w, 16);
        put_string(&w, true, all, sizeof all);
        CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), way, &l), DONE);
        REQUIRE(l.count == 1);
        CHECK_EQ_MEM(l.at[0].value, l.at[0].value_len, all, sizeof all);
        CHECK_EQ_INT(l.at[0].flags, VMC_HPACK_BAD_VALUE);
        list_drop(&l);
        for (i = 0; i < 256; i++)      /* each symbol at each bit: behind k times a symbol of 5 bits */
            for (k = 0; k < 8; k++) {
                memset(all, '0', k);
                all[k] = (uint8_t)i;
                w = vmc_wr_of(block, sizeof block);
                vmc_wr_u8(&w, 0x04);
                put_string(&w, true, all, k + 1);
                CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), way, &l), DONE);
                REQUIRE(l.count == 1);
                CHECK_EQ_MEM(l.at[0].value, l.at[0].value_len, all, k + 1);
                list_drop(&l);
            }
        for (i = 0; i < 512; i++)
            all[i] = (uint8_t)(i < 256 ? i : i * 67);
    }
    decoder_close(&t);
}

TEST(size_updates)
{
    static const char *const later[][2] = { { "20", "" }, { "3fe11f", "" }, { "8820", ":status: 200\nBAD" } };
    check_block(4096, "2088", ":status: 200\n");
    check_block(4096, "203fe11f88", ":status: 200\n");
    check_block(4096, "202020", "BAD");                               /* three */
    check_block(4096, "3e2088", ":status: 200\n");
    check_block(4096, "8820", ":status: 200\nBAD");                   /* in the middle */
    check_block(4096, "000161016220", "a: b\nBAD");
    check_block(256, "3fe201", "BAD");                                /* 257 */
    check_block(256, "3fe101", "");                                   /* 256 */
    check_block(0, "20", "");
    check_block(0, "21", "BAD");
    if (TABLE_MAX == 65535) {
        check_block(TABLE_MAX, "3fe0ff03", "");
        check_block(TABLE_MAX, "3fe1ff03", "BAD");
    }
    check_blocks(4096, later, 3, NULL);
}

TEST(entries_that_do_not_fit)
{
    static const char *const blocks[][2] = {
        { "400161026263be", "a: bc\na: bc\n" },
        { "400161203031323334353637383930313233343536373839303132333435363738393031", "a: 01234567890123456789012345678901\n" },
        { "be", "BAD" }
    };
    static const uint32_t used[] = { 35, 0, 0 };
    check_blocks(64, blocks, 3, used);                 /* 65 octets for a table of 64 */
    check_block(64, "4001611f30313233343536373839303132333435363738393031323334353637383930be",
                "a: 0123456789012345678901234567890\na: 0123456789012345678901234567890\n");
    check_block(31, "400000be", ": \nBAD");
    check_block(32, "400000be", ": \n: \n");
    check_block(32, "40016100be", "a: \nBAD");
    check_block(0, "400000be", ": \nBAD");
}

/* RFC 7541 4.4: the new name is that of the entry which its insertion evicts. */
TEST(name_of_an_evicted_entry)
{
    static const char *const blocks[][2] = {
        { "4003616263023132", "abc: 12\n" },         /* 37 of 40 */
        { "7e053334353637", "abc: 34567\n" },        /* evicts it, has its name; 40 of 40 */
        { "be", "abc: 34567\n" },
        { "7e06333435363738", "abc: 345678\n" },     /* too large by one: the table is empty */
        { "be", "BAD" }
    };
    static const uint32_t used[] = { 37, 40, 40, 0, 0 };
    static uint8_t block[1024], value[300];
    static decoder t;
    static list l;
    size_t n;
    int way;
    check_blocks(40, blocks, 5, used);
    for (n = 0; n < sizeof value; n++)
        value[n] = (uint8_t)('a' + n % 26);
    for (n = 1; n < sizeof value; n++)                 /* in pieces, each of which may be the one that evicts */
        for (way = 0; way < WAYS; way++) {
            vmc_wr w = vmc_wr_of(block, sizeof block);
            decoder_open(&t, 32 + 40 + (uint32_t)n);
            put_field(&w, 0x40, 6, "a-name-with-forty-letters-and-some-signs", "", true);
            vmc_wr_u8(&w, 0x7e);
            put_string(&w, n % 2 == 0, value, n);
            vmc_wr_u8(&w, 0xbe);
            CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), way, &l), DONE);
            REQUIRE(l.count == 3);
            CHECK_EQ_MEM(l.at[2].name, l.at[2].name_len, l.at[0].name, l.at[0].name_len);
            CHECK_EQ_MEM(l.at[2].value, l.at[2].value_len, value, n);
            CHECK_EQ_INT(t.d.used, 72 + n);
            list_drop(&l);
            decoder_close(&t);
        }
}

TEST(bad_names_and_values)
{
    static const struct { const char *name, *value; uint8_t flags; } cases[] = {
        { "a", "", 0 }, { "a", "b c\td", 0 }, { "a", " b", VMC_HPACK_BAD_VALUE }, { "a", "b ", VMC_HPACK_BAD_VALUE },
        { "a", "\tb", VMC_HPACK_BAD_VALUE }, { "a", "b\t", VMC_HPACK_BAD_VALUE }, { "a", " ", VMC_HPACK_BAD_VALUE },
        { "a", "b\rc", VMC_HPACK_BAD_VALUE }, { "a", "b\nc", VMC_HPACK_BAD_VALUE }, { "a", "\xc3\xa9\x7f\x01", 0 },
        { "", "v", VMC_HPACK_BAD_NAME }, { "A", "v", VMC_HPACK_BAD_NAME }, { "aZ", "v", VMC_HPACK_BAD_NAME }, { "a b", "v", VMC_HPACK_BAD_NAME },
        { "a:b", "v", VMC_HPACK_BAD_NAME }, { ":ab", "v", 0 }, { "::", "v", VMC_HPACK_BAD_NAME }, { "a\x7f", "v", VMC_HPACK_BAD_NAME },
        { "a\xc3\xa9", "v", VMC_HPACK_BAD_NAME }, { "a\n", "v", VMC_HPACK_BAD_NAME }, { "!#$%&'*+-.^_`|~09az", "v", 0 },
        { "Te", " ", VMC_HPACK_BAD_NAME | VMC_HPACK_BAD_VALUE }
    };
    static decoder t;
    static list l;
    size_t i, form;
    int way;
    for (i = 0; i < TEST_COUNT(cases); i++)
        for (form = 0; form < 4; form++)
            for (way = 0; way < WAYS; way++) {
                uint8_t block[128];
                vmc_wr w = vmc_wr_of(block, sizeof block);
                decoder_open(&t, 256);
                put_field(&w, form < 2 ? 0x40 : 0x10, form < 2 ? 6 : 4, cases[i].name, cases[i].value, form % 2 == 1);
                if (form < 2)              /* the entry knows it too, and its name for another value */
                    vmc_wr_bytes(&w, "\xbe\x0f\x2f\x01v", 5);
                CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), way, &l), DONE);
                REQUIRE(l.count == (form < 2 ? 3u : 1u));
                CHECK_EQ_INT(l.at[0].flags, cases[i].flags);
                if (form < 2) {
                    CHECK_EQ_INT(l.at[1].flags, cases[i].flags);
                    CHECK_EQ_INT(l.at[2].flags, cases[i].flags & VMC_HPACK_BAD_NAME);
                    CHECK_EQ_INT(l.at[1].known, name_of(l.at[0].name, l.at[0].name_len));
                    CHECK_EQ_INT(l.at[2].known, l.at[1].known);
                }
                list_drop(&l);
                decoder_close(&t);
            }
}

TEST(nul_in_names_and_values)
{
    static const uint8_t block[] = { 0x00, 2, 'a', 0, 1, 'b', 0x00, 1, 'a', 3, 'b', 0, 'c' };
    static decoder t;
    static list l;
    decoder_open(&t, 0);
    CHECK_EQ_INT(take_block(&t, viamc_view(block, sizeof block), WHOLE, &l), DONE);
    REQUIRE(l.count == 2);
    CHECK_EQ_INT(l.at[0].flags, VMC_HPACK_BAD_NAME);
    CHECK_EQ_INT(l.at[1].flags, VMC_HPACK_BAD_VALUE);
    list_drop(&l);
    decoder_close(&t);
}

TEST(long_names_are_cut)
{
    static decoder t;
    static list l;
    static char name[300];
    static uint8_t block[1024];
    size_t n, i, form;
    int way;
    for (n = VMC_HPACK_NAME_OCTETS - 2u; n < 200; n += n < VMC_HPACK_NAME_OCTETS + 3u ? 1 : 66)
        for (form = 0; form < 4; form++)
            for (way = 0; way < WAYS; way++) {
                vmc_wr w = vmc_wr_of(block, sizeof block);
                decoder_open(&t, 512);
                memset(name, 'n', n);
                name[n] = '\0';
                put_field(&w, form < 2 ? 0x40 : 0, form < 2 ? 6 : 4, name, "v", form % 2 == 1);
                if (form < 2)              /* from the entry, and its name for another value */
                    vmc_wr_bytes(&w, "\xbe\x7e\x01v\xbe", 5);
                CHECK_EQ_INT(take_block(&t, viamc_view(block, w.len), way, &l), DONE);
                REQUIRE(l.count == (form < 2 ? 4u : 1u));
                for (i = 0; i < l.count; i++) {
                    CHECK_EQ_MEM(l.at[i].name, l.at[i].name_len, name, n < VMC_HPACK_NAME_OCTETS ? n : VMC_HPACK_NAME_OCTETS);
                    CHECK_EQ_MEM(l.at[i].value, l.at[i].value_len, "v", 1);
                    CHECK_EQ_INT(l.at[i].flags, n > VMC_HPACK_NAME_OCTETS ? VMC_HPACK_NAME_CUT : 0);
                    CHECK_EQ_INT(l.at[i].size, n + 1 + 32);
                }
                list_drop(&l);
                decoder_close(&t);
            }
}

/* ---- random blocks ---- */

static size_t some_text(uint8_t *out, size_t cap)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-:0123456789ABC ;\t\n\x7f\xff";
    size_t i, n = test_rand_below(8) == 0 ? test_rand_below((uint32_t)cap) : test_rand_below(test_rand_below(4) == 0 ? 90 : 12);
    for (i = 0; i < n; i++)
        out[i] = test_rand_below(40) == 0 ? (uint8_t)test_rand() : (uint8_t)letters[test_rand_below(test_rand_below(4) == 0 ? sizeof letters : 27)];
    return n;
}

static void put_random_field(vmc_wr *w, size_t value_cap)
{
    static uint8_t text[BLOCK_MAX];
    uint32_t kind = test_rand_below(16), bits = kind < 9 ? 6 : 4, index = test_rand_below(3) == 0 ? 0 : 1 + test_rand_below(75);
    if (kind < 6) {
        put_int(w, 0x80, 7, test_rand_below(8) == 0 ? test_rand_below(200) : 1 + test_rand_below(67));
        return;
    }
    put_int(w, bits == 6 ? 0x40 : kind == 15 ? 0x10 : 0, bits, index);
    if (index == 0) {
        const char *known = names[test_rand_below(TEST_COUNT(names))].name;
        if (test_rand_below(3) == 0)
            put_string(w, test_rand_below(2) == 0, known, strlen(known));
        else
            put_string(w, test_rand_below(2) == 0, text, some_text(text, 100));
    }
    put_string(w, test_rand_below(2) == 0, text, some_text(text, value_cap));
}

static viamc_bytes random_block(uint8_t *block, size_t cap, uint32_t limit)
{
    vmc_wr w = vmc_wr_of(block, cap);
    uint32_t n;
    for (n = test_rand_below(16) == 0 ? test_rand_below(4) : 0; n > 0; n--)
        put_int(&w, 0x20, 5, test_rand_below(limit + (test_rand_below(8) == 0 ? 2 : 1)));
    for (n = test_rand_below(8); n > 0; n--)
        put_random_field(&w, test_rand_below(50) == 0 ? vmc_min32(2000, BLOCK_MAX) : 90);
    for (n = test_rand_below(6) == 0 ? 1 + test_rand_below(3) : 0; n > 0 && w.len != 0; n--)
        block[test_rand_below((uint32_t)w.len)] = (uint8_t)(test_rand_below(3) == 0 ? 0xff : test_rand());
    if (test_rand_below(10) == 0)
        w.len = test_rand_below((uint32_t)w.len + 1u);
    return viamc_view(block, w.len);
}

TEST(random_blocks)
{
    static const uint32_t tables[] = { 0, 33, 64, 100, 255, 256, 257, 1000, 4096, 8192, TABLE_MAX };
    static uint8_t block[BLOCK_MAX];
    static plain model;
    static decoder t;
    static list want, got;
    uint32_t done[3] = { 0, 0, 0 }, blocks = 0, fields = 0;
    while (blocks < TEST_TIMES(200000u)) {
        uint32_t table = vmc_min32(tables[test_rand_below(TEST_COUNT(tables))], TABLE_MAX);
        outcome o = DONE;
        plain_init(&model, table);
        decoder_open(&t, table);
        while (o == DONE && test_rand_below(100) != 0) {
            viamc_bytes b = random_block(block, sizeof block, table);
            outcome p = plain_block(&model, b, &want);
            o = take_block(&t, b, (int)(blocks % WAYS), &got);
            done[o]++;
            blocks++;
            fields += (uint32_t)got.count;
            CHECK_EQ_INT(o, p);
            CHECK(list_same(&got, &want));
            if (o == DONE)
                check_table(&t, &model);
            list_drop(&want);
            list_drop(&got);
        }
        plain_evict(&model, 0);
        decoder_close(&t);
        if (test_now.bad != 0)
            break;
    }
    CHECK(done[DONE] > blocks / 2u && done[CUT] > blocks / 40u && done[BAD] > blocks / 40u && fields > 2u * blocks);
}

/* Octets that nobody wrote. */
TEST(random_octets)
{
    static uint8_t block[64];
    static plain model;
    static decoder t;
    static list want, got;
    uint32_t i, n, k;
    for (i = 0; i < TEST_TIMES(100000) && test_now.bad == 0; i++) {
        uint32_t table = test_rand_below(2) == 0 ? 4096 : test_rand_below(300);
        plain_init(&model, table);
        decoder_open(&t, table);
        n = test_rand_below(sizeof block);
        for (k = 0; k < n; k++)
            block[k] = (uint8_t)(test_rand_below(3) == 0 ? test_rand_below(8) : test_rand());
        CHECK_EQ_INT(take_block(&t, viamc_view(block, n), (int)(i % WAYS), &got), plain_block(&model, viamc_view(block, n), &want));
        CHECK(list_same(&got, &want));
        list_drop(&want);
        list_drop(&got);
        plain_evict(&model, 0);
        decoder_close(&t);
    }
}

/* Every beginning of a block. */
TEST(truncated_blocks)
{
    static const char *const blocks[] = { H1_HEX, H2_HEX, H3_HEX, C2_1_HEX, C3_3_HEX, C5_1_HEX, "203fe11f0084fffffff0", C6_1_HEX };
    static uint8_t block[1024];
    static plain model;
    static decoder t;
    static list want, got;
    size_t i, n, len;
    for (i = 0; i < TEST_COUNT(blocks); i++) {
        len = test_hex(blocks[i], block, sizeof block);
        for (n = 0; n <= len; n++) {
            plain_init(&model, 4096);
            decoder_open(&t, 4096);
            CHECK_EQ_INT(take_block(&t, viamc_view(block, n), (int)(n % WAYS), &got), plain_block(&model, viamc_view(block, n), &want));
            CHECK(list_same(&got, &want));
            list_drop(&want);
            list_drop(&got);
            plain_evict(&model, 0);
            decoder_close(&t);
        }
    }
}

/* ---- encoder ---- */

enum { KEY_AUTHORITY = 1, KEY_TE, KEY_TYPE, KEY_AGENT, KEY_TOKEN, KEY_CLIENT, KEY_SESSION };

static vmc_hpack_field field_of(uint64_t key, uint8_t full, uint8_t index, const char *name, const char *value)
{
    vmc_hpack_field f;
    f.key = key;
    f.full_index = full;
    f.name_index = index;
    f.base64 = false;
    f.name = viamc_view(name, strlen(name));
    f.value[0] = viamc_view(value, strlen(value) / 2);
    f.value[1] = viamc_view(value + strlen(value) / 2, strlen(value) - strlen(value) / 2);
    return f;
}

/* Writes a block through windows of `room` octets; 0: of random size. */
static size_t put_block(vmc_hpack_enc *e, const vmc_hpack_field *f, size_t count, uint8_t *out, size_t cap, size_t room)
{
    vmc_wr w = vmc_wr_of(out, vmc_min(cap, VMC_HPACK_BEGIN_OCTETS));
    size_t i, windows = 0;
    uint32_t at = 0;
    CHECK(vmc_hpack_enc_begin(e, &w));
    for (i = 0; i < count; i++)
        while (!vmc_hpack_put(e, &f[i], &at, &w)) {
            CHECK(w.len == w.cap && !w.full && windows++ < cap);
            w.cap = vmc_min(cap, w.len + (room != 0 ? room : test_rand_below(20)));
            if (windows >= cap)
                return 0;
        }
    CHECK_EQ_INT(at, 0);
    return w.len;
}

static void check_encoded(const vmc_hpack_field *f, size_t count, uint32_t table, const char *hex)
{
    static uint8_t out[4096];
    size_t room, n;
    for (room = 0; room < 5; room++) {
        vmc_hpack_enc e;
        vmc_hpack_enc_init(&e);
        vmc_hpack_enc_resize(&e, table);
        n = put_block(&e, f, count, out, sizeof out, room == 4 ? sizeof out : room);
        CHECK_EQ_HEX(out, n, hex);
    }
}

TEST(encodes_appendix_c)
{
    static uint8_t out[256];
    vmc_hpack_enc e;
    vmc_hpack_field f[5];
    f[0] = field_of(1, 0, 0, "custom-key", "custom-header");
    check_encoded(f, 1, 4096, C2_1_HEX);
    f[0] = field_of(0, 0, 4, ":path", "/sample/path");
    check_encoded(f, 1, 4096, C2_2_HEX);
    f[0] = field_of(0, 2, 2, ":method", "GET");
    check_encoded(f, 1, 4096, "82");
    f[0] = field_of(1, 0, 8, ":status", "302");
    f[1] = field_of(2, 0, 24, "cache-control", "private");
    f[2] = field_of(3, 0, 33, "date", "Mon, 21 Oct 2013 20:13:21 GMT");
    f[3] = field_of(4, 0, 46, "location", "https://www.example.com");
    check_encoded(f, 4, 256, "203fe101" C5_1_HEX);
    vmc_hpack_enc_init(&e);
    f[0] = field_of(0, 2, 2, ":method", "GET");
    f[1] = field_of(0, 6, 6, ":scheme", "http");
    f[2] = field_of(0, 4, 4, ":path", "/");
    f[3] = field_of(1, 0, 1, ":authority", "www.example.com");
    CHECK_EQ_HEX(out, put_block(&e, f, 4, out, sizeof out, 1), C3_1_HEX);
    f[4] = field_of(2, 0, 24, "cache-control", "no-cache");
    CHECK_EQ_HEX(out, put_block(&e, f, 5, out, sizeof out, 2), C3_2_HEX);
    f[1] = field_of(0, 7, 7, ":scheme", "https");
    f[2] = field_of(0, 5, 4, ":path", "/index.html");
    f[4] = field_of(3, 0, 0, "custom-key", "custom-value");
    CHECK_EQ_HEX(out, put_block(&e, f, 5, out, sizeof out, 3), C3_3_HEX);
    CHECK_EQ_INT(e.used, 164);
}

/* For a peer that keeps no table: the size update that it must see, then the fields literally. */
TEST(encodes_requests)
{
    vmc_hpack_field f[11];
    size_t n = 0;
    f[n++] = field_of(0, 3, 2, ":method", "POST");
    f[n++] = field_of(0, 7, 6, ":scheme", "https");
    f[n++] = field_of(vmc_hpack_key(viamc_view("/proto.rpc.v1.AuthService/Authenticate", 38)), 0, 4, ":path",
                      "/proto.rpc.v1.AuthService/Authenticate");
    f[n++] = field_of(KEY_AUTHORITY, 0, 1, ":authority", AUTHORITY);
    f[n++] = field_of(0, 0, 0, "grpc-timeout", "20S");
    f[n++] = field_of(KEY_TE, 0, 0, "te", "trailers");
    f[n++] = field_of(KEY_TYPE, 0, 31, "content-type", "application/grpc");
    f[n++] = field_of(KEY_AGENT, 0, 58, "user-agent", "viamc/0.1");
    check_encoded(f, n, 0, "20" H1_HEX);
    f[2] = field_of(vmc_hpack_key(viamc_view("x", 1)), 0, 4, ":path", "/viam.robot.v1.RobotService/ResourceNames");
    f[4] = f[5];
    f[5] = f[6];
    f[6] = f[7];
    f[7] = field_of(KEY_TOKEN, 0, 23, "authorization", "Bearer tok.en.sig");
    f[8] = field_of(KEY_CLIENT, 0, 0, "viam_client", "c;v0.1.0;v0.1.577");
    check_encoded(f, 9, 0, "20" H2_HEX);
    f[1] = field_of(0, 6, 6, ":scheme", "http");
    f[2] = field_of(vmc_hpack_key(viamc_view("y", 1)), 0, 4, ":path", "/viam.component.motor.v1.MotorService/SetPower");
    f[3] = field_of(KEY_AUTHORITY, 0, 1, ":authority", "127.0.0.1:8080");
    f[4] = field_of(0, 0, 0, "grpc-timeout", "3000m");
    f[5] = field_of(KEY_TE, 0, 0, "te", "trailers");
    f[6] = field_of(KEY_TYPE, 0, 31, "content-type", "application/grpc");
    f[7] = field_of(KEY_AGENT, 0, 58, "user-agent", "viamc/0.1");
    f[9] = field_of(KEY_SESSION, 0, 0, "viam-sid", "11111111-2222-4333-8444-000000000001");
    check_encoded(f, 10, 0, "20" H3_HEX);
}

TEST(repeated_requests_are_short)
{
    static uint8_t out[2048];
    static char token[720];
    vmc_hpack_enc e;
    vmc_hpack_field f[9];
    size_t n;
    memset(token, 't', sizeof token - 1);
    memcpy(token, "Bearer ", 7);
    vmc_hpack_enc_init(&e);
    f[0] = field_of(0, 3, 2, ":method", "POST");
    f[1] = field_of(0, 7, 6, ":scheme", "https");
    f[2] = field_of(vmc_hpack_key(viamc_view("path", 4)), 0, 4, ":path", "/viam.robot.v1.RobotService/SendSessionHeartbeat");
    f[3] = field_of(KEY_AUTHORITY, 0, 1, ":authority", AUTHORITY);
    f[4] = field_of(KEY_TE, 0, 0, "te", "trailers");
    f[5] = field_of(KEY_TYPE, 0, 31, "content-type", "application/grpc");
    f[6] = field_of(KEY_AGENT, 0, 58, "user-agent", "viamc/0.1.0");
    f[7] = field_of(KEY_SESSION, 0, 0, "viam-sid", "11111111-2222-4333-8444-000000000001");
    f[8] = field_of(KEY_TOKEN, 0, 23, "authorization", token);
    n = put_block(&e, f, 9, out, sizeof out, 0);
    CHECK(n > 719);
    n = put_block(&e, f, 9, out, sizeof out, 0);
    CHECK_EQ_HEX(out, n, "8387c4c3c2c1c0bfbe");
    CHECK_EQ_INT(vmc_hpack_find(&e, KEY_TOKEN), 0xbe);
    CHECK_EQ_INT(vmc_hpack_find(&e, KEY_CLIENT), 0);
    CHECK_EQ_INT(vmc_hpack_find(&e, 0), 0);
    vmc_hpack_enc_resize(&e, 65536);                   /* not more than before */
    n = put_block(&e, f, 9, out, sizeof out, 0);
    CHECK_EQ_HEX(out, n, "8387c4c3c2c1c0bfbe");
    vmc_hpack_enc_reset(&e);
    n = put_block(&e, f, 2, out, sizeof out, 0);
    CHECK_EQ_HEX(out, n, "203fe11f8387");
    vmc_hpack_enc_reset(&e);                           /* an empty table need not be emptied */
    n = put_block(&e, f, 2, out, sizeof out, 0);
    CHECK_EQ_HEX(out, n, "8387");
    vmc_hpack_enc_resize(&e, 0);                       /* a size that was only there for a moment */
    vmc_hpack_enc_resize(&e, 4294967295u);
    n = put_block(&e, f, 2, out, sizeof out, 0);
    CHECK_EQ_HEX(out, n, "203fe11f8387");
    vmc_hpack_enc_resize(&e, 64);                      /* ":authority" and 35 octets count 77, "te" 42, two of them too much */
    n = put_block(&e, f + 3, 2, out, sizeof out, 0);
    CHECK(out[0] == 0x20 && out[1] == 0x3f && out[2] == 0x21 && out[3] == 0x01 && out[n - 13] == 0x40);
    n = put_block(&e, f + 3, 2, out, sizeof out, 0);
    CHECK(out[0] == 0x01 && out[n - 1] == 0xbe);
}

TEST(lengths_at_the_edges_of_octets)
{
    static const size_t lens[] = { 0, 1, 126, 127, 128, 254, 255, 256, 4000, 16509, 16510, 16511 };
    static uint8_t text[16511], block[17000];
    static decoder t;
    static list l;
    vmc_hpack_enc e;
    size_t i, n;
    memset(text, 'z', sizeof text);
    vmc_hpack_enc_init(&e);
    decoder_open(&t, 4096);
    for (i = 0; i < TEST_COUNT(lens); i++) {
        vmc_hpack_field f = field_of(i, 0, 0, "name", "");
        f.value[1] = viamc_view(text, lens[i]);
        n = put_block(&e, &f, 1, block, sizeof block, i % 2 == 0 ? 1 : sizeof block);
        CHECK_EQ_INT(n, 6 + (lens[i] < 127 ? 1 : lens[i] < 255 ? 2 : lens[i] < 16511 ? 3 : 4) + lens[i]);
        CHECK_EQ_INT(take_block(&t, viamc_view(block, n), OCTETS, &l), DONE);
        REQUIRE(l.count == 1);
        CHECK_EQ_MEM(l.at[0].value, l.at[0].value_len, text, lens[i]);
        list_drop(&l);
    }
    decoder_close(&t);
}

TEST(fixed_fields_and_eight_others_are_kept)
{
    const uint64_t fixed = VMC_HPACK_FIXED - 1, all = fixed + VMC_HPACK_ENCODER_ENTRIES;
    uint8_t out[16];
    vmc_hpack_enc e;
    uint64_t key;
    vmc_hpack_enc_init(&e);
    for (key = 1; key <= all + 2; key++) {
        vmc_hpack_field f = field_of(key, 0, 15, "accept-charset", "");
        CHECK_EQ_INT(put_block(&e, &f, 1, out, sizeof out, sizeof out), key <= all ? 2 : 3);
        CHECK_EQ_INT(out[0], key <= all ? 0x4f : 0x0f);
    }
    for (key = 0; key <= all + 2; key++)
        CHECK_EQ_INT(vmc_hpack_find(&e, key), key >= 1 && key <= all ? 0xbe + all - key : 0);
    CHECK_EQ_INT(vmc_hpack_find(&e, (uint64_t)1 << 32 | 3), 0);
}

TEST(size_updates_wait_for_room)
{
    uint8_t out[8];
    vmc_hpack_enc e;
    size_t room;
    vmc_hpack_enc_init(&e);
    vmc_hpack_enc_resize(&e, 100);
    for (room = 0; room < 6; room++) {
        vmc_wr w = vmc_wr_of(out, room);
        CHECK_EQ_INT(vmc_hpack_enc_begin(&e, &w), room >= VMC_HPACK_BEGIN_OCTETS);
        CHECK_EQ_INT(w.len, room == VMC_HPACK_BEGIN_OCTETS ? 3 : 0);
        CHECK(!w.full);
    }
    CHECK_EQ_HEX(out, 3, "203f45");
}

static vmc_hpack_field random_field(uint8_t *text)
{
    static const char *const fixed[] = { "x-a", "x-bb", "x-ccc", "x-dddd", "x-eeeee" };
    vmc_hpack_field f;
    uint32_t i = test_rand_below(40), n;
    memset(&f, 0, sizeof f);
    if (i < 5) {                                       /* a static field */
        f.full_index = (uint8_t)(2 + test_rand_below(13));
        f.name = viamc_view(static_table[f.full_index - 1][0], strlen(static_table[f.full_index - 1][0]));
        f.value[0] = viamc_view(static_table[f.full_index - 1][1], strlen(static_table[f.full_index - 1][1]));
        return f;
    }
    n = i < 15 ? i : i < 30 ? test_rand_below(60) : test_rand_below(test_rand_below(20) == 0 ? 2500 : 200);
    f.name_index = (uint8_t)(i % 3 == 0 ? 15 + i : 0);
    f.name = f.name_index != 0 ? viamc_view(static_table[f.name_index - 1][0], strlen(static_table[f.name_index - 1][0]))
                               : viamc_view(fixed[i % 5], strlen(fixed[i % 5]));
    memset(text, 'a' + (int)(n % 26), n);
    if (n > 1)
        memcpy(text, &i, 1);
    if (n != 0)
        text[0] = (uint8_t)('A' + i);
    f.value[0] = viamc_view(text, n / 3);
    f.value[1] = viamc_view(text + n / 3, n - n / 3);
    f.base64 = false;
    if (i < VMC_HPACK_FIXED)
        f.key = i;                                     /* a fixed field: the same value each time */
    else if (i < 30) {
        uint8_t whole[8 + 64];
        whole[0] = (uint8_t)i;
        vmc_copy(whole + 1, text, n);
        f.key = vmc_hpack_key(viamc_view(whole, n + 1));
    }
    return f;
}

/* 2,000 lists for peers that change the size of their table as they like, written in windows down to one octet, read by our decoder. */
TEST(random_lists_come_back)
{
    static uint8_t block[BLOCK_MAX], text[12][2600];
    static decoder t;
    static list l;
    uint32_t lists, indexed = 0;
    vmc_hpack_enc e;
    vmc_hpack_field f[12];
    decoder_open(&t, 4096);
    vmc_hpack_enc_init(&e);
    for (lists = 0; lists < 2000; lists++) {
        size_t i, n, count = test_rand_below(12);
        if (test_rand_below(100) == 0) {               /* another connection */
            decoder_close(&t);
            decoder_open(&t, 4096);
            vmc_hpack_enc_init(&e);
        }
        for (i = test_rand_below(10) == 0 ? 1 + test_rand_below(3) : 0; i > 0; i--)
            vmc_hpack_enc_resize(&e, test_rand_below(4) == 0 ? test_rand_below(200) : test_rand_below(9000));
        if (test_rand_below(20) == 0)
            vmc_hpack_enc_reset(&e);
        for (i = 0; i < count; i++)
            f[i] = random_field(text[i]);
        n = put_block(&e, f, count, block, sizeof block, lists % 3 == 0 ? 1 : lists % 3 == 1 ? 0 : sizeof block);
        CHECK_EQ_INT(take_block(&t, viamc_view(block, n), (int)(lists % WAYS), &l), DONE);
        REQUIRE(l.count == count);
        for (i = 0; i < count; i++) {
            CHECK_EQ_MEM(l.at[i].name, l.at[i].name_len, f[i].name.ptr, f[i].name.len);
            REQUIRE(l.at[i].value_len == f[i].value[0].len + f[i].value[1].len);
            CHECK_EQ_MEM(l.at[i].value, f[i].value[0].len, f[i].value[0].ptr, f[i].value[0].len);
            CHECK_EQ_MEM(l.at[i].value + f[i].value[0].len, f[i].value[1].len, f[i].value[1].ptr, f[i].value[1].len);
            indexed += f[i].full_index == 0 && f[i].key != 0 && vmc_hpack_find(&e, f[i].key) != 0;
        }
        CHECK_EQ_INT(t.d.used, e.used);                /* the peer evicts nothing */
        CHECK(e.others <= VMC_HPACK_ENCODER_ENTRIES && e.count < VMC_HPACK_ENCODER_ENTRIES + VMC_HPACK_FIXED);
        CHECK(t.d.max == e.max);
        list_drop(&l);
    }
    CHECK(indexed > 2000);
    decoder_close(&t);
}

TEST(keys_differ)
{
    static const char *const paths[] = {
        "/viam.robot.v1.RobotService/ResourceNames", "/viam.robot.v1.RobotService/StartSession", "/viam.robot.v1.RobotService/StopAll",
        "/viam.component.motor.v1.MotorService/SetPower", "/viam.component.motor.v1.MotorService/GoFor",
        "/viam.component.motor.v1.MotorService/GetPosition", "/viam.component.motor.v1.MotorService/SetRPM", "", "/", "a", "aa", "aaaaaaaa",
        "aaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa", "/a/b", "/b/a", "abcdefgh", "abcdefghabcdefgh", "abcdefgh\1", "abcdefgh\2", "\1" /* its length and its octet */
    };
    static const uint8_t changes[][2] = { { 0x01, 0x80 }, { 0x20, 0x20 }, { 0x40, 0x40 }, { 0x04, 0x60 } };
    static uint64_t seen[(TEST_SMALL ? 1 : 4) * 64 * 32];
    uint8_t text[64];
    size_t i, k, c, n = 0;
    for (i = 0; i < TEST_COUNT(paths); i++) {
        uint8_t *copy = copy_of(paths[i], strlen(paths[i])); /* no octet beside it is read */
        CHECK(vmc_hpack_key(viamc_view(copy, strlen(paths[i]))) > 15);
        for (k = 0; k < i; k++)
            CHECK(vmc_hpack_key(viamc_view(copy, strlen(paths[i]))) != vmc_hpack_key(viamc_view(paths[k], strlen(paths[k]))));
        free(copy);
    }
    for (c = 0; c < TEST_COUNT(seen) / (64u * 32u); c++) /* any two octets changed */
        for (i = 0; i < 64; i++)
            for (k = 0; k < i; k++) {
                memset(text, 'x', sizeof text);
                text[i] ^= changes[c][0];
                text[k] ^= changes[c][1];
                seen[n++] = vmc_hpack_key(viamc_view(text, sizeof text));
            }
    for (i = 0; i < n; i++)
        for (k = 0; k < i; k++)
            CHECK(seen[i] != seen[k]);
}

int main(int argc, char **argv)
{
    test_begin("hpack", argc, argv);
    RUN(static_table_and_names);
    RUN(rfc7541_appendix_c);
    RUN(requests_of_robots);
    RUN(replies_of_robots);
    RUN(integers_and_indices_are_bounded);
    RUN_LARGE(long_strings_stream);
    RUN(huffman_is_checked);
    RUN(huffman_of_every_octet);
    RUN(size_updates);
    RUN(entries_that_do_not_fit);
    RUN(name_of_an_evicted_entry);
    RUN(bad_names_and_values);
    RUN(nul_in_names_and_values);
    RUN(long_names_are_cut);
    RUN(random_blocks);
    RUN(random_octets);
    RUN(truncated_blocks);
    RUN(encodes_appendix_c);
    RUN(encodes_requests);
    RUN(repeated_requests_are_short);
    RUN_LARGE(lengths_at_the_edges_of_octets);
    RUN(fixed_fields_and_eight_others_are_kept);
    RUN(size_updates_wait_for_room);
    RUN_LARGE(random_lists_come_back);
    RUN_LARGE(keys_differ);
    return test_end();
}
