# Two commands: `make up` installs the platform and brings it up, `make test` tests it.
# Variables of `make up`: RAW=folder with raw runs to take in at the first start, PORT=number.

PYTEST = .venv/bin/python -m pytest
COMPILE = UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate

# Without byte code every process compiles its imports anew, which takes longer than its work.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test bench soak lint lock setup

up: setup
	@exec .venv/bin/hven up $(if $(RAW),--raw "$(RAW)") $(if $(PORT),--port $(PORT))

# Files in their order: the long journeys have few tests each and would come last.
test: setup
	@$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder -m "not soak and not bench"

bench: setup
	@.venv/bin/python tests/benchmarks

soak: setup
	@$(PYTEST) -m soak --timeout 0

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

lock: setup
	@$(COMPILE) --extra hub --extra fits --extra postgres --extra test --extra zarrs --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra hub --extra fits --extra cameras --extra postgres --extra oidc --extra systemd --extra slurm --extra zarrs \
	  --constraint requirements.lock --output-file platform/server/requirements.lock pyproject.toml

setup:
	@sh platform/setup.sh
