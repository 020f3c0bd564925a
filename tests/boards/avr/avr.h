/* SPDX-License-Identifier: MIT */
/* For test programs on an AVR, in front of their first line: what avr-libc lacks, a way out, and a console. Two octets of the chip's that are
 * nobody's, GPIOR0 and GPIOR1, are what runner.c listens to. */
#ifndef AVR_H
#define AVR_H

#include <avr/io.h>
#include <stdio.h>
#include <stdlib.h>

static int avr_put(char c, FILE *f)
{
    (void)f;
    GPIOR0 = (uint8_t)c;
    return 0;
}

static inline int avr_begin(void)
{
    static FILE console = FDEV_SETUP_STREAM(avr_put, NULL, _FDEV_SETUP_WRITE);
    stdout = &console;
    return 0;
}

static inline void avr_end(int code)
{
    GPIOR1 = (uint8_t)code;
    for (;;) {
    }
}

int avr_main(int argc, char **argv);

int main(void)
{
    static char name[] = "test";
    char *argv[2] = {name, NULL};
    (void)avr_begin();
    avr_end(avr_main(1, argv));
    return 0;
}

#define main avr_main
#define exit avr_end
#define setvbuf(f, buf, mode, size) avr_begin()
#define strtoull(text, end, base) strtoul(text, end, base)
#define fopen(path, mode) ((void)(path), (FILE *)NULL) /* there are no files */
#define fseek(f, at, from) ((void)(f), -1)
#define ftell(f) ((void)(f), -1L)

#endif
