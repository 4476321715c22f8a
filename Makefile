# The only list of commands. `make run` and `make test` set everything up by themselves.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-bench
PORT ?= 8501
HEADLESS := $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname))),false,true)
CODE := app.py pages ui audit xai models benchmarks tests

.PHONY: run test check fix bench train-toy chromium clean
.DEFAULT_GOAL := run

run: $(VENV)/app-ready ## set up and open the app on http://localhost:8501
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.headless $(HEADLESS) --server.showEmailPrompt false

test: $(VENV)/dev-ready chromium ## set up and run all tests, a real Chromium included
	$(BIN)/pytest --cov --cov-report=term:skip-covered $(ARGS)

check: $(VENV)/dev-ready ## style, types, architecture
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_architecture.py

fix: $(VENV)/dev-ready ## mend style where a machine can
	$(BIN)/ruff check --fix $(CODE)

bench: $(VENV)/app-ready $(PEERS)/peers-ready ## measure the app's own speed, the regularisers on the toy corpus, the error of Shapley values, and explanations beside other packages
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.ablation
	$(PEERS)/bin/python -m benchmarks.shapley_error
	$(PEERS)/bin/python -m benchmarks.explaining $(ARGS)

train-toy: $(VENV)/app-ready ## every training stage on the toy corpus, about a minute
	$(BIN)/python -m models train configs/toy.yaml
	$(BIN)/python -m models evaluate configs/toy.yaml

$(VENV)/bin/python $(PEERS)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python found; install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old; install Python 3.11 or newer, or run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(@:/bin/python=) || { echo "$(PYTHON) cannot make an environment; install its venv module (Debian: apt-get install python3-venv)." >&2; exit 1; }

$(VENV)/app-ready: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev-ready: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/app-ready

$(PEERS)/peers-ready: benchmarks/requirements.txt requirements.txt | $(PEERS)/bin/python
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

chromium:
	@if [ -n "$$CHROMIUM" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji >/dev/null; \
	else echo "No Chromium was found: install it, or set CHROMIUM to its path; the browser tests are skipped without it." >&2; fi

clean: ## remove the environments and caches; runs/ and checkpoints/ stay
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .coverage
