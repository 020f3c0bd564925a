/* SPDX-License-Identifier: MIT */
/* viamc_proto.h, vmc_split: any octets as a large reply on its way to a sink, from a peer that keeps to its credit. Whole and in small parts, with
 * a sink that waits now and then: the same pieces, the same end, the same octets kept. What is whole is as good a message as the one that came,
 * what is called malformed is. */
#define VIAMC_NO_TLS
#define VIAMC_NO_SERVER
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "fuzz.h"
#include "../proto/rebuild.h"

enum { SLOT_LEAST = 64, TAKES = 64 * FUZZ_MAX };

static const viamc_method *const methods[] = {
    &viamc_method_camera_get_images, &viamc_method_camera_get_point_cloud, &viamc_method_mlmodel_infer, &viamc_method_vision_capture_all_from_camera,
    &viamc_method_discovery_discover_resources, &viamc_method_audioin_get_audio, &viamc_method_arm_get_kinematics, &viamc_method_robot_frame_system_config,
    &viamc_method_worldstatestore_list_uuids, &viamc_method_reflection_server_reflection_info,
};

/* How a message comes. */
typedef struct arrival {
    uint32_t step; /* octets at once; 0: as many as there is credit for */
    uint32_t wait; /* each so manyth piece the sink waits; 0: never */
} arrival;

typedef struct run {
    vmc_calls t;
    vmc_user_call user;
    uint8_t *slot;
    fuzz_trace trace;
    uint32_t next, total; /* of the field under way */
    uint32_t pieces;
    arrival how;
} run;

static viamc_err sink(void *user, const viamc_piece *p)
{
    run *r = (run *)user;
    FUZZ_CHECK(p->bytes.len != 0 && p->bytes.len <= p->total && p->offset <= p->total - p->bytes.len);
    FUZZ_CHECK(p->path != NULL && p->offset == r->next && (p->offset == 0 || p->total == r->total));
    if (r->how.wait != 0 && ++r->pieces % r->how.wait == 0)
        return VIAMC_WAIT;
    if (p->offset == 0) {
        fuzz_note(&r->trace, p->path, strlen(p->path));
        fuzz_note_number(&r->trace, p->total);
    }
    fuzz_note(&r->trace, p->bytes.ptr, p->bytes.len);
    r->total = p->total;
    r->next = (uint32_t)(p->offset + p->bytes.len);
    if (r->next == r->total)
        r->next = 0;
    return VIAMC_OK;
}

static void begin(run *r, const viamc_method *method, uint32_t slot, arrival how)
{
    VIAMC_MEMSET(&r->t, 0, sizeof r->t);
    VIAMC_MEMSET(&r->user, 0, sizeof r->user);
    r->trace.len = r->next = r->total = r->pieces = 0; /* not its octets: they are many */
    r->how = how;
    r->slot = (uint8_t *)malloc(slot + VMC_CALL_EXTRA);
    FUZZ_CHECK(r->slot != NULL);
    r->t.users = &r->user;
    r->t.count = r->t.user_count = r->t.slot_count = 1;
    r->t.slots = r->slot;
    r->t.slot_bytes = slot;
    vmc_calls_init(&r->t);
    vmc_calls_claim(&r->t, &r->user.call);
    r->user.method = method;
    r->user.call.has_sink = true;
    r->user.taker.sink.fn = sink;
    r->user.taker.sink.user = r;
}

/* Gives the octets as they come. */
static void give(run *r, viamc_bytes in)
{
    unsigned takes = 0;
    while (in.len != 0 && r->user.call.state == VMC_CALL_OPEN) {
        uint32_t room = vmc_min32(vmc_calls_room(&r->t, &r->user.call), r->how.step != 0 ? r->how.step : UINT32_MAX);
        viamc_bytes now = fuzz_take(&in, room);
        uint8_t *exact = fuzz_exact(now);
        if (room != 0)
            (void)vmc_calls_data(&r->t, &r->user.call, viamc_view(exact, now.len));
        free(exact);
        if (r->user.call.state == VMC_CALL_OPEN)
            (void)vmc_calls_settle(&r->t, &r->user.call);
        FUZZ_CHECK(++takes < TAKES); /* there is always credit again */
    }
}

/* Gives a message; what came of it goes into the trace. True if it is whole: *kept is what the event brings. */
static bool take(run *r, viamc_bytes all, viamc_bytes *kept)
{
    bool whole;
    unsigned idle;
    give(r, all);
    for (idle = 0; idle < 2 && r->user.call.state == VMC_CALL_OPEN; idle++) { /* the sink never waits twice in a row */
        const uint32_t left = r->user.left;
        (void)vmc_calls_settle(&r->t, &r->user.call);
        if (r->user.left != left)
            idle = 0;
    }
    fuzz_note_number(&r->trace, r->user.call.state);
    fuzz_note_number(&r->trace, r->user.call.status);
    whole = r->user.call.state == VMC_CALL_OPEN && vmc_call_is_whole(&r->user.call) && vmc_calls_take(&r->t, &r->user.call, kept);
    if (whole)
        fuzz_note(&r->trace, kept->ptr, kept->len);
    return whole;
}

/* Everything in a message can be read. */
static bool is_good(const pb_msgdesc_t *fields, viamc_bytes msg)
{
    static uint64_t room[128];
    bool good = viamc_message_read(fields, msg, room, sizeof room) == VIAMC_OK && rebuild(fields, room);
    forget();
    return good;
}

static void fuzz_one(viamc_bytes in)
{
    static run a, b;
    static uint8_t all[FUZZ_MAX + VMC_CALL_PREFIX];
    const viamc_method *method = methods[fuzz_u8(&in) % (sizeof methods / sizeof methods[0])];
    const pb_msgdesc_t *reply = (const pb_msgdesc_t *)method->reply;
    const uint32_t slot = SLOT_LEAST + fuzz_u8(&in), missing = fuzz_u8(&in) / 128u;
    arrival at_once = {0, 0}, in_parts;
    viamc_bytes kept;
    bool whole;
    in_parts.step = 1u + fuzz_u8(&in);
    in_parts.wait = fuzz_u8(&in) % 8u;
    in_parts.wait += in_parts.wait == 1u; /* one that only waits */
    all[0] = 0;
    vmc_put_be32(all + 1, (uint32_t)in.len + missing);
    vmc_copy(all + VMC_CALL_PREFIX, in.ptr, in.len);
    begin(&a, method, slot, at_once);
    begin(&b, method, slot, in_parts);
    whole = take(&a, viamc_view(all, in.len + VMC_CALL_PREFIX), &kept);
    if (whole)
        FUZZ_CHECK(missing == 0 && kept.len <= slot && is_good(reply, kept) == is_good(reply, in));
    else if (a.user.call.state != VMC_CALL_OPEN && a.user.call.status == VIAMC_INTERNAL)
        FUZZ_CHECK(!is_good(reply, in));
    FUZZ_CHECK(take(&b, viamc_view(all, in.len + VMC_CALL_PREFIX), &kept) == whole);
    FUZZ_CHECK(fuzz_same(&a.trace, &b.trace));
    free(a.slot);
    free(b.slot);
}
