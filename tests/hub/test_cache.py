"""The store, and `aezoo cache`, which looks after it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aezoo as zoo
from aezoo.errors import Refused, RunFailed, UsageError
from aezoo.storage import lockfile
from aezoo.storage.model_files import ModelFiles
from aezoo.zoo.cache import STAGE, Shelf, shelf, shelves
from aezoo.zoo.pulling import PullWarning
from tests.hub.conftest import REPO, Run, kept, publish, store
from tests.hub.forks import Forks
from tests.hub_server.fixtures import HubOf
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Reply

# --- ls ---------------------------------------------------------------------------------------------------


def test_ls_lists_what_was_pulled_as_text_and_as_json(
    hub: Hub, published: str, other: Path, box: str, aezoo: Run
) -> None:
    zoo.pull(f"{REPO}@v1")
    newer = publish(hub, other, tag="")
    folder = zoo.pull(REPO)
    zoo.pull(box)
    result = aezoo("cache", "ls")
    assert result.code == 0
    rows = {line.split()[0]: line for line in result.out.splitlines()[1:] if "v1" not in line}
    assert newer[:12] in rows[REPO]
    assert "main" in rows[REPO]
    assert box in rows
    assert "in 3 models" in result.err
    listed = {row["commit"]: row for row in json.loads(aezoo("cache", "ls", "--json").out)}
    assert listed[published]["revisions"] == ["v1"]
    assert (listed[newer]["revisions"], listed[newer]["folder"]) == (["main"], str(folder))
    assert (listed[newer]["name"], listed[newer]["endpoint"]) == (REPO, hub.url)


def test_an_empty_store_is_listed_pruned_and_verified(homes: Path, aezoo: Run) -> None:
    for words in ("ls", "prune", "verify"):
        assert aezoo("cache", words).code == 0
        assert json.loads(aezoo("cache", words, "--json").out) == []
    for words in ("ls", "verify"):
        result = aezoo("cache", words)
        assert (result.out, "nothing was pulled yet" in result.err) == ("", True)


def test_what_lies_in_the_store_and_is_no_model_bothers_nobody(
    hub: Hub, published: str, homes: Path, aezoo: Run
) -> None:
    zoo.pull(REPO)
    models = homes / "aezoo" / "models"
    (models / "stray.txt").write_text("x")
    (models / "hub" / "a--b").mkdir(parents=True)
    (models / "hub" / "file").write_text("x")
    (shelf(REPO, endpoint=hub.url).folder / "refs" / "odd").write_bytes(b"\xff\x00")
    (shelf(REPO, endpoint=hub.url).folder / ("f" * 40)).write_text("no folder")
    assert [row["commit"] for row in json.loads(aezoo("cache", "ls", "--json").out)] == [published]


# --- rm and prune -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        (REPO, ["main", "v1"]),
        (f"hub:{REPO}", ["main", "v1"]),
        (f"{REPO}@v1", ["v1"]),
        (f"{REPO}@main", ["main"]),
        ("COMMIT", ["v1"]),
        ("SHORT", ["v1"]),
    ],
)
def test_rm_removes_what_is_named(
    hub: Hub, published: str, other: Path, homes: Path, aezoo: Run, name: str, gone: list[str]
) -> None:
    commits = {"v1": published, "main": publish(hub, other, tag="")}
    for revision in commits:
        zoo.pull(f"{REPO}@{revision}")
    name = {"COMMIT": published, "SHORT": published[:8]}.get(name, name)
    result = aezoo("cache", "rm", name, "--dry-run")
    assert sorted(result.out.splitlines()) == sorted(f"would remove: {REPO}@{commits[one][:12]}" for one in gone)
    assert len(kept(homes)) == 2
    assert aezoo("cache", "rm", name, name).code == 0, "named twice, removed once"
    assert kept(homes) == [commit for revision, commit in commits.items() if revision not in gone]
    left = {ref.rsplit("/")[-1] for ref in store(homes) if "refs/" in ref}
    assert left == commits.keys() - set(gone)
    assert not [entry for entry in store(homes) if STAGE in entry]


def test_rm_of_what_is_not_there_is_not_found(hub: Hub, published: str, aezoo: Run) -> None:
    zoo.pull(REPO)
    for name in ("acme/tony", f"{REPO}@v9", "0000000", "\x1b[31m"):
        result = aezoo("cache", "rm", name)
        assert result.code == 3
        assert "no such model was pulled" in result.err
    assert f"did you mean '{REPO}'" in aezoo("cache", "rm", "acme/tony").err.lower()


def test_prune_keeps_what_a_revision_leads_to_and_what_was_pinned(
    hub: Hub, published: str, other: Path, built: Path, homes: Path, aezoo: Run
) -> None:
    zoo.pull(f"{REPO}@{published}")
    old = publish(hub, other, tag="")
    zoo.pull(REPO)
    new = publish(hub, built / "variational", tag="")
    zoo.pull(REPO)
    stage = shelf(REPO, endpoint=hub.url).folder / f"{STAGE}0000"
    stage.mkdir()
    assert aezoo("cache", "prune", "--dry-run").out == f"would remove: {REPO}@{old[:12]}\n"
    assert stage.is_dir()
    assert aezoo("cache", "prune").out == f"removed: {REPO}@{old[:12]}\n"
    assert sorted(kept(homes)) == sorted([published, new])
    assert not stage.exists()


def test_rm_of_a_tag_that_looks_like_a_commit_takes_the_tag_alone(
    hub: Hub, published: str, other: Path, homes: Path, aezoo: Run
) -> None:
    newer = publish(hub, other, tag=published[:7])
    for revision in (published, published[:7]):
        zoo.pull(f"{REPO}@{revision}")
    assert aezoo("cache", "rm", f"{REPO}@{published[:3]}").code == 3, "too short for a commit, and no tag"
    assert aezoo("cache", "rm", f"{REPO}@{published[:7]}").out == f"removed: {REPO}@{newer[:12]}\n"
    assert kept(homes) == [published]


def test_an_owner_in_common_makes_no_two_names_alike(hub: Hub, published: str, aezoo: Run) -> None:
    zoo.pull(REPO)
    assert "did you mean" not in aezoo("cache", "rm", "acme/xyz").err


def test_what_was_asked_for_by_its_commit_later_and_what_came_out_of_the_wheel_stay(
    hub: Hub, published: str, other: Path, box: str, homes: Path, aezoo: Run
) -> None:
    zoo.pull(REPO)
    zoo.pull(f"{REPO}@{published}")
    zoo.pull(box)
    newer = publish(hub, other, tag="")
    zoo.pull(REPO)
    result = aezoo("cache", "prune")
    assert (result.out, result.err) == ("", "nothing to remove\n")
    assert len(kept(homes)) == 3
    rows = {row["commit"]: row["revisions"] for row in json.loads(aezoo("cache", "ls", "--json").out)}
    assert (rows[published], rows[newer]) == ([], ["main"])
    assert aezoo("cache", "rm", f"{REPO}@{published}").code == 0
    assert shelf(REPO, endpoint=hub.url).ref(published) is None


def test_what_somebody_asks_for_while_it_is_judged_is_not_removed(hub: Hub, published: str, other: Path) -> None:
    folder = zoo.pull(REPO)
    repository = shelf(REPO, endpoint=hub.url)
    publish(hub, other, tag="")
    zoo.pull(REPO)
    assert [one.wanted for one in repository.kept() if one.commit == published] == [False]
    zoo.pull(f"{REPO}@{published}")
    assert not repository.remove(published, unwanted=True)
    assert folder.is_dir()


def test_a_note_that_was_never_finished_is_no_revision_and_goes(hub: Hub, published: str, aezoo: Run) -> None:
    zoo.pull(REPO)
    torn = shelf(REPO, endpoint=hub.url).folder / "refs" / ".0123456789abcdef.tmp"
    torn.write_text(published)
    (row,) = json.loads(aezoo("cache", "ls", "--json").out)
    assert row["revisions"] == ["main"]
    assert aezoo("cache", "prune").code == 0
    assert not torn.exists()


# --- verify -----------------------------------------------------------------------------------------------


def _flip(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)


def _unlock(folder: Path) -> None:
    data = (folder / "aezoo.lock.json").read_text()
    (folder / "aezoo.lock.json").write_text(data.replace("acme", "evil"))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_flip, "the sha256 of model.safetensors is another than the one noted"),
        (lambda folder: (folder / "config.json").write_text("{}"), "config.json has 2 bytes, not"),
        (lambda folder: (folder / "README.md").unlink(), "README.md is missing"),
        (lambda folder: (folder / "metrics.json").write_text("{}"), "metrics.json is not in the lock"),
        (_unlock, "its lock is damaged"),
        (lambda folder: (folder / "aezoo.lock.json").unlink(), "its lock is damaged"),
    ],
)
def test_what_was_changed_is_found_and_healed_by_the_next_pull(
    hub: Hub, published: str, aezoo: Run, spoil: Callable[[Path], object], fault: str, homes: Path
) -> None:
    folder = zoo.pull(REPO)
    good = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.name != "aezoo.lock.json"}
    assert aezoo("cache", "verify").out == f"ok: {REPO}@{published[:12]}\n"
    spoil(folder)
    result = aezoo("cache", "verify", REPO)
    assert result.code == 1
    assert result.out.startswith(f"damaged: {REPO}@{published[:12]}; {fault}")
    assert result.err.splitlines()[0] == "error: 1 of 1 models are not as they were pulled"
    (row,) = json.loads(aezoo("cache", "verify", "--json").out)
    assert row["faults"][0].startswith(fault)
    healed = aezoo("pull", REPO)
    assert (healed.code, healed.out) == (0, f"{folder}\n")
    warned = [line for line in healed.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == (not (fault == "its lock is damaged" and spoil is not _unlock))
    assert {path.name: path.read_bytes() for path in folder.glob("*.*") if path.name != "aezoo.lock.json"} == good
    assert aezoo("cache", "verify").code == 0
    assert not [entry for entry in store(homes) if STAGE in entry]


def test_a_damaged_model_is_not_loaded_but_fetched_again_with_a_warning(hub: Hub, published: str) -> None:
    folder = zoo.pull(REPO)
    for source in (REPO, f"{REPO}@{published}"):
        _flip(folder)
        with pytest.warns(PullWarning, match="it is fetched again") as warned:
            zoo.load(source, device="cpu")
        assert len(warned) == 1
    _flip(folder)
    with pytest.raises(Refused, match="was changed since it was pulled"):
        zoo.load(folder, device="cpu")


# --- where it cannot be written to ------------------------------------------------------------------------


def test_a_store_that_is_a_file_is_told_of(hub: Hub, published: str, tmp_path: Path, forks: Forks) -> None:
    (tmp_path / "file").write_text("x")
    result = forks.run("pull", REPO, AEZOO_HOME=str(tmp_path / "file"))
    assert result.code == 6
    assert "cannot be written to" in result.err
    assert "AEZOO_HOME names another folder" in result.err


def mounted(folder: Path, *options: str) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    if not shutil.which("mount") or not mounted(folder, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_store_that_can_only_be_read_serves_what_it_has(
    hub: Hub, published: str, other: Path, disk: Path, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEZOO_HOME", str(disk))
    folder = zoo.pull(REPO)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert zoo.pull(REPO) == folder
    for revision in ("v1", published):
        assert zoo.pull(f"{REPO}@{revision}") == folder, "a revision that cannot be noted is served all the same"
    newer = publish(hub, other)
    for words in (("pull", REPO), ("pull", f"{REPO}@{newer}"), ("cache", "rm", REPO)):
        result = forks.run(*words)
        assert result.code == 6, result.err
        assert "Read-only file system" in result.err
        assert len(result.err.splitlines()) == 2
    assert zoo.load(f"{REPO}@{published}", device="cpu")


def test_a_model_that_does_not_fit_is_refused_before_it_is_fetched(
    hub: Hub, published: str, disk: Path, forks: Forks
) -> None:
    (disk / "filled").write_bytes(bytes((1 << 20) - 12_000))
    result = forks.run("pull", REPO, AEZOO_HOME=str(disk))
    assert result.code == 6
    assert "are to be fetched" in result.err
    assert "make room" in result.err
    assert not hub.requests("GET", "/resolve/")
    assert not [*disk.rglob("config.json")]


@pytest.mark.parametrize("pattern", ["hub /acme/tiny/resolve/.*/README", "cdn /"])
def test_a_disk_that_fills_up_on_the_way_leaves_no_torn_model(
    hub: Hub, published: str, disk: Path, forks: Forks, pattern: str
) -> None:
    def fill(reply: Reply) -> None:
        with (disk / "filled").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                return

    hub.hook("GET", pattern, fill)
    result = forks.run("pull", REPO, AEZOO_HOME=str(disk))
    assert result.code == 6, result.err
    assert "AEZOO_HOME names another folder" in result.err
    assert not [*disk.rglob("config.json")]
    (disk / "filled").unlink()
    assert forks.run("pull", REPO, AEZOO_HOME=str(disk)).code == 0


# --- names ------------------------------------------------------------------------------------------------


def test_revisions_of_odd_names_are_noted_apart(hub: Hub, published: str, other: Path, homes: Path) -> None:
    refs = hub.repository(REPO).refs
    newer = publish(hub, other, tag="")
    for number, name in enumerate(("a/b", "a-b", "a.b", "A_B", "v1.0-rc/2", "x" * 96, "a/" * 47 + "a")):
        refs[f"refs/tags/{name}"] = (published, newer)[number % 2]
    refs["refs/pr/1"] = published
    for full, commit in refs.items():
        name = full if full.startswith("refs/pr/") else full.split("/", 2)[2]
        assert zoo.pull(f"{REPO}@{name}").name == commit
    noted = shelf(REPO, endpoint=hub.url).refs()
    assert noted["refs/pr/1"] == noted["a/b"] == noted["a.b"] == published
    assert noted["a-b"] == noted["A_B"] == noted["main"] == newer
    assert all(path.is_file() for path in shelf(REPO, endpoint=hub.url).folder.glob("refs/*"))


def test_models_of_two_hubs_are_not_mixed(
    hub_of: HubOf, built: Path, other: Path, homes: Path, aezoo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hub_of()
    publish(first, built / "variational")
    one = zoo.pull(REPO)
    second = hub_of()
    publish(second, other)
    two = zoo.pull(REPO)
    assert one != two
    assert (one / "model.safetensors").read_bytes() != (two / "model.safetensors").read_bytes()
    monkeypatch.setenv("AEZOO_OFFLINE", "1")
    assert zoo.pull(REPO) == two
    monkeypatch.setenv("HF_ENDPOINT", first.url)
    assert zoo.pull(REPO) == one
    listed = json.loads(aezoo("cache", "ls", "--json").out)
    assert {(row["name"], row["endpoint"]) for row in listed} == {(REPO, first.url), (REPO, second.url)}


@pytest.mark.parametrize(
    "others",
    [
        ("https://host/a", "https://host/b"),
        ("https://host:1", "https://host:2"),
        ("https://host", "https://host/api"),
    ],
)
def test_hubs_of_one_host_have_places_of_their_own(homes: Path, others: tuple[str, str]) -> None:
    one, two = (shelf(REPO, endpoint=endpoint).folder for endpoint in others)
    assert one.parent != two.parent
    assert one.parent.parent == two.parent.parent == homes / "aezoo" / "models"


@pytest.mark.parametrize("name", ["acme/tiny", "a-/b", "a/b-c", "a.b/c_d", "box"])
def test_a_place_knows_whose_it_is(homes: Path, name: str) -> None:
    assert Shelf(shelf(name).folder).name == name
    assert shelves() == []


# --- copies -----------------------------------------------------------------------------------------------


def test_a_copy_takes_an_empty_folder_and_no_other(hub: Hub, published: str, tmp_path: Path, aezoo: Run) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    (tmp_path / "file").write_text("x")
    assert aezoo("pull", REPO, "--to", tmp_path / "empty").out == f"{tmp_path / 'empty'}\n"
    assert lockfile.verify(tmp_path / "empty")
    requests = len(hub.log)
    for name in ("full", "file"):
        result = aezoo("pull", REPO, "--to", tmp_path / name)
        assert result.code == 7
        assert "exists and is not empty" in result.err
    assert len(hub.log) == requests, "it was refused before anything was asked"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []


def test_what_a_killed_copy_left_is_in_nobodys_way(hub: Hub, published: str, tmp_path: Path) -> None:
    (tmp_path / f"{STAGE}copy").mkdir()
    assert zoo.pull(REPO, to=tmp_path / "copy") == tmp_path / "copy"


def test_a_copy_of_a_model_in_the_box_is_the_model(box: str, homes: Path, tmp_path: Path) -> None:
    folder = zoo.pull(box, to=tmp_path / "copy")
    assert zoo.load(folder, device="cpu").spec == zoo.load(box, device="cpu").spec


def test_a_folder_is_not_pulled(tiny: Path, homes: Path) -> None:
    with pytest.raises(UsageError, match="is a folder, not a name"):
        zoo.pull(str(tiny))


def test_what_is_no_name_and_not_there_is_not_found(homes: Path, aezoo: Run) -> None:
    result = aezoo("pull", "a/b/c")
    assert result.code == 3
    assert result.err.splitlines() == [
        "error: a/b/c: no such model",
        "hint: vae-mnist, or owner/name@revision of the Hub",
    ]


def test_limits_hold_for_what_is_here_too(hub: Hub, published: str, box: str, aezoo: Run) -> None:
    for name in (REPO, box):
        assert aezoo("pull", name).code == 0
        result = aezoo("pull", name, "--limit", "parameters=1")
        assert result.code == 1, result.err
        assert "parameters" in result.err


def test_a_copy_of_what_is_in_the_box_is_found_in_a_store_that_can_only_be_read(
    box: str, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEZOO_HOME", str(disk))
    folder = zoo.pull(box)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert zoo.pull(box) == folder


def test_the_name_of_a_spec_is_not_taken_for_a_models(homes: Path, aezoo: Run) -> None:
    assert "hint: `aezoo train vanilla-digits`" in aezoo("pull", "vanilla-digits").err


def test_a_copy_to_where_nothing_can_be_made_is_told_of(hub: Hub, published: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunFailed, match="cannot be written to"):
        zoo.pull(REPO, to=tmp_path / "file" / "copy")


def test_the_store_is_where_the_variables_say(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aezoo.files import cache_folder

    assert cache_folder() == homes / "aezoo"
    monkeypatch.delenv("AEZOO_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(homes / "cache"))
    assert cache_folder() == homes / "cache" / "aezoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path(os.path.expanduser("~")) / ".cache" / "aezoo"


# --- beside other processes -------------------------------------------------------------------------------


def while_hashed(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let something happen once, in the middle of a look at a model: between its first file and the next."""
    happened: list[str] = []

    def then(digest: Callable[..., str]) -> Callable[..., str]:
        def hashed(*arguments: Any) -> str:
            value = digest(*arguments)
            if not happened:
                happened.append("")
                meanwhile()
            return value

        return hashed

    monkeypatch.setattr(lockfile, "digest_of", then(lockfile.digest_of))
    monkeypatch.setattr(ModelFiles, "digest", then(ModelFiles.digest))


