"""Fixed point against float32: points lost, cosine, time, bits that differ, and throughput per watt.

    python benchmarks/numerics.py [--quick]

Digits networks of three seeds (--quick: one), MiniLM where its package is installed; CPWL of 16 minimax
segments everywhere. Times are medians of turns on one core. Prints each figure beside its bar and exits with
status 1 if one is missed.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts its threads

import numpy as np
import torch
from alternating import medians

import approx.machine
from approx import Approximation, Numerics, convert, finetune
from approx.tasks import Evaluator, load

FAMILIES = ("bert", "roberta", "resnet")
POINTS = {"int16": 0.2, "int8": 1.0, "tuned": 0.3}
COSINE = {"int16": 0.9995, "int8": 0.98}
TIME, LOSS = 2.0, 0.5
STUDY = """
[task]
name = "digits-bert"
[search]
trials = {trials}
objectives = ["accuracy", "throughput_per_watt"]
[approximation]
segments = 16
placement = ["uniform", "minimax"]
width = [8, 16]
[hardware]
technology = "45nm"
activations = "on_chip"
data_width = ["int8", "int16"]
rows = [8, 16, 32]
cols = [8, 16, 32]
input_buffer = [4096, 16384, 65536]
weight_buffer = [4096, 16384, 65536]
output_buffer = [16384, 65536]
"""


def said(name: str, figure: float, bar: float, most: bool = True) -> bool:
    met = figure <= bar if most else figure >= bar
    print(f"{name:52} {figure:9.4f}  bar {bar:<7} {'met' if met else 'MISSED'}", flush=True)
    return met


def converted_digits(family: str, seed: int):
    task = load(f"digits-{family}", seed=seed)
    batches = [batch.inputs for batch in task.calibration_batches()]
    return task, convert(task.model(), batches[0], Approximation(16), calibration=batches)


def points(family: str, seeds: range) -> list[bool]:
    """Points lost, mean over the seeds, untuned and, for int8, fine-tuned."""
    lost: dict[str, list[float]] = {name: [] for name in POINTS}
    for seed in seeds:
        task, converted = converted_digits(family, seed)
        evaluator = Evaluator(task)
        original = evaluator.original.accuracy

        def loss(original=original, evaluator=evaluator, converted=converted) -> float:
            return 100 * (original - evaluator.score(converted).accuracy)

        for data in ("int16", "int8"):
            converted.set_numerics(Numerics(data))
            lost[data].append(loss())
        finetune(converted, task, epochs=2, tables=True)
        lost["tuned"].append(loss())
    return [
        said(f"{family}: points lost, {'int8 tuned' if n == 'tuned' else n}", float(np.mean(v)), POINTS[n])
        for n, v in lost.items()
    ]


def bit_true(family: str) -> list[bool]:
    """The machine against the emulation on every test image: outputs that differ in any bit."""
    task, converted = converted_digits(family, 0)
    met = []
    for data in ("int8", "int16"):
        converted.set_numerics(Numerics(data))
        with tempfile.TemporaryDirectory() as folder:
            converted.save(Path(folder) / "program.safetensors")
            program = approx.machine.load(Path(folder) / "program.safetensors")
        differ = 0
        for batch in task.test_batches():
            with torch.no_grad():
                ours = converted(**batch.inputs).logits.numpy()
            theirs = program.run({name: value.numpy() for name, value in batch.inputs.items()})["logits"]
            differ += int((ours.view(np.int32) != theirs.view(np.int32)).sum())
        met.append(said(f"{family}: outputs that differ from the machine, {data}", differ, 0))
    return met


def times(family: str) -> list[bool]:
    """Scoring time over that of the float converted model."""
    task, converted = converted_digits(family, 0)
    batches = [batch.inputs for batch in task.test_batches()]
    modules = {}
    for data in ("fp32", "int8", "int16"):
        converted.set_numerics(Numerics(data))
        modules[data] = converted.graph_module

    def score(module) -> None:
        converted.graph_module = module
        with torch.inference_mode():
            for inputs in batches:
                converted(**inputs)

    found = medians({data: lambda m=module: score(m) for data, module in modules.items()}, 7)
    return [
        said(f"{family}: scoring time / float converted, {data}", found[data] / found["fp32"], TIME)
        for data in ("int8", "int16")
    ]


def minilm() -> list[bool]:
    try:
        task = load("minilm")
    except ValueError as error:
        print(f"minilm: left out: {error}")
        return []
    batches = [batch.inputs for batch in task.calibration_batches()]
    converted = convert(task.model(), batches[0], Approximation(16), calibration=batches)
    evaluator, met = Evaluator(task), []
    for data, bar in COSINE.items():
        converted.set_numerics(Numerics(data))
        met.append(
            said(f"minilm: cosine, {data}", evaluator.score(converted).figures["cosine"], bar, most=False)
        )
    return met


def study(trials: int) -> None:
    """Throughput per watt of the best int8 design over the best int16 one, both within half a point."""
    import dse

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "widths.toml"
        path.write_text(STUDY.format(trials=trials))
        found = dse.run(path, out=Path(folder) / "out")
        trials_ = found.trials()
        done = trials_[(trials_.state == "complete")]
        within = done[done.accuracy >= found.original["accuracy"] - LOSS / 100]
        best = within.groupby("data_width").throughput_per_watt.max()
    int8, int16 = best["int8"], best["int16"]
    print(f"throughput per watt at {LOSS} points: int8 {int8:.0f}, int16 {int16:.0f} inferences/J")
    print(f"ratio {int8 / int16:.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv
    results: list[bool] = []
    for family in FAMILIES:
        results += times(family) + bit_true(family) + points(family, range(1 if quick else 3))
    results += minilm()
    study(12 if quick else 32)
    sys.exit(not all(results))
