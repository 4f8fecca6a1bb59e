# The gateway: `docker build .` makes the image for CPUs. --target gateway-paddle adds PaddleOCR,
# --target gateway-cuda ONNX Runtime for NVIDIA GPUs. docs/docker.md says more.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm


# What every image has below the packages: Debian's few, the user, the folders.
FROM ${PYTHON_IMAGE} AS base
SHELL ["/bin/sh", "-euc"]
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean; \
    apt-get update; \
    apt-get install --yes --no-install-recommends ca-certificates openssl tini; \
    rm -rf /var/log/apt /var/log/dpkg.log
# Nothing is installed in a container, so nothing that installs is there. The standard library is
# compiled, because a read-only root would have it compiled anew by each process.
RUN library=$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))'); \
    rm -rf "$library"/site-packages/* "$library"/ensurepip "$library"/idlelib "$library"/lib2to3 \
        "$library"/config-* "$library"/tkinter "$library"/turtledemo "$library"/test \
        /usr/local/include /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/bin/idle* \
        /usr/local/bin/2to3* /usr/local/bin/pydoc*; \
    python -m compileall -q -j 0 "$library"; \
    groupadd --gid 1000 maoocr; \
    useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin maoocr; \
    install -d -o maoocr -g maoocr -m 0750 /var/lib/maoocr /var/spool/maoocr; \
    install -d -o maoocr -g maoocr -m 0755 /models
ENV PATH=/opt/maoocr/bin:$PATH \
    PYTHONPATH=/app/src \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MODEL_PATH=/models \
    MAOOCR_STATE_DIR=/var/lib/maoocr \
    MAOOCR_SPOOL__DIR=/var/spool/maoocr \
    MAOOCR_SERVER__HOST=0.0.0.0 \
    MAOOCR_SERVER__PORT=8000
WORKDIR /app
USER 1000:1000
VOLUME ["/var/lib/maoocr", "/var/spool/maoocr"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-S", "/app/docker/gateway/healthcheck.py"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["gunicorn", "--config", "configs/gunicorn.py"]
ARG MAOOCR_VERSION=0.1.0
ARG MAOOCR_REVISION=unknown
ARG MAOOCR_SOURCE=unknown
ARG MAOOCR_LICENSES=Apache-2.0
LABEL org.opencontainers.image.title="MaoOCR gateway" \
    org.opencontainers.image.description="Images and documents in, text out." \
    org.opencontainers.image.version=${MAOOCR_VERSION} \
    org.opencontainers.image.revision=${MAOOCR_REVISION} \
    org.opencontainers.image.source=${MAOOCR_SOURCE} \
    org.opencontainers.image.licenses=${MAOOCR_LICENSES}


# The installer, as the lock of the development environment names it.
FROM ${PYTHON_IMAGE} AS installer
WORKDIR /build
COPY requirements.dev.txt ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.dev.txt >uv.txt && \
    python -m pip install --require-hashes --only-binary :all: --root-user-action ignore \
        --no-cache-dir --prefix /installer -r uv.txt


# Exactly the packages that the lock names, wheels only: nothing is compiled here.
FROM ${PYTHON_IMAGE} AS installed
SHELL ["/bin/sh", "-euc"]
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean; \
    apt-get update; \
    apt-get install --yes --no-install-recommends binutils
COPY --from=installer /installer/bin/uv /usr/local/bin/uv
WORKDIR /build
ENV UV_CACHE_DIR=/var/cache/uv \
    UV_LINK_MODE=copy \
    UV_NO_BUILD=1 \
    UV_PYTHON=/opt/maoocr/bin/python \
    UV_PYTHON_DOWNLOADS=never \
    UV_REQUIRE_HASHES=1
COPY requirements.prod.txt ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv venv --python /usr/local/bin/python3 /opt/maoocr; \
    uv pip install -r requirements.prod.txt


FROM installed AS packages
COPY docker/gateway/slim docker/gateway/
RUN docker/gateway/slim /opt/maoocr
COPY docker/gateway/maoocr /opt/maoocr/bin/


# The source, compiled, readable by everybody whatever the umask of the checkout was.
FROM ${PYTHON_IMAGE} AS source
WORKDIR /app
COPY LICENSE ./
COPY configs configs
COPY migrations migrations
COPY docker/gateway docker/gateway
COPY src src
RUN chmod -R u=rwX,go=rX . && \
    python -m compileall -q -j 0 --invalidation-mode unchecked-hash src configs migrations


# PaddleOCR beside it. Its lock leaves out what its packages ask for and must not have: --no-deps.
FROM installed AS packages-paddle
COPY requirements.paddle.txt ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --no-deps -r requirements.paddle.txt
COPY docker/gateway/slim docker/gateway/
RUN docker/gateway/slim /opt/maoocr
COPY docker/gateway/maoocr /opt/maoocr/bin/


# ONNX Runtime for NVIDIA GPUs, with CUDA's libraries: the machine gives the driver only.
FROM installed AS packages-cuda
COPY requirements.cuda.txt ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install -r requirements.cuda.txt
COPY docker/gateway/slim docker/gateway/
RUN docker/gateway/slim /opt/maoocr
COPY docker/gateway/maoocr /opt/maoocr/bin/


FROM base AS gateway-paddle
COPY --from=packages-paddle /opt/maoocr /opt/maoocr
COPY --from=source /app /app
# The models that the packages bring, laid out as PaddleOCR reads them. A new volume at /models
# begins with them.
RUN maoocr models paddle
ENV MAOOCR_EXTRA_ENGINES=paddle


FROM base AS gateway-cuda
COPY --from=packages-cuda /opt/maoocr /opt/maoocr
# Where the loader finds CUDA's libraries, whatever the environment of a process is.
USER root
RUN find /opt/maoocr/lib/python3*/site-packages/nvidia -type d -name lib \
        >/etc/ld.so.conf.d/maoocr-cuda.conf && \
    ldconfig
USER 1000:1000
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=source /app /app


FROM base AS gateway
COPY --from=packages /opt/maoocr /opt/maoocr
COPY --from=source /app /app
