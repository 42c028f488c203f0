//! What every store must do, whatever it keeps its facts in; and what a file can
//! suffer.

mod accounts;
mod applications;
mod attempts;
mod audit;
mod children;
mod counts;
mod damage;
mod deletions;
mod devices;
mod feed;
mod groups;
mod history;
mod invitations;
mod licences;
mod lists;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "gateway")]
pub(crate) mod redis;
mod runs;
mod search;
mod sessions;
mod sqlite;
mod tampering;
mod tokens;
mod webhooks;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::domain::account::{Account, AccountId};
use portcullis::domain::attempts::Scope;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::{AdminLock, End};
use portcullis::domain::login::Login;
use portcullis::domain::session::{SessionKey, SessionToken};
use portcullis::domain::standing::Lifecycle;
use portcullis::domain::time::{Clock, Timestamp};
use portcullis::store::keyring::AttemptKey;
use portcullis::store::memory::{SingleProcessAttempts, SingleProcessDirectory};
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{
    AttemptStore, Changed, Counter, Directory, Edit, NewAccount, NewSession, StoreError,
};

/// Runs the whole suite against what `$open` makes, as tests of their own.
macro_rules! suite {
    ($store:ident, $open:path, { $($area:ident: $($test:ident)+;)+ }) => {
        mod $store {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$area::$test($open().await).await;
                }
            )+)+
        }
    };
    ($store:ident, $open:path) => {
        suite!($store, $open, {
            accounts:
                a_new_account_is_found_by_all_its_names
                logins_and_addresses_are_unique
                a_deleted_login_is_never_given_out_again
                a_former_login_is_never_anybody_elses
                an_external_id_is_one_accounts
                an_account_is_born_with_what_is_laid_on_it
                a_change_is_written_whole
                the_stores_own_facts_are_not_for_edits
                the_last_raise_of_a_generation_is_known
                deciding_on_nothing_changes_nothing
                a_taken_address_changes_nothing
                an_accounts_password_is_replaced
                concurrent_changes_all_happen
                the_last_administrator_stays
                administrators_who_can_act_are_counted;
            lists:
                lists_are_paged_by_number
                lists_are_searched_ignoring_case
                statuses_follow_the_clock;
            search:
                every_filter_finds_what_it_takes
                pages_are_parts_of_one_order
                pages_after_an_account_go_on_where_it_stood
                details_are_kept;
            sessions:
                a_session_is_opened_found_and_ended
                a_session_is_born_in_its_accounts_generation
                a_session_of_another_generation_than_expected_is_not_opened
                who_is_refused_gets_no_session
                a_lock_leaves_no_session_behind
                the_last_use_never_moves_back
                lists_have_the_living_only;
            webhooks:
                what_happens_is_told_from_the_beginning_on_and_once
                one_holds_the_desk
                messages_of_one_account_wait_for_each_other
                sessions_are_listed_with_what_became_of_them;
            devices:
                a_device_is_known_from_its_first_sign_in
                ten_devices_are_known_and_the_oldest_used_goes
                a_known_device_comes_in_past_a_lockout_and_no_further
                devices_go_with_the_generation_and_with_time
                a_forgotten_device_is_told_and_spares_nobody;
            deletions:
                a_deletion_is_kept_as_it_is_written
                an_account_has_one_open_deletion
                a_lease_keeps_others_away_until_it_is_over
                what_failed_waits_for_a_hand
                the_end_is_one_transaction
                a_deletion_that_is_called_off_is_nobodys;
            feed:
                changes_are_told_in_order
                an_account_is_told_of_once_a_page
                ends_of_sessions_are_told
                settings_are_told_of_and_accounts_are_not_taken_for_them
                pages_lose_nothing
                a_follower_beside_writers_misses_nothing
                what_was_pruned_is_not_silently_missing
                pruning_keeps_what_is_young
                a_cursor_from_another_life_is_told_so
                a_change_wakes_followers;
            history:
                an_attempt_is_remembered_as_it_was
                attempts_are_found_by_account_and_place
                the_newest_attempts_are_kept_and_hours_outlive_them
                failures_are_told_by_their_networks
                what_is_old_of_attempts_is_forgotten;
            groups:
                a_group_is_kept_with_its_members
                a_change_of_a_group_is_one_record
                only_the_living_are_in_groups
                groups_are_found
                a_deleted_group_leaves_its_number
                a_tombstone_gives_its_login_up;
            audit:
                every_change_has_its_record
                the_log_is_paged_backwards
                the_chain_holds
                the_log_is_searched
                pages_go_both_ways
                a_long_log_is_checked_in_steps
                what_is_old_is_forgotten_and_the_rest_holds;
            counts:
                counts_follow_every_change;
            licences:
                licences_are_counted_with_every_change
                the_last_licence_is_taken_once
                people_are_counted_by_status;
            invitations:
                a_link_is_made_found_and_used_once
                a_link_ends_with_time_and_with_the_generation
                of_two_who_come_at_once_one_does;
            tokens:
                a_token_is_made_found_and_revoked
                the_last_use_of_a_token_is_noted
                settings_are_kept;
            applications:
                an_application_is_made_found_and_removed
                an_application_is_changed_whole_or_not_at_all
                a_token_belongs_to_an_account_or_an_application
                tokens_go_with_their_application
                ended_tokens_of_applications_are_pruned
                a_session_is_found_by_its_name;
            runs:
                a_step_is_one_transaction_with_all_that_comes_of_it
                administrators_are_counted_as_a_step_goes_on
                licences_are_counted_as_a_step_goes_on
                who_is_named_twice_in_a_step_is_judged_as_they_are_by_then
                a_run_is_worked_on_by_one
                what_is_listed_waits_until_all_is_written_down
                a_run_is_stopped_and_taken_back_once;
            attempts:
                exactly_the_limit_is_granted
                many_accounts_do_not_meet
                a_lockout_refuses_until_it_ends
                a_success_gives_the_guesses_back
                an_unlock_forgets_everything
                a_released_guess_is_free
                what_is_dropped_counts
                forgetting_never_unlocks;
        });
    };
}

