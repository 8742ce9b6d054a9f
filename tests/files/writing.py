# ruff: noqa: E501 – headings are as wide as they are
"""Writes each format in its variants from one truth, in code of its own: what is read back must be the truth."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

MG_DL, MMOL_L = "mg/dL", "mmol/L"
CLARITY_HEADERS = {
    "en": (
        "Index",
        "Timestamp (YYYY-MM-DDThh:mm:ss)",
        "Event Type",
        "Event Subtype",
        "Patient Info",
        "Device Info",
        "Source Device ID",
        "Glucose Value ({u})",
        "Insulin Value (u)",
        "Carb Value (grams)",
        "Duration (hh:mm:ss)",
        "Glucose Rate of Change ({u}/min)",
        "Transmitter Time (Long Integer)",
        "Transmitter ID",
    ),
    "de": (
        "Index",
        "Zeitstempel (JJJJ-MM-TTThh:mm:ss)",
        "Ereignistyp",
        "Ereignisuntertyp",
        "Patienteninfo",
        "Geräteinfo",
        "Quellgeräte-ID",
        "Glukosewert ({u})",
        "Insulinwert (E)",
        "Kohlenhydratwert (Gramm)",
        "Dauer (hh:mm:ss)",
        "Glukoseänderungsrate ({u}/min)",
        "Transmitterzeit (lange Ganzzahl)",
        "Transmitter-ID",
    ),
    "es": (
        "Índice",
        "Marca temporal (AAAA-MM-DDThh:mm:ss)",
        "Tipo de evento",
        "Subtipo de evento",
        "Info del paciente",
        "Info del dispositivo",
        "Id del dispositivo",
        "Nivel de glucosa ({u})",
        "Valor de insulina (u)",
        "Valor de carbohidratos (gramos)",
        "Duración (hh:mm:ss)",
        "Índice de cambio ({u}/min)",
        "Tiempo del transmisor",
        "ID del transmisor",
    ),
    "ja": (
        "索引",
        "タイムスタンプ (YYYY-MM-DDThh:mm:ss)",
        "イベント タイプ",
        "イベント サブタイプ",
        "患者情報",
        "デバイス情報",
        "ソースデバイス ID",
        "グルコース値 ({u})",
        "インスリン値 (単位)",
        "炭水化物値 (グラム)",
        "期間 (hh:mm:ss)",
        "グルコース変化率 ({u}/min)",
        "トランスミッター時刻 (長整数)",
        "トランスミッター ID",
    ),
}
WORDS = {"en": ("Low", "High"), "de": ("Niedrig", "Hoch"), "es": ("Bajo", "Alto"), "ja": ("低", "高")}
LIBRE_HEADERS = {
    "en": ("Device", "Serial Number", "Device Timestamp", "Record Type", "Historic Glucose {u}", "Scan Glucose {u}"),
    "de": (
        "Gerät",
        "Seriennummer",
        "Gerätezeitstempel",
        "Aufzeichnungstyp",
        "Glukosewert-Verlauf {u}",
        "Glukose-Scan {u}",
    ),
    "fr": (
        "Appareil",
        "Numéro de série",
        "Horodatage de l'appareil",
        "Type d'enregistrement",
        "Historique de la glycémie {u}",
        "Numérisation de la glycémie {u}",
    ),
}
DATES = {
    "iso": "%Y-%m-%d",
    "day-": "%d-%m-%Y",
    "month-": "%m-%d-%Y",
    "day/": "%d/%m/%Y",
    "month/": "%m/%d/%Y",
    "day.": "%d.%m.%Y",
    "month/y": "%m/%d/%y",
}


@dataclass(frozen=True)
class Truth:
    """One person's readings: aware UTC moments and values as the file has them (`Low`, `High` among them)."""

    moments: tuple[datetime, ...]
    values: tuple[str, ...]
    unit: str
    zone: str = "Europe/Berlin"
    name: str = "Ada Muster"

    def local(self) -> list[datetime]:
        return [moment.astimezone(ZoneInfo(self.zone)) for moment in self.moments]

    def expected(self) -> list[float]:
        """mg/dL, by arithmetic of its own."""
        return [self._mg_dl(value) for value in self.values]

    def _mg_dl(self, value: str) -> float:
        if value in ("Low", "High"):
            return {"Low": 39.0, "High": 401.0}[value]
        return float(value) * (18.01559 if self.unit == MMOL_L else 1)


