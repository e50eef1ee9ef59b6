//! What can be measured by itself: a market of the table, the epidemic, what the watch costs, one size of what grows.
//!
//! **Invariant:** a part and its row follow from how large the bench is to be, so that two processes mean the same by a number.

use std::time::Duration;

use assay_simulations::lab::speed::{
    self, EpidemicCost, Gauge, Growth, MarketCost, MarketSize, WatchCost, WatchSize,
};
use serde_json::{Value, json};

use crate::printer::number_of;

/// What alone is to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// A market of the table, by its number; the last is the epidemic.
    Market(usize),
    /// What the watch costs.
    Watch,
    /// How what a market costs grows.
    Growth,
}

impl Only {
    /// Reads what was typed.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        match text {
            "watch" => Ok(Self::Watch),
            "growth" => Ok(Self::Growth),
            number => {
                let number = number.parse::<usize>().map(Self::Market);
                number.map_err(|_| "expected the number of a market, watch or growth".to_owned())
            }
        }
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum BenchPart {
    /// A market of the table.
    Market(usize, MarketSize),
    /// The epidemic behind them, among so many peers.
    Epidemic(usize, usize),
    /// What the watch costs.
    Watch(WatchSize),
    /// One size of what grows.
    Growth(Growth, MarketSize),
}

impl BenchPart {
    /// All of them, at so many hundredths of their size.
    pub(super) fn all(quick: bool, percent: usize) -> Vec<Self> {
        let sizes = if quick { &MarketSize::QUICK[..] } else { &MarketSize::WHOLE[..] };
        let markets = sizes.iter().zip(1..).map(|(size, row)| Self::Market(row, size.scaled(percent)));
        let epidemic = Self::Epidemic(sizes.len() + 1, EpidemicCost::peers(quick, percent));
        let watch = if quick { WatchSize::QUICK } else { WatchSize::WHOLE };
        let grown = Growth::ALL.into_iter().flat_map(|growth| {
            let sizes = growth.sizes(quick).into_iter();
            sizes.map(move |size| Self::Growth(growth, size.scaled(percent)))
        });
        markets.chain([epidemic, Self::Watch(watch.scaled(percent))]).chain(grown).collect()
    }

    /// The number of a market of the table.
    pub(super) fn row(self) -> Option<usize> {
        match self {
            Self::Market(row, _) | Self::Epidemic(row, _) => Some(row),
            Self::Watch(_) | Self::Growth(..) => None,
        }
    }

    /// What alone is measured where this is.
    pub(super) fn only(self) -> Only {
        match self {
            Self::Market(row, _) | Self::Epidemic(row, _) => Only::Market(row),
            Self::Watch(_) => Only::Watch,
            Self::Growth(..) => Only::Growth,
        }
    }

    /// How that is typed.
    pub(super) fn typed(self) -> String {
        match self.only() {
            Only::Market(row) => row.to_string(),
            Only::Watch => "watch".to_owned(),
            Only::Growth => "growth".to_owned(),
        }
    }

    /// What it is called.
    pub(super) fn called(self) -> String {
        match self {
            Self::Market(row, _) | Self::Epidemic(row, _) => format!("market {row}"),
            Self::Watch(_) => "what the watch costs".to_owned(),
            Self::Growth(growth, size) => format!("a market of {} {}", growth.count(&size), growth.name()),
        }
    }

    /// Its row, measured in this process.
    pub(super) fn measured(self, gauge: &dyn Gauge) -> Value {
        match self {
            Self::Market(_, size) => market_row(&speed::market_cost(&size, gauge)),
            Self::Epidemic(_, peers) => {
                epidemic_row(&speed::epidemic(peers, gauge), peers == EpidemicCost::WHOLE)
            }
            Self::Watch(size) => watch_row(Some(&speed::watch_cost(&size, gauge))),
            Self::Growth(growth, size) => {
                let cost = speed::market_cost(&size, gauge);
                json!({
                    "grown_to": growth.count(&size), "input_count": cost.inputs,
                    "opening_seconds": cost.opening, "running_seconds": cost.seconds,
                    "most_bytes": cost.bytes_most,
                })
            }
        }
    }

