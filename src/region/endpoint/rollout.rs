//! How an endpoint changes: coming into service, a new fleet taking over from an old one, weights
//! and counts, the way back, and the end.

use super::super::{billing, tag, work};
use super::FAMILY;
use super::actor::{Actor, Member, Woken};
use super::board::{Deployment, DeploymentStage};
use super::deployment::{Plan, Shift, Style};
use super::instance::{News, Report};
use super::machine::{Status, VariantStatus};
use super::record::{Fleet, Pending, Record};
use crate::domain::kind;
use crate::serving::MarkedEvent;
use crate::store::StoreError;
use std::time::Duration;
use tokio::time::Instant;

/// How waiting for a fleet ended.
enum Fate {
    Well,
    /// With the FailureReason.
    Failed(String),
    /// The region stops, or the row is gone; nothing is to be written.
    Over,
}

impl Actor {
    /// Creating: all instances healthy is InService, one that cannot be is Failed.
    pub async fn create(&mut self, record: Record) -> Result<(), StoreError> {
        let Some(pending) = record.private.pending else {
            let _ = self.change(|record| record.enter(Status::Failed)).await?;
            return Ok(());
        };
        self.fleets += 1;
        let (number, mut fleet) = (self.fleets, pending.fleet);
        self.launch_share(number, &fleet, 1.0);
        match self.until_healthy(number, &fleet, 1.0, None).await? {
            Fate::Over => {}
            Fate::Well => {
                let _ = self.publish(&[(number, &fleet, 1.0)]);
                fleet.variants.iter_mut().for_each(super::record::Variant::settle);
                self.serving = Some((number, fleet.clone()));
                let policy = pending.policy;
                self.change(move |record| {
                    record.private.fleet = Some(fleet);
                    record.private.pending = None;
                    record.deployed(policy);
                    record.enter(Status::InService)
                })
                .await?;
            }
            Fate::Failed(reason) => {
                // The row first: who waits for the outcome need not wait for the containers' end.
                self.change(move |record| {
                    if let Some(pending) = record.private.pending.take() {
                        let mut fleet = pending.fleet;
                        fleet.variants.iter_mut().for_each(|variant| variant.status = None);
                        record.private.fleet = Some(fleet);
                    }
                    record.fails(Some(&reason));
                    record.enter(Status::Failed)
                })
                .await?;
                self.stop_all().await;
            }
        }
        Ok(())
    }

    /// Updating to a new configuration: the plan's steps, the old fleet serving until the new one
    /// has taken over.
    pub async fn deploy(&mut self, record: Record, pending: Pending) -> Result<(), StoreError> {
        self.incoming = None;
        self.take_up(record);
        self.fill();
        let plan = Plan::read(pending.policy.as_ref(), pending.fleet.instances())
            .unwrap_or_else(|_| Plan::all_at_once())
            .paced(self.region().pace());
        let deadline = plan.timeout.map(|timeout| Instant::now() + timeout);
        self.fleets += 1;
        let number = self.fleets;
        self.announce(number, &pending, &plan);
        for shift in &plan.shifts {
            match self.shift(number, &pending.fleet, &plan, *shift, deadline).await? {
                Fate::Well => {}
                Fate::Over => return Ok(()),
                Fate::Failed(reason) => return self.roll_back(number, reason).await,
            }
        }
        self.show(DeploymentStage::WaitingForTermination, plan.termination_wait);
        match self.hold(number, plan.termination_wait).await? {
            Fate::Well => {}
            Fate::Over => return Ok(()),
            Fate::Failed(reason) => return self.roll_back(number, reason).await,
        }
        self.take_over(number, pending).await
    }

