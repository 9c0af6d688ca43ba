#!/usr/bin/env bash
# Installs the Debian packages that `make test-page`, `make test-clients` and `make test-slow` need, where they are missing.
set -euo pipefail

missing=()
PATH="$PATH:/usr/sbin"
command -v chromium >/dev/null || missing+=(chromium)
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
command -v curl >/dev/null || missing+=(curl)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v nginx >/dev/null || missing+=(nginx)
command -v caddy >/dev/null || missing+=(caddy)
[[ ${#missing[@]} -gt 0 ]] || exit 0
if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "packages: expected chromium, ffmpeg, curl, node, npm, nginx and caddy; install: ${missing[*]}" >&2
    exit 1
fi

# Debian starts the services of nginx and Caddy when it installs them, and at each boot. policy-rc.d forbids the first
# for the time of this script, a mask the second. Services that are here already stay as they are.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
for service in nginx caddy; do
    unit="/etc/systemd/system/$service.service"
    if [[ " ${missing[*]} " == *" $service "* && ! -e $unit && ! -L $unit ]]; then
        mkdir -p "${unit%/*}"
        ln -s /dev/null "$unit"
        echo "packages: $service is not started as a service; if you want that: systemctl unmask $service"
    fi
done

echo "packages: installing ${missing[*]} (a minute or two)"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
