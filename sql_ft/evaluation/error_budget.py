"""How much error one more look at the same questions may cost.

The same holdout answers every retrain. If each comparison were tested at 5%, a year of
retrains without any improvement would promote one of them falsely more often than not.
The budget bounds the chance of **any** false promotion instead:

* A budget (`promotion.error_budget`, 0.05) is spent over an **epoch**, look by look. The
  levels of an epoch's looks never add up to more than the budget, so by the union bound,
  whatever the dependence between the looks, a champion that no candidate betters is
  replaced with a probability of at most the budget.
* Spending is front-loaded: the first look of an epoch gets `first_look_share` of it, the
  others share the rest evenly.
* A promotion earns a new budget: the next look is the first of a new epoch. This is
  alpha-investing (Foster and Stine 2008) with a pay-out equal to the initial wealth: false
  promotions are at most 5% of one plus all promotions, in expectation.
* An epoch, and a set, is good for `looks_per_set` looks. After that the set must be
  renewed. A new set does not start a new epoch before the old one is used up: else a
  renewed set every week would buy a new 5% every week.

Pure functions over the looks spent so far; where they are kept is `tracking.budget`. Why
this and not another policy: `docs/design/error-budget.md`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from sql_ft.records import Look, content_hash


class BudgetPolicy(Protocol):
    """The part of `PromotionConfig` that says how the budget is spent."""

    @property
    def error_budget(self) -> float:
        """Sum of the levels of an epoch."""

    @property
    def first_look_share(self) -> float:
        """Share of the budget that an epoch's first look gets."""

    @property
    def looks_per_set(self) -> int:
        """Looks in an epoch, and looks that one set may answer."""


def comparison_key(
    *, candidate: str, champion: str, evaluation_set_hash: str, evaluator_hash: str
) -> str:
    """What makes two looks the same look: the same arms on the same questions and rules.

    Args:
        candidate: Hash of the candidate's adapter.
        champion: Hash of the champion's adapter; of the base if nothing is live.
        evaluation_set_hash: `EvaluationSet.hash`.
        evaluator_hash: `evaluator_hash` of the rules.
    """
    return content_hash([candidate, champion, evaluation_set_hash, evaluator_hash])[:32]


def look_alpha(number: int, policy: BudgetPolicy) -> float:
    """Level of the `number`-th look of an epoch (from 1); 0 beyond the last one."""
    if not 1 <= number <= policy.looks_per_set:
        return 0.0
    if policy.looks_per_set == 1:
        return policy.error_budget
    if number == 1:
        return policy.error_budget * policy.first_look_share
    return policy.error_budget * (1.0 - policy.first_look_share) / (policy.looks_per_set - 1)


def next_look(
    spent: Sequence[Look],
    *,
    key: str,
    evaluation_set_hash: str,
    policy: BudgetPolicy,
) -> Look:
    """The look that a comparison gets; spends nothing yet.

    Args:
        spent: Looks spent for this registered model, in any order.
        key: `comparison_key` of the comparison. One that was made before gets the look it
            had then, with the level it had then.
        evaluation_set_hash: Of the set that is to be asked.
        policy: How the budget is spent.

    Returns:
        The look; its `alpha` is 0 if nothing may be promoted on this set any more, and
        `renew` says why.
    """
    ledger = sorted(spent, key=lambda look: look.sequence)
    for look in ledger:
        if look.key == key:
            return look
    epoch = _current_epoch(ledger)
    on_this_set = sum(look.evaluation_set_hash == evaluation_set_hash for look in ledger)
    # What another configuration spent is spent all the same.
    used_up = len(epoch) >= policy.looks_per_set or (
        math.fsum(look.alpha for look in epoch) >= policy.error_budget * (1.0 - 1e-9)
    )
    renew = ""
    if used_up and on_this_set:
        renew = (
            f"the error budget of {policy.error_budget:g} is used up after {len(epoch)} looks "
            "without a promotion"
        )
    elif on_this_set >= policy.looks_per_set:
        renew = f"this evaluation set has answered {on_this_set} looks"
    elif used_up:
        epoch = []
    spent_before = math.fsum(look.alpha for look in epoch)
    number = len(epoch) + 1
    left = max(0.0, policy.error_budget - spent_before)
    alpha = 0.0 if renew else min(look_alpha(number, policy), left)
    return Look(
        key=key,
        sequence=ledger[-1].sequence + 1 if ledger else 1,
        number=number,
        alpha=alpha,
        evaluation_set_hash=evaluation_set_hash,
        set_look=on_this_set + 1,
        spent_before=spent_before,
        left_after=left - alpha,
        looks_left=max(0, policy.looks_per_set - max(number, on_this_set + 1)),
        renew=renew,
    )


def _current_epoch(ledger: Sequence[Look]) -> list[Look]:
    """Looks since the last promotion, or since a renewed set began a new epoch."""
    epoch: list[Look] = []
    for look in ledger:
        if look.number == 1:
            epoch = []
        epoch.append(look)
        if look.promoted:
            epoch = []
    return epoch
