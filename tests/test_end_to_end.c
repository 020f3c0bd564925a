/* SPDX-License-Identifier: MIT */
/* The robot of examples/robot.c and a typed client, with nothing between them but port_loop and a virtual clock: what a driver asks for is
 * what the robot does, and what it did ends with its driver. */
#define VIAMC_CHECK 1
#define main robot_main
#include "../examples/robot.c"
#undef main

#include "test.h"
#include "tls_kit.h"

#define KEY_ID "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d"
#define KEY "abcdefghijklmnopqrstuvwxyz012345"

#define SAID "only its driver may read this" /* in a reply */
#define ASKED "a name that its driver asked for"

enum { WINDOW = 2000, DRIVER = 0, WATCHER = 1 };

static struct {
    vmc_loop loop;
    uint8_t client_memory[2][1 << 17], server_memory[1 << 19];
    viamc_client *client[2]; /* one drives, one looks on */
    viamc_server *server;
    bool dead;               /* the driver's program does not run any more */
    viamc_event done;        /* the last DONE of either */
    unsigned beats;
    viamc_ms stopped_at;     /* when the robot stopped something by itself */
    viamc_bytes chain[KIT_CHAIN];
    viamc_anchor anchors[KIT_CHAIN];
} w;

/* ---- what the robot of the example has not: a position, and readings inside readings ---- */

static viamc_err get_position(viamc_request *rq, const viam_component_motor_v1_GetPositionRequest *q)
{
    viam_component_motor_v1_GetPositionResponse out = VIAMC_ZERO;
    out.position = q->name.len == 5 ? 12.5 : 0;
    return viamc_motor_get_position_answer(rq, &out);
}

static viamc_err get_nested(viamc_request *rq, const viam_common_v1_GetReadingsRequest *q)
{
    viam_common_v1_GetReadingsResponse out = VIAMC_ZERO;
    viamc_struct_writer sw;
    uint8_t buf[256];
    viamc_bytes encoded;
    (void)q;
    viamc_struct_begin(&sw, buf, sizeof buf);
    viamc_struct_open_struct(&sw, "gps");
    viamc_struct_number(&sw, "lat", 48.5);
    viamc_struct_bool(&sw, "fix", true);
    viamc_struct_open_list(&sw, "sats");
    viamc_struct_number(&sw, NULL, 7);
    viamc_struct_number(&sw, NULL, 11);
    viamc_struct_close(&sw);
    viamc_struct_close(&sw);
    viamc_struct_string(&sw, "mode", "3D");
    viamc_struct_null(&sw, "fault");
    viamc_struct_string(&sw, "note", SAID);
    if (viamc_struct_end(&sw, &encoded) != VIAMC_OK)
        return VIAMC_ERR_NOMEM;
    out.readings = viamc_struct_fields(encoded);
    return viamc_sensor_get_readings_answer(rq, &out);
}

