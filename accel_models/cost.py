"""CostReport: what a workload costs on one design."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from accel_models.design import Design
from accel_models.workload import Workload

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class CostReport:
    """What one inference batch costs on one design.

    Attributes:
        design: The design evaluated.
        workload: The workload evaluated.
        cycles: Clock cycles, stalls included.
        compute_cycles: Cycles that the array works, without memory stalls.
        stall_cycles: Cycles that it waits for DRAM.
        latency_s: Seconds.
        energy_j: Joules.
        power_w: energy_j / latency_s.
        throughput: Inferences a second: batch / latency_s.
        throughput_per_watt: Inferences a joule: throughput / power_w.
        utilisation: Multiply-accumulates of the GEMMs over cells * cycles, 0 to 1.
        macs: Multiply-accumulates of the GEMMs.
        dram_reads: Bytes.
        dram_writes: Bytes.
        area_mm2: Area of the chip; NaN with a programmable part.
        lut: Lookup tables of the part; NaN without one, as the next three.
        ff: Flip-flops.
        dsp: DSP slices.
        bram: Block RAMs of 18 Kb.
        energy_parts: Joules by component; they add up to energy_j.
        area_parts: mm2 by component; they add up to area_mm2.
        backend: Which model answered.
        notes: What a reader should know of how it answered.
    """

    design: Design
    workload: Workload = field(repr=False)
    cycles: float
    compute_cycles: float
    stall_cycles: float
    latency_s: float
    energy_j: float
    power_w: float
    throughput: float
    throughput_per_watt: float
    utilisation: float
    macs: float
    dram_reads: float
    dram_writes: float
    area_mm2: float
    lut: float
    ff: float
    dsp: float
    bram: float
    energy_parts: dict[str, float]
    area_parts: dict[str, float]
    layer_columns: dict[str, list[Any]] = field(repr=False)
    backend: str = "analytic"
    notes: tuple[str, ...] = field(default=(), repr=False)
    level_columns: dict[str, list[Any]] = field(default_factory=dict, repr=False)

    @property
    def fill(self) -> str:
        """The fold fill model that the cycles follow: "serial", "overlapped" or "none"."""
        return self.design.fill

    def _repr_html_(self) -> str:
        """Show the totals as a table in a notebook."""
        import pandas as pd

        totals = {name: value for name, value in vars(self).items() if isinstance(value, float)}
        return str(pd.Series(totals, name=self.backend).to_frame().to_html(float_format="{:.4g}".format))

    @property
    def layers(self) -> "pd.DataFrame":
        """A row an operation, in order.

        Columns: name, kind, m, n, k, count, elements; cycles, compute_cycles, stall_cycles, utilisation;
        sram_reads_a, sram_reads_b, sram_writes_z (words); dram_reads, dram_writes (bytes); energy_j in all
        and energy_<component>_j; bound, "memory" where the operation waits for DRAM, else "compute".
        """
        import pandas as pd  # imported here: it takes longer to load than all of accel_models

        return pd.DataFrame(self.layer_columns)

    @property
    def schedules(self) -> "pd.DataFrame":
        """What both schedules of element-wise work cost by the analytic model, under "fused" and "operation".

        Columns: cycles, latency_s, energy_j, dram_reads, dram_writes (bytes), and elementwise, the share of
        all cycles that is no matrix product.
        """
        import pandas as pd

        from accel_models.backends.analytic import evaluate_one

        rows = {}
        for schedule in ("fused", "operation"):
            found = evaluate_one(replace(self.design, schedule=schedule), self.workload)
            names = ("cycles", "latency_s", "energy_j", "dram_reads", "dram_writes")
            layers = zip(found.layer_columns["kind"], found.layer_columns["cycles"], strict=True)
            products = sum(cycles for kind, cycles in layers if kind == "gemm")
            rows[schedule] = {name: getattr(found, name) for name in names}
            rows[schedule]["elementwise"] = 1 - products / found.cycles
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def levels(self) -> "pd.DataFrame":
        """What an outside tool counted: a row a distinct GEMM, level of memory and matrix; else no rows.

        Columns: m, n, k; products (in the workload); level, matrix; reads, fills, updates (words, one
        product); energy_j (one product).
        """
        import pandas as pd

        return pd.DataFrame(self.level_columns)
