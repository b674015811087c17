"""push: one commit of an explicit list, or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import HfApi

import aezoo as zoo
from aezoo.errors import AezooError, HubError, NotFound, Refused, UsageError
from aezoo.files import digest_of
from aezoo.storage import layout
from aezoo.storage.card import BEGIN
from aezoo.zoo.pushing import PushWarning, plan
from tests.hub.conftest import REPO, VECTOR, Run, commits, publish, remote_files
from tests.hub_server import faults
from tests.hub_server.fixtures import TOKEN
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Refusal, Request

PICTURE = "samples/samples.png"


def test_a_push_is_one_commit_of_the_files_of_a_model_and_of_nothing_else(hub: Hub, login: str, tiny: Path) -> None:
    for name in ("metrics.jsonl", "training.safetensors", "aezoo.lock.json", "notes.txt"):
        (tiny / name).write_text("{}")
    (tiny / "aezoo.lock.json").unlink()
    done = zoo.push(tiny, REPO)
    assert done.left == ("metrics.jsonl", "notes.txt", "training.safetensors")
    assert commits(hub) == 1
    (sent,) = hub.requests("POST", "/commit/")
    header, *lines = sent.lines()
    assert header["key"] == "header"
    assert header["value"]["parentCommit"] == hub.repository(REPO).head.parent
    assert {line["value"]["path"] for line in lines} == {file.name for file in layout.survey(tiny).files}


def test_what_stays_here_is_named_by_a_push_and_by_a_dry_run(hub: Hub, login: str, tiny: Path, aezoo: Run) -> None:
    (tiny / "metrics.jsonl").write_text("{}")
    assert "stays here: metrics.jsonl\n" in aezoo("push", tiny, REPO, "--dry-run").out
    done = aezoo("push", tiny, REPO)
    assert done.err.splitlines()[0] == "stays here: metrics.jsonl"
    assert done.out.startswith(f"{REPO}@")


def test_a_model_that_was_pulled_can_be_pushed_and_its_lock_stays(hub: Hub, login: str, published: str) -> None:
    done = zoo.push(zoo.pull(REPO), "acme/copy")
    assert done.left == ("aezoo.lock.json",)
    assert "aezoo.lock.json" not in remote_files(hub, "acme/copy")


# --- somebody else ---------------------------------------------------------------------------------------


def test_who_pushes_between_is_not_overwritten(hub: Hub, login: str, tiny: Path, other: Path, aezoo: Run) -> None:
    zoo.push(tiny, REPO)
    theirs: list[str] = []

    def somebody(request: Request) -> None:
        if request.path.endswith("/preupload/main"):
            theirs.append(hub.publish(REPO, {"theirs.txt": b"theirs"}).oid)

    start = len(hub.log)
    for number in range(1, 12):
        hub.at_request(number, somebody)
    done = aezoo("push", other, REPO, "--tag", "v2")
    assert done.code == 5
    assert done.err.splitlines() == [
        f"error: {REPO} was changed by somebody else meanwhile; nothing was published",
        "hint: look at what changed, then push again",
    ]
    assert hub.repository(REPO).head.oid == theirs[0]
    assert remote_files(hub)["model.safetensors"] == (tiny / "model.safetensors").read_bytes()
    assert "refs/tags/v2" not in hub.repository(REPO).refs
    assert len(hub.log) > start
    again = zoo.push(other, REPO, tag="v2")
    assert remote_files(hub)["theirs.txt"] == b"theirs"
    assert hub.repository(REPO).refs["refs/tags/v2"] == again.commit


def test_what_the_hub_stored_otherwise_is_noticed(hub: Hub, login: str, tiny: Path, aezoo: Run) -> None:
    def spoil(request: Request) -> None:
        if "/paths-info/" in request.path and commits(hub):
            head = hub.repository(REPO).head
            head.tree["config.json"] = hub.entry("config.json", b"{}")

    for number in range(1, 30):
        hub.at_request(number, spoil)
    done = aezoo("push", tiny, REPO, "--tag", "v1")
    assert done.code == 5
    assert "the Hub holds another config.json than the one sent" in done.err
    assert "refs/tags/v1" not in hub.repository(REPO).refs
    hub.arrivals.clear()
    assert zoo.push(tiny, REPO).changed
    assert remote_files(hub)["config.json"] == (tiny / "config.json").read_bytes()


# --- tags, pull requests, private ones -------------------------------------------------------------------


def test_a_tag_is_set_once_and_stays_where_it_is(hub: Hub, login: str, tiny: Path, other: Path, aezoo: Run) -> None:
    first = zoo.push(tiny, REPO, tag="v1")
    assert (first.tag, hub.repository(REPO).refs["refs/tags/v1"]) == ("v1", first.commit)
    same = zoo.push(tiny, REPO, tag="v1")
    assert (same.changed, same.commit) == (False, first.commit)
    assert zoo.push(tiny, REPO, tag="v1.0").commit == first.commit
    refused = aezoo("push", other, REPO, "--tag", "v1")
    assert refused.code == 7
    assert f"{REPO} has a tag 'v1' already, at {first.commit[:12]}" in refused.err
    assert (commits(hub), hub.repository(REPO).head.oid) == (1, first.commit), "it was refused before the commit"
    second = zoo.push(other, REPO, tag="v2")
    assert hub.repository(REPO).named("tags") == {"v1": first.commit, "v1.0": first.commit, "v2": second.commit}
    with pytest.raises(Refused, match="has a tag 'v1' already"):
        zoo.push(other, REPO, tag="v1")


@pytest.mark.parametrize("tag", ["", "main", "a b", "../x", "-x", "v1@2", "x" * 100])
def test_what_is_no_tag_is_refused_before_anything_is_asked(hub: Hub, login: str, tiny: Path, tag: str) -> None:
    with pytest.raises(UsageError, match="is no tag"):
        zoo.push(tiny, REPO, tag=tag)
    assert not hub.log


def test_a_tag_that_could_not_be_set_is_set_by_the_next_push(hub: Hub, login: str, tiny: Path, aezoo: Run) -> None:
    def refuse(request: Request) -> None:
        if "/tag/" in request.path:
            raise Refusal(403, "not today")

    for number in range(1, 30):
        hub.at_request(number, refuse)
    result = aezoo("push", tiny, REPO, "--tag", "v1")
    assert (result.code, commits(hub)) == (5, 1)
    head = hub.repository(REPO).head.oid
    message, hint = result.err.splitlines()
    assert message.endswith(f"{REPO}@{head} is published, and may be public, without its tag 'v1'")
    assert "check the name; or the token in use" in hint
    assert hint.endswith("the same command again sets the tag")
    hub.arrivals.clear()
    done = zoo.push(tiny, REPO, tag="v1")
    assert (done.changed, hub.repository(REPO).named("tags")) == (False, {"v1": head})


def test_a_tag_without_a_token_is_told_of_the_token(
    hub: Hub, tiny: Path, published: str, aezoo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: object, **__: object) -> None:
        """The Hub says to anybody that it is there."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", TOKEN)
        zoo.push(tiny, REPO)
    monkeypatch.setattr(HfApi, "create_repo", create)
    result = aezoo("push", tiny, REPO, "--tag", "v7")
    assert result.code == 5
    assert "no token was used" in result.err.splitlines()[1], result.err