static void add_more(void)
{
    static viamc_motor_ops motor;
    static viamc_sensor_ops sensor;
    static struct wheel right = {"right", 0};
    motor.get_position = get_position;
    motor.stop = wheel_stop;
    motor.user = &right;
    sensor.get_readings = get_nested;
    CHECK_EQ_INT(viamc_server_add_motor(w.server, "right", &motor, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_server_add_sensor(w.server, "nested", &sensor, NULL), VIAMC_OK);
}

/* ---- robot and clients ---- */

static void note_event(void *user, const viamc_server_event *ev)
{
    (void)user;
    w.beats += ev->kind == VIAMC_SEV_HEARTBEAT;
    if (ev->kind == VIAMC_SEV_STOPPED)
        w.stopped_at = w.loop.now;
}

static void serve(bool tls)
{
    static const viamc_api_key api_key = {KEY_ID, KEY};
    viamc_server_desc d = VIAMC_ZERO;
    d.port = vmc_loop_server_port();
    d.port_user = vmc_loop_server(&w.loop);
    d.api_keys = &api_key;
    d.api_key_count = 1;
    d.on_event = note_event;
    if (tls) {
        d.cert_count = kit_chain("web inter-web", w.chain);
        d.cert_chain = w.chain;
        d.key = kit_octets("web.key.der");
    }
    CHECK_EQ_INT(viamc_server_init(w.server_memory, sizeof w.server_memory, &d, &w.server), VIAMC_OK);
    CHECK(add_resources(w.server));
    add_more();
}

static void open_robot(bool tls)
{
    memset(&w, 0, sizeof w);
    vmc_loop_init(&w.loop, test_now.seed);
    serve(tls);
}

static void redial(unsigned which, bool tls, const char *key)
{
    viamc_dial_desc to = VIAMC_ZERO;
    to.address = "robot.test:8080";
    to.api_key_id = key == NULL ? NULL : KEY_ID;
    to.api_key = key;
    to.insecure = !tls;
    to.anchors = w.anchors;
    to.anchor_count = tls ? kit_anchors("root-web", w.anchors) : 0;
    to.unix_time = KIT_NOW;
    CHECK_EQ_INT(viamc_dial(w.client[which], &to), VIAMC_OK);
}

static void dial(unsigned which, bool tls, const char *key)
{
    viamc_client_desc d = VIAMC_ZERO;
    d.port = vmc_loop_port();
    d.port_user = vmc_loop_client(&w.loop, which);
    CHECK_EQ_INT(viamc_client_init(w.client_memory[which], sizeof w.client_memory[which], &d, &w.client[which]), VIAMC_OK);
    redial(which, tls, key);
}

/* One millisecond: everybody that lives is polled once. True: the call is done. */
static bool tick(viamc_call call)
{
    unsigned i;
    viamc_event ev;
    w.loop.now++;
    CHECK_EQ_INT(viamc_server_poll(w.server, w.loop.now), VIAMC_OK);
    for (i = 0; i < 2; i++) {
        if (w.client[i] == NULL || (i == DRIVER && w.dead))
            continue;
        (void)viamc_poll(w.client[i], w.loop.now);
        while (viamc_next_event(w.client[i], &ev))
            if (ev.kind == VIAMC_EV_DONE) {
                w.done = ev;
                if (ev.call == call)
                    return true; /* before the next poll ends its views */
            }
    }
    return false;
}

static void pass_until(viamc_ms end)
{
    CHECK(end - w.loop.now < 100000);
    while (w.loop.now != end && end - w.loop.now < 100000)
        (void)tick(0);
}

static void pass(viamc_ms ms)
{
    pass_until(w.loop.now + ms);
}

/* The DONE of a call that was started with this result. */
static const viamc_event *finish(viamc_err started_with, const viamc_call *call)
{
    unsigned i;
    CHECK_EQ_INT(started_with, VIAMC_OK);
    memset(&w.done, 0, sizeof w.done);
    for (i = 0; i < 1000 && !tick(*call); i++)
        ;
    CHECK(i < 1000);
    return &w.done;
}

#define FINISH(start) finish(start, &call)
#define CHECK_DONE(start) CHECK_EQ_INT(FINISH(start)->status, VIAMC_OK)

static void open_world(bool tls)
{
    open_robot(tls);
    dial(DRIVER, tls, KEY);
    pass(50);
    CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_READY);
}

/* The ways to say whom to trust, and the time: what is dialled with reaches the certificate check. */
TEST(trust_of_a_dial)
{
    static const struct {
        const char *pin, *store;
        uint64_t time;
        const char *name;
        bool ready;
    } rows[] = {{"web", NULL, 0, "robot.test", true}, {"web", NULL, 0, "other.test", true}, {"rsa", NULL, KIT_NOW, "robot.test", false},
                {NULL, "root-ec root-web", KIT_NOW, "robot.test", true}, {NULL, "root-ec root-rsa", KIT_NOW, "robot.test", false},
                {NULL, "root-web", KIT_NOW, "other.test", false}, {NULL, "root-web", 0, "robot.test", false}, {NULL, "root-web", 1000000000u, "robot.test", false}};
    size_t i;
    if (!kit_certs())
        SKIP("missing data: the certificates cannot be made here");
    for (i = 0; i < TEST_COUNT(rows); i++) {
        viamc_client_desc d = VIAMC_ZERO;
        viamc_dial_desc to = VIAMC_ZERO;
        kit_store store = VIAMC_ZERO;
        uint8_t pin[32];
        open_robot(true);
        d.port = vmc_loop_port();
        d.port_user = vmc_loop_client(&w.loop, DRIVER);
        CHECK_EQ_INT(viamc_client_init(w.client_memory[DRIVER], sizeof w.client_memory[DRIVER], &d, &w.client[DRIVER]), VIAMC_OK);
        to.address = "10.0.0.7:8080";
        to.server_name = rows[i].name;
        to.unix_time = rows[i].time;
        to.api_key_id = KEY_ID;
        to.api_key = KEY;
        if (rows[i].pin != NULL)
            to.pin_sha256 = kit_pin(rows[i].pin, pin);
        if (rows[i].store != NULL) {
            store.count = kit_chain(rows[i].store, store.certs);
            to.next_root = kit_next_root;
            to.next_root_user = &store;
        }
        CHECK_EQ_INT(viamc_dial(w.client[DRIVER], &to), VIAMC_OK);
        pass(50);
        CHECK_EQ_INT(viamc_state(w.client[DRIVER]), rows[i].ready ? VIAMC_READY : VIAMC_FAILED);
        CHECK_EQ_INT(viamc_client_error(w.client[DRIVER]).code, rows[i].ready ? VIAMC_OK : VIAMC_ERR_TLS_CERT);
        viamc_client_close(w.client[DRIVER]);
        viamc_server_close(w.server);
    }
}

