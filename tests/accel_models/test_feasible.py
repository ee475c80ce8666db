import pytest

from accel_models import Design, Gemm, Lookup, Workload, evaluate, needs


@pytest.mark.parametrize(
    ("lookups", "addressing", "segments"),
    [
        ([("shift", 64)], "shift", 1),
        ([("shift", 64), ("dyadic", 8)], "dyadic", 1),
        ([("exponent", 8)], "dyadic", 1),
        ([("comparator", 8), ("comparator", 32), ("shift", 64)], "comparator", 32),
    ],
)
def test_hardware_is_built_for_its_tables_no_more_and_no_less(lookups, addressing, segments):
    workload = Workload([Lookup(16, segments=n, addressing=how) for how, n in lookups])
    assert needs(workload) == {"addressing": addressing, "max_segments": segments}
    evaluate(Design(parameter_buffer=1024, **needs(workload)), workload)


def test_accumulators_and_what_waits_beside_them_must_hold_a_tile() -> None:
    work, ws = Workload([Gemm(64, 64, 64)]), {"dataflow": "ws", "rows": 16, "cols": 16}
    with pytest.raises(ValueError, match=r"accumulator_buffer = 64: must be at least 128 bytes to hold one"):
        evaluate(Design(accumulator_buffer=64, **ws), work)
    assert evaluate(Design(accumulator_buffer=128, **ws), work).cycles > 0
    with pytest.raises(ValueError, match=r"output_buffer = 64: must be at least 128 bytes to hold one"):
        evaluate(
            Design(accumulator_buffer=8192, output_buffer=64, data_width="int16", rows=16, cols=32), work
        )
