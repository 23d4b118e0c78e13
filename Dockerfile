# The server in a slim image, as a user of its own, on port 6379.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY server server
RUN python -m venv /opt/vermilion && /opt/vermilion/bin/pip install --no-cache-dir '.[metrics]'

FROM python:3.13-slim
COPY --from=build /opt/vermilion /opt/vermilion
RUN useradd --system --user-group --no-create-home vermilion \
    && install --directory --owner=vermilion --group=vermilion /data

# By the environment and not by CMD: arguments given to `docker run` replace CMD, and the server would go back
# to 127.0.0.1, which nobody outside the container reaches. Arguments win over the environment.
ENV PATH=/opt/vermilion/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VERMILION_BIND=0.0.0.0 \
    VERMILION_PROTECTED_MODE=no \
    VERMILION_PORT=6379

USER vermilion
WORKDIR /data
VOLUME /data
EXPOSE 6379

# Any answer to PING is a sign of life, an error too: with requirepass it is -NOAUTH. To listen elsewhere inside the
# container set VERMILION_PORT; with VERMILION_METRICS_PORT, /healthz is asked instead, which TLS alone needs.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import os, socket, sys, urllib.request\nmetrics = os.environ.get('VERMILION_METRICS_PORT', '0')\nif metrics != '0': sys.exit(urllib.request.urlopen(f'http://127.0.0.1:{metrics}/healthz', timeout=2).status != 200)\ns = socket.create_connection(('127.0.0.1', int(os.environ['VERMILION_PORT'])), 2); s.sendall(b'PING\\r\\n'); sys.exit(not s.recv(1))"]

ENTRYPOINT ["vermilion"]
