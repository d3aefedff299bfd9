#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: the command as people type it. Verdicts and exit codes, each mistake with a message that names it, JSON for
programs.

usage: commands.py ORIEL CRASHING.SO WIDE_TILE.SO SOURCES
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

import tap

ORIEL, CRASHING, WIDE_TILE, SOURCES = sys.argv[1:]
ON_FOUR = ["-p", "a2a3sim", "-d", "0-3"]


def oriel(*words, **environment):
    environment = {**os.environ, "ORIEL_TUNING": "none", **environment}
    return subprocess.run([ORIEL, *words], capture_output=True, text=True, timeout=120, env=environment)


def succeeds(*words):
    result = oriel(*words)
    assert result.returncode == 0 and not result.stderr, (words, result)
    return result.stdout


def fails(code, message, *words):
    """The command ends with `code`, one line on stderr that contains `message`, and nothing on stdout."""
    result = oriel(*words)
    assert result.returncode == code, (words, result)
    assert result.stderr.startswith("oriel: ") and result.stderr.count("\n") == 1, (words, result)
    assert message in result.stderr, (words, result)
    assert not result.stdout, (words, result)


def has_json():
    return re.search(r"^jansson +found$", succeeds("info"), re.MULTILINE)


def place_in(name):
    """file:line of the line with the comment HERE, as a message gives it."""
    lines = open(os.path.join(SOURCES, name)).read().splitlines()
    return f"tests/system/{name}:{1 + next(i for i, line in enumerate(lines) if line.endswith('/* HERE */'))}: "


# ---- Right results ------------------------------------------------------------------------------------------------


def launches():
    """Those that the help of run lists, with the most devices that they run on."""
    listed = succeeds("run", "--help").split("\nLaunches that come with oriel\n")[1]
    return {name: int(most) for name, most in
            re.findall(r"^  ([a-z_0-9]+) +\S.* \((?:2 to )?(\d+) devices\)$", listed, re.MULTILINE)}


def test_each_collective_on_each_platform_is_right():
    assert {"allgather", "reduce_scatter", "allreduce", "barrier"} < set(launches()), launches()
    for platform in "a2a3sim", "a5sim":
        for collective, most in launches().items():
            count = min(most, 4)
            lines = succeeds("run", collective, "-p", platform, "-d", f"0-{count - 1}").splitlines()
            ranks = [re.fullmatch(r"rank (\d+) +device (\d+) +max error 0", line) for line in lines[:-1]]
            assert all(ranks) and [int(rank[1]) for rank in ranks] == list(range(count)), lines
            assert lines[-1].startswith(f"right: {collective}"), lines


def test_ranks_follow_the_order_of_the_device_list():
    lines = succeeds("run", "allgather", "-p", "a2a3sim", "-d", "5,0,2-3").splitlines()
    assert [line.split()[3] for line in lines[:-1]] == ["5", "0", "2", "3"], lines


def test_every_option_at_once():
    out = succeeds("run", "--platform", "a5sim", "--devices", "0,2,5", "allreduce", "--count", "777", "--dtype", "bf16",
                   "--op", "max", "--repeat", "5", "--seed", "7", "--timeout", "60", "--verbose")
    assert "5 calls in" in out and "right: allreduce max of 777 bf16 per rank, 3 devices of a5sim" in out, out


def test_devices_can_be_threads():
    assert "right" in succeeds("run", "reduce_scatter", *ON_FOUR, "--threads")


def test_two_and_sixty_four_devices():
    assert "2 devices" in succeeds("run", "allreduce", "-p", "a2a3sim", "-d", "62-63")
    assert "64 devices" in succeeds("run", "allgather", "-p", "a5sim", "-d", "0-63", "--count", "5")


# ---- Bad usage: exit code 2 ---------------------------------------------------------------------------------------


def test_commands_that_do_not_exist():
    fails(2, "run, check, launch, bench, tune or info")
    fails(2, 'no command "dance"', "dance")
    fails(2, "which launch", "run")
    fails(2, '"allreduce" is too much', "run", "allgather", "allreduce", *ON_FOUR)
    fails(2, "no option --fast", "run", "allgather", *ON_FOUR, "--fast")
    fails(2, "no option -x", "run", "-xv", "allgather", *ON_FOUR)
    fails(2, "no option -x", "run", "allgather", *ON_FOUR, "--count=5", "-vx")
    fails(2, "no option -x", "info", "-x")
    fails(2, "option --verbose takes no value", "run", "allgather", *ON_FOUR, "--verbose=1")
    fails(2, "option --help takes no value", "info", "--help=1")
    fails(2, "option -d needs a value", "run", "allgather", "-p", "a2a3sim", "-vd")
    fails(2, "--count needs a value", "run", "allgather", *ON_FOUR, "--count")
    fails(2, 'argument, but "x" is one', "info", "x")


