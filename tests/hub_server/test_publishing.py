"""Pushing: repositories are made, files arrive whole, in one commit, and only those that changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import HfApi, ModelCard, get_session
from huggingface_hub.errors import HfHubHTTPError

from tests.hub_server.conftest import REPO
from tests.hub_server.fixtures import TOKEN
from tests.hub_server.hub import Hub

FILES = {".gitattributes", "README.md", "model.safetensors", "samples/grid.png", "small.safetensors", "spec.json"}


def test_a_repository_is_made_once(api: HfApi, hub: Hub) -> None:
    assert api.create_repo(REPO).repo_id == REPO
    with pytest.raises(HfHubHTTPError, match="already created"):
        api.create_repo(REPO)
    assert api.create_repo(REPO, exist_ok=True).repo_id == REPO
    assert [commit.title for commit in hub.repository(REPO).commits.values()] == ["initial commit"]


def test_a_repository_is_made_where_one_belongs_and_can_be_deleted(api: HfApi, hub: Hub) -> None:
    with pytest.raises(HfHubHTTPError, match="under the namespace others"):
        api.create_repo("others/tiny")
    api.create_repo("alice/words", repo_type="dataset")
    api.upload_file(repo_id="alice/words", repo_type="dataset", path_or_fileobj=b"a", path_in_repo="a.txt")
    assert list(api.list_repo_files("alice/words", repo_type="dataset")) == [".gitattributes", "a.txt"]
    assert not api.repo_exists("alice/words")
    api.delete_repo("alice/words", repo_type="dataset")
    assert hub.repositories == {}


def test_a_folder_arrives_in_one_commit_bit_for_bit(first: str, api: HfApi, hub: Hub, folder: Path) -> None:
    head = hub.repository(REPO).head
    assert (head.oid, head.title, head.author) == (first, "first", "alice")
    assert len(first) == 40
    assert set(head.tree) == set(api.list_repo_files(REPO)) == FILES
    for path in FILES - {".gitattributes"}:
        assert hub.read(head.tree[path]) == (folder / path).read_bytes(), path
    inline = {".gitattributes", "README.md", "spec.json"}
    assert {path for path in FILES if head.tree[path].sha256} == FILES - inline


def test_objects_go_in_parts_or_through_xet_and_never_with_a_token(first: str, hub: Hub) -> None:
    sent = hub.requests("PUT", origin="cdn")
    parts = [request for request in sent if "part" in request.query]
    assert (len(parts), len(sent)) == ((0, 0) if hub.xet else (4, 6))
    assert bool(hub.requests("GET", "xet-write-token")) == hub.xet
    assert [request for request in sent if "authorization" in request.headers] == []


def test_what_did_not_change_is_not_sent_and_nothing_new_is_no_commit(
    first: str, api: HfApi, hub: Hub, folder: Path
) -> None:
    (folder / "spec.json").write_text('{"v": 2}')
    second = api.upload_folder(repo_id=REPO, folder_path=folder, commit_message="second")
    _, *operations = hub.requests("POST", "/commit/")[-1].lines()
    assert [operation["value"]["path"] for operation in operations] == ["spec.json"]
    assert api.upload_folder(repo_id=REPO, folder_path=folder).oid == second.oid == hub.repository(REPO).head.oid


def test_a_commit_on_a_stale_parent_is_refused(first: str, api: HfApi, hub: Hub) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="x.txt", parent_commit=first)
    with pytest.raises(HfHubHTTPError, match="412"):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"y", path_in_repo="y.txt", parent_commit=first)
    assert "y.txt" not in hub.repository(REPO).head.tree


def test_a_card_with_bad_yaml_is_refused_before_any_commit(first: str, api: HfApi, hub: Hub) -> None:
    with pytest.raises((ValueError, HfHubHTTPError), match="Invalid metadata"):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"---\nlicense: [\n---\n", path_in_repo="README.md")
    assert hub.repository(REPO).head.oid == first


def test_a_card_that_the_client_pushes_arrives(first: str, hub: Hub, folder: Path) -> None:
    card = ModelCard.load(folder / "README.md")
    card.text += "\nMore.\n"
    card.push_to_hub(REPO, token=TOKEN)
    assert (hub.repository(REPO).head.tree["README.md"].data or b"").endswith(b"More.\n")


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", ".git/config", "a\\b"])
def test_the_hub_takes_no_file_whose_name_leads_elsewhere(first: str, api: HfApi, hub: Hub, path: str) -> None:
    lines = ({"key": "header", "value": {"summary": "x"}}, {"key": "deletedFile", "value": {"path": path}})
    reply = get_session().post(
        f"{hub.url}/api/models/{REPO}/commit/main",
        content="\n".join(map(json.dumps, lines)),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert reply.status_code == 400
    assert "Invalid path" in reply.headers["X-Error-Message"]
