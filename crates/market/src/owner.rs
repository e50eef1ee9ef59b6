//! When an owner wants its machine for itself: what it settled, what the machine shows, and what follows from both.
//!
//! **Invariant:** a rule holds from the first look that shows it broken; it lets go once nothing showed it broken for as long as
//! its owner said. What cannot be told on a machine breaks no rule.

mod day_span;

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use assay_protocol::units::{Duration, Timestamp};

pub use self::day_span::{BadSpan, DaySpan, WEEK_MINUTES};

/// How long a rule must have been kept where nobody says so.
const SETTLE_USUAL: Duration = Duration::seconds(60);
/// How old a look may be that is gone by.
const LOOK_LATE: Duration = Duration::seconds(60);
/// Degrees that a machine must cool down below its maximum before it counts as cool again.
const COOLING: u16 = 5;

/// What an owner settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRules {
    /// Programs beside which nothing is taken on.
    pub programs: Vec<String>,
    /// How long nobody must have used the machine.
    pub idle_min: Option<Duration>,
    /// Nothing is taken on while it runs on its battery.
    pub mains_only: bool,
    /// Degrees Celsius above which nothing is taken on.
    pub temperature_max: Option<u16>,
    /// Bytes of a graphics card's memory that other programs may use.
    pub card_others_max: Option<u64>,
    /// When jobs are taken on; at any time if there are none.
    pub hours: Vec<DaySpan>,
    /// How long a rule must have been kept before it lets go.
    pub settle: Duration,
}

/// What a machine shows at one moment; nothing where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MachineReading {
    /// Those of the programs that the rules name which run.
    pub programs: Option<Vec<String>>,
    /// How long nobody has used it.
    pub idle: Option<Duration>,
    /// Whether it runs on its battery.
    pub is_on_battery: Option<bool>,
    /// Degrees Celsius, where it is hottest.
    pub temperature: Option<u16>,
    /// Bytes of a graphics card's memory that other programs use, on the card where they use most.
    pub card_others: Option<u64>,
    /// Minutes since Monday began, where the machine stands.
    pub minute: Option<u16>,
}

/// A rule of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerRule {
    /// A program runs.
    Program,
    /// Somebody uses the machine.
    InUse,
    /// It runs on its battery.
    OnBattery,
    /// It is too hot.
    TooHot,
    /// Other programs need the card.
    CardInUse,
    /// It is not the time for jobs.
    OutOfHours,
    /// There are rules, and nobody has looked of late.
    NotLooked,
}

impl OwnerRule {
    /// All of which a machine can show that they are broken.
    pub const ALL: [Self; 6] =
        [Self::Program, Self::InUse, Self::OnBattery, Self::TooHot, Self::CardInUse, Self::OutOfHours];

    /// Whether what runs is given up as well: its owner needs the machine now. At the end of the hours it is seen through.
    #[must_use]
    pub fn is_sudden(self) -> bool {
        !matches!(self, Self::OutOfHours | Self::NotLooked)
    }
}

/// A rule that holds: nothing new is taken on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeldRule {
    /// Which.
    pub rule: OwnerRule,
    /// Since when.
    pub since: Timestamp,
    /// When it lets go, if nothing shows it broken until then; nothing while it is.
    pub until: Option<Timestamp>,
}

/// What follows from an owner's rules by what was seen of the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleWatch {
    rules: OwnerRules,
    /// The last look under these rules.
    looked: Option<Timestamp>,
    broken: BTreeMap<OwnerRule, RuleBreach>,
}

#[derive(Clone, Copy, Debug)]
struct RuleBreach {
    since: Timestamp,
    /// The last look that showed it broken.
    last: Timestamp,
}

impl Default for OwnerRules {
    /// None at all.
    fn default() -> Self {
        Self {
            programs: Vec::new(),
            idle_min: None,
            mains_only: false,
            temperature_max: None,
            card_others_max: None,
            hours: Vec::new(),
            settle: SETTLE_USUAL,
        }
    }
}

impl OwnerRules {
    /// True where nothing was settled.
    #[must_use]
    pub fn are_none(&self) -> bool {
        OwnerRule::ALL.iter().all(|rule| !self.has(*rule))
    }

    /// Whether there is such a rule.
    #[must_use]
    pub fn has(&self, rule: OwnerRule) -> bool {
        match rule {
            OwnerRule::Program => !self.programs.is_empty(),
            OwnerRule::InUse => self.idle_min.is_some(),
            OwnerRule::OnBattery => self.mains_only,
            OwnerRule::TooHot => self.temperature_max.is_some(),
            OwnerRule::CardInUse => self.card_others_max.is_some(),
            OwnerRule::OutOfHours => !self.hours.is_empty(),
            OwnerRule::NotLooked => false,
        }
    }

