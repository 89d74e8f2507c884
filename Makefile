# Everything that a newcomer, a developer and CI need; `make` alone lists it.
#
# Settings come from the environment or from the command line: `make demo PORT=9000`.
#   PYTHON         what makes .venv when there is none (default: the newest of 3.11 to 3.13)
#   PORT, HOST     where the site listens (default: 8000 on 127.0.0.1)
#   DEMO_PASSWORD  the password of both demo accounts (default: random ones, printed)
#   OUT            where `make report` writes (default: report.html)
#   GOODBOOKS_DIR  the folder of the goodbooks-10k files (default: see README.md)
#   ARGS           further arguments of pytest: `make test ARGS="-k rating"`

VENV := .venv
PY := $(VENV)/bin/python
# Exits with 0 from a Python that can make the virtual environment, or is the one in it.
USABLE := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# The site, as a server on the internet would be told to run: `check --deploy` judges this.
PRODUCTION = BOOKREC_ENV=production ALLOWED_HOSTS=bookrec.example \
	SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
	DATABASE_URL=postgresql://bookrec@localhost/bookrec REDIS_URL=redis://localhost/0

COMPILE = UV_CUSTOM_COMPILE_COMMAND="make requirements" $(PY) -m uv pip compile --quiet --universal \
	--python-version 3.11 --no-emit-index-url $(ARGS)

GERMAN := locale/de/LC_MESSAGES/django

.DEFAULT_GOAL := help
.PHONY: help demo test cluster-test install install-dev venv lint format run report messages settings-page requirements \
	images-check clean

help: ## List these targets.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

demo: install ## Install, import, train and run the whole site; Ctrl-C stops it.
	@exec $(PY) -m bookrec_site.demo

test: install-dev lint ## Install, then lint, types, import contracts and every test.
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py lint_migrations
	$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) -m pytest $(ARGS)

# Spark is a gigabyte with its Java, so only this installs it.
cluster-test: install-dev ## Walk through a site of several hosts: nginx, two gunicorns, workers, beat, Spark.
	@cmp -s requirements-spark.txt $(VENV)/installed-spark.txt || { \
		$(PY) -m pip install --disable-pip-version-check -r requirements-spark.txt && \
		cp requirements-spark.txt $(VENV)/installed-spark.txt; }
	CLUSTER_TEST=1 $(PY) -m pytest -m "cluster or spark" -v --durations=10 $(ARGS)

lint: install-dev ## Check style, formatting, types and the direction of imports.
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	$(PY) $(VENV)/bin/lint-imports --no-logo

format: install-dev ## Put every file into the project's form.
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

run: install ## Run the development server, which restarts when a file changes.
	@$(PY) manage.py migrate --verbosity 0
	@exec env DEBUG=1 $(PY) manage.py runserver "$${HOST:-127.0.0.1}:$${PORT:-8000}"

report: install ## Write what the data says as one HTML file: OUT=FILE.
	@$(PY) manage.py migrate --verbosity 0
	@$(PY) manage.py report "$${OUT:-report.html}" --verbosity 2

# The compiled catalogue is committed: only who changes texts needs GNU gettext (apt-get install gettext).
messages: install-dev ## Collect the texts for translators into locale/, and compile what they wrote.
	$(PY) manage.py makemessages --locale de --no-location --no-obsolete \
		--ignore '.venv/*' --ignore '.local/*' --ignore 'benchmarks/*' --ignore '*/tests/*'
	$(PY) -c "import polib; polib.pofile('$(GERMAN).po').save_as_mofile('$(GERMAN).mo')"

settings-page: install ## Write docs/settings.md, all variables of the environment, from the code.
	$(PY) manage.py settings_page

# Compared by content and copied only after success: an interrupted install is done again, and a
# file that was merely touched is not.
install: venv ## Install what the site needs into .venv, when requirements.txt has changed.
	@cmp -s requirements.txt $(VENV)/installed.txt || { \
		$(PY) -m pip install --disable-pip-version-check -r requirements.txt && \
		cp requirements.txt $(VENV)/installed.txt; }

install-dev: install ## The same with the tools of developers: requirements-dev.txt.
	@cmp -s requirements-dev.txt $(VENV)/installed-dev.txt || { \
		$(PY) -m pip install --disable-pip-version-check -r requirements-dev.txt && \
		cp requirements-dev.txt $(VENV)/installed-dev.txt; }

# A name on the PATH proves little (pyenv puts names there that do not run), so each is tried.
venv:
	@if $(PY) -c 'import pip; $(USABLE)' 2>/dev/null; then exit 0; fi; \
	if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
	else set -- python3.13 python3.12 python3.11 python3; fi; \
	for python; do \
		if "$$python" -c '$(USABLE)' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)."; \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "Bookrec needs Python 3.11, 3.12 or 3.13 with its venv module; tried: $$*." >&2; \
	echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3.13 ..." >&2; \
	exit 1

requirements: venv ## Compile requirements/*.in into the pinned files; ARGS=--upgrade for newer versions.
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@# The whole first: the parts take its versions, so no image has another than `make test` had.
	$(COMPILE) requirements/base.in -o requirements.txt
	$(COMPILE) --constraints requirements.txt requirements/web.in -o requirements-web.txt
	$(COMPILE) --constraints requirements.txt requirements/worker.in -o requirements-worker.txt
	$(COMPILE) requirements/observability.in -o requirements-observability.txt
	$(COMPILE) requirements/spark.in -o requirements-spark.txt
	$(COMPILE) requirements/dev.in -o requirements-dev.txt

images-check: install ## Make what each image holds without Docker, serve the site with it, say its size.
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	$(PY) -m benchmarks.images

clean: ## Remove .venv and the tools' caches. The data stays: it is in .local.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.local/*' -type d -prune -exec rm -rf {} +
