"""Pictures, video, folders and streams, in and out."""

from masklet.media.atomic import atomic_path, write_bytes, write_text
from masklet.media.clip import ArrayClip, Clip
from masklet.media.errors import MediaError
from masklet.media.folder import ImageFolderClip
from masklet.media.images import image_size, read_image, read_mask, write_image
from masklet.media.opening import open_clip
from masklet.media.probe import MediaInfo, probe
from masklet.media.stream import Stream, open_stream
from masklet.media.video import VideoClip
from masklet.media.writer import VideoWriter

__all__ = [
    "ArrayClip",
    "Clip",
    "ImageFolderClip",
    "MediaError",
    "MediaInfo",
    "Stream",
    "VideoClip",
    "VideoWriter",
    "atomic_path",
    "image_size",
    "open_clip",
    "open_stream",
    "probe",
    "read_image",
    "read_mask",
    "write_bytes",
    "write_image",
    "write_text",
]
