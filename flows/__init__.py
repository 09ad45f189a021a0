"""Prefect flows and the command line: sequence and parameters only."""
