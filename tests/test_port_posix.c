/* SPDX-License-Identifier: MIT */
/* The POSIX port on real sockets, with nameservers of our own on 127.0.0.1 and 127.0.0.2. Nothing leaves the machine. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <sys/resource.h>

#include "test.h"

enum { PATIENCE_MS = 5000 }; /* a step that takes longer has failed */

static viamc_posix client, server;
static char folder[64]; /* for sockets and files */

static const viamc_port *cp(void)
{
    return viamc_posix_port();
}

static const viamc_port *sp(void)
{
    return viamc_posix_server_port();
}

static char *in_folder(const char *name)
{
    static char path[4][200];
    static unsigned next;
    char *p = path[next++ % 4];
    (void)snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static const char *write_file(const char *name, const void *data, size_t len)
{
    char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(data, 1, len, f) == len);
    if (f != NULL)
        (void)fclose(f);
    return path;
}

static const char *write_text(const char *name, const char *text)
{
    return write_file(name, text, strlen(text));
}

static unsigned open_files(void)
{
    int fd;
    unsigned n = 0;
    for (fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* ---- nameservers of our own, answered from the loop that also polls the port ---- */

enum {
    DNS_SILENT,
    DNS_ADDRESS,    /* the addresses of the mode's list */
    DNS_NONE,       /* the name exists, without such an address */
    DNS_NO_NAME,    /* rcode 3 */
    DNS_FAILS,      /* rcode 2 */
    DNS_ALIAS,      /* by way of a CNAME */
    DNS_CUT,        /* TC, with what fitted */
    DNS_LIES,       /* a wrong id, a wrong question, a question of another type, no response: each with 127.0.0.66 */
    DNS_ELSEWHERE,  /* from another port, with 127.0.0.66 */
    DNS_GARBAGE,    /* matches, then nonsense */
    DNS_FLOOD       /* noise without end */
};

typedef struct fake_dns {
    int fd;
    uint8_t mode[2];      /* for A, for AAAA */
    const char *list[2];  /* addresses, blank between */
    unsigned asked[2];
    uint16_t id[2];       /* of the last queries */
    uint16_t from;        /* port that the last one came from */
} fake_dns;

static fake_dns dns[2];
static uint16_t dns_port;

static int udp(const char *ip, uint16_t port)
{
    vmc_posix_sa sa;
    vmc_posix_ip addr;
    socklen_t n;
    int fd;
    if (!vmc_posix_ip_of(viamc_text(ip), &addr))
        return -1;
    n = vmc_posix_sa_ip(&sa, &addr, port);
    fd = vmc_posix_socket(sa.any.sa_family, SOCK_DGRAM);
    if (fd >= 0 && bind(fd, &sa.any, n) != 0)
        vmc_posix_close_fd(&fd);
    return fd;
}

static uint16_t port_of(int fd)
{
    vmc_posix_sa sa;
    socklen_t n = (socklen_t)sizeof sa;
    memset(&sa, 0, sizeof sa);
    return getsockname(fd, &sa.any, &n) == 0 ? ntohs(sa.v4.sin_port) : 0;
}

static bool dns_begin(void)
{
    unsigned i;
    memset(dns, 0, sizeof dns);
    for (i = 0; i < 20; i++) { /* both addresses must have the same port free */
        dns[0].fd = udp("127.0.0.1", 0);
        dns_port = port_of(dns[0].fd);
        dns[1].fd = udp("127.0.0.2", dns_port);
        if (dns[0].fd >= 0 && dns[1].fd >= 0)
            return true;
        vmc_posix_close_fd(&dns[0].fd);
        vmc_posix_close_fd(&dns[1].fd);
    }
    return false;
}

static void dns_end(void)
{
    vmc_posix_close_fd(&dns[0].fd);
    vmc_posix_close_fd(&dns[1].fd);
}

static void put_answer(vmc_wr *w, const char *ip)
{
    vmc_posix_ip addr;
    CHECK(vmc_posix_ip_of(viamc_text(ip), &addr));
    vmc_wr_be16(w, addr.len == 4 ? 1 : 28);
    vmc_wr_be16(w, 1);
    vmc_wr_be32(w, 60);
    vmc_wr_be16(w, addr.len);
    vmc_wr_bytes(w, addr.octets, addr.len);
    w->ptr[7]++; /* answers */
}

static void put_answers(vmc_wr *w, const char *list)
{
    char ip[64];
    size_t n;
    while (list != NULL && *list != '\0') {
        for (n = 0; list[n] != '\0' && list[n] != ' '; n++)
            ip[n] = list[n];
        ip[n] = '\0';
        list += list[n] == '\0' ? n : n + 1;
        vmc_wr_be16(w, 0xc00c); /* the name of the question */
        put_answer(w, ip);
    }
}

static void put_alias(vmc_wr *w, const char *ip)
{
    static const uint8_t record[] = {0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 4, 'r', 'e', 'a', 'l', 0, 4, 'r', 'e', 'a', 'l', 0};
    vmc_wr_bytes(w, record, sizeof record);
    w->ptr[7]++;
    put_answer(w, ip);
}

static void reply(const fake_dns *d, const vmc_wr *w, const vmc_posix_sa *to, socklen_t n)
{
    (void)sendto(d->fd, w->ptr, w->len, 0, &to->any, n);
}

static void dns_lie(const fake_dns *d, vmc_wr *w, const vmc_posix_sa *to, socklen_t n)
{
    size_t last = w->len - 3; /* low octet of the question's type */
    put_answers(w, w->ptr[last] == 1 ? "127.0.0.66" : "::ffff:127.0.0.66");
    w->ptr[1] ^= 1; /* id */
    reply(d, w, to, n);
    w->ptr[1] ^= 1;
    w->ptr[13] ^= 1; /* first letter of the name */
    reply(d, w, to, n);
    w->ptr[13] ^= 1;
    w->ptr[last] ^= 2; /* neither A nor AAAA */
    reply(d, w, to, n);
    w->ptr[last] ^= 2;
    w->ptr[2] &= 0x7f; /* a query */
    reply(d, w, to, n);
}

static void dns_answer(fake_dns *d, uint8_t *packet, size_t len, const vmc_posix_sa *to, socklen_t n)
{
    unsigned i, which = packet[len - 3] == 1 ? 0 : 1;
    uint8_t mode = d->mode[which];
    vmc_wr w = vmc_wr_of(packet, 512);
    w.len = len;
    d->asked[which]++;
    d->id[which] = (uint16_t)vmc_be16(packet);
    d->from = ntohs(to->v4.sin_port);
    packet[2] = (uint8_t)(mode == DNS_CUT ? 0x83 : 0x81);
    packet[3] = (uint8_t)(mode == DNS_NO_NAME ? 0x83 : mode == DNS_FAILS ? 0x82 : 0x80);
    if (mode == DNS_SILENT)
        return;
    if (mode == DNS_ADDRESS || mode == DNS_CUT)
        put_answers(&w, d->list[which]);
    if (mode == DNS_ALIAS)
        put_alias(&w, d->list[which]);
    if (mode == DNS_LIES) {
        dns_lie(d, &w, to, n);
        return;
    }
    if (mode == DNS_ELSEWHERE) {
        fake_dns other = *d;
        other.fd = udp("127.0.0.1", 0);
        put_answers(&w, which == 0 ? "127.0.0.66" : "::ffff:127.0.0.66");
        reply(&other, &w, to, n);
        vmc_posix_close_fd(&other.fd);
        return;
    }
    if (mode == DNS_GARBAGE) {
        packet[7] = 1;
        vmc_wr_text(&w, "\xff\xff\xff nonsense");
    }
    if (mode == DNS_FLOOD)
        packet[0] ^= 0x55;
    for (i = 0; i < (mode == DNS_FLOOD ? 100u : 1u); i++)
        reply(d, &w, to, n);
}

static void dns_serve(void)
{
    unsigned i;
    for (i = 0; i < 2; i++) {
        uint8_t packet[512];
        vmc_posix_sa from;
        socklen_t n = (socklen_t)sizeof from;
        ssize_t len;
        while (dns[i].fd >= 0 && (len = recvfrom(dns[i].fd, packet, sizeof packet, 0, &from.any, &n)) > 16) {
            dns_answer(&dns[i], packet, (size_t)len, &from, n);
            n = (socklen_t)sizeof from;
        }
    }
}

/* ---- driving ---- */

static void rest(viamc_posix *p, uint8_t want, uint32_t ms)
{
    viamc_wait_hint wait;
    wait.ms = ms;
    wait.want = want;
    CHECK_EQ_INT(viamc_posix_sleep(p, &wait), VIAMC_OK);
}

/* Opens until that is done, well or badly; counts how often it had to be asked. */
static unsigned asked_to_open;

static viamc_err open_now(unsigned conn, const char *host, uint16_t port)
{
    viamc_ms start = viamc_posix_now();
    viamc_err err = VIAMC_WAIT;
    asked_to_open = 0;
    while (err == VIAMC_WAIT && viamc_posix_now() - start < PATIENCE_MS) {
        err = cp()->open(&client, conn, host, port);
        asked_to_open++;
        dns_serve();
        if (err == VIAMC_WAIT)
            rest(&client, 0, PATIENCE_MS); /* wakes for the port's own work */
    }
    CHECK(err != VIAMC_WAIT);
    CHECK(asked_to_open < 200); /* it slept in between */
    return err;
}

static viamc_err accept_now(unsigned conn, viamc_addr *peer)
{
    viamc_ms start = viamc_posix_now();
    viamc_err err = VIAMC_WAIT;
    while (err == VIAMC_WAIT && viamc_posix_now() - start < PATIENCE_MS) {
        err = sp()->accept(&server, conn, peer);
        if (err == VIAMC_WAIT)
            rest(&server, VIAMC_WANT_READ, 100);
    }
    return err;
}

/* Reads until something comes. */
static viamc_err read_now(viamc_posix *p, unsigned conn, char *buf, size_t cap)
{
    viamc_ms start = viamc_posix_now();
    viamc_err err = VIAMC_OK;
    size_t n = 0;
    while (err == VIAMC_OK && n == 0 && viamc_posix_now() - start < PATIENCE_MS) {
        err = cp()->read(p, conn, (uint8_t *)buf, cap - 1, &n);
        if (err == VIAMC_OK && n == 0)
            rest(p, VIAMC_WANT_READ, 100);
    }
    buf[n] = '\0';
    return err;
}

static viamc_err say(viamc_posix *p, unsigned conn, const char *text)
{
    size_t n;
    viamc_err err = cp()->write(p, conn, (const uint8_t *)text, strlen(text), &n);
    if (err == VIAMC_OK)
        CHECK_EQ_INT(n, strlen(text));
    return err;
}

/* Fresh ports; the client's names come from nowhere but the tests. */
static void begin(void)
{
    viamc_posix_init(&client);
    viamc_posix_init(&server);
    client.hosts_file = server.hosts_file = "/nonexistent/hosts";
    client.resolv_file = "/nonexistent/resolv.conf";
}

static void end(void)
{
    viamc_posix_close(&client);
    viamc_posix_close(&server);
}

static uint16_t listening_port(void)
{
    return port_of(server.conn[VIAMC_POSIX_LISTENER].fd);
}

/* Listens at an address with port 0; its port. */
static uint16_t listen_at(const char *address)
{
    CHECK_EQ_INT(viamc_posix_listen(&server, address), VIAMC_OK);
    return listening_port();
}

/* A conversation over an open connection 0. */
static void converse(viamc_addr *peer)
{
    char buf[64];
    size_t n = 1;
    CHECK_EQ_INT(accept_now(3, peer), VIAMC_OK);
    CHECK_EQ_INT(sp()->read(&server, 3, (uint8_t *)buf, sizeof buf, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_INT(say(&client, 0, "hello"), VIAMC_OK);
    CHECK_EQ_INT(read_now(&server, 3, buf, sizeof buf), VIAMC_OK);
    CHECK_EQ_STR(buf, "hello");
    CHECK_EQ_INT(say(&server, 3, "and back"), VIAMC_OK);
    CHECK_EQ_INT(read_now(&client, 0, buf, 4), VIAMC_OK);
    CHECK_EQ_STR(buf, "and");
    CHECK_EQ_INT(cp()->read(&client, 0, (uint8_t *)buf, 0, &n), VIAMC_OK); /* room for nothing is not the end */
    CHECK_EQ_INT(read_now(&client, 0, buf, sizeof buf), VIAMC_OK);
    CHECK_EQ_STR(buf, " back");
    sp()->close(&server, 3);
    CHECK_EQ_INT(read_now(&client, 0, buf, sizeof buf), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), 0);
    cp()->close(&client, 0);
    cp()->close(&client, 0);
    CHECK_EQ_INT(cp()->read(&client, 0, (uint8_t *)buf, sizeof buf, &n), VIAMC_ERR_STATE);
    CHECK_EQ_INT(cp()->write(&client, 0, (const uint8_t *)buf, 1, &n), VIAMC_ERR_STATE);
}

/* ---- clock, random octets, addresses ---- */

TEST(clocks_go_forward)
{
    viamc_ms a = viamc_posix_now();
    struct timespec pause;
    pause.tv_sec = 0;
    pause.tv_nsec = 20000000;
    (void)nanosleep(&pause, NULL);
    CHECK(viamc_posix_now() - a >= 19);
    CHECK(viamc_posix_now() - a < 2000);
    CHECK(viamc_posix_unix_time() > 1577836800u);
}

TEST(random_octets)
{
    uint8_t a[1000], b[1000];
    unsigned i, kinds = 0;
    uint8_t seen[256];
    memset(a, 0xee, sizeof a);
    memset(seen, 0, sizeof seen);
    CHECK_EQ_INT(cp()->random(&client, a, 999), VIAMC_OK);
    CHECK_EQ_INT(cp()->random(&client, b, sizeof b), VIAMC_OK);
    CHECK_EQ_INT(a[999], 0xee);
    CHECK(memcmp(a, b, 200) != 0);
    CHECK(memcmp(a + 700, b + 700, 200) != 0);
    for (i = 0; i < 999; i++)
        seen[a[i]] = 1;
    for (i = 0; i < 256; i++)
        kinds += seen[i];
    CHECK(kinds > 200); /* 251 on average */
    CHECK_EQ_INT(vmc_posix_urandom(b, 32), VIAMC_OK);
    CHECK(memcmp(a, b, 32) != 0);
}

TEST(addresses_from_text)
{
    static const struct {
        const char *text;
        uint8_t len;
        uint32_t scope;
    } cases[] = {
        {"10.0.0.7", 4, 0}, {"::1", 16, 0}, {"[::1]", 16, 0}, {"fe80::1%lo", 16, 1}, {"[fe80::1%7]", 16, 7},
        {"fe80::1%65535", 16, 65535}, {"fe80::1%65536", 0, 0},
        {"::ffff:10.0.0.7", 16, 0}, {"fe80::1%", 0, 0}, {"fe80::1%nosuchinterface", 0, 0}, {"10.0.0.7%lo", 0, 0}, {"10.0.0", 0, 0},
        {"256.0.0.1", 0, 0}, {"robot", 0, 0}, {"", 0, 0}, {"[]", 0, 0}, {"[", 0, 0}, {"::1]", 0, 0},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(cases); i++) {
        vmc_posix_ip ip;
        bool ok = vmc_posix_ip_of(viamc_text(cases[i].text), &ip);
        CHECK_EQ_INT(ok, cases[i].len != 0);
        if (ok && cases[i].scope == 1 && if_nametoindex("lo") != 1)
            continue;
        if (ok) {
            CHECK_EQ_INT(ip.len, cases[i].len);
            CHECK_EQ_INT(ip.scope, cases[i].scope);
        }
    }
}

TEST(addresses_to_text)
{
    static const char *const cases[][2] = {
        {"10.0.0.9", "10.0.0.9:51544"}, {"::1", "[::1]:51544"}, {"fe80::1%7", "[fe80::1]:51544"},
        {"::ffff:10.0.0.9", "10.0.0.9:51544"},
        {"1111:2222:3333:4444:5555:6666:7777:8888", "[1111:2222:3333:4444:5555:6666:7777:8888]:51544"},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(cases); i++) {
        vmc_posix_ip ip;
        vmc_posix_sa sa;
        viamc_addr peer;
        REQUIRE(vmc_posix_ip_of(viamc_text(cases[i][0]), &ip));
        (void)vmc_posix_sa_ip(&sa, &ip, 51544);
        vmc_posix_peer(&peer, &sa);
        CHECK_EQ_STR(peer.text, cases[i][1]);
    }
}

/* ---- connections ---- */

TEST(tcp_over_ipv4)
{
    viamc_addr peer;
    char text[120], want[32];
    int fd, on = 0;
    socklen_t n = (socklen_t)sizeof on;
    uint16_t port;
    begin();
    port = listen_at("127.0.0.1:0");
    CHECK_EQ_INT(viamc_posix_listen(&server, "127.0.0.1:0"), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_posix_listen_address(&server, text, sizeof text), VIAMC_OK);
    (void)snprintf(want, sizeof want, "127.0.0.1:%u", (unsigned)port);
    CHECK_EQ_STR(text, want);
    CHECK_EQ_INT(viamc_posix_listen_address(&server, text, strlen(want)), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_posix_listen_address(&client, text, sizeof text), VIAMC_ERR_STATE);
    CHECK_EQ_INT(open_now(0, "127.0.0.1", port), VIAMC_OK);
    CHECK_EQ_INT(cp()->open(&client, 0, "127.0.0.1", port), VIAMC_OK);
    fd = client.conn[0].fd;
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on != 0);
#ifdef VMC_POSIX_NOTSENT
    CHECK(getsockopt(fd, IPPROTO_TCP, VMC_POSIX_NOTSENT, &on, &n) == 0);
    CHECK_EQ_INT(on, 16384);
#endif
    (void)snprintf(want, sizeof want, "127.0.0.1:%u", (unsigned)port_of(fd));
    converse(&peer);
    CHECK_EQ_STR(peer.text, want);
    end();
}

TEST(accepted_sockets_are_like_ours)
{
    viamc_addr peer;
    int fd, on = 0;
    socklen_t n = (socklen_t)sizeof on;
    begin();
    CHECK_EQ_INT(open_now(0, "127.0.0.1", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK_EQ_INT(accept_now(0, &peer), VIAMC_OK);
    fd = server.conn[0].fd;
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on != 0);
    CHECK_EQ_INT(sp()->accept(&server, 0, &peer), VIAMC_ERR_STATE);
    CHECK_EQ_INT(sp()->accept(&server, 16, &peer), VIAMC_ERR_ARG);
    CHECK_EQ_INT(sp()->accept(&client, 1, &peer), VIAMC_ERR_STATE);
    CHECK_EQ_INT(sp()->accept(&server, 1, &peer), VIAMC_WAIT);
    end();
}

TEST(tcp_over_ipv6)
{
    viamc_addr peer;
    char text[120];
    uint16_t port;
    begin();
    if (viamc_posix_listen(&server, "[::1]:0") != VIAMC_OK)
        SKIP("no IPv6 here");
    port = listening_port();
    CHECK_EQ_INT(viamc_posix_listen_address(&server, text, sizeof text), VIAMC_OK);
    CHECK(strncmp(text, "[::1]:", 6) == 0);
    CHECK_EQ_INT(open_now(0, "::1", port), VIAMC_OK);
    converse(&peer);
    CHECK(strncmp(peer.text, "[::1]:", 6) == 0);
    CHECK_EQ_INT(open_now(0, "[::1]", port), VIAMC_OK);
    converse(&peer);
    end();
}

TEST(all_interfaces)
{
    viamc_addr peer;
    uint16_t port;
    begin();
    port = listen_at(":0");
    CHECK_EQ_INT(open_now(0, "127.0.0.1", port), VIAMC_OK);
    converse(&peer);
    CHECK(strncmp(peer.text, "127.0.0.1:", 10) == 0);
    if (server.conn[VIAMC_POSIX_LISTENER].fd >= 0 && open_now(0, "::1", port) == VIAMC_OK)
        converse(&peer);
    end();
}

TEST(unix_sockets)
{
    viamc_addr peer;
    char address[220], again[220], text[120];
    struct stat st;
    begin();
    (void)snprintf(address, sizeof address, "unix:%s", in_folder("robot.sock"));
    (void)snprintf(again, sizeof again, "unix://%s", in_folder("robot.sock"));
    CHECK_EQ_INT(viamc_posix_listen(&server, address), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_listen_address(&server, text, sizeof text), VIAMC_OK);
    CHECK_EQ_STR(text, address);
    CHECK_EQ_INT(open_now(0, address, 0), VIAMC_OK);
    converse(&peer);
    CHECK_EQ_STR(peer.text, "unix");
    CHECK_EQ_INT(open_now(0, again, 0), VIAMC_OK);
    converse(&peer);
    CHECK_EQ_INT(viamc_posix_listen(&client, address), VIAMC_ERR_IO); /* somebody listens */
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_LISTENER), EADDRINUSE);
    vmc_posix_close_fd(&server.conn[VIAMC_POSIX_LISTENER].fd); /* as a process that died */
    CHECK_EQ_INT(lstat(in_folder("robot.sock"), &st), 0);
    CHECK_EQ_INT(open_now(0, address, 0), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ECONNREFUSED);
    CHECK_EQ_INT(viamc_posix_listen(&server, again), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_listen_address(&server, text, sizeof text), VIAMC_OK);
    CHECK_EQ_STR(text, address);
    CHECK_EQ_INT(open_now(0, address, 0), VIAMC_OK);
    converse(&peer);
    end();
    CHECK_EQ_INT(lstat(in_folder("robot.sock"), &st), -1); /* taken along */
    CHECK_EQ_INT(open_now(0, address, 0), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ENOENT);
}

TEST(unix_paths_that_do_not_work)
{
    char address[300];
    struct stat st;
    begin();
    (void)write_text("precious", "do not delete");
    (void)snprintf(address, sizeof address, "unix:%s", in_folder("precious"));
    CHECK_EQ_INT(viamc_posix_listen(&server, address), VIAMC_ERR_IO);
    CHECK_EQ_INT(lstat(in_folder("precious"), &st), 0);
    CHECK_EQ_INT(open_now(0, address, 0), VIAMC_ERR_REFUSED);
    memset(address, 'x', 200);
    memcpy(address, "unix:/", 6);
    address[200] = '\0';
    CHECK_EQ_INT(viamc_posix_listen(&server, address), VIAMC_ERR_ARG);
    CHECK_EQ_INT(open_now(0, address, 0), VIAMC_ERR_IO);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ENAMETOOLONG);
    CHECK_EQ_INT(viamc_posix_listen(&server, "unix:"), VIAMC_ERR_ARG);
    end();
}

