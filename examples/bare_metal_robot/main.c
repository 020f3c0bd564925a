/* SPDX-License-Identifier: MIT */
/* A robot without operating system: a motor that others drive over UARTs, a driver on each, or over Ethernet. When a driver falls silent, its session ends
 * one window later and the motor stops. Built by ../bare_metal/Makefile: robot.elf. */
#include "board.h"
#include "line.h"
#include "viamc_proto.h"

#ifndef SETTINGS
#define SETTINGS "settings.h"
#endif
#include SETTINGS
#ifndef APP_PLAINTEXT
#define APP_PLAINTEXT 0
#endif

#define PEERS LINE_PEERS
#define REQUESTS 2

#if APP_PLAINTEXT
static uint8_t memory[VIAMC_SERVER_MEM_PLAIN(PEERS, REQUESTS, 0)];
#else
static uint8_t memory[VIAMC_SERVER_MEM_SMALL(PEERS, REQUESTS, 0)];
#endif

static struct wheel {
    double power; /* -1 to 1 */
} wheel;

/* ---- the motor ---- */

/* Here a real board sets the pulse width. */
static void turn(double power)
{
    static const char digit[] = "0123456789";
    char text[] = "power +0.00";
    unsigned percent = (unsigned)((power < 0 ? -power : power) * 100 + 0.5);
    wheel.power = power;
    text[6] = power < 0 ? '-' : '+';
    text[7] = digit[percent / 100u % 10u];
    text[9] = digit[percent / 10u % 10u];
    text[10] = digit[percent % 10u];
    board_print(text);
    board_print_count(" at ", board_now(), " ms\r\n");
}

static viamc_err set_power(viamc_request *rq, const viam_component_motor_v1_SetPowerRequest *q)
{
    if (!(q->power_pct >= -1 && q->power_pct <= 1))
        return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, "power_pct must be from -1 to 1");
    turn(q->power_pct);
    return viamc_motor_set_power_answer(rq, NULL);
}

static viamc_err stop(viamc_request *rq, const viam_component_motor_v1_StopRequest *q)
{
    (void)q;
    turn(0);
    return viamc_motor_stop_answer(rq, NULL);
}

static viamc_err is_powered(viamc_request *rq, const viam_component_motor_v1_IsPoweredRequest *q)
{
    viam_component_motor_v1_IsPoweredResponse out = VIAMC_ZERO;
    (void)q;
    out.power_pct = wheel.power;
    out.is_on = wheel.power != 0;
    return viamc_motor_is_powered_answer(rq, &out);
}

static viamc_err is_moving(viamc_request *rq, const viam_component_motor_v1_IsMovingRequest *q)
{
    viam_component_motor_v1_IsMovingResponse out = VIAMC_ZERO;
    (void)q;
    out.is_moving = wheel.power != 0;
    return viamc_motor_is_moving_answer(rq, &out);
}

/* ---- who comes and goes ---- */

static void print_str(viamc_str text)
{
    char part[65];
    size_t n = text.len < sizeof part - 1 ? text.len : sizeof part - 1;
    memcpy(part, text.ptr, n);
    part[n] = '\0';
    board_print(part);
}

static void on_event(void *user, const viamc_server_event *ev)
{
    (void)user;
    switch (ev->kind) {
    case VIAMC_SEV_CAME: board_print("came: "); print_str(ev->text); break;
    case VIAMC_SEV_SECURED: board_print("secured: "); print_str(ev->text); break;
    case VIAMC_SEV_KNOWN: board_print("ready: "); print_str(ev->text); break;
    case VIAMC_SEV_REFUSED: board_print("refused: "); print_str(ev->text); break;
    case VIAMC_SEV_LEFT: board_print("left: "); board_print(ev->error.what); break;
    case VIAMC_SEV_SESSION: board_print("session"); break;
    case VIAMC_SEV_EXPIRED: board_print_count("session over, ", ev->ms, " ms after its last heartbeat"); break;
    default: return;
    }
    board_print("\r\n");
}

/* ---- the program ---- */

static __attribute__((noinline)) viamc_err start(viamc_server **server)
{
    static viamc_motor_ops motor;
    static const viamc_api_key key = {APP_KEY_ID, APP_KEY};
    viamc_server_desc desc = VIAMC_ZERO;
    viamc_err err;
#if !APP_PLAINTEXT
    static const viamc_bytes chain[] = {{app_certificate, sizeof app_certificate}};
    desc.cert_chain = chain;
    desc.cert_count = 1;
    desc.key = viamc_view(app_private_key, sizeof app_private_key);
#endif
    desc.port = line_server_port();
    desc.port_user = line_user();
    desc.profile = VIAMC_BOARD;
    desc.max_peers = PEERS;
    desc.max_requests = REQUESTS;
    desc.api_keys = &key;
    desc.api_key_count = APP_PLAINTEXT ? 0 : 1; /* a key in plaintext is none */
    desc.on_event = on_event;
    motor.set_power = set_power;
    motor.stop = stop;
    motor.is_powered = is_powered;
    motor.is_moving = is_moving;
    if ((err = viamc_server_init(memory, sizeof memory, &desc, server)) != VIAMC_OK)
        return err;
    return viamc_server_add_motor(*server, APP_MOTOR, &motor, NULL);
}

int main(void)
{
    static char why[100];
    viamc_server *server = NULL;
    viamc_wait_hint wait;
    board_start();
    line_start();
    while (!line_ready()) {
        line_poll();
        board_sleep(line_sleep(10));
    }
    if (start(&server) != VIAMC_OK) {
        (void)viamc_server_explain(server, why, sizeof why);
        board_print(why);
        return 1;
    }
    board_print("serving\r\n");
    for (;;) {
        line_poll();
        (void)viamc_server_poll(server, board_now());
        viamc_server_wait(server, board_now(), &wait);
        if ((wait.want & VIAMC_WANT_WRITE) == 0)
            board_sleep(line_sleep(wait.ms));
    }
}
