import pytest
import torch

from dse.evaluate.fingerprint import code, fingerprint


def test_equal_content_has_equal_fingerprints_whatever_the_order_of_keys():
    first = {"a": torch.ones(2), "b": [1, "x", None]}
    assert fingerprint(first) == fingerprint({"b": [1, "x", None], "a": torch.ones(2)})


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(2),
        torch.ones(3),
        torch.ones(1, 2),
        torch.ones(2, dtype=torch.float64),
        torch.ones(2, dtype=torch.bfloat16),
        [1.0, 1.0],
        "1",
    ],
)
def test_any_difference_shows(other):
    assert fingerprint(torch.ones(2)) != fingerprint(other)


def test_neighbours_do_not_run_into_each_other():
    assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])
    assert fingerprint([["a"], "b"]) != fingerprint([["a", "b"]])


def test_what_has_no_content_of_its_own_is_refused():
    with pytest.raises(TypeError, match="object: must be a tensor, text, number"):
        fingerprint(object())


def test_the_codes_digest_is_stable():
    assert code() == code()
    assert len(code()) == 64
