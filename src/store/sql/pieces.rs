//! Where texts are looked for: the pieces that names are made of, in the database's index of words.
//!
//! Every account's login, names, address and external id are cut into all their pieces of
//! one, two and three characters, in the form that texts are compared in. A text that is
//! looked for can only be where all of its own pieces are. So few are looked at where few
//! are found, in any script and however short the text is.
//!
//! Triggers note who is called otherwise than before, in the transaction of the change, and
//! searches look at those, too: the pieces themselves are written later, many at a time.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::SqlDirectory;
use super::db::Tx;
use super::dialect::{Dialect, PieceWords};
use super::errors::Fallible;
use super::heads;
use super::values::Value;
use crate::store::StoreError;

/// The longest piece, in characters.
const LONGEST: usize = 3;

/// Pieces of a text that are looked for at most: with so many, few others are left.
const MOST_WANTED: usize = 24;

/// How many accounts are called otherwise in one process before their pieces are written.
const DUE: u32 = 256;

/// Accounts whose pieces are written in one transaction.
const BATCH: u32 = 1_000;

/// After so many at once the index is brought into one piece: it is read faster then.
const TIDY_AFTER: u64 = 20_000;

/// How many changes may have made pieces due since some were written.
#[derive(Debug, Default)]
pub(super) struct Due(AtomicU32);

/// What is to be looked for, as the index takes it; `None` of nothing.
pub(super) fn wanted(text: &str, words: &PieceWords) -> Option<String> {
    let chars = text.chars().count();
    let mut pieces = BTreeSet::new();
    cut(text, chars.min(LONGEST), &mut pieces);
    let all: Vec<_> = pieces
        .iter()
        .take(MOST_WANTED)
        .map(|piece| format!("{quote}{piece}{quote}", quote = words.quote))
        .collect();
    (!all.is_empty()).then(|| format!("({})", all.join(words.and)))
}

/// The same of those whose login does not begin like that; `None` of what is longer than a
/// piece.
pub(super) fn wanted_within(text: &str, words: &PieceWords) -> Option<String> {
    let beginning = beginnings(text).last()?;
    let is_whole = text.chars().count() <= LONGEST;
    let wanted = wanted(text, words).filter(|_| is_whole)?;
    let PieceWords { quote, but_not, .. } = words;
    Some(format!("({wanted}{but_not}{quote}{beginning}{quote})"))
}

/// All pieces of these texts, as the index keeps them; the first is the login.
fn pieces_of<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut texts = texts.peekable();
    let login = texts.peek().copied().unwrap_or_default();
    let mut pieces: BTreeSet<String> = beginnings(login).collect();
    for text in texts {
        for length in 1..=LONGEST {
            cut(text, length, &mut pieces);
        }
    }
    pieces.into_iter().collect::<Vec<_>>().join(" ")
}

/// How a login begins, in words that no piece is.
fn beginnings(login: &str) -> impl Iterator<Item = String> {
    let mut word = "b".to_owned();
    login.chars().take(LONGEST).map(move |c| {
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            let _ = write!(word, "{byte:02x}");
        }
        word.clone()
    })
}

/// Pieces of so many characters, each byte in hexadecimal: the index splits words at
/// nothing that is in one.
fn cut(text: &str, length: usize, into: &mut BTreeSet<String>) {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let ends = starts.iter().copied().skip(length).chain([text.len()]);
    if length == 0 || starts.len() < length {
        return;
    }
    for (start, end) in starts.iter().zip(ends) {
        let mut piece = String::with_capacity(2 * (end - start));
        for byte in &text.as_bytes()[*start..end] {
            let _ = write!(piece, "{byte:02x}");
        }
        into.insert(piece);
    }
}

impl SqlDirectory {
    /// What a new file, or one of an earlier version, lacks before it is worked with.
    pub(super) async fn make_ready(&self) -> Result<(), StoreError> {
        let ready = async {
            self.seal_if_never_sealed().await?;
            self.write_all_pieces().await
        };
        ready.await.map_err(|fault| self.db.fault(fault))
    }

    /// Writes all pieces that are due: after a migration, everybody's.
    pub(super) async fn write_all_pieces(&self) -> Fallible<()> {
        let mut written: u64 = 0;
        loop {
            let batch = self.write_pieces().await?;
            written += batch;
            if batch < u64::from(BATCH) {
                break;
            }
            if written.is_multiple_of(100_000) {
                tracing::info!(accounts = written, "names taken into the search");
            }
        }
        let tidy = self.db.dialect().tidy_pieces;
        if let Some(tidy) = tidy.filter(|_| written > TIDY_AFTER) {
            let mut tx = self.db.write().await?;
            sqlx::query(tidy).execute(&mut *tx).await?;
            self.commit_quietly(tx).await?;
        }
        Ok(())
    }