static void close_world(void)
{
    viamc_client_close(w.client[DRIVER]);
    if (w.client[WATCHER] != NULL)
        viamc_client_close(w.client[WATCHER]);
    viamc_server_close(w.server);
}

static double power_of(unsigned which, const char *name)
{
    viam_component_motor_v1_IsPoweredResponse out = VIAMC_ZERO;
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_motor_is_powered_reply(FINISH(viamc_motor_is_powered(w.client[which], name, NULL, &call)), &out), VIAMC_OK);
    CHECK_EQ_INT(out.is_on, out.power_pct != 0);
    return out.power_pct;
}

static bool base_moves(unsigned which)
{
    viam_component_base_v1_IsMovingResponse out = VIAMC_ZERO;
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_base_is_moving_reply(FINISH(viamc_base_is_moving(w.client[which], "base", NULL, &call)), &out), VIAMC_OK);
    return out.is_moving;
}

/* ---- a day of driving ---- */

static void look_around(viamc_client *c)
{
    viamc_call call = 0;
    const viamc_event *ev;
    viamc_robot_resource r;
    viamc_str platform = VIAMC_ZERO, version = VIAMC_ZERO, api = VIAMC_ZERO;
    uint32_t state = 0;
    size_t at = 0;
    unsigned n = 0;
    ev = FINISH(viamc_robot_resource_names(c, NULL, &call));
    CHECK_EQ_INT(viamc_robot_find_resource(ev, "component", "base", "base", &r), VIAMC_OK);
    CHECK_EQ_INT(viamc_robot_find_resource(ev, NULL, NULL, "nobody", &r), VIAMC_ERR_NOT_FOUND);
    while (viamc_robot_next_resource(ev, &at, &r))
        n++;
    CHECK_EQ_INT(n, 5);
    CHECK_EQ_INT(viamc_robot_version(FINISH(viamc_robot_get_version(c, NULL, &call)), &platform, &version, &api), VIAMC_OK);
    CHECK(viamc_str_eq(platform, viamc_text("viamc")) && viamc_str_eq(version, viamc_text(VIAMC_VERSION)) && viamc_str_eq(api, viamc_text(VIAMC_API_VERSION)));
    ev = FINISH(viamc_robot_get_machine_status(c, NULL, &call));
    CHECK_EQ_INT(viamc_robot_machine_state(ev, &state), VIAMC_OK);
    CHECK_EQ_INT(state, VIAMC_MACHINE_RUNNING);
    for (at = 0, n = 0; viamc_robot_next_status(ev, &at, &r, &state); n++)
        CHECK_EQ_INT(state, 3);
    CHECK_EQ_INT(n, 5);
}

