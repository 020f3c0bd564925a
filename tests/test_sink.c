/* SPDX-License-Identifier: MIT */
/* Sinks of typed calls: bytes fields of a reply in pieces, the rest of it in the slot. The call table alone, with a peer that keeps to its
 * credit; each message goes in at every cut and in single octets, which must make no difference. */
#define VIAMC_NO_TLS
#define VIAMC_NO_SERVER
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include "test.h"

#include "exact.h"

#define SLOT 96u

typedef viam_component_camera_v1_GetImagesResponse images_reply;

/* What the sink got: for each field "path total=", then its octets. */
static struct {
    vmc_calls t;
    vmc_user_call user;
    uint8_t *slot;
    char log[8000];
    size_t log_len;
    uint32_t next, total; /* of the field under way */
    unsigned pieces, wait_at, fail_at;
} s;

static void note(const void *p, size_t n)
{
    if (n > sizeof s.log - s.log_len)
        test_die("the log is full", "test_sink");
    memcpy(s.log + s.log_len, p, n);
    s.log_len += n;
}

static viamc_err sink(void *user, const viamc_piece *p)
{
    char head[200];
    CHECK(user == &s);
    CHECK(s.t.in_sink);
    CHECK(p->bytes.len != 0 && p->path != NULL);
    if (++s.pieces == s.wait_at)
        return VIAMC_WAIT;
    if (s.pieces == s.fail_at)
        return VIAMC_ERR_STATE;
    CHECK_EQ_INT(p->offset, s.next);
    if (p->offset == 0) {
        s.total = p->total;
        note(head, (size_t)snprintf(head, sizeof head, "\n%s %u=", p->path, (unsigned)p->total));
    }
    CHECK_EQ_INT(p->total, s.total);
    note(p->bytes.ptr, p->bytes.len);
    s.next = p->offset + (uint32_t)p->bytes.len;
    CHECK(s.next <= s.total);
    if (s.next == s.total)
        s.next = 0;
    return VIAMC_OK;
}

static void begin(const viamc_method *method, uint16_t flags)
{
    unsigned wait_at = s.wait_at, fail_at = s.fail_at;
    memset(&s, 0, sizeof s);
    s.wait_at = wait_at;
    s.fail_at = fail_at;
    s.slot = (uint8_t *)malloc(SLOT + VMC_CALL_EXTRA);
    s.t.users = &s.user;
    s.t.count = s.t.user_count = s.t.slot_count = 1;
    s.t.slots = s.slot;
    s.t.slot_bytes = SLOT;
    vmc_calls_init(&s.t);
    vmc_calls_claim(&s.t, &s.user.call);
    s.user.call.flags |= flags;
    s.user.method = method;
    s.user.call.has_sink = true;
    s.user.taker.sink.fn = sink;
    s.user.taker.sink.user = &s;
}

static void end(void)
{
    free(s.slot);
    s.slot = NULL;
}

/* Gives octets to the table as a peer does that keeps to its credit. False: the call ended. */
static bool give(viamc_bytes octets)
{
    unsigned stuck = 0;
    while (octets.len != 0 && s.user.call.state == VMC_CALL_OPEN) {
        uint32_t room = vmc_calls_room(&s.t, &s.user.call);
        viamc_bytes now = exact(octets.ptr, vmc_min(room, octets.len));
        if (room != 0)
            (void)vmc_calls_data(&s.t, &s.user.call, now);
        octets = viamc_view(octets.ptr + now.len, octets.len - now.len);
        drop(now);
        if (room == 0 && ++stuck > 2)
            test_die("no credit for ever", "test_sink");
        if (s.user.call.state == VMC_CALL_OPEN)
            (void)vmc_calls_settle(&s.t, &s.user.call);
    }
    if (s.user.call.state == VMC_CALL_OPEN)
        (void)vmc_calls_settle(&s.t, &s.user.call);
    return s.user.call.state == VMC_CALL_OPEN;
}

/* A message with its prefix in up to three parts; a part of 0 octets means single octets. */
static bool feed(viamc_bytes msg, size_t first, size_t second)
{
    static uint8_t all[8000];
    viamc_bytes rest = viamc_view(all, msg.len + 5);
    all[0] = 0;
    vmc_put_be32(all + 1, (uint32_t)msg.len);
    memcpy(all + 5, msg.ptr, msg.len);
    if (first == 0) {
        while (rest.len != 0 && give(viamc_view(rest.ptr, 1)))
            rest = viamc_view(rest.ptr + 1, rest.len - 1);
        return s.user.call.state == VMC_CALL_OPEN;
    }
    first = vmc_min(first, rest.len);
    second = vmc_min(second, rest.len - first);
    return give(viamc_view(rest.ptr, first)) && give(viamc_view(rest.ptr + first, second))
        && give(viamc_view(rest.ptr + first + second, rest.len - first - second));
}

