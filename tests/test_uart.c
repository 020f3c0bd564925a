/* SPDX-License-Identifier: MIT */
/* examples/bare_metal/uart.c without a board: what an emulated UART never does, losing octets, and what it may do at any time. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "../examples/bare_metal/uart.c"
#include "port_check.c"
#include "test.h"

enum { LINE_ROOM = 2 * (int)UART_RX_BYTES };

/* The line: what was sent, what comes, and a UART of one octet between it and the ring. */
static struct {
    uart u;
    uart_set set;
    uart *uarts[1];
    uint32_t now;
    size_t sent_len, coming, came;
    uint8_t sent[LINE_ROOM], in[LINE_ROOM];
    bool echoes, stuck, flow; /* flow: RTS/CTS, an octet waits for room */
    bool random_fails;
    char said[200];
} f;

static void move_in(uart *u)
{
    for (; f.came < f.coming; f.came++)
        if (uart_has_room(u))
            uart_received(u, f.in[f.came]);
        else if (f.flow)
            return;
        else
            u->lost = true;
    f.came = f.coming = 0;
}

static void serve(uart *u)
{
    while (!f.stuck && uart_has_octet(u)) {
        uint8_t octet = uart_to_send(u);
        if (f.sent_len < sizeof f.sent)
            f.sent[f.sent_len++] = octet;
        if (f.echoes && octet != 0 && f.coming < sizeof f.in)
            f.in[f.coming++] = octet;
    }
    move_in(u);
}

static void comes(uint8_t first, size_t n)
{
    while (n-- != 0)
        f.in[f.coming++] = first++;
    move_in(&f.u);
}

static uint32_t now(void)
{
    return f.now;
}

static bool random_octets(uint8_t *out, size_t len)
{
    while (len-- != 0)
        out[len] = (uint8_t)test_rand();
    return !f.random_fails;
}

static void line_begin(void)
{
    memset(&f, 0, sizeof f);
    f.u.serve = serve;
    f.u.now = now;
    f.u.random = random_octets;
    f.uarts[0] = &f.u;
    f.set.uarts = f.uarts;
    f.set.count = 1;
}

static viamc_err dial(void)
{
    return uart_client_port()->open(&f.set, 0, "", 0);
}

static viamc_err read_all(size_t *n)
{
    static uint8_t buf[LINE_ROOM];
    return uart_client_port()->read(&f.set, 0, buf, sizeof buf, n);
}

/* ---- the check that boards run ---- */

static void sleep_ms(uint32_t ms)
{
    f.now += ms;
    f.u.serve(&f.u);
}

static void print(const char *text)
{
    if (strlen(f.said) + strlen(text) < sizeof f.said)
        strcat(f.said, text);
}

TEST(keeps_what_ports_promise)
{
    port_check_desc desc = VIAMC_ZERO;
    line_begin();
    f.echoes = f.flow = true;
    desc.port = uart_client_port();
    desc.user = &f.set;
    desc.now = now;
    desc.sleep = sleep_ms;
    desc.print = print;
    desc.host = "";
    desc.mute = true;
    CHECK_EQ_INT(port_check(&desc), 0);
    CHECK_EQ_STR(f.said, "port_check: good\r\n");
}

/* ---- rings ---- */

TEST(octet_too_many_ends_the_connection)
{
    size_t n;
    line_begin();
    CHECK_EQ_INT(dial(), VIAMC_OK);
    comes(1, UART_RX_BYTES);
    CHECK(!f.u.lost);
    comes(1, 1);
    CHECK_EQ_INT(read_all(&n), VIAMC_ERR_IO); /* at once, though there is something to read */
    CHECK_EQ_INT(n, 0);
}

TEST(octets_wait_for_room_with_flow_control)
{
    size_t n;
    line_begin();
    f.flow = true;
    CHECK_EQ_INT(dial(), VIAMC_OK);
    comes(1, UART_RX_BYTES + 7u);
    CHECK_EQ_INT(read_all(&n), VIAMC_OK);
    CHECK_EQ_INT(n, UART_RX_BYTES + 7u);
    CHECK(!f.u.lost);
}

