"""Folders of images of every mode, and what is refused by name."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageFile

import aezoo
from aezoo.builtins import image_decoding, image_pixels
from aezoo.builtins.image_files import ImagesSpec
from aezoo.builtins.webdataset import WebDatasetSpec
from aezoo.errors import DataError, DataWarning, NotFound

RED = (200, 10, 30)
GREY = 77


def save(folder, name, image, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def load(folder, shape=None, **fields):
    return ImagesSpec(path=str(folder), **fields).load(shape=shape)


def pixel(samples, name):
    """The first pixel of an image by its name, as a tuple of channels."""
    return tuple(int(v) for v in samples.values[samples.names.index(name)][:, 0, 0])


@pytest.fixture
def mixed(tmp_path):
    """One folder, every mode, all 4x4 and of one colour."""
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    save(tmp_path, "bit.png", Image.new("1", (4, 4), 1))
    save(tmp_path, "cmyk.jpg", Image.new("CMYK", (4, 4), (0, 0, 0, 0)))
    save(tmp_path, "clear-colour.png", Image.new("RGB", (4, 4), RED), transparency=RED)
    save(tmp_path, "grey.png", Image.new("L", (4, 4), GREY))
    save(tmp_path, "grey16.png", Image.fromarray(np.full((4, 4), GREY * 257, dtype=np.uint16)))
    save(tmp_path, "grey-alpha.png", Image.new("LA", (4, 4), (GREY, 0)))
    save(tmp_path, "palette.png", palette)
    save(tmp_path, "palette-clear.png", palette, transparency=1)
    save(tmp_path, "palette-bytes.png", palette, transparency=bytes([255, 0]))
    save(tmp_path, "rgb.png", Image.new("RGB", (4, 4), RED))
    save(tmp_path, "rgba.png", Image.new("RGBA", (4, 4), (*RED, 0)))
    save(tmp_path, "rgba-half.png", Image.new("RGBA", (4, 4), (*RED, 128)))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._rgb.png").write_bytes(b"left behind by another system")
    return tmp_path


def test_every_mode_becomes_rgb(mixed):
    samples = load(mixed, (3, 4, 4), background=[0, 0, 255])
    pixels = {name: pixel(samples, name) for name in samples.names}
    assert pixels == {
        "bit.png": (255, 255, 255),
        "clear-colour.png": (0, 0, 255),
        "cmyk.jpg": (255, 255, 255),
        "grey-alpha.png": (0, 0, 255),
        "grey.png": (GREY,) * 3,
        "grey16.png": (GREY,) * 3,
        "palette-bytes.png": (0, 0, 255),
        "palette-clear.png": (0, 0, 255),
        "palette.png": RED,
        "rgb.png": RED,
        "rgba-half.png": (100, 5, 142),  # half red, half blue
        "rgba.png": (0, 0, 255),
    }
    assert samples.values.dtype == np.uint8
    assert list(samples.names) == sorted(pixels)


def test_every_mode_becomes_grey(mixed):
    samples = load(mixed, (1, 4, 4), background=[255, 255, 255])
    luma = round(0.299 * RED[0] + 0.587 * RED[1] + 0.114 * RED[2])
    assert pixel(samples, "grey.png") == pixel(samples, "grey16.png") == (GREY,)
    assert pixel(samples, "rgb.png") == pixel(samples, "palette.png") == (luma,)
    assert pixel(samples, "grey-alpha.png") == pixel(samples, "rgba.png") == (255,)


def test_an_input_with_alpha_keeps_it(mixed):
    samples = load(mixed, (4, 4, 4))
    assert pixel(samples, "rgba-half.png") == (*RED, 128)
    assert pixel(samples, "rgb.png") == (*RED, 255)
    assert pixel(samples, "grey-alpha.png") == (GREY, GREY, GREY, 0)
    assert pixel(samples, "clear-colour.png")[3] == 0


def test_sixteen_bits_become_eight_without_clipping(tmp_path):
    ramp = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    save(tmp_path, "ramp.png", Image.fromarray(ramp))
    save(tmp_path, "ramp.tif", Image.fromarray(ramp))
    values = load(tmp_path).values
    assert np.array_equal(values[0, 0], np.arange(256).reshape(16, 16))
    assert np.array_equal(values[1], values[0])


def test_sixteen_bits_with_a_clear_colour_show_the_background_there(tmp_path):
    ihdr = struct.pack(">IIBBBBB", 2, 1, 16, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\1\1\2\2")
    chunks = [(b"IHDR", ihdr), (b"tRNS", b"\1\1"), (b"IDAT", pixels), (b"IEND", b"")]
    coded = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    (tmp_path / "clear.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(coded))
    assert load(tmp_path, background=[99, 99, 99]).values.tolist() == [[[[99, 2]]]]
    assert load(tmp_path, (4, 1, 2)).values[0, 3].tolist() == [[0, 255]]


# --- depths and polarities -------------------------------------------------------------------------------

RAMP = np.arange(0, 256, 4).reshape(8, 8)


def tiff(path, data, *, bits=8, photometric=1, kind=1, order="<", compression=1, more=()):
    """An 8x8 TIFF of one strip, as a scanner might write it."""
    code = {1: data, 8: zlib.compress(data)}[compression]
    entries = [
        (256, 3, 8), (257, 3, 8), (258, 3, bits), (259, 3, compression), (262, 3, photometric), (273, 4, None),
        *more, (277, 3, 1), (278, 3, 8), (279, 4, len(code)), (339, 3, kind),
    ]  # fmt: skip
    start = 10 + 12 * len(entries) + 4
    content = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(entries))
    for tag, form, value in entries:
        number = start if value is None else value
        content += struct.pack(f"{order}HHI", tag, form, 1)
        content += struct.pack(f"{order}I", number) if form == 4 else struct.pack(f"{order}HH", number, 0)
    path.write_bytes(content + struct.pack(f"{order}I", 0) + code)


def packed(levels, bits):
    """Numbers of a few bits, one after another, as bytes."""
    text = "".join(f"{int(level):0{bits}b}" for level in levels.ravel())
    return int(text, 2).to_bytes(len(text) // 8, "big")


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_white_is_white_in_a_tiff_of_any_depth_and_polarity(tmp_path, bits, white_is_zero, compression):
    full = 2**bits - 1
    levels = np.rint(RAMP / 255 * full).astype(int)
    stored = full - levels if white_is_zero else levels
    data = stored.astype("<u2").tobytes() if bits == 16 else packed(stored, bits)
    tiff(tmp_path / "a.tif", data, bits=bits, photometric=1 - white_is_zero, compression=compression)
    values = load(tmp_path).values[0, 0].astype(int)
    assert abs(values - levels * 255 / full).max() <= 0.5 + 1e-9


def test_twelve_bits_are_scaled_by_their_own_white(tmp_path):
    levels = np.rint(RAMP / 255 * 4095).astype(int)
    tiff(tmp_path / "a.tif", packed(levels, 12), bits=12)
    assert abs(load(tmp_path).values[0, 0].astype(int) - levels * 255 / 4095).max() <= 0.5


def test_a_big_endian_tiff_of_sixteen_bits_is_read_and_its_negative_refused(tmp_path):
    tiff(tmp_path / "a.tif", (RAMP * 257).astype(">u2").tobytes(), bits=16, order=">")
    assert np.array_equal(load(tmp_path).values[0, 0], RAMP)
    tiff(tmp_path / "a.tif", ((255 - RAMP) * 257).astype(">u2").tobytes(), bits=16, order=">", photometric=0)
    with pytest.raises(DataError, match=r"a\.tif: is damaged, or a TIFF of a kind that is not read") as caught:
        load(tmp_path)
    assert "PNG" in caught.value.hint


@pytest.mark.parametrize(
    ("dtype", "kind", "photometric", "words"),
    [
        ("<f4", 3, 1, "floats"), ("<f4", 3, 0, "floats"), ("<i2", 2, 1, "signed numbers"),
        ("i1", 2, 1, "signed numbers"), ("<u4", 1, 1, "numbers of 32 bits"), ("<i4", 2, 1, "signed numbers"),
    ],
)  # fmt: skip
def test_numbers_of_which_nothing_says_which_is_white_are_refused(tmp_path, dtype, kind, photometric, words):
    data = np.zeros((8, 8), dtype)
    tiff(tmp_path / "a.tif", data.tobytes(), bits=8 * data.itemsize, kind=kind, photometric=photometric)
    with pytest.raises(DataError, match=rf"a\.tif: pixels are {words}, and nothing says which is white"):
        load(tmp_path)


@pytest.mark.parametrize("dtype", ["<f8", "<u8"])
def test_a_tiff_that_pillow_does_not_know_is_not_simply_called_damaged(tmp_path, dtype):
    tiff(tmp_path / "a.tif", np.zeros((8, 8), dtype).tobytes(), bits=64, kind=3)
    with pytest.raises(DataError, match="a TIFF of a kind that is not read"):
        load(tmp_path)


def test_lab_is_refused_by_its_name(tmp_path):
    save(tmp_path, "a.tif", Image.new("LAB", (4, 4)))
    with pytest.raises(DataError, match=r"a\.tif: pixels are in the colour space LAB"):
        load(tmp_path, (3, 4, 4))


@pytest.mark.parametrize("order", [1, 3, 6, 8])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_orientation_of_a_tiff_is_applied_once(tmp_path, order, bits):
    data = RAMP.astype("u1") if bits == 8 else (RAMP * 257).astype("<u2")
    tiff(tmp_path / "a.tif", data.tobytes(), bits=bits, more=[(274, 3, order)])
    turned = {1: RAMP, 3: np.rot90(RAMP, 2), 6: np.rot90(RAMP, 3), 8: np.rot90(RAMP)}[order]
    assert np.array_equal(load(tmp_path).values[0, 0], turned)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.webp"])
def test_the_shape_of_a_turned_image_is_that_of_the_upright_one(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path, name, Image.new("RGB", (6, 4)), exif=exif)
    assert load(tmp_path).shape == (3, 6, 4)


def test_a_png_of_sixteen_bits_is_turned_by_its_exif(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    save(tmp_path, "a.png", Image.fromarray((RAMP * 257).astype(np.uint16)), exif=exif)
    assert np.array_equal(load(tmp_path).values[0, 0], np.rot90(RAMP, 2))


@pytest.mark.parametrize("white", [1, 15, 100, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pgm_or_ppm_is_scaled_by_the_white_of_its_header(tmp_path, white, plain, channels):
    levels = np.rint(np.repeat(RAMP[..., None], channels, 2) / 255 * white).astype(int)
    magic = {(1, False): 5, (3, False): 6, (1, True): 2, (3, True): 3}[channels, plain]
    numbers = levels.astype(">u2" if white > 255 else "u1").tobytes()
    body = " ".join(map(str, levels.ravel())).encode() if plain else numbers
    (tmp_path / "a.ppm").write_bytes(f"P{magic} 8 8 {white}\n".encode() + body)
    values = load(tmp_path).values[0].transpose(1, 2, 0).astype(int)
    assert abs(values - levels * 255 / white).max() <= 1


def test_a_bitmap_has_black_ones(tmp_path):
    (tmp_path / "a.pbm").write_bytes(b"P1 2 1\n1 0\n")
    assert load(tmp_path).values.tolist() == [[[[0, 255]]]]


def test_a_float_map_is_refused(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"Pf 1 1 -1.0\n" + struct.pack("<f", 0.5))
    with pytest.raises(DataError, match=r"a\.ppm: pixels are numbers of 32 bits"):
        load(tmp_path)


def test_grey_of_sixteen_bits_rounds_to_the_nearest_level(tmp_path):
    numbers = np.arange(65536).reshape(256, 256)
    save(tmp_path, "a.png", Image.fromarray(numbers.astype(np.uint16)))
    assert np.array_equal(load(tmp_path).values[0, 0], (numbers + 128) // 257)


def test_the_shape_without_a_spec_is_that_of_the_files(tmp_path):
    save(tmp_path, "a.png", Image.new("L", (6, 4)))
    assert load(tmp_path).shape == (1, 4, 6)
    save(tmp_path, "b.png", Image.new("RGB", (6, 4)))
    assert load(tmp_path).shape == (3, 4, 6)
    save(tmp_path, "c.png", Image.new("RGB", (4, 6)))
    with pytest.raises(DataError, match=r"differ in size: .*a\.png 6x4, .*c\.png 4x6"):
        load(tmp_path)


def test_another_size_is_refused_unless_declared(tmp_path):
    save(tmp_path, "a.png", Image.new("RGB", (6, 4), RED))
    with pytest.raises(DataError, match=r"a\.png: is 6 wide and 4 high, not 3 wide and 3 high") as caught:
        load(tmp_path, (3, 3, 3))
    assert caught.value.hint.startswith("--set data.resize=fit (or crop)")


def test_all_images_that_cannot_be_read_are_named_at_once(tmp_path):
    for name in ("a.png", "c.png"):
        (tmp_path / name).write_bytes(b"no image")
    for number in range(30):
        save(tmp_path, f"d{number:02}.png", Image.new("RGB", (6, 4), RED))
    save(tmp_path, "e.png", Image.new("RGB", (3, 3), RED))
    (tmp_path / "f.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        load(tmp_path, (3, 3, 3))
    message = str(caught.value)
    for name in ("a.png", "c.png", "d00.png", "f.png"):
        assert f"{name}: " in message
    assert "e.png" not in message
    assert message.endswith("... and 21 more; 33 faults in all")


def test_fitting_stretches_and_cropping_cuts_the_centre(tmp_path):
    stripes = np.zeros((4, 12, 3), dtype=np.uint8)
    stripes[:, 4:8] = 255  # black, white, black: the centre is white
    save(tmp_path, "a.png", Image.fromarray(stripes))
    assert load(tmp_path, (3, 4, 4), resize="crop").values.min() == 255
    fitted = load(tmp_path, (3, 4, 4), resize="fit").values
    assert fitted.shape == (1, 3, 4, 4)
    assert fitted[..., 0].max() < 128 < fitted[..., 1].min()


def test_shrinking_does_not_alias(tmp_path):
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    save(tmp_path, "a.png", Image.fromarray(board))
    values = load(tmp_path, (1, 8, 8), resize="fit").values.astype(int)
    assert np.abs(values - 127.5).max() <= 4  # a pixel's average; without a filter it would be 0 or 255


def test_the_orientation_in_exif_is_applied(tmp_path):
    image = Image.new("RGB", (6, 4))
    image.paste(RED, (0, 0, 3, 4))  # left half
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: left goes up
    save(tmp_path, "a.png", image, exif=exif)
    samples = load(tmp_path)
    assert samples.shape == (3, 6, 4)
    assert np.array_equal(samples.values[0, :, 0, 0], RED)
    assert not samples.values[0, :, 5].any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {}),
        ("a.jpg", {"progressive": True}),
        ("a.bmp", {}),
        ("a.tif", {}),
        ("a.ppm", {}),
    ],
)
def test_a_truncated_image_is_refused_by_name_whatever_pillow_was_told(tmp_path, monkeypatch, name, options):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path = save(tmp_path, name, Image.fromarray(noise), **options)
    expected, whole = load(tmp_path).values, path.read_bytes()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        if length > len(whole) - 20 and name == "a.png":  # lacks nothing but its end marker
            assert np.array_equal(load(tmp_path).values, expected)
            continue
        with pytest.raises(DataError, match=re.escape(name)):
            load(tmp_path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES  # left as it was found


def test_a_text_that_is_called_png_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError, match=r"a\.png: cannot be read"):
        load(tmp_path, (1, 4, 4))


def claim(path, width, height):
    """A tiny PNG whose header claims a size."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", ihdr), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b"")]
    coded = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(coded))


