/* SPDX-License-Identifier: MIT */
/* The client against scripted peers: the exchanges of viam-wire.md 8.6, the memory rule, events and handles. */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"

#define ECHO "/test.Echo/Echo"
#define SET_POWER "/viam.component.motor.v1.MotorService/SetPower"
#define STOP "/viam.component.motor.v1.MotorService/Stop"
#define M1 viamc_view("\x0a\x02m1", 4)

/* viam-wire P7: StartSessionResponse, 2 s */
static const char session_2s[] = "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x02\x08\x02";

static viamc_call echo(viamc_bytes msg, const viamc_opts *opts)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, msg, opts, &call), VIAMC_OK);
    return call;
}

static viamc_err raw(const char *path, viamc_call *call)
{
    return viamc_call_bytes(script_now.client, path, M1, NULL, call);
}

TEST(first_flight)
{
    script_frame f;
    script_new();
    script_open();
    script_run(1);
    CHECK_EQ_MEM(script_now.got, 24, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    REQUIRE(script_next(&f));
    CHECK_EQ_INT(f.type, 4); /* F2 with values of settings 1 and 4 of this profile: table 256, slot 512 + 5 */
    CHECK_EQ_HEX(f.payload, f.len, "000100000100 000200000000 000400000205 000500004000 000600000800");
    REQUIRE(script_next(&f));
    CHECK_EQ_INT(f.type, 8);
    CHECK_EQ_HEX(f.payload, f.len, "7fff0000"); /* 2^31 - 1 - 65,535 */
    CHECK(!script_next(&f));
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING); /* all this went out without a word of the robot */
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

/* viam-wire 8: frames as robots send them, and as they must come. */
TEST(vectors_of_frames)
{
    script_frame f;
    script_new();
    script_open();
    script_run(1);
    while (script_next(&f))
        ;
    CHECK_EQ_HEX(script_now.got, 24, "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a"); /* F1 */
    script_send("00001e0400000000000001000000000003000000080004 0000ffff000500004000000600002000"); /* F3 */
    script_send("0000040800000000000000ffff"); /* F5 */
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_INT(script_now.client->conn.grpc.h2.peer_streams, 8);
    CHECK_EQ_INT(script_now.client->conn.grpc.h2.send_window, 65535 + 65535);
    REQUIRE(script_next(&f));
    CHECK_EQ_HEX(f.payload - 9, 9, "000000040100000000"); /* F4 */
    (void)echo(viamc_view(NULL, 0), NULL);
    script_run(1);
    REQUIRE(script_next(&f));
    CHECK(f.type == 1 && f.len < 256u);
    CHECK_EQ_HEX(f.payload - 6, 6, "010400000001"); /* F11, whose length is H1's */
    REQUIRE(script_next(&f));
    CHECK_EQ_HEX(f.payload - 9, 9u + f.len, "0000050001000000010000000000"); /* F10 */
    script_close();
}

TEST(x1_authenticate)
{
    script_frame f;
    uint32_t id;
    script_new();
    script_now.dial.api_key = "abcdefghijklmnopqrstuvwxyz012345";
    script_now.dial.api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    script_open();
    script_run(1);
    script_send("000000040000000000");
    id = script_request("/proto.rpc.v1.AuthService/Authenticate");
    CHECK_EQ_INT(id, 1);
    CHECK(!script_has_field("authorization"));
    CHECK(script_has_field(":method: POST\n:scheme: http\n:path: "));
    CHECK(script_has_field("\n:authority: robot:8080\ngrpc-timeout: 20000m\nte: trailers\ncontent-type: application/grpc\nuser-agent: grpc-c-viamc/0.1.0\nviam_client: c;v0.1.0;v0.1.601\n"));
    REQUIRE(script_find(0, &f)); /* P4 with P1 */
    CHECK_EQ_INT(f.flags, 1);
    CHECK_EQ_HEX(f.payload, f.len, "0000000053"
        "0a2437663363316135322d306230652d346636642d396332652d356430613462316632653364122b0a076170692d6b65791220"
        "6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435");
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_reply(1, "\x0a\x0atok.en.sig", 12);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    (void)echo(viamc_view("", 0), NULL);
    script_run(1);
    CHECK_EQ_INT(script_request(ECHO), 3);
    CHECK(script_has_field("\nauthorization: Bearer tok.en.sig\n"));
    script_close();
}

TEST(wrong_key_is_final)
{
    char text[160];
    script_new();
    script_now.dial.api_key = "wrong";
    script_now.dial.api_key_id = "7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d";
    script_open();
    script_run(1);
    script_send("000000040000000000");
    script_send_block(1, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023136000c677270632d6d65737361676513696e76616c69642063726564656e7469616c73", true);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_ERR_AUTH);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "auth: UNAUTHENTICATED: invalid credentials (key id 7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d)");
    script_close();
}

/* A proxy answers 503 while the robot boots: those are no refused credentials. */
TEST(authenticate_unavailable_is_tried_again)
{
    char text[160];
    unsigned i;
    script_new();
    script_now.dial.api_key = "k";
    script_now.dial.api_key_id = "7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d";
    script_open();
    for (i = 0; i < 3; i++) {
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
        CHECK_EQ_INT(script_now.client->dial.attempts, i);
        script_run(1);
        script_send("000000040000000000");
        script_send_block(1, "0803353033", true); /* :status 503 */
        script_run(1);
    }
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "auth: UNAVAILABLE: HTTP 503 instead of a gRPC answer (key id 7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d)");
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_ERR_RPC);
    script_close();
}

/* A token that its place does not take is a matter of configuration: trying again cannot help. */
TEST(token_longer_than_its_place)
{
    char text[160], reply[400];
    script_new();
    script_now.dial.api_key = "k";
    script_now.dial.api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    script_now.desc.token_bytes = 200;
    script_open();
    script_run(1);
    script_send("000000040000000000");
    memset(reply, 'x', sizeof reply);
    memcpy(reply, "\x0a\xad\x02", 3);
    script_reply(1, reply, 304);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_ERR_NOMEM);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK(strstr(text, "the robot's token is longer than token_bytes") != NULL);
    script_close();
}

/* A call that ends while its header block is half sent is told once the other half has left, and that is asked for. */
TEST(end_of_a_call_whose_block_is_half_sent)
{
    static char long_value[2000];
    static const viamc_metadata field = {{"note", 4}, {(const uint8_t *)long_value, sizeof long_value}};
    viamc_opts opts = VIAMC_ZERO;
    viamc_wait_hint hint;
    viamc_call call;
    unsigned turn;
    memset(long_value, 'v', sizeof long_value);
    opts.metadata = &field;
    opts.metadata_count = 1;
    script_new();
    script_now.loop.line[VMC_LOOP_TO_SERVER].capacity = 600;
    script_ready();
    call = echo(viamc_view("x", 1), &opts);
    (void)viamc_poll(script_now.client, script_now.loop.now); /* nobody reads: the line is full */
    CHECK(script_now.client->conn.grpc.h2.out_slot != VMC_H2_NO_SLOT);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_OK);
    for (turn = 0; turn < 20; turn++) {
        script_poll();
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        if (hint.ms != 0 && (hint.want & VIAMC_WANT_WRITE) == 0)
            break;
    }
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
    script_close();
}

/* A port that said that it is over is only closed, also if octets came with its last word. */
static viamc_port last_word_port;
static unsigned last_word_calls;

static viamc_err last_word_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    (void)user;
    (void)conn;
    memset(buf, 0, cap);
    vmc_put_be32(buf, (uint32_t)(cap - VMC_H2_FRAME_HEAD) << 8 | 0xffu); /* a frame of an unknown type */
    *len = cap;
    last_word_calls++;
    return VIAMC_ERR_CLOSED;
}

TEST(last_octets_of_a_port)
{
    script_new();
    script_ready();
    last_word_port = *script_now.desc.port;
    last_word_port.read = last_word_read;
    script_now.client->conn.port = &last_word_port;
    last_word_calls = 0;
    script_poll();
    CHECK_EQ_INT(last_word_calls, 1);
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    script_close();
}

/* RFC 9113 6.5.3: SETTINGS are acknowledged when all of them are known, however they come, and a robot is ready then. */
TEST(settings_in_pieces)
{
    script_frame f;
    script_new();
    script_open();
    script_run(1);
    while (script_next(&f))
        ;
    script_send("00000c040000000000 000300000001");
    script_run(1);
    CHECK(!script_next(&f));
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_send("000100000000");
    script_run(1);
    REQUIRE(script_next(&f));
    CHECK_EQ_INT(f.type, 4);
    CHECK_EQ_INT(f.flags, 1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

TEST(x2_acknowledges)
{
    script_frame f;
    unsigned settings = 0, pings = 0;
    script_new();
    script_ready();
    script_send("000000040000000000 000000040000000000 0000080600000000 0002041010090e0707");
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    while (script_next(&f)) {
        settings += f.type == 4 && f.flags == 1;
        if (f.type == 6 && f.flags == 1) {
            pings++;
            CHECK_EQ_HEX(f.payload, f.len, "02041010090e0707"); /* F6 */
        }
    }
    CHECK_EQ_INT(settings, 3);
    CHECK_EQ_INT(pings, 1);
    script_close();
}

/* Each PING is answered with its own octets. */
TEST(pings_of_different_octets)
{
    script_frame f;
    unsigned sum = 0, n = 0;
    script_new();
    script_ready();
    script_send("0000080600000000 000000000000000001 0000080600000000 000000000000000002 0000080600000000 000000000000000004");
    script_run(1);
    while (script_next(&f))
        if (f.type == 6 && f.flags == 1) {
            n++;
            sum += f.payload[7];
        }
    CHECK_EQ_INT(n, 3);
    CHECK_EQ_INT(sum, 1 + 2 + 4);
    script_close();
}

TEST(x3_message_in_pieces)
{
    static uint8_t msg[400];
    uint8_t data[405] = {0, 0, 0, 1, 0x90};
    const viamc_event *ev;
    size_t i;
    for (i = 0; i < sizeof msg; i++)
        msg[i] = (uint8_t)i;
    memcpy(data + 5, msg, sizeof msg);
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_frame(0, 0, 1, data, 3);
    script_run(1);
    script_send_frame(0, 0, 1, data + 3, 200);
    script_run(1);
    script_send_frame(0, 0, 1, data + 203, sizeof data - 203);
    script_send_block(1, SCRIPT_R2, true);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK_EQ_INT(ev->ran, VIAMC_ANSWERED);
    CHECK_EQ_MEM(script_now.msg[0], ev->msg.len, msg, sizeof msg);
    script_close();
}

TEST(x4_two_messages_in_a_frame)
{
    viamc_opts opts = VIAMC_ZERO;
    script_new();
    script_ready();
    opts.stream = VIAMC_M_SERVER_STREAM;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_frame(0, 0, 1, "\0\0\0\0\2ab\0\0\0\0\1c", 13);
    script_send_block(1, SCRIPT_R2, true);
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_MESSAGE), 2);
    CHECK_EQ_MEM(script_now.msg[0], 2, "ab", 2);
    CHECK_EQ_MEM(script_now.msg[1], 1, "c", 1);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    script_close();
}

static size_t data_octets(void)
{
    script_frame f;
    size_t n = 0;
    while (script_find(0, &f))
        n += f.len;
    return n;
}

TEST(x5_small_peer_window)
{
    static uint8_t msg[5000];
    script_new();
    script_now.desc.tx_bytes = 8192;
    script_open();
    script_run(1);
    script_send("0000060400000000000004 00000800"); /* INITIAL_WINDOW_SIZE 2,048 */
    script_run(1);
    (void)echo(viamc_view(msg, sizeof msg), NULL);
    script_run(1);
    CHECK_EQ_INT(data_octets(), 2048);
    script_send("00000408000000000100000400"); /* + 1,024 on stream 1 */
    script_run(1);
    CHECK_EQ_INT(data_octets(), 1024);
    script_send("00000408000000000100100000");
    script_run(1);
    CHECK_EQ_INT(data_octets(), 5005 - 3072);
    script_close();
}

TEST(x6_window_turns_negative)
{
    static uint8_t msg[5000];
    script_new();
    script_now.desc.tx_bytes = 8192;
    script_open();
    script_run(1);
    script_send("0000060400000000000004 000007d0"); /* 2,000 */
    script_run(1);
    (void)echo(viamc_view(msg, sizeof msg), NULL);
    script_run(1);
    CHECK_EQ_INT(data_octets(), 2000);
    script_send("0000060400000000000004 00000064"); /* 100: the window is -1,900 */
    script_run(1);
    script_send("0000040800000000010000076c"); /* + 1,900 */
    script_run(1);
    CHECK_EQ_INT(data_octets(), 0);
    script_send("00000408000000000100000001");
    script_run(1);
    CHECK_EQ_INT(data_octets(), 1);
    script_close();
}

TEST(x7_unknown_method_of_the_python_sdk)
{
    const viamc_event *ev;
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    (void)echo(viamc_view("y", 1), NULL);
    script_run(1);
    script_send_block(3, "8840889acac8b21234da8f8208bf40899acac8b5254207317f8cd054ce7914a8e95253db549f", true); /* R11 */
    script_send("00000403000000000300000000 00000403000000000300000005"); /* R12 */
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_UNIMPLEMENTED);
    CHECK_EQ_STR(script_text(ev), "Method not found");
    script_reply(1, "ok", 2);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 1)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

