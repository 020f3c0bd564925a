/* SPDX-License-Identifier: MIT */
/* The tables of viam-wire.md 1 and 3, row by row: server names, the three plaintext options, attempts, credentials, answers to
 * Authenticate. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"

#define KEY_ID "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"
#define AUTHENTICATE "/proto.rpc.v1.AuthService/Authenticate"

static const uint8_t pin[32] = {1};

/* A client that would speak TLS. */
static void secure_new(void)
{
    script_new();
    script_now.desc.no_tls = false;
    script_now.desc.out_bytes = 0;
    script_now.dial.insecure = false;
    script_now.dial.pin_sha256 = viamc_view(pin, sizeof pin);
}

static void hang_up(void)
{
    vmc_loop_server_port()->close(vmc_loop_server(&script_now.loop), script_now.conn);
}

static void check_explained(const char *want)
{
    char text[200];
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, want);
}

/* ---- 1.1: default ports ---- */

TEST(default_port_443_or_80)
{
    unsigned insecure;
    for (insecure = 0; insecure < 2; insecure++) {
        vmc_address a;
        secure_new();
        script_now.dial.address = "robot.abc.viam.cloud";
        script_now.dial.insecure = insecure != 0;
        script_open();
        vmc_dial_address(script_now.client, &a);
        CHECK_EQ_INT(a.port, insecure ? 80 : 443);
        script_close();
    }
}

/* ---- 1.3: the name that the certificate must have ---- */

TEST(server_name_table)
{
    static const struct {
        const char *key_id, *type, *entity, *server_name, *want;
    } rows[] = {
        {NULL, NULL, NULL, NULL, "10.0.0.7"},
        {NULL, NULL, "rover.viam.cloud", NULL, "10.0.0.7"},
        {KEY_ID, NULL, NULL, NULL, "10.0.0.7"},
        {KEY_ID, NULL, "rover.viam.cloud", NULL, "10.0.0.7"},
        {NULL, "api-key", KEY_ID, NULL, "10.0.0.7"},
        {NULL, "robot-location-secret", NULL, NULL, "10.0.0.7"},
        {NULL, "robot-location-secret", "", NULL, "10.0.0.7"},
        {NULL, "robot-location-secret", "10.0.0.7", NULL, "10.0.0.7"},
        {NULL, "robot-location-secret", "rover.viam.cloud", NULL, "rover.viam.cloud"},
        {NULL, "robot-secret", "part-id", NULL, "part-id"},
        {NULL, NULL, NULL, "explicit.name", "explicit.name"},
        {KEY_ID, NULL, NULL, "explicit.name", "explicit.name"},
        {NULL, "robot-location-secret", "rover.viam.cloud", "explicit.name", "explicit.name"}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        viamc_str name;
        secure_new();
        script_now.dial.address = "10.0.0.7:8080";
        script_now.dial.api_key_id = rows[i].key_id;
        script_now.dial.api_key = rows[i].key_id == NULL ? NULL : "key";
        script_now.dial.credential_type = rows[i].type;
        script_now.dial.credential_payload = rows[i].type == NULL ? NULL : "secret";
        script_now.dial.auth_entity = rows[i].entity;
        script_now.dial.server_name = rows[i].server_name;
        script_open();
        name = vmc_dial_server_name(script_now.client);
        CHECK_EQ_MEM(name.ptr, name.len, rows[i].want, strlen(rows[i].want));
        script_close();
    }
}

/* :authority is the address, whatever name the certificate has. */
TEST(authority_stays_the_address)
{
    script_new();
    script_now.dial.server_name = "rover.viam.cloud";
    script_now.dial.credential_type = "robot-location-secret";
    script_now.dial.credential_payload = "secret";
    script_now.dial.auth_entity = "rover.viam.cloud";
    script_open();
    script_run(1);
    CHECK_EQ_INT(script_request(AUTHENTICATE), 1);
    CHECK(script_has_field("\n:authority: robot:8080\n"));
    script_close();
}

/* The time by which certificates are judged goes on with the polls, also when the client's clock has wrapped. */
TEST(clock_of_certificates)
{
    unsigned hours;
    secure_new();
    script_now.dial.unix_time = 1700000000u;
    script_now.loop.end[0].open_err = VIAMC_WAIT;
    script_now.dial.timeout_ms = VIAMC_FOREVER;
    script_open();
    script_poll();
    for (hours = 1; hours <= 60u * 24u; hours++) {
        script_now.loop.now += 3600000u + 1u; /* what is no whole second is not lost */
        script_poll();
    }
    CHECK_EQ_INT(vmc_dial_unix_time(script_now.client), 1700000000u + 60u * 86400u + 60u * 24u / 1000u);
    script_close();
}

