# The image of the accounting authority. `docker build .` makes the server; `--target tests` makes
# the same with everything that the command `test` needs. (One image for both would carry a test
# runner, a web server and the sources of the tests into production.)
#
# Where Python's or Debian's packages come from a mirror, say so from outside: by the build argument
# PIP_INDEX_URL, or by secrets, which leave no trace in the image:
#   --secret id=pip.conf,src=FILE          pip's configuration (its `cert` may be the next one)
#   --secret id=ca.crt,src=FILE            certificates to trust, at /run/secrets/ca.crt
#   --secret id=debian.sources,src=FILE    apt's sources

# To pin the base for a release: --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:...
#
# Two builds of one commit on one base are the same, if nothing else has changed: see
# docs/how-to/verify-an-image.md. So bytecode has the digest of its source, not its time, and what
# a step leaves about its own time is removed.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm


# The locked packages, in a virtual environment without pip.
FROM ${PYTHON_IMAGE} AS venv
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/venv
COPY requirements/main.txt /tmp/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \
    pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: --no-compile \
        -r /tmp/main.txt \
    && PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /opt/venv


# The same, and what tests need.
FROM venv AS tests-venv
COPY requirements/dev.txt /tmp/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \
    pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: --no-compile \
        -r /tmp/dev.txt \
    && PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /opt/venv


FROM ${PYTHON_IMAGE} AS base
# tini is process 1: it hands signals on to a whole command, a pipeline of shells included.
# Debian's point releases and security fixes are wanted, so no versions are pinned here.
# hadolint ignore=DL3008
RUN --mount=type=secret,id=debian.sources,target=/etc/apt/sources.list.d/debian.sources \
    --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \
    apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*.log /var/log/apt \
    && groupadd --system --gid 10001 swpt_accounts \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin swpt_accounts \
    && chage --lastday 1 swpt_accounts \
    && rm -f /var/cache/ldconfig/aux-cache /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-
# Nothing is ever written but below /tmp: the root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONPATH=/usr/src/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLASK_APP=swpt_accounts \
    FLASK_SKIP_DOTENV=1
WORKDIR /usr/src/app
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "swpt_accounts", "healthcheck", "live"]
# -g: to the whole process group.
ENTRYPOINT ["tini", "-g", "--", "/usr/src/app/docker/entrypoint.sh"]
CMD ["all"]


# The tests look at everything in the repository, so everything is there.
FROM base AS tests
# hadolint ignore=DL3008
RUN --mount=type=secret,id=debian.sources,target=/etc/apt/sources.list.d/debian.sources \
    --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \
    apt-get update \
    && apt-get install -y --no-install-recommends libnginx-mod-stream nginx-light openssl procps \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY --from=tests-venv /opt/venv /opt/venv
COPY . .
RUN python -m compileall -q swpt_accounts migrations docker tests verification
USER 10001:10001
CMD ["test"]


# The last stage is the one that is built by default.
FROM base AS server
COPY --from=venv /opt/venv /opt/venv
COPY LICENSE wsgi.py ./
COPY docs docs
COPY migrations migrations
COPY docker/await_servers.py docker/check_settings.py docker/entrypoint.sh docker/gunicorn.conf.py \
    docker/host_address.sh docker/psql.py docker/supervise.sh docker/supervisord.conf docker/
COPY swpt_accounts swpt_accounts
# The link is for deployments that name the entrypoint of another program's image.
RUN PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash \
        swpt_accounts migrations docker \
    && ln -s docker/entrypoint.sh entrypoint.sh
USER 10001:10001
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="swpt_accounts" \
    org.opencontainers.image.description="Accounting authority node of Swaptacular" \
    org.opencontainers.image.documentation="https://swaptacular.github.io/overview" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
