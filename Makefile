# make demo       set everything up and run the main job
# make test       set everything up and run the tests, in both languages
# make long-test  the Python tests, the long ones too
# make their-tests   stdatamodels' own tests on asdfits, versions 4 to 6
# make check      what CI runs: tests, lints, types, stubs, docs, quick bench
# make docs       the site, into .cache/site
# make bench      asdfits beside its peers, in one run; written to benches/results
# make bench-gate the same; fails where a ratio is worse than what was written

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

.PHONY: demo test check bench bench-gate lint types docs quick-bench rust-test python-test long-test their-tests install clean

demo: install
	$(BIN)/asdfits demo demo

test: rust-test python-test

check: test lint types docs quick-bench

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

# Cargo knows what is out of date; a second call with nothing to do takes a moment.
install: $(VENV)/installed
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --quiet

rust-test:
ifdef NEXTEST
	cargo nextest run --workspace --no-fail-fast
else
	cargo test --workspace --lib --tests
endif
	cargo test --workspace --doc

python-test: install
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

# Every class with every edit, hundreds of killed writers: some twenty minutes.
long-test: install
	$(BIN)/python -m pytest -n auto --dist loadfile

their-tests: install
	$(BIN)/python tools/their_tests.py

lint: $(VENV)/installed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest asdfits._core --allowlist tools/stubtest.txt --ignore-unused-allowlist

# The site goes to .cache/site, the essays of the core to target/doc.
docs: install
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

quick-bench: install
	$(BIN)/python benches/python/run.py --quick

bench: install
	$(BIN)/python benches/python/run.py

bench-gate: install
	$(BIN)/python benches/python/run.py --compare benches/results/results.json

clean:
	rm -rf target $(VENV) .cache demo python/asdfits/*.so
