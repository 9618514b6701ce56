FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git, from which go build takes the version.
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /rollcall . && \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /rollcall-webhook ./cmd/webhook

# The admission webhook: docker build --target webhook -t rollcall-webhook .
FROM gcr.io/distroless/static-debian12:nonroot AS webhook
COPY --from=build /rollcall-webhook /rollcall-webhook
USER nonroot:nonroot
EXPOSE 9443 9444
ENTRYPOINT ["/rollcall-webhook"]

# The linter, which is built by default. Static, no shell, not root. The tree to lint is mounted at /work, where a path may be relative to:
#   docker run --rm -v "$PWD:/work:ro" rollcall .
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /rollcall /rollcall
WORKDIR /work
USER nonroot:nonroot
ENTRYPOINT ["/rollcall"]