/* The stream of a request of the robot's own service, whose one message is `hex`. */
static uint32_t robot_request(const char *name, const char *hex)
{
    script_frame f;
    char line[80];
    uint32_t id;
    snprintf(line, sizeof line, "/viam.robot.v1.RobotService/%s", name);
    script_poll();
    id = script_request(line);
    CHECK(script_find(0, &f));
    CHECK_EQ_INT(f.id, id);
    CHECK_EQ_HEX(f.payload, f.len, hex);
    return id;
}

/* robot.proto: Operation {1: id, 2: method, 3: arguments, 4: started, 5: session_id}, GetOperationsResponse {1: operations},
 * CancelOperationRequest {1: id}. */
TEST(operations)
{
    static const char running[] = "\x0a\x10\x0a\x02i1\x12\x06/a.B/C\x22\x02\x08\x05\x0a\x0f\x0a\x02i2\x12\x06/a.B/D\x2a\x01s";
    viamc_call call;
    viamc_str id, method;
    viamc_event ev;
    size_t at = 0;
    script_new();
    script_ready();
    CHECK_EQ_INT(viamc_robot_get_operations(script_now.client, NULL, &call), VIAMC_OK);
    script_reply(robot_request("GetOperations", "0000000000"), running, sizeof running - 1);
    (void)viamc_poll(script_now.client, script_now.loop.now);
    REQUIRE(viamc_next_event(script_now.client, &ev));
    CHECK(ev.kind == VIAMC_EV_DONE && ev.call == call);
    CHECK(viamc_robot_next_operation(&ev, &at, &id, &method));
    CHECK(viamc_str_eq(id, viamc_text("i1")) && viamc_str_eq(method, viamc_text("/a.B/C")));
    CHECK(viamc_robot_next_operation(&ev, &at, &id, &method));
    CHECK(viamc_str_eq(id, viamc_text("i2")) && viamc_str_eq(method, viamc_text("/a.B/D")));
    CHECK(!viamc_robot_next_operation(&ev, &at, &id, &method));
    CHECK_EQ_INT(viamc_robot_cancel_operation(script_now.client, viamc_text("i2"), NULL, &call), VIAMC_OK);
    script_reply(robot_request("CancelOperation", "0000000004 0a026932"), "", 0);
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
    script_close();
}

TEST(x8_proxy_error)
{
    const viamc_event *ev;
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send_block(1, "0803353032 0f1009746578742f68746d6c", false); /* :status 502, text/html */
    script_send_frame(0, 1, 1, "<html>", 6);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_UNAVAILABLE);
    CHECK_EQ_STR(script_text(ev), "HTTP 502 instead of a gRPC answer");
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

/* Statuses of viam-wire.md 2.9: what a block that ends the stream makes of a call. */
TEST(statuses)
{
    static const struct {
        const char *block;
        bool end;
        uint32_t status;
    } rows[] = {
        {"0803343030", false, VIAMC_INTERNAL},
        {"0803343031", false, VIAMC_UNAUTHENTICATED},
        {"0803343033", false, VIAMC_PERMISSION_DENIED},
        {"0803343034", true, VIAMC_UNKNOWN}, /* see below: END_STREAM without a status */
        {"0803343034", false, VIAMC_UNIMPLEMENTED},
        {"0803343239", false, VIAMC_UNAVAILABLE},
        {"0803353034", false, VIAMC_UNAVAILABLE},
        {"0803343135", false, VIAMC_UNKNOWN},
        {"88", false, VIAMC_UNKNOWN},
        {"88 0f1009746578742f68746d6c", false, VIAMC_UNKNOWN},
        {"88", true, VIAMC_UNKNOWN},
        {SCRIPT_R1 "000b677270632d737461747573023137", true, VIAMC_UNKNOWN},       /* 17 */
        {SCRIPT_R1 "000b677270632d73746174757302 2d31", true, VIAMC_UNKNOWN},       /* -1 */
        {SCRIPT_R1 "000b677270632d737461747573 03307831", true, VIAMC_UNKNOWN},     /* 0x1 */
        {SCRIPT_R1 "000b677270632d737461747573 00", true, VIAMC_UNKNOWN},           /* empty */
        {SCRIPT_R1 "000b677270632d737461747573 023030", true, VIAMC_UNKNOWN},      /* 00 */
        {SCRIPT_R1 "000b677270632d737461747573 023035", true, VIAMC_UNKNOWN},       /* 05 */
        {SCRIPT_R1 "000b677270632d737461747573 03303030", true, VIAMC_UNKNOWN},     /* 000 */
        {SCRIPT_R1 "000b677270632d737461747573 03393939", true, VIAMC_UNKNOWN},     /* 999 */
        {SCRIPT_R1 "000b677270632d737461747573 022030", true, VIAMC_INTERNAL},      /* " 0": malformed (RFC 9113 8.2.1) */
        {SCRIPT_R1 "000b677270632d737461747573 023020", true, VIAMC_INTERNAL},      /* "0 " */
        {SCRIPT_R1 "000b677270632d737461747573 012b", true, VIAMC_UNKNOWN},         /* + */
        {SCRIPT_R1 SCRIPT_R2 SCRIPT_R2, true, VIAMC_UNKNOWN},                       /* two of them */
        {SCRIPT_R1 SCRIPT_R2, true, VIAMC_UNIMPLEMENTED},                           /* OK, but no message */
        {"0803353032 000b677270632d7374617475730135", true, VIAMC_NOT_FOUND},       /* a grpc-status wins */
        {SCRIPT_R1 "000b677270632d737461747573023136", true, VIAMC_UNAUTHENTICATED},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        const viamc_event *ev;
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(1, rows[i].block, rows[i].end);
        script_run(1);
        ev = script_event(VIAMC_EV_DONE, 0);
        CHECK(ev != NULL);
        if (ev != NULL && i != 3)
            CHECK_EQ_INT(ev->status, rows[i].status);
        if (ev != NULL)
            CHECK(ev->status != VIAMC_OK);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
        script_close();
    }
}

/* Of what follows "application/grpc", only what means protocol buffers. */
TEST(content_types)
{
    static const struct {
        const char *behind; /* in hex, with the length of the whole */
        uint32_t status;
    } rows[] = {
        {"10", VIAMC_OK},
        {"16 2b70726f746f", VIAMC_OK},            /* +proto */
        {"12 3b78", VIAMC_OK},                    /* ;x */
        {"18 2b70726f746f3b78", VIAMC_OK},        /* +proto;x */
        {"15 2b6a736f6e", VIAMC_UNKNOWN},         /* +json */
        {"11 2b", VIAMC_UNKNOWN},                 /* + */
        {"15 2b70726f74", VIAMC_UNKNOWN},         /* +prot */
        {"17 2b70726f746f78", VIAMC_UNKNOWN},     /* +protox */
        {"14 2d776562", VIAMC_UNKNOWN},           /* -web */
    };
    size_t i, n;
    for (i = 0; i < 2u * TEST_COUNT(rows); i++) {
        const char *behind = rows[i / 2u].behind;
        char block[100];
        const viamc_event *ev;
        (void)snprintf(block, sizeof block, "88 0f10 %.2s 6170706c69636174696f6e2f67727063 %s", behind, behind + 2);
        script_new();
        script_now.loop.line[VMC_LOOP_TO_CLIENT].read_max = i % 2u != 0 ? 7 : 0; /* also in pieces */
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(1, block, false);
        script_send_message(1, "y", 1);
        script_send_block(1, SCRIPT_R2, true);
        for (n = 0; n < 20; n++)
            script_poll();
        ev = script_event(VIAMC_EV_DONE, 0);
        REQUIRE(ev != NULL);
        CHECK_EQ_INT(ev->status, rows[i / 2u].status);
        script_close();
    }
}

TEST(resets)
{
    static const struct {
        uint8_t code, status, ran;
    } rows[] = {{0, VIAMC_INTERNAL, VIAMC_MAYBE}, {2, VIAMC_INTERNAL, VIAMC_MAYBE}, {3, VIAMC_INTERNAL, VIAMC_MAYBE}, {7, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN},
                {8, VIAMC_CANCELLED, VIAMC_MAYBE}, {11, VIAMC_RESOURCE_EXHAUSTED, VIAMC_MAYBE}, {12, VIAMC_PERMISSION_DENIED, VIAMC_MAYBE}, {99, VIAMC_INTERNAL, VIAMC_MAYBE}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint8_t code[4] = {0, 0, 0, rows[i].code};
        const viamc_event *ev;
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_frame(3, 0, 1, code, 4);
        script_run(1);
        ev = script_event(VIAMC_EV_DONE, 0);
        REQUIRE(ev != NULL);
        CHECK_EQ_INT(ev->status, rows[i].status);
        CHECK_EQ_INT(ev->ran, rows[i].ran);
        script_close();
    }
}

TEST(unary_with_two_messages_is_an_error)
{
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_message(1, "a", 1);
    script_send_message(1, "b", 1);
    script_send_block(1, SCRIPT_R2, true);
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_UNIMPLEMENTED);
    script_close();
}

TEST(truncated_message_is_an_error)
{
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_frame(0, 0, 1, "\0\0\0\0\5ab", 7);
    script_send_block(1, SCRIPT_R2, true);
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_INTERNAL);
    script_close();
}

TEST(informational_and_late_frames_are_ignored)
{
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send_block(1, "0803313030", false); /* 100 */
    script_send_block(1, "0803313033 00046c696e6b0178", false); /* 103 with a field */
    script_reply(1, "ok", 2);
    script_send_frame(8, 0, 1, "\0\0\0\1", 4); /* WINDOW_UPDATE on the closed stream */
    script_send_frame(0, 0, 1, "late", 4);
    script_send_frame(0xee, 0xff, 7, "unknown", 7);
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

TEST(settings_up_to_the_bound)
{
    unsigned more, n;
    for (more = 0; more < 2u; more++) {
        script_new();
        script_ready();
        for (n = 0; n < VMC_H2_MAX_SETTINGS + more; n++)
            script_send("000000040000000000");
        script_send("000000040100000000"); /* the acknowledgement of ours is none of them */
        script_poll();
        CHECK_EQ_INT(viamc_state(script_now.client) == VIAMC_READY, more == 0);
        script_close();
    }
}

TEST(x9_robot_without_sessions)
{
    viamc_call call;
    script_new();
    script_ready();
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(script_request("RobotService/StartSession"), 1);
    CHECK(!script_request(SET_POWER));
    script_send_block(1, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132000c677270632d6d657373616765104d6574686f64206e6f7420666f756e64", true); /* R3 */
    script_run(1);
    CHECK_EQ_INT(script_request(SET_POWER), 3);
    CHECK(!script_has_field("viam-sid"));
    CHECK_EQ_INT(script_count(VIAMC_EV_UNPROTECTED), 1);
    script_reply(3, "", 0);
    script_run(1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK); /* the next one goes at once */
    script_run(1);
    CHECK_EQ_INT(script_request(SET_POWER), 5);
    CHECK_EQ_INT(script_count(VIAMC_EV_UNPROTECTED), 1);
    script_close();
}

TEST(require_session)
{
    viamc_call call;
    const viamc_event *ev;
    script_new();
    script_now.dial.require_session = true;
    script_ready();
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_run(1);
    script_send_block(1, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132", true);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_FAILED_PRECONDITION);
    CHECK_EQ_INT(ev->ran, VIAMC_NOT_RUN);
    CHECK_EQ_INT(script_count(VIAMC_EV_UNPROTECTED), 0);
    script_close();
}

/* Brings the client to a session on stream 1, whose first heartbeat is stream 3 and answered, and a move on stream 5. */
static void start_session(const char *reply, size_t len)
{
    viamc_call call;
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(script_request("RobotService/StartSession"), 1);
    script_reply(1, reply, len);
    script_poll();
    CHECK_EQ_INT(script_request("RobotService/SendSessionHeartbeat"), 3);
    script_reply(3, "", 0);
    CHECK_EQ_INT(script_request(SET_POWER), 5);
    CHECK(script_has_field("viam-sid: 11111111-2222-4333-8444-000000000001\n"));
    script_reply(5, "", 0);
    script_poll();
    script_forget();
}

TEST(session_heartbeats)
{
    uint32_t id;
    unsigned beats = 0;
    viamc_stats stats;
    script_new();
    script_ready();
    start_session(session_2s, sizeof session_2s - 1);
    while (beats < 10) {
        viamc_ms before = script_now.loop.now;
        script_run(400);
        id = script_request("RobotService/SendSessionHeartbeat");
        CHECK(id != 0);
        CHECK(!script_has_field("viam-sid"));
        CHECK(script_now.loop.now - before <= 400);
        script_reply(id, "", 0);
        beats++;
    }
    script_run(10);
    viamc_client_stats(script_now.client, script_now.loop.now, &stats);
    CHECK_EQ_INT(stats.window_ms, 2000);
    CHECK_EQ_INT(stats.heartbeats, 11);
    CHECK_EQ_INT(script_count(VIAMC_EV_STARVED), 0);
    script_close();
}

TEST(x10_session_expired_is_reported_and_nothing_replayed)
{
    viamc_call call;
    const viamc_event *ev;
    uint32_t id;
    script_new();
    script_ready();
    start_session(session_2s, sizeof session_2s - 1);
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_poll();
    CHECK_EQ_INT(id = script_request(SET_POWER), 7);
    script_send_block(id, "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730133000c677270632d6d6573736167650f53455353494f4e5f45585049524544", true); /* R4 */
    script_run(5);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_INVALID_ARGUMENT);
    CHECK_EQ_STR(script_text(ev), "SESSION_EXPIRED");
    CHECK_EQ_INT(script_count(VIAMC_EV_SESSION_LOST), 1);
    CHECK_EQ_INT(id = script_request("RobotService/StartSession"), 9); /* one new session ... */
    script_reply(id, session_2s, sizeof session_2s - 1);
    script_run(300);
    CHECK_EQ_INT(script_request("RobotService/SendSessionHeartbeat"), 11);
    CHECK_EQ_INT(script_request(SET_POWER), 0); /* ... and no SetPower */
    script_close();
}

TEST(x11_window_of_30_ms)
{
    viamc_call call;
    unsigned beats = 0, i;
    script_new();
    script_ready();
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_run(1);
    script_reply(1, "\x0a\x01" "a\x12\x05\x10\x80\x87\xa7\x0e", 10);
    for (i = 0; i < 120; i++) {
        script_frame f;
        script_run(1);
        while (script_find(1, &f))
            if (script_has_field("SendSessionHeartbeat")) {
                beats++;
                script_reply(f.id, "", 0);
            }
    }
    CHECK(beats >= 19 && beats <= 21); /* every 6 ms for 120 ms, and the first */
    script_close();
}

TEST(session_without_a_window_is_refused)
{
    viamc_call call;
    script_new();
    script_ready();
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_run(1);
    script_reply(1, "\x0a\x01" "a", 3); /* P8: no window */
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_INTERNAL);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->ran, VIAMC_NOT_RUN);
    script_close();
}

