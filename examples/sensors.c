/* SPDX-License-Identifier: MIT */
/* Prints the readings of all sensors of a robot as a table: sensors, movement sensors and power sensors, whatever they measure.
 *
 *     cc -o sensors sensors.c -lbearssl -lprotobuf-nanopb
 *     ./sensors ADDRESS [KEY KEY_ID]          without a key: plaintext */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"

#include <stdio.h>
#include <string.h>

#define SENSORS 32

struct sensor {
    char subtype[20], name[64];
};

static uint8_t memory[VIAMC_CLIENT_MEM(4, 65536)];

static void print_text(viamc_value value, char *text, size_t cap)
{
    viamc_reading reading;
    if (viamc_reading_of(&value, &reading) == VIAMC_OK) { /* a vector, a place on earth, an orientation */
        const double *n = reading.number;
        if (reading.type == VIAMC_READING_GEO_POINT)
            snprintf(text, cap, "%.6f, %.6f", n[0], n[1]);
        else if (reading.type == VIAMC_READING_ORIENTATION)
            snprintf(text, cap, "axis %g, %g, %g; %g degrees", n[0], n[1], n[2], n[3]);
        else
            snprintf(text, cap, "%g, %g, %g", n[0], n[1], n[2]);
        return;
    }
    switch (value.kind) {
    case VIAMC_NUMBER: snprintf(text, cap, "%g", value.number); break;
    case VIAMC_STRING: snprintf(text, cap, "%.*s", VIAMC_ARG(value.text)); break;
    case VIAMC_BOOL: snprintf(text, cap, "%s", value.boolean ? "true" : "false"); break;
    default: snprintf(text, cap, "-"); break;
    }
}

/* One row; what is inside of a Struct or list comes below it. They may lie in one another 16 deep, not deeper: viamc sees to that. */
static void print_row(const char *who, unsigned indent, viamc_str key, viamc_value value)
{
    viamc_str inner;
    viamc_value v;
    viamc_reading reading;
    char text[80];
    bool inside = (value.kind == VIAMC_STRUCT && viamc_reading_of(&value, &reading) != VIAMC_OK) || value.kind == VIAMC_LIST;
    print_text(value, text, sizeof text);
    printf("%-28s %*s%-*.*s %s\n", who, (int)(2 * indent), "", (int)(24 - 2 * (indent < 11 ? indent : 11)), VIAMC_ARG(key), inside ? "" : text);
    while (value.kind == VIAMC_STRUCT && inside && viamc_struct_next(&value.fields, &inner, &v))
        print_row("", indent + 1, inner, v);
    while (value.kind == VIAMC_LIST && viamc_list_next(&value.list, &v))
        print_row("", indent + 1, viamc_text("-"), v);
}

/* Each kind of sensor has a GetReadings of its own; their replies are the same message. */
static viamc_err ask(viamc_client *robot, const struct sensor *s, viamc_call *call)
{
    if (strcmp(s->subtype, "movement_sensor") == 0)
        return viamc_movementsensor_get_readings(robot, s->name, NULL, call);
    if (strcmp(s->subtype, "power_sensor") == 0)
        return viamc_powersensor_get_readings(robot, s->name, NULL, call);
    return viamc_sensor_get_readings(robot, s->name, NULL, call);
}

static viamc_err print_sensor(viamc_posix *posix, viamc_client *robot, const struct sensor *s)
{
    viamc_event ev;
    viamc_call call;
    viamc_fields readings;
    viamc_str key;
    viamc_value value;
    char who[90];
    viamc_err err = ask(robot, s, &call);
    snprintf(who, sizeof who, "%s/%s", s->subtype, s->name);
    if (err != VIAMC_OK || (err = viamc_posix_finish(posix, call, 5000, &ev)) != VIAMC_OK || (err = viamc_readings(&ev, &readings)) != VIAMC_OK)
        return err;
    while (viamc_struct_next(&readings, &key, &value)) {
        print_row(who, 0, key, value);
        who[0] = '\0';
    }
    return VIAMC_OK;
}

/* The robot's sensors. Names are copied, since what an event shows ends with the next poll. */
static viamc_err find(viamc_posix *posix, viamc_client *robot, struct sensor found[SENSORS], size_t *count)
{
    viamc_robot_resource resource;
    viamc_event ev;
    viamc_call call;
    size_t at = 0;
    viamc_err err = viamc_robot_resource_names(robot, NULL, &call);
    if (err != VIAMC_OK || (err = viamc_posix_finish(posix, call, 5000, &ev)) != VIAMC_OK)
        return err;
    while (*count < SENSORS && viamc_robot_next_resource(&ev, &at, &resource))
        if (viamc_str_eq(resource.subtype, viamc_text("sensor")) || viamc_str_eq(resource.subtype, viamc_text("movement_sensor"))
            || viamc_str_eq(resource.subtype, viamc_text("power_sensor"))) {
            snprintf(found[*count].subtype, sizeof found[*count].subtype, "%.*s", VIAMC_ARG(resource.subtype));
            snprintf(found[*count].name, sizeof found[*count].name, "%.*s", VIAMC_ARG(resource.name));
            ++*count;
        }
    return VIAMC_OK;
}

int main(int argc, char **argv)
{
    struct sensor found[SENSORS];
    viamc_posix posix;
    viamc_client *robot;
    viamc_dial_desc dial = VIAMC_ZERO;
    size_t count = 0, i;
    viamc_err err;

    if (argc != 2 && argc != 4)
        return fprintf(stderr, "usage: sensors ADDRESS [KEY KEY_ID]\n"), 2;
    dial.address = argv[1];
    dial.insecure = argc == 2;
    dial.api_key = argc == 4 ? argv[2] : NULL;
    dial.api_key_id = argc == 4 ? argv[3] : NULL;
    if ((err = viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &robot)) != VIAMC_OK
        || (err = viamc_posix_ready(&posix, 10000)) != VIAMC_OK || (err = find(&posix, robot, found, &count)) != VIAMC_OK)
        return viamc_posix_explain(&posix, "sensors", err);
    for (i = 0; i < count; i++)
        if ((err = print_sensor(&posix, robot, &found[i])) != VIAMC_OK)
            printf("%s/%-27s %s\n", found[i].subtype, found[i].name, viamc_err_name(err)); /* one that fails does not hide the others */
    viamc_client_close(robot);
    return 0;
}
