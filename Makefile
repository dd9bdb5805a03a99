# moodle-ha: test, build and install.  `make help` lists the targets.

NAME    := moodle-ha
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' lib/moodle_ha/__init__.py)
PYTHON  ?= /usr/bin/python3

.DELETE_ON_ERROR:
.NOTPARALLEL:

# --- tests --------------------------------------------------------------------------------

TEST_PACKAGES := $(wildcard tests/host-packages.txt packaging/host-packages.txt \
                            tests/*/host-packages.txt)

.PHONY: test
test: ## everything: lint, then all tests; installs what it needs (root). T=share: one share
	@tests/needs packages $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory lint
	$(PYTHON) -m pytest $(if $(T),--share $(T))

.PHONY: check
check: lint unit ## lint and unit tests: no root, no servers, under a minute

.PHONY: unit
unit: ## unit tests alone: no network, nothing installed (what package builds call)
	$(PYTHON) -m pytest tests/unit

.PHONY: lint
lint: ## ruff and mypy, pinned, from a private environment in .venv
	@tests/needs packages tests/host-packages.txt
	@tests/needs lint
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy --no-error-summary

# --- housekeeping -------------------------------------------------------------------------

.PHONY: clean
clean: ## remove everything that was built, and the lint tools
	rm -rf build .venv .hypothesis
	find lib tests packaging -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12
