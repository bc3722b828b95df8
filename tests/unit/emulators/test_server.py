# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping, addresses, base paths, keys, TLS."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import ssl
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pyqwest
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypercorn.asyncio.worker_context import WorkerContext
from metalstack.api.v2 import version_pb2  # type: ignore[import-untyped]
from metalstack.api.v2.version_connect import VersionServiceClientSync  # type: ignore[import-untyped]
from starlette.types import Receive, Scope, Send

from tests.emulators.common.server import Listener, Site, Tls
from tests.emulators.metal_api.process import running_metal_api
from tests.emulators.process import ROOT, EmulatorError, running

from .requests import RawClient, signed

MODULE = "tests.emulators.metal_api"


def test_one_ready_line_and_nothing_else() -> None:
    with running(MODULE) as emulator:
        assert set(emulator.ready) == {"v1", "v2", "control", "addresses", "pid"}
        assert emulator.ready["pid"] == emulator.process.pid
        assert emulator.ready["v1"] == emulator.ready["v2"] + "/metal"
        assert emulator.ready["control"] == emulator.ready["v2"] + "/-/control"
        emulator.process.send_signal(signal.SIGTERM)
        assert emulator.process.wait(10) == 0
        assert emulator.process.stdout is not None
        assert emulator.process.stdout.read() == b""
        assert emulator.messages() == ""


def test_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Killed without a chance to clean up, a test leaves no emulator behind."""
    code = (
        "import sys, time\n"
        "from tests.emulators.process import running\n"
        f"with running({MODULE!r}) as emulator:\n"
        "    print(emulator.ready['pid'], flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as parent:
        assert parent.stdout is not None
        emulator = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        ready, _unused, _unused = select.select([emulator], [], [], 15)
        assert ready, "the emulator still runs"
    finally:
        os.close(emulator)


def test_a_running_request_does_not_hold_up_the_end() -> None:
    with running_metal_api() as api:
        api.control.add_fault("stall", seconds=60)
        client = RawClient(api.v1)
        client._connection.request("GET", client._base + "/v1/health")
        assert client._connection.getresponse().read(1) == b"{"
        api.emulator.process.send_signal(signal.SIGTERM)
        api.emulator.process.wait(30)
        client._connection.close()


@pytest.mark.parametrize("tls", [False, True])
def test_a_stopped_listener_has_no_connection_left(tls: bool, certificate: Certificate) -> None:
    """A client that is told of the end must not meet an open connection afterwards, on which its request is lost."""

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def scenario() -> None:
        files = Tls(str(certificate.certificate), str(certificate.key)) if tls else None
        site = Site(Listener(answer, "127.0.0.1", 0, files), WorkerContext(None))
        await site.start()
        trusted = ssl.create_default_context(cafile=certificate.authority) if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", site.address.port, ssl=trusted)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await site.stop()
        poll = select.poll()
        poll.register(writer.get_extra_info("socket").fileno(), select.POLLIN)
        [(_descriptor, events)] = poll.poll(0)
        assert events & (select.POLLHUP | select.POLLERR)
        writer.transport.abort()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", site.address.port)
        site.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--listen", "localhost"], "a listen address is HOST:PORT, for example 127.0.0.1:0, not 'localhost'"),
        (["--listen", "127.0.0.1:70000"], "a listen address is HOST:PORT"),
        (["--listen", "192.0.2.1:0"], "192.0.2.1"),
        (["--tls-cert", "x"], "--tls-cert and --tls-key belong together"),
        (["--tls-client-ca", "x"], "--tls-client-ca needs --tls-cert and --tls-key"),
        (["--state", "/nonexistent"], "--state /nonexistent: "),
        (["--key-file", "/nonexistent"], "--key-file /nonexistent: "),
    ],
)
def test_wrong_options(arguments: list[str], message: str) -> None:
    with pytest.raises(EmulatorError) as failed, running(MODULE, *arguments):
        pass
    assert message in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_base_path() -> None:
    with running_metal_api("--base-path", "/") as api, RawClient(api.v2) as raw:
        assert api.v1 == api.v2
        assert raw.v1("GET", "/v1/image").status == 200
    with running_metal_api("--base-path", "deep/path") as api, RawClient(api.v2) as raw:
        assert api.v1 == api.v2 + "/deep/path"
        assert raw.v1("GET", "/deep/path/v1/image").status == 200
        assert raw.v1("GET", "/metal/v1/image").status == 404
        assert raw.v1("GET", "/v1/image").status == 404


def test_several_addresses_and_an_own_one_for_the_control() -> None:
    arguments = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--control-listen", "127.0.0.1:0"]
    with running_metal_api(*arguments) as api:
        v4, v6, control = api.emulator.ready["addresses"]
        assert api.emulator.ready["control"] == control + "/-/control"
        for url in (v4, v6):
            with RawClient(url) as raw:
                assert raw.v1("GET", "/metal/v1/image").status == 200
                assert raw.v1("GET", "/-/control/state").status == 404, "it has its own address"
        assert set(api.control.counts()) == {"GET /metal/v1/image 200", "GET /-/control/state 404"}


def test_keys(tmp_path: Path) -> None:
    key_file = tmp_path / "keys.json"
    key_file.write_text(json.dumps({"edit": "from-file"}))
    with (
        running_metal_api("--key-file", str(key_file), environment={"METAL_API_HMAC_VIEW": "from-env"}) as api,
        RawClient(api.v1) as raw,
    ):
        for user, key, status in (
            ("Metal-View", "from-env", 200),
            ("Metal-View", "metal-view", 403),
            ("Metal-Edit", "from-file", 200),
            ("Metal-Admin", "metal-admin", 200),
        ):
            assert raw.send("GET", "/v1/image", signed("GET", user, key)).status == status


def test_lifetimes() -> None:
    with (
        running_metal_api("--hmac-view-lifetime", "0", "--hmac-admin-lifetime", "5") as api,
        RawClient(api.v1) as raw,
    ):
        old = signed("GET", "Metal-View", "metal-view", age=100_000)
        assert raw.send("GET", "/v1/image", old).status == 200
        assert raw.send("GET", "/v1/image", signed("GET", age=7)).status == 403


def test_initial_state(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"images": [{"id": "ubuntu-24.4", "url": "http://x/y"}]}))
    with running_metal_api("--state", str(state)) as api, RawClient(api.v1) as raw:
        assert [image["id"] for image in raw.v1("GET", "/v1/image").json()] == ["ubuntu-24.4"]
    state.write_text('{"images": [{"id": "ubuntu-24.4"}]}')
    with (
        pytest.raises(EmulatorError, match="'url' is needed"),
        running(MODULE, "--state", str(state)),
    ):
        pass


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate of 127.0.0.1 and its key, and of the authority that made it."""

    certificate: Path
    key: Path
    authority: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    directory = tmp_path_factory.mktemp("tls")
    authority_key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder("authority", "authority", authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_CERTIFICATE_SIGNING, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("emulator", "authority", key)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(identifier.digest, None, None), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    files = Certificate(directory / "cert.pem", directory / "key.pem", directory / "ca.pem")
    files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    return files


_CERTIFICATE_SIGNING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    subject, issued_by = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]) for common_name in (name, issuer)
    )
    now = datetime.now(timezone.utc)
    return x509.CertificateBuilder(
        issuer_name=issued_by,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=1),
    )


