"""Branches, tags, pull requests and history."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

from tests.hub_server.conftest import REPO
from tests.hub_server.hub import Hub


def more(folder: Path) -> list[CommitOperationAdd]:
    """One object to add; an operation serves one commit."""
    return [CommitOperationAdd("more.safetensors", folder / "model.safetensors")]


def test_tags_and_branches_come_once_and_go(first: str, api: HfApi, hub: Hub) -> None:
    api.create_tag(REPO, tag="v1", tag_message="x")
    api.create_branch(REPO, branch="dev", revision="v1")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPO, tag="v1")
    api.create_tag(REPO, tag="v1", exist_ok=True)
    refs = api.list_repo_refs(REPO)
    assert [tag.name for tag in refs.tags] == ["v1"]
    assert {branch.name: branch.target_commit for branch in refs.branches} == {"main": first, "dev": first}
    api.delete_tag(REPO, tag="v1")
    api.delete_branch(REPO, branch="dev")
    assert set(hub.repository(REPO).refs) == {"refs/heads/main"}
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(REPO, tag="v1")


def test_a_branch_takes_commits_that_main_does_not_see(first: str, api: HfApi, folder: Path) -> None:
    api.create_branch(REPO, branch="dev")
    api.upload_folder(
        repo_id=REPO, folder_path=folder, revision="dev", delete_patterns=["samples/*"], allow_patterns=["*.json"]
    )
    assert "samples/grid.png" not in api.list_repo_files(REPO, revision="dev")
    assert "samples/grid.png" in api.list_repo_files(REPO)


def test_history_is_told_from_the_newest_on_in_pages(first: str, api: HfApi) -> None:
    for number in range(3):
        api.upload_file(repo_id=REPO, path_or_fileobj=b"%d" % number, path_in_repo="n", commit_message=f"n {number}")
    titles = ["n 2", "n 1", "n 0", "first", "initial commit"]
    assert [commit.title for commit in api.list_repo_commits(REPO)] == titles
    assert next(iter(api.list_repo_commits(REPO, revision=first))).commit_id == first


def test_a_pull_request_is_a_reference_of_its_own_that_can_be_read_and_grow(
    first: str, api: HfApi, hub: Hub, folder: Path
) -> None:
    add = [*more(folder), CommitOperationAdd("a.txt", b"a")]
    made = api.create_commit(REPO, add, commit_message="more", create_pr=True)
    assert (made.pr_revision, made.pr_num) == ("refs/pr/1", 1)
    assert hub.repository(REPO).head.oid == first
    assert Path(hf_hub_download(REPO, "a.txt", revision="refs/pr/1")).read_bytes() == b"a"
    assert api.repo_info(REPO, revision="refs/pr/1").sha == made.oid
    grown = api.create_commit(REPO, [CommitOperationAdd("b.txt", b"b")], commit_message="b", revision="refs/pr/1")
    assert hub.repository(REPO).named("pr") == {"1": grown.oid}
    assert [commit.title for commit in api.list_repo_commits(REPO, revision="refs/pr/1")][:3] == ["b", "more", "first"]


def test_pull_requests_are_numbered_and_listed_when_asked_for(first: str, api: HfApi, hub: Hub) -> None:
    api.upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="x.txt")
    for number in (1, 2):
        made = api.create_commit(
            REPO, [CommitOperationAdd("a", b"a")], commit_message="a", create_pr=True, parent_commit=first
        )
        assert made.pr_num == number
        assert hub.repository(REPO).commits[made.oid].parent == first
    assert api.list_repo_refs(REPO).pull_requests is None
    refs = api.list_repo_refs(REPO, include_pull_requests=True).pull_requests
    assert [ref.ref for ref in refs or []] == ["refs/pr/1", "refs/pr/2"]


def test_anybody_may_open_a_pull_request_with_a_token_that_writes(first: str, hub: Hub, folder: Path) -> None:
    carol, reader = (HfApi(endpoint=hub.url, token=hub.add_user("carol", role=role)) for role in ("write", "read"))
    assert carol.create_commit(REPO, more(folder), commit_message="more", create_pr=True).pr_num == 1
    with pytest.raises(HfHubHTTPError, match="rights to write"):
        carol.create_commit(REPO, more(folder), commit_message="more")
    with pytest.raises(HfHubHTTPError, match="rights to write"):
        reader.create_commit(REPO, more(folder), commit_message="more", create_pr=True)
