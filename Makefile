# SPDX-License-Identifier: Apache-2.0
# The few commands that people type; the build itself is Meson's. BUILD chooses another folder.
BUILD ?= build
PREFIX ?= /usr/local
TESTS ?= format gcc clang

.PHONY: all setup run test fuzz hazards bench bench-peers install clean

all: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) >/dev/null
	@ninja -C $(BUILD) oriel

# Installs what is missing, and nothing if nothing is. WHAT: build, test, bench or peers.
WHAT ?= build
setup:
	@scripts/setup.sh $(WHAT)

# The main job: three collectives on four simulated devices of both platforms.
run: all
	@scripts/demo.sh $(BUILD)/oriel

# TESTS: any of format gcc clang asan tsan. The last line is `N passed, N failed, N skipped`.
test: WHAT = test
test: setup
	@scripts/test.py $(TESTS)

# Random kernels under ASan and UBSan, for FUZZ_SECONDS (180); FUZZ_SEED (1): which.
fuzz: WHAT = test
fuzz: setup
	@scripts/fuzz.sh

# What oriel check sees and does not, on pairs of small kernels that are wrong by one statement (tests/hazards).
hazards: WHAT = test
hazards: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) >/dev/null
	@meson configure $(BUILD) -Dtests=enabled && ninja -C $(BUILD) tests/hazards/test-hazards >/dev/null
	@$(BUILD)/tests/hazards/test-hazards --table

bench: WHAT = bench
bench: setup
	@scripts/bench.py

# Oriel beside Open MPI, MPICH and Gloo. PEERS: options of scripts/bench_peers.py, as in PEERS="--ranks 2 --sizes 8,64K".
bench-peers: WHAT = peers
bench-peers: setup
	@scripts/bench_peers.py $(PEERS)

# The folder may have been set up for another PREFIX, or for none.
install: all
	@meson configure $(BUILD) --prefix $(abspath $(PREFIX))
	@ninja -C $(BUILD) >/dev/null
	@meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) build-*
