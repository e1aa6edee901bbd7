# Everything a person does with this repository. `make` alone lists it.
# Needs Python 3.11 or newer, make and a compiler; all else is installed into .venv from the locks in requirements/.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
PYTEST := $(BIN)/pytest -q
WORKERS ?= 2
# What the default test run leaves out: suites that need a server, a browser or minutes.
QUICK := not postgres and not browser and not faults and not slow and not sdks
# Compiled once here: every command would compile the libraries again where Python may not write beside them.
# Tests of the state layer, which are run on Postgres too.
ON_POSTGRES := $(wildcard $(addprefix tests/,state delivery offers planning billing/test_apply.py))
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
SOURCES := src tests docs $(wildcard benchmarks)

# Runs pytest on a folder that may not exist yet, and says so when it does not.
run_folder = @if [ -d $(1) ]; then $(PYTEST) $(1) $(2); else echo "no tests yet in $(1)"; fi

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: browser help setup demo test check format format-check lint types imports docs reference slow long faults sdks backends oldest wheel bench bench-full bench-revenue lock clean bench-learning

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.dev ## Make .venv with all that is needed to work here; nothing to do when it is up to date

demo: .venv/.demo ## Show a believable company's next steps, and a page of them
	@$(BIN)/upstep demo

test: .venv/.dev ## Run the quick tests
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "$(QUICK)"

check: format-check lint types imports test ## All that a change must pass before it is committed

format: .venv/.dev ## Lay out the code
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --select I --fix --quiet $(SOURCES)

format-check: .venv/.dev ## Is the code laid out?
	$(BIN)/ruff format --check $(SOURCES)

lint: .venv/.dev ## Ruff, all rules but those that pyproject.toml turns off with a reason
	$(BIN)/ruff check $(SOURCES)

types: .venv/.dev ## mypy --strict on src
	$(BIN)/mypy

imports: .venv/.dev ## Do imports point one way?
	$(BIN)/lint-imports --no-logo

docs: .venv/.dev ## Check the docs: pages, links, decisions, words
	$(call run_folder,tests/docs,)

reference: .venv/.dev ## Write docs/reference from the code
	$(BIN)/python docs/reference.py

slow: .venv/.dev ## The tests that take longer and need no server: more of the same, whole companies, public data
	$(PYTEST) -n $(WORKERS) -m "slow and not postgres and not browser and not faults and not sdks" --ignore tests/backends

long: .venv/.dev ## The long sizes: 100,000 steps of random histories; results are kept in docs/performance.md
	UPSTEP_HYPOTHESIS=long $(PYTEST) -n 0 tests/properties/test_contacting.py
	UPSTEP_LONG=1 $(PYTEST) -n 0 -m faults tests/faults/test_whole.py

faults: .venv/.dev ## Kill it, fill its disk, cut its database off: nothing charged or sent twice, nothing lost
	$(PYTEST) -n $(WORKERS) -m faults tests/faults

sdks: .venv/.dev .venv/.sdks tests/sdks/node_modules/.made ## Send with the client libraries of Segment, RudderStack and PostHog
	$(PYTEST) -m sdks tests/sdks

# What people would see: Debian's Chromium is fetched where that may be done, else the tests say what to install.
browser: .venv/.dev ## The widget, the demo and its docs in a real browser; UPSTEP_PICTURES=DIR keeps what was seen
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing Debian's chromium"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
		else echo "no Chromium here: apt-get install chromium as root, or put one on the PATH"; fi
	$(PYTEST) -m browser tests/browser

backends: .venv/.dev ## The same answers on DuckDB, SQLite and Postgres, and state on Postgres
	$(PYTEST) -m postgres --ignore tests/faults tests
	$(PYTEST) -m "not postgres" tests/backends
	UPSTEP_TEST_STATE=postgres $(PYTEST) -n $(WORKERS) -m "$(QUICK)" $(ON_POSTGRES)

# By hand or once a week; the newest versions are those of `make lock UPGRADE=--upgrade` and then `make check`.
oldest: .venv/oldest/.made ## The quick tests with the oldest versions that pyproject.toml allows
	.venv/oldest/bin/pytest -q -n $(WORKERS) --dist worksteal -m "$(QUICK)"

