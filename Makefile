# Every target does its own set-up: it is repeated only when a pyproject or the constraints change.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON  ?= python3
VENV    := .venv
PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check
STAMP   := $(VENV)/.ready
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := registry/pyproject.toml pyproject.toml $(PLUGINS:%=%/pyproject.toml)
DISTRIBUTIONS := . registry all $(PLUGINS)
TRAINED := $(patsubst %/pyproject.toml,%,$(shell grep -l '^train *=' plugins/*/pyproject.toml))
# Each by itself and once more with its extra: pip finds the one where another asks for the other.
EDITABLE := -e registry -e '.[dev,eval]' $(PLUGINS:%=-e './%') $(TRAINED:%=-e './%[train]')
# Tested against, and never a dependency: ImageBind (CC-BY-NC-SA-4.0) asks for more than it needs.
WRAPPED := imagebind-unofficial
PACKAGES := nextgpt_registry nextgpt_core $(PLUGINS:plugins/%=nextgpt_%)
# What builds a project, of wheels and of editable installs without build isolation.
BACKEND := hatchling editables hatch-fancy-pypi-readme
TESTERS := hypothesis jsonschema openai playwright pytest pytest-timeout pytest-xdist
TESTS   ?= tests/core tests/registry tests/integration plugins
OUT     ?= out/demo
DIST    ?= dist
# Test files at once (conftest.py), each on one thread: more threads than cores are slower.
JOBS    ?= 2
PYTEST  := OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --no-loadscope-reorder

.PHONY: help setup demo studio train-mini test test-all test-fast test-lowest test-highest check lint types \
	imports prose site format docs \
	reference constraints dist clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(STAMP) ## .venv with everything editable, pinned by constraints.txt

# A .venv without a working pip (an interrupted set-up) is made anew. The build backend comes first:
# editable installs without build isolation need it, and are quicker for it.
$(STAMP): $(PROJECTS) constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nextgpt needs Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "setting up $(VENV) (the first time takes some minutes)"
	$(PIP) install --quiet -c constraints.txt $(BACKEND)
	$(PIP) install --quiet -c constraints.txt --no-build-isolation $(EDITABLE)
	$(PIP) install --quiet -c constraints.txt --no-deps $(WRAPPED)
	@touch $@

demo: $(STAMP) ## a conversation in text, pictures, sound and video; one HTML page in out/demo
	$(VENV)/bin/nextgpt demo mini --out $(OUT)

studio: $(STAMP) ## talk to mini in the browser; clients of OpenAI may use the same address
	$(VENV)/bin/nextgpt studio mini

# Killed at any moment and started again, it goes on; its table, logs and locks are to be committed.
train-mini: $(STAMP) ## mini from nothing to its weights, hours on two cores; resumable
	$(VENV)/bin/nextgpt mini recipe --out plugins/mini/recipe

test: $(STAMP) ## all tests (those marked gpu need a GPU, network a package registry)
	$(PYTEST)

test-all: $(STAMP) ## all tests, with all of what is marked exhaustive (`make test` has a sample)
	$(PYTEST) --all

test-fast: $(STAMP) ## the tests of a minute or two, of the core, the registry and the repository
	$(PYTEST) -m 'not slow and not network' -k 'not marked_block' tests/core tests/registry tests/policy

# Both ends of what the projects allow of others, each in an environment of its own. TESTS= narrows
# them, PYTHON= names another one; torch and the tools of tests stay as pinned.
test-lowest: $(STAMP) ## the tests of a minute with the oldest versions that every range allows
test-highest: $(STAMP) ## the tests of a minute with the newest
test-lowest test-highest: test-%:
	@mkdir -p out
	$(PY) tests/policy/ranges.py $* > out/$*.txt
	$(PYTHON) -m venv --clear out/$*
	out/$*/bin/python -m pip install --quiet -c out/$*.txt $(BACKEND) $(TESTERS)
	out/$*/bin/python -m pip install --quiet -c out/$*.txt --no-build-isolation $(EDITABLE:'.[dev,eval]'='.[eval]')
	out/$*/bin/python -m pip install --quiet -c constraints.txt --no-deps $(WRAPPED)
	OMP_NUM_THREADS=1 NEXTGPT_OFFLINE=1 out/$*/bin/python -m pytest -n $(JOBS) --no-loadscope-reorder \
		-p no:cacheprovider -m 'not slow and not network' $(TESTS)

check: lint types imports prose site ## everything that runs no code of ours

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(STAMP)
	$(PY) -m mypy $(PACKAGES:%=-p %)

imports: $(STAMP)
	$(VENV)/bin/lint-imports --no-cache

# Words misspelt anywhere but in tests (they misspell on purpose), the house's own words in what
# people read (docs/words.txt), and its style.
PROSE := git ls-files '*.md' ':!docs/mini/gallery.md' ':!*/scaffold/*' ':!*LICENSES*'

prose: $(STAMP) ## codespell and proselint, over what people read
	git ls-files '*.py' '*.md' '*.toml' '*.yaml' '*.html' ':!*tests/*' | xargs $(VENV)/bin/codespell
	$(PROSE) | xargs $(VENV)/bin/codespell --builtin "" -D docs/words.txt --ignore-regex 'FiLM|film, clip'
	$(PROSE) | xargs $(VENV)/bin/proselint check

format: $(STAMP) ## mend what ruff can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

site: $(STAMP) ## the documentation as a site, built strictly: out/site/index.html
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict  # --quiet would count no warning

docs: site ## the site, links, and every block of the docs that is marked to run
	$(PY) -m pytest tests/policy/test_docs.py tests/policy/test_reference.py tests/policy/test_api.py

reference: $(STAMP) ## write what the code says into docs/reference
	$(PY) docs/reference/surface.py
	$(PY) docs/reference/generate.py

constraints: $(STAMP) ## pin what is installed now
	@{ sed -n '/^#/p' constraints.txt; \
	   $(PIP) freeze --exclude-editable | grep -v ' @ ' | sed 's/+cpu$$//'; } > constraints.new
	@mv constraints.new constraints.txt

# W002: a new plugin gets the licence that the registry has itself. W007, W008: nextgpt-all has no code.
dist: $(STAMP) ## a wheel and a source archive of every project, in dist/, checked
	rm -f $(DIST)/nextgpt_*.whl $(DIST)/nextgpt_*.tar.gz
	@set -e; for project in $(DISTRIBUTIONS); do \
		(cd $$project && $(abspath $(PY)) -m hatchling build -d $(abspath $(DIST))); done
	$(PY) -m twine check --strict $(DIST)/nextgpt_*
	$(VENV)/bin/check-wheel-contents --ignore W002,W007,W008 $(DIST)

clean: ## caches and what runs made; .venv stays
	rm -rf out runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
