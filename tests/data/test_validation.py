"""The third side: no group, value or row of it is in what any child trains on."""

import pytest

from sql_ft.config import DataConfig, SweepConfig
from sql_ft.data.grouping import PLACEHOLDER_GROUP
from sql_ft.data.validation import hold_out_validation
from sql_ft.errors import DataError
from sql_ft.records import Sample

DATA = DataConfig(disjoint_columns=("template",))


def rows(groups=40, each=5, templates=8) -> list[Sample]:
    return [
        Sample(
            id=f"{g:02d}x{i}",
            question=f"q{g}-{i}",
            context="CREATE TABLE t (a INTEGER)",
            gold_sql="SELECT a FROM t",
            schema_group=f"g{g}",
            tags={"template": f"t{(g + i) % templates}"},
        )
        for g in range(groups)
        for i in range(each)
    ]


def test_parts_share_no_group_no_value_and_no_row():
    side = rows()
    cut = hold_out_validation(side, DATA, SweepConfig())
    assert cut.train
    assert cut.validation
    for value in (lambda s: s.schema_group, lambda s: s.tags["template"], lambda s: s.id):
        assert not {value(s) for s in cut.train} & {value(s) for s in cut.validation}
    assert len(cut.train) + len(cut.validation) + cut.left_out["mixed_sides"] == len(side)
    # The order in which rows are drawn stays.
    assert cut.train == [s for s in side if s in cut.train]


def test_the_same_rows_however_the_side_grows():
    before = hold_out_validation(rows(groups=30), DATA, SweepConfig())
    after = hold_out_validation(rows(groups=40), DATA, SweepConfig())
    assert [s for s in after.validation if int(s.schema_group[1:]) < 30] == before.validation


def test_another_seed_draws_other_groups():
    drawn = [
        {s.schema_group for s in hold_out_validation(rows(), DATA, sweep).validation}
        for sweep in (SweepConfig(), SweepConfig(validation_seed=7))
    ]
    assert drawn[0] != drawn[1]


def test_rows_of_no_clear_group_train():
    side = [
        *rows(),
        Sample("p", "q", "c", "s", PLACEHOLDER_GROUP, {"template": "t1"}),
        Sample("u", "q", "c", "s", "", {"template": "t1"}),
    ]
    cut = hold_out_validation(side, DataConfig(), SweepConfig())
    assert {"p", "u"} <= {s.id for s in cut.train}


def test_a_repeated_row_under_another_database_does_not_validate():
    side = rows()
    cut = hold_out_validation(side, DataConfig(), SweepConfig())
    twin = cut.validation[0]
    copy = Sample(
        f"{twin.id}-2", twin.question, twin.context, twin.gold_sql, cut.train[0].schema_group
    )
    again = hold_out_validation([*side, copy], DataConfig(), SweepConfig())
    assert twin.id not in {s.id for s in again.validation}
    assert again.left_out["repeated_row"] == 1


def test_one_group_cannot_be_cut():
    with pytest.raises(DataError, match=r"no validation rows|no training rows") as error:
        hold_out_validation(rows(groups=1), DataConfig(), SweepConfig())
    assert "validation_group_share" in str(error.value.setting)
