#!/bin/sh
# Prints what the role needs to know about this host, one fact a line; changes nothing.
# Usage: look.sh CACHE_DIRECTORY
# Lines: "system ID VERSION", "like ID", "systemd", "package NAME", "user NAME", "backup PATH", "ours PATH",
#        "masked UNIT", "running UNIT", "loaded UNIT", "enabled UNIT", "active UNIT", "Reload SERVICE", "Restart SERVICE", "published", "credential NAME"
set -u
cache=$1
mark='Managed by the Ansible role metalstack.provisioning.image_cache'
units=/etc/systemd/system

seconds() { # of a time as systemctl shows it; 0 when there is none
    [ -n "$1" ] && date -d "$1" +%s || echo 0
}

# shellcheck disable=SC1091
(. /etc/os-release && echo "system $ID ${VERSION_ID:-}" && for like in $ID ${ID_LIKE:-}; do echo "like $like"; done)
[ -d /run/systemd/system ] && echo "systemd"

for package in haproxy nginx unbound; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] && echo "package $package"
done
getent passwd image-cache-sync >/dev/null && echo "user image-cache-sync"

[ -L "$cache/current" ] && echo "published"
for credential in metal-api-hmac metal-api-token; do
    [ -e "/etc/image-cache-sync/$credential" ] && echo "credential $credential"
done

for configuration in /etc/haproxy/haproxy.cfg /etc/nginx/nginx.conf /etc/unbound/unbound.conf; do
    grep -qsF "$mark" "$configuration" || continue
    echo "ours $configuration"
    [ -e "$configuration.before-image-cache" ] && echo "backup $configuration"
done
# what keeps unbound away from the host's own resolver
mask=$units/unbound-resolvconf.service
if [ "$(readlink "$mask")" = /dev/null ]; then
    echo "masked unbound-resolvconf.service"
    grep -qsF "$mark" /etc/unbound/unbound.conf && echo "ours $mask"
fi
for path in /usr/local/bin/image-cache-sync /etc/image-cache-sync /var/lib/image-cache-sync /run/image-cache-sync \
    /var/lib/image-cache-haproxy /var/lib/systemd/timers/stamp-image-cache-sync.timer \
    /var/lib/systemd/timers/stamp-image-cache-sync-verify.timer "$units/haproxy.service.d/image-cache.conf" "$units/nginx.service.d/image-cache.conf" \
    "$units/unbound.service.d/image-cache.conf" "$units"/image-cache-sync.service "$units"/image-cache-sync.timer \
    "$units"/image-cache-sync-verify.service "$units"/image-cache-sync-verify.timer "$cache"/blobs "$cache"/generations \
    "$cache"/current "$cache"/current.new "$cache"/staging "$cache"/lock "$cache"/verify.lock "$cache"/report.json \
    "$cache"/.report.json.new "$cache"/verify.json "$cache"/.verify.json.new "$cache"/metrics.prom "$cache"/.metrics.prom.new; do
    if [ -e "$path" ] || [ -L "$path" ]; then echo "ours $path"; fi
done

for unit in haproxy.service nginx.service unbound.service unbound-resolvconf.service image-cache-sync.timer \
    image-cache-sync-verify.timer image-cache-sync.service image-cache-sync-verify.service; do
    enabled=$(systemctl is-enabled "$unit" 2>/dev/null)
    case $enabled in
    '' | not-found | masked) continue ;;
    esac
    echo "loaded $unit"
    active=$(systemctl is-active "$unit" 2>/dev/null)
    [ "$enabled" = enabled ] && echo "enabled $unit"
    case $active in
    active | activating) echo "active $unit" ;;
    esac
    [ "$enabled" = enabled ] && [ "$active" = active ] && echo "running $unit"
done

# What was written but is not in effect, because an earlier run was interrupted.
for pair in haproxy:/etc/haproxy/haproxy.cfg nginx:/etc/nginx/nginx.conf unbound:/etc/unbound/unbound.conf; do
    service=${pair%%:*}
    systemctl is-active --quiet "$service.service" || continue
    written=$(stat -c %Y "${pair#*:}" 2>/dev/null || echo 0)
    applied=$(seconds "$(systemctl show -P StateChangeTimestamp "$service.service")")
    [ "$written" -gt "$applied" ] && echo "Reload $service"
    written=$(stat -c %Y "$units/$service.service.d/image-cache.conf" 2>/dev/null || echo 0)
    applied=$(seconds "$(systemctl show -P ActiveEnterTimestamp "$service.service")")
    if [ "$written" -gt "$applied" ]; then echo "Restart $service"; fi
done
[ "$(systemctl show -P NeedDaemonReload haproxy nginx unbound image-cache-sync.timer image-cache-sync.service \
    image-cache-sync-verify.timer image-cache-sync-verify.service 2>/dev/null | grep -c yes)" -gt 0 ] && echo "Reload systemd"
exit 0
