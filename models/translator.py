"""A loaded translation model: one handle with one lock for model and tokenizer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.decoding import DecodingConfig, score_targets, search
from models.errors import InputError
from models.languages import LanguageScheme, speaking
from models.progress import Progress, no_progress
from models.repetition import repeated_span
from models.text import check_text, clean_text
from models.tokens import TokenizedText, tokenize_checked

DEFAULT_DECODING = DecodingConfig()
SEARCH_SHARE = 2 / 3  # of the work of translating; the rest is scoring


@dataclass(frozen=True)
class Alternative:
    """One hypothesis of a beam: its text and its mean log-probability a token in nats, end token included."""

    hypothesis: str
    score: float


@dataclass(frozen=True)
class Translation:
    """What the model makes of one source, or how likely it finds a translation that somebody typed.

    Attributes:
        source: The source as the model saw it; `source.truncated_at` says what was cut.
        target: The hypothesis as the model writes it, behind its start token and before its end token.
        hypothesis: Text of the translation.
        token_logprobs: Log-probability in nats of each token of `target` (tokens,).
        end_logprob: Log-probability in nats of ending there.
        alternatives: The other hypotheses of the beam, best first; empty where the translation was given.
        repeated: Character span of the hypothesis that says the same again and again, or None.
        unfinished: Whether the search ran out of room before the model ended the sentence.
    """

    source: TokenizedText
    target: TokenizedText
    source_language: str
    target_language: str
    hypothesis: str
    token_logprobs: tuple[float, ...]
    end_logprob: float
    alternatives: tuple[Alternative, ...] = ()
    repeated: tuple[int, int] | None = None
    unfinished: bool = False

    @property
    def tokens(self) -> tuple[str, ...]:
        """Surface of each target token (tokens,)."""
        return self.target.tokens

    @property
    def score(self) -> float:
        """Mean log-probability in nats of a token id, the end token included."""
        return (sum(self.token_logprobs) + self.end_logprob) / (sum(map(len, self.target.positions)) + 1)


class Translator:
    """A sequence-to-sequence model with everything needed to use and explain it.

    Attributes:
        name: What the reader calls it.
        model, tokenizer: The transformers objects; hold `lock` around direct use.
        scheme: How the model is told its languages.
        lock: Taken for one batch at a time, so that visitors take turns.
        max_length: Positions a source or a target may fill, special tokens included.
        fingerprint: SHA-256 of weights, tokenizer and settings.
        card: Model card metadata, empty without a card.
    """

    def __init__(
        self, name: str, model: Any, tokenizer: Any, *, scheme: LanguageScheme, max_length: int, fingerprint: str, card: dict[str, Any] | None = None
    ) -> None:
        """Takes a model that is already checked; use `load_translator`."""
        self.name, self.model, self.tokenizer, self.scheme = name, model, tokenizer, scheme
        self.max_length, self.fingerprint, self.card = max_length, fingerprint, card or {}
        self.lock = threading.RLock()
        self.device = next(model.parameters()).device

    def tokenize_source(self, text: str, source_language: str, target_language: str) -> TokenizedText:
        """The source as the model sees it, with the token that names the target language where the model wants one.

        Raises:
            InputError: The text is empty, or the model does not translate this pair.
        """
        self.scheme.check(source_language, target_language, self.name)
        text = check_text(text)
        with self.lock, speaking(self.tokenizer, self.scheme, source_language, target_language):
            if self.scheme.kind != "tag":
                return tokenize_checked(self, text)
            tag = self.tokenizer.convert_tokens_to_ids(self.scheme.tokens[target_language])
            tokenized = tokenize_checked(self, text, reserved=1)
        return _framed(tokenized, (tag,), self.tokenizer.eos_token_id or self.model.config.eos_token_id)

    def tokenize_target(self, text: str, source_language: str, target_language: str) -> TokenizedText:
        """A translation as the decoder is made to write it: start token, language token where there is one, text, end token.

        Raises:
            InputError: The text is empty, or the model does not translate this pair.
        """
        self.scheme.check(source_language, target_language, self.name)
        with self.lock, speaking(self.tokenizer, self.scheme, source_language, target_language):
            if hasattr(self.tokenizer, "_switch_to_target_mode"):
                self.tokenizer._switch_to_target_mode()
            try:
                tokenized = tokenize_checked(self, check_text(text), reserved=2)
            finally:
                if hasattr(self.tokenizer, "_switch_to_input_mode"):
                    self.tokenizer._switch_to_input_mode()
        return _framed(tokenized, self._before_target(target_language), self.model.config.eos_token_id)

    def translate(
        self, texts: Sequence[str], source_language: str, target_language: str, *, num_beams: int = DEFAULT_DECODING.num_beams,
        decoding: DecodingConfig | None = None, progress: Progress = no_progress,
    ) -> list[Translation]:
        """One translation a text, in order; equal texts are translated once.

        Args:
            texts: Sources.
            source_language: Their language, as in `scheme`.
            target_language: Language to translate into.
            num_beams: Width of the beam; ignored where `decoding` is given.
            decoding: All settings of the search.
            progress: Called with (texts done, distinct texts) while they are searched for and, from SEARCH_SHARE of them on, scored; may raise Cancelled.

        Raises:
            InputError: A text is empty, or the model does not translate this pair.
            Cancelled: `progress` asked to stop.
        """
        config = decoding or DecodingConfig(num_beams, min(num_beams, DEFAULT_DECODING.alternatives))
        sources = [self.tokenize_source(text, source_language, target_language) for text in texts]
        count = len({tuple(source.input_ids) for source in sources})
        found = search(self, [source.input_ids for source in sources], config, positions=self.max_length, prefix=self._target_prefix(target_language),
                       progress=lambda done, total: progress(int(SEARCH_SHARE * count * done / max(1, total)), count))
        hypotheses = [self._decode(beam) for beam in found]
        rows = [(source, text) for source, beam in zip(sources, hypotheses, strict=True) for text in beam]
        scored = iter(self._score(rows, source_language, target_language, lambda done, total: progress(
            count if done >= total else int(count * (SEARCH_SHARE + (1 - SEARCH_SHARE) * done / total)), count)))
        translations = []
        for source, beam, ids in zip(sources, hypotheses, found, strict=True):
            room = config.room(len(source.input_ids), self.max_length)
            translations.append(_best([next(scored) for _ in beam], unfinished=len(ids[0]) >= room))
        return translations

    def score(
        self, texts: Sequence[str], hypotheses: Sequence[str], source_language: str, target_language: str, *, progress: Progress = no_progress
    ) -> list[Translation]:
        """How likely the model finds given translations (forced decoding), in order.

        Raises:
            InputError: A text is empty, the counts differ, or the model does not translate this pair.
        """
        if len(texts) != len(hypotheses):
            raise InputError(f"There are {len(texts)} sources and {len(hypotheses)} translations, expected as many; give one for each.")
        sources = [self.tokenize_source(text, source_language, target_language) for text in texts]
        return self._score(list(zip(sources, hypotheses, strict=True)), source_language, target_language, progress)

    def _score(
        self, rows: Sequence[tuple[TokenizedText, str]], source_language: str, target_language: str, progress: Progress
    ) -> list[Translation]:
        targets = [self.tokenize_target(text, source_language, target_language) if text else self._nothing(target_language) for _, text in rows]
        values = score_targets(self, [(source.input_ids, target.input_ids) for (source, _), target in zip(rows, targets, strict=True)],
                               progress=progress)
        return [_translation(source, target, said, source_language, target_language)
                for (source, _), target, said in zip(rows, targets, values, strict=True)]

    def _decode(self, beam: Sequence[Sequence[int]]) -> list[str]:
        """Texts of a beam, each once, best first; blank ones only where there is no other."""
        with self.lock:
            texts = [clean_text(text).strip() for text in self.tokenizer.batch_decode(beam, skip_special_tokens=True)]
        return list(dict.fromkeys(text for text in texts if text)) or [""]

    def _nothing(self, target_language: str) -> TokenizedText:
        """A translation that ends where it begins."""
        empty = TokenizedText("", (), (), (), (), (), None)
        return _framed(empty, self._before_target(target_language), self.model.config.eos_token_id)

    def _before_target(self, target_language: str) -> list[int]:
        """What the decoder is given before the first token of a translation."""
        prefix = self._target_prefix(target_language)
        return [self.model.config.decoder_start_token_id, *([] if prefix is None else [prefix])]

    def _target_prefix(self, target_language: str) -> int | None:
        """The token every translation begins with, in models that name the target language there."""
        if self.scheme.kind != "code":
            return None
        return int(self.tokenizer.convert_tokens_to_ids(self.scheme.tokens[target_language]))


def _framed(text: TokenizedText, before: Sequence[int], after: int | None = None) -> TokenizedText:
    """A tokenized text with exactly these special ids before it and behind it."""
    body = [index for index, special in enumerate(text.special) if not special]
    moved = {old: new for new, old in enumerate(body, len(before))}
    ids = [*before, *(text.input_ids[index] for index in body), *([] if after is None else [after])]
    special = [True] * len(before) + [False] * len(body) + ([] if after is None else [True])
    positions = tuple(tuple(moved[index] for index in group) for group in text.positions)
    return TokenizedText(text.text, tuple(ids), tuple(special), text.offsets, positions, text.word_ids, text.truncated_at)


def _translation(source: TokenizedText, target: TokenizedText, said: np.ndarray, source_language: str, target_language: str) -> Translation:
    """A scored translation; `said` holds the log-probability of every target id but the first (target - 1,)."""
    return Translation(
        source, target, source_language, target_language, target.text,
        tuple(float(sum(said[position - 1] for position in group)) for group in target.positions), float(said[-1]),
        repeated=repeated_span(target.tokens, target.offsets, source.tokens),
    )


def _best(scored: Sequence[Translation], *, unfinished: bool) -> Translation:
    """The first hypothesis of a beam with the others as its alternatives."""
    others = tuple(Alternative(other.hypothesis, other.score) for other in scored[1:])
    return replace(scored[0], alternatives=others, unfinished=unfinished)
