/* SPDX-License-Identifier: MIT */
/* The functions of viamc_proto.h, misused: messages, lists, typed calls and answers, handy forms. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include "misuse.h"
#include "script.h"

typedef viam_common_v1_DoCommandRequest command_request;
typedef viam_component_arm_v1_JointPositions joints;

static const pb_msgdesc_t *const command_fields = &viam_common_v1_DoCommandRequest_msg;
static uint8_t buf[64];
static const viamc_method blind = {"/a.B/C", NULL, NULL, 0, NULL};

/* What comes of a list, as the joints of an arm. */
static viamc_err written(viamc_list list)
{
    joints message = VIAMC_ZERO;
    viamc_bytes out;
    message.values = list;
    return viamc_message_write(&viam_component_arm_v1_JointPositions_msg, &message, buf, sizeof buf, &out);
}

/* ---- messages and lists ---- */

TEST(viamc_message_read)
{
    command_request q;
    memset(&q, 0xff, sizeof q);
    CHECK_EQ_INT(viamc_message_read(NULL, NOTHING, &q, sizeof q), VIAMC_ERR_ARG);
    CHECK(q.name.ptr == NULL);
    CHECK_EQ_INT(viamc_message_read(command_fields, NOTHING, NULL, sizeof q), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_message_read(command_fields, NOWHERE, &q, sizeof q), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_message_read(command_fields, NOTHING, &q, sizeof q), VIAMC_OK);
}