static void read_sensors(viamc_client *c)
{
    viamc_call call = 0;
    viamc_fields fields;
    viamc_value v, inner;
    double sum = 0;
    CHECK_EQ_INT(viamc_readings(FINISH(viamc_sensor_get_readings(c, "imu", NULL, &call)), &fields), VIAMC_OK);
    CHECK(viamc_struct_find(&fields, "pitch_deg", &v) == VIAMC_OK && v.kind == VIAMC_NUMBER && v.number == -1.5);
    CHECK(viamc_struct_find(&fields, "roll_deg", &v) == VIAMC_OK && v.number == 0.25);
    CHECK_EQ_INT(viamc_readings(FINISH(viamc_sensor_get_readings(c, "nested", NULL, &call)), &fields), VIAMC_OK);
    CHECK(viamc_struct_find(&fields, "mode", &v) == VIAMC_OK && viamc_str_eq(v.text, viamc_text("3D")));
    CHECK(viamc_struct_find(&fields, "fault", &v) == VIAMC_OK && v.kind == VIAMC_NULL);
    CHECK(viamc_struct_find(&fields, "gps", &v) == VIAMC_OK && v.kind == VIAMC_STRUCT);
    CHECK(viamc_struct_find(&v.fields, "lat", &inner) == VIAMC_OK && inner.number == 48.5);
    CHECK(viamc_struct_find(&v.fields, "fix", &inner) == VIAMC_OK && inner.kind == VIAMC_BOOL && inner.boolean);
    CHECK(viamc_struct_find(&v.fields, "sats", &inner) == VIAMC_OK && inner.kind == VIAMC_LIST);
    while (viamc_list_next(&inner.list, &v))
        sum += v.number;
    CHECK_EQ_INT(inner.list.err, VIAMC_OK);
    CHECK_NEAR(sum, 18, 0);
}

static void drive(viamc_client *c)
{
    viam_component_motor_v1_GetPositionResponse position = VIAMC_ZERO;
    viamc_stats stats;
    viamc_call call = 0;
    CHECK_DONE(viamc_motor_set_power(c, "left", 0.25, NULL, &call));
    CHECK_NEAR(power_of(DRIVER, "left"), 0.25, 0);
    viamc_client_stats(c, w.loop.now, &stats);
    CHECK_EQ_INT(stats.window_ms, WINDOW);
    w.beats = 0;
    pass(5000);
    CHECK(w.beats >= 12 && w.beats <= 14); /* one every fifth of the window */
    CHECK_NEAR(power_of(DRIVER, "left"), 0.25, 0);
    CHECK_DONE(viamc_base_set_velocity(c, "base", viamc_vec3(0, 300, 0), viamc_vec3(0, 0, 15), NULL, &call));
    CHECK(base_moves(DRIVER));
    CHECK_DONE(viamc_base_stop(c, "base", NULL, &call));
    CHECK(!base_moves(DRIVER));
    CHECK_EQ_INT(viamc_motor_get_position_reply(FINISH(viamc_motor_get_position(c, "right", NULL, &call)), &position), VIAMC_OK);
    CHECK_NEAR(position.position, 12.5, 0);
    CHECK_EQ_INT(FINISH(viamc_motor_set_power(c, "left", 3, NULL, &call))->status, VIAMC_INVALID_ARGUMENT);
    CHECK_NEAR(power_of(DRIVER, "left"), 0.25, 0);
    CHECK_DONE(viamc_motor_stop(c, "left", NULL, &call));
    CHECK_NEAR(power_of(DRIVER, "left"), 0, 0);
    CHECK_EQ_INT(FINISH(viamc_motor_set_power(c, "rihgt", 1, NULL, &call))->status, VIAMC_NOT_FOUND);
    CHECK_EQ_INT(FINISH(viamc_motor_set_power(c, "right", 1, NULL, &call))->status, VIAMC_UNIMPLEMENTED);
}

static void day(bool tls)
{
    viamc_call call = 0;
    open_world(tls);
    look_around(w.client[DRIVER]);
    read_sensors(w.client[DRIVER]);
    drive(w.client[DRIVER]);
    CHECK_DONE(viamc_motor_set_power(w.client[DRIVER], "left", -0.5, NULL, &call));
    CHECK_DONE(viamc_base_set_power(w.client[DRIVER], "base", viamc_vec3(0, 1, 0), viamc_vec3(0, 0, 0), NULL, &call));
    CHECK_DONE(viamc_robot_stop_all(w.client[DRIVER], NULL, &call));
    CHECK_NEAR(power_of(DRIVER, "left"), 0, 0);
    CHECK(!base_moves(DRIVER));
    close_world();
}

TEST(day_in_plaintext)
{
    day(false);
}

TEST(day_over_tls)
{
    if (!kit_certs())
        SKIP("missing data: the certificates cannot be made here");
    day(true);
}

