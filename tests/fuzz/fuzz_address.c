/* SPDX-License-Identifier: MIT */
/* client/address, tls names: any text as a dial address, as the name in a certificate, as an IP address. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

static void fuzz_one(viamc_bytes in)
{
    static char text[FUZZ_MAX + 1];
    uint8_t ip[16], own[VMC_TRUST_NAME_MAX + 1u];
    char dns[VMC_TRUST_NAME_MAX + 1u];
    vmc_address a;
    viamc_bytes all;
    vmc_copy(text, in.ptr, in.len);
    text[in.len] = '\0';
    all = viamc_view(text, vmc_strlen(text));
    if (vmc_address_parse(text, 443, &a) == NULL) {
        FUZZ_CHECK(fuzz_inside(a.host, all) && a.port != 0);
        FUZZ_CHECK(a.is_unix || (a.host.len <= VMC_ADDRESS_HOST_MAX && fuzz_inside(a.authority[0], all)));
    }
    (void)vmc_address_is_uuid(text);
    FUZZ_CHECK(vmc_ip_of(viamc_text(text), ip) <= sizeof ip);
    if (vmc_trust_dns_name(viamc_text(text), dns)) {
        FUZZ_CHECK(vmc_strlen(dns) <= VMC_TRUST_NAME_MAX && vmc_strlen(dns) <= all.len);
        vmc_copy(own, dns, vmc_strlen(dns));
    }
}
