# Two commands for a fresh machine: `make demo` and `make test`. Each sets everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LABEL_STUDIO := .venv-label-studio
CONSUMERS := .venv-consumers
# The folder of the demo, as `make demo OUT=...`; a new one under runs/ without it.
OUT :=
# Two cores: OpenMP threads that spin while they wait slow every other process down.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test check fixup consumers label-studio clean
demo: $(INSTALLED)
	$(BIN)/decouplednet demo$(if $(OUT), --out "$(OUT)")

test: check
	$(BIN)/python -m pytest -m slow --durations=15

check: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --durations=10

fixup: $(INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# A Label Studio for the tests of `decouplednet backend`, which are skipped without it: 1 GB.
label-studio: $(LABEL_STUDIO)/.installed

$(LABEL_STUDIO)/.installed:
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/python -m pip install --quiet --upgrade pip
	$(LABEL_STUDIO)/bin/python -m pip install --quiet label-studio==1.23.2
	touch $@

# Programs of others that read what prelabel writes, for tests that are skipped without them: 0.7 GB.
consumers: $(CONSUMERS)/.installed

$(CONSUMERS)/.installed: constraints.txt
	$(PYTHON) -m venv $(CONSUMERS)
	$(CONSUMERS)/bin/python -m pip install --quiet --upgrade pip
	$(CONSUMERS)/bin/python -m pip install --quiet -c constraints.txt datumaro==1.13.12 label-studio-sdk==2.1.2
	touch $@

clean:
	rm -rf $(VENV) $(CONSUMERS) $(LABEL_STUDIO) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
