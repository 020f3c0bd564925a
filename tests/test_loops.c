/* SPDX-License-Identifier: MIT */
/* The helpers that wait (loops/posix_loop), against a robot in a process of its own on a unix socket. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "test.h"

#include <sys/wait.h>

static const viamc_method methods[] = {
    {"/test.Echo/Echo", NULL, NULL, 0, NULL},
    {"/test.Echo/Fail", NULL, NULL, 0, NULL},
    {"/test.Echo/Hang", NULL, NULL, 0, NULL}
};
static char folder[] = "/tmp/viamc_loops_XXXXXX", address[64];
static pid_t robot;
static viamc_posix posix;
static viamc_client *client;

/* ---- the robot ---- */

static viamc_err echo(viamc_request *rq, viamc_bytes msg)
{
    return viamc_answer_bytes(rq, msg);
}

static viamc_err refuse(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    return viamc_fail(rq, VIAMC_UNKNOWN, "no node found");
}

static viamc_err hang(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    return viamc_request_keep(rq);
}

static void serve(viamc_posix *p)
{
    static uint8_t memory[VIAMC_SERVER_MEM_PLAIN(2, 4, 0)];
    static const viamc_serve served[] = {{&methods[0], echo}, {&methods[1], refuse}, {&methods[2], hang}};
    static const viamc_service service = {"test.Echo", "", "", served, 3, NULL};
    viamc_server *s;
    viamc_server_desc d = VIAMC_ZERO;
    viamc_wait_hint hint;
    d.port = viamc_posix_server_port();
    d.port_user = p;
    d.profile = VIAMC_BOARD;
    if (viamc_server_init(memory, sizeof memory, &d, &s) != VIAMC_OK || viamc_server_add(s, &service, "", NULL, NULL, NULL) != VIAMC_OK)
        _exit(1);
    for (;;) { /* until it is killed */
        (void)viamc_server_poll(s, viamc_posix_now());
        viamc_server_wait(s, viamc_posix_now(), &hint);
        (void)viamc_posix_sleep(p, &hint);
    }
}

static void robot_start(void)
{
    viamc_posix_init(&posix);
    CHECK_EQ_INT(viamc_posix_listen(&posix, address), VIAMC_OK);
    robot = fork();
    if (robot == 0)
        serve(&posix);
    (void)close(posix.conn[VIAMC_POSIX_LISTENER].fd); /* the child's; the path stays */
}

static void robot_kill(void)
{
    (void)kill(robot, SIGKILL);
    (void)waitpid(robot, NULL, 0);
}

static void open_client(void)
{
    static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];
    viamc_dial_desc dial = VIAMC_ZERO;
    dial.address = address;
    dial.attempts = VIAMC_FOREVER;
    CHECK_EQ_INT(viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &client), VIAMC_OK);
    CHECK(client->calls.big_cap >= 16384u && client->size + VMC_ALIGN > sizeof memory - 16u);
}

static viamc_call start(unsigned method)
{
    viamc_call call = 0;
    CHECK_EQ_INT(viamc_call_method(client, &methods[method], viamc_view("hello", 5), NULL, &call), VIAMC_OK);
    return call;
}

