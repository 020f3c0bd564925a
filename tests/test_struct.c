/* SPDX-License-Identifier: MIT */
/* Tests of codec/struct. The encoded structs were made by the reference runtime of protocol buffers. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"
#include "exact.h"

#define COMMAND_REQUEST "0a02673112230a0d0a03636d6412061a04746573740a120a0564617461311209110000000000407f40"
#define ALL_KINDS \
    "0a070a0161120208000a070a0162120220010a0e0a0163120911000000000000f8bf0a080a016412031a01780a170a0165121232100a0911000000000000f0" \
    "3f0a031a01790a110a0166120c2a0a0a080a016b12031a0176"
#define EMPTY_ONES "0a070a0165120232000a070a017a12022a00"
#define NO_KIND "0a050a01611200"
#define READINGS "0a080a026f6b120220010a0e0a01741209110000000000803540"
#define STOP_ALL "9a062b0a1b0a0372646b1209636f6d706f6e656e741a056d6f746f7222026d31120c0a0a0a046661737412022001"
#define WIDE /* {outer: {inner: [100 x, {k: 60 y}, [], {}, null, true, -0.0]}} */ \
    "0ae9010a056f7574657212df012adc010ad9010a05696e6e657212cf0132cc010a661a64" \
    "7878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878" \
    "7878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878" \
    "0a472a450a430a016b123e1a3c" \
    "797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979" \
    "0a0232000a022a000a0208000a0220010a09110000000000000080"
#define DEEP_16 /* {d: {d: [{d: [...{d: "end"}]}]}} */ \
    "0a6e0a016412692a670a650a01641260325e0a5c2a5a0a580a0164125332510a4f2a4d0a4b0a0164124632440a422a400a3e0a0164123932370a352a330a31" \
    "0a0164122c322a0a282a260a240a0164121f321d0a1b2a190a170a0164121232100a0e2a0c0a0a0a016412051a03656e64"
#define DEEP_17 "0a770a016412722a70" DEEP_16

static const char *const structs[] = { ALL_KINDS, EMPTY_ONES, NO_KIND, READINGS, WIDE, DEEP_16 };

static bool inside(const void *part, size_t len, viamc_bytes all)
{
    const uint8_t *p = (const uint8_t *)part;
    return len == 0 || (p >= all.ptr && len <= all.len - (size_t)(p - all.ptr));
}

static bool is(viamc_str s, const char *text)
{
    return viamc_str_eq(s, viamc_text(text));
}

/* Walks a whole Struct by recursion, which the library itself never does. False if any walk ended badly; then *values counts too few. */
static bool walk_fields(viamc_fields fields, viamc_bytes all, unsigned *values);

static bool walk_value(const viamc_value *v, viamc_bytes all, unsigned *values)
{
    viamc_values list = v->list;
    viamc_value item;
    bool good = true;
    (*values)++;
    CHECK(v->kind <= VIAMC_LIST && inside(v->text.ptr, v->text.len, all));
    CHECK(v->kind == VIAMC_STRING || (v->text.len == 0 && v->text.ptr != NULL));
    CHECK(v->kind == VIAMC_STRUCT || v->fields.rest.len == 0);
    CHECK(v->kind == VIAMC_LIST || v->list.rest.len == 0);
    if (v->kind == VIAMC_STRUCT)
        good = walk_fields(v->fields, all, values);
    while (viamc_list_next(&list, &item))
        good = walk_value(&item, all, values) && good;
    return good && list.err == VIAMC_OK;
}

static bool walk_fields(viamc_fields fields, viamc_bytes all, unsigned *values)
{
    viamc_str key;
    viamc_value v;
    bool good = true;
    CHECK(fields.depth >= 1 && fields.depth <= VMC_STRUCT_MAX_DEPTH);
    while (viamc_struct_next(&fields, &key, &v)) {
        CHECK(inside(key.ptr, key.len, all));
        good = walk_value(&v, all, values) && good;
    }
    CHECK(fields.err == VIAMC_OK || fields.err == VIAMC_ERR_MESSAGE);
    CHECK(key.len == 0 && v.kind == VIAMC_NULL && fields.rest.len == 0 && !viamc_struct_next(&fields, &key, &v));
    return good && fields.err == VIAMC_OK;
}