TEST(a_full_queue_of_a_unix_socket_is_waited_for)
{
    char address[220];
    viamc_addr peer;
    vmc_posix_sa sa;
    unsigned i, full = 0;
    int fd, error;
    begin();
    (void)snprintf(address, sizeof address, "unix:%s", in_folder("busy.sock"));
    CHECK_EQ_INT(viamc_posix_listen(&server, address), VIAMC_OK);
    for (i = 0; i < VIAMC_POSIX_CONNS && cp()->open(&client, i, address, 0) == VIAMC_OK; i++)
        continue;
    CHECK_EQ_INT(listen(server.conn[VIAMC_POSIX_LISTENER].fd, 0), 0); /* shorter than what waits already */
    for (i = 0; i < 16; i++)
        cp()->close(&client, i);
    fd = vmc_posix_socket(AF_UNIX, SOCK_STREAM);
    error = connect(fd, &sa.any, vmc_posix_sa_unix(&sa, address)) == 0 ? 0 : errno;
    vmc_posix_close_fd(&fd);
    if (error != EAGAIN) {
        end();
        SKIP("this system's queues are never full");
    }
    CHECK_EQ_INT(viamc_posix_listen(&client, address), VIAMC_ERR_IO); /* busy is not dead: the socket is left where it is */
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_LISTENER), EADDRINUSE);
    CHECK_EQ_INT(cp()->open(&client, 0, address, 0), VIAMC_WAIT);
    for (i = 0; i < 20 && cp()->open(&client, 0, address, 0) == VIAMC_WAIT; i++) {
        viamc_ms start = viamc_posix_now();
        rest(&client, 0, PATIENCE_MS);
        full += viamc_posix_now() - start < 1000;
        sp()->close(&server, 0);
        CHECK_EQ_INT(accept_now(0, &peer), VIAMC_OK);
    }
    CHECK_EQ_INT(cp()->open(&client, 0, address, 0), VIAMC_OK);
    CHECK(full > 0);
    end();
}

