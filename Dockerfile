# For people: a release makes the same images without a container engine, tools/release/images.
#
#   docker build -t rollcall .
#   docker build --target webhook -t rollcall-webhook .
#   docker buildx build --platform linux/amd64,linux/arm64 .
#
# The sources, and .git, from which go build takes the version, are only mounted: no layer has them, nor is one kept for them.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
RUN --mount=type=bind,target=. --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    export CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    go build -trimpath -ldflags='-s -w' -o /out/rollcall . && \
    go build -trimpath -ldflags='-s -w' -o /out/rollcall-webhook ./cmd/webhook && \
    mkdir /out/cache

# The admission webhook.
FROM gcr.io/distroless/static-debian12:nonroot AS webhook
COPY --from=build /out/rollcall-webhook /rollcall-webhook
USER 65532:65532
EXPOSE 9443 9444
ENTRYPOINT ["/rollcall-webhook"]

# The linter, which is built by default. Static, no shell, not root. The tree to lint is mounted at /work, where a path may be
# relative to, and a folder that keeps what was read for the next run at /cache:
#   docker run --rm -v "$PWD:/work:ro" -v rollcall-cache:/cache rollcall .
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/rollcall /rollcall
COPY --from=build --chown=65532:65532 /out/cache /cache
ENV XDG_CACHE_HOME=/cache
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/rollcall"]
