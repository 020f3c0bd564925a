/* SPDX-License-Identifier: MIT */
/* The typed calls: viamc_proto.h, with the implementation of both headers here. Run without arguments it calls nobody. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    viamc_client *robot = NULL;
    viamc_call call;

    if (argc > 1)
        return viamc_motor_set_power(robot, argv[1], 0.5, NULL, &call);
    printf("viamc %s, %s\n", viamc_version(), viamc_err_name(VIAMC_ERR_NOMEM));
    return 0;
}
