# What one types here; `make` alone lists it. Each target starts from nothing, says what it does,
# and does not repeat what is already done. From the environment: MMLAB_DATA, the folder of the
# data; PYTHON, the interpreter to build on; BROWSER, what `make lab` opens.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport JUPYTER_TOKEN # JupyterLab makes its own and shows it

ifdef MMLAB_DATA
# Notebooks run in their own folder: make a relative path mean the same there.
export MMLAB_DATA := $(shell realpath --canonicalize-missing "$$MMLAB_DATA")
endif
space := $(subst ,, )
SAMPLE := $(subst $(space),\ ,$(or $(MMLAB_DATA),data))/sample

RUN := .venv/bin/python -m
INSTALLED := .venv/installed
DEVELOPER := .venv/installed-dev
MODEL := $(SAMPLE)/model/model.safetensors
SAMPLE_FILES := $(SAMPLE)/ceilings.csv $(SAMPLE)/dataset/dataset.json $(MODEL)
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
PAGES := $(NOTEBOOKS:notebooks/%.ipynb=build/notebooks/%.html)
SOURCES := $(shell find mmlab -name '*.py' -o -name '*.js' -o -name '*.css')
# The pages load nothing from the net; none of them has a formula.
OFFLINE := --HTMLExporter.mathjax_url= --HTMLExporter.require_js_url=
STRIP := nbstripout --extra-keys metadata.language_info.version

MEND_PIP := read the last lines of pip above; it needs the network and about 3 GB of free disk

LAB := --ip=127.0.0.1 --notebook-dir=notebooks --LabApp.news_url=None \
	--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate
ifeq ($(shell id -u),0)
LAB += --allow-root # a bare container has no other user
endif
ifeq ($(BROWSER)$(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),)
LAB += --no-browser # no display: open the printed address by hand
endif

# What an interrupted step has finished stays: the next run goes on from it.
.PRECIOUS: $(SAMPLE_FILES)
.PHONY: help lab test test-slow notebooks lint format sample results bench explanations ablations fuzz pictures costs clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

lab: $(INSTALLED) $(SAMPLE_FILES) ## JupyterLab on the notebooks, with the sample corpus and model
	@tools/step "JupyterLab" "free a port, or read the last lines above" $(RUN) jupyterlab $(LAB)

test: $(DEVELOPER) ## the fast tests
	@OMP_NUM_THREADS=1 tools/step "tests" "the failures are listed above, each with its file and line" \
		$(RUN) pytest -m "not slow" -n 2

test-slow: $(DEVELOPER) $(SAMPLE_FILES) $(PAGES) ## the tests that need corpus, model, notebooks, browser
	@tools/step "Chromium" "sudo apt-get install chromium" \
		sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome'
	@tools/step "slow tests" "the failures are listed above, each with its file and line" \
		$(RUN) pytest -m slow -n 2 --dist loadfile

notebooks: $(PAGES) ## every notebook, executed, as build/notebooks/*.html

lint: $(DEVELOPER) ## format, style, types, no outputs in the notebooks
	@tools/step "format" "make format" $(RUN) ruff format --check
	@tools/step "style" "make format mends a part, the rest is listed above" $(RUN) ruff check
	@tools/step "types" "the errors are listed above" $(RUN) mypy
	@tools/step "notebooks without outputs" "make format" $(RUN) $(STRIP) --verify $(NOTEBOOKS)

format: $(DEVELOPER) ## mend what can be mended of what `make lint` finds
	@$(RUN) ruff format
	@$(RUN) ruff check --fix --exit-zero
	@$(RUN) $(STRIP) $(NOTEBOOKS)

sample: $(SAMPLE_FILES) ## the sample corpus, its features and the sample model

results: $(INSTALLED) $(SAMPLE_FILES) ## the figures of README.md
	@tools/step "results" "read the last lines above" .venv/bin/python tools/results.py

bench: $(DEVELOPER) ## time model, data, training, ranking and the map (45 minutes on idle cores, 18 GB)
	@for size in paper sample; do \
		tools/step "benchmark, $$size size" "read the last lines above" \
			.venv/bin/mmlab bench model --size $$size --out docs/bench-$$size.json || exit; done
	@for part in data training evaluation map; do \
		tools/step "benchmark, $$part" "read the last lines above" \
			.venv/bin/mmlab bench $$part --out docs/bench-$$part.json || exit; done
	@tools/step "benchmark, index" "read the last lines above; what is measured is kept" \
		.venv/bin/mmlab bench index --out docs/bench-index.json
	@tools/step "the map in a browser" "read the last lines above" \
		$(RUN) benchmarks.map_in_browser --out docs/bench-map-browser.json
	@.venv/bin/python tools/scale.py

explanations: $(INSTALLED) $(SAMPLE_FILES) ## does attention find what is there? does sound help? (minutes)
	@tools/step "explanations" "read the last lines above" \
		.venv/bin/mmlab explain --out docs/explanation.json
	@tools/step "questions" "read the last lines above" \
		.venv/bin/mmlab probe --out docs/questions.json

ablations: $(INSTALLED) $(SAMPLE_FILES) ## train the paper's variants on the sample corpus (an hour)
	@tools/step "ablations" "read the last lines above; finished runs are kept" \
		.venv/bin/mmlab ablate --report docs/ablations.json

fuzz: $(DEVELOPER) ## ten thousand mutations of every format (half an hour)
	@tools/step "mutations" "the failures are listed above, each with its seed" \
		.venv/bin/python tools/fuzz.py

pictures: $(DEVELOPER) $(PAGES) ## the pictures of README.md
	@tools/step "pictures" "read the last lines above" .venv/bin/python tools/pictures.py

costs: $(INSTALLED) ## the seconds and megabytes of everything made so far
	@.venv/bin/python tools/costs.py

clean: ## remove what the tools left (kept: .venv, data)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find mmlab tests tools notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

$(INSTALLED): requirements.txt pyproject.toml
	@tools/step "virtual environment" "install Python 3.11 (Debian 12: sudo apt-get install python3 python3-venv)" \
		tools/create-venv .venv
	@tools/step "packages" "$(MEND_PIP)" \
		$(RUN) pip install --requirement requirements.txt --editable .
	@touch $@

$(DEVELOPER): $(INSTALLED)
	@tools/step "developer packages" "$(MEND_PIP)" \
		$(RUN) pip install --constraint requirements.txt --editable '.[dev]'
	@touch $@

$(SAMPLE_FILES) &: | $(INSTALLED)
	@tools/step "sample" "read the last lines above; finished parts are kept, the next run goes on" \
		.venv/bin/mmlab sample

build/notebooks/%.html: notebooks/%.ipynb $(SOURCES) $(MODEL) | $(SAMPLE_FILES) $(INSTALLED)
	@tools/step "notebook $*" "run it in 'make lab' up to the cell named above" \
		$(RUN) nbconvert --execute --to html $(OFFLINE) --output-dir build/notebooks $<
