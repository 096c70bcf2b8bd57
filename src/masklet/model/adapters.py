"""Foreign checkpoint formats: one table each, from their tensor names to ours.

A rule is (pattern, replacement); the first that matches a whole name wins, None drops the tensor. A name that no rule
matches is an error of the checkpoint, so nothing is skipped silently. A replacement `name#i` says that the tensor is
row i of `name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from masklet.model.errors import CheckpointError

Rules = tuple[tuple[str, str | None], ...]

_TWO_WAY = r"transformer\.layers\.(\d+)"
_DECODER = "mask_decoder.transformer"

OFFICIAL: Rules = (
    (r"no_mem_pos_enc", None),  # only for a variant that no released model uses
    (r"maskmem_tpos_enc", "memory_time"),
    (r"no_mem_embed", "no_memory"),
    (r"no_obj_ptr", "no_object_pointer"),
    (r"no_obj_embed_spatial", "no_object_memory"),
    (r"obj_ptr_tpos_proj\.(.*)", r"pointer_time.\1"),
    (r"obj_ptr_proj\.(.*)", r"pointer_projection.\1"),
    (r"(mask_downsample\..*)", r"\1"),
    (r"image_encoder\.trunk\.patch_embed\.proj\.(.*)", r"encoder.trunk.patch_embed.\1"),
    (r"image_encoder\.trunk\.(.*)", r"encoder.trunk.\1"),
    (r"image_encoder\.neck\.convs\.0\.conv\.(.*)", r"encoder.neck.laterals.3.\1"),
    (r"image_encoder\.neck\.convs\.1\.conv\.(.*)", r"encoder.neck.laterals.2.\1"),
    (r"image_encoder\.neck\.convs\.2\.conv\.(.*)", r"encoder.neck.laterals.1.\1"),
    (r"image_encoder\.neck\.convs\.3\.conv\.(.*)", r"encoder.neck.laterals.0.\1"),
    (r"memory_attention\.layers\.(\d+)\.cross_attn_image\.(.*)", r"memory_attention.layers.\1.cross_attn.\2"),
    (r"(memory_attention\..*)", r"\1"),
    (r"memory_encoder\.mask_downsampler\.encoder\.(.*)", r"memory_encoder.mask_downsampler.\1"),
    (r"memory_encoder\.fuser\.layers\.(.*)", r"memory_encoder.fuser.\1"),
    (r"(memory_encoder\..*)", r"\1"),
    (r"sam_prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix", "prompt_encoder.frequencies"),
    (r"sam_prompt_encoder\.point_embeddings\.([0-3])\.weight", r"prompt_encoder.label_embeddings#\1"),
    (r"sam_prompt_encoder\.not_a_point_embed\.weight", "prompt_encoder.not_a_point"),
    (r"sam_prompt_encoder\.no_mask_embed\.weight", "prompt_encoder.no_mask"),
    (r"sam_prompt_encoder\.(mask_downscaling\..*)", r"prompt_encoder.\1"),
    (rf"sam_mask_decoder\.{_TWO_WAY}\.cross_attn_token_to_image\.(.*)", rf"{_DECODER}.layers.\1.token_to_image.\2"),
    (rf"sam_mask_decoder\.{_TWO_WAY}\.cross_attn_image_to_token\.(.*)", rf"{_DECODER}.layers.\1.image_to_token.\2"),
    (r"sam_mask_decoder\.transformer\.final_attn_token_to_image\.(.*)", rf"{_DECODER}.final_attn.\1"),
    (r"sam_mask_decoder\.transformer\.norm_final_attn\.(.*)", rf"{_DECODER}.norm_final.\1"),
    (r"sam_mask_decoder\.transformer\.(.*)", rf"{_DECODER}.\1"),
    (r"sam_mask_decoder\.obj_score_token\.weight", "mask_decoder.object_token"),
    (r"sam_mask_decoder\.(iou_token|mask_tokens)\.weight", r"mask_decoder.\1"),
    (r"sam_mask_decoder\.output_upscaling\.0\.(.*)", r"mask_decoder.upscale8.\1"),
    (r"sam_mask_decoder\.output_upscaling\.1\.(.*)", r"mask_decoder.upscale_norm.\1"),
    (r"sam_mask_decoder\.output_upscaling\.3\.(.*)", r"mask_decoder.upscale4.\1"),
    (r"sam_mask_decoder\.conv_s0\.(.*)", r"encoder.skip4.\1"),
    (r"sam_mask_decoder\.conv_s1\.(.*)", r"encoder.skip8.\1"),
    (r"sam_mask_decoder\.output_hypernetworks_mlps\.(.*)", r"mask_decoder.hypernetworks.\1"),
    (r"sam_mask_decoder\.iou_prediction_head\.(.*)", r"mask_decoder.iou_head.\1"),
    (r"sam_mask_decoder\.pred_obj_score_head\.(.*)", r"mask_decoder.object_head.\1"),
)

_TRANSFORMERS_HEADS = (
    (r"object_pointer_proj", "pointer_projection"),
    (r"mask_decoder\.output_hypernetworks_mlps\.(\d)", r"mask_decoder.hypernetworks.\1"),
    (r"mask_decoder\.iou_prediction_head", "mask_decoder.iou_head"),
    (r"mask_decoder\.pred_obj_score_head", "mask_decoder.object_head"),
)
_TRANSFORMERS_ATTENTION = (
    (rf"mask_decoder\.{_TWO_WAY}\.self_attn", rf"{_DECODER}.layers.\1.self_attn"),
    (rf"mask_decoder\.{_TWO_WAY}\.cross_attn_token_to_image", rf"{_DECODER}.layers.\1.token_to_image"),
    (rf"mask_decoder\.{_TWO_WAY}\.cross_attn_image_to_token", rf"{_DECODER}.layers.\1.image_to_token"),
    (r"mask_decoder\.transformer\.final_attn_token_to_image", rf"{_DECODER}.final_attn"),
    (r"memory_attention\.layers\.(\d+)\.self_attn", r"memory_attention.layers.\1.self_attn"),
    (r"memory_attention\.layers\.(\d+)\.cross_attn_image", r"memory_attention.layers.\1.cross_attn"),
)


def _three_layers(source: str, target: str) -> Rules:
    return (
        (rf"{source}\.proj_in\.(weight|bias)", rf"{target}.layers.0.\g<{_last(source)}>"),
        (rf"{source}\.layers\.0\.(weight|bias)", rf"{target}.layers.1.\g<{_last(source)}>"),
        (rf"{source}\.proj_out\.(weight|bias)", rf"{target}.layers.2.\g<{_last(source)}>"),
    )


def _attention(source: str, target: str) -> Rules:
    return (
        (rf"{source}\.o_proj\.(weight|bias)", rf"{target}.out_proj.\g<{_last(source)}>"),
        (rf"{source}\.([qkv]_proj\.(?:weight|bias))", rf"{target}.\g<{_last(source)}>"),
    )


def _last(source: str) -> int:
    """Number of the group that follows those of `source`."""
    return re.compile(source).groups + 1


TRANSFORMERS: Rules = (
    (r"no_memory_positional_encoding", None),
    (r"memory_temporal_positional_encoding", "memory_time"),
    (r"no_memory_embedding", "no_memory"),
    (r"no_object_pointer", "no_object_pointer"),
    (r"occlusion_spatial_embedding_parameter", "no_object_memory"),
    (r"temporal_positional_encoding_projection_layer\.(.*)", r"pointer_time.\1"),
    (r"(mask_downsample\..*)", r"\1"),
    *(rule for heads in _TRANSFORMERS_HEADS for rule in _three_layers(*heads)),
    *(rule for attention in _TRANSFORMERS_ATTENTION for rule in _attention(*attention)),
    (r"vision_encoder\.backbone\.patch_embed\.projection\.(.*)", r"encoder.trunk.patch_embed.\1"),
    (r"vision_encoder\.backbone\.blocks\.(\d+)\.layer_norm([12])\.(.*)", r"encoder.trunk.blocks.\1.norm\2.\3"),
    (r"vision_encoder\.backbone\.blocks\.(\d+)\.mlp\.proj_in\.(.*)", r"encoder.trunk.blocks.\1.mlp.layers.0.\2"),
    (r"vision_encoder\.backbone\.blocks\.(\d+)\.mlp\.proj_out\.(.*)", r"encoder.trunk.blocks.\1.mlp.layers.1.\2"),
    (r"vision_encoder\.backbone\.(.*)", r"encoder.trunk.\1"),
    (r"vision_encoder\.neck\.convs\.0\.(.*)", r"encoder.neck.laterals.3.\1"),
    (r"vision_encoder\.neck\.convs\.1\.(.*)", r"encoder.neck.laterals.2.\1"),
    (r"vision_encoder\.neck\.convs\.2\.(.*)", r"encoder.neck.laterals.1.\1"),
    (r"vision_encoder\.neck\.convs\.3\.(.*)", r"encoder.neck.laterals.0.\1"),
    # The same matrix under two names; a file may hold either or both.
    (r"shared_image_embedding\.positional_embedding", "prompt_encoder.frequencies"),
    (r"prompt_encoder\.shared_embedding\.positional_embedding", "prompt_encoder.frequencies"),
    (r"prompt_encoder\.point_embed\.weight", "prompt_encoder.label_embeddings"),
    (r"prompt_encoder\.not_a_point_embed\.weight", "prompt_encoder.not_a_point"),
    (r"prompt_encoder\.no_mask_embed\.weight", "prompt_encoder.no_mask"),
    (r"prompt_encoder\.mask_embed\.conv1\.(.*)", r"prompt_encoder.mask_downscaling.0.\1"),
    (r"prompt_encoder\.mask_embed\.layer_norm1\.(.*)", r"prompt_encoder.mask_downscaling.1.\1"),
    (r"prompt_encoder\.mask_embed\.conv2\.(.*)", r"prompt_encoder.mask_downscaling.3.\1"),
    (r"prompt_encoder\.mask_embed\.layer_norm2\.(.*)", r"prompt_encoder.mask_downscaling.4.\1"),
    (r"prompt_encoder\.mask_embed\.conv3\.(.*)", r"prompt_encoder.mask_downscaling.6.\1"),
    (rf"mask_decoder\.{_TWO_WAY}\.layer_norm(\d)\.(.*)", rf"{_DECODER}.layers.\1.norm\2.\3"),
    (rf"mask_decoder\.{_TWO_WAY}\.mlp\.proj_in\.(.*)", rf"{_DECODER}.layers.\1.mlp.layers.0.\2"),
    (rf"mask_decoder\.{_TWO_WAY}\.mlp\.proj_out\.(.*)", rf"{_DECODER}.layers.\1.mlp.layers.1.\2"),
    (r"mask_decoder\.transformer\.layer_norm_final_attn\.(.*)", rf"{_DECODER}.norm_final.\1"),
    (r"mask_decoder\.obj_score_token\.weight", "mask_decoder.object_token"),
    (r"mask_decoder\.(iou_token|mask_tokens)\.weight", r"mask_decoder.\1"),
    (r"mask_decoder\.upscale_conv1\.(.*)", r"mask_decoder.upscale8.\1"),
    (r"mask_decoder\.upscale_layer_norm\.(.*)", r"mask_decoder.upscale_norm.\1"),
    (r"mask_decoder\.upscale_conv2\.(.*)", r"mask_decoder.upscale4.\1"),
    (r"mask_decoder\.conv_s0\.(.*)", r"encoder.skip4.\1"),
    (r"mask_decoder\.conv_s1\.(.*)", r"encoder.skip8.\1"),
    (r"memory_attention\.layers\.(\d+)\.layer_norm(\d)\.(.*)", r"memory_attention.layers.\1.norm\2.\3"),
    (r"(memory_attention\.layers\.\d+\.linear\d\..*)", r"\1"),
    (r"memory_attention\.layer_norm\.(.*)", r"memory_attention.norm.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.0\.conv\.(.*)", r"memory_encoder.mask_downsampler.0.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.0\.layer_norm\.(.*)", r"memory_encoder.mask_downsampler.1.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.1\.conv\.(.*)", r"memory_encoder.mask_downsampler.3.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.1\.layer_norm\.(.*)", r"memory_encoder.mask_downsampler.4.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.2\.conv\.(.*)", r"memory_encoder.mask_downsampler.6.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.2\.layer_norm\.(.*)", r"memory_encoder.mask_downsampler.7.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.3\.conv\.(.*)", r"memory_encoder.mask_downsampler.9.\1"),
    (r"memory_encoder\.mask_downsampler\.layers\.3\.layer_norm\.(.*)", r"memory_encoder.mask_downsampler.10.\1"),
    (r"memory_encoder\.mask_downsampler\.final_conv\.(.*)", r"memory_encoder.mask_downsampler.12.\1"),
    (r"memory_encoder\.feature_projection\.(.*)", r"memory_encoder.pix_feat_proj.\1"),
    (r"memory_encoder\.memory_fuser\.layers\.(\d)\.scale", r"memory_encoder.fuser.\1.gamma"),
    (r"memory_encoder\.memory_fuser\.layers\.(\d)\.depthwise_conv\.(.*)", r"memory_encoder.fuser.\1.dwconv.\2"),
    (r"memory_encoder\.memory_fuser\.layers\.(\d)\.layer_norm\.(.*)", r"memory_encoder.fuser.\1.norm.\2"),
    (r"memory_encoder\.memory_fuser\.layers\.(\d)\.pointwise_conv([12])\.(.*)", r"memory_encoder.fuser.\1.pwconv\2.\3"),
    (r"memory_encoder\.projection\.(.*)", r"memory_encoder.out_proj.\1"),
)

_FORMATS: dict[str, tuple[str, Rules]] = {
    "official": ("image_encoder.trunk.patch_embed.proj.weight", OFFICIAL),
    "transformers": ("vision_encoder.backbone.patch_embed.projection.weight", TRANSFORMERS),
}


def translate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of any known format under our names; tensors that already carry our names pass through.

    Raises CheckpointError where a name has no place in the format, or two tensors claim one place and differ.
    """
    for marker, rules in _FORMATS.values():
        if marker in tensors:
            return _rename(tensors, rules)
    return dict(tensors)


def _rename(tensors: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    compiled = [(re.compile(pattern), target) for pattern, target in rules]
    renamed: dict[str, Tensor] = {}
    rows: dict[str, dict[int, Tensor]] = {}
    unknown: list[str] = []
    for name, tensor in tensors.items():
        found = next(((m, to) for pattern, to in compiled if (m := pattern.fullmatch(name))), None)
        if found is None:
            unknown.append(name)
            continue
        match, replacement = found
        if replacement is None:
            continue
        target, _, row = match.expand(replacement).partition("#")
        if row:
            rows.setdefault(target, {})[int(row)] = tensor
        elif target in renamed and not torch.equal(renamed[target], tensor):
            raise CheckpointError(f"two tensors claim the place of {target} and differ; one of them is {name}")
        else:
            renamed[target] = tensor
    if unknown:
        raise CheckpointError(f"{len(unknown)} unexpected tensors: {', '.join(sorted(unknown)[:20])}")
    for target, parts in rows.items():
        renamed[target] = torch.cat([parts[row] for row in sorted(parts)])
    return renamed
