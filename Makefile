# Each target is one call of dev.py, which needs only Python 3.11 or newer.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help run test check bench

help:
	@echo "make run     start Easel at http://127.0.0.1:8000 (PORT=… DATA_DIR=… to choose others)"
	@echo "make test    the whole suite (ARGS=\"-k ledger\"; REQUIRE_ALL=1 allows no skip)"
	@echo "make check   format, lint, types, imports, migrations, templates"
	@echo "make bench   the benchmarks (ARGS=\"thumbnails\" for one)"

run:
	$(PYTHON) dev.py up $(ARGS)

test:
	$(PYTHON) dev.py test $(ARGS)

check:
	$(PYTHON) dev.py check $(ARGS)

bench:
	$(PYTHON) dev.py bench $(ARGS)
