"""Tries a backup out: it is restored into a folder and into indices that are gone afterwards."""

import hashlib
from pathlib import Path

from cryptography.fernet import Fernet
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from glucoflow.backup.contents import OnStep
from glucoflow.backup.making import one_at_a_time, working_folder
from glucoflow.backup.restoring import Place, Restored, restore
from glucoflow.es.error_translation import translated
from glucoflow.es.names import Names
from glucoflow.store import open_store
from glucoflow.store.keys import Keys


def trial_names(names: Names) -> Names:
    """Where backups of this installation are tried out: within what its user of Elasticsearch may write."""
    return Names.below(f"glucoflow-check-{hashlib.sha256(names.prefix.encode()).hexdigest()[:8]}-")


def check_backup(
    file: Path,
    passphrase: SecretStr,
    data_dir: Path,
    client: Elasticsearch,
    names: Names,
    on_step: OnStep,
    repository: str | None = None,
) -> Restored:
    """Restore it where nobody looks: every document is compared, and everything that is encrypted is opened.

    Raises as `restore`. Nothing of it stays.
    """
    tried = trial_names(names)
    try:
        remove_all(client, tried)
        with one_at_a_time(data_dir), working_folder(data_dir) as folder:
            place = Place(
                data_dir=folder,
                database_url=None,
                token_key=None,
                client=client,
                names=tried,
                env_file=None,
                repository=repository,
            )
            done = restore(file, passphrase, place, on_step)
            keys = Keys(None, folder).secret().get_secret_value()
            new = Fernet.generate_key().decode()
            with open_store(folder, token_key=SecretStr(f"{new},{keys}")) as store:
                store.examine()
                store.rotate()  # opens whatever is encrypted
    finally:
        remove_all(client, tried)
    return done


def remove_all(client: Elasticsearch, names: Names) -> None:
    """Delete every index and template of these names."""
    with translated("clear up"):
        quiet = client.options(ignore_status=404)
        indices = client.indices.get(
            index=[names.pattern, f"{names.runs}-*"], filter_path="*.settings.index.uuid", expand_wildcards="all"
        )
        for index in indices.body:
            quiet.indices.delete(index=index)
        templates = quiet.indices.get_index_template(name=names.template("*"), filter_path="index_templates.name")
        for one in templates.body.get("index_templates", []):
            quiet.indices.delete_index_template(name=one["name"])
        parts = quiet.cluster.get_component_template(name=names.component("*"), filter_path="component_templates.name")
        for one in parts.body.get("component_templates", []):
            quiet.cluster.delete_component_template(name=one["name"])