def test_a_bomb_is_refused_for_its_size(tmp_path):
    claim(tmp_path / "a.png", 60000, 60000)
    for shape in ((1, 8, 8), None):
        with pytest.raises(DataError, match=r"a\.png: has 60000x60000 pixels, more than the 1,000,000,000") as caught:
            load(tmp_path, shape, resize="fit")
        assert "scale it down" in caught.value.hint


def test_an_image_that_memory_does_not_hold_is_refused_for_its_size(tmp_path, monkeypatch):
    claim(tmp_path / "a.png", 30000, 30000)
    monkeypatch.setattr(image_decoding, "_free_memory", lambda: 2.0**30)
    with pytest.raises(DataError, match=r"30000x30000 pixels, which take 4\.2 GiB; 1\.0 GiB are free"):
        load(tmp_path, (1, 8, 8), resize="fit")
    claim(tmp_path / "a.png", 64, 64)

    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(image_pixels, "_converted", exhausted)
    with pytest.raises(DataError, match=r"a\.png: there is not enough memory"):
        load(tmp_path, (1, 64, 64))


@pytest.mark.parametrize("name", ["scan.png", "scan.jpg"])
def test_a_whole_scan_of_more_pixels_than_pillow_likes_is_read(tmp_path, monkeypatch, name):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    monkeypatch.setattr(image_decoding, "DRAFTED", 10_000)
    scan = Image.new("L", (512, 384), 0)
    scan.paste(255, (256, 0, 512, 384))
    save(tmp_path, name, scan)
    values = load(tmp_path, (1, 6, 8), resize="fit").values[0, 0]
    assert values[:, :3].max() < 30
    assert values[:, 5:].min() > 225
    assert load(tmp_path, (1, 384, 512)).values[0, 0, 0, [0, 511]].tolist() == [0, 255]
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize("content", [b"", b"<html><body>404</body></html>", b"II*\0", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_still_called_damaged(tmp_path, content):
    for name in ("a.png", "a.tif"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"a\.(png|tif): ") as caught:
            load(tmp_path / name, (1, 4, 4))
        assert "damaged" in caught.value.hint + str(caught.value)


def test_a_photo_with_aids_in_the_same_file_is_the_photo(tmp_path):
    photo = Image.new("RGB", (16, 16), RED)
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))])
    assert abs(load(tmp_path).values[0, :, 0, 0].astype(int) - RED).max() <= 3


