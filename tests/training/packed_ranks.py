"""One of several processes that train packed on a CPU; run by `torch.distributed.run`.

On a CPU packing is replaced by padding, which is quicker there; here it is put back, so that
what several GPUs do is done by several processes.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from small_training import MemorySink

from sql_ft.config import RunConfig
from sql_ft.training import core


def main() -> None:
    config_path, rows, out_dir = map(Path, sys.argv[1:])
    plain = core.adapt_to_hardware

    def packed(config: RunConfig, device: str) -> Any:
        effective, notes = plain(config, device)
        return dataclasses.replace(effective, packing=True), notes

    core.adapt_to_hardware = packed
    config = RunConfig.model_validate_json(config_path.read_text())
    core.run_training(config, rows, out_dir, MemorySink())


if __name__ == "__main__":
    main()
