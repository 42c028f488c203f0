//! Renders the reference file: every key at its default, with what it does.

use super::file::{Key, Section, Written};
use super::{modules, routes, upstreams, webhooks};

const HEAD: &str = "\
# Every key of Portcullis's configuration. Lines that begin with `#` and no space
# are keys at their defaults, or with an example where there is no default:
# remove the `#` and change the value. Only `upstream.url` has to be set.
#
# An environment variable goes before the file: PORTCULLIS__PUBLIC__LISTEN sets
# `public.listen`. Lengths of time are written \"15m\" or \"1h30m\", sizes \"32KiB\".
# `portcullis check` says what is wrong under its line.
#
# This file is made by: portcullis check --reference
";

/// The reference file, as `config/portcullis.toml` holds it.
pub fn reference() -> String {
    let sections = Written::default().sections();
    let sections = sections.iter().map(section);
    let lists = [routes::REFERENCE, upstreams::REFERENCE, modules::REFERENCE, webhooks::REFERENCE];
    HEAD.to_owned() + &sections.collect::<String>() + &lists.concat()
}

fn section(section: &Section) -> String {
    let keys: String = section.keys.iter().map(key).collect();
    format!("\n{}[{}]\n{keys}", comment(section.words), section.path)
}

fn key(key: &Key) -> String {
    let name = key.name.rsplit('.').next().unwrap_or_default();
    let (value, example) = match &key.default {
        Some(default) => (default.as_str(), format!("# Example: {}\n", key.example)),
        None => (key.example, "# No default; an example:\n".to_owned()),
    };
    let allowed = format!("# Allowed: {}.\n", key.allowed);
    format!("\n{}{}{example}#{name} = {value}\n", comment(key.words), wrapped(&allowed))
}

fn comment(words: &[&str]) -> String {
    words.iter().map(|line| format!("#{line}\n")).collect()
}

/// The same in lines of comments that are not too long.
fn wrapped(line: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in line.trim_start_matches("# ").split_whitespace() {
        if width == 0 || width + 1 + word.len() > 98 {
            lines.push_str(if width == 0 { "# " } else { "\n# " });
            lines.push_str(word);
            width = 2 + word.len();
        } else {
            lines.push(' ');
            lines.push_str(word);
            width += 1 + word.len();
        }
    }
    lines.push('\n');
    lines
}

impl Written {
    /// As a file that is read as the same.
    #[cfg(test)]
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for section in self.sections() {
            text.push_str(&format!("[{}]\n", section.path));
            for key in section.keys {
                let name = key.name.rsplit('.').next().unwrap_or_default();
                if let Some(value) = key.default {
                    text.push_str(&format!("{name} = {value}\n"));
                }
            }
        }
        text
    }
}