def test_an_animation_is_refused(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (0, 255)]
    save(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"a\.gif: holds 2 frames"):
        load(tmp_path)


def test_postscript_is_never_opened(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "EPS")
    (tmp_path / "a.png").write_bytes(content.getvalue())
    with pytest.raises(DataError, match="cannot identify"):
        load(tmp_path)


def test_sub_folders_are_classes(tmp_path):
    for name in ("dog/1.png", "cat/2.png", "cat/deep/1.png"):
        save(tmp_path, name, Image.new("L", (4, 4)))
    samples = load(tmp_path)
    assert samples.names == ("cat/2.png", "cat/deep/1.png", "dog/1.png")
    assert samples.labels.tolist() == [0, 0, 1]
    assert load(tmp_path / "cat").labels is None  # one image lies in no sub-folder
    assert load(tmp_path / "dog").labels is None


def test_classes_mean_the_same_in_another_folder(tmp_path):
    for name in ("a/cat/1.png", "a/dog/1.png", "b/dog/1.png", "b/eel/1.png", "c/dog/1.png", "d/1.png"):
        save(tmp_path, name, Image.new("L", (4, 4)))
    samples = load(tmp_path / "a")
    assert samples.settings == {"classes": ("cat", "dog")}
    known = samples.settings["classes"]
    assert load(tmp_path / "b", classes=known).labels.tolist() == [1, 2]  # others are numbered after them
    assert load(tmp_path / "c", classes=known).labels.tolist() == [1]
    assert load(tmp_path / "d", classes=known).labels is None


