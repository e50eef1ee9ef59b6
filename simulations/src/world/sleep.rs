//! Sleep: a machine stands still for a while, as a closed laptop does, and goes on where it was.
//!
//! **Invariant:** nothing happens in a machine that is asleep; what is said to it meanwhile is lost, and what was about to
//! happen in it happens when it wakes, in its order.

use super::{Occurrence, Place, World};
use crate::kernel::Span;

impl World {
    /// Lets a peer's machine stand still for so long, from now on.
    pub fn sleep(&mut self, place: Place, span: Span) {
        self.peers[place.0].awake = self.now().after(span);
    }

    /// True while a peer's machine stands still.
    pub(super) fn is_asleep(&self, place: Place) -> bool {
        self.now() < self.peers[place.0].awake
    }

    /// What happens now; what would happen in a machine that is asleep is put off.
    pub(super) fn unless_asleep(&mut self, event: Occurrence) -> Option<Occurrence> {
        let place = match &event {
            Occurrence::Start(place) | Occurrence::Wanted(place, _) | Occurrence::Within { place, .. } => {
                *place
            }
            Occurrence::Arrival { .. } | Occurrence::Asked(_) => return Some(event),
        };
        if !self.is_asleep(place) {
            return Some(event);
        }
        self.schedule.at(self.peers[place.0].awake, event);
        None
    }
}
