//! Lists and searches.
//!
//! What the store can find by itself it finds and pages. The rest is looked at here,
//! one by one, after the store's first choice, and no more than a bounded number.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::filter::{Filter, Target, compare, for_groups, for_users};
use super::groups::{MAX_SHOWN, plain};
use super::path::place;
use super::problem::Problem;
use super::query::Query;
use super::schema::{Kind, ResourceType};
use super::service::Service;
use super::user::{for_filters, shown};
use super::value::Object;
use crate::domain::account::Account;
use crate::domain::group::Group;
use crate::domain::operation::Operation;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, Direction, GroupQuery, Membership};

/// How many resources are looked at one by one for one answer.
pub(super) const MAX_LOOKED_AT: usize = 10_000;

const PAGE: u32 = 500;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A page of what was found.
struct Found<T> {
    page: Vec<T>,
    total: u64,
}

/// What lists are sorted by.
#[derive(Clone, Copy, Debug)]
struct Sort {
    target: Target,
    descending: bool,
}

impl Service {
    /// A page of one type.
    pub(super) async fn list(&self, kind: ResourceType, query: &Query) -> Result<Value, Problem> {
        self.caller.rights.require(match kind {
            ResourceType::Group => Operation::ListGroups,
            ResourceType::User => Operation::ListUsers,
        })?;
        let filter = self.resolve(kind, query)?;
        let (resources, total) = self
            .page_of(kind, filter, query, query.offset(), query.count)
            .await?;
        Ok(document(query, &resources, total))
    }

    /// A page of everything: people first, then groups.
    pub(super) async fn list_all(&self, query: &Query) -> Result<Value, Problem> {
        self.caller.rights.require(Operation::ListUsers)?;
        self.caller.rights.require(Operation::ListGroups)?;
        let (mut resources, mut total, mut refused) = (Vec::new(), 0_u64, Vec::new());
        for kind in ResourceType::ALL {
            // What one type has not, none of that type fits.
            let filter = match self.resolve(kind, query) {
                Ok(filter) => filter,
                Err(problem) => {
                    refused.push(problem);
                    continue;
                }
            };
            let offset = query.offset().saturating_sub(total);
            let room = query.count - u32::try_from(resources.len()).unwrap_or(query.count);
            let (more, found) = self.page_of(kind, filter, query, offset, room).await?;
            resources.extend(more);
            total += found;
        }
        match refused.pop() {
            Some(problem) if refused.len() + 1 == ResourceType::ALL.len() => Err(problem),
            _ => Ok(document(query, &resources, total)),
        }
    }

    fn resolve(
        &self,
        kind: ResourceType,
        query: &Query,
    ) -> Result<Option<Filter<Target>>, Problem> {
        query
            .filter
            .as_ref()
            .map(|filter| filter.resolve(kind, self.flavour))
            .transpose()
    }

    async fn page_of(
        &self,
        kind: ResourceType,
        filter: Option<Filter<Target>>,
        query: &Query,
        offset: u64,
        count: u32,
    ) -> Result<(Vec<Value>, u64), Problem> {
        let sort = self.sort(kind, query);
        match kind {
            ResourceType::User => {
                let found = self.users(filter, sort, offset, count).await?;
                Ok((self.shown_users(&found.page, query).await?, found.total))
            }
            ResourceType::Group => {
                let found = self.groups(filter, sort, offset, count).await?;
                Ok((self.shown_groups(&found.page, query).await?, found.total))
            }
        }
    }

    /// What is no attribute is not sorted by, as the standard lets servers choose.
    fn sort(&self, kind: ResourceType, query: &Query) -> Option<Sort> {
        let by = query
            .sort_by
            .as_ref()
            .filter(|_| self.flavour.has_sort_and_tags())?;
        let found = place(kind, self.flavour, by).ok()?;
        let attribute = found.attribute?;
        let (outer, leaf) = match found.sub {
            Some(sub) => (Some(attribute), sub),
            None if attribute.kind == Kind::Complex => (Some(attribute), attribute.sub("value")?),
            None => (None, attribute),
        };
        let extension = found.extension.map(|schema| schema.urn);
        let target = Target { extension, outer, leaf };
        Some(Sort { target, descending: query.descending })
    }

    async fn users(
        &self,
        filter: Option<Filter<Target>>,
        sort: Option<Sort>,
        offset: u64,
        count: u32,
    ) -> Result<Found<Account>, Problem> {
        let mapped = filter.as_ref().map(for_users);
        let exact = mapped.as_ref().is_none_or(|mapped| mapped.exact);
        let filters: Vec<_> = mapped
            .and_then(|mapped| mapped.filter)
            .into_iter()
            .collect();
        let order = sort.map_or(Some(Vec::new()), Sort::of_store);
        if let Some(order) = order.filter(|_| exact) {
            let search =
                AccountSearch { filters, order, offset, limit: count, ..Default::default() };
            let page = self.admin.search(&self.actor(), search).await?;
            return Ok(Found { page: page.accounts, total: page.total });
        }
        let filter = filter.filter(|_| !exact);
        let mut found = self.look_at_users(filters, filter.as_ref()).await?;
        if let Some(sort) = sort {
            found.sort_by(|(a, _), (b, _)| sort.compare(a, b));
        }
        let total = found.len() as u64;
        Ok(Found { page: cut(found, offset, count), total })
    }