TEST(addresses_to_listen_at_that_are_none)
{
    static const char *const bad[] = {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536",
                                      "::1", "::1:80:", "[::1]", "[::1]80"};
    size_t i;
    begin();
    for (i = 0; i < TEST_COUNT(bad); i++)
        CHECK_EQ_INT(viamc_posix_listen(&server, bad[i]), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen(&server, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen(&server, "no.such.name:80"), VIAMC_ERR_DNS);
    CHECK_EQ_INT(viamc_posix_listen(&server, "192.0.2.77:0"), VIAMC_ERR_IO); /* not ours, RFC 5737 */
    CHECK_EQ_INT(viamc_posix_errno(&server, VIAMC_POSIX_LISTENER), EADDRNOTAVAIL);
    server.hosts_file = write_text("hosts", "127.0.0.1 me\n");
    CHECK_EQ_INT(viamc_posix_listen(&server, "me:0"), VIAMC_OK);
    viamc_posix_close(&server);
    CHECK_EQ_INT(viamc_posix_listen(&server, "localhost:0"), VIAMC_OK);
    end();
}

/* A port that was free a moment ago. */
static uint16_t closed_port(void)
{
    uint16_t port;
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_listen(&p, "127.0.0.1:0"), VIAMC_OK);
    port = port_of(p.conn[VIAMC_POSIX_LISTENER].fd);
    viamc_posix_close(&p);
    return port;
}

