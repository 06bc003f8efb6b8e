# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Offline and reproducible: nothing below looks beyond the package index.
export HF_HUB_OFFLINE := 1
export HF_DATASETS_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help demo test test-all lint configs constraints clean

help:
	@echo "make demo      environment, then the main job on what the package ships"
	@echo "make test      environment, lint, types, tests (slow ones left out)"
	@echo "make test-all  the same with the slow tests"
	@echo "make configs   write task_configs/ again from the language table"

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable ".[peft,report,mixed]" --group dev
	touch $(READY)

demo: $(READY)
	$(BIN)/neuronxa run --model hf-neuronxa \
	  --model_args pretrained=$$($(BIN)/neuronxa path --checkpoint),dtype=float32 \
	  --tasks neuronxa_world,neuronxa_mini,neuronxa_world_cloze \
	  --batch_size 32 --device cpu --output_path demo-results
	@echo && echo "Results file:" && ls -t demo-results/*/results_*.json | head -n 1

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m neuronxa_tasks.task_yaml --check
	$(BIN)/python -m neuronxa_tasks.benchmark_yaml --check

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-all: lint
	$(BIN)/python -m pytest

configs: $(READY)
	$(BIN)/python -m neuronxa_tasks.task_yaml
	$(BIN)/python -m neuronxa_tasks.benchmark_yaml

clean:
	rm -rf .venv demo-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
