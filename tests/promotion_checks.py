"""What must hold of a registry after a crash, and after the next run."""

import collections
import itertools

from sql_ft.tracking.champion_move import last_move
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.decision_page import champion_moves
from sql_ft.tracking.scores import scores_of
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import list_versions, read_model


def check_registry(store: Store, name: str, champions: set[str]) -> str:
    """At any moment: one champion that exists, and a record that says which; return it."""
    model = read_model(store, name)
    assert model is not None
    versions = {v.version: v for v in list_versions(store, name)}
    champion = model.aliases.get("champion", "")
    assert champion in champions, f"champion is {champion!r}"
    for alias, version in model.aliases.items():
        assert version in versions, f"alias {alias!r} points to version {version}, which is gone"
    hashes = collections.Counter(v.adapter_hash for v in versions.values())
    assert all(count == 1 for count in hashes.values()), f"versions per adapter: {hashes}"
    move = last_move(model)
    if champion:
        assert move is not None
        # The alias says which of the two ends of the last noted move is live.
        assert champion in (move["from"], move["to"])
        if move["state"] == "done":
            assert champion == move["to"]
    return champion


def check_settled(store: Store, name: str, champion: str) -> None:
    """After a run that ended: everything is judged, recorded once, and closed."""
    assert check_registry(store, name, {champion}) == champion
    versions = list_versions(store, name)
    for version in versions:
        decisions = decisions_of(version)
        assert decisions, f"no decision about version {version.version}"
        ids = [d["id"] for d in decisions]
        assert len(ids) == len(set(ids))
        for score in scores_of(version):
            judged = [
                d
                for d in decisions
                if d["evaluation_set_hash"] == score.evaluation_set_hash
                and score.run_id in (d["run_id"], d.get("last_run_id"))
            ]
            assert judged, f"version {version.version} was evaluated and not decided on"
    chain = [("", "")] + [(m["champion_version"], m["version"]) for m in champion_moves(versions)]
    for (_, before), (replaced, _) in itertools.pairwise(chain):
        assert before == replaced, f"champions do not follow each other: {chain}"
    assert chain[-1][1] == champion
    model = read_model(store, name)
    move = last_move(model)
    assert model is not None
    assert move is not None
    assert (move["to"], move["state"]) == (champion, "done")
    assert f"**Live: version {champion}**" in model.description
    experiment = store.client().get_experiment_by_name(name)
    statuses = {r.info.status for r in store.client().search_runs([experiment.experiment_id])}
    assert statuses == {"FINISHED"}, statuses
