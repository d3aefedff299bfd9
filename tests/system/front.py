#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: kernels in C++, from sources. `oriel run` and `oriel check` compile them with their launch, keep the objects, and
say in a compiler's place what is wrong; `oriel check FOLDER` tells of each kernel in it, whatever the others do.

usage: front.py ORIEL [SANITIZED]
"""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile

import tap

ORIEL, *SANITIZED = map(os.path.abspath, sys.argv[1:])
PLACE = tempfile.TemporaryDirectory()
ROOT = pathlib.Path(PLACE.name)
ON_TWO = ["-p", "a2a3sim", "-d", "0-1"]
CXX, CC = (os.environ.get(name) or default for name, default in (("CXX", "c++"), ("CC", "cc")))

# A kernel's C++ is what its compiler makes of it. This one sums what it reads: only its launch stores anything.
KERNEL = """#include <stdint.h>
#include "factor.h"
#include "oriel/front.h"

template <typename T> static T twice(const T *from, uint32_t i)
{
    return from[i] * T(FACTOR);
}

extern "C" void kernel_entry(int64_t *args)
{
    const oriel_front_tensor *in = (const oriel_front_tensor *)args[0];
    const oriel_front_tensor *out = (const oriel_front_tensor *)args[1];
    const float *from = (const float *)in->address;
    float *to = (float *)out->address;
    for (uint32_t i = 0; i < in->shape[0]; i++)
        to[i] = twice(from, i);
}
"""

LAUNCH = """#include "oriel/front.h"
#include "oriel/kernel.h"
#include "oriel/launch.h"

extern void kernel_entry(int64_t *args);
static const oriel_launch launch;

