#!/usr/bin/env bash
# Makes a sample catalog and serves it with the explorer on this machine, until it is stopped.
# Usage: explore.sh EARTHCATALOG FOLDER ITEMS
set -euo pipefail
cd "$(dirname "$0")/.."
earthcatalog=$1 folder=$2 items=$3

if [[ ! -e $folder/done-$items ]]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    "$earthcatalog" sample "$folder/archive" --items "$items"
    "$earthcatalog" init "$folder/catalog"
    "$earthcatalog" ingest "$folder/catalog" "$folder/archive/items.ndjson.gz"
    touch "$folder/done-$items"
fi
url=$(mktemp)
node tests/js/server.mjs "/catalog/=$folder/catalog/" /=www/dist/ >"$url" &
server=$!
trap 'kill $server 2>/dev/null; rm -f "$url"' EXIT
until [[ -s $url ]]; do kill -0 $server; read -rt 0.1 <> <(:) || :; done
echo
echo "The explorer: $(cat "$url")/index.html#catalog=$(cat "$url")/catalog"
echo "Control-C ends it."
wait $server
