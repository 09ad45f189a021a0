"""One thin Prefect task per library call."""
