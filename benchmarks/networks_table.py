"""A hundred networks that people bring, by name: small configurations, random weights, a line or two each.

A row gives (network, inputs). transformers comes with the toolkit; diffusers, timm and torch_geometric are
extras (`pip install neuralmatrix[networks]`), and a row whose package is missing says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import networks_stub
import torch
from torch import Tensor, nn

Inputs = tuple[Any, ...] | dict[str, Any]
Row = Callable[[], tuple[nn.Module, Inputs]]

BATCH, TOKENS, WORDS = 2, 10, 60
SMALL = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
GROUPED = SMALL | {"num_key_value_heads": 2, "head_dim": 8}
GPT = {"vocab_size": WORDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
PAIR = {
    "vocab_size": WORDS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "decoder_start_token_id": 1,
}
PATCHES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
WAVE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 2, 2),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": WORDS,
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ids(length: int = TOKENS, seed: int = 0) -> Tensor:
    return torch.randint(3, WORDS, (BATCH, length), generator=torch.Generator().manual_seed(seed))


def padded() -> dict[str, Any]:
    """Tokens of which the second text has fewer."""
    mask = torch.ones(BATCH, TOKENS, dtype=torch.long)
    mask[1, 7:] = 0
    return {"input_ids": ids(), "attention_mask": mask}


def words() -> dict[str, Any]:
    return {"input_ids": ids()}


def pair() -> dict[str, Any]:
    return padded() | {"decoder_input_ids": ids(6, seed=1)}


def image(side: int = 32) -> dict[str, Any]:
    return {"pixel_values": normal(BATCH, 3, side, side)}


def wave(length: int = 800) -> dict[str, Any]:
    return {"input_values": normal(BATCH, length)}


def mel() -> dict[str, Any]:
    return {"input_features": normal(BATCH, 8, 40)}


def hf(name: str, inputs: Callable[[], Inputs], **config: Any) -> Row:
    """A class of transformers."""

    def make() -> tuple[nn.Module, Inputs]:
        import transformers

        family: Any = getattr(transformers, name)
        made = family(family.config_class(**config))
        for module in made.modules():  # what a network computes, and not what it keeps for the next call
            if hasattr(module, "config"):
                module.config.use_cache = False
        return made, inputs()

    return make


def timm(name: str, side: int = 64, **changes: Any) -> Row:
    """A network of timm with ten classes."""

    def make() -> tuple[nn.Module, Inputs]:
        with networks_stub.torchvision():
            import timm as models
        return models.create_model(name, num_classes=10, **changes), (normal(BATCH, 3, side, side),)

    return make


def graph(name: str, **changes: Any) -> Row:
    """A network of torch_geometric on a graph of twelve nodes; its edges are an input."""

    def make() -> tuple[nn.Module, Inputs]:
        from torch_geometric import nn as models

        made: nn.Module = getattr(models, name)(8, 16, num_layers=2, out_channels=4, **changes)
        edges = torch.randint(0, 12, (2, 40), generator=torch.Generator().manual_seed(0))
        return made, (normal(12, 8), edges)

    return make


def diffusers(name: str, inputs: Callable[[], Inputs], **config: Any) -> Row:
    def make() -> tuple[nn.Module, Inputs]:
        import diffusers as models

        return getattr(models, name)(**config), inputs()

    return make


def part(row: Row, inputs: Callable[[], Inputs], take: Callable[[Any], nn.Module]) -> Row:
    """A part of another row's network."""

    def make() -> tuple[nn.Module, Inputs]:
        return take(row()[0]), inputs()

    return make


class ConvTasNet(nn.Module):
    """Luo and Mesgarani, 2019 (arXiv 1809.07454): masks on a learned spectrum by dilated convolutions."""

    def __init__(self, sources: int = 2, width: int = 16, hidden: int = 24, blocks: int = 3) -> None:
        super().__init__()
        self.sources = sources
        self.encoder = nn.Conv1d(1, width, 16, stride=8, bias=False)
        self.start = nn.Sequential(nn.GroupNorm(1, width, eps=1e-8), nn.Conv1d(width, width, 1))
        self.blocks = nn.ModuleList(self._block(width, hidden, 2**i) for i in range(blocks))
        self.mask = nn.Sequential(nn.PReLU(), nn.Conv1d(width, sources * width, 1), nn.Sigmoid())
        self.decoder = nn.ConvTranspose1d(width, 1, 16, stride=8, bias=False)

    def _block(self, width: int, hidden: int, dilation: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(width, hidden, 1),
            nn.PReLU(),
            nn.GroupNorm(1, hidden, eps=1e-8),
            nn.Conv1d(hidden, hidden, 3, padding=dilation, dilation=dilation, groups=hidden),
            nn.PReLU(),
            nn.GroupNorm(1, hidden, eps=1e-8),
            nn.Conv1d(hidden, width, 1),
        )

    def forward(self, sound: Tensor) -> Tensor:
        spectrum = self.encoder(sound).relu()
        x = self.start(spectrum)
        for block in self.blocks:
            x = x + block(x)
        masked = self.mask(x).unflatten(1, (self.sources, -1)) * spectrum[:, None]
        separated: Tensor = self.decoder(masked.flatten(0, 1))
        return separated.unflatten(0, (-1, self.sources)).squeeze(2)


