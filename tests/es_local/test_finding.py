"""Finding Java and Elasticsearch: what is passed over, and what is said when there is none."""

import stat
import zipfile
from pathlib import Path

import pytest

from glucoflow.errors import Misconfigured, Unavailable
from glucoflow.es import distribution, java
from glucoflow.es.local import fitting_heap, hashed


def fake_java(home: Path, version: str, modules: str = "java.base@1") -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -version ]; then echo \'openjdk version "{version}"\' >&2; else echo "{modules}"; fi\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return home


@pytest.mark.parametrize(
    ("version", "modules", "problem"),
    [
        ("17.0.15", "java.base@17\njdk.jlink@17", "version 17"),
        ("1.8.0_402", "", "version 8"),
        ("21.0.2", "java.base@21", "without jdk.jlink"),
        ("21.0.2", "java.base@21\njdk.jlink@21.0.2", None),
        ("25", "jdk.jlink@25", None),
    ],
)
def test_which_javas_will_do(tmp_path: Path, version: str, modules: str, problem: str | None) -> None:
    found = java.why_not(fake_java(tmp_path / "jdk", version, modules))
    assert (found is None) if problem is None else (found and problem in found)


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old = fake_java(tmp_path / "old", "17.0.1", "jdk.jlink")
    good = fake_java(tmp_path / "home" / ".jdks" / "jdk-21", "21.0.1", "jdk.jlink")
    place = {"PATH": str(old / "bin"), "HOME": str(tmp_path / "home")}
    homes = [home.resolve() for home in java._candidates(place)]
    assert homes.index(old) < homes.index(good)
    assert java.find_java(tmp_path, {"JAVA_HOME": str(old), **place, "ES_JAVA_HOME": str(good)}) == good


def test_without_any_java_it_says_what_was_found_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_USUAL_PLACES", ())
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody there: the download cannot work
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    old = fake_java(tmp_path / "old", "17.0.1", "jdk.jlink")
    with pytest.raises(Unavailable, match=r"version 17, 21 is needed") as caught:
        java.find_java(tmp_path, {"JAVA_HOME": str(old), "PATH": ""})
    assert "Install a JDK 21" in caught.value.remedy


def test_a_download_that_was_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(repository: Path, _on_bytes: object) -> Path:
        repository.mkdir(parents=True)
        archive = repository / "elasticsearch.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("elasticsearch-9.5.0/bin/elasticsearch", "#!/bin/sh\n")
        return archive

    monkeypatch.setattr(distribution, "_fetch", cut)
    with pytest.raises(Unavailable, match="does not match its checksum") as caught:
        distribution.find_distribution(None, tmp_path / "cache")
    assert "try again" in caught.value.remedy
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_network_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        distribution.find_distribution(None, tmp_path / "cache")
    assert "ES_HOME" in caught.value.remedy
    assert list((tmp_path / "cache").iterdir()) == []


def test_es_home_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="ES_HOME"):
        distribution.find_distribution(tmp_path, tmp_path)


@pytest.mark.parametrize(("gigabytes", "heap"), [(2, "512m"), (4, "512m"), (6, "768m"), (24, "1024m")])
def test_the_heap_fits_the_machine(gigabytes: int, heap: str) -> None:
    assert fitting_heap(gigabytes * 2**30) == heap


def test_passwords_are_hashed_with_their_salt() -> None:
    from pydantic import SecretStr

    one, other = hashed(SecretStr("x"), b"1" * 32), hashed(SecretStr("x"), b"2" * 32)
    assert one != other
    assert one.startswith("{PBKDF2}10000$")
