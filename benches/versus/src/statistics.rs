//! Medians and their intervals.

/// The middle value; the mean of the two middle ones if there are two.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// Two of the values between which the true median lies with a probability of at least
/// 95 %, whatever the distribution; the smallest and the largest where there are too few.
pub fn interval(values: &[f64]) -> (f64, f64) {
    let sorted = sorted(values);
    let count = sorted.len();
    // How many values lie below the true median is binomial with one half.
    let mut below = 0;
    let mut probability = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut tail = probability;
    while 2.0 * tail <= 0.05 && below + 1 < count / 2 {
        below += 1;
        probability *= (count - below + 1) as f64 / below as f64;
        tail += probability;
    }
    // `tail` is the first one too large, or `below` has come to the middle.
    let rank = if 2.0 * tail <= 0.05 { below } else { below.saturating_sub(1) };
    (sorted[rank], sorted[count - 1 - rank])
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::{interval, median};

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn the_interval_of_eleven_leaves_out_one_on_either_side() {
        let values: Vec<_> = (0..11).map(f64::from).collect();
        assert_eq!(interval(&values), (1.0, 9.0));
        assert_eq!(interval(&values[..5]), (0.0, 4.0));
        assert_eq!(interval(&[7.0]), (7.0, 7.0));
    }
}
