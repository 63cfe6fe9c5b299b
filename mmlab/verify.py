"""The model against numbers that the published code computed: outputs, loss and gradients.

`tests/data/reference` holds a file (`mmlab.published.ReferenceCase`) for every variant of the
paper; `mmlab verify` takes any others of that kind.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from mmlab.losses import LossTerms, combinatorial_loss, pair_name
from mmlab.model import Embeddings, FusionModel, late_fusion
from mmlab.published import Checkpoint, ReferenceCase, build, published_name
from mmlab.types import Combination

OUTPUT_TOLERANCE = 2e-5  # absolute: of values of the order of 1
LOSS_TOLERANCE = 1e-5  # relative
GRADIENT_TOLERANCE = 1e-3  # relative, of a parameter's gradient's L2 norm

LOSS_FLOOR = 0.1
"""A loss is the difference of logits of up to 20 (cosine / temperature), rounded at 1e-6; a
smaller loss than this is compared absolutely, to 1e-5 of this."""

GRADIENT_FLOOR = 1e-4
"""In units of the file's largest gradient norm. Float32 rounds at 1e-7 of the numbers that are
summed; where a sum should be 0 such a rest remains, and no relative error would forgive it. So a
smaller gradient than this is compared absolutely, to 1e-3 of this: 1e-7 of the largest."""

NONEMPTY = "_nonempty_input_mask"
LETTERS = {"t": "text", "v": "video", "a": "audio"}


@dataclass(frozen=True)
class Verdict:
    """How far the model is from one file's numbers.

    Attributes:
        file: the file's path.
        output_error: the largest of all outputs' absolute errors.
        loss_error: the largest of the total's and all terms' relative errors.
        gradient_error: the largest of all parameters' relative errors.
        worst: the names of the output, the loss and the parameter with the largest errors.
        error: what kept the file from being compared.
    """

    file: str
    output_error: float | None = None
    loss_error: float | None = None
    gradient_error: float | None = None
    worst: dict[str, str] = field(default_factory=dict)
    error: str | None = None

    @property
    def passed(self) -> bool:
        """Whether every error is within its tolerance; not-a-number never is."""
        found = (self.output_error, self.loss_error, self.gradient_error)
        allowed = (OUTPUT_TOLERANCE, LOSS_TOLERANCE, GRADIENT_TOLERANCE)
        return all(e is not None and e <= limit for e, limit in zip(found, allowed, strict=True))

    def to_json(self) -> str:
        """One line; an error that is not a finite number is null."""
        values = asdict(self)
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                values[name] = None
        shown = {name: value for name, value in values.items() if name != "error" or value}
        return json.dumps({**shown, "pass": self.passed}, ensure_ascii=False)


def verify(path: Path) -> Verdict:
    """Compare the model with one file; a malformed file is a verdict that says what is wrong."""
    try:
        return _compare(ReferenceCase.read(path))
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        return Verdict(str(path), error=reason if str(path) in reason else f"{path}: {reason}")


def _compare(case: ReferenceCase) -> Verdict:
    arguments = case.setting("config")
    if not isinstance(arguments, dict):
        raise ValueError(f"{case.path}: meta.config is no dictionary")
    checkpoint = Checkpoint(str(case.path), case.state, str(case.setting("model")), arguments)
    model, _ = build(checkpoint)
    model.train(bool(case.setting("training_mode")))
    singles = [(name,) for name in model.config.names]
    sides = [side for term in _terms(case) for side in _pair(case, term)]
    joint = [_modalities(case, one, f"out/{one}_embed") for one in _fused(case) if "+" not in one]
    chosen = list(dict.fromkeys([*singles, *sides, *joint]))
    embeddings = model.compute(case.batch(model.config), chosen)
    loss = _loss(case, embeddings)
    loss.total.backward()
    errors = {
        "output": _output_errors(case, embeddings),
        "loss": _loss_errors(case, loss),
        "gradient": _gradient_errors(case, model),
    }
    worst = {kind: max(found, key=lambda n: _size(found[n])) for kind, found in errors.items()}
    output, loss_error, gradient = (errors[kind][name] for kind, name in worst.items())
    return Verdict(str(case.path), output, loss_error, gradient, worst)


def _fused(case: ReferenceCase) -> list[str]:
    """The outputs of more than one modality: "tv" fused jointly, "t+v" of separate passes."""
    stems = [name.removesuffix("_embed") for name in case.outputs if name.endswith("_embed")]
    return [stem for stem in stems if stem not in LETTERS.values()]


def _terms(case: ReferenceCase) -> list[str]:
    """The loss terms that the published code had embeddings for; the others it leaves out."""
    if "Retrieval" not in case.losses:
        raise ValueError(f"{case.path}: loss/Retrieval is missing")
    return [name for name in case.losses if name != "Retrieval"]


def _modalities(case: ReferenceCase, letters: str, field_name: str) -> Combination:
    """Turn "va" into ("video", "audio")."""
    if not letters or set(letters) - set(LETTERS) or len(set(letters)) != len(letters):
        raise ValueError(f"{case.path}: {field_name} is unknown, expected letters of {LETTERS}")
    return tuple(name for letter, name in LETTERS.items() if letter in letters)


def _pair(case: ReferenceCase, term: str) -> tuple[Combination, Combination]:
    """Turn "tv" into (("text",), ("video",)) and "t_va" into (("text",), ("video", "audio"))."""
    one, _, other = term.partition("_") if "_" in term else (term[:1], "", term[1:])
    name = f"loss/{term}"
    return _modalities(case, one, name), _modalities(case, other, name)


def _loss(case: ReferenceCase, embeddings: Embeddings) -> LossTerms:
    kinds: dict[str, Literal["softmax", "margin"]] = {"NormSoftmax": "softmax", "MMS": "margin"}
    kind = str(case.setting("loss", "contrastive"))
    if kind not in kinds:
        raise ValueError(f"{case.path}: meta.loss.contrastive is {kind!r}, expected {list(kinds)}")
    weights = {
        pair_name(_pair(case, term)): case.number("loss", f"{term}_weight") for term in _terms(case)
    }
    ask = partial(
        combinatorial_loss,
        embeddings,
        temperature=case.number("loss", "temperature"),
        kind=kinds[kind],
    )
    # A term of weight 0 is compared too, so the terms are asked for by themselves.
    return LossTerms(ask(weights=weights).total, ask(weights=dict.fromkeys(weights, 1.0)).terms)


def _output_errors(case: ReferenceCase, embeddings: Embeddings) -> dict[str, float]:
    """The largest absolute difference in each output."""
    errors = {}
    for name, expected in case.outputs.items():
        found = _output(case, embeddings, name).detach()
        if found.shape != expected.shape:
            raise ValueError(
                f"{case.path}: out/{name} has shape {tuple(expected.shape)}, "
                f"the model gives {tuple(found.shape)}"
            )
        errors[name] = (found.double() - expected.double()).abs().max().item()
    return errors


def _output(case: ReferenceCase, embeddings: Embeddings, name: str) -> Tensor:
    if name.endswith(NONEMPTY):
        modality = name.removesuffix(NONEMPTY)
        if modality in embeddings.present:
            return embeddings.present[modality]
        return case.mask(modality).any(dim=1)  # of a modality that the model never looks at
    stem = name.removesuffix("_embed")
    if stem in LETTERS.values():
        return embeddings.raw[(stem,)]
    names = _modalities(case, stem.replace("+", ""), f"out/{name}")
    return late_fusion(embeddings, names) if "+" in stem else embeddings.raw[names]


def _loss_errors(case: ReferenceCase, loss: LossTerms) -> dict[str, float]:
    """The relative error of the total and of each term."""
    found = {term: loss.terms[pair_name(_pair(case, term))] for term in _terms(case)}
    found["Retrieval"] = loss.total
    return {
        name: _relative(found[name].item(), case.losses[name].item(), LOSS_FLOOR) for name in found
    }


def _gradient_errors(case: ReferenceCase, model: FusionModel) -> dict[str, float]:
    """The relative error of the gradient's norm of each parameter."""
    found: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        published = published_name(name, model.config)
        if published not in case.gradient_norms:  # the second name of the same parameter
            published = published.replace("fusion_text.", "fusion.", 1)
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found[published] = found.get(published, 0) + gradient  # theirs may be several of ours
    if missing := set(found) - set(case.gradient_norms):
        raise ValueError(f"{case.path}: gradnorm/{min(missing)} is missing")
    expected = {name: norm.item() for name, norm in case.gradient_norms.items()}
    floor = GRADIENT_FLOOR * max(expected.values())
    return {
        # What no computation reads has no gradient here either.
        name: _relative(found[name].norm().item() if name in found else 0.0, norm, floor)
        for name, norm in expected.items()
    }


def _relative(found: float, expected: float, floor: float) -> float:
    return abs(found - expected) / max(abs(expected), floor, 1e-30)


def _size(error: float) -> float:
    """For the largest of several: not-a-number is larger than any number."""
    return math.inf if math.isnan(error) else error
