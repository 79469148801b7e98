# syntax=docker/dockerfile:1
# Amphi as an image: the web app, then the binary with the web app inside, then what it needs to run and nothing else.
#
#   docker build --tag amphi .
#   docker run --init --publish 8080:8080 --volume amphi:/var/lib/amphi amphi
#
# compose.yaml runs it with a database, a broker and a store of their own, each role apart.

FROM node:24-trixie-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM rust:1.95-trixie AS build
WORKDIR /src
ENV CARGO_INCREMENTAL=0
COPY Cargo.toml Cargo.lock ./
COPY config/ config/
COPY proto/ proto/
COPY crates/ crates/
COPY services/ services/
COPY amphi/ amphi/
# Of the test programs cargo wants to know only that they are there.
COPY tests/it/ tests/it/
COPY --from=web /src/web/dist/ web/dist/
# What was compiled stays in the cache from build to build; the binary is taken out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package amphi \
    && install -D -m 0755 target/release/amphi /out/amphi

FROM debian:trixie-slim AS runtime
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Amphi" \
      org.opencontainers.image.description="Streaming and teaching on your own machine, with its own delays in plain sight" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/debian:trixie-slim"

# ffmpeg reads what strangers upload: the distribution's newest, with its mended holes, rather than a version named here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
    && groupadd --gid 10001 amphi \
    && useradd --uid 10001 --gid amphi --home-dir /var/lib/amphi --no-create-home --shell /usr/sbin/nologin amphi \
    && install -d -o amphi -g amphi -m 0750 /var/lib/amphi

COPY --from=build /out/amphi /usr/local/bin/amphi

# The folder of the data is all that it writes to: the rest of the file system may be read-only.
# The internal port is for this container alone; roles apart need to name a wider address.
ENV AMPHI_SERVER__DATA_DIR=/var/lib/amphi \
    AMPHI_SERVER__LISTEN=0.0.0.0:8080 \
    AMPHI_SERVER__INTERNAL_LISTEN=127.0.0.1:7000 \
    AMPHI_LOG__FORMAT=json
WORKDIR /var/lib/amphi
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["amphi", "health"]
ENTRYPOINT ["amphi"]
CMD ["serve"]
