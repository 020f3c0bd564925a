/* SPDX-License-Identifier: MIT */
/* viamc_proto.h on both sides: typed calls of a client to the typed handlers of a server, over port_loop and a virtual clock. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include "test.h"

typedef struct wheel {
    double power;
    unsigned stops;
    char stopped[32];        /* name in the last Stop */
    viamc_request *kept;
} wheel;

typedef struct world {
    vmc_loop loop;
    uint8_t client_memory[65536], server_memory[131072];
    viamc_client *client;
    viamc_server *server;
    viamc_server_desc desc;
    viamc_event ev;          /* the last DONE or MESSAGE */
    char text[128];
    unsigned messages;
    char echoed[512];        /* by a stream, message by message */
} world;

static world now;
static wheel left;
static viamc_motor_ops motor;
static viamc_sensor_ops sensor;
static viamc_testecho_ops echo;

/* ---- handlers ---- */

static viamc_err set_power(viamc_request *rq, const viam_component_motor_v1_SetPowerRequest *q)
{
    wheel *w = (wheel *)viamc_request_user(rq);
    CHECK(viamc_str_eq(q->name, viamc_request_name(rq)));
    if (!(q->power_pct >= -1 && q->power_pct <= 1))
        return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, "power_pct must be from -1 to 1");
    w->power = q->power_pct;
    CHECK_EQ_INT(viamc_motor_stop_answer(rq, NULL), VIAMC_ERR_ARG); /* the answer of another method */
    return viamc_motor_set_power_answer(rq, NULL);
}

static viamc_err stop(viamc_request *rq, const viam_component_motor_v1_StopRequest *q)
{
    wheel *w = (wheel *)viamc_request_user(rq);
    w->stops++;
    w->power = 0;
    snprintf(w->stopped, sizeof w->stopped, "%.*s", VIAMC_ARG(q->name));
    return viamc_motor_stop_answer(rq, NULL);
}

static viamc_err is_powered(viamc_request *rq, const viam_component_motor_v1_IsPoweredRequest *q)
{
    viam_component_motor_v1_IsPoweredResponse out = VIAMC_ZERO;
    (void)q;
    out.power_pct = ((wheel *)viamc_request_user(rq))->power;
    out.is_on = out.power_pct != 0;
    return viamc_motor_is_powered_answer(rq, &out);
}

static viamc_err get_position(viamc_request *rq, const viam_component_motor_v1_GetPositionRequest *q)
{
    (void)q;
    ((wheel *)viamc_request_user(rq))->kept = rq;
    return viamc_request_keep(rq);
}

/* Answers with the command. */
static viamc_err do_command(viamc_request *rq, const viam_common_v1_DoCommandRequest *q)
{
    viam_common_v1_DoCommandResponse out = VIAMC_ZERO;
    out.result = q->command;
    return viamc_motor_do_command_answer(rq, &out);
}

static const void *sphere(void *user, size_t index)
{
    viam_common_v1_Geometry *g = (viam_common_v1_Geometry *)user;
    memset(g, 0, sizeof *g);
    g->which_geometry_type = viam_common_v1_Geometry_sphere_tag;
    g->geometry_type.sphere.radius_mm = (double)index + 1;
    return index < 30 ? g : NULL;
}

static viamc_err get_geometries(viamc_request *rq, const viam_common_v1_GetGeometriesRequest *q)
{
    viam_common_v1_GetGeometriesResponse out = VIAMC_ZERO;
    viam_common_v1_Geometry one;
    (void)q;
    out.geometries = viamc_list_from(sphere, &one);
    return viamc_motor_get_geometries_answer(rq, &out);
}

static viamc_err get_readings(viamc_request *rq, const viam_common_v1_GetReadingsRequest *q)
{
    static const uint8_t p14[] = "\x0a\x08\x0a\x02ok\x12\x02\x20\x01\x0a\x0e\x0a\x01t\x12\x09\x11\x00\x00\x00\x00\x00\x80\x35\x40";
    viam_common_v1_GetReadingsResponse out = VIAMC_ZERO;
    (void)q;
    out.readings = viamc_struct_fields(viamc_view(p14, sizeof p14 - 1));
    return viamc_sensor_get_readings_answer(rq, &out);
}

