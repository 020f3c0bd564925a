/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
enum { LOW = 0, HIGH = 1, INPUT_PULLUP = 5 };
uint32_t millis();
void delay(uint32_t ms);
void pinMode(int pin, int mode);
int digitalRead(int pin);
void configTime(long zone, int summer, const char *server);
void esp_fill_random(void *buf, size_t len);
struct HardwareSerial {
    void begin(unsigned long baud);
    size_t println(const char *text);
};
extern HardwareSerial Serial;