suite!(in_memory, super::memory_world);
suite!(in_sqlite, super::sqlite_world);
#[cfg(feature = "postgres")]
suite!(in_postgres, super::postgres::world);
#[cfg(feature = "gateway")]
suite!(in_redis, super::redis::world, {
    attempts:
        exactly_the_limit_is_granted
        many_accounts_do_not_meet
        a_lockout_refuses_until_it_ends
        a_success_gives_the_guesses_back
        an_unlock_forgets_everything
        a_released_guess_is_free
        what_is_dropped_counts
        forgetting_never_unlocks;
});

/// A fresh store, and the hand that moves its clock.
pub(crate) struct World {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) attempts: Arc<dyn AttemptStore>,
    pub(crate) clock: Clock,
    _kept: Box<dyn Any + Send + Sync>,
}

async fn memory_world() -> World {
    let clock = Clock::manual(noon());
    let directory = Arc::new(SingleProcessDirectory::new(clock.clone()));
    let attempts = Arc::new(SingleProcessAttempts::new(clock.clone()));
    World { directory, attempts, clock, _kept: Box::new(()) }
}

async fn sqlite_world() -> World {
    let folder = folder();
    let clock = Clock::manual(noon());
    let directory = SqlDirectory::open_with_clock(folder.path().join("accounts.db"), clock.clone())
        .await
        .expect("a new directory");
    let attempts = Arc::new(directory.attempts());
    World { directory: Arc::new(directory), attempts, clock, _kept: Box::new(folder) }
}

/// The counter of an account under this key.
pub(crate) fn counter(key: AttemptKey, policy: &LockoutPolicy, generation: u64) -> Counter {
    let rules = Arc::clone(policy.by_account().expect("it counts by account"));
    Counter { key, rules, generation, scope: Scope::Own }
}

/// A folder for files, in memory where the machine has one: what is tested through
/// it must hold on any disk, and this one is quick.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::from_secs(1_795_284_000)
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) fn note(action: Action) -> Note {
    Note { actor: "cli:root".to_owned(), action, reason: None, from: None }
}

pub(crate) fn person(login: &str) -> NewAccount {
    NewAccount {
        login: Login::new(login).expect("a login"),
        name: String::new(),
        email: None,
        admin: false,
        details: Default::default(),
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: None,
    }
}

pub(crate) async fn add(directory: &dyn Directory, new: NewAccount) -> Account {
    directory
        .create(new, note(Action::AccountCreated))
        .await
        .expect("a new account")
}

/// Changes an account that is there.
pub(crate) async fn edit(
    directory: &dyn Directory,
    id: AccountId,
    change: impl FnOnce(&mut Account) + Send,
) -> Account {
    let changed = try_edit(directory, id, change)
        .await
        .expect("a working store");
    changed.expect("an account").account
}

pub(crate) async fn try_edit(
    directory: &dyn Directory,
    id: AccountId,
    change: impl FnOnce(&mut Account) + Send,
) -> Result<Option<Changed>, StoreError> {
    let decide = Box::new(|facts: portcullis::store::Facts<'_>| {
        let mut account = facts.account.clone();
        change(&mut account);
        Some(Edit { account, password_hash: None, note: note(Action::AccountLocked) })
    });
    directory.change(id, decide).await
}

pub(crate) fn admin_lock(end: End) -> AdminLock {
    AdminLock { laid_at: noon(), end, reason: None, author: "cli:root".to_owned() }
}

/// The key of the session with this number.
pub(crate) fn key(number: u64) -> SessionKey {
    let mut random = [7; 32];
    random[..8].copy_from_slice(&number.to_be_bytes());
    SessionToken::from_random(random).key()
}

pub(crate) fn new_session(account: AccountId, number: u64) -> NewSession {
    NewSession {
        key: key(number),
        account: account.into(),
        expected: None,
        expires_at: noon().after(minutes(720)),
        opened_from: Some("192.0.2.7".to_owned()),
        user_agent: None,
        device: None,
        console: false,
    }
}
