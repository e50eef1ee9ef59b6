//! What an order may cost: as a flag of its command says, or as the home settled it where none does.
//!
//! **Invariant:** whoever is refused by a setting reads its name, what it says, and both ways out: to settle it otherwise, unless
//! one order is so dear that every other one had no ceiling any more, and the flag for one order. An amount that is named is the
//! least that is enough for this one.

use assay_peer::config::{ClientSettings, Home, Settings};
use assay_protocol::units::Amount;

use crate::invocation::Invocation;

/// So many times what is settled may be settled for good because of one order.
const RAISE_MOST: u64 = 10;

/// Where each limit of an order is from: a setting with what it says, or else a flag; and what helps beside raising it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CeilingNames {
    settled_cost: Option<Amount>,
    settled_price: Option<Amount>,
    shorter: ShorterAnswer,
    /// What the account can spend, where that is known.
    free: Option<Amount>,
}

/// Whether less of an answer costs little enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ShorterAnswer {
    /// There is none that does, or no answer of the kind can be shorter.
    #[default]
    Never,
    /// There may be one: nobody asked.
    Perhaps,
    /// One of so many tokens does.
    Tokens(u64),
}

/// One limit, by the names that it goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CeilingName {
    flag: &'static str,
    key: &'static str,
    settled: Option<Amount>,
}

impl CeilingNames {
    /// The limits of an order whose command says these.
    pub(crate) fn of(max_cost: Option<Amount>, max_price: Option<Amount>, invocation: &Invocation) -> Self {
        // A file that makes no sense is no reason to order nothing: the daemon goes by what it read before.
        let Ok(settings) = Settings::read(&invocation.home) else { return Self::default() };
        let client = settings.client;
        Self {
            settled_cost: max_cost.is_none().then_some(client.cost_max),
            settled_price: max_price.is_none().then_some(client.unit_price_max),
            ..Self::default()
        }
    }

    /// The same where this is known of shorter answers, and of what can be spent.
    pub(crate) fn beside(self, shorter: ShorterAnswer, free: Option<Amount>) -> Self {
        Self { shorter, free, ..self }
    }

    /// What helps where an order takes at least so much, and more than it may.
    pub(crate) fn ways_out(self, least: Option<Amount>, unit: &str) -> String {
        let more = match least.zip(self.free) {
            Some((least, free)) if free < least => {
                format!("no ceiling is enough while the account holds {free} {unit}s (`assay account show`)")
            }
            Some(_) | None => self.cost().raise(least),
        };
        match self.shorter {
            ShorterAnswer::Never => more,
            ShorterAnswer::Perhaps => format!("{more}; a shorter answer costs less (--max-tokens)"),
            ShorterAnswer::Tokens(tokens) => {
                format!("{more}; --max-tokens {tokens} asks for a shorter answer, which costs little enough")
            }
        }
    }

    /// The limits of an order that was made before. Nobody remembers who typed what: one that says what the home does is the
    /// home's.
    pub(crate) fn of_order(cost_max: Option<Amount>, unit_price_max: Option<Amount>, home: &Home) -> Self {
        let Ok(settings) = Settings::read(home) else { return Self::default() };
        Self::of_equal(cost_max, unit_price_max, &settings.client)
    }

    /// Those of these limits that are what the settings say.
    pub(crate) fn of_equal(
        cost_max: Option<Amount>,
        unit_price_max: Option<Amount>,
        client: &ClientSettings,
    ) -> Self {
        Self {
            settled_cost: cost_max.filter(|most| *most == client.cost_max),
            settled_price: unit_price_max.filter(|most| *most == client.unit_price_max),
            ..Self::default()
        }
    }

    /// The most that all of it may cost.
    pub(crate) fn cost(self) -> CeilingName {
        CeilingName { flag: "--max-cost", key: "client.cost_max", settled: self.settled_cost }
    }

    /// The most that a unit may cost.
    pub(crate) fn price(self) -> CeilingName {
        CeilingName { flag: "--max-price", key: "client.unit_price_max", settled: self.settled_price }
    }
}

