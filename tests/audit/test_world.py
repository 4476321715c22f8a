"""Regions of cultures against the countries that Plotly and Babel know."""

from __future__ import annotations

import plotly.data
import pytest
from babel import Locale
from babel.core import get_global

from audit.world import ALPHA3, region, regions


@pytest.mark.parametrize(("name", "code"), [
    ("zh-CN", "CHN"), ("pt_BR", "BRA"), ("zh-Hant-TW", "TWN"), ("sr-Latn-RS", "SRB"), ("en-UK", "GBR"), ("und-NA", "NAM"),
    ("NA", "NAM"), ("NO", "NOR"), ("BA", "BIH"), ("DEU", "DEU"),
    ("zh", None), ("na", None), ("ar", None), ("de", None), ("usa", None), ("es-419", None), ("en-ZZ", None), ("XYZ", None), ("", None),
    ("German", None), ("zh-CN × news", None), ("x", None), ("hip-hop", None), ("你好", None),
])
def test_a_region_is_a_code_or_part_of_a_locale_tag(name: str, code: str | None) -> None:
    assert region(name) == code


def test_all_cultures_are_regions_or_there_is_no_map() -> None:
    assert regions(["zh-CN", "NA", "USA"]) == {"zh-CN": "CHN", "NA": "NAM", "USA": "USA"}
    assert regions(["zh-CN", "en"]) is None
    assert regions(["en-US", "es-US"]) is None  # a region has one colour
    assert regions(["DE", "DEU"]) is None
    assert regions([]) is None


def test_codes_are_those_of_plotly() -> None:
    """Its table of countries has names and alpha-3 codes; Babel knows the alpha-2 codes by these names."""
    by_name = {name: code for code, name in Locale("en").territories.items()}
    countries = plotly.data.gapminder().drop_duplicates("country")
    known = [(by_name[name], code) for name, code in zip(countries["country"], countries["iso_alpha"], strict=True) if name in by_name]
    assert len(known) > 120
    assert [(two, ALPHA3[two]) for two, _ in known] == known


def test_codes_are_those_of_unicode() -> None:
    assert len(ALPHA3) == len(set(ALPHA3.values())) == 249  # of ISO 3166-1
    aliases = get_global("territory_aliases")
    assert all(aliases[three] == [two] for two, three in ALPHA3.items())
