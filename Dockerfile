# `web` without TensorFlow and its like, `worker` with them, `spark` with Spark beside them, `backup` with PostgreSQL's
# tools. docs/deployment.md has the rest.
#   docker compose build
# The base is pinned to a patch version. Add its digest where you can look it up: FROM python:…@sha256:…

FROM python:3.11.14-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
# A named volume that is empty takes over the folder's owner, so these are made here, not by root at
# the first start.
RUN groupadd --gid 10001 bookrec \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin bookrec \
    && install --directory --owner 10001 --group 10001 \
        /srv/artifacts /srv/backups /srv/media /srv/metrics /srv/models /srv/published /srv/spark /srv/state \
        /srv/static
WORKDIR /app

# Wheels only: nothing is compiled, so no image holds a compiler.
FROM base AS web-packages
COPY requirements-web.txt requirements-observability.txt ./
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
        -r requirements-web.txt -r requirements-observability.txt

FROM web-packages AS worker-packages
COPY requirements-worker.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary :all: -r requirements-worker.txt

# pyspark comes as source alone; it is Python and jars, and nothing is compiled.
FROM worker-packages AS spark-packages
COPY requirements-spark.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --no-binary pyspark \
        -r requirements-spark.txt

# The code, compiled, and the static files with their hashed names. The key that settings ask for is made
# in /tmp and gone with this layer's end.
FROM web-packages AS site
COPY . ./
RUN python -m compileall -q . \
    && BOOKREC_LOCAL_DIR=/tmp/build STATIC_ROOT=/srv/static python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/build

FROM base AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY --from=site /app /app
COPY --from=site /srv/static /srv/static
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "bookrec_site.wsgi", "--bind", "0.0.0.0:8000"]

FROM base AS worker
# LightGBM's wheel does not bring OpenMP along. Its version is the base's: Debian keeps no older one.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=worker-packages /opt/venv /opt/venv
COPY --from=site /app /app
COPY --from=site /srv/static /srv/static
USER 10001:10001
CMD ["celery", "--app", "bookrec_site", "worker", "--queues", "default"]

FROM base AS spark
# hadolint ignore=DL3008
RUN apt-get update \
    && mkdir --parents /usr/share/man/man1 \
    && apt-get install --yes --no-install-recommends \
        libgomp1 libpostgresql-jdbc-java openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/*
COPY --from=spark-packages /opt/venv /opt/venv
COPY --from=site /app /app
COPY --from=site /srv/static /srv/static
USER 10001:10001
CMD ["spark-class", "org.apache.spark.deploy.master.Master"]

# `manage.py backup` and `restore` ask for pg_dump of the server's major version, which Debian does not have;
# PostgreSQL's own packages do.
FROM base AS backup
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=web-packages /opt/venv /opt/venv
COPY --from=site /app /app
USER 10001:10001
CMD ["python", "manage.py", "backup", "/srv/backups"]
