#!/bin/sh
# Copies the release to the harbour office's machine and restarts the services.
set -eu

target="${1:?host to deploy to}"
release="$(date -u +%Y%m%d%H%M%S)"

tar czf "/tmp/harbour-$release.tgz" api poller site
scp "/tmp/harbour-$release.tgz" "$target:/srv/releases/"
# TODO: keep the last release for going back
ssh "$target" "cd /srv/releases && tar xzf harbour-$release.tgz && systemctl restart harbour-api harbour-poller"
