"""Imports made cheaper change nothing but their cost."""

import json
import subprocess
import sys

import torch

PROGRAM = """
import json, sys, logging
import torch
compiler = torch.compile
if sys.argv[1] == "plain":
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    import bitsandbytes
else:
    from sql_ft.model_libraries import import_bitsandbytes
    import_bitsandbytes()
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
torch.manual_seed(0)
packed, state = quantize_4bit(torch.randn(64, 128), quant_type="nf4", compress_statistics=True)
values = dequantize_4bit(packed, state)
print(json.dumps({
    "same_compile": torch.compile is compiler,
    "inductor": "torch._inductor.compile_fx" in sys.modules,
    "values": values.flatten().tolist(),
}))
"""


def _run(kind: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_bitsandbytes_without_the_compiler_is_bitsandbytes() -> None:
    plain, cheap = _run("plain"), _run("cheap")
    assert cheap["same_compile"]
    assert cheap["values"] == plain["values"]
    if not torch.cuda.is_available():
        assert plain["inductor"], "the import is cheap by itself now: drop import_bitsandbytes"
        assert not cheap["inductor"]
