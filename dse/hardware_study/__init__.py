"""A study of hardware alone: networks at full size, a known array, and the best designs of the same area."""

from dse.hardware_study.config import HardwareStudy, is_hardware_study, load
from dse.hardware_study.run import run

__all__ = ["HardwareStudy", "is_hardware_study", "load", "run"]