TEST(viamc_message_write)
{
    command_request q = VIAMC_ZERO;
    viamc_bytes out = viamc_view("x", 1);
    CHECK_EQ_INT(viamc_message_write(NULL, &q, buf, sizeof buf, &out), VIAMC_ERR_ARG);
    CHECK(out.ptr == NULL && out.len == 0);
    CHECK_EQ_INT(viamc_message_write(command_fields, NULL, buf, sizeof buf, &out), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_message_write(command_fields, &q, buf, sizeof buf, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_message_write(command_fields, &q, NULL, sizeof buf, &out), VIAMC_ERR_NOMEM);
}

TEST(viamc_list_array)
{
    double numbers[2] = {1, 2};
    viam_common_v1_GetGeometriesResponse geometries = VIAMC_ZERO;
    viam_component_inputcontroller_v1_StreamEventsRequest_Events events = VIAMC_ZERO;
    viamc_str texts[2];
    viamc_bytes out;
    viamc_list list = viamc_list_array(NULL, 2, sizeof numbers[0]);
    CHECK_EQ_INT(list.err, VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_list_count(&list), 0);
    CHECK_EQ_INT(written(list), VIAMC_ERR_MESSAGE);
    geometries.geometries = viamc_list_array(NULL, 2, sizeof(viam_common_v1_Geometry));
    CHECK_EQ_INT(viamc_message_write(&viam_common_v1_GetGeometriesResponse_msg, &geometries, buf, sizeof buf, &out), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(written(viamc_list_array(numbers, 2, 0)), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(written(viamc_list_array(numbers, 2, 65536u + sizeof numbers[0])), VIAMC_ERR_MESSAGE);
    texts[0].ptr = NULL; /* a text that is nowhere is an empty one */
    texts[0].len = 4;
    texts[1] = viamc_text("x");
    events.events = viamc_list_of(texts, 2);
    CHECK_EQ_INT(viamc_message_write(&viam_component_inputcontroller_v1_StreamEventsRequest_Events_msg, &events, buf, sizeof buf, &out), VIAMC_OK);
    CHECK_EQ_HEX(out.ptr, out.len, "1200 120178");
    CHECK_EQ_INT(written(viamc_list_array(NULL, 0, sizeof numbers[0])), VIAMC_OK);
    CHECK_EQ_INT(written(viamc_list_array(numbers, 2, sizeof numbers[0])), VIAMC_OK);
}

TEST(viamc_list_from)
{
    CHECK_EQ_INT(viamc_list_from(NULL, buf).err, VIAMC_ERR_ARG);
    CHECK_EQ_INT(written(viamc_list_from(NULL, buf)), VIAMC_ERR_MESSAGE);
}

TEST(viamc_list_take)
{
    joints reply;
    double number;
    CHECK_EQ_INT(viamc_message_read(&viam_component_arm_v1_JointPositions_msg, viamc_view("\x0a\x08\0\0\0\0\0\0\xf0\x3f", 10), &reply, sizeof reply), VIAMC_OK);
    CHECK(!viamc_list_take(NULL, &number, sizeof number));
    CHECK(!viamc_list_take(&reply.values, NULL, sizeof number));
    CHECK_EQ_INT(reply.values.err, VIAMC_ERR_ARG);
}

TEST(viamc_list_count)
{
    CHECK_EQ_INT(viamc_list_count(NULL), 0);
}

/* ---- calls ---- */

TEST(viamc_call_start)
{
    viam_component_motor_v1_IsMovingRequest q = VIAMC_ZERO;
    viamc_call call = 7;
    script_new();
    script_ready();
    CHECK_EQ_INT(viamc_call_start(NULL, &viamc_method_motor_is_moving, &q, NULL, &call), VIAMC_ERR_ARG);
    CHECK_EQ_INT(call, 0);
    CHECK_EQ_INT(viamc_call_start(script_now.client, NULL, &q, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_start(script_now.client, &blind, &q, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_start(script_now.client, &viamc_method_motor_is_moving, NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_start(script_now.client, &viamc_method_motor_is_moving, &q, NULL, &call), VIAMC_OK); /* nothing else was started */
    script_run(1);
    script_reply(script_request(viamc_method_motor_is_moving.path), NULL, 0);
    script_run(1);
    CHECK(script_event(VIAMC_EV_DONE, 0) != NULL && script_event(VIAMC_EV_DONE, 0)->call == call && script_event(VIAMC_EV_DONE, 1) == NULL);
    script_close();
}

TEST(viamc_call_named)
{
    script_new();
    script_ready();
    CHECK_EQ_INT(viamc_call_named(NULL, &viamc_method_motor_is_moving, "m", NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_named(script_now.client, NULL, "m", NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_named(script_now.client, &viamc_method_motor_is_moving, NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_named(script_now.client, &viamc_method_testecho_echo_bi_di, "e", NULL, NULL), VIAMC_ERR_ARG);
    script_close();
}

TEST(viamc_call_send_message)
{
    const viamc_method *method = &viamc_method_testecho_echo_bi_di;
    viam_component_testecho_v1_EchoBiDiRequest q = VIAMC_ZERO;
    viamc_call call;
    script_new();
    script_ready();
    CHECK_EQ_INT(viamc_call_start(script_now.client, method, NULL, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_message(NULL, call, method, &q), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_send_message(script_now.client, call, NULL, &q), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_send_message(script_now.client, call, &blind, &q), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_send_message(script_now.client, call, method, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_send_message(script_now.client, 0, method, &q), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_call_send_message(script_now.client, call, method, &q), VIAMC_OK);
    script_close();
}

TEST(viamc_call_reply)
{
    viam_component_motor_v1_IsMovingResponse reply;
    viamc_event ev = VIAMC_ZERO;
    ev.kind = VIAMC_EV_DONE;
    ev.method = &viamc_method_motor_is_moving;
    memset(&reply, 0xff, sizeof reply);
    CHECK_EQ_INT(viamc_call_reply(NULL, ev.method, &reply, sizeof reply), VIAMC_ERR_ARG);
    CHECK(!reply.is_moving);
    CHECK_EQ_INT(viamc_call_reply(&ev, NULL, &reply, sizeof reply), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_reply(&ev, ev.method, NULL, sizeof reply), VIAMC_ERR_ARG);
    ev.path = "/a.B/C";
    ev.method = NULL;
    CHECK_EQ_INT(viamc_call_reply(&ev, &blind, &reply, sizeof reply), VIAMC_ERR_ARG); /* its reply is not known */
    ev.method = &viamc_method_motor_is_moving;
    CHECK_EQ_INT(viamc_call_reply(&ev, ev.method, &reply, sizeof reply), VIAMC_OK);
}

TEST(viamc_answer)
{
    CHECK_EQ_INT(viamc_answer(NULL, &viamc_method_motor_is_moving, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_answer(NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_answer(NULL, &blind, buf), VIAMC_ERR_ARG);
}

/* ---- handy forms ---- */

TEST(viamc_duration)
{
    CHECK_EQ_INT(viamc_duration(INT64_MIN).seconds, INT64_MIN / 1000);
}

TEST(viamc_duration_ms)
{
    CHECK_EQ_INT(viamc_duration_ms(NULL), 0);
}

TEST(viamc_timestamp)
{
    CHECK_EQ_INT(viamc_timestamp(INT64_MIN).seconds, INT64_MIN / 1000 - 1);
}

TEST(viamc_timestamp_ms)
{
    CHECK_EQ_INT(viamc_timestamp_ms(NULL), 0);
}

TEST(viamc_timestamp_print)
{
    google_protobuf_Timestamp t = VIAMC_ZERO;
    char text[25] = "x";
    CHECK_EQ_INT(viamc_timestamp_print(NULL, text), 0);
    CHECK_EQ_STR(text, "");
    CHECK_EQ_INT(viamc_timestamp_print(&t, NULL), 0);
}

TEST(viamc_resource_name_parse)
{
    viam_common_v1_ResourceName name;
    viamc_str nowhere;
    nowhere.ptr = NULL;
    nowhere.len = 4;
    memset(&name, 0xff, sizeof name);
    CHECK_EQ_INT(viamc_resource_name_parse(nowhere, &name), VIAMC_ERR_ARG);
    CHECK(name.name.ptr == NULL);
    CHECK_EQ_INT(viamc_resource_name_parse(viamc_text("rdk:component:motor/left"), NULL), VIAMC_ERR_ARG);
}

TEST(viamc_resource_name_print)
{
    viam_common_v1_ResourceName name = VIAMC_ZERO;
    char text[8] = "x";
    CHECK_EQ_INT(viamc_resource_name_print(NULL, text, sizeof text), 0);
    CHECK_EQ_STR(text, "");
    CHECK_EQ_INT(viamc_resource_name_print(&name, NULL, sizeof text), 3);
    CHECK_EQ_INT(viamc_resource_name_print(&name, text, sizeof text), 3);
    CHECK_EQ_STR(text, "::/");
}

TEST(viamc_readings)
{
    viamc_event ev = VIAMC_ZERO;
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    ev.kind = VIAMC_EV_DONE;
    ev.method = &viamc_method_sensor_get_readings;
    CHECK_EQ_INT(viamc_readings(&ev, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_readings(NULL, &fields), VIAMC_ERR_ARG);
    CHECK(!viamc_struct_next(&fields, &key, &value));
    CHECK_EQ_INT(viamc_readings(&ev, &fields), VIAMC_OK);
    ev.method = &viamc_method_motor_is_moving;
    CHECK_EQ_INT(viamc_readings(&ev, &fields), VIAMC_ERR_ARG);
}

int main(int argc, char **argv)
{
    test_begin("misuse_proto", argc, argv);
    RUN(viamc_message_read);
    RUN(viamc_message_write);
    RUN(viamc_list_array);
    RUN(viamc_list_from);
    RUN(viamc_list_take);
    RUN(viamc_list_count);
    RUN(viamc_call_start);
    RUN(viamc_call_named);
    RUN(viamc_call_send_message);
    RUN(viamc_call_reply);
    RUN(viamc_answer);
    RUN(viamc_duration);
    RUN(viamc_duration_ms);
    RUN(viamc_timestamp);
    RUN(viamc_timestamp_ms);
    RUN(viamc_timestamp_print);
    RUN(viamc_resource_name_parse);
    RUN(viamc_resource_name_print);
    RUN(viamc_readings);
    return test_end();
}
