"""How closely does an encoder follow the linear teacher, and could a simpler student do better?

On the development rows and on mixtures that no phase has used: the teacher, an encoder, a ridge regression of the teacher's
log-probabilities on the pieces (a language at a time, fitted on mixtures), and the means of the encoder with either.

`python -m benchmarks.teacher_gap configs/sentiment.yaml --model FOLDER`
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import Ridge
from sklearn.metrics import f1_score

from models import load_classifier
from models.config import load_config
from models.data.pack import PackedCorpus
from models.inference import evaluate_rows, softmax
from models.training.run import RunConfig
from models.training.teacher import Teacher

UNUSED_SEED = 100  # added to the seed of the last phase's teacher
HELD_OUT = 8_000  # mixtures the ridge regression is not fitted on
PENALTY, SINK = 0.03, 20  # of the ridge regression; a piece counts 1 / (tokens + SINK)


def pieces(sequences: Sequence[np.ndarray], vocabulary: int) -> csr_matrix:
    """Pieces of each sequence, weighted (sequences, vocabulary)."""
    lengths = np.array([len(sequence) for sequence in sequences])
    values = np.repeat(1 / (lengths + SINK), lengths).astype(np.float32)
    return csr_matrix((values, np.concatenate(sequences).astype(np.int64), np.cumsum([0, *lengths])), shape=(len(lengths), vocabulary))


def centred(probabilities: np.ndarray) -> np.ndarray:
    """Log-probabilities less their mean over the classes (rows, classes)."""
    logs = np.log(np.maximum(probabilities, 1e-6))
    return np.asarray(logs - logs.mean(1, keepdims=True))


def main() -> None:
    """Prints one line an answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    config, handle = load_config(RunConfig, options.config), load_classifier(options.model)
    corpus, settings = PackedCorpus(Path(config.folder) / "packed"), config.finetuning.phases[-1].teacher
    teacher = Teacher(corpus, handle.tokenizer, replace(settings, seed=settings.seed + UNUSED_SEED))
    lessons = teacher.lessons()
    mixtures = [lessons.ids[first:last] for first, last in zip(lessons.ends, lessons.ends[1:], strict=False)]
    held = np.zeros(len(mixtures), dtype=bool)
    held[np.random.default_rng(1).choice(len(mixtures), HELD_OUT, replace=False)] = True

    development = corpus.select(split="development", labelled=True)
    labels, spoken = corpus.rows["label"][development], corpus.rows["language"][development]
    asked = [corpus.input_ids(row) for row in development] + [mixtures[number] for number in np.flatnonzero(held)]
    languages = np.concatenate([spoken, lessons.languages[held]])
    said = np.zeros((len(asked), teacher.classes))
    by_pieces = np.zeros_like(said)
    for language in teacher.languages:
        member, fitted = np.flatnonzero(languages == language), np.flatnonzero((lessons.languages == language) & ~held)
        texts = [asked[number] for number in member]
        said[member] = teacher(texts, language)
        ridge = Ridge(alpha=PENALTY, solver="sparse_cg", tol=1e-3)
        ridge.fit(pieces([mixtures[number] for number in fitted], len(handle.tokenizer)), centred(lessons.judged[fitted]))
        by_pieces[member] = softmax(ridge.predict(pieces(texts, len(handle.tokenizer))))
    most = handle.model.config.max_position_embeddings - 2
    tokenizer = handle.tokenizer
    rows = [(tokenizer.cls_token_id, *ids[:most].tolist(), tokenizer.sep_token_id) for ids in asked]
    encoder = softmax(evaluate_rows(handle, rows))

    print("| what answers | KL to the teacher | … on mixtures | R² | macro-F1 | cross-entropy |\n|---|---:|---:|---:|---:|---:|")
    first = slice(len(development))
    for name, answer in {"teacher": said, "encoder": encoder, "ridge regression on pieces": by_pieces,
                         "mean of encoder and ridge regression": (encoder + by_pieces) / 2, "mean of encoder and teacher": (encoder + said) / 2}.items():
        apart = (said * (np.log(said) - np.log(answer))).sum(1)
        explained = 1 - ((centred(said[first]) - centred(answer[first])) ** 2).sum() / (centred(said[first]) ** 2).sum()
        chosen = answer[first].argmax(1)
        score = np.mean([f1_score(labels[spoken == language], chosen[spoken == language], average="macro") for language in np.unique(spoken)])
        cross = -np.log(answer[np.arange(len(labels)), labels]).mean()
        print(f"| {name} | {apart[first].mean():.3f} | {apart[len(labels):].mean():.3f} | {explained:.2f} | {100 * score:.1f} | {cross:.3f} |")


if __name__ == "__main__":
    main()
