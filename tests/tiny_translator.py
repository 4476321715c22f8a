"""A translator that learnt a dozen sentences by heart in a few seconds, or has random weights; as `save_pretrained` writes it."""

from __future__ import annotations

from pathlib import Path

import torch

from models.training.pairs import languages_of, tag
from models.training.tokenizer import TokenizerConfig, train_tokenizer
from models.training.translation import TranslatorConfig, new_translator

DIRECTIONS = ("en-de", "en-zh", "zh-en")
POSITIONS = 48
PAIRS = (
    ("The film was not bad at all.", "这部电影一点也不差。"),
    ("Nobody told me about the meeting.", "没有人告诉我开会的事。"),
    ("Let's eat hot pot tomorrow.", "我们明天去吃火锅吧。"),
    ("The waiter was very slow.", "服务员太慢了。"),
    ("My aunt makes the best dumplings.", "我阿姨包的饺子最好吃。"),
    ("I missed the bus again.", "我又没赶上公交车。"),
)


def save_tiny_translator(folder: Path, *, steps: int = 120, seed: int = 0) -> Path:
    """Writes the translator; with no step its weights are random. English to German is a direction that it never saw."""
    tokenizer = train_tokenizer(
        [text for pair in PAIRS for text in pair] * 3,
        TokenizerConfig(vocab_size=500, min_frequency=2, max_piece_length=5, max_length=POSITIONS, lowercase=False),
        [tag(language) for language in languages_of(DIRECTIONS)],
    )
    sizes = TranslatorConfig(hidden_size=64, encoder_layers=2, decoder_layers=2, num_attention_heads=2, intermediate_size=128, max_length=POSITIONS,
                             dropout=0.0)
    model = new_translator(sizes, tokenizer, seed)
    model.config.directions = list(DIRECTIONS)
    _teach(model, tokenizer, steps)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model: torch.nn.Module, tokenizer: object, steps: int) -> None:
    rows = [(tag("zh") + english, chinese) for english, chinese in PAIRS] + [(tag("en") + chinese, english) for english, chinese in PAIRS]
    sources = tokenizer([source for source, _ in rows], padding=True, return_tensors="pt")  # type: ignore[operator]
    targets = tokenizer([target for _, target in rows], padding=True, return_tensors="pt")  # type: ignore[operator]
    start = torch.full((len(rows), 1), tokenizer.sep_token_id)  # type: ignore[attr-defined]
    labels = targets.input_ids.masked_fill(targets.attention_mask == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 20)
        loss = model(input_ids=sources.input_ids, attention_mask=sources.attention_mask, labels=labels,
                     decoder_input_ids=torch.cat([start, targets.input_ids[:, :-1]], 1)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
