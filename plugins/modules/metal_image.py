#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_image
short_description: Manage operating system images of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, updates and deletes the images that machines and firewalls are installed with, one or many in one task.
  - Only what is given is compared and changed.
  - Needs the admin key (O(api_hmac_user=Metal-Admin)), or a token of a user in the group C(maas-all-all-admin).
  - The metal-api asks for the URL of an image (a C(HEAD) request) before it accepts it, so that address has to be
    reachable from the control plane.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.bulk
options:
  id:
    description:
      - Id of the image, C(<os>-<major>.<minor>.<patch>).
      - Required if O(resources) is not given.
    type: str
  url:
    description: Where the image is downloaded from. Needed for a new image.
    type: str
  name:
    description: Name for people.
    type: str
  description:
    description: Description for people.
    type: str
  features:
    description: What the image can be used for. Needed for a new image.
    type: list
    elements: str
    choices: [machine, firewall]
  classification:
    description: What users may expect of it. The API makes a new image V(preview).
    type: str
    choices: [preview, supported, deprecated]
  expiration_date:
    description:
      - When the image should not be used for new machines any more, like V(2030-01-31T00:00:00Z).
      - The API gives a new image 90 days.
    type: str
  state:
    description:
      - Whether the image should exist.
      - An image that machines use is not deleted, and check mode says so as well.
    type: str
    choices: [present, absent]
    default: present
  resources:
    suboptions:
      id:
        description: Id of the image, C(<os>-<major>.<minor>.<patch>).
        type: str
        required: true
      url:
        description: Where the image is downloaded from. Needed for a new image.
        type: str
      name:
        description: Name for people.
        type: str
      description:
        description: Description for people.
        type: str
      features:
        description: What the image can be used for. Needed for a new image.
        type: list
        elements: str
        choices: [machine, firewall]
      classification:
        description: What users may expect of it.
        type: str
        choices: [preview, supported, deprecated]
      expiration_date:
        description: When the image should not be used for new machines any more.
        type: str
      state:
        description: Whether the image should exist.
        type: str
        choices: [present, absent]
        default: present
  purge_scope:
    description:
      - Which images O(purge) may delete. All others stay, whatever O(resources) has.
      - What machines use is not purged either; a warning says so.
    type: dict
    suboptions:
      os:
        description: Operating systems, which are the ids without the version.
        type: list
        elements: str
        required: true
seealso:
  - module: metalstack.provisioning.metal_image_info
"""

EXAMPLES = r"""
- name: Offer an image
  metalstack.provisioning.metal_image:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: ubuntu-24.04.20251010
    name: Ubuntu 24.04
    url: http://images.example.com/ubuntu/24.04/20251010/img.tar.lz4
    features:
      - machine
    classification: supported
    expiration_date: "2027-10-10T00:00:00Z"

- name: Offer exactly these images of Debian, and leave all others alone
  metalstack.provisioning.metal_image:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    resources:
      - id: debian-12.0.20251010
        url: http://images.example.com/debian/12/20251010/img.tar.lz4
        features:
          - machine
      - id: debian-13.0.20251010
        url: http://images.example.com/debian/13/20251010/img.tar.lz4
        features:
          - machine
    purge: true
    purge_scope:
      os:
        - debian
"""

RETURN = r"""
image:
  description: The image as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success, without O(resources)
  type: dict
  sample:
    id: ubuntu-24.04.20251010
    os: ubuntu
    version: 24.4.20251010
    name: Ubuntu 24.04
    description: ""
    url: http://images.example.com/ubuntu/24.04/20251010/img.tar.lz4
    features: [machine]
    classification: supported
    expiration_date: "2027-10-10T00:00:00Z"
images:
  description:
    - One entry for each of O(resources), and then for each that was purged.
  returned: with O(resources)
  type: list
  elements: dict
  contains:
    changed:
      description: Whether it was changed.
      returned: always
      type: bool
    steps:
      description: What was done, or would be done in check mode, in words.
      returned: always
      type: list
      elements: str
    image:
      description: The image, as RV(image).
      returned: always
      type: dict
    failed:
      description: Whether it could not be brought to the wanted state.
      returned: if it failed
      type: bool
    msg:
      description: Why it could not be brought to the wanted state.
      returned: if it failed
      type: str
    failure:
      description: As RV(failure).
      returned: if it failed because of the API
      type: dict
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: PUT https://api.example.com/metal/v1/image was answered with status 403
    request: PUT https://api.example.com/metal/v1/image
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._bulk import (
    Snapshot,
    bulk_spec,
    check_unique,
    run_bulk,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import (
    Image,
    ImageList,
    list_images,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image_resource import (
    ImageResource,
    find_image,
    get_image,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

ONE = {
    "url": {"type": "str"},
    "name": {"type": "str"},
    "description": {"type": "str"},
    "features": {"type": "list", "elements": "str", "choices": ["machine", "firewall"]},
    "classification": {"type": "str", "choices": ["preview", "supported", "deprecated"]},
    "expiration_date": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
SPEC = (
    CONNECTION
    + ArgumentSpec(
        {"id": {"type": "str"}, **ONE},
        required_one_of=(("id", "resources"),),
        mutually_exclusive=tuple((name, "resources") for name in ("id", *ONE) if name != "state"),
    )
    + bulk_spec(
        {"id": {"type": "str", "required": True}, **ONE},
        {"os": {"type": "list", "elements": "str", "required": True}},
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    api = connect(task.params, task.environ)
    if task.params["resources"] is not None:
        return _many(task, api)
    usage = task.params["state"] == "absent"
    resource = ImageResource(api, task.params, lambda name: get_image(api, name, usage=usage))
    return task.result(reconcile(resource, check_mode=task.check_mode), "image")


def _many(task: Task, api: MetalV1) -> dict[str, object]:
    wanted = task.params["resources"]
    check_unique((item["id"] for item in wanted), "images")
    # what uses the images costs the API something
    usage = task.params["purge"] or any(item["state"] == "absent" for item in wanted)
    lists = Snapshot(lambda: [list_images(api, usage=usage)])

    def find(name: str) -> Image | None:
        return find_image(lists.all()[0], name)

    resources = [ImageResource(api, item, find) for item in wanted]
    surplus = _surplus(task, lists.all()[0]) if task.params["purge"] else []
    purged = [ImageResource(api, {"id": name, "state": "absent"}, find) for name in surplus]
    return run_bulk(task, resources, key="image", plural="images", refresh=lists.refresh, purged=purged)


def _surplus(task: Task, listed: ImageList) -> list[str]:
    """Return the ids of what may be purged; what is in use stays, until it is not any more."""
    keep = {item["id"] for item in task.params["resources"]}
    systems = set(task.params["purge_scope"]["os"])
    found = [image for image in listed.images if image.os in systems and image.id not in keep]
    task.warnings += [
        f"The image {image.id} is not purged, since {len(image.used_by)} machine(s) use it."
        for image in found
        if image.used_by
    ]
    return [image.id for image in found if not image.used_by]


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
