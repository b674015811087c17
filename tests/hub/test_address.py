"""What a person calls a model, and what is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aezoo as zoo
from aezoo.errors import AezooError, NotFound, UsageError
from aezoo.zoo.address import Embedded, Local, Remote, address, remote
from tests.hub.conftest import Run
from tests.hub_server.hub import Hub

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("acme/tiny", Remote("acme", "tiny", "main")),
        ("acme/tiny@v1", Remote("acme", "tiny", "v1")),
        ("acme/tiny@refs/pr/1", Remote("acme", "tiny", "refs/pr/1")),
        ("acme/tiny@a/b", Remote("acme", "tiny", "a/b")),
        (f"acme/tiny@{COMMIT}", Remote("acme", "tiny", COMMIT)),
        ("hub:acme/tiny", Remote("acme", "tiny", "main")),
        ("hub:here/model", Remote("here", "model", "main")),
        ("a.b_c-d/1.2", Remote("a.b_c-d", "1.2", "main")),
        ("here", Local(Path("here"))),
        ("here/model", Local(Path("here/model"))),
        ("./tiny-box", Local(Path("./tiny-box"))),
        ("../x", Local(Path("../x"))),
        ("/x", Local(Path("/x"))),
        ("~/x", Local(Path("~/x"))),
        ("a/b/c", Local(Path("a/b/c"))),
        ("acme/", Local(Path("acme/"))),
        ("acme\\tiny", Local(Path("acme\\tiny"))),
        ("acme/model.safetensors", Local(Path("acme/model.safetensors"))),
        ("model.safetensors", Local(Path("model.safetensors"))),
        ("tiny-box", Embedded("tiny-box")),
    ],
)
def test_a_name_means_what_the_table_says(
    text: str, meant: object, box: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert address(text) == meant


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", UsageError, "is empty"),
        ("tiny-boks", NotFound, "no model of the zoo is called so"),
        ("tiny-box@v1", UsageError, "has no revisions"),
        ("here/typo", NotFound, "no such folder in here"),
        ("here/typo@v1", NotFound, "no such folder in here"),
        ("acme/ti ny", UsageError, "is no part of owner/name"),
        ("acme/a--b", UsageError, "is no part of owner/name"),
        ("acme/a..b", UsageError, "is no part of owner/name"),
        ("acme/-b", UsageError, "is no part of owner/name"),
        ("acme/" + "b" * 97, UsageError, "is no part of owner/name"),
        ("acme/tiny@", UsageError, "is no tag, branch or commit"),
        ("acme/tiny@../x", UsageError, "is no tag, branch or commit"),
        ("acme/tiny@a//b", UsageError, "is no tag, branch or commit"),
        ("acme/tiny@a@b", UsageError, "is no tag, branch or commit"),
        ("acme/tiny@v1\n", UsageError, "is no tag, branch or commit"),
        ("acme/tiny\n", UsageError, "is no part of owner/name"),
        ("hub:tiny", UsageError, "is no part of owner/name"),
        ("hub:", UsageError, "is no part of owner/name"),
        ("hub:a/b/c", UsageError, "is no part of owner/name"),
        ("https://huggingface.co/acme/tiny", UsageError, "is an address, not the name of a model"),
        ("hf://acme/tiny", UsageError, "is an address, not the name of a model"),
        ("./" + "x" * 300, NotFound, "no such"),
        ("./a\0b", NotFound, "no such"),
    ],
)
def test_what_is_no_name_is_told_so(
    text: str, error: type[AezooError], message: str, box: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message) as caught:
        zoo.load(text, device="cpu")
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_path_mistyped_is_never_asked_from_the_hub(
    hub: Hub, aezoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    for command in (("pull",), ("show",), ("sample", "--out", "x.npy")):
        result = aezoo(command[0], "runs/typo", *command[1:])
        assert result.code == 3, result.err
        assert "runs/typo" in result.err
    assert "`hub:runs/typo@main` asks the Hub" in aezoo("pull", "runs/typo").err
    assert not hub.log
    assert "has no such model" in aezoo("pull", "hub:runs/typo").err
    assert len(hub.log) == 1


TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="aA0-_./@:~\\ \0\n\x1b", max_size=120),
    st.from_regex(r"(hub:)?[\w.-]{0,100}/[\w.-]{0,100}(@[\w./-]{0,100})?", fullmatch=True),
    st.characters(categories=["Cs"]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_any_text_is_a_name_or_an_error_of_ours(text: str) -> None:
    try:
        meant = address(text)
    except (UsageError, NotFound):
        return
    assert isinstance(meant, (Local, Embedded, Remote))
    if isinstance(meant, Remote):
        assert remote(str(meant)) == meant
        assert not {"", ".", ".."} & {*meant.repo.split("/"), *meant.revision.split("/")[:-1]}


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_any_text_that_the_hub_is_meant_by_is_a_repository_or_an_error_of_ours(text: str) -> None:
    try:
        meant = address(f"hub:{text}")
    except UsageError:
        return
    assert isinstance(meant, Remote)
