"""Recurrent layers, unrolled in time: the steps of a layer share its tables.

The input's part of all gates is one GEMM for the whole sequence; each step adds the state's part. Gates lie
side by side in torch's order: input, forget, cell, output (LSTM); reset, update, new (GRU).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import fx

from approx.network.alike import mark_steps
from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule

State = tuple[fx.Node, ...]


@dataclass(frozen=True)
class _Weights:
    """Weights of one layer in one direction; biases may be absent, and so may an LSTM's projection."""

    of_input: fx.Node
    of_state: fx.Node
    input_bias: fx.Node | None = None
    state_bias: fx.Node | None = None
    projection: fx.Node | None = None

    @classmethod
    def of(cls, parameters: Sequence[fx.Node], has_biases: bool) -> "_Weights":
        """Weights in the order in which torch passes them."""
        biases = list(parameters[2:4]) if has_biases else [None, None]
        rest = parameters[4 if has_biases else 2 :]
        return cls(parameters[0], parameters[1], *biases, *rest)


class _Cell:
    """One step of a recurrence: the input's part of the gates and a state make the next state."""

    def __init__(self, b: Builder, weights: _Weights) -> None:
        self.b = b
        self.weights = weights

    def from_input(self, x: fx.Node) -> fx.Node:
        """The input's part of all gates, for one step or all steps at once."""
        return self.b.op(aten.linear.default, x, self.weights.of_input, self.weights.input_bias)

    def from_state(self, h: fx.Node) -> fx.Node:
        """The state's part of all gates."""
        return self.b.op(aten.linear.default, h, self.weights.of_state, self.weights.state_bias)

    def gates(self, x: fx.Node, count: int) -> list[fx.Node]:
        """`count` gates that lie side by side."""
        width = self.b.fixed(x, -1) // count
        return [self.b.part(x, -1, i * width, (i + 1) * width) for i in range(count)]

    def step(self, given: fx.Node, state: State) -> State:
        """The next state."""
        raise NotImplementedError


class _Lstm(_Cell):
    """c' = f c + i g; h' = o tanh(c')."""

    def __init__(self, b: Builder, weights: _Weights) -> None:
        super().__init__(b, weights)
        self.sigmoid, self.tanh, self.out = (b.new_site(f) for f in ("sigmoid", "tanh", "tanh"))

    def step(self, given: fx.Node, state: State) -> State:
        """Input, forget and output gates are sigmoids, the candidate is a tanh."""
        b, (h, c) = self.b, state
        i, f, g, o = self.gates(b.add(given, self.from_state(h)), 4)
        i, f, o = (b.call(self.sigmoid, gate) for gate in (i, f, o))
        c = b.add(b.mul(f, c), b.mul(i, b.call(self.tanh, g)))
        h = b.mul(o, b.call(self.out, c))
        projection = self.weights.projection
        return (h if projection is None else b.op(aten.linear.default, h, projection)), c


class _Gru(_Cell):
    """n = tanh(x_n + r h_n); h' = n + z (h - n)."""

    def __init__(self, b: Builder, weights: _Weights) -> None:
        super().__init__(b, weights)
        self.sigmoid, self.tanh = b.new_site("sigmoid"), b.new_site("tanh")

    def step(self, given: fx.Node, state: State) -> State:
        """Reset and update gates are sigmoids, the candidate is a tanh."""
        b, (h,) = self.b, state
        (xr, xz, xn), (hr, hz, hn) = self.gates(given, 3), self.gates(self.from_state(h), 3)
        r, z = b.call(self.sigmoid, b.add(xr, hr)), b.call(self.sigmoid, b.add(xz, hz))
        n = b.call(self.tanh, b.add(xn, b.mul(r, hn)))
        return (b.add(n, b.mul(z, b.sub(h, n))),)


