//! Who may see and who may change what.

use amphi_chassis::auth::Caller;
use amphi_contracts::AccountId;

use super::{Error, Video, Visibility};

/// The videos a caller may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Administrators and services.
    Everything,
    /// All that is not private, and the account's own.
    OwnAndShared(AccountId),
    /// All that is not private.
    Shared,
}

impl Sight {
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        if caller.is_admin() || caller.is_service() {
            return Self::Everything;
        }
        caller.account_id().map_or(Self::Shared, Self::OwnAndShared)
    }

    #[must_use]
    pub fn includes(self, visibility: Visibility, owner_id: AccountId) -> bool {
        let shared = visibility != Visibility::Private;
        match self {
            Self::Everything => true,
            Self::OwnAndShared(account_id) => shared || account_id == owner_id,
            Self::Shared => shared,
        }
    }
}

/// # Errors
/// [`Error::VideoNotFound`] also where it exists: a private video does not show that it does.
pub fn check_may_see(caller: &Caller, video: &Video) -> Result<(), Error> {
    if Sight::of(caller).includes(video.visibility, video.owner_id) {
        return Ok(());
    }
    Err(Error::VideoNotFound)
}

/// # Errors
/// [`Error::VideoNotFound`] where the caller may not even see it, [`Error::NotYourVideo`] otherwise.
pub fn check_may_change(caller: &Caller, video: &Video) -> Result<(), Error> {
    check_may_see(caller, video)?;
    if caller.may_act_for(video.owner_id) {
        return Ok(());
    }
    Err(Error::NotYourVideo)
}

#[cfg(test)]
mod tests {
    use amphi_chassis::Role;
    use amphi_chassis::auth::{AccountClaims, AccountRole};
    use amphi_contracts::{SessionId, VideoId};

    use super::*;
    use crate::domain::VideoState;

    fn account(account_id: AccountId, role: AccountRole) -> Caller {
        Caller::Account(AccountClaims {
            account_id,
            session_id: SessionId::generate(),
            role,
            expires_at: 0,
        })
    }

    fn video(owner_id: AccountId, visibility: Visibility) -> Video {
        Video {
            id: VideoId::generate(),
            owner_id,
            title: "Pilot".to_owned(),
            description: String::new(),
            visibility,
            state: VideoState::Draft,
            state_reason: None,
            duration_ms: None,
            width: None,
            height: None,
            poster_path: None,
            created_at_us: 0,
            updated_at_us: 0,
            version: 1,
        }
    }

    /// `v` may see it, `c` may change it too, `-` neither.
    fn verdict(caller: &Caller, video: &Video) -> char {
        match (
            check_may_see(caller, video),
            check_may_change(caller, video),
        ) {
            (Ok(()), Ok(())) => 'c',
            (Ok(()), Err(Error::NotYourVideo)) => 'v',
            (Err(Error::VideoNotFound), Err(Error::VideoNotFound)) => '-',
            (see, change) => panic!("{see:?}, {change:?}"),
        }
    }

    #[test]
    fn visibility_decides_for_strangers_and_never_for_owner_admin_and_services() {
        let owner_id = AccountId::generate();
        let callers = [
            Caller::Anonymous,
            account(AccountId::generate(), AccountRole::Creator),
            account(owner_id, AccountRole::Creator),
            account(AccountId::generate(), AccountRole::Admin),
            Caller::Service(Role::Media),
        ];
        for (visibility, expected) in [
            (Visibility::Public, "vvccc"),
            (Visibility::Unlisted, "vvccc"),
            (Visibility::Private, "--ccc"),
        ] {
            let video = video(owner_id, visibility);
            let verdicts: String = callers
                .iter()
                .map(|caller| verdict(caller, &video))
                .collect();
            assert_eq!(verdicts, expected, "{visibility:?}");
        }
    }
}