/* ---- 1.4: plaintext ---- */

typedef struct plain_row {
    bool insecure, creds, allow, allow_with_creds;
    int result; /* 0: refused; 1: plaintext */
} plain_row;

static const plain_row plain_rows[] = {
    {true, false, false, false, 1}, {true, true, false, false, 1},
    {false, false, false, false, 0}, {false, false, false, true, 0}, {false, false, true, false, 1}, {false, false, true, true, 1},
    {false, true, false, false, 0}, {false, true, true, false, 0}, {false, true, false, true, 1}, {false, true, true, true, 1}};

/* The first octets of plaintext servers: HTTP/2 of Python, Go and hyper, HTTP/1.1. */
static const char *const plain_words[] = {"000000040000000000", "0000180400000000000005001000000003000000fa00060010014000040010000000", "00001204000000000000030000",
                                          "485454502f312e31203430302042616420526571756573740d0a"};

static void plain_open(const plain_row *row)
{
    secure_new();
    script_now.dial.insecure = row->insecure;
    script_now.dial.allow_insecure_downgrade = row->allow;
    script_now.dial.allow_insecure_with_creds_downgrade = row->allow_with_creds;
    script_now.dial.api_key = row->creds ? "abcdefghijklmnopqrstuvwxyz012345" : NULL;
    script_now.dial.api_key_id = row->creds ? KEY_ID : NULL;
    script_open();
    script_poll();
    script_poll();
}

/* The content of an InsecureConnectionError: address, authenticated, a text. Nothing but a ClientHello was sent. */
static void check_insecure(const plain_row *row)
{
    viamc_error e = viamc_client_error(script_now.client);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    CHECK_EQ_INT(viamc_poll(script_now.client, script_now.loop.now), VIAMC_ERR_INSECURE);
    CHECK_EQ_INT(e.code, VIAMC_ERR_INSECURE);
    CHECK_EQ_INT(e.detail, row->creds);
    check_explained(row->creds ? "dial: robot:8080 is insecure; set allow_insecure_with_creds_downgrade to accept that"
                               : "dial: robot:8080 is insecure; set allow_insecure_downgrade to accept that");
    CHECK_EQ_INT(script_now.conn, 0);
    CHECK(script_now.got[0] == 0x16);
}

/* Plaintext, with Authenticate if there are credentials. */
static void check_plain(const plain_row *row, unsigned conn)
{
    CHECK_EQ_INT(script_now.conn, conn);
    script_send("000000040000000000");
    script_poll();
    if (row->creds) {
        CHECK_EQ_INT(script_request(AUTHENTICATE), 1);
        script_reply(1, "\x0a\x01t", 3);
        script_poll();
    }
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    CHECK_EQ_STR(viamc_client_suite(script_now.client), "plaintext");
}

TEST(x13_plaintext_table)
{
    size_t i, k;
    unsigned turn;
    for (i = 0; i < TEST_COUNT(plain_rows); i++)
        for (k = 0; k < TEST_COUNT(plain_words); k++) {
            const plain_row *row = &plain_rows[i];
            plain_open(row);
            if (!row->insecure)
                script_send(plain_words[k]);
            for (turn = 0; turn < 6; turn++)
                script_poll();
            if (row->result == 0)
                check_insecure(row);
            else
                check_plain(row, row->insecure ? 0 : 1);
            script_close();
        }
}

/* An alert, damage, silence, the end: no sign that plaintext is spoken there. */
TEST(what_is_no_downgrade)
{
    static const char *const words[] = {"15030300020246", "15030300020228", "15000000020100", "15020000020100", "1603030004 02000000", "170303000100", "00", ""};
    static const plain_row row = {false, true, true, true, 0};
    size_t i, ends;
    unsigned turn;
    for (i = 0; i < TEST_COUNT(words); i++)
        for (ends = 0; ends < 2; ends++) {
            plain_open(&row);
            script_send(words[i]);
            if (ends)
                hang_up();
            for (turn = 0; turn < 6; turn++) {
                script_now.loop.now += 10000;
                script_poll();
                CHECK(!script_now.client->dial.plain);
                CHECK(script_now.len == 0 || script_now.got[0] == 0x16);
            }
            CHECK(viamc_client_error(script_now.client).code != VIAMC_ERR_INSECURE);
            script_close();
        }
}

