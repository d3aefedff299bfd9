#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: `oriel check` as people type it. A clean kernel, one without a statement that it needs, JSON and SARIF, a witness that
runs again, --prune, mistakes.

usage: check.py ORIEL SOURCES
"""

import json
import os
import re
import subprocess
import sys
import tempfile

import tap

ORIEL, SOURCES = map(os.path.abspath, sys.argv[1:])
ON_THREE = ["-p", "a2a3sim", "-d", "0-2"]


def check(*words, cwd=None, **environment):
    return subprocess.run([ORIEL, "check", *words], capture_output=True, text=True, timeout=120, cwd=cwd,
                          env=dict(os.environ, **environment))


def needs_json():
    return "jansson" in check("allgather", *ON_THREE, "--format", "json").stderr


def statement(name):
    """The id of the first statement of all-gather of this name."""
    result = check("allgather", *ON_THREE, "-v")
    return next(word for word in result.stdout.split() if word.endswith(":" + name))


def test_what_is_shipped_is_clean():
    for launch in ("allgather", "reduce_scatter", "allreduce"):
        for platform in ("a2a3sim", "a5sim"):
            for profile in ("strict", "documented"):
                result = check(launch, "-p", platform, "-d", "0-3", "--profile", profile)
                assert result.returncode == 0 and not result.stderr, result
                assert "exhaustive: 1 of 1 schedule" in result.stdout and "\nclean: " in result.stdout, result
                assert "\033" not in result.stdout, "colour in a pipe"


def test_a_statement_that_is_needed():
    result = check("allgather", *ON_THREE, "--without", statement("pipe_barrier"), "--color", "always")
    assert result.returncode == 5, result
    assert "early-signal" in result.stdout and "missing" in result.stdout and "witness" in result.stdout, result
    assert "\033[" in result.stdout


def witness(folder, *words):
    """The first witness of a check that finds something, and how the check says that it ended."""
    result = check(*words, "--witness", folder)
    assert result.returncode == 5, result
    return os.path.join(folder, "1"), re.search(r"^ +witness: (.*)$", result.stdout, re.MULTILINE)[1]


def test_a_witness_replayed_ends_as_it_ended():
    without = ["allgather", *ON_THREE, "--without", statement("pipe_barrier"), "--count", "77", "--seed", "5"]
    with tempfile.TemporaryDirectory() as folder:
        file, end = witness(os.path.join(folder, "new"), *without)
        outputs = []
        for words in [], [], ["allgather"], without:
            result = check(*words, "--replay", file)
            replayed = re.search(r"^replayed: (.*)$", result.stdout, re.MULTILINE)
            assert result.returncode == 5 and replayed and end.endswith(replayed[1]), (end, result)
            outputs.append(result.stdout)
        assert len(set(outputs)) == 1, outputs


def test_a_witness_of_another_job_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        file, _ = witness(folder, "allgather", *ON_THREE, "--without", statement("pipe_barrier"))
        text = open(file).read()
        changed = os.path.join(folder, "changed")
        for old, new, message in (r"core \d+", "core 99", "no witness of this job"), ("=1000", "=many", '--count is "many"'):
            with open(changed, "w") as out:
                out.write(re.sub(old, new, text))
            result = check("--replay", changed)
            assert result.returncode == 2 and message in result.stderr and not result.stdout, result
        for words in ["allreduce"], ["--count", "7"], ["-d", "0-1"], ["--profile", "documented"], [*ON_THREE, "--calls", "1"]:
            result = check(*words, "--replay", file)
            assert result.returncode == 2 and "not a witness of this job" in result.stderr, (words, result)


def test_witnesses_that_cannot_be():
    without = ["allgather", *ON_THREE, "--without", statement("pipe_barrier")]
    for words, code, message in [([*without, "--witness", "/dev/null/here"], 4, "/dev/null/here"),
                                 (["--replay", "/nowhere"], 2, "cannot read /nowhere: No such file"),
                                 (["--replay", "/dev/null"], 2, "cannot read /dev/null"),
                                 (["--replay", __file__], 2, "is no witness"),
                                 (["--replay", __file__, "--witness", "x"], 2, "of no use")]:
        result = check(*words)
        assert result.returncode == code and message in result.stderr, (words, result)


def test_json():
    if needs_json():
        return "no jansson"
    clean = json.loads(check("allreduce", *ON_THREE, "--format", "json").stdout)
    assert clean["verdict"] == "clean" and clean["exhaustive"] and clean["schedules"] == 1, clean
    result = check("allgather", *ON_THREE, "--without", statement("TWAIT"), "--format", "json", cwd="/")
    report = json.loads(result.stdout)
    assert result.returncode == 5 and report["verdict"] == "findings", report
    finding = report["findings"][0]
    assert "source" not in finding["sides"][0], finding
    told = json.loads(check("allgather", *ON_THREE, "--without", statement("TWAIT"), "--format=json", ORIEL_SOURCE=SOURCES).stdout)
    assert "pto_" in told["findings"][0]["sides"][0]["source"], told
    assert (told["count"], told["dtype"], told["without"]) == (1000, "f32", statement("TWAIT")), told
    assert {entry["what"] for entry in told["statements"]} >= {"TNOTIFY", "TWAIT", "pipe_barrier"}, told
    assert finding["kind"] == "rank-race" and finding["sides"][0]["line"] > 0 and finding["missing"], finding


def test_sarif():
    if needs_json():
        return "no jansson"
    result = check("allgather", *ON_THREE, "--without", statement("TWAIT"), "--format", "sarif")
    log = json.loads(result.stdout)
    assert result.returncode == 5 and log["version"] == "2.1.0", log
    driver = log["runs"][0]["tool"]["driver"]
    found = log["runs"][0]["results"][0]
    assert driver["rules"][found["ruleIndex"]]["id"] == found["ruleId"], found
    where = found["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"].endswith(".c") and where["region"]["startLine"] > 0, where
    assert found["message"]["text"] and found["partialFingerprints"], found


def test_the_rules_of_sarif_are_the_kinds():
    if needs_json():
        return "no jansson"
    header = open(os.path.join(SOURCES, "include/oriel/check.h")).read()
    kinds = re.findall(r'^    X\([A-Z_]+, "([a-z-]+)"', header, re.MULTILINE)
    (run,) = json.loads(check("allgather", *ON_THREE, "--format", "sarif").stdout)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == kinds and len(kinds) == 16, rules
    assert all(re.fullmatch(r"file:///.*/findings/[a-z-]+\.md", rule["helpUri"]) for rule in rules), rules
    assert run["results"] == [] and run["invocations"] == [{"executionSuccessful": True}], run


def test_a_mistake_is_json_or_sarif_as_well():
    if needs_json():
        return "no jansson"
    for words in ["allgather", *ON_THREE, "--without", "x"], ["all", *ON_THREE], ["allgather", *ON_THREE, "--fast"]:
        for form in ["--format", "json"], ["--format=json"]:
            result = check(*words, *form)
            told = json.loads(result.stdout)
            assert result.returncode == 2 and told["verdict"] == "failed" and told["status"] == "invalid", result
            assert result.stderr == f"oriel: {told['message']}\n", result
        (run,) = json.loads(check(*words, "--format", "sarif").stdout)["runs"]
        (told,) = run["invocations"]
        assert not told["executionSuccessful"] and told["toolExecutionNotifications"][0]["message"]["text"], run
    late = check("allgather", "-p", "a2a3sim", "-d", "0-63", "--count", "100000", "--timeout", "0.02", "--format", "json")
    assert late.returncode == 4 and json.loads(late.stdout)["status"] == "timed out", late


def test_nothing_that_is_shipped_is_too_much():
    for launch in ("allgather", "reduce_scatter", "allreduce"):
        result = check(launch, "-p", "a2a3sim,a5sim", "-d", "0-2", "--prune")
        assert result.returncode == 0 and "0 redundant, 0 unknown" in result.stdout, result
        assert "cell 24   a5sim, documented, 3 ranks, count 20000" in result.stdout, result


def test_the_grid_can_be_chosen():
    if needs_json():
        return "no jansson"
    words = ["allgather", "-p", "a5sim", "-d", "0-2", "--prune", "--profile", "strict", "--ranks", "3", "--counts", "7,9"]
    told = json.loads(check(*words, "--format", "json").stdout)
    assert told["verdict"] == "needed" and told["redundant"] == told["unknown"] == 0, told
    cell = {"platform": "a5sim", "profile": "strict", "ranks": 3}
    assert told["cells"] == [dict(cell, count=7), dict(cell, count=9)], told
    assert all(it["needed_in_cells"] == [0, 1] and it["why"] for it in told["statements"]), told
    refused = check(*words, "--format", "sarif")
    assert refused.returncode == 2 and "SARIF" in refused.stderr, refused


def test_mistakes():
    for words, message in [
        (["allgather", *ON_THREE, "--profile", "loose"], "strict, documented"),
        (["allgather", *ON_THREE, "--format", "xml"], "human, json, sarif"),
        (["allgather", *ON_THREE, "--calls", "0"], "--calls"),
        (["allgather", *ON_THREE, "--without", "nowhere.c:1:dsb"], "nowhere.c:1:dsb"),
        (["allgather", *ON_THREE, "--replay", "/nonexistent"], "/nonexistent"),
        (["nothing", *ON_THREE], "nothing"),
        (["allgather", *ON_THREE, "--ranks", "2"], "--prune"),
        (["allgather", *ON_THREE, "--prune", "--ranks", "2,"], "--ranks"),
        (["allgather", *ON_THREE, "--prune", "--ranks", "9"], "9 ranks"),
        (["allgather", *ON_THREE, "--prune", "--without", "x"], "--without"),
        (["allgather", "-p", "a2a3sim"], "devices"),
    ]:
        result = check(*words)
        assert result.returncode == 2 and message in result.stderr and not result.stdout, (words, result)


tap.run(globals())
