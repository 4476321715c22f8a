"""The sentiment screen: asking, and the prediction."""

from __future__ import annotations

import hashlib

import streamlit as st

from audit import ProbeSentence, read_probe
from audit.languages import guess_culture
from models import Classifier, Prediction
from models.text import MAX_CHARACTERS, check_text, hidden_characters, visible_marks
from models.tokens import tokenize
from ui import state
from ui.caches import job_runner
from ui.explanations import METHOD
from ui.texts import text
from ui.words import label_name, plain

GUESS = "guess"
EXAMPLES_SHOWN = 4
FIRST_CULTURES = ("zh-CN", "ar-EG", "en-US", "hi-IN", "de-DE")
HARD = ("irony", "understatement", "code-switching", "idiom")


def ask() -> state.Request | None:
    """Draws the text box and the examples; returns what was asked last, or None."""
    cultures = [culture for culture, _ in _by_culture()]
    st.session_state.setdefault(state.TEXT, "")
    with st.container(border=True):
        st.text_area(text("sentiment-text"), key=state.TEXT, height=96, max_chars=MAX_CHARACTERS, placeholder=text("sentiment-placeholder"),
                     persist_state="session")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(text("sentiment-culture"), [GUESS, *cultures], key=state.CULTURE, width=220,
                         format_func=lambda value: text("sentiment-guess") if value == GUESS else culture_name(value))
            st.button(text("sentiment-explain"), type="primary", on_click=_ask_typed, shortcut="Ctrl+Enter", icon=":material/search:")
        _examples()
    request: state.Request | None = st.session_state.get(state.REQUEST)
    if request is not None and st.session_state[state.TEXT] not in ("", request.text):
        st.caption(f":material/edit: {text('sentiment-stale')}")
    return request


def request_example(sentence: ProbeSentence) -> None:
    """Puts a probe sentence into the box and asks for it."""
    st.session_state[state.TEXT] = sentence.text
    st.session_state[state.CULTURE] = sentence.culture
    _ask(state.Request(sentence.text, sentence.culture))


def predict(model: Classifier, request: state.Request) -> Prediction:
    """The prediction for the asked text.

    Raises:
        InputError: The text cannot be used.
    """
    cleaned = check_text(request.text)
    key = hashlib.sha256(f"predict {model.fingerprint} {cleaned}".encode()).hexdigest()
    prediction: Prediction = job_runner().remember(key, lambda: model.predict([cleaned])[0])
    return prediction


def culture_of(request: state.Request) -> str | None:
    """The chosen culture, or the one the text seems to come from."""
    return request.culture or guess_culture(request.text, [culture for culture, _ in _by_culture()])


def show_prediction(model: Classifier, request: state.Request, prediction: Prediction) -> None:
    """Label, probabilities, what was cut or hidden, and the known label of a probe sentence."""
    st.subheader(text("prediction-title"))
    st.markdown(f"### {label_name(prediction.label)}  ·  {prediction.probabilities[prediction.label]:.2f}")
    for label, probability in prediction.probabilities.items():
        st.progress(min(1.0, probability), text=f"{label_name(label)}  {probability:.3f}")
    _notes(model, prediction)
    known = next((s for s in read_probe() if s.text == request.text), None)
    if known is not None:
        tags = ", ".join(text(f"phenomenon-{tag}") for tag in known.phenomena) or "–"
        st.caption(text("prediction-known", label=label_name(known.label), tags=tags))
        st.caption(text("prediction-gloss", gloss=plain(known.gloss)))


def culture_name(culture: str) -> str:
    """A locale tag with its name in the visitor's language."""
    return f"{text('culture-' + culture)} · {culture}"


def _notes(model: Classifier, prediction: Prediction) -> None:
    """What a reader must know about the text: what was cut, what is hidden, what the model spells in bytes."""
    if prediction.truncated_at is not None:
        cut = len(prediction.text) - prediction.truncated_at
        st.warning(text("prediction-cut", seen=prediction.truncated_at, cut=cut, limit=model.max_length), icon=":material/content_cut:")
        st.text("…" + visible_marks(prediction.text[max(0, prediction.truncated_at - 20) : prediction.truncated_at])
                + " ✂ " + visible_marks(prediction.text[prediction.truncated_at : prediction.truncated_at + 80]) + "…")
    hidden = hidden_characters(prediction.text)
    if hidden:
        st.warning(text("prediction-hidden", marks=", ".join(dict.fromkeys(hidden))), icon=":material/visibility_off:")
    tokenized = tokenize(model, prediction.text)
    spelt = sum(len(places) for places in tokenized.positions if len(places) > 1)
    if spelt > len(tokenized.input_ids) / 2:
        st.warning(text("prediction-unknown-script"), icon=":material/help:")


def _ask_typed() -> None:
    culture = st.session_state.get(state.CULTURE, GUESS)
    _ask(state.Request(st.session_state.get(state.TEXT, ""), None if culture == GUESS else culture))


def _ask(request: state.Request) -> None:
    runner = job_runner()
    runner.cancel_others(state.visitor(), METHOD)  # the visitor no longer waits for the text before
    runner.forget_failed()
    st.session_state[state.REQUEST] = request
    st.session_state.pop(state.TARGET, None)


def _examples() -> None:
    by_culture = dict(_by_culture())
    order = [c for c in FIRST_CULTURES if c in by_culture] + [c for c in by_culture if c not in FIRST_CULTURES]
    chosen = st.pills(text("sentiment-examples"), order, key=state.EXAMPLES, default=order[0], format_func=lambda c: text(f"culture-{c}"))
    with st.container(horizontal=True):
        for number, sentence in enumerate(pick_examples(by_culture.get(chosen or order[0], []))):
            tags = ", ".join(text(f"phenomenon-{tag}") for tag in sentence.phenomena)
            st.button(plain(sentence.text, limit=64), key=f"{state.EXAMPLES}-{number}", on_click=request_example, args=(sentence,),
                      help=f"{plain(sentence.gloss)}  \n{tags}")


def pick_examples(sentences: list[ProbeSentence]) -> list[ProbeSentence]:
    """A few sentences of one culture: hard ones first, every label once."""
    ranked = sorted(sentences, key=lambda s: (-sum(tag in HARD for tag in s.phenomena), len(s.text), s.id))
    picked: list[ProbeSentence] = []
    for label in ("negative", "positive", "neutral"):
        picked += [s for s in ranked if s.label == label][:1]
    picked += [s for s in ranked if s not in picked]
    return picked[:EXAMPLES_SHOWN]


def _by_culture() -> list[tuple[str, list[ProbeSentence]]]:
    groups: dict[str, list[ProbeSentence]] = {}
    for sentence in read_probe():
        groups.setdefault(sentence.culture, []).append(sentence)
    return sorted(groups.items())
