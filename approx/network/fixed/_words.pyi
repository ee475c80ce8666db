# Arrays travel as addresses; walks and shapes are packed int64, see native.py.

def hadamard(
    a: int,
    b: int,
    y: int,
    start: int,
    stop: int,
    walk: bytes,
    op: int,
    factor: float,
    limit: float,
    step: float,
) -> None: ...
def rounded(x: int, y: int, start: int, stop: int, factor: float, limit: float, step: float) -> None: ...
def lookup(x: int, y: int, start: int, stop: int, entries: int, factor: float, limit: int) -> None: ...
def dots(a: int, b: int, y: int, start: int, stop: int, row: int, *roundings: float) -> None: ...
def softmax(x: int, y: int, start: int, stop: int, row: int, *steps: float) -> None: ...
def pack(b: int, to: int, shape: bytes) -> None: ...
def blocks(shape: bytes) -> int: ...
def products(
    a: int,
    b: int,
    y: int,
    start: int,
    stop: int,
    shape: bytes,
    bias: int,
    factor: int,
    limit: float,
    step: float,
    way: str,
) -> None: ...
def multiplies(instructions: str) -> bool: ...
