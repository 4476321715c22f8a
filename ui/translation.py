"""The translation screen: asking for a translation."""

from __future__ import annotations

import functools
from dataclasses import asdict

import streamlit as st

from audit import TranslationSentence, read_translation_probe
from models import Translation, Translator
from models.text import MAX_CHARACTERS, check_text
from models.translator import DEFAULT_DECODING
from ui import state
from ui.caches import TRANSLATION, job_runner, model_names
from ui.texts import text
from ui.words import language_option, plain
from xai.keys import result_key

EXAMPLES_SHOWN = 4
FIRST_CULTURES = ("zh-CN", "en-US", "de-DE", "fr-FR")
JOBS = "translation-"  # how the titles of this page's jobs begin


def has_model() -> bool:
    """Whether there is a translation model to choose; says what to do where there is none."""
    if model_names(TRANSLATION):
        return True
    st.info(text("translation-no-model"), icon=":material/deployed_code_alert:")
    st.code("python -m models train configs/translation.yaml", language=None)
    st.page_link("pages/library/models.py", label=text("translation-open-library"), icon=":material/deployed_code:")
    return False


def ask(model: Translator) -> state.TranslationRequest | None:
    """Draws the languages, the text box and the examples; returns what was asked last, or None."""
    st.session_state.setdefault(state.TRANSLATION_TEXT, "")
    with st.container(border=True):
        _languages(model)
        st.text_area(text("translation-text"), key=state.TRANSLATION_TEXT, height=96, max_chars=MAX_CHARACTERS,
                     placeholder=text("translation-placeholder"), persist_state="session")
        st.button(text("translation-translate"), type="primary", on_click=_ask_typed, shortcut="Ctrl+Enter", icon=":material/translate:")
        _examples(model)
    request: state.TranslationRequest | None = st.session_state.get(state.TRANSLATION_REQUEST)
    if request is not None and _typed() != request and st.session_state[state.TRANSLATION_TEXT]:
        st.caption(f":material/edit: {text('translation-stale')}")
    return request


def request_translation(content: str, source_language: str, target_language: str) -> None:
    """Puts a sentence and its languages into the boxes and asks for its translation."""
    st.session_state[state.TRANSLATION_TEXT] = content
    st.session_state[state.SOURCE_LANGUAGE] = source_language
    st.session_state[state.TARGET_LANGUAGE] = target_language
    _ask(state.TranslationRequest(content, source_language, target_language))


def translate(model: Translator, request: state.TranslationRequest) -> Translation:
    """The translation of what was asked.

    Raises:
        InputError: The text cannot be used, or the model does not translate this pair.
    """
    model.scheme.check(request.source_language, request.target_language, model.name)
    content = check_text(request.text)
    key = translation_key(model, "translate", content, request.source_language, request.target_language, **asdict(DEFAULT_DECODING))
    with st.spinner(text("translation-busy"), show_time=True):
        translation: Translation = job_runner().remember(
            key, lambda: model.translate([content], request.source_language, request.target_language)[0])
    return translation


def translation_key(model: Translator, what: str, source: str, source_language: str, target_language: str, **parameters: object) -> str:
    """Under which a result for one source and pair of languages is kept."""
    return result_key(fingerprint=model.fingerprint, text=source, method=what, target=f"{source_language}-{target_language}", parameters=parameters, seed=0)


def translatable(model: Translator) -> list[TranslationSentence]:
    """Sentences of the probe set whose pair of languages the model translates."""
    return [s for s in probe() if s.source_language in source_languages(model) and s.target_language in target_languages(model, s.source_language)]


@functools.cache
def probe() -> tuple[TranslationSentence, ...]:
    """The probe set, read once."""
    return tuple(read_translation_probe())


def source_languages(model: Translator) -> tuple[str, ...]:
    """Languages a source may be in; a model that names none gets those of the probe set, as it takes whatever comes."""
    known: tuple[str, ...] = model.scheme.source_languages
    return known or tuple(sorted({s.source_language for s in probe()}))


