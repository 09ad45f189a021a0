"""Schemas, dialect translation, telling databases and the DuckDB sandbox. Torch-free."""
