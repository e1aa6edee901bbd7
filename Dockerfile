# Upstep as a service: ingest, HTTP API, widget and worker in one process. One image, one project folder, mounted at /project.
#   docker build -t upstep .
#   docker run --read-only --tmpfs /tmp -p 8787:8787 -v "$PWD:/project" upstep
# With several processes over Postgres: `upstep serve --no-worker` as often as you like, `upstep worker` once.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/upstep
WORKDIR /build
# The libraries first: they change less often than the program, and each is compared with its hash.
COPY requirements/service.txt requirements/service.txt
RUN /opt/upstep/bin/pip install --require-hashes --only-binary :all: -r requirements/service.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /tmp/build && /tmp/build/bin/pip install build hatchling \
    && /tmp/build/bin/python -m build --no-isolation --wheel --outdir /tmp/wheel \
    && /opt/upstep/bin/pip install --no-deps /tmp/wheel/*.whl \
    && /opt/upstep/bin/python -m compileall -q /opt/upstep/lib

FROM python:3.13-slim
# Nobody logs in as it, and it owns nothing but the project folder.
RUN groupadd --gid 10001 upstep \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /project --shell /usr/sbin/nologin upstep \
    && install --directory --owner=10001 --group=10001 /project
COPY --from=build /opt/upstep /opt/upstep
# UPSTEP_CACHE: compiled queries; they may be lost at any time, so a read-only root needs only /tmp.
ENV PATH=/opt/upstep/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 UPSTEP_CACHE=/tmp/upstep-cache
USER 10001:10001
WORKDIR /project
VOLUME ["/project"]
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8787/healthz', timeout=4)"]
ENTRYPOINT ["upstep"]
CMD ["serve", "--project", "/project", "--listen", "0.0.0.0:8787"]