impl CeilingName {
    /// What it is called, and what it says where nobody typed that.
    pub(crate) fn name(self, unit: &str) -> String {
        match self.settled {
            Some(amount) => format!("{} ({amount} {unit}s)", self.key),
            None => self.flag.to_owned(),
        }
    }

    /// How it is raised, to what is enough if that is known.
    pub(crate) fn raise(self, enough: Option<Amount>) -> String {
        let Self { flag, key, settled } = self;
        let amount = enough.map_or_else(|| "CREDITS".to_owned(), |enough| enough.to_string());
        let is_far =
            |(settled, enough): (Amount, Amount)| settled.times(RAISE_MOST).is_some_and(|most| most < enough);
        match (settled, enough) {
            (Some(settled), Some(enough)) if is_far((settled, enough)) => {
                format!("{flag} {enough} lets this one order cost as much")
            }
            (Some(_), _) => {
                format!("`assay config set {key} {amount}` raises it for good, {flag} {amount} for one order")
            }
            (None, Some(enough)) => format!("raise {flag} to {enough}"),
            (None, None) => format!("raise {flag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_before_is_limited_by_the_setting_that_says_as_much() {
        let client = ClientSettings { cost_max: Amount::credits(2), ..ClientSettings::default() };
        let of = |cost, price| CeilingNames::of_equal(cost, price, &client);
        let settled = of(Some(client.cost_max), Some(client.unit_price_max));
        assert_eq!(settled.cost().name("credit"), "client.cost_max (2.00 credits)");
        assert!(settled.price().name("credit").starts_with("client.unit_price_max ("));
        assert_eq!(of(Some(Amount(1)), Some(Amount(1))), CeilingNames::default());
        assert_eq!(of(None, None), CeilingNames::default());
    }

    #[test]
    fn a_setting_is_named_with_both_ways_out_and_a_flag_as_it_was_typed() {
        let ceilings = CeilingNames { settled_cost: Some(Amount::credits(1)), ..CeilingNames::default() };
        let (cost, price) = (ceilings.cost(), ceilings.price());
        assert_eq!(
            [cost.name("credit"), price.name("credit")],
            ["client.cost_max (1.00 credits)", "--max-price"]
        );
        let enough = Some(Amount(1_250_000_000));
        assert_eq!(
            cost.raise(enough),
            "`assay config set client.cost_max 1.25` raises it for good, --max-cost 1.25 for one order"
        );
        assert!(cost.raise(None).starts_with("`assay config set client.cost_max CREDITS` raises it"));
        assert_eq!(
            [price.raise(enough), price.raise(None)],
            ["raise --max-price to 1.25", "raise --max-price"]
        );
    }

    #[test]
    fn one_dear_order_is_no_reason_to_let_every_order_cost_as_much() {
        let settled = CeilingNames { settled_cost: Some(Amount::credits(1)), ..CeilingNames::default() };
        let told = |credits: u64| settled.cost().raise(Some(Amount::credits(credits)));
        assert!(told(10).starts_with("`assay config set client.cost_max 10.00` raises it for good, "));
        assert_eq!(told(400), "--max-cost 400.00 lets this one order cost as much");
    }

    #[test]
    fn the_least_that_is_enough_is_named_and_a_shorter_answer_beside_it() {
        let (least, credits) = (Some(Amount(1_250_000_000)), |credits| Some(Amount::credits(credits)));
        let told = |shorter, free| CeilingNames::default().beside(shorter, free).ways_out(least, "credit");
        assert_eq!(told(ShorterAnswer::Never, None), "raise --max-cost to 1.25");
        assert_eq!(
            told(ShorterAnswer::Tokens(64), credits(2)),
            "raise --max-cost to 1.25; --max-tokens 64 asks for a shorter answer, which costs little enough"
        );
        assert_eq!(
            told(ShorterAnswer::Perhaps, None),
            "raise --max-cost to 1.25; a shorter answer costs less (--max-tokens)"
        );
        let poor = told(ShorterAnswer::Tokens(16), credits(1));
        assert!(poor.starts_with("no ceiling is enough while the account holds 1.00 credits "), "{poor}");
        assert!(poor.contains("; --max-tokens 16 asks for") && !poor.contains("1.25"), "{poor}");
    }
}
