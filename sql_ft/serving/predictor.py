"""Question and schema in, SQL out: a registered version, or the base, loaded once.

The prompt, the decoder and what takes SQL out of a completion are those of the evaluation
that judged the version (`generation.answer`), so the first answer is the judged one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sql_ft.config import RunConfig
from sql_ft.errors import AliasNotSetError, ModelError, TrackingError
from sql_ft.serving.answers import Answer, Answerer, Question

if TYPE_CHECKING:
    from sql_ft.serving.shared_base import SharedBase
    from sql_ft.tracking.served_version import Registry, ServedVersion

__all__ = ["Answer", "Answerer", "Predictor", "Question"]

logger = logging.getLogger(__name__)

MOST_CANDIDATES = 16


class Predictor:
    """A model that answers; made by `from_alias`, `from_version` or `from_base`.

    Safe to use from several threads: one answers at a time. Predictors made by `base` and
    `version` share one loaded base model, on which adapters are switched as evaluation
    does it.
    """

    def __init__(
        self,
        base: SharedBase,
        version: ServedVersion | None = None,
        *,
        registry: Registry | None = None,
        alias: str = "",
        check_alias_s: float = 3.0,
    ) -> None:
        self._base = base
        self._version = version
        self._registry = registry
        self._alias = alias
        self._check_alias_s = check_alias_s
        self._checked = time.monotonic()
        self._follow_lock = threading.Lock()

    @classmethod
    def from_alias(
        cls,
        alias: str = "champion",
        config: RunConfig | None = None,
        *,
        tracking_uri: str | None = None,
        name: str | None = None,
        check_alias_s: float = 3.0,
    ) -> Self:
        """Load the version that an alias points to, and follow the alias.

        When the alias moves, the next `predict` or `stream` answers with the new version.

        Args:
            alias: ``champion``, ``candidate`` or ``previous``.
            config: Names registry and state folder; model and generation settings are the
                version's own. None: the defaults.
            tracking_uri: Instead of the configuration's.
            name: Registered model, instead of the configuration's.
            check_alias_s: The registry is asked at most so often; 0: before every answer.

        Raises:
            TrackingError: No such registry, model or alias.
            ModelError: The version's base is not here, or its files are not as registered.
        """
        registry = _open(config, tracking_uri, name)
        version = registry.fetch(registry.number_of(alias))
        return cls(
            _load(version),
            version,
            registry=registry,
            alias=alias,
            check_alias_s=check_alias_s,
        )

    @classmethod
    def from_version(
        cls,
        version: int | str,
        config: RunConfig | None = None,
        *,
        tracking_uri: str | None = None,
        name: str | None = None,
    ) -> Self:
        """Load one version by its number; see `from_alias`."""
        registry = _open(config, tracking_uri, name)
        found = registry.fetch(str(version))
        return cls(_load(found), found, registry=registry)

    @classmethod
    def from_base(cls, config: RunConfig | None = None) -> Self:
        """Load the configuration's base model, without an adapter; no registry is needed.

        Raises:
            ModelError: The base cannot be loaded.
        """
        from sql_ft.base_model import resolve_model
        from sql_ft.serving.shared_base import SharedBase

        config = config or RunConfig()
        return cls(SharedBase(config.model, config.generation, resolve_model(config.model)))

    def base(self) -> Predictor:
        """The same loaded base model without an adapter, to be asked side by side."""
        return Predictor(self._base, registry=self._registry)

    def version(self, reference: int | str) -> Predictor:
        """Another version (number or alias, not followed) over the same loaded base.

        Raises:
            TrackingError: This predictor came from no registry, or there is no such version.
            ModelError: That version belongs to another base.
        """
        if self._registry is None:
            raise TrackingError(
                f"{self.label} came from no registry",
                expected="Predictor.from_alias or from_version",
            )
        version = self._registry.fetch(str(reference))
        if not self._base.serves(version.model, version.generation, version.base):
            raise ModelError(
                f"version {version.version} of {version.name} was judged on "
                f"{version.base.label} with other settings than {self.label}",
                expected="Predictor.from_version, which loads what belongs to it",
            )
        return Predictor(self._base, version, registry=self._registry)

    @property
    def label(self) -> str:
        """Who answers, for a person: ``sql-ft-tiny version 3 (champion)``, ``bundled:tiny``."""
        version = self._version
        if version is None:
            return self._base.resolved.label
        alias = f" ({self._alias})" if self._alias else ""
        return f"{version.name} version {version.version}{alias}"

    @property
    def version_number(self) -> str:
        """Number of the version that answers now; "" for a base."""
        return self._version.version if self._version is not None else ""

    @property
    def prompt_room(self) -> int:
        """Most tokens that a prompt may have: the model's context less the answer."""
        from sql_ft.generation.answer import prompt_room

        base = self._base
        return prompt_room(base.engine.base_model, base.generation.max_new_tokens)

    def predict(self, questions: Sequence[Question], *, n_best: int = 1) -> list[Answer]:
        """Answer one question or a thousand, in order.

        The answer is greedy. With `n_best` above 1, beam search (no sampling, no seed, the
        same every time) adds further candidates, distinct as SQL, most likely first.

        Args:
            questions: What is asked.
            n_best: Most candidates an answer, the greedy one included; at most 16.

        Raises:
            ModelError: A prompt does not fit the model's context.
            TrackingError: The alias that is followed has gone.
        """
        from sql_ft.generation.answer import decode_texts, encode_questions

        if not 1 <= n_best <= MOST_CANDIDATES:
            raise ModelError(f"n_best is {n_best}", expected=f"1 to {MOST_CANDIDATES}")
        base, adapter_dir = self._current()
        prompts = encode_questions(
            base.tokenizer, [(q.question, q.context) for q in questions], room=self.prompt_room
        )
        answers = []
        with base.armed(adapter_dir) as model:
            decoded = base.engine.decode(
                model, base.tokenizer, prompts, with_adapter=adapter_dir is not None
            )
            texts = decode_texts(base.tokenizer, decoded)
            for prompt, row, text in zip(prompts, decoded, texts, strict=True):
                answers.append(
                    _answer(
                        text,
                        finish_reason=row.finish_reason,
                        prompt_tokens=len(prompt),
                        completion_tokens=len(row.token_ids),
                        others=_search(base, model, prompt, n_best) if n_best > 1 else (),
                        n_best=n_best,
                    )
                )
        return answers

    def stream(self, question: Question) -> Iterator[str]:
        """Yield the greedy completion piece by piece; joined, it is `Answer.completion`.

        The model is held until the iterator ends or is closed.

        Raises:
            ModelError: The prompt does not fit the model's context.
        """
        from sql_ft.generation.answer import encode_questions
        from sql_ft.generation.stream import stream_text, stream_tokens

        base, adapter_dir = self._current()
        (prompt,) = encode_questions(
            base.tokenizer, [(question.question, question.context)], room=self.prompt_room
        )
        with base.armed(adapter_dir) as model:
            tokens = stream_tokens(
                model,
                prompt,
                max_new_tokens=base.generation.max_new_tokens,
                stop_ids=base.stop_ids,
            )
            yield from stream_text(base.tokenizer, tokens)

    def count_tokens(self, question: Question) -> int:
        """Length of a question's whole prompt in tokens."""
        from sql_ft.data.chat import encode_prompt
        from sql_ft.records import Sample

        sample = Sample("", question.question, question.context, gold_sql="")
        return len(encode_prompt(self._base.tokenizer, sample))

    def warm_up(self) -> None:
        """Answer a short question, so that the first real one finds everything loaded."""
        self.predict([Question("How many are there?", "CREATE TABLE item (id INTEGER)")])

    def close(self) -> None:
        """Take the adapter off; an interpreter that ends cannot import what that needs."""
        with self._base.armed(None):
            pass

    def refresh(self) -> bool:
        """Ask the registry now; True if another version answers from here on.

        Raises:
            TrackingError: The registry does not answer, or the alias has gone.
        """
        if self._registry is None or not self._alias:
            return False
        with self._follow_lock:
            return self._follow(self._registry)

    def _current(self) -> tuple[SharedBase, Path | None]:
        """What answers now, after a look at the alias if the last one is too long ago."""
        if self._registry is not None and self._alias:
            with self._follow_lock:
                if time.monotonic() - self._checked >= self._check_alias_s:
                    self._look(self._registry)
        return self._base, self._version.adapter_dir if self._version is not None else None

    def _look(self, registry: Registry) -> None:
        """Follow the alias; a registry that is away for a while stops nobody."""
        try:
            self._follow(registry)
        except AliasNotSetError:
            # A champion that was withdrawn is not to answer on.
            raise
        except TrackingError as error:
            logger.warning("%s answers on: %s", self.label, error.message)
            self._checked = time.monotonic()

    def _follow(self, registry: Registry) -> bool:
        number = registry.number_of(self._alias)
        self._checked = time.monotonic()
        if self._version is not None and number == self._version.version:
            return False
        version = registry.fetch(number)
        if not self._base.serves(version.model, version.generation, version.base):
            self._base = _load(version)
        self._version = version
        logger.info("%s answers from here on", self.label)
        return True


