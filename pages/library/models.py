"""Model cards, and loading a folder or a hub id."""

from ui.errors import shown_errors
from ui.library import show_library

with shown_errors():
    show_library()
