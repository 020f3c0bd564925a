/* SPDX-License-Identifier: MIT */
/* base/time: wrap-safe comparison, timers, the shortest of many waits. */
#ifndef VIAMC_BASE_TIME_IMPL_H
#define VIAMC_BASE_TIME_IMPL_H

#include "base/time.h"

#define VMC_TIME_MAX 0x7fffffffu /* longest span that comparison can tell from the past, ms: 24 days */

/* True if a is b or later. */
VMC_FN bool vmc_time_reached(viamc_ms a, viamc_ms b)
{
    return (viamc_ms)(a - b) <= VMC_TIME_MAX;
}

/* A point in time that is awaited, or not. */
typedef struct vmc_timer {
    viamc_ms at; /* 0: not; the time 0 counts as the millisecond before it */
} vmc_timer;

VMC_FN bool vmc_timer_is_on(const vmc_timer *t)
{
    return t->at != 0;
}

VMC_FN void vmc_timer_at(vmc_timer *t, viamc_ms at)
{
    t->at = at - (at == 0);
}

/* Arms the timer; VIAMC_FOREVER and VIAMC_OFF leave it off, longer spans than 24 days count as 24 days. */
VMC_FN void vmc_timer_set(vmc_timer *t, viamc_ms now, viamc_ms after)
{
    if (after == VIAMC_FOREVER || after == VIAMC_OFF)
        t->at = 0;
    else
        vmc_timer_at(t, now + (after > VMC_TIME_MAX ? VMC_TIME_MAX : after));
}

VMC_FN void vmc_timer_off(vmc_timer *t)
{
    t->at = 0;
}

VMC_FN bool vmc_timer_due(const vmc_timer *t, viamc_ms now)
{
    return vmc_timer_is_on(t) && vmc_time_reached(now, t->at);
}

/* Milliseconds until the timer is due, 0 if it is, VIAMC_FOREVER if it is off. */
VMC_FN viamc_ms vmc_timer_left(const vmc_timer *t, viamc_ms now)
{
    if (!vmc_timer_is_on(t))
        return VIAMC_FOREVER;
    return vmc_time_reached(now, t->at) ? 0 : t->at - now;
}

/* Shortens a wait to the timer's. */
VMC_FN void vmc_wait_timer(viamc_ms *wait, const vmc_timer *t, viamc_ms now)
{
    viamc_ms left = vmc_timer_left(t, now);
    if (left < *wait)
        *wait = left;
}

#endif
