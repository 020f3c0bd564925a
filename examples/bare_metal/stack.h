/* SPDX-License-Identifier: MIT */
/* The stack's measure, the same on every board whose linker script names the stack's ends. Part of a board's file. */
#ifndef STACK_H
#define STACK_H

#include <stddef.h>
#include <stdint.h>

#define STACK_PAINT 0x57ac57acu
#define STACK_NEAR 32u /* words below the frame of stack_paint that it leaves alone: its own use */

extern uint32_t stack_low[], stack_top[]; /* linker script */

static __attribute__((noinline)) void stack_paint(void)
{
    volatile uint32_t *word = stack_low, *end = (volatile uint32_t *)__builtin_frame_address(0) - STACK_NEAR;
    while (word < end)
        *word++ = STACK_PAINT;
}

static size_t stack_used(void)
{
    const volatile uint32_t *word = stack_low;
    while (word < stack_top && *word == STACK_PAINT)
        word++;
    return (size_t)((const volatile uint8_t *)stack_top - (const volatile uint8_t *)word);
}

#endif
