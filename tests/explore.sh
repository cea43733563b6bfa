#!/usr/bin/env bash
# Makes a sample catalog and shows it in the explorer on this machine, until it is stopped.
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
echo
echo "The explorer, on a sample of $items items:"
exec "$earthcatalog" serve "$folder/catalog"
