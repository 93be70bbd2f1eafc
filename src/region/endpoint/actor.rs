//! One endpoint's task: makes its instances what the row asks for.
//!
//! It reads the row, does what its status calls for, and waits for the next thing to happen: a poke
//! (the row changed), a report of one of its instances, a rest that is over, the region's end. A
//! deployment is walked step by step, and while it waits the serving fleet is looked after all the
//! same. Nothing lives here alone: after a crash the next region's task starts from the row.

use super::super::Region;
use super::board::{Ask, Board, Boards};
use super::diary::{Diary, Phase};
use super::instance::{self, Launch, News, Order, Report};
use super::losses::Losses;
use super::machine::Status;
use super::reconciler::Seat;
use super::record::{self, Fleet, Record, Variant};
use crate::engine::Address;
use crate::serving::{
    EndpointTable, InstanceTarget, MAX_SERVERLESS_BODY_BYTES, Retired, Routing, VariantTable,
};
use crate::store::StoreError;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// How long requests in flight may hold up the end of an instance: longer than any of them may take.
const DRAIN: Duration = Duration::from_secs(8 * 60 + 10);
/// How long to wait after the store has failed.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// An instance as its endpoint knows it. Dropping it stops it.
pub(super) struct Member {
    pub id: String,
    pub fleet: u64,
    pub variant: String,
    /// Where it listens, once it is healthy.
    pub address: Option<Address>,
    /// Since when it serves.
    pub serves_since: Option<Instant>,
    pub diary: Arc<Diary>,
    /// It serves only until its replacement does, and counts for nothing else.
    pub leaving: bool,
    /// An instance stops when this goes.
    pub order: watch::Sender<Order>,
}

/// A board that hangs as long as its endpoint's task runs.
pub(super) struct Posted {
    boards: Arc<Boards>,
    endpoint: String,
    board: Arc<Board>,
}

impl Drop for Posted {
    fn drop(&mut self) {
        self.boards.take_down(&self.endpoint, &self.board);
    }
}

/// A variant as the data plane knows it.
pub(super) fn variant_table(
    variant: &Variant,
    weight: f64,
    targets: Vec<InstanceTarget>,
) -> VariantTable {
    let mut table = VariantTable::new(&variant.name, weight, targets);
    if variant.least_outstanding {
        table.routing = Routing::LeastOutstanding;
    }
    if variant.serverless.is_some() {
        table.max_body_bytes = MAX_SERVERLESS_BODY_BYTES;
    }
    table
}

impl Member {
    /// It is healthy, and listens there.
    pub fn serves(&mut self, address: Address) {
        self.address = Some(address);
        self.serves_since.get_or_insert_with(Instant::now);
    }

    /// Whether it is one of that fleet's and variant's instances, and to stay so.
    pub fn is_of(&self, fleet: u64, variant: &str) -> bool {
        self.fleet == fleet && self.variant == variant && !self.leaving
    }
}

pub(super) struct Actor {
    pub seat: Seat,
    pub name: String,
    pub poke: Arc<Notify>,
    pub leaving: watch::Receiver<bool>,
    pub members: Vec<Member>,
    pub reports: mpsc::UnboundedReceiver<Report>,
    pub reporter: mpsc::UnboundedSender<Report>,
    /// The fleet that serves, and its number among this task's fleets.
    pub serving: Option<(u64, Fleet)>,
    /// The fleet that is taking over, and its share of the traffic so far.
    pub incoming: Option<(u64, Fleet, f64)>,
    pub fleets: u64,
    /// By variant of the serving fleet.
    pub losses: HashMap<String, Losses>,
    pub resting: HashSet<String>,
    pub rests: JoinSet<String>,
    pub instances: JoinSet<()>,
    pub published: Option<EndpointTable>,
    /// Places of instances that are gone, by fleet and variant: how often each was filled before.
    vacancies: HashMap<(u64, String), Vec<u32>>,
    asks: mpsc::Receiver<Ask>,
    posted: Posted,
}

/// What woke the task.
pub(super) enum Woken {
    Poked,
    Report(Report),
    Rested(String),
    /// An operator wants an instance ended.
    Asked(Ask),
    Leaving,
}

impl Actor {
    pub fn new(seat: Seat, name: String, poke: Arc<Notify>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        let boards = Arc::clone(seat.hall().region.boards());
        let (board, asks) = boards.put_up(&name);
        let posted = Posted { boards, endpoint: name.clone(), board };
        Self {
            leaving: seat.hall().region.stopping(),
            seat,
            name,
            poke,
            members: Vec::new(),
            reports,
            reporter,
            serving: None,
            incoming: None,
            fleets: 0,
            losses: HashMap::new(),
            resting: HashSet::new(),
            rests: JoinSet::new(),
            instances: JoinSet::new(),
            published: None,
            vacancies: HashMap::new(),
            asks,
            posted,
        }
    }

    pub fn region(&self) -> &Arc<Region> {
        &self.seat.hall().region
    }

    pub fn board(&self) -> &Arc<Board> {
        &self.posted.board
    }