/* Walk and check must agree. */
static bool good(viamc_bytes encoded)
{
    unsigned values = 0;
    bool walked = walk_fields(viamc_struct_fields(encoded), encoded, &values);
    CHECK_EQ_INT(viamc_struct_check(encoded), walked ? VIAMC_OK : VIAMC_ERR_MESSAGE);
    return walked;
}

static bool good_hex(const char *text)
{
    viamc_bytes v = hex(text);
    bool ok = good(v);
    drop(v);
    return ok;
}

/* ---- reading ---- */

TEST(all_kinds)
{
    viamc_bytes msg = hex(ALL_KINDS);
    viamc_fields f = viamc_struct_fields(msg), inner;
    viamc_values list;
    viamc_str key;
    viamc_value v, item;
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "a") && v.kind == VIAMC_NULL);
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "b") && v.kind == VIAMC_BOOL && v.boolean);
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "c") && v.kind == VIAMC_NUMBER && v.number == -1.5);
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "d") && v.kind == VIAMC_STRING && is(v.text, "x"));
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "e") && v.kind == VIAMC_LIST);
    list = v.list;
    CHECK(viamc_list_next(&list, &item) && item.kind == VIAMC_NUMBER && item.number == 1);
    CHECK(viamc_list_next(&list, &item) && item.kind == VIAMC_STRING && is(item.text, "y"));
    CHECK(!viamc_list_next(&list, &item) && list.err == VIAMC_OK && item.kind == VIAMC_NULL);
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "f") && v.kind == VIAMC_STRUCT);
    inner = v.fields;
    CHECK(viamc_struct_next(&inner, &key, &item) && is(key, "k") && item.kind == VIAMC_STRING && is(item.text, "v"));
    CHECK(!viamc_struct_next(&inner, &key, &item) && inner.err == VIAMC_OK);
    CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_OK);
    drop(msg);
}

TEST(command)
{
    viamc_bytes msg = hex(COMMAND_REQUEST), part;
    viamc_fields f;
    viamc_value v;
    CHECK_EQ_INT(vmc_wire_find(msg, 2, &part), VIAMC_OK);
    f = viamc_struct_fields(part);
    CHECK_EQ_INT(viamc_struct_find(&f, "cmd", &v), VIAMC_OK);
    CHECK(v.kind == VIAMC_STRING && is(v.text, "test"));
    CHECK_EQ_INT(viamc_struct_find(&f, "data1", &v), VIAMC_OK);
    CHECK(v.kind == VIAMC_NUMBER && v.number == 500);
    CHECK_EQ_INT(viamc_struct_find(&f, "data", &v), VIAMC_ERR_NOT_FOUND);
    CHECK(v.kind == VIAMC_NULL && v.number == 0);
    drop(msg);
}

TEST(readings_are_the_same_map)
{
    viamc_bytes msg = hex(READINGS);
    viamc_fields f = viamc_struct_fields(msg);
    viamc_value v;
    CHECK_EQ_INT(viamc_struct_find(&f, "ok", &v), VIAMC_OK);
    CHECK(v.kind == VIAMC_BOOL && v.boolean);
    CHECK_EQ_INT(viamc_struct_find(&f, "t", &v), VIAMC_OK);
    CHECK(v.kind == VIAMC_NUMBER && v.number == 21.5);
    drop(msg);
}

TEST(extra_of_stop_all)
{
    viamc_bytes msg = hex(STOP_ALL), part;
    viamc_fields f;
    viamc_value v;
    CHECK_EQ_INT(vmc_wire_find(msg, 99, &part), VIAMC_OK);
    CHECK_EQ_INT(vmc_wire_find(part, 2, &part), VIAMC_OK);
    f = viamc_struct_fields(part);
    CHECK_EQ_INT(viamc_struct_find(&f, "fast", &v), VIAMC_OK);
    CHECK(v.kind == VIAMC_BOOL && v.boolean);
    drop(msg);
}

