import math
from types import SimpleNamespace

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from approx.tasks import Batch, Evaluator, Fidelity, Score, Task, accuracy, fidelity
from approx.tasks.outputs import logits_of

# Class probabilities (1/2, 1/4, 1/4), (1/4, 1/2, 1/4), (1/4, 1/4, 1/2) as logits.
LOG2 = math.log(2.0)
ORIGINAL = [[LOG2, 0.0, 0.0], [0.0, LOG2, 0.0], [0.0, 0.0, LOG2]]
TARGETS = [0, 1, 0]
# The first row unchanged, the second one uniform but for a hair, the third one with classes swapped.
CHANGED = [[LOG2, 0.0, 0.0], [1e-9, 0.0, 0.0], [LOG2, 0.0, 0.0]]
# KL: 0; sum p log(3 p) = (1/2) log(3/2) + (1/2) log(3/4); (1/2) log 2 - (1/4) log 2.
KL = (0.0 + 0.5 * math.log(1.5) + 0.5 * math.log(0.75) + 0.25 * LOG2) / 3


def test_scores_equal_a_hand_computation(table, table_task):
    evaluator = Evaluator(table_task(ORIGINAL, TARGETS))
    score = evaluator.score(table(CHANGED))
    assert evaluator.original == Score(accuracy=2 / 3, agreement=1.0, kl_divergence=0.0)
    assert score.accuracy == pytest.approx(2 / 3)  # 0 right, 1 wrong, 0 right
    assert score.agreement == pytest.approx(1 / 3)
    assert score.kl_divergence == pytest.approx(KL, rel=1e-6)
    assert score.fidelity == pytest.approx(math.exp(-KL), rel=1e-6)


def test_accuracy_and_fidelity_agree_with_the_evaluator(table, table_task):
    task = table_task(ORIGINAL, TARGETS)
    score = Evaluator(task).score(table(CHANGED))
    assert accuracy(table(CHANGED), task) == score.accuracy
    assert fidelity(table(CHANGED), task) == Fidelity(score.agreement, score.kl_divergence)
    assert fidelity(table(CHANGED), task).score == score.fidelity


def test_the_original_runs_once(table, table_task):
    task = table_task(ORIGINAL, TARGETS)
    evaluator = Evaluator(task)
    for _ in range(3):
        evaluator.score(table(CHANGED))
    assert len(task.calls) == 1


def test_every_sample_weighs_the_same_in_an_uneven_last_batch(table, table_task):
    # Three samples in batches of two and one: a mean of batch means would be 3/4.
    assert accuracy(table(ORIGINAL), table_task(ORIGINAL, [0, 0, 2])) == pytest.approx(2 / 3)


@given(st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_divergence_is_never_negative_nor_moved_by_a_constant(rows):
    class Rows(nn.Module):
        def __init__(self, values, offset):
            super().__init__()
            self.values, self.offset = torch.tensor(values, dtype=torch.float64), offset

        def forward(self, index):
            return self.values[index] + self.offset

    task = SimpleNamespace(
        name="t",
        model=lambda: Rows(ORIGINAL, 0.0),
        test_batches=lambda: [Batch((torch.arange(3),), torch.arange(3))],
    )
    plain = fidelity(Rows(rows, 0.0), task)
    moved = fidelity(Rows(rows, 7.5), task)
    assert plain.kl_divergence >= 0.0
    assert 0.0 <= plain.score <= 1.0
    assert moved.kl_divergence == pytest.approx(plain.kl_divergence, abs=1e-12)


def test_tagger_positions_marked_ignored_are_not_scored():
    class Tagger(nn.Module):
        def forward(self, ids):
            return nn.functional.one_hot(ids, 4).float()

    ids = torch.tensor([[0, 1, 2], [3, 3, 0]])
    task = SimpleNamespace(
        name="tags",
        model=Tagger,
        test_batches=lambda: [Batch({"ids": ids}, torch.tensor([[0, 1, -100], [3, 0, -100]]))],
    )
    assert accuracy(Tagger(), task) == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    "output",
    [
        SimpleNamespace(logits=torch.ones(2, 3)),
        torch.ones(2, 3),
        (torch.ones(2, 3), torch.zeros(2)),
        [SimpleNamespace(logits=torch.ones(2, 3))],
    ],
)
def test_logits_are_found_in_what_networks_return(output):
    assert torch.equal(logits_of(output), torch.ones(2, 3))


