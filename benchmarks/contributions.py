"""How far the two warnings of `xai.contributions` can be trusted, measured where the answer is known.

Made up: the words of the model's own translations, under their sources and under sources they have nothing to do with.
Left over: source words whose translation was taken out of a hand-made one, and the same words with it in place.

`python -m benchmarks.contributions --model translation [--pairs en-de en-zh] [--sentences 20] [--output runs/contributions.json]`
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from models import Translator, load_translator
from models.cli import progress_bar
from xai import TRANSLATION_METHODS
from xai.contributions import SUPPORT, TELLING, contributions, separate, supports
from xai.gold_alignments import PAIRS, AlignedPair, read_alignments


def main() -> None:
    """Measures both warnings and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a name under checkpoints/, a folder or a hub id")
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--methods", nargs="+", choices=TELLING, default=list(TELLING))
    parser.add_argument("--sentences", type=int, help="the first so many of each pair (default: all)")
    parser.add_argument("--output", default="runs/contributions.json")
    args = parser.parse_args()
    model = load_translator(args.model)
    rows: list[dict[str, Any]] = []
    print("| pair | method | words | made up: caught | false alarms | best threshold | caught | false alarms | left over: of | caught | false alarms |\n"
          f"|---|---|{'---:|' * 9}")
    for pair in args.pairs:
        gold = read_alignments(pair)[: args.sentences]
        for method in args.methods:
            row = {"pair": pair, "method": method, **made_up(model, gold, method, pair), **left_over(model, gold, method, pair)}
            rows.append(row)
            print("| " + " | ".join(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()) + " |", flush=True)
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps({"model": model.name, "fingerprint": model.fingerprint, "rows": rows}, indent=1), encoding="utf-8")


def made_up(model: Translator, gold: list[AlignedPair], method: str, pair: str) -> dict[str, float | int]:
    """Parts (0-1) of words that are warned of, at the default threshold and at the best one."""
    source_language, target_language = pair.split("-")
    told = supports(model, [row.source for row in gold], method, source_language=source_language, target_language=target_language,
                    progress=progress_bar(f"{pair} {method}"))
    usual, best = separate(*told, SUPPORT), separate(*told)
    return {"words": usual.words, "caught": usual.caught, "false_alarms": usual.false_alarms, "best_threshold": best.threshold,
            "best_caught": best.caught, "best_false_alarms": best.false_alarms}


def left_over(model: Translator, gold: list[AlignedPair], method: str, pair: str) -> dict[str, float | int]:
    """Parts (0-1) of source words that are warned of when their translation is taken out, and when it is not."""
    source_language, target_language = pair.split("-")
    flagged: dict[bool, list[bool]] = {True: [], False: []}
    for row in gold:
        alone = [(s, t) for s, t in sorted(row.sure) if sum(s == a or t == b for a, b in row.possible) == 1
                 and row.source_words[s].isalnum() and row.target_words[t].isalnum() and len(row.target_words) > 2]
        if not alone:
            continue
        word, hidden = alone[len(alone) // 2]
        start, end = row.target_offsets[hidden]
        without = " ".join(f"{row.target[:start].rstrip()} {row.target[end:].lstrip()}".split()) if " " in row.target else row.target[:start] + row.target[end:]
        for taken, hypothesis in ((True, without), (False, row.target)):
            found = TRANSLATION_METHODS[method](model, row.source, hypothesis, source_language=source_language, target_language=target_language).words()
            place = next(i for i, (a, b) in enumerate(found.source.offsets) if a < row.source_offsets[word][1] and b > row.source_offsets[word][0])
            flagged[taken].append(bool(contributions(found).untouched[place]))
    count = len(flagged[True])
    return {"left_over": count, "left_over_caught": sum(flagged[True]) / max(count, 1), "left_over_false_alarms": sum(flagged[False]) / max(count, 1)}


if __name__ == "__main__":
    main()
