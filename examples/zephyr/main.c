/* SPDX-License-Identifier: MIT */
/* Zephyr: the network by CONFIG_NET_CONFIG_SETTINGS, the time by SNTP, then ../sockets/main.c. Compiled against headers that name what is
 * used; on no chip was it run. */
#include <stdint.h>
#include <zephyr/net/sntp.h>
#include <zephyr/sys/printk.h>

#include "viamc.h"

viamc_err drive(uint64_t unix_time);

int main(void)
{
    struct sntp_time clock = {0};
    if (sntp_simple("pool.ntp.org", 10000, &clock) != 0)
        printk("no time: certificates cannot be checked\n");
    printk("drive: %d\n", (int)drive(clock.seconds));
    return 0;
}
