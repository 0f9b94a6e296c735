# Two commands for a fresh machine: `make demo` and `make test`. Each sets everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The folder of the demo, as `make demo OUT=...`; a new one under runs/ without it.
OUT :=
# Two cores: OpenMP threads that spin while they wait slow every other process down.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test check fixup clean
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

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