/* ---- messages ---- */

static uint8_t room[8][4000];

static void put(vmc_wr *w, uint32_t number, viamc_bytes v)
{
    vmc_wire_put_bytes(w, number, v);
}

static viamc_bytes pattern(size_t n, unsigned seed)
{
    static uint8_t p[4][1000];
    uint8_t *at = p[seed % 4u];
    size_t i;
    for (i = 0; i < n; i++)
        at[i] = (uint8_t)(i * 7u + seed);
    return viamc_view(at, n);
}

static viamc_bytes text(const char *t)
{
    return vmc_bytes_of(viamc_text(t));
}

/* An image: name, octets. */
static viamc_bytes image(unsigned at, const char *name, size_t n)
{
    vmc_wr w = vmc_wr_of(room[at], sizeof room[at]);
    put(&w, 1, text(name));
    put(&w, 3, pattern(n, at));
    put(&w, 4, text("m"));
    return viamc_view(room[at], w.len);
}

/* Three images, the second one so small that it is kept, among fields that nobody knows. */
static viamc_bytes three_images(void)
{
    vmc_wr w = vmc_wr_of(room[7], sizeof room[7]);
    put(&w, 1, image(0, "a", 300));
    vmc_wr_bytes(&w, "\xfb\x01\x0a\x02zz\xfc\x01", 8); /* group 31 with a field 1 in it */
    put(&w, 1, image(1, "b", 4));
    put(&w, 77, text("x"));
    put(&w, 1, image(2, "c", 200));
    return viamc_view(room[7], w.len);
}

static void expect_three(void)
{
    static char want[1000];
    size_t n = (size_t)snprintf(want, sizeof want, "\nimages[0].image 300=");
    memcpy(want + n, pattern(300, 0).ptr, 300);
    n += 300;
    n += (size_t)snprintf(want + n, sizeof want - n, "\nimages[2].image 200=");
    memcpy(want + n, pattern(200, 2).ptr, 200);
    CHECK_EQ_MEM(s.log, s.log_len, want, n + 200);
}

/* What the event would bring. */
static viamc_bytes taken(void)
{
    viamc_bytes msg;
    CHECK_EQ_INT(s.user.call.messages, 1);
    CHECK(vmc_call_is_whole(&s.user.call));
    CHECK(vmc_calls_take(&s.t, &s.user.call, &msg));
    CHECK(msg.ptr != NULL);
    return msg;
}

static void expect_reply(void)
{
    images_reply reply;
    viam_component_camera_v1_Image one;
    static const char *const names[] = {"a", "b", "c"};
    size_t i;
    CHECK_EQ_INT(viamc_message_read(&viam_component_camera_v1_GetImagesResponse_msg, taken(), &reply, sizeof reply), VIAMC_OK);
    CHECK_EQ_INT(viamc_list_count(&reply.images), 3);
    for (i = 0; i < 3 && viamc_list_read(&reply.images, &one); i++) {
        CHECK_EQ_MEM(one.source_name.ptr, one.source_name.len, names[i], 1);
        CHECK_EQ_MEM(one.mime_type.ptr, one.mime_type.len, "m", 1);
        CHECK_EQ_MEM(one.image.ptr, one.image.len, pattern(4, 1).ptr, i == 1 ? 4 : 0);
    }
    CHECK_EQ_INT(i, 3);
    CHECK_EQ_INT(reply.images.err, VIAMC_OK);
}

/* ---- tests ---- */

TEST(images_at_every_cut)
{
    viamc_bytes msg = three_images();
    size_t i, j;
    for (i = 0; i <= msg.len + 5; i++)
        for (j = 1; j < 90; j += i % 8 == 0 ? 1 : 44) {
            begin(&viamc_method_camera_get_images, 0);
            CHECK(feed(msg, i, j));
            expect_three();
            expect_reply();
            end();
        }
}

TEST(the_sink_waits_at_each_piece)
{
    viamc_bytes msg = three_images();
    unsigned count = 0;
    for (s.wait_at = 1; s.wait_at <= count + 1; s.wait_at++) {
        unsigned cut = s.wait_at % 3u == 0 ? 0 : s.wait_at * 7u;
        begin(&viamc_method_camera_get_images, 0);
        CHECK(feed(msg, cut, 60));
        count = cut == 0 ? 500 : vmc_min32(count < s.pieces ? s.pieces : count, 600);
        expect_three();
        expect_reply();
        end();
    }
    s.wait_at = 0;
}

