# Two commands: `make demo` and `make test`. The other targets are their parts.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test setup lint unit wasm interop clean

# A backtrace of every expected panic would bury the one that matters.
export RUST_BACKTRACE := 0

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## */  make \1\t/p' Makefile | expand -t 18

demo: ## build, make a sample archive, ingest it, search it (DEMO_ITEMS=5000)
	tests/setup.sh build
	cargo build --locked --release --package earthcatalog
	tests/demo.sh target/release/earthcatalog target/demo $(or $(DEMO_ITEMS),5000)

test: setup lint unit wasm interop ## everything that must pass: set-up, lint, all tests
	@echo
	@echo "make test: lint, unit tests, wasm and Python interoperation passed"

setup: ## install what is missing
	tests/setup.sh build lint wasm

lint: ## formatting, clippy and documentation without a warning
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps --quiet

unit: ## all Rust tests
	if cargo nextest --version >/dev/null 2>&1; then \
	    cargo nextest run --locked --workspace --no-fail-fast; \
	else \
	    cargo test --locked --workspace --no-fail-fast --lib --bins --tests; \
	fi
	cargo test --locked --workspace --doc --quiet

wasm: ## build the core for the browser, check that it imports nothing, read a catalog with it
	wasm/build.sh
	cargo build --locked --workspace --bins
	rm -rf target/wasm/check && mkdir -p target/wasm/check
	target/debug/earthcatalog sample target/wasm/check/archive --items 50
	target/debug/earthcatalog init target/wasm/check/catalog
	target/debug/earthcatalog ingest target/wasm/check/catalog target/wasm/check/archive/items.ndjson.gz
	node wasm/check.mjs target/wasm/wasm32-unknown-unknown/debug/earthcatalog_wasm.wasm target/wasm/check/catalog 50

interop: ## what we write is read by PyIceberg, DuckDB, geopandas and Polars
	cargo build --locked --workspace --bins
	tests/python/run.sh target/debug/earthcatalog

clean: ## remove everything that was built
	rm -rf target
