//! `amtsbote bench`: puts a load on a running instance as a portal would, and tells what it made of
//! it.
//!
//! The parts: `plan` is what is asked for, `instance` the configuration for it; `mill` makes the messages (`kfz`, `template`, `names`),
//! `pace` says when each is due, `portal` sends them, `trouble` says which the receiver does not take. `watch` or `receiver` learns of deliveries,
//! `book` keeps the accounts, `processes` looks at what all of it costs, `drive` holds them together,
//! and `report` and `show` tell.

mod book;
mod chance;
mod desk;
mod drive;
mod instance;
mod kfz;
mod mill;
mod names;
mod pace;
mod plan;
mod portal;
mod processes;
mod progress;
mod receiver;
mod report;
mod show;
mod slots;
mod template;
mod trouble;
mod watch;
mod words;

use self::{drive::Stage, plan::Plan, processes::Meter, report::Report};
use crate::{
    cli::{Bench, Language},
    codes,
    exit::{Exit, Stop},
    output::Output,
};

/// Runs the command.
pub(crate) fn run(args: &Bench, language: Language, output: &Output) -> Result<Exit, Stop> {
    if let (true, Some(receiver)) = (args.print_config, args.receiver) {
        output.line(instance::configuration(args, receiver));
        return Ok(Exit::Done);
    }
    // On one thread: it shares the processors with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let what = format!("start the runtime: {error}");
        Stop::new(Exit::Defect, codes::ROLE_ENDED, what)
    })?;
    runtime.block_on(load(args, language, output))
}

async fn load(args: &Bench, language: Language, output: &Output) -> Result<Exit, Stop> {
    let plan = Plan::new(args)?;
    let mill = plan::mill(args)?;
    let mut processes = Meter::new(&args.processes)?;
    let mut own = Meter::new(&[std::process::id()])?;
    let document_bytes = mill.document_bytes();
    let mut stage = Stage::set(&plan, mill, language).await?;
    let tried = stage.try_one().await;
    let report = match &tried {
        Ok(()) => {
            let driven = stage.drive(&mut processes, &mut own, output).await;
            Some(stage.desk.book(|book| Report::new(&plan, document_bytes, book, driven)))
        }
        Err(_) => None,
    };
    let stop = stage.desk.take_stop();
    stage.strike().await;
    tried?;
    let Some(report) = report else { return Ok(Exit::Done) };
    if report.run.measured_s <= 0.0 {
        let what = "ended before anything was measured";
        return Err(stop.unwrap_or_else(|| Stop::unavailable(codes::RUN_UNCLEAN, what)));
    }
    match output.is_json {
        true => output.json(&report),
        false => output.line(show::text(&report, language)),
    }
    match stop.or_else(|| report.fault()) {
        Some(stop) => Err(stop),
        None => Ok(Exit::Done),
    }
}
