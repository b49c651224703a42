# One image for all processes, each named as in the Procfile: `docker run … sendline:1.0.0 webhooks`.
# The code in it is nobody's to change: the root may be read-only, with a tmpfs at /tmp and a volume at /var/lib/sendline.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
# requirements-extras.txt for AWS and Apprise.
ARG REQUIREMENTS=requirements.txt
WORKDIR /opt/sendline
COPY requirements.txt requirements-extras.txt ./
# Wheels alone, so that nothing is compiled; pip stays outside of what is copied below.
RUN python -m venv --without-pip .venv \
    && pip --python .venv/bin/python install --no-cache-dir --no-compile --only-binary :all: --require-hashes \
        -r "${REQUIREMENTS}"
COPY . .
RUN .venv/bin/python -m b24app.operations.build \
    && .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash .venv b24app providers manage.py

FROM python:${PYTHON}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sendline" \
      org.opencontainers.image.description="SMS and messenger senders for Bitrix24, through the customers' own accounts" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --system --gid 10001 sendline \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sendline \
    && install -d -o sendline -g sendline -m 0700 /var/lib/sendline
COPY --from=build /opt/sendline /opt/sendline
WORKDIR /opt/sendline
ENV PATH="/opt/sendline/.venv/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SPOOL_DIR=/var/lib/sendline/spool
VOLUME /var/lib/sendline
EXPOSE 8000 8010
# Each process needs up to 20 seconds to end: `docker stop --time 30`, `stop_grace_period: 30s`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=3 CMD ["/opt/sendline/b24app/operations/bin/health"]
USER 10001:10001
ENTRYPOINT ["/opt/sendline/b24app/operations/bin/process"]
CMD ["web"]
