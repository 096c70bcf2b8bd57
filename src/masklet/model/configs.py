"""What a model is made of, as frozen values; the published sizes and the bundled one as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class HieraConfig:
    """Hierarchical transformer trunk (Hiera) of SAM 2; four stages at strides 4, 8, 16, 32."""

    embed_dim: int
    heads: int
    depths: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    background_size: int = 7

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the feature maps at strides 4, 8, 16, 32."""
        d = self.embed_dim
        return (d, 2 * d, 4 * d, 8 * d)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvStage:
    """A run of inverted residual blocks; the first one carries the stride."""

    channels: int
    depth: int
    stride: int
    kernel: int
    expand: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvConfig:
    """Convolutional trunk of inverted residuals with ReLU6, batch norm folded (EfficientNet-Lite).

    `taps` are the indices of the stages whose outputs are the maps at strides 4, 8, 16, 32.
    """

    stem: int
    stages: tuple[ConvStage, ...]
    taps: tuple[int, int, int, int]

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the feature maps at strides 4, 8, 16, 32."""
        a, b, c, d = (self.stages[tap].channels for tap in self.taps)
        return (a, b, c, d)


@dataclass(frozen=True, kw_only=True, slots=True)
class NeckConfig:
    """Feature pyramid: 1x1 laterals, nearest up-sampling added at `top_down` levels (0 = stride 4 ... 3 = stride 32).

    `normalize` applies a layer norm to each output: small encoders emit features several times larger than the
    position encodings, which then drown the clicks.
    """

    top_down: tuple[int, ...] = (2, 3)
    normalize: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadoutConfig:
    """A read-out of memory by likeness, before memory attention; not part of the published model.

    Of the memory's channels, `key_dim` are the frame's matching keys and `MASK_CELLS` the mask itself, in 4 x 4 parts
    of each cell; the rest is what the memory encoder makes of both. `heads` looks are taken, each with a sharpness
    and a reach of its own.
    """

    key_dim: int = 32
    heads: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinementConfig:
    """A second look at prompted frames, close to the picture; not part of the published model.

    `width` channels at stride 8, where `fine_blocks` are, and twice as many at stride 16, where `wide_blocks` are.
    """

    width: int = 48
    wide_blocks: int = 2
    fine_blocks: int = 2


MASK_CELLS = 16
DRAWN_MAPS = 4
"""What a drawing of prompts is made of: mask logits, positive clicks, negative clicks, outside of a box."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A whole model. The defaults are those that all published sizes share."""

    name: str
    encoder: HieraConfig | ConvConfig
    neck: NeckConfig = NeckConfig()
    image_size: int = 1024
    d_model: int = 256
    memory_dim: int = 64
    memories: int = 7
    """Memories that a frame attends to: conditioning frames share one time code, the others are recent frames."""
    memory_stride: int = 1
    """Frames from one of the recent memories to the next in a session, behind that of the last frame (the released
    code's `memory_temporal_stride_for_eval`); training attends to the last frames."""
    memory_recent: int | None = None
    """Recent frames that a frame attends to, at most; None: all that the model has time codes for."""
    memory_pool: int = 1
    """Memories are read as means over squares of so many cells a side: fewer tokens, less detail."""
    pointers: int = 16
    """Object pointers that a frame attends to, at most."""
    memory_layers: int = 4
    memory_ffn: int = 2048
    mask_channels: tuple[int, int, int, int] = (4, 16, 64, 256)
    """Channels of the memory encoder's mask down-sampler, after each of its four stride-2 convolutions."""
    decoder_ffn: int = 2048
    decoder_heads: int = 8
    drawing: bool = False
    """Prompts are also drawn (see `masklet.model.drawing`): a small model learns to obey them in far fewer steps."""
    refinement: RefinementConfig | None = None
    """Answers to drawn prompts are corrected close to the picture; `drawing` is needed for it."""
    readout: ReadoutConfig | None = None
    """Carries masks over by likeness, so that a small model need not learn it from nothing."""
    pointer_time: bool = True
    """SAM 2.1: pointers carry a projected signed temporal encoding."""
    occlusion_memory: bool = True
    """SAM 2.1: memories of frames without the object carry a learned embedding."""

    def __post_init__(self) -> None:
        if self.image_size <= 0 or self.image_size % 32:
            raise ValueError(f"image_size must be a positive multiple of 32, got {self.image_size}")
        if self.d_model % self.memory_dim:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of memory_dim ({self.memory_dim})")
        if self.memory_stride < 1:
            raise ValueError(f"memory_stride must be 1 or more frames, got {self.memory_stride}")
        if self.memory_recent is not None and not 1 <= self.memory_recent < self.memories:
            raise ValueError(f"memory_recent must be 1..{self.memories - 1} or None, got {self.memory_recent}")
        if self.memory_pool < 1 or self.grid % self.memory_pool:
            raise ValueError(f"memory_pool must divide the grid of {self.grid} cells, got {self.memory_pool}")
        if self.refinement is not None and not self.drawing:
            raise ValueError("a refinement reads what is drawn of the prompts; set drawing=True as well")
        if self.encoded_dim <= 0:
            raise ValueError(f"memory_dim ({self.memory_dim}) leaves no channel beside those of {self.readout}")

    @property
    def dense_maps(self) -> int:
        """Maps that the dense prompt is read from: the mask, or all that is drawn."""
        return DRAWN_MAPS if self.drawing else 1

    @property
    def encoded_dim(self) -> int:
        """Memory channels that the memory encoder fills; a read-out takes the first ones."""
        return self.memory_dim - (0 if self.readout is None else self.readout.key_dim + MASK_CELLS)

    @property
    def memory_reach(self) -> int:
        """How many frames back the oldest of the recent memories may lie."""
        return max((self.memories - 2) * self.memory_stride + 1, 0)

    @property
    def grid(self) -> int:
        """Side of the stride-16 feature map."""
        return self.image_size // 16

    def at(self, image_size: int) -> ModelConfig:
        """The same model for another image size (a positive multiple of 32)."""
        return replace(self, image_size=image_size)


