#!/usr/bin/env python
"""A hundred networks by name: what converts, exactly, with tables, in integers, saved, and on the machine.

    python benchmarks/networks.py [--only PART OF A NAME] [--csv FILE] [--workers N]

Each runs in a process of its own with a limit of time and memory. A column passes if its error, the largest
over the outputs of ||result - original|| / ||original||, is within `LIMITS`; "saves" if the file, loaded
again, gives the same numbers; "machine" if approx.machine gives torch's bits in int16 and int8.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import networks_table
import numpy as np
import torch
from torch.utils import _pytree as pytree

import approx
import approx.machine

LIMITS = {"exact": 1e-4, "32": 1e-2, "int16": 2e-2, "int8": 0.15}
SECONDS, GIGABYTES = 600, 8
CHECKS = ("converts", *LIMITS, "saves", "machine")


@dataclass
class Result:
    """What became of one network: an error or "ok" a check, or why it was not reached."""

    name: str
    converts: str = ""
    exact: str = ""
    segments: str = ""
    int16: str = ""
    int8: str = ""
    saves: str = ""
    machine: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0
    why: str = ""

    @property
    def passed(self) -> bool:
        return not self.why


class Fault(Exception):
    """A check that does not pass."""


def one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def floats(tree: Any) -> list[torch.Tensor]:
    """Tensors of floating-point numbers in what a network returned."""
    leaves = [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
    return [leaf for leaf in leaves if leaf.is_floating_point()]


def error(got: Any, wanted: Any) -> float:
    pairs = list(zip(floats(got), floats(wanted), strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    apart = [((a.double() - b.double()).norm() / b.double().norm().clamp_min(1e-30)).item() for a, b in pairs]
    return max(float("inf") if value != value else value for value in apart)


def call(module: Any, inputs: Any) -> Any:
    with torch.no_grad():
        return module(**inputs) if isinstance(inputs, dict) else module(*inputs)


def close(result: Result, field: str, got: Any, wanted: Any) -> None:
    value = error(got, wanted)
    setattr(result, "segments" if field == "32" else field, f"{value:.1e}")
    if not value <= LIMITS[field]:
        raise Fault(f"{field}: {value:.1e} off, more than {LIMITS[field]}")


def reloaded(converted: Any, inputs: Any, path: Path) -> str:
    converted.save(path)
    pairs = zip(floats(call(approx.load(path), inputs)), floats(call(converted, inputs)), strict=True)
    if not all(torch.equal(a, b) for a, b in pairs):
        raise Fault("saves: the loaded program differs")
    return "ok"


def on_machine(inputs: Any, path: Path, wanted: Any) -> str:
    """Run the saved program in numpy and compare bit for bit."""
    program = approx.machine.load(path)
    named = inputs if isinstance(inputs, dict) else dict(zip(program.inputs, inputs, strict=True))
    got = program.run({name: value.numpy() for name, value in named.items()})
    found = [np.asarray(leaf) for leaf in pytree.tree_leaves(got) if np.asarray(leaf).dtype.kind == "f"]
    pairs = zip(found, floats(wanted), strict=True)
    if not all(np.array_equal(a.astype(np.float64).ravel(), b.double().numpy().ravel()) for a, b in pairs):
        raise Fault("machine: it contradicts torch")
    return "ok"


@torch.no_grad()
def enliven(network: torch.nn.Module) -> None:
    """Replace what is the same everywhere (zeros, ones) by numbers about it, as training would."""
    for values in [*network.parameters(), *network.buffers()]:
        if values.is_floating_point() and values.numel() > 1 and bool((values == values.flatten()[0]).all()):
            values += 0.1 * torch.rand_like(values)


def checks(name: str, result: Result, folder: Path) -> Iterator[Callable[[], None]]:
    """Each check as a function; all but the first need those before it only where they must."""
    torch.manual_seed(0)
    network, inputs = networks_table.NETWORKS[name]()
    network.eval()
    enliven(network)
    wanted = call(network, inputs)
    if not all(tensor.norm() > 0 for tensor in floats(wanted)):
        raise Fault("converts: an output of the original is zero, which shows nothing")
    converted = approx.convert(network, inputs, approx.Approximation.exact(), calibration=[inputs])
    result.converts = "ok"
    yield lambda: close(result, "exact", call(converted, inputs), wanted)

    def tables() -> None:
        converted.set_approximation(approx.Approximation(segments=32))
        close(result, "32", call(converted, inputs), wanted)

    yield tables
    machines = []
    for number in ("int16", "int8"):

        def integers(number: str = number) -> None:
            converted.set_numerics(approx.Numerics(number))
            got = call(converted, inputs)
            path = folder / f"{number}.nm"
            result.saves = reloaded(converted, inputs, path)
            machines.append(on_machine(inputs, path, got))
            close(result, number, got, wanted)

        yield integers
    result.machine = "ok" if len(machines) == 2 else ""


def examine(name: str) -> Result:
    result, why = Result(name), []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            for check in checks(name, result, Path(folder)):
                try:
                    check()
                except Exception as fault:
                    why.append(one_line(fault))
        except Exception as fault:
            why.append(one_line(fault))
    result.seconds = time.perf_counter() - began
    result.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result.why = "; ".join(why)
    return result


def child(name: str, answer: Any) -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # whole graphs are printed where torch.export refuses one
    os.dup2(silence, 2)
    limit = GIGABYTES * 2**30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    answer.send(asdict(examine(name)))


def apart(name: str) -> Result:
    """Examine a network in a process of its own."""
    context = multiprocessing.get_context("fork")  # what is imported is shared
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(name, theirs))
    process.start()
    theirs.close()
    try:
        if ours.poll(SECONDS):
            return Result(**ours.recv())
        return Result(name, why=f"more than {SECONDS} s")
    except EOFError:
        return Result(name, why=f"the process ended, with more than {GIGABYTES} GB or a fault of its own")
    finally:
        process.kill()
        process.join()


def import_all() -> None:
    """Load, by a first small network, what is loaded on first use: the processes then share it."""
    torch.set_num_threads(1)
    inputs = (torch.ones(2, 4),)
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.GELU())
    converted = approx.convert(network, inputs, calibration=[inputs], numerics=approx.Numerics("int8"))
    with tempfile.TemporaryDirectory() as folder:
        reloaded(converted, inputs, Path(folder) / "first.nm")
        on_machine(inputs, Path(folder) / "first.nm", call(converted, inputs))


def shown(result: Result) -> str:
    columns = [result.exact, result.segments, result.int16, result.int8, result.saves, result.machine]
    figures = "".join(f"{column or '-':>9}" for column in columns)
    verdict = "ok   " if result.passed else "FAULT"
    return (
        f"{verdict} {result.name:24}{figures}{result.seconds:7.1f} s{result.megabytes:7.0f} MB  {result.why}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--csv", type=Path, help="write the table to this file")
    parser.add_argument("--workers", type=int, default=1, help="networks at a time")
    options = parser.parse_args()
    import_all()
    names = [name for name in networks_table.NETWORKS if options.only.lower() in name.lower()]
    results = []
    with ThreadPoolExecutor(options.workers) as pool:
        for result in pool.map(apart, names):
            results.append(result)
            print(shown(result), flush=True)
    if options.csv:
        with options.csv.open("w", newline="") as file:
            table = csv.DictWriter(file, list(asdict(Result(""))))
            table.writeheader()
            table.writerows(asdict(result) for result in results)
    passed = sum(result.passed for result in results)
    print(f"{passed} of {len(results)} pass everything")
    return int(passed < len(results))


if __name__ == "__main__":
    sys.exit(main())
