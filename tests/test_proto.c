/* SPDX-License-Identifier: MIT */
/* viamc_proto.h: messages with their views and lists, and the typed calls against a scripted robot. (All messages, at random: test_proto_python.py;
 * the server's side: test_proto_server.c.) */
#define VIAMC_NO_TLS
#define VIAMC_NO_SERVER
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include "test.h"

#include "script.h"

typedef viam_component_motor_v1_SetPowerRequest set_power_request;
typedef viam_common_v1_Geometry geometry;
typedef viam_common_v1_GetGeometriesResponse geometries;

static uint8_t octets[20000], more_octets[4096];

static viamc_bytes hex(const char *text)
{
    return viamc_view(octets, test_hex(text, octets, sizeof octets));
}

#define READ(type, text, out) viamc_message_read(&type##_msg, hex(text), (out), sizeof(type))
#define CHECK_WRITES(type, msg, text)                                                                                        \
    do {                                                                                                                     \
        viamc_bytes written;                                                                                                 \
        CHECK_EQ_INT(viamc_message_write(&type##_msg, (msg), more_octets, sizeof more_octets, &written), VIAMC_OK);          \
        CHECK_EQ_HEX(written.ptr, written.len, text);                                                                        \
    } while (0)
#define CHECK_TEXT(got, want) CHECK_EQ_MEM((got).ptr, (got).len, want, strlen(want))

/* ---- messages: viam-wire.md 8.4 ---- */

TEST(p10_set_power)
{
    set_power_request req = VIAMC_ZERO;
    req.name = viamc_text("m1");
    req.power_pct = 0.5;
    CHECK_WRITES(viam_component_motor_v1_SetPowerRequest, &req, "0a026d3111000000000000e03f");
    req.extra = viamc_struct_fields(viamc_view("", 0));
    CHECK_WRITES(viam_component_motor_v1_SetPowerRequest, &req, "0a026d3111000000000000e03f9a0600");
    req.extra = viamc_struct_fields(viamc_view(NULL, 0));
    req.power_pct = 0;
    CHECK_WRITES(viam_component_motor_v1_SetPowerRequest, &req, "0a026d31");
    CHECK_EQ_INT(READ(viam_component_motor_v1_SetPowerRequest, "0a026d3111000000000000e03f9a0600", &req), VIAMC_OK);
    CHECK_TEXT(req.name, "m1");
    CHECK_NEAR(req.power_pct, 0.5, 0);
    CHECK(req.extra.rest.ptr != NULL);
    CHECK_EQ_INT(req.extra.rest.len, 0);
    CHECK_EQ_INT(READ(viam_component_motor_v1_SetPowerRequest, "0a026d31", &req), VIAMC_OK);
    CHECK_NEAR(req.power_pct, 0, 0);
    CHECK(req.extra.rest.ptr == NULL);
}

TEST(p11_do_command)
{
    static const char text[] = "0a02673112230a0d0a03636d6412061a04746573740a120a0564617461311209110000000000407f40";
    viam_common_v1_DoCommandRequest req = VIAMC_ZERO;
    viamc_struct_writer w;
    viamc_bytes command;
    viamc_str key;
    viamc_value value;
    uint8_t buf[64];
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_string(&w, "cmd", "test");
    viamc_struct_number(&w, "data1", 500);
    CHECK_EQ_INT(viamc_struct_end(&w, &command), VIAMC_OK);
    req.name = viamc_text("g1");
    req.command = viamc_struct_fields(command);
    CHECK_WRITES(viam_common_v1_DoCommandRequest, &req, text);
    CHECK_EQ_INT(READ(viam_common_v1_DoCommandRequest, text, &req), VIAMC_OK);
    REQUIRE(viamc_struct_next(&req.command, &key, &value));
    CHECK_TEXT(key, "cmd");
    CHECK_TEXT(value.text, "test");
    REQUIRE(viamc_struct_next(&req.command, &key, &value));
    CHECK_TEXT(key, "data1");
    CHECK_NEAR(value.number, 500, 0);
    CHECK(!viamc_struct_next(&req.command, &key, &value));
    CHECK_EQ_INT(req.command.err, VIAMC_OK);
}

TEST(p14_readings)
{
    static const char text[] = "0a080a026f6b120220010a0e0a01741209110000000000803540";
    viam_common_v1_GetReadingsResponse reply;
    viamc_str key;
    viamc_value value;
    CHECK_EQ_INT(READ(viam_common_v1_GetReadingsResponse, text, &reply), VIAMC_OK);
    CHECK_WRITES(viam_common_v1_GetReadingsResponse, &reply, text);
    REQUIRE(viamc_struct_next(&reply.readings, &key, &value));
    CHECK_TEXT(key, "ok");
    CHECK(value.kind == VIAMC_BOOL && value.boolean);
    REQUIRE(viamc_struct_next(&reply.readings, &key, &value));
    CHECK_TEXT(key, "t");
    CHECK_NEAR(value.number, 21.5, 0);
    CHECK(!viamc_struct_next(&reply.readings, &key, &value));
    /* the entries of a map may be parted by other fields: these are left out when it is written */
    CHECK_EQ_INT(READ(viam_common_v1_GetReadingsResponse, "0a080a026f6b12022001 1205aabbccddee 0a0e0a01741209110000000000803540", &reply), VIAMC_OK);
    CHECK_WRITES(viam_common_v1_GetReadingsResponse, &reply, text);
}

TEST(presence)
{
    geometry g;
    viam_common_v1_Mesh mesh = VIAMC_ZERO;
    CHECK_EQ_INT(READ(viam_common_v1_Geometry, "", &g), VIAMC_OK);
    CHECK(!g.has_center);
    CHECK_EQ_INT(g.which_geometry_type, 0);
    CHECK(g.label.ptr == NULL);
    CHECK_WRITES(viam_common_v1_Geometry, &g, "");
    CHECK_EQ_INT(READ(viam_common_v1_Geometry, "0a00 1200 2200", &g), VIAMC_OK);
    CHECK(g.has_center);
    CHECK_EQ_INT(g.which_geometry_type, viam_common_v1_Geometry_sphere_tag);
    CHECK(g.label.ptr != NULL);
    CHECK_WRITES(viam_common_v1_Geometry, &g, "0a001200"); /* an empty label is none */
    mesh.original_file_source_path_diagnostic = viamc_text("");
    CHECK_WRITES(viam_common_v1_Mesh, &mesh, "1a00"); /* but this one is optional */
    CHECK_EQ_INT(READ(viam_common_v1_Mesh, "1a00", &mesh), VIAMC_OK);
    CHECK(mesh.original_file_source_path_diagnostic.ptr != NULL);
    CHECK(mesh.content_type.ptr == NULL);
}

TEST(oneof_members_replace_one_another)
{
    geometry g;
    /* a mesh, then a capsule */
    CHECK_EQ_INT(READ(viam_common_v1_Geometry, "32050a0361 6263 2a09 09000000000000f03f", &g), VIAMC_OK);
    CHECK_EQ_INT(g.which_geometry_type, viam_common_v1_Geometry_capsule_tag);
    CHECK_NEAR(g.geometry_type.capsule.radius_mm, 1, 0);
    CHECK_NEAR(g.geometry_type.capsule.length_mm, 0, 0);
    CHECK_WRITES(viam_common_v1_Geometry, &g, "2a0909000000000000f03f");
    /* the same member twice: merged */
    CHECK_EQ_INT(READ(viam_common_v1_Geometry, "2a09 09000000000000f03f 2a09 110000000000000040", &g), VIAMC_OK);
    CHECK_NEAR(g.geometry_type.capsule.radius_mm, 1, 0);
    CHECK_NEAR(g.geometry_type.capsule.length_mm, 2, 0);
}

TEST(what_is_not_known_is_passed_by)
{
    set_power_request req;
    /* number 15 as varint, fixed64, bytes and fixed32; group 1000 with a field in it; name as varint; power_pct as bytes */
    CHECK_EQ_INT(READ(viam_component_motor_v1_SetPowerRequest,
                      "7801 790102030405060708 7a0161 7d01020304 c33e 0801 c43e 0807 120161 0a026d31 11000000000000e03f", &req), VIAMC_OK);
    CHECK_TEXT(req.name, "m1");
    CHECK_NEAR(req.power_pct, 0.5, 0);
}

TEST(what_is_malformed_is_refused)
{
    set_power_request req;
    static const char *const bad[] = {"0a", "0a05", "0a036d31", "11000000", "00", "08ffffffffffffffffff01ff", "0c", "0b", "9a06", "9a0605"};
    size_t i;
    for (i = 0; i < TEST_COUNT(bad); i++)
        CHECK_EQ_INT(READ(viam_component_motor_v1_SetPowerRequest, bad[i], &req), VIAMC_ERR_MESSAGE);
}

/* Only a list or Struct that would have to be put together from two places. */
TEST(messages_in_two_parts)
{
    set_power_request req;
    viam_component_testecho_v1_EchoRequest echo;
    CHECK_EQ_INT(READ(viam_component_motor_v1_SetPowerRequest, "9a0607 0a050a0161 1200 9a0607 0a050a0162 1200", &req), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(READ(viam_component_testecho_v1_EchoRequest, "0a0161 120178 0a0162", &echo), VIAMC_OK); /* of a number or text the last one counts */
    CHECK_TEXT(echo.name, "b");
    CHECK_TEXT(echo.message, "x");
}

/* Every truncation, in memory of exactly that size. */
TEST(truncations)
{
    static const char text[] = "0a1f0a09 09000000000000f03f 12090900000000000000402207 6c6566746d6f74 0a02 1200";
    uint8_t whole[64];
    size_t n, len = test_hex(text, whole, sizeof whole);
    for (n = 0; n <= len; n++) {
        uint8_t *part = (uint8_t *)malloc(n + (n == 0));
        geometries reply;
        geometry g;
        viamc_err err;
        memcpy(part, whole, n);
        err = viamc_message_read(&viam_common_v1_GetGeometriesResponse_msg, viamc_view(part, n), &reply, sizeof reply);
        CHECK_EQ_INT(err, n == 0 || n == 33 || n == len ? VIAMC_OK : VIAMC_ERR_MESSAGE);
        while (err == VIAMC_OK && viamc_list_read(&reply.geometries, &g))
            CHECK_EQ_INT(g.which_geometry_type, viam_common_v1_Geometry_sphere_tag);
        CHECK_EQ_INT(reply.geometries.err, VIAMC_OK);
        free(part);
    }
}

TEST(sizes)
{
    set_power_request req = VIAMC_ZERO;
    viamc_bytes out;
    req.name = viamc_text("m1");
    CHECK_EQ_INT(viamc_message_write(&viam_component_motor_v1_SetPowerRequest_msg, &req, NULL, 0, &out), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(out.len, 4);
    CHECK_EQ_INT(viamc_message_write(&viam_component_motor_v1_SetPowerRequest_msg, &req, octets, 3, &out), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(out.len, 4);
    CHECK(out.ptr == NULL);
    CHECK_EQ_INT(viamc_message_write(&viam_component_motor_v1_SetPowerRequest_msg, &req, octets, 4, &out), VIAMC_OK);
}

TEST(nanopb_itself)
{
    set_power_request req = VIAMC_ZERO;
    viam_component_motor_v1_GetPositionResponse position = VIAMC_ZERO;
    pb_ostream_t out = pb_ostream_from_buffer(octets, sizeof octets);
    pb_istream_t in;
    req.name = viamc_text("m1");
    CHECK(pb_encode(&out, &viam_component_motor_v1_SetPowerRequest_msg, &req));
    CHECK_EQ_HEX(octets, out.bytes_written, "0a026d31");
    in = pb_istream_from_buffer(octets, out.bytes_written);
    CHECK(!pb_decode(&in, &viam_component_motor_v1_SetPowerRequest_msg, &req)); /* views: viamc_message_read */
    in = pb_istream_from_buffer(octets, test_hex("09000000000000f03f", octets, sizeof octets));
    CHECK(pb_decode(&in, &viam_component_motor_v1_GetPositionResponse_msg, &position));
    CHECK_NEAR(position.position, 1, 0);
}

/* ---- lists ---- */

static const char two_spheres[] = "0a0b 120909000000000000f03f 0a12 12090900000000000000402205 77686565 6c ";

static const void *sphere_by_number(void *user, size_t index)
{
    geometry *g = (geometry *)user;
    if (index >= 2)
        return NULL;
    memset(g, 0, sizeof *g);
    g->which_geometry_type = viam_common_v1_Geometry_sphere_tag;
    g->geometry_type.sphere.radius_mm = (double)index + 1;
    g->label = index == 1 ? viamc_text("wheel") : viamc_text(NULL);
    return g;
}

TEST(list_of_an_array)
{
    geometry two[2];
    geometries reply = VIAMC_ZERO;
    memcpy(&two[0], sphere_by_number(&two[0], 0), sizeof two[0]);
    memcpy(&two[1], sphere_by_number(&two[1], 1), sizeof two[1]);
    reply.geometries = viamc_list_of(two, 2);
    CHECK_EQ_INT(viamc_list_count(&reply.geometries), 2);
    CHECK_WRITES(viam_common_v1_GetGeometriesResponse, &reply, two_spheres);
    reply.geometries = viamc_list_of(two, 0);
    CHECK_WRITES(viam_common_v1_GetGeometriesResponse, &reply, "");
}

TEST(list_element_by_element)
{
    geometry one;
    geometries reply = VIAMC_ZERO;
    reply.geometries = viamc_list_from(sphere_by_number, &one);
    CHECK_EQ_INT(viamc_list_count(&reply.geometries), 2);
    CHECK_WRITES(viam_common_v1_GetGeometriesResponse, &reply, two_spheres);
}

TEST(list_that_was_received)
{
    geometries reply, again = VIAMC_ZERO;
    geometry g;
    viamc_list walk;
    CHECK_EQ_INT(READ(viam_common_v1_GetGeometriesResponse, two_spheres, &reply), VIAMC_OK);
    CHECK_EQ_INT(viamc_list_count(&reply.geometries), 2);
    walk = reply.geometries;
    REQUIRE(viamc_list_read(&walk, &g));
    CHECK_NEAR(g.geometry_type.sphere.radius_mm, 1, 0);
    CHECK_EQ_INT(viamc_list_count(&walk), 1);
    again.geometries = walk;
    CHECK_WRITES(viam_common_v1_GetGeometriesResponse, &again, "0a12 12090900000000000000402205776865656c");
    REQUIRE(viamc_list_read(&walk, &g));
    CHECK_TEXT(g.label, "wheel");
    CHECK(!viamc_list_read(&walk, &g));
    CHECK_EQ_INT(walk.err, VIAMC_OK);
    CHECK_WRITES(viam_common_v1_GetGeometriesResponse, &reply, two_spheres);
}

TEST(list_of_another_type)
{
    double numbers[2] = {1, 2}, number;
    geometries reply = VIAMC_ZERO;
    viamc_bytes out;
    reply.geometries = viamc_list_of(numbers, 2);
    CHECK_EQ_INT(viamc_message_write(&viam_common_v1_GetGeometriesResponse_msg, &reply, octets, sizeof octets, &out), VIAMC_ERR_MESSAGE);
    CHECK(!viamc_list_read(&reply.geometries, &number)); /* it was not received */
    CHECK_EQ_INT(reply.geometries.err, VIAMC_ERR_ARG);
    CHECK_EQ_INT(READ(viam_common_v1_GetGeometriesResponse, two_spheres, &reply), VIAMC_OK);
    CHECK(!viamc_list_read(&reply.geometries, &number));
    CHECK_EQ_INT(reply.geometries.err, VIAMC_ERR_ARG);
    memset(&reply, 0, sizeof reply);
    CHECK(!viamc_list_read(&reply.geometries, &number)); /* an empty one is of any type */
    CHECK_EQ_INT(reply.geometries.err, VIAMC_OK);
}

TEST(list_with_a_malformed_element)
{
    geometries reply, again = VIAMC_ZERO;
    geometry g;
    CHECK_EQ_INT(READ(viam_common_v1_GetGeometriesResponse, "0a0b120909000000000000f03f 0a021205 0a00", &reply), VIAMC_OK);
    again = reply;
    CHECK(viamc_list_read(&reply.geometries, &g));
    CHECK(!viamc_list_read(&reply.geometries, &g));
    CHECK_EQ_INT(reply.geometries.err, VIAMC_ERR_MESSAGE);
    CHECK(!viamc_list_read(&reply.geometries, &g));
    CHECK_WRITES(viam_common_v1_GetGeometriesResponse, &again, "0a0b120909000000000000f03f 0a021205 0a00"); /* octet for octet */
}

/* The octets of packed numbers are looked at by the walk. */
TEST(list_of_packed_numbers)
{
    viam_component_arm_v1_JointPositions joints;
    double number;
    viamc_bytes out;
    CHECK_EQ_INT(READ(viam_component_arm_v1_JointPositions, "0a00 0a08000000000000f03f 0a00 090000000000000040 0a00", &joints), VIAMC_OK);
    CHECK_EQ_INT(viamc_list_count(&joints.values), 2);
    CHECK_WRITES(viam_component_arm_v1_JointPositions, &joints, "0a10 000000000000f03f 0000000000000040");
    CHECK(viamc_list_read(&joints.values, &number) && number == 1);
    CHECK(viamc_list_read(&joints.values, &number) && number == 2);
    CHECK(!viamc_list_read(&joints.values, &number));
    CHECK_EQ_INT(joints.values.err, VIAMC_OK);
    CHECK_EQ_INT(READ(viam_component_arm_v1_JointPositions, "0a0c 000000000000f03f 00000000 0a08 0000000000000040", &joints), VIAMC_OK);
    CHECK_EQ_INT(viamc_list_count(&joints.values), 1);
    CHECK_EQ_INT(viamc_message_write(&viam_component_arm_v1_JointPositions_msg, &joints, more_octets, sizeof more_octets, &out), VIAMC_ERR_MESSAGE);
    CHECK(viamc_list_read(&joints.values, &number) && number == 1);
    CHECK(!viamc_list_read(&joints.values, &number));
    CHECK_EQ_INT(joints.values.err, VIAMC_ERR_MESSAGE);
    CHECK(!viamc_list_read(&joints.values, &number));
    CHECK_EQ_INT(viamc_message_write(&viam_component_arm_v1_JointPositions_msg, &joints, more_octets, sizeof more_octets, &out), VIAMC_ERR_MESSAGE);
}

/* A list that was received is not written as another one whose elements have the same size. */
TEST(received_list_of_another_type)
{
    viam_service_mlmodel_v1_FlatTensorDataInt32 fixed;
    grpc_reflection_v1_ExtensionNumberResponse varints = VIAMC_ZERO;
    viamc_bytes out;
    CHECK_EQ_INT(READ(viam_service_mlmodel_v1_FlatTensorDataInt32, "0a0401000000", &fixed), VIAMC_OK);
    varints.extension_number = fixed.data;
    CHECK_EQ_INT(viamc_message_write(&grpc_reflection_v1_ExtensionNumberResponse_msg, &varints, more_octets, sizeof more_octets, &out), VIAMC_ERR_MESSAGE);
}

/* A null is written as one: a Value without a kind is what peers refuse. */
TEST(values)
{
    viam_service_sensors_v1_Readings_ReadingsEntry entry = VIAMC_ZERO;
    CHECK_WRITES(viam_service_sensors_v1_Readings_ReadingsEntry, &entry, "");
    entry.has_value = true;
    CHECK_WRITES(viam_service_sensors_v1_Readings_ReadingsEntry, &entry, "12020800");
    CHECK_EQ_INT(READ(viam_service_sensors_v1_Readings_ReadingsEntry, "1200", &entry), VIAMC_OK);
    CHECK(entry.has_value && entry.value.kind == VIAMC_NULL);
    CHECK_WRITES(viam_service_sensors_v1_Readings_ReadingsEntry, &entry, "12020800");
    CHECK_EQ_INT(READ(viam_service_sensors_v1_Readings_ReadingsEntry, "1202 2001", &entry), VIAMC_OK);
    CHECK(entry.value.kind == VIAMC_BOOL && entry.value.boolean);
    CHECK_WRITES(viam_service_sensors_v1_Readings_ReadingsEntry, &entry, "12022001");
}

/* What is found to be malformed is not sent on as if it were empty; what nobody has walked over goes octet for octet. */
TEST(structs_that_are_malformed)
{
    viam_common_v1_DoCommandRequest req;
    viam_common_v1_GetReadingsResponse reply = VIAMC_ZERO;
    viamc_str key;
    viamc_value value;
    viamc_bytes out;
    CHECK_EQ_INT(READ(viam_common_v1_DoCommandRequest, "12020a05", &req), VIAMC_OK);
    CHECK_WRITES(viam_common_v1_DoCommandRequest, &req, "12020a05");
    CHECK(!viamc_struct_next(&req.command, &key, &value));
    CHECK_EQ_INT(viamc_message_write(&viam_common_v1_DoCommandRequest_msg, &req, more_octets, sizeof more_octets, &out), VIAMC_ERR_MESSAGE);
    reply.readings = viamc_struct_fields(viamc_view("\x0a\x05", 2));
    CHECK_EQ_INT(viamc_message_write(&viam_common_v1_GetReadingsResponse_msg, &reply, more_octets, sizeof more_octets, &out), VIAMC_ERR_MESSAGE);
    CHECK(!viamc_struct_next(&reply.readings, &key, &value));
    CHECK_EQ_INT(viamc_message_write(&viam_common_v1_GetReadingsResponse_msg, &reply, more_octets, sizeof more_octets, &out), VIAMC_ERR_MESSAGE);
}

/* ---- calls, against a scripted robot ---- */

#define MOTOR "/viam.component.motor.v1.MotorService/"
#define ECHO "/viam.component.testecho.v1.TestEchoService/"

static const char session_2s[] = "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x02\x08\x02"; /* viam-wire P7 */

/* A robot that is ready to be called, with a session. */
static void robot_new(void)
{
    script_new();
    script_ready();
    script_listen();
    script_now.read = script_now.len;
}

/* Polls, and takes the next request: its stream. Its message is in f, without the prefix. */
static uint32_t request_of(const char *path, script_frame *f)
{
    uint32_t id;
    script_run(1);
    id = script_request(path);
    memset(f, 0, sizeof *f);
    if (id != 0 && script_find(0, f) && f->id == id && f->len >= 5) {
        f->payload += 5;
        f->len -= 5;
    }
    return id;
}

/* The first event of a kind, with the copy of its message that the script keeps. */
static const viamc_event *event_of(uint8_t kind)
{
    const viamc_event *ev = script_event(kind, 0);
    if (ev != NULL)
        script_now.event[ev - script_now.event].msg.ptr = script_now.msg[ev - script_now.event];
    return ev;
}

/* Answers a request, and gives the DONE of its call. */
static const viamc_event *answer(uint32_t id, const char *text)
{
    uint8_t msg[512];
    size_t n = test_hex(text, msg, sizeof msg);
    script_forget();
    script_reply(id, msg, n);
    script_run(1);
    return event_of(VIAMC_EV_DONE);
}

TEST(short_form)
{
    script_frame f;
    viamc_call call = 0;
    uint32_t id;
    const viamc_event *ev;
    robot_new();
    CHECK_EQ_INT(viamc_motor_set_power(script_now.client, "m1", 0.5, NULL, &call), VIAMC_OK);
    id = request_of("/viam.robot.v1.RobotService/StartSession", &f);
    script_reply(id, session_2s, sizeof session_2s - 1);
    script_run(1);
    REQUIRE(script_find(1, &f)); /* heartbeat */
    id = request_of(MOTOR "SetPower", &f);
    CHECK_EQ_HEX(f.payload, f.len, "0a026d3111000000000000e03f"); /* P10 */
    CHECK(script_has_field("viam-sid: 11111111-2222-4333-8444-000000000001"));
    ev = answer(id, "");
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(ev->call, call);
    CHECK(ev->method == &viamc_method_motor_set_power);
    script_close();
}

TEST(reply)
{
    viam_component_motor_v1_GetPositionResponse position;
    viam_component_motor_v1_IsPoweredResponse powered;
    script_frame f;
    const viamc_event *ev;
    uint32_t id;
    robot_new();
    CHECK_EQ_INT(viamc_motor_get_position(script_now.client, "m1", NULL, NULL), VIAMC_OK);
    id = request_of(MOTOR "GetPosition", &f);
    CHECK_EQ_HEX(f.payload, f.len, "0a026d31");
    ev = answer(id, "09 0000000000000440");
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_motor_get_position_reply(ev, &position), VIAMC_OK);
    CHECK_NEAR(position.position, 2.5, 0);
    memset(&powered, 0xff, sizeof powered);
    CHECK_EQ_INT(viamc_motor_is_powered_reply(ev, &powered), VIAMC_ERR_ARG); /* another method */
    CHECK(!powered.is_on);
    script_close();
}

TEST(reply_of_a_raw_call)
{
    viam_component_motor_v1_GetPositionResponse position;
    viam_component_motor_v1_IsPoweredResponse powered;
    script_frame f;
    viamc_opts opts = VIAMC_ZERO;
    const viamc_event *ev;
    uint32_t id;
    robot_new();
    opts.reads_only = true;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, MOTOR "GetPosition", viamc_view("\x0a\x02m1", 4), &opts, NULL), VIAMC_OK);
    id = request_of(MOTOR "GetPosition", &f);
    ev = answer(id, "09 0000000000000440");
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_motor_get_position_reply(ev, &position), VIAMC_OK);
    CHECK_NEAR(position.position, 2.5, 0);
    CHECK_EQ_INT(viamc_motor_is_powered_reply(ev, &powered), VIAMC_ERR_ARG);
    script_close();
}

TEST(reply_that_is_malformed_or_an_error)
{
    viam_component_motor_v1_GetPositionResponse position;
    viamc_fields fields;
    script_frame f;
    const viamc_event *ev;
    uint32_t id;
    robot_new();
    CHECK_EQ_INT(viamc_motor_get_position(script_now.client, "m1", NULL, NULL), VIAMC_OK);
    id = request_of(MOTOR "GetPosition", &f);
    ev = answer(id, "09 00");
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_motor_get_position_reply(ev, &position), VIAMC_ERR_MESSAGE);
    CHECK_EQ_INT(viamc_motor_get_position(script_now.client, "m1", NULL, NULL), VIAMC_OK);
    id = request_of(MOTOR "GetPosition", &f);
    script_forget();
    script_send_block(id, "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730135", true); /* status 5 */
    script_run(1);
    ev = event_of(VIAMC_EV_DONE);
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_NOT_FOUND);
    CHECK_EQ_INT(viamc_motor_get_position_reply(ev, &position), VIAMC_ERR_RPC);
    CHECK_EQ_INT(viamc_readings(ev, &fields), VIAMC_ERR_ARG);
    script_close();
}