/* It is the same attempt: what TLS took of its time is gone. */
TEST(downgrade_has_the_time_that_is_left)
{
    static const plain_row row = {false, false, true, false, 1};
    unsigned turn;
    plain_open(&row);
    script_now.loop.now += 15000;
    script_send(plain_words[0]);
    for (turn = 0; turn < 4; turn++)
        script_poll();
    CHECK_EQ_INT(script_now.conn, 1);
    script_now.loop.now += 4900;
    script_poll();
    CHECK_EQ_INT(script_now.client->dial.attempts, 0);
    script_now.loop.now += 100;
    script_poll();
    CHECK_EQ_INT(script_now.client->dial.attempts, 1);
    CHECK_EQ_INT(viamc_client_error(script_now.client).code, VIAMC_ERR_TIMEOUT);
    script_close();
}

/* Each attempt asks for TLS first, also behind a connection that was insecure. */
TEST(downgrade_is_of_one_attempt)
{
    static const plain_row row = {false, false, true, false, 1};
    unsigned turn;
    plain_open(&row);
    script_send(plain_words[0]);
    for (turn = 0; turn < 6; turn++)
        script_poll();
    check_plain(&row, 1);
    hang_up();
    for (turn = 0; turn < 6; turn++) {
        script_poll();
        script_now.loop.now += 400;
    }
    CHECK_EQ_INT(script_now.conn, 2);
    CHECK(script_now.len > 5 && script_now.got[0] == 0x16);
    script_close();
}

/* ---- 1.5: attempts ---- */

TEST(attempts_before_the_first_ready)
{
    static const struct {
        uint32_t asked, made;
    } rows[] = {{0, 3}, {1, 1}, {2, 2}, {5, 5}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_now.dial.attempts = rows[i].asked;
        script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
        script_open();
        script_run(60000);
        CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], rows[i].made);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
        script_close();
    }
}

TEST(max_reconnect_attempts)
{
    static const struct {
        uint32_t asked, made;
    } rows[] = {{VIAMC_OFF, 0}, {1, 1}, {4, 4}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_now.dial.max_reconnect_attempts = rows[i].asked;
        script_ready();
        script_now.loop.end[0].calls[VMC_LOOP_OPEN] = 0;
        script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
        hang_up();
        script_run(120000);
        CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], rows[i].made);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
        CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
        script_close();
    }
}

/* They count in a row: a READY in between starts anew. */
TEST(reconnect_attempts_count_in_a_row)
{
    unsigned n;
    script_new();
    script_now.dial.max_reconnect_attempts = 1;
    script_ready();
    for (n = 0; n < 3; n++) {
        hang_up();
        script_run(2000);
        script_send("000000040000000000");
        script_run(1);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    }
    script_close();
}

/* Waits of 1, 2, 4 ... 60, 60 s, each a fifth up or down, and not always the same. */
TEST(backoff_doubles_to_a_minute)
{
    static const viamc_ms want[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    size_t i;
    unsigned exact = 0;
    script_new();
    script_ready();
    script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
    hang_up();
    script_poll();
    for (i = 0; i < TEST_COUNT(want); i++) {
        viamc_ms ms = vmc_timer_left(&script_now.client->dial.due, script_now.loop.now);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_BACKOFF);
        CHECK(ms >= want[i] - want[i] / 5u && ms <= want[i] + want[i] / 5u);
        exact += ms == want[i];
        script_now.loop.now += ms;
        script_poll();
    }
    CHECK(exact < 4);
    script_close();
}