TEST(x12_goaway)
{
    const viamc_event *ev;
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    (void)echo(viamc_view("y", 1), NULL);
    script_run(1);
    script_send("0000080700000000000000000100000000"); /* F9 */
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_UNAVAILABLE);
    CHECK_EQ_INT(ev->ran, VIAMC_NOT_RUN);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("", 0), NULL, NULL), VIAMC_ERR_STATE);
    script_reply(1, "ok", 2);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 1)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    CHECK(script_now.event[script_now.events - 1].kind == VIAMC_EV_LOST);
    CHECK_EQ_INT(script_event(VIAMC_EV_LOST, 0)->error.code, VIAMC_ERR_H2_GOAWAY);
    script_close();
}

TEST(lost_and_ready_again)
{
    const viamc_event *ev;
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_UNAVAILABLE);
    CHECK_EQ_INT(ev->ran, VIAMC_MAYBE);
    REQUIRE((ev = script_event(VIAMC_EV_LOST, 0)) != NULL);
    CHECK_EQ_INT(ev->error.code, VIAMC_ERR_CLOSED);
    CHECK(ev->retry_ms >= 800 && ev->retry_ms <= 1200);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_BACKOFF);
    script_run(1300);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_READY), 1);
    CHECK_EQ_INT(script_now.conn, 1);
    script_close();
}

/* Takes connections and hangs up, or speaks something else: attempts count, nothing is READY. */
TEST(ready_needs_a_word_of_the_robot)
{
    static const char *const addresses[] = {"robot:8080", "unix:/tmp/robot", "robot"};
    static const char *const words[] = {"", "5353482d322e302d4f70656e5353480d0a", "485454502f312e3120343030"}; /* SSH-2.0-OpenSSH, HTTP/1.1 400 */
    unsigned i, turn;
    for (i = 0; i < TEST_COUNT(words); i++) {
        script_new();
        script_now.dial.address = addresses[i];
        script_now.dial.credential_type = i == 2u ? "access-token" : NULL;
        script_now.dial.credential_payload = i == 2u ? "t" : NULL;
        script_open();
        for (turn = 0; turn < 3u; turn++) {
            CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
            script_run(1);
            CHECK_EQ_INT(script_now.conn, turn);
            script_send(words[i]);
            vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
            script_run(1);
        }
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
        CHECK_EQ_INT(script_count(VIAMC_EV_READY) + script_count(VIAMC_EV_LOST), 0);
        script_close();
    }
}

/* Three attempts in a row, then with backoff, as long as the caller likes. */
TEST(attempts_without_end_back_off)
{
    script_new();
    script_now.dial.attempts = VIAMC_FOREVER;
    script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
    script_open();
    script_run(100);
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 3);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_BACKOFF);
    script_run(30000); /* after 1, 2, 4, 8 and 16 s, each a fifth more or less */
    CHECK(script_now.loop.end[0].calls[VMC_LOOP_OPEN] >= 6 && script_now.loop.end[0].calls[VMC_LOOP_OPEN] <= 8);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
    script_close();
}

TEST(silent_peer_meets_the_deadline)
{
    char text[120];
    script_new();
    script_now.dial.attempts = 1;
    script_now.dial.timeout_ms = 1500;
    script_open();
    script_run(1499);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_run(2);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "HTTP/2: no answer within the time limit of 1,500 ms (robot:8080)");
    script_close();
}

/* GOAWAY with this code, then the end of the connection. How long until the next attempt? */
static viamc_ms away_after_goaway(const char *code)
{
    const viamc_event *ev;
    char frame[40];
    script_forget();
    snprintf(frame, sizeof frame, "0000080700000000007fffffff%s", code);
    script_send(frame);
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
    script_poll();
    ev = script_event(VIAMC_EV_LOST, 0);
    CHECK(ev != NULL && ev->error.code == VIAMC_ERR_H2_GOAWAY);
    return ev == NULL ? VIAMC_FOREVER : ev->retry_ms;
}

static void ready_again(viamc_ms after)
{
    script_run(after + 1);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
}

TEST(goaway_in_peace_is_redialled_at_once)
{
    viamc_ms ms;
    char text[120];
    script_new();
    script_ready();
    CHECK_EQ_INT(away_after_goaway("00000000"), 0);
    ready_again(0);
    ms = away_after_goaway("00000000"); /* not again and again */
    CHECK(ms >= 800 && ms <= 1200);
    ready_again(ms);
    script_now.loop.now += 60000;
    CHECK_EQ_INT(away_after_goaway("00000000"), 0);
    ready_again(0);
    script_now.loop.now += 60000;
    ms = away_after_goaway("0000000b");
    CHECK(ms >= 800 && ms <= 1200);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "the robot wants fewer calls or pings (GOAWAY: ENHANCE_YOUR_CALM) (robot:8080)");
    script_close();
}

/* Whoever does not take LOST is not connected again behind his back. */
TEST(lost_is_taken_before_the_next_attempt)
{
    viamc_event ev;
    unsigned n;
    script_new();
    script_ready();
    script_send("000008070000000000 7fffffff 00000000");
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
    for (n = 0; n < 4; n++) {
        CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
        script_now.loop.now += 60000;
    }
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 1);
    CHECK(viamc_next_event(script_now.client, &ev) && ev.kind == VIAMC_EV_LOST);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 2);
    script_close();
}

/* The same behind another viamc_dial, which brings no LOST: what the calls left lies where the next attempt checks certificates. */
TEST(ends_of_calls_are_taken_before_the_next_attempt)
{
    viamc_event ev;
    viamc_call call;
    script_new();
    script_ready();
    CHECK_EQ_INT(raw("/a.B/C", &call), VIAMC_OK);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 1);
    CHECK(viamc_next_event(script_now.client, &ev) && ev.kind == VIAMC_EV_DONE && ev.call == call);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 2);
    script_close();
}

TEST(refused_three_times)
{
    char text[120];
    script_new();
    script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
    script_open();
    script_run(100);
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 3);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_ERR_REFUSED);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "dial: nobody listens at this address (robot:8080)");
    script_close();
}

/* Why the last attempt failed can be read until READY. */
TEST(reason_while_redialling)
{
    char text[120];
    script_new();
    script_now.dial.attempts = VIAMC_FOREVER;
    script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
    script_open();
    script_poll();
    script_now.loop.end[0].open_err = VIAMC_OK;
    script_now.loop.end[0].open_waits = 3;
    script_poll();
    script_poll();
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    CHECK_EQ_INT(viamc_client_error(script_now.client).code, VIAMC_ERR_REFUSED);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "dial: nobody listens at this address (robot:8080)");
    script_poll();
    script_poll();
    script_poll();
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "no error");
    script_close();
}

/* A robot that hangs up during Authenticate: each loss is one attempt. */
TEST(lost_while_authenticating)
{
    char text[120];
    unsigned i;
    script_new();
    script_now.dial.api_key = "k";
    script_now.dial.api_key_id = "7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d";
    script_open();
    for (i = 0; i < 3; i++) {
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
        script_run(1);
        script_send("000000040000000000");
        CHECK(script_request("/proto.rpc.v1.AuthService/Authenticate") != 0);
        vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
        script_run(1);
    }
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(script_now.conn, 2);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "the peer closed the connection (robot:8080)");
    script_close();
}

TEST(dial_timeout)
{
    script_new();
    script_now.loop.end[0].open_waits = 1000000;
    script_now.dial.timeout_ms = 500;
    script_now.dial.attempts = 1;
    script_open();
    script_run(499);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_run(2);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_client_error(script_now.client).code, VIAMC_ERR_TIMEOUT);
    script_close();
}

TEST(deadline_of_a_call)
{
    viamc_opts opts = VIAMC_ZERO;
    script_frame f;
    const viamc_event *ev;
    script_new();
    script_ready();
    opts.timeout_ms = 250;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    CHECK_EQ_INT(script_request(ECHO), 1);
    CHECK(script_has_field("grpc-timeout: 250m\n"));
    script_run(260);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_DEADLINE_EXCEEDED);
    CHECK_EQ_INT(ev->ran, VIAMC_MAYBE);
    REQUIRE(script_find(3, &f));
    CHECK_EQ_HEX(f.payload, f.len, "00000008"); /* F7: CANCEL */
    script_reply(1, "late", 4);
    (void)echo(viamc_view("y", 1), NULL); /* the record is used again, the stream is not */
    script_run(1);
    script_reply(3, "new", 3);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 1)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK_EQ_MEM(script_now.msg[1], ev->msg.len, "new", 3);
    script_close();
}

/* A server that resets the stream when the time is over says the same as our own clock; one that does so before has cancelled. */
TEST(reset_at_the_deadline)
{
    unsigned late;
    for (late = 0; late < 2; late++) {
        viamc_opts opts = VIAMC_ZERO;
        const viamc_event *ev;
        script_new();
        script_ready();
        opts.timeout_ms = 250;
        (void)echo(viamc_view("x", 1), &opts);
        script_run(1);
        script_now.loop.now += 240 + 20 * late;
        script_send_frame(3, 0, 1, "\0\0\0\10", 4);
        script_poll();
        script_poll();
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
        CHECK_EQ_INT(ev->status, late != 0 ? VIAMC_DEADLINE_EXCEEDED : VIAMC_CANCELLED);
        CHECK_EQ_INT(ev->ran, VIAMC_MAYBE);
        script_close();
    }
}

/* The rest of a frame, and of a header block, that belongs to a call which is over is nobody's, although the record is used again. */
TEST(rest_of_a_frame_under_way)
{
    uint8_t data[105] = {0, 0, 0, 0, 100}, head[9] = {0, 0, 105, 0, 0, 0, 0, 0, 1};
    viamc_call call;
    const viamc_event *ev;
    unsigned block;
    for (block = 0; block < 2; block++) {
        size_t done;
        script_new();
        script_ready();
        call = echo(viamc_view("x", 1), NULL);
        script_run(1);
        if (block == 0) {
            script_send_block(1, SCRIPT_R1, false);
            (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, head, 9, &done);
            (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, data, 50, &done);
        } else {
            script_send("000023" "01" "05" "00000001" "88000b677270632d737461747573"); /* grpc-status ... */
        }
        script_run(1);
        CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_OK);
        script_run(1); /* RST_STREAM is sent */
        CHECK(echo(viamc_view("y", 1), NULL) != call);
        script_run(1);
        if (block == 0)
            (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, data + 50, 55, &done);
        else
            script_send("0131 0f10106170706c69636174696f6e2f67727063"); /* ... 1 */
        script_run(1);
        CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
        script_reply(3, "new", 3);
        script_run(1);
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 1)) != NULL);
        CHECK_EQ_INT(ev->status, VIAMC_OK);
        CHECK_EQ_MEM(script_now.msg[1], ev->msg.len, "new", 3);
        script_close();
    }
}

