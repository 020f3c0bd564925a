/* SPDX-License-Identifier: MIT */
/* viamc_proto.h: any octets as a message of many kinds: lists in lists, maps, oneofs, Structs, a number above 65,535. What is read is walked,
 * written, read again and written again: the same octets. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "fuzz.h"

#define MESSAGE(name) {&name##_msg, sizeof(name)}

static const struct {
    const pb_msgdesc_t *fields;
    size_t size;
} messages[] = {
    MESSAGE(viam_component_camera_v1_GetImagesResponse), MESSAGE(viam_component_arm_v1_MoveThroughJointPositionsRequest),
    MESSAGE(viam_service_motion_v1_MoveRequest), MESSAGE(viam_service_mlmodel_v1_InferRequest), MESSAGE(viam_common_v1_GetReadingsResponse),
    MESSAGE(viam_service_sensors_v1_GetReadingsResponse), MESSAGE(viam_robot_v1_FrameSystemConfigResponse), MESSAGE(viam_common_v1_Get3DModelsResponse),
    MESSAGE(viam_component_board_v1_StreamTicksRequest), MESSAGE(viam_robot_v1_SendTracesRequest), MESSAGE(google_rpc_Status),
    MESSAGE(grpc_reflection_v1_ServerReflectionResponse),
};

static void walk(const pb_msgdesc_t *fields, void *message);

static void walk_list(viamc_list list)
{
    uint8_t *element = (uint8_t *)malloc(list.size + 1u);
    size_t n = viamc_list_count(&list), read = 0;
    FUZZ_CHECK(element != NULL);
    while (viamc_list_take(&list, element, list.size)) {
        if (list.type == PB_LTYPE_SUBMESSAGE)
            walk(list.fields, element);
        read++;
    }
    FUZZ_CHECK(read <= n && (read == n || list.err == VIAMC_ERR_MESSAGE));
    free(element);
}

static void walk_fields(viamc_fields fields)
{
    viamc_str key;
    viamc_value v;
    while (viamc_struct_next(&fields, &key, &v))
        if (v.kind == VIAMC_STRUCT)
            walk_fields(v.fields);
}

static void walk(const pb_msgdesc_t *fields, void *message)
{
    pb_field_iter_t it;
    if (!pb_field_iter_begin(&it, fields, message))
        return;
    do {
        bool view = PB_ATYPE(it.type) == PB_ATYPE_CALLBACK;
        if (PB_HTYPE(it.type) == PB_HTYPE_ONEOF && *(const pb_size_t *)it.pSize != it.tag)
            continue;
        if (PB_HTYPE(it.type) == PB_HTYPE_REPEATED)
            walk_list(*(const viamc_list *)it.pData);
        else if (view && (it.array_size == VMC_VIEW_STRUCT || it.array_size == VMC_VIEW_MAP))
            walk_fields(*(const viamc_fields *)it.pData);
        else if (PB_LTYPE_IS_SUBMSG(it.type))
            walk(it.submsg_desc, it.pData);
    } while (pb_field_iter_next(&it));
}

static void fuzz_one(viamc_bytes in)
{
    static uint8_t one[8 * FUZZ_MAX], two[8 * FUZZ_MAX];
    static uint64_t room[2][128];
    size_t which = fuzz_u8(&in) % (sizeof messages / sizeof messages[0]), size = messages[which].size;
    const pb_msgdesc_t *fields = messages[which].fields;
    uint8_t *exact = fuzz_exact(in);
    viamc_bytes first, again;
    FUZZ_CHECK(size <= sizeof room[0]);
    if (viamc_message_read(fields, viamc_view(exact, in.len), room[0], size) == VIAMC_OK) {
        walk(fields, room[0]);
        if (viamc_message_write(fields, room[0], one, sizeof one, &first) == VIAMC_OK) {
            FUZZ_CHECK(viamc_message_read(fields, first, room[1], size) == VIAMC_OK);
            FUZZ_CHECK(viamc_message_write(fields, room[1], two, sizeof two, &again) == VIAMC_OK);
            FUZZ_CHECK(first.len == again.len && vmc_same(first.ptr, again.ptr, first.len));
        }
    }
    free(exact);
}