/* The driver's polls end while motor and base move: the robot stops both one window after the last heartbeat, in that very poll. */
static void death(viamc_ms after)
{
    viamc_call call = 0;
    viamc_ms died;
    open_world(false);
    dial(WATCHER, false, KEY);
    CHECK_DONE(viamc_motor_set_power(w.client[DRIVER], "left", 1, NULL, &call));
    CHECK_DONE(viamc_base_set_power(w.client[DRIVER], "base", viamc_vec3(0, 1, 0), viamc_vec3(0, 0, 0), NULL, &call));
    pass(after);
    w.dead = true;
    died = w.loop.now;
    pass(WINDOW * 4 / 5 - 10); /* the last heartbeat was at most a fifth of the window before */
    CHECK_NEAR(power_of(WATCHER, "left"), 1, 0);
    CHECK(base_moves(WATCHER));
    pass_until(died + WINDOW + 1);
    CHECK(w.stopped_at != 0 && w.stopped_at - died <= WINDOW + 1);
    CHECK_NEAR(power_of(WATCHER, "left"), 0, 0);
    CHECK(!base_moves(WATCHER));
    close_world();
}

TEST(death_of_the_driver)
{
    death(1);
    death(397);
    death(1234);
}

TEST(wrong_key)
{
    char text[160];
    open_robot(false);
    dial(DRIVER, false, "abcdefghijklmnopqrstuvwxyz012346");
    pass(50);
    CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_FAILED);
    (void)viamc_explain(w.client[DRIVER], text, sizeof text);
    CHECK_EQ_STR(text, "auth: UNAUTHENTICATED: invalid credentials (key id " KEY_ID ")");
    CHECK_EQ_INT(viamc_motor_set_power(w.client[DRIVER], "left", 1, NULL, NULL), VIAMC_ERR_STATE);
    close_world();
}

/* ---- ports that fail ---- */

static struct {
    const viamc_port *real;
    viamc_port port;
    unsigned left; /* reads and writes until one fails; 0: none does */
    bool failed;   /* and it was not closed since */
    unsigned wrong; /* calls that are not allowed then */
} f;

/* Another read or write. True: it fails. */
static bool fails(void)
{
    f.wrong += f.failed;
    if (f.left == 1)
        f.failed = true;
    f.left -= f.left != 0;
    return f.failed;
}

static viamc_err failing_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    return fails() ? VIAMC_ERR_IO : f.real->read(user, conn, buf, cap, len);
}

static viamc_err failing_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    *done = len; /* what a port says that it took counts only with OK */
    return fails() ? VIAMC_ERR_IO : f.real->write(user, conn, buf, len, done);
}

static void failing_close(void *user, unsigned conn)
{
    f.failed = false;
    f.real->close(user, conn);
}

/* A robot that had TLS is not spoken to without it, though that was allowed: somebody may have come between. */
TEST(no_downgrade_behind_tls)
{
    char text[160];
    open_robot(true);
    dial(DRIVER, true, KEY);
    w.client[DRIVER]->desc.allow_downgrade = true;
    pass(200);
    CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_READY);
    viamc_server_close(w.server);
    serve(false);
    pass(5000);
    CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_BACKOFF);
    CHECK_EQ_INT(viamc_client_error(w.client[DRIVER]).code, VIAMC_ERR_INSECURE);
    (void)viamc_explain(w.client[DRIVER], text, sizeof text);
    CHECK_EQ_STR(text, "dial: robot.test:8080 spoke TLS before and is insecure now; only a new dial can accept that");
    close_world();
}

/* ---- the length of a poll ---- */

static struct {
    viamc_ms at; /* of the poll that reads */
    size_t octets, most;
} pieces;

static viamc_err measured_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    viamc_err err = f.real->read(user, conn, buf, cap, len);
    pieces.octets = (pieces.at == w.loop.now ? pieces.octets : 0) + *len;
    pieces.at = w.loop.now;
    if (w.client[DRIVER]->conn.state == VMC_CONN_SECURING && pieces.octets > pieces.most)
        pieces.most = pieces.octets;
    return err;
}

/* What a robot sends in one flight, with signatures of two certificates and one of its own, is taken in pieces: no poll has the end of
 * a certificate's signature and that of a ServerKeyExchange, which has 112 octets at least. */
TEST(handshakes_go_in_small_pieces)
{
    open_robot(true);
    dial(DRIVER, true, KEY);
    memset(&pieces, 0, sizeof pieces);
    f.real = vmc_loop_port();
    f.port = *f.real;
    f.port.read = measured_read;
    w.client[DRIVER]->conn.port = &f.port;
    pass(200);
    CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_READY);
    CHECK(pieces.most > 0 && pieces.most < 112);
    close_world();
}

