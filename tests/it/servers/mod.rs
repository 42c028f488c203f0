//! Servers of others that tests run against: real ones, private to the tests.

mod postgres;

pub(crate) use self::postgres::{PASSWORD, Postgres, SUPERUSER, url};
