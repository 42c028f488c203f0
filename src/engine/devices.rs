//! Known devices: recognized at a sign-in, listed, forgotten.

use http::HeaderValue;

use crate::domain::account::{Account, AccountId};
use crate::domain::device::{Device, DeviceCookie, DeviceId, KNOWN_FOR};
use crate::domain::event::{Action, Note};
use crate::domain::session::{Session, SessionToken};
use crate::engine::sign_in::SignInError;
use crate::engine::visitor::{Visitor, device_cookie_name};
use crate::engine::{Gate, Portcullis, Unanswered};
use crate::store::NewDevice;

/// The device that a sign-in is offered to be known by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// Which device of the account it proved to be.
    pub(super) known: Option<DeviceId>,
    /// Whether that device's own budget granted the sign-in.
    pub(super) past_lockout: bool,
}

impl Offer {
    /// What the store needs for it, and the secret that goes to the client.
    pub(super) fn make(self) -> Result<(NewDevice, SessionToken), SignInError> {
        let (mut name, mut secret) = ([0; 8], [0; 32]);
        getrandom::fill(&mut name).map_err(|_| SignInError::Unavailable)?;
        getrandom::fill(&mut secret).map_err(|_| SignInError::Unavailable)?;
        let secret = SessionToken::from_random(secret);
        let Self { known, past_lockout } = self;
        let fresh = DeviceId::from_random(name);
        Ok((NewDevice { known, past_lockout, fresh, key: secret.key() }, secret))
    }
}

impl Portcullis {
    /// The devices that an account's owner is known by, last used first.
    ///
    /// # Errors
    ///
    /// If the directory does not answer.
    pub async fn devices(&self, account: &AccountId) -> Result<Vec<Device>, SignInError> {
        let gate = &self.0;
        match &gate.directory {
            Some(directory) => Ok(gate.ask(directory.devices(*account)).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Forgets a device of an account, for its owner: its next sign-in is a
    /// stranger's. Sessions on it go on, and no lockout spares them any more; when
    /// this returns, no request that begins later on this gate is spared.
    ///
    /// Says whether there was such a device.
    ///
    /// # Errors
    ///
    /// If the directory does not answer: then the device may be known still.
    pub async fn forget_device(
        &self,
        account: &AccountId,
        device: DeviceId,
    ) -> Result<bool, SignInError> {
        let gate = &self.0;
        let Some(directory) = &gate.directory else { return Ok(false) };
        let note = Note {
            actor: format!("user:{account}"),
            action: Action::DeviceForgotten,
            reason: Some(format!("device {device}")),
            from: None,
        };
        let forgotten = gate
            .ask(directory.forget_device(*account, device, note))
            .await?;
        if let Some(account) = &forgotten {
            gate.learn(&account.key(), account.standing());
        }
        Ok(forgotten.is_some())
    }

    /// The `Set-Cookie` header that makes a session's device known.
    pub(super) fn device_cookie(
        &self,
        session: &Session,
        secret: SessionToken,
    ) -> Option<HeaderValue> {
        let (gate, device) = (&self.0, session.device?);
        let account = session.account.account_id();
        let signature = gate.keyring.device_signature(account, device, &secret);
        let cookie = DeviceCookie::signed(device, secret, signature);
        let name = device_cookie_name(gate.settings().https);
        Some(self.set_cookie(name, &cookie.expose(), KNOWN_FOR))
    }
}

impl Gate {
    /// Whether devices are known: where neither the gate nor its policy says that
    /// all are strangers.
    pub(super) fn knows_devices(&self) -> bool {
        self.settings().known_devices && self.policy().knows_devices()
    }

    /// Which known device of the account the visitor proves to be.
    ///
    /// Only a cookie that was signed for this very account makes the directory
    /// be asked: from others nobody learns whether there is such an account.
    pub(super) async fn recognize(
        &self,
        visitor: &Visitor,
        account: Option<&Account>,
    ) -> Result<Option<DeviceId>, Unanswered> {
        let https = self.settings().https;
        let cookie = visitor
            .device_cookie(https)
            .filter(|_| self.knows_devices());
        let Some(cookie) = cookie else { return Ok(None) };
        let (id, secret) = (cookie.device(), cookie.secret());
        let signature =
            self.keyring
                .device_signature(account.map(|account| account.id), id, secret);
        let signed = cookie.bears(signature);
        let (true, Some(directory), Some(account)) = (signed, &self.directory, account) else {
            return Ok(None);
        };
        let device = self.ask(directory.device(account.id, id)).await?;
        let now = self.clock.wall();
        let proved = device.filter(|device| {
            device.is_known_to(account, now) && device.is_proved_by(&secret.key(), now)
        });
        Ok(proved.map(|device| device.id))
    }
}
