"""The study file: what is searched, on which network and hardware, and how.

A study file is TOML. Every field has a default, so that a file says only what is particular to it; a list is
searched, a single value is fixed.
"""

from dse.study_file.approximation import ApproximationSection
from dse.study_file.constraints import Constraint
from dse.study_file.file import SECTIONS, StudyFile
from dse.study_file.hardware import DERIVED, HardwareSection
from dse.study_file.loading import Given, from_fields, load, parse, read
from dse.study_file.networks import NetworkSection, TaskSection
from dse.study_file.search import SearchSection
from dse.study_file.section import Axis, Section

__all__ = [
    "DERIVED",
    "SECTIONS",
    "ApproximationSection",
    "Axis",
    "Constraint",
    "Given",
    "HardwareSection",
    "NetworkSection",
    "SearchSection",
    "Section",
    "StudyFile",
    "TaskSection",
    "from_fields",
    "load",
    "parse",
    "read",
]
