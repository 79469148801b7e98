# make run   builds everything and starts Amphi with demo content on http://localhost:8080
# make test  runs every test and check, and ends with one line that counts them
# make help  lists the rest

.DEFAULT_GOAL := help
.PHONY: help run test setup build web check fmt snapshots bench clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: setup build ## Build the web app and the binary, and start it with demo content
	./target/release/amphi serve --demo

test: ## Run every test and check (Rust, web, browser); the last line counts them
	@scripts/setup test
	@node tests/run.mjs

setup: ## Install what is missing (ffmpeg), or say exactly what to install
	@scripts/setup run

build: web ## Build the release binary with the web app inside: target/release/amphi
	cargo build --release --locked --package amphi

web: web/dist/index.html ## Build the web app

web/dist/index.html: $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/e2e/*' 2>/dev/null)
	cd web && npm ci --no-audit --no-fund && npm run build
	@touch web/dist/index.html

check: ## Formatting, lints, types and licences only, without the tests
	@scripts/setup test
	@node tests/run.mjs --only checks

fmt: ## Format the Rust and the web sources
	cargo fmt --all
	cd web && npx biome check --write .

snapshots: ## Write the generated contracts anew (OpenAPI, web types, test snapshots) after an intended change
	cargo build --locked --package amphi
	./target/debug/amphi openapi > web/openapi.json
	cd web && npm run schema
	INSTA_UPDATE=always cargo test --locked --workspace --quiet || true
	git status --short

bench: ## Measure start, memory, size, the cost of a call and recovery (see docs/benchmarks.md)
	bench/footprint
	bench/calls
	bench/chaos

clean: ## Remove what building made
	rm -rf target web/dist web/node_modules
