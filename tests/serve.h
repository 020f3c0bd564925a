/* SPDX-License-Identifier: MIT */
/* For programs that are a robot until SIGTERM. Include after viamc.h. */
#ifndef VIAMC_TESTS_SERVE_H
#define VIAMC_TESTS_SERVE_H

#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t serve_ended;

static void serve_on_signal(int number)
{
    (void)number;
    serve_ended = 1;
}

/* Says where it listens, and serves until the signal; 0. */
static int serve_until_signal(viamc_posix *posix, viamc_server *server)
{
    viamc_wait_hint wait;
    char text[160];
    (void)signal(SIGTERM, serve_on_signal);
    (void)viamc_posix_listen_address(posix, text, sizeof text);
    printf("listening on %s\n", text);
    fflush(stdout);
    while (!serve_ended) {
        (void)viamc_server_poll(server, viamc_posix_now());
        viamc_server_wait(server, viamc_posix_now(), &wait);
        (void)viamc_posix_sleep(posix, &wait);
    }
    viamc_server_close(server);
    viamc_posix_close(posix);
    return 0;
}

#endif
