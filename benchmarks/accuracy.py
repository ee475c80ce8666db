"""What the tables cost in accuracy: the digits networks, three seeds each, and a pretrained sentence encoder.

    python benchmarks/accuracy.py              # trains networks that are not in the cache: a minute each
    python benchmarks/accuracy.py --epochs 5   # of fine-tuning, 3 unless given

All functions are replaced at once by calibrated minimax tables. Digits: points of test accuracy (540 images)
lost against the original, untuned and after fine-tuning weights and tables. MiniLM: mean cosine of the
embeddings of 256 sentences, none of them used to calibrate, to the original's; it needs the extra
`neuralmatrix[minilm]`. Exits with status 1 if a bar is missed.
"""

import argparse
import statistics
import sys

from approx import Approximation, ConvertedModule, convert
from approx.tasks import Digits, Evaluator, Task, finetune, load

FAMILIES = ("bert", "roberta", "resnet")
SEEDS = (0, 1, 2)
SEGMENTS = (8, 16, 32)
LOST = {16: 0.3, 32: 0.1}  # points, untuned
TUNED_LOST, RECOVERED = 0.3, 0.8  # points, and share of what 8 segments lose untuned
COSINES = {8: 0.995, 16: 0.9995, 32: 0.9999}


def converted_of(task: Task) -> ConvertedModule:
    batches = [batch.inputs for batch in task.calibration_batches()]
    return convert(task.model(), batches[0], Approximation.exact(), calibration=batches)


def lost_points(task: Task, epochs: int) -> dict[str, float]:
    """Points of accuracy lost with each number of segments, and with 8 after fine-tuning."""
    evaluator, converted = Evaluator(task), converted_of(task)

    def lost() -> float:
        return 100 * (evaluator.original.accuracy - evaluator.score(converted).accuracy)

    row = {}
    for segments in reversed(SEGMENTS):
        converted.set_approximation(Approximation(segments))
        row[str(segments)] = lost()
    finetune(converted, task, epochs=epochs, tables=True)
    return row | {"8 tuned": lost(), "original": 100 * evaluator.original.accuracy}


def digits(epochs: int) -> bool:
    columns = ("original", *map(str, SEGMENTS), "8 tuned")
    print(f"{'points lost':22s}" + "".join(f"{name:>10s}" for name in columns))
    held = True
    for family in FAMILIES:
        rows = [lost_points(Digits(family, seed), epochs) for seed in SEEDS]
        for seed, row in zip(SEEDS, rows, strict=True):
            print(f"{f'{family}, seed {seed}':22s}" + "".join(f"{row[name]:10.2f}" for name in columns))
        mean = {name: statistics.mean(row[name] for row in rows) for name in columns}
        print(f"{f'{family}, mean':22s}" + "".join(f"{mean[name]:10.2f}" for name in columns))
        held &= all(mean[str(n)] <= bar for n, bar in LOST.items()) and mean["8 tuned"] <= TUNED_LOST
        held &= recovered(mean["8"], mean["8 tuned"])
    print(f"{'bar':32s}" + "".join(f"{LOST.get(n, ''):>10}" for n in SEGMENTS) + f"{TUNED_LOST:10}")
    return held


def recovered(untuned: float, tuned: float) -> bool:
    """Whether fine-tuning got back what it should; there is nothing to get where nothing was lost."""
    if untuned <= 0:
        print("    8 segments lose nothing: nothing to recover")
        return True
    share = 1 - tuned / untuned
    print(f"    fine-tuning recovers {share:.0%} of what 8 segments lose (bar {RECOVERED:.0%})")
    return share >= RECOVERED


def minilm() -> bool:
    try:
        task = load("minilm")
    except ValueError as error:
        print(f"\nMiniLM: {error}")
        return False
    evaluator, converted = Evaluator(task), converted_of(task)
    held = True
    print("\nMiniLM, mean cosine to the original's embeddings")
    for segments, bar in COSINES.items():
        converted.set_approximation(Approximation(segments))
        cosine = evaluator.score(converted).cosine
        held &= cosine >= bar
        print(f"{segments:4d} segments: {cosine:.6f} (bar {bar})")
    return held


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=3, help="epochs of fine-tuning")
    results = [digits(parser.parse_args().epochs), minilm()]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
