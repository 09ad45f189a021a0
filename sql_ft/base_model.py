"""The base model: where it is, what exactly it is, and how it is loaded.

Three kinds of `model.name_or_path`: ``bundled:tiny`` (inside this package), a local
folder, and a hub id. All three end as a folder of safetensors on this disk with a
`revision` that pins its content: the hub's commit, or a hash over the files. Torch and
transformers are imported inside functions, so importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sql_ft.config import ModelConfig
from sql_ft.data import chat
from sql_ft.errors import ModelError
from sql_ft.folder_hash import hash_ahead, hash_folder
from sql_ft.model_libraries import import_bitsandbytes, quiet_bitsandbytes

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

BUNDLED_PREFIX = "bundled:"
BUNDLED_FOLDERS = {"tiny": "tiny_base"}

# Share of a GPU's memory that unpacked weights may take; the rest is for keys and values.
_MOST_FOR_UNPACKED = 0.4

# What a model is made of; pickled weights and README files are not.
MODEL_FILES = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")


@dataclasses.dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A base model that is on this disk.

    Attributes:
        path_or_id: Folder that `from_pretrained` takes.
        revision: Hub commit, or SHA-256 over the model's files for a local folder.
        is_local: False if it came from the hub.
        label: Name without a machine's path: hub id, ``bundled:tiny`` or the folder's name.
    """

    path_or_id: str
    revision: str
    is_local: bool
    label: str


def resolve_model(config: ModelConfig) -> ResolvedModel:
    """Find the base model and pin what it is.

    A hub branch is resolved to its commit and downloaded once; without a network the
    hub's cache is used.

    Raises:
        ModelError: Unknown bundled name, folder without a model, or a hub id that is
            neither cached nor reachable.
    """
    name = config.name_or_path
    if name.startswith(BUNDLED_PREFIX):
        folder = _bundled_folder(name)
        return ResolvedModel(str(folder), hash_folder(folder, MODEL_FILES), True, name)
    path = Path(name).expanduser()
    if path.exists() or _looks_like_path(name):
        folder = path.resolve()
        _require_model_files(folder)
        return ResolvedModel(str(folder), hash_folder(folder, MODEL_FILES), True, folder.name)
    folder = _hub_snapshot(name, config.revision)
    _require_model_files(folder)
    return ResolvedModel(str(folder), folder.name, False, name)


def load_tokenizer(config: ModelConfig) -> Any:
    """Load the base model's tokenizer.

    Raises:
        ModelError: No tokenizer, or one without a chat template.
    """
    from transformers import AutoTokenizer

    resolved = resolve_model(config)
    try:
        tokenizer = AutoTokenizer.from_pretrained(resolved.path_or_id, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot load the tokenizer of {resolved.label}: {_first_line(error)}",
            setting="model.name_or_path",
            expected="tokenizer files beside the weights",
        ) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer of {resolved.label} has no chat template",
            setting="model.name_or_path",
            expected="an instruct model",
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def end_of_turn_id(tokenizer: Any) -> int:
    """Return the id of the token that ends an assistant turn (``<|im_end|>`` in ChatML).

    Raises:
        ModelError: The chat template ends turns with no special token.
    """
    return chat.end_of_turn_id(tokenizer)


def stop_ids(tokenizer: Any) -> list[int]:
    """Return the ids that end a generation: end of turn first, then any other end of text."""
    ids = [end_of_turn_id(tokenizer)]
    for token_id in (tokenizer.eos_token_id, tokenizer.get_vocab().get("<|endoftext|>")):
        if token_id is not None and token_id not in ids:
            ids.append(int(token_id))
    return ids


def pick_device(config: ModelConfig) -> str:
    """Return ``cuda`` or ``cpu``.

    Raises:
        ModelError: `model.device` asks for a GPU that PyTorch does not see.
    """
    import torch

    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise ModelError(
            "model.device is 'cuda' but PyTorch sees no GPU",
            setting="model.device",
            expected="'auto' or 'cpu' on this machine",
        )
    return "cuda" if available and config.device != "cpu" else "cpu"


def compute_dtype(config: ModelConfig, device: str) -> torch.dtype:
    """Return the dtype of activations and of everything that is not quantized.

    ``auto`` is bfloat16 on a GPU that has it, else float32. float16 on a CPU becomes
    float32: its kernels there are slow or absent.
    """
    import torch

    if config.compute_dtype == "auto":
        if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        return torch.float32
    if config.compute_dtype == "float16" and device == "cpu":
        return torch.float32
    dtype: torch.dtype = getattr(torch, config.compute_dtype)
    return dtype


