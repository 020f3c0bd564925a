/* SPDX-License-Identifier: MIT */
/* base/time: milliseconds that may wrap. Knows no clock: time is handed in. */
#ifndef VIAMC_BASE_TIME_H
#define VIAMC_BASE_TIME_H

#include "base/config.h"

/* Milliseconds of any monotonic clock. May wrap: only differences below 2^31 are used. */
typedef uint32_t viamc_ms;

#define VIAMC_OFF 0xfffffffeu     /* in a desc: never, where 0 would mean the default */
#define VIAMC_FOREVER 0xffffffffu /* in a desc or as a wait: no limit */

#endif