def table(rows: list[list[str]], separator: str = ",", quoted: bool = False, end: str = "\r\n") -> str:
    out = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue()


def clarity(truth: Truth, language: str, width: int, blank: bool, quoted: bool, masked: bool) -> str:
    """`width`: 12 to 15 columns. `blank`: a blank and one-digit hours between date and time. `masked`: no real counter."""
    header = [heading.format(u=truth.unit) for heading in CLARITY_HEADERS[language]]
    header = [*header, "Extra"][:width]
    first, last = truth.name.split()
    rows = [
        header,
        *(
            [str(k), "", word, "", said, *[""] * (width - 5)]
            for k, (word, said) in enumerate((("FirstName", first), ("LastName", last)), 1)
        ),
        ["3", "", "Device", "", "", "Dexcom G7", "iPhone", *[""] * (width - 7)],
        ["4", "", "Alert", "Low", "", "", "iPhone", "70", *[""] * (width - 8)],
    ]
    begin = truth.moments[0]
    for k, (moment, local, value) in enumerate(zip(truth.moments, truth.local(), truth.values, strict=True), 5):
        time = f"{local:%Y-%m-%d} {local.hour}:{local:%M:%S}" if blank else f"{local:%Y-%m-%dT%H:%M:%S}"
        word = {"Low": WORDS[language][0], "High": WORDS[language][1]}.get(value, value)
        ticks = "7654321" if masked else str(1695 + int((moment - begin).total_seconds()))
        row = [str(k), time, "EGV", "", "", "", "iPhone", word, "", "", "", "", ticks, "" if masked else "123456789012"]
        rows.append([*row, ""][:width])
    return table(rows, quoted=quoted)


def libreview(truth: Truth, language: str, title: str, dates: str, twelve: bool, comma: bool, devices: bool) -> str:
    """`title`: none, short or padded. `twelve`: AM and PM. `comma`: decimal comma, and semicolons between fields."""
    header = [heading.format(u=truth.unit) for heading in LIBRE_HEADERS[language]]
    header += ["?"] * 8 + [f"Strip {truth.unit}", "Ketone mmol/L", "?", "?", "?"]
    clock = "%I:%M %p" if twelve else "%H:%M"
    skip = 0 if devices else 2
    after = truth.local()[-1] + timedelta(minutes=30)
    rows = []
    if title != "none":
        line = ["Glucose Data", "Generated on", f"{after:{DATES[dates]} {clock}} UTC", "Generated by", truth.name]
        rows.append(line + [""] * (len(header) - skip - 5 if title == "padded" else 0))
    rows.append(header[skip:])
    for local, value in zip(truth.local(), truth.values, strict=True):
        shown = {"Low": "LO", "High": "HI"}.get(value, value.replace(".", ",") if comma else value)
        time = f"{local:{DATES[dates]} {clock}}"
        rows.append(["FreeStyle Libre 3", "S-1", time, "0", shown, *[""] * (len(header) - 5)][skip:])
    return table(rows, ";" if comma else ",")


def plain(truth: Truth, form: str) -> str:
    """`form`: local, zulu, offset, ms, s, compact or named."""
    rows = [["id", "time", "gl"]]
    for moment, local, value in zip(truth.moments, truth.local(), truth.values, strict=True):
        time = {
            "local": f"{local:%Y-%m-%d %H:%M:%S}",
            "zulu": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "offset": local.isoformat(),
            "ms": str(int(moment.timestamp() * 1000)),
            "s": str(int(moment.timestamp())),
            "compact": f"{moment:%Y%m%dT%H%M%SZ}",
            "named": f"{local:%d} {['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][local.month - 1]} {local:%Y %H:%M:%S}",
        }[form]
        rows.append(["p1", time, value])
    return table(rows)


