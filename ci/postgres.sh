#!/usr/bin/env bash
# Random schedules on a PostgreSQL 15 server at SERIALIZABLE, and the same ones here. If
# PostgreSQL aborts nobody, nobody may be refused here; and how many of its aborts were
# needed? The server is started for it, on a socket in a folder of its own, and removed.
#
#   ci/postgres.sh                5,000 schedules
#   ci/postgres.sh 20000 7        so many, of seed 7
#   ci/postgres.sh 1 7 4711       only number 4711 of seed 7
#
# Fails on any contradiction, and if no schedule could be run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'postgres.sh: %s\n' "$*" >&2
    exit 1
}

programs=/usr/lib/postgresql/15/bin
if [[ ! -x $programs/initdb ]]; then
    programs=$(dirname "$(command -v initdb || true)")
    [[ -x $programs/initdb && $("$programs/postgres" --version) == *" 15."* ]] ||
        fail "needs PostgreSQL 15: on Debian, apt-get install postgresql-15"
fi

# A server refuses to run as root.
as_owner() { "$@"; }
if ((EUID == 0)); then
    id postgres >/dev/null 2>&1 || fail "as root it needs a user called postgres"
    as_owner() { runuser -u postgres -- "$@"; }
fi

folder=$(mktemp -d)
started=0
remove() {
    if ((started)); then
        as_owner "$programs/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null || true
    fi
    rm -rf "$folder"
}
trap remove EXIT
chmod 755 "$folder"
if ((EUID == 0)); then
    chown postgres "$folder"
fi

cargo build --release -p against-postgres

cd "$folder"
as_owner "$programs/initdb" -D "$folder/data" -U postgres -A trust --locale=C --no-sync >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; fail "initdb failed"; }
# Nothing is to be kept. Marks are not to be merged, deadlocks are to be found soon, and
# plans are to use the index, so that no more is marked than is read.
cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
shared_buffers = 64MB
deadlock_timeout = 10ms
max_pred_locks_per_transaction = 1000
max_pred_locks_per_relation = 10000
max_pred_locks_per_page = 1000
enable_seqscan = off
enable_bitmapscan = off
plan_cache_mode = force_generic_plan
jit = off
END
as_owner "$programs/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w start >/dev/null ||
    { cat "$folder/server.log" >&2; fail "the server did not start"; }
started=1
cd - >/dev/null
"$programs/postgres" --version

"${CARGO_TARGET_DIR:-target}/release/against-postgres" "host=$folder user=postgres dbname=postgres" "$@"
