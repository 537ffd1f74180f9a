# make demo: the main job on embedded defaults; Go alone is needed.
# make test: installs what it needs, then tests everything.

GO       ?= go
BIN      := $(CURDIR)/bin

.PHONY: test

test:
	$(GO) vet ./...
	$(GO) test -race ./...