/* A board may sleep until an interrupt says that octets come. None says that again of those that a poll of a handshake left in the port. */
TEST(handshakes_do_not_wait_for_octets_that_are_there)
{
    viamc_wait_hint wait = VIAMC_ZERO;
    unsigned polls = 0;
    viamc_ms wake, until;
    open_robot(true);
    dial(DRIVER, true, KEY);
    wake = w.loop.now;
    for (until = w.loop.now + 1000u; w.loop.now != until && viamc_state(w.client[DRIVER]) != VIAMC_READY; w.loop.now++) {
        uint64_t sent = w.loop.octets[VMC_LOOP_TO_CLIENT];
        (void)viamc_server_poll(w.server, w.loop.now);
        if (sent == w.loop.octets[VMC_LOOP_TO_CLIENT] && !vmc_time_reached(w.loop.now, wake))
            continue;
        (void)viamc_poll(w.client[DRIVER], w.loop.now);
        viamc_wait(w.client[DRIVER], w.loop.now, &wait);
        wake = w.loop.now + wait.ms;
        polls++;
    }
    CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_READY);
    CHECK(polls < 200);
    close_world();
}

/* After an error a port is only closed (base/port.h), whichever read or write of handshake, Authenticate and what follows it was. */
TEST(ports_that_fail_are_only_closed)
{
    unsigned server, k, turn;
    for (server = 0; server < 2; server++)
        for (k = 1; k < 120; k++) {
            vmc_conn *conn;
            open_robot(true);
            dial(DRIVER, true, KEY);
            f.real = server ? vmc_loop_server_port() : vmc_loop_port();
            f.port = *f.real;
            f.port.read = failing_read;
            f.port.write = failing_write;
            f.port.close = failing_close;
            f.left = k;
            f.failed = false;
            f.wrong = 0;
            conn = server ? &w.server->peers[0].conn : &w.client[DRIVER]->conn;
            conn->port = &f.port;
            for (turn = 0; turn < 120; turn++)
                (void)tick(0);
            CHECK_EQ_INT(f.wrong, 0);
            CHECK_EQ_INT(f.left, 0);
            if (f.wrong != 0)
                printf("  %s, read or write number %u\n", server ? "server" : "client", k);
            close_world();
        }
}

/* ---- what is left of a connection ---- */

typedef enum ending { BY_ROBOT, BY_CLOSE, BY_LOSS, BY_DIAL, ENDINGS } ending;

typedef struct secret {
    const char *name;
    uint8_t octets[64];
    size_t len;
} secret;

enum { SECRETS = 5 };
static secret secrets[SECRETS];

static secret secret_of(const char *name, const void *octets, size_t len)
{
    secret s = VIAMC_ZERO;
    s.name = name;
    s.len = vmc_min(len, sizeof s.octets);
    memcpy(s.octets, octets, s.len);
    return s;
}

static bool holds(const uint8_t *memory, size_t size, const secret *s)
{
    size_t i;
    for (i = 0; i + s->len <= size; i++)
        if (memcmp(memory + i, s->octets, s->len) == 0)
            return true;
    return false;
}

/* Calls whose octets go through every buffer: credentials, request, reply, keys. The block has them while the connection stands. */
static void confide(bool tls)
{
    viamc_client *c = w.client[DRIVER];
    viamc_call call = 0;
    CHECK_EQ_INT(FINISH(viamc_sensor_get_readings(c, ASKED, NULL, &call))->status, VIAMC_NOT_FOUND);
    CHECK_DONE(viamc_sensor_get_readings(c, "nested", NULL, &call));
    secrets[0] = secret_of("API key", KEY, strlen(KEY));
    secrets[1] = secret_of("token", c->conn.grpc.token.ptr, c->conn.grpc.token.len);
    secrets[2] = secret_of("request", ASKED, strlen(ASKED));
    secrets[3] = secret_of("reply", SAID, strlen(SAID));
    secrets[4] = tls ? secret_of("keys", ((vmc_tls *)c->conn.tls)->eng->session.master_secret, 48) : secrets[3];
    CHECK(holds(w.client_memory[DRIVER], sizeof w.client_memory[DRIVER], &secrets[1]));
    CHECK(holds(w.client_memory[DRIVER], sizeof w.client_memory[DRIVER], &secrets[3]));
    CHECK(holds(w.client_memory[DRIVER], sizeof w.client_memory[DRIVER], &secrets[4]));
    CHECK(holds(w.server_memory, sizeof w.server_memory, &secrets[4]));
}

