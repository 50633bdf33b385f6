# Quantmill. The first use of any target makes .venv from requirements.lock; later uses do not.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint fix lock ui sql docs clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-6s %s\n", $$1, $$2}'

# The lock is complete and hashed, so pip resolves nothing; the project itself is installed in place.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quantmill needs Python 3.11 or newer; say make PYTHON=python3.11")'
	@test -d .venv || $(PYTHON) -m venv .venv
	@echo "installing the locked environment into .venv (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY) ## the main job on the sample data: bars to orders and a report (ARGS="model.max_depth=4" overrides)
	@$(BIN)/quantmill $(ARGS)

test: $(READY) ## every test (ARGS="tests/ml -k purge" selects)
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),-n 2 --dist loadfile)

lint: $(READY) ## format, lint, types and import contracts, without changing anything
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(READY) ## format, and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY) ## resolve pyproject.toml into requirements.lock (universal, hashed, no addresses)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
	  --no-annotate --no-header pyproject.toml --output-file requirements.lock $(ARGS)

ui: $(READY) ## Prefect's UI with the history of all runs, on 127.0.0.1:4200 (Ctrl-C ends it)
	@$(BIN)/python -m flows.ui

sql: $(READY) ## a SQL shell on the published snapshot, read-only
	@db="$${QUANTMILL_HOME:-var}/published/warehouse.duckdb"; \
	test -f "$$db" || { echo "$$db: nothing is published yet; make run publishes the first snapshot" >&2; exit 1; }; \
	$(BIN)/duckdb -readonly "$$db" $(ARGS)

docs: $(READY) ## docs/configuration.md, docs/warehouse.md, and the catalogue with lineage of what was built
	@$(BIN)/python -m flows.reference
	@$(BIN)/python -m flows.dictionary
	@$(BIN)/python -m flows.catalogue

clean: ## remove caches and build output; var/ and .venv stay
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .pytest_cache .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
