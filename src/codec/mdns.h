/* SPDX-License-Identifier: MIT */
/* codec/mdns: robots that announce themselves on the local network (mDNS and DNS-SD, RFC 6762 and 6763): the question, and who answers it. */
#ifndef VIAMC_CODEC_MDNS_H
#define VIAMC_CODEC_MDNS_H

#include "base/core.h"

/* A robot, as the local network says; nobody has verified it. */
typedef struct viamc_found {
    char name[254];   /* "rover-main.abc.viam.cloud"; of some robots with '-' for each '.': terminated */
    char address[22]; /* "192.168.1.50:8080", for dial.address, with dial.server_name for the name: terminated */
} viamc_found;

/* Writes the question that robots answer: a datagram for 224.0.0.251, port 5353, sent from that port; again after a quarter of a second,
 * since some get lost. Returns its octets (33), 0 if cap is less. */
VIAMC_API size_t viamc_find_query(uint8_t *buf, size_t cap);

/* Adds the robots of a datagram that came from port 5353 to a list, each address of each once.
 *   packet  any octets: what is no answer adds nothing
 *   robots  count of them are there, at most max
 * Returns:  how many there are now */
VIAMC_API size_t viamc_find_add(viamc_bytes packet, viamc_found *robots, size_t max, size_t count);

#endif