def test_names_that_do_not_exist():
    fails(2, 'no launch "all": ' + ", ".join(launches()) + ", or the path of", "run", "all", *ON_FOUR)
    fails(2, 'no platform "a9sim": it must be one of a2a3sim, a5sim, a2a3', "run", "allgather", "-p", "a9sim", "-d", "0")
    fails(2, 'no type "f64": it must be one of f32, f16', "run", "allgather", *ON_FOUR, "--dtype", "f64")
    fails(2, 'no reduction "mean": it must be one of sum, max, min, prod, and, or, xor', "run", "allreduce", *ON_FOUR, "--op", "mean")
    fails(2, "reduction and does not take type f32: it takes i8 u8", "run", "allreduce", *ON_FOUR, "--op", "and")
    fails(2, "reduction xor does not take type bf16", "check", "reduce", *ON_FOUR, "--op", "xor", "--dtype", "bf16")
    fails(2, "cannot load ./nowhere.so", "run", "./nowhere.so", *ON_FOUR)


def test_platform_and_devices_are_needed():
    fails(2, "on which platform", "run", "allgather", "-d", "0-3")
    fails(2, "on which devices", "run", "allgather", "-p", "a2a3sim")


def test_device_lists_that_make_no_sense():
    for devices in "", "a", "0-", "-1", "0,", ",0", "0,,1", "0-3x", "0--3", "0 1", "1.5":
        fails(2, f'device list "{devices}" is none', "run", "allgather", "-p", "a2a3sim", f"--devices={devices}")
    fails(2, "the range 3-1 is empty", "run", "allgather", "-p", "a2a3sim", "-d", "3-1")
    fails(2, "device 2 is given twice", "run", "allgather", "-p", "a2a3sim", "-d", "0-3,2")
    fails(2, "no device 64, the platform has 0 to 63", "run", "allgather", "-p", "a2a3sim", "-d", "0-64")
    fails(2, "no device 99999999999", "run", "allgather", "-p", "a2a3sim", "-d", "0,99999999999")
    fails(2, "2 to 64 devices, not on 1", "run", "allgather", "-p", "a2a3sim", "-d", "3")


def test_numbers_that_make_no_sense():
    for option in "--count", "--repeat":
        fails(2, f"{option} is 0: it must be from 1 to", "run", "allgather", *ON_FOUR, option, "0")
        for garbage in "", "x", "-5", "1e3", "7 ", "0x10":
            fails(2, f'{option} is "{garbage}", which is not', "run", "allgather", *ON_FOUR, option, garbage)
        fails(2, "it must be from", "run", "allgather", *ON_FOUR, option, "99999999999999999999999")
    fails(2, "--seed is 18446744073709551615: it must be from 0 to 9223372036854775807", "run", "allgather", *ON_FOUR,
          "--seed", "18446744073709551615")
    fails(2, "--seed", "run", "allgather", *ON_FOUR, "--seed", "abc")
    for garbage in "0", "-1", "x", "inf", "nan", "":
        fails(2, f'--timeout is "{garbage}"', "run", "allgather", *ON_FOUR, "--timeout", garbage)


def test_windows_that_cannot_exist():
    fails(2, "count 9000000000000000000", "run", "allreduce", *ON_FOUR, "--count", "9000000000000000000")
    fails(2, "count 1000000000000 ", "run", "allreduce", *ON_FOUR, "--count", "1000000000000")
    fails(2, "count 60000000000 needs", "run", "allgather", *ON_FOUR, "--dtype", "i8", "--count", "60000000000")


def test_op_is_for_launches_that_reduce():
    fails(2, "allgather does not reduce", "run", "allgather", *ON_FOUR, "--op", "max")


# ---- What the kernel does wrong: exit code 4 ------------------------------------------------------------------------


def test_a_tile_that_fits_one_platform_only():
    fails(4, place_in("wide_tile.c") + "TLOAD: dst of 1 x 1024 f32 at UB offset 200704 ends at 204800, UB has 196608 B",
          "run", WIDE_TILE, "-p", "a2a3sim", "-d", "0")
    assert "right: wide_tile" in succeeds("run", WIDE_TILE, "-p", "a5sim", "-d", "0")
    refused = oriel("check", WIDE_TILE, "-p", "a2a3sim", "-d", "0")
    assert refused.returncode == 5 and "out-of-bounds" in refused.stdout and "ends at 204800" in refused.stdout, refused
    assert "clean: wide_tile" in succeeds("check", WIDE_TILE, "-p", "a5sim", "-d", "0")


