#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: the examples from practice. Their results are right, they are clean under the checker on both platforms and in both
profiles, and none of their synchronization is too much.

usage: practice.py ORIEL LAUNCH...     (LAUNCH: an example's shared object)
"""

import os
import subprocess
import sys

import tap

ORIEL, *LAUNCHES = map(os.path.abspath, sys.argv[1:])
PLATFORMS = ["a2a3sim", "a5sim"]
RANKS = [2, 3, 4, 17]
# The count with which an expert needs a third chunk, a product a third panel: from there on each buffer is used again.
MANY = {"mixture_of_experts.so": 300, "tensor_parallel.so": 5000}


def oriel(*words):
    return subprocess.run([ORIEL, *map(str, words)], capture_output=True, text=True, timeout=300)


def many(launch):
    return MANY[os.path.basename(launch)]


def jobs():
    for launch in LAUNCHES:
        for platform in PLATFORMS:
            for ranks in RANKS:
                for count in 1, 7, many(launch):
                    if ranks * count <= 20000:
                        yield launch, "-p", platform, "-d", f"0-{ranks - 1}", "--count", count


def test_results_are_right():
    for job in jobs():
        for data in [], ["--seed", 5]:
            result = oriel("run", *job, "--repeat", 3, *data)
            assert result.returncode == 0 and "\nright: " in result.stdout, (job, result)


def test_they_are_clean():
    for job in jobs():
        for profile in "strict", "documented":
            result = oriel("check", *job, "--profile", profile)
            assert result.returncode == 0 and "exhaustive: 1 of 1 schedule\n" in result.stdout, (job, profile, result)


def test_every_statement_is_needed():
    for launch in LAUNCHES:
        result = oriel("check", launch, "-p", ",".join(PLATFORMS), "-d", "0-1", "--prune", "--ranks", "2", "--counts",
                       f"1,{many(launch)}")
        assert result.returncode == 0, result
        last = result.stdout.splitlines()[-1]
        assert last.endswith(", 8 cells: 0 redundant, 0 unknown") and last[0] != "0", last


tap.run(dict(globals()))