/* Without a longest wait it goes on doubling, and a goodbye in peace is answered at once only once. */
TEST(backoff_without_end)
{
    viamc_ms last = 0;
    unsigned n;
    script_new();
    script_now.dial.max_backoff_ms = VIAMC_FOREVER;
    script_ready();
    for (n = 0; n < 2; n++) {
        script_send("000008070000000000 7fffffff 00000000");
        hang_up();
        script_poll();
        script_poll();
        REQUIRE(script_count(VIAMC_EV_LOST) == n + 1u);
        CHECK(n == 0 ? script_event(VIAMC_EV_LOST, n)->retry_ms == 0 : script_event(VIAMC_EV_LOST, n)->retry_ms >= 800);
        script_run(n == 0 ? 1 : 2000);
        script_send("000000040000000000");
        script_run(1);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    }
    script_now.loop.end[0].open_err = VIAMC_ERR_REFUSED;
    hang_up();
    script_poll();
    for (n = 0; n < 30; n++) {
        viamc_ms ms = script_now.client->dial.backoff_ms;
        CHECK(ms > last || ms == VMC_TIME_MAX);
        last = ms;
        script_now.loop.now += vmc_timer_left(&script_now.client->dial.due, script_now.loop.now);
        script_poll();
    }
    script_close();
}

/* One deadline over all steps, wherever the robot falls silent; `where` is the step that it is told of. */
TEST(deadline_of_each_step)
{
    static const struct {
        const char *where;
        bool opens, secure, creds;
    } rows[] = {{"dial", false, false, false}, {"TLS", true, true, false}, {"HTTP/2", true, false, false}, {"auth", true, false, true}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        secure_new();
        script_now.dial.insecure = !rows[i].secure;
        script_now.dial.attempts = 1;
        script_now.dial.timeout_ms = 7000;
        script_now.dial.api_key = rows[i].creds ? "key" : NULL;
        script_now.dial.api_key_id = rows[i].creds ? KEY_ID : NULL;
        script_now.loop.end[0].open_err = VIAMC_WAIT;
        script_open();
        script_poll();
        script_now.loop.now += 5000;
        if (rows[i].opens)
            script_now.loop.end[0].open_err = VIAMC_OK;
        script_poll();
        script_poll();
        if (rows[i].creds)
            script_send("000000040000000000");
        script_now.loop.now += 1900;
        script_poll();
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
        script_now.loop.now += 100;
        script_poll();
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
        CHECK_EQ_INT(viamc_client_error(script_now.client).code, VIAMC_ERR_TIMEOUT);
        CHECK_EQ_INT(viamc_client_error(script_now.client).detail, 7000);
        CHECK_EQ_STR(viamc_client_error(script_now.client).where, rows[i].where);
        script_close();
    }
}

/* ---- 1.1: a unix socket is plaintext, and needs no credentials ---- */

TEST(unix_sockets)
{
    viamc_call call;
    secure_new();
    script_now.dial.address = "unix:/tmp/robot.sock";
    script_now.dial.api_key = "key";
    script_now.dial.api_key_id = KEY_ID;
    script_ready();
    CHECK_EQ_STR(viamc_client_suite(script_now.client), "plaintext");
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(script_request("/a.B/C"), 1);
    CHECK(!script_has_field("authorization") && script_has_field("\n:authority: localhost\n") && script_has_field("\n:scheme: http\n"));
    script_close();
}

/* ---- 3.2: credentials ---- */

/* What Authenticate carries: {1: entity, 2: {1: type, 2: payload}}. */
static void check_credentials(const char *type, const char *entity)
{
    uint8_t want[200];
    vmc_wr w = vmc_wr_of(want, sizeof want);
    size_t credentials;
    script_frame f;
    vmc_wire_put_text(&w, 1, viamc_text(entity));
    credentials = vmc_wire_open(&w, 2);
    vmc_wire_put_text(&w, 1, viamc_text(type));
    vmc_wire_put_text(&w, 2, viamc_text("secret"));
    vmc_wire_close(&w, credentials);
    CHECK_EQ_INT(script_request(AUTHENTICATE), 1);
    CHECK(!script_has_field("authorization"));
    REQUIRE(script_find(0, &f) && f.len > 5);
    CHECK_EQ_MEM(f.payload + 5, f.len - 5, want, w.len);
}

TEST(credential_types)
{
    static const struct {
        const char *type, *entity, *sent;
    } rows[] = {
        {"api-key", KEY_ID, KEY_ID}, {"robot-location-secret", NULL, "grpc://robot:8080"}, {"robot-location-secret", "rover.viam.cloud", "rover.viam.cloud"},
        {"robot-secret", "part-id", "part-id"}, {"external", NULL, "grpc://robot:8080"}, {"__internal", "x", "x"}, {"of-my-own", "me", "me"}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_now.dial.address = "grpc://robot:8080"; /* whom they are for is the address as it was written, if nobody is named */
        script_now.dial.credential_type = rows[i].type;
        script_now.dial.credential_payload = "secret";
        script_now.dial.auth_entity = rows[i].entity;
        script_open();
        script_run(1);
        check_credentials(rows[i].type, rows[i].sent);
        script_close();
    }
}

