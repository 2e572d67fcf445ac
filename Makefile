# `make` alone lists what can be done. Everything works on a fresh clone, as root or not, with spaces in the path or not.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help up bench test lint format lock schemas ready-to-run ready-to-test chromium

export PYTHONPATH := $(CURDIR)
export CHROMIUM ?= /usr/bin/chromium
PYTHON := .venv/bin/python

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

##@ Use it
up: ready-to-run ## run everything on this machine, on 127.0.0.1:$PORT (8080), until Ctrl-C
	@exec $(PYTHON) -m local.up

##@ Check it
test: chromium ready-to-test ## lint, then the whole suite, browsers included; ARGS="tests/text -x" for a part of it
	@status=0; \
	$(MAKE) lint || status=1; \
	npm test --silent || status=1; \
	[ $$status = 0 ] || echo 'Lint or the web tests failed, see above; the suite runs all the same.'; \
	$(PYTHON) -m pytest -n 3 --dist loadfile $(ARGS) || status=$$?; \
	exit $$status

lint: ready-to-test ## formatting, style, types, who may import whom
	@status=0; \
	$(PYTHON) -m ruff format --check . || status=1; \
	$(PYTHON) -m ruff check . || status=1; \
	$(PYTHON) -m mypy || status=1; \
	.venv/bin/lint-imports || status=1; \
	npm run --silent lint || status=1; \
	exit $$status

bench: ready-to-test ## measure it: one JSON object a line
	@$(PYTHON) -m tests.bench $(ARGS)

##@ Change it
format: ready-to-test ## put every file into shape
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
	@npm run --silent format

schemas: ready-to-run ## write the events' JSON Schemas and catalogue from their models
	@$(PYTHON) -m events.catalogue

lock: ## pin what pyproject.toml asks for, in requirements/
	@sh local/setup.sh lock

ready-to-run:
	@sh local/setup.sh python local
	@sh local/setup.sh web

ready-to-test:
	@sh local/setup.sh python test
	@sh local/setup.sh web

chromium:
	@test -x "$$CHROMIUM" || { echo "The browser tests need Chromium, and $$CHROMIUM is not there: apt install chromium, or set CHROMIUM." >&2; exit 1; }
