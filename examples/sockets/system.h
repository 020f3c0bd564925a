/* SPDX-License-Identifier: MIT */
/* The names that ESP-IDF and Zephyr have for the same things. Part of socket_port.c. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <errno.h>

#if defined(ESP_PLATFORM)

#include "esp_random.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "lwip/netdb.h"
#include "lwip/sockets.h"

#define SYS(name) name
typedef struct addrinfo sys_addrinfo;
typedef struct pollfd sys_pollfd;
#define SYS_POLLIN POLLIN
#define SYS_POLLOUT POLLOUT

static inline viamc_ms sys_now(void)
{
    return (viamc_ms)(esp_timer_get_time() / 1000);
}

/* Truly random while WiFi or Bluetooth is on: so the manual of esp_fill_random, and a client without network has nothing to hide. */
static inline bool sys_random(uint8_t *out, size_t len)
{
    esp_fill_random(out, len);
    return true;
}

static inline void sys_nap(uint32_t ms)
{
    vTaskDelay(pdMS_TO_TICKS(ms) != 0 ? pdMS_TO_TICKS(ms) : 1);
}

#elif defined(__ZEPHYR__)

#include <zephyr/kernel.h>
#include <zephyr/net/socket.h>
#include <zephyr/random/random.h>

#define SYS(name) zsock_##name
typedef struct zsock_addrinfo sys_addrinfo;
typedef struct zsock_pollfd sys_pollfd;
#define SYS_POLLIN ZSOCK_POLLIN
#define SYS_POLLOUT ZSOCK_POLLOUT

static inline viamc_ms sys_now(void)
{
    return k_uptime_get_32();
}

static inline bool sys_random(uint8_t *out, size_t len)
{
    return sys_csrand_get(out, len) == 0;
}

static inline void sys_nap(uint32_t ms)
{
    (void)k_msleep((int32_t)ms);
}

#else
#error "ESP-IDF or Zephyr: a port for another system needs these names of it"
#endif

#endif
