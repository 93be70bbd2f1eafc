//! An operator's experiments: an instance stopped in order, or killed as a crash would end it.

use super::actor::Actor;
use super::board::{Ask, Asked, Denied, How};
use super::instance::Order;

impl Actor {
    /// Does what is asked and says what that was. `at_rest`: no deployment or change of counts is
    /// under way.
    pub fn asked(&mut self, ask: Ask, at_rest: bool) {
        let outcome = match ask.how {
            How::Kill => self.kill(&ask.instance),
            How::Stop if at_rest => self.part_with(&ask.instance),
            How::Stop => Err(Denied::Not(
                "While the endpoint is being created or updated no instance is stopped in order; \
                 how=kill ends one at any time, as a crash would."
                    .to_owned(),
            )),
        };
        // Whoever asked may have hung up.
        let _ = ask.answer.send(outcome);
    }

    fn place_of(&self, id: &str) -> Result<usize, Denied> {
        let at = self.members.iter().position(|member| member.id == id);
        at.ok_or_else(|| Denied::Absent(id.to_owned()))
    }

    fn in_flight(&self, id: &str) -> u64 {
        let endpoint = self.region().plane().endpoint(&self.name);
        endpoint.and_then(|endpoint| endpoint.loads().get(id).copied()).unwrap_or_default()
    }

    /// All else happens as it does after a crash: the instance's task reports the end.
    fn kill(&self, id: &str) -> Result<Asked, Denied> {
        let member = &self.members[self.place_of(id)?];
        let asked = Asked {
            variant: member.variant.clone(),
            in_flight: self.in_flight(id),
            replacement: None,
            waits_for_replacement: false,
        };
        member.order.send_replace(Order::Kill);
        Ok(asked)
    }

    /// Takes the instance out of service at once when another one of its variant serves, else as
    /// soon as its replacement does.
    fn part_with(&mut self, id: &str) -> Result<Asked, Denied> {
        let at = self.place_of(id)?;
        if self.members[at].leaving {
            return Err(Denied::Not(format!(
                "Instance {id} is being stopped already; it serves until its replacement does."
            )));
        }
        let (fleet, variant) = (self.members[at].fleet, self.members[at].variant.clone());
        let in_flight = self.in_flight(id);
        let diary = std::sync::Arc::clone(&self.members[at].diary);
        let serves = self.members[at].address.is_some();
        self.members[at].leaving = true;
        self.vacate(&diary);
        let waits_for_replacement = serves && !self.is_served(fleet, &variant);
        if !waits_for_replacement {
            self.release(id);
        }
        let known: Vec<String> = self.members.iter().map(|member| member.id.clone()).collect();
        self.fill();
        let replacement = self
            .members
            .iter()
            .find(|member| member.is_of(fleet, &variant) && !known.contains(&member.id))
            .map(|member| member.id.clone());
        Ok(Asked { variant, in_flight, replacement, waits_for_replacement })
    }

    /// Whether an instance that stays serves the variant.
    fn is_served(&self, fleet: u64, variant: &str) -> bool {
        self.members.iter().any(|member| member.is_of(fleet, variant) && member.address.is_some())
    }

    /// Lets go of instances whose replacements serve by now.
    pub fn release_replaced(&mut self) {
        let leaving = self.members.iter().filter(|member| member.leaving);
        let replaced: Vec<String> = leaving
            .filter(|member| self.is_served(member.fleet, &member.variant))
            .map(|member| member.id.clone())
            .collect();
        replaced.iter().for_each(|id| self.release(id));
    }

    fn release(&mut self, id: &str) {
        let Some((number, fleet)) = self.serving.take() else { return };
        self.let_go(|member| member.id == id, &[(number, &fleet, 1.0)]);
        self.serving = Some((number, fleet));
    }
}
