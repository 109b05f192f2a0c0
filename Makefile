# One main job: `make demo`. One check of everything: `make test`. Both set up what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup
# An environment of before has chDB's wrapper, which takes a file of the engine with it when it goes.
WITHOUT_WRAPPER = $(if $(wildcard $(VENV)/lib/python*/site-packages/chdb-*.dist-info),--reinstall-package chdb-core)
# The peers' packages: never in the project's own environment.
BENCH_PYTHON ?= $(shell for p in $(PYTHON) python3.11 python3.12; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.setup
# mutmut wants another version of one package than the project has: an environment of its own, too.
MUTANTS_VENV := .venv-mutants
MUTANTS_STAMP := $(MUTANTS_VENV)/.setup
MUTANTS_ARGS ?= --minutes 60
# Of what `make fuzz` looks with, one part is built for some versions of Python only.
FUZZ_VENV := .venv-fuzz
FUZZ_STAMP := $(FUZZ_VENV)/.setup
FUZZ_PYTHON ?= $(shell for p in $(PYTHON) python3.11 python3.12 python3.13; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
ADAPTER_SECONDS ?= 60
CODE := schemas runtime registry producers streams sinks reports avenue
PYTEST_ARGS ?=
FUZZ_ARGS ?=

.PHONY: help setup assets demo test test-unit test-fault fuzz fuzz-adapters coverage check format bench mutants lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) assets ## the virtual environment in .venv, with .venv/bin/avenue

$(STAMP): requirements/dev.txt requirements/uv.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 to 3.14 is needed and none was found on PATH; install one, or say make PYTHON=/path/to/python" >&2; exit 1; fi
	@echo "setting up $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(WITHOUT_WRAPPER) requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

assets: $(STAMP)
	@$(BIN)/python -m reports.dashboard.build

demo: setup ## run the whole road on this machine: Kafka, Faust, ClickHouse, five platforms, a report
	@$(BIN)/avenue demo

test: setup ## every test that needs no more than this machine, kills in their short form
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

test-fault: setup ## every fault, under a million events and more; ends with a table of faults and what they came to
	@AVENUE_TEST_EVENTS=$${AVENUE_TEST_EVENTS:-1000000} $(BIN)/python -m pytest tests/fault $(PYTEST_ARGS)

test-unit: setup ## only the quick ones
	@$(BIN)/python -m pytest tests/unit -n 2 --hypothesis-profile quick $(PYTEST_ARGS)

fuzz: setup ## look for a slip for longer: properties, the running server against its document, the adapters, 100,000 hostile inputs
	@$(BIN)/python -m pytest -q -n 2 --hypothesis-profile=search tests/property tests/unit
	@AVENUE_TEST_OPENAPI_EXAMPLES=100 $(BIN)/python -m pytest -q tests/e2e/test_openapi_live.py
	@$(MAKE) --no-print-directory fuzz-adapters
	@$(BIN)/python -m bench.fuzz $(FUZZ_ARGS)

fuzz-adapters: setup ## the adapters, led by what of their code is reached; ADAPTER_SECONDS for each flow
	@if [ -z "$(FUZZ_PYTHON)" ] || [ "$$(uname -s)" != Linux ]; then echo "adapters are not fuzzed here: atheris is built for Linux and Python 3.11 to 3.13; make fuzz-adapters FUZZ_PYTHON=/path/to/python"; else \
		$(MAKE) --no-print-directory $(FUZZ_STAMP) && $(FUZZ_VENV)/bin/python -m tests.support.adapter_fuzz --seconds $(ADAPTER_SECONDS); fi

$(FUZZ_STAMP): requirements/fuzz.txt $(STAMP)
	@echo "setting up $(FUZZ_VENV) with $(FUZZ_PYTHON)"
	@$(FUZZ_PYTHON) -m venv $(FUZZ_VENV)
	@$(BIN)/uv pip sync --quiet --python $(FUZZ_VENV)/bin/python --require-hashes requirements/fuzz.txt
	@touch $@

coverage: setup ## what the quick ones run of the code, lines and branches; fails below the floor in pyproject.toml
	@$(BIN)/python -m pytest tests/unit -n 2 --hypothesis-profile quick --cov --cov-report term -q $(PYTEST_ARGS)

check: setup ## formatting, lint, types, import contracts, spelling, unused dependencies, dead code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(CODE) tests bench
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@$(BIN)/deptry . 2>&1 | sed -n '/DEP[0-9]/p;/rror/p'; exit $${PIPESTATUS[0]}
	@$(BIN)/python -m tests.support.dead_code
	@$(BIN)/python -m reports.dashboard.build --check

format: setup ## put formatting right
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup $(BENCH_STAMP) ## CPU-seconds per million events: the road by role, gateway and worker alone, what one would pick instead
	@$(BIN)/python bench/road.py
	@$(BIN)/python -m bench.gateway
	@$(BIN)/python -m bench.worker
	@$(BIN)/python -m bench.sink
	@$(BIN)/python -m bench.growth
	@$(BIN)/python -m bench.science --write
	@$(BIN)/python -m bench.peers.run
	@$(BIN)/python -m bench.table --write

$(BENCH_STAMP): requirements/bench.txt $(STAMP)
	@if [ -z "$(BENCH_PYTHON)" ]; then echo "the peers need Python 3.11 or 3.12 (Bytewax has wheels for no later one); install one, or say make bench BENCH_PYTHON=/path/to/python" >&2; exit 1; fi
	@echo "setting up $(BENCH_VENV) with $(BENCH_PYTHON)"
	@$(BENCH_PYTHON) -m venv $(BENCH_VENV)
	@$(BIN)/uv pip sync --quiet --python $(BENCH_VENV)/bin/python --require-hashes requirements/bench.txt
	@touch $@

mutants: $(MUTANTS_STAMP) ## break the code in one place at a time and see whether a quick test notices; an hour, or MUTANTS_ARGS
	@$(MUTANTS_VENV)/bin/python -m tests.support.mutants $(MUTANTS_ARGS)

$(MUTANTS_STAMP): requirements/mutants.txt $(STAMP)
	@echo "setting up $(MUTANTS_VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(MUTANTS_VENV)
	@$(BIN)/uv pip sync --quiet --python $(MUTANTS_VENV)/bin/python --require-hashes requirements/mutants.txt
	@touch $@

lock: $(STAMP) ## resolve the dependencies anew, with hashes
	@$(BIN)/uv pip compile -q pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/runtime.txt
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --group build --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements/runtime.txt -o requirements/dev.txt
	@$(BIN)/uv pip compile -q requirements/bench.in --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/bench.txt
	@grep -E '^[a-z0-9._-]+==' requirements/dev.txt | sed 's/ \\$$//' | grep -v '^click==' > requirements/mutants.constraints.tmp
	@echo 'mutmut>=3.8,<4' | $(BIN)/uv pip compile -q pyproject.toml - --group dev --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --override requirements/mutants.override -c requirements/mutants.constraints.tmp -o requirements/mutants.txt
	@rm requirements/mutants.constraints.tmp
	@$(BIN)/uv pip compile -q pyproject.toml requirements/fuzz.in --group dev --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements/runtime.txt -c requirements/dev.txt -o requirements/fuzz.txt

clean: ## remove the virtual environment and caches; data in .avenue stays
	rm -rf $(VENV) $(BENCH_VENV) $(MUTANTS_VENV) $(FUZZ_VENV) .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis reports/dashboard/web/node_modules reports/dashboard/static/built