def test_classes_whose_names_are_not_utf8_are_spelt_out(tmp_path):
    for name in (b"caf\xe9/1.png", b"dog/1.png"):
        save(tmp_path / "a", os.fsdecode(name), Image.new("L", (4, 4)))
    samples = load(tmp_path / "a")
    assert samples.settings == {"classes": ("caf\\xe9", "dog")}
    assert samples.labels.tolist() == [0, 1]
    assert load(tmp_path / "a", classes=["dog", "caf\\xe9"]).labels.tolist() == [1, 0]


def test_a_class_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="'cat' stands twice"):
        ImagesSpec(path="x", classes=["cat", "dog", "cat"])


def test_a_model_of_labelled_folders_keeps_their_names(tmp_path):
    for at in range(25):
        save(tmp_path, f"a/{'cat' if at % 2 else 'dog'}/{at}.png", Image.new("L", (4, 4), 10 * at))
        save(tmp_path, f"b/dog/{at}.png", Image.new("L", (4, 4), 10 * at))
    document = {
        "name": "t",
        "input": [1, 4, 4],
        "fields": {"label": {"classes": 2}},
        "latent": {"type": "deterministic", "dim": 2},
        "decoder": [
            {"type": "join", "reads": "fields.label"},
            {"type": "linear", "features": 16, "activation": "identity"},
            {"type": "reshape", "shape": [1, 4, 4]},
        ],
        "encoder": [{"type": "flatten"}],
        "data": {"type": "images", "path": str(tmp_path / "a"), "test": 0.3},
        "training": {"steps": 3},
    }
    aezoo.train(document, device="cpu", out=tmp_path / "run")
    model = aezoo.load(tmp_path / "run")
    assert model.spec.data.classes == ("cat", "dog")
    at_dogs = model.score(tmp_path / "b")
    np.testing.assert_array_equal(at_dogs, model.score(load(tmp_path / "b").values, fields={"label": 1}))


