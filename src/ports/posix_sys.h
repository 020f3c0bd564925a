/* SPDX-License-Identifier: MIT */
/* ports/posix_sys: the system headers of ports/posix, so that they can stand outside extern "C", and what systems have or lack.
 * Knows nothing else.
 *
 * A strict mode (-std=c99) hides POSIX names unless a program asks for them before its first system header. If none was read yet
 * this part asks; else it says what to do. In the GNU modes, the default of gcc and clang, nothing has to be asked for. */
#ifndef VIAMC_PORTS_POSIX_SYS_H
#define VIAMC_PORTS_POSIX_SYS_H

#if !defined(VIAMC_NO_POSIX) && (defined(__unix__) || defined(__APPLE__))

#if defined(__STRICT_ANSI__) && defined(__linux__) && !defined(_FEATURES_H) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#if !defined(CLOCK_MONOTONIC) || !defined(O_CLOEXEC)
#error "viamc: POSIX is hidden: use -std=gnu99, or -D_POSIX_C_SOURCE=200809L, or -DVIAMC_NO_POSIX if sockets are not needed"
#endif

#if defined(__APPLE__)
#include <sys/random.h>
#elif defined(__has_include)
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif
#endif

#define VMC_POSIX_OPEN (O_RDONLY | O_CLOEXEC) /* how a file is read */
#ifdef SOCK_CLOEXEC /* set with the socket, so that no fork of another thread comes between */
#define VMC_POSIX_SOCK_FLAGS SOCK_CLOEXEC
#else
#define VMC_POSIX_SOCK_FLAGS 0
#endif
#ifdef __linux__ /* EOR: what follows is not joined to it, for what is joined is counted by no limit of the socket's, up to 64 KB */
#define VMC_POSIX_SEND_FLAGS (MSG_NOSIGNAL | MSG_EOR)
#elif defined(MSG_NOSIGNAL)
#define VMC_POSIX_SEND_FLAGS MSG_NOSIGNAL
#else
#define VMC_POSIX_SEND_FLAGS 0
#endif
#if defined(TCP_NOTSENT_LOWAT)
#define VMC_POSIX_NOTSENT TCP_NOTSENT_LOWAT
#elif defined(__linux__)
#define VMC_POSIX_NOTSENT 25 /* hidden by _POSIX_C_SOURCE */
#endif

#endif
#endif
