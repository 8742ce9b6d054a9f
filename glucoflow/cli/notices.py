"""`notices`: where people are told what, and a test of it."""

from typing import Annotated

import typer

from glucoflow.cli.console import (
    Json,
    last_time,
    listed,
    opened_runtime,
    opened_store,
    print_json,
    say,
    settings_for,
    show_table,
)

app = typer.Typer(
    help="Notices by mail, messengers and push: who is told what. No medical alarms.", no_args_is_help=True
)

Whose = Annotated[str | None, typer.Option("--user", help="Id of the person; without, the operator's.")]
ReceiverId = Annotated[str, typer.Argument(help="Its id, as in `glucoflow notices list`.")]


@app.command("list")
def list_receivers(as_json: Json = False) -> None:
    """Everybody's receivers, what each is told, and how the last message went. Addresses are never shown whole."""
    with opened_store() as store:
        found = store.receivers.all()
    if as_json:
        print_json(found)
        return
    rows = []
    for one in found:
        causes, sent = ", ".join(one.causes), last_time(one.last_sent_at)
        rows.append((one.id, one.user_id or "(operator)", one.name, one.shown, causes, sent, one.last_error or ""))
    show_table("Receivers", ("id", "person", "name", "address", "told of", "last sent (UTC)", "trouble"), rows)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is to be called: my phone.")],
    user: Whose = None,
    causes: Annotated[
        str | None, typer.Option(help="What it is told of, by comma; default: what is no glucose.")
    ] = None,
) -> None:
    """Add a receiver. Its address is asked for, so that it is in no history: a mail address, or one of Apprise."""
    from glucoflow.model.notices import OF_OPERATOR, USUAL, causes_of
    from glucoflow.service.mail import mail_of
    from glucoflow.service.notices.addresses import place_of
    from glucoflow.service.runtime import store_of, utc_now

    settings = settings_for()
    usual = OF_OPERATOR if user is None else USUAL
    chosen = causes_of(listed(causes) or usual, operator=user is None)
    text = typer.prompt("Address", hide_input=True)
    place = place_of(text, settings.notices, mail=mail_of(settings.mail) is not None, operator=True)
    with store_of(settings.store) as store:
        made = store.receivers.add(user, name, place.channel, place.address, place.shown, chosen, utc_now())
    say(f"{made.name} is told of: {', '.join(made.causes)}. Try it: glucoflow notices test {made.id}")


@app.command()
def remove(receiver_id: ReceiverId) -> None:
    """Forget a receiver and its address."""
    with opened_store() as store:
        name = store.receivers.get(receiver_id).name
        store.receivers.remove(receiver_id)
    say(f"{name} is told nothing any more.")


@app.command()
def test(receiver_id: ReceiverId) -> int:
    """Send a test to a receiver; exit code 1 where it was not taken."""
    from glucoflow.service.notices.turn import test_receiver

    with opened_runtime() as rt:
        trouble = test_receiver(rt, receiver_id)
    say(trouble or "Sent.", error=trouble is not None)
    return 1 if trouble else 0


@app.command()
def send() -> int:
    """Look at everybody now and send what is due, as each sync does; exit code 1 where something was not taken."""
    from glucoflow.service.notices.turn import look_and_send

    with opened_runtime() as rt:
        done = look_and_send(rt)
    say(f"{done.sent:,} sent, {done.failed:,} not taken.")
    return 1 if done.failed else 0
