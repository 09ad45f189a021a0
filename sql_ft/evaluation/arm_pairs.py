"""Every two arms held against each other on the questions that both were scored on.

For a reader: nothing here decides, spends error budget or corrects for the number of pairs.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from sql_ft.evaluation.gate_sides import pair_verdicts, signed
from sql_ft.evaluation.sign_flip import shifted_p
from sql_ft.evaluation.statistics import PairedDifference
from sql_ft.records import Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class ArmPair:
    """One arm minus another on the same questions.

    Attributes:
        reference: The arm that is subtracted.
        arm: The other one.
        difference: Mean difference in correctness with its clustered 95% interval.
        p_value: Two-sided, of the clustered sign-flip test that the gate uses.
    """

    reference: str
    arm: str
    difference: PairedDifference
    p_value: float

    def describe(self) -> str:
        """Difference, interval, p and flips in one clause."""
        found = self.difference
        return (
            f"{signed(found)}, p = {self.p_value:.2g} "
            f"({found.gains} gained, {found.losses} lost, n = {found.n}, "
            f"{found.n_clusters} schemas)"
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary."""
        return dataclasses.asdict(self)


def pair_arms(verdicts: Mapping[str, Sequence[Verdict]]) -> list[ArmPair]:
    """Compare every two arms, in the order given; a pair without a common question is left out.

    Args:
        verdicts: Arm → its verdicts on one evaluation set.
    """
    pairs = []
    for reference, arm in itertools.combinations(verdicts, 2):
        paired = pair_verdicts(verdicts[reference], verdicts[arm])
        if paired is not None:
            p_value = shifted_p(paired.totals, Fraction(0), "two-sided")
            pairs.append(ArmPair(reference, arm, paired.difference, p_value))
    return pairs
