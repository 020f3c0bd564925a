/* SPDX-License-Identifier: MIT */
/* codec/mdns: any octets as datagrams of strangers on the local network. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

#define NAME "rover-main.abc.viam.cloud"

static void look(viamc_bytes packet)
{
    vmc_mdns m;
    vmc_mdns_hit hit;
    viamc_str name;
    unsigned hits = 0;
    if (!vmc_mdns_open(&m, packet))
        return;
    while (vmc_mdns_next(&m, &hit)) {
        FUZZ_CHECK(++hits <= VMC_MDNS_MAX_RECORDS * VMC_MDNS_MAX_RECORDS / 4u);
        FUZZ_CHECK(hit.len != 0 && hit.len < sizeof hit.text && hit.port != 0 && hit.ip[0] != 0 && hit.ip[0] < 224u);
        FUZZ_CHECK(fuzz_inside(viamc_view(hit.ip, 4), packet));
        name.ptr = hit.text;
        name.len = hit.len;
        FUZZ_CHECK(vmc_mdns_same(name, name));
        FUZZ_CHECK(vmc_mdns_same(name, viamc_text(NAME)) == vmc_mdns_same(viamc_text(NAME), name));
    }
}

static void fuzz_one(viamc_bytes in)
{
    static viamc_found f[5];
    viamc_bytes first = fuzz_take(&in, (size_t)fuzz_u8(&in) * 8u);
    size_t i, n;
    look(first);
    look(in);
    n = viamc_find_add(first, f, 4, 0);
    n = viamc_find_add(in, f, 4, n);
    FUZZ_CHECK(n <= 4);
    FUZZ_CHECK(n == 4 || viamc_find_add(in, f, 4, n) == n); /* once each */
    for (i = 0; i < n; i++) {
        vmc_dns_addr addr;
        viamc_str address = viamc_text(f[i].address);
        FUZZ_CHECK(f[i].name[0] != '\0' && strlen(f[i].name) < sizeof f[i].name);
        FUZZ_CHECK(vmc_dns_parse_addr(vmc_dns_part(address, 0, vmc_dns_until(address, ':')), &addr));
    }
}
