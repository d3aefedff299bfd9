#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job, on both simulated platforms: each collective on four devices. Fails if one of them does.
set -u
oriel=${1:-build/oriel}
failed=0
for platform in a2a3sim a5sim; do
    for collective in allgather reduce_scatter allreduce; do
        echo "\$ oriel run $collective -p $platform -d 0-3"
        "$oriel" run "$collective" -p "$platform" -d 0-3 || failed=1
    done
done
exit $failed
