"""The sound network: tokens from frames of any number, and norms that leave padding out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlab.model import AudioEncoderConfig
from mmlab.model.audio_encoder import AudioEncoder
from mmlab.types import Tokens, pad_tokens
from tests.slow_model import SlowModel
from tests.small_models import ENCODER, SHALLOW, V1, repeatable


@repeatable
@given(
    st.sampled_from([ENCODER, SHALLOW, V1]), st.lists(st.integers(0, 200), min_size=1, max_size=3)
)
def test_a_token_for_every_stretch_that_has_a_frame(config, lengths):
    encoder = AudioEncoder(4, config).eval()
    tokens = encoder(pad_tokens([torch.randn(frames, 4) for frames in lengths], 4))
    span = config.frames_per_token
    assert tokens.values.shape == (len(lengths), -(-max(*lengths, 1) // span), config.widths[-1])
    assert tokens.mask.sum(dim=1).tolist() == [-(-frames // span) for frames in lengths]
    assert all(mask[: mask.sum()].all() for mask in tokens.mask)


def test_published_sizes():
    v1, v2 = (AudioEncoder(40, config) for config in (V1, ENCODER))
    sound = Tokens(torch.randn(1, 768, 40), torch.ones(1, 768, dtype=torch.bool))
    assert v1.eval()(sound).values.shape == (1, 48, 8)
    assert v2.eval()(sound).values.shape == (1, 12, 10)
    with torch.device("meta"):
        full = AudioEncoder(40, AudioEncoderConfig.v2())
    assert len(full.blocks) == 8
    assert full.conv1.weight.shape == (128, 40, 1)
    assert full.blocks[-1].conv1.weight.shape == (4096, 2048, 9)


class SlowEncoder(SlowModel):
    """The slow model's sound network with an encoder's own weights."""

    def __init__(self, encoder: AudioEncoder) -> None:
        self.training = encoder.training
        own = {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
        self.state = {f"encoders.audio.{name}": value for name, value in own.items()}


WIDE = AudioEncoderConfig(widths=(4, 40, 40), blocks=(2, 1), kernel_frames=9)
LONG, SHORT = [200, 150, 99], [5, 1, 3]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("lengths", [LONG, SHORT])
@pytest.mark.parametrize("config", [ENCODER, V1, WIDE])
def test_wide_and_narrow_networks_over_few_and_many_frames(config, lengths, training):
    """Whichever way a convolution takes for its size, the sums and their gradients are the same."""
    if training and lengths == SHORT:
        lengths = [length + 70 for length in lengths]
    encoder = AudioEncoder(4, config).train(training)
    items = [torch.randn(frames, 4) for frames in lengths]
    slow = torch.cat(SlowEncoder(encoder).encode("audio", config, items))
    tokens = encoder(pad_tokens(items, 4))
    fast = tokens.values[tokens.mask]
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-4)
    wanted, upstream = list(encoder.parameters()), torch.randn_like(slow)
    largest = 0.0
    for one, other in zip(
        torch.autograd.grad(fast, wanted, upstream),
        torch.autograd.grad(slow, wanted, upstream),
        strict=True,
    ):
        largest = max(largest, float(other.norm()))
        assert float((one - other).norm()) < 1e-4 * largest


def test_statistics_count_real_frames_alone():
    encoder = AudioEncoder(4, ENCODER).train()
    items = [torch.randn(frames, 4) for frames in (100, 20, 130)]
    encoder(pad_tokens(items, 4))
    first = torch.cat(items) @ encoder.conv1.weight.flatten(1).T  # (all real frames, C)
    torch.testing.assert_close(encoder.bn1.running_mean, 0.1 * first.mean(dim=0))
    torch.testing.assert_close(encoder.bn1.running_var, 0.9 + 0.1 * first.var(dim=0))


@pytest.mark.parametrize("lengths", [[20], [20, 0, 0], [0, 0]])
def test_training_on_hardly_any_sound(lengths):
    """One token is too few for batch statistics, none all the more."""
    encoder = AudioEncoder(4, ENCODER).train()
    tokens = encoder(pad_tokens([torch.randn(frames, 4) for frames in lengths], 4))
    assert tokens.values.isfinite().all()
    tokens.values.sum().backward()
    for name, value in [*encoder.named_buffers(), *encoder.named_parameters()]:
        assert value.isfinite().all(), name
        assert value.grad is None or value.grad.isfinite().all(), name


def test_padding_gets_no_gradient_and_gives_none():
    encoder = AudioEncoder(4, SHALLOW).train()
    values = torch.randn(2, 40, 4, requires_grad=True)
    mask = torch.ones(2, 40, dtype=torch.bool)
    mask[1, 13:] = False
    tokens = encoder(Tokens(values.masked_fill(~mask[..., None], 0), mask))
    tokens.values[tokens.mask].square().sum().backward()
    assert values.grad[~mask].abs().sum() == 0
    assert values.grad[mask].abs().sum() > 0
    assert tokens.values[~tokens.mask].abs().sum() == 0
