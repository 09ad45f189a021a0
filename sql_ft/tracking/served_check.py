"""What is served is what was judged: asked before the champion moves, and after.

A probe set of the evaluation's own questions is answered by the version as MLflow loads
it, in a process of its own, and held against the answers that the gate judged. On a GPU
the last bit of a logit depends on which prompts share a batch; the probe set is therefore
made of whole batches of the evaluation, the cheapest ones.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sql_ft.errors import ModelError
from sql_ft.records import Check, Prediction, Sample
from sql_ft.tracking.fresh_process import FreshProcess
from sql_ft.tracking.versions import RegisteredVersion

logger = logging.getLogger(__name__)

SERVED_CHECK = "served_answers"
MIN_PROBE_ROWS = 16
_SHOWN_IDS = 3


def probe_positions(predictions: Sequence[Prediction], batch_size: int) -> list[int]:
    """Positions of the last batches that evaluation decoded: shortest prompts, whole batches.

    `greedy.decode_all` takes prompts longest first and cuts that order into batches. The
    fewest last batches with at least `MIN_PROBE_ROWS` rows are taken; in file order, since
    decoding sorts them again.
    """
    order = sorted(range(len(predictions)), key=lambda i: (-predictions[i].prompt_tokens, i))
    first = max(0, (len(order) - 1) // batch_size * batch_size)
    while first and len(order) - first < MIN_PROBE_ROWS:
        first -= batch_size
    return sorted(order[first:])


def check_served(
    process: FreshProcess,
    uri: str,
    version: RegisteredVersion,
    predictions: Sequence[Prediction],
    samples: Mapping[str, Sample],
    *,
    batch_size: int,
) -> Check:
    """Let a version answer the probe set and compare with what was judged.

    Args:
        process: Of its own; see `FreshProcess`.
        uri: How a server would name the version.
        version: What must be found there.
        predictions: All answers of the judged arm, in the order in which they were asked.
        samples: Sample id → question, for every prediction.
        batch_size: With which they were generated.

    Returns:
        A check named `SERVED_CHECK`: it fails if one answer differs, if another adapter is
        served, or if nothing is.
    """
    asked = [predictions[i] for i in probe_positions(predictions, batch_size)]
    rows = [
        {"context": samples[p.sample_id].context, "question": samples[p.sample_id].question}
        for p in asked
    ]
    try:
        fresh = process.answer(uri, rows)
    except ModelError as error:
        return _failed("nothing is served", f"{uri}: {error.message}")
    if fresh.adapter_hash != version.adapter_hash:
        return _failed(
            fresh.adapter_hash,
            f"{uri} serves adapter {fresh.adapter_hash[:12]} instead of "
            f"{version.adapter_hash[:12]}",
        )
    differing = [
        p.sample_id
        for p, served in zip(asked, fresh.answers, strict=True)
        if p.predicted_sql != served
    ]
    if differing:
        return Check(
            SERVED_CHECK,
            len(differing),
            0,
            False,
            f"{len(differing)} of {len(asked)} answers of {uri} differ from those that were "
            f"judged (samples {', '.join(differing[:_SHOWN_IDS])})",
        )
    return Check(
        SERVED_CHECK,
        0,
        0,
        True,
        f"{uri}, loaded in a process of its own, answers {len(asked)} questions as judged",
    )


def _failed(value: str, detail: str) -> Check:
    return Check(SERVED_CHECK, value, 0, False, detail)
