"""Our figures of R iglu's own example person, beside the values that its reference pages print.

    Rscript -e 'write.csv(iglu::example_data_1_subject, "example.csv")'
    python -m benchmarks.iglu_examples example.csv

The data are R iglu's and not part of this project. Values are as printed by iglu 4.2.3, to three digits. The last line
is JSON: how many agree.
"""

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from glucoflow.analytics import Series, metrics_of
from glucoflow.analytics.more_figures import more_figures
from glucoflow.analytics.series import epoch_ms

PERSON = "Subject 1"
PUBLISHED = {
    "cv_percent": 26.9,
    "ea1c_percent": 5.94,
    "adrr": 15.1,
    "modd_mg_dl": 27.8,
    "conga24_mg_dl": 37.0,
    "mag_mg_dl_per_h": 27.1,
    "sd_within_mg_dl": 26.4,
    "sd_between_mg_dl": 27.9,
    "sd_daily_means_mg_dl": 16.7,
    "mad_mg_dl": 25.2,
    "auc_mg_dl": 123.0,
    "gvp_percent": 16.8,
    "pgs": 6.06,
    "grade": 3.47,
    "cogi": 93.0,
    "m_value": 7.02,
    "hypo_index": 0.0103,
    "hyper_index": 0.391,
    "igc": 0.401,
    "sd_roc_mg_dl_per_min": 0.620,
}


def series_in(path: str) -> Series:
    """The person's readings; the clock as if it were UTC, since figures go by the local clock alone."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] == PERSON and row["gl"] not in ("", "NA")]
    times = [epoch_ms(datetime.fromisoformat(row["time"]).replace(tzinfo=UTC)) for row in rows]
    return Series.of(times, [float(row["gl"]) for row in rows])


def main() -> None:
    series = series_in(sys.argv[1])
    metrics, more = metrics_of(series), more_figures(series)
    agree = 0
    for name, published in PUBLISHED.items():
        ours = getattr(metrics, name, None) if hasattr(metrics, name) else getattr(more, name)
        same = ours is not None and float(f"{ours:.3g}") == published
        agree += same
        print(f"{name:<22} ours {ours:<10.6g} published {published:g}{'' if same else '   DIFFERS'}")
    print(json.dumps({"agree": agree, "of": len(PUBLISHED)}))


if __name__ == "__main__":
    main()
