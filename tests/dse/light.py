"""A network for worker processes: made in no time, needs no torch, and notes in a file what it scored.

Settings come by the environment, as worker processes get them: LIGHT_LOG, where each score is noted when it
is begun and when it is done; LIGHT_SECONDS, how long one takes.
"""

import json
import math
import os
import time
from pathlib import Path

import numpy as np

from accel_models import Gemm, Lookup, Workload
from dse.directions import pack

STUDY = """
[search]
strategy = "{strategy}"
sampler = "random"
[approximation]
segments = [2, 4, 8, 16, 32, 64]
placement = ["uniform", "dyadic", "minimax"]
bias = ["none", "minimax"]
[hardware]
rows = [4, 8]
cols = [4, 8]
"""


class Errors:
    def of(self, key, table):
        return np.array([table["segments"] ** -2.0])

    def parts(self, key):
        return np.zeros((2, 1), np.intp)


class Light:
    errors = Errors()
    functions = ("exp", "gelu")
    sites = {"exp": "exp", "gelu": "gelu"}  # noqa: RUF012
    fingerprint = "light"
    original = {"accuracy": 1.0, "fidelity": 1.0, "agreement": 1.0, "kl_divergence": 0.0}  # noqa: RUF012
    certificate = {"counts": {}, "functions": {}, "entries": []}  # noqa: RUF012
    inputs = {}  # noqa: RUF012

    def workload(self, tables):
        addressing = {"uniform": "shift", "dyadic": "dyadic"}
        lookups = [
            Lookup(64, t["segments"], addressing.get(t["placement"], "comparator"), name)
            for name, t in tables.items()
        ]
        return Workload([Gemm(m=16, n=16, k=16), *lookups])

    def accumulator(self, chosen):
        return chosen.get("accumulator_bits", 32)

    def quality(self, tables, chosen, share=1.0):
        if tables is None or chosen is None:  # what is lost to tables and widths alone
            return self.original
        self._note("begin", tables)
        time.sleep(float(os.environ.get("LIGHT_SECONDS", "0.02")))
        moved = np.concatenate([self.errors.of(name, table) for name, table in tables.items()])
        loss = float(moved @ moved)
        self._note("done", tables)
        figures = {"accuracy": 0.9, "fidelity": math.exp(-loss), "agreement": 0.9, "kl_divergence": loss}
        return {**figures, "direction": pack(moved / math.sqrt(loss))}

    def _note(self, what, tables):
        if "LIGHT_LOG" in os.environ:
            line = f"{what} {json.dumps(tables, sort_keys=True)}\n"
            with Path(os.environ["LIGHT_LOG"]).open("a") as log:  # one write, appended whole
                log.write(line)


def make(config):
    return Light()


def main():
    """Run a study as a command would: light.py STUDY.toml OUT TRIALS WORKERS|tcp://... [URL]."""
    import signal
    import sys

    from dse import job

    signal.signal(signal.SIGINT, signal.default_int_handler)
    path, out, trials, workers, *url = sys.argv[1:]
    job.write_results = lambda study: []  # which other tests look at
    try:
        where = {"cluster": workers} if "://" in workers else {"workers": int(workers)}
        job.run(path, int(trials), out, url=url[0] if url else None, make_network=make, **where)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parent))
    import light

    light.main()
