"""One sentence for the visitor, the rest in the log."""

from __future__ import annotations

import logging

import pytest
from streamlit.testing.v1 import AppTest

SCRIPT = """
import streamlit as st
from models.errors import BusyError, CheckpointError, ConfigError, InputError, ModelError
from ui import state
from ui.errors import shown_errors
st.session_state.setdefault(state.LANGUAGE, {lang!r})
with shown_errors():
    {line}
st.text("after")
"""


def show(line: str, lang: str = "en") -> AppTest:
    app = AppTest.from_string(SCRIPT.format(line=line, lang=lang), default_timeout=60).run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("error", "title"),
    [("InputError", "This cannot be used as it is"), ("CheckpointError", "This model cannot be used"), ("BusyError", "The server is busy"),
     ("ModelError", "This did not work"), ("ConfigError", "This did not work")],
)
def test_errors_of_ours_are_a_title_and_one_sentence(error: str, title: str) -> None:
    app = show(f"raise {error}('It came so; do this.')")
    assert [item.value for item in app.markdown] == [f":material/error: **{title}**"]
    assert [item.value for item in app.text] == ["It came so; do this.", "after"]
    assert not app.error


def test_a_sentence_that_quotes_a_stranger_is_plain_text() -> None:
    app = show("raise InputError('![x](http://evil.example) <b> is not a label.')")
    assert app.text[0].value == "![x](http://evil.example) <b> is not a label."
    assert "evil" not in "".join(item.value for item in app.markdown)


def test_a_sentence_with_a_key_is_translated() -> None:
    assert show("raise InputError('The text is empty.', key='text-empty')", "zh").text[0].value == "文本为空,请输入或选择一个句子。"
    assert show("raise BusyError('3 jobs', key='busy-queue')").text[0].value == "Too many jobs are waiting; try again in a moment."


def test_an_unknown_error_says_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="culturelens"):
        app = show("raise KeyError('password=1234')")
    assert [item.value for item in app.error] == [
        "Something went wrong here. Your text is kept; try again. The details are in the log."]
    assert [item.value for item in app.text] == ["after"]
    (record,) = [record for record in caplog.records if record.name == "culturelens"]
    assert record.exc_info is not None
    assert "password=1234" in str(record.exc_info[1])


def test_streamlits_own_control_flow_passes() -> None:
    app = show("st.stop()")
    assert not app.error
    assert not app.text, "the script stopped"
