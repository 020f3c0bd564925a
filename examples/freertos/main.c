/* SPDX-License-Identifier: MIT */
/* The hand controller of ../bare_metal on FreeRTOS, in two tasks:
 *
 *     robot   owns viamc and lwIP, and nobody else calls them: it polls, sends what is wished, tells what came
 *     hand    the application: keys of the console; while f is on it wishes for power ten times a second
 *
 *     f  forward      s  stop      r  read the sensor      m  memory used      h  the application hangs: the motor stops
 *
 * Wishes go through one queue, news through another. Heartbeats say that the robot task lives, not that the application does: so when
 * the wishes for power fall silent, the robot task stops the motor itself. */
#include "board.h"
#include "line.h"
#include "viamc_proto.h"

#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

#ifndef SETTINGS
#define SETTINGS "settings.h"
#endif
#include SETTINGS

enum { CALLS = 4, ROBOT_WORDS = 1536, HAND_WORDS = 512, WISHES = 4, NEWS = 8 };
enum { WISH_POWER, WISH_STOP, WISH_READ };
enum { TOLD_READY, TOLD_LOST, TOLD_SESSION_LOST, TOLD_LATE, TOLD_NUMBER, TOLD_REFUSED, TOLD_SILENT };

#define DRIVE_EVERY_MS 100u
#define SILENT_MS 500u /* without a wish for power while the motor runs: five are missing */

struct wish {
    uint8_t what;
    float power;
};

struct told {
    uint8_t what;
    char name[32];
    float number;
    uint32_t at, stack;
};

static uint8_t memory[VIAMC_CLIENT_MEM_SMALL(CALLS, 0)];
static viamc_client *robot;
static QueueHandle_t wishes, news;
static TaskHandle_t robot_task;

/* ---- the robot's task ---- */

static viamc_call reading;
static bool driving;
static bool left_on; /* the connection was lost while the motor ran: a session that is resumed keeps it running */
static uint32_t wished_at;

static void tell(uint8_t what, viamc_str name, double number)
{
    struct told t = VIAMC_ZERO;
    size_t n = name.len < sizeof t.name - 1 ? name.len : sizeof t.name - 1;
    t.what = what;
    memcpy(t.name, name.ptr, n);
    t.number = (float)number;
    t.at = board_now();
    t.stack = (uint32_t)((ROBOT_WORDS - uxTaskGetStackHighWaterMark(NULL)) * sizeof(StackType_t));
    (void)xQueueSend(news, &t, 0); /* an application that does not listen has missed it */
}

static void tell_only(uint8_t what)
{
    tell(what, viamc_text(""), 0);
}

static void tell_readings(const viamc_event *ev)
{
    viamc_fields fields;
    viamc_str key;
    viamc_value value;
    if (viamc_readings(ev, &fields) != VIAMC_OK)
        return;
    while (viamc_struct_next(&fields, &key, &value))
        if (value.kind == VIAMC_NUMBER)
            tell(TOLD_NUMBER, key, value.number);
}

static void stop(void)
{
    driving = left_on = false;
    (void)viamc_motor_stop(robot, APP_MOTOR, NULL, NULL);
}

static void on_event(const viamc_event *ev)
{
    switch (ev->kind) {
    case VIAMC_EV_READY:
        tell(TOLD_READY, viamc_text(viamc_client_suite(robot)), 0);
        if (left_on)
            stop();
        break;
    case VIAMC_EV_LOST:
        left_on = left_on || driving;
        driving = false;
        tell_only(TOLD_LOST);
        break;
    case VIAMC_EV_SESSION_LOST:
        driving = false;
        tell_only(TOLD_SESSION_LOST);
        break;
    case VIAMC_EV_STARVED:
        tell(TOLD_LATE, viamc_text(""), ev->late_ms);
        break;
    case VIAMC_EV_DONE:
        if (ev->status != 0 && ev->ran != VIAMC_NOT_RUN)
            tell(TOLD_REFUSED, ev->text, ev->status);
        else if (ev->call == reading)
            tell_readings(ev);
        break;
    default:
        break;
    }
}

static void fulfil(const struct wish *w)
{
    viamc_opts opts = VIAMC_ZERO;
    if (viamc_state(robot) != VIAMC_READY)
        return;
    if (w->what == WISH_STOP)
        stop();
    else if (w->what == WISH_READ)
        (void)viamc_sensor_get_readings(robot, APP_SENSOR, NULL, &reading);
    else {
        opts.replace = true; /* only the newest power matters */
        driving = viamc_motor_set_power(robot, APP_MOTOR, w->power, &opts, NULL) == VIAMC_OK;
        wished_at = board_now();
    }
}

static void look_at_wishes(void)
{
    struct wish w;
    unsigned i;
    for (i = 0; i < WISHES && xQueueReceive(wishes, &w, 0) == pdTRUE; i++)
        fulfil(&w);
    if (driving && board_now() - wished_at > SILENT_MS) {
        stop();
        tell_only(TOLD_SILENT);
    }
}

