//! A small chart of days, drawn on the server: bars, with a title, a description and the
//! same as a table.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// The size of the picture, in its own units.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 160;
/// What is kept free for the words below the bars, and above them.
const BELOW: u32 = 22;
const ABOVE: u32 = 14;

const DAY: Duration = Duration::from_secs(86_400);

/// Two counts a day, over some days, the last of which is today in UTC.
pub(super) struct Chart {
    pub(super) days: Vec<Day>,
    /// The most of any day.
    pub(super) most: u64,
}

pub(super) struct Day {
    /// "28 Nov".
    pub(super) name: String,
    pub(super) first: Bar,
    pub(super) second: Bar,
    /// Where the middle of the day is.
    pub(super) middle: u32,
}

/// A bar of the picture, and what it stands for.
pub(super) struct Bar {
    pub(super) count: u64,
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Chart {
    /// Of what happened so often at instants, of two kinds; what was before the first day
    /// is left out.
    pub(super) fn of(
        days: u32,
        now: Timestamp,
        first: impl IntoIterator<Item = (Timestamp, u64)>,
        second: impl IntoIterator<Item = (Timestamp, u64)>,
    ) -> Self {
        let today = now.floor_secs().div_euclid(86_400);
        let counts = [counted(days, today, first), counted(days, today, second)];
        let most = counts.iter().flatten().copied().max().unwrap_or_default();
        let slot = WIDTH / days.max(1);
        let of_day = |at: u32| {
            let bar = |kind: usize, x: u32| {
                let count = counts[kind].get(at as usize).copied().unwrap_or_default();
                Bar::new(count, most, x, slot * 2 / 5)
            };
            let left = at * slot;
            let start = Timestamp::from_secs((today - i64::from(days - 1 - at)) * 86_400);
            Day {
                name: name_of(start),
                first: bar(0, left + slot / 10),
                second: bar(1, left + slot / 2),
                middle: left + slot / 2,
            }
        };
        Self { days: (0..days).map(of_day).collect(), most }
    }

    /// When the first day of so many begins.
    pub(super) fn since(days: u32, now: Timestamp) -> Timestamp {
        let today = now.floor_secs().div_euclid(86_400) * 86_400;
        Timestamp::from_secs(today).before(DAY * (days - 1))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.most == 0
    }
}

impl Bar {
    fn new(count: u64, most: u64, x: u32, width: u32) -> Self {
        let room = u64::from(HEIGHT - BELOW - ABOVE);
        // What is there is seen, however small it is beside the rest.
        let height = (count * room).checked_div(most).unwrap_or_default();
        let height = height.max(u64::from(count > 0) * 2);
        let height = u32::try_from(height).unwrap_or(HEIGHT);
        Self { count, x, y: HEIGHT - BELOW - height, width, height }
    }
}

fn counted(days: u32, today: i64, at: impl IntoIterator<Item = (Timestamp, u64)>) -> Vec<u64> {
    let mut counts = vec![0; days as usize];
    for (at, often) in at {
        let back = today - at.floor_secs().div_euclid(86_400);
        let place = i64::from(days) - 1 - back;
        if let Some(count) = usize::try_from(place)
            .ok()
            .and_then(|place| counts.get_mut(place))
        {
            *count += often;
        }
    }
    counts
}

fn name_of(day: Timestamp) -> String {
    jiff::Timestamp::from_second(day.floor_secs())
        .map_or_else(|_| day.to_string(), |day| day.strftime("%-d %b").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(20_000 * 86_400 + 43_200);

    #[test]
    fn each_instant_is_in_its_day_and_none_is_outside() {
        let at = |days: i64| Timestamp::from_secs((20_000 - days) * 86_400);
        let first = [(at(0), 1), (at(0), 1), (at(6), 1), (at(7), 1), (at(-1), 1)];
        let chart = Chart::of(7, NOON, first, [(at(3), 1)]);
        let firsts: Vec<u64> = chart.days.iter().map(|day| day.first.count).collect();
        let seconds: Vec<u64> = chart.days.iter().map(|day| day.second.count).collect();
        assert_eq!(firsts, [1, 0, 0, 0, 0, 0, 2]);
        assert_eq!(seconds, [0, 0, 0, 1, 0, 0, 0]);
        assert_eq!((chart.most, chart.is_empty()), (2, false));
        assert_eq!(Chart::since(7, NOON), at(6));
        assert_eq!(chart.days[6].name, "4 Oct");
    }

    #[test]
    fn bars_stay_inside_the_picture() {
        let chart = Chart::of(14, NOON, [(NOON, 10_000)], [(NOON, 1)]);
        for day in &chart.days {
            for bar in [&day.first, &day.second] {
                assert!(bar.x + bar.width <= WIDTH && bar.y >= ABOVE, "{}", day.name);
                assert_eq!(bar.y + bar.height, HEIGHT - BELOW);
                assert_eq!(bar.height > 0, bar.count > 0);
            }
        }
        assert!(Chart::of(7, NOON, [], []).is_empty());
    }
}
