/* SPDX-License-Identifier: MIT */
/* Every bound of base/config.h, and what one more than it brings: a script with the number put in, run as the rows are, or the name of the
 * test that has both numbers. tests/test_bounds.py notices one that is missing. Include after rows.h. */
#ifndef VIAMC_HOSTILE_BOUNDS_H
#define VIAMC_HOSTILE_BOUNDS_H

typedef struct bound {
    const char *name;
    uint32_t n;
    uint8_t less;         /* what the script's number is less, as the script has one more by itself */
    uint8_t roles;
    const char *script;   /* NULL: see `test` */
    uint8_t within, within_code;
    uint8_t beyond, beyond_code;
    const char *test;     /* "program: test" */
} bound;

#define CALM VMC_H2_ENHANCE_YOUR_CALM
#define BOUND(name) #name, name

/* BLOCK, LIST and FIELDS send a header block on H of so many octets, so many as a list counts, and so many fields. */
static const bound bounds[] = {
    {BOUND(VIAMC_MAX_CALLS), 0, 0, NULL, 0, 0, 0, 0, "hostile: calls_of_a_client"},
    {BOUND(VMC_H2_MAX_BLOCK_BYTES), 0, BOTH, "BLOCK %u", RESET, CALM, BROKEN, CALM, NULL},
    {BOUND(VMC_H2_MAX_CONTINUATIONS), 1, BOTH, "HEADERS H @ok; %u x CONT H; CONT+EH H; REST", ENDED, 0, BROKEN, CALM, NULL},
    {BOUND(VMC_H2_MAX_FIELDS), 0, BOTH, "FIELDS %u", RESET, CALM, BROKEN, CALM, NULL},
    {BOUND(VMC_H2_MAX_LIST_BYTES), 0, BOTH, "LIST %u", RESET, CALM, BROKEN, CALM, NULL},
    {BOUND(VMC_SERVER_HEADER_LIST), 0, BOTH, "LIST %u; REST", ENDED, 0, RESET, CALM, NULL},
    {BOUND(VMC_H2_MAX_PINGS), 0, BOTH, "%u x PING 0 00*8", NOTHING, 0, FLOOD, CALM, NULL},
    {BOUND(VMC_H2_MAX_SETTINGS), 0, BOTH, "%u x SETTINGS 0", NOTHING, 0, FLOOD, CALM, NULL},
    {BOUND(VMC_H2_MAX_SETTINGS_ENTRIES), 0, BOTH, "SETTINGS 0 000900000000*%u", NOTHING, 0, BROKEN, CALM, NULL},
    {BOUND(VMC_H2_MAX_EMPTY), 0, BOTH, "HEADERS+EH H @ok; %u x DATA H; REST", ENDED, 0, BROKEN, CALM, NULL},
    {BOUND(VMC_H2_MAX_NOISE), 0, CLIENT, "%u x Tee 0", NOTHING, 0, FLOOD, CALM, NULL},
    {BOUND(VMC_H2_FORGIVEN), 0, 0, NULL, 0, 0, 0, 0, "hostile: noise_that_is_forgiven"},
    {BOUND(VMC_H2_MAX_INFORMATIONAL), 0, CLIENT, "%u x HEADERS+EH V :status=103 link=x; HEADERS+EH V @ok; REST", ENDED, 0, RESET, VMC_H2_PROTOCOL_ERROR, NULL},
    {BOUND(VMC_HPACK_ENCODER_ENTRIES), 0, 0, NULL, 0, 0, 0, 0, "test_hpack: fixed_fields_and_eight_others_are_kept"},
    {BOUND(VMC_STRUCT_MAX_DEPTH), 0, 0, NULL, 0, 0, 0, 0, "test_struct: depth"},
    {BOUND(VMC_POLL_STEPS), 0, 0, NULL, 0, 0, 0, 0, "hostile: reads_of_a_poll"},
};

#endif
