# What each target does stands in `make help`. Variables:
#   DEMO=0            make run: without the demonstration site
#   LOGS='FILE …'     make run: follow these files too (globs are expanded by Veritail, so quote them)
#   CONFIG=FILE       make run: another configuration
#   REQUIRE_ALL=1     make test: a skipped test is a failure
#   PKG='./parsers/…' make test, race, bench, fuzz: only these packages
#   FUZZTIME=10s      make fuzz: how long for each target
#   TORTURETIME=2m    make torture: how long each test writes
#   PORT=9200         make elasticsearch: where it answers on 127.0.0.1

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help prerequisites deps build run test race lint bench fuzz torture elasticsearch clean

GO          ?= go
DEMO        ?= 1
LOGS        ?=
CONFIG      ?=
PKG         ?= ./...
FUZZTIME    ?= 10s
TORTURETIME ?= 2m
PORT        ?= 9200
RACE_PKG    ?= ./pipeline/... ./rules/... ./parsers/... ./configs/... ./cmd/veritail/demo/...
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

help: ## tell what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-13s %s\n", $$1, $$2}'

prerequisites:
	@tools/prerequisites.sh

deps: prerequisites ## install what tests run for real: Debian packages (with sudo unless root), Elasticsearch
	@tools/deps.sh

build: prerequisites ## build bin/veritail (the first time takes some minutes)
	@mkdir -p bin
	$(GO) build -ldflags "-X main.version=$$(git describe --tags --always --dirty 2>/dev/null || echo dev)" -o bin/veritail ./cmd/veritail

run: build ## run the daemon on this machine's logs and a demonstration site
	@exec bin/veritail run $(if $(CONFIG),--config '$(CONFIG)') $(if $(filter 0,$(DEMO)),,--demo) $(foreach log,$(LOGS),--log '$(log)')

test: prerequisites ## run all tests; what was skipped, and how to get it, stands at the end
	@{ $(GO) test -json -timeout 15m $(PKG) || true; } | $(GO) run ./tools/testsummary

race: prerequisites ## run the tests of concurrent packages under the race detector
	@{ $(GO) test -json -race -short -timeout 15m $(RACE_PKG) || true; } | $(GO) run ./tools/testsummary

lint: prerequisites ## check format, go vet and staticcheck
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then printf 'not formatted (gofmt -w):\n%s\n' "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) -checks 'all,-ST1000,-ST1003' ./...

bench: prerequisites ## measure: parsing against vjeantet/grok, scanning, storing
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m $(PKG) | grep -v -e 'no test files' -e '^PASS' -e '^ok '

fuzz: prerequisites ## run every fuzz target for FUZZTIME
	@$(GO) list -f '{{$$p := .ImportPath}}{{$$d := .Dir}}{{range .TestGoFiles}}{{$$p}} {{$$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$$p}} {{$$d}}/{{.}}{{"\n"}}{{end}}' $(PKG) | \
	while read -r package file; do \
		[ -n "$$file" ] || continue; \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			GO="$(GO)" tools/fuzz.sh "$$package" "$$target" $(FUZZTIME); \
		done; \
	done

torture: prerequisites ## run the long tests: rotation, kill -9, full disk, against a verifier
	@{ VERITAIL_TORTURE=$(TORTURETIME) $(GO) test -json -count=1 -run Torture -timeout 90m $(PKG) || true; } | $(GO) run ./tools/testsummary

elasticsearch: prerequisites ## run a genuine Elasticsearch node until Ctrl-C (needs a JDK and Maven: make deps)
	@mkdir -p bin
	@$(GO) build -o bin/elasticsearch ./tools/elasticsearch/run
	@exec bin/elasticsearch -port $(PORT)

clean: ## remove what was built and what make run kept
	rm -rf bin var