HIERA = {
    "tiny": HieraConfig(embed_dim=96, heads=1, depths=(1, 2, 7, 2), global_blocks=(5, 7, 9)),
    "small": HieraConfig(embed_dim=96, heads=1, depths=(1, 2, 11, 2), global_blocks=(7, 10, 13)),
    "base-plus": HieraConfig(
        embed_dim=112, heads=2, depths=(2, 3, 16, 3), global_blocks=(12, 16, 20), background_size=14
    ),
    "large": HieraConfig(
        embed_dim=144, heads=2, depths=(2, 6, 36, 4), global_blocks=(23, 33, 43), windows=(8, 4, 16, 8)
    ),
}

EFFICIENTNET_LITE0 = ConvConfig(
    stem=32,
    stages=(
        ConvStage(channels=16, depth=1, stride=1, kernel=3, expand=1),
        ConvStage(channels=24, depth=2, stride=2, kernel=3, expand=6),
        ConvStage(channels=40, depth=2, stride=2, kernel=5, expand=6),
        ConvStage(channels=80, depth=3, stride=2, kernel=3, expand=6),
        ConvStage(channels=112, depth=3, stride=1, kernel=5, expand=6),
        ConvStage(channels=192, depth=4, stride=2, kernel=5, expand=6),
        ConvStage(channels=320, depth=1, stride=1, kernel=3, expand=6),
    ),
    taps=(1, 2, 4, 6),
)

NANO = ModelConfig(
    name="nano",
    encoder=EFFICIENTNET_LITE0,
    neck=NeckConfig(top_down=(0, 1, 2, 3), normalize=True),
    image_size=448,
    d_model=128,
    memories=4,
    memory_stride=3,
    memory_layers=2,
    memory_ffn=512,
    mask_channels=(4, 8, 32, 128),
    decoder_ffn=512,
    drawing=True,
    refinement=RefinementConfig(),
    readout=ReadoutConfig(),
)


def _published(version: str, size: str) -> ModelConfig:
    newer = version == "2.1"
    return ModelConfig(
        name=f"sam{version}-hiera-{size}", encoder=HIERA[size], pointer_time=newer, occlusion_memory=newer
    )


OFFICIAL: dict[str, ModelConfig] = {
    config.name: config for version in ("2", "2.1") for size in HIERA for config in (_published(version, size),)
}
CONFIGS: dict[str, ModelConfig] = {NANO.name: NANO, **OFFICIAL}