def test_what_a_push_says_names_its_tag(hub: Hub, login: str, tiny: Path, aezoo: Run) -> None:
    assert f"`aezoo pull {REPO}@v1` fetches it" in aezoo("push", tiny, REPO, "--tag", "v1").err
    assert aezoo("push", tiny, REPO, "--tag", "v2").err == "nothing is new: no commit was made; tagged v2\n"
    assert aezoo("push", tiny, REPO).err == "nothing is new: no commit was made\n"


def test_a_dry_run_refuses_the_tag_that_a_push_refuses(tiny: Path, aezoo: Run) -> None:
    for words in (("--tag", "main"), ("--tag", "v1", "--create-pr")):
        result = aezoo("push", tiny, REPO, "--dry-run", *words)
        assert (result.code, result.out) == (2, "")


def test_the_hub_may_be_named_before_the_repository(hub: Hub, login: str, tiny: Path) -> None:
    done = zoo.push(tiny, f"hub:{REPO}")
    assert done.repo == plan(tiny, f"hub:{REPO}").repo == REPO
    assert f'aezoo.load("{REPO}")' in remote_files(hub)["README.md"].decode()


def test_a_pull_request_leaves_main_where_it_is(hub: Hub, login: str, tiny: Path, other: Path, aezoo: Run) -> None:
    first = zoo.push(tiny, REPO)
    done = aezoo("push", other, REPO, "--create-pr")
    proposed = hub.repository(REPO).named("pr")["1"]
    assert (done.code, done.out) == (0, f"{REPO}@{proposed}\n")
    assert done.err.startswith(f"pull request: {hub.url}/{REPO}/discussions/1")
    assert hub.repository(REPO).head.oid == first.commit
    assert zoo.pull(f"{REPO}@refs/pr/1").name == proposed
    with pytest.raises(UsageError, match="a pull request has no tag"):
        zoo.push(other, REPO, request=True, tag="v2")


