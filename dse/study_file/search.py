"""[search]: how the space is searched, and for what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from accel_models.checks import Choice, FloatRange, IntRange
from dse.metrics import METRICS
from dse.study_file.networks import SEED
from dse.study_file.rules import SamplerName, axis, fixed, refusal
from dse.study_file.section import Section

STRATEGIES = ("nested", "joint")
FINETUNE = ("off", "front")
MOST_OBJECTIVES = 4
SAME = (("fidelity", "kl_divergence"), ("throughput", "latency_s"), ("throughput_per_watt", "energy_j"))
"""Metrics that order designs alike, so that one cannot be traded for the other."""


class SearchSection(Section):
    """[search]: how the space is searched, and for what."""

    trials: Annotated[int, fixed(IntRange(1, 1_000_000))] = Field(
        default=60, description="Trials that each run adds to the study"
    )
    strategy: Annotated[str, fixed(Choice(STRATEGIES))] = Field(
        default="nested",
        description="nested: the sampler chooses tables, and of all hardware the best for them is taken; "
        "joint: the sampler chooses both",
    )
    sampler: Annotated[str, fixed(SamplerName())] = Field(
        default="auto",
        description="auto: for nested a model of each function's share of the loss, for joint TPE for 100 "
        "trials, then NSGA-II; or tpe, nsga2, random, or the name of any sampler of Optuna's",
    )
    seed: Annotated[int, SEED] = Field(default=0, description="The same seed gives the same trials")
    objectives: Annotated[tuple[str, ...], axis(Choice(tuple(METRICS)))] = Field(
        default=("fidelity", "throughput_per_watt"),
        description="The one to four metrics that are traded off; with none of quality nothing is scored and "
        "every design of the grid is evaluated; latency_s, energy_j, area_mm2 with [[networks]] unless given",
    )
    batch: Annotated[int, fixed(IntRange(1, 65_536))] = Field(
        default=1,
        description="Inferences that the accelerator runs at a time; each of [[networks]] has its own",
    )
    subset: Annotated[float, fixed(FloatRange(0.001, 1.0))] = Field(
        default=1.0,
        description="Share of the test batches that tables are scored on first; only what could then join "
        "the front is scored on all of them, and only such figures are reported",
    )
    time_limit: Annotated[float | None, fixed(FloatRange(0.001, 1e6, "s"))] = Field(
        default=None, description="Seconds that a trial may take; one that takes longer is recorded as failed"
    )
    finetune: Annotated[str, fixed(Choice(FINETUNE))] = Field(
        default="off", description="front: train the front's networks through their tables after the search"
    )
    enumerate: Annotated[int, fixed(IntRange(1, 1_000_000_000))] = Field(
        default=20_000_000,
        description="Without an objective of quality, designs up to which all are evaluated; a larger grid "
        "is searched by the sampler, in as many evaluations as trials says",
    )

    @field_validator("objectives")
    @classmethod
    def _one_to_four(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        if len(objectives) > MOST_OBJECTIVES:
            raise refusal(list(objectives), f"must be one to four of {', '.join(METRICS)}")
        for pair in SAME:
            if set(pair) <= set(objectives):
                raise refusal(
                    list(objectives), f"must not have both {pair[0]} and {pair[1]}, which order designs alike"
                )
        return objectives
