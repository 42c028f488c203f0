# syntax=docker/dockerfile:1
# The gateway in a container:
#
#   docker build -t portcullis .
#   docker run -p 8080:8080 -v portcullis:/var/lib/portcullis \
#     -e PORTCULLIS__UPSTREAM__URL=http://app:3000 \
#     -e PORTCULLIS_BOOTSTRAP_ADMIN=ada \
#     -e PORTCULLIS_BOOTSTRAP_ADMIN_PASSWORD_FILE=/run/secrets/admin portcullis

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin portcullis

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/portcullis --create-home portcullis
COPY --from=build /src/target/release/portcullis /usr/local/bin/portcullis
# Endpoints of modules are asked over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER portcullis
WORKDIR /var/lib/portcullis
VOLUME /var/lib/portcullis
# In a container the outside is all there is to listen for. The admin listener
# stays inside: `docker exec` reaches it, and so do probes that run there.
ENV PORTCULLIS__PUBLIC__LISTEN=0.0.0.0:8080 \
    PORTCULLIS__STORE__DIRECTORY=/var/lib/portcullis/portcullis.db
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve"]
