"""What Timeloop's loops, which must divide, cost beyond the model's own mapping: cycles, DRAM bytes, energy.

    python benchmarks/timeloop.py [--sizes 4 16 64 256]

The GEMMs of BERT-base at 128 and at 197 tokens (as ViT-B) and of ResNet-50 at 224, on 8 x 8, 16 x 16 and
32 x 32 cells of each dataflow, three scratchpads of some KiB each. Both mappings are costed by the model on
Timeloop's terms: the model's own (`map_gemm`), and the one that Timeloop is given
(`backends.timeloop.choose`), with the padding of its loops. No Timeloop is needed.
"""

import argparse
import itertools

import numpy as np
from cost_model import bert_base, resnet50

from accel_models import Design, Gemm, Workload, evaluate, map_gemm
from accel_models.backends.timeloop import choose, on_timeloops_terms
from accel_models.mapping import DIMENSIONS


def cost(design: Design, gemm: Gemm, mapping: object) -> np.ndarray:
    """Return cycles, DRAM bytes and J of a GEMM under a mapping, on Timeloop's terms."""
    plain, workload = on_timeloops_terms(design, Workload([gemm]))
    report = evaluate(plain, workload, mappings={workload.operations[0]: mapping})
    return np.array([report.cycles, report.dram_reads + report.dram_writes, report.energy_j])


def ratio(design: Design, gemm: Gemm) -> np.ndarray:
    """Return what the mapping that Timeloop gets costs over the model's own."""
    given = choose(design, gemm)
    padded = Gemm(*(given.padded(dimension) for dimension in DIMENSIONS))
    return cost(design, padded, given) / cost(design, gemm, map_gemm(design, gemm))


def main() -> None:
    """Print one line for each network and size of scratchpads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[4, 16, 64, 256], help="KiB of each scratchpad"
    )
    sizes = parser.parse_args().sizes
    print("over the model's own mapping: equal / least / median / 90% / most, of cycles, DRAM bytes, energy")
    for name, workload in (
        ("BERT-base", bert_base()),
        ("197 tokens", bert_base(197)),
        ("ResNet-50", resnet50()),
    ):
        gemms = {Gemm(op.m, op.n, op.k): None for op in workload.operations}
        for size in sizes:
            found = []
            for gemm, side, dataflow in itertools.product(gemms, (8, 16, 32), ("ws", "os", "is")):
                buffers = {f"{role}_buffer": size * 1024 for role in ("input", "weight", "output")}
                try:
                    found.append(ratio(Design(rows=side, cols=side, dataflow=dataflow, **buffers), gemm) - 1)
                except ValueError:  # not even one tile fits
                    continue
            texts = [
                f"{np.mean(np.abs(values) < 1e-9):4.0%} "
                + " ".join(f"{np.quantile(values, part):+6.1%}" for part in (0.0, 0.5, 0.9, 1.0))
                for values in np.array(found).T
            ]
            print(f"{name}, {size:4} KiB, {len(found):3} cases:  " + "  |  ".join(texts), flush=True)


if __name__ == "__main__":
    main()
