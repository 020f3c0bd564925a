/* SPDX-License-Identifier: MIT */
/* What calls and handshakes cost on a Cortex-M3, counted in an emulator: QEMU's mps2-an385 with -icount shift=6, where an instruction takes
 * 64 ns and a tick of timer 0 40 ns. Client and robot are in this one program and exchange octets in memory, so two runs count the same.
 * The robot is a few frames made by hand, behind BearSSL's server where there is TLS. What the port does is not counted.
 *
 *     VIAMC_NO_TLS    unary calls, stack of a poll
 *     CHAIN           a header made by tools/board.py: certificates and key of the robot, trust anchors of the client */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "../../examples/bare_metal/semihost.h"
#include "../../examples/bare_metal/stack.h"
#include "peer.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define TIMER_CONTROL REG(0x40000000u)
#define TIMER_VALUE REG(0x40000004u)
#define TIMER_RELOAD REG(0x40000008u)

enum { CALLS = 200, MESSAGE = 102, PATIENCE = 100000 };

/* ---- counting: ticks while viamc works and its port does not ---- */

static uint32_t spent, began, reads;

static uint32_t ticks(void)
{
    return 0u - TIMER_VALUE;
}

static void count(void)
{
    began = ticks();
}

static void rest(void)
{
    spent += ticks() - began;
}

static uint32_t instructions(uint32_t n)
{
    return (uint32_t)((uint64_t)n * 5u / 8u);
}

static void print(const char *name, uint32_t n)
{
    char text[60], *p = text + sizeof text;
    size_t len = strlen(name);
    *--p = '\0';
    *--p = '\n';
    do
        *--p = (char)('0' + n % 10u);
    while ((n /= 10u) != 0);
    *--p = ' ';
    memcpy(p - len, name, len);
    (void)semihost(SEMIHOST_WRITE0, p - len);
}

/* ---- the port ---- */

static viamc_err port_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    (void)user, (void)conn, (void)host, (void)port;
    return VIAMC_OK;
}

static viamc_err port_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    (void)user, (void)conn;
    rest();
    reads++;
    *len = peer_to_client(buf, cap);
    count();
    return VIAMC_OK;
}

static viamc_err port_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    (void)user, (void)conn;
    rest();
    *done = peer_from_client(buf, len);
    count();
    return VIAMC_OK;
}

static void port_close(void *user, unsigned conn)
{
    (void)user, (void)conn;
}

/* Always the same, so that two runs are the same: what a measurement wants and nobody else. */
static viamc_err port_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    memset(out, 0x5a, len);
    return VIAMC_OK;
}

static const viamc_port port = {port_open, port_read, port_write, port_close, port_random, NULL};

/* ---- the client ---- */

static uint8_t memory[24576];
static viamc_client *robot;
static viamc_ms now;
static uint32_t longest;    /* ticks of one poll */
static size_t deepest;      /* octets of stack under one poll */

static bool start(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    desc.port = &port;
    desc.profile = VIAMC_BOARD;
    desc.max_calls = 2;
    dial.address = "localhost:8080";
#ifdef VIAMC_NO_TLS
    desc.no_tls = true;
    dial.insecure = true;
#else
    dial.anchors = app_anchors;
    dial.anchor_count = app_anchors_count;
    dial.unix_time = APP_TIME;
#endif
    return viamc_client_init(memory, sizeof memory, &desc, &robot) == VIAMC_OK && viamc_dial(robot, &dial) == VIAMC_OK;
}

static __attribute__((noinline)) void poll_once(void)
{
    uint32_t before = spent;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    size_t used;
    stack_paint();
    count();
    (void)viamc_poll(robot, ++now);
    rest();
    used = stack_used() - (size_t)((uintptr_t)stack_top - here);
    deepest = used > deepest ? used : deepest;
    longest = spent - before > longest ? spent - before : longest;
}

/* Polls until an event of this kind came. False: none did. */
static bool until(uint8_t kind)
{
    viamc_event ev;
    unsigned i;
    for (i = 0; i < PATIENCE; i++) {
        bool came = false;
        poll_once();
        count();
        while (viamc_next_event(robot, &ev))
            came |= ev.kind == kind && (kind != VIAMC_EV_DONE || ev.status == 0);
        rest();
        if (came)
            return true;
        peer_step();
    }
    return false;
}

