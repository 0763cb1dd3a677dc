#!/bin/sh
# Installs the programs that the tests start: name servers on loopback, the model checker and a browser, where it may: as root on Debian or Ubuntu.
# Elsewhere it says what is missing. No service is started: policy-rc.d forbids it meanwhile.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

# program:package
NEEDED="named:bind9 nsupdate:bind9-dnsutils dig:bind9-dnsutils knotd:knot kdig:knot-dnsutils \
pdns_server:pdns-server pdnsutil:pdns-server sqlite3:sqlite3 dnsperf:dnsperf \
unbound:unbound etcd:etcd-server etcdctl:etcd-client spin:spin gcc:gcc ip:iproute2 nats-server:nats-server wrk:wrk chromium:chromium"

missing=""
for pair in $NEEDED; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# The back-end of PowerDNS is a library, not a program.
backend=$(find /usr/lib /usr/local/lib -name 'libgsqlite3backend.so' 2>/dev/null | head -n 1)
[ -n "$backend" ] || missing="$missing pdns-backend-sqlite3"
pgsql=$(find /usr/lib /usr/local/lib -name 'libgpgsqlbackend.so' 2>/dev/null | head -n 1)
[ -n "$pgsql" ] || missing="$missing pdns-backend-pgsql"
[ -n "$(find /usr/lib/postgresql -name initdb 2>/dev/null | head -n 1)" ] || missing="$missing postgresql"
[ -n "$missing" ] || exit 0
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests start real name servers; these packages (Debian's names) are missing: $missing" >&2
    echo "  -> install them, for example: sudo apt-get install $missing" >&2
    echo "  -> without them: make check" >&2
    exit 2
fi

echo "installing for the tests: $missing"
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086  # a list of words
apt-get -qq install --no-install-recommends -y $missing >/dev/null
