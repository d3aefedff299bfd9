#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: `oriel launch`. Programs run as ranks, or simply several times; the first failure is told; signals, input and
output go where they should; and nothing is left, whoever dies.

usage: launch.py ORIEL RANK [HANG]     (RANK: the program of rank.c; HANG: the library of hang.c)
"""

import contextlib
import fcntl
import functools
import os
import pty
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

import tap

ORIEL, RANK, *HANG = sys.argv[1:]
# How long something may take that takes no time, on a machine that does other things as well.
SOON = 60

# Whoever started this may have had it ignored, as nohup does; a shell then cannot trap it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def launch(*words, **options):
    return subprocess.run([ORIEL, "launch", *words], capture_output=True, text=True, timeout=120, **options)


def succeeds(*words, **options):
    result = launch(*words, **options)
    assert result.returncode == 0 and not result.stderr, (words, result)
    return result.stdout


def fails(code, message, *words):
    result = launch(*words)
    assert result.returncode == code and message in result.stderr, (words, result)
    return result


def begin(*words, before=(), **options):
    return subprocess.Popen([*before, ORIEL, "launch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def begin_ranks(count, *words):
    """A launch of `count` ranks that call without an end, and their processes, in no order."""
    started = begin("-n", str(count), *words, RANK, "forever")
    return started, [int(started.stdout.readline()) for _ in range(count)]


def state_of(process):
    """Its letter first, then the numbers of proc(5)."""
    with open(f"/proc/{process}/stat") as stat:
        return stat.read().rpartition(")")[2].split()


def is_alive(process):
    try:
        return state_of(process)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def rank_of(process):
    with open(f"/proc/{process}/environ") as environment:
        return int(re.search(r"(?:^|\0)ORIEL_RANK=(\d+)", environment.read())[1])


def wait_until(condition):
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def all_end(processes):
    wait_until(lambda: not any(is_alive(process) for process in processes))


def pipe_is_full(pipe):
    """Its last page may have little in it, and the others less than a line of room each."""
    there = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]
    return there > fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) - 2 * 4096


def children_of(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        return [int(child) for child in children.read().split()]


def leaves_nothing(launcher):
    with open("/proc/net/unix") as addresses:
        assert f"oriel-launch/{launcher.pid}-" not in addresses.read()


# ---- Right ----------------------------------------------------------------------------------------------------------


def test_ranks_come_together():
    for count in 1, 2, 3, 5:
        assert succeeds("-n", str(count), RANK, "sum") == f"{count * (count + 1) // 2}\n"
    for bind in "core", "none":
        assert succeeds("--ranks", "2", "--bind", bind, RANK, "sum") == "3\n"


def test_two_launches_at_the_same_time_do_not_meet():
    started = [begin("-n", "3", RANK, "sum") for _ in range(4)]
    assert [one.communicate(timeout=SOON) for one in started] == [("6\n", "")] * 4


def test_a_script_may_run_several_programs_as_its_rank():
    assert succeeds("-n", "2", "sh", "-c", f"{RANK} sum && {RANK} sum") == "3\n3\n"


def test_other_programs_run_several_times():
    lines = succeeds("-n", "3", "sh", "-c", "echo $ORIEL_RANK of $ORIEL_RANKS").splitlines()
    assert sorted(lines) == ["0 of 3", "1 of 3", "2 of 3"], lines


def test_options_of_the_program_are_its_own():
    assert succeeds("-n", "1", "echo", "-n", "7", "--json", "--help") == "7 --json --help"
    assert succeeds("-n", "1", "--", "echo", "--tag-output") == "--tag-output\n"


def test_output_is_tagged_line_by_line():
    script = "echo a; echo b >&2; printf 'c\\nd'"
    result = launch("-n", "2", "--tag-output", "sh", "-c", script)
    assert result.returncode == 0
    for rank in "01":
        assert re.findall(rf"^\[{rank}\] (.*)$", result.stdout, re.MULTILINE) == ["a", "c", "d"], result
    assert sorted(result.stderr.splitlines()) == ["[0] b", "[1] b"], result


def test_a_long_line_and_much_output_come_whole():
    out = succeeds("-n", "2", "--tag-output", sys.executable, "-c", "print('x' * 200000); print('y\\n' * 50000, end='')")
    for rank in "01":
        mine = re.findall(rf"^\[{rank}\] (.*)$", out, re.MULTILINE)
        assert "".join(mine) == "x" * 200000 + "y" * 50000 and max(map(len, mine)) == 65536


def test_rank_0_has_the_input():
    out = succeeds("-n", "3", "--tag-output", "cat", input="for one\n")
    assert out == "[0] for one\n", out


def test_what_the_starter_has_closed_is_not_taken_for_something_else():
    """The launcher's own descriptors would come to lie there, and the ranks' input and output on top of them."""
    for closed in "<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-":
        for tag in "", "--tag-output":
            for program, code in ("./nowhere", 2), ("sh -c 'exit 5'", 4), ("true", 0):
                words = f"exec {ORIEL} launch -n 2 {tag} {program} {closed}"
                result = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=SOON)
                assert result.returncode == code and not result.stdout, (words, result)
                assert bool(result.stderr) == (code != 0 and "2>&-" not in closed), (words, result)
    show = "readlink /proc/$$/fd/0 || echo nothing"
    words = f"exec {ORIEL} launch -n 2 --tag-output sh -c '{show}' <&-"
    result = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=SOON)
    assert sorted(result.stdout.splitlines()) == ["[0] nothing", "[1] /dev/null"], result


def test_algorithms_are_chosen_for_all_ranks():
    told = 'printf "%s %s\\n" "$ORIEL_ALGORITHM" "$ORIEL_DETERMINISTIC"'
    assert succeeds("-n", "2", "--algorithm", "ring", "sh", "-c", told) == "ring \n" * 2
    assert succeeds("-n", "2", "--deterministic", "sh", "-c", told) == " 1\n" * 2
    fails(2, "one at a time", "-n", "2", "--deterministic", "--algorithm", "ring", "true")
    failed = launch("-n", "2", "--algorithm", "allreduce=magic", RANK, "sum")
    assert failed.returncode == 4 and 'ORIEL_ALGORITHM: allreduce has no algorithm "magic"' in failed.stderr, failed


def test_ranks_are_bound():
    mine = len(os.sched_getaffinity(0))
    show = ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"]
    if mine < 2:
        return "one processor"
    bound = succeeds("-n", "2", "--bind", "core", *show).splitlines()
    assert len(set(bound)) == 2, bound
    free = succeeds("-n", "2", "--bind", "none", *show).splitlines() + succeeds("-n", "2", *show).splitlines()
    assert len(set(free)) == 1 and free[0] not in bound, (free, bound)


# ---- Wrong ----------------------------------------------------------------------------------------------------------


def test_bad_usage():
    for message, *words in [
            ["launch needs -n", "true"], ["launch needs a program", "-n", "2"], ["-n is 0", "-n", "0", "true"],
            ['-n is "x"', "-n", "x", "true"], ["-n is 5000", "-n", "5000", "true"], ["-n needs a value", "-n"],
            ["--timeout is", "-n", "1", "--timeout", "0", "true"], ["--timeout is", "-n", "1", "--timeout", "-1", "true"],
            ["--grace is", "-n", "1", "--grace", "soon", "true"], ['--bind is "socket"', "-n", "1", "--bind", "socket", "true"],
            ["no option --fast", "-n", "1", "--fast", "true"], ["cannot run ./nowhere: No such file", "-n", "3", "./nowhere"],
            ["cannot run /: Permission denied", "-n", "2", "/"]]:
        result = fails(2, message, *words)
        assert not result.stdout and result.stderr.count("\n") == 1, result


def test_the_first_failure_is_told():
    fails(4, "oriel: rank 1 ended with exit code 3\n", "-n", "3", "sh", "-c", "test $ORIEL_RANK != 1 || exit 3")
    fails(4, "oriel: rank 2 was killed by signal 15 (Terminated)\n", "-n", "3", "sh", "-c", "test $ORIEL_RANK != 2 || kill $$")
    result = fails(4, "oriel: rank 1 ended with exit code 7\n", "-n", "3", RANK, "exit", "1", "7")
    assert result.stderr.count("ended with exit code 7, without oriel_comm_free") == 2, result
    assert result.stderr.count("oriel: ") == 1, result


def test_those_that_do_not_end_by_themselves_are_ended():
    for ignored in "", "trap '' TERM; ":
        script = f"{ignored}test $ORIEL_RANK = 1 && exit 1; while :; do sleep 1000; done"
        fails(4, "rank 1 ended with exit code 1", "-n", "3", "--grace", "0.2", "sh", "-c", script)


def test_the_deadline():
    result = fails(4, "the deadline of 0.2 s has passed: rank 0, rank 2 had not ended", "-n", "3", "--timeout", "0.2",
                   "--grace", "0.2", "sh", "-c", "test $ORIEL_RANK = 1 || exec sleep 100")
    assert result.stderr.count("\n") == 1, result
    fails(4, "rank 6, rank 7 and 3 more had not ended", "-n", "11", "--timeout", "0.2", "--grace", "0.2", "sleep", "100")
    succeeds("-n", "2", "--timeout", "100", "true")


def test_a_rank_that_does_not_become_its_program_holds_nothing_up():
    """Neither the deadline, nor signals, nor the news of another's failure, nor another's output."""
    if not HANG:
        return "no library can be loaded first"
    hangs = {**os.environ, "LD_PRELOAD": HANG[0]}
    result = launch("-n", "2", "--timeout", "0.2", "--grace", "0.2", "/bin/true", env=hangs)
    assert result.returncode == 4 and "deadline of 0.2 s has passed: rank 1 had not ended" in result.stderr, result
    result = launch("-n", "2", "--grace", "0.2", "/bin/false", env=hangs)
    assert result.returncode == 4 and "rank 0 ended with exit code 1" in result.stderr, result
    started = begin("-n", "2", "--grace", "0.2", "--tag-output", "/bin/echo", "here", env=hangs)
    assert started.stdout.readline() == "[0] here\n"
    started.send_signal(signal.SIGINT)
    assert "interrupted by signal 2" in started.communicate(timeout=SOON)[1] and started.returncode == 4


def test_all_end_when_one_cannot_be_started():
    """And its own output has no leak (for a sanitizer to see)."""
    for allowed in range(12, 28):
        limit = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (allowed, allowed))
        result = launch("-n", "20", "--tag-output", "sleep", "1000", preexec_fn=limit)
        assert result.returncode == 4 and result.stderr.count("\n") == 1, result
        assert re.fullmatch(r"oriel: rank \d+ cannot be started: Too many open files\n", result.stderr), result


def test_a_launcher_of_more_ranks_than_descriptors_sleeps():
    started = begin("-n", "100", "sh", "-c", "echo; exec sleep 1000",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    for _ in range(100):
        started.stdout.readline()
    deadline = time.monotonic() + SOON
    ticks = [None]
    try:
        while len(ticks) < 2 or ticks[-1] != ticks[-2]:
            assert time.monotonic() < deadline, ticks
            time.sleep(0.2)
            ticks.append(state_of(started.pid)[11:13])
    finally:
        started.kill()
        started.communicate()


def ends_at_its_deadline(started):
    """A launch whose output nobody takes."""
    try:
        assert started.wait(SOON) == 4
    finally:
        started.kill()


@contextlib.contextmanager
def nobody_reads(kind):
    """A descriptor to write to, and what may be read there after all."""
    mine, theirs = {"pipe": os.pipe, "terminal": pty.openpty,
                    "socket": lambda: [end.detach() for end in socket.socketpair()]}[kind]()
    try:
        yield theirs, mine
    finally:
        os.close(mine)
        os.close(theirs)


def test_output_without_an_end_holds_nothing_up():
    """Neither the deadline nor the output of others."""
    for stream in "", ">&2":
        with open("/dev/null", "w") as nowhere:
            started = subprocess.Popen([ORIEL, "launch", "-n", "2", "--tag-output", "--timeout", "0.3", "sh", "-c",
                                        f"exec yes {stream}"], stdout=nowhere, stderr=nowhere)
        ends_at_its_deadline(started)
    started = subprocess.Popen([ORIEL, "launch", "-n", "2", "--tag-output", "--timeout", str(SOON), "sh", "-c",
                                "yes & yes >&2 & test $ORIEL_RANK = 0 || exec yes here; wait"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    seen = set()
    for line in started.stdout:
        seen.add(line)
        if len(seen) == 3:
            break
    assert seen == {"[0] y\n", "[1] y\n", "[1] here\n"}, seen
    started.terminate()
    started.communicate(timeout=SOON)


def test_output_that_nobody_takes_holds_nothing_up():
    """Neither the deadline nor signals; and messages of the launcher's own do not either."""
    limits = ["-n", "2", "--timeout", "0.3", "--grace", "0.1"]
    with contextlib.ExitStack() as all_open:
        all_started = []
        for kind in "pipe", "terminal", "socket":
            for words in ["--tag-output", "yes"], ["yes"], ["--tag-output", "sh", "-c", "while :; do echo x; echo y >&2; done"]:
                to, _ = all_open.enter_context(nobody_reads(kind))
                all_started.append(subprocess.Popen([ORIEL, "launch", *limits, *words], stdout=to, stderr=to))
        for started in all_started:
            ends_at_its_deadline(started)


