# Every target sets up what it needs: a fresh clone with Python 3.11+ and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# One more than there are processors: some tests wait for sockets most of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# How often a test that fails is run again. None here; CI, which shares its processors with others, gives it one more
# chance, and the summary names it (R).
RERUNS ?= 0
LATEST := .venv-latest
APPINSPECT := .venv-appinspect
ON_INTERNALS := compat parity timeouts words phone presidio prefilter
# Everything that a text goes through: its parsing, detection, redaction, failures; and the command line.
WITHOUT_HYPERSCAN := $(addprefix tests/,test_goldens.py test_failure_table.py test_prose_oracle.py test_prove.py test_demo.py \
	test_cli.py filters/test_presidio.py filters/test_pipeline.py filters/test_redact.py)
# All tests but those that repeat the same ways with more records: they take long and reach no further branch.
COVERED := $(addprefix --ignore=tests/,test_fuzz.py test_memory.py test_hostile_cost.py test_real_records.py \
	transports/test_soak.py)

.DEFAULT_GOAL := help
.PHONY: help demo test test-latest test-without-hyperscan lint docs coverage bench bench-plot soak golden generate generate-check build check-release appinspect hooks lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-23s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "veilog needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

demo: $(READY) ## Show on one screen what comes in, what leaves and why; write demo.html and demo-report.html
	@$(BIN)/veilog demo --html demo.html --report demo-report.html

test: lint generate-check ## Run all checks and tests
	$(PYTEST) -n $(WORKERS) --dist loadfile --reruns $(RERUNS)

test-latest: ## Run what depends on other libraries' internals with their newest allowed versions
	$(PYTHON) -m venv --clear $(LATEST)
	$(LATEST)/bin/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1,<27'
	$(LATEST)/bin/pip install --quiet --upgrade --editable . --group dev
	-$(LATEST)/bin/python -m veilog_filters.detect.compat
	$(LATEST)/bin/python -m pytest $(ON_INTERNALS:%=tests/filters/test_%.py)

test-without-hyperscan: $(READY) ## Run what must also hold where there is no Hyperscan
	PYTHONPATH=$(CURDIR)/tests/no_hyperscan $(PYTEST) $(WITHOUT_HYPERSCAN)

coverage: $(READY) ## Measure which branches of filters/ the tests take; fail below the floor in pyproject.toml
	$(PYTEST) -n $(WORKERS) --dist loadfile --cov --cov-report=term --cov-report=json:.coverage.json $(COVERED)
	$(BIN)/python scripts/check_coverage.py .coverage.json

lint: $(READY) ## Check style, types and layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY) ## Build the documentation site into site/, strictly and offline
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(READY) ## Run the benchmarks; append to their history
	$(PYTEST) benchmarks --benchmark-only --override-ini addopts=--import-mode=importlib
	PYTHONPATH=scripts $(BIN)/python benchmarks/run.py --history
	$(BIN)/python benchmarks/bench_hostile.py
	$(BIN)/python benchmarks/bench_sidecar.py

bench-plot: $(READY) ## Draw the history of the benchmarks: benchmarks/history.svg
	$(BIN)/python scripts/generate.py

soak: $(READY) ## Run the long forms of the tests (memory, fuzzing, every sample in every way)
	VEILOG_SOAK=1 $(PYTEST)

golden: $(READY) ## Rewrite the samples' golden outputs, to be reviewed as a diff
	$(BIN)/python tests/samples.py

generate: $(READY) ## Rewrite what is made from code: tables, Fluent Bit parsers, JSON Schemas
	$(BIN)/python scripts/generate.py

generate-check: $(READY) ## Fail if anything made from code is not current
	@$(BIN)/python scripts/generate.py --check

build: $(READY) ## Build wheel and sdist in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build

check-release: build ## Install the wheel in an empty environment and run its commands in an empty folder
	$(BIN)/python scripts/check_release.py dist

appinspect: $(APPINSPECT)/.ready ## Install Splunk's checks of add-ons, which need an environment of their own

$(APPINSPECT)/.ready: tests/appinspect.txt
	$(PYTHON) -m venv --clear $(APPINSPECT)
	$(APPINSPECT)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

hooks: $(READY) ## Install the hooks that check a commit
	$(BIN)/pre-commit install

lock: $(READY) ## Rewrite requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --group dev --no-header --no-emit-index-url \
		--quiet --output-file requirements.lock pyproject.toml

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) $(LATEST) .venv-3.12 $(APPINSPECT) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks site
