/* SPDX-License-Identifier: MIT */
/* What the programs here ask of a board. mps2.c is a Cortex-M3, virt.c a RISC-V 32; another board is another file like these. */
#ifndef BOARD_H
#define BOARD_H

#include "uart.h"

void board_start(void);                          /* clock, UARTs, interrupts */
uint32_t board_now(void);                        /* ms since the start; wraps */
void board_sleep(uint32_t ms);                   /* until octets came (line_waiting), or for so long */
uint64_t board_unix_time(void);                  /* seconds since 1970; 0: the board does not know */
bool board_random(uint8_t *out, size_t len);     /* true random octets: the secrets of TLS are made of nothing else */
uart *const *board_wires(void);                  /* LINE_PEERS UARTs that lead to a robot (a client uses the first) or to its drivers */
uintptr_t board_ethernet(void);                  /* where its LAN9118 is */
void board_ethernet_priority(uint8_t number);    /* of its interrupt; 0, the highest, to begin with */
void board_ethernet_on(void);                    /* from now on its interrupt calls ... */
void board_on_ethernet(void);
void board_on_systick(void), board_on_call(void), board_on_switch(void); /* interrupts that an operating system may take over: it then calls ... */
void board_tick(void);                           /* ... this one every ms */
void board_broken(void);                         /* something went wrong for good: says so and stands still */
int board_key(void);                             /* a key pressed at the console, -1: none */
void board_print(const char *text);              /* to the console */

/* The same with a number between two texts. */
static inline void board_print_count(const char *before, uint32_t n, const char *after)
{
    char text[11], *p = text + sizeof text - 1;
    *p = '\0';
    do
        *--p = (char)('0' + n % 10u);
    while ((n /= 10u) != 0);
    board_print(before);
    board_print(p);
    board_print(after);
}

/* How much stack is used at most: what lies below the caller is painted, later the paint that is left is counted. */
void board_stack_paint(void);
size_t board_stack_used(void);

#endif
