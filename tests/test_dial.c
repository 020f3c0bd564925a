/* SPDX-License-Identifier: MIT */
/* Addresses as people write them, descs that cannot work, and the errors that a person reads (client/address, dial, explain);
 * what a small buffer for TLS records asks of HTTP/2. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include "script.h"

#define ELSEWHERE ": not found on the local network, or this port does not look there; write the robot's own address, as 10.0.0.7:8080"

typedef struct address_row {
    const char *text, *host, *authority;
    unsigned port;
} address_row;

TEST(addresses)
{
    static const address_row rows[] = {
        {"robot.abc.viam.cloud", "robot.abc.viam.cloud", "robot.abc.viam.cloud:443", 443},
        {"robot.abc.viam.cloud:8080", "robot.abc.viam.cloud", "robot.abc.viam.cloud:8080", 8080},
        {"https://robot.viam.cloud", "robot.viam.cloud", "robot.viam.cloud:443", 443},
        {"http://10.0.0.5:8080/", "10.0.0.5", "10.0.0.5:8080", 8080},
        {"grpc://h:1/x/y", "h", "h:1", 1},
        {"[::1]:8080", "::1", "[::1]:8080", 8080},
        {"[fe80::1%eth0]", "fe80::1%eth0", "[fe80::1%eth0]:443", 443},
        {"h:65535", "h", "h:65535", 65535},
        {"unix:/tmp/x.sock", "unix:/tmp/x.sock", "localhost", 443},
        {"unix:///tmp/x.sock", "unix:///tmp/x.sock", "localhost", 443}};
    static const char *const wrong[] = {"", ":80", "h:", "h:abc", "h:0", "h:65536", "h:99999999999999", "::1", "fe80::1", "[::1", "[]:80", "[::1]80", "[::1]:", "https://", "/path"};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        vmc_address a;
        char authority[64];
        const char *what = vmc_address_parse(rows[i].text, 443, &a);
        CHECK_EQ_STR(what, NULL);
        if (what != NULL)
            continue;
        CHECK_EQ_MEM(a.host.ptr, a.host.len, rows[i].host, strlen(rows[i].host));
        snprintf(authority, sizeof authority, "%.*s%.*s", (int)a.authority[0].len, (const char *)a.authority[0].ptr, (int)a.authority[1].len, (const char *)a.authority[1].ptr);
        CHECK_EQ_STR(authority, rows[i].authority);
        CHECK_EQ_INT(a.port, rows[i].port);
        CHECK_EQ_INT(a.is_unix, strncmp(rows[i].text, "unix:", 5) == 0);
    }
    for (i = 0; i < TEST_COUNT(wrong); i++) {
        vmc_address a;
        if (vmc_address_parse(wrong[i], 443, &a) == NULL)
            CHECK_EQ_STR(wrong[i], "refused");
    }
}

TEST(long_host)
{
    char text[300];
    vmc_address a;
    memset(text, 'a', sizeof text);
    text[253] = '\0';
    CHECK(vmc_address_parse(text, 80, &a) == NULL);
    text[253] = 'a';
    text[254] = '\0';
    CHECK(vmc_address_parse(text, 80, &a) != NULL);
}

TEST(key_ids)
{
    CHECK(vmc_address_is_uuid("7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"));
    CHECK(vmc_address_is_uuid("7F3C1A520B0E4F6D9C2E5D0A4B1F2E3D"));
    CHECK(!vmc_address_is_uuid("7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3"));
    CHECK(!vmc_address_is_uuid("7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3dd"));
    CHECK(!vmc_address_is_uuid("7f3c1a52x0b0e-4f6d-9c2e-5d0a4b1f2e3d"));
    CHECK(!vmc_address_is_uuid("7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3g"));
    CHECK(!vmc_address_is_uuid("--------------------------------"));
    CHECK(!vmc_address_is_uuid(""));
}

static void check_refused(const char *text)
{
    char got[200];
    CHECK_EQ_INT(viamc_client_init(script_now.memory, sizeof script_now.memory, &script_now.desc, &script_now.client), VIAMC_OK);
    CHECK_EQ_INT(viamc_dial(script_now.client, &script_now.dial), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_FAILED);
    (void)viamc_explain(script_now.client, got, sizeof got);
    CHECK_EQ_STR(got, text);
    script_close();
}

TEST(descs_that_cannot_work)
{
    script_new();
    script_now.dial.address = NULL;
    check_refused("dial: no address");
    script_new();
    script_now.dial.guard_end = 7;
    check_refused("dial: desc not initialised: begin with viamc_dial_desc d = VIAMC_ZERO");
    script_new();
    script_now.dial.api_key = "k";
    check_refused("dial: api_key and api_key_id belong together");
    script_now.dial.api_key_id = "not-a-uuid";
    check_refused("dial: api_key_id is not a UUID");
    script_now.dial.api_key_id = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d";
    script_now.desc.token_bytes = VIAMC_OFF;
    check_refused("dial: credentials need token_bytes in the client's desc");
    script_new();
    script_now.dial.old_sessions = true;
    check_refused("dial: old_sessions needs #define VIAMC_OLD_SESSIONS 1 before viamc.h");
    script_new();
    script_now.dial.require_session = script_now.dial.disable_sessions = true;
    check_refused("dial: either require_session or disable_sessions");
    script_new();
    script_now.dial.insecure = false;
    check_refused("dial: TLS needs memory: leave no_tls out of the client's desc, or set dial.insecure");
    script_now.desc.no_tls = false;
    check_refused("dial: whom to trust? set dial.anchors, dial.next_root, dial.pin_sha256 or dial.insecure");
    script_now.dial.pin_sha256 = viamc_view("0123456789abcdef0123456789abcdef", 32);
    script_now.dial.anchor_count = 1;
    check_refused("dial: anchor_count without anchors");
    script_now.dial.anchor_count = 0;
    script_now.dial.pin_sha256.len = 31;
    check_refused("dial: pin_sha256 must have 32 octets");
}

/* A robot that does not speak TLS is dialled again at once in plaintext: nothing else would wake the program. */
TEST(downgrade_goes_on_at_once)
{
    static const uint8_t pin[32] = {1};
    viamc_wait_hint hint;
    unsigned turn;
    script_new();
    script_now.desc.no_tls = false;
    script_now.desc.out_bytes = 0;
    script_now.dial.insecure = false;
    script_now.dial.allow_insecure_downgrade = true;
    script_now.dial.pin_sha256 = viamc_view(pin, sizeof pin);
    script_open();
    script_poll();
    script_poll();
    script_send("000000040000000000");
    for (turn = 0; turn < 4 && !script_now.client->dial.plain; turn++)
        script_poll();
    REQUIRE(script_now.client->dial.plain);
    viamc_wait(script_now.client, script_now.loop.now, &hint);
    CHECK_EQ_INT(hint.ms, 0);
    script_poll();
    script_poll();
    script_send("000000040000000000");
    script_poll();
    CHECK_EQ_INT(viamc_state(script_now.client), VIAMC_READY);
    script_close();
}

