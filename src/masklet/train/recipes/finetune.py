"""From a trained model to one's own kind of pictures, on one CPU or GPU."""

from __future__ import annotations

from dataclasses import replace

from masklet.model.configs import RefinementConfig
from masklet.train.config import Cosine, KeepTracking, Lora, Optimiser, Prompting, Recipe, Segment, Stage
from masklet.train.recipes.parts import PARTS, REMEMBERING, STEADY_LOSS, found, frozen, published_dropout

PROMPTING = Prompting(
    mask_share=0.4,
    box_share=0.2,
    first_frames=(1, 1),
    corrections=(0, 3),
    corrected_share=0.25,
    corrected_clicks=(1, 2),
)


def finetune(
    *,
    model: str = "nano",
    size: int | None = None,
    steps: int = 400,
    clip_share: float = 0.5,
    real_share: float = 0.5,
    clips: int = 2,
    length: int = 4,
    stills: int = 4,
    objects: int = 3,
    rate: float = 2e-4,
    trunk_rate: float = 4e-5,
    freeze: tuple[str, ...] = (),
    lora: int = 0,
    keep_tracking: bool = False,
    refine: bool = False,
) -> Recipe:
    """Fine-tune a trained model on a folder of one's own, in minutes.

    Source: the released fine-tuning of SAM 2 (AdamW, a cosine to a tenth, layer decay 0.9; of its models, dropout 0.1
    in memory attention, but for that on the weights of attention, see `masklet.train.dropout`).

    What differs: steps of a few pictures, on two cores or one GPU; rates for these few steps (released: 5e-6 and 3e-6
    for many thousands); cross-entropy instead of focal loss; fewer corrections; no drop path; float32.

    Parameters
    ----------
    model: name or file of the model to start from; it is trained at its own image size unless `size` says otherwise.
    clip_share, real_share: see `Stage`; without clips of one's own, 0 for the second.
    freeze: parts that stay as they are: trunk, encoder, prompts, decoder, refinement, memory.
    lora: rank of updates beside the attention layers, everything else frozen; 0: all layers learn.
    keep_tracking: prompts and decoder alone learn, and clips are tracked as `model` tracks them (see `KeepTracking`).
    refine: the refinement alone learns (`model` gets one where it has none); all that tracks stays exactly as it is.

    Raises
    ------
    ValueError: an unknown part; updates beside layers that are to keep tracking, or no clips to keep it on; a
        refinement alone together with either.
    """
    if refine and (lora or keep_tracking):
        raise ValueError("refine freezes all that lora or keep_tracking would train; choose one of them")
    if keep_tracking and lora:
        raise ValueError("keep_tracking freezes the attention that lora changes; choose one of them")
    if keep_tracking and not clip_share:
        raise ValueError("keep_tracking is learnt on clips, made from pictures or real; clip_share must be above 0")
    config = found(model, size)
    if refine:
        config = replace(config, refinement=config.refinement or RefinementConfig())
        freeze = tuple(part for part in PARTS if part not in ("trunk", "refinement"))
    stage = Stage(
        steps=steps,
        size=config.image_size,
        clip_share=clip_share,
        real_share=real_share,
        clips=clips,
        length=length,
        stills=stills,
        objects=objects,
        prompting=PROMPTING,
    )
    return Recipe(
        name="finetune",
        model=config,
        stages=(stage,),
        start=model,
        objective=KeepTracking(teacher=model, losses=STEADY_LOSS) if keep_tracking else Segment(losses=STEADY_LOSS),
        optimiser=Optimiser(
            rate=rate,
            trunk_rate=trunk_rate,
            layer_decay=0.9,
            weight_decay=0.02,
            clip_norm=1.0,
            frozen=frozen(freeze) + (REMEMBERING if keep_tracking else ()),
            lora=Lora(rank=lora, alpha=2.0 * lora) if lora else None,
        ),
        schedule=Cosine(warm_up=steps // 20, floor=0.1),
        ema=0.99,
        dropout=published_dropout(config),
        save_every=50,
    )
