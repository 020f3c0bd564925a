/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
enum { AF_UNSPEC = 0, SOCK_STREAM = 1, IPPROTO_TCP = 6, TCP_NODELAY = 1, SOL_SOCKET = 1, SO_ERROR = 4, F_GETFL = 3, F_SETFL = 4, O_NONBLOCK = 0x4000 };
enum { ZSOCK_POLLIN = 1, ZSOCK_POLLOUT = 4 };
typedef size_t socklen_t;
struct sockaddr;
struct zsock_pollfd { int fd; short events, revents; };
struct zsock_addrinfo { struct zsock_addrinfo *ai_next; int ai_flags, ai_family, ai_socktype, ai_protocol; socklen_t ai_addrlen; struct sockaddr *ai_addr; char *ai_canonname; };
int zsock_socket(int family, int type, int proto);
int zsock_connect(int sock, const struct sockaddr *addr, socklen_t len);
ssize_t zsock_recv(int sock, void *buf, size_t len, int flags);
ssize_t zsock_send(int sock, const void *buf, size_t len, int flags);
int zsock_close(int sock);
int zsock_fcntl(int sock, int cmd, int flags);
int zsock_poll(struct zsock_pollfd *fds, int count, int timeout);
int zsock_setsockopt(int sock, int level, int name, const void *value, socklen_t len);
int zsock_getsockopt(int sock, int level, int name, void *value, socklen_t *len);
int zsock_getaddrinfo(const char *host, const char *service, const struct zsock_addrinfo *hints, struct zsock_addrinfo **found);
void zsock_freeaddrinfo(struct zsock_addrinfo *found);
