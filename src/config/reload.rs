//! What a running gateway can take of another configuration.

use super::{Config, GateSettings, LogSettings, StoreSettings};
use crate::gateway::Settings;

impl Config {
    /// This configuration as far as a gateway that runs by another one can go by it
    /// without a restart, and the keys and sections that it keeps as they were.
    ///
    /// All settings of the gateway and the gate are taken but those named here: where it
    /// listens, and what clients and stores hold already.
    #[must_use]
    pub fn taken_by(mut self, running: &Self) -> (Self, Vec<&'static str>) {
        let mut kept = Kept::default();
        // Each field is named, so that none is added without being thought of here.
        let Self {
            file: _,
            gateway,
            gate,
            store,
            redis,
            source,
            pinned: _,
            modules,
            log,
            webhooks,
        } = running;
        kept.keep_scheme(&mut self.gateway, gateway);
        kept.keep("public.listen", &mut self.gateway.public, &gateway.public);
        kept.keep("public.reuse_port", &mut self.gateway.reuse_port, &gateway.reuse_port);
        kept.keep("admin.listen", &mut self.gateway.admin, &gateway.admin);
        kept.keep("assertion", &mut self.gateway.assertion, &gateway.assertion);
        kept.keep_gate(&mut self.gate, gate);
        self.gate.https = gate.https;
        let StoreSettings { directory } = store;
        kept.keep("store.directory", &mut self.store.directory, directory);
        kept.keep("redis", &mut self.redis, redis);
        kept.keep("source", &mut self.source, source);
        kept.keep("modules", &mut self.modules, modules);
        kept.keep("webhooks", &mut self.webhooks, webhooks);
        let LogSettings { format, level: _ } = log;
        kept.keep("log.format", &mut self.log.format, format);
        (self, kept.0)
    }
}

/// Keys that stay as they are.
#[derive(Debug, Default)]
struct Kept(Vec<&'static str>);

impl Kept {
    fn keep<T: Clone + PartialEq>(&mut self, key: &'static str, next: &mut T, running: &T) {
        if next != running {
            next.clone_from(running);
            self.0.push(key);
        }
    }

    /// Cookies have another name over https: everybody would be signed out.
    fn keep_scheme(&mut self, next: &mut Settings, running: &Settings) {
        if next.is_https() != running.is_https() {
            next.public_url.clone_from(&running.public_url);
            next.tls.clone_from(&running.tls);
            self.0.push("public.url");
        }
    }

    fn keep_gate(&mut self, next: &mut GateSettings, running: &GateSettings) {
        let GateSettings {
            session_lifetime: _,
            session_idle: _,
            session_capacity,
            history: _,
            known_devices: _,
            max_stale: _,
            when_stale: _,
            cookie_domain,
            https: _,
            api_tokens: _,
            jwt: _,
        } = running;
        self.keep("sessions.capacity", &mut next.session_capacity, session_capacity);
        self.keep("sessions.cookie_domain", &mut next.cookie_domain, cookie_domain);
    }
}