    /// Whether the machine shows that a rule is broken; nothing where there is no such rule, or it does not say. Whoever was hot
    /// has to cool down.
    fn is_broken(&self, rule: OwnerRule, reading: &MachineReading, was: bool) -> Option<bool> {
        match rule {
            OwnerRule::Program if self.programs.is_empty() => None,
            OwnerRule::Program => reading.programs.as_ref().map(|running| !running.is_empty()),
            OwnerRule::InUse => Some(reading.idle? < self.idle_min?),
            OwnerRule::OnBattery => reading.is_on_battery.filter(|_| self.mains_only),
            OwnerRule::TooHot => {
                let max = self.temperature_max?.saturating_sub(if was { COOLING } else { 0 });
                Some(reading.temperature? > max)
            }
            OwnerRule::CardInUse => Some(reading.card_others? > self.card_others_max?),
            OwnerRule::OutOfHours if self.hours.is_empty() => None,
            OwnerRule::OutOfHours => {
                let minute = reading.minute?;
                Some(!self.hours.iter().any(|span| span.contains(minute)))
            }
            OwnerRule::NotLooked => None,
        }
    }

    /// How long a rule must have been kept. A clock says when the hours begin, and does not waver.
    fn settles(&self, rule: OwnerRule) -> Duration {
        if rule == OwnerRule::OutOfHours { Duration(0) } else { self.settle }
    }
}

impl RuleWatch {
    /// Goes by these rules from now on. One that holds goes on if it is still there.
    pub(crate) fn heed(&mut self, rules: OwnerRules) {
        self.broken.retain(|rule, _| rules.has(*rule));
        if OwnerRule::ALL.iter().any(|rule| rules.has(*rule) && !self.rules.has(*rule)) {
            self.looked = None;
        }
        self.rules = rules;
    }

    /// Takes what a look at the machine showed; tells which rules hold only since then.
    pub(crate) fn look(&mut self, reading: &MachineReading, now: Timestamp) -> Vec<OwnerRule> {
        self.looked = Some(now);
        let mut new = Vec::new();
        for rule in OwnerRule::ALL {
            let was = self.broken.contains_key(&rule);
            let is_broken = self.rules.is_broken(rule, reading, was) == Some(true);
            if is_broken && !was {
                new.push(rule);
            }
            if is_broken {
                let since = self.broken.get(&rule).map_or(now, |broken| broken.since);
                self.broken.insert(rule, RuleBreach { since, last: now });
            } else if let Some(broken) = self.broken.get_mut(&rule) {
                // A clock that was set back makes no rule hold for longer.
                broken.last = broken.last.min(now);
                if now >= broken.last.after(self.rules.settles(rule)) {
                    self.broken.remove(&rule);
                }
            }
        }
        new
    }

