# What a person types on a fresh machine: `make run`, `make test`. Needs make and a Python of 3.11 or later.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test slow bench lint types check clean

VENV ?= .venv
BIN := $(VENV)/bin
SCENARIO ?= baseline
SEED ?= 7
OUT ?= # empty: out/SCENARIO-SEED-HASH, so that another scenario never meets an old run
SOURCES := pyproject.toml $(shell find agents model runs -type f -not -path '*/__pycache__/*' 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

# The first interpreter that starts, is 3.11 or later and can make a virtual environment.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c "$(USABLE)" >/dev/null 2>&1 && { echo "$$p"; break; }; done)

export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MPLBACKEND := Agg

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

run: $(VENV)/installed ## install into .venv, run the baseline (SCENARIO=, SEED=, OUT=), say where the pictures are
	@$(BIN)/nobid run $(SCENARIO) --seed $(SEED) $(if $(strip $(OUT)),--out $(OUT))
	@echo "pictures: $$(ls -td $(or $(strip $(OUT)),out/$(SCENARIO)-$(SEED)-*)/figures | head -n 1)"

test: $(VENV)/installed-dev ## install with the test tools and run the tests on all cores (T= picks tests)
	@$(BIN)/pytest -n auto --maxprocesses 8 $(or $(T),-m "not slow")

slow: $(VENV)/installed-dev ## the tests marked slow: killed processes, clusters, browsers where there is one
	@$(BIN)/pytest -n auto --maxprocesses 8 -m slow

bench: $(VENV)/installed-dev ## measure: every script of bench/, one after the other
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

lint: $(VENV)/installed-dev ## style, format and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(VENV)/installed-dev ## mypy --strict on the three packages
	@$(BIN)/mypy -p nobid.agents -p nobid.model -p nobid.runs

check: lint types test slow ## lint, types and all tests

clean: ## remove what make made here; results in out/ stay
	rm -rf $(VENV) build nobid.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python of 3.11 or later that can make a virtual environment: install one (with venv), or make PYTHON=/path/to/it" >&2; exit 2; }
	@echo "making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV)

# build/ is removed first: what an earlier build left there would go into this one.
$(VENV)/installed: $(SOURCES) | $(BIN)/python
	@echo "installing nobid into $(VENV)"
	@rm -rf build
	@$(PIP) .
	@rm -rf build
	@touch $@

$(VENV)/installed-dev: $(SOURCES) | $(BIN)/python
	@echo "installing nobid and its test tools into $(VENV)"
	@rm -rf build
	@$(PIP) '.[dev]'
	@rm -rf build
	@touch $(VENV)/installed $@
