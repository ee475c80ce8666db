import pytest

from accel_models import Design, Lookup, Workload, evaluate, needs


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