    /// True while nothing new is taken on.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        !self.broken.is_empty() || self.is_blind(now)
    }

    /// The rules that hold.
    pub(crate) fn held(&self, now: Timestamp) -> Vec<HeldRule> {
        let blind = HeldRule { rule: OwnerRule::NotLooked, since: Timestamp::default(), until: None };
        let held = |(rule, broken): (&OwnerRule, &RuleBreach)| HeldRule {
            rule: *rule,
            since: broken.since,
            until: self
                .looked
                .is_some_and(|looked| looked > broken.last)
                .then(|| broken.last.after(self.rules.settles(*rule))),
        };
        let blind = self.is_blind(now).then_some(blind);
        self.broken.iter().map(held).chain(blind).collect()
    }

    /// After a start nothing is taken on until somebody has looked, and nothing once nobody looks any more.
    fn is_blind(&self, now: Timestamp) -> bool {
        !self.rules.are_none() && self.looked.is_none_or(|looked| now >= looked.after(LOOK_LATE))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn rules() -> OwnerRules {
        OwnerRules {
            programs: vec!["game".into()],
            idle_min: Some(Duration::seconds(600)),
            mains_only: true,
            temperature_max: Some(80),
            card_others_max: Some(1 << 30),
            hours: vec!["22:00-07:00".parse().unwrap()],
            settle: Duration::seconds(60),
        }
    }

    /// A machine that keeps all of these rules.
    fn fine() -> MachineReading {
        MachineReading {
            programs: Some(Vec::new()),
            idle: Some(Duration::seconds(600)),
            is_on_battery: Some(false),
            temperature: Some(80),
            card_others: Some(1 << 30),
            minute: Some(23 * 60),
        }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp(1_000_000 + second * 1_000)
    }

    fn held(watch: &RuleWatch) -> Vec<OwnerRule> {
        let now = watch.looked.unwrap_or(at(0));
        watch.held(now).into_iter().map(|held| held.rule).collect()
    }

    fn holds(watch: &RuleWatch) -> bool {
        !held(watch).is_empty()
    }

    #[test]
    fn each_rule_holds_by_its_own_reading_and_by_none_that_is_not_told() {
        let broken = [
            (OwnerRule::Program, MachineReading { programs: Some(vec!["game".into()]), ..fine() }),
            (OwnerRule::InUse, MachineReading { idle: Some(Duration(599_999)), ..fine() }),
            (OwnerRule::OnBattery, MachineReading { is_on_battery: Some(true), ..fine() }),
            (OwnerRule::TooHot, MachineReading { temperature: Some(81), ..fine() }),
            (OwnerRule::CardInUse, MachineReading { card_others: Some((1 << 30) + 1), ..fine() }),
            (OwnerRule::OutOfHours, MachineReading { minute: Some(12 * 60), ..fine() }),
        ];
        assert_eq!(broken.len(), OwnerRule::ALL.len());
        for (rule, reading) in broken {
            let mut watch = RuleWatch::default();
            watch.heed(rules());
            assert_eq!(watch.look(&reading, at(0)), [rule]);
            assert_eq!((held(&watch), watch.look(&reading, at(1))), (vec![rule], Vec::new()), "told once");
            // The same machine breaks no rule that was not settled, and what it does not say breaks none.
            watch.heed(OwnerRules::default());
            assert_eq!((watch.look(&reading, at(2)), holds(&watch)), (Vec::new(), false), "{rule:?}");
            watch.heed(rules());
            assert_eq!(watch.look(&MachineReading::default(), at(3)), []);
        }
    }

    #[test]
    fn a_rule_lets_go_once_it_was_kept_for_as_long_as_its_owner_said() {
        let mut watch = RuleWatch::default();
        watch.heed(rules());
        let game = MachineReading { programs: Some(vec!["game".into()]), ..fine() };
        watch.look(&game, at(0));
        watch.look(&fine(), at(59));
        let until = watch.held(at(60))[0].until;
        assert_eq!((holds(&watch), until), (true, Some(at(60))));
        watch.look(&game, at(60));
        assert_eq!(watch.held(at(60))[0], HeldRule { rule: OwnerRule::Program, since: at(0), until: None });
        watch.look(&fine(), at(119));
        assert!(holds(&watch));
        watch.look(&fine(), at(120));
        assert!(!holds(&watch));
        assert_eq!(watch.look(&game, at(121)), [OwnerRule::Program], "and holds anew");
    }

    #[test]
    fn what_was_too_hot_has_to_cool_down_and_hours_begin_on_the_minute() {
        let mut watch = RuleWatch::default();
        watch.heed(OwnerRules { settle: Duration(0), ..rules() });
        let hot = |temperature| MachineReading { temperature: Some(temperature), ..fine() };
        let held_by: Vec<bool> = [80, 81, 80, 76, 75, 80]
            .into_iter()
            .map(|degrees| {
                watch.look(&hot(degrees), at(0));
                holds(&watch)
            })
            .collect();
        assert_eq!(held_by, [false, true, true, true, false, false]);
        watch.heed(rules());
        watch.look(&MachineReading { minute: Some(22 * 60 - 1), ..fine() }, at(1));
        assert_eq!(held(&watch), [OwnerRule::OutOfHours]);
        watch.look(&fine(), at(2));
        assert!(!holds(&watch), "a clock does not waver");
    }

    #[test]
    fn nothing_is_taken_on_once_nobody_looks_any_more_or_by_a_look_that_knew_other_rules() {
        let mut watch = RuleWatch::default();
        watch.heed(rules());
        watch.look(&fine(), at(0));
        let late = [59, 60].map(|second| watch.holds(at(second)));
        assert_eq!(late, [false, true]);
        watch.look(&fine(), at(100));
        watch.heed(OwnerRules { mains_only: false, ..rules() });
        assert!(!watch.holds(at(101)), "fewer rules need no look");
        watch.heed(rules());
        assert_eq!(watch.held(at(101))[0].rule, OwnerRule::NotLooked);
    }

    #[test]
    fn with_rules_nothing_is_taken_on_before_the_first_look() {
        let mut watch = RuleWatch::default();
        assert!(!holds(&watch));
        watch.heed(rules());
        assert_eq!((holds(&watch), held(&watch)), (true, vec![OwnerRule::NotLooked]));
        watch.look(&fine(), at(0));
        assert!(!holds(&watch));
    }
}