TEST(readings)
{
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    script_frame f;
    const viamc_event *ev;
    uint32_t id;
    robot_new();
    CHECK_EQ_INT(viamc_sensor_get_readings(script_now.client, "s1", NULL, NULL), VIAMC_OK);
    id = request_of("/viam.component.sensor.v1.SensorService/GetReadings", &f);
    ev = answer(id, "0a080a026f6b120220010a0e0a01741209110000000000803540"); /* P14 */
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_readings(ev, &fields), VIAMC_OK);
    REQUIRE(viamc_struct_next(&fields, &key, &value));
    CHECK_TEXT(key, "ok");
    REQUIRE(viamc_struct_next(&fields, &key, &value));
    CHECK_NEAR(value.number, 21.5, 0);
    CHECK_EQ_INT(viamc_sensor_get_readings(script_now.client, "s1", NULL, NULL), VIAMC_OK);
    id = request_of("/viam.component.sensor.v1.SensorService/GetReadings", &f);
    ev = answer(id, "0a080a026f6b120220010a0e0a017412091100000000008035"); /* its last octet is missing */
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_readings(ev, &fields), VIAMC_ERR_MESSAGE);
    CHECK(!viamc_struct_next(&fields, &key, &value));
    script_close();
}

TEST(extra)
{
    viam_component_motor_v1_GetPositionRequest req = VIAMC_ZERO;
    viamc_opts opts = VIAMC_ZERO;
    script_frame f;
    viamc_call call = 7;
    robot_new();
    req.name = viamc_text("m1");
    opts.extra = viamc_view("\x0a\x07\x0a\x01" "b\x12\x02\x20\x01", 9);
    CHECK_EQ_INT(viamc_motor_get_position_req(script_now.client, &req, &opts, NULL), VIAMC_OK);
    (void)request_of(MOTOR "GetPosition", &f);
    CHECK_EQ_HEX(f.payload, f.len, "0a026d31 9a0609 0a070a016212022001");
    req.extra = viamc_struct_fields(opts.extra);
    CHECK_EQ_INT(viamc_motor_get_position_req(script_now.client, &req, &opts, &call), VIAMC_ERR_ARG); /* which of the two? */
    CHECK_EQ_INT(call, 0);
    CHECK_EQ_INT(viamc_motor_get_position_req(script_now.client, &req, NULL, NULL), VIAMC_OK);
    (void)request_of(MOTOR "GetPosition", &f);
    CHECK_EQ_HEX(f.payload, f.len, "0a026d31 9a0609 0a070a016212022001");
    CHECK_EQ_INT(viamc_motor_is_moving(script_now.client, "m1", &opts, NULL), VIAMC_ERR_ARG); /* this method has none */
    script_close();
}

