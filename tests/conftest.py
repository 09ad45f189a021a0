import os

from hypothesis import settings

# Nothing here may reach a hub, a telemetry service or the user's own servers.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PREFECT_API_URL"):
    os.environ.pop(name, None)

# `pytest --hypothesis-profile=full` is the measured run; no deadline, machines differ.
# The quick one takes the same examples every time: a change turns it red, not the dice.
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("full", max_examples=1000, deadline=None)
settings.load_profile("quick")
