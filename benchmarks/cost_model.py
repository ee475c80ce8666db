"""The cost model against its bars: equal to SCALE-Sim and Timeloop, never above Timeloop's mapper, and fast.

    python benchmarks/cost_model.py [--designs 100000] [--against FOLDER]

FOLDER: another checkout of this repository, whose speed is measured in turns with this one's.

Speed is one process on one core, processor time. Reference points lie beside the tests. The tools' own times
were taken on a loaded machine: zigzag-dse 3.9.1 takes 5 to 100 s a GEMM, a Timeloop model call 1 s.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np
import pandas as pd

from accel_models import (
    ActionEnergies,
    Design,
    Gemm,
    Loops,
    Mapping,
    Workload,
    accesses,
    conv2d,
    evaluate,
    evaluate_many,
    evaluate_mapping,
    map_gemm,
)

GOLDEN = Path(__file__).parent.parent / "tests" / "accel_models" / "golden"
BUFFERS = ("input", "weight", "output")
ZIGZAG_S, TIMELOOP_S = 5.0, 1.0  # seconds a GEMM, the fastest that were seen


def points(name: str) -> list[dict[str, Any]]:
    return list(json.loads((GOLDEN / f"{name}.json").read_text())["points"])


def bert_base(tokens: int = 128) -> Workload:
    block = [
        *(Gemm(tokens, 768, 768, name) for name in ("query", "key", "value")),
        Gemm(tokens, tokens, 64, "scores", count=12),
        Gemm(tokens, 64, tokens, "mix", count=12),
        Gemm(tokens, 768, 768, "project"),
        Gemm(tokens, 3072, 768, "up"),
        Gemm(tokens, 768, 3072, "down"),
    ]
    return Workload(block * 12)


def resnet50() -> Workload:
    layers = [conv2d((224, 224), 3, 64, (7, 7), stride=(2, 2), padding=(3, 3))]
    channels, size = 64, 56
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            half = size // stride
            layers.append(conv2d((size, size), channels, width, (1, 1)))
            layers.append(conv2d((size, size), width, width, (3, 3), stride=(stride, stride), padding=(1, 1)))
            layers.append(conv2d((half, half), width, 4 * width, (1, 1)))
            if not block:
                layers.append(conv2d((size, size), channels, 4 * width, (1, 1), stride=(stride, stride)))
            channels, size = 4 * width, half
    return Workload([*layers, Gemm(1, 1000, 2048)])


def designs(count: int) -> pd.DataFrame:
    """Random designs, sizes log-uniform: no two alike, so nothing is shared between them."""
    rng = np.random.default_rng(0)

    def sizes(low: int, high: int) -> Any:
        return np.exp(rng.uniform(np.log(low), np.log(high), count)).astype(int)

    scratchpads = {f"{name}_buffer": sizes(1 << 14, 1 << 20) for name in BUFFERS}
    dataflows = rng.choice(["ws", "os", "is"], count)
    return pd.DataFrame({"rows": sizes(4, 129), "cols": sizes(4, 129), "dataflow": dataflows, **scratchpads})


def show(what: str, measured: str, bar: str, reached: bool) -> bool:
    print(f"{'ok  ' if reached else 'MISS'}  {what:58s} {measured:34s} bar: {bar}")
    return reached


def import_time() -> bool:
    code = "import time; t = time.perf_counter(); import accel_models; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(5)]  # noqa: S603
    best = min(float(run.stdout) for run in runs)
    code = "import sys, accel_models; sys.exit('torch' in sys.modules)"
    light = subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
    return show(
        "import accel_models, best of 5", f"{best:.3f} s", "under 0.3 s, no torch", light and best < 0.3
    )


def scalesim() -> bool:
    equal = 0
    for p in points("scalesim"):
        # On its terms: nothing is cut by scratchpads.
        roomy = {f"{name}_buffer": 1 << 20 for name in BUFFERS}
        design = Design(rows=p["rows"], cols=p["cols"], dataflow=p["dataflow"], **roomy)
        mine = evaluate(design, Workload([Gemm(p["M"], p["N"], p["K"])])).layers.iloc[0]
        folds = math.ceil(p["M"] / p["rows"]) * math.ceil(p["N"] / p["cols"]) if p["dataflow"] == "os" else 0
        theirs = (
            p["total_cycles"] - p["stall_cycles"] + 1,
            p["sram_reads"]["ifmap"],
            p["sram_reads"]["filter"],
            p["sram_writes"]["ofmap"] - folds * (p["rows"] + p["cols"]),
        )
        names = ("compute_cycles", "sram_reads_a", "sram_reads_b", "sram_writes_z")
        equal += tuple(mine[name] for name in names) == theirs
    total = len(points("scalesim"))
    return show("SCALE-Sim cycles and SRAM counts", f"{equal} of {total} points equal", "all", equal == total)


def timeloop() -> bool:
    energies = ActionEnergies(4.27651, 0.182195, 0, 67.183 / 4, 50.1797 / 4, 0.0125165, 128, 128)
    levels = {"preg": "register", "GLB": "buffer", "DRAM": "dram"}
    equal, worst = 0, 0.0
    for p in points("timeloop_model"):
        f, weight = p["fixed_factors"], p["dataflow"] == "ws"
        dram, buffer, spatial = (f[level] for level in ("DRAM", "GLB", "spatial"))
        mapping = Mapping(
            Loops(dram["M"], dram["N"], dram["K"]),
            Loops(buffer["M"], buffer["N"], buffer["K"], "NKM" if weight else "MNK"),
            Loops(spatial["M"], spatial["N"], spatial["K"]),
            "B" if weight else "Z",
        )
        gemm, bandwidth = Gemm(p["M"], p["N"], p["K"]), p["dram_bw"] or math.inf
        mine = evaluate_mapping(gemm, mapping, energies, dram_bandwidth=bandwidth)
        same = (mine.cycles, mine.computes) == (p["cycles"], p["computes"])
        for level, matrices in p["accesses"].items():
            for matrix, (instances, *counts) in matrices.items():
                a = mine.accesses[levels[level]][matrix]
                same &= all(
                    math.isclose(found, instances * count, rel_tol=1e-12)
                    for found, count in zip((a.reads, a.fills, a.updates), counts, strict=True)
                )
        equal += same
        worst = max(worst, abs(mine.energy_j / p["energy_J"] - 1))
    total = len(points("timeloop_model"))
    counts = show("Timeloop cycles and accesses", f"{equal} of {total} points equal", "all", equal == total)
    return show("Timeloop energy, largest difference", f"{worst:.1e}", "1e-3", worst < 1e-3) and counts


def mapper() -> bool:
    ratios, floors = [], []
    for p in points("timeloop_mapper"):
        m, n, k = p["M"], p["N"], p["K"]
        shape = {"rows": p["L"], "cols": p["L"], "dataflow": p["dataflow"], "data_width": "int16"}
        # So little bandwidth that the least time is the least traffic.
        little = {"dram_bandwidth": 1e8, "dram_burst": 1}
        design = Design(shared_buffer=2 * p["glb_words"], buffering="buffet", **shape, **little)
        report = evaluate(design, Workload([Gemm(m, n, k)]))
        words = (report.dram_reads + report.dram_writes) / 2
        ratios.append(words / p["dram_words"])
        floors.append(words / (m * k + k * n + m * n))
    reached = max(ratios) <= 1 and min(floors) >= 1
    measured = f"{min(ratios):.2f} to {max(ratios):.2f} of it, {min(floors):.2f} of floor"
    return show("DRAM words against Timeloop's mapper", measured, "at most 1, at least the floor", reached)


TERMS: dict[str, Any] = {
    "fill": "none", "dram_latency": 0.0, "dram_burst": 1, "tile_cycles": 0.0, "start": "loaded",
}  # fmt: skip


def pairs(count: int) -> Iterator[tuple[Design, Gemm]]:
    """Random designs that can run a random GEMM."""
    rng = np.random.default_rng(0)
    while count:
        buffers = {f"{name}_buffer": int(2 ** rng.uniform(9, 18)) for name in BUFFERS}
        if rng.random() < 0.3:
            buffers["accumulator_buffer"] = int(2 ** rng.uniform(9, 18))
        if rng.random() < 0.3:
            buffers["shared_buffer"] = int(2 ** rng.uniform(12, 19))
        names = {
            "dataflow": str(rng.choice(["ws", "os", "is"])),
            "mapping": str(rng.choice(["latency", "energy", "edp"])),
            "buffering": str(rng.choice(["double", "buffet", "single"])),
            "fill": str(rng.choice(["serial", "overlapped", "none"])),
        }
        rows, cols = rng.integers(1, 65, 2).tolist()
        design = Design(
            rows=rows, cols=cols, dram_bandwidth=float(10 ** rng.uniform(8, 12)), **names, **buffers
        )
        gemm = Gemm(*np.exp(rng.uniform(0, 7, 3)).astype(int).tolist())
        if evaluate_many([design], Workload([gemm])).reason[0] == "":
            count -= 1
            yield design, gemm


def mappings(count: int = 10_000) -> bool:
    """What `evaluate` counts against its mapping's loops, and these against Timeloop's rules, all levels."""
    same, equal = 0, 0
    for design, gemm in pairs(count):
        mapping = map_gemm(design, gemm)
        chosen = evaluate(design, Workload([gemm]))
        told = evaluate(design, Workload([gemm]), mappings={gemm: mapping})
        same += chosen.layer_columns == told.layer_columns
        whole = Gemm(*(mapping.padded(dimension) for dimension in "MNK"))
        theirs = evaluate_mapping(whole, mapping)
        mine = evaluate(replace(design, **TERMS), Workload([whole]), mappings={whole: mapping})
        counts = accesses(design, whole, mapping) == theirs.accesses
        equal += counts and mine.compute_cycles == theirs.cycles
    first = show("evaluate = its mapping's loops", f"{same} of {count} equal", "all", same == count)
    return (
        show("its counts, every level = Timeloop's rules", f"{equal} of {count} equal", "all", equal == count)
        and first
    )


def batches(count: int = 400) -> bool:
    """A batch against its parts run one by one, where nothing is lost between tiles; small scratchpads."""
    rng, ratios = np.random.default_rng(0), []
    for _ in range(60):
        (m, n, k), batch = rng.integers(1, 400, 3).tolist(), int(rng.integers(2, 6))
        scratchpads = {f"{name}_buffer": 2 ** rng.integers(9, 19, count) for name in BUFFERS}
        sizes = {name: rng.integers(1, 65, count) for name in ("rows", "cols")}
        columns = {"dataflow": rng.choice(["ws", "os", "is"], count), **sizes, **scratchpads}
        frame = pd.DataFrame(columns).assign(**TERMS)
        part = evaluate_many(frame, Workload([Gemm(m, n, k)]))
        whole = evaluate_many(frame, Workload([Gemm(batch * m, n, k)], batch))
        ratios.append((whole.cycles / (batch * part.cycles))[part.reason == ""])
    worst = float(pd.concat(ratios).max())
    return show("cycles of a batch / its parts", f"{worst:.4f}", "at most 1", worst <= 1)


RATE = """
import sys, time
sys.path[:0] = [{folder!r}, {folder!r} + "/benchmarks"]
import accel_models, cost_model
assert accel_models.__file__.startswith({folder!r})
frame = cost_model.designs(6000)
for workload in (cost_model.bert_base(), cost_model.resnet50()):
    cost_model.evaluate_many(frame[:50], workload)
    start = time.process_time()
    cost_model.evaluate_many(frame, workload)
    print(len(set(workload.operations)) * len(frame) / (time.process_time() - start))
