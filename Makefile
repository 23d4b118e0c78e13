# Set-up, checks, tests, conformance and measurements: `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 6379
ARGS ?=
ORACLE ?=
REDIS_PY ?= 5.0.0 5.3.1 6.4.0 7.4.1 8.1.0
STAMPS := $(VENV)/stamps
LIBRARIES := build/libraries
NODE := build/node

.DEFAULT_GOAL := help
.PHONY: help run test test-libraries test-matrix test-matrix-ends check format conformance record fuzz suites docs bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed: install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than Python 3.11: pass PYTHON=/path/to/a/newer/one" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) has no venv module: on Debian or Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: $(STAMPS)/venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# pip reads dependency groups from 25.1 on
$(STAMPS)/pip: $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

$(STAMPS)/%: $(STAMPS)/package $(STAMPS)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group $*
	@touch $@

run: $(STAMPS)/package ## serve on 127.0.0.1:6379; ARGS="--port 7379" passes arguments on
	@exec $(BIN)/vermilion $(ARGS)

test: $(STAMPS)/test ## run all tests, with coverage; ARGS="-k name" passes arguments to pytest
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term $(ARGS)

# In an environment of its own: arq wants redis-py below 6, and the tests want 8.
$(LIBRARIES)/stamp: $(STAMPS)/pip pyproject.toml
	@rm -rf $(LIBRARIES)
	$(BIN)/python -m venv --without-pip $(LIBRARIES)
	$(BIN)/python -m pip --python $(LIBRARIES)/bin/python install --quiet --disable-pip-version-check --retries 1 --group libraries
	@touch $@

# For the documentation's test in JavaScript, and for what starts servers there: its own binary is not wanted.
$(NODE)/stamp:
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(NODE) \
		ioredis@5 redis-memory-server@0.17 redis-server@1
	@touch $@

test-libraries: $(STAMPS)/test ## run the tests of libraries that need an environment of their own
	@$(MAKE) --no-print-directory $(LIBRARIES)/stamp || echo "make: could not install them (no network?): their tests are skipped" >&2
	@$(MAKE) --no-print-directory $(NODE)/stamp || echo "make: could not install npm's packages (no npm, or no network?): their tests are skipped" >&2
	$(BIN)/python -m pytest tests/libraries $(ARGS)

test-matrix: $(STAMPS)/test ## run the in-process clients' tests on each major version of redis-py, or on REDIS_PY="7.4.1"
	@for version in $(REDIS_PY); do \
		echo "redis-py $$version"; \
		test -d build/redis-py/$$version || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
			--retries 1 --no-warn-conflicts --target build/redis-py/$$version redis==$$version \
			|| { echo "make: could not install it (no network?): its tests are skipped" >&2; continue; }; \
		PYTHONPATH=build/redis-py/$$version $(BIN)/python -m pytest -q -n 2 tests/testing || exit 1; \
	done

test-matrix-ends: ## the same on the oldest and on the newest of them
	@$(MAKE) --no-print-directory test-matrix REDIS_PY="$(firstword $(REDIS_PY)) $(lastword $(REDIS_PY))"

check: $(STAMPS)/check $(STAMPS)/test ## ruff, ruff format, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMPS)/check ## rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

conformance: $(STAMPS)/test ## compare with the transcripts of a real Redis, or live with ORACLE=redis://host:port
	$(BIN)/python -m conformance $(if $(ORACLE),--oracle $(ORACLE)) $(ARGS)

record: $(STAMPS)/test ## record the transcripts anew from ORACLE=redis://host:port, a Redis 8.0
	$(BIN)/python -m conformance record --oracle $(ORACLE) $(ARGS)

fuzz: $(STAMPS)/test ## make random calls to ours and to ORACLE=redis://host:port; print where they differ
	$(BIN)/python -m conformance.fuzz --oracle $(ORACLE) $(ARGS)

suites: $(STAMPS)/suites ## run redis-py's and fakeredis's own tests against ours, in RESP2 and RESP3
	$(BIN)/python -m conformance.suites $(ARGS)

docs: $(STAMPS)/package ## write docs/commands.md and docs/directives.md anew from the declarations
	$(BIN)/python -m conformance.compatibility
	$(BIN)/python -m conformance.directives

bench: $(STAMPS)/bench ## measure against a real Redis; REDIS_SERVER= and REDIS_BENCHMARK= name the commands
	$(BIN)/python -m conformance.bench $(ARGS)

clean: ## remove what the other targets made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