/* What viamc_posix_explain prints. */
static const char *explained(viamc_err err)
{
    static char text[300];
    int ends[2], old = dup(STDERR_FILENO);
    ssize_t n;
    CHECK(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    CHECK_EQ_INT(viamc_posix_explain(&posix, "test", err), 1);
    (void)dup2(old, STDERR_FILENO);
    (void)close(old);
    (void)close(ends[1]);
    n = read(ends[0], text, sizeof text - 1u);
    text[n < 0 ? 0 : n] = '\0';
    (void)close(ends[0]);
    return text;
}

/* ---- the tests ---- */

TEST(not_ready)
{
    char want[200];
    open_client(); /* nobody listens yet */
    CHECK_EQ_INT(viamc_posix_ready(&posix, 30), VIAMC_ERR_TIMEOUT);
    snprintf(want, sizeof want, "test: not ready in time: dial: nobody listens at this address (%s)\n", address);
    CHECK_EQ_STR(explained(VIAMC_ERR_TIMEOUT), want);
    viamc_client_close(client);
    viamc_posix_close(&posix);
}

/* What the system says of a failure is told too. */
TEST(port_that_fails)
{
    static uint8_t memory[VIAMC_CLIENT_MEM(4, 16384)];
    viamc_dial_desc dial = VIAMC_ZERO;
    char path[140], want[300];
    memset(path, 'x', sizeof path - 1u);
    path[sizeof path - 1u] = '\0';
    memcpy(path, "unix:/", 6); /* longer than a socket's path may be */
    dial.address = path;
    dial.attempts = 1;
    CHECK_EQ_INT(viamc_posix_open(&posix, memory, sizeof memory, NULL, &dial, &client), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_ready(&posix, 30), VIAMC_ERR_IO);
    snprintf(want, sizeof want, "test: dial: the port failed (%s): %s\n", path, strerror(ENAMETOOLONG));
    CHECK_EQ_STR(explained(VIAMC_ERR_IO), want);
    viamc_client_close(client);
    viamc_posix_close(&posix);
}

TEST(desc_that_is_wrong)
{
    static uint8_t memory[1000];
    viamc_client_desc desc = VIAMC_ZERO;
    viamc_dial_desc dial = VIAMC_ZERO;
    desc.guard = 1;
    dial.address = address;
    CHECK_EQ_INT(viamc_posix_open(&posix, memory, sizeof memory, &desc, &dial, &client), VIAMC_ERR_ARG);
    CHECK(strncmp(explained(VIAMC_ERR_ARG), "test: ARG: desc", 15) == 0);
    viamc_posix_close(&posix);
}

TEST(finish)
{
    viamc_event ev;
    viamc_call a, b;
    viamc_ms before;
    char want[200];
    robot_start();
    open_client();
    CHECK_EQ_INT(viamc_posix_ready(&posix, 5000), VIAMC_OK);
    a = start(0);
    CHECK_EQ_INT(viamc_posix_finish(&posix, a, 5000, &ev), VIAMC_OK);
    CHECK_EQ_MEM(ev.msg.ptr, ev.msg.len, "hello", 5);
    a = start(1);
    CHECK_EQ_INT(viamc_posix_finish(&posix, a, 5000, NULL), VIAMC_ERR_RPC);
    CHECK_EQ_STR(explained(VIAMC_ERR_RPC), "test: Fail: UNKNOWN: no node found\n");
    before = viamc_posix_now();
    CHECK_EQ_INT(viamc_posix_finish(&posix, a, 5000, NULL), VIAMC_ERR_NOT_FOUND); /* taken */
    CHECK_EQ_STR(explained(VIAMC_ERR_NOT_FOUND), "test: NOT_FOUND: no such name, or the call is over and its DONE was taken\n");
    CHECK_EQ_INT(viamc_posix_finish(&posix, 0, 5000, NULL), VIAMC_ERR_ARG);
    CHECK(viamc_posix_now() - before < 1000u);
    a = start(0);
    b = start(2);
    CHECK_EQ_INT(viamc_posix_finish(&posix, b, 50, NULL), VIAMC_ERR_TIMEOUT); /* meanwhile a was done */
    snprintf(want, sizeof want, "test: Hang: not done in time (%s)\n", address);
    CHECK_EQ_STR(explained(VIAMC_ERR_TIMEOUT), want);
    CHECK_EQ_INT(viamc_posix_finish(&posix, a, 5000, NULL), VIAMC_ERR_NOT_FOUND); /* dropped */
    CHECK_EQ_INT(viamc_call_cancel(client, b), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_finish(&posix, b, 5000, &ev), VIAMC_ERR_RPC);
    CHECK_EQ_INT(ev.status, VIAMC_CANCELLED);
    CHECK_EQ_INT(viamc_posix_run(&posix, 20), VIAMC_OK);
    CHECK_EQ_STR(explained(VIAMC_ERR_BUSY), "test: BUSY: all calls are in use, tx_bytes are full, or a Stop of this resource is under way; finish one, then try again\n"); /* nothing is left of what was said before */
    a = start(2);
    robot_kill();
    CHECK_EQ_INT(viamc_posix_finish(&posix, a, 5000, &ev), VIAMC_ERR_RPC);
    CHECK_EQ_INT(ev.status, VIAMC_UNAVAILABLE);
    viamc_client_close(client);
    viamc_posix_close(&posix);
}

/* DONE of a Stop whose place a StopAll took waits for finish like any other. */
TEST(finish_of_a_covered_stop)
{
    viamc_call stop, all;
    unsigned i;
    robot_start();
    open_client();
    CHECK_EQ_INT(viamc_posix_ready(&posix, 5000), VIAMC_OK);
    for (i = 0; i < 4; i++)
        (void)start(0);
    CHECK_EQ_INT(viamc_call_bytes(client, "/viam.component.motor.v1.MotorService/Stop", viamc_view("\x0a\x01m", 3), NULL, &stop), VIAMC_OK);
    CHECK_EQ_INT(viamc_robot_stop_all(client, NULL, &all), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_finish(&posix, stop, 5000, NULL), VIAMC_ERR_RPC);
    CHECK_EQ_INT(viamc_posix_finish(&posix, stop, 5000, NULL), VIAMC_ERR_NOT_FOUND);
    viamc_client_close(client);
    viamc_posix_close(&posix);
    robot_kill();
}

/* Somebody takes the connection and says nothing; and what is asked too early. */
TEST(silent_peer)
{
    viamc_posix other;
    viamc_call call;
    char want[200];
    viamc_posix_init(&other);
    CHECK_EQ_INT(viamc_posix_listen(&other, address), VIAMC_OK);
    open_client();
    CHECK_EQ_INT(viamc_call_method(client, &methods[0], viamc_view("", 0), NULL, &call), VIAMC_ERR_STATE);
    CHECK_EQ_STR(explained(VIAMC_ERR_STATE), "test: STATE: not connected; wait with viamc_posix_ready\n");
    CHECK_EQ_INT(viamc_posix_ready(&posix, 50), VIAMC_ERR_TIMEOUT);
    snprintf(want, sizeof want, "test: not ready in time: connected, waiting for the robot's first octets of HTTP/2 (%s)\n", address);
    CHECK_EQ_STR(explained(VIAMC_ERR_TIMEOUT), want);
    viamc_client_close(client);
    viamc_posix_close(&posix);
    viamc_posix_close(&other);
}

/* The robot dies while the program waits: the program learns it, and why. */
TEST(run_tells_a_loss)
{
    char want[200];
    robot_start();
    open_client();
    CHECK_EQ_INT(viamc_posix_ready(&posix, 5000), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_run(&posix, 20), VIAMC_OK);
    robot_kill();
    CHECK_EQ_INT(viamc_posix_run(&posix, 50), VIAMC_ERR_CLOSED);
    CHECK_EQ_INT(viamc_posix_run(&posix, 1500), VIAMC_ERR_REFUSED); /* the next try was after a second */
    snprintf(want, sizeof want, "test: dial: nobody listens at this address (%s)\n", address);
    CHECK_EQ_STR(explained(VIAMC_ERR_REFUSED), want);
    viamc_client_close(client);
    viamc_posix_close(&posix);
}

/* A SESSION_LOST that another helper dropped is not lost: the next run tells it, once. */
TEST(run_tells_a_lost_session)
{
    robot_start();
    open_client();
    CHECK_EQ_INT(viamc_posix_ready(&posix, 5000), VIAMC_OK);
    vmc_session_lost(client, "test");
    CHECK_EQ_INT(viamc_posix_finish(&posix, start(0), 5000, NULL), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_run(&posix, 5000), VIAMC_ERR_SESSION);
    CHECK_EQ_STR(explained(VIAMC_ERR_SESSION), "test: session lost: test\n");
    CHECK_EQ_INT(viamc_posix_run(&posix, 20), VIAMC_OK);
    vmc_session_lost(client, "again");
    CHECK_EQ_INT(viamc_posix_run(&posix, 5000), VIAMC_ERR_SESSION);
    CHECK_EQ_STR(explained(VIAMC_ERR_SESSION), "test: session lost: again\n");
    viamc_client_close(client);
    viamc_posix_close(&posix);
    robot_kill();
}

int main(int argc, char **argv)
{
    test_begin("loops", argc, argv);
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(address, sizeof address, "unix:%s/robot", folder);
    RUN(not_ready);
    RUN(silent_peer);
    RUN(port_that_fails);
    RUN(desc_that_is_wrong);
    RUN(finish);
    RUN(finish_of_a_covered_stop);
    RUN(run_tells_a_loss);
    RUN(run_tells_a_lost_session);
    (void)unlink(address + 5);
    (void)rmdir(folder);
    return test_end();
}
