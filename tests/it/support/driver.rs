//! Scripts that drive a real browser: `tests/browser`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

static INSTALLED: Once = Once::new();

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// Installs what the scripts need, exactly as their lock file says.
fn install() {
    if folder().join("node_modules/axe-core").exists() {
        return;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder());
    let ran = npm.output().expect("npm, which tests/run installs");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "npm ci: {errors}");
}

/// Runs one of the scripts to its end, which fails if it finds anything wrong.
pub(crate) fn drive(script: &str, args: &[&str]) {
    INSTALLED.call_once(install);
    let mut node = Command::new("node");
    node.arg(script).args(args).current_dir(folder());
    let ran = node.output().expect("node, which tests/run installs");
    let (said, errors) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    println!("{said}");
    assert!(ran.status.success(), "{said}{errors}");
}