TEST(what_is_left_out)
{
    viamc_bytes msg = hex("0a00" "0a0412020801" "0a050a01611200" "0a030a0162");
    viamc_fields f = viamc_struct_fields(msg);
    viamc_str key;
    viamc_value v;
    CHECK(viamc_struct_next(&f, &key, &v) && key.len == 0 && v.kind == VIAMC_NULL);       /* no key, no value */
    CHECK(viamc_struct_next(&f, &key, &v) && key.len == 0 && v.kind == VIAMC_NULL);       /* no key */
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "a") && v.kind == VIAMC_NULL);       /* a value without kind */
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "b") && v.kind == VIAMC_NULL);       /* no value */
    CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_OK);
    drop(msg);
    f = viamc_struct_fields(viamc_view(NULL, 0));
    CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_OK);
    CHECK_EQ_INT(viamc_struct_find(&f, "a", &v), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_struct_check(viamc_view(NULL, 0)), VIAMC_OK);
}

TEST(the_last_key_counts)
{
    viamc_bytes msg = hex("0a070a017812022001" "0a070a017812020800" "0a080a017812031a0161"); /* x: true, null, "a" */
    viamc_fields f = viamc_struct_fields(msg);
    viamc_str key;
    viamc_value v;
    CHECK_EQ_INT(viamc_struct_find(&f, "x", &v), VIAMC_OK);
    CHECK(v.kind == VIAMC_STRING && is(v.text, "a"));
    CHECK(viamc_struct_next(&f, &key, &v) && v.kind == VIAMC_BOOL);
    CHECK(viamc_struct_next(&f, &key, &v) && v.kind == VIAMC_NULL);
    CHECK(viamc_struct_next(&f, &key, &v) && v.kind == VIAMC_STRING);
    CHECK_EQ_INT(viamc_struct_find(&f, "x", &v), VIAMC_ERR_NOT_FOUND); /* among those still to come */
    drop(msg);
    msg = hex("0a070a017812022001" "0a0c0a0178" "1207110000"); /* x: true, then an entry that is cut off */
    f = viamc_struct_fields(msg);
    CHECK_EQ_INT(viamc_struct_find(&f, "x", &v), VIAMC_ERR_MESSAGE);
    CHECK(v.kind == VIAMC_NULL && !v.boolean);
    drop(msg);
}

TEST(the_last_field_counts)
{
    viamc_bytes msg = hex("0a11" "0a0178" "120c" "1a0161" "110000000000000040"  /* a value with two kinds */
                          "0a0b" "0a0178" "0a0179" "1203" "1a0162"              /* an entry with two keys */
                          "0a0e" "0a0178" "1209" "1a0161" "110000000000");      /* a value with damage behind its first kind */
    viamc_fields f = viamc_struct_fields(msg);
    viamc_str key;
    viamc_value v;
    CHECK(viamc_struct_next(&f, &key, &v) && v.kind == VIAMC_NUMBER && v.number == 2 && v.text.len == 0);
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "y") && is(v.text, "b"));
    CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_ERR_MESSAGE);
    CHECK(!good(msg));
    drop(msg);
}

TEST(unknown_fields_are_passed_by)
{
    viamc_bytes msg = hex("1001" /* 2: 1 */ "0801" /* 1, but a varint */ "1b1c" /* a group */ "1207" "0a017812022001" /* 2, but an entry */
                          "0a12" "0a0161" "1801" /* 3: 1 */
                          "120b" "3801" /* 7: 1 */ "1001" /* 2, but a varint */ "2001" /* bool */ "1d01020304" /* 3, but fixed */);
    viamc_fields f = viamc_struct_fields(msg);
    viamc_str key;
    viamc_value v;
    CHECK(viamc_struct_next(&f, &key, &v) && is(key, "a") && v.kind == VIAMC_BOOL && v.boolean);
    CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_OK);
    drop(msg);
}