def _open(config: RunConfig | None, tracking_uri: str | None, name: str | None) -> Registry:
    from sql_ft.tracking.served_version import open_existing

    return open_existing(config or RunConfig(), tracking_uri=tracking_uri, name=name)


def _load(version: ServedVersion) -> SharedBase:
    from sql_ft.serving.shared_base import SharedBase

    return SharedBase(version.model, version.generation, version.base)


def _search(base: SharedBase, model: Any, prompt: Sequence[int], n_best: int) -> list[str]:
    """Texts of the best beams."""
    from sql_ft.generation.beam import search_beams

    found = search_beams(
        model,
        prompt,
        beams=n_best,
        max_new_tokens=base.generation.max_new_tokens,
        stop_ids=base.stop_ids,
        pad_id=base.tokenizer.pad_token_id,
    )
    texts: list[str] = base.tokenizer.batch_decode(
        found, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return texts


def _answer(
    text: str,
    *,
    finish_reason: str,
    prompt_tokens: int,
    completion_tokens: int,
    others: Sequence[str],
    n_best: int,
) -> Answer:
    from sql_ft.generation.extract import extract_sql

    extracted = extract_sql(text)
    statements = [extracted.sql, *(extract_sql(other).sql for other in others)]
    return Answer(
        sql=extracted.sql,
        completion=text,
        strict_format=extracted.strict,
        finish_reason=finish_reason,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        candidates=tuple(dict.fromkeys(s for s in statements if s))[:n_best],
    )
