"""Evaluation sets, verdicts, metrics, statistics, the gate and reports. Torch-free."""
