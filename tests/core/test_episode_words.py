"""What is part of which is said, never added up."""

from glucoflow.model.episode_words import counted, rule
from glucoflow.model.targets import PROFILES


def test_very_high_is_part_of_high() -> None:
    assert counted({"high_l1": 85, "high_l2": 17}) == "85 high, with 17 very high within them"
    assert counted({"low_l1": 1, "low_l2": 1, "low_extended": 1, "high_l1": 2}) == (
        "1 low, with 1 very low and 1 long low within it; 2 high"
    )
    assert counted({}) == "no lows and no highs"


def test_rules_follow_targets_and_unit() -> None:
    pregnancy = PROFILES["pregnancy"]
    assert rule("low_l1", pregnancy, "mg/dL") == "below 63 for 15 min"
    assert rule("high_extended", pregnancy, "mmol/L") == "above 13.9 for 90 min of 2 h"