    /// Those that a filter takes, of the store's first choice, with what they look like.
    async fn look_at_users(
        &self,
        filters: Vec<AccountFilter>,
        filter: Option<&Filter<Target>>,
    ) -> Result<Vec<(Value, Account)>, Problem> {
        let (mut found, mut after, mut looked_at) = (Vec::new(), None, 0);
        loop {
            let filters = filters.clone();
            let search = AccountSearch {
                filters,
                after,
                limit: PAGE,
                uncounted: true,
                ..Default::default()
            };
            let page = self.admin.search(&self.actor(), search).await?.accounts;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.id);
            looked_at += page.len();
            bounded(looked_at)?;
            let memberships = self.memberships(&page).await?;
            let now = self.admin.now();
            for account in page {
                let user = shown(&account, &memberships, self.flavour, now);
                let user = for_filters(user, &account, now);
                if filter.is_none_or(|filter| filter.takes(&user)) {
                    found.push((user, account));
                }
            }
        }
    }

    async fn memberships(&self, of: &[Account]) -> Result<Vec<Membership>, Problem> {
        Ok(self
            .admin
            .memberships(of.iter().map(|account| account.id).collect())
            .await?)
    }

    async fn shown_users(&self, page: &[Account], query: &Query) -> Result<Vec<Value>, Problem> {
        let wanted = query
            .select
            .wants(ResourceType::User, self.flavour, "groups");
        let memberships = if wanted { self.memberships(page).await? } else { Vec::new() };
        let now = self.admin.now();
        let show = |account| {
            let user = shown(account, &memberships, self.flavour, now);
            query.select.show(ResourceType::User, self.flavour, &user)
        };
        Ok(page.iter().map(show).collect())
    }

    async fn groups(
        &self,
        filter: Option<Filter<Target>>,
        sort: Option<Sort>,
        offset: u64,
        count: u32,
    ) -> Result<Found<Group>, Problem> {
        let (query, rest) = match filter {
            Some(filter) => for_groups(filter)?,
            None => (GroupQuery::default(), None),
        };
        if rest.is_none() && sort.is_none() {
            let query = GroupQuery { offset, limit: count, ..query };
            let page = self.admin.groups(&self.actor(), query).await?;
            return Ok(Found { page: page.groups, total: page.total });
        }
        let (mut found, mut after, mut looked_at) = (Vec::new(), None, 0);
        loop {
            let query = GroupQuery { after, limit: PAGE, ..query.clone() };
            let page = self.admin.groups(&self.actor(), query).await?.groups;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            looked_at += page.len();
            bounded(looked_at)?;
            let shown = page
                .into_iter()
                .map(|group| (Value::Object(plain(&group, self)), group));
            let fit = |shown: &Value| rest.as_ref().is_none_or(|rest| rest.takes(shown));
            found.extend(shown.filter(|(shown, _)| fit(shown)));
        }
        if let Some(sort) = sort {
            found.sort_by(|(a, _), (b, _)| sort.compare(a, b));
        }
        let total = found.len() as u64;
        Ok(Found { page: cut(found, offset, count), total })
    }

    async fn shown_groups(&self, page: &[Group], query: &Query) -> Result<Vec<Value>, Problem> {
        let (mut all, mut room) = (Vec::new(), MAX_SHOWN);
        for group in page {
            let shown: Object = self.shown_group(group, &query.select, &mut room).await?;
            all.push(query.select.show(ResourceType::Group, self.flavour, &shown));
        }
        Ok(all)
    }
}

impl Sort {
    /// The store's order, of what everybody has: who has none comes elsewhere there.
    fn of_store(self) -> Option<Vec<(AccountOrder, Direction)>> {
        let order = match self.target.path().as_str() {
            "id" => AccountOrder::Id,
            "userName" => AccountOrder::Login,
            "meta.created" => AccountOrder::CreatedAt,
            "meta.lastModified" => AccountOrder::UpdatedAt,
            _ => return None,
        };
        let direction = if self.descending { Direction::Descending } else { Direction::Ascending };
        Some(vec![(order, direction)])
    }

    /// Who has none comes last, and first where the greatest comes first.
    fn compare(self, a: &Value, b: &Value) -> Ordering {
        let own = |item| {
            // Of several, the preferred one.
            let Some(outer) = self.target.outer else { return self.target.values(item).pop() };
            let all = item.get(outer.name)?.as_array();
            let one = all.map_or(item.get(outer.name), |all| {
                all.iter()
                    .find(|one| super::value::is_primary(one))
                    .or_else(|| all.first())
            });
            one?.get(self.target.leaf.name)
        };
        let ordering = match (own(a), own(b)) {
            (Some(a), Some(b)) => compare(self.target.leaf, a, b).unwrap_or(Ordering::Equal),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if self.descending { ordering.reverse() } else { ordering }
    }
}

fn bounded(looked_at: usize) -> Result<(), Problem> {
    if looked_at <= MAX_LOOKED_AT {
        return Ok(());
    }
    Err(Problem::too_many(format!(
        "more than {MAX_LOOKED_AT} would have to be looked at one by one: filter by userName, \
         externalId, id, emails.value, active or meta.lastModified, too"
    )))
}

fn cut<T>(found: Vec<(Value, T)>, offset: u64, count: u32) -> Vec<T> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let page = found.into_iter().skip(offset).take(count as usize);
    page.map(|(_, one)| one).collect()
}

pub(super) fn document(query: &Query, resources: &[Value], total: u64) -> Value {
    json!({
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": query.start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}