TEST(nobody_listens)
{
    uint16_t port = closed_port();
    begin();
    CHECK_EQ_INT(open_now(0, "127.0.0.1", port), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ECONNREFUSED);
    CHECK_EQ_INT(open_now(0, "localhost", port), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(cp()->open(&client, 16, "127.0.0.1", port), VIAMC_ERR_ARG);
    CHECK_EQ_INT(cp()->open(&client, 0, "", port), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_errno(&client, 99), EBADF);
    end();
}

TEST(a_socket_that_met_itself_is_nobody)
{
    vmc_posix_sa sa;
    vmc_posix_ip ip;
    socklen_t n;
    int fd = vmc_posix_socket(AF_INET, SOCK_STREAM);
    REQUIRE(vmc_posix_ip_of(viamc_text("127.0.0.1"), &ip));
    n = vmc_posix_sa_ip(&sa, &ip, 0);
    CHECK_EQ_INT(bind(fd, &sa.any, n), 0);
    n = vmc_posix_sa_ip(&sa, &ip, port_of(fd));
    if (connect(fd, &sa.any, n) != 0 && errno != EINPROGRESS) {
        vmc_posix_close_fd(&fd);
        SKIP("this system does not connect sockets to themselves");
    }
    CHECK_EQ_INT(vmc_posix_connected(fd), ECONNREFUSED);
    vmc_posix_close_fd(&fd);
}

TEST(the_peer_is_gone_while_we_write)
{
    viamc_addr peer;
    viamc_err err = VIAMC_OK;
    size_t n;
    unsigned i;
    struct linger hard;
    hard.l_onoff = 1;
    hard.l_linger = 0; /* close sends a reset */
    begin();
    CHECK_EQ_INT(open_now(0, "127.0.0.1", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK_EQ_INT(accept_now(0, &peer), VIAMC_OK);
    CHECK_EQ_INT(setsockopt(server.conn[0].fd, SOL_SOCKET, SO_LINGER, &hard, (socklen_t)sizeof hard), 0);
    sp()->close(&server, 0);
    for (i = 0; i < 100 && err == VIAMC_OK; i++) {
        err = cp()->write(&client, 0, (const uint8_t *)"x", 1, &n); /* no SIGPIPE, or the test ends here */
        rest(&client, VIAMC_WANT_READ, 10);
    }
    CHECK_EQ_INT(err, VIAMC_ERR_CLOSED);
    CHECK(viamc_posix_errno(&client, 0) == ECONNRESET || viamc_posix_errno(&client, 0) == EPIPE);
    err = cp()->write(&client, 0, (const uint8_t *)"x", 1, &n);
    CHECK_EQ_INT(err, VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), EPIPE);
    end();
}

TEST(a_write_that_does_not_fit_is_waited_for)
{
    static uint8_t much[65536], got[65536];
    viamc_addr peer;
    uint64_t sent = 0, read = 0;
    size_t n = 1;
    unsigned i;
    viamc_ms start;
    begin();
    CHECK_EQ_INT(open_now(0, "127.0.0.1", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK_EQ_INT(accept_now(0, &peer), VIAMC_OK);
    for (i = 0; i < 10000 && !client.conn[0].blocked; i++) {
        size_t k;
        for (k = 0; k < sizeof much; k++)
            much[k] = (uint8_t)((sent + k) % 251u);
        CHECK_EQ_INT(cp()->write(&client, 0, much, sizeof much, &n), VIAMC_OK);
        sent += n;
    }
    CHECK(client.conn[0].blocked);
    CHECK_EQ_INT(cp()->write(&client, 0, much, 1, &n), VIAMC_OK);
    start = viamc_posix_now();
    rest(&client, VIAMC_WANT_WRITE, 100);
    CHECK(n == 1 || viamc_posix_now() - start >= 99); /* the kernel is full: nothing wakes */
    sent += n;
    n = 1;
    for (i = 0; i < 100000 && read < sent; i++) {
        size_t k;
        CHECK_EQ_INT(sp()->read(&server, 0, got, sizeof got, &n), VIAMC_OK);
        for (k = 0; k < n && got[k] == (uint8_t)((read + k) % 251u); k++)
            continue;
        CHECK(k == n || read + k + 1u == sent); /* the single octet was much[0] */
        read += n;
        if (n == 0)
            rest(&server, VIAMC_WANT_READ, 100);
    }
    CHECK_EQ_INT(read, sent);
    start = viamc_posix_now();
    rest(&client, VIAMC_WANT_WRITE, PATIENCE_MS);
    CHECK(viamc_posix_now() - start < 1000);
    CHECK_EQ_INT(cp()->write(&client, 0, much, 1, &n), VIAMC_OK);
    CHECK_EQ_INT(n, 1);
    CHECK(!client.conn[0].blocked);
    end();
}

TEST(one_blocked_peer_does_not_keep_a_server_awake)
{
    static uint8_t much[65536];
    viamc_addr peer;
    viamc_posix other;
    uint16_t port;
    size_t n;
    unsigned i;
    viamc_ms start;
    begin();
    viamc_posix_init(&other);
    port = listen_at("127.0.0.1:0");
    CHECK_EQ_INT(open_now(0, "127.0.0.1", port), VIAMC_OK);
    CHECK_EQ_INT(open_now(1, "127.0.0.1", port), VIAMC_OK);
    CHECK_EQ_INT(accept_now(0, &peer), VIAMC_OK);
    CHECK_EQ_INT(accept_now(1, &peer), VIAMC_OK);
    for (i = 0; i < 10000 && !server.conn[0].blocked; i++)
        CHECK_EQ_INT(sp()->write(&server, 0, much, sizeof much, &n), VIAMC_OK);
    rest(&server, VIAMC_WANT_WRITE, 50); /* lets the kernel settle */
    for (i = 0; i < 100 && (i == 0 || n != 0); i++)
        CHECK_EQ_INT(sp()->write(&server, 0, much, sizeof much, &n), VIAMC_OK);
    start = viamc_posix_now();
    rest(&server, VIAMC_WANT_READ | VIAMC_WANT_WRITE, 100); /* connection 1 has room all the time */
    CHECK(viamc_posix_now() - start >= 99);
    end();
}

TEST(somebody_who_is_not_let_in_wakes_once)
{
    viamc_addr peer;
    viamc_ms start;
    begin();
    CHECK_EQ_INT(open_now(0, "127.0.0.1", listen_at("127.0.0.1:0")), VIAMC_OK);
    start = viamc_posix_now();
    rest(&server, VIAMC_WANT_READ, PATIENCE_MS);
    CHECK(viamc_posix_now() - start < 1000);
    start = viamc_posix_now();
    rest(&server, VIAMC_WANT_READ, 50); /* the server has heard it and does not take it: full */
    CHECK(viamc_posix_now() - start >= 49);
    sp()->close(&server, 5); /* a place is free */
    start = viamc_posix_now();
    rest(&server, VIAMC_WANT_READ, PATIENCE_MS);
    CHECK(viamc_posix_now() - start < 1000);
    CHECK_EQ_INT(sp()->accept(&server, 5, &peer), VIAMC_OK);
    CHECK_EQ_INT(open_now(1, "127.0.0.1", listening_port()), VIAMC_OK);
    start = viamc_posix_now();
    rest(&server, VIAMC_WANT_READ, PATIENCE_MS); /* the next one is heard again */
    CHECK(viamc_posix_now() - start < 1000);
    CHECK_EQ_INT(sp()->accept(&server, 6, &peer), VIAMC_OK);
    end();
}

/* Nobody's descriptors are enough for ever: a server without one sleeps, and takes the peer when there is one again. */
TEST(somebody_for_whom_there_is_no_descriptor_waits)
{
    struct rlimit few, limit;
    viamc_addr peer;
    viamc_ms start;
    begin();
    CHECK_EQ_INT(open_now(0, "127.0.0.1", listen_at("127.0.0.1:0")), VIAMC_OK);
    rest(&server, VIAMC_WANT_READ, PATIENCE_MS);
    CHECK_EQ_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = 0;
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    CHECK_EQ_INT(sp()->accept(&server, 0, &peer), VIAMC_ERR_IO);
    CHECK_EQ_INT(viamc_posix_errno(&server, VIAMC_POSIX_LISTENER), EMFILE);
    few.rlim_cur = 64; /* poll(2) takes no more sockets than there may be descriptors */
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    start = viamc_posix_now();
    rest(&server, VIAMC_WANT_READ, 100);
    CHECK(viamc_posix_now() - start >= 99);
    rest(&server, VIAMC_WANT_READ, PATIENCE_MS);
    CHECK(viamc_posix_now() - start < 2500); /* not as long as it might */
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ_INT(sp()->accept(&server, 0, &peer), VIAMC_OK);
    end();
}

TEST(one_connection_opens_at_a_time)
{
    uint16_t port;
    begin();
    if (!dns_begin())
        SKIP("127.0.0.2 is not to be had");
    client.nameserver = "127.0.0.1";
    client.nameserver_port = dns_port;
    port = listen_at("127.0.0.1:0");
    CHECK_EQ_INT(cp()->open(&client, 0, "slow.test", port), VIAMC_WAIT);
    CHECK_EQ_INT(cp()->open(&client, 1, "127.0.0.1", port), VIAMC_WAIT);
    CHECK_EQ_INT(cp()->open(&client, 0, "slow.test", port), VIAMC_WAIT);
    CHECK(client.lookup.fd >= 0);
    cp()->close(&client, 1); /* not the one that is being opened */
    CHECK(client.lookup.fd >= 0);
    cp()->close(&client, 0);
    CHECK(client.lookup.fd < 0);
    CHECK_EQ_INT(open_now(1, "127.0.0.1", port), VIAMC_OK);
    dns[0].mode[0] = DNS_ADDRESS;
    dns[0].mode[1] = DNS_NONE;
    dns[0].list[0] = "127.0.0.1";
    CHECK_EQ_INT(cp()->open(&client, 0, "quick.test", port), VIAMC_WAIT);
    dns_serve();
    CHECK_EQ_INT(cp()->open(&client, 2, "127.0.0.1", port), VIAMC_WAIT); /* does not take what 0 has waited for */
    CHECK_EQ_INT(open_now(0, "quick.test", port), VIAMC_OK);
    CHECK_EQ_INT(open_now(2, "127.0.0.1", port), VIAMC_OK);
    dns_end();
    end();
}

/* ---- names that need no server ---- */

TEST(localhost_is_always_there)
{
    viamc_addr peer;
    uint16_t port;
    begin();
    port = listen_at("127.0.0.1:0");
    CHECK_EQ_INT(open_now(0, "localhost", port), VIAMC_OK);
    converse(&peer);
    CHECK_EQ_INT(open_now(0, "robot.LocalHost.", port), VIAMC_OK);
    converse(&peer);
    viamc_posix_close(&server);
    if (viamc_posix_listen(&server, "[::1]:0") == VIAMC_OK) { /* IPv4 refuses, IPv6 is there */
        CHECK_EQ_INT(open_now(0, "localhost", listening_port()), VIAMC_OK);
        converse(&peer);
    }
    vmc_posix_lookup_here(&client, "notlocalhost");
    CHECK_EQ_INT(client.lookup.count, 0);
    vmc_posix_lookup_here(&client, "localhost.example");
    CHECK_EQ_INT(client.lookup.count, 0);
    end();
}

TEST(the_hosts_file)
{
    static const char text[] = "# comment with robot\n"
                               "127.0.0.9\tother # robot\n"
                               "\n"
                               "not.an.address robot\n"
                               "127.0.0.5   Rover rover-main.Test   robot\n"
                               "::1 robot\r\n"
                               "127.0.0.5 robot\n"
                               "127.0.0.6 robot"; /* no line end */
    viamc_addr peer;
    uint16_t port;
    begin();
    client.hosts_file = write_text("hosts", text);
    vmc_posix_lookup_here(&client, "ROBOT.");
    CHECK_EQ_INT(client.lookup.count, 3);
    CHECK_EQ_HEX(client.lookup.ip[0].octets, 4, "7f000005");
    CHECK_EQ_INT(client.lookup.ip[1].len, 16);
    CHECK_EQ_HEX(client.lookup.ip[2].octets, 4, "7f000006");
    vmc_posix_lookup_here(&client, "rover-main.test");
    CHECK_EQ_INT(client.lookup.count, 1);
    vmc_posix_lookup_here(&client, "robo");
    CHECK_EQ_INT(client.lookup.count, 0);
    port = listen_at("127.0.0.6:0"); /* the last one of robot's: two are refused first */
    CHECK_EQ_INT(open_now(0, "robot", port), VIAMC_OK);
    converse(&peer);
    end();
}

TEST(a_long_hosts_file)
{
    char *text = (char *)malloc(400000);
    size_t n = 0;
    unsigned i;
    REQUIRE(text != NULL);
    begin();
    for (i = 0; i < 10000; i++)
        n += (size_t)sprintf(text + n, "0.0.0.0 blocked-%u.example\n", i);
    memset(text + n, 'y', 3000); /* a word longer than any name */
    n += 3000;
    n += (size_t)sprintf(text + n, "\n127.0.0.8 far.away\n");
    client.hosts_file = write_file("hosts", text, n);
    vmc_posix_lookup_here(&client, "far.away");
    CHECK_EQ_INT(client.lookup.count, 1);
    CHECK_EQ_HEX(client.lookup.ip[0].octets, 4, "7f000008");
    free(text);
    end();
}

/* ---- nameservers ---- */

/* Both answers of server 0 (and of server 1); the client asks server 0 alone unless it is given a file. */
static bool dns_setup(uint8_t a, const char *a_list, uint8_t aaaa, const char *aaaa_list)
{
    if (!dns_begin())
        return false;
    begin();
    client.nameserver = "127.0.0.1";
    client.nameserver_port = dns_port;
    client.dns_timeout_ms = 100;
    dns[0].mode[0] = a;
    dns[0].mode[1] = aaaa;
    dns[0].list[0] = a_list;
    dns[0].list[1] = aaaa_list;
    return true;
}

static void dns_done(void)
{
    end();
    dns_end();
}

TEST(names_from_a_nameserver)
{
    static const struct {
        const char *what;
        uint8_t a, aaaa;
        const char *a_list, *aaaa_list;
        viamc_err err;
        int error;
    } cases[] = {
        {"one address", DNS_ADDRESS, DNS_NONE, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"the second answers", DNS_ADDRESS, DNS_ADDRESS, "127.0.0.9 127.0.0.1", "::1", VIAMC_OK, 0},
        {"alias", DNS_ALIAS, DNS_NONE, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"cut", DNS_CUT, DNS_NONE, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"AAAA denied", DNS_ADDRESS, DNS_NO_NAME, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"AAAA fails", DNS_ADDRESS, DNS_FAILS, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"AAAA silent", DNS_ADDRESS, DNS_SILENT, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"AAAA garbage", DNS_ADDRESS, DNS_GARBAGE, "127.0.0.1", NULL, VIAMC_OK, 0},
        {"no such name", DNS_NO_NAME, DNS_NO_NAME, NULL, NULL, VIAMC_ERR_DNS, 0},
        {"no address", DNS_NONE, DNS_NONE, NULL, NULL, VIAMC_ERR_DNS, 0},
        {"fails", DNS_FAILS, DNS_FAILS, NULL, NULL, VIAMC_ERR_DNS, EPROTO},
        {"garbage", DNS_GARBAGE, DNS_GARBAGE, NULL, NULL, VIAMC_ERR_DNS, EPROTO},
        {"silent", DNS_SILENT, DNS_SILENT, NULL, NULL, VIAMC_ERR_DNS, ETIMEDOUT},
        {"half silent", DNS_NONE, DNS_SILENT, NULL, NULL, VIAMC_ERR_DNS, ETIMEDOUT},
        {"lies", DNS_LIES, DNS_LIES, NULL, NULL, VIAMC_ERR_DNS, ETIMEDOUT},
        {"from elsewhere", DNS_ELSEWHERE, DNS_ELSEWHERE, NULL, NULL, VIAMC_ERR_DNS, ETIMEDOUT},
        {"flood", DNS_FLOOD, DNS_FLOOD, NULL, NULL, VIAMC_ERR_DNS, ETIMEDOUT},
    };
    size_t i;
    for (i = 0; i < TEST_COUNT(cases); i++) {
        unsigned bad = test_now.bad;
        uint16_t port;
        if (!dns_setup(cases[i].a, cases[i].a_list, cases[i].aaaa, cases[i].aaaa_list))
            SKIP("127.0.0.2 is not to be had");
        port = listen_at("127.0.0.1:0");
        CHECK_EQ_INT(open_now(0, "rover.test", port), cases[i].err);
        if (cases[i].err != VIAMC_OK)
            CHECK_EQ_INT(viamc_posix_errno(&client, 0), cases[i].error);
        CHECK(client.lookup.fd < 0);
        CHECK(dns[0].asked[0] <= VMC_POSIX_ROUNDS);
        if (test_now.bad != bad)
            printf("  in case: %s\n", cases[i].what);
        dns_done();
    }
}

TEST(names_over_ipv6)
{
    viamc_addr peer;
    if (!dns_setup(DNS_NONE, NULL, DNS_ADDRESS, "::1"))
        SKIP("127.0.0.2 is not to be had");
    if (viamc_posix_listen(&server, "[::1]:0") == VIAMC_OK) {
        CHECK_EQ_INT(open_now(0, "rover.test", listening_port()), VIAMC_OK);
        converse(&peer);
    }
    dns_done();
}

TEST(both_families_take_turns)
{
    static const uint8_t want[] = {16, 4, 16, 4, 4, 4};
    size_t i;
    if (!dns_setup(DNS_ADDRESS, "127.0.0.4 127.0.0.5 127.0.0.6 127.0.0.7 127.0.0.8", DNS_ADDRESS, "::1 ::ffff:127.0.0.9"))
        SKIP("127.0.0.2 is not to be had");
    (void)open_now(0, "rover.test", closed_port());
    CHECK_EQ_INT(client.lookup.count, TEST_COUNT(want)); /* of one family at most four */
    for (i = 0; i < TEST_COUNT(want); i++)
        CHECK_EQ_INT(client.lookup.ip[i].len, want[i]);
    CHECK_EQ_HEX(client.lookup.ip[1].octets, 4, "7f000004");
    CHECK_EQ_HEX(client.lookup.ip[5].octets, 4, "7f000007");
    dns_done();
}

TEST(one_family_is_not_waited_for_long)
{
    viamc_ms start;
    if (!dns_setup(DNS_ADDRESS, "127.0.0.1", DNS_SILENT, NULL))
        SKIP("127.0.0.2 is not to be had");
    client.dns_timeout_ms = 3000;
    start = viamc_posix_now();
    CHECK_EQ_INT(open_now(0, "rover.test", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK(viamc_posix_now() - start < 1000);
    CHECK(viamc_posix_now() - start >= VMC_POSIX_GRACE_MS);
    dns_done();
}

TEST(the_next_server_is_asked)
{
    static const uint8_t modes[] = {DNS_SILENT, DNS_FAILS, DNS_GARBAGE, DNS_LIES};
    size_t i;
    for (i = 0; i < TEST_COUNT(modes); i++) {
        if (!dns_setup(modes[i], NULL, modes[i], NULL))
            SKIP("127.0.0.2 is not to be had");
        client.nameserver = NULL;
        client.resolv_file = write_text("resolv.conf", "search example\n# nameserver 127.0.0.66\n"
                                                       "nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
        dns[1].mode[0] = DNS_ADDRESS;
        dns[1].mode[1] = DNS_NONE;
        dns[1].list[0] = "127.0.0.1";
        CHECK_EQ_INT(open_now(0, "rover.test", listen_at("127.0.0.1:0")), VIAMC_OK);
        CHECK_EQ_INT(dns[0].asked[0], 1);
        CHECK_EQ_INT(dns[1].asked[0], 1);
        dns_done();
    }
}

TEST(a_server_that_is_not_there_costs_no_time)
{
    viamc_ms start;
    if (!dns_setup(DNS_ADDRESS, "127.0.0.1", DNS_NONE, NULL))
        SKIP("127.0.0.2 is not to be had");
    client.nameserver = NULL;
    client.resolv_file = write_text("resolv.conf", "nameserver 127.0.0.2\nnameserver 127.0.0.1\n");
    client.dns_timeout_ms = 3000;
    vmc_posix_close_fd(&dns[1].fd);
    start = viamc_posix_now();
    CHECK_EQ_INT(open_now(0, "rover.test", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK(viamc_posix_now() - start < 2000);
    vmc_posix_close_fd(&dns[0].fd); /* now none is there */
    cp()->close(&client, 0);
    CHECK_EQ_INT(open_now(0, "another.test", 80), VIAMC_ERR_DNS);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ECONNREFUSED);
    dns_done();
}

TEST(a_good_answer_to_one_question_is_kept_for_the_next_server)
{
    if (!dns_setup(DNS_NONE, NULL, DNS_SILENT, NULL))
        SKIP("127.0.0.2 is not to be had");
    client.nameserver = NULL;
    client.resolv_file = write_text("resolv.conf", "nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
    dns[1].mode[0] = DNS_ADDRESS;
    dns[1].mode[1] = DNS_NONE;
    dns[1].list[0] = "127.0.0.1";
    CHECK_EQ_INT(open_now(0, "rover.test", 80), VIAMC_ERR_DNS);
    CHECK_EQ_INT(dns[1].asked[0], 0); /* that question was answered */
    CHECK_EQ_INT(dns[1].asked[1], 1);
    dns_done();
}

TEST(a_server_that_is_not_there_for_the_rest_costs_no_time_either)
{
    viamc_ms start;
    if (!dns_setup(DNS_NONE, NULL, DNS_FAILS, NULL))
        SKIP("127.0.0.2 is not to be had");
    client.nameserver = NULL;
    client.resolv_file = write_text("resolv.conf", "nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
    client.dns_timeout_ms = 2000;
    vmc_posix_close_fd(&dns[1].fd); /* it gets a single question, so sending works and the refusal is read */
    start = viamc_posix_now();
    CHECK_EQ_INT(open_now(0, "rover.test", 80), VIAMC_ERR_DNS);
    CHECK(viamc_posix_now() - start < 1500);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ECONNREFUSED);
    dns_done();
}

TEST(a_flood_is_read_in_portions)
{
    uint8_t packet[512];
    unsigned left = 0;
    if (!dns_setup(DNS_FLOOD, NULL, DNS_FLOOD, NULL))
        SKIP("127.0.0.2 is not to be had");
    client.dns_timeout_ms = 2000;
    CHECK_EQ_INT(cp()->open(&client, 0, "rover.test", 80), VIAMC_WAIT);
    dns_serve();
    CHECK_EQ_INT(cp()->open(&client, 0, "rover.test", 80), VIAMC_WAIT);
    while (recv(client.lookup.fd, packet, sizeof packet, 0) > 0)
        left++;
    CHECK(left >= 50); /* of 200, the system may have dropped some */
    dns_done();
}

TEST(without_resolv_conf_this_machine_is_asked)
{
    if (!dns_setup(DNS_ADDRESS, "127.0.0.1", DNS_NONE, NULL))
        SKIP("127.0.0.2 is not to be had");
    client.nameserver = NULL;
    CHECK_EQ_INT(open_now(0, "rover.test", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK_EQ_INT(dns[0].asked[0], 1);
    dns_done();
}

TEST(queries_cannot_be_guessed)
{
    uint16_t id[8], from[8];
    unsigned i, k, same_id = 0, same_port = 0;
    if (!dns_setup(DNS_NO_NAME, NULL, DNS_NO_NAME, NULL))
        SKIP("127.0.0.2 is not to be had");
    for (i = 0; i < 8; i++) {
        CHECK_EQ_INT(open_now(0, "rover.test", 80), VIAMC_ERR_DNS);
        id[i] = dns[0].id[0];
        from[i] = dns[0].from;
        same_id += dns[0].id[0] == dns[0].id[1];
        for (k = 0; k < i; k++) {
            same_id += id[k] == id[i] || (uint16_t)(id[k] + 1u) == id[i];
            same_port += from[k] == from[i];
        }
    }
    CHECK(same_id <= 1);
    CHECK(same_port <= 2);
    dns_done();
}

TEST(the_last_good_address_helps_when_names_fail)
{
    uint16_t port;
    if (!dns_setup(DNS_ADDRESS, "127.0.0.9 127.0.0.1", DNS_NONE, NULL))
        SKIP("127.0.0.2 is not to be had");
    port = listen_at("127.0.0.1:0");
    CHECK_EQ_INT(open_now(0, "rover.test", port), VIAMC_OK);
    cp()->close(&client, 0);
    dns[0].mode[0] = dns[0].mode[1] = DNS_SILENT;
    CHECK_EQ_INT(open_now(0, "rover.test", port), VIAMC_OK);
    CHECK_EQ_HEX(client.lookup.ip[0].octets, 4, "7f000001");
    cp()->close(&client, 0);
    CHECK_EQ_INT(open_now(0, "rover2.test", port), VIAMC_ERR_DNS);
    dns[0].mode[0] = dns[0].mode[1] = DNS_FAILS;
    CHECK_EQ_INT(open_now(0, "rover.test", port), VIAMC_OK);
    cp()->close(&client, 0);
    vmc_posix_close_fd(&dns[0].fd);
    CHECK_EQ_INT(open_now(0, "rover.test", port), VIAMC_OK);
    cp()->close(&client, 0);
    dns[0].fd = udp("127.0.0.1", dns_port);
    dns[0].mode[0] = dns[0].mode[1] = DNS_NO_NAME; /* an answer, if not a nice one */
    CHECK_EQ_INT(open_now(0, "rover.test", port), VIAMC_ERR_DNS);
    dns_done();
}

TEST(two_names_are_kept)
{
    vmc_posix_ip ip[3];
    begin();
    CHECK(vmc_posix_ip_of(viamc_text("10.0.0.1"), &ip[0]));
    CHECK(vmc_posix_ip_of(viamc_text("10.0.0.2"), &ip[1]));
    CHECK(vmc_posix_ip_of(viamc_text("10.0.0.3"), &ip[2]));
    CHECK(vmc_posix_recall(&client, "") == NULL);
    vmc_posix_remember(&client, "a", &ip[0]);
    vmc_posix_remember(&client, "b", &ip[1]);
    vmc_posix_remember(&client, "a", &ip[2]);
    REQUIRE(vmc_posix_recall(&client, "a") != NULL && vmc_posix_recall(&client, "b") != NULL);
    CHECK_EQ_INT(vmc_posix_recall(&client, "a")->octets[3], 3);
    CHECK_EQ_INT(vmc_posix_recall(&client, "b")->octets[3], 2);
    vmc_posix_remember(&client, "c", &ip[0]);
    CHECK(vmc_posix_recall(&client, "a") == NULL);
    CHECK(vmc_posix_recall(&client, "b") != NULL);
    CHECK(vmc_posix_recall(&client, "c") != NULL);
    end();
}

TEST(names_that_cannot_exist)
{
    char name[300];
    begin();
    client.nameserver = "127.0.0.1";
    memset(name, 'a', sizeof name);
    name[64] = '\0'; /* a label of 64 */
    CHECK_EQ_INT(open_now(0, name, 80), VIAMC_ERR_DNS);
    CHECK_EQ_INT(open_now(0, "a..b", 80), VIAMC_ERR_DNS);
    CHECK_EQ_INT(open_now(0, ".", 80), VIAMC_ERR_DNS);
    name[64] = 'a';
    name[299] = '\0';
    CHECK_EQ_INT(open_now(0, name, 80), VIAMC_ERR_ARG);
    end();
}

/* ---- several addresses ---- */

/* Listens with a queue that is full: who connects hears nothing. */
static int black_hole(const char *ip, uint16_t port, int *filler)
{
    vmc_posix_sa sa;
    vmc_posix_ip addr;
    socklen_t n;
    unsigned i;
    int fd = vmc_posix_socket(AF_INET, SOCK_STREAM);
    CHECK(vmc_posix_ip_of(viamc_text(ip), &addr));
    n = vmc_posix_sa_ip(&sa, &addr, port);
    CHECK(bind(fd, &sa.any, n) == 0 && listen(fd, 0) == 0);
    for (i = 0; i < 4; i++) {
        filler[i] = vmc_posix_socket(AF_INET, SOCK_STREAM);
        (void)connect(filler[i], &sa.any, n);
    }
    return fd;
}

TEST(an_address_that_does_not_answer_is_not_waited_for)
{
    int filler[4], hole;
    unsigned i;
    uint16_t port;
    viamc_ms start, took;
    begin();
    client.hosts_file = write_text("hosts", "127.0.0.3 rover\n127.0.0.1 rover\n");
    port = listen_at("127.0.0.1:0");
    hole = black_hole("127.0.0.3", port, filler);
    start = viamc_posix_now();
    CHECK_EQ_INT(open_now(0, "rover", port), VIAMC_OK);
    took = viamc_posix_now() - start;
    CHECK(took >= VMC_POSIX_STAGGER_MS - 1u);
    CHECK(took < 1500);
    CHECK(asked_to_open < 10);
    for (i = 0; i < VMC_POSIX_IPS; i++)
        CHECK_EQ_INT(client.dial.fd[i], -1);
    for (i = 0; i < 4; i++)
        vmc_posix_close_fd(&filler[i]);
    vmc_posix_close_fd(&hole);
    end();
}

TEST(a_slow_address_is_not_given_up)
{
    int filler[4], hole, fd;
    unsigned i;
    uint16_t port;
    viamc_err err = VIAMC_WAIT;
    viamc_ms start;
    begin();
    port = closed_port();
    client.hosts_file = write_text("hosts", "127.0.0.3 rover\n127.0.0.1 rover\n"); /* the second one refuses */
    hole = black_hole("127.0.0.3", port, filler);
    start = viamc_posix_now();
    while (viamc_posix_now() - start < 400) {
        CHECK_EQ_INT(cp()->open(&client, 0, "rover", port), VIAMC_WAIT);
        rest(&client, 0, 50);
    }
    CHECK_EQ_INT(client.dial.started, 2);
    while ((fd = accept(hole, NULL, NULL)) >= 0) /* room again: the next SYN that the system repeats gets through */
        (void)close(fd);
    start = viamc_posix_now();
    for (i = 0; i < 10 && err == VIAMC_WAIT; i++) {
        rest(&client, 0, PATIENCE_MS); /* woken by the connection: no time limit is left */
        err = cp()->open(&client, 0, "rover", port);
    }
    CHECK_EQ_INT(err, VIAMC_OK);
    CHECK(viamc_posix_now() - start < PATIENCE_MS - 500u);
    for (i = 0; i < 4; i++)
        vmc_posix_close_fd(&filler[i]);
    vmc_posix_close_fd(&hole);
    end();
}

TEST(of_several_failures_the_telling_one_is_reported)
{
    begin();
    client.hosts_file = write_text("hosts", "224.0.0.1 rover\n127.0.0.1 rover\n224.0.0.2 rover\n"); /* groups: no TCP */
    CHECK_EQ_INT(open_now(0, "rover", closed_port()), VIAMC_ERR_REFUSED);
    CHECK_EQ_INT(viamc_posix_errno(&client, 0), ECONNREFUSED);
    end();
}

/* ---- trust store ---- */

static void base64(char *out, const uint8_t *in, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i;
    for (i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0) | (i + 2 < n ? in[i + 2] : 0u);
        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? digits[v & 63] : '=';
        if (i % 48 == 45)
            *out++ = '\n';
    }
    *out = '\0';
}

/* Adds an object of n octets, each of the value fill. */
static void put_object(char *text, const char *label, uint8_t fill, size_t n)
{
    static uint8_t der[5000];
    char *at = text + strlen(text);
    memset(der, fill, n);
    at += sprintf(at, "-----BEGIN %s-----\n", label);
    base64(at, der, n);
    at += strlen(at);
    (void)sprintf(at, "\n-----END %s-----\n", label);
}

static viamc_err next_root(unsigned index, uint8_t *fill, size_t *len)
{
    static uint8_t der[2048];
    viamc_err err = viamc_posix_next_root(&client, index, der, sizeof der, len);
    *fill = *len == 0 ? 0 : der[0];
    if (*len != 0)
        CHECK(der[*len - 1] == der[0]);
    return err;
}

static void store(const char *file, const char *dir)
{
    if (file != NULL)
        (void)setenv("SSL_CERT_FILE", file, 1);
    else
        (void)unsetenv("SSL_CERT_FILE");
    if (dir != NULL)
        (void)setenv("SSL_CERT_DIR", dir, 1);
    else
        (void)unsetenv("SSL_CERT_DIR");
}

TEST(roots_of_a_file)
{
    static char text[100000];
    static const unsigned order[] = {0, 1, 2, 3, 2, 0, 4, 1};
    uint8_t fill;
    size_t i, len;
    begin();
    text[0] = '\0';
    put_object(text, "CERTIFICATE", 10, 900);
    strcat(text, "words between\n-----BEGIN\n");
    put_object(text, "TRUSTED CERTIFICATE", 90, 30);
    put_object(text, "CERTIFICATE", 11, 1);
    put_object(text, "CERTIFICATE", 91, 4000); /* too long for the caller */
    put_object(text, "PRIVATE KEY", 92, 100);
    put_object(text, "CERTIFICATE", 12, 2048);
    strcat(text, "-----BEGIN CERTIFICATE-----\nnot*base64\n-----END CERTIFICATE-----\n");
    put_object(text, "CERTIFICATE", 13, 1023);
    put_object(text, "CERTIFICATE", 14, 1024);
    strcat(text, "-----BEGIN CERTIFICATE-----\nQUFB\n"); /* and there the file ends */
    store(write_text("roots.pem", text), "/nonexistent");
    CHECK_EQ_STR(viamc_posix_roots_path(), in_folder("roots.pem"));
    for (i = 0; i < TEST_COUNT(order); i++) {
        CHECK_EQ_INT(next_root(order[i], &fill, &len), VIAMC_OK);
        CHECK_EQ_INT(fill, 10 + order[i]);
    }
    CHECK_EQ_INT(len, 1);
    CHECK_EQ_INT(next_root(5, &fill, &len), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(len, 0);
    CHECK_EQ_INT(next_root(5, &fill, &len), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_OK);
    cp()->close(&client, 0); /* the file is closed with the connection, and opened when it is needed */
    CHECK_EQ_INT(client.conn[VIAMC_POSIX_ROOTS].fd, -1);
    CHECK_EQ_INT(next_root(1, &fill, &len), VIAMC_OK);
    CHECK_EQ_INT(fill, 11);
    store(NULL, NULL);
    end();
}

TEST(a_file_is_read_once)
{
    static char text[100000];
    uint8_t fill;
    size_t len;
    unsigned i, total = 0, walked = 0;
    begin();
    text[0] = '\0';
    for (i = 0; i < 100; i++)
        put_object(text, "CERTIFICATE", (uint8_t)i, 300);
    store(write_text("roots.pem", text), NULL);
    for (i = 0; next_root(i, &fill, &len) == VIAMC_OK; i++) {
        total += fill == i;
        walked = client.roots.total;
    }
    CHECK_EQ_INT(total, 100);
    CHECK_EQ_INT(walked, strlen(text));
    store(NULL, NULL);
    end();
}

TEST(roots_that_cannot_be_read)
{
    uint8_t fill;
    size_t len;
    begin();
    store("/nonexistent/roots.pem", NULL);
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_IO);
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_ROOTS), ENOENT);
    CHECK_EQ_STR(viamc_posix_roots_path(), "/nonexistent/roots.pem");
    store(folder, NULL);
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_IO);
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_ROOTS), EISDIR);
    store(write_text("empty", ""), NULL);
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_NOT_FOUND);
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_ROOTS), 0);
    store("/dev/zero", NULL); /* without end, but not for ever */
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_IO);
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_ROOTS), EFBIG);
    CHECK_EQ_INT(mkfifo(in_folder("pipe"), 0600), 0);
    store(in_folder("pipe"), NULL); /* nobody writes: that must not block */
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_NOT_FOUND);
    store(NULL, "/nonexistent");
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_IO);
    CHECK_EQ_INT(viamc_posix_errno(&client, VIAMC_POSIX_ROOTS), ENOENT);
    store(NULL, NULL);
    end();
}

