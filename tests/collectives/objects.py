#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: the kernels stay what a compiler for silicon can take. Their objects need no library, hold no writable
data, and no function of theirs calls itself, directly or not.

usage: objects.py NM OBJDUMP ARCHIVE
"""
import re
import subprocess
import sys

# A compiler may call these by itself, whatever the source says (GCC manual, "-ffreestanding").
TOLERATED = {"memcpy", "memset", "memmove", "memcmp"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(nm, archive):
    """(type, name) of every symbol of every object."""
    for line in run(nm, "--format=posix", archive).splitlines():
        fields = line.split()
        if len(fields) >= 2 and not line.endswith(":"):
            yield fields[1], fields[0]


def writable_sections(objdump, archive):
    """Sections that hold writable data. (.data.rel.ro is constant once the loader has relocated it: the call sites.)"""
    for line in run(objdump, "-h", archive).splitlines():
        section = re.match(r"\s*\d+\s+(\.(?:data|bss|tdata|tbss)\S*)\s+([0-9a-f]+)\s", line)
        if section and int(section[2], 16) and not section[1].startswith(".data.rel.ro"):
            yield section[1]


def calls(objdump, archive):
    """caller -> functions that it calls, or jumps to."""
    graph, caller = {}, None
    for line in run(objdump, "-dr", "--no-show-raw-insn", archive).splitlines():
        head = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        if head:
            caller = head[1]
            graph.setdefault(caller, set())
            continue
        branch = re.search(r"\t(call\w*|jmp\w*|bl|b)\s+[0-9a-fx]+ <([^+>]+)(\+0x[0-9a-f]+)?>", line)
        if branch and (branch[2] != caller or (branch[1].startswith(("call", "bl")) and not branch[3])):
            graph[caller].add(branch[2])
        relocation = re.search(r"R_\S*(PLT32|CALL26|JUMP26)\s+(\w+)", line)
        if relocation:
            graph[caller].add(relocation[2])
    return graph


def cycle(graph):
    """A function that can reach itself, or None."""
    for start in graph:
        reached, todo = set(), list(graph[start])
        while todo:
            name = todo.pop()
            if name == start:
                return start
            if name not in reached:
                reached.add(name)
                todo += graph.get(name, ())
    return None


def main():
    nm, objdump, archive = sys.argv[1:]
    seen = list(symbols(nm, archive))
    defined = {name for kind, name in seen if kind != "U"}
    undefined = {name for kind, name in seen if kind == "U"} - defined - TOLERATED
    undefined.discard("_GLOBAL_OFFSET_TABLE_")
    writable = set(writable_sections(objdump, archive))
    graph = calls(objdump, archive)
    kernels = {name for name in graph if name.startswith("oriel_kernel_")}
    checks = [
        ("there are kernels to look at", kernels, "no oriel_kernel_ function in the archive"),
        ("no undefined symbols", not undefined, f"undefined: {sorted(undefined)}"),
        ("no writable data", not writable, f"writable: {sorted(writable)}"),
        ("no recursion", cycle(graph) is None, f"calls itself: {cycle(graph)}"),
    ]
    print(f"1..{len(checks)}")
    for number, (what, right, why) in enumerate(checks, 1):
        print(f"{'ok' if right else 'not ok'} {number} - {what}")
        if not right:
            print(f"# {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
