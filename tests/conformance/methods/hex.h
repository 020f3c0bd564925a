/* SPDX-License-Identifier: MIT */
/* Octets as hexadecimal digits in lines: what the programs of this folder read and write. "-" is no octets. */
#ifndef METHODS_HEX_H
#define METHODS_HEX_H

#include <stdio.h>
#include <stdlib.h>

static void *get(size_t size)
{
    void *p = calloc(1, size + 1u);
    if (p == NULL)
        exit(3);
    return p;
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The octets of a word, to be freed. */
static viamc_bytes hex_read(const char *word)
{
    size_t n = word[0] == '-' ? 0 : strlen(word) / 2u, i;
    uint8_t *octets = (uint8_t *)get(n);
    for (i = 0; i < n; i++)
        octets[i] = (uint8_t)(hex_digit(word[2u * i]) << 4 | hex_digit(word[2u * i + 1u]));
    return viamc_view(octets, n);
}

/* A word of octets, with a blank before it. */
static void hex_write(viamc_bytes octets)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;
    (void)putchar(' ');
    if (octets.len == 0)
        (void)putchar('-');
    for (i = 0; i < octets.len; i++) {
        (void)putchar(digits[octets.ptr[i] >> 4]);
        (void)putchar(digits[octets.ptr[i] & 15]);
    }
}

/* A message as it is encoded anew from its struct. False: it cannot be. */
static bool hex_message(const pb_msgdesc_t *fields, const void *message)
{
    viamc_bytes out;
    uint8_t *buf;
    bool good;
    (void)viamc_message_write(fields, message, NULL, 0, &out);
    buf = (uint8_t *)get(out.len);
    good = viamc_message_write(fields, message, buf, out.len, &out) == VIAMC_OK;
    if (good)
        hex_write(out);
    free(buf);
    return good;
}

/* A word of a message as its struct, to be freed, with views of *octets. */
static void *hex_struct(const pb_msgdesc_t *fields, size_t size, const char *word, viamc_bytes *octets)
{
    void *message = get(size);
    *octets = hex_read(word);
    if (viamc_message_read(fields, *octets, message, size) != VIAMC_OK)
        exit(4);
    return message;
}

#endif
