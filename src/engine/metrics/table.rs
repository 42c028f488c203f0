//! Every figure there is.

/// How a figure moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the format has no others that are used here")]
pub enum Kind {
    /// It only rises, from zero at the start of the process.
    Counter,
    /// It is what it is now.
    Gauge,
    /// It tells how many were up to each of some bounds.
    Histogram,
}

impl Kind {
    /// The word for it in the text format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($name:ident = $kind:ident $text:literal $([$label:literal])?: $help:literal,)+) => {
        /// A figure: what it is called, how it moves, and what it tells.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Metric { $(#[doc = $help] $name,)+ }

        impl Metric {
            /// Every figure, in the order in which they are printed.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name, without the `_total` that samples of counters end in.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// How it moves.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)+ }
            }

            /// The label that tells its samples apart, where there are several.
            pub const fn label(self) -> Option<&'static str> {
                match self { $(Self::$name => first(&[$($label)?]),)+ }
            }

            /// What it tells, in a sentence.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }
    };
}

const fn first(labels: &[&'static str]) -> Option<&'static str> {
    match labels {
        [label, ..] => Some(label),
        [] => None,
    }
}

metrics! {
    // Of the gateway.
    Requests = Counter "portcullis_requests" ["outcome"]:
        "Requests that came to the public listener, by what became of them.",
    RequestDuration = Histogram "portcullis_request_duration_seconds":
        "Time from the head of a request to the head of its answer.",
    Connections = Gauge "portcullis_connections" ["listener"]:
        "Connections that are open now, those of tunnels not among them.",
    Tunnels = Gauge "portcullis_tunnels":
        "WebSockets that are open now.",
    HandshakeFailures = Counter "portcullis_tls_handshake_failures" ["kind"]:
        "Connections that did not come to agree on TLS, or did not show what they have to.",
    CertificateEnd = Gauge "portcullis_tls_certificate_end_seconds" ["listener"]:
        "When the first certificate of a listener ends, in seconds since 1970; 0 where it speaks no TLS.",
    UpstreamResponses = Counter "portcullis_upstream_responses" ["class"]:
        "Answers of the application, by the class of their status.",
    UpstreamFailures = Counter "portcullis_upstream_failures" ["kind"]:
        "Requests that the application gave no whole answer to.",
    UpstreamConnections = Gauge "portcullis_upstream_connections" ["state"]:
        "Connections to the application that are open now, and how many of them wait for a request.",
    AccessLogDropped = Counter "portcullis_access_log_dropped":
        "Lines of the access log that were left out because too many waited to be written.",
    UpstreamRequests = Gauge "portcullis_upstream_requests" ["state"]:
        "Requests that wait for the application to begin its answer, and that wait for room among those.",
    UpstreamSlots = Gauge "portcullis_upstream_slots":
        "Requests that may wait for the application to begin its answer at once.",
    Shed = Counter "portcullis_shed" ["reason"]:
        "Requests that were sent away because too many waited for the application.",
    UpstreamPicks = Counter "portcullis_upstream_picks" ["server"]:
        "Requests that a server of an upstream was picked for.",
    UpstreamPassedBy = Counter "portcullis_upstream_passed_by" ["server"]:
        "Requests that went to another server because there was no connection to this one.",
    UpstreamUp = Gauge "portcullis_upstream_up" ["server"]:
        "Whether a server passes its checks: 1, or 0. Always 1 where it has none.",
    RouteRequests = Counter "portcullis_route_requests" ["route"]:
        "Requests by their route, and none; counted where there are routes.",
    // Of the gate.
    Denials = Counter "portcullis_denials" ["reason"]:
        "Requests that the guard refused.",
    Cuts = Counter "portcullis_cuts" ["reason"]:
        "Responses and tunnels that were ended because their account or session was refused.",
    Sessions = Gauge "portcullis_sessions":
        "Sessions that are held in memory now.",
    Standings = Gauge "portcullis_standings":
        "Accounts whose standing is held in memory now.",
    Lookups = Counter "portcullis_lookups" ["of"]:
        "Reads of a store or source because memory did not have the answer.",
    StoreFailures = Counter "portcullis_store_failures" ["kind"]:
        "Questions that a store or source did not answer.",
    JwtTokens = Counter "portcullis_jwt_tokens" ["worth"]:
        "JSON web tokens that were not remembered, and what they were worth.",
    JwtIssuers = Gauge "portcullis_jwt_issuers" ["keys"]:
        "Issuers of JSON web tokens, by whether their keys are known.",
    Attempts = Counter "portcullis_attempts" ["outcome"]:
        "Attempts to sign in, and how they went on.",
    Lockouts = Counter "portcullis_lockouts" ["of"]:
        "Lockouts that this process laid: those of accounts and devices as they were written into \
         the directory.",
    WouldLock = Counter "portcullis_would_lock" ["of"]:
        "Lockouts that a policy which only monitors would have laid.",
    AttemptsForgotten = Counter "portcullis_attempts_forgotten":
        "Attempts that were left out of the history because too many waited to be written.",
    AttemptStore = Histogram "portcullis_attempt_store_seconds":
        "Time that the store which counts attempts took to answer.",
    RedisConnected = Gauge "portcullis_redis_connected":
        "Whether there is a connection to Redis now; 0 also where attempts are not counted there.",
    RedisCalls = Counter "portcullis_redis_calls" ["outcome"]:
        "Round trips to Redis: answered, failed, or not answered in time.",
    RedisLosses = Counter "portcullis_redis_losses":
        "Times that this process found that Redis may have lost what was counted.",
    PasswordHashes = Gauge "portcullis_password_hashes" ["state"]:
        "Passwords that are hashed now, and that wait for their turn.",
    PasswordChecks = Counter "portcullis_password_checks":
        "Passwords that were compared with a hash.",
    PasswordsPutOff = Counter "portcullis_passwords_put_off":
        "Passwords that had no turn in time and were not looked at.",
    FeedPosition = Gauge "portcullis_feed_position":
        "The last change of the directory that this process knows of.",
    FeedAge = Gauge "portcullis_feed_age_seconds":
        "Time since the change feed was last read to its end.",
    Revocation = Histogram "portcullis_revocation_seconds":
        "Time from a change that another process made to its being enforced here.",
    SourceCalls = Counter "portcullis_source_calls" ["outcome"]:
        "Questions about accounts to another system, by what became of them; those that were \
         spared were not sent.",
    SourceCircuit = Gauge "portcullis_source_circuit" ["state"]:
        "Whether another system is asked: 1 at the state that it is in.",
    SourceFollowed = Gauge "portcullis_source_followed":
        "Whether another system tells of changes as they happen now.",
    SourceAge = Gauge "portcullis_source_age_seconds":
        "Time since another system last answered; 0 until it has.",
    LastLock = Gauge "portcullis_last_lock_seconds":
        "Time from the last lock's being laid, anywhere, to its being enforced here; 0 until there is one.",
    AdminChanges = Counter "portcullis_admin_changes" ["action"]:
        "Changes that administrators made in this process.",
    LicencesUsed = Gauge "portcullis_licences_used":
        "Accounts that use a licence: the active and the locked. Counted by gateways, else 0.",
    LicencesLimit = Gauge "portcullis_licences_limit":
        "Accounts that may use a licence; 0 where there is no limit.",
    WebhookDeliveries = Counter "portcullis_webhook_deliveries" ["outcome"]:
        "Messages that were sent to webhooks, and whether they arrived, are sent again or are dead.",
    WebhookMessages = Gauge "portcullis_webhook_messages" ["state"]:
        "Messages to webhooks that have not arrived, as the gateway that sends them counts them.",
    BuildInfo = Gauge "portcullis_build_info" ["version"]:
        "The version that runs; always 1.",
    // Of the process.
    ProcessStart = Gauge "process_start_time_seconds":
        "When the process started, in seconds since 1970; on Linux.",
    ProcessMemory = Gauge "process_resident_memory_bytes":
        "Memory that the process has in use; on Linux.",
    ProcessFiles = Gauge "process_open_fds":
        "Files and sockets that the process has open; on Linux.",
}
