/* SPDX-License-Identifier: MIT */
/* lwIP without an operating system, for a handful of TCP connections: some 32 KiB of RAM. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0 /* only the main loop calls lwIP */
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_DHCP 1
#define LWIP_DNS 1
#define LWIP_STATS 0
#define MEM_ALIGNMENT 4
#define MEM_SIZE 12288
#define TCP_MSS 1460
#define TCP_WND (6 * TCP_MSS)
#define TCP_SND_BUF (2 * TCP_MSS)
#define TCP_SND_QUEUELEN 16
#define MEMP_NUM_TCP_SEG 32
#define MEMP_NUM_TCP_PCB 8
#define TCP_LISTEN_BACKLOG 1
#define PBUF_POOL_SIZE 12

#endif
