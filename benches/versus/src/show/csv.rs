//! A line for every cell, for other programs.

use crate::results::{Cell, Results};

const HEAD: &str = "group,workload,threads,engine,commits_per_second,low,high,useful_per_second,\
    side_per_second,retries_per_commit,aborts_per_thousand,p50_ns,p90_ns,p99_ns,p999_ns,p9999_ns,\
    max_ns,versions,lacks,violation";

pub fn csv(results: &Results) -> String {
    let lines = results.cells.iter().map(|cell| line(results, cell));
    std::iter::once(HEAD.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

fn line(results: &Results, cell: &Cell) -> String {
    let workload = results.workloads.iter().find(|one| one.name == cell.workload);
    let mut fields = vec![
        workload.map_or_else(String::new, |one| one.group.clone()),
        cell.workload.clone(),
        cell.threads.to_string(),
        cell.engine.clone(),
    ];
    match &cell.measured {
        None => fields.extend(std::iter::repeat_n(String::new(), 14)),
        Some(measured) => {
            let (commits, latency) = (measured.commits(), measured.latency);
            let median = crate::statistics::median;
            let reasons = measured.aborts_per_thousand.iter();
            let reasons: Vec<_> =
                reasons.map(|(reason, count)| format!("{reason}={count}")).collect();
            fields.extend([
                commits.median.to_string(),
                commits.low.to_string(),
                commits.high.to_string(),
                median(&measured.useful_per_second).to_string(),
                median(&measured.side_per_second).to_string(),
                measured.retries_per_commit.to_string(),
                reasons.join(";"),
            ]);
            let of =
                [latency.p50, latency.p90, latency.p99, latency.p999, latency.p9999, latency.max];
            fields.extend(of.map(|nanoseconds| nanoseconds.to_string()));
            fields.push(measured.versions.map_or_else(String::new, |count| count.to_string()));
        }
    }
    fields.push(cell.lacks.clone());
    let violation = cell.measured.as_ref().and_then(|measured| measured.violation.clone());
    fields.push(violation.unwrap_or_default());
    fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",")
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{csv, quoted};
    use crate::results::tests::results;

    #[test]
    fn every_line_has_as_many_fields_as_the_head() {
        let text = csv(&results(&[("ours", &[1.0, 2.0, 3.0]), ("theirs", &[])]));
        let counts: Vec<_> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(counts, [20; 3]);
        assert!(text.contains(",ours,2,1,3,2,0,0.25,cycle=250,1,"));
        assert!(text.contains(",theirs,,") && text.contains(",ranges,"));
    }

    #[test]
    fn a_field_with_a_comma_is_quoted() {
        assert_eq!(quoted("read, \"write\""), "\"read, \"\"write\"\"\"");
    }
}
