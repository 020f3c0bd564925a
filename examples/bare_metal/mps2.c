/* SPDX-License-Identifier: MIT */
/* Arm's MPS2 with image AN385: Cortex-M3 at 25 MHz, UART0, UART2 and UART3 as wires, UART1 as console. From reset to main, with nothing else
 * below. QEMU has this board: -M mps2-an385. */
#include "board.h"
#include "line.h"
#include "semihost.h"
#include "stack.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* SysTick and interrupts of the Cortex-M */
#define SYST_CTRL REG(0xe000e010u)
#define SYST_LOAD REG(0xe000e014u)
#define SYST_VALUE REG(0xe000e018u)
#define NVIC_ENABLE REG(0xe000e100u)
#define NVIC_PRIORITY REG(0xe000e400u) /* an octet each */

/* UARTs of the CMSDK */
enum { UART0 = 0x40004000, UART1 = 0x40005000, UART2 = 0x40006000, UART3 = 0x40007000 };
#define UART_DATA(base) REG((base) + 0x00u)
#define UART_STATE(base) REG((base) + 0x04u)
#define UART_CTRL(base) REG((base) + 0x08u)
#define UART_CLEAR(base) REG((base) + 0x0cu)
#define UART_DIVIDER(base) REG((base) + 0x10u)
enum { STATE_TX_FULL = 1, STATE_RX_FULL = 2, STATE_RX_LOST = 8 };
enum { CTRL_TX = 1, CTRL_RX = 2, CTRL_TX_INTERRUPT = 4, CTRL_RX_INTERRUPT = 8 };
enum { CLEAR_TX = 1, CLEAR_RX = 2 };
enum { IRQ_UART0_RX = 0, IRQ_UART0_TX = 1, IRQ_UART2_RX = 4, IRQ_UART2_TX = 5, IRQ_UART3_RX = 18,
       IRQ_UART3_TX = 19, IRQ_ETHERNET = 13 };

#define CLOCK_HZ 25000000u
#define BAUD 921600u

enum { WIRES = 3 };
static volatile uint32_t milliseconds;
static const uint32_t wire_base[WIRES] = {UART0, UART2, UART3};

/* ---- the wires ---- */

/* Both what the interrupt does and what the port asks for; the latter keeps the interrupt away meanwhile. */
static void wire_move(uart *u)
{
    const uint32_t base = wire_base[u->id];
    uint32_t state;
    UART_CLEAR(base) = CLEAR_TX | CLEAR_RX;
    while (((state = UART_STATE(base)) & STATE_RX_FULL) != 0 && uart_has_room(u))
        uart_received(u, (uint8_t)UART_DATA(base));
    if ((state & STATE_RX_LOST) != 0) {
        u->lost = true;
        UART_STATE(base) = STATE_RX_LOST;
    }
    while (uart_has_octet(u) && (UART_STATE(base) & STATE_TX_FULL) == 0)
        UART_DATA(base) = uart_to_send(u);
}

static void wire_serve(uart *u)
{
    __asm__ volatile("cpsid i" ::: "memory");
    wire_move(u);
    __asm__ volatile("cpsie i" ::: "memory");
}

static uart wire[WIRES];

uart *const *board_wires(void)
{
    static uart *const wires[WIRES] = {&wire[0], &wire[1], &wire[2]};
    return wires;
}

static void on_wire0(void)
{
    wire_move(&wire[0]);
}

static void on_wire1(void)
{
    wire_move(&wire[1]);
}

static void on_wire2(void)
{
    wire_move(&wire[2]);
}

__attribute__((weak)) void board_on_ethernet(void)
{
}

void board_tick(void)
{
    milliseconds = milliseconds + 1u;
}

/* An operating system takes these over. */
__attribute__((weak)) void board_on_systick(void)
{
    board_tick();
}

__attribute__((weak)) void board_on_call(void)
{
    board_broken();
}

__attribute__((weak)) void board_on_switch(void)
{
    board_broken();
}

/* ---- board.h ---- */

uintptr_t board_ethernet(void)
{
    return 0x40200000u;
}

void board_ethernet_priority(uint8_t number)
{
    ((volatile uint8_t *)&NVIC_PRIORITY)[IRQ_ETHERNET] = number;
}

void board_ethernet_on(void)
{
    NVIC_ENABLE = 1u << IRQ_ETHERNET;
}

static void uart_start(uint32_t base, uint32_t control)
{
    UART_DIVIDER(base) = CLOCK_HZ / BAUD;
    UART_CTRL(base) = control;
}

void board_start(void)
{
    unsigned i;
    SYST_LOAD = CLOCK_HZ / 1000u - 1u;
    SYST_VALUE = 0;
    SYST_CTRL = 7; /* the processor's clock, interrupt, on */
    uart_start(UART1, CTRL_TX | CTRL_RX);
    for (i = 0; i < WIRES; i++) {
        wire[i].serve = wire_serve;
        wire[i].now = board_now;
        wire[i].random = board_random;
        wire[i].id = i;
        uart_start(wire_base[i], CTRL_TX | CTRL_RX | CTRL_TX_INTERRUPT | CTRL_RX_INTERRUPT);
    }
    NVIC_ENABLE = 1u << IRQ_UART0_RX | 1u << IRQ_UART0_TX | 1u << IRQ_UART2_RX | 1u << IRQ_UART2_TX | 1u << IRQ_UART3_RX | 1u << IRQ_UART3_TX;
}

uint32_t board_now(void)
{
    return milliseconds;
}

/* Wakes for what came in the last ms, not for each octet of a UART: a poll with an octet is as dear as one with fifty. The tick ends every
 * wfi, so what comes just before it is at most one ms late. */
void board_sleep(uint32_t ms)
{
    uint32_t start = milliseconds, octets = 0;
    while (milliseconds - start < ms && octets < UART_RX_BYTES / 2u) {
        octets = line_waiting();
        if (octets != 0 && ms > 1u) {
            start = milliseconds;
            ms = 1;
        }
        if (octets < UART_RX_BYTES / 2u)
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
    return (UART_STATE(UART1) & STATE_RX_FULL) != 0 ? (int)(UART_DATA(UART1) & 0xffu) : -1;
}

void board_print(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((UART_STATE(UART1) & STATE_TX_FULL) != 0) {
        }
        UART_DATA(UART1) = (uint8_t)*text;
    }
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

extern uint32_t data_image[], data_start[], data_end[], bss_start[], bss_end[]; /* linker script */
int main(void);
void reset(void);

void board_broken(void)
{
    board_print("fault\r\n");
    for (;;) {
    }
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
    board_broken();
}

/* 16 of the Cortex-M, then the board's by their numbers */
struct vectors {
    uint32_t *stack;
    void (*core[15])(void);
    void (*irq[IRQ_UART3_TX + 1])(void);
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    stack_top,
    {reset, board_broken, board_broken, board_broken, board_broken, board_broken, NULL, NULL, NULL, NULL, board_on_call, board_broken, NULL,
     board_on_switch, board_on_systick},
    {[IRQ_UART0_RX] = on_wire0, [IRQ_UART0_TX] = on_wire0, [IRQ_UART2_RX] = on_wire1, [IRQ_UART2_TX] = on_wire1,
     [IRQ_ETHERNET] = board_on_ethernet, [IRQ_UART3_RX] = on_wire2, [IRQ_UART3_TX] = on_wire2},
};
