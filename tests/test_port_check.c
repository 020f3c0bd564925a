/* SPDX-License-Identifier: MIT */
/* tests/port_check on a port in memory that keeps every promise, and on the same with one fault each: it finds every one. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "port_check.c"
#include "test.h"

enum { /* what is wrong with the port */
    GOOD = 0,
    RANDOM_FAILS, RANDOM_SAME, RANDOM_CONSTANT, RANDOM_LONG,
    OPEN_DEAD, OPEN_NEVER, OPEN_ONCE,
    READ_LEN_UNSET, READ_BEHIND, READ_TWICE, READ_SKIPS, READ_STALE, READ_NO_END, READ_CLOSED_OK,
    WRITE_LEN_UNSET, WRITE_DROPS, WRITE_CLOSED_OK, WRITE_EMPTY_FAILS, BLOCKS, CLOSE_ONCE_ONLY,
    FAULTS
};

/* The line and its peer: an echo, with one ring in between. */
static struct {
    unsigned fault;
    uint32_t now, rand, opened, in, out;
    bool open, ended, closed;
    uint8_t ring[128];
    char said[200];
} f;

static viamc_err fake_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    (void)user, (void)conn, (void)host;
    if (port == 1 && f.fault != OPEN_DEAD)
        return VIAMC_ERR_REFUSED;
    if (f.fault == OPEN_NEVER || (f.opened++ % 3u) != 2u)
        return VIAMC_WAIT;
    if (f.fault == OPEN_ONCE && f.closed)
        return VIAMC_ERR_IO;
    if (f.fault != READ_STALE)
        f.in = f.out = 0;
    f.open = true;
    f.ended = false;
    return VIAMC_OK;
}

static viamc_err fake_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    size_t n = 0;
    (void)user, (void)conn;
    f.now += f.fault == BLOCKS ? 60 : 0;
    if (!f.open)
        return f.fault == READ_CLOSED_OK ? (viamc_err)(*len = 0) : (viamc_err)VIAMC_ERR_STATE;
    while (n < cap && f.out != f.in)
        buf[n++] = f.ring[f.out++ % sizeof f.ring];
    if (f.fault == READ_BEHIND)
        buf[cap] = 0;
    if (f.fault == READ_TWICE && n > 3)
        f.out--;
    if (f.fault == READ_SKIPS && f.out != f.in)
        f.out++;
    if (f.fault != READ_LEN_UNSET)
        *len = n;
    return n == 0 && f.ended && f.fault != READ_NO_END ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

static viamc_err fake_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    size_t n = 0;
    (void)user, (void)conn;
    if (!f.open)
        return f.fault == WRITE_CLOSED_OK ? (viamc_err)(*done = 0) : (viamc_err)VIAMC_ERR_STATE;
    if (len == 0 && f.fault == WRITE_EMPTY_FAILS)
        return VIAMC_ERR_ARG;
    for (; n < len && f.in - f.out < sizeof f.ring; n++) {
        f.ended = f.ended || buf[n] == 0;
        if (!f.ended)
            f.ring[f.in++ % sizeof f.ring] = buf[n];
    }
    if (f.fault != WRITE_LEN_UNSET)
        *done = f.fault == WRITE_DROPS ? len : n;
    return VIAMC_OK;
}

static void fake_close(void *user, unsigned conn)
{
    (void)user, (void)conn;
    f.open = f.fault == CLOSE_ONCE_ONLY && f.closed && !f.open; /* the second one opens it again */
    f.closed = true;
}

static viamc_err fake_random(void *user, uint8_t *out, size_t len)
{
    size_t i;
    (void)user;
    f.rand = f.fault == RANDOM_SAME ? 1 : f.rand;
    for (i = 0; i < len + (f.fault == RANDOM_LONG ? 1u : 0u); i++)
        out[i] = f.fault == RANDOM_CONSTANT ? (uint8_t)f.opened : (uint8_t)((f.rand = f.rand * 1103515245u + 12345u) >> 16);
    return f.fault == RANDOM_FAILS ? VIAMC_ERR_ENTROPY : VIAMC_OK;
}

static uint32_t fake_now(void)
{
    return f.now;
}

static void fake_sleep(uint32_t ms)
{
    f.now += ms;
}

static void fake_print(const char *text)
{
    if (strncmp(text, "port_check: ", 12) != 0 && strlen(f.said) + strlen(text) < sizeof f.said)
        strcat(f.said, text);
}

static unsigned complaints(unsigned fault, bool mute)
{
    static const viamc_port port = {fake_open, fake_read, fake_write, fake_close, fake_random, NULL};
    const port_check_desc desc = {&port, NULL, fake_now, fake_sleep, fake_print, "peer", 7007, 1, mute};
    memset(&f, 0, sizeof f);
    f.fault = fault;
    return port_check(&desc);
}

TEST(good_port)
{
    CHECK_EQ_INT(complaints(GOOD, false), 0);
    CHECK_EQ_STR(f.said, "");
}

TEST(every_fault_is_found)
{
    unsigned fault;
    for (fault = GOOD + 1; fault < FAULTS; fault++)
        if (complaints(fault, false) == 0)
            CHECK_EQ_INT(fault, GOOD); /* shows which one */
}

TEST(mute_line)
{
    CHECK_EQ_INT(complaints(READ_NO_END, true), 0);
}

int main(int argc, char **argv)
{
    test_begin("port_check", argc, argv);
    RUN(good_port);
    RUN(every_fault_is_found);
    RUN(mute_line);
    return test_end();
}
