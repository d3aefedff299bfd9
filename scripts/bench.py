#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed, as ratios to something measured in the same interleaved run; tables on the screen, JSON in bench/results/.

    scripts/bench.py [--rounds N] [command] [collective] [tasks] [graph] [check] [comm]

    command     the whole command, from the shell to the verdict, next to the same program doing nothing
    collective  one warm collective inside one run, next to a memcpy of the bytes it must move
    tasks       tasks per second through the worker, next to OpenMP tasks
    graph       the task graph alone on four shapes, next to OpenMP tasks with `depend`
    check       `oriel check`: next to the same calls on the direct engine, how it grows, many schedules, the whole command
    comm        collectives with one call per rank, next to a memcpy of their bytes and a round trip of a cache line
"""

import argparse
import json
import statistics
import subprocess
import time

from measure import BUILD, RESULTS, build, store

PARTS = ["command", "collective", "tasks", "graph", "check", "comm"]


def milliseconds(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def time_commands(title, commands, rounds):
    """Medians over rounds in which each command runs once, so that a slow moment hits all; the first is the base."""
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians[next(iter(commands))]
    print(f"\n{title}\n")
    print(f"{'command':42}{'median ms':>11}{'min ms':>9}{'max ms':>9}{'x --version':>13}")
    for name, values in times.items():
        print(f"{name:42}{medians[name]:11.2f}{min(values):9.2f}{max(values):9.2f}{medians[name] / base:13.2f}")
    return {name: {"median_ms": medians[name], "min_ms": min(values), "max_ms": max(values)}
            for name, values in times.items()}


def bench_command(rounds):
    oriel = str(BUILD / "oriel")
    commands = {"oriel --version": [oriel, "--version"]}
    for collective in ("allgather", "reduce_scatter", "allreduce"):
        for devices in ("0-1", "0-3"):
            commands[f"oriel run {collective} -d {devices}"] = [
                oriel, "run", collective, "-p", "a2a3sim", "-d", devices, "--count", "64"]
    return time_commands("Whole command, from the shell to the verdict (64 elements per rank)", commands, rounds)


def bench_check(rounds):
    values = bench_program("check", rounds) or {}
    oriel = str(BUILD / "oriel")
    commands = {"oriel --version": [oriel, "--version"]}
    for devices in ("0-3", "0-15", "0-63"):
        commands[f"oriel check allgather -d {devices}"] = [oriel, "check", "allgather", "-p", "a2a3sim", "-d", devices]
    values["command"] = time_commands("Whole command, from the shell to the verdict (1000 elements per rank)", commands,
                                      rounds)
    return values


def bench_program(name, rounds):
    """A program of bench/: prints its own table and stores its own numbers."""
    program = BUILD / "bench" / f"bench-{name}"
    if not program.exists():
        print(f"\n{name}: not built here (its peer was not found)")
        return None
    stored = RESULTS / f"{name}.part.json"
    print(flush=True)
    subprocess.run([str(program), "--rounds", str(rounds), "--json", str(stored)], check=True,
                   stdin=subprocess.DEVNULL)
    values = json.loads(stored.read_text())
    stored.unlink()
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("parts", nargs="*", default=[], metavar="part")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {sorted(unknown)}; there are: {' '.join(PARTS)}")
    build()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for part in arguments.parts or PARTS:
        own = {"command": bench_command, "check": bench_check}
        values = own[part](arguments.rounds) if part in own else bench_program(part, arguments.rounds)
        if values is not None:
            store(part, {"rounds": arguments.rounds, part: values})


main()
