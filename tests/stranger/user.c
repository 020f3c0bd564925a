/* SPDX-License-Identifier: MIT */
/* A stranger's file that uses the header; the implementation is in another file of his, viamc_code.c. */
#include "viamc.h"
#include <stdio.h>

int main(void)
{
    printf("viamc %s, %s\n", viamc_version(), viamc_err_name(VIAMC_ERR_NOMEM));
    return 0;
}
