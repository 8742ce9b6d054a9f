"""Tidepool's cgmSettings v1: `read`, `write` in each of its three forms, `of_record` and `to_record`."""

from glucoflow.tidepool.cgm_settings.convert import of_record, to_record
from glucoflow.tidepool.cgm_settings.schema import CgmSettings, Form, Storage, in_units, read, write

__all__ = ["CgmSettings", "Form", "Storage", "in_units", "of_record", "read", "to_record", "write"]
