#!/usr/bin/env bash
# A tour: sample archive, catalog, ingest, three searches. Usage: demo.sh BINARY FOLDER ITEMS
set -euo pipefail

binary=$1 folder=$2 items=$3
mkdir -p "$folder"
archive=$folder/archive-$items catalog=$folder/catalog

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() {
    local word shown=()
    for word in "$@"; do
        [[ $word == *[[:space:]]* ]] && word="'$word'"
        shown+=("$word")
    done
    echo "\$ $(basename "$binary") ${shown[*]}"
    "$binary" "$@"
}

step "1. An archive of $items made-up items of glacier velocity, with the inventory a bucket would have"
if [[ -e $archive/.complete ]]; then
    echo "$archive is there already"
else
    rm -rf "$archive"
    run sample "$archive" --items "$items"
    touch "$archive/.complete"
fi

step "2. An empty catalog"
rm -rf "$catalog"
run init "$catalog"

step "3. Every item of the inventory goes in"
run ingest "$catalog" "$archive/inventory/manifest.json" --bucket "sample-archive=$archive/items"
run info "$catalog"

step "4. Three searches, each with what was read for it and what was skipped"
run search "$catalog" --bbox -60,60,-20,84 --datetime 2020 --count --explain
run search "$catalog" --intersects 'POINT (-45 70)' --format csv -n 5 --explain
run search "$catalog" --datetime 2018-06/2018-09 --temporal datetime --format url -n 3 --explain

step "What to try next"
cat <<TEXT
  $binary search $catalog --bbox -60,60,-20,84 -n 1 | head -c 600
  $binary stats $catalog | tail
  $binary cells $catalog -n 5
  $binary files $catalog --intersects 'POINT (-45 70)'
  $binary --help
TEXT
