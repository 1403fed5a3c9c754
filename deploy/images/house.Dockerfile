# The gateway, the scheduler and the command `millrace`. From the checkout's folder:
#   docker build -f deploy/images/house.Dockerfile -t millrace/house:0.2.0 .
# For a build that can be repeated name the base by its digest: --build-arg NODE_IMAGE=node:26.10.0-trixie-slim@sha256:…
# An SBOM of what npm brought lies in the image (/opt/millrace/sbom.cdx.json); `docker buildx build --sbom=true` adds the
# system's packages.
ARG NODE_IMAGE=node:26.10.0-trixie-slim

FROM ${NODE_IMAGE} AS modules
WORKDIR /opt/millrace
COPY package.json package-lock.json .npmrc ./
COPY packages/bus/package.json packages/bus/
COPY packages/cli/package.json packages/cli/
COPY packages/config/package.json packages/config/
COPY packages/core/package.json packages/core/
COPY packages/gateway/package.json packages/gateway/
COPY packages/protocol/package.json packages/protocol/
COPY packages/provision/package.json packages/provision/
COPY packages/rpc/package.json packages/rpc/
COPY packages/scheduler/package.json packages/scheduler/
COPY packages/store/package.json packages/store/
COPY packages/telemetry/package.json packages/telemetry/
# Not `npm ci`: it refuses a lock file without other platforms' packages. The lock's hashes are checked all the same.
# hadolint ignore=DL3016
RUN npm install --no-save --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
      -w packages/gateway -w packages/scheduler -w packages/cli \
    && npm sbom --package-lock-only --omit=dev --omit=optional -w packages/gateway -w packages/scheduler -w packages/cli --sbom-format=cyclonedx > sbom.cdx.json

FROM ${NODE_IMAGE} AS web
WORKDIR /opt/millrace
COPY package.json package-lock.json .npmrc ./
COPY packages/web/package.json packages/web/
# The bundler's native part is one of its optional packages.
# hadolint ignore=DL3016
RUN npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund -w packages/web
COPY tsconfig.json ./
COPY packages/web packages/web
RUN node packages/web/scripts/build.mjs /opt/millrace/web

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="The gateway, the scheduler and the command of Millrace" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# What runs here is node alone.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
WORKDIR /opt/millrace
COPY --from=modules /opt/millrace/node_modules node_modules
COPY --from=modules /opt/millrace/sbom.cdx.json ./
COPY LICENSE package.json ./
COPY deploy/images/healthcheck.mjs deploy/images/
COPY packages/bus packages/bus
COPY packages/cli packages/cli
COPY packages/config packages/config
COPY packages/core packages/core
COPY packages/gateway packages/gateway
COPY packages/protocol packages/protocol
COPY packages/provision packages/provision
COPY packages/rpc packages/rpc
COPY packages/scheduler packages/scheduler
COPY packages/store packages/store
COPY packages/telemetry packages/telemetry
COPY --from=web /opt/millrace/web web
RUN ln -s /opt/millrace/packages/cli/bin/millrace.mjs /usr/local/bin/millrace
ENV NODE_ENV=production \
    HOME=/tmp \
    MILLRACE_WEB_DIR=/opt/millrace/web \
    MILLRACE_HEALTH_PORT=9090
USER 10001:10001
# 8080 HTTP, 8081 gRPC, 9090 health and metrics.
EXPOSE 8080 8081 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "/opt/millrace/deploy/images/healthcheck.mjs"]
# No shell in between: signals reach node.
ENTRYPOINT ["node"]
CMD ["packages/gateway/src/main.ts"]