def test_a_model_that_is_removed_while_it_is_verified_is_not_called_damaged(
    hub: Hub, published: str, other: Path, aezoo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo.pull(REPO)
    newer = publish(hub, other)
    zoo.pull(f"{REPO}@{newer}")
    while_hashed(monkeypatch, lambda: [one.remove(min(published, newer)) for one in shelves()])
    result = aezoo("cache", "verify")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"ok: {REPO}@{max(published, newer)[:12]}\n"


def test_a_model_that_is_healed_while_it_is_verified_is_whole(
    hub: Hub, published: str, aezoo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = zoo.pull(REPO)
    (folder / "model.safetensors").write_bytes(b"damaged")

    def heal() -> None:
        with pytest.warns(PullWarning):
            zoo.pull(REPO)

    while_hashed(monkeypatch, heal)
    result = aezoo("cache", "verify", "--json")
    assert (result.code, result.err) == (0, "")
    assert [row["faults"] for row in json.loads(result.out)] == [[]]


@pytest.mark.parametrize("words", [("ls",), ("ls", "--json"), ("verify",), ("prune",), ("rm", REPO)])
@pytest.mark.parametrize("moment", ["is_file", "lstat", "stat", "open", "listdir"])
def test_a_model_that_goes_at_any_moment_is_no_traceback(
    hub: Hub, published: str, aezoo: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], moment: str
) -> None:
    folder = zoo.pull(REPO)
    owner, name = (os, moment) if moment == "listdir" else (Path, moment)
    method = getattr(owner, name)

    def gone(path: Path, *more: object, **named: object) -> object:
        if str(path).startswith(str(folder.parent)) and os.path.isdir(folder) and os.fspath(path) != str(folder):
            os.rename(folder, folder.parent / f"{STAGE}gone")
        return method(path, *more, **named)

    monkeypatch.setattr(owner, name, gone)
    result = aezoo("cache", *words)
    assert result.code in (0, 3), result.err
    assert "damaged" not in result.out + result.err


def test_ls_and_verify_beside_pulls_and_removals_find_no_damage(
    hub: Hub, published: str, other: Path, forks: Forks, aezoo: Run
) -> None:
    zoo.pull(REPO)
    newer = publish(hub, other)
    for _ in range(4):
        work = [("cache", "rm", REPO), ("pull", f"{REPO}@{published}"), ("pull", f"{REPO}@{newer}"), ("cache", "prune")]
        children = [forks.start(*words) for words in work]
        while not all(child.gone.is_set() for child in children):
            for words in (("ls",), ("verify",), ("verify", "--json")):
                result = aezoo("cache", *words)
                assert result.code == 0, result.err
                assert "damaged" not in result.out + result.err
        left = [child.wait() for child in children]
        assert {one.code for one in left} <= {0, 3}, left
    assert aezoo("cache", "verify").code == 0


def test_a_model_that_is_removed_while_a_pull_looks_at_it_is_fetched_without_a_warning(
    hub: Hub, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = zoo.pull(REPO)
    while_hashed(monkeypatch, lambda: [one.remove(published) for one in shelves()])
    assert zoo.pull(REPO) == folder
    assert lockfile.verify(folder)
