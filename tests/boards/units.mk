# SPDX-License-Identifier: MIT
# The unit tests for other systems, each built whole and as small as they are: make -f tests/boards/units.mk SYSTEM=powerpc|windows|wasm|avr
# in the repository's root, to build/boards/SYSTEM.
SRC  = build/boards/src
OUT  = build/boards/$(SYSTEM)
BEAR = $(SRC)/bearssl

CC_powerpc   = powerpc-linux-gnu-gcc
AR_powerpc   = powerpc-linux-gnu-ar
BEARSSL_powerpc = $(BEAR)/src/*.c $(BEAR)/src/*/*.c
# A program of 32 bits on a system of 64: without the second option readdir(3) fails there.
LINK_powerpc = -static -D_FILE_OFFSET_BITS=64
# Not the one that times a real network: under the emulator it is not done after 100 s.
TESTS_powerpc = $(filter-out tests/test_posix_mdns.c,$(wildcard tests/test_*.c tests/sim/*.c))

CC_windows   = x86_64-w64-mingw32-gcc
AR_windows   = x86_64-w64-mingw32-ar
BEARSSL_windows = $(BEARSSL_powerpc)
LINK_windows = -static -lws2_32 -lbcrypt -lcrypt32
EXT_windows  = .exe
# Those for POSIX alone: sockets, processes, files.
POSIX_ONLY   = tests/test_port_posix.c tests/test_posix_mdns.c tests/test_loops.c tests/test_tls.c
TESTS_windows = $(filter-out $(POSIX_ONLY),$(TESTS_powerpc))
# And the examples on their port, with what puts a certificate into the store; below a folder of their own.
MORE_windows = $(addprefix $(OUT)/examples/,drive.exe robot.exe add_root.exe port_check.exe)

CC_wasm      = emcc
AR_wasm      = emar
LINK_wasm    = -sSINGLE_FILE=1 -sEXIT_RUNTIME=1 -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1
EXT_wasm     = .js
# The core, without BearSSL: a browser has TLS of its own.
FLAGS_wasm   = -O0 -DVIAMC_NO_TLS=
NEED_TLS     = $(addprefix tests/,test_dial.c test_dial_rows.c test_end_to_end.c test_server.c test_trust.c sim/sim.c)
TESTS_wasm   = $(filter-out $(POSIX_ONLY) tests/test_misuse_posix.c $(NEED_TLS),$(TESTS_powerpc))

# 16-bit int, double of 32 bits; 64 KiB for everything, so the parts that can have their tests there.
CC_avr       = avr-gcc
AR_avr       = avr-ar
EXT_avr      = .elf
FLAGS_avr    = -mmcu=atmega2560 -mrelax -Os -include tests/boards/avr/avr.h -DVIAMC_NO_TLS= -DVMC_LOOP_LINKS=2u -DVMC_LOOP_CLIENTS=1u \
               -Wno-type-limits -Wno-maybe-uninitialized
LINK_avr     = -Wl,--defsym=__stack=0xffff -Wl,--defsym=__DATA_REGION_LENGTH__=0xfe00
TESTS_avr    = $(addprefix tests/,test_wire.c test_struct.c test_hpack.c test_session.c)
MORE_avr     = $(OUT)/lib/runner

CC      = $(CC_$(SYSTEM))
PROGRAM = $(addprefix $(OUT)/,$(addsuffix $(EXT_$(SYSTEM)),$(basename $(notdir $(TESTS_$(SYSTEM))))))
LIBRARY = $(patsubst $(SRC)/%.c,$(OUT)/lib/%.o,$(wildcard $(SRC)/nanopb/pb_*.c $(BEARSSL_$(SYSTEM))))

all: $(PROGRAM) $(MORE_$(SYSTEM))

vpath %.c tests tests/sim examples tests/boards

$(OUT)/port_check$(EXT_$(SYSTEM)): FLAGS_windows = -DPORT_CHECK_MAIN -DVIAMC_IMPLEMENTATION

$(OUT)/examples/%: $(OUT)/%
	@mkdir -p $(@D)
	@mv $< $@

$(OUT)/%$(EXT_$(SYSTEM)): %.c $(OUT)/lib.a viamc.h viamc_proto.h $(wildcard tests/*.h)
	@mkdir -p $(@D)
	@$(CC) -std=gnu99 -Wall -Wextra -Werror -O1 -DVIAMC_STATIC $(FLAGS_$(SYSTEM)) -I. -Itests -I$(BEAR)/inc -I$(SRC)/nanopb -o $@ $< $(OUT)/lib.a \
	    -ffunction-sections -fdata-sections -Wl,--gc-sections $(LINK_$(SYSTEM))

$(OUT)/lib/runner: tests/boards/avr/runner.c
	@mkdir -p $(@D)
	@cc -O2 -Wall -Wextra -Werror -o $@ $< -lsimavr

$(OUT)/lib.a: $(LIBRARY)
	@$(AR_$(SYSTEM)) rcs $@ $^

$(OUT)/lib/%.o: $(SRC)/%.c
	@mkdir -p $(@D)
	@$(CC) -O1 -w $(filter -m%,$(FLAGS_$(SYSTEM))) -I$(BEAR)/inc -I$(BEAR)/src -I$(SRC)/nanopb -c -o $@ $<

.PHONY: all
.SECONDARY:
