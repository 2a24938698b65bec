# The recipes: `just --list`. Each is one plain command, which works without just as well.

# Formats, lints and compiles, without running anything
check:
    cargo fmt
    cargo clippy --all-targets -- -D warnings

# Runs all tests, or those whose name contains NAME
test *NAME:
    scripts/test {{NAME}}

# Runs the main job in the simulated AWS
try *ARGS:
    scripts/try {{ARGS}}

# Runs everything that must hold before a change is merged
ci:
    .ci/run