/* Headers, trailers and messages octet by octet. */
TEST(reply_octet_by_octet)
{
    static const char *const replies[] = {
        "000014 01 04 00000001" SCRIPT_R1 "000007 00 00 00000001 00000000026f6b" "00000f 01 05 00000001" SCRIPT_R2,
        "000014 01 04 00000003" SCRIPT_R1 "000007 00 00 00000003 00000000026f6b" "00000f 01 05 00000003" SCRIPT_R2};
    uint8_t octets[200];
    unsigned call;
    script_new();
    script_ready();
    for (call = 0; call < 2; call++) {
        const viamc_event *ev;
        size_t n = test_hex(replies[call], octets, sizeof octets), i, done;
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        for (i = 0; i < n; i++) {
            (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, octets + i, 1, &done);
            script_poll();
        }
        REQUIRE((ev = script_event(VIAMC_EV_DONE, call)) != NULL);
        CHECK_EQ_INT(ev->status, VIAMC_OK);
        CHECK_EQ_MEM(script_now.msg[call], ev->msg.len, "ok", 2);
    }
    script_close();
}

TEST(cancel_and_stale_handles)
{
    viamc_call call, other;
    script_new();
    script_ready();
    call = echo(viamc_view("x", 1), NULL);
    script_run(1);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_OK);
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_CANCELLED);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_ERR_NOT_FOUND);
    other = echo(viamc_view("x", 1), NULL);
    CHECK(other != call);
    CHECK_EQ_INT(other & 0xff, call & 0xff);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, 0), VIAMC_ERR_NOT_FOUND);
    script_close();
}

TEST(all_calls_in_use)
{
    unsigned i;
    script_new();
    script_ready();
    for (i = 0; i < 4; i++)
        (void)echo(viamc_view("x", 1), NULL);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("x", 1), NULL, NULL), VIAMC_ERR_BUSY);
    CHECK_EQ_INT(raw(STOP, NULL), VIAMC_OK); /* Stop has a record of its own */
    CHECK_EQ_INT(raw(STOP, NULL), VIAMC_ERR_BUSY);
    script_close();
}

/* ---- the memory rule ---- */

static uint8_t pattern[8000];

static void send_large(uint32_t id, size_t len)
{
    static uint8_t data[8005];
    size_t i, at = 0;
    for (i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 7 + i / 256);
    data[0] = 0;
    vmc_put_be32(data + 1, (uint32_t)len);
    memcpy(data + 5, pattern, len);
    script_send_block(id, SCRIPT_R1, false);
    while (at < len + 5) { /* as the client's credit allows */
        const vmc_h2_stream *s = &script_now.client->conn.grpc.h2.streams[vmc_h2_find(&script_now.client->conn.grpc.h2, id)];
        size_t n = vmc_min(vmc_min((size_t)(s->credit > 0 ? s->credit : 0), 1000), len + 5 - at);
        if (vmc_h2_find(&script_now.client->conn.grpc.h2, id) == VMC_H2_NO_SLOT || n == 0)
            return;
        script_send_frame(0, 0, id, data + at, n);
        at += n;
        script_run(1);
    }
    script_send_block(id, SCRIPT_R2, true);
    script_run(1);
}

TEST(large_reply_in_big)
{
    const viamc_event *ev;
    script_new();
    script_now.desc.rx_bytes = 8000;
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    send_large(1, 8000);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK_EQ_MEM(ev->msg.ptr, ev->msg.len, pattern, 8000);
    script_close();
}

TEST(large_reply_in_a_lent_buffer)
{
    static uint8_t lent[6000];
    viamc_opts opts = VIAMC_ZERO;
    const viamc_event *ev;
    script_new();
    script_ready();
    opts.into = lent;
    opts.into_cap = sizeof lent;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    send_large(1, 6000);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_OK);
    CHECK(ev->msg.ptr == lent);
    CHECK_EQ_MEM(lent, ev->msg.len, pattern, 6000);
    script_close();
}

TEST(large_reply_without_a_place)
{
    const viamc_event *ev;
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    send_large(1, 6000);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_RESOURCE_EXHAUSTED);
    CHECK_EQ_STR(script_text(ev), "message of 6,000 bytes: lend opts.into, a sink, or give more rx_bytes");
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

static uint8_t sunk[8000];
static size_t sunk_len;
static unsigned sink_waits;

static viamc_err sink(void *user, const viamc_piece *p)
{
    (void)user;
    if (sink_waits != 0 && sink_waits-- % 2u == 0)
        return VIAMC_WAIT;
    if (p->offset != sunk_len || p->bytes.len > sizeof sunk - sunk_len || p->total != 7000)
        return VIAMC_ERR_SINK;
    memcpy(sunk + sunk_len, p->bytes.ptr, p->bytes.len);
    sunk_len += p->bytes.len;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("", 0), NULL, NULL), VIAMC_ERR_STATE);
    return VIAMC_OK;
}

TEST(large_reply_through_a_sink)
{
    viamc_opts opts = VIAMC_ZERO;
    for (sink_waits = 0; sink_waits < 20; sink_waits += 19) {
        unsigned waits = sink_waits;
        script_new();
        script_ready();
        sunk_len = 0;
        opts.sink = sink;
        (void)echo(viamc_view("x", 1), &opts);
        script_run(1);
        send_large(1, 7000);
        REQUIRE(script_count(VIAMC_EV_DONE) == 1);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
        CHECK_EQ_MEM(sunk, sunk_len, pattern, 7000);
        script_close();
        sink_waits = waits;
    }
}

/* The robot's last word was OK, the sink has not taken all: a reset behind it says nothing any more. */
TEST(reset_behind_a_reply_that_a_sink_holds_up)
{
    static uint8_t data[7005];
    viamc_opts opts = VIAMC_ZERO;
    size_t at, part;
    script_new();
    script_ready();
    sunk_len = 0;
    opts.sink = sink;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    memset(data, 's', sizeof data);
    vmc_put_be32(data, 0);
    vmc_put_be32(data + 1, 7000);
    script_send_block(1, SCRIPT_R1, false);
    for (at = 0; at < sizeof data; at += part) {
        part = vmc_min(sizeof data - at, 400);
        script_send_frame(0, 0, 1, data + at, part);
        if (at + part < sizeof data)
            script_run(1);
    }
    sink_waits = 2; /* WAIT once */
    script_send_block(1, SCRIPT_R2, true);
    script_send_frame(3, 0, 1, "\0\0\0\0", 4);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    CHECK_EQ_INT(sunk_len, 6800 - 5);
    script_run(100);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    CHECK_EQ_INT(sunk_len, 7000);
    script_close();
}

TEST(two_large_replies_take_turns)
{
    script_new();
    script_now.desc.rx_bytes = 2000;
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    (void)echo(viamc_view("y", 1), NULL);
    script_run(1);
    script_send_block(3, SCRIPT_R1, false);
    script_send_frame(0, 0, 3, "\0\0\0\7\xd0", 5); /* the second one's prefix takes the buffer */
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_frame(0, 0, 1, "\0\0\0\7\xd0", 5);
    script_run(1);
    CHECK_EQ_INT(script_now.client->calls.big_owner, 1);
    CHECK_EQ_INT(script_now.client->calls.users[0].call.large, VMC_CALL_WAITS);
    memset(pattern, 'b', sizeof pattern);
    script_send_frame(0, 0, 3, pattern, 1000);
    script_run(1);
    script_send_frame(0, 0, 3, pattern, 1000);
    script_send_block(3, SCRIPT_R2, true);
    script_run(1);
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
    CHECK_EQ_INT(script_now.client->calls.big_owner, 0); /* free at the first poll after its event was taken */
    script_close();
}

/* A stream that nobody reads stands still and disturbs nobody (limits.md row 49). */
TEST(unread_stream_stops_at_its_window)
{
    viamc_opts opts = VIAMC_ZERO;
    script_frame f;
    unsigned updates = 0, i;
    uint32_t id;
    script_new();
    script_ready();
    opts.stream = VIAMC_M_SERVER_STREAM;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    for (i = 0; i < 5; i++)
        script_send_message(1, pattern, 95); /* 500 of the 517 octets of its window */
    for (i = 0; i < 10; i++) {
        script_now.loop.now += 10;
        (void)viamc_poll(script_now.client, script_now.loop.now); /* nothing is taken */
        script_listen();
    }
    while (script_find(8, &f))
        updates += f.id == 1;
    CHECK_EQ_INT(updates, 0);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("y", 1), NULL, NULL), VIAMC_OK);
    (void)viamc_poll(script_now.client, script_now.loop.now);
    script_listen();
    id = script_request(ECHO);
    CHECK_EQ_INT(id, 3);
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_MESSAGE), 5);
    while (script_find(8, &f))
        updates += f.id == 1;
    CHECK_EQ_INT(updates, 1);
    script_close();
}

/* Room that taking has made is told to the peer: the next poll must come at once, not with the next octet or timer. */
TEST(taken_room_is_told)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_wait_hint hint;
    script_frame f;
    script_new();
    script_ready();
    opts.stream = VIAMC_M_SERVER_STREAM;
    opts.timeout_ms = VIAMC_FOREVER;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_message(1, pattern, 500);
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_MESSAGE), 1);
    viamc_wait(script_now.client, script_now.loop.now, &hint);
    CHECK_EQ_INT(hint.ms, 0);
    script_poll();
    while (script_find(8, &f) && f.id != 1)
        ;
    CHECK_EQ_INT(f.id, 1);
    viamc_wait(script_now.client, script_now.loop.now, &hint);
    CHECK(hint.ms > 1000);
    script_close();
}

TEST(client_stream)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call;
    script_frame f;
    script_new();
    script_ready();
    opts.stream = VIAMC_M_CLIENT_STREAM;
    call = echo(viamc_view(NULL, 0), &opts);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, call, viamc_view("one", 3)), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(script_request(ECHO), 1);
    REQUIRE(script_find(0, &f));
    CHECK_EQ_HEX(f.payload, f.len, "0000000003 6f6e65");
    CHECK_EQ_INT(f.flags, 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_WRITABLE), 1);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, call, viamc_view("two", 3)), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_end(script_now.client, call), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_send_bytes(script_now.client, call, viamc_view("no", 2)), VIAMC_ERR_STATE);
    script_run(1);
    REQUIRE(script_find(0, &f));
    CHECK_EQ_HEX(f.payload, f.len, "0000000003 74776f");
    CHECK_EQ_INT(f.flags, 1);
    script_reply(1, "sum", 3);
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    script_close();
}

TEST(metadata_both_ways)
{
    static const viamc_metadata sent[] = {{{"x-one", 5}, {(const uint8_t *)"1", 1}}, {{"x-two-bin", 9}, {(const uint8_t *)"\0\1\2", 3}}};
    uint8_t lent[64];
    viamc_opts opts = VIAMC_ZERO;
    const viamc_event *ev;
    viamc_str name;
    viamc_bytes value;
    size_t at = 0;
    script_new();
    script_ready();
    opts.metadata = sent;
    opts.metadata_count = 2;
    opts.metadata_into = lent;
    opts.metadata_cap = sizeof lent;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    CHECK_EQ_INT(script_request(ECHO), 1);
    CHECK(script_has_field("x-one: 1\nx-two-bin: AAEC\n"));
    script_send_block(1, SCRIPT_R1 "00046f70696403 616263", false); /* opid: abc */
    script_send_message(1, "", 0);
    script_send_block(1, SCRIPT_R2 "000178 0179", true); /* x: y */
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK(viamc_event_metadata(ev, &at, &name, &value));
    CHECK(viamc_str_eq(name, viamc_text("opid")) && vmc_bytes_are(value, "abc"));
    CHECK(viamc_event_metadata(ev, &at, &name, &value));
    CHECK(viamc_str_eq(name, viamc_text("x")) && vmc_bytes_are(value, "y"));
    CHECK(!viamc_event_metadata(ev, &at, &name, &value));
    script_close();
}

/* Replies whose header blocks are the same octets: they mean the same only while the table does not change. */
TEST(header_blocks_that_repeat)
{
    static const struct {
        const char *headers, *trailers;
        uint32_t status;
    } reply[] = {
        {"885f106170706c69636174696f6e2f67727063", "400b677270632d7374617475730130", 0}, /* both are put into the table */
        {"88bf", "be", 0},
        {"88bf", "be", 0},
        {"88bf", "400b677270632d7374617475730135", 5}, /* grpc-status 5 takes index 62 */
        {"88c0", "be", 5},
        {"88c0", "bf", 0},
        {"88c0", "be", 5},
        {"88c0", "3fa901bf", 0}, /* the table has another size, and is still the same */
        {"88c0", "bf", 0},
    };
    uint32_t i;
    script_new();
    script_ready();
    for (i = 0; i < TEST_COUNT(reply); i++) {
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(2 * i + 1, reply[i].headers, false);
        script_send_message(2 * i + 1, "y", 1);
        script_send_block(2 * i + 1, reply[i].trailers, true);
        script_run(1);
        REQUIRE(script_event(VIAMC_EV_DONE, i) != NULL);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, i)->status, reply[i].status);
    }
    script_close();
}

/* Octets in one piece, or one by one with a poll behind each. */
static void send_octets(const uint8_t *p, size_t n, bool pieces)
{
    size_t i, done, step = pieces ? 1 : n;
    for (i = 0; i < n; i += step) {
        (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, p + i, step, &done);
        script_poll();
    }
    script_run(1);
}