/* with_api_key: the entity is the key's id as it was written, after a look whether it is a UUID. An explicit entity wins. */
TEST(with_api_key)
{
    static const struct {
        const char *id, *entity, *sent; /* sent NULL: refused */
    } rows[] = {
        {KEY_ID, NULL, KEY_ID}, {"7F3C1A520B0E4F6D9C2E5D0A4B1F2E3D", NULL, "7F3C1A520B0E4F6D9C2E5D0A4B1F2E3D"}, {KEY_ID, "somebody", "somebody"},
        {"7f3c1a52", NULL, NULL}, {"", NULL, NULL}, {"{7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d}", NULL, NULL}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_now.dial.api_key = "secret";
        script_now.dial.api_key_id = rows[i].id;
        script_now.dial.auth_entity = rows[i].entity;
        CHECK_EQ_INT(viamc_client_init(script_now.memory, sizeof script_now.memory, &script_now.desc, &script_now.client), VIAMC_OK);
        CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), rows[i].sent == NULL ? VIAMC_ERR_ARG : VIAMC_OK);
        if (rows[i].sent == NULL) {
            check_explained("dial: api_key_id is not a UUID");
        } else {
            script_run(1);
            check_credentials("api-key", rows[i].sent);
        }
        script_close();
    }
}

/* An access token is sent as it is, from the first call on; nobody is asked for another. */
TEST(access_token)
{
    viamc_call call;
    uint32_t id;
    script_new();
    script_now.dial.credential_type = "access-token";
    script_now.dial.credential_payload = "tok.en.sig";
    script_ready();
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(id = script_request("/a.B/C"), 1);
    CHECK(script_has_field("\nauthorization: Bearer tok.en.sig\n"));
    script_send_block(id, SCRIPT_R1 "000b677270632d737461747573023136", true); /* UNAUTHENTICATED */
    script_run(10);
    CHECK_EQ_INT(script_request(AUTHENTICATE), 0);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_UNAUTHENTICATED);
    script_close();
}

/* Connected with an API key: Authenticate was asked. */
static void ask_for_token(void)
{
    script_new();
    script_now.dial.api_key = "secret";
    script_now.dial.api_key_id = KEY_ID;
    script_open();
    script_run(1);
    script_send("000000040000000000");
}

/* READY with a token that Authenticate gave. */
static void ready_with_token(const char *reply, size_t len)
{
    ask_for_token();
    script_reply(script_request(AUTHENTICATE), reply, len);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_forget();
}

/* A call goes out as stream `id`, with the token "second". */
static void carries_second_token(uint32_t id)
{
    viamc_call call;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(script_request("/a.B/C"), id);
    CHECK(script_has_field("\nauthorization: Bearer second\n"));
}

/* A token for somebody else: AuthenticateTo is a call like any other to whoever gives such tokens; what it answers is the access token
 * with which the robot is dialled. */
TEST(authenticate_to)
{
    static char token[32];
    const viamc_event *ev;
    viamc_bytes text;
    viamc_call call;
    uint32_t id;
    ready_with_token("\x0a\x05" "first", 7);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/proto.rpc.v1.ExternalAuthService/AuthenticateTo", viamc_view("\x0a\x05robot", 7), NULL, &call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(id = script_request("/proto.rpc.v1.ExternalAuthService/AuthenticateTo"), 3);
    CHECK(script_has_field("\nauthorization: Bearer first\n"));
    script_reply(id, "\x0a\x06" "second", 8);
    script_poll();
    REQUIRE((ev = script_event(VIAMC_EV_DONE, 0)) != NULL);
    CHECK_EQ_INT(vmc_wire_find(viamc_view(script_now.msg[ev - script_now.event], ev->msg.len), 1, &text), VIAMC_OK);
    memcpy(token, text.ptr, text.len);
    script_close();
    script_new();
    script_now.dial.credential_type = "access-token";
    script_now.dial.credential_payload = token;
    script_ready();
    carries_second_token(1);
    script_close();
}

/* ---- 3.3: answers to Authenticate ---- */

