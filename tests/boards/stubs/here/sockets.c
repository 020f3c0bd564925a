/* SPDX-License-Identifier: MIT */
/* examples/sockets/socket_port.c as ESP-IDF and Zephyr have it, over this machine's sockets. */
#include "socket_port.h"
#include "system.h"
#include "check.h"

#ifdef ESP_PLATFORM

int64_t esp_timer_get_time(void)
{
    return (int64_t)here_now() * 1000;
}

void esp_fill_random(void *buf, size_t len)
{
    (void)here_random((uint8_t *)buf, len);
}

void vTaskDelay(TickType_t ticks)
{
    here_sleep(ticks * 10u);
}

#else

uint32_t k_uptime_get_32(void)
{
    return here_now();
}

int sys_csrand_get(void *dst, size_t len)
{
    return here_random((uint8_t *)dst, len) ? 0 : -1;
}

int32_t k_msleep(int32_t ms)
{
    here_sleep((uint32_t)ms);
    return 0;
}

#endif

static socket_port line;

/* As the program of the example sleeps. */
static void sleep_on_line(uint32_t ms)
{
    viamc_wait_hint wait;
    wait.ms = ms;
    wait.want = VIAMC_WANT_READ;
    socket_port_sleep(&line, &wait);
}

int main(int argc, char **argv)
{
    uint32_t begun = socket_port_now();
    if (argc != 4)
        return 2;
    socket_port_init(&line);
    sleep_on_line(20);
    if (socket_port_now() - begun > 1000u)
        return 3;
    return here_check(socket_client_port(), &line, argv);
}
