"""Registered models for tests: versions without files, decisions, verdicts."""

from sql_ft.records import Check, Decision, Outcome, Verdict
from sql_ft.tracking.promotion import set_champion
from sql_ft.tracking.scores import record_scores
from sql_ft.tracking.store import Store


def make_versions(store: Store, run_id: str, name: str, count: int = 3) -> list[str]:
    """A registered model with versions that have tags, but no files."""
    client = store.client()
    client.create_registered_model(name)
    source = client.get_run(run_id).info.artifact_uri
    tags = {"base_model": "tiny", "dataset_digest": "d" * 64, "evaluation_set_hash": "e" * 64}
    return [
        str(
            client.create_model_version(
                name,
                source,
                run_id,
                {**tags, "adapter_hash": f"{number:x}" * 64},
                await_creation_for=0,
            ).version
        )
        for number in range(10, 10 + count)
    ]


def make_decision(promote: bool, reason: str = "", *, against: str = "") -> Decision:
    return Decision(
        promote=promote,
        reason=reason or ("clearly better" if promote else "no better"),
        checks=(
            Check("gain", 0.123456, 0.0, promote, "paired"),
            Check("arm|odd", "a\nb", ">= 1", True),
        ),
        reference_arm="champion" if against else "base",
        champion_version=against,
        evaluation_set_hash="e" * 64,
        evaluator_hash="v1",
        metrics={
            "candidate": {"execution_accuracy": 0.4},
            "paired": {"n": 50, "difference": 0.12, "low": 0.02, "high": 0.22, "sign_flip_p": 0.01},
        },
    )


def make_verdicts(outcomes: str) -> list[Verdict]:
    """One verdict a letter: c correct, w wrong result, e error, x set aside."""
    meaning = {
        "c": (Outcome.CORRECT, "ok", "rows_equal"),
        "w": (Outcome.WRONG_RESULT, "ok", "rows_differ"),
        "e": (Outcome.ERROR, "syntax", "syntax"),
        "x": (Outcome.EXCLUDED, "ok", "gold:timeout"),
    }
    return [
        Verdict(
            sample_id=f"s{number}",
            arm="candidate",
            schema_group="shop",
            outcome=meaning[letter][0],
            status=meaning[letter][1],
            reason=meaning[letter][2],
            gold_sql=f"SELECT {number}",
            predicted_sql=f"SELECT {number} /* {letter} */",
            valid_sql=letter in "cw",
            schema_adherence=True,
            strict_format=True,
            detail="first row differs" if letter == "w" else "",
        )
        for number, letter in enumerate(outcomes)
    ]


QUESTIONS = {f"s{number}": f"Question {number}?" for number in range(100)}


def score_and_promote(
    store: Store,
    name: str,
    version: str,
    run_id: str,
    *,
    outcomes: str,
    reason: str,
    before: str | None,
) -> None:
    """Log a version's verdicts and make it the champion after `before`."""
    record_scores(
        store,
        name,
        version,
        make_verdicts(outcomes),
        QUESTIONS,
        evaluation_set_hash="a" * 64,
        evaluator_hash="v1",
        run_id=run_id,
    )
    decision = make_decision(True, reason, against=before or "")
    set_champion(store, name, version, decision, expected_champion=before, run_id=run_id)
