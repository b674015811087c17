"""push -> pull -> load: what comes back is what was sent, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import aezoo as zoo
from aezoo.storage import layout, lockfile
from tests.cli.conftest import VECTORS
from tests.hub.conftest import REPO, SPECS, commits, kept, outputs, remote_files
from tests.hub.forks import Forks
from tests.hub_server.fixtures import MODES, TOKEN, HubOf
from tests.hub_server.hub import Hub


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", SPECS)
def test_what_is_pulled_gives_what_was_pushed_bit_for_bit(
    family: str, mode: str, hub_of: HubOf, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_of(mode)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    zoo.push(built / family, REPO)
    monkeypatch.delenv("HF_TOKEN")
    back = zoo.load(REPO, device="cpu")
    for had, has in zip(outputs(zoo.load(built / family, device="cpu")), outputs(back), strict=True):
        assert had.tobytes() == has.tobytes()


@pytest.mark.parametrize("mode", MODES)
def test_weights_that_are_sent_in_parts_come_back_whole(
    mode: str, hub_of: HubOf, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hub_of(mode, part_size=500, page_size=2)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    weights = built / "mixture" / layout.WEIGHTS
    assert weights.stat().st_size > 1000
    done = zoo.push(built / "mixture", REPO)
    assert mode == "xet" or len(hub.requests("PUT", origin="cdn")) > 2
    assert (zoo.pull(REPO) / layout.WEIGHTS).read_bytes() == weights.read_bytes()
    assert commits(hub) == 1
    assert done.changed


def test_a_private_model_is_pulled_with_a_token_and_by_nobody_else(
    hub: Hub, login: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = zoo.push(tiny, REPO, private=True)
    assert hub.repository(REPO).private
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(zoo.errors.NotFound, match="does not show it") as caught:
        zoo.pull(REPO)
    assert "no token was used" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", login)
    assert zoo.pull(REPO).name == done.commit


def test_a_token_of_a_login_serves_as_one_of_the_environment(hub: Hub, homes: Path, tiny: Path) -> None:
    (homes / "hf" / "token").write_text(TOKEN)
    assert zoo.push(tiny, REPO).changed


def test_a_model_is_trained_pushed_pulled_elsewhere_and_used_by_four_commands(
    hub: Hub, login: str, forks: Forks, tmp_path: Path, homes: Path
) -> None:
    spec, run, codes = tmp_path / "vectors.toml", tmp_path / "run", tmp_path / "codes.npy"
    spec.write_text(VECTORS)
    assert forks.run("train", spec, "--out", run, "--device", "cpu").code == 0
    pushed = forks.run("push", run, REPO, "--license", "mit", "--tag", "v1")
    assert (pushed.code, pushed.err.splitlines()) == (
        0,
        ["stays here: metrics.jsonl", f"published; `aezoo pull {REPO}@v1` fetches it"],
    )
    pulled = forks.run("pull", f"{REPO}@v1", AEZOO_HOME=str(tmp_path / "fresh"))
    assert (pulled.code, pulled.err) == (0, "")
    assert pushed.out == f"{REPO}@{Path(pulled.out.strip()).name}\n"
    offline = {"AEZOO_HOME": str(tmp_path / "fresh"), "AEZOO_OFFLINE": "1"}
    used = forks.run("encode", f"{REPO}@v1", "--device", "cpu", "--out", codes, **offline)
    assert used.code == 0, used.err
    direct = np.asarray(zoo.load(run, device="cpu").encode(tmp_path / "x.npy")) if _test_rows(run, tmp_path) else None
    assert direct is not None
    assert np.load(codes).tobytes() == direct.tobytes()


def _test_rows(run: Path, folder: Path) -> bool:
    """The test split of a run's own data, as a file."""
    from aezoo.data.sources import open_samples
    from aezoo.data.splits import split

    spec = zoo.load(run, device="cpu").spec
    samples = open_samples(None, spec, seed=spec.training.seed)
    rows = split(samples, spec.data, seed=spec.training.seed)["test"]
    np.save(folder / "x.npy", samples.values[rows])
    return len(rows) > 0


def test_the_hub_holds_the_files_of_the_folder_and_the_lock_their_hashes(
    hub: Hub, login: str, tiny: Path, homes: Path
) -> None:
    done = zoo.push(tiny, REPO)
    there = remote_files(hub)
    assert sorted(there) == sorted([".gitattributes", *(file.name for file in layout.survey(tiny).files)])
    folder = zoo.pull(REPO)
    noted = lockfile.verify(folder)
    assert noted is not None
    assert (noted.source, noted.revision, noted.commit, noted.endpoint) == (REPO, "main", done.commit, hub.url)
    for file in noted.files:
        assert (folder / file.name).read_bytes() == there[file.name]
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    assert kept(homes) == [done.commit]


def test_what_is_pulled_as_json_names_every_file_and_its_hash(
    published: str, aezoo: Callable[..., object], process: Callable[..., object], forks: Forks
) -> None:
    document = json.loads(forks.run("pull", REPO, "--json").out)
    assert (document["source"], document["commit"], Path(document["folder"]).name) == (REPO, published, published)
    assert layout.WEIGHTS in document["files"]


def test_a_foreign_reader_finds_a_model_as_it_expects_one(hub: Hub, login: str, tiny: Path, tmp_path: Path) -> None:
    from huggingface_hub import HfApi, snapshot_download
    from safetensors import safe_open

    done = zoo.push(tiny, REPO)
    api = HfApi(endpoint=hub.url)
    info = api.model_info(REPO, files_metadata=True)
    assert info.card_data is not None
    assert (info.library_name, info.card_data.license, info.sha) == ("aezoo", "mit", done.commit)
    assert {"aezoo", "autoencoder", "variational", "safetensors"} <= {*(info.tags or [])}
    folder = snapshot_download(REPO, local_dir=tmp_path / "plain")
    assert not api.verify_repo_checksums(REPO, local_dir=folder).mismatches
    with safe_open(Path(folder) / layout.WEIGHTS, "np") as file:
        assert {*file.keys()} == {*zoo.load(tiny, device="cpu").network.state_dict()}
