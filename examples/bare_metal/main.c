/* SPDX-License-Identifier: MIT */
/* A hand controller without operating system: drives a robot's motor over a UART, reads a sensor, takes a picture. Keys of the console:
 *
 *     f  forward      s  stop      r  read the sensor      i  take a picture      p  a point cloud      m  memory used
 *
 * While f is on, the motor's power is sent ten times a second; should this program hang or its line break, the robot stops the motor
 * by itself within its heartbeat window (2 s, as robots come). */
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

#ifndef APP_DIAL_MS
#define APP_DIAL_MS 6000 /* a UART does not say when there is nobody */
#endif

#define CALLS 4 /* at once: the motor's power on its way and the one that waits behind it, the sensor, the picture */
#if APP_PLAINTEXT
static uint8_t memory[VIAMC_CLIENT_MEM_PLAIN(CALLS, 0)]; /* replies above 512 octets go to a sink */
#else
static uint8_t memory[VIAMC_CLIENT_MEM_SMALL(CALLS, 0)];
#endif

#define DRIVE_EVERY_MS 100u

/* A picture on its way: a display would take the octets, this program counts and checks them. */
struct picture {
    uint32_t octets, crc;
};

static struct app {
    viamc_client *robot;
    bool driving;
    bool left_on;      /* the connection was lost while the motor ran: a session that is resumed keeps it running */
    uint32_t drive_at; /* when the next power is due */
    viamc_call reading, taking;
    struct picture picture;
} app;

/* ---- the console ---- */

static void print_str(viamc_str text)
{
    char part[33];
    while (text.len != 0) {
        size_t n = text.len < sizeof part - 1 ? text.len : sizeof part - 1;
        memcpy(part, text.ptr, n);
        part[n] = '\0';
        board_print(part);
        text.ptr += n;
        text.len -= n;
    }
}

/* Three decimals; for |v| below 4 million. */
static void print_number(double v)
{
    uint32_t m = (uint32_t)((v < 0 ? -v : v) * 1000 + 0.5);
    board_print_count(v < 0 ? "-" : "", m / 1000u, m % 1000u < 10u ? ".00" : m % 1000u < 100u ? ".0" : ".");
    board_print_count("", m % 1000u, "");
}

static void report(const char *what, viamc_err err)
{
    if (err == VIAMC_OK)
        return;
    board_print(what);
    board_print(": ");
    board_print(viamc_err_name(err)); /* "" with VIAMC_NO_STRINGS */
    board_print_count(" ", (uint32_t)err, "\r\n");
}

/* ---- what the robot is asked for ---- */

/* Only the newest power matters: a value that has not left is replaced, and its call ends NOT_RUN. */
static void drive(uint32_t now)
{
    static const viamc_opts newest = {.replace = true};
    if (!app.driving || (int32_t)(now - app.drive_at) < 0)
        return;
    app.drive_at = now + DRIVE_EVERY_MS;
    report("drive", viamc_motor_set_power(app.robot, APP_MOTOR, 0.3, &newest, NULL));
}

static void stop(void)
{
    app.driving = app.left_on = false;
    report("stop", viamc_motor_stop(app.robot, APP_MOTOR, NULL, NULL));
}

static viamc_err picture_piece(void *user, const viamc_piece *piece)
{
    struct picture *p = (struct picture *)user;
    size_t i;
    unsigned bit;
    for (i = 0; i < piece->bytes.len; i++) {
        p->crc ^= piece->bytes.ptr[i];
        for (bit = 0; bit < 8u; bit++)
            p->crc = p->crc >> 1 ^ (0xedb88320u & (0u - (p->crc & 1u)));
    }
    p->octets += (uint32_t)piece->bytes.len;
    return VIAMC_OK;
}

/* Of any size: its octets pass through the block of this client piece by piece. */
static void take_picture(const char *path, const uint8_t *message, size_t len)
{
    viamc_opts opts = VIAMC_ZERO;
    opts.reads_only = true;
    opts.timeout_ms = 120000;
    opts.sink = picture_piece;
    opts.sink_user = &app.picture;
    app.picture.octets = 0;
    app.picture.crc = 0xffffffffu;
    report("picture", viamc_call_bytes(app.robot, path, viamc_view(message, len), &opts, &app.taking));
}

/* ---- what comes back ---- */

/* A function of its own, or its locals would lie on the stack of main for ever. */
static __attribute__((noinline)) void print_readings(const viamc_event *ev)
{
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    if (viamc_readings(ev, &fields) != VIAMC_OK)
        return;
    while (viamc_struct_next(&fields, &key, &value))
        if (value.kind == VIAMC_NUMBER) {
            print_str(key);
            board_print(" = ");
            print_number(value.number);
            board_print("\r\n");
        }
}

