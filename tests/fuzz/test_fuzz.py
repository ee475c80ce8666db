"""No file makes the program fail in another way than by one line; `benchmarks/fuzz.py` asks for longer."""

import pytest
from attack import attack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import changed, scrambled
from readers import READERS

NEST = 20_000
NO_FILES = [
    b"\xff\xfe",
    b"\0",
    b"[" * NEST,
    b"a = " + b"[" * NEST,
    b"{" * NEST,
    b"9" * 5000,
    b"x = 1e999",
    b"[]",
]


@pytest.mark.parametrize("name", READERS)
def test_the_file_that_is_changed_is_right(name: str) -> None:
    assert attack(READERS[name], READERS[name].text(READERS[name].sample)) == "accepted"


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_changed_values(name: str, data: st.DataObject) -> None:
    reader = READERS[name]
    attack(reader, reader.text(data.draw(changed(reader.sample))))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_changed_bytes(name: str, data: st.DataObject) -> None:
    reader = READERS[name]
    attack(reader, data.draw(scrambled(reader.text(reader.sample))))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", NO_FILES)
def test_what_is_no_such_file(name: str, content: bytes) -> None:
    assert attack(READERS[name], content) == "refused"


@pytest.mark.parametrize("name", READERS)
def test_a_long_list_of_numbers(name: str) -> None:
    numbers = b"[" + b"1, " * 3_000_000 + b"1]"
    content = numbers if READERS[name].suffix == ".json" else b"rows = " + numbers
    assert attack(READERS[name], content) == "refused"
