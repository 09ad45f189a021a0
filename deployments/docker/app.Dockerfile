# The web page alone: a registered champion, or its base, on one port.
#
#   docker build -f deployments/docker/app.Dockerfile -t sql-ft-app .
#   docker run --rm -p 127.0.0.1:7860:7860 -v "$PWD/state:/state" --user "$(id -u)" \
#     --tmpfs /tmp:size=2g,mode=1777 --read-only --cap-drop ALL \
#     --security-opt no-new-privileges sql-ft-app
#
# The state folder is not mounted read-only, and belongs to the user: MLflow opens its database
# for writing, and a version is fetched under a lock.
# The page asks for no password: publish the port on loopback, or behind a proxy that does.
FROM python:3.11-slim-bookworm

WORKDIR /opt/sql-ft
ARG TORCH_INDEX=""
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY sql_ft sql_ft
COPY tasks tasks
COPY flows flows
COPY deployments/configs deployments/configs
RUN if [ -n "$TORCH_INDEX" ]; then \
      pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)"; \
    fi \
 && pip install --no-cache-dir -c constraints.txt -e '.[train,flow,app]'

ENV DO_NOT_TRACK=1 MLFLOW_DISABLE_TELEMETRY=true GRADIO_ANALYTICS_ENABLED=False \
    HF_HUB_OFFLINE=1 HOME=/tmp SQL_FT_APP_HOST=0.0.0.0 SQL_FT_APP_PORT=7860
RUN useradd --uid 1000 person
USER 1000
EXPOSE 7860
STOPSIGNAL SIGINT
CMD ["sql-ft", "app", "--config", "deployments/configs/tiny.yaml", "--set", "state_dir=/state"]