TEST(damage_is_told_from_the_end)
{
    CHECK(good_hex(ALL_KINDS));
    CHECK(!good_hex("0a"));
    CHECK(!good_hex("0a05"));
    CHECK(!good_hex("0a020a01"));               /* key longer than its entry */
    CHECK(!good_hex("0a060a0161120208"));       /* value longer than its entry */
    CHECK(!good_hex("0a070a01611202" "2080"));  /* varint that does not end */
    CHECK(!good_hex("0a090a016112042a020a01")); /* deep inside */
    CHECK(!good_hex("0a0b0a0161120632040a021a01"));
    CHECK(!good_hex("0000"));
}

/* Cut at every octet: walk and check agree, and only a cut between two fields is good. */
TEST(truncations)
{
    size_t i, n;
    for (i = 0; i < TEST_COUNT(structs); i++) {
        viamc_bytes msg = hex(structs[i]);
        viamc_fields f = viamc_struct_fields(msg);
        viamc_str key;
        viamc_value v;
        size_t border = 0;
        CHECK(good(msg));
        for (n = 0; n <= msg.len; n++) {
            viamc_bytes cut = exact(msg.ptr, n);
            while (border < n && viamc_struct_next(&f, &key, &v))
                border = msg.len - f.rest.len;
            CHECK_EQ_INT(good(cut), border == n);
            drop(cut);
        }
        drop(msg);
    }
}

TEST(depth)
{
    viamc_bytes msg;
    viamc_fields f;
    viamc_str key;
    viamc_value v;
    unsigned values = 0;
    CHECK_EQ_INT(VMC_STRUCT_MAX_DEPTH, 16);
    CHECK(good_hex(DEEP_16));
    CHECK(!good_hex(DEEP_17));
    msg = hex(DEEP_16);
    CHECK(walk_fields(viamc_struct_fields(msg), msg, &values));
    CHECK_EQ_INT(values, 16);
    drop(msg);
    msg = hex(DEEP_17);
    f = viamc_struct_fields(msg);
    CHECK(viamc_struct_next(&f, &key, &v)); /* refused where it is too deep, and not before */
    CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_OK);
    drop(msg);
}

/* Some 20,000 levels of lists: a walk by recursion without a bound would need megabytes of stack. */
TEST(depth_bomb)
{
    enum { LEVELS = TEST_ROOM(20000) };
    static uint8_t buf[LEVELS * 8];
    size_t at = sizeof buf, n = 0, i;
    for (i = 0; i < LEVELS; i++) { /* from the inside: Value { list }, item of a list */
        vmc_wr w;
        uint8_t head[16];
        w = vmc_wr_of(head, sizeof head);
        vmc_wire_put_tag(&w, 1, VMC_WIRE_BYTES);
        vmc_wire_put_varint(&w, 1u + vmc_wire_varint_size(n) + n);
        vmc_wire_put_tag(&w, VIAMC_LIST + 1u, VMC_WIRE_BYTES);
        vmc_wire_put_varint(&w, n);
        REQUIRE(at >= w.len);
        at -= w.len;
        memcpy(buf + at, head, w.len);
        n += w.len;
    }
    {
        viamc_values list;
        viamc_value v;
        list.rest = viamc_view(buf + at, n);
        list.err = VIAMC_OK;
        list.depth = 1;
        for (i = 1; i < VMC_STRUCT_MAX_DEPTH; i++) {
            REQUIRE(viamc_list_next(&list, &v) && v.kind == VIAMC_LIST);
            list = v.list;
        }
        CHECK(!viamc_list_next(&list, &v) && list.err == VIAMC_ERR_MESSAGE);
    }
}

/* ---- writing ---- */

