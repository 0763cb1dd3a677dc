# Outlast: every command a newcomer or CI needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
FILE ?= examples/three-regions.yaml

.PHONY: help up october demo test check lint types bench clean
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Outlast needs Python 3.11 or newer; this is $$($(PYTHON) --version)." >&2; \
	       echo "  -> name another one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "making the environment in $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fast]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fast,test]'
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-test
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fast,test,bench]'
	@touch $@

up: $(VENV)/.ready ## start the example: name server, three regions, planner, enactors; Ctrl-C ends it
	@command -v dig >/dev/null 2>&1 || echo "no dig?    $(BIN)/python ops/ask.py 127.0.0.1:5300 www.shop.test"
	@$(BIN)/outlast up $(FILE) --play-regions

$(VENV)/.ready-october: $(VENV)/.ready
	@echo "adding the libraries of drills and detection (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fast,drill,detect]'
	@touch $@

DAY := build/october-2025
SPEED ?= 120
october: $(VENV)/.ready-october ## while `make up` runs: 20 October 2025 arrives on its board, SPEED=120 times as fast
	@mkdir -p build
	@test -f $(DAY).parquet || $(BIN)/outlast reports synth incidents/us-east-1-2025 -o $(DAY).parquet \
	  --total 17000000 --evidence $(DAY)-probes.jsonl
	@$(BIN)/outlast watch $(DAY).parquet --topology oct2025 --evidence $(DAY)-probes.jsonl \
	  --evidence examples/october-2025/notices.jsonl --brief --speed $(SPEED) --board $(FILE) \
	  || test $$? -eq 1  # it found something

demo: $(VENV)/.ready ## half a minute of disasters, each claim checked by asking DNS
	@$(BIN)/outlast demo

test: $(VENV)/.ready-test ## everything: name servers are installed first, then lint, types, tests
	@ops/install-test-servers.sh
	@$(MAKE) --no-print-directory lint types
	$(BIN)/pytest -n $(WORKERS)

check: $(VENV)/.ready-test lint types ## the fast part of the tests, under two minutes
	$(BIN)/pytest -n $(WORKERS) -m 'not servers and not slow' \
	  tests/test_house.py tests/core tests/config tests/docs tests/drivers tests/contract tests/client

lint: $(VENV)/.ready-test ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.ready-test ## mypy, strict
	$(BIN)/mypy

bench: $(VENV)/.ready-bench ## every benchmark; tables with medians and ratios
	@ops/install-test-servers.sh
	$(BIN)/python -m bench

clean: ## remove environment, caches and the examples' state; stops nothing
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist src/*.egg-info examples/.outlast

.PHONY: chaos
FAULTS ?= 500
SEED ?= 1
chaos: $(VENV)/.ready-test ## real processes on real name servers under FAULTS=500 faults each, from SEED=1; pages in build/chaos
	@ops/install-test-servers.sh
	$(BIN)/pytest tests/sim/test_models.py
	$(BIN)/python -m chaos --server all --faults $(FAULTS) --seed $(SEED) --out build/chaos

.PHONY: evaluate
DATA ?= ../shared/data
evaluate: $(VENV)/.ready-test ## detection and blame on real data in DATA=folder and on large graphs; tables into docs/detection.md
	$(BIN)/python -m evaluate $(DATA) --into docs/detection.md

.PHONY: validate
validate: $(VENV)/.ready-test ## hold the drill engine against closed forms and published cases; writes docs/validation.md
	$(BIN)/python -m outlast.drill.validate docs/validation.md
