"""The chat format, proved on token ids."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import make_tiny_tokenizer

from sql_ft.base_model import end_of_turn_id as model_end_of_turn_id
from sql_ft.data.chat import (
    SYSTEM_PROMPT,
    answer_text,
    build_messages,
    encode_example,
    encode_examples,
    encode_prompt,
    end_of_turn_id,
    question_text,
)
from sql_ft.errors import ModelError
from sql_ft.records import Sample

SAMPLE = Sample("1", "How many?", "CREATE TABLE t (x INTEGER)", " SELECT COUNT(*) FROM t ;\n")
OTHER = Sample("2", "Which names?", "CREATE TABLE u (name TEXT)", "SELECT name FROM u")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return make_tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def template_ids(tokenizer, sample):
    chat = [
        *build_messages(sample.question, sample.context),
        {"role": "assistant", "content": answer_text(sample.gold_sql)},
    ]
    return tokenizer.apply_chat_template(chat, tokenize=True, return_dict=False)


def test_messages():
    assert build_messages("How many?", "CREATE TABLE t (x INTEGER)") == [
        {"role": "system", "content": "You are a SQL expert."},
        {
            "role": "user",
            "content": "Schema:\nCREATE TABLE t (x INTEGER)\n\nQuestion: How many?",
        },
    ]


def test_examples_are_earlier_turns(tokenizer):
    messages = build_messages(OTHER.question, OTHER.context, [SAMPLE])
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"] == "SELECT COUNT(*) FROM t"
    few, none = encode_prompt(tokenizer, OTHER, [SAMPLE]), encode_prompt(tokenizer, OTHER)
    assert len(few) > len(none)
    assert tokenizer.decode(few).count(SYSTEM_PROMPT) == 1


def test_evidence_stands_below_the_question_in_training_and_in_asking(tokenizer):
    told = dataclasses.replace(OTHER, tags={"evidence": " a name is text \n"})
    assert question_text(OTHER) == OTHER.question
    assert question_text(told) == "Which names?\nEvidence: a name is text"
    prompt = encode_prompt(tokenizer, told, [told])
    assert tokenizer.decode(prompt).count("Evidence: a name is text") == 2
    example = encode_example(tokenizer, told)
    assert example.input_ids[: example.prompt_length] == encode_prompt(tokenizer, told)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  SELECT 1 ; ; \n", "SELECT 1"),
        ("SELECT ';' ;", "SELECT ';'"),
        (";", ""),
    ],
)
def test_answer_text(gold, answer):
    assert answer_text(gold) == answer


def test_example_is_the_template_less_its_last_newline(tokenizer):
    example = encode_example(tokenizer, SAMPLE)
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    assert example.input_ids + newline == template_ids(tokenizer, SAMPLE)


def test_mask_is_exactly_sql_and_end_of_turn(tokenizer):
    example = encode_example(tokenizer, SAMPLE)
    learned = [i for i, m in zip(example.input_ids, example.completion_mask, strict=True) if m]
    prompt = [i for i, m in zip(example.input_ids, example.completion_mask, strict=True) if not m]
    sql = tokenizer("SELECT COUNT(*) FROM t", add_special_tokens=False)["input_ids"]
    assert learned == [*sql, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    assert prompt == encode_prompt(tokenizer, SAMPLE)
    assert sorted(example.completion_mask) == example.completion_mask
    assert example.answer_length == len(learned)
    assert example.prompt_length == len(prompt)


def test_many_equal_one(tokenizer):
    assert list(encode_examples(tokenizer, [SAMPLE, OTHER])) == [
        encode_example(tokenizer, SAMPLE),
        encode_example(tokenizer, OTHER),
    ]
    assert list(encode_examples(tokenizer, [])) == []


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=60))
def test_training_and_template_agree_on_any_text(tokenizer, question, context, gold):
    sample = Sample("x", question, context, "SELECT " + gold)
    example = encode_example(tokenizer, sample)
    assert tokenizer.decode(example.input_ids) + "\n" == tokenizer.decode(
        template_ids(tokenizer, sample)
    )
    assert example.input_ids[: example.prompt_length] == encode_prompt(tokenizer, sample)


def test_end_of_turn_agrees_with_generation(tokenizer):
    assert end_of_turn_id(tokenizer) == model_end_of_turn_id(tokenizer)


@pytest.fixture
def own_tokenizer(tmp_path):
    return make_tiny_tokenizer(tmp_path)


def test_no_chat_template(own_tokenizer):
    own_tokenizer.chat_template = None
    for encode in (encode_prompt, encode_example):
        with pytest.raises(ModelError, match="no chat template") as caught:
            encode(own_tokenizer, SAMPLE)
        assert caught.value.setting == "model.name_or_path"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('system role not supported') }}", "system role not supported"),
        ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", "no special token"),
        (
            "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}",
            "does not continue its own prompt",
        ),
    ],
)
def test_unusable_chat_template(own_tokenizer, template, message):
    own_tokenizer.chat_template = template
    with pytest.raises(ModelError, match=message):
        encode_example(own_tokenizer, SAMPLE)
