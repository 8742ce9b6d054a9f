"""What was kept as English text is known again by its form, and said in another language."""

import pytest

from glucoflow.languages import language

REACHED = "Dexcom could not be reached in time."
CHECK = "Check the address, if one was given, and that this machine reaches the internet."
REFUSED = "Elasticsearch rejected 3 documents, the last for its field note: too long."


@pytest.mark.parametrize(
    ("kept", "german", "french"),
    [
        ("outside 0 to 1.5 U", "außerhalb von 0 bis 1,5 U", "hors de 0 à 1,5 U"),
        ("1,250 readings", "1.250 Werte", "1\u202f250 mesures"),
        (REACHED, "Dexcom war nicht rechtzeitig erreichbar.", "Dexcom n’a pas pu être joint à temps."),
        (
            REFUSED,
            "Elasticsearch lehnte 3 Dokumente ab, zuletzt wegen des Feldes note: too long.",
            "Elasticsearch a refusé 3 documents, le dernier pour son champ note : too long.",
        ),
    ],
)
def test_what_was_kept_is_said_again(kept: str, german: str, french: str) -> None:
    assert language("de").of(kept) == german
    assert language("fr").of(kept) == french
    assert language().of(kept) == kept
    assert language("en-US").of(kept) == kept


@pytest.mark.parametrize(
    "text", ["", " ", "Anna, and that this machine is old.", "100 % sure. Or 50 %.", "%(name)s", "a\nb. c"]
)
def test_what_nobody_knows_stays_as_it_is(text: str) -> None:
    assert language("de").of(text) == text


def test_of_an_error_that_was_raised_each_part_is_known() -> None:
    """As they come: several sentences of several messages, with a name, a number and a text that nobody translates."""
    spoken = language("de")
    assert spoken.of(f"{REACHED} {CHECK} {REFUSED}") == " ".join(spoken.of(one) for one in (REACHED, CHECK, REFUSED))
    said = spoken.of("Nightscout answered 502. This usually passes; nothing was skipped. Bad gateway!")
    assert said == "Nightscout antwortete mit 502. Das geht meist vorüber; nichts wurde übersprungen. Bad gateway!"