/* A reply of three frames that is nearly as usual: whether it comes whole or in pieces, the call ends the same way, and the next one too. */
TEST(whole_replies_and_the_same_in_pieces)
{
    static const struct {
        const char *data, *trailers; /* of the DATA frame, of the last HEADERS */
        size_t data_len, trailers_len;
        uint8_t data_flags, trailers_flags;
        uint32_t status;
        const char *msg;
        uint32_t next; /* of the reply behind it, whose blocks are as usual */
    } row[] = {
        {"\0\0\0\0\1y", "\xbe", 6, 1, 0, 5, VIAMC_OK, "y", VIAMC_OK},
        {"\0\0\0\0\0", "\xbe", 5, 1, 0, 5, VIAMC_OK, "", VIAMC_OK},
        {"\0\0\0\0\2y", "\xbe", 6, 1, 0, 5, VIAMC_INTERNAL, "", VIAMC_OK},                /* cut */
        {"\0\0\0\0\1y\0\0\0\0\0", "\xbe", 11, 1, 0, 5, VIAMC_UNIMPLEMENTED, "", VIAMC_OK}, /* two */
        {"\0\0\0\0", "\xbe", 4, 1, 0, 5, VIAMC_INTERNAL, "", VIAMC_OK},
        {"", "\xbe", 0, 1, 0, 5, VIAMC_UNIMPLEMENTED, "", VIAMC_OK},                        /* none */
        {"\1\0\0\0\1y", "\xbe", 6, 1, 0, 5, VIAMC_INTERNAL, "", VIAMC_OK},                /* compressed */
        {"\0\0\0\x40\0", "\xbe", 5, 1, 0, 5, VIAMC_RESOURCE_EXHAUSTED, "", VIAMC_OK},
        {"\0\0\0\0\1y", "\xbe", 6, 1, 1, 5, VIAMC_UNKNOWN, "", VIAMC_OK},                 /* DATA ends the stream */
        {"\0\0\0\0\1y", "\xbe", 6, 1, 0, 4, VIAMC_INTERNAL, "", VIAMC_OK},                /* trailers do not end it */
        {"\0\0\0\0\1y", "\xbf", 6, 1, 0, 5, VIAMC_UNKNOWN, "", VIAMC_OK},                 /* trailers without grpc-status */
        {"\0\0\0\0\1y", "\xff\xff", 6, 2, 0, 5, VIAMC_UNAVAILABLE, "", VIAMC_UNAVAILABLE},
        {"\0\0\0\0\1y", "\x40\x0bgrpc-status\x01" "5", 6, 15, 0, 5, VIAMC_NOT_FOUND, "", VIAMC_UNKNOWN}, /* indices mean something else now */
    };
    size_t i;
    unsigned pieces, k;
    for (i = 0; i < 2 * TEST_COUNT(row); i++) {
        uint8_t octets[128];
        vmc_wr w = vmc_wr_of(octets, sizeof octets);
        const viamc_event *ev;
        size_t r = i / 2;
        pieces = i % 2;
        script_new();
        script_ready();
        for (k = 0; k < 3; k++) { /* the table is filled, then the blocks are known */
            (void)echo(viamc_view("x", 1), NULL);
            script_run(1);
            script_send_block(2 * k + 1, k == 0 ? "885f106170706c69636174696f6e2f67727063" : "88bf", false);
            script_send_message(2 * k + 1, "y", 1);
            script_send_block(2 * k + 1, k == 0 ? "400b677270632d7374617475730130" : "be", true);
            script_run(1);
        }
        (void)echo(viamc_view("x", 1), NULL);
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_put_frame(&w, 2, 1, 4, 7, "\x88\xbf");
        script_put_frame(&w, (uint32_t)row[r].data_len, 0, row[r].data_flags, 7, row[r].data);
        script_put_frame(&w, (uint32_t)row[r].trailers_len, 1, row[r].trailers_flags, 7, row[r].trailers);
        script_put_frame(&w, 2, 1, 4, 9, "\x88\xbf");
        script_put_frame(&w, 6, 0, 0, 9, "\0\0\0\0\1z");
        script_put_frame(&w, 1, 1, 5, 9, "\xbe");
        send_octets(octets, w.len, pieces != 0);
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 3)) != NULL);
        CHECK_EQ_INT(ev->status, row[r].status);
        CHECK_EQ_MEM(script_now.msg[ev - script_now.event], ev->msg.len, row[r].msg, strlen(row[r].msg));
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 4)) != NULL);
        CHECK_EQ_INT(ev->status, row[r].next);
        script_close();
    }
}

/* Fills the robot's table: from then on "88bf" is the headers and "be" the trailers of a reply. */
static void usual_replies(void)
{
    unsigned k;
    for (k = 0; k < 3; k++) {
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(2 * k + 1, k == 0 ? "885f106170706c69636174696f6e2f67727063" : "88bf", false);
        script_send_message(2 * k + 1, "y", 1);
        script_send_block(2 * k + 1, k == 0 ? "400b677270632d7374617475730130" : "be", true);
        script_run(1);
        CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
        script_forget();
    }
}

/* Informational blocks are counted in a row: a reply that comes whole ends the row too. */
TEST(informational_blocks_before_whole_replies)
{
    uint32_t k;
    script_new();
    script_ready();
    usual_replies();
    for (k = 0; k < VMC_H2_MAX_INFORMATIONAL + 2u; k++) {
        uint32_t id = 7 + 2 * k;
        const viamc_event *ev;
        uint8_t octets[64];
        vmc_wr w = vmc_wr_of(octets, sizeof octets);
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(id, "0803313033", false);
        script_poll();
        script_put_frame(&w, 2, 1, 4, id, "\x88\xbf");
        script_put_frame(&w, 6, 0, 0, id, "\0\0\0\0\1y");
        script_put_frame(&w, 1, 1, 5, id, "\xbe");
        send_octets(octets, w.len, false);
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
        CHECK_EQ_INT(ev->status, VIAMC_OK);
        script_forget();
    }
    script_close();
}

#if VIAMC_SHORTCUTS

/* RFC 9113 4.2: a frame larger than announced ends the connection, also in a reply that is as usual otherwise. */
TEST(whole_reply_in_too_large_a_frame)
{
    static const uint32_t len[] = {VMC_H2_FRAME_MAX, VMC_H2_FRAME_MAX + 1u};
    static uint8_t data[VMC_H2_FRAME_MAX + 1u], octets[VMC_H2_FRAME_MAX + 64u];
    size_t i;
    for (i = 0; i < TEST_COUNT(len); i++) {
        vmc_wr w = vmc_wr_of(octets, sizeof octets);
        vmc_h2_reply r;
        vmc_rd in;
        script_new();
        script_now.desc.slot_bytes = 20000;
        script_now.desc.max_calls = 1;
        script_ready();
        usual_replies();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_put_frame(&w, 2, 1, 4, 7, "\x88\xbf");
        script_put_frame(&w, len[i], 0, 0, 7, data);
        script_put_frame(&w, 1, 1, 5, 7, "\xbe");
        in = vmc_rd_of(viamc_view(octets, w.len));
        CHECK_EQ_INT(vmc_h2_peek_reply(&script_now.client->conn.grpc.h2, &in, &r), len[i] <= VMC_H2_FRAME_MAX);
        script_close();
    }
}

#endif

TEST(long_status_text_is_cut)
{
    static uint8_t block[600];
    const viamc_event *ev;
    size_t n = test_hex("880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730132000c677270632d6d6573736167657fc901", block, sizeof block);
    memset(block + n, 'x', 328); /* 127 + 201 octets of text */
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send_frame(1, 5, 1, block, n + 328);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_UNKNOWN);
    CHECK(ev->text_cut);
    CHECK_EQ_INT(ev->text.len, VMC_CALL_TEXT_MAX);
    script_close();
}

/* The status text of a stream lies behind the messages that were not taken: it stays whole while they go, and while it comes in pieces. */
TEST(status_text_behind_messages)
{
    viamc_client *c;
    viamc_opts opts = VIAMC_ZERO;
    viamc_event ev;
    script_new();
    script_ready();
    c = script_now.client;
    opts.stream = VIAMC_M_SERVER_STREAM;
    CHECK_EQ_INT(viamc_call_bytes(c, ECHO, viamc_view("x", 1), &opts, NULL), VIAMC_OK);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send_message(1, "first", 5);
    script_send_message(1, "second", 6);
    script_send("00001a010100000001 000b677270632d7374617475730139 000c677270632d6d657373"); /* HEADERS: grpc-status 9, "grpc-mess" */
    (void)viamc_poll(c, script_now.loop.now);
    REQUIRE(viamc_next_event(c, &ev) && ev.kind == VIAMC_EV_MESSAGE);
    CHECK(vmc_bytes_are(ev.msg, "first"));
    script_send("000008090000000001 616765096e6f7420"); /* CONTINUATION: "age", "not " of nine octets */
    (void)viamc_poll(c, script_now.loop.now);
    (void)viamc_poll(c, script_now.loop.now);
    REQUIRE(viamc_next_event(c, &ev) && ev.kind == VIAMC_EV_MESSAGE);
    CHECK(vmc_bytes_are(ev.msg, "second"));
    script_send("000005090400000001 726561647a");
    (void)viamc_poll(c, script_now.loop.now);
    (void)viamc_poll(c, script_now.loop.now);
    REQUIRE(viamc_next_event(c, &ev) && ev.kind == VIAMC_EV_DONE);
    CHECK_EQ_INT(ev.status, VIAMC_FAILED_PRECONDITION);
    CHECK(viamc_str_eq(ev.text, viamc_text("not readz")));
    script_close();
}

TEST(liveness)
{
    unsigned checks = 0;
    script_new();
    script_now.dial.check_interval_ms = 10000;
    script_ready();
    script_run(10001);
    CHECK_EQ_INT(script_request("RobotService/GetVersion"), 1);
    script_send_block(1, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132", true); /* UNIMPLEMENTED is a sign of life */
    script_run(10010);
    CHECK_EQ_INT(script_request("RobotService/GetVersion"), 3);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
    script_run(5001);
    checks += script_request("RobotService/GetVersion") != 0;
    script_run(5001);
    CHECK_EQ_INT(checks, 1);
    REQUIRE(script_count(VIAMC_EV_LOST) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_LOST, 0)->error.code, VIAMC_ERR_TIMEOUT);
    script_close();
}

/* Whatever the second question is answered with, and be it a reset, the first one's silence is forgotten. */
TEST(liveness_after_a_silence)
{
    unsigned reset;
    for (reset = 0; reset < 2; reset++) {
        script_new();
        script_now.dial.check_interval_ms = 10000;
        script_ready();
        script_run(15002);
        CHECK_EQ_INT(script_request("RobotService/GetVersion"), 1);
        CHECK_EQ_INT(script_request("RobotService/GetVersion"), 3);
        if (reset)
            script_send_frame(3, 0, 3, "\0\0\0\x07", 4);
        else
            script_send_block(3, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023132", true);
        script_run(9990);
        CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
        CHECK_EQ_INT(script_request("RobotService/GetVersion"), 0);
        script_run(100 + 5000);
        CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
        script_close();
    }
}

/* viamc knew that the connection is dead before it wrote: what never left never ran. */
TEST(nothing_of_a_call_leaves_on_a_broken_connection)
{
    viamc_call call;
    script_frame f;
    const viamc_event *ev;
    script_new();
    script_now.dial.check_interval_ms = 1000;
    script_now.dial.disable_sessions = true;
    script_ready();
    script_run(1000);
    script_run(5001); /* the second GetVersion is on its way */
    while (script_next(&f))
        ;
    script_now.loop.now += 5000;
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_poll();
    CHECK(!script_find(1, &f));
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_UNAVAILABLE);
    CHECK_EQ_INT(ev->ran, VIAMC_NOT_RUN);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    script_close();
}

TEST(a_broken_connection_says_why)
{
    viamc_call call;
    script_frame f;
    script_new();
    script_ready();
    while (script_next(&f))
        ;
    CHECK_EQ_INT(raw(ECHO, &call), VIAMC_OK);
    script_send("000001080000000000 00"); /* WINDOW_UPDATE of one octet */
    script_poll();
    REQUIRE(script_next(&f));
    CHECK_EQ_INT(f.type, 7);
    CHECK_EQ_HEX(f.payload, f.len, "0000000000000006"); /* FRAME_SIZE_ERROR */
    CHECK(!script_next(&f));
    CHECK(script_event(VIAMC_EV_DONE, 0) != NULL && script_event(VIAMC_EV_DONE, 0)->ran == VIAMC_NOT_RUN);
    script_close();
}

/* viamc_dial while calls run: each has one DONE, what was never polled is not sent, and the new connection follows. */
TEST(dial_ends_calls)
{
    viamc_call call, stop, all;
    size_t i, before;
    script_new();
    script_now.dial.disable_sessions = true;
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    before = script_now.len;
    for (i = 0; i < 3; i++)
        CHECK_EQ_INT(raw(ECHO, &call), VIAMC_OK);
    CHECK_EQ_INT(raw(STOP, &stop), VIAMC_OK);
    CHECK_EQ_INT(viamc_robot_stop_all(script_now.client, NULL, &all), VIAMC_OK); /* covers it */
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK);
    script_listen();
    CHECK_EQ_INT(script_now.len, before);
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 6);
    CHECK_EQ_INT(script_now.events, 6);
    for (i = 0; i < script_now.events; i++) {
        CHECK_EQ_INT(script_now.event[i].status, VIAMC_CANCELLED);
        if (script_now.event[i].call == call || script_now.event[i].call == all)
            CHECK_EQ_INT(script_now.event[i].ran, VIAMC_NOT_RUN);
    }
    CHECK_EQ_INT(script_now.conn, 1);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_READY), 1);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_ERR_NOT_FOUND);
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    CHECK_EQ_INT(script_request(ECHO), 1);
    script_close();
}