def no_core_file():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def test_a_rank_that_crashes():
    """Its fate, and of each that waited for it: where, for what value, what it saw."""
    before = sorted(os.listdir("/dev/shm"))
    command = subprocess.Popen([ORIEL, "run", CRASHING, "-p", "a2a3sim", "-d", "2,0,5,1"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=no_core_file)
    out, err = command.communicate(timeout=60)
    assert command.returncode == 4 and not out and err.startswith("oriel: ") and err.count("\n") == 1, (out, err)
    cause = re.search(r'rank 1 \(device 0, pid (\d+)\) of task "crashing" was killed by signal 11 ', err)
    assert cause, err
    for rank in 0, 2, 3:
        waited = place_in("crashing.c") + f'rank {rank} waited for cell 16 of window "signals" >= 7, and saw 3'
        assert waited in err, (waited, err)
    assert not alive(int(cause[1])) and not session(command.pid) and sorted(os.listdir("/dev/shm")) == before


# ---- What is not here, what does not end --------------------------------------------------------------------------


def test_the_silicon_is_not_here():
    fails(3, "libascendcl.so", "run", "allgather", "-p", "a2a3", "-d", "0-3")


def test_a_deadline_that_passes():
    fails(4, "", "run", "allreduce", *ON_FOUR, "--count", "1000000", "--repeat", "1000000", "--timeout", "0.3")


def test_output_that_cannot_be_written():
    for words in ["run", "allgather", *ON_FOUR], ["run", "--help"], ["info"], ["--help"], ["--version"]:
        with open("/dev/full", "w") as full:
            result = subprocess.run([ORIEL, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
        assert result.returncode == 4 and "oriel: the output could not be written" in result.stderr, (words, result)


def test_a_reader_that_goes_away_is_no_failure():
    for dies in True, False:
        read, write = os.pipe()
        os.close(read)
        result = subprocess.run([ORIEL, "info"], stdout=write, stderr=subprocess.PIPE, timeout=120, restore_signals=dies)
        os.close(write)
        assert result.returncode == (-signal.SIGPIPE if dies else 0) and not result.stderr, result


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def session(leader):
    """The processes that are left of a command that began a session."""
    def session_of(pid):
        try:
            return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[3])
        except FileNotFoundError:
            return None
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if session_of(pid) == leader]


def devices_of(command, count):
    """The device processes of a running command. They are the children of its scheduler thread."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        threads = os.listdir(f"/proc/{command.pid}/task")
        found = [int(pid) for thread in threads
                 for pid in open(f"/proc/{command.pid}/task/{thread}/children").read().split()]
        if len(found) == count:
            return found
        time.sleep(0.01)
    raise AssertionError("the devices did not start")


def endless():
    return subprocess.Popen([ORIEL, "run", "allreduce", *ON_FOUR, "--repeat", "2147483647", "--timeout", "100"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def all_gone(pids):
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(alive(pid) for pid in pids)


def test_a_rank_that_is_killed():
    before = sorted(os.listdir("/dev/shm"))
    with endless() as command:
        devices = devices_of(command, 4)
        time.sleep(0.1)
        os.kill(devices[2], signal.SIGKILL)
        out, err = command.communicate(timeout=60)
    assert command.returncode == 4 and not out and err.startswith("oriel: ") and err.count("\n") == 1, (out, err)
    assert re.search(rf"rank \d \(device \d, pid {devices[2]}\)", err) and "signal 9" in err, err
    assert all_gone(devices) and sorted(os.listdir("/dev/shm")) == before


def test_a_command_that_is_killed_takes_its_devices_along():
    before = sorted(os.listdir("/dev/shm"))
    with endless() as command:
        devices = devices_of(command, 4)
        command.kill()
        command.communicate(timeout=60)
    assert all_gone(devices) and sorted(os.listdir("/dev/shm")) == before


# ---- Help, information, JSON --------------------------------------------------------------------------------------


def test_help_and_version():
    for words in ["--help"], ["-h"], ["run", "--help"], ["info", "--help"]:
        assert "oriel" in succeeds(*words)
    assert re.fullmatch(r"oriel \d+\.\d+\.\d+\n", succeeds("--version"))


def test_the_help_of_run_has_every_option_and_exit_code():
    out = succeeds("run", "--help")
    for option in ("-p, --platform", "-d, --devices", "--count", "--dtype", "--op", "--repeat", "--seed", "--timeout",
                   "--threads", "-v, --verbose", "--json", "-h, --help"):
        assert re.search(rf"^ +{option} ", out, re.MULTILINE), option
    assert re.findall(r"^  (\d)  ", out, re.MULTILINE) == ["0", "1", "2", "3", "4"], out


def test_the_examples_of_the_help_work():
    lines = [line.split("  ")[0].split() for line in re.findall(r"^ +oriel (.*)$", succeeds("--help"), re.MULTILINE)]
    examples = [words for words in lines if words[0] == "run" and not words[1].endswith(".so")]
    assert len(examples) >= 3
    for words in examples:
        succeeds(*words)


def test_info_lists_platforms_and_processors():
    out = succeeds("info")
    words = "a2a3sim", "a5sim", "192 KiB", "256 KiB", "not here", "libascendcl.so", "processors", "arithmetic", "hwloc"
    assert all(word in out for word in words), out


def test_info_lists_algorithms_and_the_file_that_chooses():
    out = succeeds("info")
    assert re.search(r"^  allreduce +direct .*\n +one-phase .*\(2 to 64 ranks\)\n", out, re.MULTILINE), out
    assert re.search(r"^ +interleaved-ring .*\(2 ranks\)$", out, re.MULTILINE), out
    assert re.search(r"^ +halving-doubling .*\(2 to 64 ranks, own order\)$", out, re.MULTILINE), out
    assert re.search(r"^tuning +no file$", out, re.MULTILINE), out
    with tempfile.NamedTemporaryFile("w") as file:
        file.write('{"version": 1, "rules": [{"operation": "gather", "algorithm": "direct"}]}')
        file.flush()
        told = oriel("info", ORIEL_TUNING=file.name).stdout
        assert f"\ntuning      {file.name}" in told and (", 1 rule\n" in told or not has_json()), told
        file.write("and more")
        file.flush()
        told = oriel("info", ORIEL_TUNING=file.name).stdout
        assert f"\ntuning      {file.name}: " in told, told


def test_info_as_json():
    if not has_json():
        fails(2, "jansson was not found", "info", "--json")
        return "no jansson"
    info = json.loads(succeeds("info", "--json"))
    platforms = {platform["name"]: platform for platform in info["platforms"]}
    assert platforms["a2a3sim"]["available"] and platforms["a2a3sim"]["ub_bytes"] == 196608
    assert not platforms["a2a3"]["available"] and "libascendcl.so" in platforms["a2a3"]["message"]
    assert 1 <= info["processors"]["usable"] <= info["processors"]["threads"]
    if info["optional"]["hwloc"]:
        assert info["processors"]["cores"] >= 1 and info["processors"]["l3"]["bytes"] >= 0
    ring, = [it for it in info["algorithms"] if (it["operation"], it["name"]) == ("allreduce", "ring")]
    assert ring["launch"] == "allreduce_ring" and ring["max_ranks"] == 64 and not ring["in_rank_order"], ring
    assert info["tuning"] == {"path": None}, info["tuning"]


def test_run_as_json():
    if not has_json():
        fails(2, "jansson was not found", "run", "allgather", *ON_FOUR, "--json")
        return "no jansson"
    run = json.loads(succeeds("run", "allreduce", *ON_FOUR, "--json", "--seed", "3", "--op", "min"))
    assert run["verdict"] == "right" and run["op"] == "min" and run["seed"] == 3 and run["count"] == 1000
    assert [rank["device"] for rank in run["ranks"]] == [0, 1, 2, 3]
    assert all(rank["wrong"] == 0 and rank["max_error"] == 0 for rank in run["ranks"])

    result = oriel("run", "allgather", "-p", "a2a3", "-d", "0-3", "--json")
    run = json.loads(result.stdout)
    assert result.returncode == 3 and run["verdict"] == "failed" and "libascendcl.so" in run["message"]


def test_a_mistake_is_json_as_well():
    if not has_json():
        return "no jansson"
    lonely = ["-p", "a2a3sim", "-d", "3"]
    for words in (["run", "allgather", *ON_FOUR, "--count", "0", "--json"], ["run", "--json", "all", *ON_FOUR],
                  ["run", "allgather", "-p", "a9sim", "--json"], ["run", "allgather", *ON_FOUR, "--fast", "--json"],
                  ["run", "allgather", "-p", "a2a3sim", "-d", "0-3,2", "--json"], ["run", "--json"], ["info", "x", "--json"],
                  ["run", "allgather", *ON_FOUR, "--op", "max", "--json"], ["dance", "--json"],
                  ["run", "./nowhere.so", *ON_FOUR, "--json"], ["run", "allgather", *lonely, "--json"]):
        result = oriel(*words)
        told = json.loads(result.stdout)
        assert result.returncode == 2 and told["verdict"] == "failed" and told["status"] == "invalid", (words, result)
        assert result.stderr == f"oriel: {told['message']}\n" and told["message"], (words, result)
    fails(2, "--count is 0", "run", "allgather", *ON_FOUR, "--count=0", "--", "--json")


tap.run(globals())
