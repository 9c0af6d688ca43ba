# make serve    set up once, then serve a small chat model that comes with the installation
# make serve EXTRAS=speech,images MODEL="smollm2 faster-whisper-tiny ./sd.safetensors"
# make test     set up once, then run all checks and tests
# make bench    set up once, then measure this server and others on the same model (half an hour or more on 2 cores)
# make bench ARGS="--rounds 1 --only a,b16 --servers nexa,llama-server"

MODEL ?= smollm2
ARGS ?=
EXTRAS ?=
CODE = router workers shared tests scripts

.PHONY: serve test bench setup setup-dev lint unit e2e clean

serve: setup
	@.venv/bin/nexa server $(MODEL) $(ARGS)

test: lint unit e2e

bench:
	@scripts/setup.sh bench
	@.venv/bin/python -m scripts.bench $(ARGS)

setup:
	@scripts/setup.sh "$(EXTRAS)"

setup-dev:
	@scripts/setup.sh dev

lint: setup-dev
	@echo "lint: ruff and mypy (under a minute)"
	@.venv/bin/ruff check $(CODE)
	@.venv/bin/ruff format --check $(CODE)
	@.venv/bin/mypy

unit: setup-dev
	@echo "unit: tests of the parts (four to six minutes)"
	@.venv/bin/python -m pytest --ignore=tests/e2e

e2e: setup-dev
	@echo "e2e: the whole server with a real model (six to eight minutes)"
	@.venv/bin/python -m pytest tests/e2e

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
