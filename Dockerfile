# The image: bootstrap, R and an example. make image builds it; docs/image.md shows what to build on it.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

# Go compiles on the machine that builds, for the one that is to run it.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ARG TARGETOS
ARG TARGETARCH
ARG GOPROXY=
WORKDIR /src
COPY . .
ARG VERSION=dev
ARG COMMIT=
RUN --mount=type=cache,target=/go/pkg/mod \
    GOOS=$TARGETOS GOARCH=$TARGETARCH scripts/build /bootstrap "$VERSION" "$COMMIT"

# Nothing but the binary, to be copied into other images.
FROM scratch AS runtime
ARG VERSION=dev
ARG COMMIT=
LABEL org.opencontainers.image.title="lambda-r-runtime: the binary" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT \
      org.opencontainers.image.licenses=MIT
COPY --from=build /bootstrap /bootstrap
ENTRYPOINT ["/bootstrap"]

# Older versions of podman would look for the base of the first stage's platform.
FROM --platform=$TARGETPLATFORM ${BASE_IMAGE} AS image
USER root
# Install R if the base does not have it. R's help, manuals, demos and translations are excluded, from later installs
# as well. Tcl/Tk, which needs a screen, comes with R and is removed. The cache of fonts is valid only if their folders
# have times of whole seconds, as those in a layer have.
RUN set -eu; \
    if ! command -v R >/dev/null; then \
        printf 'path-exclude=%s\n' \
            '/usr/lib/R/*library/*/help/*.rd[bx]' \
            '/usr/lib/R/library/*/html/*' \
            '/usr/lib/R/library/*/doc/*' \
            '/usr/lib/R/library/*/demo/*' \
            '/usr/lib/R/library/translations/*' \
            '/usr/share/R/doc/*' \
            '/usr/share/R/share/texmf/*' \
            '/usr/share/doc/*' >/etc/dpkg/dpkg.cfg.d/lambda-r-runtime; \
        echo 'path-include=/usr/share/doc/*/copyright' >>/etc/dpkg/dpkg.cfg.d/lambda-r-runtime; \
        apt-get update; \
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends r-base-core r-cran-jsonlite; \
        find /usr/share/fonts /usr/local/share/fonts -type d -exec touch -d 2000-01-01 {} +; \
        fc-cache; \
        rm -rf /usr/lib/R/library/tcltk /usr/share/tcltk /usr/lib/*/libtcl8* /usr/lib/*/libtk8* \
            /var/lib/apt/lists/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*; \
    fi; \
    Rscript -e 'if (!requireNamespace("jsonlite", quietly = TRUE)) install.packages("jsonlite")' \
        -e 'library(jsonlite)'; \
    ln -sf /bootstrap /usr/local/bin/bootstrap
COPY --from=build /bootstrap /bootstrap
COPY examples/parity/functions.R /var/task/
WORKDIR /var/task
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_R_LOCAL_ADDR=0.0.0.0:8080 HOME=/tmp
EXPOSE 8080
USER 65534:65534
ARG VERSION=dev
ARG COMMIT=
# The last label says that the image may be used with SnapStart, see docs/deploy.md.
LABEL org.opencontainers.image.title=lambda-r-runtime \
      org.opencontainers.image.description="R functions on AWS Lambda, and the same on your machine" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT \
      org.opencontainers.image.licenses=MIT \
      com.amazonaws.lambda.feature.snapstart=Allow
ENTRYPOINT ["/usr/local/bin/bootstrap"]
CMD ["functions.parity"]
