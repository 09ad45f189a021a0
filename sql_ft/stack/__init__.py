"""The local stack: a Prefect server, an MLflow server and a worker, as plain processes."""
