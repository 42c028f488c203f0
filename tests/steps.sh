# Runs steps one after the other, times them, and adds up their tests. Sourced.

passed=0
failed=0

# step NAME COMMAND…: runs the command. A step that fails does not stop the next.
step() {
    local name=$1 start=$SECONDS status=0 output
    shift
    printf '\n== %s: %s\n' "$name" "$*"
    output=$(mktemp)
    "$@" 2>&1 | tee "$output" || status=$?
    local before=$failed
    passed=$((passed + $(sum passed "$output")))
    failed=$((failed + $(sum failed "$output")))
    rm -f "$output"
    # What does not build, or a check that is no test, fails once.
    if ((status != 0 && failed == before)); then
        failed=$((failed + 1))
    fi
    local how=done
    ((status == 0)) || how=FAILED
    printf '== %s: %s after %d s\n' "$name" "$how" "$((SECONDS - start))"
}

# sum passed|failed FILE: adds up that number in the test runner's results.
sum() {
    awk -v word="$1;" '/^test result: / { for (i = 2; i <= NF; i++) if ($i == word) n += $(i - 1) }
        END { print n + 0 }' "$2"
}

# The last line, and the exit code.
summary() {
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0))
}

# need COMMAND PACKAGE…: installs the packages if the command is missing.
need() {
    local command=$1 sudo=()
    shift
    command -v "$command" >/dev/null && return
    if ! command -v apt-get >/dev/null; then
        echo "$command is missing, and there is no apt-get to install it with: please install it" >&2
        return 1
    fi
    ((EUID == 0)) || sudo=(sudo)
    echo "$command is missing: installing $* with apt-get"
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# Rust may be installed and not in the path yet, as right after rustup.
need_rust() {
    if ! command -v cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    if ! command -v cargo >/dev/null; then
        echo "cargo is missing: install Rust first, https://rustup.rs" >&2
        return 1
    fi
}
