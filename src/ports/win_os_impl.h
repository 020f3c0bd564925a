/* SPDX-License-Identifier: MIT */
/* ports/win, lowest part: clock, random octets, sockets that do not block. */
#ifndef VIAMC_PORTS_WIN_OS_IMPL_H
#define VIAMC_PORTS_WIN_OS_IMPL_H

#include "ports/win_sys.h"

#include "base/core.h"
#include "base/time.h"
#include "ports/posix.h"
#include "ports/win.h"

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_NONE ((uintptr_t)INVALID_SOCKET)

/* ---- clock, random octets ---- */

VIAMC_API viamc_ms viamc_posix_now(void)
{
    return (viamc_ms)GetTickCount64();
}

VIAMC_API uint64_t viamc_posix_unix_time(void)
{
    time_t t = time(NULL);
    return t < 0 ? 0 : (uint64_t)t;
}

VMC_FN viamc_err vmc_win_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    if (len > 0xffffu || BCryptGenRandom(NULL, out, (ULONG)len, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
        return VIAMC_ERR_ENTROPY;
    return VIAMC_OK;
}

/* ---- sockets ---- */

VMC_FN viamc_err vmc_win_err(int error)
{
    switch (error) {
    case WSAECONNREFUSED: return VIAMC_ERR_REFUSED;
    case WSAETIMEDOUT: return VIAMC_ERR_TIMEOUT;
    case WSAECONNRESET: return VIAMC_ERR_CLOSED;
    case WSAECONNABORTED: return VIAMC_ERR_CLOSED;
    default: return VIAMC_ERR_IO;
    }
}

VMC_FN void vmc_win_close_fd(uintptr_t *fd)
{
    if (*fd != VMC_WIN_NONE)
        (void)closesocket((SOCKET)*fd);
    *fd = VMC_WIN_NONE;
}

/* Makes a socket what all of ours are: it does not block, and sends small frames at once. */
VMC_FN bool vmc_win_prepare(uintptr_t fd)
{
    u_long on = 1;
    BOOL now = TRUE;
    (void)setsockopt((SOCKET)fd, IPPROTO_TCP, TCP_NODELAY, (const char *)&now, (int)sizeof now);
    return ioctlsocket((SOCKET)fd, (long)FIONBIO, &on) == 0;
}

VMC_FN void vmc_win_set_conn(viamc_win *p, unsigned conn, uintptr_t fd)
{
    p->conn[conn].fd = fd;
    p->conn[conn].blocked = p->conn[conn].drained = p->conn[conn].skip = false;
    if (p->used <= conn)
        p->used = (uint8_t)(conn + 1u);
}

VMC_FN vmc_win_conn *vmc_win_at(void *user, unsigned conn)
{
    viamc_win *p = (viamc_win *)user;
    return conn < VMC_WIN_CONNS && p->conn[conn].fd != VMC_WIN_NONE ? &p->conn[conn] : NULL;
}

#endif
#endif
