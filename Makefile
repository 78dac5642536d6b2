# Clinic Console. `make help` lists what there is to do.

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check fmt bench chaos migration flask

# The first Python from 3.11 on that can make virtual environments; PYTHON=... names another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
NO_PYTHON = Python 3.11 or newer is needed and was not found. Install it, or name it: make PYTHON=/path/to/python3 $@
BOOTSTRAP = command -v $(PYTHON) >/dev/null || { echo "$(NO_PYTHON)"; exit 1; }; exec $(PYTHON) -I app/embedded/bootstrap.py
VENV = .venv/bin/python
ARGS ?=

help: ## show this list
	@printf '\n  \033[1mClinic Console\033[0m\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[36mmake %-10s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n  Environment: PORT (8000), SANDBOX_PORT (8001), SANDBOX_SMTP_PORT (9001), HOST (127.0.0.1), DATA_DIR (.data),\n'
	@printf '  DATABASE_URL and REDIS_URL for servers of your own, DEMO_DATA=0 to start without demo data.\n\n'

setup: ## make .venv and node_modules, or bring them up to date
	@$(BOOTSTRAP) setup

setup-dev:
	@$(BOOTSTRAP) setup --dev

run: setup ## start everything and print the address and the demo log-ins (Ctrl-C stops it)
	@exec $(VENV) -m app.embedded run --stop-with-parent

test: ## run all tests (ARGS="tests/billing -k refund" for some of them)
	@$(BOOTSTRAP) test -n 4 --dist loadfile $(ARGS)

check: setup-dev ## lint, format, types and import layers
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	.venv/bin/lint-imports

fmt: setup-dev ## format the code and sort the imports
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

bench: setup-dev ## measure speed against plain Flask on a large data set
	@exec $(VENV) -m bench $(ARGS)

chaos: setup-dev ## the long tests: kill processes at every point of the main job and check that nothing is lost
	@exec $(VENV) -m pytest -m chaos $(ARGS)

migration: setup-dev ## write a migration from the models: make migration m="add claims"
	@test -n "$(m)" || { echo 'Say what it is for: make migration m="add claims"'; exit 1; }
	@exec $(VENV) -m app.embedded migration "$(m)"

flask: setup ## run a command on the running console's data: make flask c="audit verify"
	@exec $(VENV) -m app.embedded exec -- .venv/bin/python -m flask $(c)
