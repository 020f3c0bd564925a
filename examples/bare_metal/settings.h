/* SPDX-License-Identifier: MIT */
/* Whom this board talks to: put yours here, or build with -DSETTINGS='"other.h"'. */
#define APP_ADDRESS "rover-main.abc.viam.cloud:8080" /* names the robot in its certificate; the line leads to it anyhow */
#define APP_KEY_ID "00000000-0000-0000-0000-000000000000"
#define APP_KEY "the key's secret"
#define APP_MOTOR "left"
#define APP_SENSOR "imu"
#define APP_CAMERA "camera"

/* Whom it trusts: tools/anchor.py --name app_anchors -o anchors.h root.pem; then include anchors.h here instead of this. */
#define APP_PLAINTEXT 1
/* Or the one key that it trusts: define APP_PINNED, and app_pin[32], the SHA-256 of the robot's SubjectPublicKeyInfo. */

/* A robot with TLS has static const uint8_t app_certificate[] and app_private_key[], both DER. */