TEST(session_lost_by_late_polls)
{
    static const char reply[] = "\x0a\x24" "11111111-2222-4333-8444-000000000001\x12\x02\x08\x02";
    char text[120];
    uint32_t id;
    script_new();
    script_ready();
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/viam.component.motor.v1.MotorService/SetPower", viamc_view("\x0a\x02m1", 4), NULL, NULL), VIAMC_OK);
    script_run(1);
    script_reply(1, reply, sizeof reply - 1);
    script_poll();
    script_reply(3, "", 0);
    script_reply(5, "", 0);
    script_poll();
    script_forget();
    script_now.loop.now += 2300;
    script_poll();
    CHECK_EQ_INT(script_count(VIAMC_EV_STARVED), 1);
    id = 7;
    script_send_block(id, "880f10106170706c69636174696f6e2f67727063000b677270632d7374617475730133000c677270632d6d6573736167650f53455353494f4e5f45585049524544", true);
    script_poll();
    REQUIRE(script_count(VIAMC_EV_SESSION_LOST) == 1);
    (void)viamc_explain(script_now.client, text, sizeof text);
    CHECK_EQ_STR(text, "session lost: 2,300 ms between polls, window 2,000 ms");
    script_close();
}

TEST(memory_too_small)
{
    static uint8_t memory[8192];
    viamc_posix posix;
    viamc_client *c;
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    char want[80];
    vmc_wr w = vmc_wr_of(want, sizeof want - 1u);
    dial.address = "h";
    desc.max_calls = 4;
    CHECK_EQ_INT(viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &c), VIAMC_ERR_NOMEM);
    desc.port = viamc_posix_port();
    vmc_wr_text(&w, "NOMEM: client needs ");
    vmc_wr_grouped(&w, (uint32_t)viamc_client_mem_size(&desc));
    vmc_wr_text(&w, " bytes, 8,192 given");
    want[w.len] = '\0';
    CHECK_EQ_STR(posix.text, want);
    viamc_posix_close(&posix);
}

