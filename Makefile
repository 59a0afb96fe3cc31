# Every target sets itself up from nothing and re-runs cheaply.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PEERS  := $(VENV)/.peers
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo test check format bench clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(STAMP)  ## .venv with the package and its development tools, pinned by constraints.txt

demo: install  ## simulate motifs, train on them and print where the report is
	$(BIN)/strandloom simulate motifs --out runs/demo/motifs.tsv --seed 7
	$(BIN)/strandloom train examples/promoter-motifs.yaml --out runs/demo/run --resume

test: install  ## the whole test suite
	$(BIN)/python -m pytest

check: install  ## formatting, lint, types and the import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: install  ## let ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(PEERS): $(STAMP) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fast]' --requirement benchmarks/requirements.txt
	@touch $@

bench: $(PEERS)  ## speed, side by side with peers: benchmarks/results.md (about an hour; the engines, taxonomy and sources only with STRANDLOOM_DATA)
	for name in peak start reads genome classical lengths mutagenesis predict networks engines taxonomy sources taxa serve; do $(BIN)/python benchmarks/$$name.py || exit; done

bench-%: $(PEERS)  ## one of them, e.g. make bench-reads; bench-quality trains each network three times
	$(BIN)/python benchmarks/$*.py

study-%: install  ## one of the longer studies, e.g. make study-gue (needs STRANDLOOM_DATA)
	$(BIN)/python studies/$*.py

clean:  ## remove what the targets made
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache
