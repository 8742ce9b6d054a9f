"""The backup flow: every night where a passphrase is set, so that nobody has to think of it."""

from typing import Annotated

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from flows.abandoned import sign
from flows.plainly import plainly
from glucoflow.backup.passphrases import passphrase_of
from glucoflow.backup.running import backup_now
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


@flow(name="backup", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def backup(
    check: Annotated[
        bool | None,
        Field(title="Check", description="try it out as well; default: if none of this week was tried out and whole"),
    ] = None,
) -> None:
    """Write everything into one encrypted file, try it out if that is due, and delete those that are too old."""
    settings = Settings.load()
    passphrase = passphrase_of(settings.backup, None, None, new=True)
    with open_runtime(settings) as rt:
        done = backup_now(rt, passphrase, rt.clock(), check=check)
    create_markdown_artifact(
        "\n\n".join(done.sentences()), key="backup", description="The backup that was made, its trial, and what went."
    )