/* A robot of viam's cloud is not at its name, but in the local network or at an address of its own. */
TEST(cloud_names_without_a_port)
{
    static const struct {
        const char *address;
        viamc_err err;
        const char *text;
    } rows[] = {
        {"rover.abc.viam.cloud", VIAMC_ERR_DNS, "dial: this name has no address (rover.abc.viam.cloud:80)" ELSEWHERE},
        {"rover.abc.viam.cloud", VIAMC_ERR_REFUSED, "dial: nobody listens at this address (rover.abc.viam.cloud:80)" ELSEWHERE},
        {"rover.abc.viam.cloud", VIAMC_ERR_TIMEOUT, "dial: no answer from this address (rover.abc.viam.cloud:80)" ELSEWHERE},
        {"rover.abc.viam.cloud", VIAMC_ERR_IO, "dial: the port failed (rover.abc.viam.cloud:80)"},
        {"rover.abc.viam.cloud:8080", VIAMC_ERR_DNS, "dial: this name has no address (rover.abc.viam.cloud:8080)"},
        {"rover.abc.viam.clown", VIAMC_ERR_DNS, "dial: this name has no address (rover.abc.viam.clown:80)"}};
    char text[256];
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        script_new();
        script_now.dial.address = rows[i].address;
        script_now.loop.end[0].open_err = rows[i].err;
        script_open();
        script_run(10);
        (void)viamc_explain(script_now.client, text, sizeof text);
        CHECK_EQ_STR(text, rows[i].text);
        script_close();
    }
}

static unsigned pings(void)
{
    script_frame f;
    unsigned n = 0;
    while (script_next(&f))
        n += f.type == 6 && f.flags == 0;
    return n;
}

/* Credit of streams that were reset counts until a PING sent after it is answered; one PING at a time. */
TEST(pings_behind_resets)
{
    viamc_call a = 0, b = 0;
    script_new();
    script_now.dial.disable_sessions = true;
    script_ready();
    script_now.client->conn.grpc.h2.credit_limit = 100000;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &a), VIAMC_OK);
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &b), VIAMC_OK);
    script_run(1);
    (void)pings();
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, a), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(pings(), 1);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, b), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(pings(), 0);
    script_send_frame(6, 1, 0, "rrrrrrrr", 8);
    script_run(1);
    CHECK_EQ_INT(pings(), 1);
    script_send_frame(6, 1, 0, "rrrrrrrr", 8);
    script_run(1);
    CHECK_EQ_INT(pings(), 0);
    CHECK_EQ_INT(script_now.client->conn.grpc.h2.zombies + script_now.client->conn.grpc.h2.zombies_ping, 0);
    script_close();
}

