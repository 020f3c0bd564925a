/* SPDX-License-Identifier: MIT */
/* What a unary call of 100 octets costs: unary ADDRESS CALLS, plaintext, one call outstanding, port_posix.
 * Counted by callgrind as the difference of two runs (tools/figures.py). */
#define VIAMC_NO_TLS
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t memory[VIAMC_CLIENT_MEM_PLAIN(4, 4096)];
static uint8_t message[102] = {0x0a, 100};

int main(int argc, char **argv)
{
    viamc_posix posix;
    viamc_client *robot;
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_call call;
    viamc_err err;
    long calls = argc > 2 ? atol(argv[2]) : 1;
    desc.profile = VIAMC_BOARD;
    desc.no_tls = true;
    dial.address = argc > 1 ? argv[1] : "";
    dial.insecure = true;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &robot)) != VIAMC_OK
        || (err = viamc_posix_ready(&posix, 5000)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "unary", err);
    while (calls-- > 0)
        if ((err = viamc_call_bytes(robot, "/bench.Echo/Unary", viamc_view(message, sizeof message), NULL, &call)) != VIAMC_OK
            || (err = viamc_posix_finish(&posix, call, 5000, NULL)) != VIAMC_OK)
            return viamc_posix_explain(&posix, "unary", err);
    viamc_client_close(robot);
    viamc_posix_close(&posix);
    return 0;
}
