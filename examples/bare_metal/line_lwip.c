/* SPDX-License-Identifier: MIT */
/* lwIP over the board's LAN9118, with an address by DHCP. */
#include "board.h"
#include "lan9118.h"
#include "line.h"
#include "lwip_port.h"

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#ifndef LINE_SERVES
#define LINE_SERVES 8080 /* port of a robot */
#endif

enum { FRAMES_MAX = 32 }; /* taken in one turn of the main loop: a flood of them must not keep it from its sessions */

static struct netif ethernet;
static lwip_port line;
static volatile bool came; /* set by the interrupt: frames wait */

/* ---- frames ---- */

static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    static uint32_t frame[(LAN9118_FRAME + 3) / 4];
    (void)netif;
    if (p->tot_len > LAN9118_FRAME)
        return ERR_BUF;
    return lan9118_send(frame, pbuf_copy_partial(p, frame, p->tot_len, 0)) ? ERR_OK : ERR_MEM;
}

static void receive_frames(void)
{
    static uint32_t frame[(LAN9118_FRAME + 6) / 4];
    unsigned i;
    size_t n;
    came = false;
    for (i = 0; i < FRAMES_MAX && (n = lan9118_receive(frame)) != 0; i++) {
        struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_POOL);
        if (p == NULL)
            continue; /* lost: it is sent again */
        (void)pbuf_take(p, frame, (u16_t)n);
        if (ethernet.input(p, &ethernet) != ERR_OK)
            (void)pbuf_free(p);
    }
    lan9118_interrupt(true);
}

__attribute__((weak)) void line_woke(void)
{
}

void board_on_ethernet(void)
{
    lan9118_interrupt(false);
    came = true;
    line_woke();
}

static err_t start_ethernet(struct netif *netif)
{
    static const uint8_t mac[6] = {0x02, 0x00, 0x00, 0x12, 0x34, 0x56}; /* a local address: your board has one of its own */
    memcpy(netif->hwaddr, mac, sizeof mac);
    netif->hwaddr_len = sizeof mac;
    netif->name[0] = 'e';
    netif->name[1] = '0';
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return lan9118_start(board_ethernet(), mac) ? ERR_OK : ERR_IF;
}

/* ---- for lwIP ---- */

u32_t sys_now(void)
{
    return board_now();
}

uint32_t line_random(void)
{
    uint32_t value = 0;
    (void)board_random((uint8_t *)&value, sizeof value);
    return value;
}

void line_halt(const char *why)
{
    board_print(why);
    for (;;) {
    }
}

/* ---- line.h ---- */

void line_start(void)
{
    lwip_init();
    line.random = board_random;
    if (netif_add(&ethernet, NULL, NULL, NULL, NULL, start_ethernet, ethernet_input) == NULL)
        line_halt("no Ethernet\r\n");
    netif_set_default(&ethernet);
    netif_set_up(&ethernet);
    (void)dhcp_start(&ethernet);
    lan9118_interrupt(true);
    board_ethernet_on(); /* before its start the chip holds its line as it likes */
    (void)lwip_port_listen(&line, LINE_SERVES);
}

const viamc_port *line_client_port(void)
{
    return lwip_client_port();
}

const viamc_port *line_server_port(void)
{
    return lwip_server_port();
}

void *line_user(void)
{
    return &line;
}

bool line_ready(void)
{
    return dhcp_supplied_address(&ethernet) != 0;
}

void line_poll(void)
{
    receive_frames();
    sys_check_timeouts();
}

uint32_t line_waiting(void)
{
    return came || lan9118_waiting() || lwip_port_waiting(&line) ? 0xffffu : 0;
}

uint32_t line_sleep(uint32_t ms)
{
    uint32_t next = sys_timeouts_sleeptime();
    return next < ms ? next : ms;
}
