# One image for every part of glucoflow: the command decides which. Base images and tools are named by exact version, for
# want of a digest that was checked; the Python packages are the ones that pyproject.toml pins.
FROM python:3.12.12-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# Dependencies change less often than the code: their layer is kept.
COPY pyproject.toml README.md ./
RUN uv sync --no-dev --no-install-project
COPY glucoflow glucoflow
COPY connectors connectors
COPY flows flows
COPY index_templates index_templates
COPY kibana kibana
RUN uv sync --no-dev

FROM python:3.12.12-slim-bookworm
RUN groupadd --system --gid 10001 glucoflow && useradd --system --uid 10001 --gid 10001 --create-home glucoflow && install -d -o glucoflow -g glucoflow -m 0700 /data /prefect /backups
# Root's: what runs cannot change itself.
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    GLUCOFLOW_DATA_DIR=/data \
    PREFECT_HOME=/data/prefect \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1
ARG VERSION=local
ARG REVISION=unknown
LABEL org.opencontainers.image.title="glucoflow" \
      org.opencontainers.image.description="Glucose data in an Elasticsearch of your own" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
USER glucoflow
WORKDIR /app
VOLUME /data
ENTRYPOINT ["glucoflow"]
CMD ["--help"]
