import pytest

from approx.network import Approximation, Site
from approx.network.approximation import TableSpec

GELU = Site("encoder.layer.0.gelu", "gelu", 10, exact=False)
EXP = Site("encoder.layer.1.self.exp", "exp", 10, exact=False)


def test_sites_get_the_base_specification() -> None:
    assert Approximation(segments=8, placement="uniform", bias="none").spec(GELU) == TableSpec(
        8, "uniform", "none"
    )


def test_a_glob_wins_over_a_function_and_a_later_glob_over_an_earlier() -> None:
    a = Approximation(
        overrides={
            "encoder.layer.0.*": {"segments": 4},
            "gelu": {"segments": 32, "placement": "uniform"},
            "encoder.*": {"bias": "none"},
        }
    )
    assert a.spec(GELU) == TableSpec(4, "uniform", "none")
    assert a.spec(EXP) == TableSpec(16, "minimax", "none")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"segments": 0}, "segments = 0: must be an integer from 1 to 1024"),
        ({"segments": 1.5}, "segments = 1.5: must be an integer"),
        ({"segments": True}, "segments = True: must be an integer"),
        ({"clip": 0.5}, "clip = 0.5: must be a number from 0 to below 0.5"),
        ({"clip": float("nan")}, "clip = nan: must be"),
        ({"placement": "even"}, "placement = 'even': must be one of uniform"),
        ({"bias": "median"}, "bias = 'median': must be one of none"),
        ({"overrides": {"gelu": {"segments": -1}}}, "segments = -1"),
        ({"overrides": {"gelu": {"segment": 8}}}, r"overrides\['gelu'\] = \['segment'\]: must set"),
    ],
)
def test_what_no_table_can_be_made_of_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Approximation(**settings)  # type: ignore[arg-type]


def test_an_override_that_nothing_answers_to_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"overrides\['silu'\]: must be a function of the network \(exp, gelu\)"
    ):
        Approximation(overrides={"silu": {"segments": 8}}).check([GELU, EXP])
