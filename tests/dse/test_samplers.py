import pytest

from dse.samplers import SAMPLERS, make


def _stream(sampler):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    return [study.ask().suggest_float("x", 0, 1) for _ in range(3)]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_a_stream_and_a_longer_study_another(name):
    assert _stream(make(name, 0, 0)) == _stream(make(name, 0, 0))
    assert _stream(make(name, 0, 0)) != _stream(make(name, 0, 60))
    assert _stream(make(name, 0, 0)) != _stream(make(name, 1, 0))
