"""From features and prompts to mask logits, quality estimates and an object score.

Legend: O objects, T tokens, N = h * w image tokens, M = 4 masks (0 single, 1..3 the candidates), C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.attention import attend
from masklet.model.configs import ModelConfig
from masklet.model.layers import ChannelNorm, Linear, Mlp, small_random

MASKS = 4


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that the decoder says of O objects, for M masks each: the single mask first, then three candidates.

    `logits` [O, M, 4h, 4w], `iou` [O, M] in 0..1, `tokens` [O, M, C], `object_score` [O, 1] (logit, visible > 0).
    """

    logits: Tensor
    iou: Tensor
    tokens: Tensor
    object_score: Tensor


class Attention(nn.Module):
    """Multi-head attention with the inner width divided by `downsample`: [O, Tq, C], [O, Tk, C] -> [O, Tq, C]."""

    def __init__(self, dim: int, heads: int, downsample: int = 1) -> None:
        super().__init__()
        self.heads = heads
        inner = dim // downsample
        self.q_proj = Linear(dim, inner)
        self.k_proj = Linear(dim, inner)
        self.v_proj = Linear(dim, inner)
        self.out_proj = Linear(inner, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, residual: Tensor | None = None) -> Tensor:
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.q_proj(q), self.k_proj(k), self.v_proj(v))
        )
        y = attend(q, k, v)  # [O, heads, Tq, D]
        return self.out_proj(y.transpose(1, 2).flatten(2), residual)


class TwoWayBlock(nn.Module):
    """Tokens attend to each other and to the image, then the image to the tokens."""

    def __init__(self, dim: int, heads: int, ffn: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, heads)
        self.token_to_image = Attention(dim, heads, downsample=2)
        self.mlp = Mlp((dim, ffn, dim))
        self.image_to_token = Attention(dim, heads, downsample=2)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, image: Tensor, token_pos: Tensor, image_pos: Tensor) -> tuple[Tensor, Tensor]:
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pos
            tokens = self.self_attn(q, q, tokens, tokens)
        tokens = self.norm1(tokens)
        keys = image + image_pos
        tokens = self.norm2(self.token_to_image(tokens + token_pos, keys, image, tokens))
        tokens = self.norm3(self.mlp(tokens, tokens))
        image = self.norm4(self.image_to_token(keys, tokens + token_pos, tokens, image))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Two blocks and a last look of the tokens at the image: [O, T, C], [O, N, C] -> the same shapes."""

    def __init__(self, dim: int, heads: int, ffn: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(dim, heads, ffn, first=index == 0) for index in range(2))
        self.final_attn = Attention(dim, heads, downsample=2)
        self.norm_final = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, image: Tensor, image_pos: Tensor) -> tuple[Tensor, Tensor]:
        token_pos = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pos, image_pos)
        tokens = self.final_attn(tokens + token_pos, image + image_pos, image, tokens)
        return self.norm_final(tokens), image


class MaskDecoder(nn.Module):
    """SAM's mask decoder with high-resolution skips and an object-score token (SAM 2, appendix D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.d_model
        self.transformer = TwoWayTransformer(dim, config.decoder_heads, config.decoder_ffn)
        self.object_token = nn.Parameter(small_random(1, dim))
        self.iou_token = nn.Parameter(small_random(1, dim))
        self.mask_tokens = nn.Parameter(small_random(MASKS, dim))
        self.upscale8 = nn.ConvTranspose2d(dim, dim // 4, 2, stride=2)
        self.upscale_norm = ChannelNorm(dim // 4)
        self.upscale4 = nn.ConvTranspose2d(dim // 4, dim // 8, 2, stride=2)
        self.hypernetworks = nn.ModuleList(Mlp((dim, dim, dim, dim // 8)) for _ in range(MASKS))
        self.iou_head = Mlp((dim, dim, dim, MASKS))
        self.object_head = Mlp((dim, dim, dim, 1))

    def forward(
        self, embedding: Tensor, positions: Tensor, sparse: Tensor, dense: Tensor, stride4: Tensor, stride8: Tensor
    ) -> Decoded:
        """`embedding` and `dense` [O or 1, C, h, w], `positions` [1, N, C], `sparse` [O, P, C], skips [O or 1, ..]."""
        objects = sparse.shape[0]
        learned = torch.cat((self.object_token, self.iou_token, self.mask_tokens))
        tokens = torch.cat((learned.expand(objects, -1, -1), sparse), dim=1)
        source = embedding + dense
        height, width = source.shape[2:]
        image = source.flatten(2).transpose(1, 2).expand(objects, -1, -1)
        tokens, image = self.transformer(tokens, image, positions.to(image.dtype))
        image = image.transpose(1, 2).unflatten(2, (height, width))  # a view: channels stay last in memory
        up = F.gelu(self.upscale_norm(self.upscale8(image) + stride8))
        up = F.gelu(self.upscale4(up) + stride4)  # [O, C/8, 4h, 4w]
        mask_tokens = tokens[:, 2 : 2 + MASKS]
        kernels = torch.stack([net(mask_tokens[:, m]) for m, net in enumerate(self.hypernetworks)], dim=1)
        # Channels are last in memory: products of rows spare a copy of the widest map.
        logits = up.permute(0, 2, 3, 1).flatten(1, 2) @ kernels.transpose(1, 2)  # [O, 4h * 4w, M]
        logits = logits.transpose(1, 2).reshape(objects, MASKS, *up.shape[2:])  # [O, M, 4h, 4w]
        return Decoded(
            logits=logits,
            iou=self.iou_head(tokens[:, 1]).sigmoid(),
            tokens=mask_tokens,
            object_score=self.object_head(tokens[:, 0]),
        )
