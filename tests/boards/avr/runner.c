/* SPDX-License-Identifier: MIT */
/* Runs a test program on simavr's ATmega2560 with 64 KiB of data memory, as that chip has with a memory of its own beside it:
 * runner PROGRAM.elf. What it says goes to stdout, how it ends is the exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

enum { GPIOR0 = 0x3e, GPIOR1 = 0x4a };                      /* ATmega2560, addresses in data memory */
static const unsigned long long patience = 20000000000ull; /* cycles */

static int code = -1;

static void on_octet(avr_t *avr, avr_io_addr_t address, uint8_t octet, void *unused)
{
    (void)avr, (void)address, (void)unused;
    putchar(octet);
}

static void on_end(avr_t *avr, avr_io_addr_t address, uint8_t octet, void *unused)
{
    (void)avr, (void)address, (void)unused;
    code = octet;
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_t *avr = avr_make_mcu_by_name("atmega2560");
    int state = cpu_Running;
    memset(&firmware, 0, sizeof firmware);
    if (argc != 2 || avr == NULL || elf_read_firmware(argv[1], &firmware) != 0) {
        fprintf(stderr, "usage: runner PROGRAM.elf\n");
        return 2;
    }
    avr->ramend = 0xffff;
    avr_init(avr);
    firmware.frequency = 16000000;
    avr_load_firmware(avr, &firmware);
    avr_register_io_write(avr, GPIOR0, on_octet, NULL);
    avr_register_io_write(avr, GPIOR1, on_end, NULL);
    while (code < 0 && state != cpu_Done && state != cpu_Crashed && avr->cycle < patience)
        state = avr_run(avr);
    fflush(stdout);
    if (code < 0)
        fprintf(stderr, "runner: %s after %llu cycles\n", state == cpu_Crashed ? "crashed" : "no end", (unsigned long long)avr->cycle);
    return code < 0 ? 3 : code;
}
