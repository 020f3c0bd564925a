/* SPDX-License-Identifier: MIT */
/* What leads from this board to others: UARTs (line_uart.c) or Ethernet with lwIP (line_lwip.c). */
#ifndef LINE_H
#define LINE_H

#include "viamc.h"

#if defined(LINE_LWIP)
enum { LINE_PEERS = 4 };
#elif defined(__riscv)
enum { LINE_PEERS = 1 };
#else
enum { LINE_PEERS = 3 }; /* UARTs: a connection each */
#endif

void line_start(void);                   /* after board_start */
const viamc_port *line_client_port(void);
const viamc_port *line_server_port(void);
void *line_user(void);                   /* user pointer of both */
bool line_ready(void);                   /* there is a way to others */
void line_poll(void);                    /* before each poll of viamc's */
uint32_t line_waiting(void);             /* how many octets came since: for the board's sleep */
uint32_t line_sleep(uint32_t ms);        /* at most ms: how long the line may be left alone */
void line_woke(void);                    /* yours, if you like: called by the Ethernet's interrupt when something came */

#endif
