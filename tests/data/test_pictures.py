"""Picture files of every mode become RGB 32 by 32 as documented, or an error says why not."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import cifarkit as ck
from cifarkit.data.pictures import FORMATS, MOST_PIXELS, load_picture, picture_suffixes

RED, WHITE = [255, 0, 0], [255, 255, 255]
RAMP = np.arange(32 * 32).reshape(32, 32).astype(np.uint8)  # 0 to 255, four times


def saved(picture: Image.Image, path: Path, **options: object) -> Tensor:
    picture.save(path, **options)
    return load_picture(path)


def corner(pixels: Tensor) -> list[int]:
    values: list[int] = pixels[:, 0, 0].tolist()
    return values


def noise(mode: str, size: tuple[int, int] = (32, 32)) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze(), mode if channels == 1 else None).convert(mode)


def test_an_rgb_picture_of_the_right_size_is_kept_bit_by_bit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    loaded = saved(Image.fromarray(pixels), tmp_path / "x.png")
    assert (loaded.dtype, loaded.shape, loaded.is_contiguous()) == (torch.uint8, (3, 32, 32), True)
    assert np.array_equal(loaded.permute(1, 2, 0).numpy(), pixels)


def palette_with_a_hole() -> Image.Image:
    picture = Image.new("P", (32, 32), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(0, (0, 0, 16, 32))
    picture.info["transparency"] = 0
    return picture


def half_see_through(mode: str, colour: tuple[int, ...]) -> Image.Image:
    picture = Image.new(mode, (32, 32), (*colour, 255))
    picture.paste((*colour, 0), (0, 0, 16, 32))
    picture.paste((*colour, 128), (0, 16, 16, 32))
    return picture


def sixteen_bit() -> Image.Image:
    return Image.fromarray(RAMP.astype(np.uint16) * 257)


MODES: list[tuple[str, Callable[[], Image.Image], list[int], list[int]]] = [
    # ending, picture, what is expected at the upper left, and at the upper right
    ("gif", lambda: Image.new("L", (32, 32), 70), [70] * 3, [70] * 3),
    ("png", lambda: Image.new("L", (32, 32), 70), [70] * 3, [70] * 3),
    ("png", lambda: Image.new("1", (32, 32), 1), WHITE, WHITE),
    ("png", palette_with_a_hole, WHITE, RED),
    ("gif", palette_with_a_hole, WHITE, RED),
    ("png", lambda: half_see_through("RGBA", (255, 0, 0)), WHITE, RED),
    ("webp", lambda: half_see_through("RGBA", (255, 0, 0)), WHITE, RED),
    ("png", lambda: half_see_through("LA", (10,)), WHITE, [10] * 3),
    ("tif", lambda: Image.new("CMYK", (32, 32), (0, 255, 255, 0)), RED, RED),
    ("jpg", lambda: Image.new("CMYK", (32, 32), (0, 255, 255, 0)), RED, RED),
    ("bmp", lambda: Image.new("RGB", (32, 32), "red"), RED, RED),
    ("ppm", lambda: Image.new("RGB", (32, 32), "red"), RED, RED),
    ("png", sixteen_bit, [0] * 3, [31] * 3),
    ("tiff", sixteen_bit, [0] * 3, [31] * 3),
    ("tif", lambda: Image.new("I", (32, 32), 257 * 9), [9] * 3, [9] * 3),
    ("tif", lambda: Image.new("I", (32, 32), 9), [9] * 3, [9] * 3),
]


@pytest.mark.parametrize(
    ("ending", "make", "left", "right"),
    MODES,
    ids=[
        f"{make().mode} as {ending} {number}" for number, (ending, make, _, _) in enumerate(MODES)
    ],
)
def test_every_mode_becomes_rgb_as_documented(
    ending: str, make: Callable[[], Image.Image], left: list[int], right: list[int], tmp_path: Path
) -> None:
    loaded = saved(make(), tmp_path / f"x.{ending}").int()
    slack = 2 if ending in ("jpg", "webp") else 0
    assert (loaded[:, 0, 0] - torch.tensor(left)).abs().max() <= slack
    assert (loaded[:, 0, 31] - torch.tensor(right)).abs().max() <= slack


def test_half_transparency_is_half_white(tmp_path: Path) -> None:
    loaded = saved(half_see_through("RGBA", (255, 0, 0)), tmp_path / "x.png")
    assert loaded[:, 20, 0].tolist() == [255, 127, 127]


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    loaded = saved(sixteen_bit(), tmp_path / "x.png")
    assert np.array_equal(loaded[0].numpy(), RAMP)
    assert torch.equal(loaded[0], loaded[2])


def test_fractions_are_refused_because_their_range_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ck.DataError, match="it holds fractions"):
        saved(Image.fromarray(RAMP.astype(np.float32) / 255), tmp_path / "x.tif")


UPRIGHT = noise("RGB")
TURNED = {  # EXIF orientation: how the stored picture came about from the upright one
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_its_exif_tag_says(orientation: int, tmp_path: Path) -> None:
    turn = TURNED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = UPRIGHT if turn is None else UPRIGHT.transpose(turn)
    loaded = saved(stored, tmp_path / "x.png", exif=exif)
    assert torch.equal(loaded, saved(UPRIGHT, tmp_path / "upright.png"))


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    for ending in ("gif", "png"):
        path = tmp_path / f"x.{ending}"
        loaded = saved(frames[0], path, save_all=True, append_images=frames[1:])
        assert corner(loaded) == RED


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 48), (48, 64), (5_000, 1), (1, 5_000)])
def test_pictures_of_any_size_are_brought_to_32_by_32(
    size: tuple[int, int], tmp_path: Path
) -> None:
    loaded = saved(Image.new("RGB", size, "red"), tmp_path / "x.png")
    assert loaded.shape == (3, 32, 32)
    assert torch.equal(
        loaded, torch.tensor(RED, dtype=torch.uint8)[:, None, None].expand(3, 32, 32)
    )


def test_the_central_square_is_kept_and_no_more(tmp_path: Path) -> None:
    picture = Image.new("RGB", (128, 64), "blue")
    picture.paste("red", (32, 0, 96, 64))
    loaded = saved(picture, tmp_path / "x.png")
    assert (loaded[:, :, 1:-1] == torch.tensor(RED)[:, None, None]).all()
    assert int(loaded[0].min()) > 200  # at the border the neighbours shine through a little


def test_making_smaller_averages(tmp_path: Path) -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 255  # black and white, pixel by pixel
    loaded = saved(Image.fromarray(board.astype(np.uint8)), tmp_path / "x.png")
    assert int((loaded[:, 4:-4, 4:-4].int() - 127).abs().max()) <= 3


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png_of_size(width: int, height: int) -> bytes:
    """Write the header of a picture of any size, and nearly nothing after it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1_000)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_100, 12_000, 100_000, 2**31 - 1])
