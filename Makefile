# make demo: the main job on embedded defaults; Go alone is needed.
# make test: installs what it needs, then tests everything.
# make bench: measures; make bench SCALE=1e6 in less than two minutes.
# make soak: everything together for an hour, with faults; make soak LENGTH=10m is shorter.

GO    ?= go
BIN   := $(CURDIR)/bin
MINIO := github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

# A MinIO that is there already is used: REVOCAST_MINIO, or one in the PATH.
REVOCAST_MINIO ?= $(or $(shell command -v minio),$(BIN)/minio)
export REVOCAST_MINIO

.PHONY: build demo test bench soak minio parts vectors

build:
	$(GO) build -o $(BIN)/ ./cmd/publisher ./cmd/verifier

demo: build
	$(GO) run ./internal/demo $(BIN)

test: minio parts
	$(GO) vet ./...
	$(GO) test -race -count=1 -timeout 40m ./...
	$(GO) test -count=1 -tags portable ./internal/memory ./crl ./internal/history
	if [ "$$($(GO) env GOHOSTOS GOHOSTARCH | xargs)" = "linux amd64" ]; then \
		CGO_ENABLED=0 GOARCH=386 $(GO) test -count=1 ./crl ./signer ./internal/history ./internal/memory; fi
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build ./client/... ./store/...

# bench measures the bars of the design; at full scale it writes docs/BENCHMARKS.md.
SCALE ?= 1e7
bench: build
	$(GO) run ./internal/bench -bin $(BIN) -scale $(SCALE) $(if $(filter $(SCALE),1e7),,-docs "")

# soak lets publishers, followers, gc and faults run together, held against a model.
LENGTH ?= 1h
soak: minio
	REVOCAST_SOAK=$(LENGTH) $(GO) test -count=1 -v -timeout 24h ./internal/soak

minio: $(REVOCAST_MINIO)

$(BIN)/minio:
	@echo "building MinIO for the tests, which takes about two minutes, once"
	GOBIN=$(BIN) $(GO) install $(MINIO)

# What the tests start besides: PostgreSQL (REVOCAST_POSTGRES, Debian's, or one in the PATH)
# and strace. Without them the tests that need them are skipped, and fail in CI.
parts:
	@missing=""; \
	[ -n "$$REVOCAST_POSTGRES" ] || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || missing="postgresql"; \
	command -v strace >/dev/null || missing="$$missing strace"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q $$missing; \
	else echo "Some tests will be skipped for want of $$missing: install it, or run make test as root on Debian. PostgreSQL has to be 13 or later." >&2; fi

# vectors writes testdata/vectors anew; the test compares them.
vectors:
	$(GO) test ./internal/vectors -update
