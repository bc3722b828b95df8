# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``on_calendar``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: on_calendar
short_description: Convert a cron schedule to calendar expressions of systemd
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the values for C(OnCalendar=) of a systemd timer that runs when cron would.
  - Calendar expressions of systemd are checked and returned as they are, so that an option can take either notation.
  - The result is a list, because cron's rule that a line with a day of month I(and) a day of week runs on I(both) needs
    two calendar expressions. Write one C(OnCalendar=) for each.
positional: _input
options:
  _input:
    description:
      - A crontab expression of five fields (minute, hour, day of month, month, day of week), with lists, ranges, steps
        and the english names of months and days.
      - Or one of V(@hourly), V(@daily), V(@midnight), V(@weekly), V(@monthly), V(@yearly), V(@annually), with cron's
        meaning. So V(@weekly) is Sunday, while systemd's V(weekly) is Monday.
      - Or a calendar expression as described in systemd.time(7), such as V(Mon..Fri *-*-* 02:30:00) or V(hourly).
      - Or a list of these.
    type: raw
    required: true
notes:
  - A day field that starts with V(*) does not count as restricted, as crontab(5) says, not even V(*/2).
"""

EXAMPLES = r"""
- name: Show when the image cache is synchronised
  ansible.builtin.debug:
    msg: "{{ '*/10 * * * *' | metalstack.provisioning.on_calendar }}"
    # ["*-*-* *:00/10:00"]

- name: Show a schedule that needs two lines
  ansible.builtin.debug:
    msg: "{{ '30 2 1 * mon' | metalstack.provisioning.on_calendar }}"
    # ["Mon *-*-* 02:30:00", "*-*-01 02:30:00"]

- name: Use it in the template of a timer
  ansible.builtin.copy:
    dest: /etc/systemd/system/example.timer
    mode: "0644"
    content: |
      [Timer]
      {% for expression in schedule | metalstack.provisioning.on_calendar %}
      OnCalendar={{ expression }}
      {% endfor %}
"""

RETURN = r"""
_value:
  description: Calendar expressions; the timer has to run at the times of all of them.
  type: list
  elements: str
  sample: ["*-*-* *:00/10:00"]
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError


def _on_calendar(schedule: object) -> list[str]:
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._on_calendar import ScheduleError, on_calendar

    try:
        return on_calendar(schedule)
    except ScheduleError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"on_calendar": _on_calendar}
