"""The README of an exported folder: a model card that the hub and a person can read."""

from __future__ import annotations

from pathlib import Path

from sql_ft.tracking.promotion import decisions_of
from sql_ft.tracking.versions import RegisteredVersion

CARD_FILE = "README.md"
_PLAIN_BASES = ("bundled:",)


def write_card(
    folder: Path,
    version: RegisteredVersion,
    form: str,
    *,
    merged: bool,
    differing: tuple[int, int] | None = None,
) -> Path:
    """Write ``README.md`` with the hub's metadata, the provenance and how to load it.

    Args:
        folder: The export.
        version: Where it came from.
        form: What kind of weights these are.
        merged: False for a PEFT folder.
        differing: Answers that merging changed, and how many were compared.
    """
    tags = version.tags
    base = tags.get("base_model", "unknown")
    lines = [
        "---",
        f"library_name: {'transformers' if merged else 'peft'}",
        "pipeline_tag: text-generation",
    ]
    # The hub links `base_model` to a repository; a bundled or local base is none.
    if "/" in base and not base.startswith(_PLAIN_BASES):
        lines += [f"base_model: {base}"]
    lines += [
        "tags:",
        "- text-to-sql",
        *([] if merged else ["- lora"]),
        "---",
        "",
        f"# {version.name}, version {version.version}",
        "",
        f"{form[0].upper()}{form[1:]}.",
        "",
        "| | |",
        "|---|---|",
        f"| adapter | `{version.adapter_hash}` |",
        f"| base model | {base} at `{tags.get('base_revision', 'unknown')}` |",
        f"| the base was held in | {tags.get('quantization', 'unknown')} |",
        f"| dataset | `{tags.get('dataset_digest', 'unknown')}` |",
        f"| settings | `{tags.get('config_hash', 'unknown')}` |",
        f"| code | `{tags.get('git_commit') or 'unknown'}` |",
    ]
    if differing is not None:
        lines.append(
            f"| greedy answers that differ from the registered version's | "
            f"{differing[0]} of {differing[1]} |"
        )
    decisions = decisions_of(version)
    if decisions:
        lines += ["", "## Why it was promoted, or not", "", str(decisions[-1]["reason"])]
    lines += ["", "## Loading it", "", "```python", *_loading(merged), "```", ""]
    if not merged and tags.get("quantization") == "nf4":
        lines += [
            "It was trained and judged beside this base in bitsandbytes NF4. On the base's "
            "unquantized weights it answers some questions otherwise.",
            "",
        ]
    path = folder / CARD_FILE
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _loading(merged: bool) -> list[str]:
    if merged:
        return [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER")',
            'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
        ]
    return [
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        'base = AutoModelForCausalLM.from_pretrained("BASE_MODEL")',
        'model = PeftModel.from_pretrained(base, "THIS_FOLDER")',
        'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
    ]
