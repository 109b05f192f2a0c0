# syntax=docker/dockerfile:1
# One image for every role; which one is the container's command: `gateway`, `worker`, `sink`, `reports`.
# It holds no secret and no setting of a place: those come by environment and mounted files at run time.

FROM node:22.14.0-bookworm-slim AS node

FROM python:3.11.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /build
# Dependencies first: they change less often than the code. Each file is checked by its hash.
COPY requirements/ requirements/
RUN python -m pip install --quiet --require-hashes -r requirements/uv.txt \
 && uv venv --quiet /opt/avenue \
 && uv pip sync --quiet --python /opt/avenue/bin/python --require-hashes requirements/runtime.txt
# The dashboard's script and style; node and npm stay behind in this stage.
COPY --from=node /usr/local/bin/node /opt/node/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /opt/node/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /opt/node/bin/npm
COPY . .
RUN PATH="/opt/node/bin:$PATH" /opt/avenue/bin/python -m reports.dashboard.build \
 && rm -r reports/dashboard/web/node_modules \
 && uv build --quiet --wheel --require-hashes --build-constraints requirements/dev.txt --out-dir /dist \
 && uv pip install --quiet --python /opt/avenue/bin/python --no-deps /dist/*.whl

FROM python:3.11.13-slim-bookworm
# The folder is the role's home: the reports role keeps its session key there, the others nothing.
RUN groupadd --gid 10001 avenue \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/avenue --no-create-home --shell /usr/sbin/nologin avenue \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/avenue
COPY --from=build /opt/avenue /opt/avenue
ENV PATH="/opt/avenue/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    AVENUE_PROFILE=production \
    AVENUE_HOME=/var/lib/avenue \
    AVENUE_HTTP__HOST=0.0.0.0 \
    AVENUE_HTTP__OPS_HOST=0.0.0.0 \
    AVENUE_HTTP__OPS_PORT=9400
USER 10001:10001
WORKDIR /var/lib/avenue
EXPOSE 9480 9400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "runtime.probe"]
ENTRYPOINT ["avenue"]
CMD ["--help"]