"""


def rates(folder: Path) -> list[float]:
    """Return distinct GEMM costs a second of a checkout, for BERT-base and ResNet-50."""
    code = RATE.format(folder=str(folder.resolve()))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)  # noqa: S603
    return [float(line) for line in run.stdout.split()]


def against(other: Path, turns: int = 5) -> bool:
    here = Path(__file__).parent.parent
    found = [(rates(here), rates(other)) for _ in range(turns)]
    ratios = np.median(
        [[mine / theirs for mine, theirs in zip(*pair, strict=True)] for pair in found], axis=0
    )
    measured = f"{ratios[0]:.2f} BERT-base, {ratios[1]:.2f} ResNet-50"
    return show(f"distinct GEMM costs a second / {other}", measured, "0.7", float(ratios.min()) >= 0.7)


def front(count: int = 4000) -> bool:
    """The share of ws and is on the front of energy, latency and area, with accumulators; BERT-base."""
    rng = np.random.default_rng(0)
    sides, kib = 2 ** rng.integers(3, 8, (2, count)), 1024

    def bytes_(low: int, high: int) -> Any:
        return kib * 2 ** rng.integers(low, high, count)

    frame = pd.DataFrame(
        {"rows": sides[0], "cols": sides[1], "dataflow": rng.choice(["ws", "os", "is"], count)}
    )
    frame = frame.assign(**{f"{name}_buffer": bytes_(4, 10) for name in BUFFERS}, technology="28nm")
    accumulators = np.where(frame.dataflow == "os", np.nan, bytes_(2, 9))
    frame = frame.assign(accumulator_buffer=accumulators, fill="overlapped")
    found, best = evaluate_many(frame, bert_base()), 0.0
    for name, workload in (("BERT-base", bert_base()), ("ResNet-50", resnet50())):
        found = evaluate_many(frame, workload)
        points = found[["energy_j", "latency_s", "area_mm2"]].to_numpy()
        on = np.array([not (np.all(points <= p, axis=1) & np.any(points < p, axis=1)).any() for p in points])
        on &= (found.reason == "").to_numpy()
        share = float((frame.dataflow[on] != "os").mean())
        best = max(best, share)
        parts = [name for name in found if name.startswith("energy_") and name != "energy_j"]
        means = found[on].groupby(frame.dataflow[on])[["energy_j", *parts]].mean()
        print(f"      {name}: {on.sum()} designs on the front, {share:.0%} ws or is; mean mJ by component:")
        print((means * 1e3).round(3).T.to_string())
    return show("ws and is on a front with accumulators", f"{best:.0%}", "a fifth", best >= 0.2)


def speed(name: str, workload: Workload, frame: pd.DataFrame) -> bool:
    start = time.process_time()
    found = evaluate_many(frame, workload)
    seconds = time.process_time() - start
    gemms = len(workload.operations)
    rate = gemms * len(frame) / seconds
    distinct = len(set(workload.operations)) * len(frame) / seconds
    able = float((found["reason"] == "").mean())
    print(
        f"      {name}: {gemms} GEMMs, {seconds:.2f} s, {distinct:.2e} distinct GEMMs/s, {able:.0%} feasible"
    )
    print(f"      {rate * ZIGZAG_S:.1e} times zigzag-dse, {rate * TIMELOOP_S:.1e} times Timeloop's model")
    reached = show(f"evaluate_many {name} x {len(frame)}", f"{rate:.2e} GEMMs/s", "1e6", rate >= 1e6)
    return agreement(workload, frame, found) and reached


def agreement(workload: Workload, frame: pd.DataFrame, found: pd.DataFrame, sample: int = 50) -> bool:
    equal = 0
    for row in range(sample):
        values = {
            name: column.iloc[row].item() if name != "dataflow" else column.iloc[row]
            for name, column in frame.items()
        }
        try:
            report = evaluate(Design(**values), workload)
        except ValueError as error:
            equal += str(error) == found["reason"].iloc[row]
            continue
        names = ("cycles", "energy_j", "area_mm2", "throughput_per_watt", "dram_reads", "dram_writes")
        equal += all(getattr(report, name) == found[name].iloc[row] for name in names)
    return show("evaluate = evaluate_many", f"{equal} of {sample} rows identical", "all", equal == sample)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the cost model against its bars.")
    parser.add_argument("--designs", type=int, default=100_000, help="designs a workload (default 100000)")
    parser.add_argument("--against", type=Path, help="another checkout, for its speed")
    arguments = parser.parse_args()
    frame = designs(arguments.designs)
    results = [import_time(), scalesim(), timeloop(), mapper(), mappings(), batches(), front()]
    results += [against(arguments.against)] if arguments.against else []
    results += [speed("BERT-base", bert_base(), frame), speed("ResNet-50", resnet50(), frame)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
