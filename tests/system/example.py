#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: a newcomer's way. Oriel is installed, the example is built against what was installed, as its Makefile does
it, and runs; a mistake in a kernel is told with its line and does no harm.

usage: example.py MESON BUILD EXAMPLE     (BUILD: the build folder, EXAMPLE: examples/my-first-collective)
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tap

MESON, BUILD, EXAMPLE = sys.argv[1:]
PLACE = tempfile.TemporaryDirectory()
ROOT = pathlib.Path(PLACE.name)
ON_FOUR = ["-p", "a2a3sim", "-d", "0-3"]


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    return result.returncode, result.stdout + result.stderr


def only(pattern):
    found = list((ROOT / "installed").rglob(pattern))
    assert len(found) == 1, (pattern, found)
    return found[0]


def build(folder):
    """Runs the example's Makefile in `folder`."""
    # The files lie below a staging folder, not where oriel.pc says that they do.
    environment = dict(os.environ, PKG_CONFIG_PATH=str(only("oriel.pc").parent),
                       PKG_CONFIG_SYSROOT_DIR=str(ROOT / "installed"))
    code, said = run("make", "-C", folder, env=environment)
    assert code == 0, said


def run_launch(launch, *words, **options):
    library = {"LD_LIBRARY_PATH": str(only("liboriel.so").parent)}
    return run(only("bin/oriel"), "run", launch, *words, env=dict(os.environ, **library), **options)


def oriel(folder, *words):
    return run_launch(folder / "ring_shift.so", *words)


def changed(name, old, new, file="ring_shift.c"):
    """A copy of the example whose `file` has `new` for `old`."""
    folder = ROOT / name
    shutil.copytree(EXAMPLE, folder)
    source = folder / file
    text = source.read_text()
    assert old in text, old
    source.write_text(text.replace(old, new))
    build(folder)
    return folder


def test_oriel_can_be_installed():
    code, said = run(MESON, "install", "-C", BUILD, "--no-rebuild", "--destdir", ROOT / "installed")
    assert code == 0, said
    for header in "oriel.h", "kernel.h", "instr.h", "launch.h", "worker.h", "types.h", "status.h", "info.h":
        only(f"include/oriel/{header}")


def test_the_installed_command_finds_its_library():
    code, said = run(only("bin/oriel"), "--version", env={})
    assert code == 0 and said.startswith("oriel "), said


def test_the_example_is_built_and_right():
    folder = ROOT / "example"
    shutil.copytree(EXAMPLE, folder)
    build(folder)
    for words in [], ["--count", "1", "--repeat", "100"], ["--count", "100003", "--dtype", "i64", "--seed", "1"]:
        code, said = oriel(folder, *ON_FOUR, *words)
        assert code == 0 and "right: ring_shift" in said, said
    code, said = oriel(folder, "-p", "a5sim", "-d", "0-1", "--repeat", "1000")
    assert code == 0, said
    code, said = run_launch("ring_shift.so", *ON_FOUR, cwd=folder)
    assert code == 0, said


def test_a_wrong_result_is_noticed():
    folder = changed("wrong", "copy(core, out, inbox)", "copy(core, out, in)")
    code, said = oriel(folder, *ON_FOUR)
    assert code == 1 and "WRONG: ring_shift" in said and "first out[0] = 0, expected 300" in said, said


def test_an_access_outside_a_window_is_told_with_its_line():
    folder = changed("outside", "copy(core, pto_peer(comm, inbox, right), in)",
                     "copy(core, pto_slice(pto_peer(comm, inbox, right), 1, pto_global_count(in)), in)")
    code, said = oriel(folder, *ON_FOUR)
    line = 1 + (folder / "ring_shift.c").read_text().split("pto_tstore(")[0].count("\n")
    assert code == 4 and f"ring_shift.c:{line}: TSTORE writes" in said and 'window "inbox"' in said, said