def grey(folder, *names):
    for name in names:
        save(folder, name, Image.new("L", (4, 4)))


def test_hidden_files_and_folders_are_left_out_at_any_depth(tmp_path):
    root = tmp_path / ".cache" / "set"  # one that the user names may be hidden
    grey(root, "cats/a.png", "cats/deep/b.png", "dogs/c.png")
    grey(root, ".ipynb_checkpoints/a.png", "cats/.git/a.png", "cats/deep/@eaDir/a.png", "__MACOSX/cats/a.png")
    grey(root, "cats/._a.png", "$RECYCLE.BIN/a.png")
    (root / "cats/.DS_Store").write_bytes(b"x")
    (root / "cats/Thumbs.db").write_bytes(b"x")
    samples = load(root)
    assert samples.names == ("cats/a.png", "cats/deep/b.png", "dogs/c.png")
    assert samples.labels.tolist() == [0, 0, 1]


def test_linked_folders_are_followed(tmp_path):
    grey(tmp_path, "d/cats/a.png", "store/dogs/deep/b.png", "store/c.png")
    (tmp_path / "d/dogs").symlink_to(tmp_path / "store/dogs")
    (tmp_path / "d/cats/c.png").symlink_to(tmp_path / "store/c.png")
    (tmp_path / "link").symlink_to("d")
    for root in ("d", "link"):
        samples = load(tmp_path / root)
        assert samples.names == ("cats/a.png", "cats/c.png", "dogs/deep/b.png")
        assert samples.labels.tolist() == [0, 0, 1]


