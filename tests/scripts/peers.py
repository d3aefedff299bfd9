#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protects: what `make bench-peers` makes of the times that it measured: which cells there are, the bytes of the floor,
who is best, which way round a ratio is, what counts as lost, and geometric means."""

import tap

import bench_peers
import cells

MIB = 1 << 20


def near(one, other):
    return abs(one - other) < 1e-9 * abs(other)


def test_sizes_go_from_8_bytes_to_64_MiB_by_at_most_fours():
    sizes = cells.default_sizes()
    assert sizes[0] == 8 and sizes[-1] == 64 * MIB, sizes
    assert all(one < other <= 4 * one for one, other in zip(sizes, sizes[1:])), sizes
    assert {1 << 10, 64 << 10, 256 << 10, MIB} <= set(sizes), sizes


def test_a_block_has_at_least_one_element_and_no_cell_comes_twice():
    assert cells.cells(["allgather"], [8, 16, 64], 4) == [("allgather", 16), ("allgather", 64)]
    assert cells.cells(["allreduce"], [8, 16], 4) == [("allreduce", 8), ("allreduce", 16)]
    assert cells.cells(["alltoall"], [64], 3) == [("alltoall", 72)]
    assert cells.cells(["broadcast"], [1, 4], 2) == [("broadcast", 4)]
    assert cells.cells(["barrier"], [8, 64], 2) == [("barrier", 0)]


def test_the_floor_counts_what_the_busiest_rank_reads_and_writes():
    for ranks in (2, 4):
        for operation in ("broadcast", "allreduce", "allgather", "alltoall", "gather"):
            assert cells.floor_bytes(operation, MIB, ranks) == MIB, operation
        assert cells.floor_bytes("scatter", MIB, ranks) == MIB // ranks
        assert cells.floor_bytes("barrier", 0, ranks) == 0
    # All is read, and a block written.
    for operation in ("reduce", "reduce_scatter"):
        assert cells.floor_bytes(operation, MIB, 2) == 3 * MIB // 4
        assert cells.floor_bytes(operation, MIB, 4) == 5 * MIB // 8


def test_every_operation_has_a_floor_and_every_block_is_of_an_operation():
    assert len(cells.OPERATIONS) == 9 and cells.BLOCKS < set(cells.OPERATIONS)


def test_the_best_is_the_quickest_of_those_that_could():
    assert cells.best({"a": 3.0, "b": 2.0, "c": None}) == ("b", 2.0)
    assert cells.best({"a": None}) is None and cells.best({}) is None


def test_a_ratio_above_one_is_a_cell_that_we_win():
    assert cells.ratio(3.0, 1.5) == 2 and not cells.lost(2.0)
    assert cells.lost(cells.ratio(1.0, 1.25)) and not cells.lost(1.0)
    assert cells.ratio(None, 1.0) is None and cells.ratio(1.0, None) is None and not cells.lost(None)


def test_geometric_means_leave_out_what_is_not_known():
    assert near(cells.geometric_mean([2.0, 8.0]), 4)
    assert near(cells.geometric_mean([0.5, 2.0, None]), 1)
    assert near(cells.geometric_mean(iter([3.0])), 3)
    assert cells.geometric_mean([None]) is None and cells.geometric_mean([]) is None


def cell_with(operation, size, **us):
    cell = bench_peers.Cell(operation, size, 2, ["openmpi", "mpich"])
    cell.us.update(us)
    return cell


def test_a_report_compares_medians_and_forgets_who_failed():
    cell = cell_with("allgather", MIB, symmetric=[40.0, 10.0, 20.0], ordinary=[50.0, 90.0, 60.0],
                     openmpi=[30.0, 30.0, 90.0], mpich=[1.0], memcpy=[10.0, 10.0, 16.0])
    cell.failed.add("mpich")
    report = cell.report()
    assert report["us"] == {"symmetric": 20.0, "ordinary": 60.0, "openmpi": 30.0, "mpich": None, "memcpy": 10.0}, report
    assert report["best_peer"] == "openmpi"
    assert report["ratio"] == {"symmetric": 1.5, "ordinary": 0.5}
    assert near(report["of_floor"]["symmetric"], 0.5) and near(report["of_floor"]["ordinary"], 1 / 6)


def test_a_barrier_has_no_floor_and_a_lone_oriel_no_ratio():
    report = cell_with("barrier", 0, symmetric=[1.0], ordinary=[1.0]).report()
    assert "memcpy" not in report["us"] and report["of_floor"] == {"symmetric": None, "ordinary": None}
    assert report["best_peer"] is None and report["ratio"] == {"symmetric": None, "ordinary": None}


def test_means_are_taken_by_class_and_ranks():
    reports = [cell_with("allgather", size, symmetric=[1.0], ordinary=[2.0], openmpi=[time]).report()
               for size, time in ((8, 2.0), (1 << 10, 8.0), (4 << 10, 5.0), (64 << 10, 3.0))]
    rows = {row["sizes"]: row for row in bench_peers.means(reports, [2])}
    assert [rows[name]["cells"] for name in ("up to 1 KiB", "from 64 KiB", "all")] == [2, 1, 4], rows
    assert near(rows["up to 1 KiB"]["symmetric"], 4) and near(rows["up to 1 KiB"]["ordinary"], 2)
    assert near(rows["from 64 KiB"]["symmetric"], 3) and near(rows["all"]["symmetric"], (2 * 8 * 5 * 3) ** 0.25)


if __name__ == "__main__":
    tap.run(globals())
