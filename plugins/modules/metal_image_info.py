#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_image_info
short_description: List operating system images of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the images that the metal-api offers, those that match all given options.
  - Any key will do (O(api_hmac_user=Metal-View)).
  - Both generations of the API return the same, except that only V(v1) knows what uses an image.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  id:
    description:
      - Id of an image, C(<os>-<major>.<minor>.<patch>), or C(<os>-<major>.<minor>) for the newest of that version.
      - Nothing found is no error.
    type: str
  os:
    description: Operating system, which is the id without the version.
    type: str
  feature:
    description: What the image can be used for.
    type: str
    choices: [machine, firewall]
  classification:
    description: What users may expect of it.
    type: str
    choices: [preview, supported, deprecated]
  expired:
    description: Only images that have expired, or only those that have not. By default both.
    type: bool
  usage:
    description:
      - Whether to return which machines use the image. V(v1) only.
    type: bool
    default: false
seealso:
  - module: metalstack.provisioning.metal_image
"""

EXAMPLES = r"""
- name: Find the newest Ubuntu 24.04
  metalstack.provisioning.metal_image_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    id: ubuntu-24.04
  register: newest

- name: List images that nobody should use any more
  metalstack.provisioning.metal_image_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    expired: true
    usage: true
  register: old
"""

RETURN = r"""
images:
  description: The images, sorted by operating system, the newest of each first.
  returned: success
  type: list
  elements: dict
  contains:
    used_by:
      description: Ids of the machines that use it.
      returned: with O(usage=true)
      type: list
      elements: str
  sample:
    - id: ubuntu-24.04.20251010
      os: ubuntu
      version: 24.4.20251010
      name: Ubuntu 24.04
      description: ""
      url: http://images.example.com/ubuntu/24.04/20251010/img.tar.lz4
      features: [machine]
      classification: supported
      expiration_date: "2027-10-10T00:00:00Z"
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: GET https://api.example.com/metal/v1/image was answered with status 403
    request: GET https://api.example.com/metal/v1/image
"""

from datetime import datetime, timezone

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import (
    Image,
    exact_image,
    image_matches,
    list_images,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "os": {"type": "str"},
            "feature": {"type": "str", "choices": ["machine", "firewall"]},
            "classification": {"type": "str", "choices": ["preview", "supported", "deprecated"]},
            "expired": {"type": "bool"},
            "usage": {"type": "bool", "default": False},
        }
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    api = connect_any(params, task.environ)
    usage = bool(params["usage"])
    if usage and not isinstance(api, MetalV1):
        raise UsageError("usage is true, but only the metal-api v1 knows what uses an image: leave it out, or use v1.")
    listed = list_images(api, usage=usage)
    task.warnings += [f"The image {name} of the metal-api is left out: {reason}" for name, reason in listed.skipped]
    now = datetime.now(timezone.utc)

    def matches(image: Image) -> bool:
        expired = image.expires_at is not None and image.expires_at <= now
        return (
            params["os"] in (None, image.os)
            and (params["feature"] is None or params["feature"] in image.features)
            and params["classification"] in (None, image.classification)
            and params["expired"] in (None, expired)
        )

    found = [image for image in listed.images if matches(image)]
    found.sort(key=lambda image: (image.major, image.minor, image.patch), reverse=True)
    found.sort(key=lambda image: image.os)
    if params["id"] is not None:
        found = _named(found, params["id"])
    return {"changed": False, "images": [image.as_dict(usage=usage) for image in found]}


def _named(newest_first: list[Image], id: str) -> list[Image]:  # noqa: A002
    """Return the image that an id stands for, as the API resolves it: exactly, or the newest of a version."""
    try:
        exact = exact_image(id)
    except ValueError as error:
        raise UsageError(f"id: {error}.") from None
    found = [image for image in newest_first if image_matches(id, image.id)]
    return found if exact else found[:1]


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
