//! The two mounts: one as the standard has it, one as WSO2 Identity Server does.

/// Which of the two a request came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flavour {
    /// As the standard has it.
    Strict,
    /// As WSO2 Identity Server does.
    Wso2,
}

impl Flavour {
    pub(super) const ALL: [Self; 2] = [Self::Strict, Self::Wso2];

    /// Where it is mounted.
    pub(super) const fn mount(self) -> &'static str {
        match self {
            Self::Strict => "/scim/v2",
            Self::Wso2 => "/scim2",
        }
    }

    /// The most resources on a page.
    pub(super) const fn max_page(self) -> u32 {
        match self {
            Self::Strict => 1_000,
            Self::Wso2 => 200,
        }
    }

    /// Whether it sorts, and gives and heeds entity tags.
    pub(super) const fn has_sort_and_tags(self) -> bool {
        matches!(self, Self::Strict)
    }

    pub(super) const fn is_wso2(self) -> bool {
        matches!(self, Self::Wso2)
    }
}
