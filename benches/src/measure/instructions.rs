//! Instructions per request, counted by callgrind.
//!
//! Repeats to a few hundredths of a per cent on any machine, which no clock does. It is blind to what
//! an instruction costs (a missed cache line counts as nothing), and valgrind hides SHA-NI, so that one
//! SHA-256 block counts about 3,200 instructions where the processor needs few.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{HOT_SESSIONS, output};
use crate::{drive::Subject, variant::Variant};

const COUNTED: usize = 1_000;

/// Counts in a fresh process under valgrind; the profile stays in `directory`.
pub fn measure(variant: Variant, directory: &Path) -> Result<f64> {
    fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    let profile = directory.join(format!("{}.callgrind", variant.name()));
    let ended = output(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--toggle-collect=*serve_counted*"])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(env::current_exe().context("the benchmark can't find itself")?)
            .args(["count", &variant.name()]),
    )?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let collected = collected(&said).with_context(|| format!("no count in:\n{said}"))?;
    Ok(collected / COUNTED as f64)
}

/// Where the profiles are kept, for `callgrind_annotate`.
pub fn profiles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/callgrind")
}

fn collected(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// What runs under valgrind.
pub fn serve(variant: Variant) -> Result<()> {
    let mut subject = variant.build(HOT_SESSIONS)?;
    subject.warm_up();
    serve_counted(subject.as_mut());
    Ok(())
}

/// Callgrind counts while this runs, and knows it by its name.
#[inline(never)]
fn serve_counted(subject: &mut dyn Subject) {
    subject.serve(COUNTED);
}
