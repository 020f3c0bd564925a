/* SPDX-License-Identifier: MIT */
/* codec/dns: any octets as a packet, as an answer to our question, as /etc/hosts and as /etc/resolv.conf. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "fuzz.h"

#define NAME "rover.viam.cloud"

/* Whether the text of a name says something else: one with control characters, or with dots inside its labels. */
static bool is_odd(viamc_bytes in, size_t at)
{
    vmc_dns_name n = vmc_dns_name_at(in, at);
    viamc_bytes label;
    size_t i;
    while (vmc_dns_label(&n, &label))
        for (i = 0; i < label.len; i++)
            if (label.ptr[i] < 0x20u || label.ptr[i] == 0x7fu || label.ptr[i] == '.')
                return true;
    return false;
}

static void walk(viamc_bytes in)
{
    vmc_dns_packet p;
    vmc_dns_record rec;
    size_t count = 0;
    if (!vmc_dns_open(in, &p))
        return;
    while (vmc_dns_next_record(&p, &rec)) {
        char text[VMC_DNS_MAX_NAME];
        vmc_wr w = vmc_wr_of(text, sizeof text);
        vmc_dns_srv srv;
        viamc_bytes string, data = rec.data;
        FUZZ_CHECK(++count <= 4u * 65535u && fuzz_inside(rec.data, in));
        if (vmc_dns_name_text(in, rec.name, &w) && !w.full && !is_odd(in, rec.name)) {
            viamc_str s;
            s.ptr = text;
            s.len = w.len;
            FUZZ_CHECK(!vmc_dns_name_good(s) || vmc_dns_name_is(in, rec.name, s));
        }
        FUZZ_CHECK(vmc_dns_same_name(in, rec.name, rec.name) || vmc_dns_name_end(in, rec.name) == 0);
        (void)vmc_dns_data_is_name(in, &rec);
        if (vmc_dns_read_srv(in, &rec, &srv))
            FUZZ_CHECK(vmc_dns_name_end(in, srv.target) != 0);
        while (vmc_dns_next_string(&data, &string))
            FUZZ_CHECK(fuzz_inside(string, in));
    }
}

static void answer(viamc_bytes in, uint16_t type)
{
    vmc_dns_result res;
    viamc_err err;
    memset(&res, 0, sizeof res);
    err = vmc_dns_answer(in, (uint16_t)(in.len < 2u ? 0 : vmc_be16(in.ptr)), viamc_text(NAME), type, &res);
    FUZZ_CHECK((err == VIAMC_OK) == (res.addrs.count != 0));
    FUZZ_CHECK(err == VIAMC_OK || err == VIAMC_WAIT || err == VIAMC_ERR_DNS || err == VIAMC_ERR_MESSAGE);
}

static void files(viamc_bytes in, size_t piece)
{
    vmc_dns_hosts hosts[2];
    vmc_dns_conf conf[2];
    viamc_bytes rest = in;
    vmc_dns_hosts_begin(&hosts[0], viamc_text(NAME));
    vmc_dns_hosts_begin(&hosts[1], viamc_text(NAME));
    vmc_dns_conf_begin(&conf[0]);
    vmc_dns_conf_begin(&conf[1]);
    vmc_dns_hosts_feed(&hosts[0], in);
    vmc_dns_conf_feed(&conf[0], in);
    while (rest.len != 0) {
        viamc_bytes part = fuzz_take(&rest, piece);
        vmc_dns_hosts_feed(&hosts[1], part);
        vmc_dns_conf_feed(&conf[1], part);
    }
    FUZZ_CHECK(memcmp(&hosts[0].found, &hosts[1].found, sizeof hosts[0].found) == 0);
    FUZZ_CHECK(conf[0].count == conf[1].count && memcmp(conf[0].server, conf[1].server, sizeof conf[0].server) == 0);
    FUZZ_CHECK(conf[0].ndots == conf[1].ndots && conf[0].timeout_s >= 1u && conf[0].timeout_s <= 30u && conf[0].attempts <= 5u);
}

static void fuzz_one(viamc_bytes in)
{
    uint8_t piece = fuzz_u8(&in);
    walk(in);
    answer(in, VMC_DNS_A);
    answer(in, VMC_DNS_AAAA);
    files(in, (size_t)piece % 16u + 1u);
}