def test_a_private_push_makes_a_private_repository_and_never_a_public_commit(
    hub: Hub, login: str, tiny: Path, other: Path, aezoo: Run
) -> None:
    assert aezoo("push", tiny, REPO, "--private").code == 0
    assert hub.repository(REPO).private
    assert zoo.push(other, REPO, private=True).changed
    zoo.push(tiny, "acme/open")
    refused = aezoo("push", other, "acme/open", "--private")
    assert refused.code == 7
    assert "acme/open is there already, and everybody can see it: nothing was published" in refused.err
    assert commits(hub, "acme/open") == 1


# --- dry run ---------------------------------------------------------------------------------------------


def test_a_dry_run_asks_nobody_and_tells_every_file_with_its_hash_and_the_card(
    hub: Hub, tiny: Path, aezoo: Run, no_sockets: None
) -> None:
    result = aezoo("push", tiny, REPO, "--dry-run")
    assert (result.code, result.err) == (0, "")
    for file in layout.survey(tiny).files:
        if file.name != layout.CARD:
            assert f"{file.name}" in result.out
            assert f"{file.size:,}" in result.out
            assert file.sha256 in result.out
    assert f'model = aezoo.load("{REPO}")' in result.out
    assert 'license: "mit"' in result.out
    document = json.loads(aezoo("push", tiny, REPO, "--dry-run", "--json").out)
    assert {row["name"] for row in document["files"]} == {file.name for file in layout.survey(tiny).files}
    assert document["card"] in result.out
    assert not hub.log


def test_words_of_a_folder_move_no_cursor_in_a_dry_run(tiny: Path, aezoo: Run) -> None:
    (tiny / "\x1b[2Jnotes.txt").write_text("x")
    card = tiny / "README.md"
    card.write_text(card.read_text() + "\n\x1b]0;owned\x07\u202e\n")
    result = aezoo("push", tiny, REPO, "--dry-run")
    assert result.code == 0
    assert all(line.isprintable() for line in result.out.splitlines())
    assert "stays here: \\x1b[2Jnotes.txt" in result.out


def test_a_dry_run_foretells_what_a_push_does(hub: Hub, login: str, tiny: Path) -> None:
    foretold = plan(tiny, REPO)
    zoo.push(tiny, REPO)
    there = remote_files(hub)
    del there[".gitattributes"]
    assert {file.name: file.size for file in foretold.files} == {name: len(data) for name, data in there.items()}
    assert there["README.md"].decode() == foretold.card


def test_a_dry_run_refuses_what_a_push_refuses(tiny: Path, hub: Hub, aezoo: Run) -> None:
    (tiny / ".env").write_text("SECRET=1")
    result = aezoo("push", tiny, REPO, "--dry-run")
    assert (result.code, result.out) == (7, "")
    assert ".env is hidden" in result.err


# --- what is there ---------------------------------------------------------------------------------------


