"""The Tidepool data model: our documents as its records, its records as ours, and a way there and back without loss."""

from glucoflow.tidepool.exact import read_exactly, written
from glucoflow.tidepool.reading import to_record, type_of, unstrung
from glucoflow.tidepool.writing import document_id_of, tidepool_id, tidepool_record

__all__ = [
    "document_id_of",
    "read_exactly",
    "tidepool_id",
    "tidepool_record",
    "to_record",
    "type_of",
    "unstrung",
    "written",
]
