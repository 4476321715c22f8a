"""The architecture of our own classifier: a EuroBERT, and beside it linear models of n-grams, one a language.

Wide & Deep (Cheng et al. 2016): the deep half generalises, the wide half remembers. The wide half reads hashed character n-grams, as fastText
does (Bojanowski et al. 2017), and pairs of pieces. Both read the same embeddings, so whatever explains a model by its embeddings or by
leaving out tokens explains both halves. `AutoModelForSequenceClassification` knows the architecture as soon as this module is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import log_softmax
from transformers import AutoConfig, AutoModelForSequenceClassification, EuroBertConfig, EuroBertForSequenceClassification, EuroBertModel
from transformers.configuration_utils import strict
from transformers.modeling_outputs import SequenceClassifierOutput

GRAMS = (2, 3, 4, 5)  # characters of an n-gram; a blank before and after a word counts
NOTHING, BREAK, BLANK, EDGE = 0, 1, 2, 3  # codes of no character, of one that nothing is known about, of a blank, and of an end of the text
OTHERS, BYTES = 4, 0x110000  # a character is its code point + OTHERS; bytes of one without a piece come after all code points
_FACTOR, _MIXER = -7046029254386353131, -4658895280553007687  # odd 64-bit constants (splitmix64, Steele et al. 2014)


@strict
class WideDeepConfig(EuroBertConfig):  # type: ignore[misc]
    """Settings of the architecture; those of the deep half are EuroBERT's."""

    model_type = "wide-deep-eurobert"
    wide_share: float = 0.0  # weight (0-1) of the wide half's log-probabilities, beside those of the deep half
    wide_buckets: int = 4096  # of the hashed n-grams, a power of two
    wide_experts: int = 1  # linear models, one a language and one for all others
    longest_piece: int = 16  # characters of a piece

    def validate_wide_half(self) -> None:
        """Raises ValueError for settings that make no sense; transformers calls it."""
        for name in ("wide_buckets", "wide_experts", "longest_piece"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number from 1 on")
        if self.wide_buckets & (self.wide_buckets - 1):
            raise ValueError(f"wide_buckets is {self.wide_buckets}, expected a power of two")
        if not isinstance(self.wide_share, int | float) or not 0 <= self.wide_share <= 1:
            raise ValueError(f"wide_share is {self.wide_share!r}, expected 0 to 1")


class NgramEmbedding(torch.nn.Embedding):
    """Embeddings of the pieces and, behind them, the evidence: what each piece and the n-grams whose last letter is in it say.

    The evidence of a token has for each expert one value a class and, at last, one that says how far the text is of its language.
    """

    characters: torch.Tensor

    def __init__(self, config: WideDeepConfig) -> None:
        """Random embeddings and evidence, no characters."""
        super().__init__(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.mask = config.wide_buckets - 1
        size = config.wide_experts * (config.num_labels + 1)
        self.pieces = torch.nn.Embedding(config.vocab_size, size)
        self.grams = torch.nn.Embedding(config.wide_buckets, size)
        self.register_buffer("characters", torch.zeros(config.vocab_size, config.longest_piece, dtype=torch.int32))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Embeddings and evidence of token ids (batch, length): (batch, length, features + evidence)."""
        evidence = self.pieces(input)
        places, buckets = find_grams(input, self.characters, self.mask)
        evidence = evidence.flatten(0, 1).index_add(0, places, self.grams(buckets)).view_as(evidence)
        return torch.cat([super().forward(input), evidence], dim=-1)


def find_grams(ids: torch.Tensor, characters: torch.Tensor, mask: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The n-grams of some texts.

    Args:
        ids: Token ids (batch, length), int64.
        characters: Codes of the characters of each piece, NOTHING behind the last (pieces, longest).
        mask: Number of buckets - 1.

    Returns:
        The token, in the flattened ids, that has the last letter of each n-gram, and its bucket (n-grams,), both int64. No n-gram belongs to
        an end of the text: what is there is the same for every text, so explanations look elsewhere.
    """
    codes = characters[ids.flatten()].long()
    there = codes != NOTHING
    places, stream = there.nonzero()[:, 0], codes[there]
    texts, stream = places // ids.shape[1], torch.where(stream == EDGE, BLANK, stream)
    found, buckets = [], []
    for size in GRAMS:
        count = len(stream) - size + 1
        if count <= 0:
            break
        letters = [stream[first : first + count] for first in range(size)]
        whole = texts[:count] == texts[size - 1 :]
        for letter in letters:
            whole &= letter != BREAK
        for letter in letters[1:-1]:
            whole &= letter != BLANK
        if size == 2:
            whole &= (letters[0] != BLANK) | (letters[1] != BLANK)
        buckets.append(_hash([letter[whole] for letter in letters], mask))
        last = torch.where(letters[-1] == BLANK, places[size - 2 : -1], places[size - 1 :])
        found.append(last[whole])
    first, second = ids[:, :-1].flatten(), ids[:, 1:].flatten()
    pairs = (characters[first, 0] != NOTHING) & (characters[second, 0] != NOTHING) & (characters[second, 0] != EDGE)
    behind = torch.arange(ids.numel(), device=ids.device).view_as(ids)[:, 1:].flatten()
    found.append(behind[pairs])
    buckets.append(_hash([first[pairs], second[pairs], torch.full_like(first[pairs], BREAK)], mask))
    return torch.cat(found), torch.cat(buckets)


def _hash(values: list[torch.Tensor], mask: int) -> torch.Tensor:
    """A bucket for each row of the values, all int64; products wrap around, on every device alike."""
    mixed = torch.full_like(values[0], len(values))
    for value in values:
        mixed = mixed * _FACTOR + value + 1
    mixed = (mixed ^ (mixed >> 29)) * _MIXER
    return (mixed ^ (mixed >> 32)) & mask


def piece_characters(tokenizer: Any) -> np.ndarray:
    """Codes of the characters of each piece, as the n-grams see them (pieces, characters of the longest), int32.

    Beginning and end of a text are like blanks; of a masked token nothing is known.
    """
    vocabulary = tokenizer.get_vocab()
    longest = max(len(piece) for piece in vocabulary)
    codes = np.full((max(vocabulary.values()) + 1, longest), NOTHING, dtype=np.int32)
    special = {tokenizer.cls_token: [EDGE], tokenizer.sep_token: [EDGE], tokenizer.pad_token: [],
               tokenizer.mask_token: [BREAK], tokenizer.unk_token: [BREAK]}
    for piece, number in vocabulary.items():
        if piece in special:
            found = special[piece]
        elif len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            found = [BYTES + int(piece[3:5], 16) + OTHERS]
        else:
            found = [BLANK if character == "▁" else ord(character) + OTHERS for character in piece]
        codes[number, : len(found)] = found
    return codes


class WideDeepModel(EuroBertModel):  # type: ignore[misc]
    """A EuroBERT that leaves the evidence behind its embeddings to the wide half."""

    config_class = WideDeepConfig

    def __init__(self, config: WideDeepConfig) -> None:
        """Random weights."""
        super().__init__(config)
        self.embed_tokens = NgramEmbedding(config)
        self.post_init()

    def forward(self, input_ids: torch.Tensor | None = None, inputs_embeds: torch.Tensor | None = None, **settings: Any) -> Any:
        """Hidden states; `inputs_embeds` are embeddings and evidence (batch, length, features + evidence)."""
        if inputs_embeds is None:
            inputs_embeds = self.embed_tokens(input_ids)
        return super().forward(inputs_embeds=inputs_embeds[..., : self.config.hidden_size], **settings)


class WideDeepForSequenceClassification(EuroBertForSequenceClassification):  # type: ignore[misc]
    """Mean of the log-probabilities of both halves, weighted by `wide_share`.

    The wide half is a mixture of linear experts (Jacobs et al. 1991): the evidence of all tokens, divided by the square root of their
    number, says which languages are likely and what the expert of each would answer.
    """

    config_class = WideDeepConfig

    def __init__(self, config: WideDeepConfig) -> None:
        """Random weights."""
        super().__init__(config)
        self.model = WideDeepModel(config)
        self.wide_bias = torch.nn.Parameter(torch.zeros(config.wide_experts, config.num_labels + 1))
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor | None = None, attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None, labels: torch.Tensor | None = None, **settings: Any,
    ) -> Any:
        """Log-probabilities of the classes, and what a EuroBERT gives."""
        if inputs_embeds is None:
            inputs_embeds = self.model.embed_tokens(input_ids)
        given = super().forward(inputs_embeds=inputs_embeds, attention_mask=attention_mask, **{**settings, "return_dict": True})
        logits, share = given.logits, self.config.wide_share
        if share:
            wide = self.wide(inputs_embeds[..., self.config.hidden_size :], attention_mask)
            logits = (1 - share) * log_softmax(logits, dim=-1) + share * wide
        loss = torch.nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=given.hidden_states, attentions=given.attentions)

    def wide(self, evidence: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """Log-probabilities of the classes by the evidence (batch, length, evidence) alone: (batch, classes)."""
        seen = torch.ones(evidence.shape[:2], device=evidence.device) if attention_mask is None else attention_mask
        total = (evidence * seen.unsqueeze(-1)).sum(1) / seen.sum(1, keepdim=True).sqrt()
        said = total.view(len(total), *self.wide_bias.shape) + self.wide_bias
        return torch.logsumexp(log_softmax(said[..., :-1], dim=-1) + log_softmax(said[..., -1:], dim=1), dim=1)


AutoConfig.register(WideDeepConfig.model_type, WideDeepConfig, exist_ok=True)  # the server may import a changed module anew
AutoModelForSequenceClassification.register(WideDeepConfig, WideDeepForSequenceClassification, exist_ok=True)
