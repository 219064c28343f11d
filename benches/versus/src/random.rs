//! A small random number generator, the same for every engine, and skewed choices.

/// SplitMix64.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// Streams with different numbers have nothing in common that matters here.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed.wrapping_add(stream.wrapping_mul(0xA24B_AED4_963E_E407)));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, by multiplication.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Which of `count` things is chosen: each as likely as the next, or the first ones more.
#[derive(Clone)]
pub enum Choice {
    Uniform(u64),
    Zipf(Zipf),
}

impl Choice {
    /// Skew 0 is uniform.
    pub fn new(count: u64, skew: f64) -> Self {
        if skew == 0.0 { Self::Uniform(count) } else { Self::Zipf(Zipf::new(count, skew)) }
    }

    pub fn draw(&self, random: &mut Random) -> usize {
        match self {
            Self::Uniform(count) => random.below(*count) as usize,
            Self::Zipf(zipf) => zipf.draw(random) as usize,
        }
    }
}

/// The k-th of `count` things, from 0, with a probability proportional to (k + 1)^-skew.
/// By rejection from the inverted integral of the hull, which takes no table (Hörmann and
/// Derflinger, 1996).
#[derive(Clone)]
pub struct Zipf {
    count: f64,
    skew: f64,
    /// The integral from where the first thing begins, and to where the last one ends.
    begin: f64,
    end: f64,
    /// So near below a whole number no rejection is needed.
    near: f64,
}

impl Zipf {
    pub fn new(count: u64, skew: f64) -> Self {
        let mut zipf = Self { count: count as f64, skew, begin: 0.0, end: 0.0, near: 0.0 };
        zipf.begin = zipf.integral(1.5) - 1.0;
        zipf.end = zipf.integral(zipf.count + 0.5);
        zipf.near = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.hull(2.0));
        zipf
    }

    pub fn draw(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.end + random.unit() * (self.begin - self.end);
            let place = self.inverse(area);
            let rank = place.round().clamp(1.0, self.count);
            if rank - place <= self.near || area >= self.integral(rank + 0.5) - self.hull(rank) {
                return rank as u64 - 1;
            }
        }
    }

    fn hull(&self, place: f64) -> f64 {
        place.powf(-self.skew)
    }

    fn integral(&self, place: f64) -> f64 {
        let power = 1.0 - self.skew;
        if power.abs() < 1e-9 { place.ln() } else { (place.powf(power) - 1.0) / power }
    }

    fn inverse(&self, area: f64) -> f64 {
        let power = 1.0 - self.skew;
        if power.abs() < 1e-9 {
            area.exp()
        } else {
            (1.0 + area * power).max(0.0).powf(1.0 / power)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Random, Zipf};

    #[test]
    fn zipf_draws_each_rank_as_often_as_its_law_says() {
        for skew in [0.5, 0.8, 0.99, 1.0, 1.3] {
            let (count, draws) = (1_000_u64, 400_000_u32);
            let total: f64 = (1..=count).map(|rank| (rank as f64).powf(-skew)).sum();
            let (zipf, mut random) = (Zipf::new(count, skew), Random::new(1, 1));
            let mut seen = vec![0_u32; count as usize];
            (0..draws).for_each(|_| seen[zipf.draw(&mut random) as usize] += 1);
            for rank in [0, 1, 2, 9, 99] {
                let expected = f64::from(draws) * ((rank + 1) as f64).powf(-skew) / total;
                let got = f64::from(seen[rank]);
                let off = (got - expected).abs();
                assert!(off < 5.0 * expected.sqrt(), "skew {skew} rank {rank}: {got} {expected}");
            }
        }
    }

    #[test]
    fn a_choice_stays_within_its_count() {
        let mut random = Random::new(7, 0);
        for skew in [0.0, 0.99] {
            let choice = Choice::new(3, skew);
            let mut seen = [false; 3];
            (0..1_000).for_each(|_| seen[choice.draw(&mut random)] = true);
            assert_eq!(seen, [true; 3]);
        }
    }

    #[test]
    fn the_same_seed_and_stream_draw_the_same_numbers() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.next(), random.below(1_000), random.next()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }
}
