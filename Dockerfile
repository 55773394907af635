# `offsite` for cron, CI or Kubernetes: no shell, no package manager, no root, nothing but the program and glibc.
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
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/offsite /usr/local/bin/offsite
# As a number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /home/nonroot
ENTRYPOINT ["/usr/local/bin/offsite"]