/* A refusal is the end before the first READY; where nobody looked at the credentials the next attempt may do. */
TEST(answers_to_authenticate)
{
    static const struct {
        uint8_t status;
        bool final;
    } rows[] = {{1, true}, {2, true}, {3, true}, {4, false}, {5, true}, {6, true}, {7, true}, {8, false}, {9, true}, {12, true}, {13, true}, {14, false}, {16, true}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        char block[120];
        ask_for_token();
        if (rows[i].status < 10)
            snprintf(block, sizeof block, SCRIPT_R1 "000b677270632d73746174757301%02x", '0' + rows[i].status);
        else
            snprintf(block, sizeof block, SCRIPT_R1 "000b677270632d7374617475730231%02x", '0' + rows[i].status % 10);
        script_send_block(1, block, true);
        script_poll();
        CHECK_EQ_INT(viamc_state(script_now.client), rows[i].final ? VIAMC_FAILED : VIAMC_DIALING);
        CHECK_EQ_INT(viamc_client_error(script_now.client).code, rows[i].final ? VIAMC_ERR_AUTH : VIAMC_ERR_RPC);
        CHECK_EQ_INT(viamc_client_error(script_now.client).detail, rows[i].status);
        script_close();
    }
}

/* Nobody has looked at the credentials either where the stream was reset or a proxy answered in the robot's place. */
TEST(authenticate_that_nobody_answered)
{
    static const char *const blocks[] = {NULL, "0803353032", "0803343031"}; /* RST_STREAM CANCEL; HTTP 502, 401 */
    size_t i;
    for (i = 0; i < TEST_COUNT(blocks); i++) {
        ask_for_token();
        if (blocks[i] == NULL)
            script_send_frame(3, 0, 1, "\0\0\0\x08", 4);
        else
            script_send_block(1, blocks[i], true);
        script_poll();
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
        CHECK_EQ_INT(viamc_client_error(script_now.client).code, VIAMC_ERR_RPC);
        script_close();
    }
}

/* OK without a token, or with an empty one: no calls without what they need. */
TEST(authenticate_without_a_token)
{
    static const struct {
        const char *reply;
        size_t len;
    } rows[] = {{"", 0}, {"\x0a\x00", 2}, {"\x12\x01t", 3}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        ask_for_token();
        script_reply(1, rows[i].reply, rows[i].len);
        script_poll();
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
        CHECK_EQ_INT(viamc_client_error(script_now.client).code, VIAMC_ERR_AUTH);
        CHECK_EQ_INT(viamc_client_error(script_now.client).detail, VIAMC_INTERNAL);
        script_close();
    }
}

/* GOAWAY while Authenticate is under way: the attempt is over, and the next one begins. */
TEST(goaway_while_authenticating)
{
    ask_for_token();
    script_send("000008070000000000 7fffffff 00000000");
    script_poll();
    script_poll();
    CHECK_EQ_INT(script_now.loop.end[0].calls[VMC_LOOP_OPEN], 2);
    CHECK_EQ_INT(script_now.client->dial.attempts, 1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_close();
}

/* A robot that was restarted knows none of its tokens (9, row 22): Authenticate comes before anything else on the new connection. */
TEST(restarted_robot_is_authenticated_anew)
{
    ready_with_token("\x0a\x05" "first", 7);
    hang_up();
    script_run(1300);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(script_request(AUTHENTICATE), 1);
    CHECK(!script_has_field("authorization"));
    script_reply(1, "\x0a\x06" "second", 8);
    script_run(1);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    carries_second_token(3);
    script_close();
}

/* UNAUTHENTICATED asks for a new token, PERMISSION_DENIED and a proxy's 401 do not; the call itself is reported and not repeated. */
TEST(refused_token_is_renewed)
{
    static const struct {
        const char *status;
        bool renewed;
    } rows[] = {{"000b677270632d737461747573023136", true}, {"000b677270632d7374617475730137", false}, {NULL, false}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        char block[120];
        viamc_call call;
        snprintf(block, sizeof block, "%s%s", rows[i].status == NULL ? "0803343031" : SCRIPT_R1, rows[i].status == NULL ? "" : rows[i].status);
        ready_with_token("\x0a\x05" "first", 7);
        CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &call), VIAMC_OK);
        script_run(1);
        CHECK_EQ_INT(script_request("/a.B/C"), 3);
        script_send_block(3, block, true);
        script_run(1);
        CHECK_EQ_INT(script_request(AUTHENTICATE), rows[i].renewed ? 5 : 0);
        CHECK(!rows[i].renewed || !script_has_field("authorization")); /* with one it would be refused (3.3) */
        CHECK_EQ_INT(script_count(VIAMC_EV_DONE), 1);
        CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/D", viamc_view("x", 1), NULL, &call), VIAMC_OK);
        script_run(1);
        if (rows[i].renewed) {
            CHECK_EQ_INT(script_request("/a.B/D"), 0); /* it waits for the new token */
            script_reply(5, "\x0a\x06" "second", 8);
        }
        script_run(1);
        CHECK_EQ_INT(script_request("/a.B/D"), rows[i].renewed ? 7 : 5);
        CHECK(script_has_field(rows[i].renewed ? "\nauthorization: Bearer second\n" : "\nauthorization: Bearer first\n"));
        script_close();
    }
}