static void kernel(pto_core *core)
{
    oriel_front_run(core, &launch, kernel_entry, "in out");
    DRAIN
}

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer, uint64_t i)
{
    return (oriel_expected){{.f = 2 * oriel_input(inputs, rank, "in", i).f}, 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, PTO_F32, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, PTO_F32, oriel_count_one},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

static const oriel_launch launch = {
    .name = "twice", .summary = "", .kernel = kernel, .buffers = buffers, .buffer_count = 3, .expect = expect,
    .dtypes = PTO_DTYPE_BIT(PTO_F32), .min_ranks = 1, .max_ranks = 8, .default_count = 16};

ORIEL_API const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
"""

# What the launch of a kernel that stores through pointers does at its end: its line is written back.
DRAIN = """pto_dcci(core, pto_arg_tensor(core, 1).addr); pto_dsb(core);"""


def write(folder, name="twice", kernel=KERNEL, launch=LAUNCH, drain=DRAIN):
    """A kernel and its launch beside each other; the kernel's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "factor.h").write_text("#define FACTOR 2\n")
    (folder / f"{name}.c").write_text(launch.replace("DRAIN", drain))
    (folder / f"{name}.cpp").write_text(kernel)
    return folder / f"{name}.cpp"


def oriel(command, *words, cwd=ROOT, cache="cache", **environment):
    """Runs a command, with a cache of its own unless the test has named one."""
    with tempfile.TemporaryDirectory() as empty:
        place = str(ROOT / cache) if cache != "cache" else empty
        return subprocess.run([ORIEL, command, *map(str, words)], capture_output=True, text=True, timeout=120, cwd=cwd,
                              env=dict(dict(os.environ, XDG_CACHE_HOME=place), **environment))


def counting(name, of):
    """A compiler that counts its starts: its path, and a function that tells how many there were since it was last asked."""
    script, log = ROOT / name, ROOT / f"{name}.log"
    script.write_text(f'#!/bin/sh\necho start >>{log}\nexec {of} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def starts():
        count = len(log.read_text().splitlines()) if log.exists() else 0
        log.unlink(missing_ok=True)
        return count
    return str(script), starts


def test_run_and_check():
    kernel = write(ROOT / "first")
    for words in [kernel], [kernel, "--launch", ROOT / "first/twice.c"]:
        result = oriel("run", *words, *ON_TWO)
        assert result.returncode == 0 and "right: twice" in result.stdout, result
        result = oriel("check", *words, *ON_TWO)
        assert result.returncode == 0 and "clean: twice" in result.stdout, result


def test_a_launch_elsewhere():
    kernel = write(ROOT / "apart")
    (ROOT / "elsewhere").mkdir()
    (ROOT / "apart/twice.c").rename(ROOT / "elsewhere/it.c")
    result = oriel("run", "apart/twice.cpp", "--launch", "elsewhere/it.c", "-p", "a5sim", "-d", "0")
    assert result.returncode == 0, result
    result = oriel("run", kernel, *ON_TWO)
    assert result.returncode == 2 and "twice.cpp needs a launch" in result.stderr and "--launch" in result.stderr, result


def test_a_finding_names_the_line_as_it_was_typed():
    write(ROOT / "late", drain="")
    for folder, typed in (ROOT / "late", "twice.cpp"), (ROOT, "late/twice.cpp"), (ROOT, "./late/twice.cpp"):
        result = oriel("check", typed, *ON_TWO, cwd=folder)
        assert result.returncode == 5 and f"\n    {typed.removeprefix('./')}:17: scalar store" in result.stdout, result
        assert "to[i] = twice(from, i);" in result.stdout, result


def test_a_witness_knows_its_sources():
    write(ROOT / "shown", drain="")
    (ROOT / "shown/twice.c").rename(ROOT / "shown/its.c")
    found = oriel("check", "twice.cpp", "--launch", "its.c", *ON_TWO, "--witness", "w", cwd=ROOT / "shown")
    assert found.returncode == 5, found
    again = oriel("check", "--replay", "w/1", cwd=ROOT / "shown")
    assert again.returncode == 5 and "replayed: " in again.stdout, again


def test_a_kernel_of_several_sources():
    write(ROOT / "two", launch=LAUNCH.replace("void kernel_entry(", "void kernel_entry_0(int64_t *), kernel_entry_1(")
          .replace("kernel_entry, ", "kernel_entry_1, "))
    (ROOT / "two/other.cpp").write_text('#include "oriel/front.h"\nextern "C" void kernel_entry(int64_t *) { }\n')
    result = oriel("run", "other.cpp", "twice.cpp", "--launch", "twice.c", *ON_TWO, cwd=ROOT / "two")
    assert result.returncode == 0, result


def fails(code, message, *words, **options):
    result = oriel("check", *words, *ON_TWO, **options)
    assert result.returncode == code and message in result.stderr and not result.stdout, result
    return result


def test_what_is_no_kernel_in_cxx():
    fails(2, "--launch goes with a kernel in C++", "allgather", "--launch", "x.c")
    fails(2, "cannot read nowhere.cpp", "nowhere.cpp", "--launch", __file__)
    fails(2, "one launch at a time", write(ROOT / "much"), "allgather")
    result = oriel("check", write(ROOT / "many"), "-p", "a2a3sim,a5sim", "-d", "0-1", "--prune")
    assert result.returncode == 2 and "one platform at a time" in result.stderr and not result.stdout, result


def test_json_of_what_does_not_compile():
    write(ROOT / "wrong", kernel="int kernel_entry = 'x;\n")
    result = oriel("check", "wrong/twice.cpp", *ON_TWO, "--format", "json")
    assert result.returncode == 2 and "twice.cpp" in result.stderr, result
    if "jansson" not in result.stderr:
        assert "twice.cpp:1:" in json.loads(result.stdout)["message"], result


# ---- Compilers ---------------------------------------------------------------------------------------------------------

# As a header says that it lacks something.
LACKING = """template <typename T> struct never { static const bool is = sizeof(T) == 0; };
template <typename T> void TSORT32(T &tile)
{
    static_assert(never<T>::is, "oriel: TSORT32 is not supported yet (docs/compat.md)");
}
"""


def compilers():
    """Each pair that there is, as the variables by which it is chosen."""
    for cxx, cc in ("g++", "gcc"), ("clang++", "clang"):
        if shutil.which(cxx) and shutil.which(cc):
            yield {"CXX": cxx, "CC": cc}


def test_each_compiler_sees_each_access():
    write(ROOT / "each", drain="")
    for chosen in compilers():
        result = oriel("check", "each/twice.cpp", *ON_TWO, **chosen)
        assert result.returncode == 5 and "\n    each/twice.cpp:17: scalar store" in result.stdout, (chosen, result)
        assert oriel("run", "each/twice.cpp", *ON_TWO, **chosen).returncode == 0, chosen


def test_a_kernel_that_does_not_compile():
    write(ROOT / "bad", kernel=KERNEL.replace("uint32_t i = 0", "unsigned_t i = 0"))
    for chosen in compilers():
        result = fails(2, "oriel: bad/twice.cpp does not compile:\nbad/twice.cpp:16:10: error: ", "bad/twice.cpp", **chosen)
        assert "unsigned_t" in result.stderr and len(result.stderr.splitlines()) <= 11, result


def test_an_instruction_that_is_not_supported():
    kernel = KERNEL.replace("to[i] = ", "TSORT32(to[i]), to[i] = ").replace('#include "f', '#include "lacking.h"\n#include "f')
    write(ROOT / "lacks", kernel=kernel)
    (ROOT / "lacks/lacking.h").write_text(LACKING)
    for chosen in compilers():
        result = fails(2, "oriel: lacks/twice.cpp:18:", "lacks/twice.cpp", **chosen)
        assert result.stderr.endswith(": TSORT32 is not supported yet (docs/compat.md)\n"), result
        assert len(result.stderr.splitlines()) == 1, result


def test_a_launch_that_does_not_compile():
    write(ROOT / "badly", launch=LAUNCH.replace("return &launch", "return launches"))
    fails(2, "oriel: badly/twice.c does not compile:\nbadly/twice.c:", "badly/twice.cpp")


def test_what_the_object_lacks():
    write(ROOT / "mangled", kernel=KERNEL.replace('extern "C" ', ""))
    fails(2, "undefined symbol: kernel_entry", "mangled/twice.cpp")
    write(ROOT / "entryless", launch=LAUNCH.replace("oriel_launch_entry", "oriel_launch_exit"))
    fails(2, "has no function `const oriel_launch *oriel_launch_entry(void)`", "entryless/twice.cpp")


def test_no_compiler():
    write(ROOT / "none")
    fails(3, "there is no compiler for C++: looked for c++, g++, clang++", "none/twice.cpp", PATH="/nowhere", CXX="", CC="")
    fails(3, 'CXX is "nowhere++ -m64", and there is no program nowhere++', "none/twice.cpp", CXX="nowhere++ -m64")
    fails(3, "ORIEL_INCLUDE", "none/twice.cpp", ORIEL_INCLUDE=str(ROOT))


def test_other_platforms_see_other_macros():
    kernel = write(ROOT / "macros", kernel=KERNEL.replace("void kernel", "char own[__CCE_AICORE__ == WHICH ? 1 : -1];\nextern \"C\" void kernel"))
    for platform, number in ("a2a3sim", "220"), ("a5sim", "310"):
        (ROOT / "macros/factor.h").write_text(f"#define FACTOR 2\n#define WHICH {number}\n")
        assert oriel("run", kernel, "-p", platform, "-d", "0").returncode == 0, platform


def test_in_a_program_with_a_sanitizer_of_its_own():
    if not SANITIZED:
        return "built with a sanitizer, or without one to be had"
    write(ROOT / "beside", drain="")
    for chosen in compilers():
        environment = dict(os.environ, XDG_CACHE_HOME=str(ROOT / "beside-cache"), TSAN_OPTIONS="exitcode=66", **chosen)
        result = subprocess.run([*SANITIZED, "beside/twice.cpp", "beside/twice.c", "a2a3sim"], capture_output=True, text=True,
                                timeout=120, cwd=ROOT, env=environment)
        # The kernel's accesses are Oriel's to judge, the program's are the sanitizer's: each sees its own, and no other.
        assert result.stdout == "1 findings\n" and result.returncode == 66, result
        assert result.stderr.count("WARNING: ThreadSanitizer") == 1 and "'shared'" in result.stderr, result
        assert "twice.cpp" not in result.stderr, result


# ---- The cache ---------------------------------------------------------------------------------------------------------

def test_what_has_not_changed_starts_no_compiler():
    kernel = write(ROOT / "kept")
    cxx, cxx_starts = counting("counted++", CXX)
    cc, cc_starts = counting("counted", CC)

    def starts(*words, platform="a2a3sim", compiler=cxx):
        result = oriel("run", kernel, "-p", platform, "-d", "0-1", *words, cache="kept-cache", CXX=compiler, CC=cc)
        assert result.returncode == 0, result
        return cxx_starts(), cc_starts()

    assert min(starts()) > 0
    for words in [], ["--count", "7"]:
        assert starts(*words) == (0, 0), words
    assert min(starts(platform="a5sim")) > 0, "another platform is another object"
    assert starts() == starts(platform="a5sim") == (0, 0), "both are kept"
    for name in "factor.h", "twice.c", "twice.cpp":
        file = ROOT / "kept" / name
        file.write_text(file.read_text() + "\n/* changed */\n")
        assert min(starts()) > 0, name
        assert starts() == (0, 0), name
    os.utime(ROOT / "kept/factor.h")
    assert starts() == (0, 0), "what counts is what is in it"
    os.utime(ROOT / "counted++", (1, 1))
    assert min(starts()) > 0, "another compiler"


def test_many_at_once():
    write(ROOT / "race")
    environment = dict(os.environ, XDG_CACHE_HOME=str(ROOT / "race-cache"))
    many = [subprocess.Popen([ORIEL, "run", "race/twice.cpp", *ON_TWO], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
            for _ in range(5)]
    assert [one.wait(timeout=120) for one in many] == [0] * 5
    left = sorted(path.suffix for path in (ROOT / "race-cache/oriel").iterdir())
    assert left == ["", ".so"], left


def test_nothing_is_kept():
    write(ROOT / "off", drain="")
    (ROOT / "temporary").mkdir()
    for environment in {"ORIEL_CACHE": "off"}, {"HOME": "", "XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "/dev/null"}:
        everywhere = dict(XDG_CACHE_HOME=str(ROOT / "never"), TMPDIR=str(ROOT / "temporary"))
        result = oriel("check", "off/twice.cpp", *ON_TWO, **dict(everywhere, **environment))
        assert result.returncode == 5 and "off/twice.cpp:17: scalar store" in result.stdout, result
        assert not (ROOT / "never/oriel").exists() and not list((ROOT / "temporary").iterdir()), environment


def test_the_oldest_go():
    for name in "a", "b", "c":
        write(ROOT / "old", name, kernel=KERNEL + f"int {name};\n")
        result = oriel("run", f"old/{name}.cpp", *ON_TWO, cache="old-cache", ORIEL_CACHE_MIB="0")
        assert result.returncode == 0, result
        assert len(list((ROOT / "old-cache/oriel").glob("*.so"))) == 1, name


# ---- Kernels as people have them ---------------------------------------------------------------------------------------

TILES = """#include <pto/pto-inst.hpp>
#include "tensor.h"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    __gm__ oriel_front_tensor *in = reinterpret_cast<__gm__ oriel_front_tensor *>(args[0]);
    __gm__ oriel_front_tensor *out = reinterpret_cast<__gm__ oriel_front_tensor *>(args[1]);
    using Global = GlobalTensor<float, Shape<1, 1, 1, 1, 16>, Stride<16, 16, 16, 16, 1>>;
    Global from(reinterpret_cast<float *>(in->address)), to(reinterpret_cast<float *>(out->address));
    Tile<TileType::Vec, float, 1, 16> tile;
    TASSIGN(tile, 0);
    TLOAD(tile, from);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    TADD(tile, tile, tile);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    TSTORE(to, tile);
    pipe_barrier(PIPE_ALL);
}
"""


def test_tile_instructions():
    write(ROOT / "tiles", kernel=TILES, drain="")
    write(ROOT / "tiles", "racing", kernel=re.sub(r".*_flag\(PIPE_V.*", "//", TILES), drain="")
    write(ROOT / "tiles", "lacking", kernel=TILES.replace("TADD(tile, ", "TSORT32("), drain="")
    for chosen in compilers():
        for platform in "a2a3sim", "a5sim":
            result = oriel("check", "tiles/twice.cpp", "-p", platform, "-d", "0-3", **chosen)
            assert result.returncode == 0, result
        result = oriel("check", "tiles/racing.cpp", *ON_TWO, **chosen)
        assert result.returncode == 5 and "pipe-race" in result.stdout, result
        for place in "tiles/racing.cpp:17: TADD", "tiles/racing.cpp:20: TSTORE", "  TADD(tile, tile, tile);":
            assert place in result.stdout, (place, result)
        result = fails(2, "oriel: tiles/lacking.cpp:17:", "tiles/lacking.cpp", **chosen)
        assert result.stderr.endswith(": TSORT32 is not supported yet (docs/compat.md)\n"), result


# ---- A folder ----------------------------------------------------------------------------------------------------------

def fill(folder):
    """Kernels of all kinds, and files that are none."""
    write(folder, "good")
    write(folder / "deep/er", "late", drain="")
    write(folder, "wrong", kernel="int kernel_entry = x;\n")
    write(folder, "traps", kernel=KERNEL.replace("for (", "__builtin_trap();\nfor ("))
    write(folder, "refused", launch=LAUNCH.replace(".min_ranks = 1", ".min_ranks = 3"))
    write(folder, "crashes", launch=LAUNCH.replace("return &launch", "return *(const oriel_launch **)8"))
    write(folder, "leaves", launch="#include <stdlib.h>\n" + LAUNCH.replace("return &launch", "exit(0)"))
    write(folder, "hangs", launch=LAUNCH.replace("return &launch", "for (;;) { }"))
    # Instructions without an end: the bound of a kernel's steps is far behind the deadline.
    write(folder, "stuck", kernel="#include <pto/pto-inst.hpp>\n" + KERNEL.replace("for (", "for (;;) pipe_barrier(PIPE_ALL);\nfor (", 1))
    write(folder / ".hidden")
    (folder / "alone.cpp").write_text("no launch beside it\n")
    (folder / "other.cpp").write_text("another program's,\n")
    (folder / "other.c").write_text("in two languages\n")


VERDICTS = {"crashes": "crash", "deep/er/late": "findings", "good": "clean", "hangs": "timeout", "leaves": "crash",
            "refused": "refused", "stuck": "timeout", "traps": "crash", "wrong": "does not compile"}


def test_a_folder():
    fill(ROOT / "folder")
    result = oriel("check", "folder", *ON_TWO, "--timeout", "1", cache="folder-cache")
    lines = [line for line in result.stdout.splitlines() if not line.startswith("    ")]
    assert result.returncode == 5 and not result.stderr, result
    rows = {line.split()[0].removeprefix("folder/").removesuffix(".cpp"): line for line in lines[1:-1]}
    assert list(rows) == sorted(VERDICTS), result.stdout
    for name, verdict in VERDICTS.items():
        wanted = "1 finding: early-signal" if verdict == "findings" else verdict
        assert rows[name].endswith(f" s  {wanted}"), (rows[name], wanted)
    assert lines[-1].startswith("9 kernels: 1 clean, 1 with findings, 7 not checked; 2 ranks of a2a3sim"), lines[-1]
    for message in "folder/wrong.cpp:1:", "signal 11", "with code 0", "did not come to an end", "twice runs on 3 to 8":
        assert message in result.stdout, (message, result.stdout)
    told = oriel("check", "folder", *ON_TWO, "--timeout", "1", "--format", "json", cache="folder-cache")
    if "jansson" in told.stderr:
        return
    report = json.loads(told.stdout)
    assert told.returncode == 5 and report["verdict"] == "findings", report
    assert [(kernel["kernel"], kernel["verdict"]) for kernel in report["kernels"]] == [
        (f"folder/{name}.cpp", verdict) for name, verdict in sorted(VERDICTS.items())], report
    assert report["kernels"][1]["kinds"] == {"early-signal": 1} and report["kernels"][1]["findings"] == 1, report
    assert (report["clean"], report["with_findings"], report["failed"]) == (1, 1, 7), report


def test_exit_codes_of_folders():
    write(ROOT / "clean", "good")
    assert oriel("check", "clean", *ON_TWO).returncode == 0
    write(ROOT / "failing", "good")
    write(ROOT / "failing", "wrong", kernel="int kernel_entry = x;\n")
    assert oriel("check", ROOT / "failing", *ON_TWO).returncode == 4
    (ROOT / "empty").mkdir()
    fails(2, "has no kernel in C++ with its launch", "empty")
    for words in ["--prune"], ["--witness", "w"], ["--format", "sarif"], ["--launch", "x.c"], ["--without", "x"]:
        result = oriel("check", "clean", *ON_TWO, *words)
        assert result.returncode == 2 and "is a folder" in result.stderr, result


tap.run(globals())
