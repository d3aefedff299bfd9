#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: `oriel tune` measures what it is asked to, writes a whole table or none, where the XDG rules have it, that
the library takes and that says something of every size; mistakes have a message that names them.

usage: tune.py ORIEL
"""

import json
import os
import resource
import subprocess
import sys
import tempfile

import tap

ORIEL = sys.argv[1]
OPERATIONS = "barrier broadcast reduce allreduce reduce_scatter allgather alltoall gather scatter".split()
QUICK = ["--quick", "--max", "4K"]


def oriel(*words, **environment):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("ORIEL_", "XDG_")) or name == "ORIEL_VECTOR"}
    return subprocess.run([ORIEL, *words], capture_output=True, text=True, timeout=200, env={**kept, **environment})


def has_json():
    return "jansson     found" in oriel("info").stdout


def tune(*words, **environment):
    result = oriel("tune", *QUICK, *words, **environment)
    assert result.returncode == 0 and not result.stderr, (words, result)
    return result.stdout


def rows(out):
    """Words of each line that is a measured size: operation, ranks, bytes, chosen, us, ..."""
    return [line.split() for line in out.splitlines()[1:-1]]


def fails(code, message, *words, **environment):
    result = oriel("tune", *words, **environment)
    assert result.returncode == code and not result.stdout, (words, result)
    assert result.stderr.startswith("oriel: ") and message in result.stderr, (words, result)


def test_a_table_says_something_of_every_size():
    if not has_json():
        return "no jansson"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.json")
        out = tune("-n", "2,3", "--any-order", "--output", path)
        assert os.listdir(folder) == ["table.json"], os.listdir(folder)
        table = json.load(open(path))
        assert table["version"] == 1 and table["about"]["measured"], table
        assert f"wrote {path}: {len(table['rules'])} rule" in out, out
        for operation in {row[0] for row in rows(out)}:
            for ranks in 2, 3:
                chosen = {int(row[2]): row[3] for row in rows(out) if row[:2] == [operation, str(ranks)]}
                rules = [rule for rule in table["rules"] if (rule["operation"], rule["ranks"]) == (operation, ranks)]
                ends = [rule.get("bytes", [0, None]) for rule in rules]
                assert ends[0][0] == 0 and ends[-1][1] is None, rules
                assert all(one[1] + 1 == two[0] for one, two in zip(ends, ends[1:])), rules
                for size, name in chosen.items():
                    assert any(first <= size <= (last if last is not None else size) and rule["algorithm"] == name
                               for (first, last), rule in zip(ends, rules)), (size, name, rules)
        assert len({row[0] for row in rows(out)}) == 9, out


def test_only_what_is_asked_for_is_measured():
    out = tune("-n", "2", "--operations", "gather,allreduce", "--dry-run")
    assert {row[0] for row in rows(out)} == {"allreduce", "gather"} and {row[1] for row in rows(out)} == {"2"}, out
    assert [row[2] for row in rows(out) if row[0] == "gather"] == ["8", "128", "2048"], out
    assert out.endswith("nothing was written: --dry-run\n"), out


def test_operations_are_named_as_bench_has_them():
    out = tune("-n", "2", "--operations", "all", "--max", "8", "--dry-run")
    assert [row[0] for row in rows(out)] == OPERATIONS, out
    out = tune("-n", "2", "--operations", "reduce-scatter,all-gather", "--max", "8", "--dry-run")
    assert [row[0] for row in rows(out)] == ["reduce_scatter", "allgather"], out


def test_the_order_of_the_ranks_is_kept_unless_it_need_not_be():
    if not has_json():
        return "no jansson"
    with tempfile.TemporaryDirectory() as folder:
        def measured(*words):
            path = os.path.join(folder, "table.json")
            tune("--operations", "reduce", "--min", "8", "--max", "8", "--output", path, *words)
            return set(json.load(open(path))["about"]["measured"][0]["us"])
        assert measured("-n", "3") == {"direct", "one-phase"}
        assert measured("-n", "3", "--any-order") == {"direct", "one-phase", "binomial"}
        assert measured("-n", "2") == {"direct", "one-phase", "binomial"}  # there is one order of two


def test_the_table_goes_where_programs_look_for_it():
    if not has_json():
        return "no jansson"
    few = ["-n", "2", "--operations", "barrier"]
    with tempfile.TemporaryDirectory() as folder:
        tune(*few, HOME=folder)
        assert json.load(open(f"{folder}/.config/oriel/tuning.json"))["rules"]
        tune(*few, HOME=folder, XDG_CONFIG_HOME=f"{folder}/a/b")
        assert json.load(open(f"{folder}/a/b/oriel/tuning.json"))["rules"]
        tune(*few, HOME=folder, ORIEL_TUNING=f"{folder}/mine.json")
        assert json.load(open(f"{folder}/mine.json"))["rules"]
        # What chooses now does not choose what is measured, nor keep a table that is not good from being replaced.
        open(f"{folder}/mine.json", "w").write("{")
        tune(*few, HOME=folder, ORIEL_TUNING=f"{folder}/mine.json", ORIEL_ALGORITHM="no such thing")
        assert json.load(open(f"{folder}/mine.json"))["rules"]


def test_nothing_is_written_where_it_cannot_be():
    if not has_json():
        return "no jansson"
    fails(4, "cannot write /nowhere/at/all.json", *QUICK, "--output", "/nowhere/at/all.json")
    fails(4, "cannot make the folder of /proc/none/oriel/tuning.json", *QUICK, XDG_CONFIG_HOME="/proc/none")
    fails(2, "neither HOME nor XDG_CONFIG_HOME", *QUICK, HOME="")


def test_what_this_host_has_not_got_is_refused_before_anything_is_done():
    if not has_json():
        return "no jansson"
    with tempfile.TemporaryDirectory() as folder:
        fails(2, "four such buffers on each of ", "-n", "2,1000", "--max", "1T",
              XDG_CONFIG_HOME=f"{folder}/a")
        assert not os.listdir(folder), os.listdir(folder)


def test_memory_that_is_not_to_be_had():
    def little():
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))

    try:
        subprocess.run([ORIEL, "info"], check=True, capture_output=True, preexec_fn=little)
    except (subprocess.CalledProcessError, OSError):
        return "a sanitizer wants more than that for itself"
    if not has_json():
        return "no jansson"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.json")
        with open(path, "w") as file:
            file.write("before")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ORIEL_")}
        result = subprocess.run([ORIEL, "tune", "-n", "2", "--operations", "allreduce", "--min", "128M", "--max", "128M", "--output",
                                 path], capture_output=True, text=True, timeout=200, env=kept, preexec_fn=little)
        assert result.returncode == 4, result
        assert result.stderr == f"oriel: no memory for two buffers of {128 << 20} B on a rank, of 2 ranks\n", result
        assert os.listdir(folder) == ["table.json"] and open(path).read() == "before", os.listdir(folder)


def test_mistakes():
    fails(2, "--ranks is 1: it must be from 2", "-n", "1", "--dry-run")
    fails(2, "--ranks has 2 twice", "-n", "2,4,2", "--dry-run")
    fails(2, 'no operation "sum": it must be one of barrier, broadcast', "--operations", "gather,sum", "--dry-run")
    fails(2, "allreduce is given twice", "--operations", "all,allreduce", "--dry-run")
    fails(2, 'no operation "": it must be one of barrier, broadcast', "--operations", "", "--dry-run")
    fails(2, "--min is 8192, which is more than --max, 4096", "--min", "8K", "--max", "4K", "--dry-run")
    fails(2, '--max is "big", which is no size', "--max", "big", "--dry-run")
    fails(2, "--margin is 91", "--margin", "91", "--dry-run")
    fails(2, 'options only, and "allreduce" is none', "allreduce", "--dry-run")
    fails(2, "no option --fast", "--fast")


tap.run(globals())
