/* SPDX-License-Identifier: MIT */
/* The checks of port_check.h. With -DPORT_CHECK_MAIN a program for the port to the system: port_check HOST PORT DEAD_PORT */
#include "port_check.h"

enum { PATIENCE_MS = 10000, /* a step that takes longer has failed */
       SLOW_MS = 50,        /* a call that takes longer blocks */
       OCTETS = 5000, GUARD = 0xa5 };

typedef struct check {
    const port_check_desc *d;
    unsigned complaints;
    uint32_t slowest; /* ms, of all calls */
    uint32_t started; /* when the call under way began */
    uint32_t sent, got; /* octets of this connection; each is a function of its number */
} check;

static void complain(check *c, const char *what)
{
    c->complaints++;
    c->d->print("port_check: ");
    c->d->print(what);
    c->d->print("\r\n");
}

static void begin(check *c)
{
    c->started = c->d->now();
}

static void end(check *c)
{
    uint32_t took = c->d->now() - c->started;
    if (took > c->slowest)
        c->slowest = took;
}

/* Octet n of a connection, never 0: that one closes it. 251 is prime, so no power of two as a buffer's size hides a repetition. */
static uint8_t octet(uint32_t n)
{
    return (uint8_t)(1u + n % 251u);
}

/* ---- the port's functions, each with what always holds ---- */

static viamc_err check_read(check *c, size_t cap, size_t *len)
{
    uint8_t buf[257];
    viamc_err err;
    size_t i;
    memset(buf, GUARD, sizeof buf);
    *len = cap + 1u;
    begin(c);
    err = c->d->port->read(c->d->user, 0, buf, cap, len);
    end(c);
    if (err == VIAMC_OK && *len > cap)
        complain(c, "read: *len is not set, or more than cap");
    if (buf[cap] != GUARD)
        complain(c, "read: wrote behind cap");
    for (i = 0; err == VIAMC_OK && i < *len && i < cap; i++)
        if (buf[i] != octet(c->got++)) {
            complain(c, "read: other octets than were sent, or in another order");
            return VIAMC_ERR_IO;
        }
    return err;
}

static viamc_err check_write(check *c, size_t len, size_t *done)
{
    uint8_t buf[256];
    viamc_err err;
    size_t i;
    for (i = 0; i < len; i++)
        buf[i] = octet(c->sent + (uint32_t)i);
    *done = len + 1u;
    begin(c);
    err = c->d->port->write(c->d->user, 0, buf, len, done);
    end(c);
    if (err == VIAMC_OK && *done > len)
        complain(c, "write: *done is not set, or more than len");
    else if (err == VIAMC_OK)
        c->sent += (uint32_t)*done;
    return err;
}

static viamc_err check_open(check *c, uint16_t number)
{
    uint32_t start = c->d->now();
    viamc_err err;
    c->sent = c->got = 0;
    do {
        begin(c);
        err = c->d->port->open(c->d->user, 0, c->d->host, number);
        end(c);
        if (err == VIAMC_WAIT)
            c->d->sleep(1);
    } while (err == VIAMC_WAIT && c->d->now() - start < PATIENCE_MS);
    return err;
}

static void check_close(check *c)
{
    begin(c);
    c->d->port->close(c->d->user, 0);
    end(c);
}

/* ---- the checks ---- */

static bool same_all(const uint8_t *p, size_t n)
{
    size_t i;
    for (i = 1; i < n; i++)
        if (p[i] != p[0])
            return false;
    return true;
}

static void check_random(check *c)
{
    uint8_t a[33], b[33];
    viamc_err err;
    memset(a, GUARD, sizeof a);
    memset(b, GUARD, sizeof b);
    begin(c);
    err = c->d->port->random(c->d->user, a, 32);
    if (err == VIAMC_OK)
        err = c->d->port->random(c->d->user, b, 32);
    end(c);
    if (err != VIAMC_OK)
        complain(c, "random: fails");
    else if (same_all(a, 32) || memcmp(a, b, 32) == 0)
        complain(c, "random: not random");
    if (a[32] != GUARD)
        complain(c, "random: wrote behind len");
}

