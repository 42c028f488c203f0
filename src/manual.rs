//! The manual: what the words mean, what is promised, and what that rests on.
//!
//! - [`assertion`]: saying to applications who is signed in, signed.
//! - [`audit`]: who did what to whom, and how to know that nobody changed it.
//! - [`concepts`]: accounts, locks, sessions, attempts, and the promises.
//! - [`administration`]: everything that administrators do, over HTTP.
//! - [`bulk`]: changing many people at once, undoing it, exports, imports, and people who stay away.
//! - [`clerk`]: the same as Clerk's clients do it, and webhooks.
//! - [`command_line`]: the program, for whoever administers people.
//! - [`configuration`]: what a gateway is told, and settings that change at run time.
//! - [`deletion`]: deleting people, and giving their records to somebody else.
//! - [`gateway`]: what the gateway passes on, takes off, puts on and refuses.
//! - [`oauth`]: tokens, what they are for, and applications that get them by themselves.
//! - [`openproject`]: how programs administer people over HTTP, as OpenProject's clients do.
//! - [`routes`]: who passes where, and several applications behind one gateway.
//! - [`scim`]: how identity providers do, by SCIM 2.0, also as WSO2 Identity Server has it.
//! - `pages`, with the feature of that name: where people sign in and look after their account.
//! - [`load_testing`]: how fast a guarded service is, and how soon a lock bites.
//! - [`lockouts`]: what goes wrong with lockouts elsewhere, and why it does not here.
//! - [`sign_in_elsewhere`]: where people sign in at another page than the gateway's own.
//! - [`sign_in_layer`]: before a sign-in handler that can't be changed.
//! - [`operating`]: the gateway in service: starting, watching, mending, copies.
//! - [`policy`]: choosing a lockout policy, and trying it on a log.
//! - `redis`, with the feature of that name: counting attempts for several gateways.
//! - [`status_sources`]: other systems that have a say in who may come in.
//! - [`sizing`]: how much one machine carries.
//! - [`logging`]: the lines and fields that are logged.
//! - [`metrics`]: the figures that are counted, and the probes.

#[doc = include_str!("manual/administration.md")]
pub mod administration {}

#[doc = include_str!("manual/assertion.md")]
pub mod assertion {}

#[doc = include_str!("manual/audit.md")]
pub mod audit {}

#[doc = include_str!("manual/bulk.md")]
pub mod bulk {}

#[doc = include_str!("manual/clerk.md")]
pub mod clerk {}

#[doc = include_str!("manual/command_line.md")]
pub mod command_line {}

#[doc = include_str!("manual/concepts.md")]
pub mod concepts {}

#[doc = include_str!("manual/configuration.md")]
pub mod configuration {}

#[doc = include_str!("manual/deletion.md")]
pub mod deletion {}

#[doc = include_str!("manual/load_testing.md")]
pub mod load_testing {}

#[doc = include_str!("manual/forward_auth.md")]
pub mod forward_auth {}

#[doc = include_str!("manual/attacks.md")]
pub mod attacks {}

#[doc = include_str!("manual/gateway.md")]
pub mod gateway {}

#[doc = include_str!("manual/lockouts.md")]
pub mod lockouts {}

#[doc = include_str!("manual/logging.md")]
pub mod logging {}

#[doc = include_str!("manual/metrics.md")]
pub mod metrics {}

#[doc = include_str!("manual/oauth.md")]
pub mod oauth {}

#[doc = include_str!("manual/openproject.md")]
pub mod openproject {}

#[doc = include_str!("manual/routes.md")]
pub mod routes {}

#[cfg(feature = "pages")]
#[doc = include_str!("manual/pages.md")]
pub mod pages {}

#[cfg(feature = "pages")]
#[doc = include_str!("manual/console.md")]
pub mod console {}

#[doc = include_str!("manual/operating.md")]
pub mod operating {}

#[doc = include_str!("manual/scim.md")]
pub mod scim {}

#[doc = include_str!("manual/sign_in_elsewhere.md")]
pub mod sign_in_elsewhere {}

#[doc = include_str!("manual/sign_in_layer.md")]
pub mod sign_in_layer {}

#[doc = include_str!("manual/policy.md")]
pub mod policy {}

#[doc = include_str!("manual/sizing.md")]
pub mod sizing {}

#[cfg(feature = "redis")]
#[doc = include_str!("manual/redis.md")]
pub mod redis {}

#[doc = include_str!("manual/status_sources.md")]
pub mod status_sources {}
