# The front door. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# One worker more than there are cores: many tests wait for processes that they started.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help quickstart control-plane cluster browser test test-unit faults check coverage format schemas docs bench lock clean dev

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z.-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: $(VENV)/.runtime ## Install, then govern an embedded recorder from examples/quickstart (Ctrl-C ends it; PORT=0: on a free port)
	@$(BIN)/callkeeper up examples/quickstart $(if $(PORT),--port $(PORT))

control-plane: dev ## Build the API server that tests run against, once (some 7 minutes)
	@$(BIN)/python -m tests.cluster build

cluster: control-plane ## Play with Callkeeper on a real API server on this machine (Ctrl-C removes it)
	@$(BIN)/python -m tests.cluster up

# Without Chromium the tests of the page fail, in a line that names this target.
browser: ## See that Chromium is there for the tests of the page; as root, install it where it is missing
	@command -v chromium chromium-browser google-chrome-stable google-chrome >/dev/null || test -n "$$CALLKEEPER_CHROMIUM" || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium …"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
		else \
			echo "No Chromium here, and no way to install it: the tests of the page will fail."; \
		fi; }

test: control-plane browser ## Everything a change needs: all tests, on every core
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

test-unit: dev ## The quick part of the tests: no cluster, no servers, no kills
	$(BIN)/python -m pytest -q tests/kinds tests/manifests tests/policy

faults: control-plane ## The long fault and soak runs
	$(BIN)/python -m pytest -q -m faults -o timeout=3600 tests

check: dev ## Format, lint, types, import contracts, generated files, docs, coverage
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/callkeeper schema --check
	$(BIN)/python -m deploy.generate --check
	$(BIN)/python -m pytest -q tests/docs
	@$(MAKE) --no-print-directory coverage

coverage: dev ## Branch coverage of the rooms that judge settings and calls; less than 90 % fails
	$(BIN)/python -m pytest -q -n auto --dist worksteal tests/kinds tests/manifests tests/policy \
		--cov=callkeeper.policy --cov=callkeeper.manifests --cov-branch --cov-fail-under=90

format: dev ## Format and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

schemas: dev ## Write crds/, schemas/ and deploy/ anew from the kinds and deploy/generate
	$(BIN)/callkeeper schema --write
	$(BIN)/python -m deploy.generate

docs: dev ## Write the generated parts of docs/ anew from the code
	$(BIN)/python -m docs.generate

bench: dev ## Measure, with the peers in the same run; prints a table and writes JSON
	$(BIN)/python -m benchmarks

lock: ## Pin the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" --group build --group dev -c requirements.lock \
		pyproject.toml -o requirements-dev.lock

clean: ## Remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

dev: $(VENV)/.dev

# The environment is made from the lock alone: every file of every package is checked against its hash.
$(VENV)/bin/python:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "Callkeeper needs Python 3.11 or newer, and there is no $(or $(PYTHON),python3 on the PATH). Name one: make … PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Callkeeper needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing the pinned packages …"
	@$(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "Installing the pinned development packages …"
	@$(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@
