/* SPDX-License-Identifier: MIT */
/* A robot: motor "left", base "base", sensor "imu", over TLS with an API key. Prints who comes and what happens. When a driver dies, its
 * session ends one window later, and the robot stops what that driver moved.
 *
 *     cc -o robot robot.c -lbearssl -lprotobuf-nanopb
 *     ./robot [--listen HOST:PORT|unix:PATH] [--cert PEM --key PEM] [--api-key-id ID --api-key KEY] */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static uint8_t memory[VIAMC_SERVER_MEM(4, 4, 0)]; /* 4 drivers at once, 4 calls each */
static volatile sig_atomic_t ended;
static viamc_ms started;

static void say(const char *who, const char *what)
{
    viamc_ms t = viamc_posix_now() - started;
    printf("%4lu.%03lu s  %-8s %s\n", (unsigned long)(t / 1000), (unsigned long)(t % 1000), who, what);
    fflush(stdout);
}

/* ---- a motor ---- */

struct wheel {
    const char *name;
    double power;
};

static viamc_err set_power(viamc_request *rq, const viam_component_motor_v1_SetPowerRequest *q)
{
    struct wheel *w = (struct wheel *)viamc_request_user(rq);
    char text[40];
    if (!(q->power_pct >= -1 && q->power_pct <= 1))
        return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, "power_pct must be from -1 to 1");
    w->power = q->power_pct; /* here the pulse width would be set */
    snprintf(text, sizeof text, "power %+.2f", w->power);
    say(w->name, text);
    return viamc_motor_set_power_answer(rq, NULL); /* or viamc_request_keep(rq) and answer from a later loop */
}

static viamc_err wheel_stop(viamc_request *rq, const viam_component_motor_v1_StopRequest *q)
{
    struct wheel *w = (struct wheel *)viamc_request_user(rq);
    (void)q;
    w->power = 0;
    say(w->name, "stop");
    return viamc_motor_stop_answer(rq, NULL);
}

static viamc_err wheel_is_powered(viamc_request *rq, const viam_component_motor_v1_IsPoweredRequest *q)
{
    viam_component_motor_v1_IsPoweredResponse out = VIAMC_ZERO;
    (void)q;
    out.power_pct = ((struct wheel *)viamc_request_user(rq))->power;
    out.is_on = out.power_pct != 0;
    return viamc_motor_is_powered_answer(rq, &out);
}

static viamc_err wheel_is_moving(viamc_request *rq, const viam_component_motor_v1_IsMovingRequest *q)
{
    viam_component_motor_v1_IsMovingResponse out = VIAMC_ZERO;
    (void)q;
    out.is_moving = ((struct wheel *)viamc_request_user(rq))->power != 0;
    return viamc_motor_is_moving_answer(rq, &out);
}

/* ---- a base of such wheels ---- */

static viamc_err base_set_power(viamc_request *rq, const viam_component_base_v1_SetPowerRequest *q)
{
    struct wheel *w = (struct wheel *)viamc_request_user(rq);
    char text[60];
    w->power = q->has_linear ? q->linear.y : 0;
    snprintf(text, sizeof text, "linear %+.2f, angular %+.2f", w->power, q->has_angular ? q->angular.z : 0);
    say(w->name, text);
    return viamc_base_set_power_answer(rq, NULL);
}

static viamc_err base_set_velocity(viamc_request *rq, const viam_component_base_v1_SetVelocityRequest *q)
{
    struct wheel *w = (struct wheel *)viamc_request_user(rq);
    char text[60];
    w->power = q->has_linear ? q->linear.y : 0;
    snprintf(text, sizeof text, "%+.0f mm/s, %+.0f degrees/s", w->power, q->has_angular ? q->angular.z : 0);
    say(w->name, text);
    return viamc_base_set_velocity_answer(rq, NULL);
}

static viamc_err base_stop(viamc_request *rq, const viam_component_base_v1_StopRequest *q)
{
    struct wheel *w = (struct wheel *)viamc_request_user(rq);
    (void)q;
    w->power = 0;
    say(w->name, "stop");
    return viamc_base_stop_answer(rq, NULL);
}

