"""Networks at full size: parameters and multiply-adds against published figures, caches, folders."""

import json

import pytest
import torch

from approx import zoo

PARAMETERS = {
    # torchvision 0.20's documentation, `num_params` of each network's weights
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "mobilenet-v2": 3_504_872,
    "efficientnet-b0": 5_288_548,
    "vit-l": 304_326_632,
    # safetensors of the checkpoints on the Hugging Face Hub, which show their parameters
    "bert-base": 109_482_240,
    "roberta-large": 355_359_744,
    "gpt2": 124_439_808,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.1-8b": 8_030_261_248,
    "qwen3-8b": 8_190_735_360,
    "mixtral-8x7b": 46_702_792_704,
    "whisper-small": 241_734_912,
    # github.com/Nota-NetsPresso/BK-SDM, issue 53: CompVis/stable-diffusion-v1-4, U-Net
    "stable-diffusion-unet": 859_520_964,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_the_published_ones(name):
    if name == "stable-diffusion-unet":
        pytest.importorskip("diffusers")
    with torch.device("meta"):
        network = zoo.find(name).make()
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("resnet18", 1.814e9),  # torchvision 0.20's documentation, `GFLOPS`, which counts multiply-adds
        ("mobilenet-v2", 0.301e9),
        ("efficientnet-b0", 0.386e9),
        ("bert-base", 22.5e9 / 2),  # Sun et al., 2020 (arXiv 2004.02984), Table 4: FLOPS at 128 tokens
    ],
)
def test_multiply_adds_are_the_published_ones(name, macs):
    assert zoo.workload(name).macs == pytest.approx(macs, rel=0.01)


TINY = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
WHISPER = {
    "vocab_size": 50,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "max_source_positions": 10,
    "pad_token_id": 0,
    "decoder_start_token_id": 1,
}


@pytest.fixture
def folder(tmp_path):
    def write(**values):
        (tmp_path / "config.json").write_text(json.dumps(values))
        return str(tmp_path)

    return write


def llama(**changes):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **TINY, **changes}


@pytest.mark.parametrize(
    "values",
    [
        llama(),
        {**llama(sliding_window=4), "architectures": ["MistralForCausalLM"], "model_type": "mistral"},
        {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", **WHISPER},
    ],
    ids=["llama", "sliding window", "whisper"],
)
def test_a_decode_step_continues_what_the_cache_holds(folder, values):
    network = zoo.find(folder(**values))
    torch.manual_seed(0)
    step = network.phases["decode"].make()
    given = network.phases["decode"].example(2, 6)
    whole = network.phases["prefill"].example(2, 7)
    name = "decoder_input_ids" if "decoder_input_ids" in whole else "input_ids"
    whole[name] = torch.randint(2, 50, whole[name].shape)
    start = {**whole, name: whole[name][:, :6]}
    with torch.no_grad():
        cache = step.network(**start, use_cache=True).past_key_values
        own = getattr(cache, "self_attention_cache", cache)
        given |= {
            name: whole[name][:, 6:],
            "keys": [x.keys for x in own.layers],
            "values": [x.values for x in own.layers],
        }
        if own is not cache:
            given["cross_keys"] = [x.keys for x in cache.cross_attention_cache.layers]
            given["cross_values"] = [x.values for x in cache.cross_attention_cache.layers]
        logits, keys, _ = step(**given)
        expected = step.network(**whole, use_cache=False).logits[:, -1:]
    torch.testing.assert_close(logits, expected)
    assert [k.shape for k in given["keys"]] == [
        k.shape for k in network.phases["decode"].example(2, 6)["keys"]
    ]
    assert keys[0].shape[-2] == min(7, values.get("sliding_window", 8) - 1)


def test_a_decoded_token_reads_every_weight_once_and_every_cached_token(folder):
    path = folder(**llama())
    linear = 16 * 50 + 2 * (16 * 16 * 2 + 16 * 8 * 2 + 3 * 16 * 24)  # head; q, o; k, v; the MLP
    norms = 5 * 16  # means of squares
    macs = [zoo.workload(path, n, phase="decode", batch=3).macs for n in (9, 10)]
    attention = 2 * 4 * 4 + 4  # per layer and token: scores and values of 4 heads of 4, sums of the softmax
    assert macs == [3 * (linear + norms + 2 * (n + 1) * attention) for n in (9, 10)]


def test_a_prompt_costs_its_head_once(folder):
    path = folder(**llama())
    macs = [zoo.workload(path, n).macs for n in (8, 16)]
    assert macs[1] < 2 * macs[0] + 2 * 2 * 2 * 4 * 4 * 8 * 16  # no head for the other tokens


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"model_type": "nothing"}, "architectures = None, model_type = nothing: transformers"),
        (
            {"auto_map": {"AutoModel": "code.Model"}, "architectures": ["Model"], "model_type": "own"},
            "its own code is not run",
        ),
        ({"_class_name": "Other"}, "_class_name = Other: must be one of UNet2DConditionModel"),
    ],
)
def test_a_folder_that_describes_no_known_network_is_refused(folder, values, line):
    with pytest.raises(ValueError, match=line):
        zoo.find(folder(**values))


def test_a_folders_own_code_is_never_run(folder, tmp_path):
    (tmp_path / "code.py").write_text("raise SystemExit('run')")
    values = llama(auto_map={"AutoModelForCausalLM": "code.Model", "AutoConfig": "code.Config"})
    assert zoo.workload(folder(**values), 4).macs > 0


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"name": "resnt18"}, r"network = resnt18: must be one of resnet18, .* \(did you mean resnet18\?\)"),
        ({"name": "resnet18", "size": 0}, "size = 0: must be an integer of at least 1"),
        ({"name": "resnet18", "batch": True}, "batch = True: must be"),
        ({"name": "resnet18", "phase": "decode"}, "phase = decode: must be one of whole for resnet18"),
    ],
)
def test_what_there_is_not_is_one_line(given, line):
    with pytest.raises(ValueError, match=line):
        zoo.workload(**given)


def test_other_state_than_keys_and_values_has_no_decode_step(folder):
    values = {
        "architectures": ["MambaForCausalLM"],
        "model_type": "mamba",
        "hidden_size": 16,
        "state_size": 4,
    }
    path = folder(**values, num_hidden_layers=1, vocab_size=20)
    with pytest.raises(ValueError, match="phase = decode: MambaForCausalLM keeps other state"):
        zoo.workload(path, 4, phase="decode")


def test_networks_describe_themselves():
    assert zoo.find("llama-3.2-1b").describe(phase="decode") == "Llama-3.2-1B, 2048 tokens, decode"
    assert zoo.find("resnet50").describe(192, "whole") == "ResNet-50, 192 x 192"


def test_experts_serve_an_even_load(folder):
    values = llama(num_local_experts=4, num_experts_per_tok=2)
    values |= {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral"}
    macs = [zoo.workload(folder(**values | {"intermediate_size": n}), 8).macs for n in (24, 32)]
    assert macs[1] - macs[0] == 2 * 8 * 2 * 3 * 16 * 8  # layers, tokens, chosen, matrices, widths
