"""One sentence for the visitor; the log has the rest."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import streamlit as st

from models.errors import BusyError, CheckpointError, CultureLensError, InputError
from ui.texts import text

LOG = logging.getLogger("culturelens")
_TITLES = {InputError: "error-input", CheckpointError: "error-model", BusyError: "error-busy"}


@contextlib.contextmanager
def shown_errors() -> Iterator[None]:
    """Shows an error of ours as its sentence, any other as "something went wrong" with the details in the log."""
    try:
        yield
    except CultureLensError as error:
        show_error(error)
    except Exception as error:
        if type(error).__module__.startswith("streamlit."):
            raise  # reruns and stops of Streamlit are exceptions too
        LOG.exception("a panel failed")
        st.error(text("error-unknown"))


def sentence(message: str, key: str) -> str:
    """The sentence of an error in the visitor's language where the catalogues have it."""
    return text(f"error-{key}") if key else message or text("error-unknown")


def show_error(error: CultureLensError) -> None:
    """The title in the visitor's language above the plain sentence of the error, which may quote what they typed."""
    title = next((key for kind, key in _TITLES.items() if isinstance(error, kind)), "error-other")
    with st.container(border=True):
        st.markdown(f":material/error: **{text(title)}**")
        st.text(sentence(str(error), error.key))