def test_a_signal_that_never_comes_ends_with_the_deadline():
    folder = changed("silent", "ARRIVED), right), (int32_t)(calls + 1)", "ARRIVED), right), (int32_t)calls")
    code, said = oriel(folder, *ON_FOUR, "--timeout", "0.5")
    assert code == 4 and "ring_shift.c:" in said and '"signals"' in said, said


def test_what_is_refused_while_it_runs_is_no_bad_usage():
    folder = changed("blocks", ".kernel = ring_shift,", ".kernel = ring_shift, .blocks = 1000,", "launch.c")
    code, said = oriel(folder, *ON_FOUR)
    assert code == 4 and "1000 blocks" in said, said


def test_a_reference_that_asks_for_an_input_that_there_is_not():
    folder = changed("nameless", 'oriel_input(inputs, left, "in", i)', 'oriel_input(inputs, left, "inn", i)', "launch.c")
    code, said = oriel(folder, *ON_FOUR)
    assert (code, said) == (2, 'oriel: launch ring_shift has no input "inn": it has "in"\n'), (code, said)


def test_a_launch_with_two_buffers_of_one_name():
    folder = changed("twins", '{"inbox",', '{"signals",', "launch.c")
    code, said = oriel(folder, *ON_FOUR)
    assert (code, said) == (2, 'oriel: launch ring_shift: buffers 2 and 3 are both named "signals"\n'), (code, said)


def test_a_host_program_can_be_cpp_and_a_kernel_cannot():
    compiler = shutil.which("c++")
    if not compiler:
        return "no c++"
    source, program = ROOT / "host.cc", ROOT / "host"
    where = only("liboriel.so").parent
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-I", only("oriel/oriel.h").parent.parent, source, "-o", program, "-L",
               where, "-loriel"]
    source.write_text("""#include <oriel/oriel.h>
int main()
{
    oriel_args args = ORIEL_ARGS_INIT;
    float data[4] = {};
    return oriel_args_tensor(&args, oriel_tensor_1d(data, PTO_F32, 4), ORIEL_INPUT) || !oriel_launch_find("allgather");
}
""")
    assert run(*command) == (0, "")
    assert run(program, env=dict(os.environ, LD_LIBRARY_PATH=str(where))) == (0, "")
    source.write_text("#include <oriel/kernel.h>\n")
    code, said = run(*command)
    assert code != 0 and "oriel/kernel.h is C: write kernels in a .c file" in said, said


def test_a_type_that_a_launch_lacks():
    folder = changed("types", "PTO_DTYPES_ALL", "(PTO_DTYPE_BIT(PTO_F32) | PTO_DTYPE_BIT(PTO_I32))", "launch.c")
    code, said = oriel(folder, *ON_FOUR, "--dtype", "bf16")
    assert (code, said) == (2, "oriel: ring_shift does not take type bf16: it takes f32 i32\n"), (code, said)


def test_a_name_that_is_not_utf8_is_still_json():
    folder = changed("name", '"ring_shift"', '"ring\\377shift"', "launch.c")
    code, said = oriel(folder, *ON_FOUR, "--json")
    if "jansson was not found" in said:
        return "no jansson"
    assert code == 0 and json.loads(said)["launch"] == "ring?shift", said


def test_a_program_with_many_ranks_runs_with_a_launcher_and_without():
    folder = ROOT / "spmd"
    shutil.copytree(pathlib.Path(EXAMPLE).parent / "spmd", folder)
    build(folder)
    environment = dict(os.environ, LD_LIBRARY_PATH=str(only("liboriel.so").parent))
    for target in "run", "by-path":
        code, said = run("make", "-C", folder, "-o", "pi", target, f"ORIEL={only('bin/oriel')}", env=environment)
        assert code == 0 and said.count("pi is about 3.1416 (4 ranks)\n") == 1, said
    assert {file.name for file in folder.iterdir()} == {"Makefile", "README.md", "pi", "pi.c"}


tap.run(globals())
