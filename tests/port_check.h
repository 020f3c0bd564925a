/* SPDX-License-Identifier: MIT */
/* Does a port keep what base/port promises? To be called on the board itself, with the port to be judged and a peer that echoes:
 *
 *     static const port_check_desc desc = {&my_port, &my_user, my_now, my_sleep, my_print, "10.0.0.2", 7007, 0, false};
 *     return port_check(&desc);                   number of complaints, each printed as a line
 *
 * The peer: tests/boards/echo.py PORT HOST, or anything that sends back what it gets and closes when it gets an octet 0. */
#ifndef PORT_CHECK_H
#define PORT_CHECK_H

#include "viamc.h"

typedef struct port_check_desc {
    const viamc_port *port;
    void *user;
    uint32_t (*now)(void);        /* ms */
    void (*sleep)(uint32_t ms);
    void (*print)(const char *text);
    const char *host;             /* where the peer is */
    uint16_t number;
    uint16_t dead;                /* a port of that host where nobody listens; 0: the line does not say so */
    bool mute;                    /* the line does not say that the peer closed (UART) */
} port_check_desc;

unsigned port_check(const port_check_desc *desc);

#endif
