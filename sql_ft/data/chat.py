"""The chat format: the one place that turns a question into tokens, for both uses.

Training and inference share `encode_prompt`, so a model is asked exactly what it was
trained on. The template itself belongs to the tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sql_ft.errors import ModelError
from sql_ft.records import Sample

SYSTEM_PROMPT = "You are a SQL expert."

_PROBE = "SELECT 1"
_SETTING = "model.name_or_path"

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """One supervised example in token ids.

    Attributes:
        input_ids: Prompt, SQL, end-of-turn token; shape ``[length]``.
        completion_mask: 1 exactly on the SQL and the end-of-turn token; same shape.
    """

    input_ids: list[int]
    completion_mask: list[int]

    @property
    def prompt_length(self) -> int:
        """Number of prompt tokens."""
        return len(self.input_ids) - sum(self.completion_mask)

    @property
    def answer_length(self) -> int:
        """Number of supervised tokens, the end-of-turn token included."""
        return sum(self.completion_mask)


def answer_text(gold_sql: str) -> str:
    """Return the SQL that the model is to write.

    White space at both ends and trailing semicolons are dropped: data sets disagree on
    them, and they mean nothing to whoever executes one statement.
    """
    return gold_sql.strip().rstrip("; \t\r\n")


def question_text(sample: Sample) -> str:
    """Return what is asked; a row's ``evidence`` (BIRD's outside knowledge) stands below it."""
    evidence = sample.tags.get("evidence", "").strip()
    return f"{sample.question}\nEvidence: {evidence}" if evidence else sample.question


def build_messages(question: str, context: str, examples: Sequence[Sample] = ()) -> list[Message]:
    """Return the chat: system, solved `examples` as earlier turns, then the question."""
    messages = [{"role": "system", "content": SYSTEM_PROMPT}]
    for example in examples:
        messages.append(_user_turn(question_text(example), example.context))
        messages.append({"role": "assistant", "content": answer_text(example.gold_sql)})
    messages.append(_user_turn(question, context))
    return messages


def repair_question(question: str, failed_sql: str, reason: str) -> str:
    """Return the question as it is asked again after a query failed.

    Everything stays in one user turn, the only shape that models here are trained on.
    """
    return f"{question}\nThis query is wrong: {failed_sql}\nReason: {reason}"


def encode_prompt(tokenizer: Any, sample: Sample, examples: Sequence[Sample] = ()) -> list[int]:
    """Return the ids of the chat up to where the assistant begins to answer.

    Raises:
        ModelError: The tokenizer has no chat template, or it fails on these messages.
    """
    chats = [build_messages(question_text(sample), sample.context, examples)]
    return _encode_chats(tokenizer, chats)[0]


def encode_example(tokenizer: Any, sample: Sample) -> EncodedExample:
    """Return prompt, SQL and end-of-turn token, with the mask of what is learned.

    Raises:
        ModelError: As `encode_prompt`; also if the template does not put the answer last,
            followed by a special token that ends the turn.
    """
    return next(encode_examples(tokenizer, [sample]))


def encode_examples(tokenizer: Any, samples: Sequence[Sample]) -> Iterator[EncodedExample]:
    """`encode_example` for many samples in two tokenizer calls.

    Raises:
        ModelError: As `encode_example`.
    """
    if not samples:
        return
    end = end_of_turn_id(tokenizer)
    prompts = _encode_chats(
        tokenizer, [build_messages(question_text(s), s.context) for s in samples]
    )
    answers = tokenizer(
        [answer_text(s.gold_sql) for s in samples],
        add_special_tokens=False,
        return_attention_mask=False,
    )["input_ids"]
    for prompt, answer in zip(prompts, answers, strict=True):
        yield EncodedExample(
            input_ids=[*prompt, *answer, end],
            completion_mask=[0] * len(prompt) + [1] * (len(answer) + 1),
        )


def end_of_turn_id(tokenizer: Any) -> int:
    """Return the id of the token that the template writes after an answer.

    Raises:
        ModelError: No chat template, or one after whose answers no special token stands.
    """
    messages = build_messages("q", "c")
    start = _render(tokenizer, messages, add_generation_prompt=True)
    whole = _render(
        tokenizer,
        [*messages, {"role": "assistant", "content": _PROBE}],
        add_generation_prompt=False,
    )
    if not whole.startswith(start + _PROBE):
        raise ModelError(
            "the chat template does not continue its own prompt with the answer",
            setting=_SETTING,
            expected="a template whose rendered conversation begins with the rendered prompt",
        )
    after = tokenizer(whole[len(start + _PROBE) :], add_special_tokens=False)["input_ids"]
    if not after or after[0] not in tokenizer.all_special_ids:
        raise ModelError(
            "the chat template ends an assistant turn with no special token",
            setting=_SETTING,
            expected="a template that ends turns, as ChatML does with <|im_end|>",
        )
    return int(after[0])


def _user_turn(question: str, context: str) -> Message:
    return {"role": "user", "content": f"Schema:\n{context}\n\nQuestion: {question}"}


def _require_template(tokenizer: Any) -> None:
    if not tokenizer.chat_template:
        name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
        raise ModelError(
            f"the tokenizer of {name} has no chat template",
            setting=_SETTING,
            expected="an instruct model, whose tokenizer_config.json has a chat_template",
        )


def _encode_chats(tokenizer: Any, chats: list[list[Message]]) -> list[list[int]]:
    from jinja2 import TemplateError

    _require_template(tokenizer)
    try:
        # transformers 5 returns a BatchEncoding unless told otherwise.
        encoded: list[list[int]] = tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, tokenize=True, return_dict=False
        )
    except TemplateError as error:
        raise _template_failed(error) from error
    return encoded


def _render(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool) -> str:
    from jinja2 import TemplateError

    _require_template(tokenizer)
    try:
        text: str = tokenizer.apply_chat_template(
            messages, add_generation_prompt=add_generation_prompt, tokenize=False
        )
    except TemplateError as error:
        raise _template_failed(error) from error
    return text


def _template_failed(error: Exception) -> ModelError:
    return ModelError(
        f"the chat template fails on system, user and assistant turns: {error}",
        setting=_SETTING,
        expected="a template that accepts a system message",
    )