@pytest.mark.parametrize(
    "output",
    [None, (), torch.ones(3), torch.ones(2, 3).long(), SimpleNamespace(last_hidden_state=1), (None, 1)],
)
def test_an_output_without_logits_is_refused(output):
    with pytest.raises(ValueError, match=r"without logits: must be a tensor"):
        logits_of(output)


@pytest.mark.parametrize(("value", "kind"), [(math.nan, "NaN"), (math.inf, "infinite")])
def test_unusable_outputs_get_no_score(table, table_task, value, kind):
    task = table_task(ORIGINAL, TARGETS)
    broken = table([*ORIGINAL[:2], [0.0, value, 0.0]])
    message = rf"^table: batch 1: output is {kind} for 1 of 1 samples: must be finite$"
    for score in (Evaluator(task).score, lambda m: accuracy(m, task), lambda m: fidelity(m, task)):
        with pytest.raises(ValueError, match=message):
            score(broken)


def test_a_row_without_any_possible_class_gets_no_score(table, table_task):
    task = table_task(ORIGINAL, TARGETS)
    with pytest.raises(ValueError, match="must be finite"):
        Evaluator(task).score(table([*ORIGINAL[:2], [-math.inf] * 3]))


def test_an_original_with_unusable_outputs_is_named(table_task):
    with pytest.raises(ValueError, match=r"table: original model: batch 0: output is NaN for 1 of 2 samples"):
        Evaluator(table_task([[math.nan, 0.0, 0.0], *ORIGINAL[1:]], TARGETS))


def test_a_class_ruled_out_by_minus_infinity_is_usable(table, table_task):
    masked = [[*row[:2], -math.inf] for row in ORIGINAL]
    task = table_task(masked, TARGETS)
    assert Evaluator(task).score(table(masked)).kl_divergence == 0.0
    # What the original deems possible and the network rules out is infinitely far away: score 0, not NaN.
    score = Evaluator(table_task(ORIGINAL, TARGETS)).score(table(masked))
    assert score.fidelity == 0.0


def test_other_classes_or_shapes_than_the_original_are_refused(table, table_task):
    evaluator = Evaluator(table_task(ORIGINAL, TARGETS))
    with pytest.raises(ValueError, match="2 classes: must be 3"):
        evaluator.score(table([[0.0, 1.0]] * 3))
    with pytest.raises(ValueError, match=r"output shape \(1, 3\): must be \(2,\) and classes"):
        evaluator.score(nn.Sequential(table(ORIGINAL), _FirstRow()))


class _FirstRow(nn.Module):
    def forward(self, logits):
        return logits[:1]


def test_a_task_without_test_samples_is_refused(table, table_task):
    with pytest.raises(ValueError, match="table: no sample to score"):
        accuracy(table(ORIGINAL), table_task(ORIGINAL, []))


def test_dropout_is_off_while_scoring_and_modes_come_back(table, table_task):
    module = nn.Sequential(table([[10.0, 0.0, 0.0]] * 3), nn.Dropout(0.9), nn.Identity().eval())
    task = table_task([[10.0, 0.0, 0.0]] * 3, [0, 0, 0])
    assert accuracy(module, task) == 1.0
    assert [part.training for part in module.modules()] == [True, True, True, False]


def test_scoring_keeps_no_graph_and_the_task_is_one(table, table_task):
    task = table_task(ORIGINAL, TARGETS)
    module = table(CHANGED)
    Evaluator(task).score(module)
    assert module.rows.grad is None
    assert isinstance(task, Task)
    assert not isinstance(object(), Task)


class _Embedder(nn.Module):
    """Unit vectors at an angle to the first axis, one a sample."""

    def __init__(self, turn):
        super().__init__()
        self.turn = turn

    def forward(self, angle):
        return torch.stack([torch.cos(angle + self.turn), torch.sin(angle + self.turn)], dim=-1)


@pytest.fixture
def embeddings():
    angles = torch.linspace(0.0, 1.0, 6, dtype=torch.float64)
    return SimpleNamespace(
        name="angles",
        model=lambda: _Embedder(0.0),
        test_batches=lambda: [Batch((angles[:4],)), Batch((angles[4:],))],
    )