def load_base(
    config: ModelConfig,
    *,
    purpose: Literal["train", "generate"],
    place: str | None = None,
    storage: torch.dtype | None = None,
) -> Any:
    """Load the base model, frozen and in evaluation mode.

    With ``quantization: nf4`` the linear layers are held in bitsandbytes NF4 (Dettmers et
    al. 2023, QLoRA). For ``generate`` they are dequantized at once on the fresh model, on a
    CPU always, on a GPU where that takes at most two fifths of its memory: the same values
    as NF4, in plain layers that run several times faster. On a CPU in float32 an adapter
    merges into them without being rounded to 4 bits.

    Args:
        config: Which base and how it is held.
        purpose: What for.
        place: ``cuda`` or ``cpu``; default: where it computes.
        storage: dtype whose elements carry the packed bytes of an NF4 base; default: bytes.

    Raises:
        ModelError: The weights do not fit the configuration or cannot be read.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    quiet_bitsandbytes()
    resolved = resolve_model(config)
    device = pick_device(config)
    dtype = compute_dtype(config, device)
    place = place or device
    quantized = config.quantization == "nf4"
    if quantized:
        import_bitsandbytes()
    transformers_logging.disable_progress_bar()
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            resolved.path_or_id,
            dtype=dtype,
            # accelerate compares indices: a bare "cuda" would count as another device.
            device_map={"": torch.cuda.current_device() if place == "cuda" else place},
            quantization_config=_nf4(config, dtype, storage) if quantized else None,
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise ModelError(
            f"cannot load {resolved.label}: {_first_line(error)}",
            setting="model.name_or_path",
            expected="a causal language model in safetensors",
        ) from error
    problems = {
        kind: sorted(map(str, report[kind]))
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if report.get(kind)
    }
    if problems:
        shown = "; ".join(f"{kind}: {', '.join(keys[:3])}" for kind, keys in problems.items())
        raise ModelError(
            f"the weights of {resolved.label} do not fit its config.json ({shown})",
            setting="model.name_or_path",
        )
    if quantized and purpose == "generate" and (device == "cpu" or _fits_unpacked(model, dtype)):
        model = dequantize_fresh(model)
    model.requires_grad_(False)
    return model.eval()


def _fits_unpacked(model: Any, dtype: torch.dtype) -> bool:
    import torch

    _, total = torch.cuda.mem_get_info()
    return bool(model.num_parameters() * dtype.itemsize <= _MOST_FOR_UNPACKED * total)


@contextlib.contextmanager
def known_deprecations_ignored() -> Iterator[None]:
    """Silence the deprecations that PEFT's and TRL's own calls into transformers raise.

    Nothing else: a warning about this project's calls stays visible.
    """
    with warnings.catch_warnings():
        for name in ("is_gradient_checkpointing", "gradient_checkpointing_enable"):
            warnings.filterwarnings(
                "ignore", message=f"`{name}` is deprecated", category=FutureWarning
            )
        yield


def dequantize_fresh(model: Any) -> Any:
    """Turn the 4-bit layers of a freshly loaded model into plain linear layers.

    Must run before the first forward pass: on CPUs with AVX512-BF16 bitsandbytes then
    repacks its weights to bfloat16, and the original NF4 values are gone.
    """
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    # One warning says in which dtype it dequantized; that is the dtype asked for.
    transformers_logging.set_verbosity_error()
    try:
        model = model.dequantize()
    finally:
        transformers_logging.set_verbosity(verbosity)
    model.is_loaded_in_4bit = False
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model


def _nf4(config: ModelConfig, dtype: torch.dtype, storage: torch.dtype | None) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_storage=storage,
        bnb_4bit_use_double_quant=config.double_quantization,
    )


def _bundled_folder(name: str) -> Path:
    key = name.removeprefix(BUNDLED_PREFIX)
    if key not in BUNDLED_FOLDERS:
        raise ModelError(
            f"no bundled model {key!r}",
            setting="model.name_or_path",
            expected=" or ".join(BUNDLED_PREFIX + known for known in BUNDLED_FOLDERS),
        )
    folder = Path(__file__).parent / "assets" / BUNDLED_FOLDERS[key]
    _require_model_files(folder)
    return folder


def _looks_like_path(name: str) -> bool:
    # A hub id is one name or owner/name; everything else is meant as a folder.
    return name.startswith((".", "/", "~", "\\")) or name.count("/") > 1


def _require_model_files(folder: Path) -> None:
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise ModelError(
            f"base model {folder} {found}",
            setting="model.name_or_path",
            expected="a hub id, bundled:tiny, or a folder with config.json and safetensors",
        )
    missing = [
        pattern for pattern in ("config.json", "*.safetensors") if not any(folder.glob(pattern))
    ]
    if missing:
        raise ModelError(
            f"base model folder {folder} has no {' and no '.join(missing)}",
            setting="model.name_or_path",
            expected="config.json and safetensors weights",
        )


def hash_base_ahead(folder: Path) -> None:
    """Begin to hash a base model's folder, for whoever asks for its revision later."""
    hash_ahead(folder.resolve(), MODEL_FILES)


def _hub_snapshot(name: str, revision: str) -> Path:
    from huggingface_hub import constants, errors, snapshot_download

    cached_or_local = "an id that is in the hub cache, a local folder, or bundled:tiny"
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(MODEL_FILES)))
    except errors.HFValidationError as error:
        raise ModelError(
            f"{name!r} is no hub id: {_first_line(error)}",
            setting="model.name_or_path",
            expected="owner/name, a local folder, or bundled:tiny",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"{name} has no revision {revision!r}",
            setting="model.revision",
            expected="a branch, tag or commit of that repository",
        ) from error
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{name} is gated: {_first_line(error)}",
            setting="model.name_or_path",
            expected="a token with access in HF_TOKEN",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"the hub has no model {name!r} (or it is private)",
            setting="model.name_or_path",
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        why = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else "the hub is unreachable"
        raise ModelError(
            f"{name} (revision {revision}) is not in the hub cache, and {why}",
            setting="model.name_or_path",
            expected=cached_or_local,
        ) from error
    except OSError as error:
        raise ModelError(
            f"cannot download {name}: {_first_line(error)}",
            setting="model.name_or_path",
            expected=cached_or_local,
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def context_length(config: ModelConfig) -> int:
    """Most tokens, prompt and answer together, that the base model can hold."""
    from transformers import AutoConfig

    resolved = resolve_model(config)
    loaded = AutoConfig.from_pretrained(resolved.path_or_id, trust_remote_code=False)
    return int(loaded.max_position_embeddings)
