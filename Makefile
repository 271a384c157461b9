# Everything a person types. `make run` and `make test` set up what they need by themselves.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash
# Tests without sockets: they take the processor and nothing else, so they run side by side.
UNIT := tests/unit tests/contracts tests/test_tidy.py tests/test_docs.py

.PHONY: help setup clients run test unit check fix bench docs lock clean

help:            ## what can be typed
	@grep -E '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: .venv/ready  ## make .venv with everything in it (nothing is fetched when nothing changed)

# --no-deps and --require-hashes: what is installed is what the lock file names, byte for byte.
.venv/ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The AWS CLI and the AWS Encryption SDK pin what we do not want to pin: they live in an environment of their own.
.venv-clients/ready: requirements/clients.txt
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/clients.txt
	@touch $@

clients: .venv-clients/ready  ## make .venv-clients with the AWS CLI and the AWS Encryption SDK

run: setup       ## set up and start `selfkms dev`; it prints what to type next
	@exec $(BIN)/selfkms dev

test: setup .venv-clients/ready  ## all tests
	$(BIN)/python -m pytest $(UNIT) -n auto
	$(BIN)/python -m pytest $(addprefix --ignore=,$(UNIT))

unit: setup      ## the tests without sockets, in about a minute
	$(BIN)/python -m pytest $(UNIT) -n auto

check: setup     ## lint, types, import contracts, tidiness
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_tidy.py

fix: setup       ## what a program can put right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup     ## speed, start-up time and memory, as ratios within one run
	$(BIN)/python -m bench
	$(BIN)/python -m bench.blocks

docs: setup      ## write docs/reference/ anew from the tables
	$(BIN)/python -m tools.reference

lock: setup      ## pin all dependencies anew, with hashes and without any index address
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev -o requirements/dev.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -o requirements/clients.txt requirements/clients.in

clean:           ## remove both environments and all caches
	rm -rf .venv .venv-clients .mypy_cache .ruff_cache .pytest_cache .hypothesis
