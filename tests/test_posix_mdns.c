/* SPDX-License-Identifier: MIT */
/* The POSIX port on a local network of its own: a network namespace that has only lo, so that no question leaves the machine. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* unshare */
#endif
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#ifdef __linux__
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#define NAME "my-robot-main.abc123.viam.cloud"
/* viam-wire.md 8.5, M3, compressed; behind it what is patched */
#define ANNOUNCEMENT \
    "000084000000000400000000045f727063045f746370056c6f63616c00000c000100000c8000221f6d792d726f626f742d6d61696e2d6162633132332d7669" \
    "616d2d636c6f7564c00cc0270021000100000c80002d000000001f901f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564056c6f" \
    "63616c00c0270010000100000c80000c0467727063067765627274631f6d792d726f626f742d6d61696e2d6162633132332d7669616d2d636c6f7564c01600" \
    "010001000000780004c0a80132"

static viamc_posix p;
static int responder = -1; /* its socket */
static int listener = -1;

/* ---- a network of its own ---- */

static bool lo_up(void)
{
    struct ifreq r;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool ok;
    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, "lo");
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    ok = ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    (void)close(fd);
    return ok;
}

/* Runs a test in a child that has a network of its own: 0 good, 1 failed, 77 there is none. */
static int apart(void (*run)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if ((unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) || !lo_up())
            _exit(77);
        run();
        (void)fflush(stdout);
        _exit(test_now.bad != 0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static uint16_t listen_here(void)
{
    vmc_posix_sa sa;
    socklen_t n = (socklen_t)sizeof sa.v4;
    memset(&sa, 0, sizeof sa);
    sa.v4.sin_family = AF_INET;
    sa.v4.sin_addr.s_addr = htonl(0x7f000001);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, &sa.any, n) == 0 && listen(listener, 4) == 0 && getsockname(listener, &sa.any, &n) == 0);
    return ntohs(sa.v4.sin_port);
}

/* Sends the announcement of my-robot-main.abc123, or of another letter's, to the group, with this port, from a socket of mDNS' or from
 * another. */
static void announce_as(char letter, uint16_t port, bool from_elsewhere)
{
    uint8_t packet[400];
    size_t n = test_hex(ANNOUNCEMENT, packet, sizeof packet), i;
    int fd = from_elsewhere ? socket(AF_INET, SOCK_DGRAM, 0) : responder;
    struct in_addr lo;
    for (i = 0; i + 6 < n; i++)
        if (packet[i] == 0x1f && packet[i + 1] == 0x90)
            vmc_put_be16(packet + i, port);
        else if (memcmp(packet + i, "abc123", 6) == 0)
            packet[i] = (uint8_t)letter;
    vmc_put_be32(packet + n - 4, 0x7f000001);
    lo.s_addr = htonl(0x7f000001);
    vmc_lan_ask_from(fd, lo, packet, n);
    if (from_elsewhere)
        (void)close(fd);
}

static void announce(uint16_t port, bool from_elsewhere)
{
    announce_as('a', port, from_elsewhere);
}

static unsigned questions(void)
{
    uint8_t buf[VMC_MDNS_MAX_PACKET + 1u];
    viamc_bytes packet;
    unsigned n = 0;
    while (vmc_lan_hear(responder, buf, &packet))
        n += packet.len == 33;
    return n;
}

static void begin(void)
{
    viamc_posix_init(&p);
    p.mdns = true;
    p.nameserver = "127.0.0.1"; /* nobody is there */
    p.hosts_file = "/dev/null";
    responder = vmc_lan_open();
    CHECK(responder >= 0);
    vmc_lan_ask(responder); /* joins the group */
    (void)questions();
}

/* Opens, as a client does, for at most ms milliseconds; the responder answers questions, from the nth on, with this port (0: never). */
static viamc_err open_for(const char *name, uint16_t port, viamc_ms ms, unsigned from, uint16_t answer, bool from_elsewhere)
{
    viamc_ms start = viamc_posix_now();
    viamc_wait_hint hint = {50, VIAMC_WANT_READ};
    viamc_err err;
    unsigned asked = 0;
    while ((err = viamc_posix_port()->open(&p, 0, name, port)) == VIAMC_WAIT && viamc_posix_now() - start < ms) {
        unsigned n = questions();
        asked += n;
        if (n != 0 && answer != 0 && asked >= from)
            announce(answer, from_elsewhere);
        CHECK_EQ_INT(viamc_posix_sleep(&p, &hint), VIAMC_OK);
    }
    return err;
}