/* More than there ever is room for. */
static viamc_err get_status(viamc_request *rq, const viam_common_v1_GetStatusRequest *q)
{
    static uint8_t large[20000];
    viam_common_v1_GetStatusResponse out = VIAMC_ZERO;
    (void)q;
    out.result = viamc_struct_fields(viamc_view(large, sizeof large));
    return viamc_sensor_get_status_answer(rq, &out);
}

/* Each letter of the message is a message of its own. */
static viamc_err echo_multiple(viamc_request *rq, const viam_component_testecho_v1_EchoMultipleRequest *q)
{
    uint32_t *at = viamc_request_mark(rq);
    viam_component_testecho_v1_EchoMultipleResponse out = VIAMC_ZERO;
    for (; *at < q->message.len; ++*at) {
        viamc_err err;
        out.message.ptr = q->message.ptr + *at;
        out.message.len = 1;
        err = viamc_testecho_echo_multiple_answer(rq, &out);
        if (err == VIAMC_ERR_BUSY)
            return VIAMC_WAIT;
        if (err != VIAMC_OK)
            return err;
    }
    return VIAMC_OK;
}

static viamc_err echo_bi_di(viamc_request *rq, const viam_component_testecho_v1_EchoBiDiRequest *q)
{
    viam_component_testecho_v1_EchoBiDiResponse out = VIAMC_ZERO;
    if (q == NULL)
        return VIAMC_OK; /* the client has ended, so this ends too */
    out.message = q->message;
    return viamc_testecho_echo_bi_di_answer(rq, &out);
}

static viamc_err echo_stop(viamc_request *rq, const viam_component_testecho_v1_StopRequest *q)
{
    (void)q;
    return viamc_testecho_stop_answer(rq, NULL);
}

/* ---- the world ---- */

static void take_events(void)
{
    viamc_event ev;
    while (viamc_next_event(now.client, &ev)) {
        if (ev.kind != VIAMC_EV_DONE && ev.kind != VIAMC_EV_MESSAGE)
            continue;
        now.ev = ev;
        snprintf(now.text, sizeof now.text, "%.*s", VIAMC_ARG(ev.text));
        if (ev.kind == VIAMC_EV_MESSAGE) {
            viam_component_testecho_v1_EchoMultipleResponse one = VIAMC_ZERO;
            viam_component_testecho_v1_EchoBiDiResponse two = VIAMC_ZERO;
            size_t n = strlen(now.echoed);
            viamc_err err = viamc_testecho_echo_multiple_reply(&ev, &one);
            if (err == VIAMC_ERR_ARG)
                err = viamc_testecho_echo_bi_di_reply(&ev, &two);
            CHECK_EQ_INT(err, VIAMC_OK);
            snprintf(now.echoed + n, sizeof now.echoed - n, "%.*s%.*s", VIAMC_ARG(one.message), VIAMC_ARG(two.message));
            now.messages++;
        }
    }
}

/* Runs until the call is done, so that its reply can be read; at most a second of the virtual clock. */
static const viamc_event *finish(viamc_call call)
{
    unsigned i;
    memset(&now.ev, 0, sizeof now.ev);
    for (i = 0; i < 1000 && !(now.ev.kind == VIAMC_EV_DONE && now.ev.call == call); i++) {
        now.loop.now++;
        CHECK_EQ_INT(viamc_poll(now.client, now.loop.now), VIAMC_OK);
        take_events();
        if (now.ev.kind == VIAMC_EV_DONE && now.ev.call == call)
            break;
        CHECK_EQ_INT(viamc_server_poll(now.server, now.loop.now), VIAMC_OK);
    }
    CHECK_EQ_INT(now.ev.call, call);
    return &now.ev;
}

static void pass(viamc_ms ms)
{
    while (ms-- != 0) {
        now.loop.now++;
        (void)viamc_poll(now.client, now.loop.now);
        take_events();
        (void)viamc_server_poll(now.server, now.loop.now);
    }
}

