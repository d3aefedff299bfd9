# SPDX-License-Identifier: Apache-2.0
"""What the scripts that measure share: the build they measure, the machine it ran on, and where results go."""

import json
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-bench"
RESULTS = ROOT / "bench" / "results"


def build():
    """A release build of its own: its options do not depend on what was tested last."""
    again = ["--reconfigure"] if (BUILD / "build.ninja").exists() else []
    for command in (["meson", "setup", *again, str(BUILD), "-Dbench=true"], ["ninja", "-C", str(BUILD)]):
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if result.returncode:
            sys.exit(result.stdout + result.stderr)


def first_line(path, start):
    """What follows the colon in the first line of a file of /proc that begins with `start`."""
    return next((line.split(":", 1)[1].strip() for line in pathlib.Path(path).read_text().splitlines()
                 if line.startswith(start)), "unknown")


def caches():
    """Of the first processor: {"L1 data": "32K", ...}; empty where the kernel does not say."""
    found = {}
    for cache in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((cache / name).read_text().strip() for name in ("level", "type", "size"))
        found[f"L{level}" if kind == "Unified" else f"L{level} {kind.lower()}"] = size
    return found


def describe_machine():
    return {"processors": os.cpu_count(), "model": first_line("/proc/cpuinfo", "model name"), "caches": caches(),
            "memory": first_line("/proc/meminfo", "MemTotal"), "kernel": platform.release(),
            "machine": platform.machine()}


def store(name, values):
    """Writes bench/results/NAME.json: the machine, then `values`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": describe_machine(), **values}, indent=2) + "\n")
    print(f"\nstored in {path.relative_to(ROOT)}")
