//! Messages to webhooks, in the memory of one process.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::event::AuditRecord;
use crate::domain::time::Timestamp;
use crate::store::memory::{SingleProcessDirectory, now};
use crate::store::{
    BoxFuture, Delivery, Directory, Message, MessageFilter, NewMessage, News, SessionNews,
    StoreError, WebhookStore,
};

/// What a directory in memory keeps for webhooks.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    /// How far the audit log is told; `None`: nobody wants to be told.
    position: Option<u64>,
    last: u64,
    holder: Option<(String, Timestamp)>,
    sessions: Vec<SessionNews>,
    messages: BTreeMap<u64, Message>,
}

impl Webhooks {
    pub(super) fn begin(&mut self, position: u64) {
        self.position.get_or_insert(position);
    }

    pub(super) fn hold(&mut self, holder: String, until: Timestamp, now: Timestamp) -> bool {
        let others = self
            .holder
            .as_ref()
            .is_some_and(|(other, until)| *other != holder && *until > now);
        if !others {
            self.holder = Some((holder, until));
        }
        !others
    }

    /// Notes what happened to a session, if anybody wants to know.
    pub(super) fn note(&mut self, news: SessionNews) {
        if self.position.is_some() {
            self.sessions.push(news);
        }
    }

    pub(super) fn news<'a>(
        &self,
        records: impl Iterator<Item = &'a AuditRecord>,
        limit: u32,
    ) -> News {
        let Some(from) = self.position else { return News::default() };
        let limited = limit as usize;
        let after = records.filter(|record| record.position > from);
        let records = after.take(limited).cloned().collect();
        let sessions = self.sessions.iter().take(limited).copied().collect();
        News { from, to: from, records, sessions }.cut(limit)
    }

    pub(super) fn post(
        &mut self,
        holder: &str,
        told: &News,
        messages: Vec<NewMessage>,
        now: Timestamp,
    ) -> bool {
        let held = self.holder.as_ref();
        let holds = held.is_some_and(|(own, until)| own == holder && *until > now);
        if !holds || self.position != Some(told.from) {
            return false;
        }
        self.position = Some(told.to);
        self.sessions.retain(|news| !told.sessions.contains(news));
        for message in messages {
            self.keep(message, now);
        }
        true
    }

    fn keep(&mut self, new: NewMessage, now: Timestamp) {
        self.last += 1;
        let NewMessage { id, endpoint, account, kind, body } = new;
        let message = Message {
            number: self.last,
            id,
            endpoint,
            account,
            kind,
            body,
            created_at: now,
            attempts: 0,
            next_at: Some(now),
            last_error: None,
        };
        self.messages.insert(self.last, message);
    }

    pub(super) fn due(&self, endpoints: &[String], limit: u32, now: Timestamp) -> Vec<Message> {
        let mut waiting = Vec::new();
        let mut due = Vec::new();
        for message in self.messages.values() {
            let Some(next_at) = message.next_at else { continue };
            let place = (&message.endpoint, message.account);
            if !endpoints.contains(&message.endpoint) || waiting.contains(&place) {
                continue;
            }
            waiting.push(place);
            if next_at <= now && due.len() < limit as usize {
                due.push(message.clone());
            }
        }
        due
    }

    pub(super) fn settle(&mut self, number: u64, delivery: Delivery, now: Timestamp) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        message.attempts += 1;
        match delivery {
            Delivery::Arrived => drop(self.messages.remove(&number)),
            Delivery::Again { after, error } => {
                (message.next_at, message.last_error) = (Some(now.after(after)), Some(error));
            }
            Delivery::Dead { error } => {
                (message.next_at, message.last_error) = (None, Some(error));
            }
        }
    }

    pub(super) fn list(&self, filter: MessageFilter, limit: u32) -> Vec<Message> {
        let wanted = |message: &&Message| match filter {
            MessageFilter::All => true,
            MessageFilter::Dead => message.next_at.is_none(),
        };
        let found = self.messages.values().filter(wanted);
        found.take(limit as usize).cloned().collect()
    }

    pub(super) fn revive(&mut self, number: Option<u64>, now: Timestamp) -> u64 {
        let dead = self.messages.values_mut().filter(|message| {
            message.next_at.is_none() && number.is_none_or(|number| number == message.number)
        });
        let mut revived = 0;
        for message in dead {
            (message.next_at, message.attempts) = (Some(now), 0);
            revived += 1;
        }
        revived
    }

    pub(super) fn backlog(&self) -> (u64, u64) {
        let dead = self
            .messages
            .values()
            .filter(|message| message.next_at.is_none())
            .count();
        ((self.messages.len() - dead) as u64, dead as u64)
    }

    /// Forgets what happened to sessions that nobody made messages of in time.
    pub(super) fn prune(&mut self, before: Timestamp) -> u64 {
        let known = self.sessions.len();
        self.sessions.retain(|news| news.at >= before);
        (known - self.sessions.len()) as u64
    }
}

impl WebhookStore for SingleProcessDirectory {
    fn begin(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        let (position, _) = state.audit_end();
        state.webhooks.begin(position);
        now(Ok(()))
    }

    fn hold(&self, holder: String, length: Duration) -> BoxFuture<'_, Result<bool, StoreError>> {
        let at = self.clock().wall();
        now(Ok(self.state().webhooks.hold(holder, at.after(length), at)))
    }

    fn news(&self, limit: u32) -> BoxFuture<'_, Result<News, StoreError>> {
        let state = self.state();
        let records = state.audit.iter().map(|entry| &entry.record);
        now(Ok(state.webhooks.news(records, limit)))
    }

    fn post(
        &self,
        holder: String,
        told: News,
        messages: Vec<NewMessage>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let at = self.clock().wall();
        now(Ok(self.state().webhooks.post(&holder, &told, messages, at)))
    }

    fn due(
        &self,
        endpoints: Vec<String>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        let at = self.clock().wall();
        now(Ok(self.state().webhooks.due(&endpoints, limit, at)))
    }

    fn settle(&self, number: u64, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>> {
        let at = self.clock().wall();
        self.state().webhooks.settle(number, delivery, at);
        now(Ok(()))
    }

    fn messages(
        &self,
        filter: MessageFilter,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        now(Ok(self.state().webhooks.list(filter, limit)))
    }

    fn revive(&self, number: Option<u64>) -> BoxFuture<'_, Result<u64, StoreError>> {
        let at = self.clock().wall();
        now(Ok(self.state().webhooks.revive(number, at)))
    }

    fn backlog(&self) -> BoxFuture<'_, Result<(u64, u64), StoreError>> {
        now(Ok(self.state().webhooks.backlog()))
    }
}