/* Credentials that were good once and are refused now: tried again, at the longest backoff, for ever. */
TEST(refused_after_ready_waits_longest)
{
    ready_with_token("\x0a\x05" "first", 7);
    hang_up();
    script_run(1300);
    script_send("000000040000000000");
    script_run(1);
    CHECK_EQ_INT(script_request(AUTHENTICATE), 1);
    script_send_block(1, SCRIPT_R1 "000b677270632d737461747573023136", true);
    script_poll();
    script_poll();
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_BACKOFF);
    CHECK(vmc_timer_left(&script_now.client->dial.due, script_now.loop.now) >= 48000);
    script_close();
}

/* ---- 2.12: keepalive ---- */

/* What the client sent: PINGs of its own, and calls. */
static void count_asked(unsigned *pings, unsigned *calls)
{
    script_frame f;
    *pings = *calls = 0;
    while (script_next(&f)) {
        *pings += f.type == 6 && f.flags == 0;
        *calls += f.type == 1;
    }
}

static void check_asked(viamc_ms ms, unsigned want)
{
    unsigned pings, calls;
    script_run(ms);
    count_asked(&pings, &calls);
    CHECK_EQ_INT(pings, want);
    CHECK_EQ_INT(calls, 0);
}

static void keepalive_ready(viamc_ms ms)
{
    unsigned pings, calls;
    script_new();
    script_now.dial.check_interval_ms = 0;
    script_now.dial.keepalive_ms = ms;
    script_ready();
    count_asked(&pings, &calls);
}

/* Off by default; a PING in place of a call after so much silence, at least 20 s; any octet is an answer. */
TEST(keepalive_asks_by_ping)
{
    static const struct {
        viamc_ms asked, made;
    } rows[] = {{1, 20000}, {20000, 20000}, {45000, 45000}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        keepalive_ready(rows[i].asked);
        check_asked(rows[i].made - 10, 0);
        check_asked(20, 1);
        script_send_frame(6, 1, 0, "llllllll", 8);
        check_asked(rows[i].made - 10, 0);
        check_asked(20, 1);
        script_send("000000040100000000");
        check_asked(rows[i].made + 9900, 1);
        CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
        script_run(200);
        REQUIRE(script_count(VIAMC_EV_LOST) == 1);
        CHECK_EQ_INT(script_event(VIAMC_EV_LOST, 0)->error.code, VIAMC_ERR_TIMEOUT);
        check_explained("the robot gives no sign of life of 10,000 ms (robot:8080)");
        script_close();
    }
}

/* Switched off is as good as never asked for: the sign of life stays a call. */
TEST(keepalive_off)
{
    unsigned pings, calls;
    keepalive_ready(VIAMC_OFF);
    script_run(10001);
    count_asked(&pings, &calls);
    CHECK_EQ_INT(pings, 0);
    CHECK_EQ_INT(calls, 1);
    script_close();
}

/* Where calls have taken every stream that the robot permits, a sign of life has none: it is a PING. */
TEST(sign_of_life_without_a_stream)
{
    viamc_opts opts = VIAMC_ZERO;
    unsigned pings, calls, n;
    viamc_call call;
    opts.timeout_ms = VIAMC_FOREVER;
    keepalive_ready(0);
    script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
    script_run(1);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), &opts, &call), VIAMC_OK);
    script_run(1);
    count_asked(&pings, &calls);
    CHECK_EQ_INT(calls, 1);
    for (n = 0; n < 4; n++) {
        check_asked(9900, 0);
        check_asked(200, 1);
        script_send_frame(6, 1, 0, "llllllll", 8);
        script_run(1);
    }
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    check_asked(10000, 1);
    script_run(10001);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->ran, VIAMC_MAYBE);
    script_close();
}

