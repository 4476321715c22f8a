"""The first screen: what the app is for, what is loaded, three examples to click."""

from __future__ import annotations

import streamlit as st

from audit import ProbeSentence, TranslationSentence, read_probe
from models import Classifier, Translator
from ui.caches import TRANSLATION, active_translator, model_names
from ui.sentiment import culture_name, request_example
from ui.texts import text
from ui.translation import request_translation, translatable
from ui.words import label_name, plain

WORKED_CULTURES = ("zh-CN", "ar-EG", "de-DE")
WORKED_TAG = "irony"
TRANSLATED_CULTURES = ("zh-CN", "en-US", "de-DE")


def show_overview(model: Classifier, explore_page: str) -> None:
    """Draws the screen; an example opens the page `explore_page` with its answer."""
    st.title("CultureLens")
    st.markdown(text("overview-lead"))
    for column, key in zip(st.columns(3), ("overview-see", "overview-compare", "overview-audit"), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{text(key)}**")
            st.markdown(text(f"{key}-more"))
    st.subheader(text("overview-examples"))
    for column, sentence in zip(st.columns(3), worked_examples(), strict=True):
        with column.container(border=True, height="stretch"):
            st.caption(culture_name(sentence.culture))
            st.text(sentence.text)
            st.caption(plain(sentence.gloss))
            prediction = model.predict([sentence.text])[0]
            st.markdown(text("overview-said", said=label_name(prediction.label), meant=label_name(sentence.label)))
            if st.button(text("overview-open"), key=f"open-{sentence.id}", icon=":material/arrow_forward:"):
                request_example(sentence)
                st.switch_page(explore_page)


def show_translation_examples(page: str) -> None:
    """Three sentences that must not be translated word by word, where there is a model to translate them; a button opens `page`."""
    if not model_names(TRANSLATION):
        return
    st.subheader(text("overview-translations"))
    for column, sentence in zip(st.columns(3), translated_examples(active_translator()), strict=False):
        with column.container(border=True, height="stretch"):
            st.caption(culture_name(sentence.culture))
            st.text(sentence.source)
            st.markdown(text("overview-trap", trap=plain(sentence.literal_trap)))
            st.caption(plain(sentence.note or sentence.reference))
            if st.button(text("overview-translate"), key=f"open-translation-{sentence.id}", icon=":material/arrow_forward:"):
                request_translation(sentence.source, sentence.source_language, sentence.target_language)
                st.switch_page(page)


def show_loaded(model: Classifier) -> None:
    """Name, size and headline figure of the classifier."""
    st.subheader(text("overview-loaded"))
    metric = model.card.get("evaluation", {}).get("headline")
    left, middle, right = st.columns(3)
    left.metric(text("overview-model"), plain(model.name), border=True)
    middle.metric(text("overview-size"), f"{sum(p.numel() for p in model.model.parameters()) / 1e6:.1f} M", border=True)
    if isinstance(metric, dict) and "mean_macro_f1" in metric:
        value = metric["mean_macro_f1"]
        right.metric(text("overview-f1", dataset=plain(str(metric["dataset"]))), f"{value['value']:.1f}", border=True,
                     help=text("overview-f1-help", low=f"{value['low']:.1f}", high=f"{value['high']:.1f}"))


def worked_examples() -> list[ProbeSentence]:
    """One ironic sentence of each of three cultures, those that are in the set."""
    picked = []
    for culture in WORKED_CULTURES:
        own = [s for s in read_probe() if s.culture == culture]
        picked += ([s for s in own if WORKED_TAG in s.phenomena] or own)[:1]
    return (picked + list(read_probe()))[:3]


def translated_examples(model: Translator) -> list[TranslationSentence]:
    """An idiom of each of three cultures, those that the model can translate, with a note where there is one."""
    idioms = sorted((s for s in translatable(model) if s.literal_trap), key=lambda s: (not s.note, len(s.source), s.id))
    first = [next((s for s in idioms if s.culture == culture), None) for culture in TRANSLATED_CULTURES]
    picked = [s for s in first if s is not None]
    return [*picked, *(s for s in idioms if s not in picked)][:3]