static void open_world(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    memset(&left, 0, sizeof left);
    memset(&motor, 0, sizeof motor);
    memset(&sensor, 0, sizeof sensor);
    memset(&echo, 0, sizeof echo);
    motor.user = &left;
    motor.set_power = set_power;
    motor.stop = stop;
    motor.is_powered = is_powered;
    motor.get_position = get_position;
    motor.do_command = do_command;
    motor.get_geometries = get_geometries;
    sensor.get_readings = get_readings;
    sensor.get_status = get_status;
    echo.echo_multiple = echo_multiple;
    echo.echo_bi_di = echo_bi_di;
    echo.stop = echo_stop;
    vmc_loop_init(&now.loop, test_now.seed);
    desc.port = vmc_loop_port();
    desc.port_user = vmc_loop_client(&now.loop, 0);
    desc.profile = VIAMC_BOARD;
    desc.no_tls = true;
    desc.slot_bytes = 1024;
    now.desc.port = vmc_loop_server_port();
    now.desc.port_user = vmc_loop_server(&now.loop);
    now.desc.profile = VIAMC_BOARD;
    if (now.desc.tx_bytes == 0)
        now.desc.tx_bytes = 2048;
    dial.address = "robot:8080";
    dial.insecure = true;
    CHECK_EQ_INT(viamc_client_init(now.client_memory, sizeof now.client_memory, &desc, &now.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_init(now.server_memory, sizeof now.server_memory, &now.desc, &now.server), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(now.client, &dial), VIAMC_OK);
}

static void world_new(void)
{
    memset(&now, 0, sizeof now);
    open_world();
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "left", &motor, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add_sensor(now.server, "s", &sensor, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add_testecho(now.server, "e", &echo, NULL), VIAMC_OK);
    pass(5);
    CHECK_EQ_INT(viamc_state(now.client), VIAMC_READY);
}

static void world_end(void)
{
    viamc_client_close(now.client);
    viamc_server_close(now.server);
}

/* ---- tests ---- */

TEST(drive)
{
    viam_component_motor_v1_IsPoweredResponse powered;
    viamc_call call = 0;
    world_new();
    CHECK_EQ_INT(viamc_motor_set_power(now.client, "left", 0.25, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    CHECK_NEAR(left.power, 0.25, 0);
    CHECK_EQ_INT(viamc_motor_is_powered(now.client, "left", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(viamc_motor_is_powered_reply(finish(call), &powered), VIAMC_OK);
    CHECK(powered.is_on);
    CHECK_NEAR(powered.power_pct, 0.25, 0);
    CHECK_EQ_INT(viamc_motor_set_power(now.client, "left", 2, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_INVALID_ARGUMENT);
    CHECK_EQ_STR(now.text, "power_pct must be from -1 to 1");
    CHECK_EQ_INT(viamc_motor_stop(now.client, "left", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    CHECK_EQ_INT(left.stops, 1);
    world_end();
}

TEST(what_is_not_in_the_table)
{
    viamc_call call = 0;
    world_new();
    CHECK_EQ_INT(viamc_motor_go_for(now.client, "left", 60, 1, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_UNIMPLEMENTED);
    CHECK_EQ_STR(now.text, "this resource does not serve this method");
    CHECK_EQ_INT(viamc_motor_set_power(now.client, "right", 1, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_NOT_FOUND);
    CHECK_EQ_INT(viamc_server_add(now.server, &viamc_service_motor, "bare", NULL, NULL, NULL), VIAMC_OK); /* without its table */
    CHECK_EQ_INT(viamc_motor_set_power(now.client, "bare", 1, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_UNIMPLEMENTED);
    world_end();
}

TEST(tables_that_are_refused)
{
    viamc_motor_ops bad = VIAMC_ZERO;
    viamc_health_ops one = VIAMC_ZERO; /* of a service without names */
    viamc_resource *resource = NULL;
    memset(&now, 0, sizeof now);
    open_world();
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "m", NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "m", &bad, NULL), VIAMC_ERR_ARG); /* no stop */
    bad.stop = stop;
    bad.guard = 1;
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "m", &bad, NULL), VIAMC_ERR_ARG);
    bad.guard = 0;
    bad.guard_end = 1;
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "m", &bad, NULL), VIAMC_ERR_ARG);
    bad.guard_end = 0;
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "m", &bad, &resource), VIAMC_OK);
    CHECK(resource != NULL);
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "m", &bad, NULL), VIAMC_ERR_ARG); /* there is one of that name */
    CHECK_EQ_INT(viamc_server_add_health(now.server, NULL, NULL), VIAMC_ERR_ARG);
    one.guard = 1;
    CHECK_EQ_INT(viamc_server_add_health(now.server, &one, NULL), VIAMC_ERR_ARG);
    one.guard = 0;
    one.guard_end = 1;
    CHECK_EQ_INT(viamc_server_add_health(now.server, &one, NULL), VIAMC_ERR_ARG);
    one.guard_end = 0;
    CHECK_EQ_INT(viamc_server_add_health(now.server, &one, NULL), VIAMC_OK);
    world_end();
}

TEST(messages_of_all_sorts)
{
    viam_common_v1_DoCommandResponse result;
    viam_common_v1_GetGeometriesResponse geometries;
    viam_common_v1_Geometry g;
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    viamc_call call = 0;
    unsigned n = 0;
    world_new();
    CHECK_EQ_INT(viamc_motor_do_command(now.client, "left", viamc_view("\x0a\x07\x0a\x01" "b\x12\x02\x20\x01", 9), NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(viamc_motor_do_command_reply(finish(call), &result), VIAMC_OK);
    REQUIRE(viamc_struct_next(&result.result, &key, &value));
    CHECK(value.kind == VIAMC_BOOL && value.boolean);
    CHECK_EQ_INT(viamc_motor_get_geometries(now.client, "left", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(viamc_motor_get_geometries_reply(finish(call), &geometries), VIAMC_OK);
    while (viamc_list_read(&geometries.geometries, &g))
        CHECK_NEAR(g.geometry_type.sphere.radius_mm, ++n, 0);
    CHECK_EQ_INT(n, 30);
    CHECK_EQ_INT(viamc_sensor_get_readings(now.client, "s", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(viamc_readings(finish(call), &fields), VIAMC_OK);
    REQUIRE(viamc_struct_next(&fields, &key, &value));
    REQUIRE(viamc_struct_next(&fields, &key, &value));
    CHECK_NEAR(value.number, 21.5, 0);
    world_end();
}

TEST(answers_that_come_later)
{
    viam_component_motor_v1_GetPositionResponse position = VIAMC_ZERO;
    viamc_call call = 0;
    world_new();
    CHECK_EQ_INT(viamc_motor_get_position(now.client, "left", NULL, &call), VIAMC_OK);
    pass(20);
    REQUIRE(left.kept != NULL);
    position.position = 7.5;
    CHECK_EQ_INT(viamc_motor_get_position_answer(left.kept, &position), VIAMC_OK);
    position.position = 0;
    CHECK_EQ_INT(viamc_motor_get_position_reply(finish(call), &position), VIAMC_OK);
    CHECK_NEAR(position.position, 7.5, 0);
    world_end();
}

TEST(what_does_not_fit_or_is_malformed)
{
    viamc_call call = 0;
    viamc_opts opts = VIAMC_ZERO;
    world_new();
    CHECK_EQ_INT(viamc_sensor_get_status(now.client, "s", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_RESOURCE_EXHAUSTED);
    opts.reads_only = true;
    CHECK_EQ_INT(viamc_call_bytes(now.client, viamc_method_motor_is_powered.path, viamc_view("\x0a\x04left\x9a\x06\x05\x00", 10), &opts, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_INVALID_ARGUMENT);
    world_end();
    memset(&now, 0, sizeof now);
    now.desc.message_bytes = 8;
    open_world();
    CHECK_EQ_INT(viamc_server_add_motor(now.server, "left", &motor, NULL), VIAMC_OK);
    pass(5);
    CHECK_EQ_INT(viamc_motor_is_powered(now.client, "left", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_RESOURCE_EXHAUSTED);
    world_end();
}

TEST(stream_of_answers)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    viamc_call call = 0;
    memset(&now, 0, sizeof now);
    now.desc.tx_bytes = 256; /* room for a few at a time: BUSY, WAIT */
    open_world();
    CHECK_EQ_INT(viamc_server_add_testecho(now.server, "e", &echo, NULL), VIAMC_OK);
    pass(5);
    CHECK_EQ_INT(viamc_testecho_echo_multiple(now.client, "e", letters, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    CHECK_EQ_STR(now.echoed, letters);
    CHECK_EQ_INT(now.messages, sizeof letters - 1);
    world_end();
}

TEST(stream_both_ways)
{
    viam_component_testecho_v1_EchoBiDiRequest req = VIAMC_ZERO;
    viamc_call call = 0;
    world_new();
    req.name = viamc_text("e");
    req.message = viamc_text("one ");
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_req(now.client, &req, NULL, &call), VIAMC_OK);
    pass(5);
    req.message = viamc_text("two");
    CHECK_EQ_INT(viamc_testecho_echo_bi_di_send(now.client, call, &req), VIAMC_OK);
    pass(5);
    CHECK_EQ_INT(viamc_call_send_end(now.client, call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    CHECK_EQ_STR(now.echoed, "one two");
    CHECK_EQ_INT(now.messages, 2);
    world_end();
}

/* Answers how many octets of sound came, as the end of a stream that began for the right name. */
static uint32_t played;

static viamc_err play_stream(viamc_request *rq, const viam_component_audioout_v1_PlayStreamRequest *q)
{
    if (q == NULL)
        return viamc_audioout_play_stream_answer(rq, NULL);
    if (q->which_payload == viam_component_audioout_v1_PlayStreamRequest_audio_chunk_tag)
        played += (uint32_t)q->payload.audio_chunk.audio_data.len;
    return VIAMC_OK;
}

/* The first message of PlayStream has the name in its init. */
TEST(name_inside_the_first_message)
{
    viam_component_audioout_v1_PlayStreamRequest req = VIAMC_ZERO, chunk = VIAMC_ZERO;
    viamc_audioout_ops speaker = VIAMC_ZERO;
    viamc_call call = 0;
    world_new();
    played = 0;
    speaker.play_stream = play_stream;
    CHECK_EQ_INT(viamc_server_add_audioout(now.server, "loud", &speaker, NULL), VIAMC_OK);
    req.which_payload = viam_component_audioout_v1_PlayStreamRequest_init_tag;
    req.payload.init.name = viamc_text("loud");
    chunk.which_payload = viam_component_audioout_v1_PlayStreamRequest_audio_chunk_tag;
    chunk.payload.audio_chunk.audio_data = viamc_view("sound", 5);
    CHECK_EQ_INT(viamc_audioout_play_stream_req(now.client, &req, NULL, &call), VIAMC_OK);
    pass(5);
    CHECK_EQ_INT(viamc_audioout_play_stream_send(now.client, call, &chunk), VIAMC_OK);
    pass(5);
    CHECK_EQ_INT(viamc_call_send_end(now.client, call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    CHECK_EQ_INT(played, 5);
    req.payload.init.name = viamc_text("soft");
    CHECK_EQ_INT(viamc_audioout_play_stream_req(now.client, &req, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_NOT_FOUND);
    world_end();
}

/* A stream whose first message finds no room has not begun: no event tells of it, and its place is free. */
TEST(a_stream_without_room_does_not_begin)
{
    static uint8_t sound[20000];
    viam_component_audioout_v1_PlayStreamRequest req = VIAMC_ZERO;
    viamc_call call = 1;
    viamc_event ev;
    unsigned i;
    world_new();
    req.which_payload = viam_component_audioout_v1_PlayStreamRequest_audio_chunk_tag;
    req.payload.audio_chunk.audio_data = viamc_view(sound, sizeof sound);
    for (i = 0; i < 10; i++) { /* more often than there are calls */
        CHECK_EQ_INT(viamc_audioout_play_stream_req(now.client, &req, NULL, &call), VIAMC_ERR_NOMEM);
        CHECK_EQ_INT(call, 0);
    }
    for (i = 0; i < 5; i++) {
        CHECK_EQ_INT(viamc_poll(now.client, ++now.loop.now), VIAMC_OK);
        CHECK(!viamc_next_event(now.client, &ev));
    }
    CHECK_EQ_INT(viamc_motor_stop(now.client, "left", NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    world_end();
}

/* The driver dies: the server's own Stop comes through the same handler. */
TEST(session_expires)
{
    viamc_call call = 0;
    unsigned i;
    world_new();
    CHECK_EQ_INT(viamc_motor_set_power(now.client, "left", 1, NULL, &call), VIAMC_OK);
    CHECK_EQ_INT(finish(call)->status, VIAMC_OK);
    CHECK_NEAR(left.power, 1, 0);
    for (i = 0; i < 2500; i++)
        (void)viamc_server_poll(now.server, ++now.loop.now);
    CHECK_NEAR(left.power, 0, 0);
    CHECK_EQ_INT(left.stops, 1);
    CHECK_EQ_STR(left.stopped, "left");
    world_end();
}

int main(int argc, char **argv)
{
    test_begin("proto_server", argc, argv);
    RUN(drive);
    RUN(what_is_not_in_the_table);
    RUN(tables_that_are_refused);
    RUN(messages_of_all_sorts);
    RUN(answers_that_come_later);
    RUN(what_does_not_fit_or_is_malformed);
    RUN(stream_of_answers);
    RUN(stream_both_ways);
    RUN(name_inside_the_first_message);
    RUN(a_stream_without_room_does_not_begin);
    RUN(session_expires);
    return test_end();
}