static void check_gone(ending how, const char *where, const uint8_t *memory, size_t size)
{
    size_t i;
    for (i = 0; i < SECRETS; i++) {
        bool there = holds(memory, size, &secrets[i]);
        CHECK(!there);
        if (there)
            printf("  ending %d: %s is in the block of the %s\n", (int)how, secrets[i].name, where);
    }
}

static void end_by(ending how, bool tls)
{
    vmc_loop_fault *fault = &w.loop.end[DRIVER].fault;
    switch (how) {
    case BY_ROBOT: viamc_server_close(w.server); break;
    case BY_CLOSE: viamc_client_close(w.client[DRIVER]); break;
    case BY_LOSS:
        fault->kind = VMC_LOOP_READ;
        fault->at = w.loop.end[DRIVER].calls[VMC_LOOP_READ] + 1u;
        fault->count = 1;
        fault->err = VIAMC_ERR_IO;
        break;
    default: redial(DRIVER, tls, NULL);
    }
    if (how == BY_CLOSE)
        w.client[DRIVER] = NULL;
}

/* Taken events are the last that shows what was said: with the poll after them it is gone, on either side, without another connection. */
static void end_wipes(ending how, bool tls)
{
    unsigned i;
    open_world(tls);
    confide(tls);
    w.loop.end[DRIVER].open_err = VIAMC_ERR_REFUSED; /* else there is another connection at once, with secrets of its own */
    end_by(how, tls);
    for (i = 0; i < 3; i++) {
        w.loop.now++;
        if (how != BY_ROBOT)
            CHECK_EQ_INT(viamc_server_poll(w.server, w.loop.now), VIAMC_OK);
        if (w.client[DRIVER] != NULL) {
            viamc_event ev;
            (void)viamc_poll(w.client[DRIVER], w.loop.now);
            while (viamc_next_event(w.client[DRIVER], &ev)) { }
        }
    }
    check_gone(how, "client", w.client_memory[DRIVER], sizeof w.client_memory[DRIVER]);
    check_gone(how, "robot", w.server_memory, sizeof w.server_memory); /* which keeps the token, but not as it was shown */
    if (how == BY_LOSS) { /* and back again */
        CHECK(viamc_state(w.client[DRIVER]) != VIAMC_READY);
        w.loop.end[DRIVER].open_err = VIAMC_OK;
        pass(3000);
        CHECK_EQ_INT(viamc_state(w.client[DRIVER]), VIAMC_READY);
        CHECK_NEAR(power_of(DRIVER, "left"), 0, 0);
    }
    if (w.client[DRIVER] != NULL)
        viamc_client_close(w.client[DRIVER]);
    if (how != BY_ROBOT)
        viamc_server_close(w.server);
}

TEST(nothing_is_left_of_a_connection)
{
    unsigned how, tls, with_tls = kit_certs();
    for (how = 0; how < ENDINGS; how++)
        for (tls = 0; tls <= with_tls; tls++)
            end_wipes((ending)how, tls != 0);
}

/* Where a token would lie is what the robot said of the credentials, to be explained; a new dial ends that too. */
TEST(refusal_is_gone_with_a_new_dial)
{
    secret said = secret_of("text", "invalid credentials", 19);
    open_robot(false);
    dial(DRIVER, false, "abcdefghijklmnopqrstuvwxyz012346");
    pass(50);
    CHECK(holds(w.client_memory[DRIVER], sizeof w.client_memory[DRIVER], &said));
    w.loop.end[DRIVER].open_err = VIAMC_ERR_REFUSED;
    redial(DRIVER, false, NULL);
    pass(1);
    CHECK(!holds(w.client_memory[DRIVER], sizeof w.client_memory[DRIVER], &said));
    close_world();
}

int main(int argc, char **argv)
{
    test_begin("end_to_end", argc, argv);
    RUN(day_in_plaintext);
    RUN(trust_of_a_dial);
    RUN(day_over_tls);
    RUN(death_of_the_driver);
    RUN(wrong_key);
    RUN(no_downgrade_behind_tls);
    RUN(handshakes_go_in_small_pieces);
    RUN(handshakes_do_not_wait_for_octets_that_are_there);
    RUN(ports_that_fail_are_only_closed);
    RUN(nothing_is_left_of_a_connection);
    RUN(refusal_is_gone_with_a_new_dial);
    return test_end();
}
