"""Hydra override strings of the published builders, as far as they mean something here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from masklet.model.configs import ModelConfig
from masklet.session.policy import CORRECT, PUBLISHED, Policy, without_postprocessing
from masklet.session.selection import STABILITY_DELTA, STABILITY_THRESHOLD, take_plain, take_single


@dataclass(frozen=True, slots=True)
class Settings:
    """What a builder was told: how sessions behave, and the model's image size if it is to be another."""

    policy: Policy
    image_size: int | None = None

    def config(self, config: ModelConfig) -> ModelConfig:
        """The configuration with the settings' image size."""
        return config if self.image_size is None else config.at(self.image_size)


def settings(*, reference_exact: bool, apply_postprocessing: bool, overrides: Sequence[str]) -> Settings:
    """The builders' switches, then the overrides, which have the last word.

    Raises ValueError for an override that is malformed or means nothing here: none is ignored.
    """
    policy = PUBLISHED if reference_exact else CORRECT
    result = Settings(policy if apply_postprocessing else without_postprocessing(policy))
    for override in overrides:
        key, equals, value = override.lstrip("+").partition("=")
        if not equals or not key.startswith("model."):
            raise ValueError(f'expected an override of the form "++model.key=value", got {override!r}')
        apply = _KNOWN.get(key.removeprefix("model."))
        if apply is None:
            known = ", ".join(f"model.{name}" for name in _KNOWN)
            raise ValueError(f"override {override!r} has no meaning here; known: {known}")
        try:
            result = apply(result, value.strip())
        except ValueError as error:
            raise ValueError(f"override {override!r}: {error}") from None
    return result


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"expected true or false, got {text!r}")
    return text.lower() == "true"


def _fixed(name: str, only: float | bool) -> Callable[[Settings, str], Settings]:
    """An option of which we have one value: any other is refused."""

    def apply(current: Settings, text: str) -> Settings:
        value = _boolean(text) if isinstance(only, bool) else float(text)
        if value != only:
            raise ValueError(f"{name} is {str(only).lower()} here, another value is not supported")
        return current

    return apply


def _policy(change: Callable[[Policy, str], Policy]) -> Callable[[Settings, str], Settings]:
    return lambda current, text: replace(current, policy=change(current.policy, text))


def _no_effect(current: Settings, text: str) -> Settings:
    """Compilation changes no result."""
    _boolean(text)
    return current


_DECODER = "sam_mask_decoder_extra_args.dynamic_multimask"

_KNOWN: dict[str, Callable[[Settings, str], Settings]] = {
    "image_size": lambda current, text: replace(current, image_size=int(text)),
    "compile_image_encoder": _no_effect,
    f"{_DECODER}_via_stability": _policy(
        lambda policy, text: replace(policy, single=take_single if _boolean(text) else take_plain)
    ),
    f"{_DECODER}_stability_delta": _fixed("the stability margin", STABILITY_DELTA),
    f"{_DECODER}_stability_thresh": _fixed("the stability threshold", STABILITY_THRESHOLD),
    "binarize_mask_from_pts_for_mem_enc": _policy(lambda policy, text: replace(policy, binary_prompts=_boolean(text))),
    "fill_hole_area": _policy(lambda policy, text: replace(policy, hole_area=int(text))),
    "non_overlap_masks": _policy(lambda policy, text: replace(policy, non_overlap=_boolean(text))),
    "add_all_frames_to_correct_as_cond": _policy(
        lambda policy, text: replace(policy, corrections_condition=_boolean(text))
    ),
    "max_cond_frames_in_attn": _policy(
        lambda policy, text: replace(policy, max_conditioning=None if int(text) == -1 else int(text))
    ),
    "clear_non_cond_mem_around_input": _fixed("clear_non_cond_mem_around_input", False),
}
