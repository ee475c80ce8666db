"""Timing by turns: contenders run one after the other, again and again: noise is fair to all."""

import statistics
import time
from collections.abc import Callable


def medians(contenders: dict[str, Callable[[], object]], rounds: int = 15) -> dict[str, float]:
    """Median seconds of each contender over `rounds` turns, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}
