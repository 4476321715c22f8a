"""The frame of the app: page settings, navigation, language switch, run. `streamlit run app.py`."""

import streamlit as st

from ui.errors import shown_errors
from ui.frame import choose_language, show_frame, warm_up
from ui.texts import text

st.set_page_config(page_title="CultureLens", page_icon="ui/icon.png", layout="wide")
choose_language()
page = st.navigation(
    {
        text("nav-start"): [st.Page("pages/start/overview.py", title=text("page-overview"), icon=":material/home:", url_path="overview", default=True)],
        text("nav-explore"): [
            st.Page("pages/explore/sentiment.py", title=text("page-sentiment"), icon=":material/mood:", url_path="sentiment"),
            st.Page("pages/explore/translation.py", title=text("page-translation"), icon=":material/translate:", url_path="translation"),
        ],
        text("nav-audit"): [st.Page("pages/audit/cultures.py", title=text("page-cultures"), icon=":material/balance:", url_path="cultures")],
        text("nav-library"): [st.Page("pages/library/models.py", title=text("page-models"), icon=":material/deployed_code:", url_path="models")],
    }
)
with shown_errors():
    show_frame(page.url_path)
page.run()
with shown_errors():
    warm_up()  # last, or it would compete with the first page
