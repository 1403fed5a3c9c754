# A runner: node for the runner, a Python for the worker and the steps, bubblewrap for the sandbox. One image for each minor
# release of Python that workflows are deployed for:
#   docker build -f deploy/images/runner.Dockerfile --build-arg PYTHON=3.13 -t millrace/runner:0.2.0-python3.13 .
# For a build that can be repeated name both bases by their digests: --build-arg NODE_IMAGE=…@sha256:… and PYTHON_IMAGE.
ARG PYTHON=3.13
ARG NODE_IMAGE=node:26.10.0-trixie-slim
ARG PYTHON_IMAGE=python:${PYTHON}-slim-trixie

FROM ${NODE_IMAGE} AS modules
WORKDIR /opt/millrace
COPY package.json package-lock.json .npmrc ./
COPY packages/bus/package.json packages/bus/
COPY packages/config/package.json packages/config/
COPY packages/core/package.json packages/core/
COPY packages/protocol/package.json packages/protocol/
COPY packages/rpc/package.json packages/rpc/
COPY packages/runner/package.json packages/runner/
COPY packages/telemetry/package.json packages/telemetry/
# hadolint ignore=DL3016
RUN npm install --no-save --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund -w packages/runner \
    && npm sbom --package-lock-only --omit=dev --omit=optional -w packages/runner --sbom-format=cyclonedx > sbom.cdx.json

FROM ${PYTHON_IMAGE} AS python
COPY packages/worker/requirements.lock /tmp/
# Wheels only, hashes checked: nothing of a package runs here. Compiled once, as the root file system is read-only later.
RUN python -m venv --without-pip /opt/millrace/python \
    && python -m pip --disable-pip-version-check --python /opt/millrace/python/bin/python install --no-cache-dir \
      --no-deps --require-hashes --only-binary :all: -r /tmp/requirements.lock

FROM ${PYTHON_IMAGE}
ARG PYTHON
LABEL org.opencontainers.image.title="Millrace runner" \
      org.opencontainers.image.description="Runs the steps of Millrace workflows in sandboxes" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.millrace.python="${PYTHON}"
# The distribution's own security updates are wanted, so these have no pinned versions. tini is process 1: it reaps what
# sandboxes leave behind and hands signals on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap libatomic1 nftables slirp4netns tini util-linux \
    && rm -rf /var/lib/apt/lists/*
COPY --from=modules /usr/local/bin/node /usr/local/bin/node
WORKDIR /opt/millrace
COPY --from=python /opt/millrace/python python
COPY --from=modules /opt/millrace/node_modules node_modules
COPY --from=modules /opt/millrace/sbom.cdx.json ./
COPY LICENSE package.json ./
COPY deploy/images/healthcheck.mjs deploy/images/
COPY packages/bus packages/bus
COPY packages/config packages/config
COPY packages/core packages/core
COPY packages/protocol packages/protocol
COPY packages/rpc packages/rpc
COPY packages/runner packages/runner
COPY packages/telemetry packages/telemetry
COPY packages/worker/millrace_worker packages/worker/millrace_worker
RUN python/bin/python -m compileall -q packages/worker/millrace_worker \
    && install -d -o 10001 -g 10001 /var/lib/millrace
ENV NODE_ENV=production \
    HOME=/tmp \
    MILLRACE_HEALTH_PORT=9090 \
    MILLRACE_PYTHON=/opt/millrace/python/bin/python \
    MILLRACE_DATA_DIR=/var/lib/millrace \
    MILLRACE_NETWORK=internet
USER 10001:10001
EXPOSE 9090
VOLUME ["/var/lib/millrace"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "/opt/millrace/deploy/images/healthcheck.mjs"]
ENTRYPOINT ["/usr/bin/tini", "--", "node"]
CMD ["packages/runner/src/main.ts"]