static void write_all_kinds(viamc_struct_writer *w)
{
    viamc_struct_null(w, "a");
    viamc_struct_bool(w, "b", true);
    viamc_struct_number(w, "c", -1.5);
    viamc_struct_string(w, "d", "x");
    viamc_struct_open_list(w, "e");
    viamc_struct_number(w, NULL, 1);
    viamc_struct_string(w, NULL, "y");
    viamc_struct_close(w);
    viamc_struct_open_struct(w, "f");
    viamc_struct_text(w, "k", viamc_text("v"));
    viamc_struct_close(w);
}

static void write_empty_ones(viamc_struct_writer *w)
{
    viamc_struct_open_list(w, "e");
    viamc_struct_close(w);
    viamc_struct_open_struct(w, "z");
    viamc_struct_close(w);
}

static void write_readings(viamc_struct_writer *w)
{
    viamc_struct_bool(w, "ok", true);
    viamc_struct_number(w, "t", 21.5);
}

static void write_wide(viamc_struct_writer *w)
{
    char x[101], y[61];
    memset(x, 'x', 100);
    memset(y, 'y', 60);
    x[100] = y[60] = '\0';
    viamc_struct_open_struct(w, "outer");
    viamc_struct_open_list(w, "inner");
    viamc_struct_string(w, NULL, x);
    viamc_struct_open_struct(w, NULL);
    viamc_struct_string(w, "k", y);
    viamc_struct_close(w);
    viamc_struct_open_list(w, NULL);
    viamc_struct_close(w);
    viamc_struct_open_struct(w, NULL);
    viamc_struct_close(w);
    viamc_struct_null(w, NULL);
    viamc_struct_bool(w, NULL, true);
    viamc_struct_number(w, NULL, -0.0);
    viamc_struct_close(w);
    viamc_struct_close(w);
}

static void write_deep(viamc_struct_writer *w)
{
    unsigned i;
    for (i = 0; i < 15; i++) {
        if (i % 2 == 0)
            viamc_struct_open_struct(w, i == 0 ? "d" : NULL);
        else
            viamc_struct_open_list(w, "d");
    }
    viamc_struct_string(w, "d", "end");
    for (i = 0; i < 15; i++)
        viamc_struct_close(w);
}

typedef void writer_fn(viamc_struct_writer *w);

static const struct {
    writer_fn *write;
    const char *hex;
} writers[] = { { write_all_kinds, ALL_KINDS }, { write_empty_ones, EMPTY_ONES }, { write_readings, READINGS }, { write_wide, WIDE },
    { write_deep, DEEP_16 } };

TEST(structs_are_made_again)
{
    size_t i;
    for (i = 0; i < TEST_COUNT(writers); i++) {
        uint8_t buf[512];
        viamc_struct_writer w;
        viamc_bytes got;
        viamc_struct_begin(&w, buf, sizeof buf);
        writers[i].write(&w);
        CHECK_EQ_INT(viamc_struct_end(&w, &got), VIAMC_OK);
        CHECK(got.ptr == buf && got.len == w.len);
        CHECK_EQ_HEX(got.ptr, got.len, writers[i].hex);
    }
}

TEST(messages_with_structs)
{
    uint8_t buf[64], whole[96];
    viamc_struct_writer s;
    viamc_bytes got;
    vmc_wr w = vmc_wr_of(whole, sizeof whole);
    viamc_struct_begin(&s, buf, sizeof buf);
    viamc_struct_string(&s, "cmd", "test");
    viamc_struct_number(&s, "data1", 500);
    CHECK_EQ_INT(viamc_struct_end(&s, &got), VIAMC_OK);
    vmc_wire_put_text(&w, 1, viamc_text("g1"));
    vmc_wire_put_bytes(&w, 2, got);
    CHECK_EQ_HEX(whole, w.len, COMMAND_REQUEST);
    viamc_struct_begin(&s, buf, sizeof buf);
    CHECK_EQ_INT(viamc_struct_end(&s, &got), VIAMC_OK);
    CHECK(got.ptr == buf && got.len == 0);
}