def test_tls(certificate: Certificate) -> None:
    arguments = ["--tls-cert", str(certificate.certificate), "--tls-key", str(certificate.key)]
    with running_metal_api(*arguments, "--control-listen", "127.0.0.1:0") as api:
        assert api.v1.startswith("https://127.0.0.1:")
        with RawClient(api.v1, ssl.create_default_context(cafile=certificate.authority)) as raw:
            assert raw.v1("GET", "/v1/image").status == 200
        with RawClient(api.v1, ssl.create_default_context()) as raw, pytest.raises(ssl.SSLCertVerificationError):
            raw.v1("GET", "/v1/image")
        transport = pyqwest.SyncHTTPTransport(
            http_version=pyqwest.HTTPVersion.HTTP2, tls_ca_cert=certificate.authority.read_bytes()
        )
        version = VersionServiceClientSync(address=api.v2, http_client=pyqwest.SyncClient(transport=transport))
        assert version.get(request=version_pb2.VersionServiceGetRequest()).version.version
        assert [entry["protocol"] for entry in api.control.requests()] == ["1.1", "2"]
        api.control.add_fault("reset", count=1)
        with (
            RawClient(api.v1, ssl.create_default_context(cafile=certificate.authority)) as raw,
            pytest.raises(ConnectionResetError),
        ):
            raw.v1("GET", "/v1/image")


def test_client_certificate(certificate: Certificate) -> None:
    files = {"--tls-cert": certificate.certificate, "--tls-key": certificate.key}
    arguments = [str(part) for pair in (files | {"--tls-client-ca": certificate.authority}).items() for part in pair]
    with running_metal_api(*arguments, "--control-listen", "127.0.0.1:0") as api:
        context = ssl.create_default_context(cafile=certificate.authority)
        with RawClient(api.v1, context) as raw, pytest.raises((ssl.SSLError, ConnectionError)):
            raw.v1("GET", "/v1/image")
        context.load_cert_chain(certificate.certificate, certificate.key)
        with RawClient(api.v1, context) as raw:
            assert raw.v1("GET", "/v1/image").status == 200
