# make book | make test | make tools | make workflow | make bench: each sets up what it needs first.
COHORT ?= phantom twin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
JOBS ?=
# Of make workflow: laptop or slurm; participants in one job; cores of a job on everyone; more words for snakemake.
PROFILE ?= laptop
BATCH ?= 1
THREADS ?=
SNAKEMAKE ?=
MEMORY_MB = $(shell awk '/MemAvailable/ {print int($$2 / 1024)}' /proc/meminfo 2>/dev/null || echo 8000)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: book test bench tools workflow lint clean

book: $(READY) tools
	for name in $(COHORT); do $(BIN)/thalutils run $$name $(if $(JOBS),--jobs $(JOBS)) || exit; done
	$(BIN)/thalutils book $(COHORT)

test: $(READY) tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST)

bench: $(READY) tools
	$(BIN)/python -m benchmarks $(BENCH)

lint: $(READY)
	$(BIN)/pre-commit run --all-files

$(READY): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) with $(PYTHON): several minutes the first time"
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, and $(PYTHON) is older: make PYTHON=/path/to/python3.11"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

# SAMSEG needs numpy<2, so it has an environment of its own; where it has no wheel, the study goes without.
tools: .tools/samseg/.tried

.tools/samseg/.tried: requirements-samseg.lock
	@echo "Setting up SAMSEG in .tools/samseg"
	@mkdir -p .tools/samseg
	@if "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)) or sys.platform != "linux")'; then \
		"$(PYTHON)" -m venv .tools/samseg && \
		.tools/samseg/bin/python -m pip install --quiet --requirement requirements-samseg.lock; \
	else \
		echo "SAMSEG has no wheel for this Python or system: the study runs without it and says so."; \
	fi
	@touch $@

# The study as jobs of its own, on this machine or a cluster. Snakemake's pins clash with nilearn's, so it lives apart.
workflow: $(READY) tools .tools/snakemake/.ready
	for name in $(COHORT); do .tools/snakemake/bin/snakemake --snakefile workflow/Snakefile \
		--profile workflow/profiles/$(PROFILE) --config cohort=$$name batch=$(BATCH) $(if $(THREADS),threads=$(THREADS)) \
		$(if $(filter laptop,$(PROFILE)),--resources mem_mb=$(MEMORY_MB)) $(SNAKEMAKE) || exit; done

.tools/snakemake/.ready: requirements-snakemake.lock
	@echo "Setting up Snakemake in .tools/snakemake"
	"$(PYTHON)" -m venv .tools/snakemake
	.tools/snakemake/bin/python -m pip install --quiet --requirement requirements-snakemake.lock
	@touch $@

clean:
	rm -rf build
