"""A study that is there: read once into a `Snapshot`, and what can be said of it."""

from dse.results.opened import Results
from dse.results.reading import of_study, read
from dse.results.snapshot import Snapshot

__all__ = ["Results", "Snapshot", "of_study", "read"]
