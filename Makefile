# The verbs of this repository. `make` alone prints them.

export PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.set-up
# Files of a few long tests: begun last, one of two workers would wait for the other.
SLOW_FIRST := tests/edges/web/test_pages.py tests/sim tests/journeys tests/attacks tests/test_new_bank.py
# Of the demo: sandbox, mellat, sadad, saman, zarinpal, or all.
BANK ?= sandbox
DEBIAN_POSTGRES := /usr/lib/postgresql/15/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt bench docs new-bank clean

help: ## print these verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## make .venv with the `mopos` command in it

$(READY): requirements.lock pyproject.toml
	@scripts/setup

demo: setup ## run the main job: gateway, worker, a simulated bank (BANK=sandbox) and a sample shop on this machine
	$(BIN)/mopos demo --bank $(BANK)

test: setup ## pass the tests; installs what they need (as root; else says what to install)
	scripts/install-test-tools
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(SLOW_FIRST) tests
	MOPOS_PG_BINDIR=$(DEBIAN_POSTGRES) $(BIN)/pytest -n 2 --dist loadfile -m storage

check: setup ## format, lint, types, layers, no package index named
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	scripts/check-addresses

fmt: setup ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure whole purchases against the floor (docs/benchmarks.md)
	$(BIN)/python -m bench
	$(BIN)/python -m bench.settling

docs: setup ## write the reference pages again from the code
	$(BIN)/mopos reference docs/reference

new-bank: setup ## write a new bank that works against its own simulator: make new-bank NAME=pasargad
	scripts/new-bank "$(NAME)"

clean: ## remove what can be made again (no data)
	rm -rf $(VENV) tests/clients/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
