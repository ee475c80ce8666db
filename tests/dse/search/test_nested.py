import optuna
import pytest

from dse import record
from dse.record import TrialRecord
from dse.search.nested import NestedSampler
from dse.search.strategies import Proposals, sampler_of
from dse.space import Space
from dse.space.widths import chosen_widths
from dse.study_file import parse

TEXT = """
[approximation]
segments = [2, 8, 32]
placement = ["uniform", "minimax"]
[hardware]
rows = [4, 8]
cols = [4, 8]
"""


@pytest.fixture
def space(fake_network):
    network = fake_network()
    return Space(parse(TEXT), network.functions, network.sites)


def _study(space, network, **options):
    sampler = NestedSampler(space, network, **options)
    directions = [figure.direction for figure in space.config.figures]
    return optuna.create_study(directions=directions, sampler=sampler)


def _objective(space, network):
    def score(trial):
        own = space.suggest(trial)
        design = trial.study.sampler.designs(own.tables, chosen_widths(own.design))[0]
        metrics = {**design.costs, **network.quality(own.tables, own.design)}
        direction = metrics.pop("direction")
        made = TrialRecord(
            tables=own.tables, precision=chosen_widths(own.design), metrics=metrics, direction=direction
        )
        for name, value in record.attributes(made).items():
            trial.set_user_attr(name, value)
        return made.values(figure.name for figure in space.config.figures)

    return score


@pytest.mark.parametrize("jobs", [1, 3])
def test_it_works_in_a_plain_loop_of_optunas(space, fake_network, jobs):
    network = fake_network()
    study = _study(space, network)
    study.optimize(_objective(space, network), n_trials=14, n_jobs=jobs)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    assert all(set(trial.params) == set(space.searched) for trial in study.trials)
    tables = [str(record.read(trial).tables) for trial in study.trials]
    assert len(set(tables)) == len(tables)
    for trial in study.trials:  # the hardware is the best there is for the tables
        best = study.sampler.designs(space.candidate(trial.params).tables, {"data_width": "int8"})[0]
        assert trial.params.items() >= space.designs.params(best.design).items()


def test_the_same_seed_gives_the_same_trials_and_another_sampler_learns_from_what_is_there(
    space, fake_network
):
    def run(study, trials):
        study.optimize(_objective(space, network), n_trials=trials)
        return [trial.params for trial in study.trials]

    network = fake_network()
    first, second = _study(space, network), _study(space, network)
    assert run(first, 10) == run(second, 10)
    first.sampler = NestedSampler(space, network, stream=(10, 0))
    known = [str(record.read(trial).tables) for trial in first.trials]
    run(first, 4)
    assert not {str(record.read(trial).tables) for trial in first.trials[10:]} & set(known)


def test_any_sampler_takes_the_place_of_the_model_after_the_plain_choices(space, fake_network):
    network = fake_network()
    study = _study(space, network, tables=optuna.samplers.RandomSampler(seed=0))
    study.optimize(_objective(space, network), n_trials=8)
    plain = space.plain()
    for trial, expected in zip(study.trials, plain, strict=False):
        assert trial.params.items() >= expected.items()


def test_a_joint_search_starts_from_the_plain_choices_and_goes_on_where_it_was(space, fake_network):
    config = space.config.model_copy(
        update={"search": space.config.search.model_copy(update={"strategy": "joint", "sampler": "random"})}
    )
    space = Space(config, space.functions, space.sites)
    sampler = sampler_of(space, fake_network(), 2)
    assert isinstance(sampler, optuna.samplers.RandomSampler)
    proposals = Proposals(
        optuna.create_study(directions=["maximize", "maximize"], sampler=sampler), space, before=2
    )
    for expected in space.plain()[2:]:
        trial = proposals.ask()
        own = proposals.own(trial)
        assert trial.params.items() >= expected.items()
        assert proposals.designs(own) == [own]