def target_languages(model: Translator, source_language: str) -> tuple[str, ...]:
    """Languages a source of this language may be translated into."""
    if model.scheme.source_languages:
        known: tuple[str, ...] = model.scheme.target_languages(source_language)
        return known
    return tuple(sorted({s.target_language for s in probe()} - {source_language}))


def _languages(model: Translator) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = _choose("translation-from", state.SOURCE_LANGUAGE, source_languages(model), ("en",))
        target = _choose("translation-into", state.TARGET_LANGUAGE, target_languages(model, source), ("zh", "en"))
        back = target in source_languages(model) and source in target_languages(model, target)
        st.button(text("translation-swap"), on_click=_swap, args=(source, target), icon=":material/swap_horiz:", disabled=not back)
    if not model.scheme.source_languages:
        st.caption(text("translation-silent-model"))


def _choose(label: str, key: str, languages: tuple[str, ...], preferred: tuple[str, ...]) -> str:
    """A list box of languages, kept in the link; the first option is what a link that names none means."""
    options = [*(language for language in preferred if language in languages), *(language for language in languages if language not in preferred)]
    chosen = st.session_state.get(key, st.query_params.get(key))
    st.session_state[key] = chosen if chosen in options else options[0]  # the other language or the model may have changed
    language = str(st.selectbox(text(label), options, key=key, width=220, format_func=language_option, persist_state="session"))
    if language != options[0] or key in st.query_params:
        st.query_params[key] = language
    return language


def _swap(source: str, target: str) -> None:
    st.session_state[state.SOURCE_LANGUAGE], st.session_state[state.TARGET_LANGUAGE] = target, source


def _typed() -> state.TranslationRequest:
    chosen = st.session_state.get
    return state.TranslationRequest(chosen(state.TRANSLATION_TEXT, ""), chosen(state.SOURCE_LANGUAGE, ""), chosen(state.TARGET_LANGUAGE, ""))


def _ask_typed() -> None:
    _ask(_typed())


def _ask(request: state.TranslationRequest) -> None:
    runner = job_runner()
    runner.cancel_others(state.visitor(), JOBS)  # the visitor no longer waits for the text before
    runner.forget_failed()
    st.session_state[state.TRANSLATION_REQUEST] = request
    for key in (state.TRANSLATION_EDITED, state.TRANSLATION_COMPARED):
        st.session_state.pop(key, None)


def _examples(model: Translator) -> None:
    by_culture: dict[str, list[TranslationSentence]] = {}
    for sentence in translatable(model):
        by_culture.setdefault(sentence.culture, []).append(sentence)
    if not by_culture:
        return
    order = [c for c in FIRST_CULTURES if c in by_culture] + sorted(c for c in by_culture if c not in FIRST_CULTURES)
    chosen = st.pills(text("sentiment-examples"), order, key=state.TRANSLATION_EXAMPLES, default=order[0], format_func=lambda c: text(f"culture-{c}"))
    with st.container(horizontal=True):
        for number, sentence in enumerate(pick_examples(by_culture.get(chosen or order[0], []))):
            tags = ", ".join(text(f"phenomenon-{tag}") for tag in sentence.phenomena)
            st.button(plain(sentence.source, limit=64), key=f"{state.TRANSLATION_EXAMPLES}-{number}", on_click=request_translation,
                      args=(sentence.source, sentence.source_language, sentence.target_language), help=f"{plain(sentence.reference)}  \n{tags}")


def pick_examples(sentences: list[TranslationSentence]) -> list[TranslationSentence]:
    """A few sentences of one culture: an idiom first, then as many different phenomena as possible, short ones before long ones."""
    left = sorted(sentences, key=lambda s: ("idiom" not in s.phenomena, len(s.source), s.id))
    picked, seen = left[:1], set(left[0].phenomena) if left else set()
    while len(picked) < min(EXAMPLES_SHOWN, len(sentences)):
        best = max((s for s in left if s not in picked), key=lambda s: (len(set(s.phenomena) - seen), -len(s.source), s.id))
        picked.append(best)
        seen |= set(best.phenomena)
    return picked
