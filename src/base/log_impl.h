/* SPDX-License-Identifier: MIT */
/* base/log: the one way to the callback. */
#ifndef VIAMC_BASE_LOG_IMPL_H
#define VIAMC_BASE_LOG_IMPL_H

#include "base/log.h"

VMC_FN void vmc_log(const viamc_log *log, uint8_t level, const char *part, const char *text, uint32_t a, uint32_t b)
{
    viamc_log_item item;
    if (log->fn == NULL)
        return;
    item.level = level;
    item.part = part;
    item.text = text;
    item.a = a;
    item.b = b;
    log->fn(log->user, &item);
}

#endif
