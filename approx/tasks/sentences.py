"""English sentences that every installation has: prose of Python's reference and of scikit-learn's data sets.

They are read, not shipped: another version of Python or scikit-learn may word a few of them otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

_BETWEEN = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_PROSE = re.compile(r"[A-Z][A-Za-z0-9 ,;:'()/%.\"-]+[.!?]")
_WORDS = range(6, 25)
"""Of a sentence: fewer are headings and references."""


def held_out(calibration: int, test: int) -> tuple[list[str], list[str]]:
    """Return sentences to calibrate and to test with; no text gives both, and no sentence is in both.

    Test sentences are scikit-learn's descriptions and every third topic of Python's reference.

    Args:
        calibration: How many to calibrate with, at most; spread evenly over all there are.
        test: How many to test with, likewise.
    """
    topics = _python_topics()
    known = sentences(text for number, text in enumerate(topics) if number % 3)
    fresh = sentences([*topics[::3], *_data_set_descriptions()])
    return _spread(known, calibration), _spread([each for each in fresh if each not in set(known)], test)


def sentences(texts: Iterable[str]) -> list[str]:
    """Return the plain sentences of 6 to 24 words in some texts, each once, in their order."""
    paragraphs = (" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text))
    found = (each for paragraph in paragraphs for each in _BETWEEN.split(paragraph))
    return list(
        dict.fromkeys(each for each in found if _PROSE.fullmatch(each) and len(each.split()) in _WORDS)
    )


def _python_topics() -> list[str]:
    """What `help()` prints of each topic of the language reference, by the topic's name."""
    from pydoc_data.topics import topics

    return [topics[name] for name in sorted(topics)]


def _data_set_descriptions() -> list[str]:
    """What scikit-learn says of each of its data sets, by the file's name."""
    folder = files("sklearn.datasets.descr")
    texts = sorted((each for each in folder.iterdir() if each.name.endswith(".rst")), key=lambda e: e.name)
    return [each.read_text(encoding="utf-8") for each in texts]


def _spread(items: Sequence[str], count: int) -> list[str]:
    """So many items, evenly from all, in their order."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]