TEST(roots_of_folders)
{
    static char text[10000];
    char list[500];
    uint8_t fill, seen[16];
    size_t len;
    unsigned i;
    begin();
    memset(seen, 0, sizeof seen);
    CHECK(mkdir(in_folder("one"), 0700) == 0 && mkdir(in_folder("two"), 0700) == 0 && mkdir(in_folder("two/sub"), 0700) == 0);
    text[0] = '\0';
    put_object(text, "CERTIFICATE", 1, 50);
    put_object(text, "CERTIFICATE", 2, 50);
    (void)write_file("one/a.pem", text, strlen(text) - 1);
    CHECK_EQ_INT(symlink("a.pem", in_folder("one/12345678.0")), 0);
    text[0] = '\0';
    put_object(text, "CERTIFICATE", 3, 50);
    (void)write_text("two/.hidden", text);
    (void)write_file("elsewhere.pem", text, strlen(text) - 1);
    CHECK_EQ_INT(symlink(in_folder("elsewhere.pem"), in_folder("two/b.pem")), 0);
    CHECK_EQ_INT(symlink("/nonexistent/c.pem", in_folder("two/dangling.pem")), 0);
    (void)write_text("two/cut.pem", "words without a line end"); /* must not run into the next file */
    text[0] = '\0';
    put_object(text, "CERTIFICATE", 4, 50);
    (void)write_file("two/d.pem", text, strlen(text) - 1);
    (void)snprintf(list, sizeof list, "/nonexistent:%s::%s", in_folder("one"), in_folder("two"));
    store(NULL, list);
    for (i = 0; next_root(i, &fill, &len) == VIAMC_OK && i < 16; i++)
        seen[fill & 15]++;
    CHECK_EQ_INT(i, 4);
    CHECK_EQ_HEX(seen, 8, "0001010101000000");
    CHECK_EQ_INT(client.conn[VIAMC_POSIX_ROOTS].fd, -1);
    CHECK(client.roots.folder == NULL);
    CHECK_EQ_INT(next_root(2, &fill, &len), VIAMC_OK);
    store(NULL, in_folder("two/sub"));
    CHECK_EQ_INT(next_root(0, &fill, &len), VIAMC_ERR_NOT_FOUND);
    store(NULL, NULL);
    end();
}

