.PHONY: build test difftest failovertest charttest e2e e2e-flux e2e-karmada fuzz lint generate bench bench-webhook recall ci

build: ## bin/rollcall and bin/rollcall-webhook, static
	CGO_ENABLED=0 go build -trimpath -o bin/rollcall .
	CGO_ENABLED=0 go build -trimpath -o bin/rollcall-webhook ./cmd/webhook

test:
	go test ./...

# The loader beside Flux's own code; on further trees with ROLLCALL_CORPUS=folder[:folder...].
difftest:
	cd difftest && go test -v ./...

# What Helm renders of deploy/chart, beside the overlays.
charttest:
	cd charttest && go test -v ./...

# Where replicas run, here and by Karmada's own scheduler, in ROLLCALL_CASES made-up cases.
failovertest:
	cd failovertest && go test -v ./... && go test -v -modfile=v1.16.mod -tags karmada1.16 ./...

# Against a real Karmada, without containers: what its API server admits, and where it runs replicas when members are lost.
# The first time its programs are built from Go modules, which takes ten minutes and more.
e2e:
	.ci/run e2e

e2e-flux:
	ROLLCALL_PART=0/1 .ci/run e2e-flux

e2e-karmada:
	.ci/run e2e-karmada

# Each fuzz target in turn, for FUZZTIME; go test runs what they have found before.
fuzz:
	.ci/run fuzz

lint:
	.ci/run format vet staticcheck rego

generate: ## schemas and documentation
	go generate ./...

# make bench TREES="path/to/fleet path/to/another": time and memory, beside what else one may do with the same files.
TREES = testdata/fleet testdata/seed
RUNS = 5
bench:
	go run ./tools/bench -runs $(RUNS) $(TREES)

# make bench-webhook OBJECTS=2000,10000: reviews a second, latency and memory, beside OPA's own server.
OBJECTS = 2000,10000
bench-webhook:
	go run ./tools/benchwebhook -objects $(OBJECTS)

# make recall DEFECTS=fixes.tsv CLONES="path/to/owner+name path/to/another": how many of the faults that were once fixed are
# reported before the fix, and no more after it.
recall:
	go run ./tools/recall -defects "$(DEFECTS)" $(CLONES)

ci:
	.ci/run
