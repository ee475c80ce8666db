"""Whether any field of a design is free: a step of it that improves time, energy and area all at once.

    python benchmarks/axes.py

Every field's steps from three designs, for BERT-base at 128 tokens, ResNet-50 at 224 and the digits BERT, in
four processes. Fields that may, and why, are in `accel_models.axes.REASONS`.
"""

import sys
from typing import Any

import accel_models as am
import approx
from accel_models.axes import REASONS, free_steps
from approx.tasks import load
from dse.measuring.networks import workload

BASES: tuple[dict[str, Any], ...] = (
    {},
    {
        "rows": 64,
        "cols": 64,
        "dataflow": "os",
        "elementwise_bits": 16,
        "activations": "on_chip",
        **{f"{name}_buffer": 1 << 20 for name in ("input", "weight", "output")},
    },
    {"rows": 32, "cols": 8, "dataflow": "is", "data_width": "int16", "hadamard": "full", "banks": 2},
)


def main() -> int:
    """Print every free step; 1 if there is one."""
    task = load("digits-bert")
    digits = approx.trace(task.model(), task.calibration_batches()[0].inputs).workload()
    works = {
        name: workload(name, size, approx.Approximation())
        for name, size in (("bert-base", 128), ("resnet50", 224))
    }
    works["digits-bert"] = digits
    found = 0
    for technology in am.TECHNOLOGIES[:4]:
        for name, work in works.items():
            for base in BASES:
                for step in free_steps(am.Design(technology=technology, **base), work):
                    found += 1
                    shares = ", ".join(f"{share:.1%}" for share in step.shares)
                    print(f"{technology} {name}: {step.field} from {step.before} to {step.after}: {shares}")
    for field, reason in REASONS.items():
        print(f"may: {field}: {reason}")
    print(f"{'ok' if not found else 'MISS'}: {found} free steps of {len(am.Design.rules())} fields")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
