# `make study` sets everything up and runs the main job; `make test` adds lint, types and tests.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test lint types docs versions clean

study: .venv/.installed
	$(BIN)/neuralmatrix run studies/bert_digits.toml

test: lint types docs
	$(BIN)/pytest -m "not slow" --numprocesses 2

lint: .venv/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.tested
	$(BIN)/mypy

docs: .venv/.tested
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# The tests under other Pythons and with the lowest supported versions, as far as this machine has them.
versions: .venv/.tested
	$(BIN)/pip install --quiet nox
	$(BIN)/nox

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/.tested: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
