"""Every loss term against a case worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from masklet.train.config import LossWeights
from masklet.train.losses import answer_loss, cross_entropy, dice, focal, true_iou

PLAIN = LossWeights(cross_entropy=1.0, focal=0.0)

# One object, a 1x2 grid, target (1, 0); logits of probabilities (0.8, 0.4).
TARGET = torch.tensor([[[[1.0, 0.0]]]])
LOGITS = torch.tensor([[[[math.log(4.0), math.log(2 / 3)]]]])


def test_cross_entropy_by_hand() -> None:
    expected = -(math.log(0.8) + math.log(0.6)) / 2
    assert cross_entropy(LOGITS, TARGET).tolist() == [[pytest.approx(expected)]]


def test_focal_by_hand() -> None:
    expected = -(0.25 * 0.2**2 * math.log(0.8) + 0.75 * 0.4**2 * math.log(0.6)) / 2
    assert focal(LOGITS, TARGET).tolist() == [[pytest.approx(expected)]]


def test_dice_by_hand() -> None:
    assert dice(LOGITS, TARGET).tolist() == [[pytest.approx(1 - (2 * 0.8 + 1) / (0.8 + 0.4 + 1 + 1))]]


def test_true_iou_counts_empty_as_perfect() -> None:
    empty = torch.full((1, 1, 2, 2), -1.0)
    assert true_iou(empty, torch.zeros(1, 1, 2, 2)).item() == 1
    assert true_iou(empty, torch.ones(1, 1, 2, 2)).item() == 0
    half = torch.tensor([[[[1.0, 1.0], [-1.0, -1.0]]]])
    assert true_iou(half, torch.ones(1, 1, 2, 2)).item() == 0.5


def two_candidates() -> tuple[torch.Tensor, torch.Tensor]:
    """Candidate 0 is the target's inverse, candidate 1 the target."""
    target = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    logits = torch.cat((10 - 20 * target, 20 * target - 10), dim=1).requires_grad_()
    return logits, target


def test_only_the_best_candidate_is_supervised() -> None:
    logits, target = two_candidates()
    iou = torch.tensor([[0.0, 1.0]], requires_grad=True)
    loss = answer_loss(logits, iou, torch.zeros(1, 1), targets=target, present=torch.tensor([True]), weights=PLAIN)
    loss.total.sum().backward()
    assert logits.grad is not None
    assert not logits.grad[0, 0].any()
    assert logits.grad[0, 1].any()
    assert loss.iou.tolist() == [1.0]
    assert loss.parts["iou"].item() == pytest.approx(0.0)
    assert loss.parts["visible"].item() == pytest.approx(math.log(2))


def test_an_absent_object_only_trains_the_object_score() -> None:
    logits, target = two_candidates()
    iou = torch.full((1, 2), 0.5, requires_grad=True)
    score = torch.tensor([[2.0]], requires_grad=True)
    loss = answer_loss(
        logits, iou, score, targets=torch.zeros_like(target), present=torch.tensor([False]), weights=PLAIN
    )
    loss.total.sum().backward()
    assert logits.grad is not None
    assert iou.grad is not None
    assert not logits.grad.any()
    assert not iou.grad.any()
    assert loss.total.item() == pytest.approx(math.log(1 + math.exp(2)))


def test_objects_are_judged_one_by_one() -> None:
    logits, target = two_candidates()
    losses = answer_loss(
        logits.repeat(2, 1, 1, 1),
        torch.zeros(2, 2),
        torch.zeros(2, 1),
        targets=target.repeat(2, 1, 1, 1),
        present=torch.tensor([True, False]),
        weights=LossWeights(visible=0.0),
    )
    assert losses.total.shape == (2,)
    assert losses.total[0] > 0
    assert losses.total[1] == 0


def test_focal_weight_adds_its_term() -> None:
    base, focused = (
        answer_loss(
            LOGITS, torch.zeros(1, 1), torch.zeros(1, 1), targets=TARGET, present=torch.tensor([True]), weights=weights
        ).parts["pixel"]
        for weights in (PLAIN, LossWeights())
    )
    assert base.item() == pytest.approx(cross_entropy(LOGITS, TARGET).item())
    assert focused.item() == pytest.approx(20 * focal(LOGITS, TARGET).item())


def test_the_estimate_of_the_iou_is_taught_by_its_error() -> None:
    logits = torch.tensor([[[[9.0, -9.0]], [[9.0, 9.0]]]])  # IoU .5 and 1 with the target
    iou = torch.tensor([[0.2, 0.6]])
    losses = [
        answer_loss(
            logits,
            iou,
            torch.zeros(1, 1),
            targets=torch.ones(1, 1, 1, 2),
            present=torch.tensor([True]),
            weights=LossWeights(iou=weight),
        ).parts["iou"]
        for weight in (1.0, 2.0)
    ]
    assert torch.cat(losses).tolist() == pytest.approx([0.35, 0.7])
