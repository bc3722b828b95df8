# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store holds and what the metal-api knows when the world comes up."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

STORE = "images.metal-stack.io"
BOOT_IMAGE = f"{STORE}/metal-hammer/releases/v0.13.12/metal-hammer-initrd.img.lz4"
OTHER_BOOT_IMAGE = f"{STORE}/metal-hammer/releases/v0.13.11/metal-hammer-initrd.img.lz4"
KERNEL = "github.com/metal-stack/kernel/releases/download/6.12.41-20260901/metal-kernel"
#: In the store, unknown to the metal-api: must arrive from the store itself.
UNKNOWN = f"{STORE}/metal-os/stable/almalinux/9/img.tar.lz4"


@dataclass(frozen=True)
class Image:
    id: str
    path: str
    size: str
    feature: str = "machine"
    expires_in_days: int = 90

    @property
    def key(self) -> str:
        return f"{STORE}/metal-os/{self.path}/img.tar.lz4"


CACHED = (
    Image("ubuntu-24.04.20260901", "20260901/ubuntu/24.04", "6M"),
    Image("ubuntu-24.04.20261101", "20261101/ubuntu/24.04", "16M"),
    Image("debian-12.0.20261015", "20261015/debian/12", "8M"),
    Image("firewall-ubuntu-3.0.20260915", "20260915/firewall/3.0-ubuntu", "3M", "firewall"),
    Image("firewall-ubuntu-3.0.20261110", "20261110/firewall/3.0-ubuntu", "4M", "firewall"),
)
EXPIRED = Image("debian-12.0.20260101", "20260101/debian/12", "2M", expires_in_days=-3)
EXCLUDED = Image("ubuntu-24.04.20261120", "pull_requests/1234/ubuntu/24.04", "2M")


def files() -> list[dict[str, Any]]:
    """The store's files, as `testbed-store put-all` takes them. A release of github.com has no .md5 beside it."""
    found = [{"key": image.key, "size": image.size} for image in (*CACHED, EXPIRED, EXCLUDED)]
    found += [
        {"key": BOOT_IMAGE, "size": "5M"},
        {"key": OTHER_BOOT_IMAGE, "size": "1M"},
        {"key": UNKNOWN, "size": "3M"},
    ]
    return [*found, {"key": KERNEL, "size": "2M", "md5": False}]


def names() -> dict[str, Any]:
    """The keys (host and path) of the files by what they are, for playbooks."""
    return {
        "images": [image.key for image in CACHED],
        "boot_image": BOOT_IMAGE,
        "other_boot_image": OTHER_BOOT_IMAGE,
        "kernel": KERNEL,
        "expired": EXPIRED.key,
        "excluded": EXCLUDED.key,
        "unknown": UNKNOWN,
    }


def metal_api() -> dict[str, list[dict[str, Any]]]:
    """The entities of the metal-api, as v1 shows them. URLs are plain http, as machines need them."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)

    def stamp(days: int) -> str:
        return (now + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    images = [
        {
            "id": image.id,
            "name": image.id.rsplit(".", 1)[0],
            "description": "",
            "url": f"http://{image.key}",
            "features": [image.feature],
            "classification": "supported",
            "expirationDate": stamp(image.expires_in_days),
        }
        for image in (*CACHED, EXPIRED, EXCLUDED)
    ]
    partitions = [
        {
            "id": name,
            "name": name,
            "description": "",
            "bootconfig": {
                "imageurl": f"http://{boot}",
                "kernelurl": f"https://{KERNEL}",
                "commandline": "console=ttyS0",
            },
        }
        for name, boot in (("fra-01", BOOT_IMAGE), ("fra-02", OTHER_BOOT_IMAGE))
    ]
    return {"images": images, "partitions": partitions}
