# modemfarm: `make demo` and `make test` are all a newcomer needs; they do their own set-up.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# One process more than cores: the tests of whole farms often wait.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))
# The tests start hundreds of processes: each would compile the whole product anew where this is set.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo run test check bench bench-peers scoreboard soak matrix clean

help:
	@echo "make demo    try it without hardware"
	@echo "make run     the daemon with your modems"
	@echo "make test    everything the project promises (REQUIRE_ALL=1: a skip is a failure)"
	@echo "make check   the quick look: format, lint, types, layers"
	@echo "make matrix  the longer tests: faults, kills, limits on real time"
	@echo "make soak    the full counts; writes bench/soak-report.md"
	@echo "make bench   the figures of bench/README.md"
	@echo "make bench-peers  the same for SMS Server Tools 3 and Gammu SMSD beside it; writes bench/peers.md"
	@echo "make scoreboard  modemfarm and they in ten situations; writes bench/scoreboard.md"

# Two stamps: what runs the product, and what tests it. pip takes nothing that the lock files do not name.
.venv/run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("modemfarm needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/run requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: .venv/run
	@$(BIN)/modemfarm demo

run: .venv/run
	@$(BIN)/modemfarm run

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist worksteal

matrix: .venv/dev
	$(BIN)/pytest -m slow tests/matrix -n $(WORKERS) --dist worksteal
	$(BIN)/pytest -m slow --ignore=tests/matrix -n 2 --dist worksteal

# The coverage-guided fuzzer, for the soak alone; where it cannot be had the soak says so and goes on without guidance.
.venv/fuzz: .venv/dev requirements-fuzz.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock \
	  || echo "atheris cannot be installed here"
	@touch $@

soak: .venv/fuzz
	$(BIN)/python -m bench.soak

bench: .venv/dev
	$(BIN)/python -m bench.run

bench-peers: .venv/dev
	$(BIN)/python -m bench.peers.run

scoreboard: .venv/dev
	$(BIN)/python -m bench.scoreboard

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
