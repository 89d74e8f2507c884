"""The cluster: started once, for all tests in here."""

import sys
from collections.abc import Iterator

import pytest

from bookrec_site.tests.cluster.site import Cluster, running_cluster
from bookrec_site.tests.front import needs_nginx


@pytest.fixture(scope="package")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """Everything that a site of several hosts consists of; never missing in CI."""
    if sys.platform != "linux":
        pytest.skip("needs all of 127.0.0.0/8, as Linux has it")
    needs_nginx()
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster
