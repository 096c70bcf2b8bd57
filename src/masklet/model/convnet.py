"""A small convolutional trunk: inverted residuals as in EfficientNet-Lite (arXiv 1905.11946), batch norm folded.

Legend: B batch, C channels, H W grid.
"""

from __future__ import annotations

from torch import Tensor, nn

from masklet.model.configs import ConvConfig
from masklet.model.layers import convolution, relu6


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, linear 1x1 projection; residual where the shapes agree."""

    def __init__(self, dim: int, dim_out: int, *, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = dim * expand
        self.residual = stride == 1 and dim == dim_out
        self.expand = nn.Conv2d(dim, hidden, 1) if expand > 1 else None
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, stride=stride, padding=kernel // 2, groups=hidden)
        self.project = nn.Conv2d(hidden, dim_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = relu6(self.depthwise, x if self.expand is None else relu6(self.expand, x))
        return convolution(self.project, y, x) if self.residual else self.project(y)


class ConvTrunk(nn.Module):
    """Images [B, 3, S, S] -> feature maps at strides 4, 8, 16, 32, each [B, C, H, W]."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        self.taps = config.taps
        self.stem = nn.Conv2d(3, config.stem, 3, stride=2, padding=1)
        stages: list[nn.Sequential] = []
        dim = config.stem
        for stage in config.stages:
            blocks: list[InvertedResidual] = []
            for index in range(stage.depth):
                stride = stage.stride if index == 0 else 1
                blocks.append(
                    InvertedResidual(dim, stage.channels, kernel=stage.kernel, stride=stride, expand=stage.expand)
                )
                dim = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = relu6(self.stem, images)
        maps: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.taps:
                maps.append(x)
        return maps
