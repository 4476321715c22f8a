"""What the app is for, which model is loaded, three worked examples to click."""

from ui.caches import active_model
from ui.errors import shown_errors
from ui.overview import show_loaded, show_overview, show_translation_examples

with shown_errors():
    model = active_model()
    show_overview(model, "pages/explore/sentiment.py")
    with shown_errors():
        show_translation_examples("pages/explore/translation.py")
    show_loaded(model)
