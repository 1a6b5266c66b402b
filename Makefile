# `make quickstart` and `make test` need nothing but Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := runs/quickstart

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test test-all lint types arch docs docs-check check format build clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## Make .venv and install nlpkit with what its tests need

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed, $(PYTHON) is `$(PYTHON) -V 2>&1`"; echo "hint: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: setup ## Identify, tag and translate with what ships; train NER and sentiment on the sample corpus, score and run them
	$(BIN)/nlpkit langid -t 'Habari ya asubuhi' -t 'Ẹ káàárọ̀ o' -t '12345'
	$(BIN)/nlpkit pos -t 'Amina Otieno moved from Nairobi to Kisumu.'
	$(BIN)/nlpkit ner -t 'Amina Otieno moved from Nairobi to Kisumu.'
	$(BIN)/nlpkit translate -t 'What is your favourite film?' --nbest 2
	$(BIN)/nlpkit train ner --out $(RUN) --overwrite
	$(BIN)/nlpkit evaluate $(RUN)/model --card samples_ner --by lang
	printf 'Amina Otieno moved from Nairobi to Kisumu.\nRais alifika Dodoma jana.\nसुनीता दिल्ली में रहती है।\n' | $(BIN)/nlpkit ner --model $(RUN)/model
	$(BIN)/nlpkit train classify --out $(RUN)-classify --overwrite
	$(BIN)/nlpkit classify --model $(RUN)-classify/model -t 'What a lovely morning, the food is great' --explain
	@echo "the models lie in $(RUN)/model and $(RUN)-classify/model"

test: setup ## Run the tests
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

arch: setup
	$(BIN)/lint-imports

docs: setup ## Write docs/reference anew from the code
	$(BIN)/python docs/reference/generate.py

docs-check: setup ## Fail if docs/reference is not what the code says, or a guide's script does not run
	$(BIN)/python docs/reference/generate.py --check
	$(BIN)/python docs/guides/run.py docs/guides/batch-evaluation.md

check: lint types arch docs-check test ## All that CI runs

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: setup ## Build the wheel
	$(BIN)/python -m pip wheel --no-deps -w dist .

clean: ## Remove what was built
	rm -rf $(VENV) runs dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