/* Every memory from 0 octets on: one too few is refused, and the need is told exactly. */
TEST(memory_too_small)
{
    size_t i, cap, need;
    for (i = 0; i < TEST_COUNT(writers); i++) {
        viamc_struct_writer w;
        viamc_bytes got, want = hex(writers[i].hex);
        need = want.len;
        viamc_struct_begin(&w, NULL, 1000);
        writers[i].write(&w);
        CHECK_EQ_INT(viamc_struct_end(&w, &got), VIAMC_ERR_NOMEM);
        CHECK(got.len == 0 && w.len == need);
        for (cap = 0; cap <= need; cap++) {
            uint8_t *buf = (uint8_t *)malloc(cap + 1u);
            if (buf == NULL)
                test_die("no memory", "memory_too_small");
            buf[0] = 0xa5;
            viamc_struct_begin(&w, buf + 1, cap); /* the block ends with the memory */
            writers[i].write(&w);
            CHECK_EQ_INT(buf[0], 0xa5);
            CHECK_EQ_INT(viamc_struct_end(&w, &got), cap < need ? VIAMC_ERR_NOMEM : VIAMC_OK);
            CHECK_EQ_INT(w.len, need);
            CHECK_EQ_INT(got.len, cap < need ? 0 : need);
            free(buf);
        }
        drop(want);
    }
}

static viamc_err end_of(viamc_struct_writer *w)
{
    viamc_bytes got;
    viamc_err err = viamc_struct_end(w, &got);
    CHECK(err == VIAMC_OK || got.len == 0);
    return err;
}

TEST(mistakes)
{
    uint8_t buf[64];
    viamc_struct_writer w;
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_number(&w, NULL, 1); /* no key */
    CHECK_EQ_INT(end_of(&w), VIAMC_ERR_ARG);
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_open_list(&w, "l");
    viamc_struct_null(&w, "k"); /* a key in a list */
    viamc_struct_close(&w);
    CHECK_EQ_INT(end_of(&w), VIAMC_ERR_ARG);
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_open_list(&w, "l");
    CHECK_EQ_INT(end_of(&w), VIAMC_ERR_STATE); /* not closed */
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_close(&w);
    viamc_struct_null(&w, "k");
    CHECK_EQ_INT(end_of(&w), VIAMC_ERR_STATE);
    viamc_struct_begin(&w, buf, 3);
    viamc_struct_null(&w, "k"); /* too little room, and a mistake: the mistake is told */
    viamc_struct_null(&w, NULL);
    CHECK_EQ_INT(end_of(&w), VIAMC_ERR_ARG);
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_string(&w, "", "");
    viamc_struct_string(&w, "n", NULL); /* as empty */
    CHECK_EQ_INT(end_of(&w), VIAMC_OK);
    CHECK_EQ_HEX(buf, w.len, "0a060a0012021a00" "0a070a016e12021a00");
}

TEST(mistakes_of_depth)
{
    uint8_t buf[512];
    viamc_struct_writer w;
    unsigned levels, i;
    for (levels = VMC_STRUCT_MAX_DEPTH - 1; levels <= VMC_STRUCT_MAX_DEPTH + 1u; levels++) {
        viamc_struct_begin(&w, buf, sizeof buf);
        for (i = 0; i < levels; i++)
            viamc_struct_open_struct(&w, "k");
        for (i = 0; i < levels; i++)
            viamc_struct_close(&w);
        CHECK_EQ_INT(end_of(&w), levels < VMC_STRUCT_MAX_DEPTH ? VIAMC_OK : VIAMC_ERR_ARG);
        if (levels < VMC_STRUCT_MAX_DEPTH)
            CHECK(good(viamc_view(buf, w.len)));
    }
}

