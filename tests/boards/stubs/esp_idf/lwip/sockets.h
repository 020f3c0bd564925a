/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
enum { AF_UNSPEC = 0, SOCK_STREAM = 1, IPPROTO_TCP = 6, TCP_NODELAY = 1, SOL_SOCKET = 0xfff, SO_ERROR = 0x1007, F_GETFL = 3, F_SETFL = 4, O_NONBLOCK = 1 };
enum { POLLIN = 1, POLLOUT = 2 };
typedef uint32_t socklen_t;
struct sockaddr;
struct pollfd { int fd; short events, revents; };
int socket(int domain, int type, int protocol);
int connect(int s, const struct sockaddr *name, socklen_t len);
ssize_t recv(int s, void *mem, size_t len, int flags);
ssize_t send(int s, const void *data, size_t len, int flags);
int close(int s);
int fcntl(int s, int cmd, int val);
int poll(struct pollfd *fds, unsigned count, int timeout);
int setsockopt(int s, int level, int name, const void *value, socklen_t len);
int getsockopt(int s, int level, int name, void *value, socklen_t *len);
