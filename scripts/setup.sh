#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing: `setup.sh build`, `setup.sh test`, `setup.sh bench` or `setup.sh peers`. Quiet, and
# without a call to apt, when all are there.
set -eu

packages="gcc libc6-dev meson ninja-build pkg-config libjansson-dev libhwloc-dev g++ libdw-dev"
case "${1:-build}" in
build) ;;
test) packages="$packages libcmocka-dev clang clang-format procps" ;;
bench | peers) ;;
*) echo "setup.sh: unknown set \"$1\"; there are: build, test, bench, peers" >&2; exit 2 ;;
esac

missing() {
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf ' %s' "$package"
    done
}

install() {
    [ $# -gt 0 ] || return 0
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "setup.sh: needs root or sudo to install: $*" >&2; return 1; }
        sudo=sudo
    fi
    echo "installing: $*"
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup.sh: not a Debian system; it needs the equivalents of: $packages" >&2
    exit 0
fi
# shellcheck disable=SC2046,SC2086  # lists of words are meant
install $(missing $packages)

# The sanitizers' runtime goes by clang's version, which differs between Debian's releases.
if [ "${1:-build}" = test ]; then
    version=$(clang -dumpversion | cut -d. -f1)
    # shellcheck disable=SC2046
    install $(missing "libclang-rt-$version-dev")
fi

# What Oriel is measured beside. Each is tried by itself: the comparison goes on without one that is not to be had.
peer() {
    name=$1
    shift
    # shellcheck disable=SC2046
    install $(missing "$@") || echo "setup.sh: $name is not to be had ($*)" >&2
}
if [ "${1:-build}" = peers ]; then
    peer "Open MPI" openmpi-bin libopenmpi-dev
    peer MPICH mpich libmpich-dev
    peer Gloo libgloo-dev g++
fi