TEST(what_a_starter_refuses)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_method blind = {MOTOR "IsMoving", NULL, NULL, 0, NULL};
    viam_common_v1_DoCommandRequest req = VIAMC_ZERO;
    robot_new();
    opts.keep = true;
    CHECK_EQ_INT(viamc_motor_is_moving(script_now.client, "m1", &opts, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_motor_is_moving(NULL, "m1", NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_motor_is_moving_req(script_now.client, NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_start(script_now.client, &blind, &req, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_start(script_now.client, NULL, &req, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_named(script_now.client, &viamc_method_testecho_echo_bi_di, "e1", NULL, NULL), VIAMC_ERR_ARG); /* a client stream */
    CHECK_EQ_INT(viamc_call_named(script_now.client, &viamc_method_motor_is_moving, NULL, NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_named(script_now.client, NULL, "m1", NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_motor_set_power(script_now.client, NULL, 0.5, NULL, NULL), VIAMC_ERR_ARG);
    opts.keep = false;
    opts.replace = true;
    CHECK_EQ_INT(viamc_motor_go_for(script_now.client, "m1", 60, 1, &opts, NULL), VIAMC_ERR_ARG); /* no setpoint */
    CHECK_EQ_INT(viamc_motor_set_rpm(script_now.client, "m1", 60, &opts, NULL), VIAMC_OK);
    req.command = viamc_struct_fields(viamc_view(octets, 20000));
    CHECK_EQ_INT(viamc_motor_do_command_req(script_now.client, &req, NULL, NULL), VIAMC_ERR_NOMEM);
    script_close();
    script_new();
    script_open();
    CHECK_EQ_INT(viamc_motor_is_moving(script_now.client, "m1", NULL, NULL), VIAMC_ERR_STATE); /* not connected yet */
    CHECK_EQ_INT(viamc_motor_stop(script_now.client, "m1", NULL, NULL), VIAMC_ERR_STATE);
    script_close();
}

/* Whatever waits to be sent, there is room for a Stop. */
TEST(stop_has_room_of_its_own)
{
    viam_component_motor_v1_StopRequest req = VIAMC_ZERO;
    viamc_err err = VIAMC_OK;
    static char name[200];
    script_new();
    script_now.desc.tx_bytes = 512;
    script_now.desc.max_calls = 40;
    script_open();
    script_run(1);
    script_send("000006040000000000 000400000000"); /* windows of 0: nothing leaves */
    script_run(1);
    while (err == VIAMC_OK)
        err = viamc_motor_is_moving(script_now.client, "a motor with a name", NULL, NULL);
    CHECK_EQ_INT(err, VIAMC_ERR_BUSY);
    CHECK_EQ_INT(viamc_motor_stop(script_now.client, "m1", NULL, NULL), VIAMC_OK);
    memset(name, 'n', sizeof name - 1);
    req.name = viamc_text(name);
    CHECK_EQ_INT(viamc_motor_stop_req(script_now.client, &req, NULL, NULL), VIAMC_ERR_ARG); /* too long for it */
    script_close();
}

TEST(streams)
{
    viam_component_testecho_v1_EchoBiDiRequest req = VIAMC_ZERO;
    viam_component_testecho_v1_EchoBiDiResponse reply;
    viam_component_testecho_v1_EchoMultipleResponse other;
    script_frame f;
    viamc_call call = 0;
    const viamc_event *ev;
    uint32_t id;
    robot_new();
    req.name = viamc_text("e");
    req.message = viamc_text("one");
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_req(script_now.client, &req, NULL, &call), VIAMC_OK);
    id = request_of(ECHO "EchoBiDi", &f);
    CHECK_EQ_HEX(f.payload, f.len, "0a016512036f6e65");
    req.message = viamc_text("two");
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_send(script_now.client, call, &req), VIAMC_OK);
    script_run(1);
    REQUIRE(script_find(0, &f));
    CHECK_EQ_HEX(f.payload, f.len, "0000000008 0a0165120374776f");
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_send(script_now.client, call + 1, &req), VIAMC_ERR_NOT_FOUND);
    script_forget();
    script_send_block(id, SCRIPT_R1, false);
    script_send_message(id, "\x0a\x01x", 3);
    script_run(1);
    ev = event_of(VIAMC_EV_MESSAGE);
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_reply(ev, &reply), VIAMC_OK);
    CHECK_TEXT(reply.message, "x");
    CHECK_EQ_INT(viamc_testecho_echo_multiple_reply(ev, &other), VIAMC_ERR_ARG);
    script_send_block(id, SCRIPT_R2, true);
    script_run(1);
    ev = event_of(VIAMC_EV_DONE);
    REQUIRE(ev != NULL);
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_reply(ev, &reply), VIAMC_ERR_ARG); /* the end of a stream brings no message */
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_req(script_now.client, NULL, NULL, &call), VIAMC_OK); /* the first message later */
    id = request_of(ECHO "EchoBiDi", &f);
    CHECK(id != 0 && f.len == 0);
    script_forget();
    req.message.ptr = (const char *)octets;
    req.message.len = sizeof octets;
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_req(script_now.client, &req, NULL, &call), VIAMC_ERR_NOMEM); /* the first message does not fit: no stream */
    CHECK_EQ_INT(request_of(ECHO "EchoBiDi", &f), 0);
    script_close();
}

