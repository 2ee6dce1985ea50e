# What the scripts share. To be sourced; bash.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${MOT_CACHE:-$HOME/.cache/mot}
kafka_version=4.3.1
kubectl_old=1.20
kubectl_new=1.35
kubectl_newest=1.36
begun=$SECONDS

say() {
    printf '%4d s  %s\n' "$((SECONDS - begun))" "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# run LOG COMMAND…: shows what it printed only when it fails.
run() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        die "failed: $* (all of it in $log)"
    fi
}