static viamc_err base_is_moving(viamc_request *rq, const viam_component_base_v1_IsMovingRequest *q)
{
    viam_component_base_v1_IsMovingResponse out = VIAMC_ZERO;
    (void)q;
    out.is_moving = ((struct wheel *)viamc_request_user(rq))->power != 0;
    return viamc_base_is_moving_answer(rq, &out);
}

/* ---- a sensor ---- */

static viamc_err imu_get_readings(viamc_request *rq, const viam_common_v1_GetReadingsRequest *q)
{
    viam_common_v1_GetReadingsResponse out = VIAMC_ZERO;
    viamc_struct_writer w;
    uint8_t buf[128];
    viamc_bytes encoded;
    (void)q;
    viamc_struct_begin(&w, buf, sizeof buf);
    viamc_struct_number(&w, "pitch_deg", -1.5);
    viamc_struct_number(&w, "roll_deg", 0.25);
    viamc_struct_number(&w, "uptime_s", (double)(viamc_posix_now() - started) / 1000);
    if (viamc_struct_end(&w, &encoded) != VIAMC_OK)
        return VIAMC_ERR_NOMEM;
    out.readings = viamc_struct_fields(encoded);
    say("imu", "read");
    return viamc_sensor_get_readings_answer(rq, &out);
}

/* ---- the timeline ---- */

static void on_event(void *user, const viamc_server_event *ev)
{
    char who[12], what[160];
    (void)user;
    snprintf(who, sizeof who, ev->peer == 255 ? "robot" : "peer %u", (unsigned)ev->peer);
    switch (ev->kind) {
    case VIAMC_SEV_CAME: snprintf(what, sizeof what, "came from %.*s", VIAMC_ARG(ev->text)); break;
    case VIAMC_SEV_SECURED: snprintf(what, sizeof what, "secured by %.*s after %lu ms", VIAMC_ARG(ev->text), (unsigned long)ev->ms); break;
    case VIAMC_SEV_KNOWN: snprintf(what, sizeof what, "ready after %lu ms, key %.*s", (unsigned long)ev->ms, VIAMC_ARG(ev->text)); break;
    case VIAMC_SEV_REFUSED: snprintf(what, sizeof what, "refused: wrong key for %.*s", VIAMC_ARG(ev->text)); break;
    case VIAMC_SEV_LEFT: snprintf(what, sizeof what, "left: %s", ev->error.what); break;
    case VIAMC_SEV_SESSION: snprintf(what, sizeof what, "session %s, window %lu ms", ev->number ? "resumed" : "started", (unsigned long)ev->ms); break;
    case VIAMC_SEV_HEARTBEAT: snprintf(what, sizeof what, "heartbeat, %lu ms after the last", (unsigned long)ev->ms); break;
    case VIAMC_SEV_EXPIRED: snprintf(what, sizeof what, "session over, %lu ms after its last heartbeat", (unsigned long)ev->ms); break;
    case VIAMC_SEV_STOPPED: snprintf(what, sizeof what, "%.*s stopped", VIAMC_ARG(ev->name)); break;
    default: return;
    }
    say(who, what);
}

/* ---- options: "--name value". One that is unknown or half given ends the program: a typo must not open the robot to everybody ---- */

enum { LISTEN, CERT, KEY, API_KEY_ID, API_KEY, OPTIONS };
static const char *const names[OPTIONS] = {"--listen", "--cert", "--key", "--api-key-id", "--api-key"};
static const char *given[OPTIONS];

static bool refuse(const char *name, const char *why)
{
    fprintf(stderr, "robot: %s: %s\n", name, why);
    return false;
}

static bool read_options(int argc, char **argv)
{
    int i, k;
    for (i = 1; i < argc; i += 2) {
        for (k = 0; k < OPTIONS && strcmp(argv[i], names[k]) != 0; k++) {}
        if (k == OPTIONS)
            return refuse(argv[i], "no such option");
        if (i + 1 == argc || argv[i + 1][0] == '\0')
            return refuse(argv[i], "has no value");
        given[k] = argv[i + 1];
    }
    for (i = CERT; i < OPTIONS; i += 2) /* pairs */
        if ((given[i] == NULL) != (given[i + 1] == NULL))
            return refuse(names[given[i] == NULL ? i : i + 1], "is missing, its other half is given");
    return true;
}

/* ---- the program ---- */

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static int fail(const char *what, viamc_err err)
{
    fprintf(stderr, "robot: %s: %s\n", what, viamc_err_name(err));
    return 1;
}

