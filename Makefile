# make run      serve the parity example on port 9000
# make test     every check and every test
#               (run and test install what is missing from Debian's packages)
# make quick    the tests that need no R and take seconds, for while you edit

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)

.PHONY: help run build layer release test-release test-machines image image-test test quick check test-r-versions test-arm64 test-snapstart test-browser test-durable test-durable-js bench-durable chaos-durable picture fuzz bench bench-peers bench-growth bench-web bench-snapstart bench-fork property chaos soak runtime-deps test-deps
help:
	@grep -E '^# make' $(MAKEFILE_LIST) | sed 's/^# //'

# make build    build bin/bootstrap, static and stripped
BOOTSTRAP ?= bin/bootstrap
build:
	GO=$(GO) scripts/build $(BOOTSTRAP) $(VERSION) $(COMMIT)

# make layer    build bin/layer-ARCH.zip, a Lambda layer for provided.al2023 (ARCH: amd64 or arm64)
ARCH ?= $(shell $(GO) env GOARCH)
layer:
	GOARCH=$(ARCH) $(MAKE) build
	$(GO) run ./internal/layer bin/bootstrap bin/layer-$(ARCH).zip

# make release VERSION=v1.2.0   write to bin/release, for both architectures: the binary, the layer and
#               the SBOM; the changelog entry; the checksums
release:
	@GO='$(GO)' MAKE='$(MAKE)' scripts/release '$(VERSION)'

# make test-release   release from two different folders, and compare every byte
test-release:
	$(GO) test -tags release -count 1 -timeout 20m ./test/release

# make image    build the image IMAGE (lambda-r-runtime), and IMAGE:runtime with only the binary
IMAGE       ?= lambda-r-runtime
BUILD_FLAGS ?=
export ENGINE IMAGE BUILD_FLAGS
image:
	engine=$$(scripts/engine) && \
	$$engine build $(BUILD_FLAGS) --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --target runtime -t $(IMAGE):runtime . && \
	$$engine build $(BUILD_FLAGS) --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t $(IMAGE) .

# make example-NAME   build the image IMAGE:NAME of the folder examples/NAME
example-%: image
	$$(scripts/engine) build $(BUILD_FLAGS) --build-arg RUNTIME=$(IMAGE) -t $(IMAGE):$* examples/$*

# make image-test   run the image as Lambda would, and print its sizes and times
image-test: image layer
	ENGINE="$$(scripts/engine)" $(GO) test -tags image ./test/image -v -count 1 -timeout 20m

run: runtime-deps build
	cd examples/parity && exec ../../bin/bootstrap local functions.parity

# With -count 1, because go test does not notice that a program which a test builds has changed.
# The end-to-end tests start first, because they take as long as half of all others.
test: test-deps check
	$(GO) test -race -count 1 -timeout 20m ./test/e2e ./...

quick:
	$(GO) test -short ./...

# make test-r-versions   R tests, end-to-end tests (those that E2E matches) and smoke tests of the
#               image on each of BASES, which takes an hour; prints the table of docs/image.md
ARM64 = arm64v8/debian:bookworm-slim
BASES ?= debian:bullseye-slim debian:bookworm-slim ubuntu:24.04 debian:trixie-slim debian:sid-slim $(ARM64)
E2E   ?= .
test-r-versions:
	@TEST_PACKAGES='$(TEST_PACKAGES)' E2E='$(E2E)' scripts/r-versions $(BASES)

# make test-arm64   of these, the row for arm64: smoke tests by emulation
test-arm64:
	@$(MAKE) --no-print-directory test-r-versions BASES=$(ARM64)

# make check    formatting, vet, staticcheck, and known vulnerabilities in what bootstrap calls
VULNDB ?=
check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	$(GO) vet -tags image,criu,browser,release,machines,durablejs ./...
	$(GO) tool staticcheck -tags image,criu,browser,release,machines,durablejs ./...
	@GO='$(GO)' scripts/govulncheck '$(VULNDB)' ./cmd/bootstrap

