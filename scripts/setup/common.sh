# Part of scripts/setup.sh: what it says, and how it runs pip. Needs $python.

log="" steps=0 step=0

say() { echo "setup: $*"; }
step() { step=$((step + 1)) && say "$step of $steps: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}
fail_with_log() {
    tail -n 30 "$log" >&2
    fail "$*; the reason is above"
}

hash_of() {
    "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])' 2>/dev/null
}

# Runs the pip of .venv. Its output goes to the file $log; the screen shows what it does.
run_pip() { "$python" scripts/setup/progress.py "$log" .venv/bin/python -m pip --disable-pip-version-check "$@"; }
