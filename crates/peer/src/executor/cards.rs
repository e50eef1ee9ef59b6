//! Which graphics card models of language are on, if on any.
//!
//! **Invariant:** a card that was asked for by its name is used or missed aloud; only who leaves the choice to this program
//! has the processor instead.

use std::str::FromStr;

use assay_protocol::{manifest::Manifest, order::Failure};
use assay_runtime::worker::{CardLayers, FoundCard};

use super::{Executor, Inner, NoClass, lock};

/// The word for a choice that is left to this program.
const AUTO: &str = "auto";
/// The word for the processor.
const PROCESSOR: &str = "processor";

/// Where models of language are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceWish {
    /// On the largest graphics card with memory of its own, where there is one that serves them; else on the processor.
    Auto,
    /// On the processor.
    #[default]
    Processor,
    /// On the first graphics card whose name has this in it.
    Card(String),
}

impl FromStr for DeviceWish {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.trim() {
            "" | AUTO => Self::Auto,
            PROCESSOR => Self::Processor,
            name => Self::Card(name.to_owned()),
        })
    }
}

impl DeviceWish {
    /// Which of these cards is meant; none for the processor.
    ///
    /// # Errors
    /// Says which there are, where the one that is wanted is not.
    pub fn choose<'a>(&self, cards: &'a [FoundCard]) -> Result<Option<&'a FoundCard>, String> {
        match self {
            Self::Processor => Ok(None),
            Self::Auto => {
                // What shares the processor's memory is hardly faster than the processor.
                let true_cards = cards.iter().filter(|card| card.is_hardware && !card.is_integrated);
                Ok(true_cards.max_by_key(|card| card.memory_bytes))
            }
            Self::Card(name) => {
                let is_meant = |card: &&FoundCard| card.name.to_lowercase().contains(&name.to_lowercase());
                let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
                let there = if names.is_empty() { "none is found".into() } else { names.join(", ") };
                let missing = || format!("no graphics card is called {name:?}: {there}");
                cards.iter().find(is_meant).map(Some).ok_or_else(missing)
            }
        }
    }
}

/// A card that a model is on.
#[derive(Clone, Debug)]
pub(crate) struct ModelCard {
    pub(crate) card: FoundCard,
    /// Whether the processor has none of the model.
    pub(crate) is_whole: bool,
}

impl Executor {
    /// Says where models of language are wanted; before the first run.
    pub fn prefer(&self, wish: DeviceWish) {
        *lock(&self.inner.wish) = wish;
    }

    /// The card that the model of a manifest is on, which has run here; none, if it is on the processor.
    ///
    /// # Errors
    /// The card that was asked for by its name is not there, or does not serve it.
    pub(crate) fn card_of(&self, manifest: &Manifest) -> Result<Option<ModelCard>, NoClass> {
        let Some(card) = self.inner.card()? else { return Ok(None) };
        let Some(why) = self.inner.pool.refused_by_card(manifest.model) else {
            let layers = self.inner.pool.layers_on_card(manifest.model);
            return Ok(with_room(card, layers, &manifest.name));
        };
        if let DeviceWish::Card(_) = *lock(&self.inner.wish) {
            return Err(NoClass { reason: format!("{}: {why}", card.name) });
        }
        let (card, model) = (card.name, &manifest.name);
        tracing::warn!(card, %model, why, "a model is on the processor, since the card does not serve it");
        Ok(None)
    }
}

/// A card and what it has room for of a model of this name; none, if it has room for nothing.
fn with_room(card: FoundCard, layers: Option<CardLayers>, model: &str) -> Option<ModelCard> {
    let name = &card.name;
    match layers {
        // A model that no run has brought there yet is not told to be elsewhere.
        None => Some(ModelCard { card, is_whole: true }),
        Some(layers) if layers.is_whole() => Some(ModelCard { card, is_whole: true }),
        Some(CardLayers { on_card: 0, .. }) => {
            tracing::warn!(
                card = name,
                model,
                "a model is on the processor, since the card has no room for it"
            );
            None
        }
        Some(CardLayers { on_card, all }) => {
            tracing::info!(
                card = name,
                model,
                on_card,
                all,
                "the first layers of a model are on the processor, since the card has not room for all of them"
            );
            Some(ModelCard { card, is_whole: false })
        }
    }
}

