# Everything here works on a fresh machine with Python 3.11 or newer: the first target that needs the
# environment in .venv makes it, and later ones find it ready until pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready.stamp
WORKERS ?= 2
PYTEST_ARGS ?=
DEMO_OUT ?= out/demo

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## run three traces on two memories and make the pages to look at, and a timeline
	$(BIN)/cyclewise batch examples/two_devices.yaml -o $(DEMO_OUT)/two_devices
	$(BIN)/cyclewise run ddr4_2400 spmv --timeline $(DEMO_OUT)/timeline.json.gz > $(DEMO_OUT)/ddr4_2400-spmv.txt
	$(BIN)/cyclewise report $(DEMO_OUT)/two_devices
	@echo
	@echo "To look at:  $(DEMO_OUT)/two_devices/report.html  in any browser"
	@echo "             $(DEMO_OUT)/timeline.json.gz  at ui.perfetto.dev (Open trace file; it stays on this computer)"

test: $(READY) ## run the tests (PYTEST_ARGS="-m 'not slow'" leaves the slow ones out)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

lint: $(READY) ## check style, formatting, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure the speed of the models and of batches (minutes)
	$(BIN)/python -m benchmarks.dram_speed
	$(BIN)/python -m benchmarks.batch_overhead
	$(BIN)/python -m benchmarks.pim_speed

docs: $(READY) ## build the documentation into out/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d out/doctrees docs out/docs
	@echo "The documentation is in out/docs/index.html"

clean: ## remove the environment and everything else that make and the tools left here
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("cyclewise needs Python 3.11 or newer and $(PYTHON) is %d.%d; name another: make PYTHON=python3.12" % v[:2])'
	@echo "Setting up $(VENV), once; about two minutes and 2 GB …"
	@rm -f $@
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs,rl,dask,optuna]'
	@touch $@