static bool call(void)
{
    static uint8_t message[MESSAGE] = {0x0a, MESSAGE - 2};
    viamc_call handle;
    viamc_err err;
    viamc_opts opts = VIAMC_ZERO;
    opts.reads_only = true;
    count();
    err = viamc_call_bytes(robot, "/bench.Echo/Unary", viamc_view(message, sizeof message), &opts, &handle);
    rest();
    return err == VIAMC_OK && until(VIAMC_EV_DONE);
}

/* ---- what is measured ---- */

static void measure_calls(const char *name)
{
    unsigned i;
    bool good = call() && call(); /* the first ones fill the tables */
    spent = 0;
    for (i = 0; good && i < CALLS; i++)
        good = call();
    print(name, good ? instructions(spent / CALLS) : 0);
}

/* Less what a counted poll costs that is left out by hand: the counter, and the port's read as it is here. */
static void measure_idle(void)
{
    unsigned i;
    uint32_t empty;
    for (i = 0; i < 4u; i++)
        poll_once();
    spent = 0;
    for (i = 0; i < CALLS; i++) {
        count();
        rest();
    }
    empty = spent;
    spent = 0;
    reads = 0;
    for (i = 0; i < CALLS; i++) {
        count();
        (void)viamc_poll(robot, now);
        rest();
    }
    print("idle_poll", instructions(spent - 2u * empty) / CALLS);
    print("idle_reads", reads);
}

/* Octets of a client's block: two calls, slots of 128, tx 256, token 512 or none, input 256, table 256; with TLS an input of 4,608, slots of
 * 512 and one large buffer for replies of 1 KiB. */
static void measure_memory(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    desc.port = &port;
    desc.profile = VIAMC_BOARD;
    desc.max_calls = 2;
    desc.tx_bytes = 256;
    desc.token_bytes = 512;
    desc.table_bytes = 256;
#ifdef VIAMC_NO_TLS
    desc.no_tls = true;
    desc.slot_bytes = 128;
    desc.in_bytes = 256;
    print("ram_plain_auth", (uint32_t)viamc_client_mem_size(&desc));
    desc.token_bytes = VIAMC_OFF;
    print("ram_plain", (uint32_t)viamc_client_mem_size(&desc));
    print("ram_stream", sizeof(vmc_h2_stream));
    print("ram_call", sizeof(vmc_user_call));
#else
    desc.slot_bytes = 512;
    desc.in_bytes = 4608;
    desc.rx_bytes = 1024;
    print("ram_tls", (uint32_t)viamc_client_mem_size(&desc));
#endif
}

int main(void)
{
    TIMER_RELOAD = 0xffffffffu;
    TIMER_VALUE = 0xffffffffu;
    TIMER_CONTROL = 1;
    measure_memory();
    peer_start();
    if (!start() || !until(VIAMC_EV_READY)) {
        print("not_ready", (uint32_t)viamc_client_error(robot).code);
        print("detail", viamc_client_error(robot).detail);
        return 1;
    }
    print("dial", instructions(spent));
    print("longest_poll", instructions(longest));
    print("dial_stack", (uint32_t)deepest);
    deepest = 0;
    measure_calls("unary_call");
    measure_idle();
    print("poll_stack", (uint32_t)deepest);
    return 0;
}

/* ---- from reset to main and out ---- */

extern uint32_t data_image[], data_start[], data_end[], bss_start[], bss_end[]; /* linker script */
void reset(void);

static void leave(void)
{
    const uint32_t words[2] = {0x20026, 0}; /* the application has ended */
    (void)semihost(0x18, (const void *)words[0]);
    for (;;) {
    }
}

static void fault(void)
{
    print("fault", 1);
    leave();
}

void reset(void)
{
    const uint32_t *from = data_image;
    uint32_t *to;
    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    (void)main();
    leave();
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {stack_top, (void *)reset, (void *)fault, (void *)fault,
                                                                          (void *)fault, (void *)fault, (void *)fault};
