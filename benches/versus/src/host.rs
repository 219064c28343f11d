//! The machine that is measured on.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::results::Host;

/// What can be found out; `unknown` for what cannot.
pub fn host() -> Host {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Host {
        processor: field("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gib: gibibytes(),
        system: told("uname", &["-sr"]),
        compiler: told("rustc", &["--version"]),
        commit: told("git", &["describe", "--always", "--dirty"]),
        at,
        command: command(),
        load: load(),
    }
}

fn command() -> String {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

fn gibibytes() -> u64 {
    let text = field("/proc/meminfo", "MemTotal");
    let kibibytes = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
    kibibytes.map_or(0, |kibibytes| kibibytes.div_ceil(1 << 20))
}

fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
    value.unwrap_or("unknown").to_owned()
}

fn told(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    let text = output.filter(|output| output.status.success());
    let text = text.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