TEST(the_sink_fails_at_each_piece)
{
    viamc_bytes msg = three_images();
    unsigned cut;
    for (cut = 0; cut < 3; cut++) /* the last: it waits before, so that it fails on octets that lie in the slot */
        for (s.fail_at = 1; s.fail_at <= (cut == 0 ? 500u : 6u); s.fail_at++) {
            s.wait_at = cut == 2 && s.fail_at > 2 ? s.fail_at - 2 : 0;
            begin(&viamc_method_camera_get_images, 0);
            CHECK(!feed(msg, cut == 2 ? 280 : cut, cut == 2 ? 60 : 2000));
            CHECK_EQ_INT(s.user.call.status, VIAMC_CANCELLED);
            CHECK_EQ_INT(s.pieces, s.fail_at);
            CHECK_EQ_MEM((const char *)vmc_calls_text(&s.t, &s.user.call).ptr, 5, "the s", 5);
            end();
        }
    s.fail_at = s.wait_at = 0;
}

TEST(truncated_messages_are_not_whole)
{
    viamc_bytes msg = three_images();
    size_t n;
    for (n = 0; n < msg.len; n++) {
        static uint8_t all[2000];
        viamc_bytes part;
        memcpy(all + 5, msg.ptr, n);
        all[0] = 0;
        vmc_put_be32(all + 1, (uint32_t)msg.len);
        part = exact(all, n + 5);
        begin(&viamc_method_camera_get_images, 0);
        CHECK(give(part));
        CHECK(!vmc_call_is_whole(&s.user.call) && !vmc_call_is_parked(&s.user.call));
        CHECK_EQ_INT(s.user.call.messages, 0);
        end();
        drop(part);
    }
}

/* The same end and the same pieces, whole and octet by octet, whatever came. */
TEST(damaged_messages_end_alike_however_cut)
{
    static uint8_t bad[2000], kept[SLOT + 5];
    static char log[8000];
    unsigned round;
    for (round = 0; round < 4000; round++) {
        viamc_bytes msg = three_images();
        size_t flips = 1u + test_rand() % 3u, log_len, kept_len = 0;
        uint8_t state, status;
        memcpy(bad, msg.ptr, msg.len);
        while (flips-- != 0) /* most of it in headers */
            bad[test_rand() % 2u == 0 ? test_rand() % 8u : test_rand() % msg.len] ^= (uint8_t)(1u << test_rand() % 8u);
        begin(&viamc_method_camera_get_images, 0);
        (void)feed(viamc_view(bad, msg.len), 2000, 0);
        log_len = s.log_len;
        memcpy(log, s.log, log_len);
        state = s.user.call.state;
        status = s.user.call.status;
        if (state == VMC_CALL_OPEN) {
            kept_len = s.user.call.stored;
            memcpy(kept, s.slot, kept_len);
        }
        end();
        begin(&viamc_method_camera_get_images, 0);
        (void)feed(viamc_view(bad, msg.len), round % 2u == 0 ? 0 : 1u + test_rand() % 600u, test_rand() % 600u);
        CHECK_EQ_MEM(s.log, s.log_len, log, log_len);
        CHECK_EQ_INT(s.user.call.state, state);
        CHECK_EQ_INT(s.user.call.status, status);
        if (state == VMC_CALL_OPEN)
            CHECK_EQ_MEM(s.slot, s.user.call.stored, kept, kept_len);
        end();
    }
}

