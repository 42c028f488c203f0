//! Servers of others that tests run against: real ones, private to the tests.

mod kept;
mod postgres;
mod redis;

pub(crate) use self::kept::{Kept, free_address};
pub(crate) use self::postgres::{PASSWORD, Postgres, SUPERUSER, url};
pub(crate) use self::redis::{Redis, RedisCluster, Sentinel};
