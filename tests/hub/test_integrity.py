"""What was pushed is what is loaded, or it is refused: on the way, in the store, and whoever damaged it."""

from __future__ import annotations

import json
import os
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aezoo
from aezoo.errors import AezooError, NotFound, Refused
from aezoo.storage import layout, lockfile, weights
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import examine
from benchmarks import mutations
from tests.hub.sandbox import REPO, Box, box, files, refused, written
from tests.hub_server import faults
from tests.hub_server.fixtures import MODES, TOKEN, HubOf
from tests.hub_server.hub import Hub

__all__ = ["box"]

WEIGHTS = "model.safetensors"


@pytest.fixture(params=MODES)
def hub(request: pytest.FixtureRequest, hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub to which the model was pushed, by LFS or through Xet."""
    hub = hub_of(request.param)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    aezoo.push(written(box.folder / "here" / "m"), REPO)
    # What lies in Xet is made ready for plain HTTP by a process of the hub's, which writes a log where we would.
    for entry in hub.repository(REPO).head.tree.values():
        hub.read(entry)
    return hub


def where(hub: Hub, name: str) -> str:
    """The requests that fetch a file."""
    return "cdn /" if hub.repository(REPO).head.tree[name].data is None else f"hub .*resolve.*{name}"


# --- on the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize(
    "fault",
    [faults.flip(), faults.flip(0), faults.body(lambda data: data[:-1]), faults.body(lambda data: b"")],
    ids=["last bit", "first bit", "short", "empty"],
)
def test_a_file_that_comes_damaged_is_fetched_a_second_time_and_no_third(
    hub: Hub, box: Box, name: str, fault: faults.Fault
) -> None:
    always = hub.hook("GET", where(hub, name), fault, times=None)
    with refused(box, Refused, 7, f"{name} of .* came damaged, twice"):
        aezoo.pull(REPO)
    requests = [request for request in hub.requests("GET") if request.path.endswith(name) or request.origin == "cdn"]
    assert len(requests) == 2
    hub.hooks.remove(always)
    hub.hook("GET", where(hub, name), fault, times=1)
    folder = aezoo.pull(REPO)
    assert (folder / name).read_bytes() == hub.read(hub.repository(REPO).head.tree[name])
    assert not lockfile.faults(folder, lockfile.read(folder) or pytest.fail("no lock"))


def test_files_that_come_in_place_of_each_other_are_refused(hub: Hub, box: Box) -> None:
    other = hub.read(hub.repository(REPO).head.tree["training.json"])
    hub.hook("GET", where(hub, "metrics.json"), faults.body(lambda _: other), times=None)
    with refused(box, Refused, 7, r"metrics\.json of .* came damaged, twice"):
        aezoo.pull(REPO)


def test_a_file_that_the_cache_of_the_client_holds_damaged_is_fetched_anew(hub: Hub, box: Box) -> None:
    from huggingface_hub import snapshot_download

    os.environ["HF_HUB_DISABLE_XET"] = "1"
    cached = Path(snapshot_download(REPO))
    data = bytearray((cached / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (cached / WEIGHTS).resolve().write_bytes(data)
    assert (aezoo.pull(REPO) / WEIGHTS).read_bytes() == files()[WEIGHTS]


def test_a_model_whose_own_hash_is_another_is_refused_though_the_hub_tells_the_same(hub: Hub, box: Box) -> None:
    data = bytearray(files()[WEIGHTS])
    data[-4] ^= 1
    hub.publish(REPO, {WEIGHTS: bytes(data)})
    with refused(box, Refused, 7, "its sha256 is another"):
        aezoo.pull(REPO)


# --- in the store -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", mutations.KINDS)
def test_a_mutation_of_a_pulled_folder_is_refused(tmp_path: Path, kind: str) -> None:
    """A dozen of each; benchmarks/mutations.py does five thousand."""
    import random

    one, two = (mutations.published(tmp_path / spec["name"], spec, i) for i, spec in enumerate(mutations.SPECS))
    folder, draw = mutations.Folder(one, two), random.Random(kind)
    for _ in range(12):
        changed = folder.spoil(kind, draw)
        assert folder.outcome(changed) in ("refused", "harmless")
        folder.mend()
    aezoo.load(one, device="cpu")


@pytest.mark.parametrize("name", ["model.safetensors", "README.md", "samples/samples.png", lockfile.NAME])
@pytest.mark.parametrize("added", [b"\n", b" ", b"\0"])
def test_a_byte_that_a_parser_does_not_see_is_seen(tmp_path: Path, name: str, added: bytes) -> None:
    folder = mutations.published(tmp_path / "m", mutations.SPECS[0], 0)
    path = folder / name
    path.write_bytes(path.read_bytes() + added)
    with pytest.raises(Refused):
        aezoo.load(folder)


def test_a_lock_that_says_the_same_in_other_words_is_refused(tmp_path: Path) -> None:
    folder = mutations.published(tmp_path / "m", mutations.SPECS[0], 0)
    path, text = folder / lockfile.NAME, (folder / lockfile.NAME).read_text()
    document = json.loads(text)
    same = [text[:-1], text + "\n", json.dumps(document), json.dumps(document, indent=1)]
    same.append(text.replace("acme", "\\u0061cme"))
    for other in same:
        assert json.loads(other) == document
        path.write_text(other)
        with pytest.raises(Refused, match="it is not what aezoo wrote"):
            aezoo.load(folder)
    path.write_text(text)
    aezoo.load(folder)


def test_values_that_are_not_finite_are_found_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PIECE", 64)
    path = written(tmp_path / "m") / WEIGHTS
    header, data = weights.read_header(path), files()[WEIGHTS]
    assert weights.not_finite(data, header) == []
    at = header.start
    for name, entry in header.tensors.items():
        if entry.dtype == "F32" and entry.size > 20:
            for offset in (at, at + 4 * 17, at + 4 * (entry.size - 1)):
                changed = data[:offset] + struct.pack("<f", float("nan")) + data[offset + 4 :]
                assert weights.not_finite(changed, header) == [name]
        at += entry.size * weights.SIZES[entry.dtype]


# --- headers ----------------------------------------------------------------------------------------------


def valid() -> tuple[dict[str, object], bytes]:
    data = files()[WEIGHTS]
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars | st.sampled_from(["F32", "BF16", "O"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from([*weights.SIZES, "O", ""]) | values,
        "shape": st.lists(st.integers(-1, 2**64), max_size=4) | values,
        "data_offsets": st.tuples(st.integers(-1, 100), st.integers(-1, 100)) | values,
        "more": values,
    },
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("headers") / "m")


def only_refused(place: Path, data: bytes) -> None:
    """Reading and examining either work or are refused, soon."""
    path, start = place / WEIGHTS, time.process_time()
    errors: list[AezooError] = []
    path.write_bytes(data)
    try:
        weights.read_header(path)
        examine(ModelFiles(place))
    except AezooError as error:
        errors.append(error)
    assert time.process_time() - start < 5
    for error in errors:
        assert error.exit_code in (1, 3, 4, 7)
        assert error.message.replace("\n", "").isprintable()


relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(data=st.data())
def test_a_header_with_other_entries_is_read_or_refused(place: Path, data: st.DataObject) -> None:
    table, rest = valid()
    for name in data.draw(st.lists(st.sampled_from([*table]) | st.text(max_size=8), min_size=1, max_size=4)):
        if data.draw(st.booleans()):
            table.pop(name, None)
        elif isinstance(entry := table.get(name), dict) and data.draw(st.booleans()):
            table[name] = {**entry, data.draw(st.sampled_from(["dtype", "shape", *entry])): data.draw(values)}
        else:
            table[name] = data.draw(entries | values)
    raw = json.dumps(table, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    only_refused(place, struct.pack("<Q", len(raw)) + raw + rest)


@relaxed
@given(at=st.integers(0, 5000), new=st.binary(max_size=12), drop=st.integers(0, 12))
def test_a_header_with_other_bytes_is_read_or_refused(place: Path, at: int, new: bytes, drop: int) -> None:
    data = files()[WEIGHTS]
    only_refused(place, data[:at] + new + data[at + drop :])


@relaxed
@given(length=st.integers(0, 2**64 - 1), raw=st.binary(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused(place: Path, length: int, raw: bytes) -> None:
    only_refused(place, struct.pack("<Q", length) + raw)
    only_refused(place, struct.pack("<Q", len(raw)) + raw)


def test_the_layout_of_the_model_of_these_tests_is_the_whole_one() -> None:
    assert {*files()} == {*layout.NAMES}


def test_nothing_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        aezoo.load(tmp_path)