    /// The same in one go of a few, once enough may be due. The change that made them due
    /// is done: where this fails, they are written later.
    pub(super) async fn write_pieces_if_due(&self) {
        let before = self.due.0.fetch_add(1, Ordering::Relaxed);
        if before + 1 < DUE {
            return;
        }
        self.due.0.store(0, Ordering::Relaxed);
        if let Err(fault) = self.write_pieces().await {
            let error = self.db.fault(fault);
            tracing::debug!(error = %error, "names not taken into the search yet");
        }
    }

    async fn write_pieces(&self) -> Fallible<u64> {
        let none_due = sqlx::query("SELECT id FROM account_text_due LIMIT 1")
            .fetch_optional(self.db.readers())
            .await?
            .is_none();
        if none_due {
            return Ok(0);
        }
        let mut tx = self.db.write().await?;
        // Nobody is called otherwise meanwhile.
        heads::hold(&mut tx).await?;
        let due = due(&mut tx, self.db.dialect()).await?;
        put(&mut tx, &due, self.db.dialect()).await?;
        self.commit_quietly(tx).await?;
        Ok(due.len() as u64)
    }
}

/// Who is due, lowest first: the number, and everything that they are called.
async fn due(tx: &mut Tx, dialect: &Dialect) -> Fallible<Vec<AnyRow>> {
    let sql = format!(
        "SELECT account_text_due.id, login, name_folded, first_name_folded, last_name_folded, \
         COALESCE(email_folded, ''), COALESCE(external_id_folded, ''), lifecycle \
         FROM account_text_due {join} accounts ON accounts.id = account_text_due.id \
         ORDER BY account_text_due.id LIMIT {BATCH}",
        join = dialect.join_in_order
    );
    Ok(sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut **tx).await?)
}

async fn put(tx: &mut Tx, due: &[AnyRow], dialect: &'static Dialect) -> Fallible<()> {
    let (mut rows, mut deleted) = (Vec::new(), Vec::new());
    for row in due {
        let id: i64 = row.try_get(0)?;
        let lifecycle: String = row.try_get(7)?;
        if lifecycle == "deleted" {
            deleted.push(id);
            continue;
        }
        let texts: Vec<String> = (1..7)
            .map(|at| row.try_get(at))
            .collect::<Result<_, sqlx::Error>>()?;
        let pieces = pieces_of(texts.iter().map(String::as_str));
        rows.push([Value::from(id), Value::from(pieces)]);
    }
    dialect.put_pieces.write(tx, rows).await?;
    for id in deleted {
        let gone = sqlx::query(dialect.drop_pieces);
        gone.bind(id).execute(&mut **tx).await?;
    }
    let Some(last) = due.last() else { return Ok(()) };
    // The lowest were taken, each of them.
    sqlx::query("DELETE FROM account_text_due WHERE id <= $1")
        .bind(last.try_get::<i64, _>(0)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::login::folded;

    const WORDS: PieceWords = PieceWords { quote: '"', and: " AND ", or: " OR ", but_not: " NOT " };

    #[test]
    fn a_text_is_cut_into_all_its_pieces() {
        let pieces = pieces_of(["abc", "ß"].into_iter());
        assert_eq!(pieces, "61 6162 616263 62 6263 63 b61 b6162 b616263 c39f");
        let wanted = |text| wanted(text, &WORDS);
        let wanted_within = |text| wanted_within(text, &WORDS);
        assert_eq!(wanted_within("ab").as_deref(), Some("((\"6162\") NOT \"b6162\")"));
        assert_eq!(wanted_within("abcd"), None);
        assert_eq!(wanted("abcd").as_deref(), Some("(\"616263\" AND \"626364\")"));
        assert_eq!(wanted("ß").as_deref(), Some("(\"c39f\")"));
        assert_eq!(wanted(""), None);
    }

    proptest! {
        /// Property: whatever stands in a text has all its pieces there.
        #[test]
        fn a_part_has_no_piece_that_the_whole_lacks(text in "\\PC{0,24}", from in 0..24_usize, length in 1..24_usize) {
            let text = folded(&text);
            let part: String = text.chars().skip(from).take(length).collect();
            let kept = pieces_of([text.as_str()].into_iter());
            let kept: BTreeSet<&str> = kept.split(' ').collect();
            for piece in wanted(&part, &WORDS).unwrap_or_default().split('"').skip(1).step_by(2) {
                prop_assert!(kept.contains(piece), "{:?} in {:?}: {}", part, text, piece);
            }
        }
    }
}
