"""How fast a table is translated: beside a plain loop that calls `generate` sentence by sentence on the same model with the same settings.

`python -m benchmarks.translating [--model toy-translation] [--table data/toy/pairs.jsonl] [--source-language en] [--target-language de] [--sentences 1000]`
"""

from __future__ import annotations

import argparse
import time

import torch

from models import load_translator
from models.decoding import DecodingConfig
from models.training.stages import read_pair_table
from models.translator import Translator


def main() -> None:
    """Prints seconds, sentences a second, the ratio, and whether both ways give the same translations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="toy-translation")
    parser.add_argument("--table", default="data/toy/pairs.jsonl")
    parser.add_argument("--source-language", default="en")
    parser.add_argument("--target-language", default="de")
    parser.add_argument("--sentences", type=int, default=1_000)
    args = parser.parse_args()
    translator, config = load_translator(args.model), DecodingConfig.best()
    pair = args.source_language, args.target_language
    texts = list(dict.fromkeys(row["source"] for row in read_pair_table(args.table) if (row["source_language"], row["target_language"]) == pair))
    texts = texts[: args.sentences]
    one_by_one(translator, texts[:3], pair, config)  # the first call is slower
    began = time.perf_counter()
    found = [item.hypothesis for item in translator.translate(texts, *pair, decoding=config)]
    ours = time.perf_counter() - began
    began = time.perf_counter()
    plain = one_by_one(translator, texts, pair, config)
    loop = time.perf_counter() - began
    same = sum(one == other for one, other in zip(found, plain, strict=True))
    print(f"{args.model}, {pair[0]}-{pair[1]}, {len(texts)} different sentences, beam of {config.num_beams}, {torch.get_num_threads()} threads, "
          f"torch {torch.__version__}")
    print("| way | seconds | sentences a second |\n|---|---:|---:|")
    print(f"| table, with the probability of every token | {ours:.1f} | {len(texts) / ours:.1f} |")
    print(f"| generate, one by one | {loop:.1f} | {len(texts) / loop:.1f} |")
    print(f"{loop / ours:.1f} times as fast; {same} of {len(texts)} translations are equal")


def one_by_one(translator: Translator, texts: list[str], pair: tuple[str, str], config: DecodingConfig) -> list[str]:
    """The best hypothesis of each text, one call of `generate` a text."""
    found = []
    for text in texts:
        source = translator.tokenize_source(text, *pair).input_ids
        with torch.inference_mode():
            output = translator.model.generate(
                input_ids=torch.tensor([source], device=translator.device), num_beams=config.num_beams, do_sample=False, early_stopping=False,
                length_penalty=config.length_penalty, max_new_tokens=config.room(len(source), translator.max_length))
        found.append(translator.tokenizer.decode(output[0], skip_special_tokens=True).strip())
    return found


if __name__ == "__main__":
    main()