/* A message in messages, as a member of a oneof: its presence is kept. */
TEST(nested_in_a_oneof)
{
    viam_service_mlmodel_v1_InferResponse reply;
    viam_service_mlmodel_v1_FlatTensors_TensorsEntry entry;
    vmc_wr data = vmc_wr_of(room[0], sizeof room[0]), tensor = vmc_wr_of(room[1], sizeof room[1]), item = vmc_wr_of(room[2], sizeof room[2]),
           tensors = vmc_wr_of(room[3], sizeof room[3]), msg = vmc_wr_of(room[4], sizeof room[4]);
    size_t i;
    put(&data, 1, pattern(500, 3));
    put(&tensor, 1, viamc_view(room[5], 16)); /* shape, packed */
    put(&tensor, 3, viamc_view(room[0], data.len));
    put(&item, 1, text("name"));
    put(&item, 2, viamc_view(room[1], tensor.len));
    put(&tensors, 1, viamc_view(room[2], item.len));
    put(&msg, 3, viamc_view(room[3], tensors.len));
    for (i = 0; i < msg.len; i++) {
        begin(&viamc_method_mlmodel_infer, 0);
        REQUIRE(feed(viamc_view(room[4], msg.len), i, 30) && s.log_len > 500);
        CHECK_EQ_MEM(s.log, 53, "\noutput_tensors.tensors[0].value.uint8_tensor.data 500", 53);
        CHECK_EQ_MEM(s.log + s.log_len - 500, 500, pattern(500, 3).ptr, 500);
        CHECK_EQ_INT(viamc_message_read(&viam_service_mlmodel_v1_InferResponse_msg, taken(), &reply, sizeof reply), VIAMC_OK);
        CHECK(reply.has_output_tensors && viamc_list_read(&reply.output_tensors.tensors, &entry));
        CHECK_EQ_MEM(entry.key.ptr, entry.key.len, "name", 4);
        CHECK_EQ_INT(entry.value.which_tensor, viam_service_mlmodel_v1_FlatTensor_uint8_tensor_tag);
        CHECK_EQ_INT(entry.value.tensor.uint8_tensor.data.len, 0);
        CHECK_EQ_INT(viamc_list_count(&entry.value.shape), 2);
        end();
    }
}

/* Messages of a stream: large ones in pieces and small ones whole, several in the slot. */
TEST(messages_of_a_stream)
{
    viam_component_audioin_v1_GetAudioResponse reply;
    vmc_wr audio = vmc_wr_of(room[0], sizeof room[0]), msg = vmc_wr_of(room[1], sizeof room[1]);
    viamc_bytes got;
    size_t cut;
    put(&audio, 1, pattern(400, 1));
    put(&msg, 1, viamc_view(room[0], audio.len));
    put(&msg, 2, text("request 1"));
    for (cut = 0; cut < 420; cut++) {
        begin(&viamc_method_audioin_get_audio, VMC_CALL_F_SERVER_STREAM);
        CHECK(give(viamc_view("\0\0\0\0\3\x12\1s", 8)));
        CHECK(feed(viamc_view(room[1], msg.len), cut, 40));
        CHECK(give(viamc_view("\0\0\0\0\3\x12\1t", 8)));
        CHECK(vmc_calls_take(&s.t, &s.user.call, &got));
        CHECK_EQ_MEM(got.ptr, got.len, "\x12\1s", 3);
        CHECK(vmc_calls_take(&s.t, &s.user.call, &got));
        CHECK_EQ_INT(viamc_message_read(&viam_component_audioin_v1_GetAudioResponse_msg, got, &reply, sizeof reply), VIAMC_OK);
        CHECK(reply.has_audio);
        CHECK_EQ_INT(reply.audio.audio_data.len, 0);
        CHECK_EQ_MEM(reply.request_id.ptr, reply.request_id.len, "request 1", 9);
        CHECK(vmc_calls_take(&s.t, &s.user.call, &got));
        CHECK_EQ_MEM(got.ptr, got.len, "\x12\1t", 3);
        CHECK(!vmc_calls_take(&s.t, &s.user.call, &got));
        CHECK_EQ_MEM(s.log, 22, "\naudio.audio_data 400=", 22);
        end();
    }
}

static void refused(const char *hex_text, size_t filler, uint32_t status)
{
    static uint8_t msg[2000];
    size_t n = test_hex(hex_text, msg, sizeof msg), cut;
    memset(msg + n, 0, filler);
    for (cut = 0; cut < 3; cut++) {
        begin(&viamc_method_camera_get_images, 0);
        CHECK(!feed(viamc_view(msg, n + filler), cut * 300, 100));
        CHECK_EQ_INT(s.user.call.status, status);
        end();
    }
}

TEST(hostile_lengths)
{
    refused("0affffffff0f", 300, VIAMC_INTERNAL);             /* longer than the message */
    refused("0affffffffffffffffff01", 300, VIAMC_INTERNAL);   /* than anything */
    refused("0affffffffffffffffffff01", 300, VIAMC_INTERNAL); /* a varint of 11 octets */
    refused("0a80021aff02", 300, VIAMC_INTERNAL);             /* longer than the message around it */
    refused("0a021a80", 300, VIAMC_INTERNAL);                 /* which ends in the length */
    refused("0a8002 0b", 300, VIAMC_INTERNAL);                /* a group that does not end, and tags of 0 */
    refused("0c", 300, VIAMC_INTERNAL);                       /* one that did not begin */
    refused("00", 300, VIAMC_INTERNAL);
    refused("0e", 300, VIAMC_INTERNAL);                       /* types 6 and 7 */
    refused("3affff", 300, VIAMC_INTERNAL);
    refused("0a02 fb01 fc01 0a8302 1a8002", 256, VIAMC_INTERNAL); /* a group that ends outside of the message that it began in */
    refused("3aa702", 295, VIAMC_RESOURCE_EXHAUSTED);         /* a field that is no bytes and does not fit */
    refused("0aaa02 0aa702", 295, VIAMC_RESOURCE_EXHAUSTED);
}

