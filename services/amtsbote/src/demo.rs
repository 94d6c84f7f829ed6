//! `amtsbote demo`: the whole way on one machine. Real gateway, dispatcher and console; the portal
//! and the departmental systems are simulated, the counties are not.

mod certificate;
mod inbox;
mod portal;
mod samples;
mod scene;
mod summary;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use messaging::Clock;
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use wire::{intake::Receipt, status::ApplicationStatus};

use self::{
    inbox::Inboxes,
    samples::Sample,
    summary::{Outcome, Refused},
};
use crate::{
    cli::{Demo, Language, Server},
    client::Client,
    codes, config,
    exit::{Exit, Stop},
    output::Output,
    push::{self, Answer},
    roles::Roles,
    run::{self, Signals},
    status,
    system::{AllAddresses, System},
};

/// How long deliveries may take before the demonstration counts as failed.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at what is under way.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) async fn run(
    args: &Demo,
    clock: Clock,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let (folder, is_temporary) = folder(args)?;
    let played = play(args, &folder, clock, language, output).await;
    if is_temporary && !args.keep {
        // Nobody misses it; a system's temporary folder is emptied anyway.
        drop(fs::remove_dir_all(&folder));
    } else {
        let kept = language.of("Die Daten liegen in", "The data is in");
        output.note(format_args!("{kept} {}", folder.display()));
    }
    played
}

async fn play(
    args: &Demo,
    folder: &Path,
    clock: Clock,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let mut signals = Signals::catch()?;
    let shutdown = CancellationToken::new();
    let inboxes = Inboxes::start(&shutdown).await?;
    let text = scene::configuration(folder, inboxes.address())?;
    let file = folder.join("amtsbote.toml").display().to_string();
    let config = config::read_text(Some(&file), &text, folder, &|_| None)?;
    let guard = run::telemetry(&config.telemetry, Roles::ALL)?;
    let system = System::open(config, Roles::ALL, clock.clone()).await?;
    let addresses = system.addresses().of_all()?;
    tell_begin(&addresses, &inboxes, folder, language, output);
    let samples = samples::all(system.standards()?, &clock)?;
    let mut serving = JoinSet::new();
    let token = shutdown.clone();
    serving.spawn(async move { system.serve(token).await });

    let acting = async {
        let mut outcome = act(&addresses, &samples, folder, language, output).await?;
        outcome.arrived = scene::arrived(folder, &inboxes, &outcome);
        summary::tell(&outcome, &addresses, language, output);
        Ok::<_, Stop>(outcome)
    };
    let acted = tokio::select! {
        acted = acting => acted,
        ended = serving.join_next() => return Err(ended_early(ended)),
        () = signals.next() => Err(Stop::unavailable(codes::DEMO_UNEXPECTED, "interrupted")),
    };
    if acted.is_ok() && !args.exit_when_done {
        output.note(language.of(
            "Alles läuft weiter; Ende mit Strg-C.",
            "Everything keeps running; end it with Ctrl-C.",
        ));
        tokio::select! {
            () = signals.next() => {}
            ended = serving.join_next() => return Err(ended_early(ended)),
        }
    }
    shutdown.cancel();
    let ended = serving.join_next().await;
    inboxes.end().await;
    run::flush(guard).await;
    let outcome = acted?;
    if let Some(Ok(Err(stop))) = ended {
        return Err(stop);
    }
    match outcome.unexpected().as_slice() {
        [] => Ok(Exit::Done),
        unexpected => {
            let what = "the demonstration did not end as it should";
            let details = unexpected.to_vec();
            Err(Stop::new(Exit::Refused, codes::DEMO_UNEXPECTED, what).with_details(details))
        }
    }
}

