# Verbs of the project; `make help` lists them. Everything runs in .venv, made from locked requirements.
PYTHON ?= python3
PIPELINE ?= flights
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules make every later start faster.
unexport PYTHONDONTWRITEBYTECODE
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export ML_ASSETS_DATA ?= $(CURDIR)/data

.DEFAULT_GOAL := help
.PHONY: help setup run evaluate demo test slow longest check format ui bench docs lock clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/run.stamp ## Create the environment

run: setup ## Materialize what is not up to date and print the summary (PIPELINE=flights)
	@$(BIN)/ml-assets run $(PIPELINE)

evaluate: setup ## Walk forward through time and print the table (PIPELINE=flights)
	@$(BIN)/ml-assets evaluate $(PIPELINE)

demo: setup ## Replay the past as production would have lived it (PIPELINE=flights)
	@$(BIN)/ml-assets replay $(PIPELINE)

ui: setup ## Start the Dagster UI and MLflow's on localhost
	@$(BIN)/ml-assets ui

test: $(VENV)/dev.stamp ## Run the tests
	@OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -m "not slow and not longest" --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

slow: $(VENV)/dev.stamp ## Run the proofs that take long: kill -9, whole-year checks, concurrency
	@OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -m "slow and not longest" --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations 25

longest: $(VENV)/dev.stamp ## Run the proofs that take longest, before a release
	@OMP_WAIT_POLICY=passive KILLS=20 CUTOFFS=25 $(BIN)/python -m pytest -m "longest or slow" -o faulthandler_timeout=7200 --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations 25

check: $(VENV)/dev.stamp ## Format, lint, types, import contracts, definitions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@ML_ASSETS_STRICT=1 $(BIN)/dagster definitions validate --workspace workspace.yaml --log-level warning

format: $(VENV)/dev.stamp ## Format and mend what can be mended by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Measure the pipeline against a plain script doing the same work
	@$(BIN)/python -m benchmarks

docs: setup ## Write what is generated: docs/reference.md and the schema of defs.yaml
	@$(BIN)/python -m ml_assets.reference

lock: ## Resolve the requirements anew (needs uv)
	uv pip compile -q pyproject.toml --group build --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header -o requirements/run.txt
	uv pip compile -q pyproject.toml --group build --group dev --constraint requirements/run.txt --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header -o requirements/dev.txt

clean: ## Remove the environment (data/ stays)
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=")'
	@echo "Creating the environment in $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
