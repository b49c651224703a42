# Everything a developer types. Needs Python 3.11, pip and make; all else goes into .venv and .local.

PYTHON ?= python3
BIN := .venv/bin
LOCK := --generate-hashes --no-emit-find-links --no-emit-index-url --no-emit-trusted-host --strip-extras --quiet

.PHONY: run help demo build quick test again procfile chaos years attack mutations browser screenshots interop bench lock release clean
.PHONY: lint lint-style lint-types lint-rooms lint-settings

run: .venv/installed ## Start everything and say where to look; Ctrl-C stops it
	@$(BIN)/python -m b24app.operations.local run

help: ## Every command with what it does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/installed ## One message all the way, without a browser
	@$(BIN)/python -m b24app.operations.local demo

build: .venv/installed ## Translations and static files, for production; the Procfile's own line
	@$(BIN)/python -m b24app.operations.build

# Without the portals, the messaging, the console, the sandbox and all that starts processes; `make test` has those.
quick: .venv/installed ## In half a minute: the tests of the services, core and webhooks that wait for nothing
	@echo "quick: tests/core, providers and webhooks; left out: whatever is marked long, and every other room"
	@$(BIN)/python -m pytest -q -n 2 -m "not browser and not interop and not system and not chaos and not long" \
		tests/core tests/providers tests/webhooks

test: .venv/installed ## Every test but the browser's
	@echo "test: pytest on private stores"
	@$(BIN)/python -m pytest -q -n 4

again: .venv/installed ## The tests that failed last, one after the other; ARGS="-m browser" for those
	@echo "again: what failed last, alone"
	@$(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none --maxfail 3 $(ARGS)

procfile: .venv/installed ## The Procfile word by word from requirements.txt alone, restarted under load; RESTARTS=200 for long
	@echo "procfile: requirements.txt alone, restarts under load"
	@$(BIN)/python -m pytest -q -m system tests/system

chaos: .venv/installed ## Faults under load, then the books; ARGS="--seed 7 --minutes 30", or --brief as in the tests
	@echo "chaos: seeded faults under load"
	@$(BIN)/python -m tests.chaos $(ARGS)

years: .venv/installed ## Portals live for years in simulated time, then the books; ARGS="--seed 7 --portals 20 --days 365"
	@echo "years: the lives of portals in simulated time"
	@$(BIN)/python -m tests.life.years $(ARGS)

attack: .venv/installed ## Every attack while a victim is timed; ARGS="--brief", "--together 3", "--only fuzz --fuzz 100000"
	@echo "attack: a victim is timed under seeded attacks"
	@$(BIN)/python -m tests.attack $(ARGS)

mutations: .venv/installed ## The code broken in known ways, each of which a test must notice; ARGS="--only token"
	@echo "mutations: a copy of the code is broken, its tests must notice"
	@$(BIN)/python -m tests.mutations $(ARGS)

browser: .venv/installed ## The tests in a real Chromium, which must be installed
	@echo "browser: pytest in Chromium"
	@$(BIN)/python -m pytest -q -n 2 -m browser tests

screenshots: .venv/installed ## The pictures in docs/screenshots and the icons in docs/market, made anew in Chromium
	@echo "screenshots: docs/screenshots, docs/market"
	@$(BIN)/python -m tests.pictures

interop: .venv/installed ## Software nobody here wrote: b24jssdk, Kannel, OsmoMSC, node-smpp, moto, vendors' OpenAPI
	@echo "interop: b24jssdk, Kannel, OsmoMSC, node-smpp, moto and the vendors' descriptions"
	@$(BIN)/python -m pytest -q -m interop tests/interop

bench: .venv/installed ## Figures against a straightforward design; ARGS="--quick" for a first look
	@$(BIN)/python -m bench $(ARGS)

# Enough for the settings to load: nothing is reached while linting.
lint: export SECRET_KEY = lint
lint: export SECRETS_KEYS = lint
lint: export ADDRESS_KEYS = lint
lint: export B24_CLIENT_ID = lint
lint: export B24_CLIENT_SECRET = lint
lint: export PUBLIC_URL = https://sendline.example
lint: export DATABASE_URL = postgresql:///none?host=/nonexistent
lint: export REDIS_URL = unix:///nonexistent?db=0
lint: lint-types lint-style lint-rooms lint-settings ## Style, types, walls between the rooms, migrations; with -j2 two at a time

lint-style: .venv/installed
	@echo "lint: ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

lint-types: .venv/installed
	@echo "lint: mypy"
	@$(BIN)/mypy --no-error-summary manage.py b24app providers tests

lint-rooms: .venv/installed
	@echo "lint: the rooms"
	@$(BIN)/lint-imports --no-logo

lint-settings: .venv/installed
	@echo "lint: migrations and settings"
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py check

lock: .venv/installed ## Compile the lock files from pyproject.toml
	@echo "lock: requirements.txt"
	@$(BIN)/pip-compile $(LOCK) --output-file=requirements.txt pyproject.toml
	@echo "lock: requirements-extras.txt"
	@cp requirements.txt requirements-extras.txt # so that what both hold is the same
	@$(BIN)/pip-compile $(LOCK) --extra=apprise --extra=aws --output-file=requirements-extras.txt pyproject.toml
	@echo "lock: requirements-dev.txt"
	@$(BIN)/pip-compile $(LOCK) --allow-unsafe --extra=dev --extra=apprise --extra=aws --output-file=requirements-dev.txt pyproject.toml

release: .venv/installed ## Tag VERSION, and make its archive, parts list (SBOM) and checksums in dist/
	@$(BIN)/python -m b24app.operations.publish $(or $(VERSION),$(error name a version: make release VERSION=1.1.0))

clean: .venv/installed ## Forget the data, keys and logs of `make run`, and all caches
	@echo "clean: .local and caches"
	@$(BIN)/python -m b24app.operations.local clean
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache staticfiles

.venv/installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	@echo "install: .venv from requirements-dev.txt (about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