WHISPER = hf(
    "WhisperForConditionalGeneration",
    lambda: mel() | {"decoder_input_ids": ids(6)},
    **PAIR,
    num_mel_bins=8,
    max_source_positions=20,
    max_target_positions=20,
)
CLIP_PART = {
    k: SMALL[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
}
TWO = {"text_config": SMALL | {"bos_token_id": 1, "eos_token_id": 2}, "vision_config": PATCHES}
STAGES = {"hidden_sizes": [16, 24, 32, 48], "depths": [1, 1, 1, 1]}
EXPERTS = {"num_experts_per_tok": 2, "num_local_experts": 4}

NETWORKS: Mapping[str, Row] = {
    # text
    "BERT": hf("BertModel", padded, **SMALL),
    "RoBERTa": hf("RobertaForSequenceClassification", padded, **SMALL),
    "DistilBERT": hf(
        "DistilBertModel", padded, vocab_size=WORDS, dim=32, n_layers=2, n_heads=4, hidden_dim=48
    ),
    "ALBERT": hf("AlbertModel", padded, **SMALL, embedding_size=16),
    "ELECTRA": hf("ElectraForTokenClassification", padded, **SMALL, embedding_size=16),
    "MPNet": hf("MPNetModel", padded, **SMALL),
    "MobileBERT": hf(
        "MobileBertModel",
        padded,
        **SMALL | {"intermediate_size": 32},
        embedding_size=16,
        intra_bottleneck_size=16,
    ),
    "SqueezeBERT": hf("SqueezeBertModel", padded, **SMALL, embedding_size=32),
    "DeBERTa-v2": hf(
        "DebertaV2Model",
        padded,
        **SMALL,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=8,
    ),
    "XLNet": hf("XLNetModel", padded, vocab_size=WORDS, d_model=32, n_layer=2, n_head=4, d_inner=48),
    "Funnel": hf(
        "FunnelBaseModel",
        padded,
        vocab_size=WORDS,
        block_sizes=[1, 1],
        d_model=32,
        n_head=4,
        d_head=8,
        d_inner=48,
    ),
    "Longformer": hf("LongformerModel", lambda: padded_to(16), **SMALL, attention_window=4),
    "BigBird": hf("BigBirdModel", padded, **SMALL, attention_type="original_full"),
    "Perceiver": hf(
        "PerceiverModel",
        lambda: (normal(BATCH, TOKENS, 16),),
        d_model=16,
        num_latents=6,
        d_latents=32,
        num_self_attends_per_block=2,
        num_self_attention_heads=4,
        num_cross_attention_heads=4,
    ),
    "ESM-2": hf("EsmModel", padded, **SMALL, position_embedding_type="rotary", mask_token_id=2),
    "RoFormer": hf("RoFormerModel", padded, **SMALL, embedding_size=32),
    "ModernBERT": hf("ModernBertModel", padded, **SMALL, local_attention=8),
    "FNet": hf("FNetModel", words, **{k: v for k, v in SMALL.items() if k != "num_attention_heads"}),
    "I-BERT": hf("IBertModel", padded, **SMALL),
    "LayoutLM": hf(
        "LayoutLMModel", lambda: padded() | {"bbox": boxes()}, **SMALL, max_2d_position_embeddings=64
    ),
    # language
    "GPT-2": hf("GPT2LMHeadModel", words, **GPT),
    "GPT-Neo": hf(
        "GPTNeoForCausalLM",
        words,
        **{k: SMALL[k] for k in ("vocab_size", "hidden_size", "max_position_embeddings")},
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=4,
    ),
    "GPT-J": hf("GPTJForCausalLM", words, **GPT, rotary_dim=4),
    "Pythia": hf("GPTNeoXForCausalLM", words, **SMALL),
    "OPT": hf("OPTForCausalLM", words, **SMALL, ffn_dim=48, word_embed_proj_dim=32),
    "BLOOM": hf("BloomForCausalLM", padded, vocab_size=WORDS, hidden_size=32, n_layer=2, n_head=4),
    "Falcon": hf("FalconForCausalLM", words, **SMALL, new_decoder_architecture=False, multi_query=True),
    "MPT": hf("MptForCausalLM", words, vocab_size=WORDS, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
    "Llama": hf("LlamaForCausalLM", words, **GROUPED),
    "Mistral": hf("MistralForCausalLM", words, **GROUPED, sliding_window=4),
    "Qwen2": hf("Qwen2ForCausalLM", padded, **{k: v for k, v in GROUPED.items() if k != "head_dim"}),
    "Qwen3": hf("Qwen3ForCausalLM", words, **GROUPED),
    "Gemma": hf("GemmaForCausalLM", words, **GROUPED),
    "Gemma-2": hf("Gemma2ForCausalLM", words, **GROUPED, sliding_window=4, query_pre_attn_scalar=8),
    "Gemma-3": hf("Gemma3ForCausalLM", words, **GROUPED, sliding_window=4, query_pre_attn_scalar=8),
    "Phi": hf("PhiForCausalLM", words, **SMALL),
    "Phi-3": hf("Phi3ForCausalLM", words, **SMALL | {"num_key_value_heads": 2}),
    "OLMo-2": hf("Olmo2ForCausalLM", words, **SMALL),
    "StableLM": hf("StableLmForCausalLM", words, **SMALL | {"num_key_value_heads": 4}),
    "StarCoder2": hf("Starcoder2ForCausalLM", words, **SMALL | {"num_key_value_heads": 2}),
    "Cohere": hf("CohereForCausalLM", words, **SMALL),
    "Granite": hf("GraniteForCausalLM", words, **SMALL),
    "SmolLM3": hf("SmolLM3ForCausalLM", words, **SMALL | {"num_key_value_heads": 2}),
    "Mixtral": hf("MixtralForCausalLM", words, **GROUPED | EXPERTS),
    "gpt-oss": hf("GptOssForCausalLM", words, **GROUPED | EXPERTS, sliding_window=4),
    "Qwen3-MoE": hf(
        "Qwen3MoeForCausalLM",
        words,
        **GROUPED,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
    ),
    "DeepSeek-V3": hf(
        "DeepseekV3ForCausalLM",
        words,
        **SMALL | {"num_key_value_heads": 4},
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=2,
        topk_group=1,
        moe_intermediate_size=16,
        first_k_dense_replace=1,
        q_lora_rank=16,
        kv_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=8,
    ),
    "Mamba": hf(
        "MambaForCausalLM", words, vocab_size=WORDS, hidden_size=16, state_size=4, num_hidden_layers=2
    ),
    "Mamba-2": hf(
        "Mamba2ForCausalLM",
        words,
        vocab_size=WORDS,
        hidden_size=16,
        state_size=4,
        num_hidden_layers=2,
        num_heads=4,
        head_dim=8,
        n_groups=2,
        chunk_size=4,
    ),
    "RWKV": hf(
        "RwkvForCausalLM", words, vocab_size=WORDS, hidden_size=32, num_hidden_layers=2, context_length=64
    ),
    # from one text to another
    "T5": hf(
        "T5ForConditionalGeneration",
        pair,
        vocab_size=WORDS,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
    ),
    "BART": hf("BartForConditionalGeneration", pair, **PAIR),
    "Marian": hf("MarianMTModel", pair, **PAIR),
    "M2M100": hf("M2M100ForConditionalGeneration", pair, **PAIR),
    # speech
    "Whisper": WHISPER,
    "Whisper encoder": part(WHISPER, mel, lambda m: m.get_encoder()),
    "Whisper decoder": part(
        WHISPER,
        lambda: {"input_ids": ids(6), "encoder_hidden_states": normal(BATCH, 20, 32)},
        lambda m: m.get_decoder(),
    ),
    "Wav2Vec2": hf("Wav2Vec2ForCTC", wave, **WAVE),
    "HuBERT": hf("HubertModel", wave, **WAVE),
    "WavLM": hf("WavLMModel", wave, **WAVE, num_buckets=32, max_bucket_distance=40),
    "SEW": hf("SEWModel", wave, **WAVE, squeeze_factor=2),
    "AST": hf(
        "ASTForAudioClassification",
        lambda: {"input_values": normal(BATCH, 32, 16)},
        **CLIP_PART,
        max_length=32,
        num_mel_bins=16,
        patch_size=8,
        frequency_stride=8,
        time_stride=8,
    ),
    "Conv-TasNet": lambda: (ConvTasNet(), (normal(BATCH, 1, 400),)),
    # images, transformers
    "ViT": hf("ViTForImageClassification", image, **PATCHES),
    "DeiT": hf("DeiTForImageClassification", image, **PATCHES),
    "BEiT": hf("BeitForImageClassification", image, **PATCHES, use_relative_position_bias=True),
    "DINOv2": hf("Dinov2Model", image, **PATCHES),
    "SigLIP": hf("SiglipModel", lambda: words() | image(), **TWO),
    "CLIP": hf("CLIPModel", lambda: padded() | image(), **TWO, projection_dim=16),
    "Swin": hf(
        "SwinForImageClassification",
        image,
        image_size=32,
        patch_size=2,
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
    ),
    "Swin-V2": hf(
        "Swinv2ForImageClassification",
        image,
        image_size=32,
        patch_size=2,
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
    ),
    "ConvNeXt": hf("ConvNextForImageClassification", image, **STAGES),
    "ConvNeXt-V2": hf("ConvNextV2ForImageClassification", image, **STAGES),
    "ResNet": hf("ResNetForImageClassification", image, **STAGES, embedding_size=16, layer_type="basic"),
    "RegNet": hf("RegNetForImageClassification", image, **STAGES, embedding_size=16, groups_width=8),
    "MobileNetV2": hf("MobileNetV2ForImageClassification", image, depth_multiplier=0.35),
    "EfficientNet": hf(
        "EfficientNetForImageClassification",
        image,
        width_coefficient=0.25,
        depth_coefficient=0.3,
        hidden_dim=320,
    ),
    "SegFormer": hf(
        "SegformerForSemanticSegmentation",
        lambda: image(64),
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 2, 3, 4],
        decoder_hidden_size=16,
    ),
    "PVT": hf(
        "PvtForImageClassification",
        image,
        image_size=32,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 2, 3, 4],
    ),
    "PoolFormer": hf("PoolFormerForImageClassification", image, **STAGES),
    "MobileViT": hf(
        "MobileViTForImageClassification",
        lambda: image(64),
        image_size=64,
        hidden_sizes=[16, 24, 32],
        neck_hidden_sizes=[8, 8, 8, 16, 16, 16, 32],
    ),
    "DETR": hf(
        "DetrForObjectDetection",
        lambda: image(64),
        **{
            k: v for k, v in PAIR.items() if k not in ("vocab_size", "pad_token_id", "decoder_start_token_id")
        },
        num_queries=5,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config={
            "model_type": "resnet",
            "out_features": ["stage4"],
            **STAGES,
            "embedding_size": 16,
            "layer_type": "basic",
        },
    ),
    "YOLOS": hf(
        "YolosForObjectDetection", image, **PATCHES | {"image_size": [32, 32]}, num_detection_tokens=5
    ),
    "DPT": hf(
        "DPTForSemanticSegmentation",  # depths of random weights are all negative, and shown as 0
        image,
        **PATCHES | {"num_hidden_layers": 4, "backbone_out_indices": [0, 1, 2, 3]},
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
    ),
    # images, timm
    "MobileNetV3": timm("mobilenetv3_small_050"),
    "EfficientNet-B0 (timm)": timm("efficientnet_b0"),
    "DenseNet": timm("densenet121", growth_rate=8, block_config=(2, 2, 2, 2)),
    "GhostNet": timm("ghostnet_050"),
    "RepVGG": timm("repvgg_a0"),
    "Mixer": timm("mixer_s32_224", img_size=64),
    "ViT (timm)": timm("vit_tiny_patch16_224", img_size=64, depth=2),
    "CaiT": timm("cait_xxs24_224", img_size=64, depth=2),
    "gMLP": timm("gmlp_ti16_224", img_size=64),
    # graphs
    "GCN": graph("GCN"),
    "GAT": graph("GAT", heads=2),
    "GraphSAGE": graph("GraphSAGE"),
    "GIN": graph("GIN"),
    # diffusion
    "U-Net (diffusers)": diffusers(
        "UNet2DConditionModel",
        lambda: {
            "sample": normal(BATCH, 4, 8, 8),
            "timestep": torch.tensor([5, 50]),
            "encoder_hidden_states": normal(BATCH, 6, 16),
        },
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=4,
    ),
    "VAE (diffusers)": diffusers(
        "AutoencoderKL", lambda: (normal(BATCH, 3, 16, 16),), block_out_channels=(16,), norm_num_groups=4
    ),
    "DiT": diffusers(
        "DiTTransformer2DModel",
        lambda: {
            "hidden_states": normal(BATCH, 4, 8, 8),
            "timestep": torch.tensor([5, 50]),
            "class_labels": torch.tensor([1, 2]),
        },
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        sample_size=8,
        norm_num_groups=4,
        num_embeds_ada_norm=10,
    ),
}


def padded_to(length: int) -> dict[str, Any]:
    """A longer text, padded at its end."""
    mask = torch.ones(BATCH, length, dtype=torch.long)
    mask[1, 12:] = 0
    return {"input_ids": ids(length), "attention_mask": mask}


def boxes() -> Tensor:
    """Left, top, right and bottom of each word."""
    corner = torch.randint(0, 30, (BATCH, TOKENS, 2), generator=torch.Generator().manual_seed(0))
    return torch.cat([corner, corner + 5], -1)