# make test-snapstart   restore one snapshot several times, and check that nothing is drawn twice; as root
test-snapstart: export LAMBDA_R_CRIU = $(CURDIR)/bin/criu/criu
test-snapstart: test-deps
	@scripts/install openssl=r-cran-openssl uuid=r-cran-uuid
	@scripts/criu bin/criu
	$(GO) test -tags criu -count 1 -timeout 20m ./internal/checkpoint ./test/snapstart

# make test-machines   other installations of R and other kernels, made of this machine's; as root
test-machines: test-deps
	@scripts/openblas bin/openblas
	$(GO) test -tags machines -count 1 -timeout 20m ./test/machines

# make test-durable   AWS's conformance cases for durable functions, from the folder CASES, and those of our own
CASES ?=
test-durable: test-deps
	$(GO) test ./test/durable -run Conformance -v -count 1 -timeout 20m -durable.cases=$(CASES)

# make test-durable-js   the cases in CASES with AWS's SDK for JavaScript, from npm, on the backend of bootstrap local
test-durable-js:
	@scripts/install node=nodejs npm=npm
	mkdir -p bin/durable-js && cp test/durable/testdata/javascript/package*.json bin/durable-js
	npm ci --silent --prefix bin/durable-js
	$(GO) test -tags durablejs ./test/durable -run JavaScript -v -count 1 -timeout 20m \
		-durable.cases=$(CASES) -durable.modules=$(CURDIR)/bin/durable-js/node_modules

# make chaos-durable   break durable executions with fake R (ROUNDS) and with real R (REAL_ROUNDS), from SEED on
chaos-durable: test-deps
	$(GO) test ./test/durable -run 'Chaos|Token' -v -count 1 -timeout 80m \
		-durable.seed=$(SEED) -durable.rounds=$(ROUNDS) -durable.realrounds=$(REAL_ROUNDS)

# make bench-durable   the cost of a step, a replay of 1000 operations, 100 executions at once
bench-durable: test-deps
	$(GO) test ./test/durable -run '^$$' -bench . -benchtime 3x

# make test-browser   the console's tests in Chromium; screenshots are in bin/browser
test-browser: test-deps
	@scripts/install chromium=chromium
	$(GO) test -tags browser -count 1 -timeout 20m ./test/browser

# make picture  draw docs/console.png, the picture in the README
picture: test-deps
	@scripts/install chromium=chromium
	$(GO) test -tags browser -count 1 ./test/browser -run TestPicture -picture $(CURDIR)/docs/console.png

# make fuzz     fuzz each parser that strangers reach for FUZZTIME (5s, a minute in all)
FUZZTIME ?= 5s
fuzz:
	scripts/fuzz $(FUZZTIME)

# make bench    latency, start, memory, load, JSON, streams and log records, beside baselines
bench: runtime-deps
	@scripts/install ggplot2=r-cran-ggplot2
	$(GO) test ./test/bench -run '^$$' -bench WarmInvocation -benchtime 10000x
	$(GO) test ./test/bench -run '^$$' -bench 'FirstAnswer|Packages' -benchtime 25x
	$(GO) test ./test/bench -run '^$$' -bench Collection -benchtime 5x
	$(GO) test ./test/bench -run '^$$' -bench Idle -benchtime 10x
	$(GO) test ./test/bench -run '^$$' -bench JSON -benchtime 9x
	$(GO) test ./test/bench -run '^$$' -bench Stream -benchtime 5x
	$(GO) test ./test/bench -run '^$$' -bench 'FirstPoll|Extension|Throughput|LargeEvent' -benchtime 25x
	$(GO) test ./test/bench -run '^$$' -bench 'Event/|Result/' -benchtime 9x
	$(GO) test ./test/bench -run '^$$' -bench Log -benchtime 5x
	$(GO) test ./test/bench -run '^$$' -bench Overhead -benchtime 3000x

# make bench-peers    this runtime beside lambdr, plumber, Python and Go, as one table; fetches nothing
bench-peers:
	$(GO) test ./test/bench -run '^$$' -bench Peers -benchtime 1000x

