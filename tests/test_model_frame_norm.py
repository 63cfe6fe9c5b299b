"""Batch norm of sound, against torch's own in double precision."""

import pytest
import torch
import torch.nn.functional as F

from mmlab.losses import combinatorial_loss
from mmlab.model import FusionModel, ModelConfig
from mmlab.model.frame_norm import FrameNorm
from mmlab.types import pad_tokens


def channels_last(items: int, channels: int, frames: int) -> torch.Tensor:
    values = torch.randn(items, frames, channels, generator=torch.Generator().manual_seed(0))
    return (values * 0.3 + 2).transpose(1, 2)[:, :, None]  # (B, C, 1, F)


def trained(channels: int) -> FrameNorm:
    norm = FrameNorm(channels).train()
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, channels))
        norm.bias.copy_(torch.linspace(-1, 1, channels))
    return norm


def test_a_hundred_thousand_frames_are_added_up_exactly():
    sound, norm = channels_last(128, 4, 768), trained(4)
    expected = F.batch_norm(
        sound.double(), None, None, norm.weight.double(), norm.bias.double(), training=True
    )
    torch.testing.assert_close(norm(sound).double(), expected, atol=5e-6, rtol=0)


def test_gradients_and_running_statistics_are_those_of_torch():
    sound, norm = channels_last(3, 5, 7).requires_grad_(), trained(5)
    own = torch.nn.BatchNorm2d(5).double().train()
    own.load_state_dict({name: value.double() for name, value in norm.state_dict().items()})
    weights = torch.randn(sound.shape, generator=torch.Generator().manual_seed(1))
    other = sound.detach().double().requires_grad_()
    (norm(sound) * weights).sum().backward()
    (own(other) * weights).sum().backward()
    torch.testing.assert_close(sound.grad.double(), other.grad, atol=1e-5, rtol=1e-5)
    for name in ("weight", "bias"):
        found, expected = getattr(norm, name).grad, getattr(own, name).grad
        torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    for name, expected in own.state_dict().items():
        found = norm.state_dict()[name].to(expected.dtype)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("frames", [1, 4])
def test_frames_in_the_padding_do_not_count(frames):
    sound, keep = channels_last(2, 3, 6), torch.zeros(2, 6, dtype=torch.bool)
    keep[0, :frames] = True
    keep[1, 0] = frames > 1
    one, other = trained(3), trained(3)
    changed = sound.masked_fill(~keep[:, None, None], 1e3)
    found, expected = one(changed, keep), other(sound, keep)
    kept = keep[:, None, None].expand_as(found)
    torch.testing.assert_close(found[kept], expected[kept])
    torch.testing.assert_close(one.running_var, other.running_var)


def test_training_in_bfloat16_with_sounds_of_several_lengths():
    config = ModelConfig.sample(video_width=6, text_width=5)
    batch = {
        "text": pad_tokens([torch.randn(n, 5) for n in (3, 1, 2)], 5),
        "audio": pad_tokens([torch.randn(n, 40) for n in (300, 200, 64)], 40),
    }
    model = FusionModel(config).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = combinatorial_loss(model(batch)).total
    loss.backward()
    assert loss.isfinite()
    assert model.encoders["audio"].conv1.weight.grad.isfinite().all()