def test_a_bomb_is_refused_from_its_header(side: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(side, side))
    tracemalloc.start()
    try:
        with pytest.raises(
            ck.DataError, match=r"too large to unpack safely.*allowed are 50,000,000"
        ):
            load_picture(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_when_pillows_own_guard_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(100_000, 100_000))
    with pytest.raises(ck.DataError, match="100000 by 100000 pixels"):
        load_picture(path)


def test_the_header_is_believed_up_to_the_limit_only(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    for width, message in (
        (MOST_PIXELS // 10, "cannot be read"),
        (MOST_PIXELS // 10 + 1, "too large"),
    ):
        path.write_bytes(png_of_size(width, 10))
        with pytest.raises(ck.DataError, match=message):
            load_picture(path)


def encoded(ending: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    noise(mode, (40, 36)).save(buffer, ending)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_file_cut_short_is_an_error(kind: str, share: float, tmp_path: Path) -> None:
    whole, path = encoded(kind), tmp_path / "x"
    path.write_bytes(whole)
    assert load_picture(path).shape == (3, 32, 32)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ck.DataError, match=r"is not a picture file|cannot be read as a picture"):
        load_picture(path)


POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 40 40
%%EndComments
0 0 moveto 40 40 lineto stroke showpage
%%EOF
"""


@pytest.mark.parametrize(
    "content",
    [b"", b"not a picture", b"<html><body>404</body></html>", b"\x80\x04K\x01.", POSTSCRIPT],
    ids=["empty", "text", "web page", "pickle", "a program in PostScript"],
)
def test_what_is_no_picture_is_refused_whatever_its_ending(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ck.DataError, match=r"x\.png' is not a picture file.*BMP, GIF, JPEG, PNG"):
        load_picture(path)


def test_every_known_ending_is_of_a_known_format() -> None:
    Image.init()
    known = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    assert known >= picture_suffixes()


@pytest.mark.parametrize("path", ["nowhere.png", "", "a\0b", "x" * 5_000, "~/x.png"])
def test_a_path_that_leads_to_no_file_is_a_data_error(path: str) -> None:
    with pytest.raises(ck.DataError, match=r"there is no picture file|cannot be read as a picture"):
        load_picture(path)


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ck.DataError, match="cannot be read as a picture"):
        load_picture(tmp_path)


@pytest.mark.parametrize("name", ["größe 猫.png", "two words.PNG", "n" * 250 + ".png", "no ending"])
def test_files_of_any_name_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(encoded("PNG"))
    assert load_picture(tmp_path / name).shape == (3, 32, 32)
    assert load_picture(str(tmp_path / name)).shape == (3, 32, 32)


Image.init()
KNOWN = [kind for kind in FORMATS if kind in Image.SAVE]  # AVIF is not known to every Pillow
SEEDS = {kind: encoded(kind) for kind in KNOWN} | {"P": encoded("PNG", "P")}


def untyped(
    read: Callable[[Path], Tensor], path: Path, mangled: Callable[[bytes], bytes], count: int
) -> int:
    """Mangle files of every kind; return how many are neither a picture nor a data error."""
    found = 0
    for number in range(count):
        kind = list(SEEDS)[number % len(SEEDS)]
        path.write_bytes(content := mangled(SEEDS[kind]))
        try:
            loaded = read(path)
            found += (loaded.dtype, loaded.shape) != (torch.uint8, (3, 32, 32))
        except ck.DataError:
            continue
        except Exception as error:  # noqa: BLE001  (these are what is looked for)
            print(f"{kind}: {error!r} from {content.hex()}")
            found += 1
    return found


def test_mangled_files_give_a_picture_or_a_data_error(
    tmp_path: Path, times: Callable[[int, int], int], mangled: Callable[[bytes], bytes]
) -> None:
    assert untyped(load_picture, tmp_path / "x", mangled, times(2_000, 100_000)) == 0


@pytest.mark.filterwarnings("ignore::")
def test_pillow_alone_gives_other_errors(tmp_path: Path, mangled: Callable[[bytes], bytes]) -> None:
    def plain(path: Path) -> Tensor:
        with Image.open(path) as picture:
            return torch.from_numpy(np.array(picture.convert("RGB").resize((32, 32)))).movedim(2, 0)

    assert untyped(plain, tmp_path / "x", mangled, 100) > 0
