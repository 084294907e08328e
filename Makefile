# Daily commands; README, hooks and CI call the same. The environment is made by ./igny8.
SHELL := /bin/bash
BIN := .venv/bin

.PHONY: help test lint types demo bench prove contracts env permissions errors client guarantees

help: ## print these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## everything CI runs: lint, types, all tests with coverage and its gate
	./igny8 test

lint: ## ruff, import contracts, shell scripts, Dockerfile, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	git ls-files -z -- '*.sh' igny8 .ci/run | xargs -0 shellcheck
	$(BIN)/hadolint deploy/docker/Dockerfile
	$(BIN)/python -m common.contracts.documents --check
	$(BIN)/python -m common.configuration --check
	$(BIN)/python -m common.auth.permissions --check
	$(BIN)/python -m common.api.codes --check
	$(BIN)/python -m clients.generate --check

types: ## mypy --strict
	$(BIN)/mypy

demo: ## keywords in, published articles out
	./igny8 demo

bench: ## the benchmarks
	./igny8 bench

prove: ## a sample of the planted defects and of the crashes; all: ./igny8 prove --help
	./igny8 prove

contracts: ## write JSON Schemas, the AsyncAPI document and the table of events from the code
	$(BIN)/python -m common.contracts.documents

env: ## write .env.example from the code
	$(BIN)/python -m common.configuration

permissions: ## write docs/architecture/permissions.md from the code
	$(BIN)/python -m common.auth.permissions

errors: ## write docs/errors.md from the registry of error codes
	$(BIN)/python -m common.api.codes

client: ## write the typed client's models and methods from the API description
	$(BIN)/python -m clients.generate

guarantees: ## write the tables of docs/architecture/guarantees.md from the planted defects
	$(BIN)/python -m proving.document