/* Lengths of one, two and three octets, for keys, texts, entries and nested ones. */
TEST(lengths_widen)
{
    static const size_t sizes[] = { 0, 1, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 16370, 16380, 16383, 16384, 16390, 20000 };
    static char text[TEST_SMALL ? 200 : 20001];
    static uint8_t buf[TEST_ROOM(50000)];
    size_t i;
    for (i = 0; i < TEST_COUNT(sizes) && sizes[i] < sizeof text; i++) {
        viamc_struct_writer w;
        viamc_bytes got;
        viamc_fields f;
        viamc_values list;
        viamc_str key;
        viamc_value v, item;
        memset(text, 'k', sizes[i]);
        text[sizes[i]] = '\0';
        viamc_struct_begin(&w, buf, sizeof buf);
        viamc_struct_open_list(&w, text);
        viamc_struct_string(&w, NULL, text);
        viamc_struct_close(&w);
        viamc_struct_bool(&w, "z", true);
        CHECK_EQ_INT(viamc_struct_end(&w, &got), VIAMC_OK);
        f = viamc_struct_fields(got);
        CHECK(viamc_struct_next(&f, &key, &v) && is(key, text) && v.kind == VIAMC_LIST);
        list = v.list;
        CHECK(viamc_list_next(&list, &item) && item.kind == VIAMC_STRING && is(item.text, text));
        CHECK(!viamc_list_next(&list, &item) && list.err == VIAMC_OK);
        CHECK(viamc_struct_next(&f, &key, &v) && is(key, "z") && v.boolean);
        CHECK(!viamc_struct_next(&f, &key, &v) && f.err == VIAMC_OK);
    }
}

/* ---- random trees: the same random numbers write a Struct and then say what must be read ---- */

static unsigned kind_at(unsigned depth)
{
    unsigned kind = test_rand_below(6);
    return depth == VMC_STRUCT_MAX_DEPTH && kind >= VIAMC_STRUCT ? (unsigned)VIAMC_NULL : kind;
}

static void make_text(char *text)
{
    size_t n = test_rand_below(8) == 0 ? test_rand_below(200) : test_rand_below(12), i;
    for (i = 0; i < n; i++)
        text[i] = (char)('a' + test_rand_below(26));
    text[n] = '\0';
}

static void write_items(viamc_struct_writer *w, unsigned depth, bool list, unsigned *budget)
{
    char name[256], text[256];
    unsigned n = test_rand_below(5);
    while (n-- > 0 && *budget > 0) {
        const char *key = list ? NULL : name;
        unsigned kind;
        (*budget)--;
        make_text(name);
        kind = kind_at(depth);
        if (kind == VIAMC_NULL) {
            viamc_struct_null(w, key);
        } else if (kind == VIAMC_NUMBER) {
            viamc_struct_number(w, key, (double)test_rand() - 5e8);
        } else if (kind == VIAMC_BOOL) {
            viamc_struct_bool(w, key, test_rand_below(2) != 0);
        } else if (kind == VIAMC_STRING) {
            make_text(text);
            viamc_struct_string(w, key, text);
        } else {
            if (kind == VIAMC_LIST)
                viamc_struct_open_list(w, key);
            else
                viamc_struct_open_struct(w, key);
            write_items(w, depth + 1, kind == VIAMC_LIST, budget);
            viamc_struct_close(w);
        }
    }
}

static bool next_item(viamc_fields *f, viamc_values *l, bool list, viamc_str *key, viamc_value *v)
{
    return list ? viamc_list_next(l, v) : viamc_struct_next(f, key, v);
}

