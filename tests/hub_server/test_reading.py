"""What the Hub tells of a repository, through each call by which a client asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from tests.hub_server.conftest import REPO
from tests.hub_server.hub import Hub


def test_the_user_behind_a_token(api: HfApi) -> None:
    user = api.whoami()
    assert (user["name"], [org["name"] for org in user["orgs"]]) == ("alice", ["acme"])
    with pytest.raises(HfHubHTTPError, match="Invalid"):
        HfApi(endpoint=api.endpoint, token="hf_bad").whoami()


def test_a_model_with_its_tags_its_results_and_its_sizes(first: str, api: HfApi, hub: Hub, folder: Path) -> None:
    info = api.model_info(REPO, files_metadata=True)
    assert (info.sha, info.author, info.library_name, info.private) == (first, "acme", "aezoo", False)
    assert {"aezoo", "autoencoder", "license:mit", "dataset:mnist", "safetensors"} <= set(info.tags or [])
    assert info.card_data is not None
    assert info.card_data.eval_results is not None
    assert info.card_data.eval_results[0].metric_value == 0.01
    sizes = {file.rfilename: file.lfs.size for file in info.siblings or [] if file.lfs}
    assert sizes["model.safetensors"] == (folder / "model.safetensors").stat().st_size


def test_a_revision_is_resolved_to_a_commit(first: str, api: HfApi) -> None:
    api.create_tag(REPO, tag="v1")
    assert {api.resolve_revision(REPO, revision=name).resolved for name in (None, "main", "v1", first)} == {first}
    assert api.repo_info(REPO, revision=first[:7]).sha == first


def test_of_a_model_only_what_is_asked_for_is_told(first: str, api: HfApi) -> None:
    info = api.model_info(REPO, expand=["sha", "cardData"])
    assert info.sha == first
    assert info.card_data is not None
    assert info.tags is None


def test_a_tree_is_told_in_pages_with_the_folders_before_the_files(first: str, api: HfApi, hub: Hub) -> None:
    top = list(api.list_repo_tree(REPO))
    assert [row.path for row in top][:2] == ["samples", ".gitattributes"]
    assert len(list(api.list_repo_tree(REPO, recursive=True))) == 7
    assert len(hub.requests("GET", "/tree/")) == 5, "two pages of three rows, and three"
    assert [row.path for row in api.list_repo_tree(REPO, "samples")] == ["samples/grid.png"]
    names = ["model.safetensors", "samples", "nope"]
    assert [row.path for row in api.get_paths_info(REPO, names)] == ["samples", "model.safetensors"]
    assert api.file_exists(REPO, "spec.json")
    assert not api.file_exists(REPO, "nope")


def test_the_parameters_of_the_weights(first: str, api: HfApi) -> None:
    assert api.get_safetensors_metadata(REPO).parameter_count == {"F32": 90_000}


def test_models_are_found_by_tag_author_and_words(first: str, api: HfApi, hub: Hub) -> None:
    hub.publish("other/gan", {"README.md": b"---\ntags: [gan]\n---\n"})
    models = list(api.list_models(filter=["aezoo"], full=True, cardData=True))
    assert [(model.id, model.sha) for model in models] == [(REPO, first)]
    assert models[0].card_data is not None
    assert [model.id for model in api.list_models(author="other")] == ["other/gan"]
    assert [model.id for model in api.list_models(search="tiny")] == [REPO]
    assert list(api.list_models(author="nobody")) == []
    assert list(api.list_models(filter=["aezoo", "gan"])) == []


def test_a_list_tells_little_unless_more_is_asked_for_and_comes_in_pages(first: str, api: HfApi, hub: Hub) -> None:
    for number in range(4):
        hub.publish(f"many/{number}", {})
    models = list(api.list_models())
    assert len(models) == 5
    assert len(hub.requests("GET", "^/api/models$")) == 2
    assert {(model.sha, model.card_data, model.siblings is None) for model in models} == {(None, None, True)}
    (model,) = api.list_models(filter="aezoo", expand=["cardData", "safetensors"])
    assert (model.card_data is not None, model.tags) == (True, None)
    assert len(list(api.list_models(limit=2))) == 2
