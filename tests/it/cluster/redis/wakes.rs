//! Wake-ups through Redis: they come, nobody waits for them, and nothing rests on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use portcullis::domain::event::Action;
use portcullis::domain::time::Clock;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::redis::{AfterLoss, RedisAttempts};
use portcullis::store::{Bus, Directory};
use tokio::time::Instant;

use super::until;
use crate::servers::Redis;
use crate::stores::redis::settings;
use crate::stores::{add, note, person};

struct Process {
    directory: Arc<dyn Directory>,
    _attempts: RedisAttempts,
    woken: Arc<AtomicU32>,
}

impl Process {
    async fn start(server: &Redis, prefix: &str) -> Self {
        let directory: Arc<dyn Directory> = Arc::new(SingleProcessDirectory::new(Clock::system()));
        let mut settings = settings(server);
        settings.prefix = prefix.to_owned();
        settings.after_loss = AfterLoss::GoOn;
        settings.timeout = Duration::from_secs(2);
        settings.connect_timeout = Duration::from_secs(2);
        let attempts = RedisAttempts::open(&settings, Arc::clone(&directory)).await;
        let attempts = attempts.expect("a store");
        attempts.carry(&directory);
        let woken = Arc::new(AtomicU32::new(0));
        let (follows, counts) = (Arc::clone(&directory), Arc::clone(&woken));
        tokio::spawn(async move {
            loop {
                follows.bus().woken().await;
                counts.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { directory, _attempts: attempts, woken }
    }

    fn bus(&self) -> &dyn Bus {
        self.directory.bus()
    }

    fn times(&self) -> u32 {
        self.woken.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_here_wakes_whoever_follows_there() {
    let mut server = Redis::start(&[]);
    let (here, there) = (Process::start(&server, "a:").await, Process::start(&server, "a:").await);
    let elsewhere = Process::start(&server, "b:").await;
    let all = [&here, &there, &elsewhere];
    until("all are heard", || async { all.iter().all(|one| one.bus().reaches_others()) }).await;
    let (before, not_theirs) = (there.times(), elsewhere.times());
    add(&*here.directory, person("alice")).await;
    until("it is woken", || async { there.times() > before }).await;
    assert_eq!(elsewhere.times(), not_theirs, "another system's");

    server.pause();
    let begun = Instant::now();
    for n in 0..100 {
        add(&*here.directory, person(&format!("p{n}"))).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "no change waits for Redis");
    until("it is found out", || async { !here.bus().reaches_others() }).await;
    server.go_on();
    until("it is heard again", || async { all.iter().all(|one| one.bus().reaches_others()) }).await;

    server.kill();
    until("it is found out", || async { !there.bus().reaches_others() }).await;
    server.start_again();
    until("all are heard", || async { all.iter().all(|one| one.bus().reaches_others()) }).await;
    let before = there.times();
    let other = note(Action::SettingChanged);
    here.directory
        .set_setting("x", "y".to_owned(), other)
        .await
        .expect("writes");
    until("it is woken", || async { there.times() > before }).await;
}
