//! Programs that decide for peers of a scenario.
//!
//! **Invariant:** none is started that nobody allowed.

use assay_simulations::lab::scenario::Scenario;

use crate::command_error::{CommandError, Exit};

/// Whether programs may be started.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ProgramArgs {
    /// Start the programs that a scenario names, with your rights
    #[arg(long)]
    allow_programs: bool,
}

impl ProgramArgs {
    /// Refuses a scenario that starts programs, unless that is allowed.
    pub(super) fn refuse(self, scenario: &Scenario) -> Result<(), CommandError> {
        let programs = scenario.programs();
        if self.allow_programs || programs.is_empty() {
            return Ok(());
        }
        let message = format!("{} starts `{}` with your rights", scenario.name, programs.join("` and `"));
        let hint = "read it first, and the scenario; --allow-programs starts it";
        Err(CommandError::new(Exit::Forbidden, "PROGRAM", message, hint))
    }
}

#[cfg(test)]
mod tests {
    use assay_simulations::lab::shipped;

    use super::*;

    #[test]
    fn a_program_is_started_where_somebody_allowed_it() {
        let text = "extends = \"churn\"\nname = \"mine\"\n[[population]]\nname = \"theirs\"\ncount = 4\n\
                    behaviour = { command = [\"python3\", \"my cheat.py\"] }\n[[population]]\nrole = \"client\"\n";
        let [honest, theirs] = [shipped::text("churn").unwrap().as_str(), text]
            .map(|text| Scenario::read("mine.toml", text, &shipped::text).unwrap());
        let refused = |allow_programs, scenario| ProgramArgs { allow_programs }.refuse(scenario);
        assert_eq!(refused(false, &honest), Ok(()));
        assert_eq!(refused(true, &theirs), Ok(()));
        let failure = refused(false, &theirs).unwrap_err();
        assert_eq!(failure.exit(), Exit::Forbidden);
        assert_eq!(failure.lines()[0], "mine starts `python3 'my cheat.py'` with your rights");
    }
}