    /// One step: enough of the new fleet healthy, its share of the traffic, the bake.
    async fn shift(
        &mut self,
        number: u64,
        fleet: &Fleet,
        plan: &Plan,
        shift: Shift,
        deadline: Option<Instant>,
    ) -> Result<Fate, StoreError> {
        self.show(DeploymentStage::Creating, Duration::ZERO);
        self.launch_share(number, fleet, shift.capacity);
        match self.until_healthy(number, fleet, shift.capacity, deadline).await? {
            Fate::Well => {}
            other => return Ok(other),
        }
        self.stage(number, VariantStatus::ActivatingTraffic, None).await?;
        self.show(DeploymentStage::ActivatingTraffic, Duration::ZERO);
        let Some((old, serving)) = self.serving.take() else { return Ok(Fate::Over) };
        let shares = [(old, &serving, 1.0 - shift.traffic), (number, fleet, shift.traffic)];
        let leaves = match plan.style {
            Style::Rolling => self.beyond(old, &serving, 1.0 - shift.traffic),
            _ => Vec::new(),
        };
        self.let_go(|member: &Member| leaves.contains(&member.id), &shares);
        self.serving = Some((old, serving));
        self.board().deployment(|shown| {
            shown.traffic = shift.traffic;
            shown.shifts.0 += 1;
        });
        self.note();
        self.incoming = Some((number, fleet.clone(), shift.traffic));
        if shift.bake.is_zero() {
            return Ok(Fate::Well);
        }
        self.stage(number, VariantStatus::Baking, None).await?;
        self.show(DeploymentStage::Baking, shift.bake);
        self.hold(number, shift.bake).await
    }

    /// The members of a fleet that it no longer needs for this share of itself.
    fn beyond(&self, number: u64, fleet: &Fleet, share: f64) -> Vec<String> {
        let mut leaves = Vec::new();
        for variant in &fleet.variants {
            let keep = share_of(variant.desired_count, share) as usize;
            let own = self.members.iter().filter(|member| member.is_of(number, &variant.name));
            leaves.extend(own.skip(keep).map(|member| member.id.clone()));
        }
        leaves
    }

    /// The new fleet is the serving one; the old one drains.
    async fn take_over(&mut self, number: u64, pending: Pending) -> Result<(), StoreError> {
        let mut fleet = pending.fleet;
        fleet.variants.iter_mut().for_each(super::record::Variant::settle);
        let settled = fleet.clone();
        self.incoming = None;
        self.let_go(|member| member.fleet != number, &[(number, &settled, 1.0)]);
        self.losses.clear();
        self.serving = Some((number, settled));
        self.change(move |record| {
            record.private.fleet = Some(fleet);
            record.private.pending = None;
            record.deployed(pending.policy);
            record.enter(Status::InService)
        })
        .await?;
        self.board().deployed(DeploymentStage::Completed, self.region().now());
        self.note();
        Ok(())
    }

    /// The new fleet came to nothing: all traffic to the old one, which never stopped serving.
    async fn roll_back(&mut self, number: u64, reason: String) -> Result<(), StoreError> {
        self.show(DeploymentStage::RollingBack, Duration::ZERO);
        self.board().deployment(|shown| {
            shown.traffic = 0.0;
            shown.reason = Some(reason.clone());
        });
        self.incoming = None;
        if let Some((old, serving)) = self.serving.take() {
            self.let_go(|member| member.fleet == number, &[(old, &serving, 1.0)]);
            self.serving = Some((old, serving));
        }
        self.change(move |record| {
            record.fails(Some(&reason));
            record.enter(Status::RollingBack)
        })
        .await?;
        Ok(())
    }

    /// RollingBack: the old fleet whole again is InService, with the reason of the failure.
    pub async fn rolled_back(&mut self, record: Record) -> Result<(), StoreError> {
        self.take_up(record);
        self.fill();
        self.publish_serving();
        self.change(|record| {
            record.private.pending = None;
            record.enter(Status::InService)
        })
        .await?;
        self.board().deployed(DeploymentStage::RolledBack, self.region().now());
        self.note();
        Ok(())
    }

    /// Updating weights and counts: more instances first, then the weights, then fewer instances.
    pub async fn scale(&mut self, record: Record) -> Result<(), StoreError> {
        let Some(wanted) = record.private.fleet.clone() else { return Ok(()) };
        self.take_up(record);
        let Some((number, _)) = self.serving else { return Ok(()) };
        self.launch_share(number, &wanted, 1.0);
        match self.until_healthy(number, &wanted, 1.0, None).await? {
            Fate::Over => {}
            Fate::Well => {
                let mut settled = wanted;
                settled.variants.iter_mut().for_each(super::record::Variant::settle);
                let leaves = self.beyond(number, &settled, 1.0);
                self.let_go(|member| leaves.contains(&member.id), &[(number, &settled, 1.0)]);
                self.serving = Some((number, settled.clone()));
                self.change(move |record| {
                    record.private.fleet = Some(settled);
                    record.enter(Status::InService)
                })
                .await?;
            }
            Fate::Failed(reason) => {
                let changed = self
                    .change(move |record| {
                        for variant in record.private.fleet.iter_mut().flat_map(|f| &mut f.variants)
                        {
                            variant.desired_count = variant.current_count;
                            variant.desired_weight = variant.current_weight;
                            variant.status = None;
                        }
                        record.fails(Some(&reason));
                        record.enter(Status::InService)
                    })
                    .await?;
                if let Some(fleet) = changed.and_then(|record| record.private.fleet) {
                    let leaves = self.beyond(number, &fleet, 1.0);
                    self.let_go(|member| leaves.contains(&member.id), &[(number, &fleet, 1.0)]);
                    self.serving = Some((number, fleet));
                }
            }
        }
        Ok(())
    }

