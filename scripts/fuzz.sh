#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the fuzzer (tests/fuzz) under ASan and UBSan for FUZZ_SECONDS, 180 if not said; FUZZ_SEED, else 1, chooses the strings that it
# begins with. With libFuzzer where clang has it, and then the corpus in build-fuzz/corpus grows from run to run.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-180} seed=${FUZZ_SEED:-1} folder=build-fuzz

libfuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *b, long n) { return b && n ? 0 : 0; }' |
        clang -x c -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null
}

build() {
    options="-Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false" targets=tests/fuzz/fuzz
    if libfuzzer; then
        options="$options -Dlibfuzzer=true -Dc_args=-fsanitize=fuzzer-no-link"
        targets="$targets tests/fuzz/fuzz-libfuzzer"
    fi
    if [ ! -f $folder/build.ninja ]; then
        # shellcheck disable=SC2086  # a list of words is meant
        CC=clang meson setup $folder $options >/dev/null
    fi
    # shellcheck disable=SC2086
    ninja -C $folder $targets >$folder/fuzz.log || {
        tail -n 40 $folder/fuzz.log
        exit 1
    }
}

failed() {
    echo "fuzz: something does not hold. To see the program: $folder/tests/fuzz/fuzz --show FILE, FILE being $1" >&2
    exit 1
}

build
export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0" UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
if ! libfuzzer; then
    echo "fuzz: clang has no libFuzzer here: random strings"
    cd $folder
    tests/fuzz/fuzz "$seconds" "$seed" || failed "$folder/fuzz-last"
    exit 0
fi
mkdir -p $folder/corpus
if [ -z "$(ls -A $folder/corpus)" ]; then
    $folder/tests/fuzz/fuzz --seeds 60 "$seed" $folder/corpus
fi
$folder/tests/fuzz/fuzz-libfuzzer -max_total_time="$seconds" -seed="$seed" -max_len=1400 -len_control=0 -timeout=120 \
    -rss_limit_mb=4096 -artifact_prefix=$folder/ -print_final_stats=1 $folder/corpus || failed "named above"