def test_embeddings_are_scored_by_their_cosine_alone(embeddings):
    evaluator = Evaluator(embeddings)
    assert evaluator.original.figures == {"cosine": 1.0}
    score = evaluator.score(_Embedder(math.pi / 3))
    assert score.figures == {"cosine": pytest.approx(0.5)}
    assert math.isnan(score.accuracy)


def test_what_embeddings_have_no_figure_for_is_refused(embeddings):
    with pytest.raises(ValueError, match="angles: gives embeddings, not classes"):
        fidelity(_Embedder(0.0), embeddings)
    with pytest.raises(ValueError, match="targets = None: must be class indices"):
        accuracy(_Embedder(0.0), embeddings)
    with pytest.raises(ValueError, match=r"shape \(6, 1\): must be \(6, 2\), as the original's"):
        Evaluator(embeddings).score(nn.Sequential(_Embedder(0.0), _FirstFeature()))
    with pytest.raises(ValueError, match="angles: batch 0: output is NaN"):
        Evaluator(embeddings).score(_Embedder(math.nan))


class _FirstFeature(nn.Module):
    def forward(self, vectors):
        return vectors[:, :1]


def test_classes_have_all_figures_but_the_cosine(table, table_task):
    figures = Evaluator(table_task(ORIGINAL, TARGETS)).original.figures
    assert figures == {"accuracy": 2 / 3, "fidelity": 1.0, "agreement": 1.0, "kl_divergence": 0.0}


class _Gives(nn.Module):
    """Returns the same whatever it is given."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, _):
        return self.output


def _task(output, targets):
    batch = Batch((torch.zeros(2, 1),), targets)
    return SimpleNamespace(name="t", model=lambda: _Gives(output), test_batches=lambda: [batch])


ONE = torch.ones(2, dtype=torch.long)


@pytest.mark.parametrize(
    ("output", "targets", "line"),
    [
        (torch.rand(2, 1), 0 * ONE, "t: original model: batch 0: output has 1 class: must be at least 2"),
        (torch.rand(2, 1), torch.rand(2), r"t: batch 0: targets are torch.float32: must be class indices"),
        (torch.rand(2, 3), 3 * ONE, "batch 0: target 3: must be from 0 to 2, or -100"),
        (torch.rand(2, 3), -ONE, "batch 0: target -1: must be from 0 to 2, or -100"),
        (torch.rand(2, 1), None, "t: original model: output has 1 feature: must be at least 2"),
        (torch.rand(2, 3, 1), None, "output has 1 feature"),
        (torch.eye(2)[[0, 0]] * torch.tensor([[1.0], [0.0]]), None, "1 of 2 outputs are all zeros"),
        (
            torch.rand(2, 4, 4, 4),
            torch.zeros(2, 4, 4, dtype=torch.long),
            r"output shape \(2, 4, 4, 4\): classes may be the second or the last axis",
        ),
        (torch.rand(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.long), r"must be \(2, 4, 5\) and classes"),
        (
            SimpleNamespace(logits=torch.rand(2, 5, 3), pred_boxes=torch.rand(2, 5, 4)),
            torch.zeros(2, 5, dtype=torch.long),
            "output has pred_boxes beside its classes: must be classes or vectors alone",
        ),
        (
            (torch.rand(2, 5, 3), torch.rand(2, 5, 4)),
            None,
            "output has boxes beside its classes: must be classes or vectors alone",
        ),
    ],
)
def test_what_no_figure_is_made_for_is_refused(output, targets, line):
    with pytest.raises(ValueError, match=line):
        Evaluator(_task(output, targets))


def test_one_batch_that_tells_classes_from_positions_is_enough():
    class Tagger(nn.Module):
        def forward(self, ids):
            return nn.functional.one_hot(ids, 4).float()

    batches = [Batch((ids,), ids) for ids in (torch.zeros(2, 4, dtype=torch.long), torch.tensor([[1, 2, 3]]))]
    task = SimpleNamespace(name="tags", model=Tagger, test_batches=lambda: batches)
    assert accuracy(Tagger(), task) == 1.0
    task.test_batches = lambda: batches[:1]
    with pytest.raises(ValueError, match="classes may be the second or the last axis"):
        accuracy(Tagger(), task)