TEST(vectors_of_three)
{
    viam_component_base_v1_SetPowerRequest req = VIAMC_ZERO;
    req.name = viamc_text("base");
    req.has_linear = true;
    req.linear = viamc_vec3(0, 1, 0);
    CHECK_WRITES(viam_component_base_v1_SetPowerRequest, &req, "0a0462617365 1209 11000000000000f03f");
}

TEST(method_objects)
{
    CHECK_EQ_STR(viamc_method_motor_set_power.path, "/viam.component.motor.v1.MotorService/SetPower");
    CHECK_EQ_INT(viamc_method_motor_set_power.flags, VIAMC_M_MONITORED | VIAMC_M_SETPOINT | VIAMC_M_EXTRA);
    CHECK_EQ_INT(viamc_method_motor_stop.flags, VIAMC_M_STOP | VIAMC_M_EXTRA);
    CHECK_EQ_INT(viamc_method_motor_is_moving.flags, 0);
    CHECK_EQ_INT(viamc_method_testecho_echo_multiple.flags, VIAMC_M_MONITORED | VIAMC_M_SERVER_STREAM);
    CHECK_EQ_INT(viamc_method_testecho_echo_bi_di.flags, VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM);
    CHECK(viamc_method_motor_do_command.request == &viam_common_v1_DoCommandRequest_msg);
}

