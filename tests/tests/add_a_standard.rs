//! The page that shows how a standard is added does what it says: its files are written and its commands run,
//! from top to bottom, and the program says what the page shows.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::{fs, path::Path, process::Stdio, time::Duration};

use tests::{configuration::Configuration, port, process, source};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
    time::timeout,
};

const PAGE: &str = "docs/add-a-standard.md";
/// How long one block of commands may take.
const BLOCK_WITHIN: Duration = Duration::from_secs(60);
/// Ends what a block prints, with its exit code.
const MARK: &str = "--- end of the block:";

/// What the page asks to be done.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A file: its name, its content, and the line of the page.
    File(String, String, usize),
    /// Commands, what they print if the page shows it, and the line of the page.
    Shell(String, Option<String>, usize),
}

#[tokio::test]
async fn the_page_does_what_it_says() {
    let steps = steps(&source::read(PAGE));
    let files = steps.iter().filter(|step| matches!(step, Step::File(..))).count();
    assert!((5, 8) <= (files, steps.len() - files), "{files} files of {} steps", steps.len());
    let place = Configuration::new();
    let mut shell = Shell::start(place.folder());
    for step in steps {
        match step {
            Step::File(name, content, _) => {
                let path = place.folder().join(name);
                fs::create_dir_all(path.parent().expect("it has one")).expect("a folder of ours");
                fs::write(path, content).expect("a file of ours");
            }
            Step::Shell(commands, shown, line) => {
                let (code, said) = shell.run(&commands).await;
                match shown {
                    Some(shown) if !matches(&lines(&shown), &lines(&said)) => {
                        panic!("{PAGE}:{line}: {commands}\nshows\n{shown}\nand prints\n{said}")
                    }
                    _ => assert_eq!(code, "0", "{PAGE}:{line}: {commands}\nprints\n{said}"),
                }
            }
        }
    }
}

#[test]
fn what_a_page_shows_is_compared_line_by_line() {
    for (shown, said, expected) in [
        ("a\nb", "a\nb", true),
        ("a\nb", "a\nc", false),
        ("a\nb", "a\nb\nc", false),
        ("…\nb", "x\ny\nb", true),
        ("…", "", true),
        ("a … c\n…", "a b c\nd", true),
        ("a … c", "a b d", false),
        ("…\nb\n…", "a\nc", false),
    ] {
        assert_eq!(matches(&lines(shown), &lines(said)), expected, "{shown:?} and {said:?}");
    }
}

/// Files and commands in the order of the page. A block without a name that is no `sh` is for reading.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut block: Option<(&str, String, usize)> = None;
    for (number, line) in page.lines().enumerate() {
        let Some((info, mut content, begin)) = block.take() else {
            if let Some(info) = line.strip_prefix("```") {
                block = Some((info, String::new(), number + 1));
            }
            continue;
        };
        if line != "```" {
            content.push_str(line);
            content.push('\n');
            block = Some((info, content, begin));
            continue;
        }
        let name = info.split_once("title=\"").and_then(|(_, name)| name.strip_suffix('"'));
        match (info, name, steps.last_mut()) {
            (_, Some(name), _) => steps.push(Step::File(name.to_owned(), content, begin)),
            ("sh", ..) => steps.push(Step::Shell(content, None, begin)),
            ("text", _, Some(Step::Shell(_, shown, _))) => *shown = Some(content),
            _ => {}
        }
    }
    steps
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().collect()
}

/// Whether `said` is as `shown`; there, `…` stands for anything in a line, or for any lines.
fn matches(shown: &[&str], said: &[&str]) -> bool {
    match (shown, said) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=said.len()).any(|from| matches(rest, &said[from..])),
        ([one, shown @ ..], [other, said @ ..]) => is_like(one, other) && matches(shown, said),
        _ => false,
    }
}

fn is_like(shown: &str, said: &str) -> bool {
    let Some((first, rest)) = shown.split_once('…') else { return shown == said };
    let Some(said) = said.strip_prefix(first) else { return false };
    let ends = said.char_indices().map(|(at, _)| at).chain([said.len()]);
    ends.into_iter().any(|at| is_like(rest, &said[at..]))
}

/// One shell for the whole page, as a reader has.
struct Shell {
    /// Its number, and that of the group of all it starts.
    group: u32,
    commands: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Shell {
    fn start(folder: &Path) -> Self {
        let binary = process::binary();
        let beside = binary.parent().expect("it lies in a folder").display();
        let path = std::env::var("PATH").unwrap_or_default();
        let (gateway, console) = (port::free().port(), port::free().port());
        let mut shell = Command::new("bash")
            .current_dir(folder)
            .env("PATH", format!("{beside}:{path}"))
            .env("GATEWAY_PORT", gateway.to_string())
            .env("CONSOLE_PORT", console.to_string())
            .env("AMTSBOTE_URL", format!("http://127.0.0.1:{gateway}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let commands = shell.stdin.take().expect("it is piped");
        let said = BufReader::new(shell.stdout.take().expect("it is piped")).lines();
        Self { group: shell.id().expect("it runs"), commands, said }
    }

    /// What a block prints, and its exit code.
    async fn run(&mut self, block: &str) -> (String, String) {
        let text = format!("exec 2>&1\n{block}\necho \"\n{MARK} $?\"\n");
        self.commands.write_all(text.as_bytes()).await.expect("the shell reads");
        let mut said = String::new();
        loop {
            let line = timeout(BLOCK_WITHIN, self.said.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("does not end:\n{block}\nprinted\n{said}"));
            let line = line.expect("text").unwrap_or_else(|| panic!("the shell ended in\n{block}"));
            match line.strip_prefix(MARK) {
                Some(code) => return (code.trim().to_owned(), said),
                None => {
                    said.push_str(&line);
                    said.push('\n');
                }
            }
        }
    }
}

/// Ends the shell and all it began in the background, also when the test fails.
impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.group);
        drop(std::process::Command::new("kill").args(["-KILL", "--", &group]).status());
    }
}