TEST(write_takes_what_fits)
{
    uint8_t buf[UART_TX_BYTES + 9u];
    size_t n;
    memset(buf, 5, sizeof buf);
    line_begin();
    f.stuck = true;
    CHECK_EQ_INT(dial(), VIAMC_OK);
    CHECK_EQ_INT(uart_client_port()->write(&f.set, 0, buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, UART_TX_BYTES);
    CHECK_EQ_INT(uart_client_port()->write(&f.set, 0, buf, 1, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    uart_client_port()->close(&f.set, 0);
    f.stuck = false;
    serve(&f.u);
    CHECK_EQ_INT(f.sent_len, UART_TX_BYTES); /* what was taken leaves, though closed */
}

/* Counters of 32 bits that wrap. */
TEST(rings_after_four_gigabytes)
{
    size_t n;
    line_begin();
    f.u.rx_in = f.u.rx_out = f.u.tx_in = f.u.tx_out = 0xfffffff0u;
    CHECK_EQ_INT(dial(), VIAMC_OK);
    comes(1, 100);
    CHECK_EQ_INT(read_all(&n), VIAMC_OK);
    CHECK_EQ_INT(n, 100);
    CHECK_EQ_INT(uart_client_port()->write(&f.set, 0, f.in, 100, &n), VIAMC_OK);
    CHECK_EQ_INT(f.sent_len, 100);
}

/* ---- one connection after another ---- */

TEST(what_was_under_way_belongs_to_nobody)
{
    size_t n;
    line_begin();
    CHECK_EQ_INT(dial(), VIAMC_OK);
    f.u.lost = true;
    uart_client_port()->close(&f.set, 0);
    comes(1, 10);
    CHECK_EQ_INT(dial(), VIAMC_WAIT);
    CHECK(!f.u.lost);
    f.now += UART_SILENCE_MS - 1u;
    comes(1, 10);
    CHECK_EQ_INT(dial(), VIAMC_WAIT); /* not silent for long enough */
    f.now += UART_SILENCE_MS - 1u;
    CHECK_EQ_INT(dial(), VIAMC_WAIT);
    f.now += 1u;
    CHECK_EQ_INT(dial(), VIAMC_OK);
    CHECK_EQ_INT(read_all(&n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
}

TEST(first_octet_is_a_driver)
{
    viamc_addr peer;
    size_t n;
    line_begin();
    CHECK_EQ_INT(uart_server_port()->accept(&f.set, 2, &peer), VIAMC_WAIT);
    comes(1, 3);
    CHECK_EQ_INT(uart_server_port()->accept(&f.set, UART_CONNS, &peer), VIAMC_WAIT); /* of a server with more peers than there is room for */
    CHECK_EQ_INT(uart_server_port()->accept(&f.set, 2, &peer), VIAMC_OK);
    CHECK_EQ_STR(peer.text, "uart 0");
    CHECK_EQ_INT(uart_server_port()->accept(&f.set, 1, &peer), VIAMC_WAIT); /* the line is taken */
    CHECK_EQ_INT(uart_server_port()->read(&f.set, 2, f.sent, sizeof f.sent, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 3);
}

TEST(no_random_octets_no_start)
{
    uint8_t buf[8];
    line_begin();
    f.random_fails = true;
    CHECK_EQ_INT(uart_client_port()->random(&f.set, buf, sizeof buf), VIAMC_ERR_ENTROPY);
}

int main(int argc, char **argv)
{
    test_begin("uart", argc, argv);
    RUN(keeps_what_ports_promise);
    RUN(octet_too_many_ends_the_connection);
    RUN(octets_wait_for_room_with_flow_control);
    RUN(write_takes_what_fits);
    RUN(rings_after_four_gigabytes);
    RUN(what_was_under_way_belongs_to_nobody);
    RUN(first_octet_is_a_driver);
    RUN(no_random_octets_no_start);
    return test_end();
}