static viamc_err start(void)
{
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_err err;
    desc.port = line_client_port();
    desc.port_user = line_user();
    desc.profile = VIAMC_BOARD;
    desc.max_calls = CALLS;
    dial.address = APP_ADDRESS;
    dial.server_name = APP_SERVER_NAME;
    dial.api_key = APP_KEY;
    dial.api_key_id = APP_KEY_ID;
    dial.unix_time = board_unix_time();
    dial.attempts = VIAMC_FOREVER;
    dial.anchors = app_anchors;
    dial.anchor_count = app_anchors_count;
    if ((err = viamc_client_init(memory, sizeof memory, &desc, &robot)) != VIAMC_OK)
        return err;
    return viamc_dial(robot, &dial);
}

/* Until a frame came, a wish was made, or this time is over. */
static void sleep_ms(uint32_t ms)
{
    ms = line_sleep(ms);
    if (line_waiting() == 0)
        (void)ulTaskNotifyTake(pdTRUE, ms < 1000u ? ms : 1000u);
}

static void run_robot(void *unused)
{
    viamc_event ev;
    viamc_wait_hint wait;
    (void)unused;
    board_start();
    line_start();
    for (line_poll(); !line_ready(); line_poll())
        sleep_ms(10);
    configASSERT(start() == VIAMC_OK);
    for (line_poll(); viamc_poll(robot, board_now()) == VIAMC_OK; line_poll()) {
        while (viamc_next_event(robot, &ev))
            on_event(&ev);
        look_at_wishes();
        viamc_wait(robot, board_now(), &wait);
        if ((wait.want & VIAMC_WANT_WRITE) != 0)
            sleep_ms(1); /* lwIP has no room: it is made by what comes */
        else
            sleep_ms(driving && wait.ms > DRIVE_EVERY_MS ? DRIVE_EVERY_MS : wait.ms);
    }
    board_broken();
}

/* ---- the application's task ---- */

static void wish(uint8_t what, float power)
{
    const struct wish w = {what, power};
    if (xQueueSend(wishes, &w, 0) == pdTRUE)
        (void)xTaskNotifyGive(robot_task);
}

static void print_told(const struct told *t)
{
    switch (t->what) {
    case TOLD_READY:
        board_print_count("ready after ", t->at, " ms, ");
        board_print(t->name);
        board_print_count("\r\nstack used: ", t->stack, "");
        board_print_count(", block: ", sizeof memory, "\r\n");
        break;
    case TOLD_NUMBER:
        board_print(t->name);
        board_print_count(" = ", (uint32_t)t->number, "\r\n");
        break;
    case TOLD_LOST: board_print("lost: it is dialled again\r\n"); break;
    case TOLD_SESSION_LOST: board_print("session lost: the robot has stopped\r\n"); break;
    case TOLD_LATE: board_print_count("late by ", (uint32_t)t->number, " ms\r\n"); break;
    case TOLD_REFUSED: board_print_count("status ", (uint32_t)t->number, "\r\n"); break;
    case TOLD_SILENT: board_print("no wishes: stopped\r\n"); break;
    default: break;
    }
}

static void hang(void)
{
    for (;;) {
    }
}

static void run_hand(void *unused)
{
    struct told t;
    bool forward = false;
    uint32_t drive_at = 0;
    (void)unused;
    for (;;) {
        int key = board_key();
        forward = key == 'f' || (forward && key != 's');
        if (key == 's')
            wish(WISH_STOP, 0);
        else if (key == 'r')
            wish(WISH_READ, 0);
        else if (key == 'h')
            hang();
        if (forward && (int32_t)(board_now() - drive_at) >= 0) {
            drive_at = board_now() + DRIVE_EVERY_MS;
            wish(WISH_POWER, 0.3f);
        }
        if (xQueueReceive(news, &t, 10) != pdTRUE)
            continue;
        print_told(&t);
        forward = forward && t.what != TOLD_LOST && t.what != TOLD_SESSION_LOST; /* it waits for a person */
    }
}

/* ---- the board ---- */

/* An interrupt, which is why its priority is one that may call FreeRTOS (main). */
void line_woke(void)
{
    BaseType_t other = pdFALSE;
    vTaskNotifyGiveFromISR(robot_task, &other);
    portYIELD_FROM_ISR(other);
}

void vApplicationTickHook(void)
{
    board_tick();
}

void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
    (void)task, (void)name;
    board_broken();
}

int main(void)
{
    static StackType_t robot_stack[ROBOT_WORDS], hand_stack[HAND_WORDS];
    static StaticTask_t robot_memory, hand_memory;
    static StaticQueue_t wish_queue, news_queue;
    static uint8_t wish_room[WISHES * sizeof(struct wish)], news_room[NEWS * sizeof(struct told)];
    wishes = xQueueCreateStatic(WISHES, sizeof(struct wish), wish_room, &wish_queue);
    news = xQueueCreateStatic(NEWS, sizeof(struct told), news_room, &news_queue);
    board_ethernet_priority(configMAX_SYSCALL_INTERRUPT_PRIORITY);
    robot_task = xTaskCreateStatic(run_robot, "robot", ROBOT_WORDS, NULL, 2, robot_stack, &robot_memory);
    (void)xTaskCreateStatic(run_hand, "hand", HAND_WORDS, NULL, 1, hand_stack, &hand_memory);
    vTaskStartScheduler();
    return 1;
}
