#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Oriel's collectives beside those of Open MPI, MPICH and Gloo, all measured in turn in one run.

    scripts/bench_peers.py [--rounds N] [--ranks 2,4] [--operations allgather,...] [--sizes 8,1K,64M] [--peers gloo,...]

Prints for each cell (operation, ranks, bytes) the best peer's median over ours, from symmetric buffers and from
ordinary ones, and how near we are to the time in which the busiest rank could copy its bytes; then what was lost, and
the geometric means. All of it is in bench/results/peers.json too. docs/bench-peers.md says how it is measured, and with
which settings of the peers.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import cells
from measure import BUILD, ROOT, build, store

SOURCES = ROOT / "bench" / "peers"
PROGRAMS = BUILD / "peers"
FLAGS = ["-O3", "-march=native", "-Wall", "-Wextra", "-D_GNU_SOURCE"]
PROCESSORS = len(os.sched_getaffinity(0))

# Nobody's call takes longer than this; whoever does not answer by then is taken for stuck.
PATIENCE_S = 120
MOST_TIMES = 1_000_000


# ---- The peers ------------------------------------------------------------------------------------------------------

def compile_mpi(name):
    wrapper = shutil.which(f"mpicc.{name}")
    sources = [SOURCES / "mpi.c", SOURCES / "driver.c"]
    return wrapper and [[wrapper, "-std=gnu17", *FLAGS, *sources, "-o", PROGRAMS / name]]


def compile_gloo():
    if not shutil.which("g++") or not pathlib.Path("/usr/include/gloo/context.h").exists():
        return None
    shared = PROGRAMS / "driver.o"
    return [["gcc", "-std=gnu17", *FLAGS, "-c", SOURCES / "driver.c", "-o", shared],
            ["g++", "-std=c++17", *FLAGS, SOURCES / "gloo.cc", shared, "-lgloo", "-lpthread", "-o", PROGRAMS / "gloo"]]


def start_openmpi(ranks, *more):
    """It binds nothing, the drivers do; ranks without a processor each yield."""
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    yields = ["--mca", "mpi_yield_when_idle", "1"] if ranks > PROCESSORS else []
    return ["mpirun.openmpi", *root, "--oversubscribe", "--bind-to", "none", *yields, *more, "-n", str(ranks)]


def start_mpich(ranks):
    return ["mpirun.mpich", "-bind-to", "none", "-n", str(ranks)]


# name: its program; how that is compiled (None from it: not installed); the words before the program that start its
# ranks.
Peer = collections.namedtuple("Peer", ["program", "compile", "start"])
PEERS = {
    "openmpi": Peer("openmpi", lambda: compile_mpi("openmpi"), start_openmpi),
    "mpich": Peer("mpich", lambda: compile_mpi("mpich"), start_mpich),
    "gloo": Peer("gloo", compile_gloo, lambda ranks: []),
    "openmpi-sm": Peer("openmpi", lambda: compile_mpi("openmpi"),
                       lambda ranks: start_openmpi(ranks, "--mca", "coll_sm_priority", "100")),
}
USUAL = ["openmpi", "mpich", "gloo"]


