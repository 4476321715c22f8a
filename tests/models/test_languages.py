"""How checkpoints name their languages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import CheckpointError, InputError
from models.languages import LanguageScheme, read_scheme, speaking

NOTHING: dict[str, Any] = {}


def scheme_of(*tokens: str, directions: tuple[str, ...] = (), card: dict[str, Any] = NOTHING) -> LanguageScheme:
    return read_scheme(SimpleNamespace(all_special_tokens=["</s>", *tokens]), SimpleNamespace(directions=directions), card)


@pytest.mark.parametrize(("tokens", "kind", "known"), [
    (("<2de>", "<2zh>"), "tag", {"de": "<2de>", "zh": "<2zh>"}),
    ((">>fra<<", ">>cmn_Hans<<"), "tag", {"fr": ">>fra<<", "cmn": ">>cmn_Hans<<"}),
    (("__de__", "__zh__"), "code", {"de": "__de__", "zh": "__zh__"}),
    (("deu_Latn", "zho_Hans", "zho_Hant"), "code", {"de": "deu_Latn", "zh": "zho_Hans", "zh-Hant": "zho_Hant"}),
    (("de_DE", "zh_CN"), "code", {"de": "de_DE", "zh": "zh_CN"}),
    ((), "single", {}),
])
def test_tokens_of_known_families(tokens: tuple[str, ...], kind: str, known: dict[str, str]) -> None:
    found = scheme_of(*tokens)
    assert (found.kind, found.tokens) == (kind, known)


def test_directions_come_from_the_settings_or_the_card() -> None:
    both = (("en", "de"), ("de", "en"))
    assert scheme_of("<2de>", "<2en>", directions=("en-de", "de-en")).directions == both
    assert scheme_of("<2de>", "<2en>", card={"metadata": {"directions": ["en-de", "de-en"]}}).directions == both
    assert scheme_of("<2de>", "<2en>").directions == ()


def test_languages_to_choose_from() -> None:
    listed = scheme_of("<2de>", "<2en>", "<2zh>", directions=("en-zh", "en-de", "zh-en"))
    assert listed.source_languages == ("en", "zh")
    assert listed.target_languages("en") == ("de", "zh") and listed.target_languages("zh") == ("en",) and listed.target_languages("de") == ()
    free = scheme_of("<2de>", "<2en>", "<2zh>")
    assert free.source_languages == ("de", "en", "zh") and free.target_languages("de") == ("en", "zh")


@pytest.mark.parametrize(("source", "target", "sentence", "key"), [
    ("en", "en", "Source and target are both 'en'; choose two different languages", "same-language"),
    ("de", "zh", "tiny does not translate de-zh; it knows en-zh, zh-en", "unsupported-pair"),
    ("en", "xx", "tiny does not translate en-xx; it knows en-zh, zh-en", "unsupported-pair"),
])
def test_pairs_that_cannot_be_translated_are_one_sentence(source: str, target: str, sentence: str, key: str) -> None:
    scheme = scheme_of("<2en>", "<2zh>", "<2de>", directions=("en-zh", "zh-en"))
    scheme.check("en", "zh", "tiny")
    with pytest.raises(InputError, match=sentence) as caught:
        scheme.check(source, target, "tiny")
    assert caught.value.key == key


def test_a_model_without_language_tokens_takes_any_pair() -> None:
    scheme_of().check("en", "fi", "opus")


def test_a_tokenizer_without_the_tag_is_refused() -> None:
    with pytest.raises(CheckpointError, match="has no token for the language 'zh', which the model is said to translate; save model and tokenizer together"):
        scheme_of("<2de>", directions=("en-de", "en-zh"))


def test_a_tokenizer_with_language_settings_is_set_and_set_back() -> None:
    tokenizer = SimpleNamespace(src_lang="en", tgt_lang=None)
    scheme = LanguageScheme("code", {"de": "__de__", "zh": "__zh__"}, ())
    seen = []

    def work() -> None:
        with speaking(tokenizer, scheme, "de", "zh"):
            seen.append((tokenizer.src_lang, tokenizer.tgt_lang))
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert seen == [("de", "zh")]
    assert (tokenizer.src_lang, tokenizer.tgt_lang) == ("en", None)
