import optuna
import pytest

from dse import storage


@pytest.fixture
def database(place):
    """A fresh one, of either kind."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return storage.open_url(place)