/* ---- handy forms of messages ---- */

TEST(durations)
{
    static const struct {
        int64_t ms, seconds;
        int32_t nanos;
    } rows[] = {{0, 0, 0}, {1500, 1, 500000000}, {-1500, -1, -500000000}, {-1, 0, -1000000}, {999, 0, 999000000}};
    google_protobuf_Duration d = VIAMC_ZERO;
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        d = viamc_duration(rows[i].ms);
        CHECK_EQ_INT(d.seconds, rows[i].seconds);
        CHECK_EQ_INT(d.nanos, rows[i].nanos);
        CHECK_EQ_INT(viamc_duration_ms(&d), rows[i].ms);
    }
    d.seconds = 1;
    d.nanos = 1999999;
    CHECK_EQ_INT(viamc_duration_ms(&d), 1001);
    d.seconds = -1;
    d.nanos = -1999999;
    CHECK_EQ_INT(viamc_duration_ms(&d), -1001);
    d.nanos = INT32_MAX;
    d.seconds = INT64_MAX / 1000 - 1;
    CHECK_EQ_INT(viamc_duration_ms(&d), INT64_MAX);
    d.nanos = INT32_MIN;
    d.seconds = INT64_MIN;
    CHECK_EQ_INT(viamc_duration_ms(&d), INT64_MIN);
    d.seconds = INT64_MAX;
    CHECK_EQ_INT(viamc_duration_ms(&d), INT64_MAX);
    for (d.seconds = INT64_MAX / 1000 - 10; d.seconds < INT64_MAX / 1000 + 10; d.seconds++)
        CHECK(viamc_duration_ms(&d) > INT64_MAX - 20000); /* no overflow */
    for (d.seconds = INT64_MIN / 1000 - 10; d.seconds < INT64_MIN / 1000 + 10; d.seconds++)
        CHECK(viamc_duration_ms(&d) < INT64_MIN + 20000);
}

