//! What SQLite and Postgres say differently. All other SQL is the same text on both.

use super::values::Rows;

/// One of the two, in its own words.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Joins tables in the order that they are written in, where a database has words
    /// for that.
    pub(super) join_in_order: &'static str,
    /// Tells the numbers of accounts that have pieces of texts; `{}` is the place of them.
    pub(super) having_pieces: &'static str,
    /// Writes pieces under the numbers of accounts, in place of others.
    pub(super) put_pieces: Rows<2>,
    /// Takes the pieces of an account away.
    pub(super) drop_pieces: &'static str,
    /// Brings the index of pieces into one piece, where that helps.
    pub(super) tidy_pieces: Option<&'static str>,
    /// Says which pieces are wanted: what stands around each, between those that are all
    /// wanted, between groups of which one is wanted, and before one that is not.
    pub(super) pieces: PieceWords,
}

/// How a text is written that looks for pieces.
#[derive(Debug)]
pub(super) struct PieceWords {
    pub(super) quote: char,
    pub(super) and: &'static str,
    pub(super) or: &'static str,
    pub(super) but_not: &'static str,
}

#[cfg(feature = "sqlite")]
pub(super) static SQLITE: Dialect = Dialect {
    join_in_order: "CROSS JOIN",
    having_pieces: "SELECT rowid AS found FROM account_text WHERE account_text MATCH {}",
    put_pieces: Rows {
        before: "INSERT OR REPLACE INTO account_text (rowid, pieces) VALUES ",
        after: "",
    },
    drop_pieces: "DELETE FROM account_text WHERE rowid = $1",
    tidy_pieces: Some("INSERT INTO account_text (account_text) VALUES ('optimize')"),
    pieces: PieceWords { quote: '"', and: " AND ", or: " OR ", but_not: " NOT " },
};

#[cfg(feature = "postgres")]
pub(super) static POSTGRES: Dialect = Dialect {
    join_in_order: "JOIN",
    having_pieces: "SELECT id AS found FROM account_text WHERE pieces @@ CAST({} AS tsquery)",
    put_pieces: Rows {
        before: "INSERT INTO account_text (id, pieces) \
            SELECT column1, CAST(column2 AS tsvector) FROM (VALUES ",
        after: ") AS written ON CONFLICT (id) DO UPDATE SET pieces = excluded.pieces",
    },
    drop_pieces: "DELETE FROM account_text WHERE id = $1",
    tidy_pieces: None,
    pieces: PieceWords { quote: '\'', and: " & ", or: " | ", but_not: " & !" },
};
