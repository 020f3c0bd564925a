/* SPDX-License-Identifier: MIT */
/* Which robots are on the local network? A line for each address of each: name, address.
 *
 *     cc -o find find.c -lbearssl
 *     ./find [SECONDS]
 *
 * Anybody can announce anything: only the certificate tells whether it is so. Dial the name as it stands here, without a port, and it is
 * found and verified; or the address, with the name as dial.server_name. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    viamc_found robots[32];
    size_t i, count = 0;
    double seconds = argc > 1 ? atof(argv[1]) : 1.5;
    viamc_err err;
    if (argc > 2 || !(seconds > 0 && seconds < 3600)) {
        fprintf(stderr, "usage: find [SECONDS]\n");
        return 2;
    }
    err = viamc_posix_find(robots, 32, (uint32_t)(seconds * 1000), &count);
    if (err != VIAMC_OK)
        return viamc_posix_explain(NULL, "find", err);
    for (i = 0; i < count; i++)
        printf("%s %s\n", robots[i].name, robots[i].address);
    return count == 0;
}
