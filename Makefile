# Every target does its own set-up; nothing is needed but make and Python 3.11 or newer.
# The environment is .venv. `make PYTHON=/path/to/python ...` chooses the Python it is made with.

.DEFAULT_GOAL := help

# A command is present when it runs: version managers leave names behind that only fail.
runs = $(shell '$(1)' -c 'import sys; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null)
ifndef PYTHON
PYTHON := $(or $(and $(call runs,python3.12),python3.12),$(and $(call runs,python3.11),python3.11),$(and $(call runs,python3),python3))
endif
VERSION := $(if $(call runs,$(PYTHON)),$(shell $(PYTHON) -c 'import sys; print("%d%d" % sys.version_info[:2])'))

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
# Versions with no lock (3.13 and newer) get what pip chooses, without the extra `fit`.
LOCK := $(wildcard requirements/py$(VERSION).txt)

# A stamp's name holds a checksum of all that its step was made from: a stamp that exists is a step
# that was finished from these very files, whatever git did to their times.
sum = $(shell { echo $(VERSION) "$(CURDIR)"; cat $(1); } | cksum | cut -d ' ' -f 1)
PACKAGES := $(VENV)/.packages-$(call sum,$(or $(LOCK),setup.py))
READY := $(VENV)/.ready-$(call sum,setup.py $(LOCK))

.PHONY: help setup demo test test-slow test-parity test-aot bench lint format lock clean python

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1 /p' Makefile | awk '{ t = $$1; $$1 = ""; printf "  make %-14s%s\n", t, $$0 }'

setup: $(READY) ## make the environment; every target below does so by itself

demo: $(READY) ## a portrait says a sentence: out/demo.mp4
	@$(BIN)/python -m docs.figures.demo

test: lint ## ruff and the quick tests, on all cores (more for pytest: ARGS="-k camera")
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-slow: $(READY) ## the long tests, the wheel in a fresh environment among them
	@$(BIN)/python -m pytest -m "(slow or multihost or aot) and not parity and not gpu" $(ARGS)

test-parity: setup-parity ## compare with PyTorch packages (installs them)
	@$(BIN)/python -m pytest -m "parity and not gpu" $(ARGS)

test-aot: setup-aot ## compile for TPU topologies on this CPU (installs libtpu)
	@$(BIN)/python -m pytest -m aot $(ARGS)

NAME ?= raster
bench: setup-bench ## compare with what one would otherwise use (NAME=raster; installs it)
	@$(BIN)/python -m benchmarks.$(NAME)

lint: $(READY) ## ruff: rules and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check --output-format concise .; echo "error: some files are not formatted. Run make format." >&2; exit 1; }

format: $(READY) ## let ruff rewrite the code
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

lock: $(READY) ## resolve the lock files anew (see requirements/README.md)
	@sh requirements/lock.sh $(BIN)/python

clean: ## remove the environment, caches and what was built
	rm -rf $(VENV) .cache .hypothesis .pytest_cache .ruff_cache build dist out vlogger_jax.egg-info

python:
	@test -n "$(VERSION)" || { echo "error: no Python 3.11 or newer was found. Install Python 3.12, or run make PYTHON=/path/to/python3.12." >&2; exit 2; }

$(PACKAGES): | python
	@echo "[1/3] $(VENV): a fresh environment, $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
ifneq ($(LOCK),)
	@echo "[2/3] $$(grep -c == $(LOCK)) packages from $(LOCK); the first time this takes a minute or more"
	@$(PIP) --no-deps -r $(LOCK)
else
	@echo "[2/3] no lock for this Python: the newest packages, without the extra fit; this takes some minutes"
	@$(PIP) setuptools wheel
	@$(PIP) --no-build-isolation -e '.[speech,beam,dev]'
endif
	@touch $@

$(READY): $(PACKAGES)
	@echo "[3/3] this checkout, editable"
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# setup-parity, setup-bench, setup-notebook: an extra on top, at versions that suit the lock.
setup-%: $(READY)
	@stamp=$(VENV)/.$*-$$(cksum < requirements/$*.txt | cut -d ' ' -f 1); test -e $$stamp || \
	{ echo "[+] the extra $*; the first time this may take minutes"; $(PIP) -r requirements/$*.txt $(LOCK:%=-c %) && touch $$stamp; }

# Beside the environment, not in it: where there is no TPU, every start of jax that finds libtpu complains.
setup-aot: $(READY)
	@stamp=$(VENV)/.aot-$$(cksum < requirements/aot.txt | cut -d ' ' -f 1); test -e $$stamp || \
	{ echo "[+] libtpu; the first time this may take minutes"; $(PIP) --no-deps --upgrade --target $(VENV)/libtpu -r requirements/aot.txt && touch $$stamp; }
