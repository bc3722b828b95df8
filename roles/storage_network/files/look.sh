#!/bin/sh
# What there is on a host already, one finding a line; reads only.
set -u
# not everybody's path has them, and sudo may keep that of who logs in
PATH=$PATH:/usr/sbin:/sbin

[ -d /run/systemd/system ] && echo systemd
command -v ip >/dev/null && echo ip
command -v nft >/dev/null && echo nft
systemctl is-active --quiet systemd-networkd.service && echo networkd

ip -oneline link show | while read -r _number name rest; do
    name=${name%:}
    mtu=${rest#*mtu }
    # a veth is called after its other end as well
    echo "link ${name%@*} ${mtu%% *}"
done
ip -oneline address show | while read -r _number name _family address _rest; do
    echo "address $name $address"
done
# How systemd-networkd has configured each link, if it has.
if systemctl is-active --quiet systemd-networkd.service; then
    ip -oneline link show | while read -r _number name _rest; do
        name=${name%:}
        name=${name%@*}
        file=$(networkctl status --lines=0 --no-pager "$name" 2>/dev/null | sed -n 's/^ *Network File: *//p')
        case $file in /*) echo "file $name $file" ;; esac
    done
fi
for file in /etc/systemd/network/*.network.d/storage-network.conf; do
    [ -e "$file" ] && echo "dropin $file"
done

rules=/etc/storage-network/rules.nft
unit=storage-network-nftables.service
systemctl is-enabled --quiet "$unit" 2>/dev/null && systemctl is-active --quiet "$unit" && echo started
# What an interrupted run has written and not loaded, and what somebody else has flushed.
if [ -e "$rules" ]; then
    cmp -s "$rules" /run/storage-network/loaded.nft && nft list table inet storage_network >/dev/null 2>&1 || echo unloaded
fi
exit 0
