# The commands of the house. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

_list:
    @just --list --unsorted

# format, lints, tests, docs: what every commit passes
check: lint test docs

# all tests of the workspace
test:
    cargo test

# format and lints, warnings refused
lint:
    cargo fmt --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# the house rules alone: floors, sizes, words, links
tidy:
    cargo test --test tidy

# the documentation, warnings refused
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# crash at every change to a simulated disk, so many images; SEED=n repeats one
crash images="250000":
    RUSTC_WORKSPACE_WRAPPER="$PWD/.ci/rustc-model" IMAGES={{images}} cargo test --release -p witnessmark \
        --test faults -- --nocapture campaign::

# every call to the disk fails in every way; each sync is left out; 100,000 schedules of threads; every
# order of a few calls, weak memory included
models:
    RUSTC_WORKSPACE_WRAPPER="$PWD/.ci/rustc-model" STEP=1 SCHEDULES=100000 cargo test --release -p witnessmark \
        --test faults -- --nocapture calls:: steps:: schedules::
    RUSTC_WORKSPACE_WRAPPER="$PWD/.ci/rustc-model" cargo test --release -p witnessmark \
        --lib -- --nocapture --test-threads 2 models::

# kill -9 in the middle of ingesting, a hundred times
kill9:
    cargo build --release
    tests/system/kill9.sh

# the real kernel, long: failing disks, power cuts, faults at every system call, a thousand kills
system:
    cargo build --release
    KILLS=1000 tests/system/kill9.sh
    STRIDE=1 tests/system/inject.sh
    ENTRIES=2000 tests/system/ack_order.sh
    ROUNDS=300 tests/system/power_cut.sh
    ROUNDS=60 tests/system/block_eio.sh
    ROUNDS=60 tests/system/lying_sync.sh
    ROUNDS=100 tests/system/disk_full.sh
    tests/system/odd_files.sh
    tests/system/sandbox.sh
    ENTRIES=1100000 tests/system/rss.sh

# the command against the second reader
twin:
    cargo build --release
    tests/system/twin.sh

# the tamper matrix two hundred times over, and every bit of a directory of 256 KiB
tamper:
    WMARK_TAMPER_ROUNDS=200 WMARK_TAMPER_KIB=256 cargo test --release --test verify tamper -- --nocapture

# beside other engines: speed on this disk (`--quick` tries it out), or `flips`, one flipped bit at a time
compare *arguments:
    TMPDIR=/dev/shm cargo run --release -p compare -- {{arguments}}

# ten deliberate bugs, one at a time: each must turn a test red
planted *names:
    tests/planted/run.sh {{names}}

# mutants of one room (format, log, merkle, proof, segment, verify), each built and tested: hours
mutants room *arguments:
    cargo mutants --file 'src/{{room}}/**' --output target {{arguments}}

# fuzz one target, or all of them, ten minutes each
fuzz target="all":
    #!/usr/bin/env bash
    set -euo pipefail
    targets=("{{target}}")
    if [[ "{{target}}" == all ]]; then mapfile -t targets < <(cargo +nightly fuzz list); fi
    for name in "${targets[@]}"; do
        cargo +nightly fuzz run "$name" -- -max_total_time=600 -rss_limit_mb=2048
    done

# run one benchmark file of benches/
bench name:
    cargo bench --bench {{name}}

# licences, advisories and sources of the dependencies
deny:
    cargo deny check

# everything, as the build machine does it
ci:
    .ci/run
