# `make help` lists the targets. Everything else is the command below and the buildfleet CLI.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STACK ?= fleet
CDK := cdktf
# Make would run functions in what it is given, here and for the environment of each command.
override STACK := $(value STACK)
# $(CDK) takes the program from this variable; OpenTofu serves where Terraform is missing
ifeq ($(origin TERRAFORM_BINARY_NAME),undefined)
TERRAFORM_BINARY_NAME := $(shell command -v terraform >/dev/null && echo terraform || echo tofu)
else
override TERRAFORM_BINARY_NAME := $(value TERRAFORM_BINARY_NAME)
endif
export TERRAFORM_BINARY_NAME
export CHECKPOINT_DISABLE = 1
# node 22 and later keep the compiled code of tsc, eslint and prettier, by default below $TMPDIR
export NODE_COMPILE_CACHE ?= $(CURDIR)/.cache/node
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

quote = '$(subst ','\'',$(1))'
stacks := $(foreach stack,$(STACK),$(call quote,$(stack)))

.PHONY: help setup setup-test deploy diff destroy status render sbom lint lint-types lint-style lint-format lint-imports test bench

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

setup: ## Install what a deploy needs
	@scripts/setup.sh deploy

setup-test:
	@scripts/setup.sh test

deploy: setup ## Make the fleet real, then show it
	$(CDK) deploy $(stacks) --auto-approve
	@bin/buildfleet status

diff: setup ## Show what a deploy would change
	$(CDK) diff $(stacks)

destroy: setup ## Take the fleet away again; the image cache stays
	$(CDK) destroy $(stacks) --auto-approve
	@scripts/remove-empty-state.sh $(stacks)

status: ## Show the fleet
	@bin/buildfleet status

render: setup ## Write rendered/ and docs/reference/ again, the files that reviewers diff
	$(CDK) synth
	node --require ./scripts/ts-node.cjs scripts/reference/write.ts

sbom: ## List the npm packages as CycloneDX, in .cache/sbom.cdx.json
	@mkdir -p .cache
	npm sbom --sbom-format=cyclonedx --package-lock-only >.cache/sbom.cdx.json.tmp
	@mv .cache/sbom.cdx.json.tmp .cache/sbom.cdx.json

lint: ## Check types, style and the direction of imports
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-types lint-style lint-format lint-imports

lint-types:
	tsc --noEmit

lint-style:
	eslint . --max-warnings 0

lint-format:
	prettier --check --log-level warn .

lint-imports:
	depcruise --config .dependency-cruiser.cjs --output-type err main.ts stacks constructs src

test: setup-test ## Run lint and every test, those with real machines included
	@$(MAKE) --no-print-directory lint
	@env --unset=MAKEFLAGS scripts/test.sh

bench: setup-test ## Measure the ratios of docs/performance.md
	@node --require ./scripts/ts-node.cjs scripts/bench/main.ts
