# `make lab` to try it, `make test` to test it, `make check` before a change is sent in. CONTRIBUTING.md has the rest.
PYTHON ?= python3
BIN := .venv/bin
STATIC := retune_widget/view/static/styles.css
SOURCES := $(shell find js -name '*.ts' -o -name '*.css' 2>/dev/null)
NOTEBOOK ?= notebooks/01_first_run.ipynb
# Processes that run tests side by side. Those with a browser have the machine to themselves.
WORKERS ?= 2

# Torch with more threads than free cores is many times slower, and exactness is promised for a fixed number.
export OMP_NUM_THREADS ?= 1

.PHONY: install lab dev check lint format types test test-js test-python soak notebooks bench bench-claims screenshots build clean
.DELETE_ON_ERROR:

install: .venv/.installed $(STATIC)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python $(STATIC)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm was not found: install Node.js 20.19 or newer."; exit 1; }
	npm ci --no-progress
	@touch $@

$(STATIC): $(SOURCES) package.json scripts/build.mjs node_modules/.package-lock.json
	node scripts/build.mjs

lab: install
	$(BIN)/python -m scripts.lab $(NOTEBOOK)

# The front end is rebuilt on every change of js/ and swapped in the open notebook.
dev: install
	node scripts/build.mjs --watch & trap "kill $$!" EXIT; \
	ANYWIDGET_HMR=1 $(BIN)/python -m scripts.lab $(NOTEBOOK)

check: lint types test

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	npx biome ci
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	npx biome check --write

types: install
	$(BIN)/mypy
	npx tsc --noEmit

test: test-js test-python

test-js: install
	npx vitest run

test-python: install
	$(BIN)/python -m pytest -m "not browser and not notebooks" --numprocesses $(WORKERS) --dist worksteal
	CHROMIUM="$$($(BIN)/python -m scripts.chromium --install)" && export CHROMIUM && \
		$(BIN)/python -m pytest -m "browser or notebooks"

# The long forms of tests that CI runs in a short one.
soak: install
	RETUNE_KILLS=100 RETUNE_TREES=5000 RETUNE_MATRIX=1 RETUNE_FUZZ=10000 $(BIN)/python -m pytest --timeout 3600 \
		tests/test_kill.py tests/engine/test_random_trees.py tests/engine/matrix tests/storage/test_fuzz.py

notebooks: install
	$(BIN)/python -m nbconvert --execute --to notebook --output-dir build/notebooks notebooks/*.ipynb

bench: install
	$(BIN)/python -m benchmarks

# A claim of the literature about schedules, tested: under half an hour on two cores.
bench-claims: install
	$(BIN)/python -m benchmarks.schedules

screenshots: install
	$(BIN)/python -m scripts.screenshots

build: install
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m scripts.check_wheel dist/*.whl

clean:
	rm -rf .venv node_modules retune_widget/view/static build dist
