#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and tests Oriel in the configurations given, and counts.

    scripts/test.py format gcc clang asan tsan

Every test program speaks TAP; each of its test points counts as one. A program that crashes, hangs or does not build counts
as a failure. The last line is `N passed, N failed, N skipped`; the exit code is 0 if nothing failed.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What `format` was written with; another version formats otherwise.
CLANG_FORMAT_MAJOR = "14"

# Suites in which threads meet: these run under TSan. The others would only take longer there.
THREADED = ["base", "engine", "runtime", "collectives", "launch", "comm", "cli"]

CONFIGURATIONS = {
    # The benchmarks are built too: nothing else would tell that one has fallen behind what it measures.
    "gcc": dict(cc="gcc", options=["-Dbench=true"], suites=[]),
    "clang": dict(cc="clang", options=[], suites=[]),
    "asan": dict(cc="clang", options=["-Db_sanitize=address,undefined", "-Db_lundef=false"], suites=[]),
    "tsan": dict(cc="clang", options=["-Db_sanitize=thread", "-Db_lundef=false"], suites=THREADED),
}

ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, **options)


def check_format(counts):
    tool = shutil.which(f"clang-format-{CLANG_FORMAT_MAJOR}") or shutil.which("clang-format")
    version = run([tool, "--version"], capture_output=True).stdout if tool else ""
    if f"version {CLANG_FORMAT_MAJOR}." not in version:
        print(f"format: skipped, needs clang-format {CLANG_FORMAT_MAJOR}")
        return counts.add(skipped=1)
    files = run(["git", "ls-files", "*.c", "*.h", "*.cpp", "*.hpp"], capture_output=True, check=True).stdout.split()
    result = run([tool, "--dry-run", "--Werror", *files], capture_output=True)
    if result.returncode:
        print(result.stderr)
        return counts.add(failed=1)
    return counts.add(passed=1)


def build(name, configuration):
    """Sets up and builds; returns the folder, or None with the compiler's words printed."""
    folder = ROOT / ("build" if name == "gcc" else f"build-{name}")
    environment = dict(os.environ, CC=configuration["cc"])
    # A folder that exists may have been set up before the tests' packages were installed.
    again = ["--reconfigure"] if (folder / "build.ninja").exists() else []
    setup = run(["meson", "setup", *again, str(folder), "-Dtests=enabled", *configuration["options"]], env=environment,
                capture_output=True)
    if setup.returncode:
        print(setup.stdout, setup.stderr)
        return None
    result = run(["ninja", "-C", str(folder)], capture_output=True)
    if result.returncode:
        print(result.stdout[-20000:])
        return None
    return folder


def count_tap(test, counts):
    """Counts one test program's points; shows what it said if it did not pass."""
    output = test.get("stdout", "")
    points = re.findall(r"^(ok|not ok)\b(.*)$", output, re.MULTILINE)
    # cmocka writes a skipped test as `not ok N - name # SKIP`, for which Meson calls the whole program failed: the points
    # and the exit code tell.
    skipped = sum(1 for _, rest in points if re.search(r"#\s*skip", rest, re.IGNORECASE))
    failed = sum(1 for verdict, rest in points if verdict == "not ok" and not re.search(r"#\s*skip", rest, re.IGNORECASE))
    passed = len(points) - skipped - failed
    plan = re.search(r"^1\.\.(\d+)", output, re.MULTILINE)
    complete = plan and int(plan.group(1)) == len(points) > 0 and test["result"] != "TIMEOUT"
    if not failed and (test["returncode"] != 0 or not complete):
        failed = 1  # crashed, hung, ended before its plan did, or tested nothing
    counts.add(passed, failed, skipped)
    if failed:
        print(f"---- {test['name']}: {test['result']} after {test['duration']:.1f} s")
        print(output[-20000:])
        print(test.get("stderr", "")[-20000:])


def test(name, counts):
    configuration = CONFIGURATIONS[name]
    folder = build(name, configuration)
    if folder is None:
        return counts.add(failed=1)
    command = ["meson", "test", "-C", str(folder), "--no-rebuild"]
    for suite in configuration["suites"]:
        command += ["--suite", suite]
    log = folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    run(command, env=dict(os.environ, **ENVIRONMENT), capture_output=True)
    lines = log.read_text().splitlines() if log.exists() else []
    if not lines:
        print(f"{name}: no test was run")
        return counts.add(failed=1)
    for line in lines:
        count_tap(json.loads(line), counts)


def main(names):
    unknown = [name for name in names if name != "format" and name not in CONFIGURATIONS]
    if unknown or not names:
        sys.exit(f"test.py: unknown {unknown}; there are: format {' '.join(CONFIGURATIONS)}")
    total = Counts()
    for name in names:
        counts = Counts()
        check_format(counts) if name == "format" else test(name, counts)
        print(f"{name}: {counts}", flush=True)
        total.add(counts.passed, counts.failed, counts.skipped)
    print(total)
    sys.exit(1 if total.failed else 0)


main(sys.argv[1:])
