"""Who may read and who may write: tokens, private repositories, gates."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi, get_session, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from tests.hub_server.conftest import REPO
from tests.hub_server.fixtures import TOKEN
from tests.hub_server.hub import Hub


@pytest.fixture
def carol(hub: Hub) -> str:
    """A token of somebody who belongs to nothing."""
    return hub.add_user("carol")


def test_only_a_member_with_a_token_that_writes_may_write(first: str, hub: Hub, carol: str) -> None:
    reader = hub.add_user("alice", role="read", orgs=["acme"])
    for token in (False, reader, carol):
        with pytest.raises(HfHubHTTPError, match="rights to write"):
            HfApi(endpoint=hub.url, token=token).upload_file(repo_id=REPO, path_or_fileobj=b"x", path_in_repo="x.txt")
    assert hub.repository(REPO).head.oid == first


def test_a_private_repository_is_not_there_for_others(api: HfApi, hub: Hub, carol: str, tmp_path: Path) -> None:
    api.create_repo("acme/secret", private=True)
    api.upload_file(repo_id="acme/secret", path_or_fileobj=b"hello", path_in_repo="a.txt")
    for token in (False, carol):
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download("acme/secret", "a.txt", token=token, cache_dir=tmp_path)
    assert Path(hf_hub_download("acme/secret", "a.txt", token=TOKEN, cache_dir=tmp_path)).read_bytes() == b"hello"
    assert list(HfApi(endpoint=hub.url, token=False).list_models()) == []
    assert [model.id for model in api.list_models()] == ["acme/secret"]


def test_a_gate_shuts_the_files_and_leaves_the_metadata(first: str, api: HfApi, hub: Hub, carol: str) -> None:
    api.update_repo_settings(REPO, gated="manual")
    for token in (False, carol):
        with pytest.raises(GatedRepoError):
            hf_hub_download(REPO, "spec.json", token=token)
        with pytest.raises(GatedRepoError):
            snapshot_download(REPO, token=token)
        assert HfApi(endpoint=hub.url, token=token).model_info(REPO).gated == "manual"
    hub.repository(REPO).allowed.add("carol")
    HfApi(endpoint=hub.url, token=carol).auth_check(REPO)
    hf_hub_download(REPO, "spec.json", token=carol)


def test_settings_change_one_thing_and_leave_the_other(first: str, api: HfApi, hub: Hub) -> None:
    api.update_repo_settings(REPO, gated="auto")
    api.update_repo_settings(REPO, private=True)
    assert (hub.repository(REPO).gated, hub.repository(REPO).private) == ("auto", True)
    api.update_repo_settings(REPO, gated=False)
    assert (hub.repository(REPO).gated, hub.repository(REPO).private) == (False, True)


def test_an_object_is_had_by_its_signature_alone(first: str, hub: Hub) -> None:
    oid = hub.repository(REPO).head.tree["small.safetensors"].sha256
    other = hub.objects.sign("another")
    for query in ("", "?sig=guessed", f"?sig={other}"):
        assert get_session().get(f"{hub.cdn_url}/{oid}{query}").status_code == 403
