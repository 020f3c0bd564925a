/* SPDX-License-Identifier: MIT */
/* An Arduino sketch (ESP32): while a button is held the motor turns; let go, or lost, it stops. Beside it lie viamc.h and the sources of BearSSL
 * and nanopb as libraries. Compiled against headers that name what is used; on no board was it run. */
#include <Arduino.h>
#include <WiFi.h>

#define VIAMC_PROFILE_BOARD
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include "client_port.h"
#include "settings.h" /* APP_ADDRESS, APP_KEY_ID, APP_KEY, APP_MOTOR, app_anchors, as in ../../bare_metal; APP_WIFI, APP_PASSWORD */

static const int BUTTON = 0;
static const uint32_t EVERY_MS = 100;

static uint8_t memory[VIAMC_CLIENT_MEM_SMALL(2, 0)];
static WiFiClient wifi;
static client_port line;
static viamc_client *robot;
static bool driving;
static uint32_t drive_at;

static bool board_random(uint8_t *out, size_t len)
{
    esp_fill_random(out, len); /* truly random while WiFi is on */
    return true;
}

static viamc_err start()
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    line.client = &wifi;
    line.random = board_random;
    desc.port = client_port_functions();
    desc.port_user = &line;
    desc.profile = VIAMC_BOARD;
    desc.max_calls = 2;
    dial.address = APP_ADDRESS;
    dial.api_key = APP_KEY;
    dial.api_key_id = APP_KEY_ID;
    dial.anchors = app_anchors;
    dial.anchor_count = app_anchors_count;
    dial.unix_time = (uint64_t)time(NULL);
    dial.attempts = VIAMC_FOREVER;
    viamc_err err = viamc_client_init(memory, sizeof memory, &desc, &robot);
    return err == VIAMC_OK ? viamc_dial(robot, &dial) : err;
}

void setup()
{
    Serial.begin(115200);
    pinMode(BUTTON, INPUT_PULLUP);
    WiFi.begin(APP_WIFI, APP_PASSWORD);
    while (WiFi.status() != WL_CONNECTED)
        delay(100);
    configTime(0, 0, "pool.ntp.org");
    while (time(NULL) < 1577836800) /* 2020: the clock is not set yet */
        delay(100);
    viamc_err err = start();
    if (err != VIAMC_OK)
        Serial.println(viamc_err_name(err));
}

static void drive()
{
    viamc_opts opts = VIAMC_ZERO;
    bool held = digitalRead(BUTTON) == LOW;
    if (viamc_state(robot) != VIAMC_READY)
        return; /* what was driven still is, if the session is resumed: then the button counts again */
    if (held && (int32_t)(millis() - drive_at) >= 0) {
        drive_at = millis() + EVERY_MS;
        opts.replace = true;
        driving = viamc_motor_set_power(robot, APP_MOTOR, 0.3, &opts, NULL) == VIAMC_OK || driving;
    } else if (!held && driving)
        driving = viamc_motor_stop(robot, APP_MOTOR, NULL, NULL) != VIAMC_OK;
}

void loop()
{
    viamc_event ev;
    viamc_wait_hint wait;
    if (robot == NULL || viamc_poll(robot, millis()) != VIAMC_OK)
        return;
    while (viamc_next_event(robot, &ev))
        if (ev.kind == VIAMC_EV_LOST)
            Serial.println("lost");
    drive();
    viamc_wait(robot, millis(), &wait);
    if (wait.ms != 0 && wifi.available() == 0)
        delay(1); /* Client cannot be waited on */
}
