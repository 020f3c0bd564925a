/* SPDX-License-Identifier: MIT */
/* A stranger's whole program, in C and in C++: the implementation is in this file. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include <stdio.h>

int main(void)
{
    printf("viamc %s, %s\n", viamc_version(), viamc_err_name(VIAMC_ERR_NOMEM));
    return 0;
}
