//! The endpoint's statuses and the ways between them, and what may be asked of it in each.

/// `EndpointStatus`, as far as the region produces it. `SystemUpdating` is AWS patching its hosts,
/// which has no counterpart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    OutOfService,
    Creating,
    Updating,
    RollingBack,
    InService,
    Deleting,
    Failed,
    UpdateRollbackFailed,
}

impl Status {
    pub const ALL: [Self; 8] = [
        Self::OutOfService,
        Self::Creating,
        Self::Updating,
        Self::RollingBack,
        Self::InService,
        Self::Deleting,
        Self::Failed,
        Self::UpdateRollbackFailed,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfService => "OutOfService",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::RollingBack => "RollingBack",
            Self::InService => "InService",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
            Self::UpdateRollbackFailed => "UpdateRollbackFailed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The table: where an endpoint may go from here. From `Deleting` it goes away.
    pub const fn successors(self) -> &'static [Self] {
        use Status as S;
        match self {
            S::Creating => &[S::InService, S::Failed, S::Deleting],
            S::InService => &[S::Updating, S::Deleting, S::OutOfService],
            S::Updating => &[S::InService, S::RollingBack, S::Deleting],
            S::RollingBack => &[S::InService, S::UpdateRollbackFailed],
            S::OutOfService => &[S::InService, S::Deleting],
            S::Failed | S::UpdateRollbackFailed => &[S::Deleting],
            S::Deleting => &[],
        }
    }

    pub fn may_become(self, to: Self) -> bool {
        self.successors().contains(&to)
    }

    /// Whether a change is under way that must end before the next may begin.
    pub const fn is_in_progress(self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::RollingBack | Self::Deleting)
    }

    /// Whether requests are answered, as far as instances are there to answer them.
    pub const fn serves(self) -> bool {
        matches!(self, Self::InService | Self::Updating | Self::RollingBack)
    }

    /// Whether `UpdateEndpoint` and `UpdateEndpointWeightsAndCapacities` may begin.
    pub const fn may_update(self) -> bool {
        matches!(self, Self::InService)
    }

    /// Whether `DeleteEndpoint` may begin.
    pub const fn may_delete(self) -> bool {
        !self.is_in_progress()
    }
}

/// A variant's `VariantStatus.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariantStatus {
    Creating,
    Updating,
    Deleting,
    ActivatingTraffic,
    Baking,
}

impl VariantStatus {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
            Self::ActivatingTraffic => "ActivatingTraffic",
            Self::Baking => "Baking",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.name()), Some(status));
        }
    }

    #[test]
    fn a_failed_endpoint_can_only_be_deleted() {
        for status in [Status::Failed, Status::UpdateRollbackFailed] {
            assert_eq!(status.successors(), [Status::Deleting]);
            assert!(!status.may_update());
            assert!(status.may_delete());
            assert!(!status.serves());
        }
    }

    #[test]
    fn nothing_is_asked_of_an_endpoint_in_progress() {
        for status in Status::ALL.into_iter().filter(|status| status.is_in_progress()) {
            assert!(!status.may_update() && !status.may_delete(), "{status:?}");
        }
    }

    #[test]
    fn every_status_but_the_last_can_end_in_deletion() {
        for status in Status::ALL {
            let mut seen = vec![status];
            let mut next = 0;
            while let Some(at) = seen.get(next).copied() {
                next += 1;
                for to in at.successors() {
                    if !seen.contains(to) {
                        seen.push(*to);
                    }
                }
            }
            assert!(seen.contains(&Status::Deleting), "{status:?}");
        }
    }
}
