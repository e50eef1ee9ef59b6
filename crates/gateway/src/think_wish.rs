//! Whether a model is to think before it answers, and how long.
//!
//! **Invariant:** it is told to the template by a variable that this reads; where there is none a wish for what the model does
//! anyway changes nothing, and any other is refused.

use schema::Json;

use crate::{
    failure::HttpFailure,
    ordered_json::text,
    template_traits::{EFFORT, TemplateTraits, ToolSupport},
};

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThinkWish {
    /// That it thinks.
    On,
    /// That it does not.
    Off,
    /// That it thinks so much, in a word.
    Effort(String),
}

impl ThinkWish {
    /// The variables by which a template is told, of a field that is called so.
    pub(crate) fn variables(
        &self,
        traits: &TemplateTraits,
        param: &str,
    ) -> Result<Vec<(String, Json)>, HttpFailure> {
        let switched =
            |is_on: bool| traits.switch.map(|switch| vec![(switch.name().to_owned(), Json::Bool(is_on))]);
        let refused = |why: &str| Err(HttpFailure::unsupported(param, why));
        if traits.tools == ToolSupport::Unread {
            return refused("the model's chat template is not read for it");
        }
        match self {
            Self::Effort(word) if traits.has_effort => Ok(vec![(EFFORT.to_owned(), text(word))]),
            Self::Effort(word) if word != "none" => refused("models think as long as they do"),
            Self::On if !traits.shows_thoughts => refused("the model does not think by its chat template"),
            Self::On => Ok(switched(true).unwrap_or_default()),
            Self::Off | Self::Effort(_) if !traits.shows_thoughts => Ok(Vec::new()),
            Self::Off | Self::Effort(_) => match switched(false) {
                Some(variables) => Ok(variables),
                None => refused("by its chat template the model always thinks"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_told_what_it_reads_and_no_more() {
        let traits = |template: &str| TemplateTraits::of(Some(template.to_owned()));
        let switched = traits("{% if enable_thinking %}<think>{% endif %}");
        let (always, never) = (traits("<think>"), traits("{{ messages }}"));
        let by_word = traits("{{ reasoning_effort }}<think>");
        let told = |wish: &ThinkWish, traits: &TemplateTraits| {
            let told = wish.variables(traits, "think").ok()?;
            Some(told.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().concat())
        };
        let effort = |word: &str| ThinkWish::Effort(word.to_owned());
        let cases = [
            (ThinkWish::On, [Some("enable_thinking=true"), Some(""), None, Some("")]),
            (ThinkWish::Off, [Some("enable_thinking=false"), None, Some(""), None]),
            (
                effort("none"),
                [Some("enable_thinking=false"), None, Some(""), Some(r#"reasoning_effort="none""#)],
            ),
            (effort("low"), [None, None, None, Some(r#"reasoning_effort="low""#)]),
        ];
        for (wish, expected) in cases {
            let found = [&switched, &always, &never, &by_word].map(|traits| told(&wish, traits));
            assert_eq!(found.each_ref().map(Option::as_deref), expected, "{wish:?}");
            assert_eq!(told(&wish, &TemplateTraits::UNREAD), None, "{wish:?}");
        }
    }
}
