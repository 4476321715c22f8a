"""The log-probability of target tokens as a function of embeddings, with its gradients; nothing is hooked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from transformers import DynamicCache, EncoderDecoderCache

from models.errors import ModelError
from models.inference import cut_batches, halving
from models.progress import Progress, no_progress
from xai.forced_pair import ForcedPair, earlier
from xai.masking import describe_mask, mask_id, token_owners

BATCH_TOKENS = 1_024  # embedded tokens in one batch, source and target
BATCH_LOGITS = 2**23  # values that come out at one time
PIECES = 4  # in which the decoder writes where gradients are wanted
SAME_LOGITS = 1e-3  # nats by which embeddings may give another answer than the ids they stand for

Point = tuple[int, float]
"""A row and a share (0-1) of the way from its masked to its given embeddings."""
Reduction = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From gradient (…, batch, length, hidden), embedding, and given less masked embedding (batch, length, hidden) to one value a position (…, batch, length)."""


@dataclass(frozen=True, order=True)
class _Pass:
    """One pair of embedded texts, and the rows it is asked for.

    A place sees only those before it, so what is on its way behind a row changes nothing for it: rows share a pass. Only a row of
    several ids, whose own earlier ones are always given, has passes of its own.
    """

    end: int  # places of the decoder
    rows: tuple[int, ...]
    free: int  # target tokens before this one are on their way, those from it on are given
    share: float


@dataclass(frozen=True)
class _Ways:
    """What was tried once on a model.

    Attributes:
        scales: Factors of what encoder and decoder look up, with which embeddings are answered as the ids are.
        is_split: Whether encoder, decoder in pieces and output layer can be run one after the other.
        vocabulary: Logits at each place.
    """

    scales: tuple[float, float]
    is_split: bool
    vocabulary: int


_ways: WeakKeyDictionary[torch.nn.Module, _Ways] = WeakKeyDictionary()