/* Many small fields fill the slot up to where nothing more could come. */
TEST(too_much_beside_the_bytes)
{
    vmc_wr w = vmc_wr_of(room[0], sizeof room[0]);
    unsigned i;
    for (i = 0; i < 100; i++)
        put(&w, 1, viamc_view("", 0));
    put(&w, 1, image(1, "b", 400));
    begin(&viamc_method_camera_get_images, 0);
    CHECK(!feed(viamc_view(room[0], w.len), 3, 50));
    CHECK_EQ_INT(s.user.call.status, VIAMC_RESOURCE_EXHAUSTED);
    end();
}

/* A bytes field stays if it ends in the first half of the slot, prefix not counted. */
TEST(small_bytes_stay)
{
    const size_t before = 2 + 3 + 2, most = SLOT / 2 - before; /* heads of the image and of its octets, its name */
    size_t n;
    for (n = 1; n < most + 4; n++) {
        vmc_wr w = vmc_wr_of(room[7], sizeof room[7]);
        put(&w, 1, image(0, "a", n));
        put(&w, 1, image(1, "b", 200));
        begin(&viamc_method_camera_get_images, 0);
        REQUIRE(feed(viamc_view(room[7], w.len), 0, 0) && s.log_len > 17);
        CHECK_EQ_MEM(s.log, 17, n <= most ? "\nimages[1].image " : "\nimages[0].image ", 17);
        end();
    }
}

/* Without a sink: what is larger than a slot goes to the lent buffer, also if slot and prefix together had room for it. */
TEST(messages_of_about_a_slot)
{
    static uint8_t into[200];
    viamc_bytes msg;
    size_t n;
    for (n = SLOT - 1; n < SLOT + 9; n++) {
        begin(NULL, 0);
        s.user.call.has_sink = false;
        s.user.taker.into.ptr = into;
        s.user.taker.into.cap = sizeof into;
        REQUIRE(feed(pattern(n, 1), 0, 0) && vmc_calls_take(&s.t, &s.user.call, &msg));
        CHECK_EQ_MEM(msg.ptr, msg.len, pattern(n, 1).ptr, n);
        CHECK_EQ_INT(msg.ptr == into, n > SLOT);
        end();
    }
}

/* Three quarters of a slot are kept, and not an octet more. */
TEST(how_much_is_kept_beside_the_bytes)
{
    const size_t most = SLOT - SLOT / 4, heads = 2 + 3 + 3; /* of the filler, of the image, of its octets */
    size_t n;
    for (n = most - heads - 3; n < most - heads + 3; n++) {
        vmc_wr image_w = vmc_wr_of(room[0], sizeof room[0]), w = vmc_wr_of(room[1], sizeof room[1]);
        put(&image_w, 3, pattern(400, 1));
        put(&w, 15, pattern(n, 2));
        put(&w, 1, viamc_view(room[0], image_w.len));
        begin(&viamc_method_camera_get_images, 0);
        CHECK_EQ_INT(feed(viamc_view(room[1], w.len), 3, 50), n + heads <= most);
        if (n + heads <= most)
            CHECK_EQ_INT(taken().len, n + heads);
        else
            CHECK_EQ_INT(s.user.call.status, VIAMC_RESOURCE_EXHAUSTED);
        end();
    }
}

int main(int argc, char **argv)
{
    test_begin("sink", argc, argv);
    RUN(images_at_every_cut);
    RUN(the_sink_waits_at_each_piece);
    RUN(the_sink_fails_at_each_piece);
    RUN(truncated_messages_are_not_whole);
    RUN(damaged_messages_end_alike_however_cut);
    RUN(nested_in_a_oneof);
    RUN(messages_of_a_stream);
    RUN(hostile_lengths);
    RUN(too_much_beside_the_bytes);
    RUN(small_bytes_stay);
    RUN(messages_of_about_a_slot);
    RUN(how_much_is_kept_beside_the_bytes);
    return test_end();
}
