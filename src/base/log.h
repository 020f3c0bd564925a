/* SPDX-License-Identifier: MIT */
/* base/log: one callback for transitions and failures. Never keys, tokens or payload; no printf. */
#ifndef VIAMC_BASE_LOG_H
#define VIAMC_BASE_LOG_H

#include "base/config.h"

enum { VIAMC_LOG_ERROR = 1, VIAMC_LOG_WARN = 2, VIAMC_LOG_INFO = 3, VIAMC_LOG_DEBUG = 4 };

/* One line of log. Texts are constants, "" with VIAMC_NO_STRINGS. */
typedef struct viamc_log_item {
    uint8_t level;    /* VIAMC_LOG_* */
    const char *part; /* "dial", "h2": the part that speaks */
    const char *text; /* what happened */
    uint32_t a, b;    /* two numbers that belong to the text: state, code, milliseconds */
} viamc_log_item;

/* Called from poll and from the functions that start something; may call nothing of viamc on that client. */
typedef void (*viamc_log_fn)(void *user, const viamc_log_item *item);

/* A logger: kept by value in descs. fn NULL: silent. */
typedef struct viamc_log {
    viamc_log_fn fn;
    void *user;
} viamc_log;

#endif
