.PHONY: build test lint generate bench ci

build: ## bin/rollcall, static
	CGO_ENABLED=0 go build -trimpath -o bin/rollcall ./cmd/lint

test:
	go test ./...

lint:
	.ci/run format vet staticcheck rego

generate: ## schemas and documentation
	go generate ./...

# make bench TREES="path/to/fleet path/to/another": time and memory, beside parsing the YAML alone.
bench:
	go run ./internal/bench $(TREES)

ci:
	.ci/run