def build_peers(names):
    """Returns those that can be measured; says why of the others."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    built = []
    for name in names:
        commands = PEERS[name].compile()
        if commands is None:
            print(f"{name}: left out, it is not installed")
            continue
        for command in commands:
            result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if result.returncode:
                print(f"{name}: left out, its driver does not build\n{result.stderr}")
                break
        else:
            built.append(name)
    return built


# ---- A program's ranks ----------------------------------------------------------------------------------------------

class Failed(Exception):
    pass


class Group:
    """The ranks of one program. Between commands they sleep, each in a read from its connection."""

    def __init__(self, program, start, ranks, most):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="oriel-bench-"))
        (self.folder / "page").write_bytes(bytes(4096))
        self.errors = open(self.folder / "errors", "w")
        self.connections = {}
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "socket"))
            listener.listen(ranks)
            listener.settimeout(1)
            self.process = subprocess.Popen([*start(ranks), str(program), str(self.folder), str(ranks), str(most)],
                                            stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                            start_new_session=True)
            try:
                self.accept(listener, ranks)
            except BaseException:
                self.close()
                raise

    def accept(self, listener, ranks):
        deadline = time.monotonic() + PATIENCE_S
        while len(self.connections) < ranks:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed("its ranks did not start" + self.said())
            try:
                connection = listener.accept()[0]
            except TimeoutError:
                continue
            connection.settimeout(PATIENCE_S)
            lines = connection.makefile("rw")
            rank, _, version = lines.readline().strip().partition(" ")
            self.version = " ".join(version.replace("Version:", "").split())
            self.connections[int(rank)] = (connection, lines)

    def said(self):
        """The last lines that it wrote, each after a line feed."""
        lines = (self.folder / "errors").read_text(errors="replace").splitlines()[-10:]
        return "".join(f"\n    {line}" for line in lines)

    def ask(self, *words):
        """Every rank's answer, in the order of ranks."""
        try:
            for _, lines in self.connections.values():
                lines.write(" ".join(str(word) for word in words) + "\n")
                lines.flush()
            answers = [lines.readline().strip() for _, (_, lines) in sorted(self.connections.items())]
        except OSError as error:
            raise Failed(f"{error}{self.said()}") from error
        if not all(answers):
            raise Failed("a rank ended" + self.said())
        return answers

    def check(self, operation, memory, size):
        wrong = [answer for answer in self.ask("check", operation, memory, size) if answer != "right"]
        if wrong:
            raise Failed(f"wrong result: {wrong[0]}")

    def seconds(self, operation, memory, size, times):
        """From the first rank's start to the last rank's end."""
        spans = [[int(word) for word in answer.split()] for answer in
                 self.ask("run", operation, memory, size, times)]
        return (max(end for _, end in spans) - min(start for start, _ in spans)) / 1e9

    def close(self):
        for connection, lines in self.connections.values():
            with contextlib.suppress(OSError):
                lines.close()
            connection.close()
        for ask in (lambda: None, lambda: os.killpg(self.process.pid, signal.SIGTERM),
                    lambda: os.killpg(self.process.pid, signal.SIGKILL)):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                ask()
                self.process.wait(10)
                break
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Crew:
    """The groups of one number of ranks. A group that fails is started again, a few times."""

    def __init__(self, peers, ranks, most):
        self.ranks, self.most = ranks, most
        self.programs = {"oriel": (BUILD / "bench" / "bench-peers-oriel", lambda ranks: [])}
        self.programs.update({name: (PROGRAMS / PEERS[name].program, PEERS[name].start) for name in peers})
        self.groups = {}
        self.tries = dict.fromkeys(self.programs, 3)

    def group(self, name):
        if name not in self.groups:
            if not self.tries[name]:
                raise Failed("given up")
            self.tries[name] -= 1
            self.groups[name] = Group(*self.programs[name], self.ranks, self.most)
        return self.groups[name]

    def drop(self, name):
        group = self.groups.pop(name, None)
        if group:
            group.close()

    def close(self):
        for name in list(self.groups):
            self.drop(name)


# ---- Measuring ------------------------------------------------------------------------------------------------------

