//! Which policy is meant: by its name, its words, a file, or the one in force.

use std::path::Path;

use crate::admin::settings::{LOCKOUT, SettingSource};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::store::{self, Named};
use crate::config::{self, Environment};
use crate::domain::policy::{LockoutPolicy, Preset, UnreadablePolicy};

/// A text file with more is no policy.
const LARGEST: u64 = 1 << 20;

/// A policy, and where it comes from.
#[derive(Debug)]
pub(in crate::cli) struct Chosen {
    pub(in crate::cli) policy: LockoutPolicy,
    /// As somebody wrote it, where that is short.
    pub(in crate::cli) title: String,
    /// In words; none where somebody wrote it on the command line.
    pub(in crate::cli) from: Option<String>,
}

/// The policy that these words mean; without any, the one in force.
pub(in crate::cli) async fn choose(
    words: &[String],
    named: &Named,
    output: Output,
) -> Result<Chosen, Failure> {
    match words {
        [] => in_force(named, output).await,
        [one] if is_file(one) => of_file(Path::new(one)),
        words => of_words(&words.join(" ")),
    }
}

/// The name of a preset is never taken for a file's.
fn is_file(word: &str) -> bool {
    let path = Path::new(word);
    let looks = word.contains('/') || path.extension().is_some_and(|end| end == "toml");
    let is_policy = word.parse::<LockoutPolicy>().is_ok() || word.contains('=');
    !is_policy && (looks || path.is_file())
}

fn of_words(words: &str) -> Result<Chosen, Failure> {
    let policy = words.parse().map_err(unreadable)?;
    Ok(Chosen { policy, title: words.to_owned(), from: None })
}

fn unreadable(error: UnreadablePolicy) -> Failure {
    match error {
        UnreadablePolicy::Words(unknown) => {
            Failure::usage(format!("{unknown}, or the name of a file that is there"))
                .try_next("policy --list")
        }
        contradiction => Failure::usage(format!("the policy contradicts itself: {contradiction}")),
    }
}

fn of_file(path: &Path) -> Result<Chosen, Failure> {
    let shown = path.display().to_string();
    let text = text_of(path)?;
    if path.extension().is_some_and(|end| end == "toml") {
        return of_configuration(path);
    }
    let words = words_of(&text);
    if words.is_empty() {
        return Err(Failure::usage(format!(
            "{shown} has no words of a policy: write some, such as balanced max_attempts=10"
        )));
    }
    Ok(Chosen { from: Some(shown), ..of_words(&words)? })
}

/// The file alone speaks here, and no variable of this process.
fn of_configuration(path: &Path) -> Result<Chosen, Failure> {
    let read = config::read(Some(path), &Environment::default())?;
    let pins = read.pinned();
    let policy = pins.lockout().cloned().ok_or_else(|| {
        Failure::usage(format!(
            "{} says nothing in [lockout], so the directory's setting holds: name a preset, or \
             leave the file out to see what is in force",
            path.display()
        ))
    })?;
    let from = Some(path.display().to_string());
    Ok(Chosen { title: policy.to_string(), policy, from })
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let read = std::fs::metadata(path).and_then(|found| {
        let fits = found.len() <= LARGEST;
        fits.then(|| std::fs::read_to_string(path)).transpose()
    });
    match read {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(Failure::usage(format!(
            "{shown} is larger than 1 MiB: name a file with a policy's words"
        ))),
        Err(error) => Err(Failure::usage(format!(
            "{shown} can't be read: {error}; name a preset, or a file that is there"
        ))
        .try_next("policy --list")),
    }
}

/// A text without its comments, on one line.
fn words_of(text: &str) -> String {
    let plain = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let lines: Vec<_> = text.lines().map(plain).collect();
    lines.join(" ").trim().to_owned()
}

/// What a gateway of this configuration goes by: what its file pins, else the
/// directory's setting, else the default.
async fn in_force(named: &Named, output: Output) -> Result<Chosen, Failure> {
    let located = named.locate()?;
    let file = &located.directory;
    if !store::exists(file)? && located.pins.lockout().is_none() {
        let from = format!("the default, for there is no directory at {}", file.display());
        let policy = LockoutPolicy::default();
        return Ok(Chosen { title: policy.to_string(), policy, from: Some(from) });
    }
    if let Some(policy) = located.pins.lockout() {
        let pin = located.pins.iter().find(|(name, ..)| *name == LOCKOUT.name);
        let from = pin.map(|(_, _, by)| format!("in force, pinned by {by}"));
        return Ok(Chosen { policy: policy.clone(), title: policy.to_string(), from });
    }
    let desk = named.desk(output).await?;
    let value = desk.office.setting(&LOCKOUT).await?;
    let from = match value.source {
        SettingSource::Default => "in force, as the default",
        SettingSource::Directory | SettingSource::Pinned(_) => "in force, as the directory says",
    };
    let policy = value.value.parse().map_err(|error: UnreadablePolicy| {
        let message = format!(
            "the directory's setting `{}` can't be read, so gateways go by what they knew, or by \
             {}: {error}",
            LOCKOUT.name,
            Preset::default().name()
        );
        Failure::new(Exit::Failed, message).try_next("settings reset lockout")
    })?;
    Ok(Chosen { policy, title: value.value, from: Some(from.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_comments_and_lines() {
        let text = "# ours\nbalanced   # as agreed\n\n  max_attempts=10\n";
        assert_eq!(
            words_of(text).split_whitespace().collect::<Vec<_>>(),
            ["balanced", "max_attempts=10"]
        );
        assert_eq!(words_of("# nothing\n\n"), "");
    }

    #[test]
    fn words_are_no_files() {
        for word in ["balanced", "max_attempts=5", "nist-800-63b-4", "exempt=10.0.0.0/8", "strict"]
        {
            assert!(!is_file(word), "{word}");
        }
        for word in ["./policy", "portcullis.toml", "/etc/portcullis/policy.txt"] {
            assert!(is_file(word), "{word}");
        }
    }

    #[test]
    fn a_contradiction_names_both_settings_and_the_mend() {
        let failure = of_words("max_attempts=5 ceiling=3").expect_err("contradicts itself");
        let message = failure.message();
        for word in ["`ceiling` is 3", "`max_attempts` is 5", "raise the ceiling"] {
            assert!(message.contains(word), "{message}");
        }
        let failure = of_words("strict").expect_err("no policy");
        assert!(
            failure
                .message()
                .contains("\"strict\" is no part of a policy")
        );
    }
}
