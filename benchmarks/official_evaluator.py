"""Child process of `scoring_speed.py`: the official evaluator itself on a list of pairs.

Reads one JSON object from standard input: ``folder`` (a checkout of
`taoyds/test-suite-sql-eval`, Apache-2.0, not part of this project), ``pairs``
(``[path of a database, predicted, gold]``). Calls its `exec_eval.eval_exec_match` as its
`evaluation.py` does (`plug_value` and `keep_distinct` off), which runs every query on each
``.sqlite`` file beside the named one. Writes seconds, CPU seconds, executions and verdicts.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any


def main() -> None:
    request = json.load(sys.stdin)
    sys.path.insert(0, request["folder"])
    warnings.simplefilter("ignore")
    import exec_eval  # type: ignore[import-not-found]

    executions = 0
    connect = exec_eval.get_cursor_from_path

    def counted(path: str) -> Any:
        nonlocal executions
        executions += 1
        return connect(path)

    exec_eval.get_cursor_from_path = counted
    began, cpu = time.perf_counter(), time.process_time()
    verdicts = []
    for path, predicted_sql, gold_sql in request["pairs"]:
        try:
            verdicts.append(
                exec_eval.eval_exec_match(path, predicted_sql, gold_sql, False, False, False)
            )
        except Exception:
            # A prediction that sqlparse cannot read ends its whole run; here, one pair.
            verdicts.append(0)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu_s": time.process_time() - cpu,
                "executions": executions,
                "right": sum(verdicts),
            }
        )
    )


if __name__ == "__main__":
    main()
