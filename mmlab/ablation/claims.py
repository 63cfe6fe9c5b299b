"""The claims: the paper's choices and open questions, each between two sides of the grid."""

from __future__ import annotations

from mmlab.ablation.comparisons import Comparison, Side
from mmlab.ablation.tasks import JOINT, LATE, STRATEGIES, Task
from mmlab.ablation.variants import MAIN
from mmlab.evaluation.long_clips import LongStrategy

TOLERANCE = 3.0
"""Points of recall that a part may bring before one says that it is needed."""


def _text_to(gallery: str, how: str = JOINT) -> Task:
    return Task("text", gallery, how)


def _long(strategy: LongStrategy, variant: str = MAIN) -> Side:
    return Side(variant, _text_to("video+audio", STRATEGIES[strategy]))


ARCHITECTURE = "published configuration {} trains the alternative; the main model is not built so"
AT_ONCE = (
    "the authors evaluate at once by default; configurations evaluation/*_{} are published too"
)

CLAIMS = (
    Comparison(
        "Fusion with the combinatorial loss beats no transformer at all.",
        Side(),
        Side("no-transformer"),
        "choice",
        ARCHITECTURE.format("architecture/no_transformers"),
    ),
    Comparison(
        "Fusion with the combinatorial loss beats one transformer per modality.",
        Side(),
        Side("per-modality"),
        "choice",
        ARCHITECTURE.format("architecture/singe_mod_tr_per_mod"),
    ),
    Comparison(
        "Fusion with the combinatorial loss beats the same fusion without it.",
        Side(),
        Side("no-combinatorial"),
        "choice",
        ARCHITECTURE.format("architecture/fusion_no_comb"),
    ),
    Comparison(
        "Fusion with the combinatorial loss beats late fusion of a model without it.",
        Side(),
        Side("no-combinatorial", _text_to("video+audio", LATE)),
        "choice",
        ARCHITECTURE.format("architecture/fusion_no_comb") + "; both measures are computed of it",
    ),
    Comparison(
        "Individual projections beat a shared one.",
        Side(),
        Side("shared-projection"),
        "choice",
        ARCHITECTURE.format("fusion_design/shared_final_proj"),
    ),
    Comparison(
        "No class token is needed: means of the tokens do as well.",
        Side("shared-projection"),
        Side("class-token"),
        "choice",
        ARCHITECTURE.format("fusion_design/cls_token") + "; both sides share their projection",
        TOLERANCE,
    ),
    Comparison(
        "No positions are needed: the model without them does as well.",
        Side(),
        Side("positions"),
        "choice",
        "the abstract leaves out position encodings on purpose; evaluation/pos_* has them",
        TOLERANCE,
    ),
    Comparison(
        "Positions hurt where clips are longer than in training.",
        _long("at_once"),
        _long("nearest", "positions"),
        "question",
        "evaluation/pos_* shortens long clips, the main model takes them at once",
    ),
    Comparison(
        "Sound shifted against text in training beats aligned sound.",
        Side("shifted-sound"),
        Side(),
        "choice",
        ARCHITECTURE.format("disentangling_audio_text/aligned_audio_text"),
    ),
    Comparison(
        "With shifted sound, the published weights beat equal ones.",
        Side("shifted-and-weighted"),
        Side("shifted-sound"),
        "choice",
        ARCHITECTURE.format("disentangling_audio_text/disentangled_equal_weights"),
    ),
    Comparison(
        "With aligned sound, the published weights beat equal ones.",
        Side("published-weights"),
        Side(),
        "question",
        "no published configuration has aligned sound and these weights",
    ),
    Comparison(
        "One block is enough: two do no better.",
        Side(),
        Side("two-blocks"),
        "choice",
        ARCHITECTURE.format("fusion_transformer/2blocks_64heads_4096hidsize_224_5bs"),
        TOLERANCE,
    ),
    Comparison(
        "A transformer of full width beats one half as wide.",
        Side(),
        Side("half-as-wide"),
        "question",
        "the published narrower ones also have more blocks",
    ),
    Comparison(
        "A transformer twice as wide is better.",
        Side("twice-as-wide"),
        Side(),
        "question",
        "no published configuration is wider than the main model",
    ),
    Comparison(
        "Fusing picture and sound jointly beats averaging their embeddings (late fusion).",
        Side(),
        Side(task=_text_to("video+audio", LATE)),
        "choice",
        "published code calls late fusion an ablation and computes both",
    ),
    Comparison(
        "Picture and sound together beat the picture alone.",
        Side(),
        Side(task=_text_to("video")),
        "question",
        "published code computes both",
    ),
    Comparison(
        "Sound in training helps a search among pictures alone.",
        Side(task=_text_to("video")),
        Side("text-video", _text_to("video")),
        "question",
        "published as everything_at_once_tv",
    ),
    Comparison(
        "Long clips at once beat long clips thinned out to as many tokens as in training.",
        _long("at_once"),
        _long("nearest"),
        "choice",
        AT_ONCE.format("nearest"),
    ),
    Comparison(
        "Long clips at once beat long clips max-pooled to as many tokens as in training.",
        _long("at_once"),
        _long("max_pool"),
        "choice",
        AT_ONCE.format("max"),
    ),
    Comparison(
        "Long clips at once beat long clips cut in clips whose embeddings are averaged.",
        _long("at_once"),
        _long("clips"),
        "choice",
        AT_ONCE.format("clips"),
    ),
)
