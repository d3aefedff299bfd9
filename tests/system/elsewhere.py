#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: messages name a source file as it is called in the project, wherever the build folder lies. One file with
messages is compiled for build folders far away. (Those inside the sources are what all other tests are built in.)

usage: elsewhere.py MESON SOURCE     (SOURCE: the root of the project)
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

import tap

MESON, SOURCE = sys.argv[1:]
FILE = "src/collectives/allreduce.c"
NAME = FILE.encode()


def compiled(folder):
    """What the object of FILE holds, compiled by the command of a build folder."""
    setup = subprocess.run([MESON, "setup", str(folder), SOURCE, "-Dtests=disabled"], capture_output=True, text=True)
    assert setup.returncode == 0, setup.stdout + setup.stderr
    entries = json.loads((folder / "compile_commands.json").read_text())
    entry = next(entry for entry in entries if entry["file"].endswith(FILE))
    place = pathlib.Path(entry["directory"])
    (place / entry["output"]).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(shlex.split(entry["command"]), cwd=place, check=True)
    return (place / entry["output"]).read_bytes()


def check(folder):
    data = compiled(folder)
    # A string of its own: what comes before it is the end of another.
    assert data.count(b"\0" + NAME + b"\0") == data.count(NAME) > 0, folder


def test_a_build_folder_far_away():
    with tempfile.TemporaryDirectory() as far:
        check(pathlib.Path(far) / "a" / "b" / "build")


def test_a_build_folder_behind_a_link():
    with tempfile.TemporaryDirectory() as far:
        real = pathlib.Path(far) / "some" / "where"
        real.mkdir(parents=True)
        os.symlink(real, pathlib.Path(far) / "link")
        check(pathlib.Path(far) / "link" / "build")


tap.run(globals())
