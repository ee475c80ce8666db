"""The report of a long study: how large it is, how long it takes to write, and to open in a browser.

    python benchmarks/report.py [--trials 10000]

A short study of the digits ResNet is run; its trials are then repeated, with other figures, until there are
so many. Opening is timed in headless Chromium until the interactive front is drawn, median of five.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import dse
from dse.report import render
from dse.results import Snapshot

STUDY = Path(__file__).parent.parent / "studies" / "resnet_digits.toml"
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update")


def long_study(folder: Path, trials: int) -> Snapshot:
    """Return a study of so many finished trials, made from a short one."""
    short = dse.run(STUDY, trials=6, out=folder).snapshot()
    done = [own for own in short.records if own.workload]
    rng, made = np.random.default_rng(0), []
    for number in range(trials):
        like = done[number % len(done)]
        fidelity = float(1 - 10 ** -rng.uniform(0.5, 6))
        per_watt = like.metrics["throughput_per_watt"] * rng.uniform(0.5, 1.2) * (1 - fidelity) ** 0.05
        changed = {**like.metrics, "fidelity": fidelity, "throughput_per_watt": float(per_watt)}
        made.append(replace(like, number=number, metrics=changed))
    return Snapshot.of(folder, short.name, short.study, made)


def opened(page: Path, chromium: str, runs: int = 5) -> float:
    """Return the seconds until the front is drawn, median."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(runs):
            tab = browser.new_page()
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.wait_for_selector("#front .main-svg")
            times.append(time.perf_counter() - start)
            tab.close()
    return statistics.median(times)


def main() -> int:
    """Print the figures; exit status 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as name:
        study, page = long_study(Path(name), trials), Path(name) / "long.html"
        start = time.perf_counter()
        page.write_text(render(study))
        seconds = time.perf_counter() - start
        print(f"{trials} trials, {len(study.front)} on the front: written in {seconds:.1f} s")
        size = page.stat().st_size / 1e6
        print(f"{size:.2f} MB (bar 5)")
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            print("no Chromium on this machine: opening not timed")
            return int(size >= 5)
        seconds = opened(page, chromium)
        print(f"opened in {seconds:.2f} s (bar 3)")
    return int(size >= 5 or seconds >= 3)


if __name__ == "__main__":
    sys.exit(main())