impl Inner {
    /// The card that models are on. The first call looks which there are, and has the pool use it; one that is missed is looked
    /// for again.
    pub(super) fn card(&self) -> Result<Option<FoundCard>, NoClass> {
        let mut chosen = lock(&self.card);
        if let Some(card) = &*chosen {
            return Ok(card.clone());
        }
        let wish = lock(&self.wish).clone();
        let card = self.look(&wish).map_err(|reason| {
            tracing::warn!(reason, "the graphics card that is wanted cannot be used");
            NoClass { reason }
        })?;
        self.pool.use_card(card.as_ref(), matches!(wish, DeviceWish::Card(_)));
        if let Some(FoundCard { name, driver, .. }) = &card {
            tracing::info!(card = name, driver, "models of language are on this graphics card");
        }
        *chosen = Some(card.clone());
        Ok(card)
    }

    fn look(&self, wish: &DeviceWish) -> Result<Option<FoundCard>, String> {
        if *wish == DeviceWish::Processor {
            return Ok(None);
        }
        let cards = self.pool.cards().or_else(|failure| {
            if *wish != DeviceWish::Auto {
                return Err(format!("graphics cards cannot be listed: {failure}"));
            }
            tracing::warn!(%failure, "graphics cards cannot be listed: models are on the processor");
            Ok(Vec::new())
        })?;
        Ok(wish.choose(&cards)?.cloned())
    }

    /// Has the card looked for before the first text.
    pub(super) fn place(&self, manifest: &Manifest) -> Result<(), Failure> {
        // Nothing else is ever on one.
        if !manifest.policy.is_proven_by_rows() {
            return Ok(());
        }
        self.card().map(drop).map_err(|_| Failure::Machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(index: u32, name: &str, (is_hardware, is_integrated): (bool, bool), gibibytes: u64) -> FoundCard {
        let memory_bytes = (gibibytes > 0).then_some(gibibytes << 30);
        FoundCard {
            index,
            name: name.into(),
            driver: "some".into(),
            is_hardware,
            is_integrated,
            memory_bytes,
        }
    }

    #[test]
    fn a_model_is_on_as_much_of_a_card_as_it_has_room_for() {
        let placed = |layers: Option<(u32, u32)>| {
            let layers = layers.map(|(on_card, all)| CardLayers { on_card, all });
            let card = card(0, "Some Card 9000", (true, false), 8);
            with_room(card, layers, "sums").map(|placed| placed.is_whole)
        };
        assert_eq!([placed(None), placed(Some((4, 4)))], [Some(true); 2]);
        assert_eq!([placed(Some((1, 4))), placed(Some((3, 4)))], [Some(false); 2]);
        assert_eq!(placed(Some((0, 4))), None);
    }

    #[test]
    fn the_largest_true_card_is_chosen_and_one_by_name_whatever_it_is() {
        let cards = [
            card(0, "llvmpipe (LLVM 15.0.6, 256 bits)", (false, false), 0),
            card(1, "Some Card 9000", (true, false), 8),
            card(2, "Some Card 9000 Ti", (true, false), 24),
            card(3, "Some Graphics", (true, true), 64),
        ];
        let chosen = |wish: &str, cards: &[FoundCard]| {
            let Ok(wish) = wish.parse::<DeviceWish>();
            wish.choose(cards).map(|card| card.map(|card| card.index))
        };
        assert_eq!(chosen("auto", &cards), Ok(Some(2)));
        assert_eq!(chosen("auto", &cards[..1]), Ok(None), "a processor that plays one is none");
        assert_eq!(chosen("processor", &cards), Ok(None));
        assert_eq!(chosen("card 9000 ti", &cards), Ok(Some(2)));
        assert_eq!(chosen("LLVMpipe", &cards), Ok(Some(0)));
        let missing = chosen("8000", &cards).unwrap_err();
        assert!(missing.contains("8000") && missing.contains("Some Card 9000 Ti"), "{missing}");
        assert!(chosen("8000", &[]).unwrap_err().contains("none is found"));
    }
}