/* The answer to a keepalive PING says nothing of the resets behind it. */
TEST(keepalive_behind_a_reset)
{
    const vmc_h2 *h;
    viamc_opts opts = VIAMC_ZERO;
    viamc_call call = 0;
    opts.timeout_ms = VIAMC_FOREVER;
    script_new();
    script_now.dial.keepalive_ms = 20000;
    script_ready();
    h = &script_now.client->conn.grpc.h2;
    script_now.client->conn.grpc.h2.credit_limit = 100000;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), &opts, &call), VIAMC_OK);
    script_run(20001);
    CHECK_EQ_INT(pings(), 1);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(pings(), 1);
    script_send_frame(6, 1, 0, "llllllll", 8);
    script_run(1);
    CHECK_EQ_INT(vmc_h2_outstanding(h), 517);
    script_send_frame(6, 1, 0, "rrrrrrrr", 8);
    script_run(1);
    CHECK_EQ_INT(vmc_h2_outstanding(h), 0);
    script_close();
}

/* What is left of a DATA frame whose stream was reset may come as well: it counts until then. */
TEST(rest_of_a_frame_behind_a_reset)
{
    const vmc_h2 *h;
    viamc_call call = 0;
    script_new();
    script_now.dial.disable_sessions = true;
    script_ready();
    script_now.client->conn.grpc.h2.credit_limit = 100000;
    CHECK_EQ_INT(viamc_call_bytes(script_now.client, "/a.B/C", viamc_view("x", 1), NULL, &call), VIAMC_OK);
    script_run(1);
    script_send_block(1, SCRIPT_R1, false);
    script_send("000064000000000001 000000012c 00000000000000000000"); /* 15 octets of 100 */
    script_run(1);
    h = &script_now.client->conn.grpc.h2;
    CHECK_EQ_INT(vmc_h2_outstanding(h), 517 - 15);
    CHECK_EQ_INT(viamc_call_cancel(script_now.client, call), VIAMC_OK);
    script_run(1);
    CHECK_EQ_INT(h->open, 0);
    CHECK_EQ_INT(vmc_h2_outstanding(h), 517 - 15);
    script_close();
}

/* The macros bound the exact size, and waste little. */
TEST(memory_macros)
{
    static const unsigned calls[] = {1, 2, 4, 8, 32, 250}, rx[] = {0, 2048, 16384, 1000000};
    size_t i, k, p;
    for (i = 0; i < TEST_COUNT(calls); i++)
        for (k = 0; k < TEST_COUNT(rx); k++)
            for (p = 0; p < 3; p++) {
                viamc_client_desc d = VIAMC_ZERO;
                size_t need, macro = p == 0 ? VIAMC_CLIENT_MEM(calls[i], rx[k]) : p == 1 ? VIAMC_CLIENT_MEM_SMALL(calls[i], rx[k]) : VIAMC_CLIENT_MEM_PLAIN(calls[i], rx[k]);
                d.port = vmc_loop_port();
                d.profile = p == 0 ? VIAMC_HOST : VIAMC_BOARD;
                d.no_tls = p == 2;
                d.max_calls = (uint8_t)calls[i];
                d.rx_bytes = rx[k];
                if (calls[i] > VIAMC_MAX_CALLS)
                    continue;
                need = viamc_client_mem_size(&d);
                if (need == 0 || need > macro || macro > need + need / 10u + 512u)
                    printf("  calls %u, rx %u, macro %u: need %lu, macro %lu\n", calls[i], rx[k], (unsigned)p, (unsigned long)need, (unsigned long)macro);
                CHECK(need != 0 && need <= macro && macro <= need + need / 10u + 512u);
            }
}

int main(int argc, char **argv)
{
    test_begin("dial", argc, argv);
    RUN(addresses);
    RUN(long_host);
    RUN(key_ids);
    RUN(descs_that_cannot_work);
    RUN(downgrade_goes_on_at_once);
    RUN(session_lost_by_late_polls);
    RUN(memory_too_small);
    RUN(cloud_names_without_a_port);
    RUN(pings_behind_resets);
    RUN(keepalive_behind_a_reset);
    RUN(rest_of_a_frame_behind_a_reset);
    RUN(memory_macros);
    return test_end();
}
