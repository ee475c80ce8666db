"""Where what is made once is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "NEURALMATRIX_CACHE"


def cache_folder() -> Path:
    """Return the folder for trained weights and scores: `NEURALMATRIX_CACHE`, or the user's cache folder."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("neuralmatrix")