TEST(timestamps)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00.000Z"}, {1795247122123, "2026-11-21T07:45:22.123Z"}, {951782399999, "2000-02-28T23:59:59.999Z"},
                {951868800001, "2000-03-01T00:00:00.001Z"}, {4107542399010, "2100-02-28T23:59:59.010Z"}, {253402300799999, "9999-12-31T23:59:59.999Z"},
                {253402300800000, ""}, {-1, ""}, {-86400001, ""}};
    google_protobuf_Timestamp t;
    char text[25];
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        t = viamc_timestamp(rows[i].ms);
        CHECK(t.nanos >= 0 && t.nanos < 1000000000);
        CHECK_EQ_INT(viamc_timestamp_ms(&t), rows[i].ms);
        CHECK_EQ_INT(viamc_timestamp_print(&t, text), strlen(rows[i].text));
        CHECK_EQ_STR(text, rows[i].text);
    }
    t.seconds = 0;
    t.nanos = 1000000000;
    CHECK_EQ_INT(viamc_timestamp_print(&t, text), 0);
    t.nanos = -1;
    CHECK_EQ_INT(viamc_timestamp_print(&t, text), 0);
    CHECK_EQ_INT(viamc_timestamp_ms(&t), -1);
}

TEST(resource_names)
{
    static const char *const bad[] = {"", "left", "rdk:component:motor", "rdk:component:motor/", ":component:motor/left", "rdk::motor/left",
                                      "rdk:component:/left", "rdk:component/left", "/left"};
    viam_common_v1_ResourceName name;
    char text[64];
    size_t i;
    CHECK_EQ_INT(viamc_resource_name_parse(viamc_text("rdk:component:motor/other:left/right"), &name), VIAMC_OK);
    CHECK_TEXT(name.namespace_, "rdk");
    CHECK_TEXT(name.type, "component");
    CHECK_TEXT(name.subtype, "motor");
    CHECK_TEXT(name.name, "other:left/right");
    CHECK_EQ_INT(viamc_resource_name_print(&name, text, sizeof text), 36);
    CHECK_EQ_STR(text, "rdk:component:motor/other:left/right");
    CHECK_EQ_INT(viamc_resource_name_print(&name, text, 7), 36);
    CHECK_EQ_STR(text, "rdk:co");
    CHECK_EQ_INT(viamc_resource_name_print(&name, NULL, 0), 36);
    for (i = 0; i < TEST_COUNT(bad); i++) {
        CHECK_EQ_INT(viamc_resource_name_parse(viamc_text(bad[i]), &name), VIAMC_ERR_ARG);
        CHECK(name.namespace_.ptr == NULL);
    }
}

