# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage servers, an emulated cluster and a stand-in for the installer, for playbooks of the role lightos."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.support.playbook import ROOT, settings
from tests.support.storage_server import MadeUpServer

CLUSTER = "6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f"
REPOSITORY = "https://dl.example.com/the-customers-key/rpm"
YEAR = 365 * 86400
SECRET_FILE = "a certificate's key"

# It does what the role relies on: takes the variables, writes the secrets, and then the cluster answers.
DEPLOY = """\
- hosts: duros_nodes
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - name: Install the server
      debug: {msg: "instance {{ nodes[0].instanceID }} of {{ name }} from {{ local_repo_base_url }}"}
    - name: Make secrets
      copy: {content: "{{ item.content }}", dest: "{{ item.dest }}"}
      loop:
        - {content: "{{ lookup('file', playbook_dir ~ '/../token') }}", dest: "{{ system_jwt_path }}"}
        - {content: "{{ lookup('file', playbook_dir ~ '/../token') }}", dest: "{{ lightos_default_admin_jwt }}"}
        - {content: "a certificate's key", dest: "{{ certificates_directory }}/server.key"}
        - content: "-----BEGIN CERTIFICATE-----\\nMIIC\\n-----END CERTIFICATE-----\\n"
          dest: "{{ certificates_directory }}/ca-cert.pem"
      loop_control: {label: "{{ item.dest }}"}
      run_once: true
      delegate_to: localhost
    - name: Wait if told to
      command: "cat {{ playbook_dir }}/../../../../wait"
      when: (playbook_dir ~ '/../../../../wait') is exists
      run_once: true
      delegate_to: localhost
    - name: Fail if told to
      fail: {msg: told to fail}
      when: (playbook_dir ~ '/../../../../fail') is file
    - name: Add it to the cluster, with the secrets of the cluster
      uri:
        url: "@API@/api/v2/servers"
        method: POST
        headers: {Authorization: "Bearer {{ lookup('file', playbook_dir ~ '/../token') }}"}
        body_format: json
        body: {serverEndpoints: ["http://{{ nodes[0].data_ip }}:2380"], extendCluster: true}
      when: new_etcd_member | default(false) | bool and (certificates_directory ~ '/server.key') is file
    - name: Start
      uri: {url: "@CONTROL@/stopped", method: PUT, body_format: json, body: {servers: []}}
      run_once: true
"""


@dataclass
class Run:
    """A finished ansible-playbook."""

    code: int
    output: str
    changed: dict[str, int]

    def shows(self, text: str) -> bool:
        """Whether the text is in the output, however Ansible has broken its lines."""
        return " ".join(text.split()) in " ".join(self.output.replace("\\n", " ").split())


class World:
    """``directory`` has the inventory and everything else; ``variables`` are those of all servers."""

    def __init__(self, directory: Path, cluster: Lightbits, *, servers: int = 3, installed: bool = False) -> None:
        self.directory = directory
        self.cluster = cluster
        # of the controller's process, and variables of single hosts
        self.environment: dict[str, str] = {}
        self.host_variables: dict[str, dict[str, Any]] = {}
        self.home = directory / "lightos-lightos"
        self.names = [f"server{number:02d}" for number in range(servers)]
        archive = self._archive(str(cluster.emulator.ready["control"]), cluster.urls[0])
        self.work = directory / "installer"
        self.variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "lightos_cluster_id": CLUSTER,
            "lightos_api_endpoints": list(cluster.urls),
            "lightos_devices": {"initial": 2},
            "lightos_requirements": {"cores": 4},
            # the addresses of this machine are not those of servers, and its clock is its own business
            "lightos_preflight_skip": ["address", "time", "ports", "space"],
            "lightos_packages": [],
            "lightos_prepare_hosts": False,
            "lightos_installer_archive": str(archive),
            "lightos_installer_archive_checksum": f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}",
            "lightos_installer_directory": str(self.work),
            "lightos_installer_command": str(Path(sys.executable).parent / "ansible-playbook"),
            "lightos_connection": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "lightos_repository_url": REPOSITORY,
            "lightos_gate_interval": 1,
            "lightos_gate_timeout": 60,
        }
        for number, name in enumerate(self.names):
            made = MadeUpServer(directory / "hardware" / name, sockets=1)
            for device in range(3):
                made.nvme(f"nvme{device}", serial=f"{number}-{device}")
            made.interface("eth0")
        if installed:
            secrets = self.home / "secrets"
            secrets.mkdir(parents=True, mode=0o700)
            (secrets / "lightos-system-jwt").write_text(keys.token(lifetime=YEAR), encoding="ascii")

    def _archive(self, control: str, api: str) -> Path:
        path = self.directory / "light-app.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in {
                "light-app/playbooks/deploy-lightos.yml": DEPLOY.replace("@CONTROL@", control).replace("@API@", api),
                "light-app/token": keys.token(lifetime=YEAR),
            }.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        return path

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        """Run a playbook of the collection."""
        done = self.start(playbook, *arguments, **variables)
        output, _none = done.communicate()
        changed = {}
        for line in output.rsplit("PLAY RECAP", 1)[-1].splitlines():
            if " : ok=" in line:
                name, _colon, counts = line.partition(":")
                changed[name.strip()] = int(counts.split("changed=")[1].split()[0])
        return Run(done.returncode, output, changed)

    def start(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.Popen[str]:
        """Start a playbook of the collection."""
        inventory = self.directory / "inventory.yml"
        inventory.write_text(yaml.safe_dump(self._inventory(variables)), encoding="utf-8")
        path = self.directory / playbook if (self.directory / playbook).is_file() else ROOT / "playbooks" / playbook
        return subprocess.Popen(
            [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), *arguments, str(path)],
            cwd=self.directory,
            env={
                **settings(self.directory),
                "ANSIBLE_BECOME": "false",
                # most of the time is that of starting modules
                "ANSIBLE_PIPELINING": "true",
                **self.environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # so that all of it can be killed at once
            start_new_session=True,
        )

    def _inventory(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        hosts = {
            name: {
                "ansible_host": f"10.0.0.{10 + number}",
                "lightos_hardware_root": str(self.directory / "hardware" / name),
                "lightos_rack": f"rack-{number}",
                # one as a text, as people write what is one
                "lightos_data_addresses": [f"10.10.10.{100 + number}"] if number else f"10.10.10.{100 + number}",
                **self.host_variables.get(name, {}),
            }
            for number, name in enumerate(self.names)
        }
        group = {"hosts": hosts, "vars": {**self.variables, "ansible_become": False, **variables}}
        return {"all": {"children": {"storage_servers": group}}}

    def secrets(self) -> dict[str, int]:
        """Return the files of the secrets with their modes."""
        found = sorted(path for path in (self.home / "secrets").rglob("*") if path.is_file())
        return {str(path.relative_to(self.home / "secrets")): path.stat().st_mode & 0o777 for path in found}

    def record(self) -> dict[str, Any]:
        """Return what is remembered of the installation."""
        found = json.loads((self.home / "installation.json").read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found
