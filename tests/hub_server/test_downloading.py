"""Pulling: by branch, tag and commit, into the cache or a folder, from small files and large ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

from tests.hub_server import faults
from tests.hub_server.conftest import REPO
from tests.hub_server.fixtures import TOKEN
from tests.hub_server.hub import Hub

OFFLINE = """
import os
from huggingface_hub import snapshot_download
for repo, revision in (("acme/tiny-vae", "v1"), ("acme/never", "main"), ("acme/other", "main")):
    try:
        print(snapshot_download(repo, revision=revision))
    except Exception as error:
        print(type(error).__name__)
print(os.listdir(snapshot_download("acme/other")))
"""


def test_files_arrive_bit_for_bit_and_no_token_at_the_second_origin(first: str, hub: Hub, folder: Path) -> None:
    for name in ("spec.json", "model.safetensors", "samples/grid.png"):
        assert Path(hf_hub_download(REPO, name, token=TOKEN)).read_bytes() == (folder / name).read_bytes()
    assert "authorization" in hub.requests("GET", "resolve/main/spec.json", origin="hub")[-1].headers
    assert [request for request in hub.requests(origin="cdn") if "authorization" in request.headers] == []


def test_an_object_that_came_through_xet_is_served_over_plain_http_as_well(
    first: str, hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    path = hf_hub_download(REPO, "model.safetensors")
    assert Path(path).read_bytes() == (folder / "model.safetensors").read_bytes()
    assert len(hub.requests("GET", origin="cdn")) == 1


def test_a_tag_and_a_commit_stay_while_main_moves(first: str, api: HfApi, hub: Hub, folder: Path) -> None:
    api.create_tag(REPO, tag="v1", tag_message="x")
    (folder / "spec.json").write_text(json.dumps({"v": 2}))
    api.upload_folder(repo_id=REPO, folder_path=folder)
    specs = {name: Path(snapshot_download(REPO, revision=name)) / "spec.json" for name in ("v1", "main", first)}
    assert specs["v1"] == specs[first]
    assert "v" not in json.loads(specs["v1"].read_text())
    assert json.loads(specs["main"].read_text())["v"] == 2


def test_what_is_cached_at_a_commit_is_not_asked_for_again(first: str, hub: Hub) -> None:
    snapshot_download(REPO)
    before = len(hub.log)
    snapshot_download(REPO, revision=first)
    assert len(hub.log) == before


def test_a_folder_gets_the_files_that_patterns_name(first: str, tmp_path: Path) -> None:
    snapshot_download(REPO, local_dir=tmp_path / "some", allow_patterns=["*.json", "README.md"])
    assert sorted(path.name for path in (tmp_path / "some").iterdir() if path.is_file()) == ["README.md", "spec.json"]


def test_a_dry_run_tells_the_sizes_and_fetches_nothing(first: str, hub: Hub, folder: Path) -> None:
    rows = {row.filename: row for row in snapshot_download(REPO, dry_run=True)}
    assert rows["model.safetensors"].file_size == (folder / "model.safetensors").stat().st_size
    assert all(row.will_download for row in rows.values())
    assert hub.requests("GET", "/resolve/") == hub.requests("GET", origin="cdn") == []


def test_checksums_agree_after_a_download(first: str, api: HfApi) -> None:
    snapshot_download(REPO)
    verified = api.verify_repo_checksums(REPO)
    assert not verified.mismatches
    assert not verified.missing_paths
    assert verified.checked_count == 6


def test_what_is_missing_is_told_apart(first: str) -> None:
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(REPO, "nope.bin")
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(REPO, "spec.json", revision="nope")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("acme/none", "spec.json", token=TOKEN)


def test_offline_the_cache_answers_and_of_one_file_makes_a_whole(first: str, api: HfApi, hub: Hub) -> None:
    api.create_tag(REPO, tag="v1")
    hub.publish("acme/other", {"a.txt": b"a", "b.txt": b"b"})
    whole = snapshot_download(REPO, revision="v1")
    hf_hub_download("acme/other", "a.txt")
    before = len(hub.log)
    words = [sys.executable, "-c", OFFLINE]
    done = subprocess.run(words, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=True)
    found, missing, partial, inside = done.stdout.splitlines()
    assert (found, missing, inside) == (whole, "LocalEntryNotFoundError", "['a.txt']")
    assert Path(partial).is_dir(), "the client takes what one download left for a snapshot"
    assert len(hub.log) == before


def test_a_download_that_is_cut_goes_on_where_the_client_last_wrote(hub: Hub) -> None:
    weights = bytes(12_000_000)
    hub.publish(REPO, {"model.safetensors": weights})
    hub.hook("GET", "cdn /", faults.cut(11_000_000))
    assert Path(hf_hub_download(REPO, "model.safetensors")).read_bytes() == weights
    requests = [(request.headers.get("range"), request.status) for request in hub.requests("GET", origin="cdn")]
    assert requests == [(None, 200), ("bytes=10485760-", 206)]


def test_the_client_takes_a_flipped_bit_and_finds_it_when_it_is_told_to_verify(api: HfApi, hub: Hub) -> None:
    weights = bytes(1000)
    hub.publish(REPO, {"model.safetensors": weights})
    hub.hook("GET", "cdn /", faults.flip())
    assert Path(hf_hub_download(REPO, "model.safetensors")).read_bytes() == weights[:-1] + b"\1"
    assert [row["path"] for row in api.verify_repo_checksums(REPO).mismatches] == ["model.safetensors"]


def test_a_hub_that_is_down_for_one_request_is_asked_again(first: str, hub: Hub, folder: Path) -> None:
    hub.hook("HEAD", f"hub /{REPO}/resolve", faults.refuse(503))
    assert Path(hf_hub_download(REPO, "spec.json")).read_bytes() == (folder / "spec.json").read_bytes()
    assert [request.status for request in hub.requests("HEAD", "spec.json")] == [503, 200]
