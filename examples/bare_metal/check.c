/* SPDX-License-Identifier: MIT */
/* Checks the UART's port on the board: at the other end of the line is tests/boards/echo.py. check.elf */
#include "board.h"
#include "../../tests/port_check.h"

int main(void)
{
    static uart_set line;
    static port_check_desc desc;
    board_start();
    line.uarts = board_wires();
    line.count = 1;
    desc.port = uart_client_port();
    desc.user = &line;
    desc.now = board_now;
    desc.sleep = board_sleep;
    desc.print = board_print;
    desc.host = "";
    desc.mute = true;
    (void)port_check(&desc);
    for (;;)
        board_sleep(1000);
}
