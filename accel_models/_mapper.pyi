from typing import Any

from numpy.typing import NDArray

def choose(columns: NDArray[Any], found: NDArray[Any]) -> None: ...