    /// Deleting: no more requests, those in flight answered, containers ended, the row gone.
    pub async fn delete(&mut self) -> Result<(), StoreError> {
        self.withdraw().await;
        self.stop_all().await;
        let (name, life) = (self.name.clone(), work::life(self.region()));
        let steady = self.region().steady();
        let arn = FAMILY.arn_of(self.region(), &name);
        self.region()
            .store()
            .write(move |change| {
                if let Some(row) = change.get(kind::ENDPOINT, &name)? {
                    billing::keep_hosting(change, &row, life, steady)?;
                    change.delete(kind::ENDPOINT, &name)?;
                    tag::forget(change, &arn)?;
                }
                Ok(())
            })
            .await
    }

    fn launch_share(&mut self, number: u64, fleet: &Fleet, share: f64) {
        for variant in &fleet.variants {
            self.launch_up_to(
                number,
                &fleet.config,
                variant,
                share_of(variant.desired_count, share),
            );
        }
    }

    fn is_healthy(&self, number: u64, fleet: &Fleet, share: f64) -> bool {
        fleet.variants.iter().all(|variant| {
            let healthy = self
                .members
                .iter()
                .filter(|member| member.is_of(number, &variant.name) && member.address.is_some());
            healthy.count() >= share_of(variant.desired_count, share) as usize
        })
    }

    /// Waits until this share of the fleet is healthy, looking after the serving fleet meanwhile.
    async fn until_healthy(
        &mut self,
        number: u64,
        fleet: &Fleet,
        share: f64,
        deadline: Option<Instant>,
    ) -> Result<Fate, StoreError> {
        while !self.is_healthy(number, fleet, share) {
            let fate = match deadline {
                None => self.tend(number).await?,
                Some(deadline) => {
                    match tokio::time::timeout_at(deadline, self.tend(number)).await {
                        Ok(fate) => fate?,
                        Err(_) => Some(Fate::Failed(
                            "The deployment took longer than MaximumExecutionTimeoutInSeconds."
                                .to_owned(),
                        )),
                    }
                }
            };
            if let Some(fate) = fate {
                return Ok(fate);
            }
        }
        Ok(Fate::Well)
    }

    /// Lets `span` pass, looking after both fleets; a loss in the new one ends it.
    async fn hold(&mut self, number: u64, span: Duration) -> Result<Fate, StoreError> {
        let end = Instant::now() + span;
        while Instant::now() < end {
            match tokio::time::timeout_at(end, self.tend(number)).await {
                Err(_) => break,
                Ok(fate) => {
                    if let Some(fate) = fate? {
                        return Ok(fate);
                    }
                }
            }
        }
        Ok(Fate::Well)
    }

    /// Handles the next thing that happens. `Some` when it decides over fleet `number`.
    async fn tend(&mut self, number: u64) -> Result<Option<Fate>, StoreError> {
        match self.woken().await {
            Woken::Leaving => return Ok(Some(Fate::Over)),
            Woken::Poked => {
                let there = super::record::load(self.region(), &self.name)?;
                if there.is_none_or(|record| record.status == Status::Deleting) {
                    return Ok(Some(Fate::Over));
                }
            }
            Woken::Report(report) => return self.report(number, report).await,
            Woken::Asked(ask) => self.asked(ask, false),
            rested @ Woken::Rested(_) => {
                self.hear(rested);
                self.fill();
            }
        }
        Ok(None)
    }