TEST(roots_of_the_system)
{
    static uint8_t der[8192];
    size_t len;
    unsigned i;
    viamc_err err = VIAMC_OK;
    begin();
    store(NULL, NULL);
    for (i = 0; i < 1000 && err == VIAMC_OK; i++) {
        err = viamc_posix_next_root(&client, i, der, sizeof der, &len);
        if (err == VIAMC_OK)
            CHECK(len > 200 && der[0] == 0x30);
    }
    end();
    if (err == VIAMC_ERR_IO)
        SKIP("this system has no trust store");
    CHECK_EQ_INT(err, VIAMC_ERR_NOT_FOUND);
    CHECK(i > 20);
}

/* ---- */

TEST(nothing_is_left_open)
{
    if (!dns_setup(DNS_SILENT, NULL, DNS_SILENT, NULL))
        SKIP("127.0.0.2 is not to be had");
    CHECK_EQ_INT(open_now(0, "127.0.0.1", listen_at("127.0.0.1:0")), VIAMC_OK);
    CHECK_EQ_INT(cp()->open(&client, 1, "unknown.test", 80), VIAMC_WAIT);
    CHECK(client.lookup.fd >= 0);
    end();
    CHECK_EQ_INT(client.lookup.fd, -1);
    CHECK_EQ_INT(client.conn[0].fd, -1);
    dns_done();
}

