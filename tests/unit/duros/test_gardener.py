# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for the extensions of Gardener: what these would refuse is told, all of it, and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_gardener import gardener_values

KEY = "-----BEGIN RSA PRIVATE KEY-----\nsecret-of-the-key\n-----END RSA PRIVATE KEY-----\n"
PARTITION: dict[str, Any] = {
    "endpoints": ["10.0.0.1:443"],
    "adminKey": KEY,
    "adminToken": "a.b.c",
    "storageClasses": [{"name": "gold", "replicaCount": 3, "compression": True}],
}
REGION: dict[str, Any] = {
    "endpoints": ["10.0.0.1:443", "[fd00::1]:443"],
    "adminKey": KEY,
    "adminToken": "a.b.c",
    "apiEndpoint": "storage.example.com:443",
    "qosPolicies": [{"name": "slow", "qosType": 1, "readWriteLimit": {"readLimit": "100", "writeLimit": "100"}}],
}


def told(partition: dict[str, Any] | None = None, region: dict[str, Any] | None = None) -> list[str]:
    partitions = {} if partition is None else {"fra": {**PARTITION, **partition}}
    regions = {} if region is None else {"fra": {**REGION, **region}}
    found: list[str] = gardener_values(partitions, regions, {})["problems"]
    return found


def test_values_of_both_charts() -> None:
    made = gardener_values({"fra": PARTITION}, {"fra": REGION}, {})
    assert made["problems"] == []
    assert made["provider_metal"] == {"storage": {"duros": {"enabled": True, "partitionConfig": {"fra": PARTITION}}}}
    assert made["duros"] == {"config": {"regionConfig": {"fra": REGION}}}


def test_defaults_fill_what_is_not_given() -> None:
    classes = {"storageClasses": PARTITION["storageClasses"]}
    usual = {"endpoints": ["10.0.0.1:443"], "adminKey": KEY, "adminToken": "a.b.c", "apiEndpoint": "10.0.0.1:443"}
    made = gardener_values({"fra": classes}, {"fra": {"adminToken": "x.y.z"}}, usual)
    assert made["problems"] == []
    assert made["provider_metal"]["storage"]["duros"]["partitionConfig"]["fra"] == PARTITION
    assert made["duros"]["config"]["regionConfig"]["fra"]["adminToken"] == "x.y.z"


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ({"adminkey": "x"}, "partitions.fra has adminkey, which is not known: did you mean adminKey."),
        ({"qosPolicies": []}, "partitions.fra has qosPolicies, which is not known"),
        ({"endpoints": "10.0.0.1:443"}, "partitions.fra.endpoints is no list"),
        ({"endpoints": ["https://10.0.0.1:443"]}, "partitions.fra.endpoints[0] is 'https://10.0.0.1:443'; it must be"),
        ({"endpoints": ["10.0.0.1"]}, "partitions.fra.endpoints[0] is '10.0.0.1'"),
        ({"adminKey": "-----BEGIN PRIVATE KEY-----"}, "partitions.fra.adminKey is no private key in the form PKCS#1"),
        ({"adminToken": "a.b.c\n"}, "partitions.fra.adminToken is no token"),
        ({"apiEndpoint": "10.0.0.1:443"}, "partitions.fra lacks apiCA, apiCert, apiKey"),
        ({"apiCA": "x"}, "partitions.fra lacks apiCert, apiKey"),
        ({"storageClasses": []}, "partitions.fra.storageClasses is no list"),
        ({"storageClasses": [{"name": "a", "replicas": 3}]}, "partitions.fra.storageClasses[0] has replicas, which"),
        (
            {"storageClasses": [{"name": "a", "replicaCount": "3"}]},
            "partitions.fra.storageClasses[0].replicaCount is '3'",
        ),
        (
            {"storageClasses": [{"name": "a", "replicaCount": 3, "compression": "true"}]},
            "partitions.fra.storageClasses[0].compression is neither true nor false",
        ),
        ({"storageClasses": [{"name": "a", "replicaCount": 1}] * 2}, "partitions.fra.storageClasses has a twice"),
    ],
)
def test_partition_that_is_refused(partition: dict[str, Any], message: str) -> None:
    assert told(partition)[0].startswith(message)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"storageClasses": []}, "regions.fra has storageClasses, which is not known"),
        ({"apiKey": "x"}, "regions.fra lacks apiCA, apiCert"),
        (
            {"qosPolicies": [{"name": "a", "qosType": 3, "readWriteLimit": {}}]},
            "regions.fra.qosPolicies[0].qosType is 3",
        ),
        (
            {"qosPolicies": [{"name": "a", "qosType": 0, "readWriteLimit": {"readLimit": 1, "writeLimit": "1"}}]},
            "regions.fra.qosPolicies[0].readWriteLimit.readLimit is no text",
        ),
    ],
)
def test_region_that_is_refused(region: dict[str, Any], message: str) -> None:
    assert told(region=region)[0].startswith(message)


def test_region_needs_its_address() -> None:
    given = {key: value for key, value in REGION.items() if key != "apiEndpoint"}
    assert gardener_values({}, {"fra": given}, {})["problems"] == ["regions.fra lacks apiEndpoint."]


def test_all_is_told_at_once_and_nothing_secret() -> None:
    wrong = {"adminKey": "secret-of-the-key", "adminToken": "secret-of-the-token", "storageClasses": [], "x": 1}
    found = told(wrong)
    assert len(found) == 4
    assert "secret" not in " ".join(found)


def test_what_is_no_dictionary() -> None:
    assert gardener_values({"fra": []}, {}, {})["problems"] == ["partitions.fra is not a dictionary."]
    with pytest.raises(UsageError, match="regions is not a dictionary"):
        gardener_values({}, [], {})
