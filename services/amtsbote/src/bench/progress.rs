//! What is told while a run goes on: a bar where a person watches, else a line now and then.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::book::Book;
use crate::{cli::Language, output::Output};

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells how a run goes on.
pub(super) struct Progress<'a> {
    output: &'a Output,
    language: Language,
    bar: Option<ProgressBar>,
    goal: Goal,
    told: Told,
    line_told: Told,
}

/// When a run is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// After this time.
    Time(Duration),
    /// When so many messages were accepted and then delivered.
    Messages(u32),
}

/// What was true when it was told last.
#[derive(Clone, Copy, Default)]
struct Told {
    at: Duration,
    accepted: u64,
    delivered: u64,
}

impl<'a> Progress<'a> {
    /// Of a run to this goal.
    pub(super) fn new(output: &'a Output, language: Language, goal: Goal) -> Self {
        let bar = output.is_watched().then(|| {
            let steps = match goal {
                Goal::Time(length) => u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
                Goal::Messages(count) => u64::from(count) * 2,
            };
            let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:30} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { output, language, bar, goal, told: Told::default(), line_told: Told::default() }
    }

    /// `elapsed` has passed since the first message.
    pub(super) fn tell(&mut self, elapsed: Duration, book: &Book) {
        let counts = book.counts();
        let now = Told { at: elapsed, accepted: counts.accepted, delivered: counts.delivered };
        let errors: u64 = counts.errors.values().sum();
        if let Some(bar) = &self.bar {
            bar.set_message(text(self.language, self.told, now, book.under_way(), errors));
            bar.set_position(match self.goal {
                Goal::Time(_) => u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                Goal::Messages(_) => now.accepted + now.delivered + counts.kept_back,
            });
            self.told = now;
        } else if !self.output.is_json && LINE_EVERY <= elapsed.saturating_sub(self.line_told.at) {
            let before = self.line_told;
            self.output.note(text(self.language, before, now, book.under_way(), errors));
            self.line_told = now;
        }
    }

    /// Leaves nothing on the screen.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn text(language: Language, before: Told, now: Told, under_way: u32, errors: u64) -> String {
    let seconds = now.at.saturating_sub(before.at).as_secs_f64().max(0.001);
    let a_second = |before: u64, now: u64| {
        let count = u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
        f64::from(count) / seconds
    };
    let accepted = a_second(before.accepted, now.accepted);
    let delivered = a_second(before.delivered, now.delivered);
    let at = now.at.as_secs();
    match language {
        Language::De => format!(
            "{at} s: {accepted:.0}/s angenommen, {delivered:.0}/s zugestellt, \
             {under_way} unterwegs, {errors} Fehler"
        ),
        Language::En => format!(
            "{at} s: {accepted:.0}/s accepted, {delivered:.0}/s delivered, \
             {under_way} under way, {errors} errors"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_since_the_last_word() {
        let before = Told { at: Duration::from_secs(5), accepted: 100, delivered: 90 };
        let now = Told { at: Duration::from_secs(10), accepted: 350, delivered: 340 };
        let told = text(Language::En, before, now, 12, 1);
        assert_eq!(told, "10 s: 50/s accepted, 50/s delivered, 12 under way, 1 errors");
    }
}