static void end(void)
{
    viamc_posix_close(&p);
    CHECK_EQ_INT(p.lookup.fd, -1);
    (void)close(responder);
    if (listener >= 0)
        (void)close(listener);
    listener = -1;
}

/* ---- what is tried there ---- */

static void found_at_once(void)
{
    viamc_ms start = viamc_posix_now();
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 1400, 1, listen_here(), false), VIAMC_OK);
    CHECK(viamc_posix_now() - start < 240);
    CHECK(accept(listener, NULL, NULL) >= 0);
    end();
}

static void question_that_got_lost(void)
{
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 1400, 3, listen_here(), false), VIAMC_OK);
    end();
}

/* After 1.5 s the nameservers have their turn; five or six questions were asked. */
static void found_nowhere(void)
{
    viamc_ms start = viamc_posix_now();
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 1450, 1, 0, false), VIAMC_WAIT);
    CHECK_EQ_INT(p.dial.state, VMC_POSIX_LOCAL);
    (void)open_for(NAME, 443, 1500 + 300 - (viamc_posix_now() - start), 1, 0, false);
    CHECK(p.dial.state != VMC_POSIX_LOCAL);
    CHECK_EQ_INT(open_for(NAME, 443, 4000, 1, 0, false), VIAMC_ERR_DNS);
    CHECK(viamc_posix_now() - start >= VMC_LAN_MS);
    end();
}

/* Other robots answer the same question, and first: one with the name that is dialled is waited for. */
static void other_robots_before_it(void)
{
    uint16_t port = listen_here();
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 1, 1, 0, false), VIAMC_WAIT);
    announce_as('b', 9, false);
    CHECK_EQ_INT(open_for(NAME, 443, 200, 1, 0, false), VIAMC_WAIT);
    CHECK_EQ_INT(p.dial.state, VMC_POSIX_LOCAL);
    announce_as('c', 9, false);
    announce(port, false);
    CHECK_EQ_INT(open_for(NAME, 443, 1000, 1, 0, false), VIAMC_OK);
    CHECK(accept(listener, NULL, NULL) >= 0);
    end();
}

static void from_another_port(void)
{
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 4000, 1, listen_here(), true), VIAMC_ERR_DNS);
    end();
}

static void nobody_there_any_more(void)
{
    uint16_t port = listen_here();
    (void)close(listener);
    listener = -1;
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 1400, 1, port, false), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(p.dial.state, VMC_POSIX_IDLE);
    end();
}

/* No question is asked for another name, another port, a name that the hosts file has, or where nobody wanted it. */
static void not_looked_for(void)
{
    static const struct {
        const char *name;
        uint16_t port;
        bool mdns;
    } rows[] = {{"my-robot-main.abc123.viam.clown", 443, true}, {NAME, 8080, true}, {NAME, 443, false}, {"127.0.0.1", 443, true}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        begin();
        p.mdns = rows[i].mdns;
        CHECK(open_for(rows[i].name, rows[i].port, 100, 1, 0, false) != VIAMC_OK);
        CHECK_EQ_INT(questions(), 0);
        CHECK(p.dial.state != VMC_POSIX_LOCAL);
        end();
    }
}

/* Whoever has written the name into the hosts file knows better. */
static void known_here(void)
{
    static const char line[] = "127.0.0.1 " NAME "\n";
    char path[] = "/tmp/viamc_hosts_XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0 && write(fd, line, sizeof line - 1) == (ssize_t)(sizeof line - 1));
    (void)close(fd);
    begin();
    p.hosts_file = path;
    CHECK_EQ_INT(open_for(NAME, 443, 300, 1, listen_here(), false), VIAMC_ERR_REFUSED); /* at port 443 of this machine */
    CHECK_EQ_INT(questions(), 0);
    (void)unlink(path);
    end();
}