TEST(close_sends_no_calls)
{
    viamc_call call;
    size_t before;
    script_new();
    script_now.dial.disable_sessions = true;
    script_ready();
    before = script_now.len;
    CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
    script_close();
    script_listen();
    CHECK_EQ_INT(script_now.len, before);
}

/* The room for the next request is the caller's while the client dials. */
/* Nothing is left in the memory, also where events were not taken. */
TEST(close_wipes_the_block)
{
    viamc_call call;
    size_t i, left = 0;
    script_new();
    script_now.dial.credential_type = "access-token";
    script_now.dial.credential_payload = "tok.en.sig";
    script_ready();
    CHECK_EQ_INT(raw("/a.B/C", &call), VIAMC_OK);
    script_run(1);
    script_reply(script_request("/a.B/C"), "secret", 6);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_OK);
    script_close();
    for (i = 0; i < sizeof script_now.memory; i++)
        left += script_now.memory[i] != 0;
    CHECK_EQ_INT(left, 0);
}

TEST(room_while_dialling)
{
    size_t cap;
    uint8_t *p;
    script_new();
    script_open();
    p = viamc_call_room(script_now.client, &cap);
    REQUIRE(cap >= 4u);
    memcpy(p, "\x0a\x02m1", 4);
    script_run(1);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_MEM(p, 4, "\x0a\x02m1", 4);
    script_close();
}

/* ---- waiting ---- */

/* Sleeps exactly as viamc_wait says, at most ms milliseconds, until the state is reached. How long that took. It may say 0 three times in a
 * row: more would be a loop that burns the processor. */
static viamc_ms sleep_until(uint8_t state, viamc_ms ms)
{
    viamc_ms slept = 0, zeros = 0;
    for (;;) {
        viamc_wait_hint hint;
        viamc_ms step = ms - slept;
        script_poll();
        viamc_wait(script_now.client, script_now.loop.now, &hint);
        zeros = hint.ms == 0 ? zeros + 1u : 0;
        CHECK(zeros <= 3u);
        if (zeros > 3u || slept == ms || viamc_state(script_now.client) == state)
            return slept;
        step = hint.ms < step ? hint.ms : step;
        slept += step;
        script_now.loop.now += step;
    }
}

/* Through all states by nothing but what viamc_wait says: it neither burns time nor misses any. */
TEST(waits_are_exact)
{
    viamc_opts opts = VIAMC_ZERO;
    const viamc_event *ev;
    viamc_ms ms;
    script_new();
    script_now.dial.api_key = "k";
    script_now.dial.api_key_id = "7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d";
    script_now.dial.timeout_ms = 3000;
    script_now.dial.attempts = 2;
    script_now.dial.check_interval_ms = 4000;
    script_open();
    CHECK_EQ_INT(sleep_until(VIAMC_READY, 2000), 2000); /* AUTH: nothing comes */
    script_send("000000040000000000");
    script_reply(1, "\x0a\x01t", 3);
    CHECK_EQ_INT(sleep_until(VIAMC_READY, 1000), 0);
    CHECK_EQ_INT(sleep_until(VIAMC_BACKOFF, 20000), 4000 + 5000 + 5000); /* READY: two signs of life are missing */
    REQUIRE((ev = script_event(VIAMC_EV_LOST, 0)) != NULL);
    CHECK_EQ_INT(sleep_until(VIAMC_DIALING, 2000), ev->retry_ms);
    script_forget();
    script_poll();
    script_send("000000040000000000");
    script_reply(1, "\x0a\x01t", 3);
    CHECK_EQ_INT(sleep_until(VIAMC_READY, 1000), 0);
    opts.timeout_ms = 700;
    opts.stream = VIAMC_M_SERVER_STREAM;
    (void)echo(viamc_view("x", 1), &opts);
    ms = sleep_until(VIAMC_BACKOFF, 699);
    CHECK_EQ_INT(ms + script_count(VIAMC_EV_DONE), 699);
    CHECK_EQ_INT(sleep_until(VIAMC_BACKOFF, 2), 2);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1); /* a call's deadline */
    opts.timeout_ms = VIAMC_FOREVER;
    (void)echo(viamc_view("x", 1), &opts);
    script_poll();
    script_send("0000080700000000007fffffff00000002");
    script_poll();
    CHECK_EQ_INT(sleep_until(VIAMC_BACKOFF, 20000), VMC_DIAL_DRAIN); /* DRAINING */
    script_now.loop.end[0].open_waits = 1000000;
    script_now.client->desc.max_reconnect_attempts = 1;
    CHECK_EQ_INT(sleep_until(VIAMC_DIALING, 2000), script_event(VIAMC_EV_LOST, 0)->retry_ms);
    CHECK_EQ_INT(sleep_until(VIAMC_FAILED, 20000), 3000); /* OPENING: the attempt's deadline */
    CHECK_EQ_INT(sleep_until(VIAMC_READY, 100000000), 100000000); /* FAILED */
    script_close();
}

/* ---- odd and hostile peers (limits.md 1) ---- */

static const uint8_t ping_octets[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static unsigned count_frames(uint8_t type, uint8_t flags)
{
    script_frame f;
    unsigned n = 0;
    while (script_next(&f))
        n += f.type == type && f.flags == flags;
    return n;
}

/* The code of the GOAWAY that the client has sent; 0xff: none. */
static uint32_t goaway_code(void)
{
    script_frame f;
    while (script_next(&f))
        if (f.type == 7)
            return vmc_be32(f.payload + 4);
    return 0xff;
}

/* A peer's keepalive is no flood, however long nothing else comes; a burst of them is answered. */
TEST(keepalive_for_two_days)
{
    unsigned n, answers = 0;
    script_new();
    script_ready();
    for (n = 0; n < 2u * VMC_H2_MAX_NOISE; n++) {
        script_now.loop.now += 9000;
        script_send_frame(6, 0, 0, ping_octets, 8);
        script_poll();
        answers += count_frames(6, 1);
        script_now.len = script_now.read = 24;
    }
    CHECK_EQ_INT(answers, n);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    for (n = 0; n < VMC_H2_MAX_PINGS; n++)
        script_send_frame(6, 0, 0, ping_octets, 8);
    script_poll();
    CHECK_EQ_INT(count_frames(6, 1), VMC_H2_MAX_PINGS);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    for (n = 0; n <= VMC_H2_MAX_PINGS; n++)
        script_send_frame(6, 0, 0, ping_octets, 8);
    script_poll();
    CHECK_EQ_INT(goaway_code(), VMC_H2_ENHANCE_YOUR_CALM);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    script_close();
}

/* Frames that do nothing, 100 a poll: an end comes in time, whatever they are. */
TEST(floods_end)
{
    static const uint8_t types[] = {2, 6, 8, 0xee}; /* PRIORITY, PING with ACK, WINDOW_UPDATE, unknown */
    size_t i;
    for (i = 0; i < TEST_COUNT(types); i++) {
        static const uint8_t octets[8] = {0, 0, 0, 1};
        unsigned polls, n;
        script_new();
        script_ready();
        for (polls = 0; polls < 200 && script_count(VIAMC_EV_LOST) == 0; polls++) {
            for (n = 0; n < 100; n++)
                script_send_frame(types[i], 1, types[i] == 2 ? 1 : 0, octets, types[i] == 2 ? 5 : types[i] == 8 ? 4 : 8);
            script_poll();
        }
        CHECK_EQ_INT(goaway_code(), VMC_H2_ENHANCE_YOUR_CALM);
        CHECK(polls > VMC_H2_MAX_NOISE / 100u && polls < 200);
        script_close();
    }
}

/* DATA without octets, padded or not, in a row: the bound, and one more. */
TEST(empty_data_is_bounded)
{
    static const char *const frames[] = {"000000000000000001", "00000100080000000100", "0000030008000000010200 00"};
    size_t i;
    for (i = 0; i < TEST_COUNT(frames); i++) {
        unsigned n;
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(1, SCRIPT_R1, false);
        for (n = 0; n < VMC_H2_MAX_EMPTY; n++)
            script_send(frames[i]);
        script_poll();
        script_send_frame(0, 8, 1, "\1\0\0\0\0\1a", 8); /* one of octets and padding: the count starts again */
        for (n = 0; n < VMC_H2_MAX_EMPTY; n++)
            script_send(frames[i]);
        script_run(1);
        CHECK_EQ_INT(goaway_code(), 0xff);
        CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 0);
        script_send(frames[i]);
        script_run(1);
        CHECK_EQ_INT(goaway_code(), VMC_H2_ENHANCE_YOUR_CALM);
        CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
        script_close();
    }
}

/* A reset of a move: only NO_ERROR and REFUSED_STREAM say that nothing of it runs; after any other a Stop is not confirmed. */
TEST(reset_move_and_stop)
{
    static const struct {
        uint8_t code;
        bool unconfirmed;
    } rows[] = {{0, true}, {2, true}, {7, false}, {8, true}, {11, true}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        uint8_t code[4] = {0, 0, 0, rows[i].code};
        viamc_call call;
        const viamc_event *ev;
        uint32_t id;
        unsigned n;
        script_new();
        script_now.dial.disable_sessions = true;
        script_ready();
        CHECK_EQ_INT(raw(SET_POWER, &call), VIAMC_OK);
        script_run(1);
        script_send_frame(3, 0, script_request(SET_POWER), code, 4);
        script_run(1);
        CHECK_EQ_INT(raw(STOP, &call), VIAMC_OK);
        for (n = 0; n < 100 && script_count(VIAMC_EV_DONE) < 2; n++) {
            script_run(100);
            if ((id = script_request(STOP)) != 0)
                script_reply(id, "", 0);
        }
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 1)) != NULL);
        CHECK_EQ_INT(ev->status, VIAMC_OK);
        CHECK_EQ_INT(ev->unconfirmed, rows[i].unconfirmed);
        script_close();
    }
}

/* ENHANCE_YOUR_CALM to Authenticate is the robot's, and no matter of our room for the token. */
TEST(reset_of_authenticate)
{
    static const uint8_t code[4] = {0, 0, 0, 11};
    script_new();
    script_now.dial.api_key = "k";
    script_now.dial.api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    script_open();
    script_run(1);
    script_send("000000040000000000");
    script_send_frame(3, 0, 1, code, 4);
    script_run(1);
    CHECK(viamc_client_error(script_now.client).code != VIAMC_ERR_NOMEM);
    CHECK(viamc_state(script_now.client) != VIAMC_FAILED);
    script_close();
}

/* READY, with a token that Authenticate gave. */
static void ready_with_token(void)
{
    script_new();
    script_now.dial.api_key = "k";
    script_now.dial.api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    script_now.dial.check_interval_ms = 1000;
    script_open();
    script_run(1);
    script_send("000000040000000000");
    script_reply(script_request("/proto.rpc.v1.AuthService/Authenticate"), "\x0a\x0atok.en.sig", 12);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
}

/* Words of the robot about a call of ours whose reply is not kept have no place: above all not over the token. */
TEST(token_stays_when_a_sign_of_life_is_refused)
{
    uint32_t id;
    ready_with_token();
    script_run(1000);
    REQUIRE((id = script_request("/viam.robot.v1.RobotService/GetVersion")) != 0);
    script_send_block(id, "880f10106170706c69636174696f6e2f67727063000b677270632d737461747573023134000c677270632d6d65737361676513696e76616c69642063726564656e7469616c73", true);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_HEX(script_now.client->conn.grpc.token.ptr, script_now.client->conn.grpc.token.len, "746f6b2e656e2e736967");
    script_close();
}

/* A new token is asked for while a sign of life is due: silence is no time limit that has passed. */
TEST(token_refused_when_a_sign_of_life_is_due)
{
    viamc_call call;
    uint32_t id;
    ready_with_token();
    CHECK_EQ_INT(raw(ECHO, &call), VIAMC_OK);
    script_run(1);
    REQUIRE((id = script_request(ECHO)) != 0);
    script_send_block(id, SCRIPT_R1 "000b677270632d737461747573023136", true);
    script_run(1);
    CHECK(script_request("/proto.rpc.v1.AuthService/Authenticate") != 0);
    script_run(1500); /* longer than the robot may be silent, and it has not answered */
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 0);
    script_close();
}

/* The code of the RST_STREAM that the client has sent for a stream; 0xff: none. */
static uint32_t reset_code(uint32_t id)
{
    script_frame f;
    while (script_next(&f))
        if (f.type == 3 && f.id == id)
            return vmc_be32(f.payload);
    return 0xff;
}

