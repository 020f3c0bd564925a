/* SPDX-License-Identifier: MIT */
/* SMSC LAN9118, the Ethernet of Arm's MPS2 (image AN385) and of many other boards: frames in and out, by the processor. */
#ifndef LAN9118_H
#define LAN9118_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAN9118_FRAME = 1514 }; /* octets of the longest frame, without its check sum */

bool lan9118_start(uintptr_t base, const uint8_t mac[6]); /* false: no such chip there */
size_t lan9118_receive(uint32_t *frame);                  /* octets of the next frame, 0: none; room for LAN9118_FRAME + 6 */
bool lan9118_send(const uint32_t *frame, size_t len);     /* false: no room in the chip now */
bool lan9118_waiting(void);                               /* a frame has come */

/* The interrupt is raised while a frame waits. Its handler turns it off, who has taken all frames turns it on again. */
void lan9118_interrupt(bool on);

#endif
