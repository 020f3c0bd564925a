/* SPDX-License-Identifier: MIT */
/* QEMU's machine "virt" with a 32-bit RISC-V: a 16550 as the wire, no console but the emulator's. From reset to main, with nothing
 * else below. */
#include "board.h"
#include "line.h"
#include "semihost.h"
#include "stack.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REG8(address) (*(volatile uint8_t *)(uintptr_t)(address))

/* CLINT: a counter of 10 MHz, and when it interrupts; PLIC: which lines do */
#define MTIME_LOW REG(0x0200bff8u)
#define MTIME_HIGH REG(0x0200bffcu)
#define MTIMECMP_LOW REG(0x02004000u)
#define MTIMECMP_HIGH REG(0x02004004u)
#define TICKS_PER_MS 10000u
enum { IRQ_UART = 10 };
#define PLIC_PRIORITY REG(0x0c000000u + 4u * IRQ_UART)
#define PLIC_ENABLE REG(0x0c002000u)
#define PLIC_CLAIM REG(0x0c200004u)

/* UART: a 16550 with FIFOs of 16 octets */
#define UART_DATA REG8(0x10000000u)
#define UART_INTERRUPTS REG8(0x10000001u)
#define UART_FIFO REG8(0x10000002u)
#define UART_STATE REG8(0x10000005u)
enum { STATE_RX = 0x01, STATE_RX_LOST = 0x02, STATE_TX_EMPTY = 0x20 };
enum { INTERRUPT_RX = 0x01, INTERRUPT_TX = 0x02 };
enum { FIFO_ON = 0x01, FIFO_CLEAR = 0x06, FIFO_OCTETS = 16 };

enum { MIE_TIMER = 1 << 7, MIE_EXTERNAL = 1 << 11, MSTATUS_MIE = 1 << 3 };
#define CSR_SET(csr, bits) __asm__ volatile("csrs " csr ", %0" : : "r"(bits) : "memory")
#define CSR_CLEAR(csr, bits) __asm__ volatile("csrc " csr ", %0" : : "r"(bits) : "memory")

static uart wire;

/* ---- the wire ---- */

/* Both what the interrupt does and what the port asks for; the latter keeps the interrupt away meanwhile. An interrupt stays raised
 * while there is work for it, so one for which there is no room, or nothing to send, is turned off. */
static void wire_move(uart *u)
{
    uint32_t state, n;
    while (((state = UART_STATE) & STATE_RX) != 0 && uart_has_room(u))
        uart_received(u, UART_DATA);
    if ((state & STATE_RX_LOST) != 0)
        u->lost = true;
    if ((state & STATE_TX_EMPTY) != 0)
        for (n = 0; n < FIFO_OCTETS && uart_has_octet(u); n++)
            UART_DATA = uart_to_send(u);
    UART_INTERRUPTS = (uint8_t)((uart_has_room(u) ? INTERRUPT_RX : 0) | (uart_has_octet(u) ? INTERRUPT_TX : 0));
}

static void wire_serve(uart *u)
{
    CSR_CLEAR("mstatus", MSTATUS_MIE);
    wire_move(u);
    CSR_SET("mstatus", MSTATUS_MIE);
}

uart *const *board_wires(void)
{
    static uart *const wires[LINE_PEERS] = {&wire};
    return wires;
}

/* ---- board.h ---- */

static uint64_t ticks(void)
{
    uint32_t high, low;
    do {
        high = MTIME_HIGH;
        low = MTIME_LOW;
    } while (high != MTIME_HIGH);
    return (uint64_t)high << 32 | low;
}

static void tick_again(void)
{
    uint64_t at = ticks() + TICKS_PER_MS;
    MTIMECMP_HIGH = 0xffffffffu;
    MTIMECMP_LOW = (uint32_t)at;
    MTIMECMP_HIGH = (uint32_t)(at >> 32);
}

void board_start(void)
{
    wire.serve = wire_serve;
    wire.now = board_now;
    wire.random = board_random;
    UART_FIFO = FIFO_ON | FIFO_CLEAR;
    UART_INTERRUPTS = INTERRUPT_RX;
    PLIC_PRIORITY = 1;
    PLIC_ENABLE = 1u << IRQ_UART;
    tick_again();
    CSR_SET("mie", MIE_TIMER | MIE_EXTERNAL);
    CSR_SET("mstatus", MSTATUS_MIE);
}

uint32_t board_now(void)
{
    return (uint32_t)(ticks() / TICKS_PER_MS);
}

/* Wakes for what came in the last ms, not for each octet. The tick ends every wfi, so an octet that comes just before it is at most one
 * ms late. */
void board_sleep(uint32_t ms)
{
    uint32_t start = board_now(), octets = 0;
    while (board_now() - start < ms && octets < UART_RX_BYTES / 2u) {
        octets = line_waiting();
        if (octets != 0 && ms > 1u) {
            start = board_now();
            ms = 1;
        }
        __asm__ volatile("wfi" ::: "memory");
    }
}

uint64_t board_unix_time(void)
{
    return semihost_time();
}

bool board_random(uint8_t *out, size_t len)
{
    return semihost_random(out, len);
}

int board_key(void)
{
    return semihost_key();
}

void board_print(const char *text)
{
    (void)semihost(SEMIHOST_WRITE0, text);
}

void board_stack_paint(void)
{
    stack_paint();
}

size_t board_stack_used(void)
{
    return stack_used();
}

/* ---- from reset to main ---- */

extern uint32_t bss_start[], bss_end[]; /* linker script */
int main(void);
void reset(void);
void started(void);

#define CAUSE_TIMER 0x80000007u
#define CAUSE_EXTERNAL 0x8000000bu

static __attribute__((interrupt("machine"), aligned(4))) void on_trap(void)
{
    uint32_t cause, line;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == CAUSE_TIMER)
        tick_again();
    else if (cause == CAUSE_EXTERNAL) {
        line = PLIC_CLAIM;
        wire_move(&wire);
        PLIC_CLAIM = line;
    } else {
        board_print("fault\r\n");
        for (;;) {
        }
    }
}

void started(void)
{
    uint32_t *to;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    __asm__ volatile("csrw mtvec, %0" : : "r"(on_trap));
    (void)main();
    for (;;) {
    }
}

__attribute__((section(".reset"), naked)) void reset(void)
{
    __asm__ volatile(".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n"
                     "la sp, stack_top\n j started");
}
