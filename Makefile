# Two commands: `make demo` and `make test`. The other targets are their parts.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo explore test nightly setup lint unit fuzz npm js www www-test interop bench bench-web clean

# A test among the targets gives dependencies the features that they have for the tests: they are not built once more.
BINARIES := cargo build --locked --workspace --bins --test vectors

# A backtrace of every expected panic would bury the one that matters.
export RUST_BACKTRACE := 0

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1\t/p' Makefile | expand -t 18

demo: ## build, make a sample archive, ingest it, search it (DEMO_ITEMS=5000)
	tests/setup.sh build
	cargo build --locked --release --package earthcatalog
	tests/demo.sh target/release/earthcatalog target/demo $(or $(DEMO_ITEMS),5000)

explore: www ## open a sample catalog in the explorer (EXPLORE_ITEMS=5000)
	tests/setup.sh build
	cargo build --locked --release --package earthcatalog
	tests/explore.sh target/release/earthcatalog target/explore $(or $(EXPLORE_ITEMS),5000)

# The explorer before the rest: the command line embeds it, and is then built once. Its tests run what interop installs.
test: setup www lint unit js interop www-test ## everything that must pass: set-up, lint, all tests
	@echo
	@echo "make test: lint, unit tests, the npm package, Python interoperation and the explorer passed"

setup: ## install what is missing
	tests/setup.sh build lint wasm js

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

fuzz: ## damage what parsers read, for long (FUZZ_ROUNDS=200000)
	FUZZ_ROUNDS=$(or $(FUZZ_ROUNDS),200000) cargo test --locked --workspace --test fuzz

# Hours. EARTHCATALOG_SEED=n runs the one history that failed.
nightly: setup ## at length: 100,000 searches, every fault, 10,000 histories, 1,000 kills, fuzz, Ceph (CASES=, SEEDS=, KILLS=)
	EARTHCATALOG_CASES=$(or $(CASES),40) cargo test --locked --workspace --no-fail-fast --test equivalence --test filters \
	    --test sorted --test grid --test geometry --test foreign_cells --test roundtrip -- --nocapture
	EARTHCATALOG_SWEEP=all EARTHCATALOG_SEEDS=$(or $(SEEDS),10000) EARTHCATALOG_KILLS=$(or $(KILLS),1000) \
	    cargo test --locked --workspace --test faults --test simulation --test lock_model --test kills -- --nocapture
	$(MAKE) fuzz
	$(BINARIES)
	EARTHCATALOG_NIGHTLY=1 tests/python/run.sh target/debug/earthcatalog

npm: ## make the npm package: target/npm/earthcatalog-VERSION.tgz
	tests/setup.sh wasm
	wasm/build.sh
	npm ci --prefix wasm --no-fund --no-audit --silent
	node wasm/npm.mjs
	node wasm/size.mjs

js: npm ## test the npm package in Node, in Chromium and in bundlers
	tests/setup.sh js
	$(BINARIES)
	npm ci --prefix tests/js --no-fund --no-audit --silent
	npm ci --prefix tests/js/packaging --no-fund --no-audit --silent
	rm -rf target/js
	node tests/js/catalogs.mjs
	cd tests/js && node --test

www: npm ## build the explorer: www/dist
	npm ci --prefix www --no-fund --no-audit --silent
	npm run build --prefix www --silent

www-test: www ## use the explorer in Chromium as a person does
	tests/setup.sh js
	$(BINARIES)
	node tests/js/catalogs.mjs
	cd www/tests && node --test --test-concurrency=1

interop: ## what we write is read by PyIceberg, DuckDB, geopandas, Polars, rustac and others
	$(BINARIES)
	tests/python/run.sh target/debug/earthcatalog

bench: ## measure the command line beside the Python earthcatalog, and plans of catalogs as they grow (BENCH_ITEMS=5000)
	tests/setup.sh build
	cargo build --locked --release --package earthcatalog
	cargo build --locked --workspace --example many_files
	tests/python/setup.sh
	target/python/earthcatalog/bin/python tests/bench/native.py

bench-web: npm ## measure searches in Chromium beside other readers (BENCH_RUNS=3)
	tests/setup.sh build js
	$(BINARIES)
	npm ci --prefix tests/js --no-fund --no-audit --silent
	npm ci --prefix tests/bench --no-fund --no-audit --silent
	node tests/bench/web.mjs

clean: ## remove everything that was built
	rm -rf target