def test_loops_end_and_a_folder_that_several_paths_lead_to_counts_once(tmp_path):
    grey(tmp_path, "d/cats/a.png", "d/dogs/b.png", "store/x.png")
    for name, target in (("d/loop", "d"), ("d/cats/up", "."), ("d/again", "d/cats"), ("d/one", "store")):
        (tmp_path / name).symlink_to(tmp_path / target)
    with pytest.warns(DataWarning, match="are counted already are left out: .*again") as seen:
        samples = load(tmp_path / "d")
    assert len(seen) == 1
    assert sorted(Path(name).name for name in samples.names) == ["a.png", "b.png", "x.png"]
    assert {"cats/a.png", "dogs/b.png"} < set(samples.names)


@pytest.mark.parametrize("name", ["b.png", "dogs"])
def test_a_link_that_leads_nowhere_is_refused_by_name(tmp_path, name):
    grey(tmp_path, "cats/a.png")
    (tmp_path / "cats" / name).symlink_to("/absent/there")
    with pytest.raises(DataError, match=rf"cats/{name}: is a link to /absent/there, which is not there") as caught:
        load(tmp_path)
    assert "remove the link" in caught.value.hint
    (tmp_path / "cats" / name).rename(tmp_path / "cats/notes.txt")
    assert len(load(tmp_path)) == 1


def test_a_limit_reaches_every_class(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        save(tmp_path, name, Image.new("L", (4, 4)))
    assert load(tmp_path, limit=2).names == ("a/1.png", "b/1.png")


def test_one_file_is_a_set_of_one(tmp_path):
    path = save(tmp_path, "a.png", Image.new("L", (4, 4), GREY))
    samples = load(path)
    assert samples.names == ("a.png",)
    assert samples.values.shape == (1, 1, 4, 4)


def test_a_folder_without_images_and_a_folder_that_is_not_there_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="holds no images"):
        load(tmp_path)
    with pytest.raises(NotFound, match="no such file or folder"):
        load(tmp_path / "absent")


