/* SPDX-License-Identifier: MIT */
/* A viamc port over the sockets of an RTOS: ESP-IDF or Zephyr. For one client, in the task that polls it.
 * Compiled against headers that name what is used; on no chip was it run. */
#ifndef SOCKET_PORT_H
#define SOCKET_PORT_H

#include "viamc.h"

/* Of fixed size, kept where it is; begin with socket_port_init. */
typedef struct socket_port {
    int fd;          /* -1: none */
    bool connecting;
} socket_port;

void socket_port_init(socket_port *p);
const viamc_port *socket_client_port(void);                        /* user: a socket_port */
viamc_ms socket_port_now(void);
void socket_port_sleep(socket_port *p, const viamc_wait_hint *wait); /* until octets came, there is room, or the time is over */

#endif
