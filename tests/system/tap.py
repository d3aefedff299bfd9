# SPDX-License-Identifier: Apache-2.0
"""Test points for the system tests: each function whose name begins with `test_` is one; an exception is `not ok`."""

import sys
import traceback


def run(functions):
    points = [(name, function) for name, function in functions.items() if name.startswith("test_")]
    print(f"1..{len(points)}")
    for number, (name, function) in enumerate(points, 1):
        what = name[len("test_"):].replace("_", " ")
        try:
            skip = function()
            print(f"ok {number} - {what}" + (f" # SKIP {skip}" if skip else ""), flush=True)
        except Exception:  # the report of a failed point, whatever it was
            print(f"not ok {number} - {what}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    sys.exit(0)
