/* SPDX-License-Identifier: MIT */
/* What the programs here ask of a board. mps2.c is a Cortex-M3, virt.c a RISC-V 32; another board is another file like these. */
#ifndef BOARD_H
#define BOARD_H

#include "uart.h"

#if defined(__riscv)
enum { BOARD_WIRES = 1 };
#else
enum { BOARD_WIRES = 3 }; /* UARTs that lead to a robot (a client uses the first) or to its drivers */
#endif

void board_start(void);                          /* clock, UARTs, interrupts */
uint32_t board_now(void);                        /* ms since the start; wraps */
void board_sleep(uint32_t ms);                   /* until an octet came, or for so long */
uint64_t board_unix_time(void);                  /* seconds since 1970; 0: the board does not know */
bool board_random(uint8_t *out, size_t len);     /* true random octets: the secrets of TLS are made of nothing else */
uart *const *board_wires(void);
int board_key(void);                             /* a key pressed at the console, -1: none */
void board_print(const char *text);              /* to the console */

/* How much stack is used at most: what lies below the caller is painted, later the paint that is left is counted. */
void board_stack_paint(void);
size_t board_stack_used(void);

#endif