def test_what_is_gone_here_goes_there_and_what_is_not_ours_stays(hub: Hub, login: str, tiny: Path) -> None:
    zoo.push(tiny, REPO)
    hub.publish(REPO, {"paper.pdf": b"%PDF", "samples/mine.png": b"mine", ".github/ci.yml": b"on: push"})
    attributes = remote_files(hub)[".gitattributes"]
    (tiny / PICTURE).unlink()
    zoo.push(tiny, REPO)
    there = remote_files(hub)
    assert PICTURE not in there
    assert (there["paper.pdf"], there["samples/mine.png"], there[".github/ci.yml"]) == (b"%PDF", b"mine", b"on: push")
    assert there[".gitattributes"] == attributes
    assert PICTURE.encode() not in there["README.md"]


def edited(hub: Hub, change: Callable[[str], str]) -> None:
    """Somebody edits the card on the Hub's own page."""
    hub.publish(REPO, {"README.md": change(remote_files(hub)["README.md"].decode()).encode()})


def test_what_people_wrote_around_the_card_on_the_hub_survives(hub: Hub, login: str, tiny: Path, other: Path) -> None:
    zoo.push(tiny, REPO)
    edited(hub, lambda card: card.replace(BEGIN, f"A word before.\n\n{BEGIN}"))
    edited(hub, lambda card: card + "\n## Thanks\n\nTo äll.\n")
    zoo.push(other, REPO)
    card = remote_files(hub)["README.md"].decode()
    assert card.startswith("---\nlibrary_name: aezoo\n")
    assert card.count("A word before.") == card.count("## Thanks\n\nTo äll.") == card.count("## Architecture") == 1
    assert not zoo.push(other, REPO).changed


def test_what_people_wrote_around_the_card_here_goes_along_the_first_time(hub: Hub, login: str, tiny: Path) -> None:
    path = tiny / "README.md"
    path.write_text(path.read_text() + "\n## Notes of mine\n")
    zoo.push(tiny, REPO)
    assert "## Notes of mine" in remote_files(hub)["README.md"].decode()
    assert not zoo.push(tiny, REPO).changed


def test_of_two_texts_around_the_card_that_on_the_hub_is_kept_with_a_warning(hub: Hub, login: str, tiny: Path) -> None:
    path = tiny / "README.md"
    path.write_text(path.read_text() + "\n## Notes of mine\n")
    zoo.push(tiny, REPO)
    edited(hub, lambda card: card + "\n## Theirs\n")
    with pytest.warns(PushWarning, match="around the card on the Hub is kept"):
        assert not zoo.push(tiny, REPO).changed
    assert "## Theirs" in remote_files(hub)["README.md"].decode()


def test_a_card_that_somebody_wrote_without_us_is_kept_below_ours(hub: Hub, login: str, tiny: Path) -> None:
    hub.publish(REPO, {"README.md": b"---\nlicense: mit\n---\n# By hand\r\n\r\nWords.\r\n"})
    zoo.push(tiny, REPO)
    card = remote_files(hub)["README.md"].decode()
    assert card.index("## Architecture") < card.index("# By hand\n\nWords.")
    assert card.count("license:") == 1
    assert not zoo.push(tiny, REPO).changed


# --- what is refused -------------------------------------------------------------------------------------


def build(tmp_path: Path, **changes: Any) -> Path:
    spec = {**VECTOR, "name": "changed", **changes}
    model = zoo.build(zoo.read({key: value for key, value in spec.items() if value is not None}))
    return zoo.save(model, tmp_path / "changed")


def test_a_model_without_a_licence_is_not_published_until_somebody_names_one(
    hub: Hub, login: str, tmp_path: Path, aezoo: Run
) -> None:
    folder = build(tmp_path, license=None)
    result = aezoo("push", folder, REPO)
    assert (result.code, len(result.err.splitlines())) == (7, 2)
    assert "names no licence" in result.err
    assert "--license apache-2.0" in result.err
    assert not hub.log
    assert aezoo("push", folder, REPO, "--license", "cc-by-4.0").code == 0
    card = remote_files(hub)["README.md"].decode()
    assert 'license: "cc-by-4.0"' in card
    assert "## Licence\n\ncc-by-4.0" in card
    assert not zoo.push(folder, REPO, license="cc-by-4.0").changed
    assert json.loads((folder / "config.json").read_text())["spec"]["license"] == "", "the folder stays as it was"
    pulled = zoo.pull(REPO)
    assert zoo.load(pulled, device="cpu").spec.license == "cc-by-4.0"
    assert "licence: cc-by-4.0" in aezoo("show", REPO).out
    (row,) = [one for one in json.loads(aezoo("list", "models", "--json").out)["models"] if one["name"] == REPO]
    assert row["license"] == "cc-by-4.0"