    pub async fn run(mut self) {
        while !*self.leaving.borrow() {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    tracing::error!(%fault, endpoint = self.name, "an endpoint's step failed");
                    tokio::time::sleep(AFTER_FAULT).await;
                }
            }
        }
        if *self.leaving.borrow() {
            self.region().plane().withdraw(&self.name);
        }
        self.stop_all().await;
    }

    /// Does what the row's status calls for; false once the endpoint is gone.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let Some(record) = record::load(self.region(), &self.name)? else {
            self.withdraw().await;
            return Ok(false);
        };
        match record.status {
            Status::Creating => self.create(record).await?,
            Status::InService | Status::OutOfService => self.serve(record).await,
            Status::Updating => match record.private.pending.clone() {
                Some(pending) => self.deploy(record, pending).await?,
                None => self.scale(record).await?,
            },
            Status::RollingBack => self.rolled_back(record).await?,
            Status::Deleting => return self.delete().await.map(|()| false),
            Status::Failed | Status::UpdateRollbackFailed => {
                self.stop_all().await;
                self.woken().await;
            }
        }
        Ok(true)
    }

    pub async fn woken(&mut self) -> Woken {
        tokio::select! {
            biased;
            _ = self.leaving.wait_for(|leaving| *leaving) => Woken::Leaving,
            Some(report) = self.reports.recv() => Woken::Report(report),
            Some(Ok(variant)) = self.rests.join_next() => Woken::Rested(variant),
            Some(_) = self.instances.join_next() => Woken::Rested(String::new()),
            Some(ask) = self.asks.recv() => Woken::Asked(ask),
            () = self.poke.notified() => Woken::Poked,
        }
    }

    pub async fn change(
        &self,
        edit: impl FnOnce(&mut Record) -> bool + Send + 'static,
    ) -> Result<Option<Record>, StoreError> {
        record::change(self.region(), &self.name, edit).await
    }

    // What serves.

    /// In service: keeps every variant at its count, and waits for whatever happens next.
    async fn serve(&mut self, record: Record) {
        self.take_up(record);
        self.fill();
        self.publish_serving();
        self.release_replaced();
        let woken = self.woken().await;
        self.hear(woken);
    }

    /// Makes the row's fleet the serving one, when this task has none yet (after a restart).
    pub fn take_up(&mut self, record: Record) {
        if self.serving.is_none()
            && let Some(fleet) = record.private.fleet
        {
            self.fleets += 1;
            self.serving = Some((self.fleets, fleet));
        }
    }

    /// Starts what the serving fleet lacks, save for variants that rest after a loss.
    pub fn fill(&mut self) {
        let Some((number, fleet)) = self.serving.take() else { return };
        for variant in &fleet.variants {
            if !self.resting.contains(&variant.name) {
                self.launch_up_to(number, &fleet.config, variant, variant.desired_count);
            }
        }
        self.serving = Some((number, fleet));
    }

    pub fn count(&self, number: u64, variant: &str) -> u32 {
        let members = self.members.iter();
        let own = members.filter(|member| member.is_of(number, variant));
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    }

    pub fn launch_up_to(&mut self, number: u64, config: &str, variant: &Variant, count: u32) {
        for _ in self.count(number, &variant.name)..count {
            self.launch(number, config, variant);
        }
    }

    fn launch(&mut self, fleet: u64, config: &str, variant: &Variant) {
        let id = format!("i-{}", &uuid::Uuid::new_v4().simple().to_string()[..17]);
        let (order, orders) = watch::channel(Order::Serve);
        let vacancies = self.vacancies.get_mut(&(fleet, variant.name.clone()));
        let restarts = vacancies.and_then(Vec::pop).unwrap_or_default();
        let (now, origin) = (self.region().now(), (fleet, config.to_owned()));
        let diary = Arc::new(Diary::new(id.clone(), variant.name.clone(), origin, restarts, now));
        self.board().starts(&diary);
        let launch = Launch {
            region: Arc::clone(self.region()),
            endpoint: self.name.clone(),
            variant: variant.clone(),
            id: id.clone(),
            diary: Arc::clone(&diary),
            board: Arc::clone(self.board()),
            reports: self.reporter.clone(),
            order: orders,
            slots: Arc::clone(&self.seat.hall().slots),
        };
        self.instances.spawn(launch.run());
        self.members.push(Member {
            id,
            fleet,
            variant: variant.name.clone(),
            address: None,
            serves_since: None,
            diary,
            leaving: false,
            order,
        });
    }

    /// The next instance of that fleet and variant comes in this one's place.
    pub fn vacate(&mut self, diary: &Diary) {
        let place = (diary.fleet, diary.variant.clone());
        self.vacancies.entry(place).or_default().push(diary.restarts + 1);
    }

    /// Takes in what a report says of the serving fleet. Reports of instances that were let go
    /// meanwhile are nobody's.
    pub fn hear(&mut self, woken: Woken) {
        match woken {
            Woken::Rested(variant) => {
                self.resting.remove(&variant);
            }
            Woken::Report(Report { id, news }) => {
                let Some(at) = self.members.iter().position(|member| member.id == id) else {
                    return;
                };
                match news {
                    News::Healthy(address) => self.members[at].serves(address),
                    News::Silent(span) => tracing::warn!(
                        endpoint = self.name,
                        instance = id,
                        seconds = span.as_secs(),
                        "a container has not answered its first ping"
                    ),
                    News::Failed(why) | News::Gone(why) => self.lose(at, &why),
                }
            }
            Woken::Asked(ask) => self.asked(ask, true),
            Woken::Poked | Woken::Leaving => {}
        }
    }

    /// An instance of the serving fleet is gone; its successor starts at once the first time, later
    /// after rests that grow.
    fn lose(&mut self, at: usize, why: &str) {
        let member = self.members.remove(at);
        if !member.leaving {
            self.vacate(&member.diary);
        }
        tracing::warn!(
            endpoint = self.name,
            variant = member.variant,
            instance = member.id,
            why,
            "an instance is gone and will be replaced"
        );
        let served = member.serves_since.map(|since| since.elapsed()).unwrap_or_default();
        let losses = self.losses.entry(member.variant.clone()).or_default();
        if let Some(rest) = losses.rest_after(served) {
            self.resting.insert(member.variant.clone());
            self.rests.spawn(async move {
                tokio::time::sleep(rest).await;
                member.variant
            });
        }
    }

    // Publishing.

    /// Publishes who takes requests as it now is, in the midst of a deployment too.
    pub fn publish_serving(&mut self) {
        let Some((number, fleet)) = self.serving.take() else { return };
        let incoming = self.incoming.take();
        let _ = match &incoming {
            None => self.publish(&[(number, &fleet, 1.0)]),
            Some((new, incoming, share)) => {
                self.publish(&[(number, &fleet, 1.0 - share), (*new, incoming, *share)])
            }
        };
        (self.serving, self.incoming) = (Some((number, fleet)), incoming);
    }

    /// Publishes these fleets with their shares of the traffic; `None` when that changes nothing.
    pub fn publish(&mut self, fleets: &[(u64, &Fleet, f64)]) -> Option<Retired> {
        let several = fleets.len() > 1;
        let mut variants = Vec::new();
        for (number, fleet, share) in fleets.iter().filter(|(_, _, share)| *share > 0.0) {
            let sum: f64 = fleet.variants.iter().map(|each| each.desired_weight).sum();
            let scale = if several && sum > 0.0 { share / sum } else { 1.0 };
            for variant in &fleet.variants {
                variants.push(self.table_of(*number, variant, variant.desired_weight * scale));
            }
        }
        let table = EndpointTable { name: self.name.clone(), variants };
        if self.published.as_ref() == Some(&table) {
            return None;
        }
        self.published = Some(table.clone());
        Some(self.region().plane().publish(table))
    }

    fn table_of(&self, number: u64, variant: &Variant, weight: f64) -> VariantTable {
        let place = self.region().place();
        let group = instance::log_group(&self.name);
        let targets = self
            .members
            .iter()
            .filter(|member| member.fleet == number && member.variant == variant.name)
            .filter_map(|member| {
                let address = member.address.clone()?;
                let stream = instance::log_stream(variant, &member.id, 0);
                Some(InstanceTarget {
                    id: member.id.clone(),
                    address,
                    log_stream_arn: place.log_stream(&group, &stream),
                })
            })
            .collect();
        variant_table(variant, weight, targets)
    }

    /// Takes these members out of service: they finish what they have in flight, then they end.
    pub fn let_go(&mut self, which: impl Fn(&Member) -> bool, fleets: &[(u64, &Fleet, f64)]) {
        let (members, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.members).into_iter().partition(which);
        self.members = kept;
        let retired = self.publish(fleets).map(Arc::new);
        if members.is_empty() {
            return;
        }
        let now = self.region().now();
        members.iter().for_each(|member| member.diary.enter(Phase::Stopping, now));
        if let Some(retired) = &retired {
            self.board().retires(retired);
        }
        self.instances.spawn(async move {
            if let Some(retired) = retired {
                let _ = tokio::time::timeout(DRAIN, retired.drained()).await;
            }
            drop(members);
        });
    }

    /// Takes the endpoint out of service at once and waits for what is in flight.
    pub async fn withdraw(&mut self) {
        let retired = Arc::new(self.region().plane().withdraw(&self.name));
        self.published = None;
        self.board().retires(&retired);
        let now = self.region().now();
        self.members.iter().for_each(|member| member.diary.enter(Phase::Stopping, now));
        tokio::select! {
            _ = tokio::time::timeout(DRAIN, retired.drained()) => {}
            _ = self.leaving.wait_for(|leaving| *leaving) => {}
        }
    }

    /// Ends every instance and waits until they have ended.
    pub async fn stop_all(&mut self) {
        self.members.clear();
        (self.serving, self.incoming) = (None, None);
        while self.instances.join_next().await.is_some() {}
    }
}
