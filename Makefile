# One word per action. Each recipe is short; what is longer lives in tools/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

JOBS ?= $(shell nproc)
VERSION := $(shell awk '/^project/ { print $$3 }' CMakeLists.txt)
CHAOS_ROUNDS ?= 40
FUZZ_SECONDS ?= 60
API_EXAMPLES ?= 2

# Lets ccache share objects that were made with the precompiled headers.
export CCACHE_SLOPPINESS := pch_defines,time_macros
export JOBS CHAOS_ROUNDS FUZZ_SECONDS API_EXAMPLES

# $(call compile,<preset>,<targets>)
compile = cmake --preset $(1) >/dev/null && cmake --build build/$(1) -j$(JOBS) --target $(2)
links = ln -sfn release/carillon build/carillon && ln -sfn build/release/compile_commands.json compile_commands.json

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install what building needs (Debian 12, root or sudo)
	@tools/install_dependencies.sh build

.PHONY: build
build: deps ## build build/carillon (release)
	@$(call compile,release,all)
	@$(links)

.PHONY: run
run: build ## build and start everything in one process: carillon serve
	@exec build/carillon serve

.PHONY: test
test: ## tidy, unit, conformance, scenario and browser tests, 40 kills
	@tools/install_dependencies.sh test
	@$(call compile,release,all tests mutants benches bench_tools)
	@$(links)
	@tools/run_tests.py tidy unit scenarios console chaos

.PHONY: verify
verify: CHAOS_ROUNDS := 300
verify: API_EXAMPLES := 50
verify: ## test, and sanitizers, fuzzing, 300 kills; green before an issue is closed
	@tools/install_dependencies.sh verify
	@$(call compile,release,all tests mutants benches bench_tools)
	@$(links)
	@$(call compile,asan,tests)
	@$(call compile,tsan,tests)
	@$(call compile,fuzz,fuzzers)
	@tools/run_tests.py tidy unit scenarios console asan tsan fuzz chaos

.PHONY: tidy
tidy: ## check the rules of the code (layers, sizes, names, links)
	@tools/tidy.py

.PHONY: lint
lint: ## run clang-tidy over src/ (slow)
	@tools/install_dependencies.sh verify
	@$(call compile,release,all)
	@git ls-files 'src/*.cpp' | grep -vE '_(test|fuzz|bench)\.cpp$$' | xargs -P$(JOBS) -n4 clang-tidy-19 --quiet -p build/release

.PHONY: format
format: ## format the C++ files that differ from the last commit, or FILES="..."
	@tools/install_dependencies.sh verify
	@printf '%s\n' $(or $(FILES),$$(git diff --name-only --diff-filter=d HEAD; git ls-files -o --exclude-standard)) | \
	  { grep -E '\.(cpp|h)$$' || true; } | xargs -r clang-format-19 -i --verbose

.PHONY: bench
bench: ## measure on this machine, print the table of bench/RESULTS.md (ten minutes; BENCH=--short: half, BENCH=--quick: one)
	@tools/install_dependencies.sh bench
	@$(call compile,release,all bench_tools)
	@$(links)
	@bench/run.py $(BENCH)

.PHONY: bench-cluster
bench-cluster: ## the same of a cluster with PostgreSQL, Redis and Kafka on this machine (BENCH=--short, --quick; the day: bench/day.sh)
	@tools/install_dependencies.sh bench test
	@$(call compile,release,all bench_tools)
	@bench/cluster.py $(BENCH)

.PHONY: chaos
chaos: build ## kill -9 under load, CHAOS_ROUNDS times (default 40), a third of them in a cluster
	@tools/install_dependencies.sh test
	@tools/run_tests.py chaos

.PHONY: demo
demo: build ## a server, a simulator and one notification of every kind
	@tools/install_dependencies.sh test
	@tools/demo.py

.PHONY: cluster
cluster: build ## PostgreSQL, Redis, Kafka and each role on this machine, until Ctrl-C (CLUSTER=--without-kafka: see tools/cluster.py -h)
	@tools/install_dependencies.sh test
	@exec tools/cluster.py $(CLUSTER)

.PHONY: cluster-demo
cluster-demo: build ## the same, one notification of every kind, and a worker killed while it sends
	@tools/install_dependencies.sh test
	@tools/cluster_demo.py $(CLUSTER)

.PHONY: docs
docs: build ## write the generated pages of docs/reference
	@build/carillon reference docs/reference

.PHONY: dist
dist: build ## dist/carillon-<version>-linux-x86_64.tar.gz
	@tools/make_dist.sh $(VERSION)

.PHONY: clean
clean: ## remove build/ and dist/ (ccache stays)
	@rm -rf build dist compile_commands.json