/* Rows 6, 26, 33: frames that end the connection, and with it the call. */
TEST(broken_frames_end_the_connection)
{
    static const struct {
        const char *frame;
        uint8_t code;
    } rows[] = {
        {"004001000000000001", VMC_H2_FRAME_SIZE_ERROR},                    /* DATA of 16,385 octets: told by its header alone */
        {"004001010400000001", VMC_H2_FRAME_SIZE_ERROR},                    /* HEADERS */
        {"000000040000000001", VMC_H2_PROTOCOL_ERROR},                      /* SETTINGS on a stream */
        {"000005040000000000 0000000000", VMC_H2_FRAME_SIZE_ERROR},         /* of five octets */
        {"000006040100000000 000100000000", VMC_H2_FRAME_SIZE_ERROR},       /* ACK with an entry */
        {"000007060000000000 00000000000000", VMC_H2_FRAME_SIZE_ERROR},     /* PING of seven octets */
        {"000008060000000001 0000000000000000", VMC_H2_PROTOCOL_ERROR},     /* on a stream */
        {"000008070000000001 0000000000000000", VMC_H2_PROTOCOL_ERROR},     /* GOAWAY on a stream */
        {"000007070000000000 00000000000000", VMC_H2_FRAME_SIZE_ERROR},     /* of seven octets */
        {"000001000000000000 00", VMC_H2_PROTOCOL_ERROR},                   /* DATA on no stream */
        {"000001010400000000 88", VMC_H2_PROTOCOL_ERROR},                   /* HEADERS */
        {"000005020000000000 0000000000", VMC_H2_PROTOCOL_ERROR},           /* PRIORITY */
        {"000004030000000000 00000000", VMC_H2_PROTOCOL_ERROR},             /* RST_STREAM */
        {"000001000000000063 00", VMC_H2_PROTOCOL_ERROR},                   /* DATA on a stream that was not opened */
        {"000001010400000063 88", VMC_H2_PROTOCOL_ERROR},                   /* HEADERS */
        {"000004030000000063 00000000", VMC_H2_PROTOCOL_ERROR},             /* RST_STREAM */
        {"000004080000000063 00000001", VMC_H2_PROTOCOL_ERROR},             /* WINDOW_UPDATE */
        {"000001010400000002 88", VMC_H2_PROTOCOL_ERROR},                   /* HEADERS on a stream that a server would open */
        {"000005030000000001 0000000000", VMC_H2_FRAME_SIZE_ERROR},         /* RST_STREAM of five octets */
        {"000003080000000001 000000", VMC_H2_FRAME_SIZE_ERROR},             /* WINDOW_UPDATE of three */
        {"000005050400000001 0000000288", VMC_H2_PROTOCOL_ERROR},           /* PUSH_PROMISE */
        {"000000000800000001", VMC_H2_FRAME_SIZE_ERROR},                    /* DATA that is padded and has no octets */
        {"000000010c00000001", VMC_H2_FRAME_SIZE_ERROR},                    /* HEADERS */
        {"000003012400000001 000000", VMC_H2_FRAME_SIZE_ERROR},             /* HEADERS shorter than their priority */
        {"000002010c00000001 0288", VMC_H2_PROTOCOL_ERROR},                 /* padding longer than what is left of HEADERS */
        {"000007012c00000001 02 0000000010 88", VMC_H2_PROTOCOL_ERROR},     /* behind a priority */
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send(rows[i].frame);
        script_poll();
        script_poll();
        CHECK_EQ_INT(goaway_code(), rows[i].code);
        REQUIRE(script_count(VIAMC_EV_DONE) == 1);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_UNAVAILABLE);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->ran, VIAMC_MAYBE);
        script_close();
    }
}

/* ACKs that nobody asked for, and one of SETTINGS that never comes, change nothing. */
TEST(stray_acknowledgements_are_ignored)
{
    script_new();
    script_ready();
    (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    script_send("000000040100000000 000000040100000000 000000040100000000 000008060100000000 0102030405060708");
    script_run(1);
    script_reply(1, "ok", 2);
    script_run(1);
    REQUIRE(script_count(VIAMC_EV_DONE) == 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

/* Row 21: what comes out of order on a stream ends that call alone. */
TEST(frames_out_of_order_end_the_stream)
{
    size_t i;
    for (i = 0; i < 2; i++) {
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        (void)echo(viamc_view("y", 1), NULL);
        script_run(1);
        if (i == 0) {
            script_send_message(1, "a", 1); /* DATA before HEADERS */
        } else {
            script_send_block(1, SCRIPT_R1, false);
            script_send_block(1, SCRIPT_R2, false); /* trailers without END_STREAM */
        }
        script_run(1);
        CHECK_EQ_INT(reset_code(1), VMC_H2_PROTOCOL_ERROR);
        script_reply(3, "ok", 2);
        script_send_message(3, "more", 4); /* after its end */
        script_send_block(3, SCRIPT_R1, true);
        script_run(1);
        REQUIRE(script_count(VIAMC_EV_DONE) == 2);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_INTERNAL);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 1)->status, VIAMC_OK);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
        script_close();
    }
}

/* Padding and priority, in one piece and octet by octet. */
TEST(padding_and_priority_are_skipped)
{
    static const uint8_t headers[] = "\3\0\0\0\0\x10\x88\x0f\x10\x10" "application/grpc\0\0\0", data[] = "\2\0\0\0\0\2ok\0\0";
    size_t i, k;
    for (i = 0; i < 2; i++) {
        uint8_t frames[80];
        vmc_wr w = vmc_wr_of(frames, sizeof frames);
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_put_frame(&w, sizeof headers - 1u, 1, 0x2c, 1, headers);
        script_put_frame(&w, sizeof data - 1u, 0, 8, 1, data);
        for (k = 0; k < w.len; k += i == 0 ? w.len : 1u) {
            size_t done;
            (void)vmc_loop_server_port()->write(vmc_loop_server(&script_now.loop), script_now.conn, frames + k, i == 0 ? w.len : 1u, &done);
            script_poll();
        }
        script_send_block(1, SCRIPT_R2, true);
        script_run(1);
        REQUIRE(script_count(VIAMC_EV_DONE) == 1);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
        CHECK_EQ_MEM(script_event(VIAMC_EV_DONE, 0)->msg.ptr, script_event(VIAMC_EV_DONE, 0)->msg.len, "ok", 2);
        script_close();
    }
}

/* RFC 9113 8.2, 8.3: header blocks that break a rule end that call alone. */
TEST(wrong_blocks_end_the_stream)
{
    static const struct {
        const char *first, *second;
    } rows[] = {
        {"08 04 30323030", NULL},                            /* :status 0200 */
        {"08 03 303938", NULL},                              /* 098 */
        {"08 02 3230", NULL},                                /* 20 */
        {"08 04 32303030", NULL},                            /* 2000 */
        {"08 03 326130", NULL},                              /* 2a0 */
        {"08 00", NULL},
        {"8888", NULL},                                      /* twice */
        {"8883", NULL},                                      /* :method in a reply */
        {"0f10106170706c69636174696f6e2f67727063 88", NULL}, /* behind another field */
        {"88 000a636f6e6e656374696f6e 0161", NULL},          /* connection */
        {SCRIPT_R1, "88"},                                   /* :status in trailers */
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        (void)echo(viamc_view("y", 1), NULL);
        script_run(1);
        script_send_block(1, rows[i].first, false);
        if (rows[i].second != NULL)
            script_send_block(1, rows[i].second, true);
        script_run(1);
        CHECK_EQ_INT(reset_code(1), VMC_H2_PROTOCOL_ERROR);
        script_reply(3, "ok", 2);
        script_run(1);
        REQUIRE(script_count(VIAMC_EV_DONE) == 2);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_INTERNAL);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 1)->status, VIAMC_OK);
        script_close();
    }
}

/* The connection's window is credited once half of it is used up. */
TEST(credit_of_the_connection)
{
    size_t i;
    script_new();
    script_ready();
    for (i = 0; i < 3; i++) {
        const uint32_t left = i == 1 ? VMC_H2_WINDOW_MAX / 2u + 1u : VMC_H2_WINDOW_MAX;
        script_frame f;
        uint32_t credit = 0;
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        (void)count_frames(8, 0);
        script_now.client->conn.grpc.h2.credit = (int32_t)left;
        script_reply((uint32_t)(2 * i + 1), "ok", 2);
        script_run(1);
        while (script_next(&f))
            credit += f.type == 8 && f.id == 0 ? vmc_be32(f.payload) : 0;
        CHECK_EQ_INT(credit, i == 1 ? VMC_H2_WINDOW_MAX - left + 7u : 0);
    }
    script_close();
}

static void permit_streams(uint8_t n)
{
    uint8_t setting[6] = {0, 3, 0, 0, 0, 0};
    setting[5] = n;
    script_send_frame(4, 0, 0, setting, sizeof setting);
    script_run(1);
}

static unsigned requests(void)
{
    script_frame f;
    unsigned n = 0;
    while (script_next(&f))
        n += f.type == 1;
    return n;
}

/* Row 31: calls wait for a stream, as long as their deadline lets them. */
TEST(streams_that_the_peer_permits)
{
    const viamc_event *ev;
    unsigned i;
    script_new();
    script_ready();
    permit_streams(0);
    (void)echo(viamc_view("x", 1), NULL);
    script_run(4900);
    CHECK_EQ_INT(requests(), 0);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 0);
    script_run(200);
    CHECK_EQ_INT(requests(), 0);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_DEADLINE_EXCEEDED);
    CHECK_EQ_INT(ev->ran, VIAMC_NOT_RUN);
    permit_streams(5); /* two of them are kept for heartbeat and Stop */
    for (i = 0; i < 4; i++)
        (void)echo(viamc_view("x", 1), NULL);
    script_run(1);
    CHECK_EQ_INT(requests(), 3);
    permit_streams(1); /* three are open */
    script_reply(1, "a", 1);
    script_run(1);
    script_reply(3, "b", 1);
    script_run(1);
    CHECK_EQ_INT(requests(), 0);
    script_reply(5, "c", 1);
    script_run(1);
    CHECK_EQ_INT(requests(), 1);
    script_reply(7, "d", 1);
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 5);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 4)->status, VIAMC_OK);
    script_close();
}

/* Row 42: an answer that is not gRPC's: the status by the table, the text names it, and the rest of its stream is not wanted. */
TEST(answers_of_web_servers)
{
    static const struct {
        const char *block, *text;
        uint8_t status;
    } rows[] = {
        {"88 0f1009746578742f68746d6c", "HTTP 200 with a content-type that is not gRPC's", VIAMC_UNKNOWN},
        {"0803333032 0f1009746578742f68746d6c", "HTTP 302 instead of a gRPC answer", VIAMC_UNKNOWN},
        {"0803353032 0f1009746578742f68746d6c", "HTTP 502 instead of a gRPC answer", VIAMC_UNAVAILABLE},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        const viamc_event *ev;
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), NULL);
        script_run(1);
        script_send_block(1, rows[i].block, false);
        script_send_frame(0, 0, 1, "<html>", 6);
        script_run(1);
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
        CHECK_EQ_INT(ev->status, rows[i].status);
        CHECK_EQ_INT(ev->ran, VIAMC_MAYBE);
        CHECK_EQ_STR(script_text(ev), rows[i].text);
        CHECK_EQ_INT(reset_code(1), VMC_H2_CANCEL);
        script_send_frame(0, 1, 1, "</html>", 7);
        script_run(1);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
        script_close();
    }
}

static viamc_err refuse(void *user, const viamc_piece *piece)
{
    (void)user;
    (void)piece;
    return VIAMC_ERR_SINK;
}

/* Row 45: prefixes that are no message for us. */
TEST(wrong_message_prefixes)
{
    static const struct {
        uint8_t prefix[5];
        uint8_t status;
    } rows[] = {
        {{1, 0, 0, 0, 0}, VIAMC_INTERNAL},                            /* compressed, although no encoding was named */
        {{2, 0, 0, 0, 0}, VIAMC_INTERNAL},                            /* reserved bits */
        {{0x80, 0, 0, 0, 0}, VIAMC_INTERNAL},
        {{0, 0xff, 0xff, 0xff, 0xff}, VIAMC_RESOURCE_EXHAUSTED},
        {{0, 0x80, 0, 0, 0}, VIAMC_RESOURCE_EXHAUSTED},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        viamc_opts opts = VIAMC_ZERO;
        opts.sink = refuse; /* never called: nothing of such a message is taken */
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), &opts);
        script_run(1);
        script_send_block(1, SCRIPT_R1, false);
        script_send_frame(0, 0, 1, rows[i].prefix, 2);
        script_send_frame(0, 0, 1, rows[i].prefix + 2, 3);
        script_run(1);
        REQUIRE(script_count(VIAMC_EV_DONE) == 1);
        CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, rows[i].status);
        CHECK_EQ_INT(reset_code(1), VMC_H2_CANCEL);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
        script_close();
    }
}

