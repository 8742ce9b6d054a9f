"""Kibana dashboards: made for a person, exported as a file to import by hand, or provisioned over Kibana's API."""

from glucoflow.kibana.api import KibanaCredentials
from glucoflow.kibana.export import export_operator, export_person
from glucoflow.kibana.person import KibanaPerson
from glucoflow.kibana.provision import (
    Provisioned,
    ReaderUser,
    delete_person,
    provision_operator,
    provision_person,
)

__all__ = [
    "KibanaCredentials",
    "KibanaPerson",
    "Provisioned",
    "ReaderUser",
    "delete_person",
    "export_operator",
    "export_person",
    "provision_operator",
    "provision_person",
]
