# make run      a Tackroom with a first job on this machine (README)
# make test     the test suite (README)
# make test-ansible  provisions whole machines, booted by systemd-nspawn, and uses them; root only
# make explore  new examples for the property tests, many times as many as make test has
# make fuzz     new inputs for the readers of what strangers send, for SECONDS (100) each; see tests/property/fuzz.py
# make bench    what costs what, side by side in one run; QUICK=1: a little of it, judging nothing; ARGS="puts calls": only these
# make soak     a fleet at work while processes are killed, for MINUTES (30); figures in build/soak.json
# make install  the virtual environment alone
# make check    format, lint, types, layers, httpd's configuration, documentation
# make wheel    what pip installs on a lab controller, as one file in build/wheel
# make harness  our harness as one file, build/tackroom-harness.pyz
# make docs     the documentation as pages, build/docs/html
# make clean    forget what was built and installed, but not the data

VENV := .venv/bin
SECONDS ?= 100
LISTEN ?= 127.0.0.1:8080
DATA ?=
ARGS ?=
MINUTES ?= 30

.PHONY: run test test-ansible explore fuzz bench soak install check docs wheel harness clean

run:
	@.ci/install --httpd
	@$(VENV)/tackroom demo $(if $(ONCE),--once) --listen $(LISTEN) $(if $(DATA),--data $(DATA)) docs/examples/first-job.xml

test:
	@.ci/install --need-httpd test
	$(VENV)/pytest -n 3 --dist loadfile $(ARGS)

test-ansible:
	@.ci/install --need-machines test,ansible
	$(VENV)/pytest -n 2 -v tests/ansible $(ARGS)

explore:
	@.ci/install --need-httpd test
	TACKROOM_HYPOTHESIS=explore $(VENV)/pytest -n 2 --timeout 3600 $(or $(ARGS),tests/property tests/documents tests/indexer)

fuzz:
	@.ci/install test,fuzz
	PYTHONPATH=tests/support $(VENV)/python tests/property/fuzz.py $(SECONDS)

bench:
	@.ci/install --need-bench test
	@PYTHONPATH=tests/support $(VENV)/python tests/bench $(if $(QUICK),--quick) $(ARGS)

soak:
	@.ci/install --need-httpd test
	@PYTHONPATH=tests/support $(VENV)/python tests/soak/soak.py $(MINUTES)

install:
	@.ci/install

check:
	@.ci/install --need-httpd test,check,docs,ansible
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	cd ansible && PATH="$(CURDIR)/$(VENV):$$PATH" ansible-lint --offline --strict
	@mkdir -p build/httpd
	PATH=$$PATH:/usr/sbin apache2 -t -C 'Define TR_DATA "$(CURDIR)/build/httpd"' -C 'Define TR_RUN "$(CURDIR)/build/httpd"' \
	    -C 'Define TR_LISTEN 127.0.0.1:8080' -C 'Define TR_SOCKET "$(CURDIR)/build/httpd/web.sock"' \
	    -C 'Define TR_CONF "$(CURDIR)/apache"' -f "$(CURDIR)/apache/tackroom.conf"
	$(VENV)/sphinx-build -W --keep-going -q -b html docs build/docs/html

docs:
	@.ci/install docs
	$(VENV)/sphinx-build -W -q -b html docs build/docs/html
	@echo "build/docs/html/index.html"

# the same bytes for the same commit: the role tells releases apart by them
wheel:
	@.ci/install
	@rm -rf build/wheel build/lib build/bdist.*
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 315532800) \
	    $(VENV)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	@ls build/wheel/*.whl

harness:
	@.ci/install
	@mkdir -p build
	$(VENV)/python -m wsgi_app.harnesses.local.build build/tackroom-harness.pyz
	@echo "build/tackroom-harness.pyz"

clean:
	rm -rf .venv build dist *.egg-info
