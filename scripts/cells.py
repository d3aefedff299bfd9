# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a comparison with peers: which cells there are, their floor, ratios and what sums them up.

A cell is an operation, a number of ranks, and bytes: those of the larger side of a call.
"""

import math

ELEMENT = 4  # 32-bit floats

# What the busiest rank must copy, as (read, written) in parts of a call's bytes, on n ranks: the receiver moves what it
# receives, arithmetic is shared out evenly. Nobody need keep to that division: a gather whose senders push beats its
# floor.
FLOOR = {
    "barrier": lambda n: (0, 0),
    "broadcast": lambda n: (1, 1),
    "reduce": lambda n: (1, 1 / n),
    "allreduce": lambda n: (1, 1),
    "reduce_scatter": lambda n: (1, 1 / n),
    "allgather": lambda n: (1, 1),
    "alltoall": lambda n: (1, 1),
    "gather": lambda n: (1, 1),
    "scatter": lambda n: (1 / n, 1 / n),
}
OPERATIONS = list(FLOOR)
BLOCKS = {"reduce_scatter", "allgather", "alltoall", "gather", "scatter"}

# The classes that a geometric mean is taken of.
CLASSES = {
    "up to 1 KiB": lambda size: size <= 1 << 10,
    "from 64 KiB": lambda size: size >= 64 << 10,
    "all": lambda size: True,
}


def default_sizes():
    """64 MiB and down by fours, to 8 bytes."""
    return [8] + [1 << power for power in range(4, 27, 2)]


def cells(operations, sizes, ranks):
    """(operation, bytes) for each. A call that has a block for each rank has whole elements in each."""
    found = []
    for operation in operations:
        if operation == "barrier":
            found.append((operation, 0))
            continue
        unit = ELEMENT * (ranks if operation in BLOCKS else 1)
        for size in sizes:
            cell = (operation, max(1, -(-size // unit)) * unit)
            if cell not in found:
                found.append(cell)
    return found


def floor_bytes(operation, size, ranks):
    """A byte read and a byte written are one byte copied."""
    read, written = FLOOR[operation](ranks)
    return round(size * (read + written) / 2)


def best(medians):
    """(name, median) of the quickest peer; None of none. `medians` has None for a peer that could not do the cell."""
    known = {name: median for name, median in medians.items() if median is not None}
    return min(known.items(), key=lambda item: item[1]) if known else None


def ratio(theirs, ours):
    """How many times quicker we are; None if either is not known."""
    return theirs / ours if theirs is not None and ours else None


def geometric_mean(values):
    """Of those that are known; None of none."""
    known = [value for value in values if value is not None]
    return math.exp(math.fsum(map(math.log, known)) / len(known)) if known else None


def lost(value):
    return value is not None and value < 1
