#!/usr/bin/env bash
# Sets the project up in .run/: a Python environment with the pinned dependencies and the command `sentinel`, and the
# jars of Kafka and of Flink's Kafka connector. The machine code of state/, models/ and udfs/ goes to the user's cache,
# where Flink's processes find it.
#
# Idempotent: steps that are complete and current are skipped. It may run several times at once, and again after an
# interruption.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly RUN=$PWD/.run
readonly VENV=$RUN/venv
readonly JARS=$RUN/jars
readonly EDGE=$RUN/edge
# A complete folder holds the hash of its inputs in this file, which is written last and removed first.
readonly STAMP=.complete

report() { printf 'set-up: %s\n' "$*" >&2; }
fail() {
    report "$*"
    exit 1
}

hash_of() { cat "$@" deploy/setup.sh | sha256sum | cut -d ' ' -f 1; }
is_current() { [[ -f $1/$STAMP && $(<"$1/$STAMP") == "$2" ]]; }

# Prints how long a Python takes for a fixed amount of work, in microseconds. Fails if it is not 3.11, has no venv (a
# package of its own on Debian), or lacks the shared library that Flink's processes load.
readonly PROBE='
import ensurepip, os, sys, sysconfig, time, venv
names = (sysconfig.get_config_var(name) for name in ("INSTSONAME", "LDLIBRARY"))
library = any(name and os.path.exists(os.path.join(sysconfig.get_config_var("LIBDIR"), name)) for name in names)
if sys.version_info[:2] != (3, 11) or not library:
    sys.exit(1)
def work():
    begun, seen = time.process_time(), {}
    for number in range(100_000):
        seen[number & 1023] = seen.get(number * 7 & 1023, 0) + 1
    return time.process_time() - begun
print(round(1e6 * min(work() for _ in range(5))))'

# Finds the fastest Python 3.11: one built without profile-guided optimisation, as pyenv does by default, is a fifth
# slower. In several rounds, as the speed of a machine varies.
find_python() {
    local candidate took
    for _ in 1 2 3 4 5; do
        for candidate in python3.11 /usr/bin/python3.11 /usr/local/bin/python3.11 python3 python; do
            took=$("$candidate" -c "$PROBE" 2>/dev/null) && printf '%s %s\n' "$took" "$candidate"
        done
    done | sort --numeric-sort | head -n 1 | cut -d ' ' -f 2
}

java_version() {
    local java=${JAVA_HOME:+$JAVA_HOME/bin/}java
    "$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' || true
}

# Names every missing tool in one sentence.
require_tools() {
    local missing=()
    [[ -n $(find_python) ]] || missing+=("Python 3.11 with venv (Debian: python3.11 python3.11-venv; else python.org or pyenv)")
    [[ $(java_version) == 17 ]] || missing+=("Java 17 on the PATH or in JAVA_HOME (Debian: openjdk-17-jre-headless)")
    command -v mvn >/dev/null || missing+=("Maven (Debian: maven)")
    if ((${#missing[@]})); then
        local list
        list=$(printf '; %s' "${missing[@]}")
        fail "please install ${list:2}; then run this again."
    fi
}

# Runs a long step with its output in a log; on failure shows the end of the log and says what to do.
logged() {
    local name=$1
    shift
    if ! "$@" >"$RUN/$name.log" 2>&1; then
        tail -n 5 "$RUN/$name.log" >&2
        fail "$name failed (see above, and $RUN/$name.log): check the network, then run this again."
    fi
}

dependencies() {
    "$VENV/bin/python" -c '
import tomllib
from pathlib import Path
project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
print("\n".join(project["dependencies"] + project["optional-dependencies"]["dev"]))'
}

install_packages() {
    dependencies >"$RUN/requirements.txt"
    # In the environment, not as an option, so that the constraints also hold for the build of source packages.
    PIP_CONSTRAINT=$PWD/deploy/constraints.txt \
        "$VENV/bin/python" -m pip install --disable-pip-version-check --requirement "$RUN/requirements.txt"
}

# Puts the checkout on the path. An editable install would do the same, but leaves an egg-info among the code.
install_project() {
    local packages
    packages=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$PWD" >"$packages/stream_sentinel.pth"
    printf '#!%s\nfrom deploy.cli import main\n\nmain()\n' "$VENV/bin/python" >"$VENV/bin/sentinel"
    chmod +x "$VENV/bin/sentinel"
}

make_environment() {
    local wanted=$1
    # Without a stamp an earlier run was interrupted; one with another folder means that the project was moved.
    [[ -f $VENV/$STAMP && $(<"$VENV/$STAMP") == *" $PWD" ]] || rm -rf "$VENV"
    rm -f "$VENV/$STAMP"
    report "installing the Python packages into .run/venv (about two minutes the first time)"
    [[ -x $VENV/bin/python ]] || "$(find_python)" -m venv "$VENV"
    logged pip install_packages
    install_project
    printf '%s\n' "$wanted" >"$VENV/$STAMP"
}

fetch_jars() {
    local wanted=$1 fresh=$RUN/jars.part
    report "fetching the jars of Kafka and Flink's Kafka connector into .run/jars"
    rm -rf "$fresh"
    logged maven mvn --batch-mode --no-transfer-progress --file deploy/pom.xml generate-resources "-Djars.folder=$fresh"
    printf '%s\n' "$wanted" >"$fresh/$STAMP"
    rm -rf "$JARS"
    mv "$fresh" "$JARS"
}

build_edge() {
    local wanted=$1
    report "building flink_jobs/java (half a minute the first time)"
    rm -f "$EDGE/$STAMP"
    logged edge mvn --batch-mode --no-transfer-progress --file flink_jobs/java/pom.xml -DskipTests package
    printf '%s\n' "$wanted" >"$EDGE/$STAMP"
}

compile_code() {
    local wanted=$1
    report "compiling state/, models/ and udfs/ (a minute when they have changed)"
    logged compile "$VENV/bin/python" -m udfs.warmup
    mkdir -p "$RUN/compiled"
    printf '%s\n' "$wanted" >"$RUN/compiled/$STAMP"
}

main() {
    local packages jars edge code sources
    packages="$(hash_of pyproject.toml deploy/constraints.txt) $PWD"
    jars=$(hash_of deploy/pom.xml)
    readarray -d '' -t sources < <(find flink_jobs/java/pom.xml flink_jobs/java/src/main -type f -print0 | sort -z)
    edge=$(hash_of "${sources[@]}")
    readarray -d '' -t sources < <(find state models udfs -name '*.py' -print0 | sort -z)
    code="$(hash_of pyproject.toml deploy/constraints.txt "${sources[@]}") ${XDG_CACHE_HOME:-$HOME}"
    mkdir -p "$RUN"
    exec 9>"$RUN/setup.lock"
    if ! flock --nonblock 9; then
        report "another set-up is running, waiting for it"
        flock 9
    fi
    if is_current "$VENV" "$packages" && is_current "$JARS" "$jars" &&
        is_current "$EDGE" "$edge" && is_current "$RUN/compiled" "$code"; then
        return
    fi
    require_tools
    is_current "$JARS" "$jars" || fetch_jars "$jars"
    is_current "$EDGE" "$edge" || build_edge "$edge"
    is_current "$VENV" "$packages" || make_environment "$packages"
    is_current "$RUN/compiled" "$code" || compile_code "$code"
    report "done"
}

main
