//! Commands for a person, as they reach what the run talked to: what a rehearsal made is never looked for in AWS itself.

use crate::journal::event::{RunStarted, World, WorldId};
use crate::words::kind::Mode;
use crate::words::text::quoted;

/// What stands in every command of `aws` before its other options.
const REGION: &str = " --region ";

/// The commands with the endpoint that the run was led to; as they are for a run against AWS itself. Nothing where the
/// simulated AWS ended with the run's process: then there is nothing to reach.
#[must_use]
pub fn reaching(started: &RunStarted, commands: &[String]) -> Option<Vec<String>> {
    match (started.mode, &started.world, &started.world_id) {
        (Mode::Sandbox, Some(World::InProcess), _) => None,
        (Mode::Sandbox, Some(World::Server { url }), _) => {
            Some(commands.iter().map(|command| led(command, |_| Some(url.as_str()))).collect())
        }
        (Mode::CustomEndpoint, _, Some(WorldId::Endpoints { lines })) => {
            Some(commands.iter().map(|command| led(command, |service| endpoint(lines, service))).collect())
        }
        _ => Some(commands.to_vec()),
    }
}

/// Whether the simulated AWS of the run ended with its process.
#[must_use]
pub fn ended_with_process(started: &RunStarted) -> bool {
    started.mode == Mode::Sandbox && started.world == Some(World::InProcess)
}

/// The endpoint of a service, of lines such as `backup http://127.0.0.1:4566`.
fn endpoint<'a>(lines: &'a [String], service: &str) -> Option<&'a str> {
    let service = if service == "s3api" { "s3" } else { service };
    lines.iter().filter_map(|line| line.split_once(' ')).find(|(of, _)| *of == service).map(|(_, url)| url)
}

/// A command with the endpoint of each service that it calls.
fn led<'a>(command: &str, url_of: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(command.len());
    let mut parts = command.split(REGION);
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let service = out.rsplit("aws ").next().and_then(|after| after.split(' ').next()).unwrap_or_default();
        if let Some(url) = url_of(service) {
            out.push_str(" --endpoint-url ");
            out.push_str(&quoted(url));
        }
        out.push_str(REGION);
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{endpoint, led};

    #[test]
    fn every_call_of_a_command_is_led() {
        let lines = ["rds http://127.0.0.1:1".to_owned(), "s3 http://127.0.0.1:2".to_owned()];
        let all = |service: &str| endpoint(&lines, service);
        assert_eq!(
            led("aws rds wait db-instance-deleted --region eu-west-1 --db-instance-identifier a", all),
            "aws rds wait db-instance-deleted --endpoint-url http://127.0.0.1:1 --region eu-west-1 --db-instance-identifier a"
        );
        assert_eq!(
            led("aws s3api delete-objects --region a --delete \"$(aws s3api list --region a)\"", all),
            "aws s3api delete-objects --endpoint-url http://127.0.0.1:2 --region a --delete \
             \"$(aws s3api list --endpoint-url http://127.0.0.1:2 --region a)\""
        );
        assert_eq!(led("aws efs x --region a", all), "aws efs x --region a");
    }
}
