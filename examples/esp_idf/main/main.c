/* SPDX-License-Identifier: MIT */
/* ESP-IDF: the network by its own example's helper, the time by SNTP, then ../../sockets/main.c. Compiled against headers that name what
 * is used; on no chip was it run. The task needs 8 KiB of stack: a handshake takes up to 4.5. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "esp_err.h"
#include "esp_event.h"
#include "esp_netif.h"
#include "esp_netif_sntp.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "viamc.h"

viamc_err drive(uint64_t unix_time);
void app_main(void);

static void run(void *unused)
{
    (void)unused;
    printf("drive: %d\n", (int)drive((uint64_t)time(NULL)));
    vTaskDelete(NULL);
}

void app_main(void)
{
    esp_sntp_config_t clock = ESP_NETIF_SNTP_DEFAULT_CONFIG("pool.ntp.org");
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
    ESP_ERROR_CHECK(esp_netif_sntp_init(&clock));
    ESP_ERROR_CHECK(esp_netif_sntp_sync_wait(pdMS_TO_TICKS(10000)));
    (void)xTaskCreate(run, "viam", 8192, NULL, 5, NULL);
}
