"""What of `state_dir` may go, why, and how it goes."""
