import optuna
import pytest

from dse.search.strategies import TABLES, strategy
from dse.space import Space
from dse.study_file import parse

TEXT = """
[approximation]
segments = [2, 8, 32]
placement = ["uniform", "minimax"]
[hardware]
rows = [4, 8]
"""


@pytest.fixture
def choose(fake_network):
    """Let a new worker choose with what its claims are answered; gives what it asked for and its choice."""

    def first(*answers):
        asked, left = [], list(answers)

        def claim(tables, chosen):
            asked.append((tables, chosen))
            return left.pop(0)

        config, network = parse(TEXT), fake_network()
        space = Space(config, network.functions, network.sites)
        chosen = strategy(config, space, network, claim, 0)
        study = optuna.create_study(directions=[f.direction for f in config.figures])
        trial = study.ask()
        candidates = chosen.choose(trial, 0)
        return [tables for tables, _ in asked], candidates, trial.user_attrs[TABLES]

    return first


def test_tables_are_claimed_before_they_are_chosen(choose):
    (asked,), candidates, kept = choose(True)
    assert asked == candidates[0].tables == kept


def test_what_another_worker_is_at_is_passed_over(choose):
    asked, candidates, _ = choose(False, False, True)
    assert len({str(tables) for tables in asked}) == 3
    assert candidates[0].tables == asked[-1]