int main(int argc, char **argv)
{
    unsigned files, i;
    static const char *const names[] = {"hosts", "resolv.conf", "roots.pem", "elsewhere.pem", "empty", "precious", "pipe",
                                        "robot.sock", "busy.sock", "one/a.pem", "one/12345678.0", "one", "two/.hidden", "two/b.pem",
                                        "two/dangling.pem", "two/cut.pem", "two/d.pem", "two/sub", "two", ""};
    test_begin("port_posix", argc, argv);
    (void)snprintf(folder, sizeof folder, "/tmp/viamc-test-%lu", (unsigned long)getpid());
    if (mkdir(folder, 0700) != 0)
        test_die("cannot make", folder);
    dns[0].fd = dns[1].fd = -1;
    files = open_files();
    RUN(clocks_go_forward);
    RUN(random_octets);
    RUN(addresses_from_text);
    RUN(addresses_to_text);
    RUN(tcp_over_ipv4);
    RUN(accepted_sockets_are_like_ours);
    RUN(tcp_over_ipv6);
    RUN(all_interfaces);
    RUN(unix_sockets);
    RUN(unix_paths_that_do_not_work);
    RUN(a_full_queue_of_a_unix_socket_is_waited_for);
    RUN(addresses_to_listen_at_that_are_none);
    RUN(nobody_listens);
    RUN(a_socket_that_met_itself_is_nobody);
    RUN(the_peer_is_gone_while_we_write);
    RUN(a_write_that_does_not_fit_is_waited_for);
    RUN(one_blocked_peer_does_not_keep_a_server_awake);
    RUN(somebody_who_is_not_let_in_wakes_once);
    RUN(somebody_for_whom_there_is_no_descriptor_waits);
    RUN(one_connection_opens_at_a_time);
    RUN(localhost_is_always_there);
    RUN(the_hosts_file);
    RUN(a_long_hosts_file);
    RUN(names_from_a_nameserver);
    RUN(names_over_ipv6);
    RUN(both_families_take_turns);
    RUN(one_family_is_not_waited_for_long);
    RUN(the_next_server_is_asked);
    RUN(a_server_that_is_not_there_costs_no_time);
    RUN(a_good_answer_to_one_question_is_kept_for_the_next_server);
    RUN(a_server_that_is_not_there_for_the_rest_costs_no_time_either);
    RUN(a_flood_is_read_in_portions);
    RUN(without_resolv_conf_this_machine_is_asked);
    RUN(queries_cannot_be_guessed);
    RUN(the_last_good_address_helps_when_names_fail);
    RUN(two_names_are_kept);
    RUN(names_that_cannot_exist);
    RUN(an_address_that_does_not_answer_is_not_waited_for);
    RUN(a_slow_address_is_not_given_up);
    RUN(of_several_failures_the_telling_one_is_reported);
    RUN(roots_of_a_file);
    RUN(a_file_is_read_once);
    RUN(roots_that_cannot_be_read);
    RUN(roots_of_folders);
    RUN(roots_of_the_system);
    RUN(nothing_is_left_open);
    if (open_files() != files)
        test_die("files are left open", "see /proc/self/fd");
    for (i = 0; i < TEST_COUNT(names); i++)
        (void)remove(in_folder(names[i]));
    return test_end();
}
