"""The whole model: one method per step of the paper's figure 3, tensors in and tensors out.

The session decides which frame, which memories and which prompts; nothing here knows of frames or of time but for the
time codes of memories and pointers.

Legend: B images, O objects, C model channels, K memory channels, S image side, h w = S / 16, M masks, P points.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import ModelConfig
from masklet.model.drawing import Drawing
from masklet.model.encoder import ImageEncoder, ImageFeatures
from masklet.model.layers import Mlp, small_random
from masklet.model.mask_decoder import Decoded, MaskDecoder
from masklet.model.memory_attention import MemoryAttention
from masklet.model.memory_encoder import MemoryEncoder
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import sine_steps
from masklet.model.prompt_encoder import PADDING, Points, PromptEncoder
from masklet.model.refinement import Refinement

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Sam2(nn.Module):
    """Promptable segmentation with memory (SAM 2, arXiv 2408.00714).

    Example
    -------
    >>> import torch
    >>> from masklet.model.configs import NANO
    >>> model = Sam2(NANO.at(64)).eval()
    >>> with torch.inference_mode():
    ...     features = model.encode_image(torch.zeros(1, 3, 64, 64))
    ...     points = Points(torch.tensor([[[32.0, 32.0]]]), torch.tensor([[1]]))
    ...     decoded = model.decode(model.without_memory(features.embedding), features, points=points)
    >>> decoded.logits.shape
    torch.Size([1, 4, 16, 16])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, memory_dim = config.d_model, config.memory_dim
        self.config = config
        self.encoder = ImageEncoder(config)
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(config)
        self.prompt_encoder = PromptEncoder(config)
        self.drawing = Drawing(config) if config.drawing else None
        self.mask_decoder = MaskDecoder(config)
        self.refinement = Refinement(config, config.refinement) if config.refinement else None
        self.pointer_projection = Mlp((dim, dim, dim, dim))
        self.mask_downsample = nn.Conv2d(1, 1, 4, stride=4)
        self.memory_time = nn.Parameter(small_random(config.memories, memory_dim))
        self.no_memory = nn.Parameter(small_random(1, dim))
        self.no_object_pointer = nn.Parameter(small_random(1, dim))
        self.pointer_time = nn.Linear(dim, memory_dim) if config.pointer_time else None
        self.no_object_memory = nn.Parameter(small_random(1, memory_dim)) if config.occlusion_memory else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.no_memory.device

    @property
    def dtype(self) -> torch.dtype:
        """What the weights are stored and computed in."""
        return self.no_memory.dtype

    def encode_image(self, images: Tensor) -> ImageFeatures:
        """Normalised images [B, 3, S, S] -> features; the costly step, once a frame for all objects."""
        return self.encoder(images.to(self.dtype))

    def without_memory(self, embedding: Tensor) -> Tensor:
        """Features [B, C, h, w] of a frame that has no memory to look at."""
        return embedding + self.no_memory[:, :, None, None]

    def with_memory(self, embedding: Tensor, memory: MemoryTokens) -> Tensor:
        """Features [1 or O, C, h, w] conditioned on the memories of O objects -> [O, C, h, w]."""
        return self.memory_attention(embedding, memory)

    def decode(
        self, embedding: Tensor, features: ImageFeatures, *, points: Points | None = None, masks: Tensor | None = None
    ) -> Decoded:
        """Masks of O objects from conditioned features [O or 1, C, h, w].

        `points` with P >= 0 points per object (None: no sparse token at all); `masks` [O, 1, 4h, 4w] are previous
        logits. The three resolutions of `features` may have 1 or O entries.
        """
        if points is None:
            objects = embedding.shape[0] if masks is None else masks.shape[0]
            sparse = embedding.new_zeros(objects, 0, self.config.d_model)
        else:
            sparse = self.prompt_encoder.sparse(points)
        stride4, stride8 = features.stride4, features.stride8
        drawn = masks if self.drawing is None else self.drawing(points, masks)
        if self.drawing is not None and drawn is not None:
            skip4, skip8 = self.drawing.skips(drawn.to(self.dtype))
            stride4, stride8 = stride4 + skip4, stride8 + skip8
        dense = self.prompt_encoder.dense(None if drawn is None else drawn.to(self.dtype))
        positions = self.prompt_encoder.positions()
        decoded = self.mask_decoder(embedding, positions, sparse, dense, stride4, stride8)
        if self.refinement is None or points is None or drawn is None:
            return decoded
        # What a lone click means is the decoder's to say: a box, several clicks, or a click on a mask know more.
        known = points.counts >= (2 if masks is None else 1)  # [O]
        if not bool(known.any()):
            return decoded
        added = self.refinement(embedding, features, decoded.logits, points, drawn)
        return replace(decoded, logits=decoded.logits + added * known[:, None, None, None])

    def no_points(self, objects: int) -> Points:
        """What a tracked frame is prompted with: one padding point per object."""
        return Points(
            torch.zeros(objects, 1, 2, device=self.device),
            torch.full((objects, 1), PADDING, dtype=torch.long, device=self.device),
        )

    def pointer(self, token: Tensor, visible: Tensor) -> Tensor:
        """Object pointers [O, C] from mask tokens [O, C]; where not `visible` ([O, 1] bool) the learned one."""
        shown = visible.to(token.dtype)
        return shown * self.pointer_projection(token) + (1 - shown) * self.no_object_pointer

    def mask_pointer(self, features: ImageFeatures, masks: Tensor) -> Tensor:
        """Object pointers [O, C] of given masks [O, 1, S, S] in {0, 1}: the decoder looks at the mask, not at memory.

        The blend with the "no object" pointer happens twice, once by the decoder's score and once by emptiness, as
        in the published model.
        """
        dense = self.mask_downsample(masks.to(self.dtype))
        decoded = self.decode(features.embedding, features, points=self.no_points(masks.shape[0]), masks=dense)
        pointer = self.pointer(decoded.tokens[:, 0], decoded.object_score > 0)
        shown = (masks.flatten(1) > 0).any(dim=1, keepdim=True).to(pointer.dtype)
        return shown * pointer + (1 - shown) * self.no_object_pointer

    def encode_memory(self, embedding: Tensor, mask_probability: Tensor, visible: Tensor) -> Tensor:
        """Memories [O, K, h, w] of raw features [1 or O, C, h, w] and masks [O, 1, S, S] in 0..1.

        `visible` [O, 1] bool: where false, SAM 2.1 adds a learned "occluded" embedding.
        """
        memory = self.memory_encoder(embedding, (mask_probability * 20.0).sub_(10.0).to(self.dtype))
        if self.memory_attention.readout is not None:
            memory = self.memory_attention.readout.store(embedding, mask_probability, memory)
        if self.no_object_memory is not None:
            memory = memory + (~visible).to(memory.dtype)[..., None, None] * self.no_object_memory[..., None, None]
        return memory

    def pointer_positions(self, steps: Tensor, span: int) -> Tensor:
        """Time codes [.., K] of pointers that are `steps` frames away, out of at most `span` (SAM 2: zeros)."""
        if self.pointer_time is None:
            return torch.zeros(*steps.shape, self.config.memory_dim, device=self.device, dtype=self.dtype)
        code = sine_steps(steps.float() / max(span, 1), self.config.d_model)
        return self.pointer_time(code.to(self.dtype))

    def upsample(self, logits: Tensor) -> Tensor:
        """Mask logits [O, M, 4h, 4w] at the model's image size [O, M, S, S], float32."""
        side = self.config.image_size
        return F.interpolate(logits.float(), size=(side, side), mode="bilinear", align_corners=False)


def build(config: ModelConfig) -> Sam2:
    """A model with random weights, in training mode."""
    return Sam2(config)