/* Octets of `-bin` metadata go as base64 without padding, wherever a frame cuts them. */
TEST(binary_metadata)
{
    static const char *const want[] = {"x-bin: \n", "x-bin: AA\n", "x-bin: AAr\n", "x-bin: AAr/\n"};
    static uint8_t octets[2000];
    viamc_metadata m = {{"x-bin", 5}, {NULL, 0}};
    viamc_opts opts = VIAMC_ZERO;
    size_t i, n;
    opts.metadata = &m;
    opts.metadata_count = 1;
    for (i = 0; i < 3; i++) {
        script_new();
        script_ready();
        m.value = viamc_view("\x00\x0a\xff", i + (i == 2));
        (void)echo(viamc_view("x", 1), &opts);
        script_run(1);
        CHECK_EQ_INT(script_request(ECHO), 1);
        CHECK(script_has_field(want[i + (i == 2)]));
        script_close();
    }
    for (i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)test_rand();
    for (n = 280; n < 1300; n++) { /* out_bytes is 512: HEADERS and up to three CONTINUATION */
        script_frame f;
        const char *at;
        uint8_t back[2000];
        vmc_wr w = vmc_wr_of(back, sizeof back);
        vmc_base64 b;
        script_new();
        script_ready();
        while (script_next(&f))
            ;
        m.value = viamc_view(octets, n);
        (void)echo(viamc_view("x", 1), &opts);
        script_run(1);
        CHECK(script_find(0, &f));
        at = strstr(script_now.fields, "x-bin: ");
        REQUIRE(at != NULL);
        vmc_base64_begin(&b);
        for (at += 7; *at != '\n'; at++)
            vmc_base64_char(&b, (uint8_t)*at, &w);
        CHECK(vmc_base64_end(&b, &w));
        CHECK_EQ_MEM(back, w.len, octets, n);
        script_close();
    }
}

/* Metadata that a peer would refuse, or take for ours, never leaves. */
TEST(metadata_is_judged_before_it_is_sent)
{
    static const char *const bad[] = {"", "X", "x y", "a:b", ":path", ":x", "grpc-timeout", "grpc-x", "te", "content-type", "user-agent",
        "authorization", "viam-sid", "viam_client", "connection", "content-length", "caf\xc3\xa9", "x\x7f"};
    static const char *const good[] = {"x", "opid", "grp", "0_9.a-z", "grpc", "tex"};
    static const struct {
        const char *name, *value;
        size_t len;
        bool ok;
    } values[] = {
        {"x", "", 0, true}, {"x", "a b", 3, true}, {"x", " a", 2, false}, {"x", "a ", 2, false}, {"x", "\ta", 2, false}, {"x", "a\nb", 3, false},
        {"x", "a\rb", 3, false}, {"x", "a\0b", 3, false}, {"x-bin", "\0\r\n ", 4, true}, {"-bin", "\n", 1, false}
    };
    viamc_metadata m[2] = {{{"ok", 2}, {NULL, 0}}, {{NULL, 0}, {NULL, 0}}};
    viamc_opts opts = VIAMC_ZERO;
    size_t i;
    opts.metadata = m;
    opts.metadata_count = 2;
    for (i = 0; i < TEST_COUNT(bad) + TEST_COUNT(good) + TEST_COUNT(values); i++) {
        size_t g = i - TEST_COUNT(bad), v = g - TEST_COUNT(good);
        bool ok = i >= TEST_COUNT(bad);
        script_new();
        script_ready();
        m[1].name = viamc_text(!ok ? bad[i] : g < TEST_COUNT(good) ? good[g] : values[v].name);
        m[1].value = viamc_view("v", 1);
        if (ok && g >= TEST_COUNT(good)) {
            m[1].value = viamc_view(values[v].value, values[v].len);
            ok = values[v].ok;
        }
        CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("x", 1), &opts, NULL), ok ? VIAMC_OK : VIAMC_ERR_ARG);
        script_close();
    }
}

/* Row 47: `-bin` metadata of the robot is handed out as it came, whatever it is. */
TEST(binary_metadata_of_the_robot)
{
    static const char *const values[] = {"AAr/", "AA==", "AA", "!?", "AA,AAr/", ""};
    uint8_t lent[64];
    viamc_opts opts = VIAMC_ZERO;
    size_t i;
    opts.metadata_into = lent;
    opts.metadata_cap = sizeof lent;
    for (i = 0; i < TEST_COUNT(values); i++) {
        uint8_t block[80];
        size_t at = 0, n = test_hex(SCRIPT_R2 "0005782d62696e", block, sizeof block);
        const viamc_event *ev;
        viamc_str name;
        viamc_bytes value;
        script_new();
        script_ready();
        (void)echo(viamc_view("x", 1), &opts);
        script_run(1);
        script_send_block(1, SCRIPT_R1, false);
        script_send_message(1, "", 0);
        block[n++] = (uint8_t)strlen(values[i]);
        memcpy(block + n, values[i], strlen(values[i]));
        script_send_frame(1, 5, 1, block, n + strlen(values[i]));
        script_run(1);
        REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
        CHECK_EQ_INT(ev->status, VIAMC_OK);
        CHECK(viamc_event_metadata(ev, &at, &name, &value) && vmc_bytes_are(value, values[i]));
        script_close();
    }
}

/* A sink that refuses the first piece, which lay in the slot: its place is the status text's now. */
TEST(sink_refuses_the_first_piece)
{
    static uint8_t data[400];
    viamc_opts opts = VIAMC_ZERO;
    const viamc_event *ev;
    script_new();
    script_ready();
    opts.sink = refuse;
    (void)echo(viamc_view("x", 1), &opts);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    vmc_put_be32(data + 1, 5000);
    script_send_frame(0, 0, 1, data, sizeof data);
    script_run(1);
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(ev->status, VIAMC_CANCELLED);
    CHECK_EQ_STR(script_text(ev), "the sink refused a piece");
    CHECK_EQ_INT(count_frames(3, 0), 1);
    script_close();
}

/* ---- the largest buffers ---- */

static size_t flood_at, flood_len;

/* Frames of an unknown type, nine octets each, then what the robot sent. */
static viamc_err read_flood(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    size_t i;
    if (flood_at == flood_len)
        return vmc_loop_port()->read(user, conn, buf, cap, len);
    *len = vmc_min(cap, flood_len - flood_at);
    for (i = 0; i < *len; i++, flood_at++)
        buf[i] = flood_at % 9 == 3 ? 0xee : 0;
    return VIAMC_OK;
}

/* A whole buffer of 65,535 octets comes with one read, the last frame in it is cut; one octet more is refused. */
TEST(largest_buffers)
{
    static uint8_t memory[3 * 65536];
    viamc_port port = *vmc_loop_port();
    viamc_client_desc *d = &script_now.desc;
    script_new();
    port.read = read_flood;
    d->port = &port;
    d->in_bytes = VMC_CONN_BUFFER_MAX + 1u;
    CHECK_EQ_INT(viamc_client_mem_size(d), 0);
    d->in_bytes = d->out_bytes = VMC_CONN_BUFFER_MAX;
    CHECK_EQ_INT(viamc_client_init(memory, sizeof memory, d, &script_now.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_OK);
    script_run(1);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(script_count(VIAMC_EV_READY), 1);
    script_forget();
    flood_at = 0;
    flood_len = VMC_CONN_BUFFER_MAX + 3u;
    CHECK_EQ_INT(flood_len % 9, 0);
    script_poll();
    CHECK_EQ_INT(flood_at, flood_len);
    usual_replies();
    d->out_bytes++;
    CHECK_EQ_INT(viamc_client_mem_size(d), 0);
    script_close();
}

/* ---- wrong use ---- */

TEST(wrong_use_is_told)
{
    viamc_opts opts = VIAMC_ZERO;
    viamc_client *c;
    viamc_client_desc d = VIAMC_ZERO;
    size_t need;
    static const viamc_method plain = {"/a/b", NULL, NULL, 0, NULL};
    script_new();
    CHECK_EQ_INT(viamc_client_init(script_now.memory, sizeof script_now.memory, &d, &c), VIAMC_ERR_ARG); /* no port */
    d = script_now.desc;
    d.guard_end = 1;
    CHECK_EQ_INT(viamc_client_init(script_now.memory, sizeof script_now.memory, &d, &c), VIAMC_ERR_ARG);
    d = script_now.desc;
    need = viamc_client_mem_size(&d);
    CHECK(need > 0 && need <= VIAMC_CLIENT_MEM_PLAIN(4, 0));
    CHECK_EQ_INT(viamc_client_init(script_now.memory, need, &d, &c), VIAMC_OK);
    CHECK_EQ_INT(viamc_client_init(script_now.memory + 1, need - VMC_ALIGN, &d, &c), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_client_init(script_now.memory + 3, need, &d, &c), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_bytes(c, ECHO, viamc_view("", 0), NULL, NULL), VIAMC_ERR_STATE);
    script_ready();
    opts.guard = 1;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view("", 0), &opts, NULL), VIAMC_ERR_ARG);
    opts.guard = 0;
    opts.replace = true;
    CHECK_EQ_INT(viamc_call_method(script_now.client, &plain, viamc_view("", 0), &opts, NULL), VIAMC_ERR_ARG);
    opts.replace = false;
    opts.extra = viamc_view("x", 1);
    CHECK_EQ_INT(viamc_call_method(script_now.client, &plain, viamc_view("", 0), &opts, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "no-slash", viamc_view("", 0), NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, STOP, viamc_view(pattern, 124), NULL, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, ECHO, viamc_view(pattern, 4000), NULL, NULL), VIAMC_ERR_NOMEM);
    script_close();
}

int main(int argc, char **argv)
{
    test_begin("client", argc, argv);
    RUN(first_flight);
    RUN(vectors_of_frames);
    RUN(x1_authenticate);
    RUN(wrong_key_is_final);
    RUN(authenticate_unavailable_is_tried_again);
    RUN(token_longer_than_its_place);
    RUN(end_of_a_call_whose_block_is_half_sent);
    RUN(last_octets_of_a_port);
    RUN(settings_in_pieces);
    RUN(x2_acknowledges);
    RUN(pings_of_different_octets);
    RUN(x3_message_in_pieces);
    RUN(x4_two_messages_in_a_frame);
    RUN(x5_small_peer_window);
    RUN(x6_window_turns_negative);
    RUN(x7_unknown_method_of_the_python_sdk);
    RUN(operations);
    RUN(x8_proxy_error);
    RUN(statuses);
    RUN(content_types);
    RUN(resets);
    RUN(unary_with_two_messages_is_an_error);
    RUN(truncated_message_is_an_error);
    RUN(informational_and_late_frames_are_ignored);
    RUN(settings_up_to_the_bound);
    RUN(x9_robot_without_sessions);
    RUN(require_session);
    RUN(session_heartbeats);
    RUN(x10_session_expired_is_reported_and_nothing_replayed);
    RUN(x11_window_of_30_ms);
    RUN(session_without_a_window_is_refused);
    RUN(x12_goaway);
    RUN(lost_and_ready_again);
    RUN(ready_needs_a_word_of_the_robot);
    RUN(attempts_without_end_back_off);
    RUN(silent_peer_meets_the_deadline);
    RUN(goaway_in_peace_is_redialled_at_once);
    RUN(lost_is_taken_before_the_next_attempt);
    RUN(ends_of_calls_are_taken_before_the_next_attempt);
    RUN(refused_three_times);
    RUN(reason_while_redialling);
    RUN(lost_while_authenticating);
    RUN(dial_timeout);
    RUN(deadline_of_a_call);
    RUN(reset_at_the_deadline);
    RUN(rest_of_a_frame_under_way);
    RUN(reply_octet_by_octet);
    RUN(cancel_and_stale_handles);
    RUN(all_calls_in_use);
    RUN(large_reply_in_big);
    RUN(large_reply_in_a_lent_buffer);
    RUN(large_reply_without_a_place);
    RUN(large_reply_through_a_sink);
    RUN(reset_behind_a_reply_that_a_sink_holds_up);
    RUN(two_large_replies_take_turns);
    RUN(unread_stream_stops_at_its_window);
    RUN(taken_room_is_told);
    RUN(client_stream);
    RUN(metadata_both_ways);
    RUN(header_blocks_that_repeat);
    RUN(whole_replies_and_the_same_in_pieces);
    RUN(informational_blocks_before_whole_replies);
#if VIAMC_SHORTCUTS
    RUN(whole_reply_in_too_large_a_frame);
#endif
    RUN(long_status_text_is_cut);
    RUN(status_text_behind_messages);
    RUN(liveness);
    RUN(liveness_after_a_silence);
    RUN(nothing_of_a_call_leaves_on_a_broken_connection);
    RUN(a_broken_connection_says_why);
    RUN(dial_ends_calls);
    RUN(close_sends_no_calls);
    RUN(close_wipes_the_block);
    RUN(room_while_dialling);
    RUN(waits_are_exact);
    RUN(keepalive_for_two_days);
    RUN(floods_end);
    RUN(empty_data_is_bounded);
    RUN(reset_move_and_stop);
    RUN(reset_of_authenticate);
    RUN(token_stays_when_a_sign_of_life_is_refused);
    RUN(token_refused_when_a_sign_of_life_is_due);
    RUN(broken_frames_end_the_connection);
    RUN(stray_acknowledgements_are_ignored);
    RUN(frames_out_of_order_end_the_stream);
    RUN(padding_and_priority_are_skipped);
    RUN(wrong_blocks_end_the_stream);
    RUN(credit_of_the_connection);
    RUN(streams_that_the_peer_permits);
    RUN(answers_of_web_servers);
    RUN(wrong_message_prefixes);
    RUN(binary_metadata);
    RUN(metadata_is_judged_before_it_is_sent);
    RUN(binary_metadata_of_the_robot);
    RUN(sink_refuses_the_first_piece);
    RUN(largest_buffers);
    RUN(wrong_use_is_told);
    return test_end();
}
