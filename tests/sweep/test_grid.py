import pytest

from sql_ft.config import parse_config
from sql_ft.errors import ConfigError
from sql_ft.sweep.grid import TARGET_MODULES, describe_grid, expand_grid


def config(**sections):
    return parse_config(sections)


def test_every_combination_once_with_settings_of_its_own():
    made = expand_grid(
        config(
            sweep={
                "lora_r": [8, 64],
                "target_modules": ["attention", "attention_mlp"],
                "learning_rate": [1e-4, 3e-3],
                "train_rows": [10, 20],
            }
        )
    )
    assert [child.number for child in made] == list(range(1, 17))
    assert len({child.label for child in made}) == 16
    for child in made:
        train = child.config.train
        assert (train.lora_r, train.learning_rate) == (child.lora_r, child.learning_rate)
        assert train.target_modules == TARGET_MODULES[child.target_modules]
        assert child.config.data.train_rows == child.train_rows
    # Each is the run that its own settings say: the same hash as without a sweep.
    alone = config(train={"lora_r": 8, "learning_rate": 1e-4}, data={"train_rows": 10})
    assert made[0].config.hash == alone.hash
    assert len({child.config.hash for child in made}) == 16


def test_empty_lists_are_the_run_itself():
    settings = config(train={"lora_r": 4, "target_modules": ["q_proj"]})
    (child,) = expand_grid(settings)
    assert child.config.hash == settings.hash
    assert child.target_modules == "q_proj"
    assert "1 child (one setting" in describe_grid(settings, [child])


def test_alpha_follows_the_rank_only_when_asked():
    fixed = expand_grid(config(sweep={"lora_r": [8, 32]}, train={"lora_alpha": 16}))
    scaled = expand_grid(config(sweep={"lora_r": [8, 32], "lora_alpha_per_r": 2.0}))
    assert [c.config.train.lora_alpha for c in fixed] == [16, 16]
    assert [c.config.train.lora_alpha for c in scaled] == [16, 64]


def test_a_grid_above_its_limit_is_refused_with_its_size():
    with pytest.raises(ConfigError, match=r"the grid has 6 children: 3 lora_r × 2 target") as error:
        expand_grid(
            config(
                sweep={
                    "lora_r": [1, 2, 3],
                    "target_modules": ["attention", "attention_mlp"],
                    "max_children": 5,
                }
            )
        )
    assert error.value.setting == "sweep.max_children"


def test_rows_cannot_be_compared_where_they_decide_the_questions():
    with pytest.raises(ConfigError, match="sample_then_split"):
        expand_grid(config(data={"sampling": "sample_then_split"}, sweep={"train_rows": [10, 20]}))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lora_r": [8, 0]}, "sweep.lora_r.1"),
        ({"lora_r": [8, 8]}, "sweep.lora_r"),
        ({"target_modules": ["everything"]}, "sweep.target_modules.0"),
        ({"learning_rate": [2.0]}, "sweep.learning_rate.0"),
        ({"max_children": 0}, "sweep.max_children"),
        ({"runner": "spark"}, "sweep.runner"),
        ({"runner_address": "tcp://h:1"}, "sweep"),
        ({"ranks": [8]}, "sweep.ranks"),
    ],
)
def test_bad_settings_name_their_field(values, field):
    with pytest.raises(ConfigError) as error:
        config(sweep=values)
    assert error.value.setting == field


def test_what_is_compared_or_pruned_is_no_part_of_a_run():
    assert config(sweep={"lora_r": [8]}, retention={"cache_days": 1}).hash == config().hash
