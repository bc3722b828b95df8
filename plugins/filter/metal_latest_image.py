# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``metal_latest_image``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metal_latest_image
short_description: Newest image that a shorthand means
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the id of the image that the metal-api would take for V(ubuntu-24.04). Given a complete id, it is that one.
  - Other than the API it leaves out images that have expired.
  - No such image is an error, unless O(default) is given.
positional: _input, images
options:
  _input:
    description: The operating system and C(<major>.<minor>) of its version, or a complete id.
    type: str
    required: true
  images:
    description: Images of P(metalstack.provisioning.metal_image_info#module), of the API, or only their ids.
    type: list
    elements: raw
    required: true
  feature:
    description: Take only images for this.
    type: str
    choices: [machine, firewall]
  classification:
    description: Take only images of one of these classifications.
    type: list
    elements: str
  expired:
    description: Whether images that have expired are taken as well.
    type: bool
    default: false
  default:
    description: What to return when there is no such image.
    type: raw
"""

EXAMPLES = r"""
- name: Read all images
  metalstack.provisioning.metal_image_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
  register: known

- name: Show the newest supported one
  ansible.builtin.debug:
    msg: "{{ 'ubuntu-24.04' | metalstack.provisioning.metal_latest_image(known.images, classification='supported') }}"
    # ubuntu-24.04.20251010
"""

RETURN = r"""
_value:
  description: Id of the image.
  type: str
  sample: ubuntu-24.04.20251010
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

_FAIL = object()


def _metal_latest_image(
    shorthand: Any,
    images: Any,
    feature: str | None = None,
    classification: Any = None,
    expired: bool = False,
    default: Any = _FAIL,
) -> Any:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._latest_image import latest_image

    try:
        found = latest_image(shorthand, images, feature=feature, classification=classification, expired=expired)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None
    if found is not None:
        return found
    if default is _FAIL:
        raise AnsibleFilterError(f"There is no image {shorthand!r} among the {len(images)} given that may be used.")
    return default


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metal_latest_image": _metal_latest_image}