    /// Its row, if it was ended because it took too long.
    pub(super) fn unfinished(self, limit: Duration) -> Value {
        match self {
            Self::Market(_, size) => {
                let name = format!("{} peers, {} jobs", size.peers(), size.jobs);
                unfinished_row(&name, size.peers(), limit, MarketSize::BOUNDED_BY)
            }
            Self::Epidemic(_, peers) => {
                let name = format!("an epidemic among {}", number_of(peers, "peer"));
                unfinished_row(&name, peers, limit, EpidemicCost::BOUNDED_BY)
            }
            Self::Watch(_) => watch_row(None),
            Self::Growth(growth, size) => json!({
                "grown_to": growth.count(&size), "input_count": 0, "opening_seconds": null,
                "running_seconds": null, "most_bytes": null,
            }),
        }
    }

    /// Its row, out of the document of the process that measured it and nothing else.
    pub(super) fn row_in(self, document: &Value) -> Value {
        match self {
            Self::Market(..) | Self::Epidemic(..) => document["markets"][0].clone(),
            Self::Watch(_) => document["watch"].clone(),
            Self::Growth(..) => document["growth"][0]["points"][0].clone(),
        }
    }
}

fn unfinished_row(name: &str, peers: usize, limit: Duration, bounded_by: &str) -> Value {
    let limit = match limit.as_secs() {
        0 => format!("{} ms", limit.as_millis()),
        seconds => format!("{seconds} s"),
    };
    json!({
        "name": format!("{name}: not done within {limit}"), "peer_count": peers,
        "job_count": 0, "input_count": 0, "opening_seconds": null, "running_seconds": null, "grown_bytes": null,
        "most_bytes": null, "opening_seconds_max": null, "running_seconds_max": null, "most_bytes_max": null,
        "bound_by": bounded_by,
    })
}

fn market_row(cost: &MarketCost) -> Value {
    let MarketCost { size, peers, jobs, inputs, opening, seconds, bytes, bytes_most } = cost;
    let MarketSize { opening_max, seconds_max, bytes_max, .. } = size;
    let is_short = is_over(Some(opening), opening_max.as_ref())
        || is_over(Some(seconds), seconds_max.as_ref())
        || is_over(bytes_most.as_ref(), bytes_max.as_ref());
    json!({
        "name": format!("{peers} peers, {jobs} jobs"), "peer_count": peers, "job_count": jobs,
        "input_count": inputs, "opening_seconds": opening, "running_seconds": seconds, "grown_bytes": bytes,
        "most_bytes": bytes_most, "opening_seconds_max": opening_max, "running_seconds_max": seconds_max,
        "most_bytes_max": bytes_max, "bound_by": is_short.then_some(MarketSize::BOUNDED_BY),
    })
}

fn epidemic_row(cost: &EpidemicCost, is_whole: bool) -> Value {
    let EpidemicCost { peers, reached, events, seconds, bytes_most } = cost;
    let (seconds_max, bytes_max) = match is_whole {
        true => (Some(EpidemicCost::SECONDS_MAX), Some(EpidemicCost::BYTES_MAX)),
        false => (None, None),
    };
    let is_short =
        is_over(Some(seconds), seconds_max.as_ref()) || is_over(bytes_most.as_ref(), bytes_max.as_ref());
    json!({
        "name": format!("an epidemic among {}, {reached} reached", number_of(*peers, "peer")),
        "peer_count": peers, "job_count": 0, "input_count": events, "opening_seconds": 0.0,
        "running_seconds": seconds, "grown_bytes": bytes_most, "most_bytes": bytes_most,
        "opening_seconds_max": null, "running_seconds_max": seconds_max, "most_bytes_max": bytes_max,
        "bound_by": is_short.then_some(EpidemicCost::BOUNDED_BY),
    })
}

