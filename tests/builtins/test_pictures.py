"""Folders of images of every mode, and what is refused by name."""

from __future__ import annotations

import io
import re
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageFile

from aezoo.builtins.pictures import ImagesSpec
from aezoo.errors import DataError, NotFound

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
    found = {name: pixel(samples, name) for name in samples.names}
    assert found == {
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
    assert list(samples.names) == sorted(found)


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


def test_sixteen_bits_with_a_clear_colour_and_thirty_two_bits_are_refused(tmp_path):
    ihdr = struct.pack(">IIBBBBB", 1, 1, 16, 0, 0, 0, 0)
    chunks = [(b"IHDR", ihdr), (b"tRNS", b"\1\1"), (b"IDAT", zlib.compress(b"\0\1\1")), (b"IEND", b"")]
    coded = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    (tmp_path / "clear.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(coded))
    with pytest.raises(DataError, match=r"clear\.png: 16-bit grey with a transparent colour"):
        load(tmp_path)
    save(tmp_path / "wide", "f.tif", Image.new("F", (4, 4), 0.5))
    with pytest.raises(DataError, match=r"f\.tif: pixels are numbers of 32 bits"):
        load(tmp_path / "wide")


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


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    save(tmp_path, "a.png", Image.new("L", (64, 64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 - 1)  # Pillow warns up to twice this
    with pytest.raises(DataError, match=r"a\.png: cannot be read: .*decompression bomb"):
        load(tmp_path, (1, 64, 64))


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
        "data.background: [0, 0, 256] is no colour",
    ]


def spec_of(shape):
    return SimpleNamespace(input=SimpleNamespace(shape=shape))
