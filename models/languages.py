"""How a translation model is told its languages: a tag before the source, a token the target begins with, or not at all."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from langcodes import Language, standardize_tag, tag_is_valid

from models.errors import CheckpointError, InputError

_TAG = re.compile(r"^(?:<2(?P<ours>[A-Za-z-]+)>|>>(?P<marian>[A-Za-z_-]+)<<)$")
_CODE = re.compile(r"^(?:__(?P<m2m>[a-z]{2,3})__|(?P<nllb>[a-z]{3}_[A-Z][a-z]{3})|(?P<mbart>[a-z]{2}_[A-Z]{2}))$")


@dataclass(frozen=True)
class LanguageScheme:
    """How one checkpoint names languages.

    Attributes:
        kind: "tag" (a special token before the source names the target), "code" (tokens on both sides name both languages) or
            "single" (one direction, nothing to name).
        tokens: Language -> its special token; empty for "single".
        directions: Pairs (source, target) the model is known to translate; empty where any pair of `tokens` may be asked for.
    """

    kind: str
    tokens: dict[str, str]
    directions: tuple[tuple[str, str], ...]

    @property
    def source_languages(self) -> tuple[str, ...]:
        """Languages a source may be in, sorted."""
        return tuple(sorted({source for source, _ in self.directions} or set(self.tokens)))

    def target_languages(self, source_language: str) -> tuple[str, ...]:
        """Languages a source of this language may be translated into, sorted."""
        known = {target for source, target in self.directions if source == source_language}
        return tuple(sorted(known if self.directions else set(self.tokens) - {source_language}))

    def check(self, source_language: str, target_language: str, name: str) -> None:
        """Refuses a pair that the model cannot translate.

        Raises:
            InputError: The languages are equal, one is unknown, or the pair is not among the directions.
        """
        if source_language == target_language:
            raise InputError(f"Source and target are both {source_language!r}; choose two different languages.", key="same-language")
        if not self.directions and not self.tokens:
            return
        if target_language not in self.target_languages(source_language):
            pairs = self.directions or [(a, b) for a in sorted(self.tokens) for b in sorted(self.tokens) if a != b]
            shown = ", ".join(f"{source}-{target}" for source, target in pairs[:12]) + (" …" if len(pairs) > 12 else "")
            raise InputError(f"{name} does not translate {source_language}-{target_language}; it knows {shown}.", key="unsupported-pair")


def read_scheme(tokenizer: Any, config: Any, card: dict[str, Any]) -> LanguageScheme:
    """The scheme of a checkpoint, from its special tokens, its settings and the directions its card lists.

    Raises:
        CheckpointError: The settings list a direction for whose target the tokenizer has no tag.
    """
    directions = _directions(config, card)
    tags, codes = {}, {}
    for token in tokenizer.all_special_tokens:
        tagged, coded = _TAG.match(token), _CODE.match(token)
        if tagged:
            tags[_language(tagged["ours"] or tagged["marian"])] = token
        elif coded:
            codes[_language(coded["m2m"] or coded["nllb"] or coded["mbart"])] = token
    kind = "tag" if tags else "code" if codes else "single"
    needed = {target for _, target in directions} if kind == "tag" else {language for pair in directions for language in pair}
    missing = sorted(needed - set(tags or codes)) if len(directions) > 1 or kind != "single" else []
    if missing:
        raise CheckpointError(f"The tokenizer has no token for the language {missing[0]!r}, which the model is said to translate; "
                              "save model and tokenizer together.")
    return LanguageScheme(kind, tags or codes, directions)


@contextlib.contextmanager
def speaking(tokenizer: Any, scheme: LanguageScheme, source_language: str, target_language: str) -> Iterator[None]:
    """The tokenizer set to a pair for a moment, where its kind has such settings; hold the model's lock around it."""
    if scheme.kind != "code" or not hasattr(tokenizer, "src_lang"):
        yield
        return
    before = tokenizer.src_lang, tokenizer.tgt_lang
    tokenizer.src_lang, tokenizer.tgt_lang = scheme.tokens[source_language].strip("_"), scheme.tokens[target_language].strip("_")
    try:
        yield
    finally:
        tokenizer.src_lang, tokenizer.tgt_lang = before


def _directions(config: Any, card: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = getattr(config, "directions", None) or card.get("metadata", {}).get("directions") or ()
    return tuple((str(pair).split("-", 1)[0], str(pair).split("-", 1)[1]) for pair in listed if "-" in str(pair))


def _language(code: str) -> str:
    """The shortest BCP-47 tag of a model's own code: zh of zho_Hans and zh_CN, zh-Hant of zho_Hant; codes that are none stay as they are."""
    written = code.replace("_", "-")
    if not tag_is_valid(written):
        return code
    language = Language.get(standardize_tag(written))
    usual = Language.get(language.language).maximize().script
    return f"{language.language}-{language.script}" if language.script and language.script != usual else str(language.language)
