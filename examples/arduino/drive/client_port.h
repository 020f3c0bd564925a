/* SPDX-License-Identifier: MIT */
/* A viamc port over Arduino's Client: WiFiClient, EthernetClient and their like. Client::connect blocks until the robot has answered, seconds
 * at worst: this client has no connection then, so no heartbeat is late. Compiled against headers that name what is used; on no board
 * was it run. */
#ifndef CLIENT_PORT_H
#define CLIENT_PORT_H

#include <Arduino.h>
#include <Client.h>

#include "viamc.h"

typedef struct client_port {
    Client *client;
    bool (*random)(uint8_t *out, size_t len); /* true random octets, of a generator that the board has; false: none */
} client_port;

static viamc_err client_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    client_port *p = (client_port *)user;
    (void)conn;
    if (p->client->connected())
        return VIAMC_OK;
    return p->client->connect(host, port) == 1 ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_REFUSED;
}

static viamc_err client_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    client_port *p = (client_port *)user;
    int there = p->client->available(), n = 0;
    (void)conn;
    *len = 0;
    if (there > 0)
        n = p->client->read(buf, (size_t)there < cap ? (size_t)there : cap);
    if (n > 0)
        *len = (size_t)n;
    else if (!p->client->connected())
        return VIAMC_ERR_CLOSED;
    return VIAMC_OK;
}

/* What a Client takes it sends; some say with 0 that there is no room, and some wait for it. */
static viamc_err client_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    client_port *p = (client_port *)user;
    (void)conn;
    *done = p->client->write(buf, len);
    return *done == 0 && !p->client->connected() ? (viamc_err)VIAMC_ERR_CLOSED : (viamc_err)VIAMC_OK;
}

static void client_close(void *user, unsigned conn)
{
    (void)conn;
    ((client_port *)user)->client->stop();
}

static viamc_err client_random(void *user, uint8_t *out, size_t len)
{
    return ((client_port *)user)->random(out, len) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_ENTROPY;
}

static inline const viamc_port *client_port_functions(void)
{
    static const viamc_port port = {client_open, client_read, client_write, client_close, client_random, NULL};
    return &port;
}

#endif
