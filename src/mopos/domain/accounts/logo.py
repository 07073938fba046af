"""A logo as somebody uploaded it becomes a small PNG of our own making: decoded, scaled, and written anew, so that
nothing of the file itself is ever sent to a buyer."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps, ImageStat

from mopos.base.errors import Refused

# A camera's photograph is larger; a logo is not.
UPLOAD_BYTES_MAX = 2 * 1024 * 1024
# Decoded, four bytes each: 16 MB for the moment that it takes. A file of a few bytes can claim billions.
PIXELS_MAX = 4_000_000
SIDE_MIN = 16
# Twice what the pages show, for screens with fine pixels.
WIDTH_MAX, HEIGHT_MAX = 320, 160
PNG_BYTES_MAX = 100_000
# Not GIF (animations), not SVG (scripts), nothing exotic (every decoder is a risk of its own).
_FORMATS = ("PNG", "JPEG", "WEBP")
# Around a logo without a ground of its own, so that it never touches the ground that it is given.
_MARGIN = 8
_LIGHT_GROUND, _DARK_GROUND = (255, 255, 255, 255), (28, 37, 38, 255)
_COLOURS = 256


def logo_of(body: bytes) -> bytes:
    """A PNG within 320 x 160 pixels and 100 kB. Raises `Refused`. Takes some tenths of a second: not for the event
    loop."""
    if len(body) > UPLOAD_BYTES_MAX:
        raise Refused(["brand_logo_too_large"])
    return _written(_on_ground(_decoded(body)))


def _decoded(body: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(body), formats=_FORMATS) as image:
            _check_size(image)
            image.draft("RGB", (2 * WIDTH_MAX, 2 * HEIGHT_MAX))
            turned = ImageOps.exif_transpose(image).convert("RGBA")
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused(["brand_logo_dimensions"]) from error
    except Exception as error:
        # Decoders raise whatever they meet in bytes that were made to confuse them.
        raise Refused(["brand_logo_unreadable"]) from error
    turned.thumbnail((WIDTH_MAX, HEIGHT_MAX), Image.Resampling.LANCZOS)
    return turned


def _check_size(image: Image.Image) -> None:
    # Only the file's head has been read so far, so a large claim has cost nothing yet.
    if image.width * image.height > PIXELS_MAX or min(image.size) < SIDE_MIN:
        raise Refused(["brand_logo_dimensions"])


def _on_ground(image: Image.Image) -> Image.Image:
    """A see-through logo gets a ground on which it can be seen, whether the page is light or dark."""
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB")
    brightness = ImageStat.Stat(image.convert("L"), alpha.point(lambda value: 255 if value > 127 else 0)).mean
    # A logo of nothing has no brightness.
    is_light = bool(brightness) and brightness[0] > 170
    inner = ImageOps.contain(image, (WIDTH_MAX - 2 * _MARGIN, HEIGHT_MAX - 2 * _MARGIN)) if _fills(image) else image
    size = (inner.width + 2 * _MARGIN, inner.height + 2 * _MARGIN)
    ground = Image.new("RGBA", size, _DARK_GROUND if is_light else _LIGHT_GROUND)
    ground.alpha_composite(inner, (_MARGIN, _MARGIN))
    return ground.convert("RGB")


def _fills(image: Image.Image) -> bool:
    return image.width > WIDTH_MAX - 2 * _MARGIN or image.height > HEIGHT_MAX - 2 * _MARGIN


def _written(image: Image.Image) -> bytes:
    png = _png(image)
    return png if len(png) <= PNG_BYTES_MAX else _png(image.quantize(_COLOURS))


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
