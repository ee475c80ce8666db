# Arrays travel as addresses; a map is the bytes that index() returned.

def index(
    knots: int, count: int, cells: int, cell_count: int, by_bits: bool, way: int
) -> tuple[bytes, int, int]: ...
def forward(x: int, y: int, start: int, stop: int, lines: int, index: bytes) -> None: ...
def backward_input(
    x: int, gradient: int, to_x: int, start: int, stop: int, lines: int, index: bytes
) -> None: ...
def backward_lines(x: int, gradient: int, to_lines: int, start: int, stop: int, index: bytes) -> None: ...
def softmax(
    x: int,
    y: int,
    start: int,
    stop: int,
    row: int,
    exp_lines: int,
    exp_index: bytes,
    reciprocal_lines: int,
    reciprocal_index: bytes,
) -> None: ...
def layer_norm(
    x: int,
    y: int,
    start: int,
    stop: int,
    row: int,
    eps: float,
    weight: int,
    bias: int,
    lines: int,
    index: bytes,
) -> None: ...
