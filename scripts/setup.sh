#!/bin/sh
# Installs what is missing to try drill and to test it. Changes nothing, in well under a second, when all is there.
#
#   scripts/setup.sh                      what `scripts/try` needs: a PostgreSQL server for the sandbox to start
#   DRILL_SETUP=mariadb scripts/setup.sh  and what drills of MySQL and MariaDB need: a MariaDB server, likewise
#   DRILL_SETUP=tests scripts/setup.sh    and what `scripts/test` needs: that, boto3 and the AWS command line, in
#                                         target/clients, and a Chromium that looks at reports
#
# Installs with apt-get, dnf or brew, as root or through sudo. It never starts a server and never touches one.
set -eu

cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$@"
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        say "needs root: sudo $*"
        sudo "$@"
    else
        fail "this needs root and there is no usable sudo; run as root: $*"
    fi
}

# Installs packages that exist under these names for the package manager at hand: install APT DNF BREW. An empty name
# means that this system has it already or in another way.
install() {
    if has apt-get; then
        [ -n "$1" ] || return 0
        apt_install "$1"
    elif has dnf; then
        [ -n "$2" ] || return 0
        as_root dnf install -y -q "$2" >&2
    elif has brew; then
        [ -n "$3" ] || return 0
        brew install -q "$3" >&2
    else
        fail "found none of apt-get, dnf and brew: please install $1 by other means"
    fi
}

apt_install() {
    # Package lists can be missing (a fresh container) or old; they are fetched only if the first try fails.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1" >&2 || {
        as_root apt-get update -q >&2
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1" >&2
    }
}

# The folders in which drill looks, besides the PATH.
has_postgres() {
    { has initdb && has postgres; } && return 0
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /usr/local/pgsql*/bin \
        /Library/PostgreSQL/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    return 1
}

# Debian and Ubuntu make and start a database cluster with the package. Nobody asked for one, so this once they do not.
without_cluster() {
    note=/etc/postgresql-common/createcluster.d/drill-setup.conf
    if has apt-get && [ ! -e /etc/postgresql-common ]; then
        as_root mkdir -p /etc/postgresql-common/createcluster.d
        as_root sh -c "echo 'create_main_cluster = false' >'$note'"
        # Ended early or not: the next installation that somebody asks for must work as usual.
        trap 'as_root rm -f "$note"' EXIT
        "$@"
        as_root rm -f "$note"
        trap - EXIT
    else
        "$@"
    fi
}

setup_postgres() {
    has_postgres && return 0
    say "installing a PostgreSQL server: the sandbox starts one for each database that it restores"
    without_cluster install postgresql postgresql-server postgresql@17
    has_postgres || fail "installed, but initdb and postgres are in none of the usual folders; put them on the PATH"
}

# As for PostgreSQL; the program that makes a data folder, and the one that it starts, may stand in a folder beside.
has_mariadb() {
    { has mariadbd && has mariadb-install-db && has my_print_defaults; } && return 0
    for folder in /usr/sbin /usr/libexec /usr/local/sbin /opt/homebrew/opt/mariadb*/bin /usr/local/opt/mariadb*/bin \
        /usr/local/mariadb*/bin /usr/local/mysql*/bin; do
        [ -x "$folder/mariadbd" ] && has_near "$folder" mariadb-install-db && has_near "$folder" my_print_defaults &&
            return 0
    done
    return 1
}

has_near() {
    [ -x "$1/$2" ] || [ -x "$1/../bin/$2" ] || [ -x "$1/../scripts/$2" ]
}

# The name of a package of Debian or Ubuntu, whose older releases put the version into it.
mariadb_package() {
    name=mariadb-$1-core
    if has apt-cache && ! apt-cache show "$name" >/dev/null 2>&1; then
        found=$(apt-cache search --names-only "^mariadb-$1-core-[0-9.]+\$" | cut -d ' ' -f 1 | sort | tail -n 1)
        name=${found:-$name}
    fi
    printf '%s\n' "$name"
}

# The packages with `core` in their names bring the programs and no service, so nothing is started.
setup_mariadb() {
    has_mariadb && return 0
    say "installing a MariaDB server: the sandbox starts one for each MySQL or MariaDB database that it restores"
    install "$(mariadb_package server)" mariadb-server mariadb
    install "$(mariadb_package client)" '' ''
    has_mariadb || fail "installed, but mariadbd and mariadb-install-db are in none of the usual folders; put them on the PATH"
}

has_browser() {
    [ -n "${DRILL_BROWSER:-}" ] || has chromium || has chromium-browser || has google-chrome ||
        has google-chrome-stable || has chrome
}

# Without one, the tests that look at reports and print them are skipped.
setup_browser() {
    has_browser && return 0
    say "installing a Chromium: the tests look at reports with it"
    install chromium chromium '' || say "no Chromium could be installed: the tests that need one are skipped"
}

setup_python() {
    wanted=tests/clients/requirements.txt
    [ -f "$wanted" ] || fail "$wanted is missing: run this in a complete checkout"
    stamp=target/clients/requirements.installed
    if [ -x target/clients/bin/python ] && cmp -s "$wanted" "$stamp"; then
        return 0
    fi
    has python3 || install python3 python3 python@3.13
    python3 -c 'import ensurepip, venv' 2>/dev/null || install python3-venv python3 ''
    say "installing boto3 and the AWS command line into target/clients"
    rm -rf target/clients
    mkdir -p target
    python3 -m venv target/clients
    target/clients/bin/python -m pip install -q --disable-pip-version-check -r "$wanted" >&2
    cp "$wanted" "$stamp"
}

has cargo || fail "there is no Rust toolchain: install one from https://rustup.rs, then run this again"
has cc || has gcc || has clang || fail "there is no C compiler: install one, such as the package build-essential or gcc"
setup_postgres
case "${DRILL_SETUP:-}" in
'') ;;
mariadb) setup_mariadb ;;
tests)
    setup_mariadb
    setup_python
    setup_browser
    ;;
*) fail "DRILL_SETUP is '$DRILL_SETUP'; it may be 'mariadb' or 'tests', or not be set" ;;
esac
