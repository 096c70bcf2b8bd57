# make demo | test | lint | bench. Each sets up the virtual environment it needs, once.

PYTHON ?= python3
VENV   ?= .venv
OUT    ?= demo-output
BIN    := $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check install -qq -c constraints.txt

.PHONY: help demo test lint bench clean

help:
	@echo "make demo    follow the rabbit through the clip in assets/ and say where the results are"
	@echo "make test    install with the development tools and run the tests"
	@echo "make lint    ruff, basedpyright and the import law"
	@echo "make bench   speed and memory, by component and against transformers"
	@echo "make clean   remove the virtual environment and the demo's output"

demo: $(VENV)/.installed
	$(BIN)/masklet track assets/bigbuckbunny.mp4 --model nano --prompt "1@48:mask=assets/bigbuckbunny-48.png" --prompt "1@32:point=573,201,-" --both -o $(OUT) --overwrite

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.run

clean:
	rm -rf $(VENV) $(OUT)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"masklet needs Python 3.11 or newer; $(PYTHON) is {v[0]}.{v[1]}. Try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# The stamps make a second call start at once; they go stale when what is to be installed changes.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing masklet into $(VENV) (torch is large: minutes on the first call)"
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing masklet and its development tools into $(VENV) (torch is large: minutes on the first call)"
	$(PIP) -e '.[dev]'
	$(PIP) --no-deps 'vos-benchmark==0.1.0' 'trackeval==1.3.0'
	@touch $@ $(VENV)/.installed
