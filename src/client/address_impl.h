/* SPDX-License-Identifier: MIT */
/* client/address: what people write as a robot's address (viam-wire.md 1.1). */
#ifndef VIAMC_CLIENT_ADDRESS_IMPL_H
#define VIAMC_CLIENT_ADDRESS_IMPL_H

#include "base/core_impl.h"
#include "client/state.h"

#define VMC_ADDRESS_HOST_MAX 253u /* RFC 1035 2.3.4: octets of a name without the trailing dot */

/* Drops "scheme://" in front, and a path behind. */
VMC_FN viamc_bytes vmc_address_core(viamc_bytes text)
{
    size_t i;
    for (i = 0; i + 2u < text.len; i++)
        if (text.ptr[i] == ':' && text.ptr[i + 1u] == '/' && text.ptr[i + 2u] == '/') {
            text.ptr += i + 3u;
            text.len -= i + 3u;
            break;
        }
    for (i = 0; i < text.len; i++)
        if (text.ptr[i] == '/')
            text.len = i;
    return text;
}

/* No blank, control character or octet beyond ASCII: the host goes into :authority (RFC 3986 3.2.2; other scripts are written in punycode). */
VMC_FN bool vmc_address_is_graphic(viamc_bytes text)
{
    size_t i;
    for (i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return true;
}

/* Decimal port at the end of the text, digits only, 1 to 65535. */
VMC_FN bool vmc_address_port(viamc_bytes text, uint16_t *port)
{
    uint32_t n = 0;
    size_t i;
    for (i = 0; i < text.len && n <= 65535u; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10u + (uint32_t)(text.ptr[i] - '0');
    }
    *port = (uint16_t)n;
    return text.len != 0 && n != 0 && n <= 65535u;
}

/* Length of the host, brackets included; 0 if brackets or colons make no sense. */
VMC_FN size_t vmc_address_host_len(viamc_bytes text)
{
    size_t i;
    if (text.len != 0 && text.ptr[0] == '[') {
        for (i = 1; i < text.len && text.ptr[i] != ']'; i++)
            ;
        return i < text.len && i > 2u ? i + 1u : 0;
    }
    for (i = 0; i < text.len && text.ptr[i] != ':'; i++)
        ;
    return i;
}

VMC_FN bool vmc_address_is_unix(const char *text)
{
    return vmc_strlen(text) > 5u && vmc_same(text, "unix:", 5);
}

/* Reads an address; the views point into text. NULL: fine, else what is wrong with it. */
VMC_FN const char *vmc_address_parse(const char *text, uint16_t default_port, vmc_address *a)
{
    viamc_bytes core = vmc_address_core(vmc_bytes_of(viamc_text(text)));
    size_t host = vmc_address_host_len(core);
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->port = default_port;
    a->is_unix = vmc_address_is_unix(text);
    if (a->is_unix) {
        a->host = vmc_bytes_of(viamc_text(text));
        a->authority[0] = viamc_view("localhost", 9); /* a path is no authority */
        return NULL;
    }
    if (host == 0 || host > VMC_ADDRESS_HOST_MAX || !vmc_address_is_graphic(viamc_view(core.ptr, host)))
        return VMC_TEXT("address without a host: write host, host:port, [v6]:port or unix:/path");
    a->authority[0] = a->host = viamc_view(core.ptr, host);
    if (core.ptr[0] == '[')
        a->host = viamc_view(core.ptr + 1, host - 2u);
    a->authority[1] = viamc_view(core.ptr + host, core.len - host);
    if (host == core.len)
        a->authority[1] = vmc_bytes_of(viamc_text(default_port == 80u ? ":80" : ":443"));
    else if (core.ptr[host] != ':' || !vmc_address_port(viamc_view(core.ptr + host + 1u, core.len - host - 1u), &a->port))
        return VMC_TEXT("address with a wrong port: a number from 1 to 65535; IPv6 addresses are written [v6]:port");
    return NULL;
}

/* viam-wire.md 3.2: 8-4-4-4-12 or 32 hexadecimal digits. */
VMC_APART bool vmc_address_is_uuid(const char *s)
{
    size_t i, n = vmc_strlen(s), digits = 0;
    for (i = 0; i < n; i++) {
        char ch = s[i];
        bool dash = n == 36u && (i == 8u || i == 13u || i == 18u || i == 23u);
        bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
        if (dash ? ch != '-' : !hex)
            return false;
        digits += !dash;
    }
    return digits == 32u;
}

#endif