static bool read_items(viamc_fields f, viamc_values l, unsigned depth, bool list, unsigned *budget)
{
    char name[256], text[256];
    unsigned n = test_rand_below(5);
    bool ok = true;
    viamc_str key = viamc_text("");
    viamc_value v;
    while (n-- > 0 && *budget > 0 && ok) {
        unsigned kind;
        (*budget)--;
        make_text(name);
        kind = kind_at(depth);
        ok = next_item(&f, &l, list, &key, &v) && v.kind == kind && (list || is(key, name));
        if (kind == VIAMC_NUMBER) {
            double number = (double)test_rand() - 5e8;
            ok = ok && memcmp(&v.number, &number, sizeof number) == 0;
        } else if (kind == VIAMC_BOOL) {
            bool boolean = test_rand_below(2) != 0;
            ok = ok && v.boolean == boolean;
        } else if (kind == VIAMC_STRING) {
            make_text(text);
            ok = ok && is(v.text, text);
        } else if (kind != VIAMC_NULL) {
            ok = ok && read_items(v.fields, v.list, depth + 1, kind == VIAMC_LIST, budget);
        }
    }
    return ok && !next_item(&f, &l, list, &key, &v) && f.err == VIAMC_OK && l.err == VIAMC_OK;
}

TEST(random_trees)
{
    static uint8_t buf[TEST_ROOM(60000)];
    unsigned i, budget;
    for (i = 0; i < TEST_TIMES(3000); i++) {
        viamc_struct_writer w;
        viamc_bytes got, copy;
        viamc_values none;
        uint64_t start = test_now.rand;
        none.rest = viamc_view(NULL, 0);
        none.err = VIAMC_OK;
        none.depth = 1;
        viamc_struct_begin(&w, buf, sizeof buf);
        budget = 60;
        write_items(&w, 1, false, &budget);
        CHECK_EQ_INT(viamc_struct_end(&w, &got), VIAMC_OK);
        copy = exact(got.ptr, got.len);
        CHECK(good(copy));
        test_now.rand = start;
        budget = 60;
        CHECK(read_items(viamc_struct_fields(copy), none, 1, false, &budget));
        drop(copy);
    }
}

/* ---- hostile bytes ---- */

TEST(random_bytes)
{
    static const uint8_t likely[] = { 0x0a, 0x12, 0x2a, 0x32, 0x1a, 0x08, 0x11, 0x20, 0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x08, 0x61 };
    unsigned i, whole = 0;
    uint8_t buf[48];
    for (i = 0; i < TEST_TIMES(100000); i++) {
        viamc_bytes msg;
        size_t n, len = test_rand_below(sizeof buf);
        for (n = 0; n < len; n++)
            buf[n] = (uint8_t)(i % 4u == 0 ? test_rand() : likely[test_rand_below(sizeof likely)]);
        msg = exact(buf, len);
        whole += good(msg) && len > 4;
        drop(msg);
    }
    CHECK(whole > TEST_TIMES(10)); /* else the bytes never got past the first tags */
}

TEST(damaged_structs)
{
    size_t i, at;
    unsigned value;
    for (i = 0; i < TEST_COUNT(structs); i++) {
        viamc_bytes msg = hex(structs[i]);
        for (at = 0; at < msg.len; at++) {
            for (value = 0; value < 256; value += TEST_SMALL ? 17 : 1) {
                uint8_t buf[512];
                viamc_bytes copy;
                memcpy(buf, msg.ptr, msg.len);
                buf[at] = (uint8_t)value;
                copy = exact(buf, msg.len);
                (void)good(copy);
                drop(copy);
            }
        }
        drop(msg);
    }
}

int main(int argc, char **argv)
{
    test_begin("struct", argc, argv);
    RUN(all_kinds);
    RUN(command);
    RUN(readings_are_the_same_map);
    RUN(extra_of_stop_all);
    RUN(what_is_left_out);
    RUN(the_last_key_counts);
    RUN(the_last_field_counts);
    RUN(unknown_fields_are_passed_by);
    RUN(damage_is_told_from_the_end);
    RUN(truncations);
    RUN(depth);
    RUN(depth_bomb);
    RUN(structs_are_made_again);
    RUN(messages_with_structs);
    RUN(memory_too_small);
    RUN(mistakes);
    RUN(mistakes_of_depth);
    RUN(lengths_widen);
    RUN(random_trees);
    RUN(random_bytes);
    RUN(damaged_structs);
    return test_end();
}
