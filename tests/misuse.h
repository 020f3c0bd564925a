/* SPDX-License-Identifier: MIT */
/* test_misuse*.c: every public function, misused: NULL, no or too little memory, at the wrong time, with bad text. One TEST a function,
 * of its name; `tools/check.py misuse` finds one that has none. */
#ifndef VIAMC_TESTS_MISUSE_H
#define VIAMC_TESTS_MISUSE_H

#include "test.h"

#define NOTHING viamc_view(NULL, 0)
#define NOWHERE viamc_view(NULL, 4) /* a message whose allocation failed */
#define LONG_TEXT 70000u

/* LONG_TEXT times 'a' behind a head. */
static inline const char *long_text(const char *head)
{
    static char text[LONG_TEXT + 16];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, head, strlen(head));
    return text;
}

#endif
