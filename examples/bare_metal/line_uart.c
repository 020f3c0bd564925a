/* SPDX-License-Identifier: MIT */
#include "board.h"
#include "line.h"

static uart_set line;

void line_start(void)
{
    line.uarts = board_wires();
    line.count = LINE_PEERS;
}

const viamc_port *line_client_port(void)
{
    return uart_client_port();
}

const viamc_port *line_server_port(void)
{
    return uart_server_port();
}

void *line_user(void)
{
    return &line;
}

bool line_ready(void)
{
    return true;
}

void line_poll(void)
{
}

uint32_t line_waiting(void)
{
    uint32_t octets = 0;
    unsigned i;
    for (i = 0; i < line.count; i++)
        octets += uart_waiting(line.uarts[i]);
    return octets;
}

/* That a line has been silent long enough after a goodbye is noticed by asking (uart_accept). */
uint32_t line_sleep(uint32_t ms)
{
    return ms < 10u ? ms : 10u;
}