    async fn report(&mut self, number: u64, report: Report) -> Result<Option<Fate>, StoreError> {
        let own =
            self.members.iter_mut().find(|member| member.id == report.id && member.fleet == number);
        match (report.news, own) {
            (News::Healthy(address), Some(member)) => member.serves(address),
            (News::Failed(why) | News::Gone(why), Some(_)) => {
                self.members.retain(|member| member.id != report.id);
                return Ok(Some(Fate::Failed(why)));
            }
            (News::Silent(span), Some(member)) => {
                let variant = member.variant.clone();
                self.call_out(variant, span).await?;
            }
            (news, None) => {
                self.hear(Woken::Report(Report { id: report.id, news }));
                self.fill();
                self.publish_serving();
            }
        }
        Ok(None)
    }

    /// Says aloud, where watchers see it, that a container has been silent for so long.
    async fn call_out(&self, variant: String, span: Duration) -> Result<(), StoreError> {
        tracing::warn!(
            endpoint = self.name,
            variant,
            seconds = span.as_secs(),
            "a container has not answered its first ping"
        );
        self.change(move |record| {
            let now = record.now;
            let pending = record.private.pending.as_mut().map(|pending| &mut pending.fleet);
            let fleet = pending.or(record.private.fleet.as_mut());
            let Some(variant) = fleet.and_then(|fleet| fleet.variant_mut(&variant)) else {
                return false;
            };
            let message = format!(
                "A container has not answered GET /ping for {} s. It has {} s in all; then the \
                 endpoint fails. Its log stream may say what it waits for.",
                span.as_secs(),
                variant.startup_seconds
            );
            variant.enter(VariantStatus::Creating, Some(message), now);
            true
        })
        .await?;
        Ok(())
    }

    /// Puts the deployment that begins on the board.
    fn announce(&self, number: u64, pending: &Pending, plan: &Plan) {
        let now = self.region().now();
        let old = self.serving.as_ref().map(|(_, fleet)| fleet.config.clone());
        self.board().deploys(Deployment {
            style: plan.style,
            old_config: old.unwrap_or_default(),
            new_config: pending.fleet.config.clone(),
            fleet: number,
            began: pending.began,
            stage: DeploymentStage::Creating,
            since: now,
            traffic: 0.0,
            shifts: (0, plan.shifts.len()),
            until: None,
            reason: None,
            ended: None,
        });
        self.note();
    }

    /// Leaves a mark of where the deployment is now in the endpoint's history.
    fn note(&self) {
        let shown = self.board().shown();
        let Some(of) = shown.deployment.or(shown.last_deployment) else { return };
        let event = MarkedEvent::Deployment {
            stage: of.stage.name(),
            traffic: of.traffic,
            old_config: of.old_config,
            new_config: of.new_config,
        };
        self.region().plane().mark(&self.name, event);
    }

    /// Shows on the board where the deployment stands, and until when if it waits.
    fn show(&self, stage: DeploymentStage, wait: Duration) {
        let now = self.region().now();
        let until = (!wait.is_zero()).then(|| now.plus(wait));
        let mut is_new = false;
        self.board().deployment(|shown| {
            is_new = shown.stage != stage;
            if is_new {
                shown.since = now;
            }
            shown.stage = stage;
            shown.until = until;
        });
        // Traffic that is being activated leaves its mark once it is.
        if is_new && stage != DeploymentStage::ActivatingTraffic {
            self.note();
        }
    }

    /// Shows how far the deployment is.
    async fn stage(
        &self,
        _number: u64,
        status: VariantStatus,
        message: Option<&'static str>,
    ) -> Result<(), StoreError> {
        self.change(move |record| {
            let now = record.now;
            let Some(pending) = record.private.pending.as_mut() else { return false };
            pending.fleet.enter(status, message, now);
            for variant in &mut pending.fleet.variants {
                variant.current_count = variant.desired_count;
            }
            true
        })
        .await?;
        Ok(())
    }
}

/// That share of `count`, rounded up.
fn share_of(count: u32, share: f64) -> u32 {
    ((f64::from(count) * share) - 1e-9).ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::share_of;

    #[test]
    fn shares_round_up_and_the_whole_is_the_whole() {
        for (count, share, instances) in
            [(4, 0.5, 2), (5, 0.5, 3), (3, 1.0, 3), (1, 0.05, 1), (4, 0.0, 0), (3, 2.0 / 3.0, 2)]
        {
            assert_eq!(share_of(count, share), instances, "{count} × {share}");
        }
    }
}
