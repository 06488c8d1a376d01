# `make demo` and `make test` make their own environment in .venv; the second time they only run.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-long lint docs reference clean

demo: .venv/installed
	$(BIN)/recurbench run experiment=demo
	$(BIN)/recurbench leaderboard

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -rs  # two processes for two cores

test-long: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long -v

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/biome check --error-on-warnings .

docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict # not --quiet: it hides warnings from --strict too
	@echo site/index.html

reference: .venv/installed
	$(BIN)/recurbench leaderboard --records results/reference --output results/LEADERBOARD.md
	$(BIN)/python benchmarks/published_rows.py
	$(BIN)/python benchmarks/study_page.py

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@
