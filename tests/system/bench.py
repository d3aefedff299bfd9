#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: `oriel bench` as people type it. Tables, CSV and JSON that agree on what was measured, wrong results that are counted, ranks
that die, plots that are well formed and keep inside their axes, mistakes. No time is held to anything.

usage: bench.py ORIEL [SPOIL.SO]
"""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import tap

ORIEL = sys.argv[1]
SPOIL = sys.argv[2] if len(sys.argv) > 2 else None
OPERATIONS = "barrier broadcast reduce allreduce reduce_scatter allgather alltoall gather scatter".split()
PROCESSORS = len(os.sched_getaffinity(0))
FEW = ["--iterations", "3"]
COLUMNS = ("operation ranks form bound buffers in_place algorithm deterministic dtype op root bytes count iterations warmup min_us median_us avg_us max_us "
           "rank_min_us rank_avg_us rank_max_us algbw_gbs busbw_gbs errors").split()


def bench(*words, **environment):
    return subprocess.run([ORIEL, "bench", *words], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, **environment))


def succeeds(*words):
    result = bench(*words)
    assert result.returncode == 0 and not result.stderr, (words, result)
    return result.stdout


def fails(message, *words, code=2):
    result = bench(*words)
    assert result.returncode == code and not result.stdout, (words, result)
    assert result.stderr.startswith("oriel: ") and result.stderr.count("\n") == 1, (words, result)
    assert message in result.stderr, (words, result)


def needs_json():
    return "jansson" in bench("allgather", "--json", *FEW).stderr


def rows_of_csv(text):
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.splitlines()[0] == ",".join(COLUMNS), text
    for row in rows:
        assert len(row) == len(COLUMNS) and None not in row.values(), row
    return rows


# ---- What is measured ----------------------------------------------------------------------------------------------


def test_a_table():
    lines = succeeds("allreduce", "-n", "3", "--min", "8", "--max", "128", *FEW).splitlines()
    assert re.match(r"# oriel \S+: 3 ranks as processes, (not )?bound, on \d+ processors, ordinary buffers$", lines[0]), lines
    assert "# allreduce f32 sum" in lines, lines
    (head,) = [line for line in lines if "median" in line and "busbw" in line]
    assert head.split() == "# bytes count times min median avg max algbw busbw errors".split(), head
    rows = [line.split() for line in lines if not line.startswith("#")]
    assert [row[:3] for row in rows[:-1]] == [[str(b), str(b // 4), "3"] for b in (8, 16, 32, 64, 128)], rows
    for row in rows[:-1]:
        least, median, average, most = map(float, row[3:7])
        assert 0 < least <= median <= most and least <= average <= most and row[-1] == "0", row
    assert lines[-1] == "right: 5 rows", lines


def test_all_operations_are_right_in_every_way():
    for words in [], ["--symmetric"], ["--threads"], ["--in-place"], ["--in-place", "--symmetric", "--root", "2"]:
        lines = succeeds("all", "-n", "3", "--min", "12", "--max", "120000", "--factor", "100", *FEW, *words)
        assert re.findall(r"^#\n# ([a-z_]+)", lines, re.MULTILINE) == OPERATIONS, lines
        assert lines.endswith("\nright: 25 rows\n"), lines


def test_types_and_reductions():
    for dtype in "f32 f16 bf16 i8 u8 i16 u16 i32 u32 i64".split():
        for op in ("sum", "max", "min", "prod") + (() if "f" in dtype else ("and", "or", "xor")):
            out = succeeds("all-reduce", "reduce", "-n", "3", "--max", "4096", "--factor", "512", "--dtype", dtype, "--op", op,
                           "--threads", *FEW)
            assert f"# allreduce {dtype} {op}\n" in out and out.endswith("\nright: 4 rows\n"), out


def test_one_rank_and_many():
    assert "right: 9 rows" in succeeds("all", "-n", "1", "--min", "1K", "--max", "1K", *FEW)
    assert "right: 9 rows" in succeeds("all", "-n", "16", "--min", "1K", "--max", "1K", *FEW)


def test_sizes():
    def sizes(operation, *words):
        return [int(row["bytes"]) for row in rows_of_csv(succeeds(operation, "-n", "4", "--csv", *FEW, *words))]

    assert sizes("allreduce", "--min", "1K", "--max", "64KiB", "--factor", "4") == [1024, 4096, 16384, 65536]
    assert sizes("allreduce", "--min", "4", "--max", "16", "--step", "4") == [4, 8, 12, 16]
    assert sizes("allreduce", "--min", "8M") == [8 << 20], "one size above the usual largest"
    assert sizes("allreduce", "--max", "4") == [4], "one size below the usual smallest"
    assert sizes("allgather", "--max", "64") == [16, 32, 64], "a block is one element at least"
    assert sizes("alltoall", "--min", "100", "--max", "100") == [96], "all blocks are whole"
    assert sizes("barrier", "--max", "64") == [0]


def test_iterations():
    rows = rows_of_csv(succeeds("broadcast", "-n", "2", "--csv", "--min", "64K", "--max", "4M", "--factor", "8", "--threads"))
    assert [(row["iterations"], row["warmup"]) for row in rows] == [("1000", "100"), ("200", "20"), ("20", "13")], rows
    (row,) = rows_of_csv(succeeds("broadcast", "-n", "2", "--csv", "--max", "4", "--iterations", "7", "--warmup", "0"))
    assert (row["iterations"], row["warmup"]) == ("7", "0"), row


def test_csv():
    rows = rows_of_csv(succeeds("all", "-n", "4", "--csv", "--min", "64K", "--max", "64K", "--root", "1", *FEW))
    assert [row["operation"] for row in rows] == OPERATIONS, rows
    for row in rows:
        assert (row["ranks"], row["form"], row["buffers"], row["in_place"]) == ("4", "processes", "ordinary", "0"), row
        assert (row["bound"], row["algorithm"], row["deterministic"]) == (str(int(PROCESSORS > 1)), "", "0"), row
        moves, reduces = row["operation"] != "barrier", "reduce" in row["operation"]
        rooted = row["operation"] in ("broadcast", "reduce", "gather", "scatter")
        assert row["root"] == "1" * rooted and row["op"] == "sum" * reduces and row["dtype"] == "f32" * moves, row
        if not moves:
            assert row["algbw_gbs"] == row["busbw_gbs"] == row["errors"] == "" and row["bytes"] == "0", row
            continue
        each = row["operation"] in ("reduce_scatter", "allgather", "alltoall", "gather", "scatter")
        assert row["bytes"] == "65536" and int(row["count"]) == 65536 // 4 // (4 if each else 1) and row["errors"] == "0", row
        rate, bus = float(row["algbw_gbs"]), float(row["busbw_gbs"])
        assert abs(rate - 65536 / float(row["median_us"]) / 1e3) < 1e-4 * rate, row
        factor = 1.5 if row["operation"] == "allreduce" else 0.75 if each else 1
        assert abs(bus - factor * rate) < 1e-4 * bus, row
        # The slowest rank of an iteration is no faster than any rank.
        assert float(row["rank_min_us"]) <= float(row["rank_avg_us"]) <= float(row["rank_max_us"]) <= float(row["avg_us"]) * 1.001, row


def test_a_comma_in_csv():
    words = ["allreduce", "-n", "2", "--max", "8", "--csv", "--deterministic", "--algorithm", "allreduce=ring,allgather=bruck"]
    out = succeeds(*words, *FEW)
    (row,) = rows_of_csv(out)
    assert row["algorithm"] == words[-1] and row["deterministic"] == "1" and row["dtype"] == "f32" and row["errors"] == "0", row
    assert f',"{words[-1]}",' in out, out


def test_what_was_asked_of_the_ranks_is_told_as_it_came_about():
    def told(*words, processors=None):
        command = [ORIEL, "bench", "allreduce", "-n", "2", "--max", "8", *FEW, *words]
        bind = processors and (lambda: os.sched_setaffinity(0, processors))
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=bind)
        assert result.returncode == 0 and not result.stderr, result
        return result.stdout

    usual = "bound" if PROCESSORS > 1 else "not bound"
    one = {min(os.sched_getaffinity(0))}
    for form in [], ["--threads"]:
        assert f", {usual}, on " in told(*form) and ", not bound, on " in told("--no-bind", *form), form
        assert ", not bound, on 1 processors, " in told(*form, processors=one), form
    assert rows_of_csv(told("--csv", processors=one))[0]["bound"] == "0"
    assert told("--deterministic").splitlines()[0].endswith(" buffers, deterministic")
    assert told("--deterministic", "--algorithm", "ring").splitlines()[0].endswith(" buffers, algorithm ring, deterministic")
    if not needs_json():
        assert json.loads(told("--json"))["bound"] == (PROCESSORS > 1)
        assert json.loads(told("--json", processors=one))["bound"] is False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.svg")
        told("--plot", path, "--deterministic", processors=one)
        with open(path) as file:
            picture = file.read()
        assert ", not bound" in picture and ", deterministic" in picture, picture
        told("--plot", path)
        with open(path) as file:
            assert "deterministic" not in file.read()


def test_json():
    if needs_json():
        return "no jansson"
    told = json.loads(succeeds("barrier", "allreduce", "-n", "2", "--json", "--max", "16", "--symmetric", "--threads", "--no-bind",
                               "--dtype", "bf16", "--op", "max", *FEW))
    assert told["verdict"] == "right" and told["ranks"] == 2 and told["buffers"] == "symmetric", told
    assert told["form"] == "threads" and told["algorithm"] is None and told["bound"] is False, told
    assert told["deterministic"] is False, told
    barrier, small, large = told["results"]
    same = set(COLUMNS) - {"ranks", "form", "bound", "buffers", "algorithm", "deterministic"}
    for row in told["results"]:
        assert set(row) == same, set(row) ^ same
    assert barrier["dtype"] is barrier["op"] is barrier["algbw_gbs"] is barrier["errors"] is None, barrier
    assert (small["bytes"], small["count"], small["dtype"], small["op"], small["root"]) == (8, 4, "bf16", "max", None), small
    assert large["bytes"] == 16 and large["errors"] == 0 and large["iterations"] == 3 and large["warmup"] == 1, large
    assert 0 < large["min_us"] <= large["median_us"] <= large["max_us"], large


def test_the_environment_chooses_unless_deterministic():
    os.environ["ORIEL_ALGORITHM"] = "allreduce=magic"
    try:
        fails('ORIEL_ALGORITHM: allreduce has no algorithm "magic"', "allreduce", *FEW)
        succeeds("allreduce", "-n", "2", "--max", "8", "--deterministic", *FEW)
        succeeds("allreduce", "-n", "2", "--max", "8", "--deterministic", "--algorithm", "allreduce=ring", *FEW)
    finally:
        del os.environ["ORIEL_ALGORITHM"]


def test_results_need_not_be_checked():
    out = succeeds("allgather", "-n", "2", "--max", "8", "--no-check", *FEW)
    assert out.splitlines()[-2].split()[-1] == "-" and out.endswith("not checked: 1 row\n"), out


def test_the_reader_may_go_away():
    command = subprocess.Popen([ORIEL, "bench", "allreduce", "-n", "2", "--max", "64K"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    command.stdout.readline()
    command.stdout.close()
    assert command.stderr.read() == "" and command.wait(60) == 0


def test_output_that_cannot_be_written():
    for words in [], ["--csv"]:
        with open("/dev/full", "w") as full:
            result = subprocess.run([ORIEL, "bench", "allreduce", "-n", "2", "--max", "64", *FEW, *words], stdout=full,
                                    stderr=subprocess.PIPE, text=True, timeout=60)
        assert result.returncode == 4 and "No space left" in result.stderr, result


def test_nothing_is_measured_for_an_output_that_does_not_take_the_head():
    with open("/dev/full", "w") as full:
        result = subprocess.run([ORIEL, "bench", "allreduce", "-n", "2", "--min", "8M", "--max", "8M", "--iterations", "1000000"],
                                stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode == 4 and "No space left" in result.stderr, result


# ---- Plots ----------------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def is_above(upper, lower):
    return float(upper.get("y")) + 12 <= float(lower.get("y"))


def check_panel(elements, lines, points):
    """One panel's elements: every point inside the frame, ticks with units, a name for each line, nothing on top of one another."""
    (frame,) = [element for element in elements if element.get("class") == "frame"]
    left, top, width, height = (float(frame.get(key)) for key in ("x", "y", "width", "height"))
    marks = [element for element in elements if element.get("class") == "point"]
    assert len(marks) == points, (len(marks), points)
    for mark in marks:
        x, y = map(float, re.fullmatch(r"translate\((\S+) (\S+)\)", mark.get("transform")).groups())
        assert left < x < left + width and top < y < top + height, (x, y)
        assert re.fullmatch(r"[a-z_]+, [0-9.]+ [KM]?i?B: [0-9.]+ (ns|µs|ms|s|[kMG]B/s)", mark.find(SVG + "title").text), mark
    for path in (element for element in elements if element.get("class") == "line"):
        for x, y in re.findall(r"[ML](\S+) ([0-9.]+)", path.get("d")):
            assert left <= float(x) <= left + width and top <= float(y) <= top + height, path.get("d")
    labels = [element for element in elements if element.get("class") == "label"]
    assert [label.text for label in sorted(labels, key=lambda label: lines.index(label.text))] == lines, labels
    for upper, lower in zip(labels, labels[1:]):
        assert is_above(upper, lower), (upper.text, lower.text)
    across = [element for element in elements if element.get("class") == "tick x"]
    for one, next_one in zip(across, across[1:]):
        assert float(next_one.get("x")) - float(one.get("x")) > 8 * max(len(one.text), len(next_one.text)), (one.text, next_one.text)
    up = [element for element in elements if element.get("class") == "tick y"]
    for lower, upper in zip(up, up[1:]):
        assert is_above(upper, lower), (upper.text, lower.text)
    assert len(across) > 1 and len(up) > 1, (across, up)
    return [tick.text for tick in across], [tick.text for tick in up]


