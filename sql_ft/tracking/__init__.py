"""The only importer of mlflow: runs, registry versions, aliases, the pyfunc model.

Importing these modules does not import mlflow (1.7 s); calling them does. `pyfunc_model.py`
is the exception: it is read by MLflow alone. `flatten_params` is in `fitting.py`.

```python
store = prepare_store(config.resolved_tracking_uri, config.state_path)        # store.py

with start_run(store, config.tracking.experiment, name=..., key=..., params=flatten_params(...),
               tags={...}) as run:                                            # runs.py
    run.run_id; run.resumed
    run.log_metrics({"train/loss": 1.0}, step=10); run.log_params({...}); run.set_tags({...})
    run.log_dataset(name, digest, context="training", kind="bundled", origin=..., profile={...})
    run.log_artifact(path, folder=""); run.log_text(text, "notes.md"); run.log_json(value, "a.json")
    run.log_table(columns, rows, "tables/eval.json"); run.log_figure(figure, "plots/loss.png")
# FINISHED; FAILED + tag `error` on an exception; KILLED on KeyboardInterrupt, SystemExit, SIGTERM

with attach_run(store, run_id) as run: ...      # another task or process; never ends the run

version = register_adapter(store, run_id, adapter_dir, name, config=config,
                           base_revision=..., tags={...})                      # registry.py
version.version; version.adapter_hash; version.created; version.uri; version.model_id
get_alias(store, name, "champion") -> RegisteredVersion | None
set_alias(store, name, "candidate", version.version)                           # versions.py
set_version_tags(store, name, version.version, {"evaluation_set_hash": ...})
list_versions(store, name) -> list[RegisteredVersion]                          # newest first
download_adapter(store, name, "champion" | "7", dst) -> DownloadedAdapter(path, version)

record_decision(store, name, version, decision, run_id=...)                    # promotion.py
set_champion(store, name, version, decision, expected_champion="3" | None, run_id=...)
    # ChampionChangedError if the champion is no longer the expected one;
    # WithdrawnVersionError if a person rolled back from that version
promote_by_hand(store, name, "7", reason=..., experiment=...)                  # lifecycle.py
roll_back(store, name, reason=..., experiment=...)
decisions_of(version)                                                          # decision_history.py
record_scores(store, name, version, verdicts, questions, ...)                  # scores.py
diff_versions(store, first, second)                                            # version_diff.py
explain_version(store, name, "champion" | "7")                                 # version_story.py
refresh_history(store, name, experiment); query_history(store, "FROM versions")  # history.py
answer_in_fresh_process(store, "models:/<name>@champion", rows)                # fresh_process.py
```

`models:/<name>@<alias>` is a pyfunc model (`pyfunc_model.py`, models from code).
"""
