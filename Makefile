# The gates of the collection. Each target sets up what it needs and is quick when that is there already;
# the work is done by the scripts in tools/.
#
# Everything made lies in .venv and build/, and `make clean` removes it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help lint sanity unit molecule bench build test demo docs clean
MAKEFLAGS += --no-print-directory
SCENARIO ?=

help: ## show this text
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lint: ## style, types and metadata: ruff, mypy, yamllint, ansible-lint, antsibull, shellcheck
	@tools/lint

sanity: ## ansible-test sanity, with every supported ansible-core found here
	@tools/sanity

unit: ## unit tests with every supported ansible-core found here, and the coverage of module_utils
	@tools/unit

molecule: ## scenarios in containers; SCENARIO=image_cache for one of them
	@tools/molecule $(SCENARIO)

bench: ## the measured promises, as a table and in build/bench.json
	@tools/bench

build: ## the Galaxy tarball in build/, checked, installed and used from an empty directory
	@tools/build

test: ## all of the above, as CI runs them
	@tools/test

demo: ## a partition on this machine, from nothing to storage classes, as a short story
	@tools/demo

docs: ## the documentation as a site in build/docs
	@tools/docs

clean: ## remove what the other targets made: files, containers, networks
	@tools/clean