def check_plot(path, operations, points):
    """`points` of each operation, a barrier has none; they agree in both panels. Returns the ticks of time, then of bandwidth."""
    root = xml.etree.ElementTree.parse(path).getroot()
    elements = list(root)
    starts = [i for i, element in enumerate(elements) if element.get("class") == "panel"]
    assert [elements[i].text for i in starts] == ["Time of a call", "Bus bandwidth"], starts
    moving = [operation for operation in operations if operation != "barrier"]
    times = check_panel(elements[starts[0]:starts[1]], operations, points * len(moving))
    rates = check_panel(elements[starts[1]:], moving, points * len(moving))
    assert times[0] == rates[0], (times, rates)
    width = float(root.get("width"))
    for text in root.iter(SVG + "text"):
        x, size = float(text.get("x")), 9 * len(text.text)
        right = x + {"start": size, "middle": size / 2, "end": 0}[text.get("text-anchor")]
        assert right <= width, text.text
    return times, rates


def test_a_plot():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.svg")
        out = succeeds("allreduce", "-n", "2", "--max", "4K", "--factor", "8", "--plot", path, *FEW)
        assert out.endswith("right: 4 rows\n"), out
        times, rates = check_plot(path, ["allreduce"], 4)
        assert times[0][0] == "8 B" and times[0][-1] == "4 KiB", times
        assert all(re.fullmatch(r"\d+ (ns|µs|ms|s)", name) for name in times[1]), times
        assert all(re.fullmatch(r"\d+ [kMG]B/s", name) for name in rates[1]), rates
        succeeds("all", "-n", "3", "--min", "12", "--max", "786432", "--factor", "4", "--threads", "--plot", path, "--csv", *FEW)
        times, _ = check_plot(path, OPERATIONS, 9)
        assert times[0][0] == "8 B", times
        succeeds("barrier", "gather", "-n", "2", "--max", "8", "--plot", path, *FEW)
        assert check_plot(path, ["barrier", "gather"], 1)[0][0] == ["4 B", "8 B", "16 B"]


def test_a_plot_of_one_rank_has_no_bandwidth():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.svg")
        succeeds("allreduce", "-n", "1", "--max", "64", "--plot", path, *FEW)
        xml.etree.ElementTree.parse(path)
        assert "nan" not in open(path).read()


def test_plots_that_cannot_be():
    fails("--plot: cannot write /nowhere/a.svg: No such file or directory", "allreduce", "--plot", "/nowhere/a.svg")
    fails("--plot is of no use here: a barrier has no size", "barrier", "--plot", "/nowhere/a.svg")
    result = bench("allreduce", "-n", "2", "--max", "64", "--plot", "/dev/full", *FEW)
    assert result.returncode == 4 and "/dev/full could not be written: No space left" in result.stderr, result
    assert "right: 4 rows" in result.stdout, result


def test_a_measurement_that_fails_leaves_the_plot_alone():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.svg")
        words = ["allreduce", "-n", "8", "--timeout", "0.000001", "--plot", path, *FEW]
        assert bench(*words).returncode == 4 and not os.path.exists(path)
        with open(path, "w") as file:
            file.write("before")
        assert bench(*words).returncode == 4 and open(path).read() == "before"


# ---- What goes wrong ------------------------------------------------------------------------------------------------


def test_wrong_results_are_counted():
    if not SPOIL:
        return "a sanitizer wants to be loaded first"
    words = ["allreduce", "allgather", "-n", "2", "--min", "32", "--max", "128", *FEW]
    result = bench(*words, LD_PRELOAD=SPOIL)
    assert result.returncode == 1 and not result.stderr, result
    rows = [line.split() for line in result.stdout.splitlines() if not line.startswith("#")]
    assert [row[-1] for row in rows[:-1]] == ["0", "3", "3", "0", "0", "0"], rows
    assert result.stdout.endswith("\nWRONG: 6 elements, in 2 of 6 rows\n"), result
    result = bench(*words, "--csv", LD_PRELOAD=SPOIL)
    assert result.returncode == 1 and [row["errors"] for row in rows_of_csv(result.stdout)] == ["0", "3", "3", "0", "0", "0"], result
    assert bench(*words, "--no-check", LD_PRELOAD=SPOIL).returncode == 0
    if not needs_json():
        result = bench(*words, "--json", LD_PRELOAD=SPOIL)
        told = json.loads(result.stdout)
        assert result.returncode == 1 and told["verdict"] == "wrong" and told["results"][1]["errors"] == 3, result


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def kill_a_rank(*words):
    """What is on stdout of a measurement, one of whose ranks is killed."""
    command = subprocess.Popen([ORIEL, "bench", "allreduce", "-n", "3", "--min", "8", "--max", "8M", "--iterations", "1000000", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ranks = []
    for _ in range(1000):
        ranks = children(command.pid)
        if len(ranks) == 3:
            break
        time.sleep(0.01)
    os.kill(ranks[1], signal.SIGKILL)
    out, err = command.communicate(timeout=60)
    assert command.returncode == 4 and "rank 1 was killed by signal 9" in err and err.count("\n") == 1, (out, err)
    assert "right" not in out, out
    return out


def test_a_rank_that_dies():
    kill_a_rank()
    if needs_json():
        return
    told = json.loads(kill_a_rank("--json"))
    assert told["verdict"] == "failed" and "rank 1 was killed" in told["message"] and told["results"] == [], told


def test_a_deadline():
    result = bench("allreduce", "-n", "8", "--timeout", "0.000001", *FEW)
    assert result.returncode == 4 and "did not come" in result.stderr, result


# ---- Mistakes: nothing runs -----------------------------------------------------------------------------------------


def test_operations_that_there_are_not():
    fails("say what to measure: barrier, broadcast, reduce", "-n", "4")
    fails('no operation "allsum": it must be one of barrier, broadcast', "allsum")
    fails("allreduce is given twice", "allreduce", "all")
    fails("no option --fast", "allreduce", "--fast")
    fails("option --min needs a value", "allreduce", "--min")


def test_sizes_that_make_no_sense():
    fails("--min is 64 B, and --max 8 B", "allreduce", "--min", "64", "--max", "8")
    fails("--min is 10 B, which is not a multiple of the 4 B of an element (f32)", "allreduce", "--min", "10")
    fails("--max is 12 B, which is not a multiple of the 8 B of an element (i64)", "allreduce", "--max", "12", "--dtype", "i64")
    fails("--step is 2 B, which is not a multiple", "allreduce", "--step", "2")
    fails("--factor and --step", "allreduce", "--step", "8", "--factor", "2")
    fails("--factor is 1: it must be from 2", "allreduce", "--factor", "1")
    for garbage in "", "x", "-4", "8.5", "8X", "64MB", "8 ", "0x10", "1 K", "Ki":
        fails(f'--max is "{garbage}", which is no size', "allreduce", "--max", garbage)
    for number in "0", "2T", "99999999999999999999", "18446744073709551615K":
        fails(f"--max is {number}: it must be from 1 byte to 1T", "allreduce", "--max", number)
    fails("more than this host's memory", "allreduce", "--max", "1T", "-n", "1000")
    fails("more than 10000 rows", "allreduce", "--min", "4", "--max", "1M", "--step", "4")


def test_other_values_that_make_no_sense():
    fails("-n is 0: it must be from 1", "allreduce", "-n", "0")
    fails("-n is 5000", "allreduce", "-n", "5000")
    fails("--root is 4: there are ranks 0 to 3", "reduce", "-n", "4", "--root", "4")
    fails("--iterations is 0", "allreduce", "--iterations", "0")
    fails('no type "f64"', "allreduce", "--dtype", "f64")
    fails('no reduction "mean"', "allreduce", "--op", "mean")
    fails("--op xor is for integers, and --dtype is f32", "allreduce", "--op", "xor")
    fails("--op is of no use here", "allgather", "--op", "max")
    fails("--root is of no use here", "allreduce", "--root", "0")
    fails("--in-place is of no use here", "broadcast", "--in-place")
    fails('there is no algorithm "magic"', "allreduce", "--algorithm", "magic")
    fails("--timeout", "allreduce", "--timeout", "0")
    if needs_json():
        return "no jansson"
    result = bench("allreduce", "--csv", "--json")
    assert result.returncode == 2 and "one at a time" in result.stderr and json.loads(result.stdout)["verdict"] == "failed", result


def test_a_table_of_algorithms_that_this_build_cannot_read():
    if not needs_json():
        return "this build can"
    with tempfile.NamedTemporaryFile() as file:
        result = bench("allreduce", "-n", "2", "--max", "8", *FEW, ORIEL_TUNING=file.name)
        assert result.returncode == 3 and "jansson" in result.stderr, result
        assert bench("allreduce", "-n", "2", "--max", "8", "--deterministic", *FEW, ORIEL_TUNING=file.name).returncode == 0


def test_help_teaches():
    out = succeeds("--help")
    assert "oriel bench allreduce -n 4 --min 8 --max 64M" in out and "2(n-1)/n" in out, out
    assert all(len(line) <= 120 for line in out.splitlines())
    for operation in OPERATIONS:
        assert operation in out, operation
    assert re.findall(r"^  ([0-9])  ", out, re.MULTILINE) == list("01234"), out


tap.run(globals())
