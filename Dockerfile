# The native endpoint, eventcore-server. Build: docker build -t eventcore-server .
FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --features server --bin eventcore-server \
    && cp target/release/eventcore-server /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home eventcore
COPY --from=build /usr/local/bin/eventcore-server /usr/local/bin/
USER eventcore
# Beyond loopback it wants keys to verify tokens with: EVENTCORE_JWT_JWKS, EVENTCORE_JWT_KEY_FILE or
# EVENTCORE_JWT_SECRET_FILE. DATABASE_URL names the database.
ENV EVENTCORE_LISTEN=0.0.0.0:4870 EVENTCORE_LOG=info EVENTCORE_LOG_FORMAT=json
EXPOSE 4870
# Finishes what it accepted.
STOPSIGNAL SIGTERM
ENTRYPOINT ["eventcore-server"]
