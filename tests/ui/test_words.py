"""Text of strangers in Markdown and in tables."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from ui.tables import csv_bytes
from ui.words import label_name, plain

ESCAPED = set("\\`*_{}[]()<>#+-.!|~$:@&")


def unescaped(shown: str) -> str:
    """The characters that Markdown would still read as its own."""
    left, skip = [], False
    for character in shown:
        if skip:
            skip = False
        elif character == "\\":
            skip = True
        elif character in ESCAPED:
            left.append(character)
    return "".join(left)


@pytest.mark.parametrize(
    "content",
    [
        "![x](http://evil.example/?q=1)", "[click](javascript:alert(1))", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "**bold** __b__ `c`",
        "http://evil.example", "www.evil.example", "me@evil.example", "&lt;b&gt;", ":material/delete: :red[x] :smile:", "$x^2$", "# head", "- item", "1. item",
        "~~gone~~", "a | b", "\\![x](y)", "<https://evil.example>",
    ],
)
def test_markdown_of_strangers_is_escaped(content: str) -> None:
    shown = plain(content)
    assert unescaped(shown) == ""
    assert shown.replace("\\", "") == content.replace("\\", "")


def test_one_line_cut_and_with_its_marks_shown() -> None:
    assert plain("a\n\n b\t\u2028c  ") == "a b c"
    assert plain("x" * 300) == "x" * 199 + "…"
    assert plain("好" * 10, limit=5) == "好好好好…"
    assert plain("\u202eevil\u200b") == "⟦RLO⟧evil⟦ZWSP⟧"
    assert plain("👨\u200d👩\u200d👧") == "👨\u200d👩\u200d👧", "joiners inside emoji are spelling"


def test_cutting_never_leaves_half_an_escape() -> None:
    assert plain("[" * 10, limit=4) == "\\[\\[\\[…"


def test_labels_of_strangers_are_escaped_and_ours_are_translated() -> None:
    assert label_name("LABEL_1") == "LABEL\\_1"
    assert label_name("POSITIVE") == "positive"
    assert unescaped(label_name("![x](http://e)")) == ""


def cells(*values: object) -> list[str]:
    content = csv_bytes(pd.DataFrame({"text": list(values)}))
    assert content.startswith(b"\xef\xbb\xbf"), "spreadsheets need the mark to read UTF-8"
    return list(pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", dtype=str, keep_default_na=False)["text"])


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1+2", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠SUM(A1)", " =1", "\u00a0=1", "\t=1", "\tx", "a\n=1+1", "a\n \u00a0＝1",
     "a\r=1"],
)
def test_formulas_are_neutralised(cell: str) -> None:
    (stored,) = cells(cell)
    lines = [line.lstrip("\u00a0 ") for line in stored.replace("\r", "\n").split("\n")]
    assert stored.startswith("'") or not any(line.startswith(tuple("=+-@＝＋－＠\t")) for line in lines)
    assert stored.replace("'", "").split() == cell.split()


@pytest.mark.parametrize("cell", ["好", "a=b", "1-2", "it's", "a, \"b\"", "😀", "", "NA", "'=1"])
def test_other_text_is_left(cell: str) -> None:
    assert cells(cell, "x")[0] == cell


def test_numbers_stay_numbers() -> None:
    table = pd.DataFrame({"score": [-0.5, 1.25], "count": [-1, 2], "token": ["-", "b"]})
    read = pd.read_csv(io.BytesIO(csv_bytes(table)), encoding="utf-8-sig")
    assert read["score"].tolist() == [-0.5, 1.25]
    assert read["count"].tolist() == [-1, 2]
    assert read["token"].tolist() == ["'-", "b"]
    assert table["token"].tolist() == ["-", "b"], "the table itself is not changed"