/* A close while the network is asked leaves nothing behind; the next open starts anew. */
static void given_up(void)
{
    begin();
    CHECK_EQ_INT(open_for(NAME, 443, 10, 1, 0, false), VIAMC_WAIT);
    CHECK(p.lookup.fd >= 0);
    viamc_posix_port()->close(&p, 0);
    CHECK_EQ_INT(p.lookup.fd, -1);
    CHECK_EQ_INT(open_for(NAME, 443, 1400, 1, listen_here(), false), VIAMC_OK);
    end();
}

/* A list is made of whatever comes in time. */
static void list(void)
{
    viamc_found f[4];
    size_t n = 7;
    pid_t child;
    begin();
    child = fork();
    if (child == 0) {
        unsigned turn;
        for (turn = 0; turn < 100; turn++) {
            if (questions() != 0)
                announce(8080, false);
            (void)usleep(10000);
        }
        _exit(0);
    }
    CHECK_EQ_INT(viamc_posix_find(f, 4, 400, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 1);
    CHECK_EQ_STR(f[0].address, "127.0.0.1:8080");
    CHECK_EQ_INT(viamc_posix_find(f, 4, 0, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_INT(viamc_posix_find(NULL, 4, 0, &n), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_find(f, 4, 0, NULL), VIAMC_ERR_ARG);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    end();
}

#define APART(name)                                    \
    TEST(name##_)                                      \
    {                                                  \
        int code = apart(name);                        \
        if (code == 77)                                \
            SKIP("no network namespace is to be had"); \
        CHECK_EQ_INT(code, 0);                         \
    }

APART(found_at_once)
APART(question_that_got_lost)
APART(found_nowhere)
APART(other_robots_before_it)
APART(from_another_port)
APART(nobody_there_any_more)
APART(not_looked_for)
APART(known_here)
APART(given_up)
APART(list)

#endif

/* ---- who is looked for at all ---- */

TEST(dials_that_may_look)
{
    static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];
    static const uint8_t pin[32] = {1};
    static const struct {
        const char *address;
        bool insecure, creds, allow, allow_with_creds, look;
    } rows[] = {
        {"rover.viam.cloud", false, false, false, false, true}, {"https://rover.viam.cloud/", false, true, false, false, true}, {"rover.viam.cloud:443", false, true, false, false, false},
        {"rover.viam.cloud:8080", false, true, false, false, false}, {"rover.viam.cloud", true, false, false, false, false}, {"rover.viam.cloud", false, false, true, false, false},
        {"rover.viam.cloud", false, true, false, true, false}, {"rover.viam.cloud", false, true, true, false, true}, {"rover.viam.cloud", false, false, false, true, true}};
    size_t i;
    for (i = 0; i < TEST_COUNT(rows); i++) {
        viamc_posix posix;
        viamc_client *c;
        viamc_dial_desc d = VIAMC_ZERO;
        d.address = rows[i].address;
        d.pin_sha256 = viamc_view(pin, sizeof pin);
        d.insecure = rows[i].insecure;
        d.api_key = rows[i].creds ? "k" : NULL;
        d.api_key_id = rows[i].creds ? "7f3c1a520b0e4f6d9c2e5d0a4b1f2e3d" : NULL;
        d.allow_insecure_downgrade = rows[i].allow;
        d.allow_insecure_with_creds_downgrade = rows[i].allow_with_creds;
        CHECK_EQ_INT(viamc_posix_open(&posix, memory, sizeof memory, NULL, &d, &c), VIAMC_OK);
        CHECK_EQ_INT(posix.mdns, rows[i].look);
        viamc_client_close(c);
        viamc_posix_close(&posix);
    }
}

int main(int argc, char **argv)
{
    test_begin("posix_mdns", argc, argv);
    RUN(dials_that_may_look);
#ifdef __linux__
    RUN(found_at_once_);
    RUN(question_that_got_lost_);
    RUN(found_nowhere_);
    RUN(other_robots_before_it_);
    RUN(from_another_port_);
    RUN(nobody_there_any_more_);
    RUN(not_looked_for_);
    RUN(known_here_);
    RUN(given_up_);
    RUN(list_);
#endif
    return test_end();
}