static bool added(const char *name, viamc_err err)
{
    if (err == VIAMC_ERR_ARG)
        return refuse(name, "its name is wrong or taken, or its ops lack stop");
    return err == VIAMC_OK || refuse(name, err == VIAMC_ERR_NOMEM ? "more than desc.max_resources" : viamc_err_name(err));
}

static bool add_resources(viamc_server *server)
{
    static struct wheel left = {"left", 0}, wheels = {"base", 0};
    static viamc_motor_ops motor; /* filled by name: a new method never shifts an old one */
    static viamc_base_ops base;
    static viamc_sensor_ops imu;
    motor.set_power = set_power;
    motor.stop = wheel_stop;
    motor.is_powered = wheel_is_powered;
    motor.is_moving = wheel_is_moving;
    motor.user = &left; /* kept, like motor itself */
    base.set_power = base_set_power;
    base.set_velocity = base_set_velocity;
    base.stop = base_stop;
    base.is_moving = base_is_moving;
    base.user = &wheels;
    imu.get_readings = imu_get_readings;
    return added("motor left", viamc_server_add_motor(server, "left", &motor, NULL)) && added("base", viamc_server_add_base(server, "base", &base, NULL))
        && added("sensor imu", viamc_server_add_sensor(server, "imu", &imu, NULL));
}

int main(int argc, char **argv)
{
    static uint8_t der[16384];
    viamc_posix posix;
    viamc_server *server;
    viamc_server_desc desc = VIAMC_ZERO;
    viamc_bytes certs[4], key;
    viamc_api_key api_key;
    viamc_wait_hint wait;
    char text[160];
    const char *address;
    size_t n = 0;
    viamc_err err;

    if (!read_options(argc, argv))
        return fprintf(stderr, "usage: robot [--listen HOST:PORT|unix:PATH] [--cert PEM --key PEM] [--api-key-id ID --api-key KEY]\n"), 2;
    address = given[LISTEN] != NULL ? given[LISTEN] : "127.0.0.1:8080";
    started = viamc_posix_now();
    api_key.id = given[API_KEY_ID];
    api_key.key = given[API_KEY];
    if (api_key.key != NULL) {
        desc.api_keys = &api_key;
        desc.api_key_count = 1;
    }
    if (given[CERT] != NULL) {
        if ((err = viamc_posix_read_pem(given[CERT], "CERTIFICATE", der, sizeof der - 4096, certs, 4, &desc.cert_count)) != VIAMC_OK)
            return fail(given[CERT], err);
        if ((err = viamc_posix_read_pem(given[KEY], "PRIVATE KEY", der + sizeof der - 4096, 4096, &key, 1, &n)) != VIAMC_OK)
            return fail(given[KEY], err);
        desc.cert_chain = certs;
        desc.key = key;
    }
    viamc_posix_init(&posix);
    if ((err = viamc_posix_listen(&posix, address)) != VIAMC_OK)
        return fprintf(stderr, "robot: cannot listen on %s: %s\n", address,
                       err == VIAMC_ERR_IO ? strerror(viamc_posix_errno(&posix, VIAMC_POSIX_LISTENER)) : viamc_err_name(err)), 1;
    desc.port = viamc_posix_server_port();
    desc.port_user = &posix;
    desc.max_peers = 4;
    desc.on_event = on_event;
    if (viamc_server_init(memory, sizeof memory, &desc, &server) != VIAMC_OK) {
        (void)viamc_server_explain(server, text, sizeof text);
        return fprintf(stderr, "robot: %s\n", text), 1;
    }
    if (!add_resources(server))
        return 1;
    (void)viamc_posix_listen_address(&posix, text, sizeof text);
    printf("listening on %s\n", text);
    if (given[API_KEY] == NULL)
        printf("no API key: anybody may drive\n");
    if (given[CERT] == NULL)
        printf("plaintext: no certificate\n");
    fflush(stdout);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    while (!ended) {
        (void)viamc_server_poll(server, viamc_posix_now());
        viamc_server_wait(server, viamc_posix_now(), &wait);
        (void)viamc_posix_sleep(&posix, &wait);
    }
    viamc_server_close(server);
    viamc_posix_close(&posix);
    return 0;
}
