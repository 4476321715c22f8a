"""Tokenised and lower-cased text as people write it."""

from __future__ import annotations

import pytest

from models.data.casing import MINIMUM_COUNT, join_han, join_marks, learn_casing

SEEN = ["We met Nora in Bern.", "Is Nora here?", "Then Nora left. She took the May train.", "NORA SHOUTED WITH MAY", "It may rain, or it may not.", "Ask Ulf."]


@pytest.mark.parametrize(("lower", "cased"), [
    ("where is nora ?", "Where is Nora ?"),
    ("she left. nora stayed! why?", "She left. Nora stayed! Why?"),
    ("it may be", "It may be"),  # inside sentences twice small, once not
    ("we saw bern and ulf", "We saw bern and ulf"),  # seen once each: not enough
    ("i think i'm late, and i'll run, i-i know", "I think I'm late, and I'll run, I-I know"),
    ("well... so it goes", "Well... so it goes"),  # after three points the sentence goes on
    ('- "go on!" he said', '- "Go on!" He said'),
    ("42 is a number", "42 is a number"),
    ("", ""),
])
def test_words_inside_sentences_decide(lower: str, cased: str) -> None:
    assert learn_casing(SEEN).restore(lower) == cased


def test_a_known_sentence_comes_back_as_it_was_written() -> None:
    casing = learn_casing(SEEN)
    assert casing.restore("we met nora in bern .") == "We met Nora in Bern."
    assert casing.restore("nora shouted with may") == "Nora shouted with may"  # what is shouted teaches nothing


def test_a_form_needs_its_count_and_its_share() -> None:
    few, mixed = ["see Rome"] * (MINIMUM_COUNT - 1), ["see Rome"] * 5 + ["see rome"] * 5
    assert learn_casing(few).words == learn_casing(mixed).words == {"i": "I"}
    assert learn_casing(["see Rome"] * MINIMUM_COUNT).words == {"i": "I", "rome": "Rome"}


@pytest.mark.parametrize(("tokenised", "joined"), [
    ("that 's it , isn 't it ?", "that's it, isn't it?"), ("oh . . well !", "oh.. well!"), ('he said " no " .', 'he said "no".'),
    ("it ( the tea ) is $ 5 or 10 %", "it (the tea) is $5 or 10%"), ('a 5" pipe and a 6" pipe', 'a 5" pipe and a 6" pipe'),
    ('"Yes," he said, "and no."', '"Yes," he said, "and no."'), ("„ Nein “ , sagte er .", "„Nein“, sagte er."),
    ("Nora ' s ' tea '", "Nora's 'tea'"), ("“ No ” , she said .", "“No”, she said."),
    ("", ""),
])
def test_join_marks(tokenised: str, joined: str) -> None:
    assert join_marks(tokenised) == joined


@pytest.mark.parametrize(("segmented", "joined"), [
    ("茶   已经 凉 了 。", "茶 已经凉了。"), ("在   New   Town   见 。", "在 New Town 见。"), ("茶 凉\xa0了", "茶凉 了"), ("", ""),
])
def test_join_han(segmented: str, joined: str) -> None:
    assert join_han(segmented) == joined