# Built and tried outside the checkout, so that a file missing from the wheel is noticed.
wheel: .venv/.dev ## Build the wheel, install it elsewhere, run its demo there
	@rm -rf dist
	$(UV) build --quiet --wheel --python $(BIN)/python --out-dir dist
	@set -eu; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; wheel=$$(ls "$$PWD"/dist/*.whl); uv="$$PWD/$(UV)"; \
	$(BIN)/python -m venv --without-pip "$$place/venv"; \
	"$$uv" pip install --quiet --python "$$place/venv/bin/python" --require-hashes -r requirements/demo.txt; \
	"$$uv" pip install --quiet --python "$$place/venv/bin/python" --no-deps "$$wheel"; \
	"$$uv" pip check --quiet --python "$$place/venv/bin/python"; \
	cd "$$place"; ./venv/bin/upstep demo > demo.txt || { cat demo.txt; exit 1; }; \
	echo "$$(basename "$$wheel") runs its demo outside the checkout ($$(wc -l < demo.txt) lines)"

bench: .venv/.bench ## Measure at the quick size: 100,000 accounts, 10 million events
	$(BIN)/python benchmarks/decide.py quick
	$(BIN)/python benchmarks/quoting.py

bench-full: .venv/.bench ## Measure at the full size: 1 million accounts, 100 million events
	$(BIN)/python benchmarks/decide.py full

bench-revenue: .venv/.bench ## Measure movements and NRR: 1 million accounts, 36 months, beside a month spine
	$(BIN)/python benchmarks/revenue.py

bench-learning: .venv/.dev benchmarks/work/.beside ## Measure affinity and forecasts, beside mlxtend and statsforecast
	benchmarks/work/beside/bin/python -W ignore benchmarks/affinity.py
	benchmarks/work/beside/bin/python -W ignore benchmarks/forecasts.py

lock: .venv/.uv ## Compile the locks anew from pyproject.toml (add UPGRADE=--upgrade for the newest)
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements/demo.txt
	$(COMPILE) $(UPGRADE) pyproject.toml -c requirements/demo.txt \
		--extra postgres --extra stripe --extra pdf --extra serve --extra slack --group dev --group engines -o requirements/dev.txt
	$(COMPILE) $(UPGRADE) pyproject.toml -c requirements/dev.txt \
		--extra postgres --extra stripe --extra pdf --extra serve --extra slack -o requirements/service.txt
	$(COMPILE) $(UPGRADE) -c requirements/dev.txt --group bench -o requirements/bench.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --group beside -o requirements/beside.txt
	$(COMPILE) $(UPGRADE) --group sdks -o requirements/sdks.txt
	echo uv | $(COMPILE) $(UPGRADE) - -o requirements/uv.txt

clean: ## Remove what was built and what tools keep; .venv stays
	rm -rf dist build demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis benchmarks/work
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a file is newer than what it was made from, or it is made again.
.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version). Name one: make setup PYTHON=python3.12"; exit 2; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.demo: .venv/.uv requirements/demo.txt pyproject.toml
	@echo "installing what upstep needs"
	@$(INSTALL) --require-hashes -r requirements/demo.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

.venv/.dev: .venv/.demo requirements/dev.txt
	@echo "installing what its tests and checks need"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.bench: .venv/.dev requirements/bench.txt
	@$(INSTALL) --require-hashes -r requirements/bench.txt
	@touch $@

# An environment of its own: what stands beside would change the versions that everything else is tested with.
benchmarks/work/.beside: .venv/.uv requirements/beside.txt
	@mkdir -p benchmarks/work
	@$(UV) venv --quiet --clear --python .venv/bin/python benchmarks/work/beside
	@$(UV) pip install --quiet --python benchmarks/work/beside/bin/python --require-hashes -r requirements/beside.txt
	@$(UV) pip install --quiet --python benchmarks/work/beside/bin/python --no-deps --editable .
	@touch $@

# The same for the lowest version of each library that pyproject.toml names; what those ask for is as new as may be.
.venv/oldest/.made: .venv/.uv pyproject.toml
	@$(UV) venv --quiet --clear --python .venv/bin/python .venv/oldest
	@$(UV) pip compile --quiet --resolution lowest-direct --python-version 3.11 --no-header --no-annotate pyproject.toml \
		--extra postgres --extra stripe --extra pdf --extra serve --extra slack --group dev -o .venv/oldest/locked.txt
	@$(UV) pip install --quiet --compile-bytecode --python .venv/oldest/bin/python -r .venv/oldest/locked.txt
	@$(UV) pip install --quiet --python .venv/oldest/bin/python --no-deps --editable .
	@touch $@

# The same for the client libraries that tests send with.
.venv/.sdks: .venv/.uv requirements/sdks.txt
	@$(UV) venv --quiet --clear --python .venv/bin/python .venv/sdks
	@$(UV) pip install --quiet --python .venv/sdks/bin/python --require-hashes -r requirements/sdks.txt
	@touch $@

# Where there is no npm the tests of these libraries skip and say so.
tests/sdks/node_modules/.made: tests/sdks/package.json tests/sdks/package-lock.json
	@if command -v npm >/dev/null; then \
		cd tests/sdks && npm install --no-save --omit=optional --ignore-scripts --no-audit --no-fund --loglevel error && touch node_modules/.made; \
	else echo "npm is not here: the libraries for Node are not tried"; fi
