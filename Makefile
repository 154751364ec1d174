# SPDX-License-Identifier: MIT
# A thin front: the build itself is Meson's and Ninja's (meson.build). `make help` lists what is
# here. Recipes are silent, and what they do besides goes to standard error, so that the output of
# `make run` is the guest's.

BUILD := build
# Which guest make run boots: riscv64 or arm64.
GUEST := riscv64
GUEST_FILES := build/guests/$(GUEST)
VCPUS := $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$(( n < 4 ? n : 4 )))
MEMORY := 1G
# More options of vm-cli run: make run OPTIONS='--stats text'
OPTIONS :=
# What test-all multiplies the tests' random counts by, and its instructions per extension; with
# sanitizers there are as many as in test.
SCALE := 5
COUNT := 1000000
# Test programs at a time; as many as CPUs unless given.
JOBS :=
# Options of bench/run: make bench BENCH='--quick --only nbody'
BENCH :=
BENCH_PAGE = docs/benchmarks$(if $(filter-out riscv64,$(GUEST)),-$(GUEST)).md

.DELETE_ON_ERROR:
.NOTPARALLEL:
# What bench/run reads: programs, and a directory.
export QEMU COREMARK
.PHONY: all help run test test-all bench guests lint format clean
.PHONY: packages-run packages-test packages-test-all

# What Meson and Ninja say matters when they fail; Ninja says even that there is nothing to do.
silently = out=$$($(1) 2>&1) || { echo "$$out" >&2; exit 1; }
ninja = $(call silently,ninja -C $(1) --quiet $(2))

all: packages-run $(BUILD)/build.ninja
	@$(call ninja,$(BUILD),vm-cli)

help:
	@echo 'make run       build vm-cli, get a guest, boot it to a shell (GUEST=arm64, OPTIONS= for vm-cli)'
	@echo 'make test      run the tests: a quarter of an hour at most'
	@echo 'make test-all  run everything: hours, may be interrupted; see build/test-all.txt'
	@echo 'make bench     measure against QEMU, write docs/benchmarks*.md (GUEST=arm64, QEMU=, COREMARK=, BENCH=)'
	@echo 'make guests    put guests of all architectures in place'
	@echo 'make lint      check layering, globals, form'
	@echo 'make format    lay the sources out by .clang-format'
	@echo 'make clean     delete what was built, but no guests'

packages-run packages-test packages-test-all: packages-%:
	@tools/packages $*

$(BUILD)/build.ninja: | packages-run
	@echo 'make: building $(BUILD)/vm-cli, which takes a minute or two' >&2
	@$(call silently,meson setup $(BUILD))

# What a guest is made with decides whether it is made anew; tools/guests looks at the contents.
$(GUEST_FILES)/stamp.json: tools/guests tools/debpkg.py tools/initramfs.py $(wildcard tools/guest-init/*)
	@tools/guests $(GUEST) >&2 && touch $@

# A build without libslirp has no network that everybody may use.
run: all $(GUEST_FILES)/stamp.json
	@network='--virtio-net user'; \
	$(BUILD)/vm-cli info | grep -q '^user network  *yes' || { network=; \
	    echo 'make: the guest gets no network: vm-cli was built without libslirp' >&2; }; \
	exec $(BUILD)/vm-cli run --kernel $(GUEST_FILES)/kernel --initrd $(GUEST_FILES)/initrd \
	    --smp $(VCPUS) --memory $(MEMORY) $$network $(OPTIONS)

guests:
	@tools/guests

# Without the tests' libraries the build was set up without the tests.
$(BUILD)/tests-enabled: | packages-test $(BUILD)/build.ninja
	@$(call silently,meson configure $(BUILD) -Dtests=enabled) && touch $@

# Guests and oracles that cannot be had leave their tests to be skipped, with the cause.
.PHONY: test-set-up
test-set-up: packages-test $(BUILD)/tests-enabled
	@$(call ninja,$(BUILD))
	@tools/guests riscv64 arm64 || echo 'make: tests that boot a guest will be skipped'
	@tools/firmware || echo 'make: tests that boot firmware will be skipped'
	@tools/oracles || echo 'make: tests that need the newest qemu-user or objdump will be skipped'

test: test-set-up
	@tools/run-tests $(if $(JOBS),--jobs $(JOBS)) $(BUILD)

comma := ,
clang = test -f $(1)/build.ninja || \
    { $(call silently,CC=clang meson setup $(1) -Db_lundef=false -Dtests=enabled $(2)); }

# With the sanitizers of addresses and of undefined behaviour: everything but what is long. With that
# of threads: what has several vCPUs. With libFuzzer: five minutes for each target.
test-all: packages-test-all test-set-up
	@tools/compiler || echo 'make: the test that compiles in lock-step will be skipped'
	@$(call clang,build-sanitize,-Db_sanitize=address$(comma)undefined)
	@$(call clang,build-thread,-Db_sanitize=thread)
	@$(call clang,build-fuzz,-Db_sanitize=address$(comma)undefined -Dfuzz=true -Dfuzz_seconds=300)
	@$(call ninja,build-sanitize)
	@$(call ninja,build-thread)
	@$(call ninja,build-fuzz)
	@tools/run-tests --long --timeout-factor 20 \
	    $(if $(JOBS),--jobs $(JOBS)) --journal $(BUILD)/test-all.journal \
	    --result $(BUILD)/test-all.txt \
	    build-sanitize:boot,cli,differential,fuzz,hostile,isa,unit,virtio \
	    build-thread:boot,cli,hostile,unit,virtio build-fuzz:fuzz \
	    TRINE_TEST_SCALE=$(SCALE) TRINE_COUNT=$(COUNT) $(BUILD)

# Measures what it can find: engines of the build, QEMU, CoreMark.
bench: packages-test all $(GUEST_FILES)/stamp.json
	@bench/run --isa $(GUEST) --page $(BENCH_PAGE) $(BENCH)

lint: packages-test $(BUILD)/build.ninja
	@$(call ninja,$(BUILD))
	@tools/lint --build $(BUILD)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf build-*
	@test ! -f $(BUILD)/build.ninja || ninja -C $(BUILD) -t clean >&2
