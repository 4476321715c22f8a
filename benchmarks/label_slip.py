"""Do the labels of UMSAB's files fit their texts all the way down? They are two files side by side, and one may have slipped.

Each part of a language's training lines is judged by a linear model on n-grams fitted on the other lines of the second half.
Where labels fit, all parts score alike; where they have slipped, a part scores what guessing does. The validation file is also judged with its
labels dealt out to its texts by lot: how often is that as good as what was published?

`python -m benchmarks.label_slip [--parts 4]`
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from models.data.corpus import corpora_root
from models.data.importers.reading import read_aligned
from models.data.importers.social import UMSAB
from models.data.schema import Fault

CHARACTERS = {"analyzer": "char_wb", "ngram_range": (2, 5)}
WORDS = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]+"}
FOLDS = 5
LOTS = 1_000


def read(folder: str, name: str) -> tuple[list[str], np.ndarray]:
    """Texts and labels (0-2) of one file pair, as published."""
    paths = [corpora_root() / f"umsab/data/sentiment/{folder}/{name}_{part}.txt" for part in ("text", "labels")]
    rows = [item[1] for item in read_aligned(paths, "umsab") if not isinstance(item, Fault)]
    return [text for text, _ in rows], np.array([int(label) for _, label in rows])


def judged(texts: list[str], labels: np.ndarray, others: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Predicted labels of all texts, none by a model that has seen it, and of others, by models of the second half."""
    vectorizers = [TfidfVectorizer(**kind, sublinear_tf=True) for kind in (CHARACTERS, WORDS)]
    features = hstack([vectorizer.fit_transform(texts) for vectorizer in vectorizers]).tocsr()
    foreign = hstack([vectorizer.transform(others) for vectorizer in vectorizers]).tocsr()
    second = np.arange(len(texts)) >= len(texts) // 2
    fold = np.random.default_rng(1).integers(FOLDS, size=len(texts))
    found = np.zeros(len(texts), dtype=int)
    for number in range(FOLDS):
        known = second & (fold != number)
        asked = second & (fold == number)
        found[asked] = LogisticRegression(C=4, max_iter=200).fit(features[known], labels[known]).predict(features[asked])
    whole = LogisticRegression(C=4, max_iter=200).fit(features[second], labels[second])
    found[~second] = whole.predict(features[~second])
    return found, whole.predict(foreign)


def by_lot(gold: np.ndarray, found: np.ndarray) -> float:
    """Share (0-1) of random pairings of labels and predictions whose macro-F1 is at least that of the real one (a permutation test)."""
    generator = np.random.default_rng(1)
    real = f1_score(gold, found, average="macro")
    return float(np.mean([f1_score(generator.permutation(gold), found, average="macro") >= real for _ in range(LOTS)]))


def main() -> None:
    """Prints macro-F1 by part of the training file, and of the validation file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=4)
    parts = parser.parse_args().parts
    print("| language | " + " | ".join(f"training part {number + 1}" for number in range(parts)) + " | validation | by lot as good |")
    print("|---|" + "---:|" * (parts + 2))
    for folder, language in UMSAB.items():
        texts, labels = read(folder, "train")
        held, gold = read(folder, "val")
        found, foreign = judged(texts, labels, held)
        scores = [f1_score(labels[part], found[part], average="macro") for part in np.array_split(np.arange(len(texts)), parts)]
        print(f"| {language} | " + " | ".join(f"{100 * score:.1f}" for score in [*scores, f1_score(gold, foreign, average="macro")])
              + f" | {100 * by_lot(gold, foreign):.1f} % |", flush=True)


if __name__ == "__main__":
    main()