def test_a_licence_that_the_hub_does_not_know_is_refused(hub: Hub, login: str, tmp_path: Path, aezoo: Run) -> None:
    folder = build(tmp_path, license="Appache-2.0")
    result = aezoo("push", folder, REPO)
    assert result.code == 7
    assert "did you mean 'apache-2.0'?" in result.err
    for words in ((), ("--dry-run",)):
        result = aezoo("push", folder, REPO, "--license", "foo-bar", *words)
        assert (result.code, result.out) == (2, "")
        assert "the Hub knows no licence by that id" in result.err
    assert not hub.log
    assert aezoo("push", folder, REPO, "--license", "Apache-2.0").code == 0, "in place of what nobody knows"
    assert 'license: "apache-2.0"' in remote_files(hub)["README.md"].decode()
    assert zoo.load(REPO, device="cpu").spec.license == "apache-2.0"


def test_a_model_of_the_box_is_published_by_another_command(tiny: Path, box: str, aezoo: Run) -> None:
    result = aezoo("push", box, REPO)
    assert result.code == 3
    assert f"`aezoo zoo publish {box} NAMESPACE`" in result.err


def test_a_licence_that_the_spec_contradicts_is_refused(hub: Hub, login: str, tiny: Path, aezoo: Run) -> None:
    result = aezoo("push", tiny, REPO, "--license", "apache-2.0")
    assert result.code == 2
    assert "the spec says 'mit', --license 'apache-2.0'" in result.err
    assert aezoo("push", tiny, REPO, "--license", "mit").code == 0


def _link(folder: Path) -> None:
    (folder / "extra.txt").symlink_to("/etc/passwd")


def _linked_folder(folder: Path) -> None:
    shutil.rmtree(folder / "samples")
    (folder / "samples").symlink_to("/etc")


def _linked_weights(folder: Path) -> None:
    shutil.move(folder / "model.safetensors", folder.parent / "elsewhere")
    (folder / "model.safetensors").symlink_to(folder.parent / "elsewhere")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _hidden_folder(folder: Path) -> None:
    (folder / ".git").mkdir()


def _large(folder: Path) -> None:
    with (folder / PICTURE).open("ab") as file:
        file.truncate(9 << 20)


def _flipped(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)


