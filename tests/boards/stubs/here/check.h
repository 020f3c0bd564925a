/* SPDX-License-Identifier: MIT */
/* What the systems have and this machine has under other names, and a program: check HOST PORT DEAD_PORT. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "port_check.c"

static uint32_t here_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

static void here_sleep(uint32_t ms)
{
    struct timespec time;
    time.tv_sec = (time_t)(ms / 1000u);
    time.tv_nsec = (long)(ms % 1000u) * 1000000;
    (void)nanosleep(&time, NULL);
}

static bool here_random(uint8_t *out, size_t len)
{
    return getrandom(out, len, 0) == (ssize_t)len;
}

static void here_print(const char *text)
{
    (void)fputs(text, stdout);
}

static int here_check(const viamc_port *port, void *user, char **argv)
{
    port_check_desc desc = VIAMC_ZERO;
    (void)signal(SIGPIPE, SIG_IGN); /* which the systems do not have */
    desc.port = port;
    desc.user = user;
    desc.now = here_now;
    desc.sleep = here_sleep;
    desc.print = here_print;
    desc.host = argv[1];
    desc.number = (uint16_t)atoi(argv[2]);
    desc.dead = (uint16_t)atoi(argv[3]);
    return port_check(&desc) == 0 ? 0 : 1;
}
