"""The cost model against its bars: equal to SCALE-Sim and Timeloop, never above Timeloop's mapper, and fast.

    python benchmarks/cost_model.py [--designs 100000]

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
    conv2d,
    evaluate,
    evaluate_many,
    evaluate_mapping,
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
        design = Design(rows=p["rows"], cols=p["cols"], dataflow=p["dataflow"])
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
        design = Design(shared_buffer=2 * p["glb_words"], buffering="buffet", **shape)
        report = evaluate(design, Workload([Gemm(m, n, k)]))
        words = (report.dram_reads + report.dram_writes) / 2
        ratios.append(words / p["dram_words"])
        floors.append(words / (m * k + k * n + m * n))
    reached = max(ratios) <= 1 and min(floors) >= 1
    measured = f"{min(ratios):.2f} to {max(ratios):.2f} of it, {min(floors):.2f} of floor"
    return show("DRAM words against Timeloop's mapper", measured, "at most 1, at least the floor", reached)


def batches(count: int = 400) -> bool:
    """A batch against its parts run one by one, for random GEMMs on random designs, all scratchpads small."""
    rng, ratios = np.random.default_rng(0), []
    for _ in range(60):
        (m, n, k), batch = rng.integers(1, 400, 3).tolist(), int(rng.integers(2, 6))
        scratchpads = {f"{name}_buffer": 2 ** rng.integers(9, 19, count) for name in BUFFERS}
        sizes = {name: rng.integers(1, 65, count) for name in ("rows", "cols")}
        frame = pd.DataFrame({"dataflow": rng.choice(["ws", "os", "is"], count), **sizes, **scratchpads})
        part = evaluate_many(frame, Workload([Gemm(m, n, k)]))
        whole = evaluate_many(frame, Workload([Gemm(batch * m, n, k)], batch))
        for figures in (part, whole):
            figures["traffic"] = figures.dram_reads + figures.dram_writes
        names = ["cycles", "traffic", "energy_j"]
        ratios.append((whole[names] / (batch * part[names]))[part.reason == ""])
    worst = pd.concat(ratios).max()
    over = int((pd.concat(ratios).energy_j > 1 + 1e-12).sum())
    rows = sum(map(len, ratios))
    show(
        "energy of a batch / its parts",
        f"{worst.energy_j:.4f}, above 1 in {over} of {rows}",
        "none",
        over == 0,
    )
    measured = f"{worst.cycles:.4f} and {worst.traffic:.4f}"
    reached = worst.cycles <= 1 and worst.traffic <= 1
    return show("cycles, DRAM traffic of a batch / its parts", measured, "at most 1", reached)


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
    frame = designs(parser.parse_args().designs)
    results = [import_time(), scalesim(), timeloop(), mapper(), batches()]
    results += [speed("BERT-base", bert_base(), frame), speed("ResNet-50", resnet50(), frame)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
