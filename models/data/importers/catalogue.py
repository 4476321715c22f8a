"""Which importer reads which folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from models.data.importers import dialogues, parallel, parallel_evaluation, reviews, social
from models.data.pairs import Pair
from models.data.schema import Example, Fault

Read = Callable[[Path], Iterator[Example | Fault]]
IMPORTERS: dict[str, Read] = {
    "umsab": social.read_umsab,
    "nusax": reviews.read_nusax,
    "afrisenti": social.read_afrisenti,
    "indonlu": reviews.read_indonlu,
    "chinese-nlp-corpus": reviews.read_chinese,
    "msctd": dialogues.read_msctd,
    "bmeld": dialogues.read_bmeld,
    "uit-vsfc": reviews.read_uit_vsfc,
    "wisesight-th": social.read_wisesight,
    "nsmc": reviews.read_nsmc,
    "mms-asia": reviews.read_mms_asia,
    "mahasent-md": social.read_mahasent,
    "mesent-codemix": social.read_mesent,
    "husst": reviews.read_husst,
    "norec-sentence": reviews.read_norec,
    "hebrew-sentiment": social.read_hebrew,
    "turkish-store-reviews": reviews.read_turkish,
    "kazsandra": reviews.read_kazsandra,
    "open-sentiment-ru": reviews.read_open_ru,
    "laroseda-ro": reviews.read_laroseda,
    "deepsentipers": reviews.read_deepsentipers,
    "blp23-bangla": social.read_blp23,
    "brighter": social.read_brighter,
    "goemotions": social.read_goemotions,
    "xed": dialogues.read_xed,
    "swe-sentiment": social.read_swe,
    "uzbek-app-reviews": reviews.read_uzbek,
    "structured-sentiment": reviews.read_structured,
}
ReadPairs = Callable[[Path], Iterator[Pair | Fault]]
PAIR_IMPORTERS: dict[str, ReadPairs] = {
    "tatoeba-cmn": parallel.read_tatoeba_cmn,
    "msctd": parallel.read_msctd_pairs,
    "bmeld": parallel.read_bmeld_pairs,
    "3am": parallel.read_3am,
    "ai-challenger-en-zh": parallel.read_ai_challenger,
    "alma-human": parallel.read_alma_human,
    "multi30k": parallel.read_multi30k,
    "mlqe-pe": parallel.read_mlqe_pe,
    "nusax": parallel.read_nusax_pairs,
    "wmt22-general": parallel_evaluation.read_wmt22,
    "laser-tatoeba": parallel_evaluation.read_laser_tatoeba,
    "ntrex": parallel_evaluation.read_ntrex,
}
