/* SPDX-License-Identifier: MIT */
/* For lwIP: the compiler's and the board's own. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>

uint32_t line_random(void);
void line_halt(const char *why);

#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x) line_halt(x)
#define LWIP_RAND() line_random()

#endif
