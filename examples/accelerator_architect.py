"""For an accelerator architect: which array runs BERT-base best within 4 mm2, and what do tables save?

    python examples/accelerator_architect.py

BERT-base is traced at its full size from its configuration alone, without weights; then every array, dataflow
and buffer of a grid is evaluated, and the best is set beside dedicated nonlinear units and a host.
"""

import itertools

import pandas as pd
import torch
from transformers import BertConfig, BertModel

import accel_models as am
import approx

AREA_MM2 = 4.0
GRID = {
    "rows": (8, 16, 32, 64, 128),
    "cols": (8, 16, 32, 64, 128),
    "dataflow": ("ws", "os", "is"),
    "input_buffer": (16384, 65536, 262144),
    "weight_buffer": (16384, 65536, 262144),
    "output_buffer": (65536, 262144),
}


def bert_base(layers: int = 12) -> am.Workload:
    """Return the work of BERT-base on 128 tokens, with tables of 16 uniform segments."""
    with torch.device("meta"):
        model = BertModel(BertConfig(num_hidden_layers=layers)).eval()
        example = {"input_ids": torch.zeros(1, 128, dtype=torch.long)}
    tables = approx.Approximation(segments=16, placement="uniform")
    return approx.trace(model, example).workload(1, tables)


def main() -> None:
    """Print the best designs and the baselines."""
    workload = bert_base()
    designs = pd.DataFrame(itertools.product(*GRID.values()), columns=list(GRID)).assign(**am.needs(workload))
    costs = am.evaluate_many(designs, workload)
    shown = ["throughput_per_watt", "latency_s", "area_mm2", "utilisation"]
    found = designs.join(costs[shown])
    best = found[found.area_mm2 <= AREA_MM2].nlargest(5, "throughput_per_watt")
    print(best[[*GRID, *shown]].to_string(index=False, float_format="{:.3g}".format))

    design = am.Design(**best.iloc[0][[*GRID, *am.needs(workload)]].to_dict())
    for way in am.compare(design, workload):
        print(f"{way.name:6} {way.throughput_per_watt:8.1f} inferences/J  {way.area_mm2:6.2f} mm2")


if __name__ == "__main__":
    main()
