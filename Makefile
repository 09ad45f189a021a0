# Two commands do all the set-up: `make demo` and `make test`.
#
#   PYTHON    interpreter used to create the virtual environment (3.11 or newer)
#   VENV      where the environment lives
#   PIP_ARGS  passed to every `pip install` (index, proxies, CPU-only torch: see README)
#   ARGS      passed to `sql-ft run`, `app`, `up` and `down`

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
ARGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CORE_VENV := $(VENV)-core
AUDIT_VENV := $(VENV)-audit

.DEFAULT_GOAL := help
.PHONY: help install demo app up down test check lint types contracts core audit \
  reproduce-write-up clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

install: $(STAMP) ## create the virtual environment and install everything

# The stamp carries the inputs: a changed pyproject or constraint reinstalls, else it is reused.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sql-ft needs Python 3.11 or newer; got $$($(PYTHON) --version). Set PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[train,flow,app,dev]'
	@touch $(STAMP)

demo: $(STAMP) ## the whole chain on this machine: sample, train, register, evaluate, promote
	@HF_HUB_OFFLINE=1 $(BIN)/sql-ft run --config deployments/configs/tiny.yaml $(ARGS)

app: $(STAMP) ## the web page: ask the champion (the base before `make demo`) about a database
	@HF_HUB_OFFLINE=1 $(BIN)/sql-ft app --config deployments/configs/tiny.yaml $(ARGS)

up: $(STAMP) ## start Prefect, MLflow and a worker on this machine; apply the deployments
	@$(BIN)/sql-ft up $(ARGS)

down: $(STAMP) ## stop exactly what `make up` started
	@$(BIN)/sql-ft down $(ARGS)

test: $(STAMP) ## the test suite
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest $(ARGS)

check: lint types contracts test core audit ## everything CI checks

lint: $(STAMP) ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

contracts: $(STAMP) ## import contracts
	@$(BIN)/lint-imports

core: ## evaluation works in an environment that has the core dependencies alone
	@test -x $(CORE_VENV)/bin/python || $(PYTHON) -m venv $(CORE_VENV)
	@$(CORE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e .
	@$(CORE_VENV)/bin/python tests/core_only.py

audit: ## known vulnerabilities of the pinned packages; says so where nobody can be asked
	@test -x $(AUDIT_VENV)/bin/python || $(PYTHON) -m venv $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt pip-audit
	@$(AUDIT_VENV)/bin/python .ci/audit.py constraints.txt

reproduce-write-up: $(STAMP) ## the published recipe: Qwen2.5-1.5B-Instruct, the real dataset (GPU and hub needed)
	@$(BIN)/sql-ft run --config deployments/configs/write_up.yaml $(ARGS)

clean: ## remove environments and state
	rm -rf $(VENV) $(CORE_VENV) $(AUDIT_VENV) state
