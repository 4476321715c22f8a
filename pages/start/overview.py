"""What the app is for, which model is loaded, three worked examples to click."""

from ui.caches import active_model
from ui.errors import shown_errors
from ui.overview import show_overview

with shown_errors():
    show_overview(active_model(), "pages/explore/sentiment.py")
