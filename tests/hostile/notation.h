/* SPDX-License-Identifier: MIT */
/* Frames as text. A script is a row of items, each ended by ';' or the end:
 *
 *     HEADERS+EH H @ok name=value; DATA+ES H msg:abc; PING 0 00*8; 20 x RST V =8; WAIT 5000
 *
 * A frame: TYPE[/LENGTH][+FLAG...] STREAM payload. LENGTH is what the header says, if that is not the payload's. N x: so many times.
 * Several items are repeated by the items "N {" and "}". RAW payload: octets without a frame's header.
 * STREAM: a number; a letter (notation_stream); ^ before it sets the reserved bit.
 * Payload: =5 four octets; 00*8 octets eight times; 'text'; msg:abc, msg*9 a message with its prefix, of nine octets;
 * name=value, name='va lue', name=x*9 a field, spelled out; @ok, @rest what the role's header blocks begin with, and what ends a call;
 * anything else is hex. Other items (WAIT ...) are orders: whoever runs the script knows them. */
#ifndef VIAMC_HOSTILE_NOTATION_H
#define VIAMC_HOSTILE_NOTATION_H

#include <ctype.h>

enum { NOTATION_ITEM = 400, NOTATION_OCTETS = 1 << 20 };

static const char *const notation_types[] = {"DATA", "HEADERS", "PRIORITY", "RST", "SETTINGS", "PUSH", "PING", "GOAWAY", "CREDIT", "CONT"};

static uint32_t notation_stream(char letter);     /* of the world that runs it */
static const char *notation_ok(void), *notation_rest(void);

typedef struct notation_out {
    uint8_t octet[NOTATION_OCTETS];
    size_t len;
} notation_out;

static uint8_t *notation_claim(notation_out *o, size_t n)
{
    if (n > sizeof o->octet - o->len)
        test_die("more octets than there is room for", "notation");
    o->len += n;
    return o->octet + o->len - n;
}

static void notation_put(notation_out *o, const void *p, size_t n)
{
    vmc_copy(notation_claim(o, n), p, n);
}

static void notation_fill(notation_out *o, int octet, size_t n)
{
    memset(notation_claim(o, n), octet, n);
}

/* RFC 7541 5.2: a string's length, with a prefix of seven bits. */
static void notation_length(notation_out *o, size_t n)
{
    if (n < 127) {
        *notation_claim(o, 1) = (uint8_t)n;
        return;
    }
    *notation_claim(o, 1) = 127;
    for (n -= 127; n >= 128; n >>= 7)
        *notation_claim(o, 1) = (uint8_t)(n | 128u);
    *notation_claim(o, 1) = (uint8_t)n;
}

/* The end of a token, which blanks outside quotes end. */
static const char *notation_token_end(const char *p)
{
    bool quoted = false;
    for (; *p != '\0' && (quoted || *p != ' '); p++)
        quoted = quoted != (*p == '\'');
    return p;
}

/* 'text' or x*9 or plain text, as a string of HPACK. */
static void notation_string(notation_out *o, const char *p, size_t n)
{
    if (n >= 2 && p[0] == '\'' && p[n - 1] == '\'') {
        p++;
        n -= 2;
    } else if (n > 2 && p[1] == '*') {
        size_t count = strtoul(p + 2, NULL, 0);
        notation_length(o, count);
        notation_fill(o, p[0], count);
        return;
    }
    notation_length(o, n);
    notation_put(o, p, n);
}

static void notation_field(notation_out *o, const char *p, const char *equals, const char *end)
{
    *notation_claim(o, 1) = 0;
    notation_string(o, p, (size_t)(equals - p));
    notation_string(o, equals + 1, (size_t)(end - equals - 1));
}

static void notation_message(notation_out *o, const char *p, const char *end)
{
    const bool many = *p == '*';
    size_t n = many ? strtoul(p + 1, NULL, 0) : (size_t)(end - p - 1);
    uint8_t prefix[5] = {0, 0, 0, 0, 0};
    vmc_put_be32(prefix + 1, (uint32_t)n);
    notation_put(o, prefix, 5);
    if (many)
        notation_fill(o, 'm', n);
    else
        notation_put(o, p + 1, n);
}

static void notation_payload(notation_out *o, const char *text);