/// Pushes everything like a portal, watches until departmental systems have it, and fetches what
/// they answered.
async fn act(
    addresses: &AllAddresses,
    samples: &[Sample],
    folder: &Path,
    language: Language,
    output: &Output,
) -> Result<Outcome, Stop> {
    let begun = Instant::now();
    let server = Server { to: format!("http://{}", addresses.gateway), token_file: None };
    let client = Client::connect(&server).await?;
    let documents = samples::upload(&client, samples, language).await?;
    let mut outcome = Outcome::new(samples.len());
    let mut receipts = Vec::new();
    let bar = bar(samples.len(), language.of("eingereicht", "pushed"), output);
    push::push(&client, &documents, language, |number, answer| {
        bar.inc(1);
        let Some(sample) = samples.get(number) else { return };
        match answer {
            Answer::Accepted(response) => {
                outcome.accepted(sample);
                let receipt = response.receipt.map(|receipt| (receipt, sample.receivers));
                receipts.extend(receipt);
            }
            Answer::Refused(refusal) => {
                outcome.refused(sample, Refused { name: sample.name.clone(), refusal: *refusal });
            }
            Answer::Failed(stop) => outcome.fault(format!("{}: {}", sample.name, stop.what)),
        }
    })
    .await;
    bar.finish_and_clear();
    outcome.statuses = follow(&client, receipts, language, output).await?;
    outcome.took = begun.elapsed();
    outcome.fetched = portal::fetch_all(&client, &outcome.statuses, folder, language).await?;
    Ok(outcome)
}

/// Waits until nothing is under way; what still is in the end is told as it is. Each receipt comes
/// with the number of systems that get the message: those that share no channel learn of it at
/// different times, and until then a status knows of the others alone.
async fn follow(
    client: &Client,
    receipts: Vec<(Receipt, usize)>,
    language: Language,
    output: &Output,
) -> Result<Vec<ApplicationStatus>, Stop> {
    let until = Instant::now() + DELIVERED_WITHIN;
    let bar = bar(receipts.len(), language.of("zugestellt", "delivered"), output);
    let mut settled = Vec::new();
    let mut open = receipts;
    while !open.is_empty() {
        let is_late = until <= Instant::now();
        let mut still = Vec::new();
        for (receipt, receivers) in open {
            let is_settled = |state: &ApplicationStatus| {
                status::is_settled(&state.state) && receivers <= state.deliveries.len()
            };
            match status::of_receipt(client, &receipt, language).await? {
                Some(state) if is_late || is_settled(&state) => {
                    bar.inc(1);
                    settled.push(state);
                }
                _ if is_late => {}
                _ => still.push((receipt, receivers)),
            }
        }
        open = still;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bar.finish_and_clear();
    Ok(settled)
}

fn tell_begin(
    addresses: &AllAddresses,
    inboxes: &Inboxes,
    folder: &Path,
    language: Language,
    output: &Output,
) {
    let (gateway, console) = (addresses.gateway, addresses.console);
    if output.is_json {
        let (gateway, console) = (gateway.to_string(), console.to_string());
        let ready = json!({ "gateway": gateway, "console": console, "data": folder });
        output.json(&json!({ "ready": ready }));
        return;
    }
    output.line(format_args!("gateway   http://{gateway}  (gRPC)"));
    output.line(format_args!("console   http://{console}"));
    let (systems, simulated) = match language {
        Language::De => ("Fachverfahren (simuliert)", "HTTP und Verzeichnisse unter"),
        Language::En => ("departmental systems (simulated)", "HTTP, and folders below"),
    };
    let (inbox, folder) = (inboxes.address(), folder.display());
    output.line(format_args!("{systems}: http://{inbox}, {simulated} {folder}"));
}

fn folder(args: &Demo) -> Result<(PathBuf, bool), Stop> {
    let temporary = || std::env::temp_dir().join(format!("amtsbote-demo-{}", uuid::Uuid::new_v4()));
    let folder = args.data.clone().unwrap_or_else(temporary);
    let unwritable = |error: std::io::Error| {
        let what = format!("cannot write in `{}`: {error}", folder.display());
        Stop::usage(codes::DATA_UNWRITABLE, what)
    };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    // Its paths stand in a configuration that others may read from elsewhere.
    let absolute = fs::canonicalize(&folder).map_err(unwritable)?;
    Ok((absolute, args.data.is_none()))
}

fn ended_early(ended: Option<Result<Result<(), Stop>, tokio::task::JoinError>>) -> Stop {
    match ended {
        Some(Ok(Err(stop))) => stop,
        _ => Stop::new(Exit::Defect, codes::ROLE_ENDED, "a role ended by itself"),
    }
}

fn bar(total: usize, what: &'static str, output: &Output) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    if !output.is_watched() || output.is_json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
}