# make bench-snapstart   the first answer of a function with ggplot2 after a cold start and after a restore; as root
bench-snapstart: export LAMBDA_R_CRIU = $(CURDIR)/bin/criu/criu
bench-snapstart: runtime-deps
	@scripts/install ggplot2=r-cran-ggplot2
	@scripts/criu bin/criu
	$(GO) test -tags criu ./test/bench -run '^$$' -bench SnapStart -benchtime 15x

# make bench-fork   forked workers beside spawned ones: crashes, start, isolation, memory; ten minutes
bench-fork: runtime-deps
	@scripts/install dplyr=r-cran-dplyr tidyr=r-cran-tidyr purrr=r-cran-purrr stringr=r-cran-stringr \
		lubridate=r-cran-lubridate ggplot2=r-cran-ggplot2 mgcv=r-cran-mgcv
	$(GO) test ./test/bench -run '^$$' -bench '^BenchmarkCrash' -benchtime 40x
	$(GO) test ./test/bench -run '^$$' -bench 'ForkedWarm|Isolation' -benchtime 10x
	$(GO) test ./test/bench -run '^$$' -bench EightReady -benchtime 5x
	$(GO) test ./test/bench -run '^$$' -bench 'ForkMemory|ForkStart' -benchtime 3x

# make bench-web    web servers: latency, four requests at once, 4 MB echoed, crashes
bench-web: runtime-deps
	@scripts/install httpuv=r-cran-httpuv plumber=r-cran-plumber
	$(GO) test ./test/bench -run '^$$' -bench 'WebServer$$' -benchtime 3000x
	$(GO) test ./test/bench -run '^$$' -bench 'WebServer(Parallel|Echo|Crash)' -benchtime 15x

# make bench-growth   how an invocation's cost grows with its event, result, arguments, depth and the
#                workers: bin/growth.csv, and bin/growth.png, drawn by R
bench-growth: runtime-deps
	@mkdir -p bin
	$(GO) test ./test/bench -run '^$$' -bench Growth -benchtime 25x -growth $(CURDIR)/bin/growth.csv
	Rscript test/bench/growth.R bin/growth.csv bin/growth.png

# make property  the random events of DOCUMENTS (100000), decoded by bootstrap and by R: the same values
DOCUMENTS   ?= 100000
property: runtime-deps
	$(GO) test ./worker/rvalue -run Random -count 1 -timeout 30m -args -rvalue.documents=$(DOCUMENTS) -rvalue.seed=$(SEED)

# make chaos    the chaos suite, with spawned and with forked workers: SEED, ROUNDS (20000, fake R),
#               REAL_ROUNDS (500, real R)
SEED        ?= 1
ROUNDS      ?= 20000
REAL_ROUNDS ?= 500
chaos: test-deps
	$(GO) test ./test/chaos -run Chaos -v -count 1 -timeout 80m \
		-chaos.seed=$(SEED) -chaos.rounds=$(ROUNDS) -chaos.realrounds=$(REAL_ROUNDS)

# make soak     INVOCATIONS (30000) of all kinds, or as many as fit into HOURS; fails if something drifts
INVOCATIONS ?= 30000
HOURS       ?= 0
soak: runtime-deps
	$(GO) test ./test/soak -run 'TestSoak$$' -v -count 1 -timeout 0 -soak.invocations=$(INVOCATIONS) -soak.hours=$(HOURS)

# Beyond Go: a command or an R package, and the Debian package that has it.
TEST_PACKAGES = R=r-base-core jsonlite=r-cran-jsonlite testthat=r-cran-testthat rlang=r-cran-rlang codetools=r-cran-codetools \
	ggplot2=r-cran-ggplot2 lattice=r-cran-lattice plumber=r-cran-plumber callr=r-cran-callr httr2=r-cran-httr2 rmarkdown=r-cran-rmarkdown \
	htmltools=r-cran-htmltools DBI=r-cran-dbi RSQLite=r-cran-rsqlite openssl=r-cran-openssl dqrng=r-cran-dqrng data.table=r-cran-data.table \
	gcc=gcc libc-dev=libc6-dev curl=curl

runtime-deps:
	@scripts/install R=r-base-core jsonlite=r-cran-jsonlite

test-deps:
	@scripts/install $(TEST_PACKAGES)
