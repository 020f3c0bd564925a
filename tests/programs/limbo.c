/* SPDX-License-Identifier: MIT */
/* One certificate case per line on standard input, one verdict per line on standard output: the part of tests/test_limbo.py that is C.
 *
 *     NAME UNIX-TIME COUNT-OF-ROOTS HEX-OF-EACH-ROOT... COUNT-OF-CHAIN HEX-OF-EACH-CERTIFICATE...
 *
 * NAME is "-" for none. The verdict is "yes", or "no" with the reason. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4 << 20, CERTS_MAX = 256 };

typedef struct limbo_list {
    viamc_bytes cert[CERTS_MAX];
    unsigned count;
} limbo_list;

static viamc_err next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    const limbo_list *roots = (const limbo_list *)user;
    if (index >= roots->count)
        return VIAMC_ERR_NOT_FOUND;
    if (roots->cert[index].len > cap)
        return VIAMC_ERR_NOMEM;
    memcpy(der, roots->cert[index].ptr, roots->cert[index].len);
    *len = roots->cert[index].len;
    return VIAMC_OK;
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Decodes a list in place. */
static void read_list(limbo_list *list)
{
    unsigned i, n = (unsigned)atoi(strtok(NULL, " \n"));
    list->count = n < CERTS_MAX ? n : (unsigned)CERTS_MAX;
    for (i = 0; i < n; i++) {
        char *hex = strtok(NULL, " \n");
        size_t k, len = strlen(hex) / 2;
        for (k = 0; k < len; k++)
            ((uint8_t *)hex)[k] = (uint8_t)(digit(hex[2 * k]) * 16 + digit(hex[2 * k + 1]));
        if (i < list->count)
            list->cert[i] = viamc_view(hex, len);
    }
}

static void feed(const br_x509_class **ctx, viamc_bytes cert)
{
    size_t at, n;
    (*ctx)->start_cert(ctx, (uint32_t)cert.len);
    for (at = 0; at < cert.len; at += n) {
        n = cert.len - at < 256 ? cert.len - at : 256;
        (*ctx)->append(ctx, cert.ptr + at, n);
    }
    (*ctx)->end_cert(ctx);
}

static void judge(const char *name, uint64_t now, limbo_list *roots, const limbo_list *chain)
{
    static uint64_t memory[(VMC_TRUST_BYTES + VMC_TRUST_ROOT_BYTES) / 8u];
    vmc_tls_client_desc d;
    vmc_trust *tr;
    const br_x509_class **ctx;
    char dns[VMC_TRUST_NAME_MAX + 1u];
    uint8_t ip[16];
    size_t ip_len;
    unsigned i, code;
    memset(&d, 0, sizeof d);
    d.unix_time = now;
    d.next_root = next_root;
    d.next_root_user = roots;
    d.trust = memory;
    ip_len = vmc_ip_of(viamc_text(name), ip);
    dns[0] = '\0';
    if (ip_len == 0 && strcmp(name, "-") != 0 && !vmc_trust_dns_name(viamc_text(name), dns)) {
        printf("no 0 server name is neither a DNS name nor an address\n");
        return;
    }
    tr = vmc_trust_open(&d, ip, ip_len);
    ctx = &tr->vtable;
    (*ctx)->start_chain(ctx, dns);
    for (i = 0; i < chain->count; i++)
        feed(ctx, chain->cert[i]);
    code = (*ctx)->end_chain(ctx);
    if (code == 0)
        printf("yes\n");
    else
        printf("no %u %s\n", code, tr->what);
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    static limbo_list roots, chain;
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *name = strtok(line, " \n");
        uint64_t now = strtoull(strtok(NULL, " \n"), NULL, 10);
        read_list(&roots);
        read_list(&chain);
        judge(name, now, &roots, &chain);
        (void)fflush(stdout);
    }
    return 0;
}
