#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: kernels in C++ compile as they are, run right, and get the verdict that is written on their first line.

usage: kernels.py ORIEL

The first line of each .cpp here is one of
    // expect: clean                    nothing found, and the right result on the direct engine
    // expect: early-signal 13          a finding of that kind, with a side on that line; with several lines, one for each
    // expect: message TEXT             no verdict: what is said instead contains the text, or one of those with " | " in between
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest.mock

import tap

ORIEL = os.path.abspath(sys.argv[1])
HERE = pathlib.Path(__file__).resolve().parent
PLATFORMS, PROFILES = ("a2a3sim", "a5sim"), ("strict", "documented")


def oriel(*words):
    return subprocess.run([ORIEL, *words], cwd=HERE, capture_output=True, text=True, timeout=240)


def lacks():
    if not shutil.which(os.environ.get("CXX", "c++").split()[0]):
        return "there is no C++ compiler"
    if "without libdw" in oriel("check", "exchange.cpp", "-p", "a2a3sim", "-d", "0").stderr:
        return "this build has no libdw"
    return None


def type_of(name):
    """As its launch says."""
    text = (HERE / f"{name}.c").read_text()
    include = re.search(r'#include "((?!launch)\w+\.[ch])"', text)
    text += (HERE / include[1]).read_text() if include else ""
    return re.search(r"LAUNCH\(PTO_(\w+)", text)[1].lower()


def job(name, platform):
    return [f"{name}.cpp", "-p", platform, "-d", "0-1", "--dtype", type_of(name)]


def check(name, platform, profile):
    done = oriel("check", *job(name, platform), "--profile", profile, "--format", "json", "--timeout", "120")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["findings"]


def is_right(name):
    for platform in PLATFORMS:
        done = oriel("run", *job(name, platform))
        assert done.returncode == 0, done.stdout + done.stderr
        for profile in PROFILES:
            findings = check(name, platform, profile)
            assert not findings, findings


def has(name, kind, *lines):
    findings = check(name, "a2a3sim", "strict")
    for line in lines:
        place = re.compile(rf"/{name}\.cpp:{line}(/|$)")
        assert any(finding["kind"] == kind and place.search(finding["id"]) for finding in findings), (line, findings)


def says(name, text):
    done = oriel("check", *job(name, "a2a3sim"))
    assert any(one in done.stderr for one in text.split(" | ")), done.stderr
    assert done.returncode in (2, 4), done


def point(name, first, compiler=None):
    def test():
        if compiler and not shutil.which(compiler):
            return f"there is no {compiler}"
        if reason := lacks():
            return reason
        if not compiler:
            return verdict()
        with unittest.mock.patch.dict(os.environ, {"CXX": compiler}):
            return verdict()

    def verdict():
        if first == "clean":
            is_right(name)
        elif first.startswith("message "):
            says(name, first.removeprefix("message "))
        else:
            has(name, *first.split())
        return None
    return test


def test_own_stores_are_seen():
    """However long a store stays in the cache, its own core sees it: no witness says otherwise."""
    if reason := lacks():
        return reason
    for finding in check("parts_kept", "a2a3sim", "strict"):
        for seen, right in ("0", "5"), ("1", "9"):
            assert not re.search(rf"out\[{seen}\] of rank . is (?!0|{right})", finding["witness"]), finding
    return None


def test_an_orchestration():
    """Of several kernels: its own order is enough with the dependency that a condition makes, and not without."""
    if reason := lacks():
        return reason
    for way, found in ("tasks", None), ("tasks_loose", "rank-race"):
        words = [f"tasks/{name}.cpp" for name in ("stage", "arrive", "gather", way)]
        words += ["--launch", f"tasks/{way}.c", "-p", "a2a3sim", "-d", "0-1"]
        done = oriel("check", *words, "--format", "json")
        assert done.stdout, done.stderr
        kinds = [finding["kind"] for finding in json.loads(done.stdout)["findings"]]
        assert kinds == ([found] if found else []), (way, kinds)
        if not found:
            done = oriel("run", *words)
            assert done.returncode == 0, done.stdout + done.stderr
    return None


# What compilers tell of, each in its way.
BY_EACH = ("copies", "copies_kept", "deep", "endless", "forever", "parts", "parts_kept", "passed")


def points():
    named = {test.__name__: test for test in (test_own_stores_are_seen, test_an_orchestration)}
    for path in sorted(HERE.glob("*.cpp")):
        first = path.read_text().split("\n", 1)[0]
        assert first.startswith("// expect: "), path
        expected = first.removeprefix("// expect: ")
        for compiler in ("g++", "clang++") if path.stem in BY_EACH else (None,):
            of = f"_{compiler.strip('+')}" if compiler else ""
            named[f"test_{path.stem}{of}"] = point(path.stem, expected, compiler)
    return named


with tempfile.TemporaryDirectory() as cache:
    os.environ["XDG_CACHE_HOME"] = cache
    tap.run(points())