/* Both ways of asking give the robot the same time: a call that was not answered, and then a PING, because the call's stream is not free yet. */
TEST(sign_of_life_by_call_and_by_ping)
{
    unsigned pings, calls;
    keepalive_ready(0);
    script_send("000006040000000000 0003 00000001"); /* MAX_CONCURRENT_STREAMS */
    script_run(1);
    script_run(10001);
    count_asked(&pings, &calls);
    CHECK_EQ_INT(calls, 1);
    script_run(5001);
    count_asked(&pings, &calls);
    CHECK_EQ_INT(pings + calls, 1);
    script_run(4900);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_run(200);
    CHECK_EQ_INT(script_count(VIAMC_EV_LOST), 1);
    script_close();
}

/* too_many_pings: half as many on later connections, and again half; a goodbye in peace changes nothing. */
TEST(too_many_pings_doubles_the_interval)
{
    static const struct {
        uint8_t code;
        viamc_ms interval;
    } rows[] = {{0, 20000}, {11, 40000}, {0, 40000}, {11, 80000}, {11, 160000}};
    size_t i;
    unsigned keepalive;
    for (keepalive = 0; keepalive < 2; keepalive++) {
        keepalive_ready(keepalive ? 20000 : 0);
        for (i = 0; i < TEST_COUNT(rows); i++) {
            uint8_t goaway[8 + 14] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0};
            goaway[7] = rows[i].code;
            memcpy(goaway + 8, "too_many_pings", 14);
            script_send_frame(7, 0, 0, goaway, sizeof goaway);
            hang_up();
            script_run(2000);
            script_send("000000040000000000");
            script_run(1);
            CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
            CHECK_EQ_INT(script_now.client->desc.check_interval_ms, keepalive ? rows[i].interval : 10000);
        }
        if (keepalive) {
            check_asked(159000, 0);
            check_asked(1100, 1);
        }
        script_close();
    }
}

/* Calls that drain after GOAWAY are not hurried by it (limits.md 1, row 37). */
TEST(keepalive_rests_while_draining)
{
    viamc_opts opts = VIAMC_ZERO;
    unsigned pings, calls;
    viamc_call call;
    opts.timeout_ms = VIAMC_FOREVER;
    keepalive_ready(20000);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), &opts, &call), VIAMC_OK);
    script_run(19990);
    count_asked(&pings, &calls);
    script_send("0000080700000000007fffffff00000000");
    check_asked(4000, 0);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_DIALING);
    script_reply(1, "", 0);
    script_run(1);
    CHECK_EQ_INT(script_event(VIAMC_EV_DONE, 0)->status, VIAMC_OK);
    script_close();
}

int main(int argc, char **argv)
{
    test_begin("dial_rows", argc, argv);
    RUN(default_port_443_or_80);
    RUN(server_name_table);
    RUN(authority_stays_the_address);
    RUN(clock_of_certificates);
    RUN(x13_plaintext_table);
    RUN(what_is_no_downgrade);
    RUN(downgrade_has_the_time_that_is_left);
    RUN(downgrade_is_of_one_attempt);
    RUN(attempts_before_the_first_ready);
    RUN(max_reconnect_attempts);
    RUN(reconnect_attempts_count_in_a_row);
    RUN(backoff_doubles_to_a_minute);
    RUN(backoff_without_end);
    RUN(deadline_of_each_step);
    RUN(unix_sockets);
    RUN(credential_types);
    RUN(with_api_key);
    RUN(access_token);
    RUN(authenticate_to);
    RUN(answers_to_authenticate);
    RUN(authenticate_that_nobody_answered);
    RUN(authenticate_without_a_token);
    RUN(goaway_while_authenticating);
    RUN(restarted_robot_is_authenticated_anew);
    RUN(refused_token_is_renewed);
    RUN(refused_after_ready_waits_longest);
    RUN(keepalive_asks_by_ping);
    RUN(keepalive_off);
    RUN(sign_of_life_without_a_stream);
    RUN(sign_of_life_by_call_and_by_ping);
    RUN(too_many_pings_doubles_the_interval);
    RUN(keepalive_rests_while_draining);
    return test_end();
}
