#!/usr/bin/env bash
# One node of Ceph with its S3 gateway, from Debian's packages, all below one folder: ceph.sh start|stop [folder]
# Objects live in memory. Started, it answers at http://127.0.0.1:$CEPH_PORT (7480) to the key test and the secret testtest.
set -euo pipefail
folder=${2:-${TMPDIR:-/tmp}/earthcatalog-ceph}
port=${CEPH_PORT:-7480}
# So many ports from here on are the monitor's.
monitor=${CEPH_MONITOR_PORT:-3300}
configuration=$folder/ceph.conf
keyring=$folder/keyring

install_packages() {
    command -v radosgw >/dev/null && command -v ceph-osd >/dev/null && return
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        radosgw ceph-mon ceph-osd ceph-common >&2
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local tries=$(($1 * 2))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || { echo "ceph: gave up on: $*" >&2; exit 1; }
        sleep 0.5
    done
}

configure() {
    mkdir -p "$folder"/{mon,osd,log}
    cat >"$configuration" <<END
[global]
fsid = $1
mon host = [v2:127.0.0.1:$monitor,v1:127.0.0.1:$((monitor + 1))]
mon initial members = a
public network = 127.0.0.0/8
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 2147483648
osd max pg per osd hard ratio = 20
mon max pg per osd = 2000
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
mon data avail warn = 1
mon data = $folder/mon/a
osd data = $folder/osd/0
run dir = $folder
admin socket = $folder/\$name.asok
log file = $folder/log/\$name.log
keyring = $keyring
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw enable usage log = false
rgw run sync thread = false
END
}

start() {
    install_packages
    local id osd ceph=(ceph -c "$configuration")
    id=$(cat /proc/sys/kernel/random/uuid)
    osd=$(cat /proc/sys/kernel/random/uuid)
    configure "$id"
    local key=(ceph-authtool -c "$configuration" "$keyring" --gen-key)
    ceph-authtool -c "$configuration" --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
    "${key[@]}" -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    "${key[@]}" -n client.rgw --cap mon 'allow rwx' --cap osd 'allow rwx'
    "${key[@]}" -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    monmaptool --create --clobber --fsid "$id" --addv a "[v2:127.0.0.1:$monitor,v1:127.0.0.1:$((monitor + 1))]" \
        "$folder/monmap" >/dev/null
    ceph-mon -c "$configuration" --mkfs -i a --monmap "$folder/monmap" --keyring "$keyring"
    ceph-mon -c "$configuration" -i a --pid-file "$folder/mon.pid"
    "${ceph[@]}" osd new "$osd" >/dev/null
    mkdir -p "$folder/osd/0"
    ceph-osd -c "$configuration" -i 0 --mkfs --osd-uuid "$osd"
    ceph-osd -c "$configuration" -i 0 --pid-file "$folder/osd.pid"
    # shellcheck disable=SC2016 # expanded by the inner shell
    wait_for 60 bash -c '"$@" osd stat | grep -q "1 up"' - "${ceph[@]}"
    radosgw -c "$configuration" -n client.rgw --keyring "$keyring" --pid-file "$folder/rgw.pid"
    wait_for 120 curl --silent --output /dev/null "127.0.0.1:$port"
    radosgw-admin -c "$configuration" -n client.rgw --keyring "$keyring" user create --uid=test --display-name=test \
        --access-key=test --secret-key=testtest >/dev/null
}

stop() {
    local daemon
    for daemon in rgw osd mon; do
        [[ ! -f $folder/$daemon.pid ]] || kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true
    done
    sleep 2
    rm -rf "$folder"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    *) echo "usage: ceph.sh start|stop [folder]" >&2; exit 2 ;;
esac
