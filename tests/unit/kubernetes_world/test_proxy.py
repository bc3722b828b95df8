# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy before the Lightbits API: gRPC goes through it, for who has a certificate of its authority."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.lightbits.process import running_lightbits
from tests.kubernetes import certificates
from tests.testbed import pki
from tests.unit.lightbits_emulator.rpcclient import RpcClient


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    certificates.proxy(tmp_path, ["127.0.0.1"])
    # the servers have another authority
    servers = tmp_path / "servers"
    servers.mkdir()
    authority = pki.authority("Lightbits")
    pki.write(authority, servers, "ca")
    pki.write(pki.issue(authority, ["127.0.0.1"]), servers, "server")
    own = ("--tls-cert", str(servers / "server.pem"), "--tls-key", str(servers / "server.key"))
    with running_lightbits("--servers", "1", *own) as cluster:
        command: list[str | Path] = [
            sys.executable, "-m", "tests.kubernetes.proxy", "--to", cluster.urls[0].removeprefix("https://"),
            "--ca", servers / "ca.pem", "--client-ca", tmp_path / "ca.pem",
            "--cert", tmp_path / "server.pem", "--key", tmp_path / "server.key",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["endpoint"]
            process.terminate()


def test_it_lets_in_who_has_a_certificate_of_its_authority(tmp_path: Path, endpoint: str) -> None:
    ca = str(tmp_path / "ca.pem")
    for name, code in (("client", ""), ("stranger", "UNAVAILABLE"), ("", "UNAVAILABLE")):
        own = (tmp_path / f"{name}.pem", tmp_path / f"{name}.key") if name else None
        with RpcClient(f"https://{endpoint}", ca=ca, certificate=own) as client:
            if code:
                assert client.refused("GetVersion")[0] == code
            else:
                assert client("GetVersion") == {4: [b"v2.0"]}