class Cell:
    """An operation and its bytes. `us`: series -> a time for each round; `failed`: series that could not do it."""

    def __init__(self, operation, size, ranks, peers):
        self.operation, self.size, self.ranks, self.peers = operation, size, ranks, peers
        self.floor = cells.floor_bytes(operation, size, ranks)
        self.series = {"symmetric": ("oriel", operation, "symmetric", size),
                       "ordinary": ("oriel", operation, "ordinary", size)}
        if self.floor:
            self.series["memcpy"] = ("oriel", "memcpy", "symmetric", self.floor // cells.ELEMENT * cells.ELEMENT or
                                     cells.ELEMENT)
        self.series.update({name: (name, operation, "ordinary", size) for name in peers})
        self.us = {name: [] for name in self.series}
        self.times = {}
        self.failed = set()

    def measure(self, crew, name, batch_s):
        """
        One round's time of one call. What warms up also says how many calls fill a batch, so that a peer which takes a
        thousand times longer than a round before (ranks that share a processor) takes a few batches and not hours.
        """
        program, operation, memory, size = self.series[name]
        group = crew.group(program)
        if name not in self.times:
            group.check(operation, memory, size)
        times = max(1, self.times.get(name, 0) // 10)
        while True:
            seconds = group.seconds(operation, memory, size, times)
            if seconds >= batch_s / 20 or times >= MOST_TIMES:
                break
            times *= 10
        times = max(1, min(MOST_TIMES, round(times * batch_s / seconds)))
        self.us[name].append(group.seconds(operation, memory, size, times) / times * 1e6)
        self.times[name] = times

    def median(self, name):
        return statistics.median(self.us[name]) if self.us.get(name) and name not in self.failed else None

    def report(self):
        """What is stored and printed of it."""
        us = {name: self.median(name) for name in self.series}
        best = cells.best({name: us[name] for name in self.peers})
        return {"operation": self.operation, "ranks": self.ranks, "bytes": self.size, "floor_bytes": self.floor,
                "us": us, "least_us": {name: min(values, default=None) for name, values in self.us.items()},
                "best_peer": best and best[0],
                "ratio": {kind: cells.ratio(best and best[1], us[kind]) for kind in KINDS},
                "of_floor": {kind: cells.ratio(us.get("memcpy"), us[kind]) for kind in KINDS}}


KINDS = ["symmetric", "ordinary"]


def measure_ranks(peers, ranks, arguments):
    grid = [Cell(operation, size, ranks, peers)
            for operation, size in cells.cells(arguments.operations, arguments.sizes, ranks)]
    crew = Crew(peers, ranks, max(4096, *(cell.size for cell in grid)))
    versions = {}
    try:
        for turn in range(arguments.rounds):
            start = time.monotonic()
            for number, cell in enumerate(grid):
                names = [name for name in cell.series if name not in cell.failed]
                first = (turn + number) % max(1, len(names))
                for name in names[first:] + names[:first]:
                    program = cell.series[name][0]
                    try:
                        cell.measure(crew, name, arguments.batch_ms / 1e3)
                        versions[program] = crew.groups[program].version
                    except Failed as failure:
                        print(f"{name}, {cell.operation} of {cell.size} B on {ranks} ranks: {failure}")
                        cell.failed.add(name)
                        crew.drop(program)
            print(f"{ranks} ranks: round {turn + 1} of {arguments.rounds}, {time.monotonic() - start:.0f} s",
                  file=sys.stderr)
    finally:
        crew.close()
    return [cell.report() for cell in grid], versions


# ---- Telling --------------------------------------------------------------------------------------------------------

def number(value):
    if value is None:
        return "-"
    return f"{value:.{2 if value < 100 else 1 if value < 1000 else 0}f}"


def bytes_text(size):
    for unit, text in ((1 << 20, "M"), (1 << 10, "K")):
        if size and size % unit == 0:
            return f"{size // unit}{text}"
    return str(size)


def print_table(ranks, reports, peers):
    timed = [("symmetric", 11), ("ordinary", 10), *((name, max(10, len(name) + 1)) for name in peers), ("memcpy", 10)]
    width = sum(wide for _, wide in timed)
    print(f"\n{ranks} ranks on {PROCESSORS} processors: medians of a call, how many times longer the best peer takes, "
          "and which part of our time a memcpy would take\n")
    print(f"{'':24}{'microseconds':^{width}} |{'best peer / ours':^20} |{'memcpy / ours':^20} |")
    print(f"{'operation':16}{'bytes':>8}" + "".join(f"{name:>{wide}}" for name, wide in timed) +
          f" |{'symmetric':>11}{'ordinary':>9} |{'symmetric':>11}{'ordinary':>9} | best peer")
    for report in reports:
        print(f"{report['operation']:16}{bytes_text(report['bytes']):>8}" +
              "".join(f"{number(report['us'].get(name)):>{wide}}" for name, wide in timed) +
              "".join(f" |{number(report[what]['symmetric']):>11}{number(report[what]['ordinary']):>9}"
                      for what in ("ratio", "of_floor")) +
              f" | {report['best_peer'] or '-'}" +
              "".join(f", lost ({kind})" for kind in KINDS if cells.lost(report["ratio"][kind])))


def print_lost(reports):
    """Cells in which a peer was quicker, the worst first."""
    for kind in KINDS:
        known = [report for report in reports if report["ratio"][kind] is not None]
        lost = sorted((report for report in known if cells.lost(report["ratio"][kind])),
                      key=lambda report: report["ratio"][kind])
        print(f"\nLost from {kind} buffers: {len(lost)} of {len(known)} cells" + (":" if lost else ""))
        for report in lost:
            theirs = f"{report['best_peer']} {number(report['us'][report['best_peer']])} us"
            print(f"    {report['operation']:16}{report['ranks']:3} ranks {bytes_text(report['bytes']):>6}   "
                  f"{number(report['us'][kind]):>9} us, {theirs}: {report['ratio'][kind]:.2f}")


def means(reports, ranks):
    """Of each number of ranks and of all, by class of size and kind of buffer."""
    found = []
    for these in [*([count] for count in ranks), *([ranks] if len(ranks) > 1 else [])]:
        for name, holds in cells.CLASSES.items():
            of = [report for report in reports if report["ranks"] in these and holds(report["bytes"])]
            row = {"ranks": these, "sizes": name, "cells": len(of)}
            for kind in KINDS:
                row[kind] = cells.geometric_mean(report["ratio"][kind] for report in of)
            found.append(row)
    return found


def print_means(rows):
    print("\nGeometric means of the best peer's median over ours\n")
    print(f"{'ranks':10}{'sizes':14}{'cells':>6}{'symmetric':>12}{'ordinary':>12}")
    for row in rows:
        print(f"{', '.join(map(str, row['ranks'])):10}{row['sizes']:14}{row['cells']:>6}"
              + "".join(f"{number(row[kind]):>12}" for kind in KINDS))


# ---- Options --------------------------------------------------------------------------------------------------------

def list_of(what, known=None):
    def parse(text):
        values = [what(word) for word in text.split(",") if word]
        unknown = [value for value in values if known and value not in known]
        if unknown or not values:
            raise argparse.ArgumentTypeError(f"{text!r}; there are: {','.join(known or [])}")
        return values
    return parse


def size_of(word):
    unit = {"K": 1 << 10, "M": 1 << 20}.get(word[-1:].upper())
    return int(word[:-1]) * unit if unit else int(word)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="each cell is measured so often, all in turn (7)")
    parser.add_argument("--batch-ms", type=float, default=20, help="calls are timed in batches of about so long (20)")
    parser.add_argument("--ranks", type=list_of(int), default=[2, 4], help="2,4")
    parser.add_argument("--operations", type=list_of(str, cells.OPERATIONS), default=cells.OPERATIONS,
                        help=",".join(cells.OPERATIONS))
    parser.add_argument("--sizes", type=list_of(size_of), default=cells.default_sizes(), help="8,16,64,...,64M")
    parser.add_argument("--peers", type=list_of(str, PEERS), default=USUAL,
                        help=",".join(USUAL) + "; there is also openmpi-sm")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or min(arguments.ranks) < 2 or max(arguments.ranks) > 64 or min(arguments.sizes) < 1:
        parser.error("at least one round, 2 to 64 ranks, and one byte")
    return arguments


def main():
    sys.stdout.reconfigure(line_buffering=True)  # failures and tables in the order in which they come
    arguments = parse_options()
    load = os.getloadavg()[0]
    build()
    peers = build_peers(arguments.peers)
    reports, versions = [], {}
    for ranks in arguments.ranks:
        own, found = measure_ranks(peers, ranks, arguments)
        versions.update(found)
        print_table(ranks, own, peers)
        reports += own
    rows = means(reports, arguments.ranks)
    print_lost(reports)
    print_means(rows)
    print("\n" + ", ".join(dict.fromkeys(versions.values())))
    if load > 0.5 * PROCESSORS:
        print(f"\nThis machine had other work when it began (load {load:.1f}): these are no numbers to rely on.")
    store("peers", {"load_before": load, "versions": versions, "rounds": arguments.rounds,
                    "batch_ms": arguments.batch_ms, "means": rows, "cells": reports})
    if any(report["us"][kind] is None for report in reports for kind in KINDS):
        sys.exit("bench_peers.py: Oriel could not do every cell")


if __name__ == "__main__":
    main()