static void on_done(const viamc_event *ev)
{
    if (ev->status != 0 && ev->ran != VIAMC_NOT_RUN) {
        board_print(viamc_status_name(ev->status));
        board_print(" ");
        print_str(ev->text);
        board_print("\r\n");
    } else if (ev->call == app.reading)
        print_readings(ev);
    else if (ev->call == app.taking) {
        board_print_count("picture: ", app.picture.octets, " octets");
        board_print_count(", CRC-32 ", ~app.picture.crc, "\r\n");
    }
}

static void print_memory(void)
{
    board_print_count("stack used: ", (uint32_t)board_stack_used(), "");
    board_print_count(", block: ", sizeof memory, "\r\n");
    board_stack_paint();
}

static void on_event(const viamc_event *ev)
{
    static char why[120];
    switch (ev->kind) {
    case VIAMC_EV_READY:
        board_print_count("ready after ", board_now(), " ms, ");
        board_print(viamc_client_suite(app.robot));
        board_print("\r\n");
        print_memory();
        if (app.left_on)
            stop();
        break;
    case VIAMC_EV_LOST: /* it dials again by itself; the motor waits for a person */
        app.left_on = app.left_on || app.driving;
        app.driving = false;
        (void)viamc_explain(app.robot, why, sizeof why);
        board_print("lost: ");
        board_print(why);
        board_print_count(", next try in ", ev->retry_ms, " ms\r\n");
        break;
    case VIAMC_EV_SESSION_LOST:
        app.driving = false;
        board_print("session lost: the robot has stopped\r\n");
        break;
    case VIAMC_EV_STARVED:
        board_print_count("late by ", ev->late_ms, " ms\r\n");
        break;
    case VIAMC_EV_UNPROTECTED:
        board_print("this robot will not stop by itself\r\n");
        break;
    case VIAMC_EV_DONE:
        on_done(ev);
        break;
    default:
        break;
    }
}

/* ---- the program ---- */

#define CAMERA "/viam.component.camera.v1.CameraService/"

static void on_key(int key)
{
    /* by hand: field 1, the camera's name; of GetPointCloud field 2 too, the form. The name's length stands in request[1] */
    static uint8_t request[] = "\x0a\x00" APP_CAMERA "\x12\x0epointcloud/pcd";
    request[1] = sizeof APP_CAMERA - 1;
    if (key == 'm')
        print_memory();
    else if (key < 0 || viamc_state(app.robot) != VIAMC_READY)
        return;
    else if (key == 'f') {
        app.driving = true;
        app.drive_at = board_now();
    } else if (key == 's')
        stop();
    else if (key == 'r')
        report("read", viamc_sensor_get_readings(app.robot, APP_SENSOR, NULL, &app.reading));
    else if (key == 'i')
        take_picture(CAMERA "GetImages", request, 2 + sizeof APP_CAMERA - 1);
    else if (key == 'p')
        take_picture(CAMERA "GetPointCloud", request, sizeof request - 1);
}

/* Apart from main, on whose stack the descs would lie for ever. */
static __attribute__((noinline)) viamc_err start(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;
    desc.port = line_client_port();
    desc.port_user = line_user();
    desc.profile = VIAMC_BOARD;
    desc.max_calls = CALLS;
    desc.no_tls = APP_PLAINTEXT;
    dial.address = APP_ADDRESS;
#ifdef APP_SERVER_NAME
    dial.server_name = APP_SERVER_NAME;
#endif
    dial.api_key = APP_KEY;
    dial.api_key_id = APP_KEY_ID;
    dial.insecure = APP_PLAINTEXT;
    dial.unix_time = board_unix_time();
    dial.check_interval_ms = 2000; /* a UART does not tell when the other end has gone, */
    dial.timeout_ms = APP_DIAL_MS;
#if defined(APP_PINNED)
    dial.pin_sha256 = viamc_view(app_pin, sizeof app_pin);
#elif !APP_PLAINTEXT
    dial.anchors = app_anchors;
    dial.anchor_count = app_anchors_count;
#endif
    if ((err = viamc_client_init(memory, sizeof memory, &desc, &app.robot)) != VIAMC_OK)
        return err;
    return viamc_dial(app.robot, &dial);
}

int main(void)
{
    viamc_wait_hint wait;
    viamc_event ev;
    uint32_t left;
    board_stack_paint();
    board_start();
    line_start();
    while (!line_ready()) {
        line_poll();
        board_sleep(line_sleep(10));
    }
    report("start", start());
    for (line_poll(); viamc_poll(app.robot, board_now()) == VIAMC_OK; line_poll()) {
        while (viamc_next_event(app.robot, &ev))
            on_event(&ev);
        on_key(board_key());
        if (viamc_state(app.robot) == VIAMC_READY)
            drive(board_now());
        viamc_wait(app.robot, board_now(), &wait);
        left = app.driving ? app.drive_at - board_now() : 20u; /* the console's keys are asked for */
        if ((wait.want & VIAMC_WANT_WRITE) == 0)
            board_sleep(line_sleep(wait.ms < left ? wait.ms : left));
    }
    report("gave up", viamc_client_error(app.robot).code);
    for (;;)
        board_sleep(1000);
}
