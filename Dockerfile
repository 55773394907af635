# `offsite` for cron, CI or Kubernetes: the program, glibc and certificate authorities, and no root.
#
#     docker build --tag offsite .
#     docker run --rm offsite --help
#
# Without arguments it does what the variable CMD says: docs/migrating.md.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /source
COPY . .
# Symbols of the program are of no use where no debugger is.
RUN cargo build --release --locked --package offsite-cli && strip target/release/offsite

# Of the same Debian as the one that it was built on, for the sake of glibc.
FROM debian:bookworm-slim
# What AWS's certificates are verified against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /source/target/release/offsite /usr/local/bin/offsite
# As a number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/local/bin/offsite"]
