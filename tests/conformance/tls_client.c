/* SPDX-License-Identifier: MIT */
/* One TLS connection to a port of this machine, to see what the TLS part makes of a peer; below it there is nothing but a socket.
 *     SSL_CERT_FILE=PEM tls_client PORT NAME [bye]
 * Says "ping", waits for as many octets, then closes; with "bye" it says "CLOSE" and waits for the peer's end. Prints one line:
 *     SUITE CURVE OCTETS END
 * END is "done" (closed by us), "closed" (by the peer's close_notify), "lost" (the socket ended without), "late", or "failed: WHY".
 * Exit code 0: printed. Run by test_tls_*.py. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LATE_MS = 3000, PING = 5 };

static uint64_t conn_memory[VMC_TLS_CLIENT_BYTES / 8u], trust_memory[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
static uint8_t in_buf[VMC_TLS_IN_MAX], out_buf[VMC_TLS_OUT_MAX];
static viamc_posix posix;

typedef struct talk {
    vmc_tls *t;
    int fd;
    bool bye, pinged, answered, ended;
    unsigned got;
} talk;

static uint64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static int connect_to(int port)
{
    struct sockaddr_in a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? fd : -1;
}

static void say(talk *k, const char *word)
{
    size_t cap, len = strlen(word);
    uint8_t *p = vmc_tls_app_out(k->t, &cap);
    if (p == NULL || cap < len)
        return;
    memcpy(p, word, len);
    vmc_tls_app_out_done(k->t, len);
}

/* What the user of the connection does with it. */
static void use(talk *k)
{
    size_t len;
    while (vmc_tls_app_in(k->t, &len) != NULL && len != 0) {
        k->got += (unsigned)len;
        vmc_tls_app_in_done(k->t, len);
    }
    if (vmc_tls_state_of(k->t) == VMC_TLS_UP && !k->pinged) {
        k->pinged = true;
        say(k, "ping\n");
    }
    if (k->got < PING || k->answered)
        return;
    k->answered = true;
    if (k->bye)
        say(k, "CLOSE\n");
    else
        vmc_tls_close(k->t);
}

static void send_out(talk *k)
{
    size_t len;
    const uint8_t *p;
    while ((p = vmc_tls_wire_out(k->t, &len)) != NULL && len != 0) {
        ssize_t n = send(k->fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) {
            k->ended = true;
            return;
        }
        vmc_tls_wire_out_done(k->t, (size_t)n);
        use(k);
    }
}

static void read_in(talk *k)
{
    size_t cap;
    uint8_t *p = vmc_tls_wire_in(k->t, &cap);
    ssize_t n = p == NULL || cap == 0 ? 0 : recv(k->fd, p, cap, 0);
    if (n <= 0)
        k->ended = true;
    else
        (void)vmc_tls_wire_in_done(k->t, (size_t)n);
    use(k);
}

/* Until there is nothing more to come. False: late. */
static bool run(talk *k)
{
    uint64_t end = now_ms() + LATE_MS;
    while (!k->ended) {
        struct pollfd f;
        uint64_t now = now_ms();
        send_out(k);
        if (k->ended || vmc_tls_state_of(k->t) == VMC_TLS_CLOSED || vmc_tls_state_of(k->t) == VMC_TLS_FAILED)
            return true;
        f.fd = k->fd;
        f.events = POLLIN;
        f.revents = 0;
        if (now >= end || poll(&f, 1, (int)(end - now)) <= 0)
            return false;
        read_in(k);
    }
    return true;
}

static void report(talk *k, bool in_time)
{
    char text[200];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    int curve = k->t->eng->ecdhe_curve;
    printf("%s %s %u ", vmc_tls_suite_name(k->t)[0] != '\0' ? vmc_tls_suite_name(k->t) : "-",
           curve == BR_EC_curve25519 ? "X25519" : curve == BR_EC_secp256r1 ? "P-256" : "-", k->got);
    if (vmc_tls_state_of(k->t) == VMC_TLS_FAILED) {
        vmc_tls_explain_error(&k->t->error, &k->t->dates, &w);
        text[w.len] = '\0';
        printf("failed: %s\n", text);
    } else if (k->answered && !k->bye) {
        printf("done\n");
    } else {
        printf("%s\n", vmc_tls_state_of(k->t) == VMC_TLS_CLOSED ? "closed" : in_time ? "lost" : "late");
    }
}

int main(int argc, char **argv)
{
    vmc_tls_client_desc d;
    uint8_t seed[VMC_TLS_SEED_MIN];
    FILE *random = fopen("/dev/urandom", "rb");
    talk k;
    bool in_time;
    memset(&d, 0, sizeof d);
    memset(&k, 0, sizeof k);
    if (argc < 3 || random == NULL || fread(seed, 1, sizeof seed, random) != sizeof seed)
        return 2;
    (void)fclose(random);
    viamc_posix_init(&posix);
    d.server_name = viamc_text(argv[2]);
    d.next_root = viamc_posix_next_root;
    d.next_root_user = &posix;
    d.unix_time = (uint64_t)time(NULL);
    d.seed = seed;
    d.seed_len = sizeof seed;
    d.in = in_buf;
    d.in_cap = sizeof in_buf;
    d.out = out_buf;
    d.out_cap = sizeof out_buf;
    d.trust = trust_memory;
    d.trust_cap = sizeof trust_memory;
    k.t = (vmc_tls *)(void *)conn_memory;
    k.fd = connect_to(atoi(argv[1]));
    k.bye = argc > 3;
    if (k.fd < 0 || vmc_tls_client_open(k.t, &d) != VIAMC_OK)
        return 2;
    in_time = run(&k);
    report(&k, in_time);
    (void)close(k.fd);
    return 0;
}
