"""What is made of answers of Prefect's server."""

import pytest
from pytest_httpserver import HTTPServer

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.service.prefect_api import BUSY, PrefectApi


def test_one_whose_database_is_locked_is_asked_again(httpserver: HTTPServer) -> None:
    for status in (503, 503):
        httpserver.expect_ordered_request("/api/deployments/x", method="PATCH").respond_with_data("", status)
    httpserver.expect_ordered_request("/api/deployments/x", method="PATCH").respond_with_data("", 204)
    PrefectApi(address=httpserver.url_for("/api")).patch("deployments/x", parameters={})
    httpserver.check()
    assert len(httpserver.log) == 3


def test_one_that_stays_locked_or_answers_otherwise_is_said(httpserver: HTTPServer) -> None:
    api = PrefectApi(address=httpserver.url_for("/api"))
    httpserver.expect_request("/api/busy").respond_with_data("", 503)
    httpserver.expect_request("/api/broken").respond_with_data("", 500)
    httpserver.expect_request("/api/shut").respond_with_data("", 401)
    with pytest.raises(Unavailable, match="503"):
        api.get("busy")
    assert len(httpserver.log) == BUSY.tries
    with pytest.raises(Unavailable, match="500"):
        api.get("broken")
    with pytest.raises(Misconfigured, match="password"):
        api.get("shut")
    assert len(httpserver.log) == BUSY.tries + 2
