import optuna
import pytest
from optuna.trial import create_trial

from dse.loop.recorder import Recorder


def test_trials_are_added_in_order():
    study = optuna.create_study()
    with Recorder(study) as recorder:
        for value in range(20):
            recorder.add([create_trial(value=value), create_trial(value=value + 0.5)])
    assert [trial.value for trial in study.trials] == [value / 2 for value in range(40)]


def test_what_goes_wrong_is_raised_and_no_later_than_at_the_end():
    class Gone:
        def add_trial(self, trial):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"), Recorder(Gone()) as recorder:
        recorder.add([create_trial(value=1.0)])