class EmbeddedTranslation:
    """Log-probabilities of fixed target tokens anywhere between masked and given embeddings of source and prefix.

    Each row is one target token. On its way only source tokens and target tokens before it are masked; special tokens and its own
    earlier pieces are always given.

    Attributes:
        pair: The texts.
        rows: The explained target tokens.
        values, base_values: Log-probability in nats of each row with given and with masked embeddings (rows,).
        baseline: What stands for a missing token.
        evaluations: Passes through the model so far: one forward for each different pair of embedded texts, which gives all rows that
            can share it, and one backward for each row and share whose gradient was asked for.
    """

    def __init__(self, pair: ForcedPair, rows: Sequence[int], progress: Progress = no_progress) -> None:
        """Embeds and evaluates the texts.

        Raises:
            ModelError: The model answers embeddings otherwise than the ids they stand for.
        """
        self.pair, self.rows, self.evaluations, self._expected = pair, list(rows), 0, 0
        self._progress: Progress = no_progress
        self.baseline = describe_mask(pair.model.tokenizer)
        targets, device = len(pair.target.offsets), pair.model.device
        source_owner, target_owner = token_owners(pair.source), token_owners(pair.target)[:-1]
        self._members = [_members(source_owner, len(pair.source.offsets)), _members(target_owner, targets)]
        self._players = np.hstack([np.ones((len(self.rows), len(pair.source.offsets)), bool), earlier(self.rows, targets)])
        self._owners = [torch.tensor(owner, device=device)[None] for owner in (source_owner, target_owner)]
        self._targets = torch.tensor(pair.target.input_ids, device=device)
        ways = _ways.get(pair.model.model) or self._try_ways()
        self._given, self._differences = self._look_up(ways.scales)
        self._is_split, self._vocabulary = ways.is_split, ways.vocabulary
        points = [(number, share) for share in (1.0, 0.0) for number in range(len(self.rows))]
        self.values, self.base_values = self.evaluate(points).reshape(2, -1)
        self._progress = progress  # from here on, when the ends are known

    def evaluate(self, points: Sequence[Point]) -> np.ndarray:
        """Log-probability in nats of each point's row (points,)."""
        return np.array(self._run(points, None))

    def differentiate(self, points: Sequence[Point], reduce: Reduction) -> np.ndarray:
        """What `reduce` makes of the gradient, summed for each token; 0 where a token cannot move the row (points, source + target)."""
        found = np.array(self._run(points, reduce))
        return np.asarray(found * self._players[[row for row, _ in points]])

    def _run(self, points: Sequence[Point], reduce: Reduction | None) -> list[Any]:
        """Results of the points in order; passes with as many rows and of like length share a batch."""
        passes = self._passes(points)
        self._expected = self.evaluations + len(passes) + (0 if reduce is None else sum(len(one.rows) for one in passes))
        lengths = [len(self.pair.source.input_ids) + one.end for one in passes]
        budget = BATCH_TOKENS if self._is_split else min(BATCH_TOKENS, BATCH_LOGITS // self._vocabulary)  # the whole model gives logits everywhere
        results: dict[Point, Any] = {}
        for _, like in itertools.groupby(range(len(passes)), key=lambda number: len(passes[number].rows)):
            for batch in cut_batches(list(like), lengths, budget):
                part = [passes[number] for number in batch]
                found = halving(lambda some: self._batch(some, reduce), part, lengths[batch[-1]])
                results.update({(row, one.share): value for one, values in zip(part, found, strict=True)
                                for row, value in zip(one.rows, values, strict=True)})
        return [results[point] for point in points]

    def _passes(self, points: Sequence[Point]) -> list[_Pass]:
        """The passes that give all points, those with as many rows and of like length beside each other."""
        shared: dict[Point, list[int]] = {}
        for row, share in sorted(set(points)):
            several = len(self.pair.target.positions[self.rows[row]]) > 1
            shared.setdefault((self.rows[row] if several else len(self.pair.target.offsets), share), []).append(row)
        return sorted((_Pass(max(self.pair.target.positions[self.rows[row]][-1] for row in rows), tuple(rows), free, share)
                       for (free, share), rows in shared.items()), key=lambda one: (len(one.rows), one))

    def _batch(self, passes: Sequence[_Pass], reduce: Reduction | None) -> list[list[Any]]:
        """Log-probabilities, or token values (source + target,), of every row of each pass of one batch."""
        embeddings, differences = self._between(passes)
        places = self._writers(passes, embeddings[1].shape[1])
        with self.pair.model.lock, torch.set_grad_enabled(reduce is not None):
            for embedding in embeddings:
                embedding.requires_grad_(reduce is not None)
            written = self._write(*embeddings)
            said, gradient = self._say(torch.cat(written, 1).detach(), places.any(0), reduce is not None)
        if not torch.isfinite(said).all():
            raise ModelError("The model gives values that are not numbers (NaN or infinite); its weights are broken, load another one.")
        self._count(len(passes))
        if reduce is None:
            answers: list[list[Any]] = (said * places).sum(-1).T.tolist()
            return answers
        sizes = [piece.shape[1] for piece in written]
        found: list[list[Any]] = [[] for _ in passes]
        for rows in places.split(max(1, BATCH_TOKENS // embeddings[0].shape[:2].numel())):
            wanted = [bool(chosen.any()) for chosen in rows.split(sizes, 2)]
            pieces, grads = (list(itertools.compress(parts, wanted)) for parts in (written, (gradient * rows[..., None]).split(sizes, 2)))
            with self.pair.model.lock:
                gradients = torch.autograd.grad(pieces, embeddings, grads, retain_graph=True, is_grads_batched=True)
            moved = [reduce(grad, embedding.detach(), difference).double().cpu().numpy()
                     for grad, embedding, difference in zip(gradients, embeddings, differences, strict=True)]
            values = np.concatenate([value @ member[: value.shape[-1]] for value, member in zip(moved, self._members, strict=True)], -1)
            for number, of_pass in enumerate(found):
                of_pass.extend(values[:, number])
            self._count(len(rows) * len(passes))
        return found

    def _count(self, passes: int) -> None:
        self.evaluations += passes
        self._progress(self.evaluations, max(self._expected, self.evaluations))

    def _between(self, passes: Sequence[_Pass]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Embeddings of source and decoder input at the share of each pass, and what on the way there is over the mask token's (batch, length, hidden)."""
        free = torch.tensor([one.free for one in passes], device=self.pair.model.device)[:, None]
        shares = torch.tensor([one.share for one in passes], device=free.device)[:, None, None]
        source, target = self._owners
        target = target[:, : max(one.end for one in passes)]
        masks = ((source >= 0).expand(len(passes), -1), (target >= 0) & (target < free))
        differences = [difference[: mask.shape[1]] * mask[..., None] for difference, mask in zip(self._differences, masks, strict=True)]
        return [given[: difference.shape[1]] - (1 - shares) * difference
                for given, difference in zip(self._given, differences, strict=True)], differences

    def _writers(self, passes: Sequence[_Pass], end: int) -> torch.Tensor:
        """Whether a place writes an id of a row, for the first row of each pass, the second … (rows, batch, end)."""
        places = torch.zeros(len(passes[0].rows), len(passes), end, dtype=torch.bool)
        for number, one in enumerate(passes):
            for row, token in enumerate(one.rows):
                places[row, number, [place - 1 for place in self.pair.target.positions[self.rows[token]]]] = True
        return places.to(self.pair.model.device)

    def _write(self, inputs_embeds: torch.Tensor, decoder_inputs_embeds: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the decoder has at each place before the output layer, in pieces (batch, places, hidden); logits where the model is run as a whole.

        With gradients, each piece is a pass of its own behind the keys and values of the earlier ones: on its way back from a place
        the gradient then meets nothing that was computed for later pieces, and of the last layer nothing but keys and values of earlier ones.
        """
        if not self._is_split:
            return (_logits(self.pair, inputs_embeds, decoder_inputs_embeds),)
        encoder, decoder = self.pair.model.model.get_encoder(), self.pair.model.model.get_decoder()
        mask = torch.ones(inputs_embeds.shape[:2], dtype=torch.long, device=inputs_embeds.device)
        encoded = encoder(inputs_embeds=inputs_embeds, attention_mask=mask).last_hidden_state
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        end = decoder_inputs_embeds.shape[1]
        size = -(-end // PIECES) if torch.is_grad_enabled() else end
        return tuple(decoder(inputs_embeds=piece, encoder_hidden_states=encoded, encoder_attention_mask=mask, cache=cache, use_cache=True).last_hidden_state
                     for piece in decoder_inputs_embeds.split(size, 1))

    def _say(self, written: torch.Tensor, places: torch.Tensor, differentiated: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probability in nats of the id behind each of some places (batch, end), float64, and its gradient at what the decoder has there; else 0."""
        said, gradient = torch.zeros(places.shape, dtype=torch.float64, device=places.device), torch.zeros_like(written)
        ids = self._targets[1 : places.shape[1] + 1].expand(places.shape)[places]
        found, gradients = [], []
        size = max(1, BATCH_LOGITS // self._vocabulary)
        for part, wanted in zip(written[places].split(size), ids.split(size), strict=True):
            leaf = part.detach().requires_grad_(differentiated)
            found.append(self._speak(leaf).double().log_softmax(-1).gather(-1, wanted[:, None])[:, 0])
            if differentiated:
                gradients += torch.autograd.grad(found[-1].sum(), leaf)
        said[places] = torch.cat(found).detach()
        if differentiated:
            gradient[places] = torch.cat(gradients)
        return said, gradient

    def _speak(self, written: torch.Tensor) -> torch.Tensor:
        """Logits (…, vocabulary) of what the decoder has."""
        if not self._is_split:
            return written
        model = self.pair.model.model
        logits: torch.Tensor = model.get_output_embeddings()(written)
        return logits + getattr(model, "final_logits_bias", 0)  # of Marian's and BART's kind

    def _answers_in_parts(self, expected: torch.Tensor) -> bool:
        """Whether encoder, decoder in pieces and output layer, one after the other, say what the whole model says (1, target, vocabulary)."""
        self._is_split = True
        with self.pair.model.lock, torch.enable_grad():
            try:
                said = self._speak(torch.cat(self._write(*(given[None] for given in self._given)), 1)).log_softmax(-1)
            except TypeError:  # parts that take something else
                return False
        return torch.allclose(said, expected, atol=SAME_LOGITS, rtol=0)

    def _try_ways(self) -> _Ways:
        """Finds out on this text how the model takes embeddings, and keeps it.

        Whether a model scales what it looks up inside or outside the place where embeddings go in differs by model and side, so all
        that can be is tried, and what gives the same answer as the ids is taken.
        """
        model = self.pair.model
        sides = (model.model.get_encoder(), model.model.get_decoder())
        with model.lock, torch.no_grad():
            ids = [torch.tensor([text.input_ids], device=model.device) for text in (self.pair.source, self.pair.target)]
            expected = model.model(input_ids=ids[0], decoder_input_ids=ids[1][:, :-1], use_cache=False).logits.log_softmax(-1)
        for first, second in itertools.product(*({1.0, float(getattr(side, "embed_scale", 1.0))} for side in sides)):
            self._given, _ = self._look_up((first, second))
            with model.lock, torch.no_grad():
                said = _logits(self.pair, *(given[None] for given in self._given)).log_softmax(-1)
            if torch.allclose(said, expected, atol=SAME_LOGITS, rtol=0):
                return _ways.setdefault(model.model, _Ways((first, second), self._answers_in_parts(said), said.shape[-1]))
        raise ModelError(f"{model.name} answers embeddings otherwise than the tokens they stand for; use a perturbation method such as shap.")

    def _look_up(self, scales: tuple[float, float]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Given embeddings of source and decoder input (length, hidden), and what they have over the mask token's."""
        model = self.pair.model
        mask = torch.tensor([mask_id(model.tokenizer)], device=model.device)
        sides = (model.model.get_encoder(), model.model.get_decoder())
        ids = (torch.tensor(self.pair.source.input_ids, device=model.device), self._targets[:-1])
        with model.lock, torch.no_grad():
            looked_up = [tuple(scale * side.get_input_embeddings()(row) for row in (given, mask))
                         for scale, side, given in zip(scales, sides, ids, strict=True)]
        return [given for given, _ in looked_up], [given - masked for given, masked in looked_up]


def _logits(pair: ForcedPair, inputs_embeds: torch.Tensor, decoder_inputs_embeds: torch.Tensor) -> torch.Tensor:
    """Logits (batch, target, vocabulary); nothing is padded, so both masks are ones."""
    masks = [torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device) for embeds in (inputs_embeds, decoder_inputs_embeds)]
    logits: torch.Tensor = pair.model.model(
        inputs_embeds=inputs_embeds, attention_mask=masks[0], decoder_inputs_embeds=decoder_inputs_embeds, decoder_attention_mask=masks[1],
        use_cache=False,
    ).logits
    return logits


def _members(owners: np.ndarray, count: int) -> np.ndarray:
    """1 where a position belongs to a token, else 0 (positions, tokens)."""
    return np.asarray(owners[:, None] == np.arange(count), dtype=np.float64)
