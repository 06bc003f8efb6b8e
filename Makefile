# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Offline and reproducible: nothing below looks beyond the package index.
export HF_HUB_OFFLINE := 1
export HF_DATASETS_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help demo test test-all lint configs docs clean

help:
	@echo "make demo      environment, then five tiny models, one table, one page"
	@echo "make test      environment, lint, types, tests (slow ones left out)"
	@echo "make test-all  the same with the slow tests"
	@echo "make docs      the documentation as a site, in site/"
	@echo "make configs   write task_configs/ again from the language table"

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable ".[peft,report,mixed,fast]" --group dev
	touch $(READY)

# One harness run per model, two at a time, then one table and one page over all of them. The package
# ships the first model; the others are part of an experiment.
MODELS := neuronxa_tasks/world/checkpoints/llama
MODELS += $(addprefix results/world/checkpoints/,qwen3 mistral glm4 olmo2)
NAMES := $(foreach folder,$(MODELS),--name $(folder)=$(notdir $(folder)))
TASKS := neuronxa_world,neuronxa_world_cloze,neuronxa_world_knowledge,neuronxa_world_story,neuronxa_world_nli
# At this size more threads only wait for each other.
demo: export OMP_NUM_THREADS = 1
demo: $(READY)
	$(BIN)/neuronxa run --checkpoints $(MODELS) --at_once 2 --model hf-neuronxa \
	  --model_args dtype=float32 --tasks $(TASKS) \
	  --metadata '{"control": "untrained", "control_seeds": 1}' \
	  --batch_size 64 --device cpu --output_path demo-results/runs
	$(BIN)/neuronxa leaderboard demo-results/runs --latest $(NAMES) -o demo-results/board
	$(BIN)/neuronxa report demo-results/runs --latest $(NAMES) -o demo-results/report.html
	@echo "Look at demo-results/report.html; the tables are in demo-results/board/"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m neuronxa_tasks.harness.configs --check

# Tests run in so many processes of one thread each; WORKERS=0 is one process. A file is run by one
# of them, since its tests share what is dear to make; the folders with the longest tests come first.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20
test test-all: export OMP_NUM_THREADS = 1

test: lint
	$(PYTEST) -m "not slow"

test-all: lint
	$(PYTEST)

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(READY)
	$(BIN)/python -m mkdocs build --strict

configs: $(READY)
	$(BIN)/python -m neuronxa_tasks.harness.configs

clean:
	rm -rf .venv demo-results site .pytest_cache .mypy_cache .ruff_cache .hypothesis
