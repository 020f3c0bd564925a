/* SPDX-License-Identifier: MIT */
/* Checks the line's port on the board: at its other end, or at APP_PEER, is tests/boards/echo.py. check.elf */
#include "board.h"
#include "line.h"
#include "../../tests/port_check.h"

#include SETTINGS
#ifndef APP_PEER /* a UART: whoever is there, and it does not say that he has gone */
#define APP_PEER ""
#define APP_PEER_PORT 0
#define APP_DEAD_PORT 0
#define APP_MUTE true
#else
#define APP_MUTE false
#endif

static void sleep_ms(uint32_t ms)
{
    line_poll();
    board_sleep(line_sleep(ms));
    line_poll();
}

int main(void)
{
    static port_check_desc desc;
    board_start();
    line_start();
    while (!line_ready())
        sleep_ms(10);
    desc.port = line_client_port();
    desc.user = line_user();
    desc.now = board_now;
    desc.sleep = sleep_ms;
    desc.print = board_print;
    desc.host = APP_PEER;
    desc.number = APP_PEER_PORT;
    desc.dead = APP_DEAD_PORT;
    desc.mute = APP_MUTE;
    (void)port_check(&desc);
    for (;;)
        board_sleep(1000);
}
