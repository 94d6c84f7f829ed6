//! `amtsbote channel switch`: another number of partitions, without losing the order of a case.
//!
//! Decided by what the ledger and the topics say; then topics grow, and last the ledger begins a generation.
//! A crash in between leaves topics that have grown, which a repetition finds as it would have made them.

mod standing;

use channels::kafka::{KafkaChannel, Settings};
use messaging::{ChannelName, Clock, Failure};
use serde_json::json;
use stores::ledger::{Numbering, PgLedger, SqliteLedger, Standing, Switch};

use self::standing::{Found, Plan};
use crate::{
    check,
    cli::{self, Channel, Language},
    codes,
    config::{ChannelBackend, Config, StoreBackend},
    exit::{Exit, Stop},
    ledger, operate,
    output::Output,
    runtime,
};

/// Runs the command.
pub(crate) fn run(
    command: &Channel,
    clock: &Clock,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let Channel::Switch(args) = command;
    let config = check::read(args.config.as_deref())?;
    let ChannelBackend::Kafka(settings) = &config.channel else {
        let what = "the channel is embedded: it has one partition for good";
        return Err(Stop::usage(codes::PARTITIONS_FIXED, what));
    };
    // Only looking disturbs nobody.
    let _locks = (!args.dry_run).then(|| ledger::locks(&config)).transpose()?;
    let done = runtime()?.block_on(switch(&config, settings, args, clock))?;
    show(&done, language, output);
    Ok(Exit::Done)
}

/// What was done, or would be.
struct Done {
    plan: Plan,
    is_dry: bool,
    /// The generation that was begun.
    begun: Option<Numbering>,
}

async fn switch(
    config: &Config,
    settings: &Settings,
    args: &cli::Switch,
    clock: &Clock,
) -> Result<Done, Stop> {
    if let (StoreBackend::Postgres(database), false) = (&config.store, args.dry_run) {
        PgLedger::refuse_worked_on(&database.settings).await.map_err(stop)?;
    }
    let standing = standing_of(config).await?;
    let channel = KafkaChannel::open(settings.clone(), clock.clone()).map_err(stop)?;
    let former = standing.numbering.map_or(settings.partitions, |counts| counts.partitions);
    let found = found(&channel, &standing, config).await?;
    let plan = Plan::of(standing, (former, args.partitions), found)?;
    plan.refuse_unread(&channel).await?;
    let mut done = Done { plan, is_dry: args.dry_run, begun: None };
    if args.dry_run || done.plan.is_done() {
        return Ok(done);
    }
    let wanted = done.plan.switch(
        clock.now(),
        args.operator.clone().unwrap_or_else(operate::user),
        args.reason.clone(),
    );
    // Where the ledger has the number already, what it has admitted is told apart first: once the topics
    // have it too, nothing would say that this is still to be done.
    if !done.plan.is_another_number() {
        done.begun = record(config, wanted.as_ref()).await?;
    }
    for topic in done.plan.growing() {
        channel.grow(topic, args.partitions).await.map_err(stop)?;
    }
    if done.plan.is_another_number() {
        done.begun = record(config, wanted.as_ref()).await?;
    }
    Ok(done)
}

async fn standing_of(config: &Config) -> Result<Standing, Stop> {
    let standing = match &config.store {
        StoreBackend::Embedded(_) => SqliteLedger::standing(&ledger::ledger_of(config)),
        StoreBackend::Postgres(database) => PgLedger::standing(&database.settings).await,
    };
    standing.map_err(stop)
}

async fn record(config: &Config, wanted: Option<&Switch>) -> Result<Option<Numbering>, Stop> {
    let Some(wanted) = wanted else { return Ok(None) };
    let begun = match &config.store {
        StoreBackend::Embedded(_) => SqliteLedger::switch(&ledger::ledger_of(config), wanted),
        StoreBackend::Postgres(database) => PgLedger::switch(&database.settings, wanted).await,
    };
    begun.map(Some).map_err(stop)
}

/// The topics that the dispatcher reads, and those it tells on.
async fn found(
    channel: &KafkaChannel,
    standing: &Standing,
    config: &Config,
) -> Result<Vec<Found>, Stop> {
    let mut read = config.dispatched_channels();
    if read.is_empty() {
        // Its routes are the standards' then; the ledger knows what came of them.
        let known = standing.positions.iter().map(|position| &position.partition.channel);
        read.extend(known.filter(|channel| channel.is_application()).cloned());
        read.dedup();
    }
    read.push(ChannelName::control());
    let told = [ChannelName::status(), ChannelName::reply(), ChannelName::dead()];
    let all = read.into_iter().map(|name| (name, true));
    let mut found = Vec::new();
    for (name, is_read) in all.chain(told.map(|name| (name, false))) {
        let offsets = channel.offsets(&name).await.map_err(stop)?;
        found.push(Found { name, is_read, offsets });
    }
    Ok(found)
}

fn stop(failure: Failure) -> Stop {
    Stop::at_start(&failure)
}

fn show(done: &Done, language: Language, output: &Output) {
    let Done { plan, is_dry, begun } = done;
    let (ledger, (former, wanted)) = (plan.ledger(), plan.numbers());
    let growing: Vec<&str> = plan.growing().map(ChannelName::as_str).collect();
    if output.is_json {
        output.json(&json!({ "switch": {
            "ledger": ledger.as_str(), "former": former, "partitions": wanted, "dry_run": is_dry,
            "generation": begun.map(|begun| begun.generation), "grown": growing,
            "positions": ledger::positions(plan.firsts()),
        }}));
        return;
    }
    let word = match (plan.is_done(), is_dry) {
        (true, _) => language.of("steht schon so, nichts zu tun", "is so already, nothing to do"),
        (false, true) => language.of("Umstellung möglich", "can be switched"),
        (false, false) => language.of("umgestellt", "switched"),
    };
    output.line(format_args!("{ledger} {former} → {wanted} {word}"));
    if !growing.is_empty() {
        let word = language.of("mehr Partitionen für", "more partitions for");
        output.line(format_args!("  {word} {}", growing.join(", ")));
    }
    if let Some(Numbering { generation, .. }) = begun {
        let word = language.of("Generation {} beginnt bei", "generation {} begins at");
        output.line(word.replace("{}", &generation.to_string()));
        ledger::show_positions(plan.firsts(), output);
        let word = language.of(
            "Jetzt `partitions` in jeder Konfiguration ändern, dann alles wieder starten.",
            "Now change `partitions` in every configuration, then start everything again.",
        );
        output.line(word);
    }
}
