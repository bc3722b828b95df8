# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is not installed yet grows by servers, each as present as the connection of its agent."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.common.controlclient import ControlError
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.controlclient import ControlClient
from tests.emulators.process import running
from tests.support.waiting import until

from .raw import Raw

UUID = "6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f"


def server(number: int, *, spare: bool = False, **changes: object) -> dict[str, Any]:
    """What an installer says of a server."""
    node = {
        "instanceID": 0,
        "data_ip": f"10.0.0.{number}",
        "failure_domains": [f"storage-{number}", f"rack-{number}"],
        "ec_enabled": False,
        "devices": 6,
        "max_devices": 12,
    }
    told = {"name": f"storage-{number}", "version": "3.13.0", "nodes": [{**node, **changes}]}
    return {**told, "spare": True} if spare else told


class Cluster:
    """The emulator's control endpoint, as the installer uses it."""

    def __init__(self, url: str, urls: list[str]) -> None:
        self.url = url
        self.urls = urls
        self.control = ControlClient(url)

    def found(self, **changes: object) -> Any:
        wish = {"root_public_key": keys.public_pem(keys.root_key()), "cluster": {"UUID": UUID, "clusterName": "mine"}}
        return self.control.call("PUT", "/installation", {**wish, **changes})

    def install(self, number: int, *, spare: bool = False, **changes: object) -> Any:
        return self.control.call("POST", "/installation/servers", server(number, spare=spare, **changes))

    def availability(self) -> Any:
        return self.control.call("GET", "/availability")

    def present(self) -> list[str]:
        """Names of the servers that are there."""
        servers = self.control.call("GET", "/installation")["servers"]
        return [one["name"] for one in servers if one["present"]]

    @contextmanager
    def session(self, name: str) -> Iterator[http.client.HTTPResponse]:
        """The connection of an agent."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        connection.request("GET", f"{parts.path}/agents/{name}")
        with closing(connection), connection.getresponse() as response:
            yield response

    @contextmanager
    def agent(self, number: int) -> Iterator[None]:
        """Be a server for as long as the block runs."""
        name = f"storage-{number}"
        with self.session(name) as session:
            assert session.readline() == b"present\n"
            yield
        until(self.present, lambda names: name not in names)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Cluster]:
    listen = [word for _number in range(4) for word in ("--listen", "127.0.0.1:0")]
    with running("tests.emulators.lightbits", "--not-installed", *listen) as process:
        cluster = Cluster(process.ready["control"], process.ready["urls"])
        yield cluster
        cluster.control.close()


@pytest.fixture
def cluster(emulator: Cluster) -> Cluster:
    """Nothing is installed."""
    emulator.control.wait_until_idle()
    emulator.control.call("DELETE", "/installation")
    return emulator


def test_before_the_installation_nobody_is_let_in(cluster: Cluster) -> None:
    api = Raw(cluster.urls[0], cluster.control)
    assert "unknown key" in api.refused(401, 16, "GET", "/clusterinfo")
    with pytest.raises(ControlError, match="there is no cluster yet"):
        cluster.install(1)


def test_a_server_that_is_away_is_not_brought_back_by_being_enabled(cluster: Cluster) -> None:
    cluster.found()
    for number in (1, 2, 3):
        cluster.install(number)
    api = Raw(cluster.urls[0], cluster.control)
    with cluster.agent(1), cluster.agent(3):
        with cluster.agent(2):
            until(lambda: api.ok("GET", "/cluster"), lambda found: found["health"]["state"] == "OK")
            assert {node["numManagedDevices"] for node in api.ok("GET", "/nodes")["nodes"]} == {6}
            uuid = api.ok("GET", "/servers?Name=storage-2")["servers"][0]["UUID"]
            api.ok("POST", f"/servers/{uuid}/disable", {})
            until(lambda: api.ok("GET", f"/servers/{uuid}"), lambda found: found["state"] == "Disabled")
        api.ok("POST", f"/servers/{uuid}/enable", {})
        until(lambda: api.ok("GET", f"/servers/{uuid}"), lambda found: found["state"] == "Enabled")
        cluster.control.call("PUT", "/pace", {"advance": 5})
        assert api.ok("GET", "/nodes?name=storage-2-0")["nodes"][0]["state"] == "Inactive"
        with cluster.agent(2):
            until(lambda: api.ok("GET", "/cluster"), lambda found: found["health"]["state"] == "OK")


def test_the_end_of_a_server_ends_the_session_of_its_agent(cluster: Cluster) -> None:
    cluster.found()
    cluster.install(1)
    ended = threading.Event()

    def hold() -> None:
        with cluster.session("storage-1") as one:
            one.read()
        ended.set()

    thread = threading.Thread(target=hold)
    thread.start()
    until(cluster.present, lambda names: names == ["storage-1"])
    cluster.control.call("DELETE", "/installation")
    assert ended.wait(30)
    thread.join()
    with cluster.session("storage-1") as refused:
        assert refused.status == 404


def test_the_same_installation_twice_changes_nothing_and_another_one_is_refused(cluster: Cluster) -> None:
    assert cluster.found() == cluster.found() == {"UUID": UUID}
    assert cluster.install(1) == cluster.install(1)
    assert len(cluster.control.call("GET", "/installation")["servers"]) == 1
    with pytest.raises(ControlError, match=f"there is a cluster already, and its UUID is {UUID}: clean it up first"):
        cluster.found(cluster={"UUID": "11111111-1111-4111-8111-111111111111"})
    with pytest.raises(ControlError, match="its root key is another one: clean it up first"):
        cluster.found(root_public_key=keys.public_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    # a key that was rotated does not come back with the next installation
    api = Raw(cluster.urls[0], cluster.control)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = base64.b64encode(keys.public_pem(key).encode()).decode()
    api.ok("POST", "/projects/system/credentials", {"ID": "key-2", "type": "RS256PubKey", "payload": pem})
    Raw(cluster.urls[0], cluster.control, keys.token(key=key, kid="system:key-2")).ok(
        "DELETE", "/projects/system/credentials/root"
    )
    cluster.found()
    cluster.install(2)
    assert "unknown key" in api.refused(401, 16, "GET", "/clusterinfo")
    cluster.control.call("DELETE", "/installation")
    listed = cluster.control.call("GET", "/installation")
    assert (listed["founded"], listed["servers"], listed["phases"]) == (False, [], [])


def test_an_installation_that_is_told_to_fail_fails_once(cluster: Cluster) -> None:
    def phase(server: str) -> None:
        cluster.control.call("POST", "/installation/phases", {"server": server, "phase": "configure"})

    cluster.control.call("PUT", "/installation/fault", {"server": "storage-2", "phase": "configure"})
    phase("storage-1")
    with pytest.raises(ControlError, match="the installation of storage-2 fails at configure, as it was told to"):
        phase("storage-2")
    phase("storage-2")
    listed = cluster.control.call("GET", "/installation")
    assert [one["server"] for one in listed["phases"]] == ["storage-1", "storage-2", "storage-2"]


@pytest.mark.parametrize(
    ("number", "changes", "why"),
    [
        (2, {"data_ip": "10.0.0.1"}, "10.0.0.1:2380 belongs to storage-1"),
        (2, {"rack": "rack-1"}, "a node has instanceID"),
    ],
)
def test_a_wrong_server_is_refused(cluster: Cluster, number: int, changes: dict[str, object], why: str) -> None:
    cluster.found()
    cluster.install(1)
    with pytest.raises(ControlError, match=why):
        cluster.install(number, **changes)
    assert len(cluster.control.call("GET", "/installation")["servers"]) == 1


def test_there_are_not_more_servers_than_places(cluster: Cluster) -> None:
    cluster.found()
    for number in range(1, 5):
        cluster.install(number)
    with pytest.raises(ControlError, match="at most 4 servers"):
        cluster.install(5)


def test_a_spare_server_joins_under_its_own_name_and_takes_the_place_of_a_dead_one(cluster: Cluster) -> None:
    cluster.found()
    for number in (1, 2, 3):
        cluster.install(number)
    place = cluster.install(4, spare=True)
    assert place == cluster.install(4, spare=True)
    with pytest.raises(ControlError, match=r"10\.0\.0\.4:2380 belongs to storage-4"):
        cluster.install(5, spare=True, data_ip="10.0.0.4")
    listed = cluster.control.call("GET", "/installation")
    assert ([one["name"] for one in listed["servers"]], listed["spares"]) == (
        ["storage-1", "storage-2", "storage-3"],
        ["storage-4"],
    )
    api = Raw(cluster.urls[0], cluster.control)
    with cluster.session("storage-4") as unknown:
        assert unknown.status == 404
    body = {"serverEndpoints": ["http://10.0.0.4:2380"], "extendCluster": False}
    api.refused(400, 3, "POST", "/servers", {"serverEndpoints": ["http://10.0.0.5:2380"]})
    api.refused(409, 6, "POST", "/servers", {"serverEndpoints": ["http://10.0.0.1:2380"]})
    with cluster.agent(1), cluster.agent(2):
        with cluster.agent(3):
            cluster.control.settle()
            api.volume("kept", 3)
            cluster.control.settle()
            cluster.control.call("PUT", "/availability")
        dead = api.ok("GET", "/nodes?name=storage-3-0")["nodes"][0]
        assert api.ok("POST", "/servers", body)["name"] == "storage-4"
        cluster.control.pace(advance=3)
        assert api.ok("GET", "/servers?Name=storage-4")["servers"][0]["state"] == "Creating", "until its agent comes"
        with cluster.agent(4):
            cluster.control.settle()
            found = api.ok("GET", "/servers?Name=storage-4")["servers"][0]
            assert (found["state"], found["ServerEndpoints"]) == ("Enabled", body["serverEndpoints"])
            assert (found["ApiEndpoints"], found["LightOSVersion"]) == (["10.0.0.4:443"], "3.13.0")
            node = api.ok("GET", "/nodes?name=storage-4-0")["nodes"][0]
            assert (node["state"], node["nvmeEndpoint"]) == ("Unattached", "10.0.0.4:4420")
            api.ok("POST", f"/nodes/{dead['UUID']}/replace", {"TargetNodeUUID": node["UUID"]})
            cluster.control.settle()
            assert api.ok("GET", "/nodes?name=storage-4-0")["nodes"][0]["state"] == "Active"
            api.ok("DELETE", f"/servers/{dead['serverUUID']}")
            cluster.control.settle()
            assert api.ok("GET", "/cluster")["health"]["state"] == "OK"
            # one that is on its way in or out is not away
            assert cluster.availability()["most_away"] == ["storage-3"]
    assert cluster.control.call("GET", "/installation")["spares"] == []


def test_the_record_tells_who_was_away_and_which_writes_were_lost(cluster: Cluster) -> None:
    cluster.found()
    for number in (1, 2, 3):
        cluster.install(number)
    api = Raw(cluster.urls[0], cluster.control)

    def write(number: int, volume: str) -> str:
        try:
            cluster.control.call("POST", "/io", {"server": f"storage-{number}", "volume": volume})
        except ControlError as error:
            return str(error)
        return ""

    with cluster.agent(1):
        with cluster.agent(2):
            with cluster.agent(3):
                cluster.control.settle()
                volume = api.volume("kept", 3)["UUID"]
                cluster.control.settle()
                cluster.control.call("PUT", "/availability")
                uuid = api.ok("GET", "/servers?Name=storage-2")["servers"][0]["UUID"]
                api.ok("POST", f"/servers/{uuid}/disable", {})
                cluster.control.settle()
                assert "server storage-2 takes no writes" in write(2, volume)
                assert write(1, volume) == ""
                api.ok("POST", f"/servers/{uuid}/enable", {})
                cluster.control.settle()
            assert "server storage-3 takes no writes" in write(3, volume)
            assert write(2, volume) == ""
        found = cluster.availability()
        assert (found["writes"], found["lost_writes"]) == (2, [])
        assert "volume kept is ReadOnly" in write(1, volume)
        found = cluster.availability()
        assert (found["writes"], found["lost_writes"]) == (3, ["volume kept is ReadOnly"])
        assert (found["away"], found["most_away"]) == ({"storage-2": 2, "storage-3": 1}, ["storage-2", "storage-3"])
    found = cluster.availability()
    assert (found["most_away"], list(found["unavailable"])) == (["storage-1", "storage-2", "storage-3"], ["kept"])