def test_an_input_that_is_no_image_is_refused(tmp_path):
    save(tmp_path, "a.png", Image.new("L", (4, 4)))
    with pytest.raises(DataError, match="with 1, 3 or 4 channels, not 2x4x4"):
        load(tmp_path, (2, 4, 4))
    remarks = list(ImagesSpec(path="x", background=[0, 0, 256]).remarks(spec_of((16,))))
    assert [remark.message for remark in remarks] == [
        "images give samples [C, H, W], the input is 16",
        "data.background: [0, 0, 256] is not a colour",
    ]


@pytest.mark.parametrize("part", [ImagesSpec, WebDatasetSpec])
def test_every_set_of_images_refuses_colours_and_classes_that_are_none(part):
    (remark,) = part(path="x", background=[0, -1, 0]).remarks(spec_of((1, 4, 4)))
    assert remark.message == "data.background: [0, -1, 0] is not a colour"
    with pytest.raises(ValueError, match="'cat' stands twice"):
        part(path="x", classes=["cat", "dog", "cat"])


def spec_of(shape):
    return SimpleNamespace(input=SimpleNamespace(shape=shape), fields={})


# --- labels by a table, stacks -------------------------------------------------------------------------------


def photos(folder, *names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), 10 * number, np.uint8)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    "lines",
    [
        ["file,label", "a.png,cat", "sub/b.png,dog", "c.png,cat"],
        ["label,image", "dog,sub/b", "cat,c", "cat,a"],  # without endings, the column known by its name
        ["x,y", "b.png,dog", "a.png,cat", "c.png,cat"],  # names alone; the first column
        ["file,label", "photos/a.png,cat", ".\\photos\\sub\\b.png,dog", "photos/c.png,cat"],  # beside the table
    ],
)
def test_a_table_names_the_labels_of_images(tmp_path, lines):
    photos(tmp_path / "photos", "a.png", "c.png", "sub/b.png")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    samples = ImagesSpec(path=str(tmp_path / "photos"), labels=str(tmp_path / "labels.csv")).load()
    assert dict(zip(samples.names, samples.labels.tolist(), strict=True)) == {"a.png": 0, "c.png": 0, "sub/b.png": 1}
    assert samples.settings["classes"] == ("cat", "dog")


def test_whole_numbers_are_labels_and_known_words_keep_their_numbers(tmp_path):
    photos(tmp_path / "p", "a.png", "b.png")
    table = tmp_path / "t.csv"
    data = {"path": str(tmp_path / "p"), "labels": str(table)}
    table.write_text("id,label\na,7\nb,3\n")
    assert ImagesSpec(**data).load().labels.tolist() == [7, 3]
    table.write_text("id,label\na,cat\nb,ant\n")
    known = ImagesSpec(**data, classes=("dog", "cat")).load()
    assert known.labels.tolist() == [1, 2]
    assert known.settings["classes"] == ("dog", "cat", "ant")


def test_an_image_without_a_line_is_refused_and_a_line_without_an_image_is_told(tmp_path):
    photos(tmp_path / "p", "a.png", "b.png", "c.png")
    table = tmp_path / "t.csv"
    spec = ImagesSpec(path=str(tmp_path / "p"), labels=str(table))
    table.write_text("file,label\na.png,1\n")
    with pytest.raises(DataError, match=r"t\.csv: column 'file' has no line for b\.png, nor for 1 more"):
        spec.load()
    table.write_text("file,label\na.png,1\nb.png,2\nc.png,1\nz.png,5\n")
    with pytest.warns(DataWarning, match=r"1 of 4 lines name no image of .*p, the first: line 5, 'z\.png'"):
        assert spec.load().labels.tolist() == [1, 2, 1]
    table.write_text("file,label\na.png,1\nb.png,2\nc.png,1\na.png,1\n")
    with pytest.raises(DataError, match=r"line 5, column 'file': 'a\.png' stands in line 2 already"):
        spec.load()
    table.write_text("file,label\na.png,1\nb.png,\nc.png,1\n")
    with pytest.raises(DataError, match=r"line 3, column 'label': no label"):
        spec.load()
    table.write_text("file,age,weight\na.png,1,2\nb.png,1,2\nc.png,1,2\n")
    with pytest.raises(DataError, match="which column is the label is not said"):
        spec.load()
    assert spec.model_copy(update={"label": "weight"}).load().labels.tolist() == [2, 2, 2]


def test_names_that_two_folders_share_name_no_image(tmp_path):
    photos(tmp_path / "p", "x/a.png", "y/a.png")
    (tmp_path / "t.csv").write_text("file,label\na.png,1\n")
    with pytest.raises(DataError, match=r"has no line for x/a\.png"):
        ImagesSpec(path=str(tmp_path / "p"), labels=str(tmp_path / "t.csv")).load()


def test_a_column_of_the_table_keeps_patients_together(tmp_path):
    photos(tmp_path / "p", *(f"{number}.png" for number in range(9)))
    lines = [f"{number}.png,{number % 2},p{number // 3}" for number in range(9)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,patient", *lines]) + "\n")
    spec = ImagesSpec(path=str(tmp_path / "p"), labels=str(tmp_path / "t.csv"), group="patient", label="label")
    assert spec.load().groups.tolist() == [number // 3 for number in range(9)]
    assert (
        spec.model_copy(update={"in_memory": False}).load(shape=(1, 2, 2)).groups.tolist()
        == [0] * 3 + [1] * 3 + [2] * 3
    )
    other = spec.at(tmp_path / "q")
    assert (other.labels, other.group) == (None, None)
    assert spec.at_split(tmp_path / "q").labels == spec.labels
    with pytest.raises(DataError, match="has no column 'ward'"):
        spec.model_copy(update={"group": "ward"}).load()


def stack(path, *greys, size=(2, 3)):
    images = [Image.fromarray(np.full(size, grey, np.uint8)) for grey in greys]
    images[0].save(path, save_all=True, append_images=images[1:])


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_frames_of_a_stack_are_samples(tmp_path, in_memory):
    stack(tmp_path / "b.tif", 1, 2, 3)
    stack(tmp_path / "c.tiff", 9)
    Image.fromarray(np.full((2, 3), 7, np.uint8)).save(tmp_path / "a.png")
    spec = ImagesSpec(path=str(tmp_path), in_memory=in_memory)
    if in_memory:
        with pytest.raises(DataError, match=r"b\.tif: holds 3 frames; a sample is one image") as refused:
            spec.load()
        assert "--set data.frames=each" in refused.value.hint
    samples = spec.model_copy(update={"frames": "each"}).load()
    assert np.asarray(samples.values[:])[:, 0, 0, 0].tolist() == [7, 1, 2, 3, 9]
    assert list(samples.names) == ["a.png", "b.tif:0", "b.tif:1", "b.tif:2", "c.tiff"]
    few = spec.model_copy(update={"frames": "each", "limit": 2}).load()
    assert np.asarray(few.values[:])[:, 0, 0, 0].tolist() == [7, 2]


def test_a_frame_of_another_size_is_called_by_its_number(tmp_path):
    images = [Image.fromarray(np.zeros((2, side), np.uint8)) for side in (3, 4)]
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    with pytest.raises(DataError, match=r"a\.tif:1: is 4 wide and 2 high, not 3 wide"):
        ImagesSpec(path=str(tmp_path), frames="each").load()


def test_each_frame_of_16_bits_keeps_its_depth(tmp_path):
    images = [Image.fromarray(np.full((2, 2), grey, np.uint16)) for grey in (0, 65535)]
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    samples = ImagesSpec(path=str(tmp_path / "a.tif"), frames="each").load()
    assert samples.values[:, 0, 0, 0].tolist() == [0, 255]


@pytest.mark.parametrize("damaged", [0, 1])
def test_the_first_image_may_be_the_damaged_one(tmp_path, damaged):
    photos(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "abc"[damaged]).with_suffix(".png").write_bytes(b"no image")
    with pytest.warns(DataWarning, match="1 of 3 images cannot be decoded"):
        assert len(ImagesSpec(path=str(tmp_path), on_bad_sample="skip").load()) == 2
