/* SPDX-License-Identifier: MIT */
/* ports/win_sys: the system headers of ports/win, so that they can stand outside extern "C". Knows nothing else.
 * A program that includes windows.h itself includes winsock2.h before it, or viamc.h first. */
#ifndef VIAMC_PORTS_WIN_SYS_H
#define VIAMC_PORTS_WIN_SYS_H

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

#include <bcrypt.h>
#include <fcntl.h>
#include <io.h>
#include <time.h>
#include <unistd.h>
#include <wincrypt.h>

#ifdef __MINGW32__ /* whose headers lack them (Windows 8 has them) */
#ifdef __cplusplus
extern "C" {
#endif
INT WSAAPI GetAddrInfoExCancel(LPHANDLE handle);
INT WSAAPI GetAddrInfoExOverlappedResult(LPOVERLAPPED overlapped);
#ifdef __cplusplus
}
#endif
#endif

#define VMC_POSIX_OPEN (O_RDONLY | O_BINARY) /* how a file is read */

#endif
#endif