TABLES = {
    "subjects": ("subjectid", "timestamp", "sensorglucose"),
    "two": ("date", "time", "glucose", "type"),
    "levels": ("Time (UTC)", "Glucose Reading ({u})", "Type of Reading"),
    "utc": ("time", "glucose ({u})"),
    "zeit": ("Zeitstempel", "Glukosewert ({u})", "carbs"),
}


def told_by_headings(truth: Truth, form: str) -> str:
    """A table whose headings leave no doubt, with rows of a meter and of meals between where it has a type."""
    rows = [[heading.format(u=truth.unit) for heading in TABLES[form]]]
    if form == "levels":
        rows.insert(0, ["Levels", truth.name])
    for k, (moment, local, value) in enumerate(zip(truth.moments, truth.local(), truth.values, strict=True)):
        rows.append(
            {
                "subjects": ["" if k else "p1", f"{local:%Y-%m-%d %H:%M:%S}", value],
                "two": [f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}", value, "cgm"],
                "levels": [f"{moment:%Y-%m-%dT%H:%M:%S.000Z}", value, "timeseries"],
                "utc": [f"{moment:%Y-%m-%dT%H:%M:%SZ}", value],
                "zeit": [f"{local:%Y-%m-%d %H:%M:%S}", value, ""],
            }[form]
        )
        if form == "two" and k % 7 == 3:
            rows.append([f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}", "5.5" if truth.unit == MMOL_L else "99", "manual"])
    return table(rows)


GLOOKO_HEADINGS = ("CGM Glucose Value", "CGM-Glukosewert", "Valeur de glycémie SCG", "Glucose Value")


def glooko(truth: Truth, dates: str, comma: bool, separator: str, heading: str = GLOOKO_HEADINGS[0]) -> str:
    """`heading`: the last one names no sensor, the file's own name does (`cgm_data_1.csv`)."""
    days = [f"{local:{DATES[dates]}}" for local in truth.local()]
    rows = [[f"Name:{truth.name}", f"Date Range:{days[0]} - {days[-1]}"]]
    rows.append(["Timestamp", f"{heading} ({truth.unit.lower()})", "Trend Arrow", "Serial Number"])
    for local, value in zip(truth.local(), truth.values, strict=True):
        rows.append([f"{local:{DATES[dates]} %H:%M}", value.replace(".", ",") if comma else value, "Flat", "SN1"])
    return table(rows, separator)


CARELINK_WORDS = {
    "en": ("Last Name", "First Name", "BG Reading", "Sensor Calibration BG", "Sensor Glucose"),
    "de": ("Nachname", "Vorname", "BZ-Messwert", "Sensorkalibrierung BZ", "Sensorglukose"),
    "fr": ("Nom", "Prénom", "Lecture GS", "GS d'étalonnage du capteur", "Glucose capteur"),
    "pl": ("Nazwisko", "Imię", "Odczyt BG", "Kalibracja sensora", "Stężenie glukozy z czujnika"),
}


def carelink(truth: Truth, dates: str, separator: str, language: str = "en") -> str:
    """Newest first, as CareLink does; among the rows are those of the pump, whose words hold a unit too."""
    last_name, first_name, meter, calibration, trace = CARELINK_WORDS[language]
    sensor = [
        "Index",
        "Date",
        "Time",
        f"{meter} ({truth.unit})",
        f"{calibration} ({truth.unit})",
        f"{trace} ({truth.unit})",
        "ISIG Value",
    ]
    first, last = truth.name.split()
    rows = [
        [last_name, first_name, "Patient ID"],
        [last, first, ""],
        ["-------", "Pump", "X", "-------"],
        sensor,
        ["-------", "Sensor", "X", "-------"],
        sensor,
    ]
    pairs = list(zip(truth.local(), truth.values, strict=True))
    for k, (local, value) in enumerate(reversed(pairs)):
        rows.append([str(k), f"{local:{DATES[dates]}}", f"{local:%H:%M:%S}", "", "", value, ""])
        if k == 1:
            setup = "IS_SENSOR_ENABLED=true, BG_UNITS=mg dl"
            rows.append(["x", f"{local:{DATES[dates]}}", f"{local:%H:%M:%S}", "", "", "", "", "Setup", setup])
    return table(rows, separator)


def tandem(truth: Truth) -> str:
    rows = [["Tandem Diabetes Care, Inc."], ["Name", truth.name]]
    rows.append(["DeviceType", "SerialNumber", "Description", "EventDateTime", f"Readings ({truth.unit})"])
    for local, value in zip(truth.local(), truth.values, strict=True):
        rows.append(["t:slim X2 Insulin Pump", "123", "EGV", f"{local:%Y-%m-%dT%H:%M:%S}", value])
    rows.append(["Type", "BolusType", "BolusDeliveryMethod"])
    return table(rows)


def xdrip(truth: Truth) -> str:
    rows = [["DAY", "TIME", "UDT_CGMS", "BG_LEVEL", "CH_GR", "BOLUS", "REMARK"]]
    for local, value in zip(truth.local(), truth.values, strict=True):
        rows.append([f"{local:%d.%m.%Y}", f"{local:%H:%M}", value, "", "", "", ""])
    return table(rows, ";", end="\n")


def juggluco(truth: Truth) -> str:
    rows = [["Sensorid", "nr", "UnixTime", "YYYY-mm-dd-HH:MM:SS", "TZ", "Min", truth.unit, "Rate", "ChangeLabel"]]
    for k, (local, value) in enumerate(zip(truth.local(), truth.values, strict=True)):
        offset = local.utcoffset() or timedelta()
        hours = f"{offset / timedelta(hours=1):g}"
        seconds = str(int(local.timestamp()))
        rows.append(
            ["3MH00Y1F110", str(k), seconds, f"{local:%Y-%m-%d-%H:%M:%S}", hours, str(k), value, "+0.1", "STABLE"]
        )
    return table(rows, "\t", end="\n")


def nightscout(truth: Truth, form: str) -> str:
    """`form`: array (API v1), envelope (API v3), export (mongoexport), csv (API v1 too). In mg/dL always."""
    records = []
    for k, (moment, local, value) in enumerate(zip(truth.moments, truth.local(), truth.values, strict=True)):
        ms, offset = int(moment.timestamp() * 1000), (local.utcoffset() or timedelta()) // timedelta(minutes=1)
        one = {"_id": f"{k:024x}", "type": "sgv", "sgv": int(value), "date": ms, "direction": "Flat", "device": "x"}
        records.append(one | {"dateString": f"{moment:%Y-%m-%dT%H:%M:%S.000Z}", "utcOffset": offset})
    if form == "csv":
        return table(
            [[str(one[name]) for name in ("dateString", "date", "sgv", "direction", "device")] for one in records],
            quoted=True,
        )
    if form == "export":
        typed = [one | {"_id": {"$oid": one["_id"]}, "date": {"$numberLong": str(one["date"])}} for one in records]
        return "\n".join(json.dumps(one) for one in typed) + "\n"
    return json.dumps({"status": 200, "result": records} if form == "envelope" else records)


def apple_health(truth: Truth) -> str:
    unit = "mmol&lt;180.1558800000541&gt;/L" if truth.unit == MMOL_L else truth.unit
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!DOCTYPE HealthData [",
        "<!ELEMENT HealthData (Record*)>",
        "]>",
    ]
    lines.append('<HealthData locale="de_DE">')
    for local, value in zip(truth.local(), truth.values, strict=True):
        at = f"{local:%Y-%m-%d %H:%M:%S %z}"
        lines.append(
            f'<Record type="HKQuantityTypeIdentifierBloodGlucose" sourceName="Dexcom" unit="{unit}" creationDate="{at}" '
            f'startDate="{at}" endDate="{at}" value="{value}"/>'
        )
    return "\n".join([*lines, "</HealthData>"])
