import optuna
import pytest

from dse.errors import UserError
from dse.space import Space
from dse.study_file import parse

TEXT = """
[approximation]
segments = [2, 4]
placement = "minimax"
bias = "none"
[approximation.gelu]
segments = 16
placement = ["uniform", "minimax"]
[hardware]
rows = [4, 8]
cols = 8
dataflow = "ws"
input_buffer = 4096
weight_buffer = 4096
output_buffer = 4096
parameter_buffer = 1024
"""


def test_what_is_listed_is_searched_and_nothing_else():
    space = Space(parse(TEXT), ("exp", "gelu"))
    assert space.searched == {
        "exp.segments": (2, 4),
        "gelu.placement": ("uniform", "minimax"),
        "rows": (4, 8),
    }


def test_a_candidate_has_every_table_and_every_field():
    space = Space(parse(TEXT), ("exp", "gelu"))
    candidate = space.candidate({"exp.segments": 4, "gelu.placement": "uniform", "rows": 8})
    assert candidate.tables == {
        "exp": {"segments": 4, "placement": "minimax", "bias": "none"},
        "gelu": {"segments": 16, "placement": "uniform", "bias": "none"},
    }
    assert candidate.design["rows"] == 8
    assert candidate.design["cols"] == 8
    assert "addressing" not in candidate.design


def test_a_trial_suggests_what_its_parameters_give_again():
    space = Space(parse(TEXT), ("exp", "gelu"))
    trial = optuna.create_study().ask()
    candidate = space.suggest(trial)
    assert set(trial.params) == set(space.searched)
    assert space.candidate(trial.params) == candidate


def test_a_function_that_the_network_lacks_is_refused():
    with pytest.raises(
        UserError, match=r"\[approximation.gelu\]: must be a function of the network, which has exp"
    ):
        Space(parse(TEXT), ("exp",))


def test_a_space_of_one_point_is_refused():
    text = TEXT.replace("[2, 4]", "2").replace("[4, 8]", "4").replace('["uniform", "minimax"]', '"minimax"')
    with pytest.raises(UserError, match="nothing is searched"):
        Space(parse(text), ("exp", "gelu"))


def test_a_search_starts_from_the_plain_choices():
    shared = "[approximation]\nsegments = [4, 8]\nplacement = ['uniform', 'minimax']\n"
    text = shared + "[approximation.exp]\nsegments = 16"
    plain = Space(parse(text), ("exp", "gelu")).plain()
    assert [(p["gelu.segments"], p["gelu.placement"], p["exp.placement"]) for p in plain] == [
        (8, "uniform", "uniform"),
        (8, "minimax", "minimax"),
        (4, "uniform", "uniform"),
        (4, "minimax", "minimax"),
    ]
    assert all("exp.segments" not in p for p in plain)  # fixed, so not a parameter
