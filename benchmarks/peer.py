"""The peer: transformers' Sam2VideoModel in the shape of any of our configurations, with weights that both sides share.

A model with a convolutional trunk has no counterpart there; the peer then runs our image encoder, and all that comes
after it is its own.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig
from transformers.models.sam2_video.modeling_sam2_video import (
    Sam2VideoMaskDownSamplerLayer,
    Sam2VideoVisionEncoderOutput,
)

from masklet import load_model
from masklet.model import checkpoints
from masklet.model.adapters import translate
from masklet.model.configs import HIERA, HieraConfig, ModelConfig
from masklet.model.encoder import ImageEncoder
from masklet.model.positions import sine_grid
from masklet.model.sam2 import Sam2


def write_weights(config: ModelConfig, folder: Path) -> tuple[Path, Path]:
    """Synthetic weights of one model as two files: in our naming and in the peer's."""
    torch.manual_seed(0)
    peer = _build(config)
    with torch.no_grad():
        for name, parameter in peer.named_parameters():
            _fill(name, parameter)
        # One matrix in our naming, two copies in the peer's.
        frequencies = peer.prompt_encoder.shared_embedding.positional_embedding
        frequencies.copy_(peer.shared_image_embedding.positional_embedding.normal_())
    ours = Sam2(config)
    shared = translate(peer.state_dict())
    if not isinstance(config.encoder, HieraConfig):
        with torch.no_grad():
            for name, parameter in ours.encoder.named_parameters():
                _fill(name, parameter)
        own = {name: t for name, t in ours.state_dict().items() if name.startswith(("encoder.trunk", "encoder.neck"))}
        shared = {name: t for name, t in shared.items() if not name.startswith(("encoder.trunk", "encoder.neck"))} | own
    ours.load_state_dict({name: shared[name].reshape(t.shape) for name, t in ours.state_dict().items()})
    paths = folder / f"{config.name}.ours.safetensors", folder / f"{config.name}.peer.safetensors"
    checkpoints.save(ours, paths[0])
    save_file({name: t.contiguous().clone() for name, t in peer.state_dict().items()}, paths[1])
    return paths


def load_peer(config: ModelConfig, paths: tuple[Path, Path], dtype: torch.dtype) -> Any:
    """The peer with the weights of `write_weights`, in evaluation mode."""
    peer = _build(config)
    peer.load_state_dict(load_file(paths[1]))
    if not isinstance(config.encoder, HieraConfig):
        peer.vision_encoder = _OurEncoder(load_model(paths[0], device="cpu").encoder)
    return peer.to(dtype).eval()


def _fill(name: str, parameter: Tensor) -> None:
    """Weights that keep signals alive through all layers, so that a difference between the sides would show."""
    if name.endswith("object_pointer"):
        parameter.normal_(std=0.02)
    elif name.endswith(("scale", "gamma")):
        parameter.fill_(0.1)
    elif "norm" in name and name.endswith("weight"):
        parameter.normal_(1, 0.1)
    elif parameter.ndim < 2 or parameter.shape[0] == 1 or parameter.numel() == parameter.shape[-1]:
        parameter.normal_(std=0.02)
    else:
        parameter.normal_(std=parameter[0].numel() ** -0.5)
    if name == "mask_decoder.pred_obj_score_head.proj_out.bias":
        parameter.fill_(10)  # the object is always there


def _build(config: ModelConfig) -> Any:
    dim, grid = config.d_model, config.grid
    hiera = config.encoder if isinstance(config.encoder, HieraConfig) else HIERA["tiny"]
    channels = list(hiera.channels)
    peer: Any = Sam2VideoModel(
        Sam2VideoConfig(
            image_size=config.image_size,
            vision_config=Sam2VisionConfig(
                backbone_config=Sam2HieraDetConfig(
                    hidden_size=hiera.embed_dim,
                    num_attention_heads=hiera.heads,
                    image_size=[config.image_size] * 2,
                    blocks_per_stage=list(hiera.depths),
                    embed_dim_per_stage=channels,
                    num_attention_heads_per_stage=[hiera.heads * 2**stage for stage in range(4)],
                    window_size_per_stage=list(hiera.windows),
                    global_attention_blocks=list(hiera.global_blocks),
                    window_positional_embedding_background_size=[hiera.background_size] * 2,
                ),
                backbone_channel_list=channels[::-1],
                backbone_feature_sizes=[[scale * grid] * 2 for scale in (4, 2, 1)],
                fpn_hidden_size=dim,
            ),
            prompt_encoder_config={"hidden_size": dim, "image_size": config.image_size},
            mask_decoder_config={
                "hidden_size": dim,
                "mlp_dim": config.decoder_ffn,
                "num_attention_heads": config.decoder_heads,
                "iou_head_hidden_dim": dim,
            },
            num_maskmem=config.memories,
            max_object_pointers_in_encoder=config.pointers,
            enable_temporal_pos_encoding_for_object_pointers=config.pointer_time,
            enable_occlusion_spatial_embedding=config.occlusion_memory,
            memory_attention_hidden_size=dim,
            memory_attention_num_layers=config.memory_layers,
            memory_attention_feed_forward_hidden_size=config.memory_ffn,
            memory_attention_rope_feat_sizes=[grid, grid],
            memory_encoder_hidden_size=dim,
            memory_encoder_output_channels=config.memory_dim,
            mask_downsampler_embed_dim=dim,
            memory_fuser_embed_dim=dim,
            memory_fuser_intermediate_dim=4 * dim,
        )
    )
    down = peer.memory_encoder.mask_downsampler
    widths = (1, *config.mask_channels)
    if [layer.conv.out_channels for layer in down.layers] != list(config.mask_channels):
        down.layers = nn.ModuleList(Sam2VideoMaskDownSamplerLayer(peer.config, a, b) for a, b in pairwise(widths))
        down.final_conv = nn.Conv2d(widths[-1], dim, 1)
    return peer


class _OurEncoder(nn.Module):
    """Our trunk and neck behind the interface of the peer's vision encoder (its skips belong to its decoder)."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.trunk, self.neck = encoder.trunk, encoder.neck

    def forward(self, pixel_values: Tensor, **_: object) -> Any:
        maps = self.neck(self.trunk(pixel_values))
        positions = []
        for x in maps:
            channels, height, width = x.shape[1:]
            code = sine_grid(height, width, channels, x.device)
            positions.append(code.transpose(1, 2).reshape(1, channels, height, width).to(x.dtype))
        output: Any = Sam2VideoVisionEncoderOutput()
        output.fpn_hidden_states, output.fpn_position_encoding = tuple(maps), tuple(positions)
        return output
