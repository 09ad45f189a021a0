"""Self-consistency by execution: the result that most candidates agree on."""

from __future__ import annotations

from collections.abc import Sequence

from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.records import ExecutionResult
from sql_ft.serving.query import QueryResult

_RULES = MatchRules(column_order="fixed")


def elect(results: Sequence[QueryResult]) -> tuple[int, int]:
    """Return whose result wins, and how many results are equal to it.

    Results are compared as the evaluation compares them, row order left aside. Failed
    queries have no vote, and an empty result loses against one that says something; of
    equally many votes the earlier (likelier) candidate wins. The first wins with no votes
    if all failed.

    Args:
        results: At least one, the likeliest candidate's first.
    """
    groups: list[list[int]] = []
    for number, result in enumerate(results):
        if not result.ok:
            continue
        for group in groups:
            if _equal(results[group[0]], result):
                group.append(number)
                break
        else:
            groups.append([number])
    if not groups:
        return 0, 0
    best = max(groups, key=lambda g: (not results[g[0]].says_nothing, len(g), -g[0]))
    return best[0], len(best)


def _equal(first: QueryResult, second: QueryResult) -> bool:
    if first.truncated != second.truncated:
        return False
    return compare_results(_plain(first), _plain(second), ordered=False, rules=_RULES).equal


def _plain(result: QueryResult) -> ExecutionResult:
    return ExecutionResult(result.status, result.columns, result.rows, result.error)
