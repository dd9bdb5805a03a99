# moodle-ha: test, build and install.  `make help` lists the targets.

NAME    := moodle-ha
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' lib/moodle_ha/__init__.py)
PYTHON  ?= /usr/bin/python3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# --- tests --------------------------------------------------------------------------------

PYTEST         := $(PYTHON) -m pytest
UNIT_PACKAGES  := tests/host-packages.txt
BUILD_PACKAGES := packaging/host-packages.txt
LAB_PACKAGES    = $(wildcard tests/lab/host-packages.txt)
ALL_PACKAGES    = $(UNIT_PACKAGES) $(BUILD_PACKAGES) $(wildcard tests/*/host-packages.txt)

.PHONY: test
test: ## everything: lint, then all tests; installs what it needs (root). T=share: one share
	@tests/needs packages $(ALL_PACKAGES)
	@$(MAKE) --no-print-directory lint
	$(PYTEST) $(if $(T),--share $(T))

.PHONY: check
check: lint unit ## lint and unit tests: no root, no servers, under a minute

.PHONY: unit
unit: ## unit tests alone: no lint, no network, nothing installed (for package builds)
	$(PYTEST) tests/unit

.PHONY: lint
lint: ## ruff and mypy, pinned, from a private environment in .venv
	@tests/needs packages $(UNIT_PACKAGES)
	@tests/needs lint
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --quiet --check .
	.venv/bin/mypy --no-error-summary

.PHONY: format
format: ## lay out the Python code as lint wants it
	@tests/needs lint
	.venv/bin/ruff check --quiet --select I --fix .
	.venv/bin/ruff format .

.PHONY: bench
bench: ## speed beside the stock agents, as ratios (root)
	@tests/needs packages $(ALL_PACKAGES)
	$(PYTEST) tests/bench

.PHONY: soak
soak: ## long scenarios in the lab (root): S=scenario ROUNDS=n MINUTES=m
	@tests/needs packages $(LAB_PACKAGES)
	$(PYTHON) -m tests.soak $(if $(S),--scenario $(S)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(MINUTES),--minutes $(MINUTES))

.PHONY: demo
demo: deb ## build the package, bring up a cluster, fail over before your eyes (root)
	@tests/needs packages $(LAB_PACKAGES)
	$(PYTHON) -m tests.demo --deb $(DEB) --report build/demo.html
demo: export DEB_BUILD_OPTIONS := nocheck

# --- documents ----------------------------------------------------------------------------

AGENTS    := $(notdir $(wildcard ocf/*))
EXAMPLES  := $(wildcard packaging/examples/*)
PAGE      := $(PYTHON) -B packaging/man/agent_page.py
PAGE_NEEDS = $(wildcard packaging/man/*.py packaging/examples/*) \
             $(shell find lib/moodle_ha -name '*.py')
MAN7      := $(AGENTS:%=build/man/ocf_moodle_%.7)

# A page is as old as the last commit, unless a package build says otherwise.
EPOCH = $${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)}

.PHONY: man
man: $(MAN7)

build/man/ocf_moodle_%.7: ocf/% $(PAGE_NEEDS)
	@mkdir -p $(@D)
	$(PYTHON) -ISB $< meta-data >build/man/$*.xml
	SOURCE_DATE_EPOCH=$(EPOCH) $(PAGE) roff packaging/examples <build/man/$*.xml >$@

.PHONY: docs
docs: $(AGENTS:%=docs/agents/%.md) ## rewrite the pages of docs/agents from the agents

# Always: after a checkout the times of committed files say nothing.
docs/agents/%.md: ocf/% FORCE
	@mkdir -p build/man
	$(PYTHON) -ISB $< meta-data >build/man/$*.xml
	$(PAGE) markdown packaging/examples <build/man/$*.xml >$@

.PHONY: FORCE
FORCE:

# --- installation -------------------------------------------------------------------------

DESTDIR ?=
PREFIX  ?= /usr
LIB_DIR  = $(PREFIX)/share/$(NAME)
# Quoted, since the path of a staging folder may have spaces.  Pacemaker looks for agents in one
# place, whatever the prefix of everything else.
TO_OCF   = "$(DESTDIR)/usr/lib/ocf/resource.d/moodle"
TO_LIB   = "$(DESTDIR)$(LIB_DIR)"
TO_MAN   = "$(DESTDIR)$(PREFIX)/share/man/man7"
TO_DOC   = "$(DESTDIR)$(PREFIX)/share/doc/$(NAME)"

.PHONY: install
install: man ## install into DESTDIR, with PREFIX=/usr
	install -d $(TO_OCF) $(TO_LIB) $(TO_MAN) $(TO_DOC)/examples
	install -m 755 $(AGENTS:%=ocf/%) $(TO_OCF)
	cd $(TO_OCF) && sed -i $(AGENTS) -e '1s|^#!/usr/bin/python3 |#!$(PYTHON) |' \
		-e 's|/usr/share/$(NAME)|$(LIB_DIR)|g'
	find lib -name '*.py' -printf '%P\n' | xargs -I{} install -D -m 644 lib/{} $(TO_LIB)/{}
	install -m 644 $(MAN7) $(TO_MAN)
	install -m 644 $(EXAMPLES) $(TO_DOC)/examples

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(AGENTS:%=$(TO_OCF)/%) $(AGENTS:%=$(TO_MAN)/ocf_moodle_%.7)
	rm -rf $(TO_LIB) $(TO_DOC)
	[ ! -d $(TO_OCF) ] || rmdir --ignore-fail-on-non-empty $(TO_OCF)

# --- packages -----------------------------------------------------------------------------

DEB_VERSION = $(shell sed -n '1s/.*(\(.*\)).*/\1/p' packaging/deb/changelog)
DEB         = build/deb/$(NAME)_$(DEB_VERSION)_all.deb

# Built from what is committed, in a folder of its own: what lies about in a working tree can
# neither get into the package nor be missing from the repository.  What the build needs is in our
# lists: dpkg's own check would ask for a C compiler as well.
.PHONY: deb
deb: ## the Debian package of the last commit, in build/deb
	@tests/needs packages $(BUILD_PACKAGES) $(UNIT_PACKAGES)
	@test -z "$$(git status --porcelain)" || \
		echo "make deb: the package is built from HEAD, without your uncommitted changes" >&2
	rm -rf build/deb
	mkdir -p build/deb/$(NAME)-$(VERSION)
	git archive HEAD | tar -x -C build/deb/$(NAME)-$(VERSION)
	mv build/deb/$(NAME)-$(VERSION)/packaging/deb build/deb/$(NAME)-$(VERSION)/debian
	cd build/deb/$(NAME)-$(VERSION) && dpkg-buildpackage --build=binary --no-sign \
		--no-check-builddeps
	@echo $(DEB)

# --- housekeeping -------------------------------------------------------------------------

.PHONY: clean
clean: ## remove everything that was built, and the lint tools
	rm -rf build .venv .hypothesis
	find lib tests packaging -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12
