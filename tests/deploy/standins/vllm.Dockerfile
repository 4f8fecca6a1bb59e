# vLLM for processors in place of the official image for GPUs: the same command, user and layout.
# Built by vllm-cpu beside it, with the environment that scripts/vllm-cpu made as its context.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}
RUN apt-get update && apt-get install --yes --no-install-recommends libnuma1 && \
    rm -rf /var/lib/apt/lists/*
COPY lib/python3.11/site-packages/ /usr/local/lib/python3.11/site-packages/
# Debian's Python, which may stand in for the official one, looks for packages elsewhere.
RUN printf '%s\n' /usr/local/lib/python3.11/site-packages \
    >"$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/official-place.pth"
# The command `vllm` asks for a package of that name, and its version for the kind of device.
RUN cd /usr/local/lib/python3.11/site-packages && \
    version=$(python -c 'from importlib.metadata import version; print(version("vllm-cpu") + "+cpu")') && \
    mkdir "vllm-$version.dist-info" && \
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$version" \
        >"vllm-$version.dist-info/METADATA" && \
    printf '%s\n' '#!/usr/local/bin/python3' 'import sys' \
        'from vllm.entrypoints.cli.main import main' \
        'if __name__ == "__main__":' '    sys.exit(main())' >/usr/local/bin/vllm && \
    chmod 0755 /usr/local/bin/vllm && \
    useradd --uid 2000 --gid 0 --create-home vllm
WORKDIR /vllm-workspace
ENTRYPOINT ["vllm", "serve"]