/// What the watch costs; nothing where that was not measured, or took too long.
pub(super) fn watch_row(cost: Option<&WatchCost>) -> Value {
    let times = cost.map(WatchCost::times);
    let is_short = is_over(times.as_ref(), Some(&WatchCost::TIMES_MAX));
    json!({
        "job_count": cost.map_or(0, |cost| cost.jobs), "bare_seconds": cost.map(|cost| cost.bare),
        "watched_seconds": cost.map(|cost| cost.watched), "times_as_long": times,
        "times_as_long_max": WatchCost::TIMES_MAX, "bound_by": is_short.then_some(WatchCost::BOUNDED_BY),
    })
}

/// True if it is known how much it is, and that is more than it may be.
fn is_over<N: PartialOrd>(found: Option<&N>, most: Option<&N>) -> bool {
    found.zip(most).is_some_and(|(found, most)| found > most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that says nothing of itself.
    struct Silent;

    impl Gauge for Silent {
        fn seconds(&self) -> f64 {
            0.0
        }

        fn bytes(&self) -> Option<u64> {
            None
        }

        fn bytes_most(&self) -> Option<u64> {
            None
        }
    }

    const SMALL: MarketSize =
        MarketSize { founders: 4, clients: 2, jobs: 2, seconds_max: Some(9.0), ..MarketSize::QUICK[0] };

    #[test]
    fn a_row_says_what_was_measured_beside_what_it_may_be() {
        let market = BenchPart::Market(1, SMALL).measured(&Silent);
        assert_eq!((&market["job_count"], &market["running_seconds_max"]), (&json!(2), &json!(9.0)));
        assert_eq!(market["bound_by"], Value::Null);
        let epidemic = epidemic_row(&speed::epidemic(50, &Silent), true);
        assert_eq!(epidemic["name"], "an epidemic among 50 peers, 50 reached");
        assert_eq!((&epidemic["job_count"], &epidemic["running_seconds_max"]), (&json!(0), &json!(60.0)));
        let watch = BenchPart::Watch(WatchSize { market: SMALL, rounds: 1 }).measured(&Silent);
        assert_eq!((&watch["job_count"], &watch["times_as_long"]), (&json!(2), &json!(0.0)));
        let grown = BenchPart::Growth(Growth::Providers, SMALL).measured(&Silent);
        assert_eq!((&grown["grown_to"], &grown["most_bytes"]), (&json!(4), &Value::Null));
    }

    #[test]
    fn what_is_short_of_what_it_should_be_says_what_bounds_it() {
        let cost = speed::market_cost(&SMALL, &Silent);
        let slow = market_row(&MarketCost { seconds: 9.1, ..cost.clone() });
        assert_eq!(slow["bound_by"], MarketSize::BOUNDED_BY);
        let large = MarketSize { bytes_max: Some(5), ..SMALL };
        let large = market_row(&MarketCost { size: large, bytes_most: Some(6), ..cost });
        assert_eq!(large["bound_by"], MarketSize::BOUNDED_BY);
        let dear = watch_row(Some(&WatchCost { jobs: 1, bare: 1.0, watched: 1.4 }));
        assert_eq!(dear["bound_by"], WatchCost::BOUNDED_BY);
        assert_eq!(watch_row(None)["times_as_long"], Value::Null);
    }

    #[test]
    fn what_took_too_long_stands_in_the_table_as_such() {
        let limit = Duration::from_secs(9);
        let names: Vec<Value> = BenchPart::all(false, 10)
            .into_iter()
            .filter(|part| part.row().is_some())
            .map(|part| part.unfinished(limit)["name"].clone())
            .collect();
        assert_eq!(names[0], "159 peers, 100000 jobs: not done within 9 s");
        assert_eq!(names[4], "an epidemic among 100000 peers: not done within 9 s");
    }

    #[test]
    fn each_part_is_among_what_is_typed_for_it_and_nothing_else_can_be_typed() {
        for quick in [true, false] {
            for part in BenchPart::all(quick, 100) {
                assert_eq!(Only::read(&part.typed()), Ok(part.only()), "{part:?}");
            }
        }
        assert!(Only::read("everything").is_err() && Only::read("-1").is_err());
    }
}
