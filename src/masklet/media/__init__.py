"""Pictures, video, folders and streams, in and out."""

from masklet.media.atomic import atomic_path, write_bytes, write_text
from masklet.media.clip import ArrayClip, Clip
from masklet.media.errors import MediaError
from masklet.media.folder import ImageFolderClip
from masklet.media.images import image_size, read_image, read_mask, write_image
from masklet.media.opening import open_clip
from masklet.media.video import VideoClip

__all__ = [
    "ArrayClip",
    "Clip",
    "ImageFolderClip",
    "MediaError",
    "VideoClip",
    "atomic_path",
    "image_size",
    "open_clip",
    "read_image",
    "read_mask",
    "write_bytes",
    "write_image",
    "write_text",
]