static void notation_token(notation_out *o, const char *p, const char *end)
{
    char hex[NOTATION_ITEM];
    const char *equals = (const char *)memchr(p, '=', (size_t)(end - p));
    uint8_t number[4];
    if (p[0] == '@') {
        notation_payload(o, p[1] == 'o' ? notation_ok() : notation_rest());
    } else if (p[0] == '=') {
        vmc_put_be32(number, (uint32_t)strtoul(p + 1, NULL, 0));
        notation_put(o, number, 4);
    } else if (strncmp(p, "msg", 3) == 0) {
        notation_message(o, p + 3, end);
    } else if (p[0] == '\'') {
        notation_put(o, p + 1, (size_t)(end - p - 2));
    } else if (equals != NULL) {
        notation_field(o, p, equals, end);
    } else {
        const char *star = (const char *)memchr(p, '*', (size_t)(end - p));
        unsigned long times = star != NULL ? strtoul(star + 1, NULL, 0) : 1;
        (void)snprintf(hex, sizeof hex, "%.*s", (int)((star != NULL ? star : end) - p), p);
        while (times-- != 0)
            o->len += test_hex(hex, o->octet + o->len, sizeof o->octet - o->len);
    }
}

static void notation_payload(notation_out *o, const char *text)
{
    while (*text != '\0') {
        const char *end = notation_token_end(text);
        if (end != text)
            notation_token(o, text, end);
        text = *end == ' ' ? end + 1 : end;
    }
}

static uint8_t notation_flag(const char *p)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } flags[] = {{"ES", 1}, {"ACK", 1}, {"EH", 4}, {"PAD", 8}, {"PRI", 0x20}};
    size_t i;
    for (i = 0; i < TEST_COUNT(flags); i++)
        if (strncmp(p, flags[i].name, strlen(flags[i].name)) == 0)
            return flags[i].bit;
    return (uint8_t)strtoul(p, NULL, 16);
}

/* TYPE[/LENGTH][+FLAG...]; an unknown type is T and two digits. False: no frame. */
static bool notation_head(const char *p, const char *end, uint8_t *type, uint8_t *flags, long *length)
{
    size_t i, n = strcspn(p, "/+ ");
    *flags = 0;
    *length = -1;
    for (i = 0; i < TEST_COUNT(notation_types); i++)
        if (strlen(notation_types[i]) == n && strncmp(p, notation_types[i], n) == 0)
            break;
    if (i == TEST_COUNT(notation_types) && (p[0] != 'T' || n != 3))
        return false;
    *type = i < TEST_COUNT(notation_types) ? (uint8_t)i : (uint8_t)strtoul(p + 1, NULL, 16);
    for (p += n; p < end; p++) {
        if (*p == '/')
            *length = strtol(p + 1, NULL, 0);
        if (*p == '+')
            *flags = (uint8_t)(*flags | notation_flag(p + 1));
    }
    return true;
}

/* Appends the octets of one item. False: it is an order. */
static bool notation_item(notation_out *o, const char *item)
{
    const char *end = notation_token_end(item), *stream;
    uint8_t type, flags;
    uint32_t id;
    long length;
    size_t at = o->len;
    if (strncmp(item, "RAW ", 4) == 0) {
        notation_payload(o, item + 4);
        return true;
    }
    if (!notation_head(item, end, &type, &flags, &length))
        return false;
    stream = end + 1;
    end = notation_token_end(stream);
    id = *stream == '^' ? 0x80000000u : 0;
    stream += id != 0;
    id |= isdigit((unsigned char)*stream) ? (uint32_t)strtoul(stream, NULL, 0) : notation_stream(*stream);
    (void)notation_claim(o, 9);
    notation_payload(o, *end == ' ' ? end + 1 : end);
    vmc_put_be24(o->octet + at, (uint32_t)(length >= 0 ? length : (long)(o->len - at - 9)));
    o->octet[at + 3] = type;
    o->octet[at + 4] = flags;
    vmc_put_be32(o->octet + at + 5, id);
    return true;
}

/* Copies the next item of a script without the blanks around it; where the next begins, NULL: there was none. */
static const char *notation_next(const char *script, char item[NOTATION_ITEM])
{
    size_t n = 0;
    bool quoted = false;
    while (*script == ' ' || *script == ';')
        script++;
    if (*script == '\0')
        return NULL;
    for (; *script != '\0' && (quoted || *script != ';'); script++) {
        quoted = quoted != (*script == '\'');
        if (n + 1 == NOTATION_ITEM)
            test_die("item too long", script);
        item[n++] = *script;
    }
    while (n != 0 && item[n - 1] == ' ')
        n--;
    item[n] = '\0';
    return script;
}

#endif