class _Rnn(_Cell):
    """h' = f(x + h), f a tanh or a relu."""

    function = "tanh"

    def __init__(self, b: Builder, weights: _Weights) -> None:
        super().__init__(b, weights)
        self.site = b.new_site(self.function)

    def step(self, given: fx.Node, state: State) -> State:
        """One activation."""
        return (self.b.call(self.site, self.b.add(given, self.from_state(state[0]))),)


class _ReluRnn(_Rnn):
    function = "relu"


Kind = Callable[[Builder, _Weights], _Cell]


def _run(cell: _Cell, x: fx.Node, state: State, backwards: bool) -> tuple[fx.Node, State]:
    """All steps of one layer in one direction: outputs (T, B, H) and the last state."""
    b, given = cell.b, cell.from_input(x)
    steps = range(b.fixed(x, 0))
    outputs, emitted = [], []
    for t in reversed(steps) if backwards else steps:
        begin = b.op(aten.select.int, given, 0, t)
        state = cell.step(begin, state)
        outputs.append(state[0])
        emitted.append(b.emitted_since(begin))
    mark_steps(emitted)
    return b.op(aten.stack.default, outputs[::-1] if backwards else outputs), state


def _layers(
    b: Builder,
    kind: Kind,
    x: fx.Node,
    states: Sequence[fx.Node],
    parameters: Sequence[fx.Node],
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[fx.Node, ...]:
    """Layers over layers, each perhaps in both directions: the outputs, then the last states of all."""
    directions = 2 if bidirectional else 1
    share = len(parameters) // (num_layers * directions)
    x = b.op(aten.transpose.int, x, 0, 1) if batch_first else x
    last: list[State] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            weights = _Weights.of(parameters[place * share : (place + 1) * share], has_biases)
            initial = tuple(b.op(aten.select.int, s, 0, place) for s in states)
            output, state = _run(kind(b, weights), x, initial, backwards=direction == 1)
            outputs.append(output)
            last.append(state)
        x = outputs[0] if directions == 1 else b.op(aten.cat.default, outputs, -1)
    final = [b.op(aten.stack.default, list(parts)) for parts in zip(*last, strict=True)]
    return (b.op(aten.transpose.int, x, 0, 1) if batch_first else x, *final)


@rule(aten.lstm.input)
def lstm(
    b: Builder,
    x: fx.Node,
    hx: Sequence[fx.Node],
    params: Sequence[fx.Node],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[fx.Node, ...]:
    """Long short-term memory: outputs, last hidden and last cell states."""
    return _layers(b, _Lstm, x, hx, params, has_biases, num_layers, bidirectional, batch_first)


def _one_state(kind: Kind) -> Callable[..., tuple[fx.Node, ...]]:
    def rewrite(
        b: Builder,
        x: fx.Node,
        hx: fx.Node,
        params: Sequence[fx.Node],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[fx.Node, ...]:
        return _layers(b, kind, x, [hx], params, has_biases, num_layers, bidirectional, batch_first)

    return rewrite


rule(aten.gru.input)(_one_state(_Gru))
rule(aten.rnn_tanh.input)(_one_state(_Rnn))
rule(aten.rnn_relu.input)(_one_state(_ReluRnn))


@rule(aten.lstm_cell.default)
def lstm_cell(b: Builder, x: fx.Node, hx: Sequence[fx.Node], *parameters: fx.Node) -> State:
    """One step of an LSTM."""
    cell = _Lstm(b, _Weights(*parameters))
    return cell.step(cell.from_input(x), tuple(hx))


def _one_step(kind: Kind) -> Callable[..., fx.Node]:
    def rewrite(b: Builder, x: fx.Node, hx: fx.Node, *parameters: fx.Node) -> fx.Node:
        cell = kind(b, _Weights(*parameters))
        return cell.step(cell.from_input(x), (hx,))[0]

    return rewrite


rule(aten.gru_cell.default)(_one_step(_Gru))
rule(aten.rnn_tanh_cell.default)(_one_step(_Rnn))
rule(aten.rnn_relu_cell.default)(_one_step(_ReluRnn))
