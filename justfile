# Short names for what deploy/test runs at once; `just` lists them. Needs https://just.systems.
bin := ".run/venv/bin"

_default:
    @just --list --unsorted

# Install packages and jars into .run/
setup:
    bash deploy/setup.sh

# Format the code and mend what ruff can mend
fmt: setup
    {{ bin }}/ruff check --fix .
    {{ bin }}/ruff format .

# Lint, and check the format
lint: setup
    {{ bin }}/ruff check .
    {{ bin }}/ruff format --check .

# Check types
types: setup
    {{ bin }}/mypy .

# Run the tests that need no stack; arguments go to pytest
unit *args: setup
    {{ bin }}/python -m pytest -m "not integration" {{ args }}

# Run the tests that start Kafka, Redis and Flink; arguments go to pytest
integration *args: setup
    {{ bin }}/python -m pytest -m integration {{ args }}

# Write the generated pages, build the site strictly, and serve it
docs: setup
    {{ bin }}/sentinel docs --write --serve

# Measure throughput and latency on the local stack
bench: setup
    {{ bin }}/sentinel up
    {{ bin }}/sentinel bench drain --transactions 300000 --warm 200000
    {{ bin }}/sentinel bench live --rate 1000 --rate 2000 --seconds 25 --warm-up 25

# Run everything that continuous integration runs
ci *args:
    .ci/run {{ args }}
