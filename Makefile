# SPDX-License-Identifier: MIT
CC        = cc
CFLAGS    = -std=gnu99 -Og -Wall -Wextra
# VIAMC_STATIC: a test program compiles only what it calls, in a fifth of the time.
TESTFLAGS = -std=gnu99 -Wall -Wextra -Werror -DVIAMC_STATIC
SANITIZE  = -Og -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -DVIAMC_CHECK=1
LIBS      = -ffunction-sections -fdata-sections -Wl,--gc-sections -lbearssl -lprotobuf-nanopb
CORES    := $(shell nproc)
# As many as make was told (-j2), else one a core. Looked at in recipes: MAKEFLAGS has no -j before.
JOBS      = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),$(CORES))
PARALLEL  = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(CORES))

programs  = $(addprefix $(1),$(patsubst %.c,%,$(notdir $(wildcard $(2)))))
EXAMPLES := $(call programs,build/examples/,examples/*.c)
PROGRAMS := $(call programs,build/tests/,tests/test_*.c tests/sim/*.c tests/programs/*.c)
SUITES   := $(call programs,build/tests/,tests/conformance/*.c) build/tests/asan/conformance_client build/tests/hpack_lines
PLAIN    := $(call programs,build/tests/,tests/test_*.c tests/sim/*.c)
ASAN     := $(call programs,build/tests/asan/,tests/test_*.c tests/sim/*.c tests/fuzz/*.c)

help:
	@echo "make demo          a robot and its driver on this machine: the driver is killed, the motor stops"
	@echo "make test          every test that needs no other robot"
	@echo "make check         the same without sanitizers; warnings of two compilers, layers, symbols, every option"
	@echo "make test-messages every message against Python's protobuf, 50 instances of each"
	@echo "make test-peers    against viam-server, the SDKs and other real peers"
	@echo "make conformance   suites that others wrote: connectrpc's, gRPC's interop cases, HPACK decoders; TLS of six makes"
	@echo "make test-hostile  hostile peers: 23,000 runs of frames that no robot and no driver would send"
	@echo "make fuzz TIME=60  looks for octets that break something, so many seconds a target"
	@echo "make analyze       gcc -fanalyzer, clang-tidy and cppcheck over both headers"
	@echo "make test-boards   on emulated boards and other systems"
	@echo "make examples      to build/examples/"
	@echo "make test-programs to build/tests/"
	@echo "make amalgamate    viamc.h from src/, and the tables of README.md and tests/README.md"
	@echo "make size          flash by part, RAM and stack on a Cortex-M: writes README's tables; size-check compares"
	@echo "make figures       sizes and costs, each with its goal"
	@echo "make setup         packages and build/venv; the targets above do it by themselves"
	@echo "make clean         removes build/"

setup:
	@tools/setup.sh core python

amalgamate:
	@tools/amalgamate.py
	@tools/memory_table.py
	@tools/test_table.py

examples:
	@tools/setup.sh core
	@+$(PARALLEL) .examples

test-programs:
	@tools/setup.sh core
	@+$(PARALLEL) .test-programs

demo:
	@tools/setup.sh core
	@+$(PARALLEL) build/examples/robot build/examples/drive
	@tools/demo.py

# The suite runs with sanitizers, from src/. One job more than there are cores: some wait more than they work.
test:
	@tools/setup.sh core python
	@tools/amalgamate.py --check
	@+$(PARALLEL) .examples .asan
	@tests/run.py -j $$(($(JOBS) + 1)) tests/stranger/run.py \
	    $(foreach test,$(filter-out tests/test_check.py tests/test_gen_proto.py,$(wildcard tests/test_*.py)),"build/venv/bin/python3 $(test)") $(ASAN)

# The suite again, as users build it: from viamc.h, without sanitizers, and two programs in full: a fault at every place, 10,000 runs of the model;
# that the text of both headers is as it has to be, and that they compile in every way.
FAULTS = build/tests/test_faults
MODEL  = build/tests/test_motion_model
check:
	@tools/setup.sh core python
	@tools/amalgamate.py --check
	@+$(PARALLEL) .plain
	@tests/run.py -t 300 "$(FAULTS) --runs 1000000" "$(MODEL) --runs 10000" $(filter-out $(FAULTS) $(MODEL),$(PLAIN)) \
	    tests/compile/run.py "build/venv/bin/python3 tests/test_gen_proto.py" $(foreach check,warnings symbols layers uses merged misuse ascii,"tools/check.py $(check)") "python3 tests/test_check.py"

test-messages:
	@tools/setup.sh core python
	@COUNT=50 tests/run.py "build/venv/bin/python3 tests/test_proto_python.py"

test-peers:
	@tools/setup.sh core peers
	@+$(PARALLEL) .examples .test-programs
	@tests/peers/run.sh

conformance:
	@tools/setup.sh core peers conformance
	@+$(PARALLEL) .suites
	@tests/peers/run.sh conformance

# One program in parts: the table against either role, in plaintext and in TLS, against a board and while a Stop is under way; the rest.
HOSTILE = build/tests/asan/hostile
LIMITS  = build/tests/asan/limits
test-hostile:
	@tools/setup.sh core
	@+$(PARALLEL) $(HOSTILE) $(LIMITS)
	@tests/run.py -t 600 $(foreach side,client robot,$(foreach line,tls plain,"$(HOSTILE) '$(side) $(line)'")) "$(HOSTILE) board" "$(HOSTILE) 'stop plain'" "$(HOSTILE) _of_ _has_ _that_" $(LIMITS)

TIME = 60
fuzz:
	@tools/setup.sh core fuzz
	@tests/fuzz/run.py --time $(TIME) --jobs $(JOBS)

analyze:
	@tools/setup.sh core analyze
	@tools/analyze.py -j $(JOBS)

test-boards:
	@tools/setup.sh core python peers boards
	@tests/boards/run.sh

size:
	@tools/setup.sh core size plot
	@tests/boards/sources.sh
	@tools/size.py
	@/usr/bin/python3 tools/plot_size.py

size-check:
	@tools/setup.sh core size
	@tests/boards/sources.sh
	@tools/size.py --check

figures:
	@tools/setup.sh core figures size
	@tests/boards/sources.sh
	@+$(PARALLEL) .examples .test-programs
	@tools/figures.py
	@tools/board.py

clean:
	rm -rf build

.PHONY: help setup amalgamate examples test-programs demo test check test-messages test-hostile test-peers test-boards conformance fuzz analyze size \
        size-check figures clean .examples .test-programs .suites .plain .asan
.examples: $(EXAMPLES) ; @:
.test-programs: $(PROGRAMS) ; @:
.suites: $(SUITES) ; @:
# What `make check` runs; the programs of other tests are only looked at.
.plain: $(PLAIN)
	@$(CC) $(TESTFLAGS) -fsyntax-only -I. -Itests tests/programs/*.c tests/conformance/*.c
.asan: $(ASAN) ; @:

vpath %.c tests tests/hostile tests/sim tests/fuzz tests/programs tests/conformance

build/examples/%: examples/%.c Makefile
	@mkdir -p $(@D)
	@echo $@
	@$(CC) $(CFLAGS) -I. -MMD -MP -o $@ $< $(LIBS)

build/tests/asan/%: %.c Makefile build/include/viamc_proto.h
	@mkdir -p $(@D)
	@echo $@
	@$(CC) $(TESTFLAGS) $(SANITIZE) -Ibuild/include -Isrc -Itests -MMD -MP -o $@ $< $(LIBS)

build/tests/%: %.c Makefile
	@mkdir -p $(@D)
	@echo $@
	@$(CC) $(TESTFLAGS) -Og -fstrict-aliasing -DVIAMC_SHORTCUTS=0 -I. -Itests -MMD -MP -o $@ $< $(LIBS)

# A copy away from viamc.h, so that its include of viamc.h finds src/viamc.h.
build/include/viamc_proto.h: $(wildcard viamc_proto.h)
	@mkdir -p $(@D)
	@cp $(or $<,/dev/null) $@

-include $(wildcard build/examples/*.d build/tests/*.d build/tests/asan/*.d)