def test_messages_come_beside_output_that_nobody_takes():
    with nobody_reads("pipe") as (to, back):
        started = subprocess.Popen([ORIEL, "launch", "-n", "2", "--timeout", str(2 * SOON), "--grace", "0.1", "--tag-output",
                                    "yes"], stdout=to, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: pipe_is_full(back))
        started.send_signal(signal.SIGINT)
        ends_at_its_deadline(started)
        assert started.communicate()[1] == "oriel: interrupted by signal 2 (Interrupt)\n"
    with nobody_reads("pipe") as (to, back):
        started = subprocess.Popen([ORIEL, "launch", "-n", "1", "--timeout", "0.3", "--tag-output", "seq", "20000"], stdout=to,
                                   stderr=subprocess.PIPE, text=True)
        ends_at_its_deadline(started)
        assert "the deadline of 0.3 s has passed: " in started.communicate()[1]


def test_what_ranks_have_written_comes_whole_to_a_late_reader():
    """And a message between whole lines. All have ended: the launcher waits, longer than for anything else; so they sleep here."""
    script = "import sys; print('x' * 50000); [print(i) for i in range(8000)]; sys.exit(int(sys.argv[1]))"
    failure = "oriel: rank 0 ended with exit code 3"
    all_started = [subprocess.Popen([ORIEL, "launch", "-n", "1", "--tag-output", sys.executable, "-c", script, code],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for code in "03"]
    for started in all_started:
        wait_until(lambda: pipe_is_full(started.stdout) and not children_of(started))
    time.sleep(6)
    for started, code, said in zip(all_started, (0, 4), ([], [failure])):
        first = os.read(started.stdout.fileno(), 8192).decode()
        time.sleep(0.2)
        lines = (first + started.communicate(timeout=SOON)[0]).splitlines()
        assert started.returncode == code and [line for line in lines if line == failure] == said, (code, len(lines))
        written = [line for line in lines if line != failure]
        assert written == [f"[0] {line}" for line in ["x" * 50000, *range(8000)]], (code, len(written))


def test_what_ranks_have_written_comes_whole_to_a_slow_reader_after_an_interrupt():
    started = begin("-n", "4", "--tag-output", "seq", "12000")
    wait_until(lambda: pipe_is_full(started.stdout) and not children_of(started))
    started.terminate()
    assert started.stderr.readline() == "oriel: interrupted by signal 15 (Terminated)\n"
    out = b""
    while more := os.read(started.stdout.fileno(), 4096):
        out += more
        time.sleep(0.07)
    for rank in range(4):
        mine = re.findall(rf"^\[{rank}\] (.*)$", out.decode(), re.MULTILINE)
        assert mine == [str(i) for i in range(1, 12001)], (rank, len(mine))
    assert started.wait(SOON) == 4
    started.communicate()


def test_a_message_comes_to_a_late_reader():
    """Behind what fills the pipe of both: a pager is one."""
    with nobody_reads("pipe") as (to, back):
        room = fcntl.fcntl(back, fcntl.F_GETPIPE_SZ)
        os.write(to, b"x" * room)
        started = subprocess.Popen([ORIEL, "launch", "-n", "1", "--grace", "0.1", "sh", "-c", "exit 3"], stdout=to, stderr=to)
        time.sleep(6)
        said = b""
        while len(said) < room or not said.endswith(b"\n"):
            said += os.read(back, 4096)
        assert said[room:] == b"oriel: rank 0 ended with exit code 3\n", said[room:]
        ends_at_its_deadline(started)


def test_a_rank_that_leaves_a_writer_behind_ends():
    """What it had written comes; what its child writes on and on, or does not write, holds nobody."""
    started = begin("-n", "1", "--tag-output", "sh", "-c", "echo before; yes & exit 0")
    lines = iter(started.stdout.readline, "")
    assert next(lines) == "[0] before\n"
    assert set(lines) <= {"[0] y\n"}
    assert started.wait(SOON) == 0 and not started.stderr.read()
    started.communicate()
    result = subprocess.run([ORIEL, "launch", "-n", "1", "--tag-output", "sh", "-c", "yes & yes & yes & exit 0"],
                            stdout=subprocess.DEVNULL, timeout=SOON)
    assert result.returncode == 0
    script = "sleep 1000 <&- & echo $! >&2; seq 8000; read go; exec echo last"
    started = begin("-n", "1", "--tag-output", "sh", "-c", script, stdin=subprocess.PIPE)
    silent = int(started.stderr.readline().split()[1])
    try:
        wait_until(lambda: pipe_is_full(started.stdout))
        started.stdin.write("\n")
        started.stdin.flush()
        wait_until(lambda: children_of(started) == [silent])
        out, err = started.communicate(timeout=SOON)
        assert started.returncode == 0 and not err, err
        assert out == "".join(f"[0] {line}\n" for line in [*range(1, 8001), "last"])
    finally:
        started.kill()
        os.kill(silent, signal.SIGKILL)


def test_signals_are_passed_on():
    catch = "trap 'echo caught; exit 0' {}; echo ready; while :; do sleep 0.05; done"
    for name, code in ("USR1", 0), ("USR2", 0), ("INT", 4), ("TERM", 4), ("HUP", 4):
        started = begin("-n", "2", "sh", "-c", catch.format(name))
        assert [started.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        started.send_signal(getattr(signal, f"SIG{name}"))
        out, err = started.communicate(timeout=SOON)
        assert (out, started.returncode) == ("caught\n" * 2, code), (name, out, err, started.returncode)
        assert ("interrupted by signal" in err) == (code == 4), err


def test_what_the_starter_has_ignored_does_not_matter():
    ignored = f"trap '' CHLD PIPE; exec {ORIEL} launch -n 2 --tag-output sh -c 'seq 20000; echo done >&2' | head -1"
    result = subprocess.run(["bash", "-c", ignored], capture_output=True, text=True, timeout=SOON)
    assert sorted(result.stderr.splitlines()) == ["[0] done", "[1] done"], result


def test_an_interrupt_at_the_terminal_comes_once():
    """The terminal sends it to the programs itself: the launcher does not send it again."""
    script = "count=0; trap 'count=$((count + 1)); echo caught $count' INT; echo ready; for i in 1 2 3 4 5 6; do sleep 0.05; done"
    launcher, terminal = pty.fork()
    if launcher == 0:
        os.execv(ORIEL, [ORIEL, "launch", "-n", "2", "--grace", "20", "bash", "-c", script])
    said = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        asked = said.count(b"ready") == 2
        said += more
        if said.count(b"ready") == 2 and not asked:
            os.write(terminal, b"\x03")
    code = os.waitstatus_to_exitcode(os.waitpid(launcher, 0)[1])
    assert said.count(b"caught 1") == 2 and b"caught 2" not in said and code == 4, (said, code)
    assert b"interrupted by signal 2" in said, said


# ---- Deaths ---------------------------------------------------------------------------------------------------------


def test_a_killed_rank_is_told_by_all():
    for victim in range(3):
        started, processes = begin_ranks(3)
        process = next(process for process in processes if rank_of(process) == victim)
        os.kill(process, signal.SIGKILL)
        err = started.communicate(timeout=SOON)[1]
        assert started.returncode == 4 and f"oriel: rank {victim} was killed by signal 9 (Killed)\n" in err, err
        assert err.count(f"rank {victim} (process {process}) was killed by signal 9 (Killed)") == 2, err
        leaves_nothing(started)


def test_all_end_with_a_killed_launcher():
    seed = int(os.environ.get("ORIEL_TEST_SEED", "1"))
    print(f"# ORIEL_TEST_SEED={seed}")
    moments = random.Random(seed)
    before = set(os.listdir("/dev/shm"))
    for _ in range(10):
        started, processes = begin_ranks(3)
        time.sleep(moments.random() * 0.02)
        started.kill()
        started.communicate(timeout=SOON)
        all_end(processes)
        leaves_nothing(started)
    assert not [name for name in set(os.listdir("/dev/shm")) - before if "oriel" in name]


def test_what_a_failed_rank_has_started_is_ended():
    script = "sleep 1000 >/dev/null 2>&1 & echo $!; exit 1"
    result = fails(4, "rank 0 ended with exit code 1", "-n", "1", "sh", "-c", script)
    all_end([int(result.stdout)])


def test_what_the_starter_has_started_is_left_alone():
    """They are children of the launcher that it did not start: of a shell that became it."""
    words = f"sleep 1000 >/dev/null 2>&1 & echo $!; exec {ORIEL} launch -n 1 sh -c 'exit 3'"
    result = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=SOON)
    mine = int(result.stdout)
    assert result.returncode == 4 and "exit code 3" in result.stderr, result
    assert is_alive(mine)
    os.kill(mine, signal.SIGKILL)


# To be launched by somebody without the right to kill: root may be that, too.
WEAK = ["setpriv", "--bounding-set=-kill"]


def is_of(user, process):
    with open(f"/proc/{process}/status") as status:
        return f"\nUid:\t{user}\t" in status.read()


def test_a_rank_that_cannot_be_ended_is_not_waited_for():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return "needs root, and setpriv"
    script = "echo $ORIEL_RANK $$; test $ORIEL_RANK = 0 && exec sleep 1000; exec setpriv --reuid 65534 sleep 1000"
    started = begin("-n", "2", "--grace", "0.2", "sh", "-c", script, before=WEAK)
    mine, others = (int(line.split()[1]) for line in sorted(started.stdout.readline() for _ in range(2)))
    wait_until(lambda: is_of(65534, others))
    started.terminate()
    try:
        assert started.wait(SOON) == 4
        assert is_alive(others)
    finally:
        os.kill(others, signal.SIGKILL)
    all_end([mine])
    err = started.communicate()[1]
    assert "oriel: rank 1 cannot be ended\n" in err, err
    assert f"oriel: process {others} cannot be ended: Operation not permitted\n" in err, err


def test_an_orphan_that_cannot_be_ended_is_not_waited_for():
    """A launcher may be without the right to end what its ranks have started as somebody else."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return "needs root, and setpriv"
    other = "setpriv --reuid 65534 sleep 1000 >/dev/null 2>&1 & echo $!;"
    own = "sleep 1000 >/dev/null 2>&1 & echo $!;"
    seen = "while grep -q '^Uid:.0' /proc/$!/status; do sleep 0.01; done;"
    started = begin("-n", "1", "sh", "-c", f"{own} {other} {seen} exit 3", before=WEAK)
    mine, others = (int(started.stdout.readline()) for _ in range(2))
    try:
        assert started.wait(SOON) == 4
        assert is_alive(others)
    finally:
        os.kill(others, signal.SIGKILL)
    all_end([mine])
    err = started.communicate()[1]
    assert "rank 0 ended with exit code 3" in err, err
    assert f"oriel: process {others} cannot be ended: Operation not permitted\n" in err, err


tap.run(globals())