def _cut(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-4])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_link, "is a symbolic link"),
        (_linked_folder, "is a symbolic link"),
        (_linked_weights, "is a symbolic link"),
        (_pipe, "is no regular file"),
        (lambda folder: (folder / ".env").write_text("x"), "is hidden"),
        (_hidden_folder, "is hidden"),
        (lambda folder: (folder / "old.PT").write_bytes(b"x"), "may hold pickled code"),
        (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"x"), "may hold pickled code"),
        (_large, "samples/samples.png has 8 MiB at most"),
        (_flipped, "its sha256 is another"),
        (_cut, "is refused"),
        (lambda folder: (folder / PICTURE).write_bytes(b"GIF89a"), "is no PNG picture"),
        (lambda folder: (folder / "metrics.json").write_text("{"), "is no JSON object"),
    ],
)
def test_a_folder_that_must_not_be_published_is_refused_before_anybody_is_asked(
    hub: Hub, login: str, tiny: Path, aezoo: Run, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(tiny)
    refused = aezoo("push", tiny, REPO)
    assert refused.code == 7, refused.err
    assert message in refused.err
    assert refused.err.startswith("error: ")
    assert "Traceback" not in refused.err
    assert not hub.log


def test_a_folder_that_is_no_model_is_not_found(hub: Hub, login: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such folder"):
        zoo.push(tmp_path / "none", REPO)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match=r"holds no config\.json"):
        zoo.push(tmp_path / "empty", REPO)
    assert not hub.log


@pytest.mark.parametrize("repo", ["tiny", "a/b/c", "acme/", "/tiny", "acme/ti ny", "acme/tiny@v1", "acme/a--b", ""])
def test_what_is_no_repository_is_refused(hub: Hub, login: str, tiny: Path, repo: str) -> None:
    with pytest.raises(UsageError):
        zoo.push(tiny, repo)
    assert not hub.log


def test_a_path_of_this_machine_is_not_published_unless_it_is_meant(
    hub: Hub, login: str, tmp_path: Path, aezoo: Run
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((40, 6), dtype="float32"))
    folder = build(tmp_path, data={"type": "arrays", "path": str(tmp_path / "x.npy")})
    result = aezoo("push", folder, REPO)
    assert result.code == 7
    assert "names a path of this machine" in result.err
    assert "--keep-paths" in result.err
    assert not hub.log
    assert aezoo("push", folder, REPO, "--keep-paths").code == 0


def test_a_path_that_stands_in_the_header_of_the_weights_alone_is_found(hub: Hub, login: str, tmp_path: Path) -> None:
    folder = build(tmp_path, data={"type": "arrays", "path": str(tmp_path / "x.npy")})
    plain = build(tmp_path / "plain", data={"type": "arrays", "path": "x.npy"})
    own, config = (json.loads((place / "config.json").read_text()) for place in (folder, plain))
    (folder / "config.json").write_text(json.dumps({**config, "weights": own["weights"]}))
    with pytest.raises(Refused, match=r"model\.safetensors names a path of this machine"):
        zoo.push(folder, REPO)


def test_a_folder_that_was_changed_since_it_was_pulled_is_refused(hub: Hub, login: str, published: str) -> None:
    folder = zoo.pull(REPO)
    (folder / "metrics.json").write_text("{}")
    with pytest.raises(Refused, match="was changed since it was pulled"):
        zoo.push(folder, REPO)
    assert commits(hub) == 1


# --- the Hub says no -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        ("POST", "repos/create"),
        ("GET", "api/models/"),
        ("POST", "paths-info"),
        ("POST", "/preupload/"),
        ("POST", "/batch"),
    ],
)
def test_a_push_that_the_hub_fails_leaves_the_old_repository(
    hub: Hub, login: str, tiny: Path, other: Path, method: str, pattern: str
) -> None:
    zoo.push(tiny, REPO)
    before = hub.repository(REPO).head.oid
    hub.hook(method, pattern, faults.drop() if method == "GET" else faults.refuse(400), times=None)
    with pytest.raises(HubError):
        zoo.push(other, REPO)
    assert hub.repository(REPO).head.oid == before
    hub.hooks.clear()
    assert zoo.push(other, REPO).changed


def test_a_commit_whose_answer_is_lost_is_found_by_the_next_push(hub: Hub, login: str, tiny: Path, other: Path) -> None:
    zoo.push(tiny, REPO)
    hub.hook("POST", "/commit/", faults.drop(), times=None)
    with pytest.raises(AezooError):
        zoo.push(other, REPO)
    hub.hooks.clear()
    assert not zoo.push(other, REPO).changed
    assert commits(hub) == 2


def test_the_bytes_that_were_checked_are_the_bytes_that_are_published(hub: Hub, login: str, tiny: Path) -> None:
    zoo.push(tiny, REPO)
    there = remote_files(hub)
    for name in (layout.CONFIG, layout.WEIGHTS, PICTURE):
        assert there[name] == (tiny / name).read_bytes()
    entry = hub.repository(REPO).head.tree[layout.WEIGHTS]
    assert entry.sha256 == digest_of(tiny / layout.WEIGHTS)


def test_models_published_by_two_people_do_not_mix(hub: Hub, login: str, tiny: Path, other: Path) -> None:
    publish(hub, other, "bob/tiny")
    zoo.push(tiny, REPO)
    assert zoo.pull("bob/tiny") != zoo.pull(REPO)