TEST(places)
{
    viam_common_v1_Pose pose = viamc_pose(1, 2, 3, 0, 0, 1, 90);
    viam_common_v1_GeoPoint point = viamc_geo_point(40.7, -74);
    CHECK(pose.x == 1 && pose.y == 2 && pose.z == 3 && pose.o_x == 0 && pose.o_y == 0 && pose.o_z == 1 && pose.theta == 90);
    CHECK(point.latitude == 40.7 && point.longitude == -74);
}

int main(int argc, char **argv)
{
    test_begin("proto", argc, argv);
    RUN(p10_set_power);
    RUN(p11_do_command);
    RUN(p14_readings);
    RUN(presence);
    RUN(oneof_members_replace_one_another);
    RUN(what_is_not_known_is_passed_by);
    RUN(what_is_malformed_is_refused);
    RUN(messages_in_two_parts);
    RUN(truncations);
    RUN(sizes);
    RUN(nanopb_itself);
    RUN(list_of_an_array);
    RUN(list_element_by_element);
    RUN(list_that_was_received);
    RUN(list_of_another_type);
    RUN(list_with_a_malformed_element);
    RUN(list_of_packed_numbers);
    RUN(received_list_of_another_type);
    RUN(values);
    RUN(structs_that_are_malformed);
    RUN(short_form);
    RUN(reply);
    RUN(reply_of_a_raw_call);
    RUN(reply_that_is_malformed_or_an_error);
    RUN(readings);
    RUN(extra);
    RUN(what_a_starter_refuses);
    RUN(stop_has_room_of_its_own);
    RUN(streams);
    RUN(vectors_of_three);
    RUN(method_objects);
    RUN(durations);
    RUN(timestamps);
    RUN(resource_names);
    RUN(places);
    return test_end();
}
