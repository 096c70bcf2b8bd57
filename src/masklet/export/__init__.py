"""Results out and in: overlays, cut-outs, and the annotation formats of the field."""

from masklet.export.coco import read_coco_json, write_coco_json
from masklet.export.cutout import read_cutout_pngs, read_cutout_video, write_cutout_pngs, write_cutout_video
from masklet.export.effect_looks import apply_effects
from masklet.export.effect_video import effects_file, picture_with_effects, write_effects_video
from masklet.export.effects import Effect, effects_from_json, parse_effect
from masklet.export.files import FormatError
from masklet.export.formats import FORMATS, Format, write_format
from masklet.export.info import Annotation, VideoInfo
from masklet.export.masklet_json import read_masklet_json, write_masklet_json
from masklet.export.npz import read_npz, write_npz
from masklet.export.object_png import read_object_pngs, write_object_pngs
from masklet.export.overlay import OverlayStyle, draw_masks, draw_prompts
from masklet.export.palette_png import read_palette_pngs, write_palette_pngs
from masklet.export.sav import read_sav_json, write_sav_json
from masklet.export.sheet import contact_sheet
from masklet.export.supervision import to_detections
from masklet.export.video import write_contact_sheet, write_overlay_video
from masklet.export.youtube_vis import read_youtube_vis_json, write_youtube_vis_json

__all__ = [
    "FORMATS",
    "Annotation",
    "Effect",
    "Format",
    "FormatError",
    "OverlayStyle",
    "VideoInfo",
    "apply_effects",
    "contact_sheet",
    "draw_masks",
    "draw_prompts",
    "effects_file",
    "effects_from_json",
    "parse_effect",
    "picture_with_effects",
    "read_coco_json",
    "read_cutout_pngs",
    "read_cutout_video",
    "read_masklet_json",
    "read_npz",
    "read_object_pngs",
    "read_palette_pngs",
    "read_sav_json",
    "read_youtube_vis_json",
    "to_detections",
    "write_coco_json",
    "write_contact_sheet",
    "write_cutout_pngs",
    "write_cutout_video",
    "write_effects_video",
    "write_format",
    "write_masklet_json",
    "write_npz",
    "write_object_pngs",
    "write_overlay_video",
    "write_palette_pngs",
    "write_sav_json",
    "write_youtube_vis_json",
]