/* Sends and gets back, in pieces of changing sizes, until both are done. */
static void check_echo(check *c)
{
    static const uint16_t sizes[] = {1, 256, 7, 100, 2, 255, 64};
    uint32_t turn = 0, start = c->d->now();
    while (c->got < OCTETS && c->d->now() - start < PATIENCE_MS) {
        size_t n = sizes[turn % 7u], moved = 0, came = 0;
        if (n > OCTETS - c->sent)
            n = OCTETS - c->sent;
        if (n != 0 && check_write(c, n, &moved) != VIAMC_OK) {
            complain(c, "write: fails while the peer is there");
            return;
        }
        if (check_read(c, sizes[(turn + turn / 7u) % 7u], &came) != VIAMC_OK) {
            complain(c, "read: fails while the peer is there");
            return;
        }
        if (moved == 0 && came == 0)
            c->d->sleep(1);
        turn++;
    }
    if (c->got < OCTETS)
        complain(c, "not all octets came back");
}

static void check_quiet(check *c)
{
    size_t n = 0;
    if (check_read(c, 100, &n) != VIAMC_OK || n != 0)
        complain(c, "read: nothing came, so OK and 0 is the answer");
    if (check_write(c, 0, &n) != VIAMC_OK || n != 0)
        complain(c, "write: nothing to write, so OK and 0 is the answer");
}

/* The peer closes: what it had sent comes first, then CLOSED; never OK and 0 for ever. */
static void check_end(check *c)
{
    static const uint8_t bye = 0;
    uint32_t start = c->d->now();
    viamc_err err = VIAMC_OK;
    size_t n = 0;
    while (n == 0 && c->d->now() - start < PATIENCE_MS && c->d->port->write(c->d->user, 0, &bye, 1, &n) == VIAMC_OK && n == 0)
        c->d->sleep(1);
    while (err == VIAMC_OK && c->d->now() - start < PATIENCE_MS) {
        err = check_read(c, 100, &n);
        if (n == 0)
            c->d->sleep(1);
    }
    if (err != VIAMC_ERR_CLOSED && !c->d->mute)
        complain(c, "read: the peer closed, so CLOSED is the answer");
}

/* What was on its way when a connection was closed must not show up in the next one. */
static void check_reopen(check *c)
{
    size_t n;
    (void)check_write(c, 100, &n);
    c->d->sleep(20);
    check_close(c);
    check_close(c);
    if (check_read(c, 100, &n) == VIAMC_OK || check_write(c, 1, &n) == VIAMC_OK)
        complain(c, "read or write: not open, so an error is the answer");
    if (check_open(c, c->d->number) != VIAMC_OK) {
        complain(c, "open: not after a close");
        return;
    }
    c->got = c->sent = 7; /* other octets than before */
    (void)check_write(c, 100, &n);
    check_echo(c);
}

static void check_dead(check *c)
{
    viamc_err err = check_open(c, c->d->dead);
    if (err == VIAMC_OK || err == VIAMC_WAIT)
        complain(c, "open: nobody listens, so an error is the answer");
    check_close(c);
}

unsigned port_check(const port_check_desc *desc)
{
    check c;
    memset(&c, 0, sizeof c);
    c.d = desc;
    check_random(&c);
    if (desc->dead != 0)
        check_dead(&c);
    if (check_open(&c, desc->number) == VIAMC_OK) {
        check_quiet(&c);
        check_echo(&c);
        check_reopen(&c);
        check_end(&c);
        check_close(&c);
    } else
        complain(&c, "open: the peer is not to be had");
    if (c.slowest > SLOW_MS)
        complain(&c, "a call took too long: none may block");
    desc->print(c.complaints == 0 ? "port_check: good\r\n" : "port_check: not good\r\n");
    return c.complaints;
}

#ifdef PORT_CHECK_MAIN
#include <stdio.h>
#include <stdlib.h>

static viamc_posix posix;

static void sleep_ms(uint32_t ms)
{
    viamc_wait_hint wait = VIAMC_ZERO;
    wait.ms = ms;
    wait.want = VIAMC_WANT_READ;
    (void)viamc_posix_sleep(&posix, &wait);
}

static void print(const char *text)
{
    (void)fputs(text, stdout);
}

int main(int argc, char **argv)
{
    port_check_desc desc = VIAMC_ZERO;
    if (argc != 4)
        return 2;
    viamc_posix_init(&posix);
    desc.port = viamc_posix_port();
    desc.user = &posix;
    desc.now = viamc_posix_now;
    desc.sleep = sleep_ms;
    desc.print = print;
    desc.host = argv[1];
    desc.number = (uint16_t)atoi(argv[2]);
    desc.dead = (uint16_t)atoi(argv[3]);
    return port_check(&desc) == 0 ? 0 : 1;
}
#endif
