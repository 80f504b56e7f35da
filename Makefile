# The commands of the project; `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

CARGO ?= cargo
STAGE ?= dev
TIER ?= basic
NAME ?=
PLURAL ?=
RESOURCE ?=
TARGET ?= arm64
ARCHITECTURE = $(subst aarch64,arm64,$(subst host,$(shell uname -m),$(TARGET)))
ENDPOINT ?=
CONSUMER ?=
DRY_RUN ?=
FORCE ?=
# The data folder of the local server, for reset, token and for replay without STAGE.
DATA ?= .local
EVENT ?= {}
# The local user of `make token`: by default the one of this machine.
USER ?= user
ROLE ?=
TENANT ?=
SCOPE ?=
TTL ?=
URL ?=
# Arguments of run, seed, fuzz and bench: make run ARGS="--memory --port 4000"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run reset token seed test setup lint test-rust test-instructions test-contract test-stack test-start e2e contract client fuzz \
	bench bench-streams bench-migrate build deploy diff destroy migrate migrations api-key \
	rotate-cursor-secret upstream-key replay resource start rename audit

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Serve the API on 127.0.0.1:3000 with an embedded DynamoDB
	$(CARGO) run --bin local -- $(ARGS)

reset: ## Delete the local server's data after a confirmation: ARGS="--yes" skips it
	$(CARGO) run --quiet --bin local -- --reset --data $(DATA) $(ARGS)

token: ## Print a token of a user of the running server: USER=ada; ROLE=admin TENANT=acme SCOPE="items:read" TTL=3600
	@$(CARGO) run --quiet --bin local -- token --user '$(USER)' $(foreach role,$(ROLE),--role '$(role)') \
		$(if $(TENANT),--tenant '$(TENANT)') $(if $(SCOPE),--scope '$(SCOPE)') $(if $(TTL),--ttl '$(TTL)') \
		--data '$(DATA)' $(if $(URL),--url '$(URL)')

seed: ## Fill a running server with sample data
	$(CARGO) run --bin seed -- $(ARGS)

test: setup lint test-rust test-instructions test-contract test-stack e2e ## Run every test

setup: ## Install the dependencies of the tests and the stack inside the project
	scripts/setup

lint: setup ## Check format, lints, documentation links and language of code and workflows
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --features lambda,operator -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps --features lambda,operator
	cd benches && $(CARGO) fmt --check
	cd tests/oracle && $(CARGO) fmt --check
	cd cdk && npm run --silent lint
	cd tools && npm run --silent workflows
	scripts/check-language --self-test
	scripts/check-language

# The programs are built first: the tests of project copies start with what this compiles.
test-rust: ## Test the service, the local server, the contract generator, and the access rules against Cedar
	$(CARGO) build
	$(CARGO) test --features lambda,operator
	cd tests/oracle && $(CARGO) test --target-dir ../../target

test-instructions: ## Compare the instruction counts of the hot paths with their limits
	$(CARGO) bench --no-default-features --bench instructions

test-contract: setup ## Test the contract: lint, client, Postman, docs page, a short fuzz
	cd tools && npm run --silent test
	cd client && npm run --silent generate:check
	scripts/with-server npm --prefix client run --silent test
	scripts/with-server scripts/postman
	scripts/with-server npm --prefix tools run --silent docs
	scripts/with-server scripts/fuzz 10

test-stack: setup ## Test the templates of every stage, replay, and the deployment checks
	cd cdk && npm test && scripts/check-templates
	cdk/.venv/bin/python scripts/replay_test.py
	cdk/.venv/bin/python scripts/stack_test.py
	python3 scripts/audit_test.py

test-start: setup ## Start a project in a copy, and run its tests but e2e: about 15 minutes
	scripts/test-start

e2e: setup ## Deploy to an emulator and test there; ENDPOINT=http://localhost:4566 uses a running one
	scripts/e2e $(if $(ENDPOINT),--endpoint $(ENDPOINT))

contract: ## Generate openapi.json and the files derived from it
	$(CARGO) run --bin contract
	scripts/setup client
	cd client && npm run --silent generate

client: contract ## Generate and build the typed client
	cd client && npm run --silent build

fuzz: setup ## Send many generated requests to the API: ARGS="EXAMPLES SEED"
	scripts/with-server scripts/fuzz $(ARGS)

bench-streams: ## Measure how fast the local server processes 100,000 changes
	$(CARGO) bench --profile measure --bench pump

bench: ## Measure the functions and the local server: ARGS="--functions items_get --parts functions"
	benches/run $(ARGS)

build: ## Build the Lambda executable: TARGET=arm64, x86_64, or host without a cross-compiler
	scripts/build $(TARGET)

deploy: ## Check, build and deploy a stage: STAGE=dev, staging, prod, or your own (NEW=1 the first time)
	TARGET=$(TARGET) scripts/stack deploy $(STAGE) --context architecture=$(ARCHITECTURE)

diff: ## Show what a deployment would change
	scripts/stack diff $(STAGE) --context architecture=$(ARCHITECTURE)

destroy: ## Delete a stage; production requires CONFIRM=destroy-prod
	scripts/stack destroy $(STAGE)

migrate: ## Apply pending migrations to a stage: EVENT='{"maxWcu": 500}' sets limits
	scripts/stack migrate $(STAGE) '$(EVENT)'

migrations: ## Run the migration command on the local server or a stage: ARGS="status", "plan", "up --stage dev"
	$(CARGO) run --bin migrate -- $(or $(ARGS),status)

bench-migrate: ## Measure migrations of large tables in the embedded database: ARGS="10000 100000 1000000"
	scripts/bench-migrate $(ARGS)

api-key: ## Print an API key of a stage: TIER=basic or premium
	scripts/stack api-key $(STAGE) $(TIER)

rotate-cursor-secret: ## Rotate the cursor secret of a stage, at most once in 25 hours unless FORCE=1
	FORCE=$(FORCE) scripts/stack rotate-cursor-secret $(STAGE)

upstream-key: ## Set the key of a stage's upstream API from standard input: make upstream-key STAGE=dev < key.txt
	@scripts/stack upstream-key $(STAGE)

replay: ## Replay a consumer's failures, in the local server or a STAGE: CONSUMER=audit_append, DRY_RUN=1 to list
	@[ -n "$(CONSUMER)" ] || { echo "make replay: name the consumer: CONSUMER=audit_append" >&2; exit 2; }
ifeq ($(origin STAGE),file)
	scripts/setup cdk
	cdk/.venv/bin/python scripts/replay.py $(CONSUMER) --data $(DATA) $(if $(DRY_RUN),--dry-run)
else
	DRY_RUN=$(DRY_RUN) scripts/stack replay $(STAGE) $(CONSUMER)
endif

resource: ## Write a new resource and register it: NAME=order, PLURAL=orders where it is not NAME with an s
	scripts/resource '$(NAME)' $(PLURAL)

start: ## Start a project of your own, renamed and without the examples: NAME=shop, with a first RESOURCE=order
	scripts/start '$(NAME)'
	$(if $(RESOURCE),scripts/resource '$(RESOURCE)' $(PLURAL))

rename: ## Rename the project: NAME=shop
	scripts/rename '$(NAME)'

audit: ## Check licences and sources of crates, and known vulnerabilities of all packages
	scripts/audit
