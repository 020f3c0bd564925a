/* SPDX-License-Identifier: MIT */
#pragma once
typedef int esp_err_t;
void esp_error_check_failed(esp_err_t err);
#define ESP_ERROR_CHECK(x) do { esp_err_t failed = (x); if (failed != 0) esp_error_check_failed(failed); } while (0)
