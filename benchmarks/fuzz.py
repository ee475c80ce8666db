"""Changes files that users write until one makes the program fail in another way than by one clear line.

    python benchmarks/fuzz.py [--minutes 30] [--only PART]

Prints a line a kind of file: inputs tried, refused and accepted; exit status 1 with the first input that was
a fault, which hypothesis has made as small as it could. Memory beyond 2 GB is a fault too.
"""

import argparse
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from attack import attack
from mutations import changed, scrambled
from readers import READERS, Reader

MOST_BYTES = 2 << 30
BATCH = 200  # inputs between two looks at the clock


def batch(reader: Reader, seen: Counter[str]) -> None:
    """Attack a reader with some inputs; raises what the smallest faulty one does."""
    right = reader.text(reader.sample)

    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(changed(reader.sample).map(lambda each: reader.text(each)), scrambled(right)))
    def run(content: bytes) -> None:
        seen[attack(reader, content)] += 1

    run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", default="", metavar="PART")
    options = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (before + MOST_BYTES, resource.RLIM_INFINITY))
    chosen = {name: reader for name, reader in READERS.items() if options.only in name}
    if not chosen:
        parser.error(f"--only {options.only}: must be part of one of {', '.join(READERS)}")
    failed = 0
    for name, reader in chosen.items():
        seen: Counter[str] = Counter()
        until = time.process_time() + 60 * options.minutes / len(chosen)
        try:
            while time.process_time() < until:
                batch(reader, seen)
        except Exception as fault:  # a fault of any kind is what this looks for
            failed = 1
            print(
                f"FAULT {name}: {type(fault).__name__}: {fault}\n{''.join(getattr(fault, '__notes__', []))}"
            )
        tried = sum(seen.values())
        print(
            f"{name:20} {tried:8} tried {seen['refused']:8} refused {seen['accepted']:8} accepted", flush=True
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
