"""The parts of a pipeline in PyTorch: seeded, and as small as their layouts allow."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

TEXT_WIDTH = 32
POOLED_WIDTH = 24
LCM_WIDTH = 64


def text_encoder(tokens: int, seed: int, is_projected: bool = False) -> nn.Module:
    """CLIP with two layers, or three of the second one of Stable Diffusion XL."""
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=TEXT_WIDTH,
        intermediate_size=64,
        num_hidden_layers=3 if is_projected else 2,
        num_attention_heads=4,
        projection_dim=POOLED_WIDTH,
        bos_token_id=tokens - 2,
        eos_token_id=tokens - 1,
        pad_token_id=tokens - 1,
        attn_implementation="eager",
    )
    kind = CLIPTextModelWithProjection if is_projected else CLIPTextModel
    model: nn.Module = kind(config).eval()
    return stronger(model)


def unet(seed: int, channels: int = 4, is_xl: bool = False, is_lcm: bool = False) -> nn.Module:
    """A UNet with two levels."""
    torch.manual_seed(seed)
    options: dict[str, Any] = {}
    if is_xl:
        options = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + POOLED_WIDTH,
        }
    if is_lcm:
        options = {"time_cond_proj_dim": LCM_WIDTH}
    model: nn.Module = UNet2DConditionModel(
        sample_size=64,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=TEXT_WIDTH * (2 if is_xl else 1),
        attention_head_dim=4,
        norm_num_groups=8,
        **options,
    ).eval()
    return model


def autoencoder(seed: int) -> nn.Module:
    """An autoencoder whose latents stand for 8 x 8 pixels, as in all of Stable Diffusion."""
    torch.manual_seed(seed)
    model: nn.Module = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        scaling_factor=0.18215,
    ).eval()
    return model


def stronger(model: nn.Module) -> nn.Module:
    """The model with larger weights of its embedding, so that other words make other pictures."""
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "token_embedding" in name:
                weights.mul_(50.0)
    return model
