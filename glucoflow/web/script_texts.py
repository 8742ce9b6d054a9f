"""What the scripts of the pages say, handed to them as JSON in the page."""

import msgspec

from glucoflow.languages import Language
from glucoflow.model.said import Said, said
from glucoflow.web.wording import AGES

TEXTS: dict[str, Said] = {
    "just now": said("just now"),
    "auto": said("Auto"),
    "light": said("Light"),
    "dark": said("Dark"),
    "theme": said("Colours: %(theme)s. Press to change", theme="{theme}"),
    "first rows": said(
        "The first %(shown)s of %(rows)s rows; choose a shorter span to see the rest.", shown="{shown}", rows="{rows}"
    ),
    "not drawn": said("This chart could not be drawn. Reload the page; if it stays, look at the log."),
    "opens": said("Enter opens the day."),
    "refused": said("The upload was refused (%(status)s).", status="{status}"),
    "not arrived": said("The upload did not arrive. Try again."),
    "no passkeys": said("This browser knows no passkeys, or the pages are not opened by https or as localhost."),
    "passkey held": said("This device has a passkey for your account already."),
    "passkey not given": said("No passkey was given. Try again, or log in with the password."),
    "passkey refused": said("That did not work. Reload the page and try again."),
}


def script_texts(language: Language) -> str:
    """JSON that can stand inside a script element. `{…}` in a text is for the script to fill."""
    texts: dict[str, object] = {name: language.of(text) for name, text in TEXTS.items()}
    texts["ages"] = {unit: [language.of(one) for one in both] for unit, both in AGES.items()}
    return msgspec.json.encode(texts).decode().replace("<", "\\u003c")
